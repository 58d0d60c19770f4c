/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/device.h"

G_BEGIN_DECLS

/* VLF_I8 only as what linear weights are stored in: then activations are made into 8 bits too, row by row, and products are summed in
 * 32-bit integers. Scales of weights are per output, all are symmetric; the result is the same on every device, up to rounding.
 * VLF_BF16_DOT and VLF_F16_DOT too: as VLF_BF16 and VLF_F16, except that activations may be rounded to the same where that makes products
 * faster; sums are in f32. */
typedef enum { VLF_F32, VLF_F16, VLF_BF16, VLF_I8, VLF_BF16_DOT, VLF_F16_DOT } VlfDType;

/* Bytes of one number. */
static inline gsize
vlf_dtype_size (VlfDType type)
{
  return type == VLF_F32 ? 4 : type == VLF_I8 ? 1 : 2;
}

/* Memory on a device, at least as readable as the tensors in it plus a tile: kernels have no bounds tests inside their loops. */
typedef struct _VlfBuffer VlfBuffer;

/* A view of float32 matrices on the device, one per sequence of a batch. Rows are tokens, columns are channels. Never owns memory:
 * weights belong to the model, activations to the pass's arena. buffer == NULL is "no tensor", what a failed pass returns. */
typedef struct {
  VlfBuffer *buffer;
  gsize offset;       /* elements before the first one */
  guint batch;        /* sequences, >= 1 */
  guint rows, cols;   /* [tokens, channels] of each sequence */
  guint stride;       /* elements between rows, >= cols */
  gsize batch_stride; /* elements between sequences; 0: one sequence stands for all of them */
} VlfTensor;

/* The part of @x with rows [first, first + n) of every sequence. */
static inline VlfTensor
vlf_rows (VlfTensor x, guint first, guint n)
{
  x.offset += (gsize) first * x.stride;
  x.rows = n;
  return x;
}

/* The part of @x with columns [first, first + n). */
static inline VlfTensor
vlf_cols (VlfTensor x, guint first, guint n)
{
  x.offset += first;
  x.cols = n;
  return x;
}

/* Sequences [first, first + n) of @x. */
static inline VlfTensor
vlf_sequences (VlfTensor x, guint first, guint n)
{
  x.offset += first * x.batch_stride;
  x.batch = n;
  return x;
}

/* Where numbers of a file come from: a row-major matrix [rows, cols] of @type (a vector is [1, cols]). @read copies rows
 * [first, first + n) to @to, tightly packed, in the file's own type and byte order (little-endian); it returns FALSE with @error set.
 * Called on the thread that constructs, never kept. */
typedef struct {
  VlfDType type;
  guint rows, cols;
  gboolean (*read) (gpointer user, guint first, guint n, gpointer to, GError **error);
  gpointer user;
} VlfSource;

/* Numbers that stay on the device for as long as their owner: biases, norms, position tables, encoded texts. Always float32 there.
 * Immutable after construction; free with vlf_constant_free(), after the last pass that uses it has ended. */
typedef struct {
  VlfTensor tensor;
} VlfConstant;

VlfConstant *vlf_constant_new (VlfDevice *device, const VlfSource *source, GError **error);
/* As above from host memory, @data [batch, rows, cols] packed. */
VlfConstant *
vlf_constant_new_from_data (VlfDevice *device, const float *data, guint batch, guint rows, guint cols, GError **error);
void vlf_constant_free (VlfConstant *constant); /* NULL is fine */

/* Numbers that one pass leaves for the next, all zero at first: as a constant, except that vlf_store() may write to it, from one
 * queue. */
VlfConstant *vlf_memory_new (VlfDevice *device, guint batch, guint rows, guint cols, GError **error);

/* A linear layer y = x w^T + b as the device wants it: packed, opaque, immutable, in its stored precision. */
typedef struct _VlfWeight VlfWeight;

/* @weights: @n_parts matrices [n_i, k] stacked along their rows, so that query, key and value become one product; @biases: as many
 * vectors [1, n_i], or NULL for none; one without @read is a part without bias. @stored: the type kept on the device. Rows are read
 * in chunks and packed at once: there is never a second whole copy. */
VlfWeight *vlf_weight_new (VlfDevice *device, const VlfSource *weights, const VlfSource *biases, guint n_parts,
                           VlfDType stored, GError **error);
void vlf_weight_free (VlfWeight *weight);           /* NULL is fine */
guint vlf_weight_inputs (const VlfWeight *weight);  /* k */
guint vlf_weight_outputs (const VlfWeight *weight); /* n = sum of n_i */

/* An embedding table [entries, dim], kept row-major in the type of its file. */
typedef struct _VlfTable VlfTable;
VlfTable *vlf_table_new (VlfDevice *device, const VlfSource *source, GError **error);
void vlf_table_free (VlfTable *table); /* NULL is fine */

/* FALSE with VLF_ERROR_NO_MEMORY, saying what is needed and what there is, where @total bytes more, the @largest of them in one piece,
 * exceed what the device has or, for one that computes in the computer's own memory, what is free there. Nothing is reserved. */
gboolean vlf_device_has_room (VlfDevice *device, gsize total, gsize largest, GError **error);
/* Device bytes that all live constants, weights, tables and arenas of @device hold. */
gsize vlf_device_memory (const VlfDevice *device);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfConstant, vlf_constant_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfWeight, vlf_weight_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfTable, vlf_table_free)

G_END_DECLS
