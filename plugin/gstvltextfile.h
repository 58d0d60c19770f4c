/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "models/embeddings.h"

G_BEGIN_DECLS

/* A file of text embeddings that may change at any time: looked at now and then by who reads its texts, read on a thread of its own. One
 * that is being written is left alone until it rests. */
typedef struct _GstVlTextFile GstVlTextFile;
GstVlTextFile *gst_vl_text_file_new (void);
void gst_vl_text_file_free (GstVlTextFile *self);

/* Any thread. @path: NULL or "": none. */
void gst_vl_text_file_set_path (GstVlTextFile *self, const gchar *path);
gchar *gst_vl_text_file_get_path (GstVlTextFile *self); /* free with g_free(); "": none */

/* What is new since the last call of either function: TRUE, with the texts in @embeddings, NULL where no file is set any more. FALSE:
 * nothing new, or a file that cannot be used, then once with @error. One thread at a time. */
gboolean
gst_vl_text_file_read (GstVlTextFile *self, VlfEmbeddings **embeddings, GError **error); /* now, waiting for the disk */
gboolean gst_vl_text_file_look (GstVlTextFile *self, VlfEmbeddings **embeddings, GError **error); /* without waiting */
/* Ends reading; between streams. */
void gst_vl_text_file_rest (GstVlTextFile *self);

G_END_DECLS
