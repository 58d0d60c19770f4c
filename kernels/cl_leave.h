/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: taking leave of a queue whose device is lost. */
#pragma once
#include "kernels/cl_api.h"

G_BEGIN_DECLS

/* What was enqueued before the device was lost may still read and write the caller's memory, so that it is waited for; but a lost device
 * may never answer, so that a thread of its own waits, and after two seconds the queue is left to it. TRUE if all had ended by then. */
gboolean vlf_cl_leave (cl_command_queue queue);

G_END_DECLS
