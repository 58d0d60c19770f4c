/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: numbers on their way between the host and an OpenCL device. Each transfer is a command of its own, which for a few
 * numbers costs more than the numbers; so those that are small go with the operations around them: what comes in is copied by one, and what
 * goes out is put into a box by one, which is read once, when the pass ends. */
#pragma once
#include "kernels/ops_cl.h"

G_BEGIN_DECLS

/* A queue's. Zeroed: empty, and without room yet. */
typedef struct {
  VlfBuffer *buffer; /* on the device */
  float *host;       /* where that is read to */
  guint used;        /* floats of it that hold something */
  GArray *parcels;   /* what is read in this pass, there or elsewhere, and whose it is */
} VlfClBox;

/* The box of @pass. */
VlfClBox *vlf_cl_box (VlfPass *pass);

/* As in struct _VlfBackend. */
void vlf_cl_input (VlfPass *pass, VlfTensor y, const float *data);
void vlf_cl_output (VlfPass *pass, VlfTensor x, float *to);

/* Enqueues the reading of what is in the box. */
void vlf_cl_box_send (VlfPass *pass);
/* After that has been waited for: hands everything to whose it is, unless the pass has failed, and empties the box. */
void vlf_cl_box_deliver (VlfPass *pass);
/* @left: a driver that does not answer may still write to its memory, which is therefore never freed. */
void vlf_cl_box_clear (VlfClBox *box, gboolean left);

G_END_DECLS
