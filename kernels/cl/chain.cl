/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlf_chain: many operations in one launch on the CPU family, phase after phase. What there is to do in a phase is cut into items, which
 * work-items take from a counter: one tile of rows through all operations of a job, so that what they hand on stays in the first-level cache,
 * or a part of an attention. Groups { work-items }, as many as there are threads; any number of them does the work, as a work-item that comes
 * late finds less of it left, and one that waits for the others too long (their threads have been taken away) leaves the rest to them.
 * That is safe because who waits has nothing in hand: whoever ends the last item of a phase goes on. A thread computes a work-item to its end,
 * which is what makes waiting inside of a kernel possible; GPUs promise no such thing.
 * The numbers are those of the kernels of single operations, bit by bit. */
#ifdef VLF_CPU

/* Looks at a counter before a work-item gives up: a fraction of a millisecond, longer than any item takes. */
#define PATIENCE (1u << 20)

typedef __global float *VlfMemory;

#define AT(v, row) (memory[(v).buffer] + (v).offset + (row) * (ulong) (v).stride)

/* SCALE: what sums become before the bias, of 8 bits alone. */
#define STEP_LINEAR(TYPE, SCALE)                                                                                       \
  void vlf_step_##TYPE (const VlfMemory *memory, __global const VlfStep *s, const ulong first, const uint n)           \
  {                                                                                                                    \
    __global const float *x = AT (s->x, first), *bias = AT (s->bias, 0);                                               \
    __global const VLF_STORED_##TYPE *w = (__global const VLF_STORED_##TYPE *) AT (s->weight, 0);                      \
    __global float *y = AT (s->y, first);                                                                              \
    __global const float *residual = s->z.buffer < VLF_CHAIN_BUFFERS ? AT (s->z, first) : 0;                           \
    const size_t stride = s->x.stride;                                                                                 \
    const uint inputs = s->inputs;                                                                                     \
                                                                                                                       \
    for (uint column = 0; column < s->cols; column += VLF_PANEL) {                                                     \
      vlf_v tile[2 * VLF_TILE];                                                                                        \
                                                                                                                       \
      switch (n) {                                                                                                     \
        VLF_CASES (TYPE)                                                                                               \
      }                                                                                                                \
      SCALE                                                                                                            \
      vlf_finish_tile (y + column, s->y.stride, bias + column, residual ? residual + column : 0, s->z.stride, tile, n, \
                       s->act);                                                                                        \
      w += (size_t) inputs * VLF_PANEL;                                                                                \
    }                                                                                                                  \
  }

STEP_LINEAR (f32, )
STEP_LINEAR (f16, )
STEP_LINEAR (bf16, )

#if VLF_BF16 == 1
STEP_LINEAR (pair, )

/* x [cols] to y in bf16, padded to [inputs]. */
void
vlf_step_round (const VlfMemory *memory, __global const VlfStep *s, const ulong first, const uint n)
{
  for (uint i = 0; i < n; i++)
    vlf_round_row ((__global ushort *) AT (s->y, first + i), AT (s->x, first + i), s->cols, s->inputs);
}
#endif

#if VLF_INT8 != 3
/* Rows of x in 8 bits have their scale behind them. */
STEP_LINEAR (i8, vlf_scale_tile (tile, x + s->scale_at, stride, bias + s->padded + column, s->padded, n);)

/* x [cols] to y in 8 bits, padded to [inputs], and its scale behind it. */
void
vlf_step_quantise (const VlfMemory *memory, __global const VlfStep *s, const ulong first, const uint n)
{
  for (uint i = 0; i < n; i++) {
    __global float *to = AT (s->y, first + i);

    to[s->scale_at] = vlf_quantise_whole_row (to, AT (s->x, first + i), s->cols, s->inputs);
  }
}
#endif

void
vlf_step_norm (const VlfMemory *memory, __global const VlfStep *s, const ulong first, const uint n)
{
  __global const float *z = s->z.buffer < VLF_CHAIN_BUFFERS ? AT (s->z, first) : 0;
  const size_t y_stride = s->y.stride, x_stride = s->x.stride, z_stride = s->z.stride;
  uint i = 0;

  for (; i + 4 <= n; i += 4)
    vlf_norm_rows_4 (AT (s->y, first + i), y_stride, AT (s->x, first + i), x_stride, z ? z + i * z_stride : 0, z_stride,
                     AT (s->weight, 0), AT (s->bias, 0), s->a, s->cols);
  for (; i < n; i++)
    vlf_norm_rows_1 (AT (s->y, first + i), y_stride, AT (s->x, first + i), x_stride, z ? z + i * z_stride : 0, z_stride,
                     AT (s->weight, 0), AT (s->bias, 0), s->a, s->cols);
}

void
vlf_step_mix (const VlfMemory *memory, __global const VlfStep *s, const ulong first, const uint n)
{
  for (uint i = 0; i < n; i++)
    vlf_mix_row (AT (s->y, first + i), AT (s->x, first + i), AT (s->z, first + i), s->a, s->b, s->cols);
}

void
vlf_step_attention (const VlfMemory *memory, __global const VlfStep *s, const uint item)
{
#define PART_OF(v) { v.buffer < VLF_CHAIN_BUFFERS ? AT (v, 0) : 0, v.batch_stride, v.stride }
  const VlfAttending a = { PART_OF (s->x), PART_OF (s->z), PART_OF (s->weight), PART_OF (s->room), PART_OF (s->bias), PART_OF (s->y),
                           PART_OF (s->maps), s->rows, s->keys, s->cols, s->heads, s->parts, s->block, s->limit, s->a };
#undef PART_OF

  vlf_attend_part (&a, item % s->parts, item / s->parts % s->heads, item / s->parts / s->heads);
}

/* Rows of a table of the stored type. */
#define STEP_EMBED(TYPE)                                                                                               \
  void vlf_step_embed_##TYPE (const VlfMemory *memory, __global const VlfStep *s, const ulong first, const uint n)     \
  {                                                                                                                    \
    __global const VLF_STORED_##TYPE *table = (__global const VLF_STORED_##TYPE *) AT (s->x, 0);                      \
    __global const uint *ids = (__global const uint *) AT (s->room, 0) + first;                                        \
                                                                                                                       \
    for (uint i = 0; i < n; i++)                                                                                       \
      vlf_embed_row_##TYPE (AT (s->y, first + i), table, ids[i], s->cols);                                             \
  }

STEP_EMBED (f32)
STEP_EMBED (f16)
STEP_EMBED (bf16)

/* Rows [first, first + n). */
void
vlf_step_rows (const VlfMemory *memory, __global const VlfStep *s, const ulong first, const uint n)
{
  switch (s->kind) {
  case VLF_STEP_F32: vlf_step_f32 (memory, s, first, n); break;
  case VLF_STEP_F16: vlf_step_f16 (memory, s, first, n); break;
  case VLF_STEP_BF16: vlf_step_bf16 (memory, s, first, n); break;
  case VLF_STEP_NORM: vlf_step_norm (memory, s, first, n); break;
#if VLF_BF16 == 1
  case VLF_STEP_ROUND: vlf_step_round (memory, s, first, n); break;
  case VLF_STEP_PAIR: vlf_step_pair (memory, s, first, n); break;
#endif
#if VLF_INT8 != 3
  case VLF_STEP_QUANTISE: vlf_step_quantise (memory, s, first, n); break;
  case VLF_STEP_I8: vlf_step_i8 (memory, s, first, n); break;
#endif
  case VLF_STEP_COPY:
    for (uint i = 0; i < n; i++)
      vlf_copy_row (AT (s->y, first + i), AT (s->x, first + i), s->cols);
    break;
  case VLF_STEP_NORMALIZE:
    for (uint i = 0; i < n; i++)
      vlf_normalize_row (AT (s->y, first + i), AT (s->x, first + i), s->cols);
    break;
  case VLF_STEP_GATHER:
    for (uint i = 0; i < n; i++)
      vlf_copy_row (AT (s->y, first + i), AT (s->x, ((__global const uint *) AT (s->room, 0))[first + i]), s->cols);
    break;
  case VLF_STEP_SCATTER:
    for (uint i = 0; i < n; i++)
      vlf_copy_row (AT (s->y, ((__global const uint *) AT (s->room, 0))[first + i]), AT (s->x, first + i), s->cols);
    break;
  case VLF_STEP_EMBED_F32: vlf_step_embed_f32 (memory, s, first, n); break;
  case VLF_STEP_EMBED_F16: vlf_step_embed_f16 (memory, s, first, n); break;
  case VLF_STEP_EMBED_BF16: vlf_step_embed_bf16 (memory, s, first, n); break;
  default: vlf_step_mix (memory, s, first, n); break;
  }
}

/* Item @i of the phase whose first step is @s. */
void
vlf_do_item (const VlfMemory *memory, __global const VlfStep *s, uint i)
{
  uint height, more, n;
  ulong first;

  for (; i >= s->items; s += s->n)
    i -= s->items;
  if (s->kind == VLF_STEP_ATTENTION) {
    vlf_step_attention (memory, s, i);
    return;
  }
  height = s->rows / s->items;
  more = s->rows % s->items;
  first = (ulong) i * height + min (i, more);
  n = height + (i < more);
  for (uint j = 0; j < s->n; j++)
    vlf_step_rows (memory, s + j, first, n);
}

/* FALSE: that takes too long. Looking is cheap but orders nothing, and PoCL's mem_fence() is empty: only its atomic operations acquire what
 * those of others released, without which a processor that reads ahead (ARMv8.0) may have read what was there before they wrote. */
bool
vlf_wait_for (volatile __global uint *done, const uint items)
{
  for (uint i = 0; i < PATIENCE; i++) {
    if (*done >= items) {
      const bool all = atomic_add (done, 0) >= items;

      mem_fence (CLK_GLOBAL_MEM_FENCE); /* of runtimes where it is the other way round */
      return all;
    }
  }
  return false;
}

#define EIGHT(M, i) M (i##0), M (i##1), M (i##2), M (i##3), M (i##4), M (i##5), M (i##6), M (i##7)
#define ALL(M)                                                                                                         \
  EIGHT (M, 0), EIGHT (M, 1), EIGHT (M, 2), EIGHT (M, 3), EIGHT (M, 4), EIGHT (M, 5), EIGHT (M, 6), EIGHT (M, 7),      \
      EIGHT (M, 8), EIGHT (M, 9), EIGHT (M, a), EIGHT (M, b), EIGHT (M, c), EIGHT (M, d), EIGHT (M, e)
#define PARAMETER(i) __global float *m##i
#define NAME(i) m##i
VLF_KERNEL void
vlf_chain (__global VlfPhase *phases, const uint n_phases, __global const VlfStep *steps, ALL (PARAMETER))
{
  const VlfMemory memory[VLF_CHAIN_BUFFERS] = { ALL (NAME) };

  for (uint p = 0; p < n_phases; p++) {
    volatile __global uint *claimed = &phases[p].claimed, *done = &phases[p].done;
    const uint items = phases[p].items;

    for (uint i = atomic_inc (claimed); i < items; i = atomic_inc (claimed)) {
      vlf_do_item (memory, steps + phases[p].first, i);
      mem_fence (CLK_GLOBAL_MEM_FENCE);
      atomic_inc (done);
    }
    if (!vlf_wait_for (done, items))
      return;
  }
}
#undef PATIENCE
#undef AT
#undef STEP_LINEAR
#undef STEP_EMBED
#undef EIGHT
#undef ALL
#undef PARAMETER
#undef NAME
#endif
