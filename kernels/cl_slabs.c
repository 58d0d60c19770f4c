/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/cl_slabs.h"
#include <string.h>
#include "kernels/arena.h"
#include "kernels/size.h"

#define SLAB_BYTES ((gsize) 8 * 1024 * 1024) /* of which what is never written takes no memory */
#define MAX_PART   (SLAB_BYTES / 8)
#define LINE       64u /* bytes of a cache's */

typedef struct {
  VlfBuffer whole; /* no device: it is not counted among what that holds */
  GArray *parts;   /* VlfBlock, in bytes, see vlf_blocks_place() */
} Slab;

void
vlf_cl_slabs_init (VlfClSlabs *slabs, VlfFamily family, const char *platform, cl_device_id id)
{
  const gboolean off = g_strcmp0 (g_getenv ("VLF_SLABS"), "off") == 0 || strstr (platform, "Oclgrind");
  cl_uint bits = 0;

  g_mutex_init (&slabs->mutex);
  slabs->slabs = g_ptr_array_new ();
  if (family == VLF_FAMILY_CPU && !off &&
      vlf_cl_api ()->GetDeviceInfo (id, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof bits, &bits, NULL) == CL_SUCCESS)
    slabs->align = MAX (bits / 8, LINE);
}

void
vlf_cl_slabs_clear (VlfClSlabs *slabs)
{
  g_ptr_array_unref (slabs->slabs);
  if (!g_mutex_trylock (&slabs->mutex))
    return; /* in a child of fork(): a thread of the parent's had it */
  g_mutex_unlock (&slabs->mutex);
  g_mutex_clear (&slabs->mutex);
}

gboolean
vlf_cl_slabs_take (const VlfClSlabs *slabs, gsize bytes)
{
  return slabs->align > 0 && bytes <= MAX_PART;
}

static Slab *
slab_new (VlfDevice *device, cl_context context, cl_int *status)
{
  Slab *slab;
  cl_mem mem;

  if (!vlf_device_has_room (device, SLAB_BYTES + VLF_BUFFER_SLACK, SLAB_BYTES + VLF_BUFFER_SLACK, NULL))
    return NULL;
  mem = vlf_cl_api ()->CreateBuffer (context, CL_MEM_READ_WRITE, SLAB_BYTES + VLF_BUFFER_SLACK, NULL, status);
  if (*status != CL_SUCCESS)
    return NULL;
  slab = g_new0 (Slab, 1);
  slab->whole = (VlfBuffer){ .size = SLAB_BYTES, .mem = mem };
  slab->parts = g_array_new (FALSE, FALSE, sizeof (VlfBlock));
  return slab;
}

static void
slab_free (Slab *slab)
{
  vlf_cl_api ()->ReleaseMemObject (slab->whole.mem);
  g_array_unref (slab->parts);
  g_free (slab);
}

/* A slab that has @size bytes left, which are taken; NULL: there is none. */
static Slab *
find_room (VlfClSlabs *slabs, gsize size, gsize *first)
{
  Slab *found = NULL;

  g_mutex_lock (&slabs->mutex);
  for (guint i = 0; i < slabs->slabs->len && !found; i++) {
    Slab *slab = slabs->slabs->pdata[i];

    if (vlf_blocks_place (slab->parts, SLAB_BYTES, size, 0, first))
      found = slab;
  }
  g_mutex_unlock (&slabs->mutex);
  return found;
}

/* A slab of which the first @size bytes are taken; NULL: there is no room for one, or see @status. */
static Slab *
add_slab (VlfClSlabs *slabs, VlfDevice *device, gsize size, gsize *first, cl_context context, cl_int *status)
{
  Slab *slab = slab_new (device, context, status);

  if (!slab)
    return NULL;
  vlf_blocks_place (slab->parts, SLAB_BYTES, size, 0, first);
  g_mutex_lock (&slabs->mutex);
  g_ptr_array_add (slabs->slabs, slab);
  g_mutex_unlock (&slabs->mutex);
  return slab;
}

static void
give_back (VlfClSlabs *slabs, Slab *slab, gsize first)
{
  gboolean empty;
  guint i = 0;

  g_mutex_lock (&slabs->mutex);
  while (g_array_index (slab->parts, VlfBlock, i).offset != first)
    i++;
  g_array_remove_index (slab->parts, i);
  empty = slab->parts->len == 0;
  if (empty)
    g_ptr_array_remove_fast (slabs->slabs, slab);
  g_mutex_unlock (&slabs->mutex);
  if (empty)
    slab_free (slab);
}

cl_int
vlf_cl_slabs_add (VlfClSlabs *slabs, VlfBuffer *buffer, cl_context context)
{
  cl_int status = CL_SUCCESS;
  cl_buffer_region region = { 0, MAX (buffer->size, 1) };
  gsize size;
  Slab *slab;

  if (!vlf_size_round_up (region.size, slabs->align, &size))
    return CL_SUCCESS;
  slab = find_room (slabs, size, &region.origin);
  if (!slab)
    slab = add_slab (slabs, buffer->device, size, &region.origin, context, &status);
  if (!slab)
    return status;
  buffer->mem = vlf_cl_api ()->CreateSubBuffer (slab->whole.mem, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION,
                                                &region, &status);
  if (status != CL_SUCCESS) {
    buffer->mem = NULL;
    give_back (slabs, slab, region.origin);
    return status;
  }
  buffer->whole = &slab->whole;
  buffer->first = region.origin;
  return CL_SUCCESS;
}

void
vlf_cl_slabs_remove (VlfClSlabs *slabs, VlfBuffer *buffer)
{
  vlf_cl_api ()->ReleaseMemObject (buffer->mem);
  give_back (slabs, (Slab *) buffer->whole /* its first member */, buffer->first);
}
