/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlfusion over OpenCL that fails or does not answer: one error on the bus, NULL within two seconds, and the next pipeline works.
 * VLF_TEST_MODEL names the model directory. OpenCL is only started inside a test. */
#include <gst/check/gstcheck.h>
#include "plugin/gstvlfusion.h"
#include "tests/faults.h"

static GstElement *
pipeline_new (void)
{
  g_autofree gchar *launch =
      g_strdup_printf ("videotestsrc num-buffers=3 ! video/x-raw,format=RGB,width=48,height=48 ! vlfusion name=f "
                       "device=cpu prompt=\"a red circle\" model=%s ! fakesink",
                       g_getenv ("VLF_TEST_MODEL"));
  GError *error = NULL;
  GstElement *pipeline;

  fail_unless (GST_ELEMENT_REGISTER (vlfusion, NULL));
  pipeline = gst_parse_launch (launch, &error);
  fail_unless (pipeline && !error, "%s", error ? error->message : "");
  return pipeline;
}

/* Errors that vlfusion posts until the stream ends, with the pipeline stopped and gone afterwards. */
static guint
play (void)
{
  GstElement *pipeline = pipeline_new ();
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  guint errors = 0;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  for (; message; message = gst_bus_timed_pop_filtered (bus, GST_SECOND / 5, GST_MESSAGE_ERROR)) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR && g_str_equal (GST_MESSAGE_SRC_NAME (message), "f"))
      errors++;
    gst_message_unref (message);
  }
  fail_unless_equals_int (gst_element_set_state (pipeline, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  gst_object_unref (bus);
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
  } faults[] = {
    { FAULT_CreateContext, CL_OUT_OF_HOST_MEMORY },           { FAULT_CreateCommandQueue, CL_OUT_OF_RESOURCES },
    { FAULT_CreateBuffer, CL_MEM_OBJECT_ALLOCATION_FAILURE }, { FAULT_EnqueueNDRangeKernel, CL_OUT_OF_RESOURCES },
    { FAULT_EnqueueReadBufferRect, CL_DEVICE_NOT_AVAILABLE }, { FAULT_Finish, -9999 }
  };

  fault_install ();
  expect_plays ();
  for (guint i = 0; i < G_N_ELEMENTS (faults); i++) {
    guint last = faults[i].call == FAULT_CreateContext ? 1 : 2;

    for (guint nth = 1; nth <= last; nth++) {
      fault_arm (faults[i].call, nth, faults[i].status);
      fail_unless_equals_int (play (), 1);
      fail_unless (fault_fired (), "%s call %u", fault_name (faults[i].call), nth);
    }
    expect_plays ();
  }
}
GST_END_TEST

/* The driver never answers: the pipeline stops all the same and the thread that waits is left behind. */
GST_START_TEST (test_hang)
{
  static const FaultCall calls[] = { FAULT_Finish, FAULT_EnqueueNDRangeKernel };

  fault_install ();
  expect_plays ();
  for (guint i = 0; i < G_N_ELEMENTS (calls); i++) {
    GstElement *pipeline = pipeline_new ();
    gint64 start;

    fault_hang (calls[i], 2);
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    while (!fault_fired ())
      g_usleep (10000);
    start = g_get_monotonic_time ();
    gst_element_set_state (pipeline, GST_STATE_NULL);
    fail_unless (g_get_monotonic_time () - start < 2 * G_USEC_PER_SEC, "%s: NULL took too long", fault_name (calls[i]));
    gst_object_unref (pipeline);
    fault_release ();
    expect_plays ();
  }
}
GST_END_TEST

static Suite *
faults_suite (void)
{
  Suite *s = suite_create ("faults");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_one_error);
  tcase_add_test (tc, test_hang);
  return s;
}

GST_CHECK_MAIN (faults)
