/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bi_attention: one matrix of scores for both directions. vlf_bi_scores writes the scores of @n rows with @m others, and the same turned
 * over, and the largest of each work-group; vlf_largest finds the largest of all; vlf_attend_scores, launched once for each direction,
 * makes rows of scores probabilities, in place, and takes the values. Scores are in units of ln 2. Between attention.cl and
 * attention_top.cl, whose names it shares. */

/* Scores further than this below the largest of all count as this far. Source: transformers, GroundingDinoBiMultiHeadAttention, which
 * clamps what is left of scores after the largest is taken off. */
#define DEEPEST (50000.0f * LOG2E)

#ifdef VLF_CPU

/* Groups { parts, heads, sequences }; @room: a packed head for each. @s [heads sequences, n, m], @t [heads sequences, m, n], @largest
 * [heads sequences parts]. */
VLF_KERNEL void
vlf_bi_scores (VLF_VIEW (q), VLF_VIEW (k), VLF_VIEW (room), VLF_VIEW (s), VLF_VIEW (t), __global float *largest,
               const ulong largest_offset, const uint n, const uint m, const uint d, const float scale,
               const uint block)
{
  const uint part = get_global_id (0), parts = get_global_size (0), head = get_global_id (1);
  const uint sequence = get_global_id (2), tiles = (n + ROWS - 1) / ROWS;
  const ulong head_of_all = sequence * get_global_size (1) + head, item = head_of_all * parts + part;
  __global float *kt = room + room_offset + item * room_batch_stride;
  float scores[ROWS * KEYS], top = REMOVED;
  vlf_v most[ROWS];
  VlfQueries b = { .m = m, .d = d, .rows = ROWS, .limit = (int) m, .scale = scale };

  vlf_pack_keys (k + k_offset + sequence * k_batch_stride + head * d, k_stride, kt, m, d);
  for (uint tile = tiles * part / parts; tile < tiles * (part + 1) / parts; tile++) {
    const uint q0 = tile * ROWS, rows = min (n - q0, (uint) ROWS);

    for (uint i = 0; i < ROWS; i++)
      b.q[i] = q + q_offset + sequence * q_batch_stride + (ulong) (q0 + min (i, rows - 1)) * q_stride + head * d;
    for (uint first = 0; first < m; first += block) {
      const uint keys = min (block, m - first);

      vlf_score_block (&b, kt + (ulong) first * d, first, (keys + W - 1) / W, scores, most);
      for (uint i = 0; i < rows; i++) {
        __global float *row = s + s_offset + head_of_all * s_batch_stride + (ulong) (q0 + i) * s_stride + first;
        __global float *column = t + t_offset + head_of_all * t_batch_stride + (ulong) first * t_stride + q0 + i;

        top = fmax (top, vlf_max_v (most[i]));
        for (uint j = 0; j < keys; j++) {
          row[j] = scores[i * KEYS + j];
          column[j * (ulong) t_stride] = scores[i * KEYS + j];
        }
      }
    }
  }
  largest[largest_offset + item] = top;
}

/* One group: the largest of @x [n] to y[0]. */
VLF_KERNEL void
vlf_largest (__global float *y, const ulong y_offset, __global const float *x, const ulong x_offset, const uint n)
{
  float top = REMOVED;

  for (uint i = 0; i < n; i++)
    top = fmax (top, x[x_offset + i]);
  y[y_offset] = top;
}

/* Of a row of @m scores the exponentials of what they are below the largest, in place, pads included; returns their sum. */
float
vlf_exponentials_of_row (__global float *s, __global const float *bias, uint m, float lowest)
{
  const uint panels = (m + W - 1) / W;
  vlf_v most = REMOVED, sum = 0;
  float top;

  for (uint j = 0; j < panels; j++) {
    const vlf_v x = vlf_load (j, s), extra = bias ? vlf_load (j, bias) : (vlf_v) 0;
    const vlf_vi gone = ((int) (j * W) + LANES >= (int) m) | (extra <= REMOVING);
    const vlf_v score = select (fma (extra, (vlf_v) LOG2E, x < lowest ? (vlf_v) lowest : x), (vlf_v) REMOVED, gone);

    vlf_store (score, j, s);
    most = fmax (most, score);
  }
  top = vlf_max_v (most);
  for (uint j = 0; j < panels; j++) {
    const vlf_v x = vlf_exp2_v (vlf_load (j, s) - (top < IS_GONE ? 0 : top));

    vlf_store (x, j, s);
    sum += x;
  }
  return vlf_sum_v (sum);
}

/* Groups { ceil (n / ROWS), heads, sequences }: @s [heads sequences, n, m] are the scores, @bias those of their columns. */
VLF_KERNEL void
vlf_attend_scores (VLF_VIEW (y), VLF_VIEW (s), VLF_VIEW (v), VLF_VIEW (bias), __global const float *largest,
                   const ulong largest_offset, const uint n, const uint m, const uint d)
{
  const uint q0 = get_global_id (0) * ROWS, head = get_global_id (1), sequence = get_global_id (2);
  const uint rows = min (n - q0, (uint) ROWS), vectors = (d + W - 1) / W;
  const ulong head_of_all = sequence * get_global_size (1) + head;
  __global float *scores = s + s_offset + head_of_all * s_batch_stride + (ulong) q0 * s_stride;
  __global const float *of = bias ? bias + bias_offset + sequence * bias_batch_stride : 0;
  __global const float *values = v + v_offset + sequence * v_batch_stride + head * d;
  float block[ROWS * KEYS], o[ROWS * MAX_WIDTH], sum[ROWS], fix[ROWS];

  for (uint i = 0; i < ROWS; i++) {
    fix[i] = 1;
    for (uint c = 0; c < vectors; c++)
      vlf_store ((vlf_v) 0, c, o + i * MAX_WIDTH);
  }
  for (uint i = 0; i < rows; i++)
    sum[i] = vlf_exponentials_of_row (scores + (ulong) i * s_stride, of, m, largest[largest_offset] - DEEPEST);
  for (uint first = 0; first < m; first += KEYS) {
    const uint keys = min (m - first, (uint) KEYS);

    for (uint i = 0; i < ROWS; i++) {
      for (uint j = 0; j < (keys + W - 1) / W; j++)
        vlf_store (vlf_load (j, scores + (ulong) min (i, rows - 1) * s_stride + first), j, block + i * KEYS);
    }
    vlf_value_block (block, values + (ulong) first * v_stride, v_stride, keys, vectors, fix, o);
  }
  for (uint i = 0; i < rows; i++) {
    const float inverse = sum[i] > 0 ? 1 / sum[i] : sum[i];
    __global float *row = scores + (ulong) i * s_stride;

    vlf_finish_query (o + i * MAX_WIDTH, sum[i], 0,
                      y + y_offset + sequence * y_batch_stride + (ulong) (q0 + i) * y_stride + head * d, d, 0, 0, 0);
    for (uint j = 0; j < (m + W - 1) / W; j++)
      vlf_store (vlf_load (j, row) * inverse, j, row);
  }
}
#else

/* Groups { ceil (n / ROWS), heads, sequences } of ROWS * PARTS work-items; @largest [groups]. */
__kernel __attribute__ ((reqd_work_group_size (ROWS * PARTS, 1, 1))) void
vlf_bi_scores (VLF_VIEW (q), VLF_VIEW (k), VLF_VIEW (s), VLF_VIEW (t), __global float *largest,
               const ulong largest_offset, const uint n, const uint m, const uint d, const float scale)
{
  __local float4 queries[ROWS][PITCH], others[KEYS][PITCH];
  __local float room[VLF_ROW_GROUP];
  const uint row = get_local_id (0) / PARTS, part = get_local_id (0) % PARTS, q0 = get_group_id (0) * ROWS;
  const uint head = get_group_id (1), sequence = get_group_id (2), query = q0 + row;
  const ulong head_of_all = sequence * get_num_groups (1) + head;
  float top = REMOVED;

  q += q_offset + sequence * q_batch_stride + head * d;
  k += k_offset + sequence * k_batch_stride + head * d;
  s += s_offset + head_of_all * s_batch_stride + (ulong) query * s_stride;
  t += t_offset + head_of_all * t_batch_stride + query;
  for (uint first = 0; first < m; first += KEYS) {
    float x[KEYS / PARTS];

    vlf_score_keys (x, queries, others, q, q_stride, q0, n, k, k_stride, first, m, d);
    EACH (j, KEYS / PARTS)
    {
      const uint key = first + j * PARTS + part;

      if (query < n && key < m) {
        s[key] = x[j] * scale;
        t[key * (ulong) t_stride] = x[j] * scale;
        top = fmax (top, x[j] * scale);
      }
    }
  }
  top = vlf_group_max (top, room);
  if (get_local_id (0) == 0)
    largest[largest_offset + head_of_all * get_num_groups (0) + get_group_id (0)] = top;
}

__kernel __attribute__ ((reqd_work_group_size (VLF_ROW_GROUP, 1, 1))) void
vlf_largest (__global float *y, const ulong y_offset, __global const float *x, const ulong x_offset, const uint n)
{
  __local float room[VLF_ROW_GROUP];
  float top = REMOVED;

  for (uint i = get_local_id (0); i < n; i += VLF_ROW_GROUP)
    top = fmax (top, x[x_offset + i]);
  top = vlf_group_max (top, room);
  if (get_local_id (0) == 0)
    y[y_offset] = top;
}

/* Groups { n, heads, sequences }, a row of scores each. */
__kernel __attribute__ ((reqd_work_group_size (VLF_ROW_GROUP, 1, 1))) void
vlf_attend_scores (VLF_VIEW (y), VLF_VIEW (s), VLF_VIEW (v), VLF_VIEW (bias), __global const float *largest,
                   const ulong largest_offset, const uint n, const uint m, const uint d)
{
  __local float room[VLF_ROW_GROUP];
  const uint row = get_group_id (0), head = get_group_id (1), sequence = get_group_id (2);
  const float lowest = largest[largest_offset] - DEEPEST;
  const bool biased = bias != 0;
  float top = REMOVED, sum = 0.0f, inverse;

  s += s_offset + (sequence * get_num_groups (1) + head) * s_batch_stride + (ulong) row * s_stride;
  v += v_offset + sequence * v_batch_stride + head * d;
  y += y_offset + sequence * y_batch_stride + (ulong) row * y_stride + head * d;
  bias += bias_offset + sequence * bias_batch_stride;
  for (uint j = get_local_id (0); j < m; j += VLF_ROW_GROUP) {
    const float extra = biased ? bias[j] : 0.0f;

    s[j] = extra <= REMOVING ? REMOVED : (s[j] < lowest ? lowest : s[j]) + extra * LOG2E;
    top = fmax (top, s[j]);
  }
  top = vlf_group_max (top, room);
  for (uint j = get_local_id (0); j < m; j += VLF_ROW_GROUP) {
    s[j] = top < IS_GONE ? 0.0f : vlf_exp2 (s[j] - top);
    sum += s[j];
  }
  sum = vlf_group_sum (sum, room);
  inverse = sum > 0.0f ? 1.0f / sum : sum;
  barrier (CLK_GLOBAL_MEM_FENCE);
  for (uint c = get_local_id (0); c < d; c += VLF_ROW_GROUP) {
    float o = 0.0f;

    for (uint j = 0; j < m; j++)
      o = mad (s[j], v[j * (ulong) v_stride + c], o);
    y[c] = o * inverse;
  }
  barrier (CLK_GLOBAL_MEM_FENCE);
  for (uint j = get_local_id (0); j < m; j += VLF_ROW_GROUP)
    s[j] *= inverse;
}
#endif
#undef DEEPEST
