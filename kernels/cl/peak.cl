/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlf_peak: how fast the device multiplies and adds in f32, with nothing else to do. One-dimensional groups, of 64 work-items on the
 * GPU family; each work-item runs @steps fused operations on each of VLF_CHAINS independent numbers or vectors. */

#define VLF_CHAINS 12
#ifdef VLF_CPU
#define VLF_PEAK_TYPE vlf_v
#else
#define VLF_PEAK_TYPE float
#endif

VLF_ROW_KERNEL void
vlf_peak (__global float *y, const uint steps, const float a, const float b)
{
  VLF_PEAK_TYPE x[VLF_CHAINS], sum = 0.0f;

#pragma unroll
  for (uint i = 0; i < VLF_CHAINS; i++)
    x[i] = (float) i;
  for (uint s = 0; s < steps; s++) {
#pragma unroll
    for (uint i = 0; i < VLF_CHAINS; i++)
      x[i] = VLF_FMA (x[i], (VLF_PEAK_TYPE) a, (VLF_PEAK_TYPE) b);
  }
#pragma unroll
  for (uint i = 0; i < VLF_CHAINS; i++)
    sum += x[i];
#ifdef VLF_CPU
  y[get_group_id (0)] = vlf_sum_v (sum);
#else
  y[get_global_id (0)] = sum;
#endif
}
