/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of two devices is taken, and what one may lack: PoCL makes two of one processor, and stand-ins for calls make them differ. */
#include <string.h>
#include "kernels/cl_device.h"
#include "kernels/ops.h"

static VlfClApi real_api;

/* FALSE if there is one only. */
static gboolean
make_two (void)
{
  g_autofree gchar *text = NULL;

  g_setenv ("POCL_DEVICES", "pthread pthread", TRUE);
  g_assert_true (vlf_cl_api_open (NULL));
  if (!real_api.GetDeviceInfo)
    real_api = *vlf_cl_api ();
  *vlf_cl_api () = real_api;
  text = vlf_device_list ();
  if (strchr (text, '\n'))
    return TRUE;
  g_test_skip ("this PoCL does not make two devices of one processor");
  return FALSE;
}

/* The first device's name is the real one and a letter more, the second's the real one. */
static cl_int
lengthen (cl_device_id id, cl_device_info what, size_t size, void *to, size_t *needed)
{
  static cl_device_id first;
  const cl_int status = real_api.GetDeviceInfo (id, what, size, to, needed);

  first = first ? first : id;
  if (what == CL_DEVICE_NAME && id == first) {
    if (needed)
      *needed += 1;
    if (to)
      g_strlcat (to, "0", size);
  }
  return status;
}

/* A device that is asked for by its whole name is that one, though the names of others begin with it ("NVIDIA A10", "NVIDIA A100"). */
static void
test_whole_name (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = NULL;
  g_autofree gchar *text = NULL;
  g_auto (GStrv) list = NULL;

  if (!make_two ())
    return;
  vlf_cl_api ()->GetDeviceInfo = lengthen;
  text = vlf_device_list ();
  list = g_strsplit (text, "\n", 0);
  g_assert_true (g_str_has_prefix (list[0] + strlen ("0: "), list[1] + strlen ("1: ")));
  device = vlf_device_open (list[1] + strlen ("1: "), &error);
  g_assert_no_error (error);
  g_assert_cmpstr (vlf_device_name (device), ==, list[1] + strlen ("1: "));
}

/* The first device is Mesa's Clover in this. */
static cl_int
grow_old (cl_device_id id, cl_device_info what, size_t size, void *to, size_t *needed)
{
  static const char version[] = "OpenCL C 1.1 ";
  static cl_device_id first;

  first = first ? first : id;
  if (what != CL_DEVICE_OPENCL_C_VERSION || id != first)
    return real_api.GetDeviceInfo (id, what, size, to, needed);
  if (needed)
    *needed = sizeof version;
  if (to)
    g_strlcpy (to, version, size);
  return CL_SUCCESS;
}

/* What no kernel compiles for is passed over for what works, and says why where it is all that was asked for. */
static void
test_old (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) reference = NULL, any = NULL, named = NULL;

  if (!make_two ())
    return;
  reference = vlf_device_open ("1", &error);
  g_assert_no_error (error);
  vlf_cl_api ()->GetDeviceInfo = grow_old;
  any = vlf_device_open ("auto", &error);
  g_assert_no_error (error);
  g_assert_true (any == reference);
  named = vlf_device_open ("portable", &error);
  g_assert_no_error (error);
  g_assert_true (named == reference);
  g_assert_null (vlf_device_open ("0", &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "OpenCL C 1.1; expected 1.2"));
}

static cl_int
hide_clock (cl_device_id id, cl_device_info what, size_t size, void *to, size_t *needed)
{
  const cl_int status = real_api.GetDeviceInfo (id, what, size, to, needed);

  if (what == CL_DEVICE_QUEUE_PROPERTIES && to)
    *(cl_command_queue_properties *) to &= ~(cl_command_queue_properties) CL_QUEUE_PROFILING_ENABLE;
  return status;
}

static cl_command_queue
refuse_clock (cl_context context, cl_device_id id, cl_command_queue_properties properties, cl_int *status)
{
  if (!(properties & CL_QUEUE_PROFILING_ENABLE))
    return real_api.CreateCommandQueue (context, id, properties, status);
  *status = CL_INVALID_QUEUE_PROPERTIES;
  return NULL;
}

/* A device that cannot tell the time computes all the same. */
static void
test_no_clock (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = NULL;
  g_autoptr (VlfQueue) queue = NULL;
  const float numbers[2] = { 1, 2 };
  float out[2];
  VlfPass *pass;
  VlfTensor x;

  g_assert_true (vlf_cl_api_open (NULL));
  if (!real_api.GetDeviceInfo)
    real_api = *vlf_cl_api ();
  *vlf_cl_api () = real_api;
  vlf_cl_api ()->GetDeviceInfo = hide_clock;
  vlf_cl_api ()->CreateCommandQueue = refuse_clock;
  device = vlf_device_open ("auto", &error);
  g_assert_no_error (error);
  queue = vlf_queue_new (device, &error);
  g_assert_no_error (error);
  pass = vlf_pass_begin (queue);
  x = vlf_input (pass, numbers, 1, 1, 2);
  vlf_output (pass, vlf_add (pass, x, x), out);
  g_assert_true (vlf_pass_end (pass, &error));
  g_assert_cmpfloat (out[1], ==, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/names/whole", test_whole_name);
  g_test_add_func ("/names/old", test_old);
  g_test_add_func ("/names/no-clock", test_no_clock);
  return g_test_run ();
}
