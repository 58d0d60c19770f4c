/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlcaptionjob.h"
#include "models/caption.h"

GstVlManner *
gst_vl_manner_new (void)
{
  return g_atomic_rc_box_new0 (GstVlManner);
}

GstVlManner *
gst_vl_manner_copy (const GstVlManner *manner)
{
  GstVlManner *copy = gst_vl_manner_new ();

  *copy = *manner;
  copy->prompt = g_strdup (manner->prompt);
  return copy;
}

GstVlManner *
gst_vl_manner_ref (GstVlManner *manner)
{
  return manner ? g_atomic_rc_box_acquire (manner) : NULL;
}

static void
manner_clear (gpointer data)
{
  g_free (((GstVlManner *) data)->prompt);
}

void
gst_vl_manner_unref (GstVlManner *manner)
{
  if (manner)
    g_atomic_rc_box_release_full (manner, manner_clear);
}

void
gst_vl_manner_replace (GstVlManner **field, GstVlManner *manner)
{
  GstVlManner *old = *field;

  *field = gst_vl_manner_ref (manner);
  gst_vl_manner_unref (old);
}

static gboolean
keep_going (gpointer job)
{
  return !gst_vl_task_is_cancelled (job);
}

static gboolean
generate (GstVlCaptionJob *job, VlfModel *model, VlfSession *session, GError **error)
{
  const GstVlManner *manner = job->manner;
  const guint n = g_strv_length (job->questions), n_texts = MAX (n, 1);
  g_autofree VlfCaption **captions = g_new0 (VlfCaption *, n_texts);
  VlfCaptionOptions options = { .prefix = n ? NULL : manner->prompt,
                                .beams = manner->beams,
                                .min_length = manner->min_length,
                                .max_length = manner->max_length,
                                .repetition_penalty = manner->penalty,
                                .fit = job->job.fit,
                                .no_maps = !manner->maps,
                                .keep_going = keep_going,
                                .user = job };

  if (!vlf_session_caption (session, &job->job.frame.image, (const char *const *) job->questions, n, &options, captions,
                            error))
    return FALSE;
  job->job.result = vlf_result_of_captions (model, captions, n_texts);
  return TRUE;
}

static gboolean
is_range (const GError *error)
{
  return g_error_matches (error, VLF_ERROR, VLF_ERROR_RANGE);
}

/* In the manner that is wanted, or else in the one that was possible before. */
static gboolean
generate_somehow (GstVlCaptionJob *job, VlfModel *model, VlfSession *session, GError **error)
{
  GstVlManner *wanted = job->manner;
  GError *why = NULL;

  if (generate (job, model, session, &why))
    return TRUE;
  job->manner = job->fallback;
  if (job->fallback && is_range (why) && generate (job, model, session, NULL)) {
    g_clear_error (&job->refused);
    job->refused = why;
    job->rejected = wanted;
    gst_vl_manner_ref (job->manner);
    return TRUE;
  }
  job->manner = wanted;
  g_propagate_error (error, why);
  return FALSE;
}

/* Keeps those questions that the model can read, of a captioner none, and says why not all. */
static void
drop_questions (GstVlCaptionJob *job, VlfModel *model)
{
  guint kept = 0;

  for (gchar **question = job->questions; *question; question++) {
    g_autoptr (GError) why = NULL;

    if (!vlf_model_answers (model))
      g_set_error (&why, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
                   "question: model \"%s\" captions and does not answer; questions need one of class "
                   "BlipForQuestionAnswering",
                   vlf_model_name (model));
    if (!why && vlf_model_check_question (model, *question, &why)) {
      job->questions[kept++] = *question;
      continue;
    }
    g_clear_pointer (question, g_free);
    if (!job->refused)
      job->refused = g_steal_pointer (&why);
  }
  job->questions[kept] = NULL;
}

/* A question of a stream, which nobody has refused before it is asked, ends nothing. */
static gboolean
infer (GstVlJob *base, VlfModel *model, VlfSession *session, GError **error)
{
  GstVlCaptionJob *job = (GstVlCaptionJob *) base;

  drop_questions (job, model);
  if (*job->questions || vlf_model_captions (model))
    return generate_somehow (job, model, session, error);
  /* Nothing is asked: a result without texts. */
  return vlf_session_run (session, &base->frame.image, 1, NULL, 0, NULL, &base->result, error);
}

static void
clear (GstVlJob *base)
{
  GstVlCaptionJob *job = (GstVlCaptionJob *) base;

  g_strfreev (job->questions);
  gst_vl_manner_unref (job->manner);
  gst_vl_manner_unref (job->fallback);
  gst_vl_manner_unref (job->rejected);
  g_clear_error (&job->refused);
}

GstVlCaptionJob *
gst_vl_caption_job_new (gchar **questions, GstVlManner *manner, GstVlManner *fallback)
{
  GstVlCaptionJob *job = gst_vl_job_new (sizeof *job, infer, clear);

  job->questions = g_strdupv (questions);
  job->manner = gst_vl_manner_ref (manner);
  job->fallback = gst_vl_manner_ref (fallback);
  return job;
}
