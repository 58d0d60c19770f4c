/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/vlf-run.h"
#include "models/bank.h"
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

static VlfText *
encode_one (VlfModel *model, gchar **templates, const char *prompt, GError **error)
{
  return templates
             ? vlf_text_new_ensemble (model, prompt, (const char *const *) templates, g_strv_length (templates), error)
             : vlf_text_new (model, prompt, error);
}

/* The prompts encoded, blank ones left out as the elements leave them out. */
static GPtrArray *
encode (VlfModel *model, gchar **templates, gchar **prompts, GError **error)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (unref_text);

  for (guint i = 0; prompts && prompts[i]; i++) {
    VlfText *text;

    if (is_blank (prompts[i]))
      continue;
    text = encode_one (model, templates, prompts[i], error);
    if (!text)
      return NULL;
    if (vlf_text_truncated (text))
      cli_note ("note: prompt %u is longer than the model reads; its end was cut off", i + 1);
    g_ptr_array_add (texts, text);
  }
  return g_steal_pointer (&texts);
}

/* What is asked of the picture. */
typedef struct {
  GPtrArray *texts, *negatives; /* VlfText */
  VlfBank *bank;
  VlfRunOptions options;
} Question;

static void
question_clear (Question *q)
{
  g_clear_pointer (&q->texts, g_ptr_array_unref);
  g_clear_pointer (&q->negatives, g_ptr_array_unref);
  vlf_bank_unref (q->bank);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Question, question_clear)

static gboolean
read_threshold (Question *q, const char *text, GError **error)
{
  gchar *end;

  if (!text)
    return TRUE;
  q->options.judge = TRUE;
  q->options.unknown_threshold = g_ascii_strtod (text, &end);
  if (end != text && !*end && q->options.unknown_threshold >= -1 && q->options.unknown_threshold <= 1)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "--unknown-threshold: expected -1 to 1, found \"%s\"", text);
  return FALSE;
}

static gboolean
question_init (Question *q, VlfModel *model, const RunOptions *o, GError **error)
{
  if (!read_threshold (q, o->unknown_threshold, error))
    return FALSE;
  q->texts = encode (model, o->templates, o->prompts, error);
  q->negatives = q->texts ? encode (model, o->templates, o->negatives, error) : NULL;
  if (!q->negatives)
    return FALSE;
  q->options.negatives = (VlfText *const *) q->negatives->pdata;
  q->options.n_negatives = q->negatives->len;
  q->options.bank_results = (guint) o->bank_results;
  q->options.rerank = (guint) o->rerank;
  q->options.attention_top_k = (guint) o->top_k;
  q->options.relevance = g_strcmp0 (o->relevance, "rollout") ? VLF_RELEVANCE_ATTENTION : VLF_RELEVANCE_ROLLOUT;
  if (o->bank)
    q->options.bank = q->bank = vlf_bank_load (model, o->bank, error);
  return !o->bank || q->bank;
}

static gboolean
look (VlfModel *model, const VlfImage *image, const Question *q, GError **error)
{
  g_autoptr (VlfSession) session = vlf_session_new (model, error);
  g_autoptr (VlfResult) result = NULL;
  g_autoptr (GString) json = g_string_new (NULL);

  if (!session)
    return FALSE;
  if (!vlf_session_run (session, image, 1, (VlfText *const *) q->texts->pdata, q->texts->len, &q->options, &result,
                        error))
    return FALSE;
  vlf_result_to_json (result, NULL, VLF_JSON_MAPS_WORDS, VLF_JSON_EMBEDDINGS_LIST, json);
  g_string_append_c (json, '\n');
  return cli_print (json->str, error);
}

gboolean
run_image (const RunOptions *options, GError **error)
{
  g_auto (Picture) picture = { 0 };
  g_auto (Question) question = { 0 };
  g_autoptr (VlfModel) model = NULL;
  VlfImage image;

  /* The picture first: a wrong file should not have to wait for the weights. */
  if (!picture_load (options->image, &picture, error))
    return FALSE;
  model = run_open_model (options, FALSE, error);
  if (!model || !question_init (&question, model, options, error))
    return FALSE;
  image = picture_view (&picture);
  return look (model, &image, &question, error);
}
