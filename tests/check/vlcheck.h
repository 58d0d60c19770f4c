/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/check/gstcheck.h>
#include "plugin/lib/vlfusion.h"

/* What the tests of results, metas and the elements that read them share: results made by hand, and pipelines whose
 * buffers get them. */

/* A phrase map of @rows x @cols with a bump around (@x, @y), which are shares of the grid, over a floor; sums to 1. */
GBytes *vl_check_map (guint rows, guint cols, gdouble x, gdouble y);

/* A result over the whole of a frame with one prompt, "a red circle", whose map has a bump at (@x, @y), shares of the
 * frame. */
GstVlResult *vl_check_result (guint width, guint height, gdouble x, gdouble y);

/* Adds a further prompt. Returns its index. */
guint vl_check_add_prompt (GstVlResult *result, const gchar *text, gdouble match, gdouble x, gdouble y);

/* Three prompts, each with its bump elsewhere; the last one does not match. */
GstVlResult *vl_check_three_prompts (guint width, guint height);

/* Runs @description to EOS. Buffers that leave its element "in" get @result (NULL: none) from the producer "check";
 * returns the sample of the last buffer that arrives at its element "out". Fails the test on an error. */
GstSample *vl_check_run (const gchar *description, GstVlResult *result);
