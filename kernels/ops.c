/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The front of the operations: it looks at shapes, state and memory, makes room for the result, and leaves the numbers to the
 * device's backend. */
#include "kernels/backend.h"

#define NO_TENSOR ((VlfTensor){ 0 })
#define SHAPE     "[%u, %u, %u]"
#define IN(x)     (x).batch, (x).rows, (x).cols

#define MAX_HEAD_WIDTH 256u
#define MAX_PIXELS     32768

static VlfTensor fail (VlfPass *pass, const char *format, ...) G_GNUC_PRINTF (2, 3);

static VlfTensor
fail (VlfPass *pass, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  vlf_pass_fail (pass, g_error_new_valist (VLF_ERROR, VLF_ERROR_RANGE, format, args));
  va_end (args);
  return NO_TENSOR;
}

/* Whether all of @x lies inside its buffer. */
static gboolean
inside (VlfTensor x)
{
  gsize sequences, rows, end;

  return x.batch > 0 && x.rows > 0 && x.cols > 0 && x.stride >= x.cols &&
         vlf_size_mul (x.batch - 1, x.batch_stride, &sequences) && vlf_size_mul (x.rows - 1, x.stride, &rows) &&
         vlf_size_add (sequences, rows, &end) && vlf_size_add (end, x.cols, &end) &&
         vlf_size_add (end, x.offset, &end) && end <= x.buffer->size / sizeof (float);
}

/* Whether the pass goes on and @x may be read by it. */
static gboolean
readable (VlfPass *pass, const char *op, const char *name, VlfTensor x)
{
  if (pass->error)
    return FALSE;
  if (!x.buffer)
    fail (pass, "%s: there is no %s", op, name);
  else if (x.buffer->device != pass->device)
    fail (pass, "%s: %s lives on another device, %s", op, name, vlf_device_name (x.buffer->device));
  else if (!inside (x))
    fail (pass, "%s: %s " SHAPE " reaches outside its memory", op, name, IN (x));
  return !pass->error;
}

/* @x with its one sequence standing for @batch of them. */
static VlfTensor
broadcast (VlfTensor x, guint batch)
{
  if (x.batch == 1 && batch != 1) {
    x.batch = batch;
    x.batch_stride = 0;
  }
  return x;
}

static gboolean
batches_agree (VlfTensor x, VlfTensor y)
{
  return x.batch == y.batch || x.batch == 1 || y.batch == 1;
}

/* Counts @rows * @inputs * @outputs multiply-adds. */
static void
count (VlfPass *pass, double rows, double inputs, double outputs)
{
  pass->queue->operations += 2 * rows * inputs * outputs;
}

static gboolean
check_linear (VlfPass *pass, VlfTensor x, const VlfWeight *w)
{
  if (!readable (pass, "linear", "input", x))
    return FALSE;
  if (!w || w->device != pass->device)
    fail (pass, "linear: there is no weight on this device");
  else if (x.cols != w->inputs)
    fail (pass, "linear: input is " SHAPE ", the weight takes %u columns", IN (x), w->inputs);
  return !pass->error;
}

VlfTensor
vlf_linear (VlfPass *pass, VlfTensor x, const VlfWeight *w, VlfActivation act, const VlfTensor *residual)
{
  VlfTensor y;

  if (!check_linear (pass, x, w) || (residual && !readable (pass, "linear", "residual", *residual)))
    return NO_TENSOR;
  if (residual && (residual->batch != x.batch || residual->rows != x.rows || residual->cols != w->outputs))
    return fail (pass, "linear: residual is " SHAPE "; expected " SHAPE, IN (*residual), x.batch, x.rows, w->outputs);

  y = vlf_pass_alloc (pass, x.batch, x.rows, w->outputs);
  if (!y.buffer)
    return y;
  count (pass, (double) x.batch * x.rows, w->inputs, w->outputs);
  pass->backend->linear (pass, y, x, w, 0, act, residual);
  return y;
}

/* Backends begin at whole panels of the packed weight: what they compute in front of the first wanted column is left out of the view. */
VlfTensor
vlf_linear_part (VlfPass *pass, VlfTensor x, const VlfWeight *w, guint first, guint n)
{
  const guint lead = first % VLF_COLS_PAD;
  VlfTensor y;

  if (!check_linear (pass, x, w))
    return NO_TENSOR;
  if (n == 0 || first > w->outputs || n > w->outputs - first)
    return fail (pass, "linear: outputs %u to %u are not in a weight of %u", first, first + n, w->outputs);

  y = vlf_pass_alloc (pass, x.batch, x.rows, lead + n);
  if (!y.buffer)
    return NO_TENSOR;
  count (pass, (double) x.batch * x.rows, w->inputs, n);
  pass->backend->linear (pass, y, x, w, first - lead, VLF_NONE, NULL);
  return vlf_cols (y, lead, n);
}

static gboolean
check_norm (VlfPass *pass, VlfTensor x, const VlfNorm *norm)
{
  if (!readable (pass, "norm", "weight", norm->weight) || !readable (pass, "norm", "bias", norm->bias))
    return FALSE;
  if (norm->weight.batch != 1 || norm->weight.rows != 1 || norm->weight.cols != x.cols || norm->bias.batch != 1 ||
      norm->bias.rows != 1 || norm->bias.cols != x.cols)
    fail (pass, "norm: weight " SHAPE " and bias " SHAPE " do not fit an input " SHAPE, IN (norm->weight),
          IN (norm->bias), IN (x));
  return !pass->error;
}

VlfTensor
vlf_norm (VlfPass *pass, VlfTensor x, const VlfNorm *norm)
{
  VlfTensor y;

  if (!readable (pass, "norm", "input", x) || !check_norm (pass, x, norm))
    return NO_TENSOR;
  y = vlf_pass_alloc (pass, IN (x));
  if (y.buffer)
    pass->backend->norm (pass, y, x, NULL, norm);
  return y;
}

VlfTensor
vlf_add_norm (VlfPass *pass, VlfTensor x, VlfTensor y, const VlfNorm *norm)
{
  VlfTensor result;
  guint batch = MAX (x.batch, y.batch);

  if (!readable (pass, "add_norm", "input", x) || !readable (pass, "add_norm", "other input", y) ||
      !check_norm (pass, x, norm))
    return NO_TENSOR;
  if (x.rows != y.rows || x.cols != y.cols || !batches_agree (x, y))
    return fail (pass, "add_norm: " SHAPE " and " SHAPE " cannot be added", IN (x), IN (y));

  result = vlf_pass_alloc (pass, batch, x.rows, x.cols);
  y = broadcast (y, batch);
  if (result.buffer)
    pass->backend->norm (pass, result, broadcast (x, batch), &y, norm);
  return result;
}

/* @x as an operand of mix: one row stands for @rows. */
static VlfTensor
broadcast_rows (VlfTensor x, guint batch, guint rows)
{
  if (x.rows == 1 && rows != 1) {
    x.rows = rows;
    x.stride = 0;
  }
  return broadcast (x, batch);
}

VlfTensor
vlf_add (VlfPass *pass, VlfTensor x, VlfTensor y)
{
  return vlf_mix (pass, x, 1.0f, y, 1.0f);
}

VlfTensor
vlf_mix (VlfPass *pass, VlfTensor x, float x_share, VlfTensor y, float y_share)
{
  VlfTensor result;
  guint batch = MAX (x.batch, y.batch), rows = MAX (x.rows, y.rows);

  if (!readable (pass, "add", "input", x) || !readable (pass, "add", "other input", y))
    return NO_TENSOR;
  if (x.cols != y.cols || !batches_agree (x, y) || (x.rows != y.rows && x.rows != 1 && y.rows != 1))
    return fail (pass, "add: " SHAPE " and " SHAPE " cannot be added", IN (x), IN (y));

  result = vlf_pass_alloc (pass, batch, rows, x.cols);
  if (result.buffer)
    pass->backend->mix (pass, result, broadcast_rows (x, batch, rows), x_share, broadcast_rows (y, batch, rows),
                        y_share);
  return result;
}

static gboolean
check_heads (VlfPass *pass, VlfTensor q, VlfTensor k, VlfTensor v, guint heads)
{
  if (!readable (pass, "attention", "query", q) || !readable (pass, "attention", "key", k) ||
      !readable (pass, "attention", "value", v))
    return FALSE;
  if (heads == 0 || q.cols % heads || q.cols / heads % 4 || q.cols / heads > MAX_HEAD_WIDTH)
    fail (pass, "attention: %u columns cannot be %u heads; each must be a multiple of 4 wide and at most %u", q.cols,
          heads, MAX_HEAD_WIDTH);
  else if (k.batch != v.batch || k.rows != v.rows || k.cols != v.cols || k.cols != q.cols || !batches_agree (q, k))
    fail (pass, "attention: query " SHAPE ", key " SHAPE " and value " SHAPE " do not fit together", IN (q), IN (k),
          IN (v));
  return !pass->error;
}

static gboolean
check_attention (VlfPass *pass, guint batch, guint heads, guint n, guint m, const VlfAttention *options)
{
  const VlfTensor *bias = options->key_bias, *maps = options->maps;

  if ((bias && !readable (pass, "attention", "key bias", *bias)) ||
      (maps && !readable (pass, "attention", "room for maps", *maps)))
    return FALSE;
  if (bias && ((bias->batch != batch && bias->batch != 1) || bias->rows != 1 || bias->cols != m))
    fail (pass, "attention: key bias is " SHAPE "; expected [%u, 1, %u]", IN (*bias), batch, m);
  else if (maps && (maps->batch != batch * heads || maps->rows != n || maps->cols != m))
    fail (pass, "attention: room for maps is " SHAPE "; expected [%u, %u, %u]", IN (*maps), batch * heads, n, m);
  return !pass->error;
}

VlfTensor
vlf_attention (VlfPass *pass, VlfTensor q, VlfTensor k, VlfTensor v, guint heads, const VlfAttention *options)
{
  VlfAttention all = options ? *options : (VlfAttention){ 0 };
  guint batch = MAX (q.batch, k.batch);
  VlfTensor y, bias;

  if (!check_heads (pass, q, k, v, heads) || !check_attention (pass, batch, heads, q.rows, k.rows, &all))
    return NO_TENSOR;
  if (all.key_bias) {
    bias = broadcast (*all.key_bias, batch);
    all.key_bias = &bias;
  }
  y = vlf_pass_alloc (pass, batch, q.rows, q.cols);
  if (!y.buffer)
    return y;
  if (all.top_k >= k.rows)
    all.top_k = 0;
  count (pass, (double) batch * q.rows, k.rows, q.cols);
  count (pass, (double) batch * q.rows, all.top_k ? all.top_k : k.rows, q.cols);
  pass->backend->attention (pass, y, broadcast (q, batch), broadcast (k, batch), broadcast (v, batch), heads, &all);
  return y;
}

static gboolean
check_side (VlfPass *pass, const VlfBiSide *side, guint batch, guint cols)
{
  if (!readable (pass, "bi_attention", "keys", side->keys) ||
      !readable (pass, "bi_attention", "values", side->values) ||
      (side->bias && !readable (pass, "bi_attention", "bias", *side->bias)))
    return FALSE;
  if (side->keys.batch != batch || side->values.batch != batch || side->values.rows != side->keys.rows ||
      side->keys.cols != cols || side->values.cols != cols)
    fail (pass, "bi_attention: keys " SHAPE " and values " SHAPE " are not %u sequences of %u columns", IN (side->keys),
          IN (side->values), batch, cols);
  else if (side->bias && ((side->bias->batch != batch && side->bias->batch != 1) || side->bias->rows != 1 ||
                          side->bias->cols != side->keys.rows))
    fail (pass, "bi_attention: bias is " SHAPE "; expected [%u, 1, %u]", IN (*side->bias), batch, side->keys.rows);
  return !pass->error;
}

VlfBiSeen
vlf_bi_attention (VlfPass *pass, const VlfBiSide *x, const VlfBiSide *y, guint heads)
{
  const guint batch = x->keys.batch, cols = x->keys.cols, n = x->keys.rows, m = y->keys.rows;
  VlfTensor x_bias = { 0 }, y_bias = { 0 };
  VlfBiSide sides[2] = { *x, *y };
  VlfBiSeen seen;

  if (!check_heads (pass, x->keys, x->values, x->values, heads) || !check_side (pass, x, batch, cols) ||
      !check_side (pass, y, batch, cols))
    return (VlfBiSeen){ 0 };
  if (x->bias)
    x_bias = broadcast (*x->bias, batch);
  if (y->bias)
    y_bias = broadcast (*y->bias, batch);
  sides[0].bias = x->bias ? &x_bias : NULL;
  sides[1].bias = y->bias ? &y_bias : NULL;
  seen.x = vlf_pass_alloc (pass, batch, n, cols);
  seen.y = vlf_pass_alloc (pass, batch, m, cols);
  seen.x_map = vlf_pass_alloc (pass, batch * heads, n, m);
  seen.y_map = vlf_pass_alloc (pass, batch * heads, m, n);
  if (pass->error)
    return (VlfBiSeen){ 0 };
  count (pass, 3.0 * batch * n, m, cols);
  pass->backend->bi_attention (pass, &seen, &sides[0], &sides[1], heads);
  return seen;
}

VlfTensor
vlf_mean_heads (VlfPass *pass, VlfTensor maps, guint heads)
{
  VlfTensor y;

  if (!readable (pass, "mean_heads", "maps", maps))
    return NO_TENSOR;
  if (heads == 0 || maps.batch % heads)
    return fail (pass, "mean_heads: maps " SHAPE " are not those of %u heads", IN (maps), heads);
  y = vlf_pass_alloc (pass, maps.batch / heads, maps.rows, maps.cols);
  if (y.buffer)
    pass->backend->mean_heads (pass, y, maps, heads);
  return y;
}

VlfTensor
vlf_product (VlfPass *pass, VlfTensor x, VlfTensor y)
{
  guint batch = MAX (x.batch, y.batch);
  VlfTensor result;

  if (!readable (pass, "product", "input", x) || !readable (pass, "product", "other input", y))
    return NO_TENSOR;
  if (x.cols != y.rows || !batches_agree (x, y))
    return fail (pass, "product: " SHAPE " and " SHAPE " do not fit together", IN (x), IN (y));
  result = vlf_pass_alloc (pass, batch, x.rows, y.cols);
  if (!result.buffer)
    return result;
  count (pass, (double) batch * x.rows, x.cols, y.cols);
  pass->backend->product (pass, result, broadcast (x, batch), broadcast (y, batch));
  return result;
}

VlfTensor
vlf_embed (VlfPass *pass, const VlfTable *table, const guint32 *ids, guint batch, guint n)
{
  VlfTensor y;
  gsize count;

  if (pass->error)
    return NO_TENSOR;
  if (!table || table->buffer->device != pass->device)
    return fail (pass, "embed: there is no table on this device");
  if (!vlf_size_mul (batch, n, &count))
    return fail (pass, "embed: [%u, %u] ids are too many", batch, n);
  for (gsize i = 0; i < count; i++) {
    if (ids[i] >= table->rows)
      return fail (pass, "embed: id %u is outside the table of %u entries", ids[i], table->rows);
  }
  y = vlf_pass_alloc (pass, batch, n, table->cols);
  if (y.buffer)
    pass->backend->embed (pass, y, table, ids);
  return y;
}

VlfTensor
vlf_concat_rows (VlfPass *pass, VlfTensor x, VlfTensor y)
{
  guint batch = MAX (x.batch, y.batch);
  VlfTensor result;

  if (!readable (pass, "concat_rows", "input", x) || !readable (pass, "concat_rows", "other input", y))
    return NO_TENSOR;
  if (x.cols != y.cols || !batches_agree (x, y) || y.rows > G_MAXUINT - x.rows)
    return fail (pass, "concat_rows: " SHAPE " and " SHAPE " do not fit together", IN (x), IN (y));
  result = vlf_pass_alloc (pass, batch, x.rows + y.rows, x.cols);
  if (!result.buffer)
    return NO_TENSOR;
  pass->backend->copy (pass, vlf_rows (result, 0, x.rows), broadcast (x, batch));
  pass->backend->copy (pass, vlf_rows (result, x.rows, y.rows), broadcast (y, batch));
  return result;
}

VlfTensor
vlf_concat_cols (VlfPass *pass, VlfTensor x, VlfTensor y)
{
  guint batch = MAX (x.batch, y.batch);
  VlfTensor result;

  if (!readable (pass, "concat_cols", "input", x) || !readable (pass, "concat_cols", "other input", y))
    return NO_TENSOR;
  if (x.rows != y.rows || !batches_agree (x, y) || y.cols > G_MAXUINT - x.cols)
    return fail (pass, "concat_cols: " SHAPE " and " SHAPE " do not fit together", IN (x), IN (y));
  result = vlf_pass_alloc (pass, batch, x.rows, x.cols + y.cols);
  if (!result.buffer)
    return NO_TENSOR;
  pass->backend->copy (pass, vlf_cols (result, 0, x.cols), broadcast (x, batch));
  pass->backend->copy (pass, vlf_cols (result, x.cols, y.cols), broadcast (y, batch));
  return result;
}

/* Whether no number of @x lies between the first and the last of @y. */
static gboolean
apart (VlfTensor x, VlfTensor y)
{
  const gsize x_end = x.offset + (x.batch - 1) * x.batch_stride + (gsize) (x.rows - 1) * x.stride + x.cols;
  const gsize y_end = y.offset + (y.batch - 1) * y.batch_stride + (gsize) (y.rows - 1) * y.stride + y.cols;

  return x.buffer != y.buffer || x_end <= y.offset || y_end <= x.offset;
}

void
vlf_store (VlfPass *pass, VlfTensor x, VlfTensor to)
{
  if (!readable (pass, "store", "input", x) || !readable (pass, "store", "memory", to))
    return;
  if (x.batch != to.batch || x.rows != to.rows || x.cols != to.cols || !apart (x, to))
    fail (pass, "store: " SHAPE " cannot be kept as " SHAPE, IN (x), IN (to));
  else
    pass->backend->copy (pass, to, x);
}

VlfConstant *
vlf_constant_of (VlfPass *pass, VlfTensor x)
{
  VlfTensor to = { .batch = x.batch, .rows = x.rows, .cols = x.cols };
  GError *error = NULL;
  gsize elements;

  if (!readable (pass, "constant", "input", x))
    return NULL;
  if (vlf_tensor_layout (&to, &elements)) /* as @x is there, its bytes can be counted */
    to.buffer = vlf_buffer_new (pass->device, elements * sizeof (float), &error);
  if (!to.buffer) {
    vlf_pass_fail (pass, error);
    return NULL;
  }
  pass->backend->copy (pass, to, x);
  return g_memdup2 (&(VlfConstant){ to }, sizeof (VlfConstant));
}

static gboolean
check_rows (VlfPass *pass, const char *op, const guint32 *rows, guint n, guint all)
{
  for (guint i = 0; i < n; i++) {
    if (rows[i] >= all) {
      fail (pass, "%s: row %u is not one of %u", op, rows[i], all);
      return FALSE;
    }
  }
  return TRUE;
}

VlfTensor
vlf_gather_rows (VlfPass *pass, VlfTensor x, const guint32 *rows, guint n)
{
  VlfTensor y;

  if (!readable (pass, "gather_rows", "input", x) || !check_rows (pass, "gather_rows", rows, n, x.rows))
    return NO_TENSOR;
  y = vlf_pass_alloc (pass, x.batch, n, x.cols);
  if (y.buffer)
    pass->backend->gather (pass, y, x, rows);
  return y;
}

void
vlf_scatter_rows (VlfPass *pass, VlfTensor x, const guint32 *rows, VlfTensor to)
{
  if (!readable (pass, "scatter_rows", "input", x) || !readable (pass, "scatter_rows", "memory", to) ||
      !check_rows (pass, "scatter_rows", rows, x.rows, to.rows))
    return;
  if (x.batch != to.batch || x.rows > to.rows || x.cols != to.cols || !apart (x, to))
    fail (pass, "scatter_rows: " SHAPE " cannot be kept in " SHAPE, IN (x), IN (to));
  else
    pass->backend->scatter (pass, to, x, rows);
}

VlfTensor
vlf_row_distances (VlfPass *pass, VlfTensor x, VlfTensor y)
{
  VlfTensor distances;

  if (!readable (pass, "row_distances", "input", x) || !readable (pass, "row_distances", "other input", y))
    return NO_TENSOR;
  if (x.batch != y.batch || x.rows != y.rows || x.cols != y.cols)
    return fail (pass, "row_distances: " SHAPE " and " SHAPE " cannot be compared", IN (x), IN (y));
  distances = vlf_pass_alloc (pass, x.batch, 1, x.rows);
  if (distances.buffer)
    pass->backend->distances (pass, distances, x, y);
  return distances;
}

VlfTensor
vlf_normalize (VlfPass *pass, VlfTensor x)
{
  VlfTensor y;

  if (!readable (pass, "normalize", "input", x))
    return NO_TENSOR;
  y = vlf_pass_alloc (pass, IN (x));
  if (y.buffer)
    pass->backend->normalize (pass, y, x);
  return y;
}

static gboolean
check_plan (VlfPass *pass, const VlfImagePlan *plan, guint grid_rows, guint grid_cols)
{
  if (plan->patch == 0 || plan->width > MAX_PIXELS || plan->height > MAX_PIXELS || plan->width < plan->patch ||
      plan->height < plan->patch)
    fail (pass, "patches: a picture of %ux%u has no patches of %u pixels", plan->width, plan->height, plan->patch);
  else if (plan->height / plan->patch != grid_rows || plan->width / plan->patch != grid_cols)
    fail (pass, "patches: grids of %ux%u and %ux%u cannot be one batch", grid_cols, grid_rows,
          plan->width / plan->patch, plan->height / plan->patch);
  else if (ABS ((gint64) plan->crop_x) > MAX_PIXELS || ABS ((gint64) plan->crop_y) > MAX_PIXELS)
    fail (pass, "patches: a cut at (%d, %d) is out of range", plan->crop_x, plan->crop_y);
  return !pass->error;
}

/* One picture into one sequence of the result. */
static void
patch_image (VlfPass *pass, VlfTensor y, const VlfImage *image, const VlfImagePlan *plan)
{
  GError *error = NULL;
  const VlfResample *resample = NULL;

  if (vlf_image_check (image, &error))
    resample = vlf_queue_resample (pass->queue, image, plan, &error);
  if (resample)
    pass->backend->patches (pass, y, image, plan, resample);
  else
    vlf_pass_fail (pass, error);
}

VlfTensor
vlf_patches (VlfPass *pass, const VlfImage *images, const VlfImagePlan *plans, guint n_images)
{
  guint rows, cols, patch;
  VlfTensor y;

  if (pass->error)
    return NO_TENSOR;
  if (n_images == 0)
    return fail (pass, "patches: there are no pictures");
  patch = plans->patch;
  rows = patch ? plans->height / patch : 0;
  cols = patch ? plans->width / patch : 0;
  for (guint i = 0; i < n_images; i++) {
    if (!check_plan (pass, &plans[i], rows, cols))
      return NO_TENSOR;
    if (plans[i].patch != patch)
      return fail (pass, "patches: patches of %u and %u pixels cannot be one batch", patch, plans[i].patch);
  }
  y = vlf_pass_alloc (pass, n_images, rows * cols, 3 * patch * patch);
  for (guint i = 0; i < n_images && !pass->error; i++)
    patch_image (pass, vlf_sequences (y, i, 1), &images[i], &plans[i]);
  return pass->error ? NO_TENSOR : y;
}

VlfTensor
vlf_input (VlfPass *pass, const float *data, guint batch, guint rows, guint cols)
{
  VlfTensor y = vlf_pass_alloc (pass, batch, rows, cols);

  if (y.buffer)
    pass->backend->input (pass, y, data);
  return y;
}

void
vlf_output (VlfPass *pass, VlfTensor x, float *to)
{
  if (readable (pass, "output", "result", x))
    pass->backend->output (pass, x, to);
}
