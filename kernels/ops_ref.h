/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: what the files of the reference backend share. Contracts as in struct _VlfBackend. */
#pragma once
#include "kernels/backend.h"

G_BEGIN_DECLS

void vlf_ref_patches (VlfPass *pass, VlfTensor y, const VlfImage *image, const VlfImagePlan *plan,
                      const VlfResample *resample);
/* The pass fails for want of @bytes. */
void vlf_ref_no_memory (VlfPass *pass, gsize bytes);

G_END_DECLS
