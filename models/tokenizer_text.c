/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/size.h"
#include "models/tokenizer_private.h"
#include <string.h>

/* --- text that knows where it came from --- */

static gboolean
aligned_reserve (VlfAligned *to, gsize more)
{
  gsize wanted = to->length + more, n = MAX (to->allocated * 2, MAX (wanted, 64));
  char *text;
  guint32 *begin, *end;

  if (to->limit > 0 && wanted > to->limit)
    to->failed = to->full = TRUE;
  if (to->failed || wanted <= to->allocated)
    return !to->failed;
  /* Each one that grew stays valid when the next does not. */
  if ((text = g_try_realloc_n (to->text, n, sizeof *text)))
    to->text = text;
  if ((begin = g_try_realloc_n (to->begin, n, sizeof *begin)))
    to->begin = begin;
  if ((end = g_try_realloc_n (to->end, n, sizeof *end)))
    to->end = end;
  to->failed = !text || !begin || !end;
  if (!to->failed)
    to->allocated = n;
  return !to->failed;
}

void
vlf_aligned_append (VlfAligned *to, gunichar c, guint32 begin, guint32 end)
{
  gint n;

  if (!aligned_reserve (to, 6))
    return;
  n = g_unichar_to_utf8 (c, to->text + to->length);
  for (gint i = 0; i < n; i++, to->length++) {
    to->begin[to->length] = begin;
    to->end[to->length] = end;
  }
}

void
vlf_aligned_clear (VlfAligned *aligned)
{
  g_free (aligned->text);
  g_free (aligned->begin);
  g_free (aligned->end);
  *aligned = (VlfAligned){ 0 };
}

/* --- characters --- */

gboolean
vlf_is_space (gunichar c)
{
  return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
         c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

gboolean
vlf_is_letter (gunichar c)
{
  switch (g_unichar_type (c)) {
  case G_UNICODE_LOWERCASE_LETTER:
  case G_UNICODE_MODIFIER_LETTER:
  case G_UNICODE_OTHER_LETTER:
  case G_UNICODE_TITLECASE_LETTER:
  case G_UNICODE_UPPERCASE_LETTER: return TRUE;
  default: return FALSE;
  }
}

gboolean
vlf_is_number (gunichar c)
{
  switch (g_unichar_type (c)) {
  case G_UNICODE_DECIMAL_NUMBER:
  case G_UNICODE_LETTER_NUMBER:
  case G_UNICODE_OTHER_NUMBER: return TRUE;
  default: return FALSE;
  }
}

/* Alphabetic, marks, decimal digits, connectors, joiners (Unicode Technical Standard 18, annex C). */
gboolean
vlf_is_word (gunichar c)
{
  switch (g_unichar_type (c)) {
  case G_UNICODE_SPACING_MARK:
  case G_UNICODE_ENCLOSING_MARK:
  case G_UNICODE_NON_SPACING_MARK:
  case G_UNICODE_DECIMAL_NUMBER:
  case G_UNICODE_LETTER_NUMBER:
  case G_UNICODE_CONNECT_PUNCTUATION: return TRUE;
  case G_UNICODE_OTHER_SYMBOL: /* letters in circles and squares are alphabetic */
    return (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) ||
           (c >= 0x1f170 && c <= 0x1f189);
  default: return vlf_is_letter (c) || c == 0x200c || c == 0x200d;
  }
}

/* --- words --- */

typedef gboolean (*Class) (gunichar c);

static gboolean
is_other (gunichar c)
{
  return !vlf_is_space (c) && !vlf_is_letter (c) && !vlf_is_number (c);
}

/* Bytes of the run of characters of a class at @text. */
static gsize
run (const char *text, const char *end, Class class)
{
  const char *p = text;

  while (p < end && class(g_utf8_get_char (p)))
    p = g_utf8_next_char (p);
  return (gsize) (p - text);
}

/* 's 't 're 've 'm 'll 'd */
static gsize
contraction (const char *text, const char *end)
{
  static const char *const endings[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };

  for (gsize i = 0; *text == '\'' && i < G_N_ELEMENTS (endings); i++) {
    gsize n = strlen (endings[i]);

    if ((gsize) (end - text) >= n && memcmp (text, endings[i], n) == 0)
      return n;
  }
  return 0;
}

static Class
class_of (gunichar c)
{
  return vlf_is_letter (c) ? vlf_is_letter : vlf_is_number (c) ? vlf_is_number : is_other;
}

gsize
vlf_gpt2_word (const char *text, const char *end)
{
  gsize n = contraction (text, end), last = 0;
  const char *p = text + (*text == ' ');

  if (n > 0)
    return n;
  /* One space belongs to the word behind it. */
  if (p < end && !vlf_is_space (g_utf8_get_char (p)))
    return (gsize) (p - text) + run (p, end, class_of (g_utf8_get_char (p)));
  /* Of a run of white space in front of a word, the last character is left for the next match. */
  for (p = text; p < end && vlf_is_space (g_utf8_get_char (p)); p += last)
    last = (gsize) (g_utf8_next_char (p) - p);
  n = (gsize) (p - text);
  return p < end && n > last ? n - last : n;
}

gsize
vlf_clip_word (const char *text, const char *end)
{
  static const char *const whole[] = { "<|startoftext|>", "<|endoftext|>" };
  gunichar c = g_utf8_get_char (text);
  gsize n;

  for (gsize i = 0; i < G_N_ELEMENTS (whole); i++)
    if ((gsize) (end - text) >= strlen (whole[i]) && memcmp (text, whole[i], strlen (whole[i])) == 0)
      return strlen (whole[i]);
  if ((n = contraction (text, end)) > 0)
    return n;
  if (vlf_is_number (c))
    return (gsize) (g_utf8_next_char (text) - text);
  return vlf_is_space (c) ? 0 : run (text, end, class_of (c));
}

static gboolean
is_punctuation (gunichar c)
{
  switch (g_unichar_type (c)) {
  case G_UNICODE_CONNECT_PUNCTUATION:
  case G_UNICODE_DASH_PUNCTUATION:
  case G_UNICODE_CLOSE_PUNCTUATION:
  case G_UNICODE_FINAL_PUNCTUATION:
  case G_UNICODE_INITIAL_PUNCTUATION:
  case G_UNICODE_OTHER_PUNCTUATION:
  case G_UNICODE_OPEN_PUNCTUATION: return TRUE;
  default: return c < 0x80 && g_ascii_ispunct ((gchar) c);
  }
}

static gboolean
is_in_word (gunichar c)
{
  return !vlf_is_space (c) && !is_punctuation (c);
}

gsize
vlf_bert_word (const char *text, const char *end)
{
  if (is_punctuation (g_utf8_get_char (text)))
    return (gsize) (g_utf8_next_char (text) - text);
  return run (text, end, is_in_word);
}

gsize
vlf_marked_word (const char *text, const char *end)
{
  const char *p = g_utf8_next_char (text);

  while (p < end && g_utf8_get_char (p) != g_utf8_get_char (VLF_SPACE_MARK))
    p = g_utf8_next_char (p);
  return (gsize) (p - text);
}
