/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/cl_api.h"
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>
#include "kernels/watch.h"

static GMutex mutex;
static VlfClApi table;
static gpointer library;
static pid_t owner; /* the process that opened the library */

static gpointer
open_library (GError **error)
{
  const char *named = g_getenv ("VLF_OPENCL_LIBRARY");
  gpointer handle = dlopen (named ? named : "libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  g_autofree gchar *reason = handle ? NULL : g_strdup (dlerror ());

  if (!handle && !named)
    handle = dlopen ("libOpenCL.so", RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    g_set_error (error, VLF_ERROR, VLF_ERROR_NOT_FOUND, "no OpenCL loader (%s); install %s", reason, VLF_CL_PACKAGES);
  return handle;
}

static gboolean
find_functions (gpointer handle, GError **error)
{
  static const struct {
    const char *name;
    gsize offset;
  } functions[] = {
#define ENTRY(name) { "cl" #name, G_STRUCT_OFFSET (VlfClApi, name) },
    VLF_CL_FUNCTIONS (ENTRY)
#undef ENTRY
  };

  for (gsize i = 0; i < G_N_ELEMENTS (functions); i++) {
    gpointer function = dlsym (handle, functions[i].name);

    if (!function) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_NOT_FOUND, "the OpenCL loader lacks %s; OpenCL 1.2 is needed",
                   functions[i].name);
      return FALSE;
    }
    memcpy ((guint8 *) &table + functions[i].offset, &function, sizeof function);
  }
  return TRUE;
}

VlfClApi *
vlf_cl_api_open (GError **error)
{
  VlfClApi *api = NULL;

  g_mutex_lock (&mutex);
  if (!library) {
    gpointer handle = open_library (error);

    if (handle && find_functions (handle, error)) {
      library = handle;
      owner = getpid ();
    } else if (handle) {
      dlclose (handle);
    }
  }
  if (library && owner == getpid ())
    api = &table;
  else if (library)
    g_set_error (error, VLF_ERROR, VLF_ERROR_DEVICE,
                 "OpenCL was started in process %d, which forked this one; its drivers hang here: open the device "
                 "after fork()",
                 (int) owner);
  g_mutex_unlock (&mutex);
  return api;
}

VlfClApi *
vlf_cl_api (void)
{
  vlf_watch_alive ();
  return &table;
}

const char *
vlf_cl_status_name (cl_int status)
{
  static const struct {
    cl_int status;
    const char *name;
  } names[] = {
#define NAME(x) { x, #x }
    NAME (CL_SUCCESS),
    NAME (CL_DEVICE_NOT_FOUND),
    NAME (CL_DEVICE_NOT_AVAILABLE),
    NAME (CL_COMPILER_NOT_AVAILABLE),
    NAME (CL_MEM_OBJECT_ALLOCATION_FAILURE),
    NAME (CL_OUT_OF_RESOURCES),
    NAME (CL_OUT_OF_HOST_MEMORY),
    NAME (CL_BUILD_PROGRAM_FAILURE),
    NAME (CL_MISALIGNED_SUB_BUFFER_OFFSET),
    NAME (CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
    NAME (CL_INVALID_VALUE),
    NAME (CL_INVALID_PLATFORM),
    NAME (CL_INVALID_DEVICE),
    NAME (CL_INVALID_CONTEXT),
    NAME (CL_INVALID_QUEUE_PROPERTIES),
    NAME (CL_INVALID_COMMAND_QUEUE),
    NAME (CL_INVALID_HOST_PTR),
    NAME (CL_INVALID_MEM_OBJECT),
    NAME (CL_INVALID_BINARY),
    NAME (CL_INVALID_BUILD_OPTIONS),
    NAME (CL_INVALID_PROGRAM),
    NAME (CL_INVALID_PROGRAM_EXECUTABLE),
    NAME (CL_INVALID_KERNEL_NAME),
    NAME (CL_INVALID_KERNEL_DEFINITION),
    NAME (CL_INVALID_KERNEL),
    NAME (CL_INVALID_ARG_INDEX),
    NAME (CL_INVALID_ARG_VALUE),
    NAME (CL_INVALID_ARG_SIZE),
    NAME (CL_INVALID_KERNEL_ARGS),
    NAME (CL_INVALID_WORK_DIMENSION),
    NAME (CL_INVALID_WORK_GROUP_SIZE),
    NAME (CL_INVALID_WORK_ITEM_SIZE),
    NAME (CL_INVALID_GLOBAL_OFFSET),
    NAME (CL_INVALID_EVENT),
    NAME (CL_INVALID_OPERATION),
    NAME (CL_INVALID_BUFFER_SIZE),
    NAME (CL_INVALID_GLOBAL_WORK_SIZE),
    { -1001, "CL_PLATFORM_NOT_FOUND_KHR" },
#undef NAME
  };
  g_autofree gchar *number = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    if (names[i].status == status)
      return names[i].name;
  }
  number = g_strdup_printf ("OpenCL error %d", status);
  return g_intern_string (number);
}
