/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/lib/vlfusion.h"

G_BEGIN_DECLS

/* Results as GStreamer's own analytics library has them, for elements and applications that know only that. The one file that sees it:
 * without the library (or with meson's -Danalytics=disabled) there is no property, and nothing is attached.
 *
 * From GStreamer 1.24 on a GstAnalyticsRelationMeta gets a GstAnalyticsClsMtd for each prompt whose match is known: one class, its level the
 * match. Classes are GQuarks, which live as long as the process: a user's text must not become one, so prompt N is named vlf-prompt-N.
 * A vision-language model gives no boxes and follows no objects: there are no other relations.
 *
 * From 1.26 on a GstTensorMeta gets the tensors below, row-major; a tensor whose numbers are not known at all is left out, a row is NaN:
 *   vlf-texts            uint8 [bytes]: of each prompt its text in UTF-8, of a caption what was written, each with a NUL behind it
 *   vlf-embeddings       float32 [prompts, dim]: of frame and prompt together
 *   vlf-image-embedding  float32 [dim]: of the frame alone
 *   vlf-maps             float32 [prompts, rows, cols]: where each prompt looked
 *   vlf-region           float32 [4]: x, y, width, height of what the maps cover, pixels of this frame
 * GstTensorMeta does not go with a buffer that is scaled, and with one that is copied only from 1.28 on. */

/* The property analytics-meta, number @id of @klass; where there is no analytics library: nothing. */
void gst_vl_analytics_install (GObjectClass *klass, guint id);

/* Adds what @meta, a meta of the writable @buffer, says; what others attached before stays. */
void gst_vl_analytics_attach (GstBuffer *buffer, const GstVlMeta *meta);

G_END_DECLS
