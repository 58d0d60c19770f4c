/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices: how they are chosen, shared and lost, and what the errors say. Every test that starts OpenCL does so in a process of its
 * own, which the test itself is when run again with a name: drivers are looked for once per process. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kernels/cl_device.h"
#include "kernels/ops.h"
#include "tests/test-device.h"

/* VENDORS: a folder with a folder for each driver, in which there is only its own .icd. */
#define DRIVERS "OCL_ICD_VENDORS=" VENDORS "/"
#define POCL    DRIVERS "pocl"
#define RUSTICL DRIVERS "rusticl"

static gchar *self;

/* Runs test @name again in a child with @setting in its environment, where it really happens. */
static void
in_child (const char *name, const char *setting)
{
  g_auto (GStrv) pair = g_strsplit (setting, "=", 2);
  g_auto (GStrv) environment = g_environ_setenv (g_get_environ (), pair[0], pair[1], TRUE);
  gchar *argv[] = { self, (gchar *) "--only", (gchar *) name, NULL };
  g_autofree gchar *out = NULL, *err = NULL;
  g_autoptr (GError) error = NULL;
  int status = -1;

  g_spawn_sync (NULL, argv, environment, G_SPAWN_DEFAULT, NULL, NULL, &out, &err, &status, &error);
  g_assert_no_error (error);
  if (!g_spawn_check_wait_status (status, &error))
    g_error ("%s: %s\n%s%s", name, error->message, out, err);
}

void
device_expect (const GError *error, gint code, const char *const *words)
{
  g_assert_nonnull (error);
  g_assert_true (error->domain == VLF_ERROR);
  g_assert_cmpint (error->code, ==, code);
  for (; *words; words++) {
    if (!strstr (error->message, *words))
      g_error ("\"%s\" does not say \"%s\"", error->message, *words);
  }
}

static void
no_loader (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *list = vlf_device_list ();
  g_autoptr (VlfDevice) reference = vlf_device_open ("reference", NULL);

  g_assert_nonnull (reference);
  g_assert_null (vlf_device_open (NULL, &error));
  device_expect (error, VLF_ERROR_NOT_FOUND,
                 (const char *const[]){ "loader", "ocl-icd-libopencl1", "pocl-opencl-icd", "mesa-opencl-icd",
                                        "RUSTICL_ENABLE", NULL });
  g_assert_nonnull (strstr (list, "pocl-opencl-icd"));
}

static void
no_driver (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vlf_device_open ("auto", &error));
  device_expect (error, VLF_ERROR_NOT_FOUND, (const char *const[]){ "no OpenCL device", "pocl-opencl-icd", NULL });
}

/* A platform whose devices are not enabled is normal, and not a device. */
static void
no_device (void)
{
  g_autoptr (GError) error = NULL;

  g_setenv ("RUSTICL_ENABLE", "", TRUE); /* none, whatever Mesa enables by itself */
  g_assert_null (vlf_device_open ("auto", &error));
  device_expect (error, VLF_ERROR_NOT_FOUND, (const char *const[]){ "no OpenCL device", "pocl-opencl-icd", NULL });
}

/* What follows the platform's name, up to its first hyphen, in capital letters: "PTHREAD", and "CPU" of PoCL 4 and newer. */
static gchar *
driver_of (const char *device)
{
  const char *name = strstr (device, ": ") + strlen (": ");

  return g_ascii_strup (name, (gssize) strcspn (name, "-"));
}

static void
choice (void)
{
  g_autoptr (VlfDevice) any = vlf_device_open ("auto", NULL);
  g_autofree gchar *driver = driver_of (vlf_device_name (any));
  g_autofree gchar *both = g_strconcat ("Computing Language: ", driver, NULL);
  const char *const good[] = { "auto", "cpu", "CPU", "0", "portable", driver, both };
  static const char *const bad[] = { "gpu", "1", "4294967296", "99999999999999999999", "no such thing", "auto!" };
  g_autofree gchar *list = vlf_device_list ();

  g_assert_true (g_str_has_prefix (list, "0: Portable Computing Language: "));
  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VlfDevice) device = vlf_device_open (good[i], &error);

    g_assert_no_error (error);
    g_assert_cmpint (vlf_device_family (device), ==, VLF_FAMILY_CPU);
    g_assert_nonnull (strstr (list, vlf_device_name (device)));
  }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (vlf_device_open (bad[i], &error));
    device_expect (error, VLF_ERROR_NOT_FOUND, (const char *const[]){ bad[i], list, NULL });
  }
}

static void
family (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) cpu = vlf_device_open ("auto", NULL), gpu = NULL;

  g_setenv ("VLF_KERNELS", "gpu", TRUE);
  gpu = vlf_device_open ("auto", &error);
  g_assert_no_error (error);
  g_assert_cmpint (vlf_device_family (gpu), ==, VLF_FAMILY_GPU);
  g_assert_true (gpu != cpu);
  g_setenv ("VLF_KERNELS", "both", TRUE);
  g_assert_null (vlf_device_open ("auto", &error));
  device_expect (error, VLF_ERROR_RANGE, (const char *const[]){ "VLF_KERNELS", "both", NULL });
  g_unsetenv ("VLF_KERNELS");
}

static void
sharing (void)
{
  VlfDevice *first = vlf_device_open ("auto", NULL), *second = vlf_device_open ("cpu", NULL);
  VlfDevice *reference = vlf_device_open ("reference", NULL);

  g_assert_nonnull (first);
  g_assert_true (first == second);
  g_assert_true (reference != first);
  g_assert_cmpint (vlf_device_family (reference), ==, VLF_FAMILY_REFERENCE);
  vlf_device_unref (second);
  second = vlf_device_ref (first);
  vlf_device_unref (first);
  g_assert_false (vlf_device_is_lost (second));
  vlf_device_unref (second);
  vlf_device_unref (reference);
  vlf_device_unref (NULL);
}

/* A child of a process that started OpenCL gets an error, where the driver would hang. */
static void
forked (void)
{
  g_autoptr (VlfDevice) device = vlf_device_open ("auto", NULL);
  pid_t child;
  int status = -1;

  g_assert_nonnull (device);
  child = fork ();
  if (child == 0) {
    g_autoptr (GError) queue_error = NULL, open_error = NULL;

    alarm (20);
    if (vlf_queue_new (device, &queue_error) || vlf_device_open ("auto", &open_error))
      _exit (1);
    _exit (queue_error->code == VLF_ERROR_DEVICE && open_error->code == VLF_ERROR_DEVICE &&
                   strstr (queue_error->message, "fork") && strstr (open_error->message, "fork")
               ? 0
               : 2);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

/* More than the device gives in one piece is refused before it is asked for. */
static void
memory (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("auto", NULL);
  VlfClDevice *cl = device->cl;
  VlfBuffer *buffer = vlf_buffer_new (device, 1000, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (vlf_device_memory (device), ==, 1000);
  vlf_buffer_free (buffer);
  g_assert_cmpuint (vlf_device_memory (device), ==, 0);
  g_assert_null (vlf_buffer_new (device, cl->max_alloc, &error));
  device_expect (error, VLF_ERROR_NO_MEMORY, (const char *const[]){ "in one piece", NULL });
  g_clear_error (&error);
  g_assert_null (vlf_buffer_new (device, G_MAXSIZE, &error));
  device_expect (error, VLF_ERROR_NO_MEMORY, (const char *const[]){ "in one piece", NULL });
  g_assert_cmpuint (vlf_device_memory (device), ==, 0);
  g_assert_false (vlf_device_is_lost (device));
}

static void
peak (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("auto", NULL), reference = vlf_device_open ("reference", NULL);

  g_assert_cmpfloat (vlf_device_measure_peak (device, &error), >, 0.01);
  g_assert_no_error (error);
  g_assert_cmpfloat (vlf_device_measure_peak (reference, &error), <, 0);
  g_assert_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED);
}

#define SIDE 50u

static gboolean
read_pattern (gpointer user, guint first, guint n, gpointer to, GError **error)
{
  float *numbers = to;

  (void) user;
  (void) error;
  for (guint i = 0; i < n * SIDE; i++)
    numbers[i] = (float) ((first * SIDE + i) % 17) * 0.25f - 2.0f;
  return TRUE;
}

/* A few layers on a queue of its own; the result is left in @out. */
static void
run_layers (VlfDevice *device, const VlfWeight *weight, float *out)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfQueue) queue = vlf_queue_new (device, &error);
  float data[SIDE * SIDE];

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (data); i++)
    data[i] = (float) (i % 13) - 6.0f;
  for (guint round = 0; round < 20; round++) {
    VlfPass *pass = vlf_pass_begin (queue);
    VlfTensor x = vlf_input (pass, data, 1, SIDE, SIDE);

    for (guint i = 0; i < 5; i++)
      x = vlf_normalize (pass, vlf_linear (pass, x, weight, VLF_GELU, &x));
    vlf_output (pass, x, out);
    g_assert_true (vlf_pass_end (pass, &error));
  }
}

typedef struct {
  VlfDevice *device;
  const VlfWeight *weight;
  float out[SIDE * SIDE];
} Stream;

static gpointer
run_stream (gpointer data)
{
  Stream *stream = data;

  run_layers (stream->device, stream->weight, stream->out);
  return NULL;
}

/* Streams beside each other share a device and a weight, and each finds the same bits as alone. */
static void
streams (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("auto", &error);
  VlfSource source = { VLF_F32, SIDE, SIDE, read_pattern, NULL };
  g_autoptr (VlfWeight) weight = vlf_weight_new (device, &source, NULL, 1, VLF_F32, &error);
  static Stream alone, both[4];
  GThread *threads[G_N_ELEMENTS (both)];

  g_assert_no_error (error);
  run_layers (device, weight, alone.out);
  for (guint i = 0; i < G_N_ELEMENTS (both); i++) {
    both[i] = (Stream){ .device = device, .weight = weight };
    threads[i] = g_thread_new ("stream", run_stream, &both[i]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (both); i++) {
    g_thread_join (threads[i]);
    g_assert_cmpmem (both[i].out, sizeof both[i].out, alone.out, sizeof alone.out);
  }
  g_assert_cmpfloat (alone.out[0], !=, 0.0f);
}

static const struct {
  const char *name, *setting;
  void (*run) (void);
} tests[] = {
  { "no-loader", "VLF_OPENCL_LIBRARY=/nonexistent/libOpenCL.so.1", no_loader },
  { "no-driver", "OCL_ICD_VENDORS=/nonexistent", no_driver },
  { "no-device", RUSTICL, no_device },
  { "choice", POCL, choice },
  { "family", POCL, family },
  { "sharing", POCL, sharing },
  { "forked", POCL, forked },
  { "memory", POCL, memory },
  { "peak", POCL, peak },
  { "streams", POCL, streams },
  { "lost", POCL, device_lost },
  { "left", POCL, device_left },
  { "left-at-once", POCL, device_left_at_once },
  { "faults", POCL, device_faults },
};

/* FALSE: @setting is about a driver that is not installed. */
static gboolean
is_there (const char *setting)
{
  g_autofree gchar *icd = NULL;

  if (!g_str_has_prefix (setting, DRIVERS))
    return TRUE;
  setting += strlen (DRIVERS);
  icd = g_strdup_printf (VENDORS "/%s/%s.icd", setting, setting);
  return g_file_test (icd, G_FILE_TEST_EXISTS);
}

static void
run (gconstpointer data)
{
  const guint i = GPOINTER_TO_UINT (data);

  if (!is_there (tests[i].setting))
    g_test_skip ("the driver is not installed");
  else
    in_child (tests[i].name, tests[i].setting);
}

int
main (int argc, char **argv)
{
  self = argv[0];
  for (guint i = 0; argc == 3 && i < G_N_ELEMENTS (tests); i++) {
    if (g_str_equal (argv[1], "--only") && g_str_equal (argv[2], tests[i].name)) {
      tests[i].run ();
      return 0;
    }
  }
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++) {
    g_autofree gchar *path = g_strconcat ("/device/", tests[i].name, NULL);

    g_test_add_data_func (path, GUINT_TO_POINTER (i), run);
  }
  return g_test_run ();
}
