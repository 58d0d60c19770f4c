/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvllabel.h"
#include <gst/video/video.h>
#include <math.h>
#ifdef HAVE_PANGOCAIRO
#include <pango/pangocairo.h>
#endif

/* More than anybody reads in a frame; laying out takes time. */
#define MAX_CHARACTERS 300
#define MAX_SIDE       8192

static GstBuffer *
picture_of (guint32 *pixels, guint width, guint height)
{
  GstBuffer *buffer = gst_buffer_new_wrapped (pixels, (gsize) width * height * sizeof (guint32));

  gst_buffer_add_video_meta (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, width,
                             height);
  return buffer;
}

static guint32
premultiply (guint32 colour, gdouble alpha)
{
  guint a = (guint) (CLAMP (alpha, 0.0, 1.0) * 255 + 0.5);

  return a << 24 | ((colour >> 16 & 255) * a / 255) << 16 | ((colour >> 8 & 255) * a / 255) << 8 |
         (colour & 255) * a / 255;
}

GstBuffer *
gst_vl_ring_new (guint32 colour, guint radius, gdouble opacity)
{
  guint side = 2 * radius + 1;
  gdouble line = MAX (radius * 0.13, 0.8), middle = radius - 2 * line - 0.5;
  guint32 *pixels = g_try_new (guint32, (gsize) side * side);

  if (!pixels)
    return NULL;
  for (guint y = 0; y < side; y++)
    for (guint x = 0; x < side; x++) {
      gdouble off = fabs (hypot ((gdouble) x - radius, (gdouble) y - radius) - middle);
      gdouble inner = CLAMP (line + 0.5 - off, 0.0, 1.0), outer = CLAMP (2 * line + 0.5 - off, 0.0, 1.0);
      guint32 edge = premultiply (0x101214, 0.65 * opacity * outer * (1 - inner));

      pixels[(gsize) y * side + x] = premultiply (colour, opacity * inner) + edge;
    }
  return picture_of (pixels, side, side);
}

#ifdef HAVE_PANGOCAIRO

static void
set_colour (cairo_t *cr, guint32 colour, gdouble alpha)
{
  cairo_set_source_rgba (cr, (colour >> 16 & 255) / 255.0, (colour >> 8 & 255) / 255.0, (colour & 255) / 255.0, alpha);
}

static void
rounded_rectangle (cairo_t *cr, gdouble width, gdouble height, gdouble radius)
{
  cairo_new_path (cr);
  cairo_arc (cr, width - radius, radius, radius, -G_PI / 2, 0);
  cairo_arc (cr, width - radius, height - radius, radius, 0, G_PI / 2);
  cairo_arc (cr, radius, height - radius, radius, G_PI / 2, G_PI);
  cairo_arc (cr, radius, radius, radius, G_PI, 3 * G_PI / 2);
  cairo_close_path (cr);
}

/* A layout that draws on anything: measured before the picture exists. NULL on a system without fonts, where Pango
 * makes sizes up. */
static PangoLayout *
layout_new (const gchar *text, const GstVlType *type, PangoWeight weight)
{
  PangoContext *context = pango_font_map_create_context (pango_cairo_font_map_get_default ());
  PangoFontDescription *description =
      pango_font_description_from_string (type->font && *type->font ? type->font : "Sans");
  PangoLayout *layout = NULL;
  PangoFont *font;
  gchar *start;

  if (!(pango_font_description_get_set_fields (description) & PANGO_FONT_MASK_WEIGHT))
    pango_font_description_set_weight (description, weight);
  pango_font_description_set_absolute_size (description, type->size * PANGO_SCALE);
  if ((font = pango_context_load_font (context, description))) {
    start = g_utf8_substring (text, 0, MIN (g_utf8_strlen (text, -1), MAX_CHARACTERS));
    layout = pango_layout_new (context);
    pango_layout_set_font_description (layout, description);
    pango_layout_set_text (layout, start, -1);
    g_free (start);
    g_object_unref (font);
  }
  pango_font_description_free (description);
  g_object_unref (context);
  return layout;
}

typedef void (*Draw) (cairo_t *cr, guint width, guint height, gpointer user);

static GstBuffer *
draw_picture (guint width, guint height, gdouble opacity, Draw draw, gpointer user)
{
  guint32 *pixels = width <= MAX_SIDE && height <= MAX_SIDE ? g_try_new0 (guint32, (gsize) width * height) : NULL;
  cairo_surface_t *surface;
  cairo_t *cr;

  if (!pixels)
    return NULL;
  surface = cairo_image_surface_create_for_data ((guchar *) pixels, CAIRO_FORMAT_ARGB32, (int) width, (int) height,
                                                 (int) (width * sizeof (guint32)));
  cr = cairo_create (surface);
  cairo_push_group (cr);
  draw (cr, width, height, user);
  cairo_pop_group_to_source (cr);
  cairo_paint_with_alpha (cr, opacity);
  cairo_destroy (cr);
  cairo_surface_destroy (surface);
  return picture_of (pixels, width, height);
}

typedef struct {
  PangoLayout *text, *value;
  gint text_width;
  gdouble size;
  guint32 colour;
} Chip;

static void
draw_chip (cairo_t *cr, guint width, guint height, gpointer user)
{
  const Chip *chip = user;
  gdouble pad = chip->size * 0.45, dot = chip->size * 0.24;

  rounded_rectangle (cr, width, height, MIN (height * 0.3, width * 0.5));
  set_colour (cr, 0x0e1116, 0.72);
  cairo_fill (cr);
  cairo_arc (cr, pad + dot, height / 2.0, dot, 0, 2 * G_PI);
  set_colour (cr, chip->colour, 1);
  cairo_fill (cr);
  cairo_move_to (cr, 2 * pad + 2 * dot, chip->size * 0.22);
  set_colour (cr, 0xffffff, 1);
  pango_cairo_show_layout (cr, chip->text);
  if (chip->value) {
    cairo_move_to (cr, 3 * pad + 2 * dot + chip->text_width, chip->size * 0.22);
    set_colour (cr, chip->colour, 1);
    pango_cairo_show_layout (cr, chip->value);
  }
}

/* Cuts the text to what room the dot and the value leave. */
static void
fit_chip (Chip *chip, gint room, gint *height)
{
  pango_layout_set_single_paragraph_mode (chip->text, TRUE);
  pango_layout_set_ellipsize (chip->text, PANGO_ELLIPSIZE_END);
  pango_layout_get_pixel_size (chip->text, &chip->text_width, height);
  if (chip->text_width > room) {
    pango_layout_set_width (chip->text, MAX (room, (gint) chip->size) * PANGO_SCALE);
    pango_layout_get_pixel_size (chip->text, &chip->text_width, height);
  }
}

GstBuffer *
gst_vl_label_new (const gchar *text, const gchar *value, guint32 colour, const GstVlType *type)
{
  gdouble pad = type->size * 0.45, dot = type->size * 0.24;
  Chip chip = { .size = type->size, .colour = colour };
  gint value_width = 0, height;
  GstBuffer *picture;

  if (!(chip.text = layout_new (text, type, PANGO_WEIGHT_MEDIUM)))
    return NULL;
  if (value && (chip.value = layout_new (value, type, PANGO_WEIGHT_BOLD)))
    pango_layout_get_pixel_size (chip.value, &value_width, NULL);
  fit_chip (&chip, (gint) (MIN (type->max_width, MAX_SIDE - 1) - 4 * pad - 2 * dot - value_width), &height);
  picture = draw_picture ((guint) ceil (3 * pad + 2 * dot + chip.text_width + (chip.value ? pad + value_width : 0)),
                          (guint) ceil (height + 0.44 * type->size), type->opacity, draw_chip, &chip);
  g_object_unref (chip.text);
  g_clear_object (&chip.value);
  return picture;
}

typedef struct {
  PangoLayout *text;
  gdouble size;
} Caption;

static void
draw_caption (cairo_t *cr, guint width, guint height, gpointer user)
{
  const Caption *caption = user;

  rounded_rectangle (cr, width, height, MIN (caption->size * 0.4, MIN (width, height) * 0.5));
  set_colour (cr, 0x0e1116, 0.72);
  cairo_fill (cr);
  cairo_move_to (cr, caption->size * 0.7, caption->size * 0.3);
  set_colour (cr, 0xffffff, 1);
  pango_cairo_show_layout (cr, caption->text);
}

static void
light_up (PangoLayout *layout, const GstVlSpan *lit)
{
  PangoAttrList *list = pango_attr_list_new ();
  PangoAttribute *colour =
      pango_attr_foreground_new ((guint16) ((lit->colour >> 16 & 255) * 257),
                                 (guint16) ((lit->colour >> 8 & 255) * 257), (guint16) ((lit->colour & 255) * 257));

  colour->start_index = lit->begin;
  colour->end_index = lit->end;
  pango_attr_list_insert (list, colour);
  pango_layout_set_attributes (layout, list);
  pango_attr_list_unref (list);
}

GstBuffer *
gst_vl_caption_new (const gchar *text, const GstVlType *type, const GstVlSpan *lit)
{
  Caption caption = { layout_new (text, type, PANGO_WEIGHT_MEDIUM), type->size };
  gint room = (gint) (MIN (type->max_width, MAX_SIDE - 1) - 1.4 * type->size), width, height;
  GstBuffer *picture;

  if (!caption.text)
    return NULL;
  if (lit)
    light_up (caption.text, lit);
  pango_layout_set_alignment (caption.text, PANGO_ALIGN_CENTER);
  pango_layout_set_wrap (caption.text, PANGO_WRAP_WORD_CHAR);
  pango_layout_get_pixel_size (caption.text, &width, &height);
  /* Lines are centred in the layout's width: it gets the width of the longest line, not all the room. */
  if (width > room) {
    pango_layout_set_width (caption.text, MAX (room, (gint) type->size) * PANGO_SCALE);
    pango_layout_get_pixel_size (caption.text, &width, &height);
  }
  pango_layout_set_width (caption.text, (width + 1) * PANGO_SCALE);
  pango_layout_get_pixel_size (caption.text, NULL, &height);
  picture = draw_picture ((guint) ceil (width + 1 + 1.4 * type->size), (guint) ceil (height + 0.6 * type->size),
                          type->opacity, draw_caption, &caption);
  g_object_unref (caption.text);
  return picture;
}

#else

GstBuffer *
gst_vl_label_new (const gchar *text, const gchar *value, guint32 colour, const GstVlType *type)
{
  (void) text;
  (void) value;
  (void) colour;
  (void) type;
  return NULL;
}

GstBuffer *
gst_vl_caption_new (const gchar *text, const GstVlType *type, const GstVlSpan *lit)
{
  (void) text;
  (void) type;
  (void) lit;
  return NULL;
}

#endif
