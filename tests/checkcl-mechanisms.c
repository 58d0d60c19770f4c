/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checkcl --bench: mechanisms of attention beside the plain one, 12 heads of 64, taken in turn in one run; the least processor time of
 * each, which other programs on the machine change little. */
#include "tests/checkcl.h"

#define HEADS  12u
#define COLS   768u
#define ROUNDS 9u

/* Operands of attentions that are compared. */
typedef struct {
  VlfConstant *q, *kv; /* [n, COLS], [m, 2 COLS]: keys beside values */
  guint top_k;
  gboolean keep_scores; /* the whole matrix of them, in memory */
} Mechanism;

static VlfConstant *
random_constant (Check *c, guint rows, guint cols)
{
  g_autofree float *data = g_new (float, (gsize) rows *cols);

  for (gsize i = 0; i < (gsize) rows * cols; i++)
    data[i] = (float) g_rand_double_range (c->rand, -1, 1);
  return vlf_constant_new_from_data (c->devices[DEVICE], data, 1, rows, cols, NULL);
}

static VlfTensor
op_attention (VlfPass *pass, guint side, gpointer user)
{
  const Mechanism *x = user;
  const VlfTensor kv = x->kv->tensor;
  VlfAttention options = { .top_k = x->top_k };
  VlfTensor maps;

  (void) side;
  if (x->keep_scores) {
    maps = vlf_pass_alloc (pass, HEADS, x->q->tensor.rows, kv.rows);
    options.maps = &maps;
  }
  return vlf_attention (pass, x->q->tensor, vlf_cols (kv, 0, COLS), vlf_cols (kv, COLS, COLS), HEADS, &options);
}

/* A line: processor time of @op and its ratio to that of @plain, each the least of several that were measured in turn. */
static gboolean
compare (Check *c, const gchar *name, Op op, gpointer user, Op plain, gpointer plain_user)
{
  const double first = vlf_check_processor_time (c, plain, plain_user, 1);
  const guint times = (guint) CLAMP (0.02 / first, 1, 100);
  double seconds = G_MAXDOUBLE, before = G_MAXDOUBLE;

  for (guint i = 0; i < ROUNDS; i++) {
    before = MIN (before, vlf_check_processor_time (c, plain, plain_user, times));
    seconds = MIN (seconds, vlf_check_processor_time (c, op, user, times));
  }
  g_print ("%-52s %9.3f ms of processors, %5.2f of plain\n", name, seconds * 1e3, seconds / before);
  return seconds < 1e3;
}

static VlfTensor
op_bi_attention (VlfPass *pass, guint side, gpointer user)
{
  const Mechanism *x = user;
  const VlfTensor q = x->q->tensor, k = x->kv->tensor;

  (void) side;
  return vlf_bi_attention (pass, &(VlfBiSide){ q, q, NULL },
                           &(VlfBiSide){ vlf_cols (k, 0, COLS), vlf_cols (k, COLS, COLS), NULL }, HEADS)
      .x;
}

/* What it is beside: a score for each direction. */
static VlfTensor
op_both_ways (VlfPass *pass, guint side, gpointer user)
{
  const Mechanism *x = user;
  const VlfTensor q = x->q->tensor, k = vlf_cols (x->kv->tensor, 0, COLS), v = vlf_cols (x->kv->tensor, COLS, COLS);

  (void) side;
  vlf_attention (pass, k, q, q, HEADS, NULL);
  return vlf_attention (pass, q, k, v, HEADS, NULL);
}

static gboolean
bench_both_ways (Check *c, guint n, guint m)
{
  Mechanism x = { .q = random_constant (c, n, COLS), .kv = random_constant (c, m, 2 * COLS) };
  g_autofree gchar *name = g_strdup_printf ("%u with %u, one score (plain: one each way)", n, m);
  const gboolean good = compare (c, name, op_bi_attention, &x, op_both_ways, &x);

  vlf_constant_free (x.q);
  vlf_constant_free (x.kv);
  return good;
}

static gboolean
bench_tokens (Check *c, guint n, guint m)
{
  static const guint kept[] = { 4, 8, 16, 32, 64 };
  Mechanism x = { .q = random_constant (c, n, COLS), .kv = random_constant (c, m, 2 * COLS) }, plain = x;
  g_autofree gchar *matrix = g_strdup_printf ("attention %u to %u, scores in memory (%.0f MiB)", n, m,
                                              (double) HEADS * n * m * sizeof (float) / (1 << 20));
  gboolean good = TRUE;

  x.keep_scores = TRUE;
  good &= compare (c, matrix, op_attention, &x, op_attention, &plain);
  x.keep_scores = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (kept) && kept[i] < m; i++) {
    g_autofree gchar *name = g_strdup_printf ("attention %u to %u, top %u", n, m, kept[i]);

    x.top_k = kept[i];
    good &= compare (c, name, op_attention, &x, op_attention, &plain);
  }
  vlf_constant_free (x.q);
  vlf_constant_free (x.kv);
  return good;
}

gboolean
vlf_check_bench_mechanisms (Check *c)
{
  return bench_tokens (c, 10, 325) & bench_tokens (c, 325, 10) & bench_tokens (c, 10, 4096) &
         bench_tokens (c, 325, 10000) & bench_both_ways (c, 325, 10) & bench_both_ways (c, 4096, 64);
}
