/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Products in 8 bits: y [m, n] = act ((sum q w) scale w_scale + bias) + residual. Every row of x is made into whole numbers q in
 * -127..127 and one scale when it is needed, every output of the weight has its own w and w_scale. The sum is exact in 32 bits, whichever
 * way it is computed, so that all variants find the same integers.
 *
 * Weights of n outputs padded to panels of P, k padded to a multiple of 4 with zeros: signed bytes [n / P, k, P], or for dot products of
 * G = 4 or 2 [n / P, k / G, P, G], that many factors of an output side by side.
 * Behind the padded biases lie as many scales, and as many ints 128 sum w. */

/* How the CPU family multiplies; a tier beyond plain OpenCL C is only ever built after a probe has shown that it is right, see tier.h.
 * 0: q are floats. Whole numbers up to 2^24 are exact in f32: up to 1024 products are summed there, the rest in ints.
 * 1: AVX512-VNNI (VLF_WIDTH 16) or AVX-VNNI (8): q + 128 as unsigned bytes, four to an element of x.
 * 2: AVX2 (8): q as 16 bits, two to an element of x. Its products of bytes saturate, so bytes become 16 bits when they are loaded.
 * 3: AMX (16): q as signed bytes in tiles, see amx.cl. */
#ifndef VLF_INT8
#define VLF_INT8 0
#endif

#define VLF_INT8_TINY 1e-30f

/* What 1 is in q, where @most is the largest |x|. */
float
vlf_quantum (const float most)
{
  return most > VLF_INT8_TINY && most < INFINITY ? 127.0f / most : 0.0f;
}

#ifdef VLF_CPU
/* The largest |x| of a row, and 0, or NaN where one is not finite. */
float
vlf_row_range (__global const float *x, const uint cols, float *unusual)
{
  vlf_v most_v = 0.0f, unusual_v = 0.0f;
  float most = 0.0f, rest = 0.0f;

  VLF_FOR_ROW (
      cols,
      {
        const vlf_v a = fabs (vlf_load (i, x));
        most_v = a > most_v ? a : most_v;
        unusual_v += a * 0.0f;
      },
      {
        const float a = fabs (x[i]);
        most = a > most ? a : most;
        rest += a * 0.0f;
      })
  *unusual = vlf_sum_v (unusual_v) + rest;
  return fmax (most, vlf_max_v (most_v));
}

/* q of a row. */
void
vlf_quantise_row (__global float *q, __global const float *x, const float inverse, const uint cols, const uint padded)
{
#if VLF_INT8 == 0
  VLF_FOR_ROW (cols, vlf_store (fma (vlf_load (i, x), (vlf_v) inverse, (vlf_v) VLF_ROUND) - VLF_ROUND, i, q),
               q[i] = fma (x[i], inverse, VLF_ROUND) - VLF_ROUND)
  for (uint i = cols; i < padded; i++)
    q[i] = 0.0f;
#elif VLF_INT8 == 2
  __global short *words = (__global short *) q;

  VLF_FOR_ROW (cols,
               vstore8 (convert_short8 (vlf_bits (fma (vlf_load (i, x), (vlf_v) inverse, (vlf_v) VLF_ROUND)) & 65535), i,
                        words),
               words[i] = (short) as_int (fma (x[i], inverse, VLF_ROUND)))
  for (uint i = cols; i < padded; i++)
    words[i] = 0;
#elif VLF_INT8 == 3
  vlf_tile_quantised_row ((__global char *) q, x, inverse, cols, padded);
#else
  __global uchar *bytes = (__global uchar *) q;

  VLF_FOR_ROW (
      cols, vlf_store_bytes (vlf_bits (fma (vlf_load (i, x), (vlf_v) inverse, (vlf_v) (VLF_ROUND + 128))), i, bytes),
      bytes[i] = (uchar) as_int (fma (x[i], inverse, VLF_ROUND + 128)))
  for (uint i = cols; i < padded; i++)
    bytes[i] = 128;
#endif
}

/* A row [cols] of x to q, padded with zeros to [padded]; returns its scale. */
float
vlf_quantise_whole_row (__global float *q, __global const float *x, const uint cols, const uint padded)
{
  float unusual;
  const float most = vlf_row_range (x, cols, &unusual);

  vlf_quantise_row (q, x, vlf_quantum (most), cols, padded);
  return most / 127.0f + unusual;
}
#endif

/* A row [k] of x to q, padded with zeros to [padded], and its scale: largest |x| / 127, NaN where one is not finite. Groups { rows }. */
VLF_ROW_KERNEL void
vlf_quantise (__global float *q, const ulong q_offset, const uint q_stride, __global float *scales,
              const ulong scales_offset, __global const float *x, const ulong x_offset, const uint x_stride,
              const uint cols, const uint padded)
{
  const uint row = get_group_id (0);

  scales += scales_offset + row;
  x += x_offset + (ulong) row * x_stride;
#if VLF_INT8 == 3
  q = (__global float *) ((__global char *) (q + q_offset) + VLF_IN_TILES (row, (ulong) padded));
#else
  q += q_offset + (ulong) row * q_stride;
#endif
#ifdef VLF_CPU
  *scales = vlf_quantise_whole_row (q, x, cols, padded);
#else
  __local float room[VLF_ROW_GROUP];
  float most = 0.0f, unusual = 0.0f, quantum;

  for (uint i = get_local_id (0); i < cols; i += VLF_ROW_GROUP) {
    most = fmax (most, fabs (x[i]));
    unusual += x[i] * 0.0f;
  }
  most = vlf_group_max (most, room);
  unusual = vlf_group_sum (unusual, room);
  quantum = vlf_quantum (most);
  if (get_local_id (0) == 0)
    *scales = most / 127.0f + unusual;
  for (uint i = get_local_id (0); i < padded; i += VLF_ROW_GROUP)
    q[i] = i < cols ? rint (x[i] * quantum) : 0.0f;
#endif
}

#ifdef VLF_CPU

#if VLF_INT8 == 0
/* Products that f32 sums exactly: 1024 127^2 < 2^24. */
#define VLF_EXACT 1024u

#define VLF_STORED_bytes char
#define VLF_VECTOR_bytes(i, p) vlf_to_float (vlf_load_bytes (i, p))
VLF_TILE_LOOPS (bytes)

/* R rows of q times one panel: tile [R, 2] = sums, as the bits of ints. */
#define VLF_TILE_LOOP_i8(R)                                                                                            \
  void vlf_tile_i8_##R (__global const float *restrict x, const size_t stride, __global const char *restrict w,        \
                        const uint inputs, vlf_v *tile)                                                                \
  {                                                                                                                    \
    vlf_vi total[2 * R];                                                                                               \
    vlf_v part[2 * R];                                                                                                 \
                                                                                                                       \
    for (uint i = 0; i < 2 * R; i++)                                                                                   \
      total[i] = 0;                                                                                                    \
    for (uint first = 0; first < inputs; first += VLF_EXACT) {                                                         \
      vlf_tile_bytes_##R (x + first, stride, w + (size_t) first * VLF_PANEL, min (inputs - first, VLF_EXACT), part);   \
      for (uint i = 0; i < 2 * R; i++)                                                                                 \
        total[i] += vlf_to_int (part[i]);                                                                              \
    }                                                                                                                  \
    for (uint i = 0; i < 2 * R; i++)                                                                                   \
      tile[i] = vlf_from_bits (total[i]);                                                                              \
  }
#define VLF_OFFSETS(p) ((vlf_vi) 0)
#elif VLF_INT8 == 2
#define VLF_DOT(product, a, w) __asm__ ("vpmaddwd %2, %1, %0" : "=x"(product) : "x"(a), "x"(w))

#define VLF_TILE_LOOP_i8(R)                                                                                            \
  void vlf_tile_i8_##R (__global const float *restrict x, const size_t stride, __global const char *restrict w,        \
                        const uint inputs, vlf_v *tile)                                                                \
  {                                                                                                                    \
    vlf_vi sum[R][2];                                                                                                  \
                                                                                                                       \
    _Pragma ("unroll") for (uint i = 0; i < R; i++) sum[i][0] = sum[i][1] = 0;                                         \
    for (uint k = 0; k < inputs / 2; k++) {                                                                            \
      const vlf_vi w0 = as_int8 (convert_short16 (vload16 (2 * (size_t) k, w))),                                       \
                   w1 = as_int8 (convert_short16 (vload16 (2 * (size_t) k + 1, w)));                                   \
                                                                                                                       \
      VLF_PREFETCH (w + (size_t) k * VLF_PANEL * 2, VLF_AHEAD);                                                        \
      _Pragma ("unroll") for (uint i = 0; i < R; i++)                                                                  \
      {                                                                                                                \
        const vlf_vi a = ((__global const int *) x)[i * stride + k];                                                   \
        vlf_vi product;                                                                                                \
                                                                                                                       \
        VLF_DOT (product, a, w0);                                                                                      \
        sum[i][0] += product;                                                                                          \
        VLF_DOT (product, a, w1);                                                                                      \
        sum[i][1] += product;                                                                                          \
      }                                                                                                                \
    }                                                                                                                  \
    _Pragma ("unroll") for (uint i = 0; i < R; i++)                                                                    \
    {                                                                                                                  \
      tile[2 * i] = vlf_from_bits (sum[i][0]);                                                                         \
      tile[2 * i + 1] = vlf_from_bits (sum[i][1]);                                                                     \
    }                                                                                                                  \
  }
#define VLF_OFFSETS(p) ((vlf_vi) 0)
#elif VLF_INT8 == 3
#define VLF_OFFSETS(p) ((vlf_vi) 0)
#else
#if VLF_WIDTH == 16
#define VLF_DOT(sum, a, w) __asm__ ("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(w))
#else
#define VLF_DOT(sum, a, w) __asm__ ("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(w))
#endif

#define VLF_TILE_LOOP_i8(R)                                                                                            \
  void vlf_tile_i8_##R (__global const float *restrict x, const size_t stride, __global const char *restrict w,        \
                        const uint inputs, vlf_v *tile)                                                                \
  {                                                                                                                    \
    vlf_vi sum[R][2];                                                                                                  \
                                                                                                                       \
    _Pragma ("unroll") for (uint i = 0; i < R; i++) sum[i][0] = sum[i][1] = 0;                                         \
    for (uint k = 0; k < inputs / 4; k++) {                                                                            \
      const vlf_vi w0 = vlf_load_int (2 * (size_t) k, (__global const int *) w),                                       \
                   w1 = vlf_load_int (2 * (size_t) k + 1, (__global const int *) w);                                   \
                                                                                                                       \
      VLF_PREFETCH (w + (size_t) k * VLF_PANEL * 4, VLF_AHEAD);                                                        \
      if (VLF_PANEL * 4 > 64)                                                                                          \
        VLF_PREFETCH (w + (size_t) k * VLF_PANEL * 4, VLF_AHEAD + 64);                                                 \
      _Pragma ("unroll") for (uint i = 0; i < R; i++)                                                                  \
      {                                                                                                                \
        const vlf_vi a = ((__global const int *) x)[i * stride + k];                                                   \
                                                                                                                       \
        VLF_DOT (sum[i][0], a, w0);                                                                                    \
        VLF_DOT (sum[i][1], a, w1);                                                                                    \
      }                                                                                                                \
    }                                                                                                                  \
    _Pragma ("unroll") for (uint i = 0; i < R; i++)                                                                    \
    {                                                                                                                  \
      tile[2 * i] = vlf_from_bits (sum[i][0]);                                                                         \
      tile[2 * i + 1] = vlf_from_bits (sum[i][1]);                                                                     \
    }                                                                                                                  \
  }
#define VLF_OFFSETS(p) vlf_load_int (0, (__global const int *) (p))
#endif

#if VLF_INT8 != 3
VLF_TILE_LOOP_i8 (1)
VLF_TILE_LOOP_i8 (2)
VLF_TILE_LOOP_i8 (3)
VLF_TILE_LOOP_i8 (4)
VLF_TILE_LOOP_i8 (5)
VLF_TILE_LOOP_i8 (6)
#if VLF_TILE == 12
VLF_TILE_LOOP_i8 (7)
VLF_TILE_LOOP_i8 (8)
VLF_TILE_LOOP_i8 (9)
VLF_TILE_LOOP_i8 (10)
VLF_TILE_LOOP_i8 (11)
VLF_TILE_LOOP_i8 (12)
#endif
#endif

/* Sums of whole numbers in @tile to what they stand for; the @rows' scales are @stride apart. @w_scales and, @padded further, the offsets are
 * those of the panel. */
void
vlf_scale_tile (vlf_v *tile, __global const float *scales, const size_t stride, __global const float *w_scales,
                const uint padded, const uint rows)
{
  for (uint j = 0; j < 2; j++) {
    const vlf_v w_scale = vlf_load (j, w_scales);
    const vlf_vi offset = VLF_OFFSETS (w_scales + padded + j * VLF_WIDTH);

    for (uint i = 0; i < rows; i++)
      tile[2 * i + j] = vlf_to_float (vlf_bits (tile[2 * i + j]) - offset) * (w_scale * scales[i * stride]);
  }
}
#endif

#if VLF_INT8 == 3
VLF_AMX_GEMM (i8, "tdpbssd")
#else
VLF_GEMM (i8)
#endif
