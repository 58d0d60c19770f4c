/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: what the files of the reference backend share. Contracts as in struct _VlfBackend. */
#pragma once
#include "kernels/backend.h"

G_BEGIN_DECLS

static inline float *
vlf_ref_row (VlfTensor x, guint sequence, guint row)
{
  return (float *) x.buffer->mem + x.offset + sequence * x.batch_stride + (gsize) row * x.stride;
}

void vlf_ref_patches (VlfPass *pass, VlfTensor y, const VlfImage *image, const VlfImagePlan *plan,
                      const VlfResample *resample);
void vlf_ref_gather (VlfPass *pass, VlfTensor y, VlfTensor x, const guint32 *rows);
void vlf_ref_scatter (VlfPass *pass, VlfTensor y, VlfTensor x, const guint32 *rows);
void vlf_ref_bi_attention (VlfPass *pass, const VlfBiSeen *seen, const VlfBiSide *x, const VlfBiSide *y, guint heads);
void vlf_ref_mean_heads (VlfPass *pass, VlfTensor y, VlfTensor maps, guint heads);
void vlf_ref_product (VlfPass *pass, VlfTensor y, VlfTensor a, VlfTensor b);
void vlf_ref_distances (VlfPass *pass, VlfTensor y, VlfTensor a, VlfTensor b);
/* The pass fails for want of @bytes. */
void vlf_ref_no_memory (VlfPass *pass, gsize bytes);

G_END_DECLS
