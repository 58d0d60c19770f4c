/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlframe.h"
#include "kernels/error.h"
#include "kernels/size.h"
#include "plugin/gstvlmapping.h"
#include <string.h>

GstCaps *
gst_vl_frame_caps (void)
{
  GstCaps *caps = gst_caps_from_string (GST_VIDEO_CAPS_MAKE (GST_VL_FORMATS) ";" GST_VIDEO_CAPS_MAKE_WITH_FEATURES (
      GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY ", " GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION, GST_VL_FORMATS));

  for (guint i = 0; i < gst_caps_get_size (caps); i++)
    gst_structure_set (gst_caps_get_structure (caps, i), "width", GST_TYPE_INT_RANGE, 1, GST_VL_MAX_SIDE, "height",
                       GST_TYPE_INT_RANGE, 1, GST_VL_MAX_SIDE, NULL);
  return caps;
}

/* Rows of grey and RGB: every component stands for itself, stretched to the full range. */
static void
set_plain_matrix (float matrix[3][4], const gint offset[4], const gint scale[4])
{
  memset (matrix, 0, 12 * sizeof (float));
  for (guint i = 0; i < 3; i++) {
    float gain = 255.0f / (float) scale[i];

    matrix[i][i] = gain;
    matrix[i][3] = -gain * (float) offset[i];
  }
}

static void
set_luma_chroma_matrix (float matrix[3][4], double kr, double kb, const gint offset[4], const gint scale[4])
{
  double kg = 1.0 - kr - kb;
  double y = 255.0 / scale[0], u = 255.0 / scale[1], v = 255.0 / scale[2];
  double rows[3][3] = {
    { y, 0.0, v * 2.0 * (1.0 - kr) },
    { y, -u * 2.0 * (1.0 - kb) * kb / kg, -v * 2.0 * (1.0 - kr) * kr / kg },
    { y, u * 2.0 * (1.0 - kb), 0.0 },
  };

  for (guint i = 0; i < 3; i++) {
    double constant = 0.0;

    for (guint j = 0; j < 3; j++) {
      matrix[i][j] = (float) rows[i][j];
      constant -= rows[i][j] * offset[j];
    }
    matrix[i][3] = (float) constant;
  }
}

void
gst_vl_color_matrix (const GstVideoInfo *info, float matrix[3][4])
{
  gint offset[GST_VIDEO_MAX_COMPONENTS], scale[GST_VIDEO_MAX_COMPONENTS];
  gdouble kr, kb;

  gst_video_color_range_offsets (info->colorimetry.range, info->finfo, offset, scale);
  if (GST_VIDEO_INFO_IS_GRAY (info)) {
    offset[1] = offset[2] = offset[0];
    scale[1] = scale[2] = scale[0];
  }
  if (!GST_VIDEO_INFO_IS_YUV (info)) {
    set_plain_matrix (matrix, offset, scale);
    return;
  }
  if (!gst_video_color_matrix_get_Kr_Kb (info->colorimetry.matrix, &kr, &kb))
    gst_video_color_matrix_get_Kr_Kb (
        GST_VIDEO_INFO_HEIGHT (info) > 576 ? GST_VIDEO_COLOR_MATRIX_BT709 : GST_VIDEO_COLOR_MATRIX_BT601, &kr, &kb);
  set_luma_chroma_matrix (matrix, kr, kb, offset, scale);
}

/* Where the samples of component @i lie; FALSE when the last of them lies outside of its plane. */
static gboolean
describe_component (VlfImage *image, const GstVideoFrame *video, guint i)
{
  guint c = MIN (i, GST_VIDEO_FRAME_N_COMPONENTS (video) - 1); /* grey has one */
  const GstVideoFormatInfo *finfo = video->info.finfo;
  guint plane = GST_VIDEO_FORMAT_INFO_PLANE (finfo, c);
  guint x_shift = GST_VIDEO_FORMAT_INFO_W_SUB (finfo, c), y_shift = GST_VIDEO_FORMAT_INFO_H_SUB (finfo, c);
  gint stride = GST_VIDEO_FRAME_PLANE_STRIDE (video, plane), step = GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, c);
  gsize columns = (image->width - 1) >> x_shift, rows = (image->height - 1) >> y_shift, last;

  if (stride < 0 || step <= 0)
    return FALSE;
  image->components[i].plane = plane;
  image->components[i].offset = GST_VIDEO_FORMAT_INFO_POFFSET (finfo, c);
  image->components[i].stride = stride;
  image->components[i].pixel_stride = step;
  image->components[i].x_shift = x_shift;
  image->components[i].y_shift = y_shift;
  return vlf_size_mul (rows, stride, &last) && vlf_size_add (last, columns * step, &last) &&
         vlf_size_add (last, image->components[i].offset, &last) && last < image->planes[plane].size;
}

static gboolean
describe (VlfImage *image, const GstVideoFrame *video)
{
  image->width = GST_VIDEO_FRAME_WIDTH (video);
  image->height = GST_VIDEO_FRAME_HEIGHT (video);
  image->n_planes = GST_VIDEO_FRAME_N_PLANES (video);
  for (guint i = 0; i < image->n_planes; i++) {
    image->planes[i].data = GST_VIDEO_FRAME_PLANE_DATA (video, i);
    image->planes[i].size = gst_vl_plane_size (video, i);
  }
  for (guint i = 0; i < 3; i++)
    if (!describe_component (image, video, i))
      return FALSE;
  gst_vl_color_matrix (&video->info, image->matrix);
  return TRUE;
}

gboolean
gst_vl_frame_map (GstVlFrame *frame, const GstVideoInfo *info, GstBuffer *buffer, GError **error)
{
  memset (frame, 0, sizeof *frame);
  if (gst_vl_map_picture (&frame->video, info, buffer, GST_MAP_READ)) {
    frame->mapped = TRUE;
    if (describe (&frame->image, &frame->video))
      return TRUE;
    gst_vl_frame_clear (frame);
  }
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
               "a buffer of %" G_GSIZE_FORMAT " bytes does not hold the %dx%d %s frame that its caps promise",
               gst_buffer_get_size (buffer), GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info),
               GST_VIDEO_INFO_NAME (info));
  return FALSE;
}

/* The bytes of @plane that samples of the picture lie in, counted from its first. */
static gsize
plane_extent (const VlfImage *image, guint plane)
{
  gsize extent = 0;

  for (guint i = 0; i < 3; i++) {
    gsize rows = (image->height - 1) >> image->components[i].y_shift;
    gsize columns = (image->width - 1) >> image->components[i].x_shift;

    if (image->components[i].plane == plane)
      extent = MAX (extent, rows * image->components[i].stride + columns * image->components[i].pixel_stride +
                                image->components[i].offset + 1);
  }
  return extent;
}

gboolean
gst_vl_frame_copy (GstVlFrame *frame, const GstVideoInfo *info, GstBuffer *buffer, GError **error)
{
  gsize total = 0, at = 0;

  if (!gst_vl_frame_map (frame, info, buffer, error))
    return FALSE;
  for (guint i = 0; i < frame->image.n_planes; i++) /* cannot overflow: each lies inside of mapped memory */
    total += plane_extent (&frame->image, i);
  frame->pixels = g_try_malloc (total);
  if (!frame->pixels) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for a copy of a frame of %" G_GSIZE_FORMAT " bytes",
                 total);
    gst_vl_frame_clear (frame);
    return FALSE;
  }
  for (guint i = 0; i < frame->image.n_planes; i++) {
    gsize extent = plane_extent (&frame->image, i);

    memcpy (frame->pixels + at, frame->image.planes[i].data, extent);
    frame->image.planes[i].data = frame->pixels + at;
    frame->image.planes[i].size = extent;
    at += extent;
  }
  gst_video_frame_unmap (&frame->video);
  frame->mapped = FALSE;
  return TRUE;
}

void
gst_vl_frame_clear (GstVlFrame *frame)
{
  if (frame->mapped)
    gst_video_frame_unmap (&frame->video);
  g_free (frame->pixels);
  memset (frame, 0, sizeof *frame);
}
