/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/session.h"
#include "tools/cli.h"

G_BEGIN_DECLS

/* What the modes of vlf-run are asked; strings belong to the caller. */
typedef struct {
  gchar *model; /* name or directory, NULL: the default */
  gchar *device, *precision;
  gchar *image;
  gchar **prompts; /* NULL-terminated, NULL: none */
  gchar *embed;    /* where the encoded prompts are written, NULL: nowhere */
  gchar **templates, **negatives;
  gchar *unknown_threshold; /* a number; NULL: none */
  gchar *bank, *texts;      /* files: of embeddings; of texts, a line each */
  gint bank_results, rerank;
  gint top_k;       /* of cross-attention; 0: off */
  gchar *relevance; /* "attention" or "rollout"; NULL: the first */
  gchar *tensors, *save;
  gboolean tokenize;
  gboolean caption;
  gchar *question, *prefix;           /* NULL: none */
  gint beams, min_length, max_length; /* 0: the library's default */
} RunOptions;

/* The model that @options name, found and loaded. */
VlfModel *run_open_model (const RunOptions *options, gboolean all_heads, GError **error);

/* Each mode prints or saves its whole answer or nothing. */
gboolean run_image (const RunOptions *options, GError **error);
gboolean run_caption (const RunOptions *options, GError **error); /* or the answer to a question */
gboolean run_embed (const RunOptions *options, GError **error);
gboolean run_tensors (const RunOptions *options, GError **error);
gboolean run_texts (const RunOptions *options, GError **error); /* embeds them for a bank */
gboolean run_tokenize (const RunOptions *options, GError **error);

G_END_DECLS
