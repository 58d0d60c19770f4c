/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlprompts.h"
#include <string.h>
#include "kernels/watch.h"

#define PATIENCE (G_USEC_PER_SEC / 5) /* for an encoding under way at closing */

/* A list being encoded on the worker. */
typedef struct {
  GstVlTask task;
  GstVlPromptSet *set;
  VlfModel *model;
  VlfWatch *watch; /* over the worker while it encodes */
  GError *error;
} Encoding;

struct _GstVlPrompts {
  GMutex lock;
  gchar **wanted;         /* guarded by the lock; replaced whole */
  VlfEmbeddings *encoded; /* wanted behind these, or NULL; guarded by the lock */
  gboolean markup;        /* wanted, for all prompts; guarded by the lock */
  GstVlAsking *asking;    /* wanted, for all prompts; guarded by the lock */
  guint serial;           /* of all of them; guarded by the lock */

  guint taken;           /* serial of what is in force or being encoded */
  GstVlPromptSet *own;   /* the application's prompts in force */
  GstVlPromptSet *asked; /* own and more, as last handed out; or NULL */
  GstVlPromptSet *basis; /* what was own then, for comparing without copies; or NULL */
  guint64 generation;
  gboolean begun;      /* a frame of this run has been asked something, or has found the model there */
  VlfModel *model;     /* that the texts belong to */
  GstVlWorker *worker; /* started when first needed */
  Encoding *encoding;  /* on the worker, or NULL */
};

GstVlPromptSet *
gst_vl_prompt_set_ref (GstVlPromptSet *set)
{
  return g_atomic_rc_box_acquire (set);
}

static void
set_clear (gpointer data)
{
  GstVlPromptSet *set = data;

  for (guint i = 0; i < set->n; i++) {
    vlf_text_unref (set->texts[i]);
    vlf_embeddings_unref (set->sources[i].of);
  }
  g_free (set->texts);
  g_free (set->sources);
  g_strfreev (set->prompts);
  g_clear_error (&set->refused);
  gst_vl_asking_unref (set->asking);
}

void
gst_vl_prompt_set_unref (GstVlPromptSet *set)
{
  if (set)
    g_atomic_rc_box_release_full (set, set_clear);
}

/* @n prompts, whose strings and sources are still to be filled in. */
static GstVlPromptSet *
set_alloc (guint n, gboolean markup, GstVlAsking *asking)
{
  GstVlPromptSet *set = g_atomic_rc_box_new0 (GstVlPromptSet);

  set->markup = markup;
  set->asking = gst_vl_asking_ref (asking);
  set->n = set->own = n;
  set->prompts = g_new0 (gchar *, n + 1);
  set->sources = g_new0 (GstVlPromptSource, MAX (n, 1));
  set->texts = g_new0 (VlfText *, MAX (n, 1));
  return set;
}

static void
set_fill (GstVlPromptSet *set, guint i, const gchar *prompt, VlfEmbeddings *of, guint place)
{
  set->prompts[i] = g_strdup (prompt);
  set->sources[i] = (GstVlPromptSource){ of ? vlf_embeddings_ref (of) : NULL, place };
}

/* @prompts, then @encoded, which may be NULL. */
static GstVlPromptSet *
set_new (gchar **prompts, VlfEmbeddings *encoded, gboolean markup, GstVlAsking *asking)
{
  guint own = g_strv_length (prompts), n = own + (encoded ? encoded->n : 0);
  GstVlPromptSet *set = set_alloc (n, markup, asking);

  for (guint i = 0; i < own; i++)
    set_fill (set, i, prompts[i], NULL, 0);
  for (guint i = own; i < n; i++)
    set_fill (set, i, encoded->texts[i - own].text, encoded, i - own);
  return set;
}

static gboolean
same_prompt (const GstVlPromptSet *a, guint i, const GstVlPromptSet *b, guint j)
{
  return a->sources[i].of == b->sources[j].of && a->sources[i].place == b->sources[j].place &&
         strcmp (a->prompts[i], b->prompts[j]) == 0;
}

/* @own, then @more, which is NULL or as gst_vl_prompts_choose() has it; nothing encoded. */
static GstVlPromptSet *
set_join (const GstVlPromptSet *own, const GPtrArray *more, const GPtrArray *encoded, GstVlAsking *asking)
{
  GstVlPromptSet *set = set_alloc (own->n + (more ? more->len : 0), own->markup, asking);

  set->own = own->n;
  for (guint i = 0; i < own->n; i++)
    set_fill (set, i, own->prompts[i], own->sources[i].of, own->sources[i].place);
  for (guint i = own->n; i < set->n; i++)
    set_fill (set, i, g_ptr_array_index (more, i - own->n), encoded ? g_ptr_array_index (encoded, i - own->n) : NULL,
              0);
  return set;
}

static gboolean
same_texts (const GstVlPromptSet *a, const GstVlPromptSet *b)
{
  gboolean same = a->n == b->n && a->markup == b->markup;

  for (guint i = 0; same && i < a->n; i++)
    same = same_prompt (a, i, b, i);
  return same;
}

static gboolean
same_set (const GstVlPromptSet *a, const GstVlPromptSet *b)
{
  return a->asking == b->asking && same_texts (a, b);
}

/* What was encoded once is not encoded again. Another thread may be encoding @from. */
static void
set_reuse (GstVlPromptSet *set, GstVlPromptSet *from)
{
  g_autoptr (GHashTable) places = NULL;

  if (!from || from->markup != set->markup ||
      !g_strv_equal ((const gchar *const *) from->asking->templates, (const gchar *const *) set->asking->templates))
    return;
  places = g_hash_table_new (g_str_hash, g_str_equal); /* prompt -> its last place in @from, from 1 */
  for (guint j = 0; j < from->n; j++)
    g_hash_table_insert (places, from->prompts[j], GUINT_TO_POINTER (j + 1));
  for (guint i = 0; i < set->n; i++) {
    const guint same = i < from->n && same_prompt (set, i, from, i)
                           ? i + 1
                           : GPOINTER_TO_UINT (g_hash_table_lookup (places, set->prompts[i]));
    VlfText *text = same ? g_atomic_pointer_get (&from->texts[same - 1]) : NULL;

    if (text && !set->texts[i] && same_prompt (set, i, from, same - 1))
      set->texts[i] = vlf_text_ref (text);
  }
}

static VlfText *
encode_prompt (const GstVlPromptSet *set, guint i, VlfModel *model, GError **error)
{
  const GstVlPromptSource *source = &set->sources[i];

  if (source->of)
    return vlf_model_check_embeddings (model, source->of, error)
               ? vlf_text_new_encoded (model, &source->of->texts[source->place], error)
               : NULL;
  return gst_vl_asking_encode_prompt (set->asking, model, set->prompts[i], set->markup, error);
}

static gboolean
is_about_text (const GError *error)
{
  return g_error_matches (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED) ||
         g_error_matches (error, VLF_ERROR, VLF_ERROR_RANGE) || g_error_matches (error, VLF_ERROR, VLF_ERROR_FORMAT);
}

/* Nobody refuses what comes from a stream before it is asked: a text that cannot be read as it is meant, such as marks that mean nothing to
 * the model, is read as it stands; and one that cannot be read at all, such as one with tokens that the model has no rows for, is not asked.
 * FALSE: neither is why. */
static gboolean
encode_streamed (GstVlPromptSet *set, guint i, VlfModel *model, VlfText **text, GError **error)
{
  g_autoptr (GError) why = NULL;

  *text = encode_prompt (set, i, model, &why);
  if (*text)
    return TRUE;
  if (!is_about_text (why)) {
    g_propagate_error (error, g_steal_pointer (&why));
    return FALSE;
  }
  *text = vlf_text_new (model, set->prompts[i], NULL);
  if (!set->refused) {
    set->refused = g_steal_pointer (&why);
    set->left_out = *text == NULL;
  }
  return TRUE;
}

gboolean
gst_vl_prompt_set_encode (GstVlPromptSet *set, VlfModel *model, GError **error)
{
  if (!gst_vl_asking_encode (set->asking, model, error))
    return FALSE;
  for (guint i = 0; i < set->n; i++) {
    VlfText *text = set->texts[i];

    if (text)
      continue;
    if (i < set->own ? !(text = encode_prompt (set, i, model, error)) : !encode_streamed (set, i, model, &text, error))
      return FALSE;
    g_atomic_pointer_set (&set->texts[i], text);
  }
  return TRUE;
}

void
gst_vl_prompt_set_split (const GstVlPromptSet *set, GPtrArray *asked, GPtrArray *negatives)
{
  guint n;
  VlfText *const *own = gst_vl_asking_negatives (set->asking, &n);

  for (guint i = 0; i < n; i++)
    g_ptr_array_add (negatives, own[i]);
  for (guint i = 0; i < set->n; i++) {
    const GstVlPromptSource *source = &set->sources[i];
    gboolean negative = source->of && source->of->texts[source->place].negative;

    if (set->texts[i])
      g_ptr_array_add (negative ? negatives : asked, set->texts[i]);
  }
}

const VlfEmbeddings *
gst_vl_prompt_set_file (const GstVlPromptSet *set)
{
  for (guint i = 0; i < set->n; i++) /* what comes from pads has the fingerprint of its model and no such numbers */
    if (set->sources[i].of)
      return set->sources[i].of;
  return NULL;
}

static gboolean
set_is_encoded (const GstVlPromptSet *set)
{
  for (guint i = 0; i < set->n; i++)
    if (!set->texts[i])
      return FALSE;
  return gst_vl_asking_is_encoded (set->asking);
}

GstVlPrompts *
gst_vl_prompts_new (void)
{
  GstVlPrompts *self = g_new0 (GstVlPrompts, 1);

  g_mutex_init (&self->lock);
  self->wanted = g_new0 (gchar *, 1);
  self->asking = gst_vl_asking_new ();
  self->own = set_alloc (0, FALSE, self->asking);
  return self;
}

void
gst_vl_prompts_free (GstVlPrompts *self)
{
  gst_vl_prompts_forget (self);
  gst_vl_prompt_set_unref (self->own);
  g_strfreev (self->wanted);
  vlf_embeddings_unref (self->encoded);
  gst_vl_asking_unref (self->asking);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
gst_vl_prompts_want (GstVlPrompts *self, gchar **prompts)
{
  g_mutex_lock (&self->lock);
  g_strfreev (self->wanted);
  self->wanted = prompts;
  self->serial++;
  g_mutex_unlock (&self->lock);
}

void
gst_vl_prompts_want_encoded (GstVlPrompts *self, VlfEmbeddings *encoded)
{
  g_mutex_lock (&self->lock);
  vlf_embeddings_unref (self->encoded);
  self->encoded = encoded ? vlf_embeddings_ref (encoded) : NULL;
  self->serial++;
  g_mutex_unlock (&self->lock);
}

void
gst_vl_prompts_want_asking (GstVlPrompts *self, GstVlAskingField field, gchar **list)
{
  GstVlAsking *before;

  g_mutex_lock (&self->lock);
  before = self->asking;
  self->asking = gst_vl_asking_change (before, field, list);
  self->serial++;
  g_mutex_unlock (&self->lock);
  gst_vl_asking_unref (before);
}

GstVlAsking *
gst_vl_prompts_wanted_asking (GstVlPrompts *self)
{
  GstVlAsking *asking;

  g_mutex_lock (&self->lock);
  asking = gst_vl_asking_ref (self->asking);
  g_mutex_unlock (&self->lock);
  return asking;
}

void
gst_vl_prompts_set_markup (GstVlPrompts *self, gboolean markup)
{
  g_mutex_lock (&self->lock);
  self->markup = markup;
  self->serial++;
  g_mutex_unlock (&self->lock);
}

gboolean
gst_vl_prompts_get_markup (GstVlPrompts *self)
{
  gboolean markup;

  g_mutex_lock (&self->lock);
  markup = self->markup;
  g_mutex_unlock (&self->lock);
  return markup;
}

gchar **
gst_vl_prompts_wanted (GstVlPrompts *self)
{
  gchar **copy;

  g_mutex_lock (&self->lock);
  copy = g_strdupv (self->wanted);
  g_mutex_unlock (&self->lock);
  return copy;
}

/* The list that is wanted now, as a set. */
static GstVlPromptSet *
make_wanted (GstVlPrompts *self, guint *serial)
{
  g_auto (GStrv) prompts = NULL;
  g_autoptr (VlfEmbeddings) encoded = NULL;
  g_autoptr (GstVlAsking) asking = NULL;
  gboolean markup;

  g_mutex_lock (&self->lock);
  prompts = g_strdupv (self->wanted);
  encoded = self->encoded ? vlf_embeddings_ref (self->encoded) : NULL;
  markup = self->markup;
  asking = gst_vl_asking_ref (self->asking);
  *serial = self->serial;
  g_mutex_unlock (&self->lock);
  return set_new (prompts, encoded, markup, asking);
}

static gboolean
has_changed (GstVlPrompts *self)
{
  gboolean changed;

  g_mutex_lock (&self->lock);
  changed = self->serial != self->taken;
  g_mutex_unlock (&self->lock);
  return changed;
}

static void
encode (GstVlTask *task, GstVlWorker *worker)
{
  Encoding *encoding = (Encoding *) task;

  (void) worker;
  vlf_watch_begin (encoding->watch);
  gst_vl_prompt_set_encode (encoding->set, encoding->model, &encoding->error);
  vlf_watch_end ();
}

static void
encoding_free (GstVlTask *task)
{
  Encoding *encoding = (Encoding *) task;

  gst_vl_prompt_set_unref (encoding->set);
  vlf_model_unref (encoding->model);
  vlf_watch_unref (encoding->watch);
  g_clear_error (&encoding->error);
  g_free (encoding);
}

static void
drop_encoding (GstVlPrompts *self)
{
  if (!self->encoding)
    return;
  gst_vl_task_cancel (&self->encoding->task);
  gst_vl_task_unref (&self->encoding->task);
  self->encoding = NULL;
}

/* What is wanted without what was encoded of it, and the same of what is in force. */
static void
forget_asking (GstVlPrompts *self)
{
  GstVlPromptSet *own = self->own;
  GstVlAsking *before, *bare;

  g_mutex_lock (&self->lock);
  before = self->asking;
  self->asking = gst_vl_asking_forget (before);
  bare = own->asking == before ? gst_vl_asking_ref (self->asking) : gst_vl_asking_forget (own->asking);
  g_mutex_unlock (&self->lock);
  self->own = set_join (own, NULL, NULL, bare);
  gst_vl_prompt_set_unref (own);
  gst_vl_asking_unref (bare);
  gst_vl_asking_unref (before);
}

void
gst_vl_prompts_begin (GstVlPrompts *self)
{
  if (self->encoding)
    self->taken--; /* what was being encoded is asked for anew */
  drop_encoding (self);
  self->begun = FALSE;
}

void
gst_vl_prompts_forget (GstVlPrompts *self)
{
  if (self->encoding)
    self->taken--;
  if (!gst_vl_worker_close (self->worker, PATIENCE) && self->encoding)
    vlf_watch_leave (self->encoding->watch);
  self->worker = NULL;
  drop_encoding (self);
  self->begun = FALSE;
  forget_asking (self);
  g_clear_pointer (&self->asked, gst_vl_prompt_set_unref);
  g_clear_pointer (&self->basis, gst_vl_prompt_set_unref);
  g_clear_pointer (&self->model, vlf_model_unref);
}

static void
set_own (GstVlPrompts *self, GstVlPromptSet *set)
{
  set_reuse (set, self->asked);
  gst_vl_prompt_set_unref (self->own);
  self->own = set;
}

/* A bank that has become unreadable must not refuse the prompts to come: they go with what was read of it before, and so do those that were
 * wanted together with it. */
static void
rescue_bank (GstVlPrompts *self, const GstVlPromptSet *refused)
{
  GstVlAsking *failed = refused->asking, *rescued = NULL;

  g_mutex_lock (&self->lock);
  if (self->asking == failed && (rescued = gst_vl_asking_rescue (failed, self->own->asking))) {
    self->asking = rescued;
    if (!same_texts (refused, self->own) || !gst_vl_asking_same_words (failed, self->own->asking))
      self->serial++;
  }
  g_mutex_unlock (&self->lock);
  if (rescued)
    gst_vl_asking_unref (failed); /* the encoding has another reference */
}

/* An encoding that has ended takes effect; one that failed is told and forgotten, and so is one that hangs in the driver. */
static void
collect_encoding (GstVlPrompts *self, GError **error)
{
  if (!self->encoding)
    return;
  if (!gst_vl_worker_is_done (self->worker, &self->encoding->task)) {
    if (vlf_watch_is_stuck (self->encoding->watch, error))
      drop_encoding (self);
    return;
  }
  if (self->encoding->error) {
    rescue_bank (self, self->encoding->set);
    g_propagate_error (error, g_steal_pointer (&self->encoding->error));
  } else
    set_own (self, gst_vl_prompt_set_ref (self->encoding->set));
  drop_encoding (self);
}

static void
start_encoding (GstVlPrompts *self, GstVlPromptSet *set)
{
  if (!self->worker)
    self->worker = gst_vl_worker_new ("vlf-prompts", NULL, NULL);
  self->encoding = g_new0 (Encoding, 1);
  gst_vl_task_init (&self->encoding->task, encode, encoding_free);
  self->encoding->set = set;
  self->encoding->model = vlf_model_ref (self->model);
  self->encoding->watch = vlf_watch_new ();
  gst_vl_worker_push (self->worker, &self->encoding->task);
}

/* The newest list of the application's is taken up: at once where the stream begins with it, else by way of the worker, so that no frame waits
 * for it and one that is impossible leaves the old one. */
static void
take_wanted (GstVlPrompts *self, GError **error)
{
  GstVlPromptSet *set;

  collect_encoding (self, error);
  if (self->encoding || !has_changed (self))
    return;
  set = make_wanted (self, &self->taken);
  set_reuse (set, self->asked);
  if (self->model && self->begun && !set_is_encoded (set))
    start_encoding (self, set);
  else
    set_own (self, set);
}

/* Whether the same is to be asked as last time, as most frames have it. */
static gboolean
is_asked (const GstVlPrompts *self, const GPtrArray *more, const GPtrArray *encoded)
{
  const guint own = self->own->n;
  gboolean same = self->asked && self->basis == self->own && self->asked->n == own + more->len;

  for (guint i = 0; same && i < more->len; i++)
    same = self->asked->sources[own + i].of == (encoded ? g_ptr_array_index (encoded, i) : NULL) &&
           strcmp (self->asked->prompts[own + i], g_ptr_array_index (more, i)) == 0;
  return same;
}

/* Takes @set. */
static GstVlPromptSet *
ask (GstVlPrompts *self, GstVlPromptSet *set)
{
  if (self->asked && same_set (set, self->asked)) {
    gst_vl_prompt_set_unref (set);
  } else {
    set_reuse (set, self->own);
    set_reuse (set, self->asked);
    set->generation = ++self->generation;
    gst_vl_prompt_set_unref (self->asked);
    self->asked = set;
  }
  gst_vl_prompt_set_unref (self->basis);
  self->basis = gst_vl_prompt_set_ref (self->own);
  return gst_vl_prompt_set_ref (self->asked);
}

/* With the model as it is now. */
static GstVlPromptSet *
choose (GstVlPrompts *self, const GPtrArray *more, const GPtrArray *encoded)
{
  if (self->own->n + more->len == 0 && !self->own->asking->bank) {
    g_clear_pointer (&self->asked, gst_vl_prompt_set_unref);
    return NULL;
  }
  if (is_asked (self, more, encoded))
    return gst_vl_prompt_set_ref (self->asked);
  return ask (self, set_join (self->own, more, encoded, self->own->asking));
}

GstVlPromptSet *
gst_vl_prompts_choose (GstVlPrompts *self, VlfModel *model, const GPtrArray *more, const GPtrArray *encoded,
                       GError **error)
{
  GstVlPromptSet *set;

  if (model && model != self->model) {
    if (self->model)
      gst_vl_prompts_forget (self);
    self->model = vlf_model_ref (model);
  }
  take_wanted (self, error);
  set = choose (self, more, encoded);
  self->begun |= set || self->model;
  return set;
}
