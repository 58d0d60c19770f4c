/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/retrieval.h"
#include <math.h>
#include <stdlib.h>
#include "kernels/size.h"

/* Without a head that judges, cross-attention has nothing to order texts by. */
static gboolean
check_rerank (const VlfModel *model, GError **error)
{
  if (model->net->judges)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
               "rerank: model \"%s\" has no head that judges a text together with a picture; expected a BLIP or "
               "BridgeTower model for matching",
               model->name);
  return FALSE;
}

gboolean
vlf_retrieval_open (VlfRetrieval *r, const VlfModel *model, const VlfRunOptions *options, guint frames, GError **error)
{
  gsize n, cells;

  if (!options || !options->bank)
    return TRUE;
  if (vlf_bank_model (options->bank) != model) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "bank: its texts were embedded by another model");
    return FALSE;
  }
  if (options->rerank > 0 && !check_rerank (model, error))
    return FALSE;
  n = vlf_bank_size (options->bank);
  r->bank = options->bank;
  r->frames = frames;
  r->n_best = MIN (options->bank_results, n);
  r->n_rerank = MIN (options->rerank, n);
  r->n_found = MAX (r->n_best, r->n_rerank);
  if (vlf_size_mul (n, frames, &cells))
    r->scores = g_try_new (float, cells);
  if (!r->scores) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "bank: no memory for %" G_GSIZE_FORMAT " scores", n);
    return FALSE;
  }
  r->found = g_new (guint, MAX ((gsize) frames * r->n_found, 1));
  r->texts = g_new0 (VlfText *, MAX ((gsize) frames * r->n_rerank, 1));
  return TRUE;
}

void
vlf_retrieval_clear (VlfRetrieval *r)
{
  for (gsize i = 0; r->texts && i < (gsize) r->frames * r->n_rerank; i++)
    vlf_text_unref (r->texts[i]);
  g_free (r->texts);
  g_free (r->found);
  g_free (r->scores);
}

static float *
scores_of (const VlfRetrieval *r, guint frame)
{
  return r->scores + (gsize) frame * vlf_bank_size (r->bank);
}

static guint *
found_in (const VlfRetrieval *r, guint frame)
{
  return r->found + (gsize) frame * r->n_found;
}

void
vlf_retrieval_look (VlfRetrieval *r, VlfPass *pass, VlfTensor images)
{
  GError *error = NULL;

  vlf_output (pass, vlf_bank_score (pass, r->bank, images), r->scores);
  if (r->n_rerank == 0 || !vlf_pass_wait (pass))
    return;
  for (guint frame = 0; frame < r->frames; frame++) {
    guint *found = found_in (r, frame);

    vlf_bank_choose (scores_of (r, frame), vlf_bank_size (r->bank), r->n_found, found);
    for (guint i = 0; i < r->n_rerank && !error; i++)
      r->texts[(gsize) frame * r->n_rerank + i] = vlf_bank_encode (r->bank, found[i], r->n_rerank, &error);
  }
  if (error)
    vlf_pass_fail (pass, error);
}

/* The probability of a text among all of the bank is exp (scale (score - best)) / this. */
static double
partition (const float *scores, guint n, float best, float scale)
{
  double sum = 0;

  for (guint i = 0; i < n; i++)
    sum += expf (scale * (scores[i] - best));
  return sum;
}

/* What is known of texts that were compared by embeddings alone. */
static void
report_rest (const VlfRetrieval *r, const VlfNet *net, const float *scores, const guint *found,
             VlfPromptResult *prompts)
{
  const gboolean shares = net->two_towers && !net->sigmoid;
  const double sum =
      shares ? partition (scores, vlf_bank_size (r->bank), scores[found[0]], net->similarity_scale) : NAN;

  for (guint i = r->n_rerank; i < r->n_found; i++) {
    prompts[i].text = g_strdup (vlf_bank_text (r->bank, found[i]));
    prompts[i].score = scores[found[i]];
    prompts[i].match = net->sigmoid ? vlf_net_match (net, prompts[i].score)
                                    : exp (net->similarity_scale * (prompts[i].score - scores[found[0]])) / sum;
    prompts[i].peak_x = prompts[i].peak_y = NAN;
    prompts[i].invalid = isnan (prompts[i].score);
  }
}

/* Best match first; what has none comes last. */
static int
by_match (const void *a, const void *b)
{
  const VlfPromptResult *x = a, *y = b;

  if (isnan (x->match) || isnan (y->match))
    return isnan (x->match) - isnan (y->match);
  if (x->score != y->score)
    return x->score < y->score ? 1 : -1;
  return (x->similarity < y->similarity) - (x->similarity > y->similarity);
}

void
vlf_retrieval_report (VlfRetrieval *r, const VlfNet *net, guint frame, guint first, VlfResult *result)
{
  const float *scores = r->bank ? scores_of (r, frame) : NULL;
  VlfPromptResult *prompts = result->prompts + first;
  guint *found;

  if (r->n_found == 0)
    return;
  found = found_in (r, frame);
  if (r->n_rerank == 0)
    vlf_bank_choose (scores, vlf_bank_size (r->bank), r->n_found, found);
  report_rest (r, net, scores, found, prompts);
  for (guint i = 0; i < r->n_found; i++) {
    prompts[i].retrieved = TRUE;
    prompts[i].bank_index = found[i];
    prompts[i].similarity = scores[found[i]];
  }
  qsort (prompts, r->n_rerank, sizeof *prompts, by_match);
  vlf_result_drop_prompts (result, first + r->n_best, r->n_found - r->n_best);
}
