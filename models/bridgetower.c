/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BridgeTower (Xu et al. 2022): a CLIP vision tower and a RoBERTa text tower, whose upper layers are bridged into a stack of
 * bidirectional cross-attention layers. Source: transformers, BridgeTowerModel. */
#include <string.h>
#include "models/arch.h"
#include "models/relevance.h"

/* BridgeTowerLinkTower: norm (tower_share tower state + stream_share stream). */
typedef struct {
  float tower_share, stream_share;
  VlfNorm norm;
} Link;

typedef enum { LINK_ADD, LINK_SCALED_ADD, LINK_INTERPOLATE } LinkType;

/* One stream of the fusion: how tower states come in, and its layers. */
typedef struct {
  VlfWeight *transform[VLF_MAX_FUSION_LAYERS]; /* [dim, tower dim]; one for all where the config shares it */
  VlfTensor type;                              /* [1, 1, dim] token type embedding of this stream */
  VlfNorm norm;                                /* before the first layer */
  Link link[VLF_MAX_FUSION_LAYERS];            /* before layer i + 1 */
  VlfPostNormLayer layers[VLF_MAX_FUSION_LAYERS];
  VlfWeight *pooler;
} Stream;

typedef struct {
  VlfNet base;

  VlfWeight *patch_embedding;
  VlfTensor class_embedding, image_positions; /* [1, 1, d], [1, P, d] */
  VlfNorm ln_pre, ln_post;
  VlfPreNormBlock *blocks; /* [n_tower] */

  VlfTable *words, *positions;
  VlfTensor text_type; /* [1, 1, d] */
  VlfNorm text_norm;
  VlfPostNormLayer *text_layers; /* [n_tower] */

  guint n_tower; /* layers of either tower that run */
  guint split;   /* of them, those before the first fusion layer */
  Stream text, image;

  VlfWeight *itm, *itc_text, *itc_image, *itc_cross, *mlm_dense, *mlm_decoder; /* NULL: no such head */
  VlfNorm mlm_norm;
  VlfActivation mlm_act;
  gboolean masked_lm; /* the class's logits are the language model's */
} BridgeTower;

/* ---- forward ---- */

/* A tower state as the fusion reads it: [n, tokens, dim]. */
static VlfTensor
tap (VlfPass *p, const Stream *stream, guint layer, VlfTensor state)
{
  return vlf_add (p, vlf_linear (p, state, stream->transform[layer], VLF_NONE, NULL), stream->type);
}

/* RoBERTa counts positions over real tokens, from pad_id + 1; padding sits at pad_id. */
static VlfTensor
embed_text (const BridgeTower *net, VlfPass *p, const guint32 *ids, guint n, guint tokens)
{
  guint pad = net->base.pad_id;
  g_autofree guint32 *positions = g_new (guint32, (gsize) n * tokens);
  VlfTensor words, places;

  for (guint i = 0; i < n; i++)
    for (guint t = 0, seen = 0; t < tokens; t++)
      positions[i * tokens + t] = ids[i * tokens + t] == pad ? pad : pad + ++seen;
  words = vlf_embed (p, net->words, ids, n, tokens);
  places = vlf_embed (p, net->positions, positions, n, tokens);
  return vlf_norm (p, vlf_add (p, vlf_add (p, words, net->text_type), places), &net->text_norm);
}

static VlfTextBatch
encode (const VlfNet *base, VlfPass *p, const guint32 *ids, const guint8 *mask, guint n, guint tokens)
{
  const BridgeTower *net = (const BridgeTower *) base;
  VlfTextBatch texts = { 0 };
  VlfAttention look = { .key_bias = &texts.key_bias };
  VlfTensor x;

  texts.key_bias = texts.image_bias = vlf_mask_bias (p, mask, n, tokens);
  x = embed_text (net, p, ids, n, tokens);
  for (guint i = 0; i < net->n_tower; i++) {
    x = vlf_post_norm_layer (p, &net->text_layers[i], x, &look);
    if (i + 1 >= net->split)
      texts.taps[i + 1 - net->split] = tap (p, &net->text, i + 1 - net->split, x);
  }
  texts.taps[0] = vlf_norm (p, texts.taps[0], &net->text.norm);
  texts.last = x;
  return texts;
}

/* A stream that comes into a fusion layer, of which the first @asking rows go on; @reader is the other stream's layer. */
static VlfEntry
enter (VlfPass *p, const VlfPostNormLayer *layer, const VlfPostNormLayer *reader, VlfTensor x, guint asking,
       const VlfAttention *self, VlfKeep *keep)
{
  return (VlfEntry){ .state = vlf_post_norm_self (p, layer, x, asking, self, keep),
                     .keys_values = vlf_keys_values (p, &reader->cross, x) };
}

static void
enter_text (const VlfNet *base, VlfPass *p, VlfTextBatch *texts)
{
  const BridgeTower *net = (const BridgeTower *) base;
  VlfAttention self = { .key_bias = &texts->key_bias };

  texts->entry =
      enter (p, &net->text.layers[0], &net->image.layers[0], texts->taps[0], texts->taps[0].rows, &self, NULL);
}

static VlfSight
see (const VlfNet *base, VlfPass *p, VlfTensor patches, VlfKeep *keep)
{
  const BridgeTower *net = (const BridgeTower *) base;
  guint last = base->layers - 1;
  VlfSight sight = { 0 };
  VlfTensor x = vlf_embed_patches (p, net->patch_embedding, net->class_embedding, net->image_positions, patches, keep);

  x = vlf_norm (p, x, &net->ln_pre);
  for (guint i = 0; i < net->n_tower; i++) {
    x = vlf_pre_norm_block (p, &net->blocks[i], x, NULL, keep);
    if (i + 1 >= net->split)
      sight.taps[i + 1 - net->split] = tap (p, &net->image, i + 1 - net->split, vlf_norm (p, x, &net->ln_post));
  }
  if (net->itc_image)
    sight.embedding =
        vlf_normalize (p, vlf_linear (p, vlf_rows (sight.taps[last], 0, 1), net->itc_image, VLF_NONE, NULL));
  x = sight.taps[0] = vlf_norm (p, sight.taps[0], &net->image.norm);
  sight.entry = enter (p, &net->image.layers[0], &net->text.layers[0], x, x.rows, NULL, keep);
  return sight;
}

static VlfTensor
bridge (VlfPass *p, const Link *link, VlfTensor tower, VlfTensor stream)
{
  if (link->tower_share == 1.0f && link->stream_share == 1.0f)
    return vlf_add_norm (p, tower, stream, &link->norm);
  return vlf_norm (p, vlf_mix (p, tower, link->tower_share, stream, link->stream_share), &link->norm);
}

static VlfTensor *
wanted (VlfPass *p, const VlfNet *net, const VlfMaps *maps, VlfTensor *map, guint layer, guint n, guint rows,
        guint cols)
{
  if (!maps->wanted[layer])
    return NULL;
  *map = vlf_pass_alloc (p, n * net->heads, rows, cols);
  return map;
}

/* Who looked at whom in layer @i, which read @text and @image; of the last one's image stream nothing is read. */
static VlfLooks
look_back (const BridgeTower *net, VlfPass *p, const VlfMaps *maps, guint i, VlfTensor text, VlfTensor image,
           const VlfTensor *key_bias)
{
  VlfLooks looks = { .text_self = vlf_self_looks (p, &net->text.layers[i].self, text, key_bias),
                     .text_cross = vlf_mean_heads (p, maps->text[i], net->base.heads) };

  if (i + 1 < net->base.layers) {
    looks.image_self = vlf_self_looks (p, &net->image.layers[i].self, image, NULL);
    looks.image_cross = vlf_mean_heads (p, maps->image[i], net->base.heads);
  }
  return looks;
}

/* All layers of the fusion. Each reads both streams as they were before it, so neither direction sees the other's update. Of the last
 * layer only the class rows are read, and where the words looked. Of the image stream only the fresh rows go through the layers; the words
 * look at all of them. */
static void
cross (const BridgeTower *net, VlfPass *p, const VlfSight *sight, const VlfTextBatch *texts, VlfMaps *maps,
       VlfFusion *out)
{
  const guint n = texts->key_bias.batch, tokens = texts->key_bias.cols, cells = sight->entry.state.rows;
  VlfKeep *keep = texts->keep;
  const VlfAttention self = { .key_bias = &texts->key_bias };
  VlfEntry text = texts->entry, image = { vlf_keep_fresh (p, keep, sight->entry.state), sight->entry.keys_values };
  const guint fresh = image.state.rows;
  VlfTensor text_in = texts->taps[0], image_in = sight->taps[0];
  VlfLooks looks[VLF_MAX_FUSION_LAYERS];

  for (guint i = 0; i < net->base.layers; i++) {
    const VlfPostNormLayer *text_layer = &net->text.layers[i], *image_layer = &net->image.layers[i];
    const gboolean all = maps->all_rows || i + 1 < net->base.layers;
    const guint words = all || maps->wanted[i] ? tokens : 1, patches = all ? fresh : 1;
    VlfAttention to_image = { .top_k = maps->top_k,
                              .maps = wanted (p, &net->base, maps, &maps->text[i], i, n, words, cells) };
    VlfAttention to_text = { .key_bias = &texts->image_bias,
                             .top_k = maps->top_k,
                             .maps = wanted (p, &net->base, maps, &maps->image[i], i, n, patches, tokens) };

    if (i > 0) {
      text_in = bridge (p, &net->text.link[i - 1], texts->taps[i], out->text);
      text = enter (p, text_layer, image_layer, text_in, words, &self, NULL);
      image_in = bridge (p, &net->image.link[i - 1], vlf_keep_fresh (p, keep, sight->taps[i]), out->image);
      image = enter (p, image_layer, text_layer, image_in, patches, NULL, keep);
      image.keys_values = vlf_keep_rows (p, keep, image.keys_values);
    }
    out->text = vlf_post_norm_cross (p, text_layer, vlf_rows (text.state, 0, words), all ? tokens : 1,
                                     image.keys_values, &to_image);
    out->image =
        vlf_post_norm_cross (p, image_layer, vlf_rows (image.state, 0, patches), patches, text.keys_values, &to_text);
    if (maps->rollout)
      looks[i] = look_back (net, p, maps, i, text_in, image_in, &texts->key_bias);
  }
  if (maps->rollout)
    maps->relevance = vlf_rollout (p, looks, net->base.layers);
}

static VlfFusion
fuse (const VlfNet *base, VlfPass *p, const VlfSight *sight, const VlfTextBatch *texts, VlfMaps *maps)
{
  const BridgeTower *net = (const BridgeTower *) base;
  VlfFusion out = { 0 };
  VlfTensor text, image;

  cross (net, p, sight, texts, maps, &out);
  text = vlf_linear (p, vlf_rows (out.text, 0, 1), net->text.pooler, VLF_TANH, NULL);
  image = vlf_linear (p, vlf_rows (out.image, 0, 1), net->image.pooler, VLF_TANH, NULL);
  out.pooled = vlf_concat_cols (p, text, image);
  if (net->itm)
    out.match = vlf_linear (p, out.pooled, net->itm, VLF_NONE, NULL);
  if (net->itc_cross)
    out.embedding = vlf_normalize (p, vlf_linear (p, out.pooled, net->itc_cross, VLF_NONE, NULL));
  return out;
}

static VlfTensor
embed_texts (const VlfNet *base, VlfPass *p, const VlfTextBatch *texts)
{
  const BridgeTower *net = (const BridgeTower *) base;

  return vlf_normalize (p, vlf_linear (p, vlf_rows (texts->last, 0, 1), net->itc_text, VLF_NONE, NULL));
}

static void
outputs (const VlfNet *base, VlfPass *p, const VlfTextBatch *texts, const VlfSight *sight, const VlfFusion *fusion,
         void (*emit) (gpointer user, const char *name, VlfTensor tensor, guint rank), gpointer user)
{
  const BridgeTower *net = (const BridgeTower *) base;

  emit (user, "text_features", fusion->text, 3);
  emit (user, "image_features", fusion->image, 3);
  emit (user, "pooler_output", fusion->pooled, 2);
  if (net->masked_lm && net->mlm_decoder) {
    VlfTensor x = vlf_norm (p, vlf_linear (p, fusion->text, net->mlm_dense, net->mlm_act, NULL), &net->mlm_norm);
    emit (user, "logits", vlf_linear (p, x, net->mlm_decoder, VLF_NONE, NULL), 3);
  } else if (net->itm) {
    emit (user, "logits", fusion->match, 2);
  }
  if (net->itc_text)
    emit (user, "text_embeds", embed_texts (base, p, texts), 2);
  if (net->itc_image)
    emit (user, "image_embeds", sight->embedding, 2);
  if (net->itc_cross)
    emit (user, "cross_embeds", fusion->embedding, 2);
}

/* ---- loading ---- */

typedef struct {
  guint dim, layers, heads, intermediate, vocab, positions, types, pad;
  double eps;
  const char *act;
} TextConfig;

typedef struct {
  guint dim, layers, patch, image_size;
  double eps;
} VisionConfig;

typedef struct {
  guint dim, layers, contrastive;
  double eps;
  gboolean share_transform;
  LinkType link;
  TextConfig text;
  VisionConfig vision;
} Config;

static Config
read_config (VlfConfig *c)
{
  static const char *const link_types[] = { "add", "scaled_add", "interpolate", NULL };
  Config config = {
      .dim = vlf_config_uint (c, "hidden_size", 768, 4, 16384),
      .layers = vlf_config_uint (c, "num_hidden_layers", 6, 1, VLF_MAX_FUSION_LAYERS),
      .contrastive = vlf_config_uint (c, "contrastive_hidden_size", 512, 1, 16384),
      .eps = vlf_config_double (c, "layer_norm_eps", 1e-5, 0, 1),
      .share_transform = vlf_config_bool (c, "share_cross_modal_transformer_layers", TRUE),
      .text =
          {
              .dim = vlf_config_uint (c, "text_config.hidden_size", 768, 4, 16384),
              .layers = vlf_config_uint (c, "text_config.num_hidden_layers", 12, 1, 256),
              .heads = vlf_config_uint (c, "text_config.num_attention_heads", 12, 1, 128),
              .intermediate = vlf_config_uint (c, "text_config.intermediate_size", 3072, 1, 65536),
              .vocab = vlf_config_uint (c, "text_config.vocab_size", 50265, 1, 1000000),
              .positions = vlf_config_uint (c, "text_config.max_position_embeddings", 514, 4, 65536),
              .types = vlf_config_uint (c, "text_config.type_vocab_size", 1, 1, 65536),
              .pad = vlf_config_uint (c, "text_config.pad_token_id", 1, 0, 999999),
              .eps = vlf_config_double (c, "text_config.layer_norm_eps", 1e-5, 0, 1),
              .act = vlf_config_string (c, "text_config.hidden_act", "gelu"),
          },
      .vision =
          {
              .dim = vlf_config_uint (c, "vision_config.hidden_size", 768, 64, 16384),
              .layers = vlf_config_uint (c, "vision_config.num_hidden_layers", 12, 1, 256),
              .patch = vlf_config_uint (c, "vision_config.patch_size", 16, 1, 2048),
              .image_size = vlf_config_uint (c, "vision_config.image_size", 288, 1, 2048),
              .eps = vlf_config_double (c, "vision_config.layer_norm_eps", 1e-5, 0, 1),
          },
  };

  config.link = vlf_config_choice (c, "link_tower_type", link_types, LINK_ADD);
  if (vlf_config_bool (c, "vision_config.remove_last_layer", FALSE))
    config.vision.layers--;
  return config;
}

/* Rules between fields, each of which an index or a shape below relies on. */
static gboolean
check_config (VlfConfig *c, const Config *config)
{
  const TextConfig *text = &config->text;
  const VisionConfig *vision = &config->vision;

  if (text->dim != config->dim)
    vlf_config_fail (c, VLF_ERROR_RANGE, "text_config.hidden_size: expected hidden_size %u, found %u", config->dim,
                     text->dim);
  if (text->dim % text->heads)
    vlf_config_fail (c, VLF_ERROR_RANGE, "text_config.num_attention_heads: expected a divisor of %u, found %u",
                     text->dim, text->heads);
  if (vision->dim % 64)
    vlf_config_fail (c, VLF_ERROR_RANGE, "vision_config.hidden_size: expected a multiple of 64, found %u", vision->dim);
  if (config->layers > text->layers)
    vlf_config_fail (c, VLF_ERROR_RANGE,
                     "num_hidden_layers: expected at most text_config.num_hidden_layers %u, found %u", text->layers,
                     config->layers);
  if (vision->layers < text->layers)
    vlf_config_fail (c, VLF_ERROR_RANGE,
                     "vision_config.num_hidden_layers: expected at least %u, as many as the text tower, found %u",
                     text->layers, vision->layers);
  if (vision->patch > vision->image_size)
    vlf_config_fail (c, VLF_ERROR_RANGE, "vision_config.patch_size: expected at most image_size %u, found %u",
                     vision->image_size, vision->patch);
  if (text->pad >= text->vocab || text->pad + 2 >= text->positions)
    vlf_config_fail (c, VLF_ERROR_RANGE,
                     "text_config.pad_token_id: expected less than vocab_size and max_position_embeddings - 2, "
                     "found %u",
                     text->pad);
  return vlf_config_check (c, NULL);
}

static VlfPreNormBlock
load_block (VlfLoader *l, guint i, const VisionConfig *c)
{
  const char *name = vlf_name (l, "vision_model.visual.transformer.resblocks.%u", i);
  guint d = c->dim;

  return (VlfPreNormBlock){
    .norm1 = vlf_load_norm (l, d, c->eps, vlf_name (l, "%s.ln_1", name)),
    .norm2 = vlf_load_norm (l, d, c->eps, vlf_name (l, "%s.ln_2", name)),
    .attention = { .qkv = vlf_load_one (l, 3 * d, d, TRUE, vlf_name (l, "%s.attn.in_proj_weight", name)),
                   .output = vlf_load_one (l, d, d, TRUE, vlf_name (l, "%s.attn.out_proj", name)),
                   .heads = d / 64 },
    .up = vlf_load_one (l, 4 * d, d, TRUE, vlf_name (l, "%s.mlp.c_fc", name)),
    .down = vlf_load_one (l, d, 4 * d, TRUE, vlf_name (l, "%s.mlp.c_proj", name)),
    .act = VLF_QUICK_GELU,
  };
}

static void
load_vision (BridgeTower *net, VlfLoader *l, const VisionConfig *c)
{
  guint cells = net->base.rows * net->base.cols;

  l->careful = TRUE;
  net->patch_embedding =
      vlf_load_one (l, c->dim, 3 * c->patch * c->patch, FALSE, "vision_model.visual.embeddings.patch_embedding");
  l->careful = FALSE;
  net->class_embedding = vlf_load_matrix (l, 1, c->dim, "vision_model.visual.embeddings.class_embedding");
  net->image_positions =
      vlf_load_matrix (l, cells + 1, c->dim, "vision_model.visual.embeddings.position_embedding.weight");
  net->ln_pre = vlf_load_norm (l, c->dim, c->eps, "vision_model.visual.ln_pre");
  net->ln_post = vlf_load_norm (l, c->dim, c->eps, "vision_model.visual.ln_post");
  for (guint i = 0; i < net->n_tower; i++)
    net->blocks[i] = load_block (l, i, c);
}

static void
load_text (BridgeTower *net, VlfLoader *l, const TextConfig *c, VlfActivation act)
{
  net->words = vlf_load_table (l, c->vocab, c->dim, "text_model.embeddings.word_embeddings.weight");
  net->positions = vlf_load_table (l, c->positions, c->dim, "text_model.embeddings.position_embeddings.weight");
  net->text_type =
      vlf_rows (vlf_load_matrix (l, c->types, c->dim, "text_model.embeddings.token_type_embeddings.weight"), 0, 1);
  net->text_norm = vlf_load_norm (l, c->dim, c->eps, "text_model.embeddings.LayerNorm");
  for (guint i = 0; i < net->n_tower; i++)
    net->text_layers[i] = vlf_load_post_norm_layer (l, vlf_name (l, "text_model.encoder.layer.%u", i), c->dim, c->heads,
                                                    c->intermediate, act, c->eps, FALSE, 0);
}

static Link
load_link (VlfLoader *l, const Config *c, const char *name)
{
  Link link = { 1.0f, 1.0f, vlf_load_norm (l, c->dim, c->eps, vlf_name (l, "%s.LayerNorm", name)) };

  if (c->link == LINK_SCALED_ADD) {
    link.tower_share = vlf_load_scalar (l, 1.0f, vlf_name (l, "%s.scaled_factor", name));
  } else if (c->link == LINK_INTERPOLATE) {
    link.stream_share = vlf_load_scalar (l, 0.5f, vlf_name (l, "%s.beta", name));
    link.tower_share = 1.0f - link.stream_share;
  }
  return link;
}

/* @which: "text" or "image". */
static void
load_stream (Stream *stream, VlfLoader *l, const Config *c, const char *which, guint tower_dim, VlfTensor types,
             guint type, VlfActivation act)
{
  const TextConfig *t = &c->text;

  for (guint i = 0; i < c->layers; i++) {
    const char *layer = vlf_name (l, "cross_modal_%s_layers.%u", which, i);

    l->careful = TRUE;
    if (i == 0 || !c->share_transform)
      stream->transform[i] = vlf_load_one (l, c->dim, tower_dim, TRUE,
                                           c->share_transform ? vlf_name (l, "cross_modal_%s_transform", which)
                                                              : vlf_name (l, "cross_modal_%s_transform.%u", which, i));
    else
      stream->transform[i] = stream->transform[0];
    l->careful = FALSE;
    stream->layers[i] =
        vlf_load_post_norm_layer (l, layer, t->dim, t->heads, t->intermediate, act, t->eps, TRUE, t->dim);
    if (i > 0)
      stream->link[i - 1] = load_link (l, c, vlf_name (l, "cross_modal_%s_link_tower.%u", which, i - 1));
  }
  stream->type = vlf_rows (types, type, 1);
  stream->norm = vlf_load_norm (l, c->dim, c->eps, vlf_name (l, "cross_modal_%s_layernorm", which));
  l->careful = TRUE;
  stream->pooler = vlf_load_one (l, c->dim, c->dim, TRUE, vlf_name (l, "cross_modal_%s_pooler.dense", which));
  l->careful = FALSE;
}

/* With tie_word_embeddings the language model's decoder is not in the file: it is the table of word embeddings. */
static const char *
decoder_name (VlfLoader *l, const char *trunk)
{
  if (vlf_loader_has (l, "mlm_score.decoder.weight"))
    return "mlm_score.decoder.weight";
  return vlf_name (l, "%stext_model.embeddings.word_embeddings.weight", trunk);
}

/* Heads stand outside the trunk's prefix, and each may be absent. */
static void
load_heads (BridgeTower *net, VlfLoader *l, VlfConfig *config, const Config *c, gboolean all_heads)
{
  const char *trunk = l->prefix;

  l->prefix = "";
  l->careful = TRUE;
  if (vlf_loader_has (l, "itm_score.fc.weight"))
    net->itm = vlf_load_one (l, 2, 2 * c->dim, TRUE, "itm_score.fc");
  if (vlf_loader_has (l, "itc_image_head.fc.weight"))
    net->itc_image = vlf_load_one (l, c->contrastive, c->dim, TRUE, "itc_image_head.fc");
  if (vlf_loader_has (l, "itc_cross_modal_head.fc.weight"))
    net->itc_cross = vlf_load_one (l, c->contrastive, 2 * c->dim, TRUE, "itc_cross_modal_head.fc");
  if (vlf_loader_has (l, "itc_text_head.fc.weight"))
    net->itc_text = vlf_load_one (l, c->contrastive, c->dim, TRUE, "itc_text_head.fc");
  net->base.judges = net->itm != NULL;
  if (net->itc_image && net->itc_text)
    net->base.embedding_size = c->contrastive;
  if (all_heads && net->masked_lm) {
    net->mlm_act = vlf_load_activation (l, vlf_config_string (config, "hidden_act", "gelu"), "hidden_act");
    net->mlm_dense = vlf_load_one (l, c->dim, c->dim, TRUE, "mlm_score.transform.dense");
    net->mlm_norm = vlf_load_norm (l, c->dim, c->eps, "mlm_score.transform.LayerNorm");
    net->mlm_decoder = vlf_load_linear_with_bias (l, c->text.vocab, c->dim, decoder_name (l, trunk), "mlm_score.bias");
  }
  l->prefix = trunk;
  l->careful = FALSE;
}

static VlfNet *
load (VlfLoader *l, VlfConfig *config, const char *architecture, gboolean all_heads)
{
  Config c = read_config (config);
  BridgeTower *net;
  VlfActivation act;
  VlfTensor types;

  if (!check_config (config, &c))
    return NULL;
  net = vlf_bag_alloc (l->bag, sizeof *net);
  net->base = (VlfNet){
    .arch = &vlf_bridgetower,
    .image_size = c.vision.image_size,
    .patch = c.vision.patch,
    .rows = c.vision.image_size / c.vision.patch,
    .cols = c.vision.image_size / c.vision.patch,
    .max_tokens = c.text.positions - c.text.pad - 1,
    .vocab = c.text.vocab,
    .pad_id = c.text.pad,
    .dim = c.dim,
    .layers = c.layers,
    .heads = c.text.heads,
    .taps = c.layers,
    .weighs = TRUE,
  };
  net->n_tower = c.text.layers;
  net->split = c.text.layers - c.layers + 1;
  net->blocks = vlf_bag_alloc (l->bag, net->n_tower * sizeof *net->blocks);
  net->text_layers = vlf_bag_alloc (l->bag, net->n_tower * sizeof *net->text_layers);
  net->masked_lm = !g_strcmp0 (architecture, "BridgeTowerForMaskedLM");
  l->prefix = "bridgetower.";
  if (!vlf_loader_has (l, "token_type_embeddings.weight"))
    l->prefix = ""; /* a bare BridgeTowerModel */

  act = vlf_load_activation (l, c.text.act, "text_config.hidden_act");
  load_vision (net, l, &c.vision);
  load_text (net, l, &c.text, act);
  types = vlf_load_matrix (l, 2, c.dim, "token_type_embeddings.weight");
  load_stream (&net->text, l, &c, "text", c.text.dim, types, 0, act);
  load_stream (&net->image, l, &c, "image", c.vision.dim, types, 1, act);
  load_heads (net, l, config, &c, all_heads);
  return l->error ? NULL : &net->base;
}

const VlfArch vlf_bridgetower = {
  .model_type = "bridgetower",
  .processor = "BridgeTowerImageProcessor",
  .travels = TRUE,
  .load = load,
  .encode = encode,
  .see = see,
  .embed = embed_texts,
  .emits_maps = TRUE,
  .enter = enter_text,
  .fuse = fuse,
  .outputs = outputs,
};
