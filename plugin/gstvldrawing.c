/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvldrawing.h"
#include "plugin/gstvllabel.h"
#include "plugin/gstvlsmoothing.h"
#include "plugin/gstvlspeech.h"
#include "plugin/gstvlsubject.h"
#include "plugin/lib/vlfusion.h"
#include <math.h>

#define MAP_SIDE        160 /* longer side of a painted map, pixels: smooth already, and cheap */
#define LINES_SIDE      640 /* with lines in it */
#define FADE_STEPS      16
#define USUAL_THRESHOLD 0.5      /* of a producer that does not say */
#define LIT_COLOUR      0xffb454 /* of the word of a caption that is said */
#define SMALLEST_LABEL  40       /* lines of a frame that labels fit on */
#define MAX_LABELS \
  64 /* and captions of a result: more than fit on a frame; each looks for a place among all before it */
#define MAX_ASPECT 16.0 /* of a pixel, either way, as models take it; what is beyond is not meant */

/* A result that is drawn, and what it is drawn with. */
typedef struct {
  GstVlResult *result;
  GstVlKind kind;
  gdouble region[4];
  guint fade;       /* 0..FADE_STEPS, 0: as new */
  guint word;       /* of captions: which is lit, over all prompts; or GST_VL_NO_WORD */
  GArray *subjects; /* of GstVlSubject; NULL until it is drawn */
  guint index;      /* of the first of them on the frame: chooses colours */
  guint number;     /* the same, captions counted too: tells maps apart */
} Item;

struct _GstVlDrawing {
  GstVideoOverlayComposition *composition;
  GArray *items; /* of Item, in @composition */
  guint look_serial, width, height;
  gdouble aspect; /* of a pixel */
  GstVlSmoothing *smoothing;
  GHashTable *speech; /* of captions: producer -> GstVlSpeech */
};

/* One drawing in the making. */
typedef struct {
  GstVlDrawing *drawing;
  const GstVlLook *look;
  guint width, height;
  GstClockTime pts;
  guint n_subjects; /* on this frame */
  GstVideoOverlayComposition *composition;
  guint n_labels; /* drawn so far */
  GArray *taken;  /* of GstVideoRectangle: where labels are */
} Sheet;

static void
item_clear (Item *item)
{
  gst_vl_result_unref (item->result);
  g_clear_pointer (&item->subjects, g_array_unref);
}

static GArray *
items_new (void)
{
  GArray *items = g_array_new (FALSE, TRUE, sizeof (Item));

  g_array_set_clear_func (items, (GDestroyNotify) item_clear);
  return items;
}

GstVlDrawing *
gst_vl_drawing_new (void)
{
  GstVlDrawing *drawing = g_new0 (GstVlDrawing, 1);

  drawing->items = items_new ();
  drawing->smoothing = gst_vl_smoothing_new ();
  drawing->speech = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) gst_vl_speech_free);
  return drawing;
}

void
gst_vl_drawing_reset (GstVlDrawing *drawing)
{
  g_clear_pointer (&drawing->composition, gst_video_overlay_composition_unref);
  g_array_set_size (drawing->items, 0);
  gst_vl_smoothing_reset (drawing->smoothing);
  g_hash_table_remove_all (drawing->speech);
}

void
gst_vl_drawing_free (GstVlDrawing *drawing)
{
  if (!drawing)
    return;
  gst_vl_drawing_reset (drawing);
  g_array_unref (drawing->items);
  gst_vl_smoothing_free (drawing->smoothing);
  g_hash_table_unref (drawing->speech);
  g_free (drawing);
}

/* A carried result fades in the second half of its time. A caption says nothing of places, and stays. */
static guint
fade_of (const GstVlMeta *meta, GstClockTime expire)
{
  if (meta->kind == GST_VL_KIND_CAPTION || !meta->carried || !GST_CLOCK_TIME_IS_VALID (meta->age) ||
      !GST_CLOCK_TIME_IS_VALID (expire) || meta->age <= expire / 2)
    return 0;
  if (meta->age >= expire)
    return FADE_STEPS;
  return (guint) gst_util_uint64_scale (meta->age - expire / 2, FADE_STEPS, expire - expire / 2);
}

static gboolean
is_drawn (const GstVlMeta *meta, const GstVlLook *look, guint width, guint height)
{
  if (meta->frame_width != width || meta->frame_height != height)
    return FALSE; /* some element changed the frame and told the meta nothing */
  if (!(meta->region_width > 0 && meta->region_height > 0 && isfinite (meta->region_width) &&
        isfinite (meta->region_height) && isfinite (meta->region_x) && isfinite (meta->region_y)))
    return FALSE;
  return !look->source || !*look->source || g_str_equal (look->source, meta->producer);
}

/* Two elements that write captions do not speak with one voice. */
static GstVlSpeech *
speech_of (GstVlDrawing *drawing, const gchar *producer)
{
  GstVlSpeech *speech = g_hash_table_lookup (drawing->speech, producer);

  if (!speech) {
    speech = g_new0 (GstVlSpeech, 1);
    g_hash_table_insert (drawing->speech, g_strdup (producer), speech);
  }
  return speech;
}

static GArray *
collect (GstVlDrawing *drawing, GstBuffer *buffer, const GstVlLook *look, guint width, guint height)
{
  GArray *items = items_new ();
  gpointer state = NULL;
  GstVlMeta *meta;

  while ((meta = gst_buffer_iterate_vl_meta (buffer, &state))) {
    Item item = { .kind = meta->kind,
                  .region = { meta->region_x, meta->region_y, meta->region_width, meta->region_height },
                  .word = GST_VL_NO_WORD };

    item.fade = fade_of (meta, look->expire);
    if (!is_drawn (meta, look, width, height) || item.fade == FADE_STEPS)
      continue;
    if (meta->kind == GST_VL_KIND_CAPTION && look->captions)
      item.word = gst_vl_speech_word (speech_of (drawing, meta->producer), meta->result, GST_BUFFER_PTS (buffer),
                                      look->word_time);
    item.result = gst_vl_result_ref (meta->result);
    g_array_append_val (items, item);
  }
  return items;
}

static gboolean
same_items (const GArray *a, const GArray *b)
{
  if (a->len != b->len)
    return FALSE;
  for (guint i = 0; i < a->len; i++) {
    const Item *x = &g_array_index (a, Item, i), *y = &g_array_index (b, Item, i);

    if (x->result != y->result || x->kind != y->kind || x->fade != y->fade || x->word != y->word ||
        memcmp (x->region, y->region, sizeof (x->region)))
      return FALSE;
  }
  return TRUE;
}

/* Takes @pixels. */
static void
add_rectangle (Sheet *sheet, GstBuffer *pixels, gint x, gint y, guint width, guint height)
{
  GstVideoOverlayRectangle *rectangle = gst_video_overlay_rectangle_new_raw (
      pixels, x, y, width, height, GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);

  gst_buffer_unref (pixels);
  if (!sheet->composition)
    sheet->composition = gst_video_overlay_composition_new (rectangle);
  else
    gst_video_overlay_composition_add_rectangle (sheet->composition, rectangle);
  gst_video_overlay_rectangle_unref (rectangle);
}

/* NaN, which is no match head, counts as a match: there is nothing to judge by. */
static gboolean
is_match (const Sheet *sheet, const Item *item, const GstVlSubject *subject)
{
  gdouble threshold = sheet->look->threshold;

  if (threshold < 0)
    threshold = gst_vl_result_get_threshold (item->result);
  return !(subject->match < (isnan (threshold) ? USUAL_THRESHOLD : threshold));
}

static gdouble
strength_of (const Sheet *sheet, const Item *item, const GstVlSubject *subject)
{
  return (is_match (sheet, item, subject) ? 1 : sheet->look->unmatched_opacity) * (FADE_STEPS - item->fade) /
         FADE_STEPS;
}

/* The part of the region that lies in the frame: whole pixels in @part, and where they are in the region's shares in
 * @view. */
static gboolean
visible_part (const Item *item, guint width, guint height, GstVideoRectangle *part, gdouble view[4])
{
  const gdouble *r = item->region;
  gdouble left = floor (MAX (r[0], 0)), top = floor (MAX (r[1], 0));
  gdouble right = ceil (MIN (r[0] + r[2], width)), bottom = ceil (MIN (r[1] + r[3], height));

  if (!(right > left && bottom > top))
    return FALSE;
  *part = (GstVideoRectangle){ (gint) left, (gint) top, (gint) (right - left), (gint) (bottom - top) };
  view[0] = (left - r[0]) / r[2];
  view[1] = (top - r[1]) / r[3];
  view[2] = (right - left) / r[2];
  view[3] = (bottom - top) / r[3];
  return TRUE;
}

static GstVlHeat
heat_of (const Sheet *sheet, const Item *item, guint i)
{
  const GstVlSubject *subject = &g_array_index (item->subjects, GstVlSubject, i);
  GstVlHeat heat = { .index = item->index + i,
                     .strength = strength_of (sheet, item, subject) * subject->share * sheet->look->opacity };

  gst_vl_result_get_grid (item->result, &heat.rows, &heat.cols);
  heat.map = gst_vl_smoothing_next (sheet->drawing->smoothing, subject->text, item->number + i, subject->map,
                                    (gsize) heat.rows * heat.cols, sheet->pts, sheet->look->smoothing);
  return heat;
}

static void
draw_maps (Sheet *sheet, const Item *item)
{
  gint side = sheet->look->style == GST_VL_STYLE_CONTOUR ? LINES_SIDE : MAP_SIDE, longer;
  GArray *heats = g_array_new (FALSE, FALSE, sizeof (GstVlHeat));
  GstVlColormap colormap = sheet->look->colormap;
  GstBuffer *picture = NULL;
  GstVideoRectangle part;
  gdouble view[4];

  for (guint i = 0; i < item->subjects->len; i++) {
    GstVlHeat heat = heat_of (sheet, item, i);

    if (heat.map && heat.rows && heat.cols)
      g_array_append_val (heats, heat);
  }
  if (colormap == GST_VL_COLORMAP_AUTO && sheet->n_subjects > 1)
    colormap = GST_VL_COLORMAP_PROMPT;
  if (visible_part (item, sheet->width, sheet->height, &part, view)) {
    longer = MAX (part.w, part.h);
    side = MIN (side, longer);
    picture = gst_vl_paint_maps (sheet->look->style, colormap, (const GstVlHeat *) heats->data, heats->len, view,
                                 (guint) MAX (part.w * (gint64) side / longer, 1),
                                 (guint) MAX (part.h * (gint64) side / longer, 1));
  }
  if (picture)
    add_rectangle (sheet, picture, part.x, part.y, part.w, part.h);
  g_array_unref (heats);
}

static gboolean
is_free (const Sheet *sheet, const GstVideoRectangle *place)
{
  for (guint i = 0; i < sheet->taken->len; i++) {
    const GstVideoRectangle *t = &g_array_index (sheet->taken, GstVideoRectangle, i);

    if (place->x < t->x + t->w && t->x < place->x + place->w && place->y < t->y + t->h && t->y < place->y + place->h)
      return FALSE;
  }
  return TRUE;
}

static void
into_frame (const Sheet *sheet, GstVideoRectangle *place)
{
  place->x = MAX (MIN (place->x, (gint) sheet->width - place->w), 0);
  place->y = MAX (MIN (place->y, (gint) sheet->height - place->h), 0);
}

/* Takes @label. Puts it at @place, or below what is there already; the last resort is to overlap. */
static void
place_label (Sheet *sheet, GstBuffer *label, GstVideoRectangle place)
{
  GstVideoRectangle free_place = place;
  gint gap = MAX (place.h / 8, 1);

  into_frame (sheet, &free_place);
  while (!is_free (sheet, &free_place) && free_place.y + 2 * place.h + gap <= (gint) sheet->height)
    free_place.y += gap;
  if (!is_free (sheet, &free_place)) {
    free_place = place;
    into_frame (sheet, &free_place);
    while (!is_free (sheet, &free_place) && free_place.y > gap)
      free_place.y -= gap;
  }
  g_array_append_val (sheet->taken, free_place);
  add_rectangle (sheet, label, free_place.x, free_place.y, place.w, place.h);
}

static gdouble
type_size (const Sheet *sheet)
{
  return CLAMP (MIN (sheet->height / 27.0, sheet->width * sheet->drawing->aspect / 32.0), 10.0, 64.0);
}

/* Texts and rings are drawn as they are to look; where pixels are not square they are squeezed into the frame. */
static gint
squeezed (const Sheet *sheet, gdouble width)
{
  return MAX ((gint) lrint (width / sheet->drawing->aspect), 1);
}

static guint
stretched (const Sheet *sheet, gdouble width)
{
  return (guint) (width * sheet->drawing->aspect);
}

static void
draw_ring (Sheet *sheet, gint x, gint y, gint radius, guint32 colour, gdouble opacity)
{
  gint width = squeezed (sheet, 2 * radius + 1);
  GstVideoRectangle mark = { x - width / 2, y - radius, width, 2 * radius + 1 };
  GstBuffer *ring = gst_vl_ring_new (colour, (guint) radius, opacity);

  if (ring)
    add_rectangle (sheet, ring, mark.x, mark.y, mark.w, mark.h);
  g_array_append_val (sheet->taken, mark);
}

/* Above the peak and its ring, below where there is no room above. */
static GstVideoRectangle
place_at_peak (const Sheet *sheet, gint x, gint y, gint radius, gint width, gint height)
{
  GstVideoRectangle place = { x - width / 2, y - radius - height - 3, width, height };

  if (place.y < 0 || !is_free (sheet, &place))
    place.y = y + radius + 4;
  return place;
}

static GstBuffer *
label_of (const GstVlSubject *subject, guint32 colour, const GstVlType *type)
{
  gchar *value = NULL;
  GstBuffer *label;

  if (subject->whole && !isnan (subject->match))
    value = g_strdup_printf ("%d%%", (gint) lrint (CLAMP (subject->match, 0.0, 1.0) * 100));
  label = gst_vl_label_new (subject->text, value, colour, type);
  g_free (value);
  return label;
}

/* Of more than there is place for, those that match, and the first of these. */
static gboolean
gets_label (Sheet *sheet, const Item *item, const GstVlSubject *subject)
{
  if (sheet->n_labels >= MAX_LABELS || !(strength_of (sheet, item, subject) > 0) ||
      (sheet->n_subjects > MAX_LABELS && !is_match (sheet, item, subject)))
    return FALSE;
  sheet->n_labels++;
  return TRUE;
}

static void
draw_label (Sheet *sheet, const Item *item, guint i)
{
  const GstVlSubject *subject = &g_array_index (item->subjects, GstVlSubject, i);
  gdouble strength = strength_of (sheet, item, subject);
  guint32 colour = gst_vl_prompt_colour (item->index + i);
  gint margin = (gint) type_size (sheet) / 2;
  GstVlType type = { sheet->look->font, type_size (sheet), 0.35 + 0.65 * strength,
                     stretched (sheet, sheet->width - MIN (sheet->width, 2.0 * squeezed (sheet, margin))) };
  gboolean at_peak = sheet->look->labels == GST_VL_LABELS_PEAK && is_match (sheet, item, subject) && subject->has_peak;
  gint x = (gint) CLAMP (item->region[0] + subject->x * item->region[2], 0, sheet->width);
  gint y = (gint) CLAMP (item->region[1] + subject->y * item->region[3], 0, sheet->height);
  GstVideoRectangle place = { squeezed (sheet, margin), margin, 0, 0 };
  GstBuffer *label;

  if (!gets_label (sheet, item, subject))
    return;
  label = label_of (subject, colour, &type);

  if (label) {
    place.w = squeezed (sheet, gst_buffer_get_video_meta (label)->width);
    place.h = (gint) gst_buffer_get_video_meta (label)->height;
    if (at_peak)
      place = place_at_peak (sheet, x, y, margin, place.w, place.h);
  }
  if (at_peak)
    draw_ring (sheet, x, y, margin, colour, type.opacity);
  if (label)
    place_label (sheet, label, place);
}

/* As its map: ember, or among others a colour of its own. */
static guint32
lit_colour (const Sheet *sheet, const Item *item)
{
  return sheet->n_subjects > 1 ? gst_vl_prompt_colour (item->index) : LIT_COLOUR;
}

/* @word: of this prompt the one that is lit, if it has so many. */
static void
draw_caption (Sheet *sheet, const Item *item, guint prompt, guint word)
{
  const gchar *text = gst_vl_result_get_caption (item->result, prompt);
  GstVlType type = { sheet->look->font, type_size (sheet) * 1.15, (gdouble) (FADE_STEPS - item->fade) / FADE_STEPS,
                     stretched (sheet, sheet->width * 0.9) };
  GstVlSpan lit = { .colour = lit_colour (sheet, item) };
  gboolean is_lit = gst_vl_speech_find (item->result, prompt, word, &lit.begin, &lit.end);
  GstBuffer *picture = text && *text ? gst_vl_caption_new (text, &type, is_lit ? &lit : NULL) : NULL;
  GstVideoMeta *meta = picture ? gst_buffer_get_video_meta (picture) : NULL;
  gint width = meta ? squeezed (sheet, meta->width) : 0;

  if (meta)
    place_label (sheet, picture,
                 (GstVideoRectangle){ ((gint) sheet->width - width) / 2,
                                      (gint) sheet->height - (gint) meta->height - (gint) (type.size * 0.8), width,
                                      (gint) meta->height });
}

static void
draw_captions (Sheet *sheet, const Item *item)
{
  guint word = item->word;

  for (guint i = 0; i < MIN (gst_vl_result_get_n_prompts (item->result), MAX_LABELS); i++) {
    guint n = gst_vl_result_get_n_words (item->result, i);

    draw_caption (sheet, item, i, word);
    word = word == GST_VL_NO_WORD || word < n ? GST_VL_NO_WORD : word - n;
  }
}

/* Numbers what is drawn across all results: a prompt keeps its number, and with it its colour, in map and label. */
static void
find_subjects (Sheet *sheet, GArray *items)
{
  guint number = 0;

  for (guint i = 0; i < items->len; i++) {
    Item *item = &g_array_index (items, Item, i);

    item->subjects = item->kind == GST_VL_KIND_CAPTION
                         ? gst_vl_subjects_of_word (item->result, item->word)
                         : gst_vl_subjects_of (item->result, sheet->look->maps == GST_VL_MAPS_WORDS);
    item->index = sheet->n_subjects;
    item->number = number;
    number += item->subjects->len;
    if (item->kind == GST_VL_KIND_FUSION)
      sheet->n_subjects += item->subjects->len;
  }
}

static void
draw_texts (Sheet *sheet, const Item *item)
{
  if (item->kind == GST_VL_KIND_FUSION && sheet->look->labels != GST_VL_LABELS_NONE)
    for (guint i = 0; i < item->subjects->len; i++)
      draw_label (sheet, item, i);
  if (item->kind == GST_VL_KIND_CAPTION && sheet->look->captions)
    draw_captions (sheet, item);
}

/* Maps of all results first, so that no map lies on a label. */
static GstVideoOverlayComposition *
draw (GstVlDrawing *drawing, const GstVlLook *look, GArray *items, GstClockTime pts)
{
  Sheet sheet = { .drawing = drawing, .look = look, .width = drawing->width, .height = drawing->height, .pts = pts };

  sheet.taken = g_array_new (FALSE, FALSE, sizeof (GstVideoRectangle));
  gst_vl_smoothing_trim (drawing->smoothing);
  find_subjects (&sheet, items);
  for (guint i = 0; i < items->len; i++)
    if (look->style != GST_VL_STYLE_NONE)
      draw_maps (&sheet, &g_array_index (items, Item, i));
  for (guint i = 0; i < items->len && sheet.height >= SMALLEST_LABEL && sheet.width >= SMALLEST_LABEL; i++)
    draw_texts (&sheet, &g_array_index (items, Item, i));
  g_array_unref (sheet.taken);
  return sheet.composition;
}

GstVideoOverlayComposition *
gst_vl_drawing_update (GstVlDrawing *drawing, const GstVlLook *look, guint look_serial, GstBuffer *buffer, guint width,
                       guint height, gdouble aspect)
{
  GArray *items = collect (drawing, buffer, look, width, height);
  gboolean same;

  aspect = aspect > 0 ? CLAMP (aspect, 1 / MAX_ASPECT, MAX_ASPECT) : 1;
  same = look_serial == drawing->look_serial && width == drawing->width && height == drawing->height &&
         aspect == drawing->aspect && same_items (items, drawing->items) && (look->smoothing == 0 || items->len == 0);
  g_array_unref (drawing->items);
  drawing->items = items;
  if (!same) {
    drawing->look_serial = look_serial;
    drawing->width = width;
    drawing->height = height;
    drawing->aspect = aspect;
    g_clear_pointer (&drawing->composition, gst_video_overlay_composition_unref);
    drawing->composition = draw (drawing, look, items, GST_BUFFER_PTS (buffer));
  }
  return drawing->composition ? gst_video_overlay_composition_ref (drawing->composition) : NULL;
}
