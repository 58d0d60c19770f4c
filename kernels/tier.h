/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: instructions beyond OpenCL C, and the proof that they are right here.
 *
 * A compiler may drop inline assembly without a word, a virtual machine may trap it. So kernels with such instructions are only built after
 * another process (vlf-probe) has built and run them on this machine and found the right numbers; whatever becomes of that process, this
 * one goes on in plain OpenCL C. The verdict lies in the program cache under the program's own key, which covers sources, driver and
 * processor; without a cache there is no proof, and none is tried. As vlf-probe leaves its program in the cache, it costs a first start
 * little more than the compilation that it would have had to do anyway. */
#pragma once
#include "kernels/backend.h"

G_BEGIN_DECLS

/* VLF_INT8 of cl/int8.cl. */
typedef enum { VLF_INT8_PLAIN, VLF_INT8_VNNI } VlfInt8;

/* What the processor seems to have for vectors of @width floats, proven or not. */
VlfInt8 vlf_tier_int8 (guint width);

/* Whether the tier is proven on @device, whose program with it has @key; runs vlf-probe where nobody has yet, which takes as long as
 * compiling. VLF_INT8=plain in the environment: never. VLF_PROBE names another vlf-probe. Thread-safe. */
gboolean vlf_tier_proven (const VlfDevice *device, const char *key);

/* From now on every tier that the processor seems to have counts as proven: only for vlf-probe, before it opens a device. */
void vlf_tier_assume (void);

G_END_DECLS
