/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of encoded texts on a fake session: read, watched, replaced and refused. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include "tests/check/fusionharness.h"

static gchar *folder, *path;

static void
make_folder (void)
{
  folder = g_dir_make_tmp ("vlf-textenc-XXXXXX", NULL);
  path = g_build_filename (folder, "texts.safetensors", NULL);
}

static void
remove_folder (void)
{
  g_unlink (path);
  g_rmdir (folder);
  g_free (path);
  g_free (folder);
}

/* Texts @names [@n], each [1, 1, @dim] of @first + its place. */
static void
write_texts (const gchar *const *names, guint n, guint dim, const gchar *model, gfloat first)
{
  VlfEmbedding texts[8];
  gfloat numbers[8][8] = { { 0 } };
  GError *error = NULL;

  for (guint i = 0; i < n; i++) {
    numbers[i][0] = first + (gfloat) i;
    texts[i] = (VlfEmbedding){ .text = names[i], .tokens = 1, .values = numbers[i] };
  }
  fail_unless (vlf_embeddings_save (path, model, texts, n, 1, dim, &error), "%s", error ? error->message : "");
}

/* Frames pass until the prompts are @expected; none has anything but @before until then. */
static void
await_prompts (Fusion *f, const gchar *before, const gchar *expected)
{
  for (guint i = 0; i < 1500; i++) {
    GstBuffer *out = fusion_pass (f);
    GstVlMeta *meta = fusion_meta (out);
    g_autoptr (GString) all = g_string_new (NULL);

    for (guint k = 0; meta && k < gst_vl_result_get_n_prompts (meta->result); k++)
      g_string_append_printf (all, "%s%s=%g", k ? "|" : "", gst_vl_result_get_text (meta->result, k),
                              gst_vl_result_peek_embedding (meta->result, k, NULL)[0]);
    gst_buffer_unref (out);
    if (g_str_equal (all->str, expected))
      return;
    fail_unless (g_str_equal (all->str, before), "expected \"%s\" or \"%s\", found \"%s\"", before, expected, all->str);
    g_usleep (20000);
  }
  fail ("waited in vain for \"%s\"", expected);
}

/* Frames pass until a warning comes; all with @expected. */
static void
await_warning (Fusion *f, const gchar *expected, const gchar *part)
{
  g_autofree gchar *text = NULL;

  for (guint i = 0; i < 1500 && !text; i++) {
    await_prompts (f, expected, expected);
    fusion_messages (f, GST_MESSAGE_WARNING, &text);
    g_usleep (20000);
  }
  fail_unless (text && strstr (text, part), "expected \"%s\" in \"%s\"", part, text);
}

static const gchar *const pets[] = { "a cat", "a dog" }, *const tools[] = { "a saw", "a hammer", "a nail" };

GST_START_TEST (test_file)
{
  g_autofree gchar *properties = NULL, *found = NULL;
  Fusion *f;

  make_folder ();
  write_texts (pets, 2, FAKE_DIM, "0123", 5);
  properties = g_strdup_printf ("prompt=own text-embeddings=%s", path);
  f = fusion_new (properties);
  g_object_get (f->element, "text-embeddings", &found, NULL);
  fail_unless_equals_string (found, path);
  fusion_set_caps (f, "RGB", 8, 8);
  fusion_expect_prompts (f, "own|a cat=5|a dog=6"); /* from the first frame on */
  write_texts (tools, 3, FAKE_DIM, "0123", 2);
  await_prompts (f, "own=0|a cat=5|a dog=6", "own=0|a saw=2|a hammer=3|a nail=4");
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 0);

  g_file_set_contents (path, "nonsense", -1, NULL);
  await_warning (f, "own=0|a saw=2|a hammer=3|a nail=4", path);
  write_texts (pets, 2, FAKE_DIM, "4567", 5);
  await_warning (f, "own=0|a saw=2|a hammer=3|a nail=4", "found [1, 1, 3] of 4567");
  g_unlink (path);
  await_warning (f, "own=0|a saw=2|a hammer=3|a nail=4", "cannot open");
  g_object_set (f->element, "prompt", "mine", NULL); /* which still can be changed */
  await_prompts (f, "own=0|a saw=2|a hammer=3|a nail=4", "mine=0|a saw=2|a hammer=3|a nail=4");
  write_texts (pets, 1, FAKE_DIM, "0123", 9);
  await_prompts (f, "mine=0|a saw=2|a hammer=3|a nail=4", "mine=0|a cat=9");
  g_object_set (f->element, "text-embeddings", "", NULL);
  await_prompts (f, "mine=0|a cat=9", "mine=0");
  fusion_free (f);
  remove_folder ();
}
GST_END_TEST

/* Another program's file, set while the stream runs. */
GST_START_TEST (test_file_of_others)
{
  static const gchar json[] =
      "{\"threshold\": 0.7, \"entries\": [{\"text\": \"cat\", \"embedding\": [3, 0, 4], \"negative\": false, "
      "\"ensemble\": false},"
      "{\"text\": \"\", \"embedding\": [], \"negative\": false, \"ensemble\": false},"
      "{\"text\": \"desk\", \"embedding\": [0, 1, 0], \"negative\": true, \"ensemble\": false}]}";
  GstBuffer *out;
  Fusion *f = fusion_new ("prompt=own");

  make_folder ();
  fusion_set_caps (f, "RGB", 8, 8);
  fusion_expect_prompts (f, "own");
  g_object_set (f->element, "text-embeddings", path, NULL);
  await_warning (f, "own=0", "cannot open");
  g_file_set_contents (path, json, -1, NULL);
  await_prompts (f, "own=0", "own=0|cat=0.6"); /* what is negative is no answer */
  out = fusion_pass (f);
  fail_unless_equals_float (gst_vl_result_get_threshold (fusion_meta (out)->result), 0.7);
  fail_unless (gst_vl_result_get_best (fusion_meta (out)->result, NULL));
  gst_buffer_unref (out);
  fusion_free (f);
  remove_folder ();
}
GST_END_TEST

/* What is wrong from the start keeps the element from starting, and no longer when it has been mended. */
GST_START_TEST (test_file_at_start)
{
  Fusion *f = fusion_new ("");
  g_autofree gchar *text = NULL;

  make_folder ();
  fusion_stop (f);
  g_file_set_contents (path, "{\"entries\": []}", -1, NULL);
  g_object_set (f->element, "text-embeddings", path, NULL);
  fail_unless_equals_int (gst_element_set_state (f->element, GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  fail_unless (fusion_messages (f, GST_MESSAGE_ERROR, &text) >= 1);
  fail_unless (strstr (text, path) && strstr (text, "expected at least one with a text"), "%s", text);
  write_texts (pets, 1, FAKE_DIM, "0123", 5);
  gst_element_set_state (f->element, GST_STATE_NULL);
  fail_unless (gst_element_set_state (f->element, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE);
  fusion_set_caps (f, "RGB", 8, 8);
  fusion_expect_prompts (f, "a cat=5");
  fusion_free (f);
  remove_folder ();
}
GST_END_TEST

/* Embeddings of another model are an error with the first frame. */
GST_START_TEST (test_file_of_other_model)
{
  g_autofree gchar *properties = NULL;
  GstFlowReturn ret = GST_FLOW_OK;
  Fusion *f;

  make_folder ();
  write_texts (pets, 2, 4, "0123", 5);
  properties = g_strdup_printf ("text-embeddings=%s", path);
  f = fusion_new (properties);
  fusion_set_caps (f, "RGB", 8, 8);
  for (guint i = 0; i < 3 && ret == GST_FLOW_OK; i++) /* two frames may be in flight */
    ret = fusion_push (f, fusion_frame (f, i));
  fail_unless_equals_int (ret, GST_FLOW_ERROR);
  fusion_expect_message (f->bus, GST_MESSAGE_ERROR, "expected [1, 1, 3] of 0123, found [1, 1, 4] of 0123");
  fusion_free (f);
  remove_folder ();
}
GST_END_TEST

/* A thousand swaps of the file under a running stream: whole lists only. */
GST_START_TEST (test_file_torture)
{
  g_autofree gchar *properties = NULL;
  guint seen[2] = { 0 };
  Fusion *f;

  make_folder ();
  write_texts (pets, 2, FAKE_DIM, "0123", 5);
  properties = g_strdup_printf ("text-embeddings=%s", path);
  f = fusion_new (properties);
  fusion_set_caps (f, "RGB", 8, 8);
  for (guint i = 0; i < 1000; i++) {
    GstBuffer *out;
    guint n;

    if (i % 250 == 249) /* now and then it rests */
      g_usleep (500000);
    else if (i % 2)
      write_texts (tools, 3, FAKE_DIM, "0123", 2);
    else
      write_texts (pets, 2, FAKE_DIM, "0123", 5);
    out = fusion_pass (f);
    n = gst_vl_result_get_n_prompts (fusion_meta (out)->result);
    fail_unless (n == 2 || n == 3);
    fail_unless_equals_string (gst_vl_result_get_text (fusion_meta (out)->result, n - 1), n == 2 ? "a dog" : "a nail");
    seen[n - 2]++;
    gst_buffer_unref (out);
  }
  fail_unless (seen[0] > 0);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 0);
  fusion_free (f);
  remove_folder ();
}
GST_END_TEST

/* Each text is asked of every frame: what no stream could bear is refused, and the old prompts stay. */
GST_START_TEST (test_file_of_many)
{
  Fusion *f = fusion_new ("prompt=a");
  static const gfloat numbers[FAKE_DIM] = { 1 };
  VlfEmbedding *texts = g_new0 (VlfEmbedding, 4097);
  GError *error = NULL;

  make_folder ();
  for (guint i = 0; i < 4097; i++)
    texts[i] = (VlfEmbedding){ .text = "b", .tokens = 1, .values = numbers };
  fail_unless (vlf_embeddings_save (path, "0123", texts, 4097, 1, FAKE_DIM, &error));
  fusion_set_caps (f, "RGB", 8, 8);
  await_prompts (f, "a=0", "a=0");
  g_object_set (f->element, "text-embeddings", path, NULL);
  await_warning (f, "a=0", "at most 4096 texts");
  fusion_stop (f);
  g_object_set (f->element, "text-embeddings", path, NULL);
  fail_unless_equals_int (gst_element_set_state (f->element, GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  fusion_expect_message (f->bus, GST_MESSAGE_ERROR, "at most 4096 texts");
  g_free (texts);
  remove_folder ();
  fusion_free (f);
}
GST_END_TEST

static Suite *
textfile_suite (void)
{
  Suite *s = suite_create ("textfile");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_file);
  tcase_add_test (tc, test_file_of_others);
  tcase_add_test (tc, test_file_at_start);
  tcase_add_test (tc, test_file_of_other_model);
  tcase_add_test (tc, test_file_torture);
  tcase_add_test (tc, test_file_of_many);
  return s;
}

GST_CHECK_MAIN (textfile)
