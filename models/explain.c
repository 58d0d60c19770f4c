/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/explain.h"
#include <math.h>

void
vlf_explain_words (const VlfText *text, VlfPromptResult *prompt)
{
  prompt->n_words = text->n_words;
  prompt->words = g_new0 (VlfWordResult, MAX (text->n_words, 1));
  for (guint w = 0; w < text->n_words; w++) {
    prompt->words[w].text = g_strdup (text->words[w].text);
    prompt->words[w].weight = NAN;
  }
}

/* Mean over layers and heads of what token @t looked at, or what has come into it, added to @to [cells] with weight @share. The class token
 * (column 0) is dropped and the rest not renormalised: a word that looks nowhere has a dark map. */
static void
add_token_map (const VlfAttentionMaps *maps, guint which, guint t, float share, float *to)
{
  gsize cells = (gsize) maps->net->rows * maps->net->cols, row = cells + 1;
  float scale = share / (float) (maps->n_layers * maps->n_heads);

  for (gsize i = 0; i < cells && maps->relevance; i++)
    to[i] += share * maps->relevance[((gsize) which * maps->tokens + t) * row + 1 + i];
  if (maps->relevance)
    return;
  for (guint layer = 0; layer < maps->n_layers; layer++)
    for (guint h = 0; h < maps->net->heads; h++) {
      const float *from = maps->text[layer] + ((gsize) (which * maps->net->heads + h) * maps->tokens + t) * row + 1;

      if (maps->heads[h])
        for (gsize i = 0; i < cells; i++)
          to[i] += scale * from[i];
    }
}

/* Mean over layers and heads of the image class token's attention on token @t. */
static float
token_weight (const VlfAttentionMaps *maps, guint which, guint t)
{
  float sum = 0;

  for (guint layer = 0; layer < maps->n_layers; layer++)
    for (guint h = 0; h < maps->net->heads; h++)
      if (maps->heads[h])
        sum += maps->image[layer][(gsize) (which * maps->net->heads + h) * maps->tokens + t];
  return sum / (float) (maps->n_layers * maps->n_heads);
}

/* Words that no token is of were not read: their weight is 0, and they have no map, however many there are. */
static void
explain_words (const VlfAttentionMaps *maps, guint which, const VlfText *text, VlfPromptResult *prompt)
{
  gsize cells = (gsize) maps->net->rows * maps->net->cols;
  g_autofree guint *tokens = g_new0 (guint, MAX (text->n_words, 1));
  float total = 0;

  for (guint t = 0; t < text->n_tokens; t++)
    if (text->word_of[t] >= 0)
      tokens[text->word_of[t]]++;
  for (guint w = 0; w < text->n_words; w++) {
    prompt->words[w].map = tokens[w] > 0 ? g_new0 (float, cells) : NULL;
    prompt->words[w].weight = 0;
  }
  for (guint t = 0; t < text->n_tokens; t++) {
    gint w = text->word_of[t];
    float weight;

    if (w < 0)
      continue;
    add_token_map (maps, which, t, 1.0f / (float) tokens[w], prompt->words[w].map);
    weight = token_weight (maps, which, t);
    prompt->words[w].weight += weight;
    total += weight;
  }
  for (guint w = 0; w < text->n_words; w++)
    prompt->words[w].weight = total > 0 ? prompt->words[w].weight / total : NAN;
}

/* The phrase looks where its words look that carry meaning; where none does (or all were cut off), where all do. */
static void
explain_phrase (const VlfText *text, gsize cells, VlfPromptResult *prompt)
{
  guint n = 0;
  gboolean all;

  for (guint w = 0; w < text->n_words; w++)
    n += text->words[w].phrase && prompt->words[w].map;
  all = n == 0;
  for (guint w = 0; w < text->n_words && all; w++)
    n += prompt->words[w].map != NULL;
  prompt->map = g_new0 (float, cells);
  for (guint w = 0; w < text->n_words; w++)
    if (all || text->words[w].phrase)
      for (gsize i = 0; i < cells && prompt->words[w].map; i++)
        prompt->map[i] += prompt->words[w].map[i] / (float) n;
}

/* Whether the @i-th of @n cells from @begin on, @size together, shows something of a frame's @side: padding shows nothing. */
static gboolean
is_shown (double begin, double size, guint n, guint i, guint side)
{
  const double cell = size / n, rounding = 1e-6 * cell;

  return begin + (i + 1) * cell > rounding && begin + i * cell < side - rounding;
}

/* There is none where no cell of the frame has any attention. */
static void
find_peak (const VlfResult *result, VlfPromptResult *prompt)
{
  const double *region = result->region;
  float most = 0;

  for (guint y = 0; y < result->rows; y++)
    for (guint x = 0; x < result->cols; x++) {
      const float value = prompt->map[(gsize) y * result->cols + x];

      if (!(value > most) || !is_shown (region[0], region[2], result->cols, x, result->frame_width) ||
          !is_shown (region[1], region[3], result->rows, y, result->frame_height))
        continue;
      most = value;
      prompt->peak_x = CLAMP (region[0] + (x + 0.5) * region[2] / result->cols, 0, result->frame_width);
      prompt->peak_y = CLAMP (region[1] + (y + 0.5) * region[3] / result->rows, 0, result->frame_height);
    }
}

void
vlf_explain_prompt (const VlfAttentionMaps *maps, guint which, const VlfText *text, const VlfResult *result,
                    VlfPromptResult *prompt)
{
  vlf_explain_words (text, prompt);
  if (text->n_words == 0)
    return;
  explain_words (maps, which, text, prompt);
  explain_phrase (text, (gsize) result->rows * result->cols, prompt);
  find_peak (result, prompt);
}

double
vlf_explain_cosine (const float *x, const float *y, guint n)
{
  double sum = 0;

  for (guint i = 0; i < n; i++)
    sum += (double) x[i] * y[i];
  return sum;
}

void
vlf_explain_patches (const float *patches, const VlfText *text, const VlfResult *result, VlfPromptResult *prompt)
{
  const gsize cells = (gsize) result->rows * result->cols, size = prompt->embedding_size;

  vlf_explain_words (text, prompt);
  if (text->n_words == 0)
    return;
  prompt->map = g_new (float, cells);
  for (gsize i = 0; i < cells; i++) {
    double cosine = vlf_explain_cosine (patches + (i + 1) * size, prompt->embedding, size);

    prompt->map[i] = cosine < 0 ? 0 : (float) cosine; /* what is no number stays none */
  }
  find_peak (result, prompt);
}
