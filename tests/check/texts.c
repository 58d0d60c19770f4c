/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text pads of vlfusion on a fake session: which prompts are active when. */
#include "tests/check/textsource.h"
#include <glib/gstdio.h>
#include <string.h>

GST_START_TEST (test_timing)
{
  Fusion *f = fusion_new ("text-timeout=0");
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  text_source_push (&s, "a", 1, 2);     /* 1, 2 */
  text_source_push (&s, "b", 2, 3);     /* 2, 3, 4: overlaps */
  text_source_push (&s, "open", 6, -1); /* until the next */
  text_source_push (&s, "c", 8, 10);
  text_source_push (&s, "", 10, -1); /* ends it */
  text_source_push (&s, "d", 12, -1);
  text_source_push (&s, "", 13, -1);
  fusion_expect_prompts (f, "");
  fusion_expect_prompts (f, "a");
  fusion_expect_prompts (f, "a|b");
  fusion_expect_prompts (f, "b");
  fusion_expect_prompts (f, "b");
  fusion_expect_prompts (f, "");
  fusion_expect_prompts (f, "open");
  fusion_expect_prompts (f, "open");
  fusion_expect_prompts (f, "c");
  fusion_expect_prompts (f, "c");
  fusion_expect_prompts (f, "");
  fusion_expect_prompts (f, "");
  fusion_expect_prompts (f, "d");
  fusion_expect_prompts (f, "");
  text_source_push (&s, "now", -1, -1);
  fusion_expect_prompts (f, "now");
  text_source_push (&s, "then", -1, -1);
  fusion_expect_prompts (f, "then");
  text_source_push (&s, "", -1, -1);
  fusion_expect_prompts (f, "");
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* A line of 10 kB on a pad is a prompt like others; that the model reads only its beginning is told once. */
GST_START_TEST (test_long_line)
{
  Fusion *f = fusion_new ("text-timeout=0");
  g_autofree gchar *line = g_strnfill (10000, 'a');
  TextSource s;

  for (guint i = 9; i < 10000; i += 10)
    line[i] = ' ';
  fake.truncate_at = 100;
  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  text_source_push (&s, line, 0, 2);
  text_source_push (&s, "short", 2, 1);
  line[9999] = '\0'; /* white space around a text does not count */
  fusion_expect_prompts (f, line);
  fusion_expect_prompts (f, line);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 1);
  fusion_expect_prompts (f, "short");
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* Backwards, a text is active at the same time of the stream: from its end to its start, in whatever order texts come. */
GST_START_TEST (test_reverse)
{
  Fusion *f = fusion_new ("text-timeout=0");
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_start_video (f, -1);
  text_source_link (&s, f->element, "text_%u", "utf8");
  text_source_push (&s, "a", 0, 3);
  text_source_push (&s, "b", 2, 3);
  text_source_push (&s, "d", 8, 2);
  text_expect_at (f, 9, "d");
  text_expect_at (f, 7, "");
  text_source_push (&s, "c", 5, 2);
  text_expect_at (f, 6, "c");
  text_expect_at (f, 4, "b");
  text_expect_at (f, 2, "a|b");
  text_expect_at (f, 0, "a");
  text_start_video (f, 1);
  text_expect_at (f, 1, "a");
  text_expect_at (f, 4, "");
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* The properties' prompts first, then each pad's in the order of their numbers. */
GST_START_TEST (test_order)
{
  Fusion *f = fusion_new ("text-timeout=0 prompt=own");
  TextSource s[3];

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s[0], f->element, "text_7", "utf8");
  text_source_link (&s[1], f->element, "text_%u", "utf8");
  text_source_link (&s[2], f->element, "text_3", "pango-markup");
  fail_unless_equals_string (GST_PAD_NAME (s[1].peer), "text_0");
  fail_unless (gst_element_request_pad_simple (f->element, "text_x") == NULL);
  text_source_push (&s[0], "seven", 0, 30);
  text_source_push (&s[1], "two\nlines ", 0, 30);
  text_source_push (&s[2], "<b>bold</b> &amp; <i>more", 0, 1); /* not well-formed */
  text_source_push (&s[2], "<b>bold</b> &lt; <i>more</i>", 1, 30);
  fusion_expect_prompts (f, "own|two lines|<b>bold</b> &amp; <i>more|seven");
  fusion_expect_prompts (f, "own|two lines|bold < more|seven");
  text_source_release (&s[1], f->element);
  fusion_expect_prompts (f, "own|bold < more|seven");
  text_source_release (&s[0], f->element);
  text_source_release (&s[2], f->element);
  fusion_expect_prompts (f, "own");
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_invalid_text)
{
  Fusion *f = fusion_new ("text-timeout=0");
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  text_source_push (&s, "good", 0, 30);
  text_source_push (&s, "b\xff", 1, 30);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 1);
  fusion_expect_prompts (f, "good");
  fusion_expect_prompts (f, "good");
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* Nothing of the text stream reaches the video: no EOS, no segment; and video's EOS refuses texts. */
GST_START_TEST (test_separate)
{
  Fusion *f = fusion_new ("prompt=own");
  GstEvent *event;
  guint segments = 0;
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  text_source_push (&s, "a", 0, 2);
  fail_unless (gst_pad_push_event (s.pad, gst_event_new_eos ()));
  fusion_expect_prompts (f, "own|a");
  fusion_expect_prompts (f, "own|a");
  fusion_expect_prompts (f, "own"); /* without waiting */
  while ((event = gst_harness_try_pull_event (f->h))) {
    fail_if (GST_EVENT_TYPE (event) == GST_EVENT_EOS);
    segments += GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT;
    gst_event_unref (event);
  }
  fail_unless_equals_int (segments, 1);
  text_source_release (&s, f->element);
  text_source_link (&s, f->element, "text_%u", "utf8");
  fail_unless (gst_harness_push_event (f->h, gst_event_new_eos ()));
  fail_unless_equals_int (gst_pad_push (s.pad, text_source_buffer ("a", 0, 1)), GST_FLOW_EOS);
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* A silent pad holds video up once, for the time-out; after that it is not waited for until it restarts. */
GST_START_TEST (test_timeout)
{
  const GstClockTime longer = 100 * GST_SECOND; /* than any machine takes for a few frames */
  Fusion *f = fusion_new ("prompt=own");
  GstPad *unlinked;
  gint64 begin;
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  unlinked = gst_element_request_pad_simple (f->element, "text_5"); /* which is never waited for */
  fail_unless (unlinked != NULL);
  g_object_set (f->element, "text-timeout", longer, NULL);
  begin = g_get_monotonic_time ();
  fusion_expect_prompts (f, "own");
  fail_unless (g_get_monotonic_time () - begin < 50 * G_USEC_PER_SEC);
  text_source_link (&s, f->element, "text_%u", "utf8");
  for (guint i = 0; i < 2; i++) {
    g_object_set (f->element, "text-timeout", 300 * GST_MSECOND, NULL);
    begin = g_get_monotonic_time ();
    fusion_expect_prompts (f, "own");
    fail_unless (g_get_monotonic_time () - begin >= 300000);
    g_object_set (f->element, "text-timeout", longer, NULL);
    begin = g_get_monotonic_time ();
    for (guint j = 0; j < 5; j++)
      fusion_expect_prompts (f, "own");
    fail_unless (g_get_monotonic_time () - begin < 50 * G_USEC_PER_SEC);
    fail_unless (gst_pad_push_event (s.pad, gst_event_new_flush_start ()));
    fail_unless (gst_pad_push_event (s.pad, gst_event_new_flush_stop (TRUE)));
  }
  text_source_release (&s, f->element);
  gst_element_release_request_pad (f->element, unlinked);
  gst_object_unref (unlinked);
  fusion_free (f);
}
GST_END_TEST

static gpointer
push_late (gpointer data)
{
  TextSource *s = data;

  g_usleep (200000);
  text_source_push (s, "late", 0, 2);
  g_usleep (200000);
  fail_unless (gst_pad_push_event (s->pad, gst_event_new_gap (GST_SECOND / 30, GST_SECOND)));
  return NULL;
}

/* A frame waits for the text that belongs to it; a gap says that there is none. */
GST_START_TEST (test_wait)
{
  Fusion *f = fusion_new ("text-timeout=20000000000");
  GThread *thread;
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  thread = g_thread_new ("text", push_late, &s);
  fusion_expect_prompts (f, "late");
  fusion_expect_prompts (f, "late");
  fusion_expect_prompts (f, "");
  g_thread_join (thread);
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* Live video does not wait for anybody. */
GST_START_TEST (test_live)
{
  Fusion *f = fusion_new ("mode=every-frame prompt=own text-timeout=20000000000");
  gint64 begin = g_get_monotonic_time ();
  TextSource s;

  gst_harness_set_live (f->h, TRUE);
  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  fusion_expect_prompts (f, "own");
  fail_unless (g_get_monotonic_time () - begin < 10 * G_USEC_PER_SEC);
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

static gpointer
push_frame (gpointer data)
{
  Fusion *f = data;

  return GINT_TO_POINTER (fusion_push (f, fusion_frame (f, 0)));
}

/* Releasing the pad, or stopping, frees the frame that waits for it. */
GST_START_TEST (test_release_while_waiting)
{
  Fusion *f = fusion_new ("text-timeout=100000000000");
  GThread *thread;
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  thread = g_thread_new ("frame", push_frame, f);
  g_usleep (100000);
  text_source_release (&s, f->element);
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_OK);
  text_source_link (&s, f->element, "text_%u", "utf8");
  thread = g_thread_new ("frame", push_frame, f);
  g_usleep (100000);
  fail_unless (fusion_stop (f) < 2000);
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

static gpointer
push_many (gpointer data)
{
  TextSource *s = data;
  GstFlowReturn ret = GST_FLOW_OK;
  guint n = 0;

  for (; ret == GST_FLOW_OK && n < 100000; n++)
    ret = gst_pad_push (s->pad, text_source_buffer ("x", n * GST_SECOND, GST_SECOND));
  fail_unless_equals_int (ret, GST_FLOW_FLUSHING);
  return GUINT_TO_POINTER (n);
}

/* Texts far ahead of the video wait, so that a pad holds few. */
GST_START_TEST (test_bounded)
{
  Fusion *f = fusion_new ("");
  GThread *thread;
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  thread = g_thread_new ("text", push_many, &s);
  for (guint i = 0; i < 100; i++)
    fusion_expect_prompts (f, "x");
  gst_element_set_state (f->element, GST_STATE_NULL);
  fail_unless (GPOINTER_TO_UINT (g_thread_join (thread)) < 200);
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* Whole pipelines. */

static gchar *
prompts_of (GstBuffer *buffer)
{
  GstVlMeta *meta = fusion_meta (buffer);
  GString *all = g_string_new (NULL);

  for (guint i = 0; meta && i < gst_vl_result_get_n_prompts (meta->result); i++)
    g_string_append_printf (all, "%s%s", i ? "|" : "", gst_vl_result_get_text (meta->result, i));
  return g_string_free (all, FALSE);
}

static gchar *
write_subtitles (guint seconds)
{
  g_autoptr (GString) srt = g_string_new (NULL);
  gchar *path = NULL;
  gint fd = g_file_open_tmp ("vlf-XXXXXX.srt", &path, NULL);

  fail_unless (fd >= 0);
  close (fd);
  for (guint i = 0; i < seconds; i++)
    g_string_append_printf (srt, "%u\n00:00:%02u,000 --> 00:00:%02u,000\nsecond <b>%u</b>\n\n", i + 1, i, i + 1, i);
  fail_unless (g_file_set_contents (path, srt->str, -1, NULL));
  return path;
}

typedef struct {
  guint frames, wrong;
} Count;

/* Every frame must carry the prompt of its second. */
static GstPadProbeReturn
check_second (GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  g_autofree gchar *found = prompts_of (buffer);
  g_autofree gchar *expected = g_strdup_printf ("second %u", (guint) (GST_BUFFER_PTS (buffer) / GST_SECOND));
  Count *count = user;

  (void) pad;
  g_atomic_int_inc (&count->frames);
  if (!g_str_equal (found, expected)) {
    GST_ERROR ("at %" GST_TIME_FORMAT ": expected \"%s\", found \"%s\"", GST_TIME_ARGS (GST_BUFFER_PTS (buffer)),
               expected, found);
    g_atomic_int_inc (&count->wrong);
  }
  return GST_PAD_PROBE_OK;
}

static GstElement *
launch (const gchar *description, Count *count)
{
  GError *error = NULL;
  GstElement *pipeline, *sink;
  GstPad *pad;

  fusion_register ();
  pipeline = gst_parse_launch (description, &error);
  fail_unless (pipeline && !error, "%s: %s", description, error ? error->message : "");
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "out");
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, check_second, count, NULL);
  gst_object_unref (pad);
  gst_object_unref (sink);
  return pipeline;
}

static void
run_to_end (GstElement *pipeline)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);

  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_object_unref (bus);
}

static void
play (const gchar *description, guint frames)
{
  Count count = { 0 };
  GstElement *pipeline = launch (description, &count);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  run_to_end (pipeline);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  fail_unless (count.frames == frames && count.wrong == 0, "%s: %u of %u frames wrong", description, count.wrong,
               count.frames);
}

#define VIDEO  "videotestsrc num-buffers=300 ! video/x-raw,format=I420,width=16,height=16,framerate=30/1"
#define FUSION "vlfusion name=f ! fakesink name=out"

GST_START_TEST (test_subtitles)
{
  g_autofree gchar *path = write_subtitles (10);
  g_autofree gchar *a = g_strdup_printf (VIDEO " ! " FUSION " filesrc location=%s ! subparse ! f.text_0", path);
  g_autofree gchar *b = g_strdup_printf (FUSION " filesrc location=%s ! subparse ! f.text_0 " VIDEO " ! f.sink", path);
  g_autofree gchar *c =
      g_strdup_printf (VIDEO " ! queue ! " FUSION " filesrc location=%s ! subparse ! queue ! f.", path);

  for (guint i = 0; i < 5; i++) {
    play (a, 300);
    play (b, 300);
    play (c, 300);
  }
  g_unlink (path);
}
GST_END_TEST

/* One file with both streams; its demuxer sends gaps. */
GST_START_TEST (test_matroska)
{
  g_autofree gchar *srt = write_subtitles (10);
  g_autofree gchar *mkv = g_strconcat (srt, ".mkv", NULL);
  g_autofree gchar *make = g_strdup_printf (
      VIDEO " ! jpegenc ! matroskamux name=m ! filesink location=%s filesrc location=%s ! subparse ! m.", mkv, srt);
  g_autofree gchar *line = g_strdup_printf ("filesrc location=%s ! matroskademux name=d d.video_0 ! queue ! jpegdec ! "
                                            "vlfusion name=f ! fakesink name=out d.subtitle_0 ! queue ! f.text_0",
                                            mkv);
  GstElement *maker = gst_parse_launch (make, NULL);

  gst_element_set_state (maker, GST_STATE_PLAYING);
  run_to_end (maker);
  gst_element_set_state (maker, GST_STATE_NULL);
  gst_object_unref (maker);
  play (line, 300);
  g_unlink (mkv);
  g_unlink (srt);
}
GST_END_TEST

/* Flushing seeks to anywhere, also while the one before is still under way. */
GST_START_TEST (test_seeks)
{
  g_autofree gchar *path = write_subtitles (25); /* each seek plays up to ten more seconds */
  g_autofree gchar *line = g_strdup_printf (VIDEO " ! " FUSION " filesrc location=%s ! subparse ! f.text_0", path);
  Count count = { 0 };
  GstElement *pipeline = launch (line, &count);
  GRand *rand = g_rand_new_with_seed (11);

  fake.run_ms = 1;
  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 40; i++) {
    fail_unless (gst_element_seek_simple (pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE,
                                          g_rand_int_range (rand, 0, 9500) * GST_MSECOND));
    if (i % 2)
      gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
    g_usleep (g_rand_int_range (rand, 0, 20000));
  }
  run_to_end (pipeline);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_rand_free (rand);
  fail_unless (count.frames > 40 && count.wrong == 0, "%u of %u frames wrong", count.wrong, count.frames);
  g_unlink (path);
}
GST_END_TEST

static Suite *
texts_suite (void)
{
  Suite *s = suite_create ("texts");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_timing);
  tcase_add_test (tc, test_long_line);
  tcase_add_test (tc, test_reverse);
  tcase_add_test (tc, test_order);
  tcase_add_test (tc, test_invalid_text);
  tcase_add_test (tc, test_separate);
  tcase_add_test (tc, test_timeout);
  tcase_add_test (tc, test_wait);
  tcase_add_test (tc, test_live);
  tcase_add_test (tc, test_release_while_waiting);
  tcase_add_test (tc, test_bounded);
  tcase_add_test (tc, test_subtitles);
  tcase_add_test (tc, test_matroska);
  tcase_add_test (tc, test_seeks);
  return s;
}

GST_CHECK_MAIN (texts)
