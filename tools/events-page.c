/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What vlf-events found, as text and as a page. */
#include "tools/vlf-events.h"
#include <math.h>

#define CHART_WIDTH  960
#define CHART_HEIGHT 80
#define SECOND       G_GUINT64_CONSTANT (1000000000)

static const gchar *const COLOURS[] = { "#e4572e", "#1f78b4", "#2e8b57", "#b5179e",
                                        "#c98a00", "#0a9396", "#7b5cd6", "#8d6e63" };

static const gchar STYLE[] =
    ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}"
    "body{max-width:64rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.4rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .3rem;overflow-wrap:anywhere}"
    "h2 i{display:inline-block;width:.8em;height:.8em;border-radius:50%;margin-right:.5em}"
    "p{margin:.2rem 0;opacity:.75}svg{width:100%;height:auto;display:block}"
    "ul{list-style:none;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(14rem,1fr));gap:1rem}"
    "li{border:1px solid #8884;border-radius:.5rem;overflow:hidden}li img{width:100%;display:block}"
    "li div{padding:.4rem .7rem;font-variant-numeric:tabular-nums}b{float:right}";

static void
prompt_free (gpointer data)
{
  EventsPrompt *prompt = data;

  for (guint i = 0; i < prompt->matches->len; i++)
    g_bytes_unref (g_array_index (prompt->matches, EventsMatch, i).picture);
  g_array_unref (prompt->samples);
  g_array_unref (prompt->matches);
  g_bytes_unref (prompt->picture);
  g_free (prompt->text);
  g_free (prompt);
}

EventsRecord *
events_record_new (const gchar *file, gchar *const *prompts)
{
  EventsRecord *record = g_new0 (EventsRecord, 1);

  record->name = g_filename_display_basename (file);
  record->threshold = NAN;
  record->prompts = g_ptr_array_new_with_free_func (prompt_free);
  for (; *prompts; prompts++) {
    EventsPrompt *prompt = g_new0 (EventsPrompt, 1);

    prompt->text = g_strdup (*prompts);
    prompt->samples = g_array_new (FALSE, FALSE, sizeof (EventsSample));
    prompt->matches = g_array_new (FALSE, FALSE, sizeof (EventsMatch));
    prompt->picture_match = -1;
    g_ptr_array_add (record->prompts, prompt);
  }
  return record;
}

void
events_record_free (EventsRecord *record)
{
  if (!record)
    return;
  g_ptr_array_unref (record->prompts);
  g_free (record->name);
  g_free (record->model);
  g_free (record);
}

gchar *
events_time (guint64 time)
{
  guint64 ms = (time + SECOND / 2000) / (SECOND / 1000);

  return g_strdup_printf ("%u:%02u:%02u.%03u", (guint) (ms / 3600000), (guint) (ms / 60000 % 60),
                          (guint) (ms / 1000 % 60), (guint) (ms % 1000));
}

/* The timeline. */

typedef struct {
  const gchar *text;
  const EventsMatch *match;
} Line;

static gint
by_start (gconstpointer a, gconstpointer b)
{
  guint64 x = ((const Line *) a)->match->start, y = ((const Line *) b)->match->start;

  return (x > y) - (x < y);
}

static void
append_line (GString *to, const Line *line)
{
  g_autofree gchar *start = events_time (line->match->start), *end = events_time (line->match->end);
  gsize at;

  g_string_append_printf (to, "%s - %s %4ld %%  ", start, end, lrint (100 * line->match->best));
  at = to->len;
  g_string_append (to, line->text);
  for (; at < to->len; at++)
    if ((guchar) to->str[at] < 0x20 || to->str[at] == 0x7f)
      to->str[at] = ' ';
  g_string_append_c (to, '\n');
}

gchar *
events_timeline (const EventsRecord *record)
{
  g_autoptr (GArray) lines = g_array_new (FALSE, FALSE, sizeof (Line));
  GString *to = g_string_new (NULL);

  for (guint i = 0; i < record->prompts->len; i++) {
    const EventsPrompt *prompt = g_ptr_array_index (record->prompts, i);

    for (guint k = 0; k < prompt->matches->len; k++) {
      Line line = { prompt->text, &g_array_index (prompt->matches, EventsMatch, k) };

      g_array_append_val (lines, line);
    }
  }
  g_array_sort (lines, by_start);
  for (guint i = 0; i < lines->len; i++)
    append_line (to, &g_array_index (lines, Line, i));
  return g_string_free (to, FALSE);
}

/* The page. */

static void
append_escaped (GString *to, const gchar *text)
{
  g_autofree gchar *valid = g_utf8_make_valid (text, -1), *escaped = g_markup_escape_text (valid, -1);

  g_string_append (to, escaped);
}

/* With a point, whatever the locale says. */
static void
append_number (GString *to, gdouble number)
{
  gchar digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (to, g_ascii_formatd (digits, sizeof digits, "%.2f", number));
}

static void
append_point (GString *to, gdouble x, gdouble match)
{
  append_number (to, x);
  g_string_append_c (to, ',');
  append_number (to, CHART_HEIGHT * (1 - CLAMP (match, 0, 1)));
  g_string_append_c (to, ' ');
}

static gdouble
place_of (const EventsRecord *record, guint64 time)
{
  return record->end > 0 ? (gdouble) CHART_WIDTH * time / record->end : 0;
}

/* The highest match of each column: a long file has more frames than the chart has pixels. */
static void
append_curve (GString *to, const EventsRecord *record, const EventsPrompt *prompt, const gchar *colour)
{
  gint column = -1;
  gdouble highest = NAN;

  g_string_append_printf (to, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"", colour);
  for (guint i = 0; i < prompt->samples->len; i++) {
    const EventsSample *sample = &g_array_index (prompt->samples, EventsSample, i);
    gint here = (gint) place_of (record, sample->time);

    if (here != column && !isnan (highest))
      append_point (to, column, highest);
    highest = here == column ? fmax (highest, sample->match) : sample->match;
    column = here;
  }
  if (!isnan (highest))
    append_point (to, column, highest);
  g_string_append (to, "\"/>");
}

static void
append_chart (GString *to, const EventsRecord *record, const EventsPrompt *prompt, const gchar *colour)
{
  g_string_append_printf (to,
                          "<svg viewBox=\"0 0 %d %d\" role=\"img\"><title>match over time</title><rect width=\"%d\" "
                          "height=\"%d\" fill=\"#8881\"/>",
                          CHART_WIDTH, CHART_HEIGHT, CHART_WIDTH, CHART_HEIGHT);
  for (guint i = 0; i < prompt->matches->len; i++) {
    const EventsMatch *match = &g_array_index (prompt->matches, EventsMatch, i);
    gdouble from = place_of (record, match->start), till = place_of (record, match->end);

    g_string_append_printf (to, "<rect height=\"%d\" fill=\"%s\" fill-opacity=\".25\" x=\"", CHART_HEIGHT, colour);
    append_number (to, from);
    g_string_append (to, "\" width=\"");
    append_number (to, MAX (till - from, 1));
    g_string_append (to, "\"/>");
  }
  if (!isnan (record->threshold)) {
    g_string_append (to, "<polyline fill=\"none\" stroke=\"#888\" stroke-dasharray=\"4\" points=\"");
    append_point (to, 0, record->threshold);
    append_point (to, CHART_WIDTH, record->threshold);
    g_string_append (to, "\"/>");
  }
  append_curve (to, record, prompt, colour);
  g_string_append (to, "</svg>\n");
}

static void
append_match (GString *to, const EventsMatch *match)
{
  g_autofree gchar *start = events_time (match->start), *end = events_time (match->end);
  g_autofree gchar *best = events_time (match->best_at);

  g_string_append (to, "<li>");
  if (match->picture) {
    gsize size;
    gconstpointer data = g_bytes_get_data (match->picture, &size);
    g_autofree gchar *base64 = g_base64_encode (data, size);

    g_string_append_printf (to, "<img alt=\"the best frame, at %s\" src=\"data:image/jpeg;base64,%s\">", best, base64);
  }
  g_string_append_printf (to, "<div><b>%ld %%</b>%s &ndash; %s</div></li>\n", lrint (100 * match->best), start, end);
}

static void
append_prompt (GString *to, const EventsRecord *record, guint i)
{
  const EventsPrompt *prompt = g_ptr_array_index (record->prompts, i);
  const gchar *colour = COLOURS[i % G_N_ELEMENTS (COLOURS)];

  g_string_append_printf (to, "<section><h2><i style=\"background:%s\"></i>", colour);
  append_escaped (to, prompt->text);
  g_string_append (to, "</h2>\n");
  append_chart (to, record, prompt, colour);
  if (prompt->matches->len == 0)
    g_string_append (to, "<p>Not found.</p>\n");
  g_string_append (to, "<ul>\n");
  for (guint k = 0; k < prompt->matches->len; k++)
    append_match (to, &g_array_index (prompt->matches, EventsMatch, k));
  g_string_append (to, "</ul></section>\n");
}

gchar *
events_page (const EventsRecord *record)
{
  GString *to = g_string_new ("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
  g_autofree gchar *end = events_time (record->end);

  g_string_append (to,
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
                   "style-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
  append_escaped (to, record->name);
  g_string_append_printf (to, "</title>\n<style>%s</style></head>\n<body><h1>", STYLE);
  append_escaped (to, record->name);
  g_string_append_printf (to, "</h1><p>%s", end);
  if (record->model) {
    g_string_append (to, ", asked with ");
    append_escaped (to, record->model);
  }
  g_string_append (to, "</p>\n");
  for (guint i = 0; i < record->prompts->len; i++)
    append_prompt (to, record, i);
  g_string_append (to, "</body></html>\n");
  return g_string_free (to, FALSE);
}
