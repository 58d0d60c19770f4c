/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/layers.h"

VlfTensor
vlf_embed_patches (VlfPass *pass, const VlfWeight *embedding, VlfTensor class_token, VlfTensor positions,
                   VlfTensor patches, VlfKeep *keep)
{
  VlfTensor x = vlf_linear (pass, vlf_keep_fresh_cells (pass, keep, patches), embedding, VLF_NONE, NULL);

  return vlf_add (pass, vlf_concat_rows (pass, class_token, x), vlf_keep_fresh (pass, keep, positions));
}

VlfTensor
vlf_mask_bias (VlfPass *pass, const guint8 *mask, guint n, guint tokens)
{
  g_autofree float *bias = g_new (float, MAX ((gsize) n * tokens, 1));

  for (gsize i = 0; i < (gsize) n * tokens; i++)
    bias[i] = mask[i] ? 0.0f : VLF_MASKED;
  return vlf_input (pass, bias, n, 1, tokens);
}

VlfTensor
vlf_self_attention (VlfPass *pass, const VlfMultiHead *mh, VlfTensor x, guint asking, const VlfAttention *options,
                    const VlfTensor *residual, VlfKeep *keep)
{
  guint d = x.cols;
  VlfTensor q, kv, qkv, seen;

  if (asking == x.rows) {
    qkv = vlf_linear (pass, x, mh->qkv, VLF_NONE, NULL);
    q = vlf_cols (qkv, 0, d);
    kv = vlf_cols (qkv, d, 2 * d);
  } else {
    q = vlf_linear_part (pass, vlf_rows (x, 0, asking), mh->qkv, 0, d);
    kv = vlf_linear_part (pass, x, mh->qkv, d, 2 * d);
  }
  kv = vlf_keep_rows (pass, keep, kv);
  seen = vlf_attention (pass, q, vlf_cols (kv, 0, d), vlf_cols (kv, d, d), mh->heads, options);
  return vlf_linear (pass, seen, mh->output, VLF_NONE, residual);
}

VlfTensor
vlf_keys_values (VlfPass *pass, const VlfMultiHead *mh, VlfTensor y)
{
  return vlf_linear (pass, y, mh->kv, VLF_NONE, NULL);
}

VlfTensor
vlf_cross_attention (VlfPass *pass, const VlfMultiHead *mh, VlfTensor x, guint rows, VlfTensor keys_values,
                     const VlfAttention *options)
{
  guint d = x.cols;
  VlfTensor q = vlf_linear (pass, x, mh->query, VLF_NONE, NULL);
  VlfTensor k = vlf_cols (keys_values, 0, d), v = vlf_cols (keys_values, d, d);
  VlfTensor seen = vlf_attention (pass, q, k, v, mh->heads, options);

  return vlf_linear (pass, vlf_rows (seen, 0, rows), mh->output, VLF_NONE, NULL);
}

static VlfBiSide
bi_side (VlfPass *pass, const VlfWeight *w, VlfTensor x, const VlfTensor *bias)
{
  VlfTensor both = vlf_linear (pass, x, w, VLF_NONE, NULL);

  return (VlfBiSide){ vlf_cols (both, 0, both.cols / 2), vlf_cols (both, both.cols / 2, both.cols / 2), bias };
}

VlfBiSeen
vlf_bi_multi_head (VlfPass *pass, const VlfBiMultiHead *mh, VlfTensor x, VlfTensor y, const VlfTensor *x_bias,
                   const VlfTensor *y_bias)
{
  const VlfBiSide one = bi_side (pass, mh->x, x, x_bias), other = bi_side (pass, mh->y, y, y_bias);
  VlfBiSeen seen = vlf_bi_attention (pass, &one, &other, mh->heads);

  seen.x = vlf_linear (pass, seen.x, mh->x_out, VLF_NONE, NULL);
  seen.y = vlf_linear (pass, seen.y, mh->y_out, VLF_NONE, NULL);
  return seen;
}

VlfTensor
vlf_pre_norm_block (VlfPass *pass, const VlfPreNormBlock *block, VlfTensor x, const VlfAttention *options,
                    VlfKeep *keep)
{
  guint scope = vlf_pass_open (pass);
  VlfTensor n = vlf_norm (pass, x, &block->norm1);
  VlfTensor a = vlf_self_attention (pass, &block->attention, n, n.rows, options, &x, keep);
  VlfTensor h = vlf_linear (pass, vlf_norm (pass, a, &block->norm2), block->up, block->act, NULL);

  return vlf_pass_close (pass, scope, vlf_linear (pass, h, block->down, VLF_NONE, &a));
}

static VlfTensor
feed_forward (VlfPass *pass, const VlfPostNormLayer *layer, VlfTensor x)
{
  VlfTensor h = vlf_linear (pass, x, layer->up, layer->act, NULL);

  return vlf_add_norm (pass, vlf_linear (pass, h, layer->down, VLF_NONE, NULL), x, &layer->norm);
}

VlfTensor
vlf_post_norm_layer (VlfPass *pass, const VlfPostNormLayer *layer, VlfTensor x, const VlfAttention *self)
{
  guint scope = vlf_pass_open (pass);

  return vlf_pass_close (pass, scope,
                         feed_forward (pass, layer, vlf_post_norm_self (pass, layer, x, x.rows, self, NULL)));
}

VlfTensor
vlf_post_norm_self (VlfPass *pass, const VlfPostNormLayer *layer, VlfTensor x, guint asking, const VlfAttention *self,
                    VlfKeep *keep)
{
  guint scope = vlf_pass_open (pass);
  VlfTensor seen = vlf_self_attention (pass, &layer->self, x, asking, self, NULL, keep);

  return vlf_pass_close (pass, scope, vlf_add_norm (pass, seen, vlf_rows (x, 0, asking), &layer->self_norm));
}

VlfTensor
vlf_post_norm_cross (VlfPass *pass, const VlfPostNormLayer *layer, VlfTensor x, guint rows, VlfTensor keys_values,
                     const VlfAttention *cross)
{
  guint scope = vlf_pass_open (pass);
  VlfTensor seen = vlf_cross_attention (pass, &layer->cross, x, rows, keys_values, cross);
  VlfTensor a = vlf_add_norm (pass, seen, vlf_rows (x, 0, rows), &layer->cross_norm);

  return vlf_pass_close (pass, scope, feed_forward (pass, layer, a));
}

static const char *const *
names (VlfLoader *loader, const char **to, const char *base, const char *a, const char *b, const char *c)
{
  guint n = 0;

  to[n++] = vlf_name (loader, "%s.%s", base, a);
  if (b)
    to[n++] = vlf_name (loader, "%s.%s", base, b);
  if (c)
    to[n++] = vlf_name (loader, "%s.%s", base, c);
  to[n] = NULL;
  return to;
}

VlfPostNormLayer
vlf_load_post_norm_layer (VlfLoader *l, const char *name, guint dim, guint heads, guint intermediate, VlfActivation act,
                          float eps, gboolean has_cross, guint cross_dim)
{
  const char *n[4];
  const char *self = vlf_name (l, "%s.attention", name), *cross = vlf_name (l, "%s.crossattention", name);
  VlfPostNormLayer layer = { .act = act };

  layer.self.heads = layer.cross.heads = heads;
  layer.self.qkv = vlf_load_linear (l, dim, dim, TRUE, names (l, n, self, "self.query", "self.key", "self.value"));
  layer.self.output = vlf_load_linear (l, dim, dim, TRUE, names (l, n, self, "output.dense", NULL, NULL));
  layer.self_norm = vlf_load_norm (l, dim, eps, vlf_name (l, "%s.output.LayerNorm", self));
  if (has_cross) {
    layer.cross.query = vlf_load_linear (l, dim, dim, TRUE, names (l, n, cross, "self.query", NULL, NULL));
    layer.cross.kv = vlf_load_linear (l, dim, cross_dim, TRUE, names (l, n, cross, "self.key", "self.value", NULL));
    layer.cross.output = vlf_load_linear (l, dim, dim, TRUE, names (l, n, cross, "output.dense", NULL, NULL));
    layer.cross_norm = vlf_load_norm (l, dim, eps, vlf_name (l, "%s.output.LayerNorm", cross));
  }
  layer.up = vlf_load_linear (l, intermediate, dim, TRUE, names (l, n, name, "intermediate.dense", NULL, NULL));
  layer.down = vlf_load_linear (l, dim, intermediate, TRUE, names (l, n, name, "output.dense", NULL, NULL));
  layer.norm = vlf_load_norm (l, dim, eps, vlf_name (l, "%s.output.LayerNorm", name));
  return layer;
}

VlfBiMultiHead
vlf_load_bi_multi_head (VlfLoader *l, const char *name, guint x_dim, guint y_dim, guint inner, guint heads)
{
  const char *n[4];
  VlfBiMultiHead mh = { .heads = heads };

  mh.x = vlf_load_linear (l, inner, x_dim, TRUE, names (l, n, name, "vision_proj", "values_vision_proj", NULL));
  mh.y = vlf_load_linear (l, inner, y_dim, TRUE, names (l, n, name, "text_proj", "values_text_proj", NULL));
  mh.x_out = vlf_load_linear (l, x_dim, inner, TRUE, names (l, n, name, "out_vision_proj", NULL, NULL));
  mh.y_out = vlf_load_linear (l, y_dim, inner, TRUE, names (l, n, name, "out_text_proj", NULL, NULL));
  return mh;
}

VlfActivation
vlf_load_activation (VlfLoader *loader, const char *name, const char *field)
{
  if (!g_strcmp0 (name, "gelu"))
    return VLF_GELU;
  if (!g_strcmp0 (name, "gelu_pytorch_tanh"))
    return VLF_GELU_TANH;
  if (!g_strcmp0 (name, "quick_gelu"))
    return VLF_QUICK_GELU;
  if (!g_strcmp0 (name, "relu"))
    return VLF_RELU;
  if (!loader->error)
    g_set_error (&loader->error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
                 "config.json: %s: expected \"gelu\", \"gelu_pytorch_tanh\", \"quick_gelu\" or \"relu\", found \"%s\"",
                 field, name ? name : "");
  return VLF_NONE;
}
