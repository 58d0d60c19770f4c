/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention in both directions on OpenCL: see cl/attention_bi.cl; block sizes are those of cl/attention.cl. */
#include <math.h>
#include "kernels/ops_cl.h"

#define CPU_ROWS  6u /* rows of a work-item */
#define CPU_KEYS  512u
#define GPU_ROWS  16u
#define GPU_GROUP 64u
#define LOG2E     1.44269504f

/* Groups of the launch that makes scores, for each head. */
static guint
count_parts (const VlfPass *pass, guint rows, guint heads)
{
  const guint units = vlf_cl_compute_units (pass->device), tiles = (rows + CPU_ROWS - 1) / CPU_ROWS;

  if (pass->device->family == VLF_FAMILY_GPU)
    return (rows + GPU_ROWS - 1) / GPU_ROWS;
  return MIN ((2 * units + heads - 1) / heads, tiles);
}

/* Scores of @x with @y to both maps of @seen, and the largest for each group to @largest. */
static void
launch_scores (VlfPass *pass, const VlfBiSeen *seen, VlfTensor x, VlfTensor y, guint heads, guint parts,
               VlfTensor largest)
{
  const gboolean cpu = pass->device->family == VLF_FAMILY_CPU;
  const guint w = cpu ? vlf_cl_vector_width (pass->device) : 1, d = x.cols / heads, m = y.rows;
  const VlfClGrid grid = { { parts, heads, x.batch }, { cpu ? 1 : GPU_GROUP } };
  VlfTensor room = { 0 };
  VlfClArgs args = { 0 };

  if (cpu)
    room = vlf_pass_alloc (pass, x.batch * heads * parts, (m + w - 1) / w * w, d);
  if (vlf_pass_failed (pass))
    return;
  vlf_cl_arg_view (&args, &x);
  vlf_cl_arg_view (&args, &y);
  if (cpu)
    vlf_cl_arg_view (&args, &room);
  vlf_cl_arg_view (&args, &seen->x_map);
  vlf_cl_arg_view (&args, &seen->y_map);
  vlf_cl_arg_tensor (&args, &largest);
  vlf_cl_arg_uint (&args, x.rows);
  vlf_cl_arg_uint (&args, m);
  vlf_cl_arg_uint (&args, d);
  vlf_cl_arg_float (&args, LOG2E / sqrtf ((float) d));
  if (cpu)
    vlf_cl_arg_uint (&args, CPU_KEYS);
  vlf_cl_launch (pass, "vlf_bi_scores", grid, &args);
}

static void
launch_largest (VlfPass *pass, VlfTensor to, VlfTensor of)
{
  VlfClArgs args = { 0 };

  vlf_cl_arg_tensor (&args, &to);
  vlf_cl_arg_tensor (&args, &of);
  vlf_cl_arg_uint (&args, of.cols);
  vlf_cl_launch (pass, "vlf_largest", (VlfClGrid){ { 1 }, { pass->device->family == VLF_FAMILY_CPU ? 1 : GPU_GROUP } },
                 &args);
}

/* @to: what rows see of @of by the scores in @map. */
static void
launch_values (VlfPass *pass, VlfTensor to, VlfTensor map, const VlfBiSide *of, guint heads, VlfTensor largest)
{
  const gboolean cpu = pass->device->family == VLF_FAMILY_CPU;
  const guint groups = cpu ? (to.rows + CPU_ROWS - 1) / CPU_ROWS : to.rows;
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &to);
  vlf_cl_arg_view (&args, &map);
  vlf_cl_arg_view (&args, &of->values);
  vlf_cl_arg_view (&args, of->bias);
  vlf_cl_arg_tensor (&args, &largest);
  vlf_cl_arg_uint (&args, to.rows);
  vlf_cl_arg_uint (&args, of->values.rows);
  vlf_cl_arg_uint (&args, to.cols / heads);
  vlf_cl_launch (pass, "vlf_attend_scores", (VlfClGrid){ { groups, heads, to.batch }, { cpu ? 1 : GPU_GROUP } }, &args);
}

void
vlf_cl_bi_attention (VlfPass *pass, const VlfBiSeen *seen, const VlfBiSide *x, const VlfBiSide *y, guint heads)
{
  const guint scope = vlf_pass_open (pass), batch = x->keys.batch;
  const guint parts = count_parts (pass, x->keys.rows, batch * heads);
  VlfTensor each = vlf_pass_alloc (pass, 1, 1, batch * heads * parts), all = vlf_pass_alloc (pass, 1, 1, 1);

  if (!vlf_pass_failed (pass)) {
    launch_scores (pass, seen, x->keys, y->keys, heads, parts, each);
    launch_largest (pass, all, each);
    launch_values (pass, seen->x, seen->x_map, y, heads, all);
    launch_values (pass, seen->y, seen->y_map, x, heads, all);
  }
  vlf_pass_close (pass, scope, (VlfTensor){ 0 });
}
