/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* A thread that runs tasks one after the other and can be left behind: a driver that hangs, or a model that takes a minute for a frame,
 * never holds up the thread that waits for it. Knows nothing of video or of models. All functions are thread-safe. */
typedef struct _GstVlWorker GstVlWorker;
typedef struct _GstVlTask GstVlTask;

/* Embedded as the first member of what a task works on. Reference-counted; whoever waits keeps a reference. */
struct _GstVlTask {
  void (*run) (GstVlTask *task, GstVlWorker *worker); /* on the worker's thread */
  void (*free) (GstVlTask *task);                     /* last reference, any thread */
  /*< private >*/
  gint refs;
  gint cancelled;
  gboolean done; /* guarded by the worker's lock */
};

/* The caller's is the first reference. */
void gst_vl_task_init (GstVlTask *task, void (*run) (GstVlTask *, GstVlWorker *), void (*free) (GstVlTask *));
GstVlTask *gst_vl_task_ref (GstVlTask *task);
void gst_vl_task_unref (GstVlTask *task); /* NULL is fine */
/* Nobody is interested any longer: a task that has not begun never does. */
void gst_vl_task_cancel (GstVlTask *task);
gboolean gst_vl_task_is_cancelled (GstVlTask *task);

/* @data: what tasks share, given to @destroy on the worker's thread after the last of them. */
GstVlWorker *gst_vl_worker_new (const gchar *name, gpointer data, GDestroyNotify destroy);
gpointer gst_vl_worker_get_data (GstVlWorker *worker);
void gst_vl_worker_push (GstVlWorker *worker, GstVlTask *task);
gboolean gst_vl_worker_is_done (GstVlWorker *worker, GstVlTask *task);
/* TRUE while a task runs or waits to run. */
gboolean gst_vl_worker_is_busy (GstVlWorker *worker);
typedef enum { GST_VL_WAIT_DONE, GST_VL_WAIT_INTERRUPTED, GST_VL_WAIT_TIMEOUT } GstVlWait;
/* Until @task has run, at most @patience microseconds. */
GstVlWait gst_vl_worker_wait (GstVlWorker *worker, GstVlTask *task, gint64 patience);
/* While @interrupted, every wait ends at once. */
void gst_vl_worker_interrupt (GstVlWorker *worker, gboolean interrupted);
/* A long task asks now and then whether it should stop early. */
gboolean gst_vl_worker_is_closing (GstVlWorker *worker);
/* Ends the thread, which first lets go of the tasks that have not begun, waiting at most @patience microseconds for it; then it is left to
 * end by itself, and FALSE; so it is at once where one of its own tasks calls this. NULL is fine. */
gboolean gst_vl_worker_close (GstVlWorker *worker, gint64 patience);

G_END_DECLS
