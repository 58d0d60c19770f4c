/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checkcl's rows of attention: tokens around every block size, heads of every width, biases that remove keys, maps. */
#include <math.h>
#include <string.h>
#include "tests/checkcl.h"

#define CLOSE 1e-4
#define GONE  -1e30f

typedef struct {
  const Input *q, *kv, *bias; /* kv: keys beside values, as one product makes them */
  guint heads, batch, n, m, width;
  guint first; /* query that begins the call: those before it are left out */
  guint top_k;
  gboolean causal, maps, broadcast_kv;
  gchar shape[160];
} Case;

static VlfTensor
op_attention (VlfPass *pass, guint side, gpointer user)
{
  const Case *x = user;
  const guint cols = x->heads * x->width;
  VlfTensor q = vlf_rows (vlf_check_send (pass, x->q), x->first, x->n - x->first), kv = vlf_check_send (pass, x->kv),
            bias, maps, y;
  VlfAttention options = { .causal = x->causal, .top_k = x->top_k };

  (void) side;
  if (x->bias) {
    bias = vlf_check_send (pass, x->bias);
    options.key_bias = &bias;
  }
  if (x->maps) {
    maps = vlf_pass_alloc (pass, x->batch * x->heads, x->n, x->m);
    options.maps = &maps;
  }
  y = vlf_attention (pass, q, vlf_cols (kv, 0, cols), vlf_cols (kv, cols, cols), x->heads, &options);
  return x->maps ? maps : y;
}

/* Biases of keys: some remove, some weigh; now and then all of a sequence's keys are removed. */
static Input *
make_bias (Check *c, guint batch, guint m)
{
  Input *bias = vlf_check_input (c, batch, 1, m);
  gsize n = (gsize) batch * (bias->above + 1) * (bias->left + m + bias->right);
  gboolean all = vlf_check_any (c, 1, 2, 2, 2, 0) == 1;

  for (gsize i = 0; i < n; i++) {
    if (all || bias->data[i] > 0.5f)
      bias->data[i] = vlf_check_maybe (c) ? GONE : -INFINITY;
  }
  return bias;
}

/* What @x asks, from its sizes. */
static void
make_operands (Check *c, Case *x)
{
  guint bias_batch;

  x->q = vlf_check_input (c, vlf_check_maybe (c) && !x->broadcast_kv ? 1 : x->batch, x->n, x->heads * x->width);
  x->kv = vlf_check_input (c, x->broadcast_kv ? 1 : x->batch, x->m, 2 * x->heads * x->width);
  bias_batch = vlf_check_maybe (c) ? 1 : x->batch;
  x->bias = vlf_check_maybe (c) ? make_bias (c, bias_batch, x->m) : NULL;
  g_snprintf (x->shape, sizeof x->shape, "attention [%u, %u to %u, %u heads of %u], kv of %u,%s%s, top %u", x->batch,
              x->n, x->m, x->heads, x->width, x->kv->batch, x->causal ? " causal," : "", x->bias ? " biased" : "",
              x->top_k);
}

static void
make_case (Check *c, Case *x)
{
  x->heads = vlf_check_any (c, 1, 2, 3, 12, 0);
  x->width = vlf_check_any (c, 4, 8, 12, 16, 20, 32, 64, 64, 64, 80, 128, 256, 0);
  x->batch = vlf_check_any (c, 1, 2, 3, 0);
  x->n = vlf_check_any (c, 1, 2, 4, 5, 6, 7, 13, 17, 31, 65, 0);
  x->m = vlf_check_any (c, 1, 2, 7, 8, 9, 15, 16, 17, 33, 63, 64, 65, 77, 129, 511, 513, 1029, 0);
  x->causal = vlf_check_any (c, 1, 2, 2, 0) == 1;
  x->broadcast_kv = vlf_check_maybe (c);
  make_operands (c, x);
}

/* A query's answer has the same bits, whichever others are asked with it. */
static void
check_alone (Check *c, Case *x, const float *all)
{
  const guint first = (guint) g_rand_int_range (c->rand, 0, (gint32) x->n), cols = x->heads * x->width;
  g_autofree float *some = NULL;

  x->first = first;
  some = vlf_check_compare (c, op_attention, x, CLOSE, x->shape);
  for (guint i = 0; i < x->batch && some; i++)
    vlf_check_that (c,
                    !memcmp (some + (gsize) i * (x->n - first) * cols, all + ((gsize) i * x->n + first) * cols,
                             sizeof (float) * (x->n - first) * cols),
                    x->shape, "fewer queries have other bits");
}

void
vlf_check_attention (Check *c)
{
  Case x = { 0 };
  g_autofree float *all = NULL;

  make_case (c, &x);
  all = vlf_check_compare (c, op_attention, &x, CLOSE, x.shape);
  if (all)
    check_alone (c, &x, all);
}

static gboolean
is_removed (const Case *x, guint sequence, guint query, guint key)
{
  const Input *bias = x->bias;

  if (x->causal && (gint) key > (gint) query + (gint) x->m - (gint) x->n)
    return TRUE;
  if (!bias)
    return FALSE;
  sequence = bias->batch == 1 ? 0 : sequence;
  return bias->data[(sequence * (bias->above + 1) + bias->above) * (bias->left + x->m + bias->right) + bias->left +
                    key] <= GONE;
}

/* Probabilities of a query: exactly 0 where the key is removed, and one altogether unless all are. */
static void
check_row (Check *c, const Case *x, const float *map, guint sequence, guint query)
{
  double sum = 0;
  gboolean any = FALSE, clean = TRUE;

  for (guint k = 0; k < x->m; k++) {
    gboolean removed = is_removed (x, sequence, query, k);

    sum += map[k];
    any |= !removed;
    clean &= !removed || map[k] == 0.0f;
  }
  vlf_check_that (c, clean, x->shape, "a removed key has a probability");
  vlf_check_that (c, any ? fabs (sum - 1) <= 1e-5 : sum == 0, x->shape, "probabilities do not make one");
}

void
vlf_check_maps (Check *c)
{
  Case x = { .maps = TRUE };
  g_autofree float *maps = NULL;

  make_case (c, &x);
  maps = vlf_check_compare (c, op_attention, &x, CLOSE, x.shape);
  for (guint i = 0; i < x.batch * x.heads * x.n && maps; i++)
    check_row (c, &x, maps + (gsize) i * x.m, i / (x.heads * x.n), i % x.n);
}

/* More keys than any block or row of scores holds. */
void
vlf_check_long_attention (Check *c)
{
  Case x = { .heads = vlf_check_any (c, 1, 2, 0),
             .width = vlf_check_any (c, 4, 32, 64, 0),
             .batch = 1,
             .n = vlf_check_any (c, 1, 2, 7, 0),
             .m = vlf_check_any (c, 2049, 4096, 10000, 0),
             .causal = vlf_check_maybe (c),
             .maps = vlf_check_maybe (c) };

  make_operands (c, &x);
  g_free (vlf_check_compare (c, op_attention, &x, CLOSE, x.shape));
}

/* @x in steps of an eighth, whose products are exact in f32: many are equal, and which one is kept must not be chance. Weights of keys stay
 * as they are. */
static void
make_coarse (const Input *x)
{
  const gsize n = (gsize) x->batch * (x->above + x->rows) * (x->left + x->cols + x->right);

  for (gsize i = 0; i < n; i++)
    x->data[i] = roundf (8 * x->data[i]) / 8;
}

/* Probabilities of a query: as many as there are keys to keep, all of them where the scores are largest. */
static void
check_kept (Check *c, const Case *x, const float *map, guint sequence, guint query)
{
  guint seen = 0, kept = 0;

  for (guint k = 0; k < x->m; k++) {
    seen += !is_removed (x, sequence, query, k);
    kept += map[k] > 0;
  }
  vlf_check_that (c, kept <= MIN (x->top_k, seen), x->shape, "more keys are kept than were asked for");
  vlf_check_that (c, kept > 0 || seen == 0, x->shape, "no key is kept");
}

void
vlf_check_top_k (Check *c)
{
  Case x = { 0 };
  g_autofree float *all = NULL, *maps = NULL;

  make_case (c, &x);
  x.top_k = vlf_check_any (c, 1, 2, 3, 4, 8, 17, 64, 2000, 0);
  make_coarse (x.q);
  make_coarse (x.kv);
  all = vlf_check_compare (c, op_attention, &x, CLOSE, x.shape);
  if (all)
    check_alone (c, &x, all);
  x.first = 0;
  x.maps = TRUE;
  maps = vlf_check_compare (c, op_attention, &x, CLOSE, x.shape);
  for (guint i = 0; i < x.batch * x.heads * x.n && maps; i++) {
    check_row (c, &x, maps + (gsize) i * x.m, i / (x.heads * x.n), i % x.n);
    check_kept (c, &x, maps + (gsize) i * x.m, i / (x.heads * x.n), i % x.n);
  }
}
