/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* Colours of the overlay. Ramps run through OKLCh (Ottosson 2020, "A perceptual color space for image processing"), in
 * which equal steps look equal: their lightness rises evenly, so a map reads right in grey and for the colour-blind
 * too. */

typedef enum {
  GST_VL_COLORMAP_AUTO,   /* ember for a single prompt, the prompts' own colours for several */
  GST_VL_COLORMAP_EMBER,  /* violet, red, orange, pale yellow */
  GST_VL_COLORMAP_LAGOON, /* indigo, teal, lime */
  GST_VL_COLORMAP_GREY,
  GST_VL_COLORMAP_PROMPT, /* dark to light in each prompt's own colour */
} GstVlColormap;

#define GST_VL_RAMP_SIZE 256

/* The colour, 0xrrggbb, that stands for the prompt number @index; they repeat after eight. */
guint32 gst_vl_prompt_colour (guint index);

/* Fills @ramp with red, green, blue in 0..1 from the least to the most attention. @index: of the prompt, for its own
 * colour; AUTO is taken as EMBER. */
void gst_vl_colormap_ramp (GstVlColormap colormap, guint index, gfloat ramp[GST_VL_RAMP_SIZE][3]);

G_END_DECLS
