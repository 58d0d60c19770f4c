/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reference backend: every operation in plain C, the shortest way its definition can be written down, summed in double. The
 * oracle of the tests; a pipeline runs on it only when told to. */
#include "kernels/ops_ref.h"
#include "kernels/half.h"
#include "kernels/int8.h"
#include <stdlib.h>

#define ALIGNMENT 64

typedef struct {
  VlfWeight base;
  VlfBuffer *rows;   /* [outputs, inputs] in base.stored */
  VlfBuffer *bias;   /* float [outputs], or NULL */
  VlfBuffer *scales; /* float [outputs] of VLF_I8, else NULL */
} RefWeight;

static float *
row_of (VlfTensor x, guint sequence, guint row)
{
  return vlf_ref_row (x, sequence, row);
}

void
vlf_ref_no_memory (VlfPass *pass, gsize bytes)
{
  vlf_pass_fail (pass, g_error_new (VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for %" G_GSIZE_FORMAT " bytes", bytes));
}

static VlfBuffer *
ref_buffer_new (VlfDevice *device, gsize bytes, GError **error)
{
  gpointer mem = NULL;
  gsize room = 0;
  VlfBuffer *buffer;

  if (!vlf_size_add (bytes, VLF_BUFFER_SLACK, &room) || posix_memalign (&mem, ALIGNMENT, room)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for %" G_GSIZE_FORMAT " bytes", bytes);
    return NULL;
  }
  buffer = g_new (VlfBuffer, 1);
  *buffer = (VlfBuffer){ .device = device, .size = bytes, .mem = mem };
  return buffer;
}

static void
ref_buffer_free (VlfBuffer *buffer)
{
  free (buffer->mem);
  g_free (buffer);
}

static gboolean
ref_buffer_write (VlfBuffer *buffer, gsize offset, gconstpointer data, gsize bytes, GError **error)
{
  if (offset > buffer->size || bytes > buffer->size - offset) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "cannot write %" G_GSIZE_FORMAT " bytes at %" G_GSIZE_FORMAT " of a buffer of %" G_GSIZE_FORMAT, bytes,
                 offset, buffer->size);
    return FALSE;
  }
  memcpy ((guint8 *) buffer->mem + offset, data, bytes);
  return TRUE;
}

/* Operations are done when they return: queues and passes have nothing to hold. */
static gboolean
ref_queue_open (VlfQueue *queue, GError **error)
{
  (void) queue;
  (void) error;
  return TRUE;
}

static void
ref_queue_close (VlfQueue *queue)
{
  (void) queue;
}

static void
ref_pass_nothing (VlfPass *pass)
{
  (void) pass;
}

/* All rows of @source as @type to @to, @chunk of them at a time. */
static gboolean
read_rows (const VlfSource *source, VlfDType type, guint8 *to, guint chunk, GError **error)
{
  const gsize n = (gsize) chunk * source->cols;
  g_autofree guint8 *raw = g_try_malloc (n * vlf_dtype_size (source->type));
  g_autofree float *numbers = g_try_new (float, n);

  if (!raw || !numbers) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory to read %" G_GSIZE_FORMAT " numbers", n);
    return FALSE;
  }
  for (guint first = 0; first < source->rows; first += chunk) {
    const guint rows = MIN (chunk, source->rows - first);
    const gsize count = (gsize) rows * source->cols;

    if (!vlf_source_read (source, first, rows, raw, numbers, error))
      return FALSE;
    vlf_f32_to (type, numbers, count, to);
    to += count * vlf_dtype_size (type);
  }
  return TRUE;
}

/* The biases of all parts side by side, 0 for a part without. */
static gboolean
read_biases (VlfBuffer *bias, const VlfSource *weights, const VlfSource *biases, guint n_parts, GError **error)
{
  float *to = bias->mem;

  for (guint i = 0; i < n_parts; i++) {
    memset (to, 0, weights[i].rows * sizeof *to);
    if (biases[i].read && !read_rows (&biases[i], VLF_F32, (guint8 *) to, 1, error))
      return FALSE;
    to += weights[i].rows;
  }
  return TRUE;
}

static void
ref_weight_free (VlfWeight *weight)
{
  RefWeight *w = (RefWeight *) weight;

  vlf_buffer_free (w->rows);
  vlf_buffer_free (w->bias);
  vlf_buffer_free (w->scales);
  g_free (w);
}

/* All rows of @source in 8 bits, with a scale each. */
static gboolean
read_int8 (const VlfSource *source, gint8 *to, float *scales, GError **error)
{
  g_autofree guint8 *raw = g_try_malloc (source->cols * vlf_dtype_size (source->type));
  g_autofree float *row = g_try_new (float, source->cols);

  if (!raw || !row) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory to read %u numbers", source->cols);
    return FALSE;
  }
  for (guint i = 0; i < source->rows; i++) {
    if (!vlf_source_read (source, i, 1, raw, row, error))
      return FALSE;
    scales[i] = vlf_quantise (row, source->cols, to + (gsize) i * source->cols);
  }
  return TRUE;
}

static gboolean
read_part (RefWeight *w, const VlfSource *part, guint first, GError **error)
{
  guint8 *to = (guint8 *) w->rows->mem + first * w->base.inputs * vlf_dtype_size (w->base.stored);

  if (w->base.stored == VLF_I8)
    return read_int8 (part, (gint8 *) to, (float *) w->scales->mem + first, error);
  return read_rows (part, w->base.stored, to, 32, error);
}

static gboolean
fill_weight (RefWeight *w, const VlfSource *weights, const VlfSource *biases, guint n_parts, GError **error)
{
  const gsize row_bytes = w->base.inputs * vlf_dtype_size (w->base.stored);
  guint first = 0;
  gsize bytes = 0;

  if (!vlf_size_mul (w->base.outputs, row_bytes, &bytes)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "weight of [%u, %u] is too large", w->base.outputs, w->base.inputs);
    return FALSE;
  }
  w->rows = vlf_buffer_new (w->base.device, bytes, error);
  if (w->rows && w->base.stored == VLF_I8)
    w->scales = vlf_buffer_new (w->base.device, w->base.outputs * sizeof (float), error);
  if (!w->rows || (w->base.stored == VLF_I8 && !w->scales))
    return FALSE;
  for (guint i = 0; i < n_parts; i++) {
    if (!read_part (w, &weights[i], first, error))
      return FALSE;
    first += weights[i].rows;
  }
  if (!biases)
    return TRUE;
  w->bias = vlf_buffer_new (w->base.device, w->base.outputs * sizeof (float), error);
  return w->bias && read_biases (w->bias, weights, biases, n_parts, error);
}

static VlfWeight *
ref_weight_new (VlfDevice *device, const VlfSource *weights, const VlfSource *biases, guint n_parts, VlfDType stored,
                GError **error)
{
  RefWeight *w = g_new0 (RefWeight, 1);

  if (stored == VLF_F16_DOT)
    stored = VLF_F16;
  if (stored == VLF_BF16_DOT)
    stored = VLF_BF16;
  w->base = (VlfWeight){ .device = device, .inputs = weights[0].cols, .stored = stored };
  for (guint i = 0; i < n_parts; i++)
    w->base.outputs += weights[i].rows;
  if (!fill_weight (w, weights, biases, n_parts, error)) {
    ref_weight_free (&w->base);
    return NULL;
  }
  return &w->base;
}

static void
ref_input (VlfPass *pass, VlfTensor y, const float *data)
{
  (void) pass;
  for (guint b = 0; b < y.batch; b++) {
    for (guint i = 0; i < y.rows; i++, data += y.cols)
      memcpy (row_of (y, b, i), data, y.cols * sizeof *data);
  }
}

static void
ref_output (VlfPass *pass, VlfTensor x, float *to)
{
  (void) pass;
  for (guint b = 0; b < x.batch; b++) {
    for (guint i = 0; i < x.rows; i++, to += x.cols)
      memcpy (to, row_of (x, b, i), x.cols * sizeof *to);
  }
}

/* Eight sums side by side, because one alone would wait for itself. */
static double
dot (const float *a, const float *b, guint n)
{
  double sum[8] = { 0 }, rest = 0;
  guint i = 0;

  for (; i + 8 <= n; i += 8) {
    for (guint j = 0; j < 8; j++)
      sum[j] += (double) a[i + j] * b[i + j];
  }
  for (; i < n; i++)
    rest += (double) a[i] * b[i];
  for (guint j = 0; j < 8; j++)
    rest += sum[j];
  return rest;
}

static double
activate (double x, VlfActivation act)
{
  switch (act) {
  case VLF_GELU: return 0.5 * x * (1 + erf (x * G_SQRT2 / 2));
  case VLF_QUICK_GELU: return x / (1 + exp (-1.702 * x));
  case VLF_RELU: return MAX (x, 0);
  case VLF_TANH: return tanh (x);
  case VLF_GELU_TANH: return x / 2 * (1 + tanh (sqrt (2 / G_PI) * (x + 0.044715 * x * x * x)));
  case VLF_NONE: break;
  }
  return x;
}

/* One row of a product in 8 bits: @x in 8 bits, of scale @scale. */
static void
linear_int8_row (const RefWeight *w, const gint8 *x, float scale, guint first, VlfActivation act, const float *residual,
                 float *y, guint n)
{
  const guint k = w->base.inputs;

  for (guint o = 0; o < n; o++) {
    const gint8 *row = (const gint8 *) w->rows->mem + (gsize) (first + o) * k;
    double bias = w->bias ? ((const float *) w->bias->mem)[first + o] : 0;
    gint64 sum = 0;

    for (guint j = 0; j < k; j++)
      sum += x[j] * row[j];
    y[o] = (float) (activate (sum * ((double) scale * ((const float *) w->scales->mem)[first + o]) + bias, act) +
                    (residual ? residual[o] : 0));
  }
}

static void
linear_int8 (VlfPass *pass, VlfTensor y, VlfTensor x, const RefWeight *w, guint first, VlfActivation act,
             const VlfTensor *residual)
{
  g_autofree gint8 *q = g_try_malloc (x.cols);

  if (!q) {
    vlf_ref_no_memory (pass, x.cols);
    return;
  }
  for (guint b = 0; b < y.batch; b++) {
    for (guint i = 0; i < y.rows; i++) {
      float scale = vlf_quantise (row_of (x, b, i), x.cols, q);

      linear_int8_row (w, q, scale, first, act, residual ? row_of (*residual, b, i) : NULL, row_of (y, b, i), y.cols);
    }
  }
}

static void
ref_linear (VlfPass *pass, VlfTensor y, VlfTensor x, const VlfWeight *weight, guint first, VlfActivation act,
            const VlfTensor *residual)
{
  const RefWeight *w = (const RefWeight *) weight;
  const guint k = weight->inputs;
  const gsize row_bytes = k * vlf_dtype_size (weight->stored);
  g_autofree float *row = NULL;

  if (weight->stored == VLF_I8) {
    linear_int8 (pass, y, x, w, first, act, residual);
    return;
  }
  row = g_try_new (float, k);
  if (!row) {
    vlf_ref_no_memory (pass, k * sizeof *row);
    return;
  }
  for (guint o = 0; o < y.cols; o++) {
    double bias = w->bias ? ((const float *) w->bias->mem)[first + o] : 0;

    vlf_f32_from (weight->stored, (const guint8 *) w->rows->mem + (first + o) * row_bytes, k, row);
    for (guint b = 0; b < y.batch; b++) {
      for (guint i = 0; i < y.rows; i++) {
        double value = activate (dot (row_of (x, b, i), row, k) + bias, act);

        row_of (y, b, i)[o] = (float) (value + (residual ? row_of (*residual, b, i)[o] : 0));
      }
    }
  }
}

/* @row [n] in place. */
static void
norm_row (float *row, guint n, const VlfNorm *norm)
{
  const float *weight = row_of (norm->weight, 0, 0), *bias = row_of (norm->bias, 0, 0);
  double mean = 0, variance = 0, scale;

  for (guint j = 0; j < n; j++)
    mean += row[j];
  mean /= n;
  for (guint j = 0; j < n; j++)
    variance += (row[j] - mean) * (row[j] - mean);
  scale = 1 / sqrt (variance / n + norm->eps);
  for (guint j = 0; j < n; j++)
    row[j] = (float) ((row[j] - mean) * scale * weight[j] + bias[j]);
}

static void
ref_norm (VlfPass *pass, VlfTensor y, VlfTensor x, const VlfTensor *plus, const VlfNorm *norm)
{
  (void) pass;
  for (guint b = 0; b < y.batch; b++) {
    for (guint i = 0; i < y.rows; i++) {
      const float *from = row_of (x, b, i), *more = plus ? row_of (*plus, b, i) : NULL;
      float *to = row_of (y, b, i);

      for (guint j = 0; j < y.cols; j++)
        to[j] = more ? from[j] + more[j] : from[j];
      norm_row (to, y.cols, norm);
    }
  }
}

static void
ref_mix (VlfPass *pass, VlfTensor y, VlfTensor a, float a_share, VlfTensor b, float b_share)
{
  (void) pass;
  for (guint s = 0; s < y.batch; s++) {
    for (guint i = 0; i < y.rows; i++) {
      const float *left = row_of (a, s, i), *right = row_of (b, s, i);
      float *to = row_of (y, s, i);

      for (guint j = 0; j < y.cols; j++)
        to[j] = (float) ((double) a_share * left[j] + (double) b_share * right[j]);
    }
  }
}

/* One query's softmax, in place: @p [m] holds scores, @kept which of them count. */
static void
softmax (double *p, const guint8 *kept, guint m)
{
  double max = -G_MAXDOUBLE, sum = 0;

  for (guint j = 0; j < m; j++) {
    if (kept[j])
      max = MAX (max, p[j]);
  }
  for (guint j = 0; j < m; j++)
    sum += p[j] = kept[j] ? exp (p[j] - max) : 0;
  for (guint j = 0; j < m && sum > 0; j++)
    p[j] /= sum;
}

typedef struct {
  VlfTensor y, q, k, v; /* of one head, all sequences */
  const VlfTensor *key_bias;
  gboolean causal;
  guint top_k;    /* 0: off */
  float *map_row; /* of the query under way, or NULL */
  double *p;      /* [m] */
  guint8 *kept;   /* [m] */
  guint *order;   /* [m] */
} Head;

/* The larger score first, of equal ones the first key; what is no number is the largest, so that it is not lost. */
static gint
compare_scores (gconstpointer x, gconstpointer y, gpointer scores)
{
  const guint a = *(const guint *) x, b = *(const guint *) y;
  const double *p = scores;

  if (isnan (p[a]) != isnan (p[b]))
    return isnan (p[a]) ? -1 : 1;
  if (p[a] != p[b] && !isnan (p[a]))
    return p[a] > p[b] ? -1 : 1;
  return a < b ? -1 : a > b;
}

/* Of what is kept the top_k largest alone. */
static void
keep_top (const Head *h, guint m)
{
  guint n = 0;

  for (guint j = 0; j < m; j++)
    if (h->kept[j])
      h->order[n++] = j;
  g_qsort_with_data (h->order, (gint) n, sizeof *h->order, compare_scores, h->p);
  for (guint j = h->top_k; j < n; j++)
    h->kept[h->order[j]] = FALSE;
}

static void
attend_query (const Head *h, guint s, guint i)
{
  const guint m = h->k.rows, d = h->q.cols;
  const float *bias = h->key_bias ? row_of (*h->key_bias, s, 0) : NULL;
  float *to = row_of (h->y, s, i);

  for (guint j = 0; j < m; j++) {
    double extra = bias ? bias[j] : 0;

    h->kept[j] = extra > -1e30 && (!h->causal || (gint64) j <= (gint64) i + m - h->q.rows);
    h->p[j] = dot (row_of (h->q, s, i), row_of (h->k, s, j), d) / sqrt (d) + extra;
  }
  if (h->top_k > 0)
    keep_top (h, m);
  softmax (h->p, h->kept, m);
  for (guint c = 0; c < d; c++) {
    double sum = 0;

    for (guint j = 0; j < m; j++)
      sum += h->p[j] * row_of (h->v, s, j)[c];
    to[c] = (float) sum;
  }
  for (guint j = 0; j < m && h->map_row; j++)
    h->map_row[j] = (float) h->p[j];
}

static void
ref_attention (VlfPass *pass, VlfTensor y, VlfTensor q, VlfTensor k, VlfTensor v, guint heads,
               const VlfAttention *options)
{
  const guint d = q.cols / heads, m = k.rows;
  g_autofree double *p = g_try_new (double, m);
  g_autofree guint8 *kept = g_try_new (guint8, m);
  g_autofree guint *order = g_try_new (guint, m);
  Head h = { .p = p, .kept = kept, .order = order };

  if (!p || !kept || !order) {
    vlf_ref_no_memory (pass, m * sizeof *p);
    return;
  }
  h.top_k = options ? options->top_k : 0;
  h.key_bias = options ? options->key_bias : NULL;
  h.causal = options && options->causal;
  for (guint head = 0; head < heads; head++) {
    h.y = vlf_cols (y, head * d, d);
    h.q = vlf_cols (q, head * d, d);
    h.k = vlf_cols (k, head * d, d);
    h.v = vlf_cols (v, head * d, d);
    for (guint s = 0; s < y.batch; s++) {
      for (guint i = 0; i < y.rows; i++) {
        h.map_row = options && options->maps ? row_of (*options->maps, s * heads + head, i) : NULL;
        attend_query (&h, s, i);
      }
    }
  }
}

static void
ref_embed (VlfPass *pass, VlfTensor y, const VlfTable *table, const guint32 *ids)
{
  const gsize row_bytes = table->cols * vlf_dtype_size (table->type);

  (void) pass;
  for (guint b = 0; b < y.batch; b++) {
    for (guint i = 0; i < y.rows; i++, ids++)
      vlf_f32_from (table->type, (const guint8 *) table->buffer->mem + *ids * row_bytes, y.cols, row_of (y, b, i));
  }
}

static void
ref_copy (VlfPass *pass, VlfTensor y, VlfTensor x)
{
  (void) pass;
  for (guint b = 0; b < y.batch; b++) {
    for (guint i = 0; i < y.rows; i++)
      memcpy (row_of (y, b, i), row_of (x, b, i), y.cols * sizeof (float));
  }
}

static void
ref_normalize (VlfPass *pass, VlfTensor y, VlfTensor x)
{
  (void) pass;
  for (guint b = 0; b < y.batch; b++) {
    for (guint i = 0; i < y.rows; i++) {
      const float *from = row_of (x, b, i);
      float *to = row_of (y, b, i);
      double length = MAX (sqrt (dot (from, from, y.cols)), 1e-12);

      for (guint j = 0; j < y.cols; j++)
        to[j] = (float) (from[j] / length);
    }
  }
}

const VlfBackend vlf_backend_ref = {
  .name = "reference",
  .buffer_new = ref_buffer_new,
  .buffer_free = ref_buffer_free,
  .buffer_write = ref_buffer_write,
  .queue_open = ref_queue_open,
  .queue_close = ref_queue_close,
  .pass_open = ref_pass_nothing,
  .pass_wait = ref_pass_nothing,
  .pass_finish = ref_pass_nothing,
  .weight_new = ref_weight_new,
  .weight_free = ref_weight_free,
  .input = ref_input,
  .output = ref_output,
  .linear = ref_linear,
  .norm = ref_norm,
  .mix = ref_mix,
  .attention = ref_attention,
  .bi_attention = vlf_ref_bi_attention,
  .embed = ref_embed,
  .copy = ref_copy,
  .normalize = ref_normalize,
  .gather = vlf_ref_gather,
  .scatter = vlf_ref_scatter,
  .distances = vlf_ref_distances,
  .mean_heads = vlf_ref_mean_heads,
  .product = vlf_ref_product,
  .patches = vlf_ref_patches,
};
