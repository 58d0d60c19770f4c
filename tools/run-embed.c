/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/vlf-run.h"

/* Blank prompts are left out, as the elements leave them out. */
static GPtrArray *
without_blanks (gchar **prompts)
{
  GPtrArray *kept = g_ptr_array_new ();

  for (guint i = 0; prompts[i]; i++) {
    const char *at = prompts[i];

    while (g_ascii_isspace (*at))
      at++;
    if (*at)
      g_ptr_array_add (kept, prompts[i]);
  }
  return kept;
}

gboolean
run_embed (const RunOptions *options, GError **error)
{
  g_autoptr (GPtrArray) prompts = without_blanks (options->prompts);
  g_autoptr (VlfModel) model = run_open_model (options, FALSE, error);
  g_autoptr (VlfEmbeddings) texts = NULL;

  if (!model)
    return FALSE;
  texts = vlf_model_encode_texts (model, (const char *const *) prompts->pdata, prompts->len, FALSE, error);
  if (!texts)
    return FALSE;
  for (guint i = 0; i < texts->n; i++)
    if (texts->texts[i].truncated)
      cli_note ("note: prompt %u is longer than the model reads; its end was cut off", i + 1);
  return vlf_embeddings_save (options->embed, texts->model, texts->texts, texts->n, texts->layers, texts->dim, error);
}
