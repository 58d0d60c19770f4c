/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/embeddings.h"
#include "tools/vlf-run.h"
#include <string.h>

#define MOST_BYTES 90000000u /* of texts; a file's header, which has them, takes 100,000,000, and some are quoted */

/* Of the first byte of @text that is not UTF-8, a NUL included; 0: all of it is. */
static guint
bad_line (const char *text, gsize size)
{
  const char *end;
  guint line = 1;

  if (g_utf8_validate_len (text, size, &end))
    return 0;
  for (; text < end; text++)
    line += *text == '\n';
  return line;
}

/* The lines of @path, trimmed, blank ones left out; names the line that is not UTF-8. */
static GPtrArray *
read_lines (const char *path, GError **error)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  g_autofree gchar *all = NULL;
  g_auto (GStrv) parts = NULL;
  gsize size;
  guint bad;

  if (!g_file_get_contents (path, &all, &size, error))
    return NULL;
  if ((bad = bad_line (all, size))) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: line %u: expected UTF-8, found other bytes", path, bad);
    return NULL;
  }
  parts = g_strsplit (all, "\n", 0);
  for (guint i = 0; parts[i]; i++)
    if (*g_strstrip (parts[i]))
      g_ptr_array_add (lines, g_strdup (parts[i]));
  if (lines->len > 0)
    return g_steal_pointer (&lines);
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: expected a text a line, found none", path);
  return NULL;
}

/* Before hours of work, what no file can hold. */
static gboolean
check_lines (const char *path, const GPtrArray *lines, GError **error)
{
  gsize bytes = 0;

  for (guint i = 0; i < lines->len; i++)
    bytes += strlen (g_ptr_array_index (lines, i)) + 1;
  if (lines->len <= VLF_EMBEDDINGS_MAX_TEXTS && bytes <= MOST_BYTES)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
               "%s: expected at most %u texts of %u bytes together, found %u of %" G_GSIZE_FORMAT
               "; banks of more than that want several files",
               path, VLF_EMBEDDINGS_MAX_TEXTS, MOST_BYTES, lines->len, bytes);
  return FALSE;
}

static gboolean
embed (VlfModel *model, GPtrArray *lines, float *rows, guint size, GError **error)
{
  for (guint i = 0; i < lines->len; i++) {
    const gchar *line = g_ptr_array_index (lines, i);
    gboolean truncated;

    if (!vlf_model_embed_text (model, line, rows + (gsize) i * size, &truncated, error))
      return FALSE;
    if (truncated)
      cli_note ("note: the text \"%.*s...\" is longer than the model reads; its end was cut off", vlf_shown (line, 40),
                line);
  }
  return TRUE;
}

gboolean
run_texts (const RunOptions *options, GError **error)
{
  g_autoptr (GPtrArray) lines = read_lines (options->texts, error);
  const guint n = lines ? lines->len : 0;
  const gboolean fits = lines && check_lines (options->texts, lines, error);
  g_autoptr (VlfModel) model = fits ? run_open_model (options, FALSE, error) : NULL;
  const guint size = model ? vlf_model_embedding_size (model) : 0;
  g_autofree float *rows = model ? g_try_new (float, MAX ((gsize) n * size, 1)) : NULL;
  g_autofree VlfEmbedding *texts = NULL;

  if (!model)
    return FALSE;
  if (!rows) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: no memory for %u texts", options->texts, n);
    return FALSE;
  }
  if (!embed (model, lines, rows, size, error))
    return FALSE;
  texts = g_new0 (VlfEmbedding, n);
  for (guint i = 0; i < n; i++)
    texts[i] = (VlfEmbedding){ .text = g_ptr_array_index (lines, i), .tokens = 1, .values = rows + (gsize) i * size };
  return vlf_embeddings_save (options->save, vlf_model_fingerprint (model), texts, n, 1, size, error);
}
