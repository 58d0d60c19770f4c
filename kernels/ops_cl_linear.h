/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: linear layers of the OpenCL backend, their packed weights and the launch of their products. */
#pragma once
#include "kernels/ops_cl.h"

G_BEGIN_DECLS

/* Contracts as in struct _VlfBackend. */
VlfWeight *vlf_cl_weight_new (VlfDevice *device, const VlfSource *weights, const VlfSource *biases, guint n_parts,
                              VlfDType stored, GError **error);
void vlf_cl_weight_free (VlfWeight *weight);
void vlf_cl_linear (VlfPass *pass, VlfTensor y, VlfTensor x, const VlfWeight *w, guint first, VlfActivation act,
                    const VlfTensor *residual);

G_END_DECLS
