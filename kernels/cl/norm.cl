/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlf_norm, vlf_add_norm: layer normalisation of x, or of x + z. Groups { rows, sequences }, one row each. The row is put into the
 * result first and stays in the first-level cache for the two sums and the scaling; two sums, as a single one of squares cancels. */

#ifdef VLF_CPU
void
vlf_norm_row (__global float *y, __global const float *weight, __global const float *bias, float eps, uint cols)
{
  vlf_v sum = 0.0f, squares = 0.0f;
  float rest = 0.0f, mean, scale;

  {
    VLF_FOR_ROW (cols, sum += vlf_load (i, y), rest += y[i])
  }
  mean = (vlf_sum_v (sum) + rest) / (float) cols;
  rest = 0.0f;
  {
    VLF_FOR_ROW (
        cols,
        {
          const vlf_v d = vlf_load (i, y) - mean;
          squares = fma (d, d, squares);
        },
        rest += (y[i] - mean) * (y[i] - mean))
  }
  scale = 1.0f / sqrt ((vlf_sum_v (squares) + rest) / (float) cols + eps);
  VLF_FOR_ROW (cols, vlf_store (fma ((vlf_load (i, y) - mean) * scale, vlf_load (i, weight), vlf_load (i, bias)), i, y),
               y[i] = fma ((y[i] - mean) * scale, weight[i], bias[i]))
}
#define VLF_NORM_ROOM
#define VLF_NORM_ROW(y) vlf_norm_row (y, weight + weight_offset, bias + bias_offset, eps, cols)
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
#define VLF_NORM_ROOM __local float room[VLF_ROW_GROUP];
#define VLF_NORM_ROW(y) vlf_norm_row (y, weight + weight_offset, bias + bias_offset, eps, cols, room)
#endif

VLF_ROW_KERNEL void
vlf_norm (VLF_VIEW (y), VLF_VIEW (x), __global const float *weight, const ulong weight_offset,
          __global const float *bias, const ulong bias_offset, const float eps, const uint cols)
{
  VLF_NORM_ROOM
  __global float *to = VLF_ROW (y);
  __global const float *from = VLF_ROW (x);

  {
    VLF_FOR_ROW (cols, vlf_store (vlf_load (i, from), i, to), to[i] = from[i])
  }
  VLF_NORM_ROW (to);
}

VLF_ROW_KERNEL void
vlf_add_norm (VLF_VIEW (y), VLF_VIEW (x), VLF_VIEW (z), __global const float *weight, const ulong weight_offset,
              __global const float *bias, const ulong bias_offset, const float eps, const uint cols)
{
  VLF_NORM_ROOM
  __global float *to = VLF_ROW (y);
  __global const float *p = VLF_ROW (x), *q = VLF_ROW (z);

  {
    VLF_FOR_ROW (cols, vlf_store (vlf_load (i, p) + vlf_load (i, q), i, to), to[i] = p[i] + q[i])
  }
  VLF_NORM_ROW (to);
}
