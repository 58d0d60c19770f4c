/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: tokenizer.json, tokenizer_config.json and a text, with a NUL between them; or, where the first is empty, a fourth
 * part behind a NUL, spiece.model. Ids and offsets stay within their bounds. */
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

static void
run (const char *model_type, const guint8 *text, gsize size)
{
  g_autoptr (VlfTokenizer) tokenizer = vlf_tokenizer_new (fuzz_folder (), model_type, NULL);

  if (tokenizer)
    check (tokenizer, (const char *) text, size);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const guint8 *end = data + size, *first = memchr (data, 0, size);
  const guint8 *second = first ? memchr (first + 1, 0, (gsize) (end - first - 1)) : NULL, *third = NULL;

  if (!second)
    return 0;
  fuzz_folder_remove ("tokenizer.json");
  fuzz_folder_remove ("spiece.model");
  fuzz_folder_put ("tokenizer_config.json", first + 1, (gsize) (second - first - 1));
  if (first > data) {
    fuzz_folder_put ("tokenizer.json", data, (gsize) (first - data));
    run ("bridgetower", second + 1, (gsize) (end - second - 1));
  } else if ((third = memchr (second + 1, 0, (gsize) (end - second - 1)))) {
    fuzz_folder_put ("spiece.model", third + 1, (gsize) (end - third - 1));
    run ("siglip", second + 1, (gsize) (third - second - 1));
  }
  return 0;
}
