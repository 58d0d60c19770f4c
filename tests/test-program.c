/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cache of compiled kernels: what it keeps, what it refuses, and that a broken one never hurts; and that kernels compile without
 * warnings. Needs an OpenCL device for the second half. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>
#include "kernels/cache.h"
#include "kernels/program.h"
#include "kernels/tier.h"
#include "tests/folder.h"

#define KEY   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

typedef struct {
  gchar *folder;
} Fixture;

static void
set_up (Fixture *f, gconstpointer unused)
{
  (void) unused;
  f->folder = folder_new ();
  g_setenv ("VLF_CACHE_DIR", f->folder, TRUE);
  g_unsetenv ("VLF_CACHE");
}

/* Names of the files in the folder, and how many. */
static GPtrArray *
list (const Fixture *f)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  GDir *dir = g_dir_open (f->folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    g_ptr_array_add (names, g_build_filename (f->folder, name, NULL));
  if (dir)
    g_dir_close (dir);
  return names;
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  (void) unused;
  g_chmod (f->folder, 0700);
  folder_remove (f->folder);
}

static gchar *
entry (const Fixture *f, const char *key)
{
  g_autofree gchar *name = g_strconcat (key, ".clbin", NULL);

  return g_build_filename (f->folder, name, NULL);
}

static void
store (const char *key, const char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));

  vlf_cache_store (key, bytes);
}

static gboolean
holds (const char *key, const char *text)
{
  g_autoptr (GBytes) bytes = vlf_cache_load (key);

  return bytes && g_bytes_get_size (bytes) == strlen (text) &&
         memcmp (g_bytes_get_data (bytes, NULL), text, strlen (text)) == 0;
}

static gboolean
is_empty (const char *key)
{
  g_autoptr (GBytes) bytes = vlf_cache_load (key);

  return !bytes;
}

static void
test_round_trip (Fixture *f, gconstpointer unused)
{
  g_autofree gchar *path = entry (f, KEY);
  g_autoptr (GPtrArray) names = NULL;
  GStatBuf info;

  (void) unused;
  g_assert_true (is_empty (KEY));
  store (KEY, "machine code");
  g_assert_true (holds (KEY, "machine code"));
  g_assert_true (is_empty (OTHER));
  store (KEY, "newer");
  g_assert_true (holds (KEY, "newer"));
  names = list (f);
  g_assert_cmpuint (names->len, ==, 1); /* no temporary file stays */
  g_assert_cmpint (g_stat (path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);
  vlf_cache_remove (KEY);
  g_assert_true (is_empty (KEY));
}

static void
test_new_folder (Fixture *f, gconstpointer unused)
{
  g_autofree gchar *inner = g_build_filename (f->folder, "made", NULL), *name = g_strconcat (KEY, ".clbin", NULL);
  g_autofree gchar *path = g_build_filename (inner, name, NULL);
  GStatBuf info;

  (void) unused;
  g_setenv ("VLF_CACHE_DIR", inner, TRUE);
  store (KEY, "machine code");
  g_assert_true (holds (KEY, "machine code"));
  g_assert_cmpint (g_stat (inner, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0700);
  g_unlink (path);
  g_rmdir (inner);
}

/* Every single damaged byte, and every length, is noticed; the entry goes, and the next one is good. */
static void
test_damage (Fixture *f, gconstpointer unused)
{
  g_autofree gchar *path = entry (f, KEY), *whole = NULL;
  gsize length;

  (void) unused;
  store (KEY, "machine code");
  g_assert_true (g_file_get_contents (path, &whole, &length, NULL));
  for (gsize i = 0; i < length; i++) {
    whole[i] ^= 0x20;
    g_assert_true (g_file_set_contents (path, whole, (gssize) length, NULL));
    whole[i] ^= 0x20;
    g_chmod (path, 0600);
    g_assert_true (is_empty (KEY));
    g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  }
  for (gsize n = 0; n < length; n++) {
    g_assert_true (g_file_set_contents (path, whole, (gssize) n, NULL));
    g_chmod (path, 0600);
    g_assert_true (is_empty (KEY));
  }
  store (KEY, "machine code");
  g_assert_true (holds (KEY, "machine code"));
}

static void
test_foreign (Fixture *f, gconstpointer unused)
{
  g_autofree gchar *path = entry (f, KEY), *other = entry (f, OTHER);

  (void) unused;
  /* An entry under another name than it was stored as. */
  store (OTHER, "machine code");
  g_assert_cmpint (g_rename (other, path), ==, 0);
  g_assert_true (is_empty (KEY));
  /* A link to a good one. */
  store (OTHER, "machine code");
  g_assert_cmpint (symlink (other, path), ==, 0);
  g_assert_true (is_empty (KEY));
  g_assert_true (holds (OTHER, "machine code"));
  /* A pipe, which would block, and a file that others may write. */
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  g_assert_true (is_empty (KEY));
  store (KEY, "machine code");
  g_chmod (path, 0666);
  g_assert_true (is_empty (KEY));
}

static void
test_folder_of_others (Fixture *f, gconstpointer unused)
{
  (void) unused;
  store (KEY, "machine code");
  g_chmod (f->folder, 0777);
  g_assert_true (is_empty (KEY));
  store (OTHER, "machine code");
  g_chmod (f->folder, 0700);
  g_assert_true (is_empty (OTHER));
  g_assert_true (holds (KEY, "machine code"));
}

/* Old entries go, the newest stay. */
static void
test_prune (Fixture *f, gconstpointer unused)
{
  g_autoptr (GPtrArray) names = NULL;

  (void) unused;
  for (guint i = 0; i < 20; i++) {
    g_autofree gchar *key = g_strdup_printf ("%064u", i), *path = entry (f, key);
    struct utimbuf times = { 1000 + i, 1000 + i };

    store (key, "machine code");
    g_assert_cmpint (g_utime (path, &times), ==, 0);
  }
  store (KEY, "newest");
  g_assert_true (holds (KEY, "newest"));
  names = list (f);
  g_assert_cmpuint (names->len, ==, 16);
  for (guint i = 0; i < 20; i++) {
    g_autofree gchar *key = g_strdup_printf ("%064u", i);

    g_assert_cmpint (is_empty (key), ==, i < 5);
  }
}

static void
test_off (Fixture *f, gconstpointer unused)
{
  g_autoptr (GPtrArray) names = NULL;

  (void) unused;
  g_setenv ("VLF_CACHE", "off", TRUE);
  store (KEY, "machine code");
  g_assert_true (is_empty (KEY));
  names = list (f);
  g_assert_cmpuint (names->len, ==, 0);
  g_setenv ("VLF_CACHE_DIR", "/proc/nowhere", TRUE);
  g_unsetenv ("VLF_CACHE");
  store (KEY, "machine code"); /* a folder that cannot be */
  g_assert_true (is_empty (KEY));
}

/* One sum on the device, through a new queue. */
static void
compute (void)
{
  static const float numbers[5] = { 1, 2, 3, 4, 5 };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("auto", &error);
  g_autoptr (VlfQueue) queue = NULL;
  VlfPass *pass;
  VlfTensor x;
  float out[5] = { 0 };

  g_assert_no_error (error);
  queue = vlf_queue_new (device, &error);
  g_assert_no_error (error);
  pass = vlf_pass_begin (queue);
  x = vlf_input (pass, numbers, 1, 1, 5);
  vlf_output (pass, vlf_add (pass, x, x), out);
  g_assert_true (vlf_pass_end (pass, &error));
  for (guint i = 0; i < 5; i++)
    g_assert_cmpfloat (out[i], ==, 2 * numbers[i]);
}

static guint n_compiled;
static __typeof__ (clCreateProgramWithSource) *real_compile;

static cl_program
count_compile (cl_context context, cl_uint n, const char **strings, const size_t *lengths, cl_int *status)
{
  n_compiled++;
  return real_compile (context, n, strings, lengths, status);
}

/* Compiled once, taken from the cache then, and compiled again when what is there does not fit. */
static void
test_device (Fixture *f, gconstpointer unused)
{
  g_autoptr (GPtrArray) names = NULL;
  g_autofree gchar *key = NULL, *text = NULL;

  (void) unused;
  g_assert_nonnull (vlf_cl_api_open (NULL));
  real_compile = vlf_cl_api ()->CreateProgramWithSource;
  vlf_cl_api ()->CreateProgramWithSource = count_compile;
  compute ();
  g_assert_cmpuint (n_compiled, ==, 1);
  names = list (f);
  g_assert_cmpuint (names->len, ==, 1);
  compute ();
  g_assert_cmpuint (n_compiled, ==, 1);

  /* An entry whose checksum is right, but which is no program. */
  key = g_path_get_basename (names->pdata[0]);
  key[64] = '\0';
  text = g_strnfill (4096,
                     'x'); /* longer than the heads of binaries, which PoCL reads before it looks how long they are */
  store (key, text);
  compute ();
  g_assert_cmpuint (n_compiled, ==, 2);
  compute ();
  g_assert_cmpuint (n_compiled, ==, 2);
  vlf_cl_api ()->CreateProgramWithSource = real_compile;
}

/* A call of OpenCL's while a program is made that ends when it is told: well (1) or not (-1). */
typedef struct {
  VlfDevice *device;
  VlfWatch *watch;
  gint at_it, go, sent, opened; /* atomic */
  VlfConstant *constant;        /* what was sent */
  GError *error;
} Build;

static Build *held;
static VlfClApi real_api;

static gboolean
hold_call (void)
{
  g_atomic_int_set (&held->at_it, 1);
  while (!g_atomic_int_get (&held->go))
    g_usleep (10000);
  return g_atomic_int_get (&held->go) > 0;
}

static cl_int
hold_build (cl_program program, cl_uint n, const cl_device_id *ids, const char *options,
            void (*notify) (cl_program, void *), void *user)
{
  return hold_call () ? real_api.BuildProgram (program, n, ids, options, notify, user) : CL_BUILD_PROGRAM_FAILURE;
}

static cl_int
hold_info (cl_program program, cl_program_info what, size_t size, void *to, size_t *needed)
{
  return hold_call () ? real_api.GetProgramInfo (program, what, size, to, needed) : CL_OUT_OF_HOST_MEMORY;
}

static gpointer
make_and_keep (gpointer data)
{
  const Build *b = data;
  const gboolean good = vlf_program_open (b->device, NULL);

  if (good)
    vlf_program_store (b->device, KEY);
  return GINT_TO_POINTER (good);
}

/* Sends numbers to the device whose program another thread builds, and waits for that program. */
static gpointer
wait_for_program (gpointer data)
{
  static const float numbers[5] = { 1, 2, 3, 4, 5 };
  Build *b = data;
  gboolean good;

  vlf_watch_begin (b->watch);
  vlf_watch_use (b->device);
  b->constant = vlf_constant_new_from_data (b->device, numbers, 1, 1, 5, NULL);
  g_atomic_int_set (&b->sent, 1);
  good = vlf_program_open (b->device, &b->error);
  g_atomic_int_set (&b->opened, 1);
  vlf_watch_end ();
  return GINT_TO_POINTER (good);
}

/* A new device, a thread that makes its program and is held at it, or at keeping it, and one that may be silent for 3 s. */
static void
hold (Build *b, gboolean keeping, GThread *threads[2])
{
  *b = (Build){ .device = vlf_device_open ("auto", NULL) };
  g_assert_nonnull (b->device);
  g_setenv ("VLF_WATCHDOG", "3", TRUE);
  b->watch = vlf_watch_new ();
  g_unsetenv ("VLF_WATCHDOG");
  held = b;
  real_api = *vlf_cl_api ();
  if (keeping)
    vlf_cl_api ()->GetProgramInfo = hold_info;
  else
    vlf_cl_api ()->BuildProgram = hold_build;
  threads[0] = g_thread_new ("builder", make_and_keep, b);
  while (!g_atomic_int_get (&b->at_it))
    g_usleep (10000);
  threads[1] = g_thread_new ("waiter", wait_for_program, b);
}

static void
let_go (Build *b)
{
  *vlf_cl_api () = real_api;
  g_atomic_int_set (&b->device->lost, 0); /* so that it is cleared up */
  vlf_constant_free (b->constant);
  vlf_watch_unref (b->watch);
  vlf_device_unref (b->device);
  g_clear_error (&b->error);
}

/* Who sends numbers does not wait while another thread builds the program of the same device; who needs the program is not stuck then. */
static void
test_building (Fixture *f, gconstpointer unused)
{
  GThread *threads[2];
  gint64 end;
  Build b;

  (void) f;
  (void) unused;
  hold (&b, FALSE, threads);
  while (!g_atomic_int_get (&b.sent)) {
    g_assert_false (vlf_watch_is_stuck (b.watch, NULL));
    g_usleep (10000);
  }
  for (end = g_get_monotonic_time () + 5 * G_USEC_PER_SEC; g_get_monotonic_time () < end; g_usleep (10000))
    g_assert_false (vlf_watch_is_stuck (b.watch, NULL));
  g_assert_false (g_atomic_int_get (&b.opened));
  g_atomic_int_set (&b.go, 1);
  g_assert_true (GPOINTER_TO_INT (g_thread_join (threads[0])));
  g_assert_true (GPOINTER_TO_INT (g_thread_join (threads[1])));
  g_assert_no_error (b.error);
  let_go (&b);
}

/* Nor does who sends numbers wait while it is kept, for which PoCL compiles all of it. */
static void
test_keeping (Fixture *f, gconstpointer unused)
{
  GThread *threads[2];
  Build b;

  (void) f;
  (void) unused;
  hold (&b, TRUE, threads);
  while (!g_atomic_int_get (&b.opened)) {
    g_assert_false (vlf_watch_is_stuck (b.watch, NULL));
    g_usleep (10000);
  }
  g_atomic_int_set (&b.go, -1);
  g_assert_true (GPOINTER_TO_INT (g_thread_join (threads[0])));
  g_assert_true (GPOINTER_TO_INT (g_thread_join (threads[1])));
  let_go (&b);
}

/* The device is given up while its driver hangs in a build: whoever waits for that leaves. */
static void
test_hung_build (Fixture *f, gconstpointer unused)
{
  GThread *threads[2];
  Build b;

  (void) f;
  (void) unused;
  hold (&b, FALSE, threads);
  while (!g_atomic_int_get (&b.sent))
    g_usleep (10000);
  g_atomic_int_set (&b.device->lost, 1);
  while (!g_atomic_int_get (&b.opened))
    g_usleep (10000);
  g_assert_false (GPOINTER_TO_INT (g_thread_join (threads[1])));
  g_assert_error (b.error, VLF_ERROR, VLF_ERROR_DEVICE);
  g_atomic_int_set (&b.go, -1);
  g_thread_join (threads[0]);
  let_go (&b);
}

/* A child that is forked while another thread builds neither waits for it nor breaks off when it lets go of the device. */
static void
test_forked_build (Fixture *f, gconstpointer unused)
{
  GThread *threads[2];
  int status = -1;
  pid_t child;
  Build b;

  (void) f;
  (void) unused;
  hold (&b, FALSE, threads);
  while (!g_atomic_int_get (&b.sent))
    g_usleep (10000);
  child = fork ();
  if (child == 0) {
    alarm (20);
    if (vlf_program_open (b.device, NULL))
      _exit (1);
    for (guint n = b.device->refs; n > 0; n--)
      vlf_device_unref (b.device);
    _exit (0);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_atomic_int_set (&b.go, -1);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  g_thread_join (threads[0]);
  g_thread_join (threads[1]);
  let_go (&b);
}

/* What the compiler says of the program for @family, @width and @tiers of @cl. */
static gchar *
build_log (const VlfClDevice *cl, VlfFamily family, guint width, guint tiers)
{
  const VlfClDevice wanted = { .family = family, .platform = cl->platform, .id = cl->id, .width = width };
  g_autofree gchar *options = vlf_program_options (&wanted, tiers), *strict = g_strconcat (options, " -Werror", NULL);
  const char **source = (const char **) vlf_cl_source;
  cl_int status;
  cl_program program = vlf_cl_api ()->CreateProgramWithSource (cl->context, vlf_cl_source_lines, source, NULL, &status);
  gsize size = 0;
  gchar *log;

  g_assert_cmpint (status, ==, CL_SUCCESS);
  status = vlf_cl_api ()->BuildProgram (program, 1, &cl->id, strict, NULL, NULL);
  vlf_cl_api ()->GetProgramBuildInfo (program, cl->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
  log = g_malloc0 (size + 1);
  vlf_cl_api ()->GetProgramBuildInfo (program, cl->id, CL_PROGRAM_BUILD_LOG, size, log, NULL);
  vlf_cl_api ()->ReleaseProgram (program);
  if (status != CL_SUCCESS)
    g_error ("%s: %s: %s", strict, vlf_cl_status_name (status), log);
  return g_strstrip (log);
}

/* Every family and tier compiles without a warning; vectors of 16 only where the processor has them. */
static void
test_warnings (Fixture *f, gconstpointer unused)
{
  static const struct {
    VlfFamily family;
    guint width, tiers;
  } builds[] = { { VLF_FAMILY_CPU, 8, 0 },
                 { VLF_FAMILY_CPU, 8, VLF_TIER_INT8_AVX2 },
                 { VLF_FAMILY_CPU, 16, 0 },
                 { VLF_FAMILY_CPU, 16, VLF_TIER_INT8 | VLF_TIER_BF16 },
                 { VLF_FAMILY_CPU, 16, VLF_TIERS_AMX },
                 { VLF_FAMILY_GPU, 0, 0 },
                 { VLF_FAMILY_GPU, 0, VLF_TIER_BY_HAND | VLF_TIER_SUBGROUPS },
                 { VLF_FAMILY_GPU, 0, VLF_TIER_BY_HAND | VLF_TIER_SUBGROUPS | VLF_TIER_MMA } };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", &error);
  g_autofree gchar *version = NULL;
  const VlfClDevice *cl;

  (void) f;
  (void) unused;
  g_assert_no_error (error);
  cl = device->cl;
  version = vlf_cl_platform_string (cl->platform, CL_PLATFORM_VERSION);
  for (guint i = 0; i < G_N_ELEMENTS (builds); i++) {
    g_autofree gchar *log = NULL;

    if (builds[i].width > cl->width || (builds[i].tiers && builds[i].width && !vlf_tier_takes_assembly (version)))
      continue;
    log = build_log (cl, builds[i].family, builds[i].width, builds[i].tiers);
    g_assert_cmpstr (log, ==, "");
  }
}

/* What is broken here is broken on purpose. */
static void
drop_message (const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer unused)
{
  (void) domain;
  (void) level;
  (void) message;
  (void) unused;
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = { { "/cache/round-trip", test_round_trip },
                { "/cache/new-folder", test_new_folder },
                { "/cache/damage", test_damage },
                { "/cache/foreign", test_foreign },
                { "/cache/folder-of-others", test_folder_of_others },
                { "/cache/prune", test_prune },
                { "/cache/off", test_off },
                { "/cache/device", test_device },
                { "/program/building", test_building },
                { "/program/keeping", test_keeping },
                { "/program/hung-build", test_hung_build },
                { "/program/forked-build", test_forked_build },
                { "/program/warnings", test_warnings } };

  g_test_init (&argc, &argv, NULL);
  g_log_set_handler (G_LOG_DOMAIN, G_LOG_LEVEL_INFO, drop_message, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
