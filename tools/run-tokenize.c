/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/vlf-run.h"
#include "models/config.h"
#include "models/tokenizer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static VlfTokenizer *
open_tokenizer (const char *name, GError **error)
{
  g_autofree gchar *directory = vlf_model_find (name, error);
  g_autoptr (VlfConfig) config = directory ? vlf_config_load (directory, "config.json", error) : NULL;
  const char *model_type;

  if (!config)
    return NULL;
  model_type = vlf_config_string (config, "model_type", "");
  if (!vlf_config_check (config, error))
    return NULL;
  return vlf_tokenizer_new (directory, model_type, error);
}

static gboolean
print_ids (const VlfTokens *tokens, GError **error)
{
  g_autoptr (GString) line = g_string_new ("[");

  for (guint i = 0; i < tokens->n; i++)
    g_string_append_printf (line, "%s%u", i ? "," : "", tokens->tokens[i].id);
  g_string_append (line, "]\n");
  return cli_print (line->str, error);
}

static gboolean
tokenize_line (const VlfTokenizer *tokenizer, const char *line, gsize length, GError **error)
{
  g_autoptr (VlfJson) json = vlf_json_parse (line, length, NULL, error);
  g_auto (VlfTokens) tokens = { 0 };
  gsize text_length;
  const char *text = vlf_json_string (json, &text_length);

  if (!json)
    return FALSE;
  if (!text) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "expected a JSON string, found %s", vlf_json_type_name (json));
    return FALSE;
  }
  return vlf_tokenizer_encode (tokenizer, text, (gssize) text_length, 0, &tokens, error) && print_ids (&tokens, error);
}

gboolean
run_tokenize (const RunOptions *options, GError **error)
{
  g_autoptr (VlfTokenizer) tokenizer = open_tokenizer (options->model, error);
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;
  gboolean good = tokenizer != NULL;

  for (guint number = 1; good && (length = getline (&line, &capacity, stdin)) >= 0; number++) {
    good = tokenize_line (tokenizer, line, (gsize) length, error);
    if (!good)
      g_prefix_error (error, "standard input, line %u: ", number);
  }
  if (good && ferror (stdin)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_IO, "standard input: %s", g_strerror (errno));
    good = FALSE;
  }
  free (line);
  return good;
}
