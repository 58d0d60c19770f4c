/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Products by AMX, whose tiles are 16 rows of 64 bytes: vlf_gemm_pair of bf16 and, in int8.cl, vlf_gemm_i8 of signed bytes. Only built after a
 * probe has shown that they are right and, for bf16, that they pay; see tier.h. Instructions and their order of operands: Intel 64 and IA-32
 * Architectures Software Developer's Manual, volume 2.
 *
 * Rows of x lie as tiles of 16, in steps of 64 bytes: [rows / 16][k bytes / 64][16][64], k padded with zeros. Weights lie as for the other
 * dot products, [n / P, k / G, P, G], where 16 groups of G factors for half a panel are a tile.
 *
 * Groups { blocks of rows, panels }. A work-item has as many rows as come to its part of the groups, in whole tiles of 32, at most
 * VLF_AMX_ROWS. Four tiles of sums (2 of rows times 2 of columns) share what is loaded: four loads for four products. That is as much as
 * a second-level cache hands out at best; so a panel is taken in pieces of VLF_AMX_STEPS steps, 16 KiB, which stay in the first level
 * while all tiles of rows pass, with their sums (at most 16 KiB) in private memory. */
#if defined(VLF_CPU) && VLF_WIDTH == 16 && (VLF_BF16 == 2 || VLF_INT8 == 3)

#define VLF_AMX_ROWS  128u
#define VLF_AMX_STEPS 8u

/* Where in tiles a row with @bytes begins, in bytes. */
#define VLF_IN_TILES(row, bytes) ((ulong) ((row) & ~15u) * (bytes) + ((row) & 15u) * 64u)

/* What ldtilecfg reads: palette 1, and rows and bytes per row of every tile. */
typedef struct __attribute__ ((aligned (64))) {
  uchar palette, start_row, reserved[14];
  ushort bytes[16];
  uchar rows[16];
} VlfTileShapes;

/* Tiles 0 to 3: sums of 32 rows and a panel; 4 and 5: rows of x; 6 and 7: halves of a panel. */
#define AMX_SHAPES(shapes)       __asm__ volatile ("ldtilecfg %0" : : "m"(shapes) : "memory")
#define AMX_RELEASE()            __asm__ volatile ("tilerelease" : : : "memory")
#define AMX_ZERO(T)              __asm__ volatile ("tilezero %%tmm" #T : : : "memory")
#define AMX_LOAD(T, p, stride)   __asm__ volatile ("tileloadd (%0,%1,1), %%tmm" #T : : "r"(p), "r"((long) (stride)) : "memory")
#define AMX_STORE(T, p, stride)  __asm__ volatile ("tilestored %%tmm" #T ", (%0,%1,1)" : : "r"(p), "r"((long) (stride)) : "memory")
/* sums += a b, INSTRUCTION says of what. */
#define AMX_DOT(INSTRUCTION, SUMS, A, B) __asm__ volatile (INSTRUCTION " %%tmm" #B ", %%tmm" #A ", %%tmm" #SUMS : : : "memory")

/* Tiles for @rows rows of x, up to 32. */
void
vlf_shape_tiles (const uint rows)
{
  const uint upper = min (rows, 16u), lower = rows - upper;
  VlfTileShapes shapes = { .palette = 1 };

  for (uint t = 0; t < 8; t++) {
    shapes.rows[t] = t > 5 ? 16 : t == 2 || t == 3 || t == 5 ? lower : upper;
    shapes.bytes[t] = shapes.rows[t] ? 64 : 0;
  }
  AMX_SHAPES (shapes);
}

/* Up to 32 rows of x times @steps steps of a panel, added to @sums [rows, 2] unless they are the @first. @x_tile: bytes from one tile of rows to the
 * next. */
#define VLF_AMX_BLOCK(TYPE, INSTRUCTION)                                                                               \
  void vlf_amx_block_##TYPE (__global const uchar *x, const ulong x_tile, __global const uchar *w, const uint steps,   \
                             const uint rows, const bool first, vlf_v *sums)                                           \
  {                                                                                                                    \
    const bool both = rows > 16;                                                                                       \
                                                                                                                       \
    if (first) {                                                                                                       \
      AMX_ZERO (0);                                                                                                    \
      AMX_ZERO (1);                                                                                                    \
    } else {                                                                                                           \
      AMX_LOAD (0, sums, 128);                                                                                         \
      AMX_LOAD (1, sums + 1, 128);                                                                                     \
    }                                                                                                                  \
    if (both && first) {                                                                                               \
      AMX_ZERO (2);                                                                                                    \
      AMX_ZERO (3);                                                                                                    \
    } else if (both) {                                                                                                 \
      AMX_LOAD (2, sums + 32, 128);                                                                                    \
      AMX_LOAD (3, sums + 33, 128);                                                                                    \
    }                                                                                                                  \
    for (uint k = 0; k < steps; k++, x += 1024, w += 2048) {                                                           \
      AMX_LOAD (6, w, 128);                                                                                            \
      AMX_LOAD (4, x, 64);                                                                                             \
      AMX_DOT (INSTRUCTION, 0, 4, 6);                                                                                  \
      AMX_LOAD (7, w + 64, 128);                                                                                       \
      AMX_DOT (INSTRUCTION, 1, 4, 7);                                                                                  \
      if (both) {                                                                                                      \
        AMX_LOAD (5, x + x_tile, 64);                                                                                  \
        AMX_DOT (INSTRUCTION, 2, 5, 6);                                                                                \
        AMX_DOT (INSTRUCTION, 3, 5, 7);                                                                                \
      }                                                                                                                \
    }                                                                                                                  \
    AMX_STORE (0, sums, 128);                                                                                          \
    AMX_STORE (1, sums + 1, 128);                                                                                      \
    if (both) {                                                                                                        \
      AMX_STORE (2, sums + 32, 128);                                                                                   \
      AMX_STORE (3, sums + 33, 128);                                                                                   \
    }                                                                                                                  \
  }

#define VLF_AMX_GEMM(TYPE, INSTRUCTION)                                                                                \
  VLF_AMX_BLOCK (TYPE, INSTRUCTION)                                                                                    \
                                                                                                                       \
  VLF_KERNEL void vlf_gemm_##TYPE (VLF_PRODUCT (VLF_STORED_##TYPE))                                                    \
  {                                                                                                                    \
    const uint blocks = (rows + 31) / 32, groups = get_num_groups (0), height = (blocks + groups - 1) / groups * 32;   \
    const uint first = get_group_id (0) * height, n = min (height, rows - first);                                      \
    const ulong column = get_group_id (1) * VLF_PANEL, row_bytes = inputs * sizeof (VLF_STORED_##TYPE);                \
    const uint steps = row_bytes / 64;                                                                                 \
    __global const uchar *from = (__global const uchar *) (x + x_offset) + first * row_bytes;                          \
    __global const uchar *panel = (__global const uchar *) w + (begin + column) * row_bytes;                           \
    vlf_v tile[2 * VLF_AMX_ROWS];                                                                                      \
    uint shaped = 0;                                                                                                   \
                                                                                                                       \
    for (uint k = 0; k < steps; k += VLF_AMX_STEPS)                                                                    \
      for (uint r = 0; r < n; r += 32) {                                                                               \
        const uint some = min (n - r, 32u);                                                                            \
                                                                                                                       \
        if (some != shaped)                                                                                            \
          vlf_shape_tiles (some);                                                                                      \
        shaped = some;                                                                                                 \
        vlf_amx_block_##TYPE (from + r * row_bytes + k * 1024, 16 * row_bytes, panel + k * 2048,                       \
                              min (steps - k, VLF_AMX_STEPS), some, k == 0, tile + 2 * r);                             \
      }                                                                                                                \
    AMX_RELEASE ();                                                                                                    \
    VLF_SCALE_##TYPE (tile, scales + scales_offset + first, bias + padded + begin + column, padded, n)                 \
    if (residual)                                                                                                      \
      residual += residual_offset + first * (ulong) residual_stride + column;                                          \
    vlf_finish_tile (y + y_offset + first * (ulong) y_stride + column, y_stride, bias + begin + column, residual,      \
                     residual_stride, tile, n, act);                                                                   \
  }

#if VLF_INT8 == 3
/* x in whole numbers to its places in tiles, of which @to is the first. */
void
vlf_tile_quantised_row (__global char *to, __global const float *x, const float inverse, const uint cols,
                        const uint padded)
{
  for (uint first = 0; first < padded; first += 64, to += 1024) {
    const uint some = first < cols ? min (cols - first, 64u) : 0;

    for (uint i = 0; i < some / 16; i++)
      vstore16 (convert_char16 (convert_int16 (fma (vload16 (i, x + first), (float16) inverse, (float16) VLF_ROUND) - VLF_ROUND)), i, to);
    for (uint i = some / 16 * 16; i < some; i++)
      to[i] = (char) (fma (x[first + i], inverse, VLF_ROUND) - VLF_ROUND);
    for (uint i = some; i < 64; i++)
      to[i] = 0;
  }
}
#endif
#endif
