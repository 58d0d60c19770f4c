/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlcolor.h"
#include <math.h>

/* A point in OKLCh: lightness 0..1, chroma 0..0.4, hue in degrees (beyond 360 where a ramp passes through red). */
typedef struct {
  gdouble at, lightness, chroma, hue;
} Anchor;

static const Anchor EMBER[] = {
  { 0.00, 0.36, 0.19, 295 }, { 0.35, 0.55, 0.23, 355 }, { 0.68, 0.74, 0.19, 410 }, { 1.00, 0.95, 0.12, 462 }
};
static const Anchor LAGOON[] = { { 0.0, 0.36, 0.16, 280 }, { 0.5, 0.65, 0.13, 205 }, { 1.0, 0.95, 0.17, 120 } };
static const Anchor GREY[] = { { 0.0, 0.30, 0.0, 0 }, { 1.0, 1.0, 0.0, 0 } };

/* Neighbours in this order are far apart. */
static const gdouble PROMPT_HUES[] = { 28, 235, 145, 85, 320, 195, 5, 115 };

static gdouble
encode_srgb (gdouble linear)
{
  gdouble c = CLAMP (linear, 0.0, 1.0);

  return c <= 0.0031308 ? 12.92 * c : 1.055 * pow (c, 1 / 2.4) - 0.055;
}

/* Source: the matrices of https://bottosson.github.io/posts/oklab/ (public domain). */
static void
from_oklch (gdouble lightness, gdouble chroma, gdouble hue, gfloat rgb[3])
{
  gdouble a = chroma * cos (hue * G_PI / 180), b = chroma * sin (hue * G_PI / 180);
  gdouble l = lightness + 0.3963377774 * a + 0.2158037573 * b;
  gdouble m = lightness - 0.1055613458 * a - 0.0638541728 * b;
  gdouble s = lightness - 0.0894841775 * a - 1.2914855480 * b;

  l = l * l * l;
  m = m * m * m;
  s = s * s * s;
  rgb[0] = (gfloat) encode_srgb (4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
  rgb[1] = (gfloat) encode_srgb (-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
  rgb[2] = (gfloat) encode_srgb (-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s);
}

static void
ramp_between (const Anchor *anchors, guint n, gfloat ramp[GST_VL_RAMP_SIZE][3])
{
  guint k = 0;

  for (guint i = 0; i < GST_VL_RAMP_SIZE; i++) {
    gdouble at = i / (gdouble) (GST_VL_RAMP_SIZE - 1), t;

    while (k + 2 < n && at > anchors[k + 1].at)
      k++;
    t = (at - anchors[k].at) / (anchors[k + 1].at - anchors[k].at);
    from_oklch (anchors[k].lightness + t * (anchors[k + 1].lightness - anchors[k].lightness),
                anchors[k].chroma + t * (anchors[k + 1].chroma - anchors[k].chroma),
                anchors[k].hue + t * (anchors[k + 1].hue - anchors[k].hue), ramp[i]);
  }
}

void
gst_vl_colormap_ramp (GstVlColormap colormap, guint index, gfloat ramp[GST_VL_RAMP_SIZE][3])
{
  gdouble hue = PROMPT_HUES[index % G_N_ELEMENTS (PROMPT_HUES)];
  const Anchor own[] = { { 0.0, 0.42, 0.15, hue }, { 0.6, 0.70, 0.19, hue }, { 1.0, 0.90, 0.10, hue } };

  switch (colormap) {
  case GST_VL_COLORMAP_LAGOON: ramp_between (LAGOON, G_N_ELEMENTS (LAGOON), ramp); break;
  case GST_VL_COLORMAP_GREY: ramp_between (GREY, G_N_ELEMENTS (GREY), ramp); break;
  case GST_VL_COLORMAP_PROMPT: ramp_between (own, G_N_ELEMENTS (own), ramp); break;
  default: ramp_between (EMBER, G_N_ELEMENTS (EMBER), ramp);
  }
}

guint32
gst_vl_prompt_colour (guint index)
{
  gfloat rgb[3];

  from_oklch (0.74, 0.17, PROMPT_HUES[index % G_N_ELEMENTS (PROMPT_HUES)], rgb);
  return (guint32) lrintf (rgb[0] * 255) << 16 | (guint32) lrintf (rgb[1] * 255) << 8 | (guint32) lrintf (rgb[2] * 255);
}
