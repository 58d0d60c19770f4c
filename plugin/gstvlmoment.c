/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlmoment.h"

void
gst_vl_moment_init (GstVlMoment *self, const GstSegment *segment, GstBuffer *buffer)
{
  GstClockTime shown;
  guint64 time;

  self->arrived = gst_util_get_timestamp ();
  self->pts = GST_BUFFER_PTS (buffer);
  self->stream = self->running = GST_CLOCK_TIME_NONE;
  if (!GST_CLOCK_TIME_IS_VALID (self->pts) || segment->format != GST_FORMAT_TIME)
    return;
  shown = MAX (self->pts, segment->start);
  if (gst_segment_to_stream_time_full (segment, GST_FORMAT_TIME, shown, &time) > 0)
    self->stream = time;
  if (gst_segment_to_running_time_full (segment, GST_FORMAT_TIME, shown, &time) > 0)
    self->running = time;
}

GstClockTime
gst_vl_moment_since (const GstVlMoment *self, GstClockTime stream_time)
{
  if (!GST_CLOCK_TIME_IS_VALID (self->stream) || !GST_CLOCK_TIME_IS_VALID (stream_time) || self->stream < stream_time)
    return GST_CLOCK_TIME_NONE;
  return self->stream - stream_time;
}

GstClockTime
gst_vl_moment_passed (const GstVlMoment *self, GstClockTime stream_time, gboolean backwards)
{
  if (backwards && GST_CLOCK_TIME_IS_VALID (self->stream) && GST_CLOCK_TIME_IS_VALID (stream_time) &&
      self->stream <= stream_time)
    return stream_time - self->stream;
  return gst_vl_moment_since (self, stream_time);
}
