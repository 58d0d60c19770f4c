/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/video/video.h>

G_BEGIN_DECLS

/* Whether all that gst_vl_blend() may write to lies in the memory that @frame has mapped; gst_video_frame_map() takes the strides and
 * offsets of a GstVideoMeta at their word. */
gboolean gst_vl_blend_fits (const GstVideoFrame *frame);

/* Blends @composition into @frame, which is mapped for writing, fits and has whole bytes as samples (no deeper format, no
 * palette, no tiles), in the frame's own colorimetry; rectangles are scaled bilinearly while they are blended, and
 * clipped. FALSE: memory is short; the frame is then blended in part. */
gboolean gst_vl_blend (GstVideoOverlayComposition *composition, GstVideoFrame *frame);

G_END_DECLS
