/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/check/overlayharness.h"

void
vl_overlay_set (GstHarness *h, const gchar *properties)
{
  gchar **list = g_strsplit (properties, " ", -1);

  for (guint i = 0; list[i]; i++) {
    gchar *value = strchr (list[i], '=');

    if (value) {
      *value++ = 0;
      gst_util_set_object_arg (G_OBJECT (h->element), list[i], value);
    }
  }
  g_strfreev (list);
}

GstHarness *
vl_overlay_harness (const gchar *properties)
{
  GstHarness *h = gst_harness_new ("vloverlay");

  vl_overlay_set (h, properties);
  gst_harness_set_src_caps_str (h, "video/x-raw,format=BGRx,width=320,height=240,framerate=25/1");
  return h;
}

GstBuffer *
vl_overlay_frame (void)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, WIDTH * HEIGHT * 4, NULL);

  gst_buffer_memset (buffer, 0, GREY, WIDTH * HEIGHT * 4);
  GST_BUFFER_PTS (buffer) = 0;
  return buffer;
}

GstBuffer *
vl_overlay_draw (GstHarness *h, GstVlResult *result, GstClockTime age)
{
  GstBuffer *buffer = vl_overlay_frame ();
  GstVlMeta *meta = gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);

  if (GST_CLOCK_TIME_IS_VALID (age))
    gst_vl_meta_set_carried (meta, age);
  gst_vl_result_unref (result);
  return gst_harness_push_and_pull (h, buffer);
}

gint
vl_overlay_change (GstBuffer *buffer, gint *x, gint *y)
{
  gint largest = 0;
  GstMapInfo map;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  for (gsize i = 0; i < map.size; i++) {
    gint change = i % 4 == 3 ? 0 : ABS ((gint) map.data[i] - GREY);

    if (change > largest) {
      largest = change;
      if (x)
        *x = (gint) (i / 4 % WIDTH);
      if (y)
        *y = (gint) (i / 4 / WIDTH);
    }
  }
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  return largest;
}
