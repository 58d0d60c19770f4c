/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/tensor.h"

G_BEGIN_DECLS

/* Tensors of safetensors files: one file, or a directory with model.safetensors or with an index of shards. The
 * headers are checked whole on opening, numbers are read on request and never mapped. Immutable and thread-safe. */
typedef struct _VlfSafetensors VlfSafetensors;

#define VLF_TENSOR_MAX_RANK 8

typedef enum {
  VLF_TENSOR_BOOL,
  VLF_TENSOR_F4,
  VLF_TENSOR_F6_E2M3,
  VLF_TENSOR_F6_E3M2,
  VLF_TENSOR_U8,
  VLF_TENSOR_I8,
  VLF_TENSOR_F8_E5M2,
  VLF_TENSOR_F8_E4M3,
  VLF_TENSOR_F8_E5M2FNUZ,
  VLF_TENSOR_F8_E4M3FNUZ,
  VLF_TENSOR_F8_E8M0,
  VLF_TENSOR_I16,
  VLF_TENSOR_U16,
  VLF_TENSOR_F16,
  VLF_TENSOR_BF16,
  VLF_TENSOR_I32,
  VLF_TENSOR_U32,
  VLF_TENSOR_F32,
  VLF_TENSOR_C64,
  VLF_TENSOR_F64,
  VLF_TENSOR_I64,
  VLF_TENSOR_U64,
} VlfTensorType;

/* "F32": as files write it. */
const char *vlf_tensor_type_name (VlfTensorType type);

/* One tensor of a file; lives as long as its VlfSafetensors. */
typedef struct {
  const char *name; /* UTF-8 */
  VlfTensorType type;
  guint rank;                         /* 0: a scalar */
  guint64 shape[VLF_TENSOR_MAX_RANK]; /* [rank], row-major; a dimension may be 0 */
  gsize elements, bytes;
  guint file;   /* which of the files */
  gsize offset; /* of its first byte in that file */
} VlfTensorInfo;

/* @path: a .safetensors file, or a model directory. A directory that has only pytorch_model.bin is
 * VLF_ERROR_UNSUPPORTED with the ways out. Every rule of the format is checked; the message names file, tensor,
 * expected and found. Free with vlf_safetensors_free(). */
VlfSafetensors *vlf_safetensors_open (const char *path, GError **error);
VlfSafetensors *vlf_safetensors_open_file (const char *path, GError **error);
VlfSafetensors *vlf_safetensors_open_dir (const char *dir, GError **error);
void vlf_safetensors_free (VlfSafetensors *st); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfSafetensors, vlf_safetensors_free)

guint vlf_safetensors_size (const VlfSafetensors *st);                                    /* tensors */
const VlfTensorInfo *vlf_safetensors_nth (const VlfSafetensors *st, guint n);             /* sorted by name; n < size */
const VlfTensorInfo *vlf_safetensors_lookup (const VlfSafetensors *st, const char *name); /* NULL if absent */

/* A value of `__metadata__`, of the first file that has it; NULL if absent. */
const char *vlf_safetensors_metadata (const VlfSafetensors *st, const char *key);

/* TRUE and @type if the tensor is F32, F16 or BF16; else FALSE. */
gboolean vlf_tensor_dtype (const VlfTensorInfo *info, VlfDType *type);

/* "[2, 3]"; free with g_free(). For messages. */
gchar *vlf_tensor_shape_string (const VlfTensorInfo *info);

/* Bytes [first_byte, first_byte + n_bytes) of the tensor, as stored (little-endian), to @to. VLF_ERROR_RANGE beyond
 * its end, VLF_ERROR_IO if the file has changed since it was opened. */
gboolean vlf_safetensors_read (const VlfSafetensors *st, const VlfTensorInfo *info, gsize first_byte, gsize n_bytes,
                               gpointer to, GError **error);

/* For fingerprints: the JSON header of file @file, its name in the directory; @file < n_files. Files are in the
 * order of their names. */
guint vlf_safetensors_n_files (const VlfSafetensors *st);
const char *vlf_safetensors_file_name (const VlfSafetensors *st, guint file);
const char *vlf_safetensors_header (const VlfSafetensors *st, guint file, gsize *length);

G_END_DECLS
