/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

G_BEGIN_DECLS

/* When a frame is shown; GST_CLOCK_TIME_NONE: unknown. */
typedef struct {
  GstClockTime pts, stream, running;
  GstClockTime arrived; /* gst_util_get_timestamp() of its arrival */
} GstVlMoment;

/* Of @buffer, which arrives now, in @segment. A frame that begins before its segment is shown from the segment's start on: after an accurate
 * seek this is what texts, which their parser has cut at the same place, are matched by. */
void gst_vl_moment_init (GstVlMoment *self, const GstSegment *segment, GstBuffer *buffer);
/* Stream time since @stream_time; GST_CLOCK_TIME_NONE: unknown, or it lies ahead. */
GstClockTime gst_vl_moment_since (const GstVlMoment *self, GstClockTime stream_time);
/* The same the way that time runs, which is @backwards or not. */
GstClockTime gst_vl_moment_passed (const GstVlMoment *self, GstClockTime stream_time, gboolean backwards);

G_END_DECLS
