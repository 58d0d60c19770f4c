/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/program.h"

/* A matrix of zeros, small in both directions; heads of 16 columns. */
#define SIDE  32u
#define HEADS 2u
#define PATCH 8u

typedef struct {
  VlfWeight *weights[6]; /* by VlfDType */
  VlfTable *tables[3];
  VlfConstant *constant; /* [1, 1, SIDE] */
} Things;

static gboolean
read_zeros (gpointer user, guint first, guint n, gpointer to, GError **error)
{
  const VlfSource *source = user;

  (void) first;
  (void) error;
  memset (to, 0, (gsize) n * source->cols * vlf_dtype_size (source->type));
  return TRUE;
}

static gboolean
things_new (Things *things, VlfDevice *device, GError **error)
{
  static const float zeros[SIDE];

  for (guint i = 0; i < G_N_ELEMENTS (things->weights); i++) {
    VlfSource source = { VLF_F32, SIDE, SIDE, read_zeros, &source };

    things->weights[i] = vlf_weight_new (device, &source, NULL, 1, (VlfDType) i, error);
    if (!things->weights[i])
      return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (things->tables); i++) {
    VlfSource source = { (VlfDType) i, SIDE, SIDE, read_zeros, &source };

    things->tables[i] = vlf_table_new (device, &source, error);
    if (!things->tables[i])
      return FALSE;
  }
  things->constant = vlf_constant_new_from_data (device, zeros, 1, 1, SIDE, error);
  return things->constant != NULL;
}

static void
things_free (Things *things)
{
  for (guint i = 0; i < G_N_ELEMENTS (things->weights); i++)
    vlf_weight_free (things->weights[i]);
  for (guint i = 0; i < G_N_ELEMENTS (things->tables); i++)
    vlf_table_free (things->tables[i]);
  vlf_constant_free (things->constant);
}

/* @x: few rows or many, as these have kernels of their own. */
static void
run_attention (VlfPass *pass, VlfTensor x)
{
  static const float zeros[SIDE];
  VlfTensor bias = vlf_input (pass, zeros, 1, 1, x.rows);
  VlfTensor maps = vlf_pass_alloc (pass, HEADS, x.rows, x.rows);

  vlf_pass_wait (pass);
  vlf_attention (pass, x, x, x, HEADS, NULL);
  vlf_pass_wait (pass);
  vlf_attention (pass, x, x, x, HEADS, &(VlfAttention){ .key_bias = &bias, .maps = &maps });
  vlf_pass_wait (pass);
  vlf_attention (pass, x, x, x, HEADS, &(VlfAttention){ .top_k = 1 });
  vlf_bi_attention (pass, &(VlfBiSide){ x, x, NULL }, &(VlfBiSide){ x, x, &bias }, HEADS);
  vlf_product (pass, vlf_mean_heads (pass, maps, HEADS), x);
}

/* @together: operations may become one launch; else what waits for others goes now, as kernels of single operations are wanted too. */
static VlfTensor
gone (VlfPass *pass, VlfTensor x, gboolean together)
{
  if (!together)
    vlf_pass_wait (pass);
  return x;
}

/* What computes row by row. */
static VlfTensor
run_rows (VlfPass *pass, const Things *things, VlfTensor x, gboolean together)
{
  const VlfNorm norm = { things->constant->tensor, things->constant->tensor, 1e-5f };

  for (guint i = 0; i < G_N_ELEMENTS (things->weights); i++)
    x = gone (pass, vlf_linear (pass, x, things->weights[i], VLF_NONE, NULL), together);
  x = gone (pass, vlf_norm (pass, x, &norm), together);
  x = gone (pass, vlf_add_norm (pass, x, x, &norm), together);
  x = gone (pass, vlf_add (pass, x, x), together);
  vlf_store (pass, gone (pass, vlf_normalize (pass, x), together), x);
  return gone (pass, x, together);
}

static void
run_picture (VlfPass *pass)
{
  static const guint8 pixels[SIDE * SIDE];
  VlfImage image = { .width = SIDE, .height = SIDE, .n_planes = 1, .planes = { { pixels, sizeof pixels } } };
  VlfImagePlan plan = { .filter = VLF_FILTER_BICUBIC,
                        .resized_width = SIDE / 2,
                        .resized_height = SIDE / 2,
                        .width = SIDE / 2,
                        .height = SIDE / 2,
                        .patch = PATCH,
                        .rescale = 1.0f / 255.0f,
                        .std = { 1.0f, 1.0f, 1.0f } };

  for (guint i = 0; i < 3; i++) {
    image.components[i].stride = SIDE;
    image.components[i].pixel_stride = 1;
    image.matrix[i][i] = 1.0f;
  }
  vlf_patches (pass, &image, &plan, 1);
}

gboolean
vlf_program_warm_up (VlfQueue *queue, GError **error)
{
  static const guint32 ids[2] = { 0, 1 };
  Things things = { 0 };
  gboolean good = things_new (&things, queue->device, error);
  VlfPass *pass;
  VlfTensor x;

  if (good) {
    pass = vlf_pass_begin (queue);
    x = vlf_embed (pass, things.tables[VLF_F32], ids, 1, 2);
    for (guint i = 0; i < G_N_ELEMENTS (things.tables); i++)
      gone (pass, vlf_embed (pass, things.tables[i], ids, 1, 2), FALSE);
    x = run_rows (pass, &things, x, FALSE);
    x = run_rows (pass, &things, x, TRUE);
    x = vlf_concat_rows (pass, x, x);
    vlf_scatter_rows (pass, gone (pass, vlf_gather_rows (pass, x, ids, 2), FALSE), ids,
                      gone (pass, vlf_add (pass, x, x), FALSE));
    vlf_row_distances (pass, x, x);
    run_attention (pass, vlf_rows (x, 0, 1));
    run_attention (pass, vlf_concat_rows (pass, x, x));
    run_picture (pass);
    good = vlf_pass_end (pass, error);
  }
  things_free (&things);
  return good;
}
