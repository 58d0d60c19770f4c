/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: where what a fusion's words say came from, as against where their last look went. */
#pragma once
#include "models/layers.h"

G_BEGIN_DECLS

/* Who looks at whom in one fusion layer, mean over heads: [b, tokens, tokens], [b, tokens, P], [b, P, P], [b, P, tokens]. A stream that
 * does not change has no image_self; one that nothing reads any more (after the last layer) need not have either of the image's. */
typedef struct {
  VlfTensor text_self, text_cross, image_self, image_cross;
} VlfLooks;

/* Self-attention of @x [b, n, d] as @mh would make it, mean over heads: [b, n, n]. Computed for this alone: a layer with maps need not be
 * the one whose result goes on. @key_bias: NULL for none. */
VlfTensor vlf_self_looks (VlfPass *pass, const VlfMultiHead *mh, VlfTensor x, const VlfTensor *key_bias);

/* Attention rollout over two streams: [b, tokens, P], for every token the share that each patch has in it; with the shares that its own
 * stream has (not returned) a row sums to one. Of each attention half stays what it was, as the residual connection has it, and half is
 * replaced by what was looked at; the layers' matrices are multiplied, from the last to the first, for the text's rows alone: 2 b tokens
 * (tokens + P)^2 a layer. @layers [n >= 1], first to last. Without gradients. Source: Abnar and Zuidema 2020, "Quantifying Attention Flow in
 * Transformers" (arXiv:2005.00928), for one stream; that looks cross between streams as in Chefer et al. 2021 (arXiv:2103.15679), rules
 * 10 and 11. */
VlfTensor vlf_rollout (VlfPass *pass, const VlfLooks *layers, guint n);

G_END_DECLS
