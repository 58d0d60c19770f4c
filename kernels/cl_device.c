/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/cl_device.h"
#include <stdio.h>

/* Generic GPU kernels have groups of this many work-items and this much local memory. */
#define GROUP_SIZE 256u
#define LOCAL_SIZE ((cl_ulong) 32 * 1024)

gchar *
vlf_cl_device_string (cl_device_id id, cl_device_info what)
{
  gsize size = 0;
  gchar *text;

  if (vlf_cl_api ()->GetDeviceInfo (id, what, 0, NULL, &size) != CL_SUCCESS || size == 0)
    return g_strdup ("");
  text = g_malloc0 (size + 1);
  if (vlf_cl_api ()->GetDeviceInfo (id, what, size, text, NULL) != CL_SUCCESS)
    text[0] = '\0';
  return g_strstrip (text);
}

gchar *
vlf_cl_platform_string (cl_platform_id id, cl_platform_info what)
{
  gsize size = 0;
  gchar *text;

  if (vlf_cl_api ()->GetPlatformInfo (id, what, 0, NULL, &size) != CL_SUCCESS || size == 0)
    return g_strdup ("");
  text = g_malloc0 (size + 1);
  if (vlf_cl_api ()->GetPlatformInfo (id, what, size, text, NULL) != CL_SUCCESS)
    text[0] = '\0';
  return g_strstrip (text);
}

guint
vlf_cl_subgroups (cl_device_id id)
{
  g_autofree gchar *extensions = vlf_cl_device_string (id, CL_DEVICE_EXTENSIONS);
  g_autofree gchar *version = vlf_cl_device_string (id, CL_DEVICE_OPENCL_C_VERSION);

  if (strstr (extensions, "cl_intel_subgroups"))
    return 1;
  return strstr (extensions, "cl_khr_subgroups") &&
                 (g_str_has_prefix (version, "OpenCL C 2.") || g_str_has_prefix (version, "OpenCL C 3."))
             ? 2
             : 0;
}

static gboolean
get (cl_device_id id, cl_device_info what, gsize size, gpointer to)
{
  return vlf_cl_api ()->GetDeviceInfo (id, what, size, to, NULL) == CL_SUCCESS;
}

/* How wide the explicit vectors of the CPU family are: as the device's own, unless VLF_VECTOR_WIDTH says otherwise. */
static guint
choose_width (cl_device_id id)
{
  const char *wish = g_getenv ("VLF_VECTOR_WIDTH");
  cl_uint width = 0;

  if (wish && (g_str_equal (wish, "8") || g_str_equal (wish, "16")))
    return wish[0] == '8' ? 8 : 16;
  get (id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof width, &width);
  return width >= 16 ? 16 : 8;
}

/* Mesa's Clover ends at 1.1, and with it every program. What does not say is taken to be new. */
static gboolean
is_old (const char *version)
{
  guint major = 0, minor = 0;

  return sscanf (version, "OpenCL C %u.%u", &major, &minor) == 2 && (major < 1 || (major == 1 && minor < 2));
}

gchar *
vlf_cl_unfit (cl_device_id id, VlfFamily family)
{
  g_autofree gchar *version = vlf_cl_device_string (id, CL_DEVICE_OPENCL_C_VERSION);
  cl_bool available = CL_FALSE, compiler = CL_FALSE;
  cl_ulong local = 0;
  gsize group = 0;

  if (!get (id, CL_DEVICE_AVAILABLE, sizeof available, &available) ||
      !get (id, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler) ||
      !get (id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof local, &local) ||
      !get (id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof group, &group))
    return g_strdup ("the device's limits are not told by its driver");
  if (!available || !compiler)
    return g_strdup_printf ("the device %s", available ? "has no compiler for OpenCL C" : "is not available");
  if (is_old (version))
    return g_strdup_printf ("the device has %s; expected 1.2 or later", version);
  if (family == VLF_FAMILY_GPU && (group < GROUP_SIZE || local < LOCAL_SIZE))
    return g_strdup_printf ("the device has work-groups of %" G_GSIZE_FORMAT " and %" G_GUINT64_FORMAT
                            " bytes of local memory; expected %u and %" G_GUINT64_FORMAT,
                            group, (guint64) local, GROUP_SIZE, (guint64) LOCAL_SIZE);
  return NULL;
}

static gboolean
read_limits (VlfClDevice *device, GError **error)
{
  g_autofree gchar *unfit = vlf_cl_unfit (device->id, device->family);
  cl_ulong alloc = 0, memory = 0;
  cl_bool unified = CL_FALSE;
  cl_uint units = 0;

  if (unfit) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED, "%s", unfit);
    return FALSE;
  }
  if (!get (device->id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof alloc, &alloc) ||
      !get (device->id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory) ||
      !get (device->id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_DEVICE, "the driver does not tell the device's limits");
    return FALSE;
  }
  get (device->id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified,
       &unified); /* an old question, which some do not answer */
  device->max_alloc = (gsize) MIN (alloc, G_MAXSIZE);
  device->memory = (gsize) MIN (memory, G_MAXSIZE);
  device->units = MAX (units, 1);
  device->unified = unified || device->family == VLF_FAMILY_CPU;
  device->width = choose_width (device->id);
  return TRUE;
}

static gboolean
create_context (VlfClDevice *device, GError **error)
{
  cl_context_properties properties[] = { CL_CONTEXT_PLATFORM, (cl_context_properties) device->platform, 0 };
  cl_int status;

  device->context = vlf_cl_api ()->CreateContext (properties, 1, &device->id, NULL, NULL, &status);
  if (status == CL_SUCCESS)
    device->upload = vlf_cl_api ()->CreateCommandQueue (device->context, device->id, 0, &status);
  if (status == CL_SUCCESS)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_DEVICE, "the device cannot be opened: %s", vlf_cl_status_name (status));
  return FALSE;
}

VlfClDevice *
vlf_cl_device_new (cl_platform_id platform, cl_device_id id, VlfFamily family, GError **error)
{
  VlfClDevice *device = g_new0 (VlfClDevice, 1);
  g_autofree gchar *name = vlf_cl_platform_string (platform, CL_PLATFORM_NAME);
  g_autofree gchar *driver = vlf_cl_device_string (id, CL_DRIVER_VERSION);

  g_mutex_init (&device->building);
  g_mutex_init (&device->mutex);
  vlf_cl_alone_init (&device->alone, name, driver);
  vlf_cl_slabs_init (&device->slabs, family, name, id);
  device->platform = platform;
  device->id = id;
  device->family = family;
  if (read_limits (device, error) && create_context (device, error))
    return device;
  vlf_cl_device_free (device, FALSE);
  return NULL;
}

static void
clear_mutex (GMutex *mutex)
{
  if (!g_mutex_trylock (mutex))
    return; /* in a child of fork(): a thread of the parent's had it */
  g_mutex_unlock (mutex);
  g_mutex_clear (mutex);
}

void
vlf_cl_device_free (VlfClDevice *device, gboolean abandon)
{
  if (!device)
    return;
  if (!abandon && device->program)
    vlf_cl_api ()->ReleaseProgram (device->program);
  if (!abandon && device->upload)
    vlf_cl_api ()->ReleaseCommandQueue (device->upload);
  if (!abandon && device->context)
    vlf_cl_api ()->ReleaseContext (device->context);
  vlf_cl_slabs_clear (&device->slabs);
  vlf_cl_alone_clear (&device->alone);
  clear_mutex (&device->building);
  clear_mutex (&device->mutex);
  g_free (device->key);
  g_free (device);
}

/* After these, "any OpenCL call can hang" (OpenVINO, pull request 16724). */
static gboolean
means_lost (cl_int status)
{
  return status == CL_OUT_OF_RESOURCES || status == CL_OUT_OF_HOST_MEMORY || status == CL_DEVICE_NOT_AVAILABLE ||
         status == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST || status == CL_INVALID_COMMAND_QUEUE ||
         status == CL_INVALID_CONTEXT || status < -1001;
}

void
vlf_cl_set_error (VlfDevice *device, cl_int status, const char *what, GError **error)
{
  gboolean memory = status == CL_MEM_OBJECT_ALLOCATION_FAILURE;

  if (means_lost (status))
    g_atomic_int_set (&device->lost, 1);
  g_set_error (error, VLF_ERROR, memory ? VLF_ERROR_NO_MEMORY : VLF_ERROR_DEVICE, "%s: %s: %s%s", device->name, what,
               vlf_cl_status_name (status),
               memory                ? "; the memory of the device does not suffice"
               : means_lost (status) ? "; it is lost"
                                     : "");
}
