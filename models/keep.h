/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: rows that one frame leaves for the next. A network that is given a VlfKeep computes the fresh rows (tokens) of its
 * sequences only; where something reads the others, it finds them as they were when they were computed last. */
#pragma once
#include "kernels/ops.h"

G_BEGIN_DECLS

/* What one part of a network keeps. Tensors have no names: each is found again by the order in which they are asked for, which is the
 * same in every pass. One thread. */
typedef struct _VlfKeep VlfKeep;

VlfKeep *vlf_keep_new (VlfDevice *device);
void vlf_keep_free (VlfKeep *keep); /* NULL is fine; after the last pass that uses it */

/* Starts a pass. @rows [n]: which are fresh, ascending, the class token's row 0 among them; borrowed until the pass ends. NULL: all of
 * them, whatever was kept; needed first, and after a pass that failed. At least two otherwise. */
void vlf_keep_begin (VlfKeep *keep, const guint32 *rows, guint n);

/* @keep NULL below: nothing is kept, all rows are fresh, and the result is @x. */

/* The fresh rows of @x [b, all, d]: [b, fresh, d]. */
VlfTensor vlf_keep_fresh (VlfPass *pass, VlfKeep *keep, VlfTensor x);
/* The same of @x [b, all - 1, d], which has no class token: [b, fresh - 1, d]. */
VlfTensor vlf_keep_fresh_cells (VlfPass *pass, VlfKeep *keep, VlfTensor x);
/* @x [b, fresh, d] among the other rows as they were kept, and keeps them all: [b, all, d], good until the next pass with @keep. The same
 * without the class token: @x [b, fresh - 1, d] to [b, all - 1, d]. */
VlfTensor vlf_keep_rows (VlfPass *pass, VlfKeep *keep, VlfTensor x);
/* Keeps @x, which has nothing to do with rows. */
VlfTensor vlf_keep_whole (VlfPass *pass, VlfKeep *keep, VlfTensor x);

G_END_DECLS
