/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Embeddings in safetensors: our own format and DL Streamer's, which is a table of vectors with labels. */
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include "kernels/half.h"
#include "models/embeddings_private.h"
#include "models/markup.h"

/* ---- numbers ---- */

/* Little-endian numbers of @type, of which the 16-bit ones lie in the second half of @values, to f32 in place. */
static void
to_f32 (VlfDType type, float *values, gsize n)
{
  const guint8 *halves = (const guint8 *) values + 2 * n; /* read ahead of what is written */

  for (gsize i = 0; i < n; i++) {
    guint32 bits;
    guint16 half;

    if (type == VLF_F32) {
      memcpy (&bits, values + i, sizeof bits);
      values[i] = vlf_f32_from_bits (GUINT32_FROM_LE (bits));
    } else {
      memcpy (&half, halves + 2 * i, sizeof half);
      half = GUINT16_FROM_LE (half);
      values[i] = type == VLF_F16 ? vlf_f32_from_f16 (half) : vlf_f32_from_bf16 (half);
    }
  }
}

/* The whole tensor to @values, which has room for it as f32. */
static gboolean
read_values (const VlfSafetensors *file, const VlfTensorInfo *info, VlfDType type, float *values, GError **error)
{
  gsize skip = type == VLF_F32 ? 0 : 2 * info->elements;

  if (!vlf_safetensors_read (file, info, 0, info->bytes, (guint8 *) values + skip, error))
    return FALSE;
  to_f32 (type, values, info->elements);
  return TRUE;
}

/* The tensor as texts of [layers, tokens, dim]; its numbers are read. */
static VlfEmbeddings *
read_tensor (const char *path, const VlfSafetensors *file, const VlfTensorInfo *info, gboolean own, GError **error)
{
  const guint64 *s = info->shape;
  g_autofree gchar *shape = vlf_tensor_shape_string (info);
  g_autoptr (VlfEmbeddings) self = NULL;
  VlfDType type;

  if (!vlf_tensor_dtype (info, &type)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED, "%s: tensor %s: expected F32, F16 or BF16, found %s", path,
                 info->name, vlf_tensor_type_name (info->type));
    return NULL;
  }
  if (info->rank == 2)
    self = vlf_embeddings_new (path, s[0], 1, 1, s[1], error);
  else if (own && info->rank == 3)
    self = vlf_embeddings_new (path, 1, s[0], s[1], s[2], error);
  else if (own && info->rank == 4)
    self = vlf_embeddings_new (path, s[0], s[1], s[2], s[3], error);
  else
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: tensor %s: expected %s, found shape %s", path, info->name,
                 own ? "[texts, numbers], [layers, tokens, numbers] or [texts, layers, tokens, numbers]"
                     : "[texts, numbers]",
                 shape);
  if (!self || !read_values (file, info, type, self->values, error))
    return NULL;
  return g_steal_pointer (&self);
}

/* ---- texts ---- */

/* The parts of @list between @separator, one for each text. They are counted first: a header has room for a hundred million of them. */
static gboolean
name_texts (VlfEmbeddings *self, const char *path, const char *key, const char *list, char separator, GError **error)
{
  guint n = *list ? 1 : 0;

  for (const char *p = strchr (list, separator); p; p = strchr (p + 1, separator))
    n++;
  if (n != self->n) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "%s: metadata %s: expected %u texts, one for each embedding, found %u", path, key, self->n, n);
    return FALSE;
  }
  for (guint i = 0; i < n; i++) {
    const char *end = strchr (list, separator);
    const gsize length = end ? (gsize) (end - list) : strlen (list);

    if (!vlf_embeddings_name_text (self, path, i, list, length, error))
      return FALSE;
    list += length + 1;
  }
  return TRUE;
}

/* ---- our own format ---- */

/* Tokens that are not there leave: of each text [layers, tokens, dim] stays what is. */
static void
pack (VlfEmbeddings *self, guint i, guint tokens)
{
  VlfEmbedding *text = &self->texts[i];
  gsize wide = (gsize) text->tokens * self->dim, narrow = (gsize) tokens * self->dim;
  float *values = self->values + (text->values - self->values);

  for (gsize layer = 1; layer < self->layers; layer++)
    memmove (values + layer * narrow, values + layer * wide, narrow * sizeof *values);
  text->tokens = tokens;
}

static gboolean
read_mask (VlfEmbeddings *self, const char *path, const VlfSafetensors *file, GError **error)
{
  const VlfTensorInfo *info = vlf_safetensors_lookup (file, "attention_mask");
  guint tokens = self->texts[0].tokens;
  g_autofree gint64 *mask = NULL;

  if (!info)
    return TRUE;
  if (info->type != VLF_TENSOR_I64 || info->elements != (gsize) self->n * tokens) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: tensor attention_mask: expected I64 [%u, %u], found %s", path,
                 self->n, tokens, vlf_tensor_type_name (info->type));
    return FALSE;
  }
  mask = g_try_malloc_n (info->elements, sizeof *mask);
  if (!mask || !vlf_safetensors_read (file, info, 0, info->bytes, mask, error)) {
    if (!mask)
      g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: no memory for its attention_mask", path);
    return FALSE;
  }
  for (guint i = 0; i < self->n; i++) {
    guint there = 0;

    while (there < tokens && GINT64_FROM_LE (mask[(gsize) i * tokens + there]) == 1)
      there++;
    for (guint t = there; t < tokens; t++)
      if (there == 0 || mask[(gsize) i * tokens + t] != 0) {
        g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                     "%s: attention_mask of text %u: expected ones, then zeros, found another number at token %u", path,
                     i, t);
        return FALSE;
      }
    pack (self, i, there);
  }
  return TRUE;
}

static gboolean
wrong_words (const char *path, guint text, const char *what, GError **error)
{
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: metadata words, text %u: expected %s", path, text, what);
  return FALSE;
}

/* {"text": "red", "tokens": [2], "weight": 1, "phrase": true} */
static gboolean
read_word (VlfEmbeddings *self, const char *path, guint i, guint w, const VlfJson *json, VlfEmbeddedWord *word,
           gint *word_of, GError **error)
{
  const VlfJson *tokens = vlf_json_get (json, "tokens"), *weight = vlf_json_get (json, "weight"),
                *phrase = vlf_json_get (json, "phrase");
  const char *text = vlf_json_string (vlf_json_get (json, "text"), NULL);
  double number = 1;

  *word = (VlfEmbeddedWord){ .weight = 1, .phrase = TRUE };
  if (!text || !*text || vlf_json_type (tokens) != VLF_JSON_ARRAY)
    return wrong_words (path, i, "each word with \"text\", a string, and \"tokens\", an array", error);
  if (weight && (!vlf_json_double (weight, &number) || !(number >= 0 && number <= VLF_MARKUP_MAX_WEIGHT)))
    return wrong_words (path, i, "\"weight\" from 0 to 10", error);
  if (phrase && !vlf_json_bool (phrase, &word->phrase))
    return wrong_words (path, i, "\"phrase\" true or false", error);
  for (const VlfJson *token = vlf_json_first (tokens); token; token = vlf_json_next (token)) {
    guint64 t;

    if (!vlf_json_uint (token, &t) || t >= self->texts[i].tokens || word_of[t] >= 0)
      return wrong_words (path, i, "tokens that the text has, each of one word", error);
    word_of[t] = (gint) w;
  }
  word->text = g_string_chunk_insert (self->strings, text);
  word->weight = (float) number;
  return TRUE;
}

static gboolean
read_words_of (VlfEmbeddings *self, const char *path, guint i, const VlfJson *json, GError **error)
{
  VlfEmbedding *text = &self->texts[i];
  guint n = vlf_json_size (json), w = 0;
  VlfEmbeddedWord *words = vlf_embeddings_alloc (self, n, sizeof *words);
  gint *word_of = vlf_embeddings_alloc (self, text->tokens, sizeof *word_of);

  if (vlf_json_type (json) != VLF_JSON_ARRAY)
    return wrong_words (path, i, "an array of words", error);
  if (!words || !word_of) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: no memory for %u words", path, n);
    return FALSE;
  }
  for (guint t = 0; t < text->tokens; t++)
    word_of[t] = -1;
  for (const VlfJson *word = vlf_json_first (json); word; word = vlf_json_next (word), w++)
    if (!read_word (self, path, i, w, word, &words[w], word_of, error))
      return FALSE;
  if (n == 0) /* nobody said */
    return TRUE;
  text->n_words = n;
  text->words = words;
  text->word_of = word_of;
  return TRUE;
}

static gboolean
read_words (VlfEmbeddings *self, const char *path, const char *words, GError **error)
{
  const VlfJsonLimits limits = { .max_depth = 8 };
  g_autoptr (VlfJson) json = NULL;
  guint i = 0;

  if (!words)
    return TRUE;
  json = vlf_json_parse (words, strlen (words), &limits, error);
  if (!json) {
    g_prefix_error (error, "%s: metadata words: ", path);
    return FALSE;
  }
  if (vlf_json_type (json) != VLF_JSON_ARRAY || vlf_json_size (json) != self->n) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "%s: metadata words: expected an array of %u, one for each text, found %s of %u", path, self->n,
                 vlf_json_type_name (json), vlf_json_size (json));
    return FALSE;
  }
  for (const VlfJson *one = vlf_json_first (json); one; one = vlf_json_next (one))
    if (!read_words_of (self, path, i++, one, error))
      return FALSE;
  return TRUE;
}

static VlfEmbeddings *
read_own (const char *path, const VlfSafetensors *file, const VlfTensorInfo *info, GError **error)
{
  const char *model = vlf_safetensors_metadata (file, "model");
  g_autoptr (VlfEmbeddings) self = NULL;

  if (!model || !*model) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "%s: metadata model: expected the fingerprint of the model that made the embeddings, found nothing",
                 path);
    return NULL;
  }
  self = read_tensor (path, file, info, TRUE, error);
  if (!self || !name_texts (self, path, "text", vlf_safetensors_metadata (file, "text"), '\n', error) ||
      !read_mask (self, path, file, error) || !vlf_embeddings_check_finite (self, path, error) ||
      !read_words (self, path, vlf_safetensors_metadata (file, "words"), error))
    return NULL;
  self->model = g_strdup (model);
  return g_steal_pointer (&self);
}

/* ---- DL Streamer's ---- */

/* An absent number stays NaN. */
static gboolean
read_number (const char *path, const VlfSafetensors *file, const char *key, double *number, GError **error)
{
  const char *text = vlf_safetensors_metadata (file, key);
  char *end;

  if (!text)
    return TRUE;
  *number = g_ascii_strtod (text, &end);
  if (end > text && !*end && isfinite (*number))
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: metadata %s: expected a number, found \"%.*s\"", path, key,
               vlf_shown (text, 40), text);
  return FALSE;
}

static gboolean
read_numbers (VlfEmbeddings *self, const char *path, const VlfSafetensors *file, GError **error)
{
  if (!read_number (path, file, "logit_scale", &self->logit_scale, error) ||
      !read_number (path, file, "unknown_threshold", &self->unknown_threshold, error))
    return FALSE;
  if (self->logit_scale <= 0) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: metadata logit_scale: expected a number above 0, found %g",
                 path, self->logit_scale);
    return FALSE;
  }
  if (self->unknown_threshold < 0)
    self->unknown_threshold = NAN;
  return TRUE;
}

static gboolean
number_texts (VlfEmbeddings *self, const char *path, GError **error)
{
  for (guint i = 0; i < self->n; i++) {
    gchar label[16];

    g_snprintf (label, sizeof label, "%u", i);
    if (!vlf_embeddings_name_text (self, path, i, label, strlen (label), error))
      return FALSE;
  }
  return TRUE;
}

static VlfEmbeddings *
read_table (const char *path, const VlfSafetensors *file, const VlfTensorInfo *info, GError **error)
{
  const char *labels = vlf_safetensors_metadata (file, "labels");
  g_autoptr (VlfEmbeddings) self = read_tensor (path, file, info, FALSE, error);

  if (!self || !(labels ? name_texts (self, path, "labels", labels, ',', error) : number_texts (self, path, error)) ||
      !read_numbers (self, path, file, error) || !vlf_embeddings_check_finite (self, path, error) ||
      !vlf_embeddings_normalize (self, path, error))
    return NULL;
  self->model_name = g_strdup (vlf_safetensors_metadata (file, "model"));
  return g_steal_pointer (&self);
}

VlfEmbeddings *
vlf_embeddings_from_safetensors (const char *path, GError **error)
{
  static const char *const names[] = { "embeddings", "label_embeddings", "text_embeddings" };
  g_autoptr (VlfSafetensors) file = vlf_safetensors_open_file (path, error);
  const VlfTensorInfo *info;

  if (!file)
    return NULL;
  info = vlf_safetensors_lookup (file, "text_embeddings");
  if (info && vlf_safetensors_metadata (file, "text"))
    return read_own (path, file, info, error);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if ((info = vlf_safetensors_lookup (file, names[i])))
      return read_table (path, file, info, error);
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
               "%s: expected tensor text_embeddings with metadata text, or tensor embeddings as DL Streamer writes it, "
               "found neither",
               path);
  return NULL;
}
