/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include "models/caption.h"
#include "models/json.h"

static void
write_number (GString *to, double number)
{
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (to, isfinite (number) ? g_ascii_formatd (text, sizeof text, "%.9g", number) : "null");
}

static void
write_text (GString *to, const char *text)
{
  if (text)
    vlf_json_quote (to, text, -1);
  else
    g_string_append (to, "null");
}

/* [rows, cols] as an array of rows. */
static void
write_map (GString *to, const float *map, guint rows, guint cols)
{
  if (!map) {
    g_string_append (to, "null");
    return;
  }
  for (guint y = 0; y < rows; y++)
    for (guint x = 0; x < cols; x++) {
      g_string_append (to, x ? "," : y ? "],[" : "[[");
      write_number (to, map[(gsize) y * cols + x]);
    }
  g_string_append (to, "]]");
}

void
vlf_caption_to_json (const VlfCaption *caption, GString *to)
{
  g_string_append (to, "{\"text\":");
  write_text (to, caption->text);
  g_string_append (to, ",\"question\":");
  write_text (to, caption->question);
  g_string_append_printf (to, ",\"frame\":[%u,%u],\"region\":[", caption->frame_width, caption->frame_height);
  for (guint i = 0; i < G_N_ELEMENTS (caption->region); i++) {
    g_string_append (to, i ? "," : "");
    write_number (to, caption->region[i]);
  }
  g_string_append_printf (to, "],\"grid\":[%u,%u],\"ms\":", caption->rows, caption->cols);
  write_number (to, caption->milliseconds);
  g_string_append (to, ",\"tokens\":[");
  for (guint i = 0; i < caption->n_tokens; i++) {
    g_string_append_printf (to, "%s{\"id\":%u,\"log_prob\":", i ? "," : "", caption->tokens[i].id);
    write_number (to, caption->tokens[i].log_prob);
    g_string_append_c (to, '}');
  }
  g_string_append (to, "],\"words\":[");
  for (guint i = 0; i < caption->n_words; i++) {
    g_string_append (to, i ? ",{\"text\":" : "{\"text\":");
    write_text (to, caption->words[i].text);
    g_string_append (to, ",\"weight\":");
    write_number (to, caption->words[i].weight);
    g_string_append (to, ",\"map\":");
    write_map (to, caption->words[i].map, caption->rows, caption->cols);
    g_string_append_c (to, '}');
  }
  g_string_append (to, "]}");
}
