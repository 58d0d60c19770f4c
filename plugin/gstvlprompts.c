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
  gchar **wanted;  /* guarded by the lock; replaced whole */
  gboolean markup; /* wanted, for all prompts; guarded by the lock */
  guint serial;    /* of both; guarded by the lock */

  guint taken;           /* serial of what is in force or being encoded */
  GstVlPromptSet *own;   /* the application's prompts in force */
  GstVlPromptSet *asked; /* own and more, as last handed out */
  guint64 generation;
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

  for (guint i = 0; i < set->n; i++)
    vlf_text_unref (set->texts[i]);
  g_free (set->texts);
  g_strfreev (set->prompts);
}

void
gst_vl_prompt_set_unref (GstVlPromptSet *set)
{
  if (set)
    g_atomic_rc_box_release_full (set, set_clear);
}

/* Takes @prompts over. */
static GstVlPromptSet *
set_new (gchar **prompts, gboolean markup)
{
  GstVlPromptSet *set = g_atomic_rc_box_new0 (GstVlPromptSet);

  set->prompts = prompts;
  set->markup = markup;
  set->n = g_strv_length (prompts);
  set->texts = g_new0 (VlfText *, set->n);
  return set;
}

/* What was encoded once is not encoded again. Another thread may be encoding @from. */
static void
set_reuse (GstVlPromptSet *set, GstVlPromptSet *from)
{
  if (from && from->markup != set->markup)
    return;
  for (guint i = 0; i < set->n; i++) {
    for (guint j = 0; from && j < from->n && !set->texts[i]; j++) {
      VlfText *text = g_atomic_pointer_get (&from->texts[j]);

      if (text && strcmp (set->prompts[i], from->prompts[j]) == 0)
        set->texts[i] = vlf_text_ref (text);
    }
  }
}

static VlfText *
encode_prompt (const GstVlPromptSet *set, guint i, VlfModel *model, GError **error)
{
  return set->markup ? vlf_text_new_marked (model, set->prompts[i], error)
                     : vlf_text_new (model, set->prompts[i], error);
}

gboolean
gst_vl_prompt_set_encode (GstVlPromptSet *set, VlfModel *model, GError **error)
{
  for (guint i = 0; i < set->n; i++) {
    VlfText *text = set->texts[i] ? set->texts[i] : encode_prompt (set, i, model, error);

    if (!text)
      return FALSE;
    g_atomic_pointer_set (&set->texts[i], text);
  }
  return TRUE;
}

static gboolean
set_is_encoded (const GstVlPromptSet *set)
{
  for (guint i = 0; i < set->n; i++)
    if (!set->texts[i])
      return FALSE;
  return TRUE;
}

GstVlPrompts *
gst_vl_prompts_new (void)
{
  GstVlPrompts *self = g_new0 (GstVlPrompts, 1);

  g_mutex_init (&self->lock);
  self->wanted = g_new0 (gchar *, 1);
  self->own = set_new (g_new0 (gchar *, 1), FALSE);
  return self;
}

void
gst_vl_prompts_free (GstVlPrompts *self)
{
  gst_vl_prompts_forget (self);
  gst_vl_prompt_set_unref (self->own);
  g_strfreev (self->wanted);
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

static gchar **
copy_wanted (GstVlPrompts *self, gboolean *markup, guint *serial)
{
  gchar **copy;

  g_mutex_lock (&self->lock);
  copy = g_strdupv (self->wanted);
  *markup = self->markup;
  *serial = self->serial;
  g_mutex_unlock (&self->lock);
  return copy;
}

gchar **
gst_vl_prompts_wanted (GstVlPrompts *self)
{
  gboolean markup;
  guint serial;

  return copy_wanted (self, &markup, &serial);
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

void
gst_vl_prompts_forget (GstVlPrompts *self)
{
  gchar **prompts = g_strdupv (self->own->prompts);
  gboolean markup = self->own->markup;

  if (self->encoding)
    self->taken--; /* what was being encoded is asked for anew */
  if (!gst_vl_worker_close (self->worker, PATIENCE) && self->encoding)
    vlf_watch_leave (self->encoding->watch);
  self->worker = NULL;
  drop_encoding (self);
  gst_vl_prompt_set_unref (self->own);
  self->own = set_new (prompts, markup);
  g_clear_pointer (&self->asked, gst_vl_prompt_set_unref);
  g_clear_pointer (&self->model, vlf_model_unref);
}

static void
set_own (GstVlPrompts *self, GstVlPromptSet *set)
{
  set_reuse (set, self->asked);
  gst_vl_prompt_set_unref (self->own);
  self->own = set;
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
  if (self->encoding->error)
    g_propagate_error (error, g_steal_pointer (&self->encoding->error));
  else
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

/* The newest list of the application's is taken up: at once if nobody has to wait for it, else by way of the worker. */
static void
take_wanted (GstVlPrompts *self, gboolean hold, GError **error)
{
  GstVlPromptSet *set;
  gchar **prompts;
  gboolean markup;

  collect_encoding (self, error);
  if (self->encoding || !has_changed (self))
    return;
  prompts = copy_wanted (self, &markup, &self->taken);
  set = set_new (prompts, markup);
  set_reuse (set, self->asked);
  if (hold && self->model && self->own->n > 0 && !set_is_encoded (set))
    start_encoding (self, set);
  else
    set_own (self, set);
}

static gchar **
join (const GstVlPromptSet *own, const GPtrArray *more)
{
  GPtrArray *all = g_ptr_array_new ();

  for (guint i = 0; i < own->n; i++)
    g_ptr_array_add (all, g_strdup (own->prompts[i]));
  for (guint i = 0; i < more->len; i++)
    g_ptr_array_add (all, g_strdup (g_ptr_array_index (more, i)));
  g_ptr_array_add (all, NULL);
  return (gchar **) g_ptr_array_free (all, FALSE);
}

GstVlPromptSet *
gst_vl_prompts_choose (GstVlPrompts *self, VlfModel *model, const GPtrArray *more, gboolean hold, GError **error)
{
  g_auto (GStrv) prompts = NULL;
  GstVlPromptSet *set;

  if (model && model != self->model) {
    if (self->model)
      gst_vl_prompts_forget (self);
    self->model = vlf_model_ref (model);
  }
  take_wanted (self, hold, error);
  prompts = join (self->own, more);
  if (!*prompts) {
    g_clear_pointer (&self->asked, gst_vl_prompt_set_unref);
    return NULL;
  }
  if (!self->asked || self->asked->markup != self->own->markup ||
      !g_strv_equal ((const gchar *const *) prompts, (const gchar *const *) self->asked->prompts)) {
    set = set_new (g_steal_pointer (&prompts), self->own->markup);
    set_reuse (set, self->own);
    set_reuse (set, self->asked);
    set->generation = ++self->generation;
    gst_vl_prompt_set_unref (self->asked);
    self->asked = set;
  }
  return gst_vl_prompt_set_ref (self->asked);
}
