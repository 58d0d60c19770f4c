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

/* Where a version of control groups says what: below its folder of the root, the files of limit and use, and what lines of memory.stat with the
 * pages of files begin with; of version 1, whose limits count what the groups below use too, the lines that do so. */
typedef struct {
  const char *folder, *most, *used, *active, *inactive;
} Version;

static const Version version1 = { "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_active_file ",
                                  "total_inactive_file " };
static const Version version2 = { "", "memory.max", "memory.current", "active_file ", "inactive_file " };

/* Pages of files, which make room for others. */
static guint64
droppable (const Version *version, const char *folder)
{
  g_autofree gchar *text = read_text (folder, "memory.stat");
  g_auto (GStrv) lines = g_strsplit (text ? text : "", "\n", -1);
  guint64 sum = 0;

  for (guint i = 0; lines[i]; i++) {
    if (g_str_has_prefix (lines[i], version->active) || g_str_has_prefix (lines[i], version->inactive))
      sum += g_ascii_strtoull (strchr (lines[i], ' '), NULL, 10);
  }
  return sum;
}

static guint64
room_of (const Version *version, const char *folder)
{
  guint64 most, used, files;

  if (!read_bytes (folder, version->most, &most) || !read_bytes (folder, version->used, &used))
    return G_MAXUINT64;
  files = droppable (version, folder);
  used -= MIN (used, files);
  return most > used ? most - used : 0;
}

/* The tightest of @group and those above it. */
static guint64
room_above (const Version *version, const char *root, const char *group)
{
  g_autofree gchar *path = g_strdup (strstr (group, "/..") ? "/" : group); /* outside of this namespace */
  guint64 room = G_MAXUINT64;

  while (path) {
    g_autofree gchar *folder = g_build_filename (root, version->folder, path, NULL), *below = g_steal_pointer (&path);
    guint64 here = room_of (version, folder);

    room = MIN (room, here);
    path = g_str_equal (below, "/") ? NULL : g_path_get_dirname (below);
  }
  return room;
}

/* What the controllers of a line of the membership belong to; NULL: memory is not among them. */
static const Version *
version_of (const char *hierarchy, const char *controllers)
{
  g_auto (GStrv) names = g_strsplit (controllers, ",", -1);

  if (g_strv_contains ((const gchar *const *) names, "memory"))
    return &version1;
  return g_str_equal (hierarchy, "0") && *controllers == '\0' ? &version2 : NULL;
}

gsize
vlf_cgroup_room (const char *membership, const char *root)
{
  g_autofree gchar *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint64 room = G_MAXUINT64;

  if (!g_file_get_contents (membership, &text, NULL, NULL))
    return G_MAXSIZE;
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    g_auto (GStrv) parts = g_strsplit (lines[i], ":", 3); /* hierarchy, controllers, group */
    const Version *version = g_strv_length (parts) == 3 ? version_of (parts[0], parts[1]) : NULL;
    guint64 here = version && parts[2][0] == '/' ? room_above (version, root, parts[2]) : G_MAXUINT64;

    room = MIN (room, here);
  }
  return (gsize) MIN (room, G_MAXSIZE);
}
