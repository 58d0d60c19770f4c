/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention on OpenCL: see cl/attention.cl, whose block sizes these are. */
#include "kernels/ops_cl.h"
#include <math.h>

#define CPU_ROWS  6u   /* queries of a work-item */
#define CPU_KEYS  512u /* keys whose scores it holds at once */
#define CPU_WORTH 4u   /* tiles of queries for which it pays that a further work-item packs the keys */
#define LOG2E     1.44269504f
#define GPU_ROWS  16u /* queries of a group */
#define GPU_GROUP 64u

typedef struct {
  VlfTensor y, q, k, v;
  guint heads, width; /* width of a head */
  guint top_k;        /* 0: off */
  const VlfAttention *options;
} Attention;

/* The parameters ATTENTION of the kernels. */
static void
arg_attention (VlfClArgs *args, const Attention *a)
{
  const guint n = a->q.rows, m = a->k.rows;

  vlf_cl_arg_view (args, a->options ? a->options->key_bias : NULL);
  vlf_cl_arg_view (args, &a->y);
  vlf_cl_arg_view (args, a->options ? a->options->maps : NULL);
  vlf_cl_arg_uint (args, n);
  vlf_cl_arg_uint (args, m);
  vlf_cl_arg_uint (args, a->width);
  vlf_cl_arg_int (args, a->options && a->options->causal ? (gint) m - (gint) n : (gint) m);
  vlf_cl_arg_float (args, LOG2E / sqrtf ((float) a->width));
}

/* Equal blocks of keys of at most CPU_KEYS, each a whole number of register tiles. */
static guint
block_size (guint m)
{
  const guint blocks = (m + CPU_KEYS - 1) / CPU_KEYS, keys = (m + blocks - 1) / blocks;

  return (keys + 63) / 64 * 64;
}

/* Work-items that share the queries of a head: enough that all compute units are busy until the end, but each packs keys and values. */
static guint
count_parts (const VlfPass *pass, const Attention *a)
{
  const guint units = vlf_cl_compute_units (pass->device), heads = a->heads * a->y.batch;
  const guint tiles = (a->q.rows + CPU_ROWS - 1) / CPU_ROWS, most = MAX (tiles / CPU_WORTH, 1);

  return MIN ((2 * units + heads - 1) / heads, most);
}

/* Room for the packed keys of one head for every work-item, and for the packed values or the heaps of a tile. */
static VlfTensor
packing_room (VlfPass *pass, const Attention *a, guint parts)
{
  const guint w = vlf_cl_vector_width (pass->device), m = (a->k.rows + w - 1) / w * w;
  const gsize values = (gsize) m * ((a->width + w - 1) / w * w), heaps = (gsize) 2 * CPU_ROWS * a->top_k;
  const gsize elements = (gsize) m * a->width + (a->top_k ? heaps : values);

  return vlf_pass_alloc (pass, a->y.batch * a->heads * parts, 1, (guint) MIN (elements, G_MAXUINT));
}

static void
attention_cpu (VlfPass *pass, const Attention *a)
{
  guint scope = vlf_pass_open (pass), parts = count_parts (pass, a);
  VlfTensor room = packing_room (pass, a, parts);
  VlfClArgs args = { 0 };

  if (!vlf_pass_failed (pass)) {
    vlf_cl_arg_view (&args, &a->q);
    vlf_cl_arg_view (&args, &a->k);
    vlf_cl_arg_view (&args, &a->v);
    vlf_cl_arg_view (&args, &room);
    arg_attention (&args, a);
    vlf_cl_arg_uint (&args, block_size (a->k.rows));
    if (a->top_k)
      vlf_cl_arg_uint (&args, a->top_k);
    vlf_cl_launch (pass, a->top_k ? "vlf_attention_top" : "vlf_attention",
                   (VlfClGrid){ .groups = { parts, a->heads, a->y.batch } }, &args);
  }
  vlf_pass_close (pass, scope, (VlfTensor){ 0 });
}

static void
attention_gpu (VlfPass *pass, const Attention *a)
{
  const guint scope = vlf_pass_open (pass);
  VlfTensor heaps = { 0 };
  VlfClArgs args = { 0 };
  VlfClGrid grid = { .groups = { (a->q.rows + GPU_ROWS - 1) / GPU_ROWS, a->heads, a->y.batch },
                     .local = { GPU_GROUP } };

  if (a->top_k)
    heaps = vlf_pass_alloc (pass, a->y.batch * a->heads, a->q.rows, (guint) MIN ((gsize) 2 * a->top_k, G_MAXUINT));
  vlf_cl_arg_view (&args, &a->q);
  vlf_cl_arg_view (&args, &a->k);
  vlf_cl_arg_view (&args, &a->v);
  if (a->top_k)
    vlf_cl_arg_view (&args, &heaps);
  arg_attention (&args, a);
  if (a->top_k)
    vlf_cl_arg_uint (&args, a->top_k);
  if (!vlf_pass_failed (pass))
    vlf_cl_launch (pass, a->top_k ? "vlf_attention_top" : "vlf_attention", grid, &args);
  vlf_pass_close (pass, scope, (VlfTensor){ 0 });
}

void
vlf_cl_attention (VlfPass *pass, VlfTensor y, VlfTensor q, VlfTensor k, VlfTensor v, guint heads,
                  const VlfAttention *options)
{
  const Attention a = { y, q, k, v, heads, q.cols / heads, options ? options->top_k : 0, options };

  if (pass->device->family == VLF_FAMILY_CPU)
    attention_cpu (pass, &a);
  else
    attention_gpu (pass, &a);
}
