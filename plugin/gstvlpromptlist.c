/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlpromptlist.h"
#include "kernels/error.h"

static gboolean
is_utf8 (const gchar *name, const gchar *text, GError **error)
{
  const gchar *end;

  if (g_utf8_validate (text, -1, &end))
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: expected UTF-8, found byte 0x%02x at offset %ld", name,
               (guint8) *end, (long) (end - text));
  return FALSE;
}

gchar **
gst_vl_prompt_list_from_text (const gchar *name, const gchar *text, GError **error)
{
  GPtrArray *prompts = g_ptr_array_new ();
  g_auto (GStrv) parts = NULL;
  GString *lines;

  if (text && !is_utf8 (name, text, error)) {
    g_ptr_array_unref (prompts);
    return NULL;
  }
  lines = g_string_new (text);
  g_string_replace (lines, "\\n", "\n", 0);
  g_string_replace (lines, "\r", "\n", 0);
  parts = g_strsplit (lines->str, "\n", -1);
  g_string_free (lines, TRUE);
  for (gchar **part = parts; *part; part++)
    if (*g_strstrip (*part))
      g_ptr_array_add (prompts, g_strdup (*part));
  g_ptr_array_add (prompts, NULL);
  return (gchar **) g_ptr_array_free (prompts, FALSE);
}

static gchar *
text_from_value (const GValue *value)
{
  GValue string = G_VALUE_INIT;
  gchar *text;

  if (G_VALUE_HOLDS_STRING (value))
    return g_value_dup_string (value);
  g_value_init (&string, G_TYPE_STRING);
  text = g_value_transform (value, &string) ? g_value_dup_string (&string) : gst_value_serialize (value);
  g_value_unset (&string);
  return text;
}

gchar **
gst_vl_prompt_list_from_value (const gchar *name, const GValue *array, GError **error)
{
  GPtrArray *prompts = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < gst_value_array_get_size (array); i++) {
    g_autofree gchar *text = text_from_value (gst_value_array_get_value (array, i));

    if (text && !is_utf8 (name, text, error)) {
      g_ptr_array_unref (prompts);
      return NULL;
    }
    if (!text)
      continue;
    g_strdelimit (text, "\r\n", ' ');
    if (*g_strstrip (text))
      g_ptr_array_add (prompts, g_steal_pointer (&text));
  }
  g_ptr_array_add (prompts, NULL);
  g_ptr_array_set_free_func (prompts, NULL);
  return (gchar **) g_ptr_array_free (prompts, FALSE);
}

void
gst_vl_prompt_list_to_value (gchar **prompts, GValue *array)
{
  for (gchar **prompt = prompts; *prompt; prompt++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, G_TYPE_STRING);
    g_value_set_string (&value, *prompt);
    gst_value_array_append_and_take_value (array, &value);
  }
}

GArray *
gst_vl_number_list_from_text (const gchar *name, const gchar *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit_set (text ? text : "", ", \t", -1);
  GArray *numbers = g_array_new (FALSE, FALSE, sizeof (gint));

  for (gchar **part = parts; *part; part++) {
    gint64 wide;
    gint number;

    if (!**part)
      continue;
    if (!g_ascii_string_to_signed (*part, 10, G_MININT, G_MAXINT, &wide, NULL)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: expected whole numbers like \"-2,-1\", found \"%s\"", name,
                   *part);
      g_array_unref (numbers);
      return NULL;
    }
    number = (gint) wide;
    g_array_append_val (numbers, number);
  }
  return numbers;
}
