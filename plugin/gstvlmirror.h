/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/lib/vlfusion.h"

G_BEGIN_DECLS

/* Results as flat structures, for applications and language bindings that do not know GstVlResult: on the bus and on buffers. */

/* Adds to @structure: generation (uint64), model (string), n-prompts (uint), best (int) where that is judged, and of the prompts N, from 0
 * to 63, and of the best one: text-N (string), match-N, score-N, peak-x-N, peak-y-N, similarity-N (double), caption-N (string). What is not
 * known is left out. Peaks: pixels of the frame of @meta; NULL: of the result's own. */
void gst_vl_mirror_describe (GstStructure *structure, GstVlResult *result, const GstVlMeta *meta);

/* Adds to @buffer, which is writable and has @meta, a GstCustomMeta named GstVlFusion: the above and producer (string), source-pts and
 * age (uint64, nanoseconds), carried (boolean), frame-width and frame-height (uint). It goes where the GstVlMeta goes and says what that
 * says there. */
void gst_vl_mirror_attach (GstBuffer *buffer, const GstVlMeta *meta);

#define GST_VL_MIRROR_NAME "GstVlFusion"

G_END_DECLS
