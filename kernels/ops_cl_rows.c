/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows picked out of a table or a tensor, put back into one, and compared; the kernels are in cl/rows.cl and cl/elementwise.cl. */
#include "kernels/ops_cl_chain.h"

/* A group for each of @rows rows: [row, sequence, 1]. */
static VlfClGrid
grid_of (const VlfPass *pass, guint batch, guint rows)
{
  return (VlfClGrid){ { rows, batch }, { pass->device->family == VLF_FAMILY_GPU ? VLF_CL_ROW_GROUP : 1 } };
}

void
vlf_cl_move (VlfPass *pass, const VlfClStep *step)
{
  const gboolean gather = step->kind == VLF_CL_GATHER;
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &step->y);
  vlf_cl_arg_view (&args, &step->x);
  vlf_cl_arg_mem (&args, step->places.buffer->mem);
  vlf_cl_arg_uint (&args, step->y.cols);
  vlf_cl_launch (pass, gather ? "vlf_gather" : "vlf_scatter",
                 grid_of (pass, step->x.batch, gather ? step->y.rows : step->x.rows), &args);
}

void
vlf_cl_look_up (VlfPass *pass, const VlfClStep *step)
{
  static const char *const kernels[] = { "vlf_embed_f32", "vlf_embed_f16", "vlf_embed_bf16" };
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &step->y);
  vlf_cl_arg_mem (&args, step->x.buffer->mem);
  vlf_cl_arg_mem (&args, step->places.buffer->mem);
  vlf_cl_arg_uint (&args, step->y.cols);
  vlf_cl_launch (pass, kernels[step->stored], grid_of (pass, step->y.batch, step->y.rows), &args);
}

/* Enqueues @step, for which @rows [n] are its places. */
static void
enqueue_places (VlfPass *pass, VlfClStep step, const guint32 *rows, guint n)
{
  step.places = (VlfTensor){
    .buffer = vlf_cl_host_buffer (pass, rows, n * sizeof *rows), .batch = 1, .rows = 1, .cols = n, .stride = n
  };
  if (step.places.buffer)
    vlf_cl_step (pass, &step);
}

void
vlf_cl_embed (VlfPass *pass, VlfTensor y, const VlfTable *table, const guint32 *ids)
{
  const VlfTensor x = {
    .buffer = table->buffer, .batch = 1, .rows = table->rows, .cols = table->cols, .stride = table->cols
  };

  enqueue_places (pass, (VlfClStep){ .kind = VLF_CL_EMBED, .y = y, .x = x, .stored = table->type }, ids,
                  y.batch * y.rows);
}

void
vlf_cl_gather (VlfPass *pass, VlfTensor y, VlfTensor x, const guint32 *rows)
{
  enqueue_places (pass, (VlfClStep){ .kind = VLF_CL_GATHER, .y = y, .x = x }, rows, y.rows);
}

void
vlf_cl_scatter (VlfPass *pass, VlfTensor y, VlfTensor x, const guint32 *rows)
{
  enqueue_places (pass, (VlfClStep){ .kind = VLF_CL_SCATTER, .y = y, .x = x }, rows, x.rows);
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
