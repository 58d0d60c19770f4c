/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/gstvlframe.h"

G_BEGIN_DECLS

/* What the caps of elements that take JPEG pictures as video frames add to those of raw video. */
#define GST_VL_JPEG_CAPS "image/jpeg"

/* How large a picture of @width x @height pixels must be decoded, at least; both are set. */
typedef void (*GstVlJpegNeed) (gpointer user, guint width, guint height, guint *least_width, guint *least_height);

/* The picture in @buffer as RGB, at the smallest of the decoder's scales (eighths, not above the full size) that @need asks for. The
 * frame size that results count in is the one that the picture says, or @info's where the picture is one field of it. The buffer is not
 * needed any longer afterwards. FALSE with @error when the picture is broken, which no decoder's guesses are made up for. */
gboolean gst_vl_jpeg_decode (GstVlFrame *frame, const GstVideoInfo *info, GstBuffer *buffer, GstVlJpegNeed need,
                             gpointer user, GError **error);

G_END_DECLS
