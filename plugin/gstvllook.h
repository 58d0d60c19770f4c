/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/gstvlpainter.h"

G_BEGIN_DECLS

/* How results are drawn: what vloverlay's properties say. */

typedef enum {
  GST_VL_LABELS_NONE,
  GST_VL_LABELS_PEAK,  /* at the peak, with a ring; prompts that do not match in the top left corner */
  GST_VL_LABELS_STACK, /* all in the top left corner */
} GstVlLabels;

typedef enum {
  GST_VL_MAPS_PHRASE, /* one map, colour and label for each prompt */
  GST_VL_MAPS_WORDS,  /* for each word that the frame pays attention to */
} GstVlMaps;

#define GST_TYPE_VL_STYLE    (gst_vl_style_get_type ())
#define GST_TYPE_VL_COLORMAP (gst_vl_colormap_get_type ())
#define GST_TYPE_VL_LABELS   (gst_vl_labels_get_type ())
#define GST_TYPE_VL_MAPS     (gst_vl_maps_get_type ())
GType gst_vl_style_get_type (void);
GType gst_vl_colormap_get_type (void);
GType gst_vl_labels_get_type (void);
GType gst_vl_maps_get_type (void);

typedef struct {
  GstVlStyle style;
  GstVlColormap colormap;
  GstVlLabels labels;
  GstVlMaps maps;
  gboolean captions;
  gdouble opacity;           /* of full attention, 0..1 */
  gdouble threshold;         /* a match below it does not count as one, 0..1; < 0: as the result's producer says */
  gdouble unmatched_opacity; /* share of the opacity that is left to prompts that do not match, 0..1; 0: not drawn */
  GstClockTime smoothing;    /* time constant of the maps, nanoseconds; 0: none */
  GstClockTime word_time;    /* for which each word of a caption is lit, nanoseconds; 0: none is */
  GstClockTime expire;       /* age at which a result has faded away; GST_CLOCK_TIME_NONE: never */
  gchar *source;             /* name of the element whose results are drawn; NULL or "": all */
  gchar *font;               /* Pango font description; NULL or "": the default */
} GstVlLook;

G_END_DECLS
