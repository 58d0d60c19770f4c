/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/tokenizer.h"
#include "models/file.h"
#include "models/tokenizer_private.h"
#include <string.h>
#include <unistd.h>

#define MAX_BYTES ((gsize) 16 << 20)

/* What normalisation may make of @n bytes. A character of real tokenizers becomes eleven times as long at most; without a limit sixteen
 * steps of a hostile one would make a letter all the memory there is. */
#define MAX_GROWTH      64u
#define MAX_NORMAL      ((gsize) 128 << 20)
#define NORMAL_LIMIT(n) (MIN (MAX_GROWTH * (n), MAX_NORMAL) + 256)

/* --- the object --- */

/* Contents by id, of the vocabulary first: an added token that is also there has the same content. */
static void
list_contents (VlfTokenizer *tokenizer)
{
  guint n = vlf_vocab_size (tokenizer->vocab), id;
  gint max = vlf_added_max_id (tokenizer->added);

  for (guint i = 0; i < n; i++) {
    vlf_vocab_content (tokenizer->vocab, i, &id);
    max = MAX (max, (gint) id);
  }
  tokenizer->size = (guint) (max + 1);
  tokenizer->contents = g_new0 (const char *, tokenizer->size);
  for (guint i = 0; i < n; i++) {
    const char *content = vlf_vocab_content (tokenizer->vocab, i, &id);
    tokenizer->contents[id] = content;
  }
  for (guint i = 0; i < vlf_added_size (tokenizer->added); i++) {
    const VlfAddedToken *token = vlf_added_nth (tokenizer->added, i);
    tokenizer->contents[token->id] = token->content;
  }
}

/* Whatever a tokenizer returns has a place in its list of contents. */
static gboolean
check_ids (const VlfTokenizer *tokenizer, const guint *ids, guint n, GError **error)
{
  for (guint i = 0; i < n; i++) {
    if (ids[i] < tokenizer->size)
      continue;
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "tokenizer.json: post_processor: expected ids of tokens, at most %u, found %u", tokenizer->size - 1,
                 ids[i]);
    return FALSE;
  }
  return TRUE;
}

VlfTokenizer *
vlf_tokenizer_new (const char *dir, const char *model_type, GError **error)
{
  VlfTokenizer *tokenizer;
  int fd = vlf_dir_open (dir, error);
  gboolean ok;

  if (fd < 0)
    return NULL;
  tokenizer = g_new0 (VlfTokenizer, 1);
  tokenizer->vocab = vlf_vocab_new ();
  tokenizer->added = vlf_added_new ();
  ok = vlf_tokenizer_load (tokenizer, fd, model_type, error);
  close (fd);
  if (ok) {
    list_contents (tokenizer);
    ok = check_ids (tokenizer, tokenizer->before, tokenizer->n_before, error) &&
         check_ids (tokenizer, tokenizer->after, tokenizer->n_after, error);
  }
  if (ok)
    return tokenizer;
  g_prefix_error (error, "%s: ", dir);
  vlf_tokenizer_free (tokenizer);
  return NULL;
}

void
vlf_tokenizer_free (VlfTokenizer *tokenizer)
{
  if (!tokenizer)
    return;
  g_free (tokenizer->contents);
  vlf_bpe_free (tokenizer->bpe);
  vlf_wordpiece_free (tokenizer->wordpiece);
  vlf_unigram_free (tokenizer->unigram);
  vlf_spiece_free (tokenizer->spiece);
  g_free (tokenizer->lead);
  vlf_normaliser_clear (&tokenizer->normaliser);
  vlf_added_free (tokenizer->added);
  vlf_vocab_free (tokenizer->vocab);
  g_free (tokenizer);
}

guint
vlf_tokenizer_size (const VlfTokenizer *tokenizer)
{
  return tokenizer->size;
}

guint
vlf_tokenizer_model_max_length (const VlfTokenizer *tokenizer)
{
  return tokenizer->model_max_length;
}

guint
vlf_tokenizer_n_special (const VlfTokenizer *tokenizer)
{
  return tokenizer->n_before + tokenizer->n_after;
}

gint
vlf_tokenizer_id (const VlfTokenizer *tokenizer, VlfTokenRole role)
{
  return tokenizer->roles[role];
}

gint
vlf_tokenizer_lookup (const VlfTokenizer *tokenizer, const char *content)
{
  gint id = vlf_added_find (tokenizer->added, content);

  return id >= 0 ? id : vlf_vocab_find (tokenizer->vocab, content, strlen (content));
}

const char *
vlf_tokenizer_content (const VlfTokenizer *tokenizer, guint id)
{
  return id < tokenizer->size ? tokenizer->contents[id] : NULL;
}

/* --- tokens --- */

void
vlf_tokens_clear (VlfTokens *tokens)
{
  g_free (tokens->tokens);
  *tokens = (VlfTokens){ 0 };
}

gboolean
vlf_tokens_append (VlfTokens *to, gsize *allocated, guint id, guint begin, guint end, gboolean special)
{
  if (to->n == *allocated) {
    gsize n = MAX (*allocated * 2, 64);
    VlfToken *grown = g_try_realloc_n (to->tokens, n, sizeof *grown);

    if (!grown)
      return FALSE;
    to->tokens = grown;
    *allocated = n;
  }
  to->tokens[to->n++] = (VlfToken){ id, begin, end, special };
  return TRUE;
}

/* --- encoding --- */

typedef struct {
  const VlfTokenizer *tokenizer;
  VlfBpeScratch scratch;
  VlfTokens *tokens;
  gsize allocated;
  gboolean grown; /* normalisation made too much of the text */
  gint second;    /* id of the added token that is the second token of all, -1: the text's */
} Encoding;

static gboolean
encode_word (Encoding *e, const VlfSlice *word)
{
  const VlfTokenizer *tokenizer = e->tokenizer;

  if (tokenizer->unigram)
    return vlf_unigram_encode (tokenizer->unigram, tokenizer->vocab, word, e->tokens, &e->allocated);
  if (tokenizer->wordpiece)
    return vlf_wordpiece_encode (tokenizer->wordpiece, tokenizer->vocab, word, e->tokens, &e->allocated);
  return vlf_bpe_encode (tokenizer->bpe, tokenizer->vocab, word, &e->scratch, e->tokens, &e->allocated);
}

/* Hands each word of @text that @cut finds to @use; where it finds none, a character belongs to no word. */
static gboolean
for_words (Encoding *e, const VlfSlice *text, gsize (*cut) (const char *, const char *),
           gboolean (*use) (Encoding *, const VlfSlice *))
{
  const char *end = text->text + text->length;

  for (gsize at = 0, n; at < text->length; at += n) {
    VlfSlice word;

    n = cut (text->text + at, end);
    word = vlf_slice_part (text, at, at + n);
    if (n > 0 && !use (e, &word))
      return FALSE;
    if (n == 0)
      n = (gsize) (g_utf8_next_char (text->text + at) - (text->text + at));
  }
  return TRUE;
}

static gboolean
encode_gpt2 (Encoding *e, const VlfSlice *text)
{
  return for_words (e, text, vlf_gpt2_word, encode_word);
}

static gboolean
encode_with_space (Encoding *e, const VlfSlice *text)
{
  VlfAligned spaced = { 0 };
  VlfSlice slice;
  gboolean ok;

  vlf_aligned_append (&spaced, ' ', text->begin[0], text->begin[0]);
  vlf_normalise (NULL, text, &spaced);
  slice = vlf_aligned_slice (&spaced, 0, spaced.length);
  ok = !spaced.failed && encode_gpt2 (e, &slice);
  vlf_aligned_clear (&spaced);
  return ok;
}

/* Spaces become marks; mostly the text gets one in front. */
static gboolean
encode_marked (Encoding *e, const VlfSlice *text)
{
  const gboolean prepend = (e->tokenizer->split & VLF_SPLIT_PREFIX_SPACE) != 0;
  const gunichar mark = g_utf8_get_char (VLF_SPACE_MARK);
  VlfAligned marked = { 0 };
  VlfSlice slice;
  gboolean ok;
  gunichar c = g_utf8_get_char (text->text);
  guint32 begin, end;

  if (prepend && c != ' ' && c != mark)
    vlf_aligned_append (&marked, mark, text->begin[0], text->end[0]);
  for (gsize at = 0; vlf_slice_next (text, &at, &c, &begin, &end) && !marked.failed;)
    vlf_aligned_append (&marked, c == ' ' ? mark : c, begin, end);
  slice = vlf_aligned_slice (&marked, 0, marked.length);
  ok = !marked.failed && for_words (e, &slice, vlf_marked_word, encode_word);
  vlf_aligned_clear (&marked);
  return ok;
}

/* As transformers' tokenizers of SentencePiece do: behind a text whose tokens are left out, so that spaces count at the beginning. */
static gboolean
encode_pieces (Encoding *e, const VlfSlice *text)
{
  const VlfTokenizer *tokenizer = e->tokenizer;
  const gsize most = NORMAL_LIMIT (text->length + strlen (tokenizer->lead));
  VlfAligned led = { 0 }, normal = { .limit = most };
  const guint before = e->tokens->n;
  const guint32 begin = text->length > 0 ? text->begin[0] : 0;
  VlfSlice slice;
  gboolean ok;

  for (const char *p = tokenizer->lead; *p; p = g_utf8_next_char (p))
    vlf_aligned_append (&led, g_utf8_get_char (p), begin, begin);
  vlf_normalise (NULL, text, &led);
  slice = vlf_aligned_slice (&led, 0, led.length);
  vlf_spiece_normalise (tokenizer->spiece, &slice, &normal);
  slice = vlf_aligned_slice (&normal, 0, normal.length);
  e->grown |= normal.full;
  ok = !led.failed && !normal.failed && encode_word (e, &slice);
  if (ok && tokenizer->n_lead > 0 && e->tokens->n - before >= tokenizer->n_lead) {
    e->tokens->n -= tokenizer->n_lead;
    memmove (e->tokens->tokens + before, e->tokens->tokens + before + tokenizer->n_lead,
             (e->tokens->n - before) * sizeof *e->tokens->tokens);
  }
  vlf_aligned_clear (&led);
  vlf_aligned_clear (&normal);
  return ok;
}

gboolean
vlf_tokenizer_measure_lead (VlfTokenizer *tokenizer)
{
  VlfTokens tokens = { 0 };
  Encoding e = { .tokenizer = tokenizer, .tokens = &tokens };
  const VlfSlice nothing = vlf_aligned_slice (&(VlfAligned){ 0 }, 0, 0);
  const gboolean ok = encode_pieces (&e, &nothing);

  tokenizer->n_lead = tokens.n;
  vlf_tokens_clear (&tokens);
  return ok;
}

/* A text without added tokens, normalised. */
static gboolean
encode_text (Encoding *e, const VlfSlice *text)
{
  VlfSplit split = e->tokenizer->split;

  if (e->tokenizer->spiece)
    return encode_pieces (e, text);

  if (split & VLF_SPLIT_SPACES)
    return encode_marked (e, text);
  if (split & VLF_SPLIT_BERT)
    return for_words (e, text, vlf_bert_word, encode_word);
  if (split & VLF_SPLIT_CLIP)
    return for_words (e, text, vlf_clip_word, encode_gpt2);
  if ((split & VLF_SPLIT_PREFIX_SPACE) && text->text[0] != ' ')
    return encode_with_space (e, text);
  return encode_gpt2 (e, text);
}

/* Cuts @text at the added tokens that are matched @normalized, then does to each part what remains to be done. */
static gboolean encode_parts (Encoding *e, const VlfSlice *text, gboolean normalized);

static gboolean
normalise_and_encode (Encoding *e, const VlfSlice *text)
{
  VlfAligned normal = { .limit = NORMAL_LIMIT (text->length) };
  VlfSlice slice;
  gboolean ok;

  if (e->tokenizer->normaliser.n == 0)
    return encode_parts (e, text, TRUE);
  vlf_normalise (&e->tokenizer->normaliser, text, &normal);
  slice = vlf_aligned_slice (&normal, 0, normal.length);
  e->grown |= normal.full;
  ok = !normal.failed && encode_parts (e, &slice, TRUE);
  vlf_aligned_clear (&normal);
  return ok;
}

static gboolean
encode_parts (Encoding *e, const VlfSlice *text, gboolean normalized)
{
  VlfAddedCursor cursor;
  gsize begin, end;
  gint id;
  gboolean ok = TRUE;

  vlf_added_start (&cursor, e->tokenizer->added, normalized, text);
  while (ok && vlf_added_next (&cursor, &begin, &end, &id)) {
    VlfSlice part = vlf_slice_part (text, begin, end);

    if (id >= 0 && e->tokens->n == 1)
      e->second = id;
    if (id >= 0)
      ok = vlf_tokens_append (e->tokens, &e->allocated, (guint) id, part.begin[0], part.end[part.length - 1], FALSE);
    else
      ok = normalized ? encode_text (e, &part) : normalise_and_encode (e, &part);
  }
  return ok;
}

/* Tokens lose the white space around what they came from. */
static void
trim (VlfTokens *tokens, const char *text)
{
  for (guint i = 0; i < tokens->n; i++) {
    VlfToken *token = &tokens->tokens[i];

    while (token->begin < token->end && vlf_is_space (g_utf8_get_char (text + token->begin)))
      token->begin = (guint) (g_utf8_next_char (text + token->begin) - text);
    while (token->begin < token->end && vlf_is_space (g_utf8_get_char (g_utf8_prev_char (text + token->end))))
      token->end = (guint) (g_utf8_prev_char (text + token->end) - text);
  }
}

/* Cuts the text's tokens so that with the special ones they are @max_length, and puts those around them. */
static gboolean
finish (Encoding *e, guint max_length)
{
  const VlfTokenizer *tokenizer = e->tokenizer;
  guint special = vlf_tokenizer_n_special (tokenizer), room = max_length > special ? max_length - special : 0;
  guint keep = max_length > 0 && e->tokens->n > room ? room : e->tokens->n;
  guint first = tokenizer->cut_start ? e->tokens->n - keep : 0;
  VlfToken *all = g_try_new (VlfToken, keep + special + 1);
  const gboolean ended = tokenizer->end_once && keep > 0 && tokenizer->n_after > 0 &&
                         e->tokens->tokens[first + keep - 1].id == tokenizer->after[0];
  guint n = 0;

  if (!all)
    return FALSE;
  for (guint i = 0; i < tokenizer->n_before; i++)
    all[n++] = (VlfToken){ tokenizer->before[i], 0, 0, TRUE };
  for (guint i = 0; i < keep; i++)
    all[n++] = e->tokens->tokens[first + i];
  for (guint i = 0; i < tokenizer->n_after && !ended; i++)
    all[n++] = (VlfToken){ tokenizer->after[i], 0, 0, TRUE };
  e->tokens->truncated = keep < e->tokens->n;
  g_free (e->tokens->tokens);
  e->tokens->tokens = all;
  e->tokens->n = n;
  return TRUE;
}

/* As g_utf8_validate_len(), but NUL is a character. */
static gboolean
is_utf8 (const char *text, gsize length, gsize *bad)
{
  const char *at = text, *end = text + length;

  while (!g_utf8_validate_len (at, (gsize) (end - at), &at) && *at == '\0')
    at++;
  *bad = (gsize) (at - text);
  return at >= end;
}

/* The mark before a text that begins with a special token. */
static void
drop_mark (Encoding *e)
{
  VlfToken *tokens = e->tokens->tokens;

  if (e->second < 0 || !vlf_added_is_special (e->tokenizer->added, (guint) e->second) ||
      g_strcmp0 (vlf_tokenizer_content (e->tokenizer, tokens[0].id), VLF_SPACE_MARK) != 0)
    return;
  memmove (tokens, tokens + 1, --e->tokens->n * sizeof *tokens);
}

/* With SentencePiece's own file a mark stands before the text, and those that it has are spaces. Source: transformers, tokenize () of such
 * tokenizers. */
static gboolean
encode (Encoding *e, const char *text, gsize length)
{
  const gunichar mark = e->tokenizer->spiece ? g_utf8_get_char (VLF_SPACE_MARK) : 0;
  VlfAligned source = { 0 };
  VlfSlice slice;
  gboolean ok;

  if (mark)
    vlf_aligned_append (&source, mark, 0, 0);
  for (gsize at = 0, next; at < length; at = next) {
    const gunichar c = g_utf8_get_char (text + at);

    next = (gsize) (g_utf8_next_char (text + at) - text);
    vlf_aligned_append (&source, mark && c == mark ? ' ' : c, (guint32) at, (guint32) next);
  }
  slice = vlf_aligned_slice (&source, 0, source.length);
  ok = !source.failed && encode_parts (e, &slice, FALSE);
  vlf_aligned_clear (&source);
  if (ok && mark)
    drop_mark (e);
  return ok;
}

gboolean
vlf_tokenizer_encode (const VlfTokenizer *tokenizer, const char *text, gssize length, guint max_length,
                      VlfTokens *tokens, GError **error)
{
  Encoding e = { .tokenizer = tokenizer, .tokens = tokens, .second = -1 };
  gsize n = length < 0 ? strlen (text) : (gsize) length, bad;
  gboolean ok;

  *tokens = (VlfTokens){ 0 };
  if (n > MAX_BYTES) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "expected a text of at most %" G_GSIZE_FORMAT " bytes, found %" G_GSIZE_FORMAT, MAX_BYTES, n);
    return FALSE;
  }
  if (!is_utf8 (text, n, &bad)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "expected text in UTF-8, found byte 0x%02x at byte %" G_GSIZE_FORMAT, (guint8) text[bad], bad);
    return FALSE;
  }
  ok = encode (&e, text, n);
  vlf_bpe_scratch_clear (&e.scratch);
  if (ok)
    trim (tokens, text);
  if (ok && finish (&e, max_length))
    return TRUE;
  vlf_tokens_clear (tokens);
  if (e.grown)
    g_set_error (
        error, VLF_ERROR, VLF_ERROR_RANGE,
        "expected a normalizer in tokenizer.json that makes a text at most %u times as long, found one that makes "
        "more of %" G_GSIZE_FORMAT " bytes",
        MAX_GROWTH, n);
  else
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for the tokens of %" G_GSIZE_FORMAT " bytes of text",
                 n);
  return FALSE;
}
