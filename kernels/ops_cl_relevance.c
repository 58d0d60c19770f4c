/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of attention maps; the kernels are in cl/relevance.cl. */
#include "kernels/ops_cl.h"

static VlfClGrid
grid_of (const VlfPass *pass, VlfTensor y)
{
  return (VlfClGrid){ { y.rows, y.batch }, { pass->device->family == VLF_FAMILY_GPU ? VLF_CL_ROW_GROUP : 1 } };
}

void
vlf_cl_mean_heads (VlfPass *pass, VlfTensor y, VlfTensor maps, guint heads)
{
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &y);
  vlf_cl_arg_view (&args, &maps);
  vlf_cl_arg_uint (&args, heads);
  vlf_cl_arg_uint (&args, y.cols);
  vlf_cl_launch (pass, "vlf_mean_heads", grid_of (pass, y), &args);
}

void
vlf_cl_product (VlfPass *pass, VlfTensor y, VlfTensor a, VlfTensor b)
{
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &y);
  vlf_cl_arg_view (&args, &a);
  vlf_cl_arg_view (&args, &b);
  vlf_cl_arg_uint (&args, a.cols);
  vlf_cl_arg_uint (&args, y.cols);
  vlf_cl_launch (pass, "vlf_product", grid_of (pass, y), &args);
}
