/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "kernels/error.h"

G_BEGIN_DECLS

/* Where tensors live and operations run: an OpenCL device with its context, limits and compiled kernels, or the plain C
 * reference. One object per device and process, shared by all who ask for it; thread-safe. Not usable across fork(). */
typedef struct _VlfDevice VlfDevice;

typedef enum {
  VLF_FAMILY_CPU,       /* PoCL, Intel's CPU runtime: one work-item per group, explicit vectors, packed weights */
  VLF_FAMILY_GPU,       /* everything else that speaks OpenCL, rusticl's llvmpipe included */
  VLF_FAMILY_REFERENCE, /* plain C, the oracle of the tests */
} VlfFamily;

/* @which: "auto" or NULL (a GPU if there is one, else a CPU runtime), "cpu", "gpu", "reference", an index of the list below, or
 * part of a platform or device name, any case. Opens libOpenCL on the first call. VLF_KERNELS=cpu|gpu overrides the family.
 * Returns a reference, or NULL with VLF_ERROR_NOT_FOUND: no loader or no device names the Debian packages to install, an unknown
 * name lists what exists. */
VlfDevice *vlf_device_open (const char *which, GError **error);
VlfDevice *vlf_device_ref (VlfDevice *device);
void vlf_device_unref (VlfDevice *device); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfDevice, vlf_device_unref)

const char *vlf_device_name (const VlfDevice *device); /* "platform: device", owned by @device */
VlfFamily vlf_device_family (const VlfDevice *device);

/* TRUE once the driver reported that the device is gone or out of resources. From then on nothing is enqueued on it and every
 * pass fails with VLF_ERROR_DEVICE; a new vlf_device_open() makes a new object. */
gboolean vlf_device_is_lost (const VlfDevice *device);

/* "0: platform: device\n1: ...", or why there is none. Free with g_free(). */
gchar *vlf_device_list (void);

/* How fast @device multiplies and adds in float32 with nothing else to do, in GFLOP/s, the best of several rounds, some 100 ms in
 * all. Negative with @error set: VLF_ERROR_UNSUPPORTED on the reference. */
double vlf_device_measure_peak (VlfDevice *device, GError **error);

G_END_DECLS
