/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/backend.h"
#include "kernels/half.h"

/* Bytes of a file that are held at once while numbers go to the device. */
#define CHUNK_BYTES ((gsize) 4 * 1024 * 1024)

VlfBuffer *
vlf_buffer_new (VlfDevice *device, gsize bytes, GError **error)
{
  VlfBuffer *buffer;

  vlf_watch_alive ();
  if (!vlf_device_check (device, error))
    return NULL;
  buffer = device->backend->buffer_new (device, bytes, error);
  if (!buffer)
    return NULL;
  vlf_device_ref (device);
  g_atomic_pointer_add (&device->memory, (gssize) buffer->size);
  return buffer;
}

void
vlf_buffer_free (VlfBuffer *buffer)
{
  VlfDevice *device;

  if (!buffer)
    return;
  device = buffer->device;
  g_atomic_pointer_add (&device->memory, -(gssize) buffer->size);
  device->backend->buffer_free (buffer);
  vlf_device_unref (device);
}

gsize
vlf_device_memory (const VlfDevice *device)
{
  return (gsize) g_atomic_pointer_get ((gsize *) &device->memory);
}

gboolean
vlf_source_read (const VlfSource *source, guint first, guint n, gpointer raw, float *to, GError **error)
{
  if (!source->read (source->user, first, n, raw, error))
    return FALSE;
  vlf_f32_from (source->type, raw, (gsize) n * source->cols, to);
  return TRUE;
}

/* How many rows of @row_bytes make a chunk, at least one. */
static guint
chunk_rows (gsize row_bytes, guint rows)
{
  return (guint) CLAMP (CHUNK_BYTES / MAX (row_bytes, 1), 1, rows);
}

/* Room on the device for a tensor whose shape is set, and on the host for @rows of its rows at their stride, zeroed. */
static float *
constant_room (VlfDevice *device, VlfTensor *x, guint rows, GError **error)
{
  gsize elements, bytes, host;
  float *room;

  if (!vlf_tensor_layout (x, &elements) || !vlf_size_mul (elements, sizeof (float), &bytes) ||
      !vlf_size_mul ((gsize) rows * sizeof (float), x->stride, &host)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "no tensor can be [%u, %u, %u]", x->batch, x->rows, x->cols);
    return NULL;
  }
  room = g_try_malloc0 (host);
  if (!room) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for %" G_GSIZE_FORMAT " bytes", host);
    return NULL;
  }
  x->buffer = vlf_buffer_new (device, bytes, error);
  if (x->buffer)
    return room;
  g_free (room);
  return NULL;
}

/* Sends @n packed rows to row @first of @x, counted through all sequences. */
static gboolean
send_rows (VlfTensor x, guint first, guint n, const float *packed, float *room, GError **error)
{
  for (guint i = 0; i < n; i++)
    memcpy (room + (gsize) i * x.stride, packed + (gsize) i * x.cols, x.cols * sizeof (float));
  return x.buffer->device->backend->buffer_write (x.buffer, (gsize) first * x.stride * sizeof (float), room,
                                                  (gsize) n * x.stride * sizeof (float), error);
}

static gboolean
send_source (VlfTensor x, const VlfSource *source, guint step, float *room, GError **error)
{
  gsize elements = (gsize) step * source->cols;
  gpointer raw = g_try_malloc_n (elements, vlf_dtype_size (source->type));
  float *packed = g_try_malloc_n (elements, sizeof (float));
  gboolean good = raw && packed;

  if (!good)
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for %u rows of %u numbers", step, source->cols);
  for (guint first = 0; good && first < source->rows; first += step) {
    guint n = MIN (step, source->rows - first);

    good = vlf_source_read (source, first, n, raw, packed, error) && send_rows (x, first, n, packed, room, error);
  }
  g_free (raw);
  g_free (packed);
  return good;
}

VlfConstant *
vlf_constant_new (VlfDevice *device, const VlfSource *source, GError **error)
{
  VlfTensor x = { .batch = 1, .rows = source->rows, .cols = source->cols };
  guint step = source->rows ? chunk_rows ((gsize) source->cols * sizeof (float), source->rows) : 1;
  float *room = constant_room (device, &x, step, error);
  gboolean good = room && send_source (x, source, step, room, error);

  g_free (room);
  if (good)
    return g_memdup2 (&(VlfConstant){ x }, sizeof (VlfConstant));
  vlf_buffer_free (x.buffer);
  return NULL;
}

VlfConstant *
vlf_constant_new_from_data (VlfDevice *device, const float *data, guint batch, guint rows, guint cols, GError **error)
{
  VlfTensor x = { .batch = batch, .rows = rows, .cols = cols };
  float *room = constant_room (device, &x, rows, error);
  gboolean good = room != NULL;

  for (guint i = 0; good && i < batch; i++)
    good = send_rows (x, i * rows, rows, data + (gsize) i * rows * cols, room, error);
  g_free (room);
  if (good)
    return g_memdup2 (&(VlfConstant){ x }, sizeof (VlfConstant));
  vlf_buffer_free (x.buffer);
  return NULL;
}

VlfConstant *
vlf_memory_new (VlfDevice *device, guint batch, guint rows, guint cols, GError **error)
{
  VlfTensor x = { .batch = batch, .rows = rows, .cols = cols };
  float *room = constant_room (device, &x, rows, error);
  const gsize bytes = (gsize) rows * x.stride * sizeof (float);
  gboolean good = room != NULL;

  for (guint i = 0; good && i < batch; i++)
    good = device->backend->buffer_write (x.buffer, i * bytes, room, bytes, error);
  g_free (room);
  if (good)
    return g_memdup2 (&(VlfConstant){ x }, sizeof (VlfConstant));
  vlf_buffer_free (x.buffer);
  return NULL;
}

void
vlf_constant_free (VlfConstant *constant)
{
  if (!constant)
    return;
  vlf_buffer_free (constant->tensor.buffer);
  g_free (constant);
}

static gboolean
send_table (VlfTable *table, const VlfSource *source, GError **error)
{
  gsize row_bytes = source->cols * vlf_dtype_size (source->type);
  guint step = chunk_rows (row_bytes, source->rows);
  gpointer raw = g_try_malloc_n (step, row_bytes);
  gboolean good = raw != NULL;

  if (!good)
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for %u rows of %u numbers", step, source->cols);
  for (guint first = 0; good && first < source->rows; first += step) {
    guint n = MIN (step, source->rows - first);

    good = source->read (source->user, first, n, raw, error) &&
           table->buffer->device->backend->buffer_write (table->buffer, first * row_bytes, raw, n * row_bytes, error);
  }
  g_free (raw);
  return good;
}

VlfTable *
vlf_table_new (VlfDevice *device, const VlfSource *source, GError **error)
{
  g_autoptr (VlfTable) table = NULL;
  gsize bytes;

  if (source->rows == 0 || source->cols == 0 || !vlf_size_mul (source->rows, source->cols, &bytes) ||
      !vlf_size_mul (bytes, vlf_dtype_size (source->type), &bytes)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "no table can be [%u, %u]", source->rows, source->cols);
    return NULL;
  }
  table = g_new0 (VlfTable, 1);
  table->type = source->type;
  table->rows = source->rows;
  table->cols = source->cols;
  table->buffer = vlf_buffer_new (device, bytes, error);
  if (!table->buffer || !send_table (table, source, error))
    return NULL;
  return g_steal_pointer (&table);
}

void
vlf_table_free (VlfTable *table)
{
  if (!table)
    return;
  vlf_buffer_free (table->buffer);
  g_free (table);
}

/* n = the sum of the parts' rows; FALSE with @error where parts do not fit together. */
static gboolean
check_parts (const VlfSource *weights, const VlfSource *biases, guint n_parts, GError **error)
{
  guint64 outputs = 0;

  for (guint i = 0; i < n_parts; i++) {
    const VlfSource *w = &weights[i], *b = biases && biases[i].read ? &biases[i] : NULL;

    outputs += w->rows;
    if (w->rows == 0 || w->cols == 0 || w->cols != weights->cols || w->cols > 1u << 24 || outputs > 1u << 24) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "weight %u of %u is [%u, %u] beside one of %u columns", i + 1,
                   n_parts, w->rows, w->cols, weights->cols);
      return FALSE;
    }
    if (b && (b->rows != 1 || b->cols != w->rows)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "the bias of a weight [%u, %u] is [%u, %u]; expected [1, %u]",
                   w->rows, w->cols, b->rows, b->cols, w->rows);
      return FALSE;
    }
  }
  if (outputs > 0)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "a weight needs at least one part");
  return FALSE;
}

VlfWeight *
vlf_weight_new (VlfDevice *device, const VlfSource *weights, const VlfSource *biases, guint n_parts, VlfDType stored,
                GError **error)
{
  VlfWeight *weight;

  if (!check_parts (weights, biases, n_parts, error) || !vlf_device_check (device, error))
    return NULL;
  weight = device->backend->weight_new (device, weights, biases, n_parts, stored, error);
  if (weight)
    vlf_device_ref (device);
  return weight;
}

void
vlf_weight_free (VlfWeight *weight)
{
  VlfDevice *device;

  if (!weight)
    return;
  device = weight->device;
  device->backend->weight_free (weight);
  vlf_device_unref (device);
}

guint
vlf_weight_inputs (const VlfWeight *weight)
{
  return weight->inputs;
}

guint
vlf_weight_outputs (const VlfWeight *weight)
{
  return weight->outputs;
}
