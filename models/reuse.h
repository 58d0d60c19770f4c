/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: what a stream's frame has in common with those before it.
 *
 * VLF_REUSE_EXACT: where every patch is, bit for bit, what it was, so is all that a network makes of them, and nothing is computed. One
 * patch that differs changes every row from the first attention on, so that then all is computed: what would be left to skip, the
 * embedding of the other patches, is about a hundredth of a tower.
 *
 * VLF_REUSE_APPROXIMATE: a patch is computed anew, in all layers, when it is further than a threshold from the one that it was computed
 * from last (its reference), and only then does the reference move, so that slow changes add up and are not lost. It looks at the keys and
 * values of the others as these were when they were computed. Those that did not change themselves do not see what changed around
 * them; so the patches that words looked at most in the last frame, on which its result rests, are computed anew with those that changed,
 * and all are in every VLF_REUSE_INTERVAL-th frame and when more than half have changed at once, as at a cut. Source: Dutson, Li, Gupta
 * 2023, "Eventful Transformers"; there each block has gates of its own, here there is one, at the pixels, because a gate has the host
 * wait for the device. */
#pragma once
#include "models/arch.h"
#include "models/session.h"

G_BEGIN_DECLS

/* Frames of which one is computed in full. */
#define VLF_REUSE_INTERVAL 32u

typedef struct _VlfReuse VlfReuse;

VlfReuse *vlf_reuse_new (VlfDevice *device);
void vlf_reuse_free (VlfReuse *reuse); /* NULL is fine; after the last pass that uses it */

/* Nothing of the frames before is used any more: after a cut, and after a pass that failed. */
void vlf_reuse_flush (VlfReuse *reuse);

/* One frame's see(), of its @patches [1, cells, 3 patch^2]. Waits for the device once, to know what changed. The result lives in memory
 * that outlasts the pass, all rows of it. */
VlfSight vlf_reuse_see (VlfReuse *reuse, VlfReuseMode mode, const VlfNet *net, VlfPass *pass, VlfTensor patches);

/* What the last frame's words looked at. @result: of that frame; without maps nothing is known of it. */
void vlf_reuse_attend (VlfReuse *reuse, const VlfResult *result);

/* Of the last frame: whether it was that before; which rows are fresh, for vlf_keep_begin(); the share of those that are not. */
gboolean vlf_reuse_unchanged (const VlfReuse *reuse);
const guint32 *vlf_reuse_rows (const VlfReuse *reuse, guint *n); /* NULL: all */
double vlf_reuse_share (const VlfReuse *reuse);

G_END_DECLS
