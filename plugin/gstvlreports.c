/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlreports.h"
#include <math.h>

/* Called with the object lock. */
gboolean
gst_vl_stream_set_mode (GstVlStream *self, GstVlMode mode)
{
  const gboolean other = self->mode != mode;

  self->mode = mode;
  return other && GST_STATE (self->owner) >= GST_STATE_PAUSED;
}

gboolean
gst_vl_stream_frames_wait (const GstVlStream *self, gboolean live)
{
  return self->mode == GST_VL_MODE_EVERY_FRAME || (self->mode == GST_VL_MODE_AUTO && !live);
}

/* Frames that wait for results are late by the longest inference so far. The bound has some room above it, so that the pipeline is not
 * reconfigured for every new maximum. */
void
gst_vl_stream_measure (GstVlStream *self, const GstVlJob *job, gboolean waited)
{
  gdouble device = job->result ? job->result->device_milliseconds : NAN;
  GstClockTime duration = job->duration;
  gboolean changed = FALSE;

  GST_OBJECT_LOCK (self->owner);
  gst_vl_stats_add_inference (&self->stats, duration,
                              isnan (device) ? GST_CLOCK_TIME_NONE : (GstClockTime) (device * GST_MSECOND));
  if (waited && duration > self->latency) {
    self->latency = (duration + duration / 4) / GST_MSECOND * GST_MSECOND + GST_MSECOND;
    changed = self->live;
  }
  GST_OBJECT_UNLOCK (self->owner);
  if (changed)
    gst_element_post_message (GST_ELEMENT (self->owner), gst_message_new_latency (GST_OBJECT (self->owner)));
}

void
gst_vl_stream_tell_invalid (GstVlStream *self, const VlfResult *result)
{
  for (guint i = 0; i < result->n_prompts && !self->told_invalid; i++) {
    if (!result->prompts[i].invalid)
      continue;
    self->told_invalid = TRUE;
    GST_ELEMENT_WARNING (
        self->owner, STREAM, FAILED,
        ("The model's answer to \"%s\" is not a number; it has no match, map or embedding, and no text means anything.",
         result->prompts[i].text),
        ("weights or activations of %s are NaN or infinite", result->model));
  }
}

void
gst_vl_stream_tell_result (GstVlStream *self)
{
  const GstVlInstant at = { gst_vl_result_get_source_pts (self->last), self->last_time, self->last_running_time };
  GstVlEventRule rule;
  gboolean messages, events;

  GST_OBJECT_LOCK (self->owner);
  messages = self->post_messages;
  events = self->post_events;
  rule = self->rule;
  GST_OBJECT_UNLOCK (self->owner);
  if (messages)
    gst_vl_events_post_result (GST_ELEMENT (self->owner), GST_VL_INFERENCE_GET_CLASS (self->owner)->message, self->last,
                               &at);
  if (events)
    gst_vl_events_take (self->events, GST_ELEMENT (self->owner), &rule, self->last, &at);
}

void
gst_vl_stream_end_events (GstVlStream *self, const gchar *reason)
{
  gst_vl_events_end (self->events, GST_ELEMENT (self->owner), reason);
}

void
gst_vl_stream_post_qos (GstVlStream *self, const GstVlMoment *moment, GstBuffer *buffer)
{
  GstMessage *message = gst_message_new_qos (GST_OBJECT (self->owner), self->live, moment->running, moment->stream,
                                             moment->pts, GST_BUFFER_DURATION (buffer));

  GST_OBJECT_LOCK (self->owner);
  gst_message_set_qos_values (message, GST_CLOCK_DIFF (moment->running, self->earliest), self->proportion, 1000000);
  gst_message_set_qos_stats (message, GST_FORMAT_BUFFERS, self->stats.inferences, self->stats.late);
  GST_OBJECT_UNLOCK (self->owner);
  gst_element_post_message (GST_ELEMENT (self->owner), message);
}

gboolean
gst_vl_stream_query_latency (GstVlStream *self, GstQuery *query)
{
  GstClockTime min, max;
  gboolean live;

  if (!gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (self->owner), query))
    return FALSE;
  gst_query_parse_latency (query, &live, &min, &max);
  GST_OBJECT_LOCK (self->owner);
  if (live && gst_vl_stream_frames_wait (self, live)) {
    min += self->latency;
    if (GST_CLOCK_TIME_IS_VALID (max))
      max += self->latency;
  }
  GST_OBJECT_UNLOCK (self->owner);
  gst_query_set_latency (query, live, min, max);
  return TRUE;
}

GstStructure *
gst_vl_stream_make_stats (const GstVlStream *self)
{
  return gst_vl_stats_describe (&self->stats, self->latency);
}
