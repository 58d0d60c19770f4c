/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/arena.h"

#define ALIGN     16u                   /* elements: 64 bytes */
#define CHUNK_MIN ((gsize) 1024 * 1024) /* elements: 4 MiB */

typedef struct {
  VlfBuffer *buffer;
  gsize size;     /* elements */
  GArray *blocks; /* VlfBlock, by offset, no two overlap: what is between them is free */
} Chunk;

struct _VlfArena {
  VlfDevice *device; /* the queue holds the reference */
  GPtrArray *chunks;
  guint depth;
  gsize wanted;     /* elements that the next first chunk shall have */
  gboolean divided; /* the device refused to give it all in one piece */
};

static void
chunk_free (gpointer data)
{
  Chunk *chunk = data;

  vlf_buffer_free (chunk->buffer);
  g_array_unref (chunk->blocks);
  g_free (chunk);
}

static Chunk *
chunk_new (VlfArena *arena, gsize elements, GError **error)
{
  gsize bytes;
  VlfBuffer *buffer;
  Chunk *chunk;

  if (!vlf_size_mul (elements, sizeof (float), &bytes)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "activations of %" G_GSIZE_FORMAT " elements are too large",
                 elements);
    return NULL;
  }
  buffer = vlf_buffer_new (arena->device, bytes, error);
  if (!buffer)
    return NULL;

  chunk = g_new0 (Chunk, 1);
  chunk->buffer = buffer;
  chunk->size = elements;
  chunk->blocks = g_array_new (FALSE, FALSE, sizeof (VlfBlock));
  g_ptr_array_add (arena->chunks, chunk);
  return chunk;
}

VlfArena *
vlf_arena_new (VlfDevice *device)
{
  VlfArena *arena = g_new0 (VlfArena, 1);

  arena->device = device;
  arena->chunks = g_ptr_array_new_with_free_func (chunk_free);
  return arena;
}

void
vlf_arena_free (VlfArena *arena)
{
  if (!arena)
    return;
  g_ptr_array_unref (arena->chunks);
  g_free (arena);
}

void
vlf_arena_reset (VlfArena *arena)
{
  arena->depth = 0;
  for (guint i = 0; i < arena->chunks->len; i++)
    g_array_set_size (((Chunk *) arena->chunks->pdata[i])->blocks, 0);
  if (arena->chunks->len < 2 || arena->divided)
    return;

  arena->wanted = vlf_arena_size (arena) / sizeof (float);
  g_ptr_array_set_size (arena->chunks, 0);
}

gboolean
vlf_blocks_place (GArray *blocks, gsize room, gsize size, guint scope, gsize *offset)
{
  gsize start = 0;
  guint i;
  VlfBlock block;

  for (i = 0; i < blocks->len; i++) {
    const VlfBlock *b = &g_array_index (blocks, VlfBlock, i);

    if (b->offset - start >= size)
      break;
    start = b->offset + b->size;
  }
  if (room - start < size)
    return FALSE;

  block = (VlfBlock){ start, size, scope };
  g_array_insert_val (blocks, i, block);
  *offset = start;
  return TRUE;
}

/* A further chunk of at least @size elements, half as large as all before it, so that there are few. A device that refuses that much
 * in one piece is asked for the bare need. */
static Chunk *
grow (VlfArena *arena, gsize size, GError **error)
{
  gsize generous = MAX (MAX (size, CHUNK_MIN), MAX (arena->wanted, vlf_arena_size (arena) / sizeof (float) / 2));
  Chunk *chunk = generous > size ? chunk_new (arena, generous, NULL) : NULL;

  arena->wanted = 0;
  if (chunk)
    return chunk;
  arena->divided = generous > size;
  return chunk_new (arena, size, error);
}

gboolean
vlf_arena_alloc (VlfArena *arena, gsize elements, VlfBuffer **buffer, gsize *offset, GError **error)
{
  gsize size;
  Chunk *chunk;

  if (!vlf_size_round_up (MAX (elements, 1), ALIGN, &size)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "an activation of %" G_GSIZE_FORMAT " elements is too large",
                 elements);
    return FALSE;
  }
  for (guint i = 0; i < arena->chunks->len; i++) {
    chunk = arena->chunks->pdata[i];
    if (vlf_blocks_place (chunk->blocks, chunk->size, size, arena->depth, offset)) {
      *buffer = chunk->buffer;
      return TRUE;
    }
  }
  chunk = grow (arena, size, error);
  if (!chunk)
    return FALSE;
  *buffer = chunk->buffer;
  return vlf_blocks_place (chunk->blocks, chunk->size, size, arena->depth, offset);
}

guint
vlf_arena_open (VlfArena *arena)
{
  return ++arena->depth;
}

gboolean
vlf_arena_close (VlfArena *arena, guint scope, const VlfBuffer *keep, gsize offset)
{
  if (scope == 0 || scope > arena->depth)
    return FALSE;

  arena->depth = scope - 1;
  for (guint i = 0; i < arena->chunks->len; i++) {
    Chunk *chunk = arena->chunks->pdata[i];
    guint n = 0;

    for (guint j = 0; j < chunk->blocks->len; j++) {
      VlfBlock b = g_array_index (chunk->blocks, VlfBlock, j);
      gboolean kept = chunk->buffer == keep && offset >= b.offset && offset - b.offset < b.size;

      if (b.scope >= scope && !kept)
        continue;
      b.scope = MIN (b.scope, arena->depth);
      g_array_index (chunk->blocks, VlfBlock, n++) = b;
    }
    g_array_set_size (chunk->blocks, n);
  }
  return TRUE;
}

gsize
vlf_arena_size (const VlfArena *arena)
{
  gsize sum = 0;

  for (guint i = 0; i < arena->chunks->len; i++)
    sum += ((const Chunk *) arena->chunks->pdata[i])->size * sizeof (float);
  return sum;
}

guint
vlf_arena_chunks (const VlfArena *arena)
{
  return arena->chunks->len;
}
