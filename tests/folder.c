/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/folder.h"
#include <ftw.h>
#include <glib/gstdio.h>
#include <string.h>

gchar *
folder_new (void)
{
  g_autoptr (GError) error = NULL;
  gchar *folder = g_dir_make_tmp ("vlf-test-XXXXXX", &error);

  g_assert_no_error (error);
  return folder;
}

gchar *
folder_copy (const gchar *from)
{
  gchar *copy = folder_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (from, 0, &error);
  const gchar *name;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (dir))) {
    g_autofree gchar *path = g_build_filename (from, name, NULL), *data = NULL;
    gsize size;

    if (g_file_get_contents (path, &data, &size, NULL))
      folder_put (copy, name, data, (gssize) size);
  }
  return copy;
}

void
folder_put (const gchar *folder, const gchar *name, gconstpointer data, gssize size)
{
  g_autofree gchar *path = g_build_filename (folder, name, NULL);
  const gsize n = size < 0 ? strlen (data) : (gsize) size;
  FILE *file;

  g_unlink (path);
  file = g_fopen (path, "wb");
  g_assert_nonnull (file);
  g_assert_cmpuint (fwrite (data, 1, n, file), ==, n);
  g_assert_cmpint (fclose (file), ==, 0);
}

static int
remove_below (const char *path, const struct stat *status, int type, struct FTW *at)
{
  (void) status;
  (void) type;
  if (at->level > 0)
    g_remove (path);
  return 0;
}

void
folder_empty (const gchar *folder)
{
  nftw (folder, remove_below, 8, FTW_DEPTH | FTW_PHYS);
}

void
folder_remove (gchar *folder)
{
  folder_empty (folder);
  g_rmdir (folder);
  g_free (folder);
}
