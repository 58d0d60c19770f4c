/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From tokens back to text. */
#include <string.h>
#include "models/tokenizer_private.h"

/* Whether a token of WordPiece stands right behind the one before: a word's further piece, or what BERT's decoder cleans up. Source:
 * transformers, clean_up_tokenization. */
static gboolean
is_glued (const char *content, const char *prefix)
{
  static const char *const behind[] = { ".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re" };

  for (guint i = 0; i < G_N_ELEMENTS (behind); i++)
    if (g_str_has_prefix (content, behind[i]))
      return TRUE;
  return g_str_has_prefix (content, prefix);
}

static void
append_piece (const VlfWordPiece *wordpiece, const char *content, GString *to)
{
  if (to->len == 0) {
    g_string_append (to, content);
    return;
  }
  if (!is_glued (content, wordpiece->prefix))
    g_string_append_c (to, ' ');
  g_string_append (to, g_str_has_prefix (content, wordpiece->prefix) ? content + strlen (wordpiece->prefix) : content);
}

static void
append_marked (const char *content, GString *to)
{
  for (const char *mark; (mark = strstr (content, VLF_SPACE_MARK)); content = mark + strlen (VLF_SPACE_MARK)) {
    g_string_append_len (to, content, mark - content);
    g_string_append_c (to, ' ');
  }
  g_string_append (to, content);
}

void
vlf_tokenizer_append (const VlfTokenizer *tokenizer, guint id, GString *to)
{
  const char *content = vlf_tokenizer_content (tokenizer, id);

  if (!content)
    return;
  if (tokenizer->unigram)
    append_marked (content, to);
  else if (tokenizer->wordpiece)
    append_piece (tokenizer->wordpiece, content, to);
  else if (vlf_added_find (tokenizer->added, content) >= 0)
    g_string_append (to, content);
  else
    vlf_bpe_append (tokenizer->bpe, content, to);
}

/* Takes the spaces out of each @pattern in @text. */
static void
close_up (GString *text, const char *pattern, gsize *ends, guint n)
{
  const gsize length = strlen (pattern);
  gsize at = 0, to = 0;
  guint e = 0;

  while (at < text->len) {
    const gboolean found = text->len - at >= length && memcmp (text->str + at, pattern, length) == 0;

    for (const gsize stop = at + (found ? length : 1); at < stop; at++) {
      while (e < n && ends[e] <= at)
        ends[e++] = to;
      if (!found || text->str[at] != ' ')
        text->str[to++] = text->str[at];
    }
  }
  while (e < n)
    ends[e++] = to;
  g_string_truncate (text, to);
}

void
vlf_tokenizer_clean_up (const VlfTokenizer *tokenizer, GString *text, gsize *ends, guint n)
{
  static const char *const patterns[] = { " .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're" };

  for (guint i = 0; i < G_N_ELEMENTS (patterns) && tokenizer->clean_up; i++)
    close_up (text, patterns[i], ends, n);
}
