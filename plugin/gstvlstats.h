/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

G_BEGIN_DECLS

/* How durations are distributed, in memory that does not grow: buckets whose width is a sixteenth of the power of two that they lie in,
 * so that a percentile is right to 3 %. All zero is empty. */
#define GST_VL_BUCKETS 976
typedef struct {
  guint64 n;
  guint32 buckets[GST_VL_BUCKETS];
} GstVlTimes;

void gst_vl_times_add (GstVlTimes *times, GstClockTime time);
/* The time that @percent (0..100) of all are not above; 0 of none. */
GstClockTime gst_vl_times_percentile (const GstVlTimes *times, guint percent);

/* What an inference element has done since it began to stream. Not thread-safe. */
typedef struct {
  guint64 frames, inferences, carried, late;
  GstClockTime last, longest, total; /* of inferences */
  GstVlTimes inference;              /* by the clock */
  GstVlTimes device;                 /* of them on the device, by its own clock; empty where it does not say */
  GstVlTimes passage;                /* of frames, from their arrival to their departure */
  GstVlTimes age;                    /* of the results that frames leave with, stream time */
} GstVlStats;

/* @device: GST_CLOCK_TIME_NONE: not known. */
void gst_vl_stats_add_inference (GstVlStats *stats, GstClockTime duration, GstClockTime device);
/* As property stats has them: counts, and nanoseconds. */
GstStructure *gst_vl_stats_describe (const GstVlStats *stats, GstClockTime latency);

G_END_DECLS
