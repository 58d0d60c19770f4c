/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Captions and answers: a frame and a question in, words and where each looked out. */
#include "models/caption_private.h"
#include <math.h>
#include <string.h>

#define MAX_LENGTH 20u /* of BLIP's own recipe; transformers 5 would take so many beyond the prefix */

/* One question, or the one caption without. */
typedef struct {
  const char *question;
  guint32 *ids; /* [n_ids] of the question, where the encoder reads it */
  guint n_ids;
  guint32 *
      prefix; /* [n_prefix] what the text begins with, start token included; of a captioner the question is part of it */
  guint n_prefix;
  VlfTensor context;                    /* what the decoder looks at */
  float *looked[VLF_MAX_FUSION_LAYERS]; /* [heads, n_ids, P] of the layers wanted: where the question's tokens looked */
} Task;

/* One call. */
typedef struct {
  VlfSession *session;
  const VlfModel *model;
  const VlfNet *net;
  const VlfImage *frame;
  VlfCaptionOptions options;
  gboolean *layers, *heads; /* [net layers], [net heads] whose maps are wanted; NULL: none */
  VlfImagePlan plan;
  Task *tasks;
  guint n_tasks;
} Job;

static void
job_clear (Job *job)
{
  for (guint i = 0; i < job->n_tasks; i++) {
    for (guint layer = 0; layer < VLF_MAX_FUSION_LAYERS; layer++)
      g_free (job->tasks[i].looked[layer]);
    g_free (job->tasks[i].ids);
    g_free (job->tasks[i].prefix);
  }
  g_free (job->tasks);
  g_free (job->layers);
  g_free (job->heads);
}

/* ---- what is asked ---- */

static guint32 *
tokenize (const VlfModel *model, const char *what, const char *text, guint *n, GError **error)
{
  g_auto (VlfTokens) tokens = { 0 };
  guint32 *ids;

  if (!g_utf8_validate (text, -1, NULL)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: expected UTF-8, found other bytes", what);
    return NULL;
  }
  if (!vlf_tokenizer_encode (model->tokenizer, text, -1, model->max_tokens, &tokens, error))
    return NULL;
  ids = g_new (guint32, MAX (tokens.n, 1));
  for (guint i = 0; i < tokens.n; i++)
    ids[i] = tokens.tokens[i].id;
  *n = tokens.n;
  if (!vlf_model_check_ids (model, text, ids, tokens.n, error))
    g_clear_pointer (&ids, g_free);
  return ids;
}

/* @words as transformers takes a prefix: the first special token becomes the start token, the last is dropped. */
static gboolean
read_prefix (const Job *job, Task *task, const char *what, const char *words, GError **error)
{
  task->n_prefix = 1;
  if (words && *words) {
    task->prefix = tokenize (job->model, what, words, &task->n_prefix, error);
    if (!task->prefix)
      return FALSE;
    task->n_prefix = MAX (task->n_prefix, 2) - 1;
  } else {
    task->prefix = g_new (guint32, 1);
  }
  task->prefix[0] = job->net->start_id;
  return TRUE;
}

/* An encoder reads the question where there is one; a captioner that has learnt it goes on behind it. */
static gboolean
read_task (const Job *job, Task *task, const char *question, GError **error)
{
  task->question = question;
  if (!question)
    return read_prefix (job, task, "prefix", job->options.prefix, error);
  if (!job->net->answers)
    return read_prefix (job, task, "question", question, error);
  task->ids = tokenize (job->model, "question", question, &task->n_ids, error);
  return task->ids && read_prefix (job, task, "prefix", NULL, error);
}

/* The model's own choice of layers or heads, else all. */
static gboolean *
own_choice (const gint *list, guint n, guint size)
{
  gboolean *chosen = g_new0 (gboolean, size);

  for (guint i = 0; i < size && !list; i++)
    chosen[i] = TRUE;
  for (guint i = 0; i < n && list; i++) {
    gint place = list[i] < 0 ? list[i] + (gint) size : list[i];
    if (place >= 0 && place < (gint) size)
      chosen[place] = TRUE;
  }
  return chosen;
}

static gboolean
check_job (const Job *job, guint n_questions, GError **error)
{
  const char *expected = NULL;

  if (!job->net->generates)
    expected = "a model that generates text";
  else if (job->net->answers && n_questions == 0)
    expected = "a question, which this model answers; for captions take one of class BlipForConditionalGeneration";
  else if (n_questions > 0 && !vlf_model_answers (job->model))
    expected = "no question: this model captions; for answers take one of class BlipForQuestionAnswering";
  else if (n_questions > 0 && job->options.prefix && *job->options.prefix)
    expected = "no prefix beside a question";
  if (expected)
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED, "model \"%s\": expected %s", job->model->name, expected);
  return !expected;
}

static gboolean
prepare (Job *job, const char *const *questions, guint n_questions, GError **error)
{
  const VlfModel *model = job->model;

  if (!check_job (job, n_questions, error))
    return FALSE;
  job->n_tasks = MAX (n_questions, 1);
  job->tasks = g_new0 (Task, job->n_tasks);
  for (guint i = 0; i < job->n_tasks; i++)
    if (!read_task (job, &job->tasks[i], n_questions > 0 ? questions[i] : NULL, error))
      return FALSE;
  if (!job->options.no_maps) {
    job->layers = own_choice (model->layers, model->n_layers, job->net->layers);
    job->heads = own_choice (model->heads, model->n_heads, job->net->heads);
  }
  job->plan = vlf_model_plan_frame (model, job->frame, job->options.fit);
  return TRUE;
}

/* ---- the picture and the questions ---- */

static VlfFusion
fuse_question (Job *job, VlfPass *pass, const VlfSight *sight, Task *task)
{
  const VlfNet *net = job->net;
  g_autofree guint8 *mask = g_malloc (task->n_ids);
  VlfMaps maps = { .all_rows = TRUE };
  VlfTextBatch text;
  VlfFusion fusion;

  memset (mask, 1, task->n_ids);
  for (guint i = 0; i < net->layers && job->layers; i++)
    maps.wanted[i] = job->layers[i];
  text = net->arch->encode (net, pass, task->ids, mask, 1, task->n_ids);
  net->arch->enter (net, pass, &text);
  fusion = net->arch->fuse (net, pass, sight, &text, &maps);
  for (guint i = 0; i < net->layers && !vlf_pass_failed (pass); i++)
    if (maps.wanted[i]) {
      task->looked[i] = g_new (float, (gsize) maps.text[i].batch *maps.text[i].rows *maps.text[i].cols);
      vlf_output (pass, maps.text[i], task->looked[i]);
    }
  return fusion;
}

/* All that does not depend on the words to come, enqueued whole and waited for once. */
static gboolean
look (Job *job, GError **error)
{
  const VlfNet *net = job->net;
  VlfPass *pass = vlf_pass_begin (vlf_session_queue (job->session));
  VlfSight sight = net->arch->see (net, pass, vlf_patches (pass, job->frame, &job->plan, 1), NULL);

  for (guint i = 0; i < job->n_tasks; i++) {
    guint scope = vlf_pass_open (pass);
    VlfFusion fusion = { 0 };

    if (job->tasks[i].ids)
      fusion = fuse_question (job, pass, &sight, &job->tasks[i]);
    if (i > 0 && !job->tasks[i].ids) /* the picture is the same for all */
      job->tasks[i].context = job->tasks[0].context;
    else
      job->tasks[i].context =
          vlf_generate_context (job->session, pass, 1 + i, &sight, job->tasks[i].ids ? &fusion : NULL);
    vlf_pass_close (pass, scope, (VlfTensor){ 0 });
  }
  return vlf_pass_end (pass, error);
}

/* ---- from ids to words ---- */

/* Where a step looked in the picture, its class token left out. @map [M] of the decoder's context. */
static void
add_map (const Job *job, const Task *task, const float *map, float *to)
{
  const gsize cells = (gsize) job->net->rows * job->net->cols, row = cells + 1;
  guint n = 0;

  if (!task->ids) {
    for (gsize i = 0; i < cells; i++)
      to[i] += map[i + 1];
    return;
  }
  for (guint layer = 0; layer < job->net->layers; layer++)
    for (guint h = 0; task->looked[layer] && h < job->net->heads; h++)
      n += job->heads[h] != 0;
  for (guint layer = 0; layer < job->net->layers; layer++)
    for (guint h = 0; task->looked[layer] && h < job->net->heads; h++)
      for (guint t = 0; t < task->n_ids && job->heads[h]; t++) {
        const float *from = task->looked[layer] + ((gsize) h * task->n_ids + t) * row + 1;

        for (gsize i = 0; i < cells; i++)
          to[i] += map[t] / (float) n * from[i];
      }
}

/* The same of every generated token, [n, cells]; NULL: nothing is known. */
static float *
token_maps (const Job *job, const Task *task, const VlfGenerated *generated)
{
  const gsize cells = (gsize) job->net->rows * job->net->cols;
  float *maps;

  if (!generated->maps)
    return NULL;
  maps = g_new0 (float, generated->n *cells);
  for (guint t = generated->n_prefix; t < generated->n; t++)
    add_map (job, task, generated->maps + (gsize) t * task->context.rows, maps + t * cells);
  return maps;
}

static VlfCaption *
make_caption (const Job *job, const Task *task, const VlfGenerated *generated, double milliseconds)
{
  VlfCaption *caption = g_new0 (VlfCaption, 1);
  g_autofree float *maps = token_maps (job, task, generated);

  caption->question = g_strdup (task->question);
  caption->n_tokens = generated->n;
  caption->tokens = g_new (VlfCaptionToken, MAX (generated->n, 1));
  for (guint t = 0; t < generated->n; t++)
    caption->tokens[t] = (VlfCaptionToken){ generated->ids[t], generated->log_probs[t] };
  caption->frame_width = job->frame->frame_width ? job->frame->frame_width : job->frame->width;
  caption->frame_height = job->frame->frame_height ? job->frame->frame_height : job->frame->height;
  vlf_image_plan_region (&job->plan, caption->frame_width, caption->frame_height, caption->region);
  caption->rows = job->net->rows;
  caption->cols = job->net->cols;
  caption->milliseconds = milliseconds;
  vlf_caption_read (caption, job->model, generated, task->question ? task->n_prefix : 0, maps);
  return caption;
}

/* ---- the whole ---- */

/* A question that is a prefix does not count: lengths are those of the answer, as where an encoder reads it. */
static VlfSearch
search_of (const Job *job, const Task *task)
{
  const VlfCaptionOptions *o = &job->options;
  const guint before = task->question ? task->n_prefix - 1 : 0;
  VlfSearch search = { .beams = MAX (o->beams, 1),
                       .min_length = o->min_length ? o->min_length + before : 0,
                       .max_length = o->max_length ? o->max_length : MAX_LENGTH,
                       .repetition_penalty = o->repetition_penalty ? (float) o->repetition_penalty : 1,
                       .keep_going = o->keep_going,
                       .user = o->user };

  if (before > 0 && search.max_length <= job->net->max_tokens)
    search.max_length = MIN (search.max_length + before, job->net->max_tokens);
  return search;
}

static gboolean
write_all (Job *job, gint64 start, VlfCaption **captions, GError **error)
{
  double share = (g_get_monotonic_time () - start) / 1000.0 / job->n_tasks;

  for (guint i = 0; i < job->n_tasks; i++) {
    const Task *task = &job->tasks[i];
    const VlfSearch search = search_of (job, task);
    g_auto (VlfGenerated) generated = { 0 };
    gint64 before = g_get_monotonic_time ();

    if (!vlf_generate (job->session, task->context, task->prefix, task->n_prefix, &search, job->layers, job->heads,
                       &generated, error)) {
      for (guint k = 0; k < i; k++)
        vlf_caption_free (captions[k]);
      return FALSE;
    }
    captions[i] = make_caption (job, task, &generated, share + (g_get_monotonic_time () - before) / 1000.0);
  }
  return TRUE;
}

gboolean
vlf_session_caption (VlfSession *session, const VlfImage *frame, const char *const *questions, guint n_questions,
                     const VlfCaptionOptions *options, VlfCaption **captions, GError **error)
{
  const VlfModel *model = vlf_session_model (session);
  Job job = { .session = session, .model = model, .net = model->net, .frame = frame };
  gint64 start = g_get_monotonic_time ();
  g_autofree VlfCaption **made = g_new0 (VlfCaption *, MAX (n_questions, 1));
  gboolean done;

  if (options)
    job.options = *options;
  done = prepare (&job, questions, n_questions, error) && look (&job, error) && write_all (&job, start, made, error);
  if (done)
    memcpy (captions, made, job.n_tasks * sizeof *made);
  job_clear (&job);
  return done;
}

gboolean
vlf_model_captions (const VlfModel *model)
{
  return model->net->generates && !model->net->answers;
}

gboolean
vlf_model_answers (const VlfModel *model)
{
  return model->net->answers || (model->net->generates && model->questions_as_prefix);
}

gboolean
vlf_model_check_question (const VlfModel *model, const char *question, GError **error)
{
  guint n;
  g_autofree guint32 *ids = tokenize (model, "question", question, &n, error);

  return ids != NULL;
}

void
vlf_caption_free (VlfCaption *caption)
{
  if (!caption)
    return;
  for (guint i = 0; i < caption->n_words; i++) {
    g_free (caption->words[i].text);
    g_free (caption->words[i].map);
  }
  g_free (caption->words);
  g_free (caption->tokens);
  g_free (caption->text);
  g_free (caption->question);
  g_free (caption);
}

/* A score is the mean log probability of the generated tokens: by it texts of any length compare. */
static double
score_of (const VlfCaption *caption)
{
  double sum = 0;
  guint n = 0;

  for (guint t = 0; t < caption->n_tokens; t++) {
    sum += caption->tokens[t].log_prob;
    n += caption->tokens[t].log_prob < 0;
  }
  return n > 0 ? sum / n : NAN;
}

static gboolean
is_invalid (const VlfCaption *caption)
{
  for (guint t = 0; t < caption->n_tokens; t++)
    if (isnan (caption->tokens[t].log_prob))
      return TRUE;
  return FALSE;
}

static void
move_caption (VlfCaption *caption, VlfPromptResult *to)
{
  *to = (VlfPromptResult){ .text = g_strdup (caption->question ? caption->question : ""),
                           .caption = g_steal_pointer (&caption->text),
                           .match = NAN,
                           .score = score_of (caption),
                           .peak_x = NAN,
                           .peak_y = NAN,
                           .invalid = is_invalid (caption),
                           .n_words = caption->n_words,
                           .words = g_steal_pointer (&caption->words) };
  caption->n_words = 0;
}

VlfResult *
vlf_result_of_captions (const VlfModel *model, VlfCaption **captions, guint n)
{
  VlfResult *result = vlf_result_new ();

  result->model = g_strdup (model->name);
  result->fingerprint = g_strdup (model->fingerprint);
  result->frame_width = captions[0]->frame_width;
  result->frame_height = captions[0]->frame_height;
  memcpy (result->region, captions[0]->region, sizeof result->region);
  result->rows = captions[0]->rows;
  result->cols = captions[0]->cols;
  result->n_prompts = n;
  result->prompts = g_new0 (VlfPromptResult, n);
  for (guint i = 0; i < n; i++) {
    result->milliseconds += captions[i]->milliseconds;
    move_caption (captions[i], &result->prompts[i]);
    vlf_prompt_result_validate (&result->prompts[i], (gsize) result->rows * result->cols);
    vlf_caption_free (captions[i]);
  }
  return result;
}
