/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/folder.h"
#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

static gchar *folder;

static void
empty (void)
{
  GDir *dir = g_dir_open (folder, 0, NULL);
  const gchar *name;

  while (dir && (name = g_dir_read_name (dir)))
    fuzz_folder_remove (name);
  g_clear_pointer (&dir, g_dir_close);
}

static void
remove_folder (void)
{
  empty ();
  g_rmdir (folder);
  g_free (folder);
}

const char *
fuzz_folder (void)
{
  if (!folder) {
    folder = g_dir_make_tmp ("vlf-fuzz-XXXXXX", NULL);
    atexit (remove_folder);
  }
  return folder;
}

void
fuzz_folder_put_padded (const char *name, gconstpointer data, gsize n, gsize size)
{
  g_autofree gchar *path = g_build_filename (fuzz_folder (), name, NULL);
  FILE *file;

  g_unlink (path);
  file = fopen (path, "wb");
  g_assert_true (file && fwrite (data, 1, n, file) == n);
  g_assert_true (fflush (file) == 0 && ftruncate (fileno (file), (off_t) (n + size)) == 0);
  fclose (file);
}

void
fuzz_folder_put (const char *name, gconstpointer data, gsize size)
{
  fuzz_folder_put_padded (name, data, size, 0);
}

void
fuzz_folder_fill (const char *from)
{
  GDir *dir = g_dir_open (from, 0, NULL);
  const gchar *name;

  g_assert_nonnull (dir);
  fuzz_folder ();
  empty ();
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
