/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlfilewatch.h"
#include <string.h>
#include <sys/stat.h>

#define PERIOD (200 * G_TIME_SPAN_MILLISECOND) /* between two looks at the file */

static void
take_stamp (GstVlFileStamp *stamp, const gchar *path)
{
  struct stat status;

  memset (stamp, 0, sizeof *stamp);
  if (stat (path, &status) != 0)
    return;
  stamp->device = (guint64) status.st_dev;
  stamp->inode = (guint64) status.st_ino;
  stamp->size = (guint64) status.st_size;
  stamp->seconds = status.st_mtim.tv_sec;
  stamp->nanoseconds = status.st_mtim.tv_nsec;
}

static gboolean
same (const GstVlFileStamp *a, const GstVlFileStamp *b)
{
  return memcmp (a, b, sizeof *a) == 0;
}

void
gst_vl_file_watch_take (GstVlFileWatch *self, const gchar *path)
{
  take_stamp (&self->seen, path);
  self->read = self->seen;
  self->next = g_get_monotonic_time () + PERIOD;
}

gboolean
gst_vl_file_watch_renew (GstVlFileWatch *self, const gchar *path)
{
  take_stamp (&self->seen, path);
  if (same (&self->seen, &self->read))
    return FALSE;
  self->read = self->seen;
  return TRUE;
}

gboolean
gst_vl_file_watch_look (GstVlFileWatch *self, const gchar *path)
{
  gint64 now = g_get_monotonic_time ();
  GstVlFileStamp before = self->seen;

  if (now < self->next)
    return FALSE;
  self->next = now + PERIOD;
  take_stamp (&self->seen, path);
  if (!same (&self->seen, &before) || same (&self->seen, &self->read))
    return FALSE;
  self->read = self->seen;
  return TRUE;
}
