/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention over more keys than any row of scores has room for: right, and in memory that grows with the tokens, not with their product. */
#include "kernels/ops.h"

static VlfDevice *device;

typedef struct {
  guint queries, keys, heads, width, top_k;
} Shape;

/* Key by key from 0 to 1, plus the number of the column. */
static float *
make_values (const Shape *s)
{
  const gsize cols = s->heads * s->width, n = s->keys * cols;
  float *values = g_new (float, n);

  for (gsize i = 0; i < n; i++)
    values[i] = (float) (i / cols) / (float) (s->keys - 1) + (float) (i % cols);
  return values;
}

/* Checks what queries see where all keys are alike, the mean of those values that are kept; sums of tens of thousands of large numbers are
 * further off than those of small ones. Returns the bytes that the device holds more. */
static gsize
attend (const Shape *s, float mean)
{
  const guint cols = s->heads * s->width;
  g_autofree float *queries = g_new0 (float, (gsize) s->queries *cols), *values = make_values (s);
  g_autofree float *keys = g_new0 (float, (gsize) s->keys *cols), *to = g_new (float, (gsize) s->queries *cols);
  const gsize before = vlf_device_memory (device);
  g_autoptr (VlfQueue) queue = vlf_queue_new (device, NULL);
  VlfPass *pass = vlf_pass_begin (queue);
  GError *error = NULL;
  VlfTensor q = vlf_input (pass, queries, 1, s->queries, cols), k = vlf_input (pass, keys, 1, s->keys, cols);
  VlfTensor v = vlf_input (pass, values, 1, s->keys, cols);

  vlf_output (pass, vlf_attention (pass, q, k, v, s->heads, &(VlfAttention){ .top_k = s->top_k }), to);
  vlf_pass_end (pass, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < s->queries * cols; i++)
    g_assert_cmpfloat_with_epsilon (to[i], mean + (float) (i % cols), 1e-3f * (1.0f + (float) (i % cols)));
  return vlf_device_memory (device) - before;
}

/* What all scores together would take. */
static gsize
matrix (const Shape *s)
{
  return (gsize) s->heads * s->queries * s->keys * sizeof (float);
}

static void
test_long (void)
{
  const Shape s = { .queries = 2048, .keys = 10000, .heads = 4, .width = 16 };

  g_assert_cmpuint (attend (&s, 0.5f), <, matrix (&s) / 4);
}

/* Of keys that are all alike the first ones are kept. */
static void
test_top_of_many (void)
{
  const Shape s = { .queries = 2048, .keys = 10000, .heads = 4, .width = 16, .top_k = 5 };

  g_assert_cmpuint (attend (&s, 2.0f / 9999), <, matrix (&s) / 4);
}

/* One head's keys and values alone are more numbers than a dimension of a tensor can have. */
static void
test_large_head (void)
{
  attend (&(Shape){ .queries = 2, .keys = 40000, .heads = 1, .width = 256 }, 0.5f);
  attend (&(Shape){ .queries = 2, .keys = 70000, .heads = 1, .width = 256, .top_k = 1 }, 0);
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  device = vlf_device_open (argc > 1 ? argv[1] : "cpu", &error);
  g_assert_no_error (error);
  g_test_add_func ("/attention/long", test_long);
  g_test_add_func ("/attention/top-of-many", test_top_of_many);
  g_test_add_func ("/attention/large-head", test_large_head);
  status = g_test_run ();
  vlf_device_unref (device);
  return status;
}
