/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlplaintext.h"
#include <string.h>
#include "kernels/error.h"

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

/* What @buffer has up to a NUL, which some parsers count. */
static gchar *
read_text (GstBuffer *buffer, GError **error)
{
  gchar *text = NULL;
  GstMapInfo map;
  gsize length;

  if (!gst_buffer_map (buffer, &map, GST_MAP_READ)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_IO, "its buffer cannot be read");
    return NULL;
  }
  length = map.size ? strnlen ((const gchar *) map.data, map.size) : 0; /* an empty buffer has no data at all */
  if (length > GST_VL_MAX_TEXT_BYTES)
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "expected at most %u bytes, found %" G_GSIZE_FORMAT,
                 GST_VL_MAX_TEXT_BYTES, length);
  else if (length && !g_utf8_validate ((const gchar *) map.data, (gssize) length, NULL))
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "expected UTF-8, found other bytes");
  else
    text = length ? g_strndup ((const gchar *) map.data, length) : g_strdup ("");
  gst_buffer_unmap (buffer, &map);
  return text;
}

gchar *
gst_vl_plain_text (GstObject *object, GstBuffer *buffer, gboolean markup, GError **error)
{
  gchar *text = read_text (buffer, error);

  if (text && markup) {
    gchar *plain = strip_markup (object, text);

    g_free (text);
    text = plain;
  }
  return text ? g_strstrip (g_strdelimit (text, "\r\n\t", ' ')) : NULL;
}
