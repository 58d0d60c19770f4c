/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:gstvlmeta
 * @title: GstVlMeta
 * @short_description: a result on a buffer
 *
 * Reads like any other meta:
 * |[<!-- language="C" -->
 * GstVlMeta *meta;
 * gpointer state = NULL;
 *
 * while ((meta = gst_buffer_iterate_vl_meta (buffer, &state)))
 *   for (guint i = 0; i < gst_vl_result_get_n_prompts (meta->result); i++)
 *     g_print ("%s: %.2f\n", gst_vl_result_get_text (meta->result, i), gst_vl_result_get_match (meta->result, i));
 * ]|
 *
 * Since: 0.1
 */
#include "gstvlmeta.h"
#include <gst/video/video.h>
#include <math.h>

GType
gst_vl_kind_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_VL_KIND_FUSION, "GST_VL_KIND_FUSION", "fusion" },
    { GST_VL_KIND_CAPTION, "GST_VL_KIND_CAPTION", "caption" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVlKind", values));
  return type;
}

GType
gst_vl_meta_api_get_type (void)
{
  static gsize type = 0;
  static const gchar *tags[] = { GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_SIZE_STR,
                                 GST_META_TAG_VIDEO_ORIENTATION_STR, NULL };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, gst_meta_api_type_register ("GstVlMetaAPI", tags));
  return type;
}

static gboolean
meta_init (GstMeta *base, gpointer params, GstBuffer *buffer)
{
  GstVlMeta *meta = (GstVlMeta *) base;

  (void) params;
  (void) buffer;
  memset ((guint8 *) meta + sizeof (GstMeta), 0, sizeof (GstVlMeta) - sizeof (GstMeta));
  return TRUE;
}

static void
meta_free (GstMeta *base, GstBuffer *buffer)
{
  GstVlMeta *meta = (GstVlMeta *) base;

  (void) buffer;
  g_clear_pointer (&meta->result, gst_vl_result_unref);
  g_clear_pointer (&meta->producer, g_free);
}

static GstVlMeta *
meta_copy (GstBuffer *to, const GstVlMeta *from)
{
  GstVlMeta *meta = gst_buffer_add_vl_meta (to, from->result, from->producer, from->kind);

  if (!meta)
    return NULL;
  meta->region_x = from->region_x;
  meta->region_y = from->region_y;
  meta->region_width = from->region_width;
  meta->region_height = from->region_height;
  meta->frame_width = from->frame_width;
  meta->frame_height = from->frame_height;
  meta->age = from->age;
  meta->carried = from->carried;
  return meta;
}

/* Where videoscale and its kin put the picture in the frame that they make: all of it if that has the same display
 * aspect ratio, else the largest rectangle in the middle that has (property add-borders, on by default). */
static void
picture_in (const GstVideoInfo *in, const GstVideoInfo *out, gdouble rect[4])
{
  gint dar_n = 0, dar_d = 0, n = 0, d = 0;
  gint width = out->width, height = out->height;

  if (gst_util_fraction_multiply (in->width, in->height, in->par_n, in->par_d, &dar_n, &dar_d) &&
      gst_util_fraction_multiply (dar_n, dar_d, out->par_d, out->par_n, &n, &d) && n > 0 && d > 0) {
    guint64 fitting = gst_util_uint64_scale_int (out->width, d, n);

    if (fitting <= (guint64) out->height)
      height = (gint) fitting;
    else
      width = (gint) gst_util_uint64_scale_int (out->height, n, d);
  }
  rect[0] = (out->width - width) / 2;
  rect[1] = (out->height - height) / 2;
  rect[2] = width;
  rect[3] = height;
}

static gboolean
meta_scale (GstBuffer *to, const GstVlMeta *from, const GstVideoMetaTransform *scale)
{
  const GstVideoInfo *in = scale->in_info, *out = scale->out_info;
  gdouble rect[4], x, y;
  GstVlMeta *meta;

  /* A region of some other frame than the one that is scaled cannot be followed. */
  if (in->width <= 0 || in->height <= 0 || from->frame_width != (guint) in->width ||
      from->frame_height != (guint) in->height)
    return FALSE;
  if (!(meta = meta_copy (to, from)))
    return FALSE;
  picture_in (in, out, rect);
  x = rect[2] / in->width;
  y = rect[3] / in->height;
  meta->region_x = rect[0] + from->region_x * x;
  meta->region_y = rect[1] + from->region_y * y;
  meta->region_width = from->region_width * x;
  meta->region_height = from->region_height * y;
  meta->frame_width = out->width;
  meta->frame_height = out->height;
  return TRUE;
}

/* FALSE: the meta is not on the new buffer. Whatever is not known to leave the region where it can be followed is
 * refused. */
static gboolean
meta_transform (GstBuffer *to, GstMeta *base, GstBuffer *from, GQuark type, gpointer data)
{
  const GstVlMeta *meta = (const GstVlMeta *) base;

  (void) from;
  if (GST_META_TRANSFORM_IS_COPY (type))
    return !((GstMetaTransformCopy *) data)->region && meta_copy (to, meta);
  if (GST_VIDEO_META_TRANSFORM_IS_SCALE (type))
    return meta_scale (to, meta, data);
  return FALSE;
}

const GstMetaInfo *
gst_vl_meta_get_info (void)
{
  static gsize info = 0;

  if (g_once_init_enter (&info))
    g_once_init_leave (&info, (gsize) gst_meta_register (GST_VL_META_API_TYPE, "GstVlMeta", sizeof (GstVlMeta),
                                                         meta_init, meta_free, meta_transform));
  return (const GstMetaInfo *) info;
}

GstVlMeta *
gst_buffer_add_vl_meta (GstBuffer *buffer, GstVlResult *result, const gchar *producer, GstVlKind kind)
{
  GstVlMeta *meta;

  g_return_val_if_fail (GST_IS_BUFFER (buffer) && gst_buffer_is_writable (buffer), NULL);
  g_return_val_if_fail (GST_IS_VL_RESULT (result), NULL);
  g_return_val_if_fail (producer, NULL);
  if (!(meta = (GstVlMeta *) gst_buffer_add_meta (buffer, GST_VL_META_INFO, NULL)))
    return NULL;
  meta->result = gst_vl_result_ref (result);
  meta->producer = g_strdup (producer);
  meta->kind = kind;
  gst_vl_result_get_region (result, &meta->region_x, &meta->region_y, &meta->region_width, &meta->region_height);
  gst_vl_result_get_frame_size (result, &meta->frame_width, &meta->frame_height);
  return meta;
}

GstVlMeta *
gst_buffer_get_vl_meta (GstBuffer *buffer, const gchar *producer, GstVlKind kind)
{
  GstVlMeta *meta, *found = NULL;
  gpointer state = NULL;

  while ((meta = gst_buffer_iterate_vl_meta (buffer, &state)))
    if (meta->kind == kind && (!producer || g_str_equal (producer, meta->producer)))
      found = meta;
  return found;
}

GstVlMeta *
gst_buffer_iterate_vl_meta (GstBuffer *buffer, gpointer *state)
{
  return (GstVlMeta *) gst_buffer_iterate_meta_filtered (buffer, state, GST_VL_META_API_TYPE);
}

GstVlMeta *
gst_buffer_get_nth_vl_meta (GstBuffer *buffer, guint n)
{
  gpointer state = NULL;
  GstVlMeta *meta;

  do
    meta = gst_buffer_iterate_vl_meta (buffer, &state);
  while (meta && n-- > 0);
  return meta;
}

typedef struct {
  const gchar *producer;
  guint n;
} Removal;

static gboolean
remove_if_asked (GstBuffer *buffer, GstMeta **meta, gpointer user)
{
  Removal *removal = user;

  (void) buffer;
  if ((*meta)->info->api == GST_VL_META_API_TYPE &&
      (!removal->producer || g_str_equal (removal->producer, ((GstVlMeta *) *meta)->producer))) {
    *meta = NULL;
    removal->n++;
  }
  return TRUE;
}

guint
gst_buffer_remove_vl_meta (GstBuffer *buffer, const gchar *producer)
{
  Removal removal = { producer, 0 };

  g_return_val_if_fail (GST_IS_BUFFER (buffer) && gst_buffer_is_writable (buffer), 0);
  gst_buffer_foreach_meta (buffer, remove_if_asked, &removal);
  return removal.n;
}

void
gst_vl_meta_set_carried (GstVlMeta *meta, GstClockTime age)
{
  g_return_if_fail (meta);
  meta->carried = TRUE;
  meta->age = age;
}

gboolean
gst_vl_meta_get_peak (const GstVlMeta *meta, guint prompt, gdouble *x, gdouble *y)
{
  gdouble left, top, width, height, px, py;
  gboolean known;

  g_return_val_if_fail (meta, FALSE);
  known = gst_vl_result_get_peak (meta->result, prompt, &px, &py);
  gst_vl_result_get_region (meta->result, &left, &top, &width, &height);
  known = known && width > 0 && height > 0;
  if (x)
    *x = known ? meta->region_x + (px - left) * meta->region_width / width : NAN;
  if (y)
    *y = known ? meta->region_y + (py - top) * meta->region_height / height : NAN;
  return known;
}
