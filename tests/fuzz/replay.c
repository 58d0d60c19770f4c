/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the fuzz target it is linked with on every file of a folder, and on beginnings of each, spread over its length.
 * Usage: TARGET FOLDER [BEGINNINGS] */
#include "tests/fuzz/fuzz.h"
#include <string.h>

static const char *folder;
static guint beginnings = 400;

/* In memory of the exact size, so that a sanitizer sees a read beyond it. */
static void
run_copy (const gchar *data, gsize size)
{
  g_autofree guint8 *copy = g_malloc (MAX (size, 1));

  memcpy (copy, data, size);
  LLVMFuzzerTestOneInput (copy, size);
}

static void
replay (void)
{
  g_autoptr (GError) error = NULL;
  GDir *dir = g_dir_open (folder, 0, &error);
  const char *name;
  guint files = 0;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (dir))) {
    g_autofree gchar *path = g_build_filename (folder, name, NULL), *data = NULL;
    gsize size;

    g_file_get_contents (path, &data, &size, &error);
    g_assert_no_error (error);
    run_copy (data, size);
    for (gsize i = 0; i < MIN (size, beginnings); i++)
      run_copy (data, i * size / MIN (size, beginnings));
    files++;
  }
  g_dir_close (dir);
  g_assert_cmpuint (files, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc != 2 && argc != 3)
    g_error ("usage: %s FOLDER [BEGINNINGS]", argv[0]);
  folder = argv[1];
  if (argc == 3)
    beginnings = (guint) g_ascii_strtoull (argv[2], NULL, 10);
  g_test_add_func ("/fuzz/replay", replay);
  return g_test_run ();
}
