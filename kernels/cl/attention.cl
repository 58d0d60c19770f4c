/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attention: fused softmax (q k^T scale + bias) v, heads of width d side by side in rows of [tokens, heads d]. Both families walk over
 * blocks of keys and rescale what they have when a larger score turns up (online softmax: Milakov and Gimelshein 2018; Dao et al.
 * 2022), so that no score matrix exists, unless maps are wanted: then raw scores go there and become probabilities at the end, by the
 * work-items that wrote them. Removed keys (bias up to REMOVING, beyond the causal limit) carry the score REMOVED, whose exponential is
 * exactly 0; finite, because minus infinity from itself is not a number. Block sizes as in ops_cl_attention.c. attention_top.cl goes on with
 * these names. */
#define REMOVED   -3e38f
#define IS_GONE   -1e38f /* scores below are REMOVED */
#define REMOVING  -1e30f
#define MAX_WIDTH 256

#define LOG2E     1.442695041f

/* Parameters that both families share. Scores are in units of ln 2, in which @scale is: exponentials are powers of 2. @limit: the last key that query 0 sees, one more for each further one; m for all.
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

/* Keys [m, d] of a head transposed in panels of W: kt [ceil (m / W)][d][W]; pads repeat the last key. A W x W block is transposed by
 * log2 (W) perfect shuffles of its rows. */
void
vlf_pack_keys (__global const float *k, const ulong stride, __global float *kt, const uint m, const uint d)
{
  for (uint first = 0; first < m; first += W, kt += (ulong) W * d) {
    for (uint c = 0; c < d; c += W) {
      vlf_v x[W], y[W];

#pragma unroll
      for (uint i = 0; i < W; i++)
        x[i] = vlf_load (0, k + min (first + i, m - 1) * stride + c);
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
}
#undef ZIP
#undef ZIP_HI

/* Values of a head on their own, vp [m][@vectors W] with undefined pads: rows of many heads fall into a few sets of the caches only,
 * which hurts as soon as they are read twice. */
void
vlf_pack_values (__global const float *v, const ulong stride, __global float *vp, const uint m, const uint vectors)
{
  for (uint j = 0; j < m; j++) {
    for (uint c = 0; c < vectors; c++)
      vlf_store (vlf_load (c, v + j * stride), j * (ulong) vectors + c, vp);
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
        vlf_v score = fma (acc[i][j], (vlf_v) b->scale, bias * LOG2E);                                                         \
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
SCORE_TILE (2)
VALUE_TILE (2)
#if TILE == 4
SCORE_TILE (3)
VALUE_TILE (3)
SCORE_TILE (4)
VALUE_TILE (4)
#define CASES(CASE) CASE (1) CASE (2) CASE (3) CASE (4)
#else
#define CASES(CASE) CASE (1) CASE (2)
#endif
#define CASE_SCORE(T)                                                                                                  \
  case T: vlf_score_tile_##T (b, kt + p * W * b->d, first + p * W, s + p * W, most); break;
#define CASE_VALUE(T)                                                                                                  \
  case T: vlf_value_tile_##T (s, vp + p * W, value_stride, keys, fix, o + p * W); break;

/* How many of @left vectors the next tile has: the last tiles are alike, as narrow ones wait for their own sums. */
uint
vlf_tile_width (uint left)
{
  return left > TILE && left < 2 * TILE ? (left + 1) / 2 : min (left, (uint) TILE);
}

/* @s [panels W] from scores to exponentials of what they are below @top; returns their sum. */
float
vlf_exponentials (float *s, uint panels, float top)
{
  const float shift = top < IS_GONE ? 0 : top;
  vlf_v sum = 0;

  for (uint j = 0; j < panels; j++) {
    const vlf_v x = vlf_exp2_v (vlf_load (j, s) - shift);

    vlf_store (x, j, s);
    sum += x;
  }
  return vlf_sum_v (sum);
}

/* Raw scores in @map [seen] to probabilities; those of the keys from @seen to @m are 0. */
void
vlf_finish_map (__global float *map, float top, float inverse, uint seen, uint m)
{
  float last[W];
  uint k = 0;

  for (; k + W <= seen; k += W)
    vlf_store (vlf_exp2_v (vlf_load (0, map + k) - top) * inverse, 0, map + k);
  vlf_store (vlf_exp2_v (vlf_load (0, map + k) - top) * inverse, 0, last);
  for (uint i = 0; k < seen; i++, k++)
    map[k] = last[i];
  for (; k < m; k++)
    map[k] = 0;
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
  if (map)
    vlf_finish_map (map, top, inverse, top >= IS_GONE ? seen : 0, m);
}

/* Scores of @panels panels of keys, from key @first on, whose panels are at @kt, to @s; the largest of each query to @most. */
void
vlf_score_block (const VlfQueries *b, __global const float *kt, uint first, uint panels, float *s, vlf_v *most)
{
  for (uint i = 0; i < ROWS; i++)
    most[i] = REMOVED;
  for (uint p = 0, n; p < panels; p += n) {
    n = vlf_tile_width (panels - p);
    switch (n) {
      CASES (CASE_SCORE)
    }
  }
}

/* @o = @o times @fix and the values of @keys keys, which are at @vp, times @s. */
void
vlf_value_block (const float *s, __global const float *vp, uint value_stride, uint keys, uint vectors, const float *fix,
                 float *o)
{
  for (uint p = 0, n; p < vectors; p += n) {
    n = vlf_tile_width (vectors - p);
    switch (n) {
      CASES (CASE_VALUE)
    }
  }
}

/* The next @keys keys, from @first on, whose panels are at @kt and values at @vp: everything so far is scaled from the old to the new
 * largest score. */
void
vlf_attend_block (const VlfQueries *b, __global const float *kt, __global const float *vp, uint value_stride,
                  uint first, uint keys, float *s, float *o, float *top, float *sum)
{
  const uint panels = (keys + W - 1) / W, vectors = (b->d + W - 1) / W;
  float fix[ROWS];
  vlf_v most[ROWS];

  vlf_score_block (b, kt, first, panels, s, most);
  for (uint i = 0; i < b->rows && b->maps_stride; i++) {
    for (uint k = 0; k < keys; k++)
      b->maps[(ulong) i * b->maps_stride + first + k] = s[i * KEYS + k];
  }

  for (uint i = 0; i < ROWS; i++) {
    const float before = top[i];

    top[i] = fmax (before, vlf_max_v (most[i]));
    fix[i] = vlf_exp2 (before - top[i]);
    sum[i] = sum[i] * fix[i] + vlf_exponentials (s + i * KEYS, panels, top[i]);
  }
  vlf_value_block (s, vp, value_stride, keys, vectors, fix, o);
}

/* The @rows queries of @b against keys up to @end; @y at the first of them. */
void
vlf_attend (const VlfQueries *b, __global const float *kt, __global const float *vp, const uint value_stride,
            const uint block, const uint end, __global float *y, const uint y_stride)
{
  float s[ROWS * KEYS], o[ROWS * MAX_WIDTH], top[ROWS], sum[ROWS];

  for (uint i = 0; i < ROWS; i++) {
    top[i] = REMOVED;
    sum[i] = 0;
    for (uint c = 0; c < b->d; c += W)
      vlf_store ((vlf_v) 0, 0, o + i * MAX_WIDTH + c);
  }
  for (uint first = 0; first < end; first += block)
    vlf_attend_block (b, kt + (ulong) first * b->d, vp + (ulong) first * value_stride, value_stride, first,
                      min (block, end - first), s, o, top, sum);
  for (uint i = 0; i < b->rows; i++)
    vlf_finish_query (o + i * MAX_WIDTH, sum[i], top[i], y + (ulong) i * y_stride, b->d,
                      b->maps_stride ? b->maps + (ulong) i * b->maps_stride : 0, end, b->m);
}

/* A tensor as the functions below take it. */
typedef struct {
  __global float *at; /* NULL: there is none */
  ulong batch_stride;
  uint stride;
} VlfView;

/* One attention. @bias: [m] of each sequence, or none; @maps of stride 0: none wanted. */
typedef struct {
  VlfView q, k, v, room, bias, y, maps;
  uint n, m, d, heads, parts, block;
  int limit;
  float scale;
} VlfAttending;

/* Packs the keys and values of @head into a @room of its own, kt and then vp, and computes every tile of ROWS queries that falls to
 * @part. @room: batch_stride from one such work-item to the next. @block: keys at a time, a multiple of W up to KEYS. A query's result
 * depends neither on how many others there are nor on its place among them. */
void
vlf_attend_part (const VlfAttending *a, const uint part, const uint head, const uint sequence)
{
  const uint n = a->n, m = a->m, d = a->d, tiles = (n + ROWS - 1) / ROWS, vectors = (d + W - 1) / W;
  const uint begin_tile = tiles * part / a->parts, end_tile = tiles * (part + 1) / a->parts;
  const uint head_of_all = sequence * a->heads + head;
  __global float *kt = a->room.at + (head_of_all * (ulong) a->parts + part) * a->room.batch_stride;
  __global const float *vp = a->v.at + sequence * a->v.batch_stride + head * d;
  uint value_stride = a->v.stride;
  VlfQueries b;

  vlf_pack_keys (a->k.at + sequence * a->k.batch_stride + head * d, a->k.stride, kt, m, d);
  if (end_tile - begin_tile > 1) {
    __global float *packed = kt + (ulong) (m + W - 1) / W * W * d;

    vlf_pack_values (vp, value_stride, packed, m, vectors);
    value_stride = vectors * W;
    vp = packed;
  }
  b.bias = a->bias.at ? a->bias.at + sequence * a->bias.batch_stride : 0;
  b.maps_stride = a->maps.stride;
  b.m = m;
  b.d = d;
  b.scale = a->scale;
  for (uint tile = begin_tile; tile < end_tile; tile++) {
    const uint q0 = tile * ROWS;

    b.rows = min (n - q0, (uint) ROWS);
    b.limit = a->limit + (int) q0;
    b.maps = a->maps.at + head_of_all * a->maps.batch_stride + (ulong) q0 * a->maps.stride;
    for (uint i = 0; i < ROWS; i++)
      b.q[i] = a->q.at + sequence * a->q.batch_stride + (ulong) (q0 + min (i, b.rows - 1)) * a->q.stride + head * d;
    vlf_attend (&b, kt, vp, value_stride, a->block, (uint) clamp (a->limit + (int) (q0 + b.rows), 0, (int) m),
                a->y.at + sequence * a->y.batch_stride + (ulong) q0 * a->y.stride + head * d, a->y.stride);
  }
}

#define VIEW(x) { x ? x + x##_offset : 0, x##_batch_stride, x##_stride }

/* Groups { parts, heads, sequences }, see vlf_attend_part(). */
VLF_KERNEL void
vlf_attention (VLF_VIEW (q), VLF_VIEW (k), VLF_VIEW (v), VLF_VIEW (room), ATTENTION, const uint block)
{
  const VlfAttending a = { VIEW (q), VIEW (k), VIEW (v), VIEW (room), VIEW (bias), VIEW (y), VIEW (maps), n, m, d,
                           get_global_size (1), get_global_size (0), block, limit, scale };

  vlf_attend_part (&a, get_global_id (0), get_global_id (1), get_global_id (2));
}
#undef VIEW
#else

/* A group of 64 computes ROWS queries of one head; PARTS work-items share a query, each with every PARTS-th key of a block and every
 * PARTS-th four columns of the result. Rows of queries, keys and values come through local memory in chunks of COLUMNS columns, 15 KiB, and
 * are read four numbers at a time. Loops over private arrays are unrolled, chunks that a head does not have are jumped over, so that the
 * arrays stay in registers. */
#define ROWS    16
#define PARTS   4
#define KEYS    32
#define COLUMNS 64
#define PITCH   (COLUMNS / 4 + 1) /* of a row in local memory, in fours, so that rows fall into different banks */
#define CHUNKS  (MAX_WIDTH / COLUMNS)

#define EACH(i, n) _Pragma ("unroll") for (uint i = 0; i < (n); i++)

/* Rows first.. of @x, for those from @count on the last one, columns [column, column + COLUMNS), for those from @d on 0. */
void
vlf_load_chunk (__local float4 (*to)[PITCH], uint rows, __global const float *x, uint stride, uint first,
                uint count, uint column, uint d)
{
  barrier (CLK_LOCAL_MEM_FENCE);
  for (uint i = get_local_id (0); i < rows * COLUMNS; i += ROWS * PARTS) {
    const uint row = i / COLUMNS, c = column + i % COLUMNS;

    ((__local float *) to[row])[i % COLUMNS] = c < d ? x[(ulong) min (first + row, count - 1) * stride + c] : 0.0f;
  }
}

/* The largest number and the sum of all PARTS work-items of a query, for each of them. @parts: [ROWS * PARTS]. */
#ifdef VLF_SUB_XOR
float
vlf_query_max (__local float *parts, float x)
{
  x = fmax (x, vlf_sub_xor (x, 1, parts));
  return fmax (x, vlf_sub_xor (x, 2, parts));
}

float
vlf_query_sum (__local float *parts, float x)
{
  x += vlf_sub_xor (x, 1, parts);
  return x + vlf_sub_xor (x, 2, parts);
}
#else
void
vlf_share (__local float *parts, float x)
{
  barrier (CLK_LOCAL_MEM_FENCE);
  parts[get_local_id (0)] = x;
  barrier (CLK_LOCAL_MEM_FENCE);
}

float
vlf_query_max (__local float *parts, float x)
{
  vlf_share (parts, x);
  parts += get_local_id (0) / PARTS * PARTS;
  for (uint i = 0; i < PARTS; i++)
    x = fmax (x, parts[i]);
  return x;
}

float
vlf_query_sum (__local float *parts, float x)
{
  vlf_share (parts, x);
  parts += get_local_id (0) / PARTS * PARTS;
  x = 0.0f;
  for (uint i = 0; i < PARTS; i++)
    x += parts[i];
  return x;
}
#endif

/* x [KEYS / PARTS]: products of query @row with every PARTS-th key from @first + @part on. */
void
vlf_score_keys (float *x, __local float4 (*queries)[PITCH], __local float4 (*keys)[PITCH],
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
    for (uint i = 0; i < COLUMNS / 4; i++) {
      const float4 a = queries[row][i];

      EACH (j, KEYS / PARTS)
      {
        const float4 b = keys[j * PARTS + part][i];

        x[j] = mad (a.x, b.x, mad (a.y, b.y, mad (a.z, b.z, mad (a.w, b.w, x[j]))));
      }
    }
  }
}

/* The product @x of @query and @key as a score, in units of ln 2; @bias NULL: none. */
float
vlf_masked_score (float x, uint key, uint query, uint m, int limit, __global const float *bias, float scale)
{
  const float extra = bias && key < m ? bias[key] : 0.0f;

  return key >= m || extra <= REMOVING || (int) key > limit + (int) query ? REMOVED : mad (x, scale, extra * LOG2E);
}

/* Groups { ceil (n / ROWS), heads, sequences } of ROWS * PARTS work-items. */
__kernel __attribute__ ((reqd_work_group_size (ROWS * PARTS, 1, 1))) void
vlf_attention (VLF_VIEW (q), VLF_VIEW (k), VLF_VIEW (v), ATTENTION)
{
  __local float4 queries[ROWS][PITCH], others[KEYS][PITCH];
  __local float p[ROWS][KEYS + 1], parts[ROWS * PARTS];
  const uint row = get_local_id (0) / PARTS, part = get_local_id (0) % PARTS, q0 = get_group_id (0) * ROWS;
  const uint head = get_group_id (1), sequence = get_group_id (2), query = q0 + row;
  const uint end = (uint) clamp (limit + (int) min (q0 + ROWS, n), 0, (int) m); /* keys that any of the queries sees */
  const bool biased = bias != 0;
  float4 o[CHUNKS][COLUMNS / PARTS / 4];
  float top = REMOVED, sum = 0.0f, inverse;

  q += q_offset + sequence * q_batch_stride + head * d;
  k += k_offset + sequence * k_batch_stride + head * d;
  v += v_offset + sequence * v_batch_stride + head * d;
  bias += bias_offset + sequence * bias_batch_stride;
  y += y_offset + sequence * y_batch_stride + (ulong) query * y_stride + head * d;
  maps += maps_offset + (sequence * get_num_groups (1) + head) * maps_batch_stride + (ulong) query * maps_stride;
  EACH (c, CHUNKS)
    EACH (i, COLUMNS / PARTS / 4)
      o[c][i] = 0.0f;

  for (uint first = 0; first < end; first += KEYS) {
    float x[KEYS / PARTS], most = top, fix, shift;

    vlf_score_keys (x, queries, others, q, q_stride, q0, n, k, k_stride, first, m, d);
    EACH (j, KEYS / PARTS)
    {
      const uint key = first + j * PARTS + part;

      x[j] = vlf_masked_score (x[j], key, query, m, limit, biased ? bias : 0, scale);
      most = fmax (most, x[j]);
      if (maps_stride && query < n && key < m)
        maps[key] = x[j];
    }
    most = vlf_query_max (parts, most);
    fix = vlf_exp2 (top - most);
    shift = most < IS_GONE ? 0.0f : most;
    top = most;
    sum *= fix;
    EACH (j, KEYS / PARTS)
    {
      x[j] = vlf_exp2 (x[j] - shift);
      p[row][j * PARTS + part] = x[j];
      sum += x[j];
    }
    EACH (c, CHUNKS)
    {
      if (c * COLUMNS >= d)
        continue;
      vlf_load_chunk (others, KEYS, v, v_stride, first, m, c * COLUMNS, d);
      barrier (CLK_LOCAL_MEM_FENCE);
      EACH (i, COLUMNS / PARTS / 4)
        o[c][i] *= fix;
      for (uint j = 0; j < KEYS; j++)
        EACH (i, COLUMNS / PARTS / 4)
          o[c][i] = mad ((float4) p[row][j], others[j][i * PARTS + part], o[c][i]);
    }
  }

  sum = vlf_query_sum (parts, sum);
  if (query >= n)
    return;
  inverse = sum > 0.0f ? 1.0f / sum : sum; /* 0 where all keys are removed, and a NaN stays one */
  EACH (c, CHUNKS)
    EACH (i, COLUMNS / PARTS / 4)
    {
      const uint column = c * COLUMNS + (i * PARTS + part) * 4;
      const float all[4] = { o[c][i].x, o[c][i].y, o[c][i].z, o[c][i].w };

      EACH (e, 4)
        if (column + e < d)
          y[column + e] = all[e] * inverse;
    }
  for (uint key = part; maps_stride && key < m; key += PARTS)
    maps[key] = key < end && top >= IS_GONE ? vlf_exp2 (maps[key] - top) * inverse : 0.0f;
}
#endif
