/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Products of bf16 numbers, summed in f32: vlf_gemm_pair. Rows of x are rounded to bf16 when they are needed, to nearest, to even where it
 * lies between two. Weights [n / P, k / 2, P, 2], two factors of an output side by side, k padded to a multiple of 2 with zeros.
 * Only built after a probe has shown that it is right and pays, see tier.h. VLF_BF16 1: AVX512_BF16; 2: AMX, see amx.cl. */
#if defined(VLF_CPU) && VLF_BF16 && VLF_WIDTH == 16

/* 16 floats as bf16, in the lower half of each element; a NaN stays one. */
uint16
vlf_round_bf16 (const float16 x)
{
  const uint16 bits = as_uint16 (x);
  const uint16 rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;

  return select (rounded, (uint16) 0x7fc0, isnan (x));
}

typedef struct __attribute__ ((packed, aligned (2))) {
  ushort16 x;
} VlfShorts;

void
vlf_round_row (__global ushort *to, __global const float *from, const uint cols, const uint padded)
{
  uint i = 0;

  for (; i + 16 <= cols; i += 16)
    ((__global VlfShorts *) (to + i))->x = convert_ushort16 (vlf_round_bf16 (vload16 (0, from + i)));
  for (; i < cols; i++)
    to[i] = vlf_round_bf16 ((float16) from[i]).s0;
  for (; i < padded; i++)
    to[i] = 0;
}

#if VLF_BF16 == 1
/* A row [k] of x to q, padded with zeros to [padded] bf16. Groups { rows }. */
VLF_KERNEL void
vlf_round (__global float *q, const ulong q_offset, const uint q_stride, __global const float *x, const ulong x_offset,
           const uint x_stride, const uint cols, const uint padded)
{
  vlf_round_row ((__global ushort *) (q + q_offset + get_group_id (0) * (ulong) q_stride),
                 x + x_offset + get_group_id (0) * (ulong) x_stride, cols, padded);
}

#define VLF_DOT_BF16(sum, a, w) __asm__ ("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(w))

/* R rows of pairs times one panel: tile [R, 2] = sums. */
#define VLF_TILE_LOOP_pair(R)                                                                                           \
  void vlf_tile_pair_##R (__global const float *restrict x, const size_t stride, __global const ushort *restrict w,     \
                         const uint inputs, vlf_v *tile)                                                               \
  {                                                                                                                    \
    vlf_v sum[R][2];                                                                                                   \
                                                                                                                       \
    _Pragma ("unroll") for (uint i = 0; i < R; i++) sum[i][0] = sum[i][1] = 0.0f;                                      \
    for (uint k = 0; k < inputs / 2; k++) {                                                                            \
      const vlf_v w0 = vlf_load (2 * (size_t) k, (__global const float *) w),                                          \
                  w1 = vlf_load (2 * (size_t) k + 1, (__global const float *) w);                                      \
                                                                                                                       \
      VLF_PREFETCH (w + (size_t) k * VLF_PANEL * 2, VLF_AHEAD);                                                        \
      VLF_PREFETCH (w + (size_t) k * VLF_PANEL * 2, VLF_AHEAD + 64);                                                   \
      _Pragma ("unroll") for (uint i = 0; i < R; i++)                                                                  \
      {                                                                                                                \
        const vlf_v a = x[i * stride + k];                                                                             \
                                                                                                                       \
        VLF_DOT_BF16 (sum[i][0], a, w0);                                                                               \
        VLF_DOT_BF16 (sum[i][1], a, w1);                                                                               \
      }                                                                                                                \
    }                                                                                                                  \
    _Pragma ("unroll") for (uint i = 0; i < R; i++)                                                                    \
    {                                                                                                                  \
      tile[2 * i] = sum[i][0];                                                                                         \
      tile[2 * i + 1] = sum[i][1];                                                                                     \
    }                                                                                                                  \
  }

VLF_TILE_LOOP_pair (1)
VLF_TILE_LOOP_pair (2)
VLF_TILE_LOOP_pair (3)
VLF_TILE_LOOP_pair (4)
VLF_TILE_LOOP_pair (5)
VLF_TILE_LOOP_pair (6)
VLF_TILE_LOOP_pair (7)
VLF_TILE_LOOP_pair (8)
VLF_TILE_LOOP_pair (9)
VLF_TILE_LOOP_pair (10)
VLF_TILE_LOOP_pair (11)
VLF_TILE_LOOP_pair (12)

#define VLF_STORED_pair ushort
#define VLF_SCALE_pair(tile, scales, w_scales, padded, rows)

VLF_GEMM (pair)
#else
/* A row [k] of x to its places in the tiles of q, padded with zeros to [padded] bf16. Groups { rows }. */
VLF_KERNEL void
vlf_round (__global float *q, const ulong q_offset, const uint q_stride, __global const float *x, const ulong x_offset,
           const uint x_stride, const uint cols, const uint padded)
{
  const uint row = get_group_id (0);
  __global ushort *to = (__global ushort *) (q + q_offset) + VLF_IN_TILES (row, 2 * (ulong) padded) / 2;

  x += x_offset + row * (ulong) x_stride;
  for (uint k = 0; k < padded; k += 32)
    vlf_round_row (to + (ulong) k * 16, x + k, k < cols ? min (cols - k, 32u) : 0, 32);
}

#define VLF_STORED_pair ushort
#define VLF_SCALE_pair(tile, scales, w_scales, padded, rows)

VLF_AMX_GEMM (pair, "tdpbf16ps")
#endif
#endif
