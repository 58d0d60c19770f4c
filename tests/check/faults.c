/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlfusion over OpenCL that fails or does not answer: one error on the bus, NULL within two seconds, and the next pipeline works.
 * VLF_TEST_MODEL names the model directory. Of each entry point the first call is tried, with VLF_TEST_EXHAUSTIVE=N every N-th;
 * VLF_TEST_CALL=clName tries that entry point alone. OpenCL is only started inside a test. */
#include <gst/check/gstcheck.h>
#include "plugin/gstvlfusion.h"
#include "tests/faults.h"

#define EVERY_FRAME "mode=every-frame"
#define LATEST      "mode=latest"

/* So many frames that only an error or NULL ends the stream, or three. */
static GstElement *
pipeline_new (const gchar *mode, gboolean endless)
{
  g_autofree gchar *launch = g_strdup_printf (
      "videotestsrc is-live=%d num-buffers=%d ! video/x-raw,format=RGB,width=48,height=48,framerate=20/1 ! "
      "vlfusion name=f device=cpu prompt=\"a red circle\" %s model=%s ! fakesink name=out",
      endless, endless ? 100000 : 3, mode, g_getenv ("VLF_TEST_MODEL"));
  GError *error = NULL;
  GstElement *pipeline;

  fail_unless (GST_ELEMENT_REGISTER (vlfusion, NULL));
  pipeline = gst_parse_launch (launch, &error);
  fail_unless (pipeline && !error, "%s", error ? error->message : "");
  return pipeline;
}

/* Errors that vlfusion posts until the stream ends and for a while after. */
static guint
count_errors (GstElement *pipeline, GstClockTime patience)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (bus, patience, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  guint errors = 0;

  for (; message; message = gst_bus_timed_pop_filtered (bus, GST_SECOND / 5, GST_MESSAGE_ERROR)) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR && g_str_equal (GST_MESSAGE_SRC_NAME (message), "f"))
      errors++;
    gst_message_unref (message);
  }
  gst_object_unref (bus);
  return errors;
}

/* Errors that vlfusion posts, with the pipeline stopped and gone afterwards. */
static guint
play (void)
{
  GstElement *pipeline = pipeline_new (EVERY_FRAME, FALSE);
  guint errors;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  errors = count_errors (pipeline, GST_CLOCK_TIME_NONE);
  fail_unless_equals_int (gst_element_set_state (pipeline, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  gst_object_unref (pipeline);
  return errors;
}

static void
expect_plays (void)
{
  fault_arm (FAULT_N, 0, CL_SUCCESS);
  fail_unless_equals_int (play (), 0);
}

GST_START_TEST (test_one_error)
{
  static const struct {
    FaultCall call;
    cl_int status;
  } faults[] = { { FAULT_CreateContext, CL_OUT_OF_HOST_MEMORY },
                 { FAULT_CreateCommandQueue, CL_OUT_OF_RESOURCES },
                 { FAULT_CreateBuffer, CL_MEM_OBJECT_ALLOCATION_FAILURE },
                 { FAULT_CreateSubBuffer, CL_MEM_OBJECT_ALLOCATION_FAILURE },
                 { FAULT_EnqueueNDRangeKernel, CL_OUT_OF_RESOURCES },
                 { FAULT_EnqueueReadBufferRect, CL_DEVICE_NOT_AVAILABLE },
                 { FAULT_Finish, -9999 } };

  fault_install ();
  expect_plays ();
  for (guint i = 0; i < G_N_ELEMENTS (faults); i++) {
    /* One context; and the second buffer is of activations, for which less is asked for again. */
    guint last = faults[i].call == FAULT_CreateContext || faults[i].call == FAULT_CreateBuffer ? 1 : 2;

    for (guint nth = 1; nth <= last; nth++) {
      fault_arm (faults[i].call, nth, faults[i].status);
      fail_unless_equals_int (play (), 1);
      fail_unless (fault_fired (), "%s call %u", fault_name (faults[i].call), nth);
    }
    expect_plays ();
  }
}
GST_END_TEST

static void
stop_in_time (GstElement *pipeline, const gchar *what)
{
  gint64 start = g_get_monotonic_time ();

  gst_element_set_state (pipeline, GST_STATE_NULL);
  fail_unless (g_get_monotonic_time () - start < 2 * G_USEC_PER_SEC, "%s: NULL took too long", what);
  gst_object_unref (pipeline);
}

/* Stopped while the driver does not answer, before anybody has noticed: the thread that waits is left behind. */
GST_START_TEST (test_null_in_time)
{
  static const FaultCall calls[] = { FAULT_Finish, FAULT_EnqueueNDRangeKernel };

  fault_install ();
  expect_plays ();
  for (guint i = 0; i < G_N_ELEMENTS (calls); i++) {
    GstElement *pipeline = pipeline_new (EVERY_FRAME, TRUE);

    fault_hang (calls[i], 2);
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    while (!fault_fired ())
      g_usleep (10000);
    stop_in_time (pipeline, fault_name (calls[i]));
    fault_release ();
    expect_plays ();
  }
}
GST_END_TEST

/* Until a frame has come through, so that everything is there that will be released; or something hung before that. */
static void
wait_for_frame (GstElement *pipeline)
{
  GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), "out");
  gint64 deadline = g_get_monotonic_time () + G_TIME_SPAN_MINUTE;
  GstSample *sample = NULL;

  while (!sample && !fault_fired () && g_get_monotonic_time () < deadline) {
    g_usleep (10000);
    g_object_get (sink, "last-sample", &sample, NULL);
  }
  g_clear_pointer (&sample, gst_sample_unref);
  gst_object_unref (sink);
}

/* Threads of ours, and those of the driver's that have their names from them. */
static guint
count_threads (void)
{
  GDir *dir = g_dir_open ("/proc/self/task", 0, NULL);
  const gchar *task;
  guint n = 0;

  while ((task = g_dir_read_name (dir))) {
    g_autofree gchar *path = g_strdup_printf ("/proc/self/task/%s/comm", task), *name = NULL;

    n += g_file_get_contents (path, &name, NULL, NULL) && g_str_has_prefix (name, "vlf-");
  }
  g_dir_close (dir);
  return n;
}

/* Lets the thread that was left behind run out, until there are as many as before, @threads; it may still have to compile: the driver must not be
 * at work in it while the process ends, which takes down what drivers use. */
static void
release (guint threads)
{
  gint64 deadline = g_get_monotonic_time () + 2 * G_TIME_SPAN_MINUTE;

  fault_release ();
  while (count_threads () > threads && g_get_monotonic_time () < deadline)
    g_usleep (10000);
}

/* A thread that was left behind may come to it only after the stop. */
static gboolean
comes_to_it (void)
{
  gint64 deadline = g_get_monotonic_time () + G_TIME_SPAN_MINUTE;

  while (!fault_fired () && g_get_monotonic_time () < deadline)
    g_usleep (10000);
  return fault_fired ();
}

/* A stream under a watch of @seconds whose @nth @call hangs: one error on the bus and NULL in time. What only releases may hang when
 * nobody waits for it any longer: then there is no error. FALSE where it never came to that. */
static gboolean
hangs (FaultCall call, guint nth, const gchar *mode, const gchar *seconds)
{
  g_autofree gchar *what = g_strdup_printf ("%s call %u, %s, %s s", fault_name (call), nth, mode, seconds);
  gboolean releases = g_str_has_prefix (fault_name (call), "clRelease");
  GstElement *pipeline = pipeline_new (mode, TRUE);
  guint errors;

  GST_INFO ("%s", what);
  g_setenv ("VLF_WATCHDOG", seconds, TRUE);
  fault_hang (call, nth);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  if (releases)
    wait_for_frame (pipeline);
  errors = count_errors (pipeline, releases ? GST_SECOND : GST_CLOCK_TIME_NONE);
  fail_unless (errors == 1 || (releases && errors == 0), "%s: %u errors", what, errors);
  stop_in_time (pipeline, what);
  g_unsetenv ("VLF_WATCHDOG");
  return comes_to_it ();
}

/* The @nth @call never returns: it is noticed, and another pipeline works while the thread still hangs. On a machine with much other work
 * two seconds may go by without any call, or in one that compiles: then it is tried with more. */
static void
expect_noticed (FaultCall call, guint nth, const gchar *mode)
{
  guint threads = count_threads ();

  fail_unless (hangs (call, nth, mode, "2") || hangs (call, nth, mode, "30"), "%s call %u, %s: never came to that",
               fault_name (call), nth, mode);
  expect_plays ();
  release (threads);
}

/* Slow, not dead: the call returns after all, and what then fails, as the device is lost, is not told a second time. */
GST_START_TEST (test_told_once)
{
  GstProgressType type = GST_PROGRESS_TYPE_START;
  GstElement *pipeline = pipeline_new (EVERY_FRAME, TRUE);
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  guint errors = 0;

  fault_install ();
  expect_plays ();
  g_setenv ("VLF_WATCHDOG", "2", TRUE);
  fault_hang (FAULT_CreateBuffer, 1); /* while the model loads */
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (type != GST_PROGRESS_TYPE_ERROR) {
    message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_PROGRESS | GST_MESSAGE_ERROR);
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_PROGRESS) {
      gst_message_parse_progress (message, &type, NULL, NULL);
    } else if (g_str_equal (GST_MESSAGE_SRC_NAME (message), "f")) {
      errors++;
      fault_release ();
    }
    gst_message_unref (message);
  }
  errors += count_errors (pipeline, GST_SECOND / 5);
  fail_unless_equals_int (errors, 1);
  stop_in_time (pipeline, "told once");
  gst_object_unref (bus);
  g_unsetenv ("VLF_WATCHDOG");
  expect_plays ();
}
GST_END_TEST

/* How often a stream of some frames makes each call. */
static void
count_calls (guint counts[FAULT_N])
{
  expect_plays ();
  fault_arm (FAULT_N, 0, CL_SUCCESS);
  fail_unless_equals_int (play (), 0);
  for (guint call = 0; call < FAULT_N; call++)
    counts[call] = fault_count ((FaultCall) call);
}

typedef void (*TryCall) (FaultCall call, guint nth);

/* Each entry point that is called, as the environment says. */
static void
for_each_call (TryCall try_call)
{
  const gchar *wish = g_getenv ("VLF_TEST_EXHAUSTIVE"), *only = g_getenv ("VLF_TEST_CALL");
  guint step = wish ? (guint) MAX (g_ascii_strtoull (wish, NULL, 10), 1) : G_MAXUINT, counts[FAULT_N];

  fault_install ();
  count_calls (counts);
  for (guint call = 0; call < FAULT_N; call++) {
    if (only && !g_str_equal (only, fault_name ((FaultCall) call)))
      continue;
    for (guint64 nth = 1; nth <= counts[call]; nth += step)
      try_call ((FaultCall) call, (guint) nth);
  }
}

static void
try_hang (FaultCall call, guint nth)
{
  expect_noticed (call, nth, EVERY_FRAME);
}

GST_START_TEST (test_hang_noticed)
{
  for_each_call (try_hang);
}
GST_END_TEST

/* The @nth @call fails: one error, or frames as if nothing had happened; and another pipeline works. */
static void
try_failure (FaultCall call, guint nth)
{
  static const cl_int statuses[] = { CL_OUT_OF_RESOURCES, CL_DEVICE_NOT_AVAILABLE, CL_MEM_OBJECT_ALLOCATION_FAILURE,
                                     -9999 };
  cl_int status = statuses[(call + nth) % G_N_ELEMENTS (statuses)];
  guint errors;

  GST_INFO ("%s call %u: %d", fault_name (call), nth, status);
  fault_arm (call, nth, status);
  errors = play ();
  fail_unless (errors <= 1, "%s call %u: %u errors", fault_name (call), nth, errors);
  fail_unless (fault_fired (), "%s call %u: never came to that", fault_name (call), nth);
  expect_plays ();
}

GST_START_TEST (test_failures)
{
  for_each_call (try_failure);
}
GST_END_TEST

/* Frames pass while inference hangs beside them, until that is noticed. */
GST_START_TEST (test_hang_noticed_beside)
{
  fault_install ();
  expect_plays ();
  expect_noticed (FAULT_Finish, 2, LATEST);
}
GST_END_TEST

static Suite *
faults_suite (void)
{
  Suite *s = suite_create ("faults");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_one_error);
  tcase_add_test (tc, test_failures);
  tcase_add_test (tc, test_null_in_time);
  tcase_add_test (tc, test_hang_noticed);
  tcase_add_test (tc, test_told_once);
  tcase_add_test (tc, test_hang_noticed_beside);
  return s;
}

GST_CHECK_MAIN (faults)
