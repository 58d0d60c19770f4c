/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlblend.h"
#include "plugin/gstvloverlay.h"
#include "tests/check/vlcheck.h"
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
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

#define FENCE 8192 /* bytes around a frame's memory that nobody may write to */

/* A frame in the middle of @block, which is filled: @size bytes, of which its meta tells what @meta says. */
static GstBuffer *
frame_in (guint8 *block, gsize size, const GstVideoInfo *meta)
{
  gsize whole = size + 2 * FENCE, offset[GST_VIDEO_MAX_PLANES];
  gint stride[GST_VIDEO_MAX_PLANES];
  GstBuffer *buffer = gst_buffer_new ();

  memcpy (offset, meta->offset, sizeof offset);
  memcpy (stride, meta->stride, sizeof stride);
  memset (block, 0x50, whole);
  gst_buffer_append_memory (buffer, gst_memory_new_wrapped (0, block, whole, FENCE, size, NULL, NULL));
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT (meta),
                                  (guint) GST_VIDEO_INFO_WIDTH (meta), (guint) GST_VIDEO_INFO_HEIGHT (meta),
                                  GST_VIDEO_INFO_N_PLANES (meta), offset, stride);
  return buffer;
}

/* How many of @n bytes have been written to. */
static gsize
written (const guint8 *bytes, gsize n)
{
  gsize count = 0;

  for (gsize i = 0; i < n; i++)
    count += bytes[i] != 0x50;
  return count;
}

/* Draws on such a frame. Whatever its meta tells, nothing beside its memory may be written to. Returns how many bytes in it were. */
static gsize
draw_on (GstHarness *h, gsize size, const GstVideoInfo *meta, const gchar *what)
{
  g_autofree guint8 *block = g_malloc (size + 2 * FENCE);
  GstVlResult *result = vl_check_three_prompts (32, 24);
  GstBuffer *buffer = frame_in (block, size, meta);
  gsize inside;

  gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
  gst_vl_result_unref (result);
  buffer = gst_harness_push_and_pull (h, buffer);
  fail_unless (buffer && gst_buffer_get_size (buffer) == size);
  gst_buffer_unref (buffer);
  inside = written (block + FENCE, size);
  fail_unless (written (block, FENCE) == 0, "%s, %s: written before the frame", GST_VIDEO_INFO_NAME (meta), what);
  fail_unless (written (block + FENCE + size, FENCE) == 0, "%s, %s: written behind the frame",
               GST_VIDEO_INFO_NAME (meta), what);
  return inside;
}

/* Bytes up to the last that belongs to a sample. */
static gsize
needed_size (const GstVideoInfo *info)
{
  gsize needed = 0;

  for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS (info); c++)
    needed = MAX (needed, GST_VIDEO_INFO_PLANE_OFFSET (info, GST_VIDEO_INFO_COMP_PLANE (info, c)) +
                              (gsize) (GST_VIDEO_INFO_COMP_HEIGHT (info, c) - 1) *
                                  (gsize) GST_VIDEO_INFO_COMP_STRIDE (info, c) +
                              (gsize) (GST_VIDEO_INFO_COMP_WIDTH (info, c) * GST_VIDEO_INFO_COMP_PSTRIDE (info, c)));
  return needed;
}

/* Everything wrong that a meta can tell about plane @plane of a frame of @info. */
static void
draw_on_lies (GstHarness *h, const GstVideoInfo *info, guint plane)
{
  static const gint strides[] = { -64, -1, G_MININT, 100000, G_MAXINT };
  gsize size = needed_size (info);
  GstVideoInfo meta = *info;

  for (guint i = 0; i < G_N_ELEMENTS (strides); i++) {
    meta.stride[plane] = strides[i];
    fail_unless_equals_uint64 (draw_on (h, size, &meta, "stride"), 0);
  }
  meta.stride[plane] = info->stride[plane];
  for (guint i = 1; i < 3; i++) {
    meta.offset[plane] = i == 1 ? size - 1 : G_MAXSIZE - 1;
    fail_unless_equals_uint64 (draw_on (h, size, &meta, "offset"), 0);
  }
}

/* Memory that ends where the last sample does is drawn on. One byte less, and a meta that contradicts the caps or its memory, is told once,
 * and the frame passes. */
GST_START_TEST (test_wrong_metas)
{
  for (guint i = 0; i < G_N_ELEMENTS (FORMATS); i++) {
    GstHarness *h = gst_harness_new_parse ("vloverlay labels=none opacity=1");
    GstBus *bus = gst_bus_new ();
    GstVideoInfo info, meta;
    GstMessage *message;

    gst_element_set_bus (h->element, bus);
    gst_video_info_set_format (&info, gst_video_format_from_string (FORMATS[i]), 32, 24);
    gst_harness_set_src_caps (h, gst_video_info_to_caps (&info));
    fail_unless (draw_on (h, needed_size (&info), &info, "all right") > 0, "%s: not drawn on", FORMATS[i]);
    fail_unless (gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING) == NULL);

    fail_unless_equals_uint64 (draw_on (h, needed_size (&info) - 1, &info, "a byte less"), 0);
    fail_unless_equals_uint64 (draw_on (h, 64, &info, "64 bytes"), 0);
    for (guint plane = 0; plane < GST_VIDEO_INFO_N_PLANES (&info); plane++)
      draw_on_lies (h, &info, plane);
    gst_video_info_set_format (&meta, gst_video_format_from_string (i == 0 ? "RGB" : FORMATS[i - 1]), 32, 24);
    fail_unless_equals_uint64 (draw_on (h, 32 * 24 * 4, &meta, "format"), 0);
    gst_video_info_set_format (&meta, GST_VIDEO_INFO_FORMAT (&info), 16, 24);
    fail_unless_equals_uint64 (draw_on (h, needed_size (&info), &meta, "size"), 0);

    message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);
    fail_unless (message != NULL);
    gst_message_unref (message);
    fail_unless (gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING) == NULL);
    gst_element_set_bus (h->element, NULL);
    gst_object_unref (bus);
    gst_harness_teardown (h);
  }
}
GST_END_TEST

/* A rectangle of changing alpha, premultiplied ARGB. */
static GstVideoOverlayComposition *
composition_of (guint side)
{
  GstBuffer *pixels = gst_buffer_new_allocate (NULL, 4 * side * side, NULL);
  GstVideoOverlayComposition *composition;
  GstVideoOverlayRectangle *rectangle;
  GstMapInfo map;

  gst_buffer_map (pixels, &map, GST_MAP_WRITE);
  for (guint i = 0; i < side * side; i++) {
    const guint32 alpha = i * 255 / (side * side - 1), red = alpha, blue = alpha * (i % 7) / 6;
    const guint32 p = alpha << 24 | red << 16 | blue;

    memcpy (map.data + 4 * i, &p, 4);
  }
  gst_buffer_unmap (pixels, &map);
  gst_buffer_add_video_meta (pixels, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, side, side);
  rectangle =
      gst_video_overlay_rectangle_new_raw (pixels, 0, 0, side, side, GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
  composition = gst_video_overlay_composition_new (rectangle);
  gst_video_overlay_rectangle_unref (rectangle);
  gst_buffer_unref (pixels);
  return composition;
}

/* On frames that are not opaque, what GStreamer's own blending makes of them: colours are not multiplied by alpha. */
GST_START_TEST (test_not_opaque)
{
  static const GstVideoFormat formats[] = { GST_VIDEO_FORMAT_RGBA, GST_VIDEO_FORMAT_BGRA, GST_VIDEO_FORMAT_ARGB,
                                            GST_VIDEO_FORMAT_ABGR };
  const guint side = 32;
  GstVideoOverlayComposition *composition = composition_of (side);

  for (guint f = 0; f < G_N_ELEMENTS (formats); f++) {
    guint8 data[2][4 * 32 * 32];
    GstVideoInfo info;

    gst_video_info_set_format (&info, formats[f], side, side);
    for (guint i = 0; i < sizeof data[0]; i++)
      data[0][i] = data[1][i] = (guint8) (i % 4 == GST_VIDEO_INFO_COMP_POFFSET (&info, 3) ? i / 4 * 37 : i * 11);
    for (guint k = 0; k < 2; k++) {
      GstBuffer *buffer = gst_buffer_new_wrapped_full (0, data[k], sizeof data[k], 0, sizeof data[k], NULL, NULL);
      GstVideoFrame frame;

      fail_unless (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READWRITE));
      fail_unless (k ? gst_vl_blend (composition, &frame) : gst_video_overlay_composition_blend (composition, &frame));
      gst_video_frame_unmap (&frame);
      gst_buffer_unref (buffer);
    }
    for (guint i = 0; i < sizeof data[0]; i++) {
      const guint8 alpha = data[0][i / 4 * 4 + GST_VIDEO_INFO_COMP_POFFSET (&info, 3)];

      /* What is hardly there is known in few steps. */
      fail_unless (ABS (data[0][i] - data[1][i]) <= 2 + 255 / MAX (alpha, 1),
                   "format %u, byte %u: expected %u, found %u, alpha %u", f, i, data[0][i], data[1][i], alpha);
    }
  }
  gst_video_overlay_composition_unref (composition);
}
GST_END_TEST

/* White is where the frame's colorimetry says, in RGB too. */
GST_START_TEST (test_rgb_range)
{
  static const struct {
    GstVideoColorRange range;
    guint8 white;
  } cases[] = { { GST_VIDEO_COLOR_RANGE_0_255, 255 }, { GST_VIDEO_COLOR_RANGE_16_235, 235 } };
  GstBuffer *pixels = gst_buffer_new_memdup ("\xff\xff\xff\xff", 4);
  GstVideoOverlayRectangle *rectangle;
  GstVideoOverlayComposition *composition;

  gst_buffer_add_video_meta (pixels, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, 1, 1);
  rectangle =
      gst_video_overlay_rectangle_new_raw (pixels, 0, 0, 1, 1, GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
  composition = gst_video_overlay_composition_new (rectangle);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint8 data[4] = { 50, 50, 50, 50 };
    GstBuffer *buffer = gst_buffer_new_wrapped_full (0, data, sizeof data, 0, sizeof data, NULL, NULL);
    GstVideoFrame frame;
    GstVideoInfo info;

    gst_video_info_set_format (&info, GST_VIDEO_FORMAT_BGRx, 1, 1);
    info.colorimetry.range = cases[i].range;
    fail_unless (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READWRITE));
    fail_unless (gst_vl_blend (composition, &frame));
    gst_video_frame_unmap (&frame);
    gst_buffer_unref (buffer);
    for (guint c = 0; c < 3; c++)
      fail_unless_equals_int (data[c], cases[i].white);
  }
  gst_video_overlay_composition_unref (composition);
  gst_video_overlay_rectangle_unref (rectangle);
  gst_buffer_unref (pixels);
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
  tcase_add_test (tests, test_not_opaque);
  tcase_add_test (tests, test_rgb_range);
  tcase_add_test (tests, test_sizes);
  tcase_add_test (tests, test_wrong_metas);
  return suite;
}

GST_CHECK_MAIN (overlay_formats)
