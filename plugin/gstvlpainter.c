/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlpainter.h"
#include <gst/video/video.h>
#include <math.h>

/* Of a map's values: this many deviations above the median still count as noise, and a peak less than so many medians
 * above that is not painted in full. */
#define NOISE_DEVIATIONS  1.5
#define CLEAR_MEDIANS     1.5
#define CONTOUR_HALF_LINE 0.9 /* pixels of the small picture */

static const gfloat CONTOUR_LEVELS[] = { 0.25f, 0.5f, 0.75f };

/* The picture while it grows: per pixel the sum of the maps' colours weighted by their opacities, and what is still to
 * be seen of the frame. Symmetric in the maps, so their order does not show. */
typedef struct {
  gfloat r, g, b, weight, clear;
} Pixel;

typedef struct {
  guint width, height;
  Pixel *pixels;  /* [height, width] */
  gfloat *field;  /* [height, width] one map as it is shown, 0..1 */
  gfloat *across; /* [rows, width] the same before its columns are interpolated */
  gfloat *shown;  /* [rows, cols] */
} Canvas;

static int
compare_floats (gconstpointer a, gconstpointer b)
{
  gfloat x = *(const gfloat *) a, y = *(const gfloat *) b;

  return (x > y) - (x < y);
}

static gfloat
median_of (gfloat *values, gsize n)
{
  qsort (values, n, sizeof (gfloat), compare_floats);
  return values[n / 2];
}

gboolean
gst_vl_normalise_map (const GstVlHeat *heat, gfloat *shown)
{
  gsize n = (gsize) heat->rows * heat->cols;
  gfloat median, deviation, floor, peak = 0, range;

  for (gsize i = 0; i < n; i++) {
    if (!isfinite (heat->map[i]))
      return FALSE;
    peak = MAX (peak, heat->map[i]);
  }
  memcpy (shown, heat->map, n * sizeof (gfloat));
  median = median_of (shown, n);
  for (gsize i = 0; i < n; i++)
    shown[i] = fabsf (heat->map[i] - median);
  deviation = 1.4826f * median_of (shown, n); /* of a normal distribution */
  floor = median + (gfloat) NOISE_DEVIATIONS * deviation;
  range = MAX (peak - floor, (gfloat) CLEAR_MEDIANS * median);
  for (gsize i = 0; i < n; i++)
    shown[i] = range > 0 ? CLAMP ((heat->map[i] - floor) / range, 0.f, 1.f) : 0.f;
  return TRUE;
}

/* The four cells whose uniform cubic B-spline makes the value at @position, in cells from the first one's left edge,
 * and their shares. The B-spline is smoother than interpolating kernels and never negative: cells do not show. */
static void
spline_taps (gdouble position, guint n, guint taps[4], gfloat shares[4])
{
  gdouble at = CLAMP (position - 0.5, 0.0, n - 1.0);
  gint first = (gint) at - 1;
  gfloat t = (gfloat) (at - (gint) at), u = 1 - t;

  for (gint k = 0; k < 4; k++)
    taps[k] = (guint) CLAMP (first + k, 0, (gint) n - 1);
  shares[0] = u * u * u / 6;
  shares[1] = (3 * t * t * t - 6 * t * t + 4) / 6;
  shares[2] = (3 * u * u * u - 6 * u * u + 4) / 6;
  shares[3] = t * t * t / 6;
}

static gfloat
largest (const gfloat *values, gsize n)
{
  gfloat max = 0;

  for (gsize i = 0; i < n; i++)
    max = MAX (max, values[i]);
  return max;
}

/* Fills the field from the normalised map. Smoothing flattens a peak; it is brought back to its height. */
static void
fill_field (Canvas *canvas, const GstVlHeat *heat, const gdouble view[4])
{
  gsize n = (gsize) canvas->width * canvas->height;
  gfloat before = largest (canvas->shown, (gsize) heat->rows * heat->cols), after, gain;
  guint taps[4];
  gfloat s[4];

  for (guint x = 0; x < canvas->width; x++) {
    spline_taps ((view[0] + (x + 0.5) / canvas->width * view[2]) * heat->cols, heat->cols, taps, s);
    for (guint row = 0; row < heat->rows; row++) {
      const gfloat *v = canvas->shown + (gsize) row * heat->cols;

      canvas->across[(gsize) row * canvas->width + x] =
          s[0] * v[taps[0]] + s[1] * v[taps[1]] + s[2] * v[taps[2]] + s[3] * v[taps[3]];
    }
  }
  for (guint y = 0; y < canvas->height; y++) {
    gfloat *out = canvas->field + (gsize) y * canvas->width;
    const gfloat *v[4];

    spline_taps ((view[1] + (y + 0.5) / canvas->height * view[3]) * heat->rows, heat->rows, taps, s);
    for (guint k = 0; k < 4; k++)
      v[k] = canvas->across + (gsize) taps[k] * canvas->width;
    for (guint x = 0; x < canvas->width; x++)
      out[x] = s[0] * v[0][x] + s[1] * v[1][x] + s[2] * v[2][x] + s[3] * v[3][x];
  }
  after = largest (canvas->field, n);
  gain = after > 0 ? MIN (before / after, 2.f) : 0;
  for (gsize i = 0; i < n; i++)
    canvas->field[i] = MIN (canvas->field[i] * gain, 1.f);
}

static void
add_colour (Pixel *pixel, const gfloat rgb[3], gfloat opacity)
{
  pixel->r += rgb[0] * opacity;
  pixel->g += rgb[1] * opacity;
  pixel->b += rgb[2] * opacity;
  pixel->weight += opacity;
  pixel->clear *= 1 - opacity;
}

static gfloat
smooth_step (gfloat from, gfloat to, gfloat value)
{
  gfloat t = CLAMP ((value - from) / (to - from), 0.f, 1.f);

  return t * t * (3 - 2 * t);
}

static void
add_heatmap (Canvas *canvas, const GstVlHeat *heat, GstVlColormap colormap)
{
  gsize n = (gsize) canvas->width * canvas->height;
  gfloat ramp[GST_VL_RAMP_SIZE][3];

  gst_vl_colormap_ramp (colormap, heat->index, ramp);
  for (gsize i = 0; i < n; i++) {
    gfloat value = canvas->field[i];

    if (value > 0)
      add_colour (&canvas->pixels[i], ramp[(guint) (value * (GST_VL_RAMP_SIZE - 1) + 0.5f)],
                  (gfloat) heat->strength * smooth_step (0, 0.6f, value));
  }
}

/* How much of a line through a level covers a pixel: its distance to the line is the difference in value over the
 * slope. */
static gfloat
line_cover (gfloat value, gfloat slope)
{
  gfloat cover = 0;

  for (guint k = 0; k < G_N_ELEMENTS (CONTOUR_LEVELS); k++) {
    gfloat distance = fabsf (value - CONTOUR_LEVELS[k]) / MAX (slope, 1e-4f);

    cover = MAX (cover, CLAMP ((gfloat) CONTOUR_HALF_LINE + 0.5f - distance, 0.f, 1.f));
  }
  return cover;
}

static void
add_contour (Canvas *canvas, const GstVlHeat *heat)
{
  guint32 colour = gst_vl_prompt_colour (heat->index);
  gfloat rgb[3] = { (colour >> 16 & 255) / 255.f, (colour >> 8 & 255) / 255.f, (colour & 255) / 255.f };
  gsize width = canvas->width;

  for (guint y = 0; y < canvas->height; y++)
    for (guint x = 0; x < canvas->width; x++) {
      const gfloat *row = canvas->field + y * width;
      guint left = x > 0 ? x - 1 : x, right = MIN (x + 1, canvas->width - 1);
      gsize up = y > 0 ? (y - 1) * width : y * width, down = MIN (y + 1, canvas->height - 1) * width;
      gfloat dx = (row[right] - row[left]) / MAX (right - left, 1);
      gfloat dy = (canvas->field[down + x] - canvas->field[up + x]) / MAX ((down - up) / width, 1);
      gfloat line = line_cover (row[x], sqrtf (dx * dx + dy * dy));
      gfloat fill = row[x] > CONTOUR_LEVELS[0] ? 0.22f * row[x] : 0;

      add_colour (&canvas->pixels[y * width + x], rgb, (gfloat) MIN (heat->strength * 1.3, 1.0) * MAX (line, fill));
    }
}

/* Takes light from where no map is; @strongest says how much. A weaker prompt only brightens as much less. */
static void
add_spotlight (Canvas *canvas, const GstVlHeat *heat, gfloat strongest, gboolean first)
{
  gsize n = (gsize) canvas->width * canvas->height;
  gfloat share = (gfloat) heat->strength / strongest;

  for (gsize i = 0; i < n; i++) {
    gfloat clear = 1 - strongest * (1 - share * smooth_step (0.02f, 0.45f, canvas->field[i]));

    canvas->pixels[i].clear = first ? clear : MAX (canvas->pixels[i].clear, clear);
  }
}

static guint32
channel (gfloat value)
{
  return (guint32) (CLAMP (value, 0.f, 1.f) * 255 + 0.5f);
}

/* Premultiplied: the mean colour times what the maps cover. */
static guint32
finish_pixel (const Pixel *pixel)
{
  gfloat alpha = 1 - pixel->clear, scale = pixel->weight > 0 ? alpha / pixel->weight : 0;

  return channel (alpha) << 24 | channel (pixel->r * scale) << 16 | channel (pixel->g * scale) << 8 |
         channel (pixel->b * scale);
}

static GstBuffer *
finish (const Canvas *canvas)
{
  gsize n = (gsize) canvas->width * canvas->height;
  guint32 *out = g_try_new (guint32, n), any = 0;
  GstBuffer *buffer;

  if (!out)
    return NULL;
  for (gsize i = 0; i < n; i++)
    any |= out[i] = finish_pixel (&canvas->pixels[i]);
  if (!any) {
    g_free (out);
    return NULL;
  }
  buffer = gst_buffer_new_wrapped (out, n * sizeof (guint32));
  gst_buffer_add_video_meta (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, canvas->width,
                             canvas->height);
  return buffer;
}

static void
canvas_clear (Canvas *canvas)
{
  g_free (canvas->pixels);
  g_free (canvas->field);
  g_free (canvas->across);
  g_free (canvas->shown);
}

static gboolean
canvas_init (Canvas *canvas, const GstVlHeat *heats, guint n, guint width, guint height)
{
  gsize across = 0, cells = 0;

  for (guint i = 0; i < n; i++) {
    across = MAX (across, (gsize) heats[i].rows * width);
    cells = MAX (cells, (gsize) heats[i].rows * heats[i].cols);
  }
  canvas->width = width;
  canvas->height = height;
  canvas->pixels = g_try_new0 (Pixel, (gsize) width * height);
  canvas->field = g_try_new (gfloat, (gsize) width * height);
  canvas->across = g_try_new (gfloat, across);
  canvas->shown = g_try_new (gfloat, cells);
  if (!canvas->pixels || !canvas->field || !canvas->across || !canvas->shown) {
    canvas_clear (canvas);
    return FALSE;
  }
  for (gsize i = 0; i < (gsize) width * height; i++)
    canvas->pixels[i].clear = 1;
  return TRUE;
}

GstBuffer *
gst_vl_paint_maps (GstVlStyle style, GstVlColormap colormap, const GstVlHeat *heats, guint n, const gdouble view[4],
                   guint width, guint height)
{
  GstBuffer *picture;
  gdouble strongest = 0;
  gboolean first = TRUE;
  Canvas canvas;

  if (style == GST_VL_STYLE_NONE || n == 0 || width == 0 || height == 0 ||
      !canvas_init (&canvas, heats, n, width, height))
    return NULL;
  if (colormap == GST_VL_COLORMAP_AUTO)
    colormap = n > 1 ? GST_VL_COLORMAP_PROMPT : GST_VL_COLORMAP_EMBER;
  for (guint i = 0; i < n; i++)
    strongest = MAX (strongest, heats[i].strength);
  for (guint i = 0; i < n; i++) {
    if (heats[i].strength <= 0 || !gst_vl_normalise_map (&heats[i], canvas.shown))
      continue;
    fill_field (&canvas, &heats[i], view);
    if (style == GST_VL_STYLE_HEATMAP)
      add_heatmap (&canvas, &heats[i], colormap);
    else if (style == GST_VL_STYLE_CONTOUR)
      add_contour (&canvas, &heats[i]);
    else
      add_spotlight (&canvas, &heats[i], (gfloat) strongest, first);
    first = FALSE;
  }
  picture = finish (&canvas);
  canvas_clear (&canvas);
  return picture;
}
