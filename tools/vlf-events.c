/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When does it appear? Asks a file, and prints when each prompt matched; on demand also as a page with pictures. The only tool that is a
 * pipeline: what it prints is what vlfusion posts on the bus. */
#include "tools/vlf-events.h"
#include "kernels/error.h"
#include "tools/cli.h"
#include <gst/video/video.h>
#include <math.h>
#include <turbojpeg.h>
#include <vlfusion.h>

#define PICTURE_QUALITY 80

/* Pictures are drawn on when they are small already. */
#define PIPELINE                                                                                                     \
  "filesrc name=file ! decodebin ! videoconvert ! vlfusion name=fusion post-events=true mode=every-frame qos=false " \
  "! videoscale ! video/x-raw,width=320,pixel-aspect-ratio=1/1 ! vloverlay labels=none ! videoconvert "              \
  "! video/x-raw,format=RGB ! fakesink name=sink"

typedef struct {
  gchar **prompts, *model, *device, *html;
  gdouble threshold, hysteresis, least, interval;
} Options;

typedef struct {
  GstElement *pipeline, *fusion;
  EventsRecord *record;
  tjhandle jpeg;
  gboolean pictures;
} Watcher;

static GBytes *
compress (Watcher *watcher, GstPad *pad, GstBuffer *buffer)
{
  GstCaps *caps = gst_pad_get_current_caps (pad);
  guchar *data = NULL;
  gulong size = 0;
  GBytes *bytes = NULL;
  GstVideoFrame frame;
  GstVideoInfo info;

  if (caps && gst_video_info_from_caps (&info, caps) && gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ)) {
    if (tjCompress2 (watcher->jpeg, GST_VIDEO_FRAME_PLANE_DATA (&frame, 0), GST_VIDEO_FRAME_WIDTH (&frame),
                     GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0), GST_VIDEO_FRAME_HEIGHT (&frame), TJPF_RGB, &data, &size,
                     TJSAMP_420, PICTURE_QUALITY, TJFLAG_FASTDCT) == 0)
      bytes = g_bytes_new (data, size);
    tjFree (data);
    gst_video_frame_unmap (&frame);
  }
  gst_clear_caps (&caps);
  return bytes;
}

static void
drop_picture (EventsPrompt *prompt)
{
  g_clear_pointer (&prompt->picture, g_bytes_unref);
  prompt->picture_match = -1;
}

/* What was too short to be a match leaves no picture to the next one. */
static void
see_prompt (Watcher *watcher, GstPad *pad, GstBuffer *buffer, EventsPrompt *prompt, EventsSample sample)
{
  gdouble threshold = isnan (watcher->record->threshold) ? 0.5 : watcher->record->threshold;
  gboolean counts = prompt->matching || sample.match >= threshold;

  g_array_append_val (prompt->samples, sample);
  if (!counts)
    drop_picture (prompt);
  if (!counts || !watcher->pictures || !(sample.match > prompt->picture_match))
    return;
  drop_picture (prompt);
  prompt->picture = compress (watcher, pad, buffer);
  prompt->picture_match = sample.match;
}

/* A frame as it leaves; its events have been posted before. */
static GstPadProbeReturn
see_frame (GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstVlMeta *meta = gst_buffer_get_vl_meta (buffer, "fusion", GST_VL_KIND_FUSION);
  Watcher *watcher = user;
  EventsRecord *record = watcher->record;
  GstEvent *event = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);
  const GstSegment *segment;
  EventsSample sample;

  if (!event)
    return GST_PAD_PROBE_OK;
  gst_event_parse_segment (event, &segment);
  sample.time = gst_segment_to_stream_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  gst_event_unref (event);
  if (!meta || !GST_CLOCK_TIME_IS_VALID (sample.time))
    return GST_PAD_PROBE_OK;
  record->end = sample.time + (GST_BUFFER_DURATION_IS_VALID (buffer) ? GST_BUFFER_DURATION (buffer) : 0);
  if (!record->model)
    record->model = g_strdup (gst_vl_result_get_model (meta->result));
  if (isnan (record->threshold))
    record->threshold = gst_vl_result_get_threshold (meta->result);
  for (guint i = 0; i < MIN (record->prompts->len, gst_vl_result_get_n_prompts (meta->result)); i++) {
    sample.match = gst_vl_result_get_match (meta->result, i);
    see_prompt (watcher, pad, buffer, g_ptr_array_index (record->prompts, i), sample);
  }
  return GST_PAD_PROBE_OK;
}

/* Whose match it is that a message starts or ends; NULL: nobody's. */
static EventsPrompt *
prompt_of (const EventsRecord *record, const GstStructure *s)
{
  guint index;

  return gst_structure_get_uint (s, "prompt", &index) && index < record->prompts->len
             ? g_ptr_array_index (record->prompts, index)
             : NULL;
}

static void
take_match (EventsPrompt *prompt, const GstStructure *s)
{
  EventsMatch match = { 0 };
  guint64 duration;

  if (!gst_structure_get (s, "stream-time", G_TYPE_UINT64, &match.end, "duration", G_TYPE_UINT64, &duration,
                          "best-match", G_TYPE_DOUBLE, &match.best, "best-stream-time", G_TYPE_UINT64, &match.best_at,
                          NULL))
    return;
  match.start = match.end - duration;
  match.picture = g_steal_pointer (&prompt->picture);
  prompt->picture_match = -1;
  prompt->matching = FALSE;
  g_array_append_val (prompt->matches, match);
}

/* On the thread that posts: between the frames that the event is about. */
static GstBusSyncReply
hear (GstBus *bus, GstMessage *message, gpointer user)
{
  gboolean starts = gst_message_has_name (message, "vlf-match-start");
  gboolean ends = gst_message_has_name (message, "vlf-match-end");
  const GstStructure *s = gst_message_get_structure (message);
  EventsPrompt *prompt = starts || ends ? prompt_of (((Watcher *) user)->record, s) : NULL;

  (void) bus;
  if (prompt && starts)
    prompt->matching = TRUE;
  else if (prompt)
    take_match (prompt, s);
  return GST_BUS_PASS;
}

static void
set_prompts (GstElement *fusion, gchar **prompts)
{
  GValue array = G_VALUE_INIT;

  g_value_init (&array, GST_TYPE_ARRAY);
  for (; *prompts; prompts++) {
    GValue text = G_VALUE_INIT;

    g_value_init (&text, G_TYPE_STRING);
    g_value_set_string (&text, *prompts);
    gst_value_array_append_and_take_value (&array, &text);
  }
  g_object_set_property (G_OBJECT (fusion), "prompts", &array);
  g_value_unset (&array);
}

static gboolean
watcher_open (Watcher *watcher, const gchar *file, const Options *o, GError **error)
{
  GstElement *source, *sink;
  GstPad *pad;

  watcher->pipeline = gst_parse_launch_full (PIPELINE, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
  if (!watcher->pipeline)
    return FALSE;
  watcher->fusion = gst_bin_get_by_name (GST_BIN (watcher->pipeline), "fusion");
  g_object_set (watcher->fusion, "model", o->model, "device", o->device ? o->device : "auto", "event-threshold",
                o->threshold, "event-hysteresis", o->hysteresis, "event-min-duration",
                (guint64) (o->least * GST_SECOND), "interval", (guint64) (o->interval * GST_SECOND), NULL);
  set_prompts (watcher->fusion, o->prompts);
  source = gst_bin_get_by_name (GST_BIN (watcher->pipeline), "file");
  g_object_set (source, "location", file, NULL);
  gst_object_unref (source);
  sink = gst_bin_get_by_name (GST_BIN (watcher->pipeline), "sink");
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, see_frame, watcher, NULL);
  gst_object_unref (pad);
  gst_object_unref (sink);
  gst_bus_set_sync_handler (GST_ELEMENT_BUS (watcher->pipeline), hear, watcher, NULL);
  watcher->jpeg = tjInitCompress ();
  return TRUE;
}

static void
watcher_close (Watcher *watcher)
{
  if (watcher->pipeline)
    gst_element_set_state (watcher->pipeline, GST_STATE_NULL);
  gst_clear_object (&watcher->fusion);
  gst_clear_object (&watcher->pipeline);
  if (watcher->jpeg)
    tjDestroy (watcher->jpeg);
}

/* The first error of the bus; elements that were told of it say less afterwards. */
static gboolean
play (Watcher *watcher, const gchar *file, GError **error)
{
  GstMessage *message;
  gboolean good;

  gst_element_set_state (watcher->pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (watcher->pipeline), GST_CLOCK_TIME_NONE,
                                        GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  good = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
  if (!good)
    gst_message_parse_error (message, error, NULL);
  if (!good && GST_MESSAGE_SRC (message) != GST_OBJECT (watcher->fusion))
    g_prefix_error (error, "%s: ", file);
  gst_message_unref (message);
  return good;
}

static gboolean
print (const EventsRecord *record, const gchar *html, GError **error)
{
  g_autofree gchar *timeline = events_timeline (record), *page = html ? events_page (record) : NULL;

  return cli_print (timeline, error) && (!html || g_file_set_contents (html, page, -1, error));
}

static gboolean
run (const gchar *file, const Options *o, GError **error)
{
  g_autoptr (EventsRecord) record = events_record_new (file, o->prompts);
  Watcher watcher = { .record = record, .pictures = o->html != NULL };
  gboolean good;

  if (o->threshold >= 0)
    record->threshold = o->threshold;
  good = watcher_open (&watcher, file, o, error) && play (&watcher, file, error);
  if (good && record->end == 0) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: expected video with times, found none", file);
    good = FALSE;
  }
  watcher_close (&watcher);
  return good && print (record, o->html, error);
}

/* As the element does, so that the numbers of its prompts are ours. */
static void
drop_blank (gchar **prompts)
{
  gchar **to = prompts;

  for (; *prompts; prompts++)
    if (*g_strstrip (*prompts))
      *to++ = *prompts;
    else
      g_free (*prompts);
  *to = NULL;
}

static gboolean
are_utf8 (gchar *const *prompts, GError **error)
{
  for (; *prompts; prompts++)
    if (!g_utf8_validate (*prompts, -1, NULL)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "prompt: expected UTF-8, found other bytes");
      return FALSE;
    }
  return TRUE;
}

static gboolean
check (const Options *o)
{
  if (o->prompts)
    drop_blank (o->prompts);
  return o->prompts && *o->prompts && o->threshold <= 1 && o->hysteresis >= 0 && o->hysteresis <= 1 && o->least >= 0 &&
         o->least < 1e9 && o->interval >= 0 && o->interval < 1e9;
}

int
main (int argc, char **argv)
{
  Options o = { .threshold = -1, .hysteresis = 0.1 };
  const GOptionEntry entries[] = {
    /* FILENAME keeps the bytes as they were given, whatever the locale. */
    { "prompt", 'p', 0, G_OPTION_ARG_FILENAME_ARRAY, &o.prompts, "What to look for; may be given more than once",
      "TEXT" },
    { "html", 'o', 0, G_OPTION_ARG_FILENAME, &o.html, "Also writes a page with pictures, which needs no other file",
      "FILE" },
    { "threshold", 't', 0, G_OPTION_ARG_DOUBLE, &o.threshold, "A match begins here, 0 to 1; default: the model's",
      "P" },
    { "hysteresis", 0, 0, G_OPTION_ARG_DOUBLE, &o.hysteresis, "And ends so much lower; default: 0.1", "P" },
    { "min-duration", 0, 0, G_OPTION_ARG_DOUBLE, &o.least, "Shorter matches and gaps do not count; default: 0",
      "SECONDS" },
    { "interval", 0, 0, G_OPTION_ARG_DOUBLE, &o.interval, "Asks no more often than this; default: 0, every frame",
      "SECONDS" },
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &o.model, "Model directory or name; default: the shipped one", "DIR" },
    { "device", 'd', 0, G_OPTION_ARG_FILENAME, &o.device, "As vlf-run takes it", "DEVICE" },
    { 0 },
  };
  GError *error = NULL;
  CliStatus status = CLI_USAGE;

  if (cli_parse (entries, "VIDEO  When do prompts match? A line for each time.", 1, &argc, &argv)) {
    gst_init (NULL, NULL);
    if (argc != 2 || !check (&o))
      status = cli_usage ("expected a video, --prompt TEXT, probabilities of 0 to 1 and seconds that are not negative");
    else
      status = are_utf8 (o.prompts, &error) && run (argv[1], &o, &error) ? CLI_OK : cli_fail (error);
  }
  g_strfreev (o.prompts);
  g_free (o.model);
  g_free (o.device);
  g_free (o.html);
  return status;
}
