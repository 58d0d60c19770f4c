/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CLIP (Radford et al. 2021) and what has its form: an image and a text tower that meet in one space and nowhere before. Source:
 * transformers, CLIPModel. */
#include <math.h>
#include <string.h>
#include "models/towers.h"

typedef struct {
  VlfNet base;

  VlfWeight *patch_embedding;
  VlfTensor class_embedding, image_positions; /* [1, 1, d], [1, P, d] */
  VlfNorm pre_norm, post_norm;
  VlfTower vision;
  VlfWeight *image_projection;

  VlfTable *words, *positions;
  VlfTower text;
  VlfNorm text_norm;
  VlfWeight *text_projection;
  guint end;               /* token whose state is the text's embedding */
  gboolean end_is_last_id; /* older configs: the largest id is it */
} Clip;

/* ---- forward ---- */

/* Where a text's embedding is read: by the largest id, or by the end token, always the first one; 0 where there is none. */
static guint
end_of (const Clip *net, const guint32 *ids, guint tokens)
{
  guint best = 0;

  for (guint t = 0; t < tokens; t++) {
    if (!net->end_is_last_id && ids[t] == net->end)
      return t;
    if (net->end_is_last_id && ids[t] > ids[best])
      best = t;
  }
  return best;
}

/* The tap is [n, T, e], of which row 0 is the text's embedding, of unit length. */
static VlfTextBatch
encode (const VlfNet *base, VlfPass *p, const guint32 *ids, const guint8 *mask, guint n, guint tokens)
{
  const Clip *net = (const Clip *) base;
  VlfTextBatch texts = { .ids = ids, .key_bias = vlf_mask_bias (p, mask, n, tokens) };
  VlfAttention look = { .key_bias = &texts.key_bias, .causal = TRUE };
  VlfTensor x;

  x = vlf_embed_text (p, net->words, net->positions, ids, n, tokens);
  x = vlf_tower_run (p, &net->text, x, &look, NULL, NULL);
  x = vlf_linear (p, vlf_norm (p, x, &net->text_norm), net->text_projection, VLF_NONE, NULL);
  x = vlf_normalize (p, x);
  texts.taps[0] = vlf_add (p, x, x); /* room of the same shape */
  for (guint i = 0; i < n && !vlf_pass_failed (p); i++)
    vlf_store (p, vlf_rows (vlf_sequences (x, i, 1), end_of (net, ids + (gsize) i * tokens, tokens), 1),
               vlf_rows (vlf_sequences (texts.taps[0], i, 1), 0, 1));
  return texts;
}

/* The last block with every patch looking at nothing but itself: its own value takes attention's place, and what the class token would
 * have gathered stays where it lies. Source: Zhou, Loy, Dai 2022, "Extract Free Dense Labels from CLIP". */
static VlfTensor
dense (VlfPass *p, const VlfPreNormBlock *block, VlfTensor x)
{
  const guint d = x.cols;
  VlfTensor v = vlf_linear_part (p, vlf_norm (p, x, &block->norm1), block->attention.qkv, 2 * d, d);
  VlfTensor a = vlf_linear (p, v, block->attention.output, VLF_NONE, &x);
  VlfTensor h = vlf_linear (p, vlf_norm (p, a, &block->norm2), block->up, block->act, NULL);

  return vlf_linear (p, h, block->down, VLF_NONE, &a);
}

static VlfTensor
project (const Clip *net, VlfPass *p, VlfTensor x)
{
  return vlf_normalize (p, vlf_linear (p, vlf_norm (p, x, &net->post_norm), net->image_projection, VLF_NONE, NULL));
}

static VlfSight
see (const VlfNet *base, VlfPass *p, VlfTensor patches, VlfKeep *keep)
{
  const Clip *net = (const Clip *) base;
  VlfTensor x = vlf_embed_patches (p, net->patch_embedding, net->class_embedding, net->image_positions, patches, keep);
  VlfTensor before;
  VlfSight sight = { 0 };

  x = vlf_tower_run (p, &net->vision, vlf_norm (p, x, &net->pre_norm), NULL, &before, keep);
  sight.embedding = project (net, p, vlf_rows (x, 0, 1));
  sight.taps[0] = project (net, p, dense (p, &net->vision.blocks[net->vision.layers - 1], before));
  return sight;
}

/* ---- loading ---- */

static void
load_vision (Clip *net, VlfLoader *l, VlfTower *t, guint shared)
{
  const guint patch = net->base.patch, cells = net->base.rows * net->base.cols;

  l->careful = TRUE;
  net->patch_embedding = vlf_load_one (l, t->dim, 3 * patch * patch, FALSE, "vision_model.embeddings.patch_embedding");
  net->image_projection = vlf_load_one (l, shared, t->dim, FALSE, "visual_projection");
  l->careful = FALSE;
  net->class_embedding = vlf_load_matrix (l, 1, t->dim, "vision_model.embeddings.class_embedding");
  net->image_positions = vlf_load_matrix (l, cells + 1, t->dim, "vision_model.embeddings.position_embedding.weight");
  net->pre_norm = vlf_load_norm (l, t->dim, t->eps, "vision_model.pre_layrnorm"); /* its name in every file */
  vlf_tower_load (t, l);
  net->post_norm = vlf_load_norm (l, t->dim, t->eps, "vision_model.post_layernorm");
}

static void
load_text (Clip *net, VlfLoader *l, VlfTower *t, guint shared)
{
  net->words = vlf_load_table (l, net->base.vocab, t->dim, "text_model.embeddings.token_embedding.weight");
  net->positions = vlf_load_table (l, net->base.max_tokens, t->dim, "text_model.embeddings.position_embedding.weight");
  vlf_tower_load (t, l);
  net->text_norm = vlf_load_norm (l, t->dim, t->eps, "text_model.final_layer_norm");
  l->careful = TRUE;
  net->text_projection = vlf_load_one (l, shared, t->dim, FALSE, "text_projection");
  l->careful = FALSE;
}

/* Where the towers' settings are. What older files say twice is what the second place says, and where that is silent the class's default.
 * Source: transformers, CLIPConfig. */
static const char *
field_of (const VlfConfig *config, gboolean text)
{
  const char *second = text ? "text_config_dict" : "vision_config_dict";

  if (vlf_config_has (config, second))
    return second;
  return text ? "text_config" : "vision_config";
}

/* Defaults are those of CLIPTextConfig and CLIPVisionConfig. */
static VlfNet *
load (VlfLoader *l, VlfConfig *config, const char *architecture, gboolean all_heads)
{
  static const VlfTowerDefaults text = { 512, 8, 2048, 1e-5, "quick_gelu" };
  static const VlfTowerDefaults vision = { 768, 12, 3072, 1e-5, "quick_gelu" };
  const guint shared = vlf_config_uint (config, "projection_dim", 512, 1, 65536);
  Clip *net = vlf_bag_alloc (l->bag, sizeof *net);
  g_autofree gchar *end = NULL;
  guint image, patch;

  (void) architecture;
  (void) all_heads;
  net->text = vlf_tower_read (config, TRUE, field_of (config, TRUE), &text);
  net->vision = vlf_tower_read (config, FALSE, field_of (config, FALSE), &vision);
  image = vlf_tower_uint (config, &net->vision, "image_size", 224, 2048);
  patch = vlf_tower_uint (config, &net->vision, "patch_size", 32, 2048);
  net->base = (VlfNet){
    .arch = &vlf_clip,
    .image_size = image,
    .patch = patch,
    .rows = image / patch,
    .cols = image / patch,
    .max_tokens = vlf_tower_uint (config, &net->text, "max_position_embeddings", 77, 65536),
    .vocab = vlf_tower_uint (config, &net->text, "vocab_size", 49408, 1000000),
    .dim = shared,
    .layers = 1,
    .heads = 1,
    .taps = 1,
    .similarity = "logits_per_image",
    .two_towers = TRUE,
    .embedding_size = shared,
  };
  end = g_strdup_printf ("%s.eos_token_id", net->text.field);
  net->end = vlf_config_uint (config, end, 49407, 0, 999999);
  net->end_is_last_id = net->end == 2;
  if (patch > image)
    vlf_config_fail (config, VLF_ERROR_RANGE, "%s.patch_size: expected at most image_size %u, found %u",
                     net->vision.field, image, patch);
  if (!vlf_config_check (config, NULL))
    return NULL;
  load_vision (net, l, &net->vision, shared);
  load_text (net, l, &net->text, shared);
  net->base.similarity_scale = expf (vlf_load_scalar (l, 0, "logit_scale"));
  return l->error ? NULL : &net->base;
}

const VlfArch vlf_clip = {
  .model_type = "clip",
  .processor = "CLIPImageProcessor",
  .travels = TRUE,
  .load = load,
  .encode = encode,
  .see = see,
  .embed = vlf_towers_embed,
  .fuse = vlf_towers_fuse,
  .outputs = vlf_towers_outputs,
};
