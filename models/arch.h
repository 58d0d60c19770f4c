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
  guint layers, heads; /* of the fusion, and of the decoder */
  guint taps;          /* of a text, at most @layers */

  const char *
      similarity; /* NULL, or the output image_embeds text_embeds^T similarity_scale + similarity_bias of a whole batch */
  float similarity_scale, similarity_bias; /* the latter is added */
  gboolean
      two_towers; /* nothing is fused: scores are cosines of image and text, maps those of patches and text, see see() and fuse() */
  gboolean sigmoid; /* two towers: each prompt's match is the sigmoid of its similarity; else their softmax */
  gboolean
      padded; /* every text is filled up with @pad_id to the most tokens that there are, and the network sees them */
  guint embedding_size; /* of the space that see()'s embedding and embed() share; 0: there is none */

  gboolean judges; /* fuse() gives a match */
  gboolean weighs; /* fuse() heeds image_bias: the words of a prompt can have weights */

  gboolean generates;     /* captions, by attend() and decode() */
  gboolean answers;       /* questions, which fuse() has to see first */
  guint start_id, end_id; /* of what is generated */
} VlfNet;

/* A stream in a fusion layer before it meets the other one. In the first layer it depends on its own tower alone and is made once. */
typedef struct {
  VlfTensor state;       /* [b, rows, dim] after self-attention */
  VlfTensor keys_values; /* [b, rows, 2 dim] that the other stream looks at */
} VlfEntry;

/* Texts on the device, padded to one length T: for each fusion layer what it reads of the text tower. */
typedef struct {
  const guint32 *ids;                    /* [n, T] in host memory, what encode() was given; only from encode() */
  VlfTensor taps[VLF_MAX_FUSION_LAYERS]; /* [net taps] of [n, T, dim]; fuse() reads those from 1 on */
  VlfTensor key_bias;                    /* [n, 1, T]: 0, or -inf for padding */
  VlfTensor image_bias; /* [n, 1, T]: the same and what marks ask for, for the image's look at the text */
  VlfTensor last;       /* [n, T, dim] of the tower's last layer; only from encode() */
  VlfEntry entry;       /* only from enter() */
  VlfKeep *keep;        /* of the image as it meets these texts; NULL: nothing is kept */
} VlfTextBatch;

/* Images on the device, seen by the vision tower alone. P = 1 + grid cells, class token first. */
typedef struct {
  VlfTensor taps[VLF_MAX_FUSION_LAYERS]; /* [layers] of [frames, P, what fuse() reads in that layer] */
  VlfTensor last;                        /* [frames, P, d] the tower's output, where something else reads it */
  VlfTensor embedding;                   /* [frames, 1, e], unit length; empty without that head */
  VlfEntry entry;
} VlfSight;

/* Which layers' cross-attention to return, and the maps: probabilities per head. A result reads the maps of all words but of the image's
 * class token only, and of both streams after the last layer the first row: the rest of that layer is left out unless asked for. */
typedef struct {
  gboolean all_rows; /* nothing is left out */
  gboolean rollout;  /* @relevance too; all layers are wanted then, and nothing is kept */
  guint top_k;       /* of cross-attention, as VlfAttention's; 0: off */
  gboolean wanted[VLF_MAX_FUSION_LAYERS];
  VlfTensor text[VLF_MAX_FUSION_LAYERS];  /* [n * heads, T, P]: where each word looked */
  VlfTensor image[VLF_MAX_FUSION_LAYERS]; /* [n * heads, P or fewer, T]: which words the first patches looked at */
  VlfTensor relevance;                    /* [n, T, P] of vlf_rollout() */
} VlfMaps;

/* One image fused with n texts. */
typedef struct {
  VlfTensor text, image; /* [n, T, dim], [n, P, dim]; [n, 1, dim] without all_rows */
  VlfTensor pooled;      /* [n, 1, 2 dim] */
  VlfTensor match;       /* [n, 1, 2] logits, index 1 is "match"; empty without that head */
  VlfTensor embedding;   /* [n, 1, e], unit length; empty without that head */
} VlfFusion;

/* One run of a decoder over @n new tokens. */
typedef struct {
  const guint32 *ids;       /* [n] in host memory */
  guint n;                  /* tokens that follow each other; with @alternatives one next token of n beams */
  guint position;           /* of the first */
  gboolean alternatives;    /* all at one position, each seeing what its key_bias leaves */
  gboolean last_only;       /* logits of the last token are enough */
  const VlfTensor *context; /* [layers] of [1, M, 2 dim]: what attend() made */
  VlfTensor cache;          /* [layers, rows, 2 dim] of earlier tokens' keys beside values; empty: there are none */
  guint first;              /* rows of it that are filled; those of the new tokens are put behind them */
  VlfTensor key_bias;       /* [1 or n, 1, first + n] as VlfAttention's; may be empty */
  gboolean wanted[VLF_MAX_FUSION_LAYERS];
  VlfTensor maps[VLF_MAX_FUSION_LAYERS]; /* receives [heads, n, M] of the wanted layers */
} VlfDecoding;

struct _VlfArch {
  const char *model_type; /* config.json's */
  const char *processor;  /* image_processor_type where the folder does not say */

  /* Reads @config and loads what it names; @architecture is the first of config.json's "architectures" or NULL. Returns the network, or
   * NULL with an error in @loader or @config. With loader->device == NULL everything is checked and nothing read. */
  VlfNet *(*load) (VlfLoader *loader, VlfConfig *config, const char *architecture, gboolean all_heads);

  /* @ids [n, T] and @mask [n, T] (0 or 1) in host memory. */
  VlfTextBatch (*encode) (const VlfNet *net, VlfPass *pass, const guint32 *ids, const guint8 *mask, guint n,
                          guint tokens);
  /* @patches [frames, grid cells, 3 patch^2]. With two towers taps[0] are the patches in the space of the texts, of unit length. With
   * @keep (NULL: nothing) only the fresh rows are computed and returned. */
  VlfSight (*see) (const VlfNet *net, VlfPass *pass, VlfTensor patches, VlfKeep *keep);
  /* Whether texts can be encoded elsewhere: all that fuse() reads of them is their taps. */
  gboolean travels;
  /* Whether the maps of fuse() are outputs of vlf_session_run_tensors(). */
  gboolean emits_maps;
  /* Whether the embeddings behind net->similarity are none of those outputs. */
  gboolean hides_embeddings;

  /* Makes the entry of @texts from their first taps and key_bias: once per prompt, not per frame. NULL: there is none. */
  void (*enter) (const VlfNet *net, VlfPass *pass, VlfTextBatch *texts);
  /* The texts alone, as encode() made them, in the space of sight->embedding: [n, 1, embedding_size], unit length. */
  VlfTensor (*embed) (const VlfNet *net, VlfPass *pass, const VlfTextBatch *texts);
  /* @sight: of one frame, all rows. @texts with their entry. With two towers: @pooled are the texts, of unit length. */
  VlfFusion (*fuse) (const VlfNet *net, VlfPass *pass, const VlfSight *sight, const VlfTextBatch *texts, VlfMaps *maps);

  /* Where the network generates: what a decoder looks at, @keys_values [layers] of [1, M, 2 dim], for one frame; @question: what fuse()
   * made of it with all_rows, NULL where it does not answer. Once per frame and question. */
  void (*attend) (const VlfNet *net, VlfPass *pass, const VlfSight *sight, const VlfFusion *question,
                  VlfTensor *keys_values);
  /* Logits [1, n, vocab] of the token after each, or [1, 1, vocab]. */
  VlfTensor (*decode) (const VlfNet *net, VlfPass *pass, VlfDecoding *decoding);

  /* The class's further outputs, each given to @emit with its name and shape: what only `vlf-run --tensors` reads. */
  void (*outputs) (const VlfNet *net, VlfPass *pass, const VlfTextBatch *texts, const VlfSight *sight,
                   const VlfFusion *fusion,
                   void (*emit) (gpointer user, const char *name, VlfTensor tensor, guint rank), gpointer user);
};

extern const VlfArch vlf_bridgetower, vlf_blip, vlf_clip, vlf_siglip;

/* The architecture of a config.json's model_type, or NULL. */
const VlfArch *vlf_arch_find (const char *model_type);
/* Two towers with a sigmoid: the match, 0..1, of a text whose cosine with the picture is @score. NaN stays one. */
double vlf_net_match (const VlfNet *net, double score);
/* For messages: those that there are. Static. */
const char *vlf_arch_types (void);

/* Frame @i of several. */
VlfSight vlf_sight_nth (const VlfNet *net, const VlfSight *sight, guint i);

G_END_DECLS
