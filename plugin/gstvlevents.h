/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>
#include "plugin/lib/vlfusion.h"

G_BEGIN_DECLS

/* From results to what applications wait for: a prompt begins to match, or no longer does; a caption changes. Told as element messages
 * (GST_MESSAGE_ELEMENT) of the element that found it. All have timestamp (of the buffer), stream-time and running-time, guint64, of the
 * frame with which it was so; and text, a string, and prompt, guint, its place among the prompts, from 0:
 *
 *   vlf-match-start      match, double 0..1; peak-x, peak-y, double, where in the frame (absent if not known); generation, guint64
 *   vlf-match-end        duration, guint64 of stream time since the start; best-match, double; best-stream-time, guint64;
 *                        reason, string: "below" (its threshold), "prompt-gone", "flush", "segment" (time goes on
 *                        elsewhere, or the other way), "end-of-stream" or "stopped"
 *   vlf-caption-changed  caption, string; previous, string (absent before the first); text is the question, or empty
 *
 * Two more, of the engine's, are posted always and have no time:
 *
 *   vlf-model-loaded     model and device, strings
 *   vlf-device-lost      reason, string; the device failed, and an error message follows */

/* What counts as a match. */
typedef struct {
  gdouble threshold;  /* begins at this match, 0..1; < 0: what the result's model says */
  gdouble hysteresis; /* and ends where match is so much lower, but below half of the threshold in any case; 0..1 */
  GstClockTime
      least; /* and only if it stays so for this long, stream time; a message then comes late, with its true time */
} GstVlEventRule;
#define GST_VL_EVENT_RULE_DEFAULT ((GstVlEventRule){ .threshold = -1, .hysteresis = 0.1, .least = 0 })

/* In class_init: the properties post-events, event-threshold, event-hysteresis and event-min-duration, numbered from @first. */
void gst_vl_events_install (GObjectClass *klass, guint first);

/* When a frame is; GST_CLOCK_TIME_NONE: unknown. */
typedef struct {
  GstClockTime timestamp, stream, running;
} GstVlInstant;

/* What is under way in one stream. One thread at a time. */
typedef struct _GstVlEvents GstVlEvents;
GstVlEvents *gst_vl_events_new (void);
void gst_vl_events_free (GstVlEvents *self); /* NULL is fine */

/* @result is of the frame at @now; a frame whose stream time is not known tells nothing. Posts on @element. */
void gst_vl_events_take (GstVlEvents *self, GstElement *element, const GstVlEventRule *rule, const GstVlResult *result,
                         const GstVlInstant *now);
/* Everything under way ends with the last frame that was taken, for @reason. */
void gst_vl_events_end (GstVlEvents *self, GstElement *element, const gchar *reason);

/* Each result for itself, on the way that messages of `level` have: one named @name with these times, and what was found. */
void gst_vl_events_post_result (GstElement *element, const gchar *name, GstVlResult *result, const GstVlInstant *at);

G_END_DECLS
