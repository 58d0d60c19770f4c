/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/keep.h"

struct _VlfKeep {
  VlfDevice *device;
  GPtrArray *memories; /* VlfConstant */
  guint next;          /* of them */
  const guint32 *rows; /* [n], or NULL: all */
  guint n;
};

VlfKeep *
vlf_keep_new (VlfDevice *device)
{
  VlfKeep *keep = g_new0 (VlfKeep, 1);

  keep->device = device;
  keep->memories = g_ptr_array_new_with_free_func ((GDestroyNotify) vlf_constant_free);
  return keep;
}

void
vlf_keep_free (VlfKeep *keep)
{
  if (!keep)
    return;
  g_ptr_array_unref (keep->memories);
  g_free (keep);
}

void
vlf_keep_begin (VlfKeep *keep, const guint32 *rows, guint n)
{
  keep->rows = rows;
  keep->n = n;
  keep->next = 0;
}

/* The next memory, as it is. Empty where there is none. */
static VlfTensor
next_memory (VlfKeep *keep)
{
  if (keep->next >= keep->memories->len)
    return (VlfTensor){ 0 };
  return ((VlfConstant *) keep->memories->pdata[keep->next++])->tensor;
}

/* The next memory, made anew where it has not the shape of @x. */
static VlfTensor
memory_like (VlfPass *pass, VlfKeep *keep, VlfTensor x)
{
  VlfTensor memory = next_memory (keep);
  GError *error = NULL;
  VlfConstant *made;

  if (memory.buffer && memory.batch == x.batch && memory.rows == x.rows && memory.cols == x.cols)
    return memory;
  made = vlf_memory_new (keep->device, x.batch, x.rows, x.cols, &error);
  if (!made) {
    vlf_pass_fail (pass, error);
    return (VlfTensor){ 0 };
  }
  if (memory.buffer) {
    vlf_constant_free (keep->memories->pdata[keep->next - 1]);
    keep->memories->pdata[keep->next - 1] = made;
  } else {
    g_ptr_array_add (keep->memories, made);
    keep->next = keep->memories->len;
  }
  return made->tensor;
}

VlfTensor
vlf_keep_fresh (VlfPass *pass, VlfKeep *keep, VlfTensor x)
{
  return keep && keep->rows ? vlf_gather_rows (pass, x, keep->rows, keep->n) : x;
}

/* [n - 1] the fresh rows behind the class token, counted from there. */
static guint32 *
fresh_cells (const VlfKeep *keep)
{
  guint32 *cells = g_new (guint32, keep->n);

  for (guint i = 1; i < keep->n; i++)
    cells[i - 1] = keep->rows[i] - 1;
  return cells;
}

VlfTensor
vlf_keep_fresh_cells (VlfPass *pass, VlfKeep *keep, VlfTensor x)
{
  g_autofree guint32 *cells = NULL;

  if (!keep || !keep->rows)
    return x;
  cells = fresh_cells (keep);
  return vlf_gather_rows (pass, x, cells, keep->n - 1);
}

VlfTensor
vlf_keep_whole (VlfPass *pass, VlfKeep *keep, VlfTensor x)
{
  VlfTensor memory;

  if (!keep || vlf_pass_failed (pass))
    return x;
  memory = memory_like (pass, keep, x);
  vlf_store (pass, x, memory);
  return memory;
}

VlfTensor
vlf_keep_rows (VlfPass *pass, VlfKeep *keep, VlfTensor x)
{
  g_autofree guint32 *cells = NULL;
  VlfTensor memory;

  if (!keep || !keep->rows)
    return vlf_keep_whole (pass, keep, x);
  memory = next_memory (keep);
  if (x.rows + 1 == keep->n)
    cells = fresh_cells (keep);
  vlf_scatter_rows (pass, x, cells ? cells : keep->rows, memory);
  return vlf_pass_failed (pass) ? (VlfTensor){ 0 } : memory;
}
