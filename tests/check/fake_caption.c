/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* models/caption.h for the fake session. */
#include "models/caption.h"
#include <math.h>
#include <string.h>
#include "tests/check/fake_session.h"

gboolean
vlf_model_captions (const VlfModel *model)
{
  (void) model;
  return g_atomic_int_get (&fake.answers) != 1;
}

gboolean
vlf_model_answers (const VlfModel *model)
{
  (void) model;
  return g_atomic_int_get (&fake.answers) != 0;
}

gboolean
vlf_model_check_question (const VlfModel *model, const char *question, GError **error)
{
  (void) model;
  if (strcmp (question, FAKE_UNREADABLE) != 0)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "question: expected words, found %s", question);
  return FALSE;
}

static gboolean
take_steps (const VlfCaptionOptions *options, GError **error)
{
  for (gint i = 0; i < g_atomic_int_get (&fake.steps); i++) {
    if (!options->keep_going (options->user)) {
      g_atomic_int_inc (&fake.stopped);
      g_set_error (error, VLF_ERROR, VLF_ERROR_CANCELLED, "stopped");
      return FALSE;
    }
    g_usleep ((gulong) g_atomic_int_get (&fake.step_ms) * 1000);
  }
  return TRUE;
}

static VlfCaption *
say (const VlfImage *frame, const char *begin, const char *question, gboolean maps)
{
  VlfCaption *caption = g_new0 (VlfCaption, 1);
  g_auto (GStrv) words = NULL;

  caption->question = g_strdup (question);
  caption->text = g_strdup_printf ("%s %d", begin, g_atomic_int_get (&fake.saying));
  caption->frame_width = frame->width;
  caption->frame_height = frame->height;
  caption->region[2] = frame->width;
  caption->region[3] = frame->height;
  caption->rows = caption->cols = FAKE_GRID;
  words = g_strsplit (caption->text, " ", -1);
  caption->n_words = g_strv_length (words);
  caption->words = g_new0 (VlfWordResult, caption->n_words);
  for (guint i = 0; i < caption->n_words; i++) {
    caption->words[i].text = g_strdup (words[i]);
    caption->words[i].weight = 0.5f;
    if (maps)
      caption->words[i].map = g_new0 (float, FAKE_GRID *FAKE_GRID);
  }
  return caption;
}

gboolean
vlf_session_caption (VlfSession *session, const VlfImage *frame, const char *const *questions, guint n_questions,
                     const VlfCaptionOptions *options, VlfCaption **captions, GError **error)
{
  gboolean ok = TRUE;

  (void) session;
  g_atomic_int_inc (&fake.runs);
  g_atomic_int_inc (&fake.running);
  g_usleep ((gulong) g_atomic_int_get (&fake.run_ms) * 1000);
  if (options->beams > 32) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "beams: expected at most 32, found %u", options->beams);
    ok = FALSE;
  }
  if (ok && n_questions == 0 && g_strcmp0 (options->prefix, FAKE_UNREADABLE) == 0) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "prefix: expected words, found %s", options->prefix);
    ok = FALSE;
  }
  for (guint i = 0; ok && i < n_questions; i++)
    ok = vlf_model_check_question (NULL, questions[i], error);
  ok = ok && take_steps (options, error);
  for (guint i = 0; ok && i < MAX (n_questions, 1); i++) {
    const char *prefix = options->prefix && *options->prefix ? options->prefix : "saying";

    captions[i] =
        say (frame, n_questions ? questions[i] : prefix, n_questions ? questions[i] : NULL, !options->no_maps);
  }
  g_atomic_int_add (&fake.captions, ok);
  g_atomic_int_add (&fake.running, -1);
  return ok;
}

VlfResult *
vlf_result_of_captions (const VlfModel *model, VlfCaption **captions, guint n)
{
  VlfResult *result = vlf_result_new ();

  result->model = g_strdup (vlf_model_name (model));
  result->fingerprint = g_strdup (vlf_model_fingerprint (model));
  result->frame_width = captions[0]->frame_width;
  result->frame_height = captions[0]->frame_height;
  result->rows = captions[0]->rows;
  result->cols = captions[0]->cols;
  for (guint i = 0; i < 4; i++)
    result->region[i] = captions[0]->region[i];
  result->n_prompts = n;
  result->prompts = g_new0 (VlfPromptResult, n);
  for (guint i = 0; i < n; i++) {
    result->prompts[i] = (VlfPromptResult){ .text = captions[i]->question ? captions[i]->question : g_strdup (""),
                                            .caption = captions[i]->text,
                                            .match = NAN,
                                            .score = NAN,
                                            .peak_x = NAN,
                                            .peak_y = NAN,
                                            .n_words = captions[i]->n_words,
                                            .words = captions[i]->words };
    g_free (captions[i]);
  }
  return result;
}
