/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlfusion on a real session over many lives, and like vlcaption on a model whose numbers are none. VLF_TEST_MODEL and VLF_TEST_CAPTIONER
 * name the model directories; VLF_TEST_ROUNDS=N is how often the pipeline goes up and down. OpenCL is only started inside a test. */
#include <gst/check/gstcheck.h>
#include <dirent.h>
#include <math.h>
#include <malloc.h>
#include "plugin/gstvlcaption.h"
#include "plugin/gstvlfusion.h"
#include "tests/poison.h"

#define ROUNDS      40
#define WARM        20
#define MAX_GROWTH  1024 /* KiB of resident memory after WARM rounds, whatever their number */
#define DESCRIPTORS "/proc/self/fd"
#define THREADS     "/proc/self/task"

static guint
count_entries (const gchar *path)
{
  DIR *folder = opendir (path);
  guint n = 0;

  while (folder && readdir (folder))
    n++;
  if (folder)
    closedir (folder);
  return n;
}

/* KiB. */
static guint
resident (void)
{
  g_autofree gchar *text = NULL;
  guint pages, all;

#ifdef __GLIBC__
  malloc_trim (0);
#endif
  fail_unless (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  fail_unless_equals_int (sscanf (text, "%u %u", &all, &pages), 2);
  return pages * 4;
}

#define FUSION "vlfusion name=f prompt=\"a red circle\""

static GstElement *
pipeline_new (const gchar *element, const gchar *model, const gchar *device, guint frames)
{
  g_autofree gchar *launch =
      g_strdup_printf ("videotestsrc num-buffers=%u ! video/x-raw,format=RGB,width=48,height=48 ! "
                       "%s mode=every-frame device=%s model=%s ! fakesink name=out signal-handoffs=true",
                       frames, element, device, model);
  GError *error = NULL;
  GstElement *pipeline;

  fail_unless (GST_ELEMENT_REGISTER (vlfusion, NULL) && GST_ELEMENT_REGISTER (vlcaption, NULL));
  pipeline = gst_parse_launch (launch, &error);
  fail_unless (pipeline && !error, "%s", error ? error->message : "");
  return pipeline;
}

/* From NULL to the end of the stream and back; warnings that are posted. */
static guint
play (GstElement *pipeline)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  guint warnings = 0;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while ((message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
                                                GST_MESSAGE_ERROR | GST_MESSAGE_WARNING | GST_MESSAGE_EOS))) {
    gboolean last = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;

    fail_unless (GST_MESSAGE_TYPE (message) != GST_MESSAGE_ERROR);
    warnings += GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING;
    gst_message_unref (message);
    if (last)
      break;
  }
  fail_unless_equals_int (gst_element_set_state (pipeline, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  gst_object_unref (bus);
  return warnings;
}

GST_START_TEST (test_rounds)
{
  const gchar *wish = g_getenv ("VLF_TEST_ROUNDS");
  guint rounds = wish ? (guint) g_ascii_strtoull (wish, NULL, 10) : ROUNDS;
  GstElement *pipeline = pipeline_new (FUSION, g_getenv ("VLF_TEST_MODEL"), "cpu", 1);
  guint memory = 0, descriptors = 0, threads = 0;

  for (guint i = 0; i < rounds; i++) {
    if (i == WARM) {
      memory = resident ();
      descriptors = count_entries (DESCRIPTORS);
      threads = count_entries (THREADS);
    }
    fail_unless_equals_int (play (pipeline), 0);
  }
  GST_INFO ("after %u and %u rounds: %u and %u KiB, %u and %u descriptors, %u and %u threads", WARM, rounds, memory,
            resident (), descriptors, count_entries (DESCRIPTORS), threads, count_entries (THREADS));
  fail_unless (resident () <= memory + MAX_GROWTH, "%u KiB grew to %u", memory, resident ());
  fail_unless_equals_int (count_entries (DESCRIPTORS), descriptors);
  fail_unless_equals_int (count_entries (THREADS), threads);
  gst_object_unref (pipeline);
}
GST_END_TEST

static void
expect_no_answer (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer user)
{
  const GstVlMeta *meta = gst_buffer_get_vl_meta (buffer, "f", GST_VL_KIND_FUSION);
  guint *frames = user;
  gdouble x, y;
  gsize n;

  (void) sink;
  (void) pad;
  fail_unless (meta != NULL);
  fail_unless_equals_int (gst_vl_result_get_n_prompts (meta->result), 1);
  fail_unless (isnan (gst_vl_result_get_match (meta->result, 0)) && isnan (gst_vl_result_get_score (meta->result, 0)));
  fail_unless (gst_vl_result_peek_map (meta->result, 0, &n) == NULL);
  fail_unless (!gst_vl_result_get_peak (meta->result, 0, &x, &y));
  ++*frames;
}

/* Said once, however many frames have no numbers, and again in the next life. */
static void
expect_one_warning (const gchar *device, gfloat with)
{
  gchar *model = poison_copy (g_getenv ("VLF_TEST_MODEL"), "itm_score.fc.weight", with);
  GstElement *pipeline = pipeline_new (FUSION, model, device, 3),
             *sink = gst_bin_get_by_name (GST_BIN (pipeline), "out");
  guint frames = 0;

  g_signal_connect (sink, "handoff", G_CALLBACK (expect_no_answer), &frames);
  fail_unless_equals_int (play (pipeline), 1);
  fail_unless_equals_int (frames, 3);
  fail_unless_equals_int (play (pipeline), 1);
  fail_unless_equals_int (frames, 6);
  gst_object_unref (sink);
  gst_object_unref (pipeline);
  folder_remove (model);
}

GST_START_TEST (test_not_finite)
{
  expect_one_warning ("reference", NAN);
  expect_one_warning ("cpu", INFINITY);
}
GST_END_TEST

GST_START_TEST (test_caption_not_finite)
{
  gchar *model = poison_copy (g_getenv ("VLF_TEST_CAPTIONER"), "vision_model.post_layernorm.weight", NAN);
  GstElement *pipeline = pipeline_new ("vlcaption", model, "reference", 3);

  fail_unless_equals_int (play (pipeline), 1);
  fail_unless_equals_int (play (pipeline), 1);
  gst_object_unref (pipeline);
  folder_remove (model);
}
GST_END_TEST

static Suite *
life_suite (void)
{
  Suite *s = suite_create ("model-life");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 3600); /* meson's is shorter */
  tcase_add_test (tc, test_rounds);
  tcase_add_test (tc, test_not_finite);
  tcase_add_test (tc, test_caption_not_finite);
  return s;
}

GST_CHECK_MAIN (life)
