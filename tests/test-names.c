/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A device that is asked for by its whole name is that one, though the names of others begin with it ("NVIDIA A10", "NVIDIA A100"). */
#include <string.h>
#include "kernels/cl_device.h"

static VlfClApi real_api;

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

static void
test_whole_name (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = NULL;
  g_autofree gchar *text = NULL;
  g_auto (GStrv) list = NULL;

  g_setenv ("POCL_DEVICES", "pthread pthread", TRUE);
  g_assert_nonnull (vlf_cl_api_open (NULL));
  real_api = *vlf_cl_api ();
  vlf_cl_api ()->GetDeviceInfo = lengthen;
  text = vlf_device_list ();
  list = g_strsplit (text, "\n", 0);
  if (g_strv_length (list) < 2) {
    g_test_skip ("this PoCL does not make two devices of one processor");
    return;
  }
  g_assert_true (g_str_has_prefix (list[0] + strlen ("0: "), list[1] + strlen ("1: ")));
  device = vlf_device_open (list[1] + strlen ("1: "), &error);
  g_assert_no_error (error);
  g_assert_cmpstr (vlf_device_name (device), ==, list[1] + strlen ("1: "));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/names/whole", test_whole_name);
  return g_test_run ();
}
