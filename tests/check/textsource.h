/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tests/check/fusionharness.h"

/* A text pad of vlfusion that is fed by hand. */
typedef struct {
  GstPad *pad, *peer;
  const gchar *format;
} TextSource;

/* The text stream starts on a thread that is not the video's, which would not wait for itself. */
void text_source_link (TextSource *s, GstElement *element, const gchar *name, const gchar *format);
void text_source_release (TextSource *s, GstElement *element);

GstBuffer *text_source_buffer (const gchar *text, GstClockTime pts, GstClockTime duration);
/* Times in frames of 1/30 s; -1: none. */
void text_source_push (TextSource *s, const gchar *text, gint start, gint duration);

/* The prompts that frame @number, which is pushed now, leaves with. */
void text_expect_at (Fusion *f, guint64 number, const gchar *expected);
/* The video's segment: from here on at @rate. */
void text_start_video (Fusion *f, gdouble rate);
