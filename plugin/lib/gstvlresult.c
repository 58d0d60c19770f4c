/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:gstvlresult
 * @title: GstVlResult
 * @short_description: what one inference on a frame and some prompts said
 *
 * A result has a grid of cells over a region of the frame, and for each prompt how well it matches, where the frame
 * shows it, one embedding of both, and the same map for each of its words. It is immutable, shared and thread-safe;
 * #GstVlMeta puts it on buffers.
 *
 * Since: 0.1
 */

#include "gstvlresult.h"
#include <math.h>

typedef struct {
  gchar *text;
  gdouble weight;
  GBytes *map; /* [rows, cols] gfloat, or NULL */
} Word;

typedef struct {
  gchar *text, *caption, *embedding_kind;
  gdouble match, score, peak_x, peak_y;
  gboolean retrieved; /* out of a bank, where it is text */
  guint bank_index;
  gdouble similarity; /* which it was found by */
  GBytes *map;        /* [rows, cols] gfloat, or NULL */
  GBytes *embedding;  /* gfloat, or NULL */
  GArray *words;      /* of Word */
} Prompt;

struct _GstVlResult {
  GstMiniObject mini_object;

  guint frame_width, frame_height;
  guint rows, cols;
  gdouble region[4];
  GstClockTime source_pts, inference_time;
  guint64 generation;
  gdouble reused, threshold;
  gchar *model, *fingerprint;
  GBytes *image_embedding;
  GArray *prompts; /* of Prompt */
  gboolean judged; /* @best is known */
  gint best;
};

GType
gst_vl_result_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_boxed_type_register_static ("GstVlResult", (GBoxedCopyFunc) gst_vl_result_ref,
                                                            (GBoxedFreeFunc) gst_vl_result_unref));
  return type;
}

static void
word_clear (Word *word)
{
  g_free (word->text);
  g_clear_pointer (&word->map, g_bytes_unref);
}

static void
prompt_clear (Prompt *prompt)
{
  g_free (prompt->text);
  g_free (prompt->caption);
  g_free (prompt->embedding_kind);
  g_clear_pointer (&prompt->map, g_bytes_unref);
  g_clear_pointer (&prompt->embedding, g_bytes_unref);
  g_array_unref (prompt->words);
}

static void
result_free (GstVlResult *self)
{
  g_free (self->model);
  g_free (self->fingerprint);
  g_clear_pointer (&self->image_embedding, g_bytes_unref);
  g_array_unref (self->prompts);
  g_free (self);
}

static GArray *
array_new (gsize element_size, GDestroyNotify clear)
{
  GArray *array = g_array_new (FALSE, TRUE, element_size);

  g_array_set_clear_func (array, clear);
  return array;
}

/* The prompt or word of an index, or a critical warning and NULL. */
static Prompt *
prompt_at (const GstVlResult *self, guint prompt)
{
  g_return_val_if_fail (GST_IS_VL_RESULT (self), NULL);
  g_return_val_if_fail (prompt < self->prompts->len, NULL);
  return &g_array_index (self->prompts, Prompt, prompt);
}

static Word *
word_at (const GstVlResult *self, guint prompt, guint word)
{
  Prompt *p = prompt_at (self, prompt);

  if (!p)
    return NULL;
  g_return_val_if_fail (word < p->words->len, NULL);
  return &g_array_index (p->words, Word, word);
}

/* The floats of @bytes; none for NULL. */
static const gfloat *
floats_of (GBytes *bytes, gsize *n_values)
{
  gsize size = 0;
  const gfloat *values = bytes ? g_bytes_get_data (bytes, &size) : NULL;

  if (n_values)
    *n_values = size / sizeof (gfloat);
  return size > 0 ? values : NULL;
}

static gboolean
is_floats (GBytes *bytes)
{
  gsize size = 0;
  gconstpointer data = bytes ? g_bytes_get_data (bytes, &size) : NULL;

  return size % sizeof (gfloat) == 0 && (gsize) data % sizeof (gfloat) == 0;
}

static gboolean
is_map (const GstVlResult *self, GBytes *map)
{
  return !map ||
         (is_floats (map) && (guint64) g_bytes_get_size (map) / sizeof (gfloat) == (guint64) self->rows * self->cols);
}

static void
take_bytes (GBytes **place, GBytes *bytes)
{
  GBytes *old = *place;

  *place = bytes ? g_bytes_ref (bytes) : NULL;
  g_clear_pointer (&old, g_bytes_unref);
}

static void
take_text (gchar **place, const gchar *text)
{
  g_free (*place);
  *place = text ? g_utf8_make_valid (text, -1) : NULL;
}

static gboolean
is_writable (const GstVlResult *self)
{
  return GST_IS_VL_RESULT (self) && gst_mini_object_is_writable (&self->mini_object);
}

GstVlResult *
gst_vl_result_ref (GstVlResult *result)
{
  return (GstVlResult *) gst_mini_object_ref (GST_MINI_OBJECT_CAST (result));
}

void
gst_vl_result_unref (GstVlResult *result)
{
  gst_mini_object_unref (GST_MINI_OBJECT_CAST (result));
}

void
gst_vl_result_get_frame_size (const GstVlResult *result, guint *width, guint *height)
{
  g_return_if_fail (GST_IS_VL_RESULT (result));
  if (width)
    *width = result->frame_width;
  if (height)
    *height = result->frame_height;
}

void
gst_vl_result_get_grid (const GstVlResult *result, guint *rows, guint *cols)
{
  g_return_if_fail (GST_IS_VL_RESULT (result));
  if (rows)
    *rows = result->rows;
  if (cols)
    *cols = result->cols;
}

void
gst_vl_result_get_region (const GstVlResult *result, gdouble *x, gdouble *y, gdouble *width, gdouble *height)
{
  g_return_if_fail (GST_IS_VL_RESULT (result));
  if (x)
    *x = result->region[0];
  if (y)
    *y = result->region[1];
  if (width)
    *width = result->region[2];
  if (height)
    *height = result->region[3];
}

GstClockTime
gst_vl_result_get_source_pts (const GstVlResult *result)
{
  g_return_val_if_fail (GST_IS_VL_RESULT (result), GST_CLOCK_TIME_NONE);
  return result->source_pts;
}

guint64
gst_vl_result_get_generation (const GstVlResult *result)
{
  g_return_val_if_fail (GST_IS_VL_RESULT (result), 0);
  return result->generation;
}

GstClockTime
gst_vl_result_get_inference_time (const GstVlResult *result)
{
  g_return_val_if_fail (GST_IS_VL_RESULT (result), GST_CLOCK_TIME_NONE);
  return result->inference_time;
}

gdouble
gst_vl_result_get_reused (const GstVlResult *result)
{
  g_return_val_if_fail (GST_IS_VL_RESULT (result), NAN);
  return result->reused;
}

gdouble
gst_vl_result_get_threshold (const GstVlResult *result)
{
  g_return_val_if_fail (GST_IS_VL_RESULT (result), NAN);
  return result->threshold;
}

const gchar *
gst_vl_result_get_model (const GstVlResult *result)
{
  g_return_val_if_fail (GST_IS_VL_RESULT (result), NULL);
  return result->model;
}

const gchar *
gst_vl_result_get_fingerprint (const GstVlResult *result)
{
  g_return_val_if_fail (GST_IS_VL_RESULT (result), NULL);
  return result->fingerprint;
}

const gfloat *
gst_vl_result_peek_image_embedding (const GstVlResult *result, gsize *n_values)
{
  if (n_values)
    *n_values = 0;
  g_return_val_if_fail (GST_IS_VL_RESULT (result), NULL);
  return floats_of (result->image_embedding, n_values);
}

guint
gst_vl_result_get_n_prompts (const GstVlResult *result)
{
  g_return_val_if_fail (GST_IS_VL_RESULT (result), 0);
  return result->prompts->len;
}

const gchar *
gst_vl_result_get_text (const GstVlResult *result, guint prompt)
{
  const Prompt *p = prompt_at (result, prompt);

  return p ? p->text : NULL;
}

const gchar *
gst_vl_result_get_caption (const GstVlResult *result, guint prompt)
{
  const Prompt *p = prompt_at (result, prompt);

  return p ? p->caption : NULL;
}

gboolean
gst_vl_result_get_retrieved (const GstVlResult *result, guint prompt, guint *index, gdouble *similarity)
{
  const Prompt *p = prompt_at (result, prompt);
  gboolean retrieved = p && p->retrieved;

  if (index)
    *index = retrieved ? p->bank_index : 0;
  if (similarity)
    *similarity = retrieved ? p->similarity : NAN;
  return retrieved;
}

gboolean
gst_vl_result_get_best (const GstVlResult *result, gint *prompt)
{
  g_return_val_if_fail (result, FALSE);
  if (prompt)
    *prompt = result->judged ? result->best : -1;
  return result->judged;
}

gdouble
gst_vl_result_get_match (const GstVlResult *result, guint prompt)
{
  const Prompt *p = prompt_at (result, prompt);

  return p ? p->match : NAN;
}

gdouble
gst_vl_result_get_score (const GstVlResult *result, guint prompt)
{
  const Prompt *p = prompt_at (result, prompt);

  return p ? p->score : NAN;
}

gboolean
gst_vl_result_get_peak (const GstVlResult *result, guint prompt, gdouble *x, gdouble *y)
{
  const Prompt *p = prompt_at (result, prompt);

  if (x)
    *x = p ? p->peak_x : NAN;
  if (y)
    *y = p ? p->peak_y : NAN;
  return p && !isnan (p->peak_x) && !isnan (p->peak_y);
}

const gfloat *
gst_vl_result_peek_map (const GstVlResult *result, guint prompt, gsize *n_values)
{
  const Prompt *p = prompt_at (result, prompt);

  return floats_of (p ? p->map : NULL, n_values);
}

const gfloat *
gst_vl_result_peek_embedding (const GstVlResult *result, guint prompt, gsize *n_values)
{
  const Prompt *p = prompt_at (result, prompt);

  return floats_of (p ? p->embedding : NULL, n_values);
}

const gchar *
gst_vl_result_get_embedding_kind (const GstVlResult *result, guint prompt)
{
  const Prompt *p = prompt_at (result, prompt);

  return p ? p->embedding_kind : NULL;
}

guint
gst_vl_result_get_n_words (const GstVlResult *result, guint prompt)
{
  const Prompt *p = prompt_at (result, prompt);

  return p ? p->words->len : 0;
}

const gchar *
gst_vl_result_get_word_text (const GstVlResult *result, guint prompt, guint word)
{
  const Word *w = word_at (result, prompt, word);

  return w ? w->text : NULL;
}

gdouble
gst_vl_result_get_word_weight (const GstVlResult *result, guint prompt, guint word)
{
  const Word *w = word_at (result, prompt, word);

  return w ? w->weight : NAN;
}

const gfloat *
gst_vl_result_peek_word_map (const GstVlResult *result, guint prompt, guint word, gsize *n_values)
{
  const Word *w = word_at (result, prompt, word);

  return floats_of (w ? w->map : NULL, n_values);
}

GstVlResult *
gst_vl_result_new (guint frame_width, guint frame_height, guint rows, guint cols)
{
  GstVlResult *self = g_new0 (GstVlResult, 1);

  gst_mini_object_init (&self->mini_object, 0, GST_TYPE_VL_RESULT, NULL, NULL, (GstMiniObjectFreeFunction) result_free);
  self->frame_width = frame_width;
  self->frame_height = frame_height;
  self->rows = rows;
  self->cols = cols;
  self->region[2] = frame_width;
  self->region[3] = frame_height;
  self->source_pts = self->inference_time = GST_CLOCK_TIME_NONE;
  self->reused = self->threshold = NAN;
  self->prompts = array_new (sizeof (Prompt), (GDestroyNotify) prompt_clear);
  return self;
}

void
gst_vl_result_set_region (GstVlResult *result, gdouble x, gdouble y, gdouble width, gdouble height)
{
  g_return_if_fail (is_writable (result));
  result->region[0] = x;
  result->region[1] = y;
  result->region[2] = width;
  result->region[3] = height;
}

void
gst_vl_result_set_source (GstVlResult *result, GstClockTime pts, guint64 generation)
{
  g_return_if_fail (is_writable (result));
  result->source_pts = pts;
  result->generation = generation;
}

void
gst_vl_result_set_cost (GstVlResult *result, GstClockTime inference_time, gdouble reused)
{
  g_return_if_fail (is_writable (result));
  result->inference_time = inference_time;
  result->reused = reused;
}

void
gst_vl_result_set_threshold (GstVlResult *result, gdouble threshold)
{
  g_return_if_fail (is_writable (result));
  result->threshold = threshold;
}

void
gst_vl_result_set_model (GstVlResult *result, const gchar *name, const gchar *fingerprint)
{
  g_return_if_fail (is_writable (result));
  take_text (&result->model, name);
  take_text (&result->fingerprint, fingerprint);
}

void
gst_vl_result_set_image_embedding (GstVlResult *result, GBytes *embedding)
{
  g_return_if_fail (is_writable (result));
  g_return_if_fail (is_floats (embedding));
  take_bytes (&result->image_embedding, embedding);
}

guint
gst_vl_result_add_prompt (GstVlResult *result, const gchar *text, gdouble match, gdouble score, GBytes *map)
{
  Prompt prompt = { .match = match, .score = score, .peak_x = NAN, .peak_y = NAN };

  g_return_val_if_fail (is_writable (result), 0);
  g_return_val_if_fail (text, 0);
  g_return_val_if_fail (is_map (result, map), 0);
  take_text (&prompt.text, text);
  take_bytes (&prompt.map, map);
  prompt.words = array_new (sizeof (Word), (GDestroyNotify) word_clear);
  g_array_append_val (result->prompts, prompt);
  return result->prompts->len - 1;
}

void
gst_vl_result_set_peak (GstVlResult *result, guint prompt, gdouble x, gdouble y)
{
  Prompt *p = prompt_at (result, prompt);

  g_return_if_fail (p && is_writable (result));
  p->peak_x = x;
  p->peak_y = y;
}

void
gst_vl_result_set_retrieved (GstVlResult *result, guint prompt, guint index, gdouble similarity)
{
  Prompt *p = prompt_at (result, prompt);

  g_return_if_fail (p && is_writable (result));
  p->retrieved = TRUE;
  p->bank_index = index;
  p->similarity = similarity;
}

void
gst_vl_result_set_best (GstVlResult *result, gint prompt)
{
  g_return_if_fail (is_writable (result));
  g_return_if_fail (prompt >= -1 && prompt < (gint) result->prompts->len);
  result->judged = TRUE;
  result->best = prompt;
}

void
gst_vl_result_set_caption (GstVlResult *result, guint prompt, const gchar *caption)
{
  Prompt *p = prompt_at (result, prompt);

  g_return_if_fail (p && is_writable (result));
  take_text (&p->caption, caption);
}

void
gst_vl_result_set_embedding (GstVlResult *result, guint prompt, GBytes *embedding, const gchar *kind)
{
  Prompt *p = prompt_at (result, prompt);

  g_return_if_fail (p && is_writable (result));
  g_return_if_fail (is_floats (embedding));
  take_bytes (&p->embedding, embedding);
  take_text (&p->embedding_kind, kind);
}

guint
gst_vl_result_add_word (GstVlResult *result, guint prompt, const gchar *text, gdouble weight, GBytes *map)
{
  Prompt *p = prompt_at (result, prompt);
  Word word = { .weight = weight };

  g_return_val_if_fail (p && is_writable (result), 0);
  g_return_val_if_fail (text, 0);
  g_return_val_if_fail (is_map (result, map), 0);
  take_text (&word.text, text);
  take_bytes (&word.map, map);
  g_array_append_val (p->words, word);
  return p->words->len - 1;
}
