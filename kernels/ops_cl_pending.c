/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/ops_cl.h"

void
vlf_cl_attention (VlfPass *pass, VlfTensor y, VlfTensor q, VlfTensor k, VlfTensor v, guint heads,
                  const VlfAttention *options)
{
  (void) y, (void) q, (void) k, (void) v, (void) heads, (void) options;
  vlf_pass_fail (pass, g_error_new (VLF_ERROR, VLF_ERROR_UNSUPPORTED, "attention on OpenCL"));
}

void
vlf_cl_patches (VlfPass *pass, VlfTensor y, const VlfImage *image, const VlfImagePlan *plan,
                const VlfResample *resample)
{
  (void) y, (void) image, (void) plan, (void) resample;
  vlf_pass_fail (pass, g_error_new (VLF_ERROR, VLF_ERROR_UNSUPPORTED, "patches on OpenCL"));
}
