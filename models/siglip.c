/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SigLIP (Zhai et al. 2023): two towers as CLIP's that learnt each pair's match by itself, so that it is a sigmoid, not a share. The
 * picture has no class token: a query of its own gathers what the patches say. Source: transformers, SiglipModel. */
#include <math.h>
#include "models/towers.h"

/* The query and what becomes of what it gathers. */
typedef struct {
  VlfTensor probe;   /* [1, 1, d] */
  VlfWeight *qkv;    /* [3 d, d], query first */
  VlfWeight *output; /* [d, d] */
  VlfNorm norm;
  VlfWeight *up, *down;
  VlfActivation act;
  guint heads;
} Pooling;

typedef struct {
  VlfNet base;

  VlfWeight *patch_embedding;
  VlfTensor image_positions; /* [1, cells, d] */
  VlfTower vision;
  VlfNorm post_norm;
  Pooling pooling;

  VlfTable *words, *positions;
  VlfTower text;
  VlfNorm text_norm;
  VlfWeight *text_head;
} Siglip;

/* ---- forward ---- */

/* The tap is [n, T, e], of which row 0 is the text's embedding, of unit length: that of the last token, padding or not. */
static VlfTextBatch
encode (const VlfNet *base, VlfPass *p, const guint32 *ids, const guint8 *mask, guint n, guint tokens)
{
  const Siglip *net = (const Siglip *) base;
  VlfTextBatch texts = { .ids = ids, .key_bias = vlf_mask_bias (p, mask, n, tokens) };
  VlfAttention look = { .key_bias = &texts.key_bias };
  VlfTensor x = vlf_embed_text (p, net->words, net->positions, ids, n, tokens);

  x = vlf_norm (p, vlf_tower_run (p, &net->text, x, &look, NULL, NULL), &net->text_norm);
  x = vlf_normalize (p, vlf_linear (p, x, net->text_head, VLF_NONE, NULL));
  texts.taps[0] = tokens > 1 ? vlf_concat_rows (p, vlf_rows (x, tokens - 1, 1), vlf_rows (x, 0, tokens - 1)) : x;
  return texts;
}

/* What was gathered, x [b, n, d], as embeddings of unit length. */
static VlfTensor
finish (VlfPass *p, const Pooling *pool, VlfTensor x)
{
  VlfTensor a = vlf_linear (p, x, pool->output, VLF_NONE, NULL);
  VlfTensor h = vlf_linear (p, vlf_norm (p, a, &pool->norm), pool->up, pool->act, NULL);

  return vlf_normalize (p, vlf_linear (p, h, pool->down, VLF_NONE, &a));
}

/* The embedding of the picture, and behind it those of the patches, each as if the query saw nothing but it: dense value-path attention,
 * Zhou, Loy, Dai 2022, "Extract Free Dense Labels from CLIP", here exact as nothing comes after. */
static VlfSight
pool (const Siglip *net, VlfPass *p, VlfTensor x, VlfKeep *keep)
{
  const Pooling *pooling = &net->pooling;
  const guint d = x.cols;
  VlfTensor q = vlf_linear_part (p, pooling->probe, pooling->qkv, 0, d);
  VlfTensor kv = vlf_linear_part (p, x, pooling->qkv, d, 2 * d), all = vlf_keep_rows (p, keep, kv);
  VlfTensor seen = vlf_attention (p, q, vlf_cols (all, 0, d), vlf_cols (all, d, d), pooling->heads, NULL);
  VlfSight sight = { .embedding = finish (p, pooling, seen) };

  sight.taps[0] = vlf_concat_rows (p, sight.embedding, finish (p, pooling, vlf_cols (kv, d, d)));
  return sight;
}

static VlfSight
see (const VlfNet *base, VlfPass *p, VlfTensor patches, VlfKeep *keep)
{
  const Siglip *net = (const Siglip *) base;
  VlfTensor x = vlf_linear (p, vlf_keep_fresh_cells (p, keep, patches), net->patch_embedding, VLF_NONE, NULL);

  x = vlf_add (p, x, vlf_keep_fresh_cells (p, keep, net->image_positions));
  x = vlf_tower_run (p, &net->vision, x, NULL, NULL, keep);
  return pool (net, p, vlf_norm (p, x, &net->post_norm), keep);
}

/* ---- loading ---- */

static Pooling
load_pooling (VlfLoader *l, const VlfTower *t)
{
  const char *const name = "vision_model.head";
  const guint d = t->dim;

  return (Pooling){
    .probe = vlf_load_matrix (l, 1, d, vlf_name (l, "%s.probe", name)),
    .qkv = vlf_load_linear_with_bias (l, 3 * d, d, vlf_name (l, "%s.attention.in_proj_weight", name),
                                      vlf_name (l, "%s.attention.in_proj_bias", name)),
    .output = vlf_load_one (l, d, d, TRUE, vlf_name (l, "%s.attention.out_proj", name)),
    .norm = vlf_load_norm (l, d, t->eps, vlf_name (l, "%s.layernorm", name)),
    .up = vlf_load_one (l, t->intermediate, d, TRUE, vlf_name (l, "%s.mlp.fc1", name)),
    .down = vlf_load_one (l, d, t->intermediate, TRUE, vlf_name (l, "%s.mlp.fc2", name)),
    .act = vlf_load_activation (l, t->act, "vision_config.hidden_act"),
    .heads = t->heads,
  };
}

static void
load_vision (Siglip *net, VlfLoader *l)
{
  const guint patch = net->base.patch, cells = net->base.rows * net->base.cols;
  VlfTower *t = &net->vision;

  l->careful = TRUE;
  net->patch_embedding = vlf_load_one (l, t->dim, 3 * patch * patch, TRUE, "vision_model.embeddings.patch_embedding");
  net->pooling = load_pooling (l, t);
  l->careful = FALSE;
  net->image_positions = vlf_load_matrix (l, cells, t->dim, "vision_model.embeddings.position_embedding.weight");
  vlf_tower_load (t, l);
  net->post_norm = vlf_load_norm (l, t->dim, t->eps, "vision_model.post_layernorm");
}

static void
load_text (Siglip *net, VlfLoader *l)
{
  VlfTower *t = &net->text;

  net->words = vlf_load_table (l, net->base.vocab, t->dim, "text_model.embeddings.token_embedding.weight");
  net->positions = vlf_load_table (l, net->base.max_tokens, t->dim, "text_model.embeddings.position_embedding.weight");
  vlf_tower_load (t, l);
  net->text_norm = vlf_load_norm (l, t->dim, t->eps, "text_model.final_layer_norm");
  l->careful = TRUE;
  net->text_head = vlf_load_one (l, net->base.embedding_size, t->dim, TRUE, "text_model.head");
  l->careful = FALSE;
}

/* What the sizes have to be to each other. */
static void
check_sizes (const Siglip *net, VlfConfig *c)
{
  const VlfNet *base = &net->base;

  if (base->patch > base->image_size)
    vlf_config_fail (c, VLF_ERROR_RANGE, "vision_config.patch_size: expected at most image_size %u, found %u",
                     base->image_size, base->patch);
  if (base->pad_id >= base->vocab)
    vlf_config_fail (c, VLF_ERROR_RANGE, "text_config.pad_token_id: expected less than vocab_size %u, found %u",
                     base->vocab, base->pad_id);
  if (base->embedding_size != net->vision.dim)
    vlf_config_fail (c, VLF_ERROR_RANGE, "text_config.projection_size: expected vision_config.hidden_size %u, found %u",
                     net->vision.dim, base->embedding_size);
  if (!vlf_config_bool (c, "vision_config.vision_use_head", TRUE))
    vlf_config_fail (
        c, VLF_ERROR_UNSUPPORTED,
        "vision_config.vision_use_head: expected true, as pictures have no embedding without, found false");
}

/* Defaults are those of SiglipTextConfig and SiglipVisionConfig. */
static VlfNet *
load (VlfLoader *l, VlfConfig *c, const char *architecture, gboolean all_heads)
{
  static const VlfTowerDefaults defaults = { 768, 12, 3072, 1e-6, "gelu_pytorch_tanh" };
  const guint image = vlf_config_uint (c, "vision_config.image_size", 224, 1, 2048);
  const guint patch = vlf_config_uint (c, "vision_config.patch_size", 16, 1, 2048);
  Siglip *net = vlf_bag_alloc (l->bag, sizeof *net);
  guint shared;

  (void) architecture;
  (void) all_heads;
  net->text = vlf_tower_read (c, TRUE, "text_config", &defaults);
  net->vision = vlf_tower_read (c, FALSE, "vision_config", &defaults);
  shared = vlf_tower_uint (c, &net->text, "projection_size", net->text.dim, 16384);
  net->base = (VlfNet){
    .arch = &vlf_siglip,
    .image_size = image,
    .patch = patch,
    .rows = image / patch,
    .cols = image / patch,
    .max_tokens = vlf_tower_uint (c, &net->text, "max_position_embeddings", 64, 65536),
    .vocab = vlf_tower_uint (c, &net->text, "vocab_size", 32000, 1000000),
    .dim = shared,
    .layers = 1,
    .heads = 1,
    .taps = 1,
    .similarity = "logits_per_image",
    .two_towers = TRUE,
    .sigmoid = TRUE,
    .padded = TRUE,
    .pad_id = vlf_config_uint (c, "text_config.pad_token_id", 1, 0, 999999),
    .embedding_size = shared,
  };
  check_sizes (net, c);
  if (!vlf_config_check (c, NULL))
    return NULL;
  load_vision (net, l);
  load_text (net, l);
  net->base.similarity_scale = expf (vlf_load_scalar (l, 0, "logit_scale"));
  net->base.similarity_bias = vlf_load_scalar (l, 0, "logit_bias");
  return l->error ? NULL : &net->base;
}

const VlfArch vlf_siglip = {
  .model_type = "siglip",
  .processor = "SiglipImageProcessor",
  .travels = TRUE,
  .load = load,
  .encode = encode,
  .see = see,
  .embed = vlf_towers_embed,
  .fuse = vlf_towers_fuse,
  .outputs = vlf_towers_outputs,
};
