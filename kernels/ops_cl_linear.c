/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/ops_cl_linear.h"
#include <math.h>
#include <string.h>
#include "kernels/cl_device.h"
#include "kernels/half.h"
#include "kernels/int8.h"
#include "kernels/ops_cl_chain.h"
#include "kernels/program.h"
#include "kernels/tier.h"
#include "kernels/tiles.h"

#define F16_MAX 65504.0f

/* Tile of one work-group of the GPU family, and its work-items; see cl/gemm.cl. */
#define GPU_TILE       64u
#define GPU_PANEL      32u
#define GPU_GROUP_SIDE 16u

/* Columns that dot products of bytes and of bf16 take at once, at most. */
#define INT8_GROUP 4u
#define BF16_GROUP 2u

/* Bytes of a row of an AMX tile, its rows in a tile of sums, and the most that a work-item has; see cl/amx.cl. */
#define AMX_BYTES  64u
#define AMX_HEIGHT 32u
#define AMX_BLOCKS 4u
/* Work-items for each compute unit that are enough to keep all of them busy. */
#define AMX_ENOUGH 4u

/* Sides of what a group computes, its work-items, and the columns that it takes at once; see cl/mma.cl. */
#define MMA_SIDE  64u
#define MMA_GROUP 128u
#define MMA_STEP  32u

/* A weight [n, k] in panels of @panel rows: [n / panel, k, panel], so that the kernel reads it in order, whatever the shape. Rows
 * beyond n are 0. The bias is padded alike, and 0 where there is none; for VLF_I8 see cl/int8.cl, where k is a multiple of 4, for
 * VLF_BF16_DOT cl/bf16.cl, where it is one of 2; for tiles of AMX of 64 bytes. For cl/mma.cl it is [n, k]. */
typedef struct {
  VlfWeight base;
  VlfBuffer *buffer, *bias;
  guint panel;
  guint inputs, outputs; /* padded */
} ClWeight;

/* While a weight is packed: the rows of all parts as one matrix. */
typedef struct {
  const VlfSource *parts;
  guint n_parts;
  guint panel, inputs, padded; /* padded: inputs in memory */
  VlfDType stored;
  gpointer raw;  /* [panel, inputs] of the file's type */
  float *rows;   /* [panel, inputs] */
  float *turned; /* [inputs, panel] */
  gpointer packed;
  float *scales; /* of the panel's rows, VLF_I8 only */
  gint32 *offsets;
} Packing;

static guint
panel_width (const VlfDevice *device)
{
  return device->family == VLF_FAMILY_CPU ? 2 * vlf_cl_vector_width (device) : GPU_PANEL;
}

/* Factors of an output that lie side by side, and that an element of what vlf_quantise() makes holds. */
static guint
int8_group (const VlfDevice *device)
{
  const guint tiers = vlf_cl_tiers (device);

  return tiers & (VLF_TIER_INT8 | VLF_TIER_AMX_INT8) ? 4 : tiers & VLF_TIER_INT8_AVX2 ? 2 : 1;
}

/* Whether products with what is stored as @stored take tiles of AMX. */
static gboolean
in_tiles (const VlfDevice *device, VlfDType stored)
{
  return (stored == VLF_I8 && vlf_cl_tiers (device) & VLF_TIER_AMX_INT8) ||
         (stored == VLF_BF16_DOT && vlf_cl_tiers (device) & VLF_TIER_AMX_BF16);
}

/* Whether @stored has activations rounded to 16 bits. */
static gboolean
is_dot (VlfDType stored)
{
  return stored == VLF_BF16_DOT || stored == VLF_F16_DOT;
}

/* Whether products with what is stored as @stored take the matrix instructions of GPUs. */
static gboolean
in_matrices (const VlfDevice *device, VlfDType stored)
{
  return is_dot (stored) && vlf_cl_tiers (device) & VLF_TIER_MMA;
}

/* What a weight's columns are padded to a multiple of. */
static guint
column_group (const VlfDevice *device, VlfDType stored)
{
  if (in_tiles (device, stored))
    return AMX_BYTES / (guint) vlf_dtype_size (stored);
  if (in_matrices (device, stored))
    return MMA_STEP;
  return stored == VLF_I8 ? INT8_GROUP : stored == VLF_BF16_DOT ? BF16_GROUP : 1;
}

static gboolean
packing_open (Packing *p, GError **error)
{
  gsize elements = (gsize) p->panel * p->padded;

  p->scales = g_new (float, p->panel);
  p->offsets = g_new (gint32, p->panel);
  p->raw = g_try_malloc_n (elements, sizeof (float));
  p->rows = g_try_malloc_n (elements, sizeof (float));
  p->turned = g_try_malloc_n (elements, sizeof (float));
  p->packed = g_try_malloc_n (elements, sizeof (float));
  if (p->raw && p->rows && p->turned && p->packed)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory to pack %u rows of %u numbers", p->panel, p->inputs);
  return FALSE;
}

static void
packing_close (Packing *p)
{
  g_free (p->raw);
  g_free (p->rows);
  g_free (p->turned);
  g_free (p->packed);
  g_free (p->scales);
  g_free (p->offsets);
}

/* Rows [first, first + panel) of the stacked parts to p->rows; those beyond the last are 0. */
static gboolean
read_rows (Packing *p, guint first, GError **error)
{
  guint have = 0, start = 0;

  memset (p->rows, 0, (gsize) p->panel * p->inputs * sizeof (float));
  for (guint i = 0; i < p->n_parts && have < p->panel; i++) {
    const VlfSource *part = &p->parts[i];
    guint at = first + have;

    if (at < start + part->rows) {
      guint n = MIN (p->panel - have, start + part->rows - at);

      if (!vlf_source_read (part, at - start, n, p->raw, p->rows + (gsize) have * p->inputs, error))
        return FALSE;
      have += n;
    }
    start += part->rows;
  }
  return TRUE;
}

/* Too large numbers would become infinite in 16 bits, silently. */
static gboolean
check_range (const Packing *p, GError **error)
{
  gsize n = (gsize) p->panel * p->inputs;

  for (gsize i = 0; (p->stored == VLF_F16 || p->stored == VLF_F16_DOT) && i < n; i++) {
    if (isfinite (p->rows[i]) && fabsf (p->rows[i]) > F16_MAX) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                   "a weight is %g, which f16 cannot hold (at most %g); use bf16 or f32", (double) p->rows[i],
                   (double) F16_MAX);
      return FALSE;
    }
  }
  return TRUE;
}

/* p->rows in 8 bits to p->packed, @group columns of a row side by side. */
static void
pack_int8 (Packing *p, guint group, guint padded)
{
  g_autofree gint8 *row = g_new0 (gint8, padded);
  gint8 *packed = p->packed;

  for (guint n = 0; n < p->panel; n++) {
    gint32 sum = 0;

    p->scales[n] = vlf_quantise (p->rows + (gsize) n * p->inputs, p->inputs, row);
    for (guint k = 0; k < padded; k++) {
      packed[((gsize) (k / group) * p->panel + n) * group + k % group] = row[k];
      sum += row[k];
    }
    p->offsets[n] = 128 * sum;
  }
}

/* p->rows in bf16 to p->packed, pairs of a row side by side. */
static void
pack_pairs (Packing *p, guint padded)
{
  for (guint k = 0; k < padded; k++) {
    for (guint n = 0; n < p->panel; n++)
      p->turned[((gsize) (k / BF16_GROUP) * p->panel + n) * BF16_GROUP + k % BF16_GROUP] =
          k < p->inputs ? p->rows[(gsize) n * p->inputs + k] : 0.0f;
  }
  vlf_f32_to (VLF_BF16, p->turned, (gsize) padded * p->panel, p->packed);
}

/* p->rows in 16 bits to p->packed as they are. */
static void
pack_rows (Packing *p)
{
  for (guint n = 0; n < p->panel; n++) {
    for (guint k = 0; k < p->padded; k++)
      p->turned[(gsize) n * p->padded + k] = k < p->inputs ? p->rows[(gsize) n * p->inputs + k] : 0.0f;
  }
  vlf_f32_to (p->stored == VLF_F16_DOT ? VLF_F16 : VLF_BF16, p->turned, (gsize) p->panel * p->padded, p->packed);
}

static void
pack_floats (Packing *p)
{
  for (guint k = 0; k < p->inputs; k++) {
    for (guint n = 0; n < p->panel; n++)
      p->turned[(gsize) k * p->panel + n] = p->rows[(gsize) n * p->inputs + k];
  }
  vlf_f32_to (p->stored, p->turned, (gsize) p->panel * p->inputs, p->packed);
}

static gboolean
pack_panel (Packing *p, guint panel_index, ClWeight *weight, GError **error)
{
  const VlfBackend *backend = weight->base.device->backend;
  gsize bytes = (gsize) p->panel * weight->inputs * vlf_dtype_size (p->stored), some = p->panel * sizeof (float);
  gsize column = (gsize) weight->outputs * sizeof (float);

  if (!read_rows (p, panel_index * p->panel, error) || !check_range (p, error))
    return FALSE;
  if (in_matrices (weight->base.device, p->stored)) {
    pack_rows (p);
  } else if (p->stored == VLF_BF16_DOT) {
    pack_pairs (p, weight->inputs);
  } else if (p->stored != VLF_I8) {
    pack_floats (p);
  } else {
    pack_int8 (p, int8_group (weight->base.device), weight->inputs);
    if (!backend->buffer_write (weight->bias, column + panel_index * some, p->scales, some, error) ||
        !backend->buffer_write (weight->bias, 2 * column + panel_index * some, p->offsets, some, error))
      return FALSE;
  }
  return backend->buffer_write (weight->buffer, panel_index * bytes, p->packed, bytes, error);
}

static gboolean
send_bias (ClWeight *weight, const VlfSource *weights, const VlfSource *biases, guint n_parts, guint padded,
           GError **error)
{
  g_autofree float *bias = g_try_new0 (float, padded), *raw = g_try_new0 (float, padded);
  guint start = 0;

  if (!bias || !raw) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for a bias of %u numbers", padded);
    return FALSE;
  }
  for (guint i = 0; i < n_parts; i++) {
    if (biases && biases[i].read && !vlf_source_read (&biases[i], 0, 1, raw, bias + start, error))
      return FALSE;
    start += weights[i].rows;
  }
  return weight->base.device->backend->buffer_write (weight->bias, 0, bias, padded * sizeof (float), error);
}

static gboolean
fill (ClWeight *weight, const VlfSource *weights, const VlfSource *biases, guint n_parts, GError **error)
{
  VlfDevice *device = weight->base.device;
  guint panels = weight->outputs / weight->panel, vectors = weight->base.stored == VLF_I8 ? 3 : 1;
  Packing p = { .parts = weights,
                .n_parts = n_parts,
                .panel = weight->panel,
                .inputs = weight->base.inputs,
                .padded = weight->inputs,
                .stored = weight->base.stored };
  gsize bytes;
  gboolean good;

  if (!vlf_size_mul (weight->outputs, weight->inputs, &bytes) ||
      !vlf_size_mul (bytes, vlf_dtype_size (p.stored), &bytes)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "a weight [%u, %u] is too large", weight->base.outputs, p.inputs);
    return FALSE;
  }
  weight->buffer = vlf_buffer_new (device, bytes, error);
  weight->bias =
      weight->buffer ? vlf_buffer_new (device, (gsize) vectors * weight->outputs * sizeof (float), error) : NULL;
  good =
      weight->bias && packing_open (&p, error) && send_bias (weight, weights, biases, n_parts, weight->outputs, error);
  for (guint i = 0; i < panels && good; i++)
    good = pack_panel (&p, i, weight, error);
  packing_close (&p);
  return good;
}

VlfWeight *
vlf_cl_weight_new (VlfDevice *device, const VlfSource *weights, const VlfSource *biases, guint n_parts, VlfDType stored,
                   GError **error)
{
  ClWeight *weight;
  guint group;

  if (stored > VLF_BF16 && !vlf_program_open (device, error)) /* how these are packed depends on the kernels */
    return NULL;
  if (stored == VLF_BF16_DOT && !(vlf_cl_tiers (device) & VLF_TIERS_BF16))
    stored = VLF_BF16;
  if (stored == VLF_F16_DOT && !(vlf_cl_tiers (device) & VLF_TIER_MMA))
    stored = VLF_F16;
  weight = g_new0 (ClWeight, 1);
  weight->base.device = device;
  weight->base.inputs = weights->cols;
  weight->base.stored = stored;
  for (guint i = 0; i < n_parts; i++)
    weight->base.outputs += weights[i].rows;
  weight->panel = panel_width (device);
  weight->outputs = (weight->base.outputs + weight->panel - 1) / weight->panel * weight->panel;
  group = column_group (device, stored);
  weight->inputs = (weight->base.inputs + group - 1) / group * group;
  if (fill (weight, weights, biases, n_parts, error))
    return &weight->base;
  vlf_cl_weight_free (&weight->base);
  return NULL;
}

void
vlf_cl_weight_free (VlfWeight *weight)
{
  ClWeight *w = (ClWeight *) weight;

  vlf_buffer_free (w->buffer);
  vlf_buffer_free (w->bias);
  g_free (w);
}

void
vlf_cl_weight_buffers (const VlfWeight *w, const VlfBuffer **weights, const VlfBuffer **bias)
{
  *weights = ((const ClWeight *) w)->buffer;
  *bias = ((const ClWeight *) w)->bias;
}

guint
vlf_cl_weight_inputs (const VlfWeight *w)
{
  return ((const ClWeight *) w)->inputs;
}

guint
vlf_cl_weight_outputs (const VlfWeight *w)
{
  return ((const ClWeight *) w)->outputs;
}

VlfTensor
vlf_cl_short_room (VlfPass *pass, guint rows, const VlfWeight *w)
{
  const guint inputs = vlf_cl_weight_inputs (w);

  if (w->stored == VLF_I8)
    return vlf_pass_alloc (pass, 1, rows, inputs / int8_group (pass->device) + 1);
  return is_dot (w->stored) ? vlf_pass_alloc (pass, 1, rows, inputs / BF16_GROUP) : (VlfTensor){ 0 };
}

gboolean
vlf_cl_flatten (VlfTensor *x)
{
  if (x->batch == 1)
    return TRUE;
  if (x->rows == 1 && x->batch_stride <= G_MAXUINT)
    x->stride = (guint) x->batch_stride;
  else if (x->batch_stride != (gsize) x->rows * x->stride)
    return FALSE;
  x->rows *= x->batch;
  x->batch = 1;
  return TRUE;
}

/* @x as one matrix, copied where that is what it takes. */
static VlfTensor
matrix (VlfPass *pass, VlfTensor x)
{
  VlfTensor copy;

  if (vlf_cl_flatten (&x))
    return x;
  copy = vlf_pass_alloc (pass, x.batch, x.rows, x.cols);
  if (copy.buffer)
    pass->backend->copy (pass, copy, x);
  vlf_cl_flatten (&copy);
  return copy;
}

gboolean
vlf_cl_weight_chains (const VlfWeight *w)
{
  return !in_tiles (w->device, w->stored);
}

/* As many rows for a work-item as there are, up to AMX_BLOCKS blocks, if that leaves enough of them. */
static VlfClGrid
amx_grid (const VlfDevice *device, guint panel, guint rows, guint cols)
{
  const guint panels = (cols + panel - 1) / panel, blocks = (rows + AMX_HEIGHT - 1) / AMX_HEIGHT;
  guint each = AMX_BLOCKS;

  while (each > 1 && (blocks + each - 1) / each * panels < AMX_ENOUGH * vlf_cl_compute_units (device))
    each /= 2;
  return (VlfClGrid){ { (blocks + each - 1) / each, panels }, { 0 } };
}

/* Tiles are as equal in height as they can be: the product is bound by arithmetic whatever the height, from about 4 rows on. */
static VlfClGrid
tile_grid (const VlfDevice *device, guint panel, guint rows, guint cols)
{
  guint height;

  if (device->family == VLF_FAMILY_GPU)
    return (VlfClGrid){ { (rows + GPU_TILE - 1) / GPU_TILE, (cols + GPU_TILE - 1) / GPU_TILE },
                        { GPU_GROUP_SIDE, GPU_GROUP_SIDE } };
  height = vlf_tiles_height (vlf_cl_tiles (device), rows);
  return (VlfClGrid){ { (rows + height - 1) / height, (cols + panel - 1) / panel }, { 0 } };
}

static VlfClGrid
choose_grid (const VlfDevice *device, const ClWeight *weight, guint rows, guint cols)
{
  if (in_tiles (device, weight->base.stored))
    return amx_grid (device, weight->panel, rows, cols);
  if (in_matrices (device, weight->base.stored))
    return (VlfClGrid){ { (rows + MMA_SIDE - 1) / MMA_SIDE, (cols + MMA_SIDE - 1) / MMA_SIDE }, { MMA_GROUP } };
  return tile_grid (device, weight->panel, rows, cols);
}

/* Rows of @x in 8 bits, [1, m, @inputs], or fewer elements where kernels want several in one; @scales [1, 1, m]. */
static VlfTensor
quantise (VlfPass *pass, VlfTensor x, guint inputs, VlfTensor *scales)
{
  VlfTensor q = vlf_pass_alloc (pass, 1, x.rows, inputs / int8_group (pass->device));
  VlfClArgs args = { 0 };

  *scales = vlf_pass_alloc (pass, 1, 1, x.rows);
  if (pass->error)
    return q;
  vlf_cl_arg_tensor (&args, &q);
  vlf_cl_arg_uint (&args, q.stride);
  vlf_cl_arg_tensor (&args, scales);
  vlf_cl_arg_tensor (&args, &x);
  vlf_cl_arg_uint (&args, x.stride);
  vlf_cl_arg_uint (&args, x.cols);
  vlf_cl_arg_uint (&args, inputs);
  vlf_cl_launch (pass, "vlf_quantise",
                 (VlfClGrid){ { x.rows }, { pass->device->family == VLF_FAMILY_GPU ? VLF_CL_ROW_GROUP : 1 } }, &args);
  return q;
}

/* Rows of @x in 16 bits, as half as many floats as @w has inputs: [1, m, inputs / 2]. */
static VlfTensor
round_rows (VlfPass *pass, VlfTensor x, const VlfWeight *w)
{
  VlfTensor q = vlf_cl_short_room (pass, x.rows, w);
  VlfClArgs args = { 0 };

  if (pass->error)
    return q;
  vlf_cl_arg_tensor (&args, &q);
  vlf_cl_arg_uint (&args, q.stride);
  vlf_cl_arg_tensor (&args, &x);
  vlf_cl_arg_uint (&args, x.stride);
  vlf_cl_arg_uint (&args, x.cols);
  vlf_cl_arg_uint (&args, vlf_cl_weight_inputs (w));
  vlf_cl_launch (pass, w->stored == VLF_F16_DOT ? "vlf_round_half" : "vlf_round",
                 (VlfClGrid){ { x.rows }, { pass->device->family == VLF_FAMILY_GPU ? VLF_CL_ROW_GROUP : 1 } }, &args);
  return q;
}

void
vlf_cl_linear (VlfPass *pass, const VlfClStep *step)
{
  static const char *const kernels[] = { "vlf_gemm_f32", "vlf_gemm_f16",  "vlf_gemm_bf16",
                                         "vlf_gemm_i8",  "vlf_gemm_pair", "vlf_gemm_half" };
  const ClWeight *weight = (const ClWeight *) step->w;
  guint scope = vlf_pass_open (pass);
  VlfTensor a = matrix (pass, step->x), r = step->z.buffer ? matrix (pass, step->z) : step->z, scales = { 0 };
  VlfTensor y = step->y;
  VlfClArgs args = { 0 };
  VlfClGrid grid;

  if (pass->error)
    return;
  if (step->w->stored == VLF_I8)
    a = quantise (pass, a, weight->inputs, &scales);
  if (is_dot (step->w->stored) && !pass->error)
    a = round_rows (pass, a, step->w);
  if (pass->error)
    return;
  vlf_cl_flatten (&y);
  grid = choose_grid (pass->device, weight, y.rows, y.cols);
  vlf_cl_arg_tensor (&args, &y);
  vlf_cl_arg_uint (&args, y.stride);
  vlf_cl_arg_tensor (&args, &a);
  vlf_cl_arg_uint (&args, a.stride);
  vlf_cl_arg_mem (&args, weight->buffer->mem);
  vlf_cl_arg_mem (&args, weight->bias->mem);
  vlf_cl_arg_uint (&args, step->first);
  vlf_cl_arg_tensor (&args, step->z.buffer ? &r : NULL);
  vlf_cl_arg_uint (&args, r.stride);
  vlf_cl_arg_tensor (&args, scales.buffer ? &scales : NULL);
  vlf_cl_arg_uint (&args, weight->outputs);
  vlf_cl_arg_uint (&args, y.rows);
  vlf_cl_arg_uint (&args, y.cols);
  vlf_cl_arg_uint (&args, weight->inputs);
  vlf_cl_arg_int (&args, (gint) step->act);
  vlf_cl_launch (pass, kernels[step->w->stored], grid, &args);
  vlf_pass_close (pass, scope, (VlfTensor){ 0 });
}
