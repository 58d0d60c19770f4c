/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/cl_alone.h"
#include <string.h>

#define FIXED_IN 6 /* PoCL's major version */

void
vlf_cl_alone_init (VlfClAlone *alone, const char *platform, const char *driver)
{
  alone->needed = strstr (platform, "Portable Computing Language") && g_ascii_strtoull (driver, NULL, 10) < FIXED_IN;
  g_mutex_init (&alone->mutex);
  alone->queues = g_hash_table_new (NULL, NULL);
  alone->widest = g_hash_table_new_full (NULL, NULL, NULL, g_free);
}

void
vlf_cl_alone_clear (VlfClAlone *alone)
{
  g_hash_table_unref (alone->queues);
  g_hash_table_unref (alone->widest);
  if (!g_mutex_trylock (&alone->mutex))
    return; /* in a child of fork(): a thread of the parent's had it */
  g_mutex_unlock (&alone->mutex);
  g_mutex_clear (&alone->mutex);
}

void
vlf_cl_alone_add (VlfClAlone *alone, cl_command_queue queue)
{
  if (!alone->needed)
    return;
  g_mutex_lock (&alone->mutex);
  g_hash_table_add (alone->queues, queue);
  g_mutex_unlock (&alone->mutex);
}

void
vlf_cl_alone_remove (VlfClAlone *alone, cl_command_queue queue)
{
  if (!alone->needed)
    return;
  g_mutex_lock (&alone->mutex);
  g_hash_table_remove (alone->queues, queue);
  g_mutex_unlock (&alone->mutex);
}

/* With mutex. */
static cl_int
finish_all (VlfClAlone *alone)
{
  GHashTableIter iter;
  gpointer queue;
  cl_int status = CL_SUCCESS;

  g_hash_table_iter_init (&iter, alone->queues);
  while (status == CL_SUCCESS && g_hash_table_iter_next (&iter, &queue, NULL))
    status = vlf_cl_api ()->Finish (queue);
  return status;
}

cl_int
vlf_cl_alone_begin (VlfClAlone *alone)
{
  if (!alone->needed)
    return CL_SUCCESS;
  g_mutex_lock (&alone->mutex);
  return finish_all (alone);
}

void
vlf_cl_alone_end (VlfClAlone *alone)
{
  if (alone->needed)
    g_mutex_unlock (&alone->mutex);
}

/* Whether a grid of @width work-items is wider than all before; with mutex. */
static gboolean
is_new (VlfClAlone *alone, const char *name, gsize width)
{
  const gsize *widest = g_hash_table_lookup (alone->widest, name);

  return !widest || width > *widest;
}

cl_int
vlf_cl_alone_launch (VlfClAlone *alone, const char *name, cl_command_queue queue, cl_kernel kernel,
                     const gsize global[3], const gsize local[3], cl_event *event)
{
  const gsize width = MAX (global[0], global[1]); /* PoCL's pocl_cmd_max_grid_dim_width() leaves out the third */
  cl_int status = CL_SUCCESS;
  gboolean fresh;

  if (!alone->needed)
    return vlf_cl_api ()->EnqueueNDRangeKernel (queue, kernel, 3, NULL, global, local, 0, NULL, event);
  g_mutex_lock (&alone->mutex);
  fresh = is_new (alone, name, width);
  if (fresh)
    status = finish_all (alone);
  if (status == CL_SUCCESS)
    status = vlf_cl_api ()->EnqueueNDRangeKernel (queue, kernel, 3, NULL, global, local, 0, NULL, event);
  if (status == CL_SUCCESS && fresh) {
    status = vlf_cl_api ()->Finish (queue);
    g_hash_table_replace (alone->widest, (gpointer) name, g_memdup2 (&width, sizeof width));
  }
  g_mutex_unlock (&alone->mutex);
  return status;
}
