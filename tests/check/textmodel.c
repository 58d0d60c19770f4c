/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vltextenc before vlfusion on real models: the bits of the same prompt as a property, also by way of a file. VLF_TEST_GOLDEN names the
 * folder of golden cases. The device is only started inside a test. */
#include <gst/check/gstcheck.h>
#include <glib/gstdio.h>
#include <string.h>
#include "plugin/gstvlfusion.h"
#include "plugin/gstvltextenc.h"

#define PROMPT "a red circle, left of the star"
#define MARKED "a (red:2.5) circle, [left] of the (star:0)"
#define VIDEO                                                                                              \
  "videotestsrc num-buffers=1 pattern=ball ! video/x-raw,format=RGB,width=50,height=38 ! vlfusion name=f " \
  "mode=every-frame "                                                                                      \
  "text-timeout=60000000000 ! appsink name=sink sync=false "
#define TEXT "appsrc name=texts format=time caps=text/x-raw,format=utf8 ! vltextenc name=e ! f.text_0"

static gchar *
model_path (const gchar *name)
{
  return g_build_filename (g_getenv ("VLF_TEST_GOLDEN"), name, "model", NULL);
}

/* A property of element @name. */
static void
set (GstElement *pipeline, const gchar *name, const gchar *property, const gchar *value)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);

  gst_util_set_object_arg (G_OBJECT (element), property, value);
  gst_object_unref (element);
}

static GstElement *
pipeline_new (const gchar *launch, const gchar *model)
{
  GError *error = NULL;
  GstElement *pipeline;

  fail_unless (GST_ELEMENT_REGISTER (vlfusion, NULL) && GST_ELEMENT_REGISTER (vltextenc, NULL));
  pipeline = gst_parse_launch (launch, &error);
  fail_unless (pipeline && !error, "%s: %s", launch, error ? error->message : "");
  set (pipeline, "f", "model", model);
  set (pipeline, "f", "device", "cpu");
  return pipeline;
}

/* Runs and frees @pipeline; the result of its one frame. */
static GstVlResult *
finish (GstElement *pipeline)
{
  GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  GstSample *sample;
  GstVlMeta *meta;
  GstVlResult *result;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_signal_emit_by_name (sink, "pull-sample", &sample);
  fail_unless (sample != NULL);
  meta = gst_buffer_get_vl_meta (gst_sample_get_buffer (sample), "f", GST_VL_KIND_FUSION);
  fail_unless (meta != NULL);
  result = gst_vl_result_ref (meta->result);
  gst_sample_unref (sample);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (sink);
  gst_object_unref (pipeline);
  return result;
}

static GstVlResult *
ask_property (const gchar *model, const gchar *property, const gchar *value, gboolean markup)
{
  GstElement *pipeline = pipeline_new (VIDEO, model);

  set (pipeline, "f", "prompt-markup", markup ? "true" : "false");
  set (pipeline, "f", property, value);
  return finish (pipeline);
}

static GstVlResult *
ask_encoder (const gchar *model, const gchar *text, gboolean markup)
{
  GstElement *pipeline = pipeline_new (VIDEO TEXT, model), *texts;
  GstBuffer *buffer = gst_buffer_new_memdup (text, strlen (text));
  GstFlowReturn ret;

  set (pipeline, "e", "model", model);
  set (pipeline, "e", "device", "cpu");
  set (pipeline, "e", "prompt-markup", markup ? "true" : "false");
  texts = gst_bin_get_by_name (GST_BIN (pipeline), "texts");
  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  GST_BUFFER_PTS (buffer) = 0;
  g_signal_emit_by_name (texts, "push-buffer", buffer, &ret);
  g_signal_emit_by_name (texts, "end-of-stream", &ret);
  gst_buffer_unref (buffer);
  gst_object_unref (texts);
  return finish (pipeline);
}

static void
expect_same_floats (const gfloat *a, gsize n, const gfloat *b, gsize m)
{
  fail_unless_equals_uint64 (n, m);
  fail_unless (!a == !b && (!a || memcmp (a, b, n * sizeof *a) == 0));
}

static void
expect_same_doubles (gdouble a, gdouble b)
{
  fail_unless (memcmp (&a, &b, sizeof a) == 0, "%.17g, %.17g", a, b);
}

static void
expect_same (GstVlResult *a, GstVlResult *b)
{
  gsize n, m;
  const gfloat *x, *y;

  fail_unless_equals_int (gst_vl_result_get_n_prompts (b), 1);
  expect_same_doubles (gst_vl_result_get_score (a, 0), gst_vl_result_get_score (b, 0));
  expect_same_doubles (gst_vl_result_get_match (a, 0), gst_vl_result_get_match (b, 0));
  x = gst_vl_result_peek_map (a, 0, &n);
  y = gst_vl_result_peek_map (b, 0, &m);
  fail_unless (x && n > 0);
  expect_same_floats (x, n, y, m);
  x = gst_vl_result_peek_embedding (a, 0, &n);
  y = gst_vl_result_peek_embedding (b, 0, &m);
  fail_unless (x && n > 0);
  expect_same_floats (x, n, y, m);
  fail_unless_equals_int (gst_vl_result_get_n_words (a, 0), gst_vl_result_get_n_words (b, 0));
  for (guint w = 0; w < gst_vl_result_get_n_words (a, 0); w++) {
    fail_unless_equals_string (gst_vl_result_get_word_text (a, 0, w), gst_vl_result_get_word_text (b, 0, w));
    expect_same_doubles (gst_vl_result_get_word_weight (a, 0, w), gst_vl_result_get_word_weight (b, 0, w));
    x = gst_vl_result_peek_word_map (a, 0, w, &n);
    y = gst_vl_result_peek_word_map (b, 0, w, &m);
    expect_same_floats (x, n, y, m);
  }
}

/* The text as a property, through vltextenc, through a file; another text is told from it. */
static void
check_bits (const gchar *name, const gchar *text, gboolean markup)
{
  g_autofree gchar *model = model_path (name), *folder = g_dir_make_tmp ("vlf-textmodel-XXXXXX", NULL);
  g_autofree gchar *path = g_build_filename (folder, "texts.safetensors", NULL);
  VlfModelOptions options = { .directory = model, .device = "cpu" };
  GstVlResult *expected = ask_property (model, "prompt", text, markup), *found = ask_encoder (model, text, markup);
  GstVlResult *other = ask_encoder (model, "something else", FALSE);
  VlfModel *loaded = vlf_model_open (&options, NULL);
  VlfEmbeddings *texts = vlf_model_encode_texts (loaded, &text, 1, markup, NULL);

  expect_same (expected, found);
  fail_unless (gst_vl_result_get_score (other, 0) != gst_vl_result_get_score (expected, 0));
  fail_unless (vlf_embeddings_save (path, texts->model, texts->texts, texts->n, texts->layers, texts->dim, NULL));
  gst_vl_result_unref (found);
  found = ask_property (model, "text-embeddings", path, FALSE);
  expect_same (expected, found);
  gst_vl_result_unref (expected);
  gst_vl_result_unref (found);
  gst_vl_result_unref (other);
  vlf_embeddings_unref (texts);
  vlf_model_unref (loaded);
  g_unlink (path);
  g_rmdir (folder);
}

GST_START_TEST (test_bridgetower)
{
  check_bits ("bridgetower/retrieval", PROMPT, FALSE);
  check_bits ("bridgetower/retrieval", MARKED, TRUE);
}
GST_END_TEST

GST_START_TEST (test_clip)
{
  check_bits ("clip/openai", PROMPT, FALSE);
}
GST_END_TEST

/* Two models in one pipeline do not understand each other: both are named. */
GST_START_TEST (test_other_model)
{
  g_autofree gchar *tower = model_path ("bridgetower/retrieval"), *clip = model_path ("clip/openai");
  GstElement *pipeline = pipeline_new (VIDEO TEXT, tower);
  GstMessage *message;
  GError *error = NULL;
  GstBus *bus = gst_pipeline_get_bus (GST_PIPELINE (pipeline));

  set (pipeline, "e", "model", clip);
  set (pipeline, "e", "device", "cpu");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_ERROR);
  fail_unless (message != NULL);
  gst_message_parse_error (message, &error, NULL);
  fail_unless (strstr (error->message, "expected those of model") && strstr (error->message, "found those of") &&
                   strstr (error->message, "vltextenc"),
               "%s", error->message);
  g_error_free (error);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}
GST_END_TEST

static Suite *
textmodel_suite (void)
{
  Suite *s = suite_create ("textmodel");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_bridgetower);
  tcase_add_test (tc, test_clip);
  tcase_add_test (tc, test_other_model);
  return s;
}

GST_CHECK_MAIN (textmodel)
