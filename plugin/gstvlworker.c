/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlworker.h"

struct _GstVlWorker {
  gint refs; /* the owner's and the thread's */
  GMutex lock;
  GCond changed; /* a task came, ended, or one of the flags below changed */
  GQueue tasks;  /* of GstVlTask, waiting to run */
  gboolean busy, interrupted, closing, ended;
  gpointer data;
  GDestroyNotify destroy;
  GThread *thread;
};

void
gst_vl_task_init (GstVlTask *task, void (*run) (GstVlTask *, GstVlWorker *), void (*free_task) (GstVlTask *))
{
  task->run = run;
  task->free = free_task;
  task->refs = 1;
}

GstVlTask *
gst_vl_task_ref (GstVlTask *task)
{
  g_atomic_int_inc (&task->refs);
  return task;
}

void
gst_vl_task_unref (GstVlTask *task)
{
  if (task && g_atomic_int_dec_and_test (&task->refs))
    task->free (task);
}

void
gst_vl_task_cancel (GstVlTask *task)
{
  g_atomic_int_set (&task->cancelled, TRUE);
}

gboolean
gst_vl_task_is_cancelled (GstVlTask *task)
{
  return g_atomic_int_get (&task->cancelled) != 0;
}

static void
worker_unref (GstVlWorker *worker)
{
  if (!g_atomic_int_dec_and_test (&worker->refs))
    return;
  g_queue_clear_full (&worker->tasks, (GDestroyNotify) gst_vl_task_unref);
  g_mutex_clear (&worker->lock);
  g_cond_clear (&worker->changed);
  g_free (worker);
}

/* Called with the lock, which is released while the task runs and while it is freed. */
static void
run_one (GstVlWorker *worker, GstVlTask *task)
{
  worker->busy = TRUE;
  g_mutex_unlock (&worker->lock);
  if (!gst_vl_task_is_cancelled (task))
    task->run (task, worker);
  g_mutex_lock (&worker->lock);
  worker->busy = FALSE;
  task->done = TRUE;
  g_cond_broadcast (&worker->changed);
  g_mutex_unlock (&worker->lock);
  gst_vl_task_unref (task);
  g_mutex_lock (&worker->lock);
}

/* Tasks that never ran. Freeing one may release the last of a model, which calls the driver: this must happen here, never on the thread
 * that closes. Called with the lock, which is released while a task is freed. */
static void
drop_waiting (GstVlWorker *worker)
{
  GstVlTask *task;

  while ((task = g_queue_pop_head (&worker->tasks))) {
    g_mutex_unlock (&worker->lock);
    gst_vl_task_unref (task);
    g_mutex_lock (&worker->lock);
  }
}

static gpointer
worker_main (gpointer data)
{
  GstVlWorker *worker = data;

  g_mutex_lock (&worker->lock);
  while (!worker->closing) {
    GstVlTask *task = g_queue_pop_head (&worker->tasks);

    if (task)
      run_one (worker, task);
    else
      g_cond_wait (&worker->changed, &worker->lock);
  }
  drop_waiting (worker);
  g_mutex_unlock (&worker->lock);

  if (worker->destroy)
    worker->destroy (worker->data);

  g_mutex_lock (&worker->lock);
  worker->ended = TRUE;
  g_cond_broadcast (&worker->changed);
  g_mutex_unlock (&worker->lock);
  worker_unref (worker);
  return NULL;
}

GstVlWorker *
gst_vl_worker_new (const gchar *name, gpointer data, GDestroyNotify destroy)
{
  GstVlWorker *worker = g_new0 (GstVlWorker, 1);

  worker->refs = 2;
  worker->data = data;
  worker->destroy = destroy;
  g_mutex_init (&worker->lock);
  g_cond_init (&worker->changed);
  g_queue_init (&worker->tasks);
  worker->thread = g_thread_new (name, worker_main, worker);
  return worker;
}

gpointer
gst_vl_worker_get_data (GstVlWorker *worker)
{
  return worker->data;
}

void
gst_vl_worker_push (GstVlWorker *worker, GstVlTask *task)
{
  g_mutex_lock (&worker->lock);
  g_queue_push_tail (&worker->tasks, gst_vl_task_ref (task));
  g_cond_broadcast (&worker->changed);
  g_mutex_unlock (&worker->lock);
}

gboolean
gst_vl_worker_is_done (GstVlWorker *worker, GstVlTask *task)
{
  gboolean done;

  g_mutex_lock (&worker->lock);
  done = task->done;
  g_mutex_unlock (&worker->lock);
  return done;
}

gboolean
gst_vl_worker_is_busy (GstVlWorker *worker)
{
  gboolean busy;

  g_mutex_lock (&worker->lock);
  busy = worker->busy || !g_queue_is_empty (&worker->tasks);
  g_mutex_unlock (&worker->lock);
  return busy;
}

GstVlWait
gst_vl_worker_wait (GstVlWorker *worker, GstVlTask *task, gint64 patience)
{
  gint64 deadline = g_get_monotonic_time () + patience;
  GstVlWait how;

  g_mutex_lock (&worker->lock);
  while (!task->done && !worker->interrupted && g_cond_wait_until (&worker->changed, &worker->lock, deadline))
    continue;
  how = task->done ? GST_VL_WAIT_DONE : worker->interrupted ? GST_VL_WAIT_INTERRUPTED : GST_VL_WAIT_TIMEOUT;
  g_mutex_unlock (&worker->lock);
  return how;
}

void
gst_vl_worker_interrupt (GstVlWorker *worker, gboolean interrupted)
{
  g_mutex_lock (&worker->lock);
  worker->interrupted = interrupted;
  g_cond_broadcast (&worker->changed);
  g_mutex_unlock (&worker->lock);
}

gboolean
gst_vl_worker_is_closing (GstVlWorker *worker)
{
  gboolean closing;

  g_mutex_lock (&worker->lock);
  closing = worker->closing;
  g_mutex_unlock (&worker->lock);
  return closing;
}

gboolean
gst_vl_worker_close (GstVlWorker *worker, gint64 patience)
{
  gint64 deadline = g_get_monotonic_time () + patience;
  gboolean ended;

  if (!worker)
    return TRUE;
  if (worker->thread == g_thread_self ()) /* from one of its own tasks, after which it ends */
    deadline = 0;
  g_mutex_lock (&worker->lock);
  worker->closing = worker->interrupted = TRUE;
  g_cond_broadcast (&worker->changed);
  while (!worker->ended && g_cond_wait_until (&worker->changed, &worker->lock, deadline))
    continue;
  ended = worker->ended;
  g_mutex_unlock (&worker->lock);

  if (ended)
    g_thread_join (worker->thread);
  else
    g_thread_unref (worker->thread);
  worker_unref (worker);
  return ended;
}
