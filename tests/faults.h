/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests: OpenCL that fails, or does not answer, where it is told to. Stands between the project and the real entry points, in the
 * table of kernels/cl_api.h. */
#pragma once
#include "kernels/cl_api.h"

G_BEGIN_DECLS

typedef enum {
#define FAULT_NAME(name) FAULT_##name,
  VLF_CL_FUNCTIONS (FAULT_NAME)
#undef FAULT_NAME
      FAULT_N
} FaultCall;

/* Opens the loader and puts itself before it, once, before other threads use OpenCL. */
void fault_install (void);
/* From here on calls are counted anew, and the @nth (from 1; 0: none) of @call returns @status. What it should have released is released. */
void fault_arm (FaultCall call, guint nth, cl_int status);
/* The @nth call of @call does not return before fault_release(). */
void fault_hang (FaultCall call, guint nth);
void fault_release (void);
/* Beside what is armed: the first @call returns @status, so that what is only called after a failure is called. */
void fault_provoke (FaultCall call, cl_int status);

/* From here on devices say that their @what (a cl_ulong) is at most @most; 0: what they really have. */
void fault_limit (cl_device_info what, cl_ulong most);

guint fault_count (FaultCall call); /* calls since then */
gboolean fault_fired (void);        /* whether it came to that call */
const char *fault_name (FaultCall call);

G_END_DECLS
