/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/faults.h"
#include <string.h>

static VlfClApi real;
static GMutex mutex; /* of all below */
static GCond released;
static struct {
  FaultCall call, provoked;
  guint nth;
  cl_int status, provoking;
  gboolean hang, fired;
  guint counts[FAULT_N];
} plan;
static struct {
  cl_device_info what;
  cl_ulong most; /* 0: none */
} limit;

/* What this call is to fail with; CL_SUCCESS: it is made. */
static cl_int
strike (FaultCall call)
{
  cl_int status = CL_SUCCESS;

  g_mutex_lock (&mutex);
  if (++plan.counts[call] == plan.nth && call == plan.call) {
    plan.fired = TRUE;
    status = plan.status;
    while (plan.hang)
      g_cond_wait (&released, &mutex);
  } else if (call == plan.provoked && plan.counts[call] == 1) {
    status = plan.provoking;
  }
  g_mutex_unlock (&mutex);
  return status;
}

/* Calls that return a status; calls that return an object; releases, which happen all the same. */
#define STATUS(name, parameters, arguments)                   \
  static cl_int CL_API_CALL fault_##name parameters           \
  {                                                           \
    cl_int fault = strike (FAULT_##name);                     \
                                                              \
    return fault != CL_SUCCESS ? fault : real.name arguments; \
  }
#define OBJECT(type, name, parameters, arguments) \
  static type CL_API_CALL fault_##name parameters \
  {                                               \
    cl_int fault = strike (FAULT_##name);         \
                                                  \
    if (fault == CL_SUCCESS)                      \
      return real.name arguments;                 \
    if (status)                                   \
      *status = fault;                            \
    return NULL;                                  \
  }
#define RELEASE(name, type)                            \
  static cl_int CL_API_CALL fault_##name (type object) \
  {                                                    \
    cl_int fault = strike (FAULT_##name);              \
    cl_int status = real.name (object);                \
                                                       \
    return fault != CL_SUCCESS ? fault : status;       \
  }

STATUS (GetPlatformIDs, (cl_uint n, cl_platform_id *ids, cl_uint *found), (n, ids, found))
STATUS (GetPlatformInfo, (cl_platform_id id, cl_platform_info what, size_t size, void *to, size_t *needed),
        (id, what, size, to, needed))
STATUS (GetDeviceIDs, (cl_platform_id id, cl_device_type type, cl_uint n, cl_device_id *ids, cl_uint *found),
        (id, type, n, ids, found))
static cl_int CL_API_CALL
fault_GetDeviceInfo (cl_device_id id, cl_device_info what, size_t size, void *to, size_t *needed)
{
  cl_int fault = strike (FAULT_GetDeviceInfo);
  cl_int status = fault != CL_SUCCESS ? fault : real.GetDeviceInfo (id, what, size, to, needed);
  cl_ulong value;

  g_mutex_lock (&mutex);
  if (status == CL_SUCCESS && limit.most > 0 && limit.what == what && to && size == sizeof value) {
    memcpy (&value, to, sizeof value);
    value = MIN (value, limit.most);
    memcpy (to, &value, sizeof value);
  }
  g_mutex_unlock (&mutex);
  return status;
}
OBJECT (cl_context, CreateContext,
        (const cl_context_properties *properties, cl_uint n, const cl_device_id *ids,
         void (CL_CALLBACK *notify) (const char *, const void *, size_t, void *), void *user, cl_int *status),
        (properties, n, ids, notify, user, status))
RELEASE (ReleaseContext, cl_context)
OBJECT (cl_command_queue, CreateCommandQueue,
        (cl_context context, cl_device_id id, cl_command_queue_properties properties, cl_int *status),
        (context, id, properties, status))
RELEASE (ReleaseCommandQueue, cl_command_queue)
OBJECT (cl_mem, CreateBuffer, (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *status),
        (context, flags, size, host, status))
OBJECT (cl_mem, CreateSubBuffer,
        (cl_mem memory, cl_mem_flags flags, cl_buffer_create_type type, const void *region, cl_int *status),
        (memory, flags, type, region, status))
RELEASE (ReleaseMemObject, cl_mem)
OBJECT (cl_program, CreateProgramWithSource,
        (cl_context context, cl_uint n, const char **lines, const size_t *sizes, cl_int *status),
        (context, n, lines, sizes, status))
OBJECT (cl_program, CreateProgramWithBinary,
        (cl_context context, cl_uint n, const cl_device_id *ids, const size_t *sizes, const unsigned char **data,
         cl_int *each, cl_int *status),
        (context, n, ids, sizes, data, each, status))
STATUS (BuildProgram,
        (cl_program program, cl_uint n, const cl_device_id *ids, const char *options,
         void (CL_CALLBACK *notify) (cl_program, void *), void *user),
        (program, n, ids, options, notify, user))
STATUS (GetProgramInfo, (cl_program program, cl_program_info what, size_t size, void *to, size_t *needed),
        (program, what, size, to, needed))
STATUS (GetProgramBuildInfo,
        (cl_program program, cl_device_id id, cl_program_build_info what, size_t size, void *to, size_t *needed),
        (program, id, what, size, to, needed))
RELEASE (ReleaseProgram, cl_program)
OBJECT (cl_kernel, CreateKernel, (cl_program program, const char *name, cl_int *status), (program, name, status))
STATUS (SetKernelArg, (cl_kernel kernel, cl_uint i, size_t size, const void *value), (kernel, i, size, value))
RELEASE (ReleaseKernel, cl_kernel)
STATUS (EnqueueNDRangeKernel,
        (cl_command_queue queue, cl_kernel kernel, cl_uint rank, const size_t *offset, const size_t *global,
         const size_t *local, cl_uint n, const cl_event *wait, cl_event *event),
        (queue, kernel, rank, offset, global, local, n, wait, event))
STATUS (EnqueueReadBufferRect,
        (cl_command_queue queue, cl_mem mem, cl_bool block, const size_t *at, const size_t *to, const size_t *region,
         size_t row, size_t slice, size_t host_row, size_t host_slice, void *host, cl_uint n, const cl_event *wait,
         cl_event *event),
        (queue, mem, block, at, to, region, row, slice, host_row, host_slice, host, n, wait, event))
STATUS (EnqueueWriteBuffer,
        (cl_command_queue queue, cl_mem mem, cl_bool block, size_t offset, size_t size, const void *from, cl_uint n,
         const cl_event *wait, cl_event *event),
        (queue, mem, block, offset, size, from, n, wait, event))
STATUS (EnqueueWriteBufferRect,
        (cl_command_queue queue, cl_mem mem, cl_bool block, const size_t *at, const size_t *from, const size_t *region,
         size_t row, size_t slice, size_t host_row, size_t host_slice, const void *host, cl_uint n,
         const cl_event *wait, cl_event *event),
        (queue, mem, block, at, from, region, row, slice, host_row, host_slice, host, n, wait, event))
STATUS (Finish, (cl_command_queue queue), (queue))
STATUS (GetEventProfilingInfo, (cl_event event, cl_profiling_info what, size_t size, void *to, size_t *needed),
        (event, what, size, to, needed))
RELEASE (ReleaseEvent, cl_event)

void
fault_install (void)
{
  g_autoptr (GError) error = NULL;
  VlfClApi *api = vlf_cl_api_open (&error);

  g_assert_no_error (error);
  if (api->Finish == fault_Finish)
    return;
  real = *api;
#define PUT(name) api->name = fault_##name;
  VLF_CL_FUNCTIONS (PUT)
#undef PUT
}

static void
arm (FaultCall call, guint nth, cl_int status, gboolean hang)
{
  g_mutex_lock (&mutex);
  memset (&plan, 0, sizeof plan);
  plan.call = call;
  plan.provoked = FAULT_N;
  plan.nth = nth;
  plan.status = status;
  plan.hang = hang;
  g_mutex_unlock (&mutex);
}

void
fault_arm (FaultCall call, guint nth, cl_int status)
{
  arm (call, nth, status, FALSE);
}

void
fault_hang (FaultCall call, guint nth)
{
  arm (call, nth, CL_SUCCESS, TRUE);
}

void
fault_provoke (FaultCall call, cl_int status)
{
  g_mutex_lock (&mutex);
  plan.provoked = call;
  plan.provoking = status;
  g_mutex_unlock (&mutex);
}

void
fault_release (void)
{
  g_mutex_lock (&mutex);
  plan.hang = FALSE;
  g_cond_broadcast (&released);
  g_mutex_unlock (&mutex);
}

void
fault_limit (cl_device_info what, cl_ulong most)
{
  g_mutex_lock (&mutex);
  limit.what = what;
  limit.most = most;
  g_mutex_unlock (&mutex);
}

guint
fault_count (FaultCall call)
{
  guint count;

  g_mutex_lock (&mutex);
  count = plan.counts[call];
  g_mutex_unlock (&mutex);
  return count;
}

gboolean
fault_fired (void)
{
  gboolean fired;

  g_mutex_lock (&mutex);
  fired = plan.fired;
  g_mutex_unlock (&mutex);
  return fired;
}

const char *
fault_name (FaultCall call)
{
  static const char *const names[] = {
#define NAME(name) "cl" #name,
    VLF_CL_FUNCTIONS (NAME)
#undef NAME
  };

  return names[call];
}
