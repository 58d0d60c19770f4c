/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stream on a model: frames and texts in, results out. */
#include "models/session.h"
#include <math.h>
#include <string.h>
#include "models/explain.h"
#include "models/generate.h"

/* Prompts that run through the fusion together. More would only cost memory: the products are large by then. */
#define GROUP 16u

/* Texts of one group on the device, padded to the longest, with all that depends on them alone; kept while the same texts are asked. */
typedef struct {
  guint n, tokens;
  VlfConstant *taps[VLF_MAX_FUSION_LAYERS]; /* [net->taps] of [n, tokens, dim] */
  VlfConstant *key_bias, *image_bias;       /* [n, 1, tokens] */
  VlfConstant *state, *keys_values;         /* of the entry; the second may be NULL */
} TextGroup;

struct _VlfSession {
  VlfModel *model;
  VlfQueue *queue;
  GPtrArray *texts;    /* VlfText, what @groups were made of */
  GPtrArray *groups;   /* TextGroup */
  GPtrArray *memories; /* VlfConstant, see vlf_session_memory() */
};

/* ---- texts on the device ---- */

static void
group_free (gpointer data)
{
  TextGroup *group = data;

  for (guint i = 0; i < VLF_MAX_FUSION_LAYERS; i++)
    vlf_constant_free (group->taps[i]);
  vlf_constant_free (group->key_bias);
  vlf_constant_free (group->image_bias);
  vlf_constant_free (group->state);
  vlf_constant_free (group->keys_values);
  g_free (group);
}

static VlfConstant *
group_tap (VlfSession *session, VlfText *const *texts, const TextGroup *group, guint layer, GError **error)
{
  const VlfNet *net = session->model->net;
  gsize row = net->dim, one = group->tokens * row;
  g_autofree float *data = g_try_new0 (float, group->n *one);

  if (!data) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%u prompts of %u tokens do not fit in memory", group->n,
                 group->tokens);
    return NULL;
  }
  for (guint i = 0; i < group->n; i++) {
    gsize length = texts[i]->n_tokens * row;
    memcpy (data + i * one, texts[i]->taps + layer * length, length * sizeof (float));
  }
  return vlf_constant_new_from_data (session->model->device, data, group->n, group->tokens, net->dim, error);
}

/* @marks: with what marks in the prompts ask for. */
static VlfConstant *
group_bias (VlfSession *session, VlfText *const *texts, const TextGroup *group, gboolean marks, GError **error)
{
  g_autofree float *data = g_new (float, (gsize) group->n * group->tokens);

  for (guint i = 0; i < group->n; i++)
    for (guint t = 0; t < group->tokens; t++) {
      gint word = t < texts[i]->n_tokens ? texts[i]->word_of[t] : -1;

      data[i * group->tokens + t] = t >= texts[i]->n_tokens ? VLF_MASKED : 0.0f;
      if (marks && word >= 0)
        data[i * group->tokens + t] = texts[i]->words[word].bias;
    }
  return vlf_constant_new_from_data (session->model->device, data, group->n, 1, group->tokens, error);
}

/* The group as operations take it. */
static VlfTextBatch
group_texts (const VlfNet *net, const TextGroup *group)
{
  VlfTextBatch texts = { .key_bias = group->key_bias->tensor, .image_bias = group->image_bias->tensor };

  for (guint i = 0; i < net->taps; i++)
    texts.taps[i] = group->taps[i]->tensor;
  if (group->state)
    texts.entry.state = group->state->tensor;
  if (group->keys_values)
    texts.entry.keys_values = group->keys_values->tensor;
  return texts;
}

/* Runs what of the fusion depends on the texts alone. */
static gboolean
group_enter (VlfSession *session, TextGroup *group, GError **error)
{
  const VlfModel *model = session->model;
  const gsize rows = (gsize) group->n * group->tokens, dim = model->net->dim;
  g_autofree float *state = g_try_new (float, rows *dim), *keys_values = g_try_new (float, rows * 2 * dim);
  VlfTextBatch texts = group_texts (model->net, group);
  VlfPass *pass;

  if (!state || !keys_values) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%u prompts of %u tokens do not fit in memory", group->n,
                 group->tokens);
    return FALSE;
  }
  pass = vlf_pass_begin (session->queue);
  model->net->arch->enter (model->net, pass, &texts);
  vlf_output (pass, texts.entry.state, state);
  if (texts.entry.keys_values.buffer)
    vlf_output (pass, texts.entry.keys_values, keys_values);
  if (!vlf_pass_end (pass, error))
    return FALSE;
  group->state = vlf_constant_new_from_data (model->device, state, group->n, group->tokens, dim, error);
  if (!group->state || !texts.entry.keys_values.buffer)
    return group->state != NULL;
  group->keys_values = vlf_constant_new_from_data (model->device, keys_values, group->n, group->tokens, 2 * dim, error);
  return group->keys_values != NULL;
}

static TextGroup *
group_new (VlfSession *session, VlfText *const *texts, guint n, GError **error)
{
  TextGroup *group = g_new0 (TextGroup, 1);

  group->n = n;
  for (guint i = 0; i < n; i++)
    group->tokens = MAX (group->tokens, texts[i]->n_tokens);
  for (guint layer = 0; layer < session->model->net->taps; layer++)
    if (!(group->taps[layer] = group_tap (session, texts, group, layer, error)))
      goto fail;
  if (!(group->key_bias = group_bias (session, texts, group, FALSE, error)) ||
      !(group->image_bias = group_bias (session, texts, group, TRUE, error)))
    goto fail;
  if (session->model->net->arch->enter && !group_enter (session, group, error))
    goto fail;
  return group;

fail:
  group_free (group);
  return NULL;
}

static gboolean
same_texts (const VlfSession *session, VlfText *const *texts, guint n)
{
  return session->texts->len == n && (n == 0 || !memcmp (session->texts->pdata, texts, n * sizeof *texts));
}

static gboolean
set_texts (VlfSession *session, VlfText *const *texts, guint n, GError **error)
{
  if (same_texts (session, texts, n))
    return TRUE;
  g_ptr_array_set_size (session->texts, 0);
  g_ptr_array_set_size (session->groups, 0);
  for (guint i = 0; i < n; i++)
    if (texts[i]->model != session->model) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "prompt \"%s\" was encoded by another model", texts[i]->prompt);
      return FALSE;
    }
  for (guint i = 0; i < n; i += GROUP) {
    TextGroup *group = group_new (session, texts + i, MIN (GROUP, n - i), error);
    if (!group) {
      g_ptr_array_set_size (session->groups, 0);
      return FALSE;
    }
    g_ptr_array_add (session->groups, group);
  }
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (session->texts, vlf_text_ref (texts[i]));
  return TRUE;
}

/* ---- one run ---- */

/* What is read back for one frame and one group of prompts. */
typedef struct {
  guint frame, first, n, tokens; /* prompts [first, first + n) */
  float *match;                  /* [n, 2] or NULL */
  float *embedding;              /* [n, size] */
  guint embedding_size;
  const char *embedding_kind;
  float **text, **image; /* see VlfAttentionMaps */
} Reading;

typedef struct {
  VlfSession *session;
  const VlfNet *net;
  guint n_layers;
  guint *layers;   /* chosen */
  gboolean *heads; /* [net->heads] */
  guint n_heads;
  gboolean maps;
  guint n_readings;
  Reading *readings;
  float *image_embeddings; /* [frames, size] or NULL */
  guint image_embedding_size;
  float *patches; /* two towers: [frames, P, size] in the space of the texts, or NULL */
} Run;

static void
run_clear (Run *run)
{
  for (guint i = 0; i < run->n_readings; i++) {
    Reading *r = &run->readings[i];
    for (guint layer = 0; layer < run->n_layers; layer++) {
      g_free (r->text ? r->text[layer] : NULL);
      g_free (r->image ? r->image[layer] : NULL);
    }
    g_free (r->text);
    g_free (r->image);
    g_free (r->match);
    g_free (r->embedding);
  }
  g_free (run->readings);
  g_free (run->layers);
  g_free (run->heads);
  g_free (run->image_embeddings);
  g_free (run->patches);
}

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
choose_maps (Run *run, const VlfRunOptions *options, GError **error)
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
read_fusion (Run *run, VlfPass *pass, const VlfFusion *fusion, const VlfMaps *maps, Reading *r)
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
  r->text = g_new0 (float *, run->n_layers);
  r->image = g_new0 (float *, run->n_layers);
  for (guint i = 0; i < run->n_layers; i++) {
    r->text[i] = read_back (pass, maps->text[run->layers[i]]);
    r->image[i] = read_back (pass, vlf_rows (maps->image[run->layers[i]], 0, 1));
  }
}

static void
fuse_group (Run *run, VlfPass *pass, const VlfSight *sight, const TextGroup *group, Reading *reading)
{
  VlfTextBatch texts = group_texts (run->net, group);
  VlfMaps maps = { 0 };
  guint scope = vlf_pass_open (pass);
  VlfFusion fusion;

  for (guint i = 0; i < run->n_layers && run->maps; i++)
    maps.wanted[run->layers[i]] = TRUE;
  reading->n = group->n;
  reading->tokens = group->tokens;
  fusion = run->net->arch->fuse (run->net, pass, sight, &texts, &maps);
  read_fusion (run, pass, &fusion, &maps, reading);
  vlf_pass_close (pass, scope, (VlfTensor){ 0 });
}

static void
enqueue (Run *run, VlfPass *pass, const VlfImage *frames, const VlfImagePlan *plans, guint n_frames)
{
  const VlfNet *net = run->net;
  GPtrArray *groups = run->session->groups;
  VlfSight sight = net->arch->see (net, pass, vlf_patches (pass, frames, plans, n_frames));

  run->image_embeddings = read_back (pass, sight.embedding);
  run->image_embedding_size = sight.embedding.cols;
  if (run->net->two_towers && run->maps)
    run->patches = read_back (pass, sight.taps[0]);
  run->readings = g_new0 (Reading, MAX ((gsize) n_frames * groups->len, 1));
  for (guint frame = 0; frame < n_frames; frame++) {
    VlfSight one = vlf_sight_nth (net, &sight, frame);
    for (guint g = 0; g < groups->len; g++) {
      Reading *reading = &run->readings[run->n_readings++];
      reading->frame = frame;
      reading->first = g * GROUP;
      fuse_group (run, pass, &one, g_ptr_array_index (groups, g), reading);
    }
  }
}

/* ---- results ---- */

/* ITM logits [other, match]: their difference is the score, its sigmoid the softmax of the second. */
static void
score_prompt (const Run *run, const Reading *r, guint which, VlfPromptResult *prompt)
{
  prompt->match = prompt->score = NAN;
  if (run->net->two_towers)
    prompt->score = vlf_explain_cosine (run->image_embeddings + (gsize) r->frame * run->image_embedding_size,
                                        r->embedding + (gsize) which * r->embedding_size, r->embedding_size);
  if (!r->match)
    return;
  prompt->score = (double) r->match[2 * which + 1] - r->match[2 * which];
  prompt->match = 1.0 / (1.0 + exp (-prompt->score));
}

static void
fill_prompt (const Run *run, const Reading *r, guint which, const VlfText *text, const VlfResult *result,
             VlfPromptResult *prompt)
{
  VlfAttentionMaps maps = { .net = run->net,
                            .n_layers = run->n_layers,
                            .text = r->text,
                            .image = r->image,
                            .tokens = r->tokens,
                            .heads = run->heads,
                            .n_heads = run->n_heads };

  prompt->text = g_strdup (text->prompt);
  prompt->peak_x = prompt->peak_y = NAN;
  score_prompt (run, r, which, prompt);
  prompt->embedding_size = r->embedding_size;
  prompt->embedding_kind = r->embedding_kind;
  prompt->embedding = g_memdup2 (r->embedding + (gsize) which * r->embedding_size, r->embedding_size * sizeof (float));
  if (run->patches)
    vlf_explain_patches (run->patches + (gsize) r->frame * (result->rows * result->cols + 1) * r->embedding_size, text,
                         result, prompt);
  else if (run->maps)
    vlf_explain_prompt (&maps, which, text, result, prompt);
  else
    vlf_explain_words (text, prompt);
  prompt->invalid = r->match && isnan (prompt->score);
  if (vlf_prompt_result_validate (prompt, (gsize) result->rows * result->cols))
    g_debug ("prompt \"%s\": the model's numbers are not finite", prompt->text);
}

/* Two towers: the softmax over all prompts asked together; of one alone nothing can be said. */
static void
match_prompts (const VlfNet *net, VlfResult *result)
{
  double best = -INFINITY, sum = 0;

  for (guint i = 0; i < result->n_prompts; i++)
    best = MAX (best, result->prompts[i].score);
  for (guint i = 0; i < result->n_prompts; i++)
    sum += exp (net->similarity_scale * (result->prompts[i].score - best));
  for (guint i = 0; i < result->n_prompts && result->n_prompts > 1; i++)
    result->prompts[i].match = exp (net->similarity_scale * (result->prompts[i].score - best)) / sum;
}

static VlfResult *
make_result (const Run *run, guint frame, const VlfImage *image, const VlfImagePlan *plan, double milliseconds)
{
  const VlfModel *model = run->session->model;
  GPtrArray *texts = run->session->texts;
  VlfResult *result = vlf_result_new ();

  result->frame_width = image->frame_width ? image->frame_width : image->width;
  result->frame_height = image->frame_height ? image->frame_height : image->height;
  result->rows = run->net->rows;
  result->cols = run->net->cols;
  vlf_image_plan_region (plan, result->frame_width, result->frame_height, result->region);
  result->model = g_strdup (model->name);
  result->fingerprint = g_strdup (model->fingerprint);
  result->milliseconds = milliseconds;
  if (run->image_embeddings) {
    gsize size = result->image_embedding_size = run->image_embedding_size;
    result->image_embedding = g_memdup2 (run->image_embeddings + frame * size, size * sizeof (float));
  }
  result->n_prompts = texts->len;
  result->prompts = g_new0 (VlfPromptResult, MAX (texts->len, 1));
  for (guint i = 0; i < run->n_readings; i++) {
    const Reading *r = &run->readings[i];
    for (guint k = 0; r->frame == frame && k < r->n; k++)
      fill_prompt (run, r, k, g_ptr_array_index (texts, r->first + k), result, &result->prompts[r->first + k]);
  }
  if (run->net->two_towers)
    match_prompts (run->net, result);
  return result;
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

gboolean
vlf_session_run (VlfSession *session, const VlfImage *frames, guint n_frames, VlfText *const *texts, guint n_texts,
                 const VlfRunOptions *options, VlfResult **results, GError **error)
{
  const VlfModel *model = session->model;
  g_autofree VlfImagePlan *plans = g_new (VlfImagePlan, MAX (n_frames, 1));
  Run run = { .session = session, .net = model->net };
  gint64 start = g_get_monotonic_time ();
  VlfPass *pass;
  gboolean ok;

  if (n_frames == 0)
    return TRUE;
  if (!set_texts (session, texts, n_texts, error))
    return FALSE;
  ok = choose_maps (&run, options, error);
  if (ok) {
    for (guint i = 0; i < n_frames; i++)
      plans[i] = vlf_model_plan_frame (model, &frames[i], options ? options->fit : VLF_FIT_MODEL);
    pass = vlf_pass_begin (session->queue);
    enqueue (&run, pass, frames, plans, n_frames);
    ok = vlf_pass_end (pass, error);
  }
  if (ok) {
    double milliseconds = (g_get_monotonic_time () - start) / 1000.0 / n_frames;
    for (guint i = 0; i < n_frames; i++)
      results[i] = make_result (&run, i, &frames[i], &plans[i], milliseconds);
  }
  run_clear (&run);
  return ok;
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
  session->groups = g_ptr_array_new_with_free_func (group_free);
  session->memories = g_ptr_array_new_with_free_func ((GDestroyNotify) vlf_constant_free);
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
  g_ptr_array_unref (session->memories);
  g_ptr_array_unref (session->groups);
  g_ptr_array_unref (session->texts);
  vlf_model_unref (session->model);
  g_free (session);
}
