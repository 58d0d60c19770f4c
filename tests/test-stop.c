/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loading that is stopped ends at once, also where the fingerprint has much to read: the model's file names a tensor that would take half
 * an hour, a hole in a sparse file. Usage: test-stop MODEL-FOLDER. */
#include "kernels/watch.h"
#include "models/model.h"
#include "tests/poison.h"

#define ROWS ((guint64) 1 << 20)
#define COLS ((guint64) 1 << 16)

static const char *folder;

typedef struct {
  VlfWatch *watch;
  guint calls, waits; /* while weights load, and for the fingerprint */
  guint most_calls, most_waits;
} Progress;

static gboolean
on_progress (double fraction, gpointer user)
{
  Progress *progress = user;

  if (fraction < 1)
    return ++progress->calls < progress->most_calls;
  g_assert_false (vlf_watch_is_stuck (progress->watch, NULL));
  return ++progress->waits < progress->most_waits;
}

static void
stop_loading (const char *directory, guint most_calls, guint most_waits)
{
  Progress progress = { vlf_watch_new (), 0, 0, most_calls, most_waits };
  VlfModelOptions options = {
    .directory = directory, .device = "reference", .progress = on_progress, .user = &progress
  };
  g_autoptr (GError) error = NULL;

  vlf_watch_begin (progress.watch);
  g_assert_null (vlf_model_open (&options, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_CANCELLED);
  vlf_watch_end ();
  vlf_watch_unref (progress.watch);
  g_assert_cmpuint (progress.waits, ==, most_calls < G_MAXUINT ? 0 : most_waits);
}

/* While weights load; then while only the fingerprint is left, for longer than a watchdog waits for a sign of life. */
static void
test_stop (void)
{
  gchar *copy = folder_copy (folder);

  if (poison_add (copy, "text_model.huge", ROWS, COLS)) {
    stop_loading (copy, 3, G_MAXUINT);
    stop_loading (copy, G_MAXUINT, 1);
    stop_loading (copy, G_MAXUINT, 30);
  } else {
    g_test_skip ("this file system has no files of so many bytes");
  }
  folder_remove (copy);
}

static void
test_fingerprint (void)
{
  g_autoptr (GError) error = NULL;
  const gint stop = TRUE, go_on = FALSE;
  g_autofree gchar *whole = vlf_model_make_fingerprint (folder, NULL, &error), *same = NULL;

  g_assert_no_error (error);
  same = vlf_model_make_fingerprint (folder, &go_on, &error);
  g_assert_cmpstr (whole, ==, same);
  g_assert_null (vlf_model_make_fingerprint (folder, &stop, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_CANCELLED);
}

/* However long somebody is willing to wait, it is not over at once. */
static void
test_patience (void)
{
  static const char *const seconds[] = { "2148", "4300", "86400", "1000000" };

  for (guint i = 0; i < G_N_ELEMENTS (seconds); i++) {
    VlfWatch *watch;

    g_setenv ("VLF_WATCHDOG", seconds[i], TRUE);
    watch = vlf_watch_new ();
    vlf_watch_begin (watch);
    g_usleep (G_USEC_PER_SEC / 2);
    g_assert_false (vlf_watch_is_stuck (watch, NULL));
    vlf_watch_end ();
    vlf_watch_unref (watch);
  }
  g_setenv ("VLF_WATCHDOG", "2", TRUE);
}

int
main (int argc, char **argv)
{
  g_setenv ("VLF_WATCHDOG", "2", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  folder = argv[1];
  g_test_add_func ("/stop/fingerprint", test_fingerprint);
  g_test_add_func ("/stop/loading", test_stop);
  g_test_add_func ("/stop/patience", test_patience);
  return g_test_run ();
}
