/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/ops_cl_chain.h"
#include <string.h>
#include "kernels/ops_cl_linear.h"
#include "kernels/ops_cl_plan.h"
#include "kernels/tiles.h"

#define MAX_RECORDS 512u
#define MAX_NEW     7u /* memories that a step may bring with it */

/* Multiply-adds up to which one thread is as quick as several that must be woken first. */
#define MAX_ALONE (1u << 20)
/* Rows of a tile from which on it is arithmetic that takes the time. */
#define MIN_HEIGHT 4u

struct _VlfClChain {
  gboolean alone;
  guint n, n_memories;
  gboolean expected;    /* so far the records are those of the plan that is expected, and are not written down */
  VlfClStep only;       /* the step, where there is one record */
  VlfClRecord *records; /* [n of MAX_RECORDS] */
  const VlfBuffer *memories[VLF_CHAIN_BUFFERS]; /* [n_memories] that the records use */
  guint n_set;                                  /* memories of the kernel's last launch; MAX: there was none */
  VlfClPlans plans;
};

VlfClChain *
vlf_cl_chain_new (gboolean alone)
{
  VlfClChain *chain = g_new0 (VlfClChain, 1);

  chain->alone = alone;
  chain->records = g_new (VlfClRecord, MAX_RECORDS);
  chain->n_set = VLF_CHAIN_BUFFERS;
  return chain;
}

void
vlf_cl_chain_free (VlfClChain *chain, gboolean left)
{
  vlf_cl_plans_clear (&chain->plans, left);
  g_free (chain->records);
  g_free (chain);
}

/* What becomes a chain */

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

/* Records */

/* The number of the memory that @buffer lies in, which is added where it is new; VLF_CHAIN_BUFFERS where there is no room. */
static guint
name_memory (VlfClChain *chain, const VlfBuffer *buffer)
{
  const VlfBuffer *memory = buffer->whole ? buffer->whole : buffer;
  guint i = 0;

  while (i < chain->n_memories && chain->memories[i] != memory)
    i++;
  if (i == chain->n_memories && i < VLF_CHAIN_BUFFERS)
    chain->memories[chain->n_memories++] = memory;
  return i;
}

/* From element @offset of @buffer on, which has @size bytes. */
static VlfRows
rows_from (VlfClChain *chain, const VlfBuffer *buffer, gsize offset, gsize size)
{
  return (VlfRows){ .offset = (buffer->first + offset * size) / sizeof (float), .buffer = name_memory (chain, buffer) };
}

static VlfRows
rows_of (VlfClChain *chain, const VlfTensor *x)
{
  VlfRows rows = { .buffer = VLF_CHAIN_BUFFERS };

  if (!x->buffer)
    return rows;
  rows = rows_from (chain, x->buffer, x->offset, sizeof (float));
  rows.batch_stride = x->batch_stride;
  rows.stride = x->stride;
  return rows;
}

/* What @x, which lies at @rows, may touch, padding included; nothing where there is no tensor. */
static void
add_range (VlfClRange *ranges, guint *n, const VlfTensor *x, VlfRows rows)
{
  const gsize elements = (gsize) (x->batch - 1) * x->batch_stride + (gsize) x->rows * MAX (x->stride, x->cols);

  if (x->buffer)
    ranges[(*n)++] = (VlfClRange){
      .begin = rows.offset, .end = rows.offset + elements, .memory = rows.buffer, .stride = x->stride, .cols = x->cols
    };
}

static void
record_attention (VlfClChain *chain, const VlfClStep *step, VlfClRecord *r)
{
  const VlfClAttention *a = &step->attention;
  VlfStep *to = &r->step;

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
  add_range (r->access.read, &r->access.n_read, &a->v, to->weight);
  add_range (r->access.read, &r->access.n_read, &a->bias, to->bias);
  add_range (r->access.written, &r->access.n_written, &a->room, to->room);
  add_range (r->access.written, &r->access.n_written, &a->maps, to->maps);
}

static void
record_linear (VlfClChain *chain, const VlfClStep *step, VlfStep *to)
{
  static const cl_uint kinds[] = { VLF_STEP_F32, VLF_STEP_F16, VLF_STEP_BF16, VLF_STEP_I8, VLF_STEP_PAIR };
  const VlfBuffer *weight, *bias;

  vlf_cl_weight_buffers (step->w, &weight, &bias);
  to->kind = kinds[step->w->stored];
  to->inputs = vlf_cl_weight_inputs (step->w);
  to->padded = vlf_cl_weight_outputs (step->w);
  to->scale_at = step->w->stored == VLF_I8 ? step->x.cols - 1 : 0;
  to->weight = rows_from (chain, weight, (gsize) step->first * to->inputs, vlf_dtype_size (step->w->stored));
  to->bias = rows_from (chain, bias, step->first, sizeof (float));
}

/* A norm's vectors, or the places of a gather, a scatter or an embedding. */
static void
record_rest (VlfClChain *chain, const VlfClStep *step, VlfClRecord *r)
{
  r->step.weight = rows_of (chain, &step->norm.weight);
  r->step.bias = rows_of (chain, &step->norm.bias);
  r->step.room = rows_of (chain, &step->places);
  add_range (r->access.read, &r->access.n_read, &step->norm.weight, r->step.weight);
  add_range (r->access.read, &r->access.n_read, &step->norm.bias, r->step.bias);
  add_range (r->access.read, &r->access.n_read, &step->places, r->step.room);
}

/* Adds @r, of which nothing is kept where it is what was expected: to write down what is known takes as long as to find it out. */
static void
add_record (VlfClChain *chain, const VlfClRecord *r)
{
  const VlfClPlan *plan = vlf_cl_plans_expect (&chain->plans);

  if (chain->n == 0)
    chain->expected = plan != NULL;
  if (chain->expected && (chain->n >= plan->n || memcmp (&plan->records[chain->n], r, sizeof *r) != 0)) {
    memcpy (chain->records, plan->records, chain->n * sizeof *r);
    chain->expected = FALSE;
  }
  if (!chain->expected)
    chain->records[chain->n] = *r;
  chain->n++;
}

/* @kind: of the kernel. */
static VlfClRecord
record_of (const VlfDevice *device, VlfClChain *chain, const VlfClStep *step, guint kind)
{
  VlfClRecord r;

  memset (&r, 0, sizeof r);
  r.step.kind = kind;
  r.step.items = count_items (device, step);
  r.step.rows = count_rows (step);
  r.step.cols = step->y.cols;
  r.step.act = (cl_int) step->act;
  r.step.a = step->kind == VLF_CL_NORM ? step->norm.eps : step->x_share;
  r.step.b = step->z_share;
  r.step.y = rows_of (chain, &step->y);
  r.step.x = rows_of (chain, &step->x);
  r.step.z = rows_of (chain, &step->z);
  add_range (r.access.written, &r.access.n_written, &step->y, r.step.y);
  add_range (r.access.read, &r.access.n_read, &step->x, r.step.x);
  add_range (r.access.read, &r.access.n_read, &step->z, r.step.z);
  if (step->kind == VLF_CL_ATTENTION)
    record_attention (chain, step, &r);
  else
    record_rest (chain, step, &r);
  if (step->w)
    record_linear (chain, step, &r.step);
  return r;
}

/* A linear layer of @x, made into fewer bits at @q before. */
static void
record_short (const VlfDevice *device, VlfClChain *chain, const VlfClStep *step, VlfTensor q)
{
  const gboolean bytes = step->w->stored == VLF_I8;
  const VlfClStep make = { .kind = VLF_CL_COPY, .y = q, .x = step->x };
  VlfClRecord r = record_of (device, chain, &make, bytes ? VLF_STEP_QUANTISE : VLF_STEP_ROUND);
  VlfClStep linear = *step;

  r.step.cols = step->x.cols;
  r.step.inputs = vlf_cl_weight_inputs (step->w);
  r.step.scale_at = bytes ? q.cols - 1 : 0;
  add_record (chain, &r);
  linear.x = q;
  r = record_of (device, chain, &linear, 0);
  add_record (chain, &r);
}

/* FALSE where there is no room for all of @step; nothing of it is recorded then. */
static gboolean
record_step (const VlfDevice *device, VlfClChain *chain, const VlfClStep *step, VlfTensor q)
{
  static const guint kinds[] = { 0,
                                 VLF_STEP_NORM,
                                 VLF_STEP_MIX,
                                 VLF_STEP_COPY,
                                 VLF_STEP_NORMALIZE,
                                 VLF_STEP_ATTENTION,
                                 VLF_STEP_GATHER,
                                 VLF_STEP_SCATTER,
                                 VLF_STEP_EMBED_F32 };
  VlfClRecord r;

  if (chain->n + 2 > MAX_RECORDS || chain->n_memories + MAX_NEW > VLF_CHAIN_BUFFERS)
    return FALSE;
  if (q.buffer) {
    record_short (device, chain, step, q);
  } else {
    r = record_of (device, chain, step, kinds[step->kind] + (step->kind == VLF_CL_EMBED ? step->stored : 0));
    add_record (chain, &r);
  }
  if (chain->n == 1)
    chain->only = *step;
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

static void
forget (VlfClChain *chain)
{
  chain->n = chain->n_memories = 0;
}

/* The kernel keeps its parameters from one launch to the next, so that those beyond the last memory are set once. */
static void
arg_memories (VlfClArgs *args, VlfClChain *chain)
{
  for (guint i = 0; i < MAX (chain->n_memories, chain->n_set); i++)
    vlf_cl_arg_mem (args, i < chain->n_memories ? chain->memories[i]->mem : NULL);
  chain->n_set = chain->n_memories;
}

static void
launch_chain (VlfPass *pass, VlfClChain *chain)
{
  VlfClPlan *plan = vlf_cl_plans_find (&chain->plans, chain->expected ? NULL : chain->records, chain->n);
  const guint units = vlf_cl_compute_units (pass->device);
  VlfClArgs args = { 0 };

  if (!plan->mem)
    plan->mem = vlf_cl_copy_of (pass, plan->steps, plan->n * sizeof *plan->steps);
  vlf_cl_arg_mem (&args, vlf_cl_host (pass, plan->phases, plan->n_phases * sizeof *plan->phases, FALSE));
  vlf_cl_arg_uint (&args, plan->n_phases);
  vlf_cl_arg_mem (&args, plan->mem);
  arg_memories (&args, chain);
  forget (chain); /* as launching flushes */
  vlf_cl_launch (pass, "vlf_chain", (VlfClGrid){ .groups = { MIN (units, plan->widest) } }, &args);
  if (pass->error)
    chain->n_set = VLF_CHAIN_BUFFERS;
}

void
vlf_cl_chain_flush (VlfPass *pass)
{
  VlfClChain *chain = vlf_cl_chain (pass);
  const guint n = chain->n;

  if (n > 1 && !pass->error)
    launch_chain (pass, chain);
  forget (chain);
  if (n == 1) {
    const VlfClStep step = chain->only;

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
  VlfTensor q = { 0 }; /* room for what a layer multiplies in fewer bits */

  if (pass->device->family != VLF_FAMILY_CPU || chain->alone || !flatten (&flat) || !is_small (pass->device, &flat)) {
    vlf_cl_chain_flush (pass);
    launch_single (pass, step);
    return;
  }
  if (step->w)
    q = vlf_cl_short_room (pass, flat.x.rows, step->w);
  if (pass->error)
    return;
  if (!record_step (pass->device, chain, &flat, q)) {
    vlf_cl_chain_flush (pass);
    record_step (pass->device, chain, &flat, q);
  }
}
