/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlf_mean_heads, vlf_product: what becomes of attention maps. Groups { rows, sequences }, one row of the result each. */

/* y: the mean of @heads rows of x, which are a batch_stride apart. */
VLF_ROW_KERNEL void
vlf_mean_heads (VLF_VIEW (y), VLF_VIEW (x), const uint heads, const uint cols)
{
  __global float *to = VLF_ROW (y);
  __global const float *from = x + x_offset + get_group_id (1) * heads * x_batch_stride + get_group_id (0) * (ulong) x_stride;
  const float share = 1.0f / heads;

  for (uint h = 0; h < heads; h++, from += x_batch_stride) {
    VLF_FOR_ROW (cols, vlf_store ((h ? vlf_load (i, to) : (vlf_v) 0.0f) + share * vlf_load (i, from), i, to),
                 to[i] = (h ? to[i] : 0.0f) + share * from[i])
  }
}

/* y [rows, cols] = a [rows, inner] b [inner, cols]. On processors whole vectors are written, pads of the result included. */
VLF_ROW_KERNEL void
vlf_product (VLF_VIEW (y), VLF_VIEW (a), VLF_VIEW (b), const uint inner, const uint cols)
{
  __global float *to = VLF_ROW (y);
  __global const float *row = VLF_ROW (a), *of = b + b_offset + get_group_id (1) * b_batch_stride;
#ifdef VLF_CPU
  const uint vectors = (cols + VLF_WIDTH - 1) / VLF_WIDTH;

  for (uint c = 0; c < vectors; c += 2) {
    const uint next = min (c + 1, vectors - 1);
    vlf_v left = 0.0f, right = 0.0f;

    for (uint k = 0; k < inner; k++) {
      left = fma ((vlf_v) row[k], vlf_load (c, of + k * (ulong) b_stride), left);
      right = fma ((vlf_v) row[k], vlf_load (next, of + k * (ulong) b_stride), right);
    }
    vlf_store (right, next, to);
    vlf_store (left, c, to);
  }
#else
  for (uint c = get_local_id (0); c < cols; c += VLF_ROW_GROUP) {
    float sum = 0.0f;

    for (uint k = 0; k < inner; k++)
      sum = mad (row[k], of[k * (ulong) b_stride + c], sum);
    to[c] = sum;
  }
#endif
}
