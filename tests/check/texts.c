/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text pads of vlfusion on a fake session: which prompts are active when. */
#include "tests/check/fusionharness.h"
#include <glib/gstdio.h>
#include <string.h>

/* A text pad fed by hand. */
typedef struct {
  GstPad *pad, *peer;
  const gchar *format;
} Source;

static gpointer
push_start (gpointer data)
{
  Source *s = data;
  GstCaps *caps = gst_caps_new_simple ("text/x-raw", "format", G_TYPE_STRING, s->format, NULL);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (gst_pad_push_event (s->pad, gst_event_new_stream_start ("texts")));
  fail_unless (gst_pad_push_event (s->pad, gst_event_new_caps (caps)));
  fail_unless (gst_pad_push_event (s->pad, gst_event_new_segment (&segment)));
  gst_caps_unref (caps);
  return NULL;
}

/* The text stream starts on a thread that is not the video's, which would not wait for itself. */
static void
source_link (Source *s, GstElement *element, const gchar *name, const gchar *format)
{
  s->format = format;
  s->peer = gst_element_request_pad_simple (element, name);
  fail_unless (s->peer != NULL, "no pad %s", name);
  s->pad = gst_pad_new ("src", GST_PAD_SRC);
  gst_pad_set_active (s->pad, TRUE);
  fail_unless_equals_int (gst_pad_link (s->pad, s->peer), GST_PAD_LINK_OK);
  g_thread_join (g_thread_new ("start", push_start, s));
}

static void
source_release (Source *s, GstElement *element)
{
  gst_element_release_request_pad (element, s->peer);
  gst_object_unref (s->peer);
  gst_pad_set_active (s->pad, FALSE);
  gst_object_unref (s->pad);
}

static GstBuffer *
text_buffer (const gchar *text, GstClockTime pts, GstClockTime duration)
{
  GstBuffer *buffer = *text ? gst_buffer_new_memdup (text, strlen (text)) : gst_buffer_new ();

  GST_BUFFER_PTS (buffer) = pts;
  GST_BUFFER_DURATION (buffer) = duration;
  return buffer;
}

/* Times in frames of 1/30 s; -1: none. */
static void
source_push (Source *s, const gchar *text, gint start, gint duration)
{
  GstClockTime pts = start < 0 ? GST_CLOCK_TIME_NONE : gst_util_uint64_scale (start, GST_SECOND, 30);
  GstClockTime length = duration < 0 ? GST_CLOCK_TIME_NONE : gst_util_uint64_scale (duration, GST_SECOND, 30);

  fail_unless_equals_int (gst_pad_push (s->pad, text_buffer (text, pts, length)), GST_FLOW_OK);
}

static gchar *
prompts_of (GstBuffer *buffer)
{
  GstVlMeta *meta = fusion_meta (buffer);
  GString *all = g_string_new (NULL);

  for (guint i = 0; meta && i < gst_vl_result_get_n_prompts (meta->result); i++)
    g_string_append_printf (all, "%s%s", i ? "|" : "", gst_vl_result_get_text (meta->result, i));
  return g_string_free (all, FALSE);
}

static void
expect_prompts (Fusion *f, const gchar *expected)
{
  GstBuffer *out = fusion_pass (f);
  g_autofree gchar *found = prompts_of (out);

  fail_unless (g_str_equal (found, expected), "frame %u: expected \"%s\", found \"%s\"", (guint) f->pushed - 1,
               expected, found);
  gst_buffer_unref (out);
}

GST_START_TEST (test_timing)
{
  Fusion *f = fusion_new ("text-timeout=0");
  Source s;

  fusion_set_caps (f, "RGB", 8, 8);
  source_link (&s, f->element, "text_%u", "utf8");
  source_push (&s, "a", 1, 2);     /* 1, 2 */
  source_push (&s, "b", 2, 3);     /* 2, 3, 4: overlaps */
  source_push (&s, "open", 6, -1); /* until the next */
  source_push (&s, "c", 8, 10);
  source_push (&s, "", 10, -1); /* ends it */
  source_push (&s, "d", 12, -1);
  source_push (&s, "", 13, -1);
  expect_prompts (f, "");
  expect_prompts (f, "a");
  expect_prompts (f, "a|b");
  expect_prompts (f, "b");
  expect_prompts (f, "b");
  expect_prompts (f, "");
  expect_prompts (f, "open");
  expect_prompts (f, "open");
  expect_prompts (f, "c");
  expect_prompts (f, "c");
  expect_prompts (f, "");
  expect_prompts (f, "");
  expect_prompts (f, "d");
  expect_prompts (f, "");
  source_push (&s, "now", -1, -1);
  expect_prompts (f, "now");
  source_push (&s, "then", -1, -1);
  expect_prompts (f, "then");
  source_push (&s, "", -1, -1);
  expect_prompts (f, "");
  source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* A line of 10 kB on a pad is a prompt like others; that the model reads only its beginning is told once. */
GST_START_TEST (test_long_line)
{
  Fusion *f = fusion_new ("text-timeout=0");
  g_autofree gchar *line = g_strnfill (10000, 'a');
  Source s;

  for (guint i = 9; i < 10000; i += 10)
    line[i] = ' ';
  fake.truncate_at = 100;
  fusion_set_caps (f, "RGB", 8, 8);
  source_link (&s, f->element, "text_%u", "utf8");
  source_push (&s, line, 0, 2);
  source_push (&s, "short", 2, 1);
  line[9999] = '\0'; /* white space around a text does not count */
  expect_prompts (f, line);
  expect_prompts (f, line);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 1);
  expect_prompts (f, "short");
  source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

static void
expect_prompts_at (Fusion *f, guint64 number, const gchar *expected)
{
  f->pushed = number;
  expect_prompts (f, expected);
}

static void
start_segment (Fusion *f, gdouble rate)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = rate;
  segment.stop = GST_SECOND;
  fail_unless (gst_harness_push_event (f->h, gst_event_new_segment (&segment)));
}

/* Backwards, a text is active at the same time of the stream: from its end to its start, in whatever order texts come. */
GST_START_TEST (test_reverse)
{
  Fusion *f = fusion_new ("text-timeout=0");
  Source s;

  fusion_set_caps (f, "RGB", 8, 8);
  start_segment (f, -1);
  source_link (&s, f->element, "text_%u", "utf8");
  source_push (&s, "a", 0, 3);
  source_push (&s, "b", 2, 3);
  source_push (&s, "d", 8, 2);
  expect_prompts_at (f, 9, "d");
  expect_prompts_at (f, 7, "");
  source_push (&s, "c", 5, 2);
  expect_prompts_at (f, 6, "c");
  expect_prompts_at (f, 4, "b");
  expect_prompts_at (f, 2, "a|b");
  expect_prompts_at (f, 0, "a");
  start_segment (f, 1);
  expect_prompts_at (f, 1, "a");
  expect_prompts_at (f, 4, "");
  source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* The properties' prompts first, then each pad's in the order of their numbers. */
GST_START_TEST (test_order)
{
  Fusion *f = fusion_new ("text-timeout=0 prompt=own");
  Source s[3];

  fusion_set_caps (f, "RGB", 8, 8);
  source_link (&s[0], f->element, "text_7", "utf8");
  source_link (&s[1], f->element, "text_%u", "utf8");
  source_link (&s[2], f->element, "text_3", "pango-markup");
  fail_unless_equals_string (GST_PAD_NAME (s[1].peer), "text_0");
  fail_unless (gst_element_request_pad_simple (f->element, "text_x") == NULL);
  source_push (&s[0], "seven", 0, 30);
  source_push (&s[1], "two\nlines ", 0, 30);
  source_push (&s[2], "<b>bold</b> &amp; <i>more", 0, 1); /* not well-formed */
  source_push (&s[2], "<b>bold</b> &lt; <i>more</i>", 1, 30);
  expect_prompts (f, "own|two lines|<b>bold</b> &amp; <i>more|seven");
  expect_prompts (f, "own|two lines|bold < more|seven");
  source_release (&s[1], f->element);
  expect_prompts (f, "own|bold < more|seven");
  source_release (&s[0], f->element);
  source_release (&s[2], f->element);
  expect_prompts (f, "own");
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_invalid_text)
{
  Fusion *f = fusion_new ("text-timeout=0");
  Source s;

  fusion_set_caps (f, "RGB", 8, 8);
  source_link (&s, f->element, "text_%u", "utf8");
  source_push (&s, "good", 0, 30);
  source_push (&s, "b\xff", 1, 30);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 1);
  expect_prompts (f, "good");
  expect_prompts (f, "good");
  source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* Nothing of the text stream reaches the video: no EOS, no segment; and video's EOS refuses texts. */
GST_START_TEST (test_separate)
{
  Fusion *f = fusion_new ("prompt=own");
  GstEvent *event;
  guint segments = 0;
  Source s;

  fusion_set_caps (f, "RGB", 8, 8);
  source_link (&s, f->element, "text_%u", "utf8");
  source_push (&s, "a", 0, 2);
  fail_unless (gst_pad_push_event (s.pad, gst_event_new_eos ()));
  expect_prompts (f, "own|a");
  expect_prompts (f, "own|a");
  expect_prompts (f, "own"); /* without waiting */
  while ((event = gst_harness_try_pull_event (f->h))) {
    fail_if (GST_EVENT_TYPE (event) == GST_EVENT_EOS);
    segments += GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT;
    gst_event_unref (event);
  }
  fail_unless_equals_int (segments, 1);
  source_release (&s, f->element);
  source_link (&s, f->element, "text_%u", "utf8");
  fail_unless (gst_harness_push_event (f->h, gst_event_new_eos ()));
  fail_unless_equals_int (gst_pad_push (s.pad, text_buffer ("a", 0, 1)), GST_FLOW_EOS);
  source_release (&s, f->element);
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
  Source s;

  fusion_set_caps (f, "RGB", 8, 8);
  unlinked = gst_element_request_pad_simple (f->element, "text_5"); /* which is never waited for */
  fail_unless (unlinked != NULL);
  g_object_set (f->element, "text-timeout", longer, NULL);
  begin = g_get_monotonic_time ();
  expect_prompts (f, "own");
  fail_unless (g_get_monotonic_time () - begin < 50 * G_USEC_PER_SEC);
  source_link (&s, f->element, "text_%u", "utf8");
  for (guint i = 0; i < 2; i++) {
    g_object_set (f->element, "text-timeout", 300 * GST_MSECOND, NULL);
    begin = g_get_monotonic_time ();
    expect_prompts (f, "own");
    fail_unless (g_get_monotonic_time () - begin >= 300000);
    g_object_set (f->element, "text-timeout", longer, NULL);
    begin = g_get_monotonic_time ();
    for (guint j = 0; j < 5; j++)
      expect_prompts (f, "own");
    fail_unless (g_get_monotonic_time () - begin < 50 * G_USEC_PER_SEC);
    fail_unless (gst_pad_push_event (s.pad, gst_event_new_flush_start ()));
    fail_unless (gst_pad_push_event (s.pad, gst_event_new_flush_stop (TRUE)));
  }
  source_release (&s, f->element);
  gst_element_release_request_pad (f->element, unlinked);
  gst_object_unref (unlinked);
  fusion_free (f);
}
GST_END_TEST

static gpointer
push_late (gpointer data)
{
  Source *s = data;

  g_usleep (200000);
  source_push (s, "late", 0, 2);
  g_usleep (200000);
  fail_unless (gst_pad_push_event (s->pad, gst_event_new_gap (GST_SECOND / 30, GST_SECOND)));
  return NULL;
}

/* A frame waits for the text that belongs to it; a gap says that there is none. */
GST_START_TEST (test_wait)
{
  Fusion *f = fusion_new ("text-timeout=20000000000");
  GThread *thread;
  Source s;

  fusion_set_caps (f, "RGB", 8, 8);
  source_link (&s, f->element, "text_%u", "utf8");
  thread = g_thread_new ("text", push_late, &s);
  expect_prompts (f, "late");
  expect_prompts (f, "late");
  expect_prompts (f, "");
  g_thread_join (thread);
  source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* Live video does not wait for anybody. */
GST_START_TEST (test_live)
{
  Fusion *f = fusion_new ("mode=every-frame prompt=own text-timeout=20000000000");
  gint64 begin = g_get_monotonic_time ();
  Source s;

  gst_harness_set_live (f->h, TRUE);
  fusion_set_caps (f, "RGB", 8, 8);
  source_link (&s, f->element, "text_%u", "utf8");
  expect_prompts (f, "own");
  fail_unless (g_get_monotonic_time () - begin < 10 * G_USEC_PER_SEC);
  source_release (&s, f->element);
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
  Source s;

  fusion_set_caps (f, "RGB", 8, 8);
  source_link (&s, f->element, "text_%u", "utf8");
  thread = g_thread_new ("frame", push_frame, f);
  g_usleep (100000);
  source_release (&s, f->element);
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_OK);
  source_link (&s, f->element, "text_%u", "utf8");
  thread = g_thread_new ("frame", push_frame, f);
  g_usleep (100000);
  fail_unless (fusion_stop (f) < 2000);
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

static gpointer
push_many (gpointer data)
{
  Source *s = data;
  GstFlowReturn ret = GST_FLOW_OK;
  guint n = 0;

  for (; ret == GST_FLOW_OK && n < 100000; n++)
    ret = gst_pad_push (s->pad, text_buffer ("x", n * GST_SECOND, GST_SECOND));
  fail_unless_equals_int (ret, GST_FLOW_FLUSHING);
  return GUINT_TO_POINTER (n);
}

/* Texts far ahead of the video wait, so that a pad holds few. */
GST_START_TEST (test_bounded)
{
  Fusion *f = fusion_new ("");
  GThread *thread;
  Source s;

  fusion_set_caps (f, "RGB", 8, 8);
  source_link (&s, f->element, "text_%u", "utf8");
  thread = g_thread_new ("text", push_many, &s);
  for (guint i = 0; i < 100; i++)
    expect_prompts (f, "x");
  gst_element_set_state (f->element, GST_STATE_NULL);
  fail_unless (GPOINTER_TO_UINT (g_thread_join (thread)) < 200);
  source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* Whole pipelines. */

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
