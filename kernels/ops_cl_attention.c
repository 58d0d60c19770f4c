/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention on OpenCL: see cl/attention.cl, whose block sizes these are. */
#include "kernels/ops_cl.h"
#include <math.h>

#define CPU_ROWS  6u   /* queries of a work-item */
#define CPU_KEYS  512u /* keys whose scores it holds at once */
#define CPU_FEW   4u   /* queries up to which packing the keys does not pay */
#define GPU_ROWS  16u  /* queries of a group */
#define GPU_GROUP 64u

typedef struct {
  VlfTensor y, q, k, v;
  guint heads, width; /* width of a head */
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
  vlf_cl_arg_float (args, 1.0f / sqrtf ((float) a->width));
}

/* Equal blocks of keys of at most CPU_KEYS, each a whole number of register tiles. */
static guint
block_size (guint m)
{
  const guint blocks = (m + CPU_KEYS - 1) / CPU_KEYS, keys = (m + blocks - 1) / blocks;

  return (keys + 63) / 64 * 64;
}

/* Room for what the kernel that packs makes of @elements of every head of @x; a broadcast tensor is packed once. */
static VlfTensor
packed_alloc (VlfPass *pass, VlfTensor x, guint heads, guint elements)
{
  VlfTensor packed = vlf_pass_alloc (pass, x.batch_stride == 0 ? 1 : x.batch, heads, elements);

  if (x.batch_stride == 0)
    packed.batch_stride = 0;
  return packed;
}

static void
attention_packed (VlfPass *pass, const Attention *a)
{
  const guint w = vlf_cl_vector_width (pass->device), m = a->k.rows, panels = (m + w - 1) / w;
  guint scope = vlf_pass_open (pass);
  VlfTensor keys = packed_alloc (pass, a->k, a->heads, panels * w * a->width);
  VlfTensor values = packed_alloc (pass, a->v, a->heads, m * ((a->width + w - 1) / w * w));
  const guint packed = MAX (keys.batch, values.batch);
  VlfClArgs pack = { 0 }, args = { 0 };

  if (!vlf_pass_failed (pass)) {
    vlf_cl_arg_view (&pack, &a->k);
    vlf_cl_arg_view (&pack, &a->v);
    vlf_cl_arg_view (&pack, &keys);
    vlf_cl_arg_view (&pack, &values);
    vlf_cl_arg_uint (&pack, m);
    vlf_cl_arg_uint (&pack, a->width);
    vlf_cl_launch (pass, "vlf_attention_pack", (VlfClGrid){ .groups = { panels, a->heads, packed } }, &pack);

    vlf_cl_arg_view (&args, &a->q);
    vlf_cl_arg_view (&args, &keys);
    vlf_cl_arg_view (&args, &values);
    arg_attention (&args, a);
    vlf_cl_arg_uint (&args, block_size (m));
    vlf_cl_launch (pass, "vlf_attention",
                   (VlfClGrid){ .groups = { (a->q.rows + CPU_ROWS - 1) / CPU_ROWS, a->heads, a->y.batch } }, &args);
  }
  vlf_pass_close (pass, scope, (VlfTensor){ 0 });
}

/* What needs no packing: all of the GPU family, few queries on the CPU family. */
static void
attention_direct (VlfPass *pass, const Attention *a, const char *kernel, VlfClGrid grid)
{
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &a->q);
  vlf_cl_arg_view (&args, &a->k);
  vlf_cl_arg_view (&args, &a->v);
  arg_attention (&args, a);
  vlf_cl_launch (pass, kernel, grid, &args);
}

void
vlf_cl_attention (VlfPass *pass, VlfTensor y, VlfTensor q, VlfTensor k, VlfTensor v, guint heads,
                  const VlfAttention *options)
{
  const Attention a = { y, q, k, v, heads, q.cols / heads, options };
  const gsize groups = (q.rows + GPU_ROWS - 1) / GPU_ROWS;

  if (pass->device->family == VLF_FAMILY_GPU)
    attention_direct (pass, &a, "vlf_attention",
                      (VlfClGrid){ .groups = { groups, heads, y.batch }, .local = { GPU_GROUP } });
  else if (q.rows <= CPU_FEW)
    attention_direct (pass, &a, "vlf_attention_few", (VlfClGrid){ .groups = { q.rows, heads, y.batch } });
  else
    attention_packed (pass, &a);
}
