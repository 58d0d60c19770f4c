/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text pad of vlcaption on a fake session: which texts come out, for which time, and that it is a stream of its own. */
#include <string.h>
#include "plugin/gstvlcaption.h"
#include "tests/check/fusionharness.h"
#include "tests/check/textrecorder.h"

Suite *caption_texts_suite (void);

static void
pass (Fusion *f, guint frames)
{
  for (guint i = 0; i < frames; i++)
    gst_buffer_unref (fusion_pass (f));
}

static void
end (Fusion *f, Recorder *r)
{
  fail_unless (gst_harness_push_event (f->h, gst_event_new_eos ()));
  recorder_await (r, GST_EVENT_EOS, 1);
}

static void
expect (Recorder *r, const gchar *expected)
{
  g_autofree gchar *text = recorder_text (r);

  fail_unless_equals_string (text, expected);
}

#define BEGIN "stream-start\ncaps\nsegment\n"

/* Every inference says something; texts follow each other without gap or overlap. */
GST_START_TEST (test_cover)
{
  Fusion *f = caption_new ("interval=100000000");
  Recorder *r = recorder_new (f->element);

  fusion_set_caps (f, "RGB", 8, 8);
  pass (f, 3);
  fake.saying = 1;
  pass (f, 6);
  end (f, r);
  expect (r, BEGIN "0.00-0.10 saying 0\n0.10-0.20 saying 1\n0.20-0.30 saying 1\neos\n");
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_only_changes)
{
  Fusion *f = caption_new ("interval=100000000 only-changes=true max-age=500000000");
  Recorder *r = recorder_new (f->element);

  fusion_set_caps (f, "RGB", 8, 8);
  pass (f, 9);
  fake.saying = 1;
  pass (f, 20);
  end (f, r);
  expect (r,
          BEGIN "0.00-0.10 saying 0\n0.10-0.30\n0.30-0.40 saying 1\n0.40-0.80\n0.80-0.90 saying 1\n0.90-0.97\neos\n");
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

/* Questions come and go: without one there is nothing to say. What is asked sooner than a text ends waits for it. */
GST_START_TEST (test_texts_of_questions)
{
  Fusion *f = caption_new ("interval=200000000");
  Recorder *r = recorder_new (f->element);

  fake.answers = 1;
  fusion_set_caps (f, "RGB", 8, 8);
  pass (f, 3);
  g_object_set (f->element, "question", "who?\nwhy?", NULL);
  pass (f, 3);
  g_object_set (f->element, "question", "how?", NULL);
  pass (f, 4);
  g_object_set (f->element, "question", "", NULL);
  pass (f, 10);
  end (f, r);
  expect (r, BEGIN "0.00-0.10\n0.10-0.30 who? 0\nwhy? 0\n0.30-0.50 how? 0\n0.50-0.67\neos\n");
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

/* An hour between inferences is no promise for an hour. */
GST_START_TEST (test_long_interval)
{
  Fusion *f = caption_new ("interval=3600000000000");
  Recorder *r = recorder_new (f->element);

  fusion_set_caps (f, "RGB", 8, 8);
  pass (f, 70);
  end (f, r);
  expect (r, BEGIN "0.00-2.00 saying 0\n2.00-4.00 saying 0\neos\n");
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

static void
restart (Fusion *f, GstClockTime from)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.start = segment.time = segment.position = from;
  fail_unless (gst_harness_push_event (f->h, gst_event_new_segment (&segment)));
  f->pushed = gst_util_uint64_scale_round (from, 30, GST_SECOND);
}

static void
flush (Fusion *f)
{
  gst_harness_push_event (f->h, gst_event_new_flush_start ());
  gst_harness_push_event (f->h, gst_event_new_flush_stop (TRUE));
}

/* The end, a flush, a new segment, in every order. */
GST_START_TEST (test_seeks)
{
  Fusion *f = caption_new ("interval=100000000");
  Recorder *r = recorder_new (f->element);

  fusion_set_caps (f, "RGB", 8, 8);
  pass (f, 2);
  recorder_await_texts (r, 1);
  flush (f);
  restart (f, GST_SECOND);
  pass (f, 2);
  end (f, r);
  expect (r, BEGIN "0.00-0.10 saying 0\nflush-start\nflush-stop\nsegment\n1.00-1.10 saying 0\neos\n");
  recorder_clear (r);
  flush (f); /* after the end */
  restart (f, 0);
  pass (f, 1);
  recorder_await_texts (r, 1);
  restart (f, 2 * GST_SECOND); /* without a flush */
  pass (f, 1);
  end (f, r);
  expect (r, "flush-start\nflush-stop\nsegment\n0.00-0.10 saying 0\nsegment\n2.00-2.10 saying 0\neos\n");
  recorder_clear (r);
  flush (f);
  flush (f); /* nothing between */
  restart (f, 0);
  end (f, r);
  expect (r, "flush-start\nflush-stop\nflush-start\nflush-stop\nsegment\neos\n");
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

/* A flush comes while the first events have not left yet: what begins the stream is not lost with the texts. */
GST_START_TEST (test_early_flush)
{
  Fusion *f = caption_new ("interval=100000000");
  Recorder *r = recorder_new (f->element);
  gulong block = gst_pad_add_probe (r->peer, GST_PAD_PROBE_TYPE_BLOCK_DOWNSTREAM, NULL, NULL, NULL);

  fusion_set_caps (f, "RGB", 8, 8);
  pass (f, 4);
  while (!gst_pad_is_blocking (r->peer))
    g_usleep (1000);
  gst_harness_push_event (f->h, gst_event_new_flush_start ());
  gst_pad_remove_probe (r->peer, block);
  gst_harness_push_event (f->h, gst_event_new_flush_stop (TRUE));
  restart (f, GST_SECOND);
  pass (f, 2);
  end (f, r);
  expect (r, "flush-start\nflush-stop\n" BEGIN "1.00-1.10 saying 0\neos\n");
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

/* After an accurate seek the first frame begins before its segment, and its text with the segment. */
GST_START_TEST (test_clipped)
{
  Fusion *f = caption_new ("interval=100000000");
  Recorder *r = recorder_new (f->element);

  fusion_set_caps (f, "RGB", 8, 8);
  restart (f, 1010 * GST_MSECOND);
  f->pushed = 30;
  pass (f, 4);
  end (f, r);
  expect (r, BEGIN "1.01-1.13 saying 0\neos\n");
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

/* Whoever takes the texts may stand still for ever: video passes, more than what is kept of texts, and a flush ends it. */
GST_START_TEST (test_stuck_texts)
{
  Fusion *f = caption_new ("interval=0");
  Recorder *r = recorder_new (f->element);

  gst_harness_set_live (f->h, TRUE);
  g_object_set (f->element, "mode", 1, NULL);
  fusion_set_caps (f, "RGB", 8, 8);
  recorder_block (r, TRUE);
  pass (f, 700);
  fail_unless_equals_int (recorder_count (r, GST_EVENT_UNKNOWN), 0);
  flush (f);
  recorder_block (r, FALSE);
  restart (f, 0);
  recorder_clear (r);
  pass (f, 1);
  recorder_await_texts (r, 1);
  fail_unless (fusion_stop (f) < 2000);
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

static gpointer
pass_all (gpointer f)
{
  GstFlowReturn ret = GST_FLOW_OK;

  for (guint i = 0; i < 700 && ret == GST_FLOW_OK; i++)
    ret = fusion_push (f, fusion_frame (f, i));
  return GINT_TO_POINTER (ret);
}

/* From a file nothing is lost: video waits once much is pending, and can be stopped meanwhile. */
GST_START_TEST (test_slow_texts)
{
  Fusion *f = caption_new ("interval=0");
  Recorder *r = recorder_new (f->element);
  GThread *thread;

  fusion_set_caps (f, "RGB", 8, 8);
  recorder_block (r, TRUE);
  thread = g_thread_new ("pass", pass_all, f);
  fusion_await (&fake.runs, 200);
  recorder_block (r, FALSE);
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_OK);
  recorder_await_texts (r, 700);
  recorder_block (r, TRUE);
  thread = g_thread_new ("pass", pass_all, f);
  fusion_await (&fake.runs, 900);
  recorder_stop (r);
  fail_unless (fusion_stop (f) < 2000);
  g_thread_join (thread);
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

/* The pad may come and go while the video plays. */
GST_START_TEST (test_request_while_playing)
{
  Fusion *f = caption_new ("interval=100000000");
  GstPad *second;
  Recorder *r;

  fusion_set_caps (f, "RGB", 8, 8);
  pass (f, 6);
  r = recorder_new (f->element);
  second = gst_element_request_pad (f->element, gst_element_get_pad_template (f->element, "text_src"), NULL, NULL);
  fail_unless (second == NULL);
  pass (f, 3);
  recorder_await_texts (r, 1);
  expect (r, BEGIN "0.20-0.30 saying 0\n");
  recorder_free (r);
  pass (f, 3);
  r = recorder_new (f->element);
  pass (f, 3);
  end (f, r);
  expect (r, BEGIN "0.40-0.50 saying 0\neos\n");
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

/* Texts come out where questions go in: an element with a second sink pad makes no stream id by itself. */
GST_START_TEST (test_beside_questions)
{
  Fusion *f = caption_new ("interval=100000000");
  GstPad *questions = gst_element_request_pad_simple (f->element, "text_%u");
  Recorder *r = recorder_new (f->element);
  const gchar *id = NULL;

  g_object_set (f->element, "text-timeout", (guint64) 0, NULL);
  fusion_set_caps (f, "RGB", 8, 8);
  pass (f, 3);
  end (f, r);
  expect (r, BEGIN "0.00-0.10 saying 0\neos\n");
  gst_event_parse_stream_start (g_ptr_array_index (r->items, 0), &id);
  fail_unless (g_str_has_suffix (id, "/text"), "%s", id);
  recorder_free (r);
  gst_element_release_request_pad (f->element, questions);
  gst_object_unref (questions);
  fusion_free (f);
}
GST_END_TEST

/* The end, or a segment, does not push a text out of a queue that is full. */
GST_START_TEST (test_end_behind_many)
{
  Fusion *f = caption_new ("interval=0");
  Recorder *r = recorder_new (f->element);

  fusion_set_caps (f, "RGB", 8, 8);
  recorder_block (r, TRUE);
  pass (f, 200);
  for (guint i = 0; i < 400; i++) /* more than there is room for */
    restart (f, 20 * GST_SECOND);
  fail_unless (gst_harness_push_event (f->h, gst_event_new_eos ()));
  recorder_block (r, FALSE);
  recorder_await (r, GST_EVENT_EOS, 1);
  fail_unless_equals_int (recorder_count (r, GST_EVENT_UNKNOWN), 200);
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

static gpointer
unblock_soon (gpointer r)
{
  g_usleep (200000);
  recorder_block (r, FALSE);
  return NULL;
}

/* The pad may go while the video waits at it: that is no end of the video. */
GST_START_TEST (test_release_while_waiting)
{
  Fusion *f = caption_new ("interval=0");
  Recorder *r = recorder_new (f->element);
  GThread *thread, *unblock;

  fusion_set_caps (f, "RGB", 8, 8);
  recorder_block (r, TRUE);
  thread = g_thread_new ("pass", pass_all, f);
  fusion_await (&fake.runs, 200);
  for (gint runs = 0; runs < g_atomic_int_get (&fake.runs); g_usleep (300000)) /* until the video waits */
    runs = g_atomic_int_get (&fake.runs);
  unblock = g_thread_new ("unblock", unblock_soon, r);
  recorder_release (r);
  g_thread_join (unblock);
  recorder_free (r);
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_OK);
  fusion_free (f);
}
GST_END_TEST

/* An error behind the text pad is one of the element, the end behind it is not. */
GST_START_TEST (test_flow)
{
  Fusion *f = caption_new ("interval=0");
  Recorder *r = recorder_new (f->element);
  GstFlowReturn ret = GST_FLOW_OK;

  fusion_set_caps (f, "RGB", 8, 8);
  r->flow = GST_FLOW_EOS;
  pass (f, 20);
  flush (f);
  restart (f, 0);
  r->flow = GST_FLOW_ERROR;
  for (guint i = 0; i < 2000 && ret == GST_FLOW_OK; i++) {
    ret = fusion_push (f, fusion_frame (f, i));
    g_usleep (500);
  }
  fail_unless_equals_int (ret, GST_FLOW_ERROR);
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

/* Muxers wait for what is earliest on any of their pads. For matroskamux texts are ahead of the video by enough. qtmux and mp4mux keep each
 * text until they have seen the next one, whatever gaps say meanwhile, so that the video needs a queue that holds as much. */
#define QUEUE "queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! "
GST_START_TEST (test_muxers)
{
  static const struct {
    const gchar *muxer;
    guint interval; /* milliseconds */
  } ways[] = { { "matroskamux", 0 }, { "matroskamux", 400 }, { "matroskamux", 1000 },
               { QUEUE "qtmux", 0 }, { QUEUE "qtmux", 400 }, { QUEUE "qtmux", 1000 } };

  fail_unless (GST_ELEMENT_REGISTER (vlcaption, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    g_autofree gchar *line =
        g_strdup_printf ("videotestsrc num-buffers=90 ! video/x-raw,width=32,height=32,framerate=30/1 ! vlcaption "
                         "name=c interval=%u000000 ! "
                         "jpegenc ! %s name=m ! fakesink  c.text_src ! m.",
                         ways[i].interval, ways[i].muxer);
    GError *error = NULL;
    GstElement *pipeline = gst_parse_launch (line, &error);
    GstBus *bus;
    GstMessage *message;

    fail_unless (pipeline && !error, "%s: %s", line, error ? error->message : "");
    bus = gst_element_get_bus (pipeline);
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    message = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS, "%s: %s", line,
                 message ? "an error" : "hangs");
    gst_message_unref (message);
    gst_element_set_state (pipeline, GST_STATE_NULL);
    gst_object_unref (bus);
    gst_object_unref (pipeline);
  }
}
GST_END_TEST

Suite *
caption_texts_suite (void)
{
  Suite *s = suite_create ("vlcaption");
  TCase *tc = tcase_create ("texts");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_cover);
  tcase_add_test (tc, test_only_changes);
  tcase_add_test (tc, test_texts_of_questions);
  tcase_add_test (tc, test_long_interval);
  tcase_add_test (tc, test_seeks);
  tcase_add_test (tc, test_early_flush);
  tcase_add_test (tc, test_clipped);
  tcase_add_test (tc, test_stuck_texts);
  tcase_add_test (tc, test_slow_texts);
  tcase_add_test (tc, test_request_while_playing);
  tcase_add_test (tc, test_beside_questions);
  tcase_add_test (tc, test_end_behind_many);
  tcase_add_test (tc, test_release_while_waiting);
  tcase_add_test (tc, test_flow);
  tcase_add_test (tc, test_muxers);
  return s;
}
