/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/tokenizer_private.h"
#include <stdlib.h>
#include <string.h>

/* Byte pair encoding (Sennrich et al. 2016) over bytes (Radford et al. 2019): a word starts as its bytes, then the
 * pair of neighbours that was learned first is joined, again and again. A queue of the possible merges makes that
 * O(n log n) for a word of n bytes. */

typedef struct {
  guint left, right; /* ids */
  guint rank, id;    /* of the whole */
} Merge;

struct _VlfBpe {
  VlfBpeOptions options;
  GArray *merges;       /* Merge, by their pair once finished */
  gint inside[256];     /* id of a byte, -1: none */
  gint last[256];       /* of the last byte of a word */
  gint unknown;         /* -1: none */
  char letters[256][3]; /* how vocabularies write a byte: UTF-8 of one character below 0x180 */
  guint8 lengths[256];
};

/* --- building --- */

/* Vocabularies write printable bytes as themselves (in Latin-1), the others as the characters from 0x100 on (GPT-2's
 * encoder.py). */
static void
name_bytes (VlfBpe *bpe)
{
  gunichar next = 0x100;

  for (guint b = 0; b < 256; b++) {
    gboolean printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b != 0xad);

    bpe->lengths[b] = (guint8) g_unichar_to_utf8 (printable ? b : next++, bpe->letters[b]);
  }
}

VlfBpe *
vlf_bpe_new (const VlfBpeOptions *options)
{
  VlfBpe *bpe = g_new0 (VlfBpe, 1);

  bpe->options = *options;
  bpe->options.end_of_word = g_strdup (options->end_of_word ? options->end_of_word : "");
  bpe->options.unknown = g_strdup (options->unknown);
  bpe->merges = g_array_new (FALSE, FALSE, sizeof (Merge));
  name_bytes (bpe);
  return bpe;
}

void
vlf_bpe_free (VlfBpe *bpe)
{
  if (!bpe)
    return;
  g_free ((gchar *) bpe->options.end_of_word);
  g_free ((gchar *) bpe->options.unknown);
  g_array_unref (bpe->merges);
  g_free (bpe);
}

/* The byte that a character of a vocabulary stands for, -1: none. */
static gint
byte_of (const VlfBpe *bpe, const char *letter, gsize length)
{
  for (gint b = 0; b < 256; b++)
    if (bpe->lengths[b] == length && memcmp (bpe->letters[b], letter, length) == 0)
      return b;
  return -1;
}

void
vlf_bpe_append (const VlfBpe *bpe, const char *content, GString *to)
{
  gsize n = strlen (content), tail = strlen (bpe->options.end_of_word);
  gboolean ends = tail > 0 && n > tail && g_str_has_suffix (content, bpe->options.end_of_word);
  const char *end = content + n - (ends ? tail : 0);

  for (const char *next; content < end; content = next) {
    gint byte;

    next = g_utf8_next_char (content);
    byte = byte_of (bpe, content, (gsize) (next - content));
    if (byte >= 0)
      g_string_append_c (to, (gchar) byte);
  }
  if (ends)
    g_string_append_c (to, ' ');
}

gboolean
vlf_bpe_add_merge (VlfBpe *bpe, const VlfVocab *vocab, const char *left, gsize left_length, const char *right,
                   gsize right_length, GError **error)
{
  g_autofree gchar *whole = g_strdup_printf ("%.*s%.*s", (gint) left_length, left, (gint) right_length, right);
  gint a = vlf_vocab_find (vocab, left, left_length), b = vlf_vocab_find (vocab, right, right_length);
  gint c = vlf_vocab_find (vocab, whole, strlen (whole));
  Merge merge = { (guint) a, (guint) b, bpe->merges->len, (guint) c };

  if (a < 0 || b < 0 || c < 0) {
    g_autofree gchar *shown = g_strescape (whole, NULL);

    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "merge %u, \"%.100s\": expected both parts and the whole in the vocabulary, found %s missing",
                 merge.rank, shown,
                 a < 0   ? "the first part"
                 : b < 0 ? "the second part"
                         : "the whole");
    return FALSE;
  }
  g_array_append_val (bpe->merges, merge);
  return TRUE;
}

static int
compare_pairs (guint a_left, guint a_right, guint b_left, guint b_right)
{
  return a_left != b_left ? (a_left < b_left ? -1 : 1) : a_right < b_right ? -1 : a_right > b_right;
}

static int
compare_merges (const void *a, const void *b)
{
  const Merge *x = a, *y = b;
  int order = compare_pairs (x->left, x->right, y->left, y->right);

  return order ? order : x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Sorts the merges; of a pair that is there twice the last one counts. */
static void
sort_merges (GArray *merges)
{
  guint kept = 0;

  if (merges->len == 0)
    return;
  qsort (merges->data, merges->len, sizeof (Merge), compare_merges);
  for (guint i = 0; i < merges->len; i++) {
    const Merge *merge = &g_array_index (merges, Merge, i), *next = merge + 1;

    if (i + 1 < merges->len && compare_pairs (merge->left, merge->right, next->left, next->right) == 0)
      continue;
    g_array_index (merges, Merge, kept++) = *merge;
  }
  g_array_set_size (merges, kept);
}

gboolean
vlf_bpe_finish (VlfBpe *bpe, const VlfVocab *vocab, GError **error)
{
  const char *unknown = bpe->options.unknown;

  sort_merges (bpe->merges);
  for (guint b = 0; b < 256; b++) {
    g_autofree gchar *last = g_strdup_printf ("%.*s%s", bpe->lengths[b], bpe->letters[b], bpe->options.end_of_word);

    bpe->inside[b] = vlf_vocab_find (vocab, bpe->letters[b], bpe->lengths[b]);
    bpe->last[b] = vlf_vocab_find (vocab, last, strlen (last));
  }
  bpe->unknown = unknown ? vlf_vocab_find (vocab, unknown, strlen (unknown)) : -1;
  if (!unknown || bpe->unknown >= 0)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "unk_token: expected a token of the vocabulary, found \"%.*s\"",
               vlf_shown (unknown, 100), unknown);
  return FALSE;
}

/* --- encoding --- */

typedef struct {
  guint id;
  guint first, last;   /* bytes of the word */
  gint previous, next; /* symbols, -1: none */
  gboolean gone;
} Symbol;

typedef struct {
  guint rank, position, id;
} Step;

typedef struct {
  const VlfBpe *bpe;
  Symbol *symbols;
  gint n;
  Step *queue; /* a binary heap, the least (rank, position) on top */
  gsize n_queue;
} Word;

static gboolean
before (const Step *a, const Step *b)
{
  return a->rank != b->rank ? a->rank < b->rank : a->position < b->position;
}

static void
push (Word *word, Step step)
{
  gsize i = word->n_queue++;

  for (; i > 0 && before (&step, &word->queue[(i - 1) / 2]); i = (i - 1) / 2)
    word->queue[i] = word->queue[(i - 1) / 2];
  word->queue[i] = step;
}

static Step
pop (Word *word)
{
  Step top = word->queue[0], moved = word->queue[--word->n_queue];
  gsize i = 0, child;

  while ((child = 2 * i + 1) < word->n_queue) {
    child += child + 1 < word->n_queue && before (&word->queue[child + 1], &word->queue[child]);
    if (!before (&word->queue[child], &moved))
      break;
    word->queue[i] = word->queue[child];
    i = child;
  }
  word->queue[i] = moved;
  return top;
}

static const Merge *
find_merge (const VlfBpe *bpe, guint left, guint right)
{
  guint low = 0, high = bpe->merges->len;

  while (low < high) {
    guint middle = low + (high - low) / 2;
    const Merge *merge = &g_array_index (bpe->merges, Merge, middle);
    int order = compare_pairs (merge->left, merge->right, left, right);

    if (order == 0)
      return merge;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* Queues the merge of symbol @position with the one behind it, if both exist and there is such a merge. */
static void
consider (Word *word, gint position)
{
  const Symbol *symbol = &word->symbols[MAX (position, 0)];
  const Merge *merge;

  if (position < 0 || symbol->next < 0)
    return;
  merge = find_merge (word->bpe, symbol->id, word->symbols[symbol->next].id);
  if (merge)
    push (word, (Step){ merge->rank, (guint) position, merge->id });
}

static void
add_symbol (Word *word, gint id, guint at)
{
  const VlfBpeOptions *options = &word->bpe->options;
  Symbol *previous = word->n > 0 ? &word->symbols[word->n - 1] : NULL;

  if (id < 0) {
    if (word->bpe->unknown < 0)
      return;
    id = word->bpe->unknown;
    if (options->fuse_unknown && previous && previous->id == (guint) id && previous->last + 1 == at) {
      previous->last = at;
      return;
    }
  }
  if (previous)
    previous->next = word->n;
  word->symbols[word->n] = (Symbol){ (guint) id, at, at, word->n - 1, -1, FALSE };
  word->n++;
}

static void
merge_all (Word *word)
{
  for (gint i = 0; i < word->n; i++)
    consider (word, i);
  while (word->n_queue > 0) {
    Step step = pop (word);
    Symbol *left = &word->symbols[step.position], *right;
    const Merge *merge;

    /* Earlier merges may have taken one of the two away. */
    if (left->gone || left->next < 0)
      continue;
    right = &word->symbols[left->next];
    merge = find_merge (word->bpe, left->id, right->id);
    if (!merge || merge->id != step.id)
      continue;
    left->id = step.id;
    left->last = right->last;
    left->next = right->next;
    right->gone = TRUE;
    if (right->next >= 0)
      word->symbols[right->next].previous = (gint) step.position;
    consider (word, left->previous);
    consider (word, (gint) step.position);
  }
}

void
vlf_bpe_scratch_clear (VlfBpeScratch *scratch)
{
  g_free (scratch->symbols);
  g_free (scratch->queue);
  *scratch = (VlfBpeScratch){ 0 };
}

/* Room for a word of @n bytes: at most n - 1 merges are queued at first, and each one done queues two. */
static gboolean
reserve (VlfBpeScratch *scratch, gsize n)
{
  gpointer symbols, queue;

  if (n <= scratch->n_symbols)
    return TRUE;
  n = MAX (n, 2 * scratch->n_symbols);
  if ((symbols = g_try_realloc_n (scratch->symbols, n, sizeof (Symbol))))
    scratch->symbols = symbols;
  if ((queue = g_try_realloc_n (scratch->queue, n, 3 * sizeof (Step))))
    scratch->queue = queue;
  if (!symbols || !queue)
    return FALSE;
  scratch->n_symbols = n;
  return TRUE;
}

/* The id of a word that is a token as a whole, -1 otherwise. */
static gint
find_whole (const VlfBpe *bpe, const VlfVocab *vocab, const VlfSlice *word)
{
  g_autoptr (GString) name = g_string_sized_new (word->length);

  for (gsize i = 0; i < word->length; i++)
    g_string_append_len (name, bpe->letters[(guint8) word->text[i]], bpe->lengths[(guint8) word->text[i]]);
  return vlf_vocab_find (vocab, name->str, name->len);
}

gboolean
vlf_bpe_encode (const VlfBpe *bpe, const VlfVocab *vocab, const VlfSlice *text, VlfBpeScratch *scratch, VlfTokens *to,
                gsize *allocated)
{
  gint whole = bpe->options.ignore_merges ? find_whole (bpe, vocab, text) : -1;
  Word word = { .bpe = bpe };

  if (whole >= 0)
    return vlf_tokens_append (to, allocated, (guint) whole, text->begin[0], text->end[text->length - 1], FALSE);
  if (!reserve (scratch, text->length))
    return FALSE;
  word.symbols = scratch->symbols;
  word.queue = scratch->queue;
  for (gsize i = 0; i < text->length; i++)
    add_symbol (&word, (i + 1 < text->length ? bpe->inside : bpe->last)[(guint8) text->text[i]], (guint) i);
  merge_all (&word);
  for (gint i = word.n > 0 ? 0 : -1; i >= 0; i = word.symbols[i].next)
    if (!vlf_tokens_append (to, allocated, word.symbols[i].id, text->begin[word.symbols[i].first],
                            text->end[word.symbols[i].last], FALSE))
      return FALSE;
  return TRUE;
}
