/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/size.h"
#include "models/json_private.h"
#include <math.h>
#include <string.h>

#define DEFAULT_MAX_DEPTH  64
#define LIMIT_MAX_DEPTH    512 /* the parser recurses */
#define DEFAULT_MAX_VALUES (4u << 20)
#define MAX_BYTES          ((gsize) 1 << 30) /* lengths are kept in 32 bits */

typedef struct {
  const char *start, *p, *end;
  VlfJsonLimits limits;
  VlfJsonDocument *document;
  gsize n, allocated; /* values */
  char *text;         /* where the next string goes: never ahead of the source, as escapes only shrink */
  GError **error;
} Parser;

/* --- errors --- */

static gboolean
fail_at (Parser *parser, const char *at, const char *expected)
{
  gsize line = 1;
  g_autofree gchar *found = NULL;

  for (const char *c = parser->start; c < at; c++)
    line += *c == '\n';
  if (at >= parser->end)
    found = g_strdup ("the end");
  else if (g_ascii_isgraph (*at))
    found = g_strdup_printf ("'%c'", *at);
  else
    found = g_strdup_printf ("byte 0x%02x", (guint8) *at);
  g_set_error (parser->error, VLF_ERROR, VLF_ERROR_FORMAT,
               "byte %" G_GSIZE_FORMAT " (line %" G_GSIZE_FORMAT "): expected %s, found %s",
               (gsize) (at - parser->start), line, expected, found);
  return FALSE;
}

static gboolean
no_memory (Parser *parser)
{
  g_set_error (parser->error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for JSON of %" G_GSIZE_FORMAT " bytes",
               (gsize) (parser->end - parser->start));
  return FALSE;
}

/* --- tokens --- */

static void
skip_space (Parser *parser)
{
  while (parser->p < parser->end &&
         (*parser->p == ' ' || *parser->p == '\t' || *parser->p == '\n' || *parser->p == '\r'))
    parser->p++;
}

static gboolean
take (Parser *parser, char c)
{
  if (parser->p >= parser->end || *parser->p != c)
    return FALSE;
  parser->p++;
  return TRUE;
}

static gboolean
take_word (Parser *parser, const char *word)
{
  gsize n = strlen (word);

  if ((gsize) (parser->end - parser->p) < n || memcmp (parser->p, word, n) != 0)
    return FALSE;
  parser->p += n;
  return TRUE;
}

static gsize
take_digits (Parser *parser)
{
  const char *first = parser->p;

  while (parser->p < parser->end && g_ascii_isdigit (*parser->p))
    parser->p++;
  return (gsize) (parser->p - first);
}

/* Four hex digits of an escape. */
static gboolean
take_hex (Parser *parser, gunichar *unit)
{
  *unit = 0;
  for (guint i = 0; i < 4; i++, parser->p++) {
    if (parser->p >= parser->end || !g_ascii_isxdigit (*parser->p))
      return fail_at (parser, parser->p, "four hexadecimal digits");
    *unit = *unit << 4 | (gunichar) g_ascii_xdigit_value (*parser->p);
  }
  return TRUE;
}

/* The rest of \uXXXX, with the second half of a surrogate pair. */
static gboolean
take_code_point (Parser *parser)
{
  const char *at = parser->p;
  gunichar c, low;

  if (!take_hex (parser, &c))
    return FALSE;
  if (c >= 0xd800 && c < 0xdc00) {
    if (!take_word (parser, "\\u"))
      return fail_at (parser, parser->p, "the second half of a surrogate pair");
    if (!take_hex (parser, &low))
      return FALSE;
    if (low < 0xdc00 || low > 0xdfff)
      return fail_at (parser, at, "a surrogate pair");
    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
  } else if (c >= 0xdc00 && c < 0xe000) {
    return fail_at (parser, at, "a character, not half a surrogate pair");
  }
  parser->text += g_unichar_to_utf8 (c, parser->text);
  return TRUE;
}

static gboolean
take_escape (Parser *parser)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char *found;

  if (take (parser, 'u'))
    return take_code_point (parser);
  found = parser->p < parser->end && *parser->p ? strchr (from, *parser->p) : NULL;
  if (!found)
    return fail_at (parser, parser->p, "an escape (one of \" \\ / b f n r t u)");
  *parser->text++ = to[found - from];
  parser->p++;
  return TRUE;
}

static gboolean
parse_string (Parser *parser, const char **string, guint32 *length)
{
  char *text = parser->text;

  if (!take (parser, '"'))
    return fail_at (parser, parser->p, "a string");
  while (!take (parser, '"')) {
    if (parser->p >= parser->end || (guint8) *parser->p < 0x20)
      return fail_at (parser, parser->p, "a character or the closing quote of a string");
    if (!take (parser, '\\'))
      *parser->text++ = *parser->p++;
    else if (!take_escape (parser))
      return FALSE;
  }
  *string = text;
  *length = (guint32) (parser->text - text);
  *parser->text++ = '\0';
  return TRUE;
}

/* Digits [first, end) as a 64-bit integer; FALSE if they do not fit. */
static gboolean
read_integer (VlfJson *value, const char *first, const char *end, gboolean negative)
{
  guint64 number = 0;

  for (const char *c = first; c < end; c++)
    if (!g_uint64_checked_mul (&number, number, 10) || !g_uint64_checked_add (&number, number, (guint64) (*c - '0')))
      return FALSE;
  if (negative && (number == 0 || number > (guint64) G_MAXINT64 + 1))
    return FALSE;
  if (!negative && number > G_MAXINT64) {
    value->type = VLF_JSON_UINT;
    value->is.natural = number;
  } else {
    value->type = VLF_JSON_INT;
    value->is.integer = negative ? -(gint64) (number - 1) - 1 : (gint64) number;
  }
  return TRUE;
}

static gboolean
parse_number (Parser *parser, VlfJson *value)
{
  const char *start = parser->p, *digits;
  gboolean negative = take (parser, '-'), integral = TRUE;

  digits = parser->p;
  if (!take_digits (parser))
    return fail_at (parser, parser->p, negative ? "a digit" : "a value");
  if (*digits == '0' && parser->p - digits > 1)
    return fail_at (parser, digits, "a number without leading zeros");
  if (take (parser, '.')) {
    integral = FALSE;
    if (!take_digits (parser))
      return fail_at (parser, parser->p, "a digit behind the decimal point");
  }
  if (take (parser, 'e') || take (parser, 'E')) {
    integral = FALSE;
    if (!take (parser, '+'))
      take (parser, '-');
    if (!take_digits (parser))
      return fail_at (parser, parser->p, "a digit of the exponent");
  }
  if (integral && read_integer (value, digits, parser->p, negative))
    return TRUE;

  /* g_ascii_strtod() wants a NUL, the source may have none: a copy where the next string would go. */
  memcpy (parser->text, start, (gsize) (parser->p - start));
  parser->text[parser->p - start] = '\0';
  value->type = VLF_JSON_DOUBLE;
  value->is.number = g_ascii_strtod (parser->text, NULL);
  return isfinite (value->is.number) || fail_at (parser, start, "a number within the range of a double");
}

/* --- values --- */

/* A new value behind the others, as its index; grows the document. */
static gboolean
add_value (Parser *parser, gsize *index)
{
  if (parser->n == parser->limits.max_values) {
    g_set_error (parser->error, VLF_ERROR, VLF_ERROR_RANGE, "expected at most %u JSON values, found more",
                 parser->limits.max_values);
    return FALSE;
  }
  if (parser->n == parser->allocated) {
    gsize n = MIN (MAX (parser->allocated * 2, 32), parser->limits.max_values), bytes;
    VlfJsonDocument *grown = NULL;

    if (vlf_size_mul (n, sizeof (VlfJson), &bytes) && vlf_size_add (bytes, sizeof (VlfJsonDocument), &bytes))
      grown = g_try_realloc (parser->document, bytes);
    if (!grown)
      return no_memory (parser);
    if (!parser->document)
      grown->text = NULL, grown->members = NULL;
    parser->document = grown;
    parser->allocated = n;
  }
  *index = parser->n++;
  memset (&vlf_json_values (parser->document)[*index], 0, sizeof (VlfJson));
  return TRUE;
}

static gboolean parse_value (Parser *parser, guint depth, gsize *index);

static gboolean
parse_member (Parser *parser, gboolean keyed, guint depth, gsize *index)
{
  const char *key = NULL;
  guint32 key_length = 0;

  skip_space (parser);
  if (keyed) {
    if (!parse_string (parser, &key, &key_length))
      return FALSE;
    skip_space (parser);
    if (!take (parser, ':'))
      return fail_at (parser, parser->p, "':'");
  }
  if (!parse_value (parser, depth, index))
    return FALSE;
  vlf_json_values (parser->document)[*index].key = key;
  vlf_json_values (parser->document)[*index].key_length = key_length;
  return TRUE;
}

/* What follows '[' or '{'. */
static gboolean
parse_members (Parser *parser, gsize container, guint depth)
{
  gboolean keyed = vlf_json_values (parser->document)[container].type == VLF_JSON_OBJECT;
  guint32 members = 0;
  gsize member = 0;

  if (depth == parser->limits.max_depth) {
    g_set_error (parser->error, VLF_ERROR, VLF_ERROR_RANGE,
                 "byte %" G_GSIZE_FORMAT ": expected JSON nested at most %u deep, found more",
                 (gsize) (parser->p - parser->start), parser->limits.max_depth);
    return FALSE;
  }
  skip_space (parser);
  if (!take (parser, keyed ? '}' : ']')) {
    do {
      if (!parse_member (parser, keyed, depth + 1, &member))
        return FALSE;
      members++;
      skip_space (parser);
    } while (take (parser, ','));
    if (!take (parser, keyed ? '}' : ']'))
      return fail_at (parser, parser->p, keyed ? "',' or '}'" : "',' or ']'");
    vlf_json_values (parser->document)[member].last = TRUE;
  }
  vlf_json_values (parser->document)[container].length = members;
  vlf_json_values (parser->document)[container].span = (guint32) (parser->n - container);
  return TRUE;
}

static gboolean
parse_value (Parser *parser, guint depth, gsize *index)
{
  VlfJson *value;

  skip_space (parser);
  if (!add_value (parser, index))
    return FALSE;
  value = &vlf_json_values (parser->document)[*index];
  value->span = 1;
  if (parser->p < parser->end && *parser->p == '"') {
    value->type = VLF_JSON_STRING;
    return parse_string (parser, &value->is.string, &value->length);
  }
  if (take (parser, '[')) {
    value->type = VLF_JSON_ARRAY;
    return parse_members (parser, *index, depth);
  }
  if (take (parser, '{')) {
    value->type = VLF_JSON_OBJECT;
    return parse_members (parser, *index, depth);
  }
  if (take_word (parser, "null"))
    return TRUE;
  value->is.truth = take_word (parser, "true");
  if (value->is.truth || take_word (parser, "false")) {
    value->type = VLF_JSON_BOOL;
    return TRUE;
  }
  return parse_number (parser, value);
}

/* --- documents --- */

static gboolean
parse_document (Parser *parser)
{
  const char *bad;
  gsize root;

  if (!g_utf8_validate_len (parser->start, (gsize) (parser->end - parser->start), &bad))
    return fail_at (parser, bad, "UTF-8");
  if (!parse_value (parser, 0, &root))
    return FALSE;
  vlf_json_values (parser->document)[root].last = TRUE;
  skip_space (parser);
  return parser->p == parser->end || fail_at (parser, parser->p, "nothing behind the value");
}

VlfJson *
vlf_json_parse (const char *data, gsize length, const VlfJsonLimits *limits, GError **error)
{
  Parser parser = { .start = data, .p = data, .end = data + length, .error = error };
  char *text;
  gboolean ok;

  if (limits)
    parser.limits = *limits;
  parser.limits.max_depth =
      MIN (parser.limits.max_depth ? parser.limits.max_depth : DEFAULT_MAX_DEPTH, LIMIT_MAX_DEPTH);
  if (!parser.limits.max_values)
    parser.limits.max_values = DEFAULT_MAX_VALUES;
  if (length > MAX_BYTES) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "expected JSON of at most %" G_GSIZE_FORMAT " bytes, found %" G_GSIZE_FORMAT, MAX_BYTES, length);
    return NULL;
  }
  parser.text = text = g_try_malloc (length + 1);
  if (!text) {
    no_memory (&parser);
    return NULL;
  }
  ok = parse_document (&parser);
  if (parser.document)
    parser.document->text = text;
  else
    g_free (text);
  if (ok && vlf_json_sort_objects (parser.document, parser.n, parser.limits.allow_duplicates, error))
    return vlf_json_values (parser.document);
  vlf_json_document_free (parser.document);
  return NULL;
}
