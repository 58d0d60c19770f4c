/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/check/vlcheck.h"
#include <math.h>

static GBytes *
floats (guint n, gfloat first)
{
  gfloat *values = g_new (gfloat, n);

  for (guint i = 0; i < n; i++)
    values[i] = first + i;
  return g_bytes_new_take (values, n * sizeof (gfloat));
}

static void
count (const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer n)
{
  (void) domain;
  (void) level;
  (void) message;
  ++*(guint *) n;
}

/* Runs @code, which must log a critical warning; warnings are fatal elsewhere in these tests. */
#define EXPECT_CRITICAL(code)                                                                               \
  G_STMT_START                                                                                              \
  {                                                                                                         \
    GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_LEVEL_ERROR);                                      \
    guint n_logged = 0, handler = g_log_set_handler (G_LOG_DOMAIN, G_LOG_LEVEL_CRITICAL, count, &n_logged); \
                                                                                                            \
    code;                                                                                                   \
    g_log_remove_handler (G_LOG_DOMAIN, handler);                                                           \
    g_log_set_always_fatal (fatal);                                                                         \
    fail_unless (n_logged > 0, "no critical warning from " #code);                                          \
  }                                                                                                         \
  G_STMT_END

/* A new result says what little it knows, and that the rest is not known. */
GST_START_TEST (test_new)
{
  GstVlResult *result = gst_vl_result_new (640, 480, 2, 3);
  gdouble x, y, width, height;
  guint a, b;
  gsize n = 7;

  gst_vl_result_get_frame_size (result, &a, &b);
  fail_unless (a == 640 && b == 480);
  gst_vl_result_get_grid (result, &a, &b);
  fail_unless (a == 2 && b == 3);
  gst_vl_result_get_region (result, &x, &y, &width, &height);
  fail_unless (x == 0 && y == 0 && width == 640 && height == 480);
  fail_unless_equals_uint64 (gst_vl_result_get_source_pts (result), GST_CLOCK_TIME_NONE);
  fail_unless_equals_uint64 (gst_vl_result_get_inference_time (result), GST_CLOCK_TIME_NONE);
  fail_unless_equals_uint64 (gst_vl_result_get_generation (result), 0);
  fail_unless (isnan (gst_vl_result_get_reused (result)) && isnan (gst_vl_result_get_threshold (result)));
  fail_unless (gst_vl_result_get_model (result) == NULL && gst_vl_result_get_fingerprint (result) == NULL);
  fail_unless (gst_vl_result_peek_image_embedding (result, &n) == NULL && n == 0);
  fail_unless_equals_int (gst_vl_result_get_n_prompts (result), 0);
  gst_vl_result_get_frame_size (result, NULL, NULL);
  gst_vl_result_get_grid (result, NULL, NULL);
  gst_vl_result_get_region (result, NULL, NULL, NULL, NULL);
  gst_vl_result_unref (result);
}
GST_END_TEST

/* Every field comes back as it was set, arrays without a copy. */
GST_START_TEST (test_fields)
{
  GstVlResult *result = gst_vl_result_new (640, 480, 2, 3);
  GBytes *map = floats (6, 1), *word_map = floats (6, 10), *embedding = floats (4, 20), *image = floats (5, 30);
  gdouble x, y, width, height;
  gsize n;

  gst_vl_result_set_region (result, -10, 20.5, 660, 439);
  gst_vl_result_set_source (result, 40 * GST_MSECOND, 3);
  gst_vl_result_set_cost (result, 7 * GST_MSECOND, 0.25);
  gst_vl_result_set_threshold (result, 0.6);
  gst_vl_result_set_model (result, "tiny", "abcd");
  gst_vl_result_set_image_embedding (result, image);
  fail_unless_equals_int (gst_vl_result_add_prompt (result, "a cat", 0.75, 1.5, map), 0);
  fail_unless_equals_int (gst_vl_result_add_prompt (result, "", NAN, NAN, NULL), 1);
  gst_vl_result_set_peak (result, 0, 100, 200);
  gst_vl_result_set_embedding (result, 0, embedding, "cross_embeds");
  gst_vl_result_set_caption (result, 1, "two cats");
  fail_unless_equals_int (gst_vl_result_add_word (result, 0, "a", 0.25, NULL), 0);
  fail_unless_equals_int (gst_vl_result_add_word (result, 0, "cat", 0.5, word_map), 1);

  gst_vl_result_get_region (result, &x, &y, &width, &height);
  fail_unless (x == -10 && y == 20.5 && width == 660 && height == 439);
  fail_unless_equals_uint64 (gst_vl_result_get_source_pts (result), 40 * GST_MSECOND);
  fail_unless_equals_uint64 (gst_vl_result_get_generation (result), 3);
  fail_unless_equals_uint64 (gst_vl_result_get_inference_time (result), 7 * GST_MSECOND);
  fail_unless_equals_float (gst_vl_result_get_reused (result), 0.25);
  fail_unless_equals_float (gst_vl_result_get_threshold (result), 0.6);
  fail_unless_equals_string (gst_vl_result_get_model (result), "tiny");
  fail_unless_equals_string (gst_vl_result_get_fingerprint (result), "abcd");
  fail_unless (gst_vl_result_peek_image_embedding (result, &n) == g_bytes_get_data (image, NULL) && n == 5);

  fail_unless_equals_int (gst_vl_result_get_n_prompts (result), 2);
  fail_unless_equals_string (gst_vl_result_get_text (result, 0), "a cat");
  fail_unless_equals_float (gst_vl_result_get_match (result, 0), 0.75);
  fail_unless_equals_float (gst_vl_result_get_score (result, 0), 1.5);
  fail_unless (gst_vl_result_get_peak (result, 0, &x, &y) && x == 100 && y == 200);
  fail_unless (gst_vl_result_peek_map (result, 0, &n) == g_bytes_get_data (map, NULL) && n == 6);
  fail_unless (gst_vl_result_peek_embedding (result, 0, &n) == g_bytes_get_data (embedding, NULL) && n == 4);
  fail_unless_equals_string (gst_vl_result_get_embedding_kind (result, 0), "cross_embeds");
  fail_unless (gst_vl_result_get_caption (result, 0) == NULL);
  fail_unless_equals_int (gst_vl_result_get_n_words (result, 0), 2);
  fail_unless_equals_string (gst_vl_result_get_word_text (result, 0, 1), "cat");
  fail_unless_equals_float (gst_vl_result_get_word_weight (result, 0, 1), 0.5);
  fail_unless (gst_vl_result_peek_word_map (result, 0, 1, &n) == g_bytes_get_data (word_map, NULL) && n == 6);
  fail_unless (gst_vl_result_peek_word_map (result, 0, 0, &n) == NULL && n == 0);

  fail_unless_equals_string (gst_vl_result_get_caption (result, 1), "two cats");
  fail_unless (isnan (gst_vl_result_get_match (result, 1)) && isnan (gst_vl_result_get_score (result, 1)));
  fail_unless (!gst_vl_result_get_peak (result, 1, &x, &y) && isnan (x) && isnan (y));
  fail_unless (gst_vl_result_peek_map (result, 1, NULL) == NULL);
  fail_unless_equals_int (gst_vl_result_get_n_words (result, 1), 0);

  g_bytes_unref (map);
  g_bytes_unref (word_map);
  g_bytes_unref (embedding);
  g_bytes_unref (image);
  gst_vl_result_unref (result);
}
GST_END_TEST

/* A shared result cannot be changed any more, and says so. */
GST_START_TEST (test_immutable)
{
  GstVlResult *result = vl_check_result (64, 48, 0.5, 0.5);

  gst_vl_result_ref (result);
  EXPECT_CRITICAL (gst_vl_result_set_region (result, 1, 2, 3, 4));
  EXPECT_CRITICAL (gst_vl_result_set_peak (result, 0, 1, 2));
  EXPECT_CRITICAL (gst_vl_result_add_prompt (result, "late", 0, 0, NULL));
  fail_unless_equals_int (gst_vl_result_get_n_prompts (result), 1);
  gst_vl_result_unref (result);
  gst_vl_result_set_region (result, 1, 2, 3, 4);
  gst_vl_result_unref (result);
}
GST_END_TEST

/* Wrong sizes and indices are refused aloud; nothing is read or written out of bounds. */
GST_START_TEST (test_misuse)
{
  GstVlResult *result = gst_vl_result_new (64, 48, 2, 3);
  GBytes *small = floats (5, 0), *odd = g_bytes_new ("12345", 5);
  gsize n = 1;

  EXPECT_CRITICAL (gst_vl_result_add_prompt (result, "x", 0, 0, small));
  EXPECT_CRITICAL (gst_vl_result_set_image_embedding (result, odd));
  EXPECT_CRITICAL (gst_vl_result_add_prompt (result, NULL, 0, 0, NULL));
  EXPECT_CRITICAL (gst_vl_result_get_text (result, 0));
  EXPECT_CRITICAL (gst_vl_result_add_word (result, 0, "x", 0, NULL));
  EXPECT_CRITICAL (fail_unless (gst_vl_result_peek_map (result, 0, &n) == NULL && n == 0));
  gst_vl_result_add_prompt (result, "x", 0, 0, NULL);
  EXPECT_CRITICAL (gst_vl_result_get_word_text (result, 0, 0));
  fail_unless_equals_int (gst_vl_result_get_n_prompts (result), 1);
  g_bytes_unref (small);
  g_bytes_unref (odd);
  gst_vl_result_unref (result);
}
GST_END_TEST

/* Text that is not UTF-8 becomes UTF-8: readers in other languages depend on it. */
GST_START_TEST (test_utf8)
{
  GstVlResult *result = gst_vl_result_new (64, 48, 2, 3);

  gst_vl_result_add_prompt (result, "caf\xe9", 0, 0, NULL);
  gst_vl_result_add_prompt (result, "d\xc3\xa9j\xc3\xa0 vu", 0, 0, NULL);
  fail_unless_equals_string (gst_vl_result_get_text (result, 0), "caf\xef\xbf\xbd");
  fail_unless_equals_string (gst_vl_result_get_text (result, 1), "d\xc3\xa9j\xc3\xa0 vu");
  gst_vl_result_unref (result);
}
GST_END_TEST

/* Goes into a GValue like any boxed type. */
GST_START_TEST (test_boxed)
{
  GstVlResult *result = vl_check_result (64, 48, 0.5, 0.5);
  GValue value = G_VALUE_INIT;

  g_value_init (&value, GST_TYPE_VL_RESULT);
  g_value_take_boxed (&value, result);
  fail_unless (GST_IS_VL_RESULT (g_value_get_boxed (&value)));
  result = g_value_dup_boxed (&value);
  ASSERT_MINI_OBJECT_REFCOUNT (result, "result", 2);
  g_value_unset (&value);
  gst_vl_result_unref (result);
}
GST_END_TEST

static Suite *
result_suite (void)
{
  Suite *suite = suite_create ("result");
  TCase *tests = tcase_create ("general");

  suite_add_tcase (suite, tests);
  tcase_add_test (tests, test_new);
  tcase_add_test (tests, test_fields);
  tcase_add_test (tests, test_immutable);
  tcase_add_test (tests, test_misuse);
  tcase_add_test (tests, test_utf8);
  tcase_add_test (tests, test_boxed);
  return suite;
}

GST_CHECK_MAIN (result)
