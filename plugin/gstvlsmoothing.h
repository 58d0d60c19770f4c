/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/lib/vlfusion.h"

G_BEGIN_DECLS

/* Maps that follow their prompts' with a delay, so that a drawing does not flicker: an exponential moving average in stream time. */
typedef struct _GstVlSmoothing GstVlSmoothing;
GstVlSmoothing *gst_vl_smoothing_new (void);
void gst_vl_smoothing_free (GstVlSmoothing *smoothing);
void gst_vl_smoothing_reset (GstVlSmoothing *smoothing);

/* Call before the first map of a frame: forgets everything if there are more maps than prompts that anybody looks at. */
void gst_vl_smoothing_trim (GstVlSmoothing *smoothing);

/* The map to draw for a prompt on a frame with time stamp @pts: after @constant the old map counts 1/e. Starts anew where time goes back,
 * jumps or is not known, and where the grid changes. [rows, cols], valid until the next call for this prompt, trim or reset; NULL if the prompt
 * has no map. @constant 0: the result's own. */
const gfloat *gst_vl_smoothing_next (GstVlSmoothing *smoothing, const GstVlResult *result, guint prompt,
                                     GstClockTime pts, GstClockTime constant);

G_END_DECLS
