/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fuzz target reads one input and must neither crash nor break memory; what it returns does not count. Each target is built
 *   with replay.c, which runs it on files: the tests do that with corpus/;
 *   as NAME-starved with starve.c, which runs it again and again with one allocation after the other failing;
 *   either of them as a libFuzzer, without replay.c; tools/fuzz builds and runs these.
 * An input that was a finding stays in the corpus as found-WHAT. */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* What must hold unless memory ran out. */
#ifdef FUZZ_STARVED
#define fuzz_expect(x) ((void) (x))
#else
#define fuzz_expect(x) g_assert_true (x)
#endif

G_END_DECLS
