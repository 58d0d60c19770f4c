/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>
#include "plugin/gstvlcolor.h"

G_BEGIN_DECLS

/* Turns attention maps into a small picture that is laid over the frame, scaled up. */

typedef enum {
  GST_VL_STYLE_HEATMAP,   /* colour and opacity by attention */
  GST_VL_STYLE_CONTOUR,   /* lines of equal attention in the prompt's colour */
  GST_VL_STYLE_SPOTLIGHT, /* darkens what was not looked at */
  GST_VL_STYLE_NONE,      /* labels only */
} GstVlStyle;

/* One map to paint. */
typedef struct {
  const gfloat *map; /* [rows, cols] attention per cell, >= 0; not finite anywhere: not painted */
  guint rows, cols;  /* both > 0 */
  guint index;       /* of the prompt: chooses its colour */
  gdouble strength;  /* 0..1: opacity of full attention */
} GstVlHeat;

/* @width x @height pixels, native-endian 0xAARRGGBB with premultiplied alpha and a GstVideoMeta, of the part @view (x,
 * y, width, height, in shares of the map) of all @n maps together. NULL if nothing is to be seen or memory is short. */
GstBuffer *gst_vl_paint_maps (GstVlStyle style, GstVlColormap colormap, const GstVlHeat *heats, guint n,
                              const gdouble view[4], guint width, guint height);

/* How much of attention stands out, per cell of @heat's map into @shown [rows, cols], 0..1: 0 up to what noise reaches
 * in this map, 1 at a peak that is clear. FALSE if the map is not finite. */
gboolean gst_vl_normalise_map (const GstVlHeat *heat, gfloat *shown);

G_END_DECLS
