/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all kernels share. Built for one family: VLF_CPU with VLF_WIDTH 8 or 16 (one work-item per group, explicit vectors), or VLF_GPU.
 * Plain OpenCL C 1.2. Every tensor comes as a pointer and the element it begins at. */

/* How vectors are passed that the processor lacks matters to nobody: all functions are of one program. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpsabi"
#endif

#ifdef VLF_CPU
#define VLF_KERNEL __kernel __attribute__ ((reqd_work_group_size (1, 1, 1)))
#define VLF_FMA(a, b, c) fma (a, b, c)
#else
#define VLF_KERNEL __kernel
#define VLF_FMA(a, b, c) mad (a, b, c)
#endif

/* What is called in innermost loops, where two calls in a row shall not wait for each other. */
#ifdef __has_attribute
#if __has_attribute(always_inline)
#define VLF_INLINE __attribute__ ((always_inline))
#endif
#endif
#ifndef VLF_INLINE
#define VLF_INLINE
#endif

/* Of vlf_linear(), in the order of VlfActivation in ops.h. */
#define VLF_NONE 0
#define VLF_GELU 1
#define VLF_QUICK_GELU 2
#define VLF_RELU 3
#define VLF_TANH 4
#define VLF_GELU_TANH 5

/* Adding this rounds a small number to a whole one, to even where it lies between two, in the lowest bits of the sum. rint() takes PoCL
 * a dozen instructions. */
#define VLF_ROUND 12582912.0f

/* Functions of T, for floats (no suffix) and, on the CPU family, for vectors (suffix _v). Comparisons are written so that a NaN stays
 * one.
 *
 * vlf_exp2: relative error below 1e-7; 0 below -126.5, saturates at 2^127. 2^n 2^r with |r| <= 1/2; the polynomial of degree 6 is fitted
 * as that of vlf_erf and exact at 0.
 * vlf_erf: absolute error below 3.1e-7; x P (x^2) / Q (x^2) on [-4, 4], coefficients fitted to the relative error by Lawson's reweighted
 * least squares at 240 Chebyshev nodes. Built-in erf() is five times slower where it matters. */
#define VLF_MATH(T, I, S, AS_INT, AS_FLOAT)                                                                            \
  VLF_INLINE T vlf_exp2##S (T x)                                                                                       \
  {                                                                                                                    \
    const T high = x > (T) 127.0f ? (T) 127.0f : x, c = high < (T) -127.0f ? (T) -127.0f : high;                       \
    const T sum = c + VLF_ROUND, r = c - (sum - VLF_ROUND);                                                            \
    T p = VLF_FMA (r, (T) 1.534584007e-4f, (T) 1.339993207e-3f);                                                       \
    p = VLF_FMA (p, r, (T) 9.618489072e-3f);                                                                           \
    p = VLF_FMA (p, r, (T) 5.550328642e-2f);                                                                           \
    p = VLF_FMA (p, r, (T) 2.402264625e-1f);                                                                           \
    p = VLF_FMA (p, r, (T) 6.931471825e-1f);                                                                           \
    p = VLF_FMA (p, r, (T) 1.0f);                                                                                      \
    return p * AS_FLOAT ((AS_INT (sum) << 23) + 0x3f800000);                                                           \
  }                                                                                                                    \
  VLF_INLINE T vlf_erf##S (T x)                                                                                        \
  {                                                                                                                    \
    const T high = x > (T) 4.0f ? (T) 4.0f : x, c = high < (T) -4.0f ? (T) -4.0f : high, y = c * c;                    \
    T p = VLF_FMA (y, (T) 1.91035816067e-8f, (T) -1.94126265379e-6f);                                                  \
    p = VLF_FMA (p, y, (T) 1.47157506446e-4f);                                                                         \
    p = VLF_FMA (p, y, (T) 3.98637580985e-3f);                                                                         \
    p = VLF_FMA (p, y, (T) 5.15125840908e-2f);                                                                         \
    p = VLF_FMA (p, y, (T) 2.07035764972e-1f);                                                                         \
    p = VLF_FMA (p, y, (T) 1.12837909528f);                                                                            \
    T q = VLF_FMA (y, (T) 1.01999842585e-3f, (T) 1.4949991119e-2f);                                                    \
    q = VLF_FMA (q, y, (T) 1.17933297794e-1f);                                                                         \
    q = VLF_FMA (q, y, (T) 5.16811947707e-1f);                                                                         \
    q = VLF_FMA (q, y, (T) 1.0f);                                                                                      \
    return c * p / q;                                                                                                  \
  }                                                                                                                    \
  VLF_INLINE T vlf_gelu##S (T x)                                                                                       \
  {                                                                                                                    \
    return 0.5f * x * (1.0f + vlf_erf##S (x * 0.70710678f));                                                           \
  }                                                                                                                    \
  VLF_INLINE T vlf_quick_gelu##S (T x)                                                                                 \
  {                                                                                                                    \
    return x / (1.0f + vlf_exp2##S (-2.455466902f * x));                                                               \
  }                                                                                                                    \
  T vlf_activate##S (T x, int act)                                                                                     \
  {                                                                                                                    \
    switch (act) {                                                                                                     \
    case VLF_GELU: return vlf_gelu##S (x);                                                                             \
    case VLF_QUICK_GELU: return vlf_quick_gelu##S (x);                                                                 \
    case VLF_RELU: return x < (T) 0.0f ? (T) 0.0f : x;                                                                 \
    case VLF_TANH: return tanh (x);                                                                                    \
    case VLF_GELU_TANH: return x / (1.0f + vlf_exp2##S (-2.302208198f * VLF_FMA (0.044715f * x * x, x, x)));           \
    default: return x;                                                                                                 \
    }                                                                                                                  \
  }

VLF_MATH (float, int, , as_int, as_float)

/* 16-bit floats of memory, one at a time. By hand, as vload_half() is not there everywhere; denormals are kept. */
float
vlf_from_f16 (ushort h)
{
  const uint m = h & 0x7fff;
  const float x = m < 0x400 ? (float) m * 0x1p-24f : as_float ((m << 13) + (m < 0x7c00 ? 0x38000000u : 0x70000000u));

  return h & 0x8000 ? -x : x;
}

float
vlf_from_bf16 (ushort h)
{
  return as_float ((uint) h << 16);
}

#define VLF_SCALAR_f32(p, i) ((p)[i])
#define VLF_SCALAR_f16(p, i) vlf_from_f16 ((p)[i])
#define VLF_SCALAR_bf16(p, i) vlf_from_bf16 ((p)[i])
#define VLF_SCALAR_i8(p, i) ((float) (p)[i])
#define VLF_STORED_f32 float
#define VLF_STORED_f16 ushort
#define VLF_STORED_bf16 ushort
#define VLF_STORED_i8 char

#ifdef VLF_CPU
/* vlf_v: the vector that the device has registers for. Loads and stores need no alignment; i counts vectors. */
#if VLF_WIDTH == 16
typedef float16 vlf_v;
typedef int16 vlf_vi;
#define vlf_load(i, p) vload16 (i, p)
#define vlf_load_half(i, p) vload_half16 (i, (__global const half *) (p))
#define vlf_load_bf16(i, p) as_float16 (convert_uint16 (vload16 (i, p)) << 16)
#define vlf_load_int(i, p) vload16 (i, p)
#define vlf_load_bytes(i, p) convert_int16 (vload16 (i, p))
#define vlf_to_int(x) convert_int16 (x)
#define vlf_to_float(x) convert_float16 (x)
#define vlf_bits(x) as_int16 (x)
#define vlf_from_bits(x) as_float16 (x)
#define vlf_store_bytes(x, i, p) vstore16 (convert_uchar16 ((x) & 255), i, p)
VLF_MATH (float16, int16, _v, as_int16, as_float16)
#else
typedef float8 vlf_v;
typedef int8 vlf_vi;
#define vlf_load(i, p) vload8 (i, p)
#define vlf_load_half(i, p) vload_half8 (i, (__global const half *) (p))
#define vlf_load_bf16(i, p) as_float8 (convert_uint8 (vload8 (i, p)) << 16)
#define vlf_load_int(i, p) vload8 (i, p)
#define vlf_load_bytes(i, p) convert_int8 (vload8 (i, p))
#define vlf_to_int(x) convert_int8 (x)
#define vlf_to_float(x) convert_float8 (x)
#define vlf_bits(x) as_int8 (x)
#define vlf_from_bits(x) as_float8 (x)
#define vlf_store_bytes(x, i, p) vstore8 (convert_uchar8 ((x) & 255), i, p)
VLF_MATH (float8, int8, _v, as_int8, as_float8)
#endif

/* PoCL takes vstore16() apart into four stores, so a vector goes through a pointer to one that is aligned as floats are. */
typedef struct __attribute__ ((packed, aligned (4))) {
  vlf_v x;
} VlfUnaligned;

void __attribute__ ((overloadable)) vlf_store (const vlf_v x, const size_t i, __global float *p)
{
  ((__global VlfUnaligned *) p)[i].x = x;
}

void __attribute__ ((overloadable)) vlf_store (const vlf_v x, const size_t i, __private float *p)
{
  ((__private VlfUnaligned *) p)[i].x = x;
}

#define VLF_VECTOR_f32(i, p) vlf_load (i, p)
#define VLF_VECTOR_f16(i, p) vlf_load_half (i, p)
#define VLF_VECTOR_bf16(i, p) vlf_load_bf16 (i, p)

float
vlf_sum4 (float4 x)
{
  return (x.s0 + x.s1) + (x.s2 + x.s3);
}

float
vlf_sum8 (float8 x)
{
  return vlf_sum4 (x.lo + x.hi);
}

float
vlf_max8 (float8 x)
{
  const float4 y = fmax (x.lo, x.hi);

  return fmax (fmax (y.s0, y.s1), fmax (y.s2, y.s3));
}

/* The sum and the largest of a vector's elements. */
#if VLF_WIDTH == 16
#define vlf_sum_v(x) vlf_sum8 ((x).lo + (x).hi)
#define vlf_max_v(x) vlf_max8 (fmax ((x).lo, (x).hi))
#else
#define vlf_sum_v(x) vlf_sum8 (x)
#define vlf_max_v(x) vlf_max8 (x)
#endif
#endif

#ifdef VLF_GPU
/* One group of this many work-items shares a row; see VLF_CL_ROW_GROUP in ops_cl.h. */
#define VLF_ROW_GROUP 64

#ifdef VLF_SUBGROUPS
/* Work-items that run in step, so that what a group shares takes two barriers or none. VLF_SUBGROUPS 1: cl_intel_subgroups; 2: cl_khr_subgroups
 * in OpenCL C 2.0 or later; 3: by hand, sixteen at a time, for tests. Only built after a probe has shown that the numbers are right, see
 * tier.h. vlf_sub_xor: @x of the work-item whose number differs by @mask, up to 3. @room: [VLF_ROW_GROUP], of which only 3 makes use. */
#if VLF_SUBGROUPS == 3
#define VLF_SUB_SIZE  16u
#define VLF_SUB_COUNT (VLF_ROW_GROUP / VLF_SUB_SIZE)
#define VLF_SUB_ID    (get_local_id (0) / VLF_SUB_SIZE)
#define VLF_SUB_LANE  (get_local_id (0) % VLF_SUB_SIZE)

void
vlf_sub_share (float x, __local float *room)
{
  barrier (CLK_LOCAL_MEM_FENCE);
  room[get_local_id (0)] = x;
  barrier (CLK_LOCAL_MEM_FENCE);
}

#define VLF_SUB_REDUCE(NAME, OP)                                                                                       \
  float NAME (float x, __local float *room)                                                                            \
  {                                                                                                                    \
    float all;                                                                                                         \
                                                                                                                       \
    vlf_sub_share (x, room);                                                                                           \
    all = room[VLF_SUB_ID * VLF_SUB_SIZE];                                                                             \
    for (uint i = 1; i < VLF_SUB_SIZE; i++)                                                                            \
      all = OP (all, room[VLF_SUB_ID * VLF_SUB_SIZE + i]);                                                             \
    barrier (CLK_LOCAL_MEM_FENCE);                                                                                     \
    return all;                                                                                                        \
  }

#define VLF_PLUS(x, y) ((x) + (y))
VLF_SUB_REDUCE (vlf_sub_max, fmax)
VLF_SUB_REDUCE (vlf_sub_sum, VLF_PLUS)

float
vlf_sub_xor (float x, uint mask, __local float *room)
{
  vlf_sub_share (x, room);
  return room[get_local_id (0) ^ mask];
}
#define VLF_SUB_XOR
#else
#if VLF_SUBGROUPS == 1
#pragma OPENCL EXTENSION cl_intel_subgroups : enable
#define vlf_sub_xor(x, mask, room) intel_sub_group_shuffle_xor (x, mask)
#define VLF_SUB_XOR
#else
#pragma OPENCL EXTENSION cl_khr_subgroups : enable
#ifdef cl_khr_subgroup_shuffle
#define vlf_sub_xor(x, mask, room) sub_group_shuffle_xor (x, mask)
#define VLF_SUB_XOR
#endif
#endif
#define VLF_SUB_COUNT         get_num_sub_groups ()
#define VLF_SUB_ID            get_sub_group_id ()
#define VLF_SUB_LANE          get_sub_group_local_id ()
#define vlf_sub_max(x, room) sub_group_reduce_max (x)
#define vlf_sub_sum(x, room) sub_group_reduce_add (x)
#endif

/* The largest @x of the group's work-items, for all of them. @room: [VLF_ROW_GROUP]. */
float
vlf_group_max (float x, __local float *room)
{
  float most = vlf_sub_max (x, room);

  if (VLF_SUB_COUNT == 1)
    return most;
  if (VLF_SUB_LANE == 0)
    room[VLF_SUB_ID] = most;
  barrier (CLK_LOCAL_MEM_FENCE);
  for (uint i = 0; i < VLF_SUB_COUNT; i++)
    most = fmax (most, room[i]);
  barrier (CLK_LOCAL_MEM_FENCE);
  return most;
}

/* The sum of @x over the group's work-items, for all of them. @room: [VLF_ROW_GROUP]. */
float
vlf_group_sum (float x, __local float *room)
{
  const float part = vlf_sub_sum (x, room);
  float sum = 0.0f;

  if (VLF_SUB_COUNT == 1)
    return part;
  if (VLF_SUB_LANE == 0)
    room[VLF_SUB_ID] = part;
  barrier (CLK_LOCAL_MEM_FENCE);
  for (uint i = 0; i < VLF_SUB_COUNT; i++)
    sum += room[i];
  barrier (CLK_LOCAL_MEM_FENCE);
  return sum;
}
#else
/* The largest @x of the group's work-items, for all of them. @room: [VLF_ROW_GROUP]. */
float
vlf_group_max (float x, __local float *room)
{
  const uint i = get_local_id (0);
  float most;

  room[i] = x;
  barrier (CLK_LOCAL_MEM_FENCE);
  for (uint n = VLF_ROW_GROUP / 2; n > 0; n /= 2) {
    if (i < n)
      room[i] = fmax (room[i], room[i + n]);
    barrier (CLK_LOCAL_MEM_FENCE);
  }
  most = room[0];
  barrier (CLK_LOCAL_MEM_FENCE);
  return most;
}

/* The sum of @x over the group's work-items, for all of them. @room: [VLF_ROW_GROUP]. */
float
vlf_group_sum (float x, __local float *room)
{
  const uint i = get_local_id (0);
  float sum;

  room[i] = x;
  barrier (CLK_LOCAL_MEM_FENCE);
  for (uint n = VLF_ROW_GROUP / 2; n > 0; n /= 2) {
    if (i < n)
      room[i] += room[i + n];
    barrier (CLK_LOCAL_MEM_FENCE);
  }
  sum = room[0];
  barrier (CLK_LOCAL_MEM_FENCE);
  return sum;
}
#endif
#endif

/* A kernel whose groups have one row each, [row, sequence]. */
#ifdef VLF_CPU
#define VLF_ROW_KERNEL VLF_KERNEL
#else
#define VLF_ROW_KERNEL __kernel __attribute__ ((reqd_work_group_size (VLF_ROW_GROUP, 1, 1)))
#endif

/* Parameters for a view of a tensor, and the row of it that this group is about. */
#define VLF_VIEW(x) __global float *x, const ulong x##_offset, const uint x##_stride, const ulong x##_batch_stride
#define VLF_ROW(x)                                                                                                     \
  (x + x##_offset + get_group_id (1) * x##_batch_stride + get_group_id (0) * (ulong) x##_stride)
