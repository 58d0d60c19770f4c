/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: where the time of a queue goes, by the events of its launches. Only with VLF_PROFILE=1; everything takes NULL. */
#pragma once
#include "kernels/cl_api.h"

G_BEGIN_DECLS

typedef struct _VlfProfile VlfProfile;

VlfProfile *vlf_profile_new (void);                                             /* NULL unless VLF_PROFILE=1 */
cl_command_queue_properties vlf_profile_properties (const VlfProfile *profile); /* of the queue */
/* Where a launch of @kernel, an interned name, shall put its event; NULL without @profile. Valid until the next call. */
cl_event *vlf_profile_event (VlfProfile *profile, const char *kernel);
/* Adds up what has been launched; after the queue has finished. @abandon: call nothing of OpenCL. */
void vlf_profile_collect (VlfProfile *profile, gboolean abandon);
/* Logs one line per kernel as a message, the longest first, and frees @profile. */
void vlf_profile_close (VlfProfile *profile);

G_END_DECLS
