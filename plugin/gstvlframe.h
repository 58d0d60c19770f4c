/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/video/video.h>
#include "kernels/image.h"

G_BEGIN_DECLS

/* What of video/x-raw the elements take; VlfImage ends at 32768 pixels a side. */
#define GST_VL_FORMATS \
  "{ NV12, I420, YV12, YUY2, UYVY, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, GRAY8 }"
#define GST_VL_MAX_SIDE 32768

/* The caps of such frames, also with overlays beside them. */
GstCaps *gst_vl_frame_caps (void);

/* A video frame as the models see it. All zero is an empty one. */
typedef struct {
  VlfImage image;
  /*< private >*/
  gboolean mapped;
  GstVideoFrame video;
  guint8 *pixels;
} GstVlFrame;

/* Borrows the pixels of @buffer, which stays referenced and mapped for reading until gst_vl_frame_clear(). Strides and offsets of a
 * GstVideoMeta are respected. FALSE with @error when @buffer does not hold the frame that @info promises. */
gboolean gst_vl_frame_map (GstVlFrame *frame, const GstVideoInfo *info, GstBuffer *buffer, GError **error);
/* The same with a copy of the pixels, so that @buffer is free at once. */
gboolean gst_vl_frame_copy (GstVlFrame *frame, const GstVideoInfo *info, GstBuffer *buffer, GError **error);
void gst_vl_frame_clear (GstVlFrame *frame);

/* RGB 0..255 from the 8-bit components of @info's format, as its colorimetry says; what it leaves open is BT.601 up to 576 lines and
 * BT.709 above. Source: ITU-R BT.601, BT.709 (luma from Kr, Kb; excursions 219 and 224 of limited range). */
void gst_vl_color_matrix (const GstVideoInfo *info, float matrix[3][4]);

G_END_DECLS
