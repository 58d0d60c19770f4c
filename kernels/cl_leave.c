/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/cl_leave.h"

#define PATIENCE (2 * G_TIME_SPAN_SECOND)

typedef struct {
  gint refs; /* whoever waits, and the thread */
  cl_command_queue queue;
  GMutex mutex;
  GCond changed;
  gboolean returned, ended; /* the wait has come back; and has waited */
} Leave;

static void
leave_unref (Leave *leave)
{
  if (!g_atomic_int_dec_and_test (&leave->refs))
    return;
  g_mutex_clear (&leave->mutex);
  g_cond_clear (&leave->changed);
  g_free (leave);
}

static gpointer
leave_main (gpointer data)
{
  Leave *leave = data;
  cl_int status = vlf_cl_api ()->Finish (leave->queue);

  g_mutex_lock (&leave->mutex);
  leave->returned = TRUE;
  leave->ended = status == CL_SUCCESS;
  g_cond_broadcast (&leave->changed);
  g_mutex_unlock (&leave->mutex);
  leave_unref (leave);
  return NULL;
}

gboolean
vlf_cl_leave (cl_command_queue queue)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE;
  Leave *leave = g_new0 (Leave, 1);
  GThread *thread;
  gboolean ended;

  leave->refs = 2;
  leave->queue = queue;
  g_mutex_init (&leave->mutex);
  g_cond_init (&leave->changed);
  thread = g_thread_try_new ("vlf-leave", leave_main, leave, NULL);
  if (!thread)
    leave->refs = 1;
  g_mutex_lock (&leave->mutex);
  while (thread && !leave->returned && g_cond_wait_until (&leave->changed, &leave->mutex, deadline))
    continue;
  ended = leave->ended;
  g_mutex_unlock (&leave->mutex);
  if (thread)
    g_thread_unref (thread);
  leave_unref (leave);
  return ended;
}
