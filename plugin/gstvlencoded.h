/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>
#include "models/session.h"

G_BEGIN_DECLS

/* Encoded texts in the shape of streams, see GstVlTextMeta. */
#define GST_VL_ENCODED_CAPS "application/x-vlf-text-embedding"

/* The one text that @buffer and its meta are, under caps of @encoding. NULL with VLF_ERROR_FORMAT or VLF_ERROR_RANGE. */
VlfEmbeddings *gst_vl_encoded_from_buffer (GstBuffer *buffer, const VlfEncoding *encoding, GError **error);
/* A new buffer with its meta and without times. */
GstBuffer *gst_vl_encoded_to_buffer (const VlfEmbeddings *texts, guint i);

/* Caps of texts so encoded, and back; what is read belongs to @caps. FALSE, with VLF_ERROR_FORMAT, if something is missing. */
GstCaps *gst_vl_encoding_to_caps (const VlfEncoding *encoding);
gboolean gst_vl_encoding_from_caps (VlfEncoding *encoding, const GstCaps *caps, GError **error);

G_END_DECLS
