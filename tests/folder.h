/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests: folders of their own, below the system's for temporary files. */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* An empty one; free with folder_remove(). */
gchar *folder_new (void);
/* One with a copy of each plain file of @from, and nothing else; free with folder_remove(). */
gchar *folder_copy (const gchar *from);
/* Writes @size bytes, -1 for those of a string, to file @name. A file of that name gets out of the way first: replacing one, or making it
 * shorter, lets some file systems wait for the disk. */
void folder_put (const gchar *folder, const gchar *name, gconstpointer data, gssize size);
/* Removes all that is in it, in folders of it too; no symbolic link is followed. What cannot be removed, or is written meanwhile, stays. */
void folder_empty (const gchar *folder);
/* Removes it with all that is in it, and frees its path. */
void folder_remove (gchar *folder);

G_END_DECLS
