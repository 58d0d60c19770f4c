/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/ops_cl_transfer.h"
#include <string.h>
#include "kernels/cl_device.h"
#include "kernels/ops_cl_chain.h"

#define BOX_FLOATS  65536u /* of the box: a quarter of a megabyte */
#define SMALL_INPUT 65536u /* bytes that are copied by an operation, which takes one copy more */
#define ALIGN       16u    /* floats at whose multiples parcels begin: a line of a cache */

typedef struct {
  const float *from; /* where they are read to: a lost device may get there when the caller's memory is gone */
  gsize n;           /* floats */
  float *to;
} Parcel;

static void
add_parcel (VlfClBox *box, const float *from, gsize n, float *to)
{
  const Parcel parcel = { from, n, to };

  if (!box->parcels)
    box->parcels = g_array_new (FALSE, FALSE, sizeof (Parcel));
  g_array_append_val (box->parcels, parcel);
}

/* Memory that a transfer may use for as long as the driver likes; NULL with an error of the pass. */
static float *
own_room (VlfPass *pass, gsize bytes)
{
  float *room = g_try_malloc (bytes);

  if (room)
    vlf_cl_own (pass, room);
  else
    vlf_pass_fail (pass,
                   g_error_new (VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for %" G_GSIZE_FORMAT " bytes", bytes));
  return room;
}

/* As a command of its own. */
static void
write_rows (VlfPass *pass, VlfTensor y, const float *data)
{
  const gsize row = y.cols * sizeof (float), rows = (gsize) y.batch * y.rows;
  const gsize origin[3] = { y.offset * sizeof (float), 0, 0 }, zero[3] = { 0 }, region[3] = { row, rows, 1 };
  float *copy = own_room (pass, rows * row);

  if (!copy)
    return;
  memcpy (copy, data, rows * row);
  vlf_cl_chain_flush (pass);
  vlf_cl_check (pass,
                vlf_cl_api ()->EnqueueWriteBufferRect (vlf_cl_queue (pass), y.buffer->mem, CL_FALSE, origin, zero,
                                                       region, y.stride * sizeof (float), 0, row, 0, copy, 0, NULL,
                                                       NULL),
                "input");
}

static VlfTensor
packed (VlfBuffer *buffer, gsize offset, const VlfTensor *like)
{
  return (VlfTensor){ .buffer = buffer,
                      .offset = offset,
                      .batch = like->batch,
                      .rows = like->rows,
                      .cols = like->cols,
                      .stride = like->cols,
                      .batch_stride = (gsize) like->rows * like->cols };
}

void
vlf_cl_input (VlfPass *pass, VlfTensor y, const float *data)
{
  const gsize bytes = (gsize) y.batch * y.rows * y.cols * sizeof (float);
  VlfBuffer *host;

  if (pass->device->family != VLF_FAMILY_CPU || bytes > SMALL_INPUT) {
    write_rows (pass, y, data);
    return;
  }
  host = vlf_cl_host_buffer (pass, data, bytes);
  if (host)
    vlf_cl_step (pass, &(VlfClStep){ .kind = VLF_CL_COPY, .y = y, .x = packed (host, 0, &y) });
}

/* As commands of their own. */
static void
read_rows (VlfPass *pass, VlfTensor x, float *to)
{
  const gsize row = x.cols * sizeof (float), zero[3] = { 0 }, region[3] = { row, x.rows, 1 };
  float *room = own_room (pass, (gsize) x.batch * x.rows * row);

  if (!room)
    return;
  add_parcel (vlf_cl_box (pass), room, (gsize) x.batch * x.rows * x.cols, to);
  vlf_cl_chain_flush (pass);
  for (guint i = 0; i < x.batch && !pass->error; i++) {
    const gsize origin[3] = { (x.offset + i * x.batch_stride) * sizeof (float), 0, 0 };

    vlf_cl_check (pass,
                  vlf_cl_api ()->EnqueueReadBufferRect (vlf_cl_queue (pass), x.buffer->mem, CL_FALSE, origin, zero,
                                                        region, x.stride * sizeof (float), 0, row, 0,
                                                        room + (gsize) i * x.rows * x.cols, 0, NULL, NULL),
                  "output");
  }
}

static gboolean
open_box (VlfPass *pass, VlfClBox *box)
{
  GError *error = NULL;

  if (box->buffer)
    return TRUE;
  box->buffer = vlf_buffer_new (pass->device, BOX_FLOATS * sizeof (float), &error);
  if (!box->buffer) {
    vlf_pass_fail (pass, error);
    return FALSE;
  }
  box->host = g_new (float, BOX_FLOATS);
  return TRUE;
}

void
vlf_cl_output (VlfPass *pass, VlfTensor x, float *to)
{
  const gsize n = (gsize) x.batch * x.rows * x.cols;
  VlfClBox *box = vlf_cl_box (pass);
  const guint first = box->used;

  if (n > BOX_FLOATS - box->used) {
    read_rows (pass, x, to);
    return;
  }
  if (!open_box (pass, box))
    return;
  add_parcel (box, box->host + first, n, to);
  box->used = MIN ((first + (guint) n + ALIGN - 1) / ALIGN * ALIGN, BOX_FLOATS);
  vlf_cl_step (pass, &(VlfClStep){ .kind = VLF_CL_COPY, .y = packed (box->buffer, first, &x), .x = x });
}

void
vlf_cl_box_send (VlfPass *pass)
{
  const VlfClBox *box = vlf_cl_box (pass);
  const gsize bytes = box->used * sizeof (float), zero[3] = { 0 }, region[3] = { bytes, 1, 1 };

  vlf_cl_chain_flush (pass);
  if (bytes && !pass->error)
    vlf_cl_check (pass,
                  vlf_cl_api ()->EnqueueReadBufferRect (vlf_cl_queue (pass), box->buffer->mem, CL_FALSE, zero, zero,
                                                        region, bytes, 0, bytes, 0, box->host, 0, NULL, NULL),
                  "output");
}

void
vlf_cl_box_deliver (VlfPass *pass)
{
  VlfClBox *box = vlf_cl_box (pass);

  for (guint i = 0; box->parcels && i < box->parcels->len && !pass->error; i++) {
    const Parcel *parcel = &g_array_index (box->parcels, Parcel, i);

    memcpy (parcel->to, parcel->from, parcel->n * sizeof (float));
  }
  if (box->parcels)
    g_array_set_size (box->parcels, 0);
  box->used = 0;
}

void
vlf_cl_box_clear (VlfClBox *box, gboolean left)
{
  vlf_buffer_free (box->buffer);
  if (!left)
    g_free (box->host);
  if (box->parcels)
    g_array_unref (box->parcels);
}
