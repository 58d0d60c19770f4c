/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: how the OpenCL backend's operations launch their kernels. An operation fills a VlfClArgs in the order of the
 * kernel's parameters and calls vlf_cl_launch(); errors are remembered by the pass. */
#pragma once
#include "kernels/backend.h"
#include "kernels/cl_device.h"

G_BEGIN_DECLS

#define VLF_CL_MAX_ARGS 124u

/* Work-items of a group that shares a row, on the GPU family. */
#define VLF_CL_ROW_GROUP 64u

/* Arguments of one launch, in the order of the kernel's parameters. Start from { 0 }. */
typedef struct {
  guint n;
  struct {
    gsize size;
    gboolean local; /* room in local memory: there is no value */
    union {
      cl_mem mem;
      cl_ulong u64;
      cl_uint u32;
      cl_int i32;
      cl_float f32;
    } value;
  } items[VLF_CL_MAX_ARGS];
} VlfClArgs;

/* Kernel parameters: `__global float *x, ulong x_offset` (elements). NULL gives a null pointer and 0. */
void vlf_cl_arg_tensor (VlfClArgs *args, const VlfTensor *x);
/* Kernel parameters: `__global float *x, ulong x_offset, uint x_stride, ulong x_batch_stride`. NULL gives zeros. */
void vlf_cl_arg_view (VlfClArgs *args, const VlfTensor *x);
void vlf_cl_arg_mem (VlfClArgs *args, cl_mem mem); /* `__global T *x`; NULL is allowed */
void vlf_cl_arg_ulong (VlfClArgs *args, gsize value);
void vlf_cl_arg_uint (VlfClArgs *args, guint value);
void vlf_cl_arg_int (VlfClArgs *args, gint value);
void vlf_cl_arg_float (VlfClArgs *args, float value);
void vlf_cl_arg_local (VlfClArgs *args, gsize bytes); /* `__local T *x` */

/* Work-groups and work-items per group; 0 counts as 1. Kernels of the CPU family have local { 1, 1, 1 } throughout. PoCL
 * compiles a kernel again for every new local size, so that it should be a constant of the kernel (reqd_work_group_size). */
typedef struct {
  gsize groups[3], local[3];
} VlfClGrid;

/* Enqueues @kernel, a name in cl/ (both families use the same names; the program holds one family), unless the pass has failed.
 * An empty grid is the caller's mistake. No waiting. */
void vlf_cl_launch (VlfPass *pass, const char *kernel, VlfClGrid grid, const VlfClArgs *args);

/* Host memory for the kernels of this pass, at least @bytes readable, gone when the pass ends. @borrowed: @data stays as it is until
 * the pass has ended (images do), and is used in place where the device shares memory with the host; else it is copied now. Nothing
 * may be read beyond @bytes. What is copied may be written, too. NULL when the pass has failed or fails by this. */
cl_mem vlf_cl_host (VlfPass *pass, gconstpointer data, gsize bytes, gboolean borrowed);

/* A copy of @data on the device, which the caller releases. NULL when the pass has failed or fails by this. */
cl_mem vlf_cl_copy_of (VlfPass *pass, gconstpointer data, gsize bytes);

/* As vlf_cl_host(), copied, as a buffer that tensors may name until the pass ends; that of the last call where it was of the same numbers. */
VlfBuffer *vlf_cl_host_buffer (VlfPass *pass, gconstpointer data, gsize bytes);

/* Takes @memory, which commands of the pass use, and frees it when they have ended. */
void vlf_cl_own (VlfPass *pass, gpointer memory);
/* Where the pass's commands go. */
cl_command_queue vlf_cl_queue (VlfPass *pass);

/* TRUE if @status is CL_SUCCESS; else the pass fails with "@what: ..." and the device is latched as lost where @status says so. */
gboolean vlf_cl_check (VlfPass *pass, cl_int status, const char *what);

/* floats per explicit vector that the CPU family's kernels were built with, VLF_WIDTH there: 8 or 16. */
guint vlf_cl_vector_width (const VlfDevice *device);
/* Instructions beyond OpenCL C that the device's program has, VlfTier of tier.h. */
guint vlf_cl_tiers (const VlfDevice *device);
/* How the CPU family's work is cut. */
const VlfTiles *vlf_cl_tiles (const VlfDevice *device);
/* Compute units of the device, at least 1. */
guint vlf_cl_compute_units (const VlfDevice *device);

/* What is defined for the sources in cl/: VLF_CPU or VLF_GPU as 1; on VLF_CPU VLF_WIDTH as 8 or 16. common.cl is in front of all:
 * VLF_KERNEL (CPU: kernel with reqd_work_group_size (1, 1, 1)), vlf_exp2(), vlf_activate() for float and vectors. */

/* Operations in files of their own (ops_cl_attention.c, ops_cl_patches.c, ops_cl_rows.c); contracts as in struct _VlfBackend. */
void vlf_cl_attention (VlfPass *pass, VlfTensor y, VlfTensor q, VlfTensor k, VlfTensor v, guint heads,
                       const VlfAttention *options);
void vlf_cl_patches (VlfPass *pass, VlfTensor y, const VlfImage *image, const VlfImagePlan *plan,
                     const VlfResample *resample);
void vlf_cl_embed (VlfPass *pass, VlfTensor y, const VlfTable *table, const guint32 *ids);
void vlf_cl_gather (VlfPass *pass, VlfTensor y, VlfTensor x, const guint32 *rows);
void vlf_cl_scatter (VlfPass *pass, VlfTensor y, VlfTensor x, const guint32 *rows);
void vlf_cl_bi_attention (VlfPass *pass, const VlfBiSeen *seen, const VlfBiSide *x, const VlfBiSide *y, guint heads);
void vlf_cl_mean_heads (VlfPass *pass, VlfTensor y, VlfTensor maps, guint heads);
void vlf_cl_product (VlfPass *pass, VlfTensor y, VlfTensor a, VlfTensor b);
void vlf_cl_distances (VlfPass *pass, VlfTensor y, VlfTensor a, VlfTensor b);

G_END_DECLS
