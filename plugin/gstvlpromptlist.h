/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

G_BEGIN_DECLS

/* Lists of texts and of numbers as properties say them. @name is the property's, for messages; what cannot be read is NULL with
 * VLF_ERROR_RANGE. Lists of texts are NULL-terminated and trimmed, without empty ones; free them with g_strfreev(). */

/* Lines of @text (UTF-8, NULL: none), split at line breaks and at a literal "\n". */
gchar **gst_vl_prompt_list_from_text (const gchar *name, const gchar *text, GError **error);
/* Items of @array (GST_TYPE_ARRAY). One item is one prompt: line breaks in it are spaces. What is no string is converted. */
gchar **gst_vl_prompt_list_from_value (const gchar *name, const GValue *array, GError **error);
/* Appends @prompts to @array, which is an initialised GST_TYPE_ARRAY. */
void gst_vl_prompt_list_to_value (gchar **prompts, GValue *array);

/* Whole numbers like "-2,-1", between commas or spaces: gint. Free with g_array_unref(). */
GArray *gst_vl_number_list_from_text (const gchar *name, const gchar *text, GError **error);

G_END_DECLS
