/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: what a run finds in a bank, first by embeddings, then, of the best, by cross-attention. */
#pragma once
#include "models/bank_private.h"

G_BEGIN_DECLS

typedef struct {
  VlfBank *bank;  /* the caller's; NULL: none, and everything else is 0 */
  guint n_best;   /* texts that a result has in the end */
  guint n_rerank; /* that are asked of the frame in full */
  guint n_found;  /* the larger of both */
  guint frames;
  float *scores;   /* [frames, bank size] cosines */
  guint *found;    /* [frames, n_found] best first */
  VlfText **texts; /* [frames, n_rerank] encoded */
} VlfRetrieval;

/* Zeroed otherwise. FALSE with VLF_ERROR_RANGE for a bank of another model, VLF_ERROR_UNSUPPORTED for a rerank that the model cannot do. */
gboolean vlf_retrieval_open (VlfRetrieval *retrieval, const VlfModel *model, const VlfRunOptions *options, guint frames,
                             GError **error);
void vlf_retrieval_clear (VlfRetrieval *retrieval);

/* Enqueues the comparison of @images [frames, 1, size]. With texts to rerank it waits for it and encodes them: @texts is there then. */
void vlf_retrieval_look (VlfRetrieval *retrieval, VlfPass *pass, VlfTensor images);

/* After the pass: says what was found of @frame at @result's prompts [first, first + n_found), of which those that were reranked have
 * been filled in; puts them in order, best match first, and drops those that are too many. */
void vlf_retrieval_report (VlfRetrieval *retrieval, const VlfNet *net, guint frame, guint first, VlfResult *result);

G_END_DECLS
