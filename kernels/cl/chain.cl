/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlf_chain: several operations, each of which computes a row of its result from the same row of its operands, in one launch on the CPU
 * family. A work-item takes one tile of rows through all of them, so that what they hand on stays in its first-level cache and
 * nothing waits for the other threads in between. Groups { row tiles }, at most VLF_TILE rows each, as equal as they can be. The
 * numbers are those of vlf_gemm_*, vlf_norm, vlf_add_norm and vlf_mix, bit by bit. */
#ifdef VLF_CPU

/* Buffers that the steps of a chain may name; VLF_CL_CHAIN_BUFFERS in ops_cl_chain.c. */
#define BUFFERS 24

/* VlfClStep of ops_cl_chain.c. Views are a buffer, the element at which the first row begins, and a stride; @z.buffer BUFFERS: none. */
typedef struct {
  ulong offset;
  uint buffer, stride;
} VlfRows;

typedef __global float *VlfMemory;

typedef enum { STEP_F32, STEP_F16, STEP_BF16, STEP_NORM, STEP_MIX, STEP_ROUND, STEP_PAIR } VlfStepKind;

typedef struct {
  VlfRows y, x, z;
  VlfRows weight, bias; /* of a linear layer: from the first output on, and its bias; of a normalisation: its vectors */
  uint kind, cols, inputs;
  int act;
  float a, b; /* a: eps; or shares of x and z */
} VlfStep;

#define AT(v, row) (memory[(v).buffer] + (v).offset + (row) * (ulong) (v).stride)

#define STEP_LINEAR(TYPE)                                                                                              \
  void vlf_step_##TYPE (const VlfMemory *memory, __global const VlfStep *s, const ulong first, const uint n)           \
  {                                                                                                                    \
    __global const float *x = AT (s->x, first), *bias = AT (s->bias, 0);                                               \
    __global const VLF_STORED_##TYPE *w                                                                                \
        = (__global const VLF_STORED_##TYPE *) memory[s->weight.buffer] + s->weight.offset;                            \
    __global float *y = AT (s->y, first);                                                                              \
    __global const float *residual = s->z.buffer < BUFFERS ? AT (s->z, first) : 0;                                     \
    const size_t stride = s->x.stride;                                                                                 \
    const uint inputs = s->inputs;                                                                                     \
                                                                                                                       \
    for (uint column = 0; column < s->cols; column += VLF_PANEL) {                                                     \
      vlf_v tile[2 * VLF_TILE];                                                                                        \
                                                                                                                       \
      switch (n) {                                                                                                     \
        VLF_CASES (TYPE)                                                                                               \
      }                                                                                                                \
      vlf_finish_tile (y + column, s->y.stride, bias + column, residual ? residual + column : 0, s->z.stride, tile, n, \
                       s->act);                                                                                        \
      w += (size_t) inputs * VLF_PANEL;                                                                                \
    }                                                                                                                  \
  }

STEP_LINEAR (f32)
STEP_LINEAR (f16)
STEP_LINEAR (bf16)

#if VLF_BF16 == 1
STEP_LINEAR (pair)

/* x [cols] to y in bf16, padded to [inputs]. */
void
vlf_step_round (const VlfMemory *memory, __global const VlfStep *s, const ulong first, const uint n)
{
  for (uint i = 0; i < n; i++)
    vlf_round_row ((__global ushort *) AT (s->y, first + i), AT (s->x, first + i), s->cols, s->inputs);
}
#endif

void
vlf_step_norm (const VlfMemory *memory, __global const VlfStep *s, const ulong first, const uint n)
{
  for (uint i = 0; i < n; i++) {
    __global float *to = AT (s->y, first + i);
    __global const float *p = AT (s->x, first + i);

    if (s->z.buffer < BUFFERS) {
      __global const float *q = AT (s->z, first + i);

      VLF_FOR_ROW (s->cols, vlf_store (vlf_load (i, p) + vlf_load (i, q), i, to), to[i] = p[i] + q[i])
    } else {
      VLF_FOR_ROW (s->cols, vlf_store (vlf_load (i, p), i, to), to[i] = p[i])
    }
    vlf_norm_row (to, AT (s->weight, 0), AT (s->bias, 0), s->a, s->cols);
  }
}

void
vlf_step_mix (const VlfMemory *memory, __global const VlfStep *s, const ulong first, const uint n)
{
  for (uint i = 0; i < n; i++)
    vlf_mix_row (AT (s->y, first + i), AT (s->x, first + i), AT (s->z, first + i), s->a, s->b, s->cols);
}

#define BUFFER(i) __global float *m##i
VLF_KERNEL void
vlf_chain (__global const VlfStep *steps, const uint n_steps, const uint rows, BUFFER (0), BUFFER (1), BUFFER (2),
           BUFFER (3), BUFFER (4), BUFFER (5), BUFFER (6), BUFFER (7), BUFFER (8), BUFFER (9), BUFFER (10), BUFFER (11),
           BUFFER (12), BUFFER (13), BUFFER (14), BUFFER (15), BUFFER (16), BUFFER (17), BUFFER (18), BUFFER (19),
           BUFFER (20), BUFFER (21), BUFFER (22), BUFFER (23))
{
  const VlfMemory memory[BUFFERS] = { m0,  m1,  m2,  m3,  m4,  m5,  m6,  m7,  m8,  m9,  m10, m11,
                                      m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23 };
  const uint tiles = get_num_groups (0), t = get_group_id (0), height = rows / tiles, more = rows % tiles;
  const ulong first = (ulong) t * height + min (t, more);
  const uint n = height + (t < more);

  for (uint i = 0; i < n_steps; i++) {
    switch (steps[i].kind) {
    case STEP_F32: vlf_step_f32 (memory, steps + i, first, n); break;
    case STEP_F16: vlf_step_f16 (memory, steps + i, first, n); break;
    case STEP_BF16: vlf_step_bf16 (memory, steps + i, first, n); break;
    case STEP_NORM: vlf_step_norm (memory, steps + i, first, n); break;
#if VLF_BF16 == 1
    case STEP_ROUND: vlf_step_round (memory, steps + i, first, n); break;
    case STEP_PAIR: vlf_step_pair (memory, steps + i, first, n); break;
#endif
    default: vlf_step_mix (memory, steps + i, first, n); break;
    }
  }
}
#undef BUFFERS
#undef AT
#undef STEP_LINEAR
#undef BUFFER
#endif
