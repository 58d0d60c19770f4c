/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/pass.h"
#include "kernels/image.h"

G_BEGIN_DECLS

/* The operations that models are written in. Each allocates its result in the pass's arena, enqueues, and returns a view of it.
 * [b, n, d] below is batch, rows, columns. "Broadcast" means a batch of 1 stands for every sequence of the other operand.
 * Wrong shapes are an error of the pass (VLF_ERROR_RANGE), never undefined. Same input, same bits, whatever else runs. */

typedef enum {
  VLF_NONE,
  VLF_GELU,       /* x/2 (1 + erf (x / sqrt 2)), torch's exact gelu */
  VLF_QUICK_GELU, /* x sigmoid (1.702 x), OpenAI CLIP */
  VLF_RELU,
  VLF_TANH,
  VLF_GELU_TANH, /* x/2 (1 + tanh (sqrt (2/pi) (x + 0.044715 x^3))), torch's gelu with approximate="tanh" */
} VlfActivation;

/* y [b, m, n] = act (x [b, m, k] w [n, k]^T + bias [n]) + residual [b, m, n].
 * @residual: NULL for none; may be what @x was computed from, never shares memory with the result. Cost 2 b m n k.
 * Source: torch.nn.Linear. */
VlfTensor vlf_linear (VlfPass *pass, VlfTensor x, const VlfWeight *w, VlfActivation act, const VlfTensor *residual);

/* Outputs [first, first + n) of vlf_linear (x, w) alone, with the same bits: [b, m, n]. For a weight of several parts of which only some are
 * wanted of these rows. */
VlfTensor vlf_linear_part (VlfPass *pass, VlfTensor x, const VlfWeight *w, guint first, guint n);

/* Layer normalisation over columns: (x - mean) / sqrt (var + eps) * weight + bias, variance biased.
 * @weight, @bias: [1, 1, d]. Source: torch.nn.LayerNorm. */
typedef struct {
  VlfTensor weight, bias;
  float eps;
} VlfNorm;

VlfTensor vlf_norm (VlfPass *pass, VlfTensor x, const VlfNorm *norm);
/* norm (x + y) with [b, n, d] operands, either broadcast in its batch. */
VlfTensor vlf_add_norm (VlfPass *pass, VlfTensor x, VlfTensor y, const VlfNorm *norm);

/* x + y. Each operand's batch and rows may be 1 and are then broadcast. */
VlfTensor vlf_add (VlfPass *pass, VlfTensor x, VlfTensor y);
/* x_share x + y_share y, otherwise as vlf_add(). */
VlfTensor vlf_mix (VlfPass *pass, VlfTensor x, float x_share, VlfTensor y, float y_share);

/* What an attention may do beyond the plain one. All zero is the plain one. */
typedef struct {
  const VlfTensor *
      key_bias; /* [b, 1, m] added to every query's scores (broadcast): 0 keeps, <= -1e30 removes exactly, log w weighs */
  gboolean causal; /* query i sees keys <= i + (m - n) */
  guint
      top_k; /* 0: off; else each query keeps of each head only its @top_k largest scores, of equal ones those of the first keys, and
                * the softmax is over these alone. Source: Zhao et al. 2019, Explicit Sparse Transformer. */
  const VlfTensor
      *maps; /* receives the probabilities [b * heads, n, m]; only then does a score matrix exist in memory */
} VlfAttention;

/* For every head h of width d = cols / heads: softmax (q_h k_h^T / sqrt (d) + bias) v_h, heads side by side in the result [b, n, heads d].
 * @q [b, n, heads d], @k and @v [b, m, heads d]; q or (k, v) may be broadcast. A row whose keys are all removed is 0. d is a
 * multiple of 4 and at most 256. @options: NULL for none. Keys are taken in blocks by an online softmax (Rabe and Staats 2021; Dao et al.
 * 2022): without maps memory is linear in n and m, and memory alone limits either. Source: Vaswani et al. 2017, eq. 1. */
VlfTensor
vlf_attention (VlfPass *pass, VlfTensor q, VlfTensor k, VlfTensor v, guint heads, const VlfAttention *options);

/* One side of vlf_bi_attention(). */
typedef struct {
  VlfTensor keys, values; /* [b, n, heads d] each */
  const VlfTensor *bias;  /* [b, 1, n] as VlfAttention.key_bias, of the other side's looks at this one; NULL: none */
} VlfBiSide;

/* What each side has seen of the other, [b, n, heads d], and the probabilities of its looks, [b heads, n, rows of the other]. */
typedef struct {
  VlfTensor x, y, x_map, y_map;
} VlfBiSeen;

/* Attention in both directions by one score for each pair of rows and each head, x_h y_h^T / sqrt (d): softmax over y's rows times y's
 * values for x, and over x's rows times x's values for y. Scores further than 50000 below the largest of all sequences and heads count as that far.
 * Neither side is broadcast, biases may be; heads and removed rows as in vlf_attention(). The scores stand in memory, once for each
 * direction. Cost 6 b n m heads d. Source: Li et al. 2022 (GLIP), and transformers' GroundingDinoBiMultiHeadAttention for what happens
 * to scores; only for models that were trained so. */
VlfBiSeen vlf_bi_attention (VlfPass *pass, const VlfBiSide *x, const VlfBiSide *y, guint heads);

/* The mean over heads of @maps [b heads, n, m], as vlf_attention() makes them: [b, n, m]. */
VlfTensor vlf_mean_heads (VlfPass *pass, VlfTensor maps, guint heads);
/* x [b, n, k] y [b, k, m]: [b, n, m], of two results; either broadcast. Cost 2 b n k m. */
VlfTensor vlf_product (VlfPass *pass, VlfTensor x, VlfTensor y);

/* Rows of @table by id: [batch, n, dim]; @ids [batch, n] in host memory, copied. An id outside the table is an error. */
VlfTensor vlf_embed (VlfPass *pass, const VlfTable *table, const guint32 *ids, guint batch, guint n);

/* [b, n + m, d] = the rows of x [b, n, d], then those of y [b, m, d]; either broadcast. */
VlfTensor vlf_concat_rows (VlfPass *pass, VlfTensor x, VlfTensor y);
/* [b, n, d + e] = x [b, n, d] beside y [b, n, e]; either broadcast. */
VlfTensor vlf_concat_cols (VlfPass *pass, VlfTensor x, VlfTensor y);

/* Copies @x to @to, alike in shape and of which neither lies within the other: a part of what vlf_memory_new() made, or of this pass.
 * Operations enqueued later read the new numbers, earlier ones the old. */
void vlf_store (VlfPass *pass, VlfTensor x, VlfTensor to);

/* What @x [b, n, d] holds when the pass has come here, copied for later passes: like any constant, the caller's to free after the last pass
 * that uses it, this one included. NULL where the pass fails by this or has failed; where it fails afterwards the contents are undefined. */
VlfConstant *vlf_constant_of (VlfPass *pass, VlfTensor x);

/* The rows of @x [b, m, d] that @rows names, in its order: [b, n, d]. @rows [n] in host memory, copied; one outside x is an error. */
VlfTensor vlf_gather_rows (VlfPass *pass, VlfTensor x, const guint32 *rows, guint n);
/* Copies the rows of @x [b, n, d] to those of @to [b, m, d] that @rows [n] names, each at most once. Otherwise as vlf_store(). */
void vlf_scatter_rows (VlfPass *pass, VlfTensor x, const guint32 *rows, VlfTensor to);
/* How far rows of @x [b, m, d] and @y are apart: [b, 1, m] means of (x - y)^2 over columns; 0 for rows that are alike. */
VlfTensor vlf_row_distances (VlfPass *pass, VlfTensor x, VlfTensor y);

/* Every row divided by its Euclidean norm, at least 1e-12. Source: torch.nn.functional.normalize. */
VlfTensor vlf_normalize (VlfPass *pass, VlfTensor x);

/* Pictures to patch rows [n_images, grid rows * grid cols, 3 * patch * patch], columns ordered [channel, y, x] as the flattened
 * convolution that embeds them. One plan per image; grids must agree. */
VlfTensor vlf_patches (VlfPass *pass, const VlfImage *images, const VlfImagePlan *plans, guint n_images);

/* Host memory to the device, @data [batch, rows, cols] packed, copied before this returns. */
VlfTensor vlf_input (VlfPass *pass, const float *data, guint batch, guint rows, guint cols);
/* Device to host: @to [batch, rows, cols] packed (broadcast sequences written out), filled when vlf_pass_end() returns TRUE. */
void vlf_output (VlfPass *pass, VlfTensor x, float *to);

G_END_DECLS
