/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attention: fused softmax (q k^T scale + bias) v, heads of width d side by side in rows of [tokens, heads d]. Both families walk over
 * blocks of keys and rescale what they have when a larger score turns up (online softmax: Milakov and Gimelshein 2018; Dao et al.
 * 2022), so that no score matrix exists, unless maps are wanted: then raw scores go there and become probabilities at the end, by the
 * work-items that wrote them. Removed keys (bias up to REMOVING, beyond the causal limit) carry the score REMOVED, whose exponential is
 * exactly 0; finite, because minus infinity from itself is not a number. Block sizes as in ops_cl_attention.c. */
#define REMOVED   -3e38f
#define IS_GONE   -1e38f /* scores below are REMOVED */
#define REMOVING  -1e30f
#define MAX_WIDTH 256

/* Parameters that both families share. @limit: the last key that query 0 sees, one more for each further one; m for all.
 * maps_stride 0: no maps wanted; bias NULL: none. */
#define ATTENTION                                                                                                      \
  VLF_VIEW (bias), VLF_VIEW (y), VLF_VIEW (maps), const uint n, const uint m, const uint d, const int limit,           \
      const float scale

#ifdef VLF_CPU

/* A work-item computes ROWS queries of one head. The scores of a block of up to KEYS keys stay in private memory, a third of a
 * first-level cache. Tiles of ROWS x TILE vectors fill the registers: 24 of 32 with 16 floats, 12 of 16 with 8. */
#define ROWS 6
#define KEYS 512
#define W    VLF_WIDTH
#if W == 16
#define TILE  4
#define LANES (int16) (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#else
#define TILE  2
#define LANES (int8) (0, 1, 2, 3, 4, 5, 6, 7)
#endif

/* The first and second half of x and y, taken in turn. */
#if W == 16
#define ZIP(x, y)                                                                                                      \
  (vlf_v) (x.s0, y.s0, x.s1, y.s1, x.s2, y.s2, x.s3, y.s3, x.s4, y.s4, x.s5, y.s5, x.s6, y.s6, x.s7, y.s7)
#define ZIP_HI(x, y)                                                                                                   \
  (vlf_v) (x.s8, y.s8, x.s9, y.s9, x.sa, y.sa, x.sb, y.sb, x.sc, y.sc, x.sd, y.sd, x.se, y.se, x.sf, y.sf)
#else
#define ZIP(x, y)    (vlf_v) (x.s0, y.s0, x.s1, y.s1, x.s2, y.s2, x.s3, y.s3)
#define ZIP_HI(x, y) (vlf_v) (x.s4, y.s4, x.s5, y.s5, x.s6, y.s6, x.s7, y.s7)
#endif

/* Keys of each head transposed in panels of W: kt [sequences][heads][ceil (m / W)][d][W]; pads repeat the last key. A W x W block is
 * transposed by log2 (W) perfect shuffles of its rows. Groups { ceil (m / W), heads, sequences }. */
VLF_KERNEL void
vlf_attention_pack_keys (VLF_VIEW (k), VLF_VIEW (kt), const uint m, const uint d)
{
  const uint first = get_global_id (0) * W, head = get_global_id (1);

  k += k_offset + get_global_id (2) * k_batch_stride + head * d;
  kt += kt_offset + get_global_id (2) * kt_batch_stride + (ulong) head * kt_stride + (ulong) first * d;
  for (uint c = 0; c < d; c += W) {
    vlf_v x[W], y[W];

#pragma unroll
    for (uint i = 0; i < W; i++)
      x[i] = vlf_load (0, k + (ulong) min (first + i, m - 1) * k_stride + c);
#pragma unroll
    for (uint step = 1; step < W; step *= 2) {
#pragma unroll
      for (uint i = 0; i < W / 2; i++) {
        y[2 * i] = ZIP (x[i], x[i + W / 2]);
        y[2 * i + 1] = ZIP_HI (x[i], x[i + W / 2]);
      }
#pragma unroll
      for (uint i = 0; i < W; i++)
        x[i] = y[i];
    }
#pragma unroll
    for (uint i = 0; i < W; i++) {
      if (c + i < d)
        vlf_store (x[i], c + i, kt);
    }
  }
}
#undef ZIP
#undef ZIP_HI

/* Values of each head on their own, vp [sequences][heads][m][dp] where dp is d rounded up to W and pads are undefined: rows of many heads
 * fall into a few sets of the caches only, which hurts as soon as they are read twice. Groups { ceil (m / W), heads, sequences }. */
VLF_KERNEL void
vlf_attention_pack_values (VLF_VIEW (v), VLF_VIEW (vp), const uint m, const uint d)
{
  const uint first = get_global_id (0) * W, vectors = (d + W - 1) / W;

  v += v_offset + get_global_id (2) * v_batch_stride + get_global_id (1) * d;
  vp += vp_offset + get_global_id (2) * vp_batch_stride + get_global_id (1) * vp_stride;
  for (ulong j = first; j < min (first + W, m); j++) {
    for (uint c = 0; c < vectors; c++)
      vlf_store (vlf_load (c, v + j * v_stride), j * vectors + c, vp);
  }
}

/* What all tiles of a work-item share. */
typedef struct {
  __global const float *q[ROWS];
  __global const float *bias; /* [m], or NULL */
  __global float *maps;       /* of this head from the first query on */
  uint maps_stride;           /* 0: no maps wanted */
  uint m, d, rows;            /* queries that exist, up to ROWS: the last one stands for those that do not */
  int limit;                  /* of the first query */
  float scale;
} VlfQueries;

#define EACH_ROW _Pragma ("unroll") for (int i = 0; i < ROWS; i++)
#define EACH(T)  _Pragma ("unroll") for (int j = 0; j < T; j++)

/* Scores of ROWS queries and T vectors of keys from @key on, whose panels are at @kt, to @s (that of the first query; the next is KEYS
 * further); maxima into @top. T is a literal, since the tile lives in registers only where every loop over it is unrolled. */
#define SCORE_TILE(T)                                                                                                  \
  void vlf_score_tile_##T (const VlfQueries *b, __global const float *kt, uint key, float *s, vlf_v *top)              \
  {                                                                                                                    \
    vlf_v acc[ROWS][T], x[T];                                                                                          \
                                                                                                                       \
    EACH_ROW EACH (T) acc[i][j] = 0;                                                                                   \
    for (uint c = 0; c < b->d; c++) {                                                                                  \
      EACH (T) x[j] = vlf_load (0, kt + (j * b->d + c) * W);                                                           \
      EACH_ROW EACH (T) acc[i][j] = fma ((vlf_v) b->q[i][c], x[j], acc[i][j]);                                         \
    }                                                                                                                  \
    EACH (T)                                                                                                           \
    {                                                                                                                  \
      const vlf_vi at = (int) (key + j * W) + LANES;                                                                   \
      const vlf_v bias = b->bias ? vlf_load (0, b->bias + key + j * W) : (vlf_v) 0;                                    \
      const vlf_vi gone = (at >= (int) b->m) | (bias <= REMOVING);                                                     \
                                                                                                                       \
      EACH_ROW                                                                                                         \
      {                                                                                                                \
        vlf_v score = fma (acc[i][j], (vlf_v) b->scale, bias);                                                         \
                                                                                                                       \
        score = select (score, (vlf_v) REMOVED, gone | (at > b->limit + i));                                           \
        vlf_store (score, j, s + i * KEYS);                                                                            \
        top[i] = fmax (top[i], score);                                                                                 \
      }                                                                                                                \
    }                                                                                                                  \
  }

/* o [ROWS][T] = o * fix + s v over @n keys; @v and @o are at the first of T vectors of columns. */
#define VALUE_TILE(T)                                                                                                  \
  void vlf_value_tile_##T (const float *s, __global const float *v, uint stride, uint n, const float *fix, float *o)   \
  {                                                                                                                    \
    vlf_v acc[ROWS][T], x[T];                                                                                          \
                                                                                                                       \
    EACH_ROW EACH (T) acc[i][j] = vlf_load (j, o + i * MAX_WIDTH) * fix[i];                                            \
    for (uint k = 0; k < n; k++) {                                                                                     \
      EACH (T) x[j] = vlf_load (j, v + (ulong) k * stride);                                                            \
      EACH_ROW EACH (T) acc[i][j] = fma ((vlf_v) s[i * KEYS + k], x[j], acc[i][j]);                                    \
    }                                                                                                                  \
    EACH_ROW EACH (T) vlf_store (acc[i][j], j, o + i * MAX_WIDTH);                                                     \
  }

SCORE_TILE (1)
VALUE_TILE (1)
#if TILE == 4
SCORE_TILE (4)
VALUE_TILE (4)
#define vlf_score_tile vlf_score_tile_4
#define vlf_value_tile vlf_value_tile_4
#else
SCORE_TILE (2)
VALUE_TILE (2)
#define vlf_score_tile vlf_score_tile_2
#define vlf_value_tile vlf_value_tile_2
#endif

/* @s [panels W] from scores to exponentials of what they are below @top; returns their sum. */
float
vlf_exponentials (float *s, uint panels, float top)
{
  const float shift = top < IS_GONE ? 0 : top;
  vlf_v sum = 0;

  for (uint j = 0; j < panels; j++) {
    const vlf_v x = vlf_exp_v (vlf_load (j, s) - shift);

    vlf_store (x, j, s);
    sum += x;
  }
  return vlf_sum_v (sum);
}

/* The end of one query: its result [d] from the sum @o, and its map [m] from raw scores, of which there are @seen; NULL: not wanted. */
void
vlf_finish_query (const float *o, float sum, float top, __global float *y, uint d, __global float *map, uint seen,
                  uint m)
{
  const float inverse = sum > 0 ? 1 / sum : sum; /* 0 where all keys are removed, and a NaN stays one */
  uint c = 0;

  for (; c + W <= d; c += W)
    vlf_store (vlf_load (0, o + c) * inverse, 0, y + c);
  for (; c < d; c++)
    y[c] = o[c] * inverse;
  for (uint k = 0; k < m && map; k++)
    map[k] = k < seen && top >= IS_GONE ? vlf_exp (map[k] - top) * inverse : 0;
}

/* The next @keys keys, from @first on, whose panels are at @kt and values at @vp: everything so far is scaled from the old to the new
 * largest score. */
void
vlf_attend_block (const VlfQueries *b, __global const float *kt, __global const float *vp, uint value_stride,
                  uint first, uint keys, float *s, float *o, float *top, float *sum)
{
  const uint panels = (keys + W - 1) / W, dp = (b->d + W - 1) / W * W;
  float fix[ROWS];
  vlf_v most[ROWS];
  uint p = 0;

  for (uint i = 0; i < ROWS; i++)
    most[i] = REMOVED;
  for (; p + TILE <= panels; p += TILE)
    vlf_score_tile (b, kt + p * W * b->d, first + p * W, s + p * W, most);
  for (; p < panels; p++)
    vlf_score_tile_1 (b, kt + p * W * b->d, first + p * W, s + p * W, most);
  for (uint i = 0; i < b->rows && b->maps_stride; i++) {
    for (uint k = 0; k < keys; k++)
      b->maps[(ulong) i * b->maps_stride + first + k] = s[i * KEYS + k];
  }

  for (uint i = 0; i < ROWS; i++) {
    const float before = top[i];

    top[i] = fmax (before, vlf_max_v (most[i]));
    fix[i] = vlf_exp (before - top[i]);
    sum[i] = sum[i] * fix[i] + vlf_exponentials (s + i * KEYS, panels, top[i]);
  }
  for (p = 0; p + TILE * W <= dp; p += TILE * W)
    vlf_value_tile (s, vp + p, value_stride, keys, fix, o + p);
  for (; p < dp; p += W)
    vlf_value_tile_1 (s, vp + p, value_stride, keys, fix, o + p);
}

/* Groups { ceil (n / ROWS), heads, sequences }. kt: see vlf_attention_pack_keys. vp: vp_stride from head to head, @value_stride from key
 * to key, read up to W - 1 columns past d. @block: keys at a time, a multiple of W up to KEYS. A query's result depends neither on how
 * many others there are nor on its place among them. */
VLF_KERNEL void
vlf_attention (VLF_VIEW (q), VLF_VIEW (kt), VLF_VIEW (vp), ATTENTION, const uint block, const uint value_stride)
{
  const uint q0 = get_global_id (0) * ROWS, head = get_global_id (1), sequence = get_global_id (2);
  const uint rows = min (n - q0, (uint) ROWS);
  const uint end = (uint) clamp (limit + (int) (q0 + rows), 0, (int) m); /* keys that any of the queries sees */
  float s[ROWS * KEYS], o[ROWS * MAX_WIDTH], top[ROWS], sum[ROWS];
  VlfQueries b;

  b.bias = bias ? bias + bias_offset + sequence * bias_batch_stride : 0;
  b.maps = maps + maps_offset + (sequence * get_global_size (1) + head) * maps_batch_stride + (ulong) q0 * maps_stride;
  b.maps_stride = maps_stride;
  b.m = m;
  b.d = d;
  b.rows = rows;
  b.limit = limit + (int) q0;
  b.scale = scale;
  kt += kt_offset + sequence * kt_batch_stride + (ulong) head * kt_stride;
  vp += vp_offset + sequence * vp_batch_stride + (ulong) head * vp_stride;
  y += y_offset + sequence * y_batch_stride + (ulong) q0 * y_stride + head * d;
  for (uint i = 0; i < ROWS; i++) {
    b.q[i] = q + q_offset + sequence * q_batch_stride + (ulong) (q0 + min (i, rows - 1)) * q_stride + head * d;
    top[i] = REMOVED;
    sum[i] = 0;
    for (uint c = 0; c < d; c += W)
      vlf_store ((vlf_v) 0, 0, o + i * MAX_WIDTH + c);
  }

  for (uint first = 0; first < end; first += block)
    vlf_attend_block (&b, kt + (ulong) first * d, vp + (ulong) first * value_stride, value_stride, first,
                      min (block, end - first), s, o, top, sum);
  for (uint i = 0; i < rows; i++)
    vlf_finish_query (o + i * MAX_WIDTH, sum[i], top[i], y + (ulong) i * y_stride, d,
                      maps_stride ? b.maps + (ulong) i * maps_stride : 0, end, m);
}
#undef ROWS
#undef KEYS
#undef W
#undef TILE
#undef LANES
#undef EACH_ROW
#undef EACH
#undef SCORE_TILE
#undef VALUE_TILE
#else

/* A group of 64 computes ROWS queries of one head; PARTS work-items share a query, each with every PARTS-th key of a block and every
 * PARTS-th column of the result. Rows of queries, keys and values come through local memory in chunks of COLUMNS columns: 15 KiB. Loops
 * over private arrays are unrolled, chunks that a head does not have are jumped over, so that the arrays stay in registers. */
#define ROWS    16
#define PARTS   4
#define KEYS    32
#define COLUMNS 64
#define CHUNKS  (MAX_WIDTH / COLUMNS)

#define EACH(i, n) _Pragma ("unroll") for (uint i = 0; i < (n); i++)

/* Rows first.. of @x, for those from @count on the last one, columns [column, column + COLUMNS), for those from @d on 0. */
void
vlf_load_chunk (__local float (*to)[COLUMNS + 1], uint rows, __global const float *x, uint stride, uint first,
                uint count, uint column, uint d)
{
  barrier (CLK_LOCAL_MEM_FENCE);
  for (uint i = get_local_id (0); i < rows * COLUMNS; i += ROWS * PARTS) {
    const uint row = i / COLUMNS, c = column + i % COLUMNS;

    to[row][i % COLUMNS] = c < d ? x[(ulong) min (first + row, count - 1) * stride + c] : 0.0f;
  }
}

/* The numbers of all PARTS work-items of a query, in @parts [PARTS] of it. */
void
vlf_share (__local float *parts, uint part, float value)
{
  barrier (CLK_LOCAL_MEM_FENCE);
  parts[part] = value;
  barrier (CLK_LOCAL_MEM_FENCE);
}

/* x [KEYS / PARTS]: products of query @row with every PARTS-th key from @first + @part on. */
void
vlf_score_keys (float *x, __local float (*queries)[COLUMNS + 1], __local float (*keys)[COLUMNS + 1],
                __global const float *q, uint q_stride, uint q0, uint n, __global const float *k, uint k_stride,
                uint first, uint m, uint d)
{
  const uint row = get_local_id (0) / PARTS, part = get_local_id (0) % PARTS;

  EACH (j, KEYS / PARTS)
    x[j] = 0.0f;
  for (uint column = 0; column < d; column += COLUMNS) {
    vlf_load_chunk (queries, ROWS, q, q_stride, q0, n, column, d);
    vlf_load_chunk (keys, KEYS, k, k_stride, first, m, column, d);
    barrier (CLK_LOCAL_MEM_FENCE);
    for (uint i = 0; i < COLUMNS; i++)
      EACH (j, KEYS / PARTS)
        x[j] = mad (queries[row][i], keys[j * PARTS + part][i], x[j]);
  }
}

/* Groups { ceil (n / ROWS), heads, sequences } of ROWS * PARTS work-items. */
__kernel __attribute__ ((reqd_work_group_size (ROWS * PARTS, 1, 1))) void
vlf_attention (VLF_VIEW (q), VLF_VIEW (k), VLF_VIEW (v), ATTENTION)
{
  __local float queries[ROWS][COLUMNS + 1], others[KEYS][COLUMNS + 1], p[ROWS][KEYS + 1], parts[ROWS][PARTS];
  const uint row = get_local_id (0) / PARTS, part = get_local_id (0) % PARTS, q0 = get_group_id (0) * ROWS;
  const uint head = get_group_id (1), sequence = get_group_id (2), query = q0 + row;
  const uint end = (uint) clamp (limit + (int) min (q0 + ROWS, n), 0, (int) m); /* keys that any of the queries sees */
  const bool biased = bias != 0;
  float o[CHUNKS][COLUMNS / PARTS], top = REMOVED, sum = 0.0f, inverse;

  q += q_offset + sequence * q_batch_stride + head * d;
  k += k_offset + sequence * k_batch_stride + head * d;
  v += v_offset + sequence * v_batch_stride + head * d;
  bias += bias_offset + sequence * bias_batch_stride;
  y += y_offset + sequence * y_batch_stride + (ulong) query * y_stride + head * d;
  maps += maps_offset + (sequence * get_num_groups (1) + head) * maps_batch_stride + (ulong) query * maps_stride;
  EACH (c, CHUNKS)
    EACH (i, COLUMNS / PARTS)
      o[c][i] = 0.0f;

  for (uint first = 0; first < end; first += KEYS) {
    float x[KEYS / PARTS], most = top, fix, shift;

    vlf_score_keys (x, queries, others, q, q_stride, q0, n, k, k_stride, first, m, d);
    EACH (j, KEYS / PARTS)
    {
      const uint key = first + j * PARTS + part;
      const float extra = biased && key < m ? bias[key] : 0.0f;

      x[j] = key >= m || extra <= REMOVING || (int) key > limit + (int) query ? REMOVED : mad (x[j], scale, extra);
      most = fmax (most, x[j]);
      if (maps_stride && query < n && key < m)
        maps[key] = x[j];
    }
    vlf_share (parts[row], part, most);
    for (uint i = 0; i < PARTS; i++)
      most = fmax (most, parts[row][i]);
    fix = vlf_exp (top - most);
    shift = most < IS_GONE ? 0.0f : most;
    top = most;
    sum *= fix;
    EACH (j, KEYS / PARTS)
    {
      x[j] = vlf_exp (x[j] - shift);
      p[row][j * PARTS + part] = x[j];
      sum += x[j];
    }
    EACH (c, CHUNKS)
    {
      if (c * COLUMNS >= d)
        continue;
      vlf_load_chunk (others, KEYS, v, v_stride, first, m, c * COLUMNS, d);
      barrier (CLK_LOCAL_MEM_FENCE);
      EACH (i, COLUMNS / PARTS)
        o[c][i] *= fix;
      for (uint j = 0; j < KEYS; j++)
        EACH (i, COLUMNS / PARTS)
          o[c][i] = mad (p[row][j], others[j][i * PARTS + part], o[c][i]);
    }
  }

  vlf_share (parts[row], part, sum);
  if (query >= n)
    return;
  sum = 0.0f;
  for (uint i = 0; i < PARTS; i++)
    sum += parts[row][i];
  inverse = sum > 0.0f ? 1.0f / sum : sum; /* 0 where all keys are removed, and a NaN stays one */
  EACH (c, CHUNKS)
    EACH (i, COLUMNS / PARTS)
      if (c * COLUMNS + i * PARTS + part < d)
        y[c * COLUMNS + i * PARTS + part] = o[c][i] * inverse;
  for (uint key = part; maps_stride && key < m; key += PARTS)
    maps[key] = key < end && top >= IS_GONE ? vlf_exp (maps[key] - top) * inverse : 0.0f;
}
#undef ROWS
#undef PARTS
#undef KEYS
#undef COLUMNS
#undef CHUNKS
#undef EACH
#endif
#undef REMOVED
#undef IS_GONE
#undef REMOVING
#undef MAX_WIDTH
#undef ATTENTION
