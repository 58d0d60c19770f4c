/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

G_BEGIN_DECLS

/* Small pictures with text and marks: native-endian 0xAARRGGBB with premultiplied alpha in a buffer with a
 * GstVideoMeta. Built without Pango, or without a font on the system, there is no text: the first two return NULL. All
 * return NULL when memory is short. */

typedef struct {
  const gchar *font; /* Pango font description without size; NULL or "": Sans */
  gdouble size;      /* height of the type, pixels, > 0 */
  gdouble opacity;   /* 0..1, of everything */
  guint max_width;   /* pixels; longer text is cut with an ellipsis or wrapped */
} GstVlType;

/* A chip on one line: a dot in @colour (0xrrggbb), @text, and behind it, in the colour, @value (NULL: none). UTF-8. */
GstBuffer *gst_vl_label_new (const gchar *text, const gchar *value, guint32 colour, const GstVlType *type);

/* Part of a text, bytes [begin, end), in @colour (0xrrggbb). */
typedef struct {
  guint begin, end;
  guint32 colour;
} GstVlSpan;

/* Centred lines of text on a dark ground, as subtitles are. UTF-8. @lit: what stands out; NULL: nothing. */
GstBuffer *gst_vl_caption_new (const gchar *text, const GstVlType *type, const GstVlSpan *lit);

/* A ring around a point; square, 2 @radius + 1 pixels wide, centred. */
GstBuffer *gst_vl_ring_new (guint32 colour, guint radius, gdouble opacity);

G_END_DECLS
