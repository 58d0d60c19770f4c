/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures to patch rows on OpenCL: see cl/preprocess.cl. */
#include "kernels/ops_cl.h"

#define RUN         16u /* pixels that a work-item computes at once */
#define EACH_UNIT   4u  /* work-items of the CPU family for each compute unit, so that none waits long for the last */
#define TOGETHER    4u  /* columns or rows that a filter reads at once, as in cl/preprocess.cl */
#define STRIP_BYTES ((gsize) 1024 * 1024)

/* The part of one axis that the cut depends on. */
typedef struct {
  guint first, end;         /* resized pixels */
  guint source, source_end; /* pixels of the picture */
} Range;

/* Planar 8-bit scratch, [3][rows][stride] in the tensor's memory. */
typedef struct {
  VlfTensor tensor;
  guint stride; /* bytes */
  gsize plane;  /* bytes */
} Planes;

/* Never empty, so that a cut beside the picture needs no case of its own. */
static Range
needed (const VlfAxis *axis, gint crop, guint n)
{
  Range r;

  r.first = (guint) CLAMP ((gint64) crop, 0, (gint64) axis->out - 1);
  r.end = (guint) CLAMP ((gint64) crop + n, (gint64) r.first + 1, (gint64) axis->out);
  r.source = axis->first[r.first];
  r.source_end = 0;
  for (guint i = r.first; i < r.end; i++)
    r.source_end = MAX (r.source_end, axis->first[i] + axis->count[i]);
  return r;
}

static Planes
planes_alloc (VlfPass *pass, guint rows, guint columns)
{
  Planes p;

  p.tensor = vlf_pass_alloc (pass, 3, rows, (columns + RUN + 3) / 4);
  p.stride = p.tensor.stride * 4;
  p.plane = p.tensor.batch_stride * 4;
  return p;
}

static void
arg_planes (VlfClArgs *args, const Planes *p)
{
  vlf_cl_arg_tensor (args, &p->tensor);
  vlf_cl_arg_uint (args, p->stride);
  vlf_cl_arg_ulong (args, p->plane);
}

/* A work-item per row on CPUs, per @runs of it on GPUs. */
static VlfClGrid
grid (VlfPass *pass, guint runs, guint rows, guint channels)
{
  VlfClGrid g = { { 1, rows, channels }, { 1, 1, 1 } };

  if (pass->device->family != VLF_FAMILY_CPU) {
    g.groups[0] = (runs + 63) / 64;
    g.local[0] = 64;
  }
  return g;
}

/* The picture as kernels see it. */
typedef struct {
  const VlfImage *image;
  cl_mem planes[3], matrix;
} Source;

static Source
send_source (VlfPass *pass, const VlfImage *image)
{
  Source source = { .image = image };
  gint32 matrix[3][4];

  for (guint i = 0; i < image->n_planes; i++)
    source.planes[i] = vlf_cl_host (pass, image->planes[i].data, image->planes[i].size, TRUE);
  vlf_image_matrix (image, matrix);
  source.matrix = vlf_cl_host (pass, matrix, sizeof matrix, FALSE);
  return source;
}

static void
arg_source (VlfClArgs *args, const Source *source, Range x, guint first)
{
  const VlfImage *image = source->image;

  for (guint i = 0; i < 3; i++) {
    vlf_cl_arg_mem (args, source->planes[image->components[i].plane]);
    vlf_cl_arg_ulong (args, image->components[i].offset);
    vlf_cl_arg_ulong (args, image->components[i].stride);
    vlf_cl_arg_uint (args, image->components[i].pixel_stride);
    vlf_cl_arg_uint (args, image->components[i].x_shift);
    vlf_cl_arg_uint (args, image->components[i].y_shift);
  }
  vlf_cl_arg_mem (args, source->matrix);
  vlf_cl_arg_uint (args, image->width);
  vlf_cl_arg_uint (args, image->height);
  vlf_cl_arg_uint (args, x.source);
  vlf_cl_arg_uint (args, x.source_end);
  vlf_cl_arg_uint (args, first);
}

/* @n rows of the picture from row @first on to @rgb. */
static void
convert (VlfPass *pass, const Source *source, Range x, guint first, guint n, const Planes *rgb)
{
  VlfClArgs args = { 0 };

  arg_source (&args, source, x, first);
  arg_planes (&args, rgb);
  vlf_cl_launch (pass, "vlf_rgb", grid (pass, (x.source_end - x.source + RUN - 1) / RUN, n, 1), &args);
}

/* A filter's tables on the device, of the outputs in a range. */
typedef struct {
  cl_mem first, count, weights;
  guint taps;
} Tables;

static Tables
send_tables (VlfPass *pass, const VlfAxis *axis, Range r)
{
  const gsize n = r.end - r.first, at = (gsize) r.first * axis->taps;

  return (Tables){ vlf_cl_host (pass, axis->first + r.first, n * sizeof *axis->first, FALSE),
                   vlf_cl_host (pass, axis->count + r.first, n * sizeof *axis->count, FALSE),
                   vlf_cl_host (pass, axis->weights + at, n * axis->taps * sizeof *axis->weights, FALSE), axis->taps };
}

static void
arg_tables (VlfClArgs *args, const Tables *t)
{
  vlf_cl_arg_mem (args, t->first);
  vlf_cl_arg_mem (args, t->count);
  vlf_cl_arg_mem (args, t->weights);
  vlf_cl_arg_uint (args, t->taps);
}

static void
resize_rows (VlfPass *pass, const Tables *tables, Range x, guint n, const Planes *rgb, const Planes *wide)
{
  VlfClArgs args = { 0 };

  arg_planes (&args, rgb);
  vlf_cl_arg_uint (&args, x.source);
  arg_tables (&args, tables);
  vlf_cl_arg_uint (&args, x.end - x.first);
  arg_planes (&args, wide);
  vlf_cl_launch (pass, "vlf_resize_rows", grid (pass, x.end - x.first, n, 3), &args);
}

/* The first two steps, a strip of the picture after the other: what lies between them stays in the caches, and a large picture needs
 * no more room than a small one. */
static void
narrow_gpu (VlfPass *pass, const VlfImage *image, const VlfAxis *axis, Range x, Range y, Planes wide)
{
  const guint rows = y.source_end - y.source, columns = x.source_end - x.source;
  const guint strip = MIN ((guint) (STRIP_BYTES / (3 * (gsize) columns)) + 1, rows);
  Planes rgb = planes_alloc (pass, strip, (columns + RUN - 1) / RUN * RUN);
  Source source;
  Tables tables;

  if (vlf_pass_failed (pass))
    return;
  source = send_source (pass, image);
  tables = send_tables (pass, axis, x);
  for (guint first = 0; first < rows; first += strip) {
    guint n = MIN (strip, rows - first);

    convert (pass, &source, x, y.source + first, n, &rgb);
    resize_rows (pass, &tables, x, n, &rgb, &wide);
    wide.tensor.offset += (gsize) strip * wide.tensor.stride;
  }
}

/* The first two steps in one, for the same reasons. */
static void
narrow_cpu (VlfPass *pass, const VlfImage *image, const VlfAxis *axis, Range x, Range y, Planes wide)
{
  const guint runs = (y.source_end - y.source + RUN - 1) / RUN, columns = x.source_end - x.source;
  const guint groups = MIN (runs, EACH_UNIT * vlf_cl_compute_units (pass->device));
  const guint held = columns + TOGETHER - 1; /* what meets weight 0 is read too: never of another group's room */
  VlfTensor room = vlf_pass_alloc (pass, 3 * groups, (held + RUN - 1) / RUN, RUN * RUN / 4);
  const Planes rgb = { room, room.stride * 4, room.batch_stride * 4 };
  VlfClArgs args = { 0 };
  Source source;
  Tables tables;

  if (vlf_pass_failed (pass))
    return;
  source = send_source (pass, image);
  tables = send_tables (pass, axis, x);
  arg_source (&args, &source, x, y.source);
  vlf_cl_arg_uint (&args, runs);
  arg_planes (&args, &rgb);
  arg_tables (&args, &tables);
  vlf_cl_arg_uint (&args, x.end - x.first);
  arg_planes (&args, &wide);
  vlf_cl_launch (pass, "vlf_narrow", (VlfClGrid){ .groups = { groups } }, &args);
}

static void
resize_columns (VlfPass *pass, VlfTensor to, const VlfImagePlan *plan, const VlfAxis *axis, Range x, Range y,
                const Planes *wide)
{
  const guint across = plan->width / plan->patch;
  const Tables tables = send_tables (pass, axis, y);
  VlfClArgs args = { 0 };
  VlfLevels levels;

  vlf_image_plan_levels (plan, levels);
  arg_planes (&args, wide);
  vlf_cl_arg_uint (&args, y.source);
  vlf_cl_arg_int (&args, (gint) x.first);
  vlf_cl_arg_int (&args, (gint) x.end);
  vlf_cl_arg_int (&args, (gint) y.first);
  vlf_cl_arg_int (&args, (gint) y.end);
  arg_tables (&args, &tables);
  vlf_cl_arg_mem (&args, vlf_cl_host (pass, levels, sizeof levels, FALSE));
  vlf_cl_arg_int (&args, plan->crop_x);
  vlf_cl_arg_int (&args, plan->crop_y);
  vlf_cl_arg_uint (&args, across);
  vlf_cl_arg_uint (&args, plan->patch);
  vlf_cl_arg_tensor (&args, &to);
  vlf_cl_arg_uint (&args, to.stride);
  vlf_cl_launch (pass, "vlf_resize_columns",
                 grid (pass, across * ((plan->patch + RUN - 1) / RUN), plan->height / plan->patch * plan->patch, 3),
                 &args);
}

void
vlf_cl_patches (VlfPass *pass, VlfTensor y, const VlfImage *image, const VlfImagePlan *plan,
                const VlfResample *resample)
{
  const gboolean cpu = pass->device->family == VLF_FAMILY_CPU;
  guint scope = vlf_pass_open (pass);
  Range columns = needed (&resample->x, plan->crop_x, plan->width / plan->patch * plan->patch);
  Range rows = needed (&resample->y, plan->crop_y, plan->height / plan->patch * plan->patch);
  Planes wide;

  columns.source -= columns.source % RUN;
  wide = planes_alloc (pass, rows.source_end - rows.source + (cpu ? RUN : TOGETHER) - 1, columns.end - columns.first);
  if (!vlf_pass_failed (pass)) {
    (cpu ? narrow_cpu : narrow_gpu) (pass, image, &resample->x, columns, rows, wide);
    resize_columns (pass, y, plan, &resample->y, columns, rows, &wide);
  }
  vlf_pass_close (pass, scope, (VlfTensor){ 0 });
}
