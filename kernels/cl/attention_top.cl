/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attention_top: as vlf_attention(), except that each query keeps only its @most largest scores, of equal ones those of the first keys
 * (Zhao et al. 2019, "Explicit Sparse Transformer"). What a query has kept so far is a heap in memory, whose first element is the next
 * to go, each a score and its key as bits; most scores are no match for it and are dropped where they were made. In the end only the kept
 * keys' values are read. Memory is linear in queries. After attention.cl, whose block sizes and names it uses. */

/* Whether @x has to go before @y: the smaller score, of equal ones the later key. */
bool
vlf_is_less (uint2 x, uint2 y)
{
  return as_float (x.x) < as_float (y.x) || (as_float (x.x) == as_float (y.x) && x.y > y.y);
}

/* @x to the end of @heap [n]. */
void
vlf_heap_add (__global uint2 *heap, uint n, uint2 x)
{
  while (n > 0 && vlf_is_less (x, heap[(n - 1) / 2])) {
    heap[n] = heap[(n - 1) / 2];
    n = (n - 1) / 2;
  }
  heap[n] = x;
}

/* @x instead of the first of @heap [n]. */
void
vlf_heap_replace (__global uint2 *heap, uint n, uint2 x)
{
  uint hole = 0;

  for (uint next = 1; next < n; next = 2 * hole + 1) {
    if (next + 1 < n && vlf_is_less (heap[next + 1], heap[next]))
      next++;
    if (!vlf_is_less (heap[next], x))
      break;
    heap[hole] = heap[next];
    hole = next;
  }
  heap[hole] = x;
}

/* Keeps @score of @key, later than all of the @kept ones and larger than what the last call returned: what the next one has to beat. */
float
vlf_keep_score (__global uint2 *heap, uint most, uint *kept, float score, uint key)
{
  const uint2 x = (uint2) (as_uint (score), key);

  if (*kept < most)
    vlf_heap_add (heap, (*kept)++, x);
  else
    vlf_heap_replace (heap, most, x);
  return *kept < most ? IS_GONE : as_float (heap[0].x);
}

/* The @kept scores of @heap to exponentials of what they are below the largest; returns their sum. */
float
vlf_heap_exponentials (__global uint2 *heap, uint kept)
{
  float top = REMOVED, sum = 0.0f;

  for (uint i = 0; i < kept; i++)
    top = fmax (top, as_float (heap[i].x));
  for (uint i = 0; i < kept; i++) {
    const float x = vlf_exp2 (as_float (heap[i].x) - top);

    heap[i].x = as_uint (x);
    sum += x;
  }
  return sum;
}

#ifdef VLF_CPU

/* The queries of a tile, and what they have kept. */
typedef struct {
  __global uint2 *heap[ROWS];
  uint kept[ROWS], most;
  float least[ROWS];  /* what a score has to beat */
  float poison[ROWS]; /* 0, or no number where a score is none */
} VlfTop;

/* Of query @i the scores @s of @panels panels of keys from @first on. */
void
vlf_keep_scores (VlfTop *t, uint i, const float *s, uint panels, uint first)
{
  vlf_v poison = 0;

  for (uint j = 0; j < panels; j++) {
    const vlf_v x = vlf_load (j, s);

    poison += x * 0;
    if (!any (x > (vlf_v) t->least[i]))
      continue;
    for (uint k = j * W; k < (j + 1) * W; k++) {
      if (s[k] > t->least[i])
        t->least[i] = vlf_keep_score (t->heap[i], t->most, &t->kept[i], s[k], first + k);
    }
  }
  t->poison[i] += vlf_sum_v (poison);
}

/* @o [vectors W] = the sum of the kept values of one head, each times what is in @heap. */
void
vlf_kept_values (__global const uint2 *heap, uint kept, __global const float *v, ulong stride, uint vectors, float *o)
{
  uint c = 0;

  for (; c + 4 <= vectors; c += 4) {
    vlf_v acc[4];

    EACH (4) acc[j] = 0;
    for (uint i = 0; i < kept; i++)
      EACH (4) acc[j] = fma ((vlf_v) as_float (heap[i].x), vlf_load (c + j, v + heap[i].y * stride), acc[j]);
    EACH (4) vlf_store (acc[j], c + j, o);
  }
  for (; c < vectors; c++) {
    vlf_v acc = 0;

    for (uint i = 0; i < kept; i++)
      acc = fma ((vlf_v) as_float (heap[i].x), vlf_load (c, v + heap[i].y * stride), acc);
    vlf_store (acc, c, o);
  }
}

/* The @rows queries of @b against keys up to @end; @heaps: room for ROWS heaps. */
void
vlf_attend_top (const VlfQueries *b, __global const float *kt, __global const float *v, const uint v_stride,
                const uint block, const uint end, __global uint2 *heaps, const uint most, __global float *y,
                const uint y_stride)
{
  float s[ROWS * KEYS], o[MAX_WIDTH];
  vlf_v largest[ROWS];
  VlfTop t;

  t.most = most;
  for (uint i = 0; i < ROWS; i++) {
    t.heap[i] = heaps + i * (ulong) most;
    t.kept[i] = 0;
    t.least[i] = IS_GONE;
    t.poison[i] = 0;
  }
  for (uint first = 0; first < end; first += block) {
    const uint panels = (min (block, end - first) + W - 1) / W;

    vlf_score_block (b, kt + (ulong) first * b->d, first, panels, s, largest);
    for (uint i = 0; i < b->rows; i++)
      vlf_keep_scores (&t, i, s + i * KEYS, panels, first);
  }
  for (uint i = 0; i < b->rows; i++) {
    const float sum = vlf_heap_exponentials (t.heap[i], t.kept[i]) + t.poison[i];
    __global float *map = b->maps + (ulong) i * b->maps_stride;

    vlf_kept_values (t.heap[i], t.kept[i], v, v_stride, (b->d + W - 1) / W, o);
    vlf_finish_query (o, sum, 0, y + (ulong) i * y_stride, b->d, 0, 0, 0);
    for (uint k = 0; b->maps_stride && k < b->m; k++)
      map[k] = 0;
    for (uint k = 0; b->maps_stride && k < t.kept[i]; k++)
      map[t.heap[i][k].y] = as_float (t.heap[i][k].x) / sum;
  }
}

/* Groups { parts, heads, sequences }: as vlf_attention(), except that in its @room a work-item has kt and then the heaps of a tile. */
VLF_KERNEL void
vlf_attention_top (VLF_VIEW (q), VLF_VIEW (k), VLF_VIEW (v), VLF_VIEW (room), ATTENTION, const uint block,
                   const uint most)
{
  const uint part = get_global_id (0), parts = get_global_size (0), head = get_global_id (1);
  const uint sequence = get_global_id (2), tiles = (n + ROWS - 1) / ROWS, end_tile = tiles * (part + 1) / parts;
  const ulong head_of_all = sequence * get_global_size (1) + head;
  __global float *kt = room + room_offset + (head_of_all * parts + part) * room_batch_stride;
  __global uint2 *heaps = (__global uint2 *) (kt + (ulong) (m + W - 1) / W * W * d);
  VlfQueries b;

  vlf_pack_keys (k + k_offset + sequence * k_batch_stride + head * d, k_stride, kt, m, d);
  b.bias = bias ? bias + bias_offset + sequence * bias_batch_stride : 0;
  b.maps_stride = maps_stride;
  b.m = m;
  b.d = d;
  b.scale = scale;
  for (uint tile = tiles * part / parts; tile < end_tile; tile++) {
    const uint q0 = tile * ROWS;

    b.rows = min (n - q0, (uint) ROWS);
    b.limit = limit + (int) q0;
    b.maps = maps + maps_offset + head_of_all * maps_batch_stride + (ulong) q0 * maps_stride;
    for (uint i = 0; i < ROWS; i++)
      b.q[i] = q + q_offset + sequence * q_batch_stride + (ulong) (q0 + min (i, b.rows - 1)) * q_stride + head * d;
    vlf_attend_top (&b, kt, v + v_offset + sequence * v_batch_stride + head * d, v_stride, block,
                    (uint) clamp (limit + (int) (q0 + b.rows), 0, (int) m), heaps, most,
                    y + y_offset + sequence * y_batch_stride + (ulong) q0 * y_stride + head * d, y_stride);
  }
}
#else

/* Groups { ceil (n / ROWS), heads, sequences } of ROWS * PARTS work-items, of which the first of a query's keeps its scores; @room
 * [sequences * heads, n, 2 most] are the heaps. */
__kernel __attribute__ ((reqd_work_group_size (ROWS * PARTS, 1, 1))) void
vlf_attention_top (VLF_VIEW (q), VLF_VIEW (k), VLF_VIEW (v), VLF_VIEW (room), ATTENTION, const uint most)
{
  __local float4 queries[ROWS][PITCH], others[KEYS][PITCH];
  __local float p[ROWS][KEYS], sums[ROWS];
  __local uint counts[ROWS];
  const uint row = get_local_id (0) / PARTS, part = get_local_id (0) % PARTS, q0 = get_group_id (0) * ROWS;
  const uint head = get_group_id (1), sequence = get_group_id (2), query = q0 + row;
  const uint end = (uint) clamp (limit + (int) min (q0 + ROWS, n), 0, (int) m); /* keys that any of the queries sees */
  const ulong head_of_all = sequence * get_num_groups (1) + head;
  const bool biased = bias != 0;
  __global uint2 *heap =
      (__global uint2 *) (room + room_offset + head_of_all * room_batch_stride + min (query, n - 1) * (ulong) room_stride);
  float least = IS_GONE, poison = 0.0f, inverse;
  uint kept = 0;

  q += q_offset + sequence * q_batch_stride + head * d;
  k += k_offset + sequence * k_batch_stride + head * d;
  v += v_offset + sequence * v_batch_stride + head * d;
  bias += bias_offset + sequence * bias_batch_stride;
  y += y_offset + sequence * y_batch_stride + (ulong) query * y_stride + head * d;
  maps += maps_offset + head_of_all * maps_batch_stride + (ulong) query * maps_stride;
  for (uint key = part; maps_stride && query < n && key < m; key += PARTS)
    maps[key] = 0.0f;

  for (uint first = 0; first < end; first += KEYS) {
    float x[KEYS / PARTS];

    vlf_score_keys (x, queries, others, q, q_stride, q0, n, k, k_stride, first, m, d);
    EACH (j, KEYS / PARTS)
      p[row][j * PARTS + part] = vlf_masked_score (x[j], first + j * PARTS + part, query, m, limit, biased ? bias : 0, scale);
    barrier (CLK_LOCAL_MEM_FENCE);
    for (uint i = 0; part == 0 && query < n && i < KEYS; i++) {
      poison += p[row][i] * 0.0f;
      if (p[row][i] > least)
        least = vlf_keep_score (heap, most, &kept, p[row][i], first + i);
    }
  }

  if (part == 0) {
    sums[row] = query < n ? vlf_heap_exponentials (heap, kept) + poison : 0.0f;
    counts[row] = kept;
  }
  barrier (CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);
  if (query >= n)
    return;
  kept = counts[row];
  inverse = sums[row] > 0.0f ? 1.0f / sums[row] : sums[row]; /* as in vlf_attention() */
  for (uint c = part; c < d; c += PARTS) {
    float sum = 0.0f;

    for (uint i = 0; i < kept; i++)
      sum = mad (as_float (heap[i].x), v[heap[i].y * (ulong) v_stride + c], sum);
    y[c] = sum * inverse;
  }
  for (uint i = part; maps_stride && i < kept; i += PARTS)
    maps[heap[i].y] = as_float (heap[i].x) * inverse;
}
#endif
#undef ROWS
#undef PARTS
#undef KEYS
#undef W
#undef COLUMNS
#undef PITCH
#undef CHUNKS
#undef TILE
#undef LANES
#undef EACH_ROW
#undef EACH
#undef SCORE_TILE
#undef VALUE_TILE
#undef CASES
#undef CASE_SCORE
#undef CASE_VALUE
#undef REMOVED
#undef IS_GONE
#undef REMOVING
#undef LOG2E
#undef MAX_WIDTH
#undef ATTENTION
