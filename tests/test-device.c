/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices: how they are chosen, shared and lost, and what the errors say. Every test that starts OpenCL does so in a process of its
 * own, which the test itself is when run again with a name: drivers are looked for once per process. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kernels/cl_device.h"
#include "kernels/ops.h"

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

static void
expect (const GError *error, gint code, const char *const *words)
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
  expect (error, VLF_ERROR_NOT_FOUND,
          (const char *const[]){ "loader", "ocl-icd-libopencl1", "pocl-opencl-icd", "mesa-opencl-icd", "RUSTICL_ENABLE",
                                 NULL });
  g_assert_nonnull (strstr (list, "pocl-opencl-icd"));
}

static void
no_driver (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vlf_device_open ("auto", &error));
  expect (error, VLF_ERROR_NOT_FOUND, (const char *const[]){ "no OpenCL device", "pocl-opencl-icd", NULL });
}

/* A platform whose devices are not enabled is normal, and not a device. */
static void
no_device (void)
{
  g_autoptr (GError) error = NULL;

  g_setenv ("RUSTICL_ENABLE", "", TRUE); /* none, whatever Mesa enables by itself */
  g_assert_null (vlf_device_open ("auto", &error));
  expect (error, VLF_ERROR_NOT_FOUND, (const char *const[]){ "no OpenCL device", "pocl-opencl-icd", NULL });
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
    expect (error, VLF_ERROR_NOT_FOUND, (const char *const[]){ bad[i], list, NULL });
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
  expect (error, VLF_ERROR_RANGE, (const char *const[]){ "VLF_KERNELS", "both", NULL });
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
  expect (error, VLF_ERROR_NO_MEMORY, (const char *const[]){ "in one piece", NULL });
  g_clear_error (&error);
  g_assert_null (vlf_buffer_new (device, G_MAXSIZE, &error));
  expect (error, VLF_ERROR_NO_MEMORY, (const char *const[]){ "in one piece", NULL });
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

static cl_int
fail_launch (cl_command_queue queue, cl_kernel kernel, cl_uint n, const size_t *offset, const size_t *global,
             const size_t *local, cl_uint n_wait, const cl_event *wait, cl_event *event)
{
  (void) queue, (void) kernel, (void) n, (void) offset, (void) global, (void) local, (void) n_wait, (void) wait;
  (void) event;
  return CL_OUT_OF_RESOURCES;
}

static guint n_calls;
static GThread *caller; /* who must not wait for a lost device */

static cl_int (*finish) (cl_command_queue queue);

static cl_int
count_finish (cl_command_queue queue)
{
  g_assert_true (g_thread_self () != caller);
  n_calls++;
  return finish (queue);
}

static gboolean
add_zeros (VlfQueue *queue, GError **error)
{
  static const float numbers[4];
  VlfPass *pass = vlf_pass_begin (queue);
  VlfTensor x = vlf_input (pass, numbers, 1, 1, 4);

  vlf_add (pass, x, x);
  return vlf_pass_end (pass, error);
}

/* A driver that is out of resources loses the device: one error, no further call but one wait on another thread for what still
 * runs, and a new object afterwards. */
static void
lost (void)
{
  static const float numbers[4];
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("auto", NULL), again = NULL;
  VlfQueue *queue = vlf_queue_new (device, &error);
  VlfClApi whole = *vlf_cl_api ();
  VlfPass *pass;

  g_assert_no_error (error);
  g_assert_true (add_zeros (queue, &error)); /* the first launch of a kernel waits for others, see cl_alone.h */
  caller = g_thread_self ();
  vlf_cl_api ()->EnqueueNDRangeKernel = fail_launch;
  finish = whole.Finish;
  vlf_cl_api ()->Finish = count_finish;
  g_assert_false (add_zeros (queue, &error));
  expect (error, VLF_ERROR_DEVICE, (const char *const[]){ vlf_device_name (device), "CL_OUT_OF_RESOURCES", NULL });
  g_clear_error (&error);
  g_assert_true (vlf_device_is_lost (device));

  pass = vlf_pass_begin (queue);
  g_assert_null (vlf_input (pass, numbers, 1, 1, 4).buffer);
  g_assert_false (vlf_pass_end (pass, &error));
  expect (error, VLF_ERROR_DEVICE, (const char *const[]){ "lost", NULL });
  g_clear_error (&error);
  g_assert_null (vlf_queue_new (device, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_DEVICE);
  g_clear_error (&error);
  vlf_queue_free (queue);
  g_assert_cmpuint (n_calls, ==, 1);

  *vlf_cl_api () = whole;
  again = vlf_device_open ("auto", &error);
  g_assert_no_error (error);
  g_assert_true (again != device);
  queue = vlf_queue_new (again, &error);
  g_assert_no_error (error);
  vlf_queue_free (queue);
}

static gboolean answers; /* whether the driver does */
static GMutex answers_mutex;
static GCond answers_changed;
static float *read_to; /* where numbers that are on their way will be written */

static cl_int
read_later (cl_command_queue queue, cl_mem mem, cl_bool block, const size_t *at, const size_t *to, const size_t *region,
            size_t row, size_t slice, size_t host_row, size_t host_slice, void *host, cl_uint n, const cl_event *wait,
            cl_event *event)
{
  (void) queue, (void) mem, (void) at, (void) to, (void) region, (void) row, (void) slice;
  (void) host_row, (void) host_slice, (void) n, (void) wait, (void) event;
  g_assert_cmpint (block, ==, CL_FALSE);
  read_to = host;
  return CL_SUCCESS;
}

/* Out of resources for whoever runs the pass; whoever waits for what is left waits long. */
static cl_int
finish_late (cl_command_queue queue)
{
  (void) queue;
  if (g_thread_self () == caller)
    return CL_OUT_OF_RESOURCES;
  g_mutex_lock (&answers_mutex);
  while (!answers)
    g_cond_wait (&answers_changed, &answers_mutex);
  g_mutex_unlock (&answers_mutex);
  return CL_SUCCESS;
}

static gboolean
there_and_back (VlfQueue *queue, guint n, const float *there, float *back, GError **error)
{
  VlfPass *pass = vlf_pass_begin (queue);

  vlf_output (pass, vlf_input (pass, there, 1, n, n), back);
  return vlf_pass_end (pass, error);
}

/* A lost device that goes on for longer than it is waited for writes to nobody's memory but its own. @n numbers are read back. */
static void
leave_behind (guint n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("auto", NULL);
  VlfQueue *queue = vlf_queue_new (device, &error);
  VlfClApi whole = *vlf_cl_api ();
  float *there = g_new0 (float, n *n), *back = g_new0 (float, n *n);

  g_assert_no_error (error);
  g_assert_true (there_and_back (queue, n, there, back, &error));
  g_assert_false (vlf_queue_is_left (queue));
  caller = g_thread_self ();
  answers = FALSE;
  vlf_cl_api ()->EnqueueReadBufferRect = read_later;
  vlf_cl_api ()->Finish = finish_late;
  g_assert_false (there_and_back (queue, n, there, back, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_DEVICE);
  g_assert_true (vlf_queue_is_left (queue));
  vlf_queue_free (queue);
  g_free (there);
  g_assert_nonnull (read_to);
  for (guint i = 0; i < n * n; i++)
    read_to[i] = 1.0f;
  for (guint i = 0; i < n * n; i++)
    g_assert_cmpfloat (back[i], ==, 0.0f);
  g_free (back);
  g_mutex_lock (&answers_mutex);
  answers = TRUE;
  g_cond_broadcast (&answers_changed);
  g_mutex_unlock (&answers_mutex);
  *vlf_cl_api () = whole;
}

static void
left (void)
{
  leave_behind (4);
  leave_behind (300);
}

/* A driver that says at once that it cannot wait has not waited. */
static cl_int
fail_finish (cl_command_queue queue)
{
  (void) queue;
  return CL_OUT_OF_RESOURCES;
}

static void
left_at_once (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("auto", NULL);
  VlfQueue *queue = vlf_queue_new (device, &error);
  VlfClApi whole = *vlf_cl_api ();

  g_assert_no_error (error);
  g_assert_true (add_zeros (queue, &error));
  vlf_cl_api ()->Finish = fail_finish;
  g_assert_false (add_zeros (queue, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_DEVICE);
  g_assert_true (vlf_queue_is_left (queue));
  vlf_queue_free (queue);
  *vlf_cl_api () = whole;
}

/* Every failing call of opening a device, a queue and a pass is one error that names it. */
static cl_context
fail_context (const cl_context_properties *properties, cl_uint n, const cl_device_id *devices,
              void (CL_CALLBACK *notify) (const char *, const void *, size_t, void *), void *user, cl_int *status)
{
  (void) properties, (void) n, (void) devices, (void) notify, (void) user;
  *status = CL_DEVICE_NOT_AVAILABLE;
  return NULL;
}

static cl_int
fail_build (cl_program program, cl_uint n, const cl_device_id *devices, const char *options,
            void (CL_CALLBACK *notify) (cl_program, void *), void *user)
{
  (void) program, (void) n, (void) devices, (void) options, (void) notify, (void) user;
  return CL_BUILD_PROGRAM_FAILURE;
}

static cl_kernel
fail_kernel (cl_program program, const char *name, cl_int *status)
{
  (void) program, (void) name;
  *status = CL_INVALID_KERNEL_NAME;
  return NULL;
}

static void
faults (void)
{
  static const float numbers[4];
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = NULL;
  VlfClApi whole;
  VlfQueue *queue;
  VlfPass *pass;
  VlfTensor x;

  g_setenv ("VLF_CACHE", "off", TRUE);
  g_assert_nonnull (vlf_cl_api_open (NULL));
  whole = *vlf_cl_api ();

  vlf_cl_api ()->CreateContext = fail_context;
  g_assert_null (vlf_device_open ("auto", &error));
  expect (error, VLF_ERROR_DEVICE, (const char *const[]){ "Portable", "CL_DEVICE_NOT_AVAILABLE", NULL });
  g_clear_error (&error);
  *vlf_cl_api () = whole;

  device = vlf_device_open ("auto", &error);
  g_assert_no_error (error);
  vlf_cl_api ()->BuildProgram = fail_build;
  g_assert_null (vlf_queue_new (device, &error));
  expect (error, VLF_ERROR_BUILD, (const char *const[]){ "Portable", "CL_BUILD_PROGRAM_FAILURE", NULL });
  g_clear_error (&error);
  *vlf_cl_api () = whole;

  /* The first queue after a compilation runs every kernel once; the second has none yet. */
  vlf_queue_free (vlf_queue_new (device, &error));
  g_assert_no_error (error);
  queue = vlf_queue_new (device, &error);
  g_assert_no_error (error);
  vlf_cl_api ()->CreateKernel = fail_kernel;
  pass = vlf_pass_begin (queue);
  x = vlf_input (pass, numbers, 1, 1, 4);
  vlf_normalize (pass, x);
  vlf_normalize (pass, vlf_concat_rows (pass, x, x));
  g_assert_false (vlf_pass_end (pass, &error));
  expect (error, VLF_ERROR_DEVICE, (const char *const[]){ "Portable", "CL_INVALID_KERNEL_NAME", NULL });
  *vlf_cl_api () = whole;
  g_assert_false (vlf_device_is_lost (device));
  vlf_queue_free (queue);
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
  { "lost", POCL, lost },
  { "left", POCL, left },
  { "left-at-once", POCL, left_at_once },
  { "faults", POCL, faults },
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
