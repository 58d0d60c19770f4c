/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Normalisation: what a tokenizer makes of a text before it looks for words. */
#include "models/tokenizer_private.h"
#include <string.h>

/* --- steps without arguments --- */

gboolean
vlf_slice_next (const VlfSlice *slice, gsize *at, gunichar *c, guint32 *begin, guint32 *end)
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

  while (vlf_slice_next (slice, &stop, &c, &begin, &end) && (last == at || !is_boundary (c)) && last - at < MAX_STRETCH)
    last = stop;
  if (g_utf8_get_char (slice->text + at) != 0)
    composed = g_utf8_normalize (slice->text + at, (gssize) (last - at), G_NORMALIZE_NFC);
  if (composed && (strlen (composed) != last - at || memcmp (composed, slice->text + at, last - at) != 0)) {
    for (const char *p = composed; *p; p = g_utf8_next_char (p))
      vlf_aligned_append (to, g_utf8_get_char (p), slice->begin[at], slice->end[last - 1]);
    return last;
  }
  while (from < last && vlf_slice_next (slice, &from, &c, &begin, &end))
    vlf_aligned_append (to, c, begin, end);
  return last;
}

static void
compose (const VlfSlice *slice, VlfAligned *to)
{
  for (gsize at = 0; at < slice->length && !to->failed;)
    at = compose_stretch (slice, at, to);
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

  for (gsize at = 0; vlf_slice_next (slice, &at, &c, &begin, &end) && !to->failed;) {
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

/* Source: Unicode Standard, section 3.13, "cased" and "case-ignorable". */
static gboolean
is_cased (gunichar c)
{
  switch (g_unichar_type (c)) {
  case G_UNICODE_LOWERCASE_LETTER:
  case G_UNICODE_TITLECASE_LETTER:
  case G_UNICODE_UPPERCASE_LETTER: return TRUE;
  default:
    return c == 0xaa || c == 0xba || (c >= 0x2160 && c <= 0x217f) || (c >= 0x24b6 && c <= 0x24e9) ||
           (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
  }
}

static gboolean
is_case_ignorable (gunichar c)
{
  static const gunichar marks[] = { '\'',   '.',    ':',    0xb7,   0x387,  0x55f,  0x5f4,  0x2018, 0x2019,
                                    0x2024, 0x2027, 0xfe13, 0xfe52, 0xfe55, 0xff07, 0xff0e, 0xff1a };

  switch (g_unichar_type (c)) {
  case G_UNICODE_NON_SPACING_MARK:
  case G_UNICODE_ENCLOSING_MARK:
  case G_UNICODE_FORMAT:
  case G_UNICODE_MODIFIER_LETTER:
  case G_UNICODE_MODIFIER_SYMBOL: return TRUE;
  default:
    for (guint i = 0; i < G_N_ELEMENTS (marks); i++)
      if (c == marks[i])
        return TRUE;
    return FALSE;
  }
}

/* Whether the capital sigma at byte @at ends a word. */
static gboolean
is_final (const VlfSlice *slice, gsize at)
{
  const char *before = slice->text + at, *behind = g_utf8_next_char (before), *end = slice->text + slice->length;
  gunichar c = 0;

  while (before > slice->text) {
    before = g_utf8_prev_char (before);
    c = g_utf8_get_char (before);
    if (!is_case_ignorable (c))
      break;
    c = 0;
  }
  while (behind < end && is_case_ignorable (g_utf8_get_char (behind)))
    behind = g_utf8_next_char (behind);
  return is_cased (c) && (behind == end || !is_cased (g_utf8_get_char (behind)));
}

static void
lower_sigma (const VlfSlice *slice, VlfAligned *to)
{
  gunichar c;
  guint32 begin, end;

  for (gsize at = 0, from = 0; vlf_slice_next (slice, &at, &c, &begin, &end) && !to->failed; from = at)
    vlf_aligned_append (to, c == 0x3a3 && is_final (slice, from) ? 0x3c2 : c, begin, end);
}

static void
clean (const VlfSlice *slice, VlfAligned *to)
{
  gunichar c;
  guint32 begin, end;

  for (gsize at = 0; vlf_slice_next (slice, &at, &c, &begin, &end) && !to->failed;)
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

  for (gsize at = 0; vlf_slice_next (slice, &at, &c, &begin, &end) && !to->failed;) {
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

  for (gsize at = 0; vlf_slice_next (slice, &at, &c, &begin, &end) && !to->failed;) {
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

  for (gsize at = 0; vlf_slice_next (slice, &at, &c, &begin, &end) && !to->failed;)
    vlf_aligned_append (to, c, begin, end);
}

/* @left, @right: of which side the white space goes. */
static void
strip (const VlfSlice *slice, gboolean left, gboolean right, VlfAligned *to)
{
  const char *begin = slice->text, *end = slice->text + slice->length;
  VlfSlice rest;

  while (left && begin < end && vlf_is_space (g_utf8_get_char (begin)))
    begin = g_utf8_next_char (begin);
  while (right && end > begin && vlf_is_space (g_utf8_get_char (g_utf8_prev_char (end))))
    end = g_utf8_prev_char (end);
  rest = vlf_slice_part (slice, (gsize) (begin - slice->text), (gsize) (end - slice->text));
  copy (&rest, to);
}

/* --- replacement --- */

/* Characters of a regular expression that stand for themselves only behind a backslash. */
#define SYNTAX "\\[](){}.*+?^$|"

/* The character at @p or the one that a backslash before it makes of it; @p moves behind it. 0: not one that is read here. */
static char
read_char (const char **p, const char *syntax)
{
  char c = *(*p)++;

  if (c == '\\' && g_ascii_ispunct (**p))
    return *(*p)++;
  return c > 0 && !strchr (syntax, c) ? c : 0;
}

/* [abc]: single characters, without ranges, classes and complements. */
static gboolean
read_set (const char **p, VlfReplace *replace)
{
  for (++*p; **p && **p != ']';) {
    char c = read_char (p, "\\[^-&");

    if (!c)
      return FALSE;
    replace->chars[(guint8) c] = TRUE;
  }
  return *(*p)++ == ']';
}

static gboolean
read_unit (const char **p, VlfReplace *replace)
{
  char c;

  if (**p == '[')
    return read_set (p, replace);
  if (g_str_has_prefix (*p, "\\s")) {
    *p += strlen ("\\s");
    return replace->spaces = TRUE;
  }
  c = read_char (p, SYNTAX);
  replace->chars[(guint8) c] = TRUE;
  return c != 0;
}

gboolean
vlf_replace_parse (VlfReplace *replace, const char *pattern, const char *content)
{
  const char *p = pattern;

  *replace = (VlfReplace){ .least = 1 };
  if (g_strlcpy (replace->content, content, sizeof replace->content) >= sizeof replace->content ||
      !read_unit (&p, replace))
    return FALSE;
  replace->run = *p == '+' || g_str_has_prefix (p, "{2,}");
  replace->least = *p == '{' ? 2 : 1;
  if (replace->run)
    p += *p == '+' ? strlen ("+") : strlen ("{2,}");
  return *p == '\0';
}

static gboolean
is_replaced (const VlfReplace *replace, gunichar c)
{
  return (c < G_N_ELEMENTS (replace->chars) && replace->chars[c]) || (replace->spaces && vlf_is_space (c));
}

/* The end of the run at byte @at, of @n characters. */
static gsize
run_at (const VlfReplace *replace, const VlfSlice *slice, gsize at, guint *n)
{
  gunichar c;
  guint32 begin, end;
  gsize next = at, last = at;

  *n = 0;
  while ((*n == 0 || replace->run) && vlf_slice_next (slice, &next, &c, &begin, &end) && is_replaced (replace, c)) {
    last = next;
    ++*n;
  }
  return last;
}

/* The content stems from the first character that it replaces, as in tokenizers: what was left out within a run is none of it. */
static void
replace_runs (const VlfReplace *replace, const VlfSlice *slice, VlfAligned *to)
{
  for (gsize at = 0; at < slice->length && !to->failed;) {
    guint n;
    gsize next = run_at (replace, slice, at, &n);
    gunichar c;
    guint32 begin, end;

    if (n < replace->least) {
      vlf_slice_next (slice, &at, &c, &begin, &end);
      vlf_aligned_append (to, c, begin, end);
      continue;
    }
    for (const char *p = replace->content; *p; p = g_utf8_next_char (p))
      vlf_aligned_append (to, g_utf8_get_char (p), slice->begin[at], slice->end[at]);
    at = next;
  }
}

/* --- the whole --- */

void
vlf_normaliser_clear (VlfNormaliser *normaliser)
{
  for (guint i = 0; i < normaliser->n; i++)
    vlf_charsmap_free (normaliser->steps[i].charsmap);
  *normaliser = (VlfNormaliser){ 0 };
}

gboolean
vlf_normaliser_add (VlfNormaliser *normaliser, const VlfNormalStep *step)
{
  if (normaliser->n == VLF_MAX_NORMAL_STEPS)
    return FALSE;
  normaliser->steps[normaliser->n++] = *step;
  return TRUE;
}

gboolean
vlf_normaliser_add_plain (VlfNormaliser *normaliser, VlfNormal flags)
{
  gboolean ok = TRUE;

  for (guint flag = 1; ok && flag <= VLF_NORMAL_STRIP_RIGHT; flag <<= 1) {
    VlfNormalStep step = { .plain = flag };

    if (flags & flag)
      ok = vlf_normaliser_add (normaliser, &step);
  }
  return ok;
}

static void
do_step (const VlfNormalStep *step, const VlfSlice *slice, VlfAligned *to)
{
  switch (step->plain) {
  case VLF_NORMAL_CLEAN: clean (slice, to); return;
  case VLF_NORMAL_CHINESE: space_ideographs (slice, to); return;
  case VLF_NORMAL_NFC: compose (slice, to); return;
  case VLF_NORMAL_ACCENTS: strip_accents (slice, to); return;
  case VLF_NORMAL_SIGMA: lower_sigma (slice, to); return;
  case VLF_NORMAL_LOWERCASE: lower (slice, to); return;
  case VLF_NORMAL_STRIP_LEFT: strip (slice, TRUE, FALSE, to); return;
  case VLF_NORMAL_STRIP_RIGHT: strip (slice, FALSE, TRUE, to); return;
  }
  if (step->charsmap)
    vlf_charsmap_apply (step->charsmap, slice, to);
  else
    replace_runs (&step->replace, slice, to);
}

void
vlf_normalise (const VlfNormaliser *normaliser, const VlfSlice *slice, VlfAligned *to)
{
  VlfSlice from = *slice;
  VlfAligned held = { 0 };

  for (guint i = 0; normaliser && i < normaliser->n && !to->failed; i++) {
    VlfAligned next = { .limit = to->limit };

    do_step (&normaliser->steps[i], &from, &next);
    to->failed |= next.failed;
    to->full |= next.full;
    vlf_aligned_clear (&held);
    held = next;
    from = vlf_aligned_slice (&held, 0, held.length);
  }
  copy (&from, to);
  vlf_aligned_clear (&held);
}
