/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvloverlay.h"
#include "tests/check/vlcheck.h"
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <math.h>

#define WIDTH  320
#define HEIGHT 240
#define GREY   0x50
#define META   "meta:GstVideoOverlayComposition"
#define BESIDE "video/x-raw(memory:SystemMemory, " META ")"

static const gchar *FORMATS[] = { "NV12", "I420", "YUY2", "RGB", "BGRA", "xRGB", "GRAY8" };

/* @properties: name=value, separated by spaces. */
static void
set_properties (GstHarness *h, const gchar *properties)
{
  gchar **list = g_strsplit (properties, " ", -1);

  for (guint i = 0; list[i]; i++) {
    gchar *value = strchr (list[i], '=');

    if (value) {
      *value++ = 0;
      gst_util_set_object_arg (G_OBJECT (h->element), list[i], value);
    }
  }
  g_strfreev (list);
}

static GstHarness *
harness_new (const gchar *properties)
{
  GstHarness *h = gst_harness_new ("vloverlay");

  set_properties (h, properties);
  gst_harness_set_src_caps_str (h, "video/x-raw,format=BGRx,width=320,height=240,framerate=25/1");
  return h;
}

static GstBuffer *
grey_frame (void)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, WIDTH * HEIGHT * 4, NULL);

  gst_buffer_memset (buffer, 0, GREY, WIDTH * HEIGHT * 4);
  GST_BUFFER_PTS (buffer) = 0;
  return buffer;
}

/* Pushes a grey frame with @result; takes it. @age: GST_CLOCK_TIME_NONE: the frame's own result. */
static GstBuffer *
draw (GstHarness *h, GstVlResult *result, GstClockTime age)
{
  GstBuffer *buffer = grey_frame ();
  GstVlMeta *meta = gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);

  if (GST_CLOCK_TIME_IS_VALID (age))
    gst_vl_meta_set_carried (meta, age);
  gst_vl_result_unref (result);
  return gst_harness_push_and_pull (h, buffer);
}

/* Largest difference of a sample from the grey frame, and where; gives the buffer back. */
static gint
largest_change (GstBuffer *buffer, gint *x, gint *y)
{
  gint largest = 0;
  GstMapInfo map;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  for (gsize i = 0; i < map.size; i++) {
    gint change = i % 4 == 3 ? 0 : ABS ((gint) map.data[i] - GREY);

    if (change > largest) {
      largest = change;
      if (x)
        *x = (gint) (i / 4 % WIDTH);
      if (y)
        *y = (gint) (i / 4 / WIDTH);
    }
  }
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  return largest;
}

GST_START_TEST (test_strides)
{
  gsize offset[GST_VIDEO_MAX_PLANES] = { 64 };
  gint stride[GST_VIDEO_MAX_PLANES] = { WIDTH * 4 + 32 };
  GstHarness *h = harness_new ("labels=none");
  GstBuffer *packed = draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), *padded;
  GstVlResult *result = vl_check_result (WIDTH, HEIGHT, 0.5, 0.5);
  GstMapInfo a, b;

  padded = gst_buffer_new_allocate (NULL, 64 + (gsize) stride[0] * HEIGHT, NULL);
  gst_buffer_memset (padded, 0, GREY, 64 + (gsize) stride[0] * HEIGHT);
  gst_buffer_add_video_meta_full (padded, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_BGRx, WIDTH, HEIGHT, 1, offset,
                                  stride);
  gst_buffer_add_vl_meta (padded, result, "check", GST_VL_KIND_FUSION);
  gst_vl_result_unref (result);
  padded = gst_harness_push_and_pull (h, padded);
  gst_buffer_map (packed, &a, GST_MAP_READ);
  gst_buffer_map (padded, &b, GST_MAP_READ);
  for (guint y = 0; y < HEIGHT; y++) {
    fail_unless (memcmp (a.data + y * WIDTH * 4, b.data + 64 + y * (gsize) stride[0], WIDTH * 4) == 0);
    for (guint i = 0; i < 32; i++)
      fail_unless_equals_int (b.data[64 + y * (gsize) stride[0] + WIDTH * 4 + i], GREY);
  }
  gst_buffer_unmap (packed, &a);
  gst_buffer_unmap (padded, &b);
  gst_buffer_unref (packed);
  gst_buffer_unref (padded);
  gst_harness_teardown (h);
}
GST_END_TEST

/* A frame that somebody else holds is not drawn on. */
GST_START_TEST (test_shared_frame)
{
  GstHarness *h = harness_new ("");
  GstVlResult *result = vl_check_result (WIDTH, HEIGHT, 0.5, 0.5);
  GstBuffer *buffer = grey_frame ();

  gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
  gst_vl_result_unref (result);
  gst_harness_push (h, gst_buffer_ref (buffer));
  fail_unless (largest_change (gst_harness_pull (h), NULL, NULL) > 50);
  fail_unless_equals_int (largest_change (buffer, NULL, NULL), 0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* The map's bump is drawn where it is, wherever the grid covers the frame. */
GST_START_TEST (test_place)
{
  static const gdouble PLACES[][2] = { { 0.25, 0.5 }, { 0.75, 0.25 }, { 0.04, 0.04 }, { 0.96, 0.96 } };
  GstHarness *h = harness_new ("labels=none colormap=grey");
  gint x, y;

  for (guint i = 0; i < G_N_ELEMENTS (PLACES); i++) {
    fail_unless (
        largest_change (draw (h, vl_check_result (WIDTH, HEIGHT, PLACES[i][0], PLACES[i][1]), GST_CLOCK_TIME_NONE), &x,
                        &y) > 80);
    fail_unless (fabs (x - PLACES[i][0] * WIDTH) < 14 && fabs (y - PLACES[i][1] * HEIGHT) < 14, "peak at %d,%d", x, y);
  }
  for (guint i = 0; i < 2; i++) {
    gdouble wide = i == 0 ? 160 : 480, left = i == 0 ? 160 : -80;
    GstVlResult *result = vl_check_result (WIDTH, HEIGHT, 0.5, 0.25);

    gst_vl_result_set_region (result, left, 0, wide, HEIGHT);
    fail_unless (largest_change (draw (h, result, GST_CLOCK_TIME_NONE), &x, &y) > 80);
    fail_unless (fabs (x - (left + wide / 2)) < 14 && fabs (y - HEIGHT / 4.0) < 14, "peak at %d,%d", x, y);
  }
  gst_harness_teardown (h);
}
GST_END_TEST

/* Scaled after the inference: the drawn peak moves with the picture. */
GST_START_TEST (test_scaled)
{
  GstVlResult *result = vl_check_result (640, 480, 0.25, 0.5);
  GstSample *sample =
      vl_check_run ("videotestsrc num-buffers=1 pattern=black ! video/x-raw,format=BGRx,width=640,height=480 ! "
                    "identity name=in ! videoscale ! video/x-raw,width=320,height=240 ! "
                    "vloverlay labels=none colormap=grey ! fakesink name=out",
                    result);
  guint largest = 0, at = 0;
  GstMapInfo map;

  gst_buffer_map (gst_sample_get_buffer (sample), &map, GST_MAP_READ);
  for (guint i = 0; i < WIDTH * HEIGHT; i++)
    if (map.data[i * 4] > largest) {
      largest = map.data[i * 4];
      at = i;
    }
  gst_buffer_unmap (gst_sample_get_buffer (sample), &map);
  fail_unless (largest > 100);
  fail_unless (fabs (at % WIDTH - 80.0) < 14 && fabs (at / WIDTH - 120.0) < 14, "peak at %u,%u", at % WIDTH,
               at / WIDTH);
  gst_sample_unref (sample);
  gst_vl_result_unref (result);
}
GST_END_TEST

/* Nothing to say, nothing drawn. */
GST_START_TEST (test_nothing)
{
  GstHarness *h = harness_new ("");
  gfloat values[14 * 14];
  GBytes *map;
  GstVlResult *result;

  fail_unless_equals_int (largest_change (gst_harness_push_and_pull (h, grey_frame ()), NULL, NULL), 0);

  /* a map that is even but for noise, and no label */
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    values[i] = (gfloat) (1 + 0.1 * ((i * 2654435761u >> 16 & 255) / 255.0 - 0.5)) / G_N_ELEMENTS (values);
  set_properties (h, "labels=none");
  map = g_bytes_new (values, sizeof (values));
  result = gst_vl_result_new (WIDTH, HEIGHT, 14, 14);
  gst_vl_result_add_prompt (result, "nothing", 0.9, 0, map);
  g_bytes_unref (map);
  fail_unless (largest_change (draw (h, result, GST_CLOCK_TIME_NONE), NULL, NULL) <= 4);

  /* a map with a value that is none */
  values[7] = NAN;
  map = g_bytes_new (values, sizeof (values));
  result = gst_vl_result_new (WIDTH, HEIGHT, 14, 14);
  gst_vl_result_add_prompt (result, "broken", 0.9, 0, map);
  g_bytes_unref (map);
  fail_unless_equals_int (largest_change (draw (h, result, GST_CLOCK_TIME_NONE), NULL, NULL), 0);

  /* a region that is nowhere, and a result of another frame */
  result = vl_check_result (WIDTH, HEIGHT, 0.5, 0.5);
  gst_vl_result_set_region (result, 1000, 0, 50, 50);
  fail_unless_equals_int (largest_change (draw (h, result, GST_CLOCK_TIME_NONE), NULL, NULL), 0);
  result = vl_check_result (WIDTH, HEIGHT, 0.5, 0.5);
  gst_vl_result_set_region (result, NAN, 0, INFINITY, 50);
  fail_unless_equals_int (largest_change (draw (h, result, GST_CLOCK_TIME_NONE), NULL, NULL), 0);
  fail_unless_equals_int (
      largest_change (draw (h, vl_check_result (WIDTH / 2, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL, NULL), 0);
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_unmatched)
{
  GstHarness *h = harness_new ("labels=none threshold=0.95");
  gint full, faint;

  faint = largest_change (draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL, NULL);
  g_object_set (h->element, "threshold", 0.5, NULL);
  full = largest_change (draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL, NULL);
  fail_unless (faint > 0 && faint * 2 < full, "%d and %d", faint, full);
  g_object_set (h->element, "threshold", 0.95, "unmatched-opacity", 0.0, NULL);
  set_properties (h, "labels=peak");
  fail_unless_equals_int (
      largest_change (draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL, NULL), 0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Old results fade away. */
GST_START_TEST (test_expire)
{
  GstHarness *h = harness_new ("labels=none expire=1000000000");
  gint fresh, older, last;

  fresh = largest_change (draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), 0), NULL, NULL);
  older = largest_change (draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), 750 * GST_MSECOND), NULL, NULL);
  last = largest_change (draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_SECOND), NULL, NULL);
  fail_unless (fresh > 80 && older < 0.7 * fresh && older > 0.3 * fresh && last == 0, "%d, %d, %d", fresh, older, last);
  g_object_set (h->element, "expire", GST_CLOCK_TIME_NONE, NULL);
  fail_unless_equals_int (
      largest_change (draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), 3600 * GST_SECOND), NULL, NULL), fresh);
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_source)
{
  GstHarness *h = harness_new ("source=other");

  fail_unless_equals_int (
      largest_change (draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL, NULL), 0);
  g_object_set (h->element, "source", "check", NULL);
  fail_unless (largest_change (draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL, NULL) >
               80);
  g_object_set (h->element, "source", NULL, NULL);
  fail_unless (largest_change (draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL, NULL) >
               80);
  gst_harness_teardown (h);
}
GST_END_TEST

/* With a time constant a map that jumps is still half where it was. */
GST_START_TEST (test_smoothing)
{
  GstHarness *h = harness_new ("labels=none colormap=grey smoothing=1000000000");
  GstVlResult *result;
  GstBuffer *buffer;
  gint x, y;

  gst_buffer_unref (draw (h, vl_check_result (WIDTH, HEIGHT, 0.25, 0.5), GST_CLOCK_TIME_NONE));
  result = vl_check_result (WIDTH, HEIGHT, 0.75, 0.5);
  for (guint i = 1; i <= 2; i++) {
    buffer = grey_frame ();
    GST_BUFFER_PTS (buffer) = i == 1 ? 200 * GST_MSECOND : 5 * GST_SECOND;
    gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
    largest_change (gst_harness_push_and_pull (h, buffer), &x, &y);
    fail_unless (i == 1 ? x < WIDTH / 2 : x > WIDTH / 2, "peak at %d after frame %u", x, i);
  }
  gst_vl_result_unref (result);
  gst_harness_teardown (h);
}
GST_END_TEST

static GstVideoOverlayComposition *
composition_of (GstBuffer *buffer)
{
  GstVideoOverlayCompositionMeta *meta = gst_buffer_get_video_overlay_composition_meta (buffer);

  return meta ? meta->overlay : NULL;
}

/* Downstream that lays pictures over the frame gets them beside it; the same as long as nothing changes. */
GST_START_TEST (test_composition)
{
  GstHarness *h = gst_harness_new ("vloverlay");
  GstVlResult *result = vl_check_result (WIDTH, HEIGHT, 0.5, 0.5);
  GstVideoOverlayComposition *kept = NULL;
  GstVideoOverlayRectangle *rectangle;
  GstCaps *caps;
  guint width, height;
  gint x, y;

  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  gst_harness_set_sink_caps_str (h, BESIDE "; video/x-raw");
  gst_harness_set_src_caps_str (h, "video/x-raw,format=BGRx,width=320,height=240,framerate=25/1");
  for (guint i = 0; i < 3; i++) {
    GstBuffer *buffer = grey_frame ();

    if (i == 2)
      g_object_set (h->element, "opacity", 0.5, NULL);
    gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
    buffer = gst_harness_push_and_pull (h, buffer);
    fail_unless (composition_of (buffer) != NULL);
    if (i == 0) {
      kept = gst_video_overlay_composition_ref (composition_of (buffer));
      fail_unless (gst_video_overlay_composition_n_rectangles (kept) >= 1);
      rectangle = gst_video_overlay_composition_get_rectangle (kept, 0);
      gst_video_overlay_rectangle_get_render_rectangle (rectangle, &x, &y, &width, &height);
      fail_unless (x == 0 && y == 0 && width == WIDTH && height == HEIGHT);
    }
    fail_unless ((composition_of (buffer) == kept) == (i < 2));
    fail_unless_equals_int (largest_change (buffer, NULL, NULL), 0);
  }
  gst_video_overlay_composition_unref (kept);
  caps = gst_pad_get_current_caps (h->sinkpad);
  fail_unless (gst_caps_features_contains (gst_caps_get_features (caps, 0), META));
  gst_caps_unref (caps);
  gst_vl_result_unref (result);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Pictures that were there stay. */
GST_START_TEST (test_composition_of_upstream)
{
  GstHarness *h = gst_harness_new ("vloverlay");
  GstBuffer *buffer = grey_frame (), *pixels = gst_buffer_new_allocate (NULL, 16 * 16 * 4, NULL);
  GstVideoOverlayRectangle *rectangle;
  GstVideoOverlayComposition *theirs;
  GstVlResult *result = vl_check_result (WIDTH, HEIGHT, 0.5, 0.5);

  gst_buffer_memset (pixels, 0, 0xff, 16 * 16 * 4);
  gst_buffer_add_video_meta (pixels, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, 16, 16);
  rectangle = gst_video_overlay_rectangle_new_raw (pixels, 5, 6, 16, 16, GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE);
  theirs = gst_video_overlay_composition_new (rectangle);
  gst_buffer_add_video_overlay_composition_meta (buffer, theirs);
  gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  gst_harness_set_src_caps_str (h, BESIDE ",format=BGRx,width=320,height=240,framerate=25/1");
  gst_harness_set_sink_caps_str (h, BESIDE ",format=BGRx,width=320,height=240,framerate=25/1");
  buffer = gst_harness_push_and_pull (h, buffer);
  fail_unless (gst_video_overlay_composition_n_rectangles (composition_of (buffer)) >= 2);
  fail_unless (gst_video_overlay_composition_get_rectangle (composition_of (buffer), 0) == rectangle);
  gst_buffer_unref (buffer);
  gst_video_overlay_rectangle_unref (rectangle);
  gst_video_overlay_composition_unref (theirs);
  gst_buffer_unref (pixels);
  gst_vl_result_unref (result);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Downstream that takes anything, but does not say that it lays pictures over the frame, gets them in it. */
GST_START_TEST (test_any_downstream)
{
  GstHarness *h = harness_new ("");
  GstCaps *caps;

  gst_harness_set_sink_caps (h, gst_caps_new_any ());
  fail_unless (largest_change (draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL, NULL) >
               80);
  caps = gst_pad_get_current_caps (h->sinkpad);
  fail_unless (!gst_caps_features_contains (gst_caps_get_features (caps, 0), META));
  gst_caps_unref (caps);
  gst_harness_teardown (h);
}
GST_END_TEST

/* A new size in the middle of the stream. */
GST_START_TEST (test_renegotiation)
{
  GstHarness *h = harness_new ("labels=none");
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 64 * 48 * 3, NULL);
  GstVlResult *result = vl_check_result (64, 48, 0.5, 0.5);
  GstMapInfo map;

  gst_buffer_unref (draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE));
  gst_buffer_memset (buffer, 0, GREY, 64 * 48 * 3);
  gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
  gst_vl_result_unref (result);
  gst_harness_set_src_caps_str (h, "video/x-raw,format=RGB,width=64,height=48,framerate=25/1");
  buffer = gst_harness_push_and_pull (h, buffer);
  gst_buffer_map (buffer, &map, GST_MAP_READ);
  fail_unless (ABS (map.data[(24 * 64 + 32) * 3] - GREY) > 50);
  fail_unless_equals_int (map.data[0], GREY);
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
}
GST_END_TEST

static gboolean
accepts (GstHarness *h, const gchar *text)
{
  GstCaps *caps = gst_caps_from_string (text), *can = gst_pad_peer_query_caps (h->srcpad, NULL);
  gboolean accepted = gst_pad_peer_query_accept_caps (h->srcpad, caps);

  fail_unless (accepted == gst_caps_is_subset (caps, can), "%s: the caps query disagrees", text);
  gst_caps_unref (can);
  gst_caps_unref (caps);
  return accepted;
}

/* Upstream is told what downstream takes, with pictures beside the frame or in it. */
GST_START_TEST (test_caps)
{
  static const gchar SIZE[] = ",width=320,height=240,framerate=0/1";
  GstHarness *h = gst_harness_new ("vloverlay");
  gchar *plain, *beside;

  gst_harness_set_sink_caps (h, gst_caps_new_any ());
  for (guint i = 0; i < G_N_ELEMENTS (FORMATS); i++) {
    plain = g_strdup_printf ("video/x-raw,format=%s%s", FORMATS[i], SIZE);
    beside = g_strdup_printf (BESIDE ",format=%s%s", FORMATS[i], SIZE);
    gst_harness_set_sink_caps (h, gst_caps_new_any ());
    fail_unless (accepts (h, plain) && accepts (h, beside));
    gst_harness_set_sink_caps_str (h, plain);
    fail_unless (accepts (h, plain) && !accepts (h, beside));
    gst_harness_set_sink_caps_str (h, beside);
    fail_unless (accepts (h, plain) && accepts (h, beside));
    gst_harness_set_sink_caps_str (h, i == 0 ? "video/x-raw,format=RGB" : "video/x-raw,format=NV12");
    fail_unless (!accepts (h, plain) && !accepts (h, beside));
    g_free (beside);
    g_free (plain);
  }
  gst_harness_set_sink_caps (h, gst_caps_new_any ());
  fail_unless (!accepts (h, "video/x-raw,format=I420_10LE,width=320,height=240,framerate=25/1"));
  fail_unless (!accepts (h, "video/x-raw(memory:GLMemory),format=RGBA,width=320,height=240,framerate=25/1"));
  gst_harness_teardown (h);
}
GST_END_TEST

static GstPadProbeReturn
attach_any (GstPad *pad, GstPadProbeInfo *info, gpointer result)
{
  GstBuffer *buffer = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));

  (void) pad;
  gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
  GST_PAD_PROBE_INFO_DATA (info) = buffer;
  return GST_PAD_PROBE_OK;
}

/* Flushing seeks at any time are no error. */
GST_START_TEST (test_seeks)
{
  GstElement *pipeline =
      gst_parse_launch ("videotestsrc ! video/x-raw,format=I420,width=64,height=48 ! identity name=in ! vloverlay ! "
                        "queue ! fakesink",
                        NULL);
  GstElement *in = gst_bin_get_by_name (GST_BIN (pipeline), "in");
  GstVlResult *result = vl_check_result (64, 48, 0.5, 0.5);
  GstPad *pad = gst_element_get_static_pad (in, "src");
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, attach_any, result, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 100; i++) {
    gst_element_seek_simple (pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, i * GST_SECOND);
    g_usleep (i % 7 * 1000);
  }
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  fail_unless (message == NULL);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pad);
  gst_object_unref (in);
  gst_object_unref (pipeline);
  gst_vl_result_unref (result);
}
GST_END_TEST

/* Captions of a caption meta, and long, empty and right-to-left text. */
GST_START_TEST (test_texts)
{
  static const gchar *TEXTS[] = { "two cats on a sofa", "", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
                                  "\xe7\x8c\xab \xf0\x9f\x90\xb1", "a\nb\tc" };
  GstHarness *h = harness_new ("");
  GString *prompt = g_string_new (NULL);

  for (guint i = 0; i <= G_N_ELEMENTS (TEXTS); i++) {
    GstBuffer *buffer = grey_frame ();
    GstVlResult *result = gst_vl_result_new (WIDTH, HEIGHT, 1, 1);
    gint x = -1, y = -1;

    while (i == G_N_ELEMENTS (TEXTS) && prompt->len < 10000)
      g_string_append (prompt, "a very long prompt ");
    gst_vl_result_add_prompt (result, i < G_N_ELEMENTS (TEXTS) ? TEXTS[i] : prompt->str, NAN, NAN, NULL);
    gst_vl_result_set_caption (result, 0, i < G_N_ELEMENTS (TEXTS) ? TEXTS[i] : prompt->str);
    gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
    gst_buffer_unref (gst_harness_push_and_pull (h, buffer));
    buffer = grey_frame ();
    gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_CAPTION);
    if (largest_change (gst_harness_push_and_pull (h, buffer), &x, &y) > 0 && i == 0)
      fail_unless (y > HEIGHT / 2, "the caption is at %d,%d", x, y);
    gst_vl_result_unref (result);
  }
  g_string_free (prompt, TRUE);
  gst_harness_teardown (h);
}
GST_END_TEST

static gpointer
change_properties (gpointer element)
{
  GRand *random = g_rand_new_with_seed (1);

  for (guint i = 0; i < 2000; i++) {
    g_object_set (element, "style", g_rand_int_range (random, 0, 4), "colormap", g_rand_int_range (random, 0, 5),
                  "labels", g_rand_int_range (random, 0, 3), "opacity", g_rand_double (random), "threshold",
                  g_rand_double (random), "smoothing", (guint64) g_rand_int (random), "source", i % 3 ? NULL : "check",
                  "font-desc", i % 2 ? "Serif" : "Mono Bold", NULL);
    if (i % 50 == 0)
      g_usleep (1000);
  }
  g_rand_free (random);
  return NULL;
}

GST_START_TEST (test_changes_while_playing)
{
  GstHarness *h = harness_new ("");
  GThread *thread = g_thread_new ("changes", change_properties, h->element);
  guint style;

  for (guint i = 0; i < 100; i++)
    gst_buffer_unref (draw (h, vl_check_three_prompts (WIDTH, HEIGHT), GST_CLOCK_TIME_NONE));
  g_thread_join (thread);
  set_properties (h, "style=none labels=none");
  g_object_get (h->element, "style", &style, NULL);
  fail_unless_equals_int (style, 3);
  fail_unless_equals_int (
      largest_change (draw (h, vl_check_three_prompts (WIDTH, HEIGHT), GST_CLOCK_TIME_NONE), NULL, NULL), 0);
  gst_harness_teardown (h);
}
GST_END_TEST

static Suite *
overlay_suite (void)
{
  Suite *suite = suite_create ("overlay");
  TCase *tests = tcase_create ("general");

  GST_ELEMENT_REGISTER (vloverlay, NULL);
  suite_add_tcase (suite, tests);
  tcase_add_test (tests, test_strides);
  tcase_add_test (tests, test_shared_frame);
  tcase_add_test (tests, test_place);
  tcase_add_test (tests, test_scaled);
  tcase_add_test (tests, test_nothing);
  tcase_add_test (tests, test_unmatched);
  tcase_add_test (tests, test_expire);
  tcase_add_test (tests, test_source);
  tcase_add_test (tests, test_smoothing);
  tcase_add_test (tests, test_composition);
  tcase_add_test (tests, test_composition_of_upstream);
  tcase_add_test (tests, test_any_downstream);
  tcase_add_test (tests, test_renegotiation);
  tcase_add_test (tests, test_caps);
  tcase_add_test (tests, test_seeks);
  tcase_add_test (tests, test_texts);
  tcase_add_test (tests, test_changes_while_playing);
  return suite;
}

GST_CHECK_MAIN (overlay)
