/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include "plugin/lib/vlfusion.h"
#include "tests/check/fake_session.h"

/* What the tests of vlfusion on a fake session share: an element in a harness with a bus, frames, and looking at what comes out. */
typedef struct {
  GstHarness *h;
  GstElement *element;
  GstBus *bus;
  guint64 pushed;
} Fusion;

/* Makes the element known; fusion_new() does it too. */
void fusion_register (void);
/* @properties as in gst-launch. Not live, set to PLAYING, no caps yet. */
Fusion *fusion_new (const gchar *properties);
/* The same with vlcaption. */
Fusion *caption_new (const gchar *properties);
void fusion_free (Fusion *f);

/* 30 frames a second; format I420 unless said otherwise. */
void fusion_set_caps (Fusion *f, const gchar *format, gint width, gint height);
/* A frame with the timestamp of its number, its bytes a function of @seed. */
GstBuffer *fusion_frame (Fusion *f, guint seed);
GstFlowReturn fusion_push (Fusion *f, GstBuffer *frame);
/* Pushes frames until one is not taken, ten seconds at most; returns why. What came out is forgotten. */
GstFlowReturn fusion_push_until_refused (Fusion *f);
/* Pushes a frame, expects it back. */
GstBuffer *fusion_pass (Fusion *f);
/* The meta of vlfusion on @buffer, or NULL. */
GstVlMeta *fusion_meta (GstBuffer *buffer);
/* Pushes a frame and returns the generation of its result, 0 if it has none. */
guint64 fusion_generation (Fusion *f);
/* Pops all messages of @type; returns how many, that of a loaded model apart, and the last one's text (free it) in @text unless that is NULL. */
guint fusion_messages (Fusion *f, GstMessageType type, gchar **text);
/* Pops element messages until one that does not tell of a loaded model; NULL: none within @timeout. */
GstMessage *fusion_next_event (Fusion *f, GstClockTime timeout);
/* A pipeline's NULL while something runs: milliseconds that it takes. */
gint64 fusion_stop (Fusion *f);
/* Until *@counter is at least @value, a minute at most. */
void fusion_await (gint *counter, gint value);
/* Pops all messages of @type from @bus; the one there is has to contain @part. */
void fusion_expect_message (GstBus *bus, GstMessageType type, const gchar *part);
/* The prompts of the next frame's result, separated by |, each with the first number it was encoded to where it was: "own|a cat=7". */
void fusion_expect_prompts (Fusion *f, const gchar *expected);
