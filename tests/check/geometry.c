/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where maps land: a result with a known peak, elements that move pixels, and the place where vloverlay draws most. */
#include <gst/video/video.h>
#include <math.h>
#include "plugin/gstvloverlay.h"
#include "tests/check/vlcheck.h"

/* Where the bump of the result is, shares of the frame, and how far off what is drawn may be. */
#define X         0.3
#define Y         0.65
#define TOLERANCE 0.03

static GstSample *
run (const gchar *source, const gchar *stage, GstVlResult *result)
{
  g_autofree gchar *launch = g_strdup_printf (
      "videotestsrc num-buffers=3 pattern=solid-color foreground-color=0xff505050 ! %s ! identity name=in ! identity "
      "name=check ! "
      "%s ! vloverlay labels=none opacity=1 ! videoconvert ! video/x-raw,format=RGB ! fakesink name=out",
      source, stage);

  return vl_check_run (launch, result);
}

/* The middle of what differs most between two pictures, shares of the frame; FALSE if they are the same. */
static gboolean
find_difference (GstSample *a, GstSample *b, double *x, double *y)
{
  GstVideoInfo info;
  GstVideoFrame p, q;
  double sum = 0, sum_x = 0, sum_y = 0;
  gint largest = 0;

  fail_unless (gst_video_info_from_caps (&info, gst_sample_get_caps (a)));
  fail_unless (gst_caps_is_equal (gst_sample_get_caps (a), gst_sample_get_caps (b)));
  fail_unless (gst_video_frame_map (&p, &info, gst_sample_get_buffer (a), GST_MAP_READ));
  fail_unless (gst_video_frame_map (&q, &info, gst_sample_get_buffer (b), GST_MAP_READ));
  for (gint pass = 0; pass < 2; pass++) {
    for (gint row = 0; row < info.height; row++) {
      const guint8 *r = (guint8 *) p.data[0] + (gsize) row * p.info.stride[0];
      const guint8 *s = (guint8 *) q.data[0] + (gsize) row * q.info.stride[0];

      for (gint column = 0; column < info.width; column++, r += 3, s += 3) {
        gint change = ABS (r[0] - s[0]) + ABS (r[1] - s[1]) + ABS (r[2] - s[2]);

        if (pass == 0) {
          largest = MAX (largest, change);
        } else if (change > largest * 4 / 5) {
          sum += 1;
          sum_x += column + 0.5;
          sum_y += row + 0.5;
        }
      }
    }
  }
  gst_video_frame_unmap (&p);
  gst_video_frame_unmap (&q);
  *x = sum_x / MAX (sum, 1) / info.width;
  *y = sum_y / MAX (sum, 1) / info.height;
  return largest > 20;
}

/* @source makes frames of @width x @height. What is drawn after @stage of a result on them lies at (@x, @y), shares of the frame that
 * comes out; @x < 0: nothing is drawn. */
static void
expect_from (const gchar *source, guint width, guint height, const gchar *stage, double x, double y)
{
  GstVlResult *result = vl_check_result (width, height, X, Y);
  GstSample *plain = run (source, stage, NULL), *drawn = run (source, stage, result);
  double found_x = -1, found_y = -1;
  gboolean found = find_difference (plain, drawn, &found_x, &found_y);

  GST_INFO ("%s: expected (%.3f, %.3f), found %d (%.3f, %.3f)", stage, x, y, found, found_x, found_y);
  fail_unless (found == (x >= 0), "%s: drawn: %d", stage, found);
  if (found)
    fail_unless (fabs (found_x - x) < TOLERANCE && fabs (found_y - y) < TOLERANCE,
                 "%s: expected (%.3f, %.3f), found (%.3f, %.3f)", stage, x, y, found_x, found_y);
  gst_sample_unref (plain);
  gst_sample_unref (drawn);
  gst_vl_result_unref (result);
}

static void
expect (const gchar *stage, guint width, guint height, const gchar *more_caps, double x, double y)
{
  g_autofree gchar *source =
      g_strdup_printf ("video/x-raw,format=I420,width=%u,height=%u,framerate=25/1%s", width, height, more_caps);

  expect_from (source, width, height, stage, x, y);
}

#define expect_dropped(stage, width, height) expect (stage, width, height, "", -1, -1)

GST_START_TEST (test_untouched)
{
  expect ("identity", 320, 240, "", X, Y);
  expect ("queue ! videorate ! videobalance brightness=0.1 ! videoconvert ! video/x-raw,format=NV12", 320, 240, "", X,
          Y);
  expect ("tee name=t ! queue", 320, 240, "", X, Y);
}
GST_END_TEST

GST_START_TEST (test_scale)
{
  expect ("videoscale ! video/x-raw,width=160,height=120", 320, 240, "", X, Y);
  expect ("videoscale ! video/x-raw,width=640,height=480 ! videoscale ! video/x-raw,width=100,height=75", 320, 240, "",
          X, Y);
  expect ("videoscale ! video/x-raw,width=320,height=320", 320, 240, "", X, Y); /* with pixels that are not square */
  expect ("videoconvertscale ! video/x-raw,format=BGRx,width=400,height=300", 320, 240, "", X, Y);
}
GST_END_TEST

/* With borders, as videoscale adds them by default. */
GST_START_TEST (test_scale_with_borders)
{
  expect ("videoscale ! video/x-raw,width=320,height=320,pixel-aspect-ratio=1/1", 320, 240, "", X,
          (40 + Y * 240) / 320);
  expect ("videoscale ! video/x-raw,width=640,height=240,pixel-aspect-ratio=1/1", 320, 240, "", (160 + X * 320) / 640,
          Y);
  expect ("videoscale ! video/x-raw,width=320,height=240,pixel-aspect-ratio=1/1", 320, 240, ",pixel-aspect-ratio=2/1",
          X, (60 + Y * 120) / 240);
}
GST_END_TEST

GST_START_TEST (test_crop)
{
  expect_dropped ("videocrop left=40 top=20", 320, 240);
  expect_dropped ("aspectratiocrop aspect-ratio=1/1", 320, 240);
}
GST_END_TEST

GST_START_TEST (test_box)
{
  expect_dropped ("videobox left=-40 top=-20", 320, 240);
  expect_dropped ("videobox left=40 top=20", 320, 240);
}
GST_END_TEST

static const gchar *const turns[] = { "90r", "180", "90l", "horiz", "vert", "ul-lr", "ur-ll" };

/* videoflip says nothing of what it does and passes no meta that has to do with orientation, not even where it does nothing. */
GST_START_TEST (test_flip)
{
  for (guint i = 0; i < G_N_ELEMENTS (turns); i++) {
    g_autofree gchar *stage = g_strdup_printf ("videoflip video-direction=%s", turns[i]);

    expect_dropped (stage, 320, 240);
    expect_dropped (stage, 240, 240);
  }
}
GST_END_TEST

/* What a phone says of how it was held. */
GST_START_TEST (test_flip_by_tag)
{
  expect_dropped ("taginject tags=image-orientation=rotate-180 ! videoflip video-direction=auto", 240, 240);
  expect_dropped ("taginject tags=image-orientation=rotate-90 ! videoflip video-direction=auto", 320, 240);
  expect_from ("video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! "
               "taginject tags=image-orientation=rotate-90 ! videoflip video-direction=auto",
               240, 320, "queue", X, Y);
}
GST_END_TEST

/* Before the fusion nothing is lost: its results are of the frame as turned. */
GST_START_TEST (test_flip_before)
{
  for (guint i = 0; i < G_N_ELEMENTS (turns); i++) {
    g_autofree gchar *source = g_strdup_printf (
        "video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! videoflip video-direction=%s ! queue", turns[i]);
    gboolean upright = i == 1 || i == 3 || i == 4;

    expect_from (source, upright ? 320 : 240, upright ? 240 : 320, "queue", X, Y);
  }
}
GST_END_TEST

GST_START_TEST (test_encode)
{
  expect ("jpegenc ! jpegdec", 320, 240, "", X, Y);
  expect ("jpegenc ! jpegdec ! videoscale ! video/x-raw,width=160,height=120", 320, 240, "", X, Y);
}
GST_END_TEST

static Suite *
geometry_suite (void)
{
  Suite *s = suite_create ("geometry");
  TCase *tc = tcase_create ("general");

  GST_ELEMENT_REGISTER (vloverlay, NULL);
  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_untouched);
  tcase_add_test (tc, test_scale);
  tcase_add_test (tc, test_scale_with_borders);
  tcase_add_test (tc, test_crop);
  tcase_add_test (tc, test_box);
  tcase_add_test (tc, test_flip);
  tcase_add_test (tc, test_flip_by_tag);
  tcase_add_test (tc, test_flip_before);
  tcase_add_test (tc, test_encode);
  return s;
}

GST_CHECK_MAIN (geometry)
