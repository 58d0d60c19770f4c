/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checkcl's row of attention in both directions by one score. */
#include <math.h>
#include "tests/checkcl.h"

#define CLOSE 1e-4

enum { X, Y, X_MAP, Y_MAP, RESULTS };

typedef struct {
  const Input *x, *y;           /* keys beside values */
  const Input *x_bias, *y_bias; /* NULL: none */
  guint heads, cols, wanted;
} Case;

static VlfBiSide
send_side (VlfPass *pass, const Case *c, const Input *in, const Input *bias, VlfTensor *room)
{
  const VlfTensor both = vlf_check_send (pass, in);

  if (bias)
    *room = vlf_check_send (pass, bias);
  return (VlfBiSide){ vlf_cols (both, 0, c->cols), vlf_cols (both, c->cols, c->cols), bias ? room : NULL };
}

static VlfTensor
op_bi_attention (VlfPass *pass, guint side, gpointer user)
{
  const Case *c = user;
  VlfTensor x_bias, y_bias;
  const VlfBiSide x = send_side (pass, c, c->x, c->x_bias, &x_bias), y = send_side (pass, c, c->y, c->y_bias, &y_bias);
  const VlfBiSeen seen = vlf_bi_attention (pass, &x, &y, c->heads);
  const VlfTensor results[RESULTS] = { seen.x, seen.y, seen.x_map, seen.y_map };

  (void) side;
  return results[c->wanted];
}

/* Some rows removed, now and then all of them. */
static const Input *
make_bias (Check *c, guint batch, guint n)
{
  Input *bias = vlf_check_input (c, vlf_check_maybe (c) ? 1 : batch, 1, n);
  const gsize all = (gsize) bias->batch * (bias->above + 1) * (bias->left + n + bias->right);
  const gboolean removed = vlf_check_any (c, 1, 2, 3, 4, 0) == 1;

  for (gsize i = 0; i < all; i++) {
    if (removed || bias->data[i] > 0.5f)
      bias->data[i] = -INFINITY;
  }
  return bias;
}

/* Now and then so large that the deepest scores are clamped; in whole numbers, as what is left of such ones is what counts. */
static void
enlarge (const Input *in)
{
  const gsize n = (gsize) in->batch * (in->above + in->rows) * (in->left + in->cols + in->right);

  for (gsize i = 0; i < n; i++)
    in->data[i] = roundf (200 * in->data[i]);
}

void
vlf_check_bi_attention (Check *c)
{
  const guint heads = vlf_check_any (c, 1, 2, 4, 0), width = vlf_check_any (c, 4, 12, 16, 64, 256, 0);
  const guint batch = vlf_check_any (c, 1, 2, 0), n = vlf_check_any (c, 1, 5, 6, 7, 17, 65, 257, 0);
  const guint m = vlf_check_any (c, 1, 3, 15, 16, 17, 33, 513, 0);
  Case x = { .heads = heads, .cols = heads * width, .wanted = c->seed % RESULTS };
  const gboolean large = vlf_check_any (c, 1, 2, 3, 0) == 1;
  g_autofree gchar *shape = g_strdup_printf ("bi_attention [%u, %u with %u, %u heads of %u], result %u%s", batch, n, m,
                                             heads, width, x.wanted, large ? ", large" : "");

  x.x = vlf_check_input (c, batch, n, 2 * x.cols);
  x.y = vlf_check_input (c, batch, m, 2 * x.cols);
  x.x_bias = vlf_check_maybe (c) ? make_bias (c, batch, n) : NULL;
  x.y_bias = vlf_check_maybe (c) ? make_bias (c, batch, m) : NULL;
  if (large) {
    enlarge (x.x);
    enlarge (x.y);
  }
  g_free (vlf_check_compare (c, op_bi_attention, &x, CLOSE, shape));
}
