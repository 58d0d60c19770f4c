/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: linear layers of the OpenCL backend, their packed weights and the launch of their products. */
#pragma once
#include "kernels/ops_cl.h"

G_BEGIN_DECLS

/* Contracts as in struct _VlfBackend. */
VlfWeight *vlf_cl_weight_new (VlfDevice *device, const VlfSource *weights, const VlfSource *biases, guint n_parts,
                              VlfDType stored, GError **error);
void vlf_cl_weight_free (VlfWeight *weight);
/* Where the panels of @w and its padded bias lie. */
void vlf_cl_weight_buffers (const VlfWeight *w, const VlfBuffer **weights, const VlfBuffer **bias);
/* Columns and rows that @w has in memory, padding included. */
guint vlf_cl_weight_inputs (const VlfWeight *w);
guint vlf_cl_weight_outputs (const VlfWeight *w);
/* Whether products with @w may be steps of a chain. */
gboolean vlf_cl_weight_chains (const VlfWeight *w);
/* Room in the arena for @rows of what a step with @w multiplies in fewer bits than x has: in 16, or in 8 with a row's scale in the last
 * element; no buffer where it multiplies x itself. */
VlfTensor vlf_cl_short_room (VlfPass *pass, guint rows, const VlfWeight *w);
/* All sequences of @x as the rows of one matrix; FALSE where strides do not allow it. */
gboolean vlf_cl_flatten (VlfTensor *x);

G_END_DECLS
