/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Products of 16-bit floats, summed in f32, by the matrix instructions of NVIDIA's GPUs (mma.sync, ldmatrix, cp.async; compute capability 8.0
 * and later): vlf_gemm_pair of bf16, vlf_gemm_half of f16. Only built after a probe has shown that they are right and pay, see tier.h.
 * VLF_MMA 1: by inline PTX; 2: what the instructions do, by hand in plain OpenCL C, for tests on other devices. Layouts of fragments: PTX ISA,
 * "Matrix Fragments for mma.m16n8k16" and "ldmatrix".
 *
 * Rows of x are rounded before (vlf_round, vlf_round_half) to [rows, k], weights are [n, k], k padded to a multiple of 32 with zeros.
 *
 * Groups { m / 64, n / 64 } of 128 work-items, four warps with 32 x 32 results each. Steps of 32 columns come through local memory, 8 KiB each of
 * which three are under way: while one is multiplied, the next two arrive. A step has 64 rows of x and 64 of w, of four chunks of 16 bytes,
 * which lie where the eight rows that ldmatrix reads at once fall into different banks. Rows that do not exist are the last one. Results go
 * through the same memory, so that they are written row by row. */
#if defined(VLF_GPU) && defined(VLF_MMA)

#define MMA_SIDE   64u
#define MMA_GROUP  128u
#define MMA_STEP   32u
#define MMA_STAGES 3u
#define MMA_TILE   (MMA_SIDE * 4u) /* chunks */
#define MMA_PITCH  72u             /* of results in local memory: floats from row to row, apart in their banks */

/* Where in a tile a chunk of a row lies. */
#define MMA_PLACE(row, chunk) ((row) *4u + ((chunk) ^ ((row) >> 1 & 3u)))

#if VLF_MMA == 1
#define MMA_EACH(i, n) _Pragma ("unroll") for (uint i = 0; i < (n); i++)
#define MMA_STATE
#define MMA_COPY(to, from)                                                                                             \
  __asm__ volatile ("cp.async.cg.shared.global [%0], [%1], 16;" : : "r"((uint) (size_t) (to)), "l"(from) : "memory")
#define MMA_COMMIT() __asm__ volatile ("cp.async.commit_group;" : : : "memory")
/* Until at most the newest MMA_STAGES - 2 groups of copies are under way. */
#define MMA_WAIT() __asm__ volatile ("cp.async.wait_group 1;" : : : "memory")
/* r [4]: of four matrices of 8 x 8 what this lane has; lanes 8 i to 8 i + 7 name the rows of matrix i. */
#define MMA_LOAD(r, from)                                                                                              \
  __asm__ volatile ("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"                                     \
                : "=r"((r)[0]), "=r"((r)[1]), "=r"((r)[2]), "=r"((r)[3])                                               \
                : "r"((uint) (size_t) (from))                                                                          \
                : "memory")
#define MMA_DOT(TYPE, c, a, b)                                                                                         \
  __asm__ volatile ("mma.sync.aligned.m16n8k16.row.col.f32." TYPE "." TYPE ".f32 "                                         \
                "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                                      \
                : "+f"((c)[0]), "+f"((c)[1]), "+f"((c)[2]), "+f"((c)[3])                                               \
                : "r"((a)[0]), "r"((a)[1]), "r"((a)[2]), "r"((a)[3]), "r"((b)[0]), "r"((b)[1]))
#else
/* Copies arrive when they must have, not before; lanes of a warp see each other's registers in local memory. */
typedef struct {
  uint to[MMA_STAGES][4];
  __global const uint4 *from[MMA_STAGES][4];
  uint copies[MMA_STAGES], begun, ended; /* of groups */
  __local uint4 *tiles;
  __local uint *registers; /* [MMA_GROUP][6] */
} VlfLane;

#define MMA_EACH(i, n) for (uint i = 0; i < (n); i++)
#define MMA_STATE                                                                                                      \
  __local uint registers[MMA_GROUP * 6];                                                                               \
  VlfLane lane_state = { .tiles = tiles, .registers = registers }, *state = &lane_state;

void
vlf_mma_copy (VlfLane *state, __local uint4 *to, __global const void *from)
{
  const uint slot = state->begun % MMA_STAGES, i = state->copies[slot]++;

  state->to[slot][i] = (uint) (to - state->tiles);
  state->from[slot][i] = from;
}

void
vlf_mma_commit (VlfLane *state)
{
  state->copies[++state->begun % MMA_STAGES] = 0;
}

void
vlf_mma_wait (VlfLane *state)
{
  for (; state->begun - state->ended > MMA_STAGES - 2; state->ended++) {
    const uint slot = state->ended % MMA_STAGES;

    for (uint i = 0; i < state->copies[slot]; i++)
      state->tiles[state->to[slot][i]] = *state->from[slot][i];
  }
}

void
vlf_mma_load (VlfLane *state, uint *r, __local uint4 *from)
{
  const uint id = get_local_id (0), lane = id % 32;

  barrier (CLK_LOCAL_MEM_FENCE);
  state->registers[id] = (uint) (from - state->tiles);
  barrier (CLK_LOCAL_MEM_FENCE);
  for (uint i = 0; i < 4; i++)
    r[i] = ((__local uint *) (state->tiles + state->registers[id - lane + 8 * i + lane / 4]))[lane % 4];
  barrier (CLK_LOCAL_MEM_FENCE);
}


/* The product of elements k and k + 1 of a row of a and a column of b, which the registers @a and @b of a lane hold together. */
float
vlf_mma_pair (const bool bf16, const uint a, const uint b)
{
  return bf16 ? vlf_from_bf16 (a & 0xffff) * vlf_from_bf16 (b & 0xffff) + vlf_from_bf16 (a >> 16) * vlf_from_bf16 (b >> 16)
              : vlf_from_f16 (a & 0xffff) * vlf_from_f16 (b & 0xffff) + vlf_from_f16 (a >> 16) * vlf_from_f16 (b >> 16);
}

/* Four lanes share a row of a, and a column of b. No loop over them: llvmpipe gives up after 65,535 rounds of all loops. */
void
vlf_mma_dot (VlfLane *state, const bool bf16, float *c, const uint *a, const uint *b)
{
  const uint id = get_local_id (0), lane = id % 32;
  __local uint *registers = state->registers + (id - lane) * 6, *own = registers + lane * 6;

  barrier (CLK_LOCAL_MEM_FENCE);
  own[0] = a[0];
  own[1] = a[1];
  own[2] = a[2];
  own[3] = a[3];
  own[4] = b[0];
  own[5] = b[1];
  barrier (CLK_LOCAL_MEM_FENCE);
  for (uint i = 0; i < 4; i++) {
    __local const uint *row = registers + lane / 4 * 24 + i / 2, *column = registers + (lane % 4 * 2 + i % 2) * 24 + 4;

    c[i] += vlf_mma_pair (bf16, row[0], column[0]) + vlf_mma_pair (bf16, row[6], column[6]) +
            vlf_mma_pair (bf16, row[12], column[12]) + vlf_mma_pair (bf16, row[18], column[18]) +
            vlf_mma_pair (bf16, row[2], column[1]) + vlf_mma_pair (bf16, row[8], column[7]) +
            vlf_mma_pair (bf16, row[14], column[13]) + vlf_mma_pair (bf16, row[20], column[19]);
  }
  barrier (CLK_LOCAL_MEM_FENCE);
}

#define MMA_COPY(to, from)     vlf_mma_copy (state, to, from)
#define MMA_COMMIT()           vlf_mma_commit (state)
#define MMA_WAIT()             vlf_mma_wait (state)
#define MMA_LOAD(r, from)      vlf_mma_load (state, r, from)
#define MMA_DOT(TYPE, c, a, b) vlf_mma_dot (state, sizeof TYPE == sizeof "bf16", c, a, b)
#endif

/* The chunks of step @step that this work-item fetches, of 64 rows of @x and of @w. */
#define MMA_FETCH(step)                                                                                                \
  if ((step) < steps)                                                                                                  \
    MMA_EACH (i, 2)                                                                                                    \
    {                                                                                                                  \
      const uint row = (id + i * MMA_GROUP) / 4, chunk = id % 4;                                                       \
      __local uint4 *to = tiles + (step) % MMA_STAGES * 2 * MMA_TILE + MMA_PLACE (row, chunk);                         \
                                                                                                                       \
      MMA_COPY (to, from + min (row0 + row, rows - 1) * (ulong) x_stride * 2 + (step) *MMA_STEP + chunk * 8);          \
      MMA_COPY (to + MMA_TILE,                                                                                         \
                w + min (begin + col0 + row, padded - 1) * (ulong) inputs + (step) *MMA_STEP + chunk * 8);             \
    }                                                                                                                  \
  MMA_COMMIT ();

#define VLF_MMA_GEMM(NAME, TYPE)                                                                                       \
  __kernel __attribute__ ((reqd_work_group_size (MMA_GROUP, 1, 1))) void vlf_gemm_##NAME (VLF_PRODUCT (ushort))        \
  {                                                                                                                    \
    __local uint4 tiles[MMA_STAGES * 2 * MMA_TILE];                                                                    \
    const uint id = get_local_id (0), lane = id % 32, top = id / 32 % 2 * 32, left = id / 64 * 32;                     \
    const uint row0 = get_group_id (0) * MMA_SIDE, col0 = get_group_id (1) * MMA_SIDE, steps = inputs / MMA_STEP;      \
    __global const ushort *from = (__global const ushort *) (x + x_offset);                                            \
    float sum[2][4][4];                                                                                                \
    MMA_STATE                                                                                                          \
                                                                                                                       \
    MMA_EACH (i, 2) MMA_EACH (j, 4) MMA_EACH (e, 4) sum[i][j][e] = 0.0f;                                               \
    MMA_FETCH (0)                                                                                                      \
    MMA_FETCH (1)                                                                                                      \
    for (uint step = 0; step < steps; step++) {                                                                        \
      __local uint4 *xs = tiles + step % MMA_STAGES * 2 * MMA_TILE, *ws = xs + MMA_TILE;                               \
                                                                                                                       \
      MMA_WAIT ();                                                                                                     \
      barrier (CLK_LOCAL_MEM_FENCE);                                                                                   \
      MMA_FETCH (step + 2)                                                                                             \
      MMA_EACH (half_step, 2)                                                                                          \
      {                                                                                                                \
        uint a[2][4], b[2][4];                                                                                         \
                                                                                                                       \
        MMA_EACH (i, 2)                                                                                                \
        {                                                                                                              \
          const uint x_row = top + i * 16 + lane % 16, w_row = left + i * 16 + lane % 8 + lane / 16 * 8;               \
                                                                                                                       \
          MMA_LOAD (a[i], xs + MMA_PLACE (x_row, half_step * 2 + lane / 16));                                          \
          MMA_LOAD (b[i], ws + MMA_PLACE (w_row, half_step * 2 + lane / 8 % 2));                                       \
        }                                                                                                              \
        MMA_EACH (i, 2) MMA_EACH (j, 4) MMA_DOT (TYPE, sum[i][j], a[i], b[j / 2] + j % 2 * 2);                         \
      }                                                                                                                \
    }                                                                                                                  \
    barrier (CLK_LOCAL_MEM_FENCE);                                                                                     \
    MMA_EACH (i, 2) MMA_EACH (j, 4) MMA_EACH (e, 4)                                                                    \
    {                                                                                                                  \
      const uint row = top + i * 16 + lane / 4 + e / 2 * 8, col = left + j * 8 + lane % 4 * 2 + e % 2;                 \
                                                                                                                       \
      ((__local float *) tiles)[row * MMA_PITCH + col] = sum[i][j][e];                                                 \
    }                                                                                                                  \
    barrier (CLK_LOCAL_MEM_FENCE);                                                                                     \
    for (uint i = id; i < MMA_SIDE * MMA_SIDE; i += MMA_GROUP) {                                                       \
      const uint row = row0 + i / MMA_SIDE, col = col0 + i % MMA_SIDE;                                                 \
      const float dot = ((__local float *) tiles)[i / MMA_SIDE * MMA_PITCH + i % MMA_SIDE];                            \
                                                                                                                       \
      if (row < rows && col < cols)                                                                                    \
        y[y_offset + (ulong) row * y_stride + col]                                                                     \
            = vlf_activate (dot + bias[begin + col], act)                                                              \
              + (residual ? residual[residual_offset + (ulong) row * residual_stride + col] : 0.0f);                   \
    }                                                                                                                  \
  }

VLF_MMA_GEMM (pair, "bf16")
VLF_MMA_GEMM (half, "f16")

/* To nearest, to even where it lies between two; a NaN stays one. */
ushort
vlf_to_bf16 (const float x)
{
  const uint bits = as_uint (x);

  return isnan (x) ? 0x7fc0 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/* As above; what is too large becomes the largest, except that what is infinite remains so. */
ushort
vlf_to_f16 (const float x)
{
  const uint bits = as_uint (x), m = bits & 0x7fffffff, sign = bits >> 16 & 0x8000;

  if (m >= 0x7f800000)
    return sign | (m > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (m >= 0x477ff000)
    return sign | 0x7bff;
  if (m < 0x38800000) /* below 2^-14: units of 2^-24 */
    return sign | (uint) (as_float (m) * 0x1p24f + VLF_ROUND - VLF_ROUND);
  return sign | (m - 0x38000000 + 0xfff + (m >> 13 & 1)) >> 13;
}

/* A row [k] of x to q in 16 bits, padded with zeros to [padded]. Groups { rows }. */
#define VLF_ROUND_ROWS(NAME, TO)                                                                                       \
  VLF_ROW_KERNEL void NAME (__global float *q, const ulong q_offset, const uint q_stride, __global const float *x,     \
                            const ulong x_offset, const uint x_stride, const uint cols, const uint padded)             \
  {                                                                                                                    \
    __global ushort *to = (__global ushort *) (q + q_offset + get_group_id (0) * (ulong) q_stride);                    \
                                                                                                                       \
    x += x_offset + get_group_id (0) * (ulong) x_stride;                                                               \
    for (uint i = get_local_id (0); i < padded; i += VLF_ROW_GROUP)                                                    \
      to[i] = i < cols ? TO (x[i]) : 0;                                                                                \
  }

VLF_ROUND_ROWS (vlf_round, vlf_to_bf16)
VLF_ROUND_ROWS (vlf_round_half, vlf_to_f16)
#endif
