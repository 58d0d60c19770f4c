/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <math.h>
#include "models/image.h"

/* The square RGB picture of @size bytes at @pixels, which it does not own: as golden cases keep their pictures. */
static inline VlfImage
picture_of (const guint8 *pixels, gsize size)
{
  const guint side = (guint) sqrt (size / 3.0);

  return vlf_image_rgb (pixels, side, side);
}
