/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small model is opened and asked while one call of OpenCL after the other fails: always one error that says what happened, or the
 * right result; and the next attempt in the same process works. A call that never returns ends the test by its alarm.
 * Of each entry point some calls are tried, spread over all of them; with VLF_TEST_EXHAUSTIVE=N every N-th. With
 * VLF_CACHE=off kernels are compiled in each attempt.
 * Usage: test-faults MODEL-FOLDER. */
#include <math.h>
#include <string.h>
#include <unistd.h>
#include "kernels/ops.h"
#include "models/session.h"
#include "tests/faults.h"
#include "tests/folder.h"

#define SAMPLES 8    /* calls of an entry point that are tried; the first and the last are among them */
#define MUCH    300u /* rows and columns of numbers that go alone */
#define SECONDS 300  /* of an attempt, on a machine that has other work */

static const char *folder;
static gchar *cache;
static double expected; /* score without faults */

static const cl_int statuses[] = { CL_OUT_OF_RESOURCES,
                                   CL_OUT_OF_HOST_MEMORY,
                                   CL_DEVICE_NOT_AVAILABLE,
                                   CL_BUILD_PROGRAM_FAILURE,
                                   CL_MEM_OBJECT_ALLOCATION_FAILURE,
                                   -9999 };

/* Sends numbers there and back, so many that they take commands of their own; FALSE with @error. */
static gboolean
send_much (GError **error)
{
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", error);
  g_autoptr (VlfQueue) queue = device ? vlf_queue_new (device, error) : NULL;
  g_autofree float *there = g_new (float, MUCH *MUCH), *back = g_new0 (float, MUCH *MUCH);
  VlfPass *pass;

  if (!queue)
    return FALSE;
  for (guint i = 0; i < MUCH * MUCH; i++)
    there[i] = (float) i;
  pass = vlf_pass_begin (queue);
  vlf_output (pass, vlf_input (pass, there, 1, MUCH, MUCH), back);
  if (!vlf_pass_end (pass, error))
    return FALSE;
  g_assert_cmpmem (there, MUCH * MUCH * sizeof *there, back, MUCH * MUCH * sizeof *back);
  return TRUE;
}

/* The score of a frame and a prompt on a model opened for this; FALSE with @error. */
static gboolean
attempt (double *score, GError **error)
{
  VlfModelOptions options = { .directory = folder, .device = "cpu" };
  static guint8 pixels[32 * 32 * 3];
  const VlfImage image = vlf_image_rgb (pixels, 32, 32);
  g_autoptr (VlfModel) model = vlf_model_open (&options, error);
  g_autoptr (VlfSession) session = model ? vlf_session_new (model, error) : NULL;
  g_autoptr (VlfText) text = session ? vlf_text_new (model, "a red circle", error) : NULL;
  g_autoptr (VlfResult) result = NULL;

  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (guint8) (i * 7);
  if (!text || !vlf_session_run (session, &image, 1, &text, 1, NULL, &result, error))
    return FALSE;
  *score = result->prompts[0].score;
  return send_much (error);
}

/* What an entry point is only called for. */
typedef enum {
  FOR_RESULTS,
  FOR_KERNELS, /* to compile, and so not where compiled kernels are in the cache */
  FOR_REASONS, /* why they did not compile */
  FOR_PROFILES
} Purpose;

static Purpose
purpose_of (FaultCall call)
{
  switch ((int) call) {
  case FAULT_CreateProgramWithSource:
  case FAULT_GetProgramInfo: return FOR_KERNELS;
  case FAULT_GetProgramBuildInfo: return FOR_REASONS;
  case FAULT_GetEventProfilingInfo:
  case FAULT_ReleaseEvent: return FOR_PROFILES;
  default: return FOR_RESULTS;
  }
}

/* 0: only samples. */
static guint
exhaustive (void)
{
  const char *wish = g_getenv ("VLF_TEST_EXHAUSTIVE");

  return wish ? (guint) MAX (g_ascii_strtoull (wish, NULL, 10), 1) : 0;
}

/* A platform or device that does not say what it is may get the other family of kernels, or none that are kept, and compiling takes too
 * long to be tried for each; there, opening the device is all. */
static gboolean
only_opens (FaultCall call)
{
  return !exhaustive () && (call == FAULT_GetPlatformInfo || call == FAULT_GetDeviceInfo);
}

static gboolean
open_only (double *score, GError **error)
{
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", error);

  *score = expected;
  return device != NULL;
}

/* An attempt that comes to @call, armed with the @nth of it. */
static gboolean
attempt_call (FaultCall call, guint nth, cl_int status, double *score, GError **error)
{
  Purpose purpose = purpose_of (call);

  if (purpose == FOR_KERNELS || purpose == FOR_REASONS)
    folder_empty (cache);
  fault_arm (call, nth, status);
  if (purpose == FOR_REASONS)
    fault_provoke (FAULT_BuildProgram, CL_BUILD_PROGRAM_FAILURE);
  return only_opens (call) ? open_only (score, error) : attempt (score, error);
}

static void
expect_works (const char *after)
{
  g_autoptr (GError) error = NULL;
  double score = NAN;

  fault_arm (FAULT_N, 0, CL_SUCCESS);
  if (!attempt (&score, &error))
    g_error ("after %s: %s", after, error->message);
  g_assert_cmpfloat_with_epsilon (score, expected, 1e-4);
}

static void
try_fault (FaultCall call, guint nth, cl_int status)
{
  g_autofree gchar *what = g_strdup_printf ("%s call %u: %s", fault_name (call), nth, vlf_cl_status_name (status));
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) again = NULL;
  double score = NAN;
  gboolean good;

  alarm (exhaustive () ? 4 * SECONDS : SECONDS);
  good = attempt_call (call, nth, status, &score, &error);
  g_test_message ("%s: %s", what, good ? "works all the same" : error->message);
  if (!fault_fired ())
    g_error ("%s: never came to that", what);
  if (good != !error || (good && !(fabs (score - expected) < 1e-4)))
    g_error ("%s: score %g instead of %g, or an error beside success", what, score, expected);
  if (!good && (error->domain != VLF_ERROR || strlen (error->message) < 20))
    g_error ("%s: \"%s\" explains nothing", what, error->message);
  fault_arm (FAULT_N, 0, CL_SUCCESS);
  g_clear_error (&error);
  again = vlf_device_open ("cpu", &error);
  if (!again || vlf_device_is_lost (again))
    g_error ("%s: no fresh device: %s", what, error ? error->message : "it is lost");
  alarm (0);
}

static guint
count_calls (FaultCall call)
{
  g_autoptr (GError) error = NULL;
  double score;

  if (!attempt_call (call, 0, CL_SUCCESS, &score, &error) && purpose_of (call) != FOR_REASONS)
    g_error ("%s: without a fault: %s", fault_name (call), error->message);
  return fault_count (call);
}

static void
test_call (gconstpointer data)
{
  FaultCall call = (FaultCall) GPOINTER_TO_UINT (data);
  guint calls, tries, step = exhaustive ();

  if (purpose_of (call) == FOR_PROFILES)
    g_setenv ("VLF_PROFILE", "1", TRUE);
  expect_works ("a run before");
  calls = count_calls (call);
  if (calls == 0 && g_strcmp0 (g_getenv ("VLF_CACHE"), "off") == 0) {
    g_test_skip ("the cache is switched off");
    return;
  }
  g_assert_cmpuint (calls, >, 0);
  tries = step > 0 ? (calls + step - 1) / step : MIN (calls, SAMPLES);
  for (guint i = 0; i < tries; i++)
    try_fault (call, tries > 1 ? 1 + (guint) ((guint64) i * (calls - 1) / (tries - 1)) : 1,
               statuses[(i + call) % G_N_ELEMENTS (statuses)]);
  g_test_message ("%s: %u of %u calls", fault_name (call), tries, calls);
  alarm (SECONDS);
  expect_works (fault_name (call));
  alarm (0);
  g_unsetenv ("VLF_PROFILE");
}

/* Without a program in the cache: what is only called to compile. */
static void
test_compile (gconstpointer data)
{
  FaultCall call = (FaultCall) GPOINTER_TO_UINT (data);

  folder_empty (cache);
  try_fault (call, 1, CL_BUILD_PROGRAM_FAILURE);
  alarm (SECONDS);
  expect_works (fault_name (call));
  alarm (0);
}

/* A device that says it has little: what is needed is said beside what there is, and nothing was allocated in vain. */
static void
expect_no_room (cl_device_info what, gsize most, const char *how)
{
  VlfModelOptions options = { .directory = folder, .device = "cpu" };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfModel) model = NULL;
  g_autofree gchar *there = g_strdup_printf ("there are %.1f MiB", most / 1048576.0);

  fault_limit (what, most);
  fault_arm (FAULT_N, 0, CL_SUCCESS);
  g_assert_false (vlf_model_check (&options, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY);
  g_assert_nonnull (strstr (error->message, how));
  g_assert_nonnull (strstr (error->message, there));
  g_clear_error (&error);
  model = vlf_model_open (&options, &error);
  g_assert_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY);
  g_assert_null (model);
  g_assert_cmpuint (fault_count (FAULT_CreateBuffer), ==, 0);
  fault_limit (0, 0);
}

static void
test_memory (void)
{
  VlfModelOptions options = { .directory = folder, .device = "cpu" };
  g_autoptr (VlfModel) model = vlf_model_open (&options, NULL);
  gsize held = vlf_model_device_memory (model);

  g_clear_pointer (&model, vlf_model_unref);
  expect_no_room (CL_DEVICE_MAX_MEM_ALLOC_SIZE, 30000, "in one piece");
  expect_no_room (CL_DEVICE_GLOBAL_MEM_SIZE, held / 2, "are needed");
  expect_works ("too little memory");
}

/* Room for the weights, but not for what a frame takes. */
static void
test_memory_of_frames (void)
{
  g_autoptr (GError) error = NULL;
  VlfModelOptions options = { .directory = folder, .device = "cpu" };
  g_autoptr (VlfModel) model = vlf_model_open (&options, NULL);
  gsize held = vlf_model_device_memory (model);
  double score;

  g_clear_pointer (&model, vlf_model_unref);
  fault_limit (CL_DEVICE_GLOBAL_MEM_SIZE, held + held / 10);
  g_assert_false (attempt (&score, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY);
  g_assert_nonnull (strstr (error->message, "beside what is held already"));
  fault_limit (0, 0);
  expect_works ("too little memory for activations");
}

/* What computes in the computer's own memory is held to what is free there. */
static void
test_memory_of_host (void)
{
  g_autoptr (VlfDevice) device = vlf_device_open ("reference", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (vlf_device_has_room (device, 1, 1, NULL));
  g_assert_false (vlf_device_has_room (device, G_MAXSIZE / 2, 1, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY);
  g_assert_nonnull (strstr (error->message, "of the computer's memory"));
}

static void
test_clean (void)
{
  g_autoptr (GError) error = NULL;

  fault_install ();
  fault_arm (FAULT_N, 0, CL_SUCCESS);
  attempt (&expected, &error);
  g_assert_no_error (error);
  g_assert_true (isfinite (expected));
}

int
main (int argc, char **argv)
{
  int rc;

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  folder = argv[1];
  cache = folder_new ();
  g_setenv ("VLF_CACHE_DIR", cache, TRUE);
  g_setenv ("VLF_TIERS", "none", TRUE); /* vlf-probe, another process, would fill the cache */
  g_test_add_func ("/faults/none", test_clean);
  for (guint call = 0; call < FAULT_N; call++) {
    g_autofree gchar *path = g_strdup_printf ("/faults/%s", fault_name (call));

    g_test_add_data_func (path, GUINT_TO_POINTER (call), test_call);
  }
  g_test_add_func ("/faults/memory/device", test_memory);
  g_test_add_func ("/faults/memory/frames", test_memory_of_frames);
  g_test_add_func ("/faults/memory/host", test_memory_of_host);
  g_test_add_data_func ("/faults/compile/source", GUINT_TO_POINTER (FAULT_CreateProgramWithSource), test_compile);
  g_test_add_data_func ("/faults/compile/build", GUINT_TO_POINTER (FAULT_BuildProgram), test_compile);
  rc = g_test_run ();
  folder_remove (cache);
  return rc;
}
