/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/gstvloverlay.h"
#include "tests/check/vlcheck.h"
#include <gst/check/gstharness.h>

/* A vloverlay between two pads that the test holds, and grey BGRx frames of this size for it. */
#define WIDTH  320
#define HEIGHT 240
#define GREY   0x50

/* @properties: name=value, separated by spaces. */
void vl_overlay_set (GstHarness *h, const gchar *properties);
GstHarness *vl_overlay_harness (const gchar *properties);
GstBuffer *vl_overlay_frame (void);

/* Pushes a grey frame with @result; takes it. @age: GST_CLOCK_TIME_NONE: the frame's own result. */
GstBuffer *vl_overlay_draw (GstHarness *h, GstVlResult *result, GstClockTime age);

/* Largest difference of a sample from the grey frame, and where (may be NULL); gives the buffer back. */
gint vl_overlay_change (GstBuffer *buffer, gint *x, gint *y);
