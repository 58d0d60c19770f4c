/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

G_BEGIN_DECLS

/* Maps that follow their prompts' with a delay, so that a drawing does not flicker: an exponential moving average in
 * stream time. */
typedef struct _GstVlSmoothing GstVlSmoothing;
GstVlSmoothing *gst_vl_smoothing_new (void);
void gst_vl_smoothing_free (GstVlSmoothing *smoothing);
void gst_vl_smoothing_reset (GstVlSmoothing *smoothing);

/* Call before the first map of a frame: forgets everything if there are more maps than prompts that anybody looks
 * at. */
void gst_vl_smoothing_trim (GstVlSmoothing *smoothing);

/* What to draw for @map [n] of the thing number @index, called @text, on a frame with time stamp @pts: after @constant
 * the old map counts 1/e. Starts anew where time goes back, jumps or is not known, and where @n changes. Valid until
 * the next call for this thing, trim or reset. @constant 0 or @map NULL: @map. */
const gfloat *gst_vl_smoothing_next (GstVlSmoothing *smoothing, const gchar *text, guint index, const gfloat *map,
                                     gsize n, GstClockTime pts, GstClockTime constant);

G_END_DECLS
