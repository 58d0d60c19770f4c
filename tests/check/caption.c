/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlcaption on a fake session: what frames carry, what is asked when, and that nothing holds up the video. */
#include <string.h>
#include "tests/check/fusionharness.h"
#include "tests/check/textrecorder.h"

Suite *caption_texts_suite (void);

static GstVlMeta *
caption_meta (GstBuffer *buffer)
{
  return gst_buffer_get_vl_meta (buffer, "f", GST_VL_KIND_CAPTION);
}

/* Pushes a frame; what it says, "" without meta. */
static gchar *
said (Fusion *f)
{
  GstBuffer *out = fusion_pass (f);
  GstVlMeta *meta = caption_meta (out);
  GString *text = g_string_new (NULL);

  for (guint i = 0; meta && i < gst_vl_result_get_n_prompts (meta->result); i++)
    g_string_append_printf (text, "%s%s", i ? "|" : "", gst_vl_result_get_caption (meta->result, i));
  gst_buffer_unref (out);
  return g_string_free (text, FALSE);
}

static void
expect_said (Fusion *f, const gchar *expected)
{
  g_autofree gchar *text = said (f);

  fail_unless_equals_string (text, expected);
}

GST_START_TEST (test_video_untouched)
{
  Fusion *f = caption_new ("interval=0");

  fusion_set_caps (f, "I420", 16, 16);
  for (guint i = 0; i < 30; i++) {
    GstBuffer *in = fusion_frame (f, i), *copy = gst_buffer_copy_deep (in), *out;
    GstMapInfo map;

    fail_unless_equals_int (fusion_push (f, in), GST_FLOW_OK);
    out = gst_harness_pull (f->h);
    fail_unless_equals_uint64 (GST_BUFFER_PTS (out), GST_BUFFER_PTS (copy));
    fail_unless (gst_buffer_map (out, &map, GST_MAP_READ));
    fail_unless (map.size == gst_buffer_get_size (copy) && gst_buffer_memcmp (copy, 0, map.data, map.size) == 0);
    gst_buffer_unmap (out, &map);
    gst_buffer_unref (copy);
    gst_buffer_unref (out);
  }
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_meta)
{
  Fusion *f = caption_new ("interval=0");
  GstVlResult *result;
  GstBuffer *out;
  GstVlMeta *meta;
  gsize n;

  fake.saying = 7;
  fusion_set_caps (f, "I420", 16, 8);
  gst_buffer_unref (fusion_pass (f));
  out = fusion_pass (f);
  meta = caption_meta (out);
  fail_unless (meta && !meta->carried);
  result = meta->result;
  fail_unless_equals_uint64 (gst_vl_result_get_source_pts (result), GST_BUFFER_PTS (out));
  fail_unless_equals_string (gst_vl_result_get_text (result, 0), "");
  fail_unless_equals_string (gst_vl_result_get_caption (result, 0), "saying 7");
  fail_unless_equals_int (gst_vl_result_get_n_words (result, 0), 2);
  fail_unless_equals_string (gst_vl_result_get_word_text (result, 0, 1), "7");
  fail_unless (gst_vl_result_peek_word_map (result, 0, 1, &n) != NULL && n == FAKE_GRID * FAKE_GRID);
  gst_buffer_unref (out);
  g_object_set (f->element, "word-maps", FALSE, NULL);
  out = fusion_pass (f);
  fail_unless (gst_vl_result_peek_word_map (caption_meta (out)->result, 0, 1, NULL) == NULL);
  gst_buffer_unref (out);
  fusion_free (f);
}
GST_END_TEST

/* By default a second, which 30 frames take. */
GST_START_TEST (test_interval)
{
  Fusion *f = caption_new ("");

  fusion_set_caps (f, "RGB", 8, 8);
  for (guint i = 0; i < 91; i++) {
    GstBuffer *out = fusion_pass (f);

    fail_unless_equals_int (caption_meta (out)->carried, i % 30 != 0);
    gst_buffer_unref (out);
  }
  fail_unless_equals_int (fake.runs, 4);
  fusion_free (f);
}
GST_END_TEST

/* What changes is asked of the next frame, whatever the interval. */
GST_START_TEST (test_questions)
{
  Fusion *f;

  fake_reset ();
  fake.answers = 2;
  f = caption_new ("interval=3600000000000 question=\"is it red?\\\\nhow many?\"");
  fake.answers = 2;
  fusion_set_caps (f, "RGB", 8, 8);
  expect_said (f, "is it red? 0|how many? 0");
  fake.saying = 1;
  expect_said (f, "is it red? 0|how many? 0");
  g_object_set (f->element, "question", "where?", NULL);
  expect_said (f, "where? 1");
  g_object_set (f->element, "question", "", NULL);
  expect_said (f, "saying 1");
  g_object_set (f->element, "prompt", "a picture of", NULL);
  expect_said (f, "a picture of 1");
  fail_unless_equals_int (fake.captions, 4);
  fusion_free (f);
}
GST_END_TEST

static void
push_question (GstPad *pad, const gchar *text, GstClockTime from, GstClockTime to)
{
  GstBuffer *buffer = gst_buffer_new_memdup (text, strlen (text));

  GST_BUFFER_PTS (buffer) = from;
  GST_BUFFER_DURATION (buffer) = to - from;
  fail_unless_equals_int (gst_pad_push (pad, buffer), GST_FLOW_OK);
}

/* Questions with a time; a model that only answers says nothing between them. */
GST_START_TEST (test_timed_questions)
{
  Fusion *f = caption_new ("interval=3600000000000 text-timeout=0");
  GstPad *peer = gst_element_request_pad_simple (f->element, "text_0"), *pad = gst_pad_new ("src", GST_PAD_SRC);
  GstCaps *caps = gst_caps_new_simple ("text/x-raw", "format", G_TYPE_STRING, "utf8", NULL);
  GstSegment segment;

  fake.answers = 1;
  fusion_set_caps (f, "RGB", 8, 8);
  gst_pad_set_active (pad, TRUE);
  fail_unless_equals_int (gst_pad_link (pad, peer), GST_PAD_LINK_OK);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (pad, gst_event_new_stream_start ("questions"));
  gst_pad_push_event (pad, gst_event_new_caps (caps));
  gst_caps_unref (caps);
  gst_pad_push_event (pad, gst_event_new_segment (&segment));
  push_question (pad, "who?", 100 * GST_MSECOND, 200 * GST_MSECOND);
  push_question (pad, "why?", 300 * GST_MSECOND, 400 * GST_MSECOND);
  for (guint i = 0; i < 15; i++)
    expect_said (f, i < 3 || (i >= 6 && i < 9) || i >= 12 ? "" : i < 6 ? "who? 0" : "why? 0");
  fail_unless_equals_int (fake.captions, 2);
  gst_element_release_request_pad (f->element, peer);
  gst_object_unref (peer);
  gst_object_unref (pad);
  fusion_free (f);
}
GST_END_TEST

/* A question that the model cannot read ends nothing, and the manner in which it was asked is not taken for the cause. */
GST_START_TEST (test_unreadable_question)
{
  Fusion *f;

  fake_reset ();
  f = caption_new ("interval=0 num-beams=2 question=how?");
  fake.answers = 2;
  fusion_set_caps (f, "RGB", 8, 8);
  expect_said (f, "how? 0");
  g_object_set (f->element, "num-beams", 3, "question", FAKE_UNREADABLE, NULL);
  expect_said (f, "saying 0");
  expect_said (f, "saying 0");
  fusion_expect_message (f->bus, GST_MESSAGE_WARNING, "found " FAKE_UNREADABLE);
  g_object_set (f->element, "question", "why?", NULL);
  expect_said (f, "why? 0");
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR, NULL), 0);
  fusion_free (f);
}
GST_END_TEST

/* A camera's frames pass while the model writes: they are there before its first text is. */
GST_START_TEST (test_live_is_not_held_up)
{
  Fusion *f = caption_new ("interval=0");

  gst_harness_set_live (f->h, TRUE);
  g_atomic_int_set (&fake.steps, 1000000);
  g_atomic_int_set (&fake.step_ms, 1);
  fusion_set_caps (f, "RGB", 8, 8);
  for (guint i = 0; i < 2000 && !g_atomic_int_get (&fake.running); i++) {
    expect_said (f, "");
    g_usleep (1000);
  }
  for (guint i = 0; i < 30; i++)
    expect_said (f, "");
  fail_unless_equals_int (fake.captions, 0);
  g_atomic_int_set (&fake.steps, 0); /* the loop of steps ends */
  fusion_await (&fake.captions, 1);
  for (guint i = 0; i < 2000; i++) {
    g_autofree gchar *text = said (f);

    if (*text) {
      fail_unless_equals_string (text, "saying 0");
      break;
    }
    g_usleep (1000);
  }
  fusion_free (f);
}
GST_END_TEST

/* One frame is held, the next one waits for it. */
static gpointer
push_some (gpointer data)
{
  Fusion *f = data;
  GstFlowReturn ret = GST_FLOW_OK;

  for (guint i = 0; i < 3 && ret == GST_FLOW_OK; i++)
    ret = fusion_push (f, fusion_frame (f, i));
  return GINT_TO_POINTER (ret);
}

/* A text that would take hours ends at its next word. */
GST_START_TEST (test_null_while_generating)
{
  Fusion *f = caption_new ("interval=0");
  GThread *thread;

  g_atomic_int_set (&fake.steps, 1000000);
  g_atomic_int_set (&fake.step_ms, 20);
  fusion_set_caps (f, "RGB", 8, 8);
  thread = g_thread_new ("push", push_some, f);
  fusion_await (&fake.running, 1);
  fail_unless (fusion_stop (f) < 2000);
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  fusion_await (&fake.stopped, 1);
  fusion_free (f);
}
GST_END_TEST

/* So does one whose frame is flushed away. */
GST_START_TEST (test_flush_while_generating)
{
  Fusion *f = caption_new ("interval=0");
  GstSegment segment;
  GThread *thread;

  g_atomic_int_set (&fake.steps, 1000000);
  g_atomic_int_set (&fake.step_ms, 5);
  fusion_set_caps (f, "RGB", 8, 8);
  thread = g_thread_new ("push", push_some, f);
  fusion_await (&fake.running, 1);
  gst_harness_push_event (f->h, gst_event_new_flush_start ());
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  fusion_await (&fake.stopped, 1);
  g_atomic_int_set (&fake.steps, 0);
  gst_harness_push_event (f->h, gst_event_new_flush_stop (TRUE));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (f->h, gst_event_new_segment (&segment));
  expect_said (f, "saying 0");
  fusion_free (f);
}
GST_END_TEST

/* What the model cannot do while it plays is told once; the old way stays. */
GST_START_TEST (test_refused_while_playing)
{
  Fusion *f = caption_new ("interval=0");
  gchar *text = NULL;

  fusion_set_caps (f, "RGB", 8, 8);
  expect_said (f, "saying 0");
  g_object_set (f->element, "num-beams", 33, NULL);
  for (guint i = 0; i < 5; i++)
    expect_said (f, "saying 0");
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, &text), 1);
  fail_unless (strstr (text, "beams") != NULL);
  g_free (text);
  fail_unless_equals_int (fake.runs, 7); /* tried once */
  g_object_set (f->element, "num-beams", 3, "question", "why?", NULL);
  for (guint i = 0; i < 5; i++)
    expect_said (f, "saying 0");
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, &text), 1);
  fail_unless (strstr (text, "does not answer") != NULL);
  g_free (text);
  g_object_set (f->element, "question", "\xff", NULL);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, &text), 1);
  fail_unless (strstr (text, "UTF-8") != NULL);
  g_free (text);
  fusion_free (f);
}
GST_END_TEST

static void
expect_no_start (const gchar *name, const gchar *text, guint number, const gchar *says)
{
  Fusion *f = caption_new ("");
  gchar *why = NULL;

  gst_element_set_state (f->element, GST_STATE_NULL);
  if (text)
    g_object_set (f->element, name, text, NULL);
  else
    g_object_set (f->element, name, number, NULL);
  if (gst_element_set_state (f->element, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE) {
    gst_harness_play (f->h);
    fusion_set_caps (f, "RGB", 8, 8);
    fail_unless_equals_int (GPOINTER_TO_INT (push_some (f)), GST_FLOW_ERROR);
  }
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_ERROR, &why), 1);
  fail_unless (strstr (why, says) != NULL, "%s", why);
  g_free (why);
  fusion_free (f);
}

GST_START_TEST (test_refused_at_start)
{
  expect_no_start ("question", "\xff", 0, "question: expected UTF-8");
  expect_no_start ("prompt", "a\xff", 0, "prompt: expected UTF-8");
  expect_no_start ("num-beams", NULL, 33, "beams");
}
GST_END_TEST

/* Nor does a readable one take the blame for what is impossible from the start. */
GST_START_TEST (test_impossible_answers)
{
  Fusion *f;

  fake_reset ();
  f = caption_new ("question=how? num-beams=33");
  fake.answers = 1;
  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_int (GPOINTER_TO_INT (push_some (f)), GST_FLOW_ERROR);
  fusion_expect_message (f->bus, GST_MESSAGE_ERROR, "beams");
  fusion_free (f);
}
GST_END_TEST

/* What answered need not caption: the manner in which each was possible is kept apart. */
GST_START_TEST (test_manner_of_answers)
{
  Fusion *f;

  fake_reset ();
  f = caption_new ("interval=0 prompt=good");
  fake.answers = 2;
  fusion_set_caps (f, "RGB", 8, 8);
  expect_said (f, "good 0");
  g_object_set (f->element, "prompt", FAKE_UNREADABLE, "question", "how?", NULL);
  expect_said (f, "how? 0");
  g_object_set (f->element, "question", "", NULL);
  expect_said (f, "good 0");
  fusion_expect_message (f->bus, GST_MESSAGE_WARNING, "prefix");
  fusion_free (f);
}
GST_END_TEST

/* Where only one kind has been tried, its manner is tried for the other, too. */
GST_START_TEST (test_manner_of_first_answer)
{
  Fusion *f;

  fake_reset ();
  f = caption_new ("interval=0 num-beams=2");
  fake.answers = 2;
  fusion_set_caps (f, "RGB", 8, 8);
  expect_said (f, "saying 0");
  g_object_set (f->element, "num-beams", 33, NULL);
  expect_said (f, "saying 0");
  g_object_set (f->element, "question", "how?", NULL);
  expect_said (f, "how? 0");
  fusion_free (f);
}
GST_END_TEST

static gpointer
change_all (gpointer data)
{
  GstElement *element = data;

  for (guint i = 0; i < 300; i++) {
    g_object_set (element, "question", i % 3 ? "" : "why?", "prompt", i % 2 ? "a" : "", "num-beams", 1 + i % 4,
                  "max-length", 10 + i % 5, "only-changes", i % 2, "interval", (guint64) (i % 4) * 50 * GST_MSECOND,
                  "mode", i % 3, "word-maps", i % 2, "max-age", (guint64) i, NULL);
    g_usleep (300);
  }
  return NULL;
}

GST_START_TEST (test_properties_while_playing)
{
  Fusion *f = caption_new ("");
  Recorder *r = recorder_new (f->element);
  GThread *thread;

  fake.answers = 2;
  fusion_set_caps (f, "RGB", 8, 8);
  thread = g_thread_new ("change", change_all, f->element);
  for (guint i = 0; i < 300; i++)
    gst_buffer_unref (fusion_pass (f));
  g_thread_join (thread);
  gst_harness_push_event (f->h, gst_event_new_eos ());
  recorder_await (r, GST_EVENT_EOS, 1);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_ERROR, NULL), 0);
  recorder_free (r);
  fusion_free (f);
}
GST_END_TEST

/* For bindings: the same on the bus and as a flat meta. */
GST_START_TEST (test_messages_and_mirror)
{
  Fusion *f = caption_new ("post-messages=true mirror=true");
  GstBuffer *out;
  GstMessage *message;
  GstCustomMeta *mirror;

  fusion_set_caps (f, "RGB", 8, 8);
  out = fusion_pass (f);
  mirror = gst_buffer_get_custom_meta (out, "GstVlFusion");
  fail_unless (mirror != NULL);
  fail_unless_equals_string (gst_structure_get_string (gst_custom_meta_get_structure (mirror), "caption-0"),
                             "saying 0");
  while ((message = gst_bus_pop_filtered (f->bus, GST_MESSAGE_ELEMENT)) && !gst_message_has_name (message, "vlcaption"))
    gst_message_unref (message); /* that the model is loaded */
  fail_unless (message != NULL);
  fail_unless_equals_string (gst_structure_get_string (gst_message_get_structure (message), "caption-0"), "saying 0");
  gst_message_unref (message);
  gst_buffer_unref (out);
  fusion_free (f);
}
GST_END_TEST

static Suite *
caption_suite (void)
{
  Suite *s = caption_texts_suite ();
  TCase *tc = tcase_create ("captions");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_video_untouched);
  tcase_add_test (tc, test_meta);
  tcase_add_test (tc, test_interval);
  tcase_add_test (tc, test_questions);
  tcase_add_test (tc, test_timed_questions);
  tcase_add_test (tc, test_unreadable_question);
  tcase_add_test (tc, test_impossible_answers);
  tcase_add_test (tc, test_manner_of_answers);
  tcase_add_test (tc, test_manner_of_first_answer);
  tcase_add_test (tc, test_live_is_not_held_up);
  tcase_add_test (tc, test_null_while_generating);
  tcase_add_test (tc, test_flush_while_generating);
  tcase_add_test (tc, test_refused_while_playing);
  tcase_add_test (tc, test_refused_at_start);
  tcase_add_test (tc, test_properties_while_playing);
  tcase_add_test (tc, test_messages_and_mirror);
  return s;
}

GST_CHECK_MAIN (caption)
