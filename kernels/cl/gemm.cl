/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlf_gemm_{f32,f16,bf16}, and _i8 by int8.cl: y [m, n] = act (x [m, k] w^T + bias) + residual, sums in f32. w comes in panels [n / P, k, P] of its stored
 * type, zeros beyond n; bias is padded alike; y's first column is output number begin, a multiple of P; residual may be null. y's rows
 * are aligned and padded to whole panels, and the padding is written. scales, padded: for i8.
 *
 * CPU family: groups { row tiles, panels } of one work-item; P = 2 vectors. The fast dimension is the row tile, so that a thread finds
 * its panel in the second-level cache. Tiles are at most VLF_TILE rows high and as equal as they can be; every height has a loop of
 * its own, without a test inside and without touching a row that is not there.
 * GPU family: groups { m / 64, n / 64 } of 16 x 16 work-items, P = 32; each has 4 x 4 results. Steps of 16 columns of x go through
 * 8.25 KiB of local memory, read four numbers at a time; what is outside reads as 0. */

/* The parameters of every product of rows and a weight whose numbers are of type STORED. */
#define VLF_PRODUCT(STORED)                                                                                            \
  __global float *y, const ulong y_offset, const uint y_stride, __global const float *x, const ulong x_offset,         \
      const uint x_stride, __global const STORED *w, __global const float *bias, const uint begin,                     \
      __global const float *residual, const ulong residual_offset, const uint residual_stride,                         \
      __global const float *scales, const ulong scales_offset, const uint padded, const uint rows, const uint cols,    \
      const uint inputs, const int act

#ifdef VLF_CPU

/* As many accumulators as fit into the registers: 24 of 32 vectors of 16, 12 of 16 vectors of 8. */
#if VLF_WIDTH == 16
#define VLF_TILE 12
#else
#define VLF_TILE 6
#endif
#define VLF_PANEL (2 * VLF_WIDTH)

/* Weights come from memory once a frame, and with few rows the processor's own look-ahead does not keep up: they are asked for this many
 * bytes before they are needed. Beyond the end that reads nothing. */
#define VLF_AHEAD 8192
#if defined(__has_builtin)
#if __has_builtin(__builtin_prefetch)
#define VLF_PREFETCH(p, bytes) __builtin_prefetch ((__private const char *) ((size_t) (p) + (bytes)))
#endif
#endif
#ifndef VLF_PREFETCH
#define VLF_PREFETCH(p, bytes)
#endif

/* R rows of x times one panel: tile [R, 2] = sums. */
#define VLF_TILE_LOOP(TYPE, R)                                                                                         \
  void vlf_tile_##TYPE##_##R (__global const float *restrict x, const size_t stride,                                   \
                              __global const VLF_STORED_##TYPE *restrict w, const uint inputs, vlf_v *tile)            \
  {                                                                                                                    \
    vlf_v sum[R][2];                                                                                                   \
                                                                                                                       \
    _Pragma ("unroll") for (uint i = 0; i < R; i++) sum[i][0] = sum[i][1] = 0.0f;                                      \
    for (uint k = 0; k < inputs; k++) {                                                                                \
      const vlf_v w0 = VLF_VECTOR_##TYPE (2 * (size_t) k, w), w1 = VLF_VECTOR_##TYPE (2 * (size_t) k + 1, w);          \
      VLF_PREFETCH (w + (size_t) k * VLF_PANEL, VLF_AHEAD);                                                            \
      if (sizeof (VLF_STORED_##TYPE) * VLF_PANEL > 64)                                                                 \
        VLF_PREFETCH (w + (size_t) k * VLF_PANEL, VLF_AHEAD + 64);                                                     \
                                                                                                                       \
      _Pragma ("unroll") for (uint i = 0; i < R; i++)                                                                  \
      {                                                                                                                \
        const vlf_v a = x[i * stride + k];                                                                             \
                                                                                                                       \
        sum[i][0] = fma (a, w0, sum[i][0]);                                                                            \
        sum[i][1] = fma (a, w1, sum[i][1]);                                                                            \
      }                                                                                                                \
    }                                                                                                                  \
    _Pragma ("unroll") for (uint i = 0; i < R; i++)                                                                    \
    {                                                                                                                  \
      tile[2 * i] = sum[i][0];                                                                                         \
      tile[2 * i + 1] = sum[i][1];                                                                                     \
    }                                                                                                                  \
  }

#define VLF_TILE_LOOPS_6(TYPE)                                                                                         \
  VLF_TILE_LOOP (TYPE, 1)                                                                                              \
  VLF_TILE_LOOP (TYPE, 2)                                                                                              \
  VLF_TILE_LOOP (TYPE, 3)                                                                                              \
  VLF_TILE_LOOP (TYPE, 4)                                                                                              \
  VLF_TILE_LOOP (TYPE, 5)                                                                                              \
  VLF_TILE_LOOP (TYPE, 6)
#define VLF_CASE(TYPE, R)                                                                                              \
  case R: vlf_tile_##TYPE##_##R (x, stride, w, inputs, tile); break;
#define VLF_CASES_6(TYPE)                                                                                              \
  VLF_CASE (TYPE, 1)                                                                                                   \
  VLF_CASE (TYPE, 2)                                                                                                   \
  VLF_CASE (TYPE, 3)                                                                                                   \
  VLF_CASE (TYPE, 4)                                                                                                   \
  VLF_CASE (TYPE, 5)                                                                                                   \
  VLF_CASE (TYPE, 6)

#if VLF_TILE == 12
#define VLF_TILE_LOOPS(TYPE)                                                                                           \
  VLF_TILE_LOOPS_6 (TYPE)                                                                                              \
  VLF_TILE_LOOP (TYPE, 7)                                                                                              \
  VLF_TILE_LOOP (TYPE, 8)                                                                                              \
  VLF_TILE_LOOP (TYPE, 9)                                                                                              \
  VLF_TILE_LOOP (TYPE, 10)                                                                                             \
  VLF_TILE_LOOP (TYPE, 11)                                                                                             \
  VLF_TILE_LOOP (TYPE, 12)
#define VLF_CASES(TYPE)                                                                                                \
  VLF_CASES_6 (TYPE)                                                                                                   \
  VLF_CASE (TYPE, 7)                                                                                                   \
  VLF_CASE (TYPE, 8)                                                                                                   \
  VLF_CASE (TYPE, 9)                                                                                                   \
  VLF_CASE (TYPE, 10)                                                                                                  \
  VLF_CASE (TYPE, 11)                                                                                                  \
  VLF_CASE (TYPE, 12)
#else
#define VLF_TILE_LOOPS(TYPE) VLF_TILE_LOOPS_6 (TYPE)
#define VLF_CASES(TYPE) VLF_CASES_6 (TYPE)
#endif

/* What follows the sums, on a tile that is still in the first-level cache: a loop for each activation that models have many of. */
#define VLF_FINISH(ACTIVATE)                                                                                           \
  for (uint i = 0; i < rows; i++) {                                                                                    \
    vlf_v y0 = ACTIVATE (tile[2 * i] + bias0), y1 = ACTIVATE (tile[2 * i + 1] + bias1);                                \
                                                                                                                       \
    if (residual) {                                                                                                    \
      y0 += vlf_load (0, residual + i * residual_stride);                                                              \
      y1 += vlf_load (1, residual + i * residual_stride);                                                              \
    }                                                                                                                  \
    vlf_store (y0, 0, y + i * y_stride);                                                                               \
    vlf_store (y1, 1, y + i * y_stride);                                                                               \
  }
#define VLF_AS_IT_IS(x) (x)
#define VLF_ACTIVATED(x) vlf_activate_v (x, act)
void
vlf_finish_tile (__global float *y, const size_t y_stride, __global const float *bias, __global const float *residual,
                 const size_t residual_stride, const vlf_v *tile, const uint rows, const int act)
{
  const vlf_v bias0 = vlf_load (0, bias), bias1 = vlf_load (1, bias);

  switch (act) {
  case VLF_NONE: VLF_FINISH (VLF_AS_IT_IS) break;
  case VLF_GELU: VLF_FINISH (vlf_gelu_v) break;
  case VLF_QUICK_GELU: VLF_FINISH (vlf_quick_gelu_v) break;
  default: VLF_FINISH (VLF_ACTIVATED) break;
  }
}
#undef VLF_FINISH
#undef VLF_AS_IT_IS
#undef VLF_ACTIVATED

/* What makes numbers of sums that are none yet. */
#define VLF_SCALE_f32(tile, scales, w_scales, padded, rows)
#define VLF_SCALE_f16(tile, scales, w_scales, padded, rows)
#define VLF_SCALE_bf16(tile, scales, w_scales, padded, rows)
#define VLF_SCALE_i8(tile, scales, w_scales, padded, rows) vlf_scale_tile (tile, scales, 1, w_scales, padded, rows);

VLF_TILE_LOOPS (f32)
VLF_TILE_LOOPS (f16)
VLF_TILE_LOOPS (bf16)

#define VLF_GEMM(TYPE)                                                                                                 \
  VLF_KERNEL void vlf_gemm_##TYPE (VLF_PRODUCT (VLF_STORED_##TYPE))                                                    \
  {                                                                                                                    \
    const uint tiles = get_num_groups (0), t = get_group_id (0), height = rows / tiles, more = rows % tiles;           \
    const size_t first = (size_t) t * height + min (t, more), column = get_group_id (1) * VLF_PANEL;                   \
    const size_t stride = x_stride;                                                                                    \
    const uint n = height + (t < more);                                                                                \
    vlf_v tile[2 * VLF_TILE];                                                                                          \
                                                                                                                       \
    x += x_offset + first * stride;                                                                                    \
    w += (begin + column) * inputs;                                                                                    \
    switch (n) {                                                                                                       \
      VLF_CASES (TYPE)                                                                                                 \
    }                                                                                                                  \
    VLF_SCALE_##TYPE (tile, scales + scales_offset + first, bias + padded + begin + column, padded, n)                 \
    if (residual)                                                                                                      \
      residual += residual_offset + first * residual_stride + column;                                                  \
    vlf_finish_tile (y + y_offset + first * y_stride + column, y_stride, bias + begin + column, residual,              \
                     residual_stride, tile, n, act);                                                                   \
  }

#else

#define VLF_TILE 64
#define VLF_STEP 16
#define VLF_SIDE 16
#define VLF_PANEL 32

/* Arrays stay in registers only where every loop over them is unrolled. */
#define VLF_EACH(i) _Pragma ("unroll") for (uint i = 0; i < 4; i++)

/* Sums of i8 go from floats to ints while they are exact, every 1024 products; other sums stay where they are. */
#define VLF_TOTALS_i8 int total[4][4] = { { 0 } };
#define VLF_ADD_UP_i8(k0)                                                                                              \
  if (((k0) + VLF_STEP) % 1024 == 0 || (k0) + VLF_STEP >= inputs)                                                      \
    VLF_EACH (i) VLF_EACH (j)                                                                                          \
    {                                                                                                                  \
      total[i][j] += (int) sum[i][j];                                                                                  \
      sum[i][j] = 0.0f;                                                                                                \
    }
#define VLF_NUMBER_i8(i, j) ((float) total[i][j] * (bias[padded + begin + col] * scales[scales_offset + row]))
#define VLF_TOTALS_f32
#define VLF_ADD_UP_f32(k0)
#define VLF_NUMBER_f32(i, j) sum[i][j]
#define VLF_TOTALS_f16
#define VLF_ADD_UP_f16(k0)
#define VLF_NUMBER_f16(i, j) sum[i][j]
#define VLF_TOTALS_bf16
#define VLF_ADD_UP_bf16(k0)
#define VLF_NUMBER_bf16(i, j) sum[i][j]

/* What this work-item brings to the step from column @k0 on: read while the step before is multiplied. */
#define VLF_FETCH(TYPE, k0)                                                                                            \
  VLF_EACH (i)                                                                                                         \
  {                                                                                                                    \
    const uint k = (k0) + id % VLF_STEP, r = row0 + id / VLF_STEP + i * VLF_SIDE, wk = (k0) + id / VLF_TILE + 4 * i;   \
                                                                                                                       \
    next_x[i] = k < inputs && r < rows ? x[(ulong) r * x_stride + k] : 0.0f;                                           \
    next_w[i] = wk < inputs && w_col < panels ? VLF_SCALAR_##TYPE (w, (ulong) wk * VLF_PANEL) : 0.0f;                  \
  }

#define VLF_GEMM(TYPE)                                                                                                 \
  __kernel __attribute__ ((reqd_work_group_size (VLF_SIDE, VLF_SIDE, 1))) void vlf_gemm_##TYPE (                       \
      VLF_PRODUCT (VLF_STORED_##TYPE))                                                                                 \
  {                                                                                                                    \
    __local float4 xs[VLF_STEP][VLF_TILE / 4 + 1], ws[VLF_STEP][VLF_TILE / 4];                                         \
    const uint lx = get_local_id (0), ly = get_local_id (1), id = ly * VLF_SIDE + lx;                                  \
    const uint row0 = get_group_id (0) * VLF_TILE, col0 = get_group_id (1) * VLF_TILE;                                 \
    const uint w_col = col0 + id % VLF_TILE, panels = (cols + VLF_PANEL - 1) / VLF_PANEL * VLF_PANEL;                  \
    float sum[4][4], next_x[4], next_w[4];                                                                             \
    VLF_TOTALS_##TYPE                                                                                                  \
                                                                                                                       \
    x += x_offset;                                                                                                     \
    w += (ulong) ((begin + w_col) / VLF_PANEL) * inputs * VLF_PANEL + w_col % VLF_PANEL;                               \
    VLF_EACH (i) VLF_EACH (j) sum[i][j] = 0.0f;                                                                        \
    VLF_FETCH (TYPE, 0)                                                                                                \
                                                                                                                       \
    for (uint k0 = 0; k0 < inputs; k0 += VLF_STEP) {                                                                   \
      VLF_EACH (i)                                                                                                     \
      {                                                                                                                \
        ((__local float *) xs[id % VLF_STEP])[id / VLF_STEP + i * VLF_SIDE] = next_x[i];                               \
        ((__local float *) ws[id / VLF_TILE + 4 * i])[id % VLF_TILE] = next_w[i];                                      \
      }                                                                                                                \
      barrier (CLK_LOCAL_MEM_FENCE);                                                                                   \
      VLF_FETCH (TYPE, k0 + VLF_STEP)                                                                                  \
      for (uint k = 0; k < VLF_STEP; k++) {                                                                            \
        const float4 a4 = xs[k][ly], b4 = ws[k][lx];                                                                   \
        const float a[4] = { a4.x, a4.y, a4.z, a4.w }, b[4] = { b4.x, b4.y, b4.z, b4.w };                              \
                                                                                                                       \
        VLF_EACH (i) VLF_EACH (j) sum[i][j] = mad (a[i], b[j], sum[i][j]);                                             \
      }                                                                                                                \
      barrier (CLK_LOCAL_MEM_FENCE);                                                                                   \
      VLF_ADD_UP_##TYPE (k0)                                                                                           \
    }                                                                                                                  \
    VLF_EACH (i)                                                                                                       \
    {                                                                                                                  \
      const uint row = row0 + ly * 4 + i;                                                                              \
                                                                                                                       \
      VLF_EACH (j)                                                                                                     \
      {                                                                                                                \
        const uint col = col0 + lx * 4 + j;                                                                            \
                                                                                                                       \
        if (row < rows && col < cols) {                                                                                \
          float r = vlf_activate (VLF_NUMBER_##TYPE (i, j) + bias[begin + col], act);                                  \
                                                                                                                       \
          if (residual)                                                                                                \
            r += residual[residual_offset + (ulong) row * residual_stride + col];                                      \
          y[y_offset + (ulong) row * y_stride + col] = r;                                                              \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
  }

#endif

VLF_GEMM (f32)
VLF_GEMM (f16)
VLF_GEMM (bf16)
