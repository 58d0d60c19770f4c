/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The OpenCL backend: memory, queues, passes, and the launches of the plain operations. */
#include "kernels/ops_cl.h"
#include <string.h>
#include "kernels/cl_device.h"
#include "kernels/cl_leave.h"
#include "kernels/ops_cl_chain.h"
#include "kernels/ops_cl_linear.h"
#include "kernels/ops_cl_transfer.h"
#include "kernels/profile.h"
#include "kernels/program.h"

typedef struct {
  cl_command_queue queue;
  GHashTable *kernels; /* name -> cl_kernel: setting arguments is not thread-safe, so that each queue has its own */
  VlfProfile *profile;
  VlfClChain *chain; /* operations of the present pass that wait to be enqueued */
  VlfClBox box;      /* results of it that wait to be read back */
} ClQueue;

typedef struct {
  GPtrArray *mems; /* cl_mem, released when the pass ends */
  GPtrArray *host; /* copies of the caller's memory that transfers still read, and what vlf_cl_host_buffer() makes */
  VlfBuffer *last; /* of the latter the last one, with its numbers */
  gconstpointer last_numbers;
} ClPass;

VlfClChain *
vlf_cl_chain (VlfPass *pass)
{
  return ((ClQueue *) pass->queue->native)->chain;
}

VlfClBox *
vlf_cl_box (VlfPass *pass)
{
  return &((ClQueue *) pass->queue->native)->box;
}

cl_command_queue
vlf_cl_queue (VlfPass *pass)
{
  return ((ClQueue *) pass->queue->native)->queue;
}

void
vlf_cl_own (VlfPass *pass, gpointer memory)
{
  g_ptr_array_add (((ClPass *) pass->native)->host, memory);
}

guint
vlf_cl_vector_width (const VlfDevice *device)
{
  return ((const VlfClDevice *) device->cl)->width;
}

guint
vlf_cl_tiers (const VlfDevice *device)
{
  return ((const VlfClDevice *) device->cl)->tiers;
}

const VlfTiles *
vlf_cl_tiles (const VlfDevice *device)
{
  return &((const VlfClDevice *) device->cl)->tiles;
}

guint
vlf_cl_compute_units (const VlfDevice *device)
{
  return ((const VlfClDevice *) device->cl)->units;
}

/* Buffers */

/* @room: bytes of a buffer of its own, slack included. */
static gboolean
buffer_place (VlfBuffer *buffer, gsize room, GError **error)
{
  VlfClDevice *cl = buffer->device->cl;
  cl_int status = CL_SUCCESS;

  if (vlf_cl_slabs_take (&cl->slabs, buffer->size))
    status = vlf_cl_slabs_add (&cl->slabs, buffer, cl->context);
  if (!buffer->mem && status == CL_SUCCESS)
    buffer->mem = vlf_cl_api ()->CreateBuffer (cl->context, CL_MEM_READ_WRITE, room, NULL, &status);
  if (status != CL_SUCCESS) {
    g_autofree gchar *what = g_strdup_printf ("room for %" G_GSIZE_FORMAT " bytes", buffer->size);

    vlf_cl_set_error (buffer->device, status, what, error);
  }
  return status == CL_SUCCESS;
}

static VlfBuffer *
buffer_new (VlfDevice *device, gsize bytes, GError **error)
{
  VlfBuffer *buffer;
  gsize room;

  if (!vlf_size_add (bytes, VLF_BUFFER_SLACK, &room))
    room = G_MAXSIZE; /* which no device has */
  if (!vlf_device_has_room (device, room, room, error))
    return NULL;
  buffer = g_new0 (VlfBuffer, 1);
  buffer->device = device;
  buffer->size = bytes;
  if (buffer_place (buffer, room, error))
    return buffer;
  g_free (buffer);
  return NULL;
}

static void
buffer_free (VlfBuffer *buffer)
{
  VlfClDevice *cl = buffer->device->cl;
  const gboolean call = vlf_device_check (buffer->device, NULL);

  if (call && buffer->whole)
    vlf_cl_slabs_remove (&cl->slabs, buffer);
  else if (call)
    vlf_cl_api ()->ReleaseMemObject (buffer->mem);
  g_free (buffer);
}

static gboolean
buffer_write (VlfBuffer *buffer, gsize offset, gconstpointer data, gsize bytes, GError **error)
{
  VlfClDevice *cl = buffer->device->cl;
  cl_int status;

  if (!vlf_device_check (buffer->device, error))
    return FALSE;
  g_mutex_lock (&cl->mutex);
  status = vlf_cl_api ()->EnqueueWriteBuffer (cl->upload, buffer->mem, CL_TRUE, offset, bytes, data, 0, NULL, NULL);
  g_mutex_unlock (&cl->mutex);
  if (status != CL_SUCCESS)
    vlf_cl_set_error (buffer->device, status, "numbers cannot be sent", error);
  return status == CL_SUCCESS;
}

/* Queues and passes */

static void
release_kernel (gpointer kernel)
{
  vlf_cl_api ()->ReleaseKernel (kernel);
}

/* What was compiled just now goes into the cache, whole. */
static void
keep_program (VlfQueue *queue)
{
  g_autofree gchar *key = vlf_program_take_key (queue->device);
  g_autoptr (GError) error = NULL;

  if (!key)
    return;
  if (vlf_program_warm_up (queue, &error))
    vlf_program_store (queue->device, key);
  else
    g_info ("compiled kernels are not kept: %s", error->message);
}

static gboolean
queue_open (VlfQueue *queue, GError **error)
{
  VlfClDevice *cl = queue->device->cl;
  VlfProfile *profile;
  ClQueue *native;
  cl_command_queue_properties can = 0;
  cl_command_queue commands;
  cl_int status;

  if (!vlf_program_open (queue->device, error))
    return FALSE;
  profile = vlf_profile_new ();
  /* A device without clocks, as of rusticl on some boards, refuses to profile; then times are not known. */
  vlf_cl_api ()->GetDeviceInfo (cl->id, CL_DEVICE_QUEUE_PROPERTIES, sizeof can, &can, NULL);
  commands = vlf_cl_api ()->CreateCommandQueue (cl->context, cl->id, can & CL_QUEUE_PROFILING_ENABLE, &status);
  if (status != CL_SUCCESS) {
    vlf_profile_close (profile);
    vlf_cl_set_error (queue->device, status, "a command queue cannot be opened", error);
    return FALSE;
  }
  native = g_new0 (ClQueue, 1);
  native->profile = profile;
  native->chain = vlf_cl_chain_new (vlf_profile_is_detailed (profile));
  native->queue = commands;
  native->kernels = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, release_kernel);
  queue->native = native;
  vlf_cl_alone_add (&cl->alone, commands);
  keep_program (queue);
  return TRUE;
}

static void
queue_close (VlfQueue *queue)
{
  VlfClDevice *cl = queue->device->cl;
  ClQueue *native = queue->native;

  if (vlf_device_check (queue->device, NULL)) {
    vlf_cl_api ()->Finish (native->queue);
    vlf_cl_alone_remove (&cl->alone, native->queue);
    g_hash_table_unref (native->kernels);
    vlf_cl_api ()->ReleaseCommandQueue (native->queue);
  } else {
    g_hash_table_steal_all (native->kernels);
    g_hash_table_unref (native->kernels);
  }
  vlf_cl_chain_free (native->chain, !vlf_device_check (queue->device, NULL));
  vlf_cl_box_clear (&native->box, vlf_device_is_lost (queue->device));
  vlf_profile_close (native->profile);
  g_free (native);
}

static void
pass_open (VlfPass *pass)
{
  ClPass *native = g_new0 (ClPass, 1);

  native->mems = g_ptr_array_new ();
  native->host = g_ptr_array_new_with_free_func (g_free);
  pass->native = native;
}

/* Also of a failed pass: what it enqueued still writes to the caller's memory. A wait that fails has not waited, so that the device is lost
 * then. FALSE if the driver may still use the memory. */
static gboolean
drain (VlfPass *pass)
{
  const ClQueue *queue = pass->queue->native;

  if (!vlf_device_is_lost (pass->device) &&
      vlf_cl_check (pass, vlf_cl_api ()->Finish (queue->queue), "the pass did not finish"))
    return TRUE;
  g_atomic_int_set (&pass->device->lost, 1);
  return vlf_cl_leave (queue->queue);
}

/* A wait that fails leaves the rest to the end of the pass. */
static void
pass_wait (VlfPass *pass)
{
  const ClQueue *queue = pass->queue->native;

  vlf_cl_box_send (pass);
  if (!vlf_cl_check (pass, vlf_cl_api ()->Finish (queue->queue), "the pass did not get on"))
    g_atomic_int_set (&pass->device->lost, 1);
  vlf_cl_box_deliver (pass);
}

static void
pass_finish (VlfPass *pass)
{
  ClQueue *queue = pass->queue->native;
  ClPass *native = pass->native;
  GError *error = NULL;

  vlf_cl_box_send (pass);
  if (!drain (pass)) { /* memory that a driver may still use is never freed */
    vlf_device_check (pass->device, &error);
    vlf_pass_fail (pass, error);
    pass->queue->left = TRUE;
    g_ptr_array_set_free_func (native->host, NULL);
  }
  vlf_cl_box_deliver (pass);
  pass->queue->device_ms = vlf_profile_collect (queue->profile, vlf_device_is_lost (pass->device));
  for (guint i = 0; i < native->mems->len && !vlf_device_is_lost (pass->device); i++)
    vlf_cl_api ()->ReleaseMemObject (native->mems->pdata[i]);
  g_ptr_array_unref (native->mems);
  g_ptr_array_unref (native->host);
  g_free (native);
}

gboolean
vlf_cl_check (VlfPass *pass, cl_int status, const char *what)
{
  GError *error = NULL;

  if (status == CL_SUCCESS)
    return TRUE;
  vlf_cl_set_error (pass->device, status, what, &error);
  vlf_pass_fail (pass, error);
  return FALSE;
}

static cl_mem
create (VlfPass *pass, cl_mem_flags flags, gconstpointer data, gsize bytes)
{
  cl_int status;
  cl_mem mem;

  if (pass->error)
    return NULL;
  mem =
      vlf_cl_api ()->CreateBuffer (((VlfClDevice *) pass->device->cl)->context, flags, bytes, (gpointer) data, &status);
  return vlf_cl_check (pass, status, "host memory cannot be handed over") ? mem : NULL;
}

cl_mem
vlf_cl_copy_of (VlfPass *pass, gconstpointer data, gsize bytes)
{
  return create (pass, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, data, bytes);
}

cl_mem
vlf_cl_host (VlfPass *pass, gconstpointer data, gsize bytes, gboolean borrowed)
{
  const gboolean in_place = borrowed && pass->device->family == VLF_FAMILY_CPU;
  const cl_mem_flags flags =
      (borrowed ? CL_MEM_READ_ONLY : CL_MEM_READ_WRITE) | (in_place ? CL_MEM_USE_HOST_PTR : CL_MEM_COPY_HOST_PTR);
  cl_mem mem = create (pass, flags, data, bytes);

  if (mem)
    g_ptr_array_add (((ClPass *) pass->native)->mems, mem);
  return mem;
}

VlfBuffer *
vlf_cl_host_buffer (VlfPass *pass, gconstpointer data, gsize bytes)
{
  ClPass *native = pass->native;
  cl_mem mem;

  if (native->last && native->last->size == bytes && memcmp (native->last_numbers, data, bytes) == 0)
    return pass->error ? NULL : native->last;
  mem = vlf_cl_host (pass, data, bytes, FALSE);
  if (!mem)
    return NULL;
  native->last = g_new0 (VlfBuffer, 1);
  native->last->device = pass->device;
  native->last->size = bytes;
  native->last->mem = mem;
  native->last_numbers = g_memdup2 (data, bytes);
  g_ptr_array_add (native->host, native->last);
  g_ptr_array_add (native->host, (gpointer) native->last_numbers);
  return native->last;
}

/* Launches */

static gpointer
next_arg (VlfClArgs *args, gsize size)
{
  g_assert (args->n < VLF_CL_MAX_ARGS);
  args->items[args->n].size = size;
  return &args->items[args->n++].value;
}

void
vlf_cl_arg_mem (VlfClArgs *args, cl_mem mem)
{
  *(cl_mem *) next_arg (args, sizeof (cl_mem)) = mem;
}

void
vlf_cl_arg_ulong (VlfClArgs *args, gsize value)
{
  *(cl_ulong *) next_arg (args, sizeof (cl_ulong)) = value;
}

void
vlf_cl_arg_uint (VlfClArgs *args, guint value)
{
  *(cl_uint *) next_arg (args, sizeof (cl_uint)) = value;
}

void
vlf_cl_arg_int (VlfClArgs *args, gint value)
{
  *(cl_int *) next_arg (args, sizeof (cl_int)) = value;
}

void
vlf_cl_arg_float (VlfClArgs *args, float value)
{
  *(cl_float *) next_arg (args, sizeof (cl_float)) = value;
}

void
vlf_cl_arg_local (VlfClArgs *args, gsize bytes)
{
  next_arg (args, bytes);
  args->items[args->n - 1].local = TRUE;
}

void
vlf_cl_arg_tensor (VlfClArgs *args, const VlfTensor *x)
{
  vlf_cl_arg_mem (args, x ? x->buffer->mem : NULL);
  vlf_cl_arg_ulong (args, x ? x->offset : 0);
}

void
vlf_cl_arg_view (VlfClArgs *args, const VlfTensor *x)
{
  vlf_cl_arg_tensor (args, x);
  vlf_cl_arg_uint (args, x ? x->stride : 0);
  vlf_cl_arg_ulong (args, x ? x->batch_stride : 0);
}

static cl_kernel
find_kernel (VlfPass *pass, const char *name)
{
  ClQueue *native = pass->queue->native;
  cl_kernel kernel = g_hash_table_lookup (native->kernels, name);
  cl_int status;

  if (kernel)
    return kernel;
  kernel = vlf_cl_api ()->CreateKernel (((VlfClDevice *) pass->device->cl)->program, name, &status);
  if (!vlf_cl_check (pass, status, name))
    return NULL;
  g_hash_table_insert (native->kernels, (gpointer) g_intern_string (name), kernel);
  return kernel;
}

void
vlf_cl_launch (VlfPass *pass, const char *kernel_name, VlfClGrid grid, const VlfClArgs *args)
{
  VlfClDevice *cl = pass->device->cl;
  ClQueue *native = pass->queue->native;
  const char *name = g_intern_string (kernel_name);
  gsize global[3], local[3];
  cl_int status = CL_SUCCESS;
  cl_kernel kernel;

  vlf_cl_chain_flush (pass);
  kernel = pass->error ? NULL : find_kernel (pass, kernel_name);
  if (!kernel)
    return;
  for (guint i = 0; i < args->n && status == CL_SUCCESS; i++)
    status = vlf_cl_api ()->SetKernelArg (kernel, i, args->items[i].size,
                                          args->items[i].local ? NULL : &args->items[i].value);
  for (guint i = 0; i < 3; i++) {
    local[i] = MAX (grid.local[i], 1);
    global[i] = MAX (grid.groups[i], 1) * local[i];
  }
  if (status == CL_SUCCESS)
    status = vlf_cl_alone_launch (&cl->alone, name, native->queue, kernel, global, local,
                                  vlf_profile_event (native->profile, name));
  vlf_cl_check (pass, status, kernel_name);
}

/* A grid of one group per row: [row, sequence, 1]. */
static VlfClGrid
row_grid (const VlfPass *pass, VlfTensor y)
{
  VlfClGrid grid = { .groups = { y.rows, y.batch } };

  if (pass->device->family == VLF_FAMILY_GPU)
    grid.local[0] = VLF_CL_ROW_GROUP;
  return grid;
}

/* Operations; the parameters of a kernel are in its banner in cl/. */

void
vlf_cl_copy (VlfPass *pass, const VlfClStep *step)
{
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &step->y);
  vlf_cl_arg_view (&args, &step->x);
  vlf_cl_arg_uint (&args, step->y.cols);
  vlf_cl_launch (pass, "vlf_copy", row_grid (pass, step->y), &args);
}

void
vlf_cl_mix (VlfPass *pass, const VlfClStep *step)
{
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &step->y);
  vlf_cl_arg_view (&args, &step->x);
  vlf_cl_arg_view (&args, &step->z);
  vlf_cl_arg_float (&args, step->x_share);
  vlf_cl_arg_float (&args, step->z_share);
  vlf_cl_arg_uint (&args, step->y.cols);
  vlf_cl_launch (pass, "vlf_mix", row_grid (pass, step->y), &args);
}

void
vlf_cl_norm (VlfPass *pass, const VlfClStep *step)
{
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &step->y);
  vlf_cl_arg_view (&args, &step->x);
  if (step->z.buffer)
    vlf_cl_arg_view (&args, &step->z);
  vlf_cl_arg_tensor (&args, &step->norm.weight);
  vlf_cl_arg_tensor (&args, &step->norm.bias);
  vlf_cl_arg_float (&args, step->norm.eps);
  vlf_cl_arg_uint (&args, step->y.cols);
  vlf_cl_launch (pass, step->z.buffer ? "vlf_add_norm" : "vlf_norm", row_grid (pass, step->y), &args);
}

void
vlf_cl_normalize (VlfPass *pass, const VlfClStep *step)
{
  VlfClArgs args = { 0 };

  vlf_cl_arg_view (&args, &step->y);
  vlf_cl_arg_view (&args, &step->x);
  vlf_cl_arg_uint (&args, step->y.cols);
  vlf_cl_launch (pass, "vlf_normalize", row_grid (pass, step->y), &args);
}

static void
linear (VlfPass *pass, VlfTensor y, VlfTensor x, const VlfWeight *w, guint first, VlfActivation act,
        const VlfTensor *residual)
{
  VlfClStep step = { .kind = VLF_CL_LINEAR, .y = y, .x = x, .w = w, .first = first, .act = act };

  if (residual)
    step.z = *residual;
  vlf_cl_step (pass, &step);
}

static void
norm (VlfPass *pass, VlfTensor y, VlfTensor x, const VlfTensor *plus, const VlfNorm *weights)
{
  VlfClStep step = { .kind = VLF_CL_NORM, .y = y, .x = x, .norm = *weights };

  if (plus)
    step.z = *plus;
  vlf_cl_step (pass, &step);
}

static void
mix (VlfPass *pass, VlfTensor y, VlfTensor a, float a_share, VlfTensor b, float b_share)
{
  VlfClStep step = { .kind = VLF_CL_MIX, .y = y, .x = a, .z = b, .x_share = a_share, .z_share = b_share };

  vlf_cl_step (pass, &step);
}

static void
copy (VlfPass *pass, VlfTensor y, VlfTensor x)
{
  vlf_cl_step (pass, &(VlfClStep){ .kind = VLF_CL_COPY, .y = y, .x = x });
}

static void
normalize (VlfPass *pass, VlfTensor y, VlfTensor x)
{
  vlf_cl_step (pass, &(VlfClStep){ .kind = VLF_CL_NORMALIZE, .y = y, .x = x });
}

const VlfBackend vlf_backend_cl = {
  .name = "opencl",
  .buffer_new = buffer_new,
  .buffer_free = buffer_free,
  .buffer_write = buffer_write,
  .queue_open = queue_open,
  .queue_close = queue_close,
  .pass_open = pass_open,
  .pass_wait = pass_wait,
  .pass_finish = pass_finish,
  .weight_new = vlf_cl_weight_new,
  .weight_free = vlf_cl_weight_free,
  .input = vlf_cl_input,
  .output = vlf_cl_output,
  .linear = linear,
  .norm = norm,
  .mix = mix,
  .attention = vlf_cl_attention,
  .bi_attention = vlf_cl_bi_attention,
  .embed = vlf_cl_embed,
  .copy = copy,
  .normalize = normalize,
  .gather = vlf_cl_gather,
  .scatter = vlf_cl_scatter,
  .distances = vlf_cl_distances,
  .mean_heads = vlf_cl_mean_heads,
  .product = vlf_cl_product,
  .patches = vlf_cl_patches,
};
