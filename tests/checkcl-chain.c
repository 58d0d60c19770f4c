/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checkcl's row of chains: operations of the same rows one behind the other, as in the layers of a model, some in memory that an earlier
 * one has given back, and two streams beside each other that look at one another. Backends may run them as one; the bits are those of one at a time. */
#include <math.h>
#include <string.h>
#include "tests/checkcl.h"

#define CLOSE      1e-4
#define ROUNDED    0.1 /* where activations are rounded to bf16: the bits are what matters here */
#define EIGHT_BITS 2e-2

typedef struct {
  guint rows, cols;
  float *data;
} Matrix;

typedef struct {
  const Input *in, *words; /* [b, m, d], [b, t, d] */
  guint d, inner;
  VlfWeight *out[2], *up[2], *down[2];
  VlfConstant *scale[2], *shift[2];
  VlfActivation act;
  gboolean apart; /* every operation on its own, as its result is asked for */
  float *asked;
} Chain;

static gboolean
read_matrix (gpointer user, guint first, guint n, gpointer to, GError **error)
{
  const Matrix *m = user;

  (void) error;
  memcpy (to, m->data + (gsize) first * m->cols, (gsize) n * m->cols * sizeof (float));
  return TRUE;
}

/* Random numbers that keep products near 1. */
static VlfSource
make_matrix (Check *c, Matrix *m, guint rows, guint cols)
{
  const double most = 2.0 / sqrt (cols);

  *m = (Matrix){ rows, cols, g_new (float, (gsize) rows *cols) };
  for (gsize i = 0; i < (gsize) rows * cols; i++)
    m->data[i] = (float) g_rand_double_range (c->rand, -most, most);
  return (VlfSource){ VLF_F32, rows, cols, read_matrix, m };
}

static gboolean
make_weight (Check *c, VlfWeight *to[2], guint rows, guint cols, VlfDType stored)
{
  Matrix m, b;
  VlfSource weight = make_matrix (c, &m, rows, cols), bias = make_matrix (c, &b, 1, rows);

  for (guint side = 0; side < 2; side++)
    to[side] = vlf_weight_new (c->devices[side], &weight, &bias, 1, stored, NULL);
  g_free (m.data);
  g_free (b.data);
  return to[0] && to[1];
}

static gboolean
make_constant (Check *c, VlfConstant *to[2], guint cols)
{
  Matrix m;
  VlfSource source = make_matrix (c, &m, 1, cols);

  for (guint side = 0; side < 2; side++)
    to[side] = vlf_constant_new (c->devices[side], &source, NULL);
  g_free (m.data);
  return to[0] && to[1];
}

/* @x, which is waited for if operations are wanted apart. */
static VlfTensor
done (VlfPass *pass, const Chain *c, VlfTensor x)
{
  if (c->apart)
    vlf_output (pass, x, c->asked);
  return x;
}

/* @words and @x look at each other, where rows can be heads: @x again. */
static VlfTensor
look (VlfPass *pass, guint side, const Chain *c, VlfTensor x, VlfTensor words)
{
  const VlfNorm norm = { c->scale[side]->tensor, c->shift[side]->tensor, 1e-5f };
  VlfTensor room = vlf_pass_alloc (pass, x.batch * 2, words.rows, x.rows), keys, seen, answer;
  const VlfAttention mapped = { .maps = &room };

  if (x.cols % 8)
    return x;
  keys = done (pass, c, vlf_linear (pass, words, c->out[side], c->act, NULL));
  seen = done (pass, c, vlf_attention (pass, x, keys, keys, 1, NULL));
  answer = done (pass, c, vlf_attention (pass, keys, x, x, 2, &mapped));
  words = done (pass, c, vlf_add_norm (pass, answer, keys, &norm));
  x = done (pass, c, vlf_add_norm (pass, seen, x, &norm));
  seen = done (pass, c, vlf_attention (pass, x, words, words, 2, NULL));
  return done (pass, c, vlf_add (pass, vlf_normalize (pass, x), seen));
}

/* A layer before and after normalisation, and one row of it. */
static VlfTensor
op_chain (VlfPass *pass, guint side, gpointer user)
{
  const Chain *c = user;
  const VlfNorm norm = { c->scale[side]->tensor, c->shift[side]->tensor, 1e-5f };
  VlfTensor x = vlf_check_send (pass, c->in), a, n, h, y, one;
  guint scope = vlf_pass_open (pass);

  a = done (pass, c, vlf_linear (pass, x, c->out[side], VLF_NONE, &x));
  n = done (pass, c, vlf_norm (pass, a, &norm));
  h = done (pass, c, vlf_linear (pass, n, c->up[side], c->act, NULL));
  y = done (pass, c, vlf_linear (pass, h, c->down[side], VLF_NONE, &a));
  y = vlf_pass_close (pass, scope, y);
  n = done (pass, c, vlf_add_norm (pass, y, x, &norm));
  h = done (pass, c, vlf_linear (pass, n, c->up[side], c->act, NULL));
  y = done (pass, c, vlf_mix (pass, vlf_linear (pass, h, c->down[side], VLF_NONE, NULL), 0.25f, y, 2.0f));
  y = done (pass, c, vlf_add (pass, y, norm.bias));
  y = look (pass, side, c, y, vlf_check_send (pass, c->words));
  one = done (pass, c, vlf_linear (pass, vlf_rows (y, 0, 1), c->out[side], VLF_NONE, NULL));
  return vlf_concat_rows (pass, vlf_linear (pass, y, c->out[side], VLF_TANH, NULL), one);
}

static VlfDType
any_stored (Check *c)
{
  static const VlfDType types[] = { VLF_F32, VLF_F16, VLF_BF16, VLF_BF16_DOT, VLF_I8 };

  return types[g_rand_int_range (c->rand, 0, G_N_ELEMENTS (types))];
}

/* A number that is rounded to the other side here and there goes through the rest of the chain. */
static double
tolerance (VlfDType stored)
{
  return stored == VLF_I8 ? EIGHT_BITS : stored == VLF_BF16_DOT ? ROUNDED : CLOSE;
}

void
vlf_check_chain (Check *c)
{
  static const VlfActivation acts[] = { VLF_GELU, VLF_QUICK_GELU, VLF_RELU, VLF_GELU_TANH, VLF_NONE };
  const guint b = vlf_check_any (c, 1, 1, 2, 0), m = vlf_check_any (c, 1, 2, 5, 11, 12, 13, 24, 31, 97, 257, 0);
  const VlfDType stored = any_stored (c);
  Chain x = { .d = vlf_check_any (c, 4, 17, 32, 64, 100, 0), .inner = vlf_check_any (c, 8, 33, 128, 300, 0) };
  g_autofree gchar *shape = NULL;
  g_autofree float *together = NULL, *apart = NULL;

  x.in = vlf_check_input (c, b, m, x.d);
  x.words = vlf_check_input (c, b, vlf_check_any (c, 1, 3, 10, 26, 0), x.d);
  x.act = acts[g_rand_int_range (c->rand, 0, G_N_ELEMENTS (acts))];
  shape = g_strdup_printf ("chain [%u, %u, %u], %u inside, stored as %d, activation %d", b, m, x.d, x.inner,
                           (int) stored, (int) x.act);
  if (make_weight (c, x.out, x.d, x.d, stored) && make_weight (c, x.up, x.inner, x.d, stored) &&
      make_weight (c, x.down, x.d, x.inner, stored) && make_constant (c, x.scale, x.d) &&
      make_constant (c, x.shift, x.d)) {
    x.asked = g_new (float, (gsize) b *MAX (m, 26u) * MAX (x.d, x.inner));
    together = vlf_check_compare (c, op_chain, &x, tolerance (stored), shape);
    x.apart = TRUE;
    apart = vlf_check_compare (c, op_chain, &x, tolerance (stored), shape);
    vlf_check_that (c, together && apart && !memcmp (together, apart, (gsize) b * (m + 1) * x.d * sizeof (float)),
                    shape, "operations on their own have other bits");
    g_free (x.asked);
  } else {
    vlf_check_that (c, FALSE, shape, "no weights");
  }
  for (guint side = 0; side < 2; side++) {
    vlf_weight_free (x.out[side]);
    vlf_weight_free (x.up[side]);
    vlf_weight_free (x.down[side]);
    vlf_constant_free (x.scale[side]);
    vlf_constant_free (x.shift[side]);
  }
}
