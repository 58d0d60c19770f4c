/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: the program of a device, all kernels of its family. */
#pragma once
#include "kernels/cl_device.h"

G_BEGIN_DECLS

/* Sees to it that the device has its program: from the cache, else compiled from source, which takes seconds. FALSE with
 * VLF_ERROR_BUILD and the compiler's words. Thread-safe, and quick once it is there. */
gboolean vlf_program_open (VlfDevice *device, GError **error);

/* How the program with @tiers, of VlfTier, is built for the family and vectors of @cl, and its key in the cache, which stands for these, the
 * sources, the driver and this machine's processor. Free with g_free(). */
gchar *vlf_program_options (const VlfClDevice *cl, guint tiers);
gchar *vlf_program_key (const VlfClDevice *cl, guint tiers);

/* A key for the cache that stands for @what of @cl: its driver, its vectors and this machine's processor. Free with g_free(). */
gchar *vlf_program_device_key (const VlfClDevice *cl, const char *what);

/* If vlf_program_open() had to compile: the key to store the program under, once; then NULL. Free with g_free(). */
gchar *vlf_program_take_key (VlfDevice *device);
/* Puts the program into the cache, which on PoCL takes as long as compiling it. For whoever has the key. */
void vlf_program_store (VlfDevice *device, const char *key);

/* Runs every kernel once, on next to nothing. PoCL compiles a kernel for its group size when it first runs, and what it has compiled
 * goes into the binary: then neither this process nor a later one compiles in the middle of a stream. FALSE if something failed. */
gboolean vlf_program_warm_up (VlfQueue *queue, GError **error);

/* embed.py: the lines of cl/ in order, with #line directives. */
extern const char *const vlf_cl_source[];
extern const guint vlf_cl_source_lines;

G_END_DECLS
