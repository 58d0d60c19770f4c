/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvloverlay.h"
#include "tests/check/vlcheck.h"
#include <math.h>

/* vloverlay draws the same on every format, of every size. */

#define SOLID "videotestsrc num-buffers=1 pattern=solid-color foreground-color=0xff507090 ! "

static const gchar *FORMATS[] = { "NV12", "I420", "YV12", "YUY2", "UYVY", "RGB",  "BGR",   "RGBA", "BGRA",
                                  "ARGB", "ABGR", "RGBx", "BGRx", "xRGB", "xBGR", "GRAY8", "NV21", "NV16",
                                  "NV24", "Y42B", "Y444", "A420", "AYUV", "YVYU", "GBR" };

static gdouble
psnr (GstSample *a, GstSample *b)
{
  gdouble squares = 0;
  GstMapInfo x, y;

  fail_unless (gst_buffer_map (gst_sample_get_buffer (a), &x, GST_MAP_READ));
  fail_unless (gst_buffer_map (gst_sample_get_buffer (b), &y, GST_MAP_READ));
  fail_unless_equals_uint64 (x.size, y.size);
  for (gsize i = 0; i < x.size; i++)
    squares += ((gdouble) x.data[i] - y.data[i]) * ((gdouble) x.data[i] - y.data[i]);
  squares /= (gdouble) x.size;
  gst_buffer_unmap (gst_sample_get_buffer (a), &x);
  gst_buffer_unmap (gst_sample_get_buffer (b), &y);
  gst_sample_unref (a);
  gst_sample_unref (b);
  return squares > 0 ? 10 * log10 (255 * 255 / squares) : 99;
}

/* Drawing in a format gives what drawing in RGB and converting to that format gives; but for rounding by videoconvert,
 * which on its own takes up to 4 steps from dark colours on their way to I420 and back. */
static void
expect_like_rgb (const gchar *format, const gchar *colorimetry, guint width, guint height, const gchar *properties)
{
  GstVlResult *result = vl_check_three_prompts (width, height);
  gchar *size = g_strdup_printf ("width=%u,height=%u", width, height);
  gchar *caps = g_strdup_printf ("video/x-raw,format=%s,%s%s", format, size, colorimetry);
  gchar *in_rgb =
      g_strdup_printf (SOLID "video/x-raw,format=RGB,%s ! identity name=in ! vloverlay %s ! videoconvert ! %s ! "
                             "videoconvert ! video/x-raw,format=RGBA ! fakesink name=out",
                       size, properties, caps);
  gchar *in_format =
      g_strdup_printf (SOLID "video/x-raw,format=RGB,%s ! videoconvert ! %s ! identity name=in ! vloverlay %s ! "
                             "videoconvert ! video/x-raw,format=RGBA ! fakesink name=out",
                       size, caps, properties);
  gchar *plain = g_strdup_printf (SOLID "video/x-raw,format=RGBA,%s ! fakesink name=out", size);
  gdouble drawn = psnr (vl_check_run (in_rgb, result), vl_check_run (plain, NULL));
  gdouble same = psnr (vl_check_run (in_rgb, result), vl_check_run (in_format, result));

  GST_INFO ("%s%s %ux%u %s: %.1f dB", format, colorimetry, width, height, properties, same);
  fail_unless (drawn < 30, "%s: nothing was drawn", in_rgb);
  fail_unless (same > 40, "%s%s %ux%u %s: %.1f dB", format, colorimetry, width, height, properties, same);
  g_free (plain);
  g_free (in_format);
  g_free (in_rgb);
  g_free (caps);
  g_free (size);
  gst_vl_result_unref (result);
}

GST_START_TEST (test_formats)
{
  for (guint i = 0; i < G_N_ELEMENTS (FORMATS); i++)
    expect_like_rgb (FORMATS[i], "", 320, 240, "");
}
GST_END_TEST

GST_START_TEST (test_styles)
{
  expect_like_rgb ("I420", "", 321, 237, "style=contour");
  expect_like_rgb ("I420", "", 321, 237, "style=spotlight opacity=0.4");
  expect_like_rgb ("NV12", "", 321, 237, "style=heatmap labels=stack");
  expect_like_rgb ("YUY2", "", 321, 237, "colormap=lagoon labels=none");
  expect_like_rgb ("Y444", ",colorimetry=bt709", 64, 48, "");
  expect_like_rgb ("I420", ",colorimetry=bt709", 1280, 720, "");
  expect_like_rgb ("I420", ",colorimetry=1:4:0:0", 320, 240, "");
}
GST_END_TEST

/* Frames of every size, and rows with something between them. */
GST_START_TEST (test_sizes)
{
  static const guint SIZES[][2] = { { 1, 1 },    { 16, 16 }, { 17, 13 },     { 2, 1080 },
                                    { 1920, 2 }, { 41, 43 }, { 1920, 1080 }, { 4096, 2160 } };

  for (guint i = 0; i < G_N_ELEMENTS (SIZES); i++)
    for (guint k = 0; k<G_N_ELEMENTS (FORMATS); k += SIZES[i][0]> 1000 ? 5 : 1) {
      GstVlResult *result = vl_check_three_prompts (SIZES[i][0], SIZES[i][1]);
      gchar *description =
          g_strdup_printf (SOLID "video/x-raw,format=%s,width=%u,height=%u ! identity name=in ! vloverlay ! "
                                 "fakesink name=out",
                           FORMATS[k], SIZES[i][0], SIZES[i][1]);

      gst_sample_unref (vl_check_run (description, result));
      g_free (description);
      gst_vl_result_unref (result);
    }
}
GST_END_TEST

static Suite *
overlay_formats_suite (void)
{
  Suite *suite = suite_create ("overlay-formats");
  TCase *tests = tcase_create ("general");

  GST_ELEMENT_REGISTER (vloverlay, NULL);
  suite_add_tcase (suite, tests);
  tcase_add_test (tests, test_formats);
  tcase_add_test (tests, test_styles);
  tcase_add_test (tests, test_sizes);
  return suite;
}

GST_CHECK_MAIN (overlay_formats)
