/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/ops_cl_chain.h"
#include "kernels/ops_cl_linear.h"
#include "kernels/tiles.h"

/* Multiply-adds up to which one thread is as quick as several that must be woken first. */
#define MAX_ALONE (1u << 20)
/* Rows of a tile from which on it is arithmetic that takes the time. */
#define MIN_HEIGHT 4u

/* Rows that a step goes through. */
static guint
count_rows (const VlfClStep *step)
{
  return step->kind == VLF_CL_SCATTER ? step->x.rows : step->y.rows;
}

/* Row tiles of a job: as many for each compute unit where that leaves them high enough. */
static guint
count_tiles (const VlfDevice *device, guint rows)
{
  const guint units = vlf_cl_compute_units (device), height = vlf_tiles_height (vlf_cl_tiles (device), rows);
  const guint tiles = (rows + height - 1) / height, even = (tiles + units - 1) / units * units;

  return rows / even >= MIN_HEIGHT ? even : tiles;
}

/* Work-items of a job that begins with @step, which any thread may do in any order. */
static guint
count_items (const VlfDevice *device, const VlfClStep *step)
{
  if (step->kind == VLF_CL_ATTENTION)
    return step->attention.parts * step->attention.heads * step->y.batch;
  return count_tiles (device, count_rows (step));
}

/* Whether @step is better off with others in one launch than in one of its own, which has more work-items. Weights should stay in a
 * second-level cache while one tile of rows after the other passes. */
static gboolean
is_small (const VlfDevice *device, const VlfClStep *step)
{
  const gboolean linear = step->kind == VLF_CL_LINEAR;
  const gsize elements = (gsize) step->y.cols * (linear ? step->w->inputs : 1);

  if (step->kind == VLF_CL_ATTENTION)
    return step->attention.top_k == 0;
  if (linear && (!vlf_cl_weight_chains (step->w) ||
                 elements * vlf_dtype_size (step->w->stored) > (gsize) vlf_cl_tiles (device)->chain_kib * 1024))
    return FALSE;
  return count_tiles (device, count_rows (step)) >= vlf_cl_compute_units (device) ||
         elements * count_rows (step) <= MAX_ALONE;
}

/* What depends on what */

/* What @x may touch, padding included; nothing where there is no tensor. */
static void
add_range (VlfClRange *ranges, guint *n, const VlfTensor *x)
{
  const gsize elements = (gsize) (x->batch - 1) * x->batch_stride + (gsize) x->rows * MAX (x->stride, x->cols);

  if (x->buffer)
    ranges[(*n)++] = (VlfClRange){ x->buffer, x->offset, x->offset + elements };
}

static VlfClAccess
access_of (const VlfClStep *step)
{
  VlfClAccess a = { 0 };

  add_range (a.read, &a.n_read, &step->x);
  add_range (a.read, &a.n_read, &step->z);
  add_range (a.written, &a.n_written, &step->y);
  if (step->kind == VLF_CL_ATTENTION) {
    add_range (a.read, &a.n_read, &step->attention.v);
    add_range (a.read, &a.n_read, &step->attention.bias);
    add_range (a.written, &a.n_written, &step->attention.room);
    add_range (a.written, &a.n_written, &step->attention.maps);
  } else {
    add_range (a.read, &a.n_read, &step->norm.weight);
    add_range (a.read, &a.n_read, &step->norm.bias);
    add_range (a.written, &a.n_written, &step->q);
    add_range (a.read, &a.n_read, &step->places);
  }
  return a;
}

static gboolean
overlap (const VlfClRange *x, const VlfClRange *y)
{
  return x->buffer == y->buffer && x->begin < y->end && y->begin < x->end;
}

static gboolean
meet (const VlfClRange *x, guint n_x, const VlfClRange *y, guint n_y)
{
  for (guint i = 0; i < n_x; i++)
    for (guint j = 0; j < n_y; j++)
      if (overlap (&x[i], &y[j]))
        return TRUE;
  return FALSE;
}

/* Whether the order of two steps matters. */
static gboolean
conflict (const VlfClAccess *x, const VlfClAccess *y)
{
  return meet (x->written, x->n_written, y->written, y->n_written) ||
         meet (x->written, x->n_written, y->read, y->n_read) || meet (y->written, y->n_written, x->read, x->n_read);
}

/* Whether every row of @x lies in the same row of @y. */
static gboolean
follows (const VlfTensor *x, const VlfTensor *y)
{
  return x->stride == y->stride && x->offset >= y->offset && x->offset - y->offset + x->cols <= y->stride;
}

/* Whether row by row, @next after @before gives what it would give after the whole of it: the only thing that they may share is what
 * @before writes, row for row. */
static gboolean
can_follow (const VlfClStep *next, const VlfClAccess *n, const VlfClStep *before, const VlfClAccess *b)
{
  const VlfTensor *const operands[] = { &next->x, &next->z };

  if (next->kind == VLF_CL_ATTENTION || before->kind == VLF_CL_ATTENTION || count_rows (next) != count_rows (before))
    return FALSE;
  if (meet (n->written, n->n_written, b->written, b->n_written) || meet (n->written, n->n_written, b->read, b->n_read))
    return FALSE;
  for (guint i = 0; i < n->n_read; i++) {
    if (!meet (&n->read[i], 1, b->written, b->n_written))
      continue;
    if (next->kind == VLF_CL_GATHER || before->kind == VLF_CL_SCATTER) /* whose rows are others */
      return FALSE;
    if (i >= 1u + (next->z.buffer != NULL) || !follows (operands[i], &before->y) ||
        meet (&n->read[i], 1, b->written + 1, b->n_written - 1))
      return FALSE;
  }
  return TRUE;
}

/* Sets @step's job, as early as what came before allows; returns the job's phase. */
static guint
place (const VlfClChain *chain, VlfClStep *step, const VlfClAccess *access)
{
  guint last = 0, job = chain->n_jobs;
  gboolean any = FALSE, behind = TRUE;

  for (guint i = chain->n;
       i-- > 0;) { /* backwards, as what came last is in a late phase: most of the rest need not be compared */
    const guint other = chain->steps[i].job;

    if ((any && chain->phases[other] < last) || !conflict (access, &chain->access[i]))
      continue;
    behind = !any || chain->phases[other] > last || (behind && other == job);
    last = chain->phases[other];
    job = other;
    any = TRUE;
  }
  for (guint i = 0; i < chain->n && any && behind; i++)
    behind = chain->steps[i].job != job || can_follow (step, access, &chain->steps[i], &chain->access[i]);
  step->job = any && behind ? job : chain->n_jobs;
  return any && !behind ? last + 1 : last;
}

/* The number of @buffer, which is added where it is new; VLF_CHAIN_BUFFERS where there is no room. */
static guint
name_buffer (VlfClChain *chain, const VlfBuffer *buffer)
{
  guint i = 0;

  while (i < chain->n_buffers && chain->buffers[i] != buffer)
    i++;
  if (i == chain->n_buffers && i < VLF_CHAIN_BUFFERS)
    chain->buffers[chain->n_buffers++] = buffer;
  return i;
}

/* FALSE where there is no room for the names of all buffers that @step uses. */
static gboolean
name_buffers (VlfClChain *chain, const VlfClStep *step, const VlfClAccess *access)
{
  const guint n_buffers = chain->n_buffers;
  const VlfBuffer *weight = NULL, *bias = NULL;
  gboolean good = TRUE;

  if (step->w) {
    vlf_cl_weight_buffers (step->w, &weight, &bias);
    good = name_buffer (chain, weight) < VLF_CHAIN_BUFFERS && name_buffer (chain, bias) < VLF_CHAIN_BUFFERS;
  }
  for (guint i = 0; i < access->n_read && good; i++)
    good = name_buffer (chain, access->read[i].buffer) < VLF_CHAIN_BUFFERS;
  for (guint i = 0; i < access->n_written && good; i++)
    good = name_buffer (chain, access->written[i].buffer) < VLF_CHAIN_BUFFERS;
  if (!good)
    chain->n_buffers = n_buffers;
  return good;
}

/* Adds @step, if the chain has room for it. */
static gboolean
append (VlfClChain *chain, const VlfClStep *step)
{
  VlfClStep *to = &chain->steps[chain->n];
  VlfClAccess *access = &chain->access[chain->n];
  guint phase;

  if (chain->n == VLF_CL_CHAIN_STEPS)
    return FALSE;
  *to = *step;
  *access = access_of (step);
  if (!name_buffers (chain, step, access))
    return FALSE;
  phase = place (chain, to, access);
  if (to->job == chain->n_jobs)
    chain->phases[chain->n_jobs++] = phase;
  chain->n_phases = MAX (chain->n_phases, phase + 1);
  chain->n++;
  return TRUE;
}

/* Launches */

static void
launch_single (VlfPass *pass, const VlfClStep *step)
{
  switch (step->kind) {
  case VLF_CL_LINEAR: vlf_cl_linear (pass, step); break;
  case VLF_CL_NORM: vlf_cl_norm (pass, step); break;
  case VLF_CL_MIX: vlf_cl_mix (pass, step); break;
  case VLF_CL_COPY: vlf_cl_copy (pass, step); break;
  case VLF_CL_NORMALIZE: vlf_cl_normalize (pass, step); break;
  case VLF_CL_ATTENTION: vlf_cl_attend (pass, step); break;
  case VLF_CL_GATHER:
  case VLF_CL_SCATTER: vlf_cl_move (pass, step); break;
  case VLF_CL_EMBED: vlf_cl_look_up (pass, step); break;
  }
}

static VlfRows
rows_of (VlfClChain *chain, const VlfTensor *x)
{
  if (!x->buffer)
    return (VlfRows){ .buffer = VLF_CHAIN_BUFFERS };
  return (VlfRows){ x->offset, x->batch_stride, name_buffer (chain, x->buffer), x->stride };
}

static void
describe_attention (VlfClChain *chain, const VlfClStep *step, VlfStep *to)
{
  const VlfClAttention *a = &step->attention;

  to->weight = rows_of (chain, &a->v);
  to->bias = rows_of (chain, &a->bias);
  to->room = rows_of (chain, &a->room);
  to->maps = rows_of (chain, &a->maps);
  to->cols = step->x.cols / a->heads;
  to->a = a->scale;
  to->keys = step->z.rows;
  to->heads = a->heads;
  to->parts = a->parts;
  to->block = a->block;
  to->limit = a->limit;
}

static void
describe_linear (VlfClChain *chain, const VlfClStep *step, VlfStep *to)
{
  static const cl_uint kinds[] = { VLF_STEP_F32, VLF_STEP_F16, VLF_STEP_BF16, VLF_STEP_I8, VLF_STEP_PAIR };
  const VlfBuffer *weight, *bias;

  vlf_cl_weight_buffers (step->w, &weight, &bias);
  to->kind = kinds[step->w->stored];
  to->inputs = vlf_cl_weight_inputs (step->w);
  to->padded = vlf_cl_weight_outputs (step->w);
  to->scale_at = step->w->stored == VLF_I8 ? step->q.cols - 1 : 0;
  to->weight = (VlfRows){ (cl_ulong) step->first * to->inputs, 0, name_buffer (chain, weight), 0 };
  to->bias = (VlfRows){ step->first, 0, name_buffer (chain, bias), 0 };
}

/* @step as one or two of the kernel's, whose number is returned. */
static guint
describe (VlfClChain *chain, const VlfClStep *step, VlfStep *steps)
{
  static const cl_uint kinds[] = { 0,
                                   VLF_STEP_NORM,
                                   VLF_STEP_MIX,
                                   VLF_STEP_COPY,
                                   VLF_STEP_NORMALIZE,
                                   VLF_STEP_ATTENTION,
                                   VLF_STEP_GATHER,
                                   VLF_STEP_SCATTER,
                                   VLF_STEP_EMBED_F32 };
  VlfStep to = { .y = rows_of (chain, &step->y),
                 .x = rows_of (chain, &step->x),
                 .z = rows_of (chain, &step->z),
                 .weight = rows_of (chain, &step->norm.weight),
                 .bias = rows_of (chain, &step->norm.bias),
                 .kind = kinds[step->kind],
                 .rows = count_rows (step),
                 .cols = step->y.cols,
                 .act = (cl_int) step->act,
                 .a = step->kind == VLF_CL_NORM ? step->norm.eps : step->x_share,
                 .b = step->z_share };

  if (step->kind == VLF_CL_LINEAR)
    describe_linear (chain, step, &to);
  if (step->kind == VLF_CL_ATTENTION)
    describe_attention (chain, step, &to);
  if (step->kind == VLF_CL_EMBED)
    to.kind += step->stored;
  if (step->places.buffer)
    to.room = rows_of (chain, &step->places);
  steps[0] = to;
  if (!step->q.buffer)
    return 1;
  steps[0] = (VlfStep){ .y = rows_of (chain, &step->q),
                        .x = to.x,
                        .kind = step->w->stored == VLF_I8 ? VLF_STEP_QUANTISE : VLF_STEP_ROUND,
                        .rows = to.rows,
                        .cols = step->x.cols,
                        .inputs = to.inputs,
                        .scale_at = to.scale_at };
  steps[1] = to;
  steps[1].x = steps[0].y;
  return 2;
}

/* All steps of @job, of which the first says how many they are and what there is to do; their number. */
static guint
describe_job (VlfPass *pass, VlfClChain *chain, guint job, VlfStep *steps)
{
  guint n = 0, items = 0;

  for (guint i = 0; i < chain->n; i++) {
    if (chain->steps[i].job != job)
      continue;
    if (n == 0)
      items = count_items (pass->device, &chain->steps[i]);
    n += describe (chain, &chain->steps[i], steps + n);
  }
  steps->n = n;
  steps->items = items;
  return n;
}

/* Fills in @phases and @steps; returns the number of the latter. @most: work-items of the largest phase. */
static guint
describe_phases (VlfPass *pass, VlfClChain *chain, VlfPhase *phases, VlfStep *steps, guint *most)
{
  guint n = 0;

  *most = 0;
  for (guint i = 0; i < chain->n_phases; i++) {
    phases[i] = (VlfPhase){ .first = n };
    for (guint job = 0; job < chain->n_jobs; job++) {
      const guint first = n;

      if (chain->phases[job] != i)
        continue;
      n += describe_job (pass, chain, job, steps + first);
      phases[i].items += steps[first].items;
    }
    *most = MAX (*most, phases[i].items);
  }
  return n;
}

static void
forget (VlfClChain *chain)
{
  chain->n = chain->n_buffers = chain->n_phases = chain->n_jobs = 0;
}

static void
launch_chain (VlfPass *pass, VlfClChain *chain)
{
  g_autofree VlfStep *steps = g_new (VlfStep, 2 * chain->n);
  g_autofree VlfPhase *phases = g_new (VlfPhase, chain->n_phases);
  const guint units = vlf_cl_compute_units (pass->device);
  VlfClArgs args = { 0 };
  guint most, n = describe_phases (pass, chain, phases, steps, &most);

  vlf_cl_arg_mem (&args, vlf_cl_host (pass, phases, chain->n_phases * sizeof *phases, FALSE));
  vlf_cl_arg_uint (&args, chain->n_phases);
  vlf_cl_arg_mem (&args, vlf_cl_host (pass, steps, n * sizeof *steps, FALSE));
  for (guint i = 0; i < VLF_CHAIN_BUFFERS; i++)
    vlf_cl_arg_mem (&args, i < chain->n_buffers ? chain->buffers[i]->mem : NULL);
  forget (chain); /* as launching flushes */
  vlf_cl_launch (pass, "vlf_chain", (VlfClGrid){ .groups = { MIN (units, most) } }, &args);
}

void
vlf_cl_chain_flush (VlfPass *pass)
{
  VlfClChain *chain = vlf_cl_chain (pass);
  const guint n = chain->n;

  if (n > 1)
    launch_chain (pass, chain);
  forget (chain);
  if (n == 1) {
    const VlfClStep step = chain->steps[0];

    launch_single (pass, &step);
  }
}

/* @step with all sequences of its tensors as the rows of one matrix; FALSE where strides do not allow it. */
static gboolean
flatten (VlfClStep *step)
{
  if (step->kind == VLF_CL_ATTENTION)
    return TRUE;
  if ((step->kind == VLF_CL_GATHER || step->kind == VLF_CL_SCATTER) &&
      step->y.batch > 1) /* places are within a sequence */
    return FALSE;
  return vlf_cl_flatten (&step->y) && vlf_cl_flatten (&step->x) && (!step->z.buffer || vlf_cl_flatten (&step->z));
}

void
vlf_cl_step (VlfPass *pass, const VlfClStep *step)
{
  VlfClChain *chain = vlf_cl_chain (pass);
  VlfClStep flat = *step;

  if (pass->device->family != VLF_FAMILY_CPU || chain->alone || !flatten (&flat) || !is_small (pass->device, &flat)) {
    vlf_cl_chain_flush (pass);
    launch_single (pass, step);
    return;
  }
  if (step->w)
    flat.q = vlf_cl_short_room (pass, flat.x.rows, step->w);
  if (pass->error)
    return;
  if (!append (chain, &flat)) {
    vlf_cl_chain_flush (pass);
    append (chain, &flat);
  }
}
