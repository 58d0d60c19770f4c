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

/* Room for what a kernel that packs makes of @elements of every head of @x; a broadcast tensor is packed once. */
static VlfTensor
packed_alloc (VlfPass *pass, VlfTensor x, guint heads, gsize elements)
{
  VlfTensor packed = vlf_pass_alloc (pass, x.batch_stride == 0 ? 1 : x.batch, heads, (guint) MIN (elements, G_MAXUINT));

  if (x.batch_stride == 0)
    packed.batch_stride = 0;
  return packed;
}

static VlfTensor
pack_keys (VlfPass *pass, const Attention *a)
{
  const guint w = vlf_cl_vector_width (pass->device), m = a->k.rows, panels = (m + w - 1) / w;
  VlfTensor keys = packed_alloc (pass, a->k, a->heads, (gsize) panels * w * a->width);
  VlfClArgs args = { 0 };

  if (vlf_pass_failed (pass))
    return keys;
  vlf_cl_arg_view (&args, &a->k);
  vlf_cl_arg_view (&args, &keys);
  vlf_cl_arg_uint (&args, m);
  vlf_cl_arg_uint (&args, a->width);
  vlf_cl_launch (pass, "vlf_attention_pack_keys", (VlfClGrid){ .groups = { panels, a->heads, keys.batch } }, &args);
  return keys;
}

/* As the kernel wants values: the stride leads from head to head, @key_stride from key to key. Packed where more than one work-item
 * reads them. */
static VlfTensor
pack_values (VlfPass *pass, const Attention *a, guint *key_stride)
{
  const guint w = vlf_cl_vector_width (pass->device), width = (a->width + w - 1) / w * w;
  VlfTensor values = a->v;
  VlfClArgs args = { 0 };

  if (a->q.rows <= CPU_ROWS) {
    *key_stride = a->v.stride;
    values.stride = a->width;
    return values;
  }
  *key_stride = width;
  values = packed_alloc (pass, a->v, a->heads, (gsize) a->v.rows * width);
  if (vlf_pass_failed (pass))
    return values;
  vlf_cl_arg_view (&args, &a->v);
  vlf_cl_arg_view (&args, &values);
  vlf_cl_arg_uint (&args, a->v.rows);
  vlf_cl_arg_uint (&args, a->width);
  vlf_cl_launch (pass, "vlf_attention_pack_values",
                 (VlfClGrid){ .groups = { (a->v.rows + w - 1) / w, a->heads, values.batch } }, &args);
  return values;
}

static void
attention_cpu (VlfPass *pass, const Attention *a)
{
  guint scope = vlf_pass_open (pass), key_stride;
  VlfTensor keys = pack_keys (pass, a), values = pack_values (pass, a, &key_stride);
  VlfClArgs args = { 0 };

  if (!vlf_pass_failed (pass)) {
    vlf_cl_arg_view (&args, &a->q);
    vlf_cl_arg_view (&args, &keys);
    vlf_cl_arg_view (&args, &values);
    arg_attention (&args, a);
    vlf_cl_arg_uint (&args, block_size (a->k.rows));
    vlf_cl_arg_uint (&args, key_stride);
    vlf_cl_launch (pass, "vlf_attention",
                   (VlfClGrid){ .groups = { (a->q.rows + CPU_ROWS - 1) / CPU_ROWS, a->heads, a->y.batch } }, &args);
  }
  vlf_pass_close (pass, scope, (VlfTensor){ 0 });
}

static void
attention_gpu (VlfPass *pass, const Attention *a)
{
  VlfClArgs args = { 0 };
  VlfClGrid grid = { .groups = { (a->q.rows + GPU_ROWS - 1) / GPU_ROWS, a->heads, a->y.batch },
                     .local = { GPU_GROUP } };

  vlf_cl_arg_view (&args, &a->q);
  vlf_cl_arg_view (&args, &a->k);
  vlf_cl_arg_view (&args, &a->v);
  arg_attention (&args, a);
  vlf_cl_launch (pass, "vlf_attention", grid, &args);
}

void
vlf_cl_attention (VlfPass *pass, VlfTensor y, VlfTensor q, VlfTensor k, VlfTensor v, guint heads,
                  const VlfAttention *options)
{
  const Attention a = { y, q, k, v, heads, q.cols / heads, options };

  if (pass->device->family == VLF_FAMILY_CPU)
    attention_cpu (pass, &a);
  else
    attention_gpu (pass, &a);
}
