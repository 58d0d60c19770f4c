/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: room for the activations of one queue. All bookkeeping is on the host: live blocks in a few large buffers,
 * placed first fit. One thread at a time. */
#pragma once
#include "kernels/backend.h"

G_BEGIN_DECLS

/* A part of something larger that is in use, of any unit. */
typedef struct {
  gsize offset, size;
  guint scope; /* of an arena */
} VlfBlock;

/* First fit: adds to @blocks (VlfBlock, by offset, no two overlap: what is between them is free) the first gap of @size in @room. FALSE: there
 * is none. */
gboolean vlf_blocks_place (GArray *blocks, gsize room, gsize size, guint scope, gsize *offset);

VlfArena *vlf_arena_new (VlfDevice *device);
void vlf_arena_free (VlfArena *arena); /* NULL is fine */

/* Forgets all blocks and scopes, and sees to it that what needed several buffers gets one from now on. */
void vlf_arena_reset (VlfArena *arena);

/* A block of @elements floats, 64-byte aligned, owned by the innermost scope. */
gboolean vlf_arena_alloc (VlfArena *arena, gsize elements, VlfBuffer **buffer, gsize *offset, GError **error);

/* Opens a scope and returns its number, 1 for the outermost. */
guint vlf_arena_open (VlfArena *arena);
/* Gives back the blocks of @scope and of those inside it, but the one that holds element @offset of @keep (NULL: none), which goes to
 * the scope around it. FALSE if @scope is not open. */
gboolean vlf_arena_close (VlfArena *arena, guint scope, const VlfBuffer *keep, gsize offset);

gsize vlf_arena_size (const VlfArena *arena);   /* bytes of all buffers */
guint vlf_arena_chunks (const VlfArena *arena); /* how many buffers */

G_END_DECLS
