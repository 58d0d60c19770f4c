/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small model is opened and asked while one call of OpenCL after the other fails: always one error that says what happened, or the
 * right result; and the next attempt in the same process works. A call that never returns ends the test by its alarm.
 * Usage: test-faults MODEL-FOLDER. */
#include <math.h>
#include <string.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include "kernels/tensor.h"
#include "models/session.h"
#include "tests/faults.h"

#define SAMPLES 8 /* call sites of an entry point that are tried; the first and the last are among them */
#define SECONDS 120

static const char *folder;
static gchar *cache;
static double expected; /* score without faults */

static const cl_int statuses[] = { CL_OUT_OF_RESOURCES,
                                   CL_OUT_OF_HOST_MEMORY,
                                   CL_DEVICE_NOT_AVAILABLE,
                                   CL_BUILD_PROGRAM_FAILURE,
                                   CL_MEM_OBJECT_ALLOCATION_FAILURE,
                                   -9999 };

/* The score of a frame and a prompt on a model opened for this; FALSE with @error. */
static gboolean
attempt (double *score, GError **error)
{
  VlfModelOptions options = { .directory = folder, .device = "cpu" };
  guint8 pixels[32 * 32 * 3];
  VlfImage image = { .width = 32, .height = 32, .n_planes = 1 };
  g_autoptr (VlfModel) model = vlf_model_open (&options, error);
  g_autoptr (VlfSession) session = model ? vlf_session_new (model, error) : NULL;
  g_autoptr (VlfText) text = session ? vlf_text_new (model, "a red circle", error) : NULL;
  g_autoptr (VlfResult) result = NULL;

  for (guint i = 0; i < sizeof pixels; i++)
    pixels[i] = (guint8) (i * 7);
  image.planes[0].data = pixels;
  image.planes[0].size = sizeof pixels;
  for (guint c = 0; c < 3; c++) {
    image.components[c].offset = c;
    image.components[c].stride = 32 * 3;
    image.components[c].pixel_stride = 3;
    image.matrix[c][c] = 1;
  }
  if (!text || !vlf_session_run (session, &image, 1, &text, 1, NULL, &result, error))
    return FALSE;
  *score = result->prompts[0].score;
  return TRUE;
}

/* What is asked about devices is part of the name that compiled kernels are kept under: without an answer they are compiled again, which
 * takes too long to be tried for each; there, opening the device is all. */
static gboolean
only_opens (FaultCall call)
{
  return call == FAULT_GetPlatformInfo || call == FAULT_GetDeviceInfo;
}

static gboolean
open_only (double *score, GError **error)
{
  g_autoptr (VlfDevice) device = vlf_device_open ("cpu", error);

  *score = expected;
  return device != NULL;
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

  alarm (SECONDS);
  fault_arm (call, nth, status);
  good = only_opens (call) ? open_only (&score, &error) : attempt (&score, &error);
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

/* Every call of @data, or a sample spread over all of them. */
static void
test_call (gconstpointer data)
{
  FaultCall call = (FaultCall) GPOINTER_TO_UINT (data);
  guint calls, tries;

  expect_works ("a run before");
  if (only_opens (call)) {
    g_autoptr (VlfDevice) device = NULL;

    fault_arm (FAULT_N, 0, CL_SUCCESS);
    device = vlf_device_open ("cpu", NULL);
    g_assert_nonnull (device);
  }
  calls = fault_count (call);
  if (calls == 0) {
    g_test_skip ("not called where kernels come from the cache and nothing is profiled");
    return;
  }
  tries = MIN (calls, SAMPLES);
  for (guint i = 0; i < tries; i++)
    try_fault (call, tries > 1 ? 1 + (guint) ((guint64) i * (calls - 1) / (tries - 1)) : 1,
               statuses[(i + call) % G_N_ELEMENTS (statuses)]);
  alarm (SECONDS);
  expect_works (fault_name (call));
  alarm (0);
}

/* Without a program in the cache: what is only called to compile. */
static void
test_compile (gconstpointer data)
{
  FaultCall call = (FaultCall) GPOINTER_TO_UINT (data);

  g_setenv ("VLF_CACHE", "off", TRUE);
  try_fault (call, 1, CL_BUILD_PROGRAM_FAILURE);
  g_unsetenv ("VLF_CACHE");
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

static void
remove_cache (void)
{
  GDir *dir = g_dir_open (cache, 0, NULL);
  const gchar *name;

  while (dir && (name = g_dir_read_name (dir))) {
    g_autofree gchar *path = g_build_filename (cache, name, NULL);

    g_unlink (path);
  }
  g_clear_pointer (&dir, g_dir_close);
  g_rmdir (cache);
}

int
main (int argc, char **argv)
{
  int rc;

  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  folder = argv[1];
  cache = g_dir_make_tmp ("vlf-faults-XXXXXX", NULL);
  g_setenv ("VLF_CACHE_DIR", cache, TRUE);
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
  remove_cache ();
  g_free (cache);
  return rc;
}
