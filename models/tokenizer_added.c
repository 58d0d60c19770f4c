/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/tokenizer_private.h"
#include <string.h>

#define MAX_CONTENT 512
#define MAX_NORMAL  (2 * MAX_CONTENT) /* of a content as it is looked for */

/* Contents as they are looked for in a text, with the index of their token in @tokens. */
typedef struct {
  VlfVocab *contents;
  gboolean starts[256]; /* whether some content begins with this byte */
} Matcher;

struct _VlfAdded {
  GArray *tokens; /* VlfAddedToken */
  gint max_id;
  Matcher matchers[2]; /* [normalized] */
};

static void
token_clear (gpointer token)
{
  g_free ((gchar *) ((VlfAddedToken *) token)->content);
}

VlfAdded *
vlf_added_new (void)
{
  VlfAdded *added = g_new0 (VlfAdded, 1);

  added->max_id = -1;
  added->tokens = g_array_new (FALSE, FALSE, sizeof (VlfAddedToken));
  g_array_set_clear_func (added->tokens, token_clear);
  return added;
}

void
vlf_added_free (VlfAdded *added)
{
  if (!added)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (added->matchers); i++)
    vlf_vocab_free (added->matchers[i].contents);
  g_array_unref (added->tokens);
  g_free (added);
}

static VlfAddedToken *
find (const VlfAdded *added, const char *content)
{
  for (guint i = 0; i < added->tokens->len; i++) {
    VlfAddedToken *token = &g_array_index (added->tokens, VlfAddedToken, i);

    if (strcmp (token->content, content) == 0)
      return token;
  }
  return NULL;
}

gint
vlf_added_find (const VlfAdded *added, const char *content)
{
  const VlfAddedToken *token = find (added, content);

  return token ? (gint) token->id : -1;
}

gboolean
vlf_added_is_special (const VlfAdded *added, guint id)
{
  for (guint i = 0; i < added->tokens->len; i++) {
    const VlfAddedToken *token = &g_array_index (added->tokens, VlfAddedToken, i);

    if (token->id == id && token->special)
      return TRUE;
  }
  return FALSE;
}

gint
vlf_added_max_id (const VlfAdded *added)
{
  return added->max_id;
}

guint
vlf_added_size (const VlfAdded *added)
{
  return added->tokens->len;
}

const VlfAddedToken *
vlf_added_nth (const VlfAdded *added, guint n)
{
  return &g_array_index (added->tokens, VlfAddedToken, n);
}

/* As Hugging Face's tokenizers number them: ids that files give to added tokens do not count, their order does. */
gboolean
vlf_added_add (VlfAdded *added, const VlfAddedToken *token, const VlfVocab *vocab, GError **error)
{
  VlfAddedToken *known = find (added, token->content), copy = *token;
  gsize length = strlen (token->content);
  gint id = vlf_vocab_find (vocab, token->content, length);

  if (length == 0)
    return TRUE;
  if (known) {
    copy.content = known->content;
    copy.id = known->id;
    *known = copy;
    return TRUE;
  }
  if (length > MAX_CONTENT || added->tokens->len == VLF_MAX_ADDED) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "expected at most %u added tokens of at most %u bytes, found more",
                 VLF_MAX_ADDED, MAX_CONTENT);
    return FALSE;
  }
  copy.content = g_strdup (token->content);
  if (!token->numbered)
    copy.id = id >= 0 ? (guint) id : MAX (vlf_vocab_size (vocab), (guint) (added->max_id + 1));
  added->max_id = MAX (added->max_id, (gint) copy.id);
  g_array_append_val (added->tokens, copy);
  return TRUE;
}

void
vlf_added_match_raw (VlfAdded *added)
{
  for (guint i = 0; i < added->tokens->len; i++)
    g_array_index (added->tokens, VlfAddedToken, i).normalized = FALSE;
}

/* Token @i as its matcher will look for it. */
static gboolean
add_content (VlfAdded *added, guint i, const VlfNormaliser *normaliser, GError **error)
{
  const VlfAddedToken *token = &g_array_index (added->tokens, VlfAddedToken, i);
  Matcher *matcher = &added->matchers[token->normalized != FALSE];
  guint32 nowhere[MAX_CONTENT] = { 0 };
  VlfSlice content = { token->content, nowhere, nowhere, strlen (token->content) };
  VlfAligned normalised = { .limit = MAX_NORMAL };
  gboolean ok = FALSE;

  vlf_normalise (token->normalized ? normaliser : NULL, &content, &normalised);
  if (normalised.full) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "expected added tokens of at most %u bytes when normalised, found one that becomes longer",
                 MAX_NORMAL);
  } else if (normalised.failed) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for %u added tokens", added->tokens->len);
  } else {
    ok = normalised.length == 0 || vlf_vocab_add (matcher->contents, normalised.text, normalised.length, i, error);
    if (normalised.length > 0)
      matcher->starts[(guint8) normalised.text[0]] = TRUE;
  }
  vlf_aligned_clear (&normalised);
  return ok;
}

gboolean
vlf_added_finish (VlfAdded *added, const VlfNormaliser *normaliser, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (added->matchers); i++)
    added->matchers[i].contents = vlf_vocab_new ();
  for (guint i = 0; i < added->tokens->len; i++)
    if (!add_content (added, i, normaliser, error))
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (added->matchers); i++)
    vlf_vocab_sort (added->matchers[i].contents);
  return TRUE;
}

/* --- cutting --- */

void
vlf_added_start (VlfAddedCursor *cursor, const VlfAdded *added, gboolean normalized, const VlfSlice *text)
{
  *cursor = (VlfAddedCursor){ .added = added, .normalized = normalized, .text = *text, .pending = -1 };
}

/* The longest added token at byte @at: its index and end. */
static const VlfAddedToken *
match_at (const VlfAddedCursor *cursor, gsize at, gsize *end)
{
  const Matcher *matcher = &cursor->added->matchers[cursor->normalized != FALSE];
  guint low = 0, high = vlf_vocab_size (matcher->contents);
  gint index, found = -1;

  if (!matcher->starts[(guint8) cursor->text.text[at]])
    return NULL;
  for (gsize i = at; i < cursor->text.length; i++) {
    if (!vlf_vocab_narrow (matcher->contents, &low, &high, i - at, (guint8) cursor->text.text[i], &index))
      break;
    if (index >= 0) {
      found = index;
      *end = i + 1;
    }
  }
  return found < 0 ? NULL : &g_array_index (cursor->added->tokens, VlfAddedToken, found);
}

static gunichar
char_before (const VlfSlice *text, gsize at)
{
  return at > 0 ? g_utf8_get_char (g_utf8_prev_char (text->text + at)) : ' ';
}

static gunichar
char_at (const VlfSlice *text, gsize at)
{
  return at < text->length ? g_utf8_get_char (text->text + at) : ' ';
}

/* Takes the white space beside a match into it, as its flags say; the match is [*begin, *end). */
static void
strip (const VlfAddedCursor *cursor, const VlfAddedToken *token, gsize *begin, gsize *end)
{
  const VlfSlice *text = &cursor->text;

  while (token->lstrip && *begin > cursor->done && vlf_is_space (char_before (text, *begin)))
    *begin = (gsize) (g_utf8_prev_char (text->text + *begin) - text->text);
  while (token->rstrip && *end < text->length && vlf_is_space (char_at (text, *end)))
    *end = (gsize) (g_utf8_next_char (text->text + *end) - text->text);
}

/* The next match from @scanned on, as the pending token. */
static gboolean
scan (VlfAddedCursor *cursor)
{
  while (cursor->scanned < cursor->text.length) {
    gsize begin = cursor->scanned, end = 0;
    const VlfAddedToken *token = match_at (cursor, begin, &end);

    if (!token) {
      cursor->scanned++;
      continue;
    }
    cursor->scanned = end;
    if (token->single_word &&
        (vlf_is_word (char_before (&cursor->text, begin)) || vlf_is_word (char_at (&cursor->text, end))))
      continue;
    strip (cursor, token, &begin, &end);
    cursor->pending = (gint) token->id;
    cursor->pending_begin = begin;
    cursor->pending_end = end;
    return TRUE;
  }
  return FALSE;
}

gboolean
vlf_added_next (VlfAddedCursor *cursor, gsize *begin, gsize *end, gint *id)
{
  if (cursor->pending < 0 && !scan (cursor)) {
    *begin = cursor->done;
    *end = cursor->done = cursor->text.length;
    *id = -1;
    return *begin < *end;
  }
  *begin = cursor->done;
  *end = cursor->pending_begin;
  *id = -1;
  if (*begin < *end) {
    cursor->done = *end;
    return TRUE;
  }
  *begin = cursor->pending_begin;
  *end = cursor->done = cursor->pending_end;
  *id = cursor->pending;
  cursor->pending = -1;
  return TRUE;
}
