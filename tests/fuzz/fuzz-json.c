/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a JSON text. What parses must have a canonical form that parses to the same. */
#include "models/json.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (VlfJson) json = vlf_json_parse ((const char *) data, size, NULL, NULL);
  g_autoptr (GString) first = g_string_new (NULL), second = g_string_new (NULL);
  g_autoptr (VlfJson) again = NULL;

  if (!json)
    return 0;
  vlf_json_canonical (json, first);
  again = vlf_json_parse (first->str, first->len, NULL, NULL);
  fuzz_expect (again != NULL);
  if (!again)
    return 0;
  vlf_json_canonical (again, second);
  g_assert_cmpstr (first->str, ==, second->str);
  vlf_json_path (json, "text_config.hidden_size");
  return 0;
}
