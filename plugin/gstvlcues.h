/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/lib/vlfusion.h"

G_BEGIN_DECLS

/* What frames say, as texts with a time: buffers with PTS and duration, GAP events between, which together cover the stream and never
 * overlap. A text leaves when it is known, so its duration is a promise: it holds for the interval between two inferences, two seconds
 * at most, and one that comes sooner waits for its end. */

typedef struct {
  GstClockTime interval; /* that a text holds for, see above; rounded to whole frames, at least one */
  gboolean only_changes; /* a text that is already out is a gap ... */
  GstClockTime max_age;  /* ... unless it left so long ago; GST_CLOCK_TIME_NONE: always */
  GstClockTime start;    /* of the segment: frames that begin before are shown from there on */
} GstVlCueRules;

/* Zeroed but for @end is new. */
typedef struct {
  GstClockTime end;  /* everything before it is covered; GST_CLOCK_TIME_NONE: the stream has not begun */
  gchar *text;       /* that left last, or NULL */
  GstClockTime left; /* its PTS */
} GstVlCues;

/* What @result (NULL: none) says: a line for each caption or answer, free it; empty without any. */
gchar *gst_vl_cue_text (const GstVlResult *result);

/* A new stream, or a new segment of it. */
void gst_vl_cues_reset (GstVlCues *cues);
/* A frame from @pts to @pts + @duration (both valid, nanoseconds) that says @text; NULL or "": nothing. Appends to @out, which owns them,
 * at most three buffers or events. */
void gst_vl_cues_add_frame (GstVlCues *cues, const GstVlCueRules *rules, GstClockTime pts, GstClockTime duration,
                            const gchar *text, GQueue *out);

G_END_DECLS
