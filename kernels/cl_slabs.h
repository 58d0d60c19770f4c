/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: small buffers of the CPU family as parts of large ones. A launch can name only so many memories, and each that it names
 * costs time, while a small model has hundreds of weights, norms and biases. */
#pragma once
#include "kernels/backend.h"
#include "kernels/cl_api.h"

G_BEGIN_DECLS

typedef struct {
  gsize align;      /* bytes: where a part may begin; 0: there are no slabs */
  GMutex mutex;     /* of what follows; never held while the driver is called, which may hang */
  GPtrArray *slabs; /* of cl_slabs.c */
} VlfClSlabs;

/* @platform: its name. There are none where it is oclgrind's, or VLF_SLABS is "off": whoever looks for accesses beyond a buffer wants each for
 * itself. */
void vlf_cl_slabs_init (VlfClSlabs *slabs, VlfFamily family, const char *platform, cl_device_id id);
/* When no part is left. In a child of fork(), too. */
void vlf_cl_slabs_clear (VlfClSlabs *slabs);

/* Whether a buffer of @bytes is to be a part of a slab. */
gboolean vlf_cl_slabs_take (const VlfClSlabs *slabs, gsize bytes);
/* Makes @buffer, whose device and size are set, such a part: sets mem, whole, and first; mem stays NULL where the device has no room for another
 * slab. CL_SUCCESS, or what the driver says. Thread-safe. */
cl_int vlf_cl_slabs_add (VlfClSlabs *slabs, VlfBuffer *buffer, cl_context context);
/* Gives its room back. Not of a lost device, nor in a child of fork(): what these have stays. Thread-safe. */
void vlf_cl_slabs_remove (VlfClSlabs *slabs, VlfBuffer *buffer);

G_END_DECLS
