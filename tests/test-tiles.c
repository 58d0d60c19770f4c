/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How work is cut: the table, what was tuned, what is broken; and that results do not depend on any of it. */
#include <glib/gstdio.h>
#include <string.h>
#include "kernels/ops.h"
#include "kernels/cache.h"
#include "kernels/program.h"
#include "kernels/tiles.h"
#include "kernels/tune.h"
#include "tests/folder.h"

#define ROWS 97u
#define COLS 64u

#define ODD "heights 1 2 3 4 5 chain 0 parts 3"

static void
test_parse (void)
{
  static const char *const wrong[] = { "",
                                       "heights 12 12 12 12 12 chain 1024 parts",
                                       "heights 12 12 12 12 12 chain 1024 parts 1 ",
                                       "heights 12 12 12 12 13 chain 1024 parts 1",
                                       "heights 0 12 12 12 12 chain 1024 parts 1",
                                       "heights -4 12 12 12 12 chain 1024 parts 1",
                                       "heights 12 12 12 12 12 chain 1024 parts 0",
                                       "heights 12 12 12 12 12 chain 99999 parts 2",
                                       "heights 012 12 12 12 12 chain 1024 parts 1",
                                       "Heights 12 12 12 12 12 chain 1024 parts 1" };
  VlfTiles tiles = vlf_tiles_shipped (16), other;
  g_autofree gchar *text = vlf_tiles_print (&tiles);

  g_assert_cmpstr (text, ==, "heights 12 12 12 12 12 chain 1024 parts 1");
  g_assert_true (vlf_tiles_parse (text, 16, &other));
  g_assert_cmpmem (&tiles, sizeof tiles, &other, sizeof other);
  g_assert_false (vlf_tiles_parse (text, 8, &other)); /* its tiles have six rows at most */
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_false (vlf_tiles_parse (wrong[i], 16, &other));
  g_assert_cmpmem (&tiles, sizeof tiles, &other, sizeof other);
}

static void
test_heights (void)
{
  VlfTiles tiles;

  g_assert_true (vlf_tiles_parse (ODD, 16, &tiles));
  g_assert_cmpuint (vlf_tiles_height (&tiles, 1), ==, 1);
  g_assert_cmpuint (vlf_tiles_height (&tiles, 16), ==, 1);
  g_assert_cmpuint (vlf_tiles_height (&tiles, 17), ==, 2);
  g_assert_cmpuint (vlf_tiles_height (&tiles, 640), ==, 4);
  g_assert_cmpuint (vlf_tiles_height (&tiles, 100000), ==, 5);
}

static gboolean
read_numbers (gpointer user, guint first, guint n, gpointer to, GError **error)
{
  float *numbers = to;

  (void) user;
  (void) error;
  for (guint i = 0; i < n * COLS; i++)
    numbers[i] = (float) ((gint) ((first * COLS + i) * 37 % 255) - 127) / 512.0f;
  return TRUE;
}

/* A layer's worth of operations on @device: y [ROWS, COLS]. */
static void
compute (VlfDevice *device, float *y)
{
  const VlfSource source = { VLF_F32, ROWS, COLS, read_numbers, NULL },
                  square = { VLF_F32, COLS, COLS, read_numbers, NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfQueue) queue = vlf_queue_new (device, &error);
  g_autoptr (VlfWeight) weight = vlf_weight_new (device, &square, NULL, 1, VLF_F32, &error);
  g_autoptr (VlfConstant) x = vlf_constant_new (device, &source, &error);
  VlfPass *pass;
  VlfTensor a, b;

  g_assert_no_error (error);
  pass = vlf_pass_begin (queue);
  a = vlf_linear (pass, x->tensor, weight, VLF_GELU, NULL);
  b = vlf_attention (pass, a, x->tensor, x->tensor, 2, NULL);
  vlf_output (pass, vlf_linear (pass, b, weight, VLF_NONE, &a), y);
  g_assert_true (vlf_pass_end (pass, &error));
}

/* Opens the device anew, and computes: what it uses; @key: where the cache has what was tuned. */
static VlfTiles
open_and_compute (float *y, gchar **key)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", &error);
  const VlfClDevice *cl;

  g_assert_no_error (error);
  g_assert_cmpint (vlf_device_family (device), ==, VLF_FAMILY_CPU);
  compute (device, y);
  cl = device->cl;
  if (key)
    *key = vlf_program_device_key (cl, "tiles");
  return cl->tiles;
}

static void
store (const char *key, const char *text)
{
  g_autoptr (GBytes) payload = g_bytes_new (text, strlen (text));

  vlf_cache_store (key, payload);
}

/* Turns the last byte of the entry @key. */
static void
damage (const char *folder, const char *key)
{
  g_autofree gchar *name = g_strconcat (key, ".clbin", NULL), *path = g_build_filename (folder, name, NULL),
                   *data = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  data[size - 1] ^= 1;
  g_assert_true (g_file_set_contents (path, data, (gssize) size, NULL));
  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
}

static void
assert_tiles (VlfTiles tiles, const char *text)
{
  g_autofree gchar *found = vlf_tiles_print (&tiles);

  g_assert_cmpstr (found, ==, text);
}

static void
test_device (gconstpointer folder)
{
  float shipped[ROWS * COLS], y[ROWS * COLS];
  g_autofree gchar *key = NULL, *table = NULL, *odd = NULL;
  VlfTiles tiles;

  tiles = open_and_compute (shipped, &key);
  table = vlf_tiles_print (&tiles);
  g_assert_true (g_str_has_prefix (table, "heights 12 ") || g_str_has_prefix (table, "heights 6 "));

  store (key, ODD);
  assert_tiles (open_and_compute (y, NULL), ODD);
  g_assert_cmpmem (y, sizeof y, shipped, sizeof shipped);
  odd = g_strdup ("heights 5 4 3 2 1 chain 64 parts 1");
  store (key, odd);
  assert_tiles (open_and_compute (y, NULL), odd);
  g_assert_cmpmem (y, sizeof y, shipped, sizeof shipped);

  damage (folder, key);
  assert_tiles (open_and_compute (y, NULL), table);
  g_assert_null (vlf_cache_load (key));
  store (key, "heights 5 4 3 2 1 chain 64 parts 1 and more");
  assert_tiles (open_and_compute (y, NULL), table);
  g_assert_cmpmem (y, sizeof y, shipped, sizeof shipped);
}

static void
test_tune (void)
{
  float before[ROWS * COLS], after[ROWS * COLS];
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", &error);
  g_autofree gchar *key = NULL;
  VlfTuning tuning;

  g_assert_no_error (error);
  compute (device, before);
  g_assert_true (vlf_device_tune (device, 1, &tuning, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (tuning.tried, >, 0);
  g_assert_true (tuning.gain >= 1);
  g_assert_true ((tuning.gain > 1) == (strcmp (tuning.before, tuning.after) != 0));
  compute (device, after);
  g_assert_cmpmem (before, sizeof before, after, sizeof after);
  g_clear_pointer (&device, vlf_device_unref);
  assert_tiles (open_and_compute (after, &key), tuning.after);
  g_assert_cmpmem (before, sizeof before, after, sizeof after);
  vlf_tuning_clear (&tuning);
}

static void
test_others (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("reference", &error);
  VlfTuning tuning;

  g_assert_no_error (error);
  g_assert_false (vlf_device_tune (device, 1, &tuning, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED);
}

int
main (int argc, char **argv)
{
  gchar *folder = folder_new ();
  int status;

  g_test_init (&argc, &argv, NULL);
  g_setenv ("VLF_CACHE_DIR", folder, TRUE);
  g_unsetenv ("VLF_CACHE");
  g_test_add_func ("/tiles/parse", test_parse);
  g_test_add_func ("/tiles/heights", test_heights);
  g_test_add_func ("/tiles/others", test_others);
  g_test_add_data_func ("/tiles/device", folder, test_device);
  g_test_add_func ("/tiles/tune", test_tune);
  status = g_test_run ();
  folder_remove (folder);
  return status;
}
