/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: instructions beyond OpenCL C, and the proof that they are right here.
 *
 * A compiler may drop inline assembly without a word, a virtual machine may trap it. So kernels with such instructions are only built after
 * another process (vlf-probe) has built and run them on this machine and found the right numbers; whatever becomes of that process, this
 * one goes on in plain OpenCL C, at the latest after vlf_tier_patience(), while the probe looks on for the next process. The verdict lies
 * in the program cache under the program's own key, which covers sources, driver and processor; without a cache there is no proof, and none
 * is tried. As vlf-probe leaves its program in the cache, it costs a first start little more than the compilation that it would have had to
 * do anyway. */
#pragma once
#include "kernels/cl_device.h"

G_BEGIN_DECLS

/* Bits of a set of tiers. */
typedef enum {
  VLF_TIER_INT8 = 1,       /* cl/int8.cl: dot products of bytes, AVX512-VNNI or AVX-VNNI */
  VLF_TIER_BF16 = 2,       /* cl/bf16.cl: AVX512_BF16 */
  VLF_TIER_INT8_AVX2 = 4,  /* cl/int8.cl: dot products of 16 bits, for AVX2 without the first */
  VLF_TIER_AMX_BF16 = 8,   /* cl/amx.cl: tiles of bf16 */
  VLF_TIER_AMX_INT8 = 16,  /* cl/amx.cl: tiles of bytes */
  VLF_TIER_MMA = 32,       /* cl/mma.cl: matrix instructions of NVIDIA's GPUs, on the GPU family */
  VLF_TIER_SUBGROUPS = 64, /* cl/common.cl: what work-items that run in step share, on the GPU family */
  VLF_TIER_BY_HAND =
      128 /* with the two above: in plain OpenCL C, step by step, for tests; no device seems to have it */
} VlfTier;

#define VLF_TIER_LIMIT 300 /* seconds after which a probe is ended */

/* Microseconds that opening a device may wait for probes, all together: VLF_PROBE_WAIT in seconds, else 30 s. */
gint64 vlf_tier_patience (void);

#define VLF_TIERS_AMX   (VLF_TIER_AMX_BF16 | VLF_TIER_AMX_INT8)
#define VLF_TIERS_BYTES (VLF_TIER_INT8 | VLF_TIER_INT8_AVX2 | VLF_TIER_AMX_INT8)
#define VLF_TIERS_BF16  (VLF_TIER_BF16 | VLF_TIER_AMX_BF16 | VLF_TIER_MMA)

/* The tiers that @device seems to have, proven or not; of several for the same the best comes into a program, see vlf_tier_best(). VLF_TIERS
 * in the environment names those that are wanted ("none", "int8", "int8-avx2", "bf16", "amx", "mma",
 * "subgroups" or several of them with commas);
 * unset: all. */
guint vlf_tier_seeming (const VlfClDevice *device);

/* Of @tiers that are for the same the quickest. */
guint vlf_tier_best (guint tiers);

/* Asks the kernel for what @tiers need beyond the processor: AMX has registers so large that Linux keeps them for those processes only that
 * ask, with all their threads, later ones included. FALSE where it refuses. Thread-safe. */
gboolean vlf_tier_permitted (guint tiers);

/* Whether the driver with this CL_PLATFORM_VERSION compiles inline assembly for processors. PoCL 4 to 6 take it for an allocation of their
 * own and abort (lib/llvmopencl/WorkitemLoops.cc, handleLocalMemAllocas; version 7.0 asks first whether a function is called at all). */
gboolean vlf_tier_takes_assembly (const char *version);

/* Whether @tiers are proven together on @device, whose program with them has @key. Where nobody has asked yet, runs vlf-probe, which takes
 * as long as compiling, and waits for it as long as *@patience lasts, in microseconds, of which it takes what it waited. Without patience,
 * or where a probe is under way already, none is started, and *@patience is 0. FALSE: refused, or not known yet. VLF_PROBE names another
 * vlf-probe. Thread-safe. */
gboolean vlf_tier_proven (const VlfDevice *device, guint tiers, const char *key, gint64 *patience);

typedef enum {
  VLF_VERDICT_UNKNOWN, /* the probe could not try, or did not come to an end */
  VLF_VERDICT_REFUSED, /* the numbers were wrong, the program did not compile, or trying crashed or hung */
  VLF_VERDICT_PROVEN,
} VlfVerdict;

#define VLF_TIER_EXIT_UNKNOWN 2 /* what vlf-probe ends with where it could not try */

/* Keeps the verdict on the program of @key: for vlf-probe too, as whoever started it may be gone. Unknown: the next process asks again. */
void vlf_tier_keep (const char *key, VlfVerdict verdict);

/* vlf-probe: where VLF_PROBE says, in the build tree that this code is part of, or as installed. Free with g_free(); NULL: there is none. */
gchar *vlf_tier_find_probe (void);

/* From now on just @tiers are there and proven: only for vlf-probe, before it opens a device, and for tests. @permitted: neither is the
 * kernel asked, where a test stands in for the processor. */
void vlf_tier_assume (guint tiers, gboolean permitted);

G_END_DECLS
