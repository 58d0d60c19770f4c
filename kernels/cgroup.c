/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/cgroup.h"
#include <string.h>

static gchar *
read_text (const char *folder, const char *name)
{
  g_autofree gchar *path = g_build_filename (folder, name, NULL);
  gchar *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? g_strstrip (text) : NULL;
}

/* FALSE where the file is not there or says "max". */
static gboolean
read_bytes (const char *folder, const char *name, guint64 *bytes)
{
  g_autofree gchar *text = read_text (folder, name);

  return text && g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, bytes, NULL);
}

/* Pages of files, which make room for others. */
static guint64
droppable (const char *folder)
{
  g_autofree gchar *text = read_text (folder, "memory.stat");
  g_auto (GStrv) lines = g_strsplit (text ? text : "", "\n", -1);
  guint64 sum = 0;

  for (guint i = 0; lines[i]; i++) {
    if (g_str_has_prefix (lines[i], "active_file ") || g_str_has_prefix (lines[i], "inactive_file "))
      sum += g_ascii_strtoull (strchr (lines[i], ' '), NULL, 10);
  }
  return sum;
}

static guint64
room_of (const char *folder)
{
  guint64 most, used, files;

  if (!read_bytes (folder, "memory.max", &most) || !read_bytes (folder, "memory.current", &used))
    return G_MAXUINT64;
  files = droppable (folder);
  used -= MIN (used, files);
  return most > used ? most - used : 0;
}

/* The process's group below the root; NULL: none. */
static gchar *
own_group (const char *membership)
{
  g_autofree gchar *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (membership, &text, NULL, NULL))
    return NULL;
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    if (g_str_has_prefix (lines[i], "0::/"))
      return g_strdup (strstr (lines[i], "/..") ? "/" : lines[i] + strlen ("0::")); /* outside of this namespace */
  }
  return NULL;
}

gsize
vlf_cgroup_room (const char *membership, const char *root)
{
  g_autofree gchar *group = own_group (membership);
  guint64 room = G_MAXUINT64;

  while (group) {
    g_autofree gchar *folder = g_build_filename (root, group, NULL), *below = g_steal_pointer (&group);
    guint64 here = room_of (folder);

    room = MIN (room, here);
    group = g_str_equal (below, "/") ? NULL : g_path_get_dirname (below);
  }
  return (gsize) MIN (room, G_MAXSIZE);
}
