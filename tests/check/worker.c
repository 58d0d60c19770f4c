/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The thread that inferences run on. */
#include <gst/check/gstcheck.h>
#include "plugin/gstvlworker.h"

typedef struct {
  GstVlTask task;
  GThread **freed_by;
} Waiting;

static void
run_until_closing (GstVlTask *task, GstVlWorker *worker)
{
  (void) task;
  g_atomic_pointer_set ((GThread **) gst_vl_worker_get_data (worker), g_thread_self ());
  while (!gst_vl_worker_is_closing (worker))
    g_usleep (1000);
}

static void
never_run (GstVlTask *task, GstVlWorker *worker)
{
  (void) task;
  (void) worker;
  fail ("a task began after the worker had been closed");
}

static void
free_waiting (GstVlTask *task)
{
  Waiting *waiting = (Waiting *) task;

  *waiting->freed_by = g_thread_self ();
  g_free (waiting);
}

/* What a task holds may be the last of a model: whoever closes must not be the one who releases it. */
GST_START_TEST (test_waiting_tasks)
{
  void (*const runs[]) (GstVlTask *, GstVlWorker *) = { run_until_closing, never_run };
  GThread *thread = NULL, *freed_by[G_N_ELEMENTS (runs)] = { NULL };
  GstVlWorker *worker = gst_vl_worker_new ("worker", &thread, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (runs); i++) {
    Waiting *waiting = g_new0 (Waiting, 1);

    waiting->freed_by = &freed_by[i];
    gst_vl_task_init (&waiting->task, runs[i], free_waiting);
    gst_vl_worker_push (worker, &waiting->task);
    gst_vl_task_unref (&waiting->task);
    while (g_atomic_pointer_get (&thread) == NULL)
      g_usleep (1000);
  }
  fail_unless (gst_vl_worker_close (worker, G_TIME_SPAN_MINUTE));
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    fail_unless (thread && freed_by[i] == thread, "task %u", i);
}
GST_END_TEST

static Suite *
worker_suite (void)
{
  Suite *s = suite_create ("worker");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_waiting_tasks);
  return s;
}

GST_CHECK_MAIN (worker)
