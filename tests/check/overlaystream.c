/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/check/overlayharness.h"
#include <gst/video/video.h>
#include <math.h>

/* vloverlay in a stream: pictures beside the frame or in it, caps, seeks, properties that change. */

#define META   "meta:GstVideoOverlayComposition"
#define BESIDE "video/x-raw(memory:SystemMemory, " META ")"

static const gchar *FORMATS[] = { "NV12", "I420", "YUY2", "RGB", "BGRA", "xRGB", "GRAY8" };

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
    GstBuffer *buffer = vl_overlay_frame ();

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
    fail_unless_equals_int (vl_overlay_change (buffer, NULL, NULL), 0);
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
  GstBuffer *buffer = vl_overlay_frame (), *pixels = gst_buffer_new_allocate (NULL, 16 * 16 * 4, NULL);
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
  GstHarness *h = vl_overlay_harness ("");
  GstCaps *caps;

  gst_harness_set_sink_caps (h, gst_caps_new_any ());
  fail_unless (vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE),
                                  NULL, NULL) > 80);
  caps = gst_pad_get_current_caps (h->sinkpad);
  fail_unless (!gst_caps_features_contains (gst_caps_get_features (caps, 0), META));
  gst_caps_unref (caps);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Applications that say nothing about time feed appsrc in bytes. */
GST_START_TEST (test_segment_in_bytes)
{
  GstHarness *h = vl_overlay_harness ("labels=none");
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  fail_unless (gst_harness_push_event (h, gst_event_new_segment (&segment)));
  fail_unless (vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE),
                                  NULL, NULL) > 80);
  gst_harness_teardown (h);
}
GST_END_TEST

/* A new size in the middle of the stream. */
GST_START_TEST (test_renegotiation)
{
  GstHarness *h = vl_overlay_harness ("labels=none");
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 64 * 48 * 3, NULL);
  GstVlResult *result = vl_check_result (64, 48, 0.5, 0.5);
  GstMapInfo map;

  gst_buffer_unref (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE));
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

static gpointer
change_properties (gpointer element)
{
  GRand *random = g_rand_new_with_seed (1);

  for (guint i = 0; i < 2000; i++) {
    g_object_set (element, "style", g_rand_int_range (random, 0, 4), "colormap", g_rand_int_range (random, 0, 5),
                  "labels", g_rand_int_range (random, 0, 3), "maps", g_rand_int_range (random, 0, 2), "opacity",
                  g_rand_double (random), "threshold", g_rand_double (random), "smoothing",
                  (guint64) g_rand_int (random), "source", i % 3 ? NULL : "check", "font-desc",
                  i % 2 ? "Serif" : "Mono Bold", NULL);
    if (i % 50 == 0)
      g_usleep (1000);
  }
  g_rand_free (random);
  return NULL;
}

GST_START_TEST (test_changes_while_playing)
{
  GstHarness *h = vl_overlay_harness ("");
  GThread *thread = g_thread_new ("changes", change_properties, h->element);
  guint style;

  for (guint i = 0; i < 100; i++)
    gst_buffer_unref (vl_overlay_draw (h, vl_check_three_prompts (WIDTH, HEIGHT), GST_CLOCK_TIME_NONE));
  g_thread_join (thread);
  vl_overlay_set (h, "style=none labels=none");
  g_object_get (h->element, "style", &style, NULL);
  fail_unless_equals_int (style, 3);
  fail_unless_equals_int (
      vl_overlay_change (vl_overlay_draw (h, vl_check_three_prompts (WIDTH, HEIGHT), GST_CLOCK_TIME_NONE), NULL, NULL),
      0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Where the sink could crop by a meta, nobody upstream may rely on it: what is drawn would lie on hidden pixels. */
GST_START_TEST (test_allocation)
{
  GstHarness *h = vl_overlay_harness ("");
  GstCaps *caps = gst_pad_get_current_caps (h->srcpad);
  GstQuery *query = gst_query_new_allocation (caps, TRUE);

  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_META_API_TYPE, NULL);
  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_CROP_META_API_TYPE, NULL);
  fail_unless (gst_pad_peer_query (h->srcpad, query));
  fail_unless (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL));
  fail_unless (!gst_query_find_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, NULL));
  gst_query_unref (query);
  gst_caps_unref (caps);
  gst_harness_teardown (h);
}
GST_END_TEST

/* How many rectangles lie over a frame with @result, which it takes, and has @caps; they have to be of sensible sizes and places. */
static guint
count_rectangles (GstVlResult *result, GstVlKind kind, const gchar *properties, const gchar *caps)
{
  GstHarness *h = gst_harness_new ("vloverlay");
  GstBuffer *buffer = vl_overlay_frame ();
  guint n, width, height;
  gint x, y;

  vl_overlay_set (h, properties);
  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  gst_harness_set_sink_caps_str (h, BESIDE "; video/x-raw");
  gst_harness_set_src_caps_str (h, caps);
  gst_buffer_add_vl_meta (buffer, result, "check", kind);
  buffer = gst_harness_push_and_pull (h, buffer);
  n = composition_of (buffer) ? gst_video_overlay_composition_n_rectangles (composition_of (buffer)) : 0;
  for (guint i = 0; i < n; i++) {
    gst_video_overlay_rectangle_get_render_rectangle (
        gst_video_overlay_composition_get_rectangle (composition_of (buffer), i), &x, &y, &width, &height);
    fail_unless (ABS (x) < 100000 && ABS (y) < 100000 && width < 100000 && height < 100000,
                 "%s: a rectangle of %ux%u at %d,%d", caps, width, height, x, y);
  }
  gst_buffer_unref (buffer);
  gst_vl_result_unref (result);
  gst_harness_teardown (h);
  return n;
}

/* Pixels of any shape: labels stay where they belong. */
GST_START_TEST (test_any_pixels)
{
  static const gchar *const aspects[] = { "1/2147483647", "2147483647/1", "1/16", "1/1", "0/1" };

  for (guint i = 0; i < G_N_ELEMENTS (aspects); i++) {
    g_autofree gchar *caps = g_strdup_printf (
        "video/x-raw,format=BGRx,width=320,height=240,framerate=25/1,pixel-aspect-ratio=%s", aspects[i]);

    fail_unless (count_rectangles (vl_check_three_prompts (WIDTH, HEIGHT), GST_VL_KIND_FUSION, "", caps) >= 2);
  }
}
GST_END_TEST

/* Of very many prompts the first that match get labels, each a ring and, with fonts, a text. */
GST_START_TEST (test_many_labels)
{
  static const gchar caps[] = "video/x-raw,format=BGRx,width=320,height=240,framerate=25/1";
  static const guint expected[] = { 0, 5, 64 };

  for (guint matching = 0; matching < 3; matching++) {
    GstVlResult *result = gst_vl_result_new (WIDTH, HEIGHT, 14, 14),
                *captions = gst_vl_result_new (WIDTH, HEIGHT, 14, 14);
    guint n;

    for (guint i = 0; i < 2000; i++) {
      gboolean matches = matching == 2 || (matching == 1 && i >= 1995);

      gst_vl_result_add_prompt (result, "prompt", matches ? 0.9 : 0.1, 0, NULL);
      gst_vl_result_set_peak (result, i, 160, 120);
      gst_vl_result_add_prompt (captions, "", NAN, NAN, NULL);
      gst_vl_result_set_caption (captions, i, "caption");
    }
    n = count_rectangles (result, GST_VL_KIND_FUSION, "style=none", caps);
    fail_unless (n == expected[matching] || n == 2 * expected[matching], "%u rectangles", n);
    fail_unless (count_rectangles (captions, GST_VL_KIND_CAPTION, "style=none", caps) <= 64);
  }
}
GST_END_TEST

static Suite *
overlay_stream_suite (void)
{
  Suite *suite = suite_create ("overlay-stream");
  TCase *tests = tcase_create ("general");

  GST_ELEMENT_REGISTER (vloverlay, NULL);
  suite_add_tcase (suite, tests);
  tcase_add_test (tests, test_composition);
  tcase_add_test (tests, test_composition_of_upstream);
  tcase_add_test (tests, test_any_downstream);
  tcase_add_test (tests, test_renegotiation);
  tcase_add_test (tests, test_segment_in_bytes);
  tcase_add_test (tests, test_caps);
  tcase_add_test (tests, test_seeks);
  tcase_add_test (tests, test_changes_while_playing);
  tcase_add_test (tests, test_allocation);
  tcase_add_test (tests, test_any_pixels);
  tcase_add_test (tests, test_many_labels);
  return suite;
}

GST_CHECK_MAIN (overlay_stream)
