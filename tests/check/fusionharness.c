/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/check/fusionharness.h"
#include <gst/video/video.h>
#include "plugin/gstvlcaption.h"
#include "plugin/gstvlfusion.h"

void
fusion_register (void)
{
  fail_unless (GST_ELEMENT_REGISTER (vlfusion, NULL));
}

static Fusion *
harness_new (const gchar *type, const gchar *properties)
{
  g_autofree gchar *launch = g_strdup_printf ("%s name=f %s", type, properties);
  Fusion *f = g_new0 (Fusion, 1);
  GError *error = NULL;

  fake_reset ();
  fusion_register ();
  f->element = gst_parse_launch (launch, &error);
  fail_unless (f->element && !error, "%s: %s", launch, error ? error->message : "");
  f->bus = gst_bus_new ();
  gst_element_set_bus (f->element, f->bus);
  f->h = gst_harness_new_with_element (f->element, "sink", "src");
  gst_harness_set_live (f->h, FALSE);
  return f;
}

Fusion *
fusion_new (const gchar *properties)
{
  return harness_new ("vlfusion", properties);
}

Fusion *
caption_new (const gchar *properties)
{
  fail_unless (GST_ELEMENT_REGISTER (vlcaption, NULL));
  return harness_new ("vlcaption", properties);
}

void
fusion_free (Fusion *f)
{
  gst_harness_teardown (f->h); /* to NULL */
  gst_element_set_bus (f->element, NULL);
  gst_bus_set_flushing (f->bus, TRUE);
  gst_object_unref (f->bus);
  gst_object_unref (f->element);
  g_free (f);
  fail_unless_equals_int (fake.models_alive, 0);
  fail_unless_equals_int (fake.sessions_alive, 0);
  fail_unless_equals_int (fake.texts_alive, 0);
}

void
fusion_set_caps (Fusion *f, const gchar *format, gint width, gint height)
{
  GstCaps *caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING, format, "width", G_TYPE_INT, width,
                                       "height", G_TYPE_INT, height, "framerate", GST_TYPE_FRACTION, 30, 1, NULL);

  gst_harness_set_src_caps (f->h, caps);
}

GstBuffer *
fusion_frame (Fusion *f, guint seed)
{
  GstCaps *caps = gst_pad_get_current_caps (f->h->srcpad);
  GstVideoInfo info;
  GstBuffer *buffer;
  GstMapInfo map;

  fail_unless (caps && gst_video_info_from_caps (&info, caps));
  gst_caps_unref (caps);
  buffer = gst_buffer_new_and_alloc (info.size);
  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
  for (gsize i = 0; i < map.size; i++)
    map.data[i] = (guint8) ((seed + 1) * (i + 7) * 2654435761u >> 13);
  gst_buffer_unmap (buffer, &map);
  GST_BUFFER_PTS (buffer) = gst_util_uint64_scale (f->pushed, GST_SECOND, 30);
  GST_BUFFER_DURATION (buffer) = GST_SECOND / 30;
  f->pushed++;
  return buffer;
}

GstFlowReturn
fusion_push (Fusion *f, GstBuffer *frame)
{
  return gst_harness_push (f->h, frame);
}

GstFlowReturn
fusion_push_until_refused (Fusion *f)
{
  GstFlowReturn ret = GST_FLOW_OK;

  for (guint i = 0; i < 10000 && ret == GST_FLOW_OK; i++, g_usleep (1000)) {
    ret = fusion_push (f, fusion_frame (f, 0));
    gst_clear_buffer ((GstBuffer *[]){ gst_harness_try_pull (f->h) });
  }
  return ret;
}

GstBuffer *
fusion_pass (Fusion *f)
{
  GstBuffer *out;

  fail_unless_equals_int (fusion_push (f, fusion_frame (f, (guint) f->pushed)), GST_FLOW_OK);
  out = gst_harness_pull (f->h);
  fail_unless (out != NULL, "no frame came out");
  return out;
}

GstVlMeta *
fusion_meta (GstBuffer *buffer)
{
  return gst_buffer_get_vl_meta (buffer, "f", GST_VL_KIND_FUSION);
}

guint64
fusion_generation (Fusion *f)
{
  GstBuffer *out = fusion_pass (f);
  GstVlMeta *meta = fusion_meta (out);
  guint64 generation = meta ? gst_vl_result_get_generation (meta->result) : 0;

  gst_buffer_unref (out);
  return generation;
}

guint
fusion_messages (Fusion *f, GstMessageType type, gchar **text)
{
  GstMessage *message;
  guint n = 0;

  if (text)
    *text = NULL;
  while ((message = gst_bus_pop_filtered (f->bus, type))) {
    GError *error = NULL;

    n += !gst_message_has_name (message, "vlf-model-loaded");
    if (type == GST_MESSAGE_ERROR)
      gst_message_parse_error (message, &error, NULL);
    else if (type == GST_MESSAGE_WARNING)
      gst_message_parse_warning (message, &error, NULL);
    if (error && text) {
      g_free (*text);
      *text = g_strdup (error->message);
    }
    g_clear_error (&error);
    gst_message_unref (message);
  }
  return n;
}

GstMessage *
fusion_next_event (Fusion *f, GstClockTime timeout)
{
  GstMessage *message;

  while ((message = gst_bus_timed_pop_filtered (f->bus, timeout, GST_MESSAGE_ELEMENT))) {
    if (!gst_message_has_name (message, "vlf-model-loaded"))
      return message;
    gst_message_unref (message);
  }
  return NULL;
}

gint64
fusion_stop (Fusion *f)
{
  gint64 begin = g_get_monotonic_time ();

  fail_unless_equals_int (gst_element_set_state (f->element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  return (g_get_monotonic_time () - begin) / 1000;
}

void
fusion_await (gint *counter, gint value)
{
  for (gint i = 0; i < 12000 && g_atomic_int_get (counter) < value; i++)
    g_usleep (5000);
  fail_unless (g_atomic_int_get (counter) >= value, "waited in vain for %d", value);
}

/* Pops all messages of @type from @bus; the last one's text has to contain @part. */
void
fusion_expect_message (GstBus *bus, GstMessageType type, const gchar *part)
{
  Fusion view = { .bus = bus };
  g_autofree gchar *text = NULL;

  fail_unless (fusion_messages (&view, type, &text) == 1, "expected one message with \"%s\"", part);
  fail_unless (text && strstr (text, part), "expected \"%s\" in \"%s\"", part, text);
}

/* The prompts of the next frame's result, each with the first number it was encoded to where it was. */
void
fusion_expect_prompts (Fusion *f, const gchar *expected)
{
  GstBuffer *out = fusion_pass (f);
  GstVlMeta *meta = fusion_meta (out);
  g_autoptr (GString) all = g_string_new (NULL);

  for (guint i = 0; meta && i < gst_vl_result_get_n_prompts (meta->result); i++) {
    const gfloat *embedding = gst_vl_result_peek_embedding (meta->result, i, NULL);
    const gfloat first = embedding ? embedding[0] : 0;

    g_string_append_printf (all, "%s%s", i ? "|" : "", gst_vl_result_get_text (meta->result, i));
    if (first != 0)
      g_string_append_printf (all, "=%g", first);
  }
  fail_unless (g_str_equal (all->str, expected), "frame %u: expected \"%s\", found \"%s\"", (guint) f->pushed - 1,
               expected, all->str);
  gst_buffer_unref (out);
}
