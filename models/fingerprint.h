/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/error.h"

G_BEGIN_DECLS

/* What a model directory computes, as one string: SHA-256 in hex over canonical config, tokenizer files, safetensors headers and the
 * tensors that text embeddings are made of. Reads the files, needs no device. @stop: NULL, or set (atomically, by another thread) to end
 * with VLF_ERROR_CANCELLED. Free with g_free(). */
gchar *vlf_model_make_fingerprint (const char *directory, const gint *stop, GError **error);

G_END_DECLS
