/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: the OpenCL entry points, found by dlopen(). Everything calls OpenCL through this table, so that an absent
 * loader is an error message, and tests can put failing functions in. */
#pragma once
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <glib.h>
#include "kernels/error.h"

G_BEGIN_DECLS

/* What to install where OpenCL or its devices are missing. */
#define VLF_CL_PACKAGES                                                                                           \
  "ocl-icd-libopencl1 and a driver: pocl-opencl-icd (any CPU), mesa-opencl-icd (GPUs; set RUSTICL_ENABLE to the " \
  "driver's name), or what the vendor of the GPU offers"

/* Every entry point in use: X (name without "cl"). */
#define VLF_CL_FUNCTIONS(X)   \
  X (GetPlatformIDs)          \
  X (GetPlatformInfo)         \
  X (GetDeviceIDs)            \
  X (GetDeviceInfo)           \
  X (CreateContext)           \
  X (ReleaseContext)          \
  X (CreateCommandQueue)      \
  X (ReleaseCommandQueue)     \
  X (CreateBuffer)            \
  X (CreateSubBuffer)         \
  X (ReleaseMemObject)        \
  X (CreateProgramWithSource) \
  X (CreateProgramWithBinary) \
  X (BuildProgram)            \
  X (GetProgramInfo)          \
  X (GetProgramBuildInfo)     \
  X (ReleaseProgram)          \
  X (CreateKernel)            \
  X (SetKernelArg)            \
  X (ReleaseKernel)           \
  X (EnqueueNDRangeKernel)    \
  X (EnqueueReadBufferRect)   \
  X (EnqueueWriteBuffer)      \
  X (EnqueueWriteBufferRect)  \
  X (Finish)                  \
  X (GetEventProfilingInfo)   \
  X (ReleaseEvent)

typedef struct {
#define VLF_CL_MEMBER(name) __typeof__ (cl##name) *name;
  VLF_CL_FUNCTIONS (VLF_CL_MEMBER)
#undef VLF_CL_MEMBER
} VlfClApi;

/* Opens libOpenCL (VLF_OPENCL_LIBRARY: another one) on the first call that succeeds and keeps it for good. NULL with
 * VLF_ERROR_NOT_FOUND, naming what to install, or VLF_ERROR_DEVICE in a child of the process that opened it. The table is
 * process-wide; only tests write to it, before other threads use it. Thread-safe. */
VlfClApi *vlf_cl_api_open (GError **error);
/* The table after a successful vlf_cl_api_open(). Asked for anew for each call: it is a sign of life, see watch.h. */
VlfClApi *vlf_cl_api (void);

/* "CL_OUT_OF_RESOURCES" and so on; a number for what is unknown. Static or interned, never freed. */
const char *vlf_cl_status_name (cl_int status);

G_END_DECLS
