/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlblend.h"
#include <math.h>

/* Every 8-bit format is a few components, each with a plane, an offset, a distance between samples and a subsampling: one routine blends
 * a component, whatever the format. The overlay, which is small, is first turned into the frame's colour space; then, for each component,
 * rows of it are stretched once and interpolated downwards while they are blended. */

#define CHANNELS 4 /* R, G, B or Y, U, V, then alpha */
#define ALPHA    3

/* The overlay in the frame's colour space, premultiplied. */
typedef struct {
  guint width, height;
  guint8 *channels[CHANNELS]; /* [height, width] each */
} Source;

/* Where the sample of a frame component reads the overlay along one axis: between @index and @index + 1, @fraction of 256 of the way. */
typedef struct {
  gint begin, end; /* of the samples that lie in the overlay */
  guint16 *index;  /* [end - begin] */
  guint8 *fraction;
} Axis;

/* A source row stretched to the frame's width: colour and alpha, and between which samples there is anything. */
typedef struct {
  gint row; /* -1: none yet */
  gint first, last;
  guint8 *colour, *alpha; /* [end - begin] */
} Line;

typedef struct {
  gdouble scale[3][3], offset[3], alpha_to_offset[3];
} Matrix;

/* Linear from premultiplied R'G'B' 0..255 to premultiplied samples; the offsets of Y, U and V are multiplied by alpha too. */
static void
matrix_for (const GstVideoInfo *info, Matrix *m)
{
  gdouble kr = 0.299, kb = 0.114;
  gint offset[GST_VIDEO_MAX_COMPONENTS], range[GST_VIDEO_MAX_COMPONENTS];

  *m = (Matrix){ .scale = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } } };
  if (GST_VIDEO_INFO_IS_RGB (info))
    return;
  gst_video_color_matrix_get_Kr_Kb (info->colorimetry.matrix, &kr, &kb);
  gst_video_color_range_offsets (info->colorimetry.range, info->finfo, offset, range);
  for (guint i = 0; i < 3; i++) {
    gdouble luma[3] = { kr, 1 - kr - kb, kb };

    /* Grey has one component; there are no ranges of U and V to look at. */
    if (i > 0 && GST_VIDEO_INFO_IS_GRAY (info))
      break;
    for (guint k = 0; k < 3; k++) {
      gdouble blue = (k == 2) - luma[k], red = (k == 0) - luma[k];

      m->scale[i][k] = range[i] / 255.0 * (i == 0 ? luma[k] : i == 1 ? blue / (2 * (1 - kb)) : red / (2 * (1 - kr)));
    }
    m->alpha_to_offset[i] = offset[i] / 255.0;
  }
}

static void
source_clear (Source *source)
{
  g_free (source->channels[0]);
}

static gboolean
source_init (Source *source, const GstVideoFrame *pixels, const GstVideoInfo *info)
{
  gsize n = (gsize) GST_VIDEO_FRAME_WIDTH (pixels) * GST_VIDEO_FRAME_HEIGHT (pixels);
  Matrix m;

  source->width = GST_VIDEO_FRAME_WIDTH (pixels);
  source->height = GST_VIDEO_FRAME_HEIGHT (pixels);
  if (!(source->channels[0] = g_try_malloc_n (n, CHANNELS)))
    return FALSE;
  for (guint c = 1; c < CHANNELS; c++)
    source->channels[c] = source->channels[0] + n * c;
  matrix_for (info, &m);
  for (guint y = 0; y < source->height; y++) {
    const guint8 *row =
        (const guint8 *) GST_VIDEO_FRAME_PLANE_DATA (pixels, 0) + (gsize) y * GST_VIDEO_FRAME_PLANE_STRIDE (pixels, 0);

    for (guint x = 0; x < source->width; x++) {
      gsize at = (gsize) y * source->width + x;
      guint32 p;

      memcpy (&p, row + x * 4, 4);
      for (guint c = 0; c < 3; c++)
        source->channels[c][at] =
            (guint8) CLAMP (m.scale[c][0] * (p >> 16 & 255) + m.scale[c][1] * (p >> 8 & 255) +
                                m.scale[c][2] * (p & 255) + m.alpha_to_offset[c] * (p >> 24) + 0.5,
                            0, 255);
      source->channels[ALPHA][at] = (guint8) (p >> 24);
    }
  }
  return TRUE;
}

static void
axis_clear (Axis *axis)
{
  g_free (axis->index);
  g_free (axis->fraction);
}

/* @start, @length: of the overlay in frame pixels; @step: frame pixels per sample, whose centre is @centre of them from its start;
 * @samples: of the frame; @size: of the source. */
static gboolean
axis_init (Axis *axis, gint start, guint length, guint step, gdouble centre, guint samples, guint size)
{
  gdouble scale = size / (gdouble) length;

  *axis = (Axis){ 0 };
  /* A sample belongs to the overlay if its centre does. */
  axis->begin = (gint) CLAMP (ceil ((start - centre) / step), 0, (gdouble) samples);
  axis->end = (gint) CLAMP (ceil ((start + (gdouble) length - centre) / step), 0, (gdouble) samples);
  if (axis->end <= axis->begin)
    return TRUE;
  axis->index = g_try_new (guint16, axis->end - axis->begin);
  axis->fraction = g_try_new (guint8, axis->end - axis->begin);
  if (!axis->index || !axis->fraction)
    return FALSE;
  for (gint i = axis->begin; i < axis->end; i++) {
    gdouble at = CLAMP ((i * (gdouble) step + centre - start) * scale - 0.5, 0.0, size - 1.0);
    guint fixed = (guint) (at * 256 + 0.5);

    axis->index[i - axis->begin] = (guint16) (fixed >> 8);
    axis->fraction[i - axis->begin] = (guint8) (fixed & 255);
  }
  return TRUE;
}

static inline guint8
between (guint8 a, guint8 b, guint fraction)
{
  return (guint8) ((a * (256 - fraction) + b * fraction + 128) >> 8);
}

/* Stretches row @row of the source; nothing to do if @line holds it already. */
static void
line_fill (Line *line, const Source *source, guint channel, gint row, const Axis *across)
{
  const guint8 *colour = source->channels[channel] + (gsize) row * source->width;
  const guint8 *alpha = source->channels[ALPHA] + (gsize) row * source->width;
  gint n = across->end - across->begin;

  if (line->row == row)
    return;
  line->row = row;
  line->first = n;
  line->last = 0;
  for (gint i = 0; i < n; i++) {
    guint a = across->index[i], b = MIN (a + 1, source->width - 1), f = across->fraction[i];

    line->colour[i] = between (colour[a], colour[b], f);
    line->alpha[i] = between (alpha[a], alpha[b], f);
    if (line->alpha[i]) {
      line->first = MIN (line->first, i);
      line->last = i + 1;
    }
  }
}

/* out = out * (1 - alpha) + colour; x / 255 rounded is (x + 128 + (x + 128 >> 8)) >> 8. */
static inline guint8
over (guint8 below, guint8 colour, guint8 alpha)
{
  guint x = below * (255u - alpha) + 128;

  x = ((x + (x >> 8)) >> 8) + colour;
  return (guint8) MIN (x, 255u);
}

static inline void
blend_row (guint8 *out, gint step, const Line *a, const Line *b, guint fraction, gint first, gint last)
{
  for (gint i = first; i < last; i++)
    out[(gsize) i * step] = over (out[(gsize) i * step], between (a->colour[i], b->colour[i], fraction),
                                  between (a->alpha[i], b->alpha[i], fraction));
}

static void
blend_component (const Source *source, GstVideoFrame *frame, guint component, const Axis *across, const Axis *down,
                 Line lines[2])
{
  const GstVideoFormatInfo *finfo = frame->info.finfo;
  guint channel = GST_VIDEO_FORMAT_INFO_HAS_ALPHA (finfo) && component == 3 ? ALPHA : component;
  gint step = GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, component);
  gsize stride = (gsize) GST_VIDEO_FRAME_COMP_STRIDE (frame, component);
  guint8 *data = (guint8 *) GST_VIDEO_FRAME_COMP_DATA (frame, component) + (gsize) across->begin * step;

  lines[0].row = lines[1].row = -1;
  for (gint y = down->begin; y < down->end; y++) {
    gint row = down->index[y - down->begin], next = MIN (row + 1, (gint) source->height - 1);
    gint first, last;

    if (lines[1].row == row) {
      Line line = lines[0];

      lines[0] = lines[1];
      lines[1] = line;
    }
    line_fill (&lines[0], source, channel, row, across);
    line_fill (&lines[1], source, channel, next, across);
    first = MIN (lines[0].first, lines[1].first);
    last = MAX (lines[0].last, lines[1].last);
    /* The compiler knows how to run samples that lie side by side through vector registers. */
    if (step == 1)
      blend_row (data + y * stride, 1, &lines[0], &lines[1], down->fraction[y - down->begin], first, last);
    else
      blend_row (data + y * stride, step, &lines[0], &lines[1], down->fraction[y - down->begin], first, last);
  }
}

static gboolean
lines_init (Line lines[2], guint n)
{
  guint8 *memory = g_try_malloc_n (MAX (n, 1), 4);

  for (guint i = 0; i < 2; i++) {
    lines[i].colour = memory + (gsize) n * i;
    lines[i].alpha = memory + (gsize) n * (2 + i);
  }
  return memory != NULL;
}

/* Both axes of a component. Where a sample of subsampled chroma sits between its pixels is up to the chroma site. */
static gboolean
axes_init (Axis *across, Axis *down, const GstVideoFrame *frame, guint c, const Source *source,
           const GstVideoRectangle *to)
{
  const GstVideoFormatInfo *finfo = frame->info.finfo;
  guint x_step = 1u << GST_VIDEO_FORMAT_INFO_W_SUB (finfo, c), y_step = 1u << GST_VIDEO_FORMAT_INFO_H_SUB (finfo, c);
  GstVideoChromaSite site = frame->info.chroma_site;

  return axis_init (across, to->x, (guint) to->w, x_step, site & GST_VIDEO_CHROMA_SITE_H_COSITED ? 0.5 : x_step / 2.0,
                    (guint) GST_VIDEO_FRAME_COMP_WIDTH (frame, c), source->width) &&
         axis_init (down, to->y, (guint) to->h, y_step, site & GST_VIDEO_CHROMA_SITE_V_COSITED ? 0.5 : y_step / 2.0,
                    (guint) GST_VIDEO_FRAME_COMP_HEIGHT (frame, c), source->height);
}

static gboolean
blend_source (const Source *source, GstVideoFrame *frame, const GstVideoRectangle *to)
{
  gboolean ok = TRUE;
  Line lines[2];
  guint8 *memory;

  if (!lines_init (lines, (guint) GST_VIDEO_FRAME_WIDTH (frame)))
    return FALSE;
  memory = lines[0].colour;
  for (guint c = 0; ok && c < GST_VIDEO_FORMAT_INFO_N_COMPONENTS (frame->info.finfo); c++) {
    Axis across = { 0 }, down = { 0 };

    ok = axes_init (&across, &down, frame, c, source, to);
    if (ok && across.end > across.begin && down.end > down.begin)
      blend_component (source, frame, c, &across, &down, lines);
    axis_clear (&across);
    axis_clear (&down);
  }
  g_free (memory);
  return ok;
}

static gboolean
blend_rectangle (GstVideoOverlayRectangle *rectangle, GstVideoFrame *frame)
{
  GstBuffer *pixels = gst_video_overlay_rectangle_get_pixels_unscaled_argb (
      rectangle, GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
  GstVideoMeta *meta = pixels ? gst_buffer_get_video_meta (pixels) : NULL;
  GstVideoFrame from;
  GstVideoInfo info;
  Source source;
  guint width, height;
  gint x, y;
  gboolean ok;

  if (!meta || meta->width > G_MAXUINT16 || meta->height > G_MAXUINT16 ||
      !gst_video_overlay_rectangle_get_render_rectangle (rectangle, &x, &y, &width, &height) || width == 0 ||
      height == 0)
    return FALSE;
  gst_video_info_set_format (&info, meta->format, meta->width, meta->height);
  if (!gst_video_frame_map (&from, &info, pixels, GST_MAP_READ))
    return FALSE;
  ok = source_init (&source, &from, &frame->info);
  gst_video_frame_unmap (&from);
  if (!ok)
    return FALSE;
  ok = blend_source (&source, frame, &(GstVideoRectangle){ x, y, (gint) width, (gint) height });
  source_clear (&source);
  return ok;
}

gboolean
gst_vl_blend (GstVideoOverlayComposition *composition, GstVideoFrame *frame)
{
  guint n = gst_video_overlay_composition_n_rectangles (composition);

  for (guint i = 0; i < n; i++)
    if (!blend_rectangle (gst_video_overlay_composition_get_rectangle (composition, i), frame))
      return FALSE;
  return TRUE;
}
