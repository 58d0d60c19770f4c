/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include "kernels/size.h"
#include "models/embeddings_private.h"
#include "models/safetensors_write.h"

typedef struct {
  const VlfEmbedding *texts;
  guint n, layers, dim;
  guint tokens; /* of the longest */
} Table;

static gboolean
is_pooled (const Table *t)
{
  return t->layers == 1 && t->tokens == 1;
}

/* [n, layers, tokens, dim], padded with zeros. */
static float *
make_values (const Table *t)
{
  gsize one = (gsize) t->layers * t->tokens * t->dim, all;
  float *values = vlf_size_mul (t->n, one, &all) ? g_try_new0 (float, all) : NULL;

  for (guint i = 0; values && i < t->n; i++) {
    gsize own = (gsize) t->texts[i].tokens * t->dim;

    for (guint layer = 0; layer < t->layers; layer++)
      memcpy (values + i * one + (gsize) layer * t->tokens * t->dim, t->texts[i].values + layer * own,
              own * sizeof *values);
  }
  return values;
}

static gboolean
add_values (VlfSafetensorsWriter *writer, const Table *t, const char *path, GError **error)
{
  const guint shape[] = { t->n, t->layers, t->tokens, t->dim };
  const guint pooled[] = { t->n, t->dim };
  g_autofree float *values = make_values (t);

  if (!values) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: no memory for %u texts", path, t->n);
    return FALSE;
  }
  if (is_pooled (t))
    return vlf_safetensors_writer_add (writer, "text_embeddings", VLF_TENSOR_F32, pooled, 2, values, error);
  if (t->n == 1)
    return vlf_safetensors_writer_add (writer, "text_embeddings", VLF_TENSOR_F32, shape + 1, 3, values, error);
  return vlf_safetensors_writer_add (writer, "text_embeddings", VLF_TENSOR_F32, shape, 4, values, error);
}

static gboolean
add_mask (VlfSafetensorsWriter *writer, const Table *t, GError **error)
{
  const guint shape[] = { t->n, t->tokens };
  g_autofree gint64 *mask = NULL;

  if (is_pooled (t) || t->n == 1)
    return TRUE;
  mask = g_new0 (gint64, (gsize) t->n * t->tokens);
  for (guint i = 0; i < t->n; i++)
    for (guint k = 0; k < t->texts[i].tokens; k++)
      mask[(gsize) i * t->tokens + k] = 1;
  return vlf_safetensors_writer_add (writer, "attention_mask", VLF_TENSOR_I64, shape, 2, mask, error);
}

static void
describe_word (GString *json, const VlfEmbedding *text, guint w)
{
  const VlfEmbeddedWord *word = &text->words[w];
  gchar number[G_ASCII_DTOSTR_BUF_SIZE];
  const char *comma = "";

  g_string_append (json, "{\"text\":");
  vlf_json_quote (json, word->text, -1);
  g_string_append (json, ",\"tokens\":[");
  for (guint t = 0; text->word_of && t < text->tokens; t++)
    if (text->word_of[t] == (gint) w) {
      g_string_append_printf (json, "%s%u", comma, t);
      comma = ",";
    }
  g_string_append_c (json, ']');
  if (word->weight != 1.0f)
    g_string_append_printf (json, ",\"weight\":%s", g_ascii_formatd (number, sizeof number, "%.9g", word->weight));
  g_string_append (json, word->phrase ? "}" : ",\"phrase\":false}");
}

static void
describe (VlfSafetensorsWriter *writer, const char *model, const Table *t)
{
  g_autoptr (GString) lines = g_string_new (NULL), words = g_string_new ("[");
  gboolean any = FALSE;

  for (guint i = 0; i < t->n; i++) {
    g_string_append_printf (lines, "%s%s", i ? "\n" : "", t->texts[i].text);
    g_string_append (words, i ? ",[" : "[");
    for (guint w = 0; w < t->texts[i].n_words; w++) {
      g_string_append (words, w ? "," : "");
      describe_word (words, &t->texts[i], w);
    }
    g_string_append_c (words, ']');
    any |= t->texts[i].n_words > 0;
  }
  g_string_append_c (words, ']');
  vlf_safetensors_writer_set (writer, "model", model);
  vlf_safetensors_writer_set (writer, "text", lines->str);
  if (any)
    vlf_safetensors_writer_set (writer, "words", words->str);
}

static gboolean
check_text (const char *path, const VlfEmbedding *text, guint i, GError **error)
{
  if (*text->text && !strpbrk (text->text, "\r\n"))
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: text %u: expected one line, found %s", path, i,
               *text->text ? "a line break" : "nothing");
  return FALSE;
}

gboolean
vlf_embeddings_save (const char *path, const char *model, const VlfEmbedding *texts, guint n, guint layers, guint dim,
                     GError **error)
{
  g_autoptr (VlfSafetensorsWriter) writer = vlf_safetensors_writer_new ();
  Table table = { .texts = texts, .n = n, .layers = layers, .dim = dim };

  if (n == 0 || n > VLF_EMBEDDINGS_MAX_TEXTS) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: expected 1 to %u texts to write, found %u", path,
                 VLF_EMBEDDINGS_MAX_TEXTS, n);
    return FALSE;
  }
  for (guint i = 0; i < n; i++) {
    if (!check_text (path, &texts[i], i, error))
      return FALSE;
    table.tokens = MAX (table.tokens, texts[i].tokens);
  }
  describe (writer, model, &table);
  return add_values (writer, &table, path, error) && add_mask (writer, &table, error) &&
         vlf_safetensors_writer_save (writer, path, error);
}
