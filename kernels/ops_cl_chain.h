/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: operations that are enqueued together. What computes every row of its result from the same row of its operands
 * waits until something comes that does not, and then runs as one launch of cl/chain.cl, in which threads never wait for each other.
 * Small models consist of such operations; of large ones each has enough work for a launch of its own. */
#pragma once
#include "kernels/ops_cl.h"

G_BEGIN_DECLS

#define VLF_CL_CHAIN_STEPS   16u
#define VLF_CL_CHAIN_BUFFERS 24u

typedef enum { VLF_CL_LINEAR, VLF_CL_NORM, VLF_CL_MIX } VlfClStepKind;

/* An operation as the backend was asked for it; see struct _VlfBackend. */
typedef struct {
  VlfClStepKind kind;
  VlfTensor y, x, z;      /* z: residual, second operand; no buffer: none */
  VlfTensor q;            /* linear: room for x in bf16, where the layer wants that */
  const VlfWeight *w;     /* linear */
  guint first;            /* linear */
  VlfActivation act;      /* linear */
  VlfNorm norm;           /* norm */
  float x_share, z_share; /* mix */
} VlfClStep;

/* Steps of a pass that are not enqueued yet; empty where all is 0. */
typedef struct {
  guint n, n_buffers;
  VlfClStep steps[VLF_CL_CHAIN_STEPS];
  const VlfBuffer *buffers[VLF_CL_CHAIN_BUFFERS]; /* that the steps use */
} VlfClChain;

/* Enqueues @step, at once or behind others of the same rows. */
void vlf_cl_step (VlfPass *pass, const VlfClStep *step);
/* Enqueues all steps of @pass that wait; to be called before anything else is enqueued. */
void vlf_cl_chain_flush (VlfPass *pass);
/* The chain of @pass. */
VlfClChain *vlf_cl_chain (VlfPass *pass);

/* Launches of single steps. */
void vlf_cl_linear (VlfPass *pass, const VlfClStep *step);
void vlf_cl_norm (VlfPass *pass, const VlfClStep *step);
void vlf_cl_mix (VlfPass *pass, const VlfClStep *step);

G_END_DECLS
