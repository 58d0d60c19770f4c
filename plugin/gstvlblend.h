/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/video/video.h>

G_BEGIN_DECLS

/* Blends @composition into @frame, which is mapped for writing, in the frame's own colorimetry; rectangles are scaled bilinearly while
 * they are blended, and clipped. Every 8-bit format is done here, deeper ones by GStreamer. FALSE: not possible for this format, or memory
 * is short; the frame is then untouched or blended in part. */
gboolean gst_vl_blend (GstVideoOverlayComposition *composition, GstVideoFrame *frame);

G_END_DECLS
