/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts with their embeddings: the object, and which format a file has. */
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>
#include "kernels/size.h"
#include "models/embeddings_private.h"
#include "models/file.h"

#define MAX_HEADER   ((guint64) 100000000) /* of safetensors; every JSON text read as such a number is larger */
#define MAX_DEPTH    16
#define MAX_VALUES   (16u << 20) /* of a JSON file; 768 MiB at most */
#define LEAST_LENGTH 1e-12

static gboolean
check_limit (const char *name, const char *what, gsize found, gsize most, GError **error)
{
  if (found >= 1 && found <= most)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: %s: expected 1 to %" G_GSIZE_FORMAT ", found %" G_GSIZE_FORMAT,
               name, what, most, found);
  return FALSE;
}

static gboolean
check_limits (const char *name, gsize n, gsize layers, gsize tokens, gsize dim, GError **error)
{
  return check_limit (name, "texts", n, VLF_EMBEDDINGS_MAX_TEXTS, error) &&
         check_limit (name, "layers", layers, VLF_EMBEDDINGS_MAX_LAYERS, error) &&
         check_limit (name, "tokens of a text", tokens, VLF_EMBEDDINGS_MAX_TOKENS, error) &&
         check_limit (name, "numbers of a vector", dim, VLF_EMBEDDINGS_MAX_DIM, error);
}

VlfEmbeddings *
vlf_embeddings_new (const char *name, gsize n, gsize layers, gsize tokens, gsize dim, GError **error)
{
  g_autoptr (VlfEmbeddings) self = NULL;
  gsize one, all;

  if (!check_limits (name, n, layers, tokens, dim, error))
    return NULL;
  self = g_new0 (VlfEmbeddings, 1);
  self->refs = 1;
  self->logit_scale = self->threshold = self->unknown_threshold = NAN;
  self->strings = g_string_chunk_new (1024);
  self->blocks = g_ptr_array_new_with_free_func (g_free);
  self->layers = (guint) layers;
  self->dim = (guint) dim;
  self->pooled = layers == 1 && tokens == 1;
  one = layers * tokens * dim; /* 2^40 at most */
  if (vlf_size_mul (n, one, &all))
    self->values = g_try_malloc_n (all, sizeof (float));
  self->texts = g_try_new0 (VlfEmbedding, n);
  if (!self->values || !self->texts) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY,
                 "%s: no memory for %" G_GSIZE_FORMAT " texts of %" G_GSIZE_FORMAT " numbers", name, n, one);
    return NULL;
  }
  self->n = (guint) n;
  for (gsize i = 0; i < n; i++) {
    self->texts[i].tokens = (guint) tokens;
    self->texts[i].values = self->values + i * one;
  }
  return g_steal_pointer (&self);
}

VlfEmbeddings *
vlf_embeddings_ref (VlfEmbeddings *self)
{
  g_atomic_int_inc (&self->refs);
  return self;
}

void
vlf_embeddings_unref (VlfEmbeddings *self)
{
  if (!self || !g_atomic_int_dec_and_test (&self->refs))
    return;
  g_ptr_array_unref (self->blocks);
  g_string_chunk_free (self->strings);
  g_free (self->texts);
  g_free (self->values);
  g_free (self->model);
  g_free (self->model_name);
  g_free (self);
}

gpointer
vlf_embeddings_alloc (VlfEmbeddings *self, gsize count, gsize size)
{
  gsize bytes;
  gpointer block = vlf_size_mul (MAX (count, 1), size, &bytes) ? g_try_malloc0 (bytes) : NULL;

  if (block)
    g_ptr_array_add (self->blocks, block);
  return block;
}

gboolean
vlf_embeddings_name_text (VlfEmbeddings *self, const char *name, guint i, const char *text, gsize length,
                          GError **error)
{
  g_autofree gchar *line = g_strndup (text, length);

  g_strdelimit (line, "\r\n", ' ');
  if (strlen (line) != length || !g_utf8_validate (line, -1, NULL)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: text %u: expected UTF-8, found other bytes", name, i);
    return FALSE;
  }
  if (!*g_strstrip (line)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: text %u: expected words, found none", name, i);
    return FALSE;
  }
  self->texts[i].text = g_string_chunk_insert (self->strings, line);
  return TRUE;
}

gboolean
vlf_embeddings_check_finite (const VlfEmbeddings *self, const char *name, GError **error)
{
  for (guint i = 0; i < self->n; i++) {
    const VlfEmbedding *text = &self->texts[i];

    for (gsize k = 0; k < (gsize) self->layers * text->tokens * self->dim; k++)
      if (!isfinite (text->values[k])) {
        g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                     "%s: text %u \"%.*s\": expected finite numbers, found %s at place %" G_GSIZE_FORMAT, name, i,
                     vlf_shown (text->text, 80), text->text, isnan (text->values[k]) ? "NaN" : "an infinite one", k);
        return FALSE;
      }
  }
  return TRUE;
}

gboolean
vlf_embeddings_normalize (VlfEmbeddings *self, const char *name, GError **error)
{
  for (guint i = 0; i < self->n; i++) {
    float *vector = self->values + (gsize) i * self->dim;
    double sum = 0;

    for (guint k = 0; k < self->dim; k++)
      sum += (double) vector[k] * vector[k];
    if (!(sqrt (sum) > LEAST_LENGTH)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                   "%s: text %u \"%.*s\": expected a vector with a direction, found zeros", name, i,
                   vlf_shown (self->texts[i].text, 80), self->texts[i].text);
      return FALSE;
    }
    for (guint k = 0; k < self->dim; k++)
      vector[k] = (float) (vector[k] / sqrt (sum));
  }
  return TRUE;
}

/* ---- copies ---- */

static gboolean
copy_words (VlfEmbeddings *to, VlfEmbedding *text, const VlfEmbedding *from, GError **error)
{
  VlfEmbeddedWord *words = vlf_embeddings_alloc (to, from->n_words, sizeof *words);
  gint *word_of = vlf_embeddings_alloc (to, from->tokens, sizeof *word_of);

  if (!words || !word_of) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for %u words", from->n_words);
    return FALSE;
  }
  text->words = words;
  text->word_of = word_of;
  for (guint w = 0; w < from->n_words; w++) {
    words[w] = from->words[w];
    words[w].text = g_string_chunk_insert (to->strings, from->words[w].text);
  }
  for (guint t = 0; t < from->tokens; t++)
    word_of[t] = from->word_of[t] < (gint) from->n_words ? MAX (from->word_of[t], -1) : -1;
  return TRUE;
}

/* Text @i of @to becomes a copy of @from. */
static gboolean
copy_text (VlfEmbeddings *to, guint i, const VlfEmbedding *from, GError **error)
{
  VlfEmbedding *text = &to->texts[i];
  float *values = to->values + (text->values - to->values);

  *text = *from;
  text->values = memcpy (values, from->values, (gsize) to->layers * from->tokens * to->dim * sizeof *values);
  if (from->n_words == 0 || !from->word_of) {
    text->n_words = 0;
    text->words = NULL;
    text->word_of = NULL;
  } else if (!copy_words (to, text, from, error)) {
    return FALSE;
  }
  return vlf_embeddings_name_text (to, "prompts", i, from->text, strlen (from->text), error);
}

VlfEmbeddings *
vlf_embeddings_copy (const char *model, const VlfEmbedding *texts, guint n, guint layers, guint dim, GError **error)
{
  g_autoptr (VlfEmbeddings) all = NULL;
  guint tokens = 1;

  for (guint i = 0; i < n; i++)
    tokens = MAX (tokens, texts[i].tokens);
  all = vlf_embeddings_new ("prompts", n, layers, tokens, dim, error);
  if (!all)
    return NULL;
  all->model = g_strdup (model);
  for (guint i = 0; i < n; i++)
    if (!copy_text (all, i, &texts[i], error))
      return NULL;
  return vlf_embeddings_check_finite (all, "prompts", error) ? g_steal_pointer (&all) : NULL;
}

/* ---- files ---- */

/* A safetensors file begins with the length of its header; a JSON text, or what is too short for either, does not. */
static gboolean
is_safetensors (const char *path, gboolean *yes, GError **error)
{
  struct stat status;
  guint64 length = 0;
  gboolean ok = TRUE;
  int fd = vlf_file_open (AT_FDCWD, path, &status, error);

  if (fd < 0)
    return FALSE;
  if (status.st_size == 0) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "%s: expected text embeddings as safetensors or JSON, found an empty file", path);
    ok = FALSE;
  } else if (status.st_size >= 8) {
    ok = vlf_file_read (fd, path, 0, sizeof length, &length, error);
  }
  close (fd);
  *yes = status.st_size >= 8 && GUINT64_FROM_LE (length) <= MAX_HEADER;
  return ok;
}

VlfEmbeddings *
vlf_embeddings_load (const char *path, GError **error)
{
  const VlfJsonLimits limits = { .max_depth = MAX_DEPTH, .max_values = MAX_VALUES };
  g_autoptr (VlfJson) json = NULL;
  gboolean safetensors;

  if (!is_safetensors (path, &safetensors, error))
    return NULL;
  if (safetensors)
    return vlf_embeddings_from_safetensors (path, error);
  json = vlf_json_load (AT_FDCWD, path, VLF_EMBEDDINGS_MAX_BYTES, &limits, error);
  return json ? vlf_embeddings_from_json (path, json, error) : NULL;
}
