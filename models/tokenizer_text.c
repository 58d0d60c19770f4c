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

/* --- normalisation --- */

/* Where a step of the normalisation reads: character by character with its origin. */
static gboolean
next_char (const VlfSlice *slice, gsize *at, gunichar *c, guint32 *begin, guint32 *end)
{
  if (*at >= slice->length)
    return FALSE;
  *c = g_utf8_get_char (slice->text + *at);
  *begin = slice->begin[*at];
  *end = slice->end[*at];
  *at += (gsize) g_unichar_to_utf8 (*c, NULL);
  return TRUE;
}

/* Nothing composes across such a character's beginning. */
static gboolean
is_boundary (gunichar c)
{
  return c < 0x80 || vlf_is_space (c);
}

/* GLib sorts combining marks in quadratic time, so a stretch, which nobody writes this long, ends here. */
#define MAX_STRETCH 4096

/* The stretch up to the next boundary is composed as a whole and, if that changes it, stems as a whole from where it
 * stood. */
static gsize
compose_stretch (const VlfSlice *slice, gsize at, VlfAligned *to)
{
  gsize stop = at, last = at, from = at;
  gunichar c = 0;
  guint32 begin, end;
  g_autofree gchar *composed = NULL;

  while (next_char (slice, &stop, &c, &begin, &end) && (last == at || !is_boundary (c)) && last - at < MAX_STRETCH)
    last = stop;
  if (g_utf8_get_char (slice->text + at) != 0)
    composed = g_utf8_normalize (slice->text + at, (gssize) (last - at), G_NORMALIZE_NFC);
  if (composed && (strlen (composed) != last - at || memcmp (composed, slice->text + at, last - at) != 0)) {
    for (const char *p = composed; *p; p = g_utf8_next_char (p))
      vlf_aligned_append (to, g_utf8_get_char (p), slice->begin[at], slice->end[last - 1]);
    return last;
  }
  while (from < last && next_char (slice, &from, &c, &begin, &end))
    vlf_aligned_append (to, c, begin, end);
  return last;
}

static void
compose (const VlfSlice *slice, VlfAligned *to)
{
  for (gsize at = 0; at < slice->length && !to->failed;)
    at = compose_stretch (slice, at, to);
}

static void
collapse_spaces (const VlfSlice *slice, VlfAligned *to)
{
  gboolean in_space = FALSE;
  gunichar c;
  guint32 begin, end;

  for (gsize at = 0; next_char (slice, &at, &c, &begin, &end) && !to->failed;) {
    gboolean space = vlf_is_space (c);

    if (!space)
      vlf_aligned_append (to, c, begin, end);
    else if (!in_space)
      vlf_aligned_append (to, ' ', begin, end);
    else
      to->end[to->length - 1] = end;
    in_space = space;
  }
}

/* GLib only knows letters; Roman numerals and circled letters have cases too. */
static gunichar
lower_case (gunichar c)
{
  if (c >= 0x2160 && c <= 0x216f)
    return c + 16;
  if (c >= 0x24b6 && c <= 0x24cf)
    return c + 26;
  return g_unichar_tolower (c);
}

static void
lower (const VlfSlice *slice, VlfAligned *to)
{
  gunichar c;
  guint32 begin, end;

  for (gsize at = 0; next_char (slice, &at, &c, &begin, &end) && !to->failed;) {
    vlf_aligned_append (to, c == 0x130 ? 'i' : lower_case (c), begin, end);
    if (c == 0x130) /* the one character whose lower case is two */
      vlf_aligned_append (to, 0x307, begin, end);
  }
}

static gboolean
is_control (gunichar c)
{
  switch (g_unichar_type (c)) {
  case G_UNICODE_CONTROL:
  case G_UNICODE_FORMAT:
  case G_UNICODE_PRIVATE_USE: return c != '\t' && c != '\n' && c != '\r';
  default: return c == 0xfffd;
  }
}

static void
clean (const VlfSlice *slice, VlfAligned *to)
{
  gunichar c;
  guint32 begin, end;

  for (gsize at = 0; next_char (slice, &at, &c, &begin, &end) && !to->failed;)
    if (!is_control (c))
      vlf_aligned_append (to, vlf_is_space (c) ? ' ' : c, begin, end);
}

/* The blocks that BERT's tokeniser lists; Kana and Hangul are not among them. */
static gboolean
is_ideograph (gunichar c)
{
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) ||
         (c >= 0x2a700 && c <= 0x2b73f) || (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

static void
space_ideographs (const VlfSlice *slice, VlfAligned *to)
{
  gunichar c;
  guint32 begin, end;

  for (gsize at = 0; next_char (slice, &at, &c, &begin, &end) && !to->failed;) {
    if (is_ideograph (c))
      vlf_aligned_append (to, ' ', begin, end);
    vlf_aligned_append (to, c, begin, end);
    if (is_ideograph (c))
      vlf_aligned_append (to, ' ', begin, end);
  }
}

/* Decomposed without what is a nonspacing mark then. */
static void
strip_accents (const VlfSlice *slice, VlfAligned *to)
{
  gunichar c, parts[G_UNICHAR_MAX_DECOMPOSITION_LENGTH];
  guint32 begin, end;

  for (gsize at = 0; next_char (slice, &at, &c, &begin, &end) && !to->failed;) {
    gsize n = g_unichar_fully_decompose (c, FALSE, parts, G_N_ELEMENTS (parts));

    for (gsize i = 0; i < n; i++)
      if (g_unichar_type (parts[i]) != G_UNICODE_NON_SPACING_MARK)
        vlf_aligned_append (to, parts[i], begin, end);
  }
}

static void
copy (const VlfSlice *slice, VlfAligned *to)
{
  gunichar c;
  guint32 begin, end;

  for (gsize at = 0; next_char (slice, &at, &c, &begin, &end) && !to->failed;)
    vlf_aligned_append (to, c, begin, end);
}

void
vlf_normalise (VlfNormal normal, const VlfSlice *slice, VlfAligned *to)
{
  static const struct {
    VlfNormal flag;
    void (*step) (const VlfSlice *, VlfAligned *);
  } steps[] = { { VLF_NORMAL_CLEAN, clean },           { VLF_NORMAL_CHINESE, space_ideographs },
                { VLF_NORMAL_NFC, compose },           { VLF_NORMAL_SPACES, collapse_spaces },
                { VLF_NORMAL_ACCENTS, strip_accents }, { VLF_NORMAL_LOWERCASE, lower } };
  VlfSlice from = *slice;
  VlfAligned held = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (steps); i++) {
    VlfAligned next = { 0 };

    if (!(normal & steps[i].flag))
      continue;
    steps[i].step (&from, &next);
    to->failed |= next.failed;
    vlf_aligned_clear (&held);
    held = next;
    from = vlf_aligned_slice (&held, 0, held.length);
  }
  copy (&from, to);
  vlf_aligned_clear (&held);
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
