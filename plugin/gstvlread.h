/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/video/video.h>
#include "plugin/gstvlengine.h"

G_BEGIN_DECLS

/* Gives @job the picture in @buffer, raw or JPEG as @info says, as large as @model needs it for the job's fit. @copy: nothing of @buffer is
 * referred to afterwards; else it stays mapped until gst_vl_frame_clear(). */
gboolean gst_vl_read_frame (GstVlJob *job, const VlfModel *model, const GstVideoInfo *info, GstBuffer *buffer,
                            gboolean copy, GError **error);

G_END_DECLS
