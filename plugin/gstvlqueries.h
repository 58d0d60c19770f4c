/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/video/video.h>

G_BEGIN_DECLS

/* For an answered ALLOCATION query that is handed on upstream: whoever reads or draws pixels sees the whole frame of the caps, so a sink's
 * offer to crop by GstVideoCropMeta must not reach upstream, which would then leave the frame uncropped. */
static inline void
gst_vl_refuse_crop_meta (GstQuery *query)
{
  guint i;

  while (gst_query_find_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, &i))
    gst_query_remove_nth_allocation_meta (query, i);
}

G_END_DECLS
