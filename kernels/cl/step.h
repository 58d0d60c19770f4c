/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ops_cl_chain.c writes and chain.cl reads: the steps of a chain. Part of the kernels' source as it stands, and included from C, so
 * that both sides have one layout. */
#ifndef VLF_CL_STEP_H
#define VLF_CL_STEP_H

#ifdef __OPENCL_VERSION__
#define VLF_U64   ulong
#define VLF_U32   uint
#define VLF_I32   int
#define VLF_FLOAT float
#else
#include "kernels/cl_api.h"
#define VLF_U64   cl_ulong
#define VLF_U32   cl_uint
#define VLF_I32   cl_int
#define VLF_FLOAT cl_float
#endif

/* Buffers that the steps of a launch may name: parameters of a kernel take 1024 bytes at most. */
#define VLF_CHAIN_BUFFERS 120

/* A view is a buffer (VLF_CHAIN_BUFFERS: there is none), where the first row begins, in floats, whatever is there, and strides. */
typedef struct {
  VLF_U64 offset, batch_stride;
  VLF_U32 buffer, stride;
} VlfRows;

typedef enum {
  VLF_STEP_F32, /* linear layers by what their weights are stored as: these three, and _PAIR (bf16, behind _ROUND), _I8 (behind _QUANTISE) */
  VLF_STEP_F16,
  VLF_STEP_BF16,
  VLF_STEP_NORM,
  VLF_STEP_MIX,
  VLF_STEP_ROUND,
  VLF_STEP_PAIR,
  VLF_STEP_QUANTISE,
  VLF_STEP_I8,
  VLF_STEP_COPY,
  VLF_STEP_NORMALIZE,
  VLF_STEP_ATTENTION,
  VLF_STEP_GATHER,
  VLF_STEP_SCATTER,
  VLF_STEP_EMBED_F32,
  VLF_STEP_EMBED_F16,
  VLF_STEP_EMBED_BF16
} VlfStepKind;

typedef struct {
  VlfRows y, x, z; /* of an attention: x queries, z keys; of an embedding: x the table */
  VlfRows weight,
      bias; /* of a linear layer: from the first output on, and its bias; of a normalisation: its vectors; of an
                           attention: values and bias */
  VlfRows room, maps; /* of an attention; room: of a gather, a scatter, an embedding the rows, as integers */
  VLF_U32 kind;
  VLF_U32 n, items;           /* of the first step of a job: its steps and items */
  VLF_U32 rows, cols, inputs; /* of an attention, cols: of a head */
  VLF_I32 act;
  VLF_FLOAT a, b; /* a: eps; or shares of x and z; or the scale of an attention */
  VLF_U32 keys, heads, parts, block;
  VLF_I32 limit;
  VLF_U32 padded, scale_at; /* in 8 bits: outputs of the weight, padding included; where a row's scale is, in floats */
} VlfStep;

/* The first step, the items of all its jobs together, and how many are taken and done: a line of a cache each. */
typedef struct {
  VLF_U32 claimed, done, first, items;
  VLF_U32 pad[12];
} VlfPhase;

#undef VLF_U64
#undef VLF_U32
#undef VLF_I32
#undef VLF_FLOAT
#endif
