/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts that travel: encoded by one program or element, asked of frames by another. */
#include <math.h>
#include <string.h>
#include "models/markup.h"
#include "models/model.h"

/* ---- what a model's texts are like outside of it ---- */

gboolean
vlf_model_encoding (const VlfModel *model, VlfEncoding *encoding, GError **error)
{
  const VlfNet *net = model->net;

  if (net->arch->travels) {
    *encoding = (VlfEncoding){
      .fingerprint = model->fingerprint, .layers = net->taps, .dim = net->dim, .pooled = net->two_towers
    };
  } else if (net->taps > 0 && net->embedding_size > 0) {
    *encoding =
        (VlfEncoding){ .fingerprint = model->fingerprint, .layers = 1, .dim = net->embedding_size, .pooled = TRUE };
  } else {
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
                 "model \"%s\" has no text embeddings; expected one that compares texts with pictures", model->name);
    return FALSE;
  }
  return TRUE;
}

static gchar *
shape_string (guint layers, gboolean pooled, guint dim)
{
  return pooled ? g_strdup_printf ("[1, 1, %u]", dim) : g_strdup_printf ("[%u, tokens, %u]", layers, dim);
}

#define WAY_OUT \
  "encode the texts with this model (vltextenc, or vlf-run --embed), or set the model that they were encoded with"

gboolean
vlf_model_check_encoding (const VlfModel *model, const VlfEncoding *found, GError **error)
{
  VlfEncoding expected;
  g_autofree gchar *shape = NULL, *other = NULL;

  if (!vlf_model_encoding (model, &expected, error))
    return FALSE;
  if (!model->net->arch->travels) {
    g_set_error (
        error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
        "text embeddings: model \"%s\" looks at the picture while it reads a text's words, so that it cannot "
        "be asked one vector of a text; give it the text itself, or compare pictures with encoded texts by its "
        "contrastive head alone, as a bank",
        model->name);
    return FALSE;
  }
  shape = shape_string (expected.layers, expected.pooled, expected.dim);
  other = shape_string (found->layers, found->pooled, found->dim);
  if (!found->fingerprint && !expected.pooled)
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "text embeddings: expected those of model \"%s\", with the words' own vectors, found a table of one "
                 "vector a text "
                 "as CLIP models have; " WAY_OUT,
                 model->name);
  else if (found->fingerprint && strcmp (found->fingerprint, expected.fingerprint) != 0)
    g_set_error (
        error, VLF_ERROR, VLF_ERROR_RANGE,
        "text embeddings: expected those of model \"%s\" (fingerprint %.16s, %s), found those of %.*s (%s); " WAY_OUT,
        model->name, expected.fingerprint, shape, vlf_shown (found->fingerprint, 16), found->fingerprint, other);
  else if (found->layers != expected.layers || found->dim != expected.dim || (expected.pooled && !found->pooled))
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "text embeddings: expected %s of model \"%s\", found %s; " WAY_OUT,
                 shape, model->name, other);
  else
    return TRUE;
  return FALSE;
}

gboolean
vlf_model_check_embeddings (const VlfModel *model, const VlfEmbeddings *embeddings, GError **error)
{
  const VlfEncoding found = {
    .fingerprint = embeddings->model, .layers = embeddings->layers, .dim = embeddings->dim, .pooled = embeddings->pooled
  };

  return vlf_model_check_encoding (model, &found, error);
}

/* ---- from outside ---- */

static void
copy_words (VlfText *text, const VlfEmbedding *from)
{
  for (guint w = 0; w < text->n_words; w++)
    g_free ((gchar *) text->words[w].text);
  g_free (text->words);
  text->n_words = from->n_words;
  text->words = g_memdup2 (from->words, from->n_words * sizeof *from->words);
  for (guint w = 0; w < from->n_words; w++)
    text->words[w].text = g_strdup (from->words[w].text);
  for (guint t = 0; t < from->tokens; t++)
    text->word_of[t] = from->word_of[t] < (gint) from->n_words ? from->word_of[t] : -1;
}

/* Words of tokens that nobody named: as the tokenizer cuts the text. */
static gboolean
guess_words (VlfText *text, guint tokens, GError **error)
{
  if (tokens == 1 && text->model->net->two_towers) {
    text->word_of[0] = -1;
    return TRUE;
  }
  g_clear_pointer (&text->word_of, g_free);
  if (!vlf_text_tokenize (text, error))
    return FALSE;
  if (text->n_tokens == tokens)
    return TRUE;
  g_set_error (
      error, VLF_ERROR, VLF_ERROR_RANGE,
      "text embedding of \"%.*s\": expected %u tokens, which the text has here, or words that say which is which, "
      "found %u tokens",
      vlf_shown (text->prompt, 80), text->prompt, text->n_tokens, tokens);
  return FALSE;
}

static gboolean
check_numbers (const VlfEmbedding *embedding, gsize n, GError **error)
{
  for (gsize i = 0; i < n; i++)
    if (!isfinite (embedding->values[i])) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "text embedding of \"%.*s\": expected finite numbers, found %g",
                   vlf_shown (embedding->text, 80), embedding->text, embedding->values[i]);
      return FALSE;
    }
  for (guint w = 0; w < embedding->n_words; w++)
    if (!(embedding->words[w].weight >= 0 && embedding->words[w].weight <= VLF_MARKUP_MAX_WEIGHT)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                   "text embedding of \"%.*s\": word weights: expected 0 to 10, found %g",
                   vlf_shown (embedding->text, 80), embedding->text, embedding->words[w].weight);
      return FALSE;
    }
  return TRUE;
}

VlfText *
vlf_text_new_encoded (VlfModel *model, const VlfEmbedding *embedding, GError **error)
{
  const gsize n = (gsize) model->net->taps * embedding->tokens * model->net->dim;
  g_autoptr (VlfText) text = vlf_text_new_bare (model, embedding->text, error);

  if (!text || !check_numbers (embedding, n, error))
    return NULL;
  if (embedding->tokens == 0 || embedding->tokens > model->max_tokens) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "text embedding of \"%.*s\": expected 1 to %u tokens, found %u",
                 vlf_shown (embedding->text, 80), embedding->text, model->max_tokens, embedding->tokens);
    return NULL;
  }
  text->n_tokens = embedding->tokens;
  text->word_of = g_new (gint, embedding->tokens);
  if (embedding->n_words > 0 && embedding->word_of)
    copy_words (text, embedding);
  else if (!guess_words (text, embedding->tokens, error))
    return NULL;
  text->taps = g_memdup2 (embedding->values, n * sizeof (float));
  return g_steal_pointer (&text);
}

/* ---- to the outside ---- */

/* What of @text travels, as a view. With two towers that is the first row, the text as a whole. */
static VlfEmbedding
view (const VlfText *text)
{
  static const gint none = -1;
  const gboolean pooled = text->model->net->two_towers || !text->model->net->arch->travels;

  return (VlfEmbedding){ .text = text->prompt,
                         .tokens = pooled ? 1 : text->n_tokens,
                         .values = vlf_text_taps (text),
                         .n_words = text->n_words,
                         .words = text->words,
                         .word_of = pooled ? &none : text->word_of,
                         .truncated = text->truncated };
}

static void
unref_text (gpointer text)
{
  vlf_text_unref (text);
}

static VlfEmbeddings *
collect (const VlfEncoding *encoding, GPtrArray *texts, GError **error)
{
  g_autofree VlfEmbedding *views = g_new (VlfEmbedding, MAX (texts->len, 1));

  for (guint i = 0; i < texts->len; i++)
    views[i] = view (g_ptr_array_index (texts, i));
  return vlf_embeddings_copy (encoding->fingerprint, views, texts->len, encoding->layers, encoding->dim, error);
}

/* Texts of a model that shares only one vector of each with pictures. */
static VlfEmbeddings *
embed_texts (VlfModel *model, const VlfEncoding *encoding, const char *const *prompts, guint n, gboolean marked,
             GError **error)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (unref_text);
  g_autofree VlfEmbedding *views = g_new0 (VlfEmbedding, MAX (n, 1));
  g_autofree float *rows = g_try_new (float, MAX ((gsize) n * encoding->dim, 1));

  if (!rows) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for the embeddings of %u texts", n);
    return NULL;
  }
  for (guint i = 0; i < n; i++) {
    g_auto (VlfMarkup) markup = { 0 };
    VlfText *text;

    if (marked && g_utf8_validate (prompts[i], -1, NULL))
      vlf_markup_parse (&markup, prompts[i]);
    if (markup.text && !vlf_text_check_markup (model, &markup, error))
      return NULL;
    text = vlf_text_new_bare (model, markup.text ? markup.text : prompts[i], error);
    if (!text)
      return NULL;
    g_ptr_array_add (texts, text);
    if (!vlf_text_tokenize (text, error) ||
        !vlf_model_embed_text (model, text->prompt, rows + (gsize) i * encoding->dim, NULL, error))
      return NULL;
    views[i] = view (text);
    views[i].values = rows + (gsize) i * encoding->dim;
  }
  return vlf_embeddings_copy (encoding->fingerprint, views, n, 1, encoding->dim, error);
}

VlfEmbeddings *
vlf_model_encode_texts (VlfModel *model, const char *const *prompts, guint n, gboolean marked, GError **error)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (unref_text);
  VlfEncoding encoding;

  if (!vlf_model_encoding (model, &encoding, error))
    return NULL;
  if (!model->net->arch->travels)
    return embed_texts (model, &encoding, prompts, n, marked, error);
  for (guint i = 0; i < n; i++) {
    VlfText *text = marked ? vlf_text_new_marked (model, prompts[i], error) : vlf_text_new (model, prompts[i], error);

    if (!text)
      return NULL;
    g_ptr_array_add (texts, text);
    if (!vlf_text_encode (text, error))
      return NULL;
  }
  return collect (&encoding, texts, error);
}
