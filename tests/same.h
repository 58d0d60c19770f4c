/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/result.h"

static inline void
assert_same_floats (const float *a, const float *b, gsize n)
{
  g_assert_cmpint (a == NULL, ==, b == NULL);
  if (a)
    g_assert_cmpmem (a, n * sizeof *a, b, n * sizeof *b);
}

/* What @a and @b found, to the last bit; maps have @cells numbers. */
static inline void
assert_same_numbers (const VlfPromptResult *a, const VlfPromptResult *b, gsize cells)
{
  g_assert_cmpmem (&a->score, sizeof a->score, &b->score, sizeof b->score);
  g_assert_cmpuint (a->embedding_size, ==, b->embedding_size);
  assert_same_floats (a->embedding, b->embedding, a->embedding_size);
  assert_same_floats (a->map, b->map, cells);
  g_assert_cmpuint (a->n_words, ==, b->n_words);
  for (guint w = 0; w < a->n_words; w++) {
    g_assert_cmpstr (a->words[w].text, ==, b->words[w].text);
    assert_same_floats (a->words[w].map, b->words[w].map, cells);
    assert_same_floats (&a->words[w].weight, &b->words[w].weight, 1);
  }
}

/* And of the same prompt. */
static inline void
assert_same_prompt (const VlfPromptResult *a, const VlfPromptResult *b, gsize cells)
{
  g_assert_cmpstr (a->text, ==, b->text);
  assert_same_numbers (a, b, cells);
}
