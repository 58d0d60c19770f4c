/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <math.h>
#include "models/image.h"

/* The square RGB picture of @size bytes at @pixels, which it does not own: as golden cases keep their pictures. */
static inline VlfImage
picture_of (guint8 *pixels, gsize size)
{
  VlfImage image = { .width = (guint) sqrt (size / 3.0), .n_planes = 1, .planes = { { pixels, size } } };

  image.height = image.width;
  for (guint i = 0; i < 3; i++) {
    image.components[i].offset = i;
    image.components[i].stride = 3 * (gsize) image.width;
    image.components[i].pixel_stride = 3;
    image.matrix[i][i] = 1;
  }
  return image;
}
