/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a run read back, as results. */
#include <math.h>
#include <string.h>
#include "models/explain.h"
#include "models/session_private.h"

void
vlf_run_clear (VlfRun *run)
{
  for (guint i = 0; i < run->n_readings; i++) {
    VlfReading *r = &run->readings[i];
    for (guint layer = 0; layer < run->n_layers; layer++) {
      g_free (r->text ? r->text[layer] : NULL);
      g_free (r->image ? r->image[layer] : NULL);
    }
    g_free (r->text);
    g_free (r->image);
    g_free (r->relevance);
    g_free (r->match);
    g_free (r->embedding);
  }
  g_free (run->readings);
  g_free (run->layers);
  g_free (run->heads);
  g_free (run->image_embeddings);
  g_free (run->patches);
  vlf_retrieval_clear (&run->retrieval);
  *run = (VlfRun){ 0 };
}

/* ITM logits [other, match]: their difference is the score, its sigmoid the softmax of the second. */
static void
score_prompt (const VlfRun *run, const VlfReading *r, guint which, VlfPromptResult *prompt)
{
  prompt->match = prompt->score = NAN;
  if (run->net->two_towers)
    prompt->score = vlf_explain_cosine (run->image_embeddings + (gsize) r->frame * run->image_embedding_size,
                                        r->embedding + (gsize) which * r->embedding_size, r->embedding_size);
  if (!r->match)
    return;
  prompt->score = (double) r->match[2 * which + 1] - r->match[2 * which];
  prompt->match = 1.0 / (1.0 + exp (-prompt->score));
}

static void
fill_prompt (const VlfRun *run, const VlfReading *r, guint which, const VlfText *text, const VlfResult *result,
             VlfPromptResult *prompt)
{
  VlfAttentionMaps maps = { .net = run->net,
                            .n_layers = run->n_layers,
                            .text = r->text,
                            .image = r->image,
                            .relevance = r->relevance,
                            .tokens = r->tokens,
                            .heads = run->heads,
                            .n_heads = run->n_heads };

  prompt->text = g_strdup (text->prompt);
  prompt->peak_x = prompt->peak_y = NAN;
  score_prompt (run, r, which, prompt);
  prompt->embedding_size = r->embedding_size;
  prompt->embedding_kind = r->embedding_kind;
  prompt->embedding = g_memdup2 (r->embedding + (gsize) which * r->embedding_size, r->embedding_size * sizeof (float));
  if (run->patches)
    vlf_explain_patches (run->patches + (gsize) r->frame * (result->rows * result->cols + 1) * r->embedding_size, text,
                         result, prompt);
  else if (run->maps)
    vlf_explain_prompt (&maps, which, text, result, prompt);
  else
    vlf_explain_words (text, prompt);
  prompt->invalid = (r->match || run->net->two_towers) && isnan (prompt->score);
  if (vlf_prompt_result_validate (prompt, (gsize) result->rows * result->cols))
    g_debug ("prompt \"%s\": the model's numbers are not finite", prompt->text);
}

/* Two towers: the softmax over all prompts [n] asked together, negatives included; of one alone nothing can be said. Or, where the
 * model learnt that, each one's sigmoid. A prompt without a score takes nothing from the others. */
static void
match_prompts (const VlfNet *net, VlfPromptResult *prompts, guint n)
{
  double best = -INFINITY, sum = 0;

  for (guint i = 0; i < n && net->sigmoid; i++)
    prompts[i].match = vlf_net_match (net, prompts[i].score);
  if (net->sigmoid)
    return;
  for (guint i = 0; i < n; i++)
    if (!isnan (prompts[i].score))
      best = MAX (best, prompts[i].score);
  for (guint i = 0; i < n; i++)
    if (!isnan (prompts[i].score))
      sum += exp (net->similarity_scale * (prompts[i].score - best));
  for (guint i = 0; i < n && n > 1; i++)
    prompts[i].match = exp (net->similarity_scale * (prompts[i].score - best)) / sum;
}

/* Which prompt the frame shows: the one of the highest score, unless a negative's is higher or it is not enough. */
static void
judge (const VlfRun *run, VlfResult *result)
{
  const guint n = run->n_texts + run->n_negatives;
  guint best = 0;

  result->judged = run->n_negatives > 0 || !isnan (run->unknown_threshold);
  result->best = -1;
  for (guint i = 1; i < n; i++)
    if (result->prompts[i].score > result->prompts[best].score || isnan (result->prompts[best].score))
      best = i;
  if (best < run->n_texts && !(result->prompts[best].score < run->unknown_threshold))
    result->best = isnan (result->prompts[best].score) ? -1 : (gint) best;
}

/* The prompts, and behind them what was found; the negatives between them have done their part then. */
static void
fill_prompts (VlfRun *run, guint frame, VlfResult *result)
{
  const guint n = run->n_texts + run->n_negatives;

  result->n_prompts = n + run->retrieval.n_found;
  result->prompts = g_new0 (VlfPromptResult, MAX (result->n_prompts, 1));
  for (guint i = 0; i < run->n_readings; i++) {
    const VlfReading *r = &run->readings[i];
    for (guint k = 0; r->frame == frame && k < r->n; k++)
      fill_prompt (run, r, k, r->texts[k], result, &result->prompts[r->first + k]);
  }
  if (run->net->two_towers)
    match_prompts (run->net, result->prompts, n);
  judge (run, result);
  vlf_retrieval_report (&run->retrieval, run->net, frame, n, result);
  vlf_result_drop_prompts (result, run->n_texts, run->n_negatives);
}

VlfResult *
vlf_run_result (VlfRun *run, guint frame, const VlfImage *image, const VlfImagePlan *plan, double milliseconds)
{
  const VlfModel *model = run->session->model;
  VlfResult *result = vlf_result_new ();

  result->frame_width = image->frame_width ? image->frame_width : image->width;
  result->frame_height = image->frame_height ? image->frame_height : image->height;
  result->rows = run->net->rows;
  result->cols = run->net->cols;
  vlf_image_plan_region (plan, result->frame_width, result->frame_height, result->region);
  result->model = g_strdup (model->name);
  result->fingerprint = g_strdup (model->fingerprint);
  result->milliseconds = milliseconds;
  result->reused = run->reused;
  if (run->image_embeddings) {
    gsize size = result->image_embedding_size = run->image_embedding_size;
    result->image_embedding = g_memdup2 (run->image_embeddings + frame * size, size * sizeof (float));
  }
  fill_prompts (run, frame, result);
  return result;
}
