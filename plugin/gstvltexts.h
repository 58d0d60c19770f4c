/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>
#include "models/session.h"

G_BEGIN_DECLS

/* All text pads of one element. Reference-counted, thread-safe. */
typedef struct _GstVlTexts GstVlTexts;
GstVlTexts *gst_vl_texts_new (void);
void gst_vl_texts_unref (GstVlTexts *texts);

/* Whether encoded texts can be asked by @element; OPEN while its model loads. @error: why not. Called on the texts' threads. */
typedef enum { GST_VL_VERDICT_OPEN, GST_VL_VERDICT_ACCEPTED, GST_VL_VERDICT_REFUSED } GstVlVerdict;
typedef GstVlVerdict (*GstVlTextsJudge) (GstObject *element, const VlfEncoding *encoding, GError **error);
/* Before the first pad. */
void gst_vl_texts_set_judge (GstVlTexts *texts, GstVlTextsJudge judge);

void gst_vl_texts_add (GstVlTexts *texts, GstPad *pad);
void gst_vl_texts_remove (GstVlTexts *texts, GstPad *pad); /* also frees a thread that waits in it */
gboolean gst_vl_texts_has (GstVlTexts *texts, guint index);

typedef enum {
  GST_VL_TEXTS_STOPPING = 1 << 0,  /* the element stops: nobody waits, texts are refused */
  GST_VL_TEXTS_FLUSHING = 1 << 1,  /* video flushes: its thread does not wait */
  GST_VL_TEXTS_VIDEO_EOS = 1 << 2, /* no frame follows: texts are refused with EOS */
  GST_VL_TEXTS_BACKWARDS = 1 << 3, /* video runs backwards: texts that end before a frame are still to come */
} GstVlTextsFlags;
void gst_vl_texts_set_flags (GstVlTexts *texts, GstVlTextsFlags flags, gboolean on);
/* The stream starts anew: what was known of time is forgotten, the texts stay. */
void gst_vl_texts_reset (GstVlTexts *texts);
/* An event of the video comes on the calling thread: texts that come there too must not wait for video. */
void gst_vl_texts_set_video_thread (GstVlTexts *texts);
/* Whether a pad's source is live is asked again at the next frame. */
void gst_vl_texts_latency_changed (GstVlTexts *texts);

/* Around a seek of the video: with a flushing one, frames wait and text segments are held back until the texts have been sought too
 * (subparse sends a stale segment before it has updated its own). With another, texts of the next round are kept until the video's segment
 * has come, as @done or not the video's own seek was. Both take no reference. */
gboolean gst_vl_texts_begin_seek (GstVlTexts *texts,
                                  GstEvent *seek); /* FALSE: done already, by way of another sink; no end then */
void gst_vl_texts_end_seek (GstVlTexts *texts, GstEvent *seek, gboolean done); /* forwards @seek to every pad's peer */
/* A segment of the video, with its event's sequence number. */
void gst_vl_texts_begin_segment (GstVlTexts *texts, guint32 seqnum);

#define GST_VL_MAX_ACTIVE_TEXTS 64u

/* The active texts, of one pad after the other, as strings; of more than GST_VL_MAX_ACTIVE_TEXTS the first, and the bus is told. Free with
 * g_ptr_array_unref(). @encoded: NULL, or receives as many VlfEmbeddings of one text each, NULL for what did not come encoded. Waits up to
 * @timeout for texts that may still come for this frame, from linked pads whose source is not live; 0: not at all. NULL if interrupted by
 * STOPPING or FLUSHING. Times of the frame may be GST_CLOCK_TIME_NONE: those of the frame before count then. */
GPtrArray *gst_vl_texts_at (GstVlTexts *texts, GstClockTime stream_time, GstClockTime running_time,
                            GstClockTime timeout, GPtrArray **encoded);

G_END_DECLS
