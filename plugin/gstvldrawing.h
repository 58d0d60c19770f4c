/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/video/video.h>
#include "plugin/gstvlpainter.h"

G_BEGIN_DECLS

/* From the results on a frame to the rectangles that are laid over it. */

typedef enum {
  GST_VL_LABELS_NONE,
  GST_VL_LABELS_PEAK,  /* at the peak, with a ring; prompts that do not match in the top left corner */
  GST_VL_LABELS_STACK, /* all in the top left corner */
} GstVlLabels;

/* How to draw. Strings may be NULL. */
typedef struct {
  GstVlStyle style;
  GstVlColormap colormap;
  GstVlLabels labels;
  gboolean captions;
  gdouble opacity;           /* of full attention, 0..1 */
  gdouble threshold;         /* a match below it does not count as one, 0..1 */
  gdouble unmatched_opacity; /* share of the opacity that is left to prompts that do not match, 0..1; 0: not drawn */
  GstClockTime smoothing;    /* time constant of the maps, nanoseconds; 0: none */
  GstClockTime expire;       /* age at which a result has faded away; GST_CLOCK_TIME_NONE: never */
  gchar *source;             /* name of the element whose results are drawn; NULL or "": all */
  gchar *font;               /* Pango font description; NULL or "": the default */
} GstVlLook;

/* What is kept from frame to frame: the last drawing, which serves again while nothing changes, and the smoothed maps. One thread at a
 * time. */
typedef struct _GstVlDrawing GstVlDrawing;
GstVlDrawing *gst_vl_drawing_new (void);
void gst_vl_drawing_free (GstVlDrawing *drawing);
/* Forgets the stream: after a flush, a new segment, new caps. */
void gst_vl_drawing_reset (GstVlDrawing *drawing);

/* What to lay over @buffer, a frame of @width x @height pixels; NULL: nothing. The same object as for the frame before if it would look
 * the same. @look_serial changes whenever @look does. Give the reference back. */
GstVideoOverlayComposition *gst_vl_drawing_update (GstVlDrawing *drawing, const GstVlLook *look, guint look_serial,
                                                   GstBuffer *buffer, guint width, guint height);

G_END_DECLS
