/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/json.h"
#include <string.h>

static void
quote_char (GString *to, gunichar c)
{
  switch (c) {
  case '"': g_string_append (to, "\\\""); break;
  case '\\': g_string_append (to, "\\\\"); break;
  case '\n': g_string_append (to, "\\n"); break;
  case '\r': g_string_append (to, "\\r"); break;
  case '\t': g_string_append (to, "\\t"); break;
  default:
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) /* also those that only terminals obey */
      g_string_append_printf (to, "\\u%04x", c);
    else
      g_string_append_unichar (to, c);
  }
}

void
vlf_json_quote (GString *to, const char *text, gssize length)
{
  const char *end = text + (length < 0 ? strlen (text) : (gsize) length);

  g_string_append_c (to, '"');
  while (text < end) {
    gunichar c = *text ? g_utf8_get_char_validated (text, end - text) : 0;

    if (c == (gunichar) -1 || c == (gunichar) -2) {
      quote_char (to, 0xfffd);
      text++;
    } else {
      quote_char (to, c);
      text += g_unichar_to_utf8 (c, NULL);
    }
  }
  g_string_append_c (to, '"');
}

static void
write_scalar (const VlfJson *value, GString *to)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  const char *string;
  double number;
  gint64 integer;
  guint64 natural;
  gboolean truth;
  gsize length;

  if ((string = vlf_json_string (value, &length)))
    vlf_json_quote (to, string, (gssize) length);
  else if (vlf_json_int (value, &integer))
    g_string_append_printf (to, "%" G_GINT64_FORMAT, integer);
  else if (vlf_json_uint (value, &natural))
    g_string_append_printf (to, "%" G_GUINT64_FORMAT, natural);
  else if (vlf_json_double (value, &number))
    g_string_append (to, g_ascii_dtostr (digits, sizeof digits, number));
  else if (vlf_json_bool (value, &truth))
    g_string_append (to, truth ? "true" : "false");
  else
    g_string_append (to, "null");
}

void
vlf_json_canonical (const VlfJson *value, GString *to)
{
  VlfJsonType type = vlf_json_type (value);
  const VlfJson *member = vlf_json_first (value);
  guint n = vlf_json_size (value);

  if (type != VLF_JSON_ARRAY && type != VLF_JSON_OBJECT) {
    write_scalar (value, to);
    return;
  }
  g_string_append_c (to, type == VLF_JSON_OBJECT ? '{' : '[');
  for (guint i = 0; i < n; i++) {
    if (i > 0)
      g_string_append_c (to, ',');
    if (type == VLF_JSON_OBJECT) {
      gsize length;
      const char *key;

      member = vlf_json_sorted (value, i);
      key = vlf_json_key (member, &length);
      vlf_json_quote (to, key, (gssize) length);
      g_string_append_c (to, ':');
    }
    vlf_json_canonical (member, to);
    member = vlf_json_next (member);
  }
  g_string_append_c (to, type == VLF_JSON_OBJECT ? '}' : ']');
}
