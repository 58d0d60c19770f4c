/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A prompt, encoded once: its words, its tokens, and what the fusion reads of the text tower. */
#include <math.h>
#include <string.h>
#include "models/markup.h"
#include "models/model.h"

/* A word is a maximal run of non-space characters. */
static gboolean
next_word (const char **at, const char **begin, const char **end)
{
  const char *p = *at;

  while (*p && g_unichar_isspace (g_utf8_get_char (p)))
    p = g_utf8_next_char (p);
  *begin = p;
  while (*p && !g_unichar_isspace (g_utf8_get_char (p)))
    p = g_utf8_next_char (p);
  *at = *end = p;
  return *end > *begin;
}

/* "The," and "the" are the same stop word. */
static gboolean
is_stop_word (char **stop_words, const char *word)
{
  g_autofree gchar *lower = g_utf8_strdown (word, -1);
  gchar *begin = lower, *end;

  while (*begin && !g_unichar_isalnum (g_utf8_get_char (begin)))
    begin = g_utf8_next_char (begin);
  for (end = begin; *end && g_unichar_isalnum (g_utf8_get_char (end));)
    end = g_utf8_next_char (end);
  *end = '\0';
  return g_strv_contains ((const gchar *const *) stop_words, begin);
}

/* A text's tokens are of no more words; those behind are not told apart. */
#define MAX_WORDS VLF_EMBEDDINGS_MAX_TOKENS

static void
split_words (VlfText *text)
{
  GArray *words = g_array_new (FALSE, FALSE, sizeof (VlfEmbeddedWord));
  const char *at = text->prompt, *begin, *end;

  while (words->len < MAX_WORDS && next_word (&at, &begin, &end)) {
    VlfEmbeddedWord word = { .text = g_strndup (begin, end - begin), .weight = 1 };

    word.phrase = !is_stop_word (text->model->stop_words, word.text);
    g_array_append_val (words, word);
  }
  text->n_words = words->len;
  text->words = (VlfEmbeddedWord *) g_array_free (words, FALSE);
}

/* Tokens come in the order of the text, and none spans two words' non-space characters. */
static void
assign_words (VlfText *text, const VlfTokens *tokens)
{
  const char *at = text->prompt, *begin, *end = at;
  gint word = -1; /* the one that ends at @end */

  for (guint t = 0; t < tokens->n; t++) {
    const VlfToken *token = &tokens->tokens[t];

    text->ids[t] = token->id;
    text->word_of[t] = -1;
    if (token->special || token->begin == token->end)
      continue;
    while (word < (gint) text->n_words && token->begin >= (gsize) (end - text->prompt)) {
      next_word (&at, &begin, &end);
      word++;
    }
    if (word < (gint) text->n_words)
      text->word_of[t] = word;
  }
}

/* What was cut off has no words. */
static void
drop_unread_words (VlfText *text)
{
  guint read = 0;

  for (guint t = 0; t < text->n_tokens; t++)
    read = MAX (read, (guint) (text->word_of[t] + 1));
  while (text->n_words > read)
    g_free ((gchar *) text->words[--text->n_words].text);
}

/* Padding stands for no word. */
static void
pad (VlfText *text, guint from)
{
  const VlfModel *model = text->model;
  const gint id = vlf_tokenizer_id (model->tokenizer, VLF_TOKEN_PAD);

  for (guint t = from; t < text->n_tokens; t++) {
    text->ids[t] = id >= 0 ? (guint32) id : model->net->pad_id;
    text->word_of[t] = -1;
  }
}

gboolean
vlf_model_check_ids (const VlfModel *model, const char *text, const guint32 *ids, guint n, GError **error)
{
  for (guint i = 0; i < n; i++) {
    const char *content = vlf_tokenizer_content (model->tokenizer, ids[i]);

    if (ids[i] < model->net->vocab)
      continue;
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "prompt \"%.*s\": expected tokens with ids below the model's vocab_size %u, found \"%.*s\", which is "
                 "%u; leave it out",
                 vlf_shown (text, 80), text, model->net->vocab, content ? vlf_shown (content, 40) : 0,
                 content ? content : "", ids[i]);
    return FALSE;
  }
  return TRUE;
}

gboolean
vlf_text_tokenize (VlfText *text, GError **error)
{
  const VlfModel *model = text->model;
  g_auto (VlfTokens) tokens = { 0 };

  if (!vlf_tokenizer_encode (model->tokenizer, text->prompt, -1, model->max_tokens, &tokens, error))
    return FALSE;
  text->truncated = tokens.truncated;
  text->n_tokens = model->net->padded ? model->max_tokens : tokens.n;
  text->ids = g_new (guint32, MAX (text->n_tokens, 1));
  text->word_of = g_new (gint, MAX (text->n_tokens, 1));
  assign_words (text, &tokens);
  pad (text, tokens.n);
  if (text->truncated)
    drop_unread_words (text);
  return vlf_model_check_ids (model, text->prompt, text->ids, text->n_tokens, error);
}

/* The text tower over @text: its taps, read back to @taps. */
static VlfTextBatch
enqueue (VlfPass *pass, const VlfText *text, float *taps)
{
  const VlfNet *net = text->model->net;
  g_autofree guint8 *mask = g_malloc (text->n_tokens);
  VlfTextBatch batch;

  memset (mask, 1, text->n_tokens);
  batch = net->arch->encode (net, pass, text->ids, mask, 1, text->n_tokens);
  for (guint i = 0; i < net->taps; i++)
    vlf_output (pass, batch.taps[i], taps + (gsize) i * text->n_tokens * net->dim);
  return batch;
}

static float *
taps_new (const VlfText *text)
{
  return g_new (float, (gsize) text->model->net->taps * text->n_tokens * text->model->net->dim);
}

/* The first to have encoded it says what it is; what others made is the same. */
static void
take_taps (VlfText *text, float *taps)
{
  if (!g_atomic_pointer_compare_and_exchange (&text->taps, NULL, taps))
    g_free (taps);
}

const float *
vlf_text_taps (const VlfText *text)
{
  return g_atomic_pointer_get (&((VlfText *) text)->taps);
}

/* Runs the text tower, on the model's own queue: sessions go on meanwhile. @embedding: NULL, or receives the text alone, see
 * VlfArch.embed(). */
static gboolean
encode (VlfText *text, float *embedding, GError **error)
{
  VlfModel *model = text->model;
  const VlfNet *net = model->net;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&model->text_lock);
  g_autofree float *taps = taps_new (text);
  VlfPass *pass = vlf_pass_begin (model->text_queue);
  VlfTextBatch batch = enqueue (pass, text, taps);

  if (embedding)
    vlf_output (pass, net->arch->embed (net, pass, &batch), embedding);
  if (!vlf_pass_end (pass, error))
    return FALSE;
  take_taps (text, g_steal_pointer (&taps));
  return TRUE;
}

gboolean
vlf_text_encode (VlfText *text, GError **error)
{
  return vlf_text_taps (text) || encode (text, NULL, error);
}

VlfTextBatch
vlf_encoder_add (VlfEncoder *encoder, VlfPass *pass, VlfText *text)
{
  float *taps = taps_new (text);

  if (!encoder->texts) {
    encoder->texts = g_ptr_array_new_with_free_func ((GDestroyNotify) vlf_text_unref);
    encoder->taps = g_ptr_array_new_with_free_func (g_free);
  }
  g_ptr_array_add (encoder->texts, vlf_text_ref (text));
  g_ptr_array_add (encoder->taps, taps);
  return enqueue (pass, text, taps);
}

void
vlf_encoder_finish (VlfEncoder *encoder, gboolean good)
{
  for (guint i = 0; encoder->texts && good && i < encoder->texts->len; i++)
    take_taps (g_ptr_array_index (encoder->texts, i), g_steal_pointer (&encoder->taps->pdata[i]));
  g_clear_pointer (&encoder->texts, g_ptr_array_unref);
  g_clear_pointer (&encoder->taps, g_ptr_array_unref);
}

gboolean
vlf_text_check_markup (const VlfModel *model, const VlfMarkup *markup, GError **error)
{
  for (guint i = 0; i < markup->weights->len && !model->net->weighs; i++) {
    const float weight = g_array_index (markup->weights, VlfMark, i).weight;

    if (weight == 1)
      continue;
    g_set_error (
        error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
        "prompt \"%.*s\": expected no weights of words, as in model \"%s\" the picture does not look at words, "
        "found %g; BridgeTower models take them",
        vlf_shown (markup->text, 80), markup->text, model->name, weight);
    return FALSE;
  }
  return TRUE;
}

/* What @markup says about the words of the text, which is its own. */
static void
apply_markup (VlfText *text, const VlfMarkup *markup)
{
  const char *at = text->prompt, *begin, *end;

  for (guint w = 0; w < text->n_words && next_word (&at, &begin, &end); w++) {
    float weight = vlf_markup_weight (markup, begin - text->prompt, end - text->prompt);

    text->words[w].weight = weight;
    if (markup->focus->len > 0)
      text->words[w].phrase = vlf_markup_is_focus (markup, begin - text->prompt, end - text->prompt);
  }
}

VlfText *
vlf_text_new_bare (VlfModel *model, const char *prompt, GError **error)
{
  VlfText *text;

  if (!g_utf8_validate (prompt, -1, NULL)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "prompt: expected UTF-8, found other bytes");
    return NULL;
  }
  if (model->net->taps == 0) {
    g_set_error (
        error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
        "prompt: model \"%s\" writes captions and cannot be asked for matches; expected one with a text encoder",
        model->name);
    return NULL;
  }
  text = g_new0 (VlfText, 1);
  text->refs = 1;
  text->model = vlf_model_ref (model);
  text->prompt = g_strdup (prompt);
  split_words (text);
  return text;
}

/* @embedding: as encode() takes it; without it the text is encoded when somebody asks something of it. */
static VlfText *
text_new (VlfModel *model, const char *prompt, gboolean marked, float *embedding, GError **error)
{
  g_autoptr (VlfText) text = NULL;
  g_auto (VlfMarkup) markup = { 0 };

  if (marked && g_utf8_validate (prompt, -1, NULL))
    vlf_markup_parse (&markup, prompt);
  if (markup.text && !vlf_text_check_markup (model, &markup, error))
    return NULL;
  text = vlf_text_new_bare (model, markup.text ? markup.text : prompt, error);
  if (!text || !vlf_text_tokenize (text, error) || (embedding && !encode (text, embedding, error)))
    return NULL;
  if (marked)
    apply_markup (text, &markup);
  return g_steal_pointer (&text);
}

VlfText *
vlf_text_new (VlfModel *model, const char *prompt, GError **error)
{
  return text_new (model, prompt, FALSE, NULL, error);
}

VlfText *
vlf_text_new_marked (VlfModel *model, const char *prompt, GError **error)
{
  return text_new (model, prompt, TRUE, NULL, error);
}

guint
vlf_model_embedding_size (const VlfModel *model)
{
  return model->net->embedding_size;
}

gboolean
vlf_model_embed_text (VlfModel *model, const char *prompt, float *to, gboolean *truncated, GError **error)
{
  g_autoptr (VlfText) text = NULL;

  if (model->net->embedding_size == 0) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
                 "model \"%s\" has no embedding that text and picture share; expected a CLIP model or one with a "
                 "contrastive head",
                 model->name);
    return FALSE;
  }
  text = text_new (model, prompt, FALSE, to, error);
  if (text && truncated)
    *truncated = text->truncated;
  return text != NULL;
}

/* ---- ensembles ---- */

static gchar *
fill_template (const char *template, const char *prompt, GError **error)
{
  GString *filled;

  if (!strstr (template, "{}")) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "template: expected \"{}\" where the prompt goes, found \"%s\"",
                 template);
    return NULL;
  }
  filled = g_string_new (template);
  g_string_replace (filled, "{}", prompt, 0);
  return g_string_free (filled, FALSE);
}

/* From now on one row, the embedding, is all of the text. */
static void
replace_taps (VlfText *text, const float *sum, guint size)
{
  double length = 0;

  for (guint i = 0; i < size; i++)
    length += (double) sum[i] * sum[i];
  length = MAX (sqrt (length), 1e-12);
  text->n_tokens = 1;
  text->word_of[0] = -1;
  text->taps = g_new (float, size);
  for (guint i = 0; i < size; i++)
    text->taps[i] = (float) (sum[i] / length);
}

static VlfText *
ensemble (VlfText *text, const char *const *templates, guint n_templates, GError **error)
{
  const guint size = text->model->net->dim;
  g_autofree float *sum = g_new0 (float, size);

  for (guint t = 0; t < n_templates; t++) {
    g_autofree gchar *filled = fill_template (templates[t], text->prompt, error);
    g_autoptr (VlfText) one = filled ? text_new (text->model, filled, FALSE, NULL, error) : NULL;

    if (!one || !vlf_text_encode (one, error))
      return NULL;
    text->truncated |= one->truncated;
    for (guint i = 0; i < size; i++)
      sum[i] += one->taps[i];
  }
  replace_taps (text, sum, size);
  return vlf_text_ref (text);
}

VlfText *
vlf_text_new_ensemble (VlfModel *model, const char *prompt, const char *const *templates, guint n_templates,
                       GError **error)
{
  g_autoptr (VlfText) text = NULL;

  if (!model->net->two_towers) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
                 "templates: model \"%s\" reads a prompt's words together with the picture; expected a CLIP model",
                 model->name);
    return NULL;
  }
  text = text_new (model, prompt, FALSE, NULL, error);
  return text ? ensemble (text, templates, n_templates, error) : NULL;
}

VlfText *
vlf_text_ref (VlfText *text)
{
  g_atomic_int_inc (&text->refs);
  return text;
}

void
vlf_text_unref (VlfText *text)
{
  if (!text || !g_atomic_int_dec_and_test (&text->refs))
    return;
  for (guint i = 0; i < text->n_words; i++)
    g_free ((gchar *) text->words[i].text);
  g_free (text->words);
  g_free (text->ids);
  g_free (text->word_of);
  g_free (text->taps);
  g_free (text->prompt);
  vlf_model_unref (text->model);
  g_free (text);
}

const char *
vlf_text_prompt (const VlfText *text)
{
  return text->prompt;
}

gboolean
vlf_text_truncated (const VlfText *text)
{
  return text->truncated;
}
