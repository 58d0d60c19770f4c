/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlblend.h"
#include "kernels/size.h"
#include "plugin/gstvlmapping.h"
#include <math.h>

/* Every 8-bit format is a few components, each with a plane, an offset, a distance between samples and a subsampling.
 * Those that lie in each other's gaps are blended together, as the bytes that they are: one routine for every format,
 * without gaps for the processor's vectors. The overlay, which is small, is first turned into the frame's colour space;
 * its rows are stretched once each, and interpolated downwards while they are blended. */

#define CHANNELS 4 /* R, G, B or Y, U, V, then alpha */
#define ALPHA    3
#define MAX_STEP 4

/* The overlay in the frame's colour space, premultiplied: channel c in bits 8c to 8c + 7. */
typedef struct {
  guint width, height;
  guint32 *pixels; /* [height, width + 1], the last one of a row twice */
} Source;

/* Where the sample of a frame component reads the overlay along one axis: between @index and @index + 1, @fraction of
 * 256 of the way. */
typedef struct {
  gint begin, end; /* of the samples that lie in the overlay */
  gint *index;     /* [end - begin] */
  guint8 *fraction;
} Axis;

/* Components that are blended together: @step bytes for each sample, each with its channel of the source, or -1 for a
 * byte that belongs to another group or to nobody. */
typedef struct {
  guint plane, component; /* the component stands for the others */
  guint step;
  gint channel[MAX_STEP];
} Group;

/* A source row stretched to the frame's width: colour and alpha, and between which samples there is anything. */
typedef struct {
  gint row; /* -1: none yet */
  gint first, last;
  guint32 *pixels;        /* [end - begin], as the source's */
  guint8 *colour, *alpha; /* [end - begin, step], what of them the group takes */
} Line;

typedef struct {
  gdouble scale[3][3], offset[3], alpha_to_offset[3];
} Matrix;

/* Linear from premultiplied R'G'B' 0..255 to premultiplied samples; the offsets of Y, U and V are multiplied by alpha
 * too. */
static void
matrix_for (const GstVideoInfo *info, Matrix *m)
{
  gdouble kr = 0.299, kb = 0.114;
  gint offset[GST_VIDEO_MAX_COMPONENTS], range[GST_VIDEO_MAX_COMPONENTS];

  *m = (Matrix){ 0 };
  gst_video_color_range_offsets (info->colorimetry.range, info->finfo, offset, range);
  for (guint i = 0; i < 3 && GST_VIDEO_INFO_IS_RGB (info); i++) {
    m->scale[i][i] = range[i] / 255.0;
    m->alpha_to_offset[i] = offset[i] / 255.0;
  }
  if (GST_VIDEO_INFO_IS_RGB (info))
    return;
  gst_video_color_matrix_get_Kr_Kb (info->colorimetry.matrix, &kr, &kb);
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
  g_free (source->pixels);
}

/* @p: premultiplied 0xAARRGGBB. */
static guint32
convert (const Matrix *m, guint32 p)
{
  guint32 out = (p >> 24) << (8 * ALPHA);

  for (guint c = 0; c < 3; c++) {
    gdouble value = m->scale[c][0] * (p >> 16 & 255) + m->scale[c][1] * (p >> 8 & 255) + m->scale[c][2] * (p & 255) +
                    m->alpha_to_offset[c] * (p >> 24) + 0.5;

    out |= (guint32) CLAMP (value, 0, 255) << (8 * c);
  }
  return out;
}

/* Most of an overlay is empty or one colour. */
static gboolean
source_init (Source *source, const GstVideoFrame *pixels, const GstVideoInfo *info)
{
  guint32 last = 0, converted = 0, *to;
  Matrix m;

  source->width = GST_VIDEO_FRAME_WIDTH (pixels);
  source->height = GST_VIDEO_FRAME_HEIGHT (pixels);
  if (!(source->pixels = to = g_try_new (guint32, (gsize) (source->width + 1) * source->height)))
    return FALSE;
  matrix_for (info, &m);
  for (guint y = 0; y < source->height; y++) {
    const guint8 *row =
        (const guint8 *) GST_VIDEO_FRAME_PLANE_DATA (pixels, 0) + (gsize) y * GST_VIDEO_FRAME_PLANE_STRIDE (pixels, 0);

    for (guint x = 0; x < source->width; x++) {
      guint32 p;

      memcpy (&p, row + x * 4, 4);
      if (p != last) {
        last = p;
        converted = convert (&m, p);
      }
      *to++ = converted;
    }
    *to++ = converted;
  }
  return TRUE;
}

static void
axis_clear (Axis *axis)
{
  g_free (axis->index);
  g_free (axis->fraction);
}

/* @start, @length: of the overlay in frame pixels; @step: frame pixels per sample, whose centre is @centre of them from
 * its start; @samples: of the frame; @size: of the source. */
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
  axis->index = g_try_new (gint, axis->end - axis->begin);
  axis->fraction = g_try_new (guint8, axis->end - axis->begin);
  if (!axis->index || !axis->fraction)
    return FALSE;
  for (gint i = axis->begin; i < axis->end; i++) {
    gdouble at = CLAMP ((i * (gdouble) step + centre - start) * scale - 0.5, 0.0, size - 1.0);
    guint fixed = (guint) (at * 256 + 0.5);

    axis->index[i - axis->begin] = (gint) (fixed >> 8);
    axis->fraction[i - axis->begin] = (guint8) (fixed & 255);
  }
  return TRUE;
}

static inline guint8
between (guint8 a, guint8 b, guint fraction)
{
  return (guint8) ((guint16) (a * (256 - fraction) + b * fraction + 128) >> 8);
}

/* The same of all channels at once: products of two bytes never reach the next but one. */
static inline guint32
pixel_between (guint32 a, guint32 b, guint32 fraction)
{
  const guint32 even = 0x00ff00ff, half = 0x00800080;
  guint32 low = (a & even) * (256 - fraction) + (b & even) * fraction + half;
  guint32 high = (a >> 8 & even) * (256 - fraction) + (b >> 8 & even) * fraction + half;

  return (low >> 8 & even) | (high & ~even);
}

/* out = out * (1 - alpha) + colour; x / 255 rounded is (x + 128 + (x + 128 >> 8)) >> 8. */
static inline guint8
over (guint8 below, guint8 colour, guint8 alpha)
{
  guint16 x = (guint16) (below * (255 - alpha) + 128);

  x = (guint16) (((x + (x >> 8)) >> 8) + colour);
  return (guint8) MIN (x, 255);
}

/* The same on what is not opaque: the frame's colours are not multiplied by its alpha, @under. */
static inline guint8
over_straight (guint8 below, guint under, guint8 colour, guint8 alpha)
{
  const guint left = under * (255u - alpha), out = alpha * 255u + left;

  return out > 0 ? (guint8) MIN ((colour * 65025u + below * left + out / 2) / out, 255) : below;
}

/* The loops over samples, so that they go through vector registers: @restrict says that memory never overlaps. */
static inline void
stretch_loop (Line *line, const guint32 *restrict from, const Axis *across)
{
  const gint *restrict index = across->index;
  const guint8 *restrict fraction = across->fraction;
  guint32 *restrict to = line->pixels;
  gint first = line->first, last = line->last;

  for (gint i = first; i < last; i++)
    to[i] = pixel_between (from[index[i]], from[index[i] + 1], fraction[i]);
}

static inline void
blend_loop (guint8 *restrict out, const Line *a, const Line *b, guint fraction, guint first, guint last)
{
  const guint8 *restrict colour0 = a->colour, *restrict colour1 = b->colour;
  const guint8 *restrict alpha0 = a->alpha, *restrict alpha1 = b->alpha;

  for (guint i = first; i < last; i++)
    out[i] = over (out[i], between (colour0[i], colour1[i], fraction), between (alpha0[i], alpha1[i], fraction));
}

#if defined(__x86_64__) && defined(__GNUC__)
#define WIDE     __attribute__ ((target ("avx2")))
#define HAS_WIDE __builtin_cpu_supports ("avx2")
#else
#define WIDE
#define HAS_WIDE FALSE
#endif

WIDE static void
stretch_wide (Line *line, const guint32 *from, const Axis *across)
{
  stretch_loop (line, from, across);
}

static void
stretch (Line *line, const guint32 *from, const Axis *across)
{
  if (HAS_WIDE)
    stretch_wide (line, from, across);
  else
    stretch_loop (line, from, across);
}

WIDE static void
blend_row_wide (guint8 *out, const Line *a, const Line *b, guint fraction, guint first, guint last)
{
  blend_loop (out, a, b, fraction, first, last);
}

static void
blend_row (guint8 *out, const Line *a, const Line *b, guint fraction, guint first, guint last)
{
  if (HAS_WIDE)
    blend_row_wide (out, a, b, fraction, first, last);
  else
    blend_loop (out, a, b, fraction, first, last);
}

/* A frame's alpha beside a row of samples of a group: @step bytes from one to the next. */
typedef struct {
  const guint8 *data; /* NULL: the frame has none */
  gsize step;
} Below;

static gboolean
is_opaque (const Below *below, guint first, guint last)
{
  for (guint i = first; i < last && below->data; i++)
    if (below->data[i * below->step] != 255)
      return FALSE;
  return TRUE;
}

static void
blend_row_straight (guint8 *out, const Group *group, const Line *a, const Line *b, guint fraction, const Below *below,
                    guint first, guint last)
{
  for (guint i = first; i < last; i++) {
    const guint8 under = below->data[i * below->step]; /* which may be among the bytes that change */

    for (guint k = 0, at = i * group->step; k < group->step; k++, at++) {
      const guint8 colour = between (a->colour[at], b->colour[at], fraction);
      const guint8 alpha = between (a->alpha[at], b->alpha[at], fraction);

      if (group->channel[k] == ALPHA)
        out[at] = over (under, colour, alpha);
      else if (group->channel[k] >= 0)
        out[at] = over_straight (out[at], under, colour, alpha);
    }
  }
}

/* Beside row @y of @group, from sample @x on. */
static Below
find_below (const GstVideoFrame *frame, const Group *group, gint x, gint y)
{
  const GstVideoFormatInfo *finfo = frame->info.finfo;
  const guint x_sub = GST_VIDEO_FORMAT_INFO_W_SUB (finfo, group->component);
  const guint y_sub = GST_VIDEO_FORMAT_INFO_H_SUB (finfo, group->component);
  Below below = { 0 };

  if (!GST_VIDEO_FORMAT_INFO_HAS_ALPHA (finfo) || (frame->info.flags & GST_VIDEO_FLAG_PREMULTIPLIED_ALPHA))
    return below;
  below.step = (gsize) GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, ALPHA) << x_sub;
  below.data = (const guint8 *) GST_VIDEO_FRAME_COMP_DATA (frame, ALPHA) +
               ((gsize) y << y_sub) * (gsize) GST_VIDEO_FRAME_COMP_STRIDE (frame, ALPHA) + (gsize) x * below.step;
  return below;
}

/* Samples [*begin, *end) of the frame see something of source row @from. */
static void
find_span (const guint32 *from, guint width, const Axis *across, gint *begin, gint *end)
{
  guint first = 0, last = width;

  *begin = 0;
  *end = across->end - across->begin;
  while (first < last && !from[first])
    first++;
  while (last > first && !from[last - 1])
    last--;
  if (first == last)
    *end = 0;
  while (*begin < *end && (guint) across->index[*begin] + 1 < first)
    (*begin)++;
  while (*end > *begin && (guint) across->index[*end - 1] >= last)
    (*end)--;
}

/* Channel @channel and its alpha become byte @k of each sample. */
static void
line_pick (Line *line, guint step, guint k, guint channel)
{
  const guint32 *restrict pixels = line->pixels;
  guint8 *restrict colour = line->colour + k, *restrict alpha = line->alpha + k;
  gsize first = (gsize) line->first, last = (gsize) line->last;

  if (step == 1) { /* said so, it goes through vector registers */
    for (gsize i = first; i < last; i++) {
      colour[i] = (guint8) (pixels[i] >> (8 * channel));
      alpha[i] = (guint8) (pixels[i] >> (8 * ALPHA));
    }
  } else {
    for (gsize i = first; i < last; i++) {
      colour[i * step] = (guint8) (pixels[i] >> (8 * channel));
      alpha[i * step] = (guint8) (pixels[i] >> (8 * ALPHA));
    }
  }
}

/* Stretches row @row of the source; nothing to do if @line holds it already. */
static void
line_fill (Line *line, const Source *source, const Group *group, gint row, const Axis *across)
{
  const guint32 *from = source->pixels + (gsize) row * (source->width + 1);
  gsize n = (gsize) (across->end - across->begin) * group->step;

  if (line->row == row)
    return;
  line->row = row;
  find_span (from, source->width, across, &line->first, &line->last);
  stretch (line, from, across);
  memset (line->colour, 0, n);
  memset (line->alpha, 0, n);
  for (guint k = 0; k < group->step; k++)
    if (group->channel[k] >= 0)
      line_pick (line, group->step, k, (guint) group->channel[k]);
}

static void
blend_group (const Source *source, GstVideoFrame *frame, const Group *group, const Axis *across, const Axis *down,
             Line lines[2])
{
  gsize stride = (gsize) GST_VIDEO_FRAME_PLANE_STRIDE (frame, group->plane);
  guint8 *data = (guint8 *) GST_VIDEO_FRAME_PLANE_DATA (frame, group->plane) + (gsize) across->begin * group->step;

  lines[0].row = lines[1].row = -1;
  for (gint y = down->begin; y < down->end; y++) {
    gint row = down->index[y - down->begin], next = MIN (row + 1, (gint) source->height - 1);
    const guint fraction = down->fraction[y - down->begin];
    const Below below = find_below (frame, group, across->begin, y);
    guint8 *out = data + (gsize) y * stride;
    gint first, last;

    if (lines[1].row == row) {
      Line line = lines[0];

      lines[0] = lines[1];
      lines[1] = line;
    }
    line_fill (&lines[0], source, group, row, across);
    line_fill (&lines[1], source, group, next, across);
    first = MIN (lines[0].first, lines[1].first);
    last = MAX (lines[0].last, lines[1].last);
    if (first >= last)
      continue;
    if (is_opaque (&below, (guint) first, (guint) last))
      blend_row (out, &lines[0], &lines[1], fraction, (guint) first * group->step, (guint) last * group->step);
    else
      blend_row_straight (out, group, &lines[0], &lines[1], fraction, &below, (guint) first, (guint) last);
  }
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

/* Returns how many groups @finfo's components make. */
static guint
find_groups (const GstVideoFormatInfo *finfo, Group groups[GST_VIDEO_MAX_COMPONENTS])
{
  guint n = 0;

  for (guint c = 0; c < GST_VIDEO_FORMAT_INFO_N_COMPONENTS (finfo); c++) {
    guint plane = GST_VIDEO_FORMAT_INFO_PLANE (finfo, c), step = (guint) GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, c),
          k = 0;
    guint offset = (guint) GST_VIDEO_FORMAT_INFO_POFFSET (finfo, c);

    g_return_val_if_fail (step <= MAX_STEP && offset < step && c < CHANNELS, 0);
    while (k < n &&
           (groups[k].plane != plane || groups[k].step != step ||
            GST_VIDEO_FORMAT_INFO_W_SUB (finfo, groups[k].component) != GST_VIDEO_FORMAT_INFO_W_SUB (finfo, c)))
      k++;
    if (k == n)
      groups[n++] = (Group){ plane, c, step, { -1, -1, -1, -1 } };
    groups[k].channel[offset] = (gint) c;
  }
  return n;
}

static gboolean
lines_init (Line lines[2], gsize n)
{
  guint32 *memory = g_try_malloc_n (n, 2 * (sizeof (guint32) + 2 * MAX_STEP));

  for (guint i = 0; i < 2; i++) {
    lines[i].pixels = memory + n * i;
    lines[i].colour = (guint8 *) (memory + n * 2) + n * MAX_STEP * i;
    lines[i].alpha = lines[i].colour + n * MAX_STEP * 2;
  }
  return memory != NULL;
}

static gboolean
blend_source (const Source *source, GstVideoFrame *frame, const GstVideoRectangle *to)
{
  Group groups[GST_VIDEO_MAX_COMPONENTS];
  guint n = find_groups (frame->info.finfo, groups);
  gboolean ok = n > 0;
  Line lines[2];
  guint32 *memory;

  if (!ok || !lines_init (lines, (gsize) GST_VIDEO_FRAME_WIDTH (frame)))
    return FALSE;
  memory = lines[0].pixels;
  for (guint k = 0; ok && k < n; k++) {
    Axis across = { 0 }, down = { 0 };

    ok = axes_init (&across, &down, frame, groups[k].component, source, to);
    if (ok && across.end > across.begin && down.end > down.begin)
      blend_group (source, frame, &groups[k], &across, &down, lines);
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
gst_vl_blend_fits (const GstVideoFrame *frame)
{
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (frame); c++) {
    guint plane = (guint) GST_VIDEO_FRAME_COMP_PLANE (frame, c);
    gint stride = GST_VIDEO_FRAME_COMP_STRIDE (frame, c);
    gsize row, end;

    if (stride < 0 ||
        !vlf_size_mul ((gsize) GST_VIDEO_FRAME_COMP_WIDTH (frame, c), (gsize) GST_VIDEO_FRAME_COMP_PSTRIDE (frame, c),
                       &row) ||
        !vlf_size_mul ((gsize) GST_VIDEO_FRAME_COMP_HEIGHT (frame, c) - 1, (gsize) stride, &end) ||
        !vlf_size_add (end, row, &end) || end > gst_vl_plane_size (frame, plane))
      return FALSE;
  }
  return TRUE;
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
