/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/check/vlcheck.h"
#include <math.h>

GBytes *
vl_check_map (guint rows, guint cols, gdouble x, gdouble y)
{
  gsize n = (gsize) rows * cols;
  gfloat *map = g_new (gfloat, n);
  gdouble sum = 0;

  for (guint r = 0; r < rows; r++)
    for (guint c = 0; c < cols; c++) {
      gdouble dx = (c + 0.5) / cols - x, dy = (r + 0.5) / rows - y;

      map[(gsize) r * cols + c] = (gfloat) (0.1 + exp (-(dx * dx + dy * dy) / 0.02));
      sum += map[(gsize) r * cols + c];
    }
  for (gsize i = 0; i < n; i++)
    map[i] /= (gfloat) sum;
  return g_bytes_new_take (map, n * sizeof (gfloat));
}

guint
vl_check_add_prompt (GstVlResult *result, const gchar *text, gdouble match, gdouble x, gdouble y)
{
  guint rows, cols, width, height, prompt;
  GBytes *map;

  gst_vl_result_get_grid (result, &rows, &cols);
  gst_vl_result_get_frame_size (result, &width, &height);
  map = vl_check_map (rows, cols, x, y);
  prompt = gst_vl_result_add_prompt (result, text, match, log (match / (1 - match)), map);
  gst_vl_result_set_peak (result, prompt, x * width, y * height);
  g_bytes_unref (map);
  return prompt;
}

GstVlResult *
vl_check_result (guint width, guint height, gdouble x, gdouble y)
{
  GstVlResult *result = gst_vl_result_new (width, height, 14, 14);

  vl_check_add_prompt (result, "a red circle", 0.9, x, y);
  return result;
}

GstVlResult *
vl_check_three_prompts (guint width, guint height)
{
  GstVlResult *result = vl_check_result (width, height, 0.3, 0.6);

  vl_check_add_prompt (result, "a blue star", 0.7, 0.8, 0.4);
  vl_check_add_prompt (result, "a cat", 0.1, 0.5, 0.5);
  return result;
}

static GstPadProbeReturn
attach (GstPad *pad, GstPadProbeInfo *info, gpointer result)
{
  GstBuffer *buffer = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));

  (void) pad;
  gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
  GST_PAD_PROBE_INFO_DATA (info) = buffer;
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
keep (GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
  GstSample **sample = user;
  GstCaps *caps = gst_pad_get_current_caps (pad);

  if (*sample)
    gst_sample_unref (*sample);
  *sample = gst_sample_new (GST_PAD_PROBE_INFO_BUFFER (info), caps, NULL, NULL);
  gst_caps_unref (caps);
  return GST_PAD_PROBE_OK;
}

static void
probe (GstElement *pipeline, const gchar *element, const gchar *name, GstPadProbeCallback callback, gpointer user)
{
  GstElement *e = gst_bin_get_by_name (GST_BIN (pipeline), element);
  GstPad *pad;

  fail_unless (e != NULL, "the pipeline has no element %s", element);
  pad = gst_element_get_static_pad (e, name);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, callback, user, NULL);
  gst_object_unref (pad);
  gst_object_unref (e);
}

GstSample *
vl_check_run (const gchar *description, GstVlResult *result)
{
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (description, &error);
  GstSample *sample = NULL;
  GstMessage *message;
  GstBus *bus;

  fail_unless (pipeline && !error, "%s: %s", description, error ? error->message : "");
  if (result)
    probe (pipeline, "in", "src", attach, result);
  probe (pipeline, "out", "sink", keep, &sample);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  bus = gst_element_get_bus (pipeline);
  message = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  fail_unless (message != NULL, "%s: neither EOS nor an error", description);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  fail_unless (error == NULL, "%s: %s", description, error ? error->message : "");
  gst_message_unref (message);
  gst_object_unref (bus);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  fail_unless (sample != NULL, "%s: no buffer arrived", description);
  return sample;
}
