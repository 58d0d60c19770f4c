/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Results of vlfusion as GStreamer's analytics library has them. Built where there is one. */
#include "tests/check/fusionharness.h"
#define GST_USE_UNSTABLE_API
#include <gst/analytics/analytics.h>
#include <gst/video/video.h>
#include <math.h>
#include <string.h>
#include "plugin/gstvlanalytics.h"

#define PROMPTS "prompt=\"an unheard-of circle\\\\na star\" "

/* Classifications of @buffer: how many there are; the level of the class named @name, NaN if there is none. */
static guint
classes (GstBuffer *buffer, const gchar *name, gdouble *level)
{
  GstAnalyticsRelationMeta *relations = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsClsMtd mtd;
  gpointer state = NULL;
  guint n = 0;

  *level = NAN;
  while (relations &&
         gst_analytics_relation_meta_iterate (relations, &state, gst_analytics_cls_mtd_get_mtd_type (), &mtd)) {
    gint index = gst_analytics_cls_mtd_get_index_by_quark (&mtd, g_quark_try_string (name));

    fail_unless_equals_int ((gint) gst_analytics_cls_mtd_get_length (&mtd), 1);
    if (index >= 0)
      *level = gst_analytics_cls_mtd_get_level (&mtd, (gsize) index);
    n++;
  }
  return n;
}

static void
expect_classes (GstBuffer *buffer)
{
  GstVlResult *result = fusion_meta (buffer)->result;
  gdouble level;

  for (guint i = 0; i < 2; i++) {
    g_autofree gchar *name = g_strdup_printf ("vlf-prompt-%u", i);

    fail_unless_equals_int (classes (buffer, name, &level), 2);
    fail_unless (fabs (level - gst_vl_result_get_match (result, i)) < 1e-6, "%s: %g", name, level);
  }
}

/* A user's text never becomes a quark. */
GST_START_TEST (test_classes)
{
  Fusion *f = fusion_new (PROMPTS);
  GstBuffer *out, *copy;

  fusion_set_caps (f, "RGB", 64, 48);
  out = fusion_pass (f);
  fail_unless (fusion_meta (out) && !gst_buffer_get_analytics_relation_meta (out));
  gst_buffer_unref (out);

  g_object_set (f->element, "analytics-meta", TRUE, NULL);
  out = fusion_pass (f);
  expect_classes (out);
  fail_unless (gst_vl_result_get_match (fusion_meta (out)->result, 0) !=
               gst_vl_result_get_match (fusion_meta (out)->result, 1));
  copy = gst_buffer_copy_deep (out);
  gst_buffer_unref (out);
  expect_classes (copy);
  gst_buffer_unref (copy);

  g_object_set (f->element, "interval", (guint64) GST_SECOND, NULL);
  out = fusion_pass (f);
  fail_unless (fusion_meta (out)->carried);
  expect_classes (out);
  gst_buffer_unref (out);
  fail_unless_equals_int ((gint) g_quark_try_string ("an unheard-of circle"), 0);
  fusion_free (f);
}
GST_END_TEST

/* What a detector before said stays, and what is said of a buffer that others hold does not reach them. */
GST_START_TEST (test_others)
{
  Fusion *f = fusion_new (PROMPTS "analytics-meta=true");
  GstBuffer *in, *out;
  GstAnalyticsODMtd box;
  gdouble level;

  fusion_set_caps (f, "RGB", 64, 48);
  in = fusion_frame (f, 0);
  fail_unless (gst_analytics_relation_meta_add_od_mtd (gst_buffer_add_analytics_relation_meta (in),
                                                       g_quark_from_static_string ("cat"), 1, 2, 3, 4, 0.5f, &box));
  gst_buffer_ref (in);
  fail_unless_equals_int (fusion_push (f, in), GST_FLOW_OK);
  out = gst_harness_pull (f->h);
  expect_classes (out);
  fail_unless (gst_analytics_relation_meta_get_od_mtd (gst_buffer_get_analytics_relation_meta (out), box.id, &box));
  fail_unless_equals_int (classes (in, "vlf-prompt-0", &level), 0);
  gst_buffer_unref (in);
  gst_buffer_unref (out);
  fusion_free (f);
}
GST_END_TEST

/* A prompt whose match is not known has no level. */
GST_START_TEST (test_unknown)
{
  GstBuffer *buffer = gst_buffer_new ();
  g_autoptr (GstVlResult) result = gst_vl_result_new (8, 8, 2, 2);
  gdouble level;

  gst_vl_result_add_prompt (result, "one", NAN, 0.25, NULL);
  gst_vl_analytics_attach (buffer, gst_buffer_add_vl_meta (buffer, result, "f", GST_VL_KIND_FUSION));
  fail_unless (!gst_buffer_get_analytics_relation_meta (buffer));
  gst_buffer_unref (buffer);

  g_clear_pointer (&result, gst_vl_result_unref);
  result = gst_vl_result_new (8, 8, 2, 2);
  gst_vl_result_add_prompt (result, "one", NAN, 0.25, NULL);
  gst_vl_result_add_prompt (result, "two", 0.75, 0.25, NULL);
  buffer = gst_buffer_new ();
  gst_vl_analytics_attach (buffer, gst_buffer_add_vl_meta (buffer, result, "f", GST_VL_KIND_FUSION));
  fail_unless_equals_int (classes (buffer, "vlf-prompt-1", &level), 1);
  fail_unless_equals_float (level, 0.75);
  gst_buffer_unref (buffer);
}
GST_END_TEST

#if GST_CHECK_VERSION(1, 26, 0)

/* In whichever meta: since 1.28 each inference has its own. */
static const GstTensor *
tensor_of (GstBuffer *buffer, const gchar *name)
{
  gpointer state = NULL;
  GstMeta *meta;

  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &state, GST_TENSOR_META_API_TYPE))) {
    gint index = gst_tensor_meta_get_index_from_id ((GstTensorMeta *) meta, g_quark_from_string (name));

    if (index >= 0)
      return gst_tensor_meta_get ((GstTensorMeta *) meta, (gsize) index);
  }
  return NULL;
}

/* [@n, @rows, @cols] of @values, or with fewer dimensions where those at the end are 0; row-major. */
static void
expect_tensor (GstBuffer *buffer, const gchar *name, const gsize dims[3], const gfloat *const *rows)
{
  const GstTensor *tensor = tensor_of (buffer, name);
  gsize n_dims = dims[2] ? 3 : dims[1] ? 2 : 1, length = (dims[1] ? dims[1] : 1) * (dims[2] ? dims[2] : 1);
  GstMapInfo map;

  fail_unless (tensor != NULL, "no tensor %s", name);
  fail_unless (tensor->data_type == GST_TENSOR_DATA_TYPE_FLOAT32 &&
               tensor->dims_order == GST_TENSOR_DIM_ORDER_ROW_MAJOR && tensor->num_dims == n_dims);
  for (gsize i = 0; i < n_dims; i++)
    fail_unless_equals_int ((gint) tensor->dims[i], (gint) dims[i]);
  fail_unless (gst_buffer_map (tensor->data, &map, GST_MAP_READ));
  fail_unless_equals_int ((gint) map.size, (gint) (dims[0] * length * sizeof (gfloat)));
  for (gsize i = 0; i < dims[0]; i++)
    fail_unless (memcmp (map.data + i * length * sizeof (gfloat), rows[i], length * sizeof (gfloat)) == 0,
                 "%s: row %u differs", name, (guint) i);
  gst_buffer_unmap (tensor->data, &map);
}

static void
expect_texts (GstBuffer *buffer, const gchar *texts, gsize length)
{
  const GstTensor *tensor = tensor_of (buffer, "vlf-texts");

  fail_unless (tensor && tensor->data_type == GST_TENSOR_DATA_TYPE_UINT8 && tensor->num_dims == 1);
  fail_unless_equals_int ((gint) tensor->dims[0], (gint) length);
  fail_unless (gst_buffer_get_size (tensor->data) == length && gst_buffer_memcmp (tensor->data, 0, texts, length) == 0);
}

static void
expect_tensors (GstBuffer *buffer)
{
  static const gchar texts[] = "an unheard-of circle\0a star";
  GstVlMeta *meta = fusion_meta (buffer);
  const gfloat region[] = { (gfloat) meta->region_x, (gfloat) meta->region_y, (gfloat) meta->region_width,
                            (gfloat) meta->region_height };
  const gfloat *maps[2], *embeddings[2], *numbers[4] = { region, region + 1, region + 2, region + 3 };
  gsize dim = 0, cells = 0;

  for (guint i = 0; i < 2; i++) {
    maps[i] = gst_vl_result_peek_map (meta->result, i, &cells);
    embeddings[i] = gst_vl_result_peek_embedding (meta->result, i, &dim);
  }
  fail_unless (cells == FAKE_GRID * FAKE_GRID && dim > 0);
  expect_texts (buffer, texts, sizeof texts);
  expect_tensor (buffer, "vlf-maps", (const gsize[]){ 2, FAKE_GRID, FAKE_GRID }, maps);
  expect_tensor (buffer, "vlf-embeddings", (const gsize[]){ 2, dim, 0 }, embeddings);
  expect_tensor (buffer, "vlf-region", (const gsize[]){ 4, 0, 0 }, numbers);
}

GST_START_TEST (test_tensors)
{
  Fusion *f = fusion_new (PROMPTS);
  GstBuffer *out, *copy;
  const gfloat *image;
  gsize n;

  fusion_set_caps (f, "RGB", 64, 48);
  out = fusion_pass (f);
  fail_unless (!gst_buffer_get_tensor_meta (out));
  gst_buffer_unref (out);
  g_object_set (f->element, "analytics-meta", TRUE, NULL);
  out = fusion_pass (f);
  expect_tensors (out);
  image = gst_vl_result_peek_image_embedding (fusion_meta (out)->result, &n);
  fail_unless (image &&
               gst_buffer_memcmp (tensor_of (out, "vlf-image-embedding")->data, 0, image, n * sizeof *image) == 0);
  copy = gst_buffer_copy_deep (out);
  gst_buffer_unref (out);
  if (gst_buffer_get_tensor_meta (copy)) /* which GStreamer 1.26 does not copy */
    expect_tensors (copy);
  gst_buffer_unref (copy);
  fusion_free (f);
}
GST_END_TEST

/* Another element's tensors stay before those of vlfusion. */
GST_START_TEST (test_others_tensors)
{
  Fusion *f = fusion_new (PROMPTS "analytics-meta=true");
  GstBuffer *in, *out;
  gsize one = 1;
  GstTensor **list = g_new0 (GstTensor *, 1);

  fusion_set_caps (f, "RGB", 64, 48);
  in = fusion_frame (f, 0);
  list[0] = gst_tensor_new_simple (g_quark_from_static_string ("other"), GST_TENSOR_DATA_TYPE_UINT8,
                                   gst_buffer_new_memdup ("x", 1), GST_TENSOR_DIM_ORDER_ROW_MAJOR, 1, &one);
  gst_tensor_meta_set (gst_buffer_add_tensor_meta (in), 1, list);
  fail_unless_equals_int (fusion_push (f, in), GST_FLOW_OK);
  out = gst_harness_pull (f->h);
  fail_unless (gst_buffer_memcmp (tensor_of (out, "other")->data, 0, "x", 1) == 0);
  expect_tensors (out);
  gst_buffer_unref (out);
  fusion_free (f);
}
GST_END_TEST

/* Of a caption what was written; a row that is not known is NaN, a tensor of which nothing is known is not there. */
GST_START_TEST (test_tensors_unknown)
{
  const gfloat values[] = { 1, 2, 3, 4 };
  g_autoptr (GBytes) map = g_bytes_new (values, sizeof values);
  g_autoptr (GstVlResult) result = gst_vl_result_new (8, 8, 2, 2);
  GstBuffer *buffer = gst_buffer_new ();
  gfloat row[4];

  gst_vl_result_add_prompt (result, "what?", NAN, NAN, NULL);
  gst_vl_result_set_caption (result, 0, "a cat");
  gst_vl_result_add_prompt (result, "two", NAN, NAN, map);
  gst_vl_analytics_attach (buffer, gst_buffer_add_vl_meta (buffer, result, "f", GST_VL_KIND_CAPTION));
  expect_texts (buffer, "a cat\0two", sizeof "a cat\0two");
  fail_unless (!tensor_of (buffer, "vlf-embeddings") && !tensor_of (buffer, "vlf-image-embedding"));
  gst_buffer_extract (tensor_of (buffer, "vlf-maps")->data, 0, row, sizeof row);
  fail_unless (isnan (row[0]) && isnan (row[3]));
  fail_unless (gst_buffer_memcmp (tensor_of (buffer, "vlf-maps")->data, sizeof row, values, sizeof values) == 0);
  gst_buffer_unref (buffer);
}
GST_END_TEST

#endif

static Suite *
analytics_suite (void)
{
  Suite *s = suite_create ("analytics");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_classes);
  tcase_add_test (tc, test_others);
  tcase_add_test (tc, test_unknown);
#if GST_CHECK_VERSION(1, 26, 0)
  tcase_add_test (tc, test_tensors);
  tcase_add_test (tc, test_others_tensors);
  tcase_add_test (tc, test_tensors_unknown);
#endif
  return s;
}

GST_CHECK_MAIN (analytics)
