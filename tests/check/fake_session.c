/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/check/fake_session.h"
#include <math.h>
#include <string.h>
#include "models/markup.h"

struct _VlfModel {
  gint refs;
  gint number; /* from 1; every model has another */
};

struct _VlfText {
  gint refs;
  gint model; /* its number */
  gchar *prompt;
  gboolean truncated;
  float encoded; /* first number, where it came encoded */
};

struct _VlfSession {
  VlfModel *model;
  gint busy;
};

FakeSession fake;
static gint models; /* made so far */

void
fake_reset (void)
{
  memset (&fake, 0, G_STRUCT_OFFSET (FakeSession, models_alive));
}

double
fake_match (const char *prompt)
{
  return (g_str_hash (prompt) % 1000) / 1000.0;
}

static gboolean
fails (gint *fault, const gchar *what, GError **error)
{
  gint code = g_atomic_int_get (fault);

  if (code == 0)
    return FALSE;
  g_set_error (error, VLF_ERROR, code - 1, "%s: expected luck, found a fault", what);
  return TRUE;
}

static void
take (gint *ms)
{
  g_usleep ((gulong) g_atomic_int_get (ms) * 1000);
}

gchar *
vlf_model_find (const char *name, GError **error)
{
  if (!name || !*name)
    return g_strdup ("fake");
  if (strcmp (name, "missing") != 0)
    return g_strdup (name);
  g_set_error (error, VLF_ERROR, VLF_ERROR_NOT_FOUND, "no model %s", name);
  return NULL;
}

gboolean
vlf_model_check (const VlfModelOptions *options, GError **error)
{
  (void) options;
  return !fails (&fake.check_error, "check", error);
}

VlfModel *
vlf_model_open (const VlfModelOptions *options, GError **error)
{
  gint ms = g_atomic_int_get (&fake.load_ms);
  VlfModel *model;

  for (gint past = 0; past < ms; past += 5) {
    g_usleep (5000);
    if (options->progress && !options->progress ((double) past / ms, options->user)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_CANCELLED, "stopped");
      return NULL;
    }
  }
  if (fails (&fake.load_error, "load", error))
    return NULL;
  model = g_new0 (VlfModel, 1);
  model->refs = 1;
  model->number = g_atomic_int_add (&models, 1) + 1;
  g_atomic_int_inc (&fake.models_alive);
  return model;
}

VlfModel *
vlf_model_ref (VlfModel *model)
{
  g_atomic_int_inc (&model->refs);
  return model;
}

void
vlf_model_unref (VlfModel *model)
{
  if (!model || !g_atomic_int_dec_and_test (&model->refs))
    return;
  g_atomic_int_add (&fake.models_alive, -1);
  g_free (model);
}

const char *
vlf_model_name (const VlfModel *model)
{
  (void) model;
  return "fake";
}

const char *
vlf_model_fingerprint (const VlfModel *model)
{
  (void) model;
  return "0123";
}

const char *
vlf_model_type (const VlfModel *model)
{
  (void) model;
  return "fake";
}

const char *
vlf_model_device_name (const VlfModel *model)
{
  (void) model;
  return "none";
}

double
vlf_model_threshold (const VlfModel *model)
{
  (void) model;
  return 0.5;
}

void
vlf_model_resized_size (const VlfModel *model, guint width, guint height, double pixel_aspect, VlfFit fit,
                        guint *resized_width, guint *resized_height)
{
  (void) model;
  (void) width;
  (void) height;
  (void) fit;
  (void) pixel_aspect;
  *resized_width = *resized_height = FAKE_INPUT;
}

gsize
vlf_model_device_memory (const VlfModel *model)
{
  (void) model;
  return 0;
}

static gboolean
is_too_long (const char *prompt)
{
  gint limit = g_atomic_int_get (&fake.truncate_at);

  return limit > 0 && g_utf8_strlen (prompt, -1) > limit;
}

VlfText *
vlf_text_new (VlfModel *model, const char *prompt, GError **error)
{
  VlfText *text;

  take (&fake.text_ms);
  if (fails (&fake.text_error, "text", error))
    return NULL;
  text = g_new0 (VlfText, 1);
  text->model = model->number;
  text->refs = 1;
  text->prompt = g_strdup (prompt);
  text->truncated = is_too_long (prompt);
  g_atomic_int_inc (&fake.texts_made);
  g_atomic_int_inc (&fake.texts_alive);
  return text;
}

VlfText *
vlf_text_new_marked (VlfModel *model, const char *prompt, GError **error)
{
  g_auto (VlfMarkup) markup = { 0 };

  vlf_markup_parse (&markup, prompt);
  if (strcmp (markup.text, prompt) != 0 && fails (&fake.mark_error, "marks", error))
    return NULL;
  return vlf_text_new (model, markup.text, error);
}

gboolean
vlf_model_encoding (const VlfModel *model, VlfEncoding *encoding, GError **error)
{
  *encoding =
      (VlfEncoding){ .fingerprint = vlf_model_fingerprint (model), .layers = 1, .dim = FAKE_DIM, .pooled = TRUE };
  return !fails (&fake.text_error, "encoding", error);
}

gboolean
vlf_model_check_encoding (const VlfModel *model, const VlfEncoding *found, GError **error)
{
  if (found->layers == 1 && found->dim == FAKE_DIM &&
      (!found->fingerprint || strcmp (found->fingerprint, vlf_model_fingerprint (model)) == 0))
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "expected [1, 1, %d] of 0123, found [%u, 1, %u] of %s", FAKE_DIM,
               found->layers, found->dim, found->fingerprint ? found->fingerprint : "nobody");
  return FALSE;
}

gboolean
vlf_model_check_embeddings (const VlfModel *model, const VlfEmbeddings *embeddings, GError **error)
{
  const VlfEncoding found = { .fingerprint = embeddings->model, .layers = embeddings->layers, .dim = embeddings->dim };

  return vlf_model_check_encoding (model, &found, error);
}

VlfEmbeddings *
vlf_model_encode_texts (VlfModel *model, const char *const *prompts, guint n, gboolean marked, GError **error)
{
  const float values[FAKE_DIM] = { 1, 2, 3 };
  VlfEmbedding text = { .text = prompts[0], .tokens = 1, .values = values, .truncated = is_too_long (prompts[0]) };

  g_assert_cmpuint (n, ==, 1);
  take (&fake.text_ms);
  if (marked && fails (&fake.mark_error, "marks", error))
    return NULL;
  if (fails (&fake.text_error, "text", error))
    return NULL;
  return vlf_embeddings_copy (vlf_model_fingerprint (model), &text, 1, 1, FAKE_DIM, error);
}

VlfText *
vlf_text_new_encoded (VlfModel *model, const VlfEmbedding *embedding, GError **error)
{
  VlfText *text = vlf_text_new (model, embedding->text, error);

  if (text)
    text->encoded = embedding->values[0];
  return text;
}

VlfText *
vlf_text_new_ensemble (VlfModel *model, const char *prompt, const char *const *templates, guint n_templates,
                       GError **error)
{
  VlfText *text = NULL;

  if (!strstr (templates[n_templates - 1], "{}"))
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "template: expected {}, found %s", templates[n_templates - 1]);
  else
    text = vlf_text_new (model, prompt, error);
  if (text)
    text->encoded = (float) n_templates;
  return text;
}

VlfText *
vlf_text_ref (VlfText *text)
{
  g_atomic_int_inc (&text->refs);
  return text;
}

void
vlf_text_unref (VlfText *text)
{
  if (!text || !g_atomic_int_dec_and_test (&text->refs))
    return;
  g_atomic_int_add (&fake.texts_alive, -1);
  g_free (text->prompt);
  g_free (text);
}

const char *
vlf_text_prompt (const VlfText *text)
{
  return text->prompt;
}

gboolean
vlf_text_truncated (const VlfText *text)
{
  return text->truncated;
}

VlfSession *
vlf_session_new (VlfModel *model, GError **error)
{
  VlfSession *session = g_new0 (VlfSession, 1);

  (void) error;
  session->model = vlf_model_ref (model);
  g_atomic_int_inc (&fake.sessions_alive);
  return session;
}

void
vlf_session_free (VlfSession *session)
{
  if (!session)
    return;
  vlf_model_unref (session->model);
  g_atomic_int_add (&fake.sessions_alive, -1);
  g_free (session);
}

static void
add_pixel (const VlfImage *image, guint x, guint y, double sum[3])
{
  double c[4] = { 0, 0, 0, 1 };

  for (guint i = 0; i < 3; i++) {
    gsize at = image->components[i].offset + (y >> image->components[i].y_shift) * image->components[i].stride +
               (gsize) (x >> image->components[i].x_shift) * image->components[i].pixel_stride;

    g_assert_cmpuint (at, <, image->planes[image->components[i].plane].size);
    c[i] = image->planes[image->components[i].plane].data[at];
  }
  for (guint i = 0; i < 3; i++) {
    double value = 0;

    for (guint j = 0; j < 4; j++)
      value += image->matrix[i][j] * c[j];
    sum[i] += CLAMP (round (value), 0, 255);
  }
}

static float *
look (const VlfImage *image, gint run)
{
  float *seen = g_new0 (float, 4);
  double sum[3] = { 0 };

  for (guint y = 0; y < image->height; y++)
    for (guint x = 0; x < image->width; x++)
      add_pixel (image, x, y, sum);
  for (guint i = 0; i < 3; i++)
    seen[i] = (float) (sum[i] / ((double) image->width * image->height));
  seen[3] = (float) run;
  return seen;
}

static float *
flat_map (void)
{
  float *map = g_new (float, FAKE_GRID *FAKE_GRID);

  for (guint i = 0; i < FAKE_GRID * FAKE_GRID; i++)
    map[i] = 1.0f / (FAKE_GRID * FAKE_GRID);
  return map;
}

static void
answer (VlfPromptResult *to, const VlfImage *image, const char *prompt, float encoded)
{
  gint match = g_atomic_int_get (&fake.match);

  to->text = g_strdup (prompt);
  to->match = match ? match / 1000.0 : fake_match (prompt);
  to->score = 2 * to->match;
  to->peak_x = (image->frame_width ? image->frame_width : image->width) / 2.0;
  to->peak_y = (image->frame_height ? image->frame_height : image->height) / 2.0;
  to->map = flat_map ();
  to->n_words = 1;
  to->words = g_new0 (VlfWordResult, 1);
  to->words[0].text = g_strdup (prompt);
  to->words[0].weight = 1;
  to->words[0].map = flat_map ();
  to->embedding_size = 2;
  to->embedding = g_new0 (float, 2);
  to->embedding[0] = encoded;
  to->embedding[1] = 1;
  to->embedding_kind = "cross_embeds";
}

static VlfResult *
make_result (const VlfImage *image, VlfText *const *texts, guint n_texts, gint run)
{
  VlfResult *result = vlf_result_new ();

  result->frame_width = image->frame_width ? image->frame_width : image->width;
  result->frame_height = image->frame_height ? image->frame_height : image->height;
  result->region[2] = result->frame_width;
  result->region[3] = result->frame_height;
  result->rows = result->cols = FAKE_GRID;
  result->n_prompts = n_texts;
  result->prompts = g_new0 (VlfPromptResult, n_texts);
  for (guint i = 0; i < n_texts; i++)
    answer (&result->prompts[i], image, texts[i]->prompt, texts[i]->encoded);
  result->image_embedding_size = 4;
  result->image_embedding = look (image, run);
  result->model = g_strdup ("fake");
  result->fingerprint = g_strdup ("0123");
  result->milliseconds = 1;
  result->device_milliseconds = FAKE_DEVICE_MS;
  return result;
}

/* The first lines, those reranked with maps and a match. */
static void
retrieve (VlfResult *result, const VlfImage *image, const VlfRunOptions *options)
{
  gchar **lines = fake_bank_lines (options->bank);
  const guint n = MIN (options->bank_results, g_strv_length (lines));

  result->prompts = g_renew (VlfPromptResult, result->prompts, result->n_prompts + n);
  for (guint i = 0; i < n; i++) {
    VlfPromptResult *hit = &result->prompts[result->n_prompts++];

    *hit = (VlfPromptResult){ .match = NAN, .score = 0.5 - 0.1 * i, .peak_x = NAN, .peak_y = NAN };
    if (i < options->rerank)
      answer (hit, image, lines[i], 0);
    else
      hit->text = g_strdup (lines[i]);
    hit->retrieved = TRUE;
    hit->bank_index = i;
    hit->similarity = 0.5 - 0.1 * i;
  }
}

/* A negative whose match is the highest is what the frame shows; matches have to reach the threshold too. */
static void
judge (VlfResult *result, const VlfRunOptions *options)
{
  double best = options->judge ? options->unknown_threshold : -1;

  result->judged = options->judge || options->n_negatives > 0;
  result->best = -1;
  for (guint i = 0; i < options->n_negatives; i++)
    best = MAX (best, fake_match (options->negatives[i]->prompt));
  for (guint i = 0; i < result->n_prompts; i++)
    if (result->prompts[i].match > best) {
      best = result->prompts[i].match;
      result->best = (gint) i;
    }
}

gboolean
vlf_session_run (VlfSession *session, const VlfImage *frames, guint n_frames, VlfText *const *texts, guint n_texts,
                 const VlfRunOptions *options, VlfResult **results, GError **error)
{
  gint run = g_atomic_int_add (&fake.runs, 1) + 1;

  g_assert_true (g_atomic_int_compare_and_exchange (&session->busy, 0, 1)); /* one thread at a time */
  g_atomic_int_inc (&fake.running);
  take (&fake.run_ms);
  g_usleep (g_ascii_strtoull (g_getenv ("VLF_FAKE_RUN_MS") ? g_getenv ("VLF_FAKE_RUN_MS") : "0", NULL, 10) * 1000);
  g_atomic_int_add (&fake.running, -1);
  g_atomic_int_set (&fake.width, (gint) frames[0].width);
  g_atomic_int_set (&fake.height, (gint) frames[0].height);
  g_atomic_int_set (&fake.aspect, (gint) (1000 * frames[0].pixel_aspect + 0.5));
  g_atomic_int_set (&fake.relevance, options ? (gint) options->relevance : 0);
  g_atomic_int_set (&fake.top_k, options ? (gint) options->attention_top_k : 0);
  for (guint i = 0; options && i < options->n_layers; i++)
    if (options->layers[i] < -4 || options->layers[i] > 3)
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "attention-layers: expected -4..3, found %d", options->layers[i]);
  for (guint i = 0; i < n_texts && (!error || !*error); i++)
    if (texts[i]->model != session->model->number)
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "prompt \"%s\" was encoded by another model", texts[i]->prompt);
  if ((!error || !*error) && !fails (&fake.run_error, "run", error))
    for (guint i = 0; i < n_frames; i++) {
      results[i] = make_result (&frames[i], texts, n_texts, run);
      if (options)
        judge (results[i], options);
      if (options && options->bank)
        retrieve (results[i], &frames[i], options);
      results[i]->reused = options && !options->cut ? options->reuse * FAKE_REUSED : 0;
    }
  g_atomic_int_set (&session->busy, 0);
  return !error || !*error;
}

gboolean
vlf_session_is_left (const VlfSession *session)
{
  (void) session;
  return g_atomic_int_get (&fake.left);
}

gboolean
vlf_session_run_tensors (VlfSession *session, const VlfTensorInput *input, VlfTensorSink sink, gpointer user,
                         GError **error)
{
  (void) session;
  (void) input;
  (void) sink;
  (void) user;
  g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED, "a fake session has no tensors");
  return FALSE;
}
