/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlf_copy, vlf_mix, vlf_embed_*, vlf_normalize: bound by memory. Groups { rows, sequences }, one row each. Broadcasts are strides
 * of 0. The result shares no memory with the operands. */

#ifdef VLF_CPU
/* BODY for every vector (i counts them, V = 1) and for the columns left over (i counts columns). */
#define VLF_FOR_ROW(cols, VECTOR, SCALAR)                                                                              \
  const uint vectors = (cols) / VLF_WIDTH;                                                                             \
  for (uint i = 0; i < vectors; i++)                                                                                   \
    VECTOR;                                                                                                            \
  for (uint i = vectors * VLF_WIDTH; i < (cols); i++)                                                                  \
    SCALAR;
#else
#define VLF_FOR_ROW(cols, VECTOR, SCALAR)                                                                              \
  for (uint i = get_local_id (0); i < (cols); i += VLF_ROW_GROUP)                                                      \
    SCALAR;
#endif

VLF_ROW_KERNEL void
vlf_copy (VLF_VIEW (y), VLF_VIEW (x), const uint cols)
{
  __global float *to = VLF_ROW (y);
  __global const float *from = VLF_ROW (x);

  VLF_FOR_ROW (cols, vlf_store (vlf_load (i, from), i, to), to[i] = from[i])
}

#ifdef VLF_CPU
void
vlf_copy_row (__global float *to, __global const float *from, const uint cols)
{
  VLF_FOR_ROW (cols, vlf_store (vlf_load (i, from), i, to), to[i] = from[i])
}
#endif

void
vlf_mix_row (__global float *y, __global const float *p, __global const float *q, const float p_share,
             const float q_share, const uint cols)
{
  VLF_FOR_ROW (cols, vlf_store (p_share * vlf_load (i, p) + q_share * vlf_load (i, q), i, y),
               y[i] = p_share * p[i] + q_share * q[i])
}

VLF_ROW_KERNEL void
vlf_mix (VLF_VIEW (y), VLF_VIEW (a), VLF_VIEW (b), const float a_share, const float b_share, const uint cols)
{
  vlf_mix_row (VLF_ROW (y), VLF_ROW (a), VLF_ROW (b), a_share, b_share, cols);
}

/* table [entries, cols] of the stored type, ids [sequences, rows]; ids are inside, which the host has seen to. */
#define VLF_EMBED(TYPE)                                                                                                \
  void vlf_embed_row_##TYPE (__global float *to, __global const VLF_STORED_##TYPE *table, const ulong id,              \
                             const uint cols)                                                                          \
  {                                                                                                                    \
    __global const VLF_STORED_##TYPE *from = table + id * cols;                                                        \
                                                                                                                       \
    VLF_FOR_ROW (cols, vlf_store (VLF_VECTOR_##TYPE (i, from), i, to), to[i] = VLF_SCALAR_##TYPE (from, i))            \
  }                                                                                                                    \
                                                                                                                       \
  VLF_ROW_KERNEL void vlf_embed_##TYPE (VLF_VIEW (y), __global const VLF_STORED_##TYPE *table,                         \
                                        __global const uint *ids, const uint cols)                                     \
  {                                                                                                                    \
    vlf_embed_row_##TYPE (VLF_ROW (y), table, ids[get_group_id (1) * get_num_groups (0) + get_group_id (0)], cols);    \
  }

VLF_EMBED (f32)
VLF_EMBED (f16)
VLF_EMBED (bf16)

/* The sum of squares of a row. */
#ifdef VLF_CPU
float
vlf_row_squares (__global const float *x, uint cols)
{
  vlf_v sum = 0.0f;
  float rest = 0.0f;

  VLF_FOR_ROW (
      cols,
      {
        const vlf_v v = vlf_load (i, x);
        sum = fma (v, v, sum);
      },
      rest += x[i] * x[i])
  return vlf_sum_v (sum) + rest;
}
#endif

#ifdef VLF_CPU
void
vlf_normalize_row (__global float *to, __global const float *from, const uint cols)
{
  const float length = sqrt (vlf_row_squares (from, cols)), scale = 1.0f / (length < 1e-12f ? 1e-12f : length);

  VLF_FOR_ROW (cols, vlf_store (vlf_load (i, from) * scale, i, to), to[i] = from[i] * scale)
}

VLF_KERNEL void
vlf_normalize (VLF_VIEW (y), VLF_VIEW (x), const uint cols)
{
  vlf_normalize_row (VLF_ROW (y), VLF_ROW (x), cols);
}
#else
VLF_ROW_KERNEL void
vlf_normalize (VLF_VIEW (y), VLF_VIEW (x), const uint cols)
{
  __global float *to = VLF_ROW (y);
  __global const float *from = VLF_ROW (x);
  __local float room[VLF_ROW_GROUP];
  float own = 0.0f, squares, length, scale;

  for (uint i = get_local_id (0); i < cols; i += VLF_ROW_GROUP)
    own += from[i] * from[i];
  squares = vlf_group_sum (own, room);
  length = sqrt (squares);
  scale = 1.0f / (length < 1e-12f ? 1e-12f : length);
  VLF_FOR_ROW (cols, , to[i] = from[i] * scale)
}
#endif
