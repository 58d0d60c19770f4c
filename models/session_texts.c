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

/* Tap @layer of those of the texts that have been encoded, [n, tokens, dim], zero elsewhere; NULL: no memory. @known: their taps. */
static float *
gather_tap (VlfText *const *texts, const float *const *known, guint n, guint tokens, guint layer)
{
  const gsize row = texts[0]->model->net->dim, one = tokens * row;
  float *data = g_try_new0 (float, n *one);

  for (guint i = 0; i < n && data; i++) {
    const gsize length = texts[i]->n_tokens * row;

    if (known[i])
      memcpy (data + i * one, known[i] + layer * length, length * sizeof (float));
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

static VlfTensor
input_tap (VlfPass *pass, VlfText *const *texts, const float *const *known, guint n, guint tokens, guint layer)
{
  g_autofree float *data = gather_tap (texts, known, n, tokens, layer);

  if (data)
    return vlf_input (pass, data, n, tokens, texts[0]->model->net->dim);
  vlf_pass_fail (pass, no_memory (n, tokens));
  return (VlfTensor){ 0 };
}

static VlfTensor
input_bias (VlfPass *pass, VlfText *const *texts, guint n, guint tokens, gboolean marks)
{
  g_autofree float *data = gather_bias (texts, n, tokens, marks);

  return vlf_input (pass, data, n, 1, tokens);
}

VlfTextBatch
vlf_text_batch_new (VlfPass *pass, VlfText *const *texts, guint n, VlfEncoder *encoder)
{
  const VlfNet *net = texts[0]->model->net;
  const guint tokens = longest (texts, n);
  const float *known[VLF_GROUP];
  VlfTextBatch batch = { 0 };

  for (guint i = 0; i < n; i++)
    known[i] = vlf_text_taps (texts[i]);
  for (guint layer = 0; layer < net->taps && (n > 1 || known[0]); layer++)
    batch.taps[layer] = input_tap (pass, texts, known, n, tokens, layer);
  for (guint i = 0; i < n; i++) {
    VlfTextBatch one;

    if (known[i])
      continue;
    one = vlf_encoder_add (encoder, pass, texts[i]);
    for (guint layer = 0; layer < net->taps; layer++) {
      if (n == 1)
        batch.taps[layer] = one.taps[layer];
      else
        vlf_store (pass, one.taps[layer], vlf_rows (vlf_sequences (batch.taps[layer], i, 1), 0, texts[i]->n_tokens));
    }
  }
  batch.key_bias = input_bias (pass, texts, n, tokens, FALSE);
  batch.image_bias = input_bias (pass, texts, n, tokens, TRUE);
  if (net->arch->enter)
    net->arch->enter (net, pass, &batch);
  return batch;
}

/* @x, if there is something, for later passes. */
static VlfConstant *
keep (VlfPass *pass, VlfTensor x)
{
  return x.buffer ? vlf_constant_of (pass, x) : NULL;
}

/* Runs what depends on the texts of @group alone. */
static void
group_fill (VlfTextGroup *group, VlfSession *session, VlfPass *pass, VlfText *const *texts)
{
  group->batch = vlf_text_batch_new (pass, texts, group->n, &session->encoder);
  for (guint i = 0; i < session->model->net->taps; i++)
    group->taps[i] = keep (pass, group->batch.taps[i]);
  group->key_bias = keep (pass, group->batch.key_bias);
  group->image_bias = keep (pass, group->batch.image_bias);
  group->state = keep (pass, group->batch.entry.state);
  group->keys_values = keep (pass, group->batch.entry.keys_values);
}

static VlfTensor
kept (const VlfConstant *constant)
{
  return constant ? constant->tensor : (VlfTensor){ 0 };
}

/* From what the pass that fills it computed with to what it leaves. */
static void
group_settle (VlfTextGroup *group)
{
  for (guint i = 0; i < VLF_MAX_FUSION_LAYERS; i++)
    group->batch.taps[i] = kept (group->taps[i]);
  group->batch.key_bias = kept (group->key_bias);
  group->batch.image_bias = kept (group->image_bias);
  group->batch.entry = (VlfEntry){ kept (group->state), kept (group->keys_values) };
}

/* All but the last, which few prompts are, give back what they computed with before the next begins: thousands of prompts take no more memory
 * than 2 * VLF_GROUP, and the last runs beside the vision tower. */
void
vlf_session_enqueue_texts (VlfSession *session, VlfPass *pass)
{
  for (guint g = 0; g < session->groups->len; g++) {
    VlfTextGroup *group = g_ptr_array_index (session->groups, g);
    const gboolean last = g + 1 == session->groups->len;
    guint scope;

    if (group->key_bias)
      continue;
    scope = last ? 0 : vlf_pass_open (pass);
    group_fill (group, session, pass, (VlfText *const *) session->texts->pdata + g * VLF_GROUP);
    if (last)
      continue;
    group_settle (group);
    vlf_pass_close (pass, scope, (VlfTensor){ 0 });
    vlf_pass_wait (
        pass); /* a sign of life: thousands of prompts take a large tower longer than a device may keep silent */
  }
}

static void
forget_texts (VlfSession *session)
{
  g_ptr_array_set_size (session->texts, 0);
  g_ptr_array_set_size (session->groups, 0);
}

void
vlf_session_texts_done (VlfSession *session, gboolean good)
{
  vlf_encoder_finish (&session->encoder, good);
  if (!good)
    forget_texts (session);
  for (guint g = 0; g < session->groups->len; g++)
    group_settle (g_ptr_array_index (session->groups, g));
}

static VlfTextGroup *
group_new (VlfSession *session, guint n)
{
  VlfTextGroup *group = g_new0 (VlfTextGroup, 1);

  group->n = n;
  group->keep = vlf_keep_new (session->model->device);
  return group;
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
  forget_texts (session);
  for (guint i = 0; i < n; i++)
    if (texts[i]->model != session->model) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "prompt \"%s\" was encoded by another model", texts[i]->prompt);
      return FALSE;
    }
  for (guint i = 0; i < n; i += VLF_GROUP)
    g_ptr_array_add (session->groups, group_new (session, MIN (VLF_GROUP, n - i)));
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (session->texts, vlf_text_ref (texts[i]));
  return TRUE;
}
