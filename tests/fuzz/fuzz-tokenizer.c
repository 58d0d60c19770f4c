/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: tokenizer.json, tokenizer_config.json and a text, with a NUL between them. Ids and offsets stay within
 * their bounds. */
#include "models/tokenizer.h"
#include "tests/fuzz/fuzz.h"
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static gchar *dir;

static void
remove_dir (void)
{
  static const char *const names[] = { "tokenizer.json", "tokenizer_config.json" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree gchar *path = g_build_filename (dir, names[i], NULL);
    g_unlink (path);
  }
  g_rmdir (dir);
  g_free (dir);
}

static void
put (const char *name, const void *data, gsize size)
{
  g_autofree gchar *path = g_build_filename (dir, name, NULL);
  FILE *file;

  g_unlink (path);
  file = fopen (path, "wb");
  g_assert_true (file && fwrite (data, 1, size, file) == size);
  fclose (file);
}

static void
check (const VlfTokenizer *tokenizer, const char *text, gsize size)
{
  g_auto (VlfTokens) tokens = { 0 };

  if (!vlf_tokenizer_encode (tokenizer, text, (gssize) size, 0, &tokens, NULL))
    return;
  for (guint i = 0; i < tokens.n; i++) {
    const VlfToken *token = &tokens.tokens[i];

    g_assert_cmpuint (token->id, <, vlf_tokenizer_size (tokenizer));
    g_assert_true (token->begin <= token->end && token->end <= size);
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const guint8 *end = data + size, *first = memchr (data, 0, size);
  const guint8 *second = first ? memchr (first + 1, 0, (gsize) (end - first - 1)) : NULL;
  g_autoptr (VlfTokenizer) tokenizer = NULL;

  if (!second)
    return 0;
  if (!dir) {
    dir = g_dir_make_tmp ("vlf-fuzz-XXXXXX", NULL);
    atexit (remove_dir);
  }
  put ("tokenizer.json", data, (gsize) (first - data));
  put ("tokenizer_config.json", first + 1, (gsize) (second - first - 1));
  tokenizer = vlf_tokenizer_new (dir, "bridgetower", NULL);
  if (tokenizer)
    check (tokenizer, (const char *) second + 1, (gsize) (end - second - 1));
  return 0;
}
