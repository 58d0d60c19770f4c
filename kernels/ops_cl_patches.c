/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures to patch rows on OpenCL: see cl/preprocess.cl. */
#include "kernels/ops_cl.h"

#define RUN 16u /* pixels that a work-item computes at once */

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

static void
arg_copy (VlfPass *pass, VlfClArgs *args, gconstpointer data, gsize bytes)
{
  vlf_cl_arg_mem (args, vlf_cl_host (pass, data, bytes, FALSE));
}

static void
convert (VlfPass *pass, const VlfImage *image, Range x, Range y, const Planes *rgb)
{
  VlfClArgs args = { 0 };
  cl_mem planes[3] = { NULL };
  gint32 matrix[3][4];

  for (guint i = 0; i < image->n_planes; i++)
    planes[i] = vlf_cl_host (pass, image->planes[i].data, image->planes[i].size, TRUE);
  for (guint i = 0; i < 3; i++) {
    vlf_cl_arg_mem (&args, planes[image->components[i].plane]);
    vlf_cl_arg_ulong (&args, image->components[i].offset);
    vlf_cl_arg_ulong (&args, image->components[i].stride);
    vlf_cl_arg_uint (&args, image->components[i].pixel_stride);
    vlf_cl_arg_uint (&args, image->components[i].x_shift);
    vlf_cl_arg_uint (&args, image->components[i].y_shift);
  }
  vlf_image_matrix (image, matrix);
  arg_copy (pass, &args, matrix, sizeof matrix);
  vlf_cl_arg_uint (&args, image->width);
  vlf_cl_arg_uint (&args, x.source);
  vlf_cl_arg_uint (&args, x.source_end);
  vlf_cl_arg_uint (&args, y.source);
  arg_planes (&args, rgb);
  vlf_cl_launch (pass, "vlf_rgb", grid (pass, (x.source_end - x.source + RUN - 1) / RUN, y.source_end - y.source, 1),
                 &args);
}

static void
resize_rows (VlfPass *pass, const VlfAxis *axis, Range x, Range y, const Planes *rgb, const Planes *wide)
{
  const guint n = x.end - x.first;
  VlfClArgs args = { 0 };

  arg_planes (&args, rgb);
  vlf_cl_arg_uint (&args, x.source);
  arg_copy (pass, &args, axis->first + x.first, n * sizeof *axis->first);
  arg_copy (pass, &args, axis->count + x.first, n * sizeof *axis->count);
  arg_copy (pass, &args, axis->weights + (gsize) x.first * axis->taps, (gsize) n * axis->taps * sizeof *axis->weights);
  vlf_cl_arg_uint (&args, axis->taps);
  vlf_cl_arg_uint (&args, n);
  arg_planes (&args, wide);
  vlf_cl_launch (pass, "vlf_resize_rows", grid (pass, n, y.source_end - y.source, 3), &args);
}

static void
resize_columns (VlfPass *pass, VlfTensor to, const VlfImagePlan *plan, const VlfAxis *axis, Range x, Range y,
                const Planes *wide)
{
  const guint n = y.end - y.first, across = plan->width / plan->patch;
  VlfClArgs args = { 0 };
  VlfLevels levels;

  vlf_image_plan_levels (plan, levels);
  arg_planes (&args, wide);
  vlf_cl_arg_uint (&args, y.source);
  vlf_cl_arg_int (&args, (gint) x.first);
  vlf_cl_arg_int (&args, (gint) x.end);
  vlf_cl_arg_int (&args, (gint) y.first);
  vlf_cl_arg_int (&args, (gint) y.end);
  arg_copy (pass, &args, axis->first + y.first, n * sizeof *axis->first);
  arg_copy (pass, &args, axis->count + y.first, n * sizeof *axis->count);
  arg_copy (pass, &args, axis->weights + (gsize) y.first * axis->taps, (gsize) n * axis->taps * sizeof *axis->weights);
  vlf_cl_arg_uint (&args, axis->taps);
  arg_copy (pass, &args, levels, sizeof levels);
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
  guint scope = vlf_pass_open (pass);
  Range columns = needed (&resample->x, plan->crop_x, plan->width / plan->patch * plan->patch);
  Range rows = needed (&resample->y, plan->crop_y, plan->height / plan->patch * plan->patch);
  Planes rgb, wide;

  columns.source -= columns.source % RUN;
  rgb = planes_alloc (pass, rows.source_end - rows.source, columns.source_end - columns.source);
  wide = planes_alloc (pass, rows.source_end - rows.source, columns.end - columns.first);
  if (!vlf_pass_failed (pass)) {
    convert (pass, image, columns, rows, &rgb);
    resize_rows (pass, &resample->x, columns, rows, &rgb, &wide);
    resize_columns (pass, y, plan, &resample->y, columns, rows, &wide);
  }
  vlf_pass_close (pass, scope, (VlfTensor){ 0 });
}
