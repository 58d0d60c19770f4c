/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: the OpenCL part of a device. */
#pragma once
#include "kernels/backend.h"
#include "kernels/cl_alone.h"
#include "kernels/cl_slabs.h"

G_BEGIN_DECLS

#define VLF_TILES_BUCKETS 5u

/* How the CPU family's work is cut, see tiles.h. */
typedef struct {
  guint heights
      [VLF_TILES_BUCKETS]; /* rows of a product's tile, for products of up to 16, 64, 256, 640 and of more rows */
  guint chain_kib;         /* KiB of the largest weight that joins chains */
  guint parts;             /* work-items of an attention for each compute unit */
} VlfTiles;

typedef struct {
  VlfFamily family;
  cl_platform_id platform;
  cl_device_id id;
  cl_context context;
  gsize max_alloc;  /* bytes of one buffer */
  gsize memory;     /* bytes of all */
  guint units;      /* compute units */
  guint width;      /* floats per vector, 8 or 16 */
  gboolean unified; /* its memory is the computer's */
  guint tiers;      /* VlfTier: instructions that the program has; known when it is there */
  VlfTiles tiles;   /* known then, too */
  VlfClAlone alone;
  VlfClSlabs slabs;

  GMutex building; /* held while the program is made, for minutes: tried, never waited for; comes before mutex */
  GMutex mutex;    /* of all below */
  cl_command_queue upload; /* for buffer_write() */
  cl_program program;      /* NULL until the first queue opens; the same from then on */
  gchar *key;              /* where in the cache the program belongs; NULL: it is there */
} VlfClDevice;

VlfClDevice *vlf_cl_device_new (cl_platform_id platform, cl_device_id id, VlfFamily family, GError **error);
/* @abandon: call nothing of OpenCL, as the driver may hang: the device is lost or the process is another one. */
void vlf_cl_device_free (VlfClDevice *device, gboolean abandon);

/* Why kernels of @family cannot run on a device at all, "the device ..."; NULL: they can, as far as its limits say. Free with g_free(). */
gchar *vlf_cl_unfit (cl_device_id id, VlfFamily family);
/* Which subgroups a device has, as VLF_SUBGROUPS in cl/common.cl: 1 cl_intel_subgroups, 2 cl_khr_subgroups in OpenCL C 2.0 or later; 0: none. */
guint vlf_cl_subgroups (cl_device_id id);
/* A property of a device or platform as text, "" if it has none. Free with g_free(). */
gchar *vlf_cl_device_string (cl_device_id id, cl_device_info what);
gchar *vlf_cl_platform_string (cl_platform_id id, cl_platform_info what);

/* What @status means for users of @device: VLF_ERROR_DEVICE or VLF_ERROR_NO_MEMORY, and the latch where the device is gone. */
void vlf_cl_set_error (VlfDevice *device, cl_int status, const char *what, GError **error);

G_END_DECLS
