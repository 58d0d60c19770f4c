/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlfusion on a fake session: states, events, errors, time. */
#include "tests/check/fusionharness.h"
#include <string.h>

static gpointer
push_two (gpointer data)
{
  GstFlowReturn ret = fusion_push (data, fusion_frame (data, 0));

  return GINT_TO_POINTER (ret == GST_FLOW_OK ? fusion_push (data, fusion_frame (data, 1)) : ret);
}

GST_START_TEST (test_up_and_down)
{
  GstElement *pipeline;
  GError *error = NULL;

  fusion_register ();
  pipeline = gst_parse_launch ("videotestsrc num-buffers=3 ! video/x-raw,width=16,height=16 ! vlfusion prompt=a ! "
                               "fakesink",
                               &error);
  fail_unless (pipeline && !error);
  for (guint i = 0; i < 50; i++) {
    fail_unless (gst_element_set_state (pipeline, i % 2 ? GST_STATE_PLAYING : GST_STATE_READY) !=
                 GST_STATE_CHANGE_FAILURE);
    if (i % 3 == 0)
      gst_element_get_state (pipeline, NULL, NULL, GST_SECOND);
    if (i % 5 == 0)
      fail_unless_equals_int (gst_element_set_state (pipeline, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  fail_unless (fake.models_alive == 0 && fake.sessions_alive == 0 && fake.texts_alive == 0);
}
GST_END_TEST

/* The stream is forgotten at READY, the model at NULL. */
GST_START_TEST (test_ready_keeps_model)
{
  Fusion *f = fusion_new ("prompt=a");

  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  gst_element_set_state (f->element, GST_STATE_READY);
  fail_unless_equals_int (fake.models_alive, 1);
  g_object_set (f->element, "model", "another", NULL);
  fake.load_ms = 50;
  gst_element_set_state (f->element, GST_STATE_PLAYING); /* opens that one */
  fail_unless_equals_int (fake.texts_alive, 0);
  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless (fusion_generation (f) > 0); /* a prompt of its own, though the frame came before the model was there */
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_ERROR, NULL), 0);
  gst_element_set_state (f->element, GST_STATE_NULL);
  fail_unless_equals_int (fake.models_alive, 0);
  fusion_free (f);
}
GST_END_TEST

/* One frame is in a kernel that takes four seconds, another one behind it. */
GST_START_TEST (test_null_while_running)
{
  Fusion *f = fusion_new ("prompt=a");
  GThread *thread;

  fusion_set_caps (f, "RGB", 8, 8);
  g_atomic_int_set (&fake.run_ms, 4000);
  thread = g_thread_new ("push", push_two, f);
  fusion_await (&fake.runs, 1);
  fail_unless (fusion_stop (f) < 2000);
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  /* What was left behind ends by itself. */
  for (guint i = 0; i < 12000 && g_atomic_int_get (&fake.models_alive); i++)
    g_usleep (5000);
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_null_while_loading)
{
  Fusion *f;
  GThread *thread;

  fake.load_ms = 30000;
  f = fusion_new ("prompt=a");
  fake.load_ms = 30000;
  fail_unless_equals_int (gst_element_set_state (f->element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  fail_unless_equals_int (gst_element_set_state (f->element, GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
  gst_harness_play (f->h);
  fusion_set_caps (f, "RGB", 8, 8);
  fusion_messages (f, GST_MESSAGE_PROGRESS, NULL);
  thread = g_thread_new ("push", push_two, f);
  g_usleep (50000);
  fail_unless (fusion_stop (f) < 2000);
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  fusion_free (f);
}
GST_END_TEST

static void
expect_progress (Fusion *f, GstProgressType last)
{
  GstProgressType type = GST_PROGRESS_TYPE_ERROR;
  GstMessage *message;
  guint n = 0;

  while ((message = gst_bus_pop_filtered (f->bus, GST_MESSAGE_PROGRESS))) {
    gst_message_parse_progress (message, &type, NULL, NULL);
    fail_unless (n++ > 0 || type == GST_PROGRESS_TYPE_START);
    gst_message_unref (message);
  }
  fail_unless (n >= 2 && type == last, "%u messages, the last %d", n, type);
}

GST_START_TEST (test_progress)
{
  Fusion *f = fusion_new ("prompt=a");

  fusion_stop (f);
  g_usleep (20000);
  fusion_messages (f, GST_MESSAGE_PROGRESS, NULL);
  fake.load_ms = 100;
  gst_element_set_state (f->element, GST_STATE_PLAYING);
  gst_harness_play (f->h);
  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_uint64 (fusion_generation (f), 1); /* which waited for the model */
  expect_progress (f, GST_PROGRESS_TYPE_COMPLETE);
  fusion_free (f);
}
GST_END_TEST

/* Errors: one message, with the right domain, and no more frames. */

static void
expect_one_error (Fusion *f, GQuark domain, gint code, const gchar *part)
{
  GstMessage *message = gst_bus_timed_pop_filtered (f->bus, 10 * GST_SECOND, GST_MESSAGE_ERROR);
  GError *error = NULL;

  fail_unless (message != NULL, "no error came");
  gst_message_parse_error (message, &error, NULL);
  fail_unless (g_error_matches (error, domain, code), "%s: domain or code is wrong", error->message);
  fail_unless (strstr (error->message, part) != NULL, "%s", error->message);
  g_error_free (error);
  gst_message_unref (message);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_ERROR, NULL), 0);
}

static void
expect_no_start (const gchar *properties, gint check_error, GQuark domain, gint code, const gchar *part)
{
  Fusion *f = fusion_new ("prompt=a");
  GstElement *other;

  fusion_stop (f);
  fusion_messages (f, GST_MESSAGE_ANY, NULL);
  fake.check_error = check_error;
  other = gst_parse_launch (properties, NULL);
  gst_element_set_bus (other, f->bus);
  fail_unless_equals_int (gst_element_set_state (other, GST_STATE_READY), GST_STATE_CHANGE_FAILURE);
  expect_one_error (f, domain, code, part);
  gst_element_set_state (other, GST_STATE_NULL);
  gst_element_set_bus (other, NULL);
  gst_object_unref (other);
  fusion_free (f);
}

GST_START_TEST (test_wrong_settings)
{
  expect_no_start ("vlfusion model=missing", 0, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "missing");
  expect_no_start ("vlfusion attention-layers=1,two", 0, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                   "attention-layers");
  expect_no_start ("vlfusion", VLF_ERROR_IO + 1, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, "check");
  expect_no_start ("vlfusion", VLF_ERROR_NOT_FOUND + 1, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "check");
  expect_no_start ("vlfusion", VLF_ERROR_RANGE + 1, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "check");
  expect_no_start ("vlfusion", VLF_ERROR_BUILD + 1, GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_INIT, "check");
}
GST_END_TEST

/* Invalid UTF-8 before the start keeps it from happening, until a good prompt comes. */
GST_START_TEST (test_refused_prompt)
{
  Fusion *f = fusion_new ("");

  fusion_stop (f);
  g_object_set (f->element, "prompt", "\xc3", NULL);
  fail_unless_equals_int (gst_element_set_state (f->element, GST_STATE_READY), GST_STATE_CHANGE_FAILURE);
  expect_one_error (f, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "UTF-8");
  g_object_set (f->element, "prompt", "a", NULL);
  fail_unless_equals_int (gst_element_set_state (f->element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_load_error)
{
  Fusion *f = fusion_new ("prompt=a");

  fusion_stop (f);
  g_usleep (20000);
  fusion_messages (f, GST_MESSAGE_ANY, NULL);
  fake.load_error = VLF_ERROR_NO_MEMORY + 1;
  gst_element_set_state (f->element, GST_STATE_PLAYING);
  gst_harness_play (f->h);
  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_int (fusion_push (f, fusion_frame (f, 0)), GST_FLOW_ERROR);
  fail_unless_equals_int (fusion_push (f, fusion_frame (f, 0)), GST_FLOW_ERROR);
  expect_one_error (f, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT, "load");
  fusion_free (f);
}
GST_END_TEST

static void
run_error (const gchar *properties)
{
  Fusion *f = fusion_new (properties);

  fusion_set_caps (f, "RGB", 8, 8);
  gst_buffer_unref (fusion_pass (f));
  g_atomic_int_set (&fake.run_error, VLF_ERROR_DEVICE + 1);
  fail_unless_equals_int (fusion_push_until_refused (f), GST_FLOW_ERROR);
  expect_one_error (f, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED, "run");
  fusion_free (f);
}

GST_START_TEST (test_run_error)
{
  run_error ("prompt=a mode=every-frame");
  run_error ("prompt=a mode=latest");
}
GST_END_TEST

static void
count_freed (gpointer user, GstMiniObject *buffer)
{
  (void) buffer;
  ++*(guint *) user;
}

static guint
run_left (gboolean left)
{
  Fusion *f = fusion_new ("prompt=a mode=every-frame");
  GstMapInfo map = { .flags = GST_MAP_READ };
  GstBuffer *frame;
  guint freed = 0, freed_by_element;

  fusion_set_caps (f, "RGB", 8, 8);
  gst_buffer_unref (fusion_pass (f));
  g_atomic_int_set (&fake.run_error, VLF_ERROR_DEVICE + 1);
  g_atomic_int_set (&fake.left, left);
  frame = fusion_frame (f, 0);
  map.memory = gst_buffer_peek_memory (frame, 0);
  gst_mini_object_weak_ref (GST_MINI_OBJECT (frame), count_freed, &freed);
  fusion_push (f, frame);
  gst_harness_push_event (f->h, gst_event_new_eos ()); /* waits for the result */
  expect_one_error (f, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED, "run");
  fusion_free (f);
  freed_by_element = freed;
  if (freed == 0) { /* as its last reference and its mapping were left */
    gst_buffer_unmap (frame, &map);
    gst_buffer_unref (frame);
  }
  fail_unless_equals_int (freed, 1);
  return freed_by_element;
}

/* A frame that a lost device may still read is never freed; others are. */
GST_START_TEST (test_left)
{
  fail_unless_equals_int (run_left (FALSE), 1);
  fail_unless_equals_int (run_left (TRUE), 0);
}
GST_END_TEST

/* A setting that only the model can judge. */
GST_START_TEST (test_layer_out_of_range)
{
  Fusion *f = fusion_new ("prompt=a attention-layers=-2,-1");

  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  g_object_set (f->element, "attention-layers", "99", NULL);
  fail_unless_equals_int (fusion_push_until_refused (f), GST_FLOW_ERROR);
  expect_one_error (f, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "99");
  fusion_free (f);
}
GST_END_TEST

/* What a property asks reaches the next frame's run. */
GST_START_TEST (test_mechanisms)
{
  Fusion *f = fusion_new ("prompt=a attention-top-k=8");
  guint top_k;

  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  fail_unless_equals_int (g_atomic_int_get (&fake.top_k), 8);
  g_object_set (f->element, "attention-top-k", 3, NULL);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  fail_unless_equals_int (g_atomic_int_get (&fake.top_k), 3);
  g_object_get (f->element, "attention-top-k", &top_k, NULL);
  fail_unless_equals_int (top_k, 3);
  fail_unless_equals_int (g_atomic_int_get (&fake.relevance), VLF_RELEVANCE_ATTENTION);
  gst_util_set_object_arg (G_OBJECT (f->element), "relevance", "rollout");
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  fail_unless_equals_int (g_atomic_int_get (&fake.relevance), VLF_RELEVANCE_ROLLOUT);
  fusion_free (f);
}
GST_END_TEST

/* Events. */

GST_START_TEST (test_event_order)
{
  Fusion *f = fusion_new ("prompt=a");
  static const GstEventType expected[] = { GST_EVENT_STREAM_START, GST_EVENT_CAPS, GST_EVENT_SEGMENT, GST_EVENT_EOS };

  fusion_set_caps (f, "RGB", 8, 8);
  for (guint i = 0; i < 10; i++)
    fail_unless_equals_int (fusion_push (f, fusion_frame (f, i)), GST_FLOW_OK);
  fail_unless (gst_harness_push_event (f->h, gst_event_new_eos ()));
  fail_unless_equals_int (gst_harness_buffers_in_queue (f->h), 10);
  for (guint i = 0; i < 10; i++) {
    GstBuffer *out = gst_harness_pull (f->h);

    fail_unless (GST_BUFFER_PTS (out) == gst_util_uint64_scale (i, GST_SECOND, 30));
    gst_buffer_unref (out);
  }
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    GstEvent *event = gst_harness_pull_event (f->h);

    fail_unless_equals_int (GST_EVENT_TYPE (event), expected[i]);
    gst_event_unref (event);
  }
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_eos_first)
{
  Fusion *f = fusion_new ("prompt=a");

  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless (gst_harness_push_event (f->h, gst_event_new_eos ()));
  fail_unless_equals_int (fusion_push (f, fusion_frame (f, 0)), GST_FLOW_EOS);
  gst_harness_push_event (f->h, gst_event_new_eos ()); /* a second one changes nothing */
  fail_unless_equals_int (fusion_push (f, fusion_frame (f, 0)), GST_FLOW_EOS);
  fusion_free (f);
}
GST_END_TEST

/* A flush frees the frame that waits; what follows has its own result. */
GST_START_TEST (test_flush)
{
  Fusion *f = fusion_new ("prompt=a");
  GstSegment segment;
  GThread *thread;
  GstBuffer *out;
  guint32 seqnum = gst_util_seqnum_next ();
  GstEvent *event;

  fusion_set_caps (f, "RGB", 8, 8);
  g_atomic_int_set (&fake.run_ms, 1000);
  thread = g_thread_new ("push", push_two, f);
  fusion_await (&fake.runs, 1);
  event = gst_event_new_flush_start ();
  gst_event_set_seqnum (event, seqnum);
  fail_unless (gst_harness_push_event (f->h, event));
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  g_atomic_int_set (&fake.run_ms, 0);
  event = gst_event_new_flush_stop (TRUE);
  gst_event_set_seqnum (event, seqnum);
  fail_unless (gst_harness_push_event (f->h, event));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (gst_harness_push_event (f->h, gst_event_new_segment (&segment)));
  out = fusion_pass (f);
  fail_unless (gst_vl_result_get_source_pts (fusion_meta (out)->result) == GST_BUFFER_PTS (out));
  gst_buffer_unref (out);
  while ((event = gst_harness_try_pull_event (f->h))) {
    if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START || GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
      fail_unless_equals_int (gst_event_get_seqnum (event), seqnum);
    gst_event_unref (event);
  }
  fusion_free (f);
}
GST_END_TEST

/* Time. */

static void
pass_carried (Fusion *f, gboolean carried, GstClockTime age)
{
  GstBuffer *out = fusion_pass (f);
  GstVlMeta *meta = fusion_meta (out);

  fail_unless (meta != NULL);
  fail_unless_equals_int (meta->carried, carried);
  fail_unless (meta->age == age, "%" GST_TIME_FORMAT " old", GST_TIME_ARGS (meta->age));
  fail_unless (gst_vl_result_get_source_pts (meta->result) + age == GST_BUFFER_PTS (out));
  gst_buffer_unref (out);
}

GST_START_TEST (test_interval)
{
  Fusion *f = fusion_new ("prompt=a interval=99999999");
  const GstClockTime frame = gst_util_uint64_scale (1, GST_SECOND, 30), two = gst_util_uint64_scale (2, GST_SECOND, 30);

  fusion_set_caps (f, "RGB", 8, 8);
  pass_carried (f, FALSE, 0);
  pass_carried (f, TRUE, frame);
  pass_carried (f, TRUE, two);
  pass_carried (f, FALSE, 0);
  fail_unless_equals_int (fake.runs, 2);
  fusion_free (f);
}
GST_END_TEST

/* The interval is one backwards too. */
GST_START_TEST (test_interval_backwards)
{
  Fusion *f = fusion_new ("prompt=a interval=99999999");
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = -1;
  segment.stop = GST_SECOND;
  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless (gst_harness_push_event (f->h, gst_event_new_segment (&segment)));
  for (guint i = 20; i > 8; i--) {
    f->pushed = i;
    gst_buffer_unref (fusion_pass (f));
  }
  fail_unless_equals_int (fake.runs, 4);
  fusion_free (f);
}
GST_END_TEST

/* A late sink costs inferences, never frames. */
GST_START_TEST (test_qos)
{
  Fusion *f = fusion_new ("prompt=a");
  const GstClockTime frame = gst_util_uint64_scale (1, GST_SECOND, 30), two = gst_util_uint64_scale (2, GST_SECOND, 30);
  GstStructure *stats = NULL;
  guint64 late = 0, carried = 0, frames = 0;

  fusion_set_caps (f, "RGB", 8, 8);
  pass_carried (f, FALSE, 0);
  fail_unless (gst_harness_push_upstream_event (
      f->h, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 2.0, (GstClockTimeDiff) two, 0)));
  pass_carried (f, TRUE, frame);
  pass_carried (f, TRUE, two);
  pass_carried (f, FALSE, 0);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_QOS, NULL), 2);
  g_object_set (f->element, "qos", FALSE, NULL);
  fail_unless (
      gst_harness_push_upstream_event (f->h, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 2.0, GST_SECOND, GST_SECOND)));
  pass_carried (f, FALSE, 0);
  g_object_get (f->element, "stats", &stats, NULL);
  fail_unless (gst_structure_get_uint64 (stats, "late", &late) && late == 2);
  fail_unless (gst_structure_get_uint64 (stats, "carried", &carried) && carried == 2);
  fail_unless (gst_structure_get_uint64 (stats, "frames", &frames) && frames == 5);
  gst_structure_free (stats);
  fusion_free (f);
}
GST_END_TEST

/* Behind a live source frames never wait and carry the newest result with its age. */
GST_START_TEST (test_latest)
{
  Fusion *f = fusion_new ("prompt=a");
  GstClockTime last = 0;
  guint with = 0;

  gst_harness_set_live (f->h, TRUE);
  fusion_set_caps (f, "I420", 16, 16);
  g_atomic_int_set (&fake.run_ms, 50);
  for (guint i = 0; i < 2000 && with < 20; i++, g_usleep (5000)) {
    GstBuffer *out = fusion_pass (f);
    GstVlMeta *meta = fusion_meta (out);

    if (meta) {
      GstClockTime source = gst_vl_result_get_source_pts (meta->result);

      fail_unless (meta->carried && source + meta->age == GST_BUFFER_PTS (out));
      fail_unless (source >= last);
      with += source > last;
      last = source;
    }
    gst_buffer_unref (out);
  }
  fail_unless (with == 20 && f->pushed > 60, "%u results on %u frames", with, (guint) f->pushed);
  g_object_set (f->element, "prompt", "", NULL);
  fail_unless_equals_uint64 (fusion_generation (f), 0);
  fusion_free (f);
}
GST_END_TEST

/* While inference reads a copy, downstream may write into the frame without one. */
GST_START_TEST (test_latest_writable)
{
  Fusion *f = fusion_new ("prompt=a mode=latest");
  GstBuffer *out;

  fusion_set_caps (f, "I420", 16, 16);
  g_atomic_int_set (&fake.run_ms, 300);
  for (guint i = 0; i < 6000 && !g_atomic_int_get (&fake.runs); i++, g_usleep (10000)) {
    out = fusion_pass (f);
    fail_unless (gst_buffer_is_writable (out) && gst_buffer_is_all_memory_writable (out));
    gst_buffer_unref (out);
  }
  fail_unless (g_atomic_int_get (&fake.runs) > 0);
  fusion_free (f);
}
GST_END_TEST

static void
query_latency (Fusion *f, gboolean live, GstClockTime *min)
{
  GstQuery *query = gst_query_new_latency ();
  GstClockTime max;
  gboolean is_live;

  fail_unless (gst_pad_peer_query (f->h->sinkpad, query));
  gst_query_parse_latency (query, &is_live, min, &max);
  fail_unless_equals_int (is_live, live);
  fail_unless (max == GST_CLOCK_TIME_NONE || max >= *min);
  gst_query_unref (query);
}

GST_START_TEST (test_latency)
{
  Fusion *f = fusion_new ("prompt=a mode=every-frame");
  GstClockTime before, after;

  gst_harness_set_live (f->h, TRUE);
  gst_harness_set_upstream_latency (f->h, 7 * GST_MSECOND);
  fusion_set_caps (f, "RGB", 8, 8);
  query_latency (f, TRUE, &before);
  fail_unless_equals_uint64 (before, 7 * GST_MSECOND);
  fake.run_ms = 30;
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_LATENCY, NULL), 1);
  query_latency (f, TRUE, &after);
  fail_unless (after >= before + 30 * GST_MSECOND);
  g_object_set (f->element, "mode", 2 /* latest */, NULL);
  query_latency (f, TRUE, &after);
  fail_unless_equals_uint64 (after, before);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_LATENCY, NULL), 1);
  g_object_set (f->element, "mode", 1 /* every-frame */, NULL);
  query_latency (f, TRUE, &after);
  fail_unless (after >= before + 30 * GST_MSECOND);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_LATENCY, NULL), 1);
  fusion_free (f);
}
GST_END_TEST

static Suite *
states_suite (void)
{
  Suite *s = suite_create ("states");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_up_and_down);
  tcase_add_test (tc, test_ready_keeps_model);
  tcase_add_test (tc, test_null_while_running);
  tcase_add_test (tc, test_null_while_loading);
  tcase_add_test (tc, test_progress);
  tcase_add_test (tc, test_wrong_settings);
  tcase_add_test (tc, test_refused_prompt);
  tcase_add_test (tc, test_load_error);
  tcase_add_test (tc, test_run_error);
  tcase_add_test (tc, test_left);
  tcase_add_test (tc, test_layer_out_of_range);
  tcase_add_test (tc, test_mechanisms);
  tcase_add_test (tc, test_event_order);
  tcase_add_test (tc, test_eos_first);
  tcase_add_test (tc, test_flush);
  tcase_add_test (tc, test_interval);
  tcase_add_test (tc, test_interval_backwards);
  tcase_add_test (tc, test_qos);
  tcase_add_test (tc, test_latest);
  tcase_add_test (tc, test_latest_writable);
  tcase_add_test (tc, test_latency);
  return s;
}

GST_CHECK_MAIN (states)
