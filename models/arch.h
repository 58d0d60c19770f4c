/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: what an architecture (bridgetower.c, ...) is to a session. */
#pragma once
#include "models/config.h"
#include "models/layers.h"

G_BEGIN_DECLS

#define VLF_MAX_FUSION_LAYERS 64

typedef struct _VlfArch VlfArch;

/* The loaded network; each architecture's own struct begins with it. Immutable. */
typedef struct {
  const VlfArch *arch;
  guint image_size, patch; /* pixels; input is square */
  guint rows, cols;        /* patch grid = floor (image_size / patch) */
  guint max_tokens;        /* of a prompt, special tokens included */
  guint vocab, pad_id;
  guint dim;           /* of a text's taps */
  guint layers, heads; /* of the fusion */
} VlfNet;

/* A stream in a fusion layer before it meets the other one. In the first layer it depends on its own tower alone and is made once. */
typedef struct {
  VlfTensor state;       /* [b, rows, dim] after self-attention */
  VlfTensor keys_values; /* [b, rows, 2 dim] that the other stream looks at */
} VlfEntry;

/* Texts on the device, padded to one length T: for each fusion layer what it reads of the text tower. */
typedef struct {
  VlfTensor taps[VLF_MAX_FUSION_LAYERS]; /* [layers] of [n, T, dim]; fuse() reads those from 1 on */
  VlfTensor key_bias;                    /* [n, 1, T]: 0, or -inf for padding */
  VlfTensor image_bias; /* [n, 1, T]: the same and what marks ask for, for the image's look at the text */
  VlfTensor last;       /* [n, T, dim] of the tower's last layer; only from encode() */
  VlfEntry entry;       /* only from enter() */
} VlfTextBatch;

/* Images on the device, seen by the vision tower alone. P = 1 + grid cells, class token first. */
typedef struct {
  VlfTensor taps[VLF_MAX_FUSION_LAYERS]; /* [layers] of [frames, P, dim] */
  VlfTensor embedding;                   /* [frames, 1, e], unit length; empty without that head */
  VlfEntry entry;
} VlfSight;

/* Which layers' cross-attention to return, and the maps: probabilities per head. A result reads the maps of all words but of the image's
 * class token only, and of both streams after the last layer the first row: the rest of that layer is left out unless asked for. */
typedef struct {
  gboolean all_rows; /* nothing is left out */
  gboolean wanted[VLF_MAX_FUSION_LAYERS];
  VlfTensor text[VLF_MAX_FUSION_LAYERS];  /* [n * heads, T, P]: where each word looked */
  VlfTensor image[VLF_MAX_FUSION_LAYERS]; /* [n * heads, P or fewer, T]: which words the first patches looked at */
} VlfMaps;

/* One image fused with n texts. */
typedef struct {
  VlfTensor text, image; /* [n, T, dim], [n, P, dim]; [n, 1, dim] without all_rows */
  VlfTensor pooled;      /* [n, 1, 2 dim] */
  VlfTensor match;       /* [n, 1, 2] logits, index 1 is "match"; empty without that head */
  VlfTensor embedding;   /* [n, 1, e], unit length; empty without that head */
} VlfFusion;

struct _VlfArch {
  const char *model_type; /* config.json's */
  const char *processor;  /* image_processor_type where preprocessor_config.json does not say */

  /* Reads @config and loads what it names; @architecture is the first of config.json's "architectures" or NULL. Returns the network, or
   * NULL with an error in @loader or @config. With loader->device == NULL everything is checked and nothing read. */
  VlfNet *(*load) (VlfLoader *loader, VlfConfig *config, const char *architecture, gboolean all_heads);

  /* @ids [n, T] and @mask [n, T] (0 or 1) in host memory. */
  VlfTextBatch (*encode) (const VlfNet *net, VlfPass *pass, const guint32 *ids, const guint8 *mask, guint n,
                          guint tokens);
  /* @patches [frames, grid cells, 3 patch^2]. */
  VlfSight (*see) (const VlfNet *net, VlfPass *pass, VlfTensor patches);
  /* Makes the entry of @texts from their first taps and key_bias: once per prompt, not per frame. */
  void (*enter) (const VlfNet *net, VlfPass *pass, VlfTextBatch *texts);
  /* @sight: of one frame. @texts with their entry. */
  VlfFusion (*fuse) (const VlfNet *net, VlfPass *pass, const VlfSight *sight, const VlfTextBatch *texts, VlfMaps *maps);

  /* The class's further outputs, each given to @emit with its name and shape: what only `vlf-run --tensors` reads. */
  void (*outputs) (const VlfNet *net, VlfPass *pass, const VlfTextBatch *texts, const VlfSight *sight,
                   const VlfFusion *fusion,
                   void (*emit) (gpointer user, const char *name, VlfTensor tensor, guint rank), gpointer user);
};

extern const VlfArch vlf_bridgetower;

/* The architecture of a config.json's model_type, or NULL. */
const VlfArch *vlf_arch_find (const char *model_type);

/* Frame @i of several. */
VlfSight vlf_sight_nth (const VlfNet *net, const VlfSight *sight, guint i);

G_END_DECLS
