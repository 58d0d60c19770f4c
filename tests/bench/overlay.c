/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What drawing costs: vloverlay on 1080p frames with four prompts, each frame with a new result, beside videoconvert from I420 to BGRA of
 * the same frame, in interleaved rounds of one run. Times are of the processor, not of the clock, so that other work on the machine
 * matters less. A line of JSON for each way. */
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include "plugin/gstvloverlay.h"
#include "tests/check/vlcheck.h"

#define WIDTH     1920
#define HEIGHT    1080
#define ROUNDS    15
#define FRAMES    12 /* in a round */
#define RESULTS   4  /* different ones, in turn */
#define FULL_RATE 60

/* One element between two pads, and the frame that it is given again and again. */
typedef struct {
  const gchar *name, *format;
  gboolean attach, carried; /* pictures beside the frame; the same result on every frame */
  GstHarness *h;
  GstBuffer *frame;
  gdouble ms[ROUNDS]; /* a frame */
} Way;

static GstVlResult *results[RESULTS];

static gdouble
processor_ms (void)
{
  struct timespec t;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* The bumps of four prompts at other places for each @turn. */
static GstVlResult *
four_prompts (guint turn)
{
  static const gchar *const texts[] = { "a red circle", "a blue star left of it", "a person with a hat", "grass" };
  GstVlResult *result = gst_vl_result_new (WIDTH, HEIGHT, 14, 14);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    vl_check_add_prompt (result, texts[i], 0.9 - 0.1 * i, 0.2 + 0.2 * i, 0.2 + 0.15 * ((i + turn) % RESULTS));
  return result;
}

static void
open_way (Way *way)
{
  g_autofree gchar *caps =
      g_strdup_printf ("video/x-raw,format=%s,width=%d,height=%d,framerate=60/1", way->format, WIDTH, HEIGHT);
  GstVideoInfo info;
  GstMapInfo map;

  way->h = gst_harness_new (way->name);
  if (g_str_equal (way->name, "videoconvert"))
    gst_harness_set_sink_caps_str (way->h, "video/x-raw,format=BGRA");
  if (way->attach) {
    gst_harness_add_propose_allocation_meta (way->h, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
    gst_harness_set_sink_caps_str (way->h,
                                   "video/x-raw(memory:SystemMemory, meta:GstVideoOverlayComposition); video/x-raw");
  }
  gst_harness_set_src_caps_str (way->h, caps);
  gst_video_info_set_format (&info, gst_video_format_from_string (way->format), WIDTH, HEIGHT);
  way->frame = gst_buffer_new_and_alloc (info.size);
  gst_buffer_map (way->frame, &map, GST_MAP_WRITE);
  for (gsize i = 0; i < map.size; i++)
    map.data[i] = (guint8) (i * 2654435761u >> 16);
  gst_buffer_unmap (way->frame, &map);
}

/* vloverlay draws into the frame itself, so the same memory comes back; videoconvert makes another one. */
static void
pass_frame (Way *way, guint turn)
{
  GstBuffer *out;

  if (!way->carried || turn == 0) {
    GstVlMeta *meta = gst_buffer_get_vl_meta (way->frame, NULL, GST_VL_KIND_FUSION);

    if (meta)
      gst_buffer_remove_meta (way->frame, (GstMeta *) meta);
    gst_buffer_add_vl_meta (way->frame, results[turn % RESULTS], "bench", GST_VL_KIND_FUSION);
  }
  if (g_str_equal (way->name, "videoconvert")) {
    out = gst_harness_push_and_pull (way->h, gst_buffer_ref (way->frame));
    gst_buffer_unref (out);
    return;
  }
  out = gst_harness_push_and_pull (way->h, way->frame);
  if (way->attach)
    gst_buffer_remove_meta (out, (GstMeta *) gst_buffer_get_video_overlay_composition_meta (out));
  way->frame = out;
}

static void
time_round (Way *way, guint round)
{
  gdouble begin = processor_ms ();

  for (guint i = 0; i < FRAMES; i++)
    pass_frame (way, i);
  way->ms[round] = (processor_ms () - begin) / FRAMES;
}

static int
by_value (const void *a, const void *b)
{
  gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;

  return (x > y) - (x < y);
}

/* The middle of @n numbers, which are sorted. */
static gdouble
middle (gdouble *values, guint n)
{
  qsort (values, n, sizeof *values, by_value);
  return values[n / 2];
}

static void
report (Way *way, const gdouble *reference)
{
  gdouble ratios[ROUNDS], ms;

  for (guint i = 0; i < ROUNDS; i++)
    ratios[i] = way->ms[i] / reference[i];
  ms = middle (way->ms, ROUNDS);
  middle (ratios, ROUNDS);
  g_print ("{\"element\": \"%s\", \"format\": \"%s\", \"drawn\": \"%s\", \"results\": \"%s\", \"ms\": %.3f, "
           "\"core_at_%d\": %.3f, "
           "\"of_videoconvert\": %.2f, \"least\": %.2f, \"most\": %.2f}\n",
           way->name, way->format, way->attach ? "beside the frame" : "into the frame",
           way->carried ? "carried" : "new", ms, FULL_RATE, ms * FULL_RATE / 1e3, ratios[ROUNDS / 2], ratios[0],
           ratios[ROUNDS - 1]);
}

int
main (int argc, char **argv)
{
  Way ways[] = {
    { .name = "videoconvert", .format = "I420" },
    { .name = "vloverlay", .format = "I420" },
    { .name = "vloverlay", .format = "NV12" },
    { .name = "vloverlay", .format = "I420", .carried = TRUE },
    { .name = "vloverlay", .format = "NV12", .carried = TRUE },
    { .name = "vloverlay", .format = "I420", .attach = TRUE },
    { .name = "vloverlay", .format = "I420", .attach = TRUE, .carried = TRUE },
  };
  gdouble reference[ROUNDS];

  gst_init (&argc, &argv);
  GST_ELEMENT_REGISTER (vloverlay, NULL);
  for (guint i = 0; i < RESULTS; i++)
    results[i] = four_prompts (i);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    open_way (&ways[i]);
    time_round (&ways[i], 0); /* warms up */
  }
  for (guint round = 0; round < ROUNDS; round++)
    for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
      time_round (&ways[i], round);
  memcpy (reference, ways[0].ms, sizeof reference);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++) {
    report (&ways[i], reference);
    gst_buffer_unref (ways[i].frame);
    gst_harness_teardown (ways[i].h);
  }
  for (guint i = 0; i < RESULTS; i++)
    gst_vl_result_unref (results[i]);
  return 0;
}
