/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/check/textsource.h"
#include <string.h>

static gpointer
push_start (gpointer data)
{
  TextSource *s = data;
  GstCaps *caps = gst_caps_new_simple ("text/x-raw", "format", G_TYPE_STRING, s->format, NULL);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (gst_pad_push_event (s->pad, gst_event_new_stream_start ("texts")));
  fail_unless (gst_pad_push_event (s->pad, gst_event_new_caps (caps)));
  fail_unless (gst_pad_push_event (s->pad, gst_event_new_segment (&segment)));
  gst_caps_unref (caps);
  return NULL;
}

void
text_source_link (TextSource *s, GstElement *element, const gchar *name, const gchar *format)
{
  s->format = format;
  s->peer = gst_element_request_pad_simple (element, name);
  fail_unless (s->peer != NULL, "no pad %s", name);
  s->pad = gst_pad_new ("src", GST_PAD_SRC);
  gst_pad_set_active (s->pad, TRUE);
  fail_unless_equals_int (gst_pad_link (s->pad, s->peer), GST_PAD_LINK_OK);
  g_thread_join (g_thread_new ("start", push_start, s));
}

void
text_source_release (TextSource *s, GstElement *element)
{
  gst_element_release_request_pad (element, s->peer);
  gst_object_unref (s->peer);
  gst_pad_set_active (s->pad, FALSE);
  gst_object_unref (s->pad);
}

GstBuffer *
text_source_buffer (const gchar *text, GstClockTime pts, GstClockTime duration)
{
  GstBuffer *buffer = *text ? gst_buffer_new_memdup (text, strlen (text)) : gst_buffer_new ();

  GST_BUFFER_PTS (buffer) = pts;
  GST_BUFFER_DURATION (buffer) = duration;
  return buffer;
}

void
text_source_push (TextSource *s, const gchar *text, gint start, gint duration)
{
  GstClockTime pts = start < 0 ? GST_CLOCK_TIME_NONE : gst_util_uint64_scale (start, GST_SECOND, 30);
  GstClockTime length = duration < 0 ? GST_CLOCK_TIME_NONE : gst_util_uint64_scale (duration, GST_SECOND, 30);

  fail_unless_equals_int (gst_pad_push (s->pad, text_source_buffer (text, pts, length)), GST_FLOW_OK);
}

void
text_expect_at (Fusion *f, guint64 number, const gchar *expected)
{
  f->pushed = number;
  fusion_expect_prompts (f, expected);
}

void
text_start_video (Fusion *f, gdouble rate)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = rate;
  segment.stop = GST_SECOND;
  fail_unless (gst_harness_push_event (f->h, gst_event_new_segment (&segment)));
}
