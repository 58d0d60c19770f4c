/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: how long the device works on a pass, by the events of its first and last launch; with VLF_PROFILE=1 also where the
 * time goes. */
#pragma once
#include "kernels/cl_api.h"

G_BEGIN_DECLS

typedef struct _VlfProfile VlfProfile;

VlfProfile *vlf_profile_new (void);
/* Whether every launch is timed: VLF_PROFILE=1. */
gboolean vlf_profile_is_detailed (const VlfProfile *profile);
/* Where a launch of @kernel, an interned name, shall put its event. Valid until the next call. */
cl_event *vlf_profile_event (VlfProfile *profile, const char *kernel);
/* After the queue has finished what was launched: milliseconds from the first launch's start to the last one's end, NaN if there was none
 * or the driver does not say. @abandon: call nothing of OpenCL. */
double vlf_profile_collect (VlfProfile *profile, gboolean abandon);
/* Logs one line per kernel as a message, the longest first, if asked to, and frees @profile. NULL is fine. */
void vlf_profile_close (VlfProfile *profile);

G_END_DECLS
