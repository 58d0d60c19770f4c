/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: the program of a device, all kernels of its family. */
#pragma once
#include "kernels/cl_device.h"

G_BEGIN_DECLS

/* Sees to it that the device has its program: from the cache, else compiled from source, which takes seconds. FALSE with
 * VLF_ERROR_BUILD and the compiler's words. Thread-safe, and quick once it is there. */
gboolean vlf_program_open (VlfDevice *device, GError **error);

/* Stores what vlf_program_open() had to compile, once. To be called after a pass that worked, when the driver has specialised what it
 * runs. Thread-safe. */
void vlf_program_store (VlfDevice *device);

/* embed.py: the lines of cl/ in order, with #line directives. */
extern const char *const vlf_cl_source[];
extern const guint vlf_cl_source_lines;

G_END_DECLS
