/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* preprocess: pictures to normalised patch rows, in whole numbers as PIL has them, so that every device finds the same pixels; only the
 * columns and rows that the cut depends on are computed.
 *   vlf_rgb            samples of any layout -> planar RGB of 8 bits
 *   vlf_resize_rows    horizontal filter, 8 bits again
 *   vlf_resize_columns vertical filter, 8 bits again, then levels, fill and the order of patch rows
 * Global size of the GPU family: {runs rounded up to 64, rows, channels}, where a run is RUN pixels, or one in vlf_resize_rows. The CPU family
 * has vlf_narrow in place of the first two: RUN rows side by side in a vector, pixels between the two as [column, row of the run] in room of
 * a group's own that stays in the caches; and a work-item per row and channel in the last. Scratch rows may be read RUN samples past their end,
 * and TOGETHER - 1 rows past the last: what is there meets weight 0 or is not written. */
#define RUN         16
#define MATRIX_BITS 18 /* VLF_MATRIX_BITS and VLF_WEIGHT_BITS of backend.h */
#define WEIGHT_BITS 22
#define TOGETHER    4 /* taps; those beyond the last one have weight 0 */

/* The samples of pixels x..x+15 of a row, nearest where the component is subsampled; those past the picture repeat its last one. */
VLF_INLINE uchar16
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

/* A component of the picture, and all that there is to know of it. */
typedef struct {
  __global const uchar *samples;
  ulong stride;
  uint pixel_stride, x_shift, y_shift;
} VlfComponent;

typedef struct {
  VlfComponent component[3];
  __global const int *matrix;
  uint width, height;
  bool same;                    /* the components are red, green, and blue */
  uint packed;                  /* bytes of a pixel, 3 or 4, where the components lie side by side; 0: they do not */
  uint shift[3];                /* of a packed pixel's components, in bits */
  __global const uchar *pixels; /* packed ones */
} VlfPicture;

VLF_INLINE uchar16
vlf_fetch_of (const VlfPicture *p, const uint i, const uint x, const uint y)
{
  const VlfComponent *c = &p->component[i];

  return vlf_fetch (c->samples + (y >> c->y_shift) * c->stride, x, p->width, c->pixel_stride, c->x_shift);
}

typedef struct __attribute__ ((packed)) {
  uint16 x;
} VlfWords;

/* Sixteen packed pixels, each in a word. */
VLF_INLINE uint16
vlf_words (__global const uchar *p, const uint packed)
{
  const uchar16 a = vload16 (0, p), b = vload16 (0, p + 12), c = vload16 (0, p + 24), d = vload16 (2, p);

  if (packed == 4)
    return ((__global const VlfWords *) p)->x;
  return (uint16) (as_uint4 (a.s0122345567889abb), as_uint4 (b.s0122345567889abb), as_uint4 (c.s0122345567889abb),
                   as_uint4 (d.s45667899abccdeff));
}

/* Whether the picture's components are bytes of one pixel, which are told apart sooner than fetched one by one. */
void
vlf_find_packed (VlfPicture *p)
{
  const VlfComponent *c = p->component;
  const uint size = c[0].pixel_stride;
  __global const uchar *first = c[0].samples;

  for (uint i = 1; i < 3; i++)
    first = c[i].samples < first ? c[i].samples : first;
  p->packed = size == 3 || size == 4 ? size : 0;
  p->pixels = first;
  for (uint i = 0; i < 3; i++) {
    if (c[i].samples >= first + size || c[i].pixel_stride != size || c[i].x_shift + c[i].y_shift > 0 || c[i].stride != c[0].stride)
      p->packed = 0;
    p->shift[i] = 8 * (uint) (c[i].samples - first);
  }
}

/* Pixels x..x+15 of the RUN rows from @y on, of which those that the picture does not have repeat its last one: [channel][row]. */
void
vlf_fetch_packed (const VlfPicture *p, const uint x, const uint y, uchar16 (*pixels)[RUN])
{
  for (uint i = 0; i < RUN; i++) {
    const ulong row = min (y + i, p->height - 1);
    const uint16 words = vlf_words (p->pixels + row * p->component[0].stride + x * p->packed, p->packed);

    for (uint channel = 0; channel < 3; channel++)
      pixels[channel][i] = convert_uchar16 ((words >> p->shift[channel]) & 255);
  }
}

/* The same of any layout. */
void
vlf_fetch_block (const VlfPicture *p, const uint x, const uint y, uchar16 (*pixels)[RUN])
{
  for (uint i = 0; i < RUN; i++) {
    const uint row = min (y + i, p->height - 1);

    for (uint channel = 0; channel < 3; channel++)
      pixels[channel][i] = vlf_fetch_of (p, channel, x, row);
  }
}

/* The same of components that are to be mixed. What the last two add is shared by the rows that share their samples. */
void
vlf_mix_block (const VlfPicture *p, const uint x, const uint y, uchar16 (*pixels)[RUN])
{
  __global const int *m = p->matrix;
  int16 others[3];

  for (uint i = 0; i < RUN; i++) {
    const uint row = min (y + i, p->height - 1), shift = min (p->component[1].y_shift, p->component[2].y_shift);
    const int16 a = convert_int16 (vlf_fetch_of (p, 0, x, row));

    if (i == 0 || row >> shift != (row - 1) >> shift) {
      const int16 b = convert_int16 (vlf_fetch_of (p, 1, x, row)), c = convert_int16 (vlf_fetch_of (p, 2, x, row));

#pragma unroll
      for (uint channel = 0; channel < 3; channel++)
        others[channel] = m[4 * channel + 1] * b + m[4 * channel + 2] * c + (m[4 * channel + 3] + (1 << (MATRIX_BITS - 1)));
    }
#pragma unroll
    for (uint channel = 0; channel < 3; channel++)
      pixels[channel][i] = convert_uchar16_sat ((m[4 * channel] * a + others[channel]) >> MATRIX_BITS);
  }
}

/* Columns [x0, x1) of the run of rows from @y on, each channel's [column][RUN], @plane bytes apart; x0 is a multiple of RUN. */
void
vlf_convert_run (const VlfPicture *p, const uint x0, const uint x1, const uint y, __global uchar *to, const ulong plane)
{
  for (uint x = x0; x < x1; x += RUN) {
    uchar16 pixels[3][RUN];

    if (p->same && p->packed && x + RUN < p->width)
      vlf_fetch_packed (p, x, y, pixels);
    else if (p->same)
      vlf_fetch_block (p, x, y, pixels);
    else
      vlf_mix_block (p, x, y, pixels);
    for (uint channel = 0; channel < 3; channel++) {
      vlf_transpose (pixels[channel]);
      for (uint i = 0; i < RUN; i++)
        vlf_store_pixels (pixels[channel][i], to + channel * plane + (x - x0 + i) * RUN);
    }
  }
}

/* A filter along an axis: output i is the sum over count[i] samples from first[i] on, times the weights from i @taps on. */
typedef struct {
  __global const uint *first, *count;
  __global const int *weights;
  uint taps;
} VlfFilter;

/* Outputs [0, n) of a run of rows of one channel, @from begins with column @x0; rows are @stride bytes apart. */
void
vlf_resize_run (const VlfFilter *f, __global const uchar *from, const uint x0, const uint n, __global uchar *to,
                const uint stride)
{
  for (uint i0 = 0; i0 < n; i0 += RUN) {
    uchar16 out[RUN];

    for (uint k = 0; k < RUN; k++) {
      const uint i = min (i0 + k, n - 1), end = f->count[i];
      __global const uchar *in = from + (ulong) (f->first[i] - x0) * RUN;
      __global const int *w = f->weights + i * f->taps;
      int16 sum = 1 << (WEIGHT_BITS - 1);

      for (uint j = 0; j < end; j += TOGETHER) {
#pragma unroll
        for (uint t = 0; t < TOGETHER; t++)
          sum += convert_int16 (vload16 (j + t, in)) * w[j + t];
      }
      out[k] = convert_uchar16 (clamp (sum >> WEIGHT_BITS, (int16) 0, (int16) 255)); /* see vlf_filter_column() */
    }
    vlf_transpose (out);
    for (uint row = 0; row < RUN; row++)
      vlf_store_pixels (out[row], to + (ulong) row * stride + i0);
  }
}

#define COMPONENT_OF(i) { plane##i + offset##i, stride##i, pixel_stride##i, x_shift##i, y_shift##i }

/* All @runs of rows from @y0 on, columns [x0, x1), to @n columns of @wide; groups { any number }. @room: [groups][3][columns][RUN] bytes. */
VLF_KERNEL void
vlf_narrow (COMPONENT (0), COMPONENT (1), COMPONENT (2), __global const int *matrix, uint width, uint height, uint x0, uint x1,
            uint y0, uint runs, __global float *room, ulong room_offset, uint room_stride, ulong room_plane,
            __global const uint *first, __global const uint *count, __global const int *weights, uint taps, uint n,
            __global float *wide, ulong wide_offset, uint wide_stride, ulong wide_plane)
{
  VlfPicture picture = { { COMPONENT_OF (0), COMPONENT_OF (1), COMPONENT_OF (2) }, matrix, width, height,
                         vlf_is_identity (matrix), 0, { 0 }, 0 };
  const VlfFilter filter = { first, count, weights, taps };
  __global uchar *rgb = (__global uchar *) (room + room_offset) + get_group_id (0) * 3 * room_plane;
  __global uchar *to = (__global uchar *) (wide + wide_offset);

  vlf_find_packed (&picture);
  for (uint run = get_group_id (0); run < runs; run += get_num_groups (0)) {
    vlf_convert_run (&picture, x0, x1, y0 + run * RUN, rgb, room_plane);
    for (uint channel = 0; channel < 3; channel++)
      vlf_resize_run (&filter, rgb + channel * room_plane, x0, n, to + channel * wide_plane + run * RUN * (ulong) wide_stride,
                      wide_stride);
  }
}
#undef COMPONENT_OF
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

  for (uint j = 0; j < count; j += TOGETHER) {
#pragma unroll
    for (uint t = 0; t < TOGETHER; t++)
      sum += convert_int16 (vload16 (0, in + (j + t) * stride)) * w[j + t];
  }
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
    if (exists && start == column && column + (int) n <= column1) {
      for (uint j = 0; j < n; j++)
        to[j] = level[values[j]];
      continue;
    }
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
#undef TOGETHER
#undef COMPONENT
#undef FETCH
