/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/gstvlevents.h"
#include "plugin/gstvlinference.h"
#include "plugin/gstvlmoment.h"
#include "plugin/gstvlstats.h"
#include "plugin/gstvltexts.h"

G_BEGIN_DECLS

/* What becomes of the frames of an inference element: which of them run an inference and which wait for it, what they carry, and what
 * that costs. Part of the element. */
typedef struct {
  GstVlInference *owner;
  GstVlTexts *texts;
  GstVlEngine *engine; /* from READY on; only changes while nothing streams */

  /* Guarded by the owner's object lock. */
  GstVlMode mode;
  GstClockTime interval, text_timeout;
  VlfFit fit;
  gboolean mirror, analytics, post_messages, post_events;
  GstVlEventRule rule;
  /*< private >*/
  GstClockTime earliest; /* running time before which frames are too late for inference, says downstream */
  gdouble proportion;
  GstClockTime latency; /* that waiting for results adds, a bound from measurement */
  gboolean ask_live;
  GstVlStats stats;

  /* With the stream lock of the sink pad: of the streaming thread, and of the pusher. */
  GstVideoInfo info;
  gboolean live, backwards, complained, told_invalid;
  GPtrArray *encoded;     /* see gst_vl_inference_get_encoded(); else NULL */
  GstVlJob *running;      /* beside the stream, or NULL */
  GstVlResult *last;      /* newest result, or NULL */
  GstClockTime last_time; /* stream time of its frame */
  GstClockTime last_running_time;
  GstClockTime pushed_time; /* stream time of the frame that was pushed last; NONE: none */
  guint64 last_generation;
  GstVlEvents *events; /* what the bus is told of */
  GstBuffer *held;     /* waits for its own result while the next frame is made; or NULL */
  GstVlJob *held_job;  /* atomic: the pusher looks without the lock */
  GstVlMoment held_moment;
  GstFlowReturn flow; /* of a frame that left by itself, which the next one is answered with */
  GstVlWorker *pusher;
  guint run; /* counts those that have ended */
} GstVlStream;

/* Between streams, and when one flushes: no frame held, no result, no inference under way, no lateness. Settings stay. */
void gst_vl_stream_forget (GstVlStream *self);
/* A new run: also statistics and the measured latency begin at zero. */
void gst_vl_stream_start (GstVlStream *self);
/* The end of a run. What waits has been interrupted, and nothing streams. */
void gst_vl_stream_stop (GstVlStream *self);
void gst_vl_stream_set_info (GstVlStream *self, const GstVideoInfo *info);
/* Whether upstream is live is asked again at the next frame. Any thread. */
void gst_vl_stream_ask_live (GstVlStream *self);
/* Takes @buffer: runs or waits for what is due, attaches the result that the frame shall carry, and pushes it. A frame that is not live is
 * held instead of waited for; it leaves as soon as its result is there, by whoever comes first: the next frame, an event, or a thread
 * that waits for nothing else. With the stream lock, as is gst_vl_stream_drain(). */
GstFlowReturn gst_vl_stream_process (GstVlStream *self, GstBuffer *buffer);
/* The stream goes on with the segment of @event: what is under way does not span a jump back, or a turn. With the stream lock. */
void gst_vl_stream_begin_segment (GstVlStream *self, GstEvent *event);
/* No frame follows, for @reason: what is under way ends. With the stream lock. */
void gst_vl_stream_end_events (GstVlStream *self, const gchar *reason);
/* The frame that is held waits for its result and leaves: before everything that must not overtake it. */
void gst_vl_stream_drain (GstVlStream *self);

/* Any thread. */
void gst_vl_stream_take_qos (GstVlStream *self, GstEvent *event);
gboolean gst_vl_stream_query_latency (GstVlStream *self, GstQuery *query);
/* With the object lock. TRUE: frames wait for results now, or no longer do, so that the pipeline is to be told of another latency. */
gboolean gst_vl_stream_set_mode (GstVlStream *self, GstVlMode mode);
GstStructure *gst_vl_stream_make_stats (const GstVlStream *self); /* with the object lock */

G_END_DECLS
