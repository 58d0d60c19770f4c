/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Instructions beyond OpenCL C are used only where a probe has proven them: whatever else becomes of the probe, kernels are built without
 * and give the same numbers. Usage: test-tier VLF-PROBE. */
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kernels/cl_device.h"
#include "kernels/tier.h"
#include "kernels/tiles.h"
#include "tests/amx-trap.h"
#include "tests/folder.h"

#define ROWS    13u
#define INPUTS  97u
#define OUTPUTS 50u

#define FIND "find" /* in place of a path: prints where the probe is */

static const char *real_probe;

typedef struct {
  gchar *folder, *probe;
} Fixture;

/* A cache of its own and, where @script is given, a probe that runs it in a shell. */
static void
set_up (Fixture *f, gconstpointer script)
{
  f->folder = folder_new ();
  f->probe = g_build_filename (f->folder, "probe", NULL);
  g_setenv ("VLF_CACHE_DIR", f->folder, TRUE);
  g_unsetenv ("VLF_CACHE");
  g_unsetenv ("VLF_PROBE_WAIT");
  g_setenv ("VLF_TIERS", "int8", TRUE);
  g_setenv ("VLF_PROBE", script ? f->probe : real_probe, TRUE);
  if (script) {
    g_autofree gchar *text = g_strdup_printf ("#!/bin/sh\necho >> '%s/calls'\n%s\n", f->folder, (const char *) script);

    g_assert_true (g_file_set_contents (f->probe, text, -1, NULL));
    g_assert_cmpint (g_chmod (f->probe, 0700), ==, 0);
  }
}

static void
tear_down (Fixture *f, gconstpointer script)
{
  (void) script;
  folder_remove (f->folder);
  g_free (f->probe);
}

static float
number (guint i)
{
  return (float) ((gint) (i * 37 % 255) - 127);
}

static gboolean
read_numbers (gpointer user, guint first, guint n, gpointer to, GError **error)
{
  float *numbers = to;

  (void) user;
  (void) error;
  for (guint i = 0; i < n * INPUTS; i++)
    numbers[i] = number (first * INPUTS + i);
  return TRUE;
}

/* Multiplies in 8 bits on a device that is opened anew; which instructions that took. */
static guint
multiply (float *y)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", &error);
  g_autoptr (VlfQueue) queue = device ? vlf_queue_new (device, &error) : NULL;
  g_autoptr (VlfWeight) weight = NULL;
  VlfSource source = { VLF_F32, OUTPUTS, INPUTS, read_numbers, NULL };
  float x[ROWS * INPUTS];
  VlfPass *pass;

  g_assert_no_error (error);
  weight = vlf_weight_new (device, &source, NULL, 1, VLF_I8, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (x); i++)
    x[i] = number (3 * i + 1) / 8;
  pass = vlf_pass_begin (queue);
  vlf_output (pass, vlf_linear (pass, vlf_input (pass, x, 1, ROWS, INPUTS), weight, VLF_GELU, NULL), y);
  vlf_pass_end (pass, &error);
  g_assert_no_error (error);
  return ((const VlfClDevice *) device->cl)->tiers;
}

static guint
seeming_tier (void)
{
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", NULL);

  return vlf_tier_seeming (device->cl);
}

static guint
calls (const Fixture *f)
{
  g_autofree gchar *path = g_build_filename (f->folder, "calls", NULL), *text = NULL;
  gsize n = 0;

  g_file_get_contents (path, &text, &n, NULL);
  return (guint) n;
}

/* From here on whoever builds a program has something to say, on standard output where it does not take care. */
static void
be_talkative (void)
{
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", NULL);
  const VlfTiles tiles = vlf_tiles_shipped (((const VlfClDevice *) device->cl)->width);

  vlf_tiles_store (device, &tiles);
  g_log_writer_default_set_use_stderr (TRUE); /* of this process */
  g_setenv ("G_MESSAGES_DEBUG", "all", TRUE);
}

/* What a probe says besides its answer does not matter. */
static void
test_proven (Fixture *f, gconstpointer script)
{
  float plain[ROWS * OUTPUTS], fast[ROWS * OUTPUTS], again[ROWS * OUTPUTS];
  const guint seeming = vlf_tier_best (seeming_tier ());

  (void) f;
  (void) script;
  g_setenv ("VLF_PROBE_WAIT", "300", TRUE); /* for a busy machine */
  be_talkative ();
  g_assert_cmpuint (multiply (fast), ==, seeming);
  g_unsetenv ("G_MESSAGES_DEBUG");
  g_setenv ("VLF_PROBE", "/nonexistent", TRUE); /* the verdict is kept */
  g_assert_cmpuint (multiply (again), ==, seeming);
  g_assert_cmpmem (fast, sizeof fast, again, sizeof again);
  g_setenv ("VLF_TIERS", "none", TRUE);
  g_assert_cmpuint (multiply (plain), ==, 0);
  g_assert_cmpmem (plain, sizeof plain, fast, sizeof fast);
}

static void
test_refused (Fixture *f, gconstpointer script)
{
  float refused[ROWS * OUTPUTS], plain[ROWS * OUTPUTS];

  (void) script;
  if (seeming_tier () == 0) {
    g_test_skip ("this processor has no tier to probe");
    return;
  }
  g_assert_cmpuint (multiply (refused), ==, 0);
  g_assert_cmpuint (calls (f), ==, 1);
  g_assert_cmpuint (multiply (refused), ==, 0);
  g_assert_cmpuint (calls (f), ==, 1); /* not asked twice */
  g_setenv ("VLF_TIERS", "none", TRUE);
  multiply (plain);
  g_assert_cmpmem (refused, sizeof refused, plain, sizeof plain);
}

static void
test_no_cache (Fixture *f, gconstpointer script)
{
  float y[ROWS * OUTPUTS];

  (void) script;
  g_setenv ("VLF_CACHE", "off", TRUE);
  g_assert_cmpuint (multiply (y), ==, 0);
  g_assert_cmpuint (calls (f), ==, 0);
}

static void
test_no_probe (Fixture *f, gconstpointer script)
{
  float y[ROWS * OUTPUTS];

  (void) f;
  (void) script;
  g_setenv ("VLF_PROBE", "/nonexistent", TRUE);
  g_assert_cmpuint (multiply (y), ==, 0);
}

/* Whatever ended the probe from outside, or kept it from trying, said nothing about the instructions: the next one is asked again. */
static void
test_interrupted (Fixture *f, gconstpointer script)
{
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", NULL);

  (void) script;
  for (guint i = 1; i <= 2; i++) {
    gint64 patience = G_TIME_SPAN_HOUR;

    g_assert_false (vlf_tier_proven (device, VLF_TIER_INT8, "some program", &patience));
    g_assert_cmpint (patience, >, 0);
    g_assert_cmpuint (calls (f), ==, i);
  }
}

/* Where the system does not say how a probe ended, its word is believed, and what it has kept itself stands: here, that it could not try. */
static void
test_unseen (Fixture *f, gconstpointer script)
{
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", NULL);
  const gboolean proven = g_str_has_prefix (script, "echo");

  signal (SIGCHLD, SIG_IGN);
  for (guint i = 1; i <= 2; i++) {
    gint64 patience = G_TIME_SPAN_HOUR;

    g_assert_cmpint (vlf_tier_proven (device, VLF_TIER_INT8, "some program", &patience), ==, proven);
    g_assert_cmpuint (calls (f), ==, proven ? 1 : i);
  }
  signal (SIGCHLD, SIG_DFL);
}

/* Neither does one that could not be started; this one has neither a head that names a shell nor machine code. */
static void
test_not_started (Fixture *f, gconstpointer script)
{
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", NULL);
  g_autofree gchar *good = NULL;
  gint64 patience = G_TIME_SPAN_HOUR;
  gsize size;

  (void) script;
  g_assert_true (g_file_get_contents (f->probe, &good, &size, NULL));
  g_assert_true (g_file_set_contents_full (f->probe, "?", 1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
  g_assert_false (vlf_tier_proven (device, VLF_TIER_INT8, "some program", &patience));
  g_assert_true (g_file_set_contents_full (f->probe, good, (gssize) size, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
  g_assert_true (vlf_tier_proven (device, VLF_TIER_INT8, "some program", &patience));
  g_assert_cmpuint (calls (f), ==, 1);
}

/* Keys of the terminal reach the group of processes that it runs, which the probe outlives. */
static void
test_group (Fixture *f, gconstpointer script)
{
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", NULL);
  g_autofree gchar *path = g_build_filename (f->folder, "group", NULL), *group = NULL;
  gint64 patience = G_TIME_SPAN_HOUR;

  (void) script;
  g_assert_true (vlf_tier_proven (device, VLF_TIER_INT8, "some program", &patience));
  g_assert_true (g_file_get_contents (path, &group, NULL, NULL));
  g_assert_cmpint (g_ascii_strtoll (group, NULL, 10), >, 0);
  g_assert_cmpint (g_ascii_strtoll (group, NULL, 10), !=, getpgrp ());
}

typedef struct {
  VlfDevice *device;
  VlfWatch *watch;
  gint done; /* atomic */
} Patient;

static gpointer
wait_for_probe (gpointer data)
{
  Patient *p = data;
  gint64 patience = G_TIME_SPAN_HOUR;

  vlf_watch_begin (p->watch);
  g_assert_false (vlf_tier_proven (p->device, VLF_TIER_INT8, "some program", &patience));
  g_assert_cmpint (patience, >, 0);
  vlf_watch_end ();
  g_atomic_int_set (&p->done, 1);
  return NULL;
}

/* A probe may compile for longer than a thread may be silent: who waits for it is not stuck. */
static void
test_slow (Fixture *f, gconstpointer script)
{
  Patient p = { .device = vlf_device_open ("cpu", NULL) };
  GThread *thread;

  (void) script;
  g_setenv ("VLF_WATCHDOG", "5", TRUE);
  p.watch = vlf_watch_new ();
  g_unsetenv ("VLF_WATCHDOG");
  thread = g_thread_new ("patient", wait_for_probe, &p);
  while (!g_atomic_int_get (&p.done)) {
    g_assert_false (vlf_watch_is_stuck (p.watch, NULL));
    g_usleep (50000);
  }
  g_thread_join (thread);
  g_assert_cmpuint (calls (f), ==, 1);
  vlf_watch_unref (p.watch);
  vlf_device_unref (p.device);
}

/* Who has waited long enough goes on without, and nobody starts a second probe; the verdict comes all the same. The probe ends when told. */
static void
test_impatient (Fixture *f, gconstpointer script)
{
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", NULL);
  g_autofree gchar *go = g_build_filename (f->folder, "go", NULL);
  gint64 patience = G_USEC_PER_SEC, more = G_TIME_SPAN_HOUR, none = 0;

  (void) script;
  g_assert_false (vlf_tier_proven (device, VLF_TIER_INT8, "another program", &none));
  g_assert_cmpuint (calls (f), ==, 0);
  g_assert_false (vlf_tier_proven (device, VLF_TIER_INT8, "some program", &patience));
  g_assert_cmpint (patience, ==, 0);
  g_assert_false (vlf_tier_proven (device, VLF_TIER_INT8, "some program", &more));
  g_assert_cmpint (more, ==, 0);
  g_assert_true (g_file_set_contents (go, "", -1, NULL));
  while (!vlf_tier_proven (device, VLF_TIER_INT8, "some program", &none))
    g_usleep (50000);
  g_assert_cmpuint (calls (f), ==, 1);
}

static void
test_patience (void)
{
  static const struct {
    const gchar *wait;
    gint64 seconds;
  } cases[] = { { "0", 0 }, { "7", 7 }, { "300", 300 }, { "301", 30 }, { "-1", 30 }, { "soon", 30 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_setenv ("VLF_PROBE_WAIT", cases[i].wait, TRUE);
    g_assert_cmpint (vlf_tier_patience (), ==, cases[i].seconds * G_USEC_PER_SEC);
  }
  g_unsetenv ("VLF_PROBE_WAIT");
  g_assert_cmpint (vlf_tier_patience (), ==, 30 * G_USEC_PER_SEC);
}

/* vlf-probe keeps its verdict by itself. */
static void
test_orphan (Fixture *f, gconstpointer script)
{
  const gchar *command[] = { real_probe, "cpu", "0", "some program", NULL };
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", NULL);
  g_autoptr (GError) error = NULL;
  gint64 patience = G_TIME_SPAN_HOUR;

  (void) f;
  (void) script;
  g_spawn_sync (NULL, (gchar **) command, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_false (vlf_tier_proven (device, VLF_TIER_INT8, "some program", &patience));
  g_assert_cmpuint (calls (f), ==, 0);
  g_assert_cmpint (patience, ==, G_TIME_SPAN_HOUR);
}

/* Nor does it say anything of a device that does not open, or of kernels other than its own: whoever asks may be of another version. */
static void
test_stranger (Fixture *f, gconstpointer script)
{
  static const char *const names[] = { "no such device", "cpu" };
  g_autofree gchar *tiers = g_strdup_printf ("%d", VLF_TIER_INT8);
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", NULL);
  gint64 patience = G_TIME_SPAN_HOUR;

  (void) script;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const gchar *command[] = { real_probe, names[i], tiers, "some program", NULL };
    g_autofree gchar *said = NULL;
    gint status = 0;

    g_assert_true (
        g_spawn_sync (NULL, (gchar **) command, NULL, G_SPAWN_DEFAULT, NULL, NULL, &said, NULL, &status, NULL));
    g_assert_cmpstr (said, ==, "");
    g_assert_true (WIFEXITED (status));
    g_assert_cmpint (WEXITSTATUS (status), ==, VLF_TIER_EXIT_UNKNOWN);
  }
  g_assert_true (vlf_tier_proven (device, VLF_TIER_INT8, "some program", &patience));
  g_assert_cmpuint (calls (f), ==, 1);
}

/* @path without links, as the system names it; NULL: there is no such file. */
static gchar *
resolve (const char *path)
{
  char *resolved = realpath (path, NULL);
  gchar *copy = g_strdup (resolved);

  free (resolved);
  return copy;
}

/* What @program finds, called by its bare name in @folder; NULL: nothing. */
static gchar *
found_by (const char *program, const char *folder)
{
  const gchar *command[] = { program, "test-tier", FIND, NULL };
  g_auto (GStrv) env = g_environ_unsetenv (g_get_environ (), "VLF_PROBE");
  g_autofree gchar *said = NULL, *found = NULL;
  gint status = -1;

  g_assert_true (g_spawn_sync (folder, (gchar **) command, env, G_SPAWN_FILE_AND_ARGV_ZERO, NULL, NULL, &said, NULL,
                               &status, NULL));
  g_assert_cmpint (status, ==, 0);
  found = g_canonicalize_filename (said, folder);
  return resolve (found);
}

/* The probe is that of the program's build tree, and not what anybody put beside the current folder. */
static void
test_found (Fixture *f, gconstpointer script)
{
  g_autofree gchar *kernels = g_build_filename (f->folder, "kernels", NULL);
  g_autofree gchar *planted = g_build_filename (kernels, "vlf-probe", NULL);
  g_autofree gchar *self = g_file_read_link ("/proc/self/exe", NULL), *found = NULL;
  g_autofree gchar *expected = resolve (real_probe);

  (void) script;
  g_assert_cmpint (g_mkdir (kernels, 0700), ==, 0);
  g_assert_cmpint (g_rename (f->probe, planted), ==, 0);
  found = found_by (self, kernels);
  g_assert_cmpstr (found, ==, expected);
  g_remove (planted);
  g_rmdir (kernels);
}

/* One of another owner than the program itself is passed over. */
static void
test_owner (Fixture *f, gconstpointer script)
{
  g_autofree gchar *kernels = g_build_filename (f->folder, "kernels", NULL);
  g_autofree gchar *probe = g_build_filename (kernels, "vlf-probe", NULL);
  g_autofree gchar *program = g_build_filename (kernels, "program", NULL), *self = NULL, *path = NULL;
  g_autofree gchar *ours = NULL, *theirs = NULL;
  gsize size;

  (void) script;
  if (geteuid () != 0) {
    g_test_skip ("only root gives files away");
    return;
  }
  g_assert_true (g_file_get_contents ("/proc/self/exe", &self, &size, NULL));
  g_assert_cmpint (g_mkdir (kernels, 0700), ==, 0);
  g_assert_true (g_file_set_contents_full (program, self, (gssize) size, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
  g_assert_cmpint (g_rename (f->probe, probe), ==, 0);
  path = resolve (probe);
  ours = found_by (program, f->folder);
  g_assert_cmpstr (ours, ==, path);
  g_assert_cmpint (chown (probe, 1, 1), ==, 0);
  theirs = found_by (program, f->folder);
  g_assert_cmpstr (theirs, !=, path);
  g_remove (probe);
  g_remove (program);
  g_rmdir (kernels);
}

/* What the drivers call themselves. */
static void
test_assembly (void)
{
  g_assert_true (vlf_tier_takes_assembly ("OpenCL 3.0 PoCL 3.1+debian  Linux"));
  g_assert_true (vlf_tier_takes_assembly ("OpenCL 2.0 pocl 1.8"));
  g_assert_false (vlf_tier_takes_assembly ("OpenCL 3.0 PoCL 4.0"));
  g_assert_false (vlf_tier_takes_assembly ("OpenCL 3.0 PoCL 5.0  Linux, Release"));
  g_assert_false (vlf_tier_takes_assembly ("OpenCL 3.0 PoCL 6.0  Linux, Debian"));
  g_assert_true (vlf_tier_takes_assembly ("OpenCL 3.0 PoCL 7.0  Linux"));
  g_assert_true (vlf_tier_takes_assembly ("OpenCL 3.0 PoCL 10.1"));
  g_assert_true (vlf_tier_takes_assembly ("OpenCL 3.0 LINUX"));
}

static void
test_best (void)
{
  static const struct {
    guint seeming, best;
  } cases[] = {
    { 0, 0 },
    { VLF_TIER_INT8_AVX2, VLF_TIER_INT8_AVX2 },
    { VLF_TIER_INT8_AVX2 | VLF_TIER_INT8, VLF_TIER_INT8 },
    { VLF_TIER_INT8 | VLF_TIER_BF16, VLF_TIER_INT8 | VLF_TIER_BF16 },
    { VLF_TIER_INT8 | VLF_TIER_BF16 | VLF_TIERS_AMX, VLF_TIERS_AMX },
    { VLF_TIER_INT8 | VLF_TIER_BF16 | VLF_TIER_AMX_BF16, VLF_TIER_INT8 | VLF_TIER_AMX_BF16 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpuint (vlf_tier_best (cases[i].seeming), ==, cases[i].best);
}

static void
test_wishes (void)
{
  const guint all[] = { 8, 16 };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    const VlfClDevice device = { .family = VLF_FAMILY_CPU, .width = all[i] };
    guint seeming, parts = 0;

    g_unsetenv ("VLF_TIERS");
    seeming = vlf_tier_seeming (&device);
    g_setenv ("VLF_TIERS", "int8", TRUE);
    parts |= vlf_tier_seeming (&device);
    g_assert_cmpuint (parts & ~(guint) (VLF_TIER_INT8 | VLF_TIER_INT8_AVX2), ==, 0);
    g_setenv ("VLF_TIERS", "amx, bf16", TRUE);
    g_assert_cmpuint (vlf_tier_seeming (&device) & VLF_TIER_INT8, ==, 0);
    g_assert_cmpuint (parts | vlf_tier_seeming (&device), ==, seeming);
    g_setenv ("VLF_TIERS", "none", TRUE);
    g_assert_cmpuint (vlf_tier_seeming (&device), ==, 0);
  }
}

/* What Linux does not permit is never built into a program, whatever a probe would say; nor does a probe try. */
static void
test_permission (void)
{
  g_autofree gchar *tiers = g_strdup_printf ("%d", VLF_TIERS_AMX), *said = NULL;
  const gchar *command[] = { real_probe, "cpu", tiers, NULL };
  g_autoptr (GError) error = NULL;
  gint status = 0;

  g_assert_true (vlf_tier_permitted (VLF_TIER_INT8 | VLF_TIER_BF16));
  if (amx_is_there ()) {
    g_test_skip ("this processor has AMX");
    return;
  }
  g_assert_false (vlf_tier_permitted (VLF_TIER_AMX_BF16));
  g_assert_false (vlf_tier_permitted (VLF_TIERS_AMX | VLF_TIER_INT8));
  g_spawn_sync (NULL, (gchar **) command, NULL, G_SPAWN_DEFAULT, NULL, NULL, &said, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 1);
  g_assert_cmpstr (said, ==, "");
}

int
main (int argc, char **argv)
{
  static const char *const interruptions[] = { "kill -INT $$",  "kill -TERM $$", "kill -HUP $$",
                                               "kill -QUIT $$", "kill -KILL $$", "exit 2" };
  static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

  if (argc == 2 && g_str_equal (argv[1], FIND)) {
    g_autofree gchar *path = vlf_tier_find_probe ();

    g_print ("%s", path ? path : "none");
    return 0;
  }
  g_test_init (&argc, &argv, NULL);
  if (argc < 2)
    g_error ("usage: test-tier VLF-PROBE");
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    signal (signals[i],
            SIG_DFL); /* shells start what is in the background without some of them, which a probe inherits */
  real_probe = argv[1];
  g_test_add_func ("/tier/best", test_best);
  g_test_add_func ("/tier/wishes", test_wishes);
  g_test_add_func ("/tier/assembly", test_assembly);
  g_test_add_func ("/tier/patience", test_patience);
  g_test_add_func ("/tier/permission", test_permission);
  g_test_add ("/tier/proven", Fixture, NULL, set_up, test_proven, tear_down);
  g_test_add ("/tier/crash", Fixture, "kill -SEGV $$", set_up, test_refused, tear_down);
  g_test_add ("/tier/failure", Fixture, "exit 1", set_up, test_refused, tear_down);
  g_test_add ("/tier/other-words", Fixture, "echo maybe", set_up, test_refused, tear_down);
  g_test_add ("/tier/proven-but-crashed", Fixture, "echo proven; kill -ILL $$", set_up, test_refused, tear_down);
  g_test_add ("/tier/endless-words", Fixture, "yes proven", set_up, test_refused, tear_down);
  for (guint i = 0; i < G_N_ELEMENTS (interruptions); i++) {
    g_autofree gchar *path = g_strdup_printf ("/tier/interrupted/%u", i);

    g_test_add (path, Fixture, interruptions[i], set_up, test_interrupted, tear_down);
  }
  g_test_add ("/tier/unseen/proven", Fixture, "echo proven", set_up, test_unseen, tear_down);
  g_test_add ("/tier/unseen/interrupted", Fixture, "rm \"${0%/*}\"/*.clbin; exit 2", set_up, test_unseen, tear_down);
  g_test_add ("/tier/not-started", Fixture, "echo proven", set_up, test_not_started, tear_down);
  g_test_add ("/tier/group", Fixture, "cut -d ' ' -f 5 /proc/$$/stat > \"${0%/*}/group\"; echo proven", set_up,
              test_group, tear_down);
  g_test_add ("/tier/slow", Fixture, "sleep 8", set_up, test_slow, tear_down);
  g_test_add ("/tier/impatient", Fixture, "while [ ! -e \"${0%/*}/go\" ]; do sleep 0.1; done; echo proven", set_up,
              test_impatient, tear_down);
  g_test_add ("/tier/orphan", Fixture, "exit 1", set_up, test_orphan, tear_down);
  g_test_add ("/tier/stranger", Fixture, "echo proven", set_up, test_stranger, tear_down);
  g_test_add ("/tier/found", Fixture, "exit 1", set_up, test_found, tear_down);
  g_test_add ("/tier/owner", Fixture, "exit 1", set_up, test_owner, tear_down);
  g_test_add ("/tier/no-cache", Fixture, "echo proven", set_up, test_no_cache, tear_down);
  g_test_add ("/tier/no-probe", Fixture, NULL, set_up, test_no_probe, tear_down);
  return g_test_run ();
}
