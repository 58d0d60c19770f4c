/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: numbers as 8 bits with a common scale, as weights and activations of precision int8 have them. */
#pragma once
#include <glib.h>
#include <math.h>

G_BEGIN_DECLS

#define VLF_INT8_MAX  127
#define VLF_INT8_TINY 1e-30f /* numbers up to this count as 0 */

/* @x [n] is about scale * q [n], q in -127..127; returns the scale, which is the largest |x| / 127, or NaN where @x holds what is no finite
 * number. cl/int8.cl does the same with activations. Symmetric quantisation: Jacob et al. 2018. */
static inline float
vlf_quantise (const float *x, gsize n, gint8 *q)
{
  float most = 0, unusual = 0, inverse;

  for (gsize i = 0; i < n; i++) {
    most = fmaxf (most, fabsf (x[i]));
    unusual += x[i] * 0;
  }
  inverse = most > VLF_INT8_TINY && isfinite (most) ? VLF_INT8_MAX / most : 0;
  for (gsize i = 0; i < n; i++)
    q[i] = isfinite (x[i]) ? (gint8) rintf (x[i] * inverse) : 0;
  return most / VLF_INT8_MAX + unusual;
}

G_END_DECLS
