/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows picked out of a tensor, put back into one, and compared; the kernels are in cl/rows.cl. */
#include "kernels/ops_cl.h"

/* A group for each of @rows rows: [row, sequence, 1]. */
static VlfClGrid
grid_of (const VlfPass *pass, guint batch, guint rows)
{
  return (VlfClGrid){ { rows, batch }, { pass->device->family == VLF_FAMILY_GPU ? VLF_CL_ROW_GROUP : 1 } };
}

/* Moves @n rows between @y and @x, of which the kernel takes one by its place in @rows. */
static void
move_rows (VlfPass *pass, const char *kernel, VlfTensor y, VlfTensor x, const guint32 *rows, guint n)
{
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &y);
  vlf_cl_arg_view (&args, &x);
  vlf_cl_arg_mem (&args, vlf_cl_host (pass, rows, n * sizeof *rows, FALSE));
  vlf_cl_arg_uint (&args, y.cols);
  vlf_cl_launch (pass, kernel, grid_of (pass, x.batch, n), &args);
}

void
vlf_cl_gather (VlfPass *pass, VlfTensor y, VlfTensor x, const guint32 *rows)
{
  move_rows (pass, "vlf_gather", y, x, rows, y.rows);
}

void
vlf_cl_scatter (VlfPass *pass, VlfTensor y, VlfTensor x, const guint32 *rows)
{
  move_rows (pass, "vlf_scatter", y, x, rows, x.rows);
}

void
vlf_cl_distances (VlfPass *pass, VlfTensor y, VlfTensor a, VlfTensor b)
{
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &y);
  vlf_cl_arg_view (&args, &a);
  vlf_cl_arg_view (&args, &b);
  vlf_cl_arg_uint (&args, a.cols);
  vlf_cl_launch (pass, "vlf_distances", grid_of (pass, a.batch, a.rows), &args);
}
