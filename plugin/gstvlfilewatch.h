/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* Whether a file has changed since it was read, told when it rests: one that is being written is left alone. One thread at a time. */

/* What tells one state of a file from another. All zero: there is none. Without padding, which a timespec may have. */
typedef struct {
  guint64 device, inode, size;
  gint64 seconds, nanoseconds; /* when it was written */
} GstVlFileStamp;

typedef struct {
  GstVlFileStamp seen; /* at the last look */
  GstVlFileStamp read; /* what was read last, well or not */
  gint64 next;         /* time of the next look */
} GstVlFileWatch;      /* zeroed: nothing was read */

/* @path is read now. */
void gst_vl_file_watch_take (GstVlFileWatch *self, const gchar *path);
/* The same, but FALSE where it is what was read before. */
gboolean gst_vl_file_watch_renew (GstVlFileWatch *self, const gchar *path);
/* Looks now and then: TRUE when @path is another file than the one read and was the same at the last look; that is the one read then. */
gboolean gst_vl_file_watch_look (GstVlFileWatch *self, const gchar *path);

G_END_DECLS
