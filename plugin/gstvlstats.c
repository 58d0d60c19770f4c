/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlstats.h"

#define STEP_BITS 4 /* buckets in a power of two: 16 */
#define STEPS     (1u << STEP_BITS)

/* Below 2 * STEPS each number has its own bucket. */
static guint
bucket_of (GstClockTime time)
{
  guint shift = 0;

  while (time >> shift >= 2 * STEPS)
    shift++;
  return MIN ((guint) (time >> shift) + shift * STEPS, GST_VL_BUCKETS - 1);
}

/* The middle of a bucket. */
static GstClockTime
time_of (guint bucket)
{
  guint shift = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;
  GstClockTime least = (GstClockTime) (bucket - shift * STEPS) << shift;

  return least + ((G_GUINT64_CONSTANT (1) << shift) - 1) / 2;
}

void
gst_vl_times_add (GstVlTimes *times, GstClockTime time)
{
  guint32 *bucket = &times->buckets[bucket_of (time)];

  if (*bucket == G_MAXUINT32)
    return;
  (*bucket)++;
  times->n++;
}

GstClockTime
gst_vl_times_percentile (const GstVlTimes *times, guint percent)
{
  guint64 rank = gst_util_uint64_scale_ceil (times->n, percent, 100), seen = 0;

  for (guint i = 0; i < GST_VL_BUCKETS && times->n > 0; i++) {
    seen += times->buckets[i];
    if (seen >= MAX (rank, 1))
      return time_of (i);
  }
  return 0;
}

void
gst_vl_stats_add_inference (GstVlStats *stats, GstClockTime duration, GstClockTime device)
{
  stats->inferences++;
  stats->last = duration;
  stats->total += duration;
  stats->longest = MAX (stats->longest, duration);
  gst_vl_times_add (&stats->inference, duration);
  if (GST_CLOCK_TIME_IS_VALID (device))
    gst_vl_times_add (&stats->device, device);
}

static void
describe_times (GstStructure *to, const gchar *name, const GstVlTimes *times)
{
  static const guint percents[] = { 50, 95, 99 };

  for (guint i = 0; i < G_N_ELEMENTS (percents); i++) {
    g_autofree gchar *field = g_strdup_printf ("%s-p%u", name, percents[i]);

    gst_structure_set (to, field, G_TYPE_UINT64, gst_vl_times_percentile (times, percents[i]), NULL);
  }
}

GstStructure *
gst_vl_stats_describe (const GstVlStats *stats, GstClockTime latency)
{
  guint64 n = stats->inferences;
  GstStructure *s =
      gst_structure_new ("application/x-vlf-stats", "frames", G_TYPE_UINT64, stats->frames, "inferences", G_TYPE_UINT64,
                         n, "carried", G_TYPE_UINT64, stats->carried, "late", G_TYPE_UINT64, stats->late, "last-time",
                         G_TYPE_UINT64, stats->last, "average-time", G_TYPE_UINT64, n ? stats->total / n : 0,
                         "longest-time", G_TYPE_UINT64, stats->longest, "latency", G_TYPE_UINT64, latency, NULL);

  describe_times (s, "inference", &stats->inference);
  describe_times (s, "device", &stats->device);
  describe_times (s, "passage", &stats->passage);
  describe_times (s, "age", &stats->age);
  return s;
}
