/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CLIP (Radford et al. 2021) and what has its form: an image and a text tower that meet in one space and nowhere before. Source:
 * transformers, CLIPModel. */
#include <math.h>
#include <string.h>
#include "models/arch.h"

typedef struct {
  VlfNet base;

  VlfWeight *patch_embedding;
  VlfTensor class_embedding, image_positions; /* [1, 1, d], [1, P, d] */
  VlfNorm pre_norm, post_norm;
  VlfPreNormBlock *blocks; /* [n_blocks] */
  guint n_blocks;
  VlfWeight *image_projection;

  VlfTable *words, *positions;
  VlfPreNormBlock *text_blocks; /* [n_text_blocks] */
  guint n_text_blocks;
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

static VlfTensor
embed_text (const Clip *net, VlfPass *p, const guint32 *ids, guint n, guint tokens)
{
  g_autofree guint32 *positions = g_new (guint32, MAX ((gsize) n * tokens, 1));

  for (gsize i = 0; i < (gsize) n * tokens; i++)
    positions[i] = (guint32) (i % tokens);
  return vlf_add (p, vlf_embed (p, net->words, ids, n, tokens), vlf_embed (p, net->positions, positions, n, tokens));
}

/* The tap is [n, T, e], of which row 0 is the text's embedding, of unit length. */
static VlfTextBatch
encode (const VlfNet *base, VlfPass *p, const guint32 *ids, const guint8 *mask, guint n, guint tokens)
{
  const Clip *net = (const Clip *) base;
  g_autofree float *bias = g_new (float, (gsize) n *tokens);
  VlfTextBatch texts = { .ids = ids };
  VlfAttention look = { .key_bias = &texts.key_bias, .causal = TRUE };
  VlfTensor x;

  for (gsize i = 0; i < (gsize) n * tokens; i++)
    bias[i] = mask[i] ? 0.0f : -3e38f;
  texts.key_bias = vlf_input (p, bias, n, 1, tokens);
  x = embed_text (net, p, ids, n, tokens);
  for (guint i = 0; i < net->n_text_blocks; i++)
    x = vlf_pre_norm_block (p, &net->text_blocks[i], x, &look, NULL);
  x = vlf_linear (p, vlf_norm (p, x, &net->text_norm), net->text_projection, VLF_NONE, NULL);
  x = vlf_normalize (p, x);
  texts.taps[0] = vlf_add (p, x, x); /* room of the same shape */
  for (guint i = 0; i < n && !vlf_pass_failed (p); i++)
    vlf_store (p, vlf_rows (vlf_sequences (x, i, 1), end_of (net, ids + (gsize) i * tokens, tokens), 1),
               vlf_rows (vlf_sequences (texts.taps[0], i, 1), 0, 1));
  return texts;
}

static VlfTensor
embed (const VlfNet *base, VlfPass *p, const VlfTextBatch *texts)
{
  (void) base;
  (void) p;
  return vlf_rows (texts->taps[0], 0, 1);
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

  x = before = vlf_norm (p, x, &net->pre_norm);
  for (guint i = 0; i < net->n_blocks; i++) {
    before = x;
    x = vlf_pre_norm_block (p, &net->blocks[i], x, NULL, keep);
  }
  sight.embedding = project (net, p, vlf_rows (x, 0, 1));
  sight.taps[0] = project (net, p, dense (p, &net->blocks[net->n_blocks - 1], before));
  return sight;
}

/* Nothing is fused: what is read is the text's own embedding. */
static VlfFusion
fuse (const VlfNet *base, VlfPass *p, const VlfSight *sight, const VlfTextBatch *texts, VlfMaps *maps)
{
  (void) base;
  (void) p;
  (void) sight;
  (void) maps;
  return (VlfFusion){ .text = texts->taps[0], .pooled = vlf_rows (texts->taps[0], 0, 1) };
}

static void
outputs (const VlfNet *base, VlfPass *p, const VlfTextBatch *texts, const VlfSight *sight, const VlfFusion *fusion,
         void (*emit) (gpointer user, const char *name, VlfTensor tensor, guint rank), gpointer user)
{
  (void) base;
  (void) p;
  (void) texts;
  emit (user, "image_embeds", sight->embedding, 2);
  emit (user, "text_embeds", fusion->pooled, 2);
}

/* ---- loading ---- */

/* Either tower. */
typedef struct {
  const char *field, *name; /* of config.json; of tensors */
  guint dim, layers, heads, intermediate;
  double eps;
  const char *act;
} Tower;

static guint
tower_uint (VlfConfig *c, const char *field, const char *key, guint absent, guint max)
{
  g_autofree gchar *path = g_strdup_printf ("%s.%s", field, key);

  return vlf_config_uint (c, path, absent, 1, max);
}

/* Defaults are those of CLIPTextConfig and CLIPVisionConfig. */
static Tower
read_tower (VlfConfig *c, gboolean text)
{
  const char *field = text ? "text_config" : "vision_config";
  Tower tower = { .field = field, .name = text ? "text_model" : "vision_model" };

  tower.dim = tower_uint (c, field, "hidden_size", text ? 512 : 768, 16384);
  tower.layers = tower_uint (c, field, "num_hidden_layers", 12, 256);
  tower.heads = tower_uint (c, field, "num_attention_heads", text ? 8 : 12, 1024);
  tower.intermediate = tower_uint (c, field, "intermediate_size", text ? 2048 : 3072, 65536);
  tower.eps = vlf_config_double (c, text ? "text_config.layer_norm_eps" : "vision_config.layer_norm_eps", 1e-5, 0, 1);
  tower.act = vlf_config_string (c, text ? "text_config.hidden_act" : "vision_config.hidden_act", "quick_gelu");
  if (tower.dim % tower.heads || tower.dim / tower.heads % 4 || tower.dim / tower.heads > 256)
    vlf_config_fail (c, VLF_ERROR_RANGE,
                     "%s.num_attention_heads: expected a divisor of hidden_size %u that leaves heads of a multiple of "
                     "4 up to 256, found %u",
                     field, tower.dim, tower.heads);
  return tower;
}

static VlfPreNormBlock *
load_blocks (VlfLoader *l, const Tower *t)
{
  VlfPreNormBlock *blocks = vlf_bag_alloc (l->bag, t->layers * sizeof *blocks);
  VlfActivation act = vlf_load_activation (l, t->act, vlf_name (l, "%s.hidden_act", t->field));
  guint d = t->dim;

  for (guint i = 0; i < t->layers; i++) {
    const char *name = vlf_name (l, "%s.encoder.layers.%u", t->name, i);
    const char *const parts[] = { vlf_name (l, "%s.self_attn.q_proj", name), vlf_name (l, "%s.self_attn.k_proj", name),
                                  vlf_name (l, "%s.self_attn.v_proj", name), NULL };

    blocks[i] = (VlfPreNormBlock){
      .norm1 = vlf_load_norm (l, d, t->eps, vlf_name (l, "%s.layer_norm1", name)),
      .norm2 = vlf_load_norm (l, d, t->eps, vlf_name (l, "%s.layer_norm2", name)),
      .attention = { .qkv = vlf_load_linear (l, d, d, TRUE, parts),
                     .output = vlf_load_one (l, d, d, TRUE, vlf_name (l, "%s.self_attn.out_proj", name)),
                     .heads = t->heads },
      .up = vlf_load_one (l, t->intermediate, d, TRUE, vlf_name (l, "%s.mlp.fc1", name)),
      .down = vlf_load_one (l, d, t->intermediate, TRUE, vlf_name (l, "%s.mlp.fc2", name)),
      .act = act,
    };
  }
  return blocks;
}

static void
load_vision (Clip *net, VlfLoader *l, const Tower *t, guint shared)
{
  const guint patch = net->base.patch, cells = net->base.rows * net->base.cols;

  l->careful = TRUE;
  net->patch_embedding = vlf_load_one (l, t->dim, 3 * patch * patch, FALSE, "vision_model.embeddings.patch_embedding");
  net->image_projection = vlf_load_one (l, shared, t->dim, FALSE, "visual_projection");
  l->careful = FALSE;
  net->class_embedding = vlf_load_matrix (l, 1, t->dim, "vision_model.embeddings.class_embedding");
  net->image_positions = vlf_load_matrix (l, cells + 1, t->dim, "vision_model.embeddings.position_embedding.weight");
  net->pre_norm = vlf_load_norm (l, t->dim, t->eps, "vision_model.pre_layrnorm"); /* its name in every file */
  net->blocks = load_blocks (l, t);
  net->n_blocks = t->layers;
  net->post_norm = vlf_load_norm (l, t->dim, t->eps, "vision_model.post_layernorm");
}

static void
load_text (Clip *net, VlfLoader *l, const Tower *t, guint shared)
{
  net->words = vlf_load_table (l, net->base.vocab, t->dim, "text_model.embeddings.token_embedding.weight");
  net->positions = vlf_load_table (l, net->base.max_tokens, t->dim, "text_model.embeddings.position_embedding.weight");
  net->text_blocks = load_blocks (l, t);
  net->n_text_blocks = t->layers;
  net->text_norm = vlf_load_norm (l, t->dim, t->eps, "text_model.final_layer_norm");
  l->careful = TRUE;
  net->text_projection = vlf_load_one (l, shared, t->dim, FALSE, "text_projection");
  l->careful = FALSE;
}

static VlfNet *
load (VlfLoader *l, VlfConfig *config, const char *architecture, gboolean all_heads)
{
  const Tower text = read_tower (config, TRUE), vision = read_tower (config, FALSE);
  const guint shared = vlf_config_uint (config, "projection_dim", 512, 1, 65536);
  const guint image = vlf_config_uint (config, "vision_config.image_size", 224, 1, 2048);
  const guint patch = vlf_config_uint (config, "vision_config.patch_size", 32, 1, 2048);
  Clip *net = vlf_bag_alloc (l->bag, sizeof *net);

  (void) architecture;
  (void) all_heads;
  net->base = (VlfNet){
    .arch = &vlf_clip,
    .image_size = image,
    .patch = patch,
    .rows = image / patch,
    .cols = image / patch,
    .max_tokens = vlf_config_uint (config, "text_config.max_position_embeddings", 77, 3, 65536),
    .vocab = vlf_config_uint (config, "text_config.vocab_size", 49408, 1, 1000000),
    .dim = shared,
    .layers = 1,
    .heads = 1,
    .taps = 1,
    .similarity = "logits_per_image",
    .two_towers = TRUE,
    .embedding_size = shared,
  };
  net->end = vlf_config_uint (config, "text_config.eos_token_id", 49407, 0, 999999);
  net->end_is_last_id = net->end == 2;
  if (patch > image)
    vlf_config_fail (config, VLF_ERROR_RANGE, "vision_config.patch_size: expected at most image_size %u, found %u",
                     image, patch);
  if (!vlf_config_check (config, NULL))
    return NULL;
  load_vision (net, l, &vision, shared);
  load_text (net, l, &text, shared);
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
  .embed = embed,
  .fuse = fuse,
  .outputs = outputs,
};
