/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlf_norm, vlf_add_norm: layer normalisation of x, or of x + z. Groups { rows, sequences }, one row each. The row is put into the
 * result first and stays in the first-level cache for the two sums and the scaling; two sums, as a single one of squares cancels. */

#ifdef VLF_CPU
#define EACH_ROW    _Pragma ("unroll") for (uint r = 0; r < ROWS; r++)
#define EACH_VECTOR for (uint i = 0; i < vectors; i++)
#define EACH_OTHER  for (uint i = vectors * VLF_WIDTH; i < cols; i++)

/* N rows side by side, since each of their sums waits for itself: y = norm (x), or norm (x + z) where z is not null. */
#define NORM_ROWS(N)                                                                                                   \
  void vlf_norm_rows_##N (__global float *y, const size_t y_stride, __global const float *x, const size_t x_stride,    \
                          __global const float *z, const size_t z_stride, __global const float *weight,                \
                          __global const float *bias, const float eps, const uint cols)                                \
  {                                                                                                                    \
    enum { ROWS = N };                                                                                                 \
    const uint vectors = cols / VLF_WIDTH;                                                                             \
    vlf_v sum[ROWS], squares[ROWS];                                                                                    \
    float rest[ROWS], mean[ROWS], scale[ROWS];                                                                         \
                                                                                                                       \
    EACH_ROW                                                                                                           \
    {                                                                                                                  \
      sum[r] = squares[r] = 0.0f;                                                                                      \
      rest[r] = 0.0f;                                                                                                  \
    }                                                                                                                  \
    EACH_VECTOR EACH_ROW                                                                                               \
    {                                                                                                                  \
      vlf_v t = vlf_load (i, x + r * x_stride);                                                                        \
                                                                                                                       \
      if (z)                                                                                                           \
        t += vlf_load (i, z + r * z_stride);                                                                           \
      vlf_store (t, i, y + r * y_stride);                                                                              \
      sum[r] += t;                                                                                                     \
    }                                                                                                                  \
    EACH_OTHER EACH_ROW                                                                                                \
    {                                                                                                                  \
      const float t = x[r * x_stride + i] + (z ? z[r * z_stride + i] : 0.0f);                                          \
                                                                                                                       \
      y[r * y_stride + i] = t;                                                                                         \
      rest[r] += t;                                                                                                    \
    }                                                                                                                  \
    EACH_ROW                                                                                                           \
    {                                                                                                                  \
      mean[r] = (vlf_sum_v (sum[r]) + rest[r]) / (float) cols;                                                         \
      rest[r] = 0.0f;                                                                                                  \
    }                                                                                                                  \
    EACH_VECTOR EACH_ROW                                                                                               \
    {                                                                                                                  \
      const vlf_v d = vlf_load (i, y + r * y_stride) - mean[r];                                                        \
                                                                                                                       \
      squares[r] = fma (d, d, squares[r]);                                                                             \
    }                                                                                                                  \
    EACH_OTHER EACH_ROW                                                                                                \
    {                                                                                                                  \
      const float d = y[r * y_stride + i] - mean[r];                                                                   \
                                                                                                                       \
      rest[r] = fma (d, d, rest[r]);                                                                                   \
    }                                                                                                                  \
    EACH_ROW scale[r] = 1.0f / sqrt ((vlf_sum_v (squares[r]) + rest[r]) / (float) cols + eps);                         \
    EACH_VECTOR                                                                                                        \
    {                                                                                                                  \
      const vlf_v w = vlf_load (i, weight), b = vlf_load (i, bias);                                                    \
                                                                                                                       \
      EACH_ROW vlf_store (fma ((vlf_load (i, y + r * y_stride) - mean[r]) * scale[r], w, b), i, y + r * y_stride);     \
    }                                                                                                                  \
    EACH_OTHER EACH_ROW y[r * y_stride + i] = fma ((y[r * y_stride + i] - mean[r]) * scale[r], weight[i], bias[i]);    \
  }

NORM_ROWS (1)
NORM_ROWS (4)
#undef EACH_ROW
#undef EACH_VECTOR
#undef EACH_OTHER
#undef NORM_ROWS

VLF_KERNEL void
vlf_norm (VLF_VIEW (y), VLF_VIEW (x), __global const float *weight, const ulong weight_offset,
          __global const float *bias, const ulong bias_offset, const float eps, const uint cols)
{
  vlf_norm_rows_1 (VLF_ROW (y), 0, VLF_ROW (x), 0, 0, 0, weight + weight_offset, bias + bias_offset, eps, cols);
}

VLF_KERNEL void
vlf_add_norm (VLF_VIEW (y), VLF_VIEW (x), VLF_VIEW (z), __global const float *weight, const ulong weight_offset,
              __global const float *bias, const ulong bias_offset, const float eps, const uint cols)
{
  vlf_norm_rows_1 (VLF_ROW (y), 0, VLF_ROW (x), 0, VLF_ROW (z), 0, weight + weight_offset, bias + bias_offset, eps, cols);
}
#else
void
vlf_norm_row (__global float *y, __global const float *weight, __global const float *bias, float eps, uint cols,
              __local float *room)
{
  float sum = 0.0f, squares = 0.0f, mean, scale;

  for (uint i = get_local_id (0); i < cols; i += VLF_ROW_GROUP)
    sum += y[i];
  mean = vlf_group_sum (sum, room) / (float) cols;
  for (uint i = get_local_id (0); i < cols; i += VLF_ROW_GROUP)
    squares += (y[i] - mean) * (y[i] - mean);
  scale = 1.0f / sqrt (vlf_group_sum (squares, room) / (float) cols + eps);
  for (uint i = get_local_id (0); i < cols; i += VLF_ROW_GROUP)
    y[i] = mad ((y[i] - mean) * scale, weight[i], bias[i]);
}
/* Every work-item reads back only what it wrote itself, so that the row needs no barrier. */

VLF_ROW_KERNEL void
vlf_norm (VLF_VIEW (y), VLF_VIEW (x), __global const float *weight, const ulong weight_offset,
          __global const float *bias, const ulong bias_offset, const float eps, const uint cols)
{
  __local float room[VLF_ROW_GROUP];
  __global float *to = VLF_ROW (y);
  __global const float *from = VLF_ROW (x);

  {
    VLF_FOR_ROW (cols, vlf_store (vlf_load (i, from), i, to), to[i] = from[i])
  }
  vlf_norm_row (to, weight + weight_offset, bias + bias_offset, eps, cols, room);
}

VLF_ROW_KERNEL void
vlf_add_norm (VLF_VIEW (y), VLF_VIEW (x), VLF_VIEW (z), __global const float *weight, const ulong weight_offset,
              __global const float *bias, const ulong bias_offset, const float eps, const uint cols)
{
  __local float room[VLF_ROW_GROUP];
  __global float *to = VLF_ROW (y);
  __global const float *p = VLF_ROW (x), *q = VLF_ROW (z);

  {
    VLF_FOR_ROW (cols, vlf_store (vlf_load (i, p) + vlf_load (i, q), i, to), to[i] = p[i] + q[i])
  }
  vlf_norm_row (to, weight + weight_offset, bias + bias_offset, eps, cols, room);
}
#endif
