/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* All size arithmetic on numbers that come from files, caps or shapes goes through these two. They return FALSE on overflow and
 * leave @result untouched then. */
static inline gboolean
vlf_size_mul (gsize a, gsize b, gsize *result)
{
  gsize r;

  if (!g_size_checked_mul (&r, a, b))
    return FALSE;
  *result = r;
  return TRUE;
}

static inline gboolean
vlf_size_add (gsize a, gsize b, gsize *result)
{
  gsize r;

  if (!g_size_checked_add (&r, a, b))
    return FALSE;
  *result = r;
  return TRUE;
}

/* @n up to the next multiple of @step (> 0), or FALSE on overflow. */
static inline gboolean
vlf_size_round_up (gsize n, gsize step, gsize *result)
{
  gsize r;

  if (!vlf_size_add (n, step - 1, &r))
    return FALSE;
  *result = r - r % step;
  return TRUE;
}

G_END_DECLS
