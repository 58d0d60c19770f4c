/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bus is told of while a prompt's match goes up and down. */
#include "plugin/gstvlevents.h"
#include "tests/check/fusionharness.h"

#define FRAME(i) gst_util_uint64_scale (i, GST_SECOND, 30)

/* Passes a frame with every number of @matches, thousandths, up to a zero. */
static void
pass_matches (Fusion *f, const gint *matches)
{
  for (; *matches; matches++) {
    g_atomic_int_set (&fake.match, *matches);
    gst_buffer_unref (fusion_pass (f));
  }
}

static guint64
time_of (GstMessage *message, const gchar *field)
{
  guint64 time;

  fail_unless (gst_structure_get_uint64 (gst_message_get_structure (message), field, &time), "no %s", field);
  return time;
}

static gdouble
number_of (GstMessage *message, const gchar *field)
{
  gdouble number;

  fail_unless (gst_structure_get_double (gst_message_get_structure (message), field, &number), "no %s", field);
  return number;
}

/* The next event is @name, of frame @frame. */
static GstMessage *
expect (Fusion *f, const gchar *name, guint frame)
{
  GstMessage *message = fusion_next_event (f, 0);

  fail_unless (message && gst_message_has_name (message, name), "expected %s, found %s", name,
               message ? gst_structure_get_name (gst_message_get_structure (message)) : "nothing");
  fail_unless_equals_uint64 (time_of (message, "stream-time"), FRAME (frame));
  fail_unless_equals_uint64 (time_of (message, "timestamp"), FRAME (frame));
  return message;
}

static void
expect_end (Fusion *f, guint frame, guint frames, const gchar *reason)
{
  GstMessage *message = expect (f, "vlf-match-end", frame);
  const gchar *why = gst_structure_get_string (gst_message_get_structure (message), "reason");

  fail_unless_equals_uint64 (time_of (message, "duration"), FRAME (frame) - FRAME (frame - frames));
  fail_unless_equals_string (why, reason);
  gst_message_unref (message);
}

static void
expect_nothing (Fusion *f)
{
  fail_unless (fusion_next_event (f, 0) == NULL);
}

/* Between the two thresholds nothing changes. */
GST_START_TEST (test_hysteresis)
{
  Fusion *f = fusion_new ("prompt=\"a star\" post-events=true event-threshold=0.6 event-hysteresis=0.2");
  GstMessage *message;

  fusion_set_caps (f, "RGB", 16, 16);
  pass_matches (f, (const gint[]){ 100, 550, 600, 900, 450, 410, 390, 500, 100, 0 });
  message = expect (f, "vlf-match-start", 2);
  fail_unless (number_of (message, "match") == 0.6 && number_of (message, "peak-x") == 8);
  fail_unless_equals_string (gst_structure_get_string (gst_message_get_structure (message), "text"), "a star");
  gst_message_unref (message);
  message = expect (f, "vlf-match-end", 6);
  fail_unless (number_of (message, "best-match") == 0.9);
  fail_unless_equals_uint64 (time_of (message, "best-stream-time"), FRAME (3));
  fail_unless_equals_uint64 (time_of (message, "duration"), FRAME (6) - FRAME (2));
  gst_message_unref (message);
  expect_nothing (f);
  fusion_free (f);
}
GST_END_TEST

/* Short matches are no matches, short gaps no gaps; times are the true ones. */
GST_START_TEST (test_min_duration)
{
  Fusion *f =
      fusion_new ("prompt=a post-events=true event-threshold=0.5 event-hysteresis=0 event-min-duration=90000000");

  fusion_set_caps (f, "RGB", 16, 16);
  pass_matches (f, (const gint[]){ 900, 900, 100, 900, 900, 900, 0 }); /* three frames' time is 100 ms */
  expect_nothing (f);
  pass_matches (f, (const gint[]){ 900, 100, 100, 900, 100, 100, 100, 0 });
  gst_message_unref (expect (f, "vlf-match-start", 3));
  expect_nothing (f);
  pass_matches (f, (const gint[]){ 100, 100, 0 });
  expect_end (f, 10, 7, "below");
  expect_nothing (f);
  fusion_free (f);
}
GST_END_TEST

/* Whatever begins ends: with the prompt, a flush, the stream, the element. */
GST_START_TEST (test_ends)
{
  Fusion *f = fusion_new ("prompt=a post-events=true");

  fusion_set_caps (f, "RGB", 16, 16);
  pass_matches (f, (const gint[]){ 900, 900, 0 });
  gst_message_unref (expect (f, "vlf-match-start", 0));
  g_object_set (f->element, "prompt", "b", NULL);
  while (!gst_bus_have_pending (f->bus))
    pass_matches (f, (const gint[]){ 900, 0 });
  gst_message_unref (fusion_next_event (f, 0)); /* b begins, then a ends: the order of the prompts, then what is gone */
  gst_message_unref (fusion_next_event (f, 0));
  expect_nothing (f);
  g_object_set (f->element, "prompt", "", NULL);
  gst_buffer_unref (fusion_pass (f));
  expect_end (f, (guint) f->pushed - 2, 0, "prompt-gone");
  g_object_set (f->element, "prompt", "c", NULL);
  while (!gst_bus_have_pending (f->bus)) /* until it is encoded */
    pass_matches (f, (const gint[]){ 900, 0 });
  gst_message_unref (expect (f, "vlf-match-start", (guint) f->pushed - 1));
  pass_matches (f, (const gint[]){ 900, 0 });
  fail_unless (gst_harness_push_event (f->h, gst_event_new_eos ()));
  expect_end (f, (guint) f->pushed - 1, 1, "end-of-stream");
  expect_nothing (f);
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_flush)
{
  Fusion *f = fusion_new ("prompt=a post-events=true");

  fusion_set_caps (f, "RGB", 16, 16);
  pass_matches (f, (const gint[]){ 900, 900, 0 });
  gst_message_unref (expect (f, "vlf-match-start", 0));
  fail_unless (gst_harness_push_event (f->h, gst_event_new_flush_start ()));
  fail_unless (gst_harness_push_event (f->h, gst_event_new_flush_stop (TRUE)));
  expect_end (f, 1, 1, "flush");
  expect_nothing (f);
  fusion_free (f);
}
GST_END_TEST

/* Without a match head, without times or without being asked for there is nothing to tell. */
GST_START_TEST (test_silence)
{
  Fusion *f = fusion_new ("prompt=a");

  fusion_set_caps (f, "RGB", 16, 16);
  pass_matches (f, (const gint[]){ 900, 100, 900, 0 });
  expect_nothing (f);
  fusion_free (f);
}
GST_END_TEST

static void
start_segment (Fusion *f, gdouble rate, GstClockTime base)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = rate;
  segment.base = base;
  segment.stop = FRAME (20);
  fail_unless (gst_harness_push_event (f->h, gst_event_new_segment (&segment)));
}

/* Frames that come from the last to the first. */
static void
pass_backwards (Fusion *f, guint from, const gint *matches)
{
  for (; *matches; matches++, from--) {
    f->pushed = from;
    pass_matches (f, (const gint[]){ *matches, 0 });
  }
}

/* Backwards, a match ends earlier than it began; short ones do not count there either. */
GST_START_TEST (test_backwards)
{
  Fusion *f =
      fusion_new ("prompt=a post-events=true event-threshold=0.5 event-hysteresis=0 event-min-duration=90000000");
  GstMessage *message;

  fusion_set_caps (f, "RGB", 16, 16);
  start_segment (f, -1, 0);
  pass_backwards (f, 19, (const gint[]){ 900, 900, 100, 900, 900, 900, 900, 0 });
  gst_message_unref (expect (f, "vlf-match-start", 16));
  expect_nothing (f);
  pass_backwards (f, 12, (const gint[]){ 100, 100, 100, 100, 0 });
  message = expect (f, "vlf-match-end", 12);
  fail_unless_equals_uint64 (time_of (message, "duration"), FRAME (16) - FRAME (12));
  gst_message_unref (message);
  expect_nothing (f);
  fusion_free (f);
}
GST_END_TEST

/* No match spans the end of a loop and its beginning, or a turn; a segment that goes on where the last one was changes nothing. */
GST_START_TEST (test_segments)
{
  Fusion *f = fusion_new ("prompt=a post-events=true");

  fusion_set_caps (f, "RGB", 16, 16);
  pass_matches (f, (const gint[]){ 100, 900, 900, 900, 0 });
  gst_message_unref (expect (f, "vlf-match-start", 1));
  start_segment (f, 1, 0); /* the same with an end */
  pass_matches (f, (const gint[]){ 900, 0 });
  expect_nothing (f);
  start_segment (f, 1, FRAME (20));
  expect_end (f, 4, 3, "segment");
  f->pushed = 0;
  pass_matches (f, (const gint[]){ 900, 0 });
  gst_message_unref (expect (f, "vlf-match-start", 0));
  start_segment (f, -1, FRAME (40));
  expect_end (f, 0, 0, "segment");
  expect_nothing (f);
  fusion_free (f);
}
GST_END_TEST

/* The next file of a playlist has another size, and its caps come before its segment: no match spans the two either. */
GST_START_TEST (test_playlist)
{
  Fusion *f = fusion_new ("prompt=a post-events=true");

  fusion_set_caps (f, "RGB", 16, 16);
  pass_matches (f, (const gint[]){ 900, 900, 900, 0 });
  gst_message_unref (expect (f, "vlf-match-start", 0));
  fusion_set_caps (f, "RGB", 8, 8);
  start_segment (f, 1, FRAME (20));
  expect_end (f, 2, 2, "segment");
  expect_nothing (f);
  fusion_free (f);
}
GST_END_TEST

/* Nor does an inference that began before the end of a loop begin one after it. */
GST_START_TEST (test_segment_while_running)
{
  Fusion *f = fusion_new ("prompt=a post-events=true mode=latest");

  g_atomic_int_set (&fake.run_ms, 200);
  fusion_set_caps (f, "RGB", 16, 16);
  while (!g_atomic_int_get (&fake.running)) /* the model is there, and the first frame is asked */
    pass_matches (f, (const gint[]){ 100, 0 });
  while (g_atomic_int_get (&fake.running))
    g_usleep (1000);
  g_usleep (50000);
  pass_matches (f, (const gint[]){ 900, 0 }); /* takes that result, and is asked */
  while (!g_atomic_int_get (&fake.running))
    g_usleep (1000);
  start_segment (f, 1, FRAME (1000));
  f->pushed = 0;
  while (g_atomic_int_get (&fake.running))
    g_usleep (1000);
  g_usleep (50000);
  for (guint i = 0; i < 10; i++)
    pass_matches (f, (const gint[]){ 100, 0 });
  expect_nothing (f);
  fusion_free (f);
}
GST_END_TEST

/* A loop that is shorter than an inference has results all the same. */
GST_START_TEST (test_short_loops)
{
  Fusion *f = fusion_new ("prompt=a mode=latest");
  gboolean found = FALSE;

  g_atomic_int_set (&fake.run_ms, 200);
  fusion_set_caps (f, "RGB", 16, 16);
  for (guint i = 0; i < 400 && !found; i++) {
    GstBuffer *out;

    start_segment (f, 1, FRAME (20 * i));
    f->pushed = i % 2; /* a frame of its own each, and back again */
    out = fusion_pass (f);
    found = fusion_meta (out) != NULL;
    gst_buffer_unref (out);
    g_usleep (20000);
  }
  fail_unless (found);
  fusion_free (f);
}
GST_END_TEST

/* However small the threshold, a match can end. */
GST_START_TEST (test_small_threshold)
{
  Fusion *f = fusion_new ("prompt=a post-events=true event-threshold=0.08 event-hysteresis=0.1");

  fusion_set_caps (f, "RGB", 16, 16);
  pass_matches (f, (const gint[]){ 20, 90, 50, 30, 0 });
  gst_message_unref (expect (f, "vlf-match-start", 1));
  expect_end (f, 3, 2, "below");
  expect_nothing (f);
  fusion_free (f);
}
GST_END_TEST

/* An answer that is no number ends a match, and is not its best one. */
GST_START_TEST (test_unknown_match)
{
  static const gdouble matches[] = { 0.9, 0.0 / 0.0, 0.7, 0.1 };
  const GstVlEventRule rule = { 0.5, 0, FRAME (2) };
  GstElement *element = gst_bin_new (NULL);
  GstVlEvents *events = gst_vl_events_new ();
  GstBus *bus = gst_bus_new ();
  GstMessage *message;

  gst_element_set_bus (element, bus);
  for (guint i = 0; i < 4 * G_N_ELEMENTS (matches); i++) {
    GstVlResult *result = gst_vl_result_new (16, 16, 1, 1);
    GstVlInstant at = { FRAME (i), FRAME (i), FRAME (i) };
    gdouble match = i < 4 ? 0.9 : i == 4 ? matches[1] : i < 8 ? matches[2] : matches[3];

    gst_vl_result_add_prompt (result, "a", match, match, NULL);
    gst_vl_events_take (events, element, &rule, result, &at);
    gst_vl_result_unref (result);
  }
  message = gst_bus_pop (bus);
  fail_unless (message && gst_message_has_name (message, "vlf-match-start"));
  gst_message_unref (message);
  message = gst_bus_pop (bus);
  fail_unless (message && gst_message_has_name (message, "vlf-match-end") && number_of (message, "best-match") == 0.9);
  gst_message_unref (message);
  gst_vl_events_free (events);
  gst_element_set_bus (element, NULL);
  gst_object_unref (element);
  gst_object_unref (bus);
}
GST_END_TEST

static GstVlResult *
caption_result (const gchar *caption)
{
  GstVlResult *result = gst_vl_result_new (16, 16, 1, 1);
  guint prompt = gst_vl_result_add_prompt (result, "", 0.0 / 0.0, 0.0 / 0.0, NULL);

  gst_vl_result_set_caption (result, prompt, caption);
  return result;
}

/* Only what is new is told, with what was before. */
GST_START_TEST (test_captions)
{
  static const gchar *const captions[] = { "a dog", "a dog", "a cat" };
  const GstVlEventRule rule = { -1, 0.1, 0 };
  GstElement *element = gst_bin_new (NULL); /* any will do */
  GstVlEvents *events = gst_vl_events_new ();
  GstBus *bus = gst_bus_new ();
  const GstStructure *s;
  GstMessage *message;

  gst_element_set_bus (element, bus);
  for (guint i = 0; i < G_N_ELEMENTS (captions); i++) {
    GstVlInstant at = { FRAME (i), FRAME (i), FRAME (i) };
    GstVlResult *result = caption_result (captions[i]);

    gst_vl_events_take (events, element, &rule, result, &at);
    gst_vl_result_unref (result);
  }
  message = gst_bus_pop (bus);
  fail_unless (message && gst_message_has_name (message, "vlf-caption-changed"));
  fail_unless (!gst_structure_has_field (gst_message_get_structure (message), "previous"));
  gst_message_unref (message);
  message = gst_bus_pop (bus);
  fail_unless (message && time_of (message, "stream-time") == FRAME (2));
  s = gst_message_get_structure (message);
  fail_unless_equals_string (gst_structure_get_string (s, "caption"), "a cat");
  fail_unless_equals_string (gst_structure_get_string (s, "previous"), "a dog");
  gst_message_unref (message);
  fail_unless (gst_bus_pop (bus) == NULL);
  gst_vl_events_end (events, element, "stopped");
  gst_vl_events_free (events);
  gst_element_set_bus (element, NULL);
  gst_object_unref (element);
  gst_object_unref (bus);
}
GST_END_TEST

GST_START_TEST (test_model)
{
  Fusion *f = fusion_new ("prompt=a");
  GstMessage *message;

  fusion_set_caps (f, "RGB", 16, 16);
  gst_buffer_unref (fusion_pass (f));
  message = gst_bus_pop_filtered (f->bus, GST_MESSAGE_ELEMENT);
  fail_unless (message && gst_message_has_name (message, "vlf-model-loaded"));
  fail_unless_equals_string (gst_structure_get_string (gst_message_get_structure (message), "model"), "fake");
  gst_message_unref (message);
  g_atomic_int_set (&fake.run_error, VLF_ERROR_DEVICE + 1);
  fail_unless_equals_int (fusion_push_until_refused (f), GST_FLOW_ERROR);
  message = gst_bus_pop_filtered (f->bus, GST_MESSAGE_ELEMENT);
  fail_unless (message && gst_message_has_name (message, "vlf-device-lost"));
  fail_unless (gst_structure_has_field_typed (gst_message_get_structure (message), "reason", G_TYPE_STRING));
  gst_message_unref (message);
  fusion_free (f);
}
GST_END_TEST

static Suite *
events_suite (void)
{
  Suite *s = suite_create ("events");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_hysteresis);
  tcase_add_test (tc, test_min_duration);
  tcase_add_test (tc, test_ends);
  tcase_add_test (tc, test_flush);
  tcase_add_test (tc, test_backwards);
  tcase_add_test (tc, test_segments);
  tcase_add_test (tc, test_playlist);
  tcase_add_test (tc, test_segment_while_running);
  tcase_add_test (tc, test_short_loops);
  tcase_add_test (tc, test_small_threshold);
  tcase_add_test (tc, test_unknown_match);
  tcase_add_test (tc, test_silence);
  tcase_add_test (tc, test_captions);
  tcase_add_test (tc, test_model);
  return s;
}

GST_CHECK_MAIN (events)
