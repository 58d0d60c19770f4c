/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention on OpenCL: see cl/attention.cl, whose block sizes these are. */
#include <math.h>
#include "kernels/ops_cl_chain.h"

#define CPU_ROWS  6u   /* queries of a work-item */
#define CPU_KEYS  512u /* keys whose scores it holds at once */
#define CPU_WORTH 4u   /* tiles of queries for which it pays that a further work-item packs the keys */
#define CPU_PACK  2u   /* such tiles that take about as long as that */
#define LOG2E     1.44269504f
#define GPU_ROWS  16u /* queries of a group */
#define GPU_GROUP 64u

/* The parameters ATTENTION of the kernels. */
static void
arg_attention (VlfClArgs *args, const VlfClStep *step)
{
  const VlfClAttention *a = &step->attention;

  vlf_cl_arg_view (args, a->bias.buffer ? &a->bias : NULL);
  vlf_cl_arg_view (args, &step->y);
  vlf_cl_arg_view (args, a->maps.buffer ? &a->maps : NULL);
  vlf_cl_arg_uint (args, step->x.rows);
  vlf_cl_arg_uint (args, step->z.rows);
  vlf_cl_arg_uint (args, step->x.cols / a->heads);
  vlf_cl_arg_int (args, a->limit);
  vlf_cl_arg_float (args, a->scale);
}

/* Equal blocks of keys of at most CPU_KEYS, each a whole number of register tiles. */
static guint
block_size (guint m)
{
  const guint blocks = (m + CPU_KEYS - 1) / CPU_KEYS, keys = (m + blocks - 1) / blocks;

  return (keys + 63) / 64 * 64;
}

/* Work-items that share the queries of a head: at least as many as the device's tiles say, and so many that the compute units are done soonest,
 * since each packs keys and values. */
static guint
count_parts (const VlfPass *pass, const VlfClStep *step)
{
  const guint units = vlf_cl_compute_units (pass->device), heads = step->attention.heads * step->y.batch;
  const guint tiles = (step->x.rows + CPU_ROWS - 1) / CPU_ROWS, most = MAX (tiles / CPU_WORTH, 1);
  const guint least = MIN ((vlf_cl_tiles (pass->device)->parts * units + heads - 1) / heads, most);
  guint best = least;
  guint64 soonest = G_MAXUINT64;

  for (guint parts = least; parts <= MIN (most, 4 * least); parts++) {
    const guint64 turns = ((guint64) heads * parts + units - 1) / units,
                  end = turns * (CPU_PACK + (tiles + parts - 1) / parts);

    if (end < soonest) {
      soonest = end;
      best = parts;
    }
  }
  return best;
}

/* Room for the packed keys of one head for every work-item, and for the packed values or the heaps of a tile: a row for each key, as one
 * dimension alone would not hold as many elements. */
static VlfTensor
packing_room (VlfPass *pass, const VlfClStep *step)
{
  const VlfClAttention *a = &step->attention;
  const guint w = vlf_cl_vector_width (pass->device), keys = (step->z.rows + w - 1) / w * w;
  const guint width = step->x.cols / a->heads, values = a->top_k ? 0 : (width + w - 1) / w * w, cols = width + values;
  const gsize heaps = (gsize) 2 * CPU_ROWS * a->top_k, rows = keys + (heaps + cols - 1) / cols;

  return vlf_pass_alloc (pass, step->y.batch * a->heads * a->parts, (guint) MIN (rows, G_MAXUINT), cols);
}

static void
attention_cpu (VlfPass *pass, VlfClStep *step)
{
  guint scope = vlf_pass_open (pass);

  step->attention.parts = count_parts (pass, step);
  step->attention.block = block_size (step->z.rows);
  step->attention.room = packing_room (pass, step);
  if (!vlf_pass_failed (pass))
    vlf_cl_step (pass, step);
  vlf_pass_close (pass, scope, (VlfTensor){ 0 });
}

void
vlf_cl_attend (VlfPass *pass, const VlfClStep *step)
{
  const VlfClAttention *a = &step->attention;
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &step->x);
  vlf_cl_arg_view (&args, &step->z);
  vlf_cl_arg_view (&args, &a->v);
  vlf_cl_arg_view (&args, &a->room);
  arg_attention (&args, step);
  vlf_cl_arg_uint (&args, a->block);
  if (a->top_k)
    vlf_cl_arg_uint (&args, a->top_k);
  vlf_cl_launch (pass, a->top_k ? "vlf_attention_top" : "vlf_attention",
                 (VlfClGrid){ .groups = { a->parts, a->heads, step->y.batch } }, &args);
}

static void
attention_gpu (VlfPass *pass, const VlfClStep *step)
{
  const guint scope = vlf_pass_open (pass), heads = step->attention.heads, top_k = step->attention.top_k;
  VlfTensor heaps = { 0 };
  VlfClArgs args = { 0 };
  VlfClGrid grid = { .groups = { (step->x.rows + GPU_ROWS - 1) / GPU_ROWS, heads, step->y.batch },
                     .local = { GPU_GROUP } };

  if (top_k)
    heaps = vlf_pass_alloc (pass, step->y.batch * heads, step->x.rows, (guint) MIN ((gsize) 2 * top_k, G_MAXUINT));
  vlf_cl_arg_view (&args, &step->x);
  vlf_cl_arg_view (&args, &step->z);
  vlf_cl_arg_view (&args, &step->attention.v);
  if (top_k)
    vlf_cl_arg_view (&args, &heaps);
  arg_attention (&args, step);
  if (top_k)
    vlf_cl_arg_uint (&args, top_k);
  if (!vlf_pass_failed (pass))
    vlf_cl_launch (pass, top_k ? "vlf_attention_top" : "vlf_attention", grid, &args);
  vlf_pass_close (pass, scope, (VlfTensor){ 0 });
}

void
vlf_cl_attention (VlfPass *pass, VlfTensor y, VlfTensor q, VlfTensor k, VlfTensor v, guint heads,
                  const VlfAttention *options)
{
  VlfClStep step = { .kind = VLF_CL_ATTENTION, .y = y, .x = q, .z = k };

  step.attention = (VlfClAttention){ .v = v,
                                     .top_k = options ? options->top_k : 0,
                                     .heads = heads,
                                     .limit = (gint) k.rows - (options && options->causal ? (gint) q.rows : 0),
                                     .scale = LOG2E / sqrtf ((float) (q.cols / heads)) };
  if (options && options->key_bias)
    step.attention.bias = *options->key_bias;
  if (options && options->maps)
    step.attention.maps = *options->maps;
  if (pass->device->family == VLF_FAMILY_CPU)
    attention_cpu (pass, &step);
  else
    attention_gpu (pass, &step);
}
