/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the fuzz target with memory running out: every input first as it is, then with the first, the second, ... of its g_try_*
 * allocations failing. The linker puts these functions in the place of GLib's (--wrap). */
#include "tests/fuzz/fuzz.h"

#undef g_try_malloc
#undef g_try_malloc0
#undef g_try_malloc_n
#undef g_try_malloc0_n
#undef g_try_realloc
#undef g_try_realloc_n

#define MOST 64 /* allocations of one input that are tried */

int fuzz_target (const guint8 *data, gsize size);

static gint count; /* atomic: of allocations since the input began */
static gint fails; /* the one that fails, from 1; 0: none */

static gboolean
strikes (void)
{
  return g_atomic_int_add (&count, 1) + 1 == fails;
}

#define WRAP(name, parameters, arguments)                                     \
  gpointer __real_##name parameters;                                          \
  __attribute__ ((visibility ("default"))) gpointer __wrap_##name parameters; \
  gpointer __wrap_##name parameters                                           \
  {                                                                           \
    return strikes () ? NULL : __real_##name arguments;                       \
  }

WRAP (g_try_malloc, (gsize bytes), (bytes))
WRAP (g_try_malloc0, (gsize bytes), (bytes))
WRAP (g_try_malloc_n, (gsize n, gsize bytes), (n, bytes))
WRAP (g_try_malloc0_n, (gsize n, gsize bytes), (n, bytes))
WRAP (g_try_realloc, (gpointer memory, gsize bytes), (memory, bytes))
WRAP (g_try_realloc_n, (gpointer memory, gsize n, gsize bytes), (memory, n, bytes))

static gint
run (const guint8 *data, gsize size, gint nth)
{
  g_atomic_int_set (&count, 0);
  fails = nth;
  fuzz_target (data, size);
  return g_atomic_int_get (&count);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  gint all = MIN (run (data, size, 0), MOST);

  for (gint nth = 1; nth <= all; nth++)
    run (data, size, nth);
  return 0;
}
