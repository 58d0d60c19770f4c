/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/error.h"

G_BEGIN_DECLS

/* Text to token ids, exactly as the Hugging Face tokenizer of the same directory (transformers 5): byte-level BPE as
 * RoBERTa's (BridgeTower) and CLIP's, WordPiece as BERT's (BLIP), SentencePiece as SigLIP's, or what tokenizer.json says
 * where that consists of such parts. Which characters are letters, marks or punctuation is GLib's version of Unicode; other versions know a
 * few rare ones less or more. Immutable and thread-safe. */
typedef struct _VlfTokenizer VlfTokenizer;

typedef struct {
  guint id;
  guint begin,
      end; /* bytes [begin, end) of the text that it came from, without surrounding space; begin == end: none */
  gboolean special; /* added by the tokenizer (<s>, </s>), not by the text */
} VlfToken;

typedef struct {
  VlfToken *tokens; /* [n] */
  guint n;
  gboolean truncated;
} VlfTokens;

void vlf_tokens_clear (VlfTokens *tokens); /* frees what is inside; zeroed is fine */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VlfTokens, vlf_tokens_clear)

/* From the tokenizer files of @dir: tokenizer.json, else vocab.json and merges.txt or vocab.txt; SigLIP's from spiece.model, else from a
 * tokenizer.json that was made of one; with added_tokens.json, special_tokens_map.json and tokenizer_config.json where they exist.
 * @model_type: config.json's ("bridgetower"), which decides unless tokenizer_config.json names a class; an unknown one is
 * VLF_ERROR_UNSUPPORTED. */
VlfTokenizer *vlf_tokenizer_new (const char *dir, const char *model_type, GError **error);
void vlf_tokenizer_free (VlfTokenizer *tokenizer); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfTokenizer, vlf_tokenizer_free)

/* @text: @length bytes (-1: up to NUL) of UTF-8, else VLF_ERROR_FORMAT; at most 16 MiB. Special tokens are included.
 * @max_length: most tokens including those, 0 for no limit; what is cut is the end of the text, the special tokens
 * stay, even where they alone are more. */
gboolean vlf_tokenizer_encode (const VlfTokenizer *tokenizer, const char *text, gssize length, guint max_length,
                               VlfTokens *tokens, GError **error);

guint vlf_tokenizer_size (const VlfTokenizer *tokenizer);             /* 1 + the highest id */
guint vlf_tokenizer_model_max_length (const VlfTokenizer *tokenizer); /* of tokenizer_config.json; G_MAXUINT if none */
guint vlf_tokenizer_n_special (const VlfTokenizer *tokenizer);        /* tokens that it adds to every text */

/* Ids of the special tokens, -1 if the tokenizer has none such. */
typedef enum { VLF_TOKEN_BOS, VLF_TOKEN_EOS, VLF_TOKEN_PAD, VLF_TOKEN_MASK, VLF_TOKEN_UNK } VlfTokenRole;
gint vlf_tokenizer_id (const VlfTokenizer *tokenizer, VlfTokenRole role);
/* The id of a token by its content ("<mask>"), -1 if there is none. */
gint vlf_tokenizer_lookup (const VlfTokenizer *tokenizer, const char *content);
/* The content of a token as its vocabulary writes it, NULL for ids without one. */
const char *vlf_tokenizer_content (const VlfTokenizer *tokenizer, guint id);
/* Appends a token as it reads behind the tokens that @to was made of: with the space before or after it that its kind of
 * vocabulary means. Of byte-level ones the bytes, so that only whole texts are sure to be UTF-8. Ids without content: nothing. */
void vlf_tokenizer_append (const VlfTokenizer *tokenizer, guint id, GString *to);
/* Where the tokenizer's files ask for it, takes those spaces out of a whole text so made that English has not before its marks and
 * contractions. @ends [n], rising places in the text, move along with it. Source: transformers, clean_up_tokenization(). */
void vlf_tokenizer_clean_up (const VlfTokenizer *tokenizer, GString *text, gsize *ends, guint n);

G_END_DECLS
