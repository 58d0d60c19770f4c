/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an element that video passes through owes the pipeline, on a fake session: queries that agree with what it does, time that runs
 * backwards or jumps, events that stay what they were. */
#include <gst/video/video.h>
#include <string.h>
#include "plugin/gstvlframe.h"
#include "plugin/gstvljpeg.h"
#include "tests/check/fusionharness.h"

/* Caps: what the query offers, what ACCEPT_CAPS says, and what a CAPS event comes to, are one answer. */

static gboolean
is_offered (GstPad *pad, GstCaps *caps)
{
  GstCaps *offered = gst_pad_query_caps (pad, NULL);
  gboolean subset = gst_caps_is_subset (caps, offered);

  gst_caps_unref (offered);
  return subset;
}

static void
expect_agreement (Fusion *f, GstCaps *caps, gboolean taken)
{
  GstPad *pad = GST_PAD_PEER (f->h->srcpad);
  g_autofree gchar *text = gst_caps_to_string (caps);

  fail_unless_equals_int (is_offered (pad, caps), taken);
  fail_unless (gst_pad_query_accept_caps (pad, caps) == taken, "ACCEPT_CAPS: %s", text);
  fail_unless (gst_pad_send_event (pad, gst_event_new_caps (caps)) == taken, "CAPS: %s", text);
  gst_caps_unref (caps);
}

static GstCaps *
raw_caps (const gchar *format, gint width, gint height, const gchar *feature)
{
  GstCaps *caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING, format, "width", G_TYPE_INT, width,
                                       "height", G_TYPE_INT, height, "framerate", GST_TYPE_FRACTION, 30, 1, NULL);

  if (feature)
    gst_caps_set_features_simple (caps, gst_caps_features_from_string (feature));
  return caps;
}

static void
begin (Fusion *f)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (gst_harness_push_event (f->h, gst_event_new_stream_start ("video")));
  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless (gst_harness_push_event (f->h, gst_event_new_segment (&segment)));
}

#define OVERLAYS GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY ", " GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION

GST_START_TEST (test_caps_agree)
{
  static const gchar *formats[] = { "NV12", "I420", "YV12", "YUY2", "UYVY", "RGB",  "BGR",  "RGBA",
                                    "BGRA", "ARGB", "ABGR", "RGBx", "BGRx", "xRGB", "xBGR", "GRAY8" };
  static const gint sizes[][2] = { { 1, 1 }, { 17, 13 }, { 1920, 1080 }, { GST_VL_MAX_SIDE, 1 } };
  Fusion *f = fusion_new ("prompt=a");

  begin (f);
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    for (guint j = 0; j < G_N_ELEMENTS (sizes); j++) {
      expect_agreement (f, raw_caps (formats[i], sizes[j][0], sizes[j][1], NULL), TRUE);
      expect_agreement (f, raw_caps (formats[i], sizes[j][0], sizes[j][1], OVERLAYS), TRUE);
    }
  expect_agreement (f, gst_caps_from_string ("image/jpeg"), TRUE);
  expect_agreement (f, gst_caps_from_string ("image/jpeg, width=64, height=48, framerate=30/1"), TRUE);
  fusion_set_caps (f, "RGB", 16, 16);
  gst_buffer_unref (fusion_pass (f));
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_caps_disagree)
{
  Fusion *f = fusion_new ("prompt=a");

  begin (f);
  expect_agreement (f, raw_caps ("I420_10LE", 64, 48, NULL), FALSE);
  expect_agreement (f, raw_caps ("NV21", 64, 48, NULL), FALSE);
  expect_agreement (f, raw_caps ("RGB", GST_VL_MAX_SIDE + 1, 48, NULL), FALSE);
  expect_agreement (f, raw_caps ("RGB", 64, 0, NULL), FALSE);
  expect_agreement (f, raw_caps ("NV12", 64, 48, "memory:DMABuf"), FALSE);
  expect_agreement (f, gst_caps_from_string ("video/x-h264, width=64, height=48"), FALSE);
  fusion_free (f);
}
GST_END_TEST

/* Two fields in one buffer are a frame. One field a buffer is not: its caps say so, and are refused, not a frame later but at once. */
GST_START_TEST (test_interlaced)
{
  static const gchar *modes[] = { "interleaved", "mixed", "progressive" };
  Fusion *f = fusion_new ("prompt=a");
  GstCaps *caps;

  begin (f);
  for (guint i = 0; i < G_N_ELEMENTS (modes); i++) {
    GstBuffer *in, *out;

    caps = raw_caps ("I420", 64, 48, NULL);
    gst_caps_set_simple (caps, "interlace-mode", G_TYPE_STRING, modes[i], NULL);
    if (i == 0)
      gst_caps_set_simple (caps, "field-order", G_TYPE_STRING, "top-field-first", NULL);
    expect_agreement (f, gst_caps_ref (caps), TRUE);
    gst_harness_set_src_caps (f->h, caps);
    in = fusion_frame (f, 0);
    if (i < 2)
      GST_BUFFER_FLAG_SET (in, GST_VIDEO_BUFFER_FLAG_INTERLACED | GST_VIDEO_BUFFER_FLAG_TFF);
    fail_unless_equals_int (fusion_push (f, in), GST_FLOW_OK);
    out = gst_harness_pull (f->h);
    fail_unless (fusion_meta (out) && fusion_meta (out)->frame_height == 48 && g_atomic_int_get (&fake.height) == 48);
    fail_unless_equals_int (!!GST_BUFFER_FLAG_IS_SET (out, GST_VIDEO_BUFFER_FLAG_TFF), i < 2);
    gst_buffer_unref (out);
  }
  caps = raw_caps ("I420", 64, 48, GST_CAPS_FEATURE_FORMAT_INTERLACED);
  gst_caps_set_simple (caps, "interlace-mode", G_TYPE_STRING, "alternate", NULL);
  expect_agreement (f, caps, FALSE);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_ERROR, NULL), 0);
  fusion_free (f);
}
GST_END_TEST

/* Memory. */

static GstMemory *
piece (const GstMapInfo *map, gsize begin, gsize end)
{
  gpointer bytes = g_memdup2 (map->data + begin, end - begin);

  return gst_memory_new_wrapped (0, bytes, end - begin, 0, end - begin, bytes, g_free);
}

/* @buffer in one memory for each of the @n pieces that end at @ends. */
static GstBuffer *
split (GstBuffer *buffer, const gsize *ends, guint n)
{
  GstBuffer *pieces = gst_buffer_new ();
  GstMapInfo map;

  gst_buffer_copy_into (pieces, buffer, GST_BUFFER_COPY_METADATA, 0, -1);
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  for (guint i = 0; i < n; i++)
    gst_buffer_append_memory (pieces, piece (&map, i ? ends[i - 1] : 0, ends[i]));
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  return pieces;
}

/* A frame's mean colours as the model sees them. Its bytes leave as they came, @kept: in their own memories too. */
static void
mean_of (Fusion *f, GstBuffer *frame, gboolean kept, gfloat mean[3])
{
  guint n = gst_buffer_n_memory (frame);
  GstMemory *last = gst_buffer_peek_memory (frame, n - 1);
  GstBuffer *before = gst_buffer_copy_deep (frame), *out;
  GstMapInfo map;

  fail_unless_equals_int (fusion_push (f, frame), GST_FLOW_OK);
  out = gst_harness_pull (f->h);
  fail_unless (gst_buffer_map (before, &map, GST_MAP_READ));
  fail_unless (gst_buffer_get_size (out) == map.size && gst_buffer_memcmp (out, 0, map.data, map.size) == 0);
  gst_buffer_unmap (before, &map);
  gst_buffer_unref (before);
  fail_unless (!kept || (gst_buffer_n_memory (out) == n && gst_buffer_peek_memory (out, n - 1) == last));
  fail_unless (fusion_meta (out) != NULL);
  memcpy (mean, gst_vl_result_peek_image_embedding (fusion_meta (out)->result, NULL), 3 * sizeof *mean);
  gst_buffer_unref (out);
}

/* Planes in memories of their own, as decoders give them, and pieces that end anywhere, are the picture that one memory is. */
GST_START_TEST (test_memories)
{
  static const gsize planes[] = { 64 * 48, 64 * 48 * 5 / 4, 64 * 48 * 3 / 2 };
  static const gsize anywhere[] = { 1, 1000, 64 * 48 * 5 / 4 + 3, 64 * 48 * 3 / 2 };
  Fusion *f = fusion_new ("prompt=a");
  gfloat whole[3], parts[3];
  GstBuffer *frame;

  fusion_set_caps (f, "I420", 64, 48);
  mean_of (f, fusion_frame (f, 5), TRUE, whole);
  mean_of (f, fusion_frame (f, 6), TRUE, parts);
  fail_unless (memcmp (whole, parts, sizeof whole) != 0);
  mean_of (f, split (fusion_frame (f, 5), anywhere, 4), FALSE, parts);
  fail_unless (memcmp (whole, parts, sizeof whole) == 0, "pieces: %g %g %g", parts[0], parts[1], parts[2]);
  mean_of (f, split (fusion_frame (f, 5), planes, 3), FALSE, parts);
  fail_unless (memcmp (whole, parts, sizeof whole) == 0);
  frame = split (fusion_frame (f, 5), planes, 3);
  gst_buffer_add_video_meta (frame, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420, 64, 48);
  mean_of (f, frame, TRUE, parts);
  fail_unless (memcmp (whole, parts, sizeof whole) == 0);
  fusion_free (f);
}
GST_END_TEST

/* Time. */

/* A frame at @pts, its result that of itself; returns its running time. */
static GstClockTime
pass_at (Fusion *f, GstClockTime pts, const gchar *prompts)
{
  GstBuffer *frame = fusion_frame (f, 0), *out;
  GstEvent *sticky = gst_pad_get_sticky_event (f->h->srcpad, GST_EVENT_SEGMENT, 0);
  const GstSegment *segment;
  g_autoptr (GString) found = g_string_new (NULL);
  GstVlMeta *meta;
  GstClockTime running;

  GST_BUFFER_PTS (frame) = pts;
  fail_unless_equals_int (fusion_push (f, frame), GST_FLOW_OK);
  out = gst_harness_pull (f->h);
  meta = fusion_meta (out);
  fail_unless (GST_BUFFER_PTS (out) == pts && meta && !meta->carried && meta->age == 0);
  fail_unless_equals_uint64 (gst_vl_result_get_source_pts (meta->result), pts);
  for (guint i = 0; i < gst_vl_result_get_n_prompts (meta->result); i++)
    g_string_append_printf (found, "%s%s", i ? "|" : "", gst_vl_result_get_text (meta->result, i));
  fail_unless_equals_string (found->str, prompts);
  gst_event_parse_segment (sticky, &segment);
  running = gst_segment_to_running_time (segment, GST_FORMAT_TIME, pts);
  gst_event_unref (sticky);
  gst_buffer_unref (out);
  return running;
}

/* A stream whose time stamps jump back asks what each frame shows, and no result is older than a frame that is before it. */
GST_START_TEST (test_time_goes_back)
{
  static const GstClockTime times[] = { 0, GST_SECOND, 2 * GST_SECOND, GST_SECOND / 2, 0, 3 * GST_SECOND };
  Fusion *f = fusion_new ("prompt=a interval=500000000");
  GstBuffer *out;

  fusion_set_caps (f, "RGB", 8, 8);
  for (guint i = 0; i < G_N_ELEMENTS (times); i++)
    pass_at (f, times[i], "a");
  fail_unless_equals_int (fake.runs, G_N_ELEMENTS (times));
  f->pushed = 30; /* 1 s: before the last result's frame */
  g_object_set (f->element, "mode", 2 /* latest */, NULL);
  out = fusion_pass (f);
  fail_unless (fusion_meta (out)->carried && fusion_meta (out)->age == GST_CLOCK_TIME_NONE);
  gst_buffer_unref (out);
  fusion_free (f);
}
GST_END_TEST

/* A gap passes behind the frame that is in flight, and the frames after it are asked. */
GST_START_TEST (test_gaps)
{
  Fusion *f = fusion_new ("prompt=a");
  GstClockTime begin, length;
  GstEvent *event;

  fusion_set_caps (f, "RGB", 8, 8);
  for (guint i = 0; i < 3; i++) {
    fail_unless_equals_int (fusion_push (f, fusion_frame (f, 0)), GST_FLOW_OK);
    fail_unless (gst_harness_push_event (f->h, gst_event_new_gap (i * GST_SECOND, GST_SECOND)));
    fail_unless_equals_int (gst_harness_buffers_in_queue (f->h), 1);
    gst_buffer_unref (gst_harness_pull (f->h));
    while ((event = gst_harness_pull_event (f->h)) && GST_EVENT_TYPE (event) != GST_EVENT_GAP)
      gst_event_unref (event);
    gst_event_parse_gap (event, &begin, &length);
    fail_unless (begin == i * GST_SECOND && length == GST_SECOND);
    gst_event_unref (event);
  }
  fail_unless_equals_int (fake.runs, 3);
  fusion_free (f);
}
GST_END_TEST

static void
start_segment (Fusion *f, gdouble rate, GstSegmentFlags flags)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = rate;
  segment.flags = flags;
  segment.start = segment.time = 0;
  segment.stop = 4 * GST_SECOND;
  segment.position = rate < 0 ? segment.stop : 0;
  fail_unless (gst_harness_push_event (f->h, gst_event_new_segment (&segment)));
}

/* Backwards, frames come from the last to the first: each has its own result, running time goes up, two frames may be in flight. */
GST_START_TEST (test_reverse)
{
  Fusion *f = fusion_new ("prompt=a");
  GstClockTime before = 0;

  fusion_set_caps (f, "RGB", 8, 8);
  start_segment (f, -1, GST_SEGMENT_FLAG_NONE);
  for (guint i = 1; i <= 8; i++) {
    GstClockTime running = pass_at (f, (8 - i) * GST_SECOND / 2, "a");

    fail_unless (running > before);
    before = running;
  }
  fusion_free (f);
}
GST_END_TEST

/* At the end of a segment that is played in a loop there is SEGMENT_DONE behind the last frame, no EOS; the next round is asked as well. */
GST_START_TEST (test_segment_seek)
{
  Fusion *f = fusion_new ("prompt=a");
  GstEvent *event;
  guint done = 0;

  fusion_set_caps (f, "RGB", 8, 8);
  for (guint round = 0; round < 3; round++) {
    start_segment (f, 1, GST_SEGMENT_FLAG_SEGMENT);
    for (guint i = 0; i < 3; i++)
      pass_at (f, i * GST_SECOND, "a");
    fail_unless_equals_int (fusion_push (f, fusion_frame (f, 0)), GST_FLOW_OK);
    fail_unless (gst_harness_push_event (f->h, gst_event_new_segment_done (GST_FORMAT_TIME, 4 * GST_SECOND)));
    fail_unless_equals_int (gst_harness_buffers_in_queue (f->h), 1); /* none is left in flight */
    gst_buffer_unref (gst_harness_pull (f->h));
  }
  fail_unless_equals_int (fake.runs, 12);
  while ((event = gst_harness_try_pull_event (f->h))) {
    done += GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT_DONE;
    fail_unless (GST_EVENT_TYPE (event) != GST_EVENT_EOS);
    gst_event_unref (event);
  }
  fail_unless_equals_int (done, 3);
  fusion_free (f);
}
GST_END_TEST

/* Events keep their number, so that an application knows its own seek again. */

static GstEvent *
numbered (GstEvent *event, guint32 seqnum)
{
  gst_event_set_seqnum (event, seqnum);
  return event;
}

static void
expect_seqnum (GstEvent *event, GstEventType type, guint32 seqnum)
{
  fail_unless (event && GST_EVENT_TYPE (event) == type, "expected %s, found %s", gst_event_type_get_name (type),
               event ? GST_EVENT_TYPE_NAME (event) : "nothing");
  fail_unless_equals_int ((gint) gst_event_get_seqnum (event), (gint) seqnum);
  gst_event_unref (event);
}

static void
clear_events (Fusion *f)
{
  GstEvent *event;

  while ((event = gst_harness_try_pull_event (f->h)))
    gst_event_unref (event);
}

GST_START_TEST (test_seqnums_down)
{
  Fusion *f = fusion_new ("prompt=a");
  guint32 seqnum = gst_util_seqnum_next ();
  GstSegment segment;
  GstEvent *events[7];

  fusion_set_caps (f, "RGB", 8, 8);
  gst_buffer_unref (fusion_pass (f));
  clear_events (f);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  events[0] = gst_event_new_flush_start ();
  events[1] = gst_event_new_flush_stop (TRUE);
  events[2] = gst_event_new_segment (&segment);
  events[3] = gst_event_new_gap (0, GST_SECOND);
  events[4] = gst_event_new_tag (gst_tag_list_new (GST_TAG_TITLE, "a", NULL));
  events[5] = gst_event_new_segment_done (GST_FORMAT_TIME, 0);
  events[6] = gst_event_new_eos ();
  for (guint i = 0; i < G_N_ELEMENTS (events); i++) {
    GstEventType type = GST_EVENT_TYPE (events[i]);

    fail_unless (gst_harness_push_event (f->h, numbered (events[i], seqnum + i)));
    expect_seqnum (gst_harness_pull_event (f->h), type, seqnum + i);
  }
  fusion_free (f);
}
GST_END_TEST

typedef struct {
  guint32 seqnum;
  guint seeks;
} Upstream;

static gboolean
on_text_seek (GstPad *pad, GstObject *parent, GstEvent *event)
{
  Upstream *seen = gst_pad_get_element_private (pad);

  (void) parent;
  if (GST_EVENT_TYPE (event) == GST_EVENT_SEEK) {
    seen->seqnum = gst_event_get_seqnum (event);
    seen->seeks++;
  }
  gst_event_unref (event);
  return TRUE;
}

/* A seek reaches the video's and the texts' sources as one. */
GST_START_TEST (test_seqnums_up)
{
  static const GstSeekFlags ways[] = { GST_SEEK_FLAG_FLUSH, GST_SEEK_FLAG_NONE,
                                       GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_SEGMENT };
  Fusion *f = fusion_new ("prompt=a text-timeout=0");
  GstPad *texts = gst_element_request_pad_simple (f->element, "text_0"), *pad = gst_pad_new ("src", GST_PAD_SRC);
  Upstream seen = { 0 };
  GstEvent *event;

  gst_pad_set_element_private (pad, &seen);
  gst_pad_set_event_function (pad, on_text_seek);
  gst_pad_set_active (pad, TRUE);
  fail_unless_equals_int (gst_pad_link (pad, texts), GST_PAD_LINK_OK);
  fusion_set_caps (f, "RGB", 8, 8);
  gst_buffer_unref (fusion_pass (f));
  while ((event = gst_harness_try_pull_upstream_event (f->h)))
    gst_event_unref (event);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    guint32 seqnum = gst_util_seqnum_next ();

    event = gst_event_new_seek (i == 1 ? -1 : 1, GST_FORMAT_TIME, ways[i], GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET,
                                GST_SECOND);
    gst_harness_push_upstream_event (f->h, numbered (event, seqnum));
    expect_seqnum (gst_harness_pull_upstream_event (f->h), GST_EVENT_SEEK, seqnum);
    fail_unless_equals_int ((gint) seen.seqnum, (gint) seqnum);
    fail_unless_equals_int ((gint) seen.seeks, (gint) i + 1);
  }
  gst_pad_unlink (pad, texts);
  gst_element_release_request_pad (f->element, texts);
  gst_object_unref (texts);
  gst_object_unref (pad);
  fusion_free (f);
}
GST_END_TEST

static GstPadProbeReturn
stop_at_eos (GstPad *pad, GstPadProbeInfo *info, gpointer element)
{
  (void) pad;
  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) != GST_EVENT_EOS)
    return GST_PAD_PROBE_OK;
  gst_element_set_state (element, GST_STATE_NULL);
  return GST_PAD_PROBE_DROP;
}

/* As GStreamer's manual changes an element while its pipeline plays: EOS drains it, and whoever sees that come out stops it, on the thread
 * that pushed EOS in. */
GST_START_TEST (test_null_at_eos)
{
  Fusion *f = fusion_new ("prompt=a");
  GstPad *src = gst_element_get_static_pad (f->element, "src");
  gint64 begin;

  fusion_set_caps (f, "RGB", 8, 8);
  gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, stop_at_eos, f->element, NULL);
  g_atomic_int_set (&fake.run_ms, 50);
  fail_unless_equals_int (fusion_push (f, fusion_frame (f, 0)), GST_FLOW_OK);
  begin = g_get_monotonic_time ();
  gst_harness_push_event (f->h, gst_event_new_eos ());
  fail_unless (g_get_monotonic_time () - begin < 20 * G_TIME_SPAN_SECOND);
  fail_unless_equals_int (gst_harness_buffers_received (f->h), 1);
  gst_object_unref (src);
  fusion_free (f);
}
GST_END_TEST

static GstPadProbeReturn
stop_at_frame (GstPad *pad, GstPadProbeInfo *info, gpointer element)
{
  (void) pad;
  (void) info;
  gst_element_set_state (element, GST_STATE_NULL);
  return GST_PAD_PROBE_DROP;
}

/* The same by whoever sees a frame come out, on the thread that lets held frames go. */
GST_START_TEST (test_null_at_frame)
{
  Fusion *f = fusion_new ("prompt=a");
  GstPad *src = gst_element_get_static_pad (f->element, "src");

  fusion_set_caps (f, "RGB", 8, 8);
  gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_BUFFER, stop_at_frame, f->element, NULL);
  fail_unless_equals_int (fusion_push (f, fusion_frame (f, 0)), GST_FLOW_OK);
  for (guint i = 0; i < 4000 && GST_STATE (f->element) != GST_STATE_NULL; i++)
    g_usleep (5000);
  fail_unless_equals_int (GST_STATE (f->element), GST_STATE_NULL);
  gst_object_unref (src);
  fusion_free (f);
}
GST_END_TEST

static gpointer
push_second (gpointer f)
{
  return GINT_TO_POINTER (fusion_push (f, fusion_frame (f, 1)));
}

/* And on the streaming thread, which lets a frame go because the next one has come: with that one there is nothing left to do. */
GST_START_TEST (test_null_at_held_frame)
{
  static const gchar *const modes[] = { "every-frame", "latest" };

  for (guint i = 0; i < G_N_ELEMENTS (modes); i++) {
    Fusion *f = fusion_new ("prompt=a");
    GstPad *src = gst_element_get_static_pad (f->element, "src");
    GThread *thread;

    fusion_set_caps (f, "RGB", 8, 8);
    gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_BUFFER, stop_at_frame, f->element, NULL);
    g_atomic_int_set (&fake.run_ms, 200);
    fail_unless_equals_int (fusion_push (f, fusion_frame (f, 0)), GST_FLOW_OK);
    gst_util_set_object_arg (G_OBJECT (f->element), "mode", modes[i]);
    thread = g_thread_new ("second", push_second, f);
    fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
    fail_unless_equals_int (GST_STATE (f->element), GST_STATE_NULL);
    gst_object_unref (src);
    fusion_free (f);
  }
}
GST_END_TEST

/* Before PAUSED nothing can be asked of text pads: they take no caps, as no model can judge them. */
GST_START_TEST (test_pads_in_null)
{
  Fusion *f = fusion_new ("prompt=a");
  GstElement *fusion = gst_element_factory_make ("vlfusion", NULL);
  GstPad *pad = gst_element_request_pad_simple (fusion, "text_%u");
  GstCaps *caps = gst_caps_from_string ("application/x-vlf-text-embedding, model=(string)0123, layers=1, dim=3");

  fail_unless (!GST_PAD_IS_ACTIVE (pad));
  gst_pad_send_event (pad, gst_event_new_stream_start ("texts"));
  fail_unless (!gst_pad_send_event (pad, gst_event_new_caps (caps)));
  gst_element_set_state (fusion, GST_STATE_PAUSED);
  fail_unless (GST_PAD_IS_ACTIVE (pad));
  gst_element_set_state (fusion, GST_STATE_NULL);
  gst_caps_unref (caps);
  gst_object_unref (pad);
  gst_object_unref (fusion);
  fusion_free (f);
}
GST_END_TEST

static Suite *
duties_suite (void)
{
  Suite *s = suite_create ("duties");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_caps_agree);
  tcase_add_test (tc, test_caps_disagree);
  tcase_add_test (tc, test_interlaced);
  tcase_add_test (tc, test_memories);
  tcase_add_test (tc, test_time_goes_back);
  tcase_add_test (tc, test_gaps);
  tcase_add_test (tc, test_reverse);
  tcase_add_test (tc, test_segment_seek);
  tcase_add_test (tc, test_seqnums_down);
  tcase_add_test (tc, test_seqnums_up);
  tcase_add_test (tc, test_null_at_eos);
  tcase_add_test (tc, test_null_at_frame);
  tcase_add_test (tc, test_null_at_held_frame);
  tcase_add_test (tc, test_pads_in_null);
  return s;
}

GST_CHECK_MAIN (duties)
