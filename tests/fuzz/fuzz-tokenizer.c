/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: tokenizer.json, tokenizer_config.json and a text, with a NUL between them. Ids and offsets stay within
 * their bounds. */
#include "models/tokenizer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/folder.h"
#include <string.h>

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
  fuzz_folder_put ("tokenizer.json", data, (gsize) (first - data));
  fuzz_folder_put ("tokenizer_config.json", first + 1, (gsize) (second - first - 1));
  tokenizer = vlf_tokenizer_new (fuzz_folder (), "bridgetower", NULL);
  if (tokenizer)
    check (tokenizer, (const char *) second + 1, (gsize) (end - second - 1));
  return 0;
}
