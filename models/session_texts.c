/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A session's texts on the device, with all that depends on them alone. */
#include <math.h>
#include <string.h>
#include "models/session_private.h"

void
vlf_text_group_free (gpointer data)
{
  VlfTextGroup *group = data;

  for (guint i = 0; i < VLF_MAX_FUSION_LAYERS; i++)
    vlf_constant_free (group->taps[i]);
  vlf_constant_free (group->key_bias);
  vlf_constant_free (group->image_bias);
  vlf_constant_free (group->state);
  vlf_constant_free (group->keys_values);
  vlf_keep_free (group->keep);
  g_free (group);
}

static guint
longest (VlfText *const *texts, guint n)
{
  guint tokens = 0;

  for (guint i = 0; i < n; i++)
    tokens = MAX (tokens, texts[i]->n_tokens);
  return tokens;
}

static GError *
no_memory (guint n, guint tokens)
{
  return g_error_new (VLF_ERROR, VLF_ERROR_NO_MEMORY, "%u prompts of %u tokens do not fit in memory", n, tokens);
}

/* Tap @layer of all texts, [n, tokens, dim]; NULL: no memory. */
static float *
gather_tap (VlfText *const *texts, guint n, guint tokens, guint layer)
{
  const gsize row = texts[0]->model->net->dim, one = tokens * row;
  float *data = g_try_new0 (float, n *one);

  for (guint i = 0; i < n && data; i++) {
    gsize length = texts[i]->n_tokens * row;
    memcpy (data + i * one, texts[i]->taps + layer * length, length * sizeof (float));
  }
  return data;
}

/* What a word's weight adds to the scores of its keys. */
static float
word_bias (const VlfEmbeddedWord *word)
{
  return word->weight > 0 ? logf (word->weight) : VLF_MASKED;
}

/* [n, 1, tokens]; @marks: with what marks in the prompts ask for. */
static float *
gather_bias (VlfText *const *texts, guint n, guint tokens, gboolean marks)
{
  float *data = g_new (float, (gsize) n *tokens);

  for (guint i = 0; i < n; i++)
    for (guint t = 0; t < tokens; t++) {
      gint word = t < texts[i]->n_tokens ? texts[i]->word_of[t] : -1;

      data[i * tokens + t] = t >= texts[i]->n_tokens ? VLF_MASKED : 0.0f;
      if (marks && word >= 0)
        data[i * tokens + t] = word_bias (&texts[i]->words[word]);
    }
  return data;
}

static VlfConstant *
group_tap (VlfSession *session, VlfText *const *texts, const VlfTextGroup *group, guint layer, GError **error)
{
  g_autofree float *data = gather_tap (texts, group->n, group->tokens, layer);

  if (data)
    return vlf_constant_new_from_data (session->model->device, data, group->n, group->tokens, session->model->net->dim,
                                       error);
  g_propagate_error (error, no_memory (group->n, group->tokens));
  return NULL;
}

static VlfConstant *
group_bias (VlfSession *session, VlfText *const *texts, const VlfTextGroup *group, gboolean marks, GError **error)
{
  g_autofree float *data = gather_bias (texts, group->n, group->tokens, marks);

  return vlf_constant_new_from_data (session->model->device, data, group->n, 1, group->tokens, error);
}

VlfTextBatch
vlf_text_group_batch (const VlfNet *net, const VlfTextGroup *group)
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
group_enter (VlfSession *session, VlfTextGroup *group, GError **error)
{
  const VlfModel *model = session->model;
  const gsize rows = (gsize) group->n * group->tokens, dim = model->net->dim;
  g_autofree float *state = g_try_new (float, rows *dim), *keys_values = g_try_new (float, rows * 2 * dim);
  VlfTextBatch texts = vlf_text_group_batch (model->net, group);
  VlfPass *pass;

  if (!state || !keys_values) {
    g_propagate_error (error, no_memory (group->n, group->tokens));
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

static VlfTextGroup *
group_new (VlfSession *session, VlfText *const *texts, guint n, GError **error)
{
  VlfTextGroup *group = g_new0 (VlfTextGroup, 1);

  group->n = n;
  group->keep = vlf_keep_new (session->model->device);
  group->tokens = longest (texts, n);
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
  vlf_text_group_free (group);
  return NULL;
}

VlfTextBatch
vlf_text_batch_new (VlfPass *pass, VlfText *const *texts, guint n)
{
  const VlfNet *net = texts[0]->model->net;
  const guint tokens = longest (texts, n);
  g_autofree float *key_bias = gather_bias (texts, n, tokens, FALSE);
  g_autofree float *image_bias = gather_bias (texts, n, tokens, TRUE);
  VlfTextBatch batch = { 0 };

  for (guint layer = 0; layer < net->taps; layer++) {
    g_autofree float *data = gather_tap (texts, n, tokens, layer);

    if (data)
      batch.taps[layer] = vlf_input (pass, data, n, tokens, net->dim);
    else
      vlf_pass_fail (pass, no_memory (n, tokens));
  }
  batch.key_bias = vlf_input (pass, key_bias, n, 1, tokens);
  batch.image_bias = vlf_input (pass, image_bias, n, 1, tokens);
  if (net->arch->enter)
    net->arch->enter (net, pass, &batch);
  return batch;
}

static gboolean
same_texts (const VlfSession *session, VlfText *const *texts, guint n)
{
  return session->texts->len == n && (n == 0 || !memcmp (session->texts->pdata, texts, n * sizeof *texts));
}

gboolean
vlf_session_set_texts (VlfSession *session, VlfText *const *texts, guint n, GError **error)
{
  if (same_texts (session, texts, n))
    return TRUE;
  vlf_run_clear (&session->last);
  g_ptr_array_set_size (session->texts, 0);
  g_ptr_array_set_size (session->groups, 0);
  for (guint i = 0; i < n; i++)
    if (texts[i]->model != session->model) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "prompt \"%s\" was encoded by another model", texts[i]->prompt);
      return FALSE;
    }
  for (guint i = 0; i < n; i += VLF_GROUP) {
    VlfTextGroup *group = group_new (session, texts + i, MIN (VLF_GROUP, n - i), error);
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
