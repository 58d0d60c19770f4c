/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

G_BEGIN_DECLS

/* What a text buffer says, in one line without markup. */

#define GST_VL_TEXT_CAPS "text/x-raw, format = (string) { utf8, pango-markup }"

gboolean gst_vl_caps_are_markup (const GstCaps *caps);
/* One buffer is one text: line breaks are spaces; with @markup, Pango's is taken off and its entities are resolved, and what is not
 * well-formed is taken as it is. NULL when it is not UTF-8; "" for an empty one. @object: for the log. Free with g_free(). */
gchar *gst_vl_plain_text (GstObject *object, GstBuffer *buffer, gboolean markup);

G_END_DECLS
