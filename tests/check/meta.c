/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/check/vlcheck.h"
#include <gst/video/video.h>
#include <math.h>

#define SOURCE(format, width, height)                                                                                  \
  "videotestsrc num-buffers=1 ! video/x-raw,format=" format ",width=" #width ",height=" #height " ! identity name=in " \
  "! "

/* The meta that arrives, NULL if none did. Region and frame size as given, unless it is NULL. */
static void
expect_region (const gchar *description, gboolean arrives, gdouble x, gdouble y, gdouble width, gdouble height)
{
  GstVlResult *result = vl_check_result (320, 240, 0.25, 0.5);
  GstSample *sample = vl_check_run (description, result);
  GstVlMeta *meta = gst_buffer_get_vl_meta (gst_sample_get_buffer (sample), "check", GST_VL_KIND_FUSION);
  gdouble px, py;

  fail_unless (!meta == !arrives, "%s: the meta %s", description, meta ? "is there" : "is gone");
  if (meta) {
    GST_INFO ("%s: %g,%g %gx%g of %ux%u", description, meta->region_x, meta->region_y, meta->region_width,
              meta->region_height, meta->frame_width, meta->frame_height);
    fail_unless (meta->result == result, "%s: the result was copied", description);
    fail_unless_equals_float (meta->region_x, x);
    fail_unless_equals_float (meta->region_y, y);
    fail_unless_equals_float (meta->region_width, width);
    fail_unless_equals_float (meta->region_height, height);
    fail_unless (gst_vl_meta_get_peak (meta, 0, &px, &py));
    fail_unless (fabs (px - (x + width * 0.25)) < 1e-9 && fabs (py - (y + height * 0.5)) < 1e-9);
  }
  gst_sample_unref (sample);
  gst_vl_result_unref (result);
}

GST_START_TEST (test_add)
{
  GstVlResult *result = vl_check_result (64, 48, 0.5, 0.5), *caption = vl_check_result (64, 48, 0, 0);
  GstBuffer *buffer = gst_buffer_new ();
  GstVlMeta *a, *b, *c;
  gpointer state = NULL;

  fail_unless (gst_buffer_get_vl_meta (buffer, NULL, GST_VL_KIND_FUSION) == NULL);
  gst_vl_result_set_region (result, 8, 0, 48, 48);
  a = gst_buffer_add_vl_meta (buffer, result, "one", GST_VL_KIND_FUSION);
  b = gst_buffer_add_vl_meta (buffer, caption, "two", GST_VL_KIND_CAPTION);
  c = gst_buffer_add_vl_meta (buffer, result, "three", GST_VL_KIND_FUSION);
  fail_unless (a && b && c);
  fail_unless (a->region_x == 8 && a->region_width == 48 && a->frame_width == 64 && a->frame_height == 48);
  fail_unless (a->age == 0 && !a->carried);
  ASSERT_MINI_OBJECT_REFCOUNT (result, "result", 3);

  fail_unless (gst_buffer_get_vl_meta (buffer, NULL, GST_VL_KIND_FUSION) == c);
  fail_unless (gst_buffer_get_vl_meta (buffer, "one", GST_VL_KIND_FUSION) == a);
  fail_unless (gst_buffer_get_vl_meta (buffer, "one", GST_VL_KIND_CAPTION) == NULL);
  fail_unless (gst_buffer_get_vl_meta (buffer, NULL, GST_VL_KIND_CAPTION) == b);
  fail_unless (gst_buffer_iterate_vl_meta (buffer, &state) == a && gst_buffer_iterate_vl_meta (buffer, &state) == b);
  fail_unless (gst_buffer_iterate_vl_meta (buffer, &state) == c && gst_buffer_iterate_vl_meta (buffer, &state) == NULL);
  fail_unless (gst_buffer_get_nth_vl_meta (buffer, 1) == b && gst_buffer_get_nth_vl_meta (buffer, 3) == NULL);

  gst_vl_meta_set_carried (c, 40 * GST_MSECOND);
  fail_unless (c->carried && c->age == 40 * GST_MSECOND);

  fail_unless_equals_int (gst_buffer_remove_vl_meta (buffer, "one"), 1);
  fail_unless_equals_int (gst_buffer_remove_vl_meta (buffer, NULL), 2);
  ASSERT_MINI_OBJECT_REFCOUNT (result, "result", 1);
  gst_buffer_unref (buffer);
  gst_vl_result_unref (result);
  gst_vl_result_unref (caption);
}
GST_END_TEST

GST_START_TEST (test_copy)
{
  GstVlResult *result = vl_check_result (64, 48, 0.5, 0.5);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 100, NULL), *copy;
  GstVlMeta *meta = gst_buffer_add_vl_meta (buffer, result, "one", GST_VL_KIND_CAPTION);

  gst_vl_meta_set_carried (meta, 5);
  copy = gst_buffer_copy_deep (buffer);
  meta = gst_buffer_get_vl_meta (copy, "one", GST_VL_KIND_CAPTION);
  fail_unless (meta && meta->result == result && meta->carried && meta->age == 5 && meta->region_width == 64);
  gst_buffer_unref (copy);
  copy = gst_buffer_copy_region (buffer, GST_BUFFER_COPY_ALL, 10, 50);
  fail_unless (gst_buffer_get_vl_meta (copy, NULL, GST_VL_KIND_CAPTION) == NULL);
  gst_buffer_unref (copy);
  gst_buffer_unref (buffer);
  gst_vl_result_unref (result);
}
GST_END_TEST

static void
scaled_infos (GstVideoInfo *in, GstVideoInfo *out, guint width, guint height)
{
  gst_video_info_set_format (in, GST_VIDEO_FORMAT_RGB, 64, 48);
  gst_video_info_set_format (out, GST_VIDEO_FORMAT_RGB, width, height);
}

/* The transform itself: scaled, or refused where the region cannot be followed. */
GST_START_TEST (test_transform)
{
  GstVlResult *result = vl_check_result (64, 48, 0.5, 0.5);
  GstBuffer *from = gst_buffer_new (), *to = gst_buffer_new ();
  GstVlMeta *meta = gst_buffer_add_vl_meta (from, result, "one", GST_VL_KIND_FUSION);
  GstVideoInfo in, out;
  GstVideoMetaTransform scale = { &in, &out };
  GstMetaTransformFunction transform = GST_VL_META_INFO->transform_func;
  GQuark quark = gst_video_meta_transform_scale_get_quark ();

  scaled_infos (&in, &out, 128, 96);
  fail_unless (!transform (to, &meta->meta, from, g_quark_from_static_string ("vl-check-unknown"), &scale));
  fail_unless (transform (to, &meta->meta, from, quark, &scale));
  fail_unless_equals_float (gst_buffer_get_nth_vl_meta (to, 0)->region_height, 96);
  scaled_infos (&in, &out, 128, 96);
  in.width = 60;
  fail_unless (!transform (to, &meta->meta, from, quark, &scale));
  fail_unless (gst_buffer_get_nth_vl_meta (to, 1) == NULL);
  gst_buffer_unref (from);
  gst_buffer_unref (to);
  gst_vl_result_unref (result);
}
GST_END_TEST

GST_START_TEST (test_survives)
{
  expect_region (SOURCE ("I420", 320, 240) "tee ! queue ! fakesink name=out", TRUE, 0, 0, 320, 240);
  expect_region (SOURCE ("I420", 320, 240) "videoconvert ! video/x-raw,format=RGB ! fakesink name=out", TRUE, 0, 0, 320,
                 240);
  expect_region (SOURCE ("I420", 320, 240) "videobalance saturation=0.5 ! fakesink name=out", TRUE, 0, 0, 320, 240);
  expect_region (SOURCE ("I420", 320, 240) "jpegenc ! jpegdec ! fakesink name=out", TRUE, 0, 0, 320, 240);
}
GST_END_TEST

GST_START_TEST (test_scale)
{
  expect_region (SOURCE ("I420", 320, 240) "videoscale ! video/x-raw,width=640,height=480 ! fakesink name=out", TRUE, 0,
                 0, 640, 480);
  expect_region (SOURCE ("RGB", 320, 240) "videoscale ! video/x-raw,width=320,height=120 ! fakesink name=out", TRUE, 0,
                 0, 320, 120);
  expect_region (
      SOURCE ("RGB", 320,
              240) "videoscale ! video/x-raw,width=640,height=240,pixel-aspect-ratio=1/1 ! fakesink name=out",
      TRUE, 160, 0, 320, 240);
  expect_region (
      SOURCE ("RGB", 320,
              240) "videoscale ! video/x-raw,width=160,height=240,pixel-aspect-ratio=1/1 ! fakesink name=out",
      TRUE, 0, 60, 160, 120);
}
GST_END_TEST

/* What moves the picture in a way that the meta cannot follow takes it off. */
GST_START_TEST (test_dropped)
{
  expect_region (SOURCE ("I420", 320, 240) "videocrop left=32 ! fakesink name=out", FALSE, 0, 0, 0, 0);
  expect_region (SOURCE ("I420", 320, 240) "videobox left=-32 ! fakesink name=out", FALSE, 0, 0, 0, 0);
  expect_region (SOURCE ("I420", 320, 240) "videoflip video-direction=90r ! fakesink name=out", FALSE, 0, 0, 0, 0);
  expect_region (SOURCE ("I420", 320, 240) "videoflip video-direction=180 ! fakesink name=out", FALSE, 0, 0, 0, 0);
}
GST_END_TEST

static Suite *
meta_suite (void)
{
  Suite *suite = suite_create ("meta");
  TCase *tests = tcase_create ("general");

  suite_add_tcase (suite, tests);
  tcase_add_test (tests, test_add);
  tcase_add_test (tests, test_copy);
  tcase_add_test (tests, test_transform);
  tcase_add_test (tests, test_survives);
  tcase_add_test (tests, test_scale);
  tcase_add_test (tests, test_dropped);
  return suite;
}

GST_CHECK_MAIN (meta)
