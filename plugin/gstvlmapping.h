/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/video/video.h>
#include <string.h>

G_BEGIN_DECLS

/* Maps @buffer as a picture of @info, like gst_video_frame_map(), which takes it for a programming error when caps and GstVideoMeta
 * contradict each other; here it is input. A padded buffer's meta may say more than the caps; the picture is what the caps say. FALSE: it is
 * none. TRUE does not say that the memory holds all of it: that is checked against gst_vl_plane_size(). */
static inline gboolean
gst_vl_map_picture (GstVideoFrame *frame, const GstVideoInfo *info, GstBuffer *buffer, GstMapFlags flags)
{
  const GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);

  if (meta && (meta->format != GST_VIDEO_INFO_FORMAT (info) || meta->n_planes != GST_VIDEO_INFO_N_PLANES (info) ||
               meta->width < (guint) GST_VIDEO_INFO_WIDTH (info) || meta->width > G_MAXINT ||
               meta->height < (guint) GST_VIDEO_INFO_HEIGHT (info) || meta->height > G_MAXINT))
    return FALSE;
  memset (frame, 0, sizeof *frame);
  if (!gst_video_frame_map (frame, info, buffer, flags))
    return FALSE;
  frame->info.width = GST_VIDEO_INFO_WIDTH (info);
  frame->info.height = GST_VIDEO_INFO_HEIGHT (info);
  return TRUE;
}

/* Of what a meta's producer maps by a function of its own, which tells where a plane is and no more: as many bytes as its rows. */
static inline gsize
gst_vl_plane_rows (const GstVideoFrame *frame, guint plane)
{
  const GstVideoFormatInfo *format = frame->info.finfo;
  const GstVideoMeta *meta = (const GstVideoMeta *) frame->meta;
  const gint stride = GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane);
  guint c = 0;

  while (c + 1 < GST_VIDEO_FORMAT_INFO_N_COMPONENTS (format) && GST_VIDEO_FORMAT_INFO_PLANE (format, c) != plane)
    c++;
  return stride > 0 ? (gsize) stride * (gsize) GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT (format, c, (gint) meta->height) : 0;
}

/* How many bytes of mapped memory there are from the first of @plane on. */
static inline gsize
gst_vl_plane_size (const GstVideoFrame *frame, guint plane)
{
  const GstMapInfo *map = &frame->map[frame->meta ? plane : 0]; /* one mapping for all where no meta splits them */
  const guint8 *data = (const guint8 *) GST_VIDEO_FRAME_PLANE_DATA (frame, plane);

  if (frame->meta && !map->data)
    return data ? gst_vl_plane_rows (frame, plane) : 0;
  return data >= map->data && data <= map->data + map->size ? map->size - (gsize) (data - map->data) : 0;
}

G_END_DECLS
