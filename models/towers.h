/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: what the two towers of CLIP and SigLIP have in common, in config.json and in the tensors' names. Source:
 * transformers, CLIPEncoder and SiglipEncoder. */
#pragma once
#include "models/arch.h"

G_BEGIN_DECLS

/* What a class of config.json assumes of a tower where nothing is said. */
typedef struct {
  guint dim, heads, intermediate;
  double eps;
  const char *act;
} VlfTowerDefaults;

/* One tower: its settings, and its blocks once they are loaded. */
typedef struct {
  const char *field, *name; /* of config.json ("vision_config"); of tensors ("vision_model") */
  guint dim, layers, heads, intermediate;
  double eps;
  const char *act;
  VlfPreNormBlock *blocks; /* [layers] */
} VlfTower;

/* The settings, out of range an error of @config. @text: the text tower, else that of the pictures. @field: the object of
 * @config that has them, a literal. */
VlfTower vlf_tower_read (VlfConfig *config, gboolean text, const char *field, const VlfTowerDefaults *defaults);
/* Number @key of the tower's config. */
guint vlf_tower_uint (VlfConfig *config, const VlfTower *tower, const char *key, guint absent, guint max);
void vlf_tower_load (VlfTower *tower, VlfLoader *loader);

/* All blocks on @x [b, n, dim]. @before: NULL, or receives what the last one read. @keep: as in vlf_self_attention(). */
VlfTensor vlf_tower_run (VlfPass *pass, const VlfTower *tower, VlfTensor x, const VlfAttention *options,
                         VlfTensor *before, VlfKeep *keep);

/* Token embeddings plus those of their positions: [n, tokens, dim] of @ids [n, tokens] in host memory. */
VlfTensor vlf_embed_text (VlfPass *pass, const VlfTable *words, const VlfTable *positions, const guint32 *ids, guint n,
                          guint tokens);

/* What fuse() and embed() say where nothing is fused: the text's own embedding, row 0 of its tap, and outputs(): both embeddings. */
VlfFusion
vlf_towers_fuse (const VlfNet *net, VlfPass *pass, const VlfSight *sight, const VlfTextBatch *texts, VlfMaps *maps);
VlfTensor vlf_towers_embed (const VlfNet *net, VlfPass *pass, const VlfTextBatch *texts);
void vlf_towers_outputs (const VlfNet *net, VlfPass *pass, const VlfTextBatch *texts, const VlfSight *sight,
                         const VlfFusion *fusion,
                         void (*emit) (gpointer user, const char *name, VlfTensor tensor, guint rank), gpointer user);

G_END_DECLS
