/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlanalytics.h"

#ifndef HAVE_ANALYTICS

void
gst_vl_analytics_install (GObjectClass *klass, guint id)
{
  (void) klass;
  (void) id;
}

void
gst_vl_analytics_attach (GstBuffer *buffer, const GstVlMeta *meta)
{
  (void) buffer;
  (void) meta;
}

#else

#define GST_USE_UNSTABLE_API /* what the analytics library calls itself */
#include <gst/analytics/analytics.h>
#include <math.h>

void
gst_vl_analytics_install (GObjectClass *klass, guint id)
{
  g_object_class_install_property (
      klass, id,
      g_param_spec_boolean (
          "analytics-meta", "Analytics meta",
          "Attach to each frame with a result a GstAnalyticsRelationMeta as well, with a classification vlf-prompt-N "
          "for "
          "each prompt N, and with GStreamer 1.26 a GstTensorMeta with tensors vlf-texts, vlf-embeddings, "
          "vlf-image-embedding, vlf-maps, vlf-region",
          FALSE,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING | GST_PARAM_CONDITIONALLY_AVAILABLE));
}

/* There are as many names as the longest list of prompts has had. */
static GQuark
class_of (guint prompt)
{
  g_autofree gchar *name = g_strdup_printf ("vlf-prompt-%u", prompt);

  return g_quark_from_string (name);
}

static void
attach_classes (GstBuffer *buffer, GstVlResult *result)
{
  GstAnalyticsRelationMeta *relations = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsClsMtd added;

  for (guint i = 0; i < gst_vl_result_get_n_prompts (result); i++) {
    gdouble match = gst_vl_result_get_match (result, i);

    if (isnan (match))
      continue;
    if (!relations)
      relations = gst_buffer_add_analytics_relation_meta (buffer);
    gst_analytics_relation_meta_add_one_cls_mtd (relations, (gfloat) match, class_of (i), &added);
  }
}

#if GST_CHECK_VERSION(1, 26, 0)

/* Takes @data. */
static void
add_tensor (GPtrArray *tensors, const gchar *id, GstTensorDataType type, GBytes *data, gsize n_dims, gsize *dims)
{
  GstBuffer *buffer = gst_buffer_new_wrapped_bytes (data);

  g_bytes_unref (data);
  g_ptr_array_add (tensors, gst_tensor_new_simple (g_quark_from_string (id), type, buffer,
                                                   GST_TENSOR_DIM_ORDER_ROW_MAJOR, n_dims, dims));
}

static void
add_texts (GPtrArray *tensors, GstVlResult *result)
{
  GByteArray *all = g_byte_array_new ();
  gsize length;

  for (guint i = 0; i < gst_vl_result_get_n_prompts (result); i++) {
    const gchar *caption = gst_vl_result_get_caption (result, i);
    const gchar *text = caption ? caption : gst_vl_result_get_text (result, i);

    g_byte_array_append (all, (const guint8 *) text, (guint) strlen (text) + 1);
  }
  length = all->len;
  add_tensor (tensors, "vlf-texts", GST_TENSOR_DATA_TYPE_UINT8, g_byte_array_free_to_bytes (all), 1, &length);
}

typedef const gfloat *(*PeekRow) (const GstVlResult *result, guint prompt, gsize *n_values);

/* A row for each prompt. @dims: [1] and on: of a row that has numbers; NULL: rows are vectors. */
static void
add_rows (GPtrArray *tensors, const gchar *id, GstVlResult *result, PeekRow peek, gsize n_dims, gsize *dims)
{
  guint n = gst_vl_result_get_n_prompts (result);
  gsize length = 0, values;
  gfloat *all;

  for (guint i = 0; i < n; i++)
    if (peek (result, i, &values))
      length = MAX (length, values);
  all = length > 0 ? g_try_new (gfloat, n * length) : NULL;
  if (!all)
    return;
  for (guint i = 0; i < n; i++) {
    const gfloat *row = peek (result, i, &values);

    for (gsize j = 0; j < length; j++)
      all[i * length + j] = row && j < values ? row[j] : NAN;
  }
  dims[0] = n;
  if (n_dims == 2)
    dims[1] = length;
  add_tensor (tensors, id, GST_TENSOR_DATA_TYPE_FLOAT32, g_bytes_new_take (all, n * length * sizeof *all), n_dims,
              dims);
}

static void
add_result (GPtrArray *tensors, const GstVlMeta *meta)
{
  GstVlResult *result = meta->result;
  gfloat region[] = { (gfloat) meta->region_x, (gfloat) meta->region_y, (gfloat) meta->region_width,
                      (gfloat) meta->region_height };
  gsize n, dims[3];
  const gfloat *image = gst_vl_result_peek_image_embedding (result, &n);
  guint rows, cols;

  if (gst_vl_result_get_n_prompts (result) > 0)
    add_texts (tensors, result);
  add_rows (tensors, "vlf-embeddings", result, gst_vl_result_peek_embedding, 2, dims);
  if (image)
    add_tensor (tensors, "vlf-image-embedding", GST_TENSOR_DATA_TYPE_FLOAT32, g_bytes_new (image, n * sizeof *image), 1,
                &n);
  gst_vl_result_get_grid (result, &rows, &cols);
  dims[1] = rows;
  dims[2] = cols;
  add_rows (tensors, "vlf-maps", result, gst_vl_result_peek_map, 3, dims);
  dims[0] = G_N_ELEMENTS (region);
  add_tensor (tensors, "vlf-region", GST_TENSOR_DATA_TYPE_FLOAT32, g_bytes_new (region, sizeof region), 1, dims);
}

/* Such a meta is set as a whole. In 1.26 a buffer has one, and adding finds what somebody before put there; since 1.28 every inference adds
 * its own, which is empty. */
static void
attach_tensors (GstBuffer *buffer, const GstVlMeta *meta)
{
  GstTensorMeta *all = gst_buffer_add_tensor_meta (buffer);
  GPtrArray *tensors = g_ptr_array_new ();
  gpointer *list;
  gsize n;

  for (gsize i = 0; i < all->num_tensors; i++)
    g_ptr_array_add (tensors, gst_tensor_copy (gst_tensor_meta_get (all, i)));
  add_result (tensors, meta);
  list = g_ptr_array_steal (tensors, &n);
  g_ptr_array_unref (tensors);
  gst_tensor_meta_set (all, (guint) n, (GstTensor **) list);
}

#else

static void
attach_tensors (GstBuffer *buffer, const GstVlMeta *meta)
{
  (void) buffer;
  (void) meta;
}

#endif

void
gst_vl_analytics_attach (GstBuffer *buffer, const GstVlMeta *meta)
{
  attach_classes (buffer, meta->result);
  attach_tensors (buffer, meta);
}

#endif
