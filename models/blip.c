/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BLIP (Li et al. 2022): a vision transformer, and BERT layers that look at its tokens: as an encoder of prompts (matching), as a causal
 * decoder (captions), or both (answers). Source: transformers, BlipForImageTextRetrieval, ...ConditionalGeneration,
 * ...QuestionAnswering. */
#include <string.h>
#include "models/arch.h"
#include "models/relevance.h"

/* BERT with cross-attention. Encoder and decoder share their sizes. */
typedef struct {
  VlfTable *words, *positions;
  VlfNorm norm;
  VlfPostNormLayer *layers; /* [net layers]; NULL: the model has no such part */
} Bert;

typedef struct {
  VlfNet base;

  VlfWeight *patch_embedding;
  VlfTensor class_embedding, image_positions; /* [1, 1, d], [1, P, d] */
  VlfPreNormBlock *blocks;                    /* [n_blocks] */
  guint n_blocks;
  VlfNorm post_norm;

  Bert encoder, decoder;
  VlfWeight *itm, *itc_image, *itc_text; /* NULL: no such head */
  VlfWeight *head_dense, *head_words;    /* of the decoder */
  VlfNorm head_norm;
  VlfActivation head_act;
} Blip;

/* ---- forward ---- */

static VlfTensor
embed (VlfPass *p, const Bert *bert, const guint32 *ids, guint n, guint tokens, guint first, gboolean same_position)
{
  g_autofree guint32 *positions = g_new (guint32, MAX ((gsize) n * tokens, 1));

  for (gsize i = 0; i < (gsize) n * tokens; i++)
    positions[i] = first + (same_position ? 0 : (guint32) (i % tokens));
  return vlf_norm (
      p, vlf_add (p, vlf_embed (p, bert->words, ids, n, tokens), vlf_embed (p, bert->positions, positions, n, tokens)),
      &bert->norm);
}

static VlfTextBatch
encode (const VlfNet *base, VlfPass *p, const guint32 *ids, const guint8 *mask, guint n, guint tokens)
{
  const Blip *net = (const Blip *) base;
  VlfTextBatch texts = { .ids = ids, .key_bias = vlf_mask_bias (p, mask, n, tokens) };

  if (net->encoder.layers)
    texts.taps[0] = embed (p, &net->encoder, ids, n, tokens, 0, FALSE);
  return texts;
}

/* Self-attention of the first layer; no other stream reads this one. */
static void
enter (const VlfNet *base, VlfPass *p, VlfTextBatch *texts)
{
  const Blip *net = (const Blip *) base;
  VlfAttention self = { .key_bias = &texts->key_bias };

  if (net->encoder.layers)
    texts->entry.state =
        vlf_post_norm_self (p, &net->encoder.layers[0], texts->taps[0], texts->taps[0].rows, &self, NULL);
}

/* The keys and values that every layer of the encoder looks at depend on the picture alone: they are made once for all prompts. */
static VlfSight
see (const VlfNet *base, VlfPass *p, VlfTensor patches, VlfKeep *keep)
{
  const Blip *net = (const Blip *) base;
  VlfTensor x = vlf_embed_patches (p, net->patch_embedding, net->class_embedding, net->image_positions, patches, keep);
  VlfSight sight = { 0 };

  for (guint i = 0; i < net->n_blocks; i++)
    x = vlf_pre_norm_block (p, &net->blocks[i], x, NULL, keep);
  sight.last = vlf_norm (p, x, &net->post_norm);
  for (guint i = 0; i < base->layers && net->encoder.layers; i++)
    sight.taps[i] = vlf_keys_values (p, &net->encoder.layers[i].cross, sight.last);
  if (net->itc_image)
    sight.embedding = vlf_normalize (p, vlf_linear (p, vlf_rows (sight.last, 0, 1), net->itc_image, VLF_NONE, NULL));
  return sight;
}

/* Where the words look, and how much of each the class token takes in, which the matching head reads: no patch looks back at words. */
static void
prepare_maps (VlfPass *p, const VlfNet *net, const VlfPostNormLayer *layer, VlfTensor x, guint n, guint cells,
              const VlfTensor *key_bias, VlfMaps *maps, guint i)
{
  VlfAttention self = { .key_bias = key_bias, .maps = &maps->image[i] };

  maps->text[i] = vlf_pass_alloc (p, n * net->heads, x.rows, cells);
  maps->image[i] = vlf_pass_alloc (p, n * net->heads, 1, x.rows);
  vlf_self_attention (p, &layer->self, x, 1, &self, NULL, NULL);
}

static VlfFusion
fuse (const VlfNet *base, VlfPass *p, const VlfSight *sight, const VlfTextBatch *texts, VlfMaps *maps)
{
  const Blip *net = (const Blip *) base;
  const VlfAttention self = { .key_bias = &texts->key_bias };
  const guint n = texts->key_bias.batch, tokens = texts->key_bias.cols;
  VlfTensor x = texts->taps[0], state = texts->entry.state;
  VlfLooks looks[VLF_MAX_FUSION_LAYERS];
  VlfFusion out = { 0 };

  for (guint i = 0; i < base->layers && net->encoder.layers; i++) {
    const VlfPostNormLayer *layer = &net->encoder.layers[i];
    const gboolean all = maps->all_rows || i + 1 < base->layers;
    const guint words = all || maps->wanted[i] ? tokens : 1;
    VlfAttention look = { .top_k = maps->top_k, .maps = maps->wanted[i] ? &maps->text[i] : NULL };

    if (maps->wanted[i])
      prepare_maps (p, base, layer, x, n, sight->taps[i].rows, &texts->key_bias, maps, i);
    if (maps->rollout)
      looks[i] = (VlfLooks){ .text_self = vlf_self_looks (p, &layer->self, x, &texts->key_bias) };
    if (i > 0)
      state = vlf_post_norm_self (p, layer, x, words, &self, NULL);
    x = vlf_post_norm_cross (p, layer, vlf_rows (state, 0, words), all ? tokens : 1, sight->taps[i], &look);
    if (maps->rollout)
      looks[i].text_cross = vlf_mean_heads (p, maps->text[i], base->heads);
  }
  if (maps->rollout && net->encoder.layers)
    maps->relevance = vlf_rollout (p, looks, base->layers);
  out.text = x;
  out.pooled = vlf_rows (x, 0, 1);
  if (net->itm)
    out.match = vlf_linear (p, out.pooled, net->itm, VLF_NONE, NULL);
  return out;
}

/* ---- decoder ---- */

/* Answers come from the question's states, which have seen the picture; captions from the picture. */
static void
attend (const VlfNet *base, VlfPass *p, const VlfSight *sight, const VlfFusion *question, VlfTensor *keys_values)
{
  const Blip *net = (const Blip *) base;

  for (guint i = 0; i < base->layers; i++)
    keys_values[i] = vlf_keys_values (p, &net->decoder.layers[i].cross, question ? question->text : sight->last);
}

/* [1, n, d] as [n, 1, d], and back. */
static VlfTensor
rows_apart (VlfTensor x)
{
  x.batch = x.rows;
  x.rows = 1;
  x.batch_stride = x.stride;
  return x;
}

static VlfTensor
rows_together (VlfTensor x)
{
  x.rows = x.batch;
  x.batch = 1;
  x.stride = (guint) x.batch_stride;
  return x;
}

static VlfTensor
decoder_self (VlfPass *p, const VlfPostNormLayer *layer, VlfTensor x, guint i, const VlfDecoding *d)
{
  const guint dim = x.cols;
  VlfAttention look = { .key_bias = d->key_bias.buffer ? &d->key_bias : NULL, .causal = !d->alternatives };
  VlfTensor qkv = vlf_linear (p, x, layer->self.qkv, VLF_NONE, NULL), seen;
  VlfTensor q = vlf_cols (qkv, 0, dim), kv = vlf_cols (qkv, dim, 2 * dim);

  if (d->cache.buffer) {
    VlfTensor own = vlf_sequences (d->cache, i, 1);

    vlf_store (p, kv, vlf_rows (own, d->first, d->n));
    kv = vlf_rows (own, 0, d->first + d->n);
  }
  seen = vlf_attention (p, d->alternatives ? rows_apart (q) : q, vlf_cols (kv, 0, dim), vlf_cols (kv, dim, dim),
                        layer->self.heads, &look);
  if (d->alternatives)
    seen = rows_together (seen);
  return vlf_add_norm (p, vlf_linear (p, seen, layer->self.output, VLF_NONE, NULL), x, &layer->self_norm);
}

static VlfTensor
decode (const VlfNet *base, VlfPass *p, VlfDecoding *d)
{
  const Blip *net = (const Blip *) base;
  VlfTensor x = embed (p, &net->decoder, d->ids, 1, d->n, d->position, d->alternatives);

  for (guint i = 0; i < base->layers; i++) {
    const VlfPostNormLayer *layer = &net->decoder.layers[i];
    VlfAttention look = { .maps = d->wanted[i] ? &d->maps[i] : NULL };

    if (d->wanted[i])
      d->maps[i] = vlf_pass_alloc (p, base->heads, d->n, d->context[i].rows);
    x = vlf_post_norm_cross (p, layer, decoder_self (p, layer, x, i, d), d->n, d->context[i], &look);
  }
  if (d->last_only)
    x = vlf_rows (x, d->n - 1, 1);
  x = vlf_norm (p, vlf_linear (p, x, net->head_dense, net->head_act, NULL), &net->head_norm);
  return vlf_linear (p, x, net->head_words, VLF_NONE, NULL);
}

/* ---- further outputs ---- */

/* The encoder without any picture. */
static VlfTensor
embed_texts (const VlfNet *base, VlfPass *p, const VlfTextBatch *texts)
{
  const Blip *net = (const Blip *) base;
  const VlfAttention self = { .key_bias = &texts->key_bias };
  VlfTensor x = texts->taps[0];

  for (guint i = 0; i < base->layers; i++)
    x = vlf_post_norm_layer (p, &net->encoder.layers[i], x, &self);
  return vlf_normalize (p, vlf_linear (p, vlf_rows (x, 0, 1), net->itc_text, VLF_NONE, NULL));
}

static VlfTensor
caption_logits (const VlfNet *net, VlfPass *p, const VlfTextBatch *texts, const VlfSight *sight)
{
  VlfTensor context[VLF_MAX_FUSION_LAYERS];
  VlfDecoding d = { .ids = texts->ids, .n = texts->key_bias.cols, .context = context, .key_bias = texts->key_bias };

  attend (net, p, sight, NULL, context);
  return decode (net, p, &d);
}

static void
outputs (const VlfNet *base, VlfPass *p, const VlfTextBatch *texts, const VlfSight *sight, const VlfFusion *fusion,
         void (*emit) (gpointer user, const char *name, VlfTensor tensor, guint rank), gpointer user)
{
  const Blip *net = (const Blip *) base;

  if (net->itm)
    emit (user, "itm_score", fusion->match, 2);
  if (base->similarity) {
    emit (user, "image_embeds", sight->embedding, 2);
    emit (user, "text_embeds", embed_texts (base, p, texts), 2);
  }
  if (net->decoder.layers && !net->encoder.layers)
    emit (user, "logits", caption_logits (base, p, texts, sight), 3);
  if (!net->decoder.layers || !net->encoder.layers)
    emit (user, "last_hidden_state", sight->last, 3);
}

/* ---- loading ---- */

typedef struct {
  guint dim, layers, heads, intermediate, vocab, positions, start, end, pad;
  double eps;
  const char *act;
} TextConfig;

typedef struct {
  guint dim, layers, heads, intermediate, patch, image_size;
  double eps;
  const char *act;
} VisionConfig;

/* Defaults are those of BlipTextConfig and BlipVisionConfig: text heads are 8, though every published file says 12. */
static TextConfig
read_text_config (VlfConfig *c)
{
  return (TextConfig){
    .dim = vlf_config_uint (c, "text_config.hidden_size", 768, 4, 16384),
    .layers = vlf_config_uint (c, "text_config.num_hidden_layers", 12, 1, VLF_MAX_FUSION_LAYERS),
    .heads = vlf_config_uint (c, "text_config.num_attention_heads", 8, 1, 1024),
    .intermediate = vlf_config_uint (c, "text_config.intermediate_size", 3072, 1, 65536),
    .vocab = vlf_config_uint (c, "text_config.vocab_size", 30524, 1, 1000000),
    .positions = vlf_config_uint (c, "text_config.max_position_embeddings", 512, 4, 65536),
    .start = vlf_config_uint (c, "text_config.bos_token_id", 30522, 0, 999999),
    .end = vlf_config_uint (c, "text_config.sep_token_id", 102, 0, 999999),
    .pad = vlf_config_uint (c, "text_config.pad_token_id", 0, 0, 999999),
    .eps = vlf_config_double (c, "text_config.layer_norm_eps", 1e-12, 0, 1),
    .act = vlf_config_string (c, "text_config.hidden_act", "gelu"),
  };
}

static VisionConfig
read_vision_config (VlfConfig *c)
{
  return (VisionConfig){
    .dim = vlf_config_uint (c, "vision_config.hidden_size", 768, 4, 16384),
    .layers = vlf_config_uint (c, "vision_config.num_hidden_layers", 12, 1, 256),
    .heads = vlf_config_uint (c, "vision_config.num_attention_heads", 12, 1, 1024),
    .intermediate = vlf_config_uint (c, "vision_config.intermediate_size", 3072, 1, 65536),
    .patch = vlf_config_uint (c, "vision_config.patch_size", 16, 1, 2048),
    .image_size = vlf_config_uint (c, "vision_config.image_size", 384, 1, 2048),
    .eps = vlf_config_double (c, "vision_config.layer_norm_eps", 1e-5, 0, 1),
    .act = vlf_config_string (c, "vision_config.hidden_act", "gelu"),
  };
}

static void
check_heads (VlfConfig *c, const char *part, guint dim, guint heads)
{
  if (dim % heads || dim / heads % 4 || dim / heads > 256)
    vlf_config_fail (
        c, VLF_ERROR_RANGE,
        "%s.num_attention_heads: expected a divisor of hidden_size %u that leaves heads of a multiple of 4 "
        "up to 256, found %u",
        part, dim, heads);
}

/* Rules between fields, each of which an index or a shape below relies on. */
static gboolean
check_config (VlfConfig *c, const TextConfig *text, const VisionConfig *vision, const Blip *net)
{
  check_heads (c, "text_config", text->dim, text->heads);
  check_heads (c, "vision_config", vision->dim, vision->heads);
  if (vision->patch > vision->image_size)
    vlf_config_fail (c, VLF_ERROR_RANGE, "vision_config.patch_size: expected at most image_size %u, found %u",
                     vision->image_size, vision->patch);
  if (net->base.generates && (text->start >= text->vocab || text->end >= text->vocab || text->pad >= text->vocab))
    vlf_config_fail (c, VLF_ERROR_RANGE,
                     "text_config: expected bos_token_id, sep_token_id and pad_token_id below vocab_size %u, found %u, "
                     "%u and %u",
                     text->vocab, text->start, text->end, text->pad);
  if (net->base.answers && text->dim != vision->dim)
    vlf_config_fail (c, VLF_ERROR_RANGE,
                     "text_config.hidden_size: answers need it to be vision_config.hidden_size %u, found %u",
                     vision->dim, text->dim);
  return vlf_config_check (c, NULL);
}

static VlfPreNormBlock
load_block (VlfLoader *l, guint i, const VisionConfig *c, VlfActivation act)
{
  const char *name = vlf_name (l, "vision_model.encoder.layers.%u", i);
  guint d = c->dim;

  return (VlfPreNormBlock){
    .norm1 = vlf_load_norm (l, d, c->eps, vlf_name (l, "%s.layer_norm1", name)),
    .norm2 = vlf_load_norm (l, d, c->eps, vlf_name (l, "%s.layer_norm2", name)),
    .attention = { .qkv = vlf_load_one (l, 3 * d, d, TRUE, vlf_name (l, "%s.self_attn.qkv", name)),
                   .output = vlf_load_one (l, d, d, TRUE, vlf_name (l, "%s.self_attn.projection", name)),
                   .heads = c->heads },
    .up = vlf_load_one (l, c->intermediate, d, TRUE, vlf_name (l, "%s.mlp.fc1", name)),
    .down = vlf_load_one (l, d, c->intermediate, TRUE, vlf_name (l, "%s.mlp.fc2", name)),
    .act = act,
  };
}

static void
load_vision (Blip *net, VlfLoader *l, const VisionConfig *c)
{
  VlfActivation act = vlf_load_activation (l, c->act, "vision_config.hidden_act");

  net->patch_embedding =
      vlf_load_one (l, c->dim, 3 * c->patch * c->patch, TRUE, "vision_model.embeddings.patch_embedding");
  net->class_embedding = vlf_load_matrix (l, 1, c->dim, "vision_model.embeddings.class_embedding");
  net->image_positions =
      vlf_load_matrix (l, net->base.rows * net->base.cols + 1, c->dim, "vision_model.embeddings.position_embedding");
  net->n_blocks = c->layers;
  net->blocks = vlf_bag_alloc (l->bag, c->layers * sizeof *net->blocks);
  for (guint i = 0; i < c->layers; i++)
    net->blocks[i] = load_block (l, i, c, act);
  net->post_norm = vlf_load_norm (l, c->dim, c->eps, "vision_model.post_layernorm");
}

/* @name: "text_encoder" or "text_decoder.bert"; @words: its table's name. */
static void
load_bert (Bert *bert, VlfLoader *l, const char *name, const char *words, const TextConfig *c, guint image_dim,
           VlfActivation act)
{
  bert->words = vlf_load_table (l, c->vocab, c->dim, words);
  bert->positions =
      vlf_load_table (l, c->positions, c->dim, vlf_name (l, "%s.embeddings.position_embeddings.weight", name));
  bert->norm = vlf_load_norm (l, c->dim, c->eps, vlf_name (l, "%s.embeddings.LayerNorm", name));
  bert->layers = vlf_bag_alloc (l->bag, c->layers * sizeof *bert->layers);
  for (guint i = 0; i < c->layers; i++)
    bert->layers[i] = vlf_load_post_norm_layer (l, vlf_name (l, "%s.encoder.layer.%u", name, i), c->dim, c->heads,
                                                c->intermediate, act, c->eps, TRUE, image_dim);
}

/* The one of two names that the file has: tied tensors are stored once, under either. */
static const char *
either (VlfLoader *l, const char *name, const char *other)
{
  return vlf_loader_has (l, name) ? name : other;
}

#define DECODER "text_decoder.bert.embeddings.word_embeddings.weight"
#define HEAD    "text_decoder.cls.predictions"

static void
load_decoder (Blip *net, VlfLoader *l, const TextConfig *c, guint image_dim, VlfActivation act)
{
  load_bert (&net->decoder, l, "text_decoder.bert", either (l, DECODER, HEAD ".decoder.weight"), c, image_dim, act);
  net->head_act = act;
  net->head_dense = vlf_load_one (l, c->dim, c->dim, TRUE, HEAD ".transform.dense");
  net->head_norm = vlf_load_norm (l, c->dim, c->eps, HEAD ".transform.LayerNorm");
  net->head_words = vlf_load_linear_with_bias (l, c->vocab, c->dim, either (l, HEAD ".decoder.weight", DECODER),
                                               either (l, HEAD ".bias", HEAD ".decoder.bias"));
}

/* What compares pictures with texts, where there is an encoder that reads them. */
static void
load_heads (Blip *net, VlfLoader *l, VlfConfig *config, guint text_dim, guint image_dim)
{
  guint shared = vlf_config_uint (config, "image_text_hidden_size", 256, 1, 65536);

  if (!net->encoder.layers)
    return;
  if (vlf_loader_has (l, "itm_head.weight"))
    net->itm = vlf_load_one (l, 2, text_dim, TRUE, "itm_head");
  if (vlf_loader_has (l, "vision_proj.weight"))
    net->itc_image = vlf_load_one (l, shared, image_dim, TRUE, "vision_proj");
  if (vlf_loader_has (l, "text_proj.weight"))
    net->itc_text = vlf_load_one (l, shared, text_dim, TRUE, "text_proj");
  net->base.judges = net->itm != NULL;
  if (net->itc_image && net->itc_text) {
    net->base.similarity = "itc_score";
    net->base.embedding_size = shared;
  }
}

static VlfNet
make_net (const TextConfig *text, const VisionConfig *vision, gboolean decoder, gboolean encoder)
{
  return (VlfNet){
    .arch = &vlf_blip,
    .image_size = vision->image_size,
    .patch = vision->patch,
    .rows = vision->image_size / vision->patch,
    .cols = vision->image_size / vision->patch,
    .max_tokens = text->positions,
    .vocab = text->vocab,
    .pad_id = text->pad,
    .dim = text->dim,
    .layers = text->layers,
    .heads = text->heads,
    .taps = encoder ? 1 : 0,
    .similarity_scale = 1,
    .generates = decoder,
    .answers = decoder && encoder,
    .start_id = text->start,
    .end_id = text->end,
  };
}

static VlfNet *
load (VlfLoader *l, VlfConfig *config, const char *architecture, gboolean all_heads)
{
  const TextConfig text = read_text_config (config);
  const VisionConfig vision = read_vision_config (config);
  Blip *net = vlf_bag_alloc (l->bag, sizeof *net);
  gboolean decoder = vlf_loader_has (l, "text_decoder.bert.embeddings.position_embeddings.weight");
  gboolean encoder = !decoder || vlf_loader_has (l, "text_encoder.embeddings.position_embeddings.weight");
  VlfActivation act;

  (void) architecture;
  (void) all_heads;
  net->base = make_net (&text, &vision, decoder, encoder);
  if (!check_config (config, &text, &vision, net))
    return NULL;
  act = vlf_load_activation (l, text.act, "text_config.hidden_act");
  load_vision (net, l, &vision);
  if (encoder)
    load_bert (&net->encoder, l, "text_encoder", "text_encoder.embeddings.word_embeddings.weight", &text, vision.dim,
               act);
  if (decoder)
    load_decoder (net, l, &text, vision.dim, act);
  load_heads (net, l, config, text.dim, vision.dim);
  return l->error ? NULL : &net->base;
}

const VlfArch vlf_blip = {
  .model_type = "blip",
  .processor = "BlipImageProcessor",
  .load = load,
  .encode = encode,
  .see = see,
  .embed = embed_texts,
  .hides_embeddings = TRUE,
  .enter = enter,
  .fuse = fuse,
  .attend = attend,
  .decode = decode,
  .outputs = outputs,
};
