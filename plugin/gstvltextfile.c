/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvltextfile.h"
#include <string.h>
#include "plugin/gstvlfilewatch.h"
#include "plugin/gstvlworker.h"

#define MOST     4096                 /* texts, each of which is asked of every frame */
#define PATIENCE (G_USEC_PER_SEC / 5) /* for a reading under way at the end */

typedef struct {
  GstVlTask task;
  gchar *path;
  VlfEmbeddings *embeddings;
  GError *error;
} Reading;

struct _GstVlTextFile {
  GMutex lock;
  gchar *path;  /* guarded by the lock */
  guint serial; /* of it; guarded by the lock */

  guint taken; /* serial of the path that the rest speaks of */
  GstVlFileWatch watch;
  GstVlWorker *worker;
  Reading *reading; /* on the worker, or NULL */
};

GstVlTextFile *
gst_vl_text_file_new (void)
{
  GstVlTextFile *self = g_new0 (GstVlTextFile, 1);

  g_mutex_init (&self->lock);
  self->path = g_strdup ("");
  return self;
}

void
gst_vl_text_file_set_path (GstVlTextFile *self, const gchar *path)
{
  g_mutex_lock (&self->lock);
  g_free (self->path);
  self->path = g_strdup (path ? path : "");
  self->serial++;
  g_mutex_unlock (&self->lock);
}

gchar *
gst_vl_text_file_get_path (GstVlTextFile *self)
{
  gchar *path;

  g_mutex_lock (&self->lock);
  path = g_strdup (self->path);
  g_mutex_unlock (&self->lock);
  return path;
}

static VlfEmbeddings *
load (const gchar *path, GError **error)
{
  VlfEmbeddings *embeddings = vlf_embeddings_load (path, error);

  if (!embeddings || embeddings->n <= MOST)
    return embeddings;
  g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
               "%s: expected at most %d texts, which are asked of every frame, found %u; the property bank takes more",
               path, MOST, embeddings->n);
  vlf_embeddings_unref (embeddings);
  return NULL;
}

/* ---- on the worker ---- */

static void
read_file (GstVlTask *task, GstVlWorker *worker)
{
  Reading *reading = (Reading *) task;

  (void) worker;
  reading->embeddings = load (reading->path, &reading->error);
}

static void
reading_free (GstVlTask *task)
{
  Reading *reading = (Reading *) task;

  g_free (reading->path);
  vlf_embeddings_unref (reading->embeddings);
  g_clear_error (&reading->error);
  g_free (reading);
}

static void
start_reading (GstVlTextFile *self, const gchar *path)
{
  if (!self->worker)
    self->worker = gst_vl_worker_new ("vlf-texts", NULL, NULL);
  self->reading = g_new0 (Reading, 1);
  self->reading->path = g_strdup (path);
  gst_vl_task_init (&self->reading->task, read_file, reading_free);
  gst_vl_worker_push (self->worker, &self->reading->task);
}

static void
drop_reading (GstVlTextFile *self)
{
  if (!self->reading)
    return;
  gst_vl_task_cancel (&self->reading->task);
  gst_vl_task_unref (&self->reading->task);
  self->reading = NULL;
}

void
gst_vl_text_file_rest (GstVlTextFile *self)
{
  if (self->reading)
    memset (&self->watch.read, 0, sizeof self->watch.read); /* read anew */
  drop_reading (self);
  gst_vl_worker_close (self->worker, PATIENCE);
  self->worker = NULL;
}

void
gst_vl_text_file_free (GstVlTextFile *self)
{
  gst_vl_text_file_rest (self);
  g_free (self->path);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* ---- looking ---- */

/* The path, and whether it is another one than before. */
static gchar *
take_path (GstVlTextFile *self, gboolean *changed)
{
  gchar *path;

  g_mutex_lock (&self->lock);
  path = g_strdup (self->path);
  *changed = self->serial != self->taken;
  self->taken = self->serial;
  g_mutex_unlock (&self->lock);
  return path;
}

gboolean
gst_vl_text_file_read (GstVlTextFile *self, VlfEmbeddings **embeddings, GError **error)
{
  gboolean changed;
  g_autofree gchar *path = take_path (self, &changed);

  *embeddings = NULL;
  drop_reading (self);
  if (!*path)
    return changed;
  if (changed)
    gst_vl_file_watch_take (&self->watch, path);
  else if (!gst_vl_file_watch_renew (&self->watch, path))
    return FALSE;
  *embeddings = load (path, error);
  return *embeddings != NULL;
}

/* A reading that has ended. */
static gboolean
collect (GstVlTextFile *self, VlfEmbeddings **embeddings, GError **error)
{
  if (!self->reading || !gst_vl_worker_is_done (self->worker, &self->reading->task))
    return FALSE;
  *embeddings = g_steal_pointer (&self->reading->embeddings);
  if (self->reading->error)
    g_propagate_error (error, g_steal_pointer (&self->reading->error));
  drop_reading (self);
  return *embeddings != NULL;
}

gboolean
gst_vl_text_file_look (GstVlTextFile *self, VlfEmbeddings **embeddings, GError **error)
{
  gboolean changed;
  g_autofree gchar *path = take_path (self, &changed);

  *embeddings = NULL;
  if (changed)
    drop_reading (self);
  if (!*path)
    return changed;
  if (collect (self, embeddings, error))
    return TRUE;
  if (changed)
    gst_vl_file_watch_take (&self->watch, path);
  if (!self->reading && (changed || gst_vl_file_watch_look (&self->watch, path)))
    start_reading (self, path);
  return FALSE;
}
