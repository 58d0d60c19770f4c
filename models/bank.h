/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many texts that every frame is compared with at once: one product of the frame's embedding with theirs. */
#pragma once
#include "models/session.h"

G_BEGIN_DECLS

/* VlfBank: immutable to its users, reference-counted, thread-safe, of one model. It keeps the embeddings on the model's device, and
 * of the texts that were asked of a frame in full (VlfRunOptions.rerank) the last ones encoded. */

/* @embeddings [n, size], row-major; rows are brought to unit length. @texts [n], UTF-8. Both are copied. @size has to be
 * vlf_model_embedding_size(), else VLF_ERROR_RANGE; VLF_ERROR_FORMAT where a row is zero or not finite, or a text not UTF-8. */
VlfBank *
vlf_bank_new (VlfModel *model, const float *embeddings, guint n, guint size, const char *const *texts, GError **error);
/* Of a file with one vector a text, see models/embeddings.h; negative texts are left out. VLF_ERROR_RANGE, naming both, for embeddings
 * of another model. */
VlfBank *vlf_bank_load (VlfModel *model, const char *path, GError **error);
VlfBank *vlf_bank_ref (VlfBank *bank);
void vlf_bank_unref (VlfBank *bank); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfBank, vlf_bank_unref)

guint vlf_bank_size (const VlfBank *bank); /* n */
const char *vlf_bank_text (const VlfBank *bank, guint index);

/* Places of the @k (at most @n) largest of @scores [n] to @best [k], largest first, of equal ones the first; NaN is the smallest.
 * Cost n log k. */
void vlf_bank_choose (const float *scores, guint n, guint k, guint *best);

G_END_DECLS
