/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/result.h"
#include <math.h>

VlfResult *
vlf_result_new (void)
{
  VlfResult *result = g_new0 (VlfResult, 1);

  result->refs = 1;
  return result;
}

VlfResult *
vlf_result_ref (VlfResult *result)
{
  g_atomic_int_inc (&result->refs);
  return result;
}

static void
prompt_clear (VlfPromptResult *prompt)
{
  for (guint i = 0; i < prompt->n_words; i++) {
    g_free (prompt->words[i].text);
    g_free (prompt->words[i].map);
  }
  g_free (prompt->words);
  g_free (prompt->text);
  g_free (prompt->map);
  g_free (prompt->embedding);
}

void
vlf_result_unref (VlfResult *result)
{
  if (!result || !g_atomic_int_dec_and_test (&result->refs))
    return;
  for (guint i = 0; i < result->n_prompts; i++)
    prompt_clear (&result->prompts[i]);
  g_free (result->prompts);
  g_free (result->image_embedding);
  g_free (result->model);
  g_free (result->fingerprint);
  g_free (result);
}
