/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlf_gather, vlf_scatter, vlf_distances: bound by memory. Groups { rows, sequences }, one row each. The host has seen to it that the
 * numbers of rows are inside. */

/* As VLF_ROW, of the row that rows[] names. */
#define VLF_NAMED_ROW(x)                                                                                               \
  (x + x##_offset + get_group_id (1) * x##_batch_stride + rows[get_group_id (0)] * (ulong) x##_stride)

/* y's row i is x's row rows[i]. */
VLF_ROW_KERNEL void
vlf_gather (VLF_VIEW (y), VLF_VIEW (x), __global const uint *rows, const uint cols)
{
  __global float *to = VLF_ROW (y);
  __global const float *from = VLF_NAMED_ROW (x);

  VLF_FOR_ROW (cols, vlf_store (vlf_load (i, from), i, to), to[i] = from[i])
}

/* x's row i becomes y's row rows[i]. */
VLF_ROW_KERNEL void
vlf_scatter (VLF_VIEW (y), VLF_VIEW (x), __global const uint *rows, const uint cols)
{
  __global float *to = VLF_NAMED_ROW (y);
  __global const float *from = VLF_ROW (x);

  VLF_FOR_ROW (cols, vlf_store (vlf_load (i, from), i, to), to[i] = from[i])
}

/* y [1, rows] of each sequence: the mean of (a - b)^2 over a row. */
VLF_ROW_KERNEL void
vlf_distances (VLF_VIEW (y), VLF_VIEW (a), VLF_VIEW (b), const uint cols)
{
  __global float *to = y + y_offset + get_group_id (1) * y_batch_stride;
  __global const float *p = VLF_ROW (a), *q = VLF_ROW (b);
  float rest = 0.0f;
#ifdef VLF_CPU
  vlf_v sum = 0.0f;

  VLF_FOR_ROW (
      cols,
      {
        const vlf_v d = vlf_load (i, p) - vlf_load (i, q);
        sum = fma (d, d, sum);
      },
      rest += (p[i] - q[i]) * (p[i] - q[i]))
  to[get_group_id (0)] = (vlf_sum_v (sum) + rest) / cols;
#else
  __local float room[VLF_ROW_GROUP];

  VLF_FOR_ROW (cols, , rest += (p[i] - q[i]) * (p[i] - q[i]))
  rest = vlf_group_sum (rest, room);
  if (get_local_id (0) == 0)
    to[get_group_id (0)] = rest / cols;
#endif
}
