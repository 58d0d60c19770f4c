/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/folder.h"
#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "tests/folder.h"

static gchar *folder;

static void
remove_it (void)
{
  folder_remove (folder);
}

const char *
fuzz_folder (void)
{
  if (!folder) {
    folder = folder_new ();
    atexit (remove_it);
  }
  return folder;
}

void
fuzz_folder_put (const char *name, gconstpointer data, gsize size)
{
  folder_put (fuzz_folder (), name, data, (gssize) size);
}

void
fuzz_folder_put_padded (const char *name, gconstpointer data, gsize n, gsize size)
{
  g_autofree gchar *path = g_build_filename (fuzz_folder (), name, NULL);

  fuzz_folder_put (name, data, n);
  g_assert_cmpint (truncate (path, (off_t) (n + size)), ==, 0);
}

void
fuzz_folder_fill (const char *from)
{
  GDir *dir = g_dir_open (from, 0, NULL);
  const gchar *name;

  g_assert_nonnull (dir);
  folder_empty (fuzz_folder ());
  while ((name = g_dir_read_name (dir))) {
    g_autofree gchar *path = g_build_filename (from, name, NULL), *data = NULL;
    gsize size;

    if (g_file_get_contents (path, &data, &size, NULL))
      fuzz_folder_put (name, data, size);
  }
  g_dir_close (dir);
}

void
fuzz_folder_remove (const char *name)
{
  g_autofree gchar *path = g_build_filename (fuzz_folder (), name, NULL);

  g_unlink (path);
}
