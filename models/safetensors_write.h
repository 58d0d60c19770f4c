/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/safetensors.h"

G_BEGIN_DECLS

/* A safetensors file in the making: tensors and metadata are collected (copied) and written at once. Not thread-safe. */
typedef struct _VlfSafetensorsWriter VlfSafetensorsWriter;

VlfSafetensorsWriter *vlf_safetensors_writer_new (void);
void vlf_safetensors_writer_free (VlfSafetensorsWriter *writer); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfSafetensorsWriter, vlf_safetensors_writer_free)

/* An entry of `__metadata__`; the last one of a @key counts. Both UTF-8. */
void vlf_safetensors_writer_set (VlfSafetensorsWriter *writer, const char *key, const char *value);

/* @data: row-major, as many elements as @shape [@rank] says, in the machine's byte order. VLF_ERROR_RANGE if @name is there already or the
 * size is impossible, VLF_ERROR_UNSUPPORTED unless @type is F32, F16, BF16 or I64. */
gboolean vlf_safetensors_writer_add (VlfSafetensorsWriter *writer, const char *name, VlfTensorType type,
                                     const guint *shape, guint rank, gconstpointer data, GError **error);

/* Writes a file beside @path and renames it, so that readers see the old file or the whole new one. Tensors are ordered by alignment,
 * then name, and data begins at a multiple of 8, as the format's own library has it. */
gboolean vlf_safetensors_writer_save (VlfSafetensorsWriter *writer, const char *path, GError **error);

G_END_DECLS
