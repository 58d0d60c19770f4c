/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

G_BEGIN_DECLS

/* What a text buffer says, in one line without markup. */

#define GST_VL_TEXT_CAPS "text/x-raw, format = (string) { utf8, pango-markup }"

gboolean gst_vl_caps_are_markup (const GstCaps *caps);
/* Longer than anything that is asked; what takes time out of proportion to a text's length stays bearable. */
#define GST_VL_MAX_TEXT_BYTES 65536u

/* One buffer is one text: line breaks are spaces; with @markup, Pango's is taken off and its entities are resolved, and what is not
 * well-formed is taken as it is. "" for an empty one. NULL with @error when it is not UTF-8 or has more than GST_VL_MAX_TEXT_BYTES.
 * @object: for the log. Free with g_free(). */
gchar *gst_vl_plain_text (GstObject *object, GstBuffer *buffer, gboolean markup, GError **error);

G_END_DECLS
