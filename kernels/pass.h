/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/tensor.h"

G_BEGIN_DECLS

/* One stream of work on a device: an in-order command queue, its own kernel objects and its arena of activations.
 * One thread at a time; any number of queues per device run beside each other. */
typedef struct _VlfQueue VlfQueue;
VlfQueue *vlf_queue_new (VlfDevice *device, GError **error);
void vlf_queue_free (VlfQueue *queue);         /* NULL is fine; waits for what was enqueued */
VlfDevice *vlf_queue_device (VlfQueue *queue); /* not a reference */
/* Milliseconds that the device spent on the pass that ended last, by its own clock; NaN if it does not say. */
double vlf_queue_device_ms (VlfQueue *queue);
/* TRUE: the device was lost in a pass, and does not answer; it may still read the pictures that the pass was given, whose memory must stay as
 * it is for ever then. It writes to no memory of the caller's. */
gboolean vlf_queue_is_left (const VlfQueue *queue);
/* What products and attention have enqueued so far, a multiply-add counted as two operations. */
double vlf_queue_operations (const VlfQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfQueue, vlf_queue_free)

/* One run over a frame. It only enqueues; it remembers its first error, after which operations do nothing and return an empty
 * tensor: forward passes read like the paper and are checked once, at the end. Tensors made in a pass live until it ends, or until
 * the scope that they were made in closes. */
typedef struct _VlfPass VlfPass;

/* Starts a pass; the one before on @queue must have ended. Never NULL: a failure is remembered. */
VlfPass *vlf_pass_begin (VlfQueue *queue);
/* Sends what was enqueued, waits for it once, and ends the pass. FALSE with the first error that happened in it. Nothing of what
 * vlf_output() promised is there if so, nor will it ever come; but see vlf_queue_is_left(). */
gboolean vlf_pass_end (VlfPass *pass, GError **error);
/* Waits for what was enqueued so far; the pass goes on. TRUE: what vlf_output() promised until now is there. FALSE: the pass has
 * failed. For what depends on numbers of the same pass: a wait costs the device's idle time. */
gboolean vlf_pass_wait (VlfPass *pass);
/* Remembers @error (taken) unless there is one already. */
void vlf_pass_fail (VlfPass *pass, GError *error);
gboolean vlf_pass_failed (const VlfPass *pass);

/* Room for results in the arena: [batch, rows, cols], contents undefined, rows padded as the kernels want them. */
VlfTensor vlf_pass_alloc (VlfPass *pass, guint batch, guint rows, guint cols);

/* A scope: closing it gives back everything allocated since it was opened, except @keep (may be empty, or a view into a tensor
 * made in the scope). Scopes nest. The queue is in order, so memory may be given back while the device still reads it. */
guint vlf_pass_open (VlfPass *pass);
VlfTensor vlf_pass_close (VlfPass *pass, guint scope, VlfTensor keep);

G_END_DECLS
