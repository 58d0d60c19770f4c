/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/keep.h"
#include "models/weights.h"

G_BEGIN_DECLS

/* Blocks that several architectures are built of. A block is its weights; the function of the same name runs it. Shapes: d is the
 * model's width, [b, n, d] a batch of token sequences. */

/* [b, 1 + cells, d]: the class token, then @patches [b, cells, 3 patch^2] embedded, plus their @positions [1, 1 + cells, d]. With @keep only
 * the fresh rows. */
VlfTensor vlf_embed_patches (VlfPass *pass, const VlfWeight *embedding, VlfTensor class_token, VlfTensor positions,
                             VlfTensor patches, VlfKeep *keep);

#define VLF_MASKED (-3e38f) /* the score of a key that is not there */

/* What the mask of a text adds to its keys' scores: [n, 1, tokens], 0 where @mask [n, tokens] in host memory is not 0, else VLF_MASKED. */
VlfTensor vlf_mask_bias (VlfPass *pass, const guint8 *mask, guint n, guint tokens);

/* Multi-head attention with its projections. Self-attention uses one product for query, key and value. */
typedef struct {
  VlfWeight *qkv;        /* self: [3 d, d], query first */
  VlfWeight *query, *kv; /* cross: [d, d], [2 d, d], key first */
  VlfWeight *output;     /* [d, d] */
  guint heads;
} VlfMultiHead;

/* output (attention (x, x)), plus @residual if given: all of x [b, n, d] is looked at by its first @asking rows, [b, asking, d]. With @keep
 * x are the fresh rows, and those that were kept are looked at too. */
VlfTensor vlf_self_attention (VlfPass *pass, const VlfMultiHead *mh, VlfTensor x, guint asking,
                              const VlfAttention *options, const VlfTensor *residual, VlfKeep *keep);
/* Keys beside values [b, m, 2 d] that cross-attention reads of y [b, m, d]. */
VlfTensor vlf_keys_values (VlfPass *pass, const VlfMultiHead *mh, VlfTensor y);
/* x [b, n, d] looks at what @keys_values [b, m, 2 d] were made of; either may be broadcast. All rows look and have maps, the first @rows
 * of them are returned. */
VlfTensor vlf_cross_attention (VlfPass *pass, const VlfMultiHead *mh, VlfTensor x, guint rows, VlfTensor keys_values,
                               const VlfAttention *options);

/* Attention in both directions by one score (GLIP, Grounding DINO): what each side shows and takes, with their projections. For
 * architectures that were trained so; in one that has a score for each direction it would give other results. */
typedef struct {
  VlfWeight *x, *y;         /* [2 e, d], [2 e, c]: keys, which are what asks too, above values */
  VlfWeight *x_out, *y_out; /* [d, e], [c, e] */
  guint heads;              /* of width e / heads */
} VlfBiMultiHead;

/* What x [b, n, d] and y [b, m, c] have seen of each other, [b, n, d] and [b, m, c], and the maps as vlf_bi_attention() has them. @x_bias
 * [b, 1, n], @y_bias [b, 1, m]: of looks at them; NULL: none. */
VlfBiSeen vlf_bi_multi_head (VlfPass *pass, const VlfBiMultiHead *mh, VlfTensor x, VlfTensor y, const VlfTensor *x_bias,
                             const VlfTensor *y_bias);
/* GroundingDinoBiMultiHeadAttention's tensors below @name: x is the picture of @x_dim columns, y the text of @y_dim; @inner is e. */
VlfBiMultiHead
vlf_load_bi_multi_head (VlfLoader *loader, const char *name, guint x_dim, guint y_dim, guint inner, guint heads);

/* CLIP's residual block: x + attention (norm1 (x)), then x + mlp (norm2 (x)). */
typedef struct {
  VlfNorm norm1, norm2;
  VlfMultiHead attention;
  VlfWeight *up, *down;
  VlfActivation act;
} VlfPreNormBlock;

/* @keep: as in vlf_self_attention(), NULL for nothing. */
VlfTensor vlf_pre_norm_block (VlfPass *pass, const VlfPreNormBlock *block, VlfTensor x, const VlfAttention *options,
                              VlfKeep *keep);

/* BERT's layer: norm (x + attention (x)), [norm (x + cross attention (x, y)),] norm (x + mlp (x)). */
typedef struct {
  VlfMultiHead self, cross;
  VlfNorm self_norm, cross_norm, norm;
  VlfWeight *up, *down;
  VlfActivation act;
} VlfPostNormLayer;

/* @bias: of x's own keys, NULL for none. Returns [b, n, d]. */
VlfTensor vlf_post_norm_layer (VlfPass *pass, const VlfPostNormLayer *layer, VlfTensor x, const VlfAttention *self);

/* The layer with cross-attention comes in two parts, because the first one knows nothing of the other stream.
 * norm (x + attention (x)) for the first @asking rows of x [b, n, d]: [b, asking, d]. @keep: as in vlf_self_attention(). */
VlfTensor vlf_post_norm_self (VlfPass *pass, const VlfPostNormLayer *layer, VlfTensor x, guint asking,
                              const VlfAttention *self, VlfKeep *keep);
/* The rest. All rows of @x, which the first part returned, look at @keys_values (see vlf_keys_values()) and have maps; the first @rows of
 * them are returned. The result's batch is the larger of both. */
VlfTensor vlf_post_norm_cross (VlfPass *pass, const VlfPostNormLayer *layer, VlfTensor x, guint rows,
                               VlfTensor keys_values, const VlfAttention *cross);

/* BERT's tensor names below @name: attention.self.{query,key,value}, attention.output.{dense,LayerNorm}, intermediate.dense,
 * output.{dense,LayerNorm}, and with @has_cross crossattention.* whose keys read @cross_dim columns. */
VlfPostNormLayer
vlf_load_post_norm_layer (VlfLoader *loader, const char *name, guint dim, guint heads, guint intermediate,
                          VlfActivation act, float eps, gboolean has_cross, guint cross_dim);

/* "gelu", "gelu_pytorch_tanh", "quick_gelu", "relu" of a config.json; anything else is an error of the loader that names @field. */
VlfActivation vlf_load_activation (VlfLoader *loader, const char *name, const char *field);

G_END_DECLS
