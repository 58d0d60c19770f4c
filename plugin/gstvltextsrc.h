/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

G_BEGIN_DECLS

/* A source pad for texts beside an element's video, on a thread of its own: whatever happens behind it, a sink that waits for its clock or
 * for another stream, never holds up the video. Begins and flushes as the video does and leaves seeks and latency to it. */
#define GST_TYPE_VL_TEXT_SRC (gst_vl_text_src_get_type ())
G_DECLARE_FINAL_TYPE (GstVlTextSrc, gst_vl_text_src, GST, VL_TEXT_SRC, GstPad)

#define GST_VL_TEXT_SRC_CAPS "text/x-raw, format = (string) utf8"

/* @video_sink and @video_src: the element's own pads, which outlive this one. */
GstPad *gst_vl_text_src_new (GstPadTemplate *templ, const gchar *name, GstPad *video_sink, GstPad *video_src);

/* Buffers, and serialised events other than those that begin a stream; takes @item. With @wait the caller waits while too much is pending,
 * else the oldest texts are dropped. What it returns is from behind the pad: an error, FLUSHING when this pad flushes, else OK. On the
 * video's thread. */
GstFlowReturn gst_vl_text_src_push (GstVlTextSrc *pad, GstMiniObject *item, gboolean wait);
/* What the video got; @event is borrowed. */
void gst_vl_text_src_take_event (GstVlTextSrc *pad, GstEvent *event);

G_END_DECLS
