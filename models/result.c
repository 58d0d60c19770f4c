/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/result.h"
#include "kernels/half.h"
#include "models/json.h"
#include <math.h>
#include <string.h>

VlfResult *
vlf_result_new (void)
{
  VlfResult *result = g_new0 (VlfResult, 1);

  result->refs = 1;
  result->device_milliseconds = NAN;
  return result;
}

VlfResult *
vlf_result_ref (VlfResult *result)
{
  g_atomic_int_inc (&result->refs);
  return result;
}

static void
prompt_clear (VlfPromptResult *prompt)
{
  for (guint i = 0; i < prompt->n_words; i++) {
    g_free (prompt->words[i].text);
    g_free (prompt->words[i].map);
  }
  g_free (prompt->words);
  g_free (prompt->text);
  g_free (prompt->caption);
  g_free (prompt->map);
  g_free (prompt->embedding);
}

void
vlf_result_drop_prompts (VlfResult *result, guint first, guint n)
{
  VlfPromptResult *prompts = result->prompts;

  for (guint i = first; i < first + n; i++)
    prompt_clear (&prompts[i]);
  memmove (prompts + first, prompts + first + n, (result->n_prompts - first - n) * sizeof *prompts);
  result->n_prompts -= n;
}

void
vlf_result_unref (VlfResult *result)
{
  if (!result || !g_atomic_int_dec_and_test (&result->refs))
    return;
  for (guint i = 0; i < result->n_prompts; i++)
    prompt_clear (&result->prompts[i]);
  g_free (result->prompts);
  g_free (result->image_embedding);
  g_free (result->model);
  g_free (result->fingerprint);
  g_free (result);
}

/* --- numbers --- */

static gboolean
all_finite (const float *numbers, gsize n)
{
  for (gsize i = 0; numbers && i < n; i++)
    if (!isfinite (numbers[i]))
      return FALSE;
  return TRUE;
}

gboolean
vlf_prompt_result_validate (VlfPromptResult *prompt, gsize cells)
{
  gboolean good = !prompt->invalid && all_finite (prompt->map, cells) &&
                  all_finite (prompt->embedding, prompt->embedding_size) && !isinf (prompt->score);

  for (guint i = 0; i < prompt->n_words && good; i++)
    good = all_finite (prompt->words[i].map, cells) && !isinf (prompt->words[i].weight);
  if (good)
    return FALSE;
  prompt->invalid = TRUE;
  prompt->match = prompt->score = prompt->peak_x = prompt->peak_y = NAN;
  g_clear_pointer (&prompt->map, g_free);
  g_clear_pointer (&prompt->embedding, g_free);
  prompt->embedding_size = 0;
  for (guint i = 0; i < prompt->n_words; i++) {
    g_clear_pointer (&prompt->words[i].map, g_free);
    prompt->words[i].weight = NAN;
  }
  return TRUE;
}

/* --- JSON --- */

typedef struct {
  const VlfResult *result;
  VlfJsonMaps maps;
  VlfJsonEmbeddings embeddings;
  GString *to;
} Writer;

/* The shortest decimal number that reads back as @number: of a float within @least..@most = 6..9 digits, of a double
 * 15..17. */
static void
write_shortest (GString *to, double number, guint least, guint most)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE], format[8];

  if (!isfinite (number)) {
    g_string_append (to, "null");
    return;
  }
  for (guint digits = least; digits <= most; digits++) {
    double again;

    g_snprintf (format, sizeof format, "%%.%ug", digits);
    again = g_ascii_strtod (g_ascii_formatd (text, sizeof text, format, number), NULL);
    if (most <= 9 ? (float) again == (float) number : again == number)
      break;
  }
  g_string_append (to, text);
}

static void
write_float (GString *to, float number)
{
  write_shortest (to, (double) number, 6, 9);
}

static void
write_double (GString *to, double number)
{
  write_shortest (to, number, 15, 17);
}

static void
write_text (GString *to, const char *text)
{
  if (text)
    vlf_json_quote (to, text, -1);
  else
    g_string_append (to, "null");
}

/* G_MAXUINT64 is unknown. */
static void
write_natural (GString *to, guint64 number)
{
  if (number == G_MAXUINT64)
    g_string_append (to, "null");
  else
    g_string_append_printf (to, "%" G_GUINT64_FORMAT, number);
}

static void
write_doubles (GString *to, const double *numbers, guint n)
{
  for (guint i = 0; i < n; i++) {
    g_string_append_c (to, i ? ',' : '[');
    write_double (to, numbers[i]);
  }
  g_string_append_c (to, ']');
}

static void
write_floats (GString *to, const float *numbers, guint n)
{
  g_string_append_c (to, '[');
  for (guint i = 0; i < n; i++) {
    if (i)
      g_string_append_c (to, ',');
    write_float (to, numbers[i]);
  }
  g_string_append_c (to, ']');
}

/* A map as its rows; null where it is not wanted or not there. */
static void
write_map (const Writer *writer, VlfJsonMaps wanted, const float *map)
{
  const VlfResult *result = writer->result;

  if (!map || writer->maps < wanted) {
    g_string_append (writer->to, "null");
    return;
  }
  g_string_append_c (writer->to, '[');
  for (guint row = 0; row < result->rows; row++) {
    if (row)
      g_string_append_c (writer->to, ',');
    write_floats (writer->to, map + (gsize) row * result->cols, result->cols);
  }
  g_string_append_c (writer->to, ']');
}

static void
write_half_floats (GString *to, const float *numbers, guint n)
{
  g_autofree guint16 *halves = g_new (guint16, n);
  g_autofree gchar *text = NULL;

  for (guint i = 0; i < n; i++)
    halves[i] = GUINT16_TO_LE (vlf_f16_from_f32 (numbers[i]));
  text = g_base64_encode ((const guchar *) halves, n * sizeof *halves);
  g_string_append_printf (to, "\"%s\"", text);
}

static void
write_embedding (const Writer *writer, const float *embedding, guint n)
{
  if (!embedding || n == 0 || writer->embeddings == VLF_JSON_EMBEDDINGS_NONE)
    g_string_append (writer->to, "null");
  else if (writer->embeddings == VLF_JSON_EMBEDDINGS_BASE64_F16)
    write_half_floats (writer->to, embedding, n);
  else
    write_floats (writer->to, embedding, n);
}

static void
write_words (const Writer *writer, const VlfPromptResult *prompt)
{
  GString *to = writer->to;

  g_string_append_c (to, '[');
  for (guint i = 0; i < prompt->n_words; i++) {
    const VlfWordResult *word = &prompt->words[i];

    g_string_append (to, i ? ",{\"text\":" : "{\"text\":");
    write_text (to, word->text);
    g_string_append (to, ",\"weight\":");
    write_float (to, word->weight);
    g_string_append (to, ",\"map\":");
    write_map (writer, VLF_JSON_MAPS_WORDS, word->map);
    g_string_append_c (to, '}');
  }
  g_string_append_c (to, ']');
}

static void
write_prompt (const Writer *writer, const VlfPromptResult *prompt)
{
  GString *to = writer->to;

  g_string_append (to, "{\"text\":");
  write_text (to, prompt->text);
  if (prompt->caption) {
    g_string_append (to, ",\"caption\":");
    write_text (to, prompt->caption);
  }
  g_string_append (to, ",\"match\":");
  write_double (to, prompt->match);
  g_string_append (to, ",\"score\":");
  write_double (to, prompt->score);
  g_string_append (to, ",\"peak\":");
  if (isfinite (prompt->peak_x) && isfinite (prompt->peak_y))
    write_doubles (to, (double[]){ prompt->peak_x, prompt->peak_y }, 2);
  else
    g_string_append (to, "null");
  g_string_append (to, ",\"words\":");
  write_words (writer, prompt);
  g_string_append (to, ",\"map\":");
  write_map (writer, VLF_JSON_MAPS_PHRASE, prompt->map);
  g_string_append (to, ",\"embedding\":");
  write_embedding (writer, prompt->embedding, prompt->embedding_size);
  g_string_append (to, ",\"embedding_kind\":");
  write_text (to, prompt->embedding_kind);
  if (prompt->retrieved) {
    g_string_append_printf (to, ",\"bank\":%u,\"similarity\":", prompt->bank_index);
    write_double (to, prompt->similarity);
  }
  g_string_append_c (to, '}');
}

static void
write_stamp (const VlfStamp *stamp, GString *to)
{
  g_string_append (to, "{\"pts\":");
  write_natural (to, stamp ? stamp->pts : G_MAXUINT64);
  g_string_append (to, ",\"source_pts\":");
  write_natural (to, stamp ? stamp->source_pts : G_MAXUINT64);
  g_string_append (to, ",\"age\":");
  write_natural (to, stamp ? stamp->age : G_MAXUINT64);
  g_string_append (to, ",\"generation\":");
  write_natural (to, stamp ? stamp->generation : G_MAXUINT64);
  g_string_append_printf (to, ",\"carried\":%s", stamp ? stamp->carried ? "true" : "false" : "null");
}

static void
write_frame (const Writer *writer)
{
  const VlfResult *result = writer->result;
  GString *to = writer->to;

  g_string_append_printf (to, ",\"frame\":[%u,%u],\"region\":", result->frame_width, result->frame_height);
  write_doubles (to, result->region, G_N_ELEMENTS (result->region));
  g_string_append_printf (to, ",\"grid\":[%u,%u],\"model\":", result->rows, result->cols);
  write_text (to, result->model);
  g_string_append (to, ",\"fingerprint\":");
  write_text (to, result->fingerprint);
  g_string_append (to, ",\"ms\":");
  write_double (to, result->milliseconds);
  g_string_append (to, ",\"reused\":");
  write_double (to, result->reused);
  g_string_append (to, ",\"image_embedding\":");
  write_embedding (writer, result->image_embedding, result->image_embedding_size);
}

void
vlf_result_to_json (const VlfResult *result, const VlfStamp *stamp, VlfJsonMaps maps, VlfJsonEmbeddings embeddings,
                    GString *to)
{
  Writer writer = { result, maps, embeddings, to };

  write_stamp (stamp, to);
  if (result)
    write_frame (&writer);
  else
    g_string_append (to,
                     ",\"frame\":null,\"region\":null,\"grid\":null,\"model\":null,\"fingerprint\":null,\"ms\":null,"
                     "\"reused\":null,\"image_embedding\":null");
  g_string_append (to, ",\"prompts\":[");
  for (guint i = 0; result && i < result->n_prompts; i++) {
    if (i)
      g_string_append_c (to, ',');
    write_prompt (&writer, &result->prompts[i]);
  }
  g_string_append_c (to, ']');
  if (result && result->judged && result->best < 0)
    g_string_append (to, ",\"best\":null");
  else if (result && result->judged)
    g_string_append_printf (to, ",\"best\":%d", result->best);
  g_string_append_c (to, '}');
}
