/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: from attention probabilities to what a result says about words (design: "What a result says"). */
#pragma once
#include "models/model.h"

G_BEGIN_DECLS

/* Cross-attention of a group of prompts on one frame, in host memory. cells = net rows * cols, P = 1 + cells. */
typedef struct {
  const VlfNet *net;
  guint n_layers;         /* chosen */
  float **text;           /* [n_layers] of [prompts * heads, tokens, P] */
  float **image;          /* [n_layers] of [prompts * heads, 1, tokens]: the class token's row */
  const float *relevance; /* [prompts, tokens, P] to be shown instead of @text; NULL: none */
  guint tokens;           /* padded length T */
  const gboolean *heads;  /* [net->heads] chosen */
  guint n_heads;          /* how many of them are */
} VlfAttentionMaps;

/* Fills @prompt's words (text, weight, map), phrase map and peak. @which: the prompt's place in the group. @result gives region, rows, cols. */
void vlf_explain_prompt (const VlfAttentionMaps *maps, guint which, const VlfText *text, const VlfResult *result,
                         VlfPromptResult *prompt);

/* Where there are no words' maps: the phrase map is how near each patch lies to the text, its cosine or 0 where that is negative; and the
 * peak. @patches [1 + cells, prompt's embedding size], unit length, class token first. Words have neither map nor weight. */
void vlf_explain_patches (const float *patches, const VlfText *text, const VlfResult *result, VlfPromptResult *prompt);
/* x y of two unit vectors [n]. */
double vlf_explain_cosine (const float *x, const float *y, guint n);

/* Only the words' texts; weights NaN, no maps. */
void vlf_explain_words (const VlfText *text, VlfPromptResult *prompt);

G_END_DECLS
