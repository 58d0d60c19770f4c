/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/video/video.h>
#include "plugin/gstvllook.h"

G_BEGIN_DECLS

/* From the results on a frame to the rectangles that are laid over it. */

/* What is kept from frame to frame: the last drawing, which serves again while nothing changes, and the smoothed maps.
 * One thread at a time. */
typedef struct _GstVlDrawing GstVlDrawing;
GstVlDrawing *gst_vl_drawing_new (void);
void gst_vl_drawing_free (GstVlDrawing *drawing);
/* Forgets the stream: after a flush, a new segment, new caps. */
void gst_vl_drawing_reset (GstVlDrawing *drawing);

/* What to lay over @buffer, a frame of @width x @height pixels, each @aspect times as wide as high; not beyond 1/16 to 16, as models take it.
 * NULL: nothing. The same object as for the frame before if it would look the same. @look_serial changes whenever @look does. Give the
 * reference back. */
GstVideoOverlayComposition *gst_vl_drawing_update (GstVlDrawing *drawing, const GstVlLook *look, guint look_serial,
                                                   GstBuffer *buffer, guint width, guint height, gdouble aspect);

G_END_DECLS
