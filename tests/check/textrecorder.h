/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/check/gstcheck.h>

G_BEGIN_DECLS

/* What comes out of a text pad, written down. */
typedef struct {
  GstPad *pad, *peer; /* sink; the element's */
  GstElement *element;
  GMutex lock;
  GCond changed;
  GPtrArray *items; /* of GstMiniObject: buffers and events in their order */
  gboolean blocked; /* buffers are held up */
  gboolean flushing;
  GstFlowReturn flow; /* of buffers */
} Recorder;

/* Requests text_src of @element and links it. */
Recorder *recorder_new (GstElement *element);
/* Releases the pad. */
void recorder_release (Recorder *r);
/* The same unless it is done. */
void recorder_free (Recorder *r);
/* As downstream's pads are deactivated first. */
void recorder_stop (Recorder *r);
void recorder_block (Recorder *r, gboolean blocked);
/* Until so many events of @type have come since the last clear, a minute at most. */
void recorder_await (Recorder *r, GstEventType type, guint n);
/* The same of buffers. */
void recorder_await_texts (Recorder *r, guint n);
guint recorder_count (Recorder *r, GstEventType type);
void recorder_clear (Recorder *r);
/* A copy of what has come: texts as "0.10-0.20 saying 3" (stream time in seconds), gaps that have a length as "0.20-0.30", consecutive ones
 * as one, other events by their name; one a line. */
gchar *recorder_text (Recorder *r);

G_END_DECLS
