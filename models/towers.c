/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/towers.h"

/* ---- loading ---- */

guint
vlf_tower_uint (VlfConfig *c, const VlfTower *tower, const char *key, guint absent, guint max)
{
  g_autofree gchar *path = g_strdup_printf ("%s.%s", tower->field, key);

  return vlf_config_uint (c, path, absent, 1, max);
}

VlfTower
vlf_tower_read (VlfConfig *c, gboolean text, const char *field, const VlfTowerDefaults *defaults)
{
  VlfTower tower = { .field = field, .name = text ? "text_model" : "vision_model" };
  g_autofree gchar *eps = g_strdup_printf ("%s.layer_norm_eps", field);
  g_autofree gchar *act = g_strdup_printf ("%s.hidden_act", field);

  tower.dim = vlf_tower_uint (c, &tower, "hidden_size", defaults->dim, 16384);
  tower.layers = vlf_tower_uint (c, &tower, "num_hidden_layers", 12, 256);
  tower.heads = vlf_tower_uint (c, &tower, "num_attention_heads", defaults->heads, 1024);
  tower.intermediate = vlf_tower_uint (c, &tower, "intermediate_size", defaults->intermediate, 65536);
  tower.eps = vlf_config_double (c, eps, defaults->eps, 0, 1);
  tower.act = vlf_config_string (c, act, defaults->act);
  if (tower.dim % tower.heads || tower.dim / tower.heads % 4 || tower.dim / tower.heads > 256)
    vlf_config_fail (c, VLF_ERROR_RANGE,
                     "%s.num_attention_heads: expected a divisor of hidden_size %u that leaves heads of a multiple of "
                     "4 up to 256, found %u",
                     tower.field, tower.dim, tower.heads);
  return tower;
}

void
vlf_tower_load (VlfTower *t, VlfLoader *l)
{
  VlfActivation act = vlf_load_activation (l, t->act, vlf_name (l, "%s.hidden_act", t->field));
  guint d = t->dim;

  t->blocks = vlf_bag_alloc (l->bag, t->layers * sizeof *t->blocks);
  for (guint i = 0; i < t->layers; i++) {
    const char *name = vlf_name (l, "%s.encoder.layers.%u", t->name, i);
    const char *const parts[] = { vlf_name (l, "%s.self_attn.q_proj", name), vlf_name (l, "%s.self_attn.k_proj", name),
                                  vlf_name (l, "%s.self_attn.v_proj", name), NULL };

    t->blocks[i] = (VlfPreNormBlock){
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
}

/* ---- forward ---- */

VlfTensor
vlf_tower_run (VlfPass *p, const VlfTower *tower, VlfTensor x, const VlfAttention *options, VlfTensor *before,
               VlfKeep *keep)
{
  for (guint i = 0; i < tower->layers; i++) {
    if (before)
      *before = x;
    x = vlf_pre_norm_block (p, &tower->blocks[i], x, options, keep);
  }
  return x;
}

VlfTensor
vlf_embed_text (VlfPass *p, const VlfTable *words, const VlfTable *positions, const guint32 *ids, guint n, guint tokens)
{
  g_autofree guint32 *places = g_new (guint32, MAX ((gsize) n * tokens, 1));

  for (gsize i = 0; i < (gsize) n * tokens; i++)
    places[i] = (guint32) (i % tokens);
  return vlf_add (p, vlf_embed (p, words, ids, n, tokens), vlf_embed (p, positions, places, n, tokens));
}

/* ---- what two towers say ---- */

VlfFusion
vlf_towers_fuse (const VlfNet *net, VlfPass *p, const VlfSight *sight, const VlfTextBatch *texts, VlfMaps *maps)
{
  (void) sight;
  (void) maps;
  return (VlfFusion){ .text = texts->taps[0], .pooled = vlf_towers_embed (net, p, texts) };
}

VlfTensor
vlf_towers_embed (const VlfNet *net, VlfPass *p, const VlfTextBatch *texts)
{
  (void) net;
  (void) p;
  return vlf_rows (texts->taps[0], 0, 1);
}

void
vlf_towers_outputs (const VlfNet *net, VlfPass *p, const VlfTextBatch *texts, const VlfSight *sight,
                    const VlfFusion *fusion,
                    void (*emit) (gpointer user, const char *name, VlfTensor tensor, guint rank), gpointer user)
{
  (void) net;
  (void) p;
  (void) texts;
  emit (user, "image_embeds", sight->embedding, 2);
  emit (user, "text_embeds", fusion->pooled, 2);
}
