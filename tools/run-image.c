/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/vlf-run.h"
#include "tools/picture.h"

static void
unref_text (gpointer text)
{
  vlf_text_unref (text);
}

static gboolean
is_blank (const char *prompt)
{
  while (g_ascii_isspace (*prompt))
    prompt++;
  return *prompt == '\0';
}

/* The prompts encoded, blank ones left out as the elements leave them out. */
static GPtrArray *
encode (VlfModel *model, gchar **prompts, GError **error)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (unref_text);

  for (guint i = 0; prompts[i]; i++) {
    VlfText *text;

    if (is_blank (prompts[i]))
      continue;
    text = vlf_text_new (model, prompts[i], error);
    if (!text)
      return NULL;
    if (vlf_text_truncated (text))
      cli_note ("note: prompt %u is longer than the model reads; its end was cut off", i + 1);
    g_ptr_array_add (texts, text);
  }
  return g_steal_pointer (&texts);
}

static gboolean
look (VlfModel *model, const VlfImage *image, GPtrArray *texts, GError **error)
{
  g_autoptr (VlfSession) session = vlf_session_new (model, error);
  g_autoptr (VlfResult) result = NULL;
  g_autoptr (GString) json = g_string_new (NULL);

  if (!session)
    return FALSE;
  if (!vlf_session_run (session, image, 1, (VlfText *const *) texts->pdata, texts->len, NULL, &result, error))
    return FALSE;
  vlf_result_to_json (result, NULL, VLF_JSON_MAPS_WORDS, VLF_JSON_EMBEDDINGS_LIST, json);
  g_string_append_c (json, '\n');
  return cli_print (json->str, error);
}

gboolean
run_image (const RunOptions *options, GError **error)
{
  g_auto (Picture) picture = { 0 };
  g_autoptr (VlfModel) model = NULL;
  g_autoptr (GPtrArray) texts = NULL;
  VlfImage image;

  /* The picture first: a wrong file should not have to wait for the weights. */
  if (!picture_load (options->image, &picture, error))
    return FALSE;
  model = run_open_model (options, FALSE, error);
  if (!model)
    return FALSE;
  texts = encode (model, options->prompts, error);
  if (!texts)
    return FALSE;
  image = picture_view (&picture);
  return look (model, &image, texts, error);
}
