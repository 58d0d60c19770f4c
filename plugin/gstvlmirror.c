/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlmirror.h"
#include <gst/video/video.h>
#include <math.h>

#define MAX_PROMPTS 64 /* each field that is set is looked for among all there are */

/* @name with the prompt's number behind it. */
static void
set_number (GstStructure *structure, const gchar *name, guint prompt, gdouble value)
{
  g_autofree gchar *field = g_strdup_printf ("%s-%u", name, prompt);

  if (!isnan (value))
    gst_structure_set (structure, field, G_TYPE_DOUBLE, value, NULL);
}

static void
describe_prompt (GstStructure *structure, GstVlResult *result, const GstVlMeta *meta, guint i)
{
  g_autofree gchar *field = g_strdup_printf ("text-%u", i);
  gdouble x, y, similarity;

  gst_structure_set (structure, field, G_TYPE_STRING, gst_vl_result_get_text (result, i), NULL);
  if (gst_vl_result_get_caption (result, i)) {
    g_autofree gchar *caption = g_strdup_printf ("caption-%u", i);

    gst_structure_set (structure, caption, G_TYPE_STRING, gst_vl_result_get_caption (result, i), NULL);
  }
  set_number (structure, "match", i, gst_vl_result_get_match (result, i));
  set_number (structure, "score", i, gst_vl_result_get_score (result, i));
  gst_vl_result_get_retrieved (result, i, NULL, &similarity);
  set_number (structure, "similarity", i, similarity);
  if (meta)
    gst_vl_meta_get_peak (meta, i, &x, &y);
  else
    gst_vl_result_get_peak (result, i, &x, &y);
  set_number (structure, "peak-x", i, x);
  set_number (structure, "peak-y", i, y);
}

void
gst_vl_mirror_describe (GstStructure *structure, GstVlResult *result, const GstVlMeta *meta)
{
  guint n = gst_vl_result_get_n_prompts (result);
  gint best = -1;

  gst_structure_set (structure, "generation", G_TYPE_UINT64, gst_vl_result_get_generation (result), "model",
                     G_TYPE_STRING, gst_vl_result_get_model (result), "n-prompts", G_TYPE_UINT, n, NULL);
  if (gst_vl_result_get_best (result, &best))
    gst_structure_set (structure, "best", G_TYPE_INT, best, NULL);
  for (guint i = 0; i < MIN (n, MAX_PROMPTS); i++)
    describe_prompt (structure, result, meta, i);
  if (best >= MAX_PROMPTS)
    describe_prompt (structure, result, meta, (guint) best);
}

static GstVlMeta *
find_meta (GstBuffer *buffer, const gchar *producer)
{
  gpointer state = NULL;
  GstVlMeta *meta, *found = NULL;

  while ((meta = gst_buffer_iterate_vl_meta (buffer, &state)))
    if (g_strcmp0 (producer, meta->producer) == 0)
      found = meta;
  return found;
}

/* The GstVlMeta, which was attached first, has been transformed when it is this one's turn; where that was refused, this one goes too. */
static gboolean
transform (GstBuffer *to, GstCustomMeta *mirror, GstBuffer *from, GQuark type, gpointer data, gpointer user)
{
  const GstStructure *structure = gst_custom_meta_get_structure (mirror);
  GstVlMeta *meta = find_meta (to, gst_structure_get_string (structure, "producer"));

  (void) from;
  (void) type;
  (void) data;
  (void) user;
  if (meta)
    gst_vl_mirror_attach (to, meta);
  return meta != NULL;
}

static void
ensure_registered (void)
{
  static gsize once = 0;
  static const gchar *tags[] = { GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_SIZE_STR,
                                 GST_META_TAG_VIDEO_ORIENTATION_STR, NULL };

  if (g_once_init_enter (&once)) {
    if (!gst_meta_get_info (GST_VL_MIRROR_NAME))
      gst_meta_register_custom (GST_VL_MIRROR_NAME, tags, transform, NULL, NULL);
    g_once_init_leave (&once, 1);
  }
}

void
gst_vl_mirror_attach (GstBuffer *buffer, const GstVlMeta *meta)
{
  GstCustomMeta *mirror;
  GstStructure *structure;

  ensure_registered ();
  mirror = gst_buffer_add_custom_meta (buffer, GST_VL_MIRROR_NAME);
  structure = gst_custom_meta_get_structure (mirror);
  gst_structure_set (structure, "producer", G_TYPE_STRING, meta->producer, "source-pts", G_TYPE_UINT64,
                     gst_vl_result_get_source_pts (meta->result), "age", G_TYPE_UINT64, meta->age, "carried",
                     G_TYPE_BOOLEAN, meta->carried, "frame-width", G_TYPE_UINT, meta->frame_width, "frame-height",
                     G_TYPE_UINT, meta->frame_height, NULL);
  gst_vl_mirror_describe (structure, meta->result, meta);
}
