/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Video frames as models see them: against GStreamer's own conversion to RGB. */
#include <gst/check/gstcheck.h>
#include <math.h>
#include <string.h>
#include "plugin/gstvlframe.h"

static const gchar *formats[] = { "NV12", "I420", "YV12", "YUY2", "UYVY", "RGB",  "BGR",  "RGBA",
                                  "BGRA", "ARGB", "ABGR", "RGBx", "BGRx", "xRGB", "xBGR", "GRAY8" };

static void
make_info (GstVideoInfo *info, const gchar *format, gint width, gint height, const gchar *colorimetry)
{
  GstCaps *caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING, format, "width", G_TYPE_INT, width,
                                       "height", G_TYPE_INT, height, "framerate", GST_TYPE_FRACTION, 25, 1, NULL);

  if (colorimetry)
    gst_caps_set_simple (caps, "colorimetry", G_TYPE_STRING, colorimetry, NULL);
  fail_unless (gst_video_info_from_caps (info, caps));
  gst_caps_unref (caps);
}

/* TRUE if the colour exists in RGB, so that nothing had to be clamped. */
static gboolean
pixel (const VlfImage *image, guint x, guint y, guint8 rgb[3])
{
  float c[4] = { 0, 0, 0, 1 };
  gboolean exists = TRUE;

  for (guint i = 0; i < 3; i++) {
    gsize at = image->components[i].offset + (y >> image->components[i].y_shift) * image->components[i].stride +
               (gsize) (x >> image->components[i].x_shift) * image->components[i].pixel_stride;

    fail_unless (at < image->planes[image->components[i].plane].size, "outside of its plane");
    c[i] = image->planes[image->components[i].plane].data[at];
  }
  for (guint i = 0; i < 3; i++) {
    float value = 0;

    for (guint j = 0; j < 4; j++)
      value += image->matrix[i][j] * c[j];
    exists &= value > -0.5f && value < 255.5f;
    rgb[i] = (guint8) CLAMP (lroundf (value), 0, 255);
  }
  return exists;
}

/* A picture of one colour: every component has its one value. */
static GstBuffer *
flat_frame (const GstVideoInfo *info, const guint8 values[4])
{
  GstBuffer *buffer = gst_buffer_new_and_alloc (info->size);
  GstVideoFrame frame;

  gst_buffer_memset (buffer, 0, 0, info->size);
  fail_unless (gst_video_frame_map (&frame, info, buffer, GST_MAP_WRITE));
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (&frame); c++)
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&frame, c); y++)
      for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&frame, c); x++)
        *((guint8 *) GST_VIDEO_FRAME_COMP_DATA (&frame, c) + y * GST_VIDEO_FRAME_COMP_STRIDE (&frame, c) +
          x * GST_VIDEO_FRAME_COMP_PSTRIDE (&frame, c)) = values[c];
  gst_video_frame_unmap (&frame);
  return buffer;
}

/* By way of 16 bits a component, which is up to 3 levels off (it stretches 8 bits by 257); paths of 8 bits are by 5. */
static void
convert (const GstVideoInfo *info, GstBuffer *buffer, guint8 rgb[3])
{
  GstVideoInfo out;
  GstVideoFrame from, to;
  GstBuffer *converted;
  GstVideoConverter *converter;

  make_info (&out, "ARGB64_LE", info->width, info->height, NULL);
  converted = gst_buffer_new_and_alloc (out.size);
  converter = gst_video_converter_new (info, &out, NULL);
  fail_unless (converter != NULL);
  fail_unless (gst_video_frame_map (&from, info, buffer, GST_MAP_READ));
  fail_unless (gst_video_frame_map (&to, &out, converted, GST_MAP_WRITE));
  gst_video_converter_frame (converter, &from, &to);
  for (guint i = 0; i < 3; i++)
    rgb[i] = ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (
        &to, 0))[4 * GST_VIDEO_FRAME_PLANE_STRIDE (&to, 0) + 4 * 8 + 2 * (i + 1) + 1];
  gst_video_frame_unmap (&from);
  gst_video_frame_unmap (&to);
  gst_video_converter_free (converter);
  gst_buffer_unref (converted);
}

/* How far, in levels, the colour is off GStreamer's, which is only rough where it clamps. */
static gint
compare_color (const GstVideoInfo *info, const guint8 values[4])
{
  GstBuffer *buffer = flat_frame (info, values);
  guint8 expected[3], found[3];
  GstVlFrame frame;
  gboolean exists;
  gint worst = 0;

  convert (info, buffer, expected);
  fail_unless (gst_vl_frame_map (&frame, info, buffer, NULL));
  exists = pixel (&frame.image, 4, 4, found);
  gst_vl_frame_clear (&frame);
  gst_buffer_unref (buffer);
  for (guint i = 0; i < 3 && exists; i++)
    worst = MAX (worst, ABS (expected[i] - found[i]));
  if (worst > 3)
    GST_ERROR ("(%u %u %u): expected %u %u %u, found %u %u %u", values[0], values[1], values[2], expected[0],
               expected[1], expected[2], found[0], found[1], found[2]);
  return worst;
}

/* 576 lines is where the default changes. NULL: what caps without colorimetry mean. */
GST_START_TEST (test_colors)
{
  static const gchar *const colorimetries[] = { NULL,      "bt601",   "bt709",   "smpte240m", "bt2020",
                                                "1:4:0:0", "1:3:0:0", "2:4:0:0", "sRGB",      "2:1:7:1" };
  static const gint heights[] = { 16, 720 };
  GRand *rand = g_rand_new_with_seed (7);

  for (guint f = 0; f < G_N_ELEMENTS (formats); f++) {
    for (guint c = 0; c < G_N_ELEMENTS (colorimetries); c++) {
      for (guint h = 0; h < G_N_ELEMENTS (heights); h++) {
        GstVideoInfo info;

        make_info (&info, formats[f], 16, heights[h], colorimetries[c]);
        if (GST_VIDEO_INFO_IS_RGB (&info) && info.colorimetry.range == GST_VIDEO_COLOR_RANGE_16_235)
          continue; /* the converter ignores it */
        for (guint i = 0; i < 30; i++) {
          guint8 values[4] = { 16, 128, 128, 255 };
          gint off;

          for (guint j = 0; j < 3 && i > 0; j++)
            values[j] = (guint8) g_rand_int_range (rand, 16, 236);
          off = compare_color (&info, values);
          fail_unless (off <= 3, "%s %s, %d lines: %d levels off", formats[f],
                       colorimetries[c] ? colorimetries[c] : "default", heights[h], off);
        }
      }
    }
  }
  g_rand_free (rand);
}
GST_END_TEST

/* Primary colours as the standards code them, rounded to 8 bits. */
GST_START_TEST (test_primaries)
{
  static const struct {
    const gchar *colorimetry;
    guint8 yuv[4], rgb[3];
  } table[] = {
    { "bt601", { 81, 90, 240 }, { 255, 0, 0 } },    { "bt601", { 145, 54, 34 }, { 0, 255, 0 } },
    { "bt601", { 41, 240, 110 }, { 0, 0, 255 } },   { "bt709", { 63, 102, 240 }, { 255, 0, 0 } },
    { "bt709", { 173, 42, 26 }, { 0, 255, 0 } },    { "bt709", { 32, 240, 118 }, { 0, 0, 255 } },
    { "1:4:0:0", { 76, 85, 255 }, { 255, 0, 0 } },  { "1:4:0:0", { 150, 44, 21 }, { 0, 255, 0 } },
    { "1:4:0:0", { 29, 255, 107 }, { 0, 0, 255 } }, { "bt709", { 235, 128, 128 }, { 255, 255, 255 } },
    { "bt601", { 16, 128, 128 }, { 0, 0, 0 } },     { "1:4:0:0", { 255, 128, 128 }, { 255, 255, 255 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    for (guint f = 0; f < 5; f++) {
      GstVlFrame frame;
      GstVideoInfo info;
      GstBuffer *buffer;
      guint8 found[3];

      make_info (&info, formats[f], 16, 16, table[i].colorimetry);
      buffer = flat_frame (&info, table[i].yuv);
      fail_unless (gst_vl_frame_map (&frame, &info, buffer, NULL));
      pixel (&frame.image, 15, 15, found);
      gst_vl_frame_clear (&frame);
      gst_buffer_unref (buffer);
      for (guint j = 0; j < 3; j++)
        fail_unless (ABS (found[j] - table[i].rgb[j]) <= 2, "%s %s, row %u: found %u %u %u", formats[f],
                     table[i].colorimetry, i, found[0], found[1], found[2]);
    }
  }
}
GST_END_TEST

/* The planes of @info with wide rows and gaps between them, in one memory each or all in one. */
static GstBuffer *
pad_frame (const GstVideoInfo *info, GstBuffer *tight, gboolean split)
{
  gsize offset[GST_VIDEO_MAX_PLANES] = { 0 }, total = 11;
  gint stride[GST_VIDEO_MAX_PLANES] = { 0 };
  GstBuffer *buffer = gst_buffer_new ();
  GstVideoFrame from, to;

  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++) {
    gsize rows = GST_VIDEO_SUB_SCALE (GST_VIDEO_FORMAT_INFO_H_SUB (info->finfo, p), GST_VIDEO_INFO_HEIGHT (info));

    stride[p] = GST_VIDEO_INFO_PLANE_STRIDE (info, p) + 36;
    offset[p] = total;
    total += stride[p] * rows + 7;
    if (split)
      gst_buffer_append_memory (buffer, gst_allocator_alloc (NULL, total - (p ? offset[p] : 0), NULL));
  }
  if (!split)
    gst_buffer_append_memory (buffer, gst_allocator_alloc (NULL, total, NULL));
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT (info),
                                  GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info),
                                  GST_VIDEO_INFO_N_PLANES (info), offset, stride);
  fail_unless (gst_video_frame_map (&from, info, tight, GST_MAP_READ));
  fail_unless (gst_video_frame_map (&to, info, buffer, GST_MAP_WRITE));
  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++)
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&from, p); y++)
      memcpy ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&to, p) + y * GST_VIDEO_FRAME_PLANE_STRIDE (&to, p),
              (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&from, p) + y * GST_VIDEO_FRAME_PLANE_STRIDE (&from, p),
              GST_VIDEO_FRAME_PLANE_STRIDE (&from, p));
  gst_video_frame_unmap (&from);
  gst_video_frame_unmap (&to);
  return buffer;
}

static GstBuffer *
random_frame (const GstVideoInfo *info, GRand *rand)
{
  GstBuffer *buffer = gst_buffer_new_and_alloc (info->size);
  GstMapInfo map;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
  for (gsize i = 0; i < map.size; i++)
    map.data[i] = (guint8) g_rand_int (rand);
  gst_buffer_unmap (buffer, &map);
  return buffer;
}

static void
expect_same (const VlfImage *a, const VlfImage *b, const gchar *what)
{
  fail_unless (a->width == b->width && a->height == b->height);
  for (guint y = 0; y < a->height; y++) {
    for (guint x = 0; x < a->width; x++) {
      guint8 p[3], q[3];

      pixel (a, x, y, p);
      pixel (b, x, y, q);
      fail_unless (memcmp (p, q, 3) == 0, "%s: pixel %u,%u differs", what, x, y);
    }
  }
}

GST_START_TEST (test_strides)
{
  static const gint sizes[][2] = { { 1, 1 }, { 2, 2 }, { 17, 13 }, { 33, 1 }, { 1, 9 }, { 32, 16 } };
  GRand *rand = g_rand_new_with_seed (3);

  for (guint f = 0; f < G_N_ELEMENTS (formats); f++) {
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++) {
      GstVlFrame plain, other;
      GstVideoInfo info;
      GstBuffer *tight, *padded;

      make_info (&info, formats[f], sizes[s][0], sizes[s][1], NULL);
      tight = random_frame (&info, rand);
      fail_unless (gst_vl_frame_map (&plain, &info, tight, NULL));
      for (guint split = 0; split < 2; split++) {
        padded = pad_frame (&info, tight, split);
        fail_unless (gst_vl_frame_map (&other, &info, padded, NULL), "%s %dx%d", formats[f], sizes[s][0], sizes[s][1]);
        expect_same (&plain.image, &other.image, formats[f]);
        gst_vl_frame_clear (&other);
        fail_unless (gst_vl_frame_copy (&other, &info, padded, NULL));
        gst_buffer_unref (padded);
        expect_same (&plain.image, &other.image, "copy");
        gst_vl_frame_clear (&other);
      }
      gst_vl_frame_clear (&plain);
      gst_buffer_unref (tight);
    }
  }
  g_rand_free (rand);
}
GST_END_TEST

static guint8 *surface;

/* As gstreamer-vaapi has it: where a plane is, and nothing of memory. */
static gboolean
map_surface (GstVideoMeta *meta, guint plane, GstMapInfo *info, gpointer *data, gint *stride, GstMapFlags flags)
{
  (void) info;
  (void) flags;
  *data = surface + meta->offset[plane];
  *stride = meta->stride[plane];
  return TRUE;
}

static gboolean
unmap_surface (GstVideoMeta *meta, guint plane, GstMapInfo *info)
{
  (void) meta;
  (void) plane;
  (void) info;
  return TRUE;
}

/* Frames of pools that map by a function of their own. */
GST_START_TEST (test_own_mapping)
{
  GRand *rand = g_rand_new_with_seed (4);

  for (guint f = 0; f < G_N_ELEMENTS (formats); f++) {
    GstVlFrame plain, other;
    GstVideoInfo info;
    GstBuffer *tight, *pooled;
    GstVideoMeta *meta;

    make_info (&info, formats[f], 18, 10, NULL);
    tight = random_frame (&info, rand);
    surface = g_malloc (info.size);
    gst_buffer_extract (tight, 0, surface, info.size);
    pooled = gst_buffer_new_and_alloc (1);
    meta = gst_buffer_add_video_meta_full (pooled, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT (&info), 18, 10,
                                           GST_VIDEO_INFO_N_PLANES (&info), info.offset, info.stride);
    meta->map = map_surface;
    meta->unmap = unmap_surface;
    fail_unless (gst_vl_frame_map (&plain, &info, tight, NULL));
    fail_unless (gst_vl_frame_map (&other, &info, pooled, NULL), "%s", formats[f]);
    expect_same (&plain.image, &other.image, formats[f]);
    gst_vl_frame_clear (&other);
    gst_vl_frame_clear (&plain);
    gst_buffer_unref (pooled);
    gst_buffer_unref (tight);
    g_free (surface);
  }
  g_rand_free (rand);
}
GST_END_TEST

/* Any buffer shorter than the picture is refused; one that only lacks the padding of its last row is not. */
GST_START_TEST (test_short)
{
  for (guint f = 0; f < G_N_ELEMENTS (formats); f++) {
    GError *error = NULL;
    GstVlFrame frame;
    GstVideoInfo info;
    GstBuffer *buffer;

    make_info (&info, formats[f], 18, 10, NULL);
    for (gsize size = 0; size < info.size; size += 1 + info.size / 13) {
      buffer = gst_buffer_new_and_alloc (size);
      fail_if (gst_vl_frame_map (&frame, &info, buffer, &error));
      fail_unless (error && strstr (error->message, "18x10"));
      g_clear_error (&error);
      gst_buffer_unref (buffer);
    }
  }
}
GST_END_TEST

GST_START_TEST (test_limited_rgb)
{
  static const guint8 values[4] = { 16, 235, 126, 255 };
  GstVlFrame frame;
  GstVideoInfo info;
  GstBuffer *buffer;
  guint8 found[3];

  make_info (&info, "BGRx", 16, 16, "2:1:7:1");
  buffer = flat_frame (&info, values);
  fail_unless (gst_vl_frame_map (&frame, &info, buffer, NULL));
  pixel (&frame.image, 0, 0, found);
  fail_unless (found[0] == 0 && found[1] == 255 && found[2] == 128);
  gst_vl_frame_clear (&frame);
  gst_buffer_unref (buffer);
}
GST_END_TEST

static Suite *
frame_suite (void)
{
  Suite *s = suite_create ("frame");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_colors);
  tcase_add_test (tc, test_primaries);
  tcase_add_test (tc, test_limited_rgb);
  tcase_add_test (tc, test_strides);
  tcase_add_test (tc, test_own_mapping);
  tcase_add_test (tc, test_short);
  return s;
}

GST_CHECK_MAIN (frame)
