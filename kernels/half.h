/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The 16-bit types of files and of stored weights on the host. Rounding is to nearest, ties to even, as
 * OpenCL's vstore_half_rte() and torch's conversions have it. */
#pragma once
#include <math.h>
#include <string.h>
#include "kernels/tensor.h"

G_BEGIN_DECLS

static inline guint32
vlf_bits_from_f32 (float x)
{
  guint32 bits;

  memcpy (&bits, &x, sizeof bits);
  return bits;
}

static inline float
vlf_f32_from_bits (guint32 bits)
{
  float x;

  memcpy (&x, &bits, sizeof x);
  return x;
}

static inline float
vlf_f32_from_bf16 (guint16 h)
{
  return vlf_f32_from_bits ((guint32) h << 16);
}

static inline guint16
vlf_bf16_from_f32 (float x)
{
  guint32 bits = vlf_bits_from_f32 (x);

  if (isnan (x))
    return (guint16) (bits >> 16 | 0x40);
  return (guint16) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float
vlf_f32_from_f16 (guint16 h)
{
  const guint32 sign = (guint32) (h & 0x8000) << 16, exponent = h >> 10 & 0x1f, mantissa = h & 0x3ff;

  if (exponent == 0x1f) /* infinite or not a number */
    return vlf_f32_from_bits (sign | 0x7f800000 | mantissa << 13);
  if (exponent == 0) /* zero or denormal: mantissa * 2^-24 */
    return (sign ? -1.0f : 1.0f) * (float) mantissa * 0x1p-24f;
  return vlf_f32_from_bits (sign | (exponent + 112) << 23 | mantissa << 13);
}

/* What does not fit becomes infinite. */
static inline guint16
vlf_f16_from_f32 (float x)
{
  const guint32 bits = vlf_bits_from_f32 (x), magnitude = bits & 0x7fffffff, sign = bits >> 16 & 0x8000;

  if (magnitude > 0x7f800000)
    return (guint16) (sign | 0x7e00);
  if (magnitude >= 0x477ff000) /* 65520 and above */
    return (guint16) (sign | 0x7c00);
  if (magnitude < 0x38800000) /* below 2^-14: count units of 2^-24, in the default rounding of rintf() */
    return (guint16) (sign | (guint32) rintf (vlf_f32_from_bits (magnitude) * 0x1p24f));
  return (guint16) (sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

/* @n numbers of @type at @from to float32 at @to. */
static inline void
vlf_f32_from (VlfDType type, gconstpointer from, gsize n, float *to)
{
  if (type == VLF_F32) {
    memcpy (to, from, n * sizeof *to);
    return;
  }
  for (gsize i = 0; i < n; i++) {
    guint16 h;

    memcpy (&h, (const guint8 *) from + 2 * i, sizeof h);
    to[i] = type == VLF_F16 ? vlf_f32_from_f16 (h) : vlf_f32_from_bf16 (h);
  }
}

/* @n float32 at @from to @type at @to. */
static inline void
vlf_f32_to (VlfDType type, const float *from, gsize n, gpointer to)
{
  if (type == VLF_F32) {
    memcpy (to, from, n * sizeof *from);
    return;
  }
  for (gsize i = 0; i < n; i++) {
    guint16 h = type == VLF_F16 ? vlf_f16_from_f32 (from[i]) : vlf_bf16_from_f32 (from[i]);

    memcpy ((guint8 *) to + 2 * i, &h, sizeof h);
  }
}

G_END_DECLS
