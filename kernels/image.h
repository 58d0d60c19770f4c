/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* A picture in host memory, any 8-bit layout of at most 3 planes: packed or planar RGB, YUV with any subsampling, grey. Borrowed
 * memory; it must stay as it is until the pass that reads it has ended (see vlf_queue_is_left() for a device that is lost). Samples of
 * subsampled planes are taken nearest. */
typedef struct {
  guint width, height; /* pixels, 1..32768 */
  guint n_planes;
  struct {
    const guint8 *data;
    gsize size; /* bytes readable from data */
  } planes[3];
  struct {
    guint plane;
    gsize offset;           /* bytes before the first sample */
    gsize stride;           /* bytes between rows */
    guint pixel_stride;     /* bytes between samples of a row */
    guint x_shift, y_shift; /* log2 of the subsampling */
  } components[3];          /* R,G,B or Y,U,V; grey names its plane three times */
  float matrix[3][4];       /* RGB = matrix * (c0, c1, c2, 1), all in 0..255; rounded and clamped to 8 bits */
  /* Of the picture that this is a smaller copy of, as a JPEG is decoded; results count in its pixels. 0: width and height above. */
  guint frame_width, frame_height;
  /* What of width and height the frame covers, where a smaller copy ends within its last pixel. 0: all. */
  double extent_width, extent_height;
  double pixel_aspect; /* of the frame: width of a pixel by its height, 1/16..16; 0: 1 */
} VlfImage;

/* Packed 8-bit RGB @pixels, [height, width, 3] without gaps, which it does not own. */
VlfImage vlf_image_rgb (const guint8 *pixels, guint width, guint height);

typedef enum {
  VLF_FILTER_NEAREST,
  VLF_FILTER_BILINEAR,
  VLF_FILTER_BICUBIC,
  VLF_FILTER_LANCZOS,
  VLF_FILTER_BOX
} VlfFilter;

/* What a checkpoint's image processor does to a picture, reduced to numbers: resize to [resized_height, resized_width] with PIL's
 * antialiased filter (8-bit rounding after each of the two passes, as PIL has), cut [height, width] out at (crop_x, crop_y) with
 * @fill outside, then (value * rescale - mean) / std. Source: PIL.Image.resize, ImageResample.c. */
typedef struct {
  VlfFilter filter;
  guint resized_width, resized_height;
  gint crop_x, crop_y; /* of the cut in the resized picture; negative: padding at the left, top */
  guint width, height; /* of the model's input */
  guint patch;         /* pixels; grid = floor (size / patch), what is left over is not looked at */
  float rescale;       /* usually 1/255 */
  float mean[3], std[3];
  float fill[3]; /* 0..255, before rescale */
} VlfImagePlan;

G_END_DECLS
