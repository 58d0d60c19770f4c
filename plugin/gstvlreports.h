/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/gstvlstream.h"

G_BEGIN_DECLS

/* What a stream says of itself: latency, statistics, lateness, results, events. For gstvlstream.c; with the stream lock. */

/* Whether frames wait for their results. With the object lock. */
gboolean gst_vl_stream_frames_wait (const GstVlStream *self, gboolean live);
/* Counts the inference of @job into the statistics, and into the latency if a frame @waited for it. */
void gst_vl_stream_measure (GstVlStream *self, const GstVlJob *job, gboolean waited);
/* Warns, once a run, that the model's answers are no numbers; a model that gives such goes on to. */
void gst_vl_stream_tell_invalid (GstVlStream *self, const VlfResult *result);
/* Posts what the newest result is to be told as. */
void gst_vl_stream_tell_result (GstVlStream *self);
/* Posts that the frame runs no inference because it is late. */
void gst_vl_stream_post_qos (GstVlStream *self, const GstVlMoment *moment, GstBuffer *buffer);

G_END_DECLS
