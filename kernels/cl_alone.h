/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: moments in which a device runs nothing but one kernel, or none. PoCL before 6.0 keeps the machine code of a kernel for
 * the widest grid it was launched with so far, counts who uses it, and gives it back by name and group size alone: once it has made another of
 * the same name, whoever still used the old one gives back the new one, until "Assertion `found->ref_count > 0' failed" ends the process
 * (lib/CL/devices/common.c: pocl_check_kernel_dlhandle_cache, pocl_release_dlhandle_cache; version 6.0 gives back what it took). It makes one
 * when a kernel is launched wider than ever, and, for no launch at all, when it is asked for a program's binary. In both moments no other
 * kernel may be under way. Other drivers need none of this and pay nothing; there it costs a lock a launch, and waiting while kernels are new. */
#pragma once
#include "kernels/cl_api.h"

G_BEGIN_DECLS

typedef struct {
  gboolean needed;
  GMutex mutex;       /* of all below; held while anything is launched */
  GHashTable *queues; /* cl_command_queue that may have launches under way */
  GHashTable *widest; /* name of a kernel, interned -> the widest grid it was launched with */
} VlfClAlone;

/* @platform, @driver: names as the driver has them (CL_PLATFORM_NAME, CL_DRIVER_VERSION). */
void vlf_cl_alone_init (VlfClAlone *alone, const char *platform, const char *driver);
void vlf_cl_alone_clear (VlfClAlone *alone);

/* From here on, or no longer, @queue has launches. Thread-safe, as what follows. */
void vlf_cl_alone_add (VlfClAlone *alone, cl_command_queue queue);
void vlf_cl_alone_remove (VlfClAlone *alone, cl_command_queue queue);

/* Launches @kernel as clEnqueueNDRangeKernel() does, and waits before and after where it has to be alone. @name: interned; its groups are of
 * one size always. */
cl_int vlf_cl_alone_launch (VlfClAlone *alone, const char *name, cl_command_queue queue, cl_kernel kernel,
                            const gsize global[3], const gsize local[3], cl_event *event);

/* From here to vlf_cl_alone_end() nothing is launched, and what was has ended. Not CL_SUCCESS: it may not have; to be ended all the same. */
cl_int vlf_cl_alone_begin (VlfClAlone *alone);
void vlf_cl_alone_end (VlfClAlone *alone);

G_END_DECLS
