/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/tokenizer_private.h"

G_BEGIN_DECLS

/* From the files of a directory to a tokenizer. Source: transformers 5 (tokenization_utils_base.py,
 * tokenization_utils_tokenizers.py and the tokenizers' own classes): which file counts when several say something,
 * and which defaults a class has. */

typedef enum {
  VLF_CLASS_ROBERTA,
  VLF_CLASS_CLIP,
  VLF_CLASS_BERT,
  VLF_CLASS_SIGLIP,
  VLF_CLASS_GENERIC, /* does what tokenizer.json says; the others only take vocabulary and added tokens from it */
} VlfTokenizerClass;

/* NULL where there is no such file. */
typedef struct {
  VlfJson *config;  /* tokenizer_config.json */
  VlfJson *special; /* special_tokens_map.json */
  VlfJson *added;   /* added_tokens.json */
  VlfJson *whole;   /* tokenizer.json */
  VlfJson *vocab;   /* vocab.json, only without tokenizer.json */
  gchar *merges;    /* merges.txt, likewise */
  gchar *words;     /* vocab.txt, likewise and without vocab.json */
  gsize merges_length, words_length;
  gchar *pieces; /* spiece.model, only of VLF_CLASS_SIGLIP */
  gsize pieces_length;
} VlfTokenizerFiles;

typedef enum { VLF_MODEL_BPE, VLF_MODEL_WORDPIECE, VLF_MODEL_UNIGRAM, VLF_MODEL_PIECES } VlfModelKind;

/* Of the model: strings belong to the files. */
typedef struct {
  VlfModelKind kind;
  VlfBpeOptions bpe;  /* @unknown counts for WordPiece too */
  const char *prefix; /* of WordPiece, NULL: "##" */
  guint max_chars;
} VlfModelSettings;

/* The keys that name a special token each, in the order in which they get their ids. */
typedef enum {
  VLF_NAMED_BOS,
  VLF_NAMED_EOS,
  VLF_NAMED_UNK,
  VLF_NAMED_SEP,
  VLF_NAMED_PAD,
  VLF_NAMED_CLS,
  VLF_NAMED_MASK,
  VLF_N_NAMED
} VlfNamed;

/* The content of a named token: the files', else @class's default; NULL if it has none. tokenizer_specials.c */
const char *vlf_tokenizer_named (const VlfTokenizerFiles *files, VlfTokenizerClass class_, VlfNamed named);
/* Adds every added and special token that the files or @class_ name to tokenizer->added. */
gboolean vlf_tokenizer_add_specials (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, VlfTokenizerClass class_,
                                     GError **error);

/* What tokenizer.json says about normaliser, words, model and special tokens around a text; VLF_ERROR_UNSUPPORTED
 * names what is not computed here. tokenizer_pipeline.c */
gboolean vlf_pipeline_parse (VlfTokenizer *tokenizer, const VlfJson *whole, VlfModelSettings *settings, GError **error);
/* After the added tokens are known. */
gboolean vlf_pipeline_parse_specials (VlfTokenizer *tokenizer, const VlfJson *whole, GError **error);

G_END_DECLS
