/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>
#include "models/tokenizer_private.h"

/* What a character that no token has costs beyond the least probable token. Source: SentencePiece, unigram_model.cc. */
#define UNKNOWN_PENALTY 10.0

struct _VlfUnigram {
  double *scores; /* [n] logarithms of probabilities by id; -INFINITY: never a part of a text */
  guint n, unknown;
  double unknown_score;
  gboolean single;   /* sums are rounded to float */
  gboolean fallback; /* what is unknown becomes @bytes */
  gint bytes[256];   /* their ids; -1: none */
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

/* Which tokens stand for bytes; the first byte that has none, or 256. */
static guint
find_bytes (VlfUnigram *unigram, const VlfVocab *vocab)
{
  guint first = G_N_ELEMENTS (unigram->bytes);

  for (guint byte = G_N_ELEMENTS (unigram->bytes); byte-- > 0;) {
    char content[8];

    g_snprintf (content, sizeof content, "<0x%02X>", byte);
    unigram->bytes[byte] = vlf_vocab_find (vocab, content, strlen (content));
    if (unigram->bytes[byte] < 0)
      first = byte;
  }
  unigram->fallback = TRUE;
  return first;
}

VlfUnigram *
vlf_unigram_new (const VlfJson *vocab, const VlfJson *unknown, gboolean bytes, VlfVocab *to, GError **error)
{
  VlfUnigram *unigram = g_new0 (VlfUnigram, 1);

  if (read_vocab (unigram, vocab, unknown, to, error)) {
    vlf_vocab_sort (to);
    if (bytes)
      find_bytes (unigram, to);
    return unigram;
  }
  vlf_unigram_free (unigram);
  return NULL;
}

/* --- SentencePiece's own --- */

static gboolean
check_bytes (VlfUnigram *unigram, const VlfVocab *vocab, GError **error)
{
  const guint first = find_bytes (unigram, vocab);

  if (first < G_N_ELEMENTS (unigram->bytes))
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "expected pieces of all bytes, as byte_fallback is true, found no <0x%02X>", first);
  return first == G_N_ELEMENTS (unigram->bytes);
}

/* User-defined pieces win over all others of the same bytes. Source: SentencePiece, unigram_model.cc, whose greatest score begins with
 * the least positive float. */
static double
score_of (const VlfPiece *piece, float greatest)
{
  switch (piece->type) {
  case VLF_PIECE_NORMAL: return piece->score;
  case VLF_PIECE_DEFINED: return (float) piece->length * greatest - 0.1;
  default: return -INFINITY;
  }
}

VlfUnigram *
vlf_unigram_new_pieces (const VlfPiece *pieces, guint n, gboolean bytes, const VlfVocab *vocab, GError **error)
{
  VlfUnigram *unigram = g_new0 (VlfUnigram, 1);
  float least = G_MAXFLOAT, greatest = G_MINFLOAT;
  guint n_unknown = 0;

  unigram->n = n;
  unigram->single = TRUE;
  unigram->scores = g_new (double, n);
  for (guint i = 0; i < n; i++) {
    if (pieces[i].type == VLF_PIECE_NORMAL) {
      least = MIN (least, pieces[i].score);
      greatest = MAX (greatest, pieces[i].score);
    } else if (pieces[i].type == VLF_PIECE_UNKNOWN) {
      unigram->unknown = i;
      n_unknown++;
    }
  }
  for (guint i = 0; i < n; i++)
    unigram->scores[i] = score_of (&pieces[i], greatest);
  unigram->unknown_score = (float) (least - (float) UNKNOWN_PENALTY);
  if (n_unknown != 1)
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "expected one piece of type %d, the unknown one, found %u",
                 VLF_PIECE_UNKNOWN, n_unknown);
  else if (!bytes || check_bytes (unigram, vocab, error))
    return unigram;
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

/* --- encoding --- */

static void
reach (const VlfUnigram *unigram, Node *nodes, gsize from, gsize to, guint id, double score)
{
  double sum = nodes[from].score + score, all = unigram->single ? (float) sum : sum;

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
    if (id < 0 || isinf (unigram->scores[id]))
      continue;
    reach (unigram, nodes, at, i + 1, (guint) id, unigram->scores[id]);
    known |= i + 1 == at + character;
  }
  if (!known)
    reach (unigram, nodes, at, at + character, unigram->unknown, unigram->unknown_score);
}

static gboolean
have_tokens (const VlfUnigram *unigram, const VlfSlice *word, gsize at, gsize end)
{
  for (; at < end; at++)
    if (unigram->bytes[(guint8) word->text[at]] < 0)
      return FALSE;
  return TRUE;
}

/* The tokens of bytes [at, end) of @word: from their characters, which may be of several words of the text, or, as tokenizers has it, each
 * from all of them. */
static gboolean
append_bytes (const VlfUnigram *unigram, const VlfSlice *word, gsize at, gsize end, VlfTokens *to, gsize *allocated)
{
  const gsize first = at;

  for (; at < end; at++) {
    const guint from = word->begin[unigram->single ? at : first], until = word->end[unigram->single ? at : end - 1];

    if (!vlf_tokens_append (to, allocated, (guint) unigram->bytes[(guint8) word->text[at]], from, until, FALSE))
      return FALSE;
  }
  return TRUE;
}

/* The tokens of the best way, unknown ones that follow each other as one, or as their bytes. */
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
      id = unigram->single && unigram->fallback ? -1 : vlf_vocab_find (vocab, word->text + at, end - at);
      if (id < 0 && unigram->fallback && have_tokens (unigram, word, at, end)) {
        if (!append_bytes (unigram, word, at, end, to, allocated))
          return FALSE;
        continue;
      }
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
