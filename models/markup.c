/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/markup.h"
#include <string.h>

static gboolean
is_escape (const char *at)
{
  return at[0] == '\\' && at[1] && strchr ("()[]:\\", at[1]);
}

/* From behind an opening character to its closing one; NULL: there is none, or another opening one comes first. @colon, if not NULL:
 * receives the last colon before it. */
static const char *
find_close (const char *at, char open, char close, const char **colon)
{
  for (; *at && *at != open; at++) {
    if (*at == close)
      return at;
    if (*at == ':' && colon)
      *colon = at;
    if (is_escape (at))
      at++;
  }
  return NULL;
}

static gboolean
has_word (const char *at, const char *end)
{
  for (; at < end; at = g_utf8_next_char (at))
    if (!g_unichar_isspace (g_utf8_get_char (at)))
      return TRUE;
  return FALSE;
}

/* Digits, or digits with one point among them; nothing else that strtod() would take. */
static gboolean
parse_weight (const char *at, const char *end, float *weight)
{
  const char *c;
  guint digits = 0, points = 0;
  double value;

  for (c = at; c < end; c++) {
    digits += g_ascii_isdigit (*c);
    points += *c == '.';
    if (!g_ascii_isdigit (*c) && *c != '.')
      return FALSE;
  }
  if (digits == 0 || points > 1)
    return FALSE;
  value = g_ascii_strtod (at, NULL);
  *weight = (float) value;
  return value <= VLF_MARKUP_MAX_WEIGHT;
}

/* Where the open marks end in the source; NULL: none is open. */
typedef struct {
  const char *weight_end, *weight_resume; /* the colon, and behind the parenthesis */
  const char *focus_end;
} Open;

static void
begin_mark (GArray *marks, const GString *text, float weight)
{
  VlfMark mark = { .begin = text->len, .end = text->len, .weight = weight };

  g_array_append_val (marks, mark);
}

/* One that covers nothing, since all of it belonged to another mark, goes. */
static void
end_mark (GArray *marks, const GString *text)
{
  VlfMark *mark = &g_array_index (marks, VlfMark, marks->len - 1);

  mark->end = text->len;
  if (mark->begin == mark->end)
    g_array_set_size (marks, marks->len - 1);
}

static gboolean
begin_weight (VlfMarkup *markup, Open *open, const GString *text, const char *at)
{
  const char *colon = NULL, *close = find_close (at + 1, '(', ')', &colon);
  float weight;

  if (!close || !colon || !has_word (at + 1, colon) || !parse_weight (colon + 1, close, &weight))
    return FALSE;
  begin_mark (markup->weights, text, weight);
  open->weight_end = colon;
  open->weight_resume = close + 1;
  return TRUE;
}

static gboolean
begin_focus (VlfMarkup *markup, Open *open, const GString *text, const char *at)
{
  const char *close = find_close (at + 1, '[', ']', NULL);

  if (!close || !has_word (at + 1, close))
    return FALSE;
  begin_mark (markup->focus, text, 1);
  open->focus_end = close;
  return TRUE;
}

void
vlf_markup_parse (VlfMarkup *markup, const char *at)
{
  GString *text = g_string_new (NULL);
  Open open = { 0 };

  markup->weights = g_array_new (FALSE, FALSE, sizeof (VlfMark));
  markup->focus = g_array_new (FALSE, FALSE, sizeof (VlfMark));
  while (*at) {
    if (at == open.weight_end) {
      end_mark (markup->weights, text);
      at = open.weight_resume;
    } else if (at == open.focus_end) {
      end_mark (markup->focus, text);
      at++;
    } else if ((*at == '(' && begin_weight (markup, &open, text, at)) ||
               (*at == '[' && begin_focus (markup, &open, text, at))) {
      at++;
    } else {
      at += is_escape (at);
      g_string_append_c (text, *at++);
    }
  }
  markup->text = g_string_free (text, FALSE);
}

void
vlf_markup_clear (VlfMarkup *markup)
{
  g_clear_pointer (&markup->text, g_free);
  g_clear_pointer (&markup->weights, g_array_unref);
  g_clear_pointer (&markup->focus, g_array_unref);
}

/* The first that touches bytes [begin, end). */
static const VlfMark *
find_mark (const GArray *marks, gsize begin, gsize end)
{
  guint low = 0, high = marks->len;

  while (low < high) { /* for the first that ends behind begin */
    guint middle = low + (high - low) / 2;

    if (g_array_index (marks, VlfMark, middle).end > begin)
      high = middle;
    else
      low = middle + 1;
  }
  return low < marks->len && g_array_index (marks, VlfMark, low).begin < end ? &g_array_index (marks, VlfMark, low)
                                                                             : NULL;
}

float
vlf_markup_weight (const VlfMarkup *markup, gsize begin, gsize end)
{
  const VlfMark *mark = find_mark (markup->weights, begin, end);

  return mark ? mark->weight : 1;
}

gboolean
vlf_markup_is_focus (const VlfMarkup *markup, gsize begin, gsize end)
{
  return find_mark (markup->focus, begin, end) != NULL;
}
