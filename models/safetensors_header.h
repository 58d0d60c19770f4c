/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/json.h"
#include "models/safetensors.h"

G_BEGIN_DECLS

/* The header of one safetensors file: where its tensors lie. Rules: the format's README and its reference reader
 * (tensor.rs), plus limits of our own on depth, names, ranks and the number of tensors. Used by safetensors.c only. */

#define VLF_SAFETENSORS_MAX_HEADER  ((guint64) 100000000) /* as the reference reader */
#define VLF_SAFETENSORS_MAX_TENSORS 65536u

/* Appends a VlfTensorInfo for every tensor of @header, a parsed header, to @tensors; their names live as long as
 * @header. The numbers are the @data_bytes bytes from byte @data_start of file number @file on, called @name in
 * messages. */
gboolean vlf_safetensors_parse_header (const VlfJson *header, const char *name, guint file, gsize data_start,
                                       gsize data_bytes, GArray *tensors, GError **error);

G_END_DECLS
