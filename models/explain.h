/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: from attention probabilities to what a result says about words (design: "What a result says"). */
#pragma once
#include "models/model.h"

G_BEGIN_DECLS

/* Cross-attention of a group of prompts on one frame, in host memory. cells = net rows * cols, P = 1 + cells. */
typedef struct {
  const VlfNet *net;
  guint n_layers;        /* chosen */
  float **text;          /* [n_layers] of [prompts * heads, tokens, P] */
  float **image;         /* [n_layers] of [prompts * heads, 1, tokens]: the class token's row */
  guint tokens;          /* padded length T */
  const gboolean *heads; /* [net->heads] chosen */
  guint n_heads;         /* how many of them are */
} VlfAttentionMaps;

/* Fills @prompt's words (text, weight, map), phrase map and peak. @which: the prompt's place in the group. @result gives region, rows, cols. */
void vlf_explain_prompt (const VlfAttentionMaps *maps, guint which, const VlfText *text, const VlfResult *result,
                         VlfPromptResult *prompt);

/* Only the words' texts; weights NaN, no maps. */
void vlf_explain_words (const VlfText *text, VlfPromptResult *prompt);

G_END_DECLS
