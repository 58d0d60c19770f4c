/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stream on a model: frames and texts in, results out. */
#include "models/session.h"
#include <math.h>
#include <string.h>
#include "models/generate.h"
#include "models/session_private.h"

/* A list of the caller or the model as places in 0..size-1; negative counts from the end. NULL: all. */
static gboolean *
choose (const char *what, const gint *list, guint n, guint size, guint *n_chosen, GError **error)
{
  gboolean *chosen = g_new0 (gboolean, size);

  for (guint i = 0; i < size && !list; i++)
    chosen[i] = TRUE;
  for (guint i = 0; i < n && list; i++) {
    gint64 place = list[i] < 0 ? (gint64) list[i] + size : list[i];
    if (place < 0 || place >= size) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: expected %d to %d, found %d", what, -(gint) size,
                   (gint) size - 1, list[i]);
      g_free (chosen);
      return NULL;
    }
    chosen[place] = TRUE;
  }
  *n_chosen = 0;
  for (guint i = 0; i < size; i++)
    *n_chosen += chosen[i];
  return chosen;
}

static gboolean
choose_maps (VlfRun *run, const VlfRunOptions *options, GError **error)
{
  const VlfModel *model = run->session->model;
  const VlfNet *net = run->net;
  gboolean own_layers = options && options->layers, own_heads = options && options->heads;
  g_autofree gboolean *layers =
      choose ("attention layer", own_layers ? options->layers : model->layers,
              own_layers ? options->n_layers : model->n_layers, net->layers, &run->n_layers, error);

  if (!layers)
    return FALSE;
  run->layers = g_new0 (guint, net->layers);
  for (guint i = 0, n = 0; i < net->layers; i++)
    if (layers[i])
      run->layers[n++] = i;
  run->heads = choose ("attention head", own_heads ? options->heads : model->heads,
                       own_heads ? options->n_heads : model->n_heads, net->heads, &run->n_heads, error);
  run->maps = !(options && options->no_maps) && run->n_layers && run->n_heads;
  return run->heads != NULL;
}

/* Host memory for @x, filled when the pass has ended. */
static float *
read_back (VlfPass *pass, VlfTensor x)
{
  float *to;

  if (!x.buffer)
    return NULL;
  to = g_try_new (float, MAX ((gsize) x.batch * x.rows * x.cols, 1));
  if (!to)
    vlf_pass_fail (pass, g_error_new (VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for [%u, %u, %u] results", x.batch,
                                      x.rows, x.cols));
  else
    vlf_output (pass, x, to);
  return to;
}

static void
read_fusion (VlfRun *run, VlfPass *pass, const VlfFusion *fusion, const VlfMaps *maps, VlfReading *r)
{
  VlfTensor embedding = fusion->embedding.buffer ? fusion->embedding : fusion->pooled;

  r->match = read_back (pass, fusion->match);
  r->embedding = read_back (pass, embedding);
  r->embedding_size = embedding.cols;
  r->embedding_kind = fusion->embedding.buffer ? "cross_embeds"
                      : run->net->two_towers   ? "text_embeds"
                                               : "pooler_output";
  if (!run->maps || run->net->two_towers)
    return;
  r->relevance = read_back (pass, maps->relevance);
  r->text = run->rollout ? NULL : g_new0 (float *, run->n_layers);
  r->image = g_new0 (float *, run->n_layers);
  for (guint i = 0; i < run->n_layers; i++) {
    if (r->text)
      r->text[i] = read_back (pass, maps->text[run->layers[i]]);
    r->image[i] = read_back (pass, vlf_rows (maps->image[run->layers[i]], 0, 1));
  }
}

static void
fuse_texts (VlfRun *run, VlfPass *pass, const VlfSight *sight, const VlfTextBatch *texts, VlfReading *reading)
{
  VlfMaps maps = { .top_k = run->top_k, .rollout = run->rollout };
  VlfFusion fusion;

  for (guint i = 0; i < run->n_layers && run->maps; i++)
    maps.wanted[run->layers[i]] = TRUE;
  for (guint i = 0; i < run->net->layers && run->rollout; i++)
    maps.wanted[i] = TRUE;
  reading->tokens = texts->key_bias.cols;
  fusion = run->net->arch->fuse (run->net, pass, sight, texts, &maps);
  read_fusion (run, pass, &fusion, &maps, reading);
}

static VlfReading *
next_reading (VlfRun *run, guint frame, guint first, VlfText *const *texts, guint n)
{
  VlfReading *reading = &run->readings[run->n_readings++];

  reading->frame = frame;
  reading->first = first;
  reading->texts = texts;
  reading->n = n;
  return reading;
}

/* What @group keeps for the next frame and has of the last one; NULL: nothing. */
static VlfKeep *
begin_keep (const VlfRun *run, VlfTextGroup *group)
{
  guint n;
  const guint32 *rows = vlf_reuse_rows (run->session->reuse, &n);

  if (run->reuse != VLF_REUSE_APPROXIMATE)
    return NULL;
  vlf_keep_begin (group->keep, group->filled ? rows : NULL, n);
  group->filled = TRUE;
  return group->keep;
}

/* What all frames are asked. */
static void
fuse_groups (VlfRun *run, VlfPass *pass, guint frame, const VlfSight *sight)
{
  const VlfSession *session = run->session;

  for (guint g = 0; g < session->groups->len; g++) {
    VlfTextGroup *group = g_ptr_array_index (session->groups, g);
    VlfText *const *texts = (VlfText *const *) session->texts->pdata + g * VLF_GROUP;
    VlfTextBatch batch = group->batch;
    guint scope = vlf_pass_open (pass);

    batch.keep = begin_keep (run, group);
    fuse_texts (run, pass, sight, &batch, next_reading (run, frame, g * VLF_GROUP, texts, group->n));
    vlf_pass_close (pass, scope, (VlfTensor){ 0 });
  }
}

/* What this frame is asked, having been found in the bank. */
static void
fuse_found (VlfRun *run, VlfPass *pass, guint frame, const VlfSight *sight)
{
  const VlfRetrieval *r = &run->retrieval;

  for (guint i = 0; i < r->n_rerank && !vlf_pass_failed (pass); i += VLF_GROUP) {
    const guint n = MIN (VLF_GROUP, r->n_rerank - i);
    VlfText *const *texts = r->texts + (gsize) frame * r->n_rerank + i;
    guint scope = vlf_pass_open (pass);
    VlfTextBatch batch = vlf_text_batch_new (pass, texts, n, &run->session->encoder);

    fuse_texts (run, pass, sight, &batch, next_reading (run, frame, run->session->texts->len + i, texts, n));
    vlf_pass_close (pass, scope, (VlfTensor){ 0 });
  }
}

static VlfSight
see (VlfRun *run, VlfPass *pass, VlfTensor patches)
{
  VlfReuse *reuse = run->session->reuse;
  VlfSight sight;

  if (run->reuse == VLF_REUSE_OFF)
    return run->net->arch->see (run->net, pass, patches, NULL);
  sight = vlf_reuse_see (reuse, run->reuse, run->net, pass, patches);
  run->reused = vlf_reuse_share (reuse);
  return sight;
}

/* Takes what was read back of the last frame, with the same texts, where that is all that is asked of the same picture now. */
static gboolean
answer_again (VlfRun *run)
{
  VlfRun *last = &run->session->last;

  if (run->reuse == VLF_REUSE_OFF || !vlf_reuse_unchanged (run->session->reuse) || !last->net || run->retrieval.bank ||
      last->maps != run->maps || last->n_layers != run->n_layers ||
      memcmp (last->layers, run->layers, run->n_layers * sizeof *run->layers) ||
      memcmp (last->heads, run->heads, run->net->heads * sizeof *run->heads))
    return FALSE;
  run->readings = g_steal_pointer (&last->readings);
  run->n_readings = last->n_readings;
  run->image_embeddings = g_steal_pointer (&last->image_embeddings);
  run->image_embedding_size = last->image_embedding_size;
  run->patches = g_steal_pointer (&last->patches);
  last->n_readings = 0;
  vlf_run_clear (last);
  return TRUE;
}

static void
enqueue (VlfRun *run, VlfPass *pass, const VlfImage *frames, const VlfImagePlan *plans, guint n_frames)
{
  const VlfNet *net = run->net;
  const guint groups = run->session->groups->len + (run->retrieval.n_rerank + VLF_GROUP - 1) / VLF_GROUP;
  VlfTensor patches = vlf_patches (pass, frames, plans, n_frames);
  VlfSight sight;

  vlf_session_enqueue_texts (run->session, pass); /* beside the vision tower, where the device has room */
  sight = see (run, pass, patches);
  if (answer_again (run))
    return;
  run->image_embeddings = read_back (pass, sight.embedding);
  run->image_embedding_size = sight.embedding.cols;
  if (net->two_towers && run->maps)
    run->patches = read_back (pass, sight.taps[0]);
  if (run->retrieval.bank)
    vlf_retrieval_look (&run->retrieval, pass, sight.embedding);
  run->readings = g_new0 (VlfReading, MAX ((gsize) n_frames * groups, 1));
  for (guint frame = 0; frame < n_frames; frame++) {
    VlfSight one = vlf_sight_nth (net, &sight, frame);

    fuse_groups (run, pass, frame, &one);
    fuse_found (run, pass, frame, &one);
  }
}

/* After choose_maps(). */
static gboolean
choose_mechanisms (VlfRun *run, const VlfRunOptions *options, GError **error)
{
  const gboolean rollout = options->relevance == VLF_RELEVANCE_ROLLOUT;

  run->top_k = options->attention_top_k;
  run->rollout = rollout && run->maps;
  if (rollout && run->reuse == VLF_REUSE_APPROXIMATE)
    run->reuse = VLF_REUSE_EXACT;
  if (!run->net->two_towers || (!rollout && run->top_k == 0))
    return TRUE;
  g_set_error (
      error, VLF_ERROR, VLF_ERROR_UNSUPPORTED, "%s: model \"%s\" has no cross-attention; expected another model or %s",
      rollout ? "relevance" : "attention-top-k", run->session->model->name, rollout ? "attention, found rollout" : "0");
  return FALSE;
}

/* By the shape that it is shown in. */
static VlfImagePlan
plan_shape (const VlfModel *model, double width, double height, double aspect, VlfFit fit)
{
  double stretch = aspect > 0 ? CLAMP (aspect, 1.0 / 16, 16.0) : 1.0;

  if (stretch > 1)
    width *= stretch;
  else
    height /= stretch;
  return vlf_image_plan (&model->processor, MAX ((guint) (width + 0.5), 1), MAX ((guint) (height + 0.5), 1), fit);
}

VlfImagePlan
vlf_model_plan_frame (const VlfModel *model, const VlfImage *image, VlfFit fit)
{
  return plan_shape (model, image->frame_width ? image->frame_width : image->width,
                     image->frame_height ? image->frame_height : image->height, image->pixel_aspect, fit);
}

void
vlf_model_resized_size (const VlfModel *model, guint width, guint height, double pixel_aspect, VlfFit fit,
                        guint *resized_width, guint *resized_height)
{
  VlfImagePlan plan = plan_shape (model, width, height, pixel_aspect, fit);

  *resized_width = plan.resized_width;
  *resized_height = plan.resized_height;
}

/* The session's texts: those asked, then the negatives. */
static gboolean
choose_texts (VlfRun *run, VlfText *const *texts, guint n, const VlfRunOptions *options, GError **error)
{
  const VlfModel *model = run->session->model;
  g_autofree VlfText **all = NULL;

  run->n_texts = n;
  run->n_negatives = options ? options->n_negatives : 0;
  run->unknown_threshold = options && options->judge ? options->unknown_threshold : NAN;
  if (!run->net->two_towers && (run->n_negatives > 0 || !isnan (run->unknown_threshold))) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
                 "negative prompts and unknown-threshold: model \"%s\" judges every prompt by itself; expected a CLIP "
                 "model",
                 model->name);
    return FALSE;
  }
  all = g_new (VlfText *, MAX ((gsize) n + run->n_negatives, 1));
  for (guint i = 0; i < n; i++)
    all[i] = texts[i];
  for (guint i = 0; i < run->n_negatives; i++)
    all[n + i] = options->negatives[i];
  return vlf_session_set_texts (run->session, all, n + run->n_negatives, error);
}

/* Numbers that are none would come back for as long as the next frames are alike. */
static gboolean
is_valid (const VlfResult *result)
{
  for (guint i = 0; i < result->n_prompts; i++)
    if (result->prompts[i].invalid)
      return FALSE;
  return TRUE;
}

/* With reuse what was read back is kept for the next frame, unless a bank was searched. @result: NULL if the run failed. */
static void
finish (VlfRun *run, const VlfResult *result)
{
  VlfSession *session = run->session;
  const gboolean keep = result && run->reuse != VLF_REUSE_OFF && is_valid (result);

  if (keep)
    vlf_reuse_attend (session->reuse, result);
  else
    vlf_reuse_flush (session->reuse);
  vlf_run_clear (&session->last);
  if (keep && !run->retrieval.bank)
    session->last = *run;
  else
    vlf_run_clear (run);
}

/* Frames that are enqueued together and waited for once. */
static gboolean
run_together (VlfSession *session, const VlfImage *frames, guint n_frames, VlfText *const *texts, guint n_texts,
              const VlfRunOptions *options, VlfResult **results, GError **error)
{
  const VlfModel *model = session->model;
  g_autofree VlfImagePlan *plans = g_new (VlfImagePlan, n_frames);
  VlfRun run = { .session = session, .net = model->net, .reuse = options->reuse };
  gint64 start = g_get_monotonic_time ();
  gboolean ok = choose_texts (&run, texts, n_texts, options, error) && choose_maps (&run, options, error) &&
                choose_mechanisms (&run, options, error) &&
                vlf_retrieval_open (&run.retrieval, model, options, n_frames, error);
  double milliseconds;

  if (ok) {
    VlfPass *pass;

    for (guint i = 0; i < n_frames; i++)
      plans[i] = vlf_model_plan_frame (model, &frames[i], options->fit);
    pass = vlf_pass_begin (session->queue);
    enqueue (&run, pass, frames, plans, n_frames);
    ok = vlf_pass_end (pass, error);
    vlf_session_texts_done (session, ok);
  }
  milliseconds = (g_get_monotonic_time () - start) / 1000.0 / n_frames;
  for (guint i = 0; i < n_frames && ok; i++) {
    results[i] = vlf_run_result (&run, i, &frames[i], &plans[i], milliseconds);
    results[i]->device_milliseconds = vlf_queue_device_ms (session->queue) / n_frames;
  }
  finish (&run, ok ? results[0] : NULL);
  return ok;
}

gboolean
vlf_session_run (VlfSession *session, const VlfImage *frames, guint n_frames, VlfText *const *texts, guint n_texts,
                 const VlfRunOptions *options, VlfResult **results, GError **error)
{
  const VlfRunOptions all = options ? *options : (VlfRunOptions){ 0 };
  const guint together = all.reuse == VLF_REUSE_OFF ? n_frames : 1;
  g_autoptr (GPtrArray) made = g_ptr_array_new_with_free_func ((GDestroyNotify) vlf_result_unref);

  if (n_frames == 0)
    return TRUE;
  if (all.cut || all.attention_top_k != session->top_k || all.relevance != session->relevance)
    vlf_reuse_flush (session->reuse);
  session->top_k = all.attention_top_k;
  session->relevance = all.relevance;
  g_ptr_array_set_size (made, (gint) n_frames);
  for (guint i = 0; i < n_frames; i += together)
    if (!run_together (session, frames + i, together, texts, n_texts, &all, (VlfResult **) made->pdata + i, error))
      return FALSE;
  for (guint i = 0; i < n_frames; i++)
    results[i] = g_steal_pointer (&made->pdata[i]);
  return TRUE;
}

gboolean
vlf_session_is_left (const VlfSession *session)
{
  return vlf_queue_is_left (session->queue);
}

double
vlf_session_operations (const VlfSession *session)
{
  return vlf_queue_operations (session->queue);
}

VlfSession *
vlf_session_new (VlfModel *model, GError **error)
{
  VlfQueue *queue = vlf_queue_new (model->device, error);
  VlfSession *session;

  if (!queue)
    return NULL;
  session = g_new0 (VlfSession, 1);
  session->model = vlf_model_ref (model);
  session->queue = queue;
  session->texts = g_ptr_array_new_with_free_func ((GDestroyNotify) vlf_text_unref);
  session->groups = g_ptr_array_new_with_free_func (vlf_text_group_free);
  session->memories = g_ptr_array_new_with_free_func ((GDestroyNotify) vlf_constant_free);
  session->reuse = vlf_reuse_new (model->device);
  return session;
}

VlfModel *
vlf_session_model (VlfSession *session)
{
  return session->model;
}

VlfQueue *
vlf_session_queue (VlfSession *session)
{
  return session->queue;
}

VlfTensor
vlf_session_memory (VlfSession *session, guint which, guint batch, guint rows, guint cols, GError **error)
{
  VlfConstant **memory;

  while (session->memories->len <= which)
    g_ptr_array_add (session->memories, NULL);
  memory = (VlfConstant **) &session->memories->pdata[which];
  if (*memory && ((*memory)->tensor.batch != batch || (*memory)->tensor.cols != cols || (*memory)->tensor.rows < rows))
    g_clear_pointer (memory, vlf_constant_free);
  if (!*memory)
    *memory = vlf_memory_new (session->model->device, batch, rows, cols, error);
  return *memory ? vlf_rows ((*memory)->tensor, 0, rows) : (VlfTensor){ 0 };
}

void
vlf_session_free (VlfSession *session)
{
  if (!session)
    return;
  vlf_queue_free (session->queue);
  vlf_run_clear (&session->last);
  vlf_reuse_free (session->reuse);
  g_ptr_array_unref (session->memories);
  g_ptr_array_unref (session->groups);
  g_ptr_array_unref (session->texts);
  vlf_model_unref (session->model);
  g_free (session);
}
