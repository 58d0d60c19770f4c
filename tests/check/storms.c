/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlfusion on a fake session under everything at once: seeks, states, pads that come and go, settings that change. */
#include "tests/check/fusionharness.h"
#include <glib/gstdio.h>
#include <gst/video/video.h>
#include <string.h>

#define SECONDS 4 /* of the storm; VLF_TEST_SECONDS: others */

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
  const gchar *wish = g_getenv ("VLF_TEST_SECONDS");
  gint64 end = g_get_monotonic_time () + (wish ? g_ascii_strtoll (wish, NULL, 10) : SECONDS) * G_USEC_PER_SEC;
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

/* The extremes and the default of a property; strings also as nonsense. */
static void
set_all_values (GstElement *element, GParamSpec *pspec)
{
  static const gchar *const strings[] = { "", "nonsense", "-1,2", "\\n\\n", NULL };
  GValue value = G_VALUE_INIT;

  g_value_init (&value, pspec->value_type);
  if (G_IS_PARAM_SPEC_UINT64 (pspec)) {
    g_value_set_uint64 (&value, ((GParamSpecUInt64 *) pspec)->minimum);
    g_object_set_property (G_OBJECT (element), pspec->name, &value);
    g_value_set_uint64 (&value, ((GParamSpecUInt64 *) pspec)->maximum);
    g_object_set_property (G_OBJECT (element), pspec->name, &value);
  }
  for (guint i = 0; G_IS_PARAM_SPEC_STRING (pspec) && i < G_N_ELEMENTS (strings); i++)
    g_object_set (element, pspec->name, strings[i], NULL);
  if (G_IS_PARAM_SPEC_ENUM (pspec)) {
    const GEnumClass *klass = ((GParamSpecEnum *) pspec)->enum_class;

    for (guint i = 0; i < klass->n_values; i++)
      g_object_set (element, pspec->name, klass->values[i].value, NULL);
  }
  g_param_value_set_default (pspec, &value);
  g_object_set_property (G_OBJECT (element), pspec->name, &value);
  g_object_get_property (G_OBJECT (element), pspec->name, &value);
  fail_unless (G_IS_PARAM_SPEC_STRING (pspec) || GST_IS_PARAM_SPEC_ARRAY_LIST (pspec) ||
                   g_param_value_defaults (pspec, &value),
               "%s is not its default", pspec->name);
  g_value_unset (&value);
}

static void
set_everything (GstElement *element)
{
  guint n;
  GParamSpec **properties = g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);

  for (guint i = 0; i < n; i++) {
    fail_unless (g_param_spec_get_nick (properties[i]) && strlen (g_param_spec_get_blurb (properties[i])) > 5);
    if ((properties[i]->flags & G_PARAM_WRITABLE) && properties[i]->owner_type != GST_TYPE_OBJECT)
      set_all_values (element, properties[i]);
  }
  g_free (properties);
}

/* Every property takes every value in every state; what makes no sense costs a warning at most. */
GST_START_TEST (test_properties)
{
  Fusion *f = fusion_new ("");

  fusion_set_caps (f, "RGB", 8, 8);
  for (GstState state = GST_STATE_NULL; state <= GST_STATE_PLAYING; state++) {
    fail_unless_equals_int (gst_element_set_state (f->element, state), GST_STATE_CHANGE_SUCCESS);
    set_everything (f->element);
  }
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_ERROR, NULL), 0);
  fusion_free (f);
}
GST_END_TEST

static GstFlowReturn
answer (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  (void) parent;
  gst_buffer_unref (buffer);
  return GPOINTER_TO_INT (pad->chaindata);
}

/* What downstream answers reaches upstream with the next frame but one at the latest. */
GST_START_TEST (test_flow_returns)
{
  static const GstFlowReturn flows[] = { GST_FLOW_FLUSHING, GST_FLOW_EOS, GST_FLOW_NOT_NEGOTIATED, GST_FLOW_ERROR };

  for (guint i = 0; i < G_N_ELEMENTS (flows); i++) {
    Fusion *f = fusion_new ("prompt=a");

    fusion_set_caps (f, "RGB", 8, 8);
    gst_buffer_unref (fusion_pass (f));
    gst_pad_set_chain_function (f->h->sinkpad, answer);
    f->h->sinkpad->chaindata = GINT_TO_POINTER (flows[i]);
    fail_unless_equals_int (fusion_push_until_refused (f), flows[i]);
    fusion_free (f);
  }
}
GST_END_TEST

/* Upstream is told what downstream takes, as in any passthrough. */
GST_START_TEST (test_allocation)
{
  Fusion *f = fusion_new ("prompt=a");
  GstCaps *caps;
  GstQuery *query;

  gst_harness_add_propose_allocation_meta (f->h, GST_VIDEO_META_API_TYPE, NULL);
  gst_harness_add_propose_allocation_meta (f->h, GST_VIDEO_CROP_META_API_TYPE, NULL);
  fusion_set_caps (f, "RGB", 8, 8);
  caps = gst_pad_get_current_caps (f->h->srcpad);
  query = gst_query_new_allocation (caps, TRUE);
  fail_unless (gst_pad_peer_query (f->h->srcpad, query));
  fail_unless (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL));
  fail_unless (
      !gst_query_find_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, NULL)); /* else frames come uncropped */
  gst_query_unref (query);
  gst_caps_unref (caps);
  fusion_free (f);
}
GST_END_TEST

/* Nobody can pull from an element that pushes frames when they are done. */
GST_START_TEST (test_scheduling)
{
  Fusion *f = fusion_new ("prompt=a");
  GstQuery *query = gst_query_new_scheduling ();

  fail_unless (gst_pad_peer_query (f->h->sinkpad, query));
  fail_unless (gst_query_has_scheduling_mode (query, GST_PAD_MODE_PUSH));
  fail_unless (!gst_query_has_scheduling_mode (query, GST_PAD_MODE_PULL));
  gst_query_unref (query);
  fusion_free (f);
}
GST_END_TEST

static GstPadProbeReturn
count_if_running (GstPad *pad, GstPadProbeInfo *info, gpointer n)
{
  (void) pad;
  (void) info;
  if (g_atomic_int_get (&fake.running) > 0)
    g_atomic_int_inc ((gint *) n);
  return GST_PAD_PROBE_OK;
}

/* How many frames leave element "slow" while an inference runs. */
static gint
overlaps (const gchar *launch)
{
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (launch, &error), *slow;
  GstMessage *message;
  GstPad *pad;
  gint n = 0;

  fail_unless (pipeline && !error, "%s", error ? error->message : "");
  slow = gst_bin_get_by_name (GST_BIN (pipeline), "slow");
  pad = gst_element_get_static_pad (slow, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, count_if_running, &n, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message =
      gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (pipeline), 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS, "%s", launch);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pad);
  gst_object_unref (slow);
  gst_object_unref (pipeline);
  return n;
}

/* While a result is computed, what is slow before or after goes on: two frames are in flight. */
GST_START_TEST (test_overlap)
{
  static const gchar *const pipelines[] = {
    "videotestsrc num-buffers=30 ! identity name=slow sleep-time=20000 ! vlfusion prompt=a ! fakesink",
    "videotestsrc num-buffers=30 ! vlfusion prompt=a ! identity name=slow sleep-time=20000 ! fakesink",
  };

  fusion_register ();
  fake_reset ();
  fake.run_ms = 20;
  for (guint i = 0; i < G_N_ELEMENTS (pipelines); i++)
    fail_unless (overlaps (pipelines[i]) > 0);
}
GST_END_TEST

/* Frames and events leave in the order in which they came, each frame once, whoever is first to let one go. */
GST_START_TEST (test_order)
{
  Fusion *f = fusion_new ("prompt=a");
  GstBuffer *out;

  fusion_set_caps (f, "RGB", 8, 8);
  for (guint i = 0; i < 300; i++) {
    g_atomic_int_set (&fake.run_ms, g_random_int_range (0, 3));
    fail_unless_equals_int (fusion_push (f, fusion_frame (f, i)), GST_FLOW_OK);
    g_usleep ((gulong) g_random_int_range (0, 3000));
    if (i % 10 == 9) {
      fail_unless (gst_harness_push_event (f->h, gst_event_new_gap (i, 1)));
      fail_unless_equals_int (gst_harness_buffers_received (f->h), i + 1); /* none behind the event */
    }
    if (i % 50 == 49)
      g_object_set (f->element, "mode", i % 100 == 49 ? 2 /* latest */ : 1, NULL);
  }
  for (guint i = 0; i < 300; i++) {
    out = gst_harness_pull (f->h);
    fail_unless_equals_uint64 (GST_BUFFER_PTS (out), gst_util_uint64_scale (i, GST_SECOND, 30));
    fail_unless (fusion_meta (out) != NULL);
    gst_buffer_unref (out);
  }
  fail_unless (gst_harness_try_pull (f->h) == NULL);
  fusion_free (f);
}
GST_END_TEST

/* A live frame is gone when the next one may come. */
GST_START_TEST (test_live_waits)
{
  Fusion *f = fusion_new ("prompt=a mode=every-frame");

  gst_harness_set_live (f->h, TRUE);
  fusion_set_caps (f, "RGB", 8, 8);
  fake.run_ms = 50;
  for (guint i = 1; i <= 3; i++) {
    fail_unless_equals_int (fusion_push (f, fusion_frame (f, i)), GST_FLOW_OK);
    fail_unless_equals_int (gst_harness_buffers_received (f->h), i);
  }
  fusion_free (f);
}
GST_END_TEST

static guint64
stat_of (GstElement *element, const gchar *field)
{
  GstStructure *stats = NULL;
  guint64 value;

  g_object_get (element, "stats", &stats, NULL);
  fail_unless (gst_structure_get_uint64 (stats, field, &value), "stats say no %s", field);
  gst_structure_free (stats);
  return value;
}

/* A camera of 1080p at 30 frames a second before a model of 300 ms: every frame arrives, none waits for the model, no more than one
 * inference is under way, and results are as old as that makes them. */
GST_START_TEST (test_slow_model_live)
{
  GError *error = NULL;
  GstElement *pipeline, *fusion;
  GstMessage *message;

  fusion_register ();
  fake_reset ();
  fake.run_ms = 300;
  pipeline = gst_parse_launch ("videotestsrc is-live=true num-buffers=90 pattern=black ! "
                               "video/x-raw,format=I420,width=1920,height=1080,framerate=30/1 ! "
                               "vlfusion name=f prompt=a ! fakesink sync=true",
                               &error);
  fail_unless (pipeline && !error);
  fusion = gst_bin_get_by_name (GST_BIN (pipeline), "f");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message =
      gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (pipeline), 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS);
  gst_message_unref (message);
  fail_unless_equals_uint64 (stat_of (fusion, "frames"), 90);
  fail_unless (fake.runs >= 1 && fake.runs <= 10, "%d runs", fake.runs);
  fail_unless (stat_of (fusion, "passage-p50") < stat_of (fusion, "inference-p50") / 4);
  fail_unless (stat_of (fusion, "passage-p95") < stat_of (fusion, "inference-p50"));
  fail_unless (stat_of (fusion, "age-p50") >= 290 * GST_MSECOND);
  fail_unless_equals_uint64 (stat_of (fusion, "latency"), 0);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (fusion);
  gst_object_unref (pipeline);
}
GST_END_TEST

static Suite *
storms_suite (void)
{
  Suite *s = suite_create ("storms");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_storm);
  tcase_add_test (tc, test_properties);
  tcase_add_test (tc, test_flow_returns);
  tcase_add_test (tc, test_allocation);
  tcase_add_test (tc, test_scheduling);
  tcase_add_test (tc, test_overlap);
  tcase_add_test (tc, test_order);
  tcase_add_test (tc, test_live_waits);
  tcase_add_test (tc, test_slow_model_live);
  return s;
}

GST_CHECK_MAIN (storms)
