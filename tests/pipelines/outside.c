/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program of somebody else, which install.sh compiles against what is installed: runs a pipeline that has a fakesink named
 * "sink", and prints what each frame was asked and how well it matched.
 *   outside PIPELINE */
#include <gst/vlfusion/vlfusion.h>

static guint frames = 0;

static void
on_frame (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer user_data)
{
  GstVlMeta *meta = gst_buffer_get_vl_meta (buffer, NULL, GST_VL_KIND_FUSION);

  (void) sink;
  (void) pad;
  (void) user_data;
  if (!meta || gst_vl_result_get_n_prompts (meta->result) == 0)
    return;
  g_print ("%s: %s %.3f\n", meta->producer, gst_vl_result_get_text (meta->result, 0),
           gst_vl_result_get_match (meta->result, 0));
  frames++;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = NULL, sink = NULL;
  g_autoptr (GstBus) bus = NULL;
  g_autoptr (GstMessage) message = NULL;

  gst_init (&argc, &argv);
  pipeline = argc == 2 ? gst_parse_launch_full (argv[1], NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error) : NULL;
  sink = pipeline ? gst_bin_get_by_name (GST_BIN (pipeline), "sink") : NULL;
  if (!sink) {
    g_printerr ("%s\n", error ? error->message : "expected a pipeline with a sink named \"sink\"");
    return 1;
  }
  g_object_set (sink, "signal-handoffs", TRUE, NULL);
  g_signal_connect (sink, "handoff", G_CALLBACK (on_frame), NULL);
  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, NULL);
    g_printerr ("%s\n", error->message);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return error || frames == 0 ? 1 : 0;
}
