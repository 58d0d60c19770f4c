/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Results of vlfusion for those who do not know GstVlResult: the mirror on buffers, the messages on the bus. */
#include "plugin/gstvlmirror.h"
#include "plugin/gstvlstats.h"
#include "tests/check/fusionharness.h"
#include <string.h>

static const GstStructure *
mirror_of (GstBuffer *buffer)
{
  GstCustomMeta *mirror = gst_meta_get_info ("GstVlFusion") ? gst_buffer_get_custom_meta (buffer, "GstVlFusion") : NULL;

  return mirror ? gst_custom_meta_get_structure (mirror) : NULL;
}

static gdouble
number (const GstStructure *structure, const gchar *field)
{
  gdouble value;

  fail_unless (gst_structure_get_double (structure, field, &value), "no %s", field);
  return value;
}

/* What is in @structure is what @result says. */
static void
expect_described (const GstStructure *structure, GstVlResult *result)
{
  guint64 generation;
  guint n;

  fail_unless (gst_structure_get_uint64 (structure, "generation", &generation));
  fail_unless_equals_uint64 (generation, gst_vl_result_get_generation (result));
  fail_unless_equals_string (gst_structure_get_string (structure, "model"), "fake");
  fail_unless (gst_structure_get_uint (structure, "n-prompts", &n) && n == gst_vl_result_get_n_prompts (result));
  for (guint i = 0; i < n; i++) {
    g_autofree gchar *text = g_strdup_printf ("text-%u", i), *match = g_strdup_printf ("match-%u", i);

    fail_unless_equals_string (gst_structure_get_string (structure, text), gst_vl_result_get_text (result, i));
    fail_unless_equals_float (number (structure, match), gst_vl_result_get_match (result, i));
  }
}

/* Where the GstVlMeta is there is its mirror, with the same peaks. */
static void
expect_mirrored (GstBuffer *buffer)
{
  GstVlMeta *meta = fusion_meta (buffer);
  const GstStructure *mirror = mirror_of (buffer);
  gdouble x, y;
  guint width;

  fail_unless ((meta != NULL) == (mirror != NULL), "meta %p, mirror %p", meta, mirror);
  if (!meta)
    return;
  expect_described (mirror, meta->result);
  fail_unless (gst_vl_meta_get_peak (meta, 0, &x, &y));
  fail_unless_equals_float (number (mirror, "peak-x-0"), x);
  fail_unless_equals_float (number (mirror, "peak-y-0"), y);
  fail_unless_equals_string (gst_structure_get_string (mirror, "producer"), "f");
  fail_unless (gst_structure_get_uint (mirror, "frame-width", &width) && width == meta->frame_width);
}

/* What the next result says of reuse; @cut: the frame does not follow the one before. */
static gdouble
reused (Fusion *f, gboolean cut)
{
  GstBuffer *frame = fusion_frame (f, (guint) f->pushed), *out;
  gdouble share;

  if (cut)
    GST_BUFFER_FLAG_SET (frame, GST_BUFFER_FLAG_DISCONT);
  else
    GST_BUFFER_FLAG_UNSET (frame, GST_BUFFER_FLAG_DISCONT);
  fail_unless_equals_int (fusion_push (f, frame), GST_FLOW_OK);
  out = gst_harness_pull (f->h);
  share = gst_vl_result_get_reused (fusion_meta (out)->result);
  gst_buffer_unref (out);
  return share;
}

/* The property goes to the session from frame to frame, and with it where a stream does not go on. */
GST_START_TEST (test_reuse)
{
  Fusion *f = fusion_new ("prompt=star");
  gint mode;

  g_object_get (f->element, "reuse", &mode, NULL);
  fail_unless_equals_int (mode, VLF_REUSE_OFF);
  fusion_set_caps (f, "RGB", 64, 48);
  fail_unless_equals_float (reused (f, TRUE), 0);
  fail_unless_equals_float (reused (f, FALSE), 0);
  gst_util_set_object_arg (G_OBJECT (f->element), "reuse", "exact");
  fail_unless_equals_float (reused (f, FALSE), VLF_REUSE_EXACT * FAKE_REUSED);
  gst_util_set_object_arg (G_OBJECT (f->element), "reuse", "approximate");
  fail_unless_equals_float (reused (f, FALSE), VLF_REUSE_APPROXIMATE * FAKE_REUSED);
  fail_unless_equals_float (reused (f, TRUE), 0);
  g_object_get (f->element, "reuse", &mode, NULL);
  fail_unless_equals_int (mode, VLF_REUSE_APPROXIMATE);
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_mirror)
{
  Fusion *f = fusion_new ("prompt=\"a red circle\\\\na star\"");
  GstBuffer *out, *copy;
  gboolean carried;

  fusion_set_caps (f, "RGB", 64, 48);
  out = fusion_pass (f);
  fail_unless (fusion_meta (out) && !mirror_of (out));
  gst_buffer_unref (out);

  g_object_set (f->element, "mirror", TRUE, NULL);
  out = fusion_pass (f);
  expect_mirrored (out);
  copy = gst_buffer_copy_deep (out);
  gst_buffer_unref (out);
  fail_unless (fusion_meta (copy) != NULL);
  expect_mirrored (copy);
  gst_buffer_unref (copy);

  g_object_set (f->element, "interval", (guint64) GST_SECOND, NULL);
  out = fusion_pass (f);
  fail_unless (gst_structure_get_boolean (mirror_of (out), "carried", &carried) && carried);
  gst_buffer_unref (out);
  fusion_free (f);
}
GST_END_TEST

/* Of very many prompts only the first are there, and the best. */
GST_START_TEST (test_mirror_of_many)
{
  GstVlResult *result = gst_vl_result_new (64, 48, 1, 1);
  GstStructure *structure = gst_structure_new_empty ("many");
  guint n;

  for (guint i = 0; i < 10000; i++) {
    g_autofree gchar *text = g_strdup_printf ("prompt %u", i);

    gst_vl_result_add_prompt (result, text, 0.5, 0, NULL);
  }
  gst_vl_result_set_best (result, 7000);
  gst_vl_mirror_describe (structure, result, NULL);
  fail_unless (gst_structure_get_uint (structure, "n-prompts", &n) && n == 10000);
  fail_unless_equals_string (gst_structure_get_string (structure, "text-0"), "prompt 0");
  fail_unless_equals_string (gst_structure_get_string (structure, "text-63"), "prompt 63");
  fail_if (gst_structure_has_field (structure, "text-64"));
  fail_unless_equals_string (gst_structure_get_string (structure, "text-7000"), "prompt 7000");
  fail_unless (gst_structure_n_fields (structure) < 500);
  gst_structure_free (structure);
  gst_vl_result_unref (result);
}
GST_END_TEST

/* Through elements that change the frame the mirror follows or goes as the GstVlMeta does. */
GST_START_TEST (test_mirror_follows)
{
  static const struct {
    const gchar *way;
    gboolean stays;
  } ways[] = {
    { "videoscale ! capsfilter caps=video/x-raw,width=32,height=24", TRUE },
    { "videoscale ! capsfilter caps=video/x-raw,width=32,height=48,pixel-aspect-ratio=1/1", TRUE },
    { "videoconvert ! capsfilter caps=video/x-raw,format=I420", TRUE },
    { "videocrop left=10", FALSE },
    { "identity ! queue", TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    Fusion *f = fusion_new ("prompt=star mirror=true");
    GstHarness *h = gst_harness_new_parse (ways[i].way);
    GstBuffer *out;

    fusion_set_caps (f, "RGB", 64, 48);
    gst_harness_set_src_caps (h, gst_pad_get_current_caps (f->h->srcpad));
    out = gst_harness_push_and_pull (h, fusion_pass (f));
    fail_unless (out != NULL, "%s", ways[i].way);
    expect_mirrored (out);
    fail_unless (!ways[i].stays || mirror_of (out), "%s loses it", ways[i].way);
    gst_buffer_unref (out);
    gst_harness_teardown (h);
    fusion_free (f);
  }
}
GST_END_TEST

/* One message for each result, none for frames that carry one, at the frame's time. */
GST_START_TEST (test_messages)
{
  Fusion *f = fusion_new ("prompt=\"a red circle\\\\na star\" post-messages=true");
  const guint64 step = gst_util_uint64_scale (1, GST_SECOND, 30);
  GstMessage *message;
  GstBuffer *out;

  fusion_set_caps (f, "RGB", 16, 16);
  for (guint i = 0; i < 3; i++) {
    guint64 times[3];

    out = fusion_pass (f);
    message = fusion_next_event (f, 0);
    fail_unless (message && gst_message_has_name (message, "vlfusion"));
    fail_unless (GST_MESSAGE_SRC (message) == GST_OBJECT (f->element));
    expect_described (gst_message_get_structure (message), fusion_meta (out)->result);
    fail_unless (gst_structure_get (gst_message_get_structure (message), "timestamp", G_TYPE_UINT64, &times[0],
                                    "stream-time", G_TYPE_UINT64, &times[1], "running-time", G_TYPE_UINT64, &times[2],
                                    NULL));
    for (guint k = 0; k < 3; k++)
      fail_unless (times[k] == GST_BUFFER_PTS (out) && times[k] >= i * step);
    gst_message_unref (message);
    gst_buffer_unref (out);
  }
  g_object_set (f->element, "interval", (guint64) GST_SECOND, NULL);
  gst_buffer_unref (fusion_pass (f));
  g_object_set (f->element, "interval", (guint64) 0, "post-messages", FALSE, NULL);
  gst_buffer_unref (fusion_pass (f));
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_ELEMENT, NULL), 0);
  fusion_free (f);
}
GST_END_TEST

/* Running and stream time differ where a segment says so. */
GST_START_TEST (test_message_times)
{
  Fusion *f = fusion_new ("prompt=star post-messages=true");
  GstSegment segment;
  GstMessage *message;
  GstBuffer *frame;
  guint64 stream, running;

  fusion_set_caps (f, "RGB", 16, 16);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.start = 2 * GST_SECOND;
  segment.time = 5 * GST_SECOND;
  segment.base = 9 * GST_SECOND;
  fail_unless (gst_harness_push_event (f->h, gst_event_new_segment (&segment)));
  frame = fusion_frame (f, 1);
  GST_BUFFER_PTS (frame) = 3 * GST_SECOND;
  fail_unless_equals_int (fusion_push (f, frame), GST_FLOW_OK);
  message = fusion_next_event (f, 60 * GST_SECOND);
  fail_unless (message && gst_structure_get (gst_message_get_structure (message), "stream-time", G_TYPE_UINT64, &stream,
                                             "running-time", G_TYPE_UINT64, &running, NULL));
  fail_unless_equals_uint64 (stream, 6 * GST_SECOND);
  fail_unless_equals_uint64 (running, 10 * GST_SECOND);
  gst_message_unref (message);

  frame = fusion_frame (f, 1); /* begins before the segment: shown from there on, as after an accurate seek */
  segment.start = 20 * GST_SECOND;
  segment.base = 30 * GST_SECOND;
  fail_unless (gst_harness_push_event (f->h, gst_event_new_segment (&segment)));
  GST_BUFFER_PTS (frame) = 20 * GST_SECOND - 1;
  fail_unless_equals_int (fusion_push (f, frame), GST_FLOW_OK);
  message = fusion_next_event (f, 60 * GST_SECOND);
  fail_unless (message &&
               gst_structure_get (gst_message_get_structure (message), "running-time", G_TYPE_UINT64, &running, NULL));
  fail_unless_equals_uint64 (running, 30 * GST_SECOND);
  gst_message_unref (message);
  fusion_free (f);
}
GST_END_TEST

/* Marks are read when asked for, also while playing, in prompts from every source; results speak of the plain text. */
GST_START_TEST (test_markup)
{
  Fusion *f = fusion_new ("prompt=\"a (red:2) [star]\"");
  GstHarness *t = gst_harness_new_with_element (f->element, "text_%u", NULL);
  static const gchar *const subtitle = "<b>the (ring:0)</b> &lt;3";
  GstBuffer *text = gst_buffer_new_memdup (subtitle, strlen (subtitle)), *out;
  GstVlMeta *meta;
  guint64 generation = 1;
  g_autofree gchar *prompt = NULL;
  gboolean markup;

  gst_harness_set_src_caps_str (t, "text/x-raw,format=pango-markup");
  GST_BUFFER_PTS (text) = 0;
  GST_BUFFER_DURATION (text) = 1000 * GST_SECOND;
  fail_unless_equals_int (gst_harness_push (t, text), GST_FLOW_OK);
  fusion_set_caps (f, "RGB", 16, 16);
  for (guint i = 0; i < 2; i++) {
    for (guint k = 0; k < 2000; k++) {
      out = fusion_pass (f);
      meta = fusion_meta (out);
      if (gst_vl_result_get_generation (meta->result) > i)
        break;
      fail_unless_equals_string (gst_vl_result_get_text (meta->result, 0), "a (red:2) [star]");
      fail_unless_equals_string (gst_vl_result_get_text (meta->result, 1), "the (ring:0) <3");
      gst_buffer_unref (out);
      g_usleep (1000);
    }
    fail_unless_equals_uint64 (gst_vl_result_get_generation (meta->result), ++generation - 1);
    fail_unless_equals_string (gst_vl_result_get_text (meta->result, 0), i ? "a red star" : "a (red:2) [star]");
    fail_unless_equals_string (gst_vl_result_get_text (meta->result, 1), i ? "the ring <3" : "the (ring:0) <3");
    gst_buffer_unref (out);
    g_object_set (f->element, "prompt-markup", TRUE, NULL);
  }
  g_object_get (f->element, "prompt", &prompt, "prompt-markup", &markup, NULL);
  fail_unless_equals_string (prompt, "a (red:2) [star]");
  fail_unless (markup);
  gst_harness_teardown (t);
  fusion_free (f);
}
GST_END_TEST

/* Percentiles are right to 3 % over the whole range, whatever the order. */
GST_START_TEST (test_percentiles)
{
  static const GstClockTime scales[] = { 1, 1000, GST_MSECOND, GST_SECOND, 1000 * GST_SECOND };
  static const guint percents[] = { 1, 50, 95, 99, 100 };

  for (guint i = 0; i < G_N_ELEMENTS (scales); i++) {
    GstVlTimes *times = g_new0 (GstVlTimes, 1);

    fail_unless_equals_uint64 (gst_vl_times_percentile (times, 50), 0);
    for (guint k = 0; k < 1000; k++)
      gst_vl_times_add (times, (k * 617 % 1000 + 1) * scales[i]);
    for (guint k = 0; k < G_N_ELEMENTS (percents); k++) {
      gdouble expected = 10.0 * percents[k] * scales[i], found = gst_vl_times_percentile (times, percents[k]);

      fail_unless (ABS (found - expected) <= 0.032 * expected, "p%u of %g is %g", percents[k], expected, found);
    }
    gst_vl_times_add (times, GST_CLOCK_TIME_NONE - 1);
    fail_unless (gst_vl_times_percentile (times, 100) > G_MAXUINT64 / 100 * 96);
    g_free (times);
  }
}
GST_END_TEST

static guint64
stat_of (Fusion *f, const gchar *field)
{
  GstStructure *stats = NULL;
  guint64 value;

  g_object_get (f->element, "stats", &stats, NULL);
  fail_unless (gst_structure_get_uint64 (stats, field, &value), "stats say no %s", field);
  gst_structure_free (stats);
  return value;
}

/* Frames wait for their results: each is in passage for as long as its inference at least, and no result is old. */
GST_START_TEST (test_stats)
{
  Fusion *f = fusion_new ("prompt=star mode=every-frame");

  fake.run_ms = 20;
  fusion_set_caps (f, "RGB", 16, 16);
  for (guint i = 0; i < 10; i++)
    gst_buffer_unref (fusion_pass (f));
  fail_unless_equals_uint64 (stat_of (f, "frames"), 10);
  fail_unless_equals_uint64 (stat_of (f, "inferences"), 10);
  fail_unless (stat_of (f, "inference-p50") >= 19 * GST_MSECOND);
  fail_unless (stat_of (f, "passage-p50") >= 19 * GST_MSECOND);
  fail_unless (stat_of (f, "inference-p50") <= stat_of (f, "inference-p99"));
  fail_unless (ABS ((gint64) stat_of (f, "device-p95") - (gint64) (FAKE_DEVICE_MS * GST_MSECOND)) < GST_MSECOND / 4);
  fail_unless_equals_uint64 (stat_of (f, "age-p99"), 0);
  fusion_free (f);
}
GST_END_TEST

/* Marks that mean nothing to the model are no reason to end a stream that a subtitle came with. */
GST_START_TEST (test_marks_refused)
{
  Fusion *f = fusion_new ("prompt-markup=true");
  GstHarness *t = gst_harness_new_with_element (f->element, "text_%u", NULL);
  static const gchar *const cue = "in (John 3:5) it says";
  GstBuffer *text = gst_buffer_new_memdup (cue, strlen (cue));

  fake.mark_error = VLF_ERROR_UNSUPPORTED + 1;
  gst_harness_set_src_caps_str (t, "text/x-raw,format=utf8");
  fusion_set_caps (f, "RGB", 8, 8);
  GST_BUFFER_PTS (text) = 0;
  GST_BUFFER_DURATION (text) = GST_SECOND;
  fail_unless_equals_int (gst_harness_push (t, text), GST_FLOW_OK);
  fusion_expect_prompts (f, cue);
  fusion_expect_message (f->bus, GST_MESSAGE_WARNING, "as it stands");
  gst_harness_teardown (t);
  fusion_free (f);
}
GST_END_TEST

static Suite *
reports_suite (void)
{
  Suite *s = suite_create ("reports");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_reuse);
  tcase_add_test (tc, test_mirror);
  tcase_add_test (tc, test_mirror_of_many);
  tcase_add_test (tc, test_mirror_follows);
  tcase_add_test (tc, test_messages);
  tcase_add_test (tc, test_message_times);
  tcase_add_test (tc, test_markup);
  tcase_add_test (tc, test_marks_refused);
  tcase_add_test (tc, test_percentiles);
  tcase_add_test (tc, test_stats);
  return s;
}

GST_CHECK_MAIN (reports)
