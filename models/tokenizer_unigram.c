/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>
#include "models/tokenizer_private.h"

/* What a character that no token has costs beyond the least probable token. Source: SentencePiece, unigram_model.cc. */
#define UNKNOWN_PENALTY 10.0

struct _VlfUnigram {
  double *scores; /* [n] logarithms of probabilities by id */
  guint n, unknown;
  double unknown_score;
};

/* The best way to a byte of a word: its last token, which begins at @from. */
typedef struct {
  double score;
  guint32 from, id;
  guint32 to; /* end of the token that follows, once the best way is known */
  gboolean reached;
} Node;

/* @number as tokenizers reads it: all digits as one integer, divided by a power of ten, which may miss the nearest double by its last
 * bit (serde_json without float_roundtrip). That bit decides between ways of the same tokens in another order. */
static double
as_tokenizers (double number)
{
  static const char *const formats[] = { "%.14e", "%.15e", "%.16e" };
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  guint64 digits = 0;
  gint exponent, decimals = 0, zeros = 0;
  const char *p;

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    if (g_ascii_strtod (g_ascii_formatd (text, sizeof text, formats[i], fabs (number)), NULL) == fabs (number))
      break;
  for (p = text; *p != 'e'; p++) {
    if (*p == '.')
      continue;
    digits = digits * 10 + (guint64) (*p - '0');
    decimals += p > text;
    zeros = *p == '0' ? zeros + 1 : 0;
  }
  for (; zeros > 0 && decimals > 0; zeros--, decimals--)
    digits /= 10;
  exponent = (gint) g_ascii_strtoll (p + 1, NULL, 10) - decimals;
  return copysign (exponent < 0 ? digits / pow (10, -exponent) : digits * pow (10, exponent), number);
}

/* ["content", -3.2] */
static gboolean
read_entry (VlfUnigram *unigram, const VlfJson *entry, guint id, VlfVocab *to, GError **error)
{
  const VlfJson *first = vlf_json_first (entry);
  gsize length;
  const char *content = vlf_json_string (first, &length);

  if (!content || vlf_json_size (entry) != 2 || !vlf_json_double (vlf_json_next (first), &unigram->scores[id]) ||
      !isfinite (unigram->scores[id])) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "model.vocab[%u]: expected [\"token\", number], found %s", id,
                 vlf_json_type_name (entry));
    return FALSE;
  }
  unigram->scores[id] = as_tokenizers (unigram->scores[id]);
  unigram->unknown_score = MIN (unigram->unknown_score, unigram->scores[id] - UNKNOWN_PENALTY);
  if (vlf_vocab_add (to, content, length, id, error))
    return TRUE;
  g_prefix_error (error, "model.vocab: ");
  return FALSE;
}

static gboolean
read_vocab (VlfUnigram *unigram, const VlfJson *vocab, const VlfJson *unknown, VlfVocab *to, GError **error)
{
  guint id = 0;
  guint64 unk;

  if (vlf_json_type (vocab) != VLF_JSON_ARRAY || vlf_json_size (vocab) == 0 ||
      vlf_json_size (vocab) > VLF_MAX_TOKEN_ID + 1) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "model.vocab: expected an array of 1 to %u tokens, found %s of %u",
                 VLF_MAX_TOKEN_ID + 1, vlf_json_type_name (vocab), vlf_json_size (vocab));
    return FALSE;
  }
  unigram->n = vlf_json_size (vocab);
  unigram->scores = g_new (double, unigram->n);
  unigram->unknown_score = G_MAXDOUBLE;
  for (const VlfJson *entry = vlf_json_first (vocab); entry; entry = vlf_json_next (entry))
    if (!read_entry (unigram, entry, id++, to, error))
      return FALSE;
  if (!vlf_json_uint (unknown, &unk) || unk >= unigram->n) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "model.unk_id: expected 0 to %u, found another value",
                 unigram->n - 1);
    return FALSE;
  }
  unigram->unknown = (guint) unk;
  return TRUE;
}

VlfUnigram *
vlf_unigram_new (const VlfJson *vocab, const VlfJson *unknown, VlfVocab *to, GError **error)
{
  VlfUnigram *unigram = g_new0 (VlfUnigram, 1);

  if (read_vocab (unigram, vocab, unknown, to, error)) {
    vlf_vocab_sort (to);
    return unigram;
  }
  vlf_unigram_free (unigram);
  return NULL;
}

void
vlf_unigram_free (VlfUnigram *unigram)
{
  if (!unigram)
    return;
  g_free (unigram->scores);
  g_free (unigram);
}

static void
reach (Node *nodes, gsize from, gsize to, guint id, double score)
{
  double all = nodes[from].score + score;

  if (nodes[to].reached && all <= nodes[to].score)
    return;
  nodes[to] = (Node){ .score = all, .from = (guint32) from, .id = id, .reached = TRUE };
}

/* All tokens that begin at byte @at, and the unknown one if none of them is the first character alone. */
static void
go_on (const VlfUnigram *unigram, const VlfVocab *vocab, const VlfSlice *word, gsize at, gsize character, Node *nodes)
{
  guint low = 0, high = vlf_vocab_size (vocab);
  gboolean known = FALSE;
  gint id;

  for (gsize i = at; i < word->length; i++) {
    if (!vlf_vocab_narrow (vocab, &low, &high, i - at, (guint8) word->text[i], &id))
      break;
    if (id < 0)
      continue;
    reach (nodes, at, i + 1, (guint) id, unigram->scores[id]);
    known |= i + 1 == at + character;
  }
  if (!known)
    reach (nodes, at, at + character, unigram->unknown, unigram->unknown_score);
}

/* The tokens of the best way, unknown ones that follow each other as one. */
static gboolean
collect (const VlfUnigram *unigram, const VlfVocab *vocab, const VlfSlice *word, Node *nodes, VlfTokens *to,
         gsize *allocated)
{
  for (gsize at = word->length; at > 0; at = nodes[at].from)
    nodes[nodes[at].from].to = (guint32) at;
  for (gsize at = 0, end; at < word->length; at = end) {
    gint id;

    end = nodes[at].to;
    id = (gint) nodes[end].id;
    if (nodes[end].id == unigram->unknown) {
      while (end < word->length && nodes[nodes[end].to].id == unigram->unknown)
        end = nodes[end].to;
      id = vlf_vocab_find (vocab, word->text + at, end - at);
    }
    if (!vlf_tokens_append (to, allocated, id < 0 ? unigram->unknown : (guint) id, word->begin[at], word->end[end - 1],
                            FALSE))
      return FALSE;
  }
  return TRUE;
}

gboolean
vlf_unigram_encode (const VlfUnigram *unigram, const VlfVocab *vocab, const VlfSlice *word, VlfTokens *to,
                    gsize *allocated)
{
  g_autofree Node *nodes = g_try_new0 (Node, word->length + 1);

  if (!nodes)
    return FALSE;
  for (gsize at = 0, character; at < word->length; at += character) {
    character = (gsize) (g_utf8_next_char (word->text + at) - (word->text + at));
    go_on (unigram, vocab, word, at, character, nodes);
  }
  return collect (unigram, vocab, word, nodes, to, allocated);
}
