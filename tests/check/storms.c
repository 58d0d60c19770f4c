/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlfusion on a fake session under everything at once: seeks, states, pads that come and go, settings that change. */
#include "tests/check/fusionharness.h"
#include <glib/gstdio.h>

#define SECONDS 4

typedef struct {
  GstElement *element;
  gint stop;
} Storm;

static void
feed (GstPad *pad, GstClockTime start)
{
  GstCaps *caps = gst_caps_new_simple ("text/x-raw", "format", G_TYPE_STRING, "utf8", NULL);
  GstBuffer *buffer = gst_buffer_new_memdup ("text", 4);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  GST_BUFFER_PTS (buffer) = start;
  gst_pad_push_event (pad, gst_event_new_stream_start ("texts"));
  gst_pad_push_event (pad, gst_event_new_caps (caps));
  gst_pad_push_event (pad, gst_event_new_segment (&segment));
  gst_pad_push (pad, buffer);
  gst_caps_unref (caps);
}

/* A text pad comes, gets a text, and goes. */
static void
visit (GstElement *element, GRand *rand)
{
  GstPad *sink = gst_element_request_pad_simple (element, "text_%u"), *src = gst_pad_new ("src", GST_PAD_SRC);

  gst_pad_set_active (src, TRUE);
  fail_unless_equals_int (gst_pad_link (src, sink), GST_PAD_LINK_OK);
  feed (src, g_rand_int_range (rand, 0, 10) * GST_SECOND);
  g_usleep (g_rand_int_range (rand, 0, 5000));
  if (g_rand_boolean (rand))
    gst_pad_unlink (src, sink);
  gst_element_release_request_pad (element, sink);
  gst_object_unref (sink);
  gst_pad_set_active (src, FALSE);
  gst_object_unref (src);
}

static gpointer
change (gpointer data)
{
  Storm *storm = data;
  GRand *rand = g_rand_new_with_seed (5);

  while (!g_atomic_int_get (&storm->stop)) {
    GstStructure *stats = NULL;

    visit (storm->element, rand);
    g_object_set (storm->element, "prompt", g_rand_boolean (rand) ? "one" : "two\nthree", "mode",
                  g_rand_int_range (rand, 0, 3), "interval", (guint64) g_rand_int_range (rand, 0, 3) * 20 * GST_MSECOND,
                  "qos", g_rand_boolean (rand), NULL);
    g_object_get (storm->element, "stats", &stats, NULL);
    gst_structure_free (stats);
  }
  g_rand_free (rand);
  return NULL;
}

static GstPadProbeReturn
count (GstPad *pad, GstPadProbeInfo *info, gpointer frames)
{
  (void) pad;
  (void) info;
  g_atomic_int_inc ((gint *) frames);
  return GST_PAD_PROBE_OK;
}

static GstElement *
launch (const gchar *subtitles, gint *frames)
{
  g_autofree gchar *line = g_strdup_printf (
      "videotestsrc num-buffers=3000 ! video/x-raw,format=I420,width=16,height=16,framerate=30/1 ! vlfusion name=f ! "
      "fakesink name=out async=false filesrc location=%s ! subparse ! f.text_100 filesrc location=%s ! subparse ! "
      "queue ! f.text_101 filesrc location=%s ! subparse ! f.text_102 filesrc location=%s ! subparse ! f.text_103",
      subtitles, subtitles, subtitles, subtitles);
  GError *error = NULL;
  GstElement *pipeline, *out;
  GstPad *pad;

  fusion_register ();
  pipeline = gst_parse_launch (line, &error);
  fail_unless (pipeline && !error);
  out = gst_bin_get_by_name (GST_BIN (pipeline), "out");
  pad = gst_element_get_static_pad (out, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, count, frames, NULL);
  gst_object_unref (pad);
  gst_object_unref (out);
  return pipeline;
}

static gchar *
write_subtitles (void)
{
  g_autoptr (GString) srt = g_string_new (NULL);
  gchar *path = NULL;
  gint fd = g_file_open_tmp ("vlf-XXXXXX.srt", &path, NULL);

  fail_unless (fd >= 0);
  close (fd);
  for (guint i = 0; i < 40; i++)
    g_string_append_printf (srt, "%u\n00:00:%02u,000 --> 00:00:%02u,000\nsecond %u\n\n", i + 1, i, i + 1, i);
  fail_unless (g_file_set_contents (path, srt->str, -1, NULL));
  return path;
}

static void
seek (GstElement *pipeline, GRand *rand)
{
  GstSeekFlags flags = g_rand_int_range (rand, 0, 8) ? GST_SEEK_FLAG_FLUSH : GST_SEEK_FLAG_NONE;

  if (g_rand_boolean (rand))
    flags |= GST_SEEK_FLAG_ACCURATE;
  gst_element_seek_simple (pipeline, GST_FORMAT_TIME, flags, g_rand_int_range (rand, 0, 20000) * GST_MSECOND);
}

GST_START_TEST (test_storm)
{
  g_autofree gchar *path = write_subtitles ();
  gint64 end = g_get_monotonic_time () + SECONDS * G_USEC_PER_SEC;
  GRand *rand = g_rand_new_with_seed (3);
  Storm storm = { 0 };
  gint frames = 0;
  GstElement *pipeline = launch (path, &frames);
  GstBus *bus = gst_element_get_bus (pipeline);
  GThread *thread;

  fake_reset ();
  fake.run_ms = fake.text_ms = 1;
  storm.element = gst_bin_get_by_name (GST_BIN (pipeline), "f");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  thread = g_thread_new ("changes", change, &storm);
  for (guint i = 1; g_get_monotonic_time () < end; i++) {
    seek (pipeline, rand);
    if (i % 100 == 0) {
      fail_unless (gst_element_set_state (pipeline, i % 200 ? GST_STATE_READY : GST_STATE_NULL) !=
                   GST_STATE_CHANGE_FAILURE);
      fail_unless (gst_element_set_state (pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE);
    }
    g_usleep (g_rand_int_range (rand, 0, 10000));
  }
  g_atomic_int_set (&storm.stop, TRUE);
  g_thread_join (thread);
  fail_unless_equals_int (gst_element_set_state (pipeline, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  fail_unless (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING) == NULL);
  gst_object_unref (bus);
  gst_object_unref (storm.element);
  gst_object_unref (pipeline);
  g_rand_free (rand);
  g_unlink (path);
  fail_unless (frames > 0);
  fail_unless (fake.models_alive == 0 && fake.sessions_alive == 0 && fake.texts_alive == 0);
}
GST_END_TEST

static Suite *
storms_suite (void)
{
  Suite *s = suite_create ("storms");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_storm);
  return s;
}

GST_CHECK_MAIN (storms)
