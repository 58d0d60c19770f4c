/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Banks, templates and negatives of vlfusion on a fake session: what reaches the model, and how it changes while frames pass. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include "tests/check/fusionharness.h"

#define LINES "first\nsecond\nthird\nfourth\n"

static gchar *
bank_file (const gchar *lines)
{
  gchar *path = g_build_filename (g_get_tmp_dir (), "vlf-bank-XXXXXX", NULL);
  gint fd = g_mkstemp (path);

  fail_unless (fd >= 0 && g_close (fd, NULL) && g_file_set_contents (path, lines, -1, NULL));
  return path;
}

static void
expect_text (GstVlResult *result, guint i, const gchar *text, gboolean retrieved)
{
  guint index;
  gdouble similarity;

  fail_unless_equals_string (gst_vl_result_get_text (result, i), text);
  fail_unless_equals_int (gst_vl_result_get_retrieved (result, i, &index, &similarity), retrieved);
  fail_unless (isnan (similarity) == !retrieved);
}

/* A bank alone is enough to ask; what was asked comes first, and reranked texts have all that prompts have. */
GST_START_TEST (test_bank)
{
  g_autofree gchar *path = bank_file (LINES);
  g_autofree gchar *properties = g_strdup_printf ("bank=%s bank-results=3 rerank=2", path);
  Fusion *f = fusion_new (properties);
  GstBuffer *out;
  GstVlResult *result;
  gsize n;

  fusion_set_caps (f, "RGB", 8, 8);
  out = fusion_pass (f);
  fail_unless (fusion_meta (out) != NULL);
  fail_unless_equals_int (gst_vl_result_get_n_prompts (fusion_meta (out)->result), 3);
  gst_buffer_unref (out);
  g_object_set (f->element, "prompt", "asked", NULL);
  for (guint i = 0; i < 2000; i++, g_usleep (1000)) {
    out = fusion_pass (f);
    result = fusion_meta (out)->result;
    if (gst_vl_result_get_n_prompts (result) == 4)
      break;
    gst_buffer_unref (out);
  }
  expect_text (result, 0, "asked", FALSE);
  expect_text (result, 1, "first", TRUE);
  expect_text (result, 3, "third", TRUE);
  fail_unless_equals_float (gst_vl_result_get_match (result, 2), fake_match ("second"));
  fail_unless (isnan (gst_vl_result_get_match (result, 3)));
  fail_unless (gst_vl_result_peek_map (result, 2, &n) && !gst_vl_result_peek_map (result, 3, &n));
  fail_unless (!gst_vl_result_get_best (result, NULL));
  gst_buffer_unref (out);
  fusion_free (f);
  fail_unless_equals_int (fake.banks_alive, 0);
  g_unlink (path);
}
GST_END_TEST

static guint
prompts_of (Fusion *f, guint64 *generation)
{
  GstBuffer *out = fusion_pass (f);
  GstVlMeta *meta = fusion_meta (out);
  guint n = meta ? gst_vl_result_get_n_prompts (meta->result) : 0;

  *generation = meta ? gst_vl_result_get_generation (meta->result) : 0;
  gst_buffer_unref (out);
  return n;
}

/* A new bank is read beside the stream; one that cannot be read is told once and leaves the old one; without any, prompts alone. */
GST_START_TEST (test_bank_change)
{
  g_autofree gchar *path = bank_file (LINES), *other = bank_file ("one\ntwo");
  Fusion *f = fusion_new ("prompt=star");
  guint64 generation, before;
  guint n = 0, warnings = 0;

  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_int (prompts_of (f, &before), 1);
  g_atomic_int_set (&fake.text_ms, 100);
  g_object_set (f->element, "bank", path, NULL);
  for (guint i = 0; i < 10000 && n != 5; i++, g_usleep (1000))
    n = prompts_of (f, &generation);
  fail_unless_equals_int (n, 5);
  fail_unless (generation == before + 1);
  g_object_set (f->element, "bank-results", 1, NULL);
  fail_unless_equals_int (prompts_of (f, &generation), 2);
  g_object_set (f->element, "bank", "/nonexistent/bank", "bank-results", 10, NULL);
  for (guint i = 0; i < 10000 && !warnings; i++, g_usleep (1000)) {
    fail_unless_equals_int (prompts_of (f, &generation), 5);
    warnings = fusion_messages (f, GST_MESSAGE_WARNING, NULL);
  }
  fail_unless_equals_int (warnings, 1);
  g_object_set (f->element, "bank", other, NULL);
  for (guint i = 0; i < 10000 && n != 3; i++, g_usleep (1000))
    n = prompts_of (f, &generation);
  fail_unless_equals_int (n, 3);
  g_object_set (f->element, "bank", "", NULL);
  for (guint i = 0; i < 10000 && n != 1; i++, g_usleep (1000))
    n = prompts_of (f, &generation);
  fail_unless_equals_int (n, 1);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR, NULL), 0);
  fusion_free (f);
  fail_unless_equals_int (fake.banks_alive, 0);
  g_unlink (path);
  g_unlink (other);
}
GST_END_TEST

/* Frames pass, each with @before prompts, until one has @after; returns the warnings meanwhile. */
static guint
await_bank (Fusion *f, guint before, guint after)
{
  guint warnings = 0;
  guint64 generation;

  for (guint i = 0; i < 1500; i++) {
    guint n = prompts_of (f, &generation);

    warnings += fusion_messages (f, GST_MESSAGE_WARNING, NULL);
    if (n == after && (after != before || warnings))
      return warnings;
    fail_unless_equals_int (n, before);
    g_usleep (20000);
  }
  fail ("waited in vain for %u prompts", after);
  return 0;
}

/* A bank's file is watched: taken whole when it has changed, told and left when it cannot be read, taken again when it can. */
GST_START_TEST (test_bank_file)
{
  g_autofree gchar *path = bank_file (LINES);
  g_autofree gchar *properties = g_strdup_printf ("bank=%s prompt=star bank-results=10", path);
  Fusion *f = fusion_new (properties);
  guint64 generation;

  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_int (prompts_of (f, &generation), 5);
  g_file_set_contents (path, "one\ntwo", -1, NULL);
  fail_unless_equals_int (await_bank (f, 5, 3), 0);
  g_unlink (path);
  fail_unless_equals_int (await_bank (f, 3, 3), 1);
  g_file_set_contents (path, "new", -1, NULL);
  fail_unless_equals_int (await_bank (f, 3, 2), 0);
  fusion_free (f);
  fail_unless_equals_int (fake.banks_alive, 0);
}
GST_END_TEST

/* Going to NULL and back keeps what was wanted and nothing that was encoded. */
GST_START_TEST (test_bank_restart)
{
  g_autofree gchar *path = bank_file (LINES);
  g_autofree gchar *properties = g_strdup_printf ("bank=%s prompt=star negative-prompts=ring", path);
  Fusion *f = fusion_new (properties);
  guint64 generation;

  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_int (prompts_of (f, &generation), 5);
  fail_unless_equals_int (fake.banks_alive, 1);
  fail_unless_equals_int (gst_element_set_state (f->element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  fail_unless_equals_int (fake.banks_alive, 0);
  fail_unless_equals_int (fake.texts_alive, 0);
  fail_unless_equals_int (gst_element_set_state (f->element, GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
  gst_harness_play (f->h);
  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_int (prompts_of (f, &generation), 5);
  fusion_free (f);
  g_unlink (path);
}
GST_END_TEST

static gint
best_of (Fusion *f, gboolean *judged)
{
  GstBuffer *out = fusion_pass (f);
  gint best;

  *judged = gst_vl_result_get_best (fusion_meta (out)->result, &best);
  gst_buffer_unref (out);
  return best;
}

/* The outcome: a prompt, or unknown, because of a negative that is better or of a score that is not reached. */
GST_START_TEST (test_unknown)
{
  static const gchar *const words[] = { "star", "ring", "heart", "circle" };
  const gchar *low = words[0], *high = words[0];
  Fusion *f;
  gboolean judged;

  for (guint i = 1; i < G_N_ELEMENTS (words); i++) {
    low = fake_match (words[i]) < fake_match (low) ? words[i] : low;
    high = fake_match (words[i]) > fake_match (high) ? words[i] : high;
  }
  f = fusion_new ("");
  g_object_set (f->element, "prompt", low, NULL);
  fusion_set_caps (f, "RGB", 8, 8);
  best_of (f, &judged);
  fail_if (judged);
  g_object_set (f->element, "unknown-threshold", fake_match (low) - 0.0005, NULL);
  fail_unless_equals_int (best_of (f, &judged), 0);
  fail_unless (judged);
  g_object_set (f->element, "unknown-threshold", fake_match (low) + 0.0005, NULL);
  fail_unless_equals_int (best_of (f, &judged), -1);
  fail_unless (judged);
  g_object_set (f->element, "unknown-threshold", -1.0, "negative-prompts", high, NULL);
  for (guint i = 0; i < 2000; i++, g_usleep (1000)) {
    best_of (f, &judged);
    if (judged)
      break;
  }
  fail_unless_equals_int (best_of (f, &judged), -1);
  fail_unless (judged);
  fusion_free (f);
}
GST_END_TEST

static gfloat
templates_of (Fusion *f)
{
  GstBuffer *out = fusion_pass (f);
  gsize n;
  gfloat count = gst_vl_result_peek_embedding (fusion_meta (out)->result, 0, &n)[0];

  fail_unless_equals_string (gst_vl_result_get_text (fusion_meta (out)->result, 0), "star");
  gst_buffer_unref (out);
  return count;
}

GST_START_TEST (test_templates)
{
  Fusion *f = fusion_new ("prompt=star");
  g_autofree gchar *text = NULL, *templates = NULL;
  guint warnings = 0;

  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_float (templates_of (f), 0);
  g_object_set (f->element, "templates", "a photo of a {}.\nmany {}\\nno {}", NULL);
  for (guint i = 0; i < 2000 && templates_of (f) == 0; i++)
    g_usleep (1000);
  fail_unless_equals_float (templates_of (f), 3);
  g_object_get (f->element, "templates", &templates, NULL);
  fail_unless_equals_string (templates, "a photo of a {}.\nmany {}\nno {}");
  g_object_set (f->element, "templates", "no place", NULL);
  for (guint i = 0; i < 2000 && !warnings; i++, g_usleep (1000)) {
    fail_unless_equals_float (templates_of (f), 3);
    warnings = fusion_messages (f, GST_MESSAGE_WARNING, &text);
  }
  fail_unless (warnings == 1 && strstr (text, "no place"), "%s", text);
  fusion_free (f);
}
GST_END_TEST

/* A bank that can no longer be read stays as it was, and with it the prompts to come are asked. */
GST_START_TEST (test_bank_gone)
{
  g_autofree gchar *path = bank_file (LINES);
  g_autofree gchar *properties = g_strdup_printf ("prompt=a bank=%s bank-results=1", path);
  Fusion *f = fusion_new (properties);
  guint warnings = 0;

  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  g_unlink (path);
  for (guint i = 0; i < 3000 && !warnings; i++, g_usleep (1000)) {
    gst_buffer_unref (fusion_pass (f));
    warnings = fusion_messages (f, GST_MESSAGE_WARNING, NULL);
  }
  fail_unless_equals_int (warnings, 1);
  g_object_set (f->element, "prompt", "b", NULL);
  for (guint i = 0; i < 2000 && fusion_generation (f) == 1; i++)
    g_usleep (1000);
  fusion_expect_prompts (f, "b|first");
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 0);
  fusion_free (f);
}
GST_END_TEST

/* A prompt that is wanted together with a bank that is gone by then is asked all the same. */
GST_START_TEST (test_bank_gone_with_prompt)
{
  g_autofree gchar *path = bank_file (LINES);
  g_autofree gchar *properties = g_strdup_printf ("prompt=a bank=%s bank-results=1", path);
  Fusion *f = fusion_new (properties);

  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  g_unlink (path);
  g_object_set (f->element, "bank", path, "prompt", "b", NULL);
  for (guint i = 0; i < 2000 && fusion_generation (f) == 1; i++)
    g_usleep (1000);
  fusion_expect_prompts (f, "b|first");
  fusion_expect_message (f->bus, GST_MESSAGE_WARNING, "New prompts are not used");
  fusion_free (f);
}
GST_END_TEST

/* A bank that has changed is read though the negatives, wanted with it, are impossible; it counts as soon as those are mended. */
GST_START_TEST (test_bank_beside_negatives)
{
  g_autofree gchar *path = bank_file (LINES);
  g_autofree gchar *properties = g_strdup_printf ("prompt=a bank=%s bank-results=1", path);
  Fusion *f = fusion_new (properties);
  guint warnings = 0;

  fusion_set_caps (f, "RGB", 8, 8);
  fusion_expect_prompts (f, "a|first");
  g_atomic_int_set (&fake.text_error, VLF_ERROR_UNSUPPORTED + 1);
  fail_unless (g_file_set_contents (path, "other\n", -1, NULL));
  g_object_set (f->element, "bank", path, "negative-prompts", "no", NULL);
  for (guint i = 0; i < 2000 && !warnings; i++, g_usleep (1000)) {
    fusion_expect_prompts (f, "a|first");
    warnings = fusion_messages (f, GST_MESSAGE_WARNING, NULL);
  }
  fail_unless_equals_int (warnings, 1);
  g_atomic_int_set (&fake.text_error, 0);
  g_object_set (f->element, "negative-prompts", "none", NULL);
  for (guint i = 0; i < 2000 && fusion_generation (f) == 1; i++)
    g_usleep (1000);
  fusion_expect_prompts (f, "a|other");
  fusion_free (f);
}
GST_END_TEST

/* While a bank is read, whatever else is set or asked for does not wait for it, and neither does the stream. */
GST_START_TEST (test_bank_slow)
{
  g_autofree gchar *path = bank_file (LINES);
  Fusion *f = fusion_new ("prompt=a");
  gint64 begin;

  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  g_atomic_int_set (&fake.text_ms, 3000);
  g_object_set (f->element, "bank", path, NULL);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  g_usleep (100000); /* it is being read */
  begin = g_get_monotonic_time ();
  gst_util_set_object_arg (G_OBJECT (f->element), "negative-prompts", "<none>");
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  fail_unless (g_get_monotonic_time () - begin < 2 * G_TIME_SPAN_SECOND);
  fusion_stop (f);
  for (guint i = 0; i < 12000 && g_atomic_int_get (&fake.models_alive); i++) /* what was left behind ends by itself */
    g_usleep (5000);
  fusion_free (f);
  g_unlink (path);
}
GST_END_TEST

static Suite *
bank_suite (void)
{
  Suite *s = suite_create ("bank");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_bank);
  tcase_add_test (tc, test_bank_change);
  tcase_add_test (tc, test_bank_file);
  tcase_add_test (tc, test_bank_restart);
  tcase_add_test (tc, test_bank_gone);
  tcase_add_test (tc, test_bank_gone_with_prompt);
  tcase_add_test (tc, test_bank_beside_negatives);
  tcase_add_test (tc, test_bank_slow);
  tcase_add_test (tc, test_unknown);
  tcase_add_test (tc, test_templates);
  return s;
}

GST_CHECK_MAIN (bank)
