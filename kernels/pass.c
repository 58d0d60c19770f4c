/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/arena.h"
#include <math.h>

#define MAX_DIMENSION (1u << 24)
#define MAX_ROWS      (1u << 30) /* of all sequences: kernels count them in 32 bits */

/* Rows whose distance is a multiple of this many elements fall into the same few sets of a first-level cache. */
#define CACHE_STEP 512u

VlfQueue *
vlf_queue_new (VlfDevice *device, GError **error)
{
  VlfQueue *queue;

  if (!vlf_device_check (device, error))
    return NULL;
  queue = g_new0 (VlfQueue, 1);
  queue->device = vlf_device_ref (device);
  queue->arena = vlf_arena_new (device);
  if (device->backend->queue_open (queue, error))
    return queue;
  vlf_arena_free (queue->arena);
  vlf_device_unref (device);
  g_free (queue);
  return NULL;
}

void
vlf_queue_free (VlfQueue *queue)
{
  if (!queue)
    return;
  queue->device->backend->queue_close (queue);
  vlf_arena_free (queue->arena);
  vlf_resample_free (queue->resample);
  vlf_device_unref (queue->device);
  g_free (queue);
}

double
vlf_queue_device_ms (VlfQueue *queue)
{
  return queue->device_ms;
}

gboolean
vlf_queue_is_left (const VlfQueue *queue)
{
  return queue->left;
}

VlfDevice *
vlf_queue_device (VlfQueue *queue)
{
  return queue->device;
}

double
vlf_queue_operations (const VlfQueue *queue)
{
  return queue->operations;
}

VlfPass *
vlf_pass_begin (VlfQueue *queue)
{
  VlfPass *pass = g_new0 (VlfPass, 1);
  GError *error = NULL;

  pass->queue = queue;
  pass->device = queue->device;
  pass->backend = queue->device->backend;
  if (queue->busy) {
    vlf_pass_fail (pass, g_error_new (VLF_ERROR, VLF_ERROR_DEVICE,
                                      "a pass began before the one before it on the same queue had ended"));
  } else if (!vlf_device_check (queue->device, &error)) {
    vlf_pass_fail (pass, error);
  } else {
    queue->busy = pass->open = TRUE;
    vlf_watch_use (queue->device);
    queue->device_ms = NAN;
    vlf_arena_reset (queue->arena);
    pass->backend->pass_open (pass);
  }
  return pass;
}

gboolean
vlf_pass_end (VlfPass *pass, GError **error)
{
  gboolean good;

  if (pass->open) {
    pass->backend->pass_finish (pass);
    pass->queue->busy = FALSE;
  }
  good = !pass->error;
  if (!good)
    g_propagate_error (error, pass->error);
  g_free (pass);
  return good;
}

gboolean
vlf_pass_wait (VlfPass *pass)
{
  if (pass->open && !pass->error)
    pass->backend->pass_wait (pass);
  return !pass->error;
}

void
vlf_pass_fail (VlfPass *pass, GError *error)
{
  if (pass->error)
    g_error_free (error);
  else
    pass->error = error;
}

gboolean
vlf_pass_failed (const VlfPass *pass)
{
  return pass->error != NULL;
}

gboolean
vlf_tensor_layout (VlfTensor *x, gsize *elements)
{
  gsize stride, rows;

  if (x->batch == 0 || x->rows == 0 || x->cols == 0 || x->rows > MAX_DIMENSION || x->cols > MAX_DIMENSION)
    return FALSE;
  if (!vlf_size_round_up (x->cols, VLF_COLS_PAD, &stride))
    return FALSE;
  if (stride % CACHE_STEP == 0 && x->rows > 1)
    stride += VLF_COLS_PAD;
  if (!vlf_size_mul (x->batch, x->rows, &rows) || rows > MAX_ROWS)
    return FALSE;
  x->stride = (guint) stride;
  x->batch_stride = x->rows * stride;
  return vlf_size_round_up (rows, VLF_ROWS_PAD, &rows) && vlf_size_mul (rows, stride, elements);
}

VlfTensor
vlf_pass_alloc (VlfPass *pass, guint batch, guint rows, guint cols)
{
  VlfTensor x = { .batch = batch, .rows = rows, .cols = cols };
  GError *error = NULL;
  gsize elements;

  vlf_watch_alive ();
  if (pass->error)
    return (VlfTensor){ 0 };
  if (!vlf_tensor_layout (&x, &elements)) {
    vlf_pass_fail (pass, g_error_new (VLF_ERROR, VLF_ERROR_RANGE, "no tensor can be [%u, %u, %u]", batch, rows, cols));
    return (VlfTensor){ 0 };
  }
  if (!vlf_arena_alloc (pass->queue->arena, elements, &x.buffer, &x.offset, &error)) {
    g_prefix_error (&error, "activations [%u, %u, %u]: ", batch, rows, cols);
    vlf_pass_fail (pass, error);
    return (VlfTensor){ 0 };
  }
  return x;
}

guint
vlf_pass_open (VlfPass *pass)
{
  return pass->error ? 0 : vlf_arena_open (pass->queue->arena);
}

VlfTensor
vlf_pass_close (VlfPass *pass, guint scope, VlfTensor keep)
{
  if (pass->error)
    return (VlfTensor){ 0 };
  if (vlf_arena_close (pass->queue->arena, scope, keep.buffer, keep.offset))
    return keep;
  vlf_pass_fail (pass, g_error_new (VLF_ERROR, VLF_ERROR_RANGE, "scope %u of the pass is not open", scope));
  return (VlfTensor){ 0 };
}
