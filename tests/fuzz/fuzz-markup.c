/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a prompt with marks. Marks lie in the plain text, in order, and weigh what they may. */
#include "models/markup.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

static void
check_marks (const GArray *marks, gsize length)
{
  gsize end = 0;

  for (guint i = 0; i < marks->len; i++) {
    const VlfMark *mark = &g_array_index (marks, VlfMark, i);

    g_assert_true (mark->begin >= end && mark->end > mark->begin && mark->end <= length);
    g_assert_true (mark->weight >= 0 && mark->weight <= VLF_MARKUP_MAX_WEIGHT);
    end = mark->end;
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree gchar *text = g_strndup ((const gchar *) data, size);
  g_auto (VlfMarkup) markup = { 0 };
  gsize length;

  if (!g_utf8_validate (text, -1, NULL))
    return 0;
  vlf_markup_parse (&markup, text);
  length = strlen (markup.text);
  g_assert_cmpuint (length, <=, strlen (text));
  g_assert_true (g_utf8_validate (markup.text, -1, NULL));
  check_marks (markup.weights, length);
  check_marks (markup.focus, length);
  for (gsize i = 0; i < MIN (length, 64); i++) {
    float weight = vlf_markup_weight (&markup, i, i + 1);

    g_assert_true (weight >= 0 && weight <= VLF_MARKUP_MAX_WEIGHT);
    vlf_markup_is_focus (&markup, i, i + 1);
  }
  return 0;
}
