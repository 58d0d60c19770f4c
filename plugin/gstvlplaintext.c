/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlplaintext.h"

GST_DEBUG_CATEGORY_EXTERN (gst_vl_debug);
#define GST_CAT_DEFAULT gst_vl_debug

gboolean
gst_vl_caps_are_markup (const GstCaps *caps)
{
  return g_strcmp0 (gst_structure_get_string (gst_caps_get_structure (caps, 0), "format"), "pango-markup") == 0;
}

static void
add_text (GMarkupParseContext *context, const gchar *text, gsize length, gpointer user, GError **error)
{
  (void) context;
  (void) error;
  g_string_append_len (user, text, (gssize) length);
}

/* Pango markup without its tags and with its entities resolved; as it is when it is not well-formed. */
static gchar *
strip_markup (GstObject *object, const gchar *text)
{
  static const GMarkupParser parser = { .text = add_text };
  g_autofree gchar *document = g_strdup_printf ("<markup>%s</markup>", text);
  GString *plain = g_string_new (NULL);
  GMarkupParseContext *context = g_markup_parse_context_new (&parser, 0, plain, NULL);
  g_autoptr (GError) error = NULL;

  if (!g_markup_parse_context_parse (context, document, -1, &error) ||
      !g_markup_parse_context_end_parse (context, &error)) {
    GST_WARNING_OBJECT (object, "text is not well-formed markup and taken literally: %s", error->message);
    g_string_assign (plain, text);
  }
  g_markup_parse_context_free (context);
  return g_string_free (plain, FALSE);
}

gchar *
gst_vl_plain_text (GstObject *object, GstBuffer *buffer, gboolean markup)
{
  GstMapInfo map;
  gchar *text, *plain;

  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return NULL;
  /* It ends at a NUL, which some parsers count; an empty buffer has no data at all. */
  text = map.size ? g_strndup ((const gchar *) map.data, map.size) : g_strdup ("");
  gst_buffer_unmap (buffer, &map);
  if (!g_utf8_validate (text, -1, NULL)) {
    g_free (text);
    return NULL;
  }
  plain = markup ? strip_markup (object, text) : g_strdup (text);
  g_free (text);
  g_strdelimit (plain, "\r\n\t", ' ');
  return g_strstrip (plain);
}
