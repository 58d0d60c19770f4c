/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/error.h"

G_BEGIN_DECLS

/* Text embeddings outside of the model that made them: read from and written to files. Nothing here knows models or devices; whether an
 * embedding fits a model is asked of models/session.h. */

/* A word of a text, see models/markup.h for the two numbers. */
typedef struct {
  const char *text; /* UTF-8 */
  float weight;     /* how much the picture listens to it, 0 to 10; 1: as ever */
  gboolean phrase;  /* the phrase map is made of the words that say so, of all where none does */
} VlfEmbeddedWord;

/* One text's embedding. Owns nothing: what it points to belongs to who made it. */
typedef struct {
  const char *text;             /* UTF-8, not empty, one line */
  guint tokens;                 /* 1 if the text as a whole has one vector */
  const float *values;          /* [layers, tokens, dim], finite */
  guint n_words;                /* 0: nobody said; they follow from the text then */
  const VlfEmbeddedWord *words; /* [n_words] */
  const gint *word_of;          /* [tokens] index in @words, -1: of none, like special tokens; NULL: nobody said */
  gboolean negative;            /* it draws frames away from the other texts and is not an answer itself */
  gboolean ensemble;            /* made of several phrasings of @text */
  gboolean truncated;           /* only the text's beginning was read, as much as the model can */
} VlfEmbedding;

/* What a file holds. Immutable, reference-counted, thread-safe. */
typedef struct {
  guint n;             /* texts, at least 1 */
  guint layers, dim;   /* of all of them */
  VlfEmbedding *texts; /* [n] */
  gboolean pooled;     /* one vector a text: layers and all tokens are 1, and @values is [n, dim] */
  float *values;       /* of all texts, in their order */

  char *model;      /* fingerprint of the model that made them; NULL: the file's format has none */
  char *model_name; /* what another program's file calls its model; NULL: nothing */
  /* NaN where the file says nothing: */
  double logit_scale;       /* cosines times this are logits, > 0 */
  double threshold;         /* least probability of a match, 0 to 1 */
  double unknown_threshold; /* least cosine of the best text, below which the answer is "unknown" */

  /*< private >*/
  gint refs;
  GStringChunk *strings;
  GPtrArray *blocks; /* words and word_of */
} VlfEmbeddings;

#define VLF_EMBEDDINGS_MAX_TEXTS  1000000u
#define VLF_EMBEDDINGS_MAX_LAYERS 256u
#define VLF_EMBEDDINGS_MAX_TOKENS 65536u
#define VLF_EMBEDDINGS_MAX_DIM    65536u
#define VLF_EMBEDDINGS_MAX_BYTES  ((gsize) 256 << 20) /* of a JSON file */

/* Reads @path, whichever of these it is:
 * - safetensors with tensor `text_embeddings`, F32, F16 or BF16, and metadata `text`: the texts, one a line. The tensor is [n, dim] with
 *   one vector a text, or [layers, tokens, dim] of one text, or [n, layers, tokens, dim]; then an I64 tensor `attention_mask` [n, tokens]
 *   says with 1 which tokens are there, those in front, and without it all are. Metadata `model` is the fingerprint and must be there;
 *   `words`, optional, is JSON: for each text an array of its words {"text": "red", "tokens": [2], "weight": 1, "phrase": true}, the last
 *   two optional.
 * - DL Streamer's zero-shot safetensors: `embeddings` (or `label_embeddings`, or `text_embeddings` without `text`) [n, dim]; metadata
 *   `labels` (separated by commas; without them texts are called "0", "1", ...), `logit_scale`, `unknown_threshold` (negative: none),
 *   `model` (a name). Source: dlstreamer, gvaclassify_clip_zeroshot_design.md and clip_text_embeddings.py.
 * - Hailo's CLIP JSON: `entries` of {`text`, `embedding`, `negative`, `ensemble`}, those without text left out; `threshold`. Source:
 *   hailo-CLIP, text_image_matcher.py.
 * Vectors of the last two are brought to unit length, as both programs and CLIP have them. NULL with VLF_ERROR_NOT_FOUND or VLF_ERROR_IO;
 * VLF_ERROR_FORMAT or VLF_ERROR_RANGE naming file, field or text, expected and found. */
VlfEmbeddings *vlf_embeddings_load (const char *path, GError **error);
/* Copies of @texts [@n], all of @layers and @dim, as if they had been read from a file; @model: the fingerprint, NULL: not known. NULL
 * with an error as above. */
VlfEmbeddings *
vlf_embeddings_copy (const char *model, const VlfEmbedding *texts, guint n, guint layers, guint dim, GError **error);
VlfEmbeddings *vlf_embeddings_ref (VlfEmbeddings *embeddings);
void vlf_embeddings_unref (VlfEmbeddings *embeddings); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfEmbeddings, vlf_embeddings_unref)

/* Writes the first of the formats above, the old file or the whole new one at every moment. @model: the fingerprint; @texts [@n], all of
 * @layers and @dim, none with a line break. With one vector for each of the texts DL Streamer reads the file too. */
gboolean vlf_embeddings_save (const char *path, const char *model, const VlfEmbedding *texts, guint n, guint layers,
                              guint dim, GError **error);

G_END_DECLS
