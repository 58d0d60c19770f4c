/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/ops_cl_chain.h"
#include "kernels/ops_cl_linear.h"

/* Weights that stay in a second-level cache while one tile of rows after the other passes. */
#define MAX_WEIGHT_BYTES (1024u * 1024u)
/* Multiply-adds up to which one thread is as quick as several that must be woken first. */
#define MAX_ALONE (1u << 20)
/* Rows of a tile from which on it is arithmetic that takes the time. */
#define MIN_HEIGHT 4u

/* Of cl/chain.cl: VlfRows, VlfStepKind, VlfStep. */
typedef struct {
  cl_ulong offset;
  cl_uint buffer, stride;
} Rows;

enum { STEP_F32, STEP_F16, STEP_BF16, STEP_NORM, STEP_MIX, STEP_ROUND, STEP_PAIR };

typedef struct {
  Rows y, x, z, weight, bias;
  cl_uint kind, cols, inputs;
  cl_int act;
  cl_float a, b;
} Step;

/* Row tiles of a launch: as many for each compute unit where that leaves them high enough. */
static guint
count_tiles (const VlfDevice *device, guint rows)
{
  const guint units = vlf_cl_compute_units (device), height = vlf_cl_tile_height (device);
  const guint tiles = (rows + height - 1) / height, even = (tiles + units - 1) / units * units;

  return rows / even >= MIN_HEIGHT ? even : tiles;
}

/* Whether @step is better off with others in one launch than in one of its own, which has more work-items. */
static gboolean
is_small (const VlfDevice *device, const VlfClStep *step)
{
  const gboolean linear = step->kind == VLF_CL_LINEAR;
  const gsize elements = (gsize) step->y.cols * (linear ? step->w->inputs : 1);

  if (linear && (!vlf_cl_weight_chains (step->w) || elements * vlf_dtype_size (step->w->stored) > MAX_WEIGHT_BYTES))
    return FALSE;
  return count_tiles (device, step->y.rows) >= vlf_cl_compute_units (device) || elements * step->y.rows <= MAX_ALONE;
}

/* What rows [0, x.rows) of @x may touch. */
static gboolean
overlap (const VlfTensor *x, const VlfTensor *y)
{
  const gsize x_row = MAX (x->stride, x->cols), y_row = MAX (y->stride, y->cols);

  return x->buffer && x->buffer == y->buffer && x->offset < y->offset + y->rows * y_row &&
         y->offset < x->offset + x->rows * x_row;
}

/* Whether every row of @x lies in the same row of @y. */
static gboolean
follows (const VlfTensor *x, const VlfTensor *y)
{
  return x->stride == y->stride && x->offset >= y->offset && x->offset - y->offset + x->cols <= y->stride;
}

/* Whether @step touches any row of @x. */
static gboolean
touches (const VlfClStep *step, const VlfTensor *x)
{
  return overlap (x, &step->y) || overlap (x, &step->x) || overlap (x, &step->z) || overlap (x, &step->q);
}

/* Whether row by row, @next after @before gives what it would give after the whole of it. */
static gboolean
can_follow (const VlfClStep *next, const VlfClStep *before)
{
  if (touches (before, &next->y) || touches (before, &next->q) || touches (next, &before->q) ||
      overlap (&next->norm.weight, &before->y) || overlap (&next->norm.bias, &before->y))
    return FALSE;
  return (!overlap (&next->x, &before->y) || follows (&next->x, &before->y)) &&
         (!overlap (&next->z, &before->y) || follows (&next->z, &before->y));
}

/* The number of @buffer, which is added where it is new; VLF_CL_CHAIN_BUFFERS where there is no room. */
static guint
name_buffer (VlfClChain *chain, const VlfBuffer *buffer)
{
  guint i = 0;

  while (i < chain->n_buffers && chain->buffers[i] != buffer)
    i++;
  if (i == chain->n_buffers && i < VLF_CL_CHAIN_BUFFERS)
    chain->buffers[chain->n_buffers++] = buffer;
  return i;
}

/* Adds @step to the end, if the chain stays right and has room for it. */
static gboolean
append (VlfClChain *chain, const VlfClStep *step)
{
  const guint n_buffers = chain->n_buffers;
  const VlfBuffer *named[6] = { step->y.buffer,           step->x.buffer,         step->z.buffer,
                                step->norm.weight.buffer, step->norm.bias.buffer, step->q.buffer };

  if (chain->n == VLF_CL_CHAIN_STEPS || (chain->n > 0 && chain->steps[0].y.rows != step->y.rows))
    return FALSE;
  for (guint i = 0; i < chain->n; i++) {
    if (!can_follow (step, &chain->steps[i]))
      return FALSE;
  }
  if (step->w)
    vlf_cl_weight_buffers (step->w, &named[3], &named[4]);
  for (guint i = 0; i < G_N_ELEMENTS (named); i++) {
    if (named[i] && name_buffer (chain, named[i]) == VLF_CL_CHAIN_BUFFERS) {
      chain->n_buffers = n_buffers;
      return FALSE;
    }
  }
  chain->steps[chain->n++] = *step;
  return TRUE;
}

/* @step with all sequences of its tensors as the rows of one matrix; FALSE where strides do not allow it. */
static gboolean
flatten (VlfClStep *step)
{
  return vlf_cl_flatten (&step->y) && vlf_cl_flatten (&step->x) && (!step->z.buffer || vlf_cl_flatten (&step->z));
}

static void
launch_single (VlfPass *pass, const VlfClStep *step)
{
  switch (step->kind) {
  case VLF_CL_LINEAR: vlf_cl_linear (pass, step); break;
  case VLF_CL_NORM: vlf_cl_norm (pass, step); break;
  default: vlf_cl_mix (pass, step); break;
  }
}

static Rows
rows_of (VlfClChain *chain, const VlfTensor *x)
{
  if (!x->buffer)
    return (Rows){ .buffer = VLF_CL_CHAIN_BUFFERS };
  return (Rows){ .offset = x->offset, .buffer = name_buffer (chain, x->buffer), .stride = x->stride };
}

/* @step as one or two of the kernel's, whose number is returned. */
static guint
describe (VlfClChain *chain, const VlfClStep *step, Step *steps)
{
  static const cl_uint linear[] = { STEP_F32, STEP_F16, STEP_BF16, 0, STEP_PAIR };
  Step to = { .y = rows_of (chain, &step->y),
              .x = rows_of (chain, &step->x),
              .z = rows_of (chain, &step->z),
              .weight = rows_of (chain, &step->norm.weight),
              .bias = rows_of (chain, &step->norm.bias),
              .kind = step->kind == VLF_CL_NORM ? STEP_NORM : STEP_MIX,
              .cols = step->y.cols,
              .act = (cl_int) step->act,
              .a = step->kind == VLF_CL_NORM ? step->norm.eps : step->x_share,
              .b = step->z_share };

  if (step->w) {
    const VlfBuffer *weight, *bias;

    vlf_cl_weight_buffers (step->w, &weight, &bias);
    to.kind = linear[step->w->stored];
    to.inputs = vlf_cl_weight_inputs (step->w);
    to.weight = (Rows){ (cl_ulong) step->first * to.inputs, name_buffer (chain, weight), 0 };
    to.bias = (Rows){ step->first, name_buffer (chain, bias), 0 };
  }
  if (!step->q.buffer) {
    steps[0] = to;
    return 1;
  }
  steps[0] = (Step){
    .y = rows_of (chain, &step->q), .x = to.x, .kind = STEP_ROUND, .cols = step->x.cols, .inputs = to.inputs
  };
  to.x = steps[0].y;
  steps[1] = to;
  return 2;
}

void
vlf_cl_chain_flush (VlfPass *pass)
{
  VlfClChain *chain = vlf_cl_chain (pass);
  const guint n = chain->n, rows = chain->steps[0].y.rows;
  Step steps[2 * VLF_CL_CHAIN_STEPS];
  VlfClArgs args = { 0 };
  guint n_steps = 0;

  chain->n = 0; /* as launching flushes */
  if (n == 1)
    launch_single (pass, &chain->steps[0]);
  if (n > 1) {
    for (guint i = 0; i < n; i++)
      n_steps += describe (chain, &chain->steps[i], steps + n_steps);
    vlf_cl_arg_mem (&args, vlf_cl_host (pass, steps, n_steps * sizeof *steps, FALSE));
    vlf_cl_arg_uint (&args, n_steps);
    vlf_cl_arg_uint (&args, rows);
    for (guint i = 0; i < VLF_CL_CHAIN_BUFFERS; i++)
      vlf_cl_arg_mem (&args, i < chain->n_buffers ? chain->buffers[i]->mem : NULL);
    vlf_cl_launch (pass, "vlf_chain", (VlfClGrid){ .groups = { count_tiles (pass->device, rows) } }, &args);
  }
  chain->n_buffers = 0;
}

void
vlf_cl_step (VlfPass *pass, const VlfClStep *step)
{
  VlfClStep flat = *step;

  if (pass->device->family != VLF_FAMILY_CPU || !flatten (&flat) || !is_small (pass->device, &flat)) {
    vlf_cl_chain_flush (pass);
    launch_single (pass, step);
    return;
  }
  if (step->w && step->w->stored == VLF_BF16_DOT)
    flat.q = vlf_cl_round_room (pass, flat.x.rows, step->w);
  if (pass->error)
    return;
  if (!append (vlf_cl_chain (pass), &flat)) {
    vlf_cl_chain_flush (pass);
    append (vlf_cl_chain (pass), &flat);
  }
}
