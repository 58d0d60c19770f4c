/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/tokenizer_private.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *content;
  guint32 length, id;
} Entry;

struct _VlfVocab {
  GStringChunk *contents;
  GArray *entries; /* Entry, by content once sorted */
};

VlfVocab *
vlf_vocab_new (void)
{
  VlfVocab *vocab = g_new0 (VlfVocab, 1);

  vocab->contents = g_string_chunk_new (1 << 16);
  vocab->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  return vocab;
}

void
vlf_vocab_free (VlfVocab *vocab)
{
  if (!vocab)
    return;
  g_string_chunk_free (vocab->contents);
  g_array_unref (vocab->entries);
  g_free (vocab);
}

gboolean
vlf_vocab_add (VlfVocab *vocab, const char *content, gsize length, guint id, GError **error)
{
  Entry entry = { .length = (guint32) length, .id = id };

  if (length > VLF_MAX_CONTENT) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "token %u: expected at most %u bytes, found %" G_GSIZE_FORMAT, id,
                 VLF_MAX_CONTENT, length);
    return FALSE;
  }
  entry.content = g_string_chunk_insert_len (vocab->contents, content, (gssize) length);
  g_array_append_val (vocab->entries, entry);
  return TRUE;
}

/* As memcmp() and shorter first, so that entries with a common beginning lie together, the shortest of them in
 * front. */
static int
compare (const char *a, gsize a_length, const char *b, gsize b_length)
{
  int order = memcmp (a, b, MIN (a_length, b_length));

  return order ? order : a_length < b_length ? -1 : a_length > b_length;
}

static int
compare_entries (const void *a, const void *b)
{
  const Entry *x = a, *y = b;

  return compare (x->content, x->length, y->content, y->length);
}

static int
compare_entries_and_ids (const void *a, const void *b)
{
  const Entry *x = a, *y = b;
  int order = compare_entries (a, b);

  return order ? order : x->id < y->id ? -1 : x->id > y->id;
}

void
vlf_vocab_sort (VlfVocab *vocab)
{
  Entry *entries = (Entry *) (gpointer) vocab->entries->data;
  guint n = vocab->entries->len, kept = 0;

  if (n > 0)
    qsort (entries, n, sizeof *entries, compare_entries_and_ids);
  for (guint i = 0; i < n; i++)
    if (i + 1 == n || compare_entries (&entries[i], &entries[i + 1]) != 0)
      entries[kept++] = entries[i];
  g_array_set_size (vocab->entries, kept);
}

gint
vlf_vocab_find (const VlfVocab *vocab, const char *content, gsize length)
{
  Entry wanted = { content, (guint32) length, 0 };
  const Entry *found = NULL;

  if (vocab->entries->len > 0 && length <= G_MAXUINT32)
    found = bsearch (&wanted, vocab->entries->data, vocab->entries->len, sizeof wanted, compare_entries);
  return found ? (gint) found->id : -1;
}

/* The first entry of [low, high) whose byte @depth is >= @c; entries that end before it count as less than any. */
static guint
first_from (const VlfVocab *vocab, guint low, guint high, gsize depth, guint c)
{
  while (low < high) {
    guint middle = low + (high - low) / 2;
    const Entry *entry = &g_array_index (vocab->entries, Entry, middle);

    if (entry->length <= depth || (guint8) entry->content[depth] < c)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

gboolean
vlf_vocab_narrow (const VlfVocab *vocab, guint *low, guint *high, gsize depth, guint8 c, gint *id)
{
  const Entry *entry;

  *low = first_from (vocab, *low, *high, depth, c);
  *high = first_from (vocab, *low, *high, depth, c + 1u);
  if (*low == *high)
    return FALSE;
  entry = &g_array_index (vocab->entries, Entry, *low);
  *id = entry->length == depth + 1 ? (gint) entry->id : -1;
  return TRUE;
}

guint
vlf_vocab_size (const VlfVocab *vocab)
{
  return vocab->entries->len;
}

const char *
vlf_vocab_content (const VlfVocab *vocab, guint entry, guint *id)
{
  *id = g_array_index (vocab->entries, Entry, entry).id;
  return g_array_index (vocab->entries, Entry, entry).content;
}
