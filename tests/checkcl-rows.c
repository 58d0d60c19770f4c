/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rows of checkcl: for each operation a random case. */
#include <math.h>
#include <string.h>
#include "kernels/half.h"
#include "tests/checkcl.h"

#define CLOSE 1e-4 /* of the largest number; products and sums */
#define EXACT 0.0  /* what only moves numbers, and pictures */

/* Weights, tables and constants of one case, on both sides. */
typedef struct {
  const Input *in[4];
  VlfWeight *weight[2];
  VlfTable *table[2];
  VlfConstant *constant[2][2];
  VlfActivation act;
  gboolean residual;
  guint heads;
} Case;

/* What a source reads from. */
typedef struct {
  gsize row; /* bytes */
  guint8 data[];
} Numbers;

static gboolean
read_numbers (gpointer user, guint first, guint n, gpointer to, GError **error)
{
  const Numbers *numbers = user;

  (void) error;
  memcpy (to, numbers->data + first * numbers->row, n * numbers->row);
  return TRUE;
}

/* A random source of @type; free its user with g_free(). */
static VlfSource
make_source (Check *c, VlfDType type, guint rows, guint cols)
{
  const gsize size = vlf_dtype_size (type);
  Numbers *numbers = g_malloc (sizeof *numbers + rows * cols * size);

  numbers->row = cols * size;
  for (gsize i = 0; i < (gsize) rows * cols; i++) {
    float x = (float) g_rand_double_range (c->rand, -1, 1);

    vlf_f32_to (type, &x, 1, numbers->data + i * size);
  }
  return (VlfSource){ .type = type, .rows = rows, .cols = cols, .read = read_numbers, .user = numbers };
}

static VlfDType
any_type (Check *c)
{
  return (VlfDType) g_rand_int_range (c->rand, VLF_F32, VLF_BF16 + 1);
}

static const gchar *
type_name (VlfDType type)
{
  static const gchar *const names[] = { "f32", "f16", "bf16", "i8", "bf16 dot", "f16 dot" };

  return names[type];
}

/* What weights may be stored in. */
static VlfDType
any_stored (Check *c)
{
  return (VlfDType) g_rand_int_range (c->rand, VLF_F32, VLF_F16_DOT + 1);
}

/* Numbers that weights of @stored may round to, of which it can be said what their products are. */
static void
round_input (const Input *x, VlfDType stored)
{
  const gsize n = (gsize) x->batch * (x->above + x->rows) * (x->left + x->cols + x->right);

  for (gsize i = 0; i < n && stored == VLF_BF16_DOT; i++)
    x->data[i] = vlf_f32_from_bf16 (vlf_bf16_from_f32 (x->data[i]));
  for (gsize i = 0; i < n && stored == VLF_F16_DOT; i++)
    x->data[i] = vlf_f32_from_f16 (vlf_f16_from_f32 (x->data[i]));
}

/* In 8 bits a number halfway between two wholes may go either way, and shifts all results of its row by its share. */
static double
close_to (VlfDType stored)
{
  return stored == VLF_I8 ? 1e-2 : CLOSE;
}

static guint
any_rows (Check *c)
{
  return vlf_check_any (c, 1, 2, 5, 6, 7, 11, 12, 13, 31, 33, 64, 97, 0);
}

static guint
any_cols (Check *c)
{
  return vlf_check_any (c, 1, 3, 8, 15, 16, 17, 31, 32, 33, 64, 97, 192, 257, 0);
}

/* 1 or @batch: what may be broadcast. */
static guint
some_batch (Check *c, guint batch)
{
  return vlf_check_maybe (c) ? 1 : batch;
}

static VlfTensor
op_linear (VlfPass *pass, guint side, gpointer user)
{
  const Case *x = user;
  VlfTensor residual = x->in[1] ? vlf_check_send (pass, x->in[1]) : (VlfTensor){ 0 };

  return vlf_linear (pass, vlf_check_send (pass, x->in[0]), x->weight[side], x->act, x->in[1] ? &residual : NULL);
}

/* Some outputs of a layer; with @whole cut out of all of them. */
typedef struct {
  Case layer;
  guint first, n;
  gboolean whole;
} Part;

static VlfTensor
op_linear_part (VlfPass *pass, guint side, gpointer user)
{
  const Part *x = user;
  VlfTensor in = vlf_check_send (pass, x->layer.in[0]);

  if (x->whole)
    return vlf_cols (vlf_linear (pass, in, x->layer.weight[side], VLF_NONE, NULL), x->first, x->n);
  return vlf_linear_part (pass, in, x->layer.weight[side], x->first, x->n);
}

/* A layer of one to three parts, of which some have a bias. */
static gboolean
make_weights (Check *c, Case *x, guint k, guint n_parts, const guint *n, VlfDType stored)
{
  VlfSource weights[3], biases[3] = { { 0 } };
  gboolean with_bias = vlf_check_maybe (c);

  for (guint i = 0; i < n_parts; i++) {
    weights[i] = make_source (c, any_type (c), n[i], k);
    if (with_bias && (i == 0 || vlf_check_maybe (c)))
      biases[i] = make_source (c, any_type (c), 1, n[i]);
  }
  for (guint side = 0; side < 2; side++)
    x->weight[side] =
        vlf_weight_new (c->devices[side], weights, with_bias ? biases : NULL, n_parts, stored, side ? NULL : &c->error);
  for (guint i = 0; i < n_parts; i++) {
    g_free (weights[i].user);
    g_free (biases[i].user);
  }
  return x->weight[0] && x->weight[1];
}

static void
check_linear (Check *c)
{
  guint b = vlf_check_any (c, 1, 1, 2, 3, 0), m = any_rows (c),
        k = vlf_check_any (c, 1, 7, 16, 64, 97, 256, 400, 1100, 0);
  guint n_parts = vlf_check_any (c, 1, 1, 2, 3, 0), n[3], all = 0;
  VlfDType stored = any_stored (c);
  Case x = { .act = (VlfActivation) g_rand_int_range (c->rand, VLF_NONE, VLF_GELU_TANH + 1) };
  g_autofree gchar *shape = NULL;

  for (guint i = 0; i < n_parts; i++)
    all += n[i] = any_cols (c);
  shape = g_strdup_printf ("linear [%u, %u, %u] to %u, %u parts, %s, activation %d", b, m, k, all, n_parts,
                           type_name (stored), (int) x.act);
  x.in[0] = vlf_check_input (c, b, m, k);
  round_input (x.in[0], stored);
  x.in[1] = vlf_check_maybe (c) ? vlf_check_input (c, b, m, all) : NULL;
  if (make_weights (c, &x, k, n_parts, n, stored))
    g_free (vlf_check_compare (c, op_linear, &x, close_to (stored), shape));
  else
    vlf_check_that (c, FALSE, shape, c->error ? c->error->message : "no weight");
  vlf_weight_free (x.weight[0]);
  vlf_weight_free (x.weight[1]);
}

static void
check_linear_part (Check *c)
{
  guint b = vlf_check_any (c, 1, 2, 0), m = any_rows (c), k = vlf_check_any (c, 1, 7, 64, 97, 0), all = any_cols (c);
  Part x = { .first = (guint) g_rand_int_range (c->rand, 0, (gint) all) };
  VlfDType stored = any_stored (c);
  g_autofree gchar *shape = NULL;
  g_autofree float *part = NULL, *whole = NULL;

  x.n = (guint) g_rand_int_range (c->rand, 1, (gint) (all - x.first) + 1);
  shape = g_strdup_printf ("linear_part [%u, %u, %u] to %u of %u from %u, %s", b, m, k, x.n, all, x.first,
                           type_name (stored));
  x.layer.in[0] = vlf_check_input (c, b, m, k);
  round_input (x.layer.in[0], stored);
  if (make_weights (c, &x.layer, k, 1, &all, stored)) {
    part = vlf_check_compare (c, op_linear_part, &x, close_to (stored), shape);
    x.whole = TRUE;
    whole = vlf_check_compare (c, op_linear_part, &x, close_to (stored), shape);
    vlf_check_that (c, part && whole && !memcmp (part, whole, (gsize) b * m * x.n * sizeof (float)), shape,
                    "a part has other bits than the whole");
  } else {
    vlf_check_that (c, FALSE, shape, c->error ? c->error->message : "no weight");
  }
  vlf_weight_free (x.layer.weight[0]);
  vlf_weight_free (x.layer.weight[1]);
}

static VlfTensor
op_norm (VlfPass *pass, guint side, gpointer user)
{
  const Case *x = user;
  VlfNorm norm = { x->constant[0][side]->tensor, x->constant[1][side]->tensor, 1e-5f };
  VlfTensor a = vlf_check_send (pass, x->in[0]);

  return x->in[1] ? vlf_add_norm (pass, a, vlf_check_send (pass, x->in[1]), &norm) : vlf_norm (pass, a, &norm);
}

static void
check_norm (Check *c)
{
  guint b = vlf_check_any (c, 1, 2, 3, 0), m = any_rows (c), n = any_cols (c);
  gboolean two = vlf_check_maybe (c);
  g_autofree gchar *shape = g_strdup_printf ("%snorm [%u, %u, %u]", two ? "add_" : "", b, m, n);
  Case x = { .in = { vlf_check_input (c, two ? some_batch (c, b) : b, m, n) } };

  x.in[1] = two ? vlf_check_input (c, some_batch (c, b), m, n) : NULL;
  for (guint i = 0; i < 2; i++) {
    VlfSource source = make_source (c, any_type (c), 1, n);

    for (guint side = 0; side < 2; side++)
      x.constant[i][side] = vlf_constant_new (c->devices[side], &source, NULL);
    g_free (source.user);
  }
  g_free (vlf_check_compare (c, op_norm, &x, CLOSE, shape));
  for (guint i = 0; i < 4; i++)
    vlf_constant_free (x.constant[i / 2][i % 2]);
}

static VlfTensor
op_add (VlfPass *pass, guint side, gpointer user)
{
  const Case *x = user;

  (void) side;
  return vlf_add (pass, vlf_check_send (pass, x->in[0]), vlf_check_send (pass, x->in[1]));
}

static void
check_add (Check *c)
{
  guint b = vlf_check_any (c, 1, 2, 3, 0), m = any_rows (c), n = any_cols (c);
  g_autofree gchar *shape = g_strdup_printf ("add [%u, %u, %u]", b, m, n);
  Case x = { .in = { vlf_check_input (c, some_batch (c, b), some_batch (c, m), n),
                     vlf_check_input (c, some_batch (c, b), some_batch (c, m), n) } };

  g_free (vlf_check_compare (c, op_add, &x, EXACT, shape));
}

static VlfTensor
op_concat_rows (VlfPass *pass, guint side, gpointer user)
{
  const Case *x = user;

  (void) side;
  return vlf_concat_rows (pass, vlf_check_send (pass, x->in[0]), vlf_check_send (pass, x->in[1]));
}

static void
check_concat_rows (Check *c)
{
  guint b = vlf_check_any (c, 1, 2, 3, 0), m = any_rows (c), k = any_rows (c), n = any_cols (c);
  g_autofree gchar *shape = g_strdup_printf ("concat_rows [%u, %u + %u, %u]", b, m, k, n);
  Case x = { .in = { vlf_check_input (c, some_batch (c, b), m, n), vlf_check_input (c, some_batch (c, b), k, n) } };

  g_free (vlf_check_compare (c, op_concat_rows, &x, EXACT, shape));
}

static VlfTensor
op_concat_cols (VlfPass *pass, guint side, gpointer user)
{
  const Case *x = user;

  (void) side;
  return vlf_concat_cols (pass, vlf_check_send (pass, x->in[0]), vlf_check_send (pass, x->in[1]));
}

static void
check_concat_cols (Check *c)
{
  guint b = vlf_check_any (c, 1, 2, 3, 0), m = any_rows (c), n = any_cols (c), k = any_cols (c);
  g_autofree gchar *shape = g_strdup_printf ("concat_cols [%u, %u, %u + %u]", b, m, n, k);
  Case x = { .in = { vlf_check_input (c, some_batch (c, b), m, n), vlf_check_input (c, some_batch (c, b), m, k) } };

  g_free (vlf_check_compare (c, op_concat_cols, &x, EXACT, shape));
}

/* What one pass stores the next one reads; rows around it stay. */
typedef struct {
  Case in;
  VlfConstant *memory[2];
  guint first;
} Stored;

static VlfTensor
op_store (VlfPass *pass, guint side, gpointer user)
{
  const Stored *x = user;
  VlfTensor memory = x->memory[side]->tensor, in = vlf_check_send (pass, x->in.in[0]);

  vlf_store (pass, in, vlf_rows (memory, x->first, in.rows));
  return vlf_add (pass, memory, memory);
}

static void
check_store (Check *c)
{
  guint b = vlf_check_any (c, 1, 2, 3, 0), m = any_rows (c), n = any_cols (c),
        first = vlf_check_any (c, 1, 2, 6, 0) - 1;
  g_autofree gchar *shape = g_strdup_printf ("store [%u, %u + %u, %u]", b, first, m, n);
  Stored x = { .in.in = { vlf_check_input (c, b, m, n) }, .first = first };

  for (guint side = 0; side < 2; side++)
    x.memory[side] = vlf_memory_new (c->devices[side], b, first + m + 2, n, &c->error);
  if (x.memory[0] && x.memory[1])
    g_free (vlf_check_compare (c, op_store, &x, EXACT, shape));
  vlf_check_that (c, x.memory[0] && x.memory[1], shape, "no memory");
  vlf_constant_free (x.memory[0]);
  vlf_constant_free (x.memory[1]);
}

/* Rows taken in any order, and put into a memory at the places that they came from. */
typedef struct {
  Case in;
  VlfConstant *memory[2];
  guint32 rows[128];
  guint n;
} Picked;

static VlfTensor
op_gather_rows (VlfPass *pass, guint side, gpointer user)
{
  const Picked *x = user;

  (void) side;
  return vlf_gather_rows (pass, vlf_check_send (pass, x->in.in[0]), x->rows, x->n);
}

static VlfTensor
op_scatter_rows (VlfPass *pass, guint side, gpointer user)
{
  const Picked *x = user;
  VlfTensor memory = x->memory[side]->tensor;

  vlf_scatter_rows (pass, vlf_check_send (pass, x->in.in[1]), x->rows, memory);
  return vlf_add (pass, memory, memory);
}

static void
check_rows (Check *c)
{
  guint b = vlf_check_any (c, 1, 2, 3, 0), m = any_rows (c), d = any_cols (c);
  Picked x = { .n = (guint) g_rand_int_range (c->rand, 1, (gint) m + 1) };
  g_autofree gchar *shape = g_strdup_printf ("%u rows of [%u, %u, %u]", x.n, b, m, d);

  for (guint i = 0; i < m; i++)
    x.rows[i] = i;
  for (guint i = 0; i < m; i++) {
    guint other = (guint) g_rand_int_range (c->rand, 0, (gint) m), row = x.rows[i];

    x.rows[i] = x.rows[other];
    x.rows[other] = row;
  }
  x.in.in[0] = vlf_check_input (c, b, m, d);
  x.in.in[1] = vlf_check_input (c, b, x.n, d);
  g_free (vlf_check_compare (c, op_gather_rows, &x, EXACT, shape));
  for (guint side = 0; side < 2; side++)
    x.memory[side] = vlf_memory_new (c->devices[side], b, m, d, &c->error);
  if (x.memory[0] && x.memory[1])
    g_free (vlf_check_compare (c, op_scatter_rows, &x, EXACT, shape));
  vlf_check_that (c, x.memory[0] && x.memory[1], shape, "no memory");
  vlf_constant_free (x.memory[0]);
  vlf_constant_free (x.memory[1]);
}

static VlfTensor
op_row_distances (VlfPass *pass, guint side, gpointer user)
{
  const Case *x = user;

  (void) side;
  return vlf_row_distances (pass, vlf_check_send (pass, x->in[0]), vlf_check_send (pass, x->in[1]));
}

static void
check_row_distances (Check *c)
{
  guint b = vlf_check_any (c, 1, 2, 0), m = any_rows (c), n = any_cols (c);
  g_autofree gchar *shape = g_strdup_printf ("row_distances [%u, %u, %u]", b, m, n);
  Case x = { .in = { vlf_check_input (c, b, m, n), vlf_check_input (c, b, m, n) } };
  g_autofree float *apart = vlf_check_compare (c, op_row_distances, &x, CLOSE, shape);
  g_autofree float *alike = NULL;

  x.in[1] = x.in[0];
  alike = vlf_check_compare (c, op_row_distances, &x, EXACT, shape);
  for (guint i = 0; i < b * m && apart && alike; i++)
    vlf_check_that (c, apart[i] > 0 && alike[i] == 0, shape, "only rows that are alike are 0 apart");
}

static VlfTensor
op_normalize (VlfPass *pass, guint side, gpointer user)
{
  const Case *x = user;

  (void) side;
  return vlf_normalize (pass, vlf_check_send (pass, x->in[0]));
}

static void
check_normalize (Check *c)
{
  guint b = vlf_check_any (c, 1, 2, 0), m = any_rows (c), n = any_cols (c);
  g_autofree gchar *shape = g_strdup_printf ("normalize [%u, %u, %u]", b, m, n);
  Input *in = vlf_check_input (c, b, m, n);
  Case x = { .in = { in } };

  if (vlf_check_maybe (c)) /* rows of zeros are divided by 1e-12 */
    memset (in->data, 0, sizeof (float) * (in->above + 1) * (in->left + n + in->right));
  g_free (vlf_check_compare (c, op_normalize, &x, CLOSE, shape));
}

/* A result that only travels: uploaded, viewed and brought back, its sequences repeated where it is broadcast. */
static VlfTensor
op_travel (VlfPass *pass, guint side, gpointer user)
{
  const Case *x = user;
  VlfTensor y = vlf_check_send (pass, x->in[0]);

  (void) side;
  if (x->residual) {
    y.batch = 3;
    y.batch_stride = 0;
  }
  return y;
}

static void
check_travel (Check *c)
{
  guint b = vlf_check_any (c, 1, 2, 3, 0), m = any_rows (c), n = any_cols (c);
  g_autofree gchar *shape = g_strdup_printf ("input and output [%u, %u, %u]", b, m, n);
  Case x = { .residual = vlf_check_maybe (c) };

  x.in[0] = vlf_check_input (c, x.residual ? 1 : b, m, n);
  g_free (vlf_check_compare (c, op_travel, &x, EXACT, shape));
}

#define MAX_IDS 128

typedef struct {
  VlfTable *table[2];
  guint32 ids[MAX_IDS];
  guint batch, n;
} Embedding;

static VlfTensor
op_embed (VlfPass *pass, guint side, gpointer user)
{
  const Embedding *x = user;

  return vlf_embed (pass, x->table[side], x->ids, x->batch, x->n);
}

static void
check_embed (Check *c)
{
  Embedding x = { .batch = vlf_check_any (c, 1, 2, 3, 0), .n = vlf_check_any (c, 1, 7, 31, 0) };
  VlfSource source = make_source (c, any_type (c), vlf_check_any (c, 1, 2, 97, 0), any_cols (c));
  g_autofree gchar *shape = g_strdup_printf ("embed [%u, %u] of %s [%u, %u]", x.batch, x.n, type_name (source.type),
                                             source.rows, source.cols);

  for (guint i = 0; i < x.batch * x.n; i++)
    x.ids[i] = (guint32) g_rand_int_range (c->rand, 0, (gint32) source.rows);
  for (guint side = 0; side < 2; side++)
    x.table[side] = vlf_table_new (c->devices[side], &source, NULL);
  g_free (vlf_check_compare (c, op_embed, &x, EXACT, shape));
  vlf_table_free (x.table[0]);
  vlf_table_free (x.table[1]);
  g_free (source.user);
}

static VlfTensor
op_mean_heads (VlfPass *pass, guint side, gpointer user)
{
  const Case *x = user;

  (void) side;
  return vlf_mean_heads (pass, vlf_check_send (pass, x->in[0]), x->heads);
}

static void
check_mean_heads (Check *c)
{
  Case x = { .heads = vlf_check_any (c, 1, 2, 3, 12, 0) };
  const guint b = vlf_check_any (c, 1, 2, 3, 0), n = vlf_check_any (c, 1, 7, 65, 0);
  const guint m = vlf_check_any (c, 1, 3, 16, 33, 257, 0);
  g_autofree gchar *shape = g_strdup_printf ("mean of %u heads [%u, %u, %u]", x.heads, b, n, m);

  x.in[0] = vlf_check_input (c, b * x.heads, n, m);
  g_free (vlf_check_compare (c, op_mean_heads, &x, CLOSE, shape));
}

static VlfTensor
op_product (VlfPass *pass, guint side, gpointer user)
{
  const Case *x = user;

  (void) side;
  return vlf_product (pass, vlf_check_send (pass, x->in[0]), vlf_check_send (pass, x->in[1]));
}

static void
check_product (Check *c)
{
  Case x = { 0 };
  const guint b = vlf_check_any (c, 1, 2, 3, 0), n = vlf_check_any (c, 1, 7, 65, 0);
  const guint k = vlf_check_any (c, 1, 5, 64, 257, 0), m = vlf_check_any (c, 1, 3, 15, 16, 17, 33, 257, 0);
  g_autofree gchar *shape = g_strdup_printf ("product [%u, %u, %u] x %u", b, n, k, m);

  x.in[0] = vlf_check_input (c, vlf_check_maybe (c) ? 1 : b, n, k);
  x.in[1] = vlf_check_input (c, b, k, m);
  g_free (vlf_check_compare (c, op_product, &x, CLOSE, shape));
}

const Row vlf_check_rows[] = {
  { "input, output", check_travel },
  { "linear", check_linear },
  { "linear_part", check_linear_part },
  { "norm, add_norm", check_norm },
  { "add", check_add },
  { "chain", vlf_check_chain },
  { "attention", vlf_check_attention },
  { "attention maps", vlf_check_maps },
  { "attention of long keys", vlf_check_long_attention },
  { "attention of the top k", vlf_check_top_k },
  { "bi_attention", vlf_check_bi_attention },
  { "embed", check_embed },
  { "concat_rows", check_concat_rows },
  { "concat_cols", check_concat_cols },
  { "store", check_store },
  { "gather_rows, scatter_rows", check_rows },
  { "row_distances", check_row_distances },
  { "mean_heads", check_mean_heads },
  { "product", check_product },
  { "normalize", check_normalize },
  { "patches", vlf_check_patches },
  { NULL },
};
