/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SentencePiece's compiled normalisation: a trie of byte strings, each with the place in a list of what becomes of it. Sources:
 * sentencepiece, normalizer.cc (the layout); darts-clone, the trie's units; tokenizers, which looks up user-perceived characters of
 * less than 6 bytes as a whole, of longer ones each code point, and takes the shortest match for the whole. */
#include <string.h>
#include "models/tokenizer_private.h"

#define WHOLE_BYTES 6    /* a longer user-perceived character is looked up code point by code point */
#define MAX_TARGET  256u /* bytes that a character becomes; of NFKC at most 33 */
#define MAX_SOURCE  256u /* bytes of the longest entry that is looked for; of NFKC fewer than 64 */

struct _VlfCharsmap {
  guint32 *units; /* [n] of the trie */
  gsize n;
  char *targets; /* NUL-terminated strings, one behind the other */
  gsize length;  /* of all, the last NUL included */
};

/* ---- the trie ---- */

static guint32
offset_of (guint32 unit)
{
  return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* From the node at @at along @c; FALSE if nothing goes on with it. */
static gboolean
step (const VlfCharsmap *map, guint32 *at, char c)
{
  const guint8 byte = (guint8) c;

  *at ^= byte;
  if (!byte || *at >= map->n || (map->units[*at] & ((1u << 31) | 0xff)) != byte)
    return FALSE;
  return TRUE;
}

/* Behind step(): goes on to the node itself. Whether an entry ends there, and the place in @targets of what becomes of it. */
static gboolean
ends_here (const VlfCharsmap *map, guint32 *at, guint32 *target)
{
  const guint32 unit = map->units[*at];

  *at ^= offset_of (unit);
  if (!(unit & (1u << 8)) || *at >= map->n)
    return FALSE;
  *target = map->units[*at] & ~(1u << 31);
  return TRUE;
}

/* The place in @targets of the shortest entry that @text [length] begins with; FALSE without one. */
static gboolean
look_up (const VlfCharsmap *map, const char *text, gsize length, guint32 *target)
{
  guint32 at = map->n > 0 ? offset_of (map->units[0]) : 0;

  for (gsize i = 0; i < length && step (map, &at, text[i]); i++)
    if (ends_here (map, &at, target))
      return *target < map->length;
  return FALSE;
}

/* What becomes of @text [length], appended to @to as from bytes [begin, end); FALSE if it stays what it is. */
static gboolean
translate (const VlfCharsmap *map, const char *text, gsize length, guint32 begin, guint32 end, VlfAligned *to)
{
  guint32 target;

  if (!look_up (map, text, length, &target) || !g_utf8_validate (map->targets + target, -1, NULL))
    return FALSE;
  for (const char *p = map->targets + target; *p; p = g_utf8_next_char (p))
    vlf_aligned_append (to, g_utf8_get_char (p), begin, end);
  return TRUE;
}

const char *
vlf_charsmap_longest (const VlfCharsmap *map, const char *text, gsize length, gsize *consumed)
{
  const char *longest = NULL;
  guint32 at = map->n > 0 ? offset_of (map->units[0]) : 0, target;
  gsize n = 0;

  for (gsize i = 0; i < MIN (length, MAX_SOURCE) && step (map, &at, text[i]); i++) {
    const gboolean whole = i + 1 == length || ((guint8) text[i + 1] & 0xc0) != 0x80;

    if (ends_here (map, &at, &target) && whole && target < map->length) {
      longest = map->targets + target;
      n = i + 1;
    }
  }
  if (!longest || !g_utf8_validate (longest, -1, NULL))
    return NULL;
  *consumed = n;
  return longest;
}

/* ---- user-perceived characters ---- */

static gboolean
is_joiner (gunichar c)
{
  return c == 0x200c || c == 0x200d;
}

static gboolean
stands_alone (gunichar c)
{
  switch (g_unichar_type (c)) {
  case G_UNICODE_CONTROL:
  case G_UNICODE_FORMAT:
  case G_UNICODE_LINE_SEPARATOR:
  case G_UNICODE_PARAGRAPH_SEPARATOR: return !is_joiner (c);
  default: return FALSE;
  }
}

/* Marks, joiners, and what else Unicode counts to the character before it (Unicode Standard Annex 29, table 2). */
static gboolean
extends (gunichar c)
{
  switch (g_unichar_type (c)) {
  case G_UNICODE_NON_SPACING_MARK:
  case G_UNICODE_ENCLOSING_MARK:
  case G_UNICODE_SPACING_MARK: return TRUE;
  default:
    return is_joiner (c) || c == 0xe33 || c == 0xeb3 || c == 0xff9e || c == 0xff9f || (c >= 0x1f3fb && c <= 0x1f3ff) ||
           (c >= 0xe0020 && c <= 0xe007f);
  }
}

/* The end of the user-perceived character at byte @at. Those of several letters, flags and the like are longer than WHOLE_BYTES anyway
 * and end behind their first code point here, which comes to the same. */
static gsize
character_end (const VlfSlice *slice, gsize at)
{
  gsize next = at, last;
  gunichar c;
  guint32 begin, end;

  vlf_slice_next (slice, &next, &c, &begin, &end);
  if (c == '\r' && next < slice->length && slice->text[next] == '\n')
    return next + 1;
  for (last = next; !stands_alone (c) && vlf_slice_next (slice, &next, &c, &begin, &end) && extends (c);)
    last = next;
  return last;
}

static void
translate_each (const VlfCharsmap *map, const VlfSlice *slice, gsize at, gsize stop, VlfAligned *to)
{
  while (at < stop && !to->failed) {
    const gsize from = at;
    gunichar c;
    guint32 begin, end;

    vlf_slice_next (slice, &at, &c, &begin, &end);
    if (!translate (map, slice->text + from, at - from, begin, end, to))
      vlf_aligned_append (to, c, begin, end);
  }
}

void
vlf_charsmap_apply (const VlfCharsmap *map, const VlfSlice *slice, VlfAligned *to)
{
  for (gsize at = 0, stop; at < slice->length && !to->failed; at = stop) {
    stop = character_end (slice, at);
    if (stop - at >= WHOLE_BYTES ||
        !translate (map, slice->text + at, stop - at, slice->begin[at], slice->end[stop - 1], to))
      translate_each (map, slice, at, stop, to);
  }
}

/* ---- loading ---- */

/* The targets are looked at again for every character of a text. */
static gboolean
check_targets (const VlfCharsmap *map, GError **error)
{
  for (gsize at = 0, n; at < map->length; at += n + 1) {
    n = strlen (map->targets + at);
    if (n <= MAX_TARGET)
      continue;
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "precompiled_charsmap: expected characters that become %u bytes or less, found %" G_GSIZE_FORMAT,
                 MAX_TARGET, n);
    return FALSE;
  }
  return TRUE;
}

/* The trie's bytes in 32 bits, the trie, the targets; all little-endian. */
VlfCharsmap *
vlf_charsmap_new (const guint8 *data, gsize size, GError **error)
{
  guint32 bytes = 0;
  VlfCharsmap *map;

  if (size > sizeof bytes)
    memcpy (&bytes, data, sizeof bytes);
  bytes = GUINT32_FROM_LE (bytes);
  if (bytes == 0 || bytes % sizeof (guint32) || bytes > size - sizeof bytes) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "precompiled_charsmap: expected a table of characters, found %" G_GSIZE_FORMAT " bytes that are none",
                 size);
    return NULL;
  }
  map = g_new0 (VlfCharsmap, 1);
  map->n = bytes / sizeof (guint32);
  map->units = g_memdup2 (data + sizeof bytes, bytes);
  for (gsize i = 0; i < map->n; i++)
    map->units[i] = GUINT32_FROM_LE (map->units[i]);
  map->length = size - sizeof bytes - bytes;
  map->targets = g_malloc0 (map->length + 1);
  memcpy (map->targets, data + sizeof bytes + bytes, map->length);
  map->length++;
  if (check_targets (map, error))
    return map;
  vlf_charsmap_free (map);
  return NULL;
}

void
vlf_charsmap_free (VlfCharsmap *map)
{
  if (!map)
    return;
  g_free (map->units);
  g_free (map->targets);
  g_free (map);
}
