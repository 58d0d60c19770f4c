/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlsmoothing.h"
#include "tests/check/overlayharness.h"
#include <gst/video/video.h>
#include <math.h>

/* What vloverlay draws for a result, and where. */

GST_START_TEST (test_strides)
{
  gsize offset[GST_VIDEO_MAX_PLANES] = { 64 };
  gint stride[GST_VIDEO_MAX_PLANES] = { WIDTH * 4 + 32 };
  GstHarness *h = vl_overlay_harness ("labels=none");
  GstBuffer *packed = vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), *padded;
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
  GstHarness *h = vl_overlay_harness ("");
  GstVlResult *result = vl_check_result (WIDTH, HEIGHT, 0.5, 0.5);
  GstBuffer *buffer = vl_overlay_frame ();

  gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
  gst_vl_result_unref (result);
  gst_harness_push (h, gst_buffer_ref (buffer));
  fail_unless (vl_overlay_change (gst_harness_pull (h), NULL, NULL) > 50);
  fail_unless_equals_int (vl_overlay_change (buffer, NULL, NULL), 0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Width and height of what was drawn on a grey frame, pixels; gives the buffer back. */
static void
drawn_size (GstBuffer *buffer, gint *width, gint *height)
{
  gint left = WIDTH, right = -1, top = HEIGHT, bottom = -1;
  GstMapInfo map;

  gst_buffer_map (buffer, &map, GST_MAP_READ);
  for (gint y = 0; y < HEIGHT; y++)
    for (gint x = 0; x < WIDTH; x++)
      if (ABS (map.data[(y * WIDTH + x) * 4 + 1] - GREY) > 8) {
        left = MIN (left, x);
        right = MAX (right, x);
        top = MIN (top, y);
        bottom = MAX (bottom, y);
      }
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  *width = right - left + 1;
  *height = bottom - top + 1;
}

/* Whether labels must be there; what runs without fonts names a file that has none. */
#ifdef HAVE_PANGOCAIRO
#define HAVE_LETTERS (!g_getenv ("FONTCONFIG_FILE"))
#else
#define HAVE_LETTERS FALSE
#endif

/* Labels and captions look the same on a screen whatever the shape of the pixels. */
GST_START_TEST (test_pixel_aspect)
{
  gint width[2], height[2];

  for (guint i = 0; i < 2; i++) {
    GstHarness *h = vl_overlay_harness ("labels=stack style=none");
    GstCaps *caps = gst_pad_get_current_caps (h->srcpad);

    caps = gst_caps_make_writable (caps);
    gst_caps_set_simple (caps, "pixel-aspect-ratio", GST_TYPE_FRACTION, i + 1, 1, NULL);
    gst_harness_set_src_caps (h, caps);
    drawn_size (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), &width[i],
                &height[i]);
    gst_harness_teardown (h);
  }
  if (height[0] <= 0 && !HAVE_LETTERS)
    return;
  fail_unless (height[0] > 0, "no label");
  fail_unless_equals_int (height[0], height[1]);
  fail_unless (ABS (width[0] - 2 * width[1]) <= 4, "%d and %d wide", width[0], width[1]);
}
GST_END_TEST

/* The map's bump is drawn where it is, wherever the grid covers the frame. */
GST_START_TEST (test_place)
{
  static const gdouble PLACES[][2] = { { 0.25, 0.5 }, { 0.75, 0.25 }, { 0.04, 0.04 }, { 0.96, 0.96 } };
  GstHarness *h = vl_overlay_harness ("labels=none colormap=grey");
  gint x, y;

  for (guint i = 0; i < G_N_ELEMENTS (PLACES); i++) {
    fail_unless (vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, PLACES[i][0], PLACES[i][1]),
                                                     GST_CLOCK_TIME_NONE),
                                    &x, &y) > 80);
    fail_unless (fabs (x - PLACES[i][0] * WIDTH) < 14 && fabs (y - PLACES[i][1] * HEIGHT) < 14, "peak at %d,%d", x, y);
  }
  for (guint i = 0; i < 2; i++) {
    gdouble wide = i == 0 ? 160 : 480, left = i == 0 ? 160 : -80;
    GstVlResult *result = vl_check_result (WIDTH, HEIGHT, 0.5, 0.25);

    gst_vl_result_set_region (result, left, 0, wide, HEIGHT);
    fail_unless (vl_overlay_change (vl_overlay_draw (h, result, GST_CLOCK_TIME_NONE), &x, &y) > 80);
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
  GstHarness *h = vl_overlay_harness ("");
  gfloat values[14 * 14];
  GBytes *map;
  GstVlResult *result;

  fail_unless_equals_int (vl_overlay_change (gst_harness_push_and_pull (h, vl_overlay_frame ()), NULL, NULL), 0);

  /* a map that is even but for noise, and no label */
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    values[i] = (gfloat) (1 + 0.1 * ((i * 2654435761u >> 16 & 255) / 255.0 - 0.5)) / G_N_ELEMENTS (values);
  vl_overlay_set (h, "labels=none");
  map = g_bytes_new (values, sizeof (values));
  result = gst_vl_result_new (WIDTH, HEIGHT, 14, 14);
  gst_vl_result_add_prompt (result, "nothing", 0.9, 0, map);
  g_bytes_unref (map);
  fail_unless (vl_overlay_change (vl_overlay_draw (h, result, GST_CLOCK_TIME_NONE), NULL, NULL) <= 4);

  /* a map with a value that is none */
  values[7] = NAN;
  map = g_bytes_new (values, sizeof (values));
  result = gst_vl_result_new (WIDTH, HEIGHT, 14, 14);
  gst_vl_result_add_prompt (result, "broken", 0.9, 0, map);
  g_bytes_unref (map);
  fail_unless_equals_int (vl_overlay_change (vl_overlay_draw (h, result, GST_CLOCK_TIME_NONE), NULL, NULL), 0);

  /* a region that is nowhere, and a result of another frame */
  result = vl_check_result (WIDTH, HEIGHT, 0.5, 0.5);
  gst_vl_result_set_region (result, 1000, 0, 50, 50);
  fail_unless_equals_int (vl_overlay_change (vl_overlay_draw (h, result, GST_CLOCK_TIME_NONE), NULL, NULL), 0);
  result = vl_check_result (WIDTH, HEIGHT, 0.5, 0.5);
  gst_vl_result_set_region (result, NAN, 0, INFINITY, 50);
  fail_unless_equals_int (vl_overlay_change (vl_overlay_draw (h, result, GST_CLOCK_TIME_NONE), NULL, NULL), 0);
  fail_unless_equals_int (
      vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH / 2, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL,
                         NULL),
      0);
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_unmatched)
{
  GstHarness *h = vl_overlay_harness ("labels=none threshold=0.95");
  gint full, faint;

  faint = vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL,
                             NULL);
  g_object_set (h->element, "threshold", 0.5, NULL);
  full = vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL,
                            NULL);
  fail_unless (faint > 0 && faint * 2 < full, "%d and %d", faint, full);
  g_object_set (h->element, "threshold", -1.0, NULL);
  for (guint i = 0; i < 2; i++) {
    GstVlResult *result = vl_check_result (WIDTH, HEIGHT, 0.5, 0.5);

    gst_vl_result_set_threshold (result, i == 0 ? 0.95 : 0.85);
    fail_unless_equals_int (vl_overlay_change (vl_overlay_draw (h, result, GST_CLOCK_TIME_NONE), NULL, NULL),
                            i == 0 ? faint : full);
  }
  g_object_set (h->element, "threshold", 0.95, "unmatched-opacity", 0.0, NULL);
  vl_overlay_set (h, "labels=peak");
  fail_unless_equals_int (
      vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL,
                         NULL),
      0);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Each word that gets attention where it looked; words without are not drawn. */
GST_START_TEST (test_words)
{
  GstHarness *h = vl_overlay_harness ("labels=none colormap=grey maps=words");
  GstVlResult *result = vl_check_result (WIDTH, HEIGHT, 0.25, 0.5);
  GBytes *left = vl_check_map (14, 14, 0.1, 0.5), *right = vl_check_map (14, 14, 0.75, 0.5);
  gint x = 0;

  gst_vl_result_add_word (result, 0, "a", 0.05, left);
  gst_vl_result_add_word (result, 0, "circle", 0.9, right);
  gst_vl_result_ref (result);
  vl_overlay_change (vl_overlay_draw (h, result, GST_CLOCK_TIME_NONE), &x, NULL);
  fail_unless (fabs (x - 0.75 * WIDTH) < 14, "peak at %d", x);
  vl_overlay_set (h, "maps=phrase");
  vl_overlay_change (vl_overlay_draw (h, result, GST_CLOCK_TIME_NONE), &x, NULL);
  fail_unless (fabs (x - 0.25 * WIDTH) < 14, "peak at %d", x);
  vl_overlay_set (h, "maps=words");
  fail_unless (vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.25, 0.5), GST_CLOCK_TIME_NONE),
                                  &x, NULL) > 80);
  fail_unless (fabs (x - 0.25 * WIDTH) < 14, "peak at %d", x);
  g_bytes_unref (left);
  g_bytes_unref (right);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Old results fade away. */
GST_START_TEST (test_expire)
{
  GstHarness *h = vl_overlay_harness ("labels=none expire=1000000000");
  gint fresh, older, last;

  fresh = vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), 0), NULL, NULL);
  older =
      vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), 750 * GST_MSECOND), NULL, NULL);
  last = vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_SECOND), NULL, NULL);
  fail_unless (fresh > 80 && older < 0.7 * fresh && older > 0.3 * fresh && last == 0, "%d, %d, %d", fresh, older, last);
  g_object_set (h->element, "expire", GST_CLOCK_TIME_NONE, NULL);
  fail_unless_equals_int (
      vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), 3600 * GST_SECOND), NULL, NULL),
      fresh);
  gst_harness_teardown (h);
}
GST_END_TEST

GST_START_TEST (test_source)
{
  GstHarness *h = vl_overlay_harness ("source=other");

  fail_unless_equals_int (
      vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE), NULL,
                         NULL),
      0);
  g_object_set (h->element, "source", "check", NULL);
  fail_unless (vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE),
                                  NULL, NULL) > 80);
  g_object_set (h->element, "source", NULL, NULL);
  fail_unless (vl_overlay_change (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.5, 0.5), GST_CLOCK_TIME_NONE),
                                  NULL, NULL) > 80);
  gst_harness_teardown (h);
}
GST_END_TEST

/* With a time constant a map that jumps is still half where it was. */
GST_START_TEST (test_smoothing)
{
  GstHarness *h = vl_overlay_harness ("labels=none colormap=grey smoothing=1000000000");
  GstVlResult *result;
  GstBuffer *buffer;
  gint x, y;

  gst_buffer_unref (vl_overlay_draw (h, vl_check_result (WIDTH, HEIGHT, 0.25, 0.5), GST_CLOCK_TIME_NONE));
  result = vl_check_result (WIDTH, HEIGHT, 0.75, 0.5);
  for (guint i = 1; i <= 2; i++) {
    buffer = vl_overlay_frame ();
    GST_BUFFER_PTS (buffer) = i == 1 ? 200 * GST_MSECOND : 5 * GST_SECOND;
    gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
    vl_overlay_change (gst_harness_push_and_pull (h, buffer), &x, &y);
    fail_unless (i == 1 ? x < WIDTH / 2 : x > WIDTH / 2, "peak at %d after frame %u", x, i);
  }
  gst_vl_result_unref (result);
  gst_harness_teardown (h);
}
GST_END_TEST

/* However many maps there are, those that are drawn again are smoothed. */
GST_START_TEST (test_smoothing_many)
{
  GstVlSmoothing *smoothing = gst_vl_smoothing_new ();

  for (guint frame = 0; frame < 4; frame++) {
    const gfloat map = frame % 2;

    gst_vl_smoothing_trim (smoothing);
    for (guint i = 0; i < 65; i++) {
      const gfloat drawn =
          *gst_vl_smoothing_next (smoothing, "a prompt", i, &map, 1, frame * 100 * GST_MSECOND, GST_SECOND);

      fail_unless (frame == 0 ? drawn == 0 : drawn > 0 && drawn < 0.5, "frame %u, map %u: %g", frame, i, drawn);
    }
  }
  gst_vl_smoothing_free (smoothing);
}
GST_END_TEST

/* Captions of a caption meta, and long, empty and right-to-left text. */
GST_START_TEST (test_texts)
{
  static const gchar *TEXTS[] = { "two cats on a sofa", "", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d",
                                  "\xe7\x8c\xab \xf0\x9f\x90\xb1", "a\nb\tc" };
  GstHarness *h = vl_overlay_harness ("");
  GString *prompt = g_string_new (NULL);

  for (guint i = 0; i <= G_N_ELEMENTS (TEXTS); i++) {
    GstBuffer *buffer = vl_overlay_frame ();
    GstVlResult *result = gst_vl_result_new (WIDTH, HEIGHT, 1, 1);
    gint x = -1, y = -1;

    while (i == G_N_ELEMENTS (TEXTS) && prompt->len < 10000)
      g_string_append (prompt, "a very long prompt ");
    gst_vl_result_add_prompt (result, i < G_N_ELEMENTS (TEXTS) ? TEXTS[i] : prompt->str, NAN, NAN, NULL);
    gst_vl_result_set_caption (result, 0, i < G_N_ELEMENTS (TEXTS) ? TEXTS[i] : prompt->str);
    gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
    gst_buffer_unref (gst_harness_push_and_pull (h, buffer));
    buffer = vl_overlay_frame ();
    gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_CAPTION);
    if (vl_overlay_change (gst_harness_push_and_pull (h, buffer), &x, &y) > 0 && i == 0)
      fail_unless (y > HEIGHT / 2, "the caption is at %d,%d", x, y);
    gst_vl_result_unref (result);
  }
  g_string_free (prompt, TRUE);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Where the frame changed most above the caption: its column; -1: nowhere. */
static gint
lit_at (GstBuffer *buffer)
{
  gint most = 8, at = -1;
  GstMapInfo map;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  for (guint i = 0; i < WIDTH * (HEIGHT * 2 / 3) * 4; i++)
    if (i % 4 != 3 && ABS (map.data[i] - GREY) > most) {
      most = ABS (map.data[i] - GREY);
      at = (gint) (i / 4 % WIDTH);
    }
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  return at;
}

/* One word after the other, with its map, whoever says the same again; a word without map lights nothing. */
GST_START_TEST (test_word_by_word)
{
  GstHarness *h = vl_overlay_harness ("word-time=100000000");
  GBytes *left = vl_check_map (14, 14, 0.2, 0.3), *right = vl_check_map (14, 14, 0.8, 0.3);

  for (guint i = 0; i < 8; i++) {
    GstVlResult *result = gst_vl_result_new (WIDTH, HEIGHT, 14, 14);
    GstBuffer *buffer = vl_overlay_frame ();
    gint x;

    gst_vl_result_add_prompt (result, "", NAN, NAN, NULL);
    gst_vl_result_set_caption (result, 0, "here there nowhere");
    gst_vl_result_add_word (result, 0, "here", 0.5, left);
    gst_vl_result_add_word (result, 0, "there", 0.5, right);
    gst_vl_result_add_word (result, 0, "nowhere", 0.5, NULL);
    gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_CAPTION);
    GST_BUFFER_PTS (buffer) = GST_SECOND + i * 50 * GST_MSECOND;
    x = lit_at (gst_harness_push_and_pull (h, buffer));
    if (i / 2 % 3 == 2)
      fail_unless (x < 0, "frame %u: lit at %d", i, x);
    else
      fail_unless (x >= 0 && (x < WIDTH / 2) == (i / 2 % 3 == 0), "frame %u: lit at %d", i, x);
    gst_vl_result_unref (result);
  }
  g_bytes_unref (left);
  g_bytes_unref (right);
  gst_harness_teardown (h);
}
GST_END_TEST

/* Two that speak do not interrupt each other. */
GST_START_TEST (test_two_speakers)
{
  GstHarness *h = vl_overlay_harness ("word-time=100000000");
  GBytes *left = vl_check_map (14, 14, 0.2, 0.3), *right = vl_check_map (14, 14, 0.8, 0.3);

  for (guint i = 0; i < 6; i++) {
    GstBuffer *buffer = vl_overlay_frame ();
    gint x;

    for (guint speaker = 0; speaker < 2; speaker++) {
      GstVlResult *result = gst_vl_result_new (WIDTH, HEIGHT, 14, 14);

      gst_vl_result_add_prompt (result, "", NAN, NAN, NULL);
      gst_vl_result_set_caption (result, 0, speaker ? "one two" : "here there");
      gst_vl_result_add_word (result, 0, "here", 0.5, speaker ? NULL : left);
      gst_vl_result_add_word (result, 0, "there", 0.5, speaker ? NULL : right);
      gst_buffer_add_vl_meta (buffer, result, speaker ? "second" : "first", GST_VL_KIND_CAPTION);
      gst_vl_result_unref (result);
    }
    GST_BUFFER_PTS (buffer) = GST_SECOND + i * 50 * GST_MSECOND;
    x = lit_at (gst_harness_push_and_pull (h, buffer));
    fail_unless (x >= 0 && (x < WIDTH / 2) == (i / 2 % 2 == 0), "frame %u: lit at %d", i, x);
  }
  g_bytes_unref (left);
  g_bytes_unref (right);
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
  tcase_add_test (tests, test_pixel_aspect);
  tcase_add_test (tests, test_strides);
  tcase_add_test (tests, test_shared_frame);
  tcase_add_test (tests, test_place);
  tcase_add_test (tests, test_scaled);
  tcase_add_test (tests, test_nothing);
  tcase_add_test (tests, test_unmatched);
  tcase_add_test (tests, test_words);
  tcase_add_test (tests, test_expire);
  tcase_add_test (tests, test_source);
  tcase_add_test (tests, test_smoothing);
  tcase_add_test (tests, test_smoothing_many);
  tcase_add_test (tests, test_word_by_word);
  tcase_add_test (tests, test_two_speakers);
  tcase_add_test (tests, test_texts);
  return suite;
}

GST_CHECK_MAIN (overlay)
