/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: operations that are enqueued together, as one launch of cl/chain.cl. To wake threads for an operation and to wait
 * for all of them takes as long as a small model's operation itself; of large models each has enough work for a launch of its own.
 *
 * Operations wait until something comes that cannot wait with them. Of two of which one needs what the other does, the second goes
 * into a later phase, between which threads wait for each other inside of the launch; or, where every row of it needs just the same row
 * of the first, behind it in the same job, tile of rows by tile of rows. What has nothing to do with each other shares a phase. Who comes
 * when is found in ops_cl_plan.h. */
#pragma once
#include "kernels/ops_cl.h"

G_BEGIN_DECLS

typedef enum {
  VLF_CL_LINEAR,
  VLF_CL_NORM,
  VLF_CL_MIX,
  VLF_CL_COPY,
  VLF_CL_NORMALIZE,
  VLF_CL_ATTENTION,
  VLF_CL_GATHER,
  VLF_CL_SCATTER,
  VLF_CL_EMBED
} VlfClStepKind;

/* Of an attention, beyond the tensors of its step. */
typedef struct {
  VlfTensor v, bias, maps, room; /* room: [batch * heads * parts, 1, n] to pack keys and values into */
  guint top_k;                   /* 0: off; else there is no chain for it */
  guint heads, parts, block;     /* see vlf_attend_part() in cl/attention.cl */
  gint limit;
  float scale;
} VlfClAttention;

/* An operation as the backend was asked for it; see struct _VlfBackend. */
typedef struct {
  VlfClStepKind kind;
  VlfTensor y, x, z;  /* z: residual, second operand, keys; no buffer: none */
  const VlfWeight *w; /* linear */
  guint first;        /* linear */
  VlfActivation act;  /* linear */
  VlfNorm norm;       /* norm */
  VlfTensor
      places; /* gather: rows of x, scatter: rows of y, embed: of the table x; [rows of the other] in 32-bit integers */
  VlfDType stored;          /* embed: of the table, whose offsets and strides count its own elements */
  float x_share, z_share;   /* mix */
  VlfClAttention attention; /* attention, whose queries are x */
} VlfClStep;

/* The steps of a queue's passes that are not enqueued yet; one thread at a time. */
typedef struct _VlfClChain VlfClChain;

/* @alone: steps go one by one, so that a profile can tell them apart. */
VlfClChain *vlf_cl_chain_new (gboolean alone);
/* @left: the driver may still use what it was given, or is not to be called any more. */
void vlf_cl_chain_free (VlfClChain *chain, gboolean left);

/* Enqueues @step, at once or with others. */
void vlf_cl_step (VlfPass *pass, const VlfClStep *step);
/* Enqueues all steps of @pass that wait; to be called before anything else is enqueued. */
void vlf_cl_chain_flush (VlfPass *pass);
/* The chain of @pass. */
VlfClChain *vlf_cl_chain (VlfPass *pass);

/* Launches of single steps. */
void vlf_cl_linear (VlfPass *pass, const VlfClStep *step);
void vlf_cl_norm (VlfPass *pass, const VlfClStep *step);
void vlf_cl_mix (VlfPass *pass, const VlfClStep *step);
void vlf_cl_copy (VlfPass *pass, const VlfClStep *step);
void vlf_cl_normalize (VlfPass *pass, const VlfClStep *step);
void vlf_cl_attend (VlfPass *pass, const VlfClStep *step);  /* CPU family */
void vlf_cl_move (VlfPass *pass, const VlfClStep *step);    /* gather, scatter */
void vlf_cl_look_up (VlfPass *pass, const VlfClStep *step); /* embed */

G_END_DECLS
