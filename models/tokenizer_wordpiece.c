/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/tokenizer_private.h"
#include <string.h>

VlfWordPiece *
vlf_wordpiece_new (const VlfVocab *vocab, const char *prefix, const char *unknown, guint max_chars, GError **error)
{
  gint id = unknown ? vlf_vocab_find (vocab, unknown, strlen (unknown)) : -1;
  VlfWordPiece *wordpiece;

  if (id < 0) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "unk_token: expected a token of the vocabulary, found \"%.*s\"",
                 unknown ? vlf_shown (unknown, 100) : 4, unknown ? unknown : "null");
    return NULL;
  }
  wordpiece = g_new0 (VlfWordPiece, 1);
  wordpiece->prefix = g_strdup (prefix ? prefix : "##");
  wordpiece->unknown = (guint) id;
  wordpiece->max_chars = max_chars;
  return wordpiece;
}

void
vlf_wordpiece_free (VlfWordPiece *wordpiece)
{
  if (!wordpiece)
    return;
  g_free (wordpiece->prefix);
  g_free (wordpiece);
}

/* Bytes of the longest token, with the prefix unless @at is 0, that is at byte @at of @word, and its @id; 0 for
 * none. */
static gsize
longest (const VlfWordPiece *wordpiece, const VlfVocab *vocab, const VlfSlice *word, gsize at, gint *id)
{
  guint low = 0, high = vlf_vocab_size (vocab);
  gsize depth = 0, found = 0;
  gint here;

  for (const char *p = at > 0 ? wordpiece->prefix : ""; *p; p++)
    if (!vlf_vocab_narrow (vocab, &low, &high, depth++, (guint8) *p, &here))
      return 0;
  for (gsize i = at; i < word->length; i++) {
    if (!vlf_vocab_narrow (vocab, &low, &high, depth++, (guint8) word->text[i], &here))
      break;
    if (here >= 0) {
      *id = here;
      found = i + 1 - at;
    }
  }
  return found;
}

gboolean
vlf_wordpiece_encode (const VlfWordPiece *wordpiece, const VlfVocab *vocab, const VlfSlice *word, VlfTokens *to,
                      gsize *allocated)
{
  gboolean known = g_utf8_strlen (word->text, (gssize) word->length) <= wordpiece->max_chars;
  guint n = to->n;

  for (gsize at = 0, length; known && at < word->length; at += length) {
    gint id = -1;

    length = longest (wordpiece, vocab, word, at, &id);
    known = length > 0;
    if (known && !vlf_tokens_append (to, allocated, (guint) id, word->begin[at], word->end[at + length - 1], FALSE))
      return FALSE;
  }
  if (known)
    return TRUE;
  /* One part that is unknown makes the whole word so. */
  to->n = n;
  return vlf_tokens_append (to, allocated, wordpiece->unknown, word->begin[0], word->end[word->length - 1], FALSE);
}
