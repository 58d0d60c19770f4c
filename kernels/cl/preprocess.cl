/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* preprocess: pictures to normalised patch rows in three launches, in whole numbers as PIL has them, so that every device finds the
 * same pixels. One set for both families; only the columns and rows that the cut depends on are computed.
 *   vlf_rgb            samples of any layout -> planar RGB of 8 bits
 *   vlf_resize_rows    horizontal filter, 8 bits again
 *   vlf_resize_columns vertical filter, 8 bits again, then levels, fill and the order of patch rows
 * Global size: CPU {1, rows, channels}, one work-item per row, or per RUN of them in the first two, which compute those side by side in
 * a vector: between them pixels lie as [runs of rows, column, row of the run]; GPU {runs rounded up to 64, rows, channels}, where a run
 * is RUN pixels, or one in vlf_resize_rows. Scratch rows may be read RUN samples past their end: what is there meets weight 0 or is not
 * written. */
#define RUN         16
#define MATRIX_BITS 18 /* VLF_MATRIX_BITS and VLF_WEIGHT_BITS of backend.h */
#define WEIGHT_BITS 22

/* The samples of pixels x..x+15 of a row, nearest where the component is subsampled; those past the picture repeat its last one. */
uchar16
vlf_fetch (__global const uchar *row, uint x, uint width, uint pixel_stride, uint shift)
{
  const uint16 lanes = (uint16) (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  uint16 at;

  if (x + RUN < width) { /* one more, because interleaved components start up to three bytes later */
    if (pixel_stride == 1 && shift == 0)
      return vload16 (0, row + x);
    if (pixel_stride == 1 && shift == 1)
      return vload8 (0, row + x / 2).s0011223344556677;
    if (pixel_stride == 2 && shift == 1)
      return vload16 (0, row + x).s0022446688aaccee;
    if (pixel_stride == 3 && shift == 0) {
      const uchar16 a = vload16 (0, row + 3 * x), b = vload16 (1, row + 3 * x), c = vload16 (2, row + 3 * x);
      return (uchar16) (a.s0369, a.scf, b.s258b, b.se, c.s147a, c.sd);
    }
    if (pixel_stride == 4 && shift == 0) {
      const uchar16 a = vload16 (0, row + 4 * x), b = vload16 (1, row + 4 * x), c = vload16 (2, row + 4 * x),
                    d = vload16 (3, row + 4 * x);
      return (uchar16) (a.s048c, b.s048c, c.s048c, d.s048c);
    }
  }
  at = (min (lanes + x, (uint16) (width - 1)) >> shift) * pixel_stride; /* see vlf_filter_column() */
  return (uchar16) (row[at.s0], row[at.s1], row[at.s2], row[at.s3], row[at.s4], row[at.s5], row[at.s6], row[at.s7],
                  row[at.s8], row[at.s9], row[at.sa], row[at.sb], row[at.sc], row[at.sd], row[at.se], row[at.sf]);
}

/* Whether @m has 1 in the diagonal and nothing else. */
bool
vlf_is_identity (__global const int *m)
{
  bool same = true;

  for (uint i = 0; i < 12; i++)
    same = same && m[i] == (i % 5 == 0 ? 1 << MATRIX_BITS : 0);
  return same;
}

/* One channel of RGB: @m is a row of the matrix. */
uchar16
vlf_mix_rgb (int16 a, int16 b, int16 c, __global const int *m)
{
  int16 sum = m[0] * a + m[1] * b + m[2] * c + (m[3] + (1 << (MATRIX_BITS - 1)));

  return convert_uchar16_sat (sum >> MATRIX_BITS);
}

/* A component: its plane, first sample, strides and subsampling (struct VlfImage). */
#define COMPONENT(i)                                                                                                   \
  __global const uchar *plane##i, ulong offset##i, ulong stride##i, uint pixel_stride##i, uint x_shift##i, uint y_shift##i
#define FETCH(i)                                                                                                       \
  vlf_fetch (plane##i + offset##i + (y >> y_shift##i) * stride##i, x, width, pixel_stride##i, x_shift##i)

#ifdef VLF_CPU
/* Sixteen runs of sixteen samples, transposed: log2 (16) perfect shuffles. */
#define ZIP(x, y)                                                                                                      \
  (uchar16) (x.s0, y.s0, x.s1, y.s1, x.s2, y.s2, x.s3, y.s3, x.s4, y.s4, x.s5, y.s5, x.s6, y.s6, x.s7, y.s7)
#define ZIP_HI(x, y)                                                                                                   \
  (uchar16) (x.s8, y.s8, x.s9, y.s9, x.sa, y.sa, x.sb, y.sb, x.sc, y.sc, x.sd, y.sd, x.se, y.se, x.sf, y.sf)
void
vlf_transpose (uchar16 *x)
{
#pragma unroll
  for (uint step = 0; step < 4; step++) {
    uchar16 y[RUN];

#pragma unroll
    for (uint i = 0; i < RUN / 2; i++) {
      y[2 * i] = ZIP (x[i], x[i + RUN / 2]);
      y[2 * i + 1] = ZIP_HI (x[i], x[i + RUN / 2]);
    }
#pragma unroll
    for (uint i = 0; i < RUN; i++)
      x[i] = y[i];
  }
}
#undef ZIP
#undef ZIP_HI

/* PoCL takes vstore16() of bytes apart into sixteen stores. */
typedef struct __attribute__ ((packed)) {
  uchar16 x;
} VlfPixels;

void
vlf_store_pixels (const uchar16 x, __global uchar *to)
{
  ((__global VlfPixels *) to)->x = x;
}

/* Pixels [x0, x1) of the get_global_id (1)-th run of rows from y0 on, of which those that the picture does not have repeat its last one; x0 is
 * a multiple of RUN. @rgb_stride: bytes of a run. */
VLF_KERNEL void
vlf_rgb (COMPONENT (0), COMPONENT (1), COMPONENT (2), __global const int *matrix, uint width, uint height, uint x0, uint x1,
         uint y0, __global float *rgb, ulong rgb_offset, uint rgb_stride, ulong rgb_plane)
{
  __global uchar *to = (__global uchar *) (rgb + rgb_offset) + get_global_id (1) * rgb_stride;
  const bool same = vlf_is_identity (matrix);

  for (uint x = x0; x < x1; x += RUN) {
    uchar16 pixels[3][RUN];

    for (uint i = 0; i < RUN; i++) {
      const ulong y = min (y0 + (uint) get_global_id (1) * RUN + i, height - 1);

      pixels[0][i] = FETCH (0);
      pixels[1][i] = FETCH (1);
      pixels[2][i] = FETCH (2);
      if (!same) {
        const int16 a = convert_int16 (pixels[0][i]), b = convert_int16 (pixels[1][i]), c = convert_int16 (pixels[2][i]);

        for (uint channel = 0; channel < 3; channel++)
          pixels[channel][i] = vlf_mix_rgb (a, b, c, matrix + 4 * channel);
      }
    }
    for (uint channel = 0; channel < 3; channel++) {
      vlf_transpose (pixels[channel]);
      for (uint i = 0; i < RUN; i++)
        vlf_store_pixels (pixels[channel][i], to + channel * rgb_plane + (x - x0 + i) * RUN);
    }
  }
}

/* Outputs [0, n) of a run of rows of one channel; output i is the sum over count[i] source samples from first[i] on. */
VLF_KERNEL void
vlf_resize_rows (__global const float *rgb, ulong rgb_offset, uint rgb_stride, ulong rgb_plane, uint x0,
                 __global const uint *first, __global const uint *count, __global const int *weights, uint taps, uint n,
                 __global float *wide, ulong wide_offset, uint wide_stride, ulong wide_plane)
{
  __global const uchar *from =
      (__global const uchar *) (rgb + rgb_offset) + get_global_id (1) * rgb_stride + get_global_id (2) * rgb_plane;
  __global uchar *to = (__global uchar *) (wide + wide_offset) + get_global_id (1) * RUN * (ulong) wide_stride +
                       get_global_id (2) * wide_plane;

  for (uint i0 = 0; i0 < n; i0 += RUN) {
    uchar16 out[RUN];

    for (uint k = 0; k < RUN; k++) {
      const uint i = min (i0 + k, n - 1), end = count[i];
      __global const uchar *in = from + (ulong) (first[i] - x0) * RUN;
      __global const int *w = weights + i * taps;
      int16 sum = 1 << (WEIGHT_BITS - 1);

      for (uint j = 0; j < end; j++)
        sum += convert_int16 (vload16 (j, in)) * w[j];
      out[k] = convert_uchar16 (clamp (sum >> WEIGHT_BITS, (int16) 0, (int16) 255)); /* see vlf_filter_column() */
    }
    vlf_transpose (out);
    for (uint row = 0; row < RUN; row++)
      vlf_store_pixels (out[row], to + (ulong) row * wide_stride + i0);
  }
}
#else
/* Pixels [x0, x1) of rows y0 + get_global_id (1); x0 is a multiple of RUN. */
VLF_ROW_KERNEL void
vlf_rgb (COMPONENT (0), COMPONENT (1), COMPONENT (2), __global const int *matrix, uint width, uint height, uint x0, uint x1,
         uint y0, __global float *rgb, ulong rgb_offset, uint rgb_stride, ulong rgb_plane)
{
  const ulong y = y0 + get_global_id (1);
  __global uchar *to = (__global uchar *) (rgb + rgb_offset) + get_global_id (1) * rgb_stride;

  for (uint x = x0 + get_global_id (0) * RUN; x < x1; x += get_global_size (0) * RUN) {
    int16 a = convert_int16 (FETCH (0)), b = convert_int16 (FETCH (1)), c = convert_int16 (FETCH (2));

    vstore16 (vlf_mix_rgb (a, b, c, matrix), 0, to + (x - x0));
    vstore16 (vlf_mix_rgb (a, b, c, matrix + 4), 0, to + rgb_plane + (x - x0));
    vstore16 (vlf_mix_rgb (a, b, c, matrix + 8), 0, to + 2 * rgb_plane + (x - x0));
  }
}

/* Outputs [0, n) of one row of one channel; output i is the sum over count[i] source samples from first[i] on. */
VLF_ROW_KERNEL void
vlf_resize_rows (__global const float *rgb, ulong rgb_offset, uint rgb_stride, ulong rgb_plane, uint x0,
                 __global const uint *first, __global const uint *count, __global const int *weights, uint taps, uint n,
                 __global float *wide, ulong wide_offset, uint wide_stride, ulong wide_plane)
{
  __global const uchar *from =
      (__global const uchar *) (rgb + rgb_offset) + get_global_id (1) * rgb_stride + get_global_id (2) * rgb_plane;
  __global uchar *to =
      (__global uchar *) (wide + wide_offset) + get_global_id (1) * wide_stride + get_global_id (2) * wide_plane;

  for (uint i = get_global_id (0); i < n; i += get_global_size (0)) {
    __global const uchar *in = from + (first[i] - x0);
    __global const int *w = weights + i * taps;
    int8 sum = 0;

    for (uint j = 0; j < count[i]; j += 8)
      sum += convert_int8 (vload8 (0, in + j)) * vload8 (0, w + j);
    int4 four = sum.lo + sum.hi;
    int2 two = four.lo + four.hi;

    to[i] = convert_uchar_sat ((two.x + two.y + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS);
  }
}
#endif

/* Sixteen columns of the vertical filter. */
int16
vlf_filter_column (__global const uchar *in, uint stride, __global const int *w, uint count)
{
  int16 sum = 1 << (WEIGHT_BITS - 1);

  for (uint j = 0; j < count; j++)
    sum += convert_int16 (vload16 (0, in + j * stride)) * w[j];
  return clamp (sum >> WEIGHT_BITS, (int16) 0, (int16) 255); /* oclgrind 21.10 reads scalar bounds as vectors */
}

/* One row of the cut in one channel, get_global_id (1) and (2), into the patches that it crosses. Columns [column0, column1) and rows
 * [row0, row1) of the resized picture exist: @wide starts at column0, first[0] and weights[0] belong to row0; the rest is filled.
 * @levels: [3][257], of which the last is the fill. @across: patches in a row of the grid, @size: pixels of a patch. */
VLF_ROW_KERNEL void
vlf_resize_columns (__global const float *wide, ulong wide_offset, uint wide_stride, ulong wide_plane, uint y0,
                    int column0, int column1, int row0, int row1, __global const uint *first, __global const uint *count,
                    __global const int *weights, uint taps, __global const float *levels, int crop_x, int crop_y,
                    uint across, uint size, __global float *y, ulong y_offset, uint y_stride)
{
  const uint line = get_global_id (1), channel = get_global_id (2), runs = (size + RUN - 1) / RUN;
  const int row = crop_y + (int) line;
  const bool exists = row >= row0 && row < row1;
  const uint i = exists ? (uint) (row - row0) : 0;
  __global const uchar *from = (__global const uchar *) (wide + wide_offset) + channel * wide_plane +
                             (ulong) (first[i] - y0) * wide_stride;
  __global const float *level = levels + channel * 257;

  for (uint run = get_global_id (0); run < across * runs; run += get_global_size (0)) {
    const uint patch = line / size * across + run / runs, x = run % runs * RUN, n = min (size - x, (uint) RUN);
    const int column = crop_x + (int) (run / runs * size + x);
    const int start = clamp (column, column0, column1 - 1);
    __global float *to =
        y + y_offset + (ulong) patch * y_stride + (channel * size + line % size) * size + x;
    int values[RUN];

    vstore16 (vlf_filter_column (from + (start - column0), wide_stride, weights + i * taps, count[i]), 0, values);
    for (uint j = 0; j < n; j++) {
      int at = column + (int) j;
      bool inside = exists && at >= column0 && at < column1;

      to[j] = level[inside ? values[at - start] : 256];
    }
  }
}
#undef RUN
#undef MATRIX_BITS
#undef WEIGHT_BITS
#undef COMPONENT
#undef FETCH
