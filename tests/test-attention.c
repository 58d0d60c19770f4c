/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention over more keys than any row of scores has room for: right, and in memory that grows with the tokens, not with their product. */
#include "kernels/ops.h"

#define QUERIES 2048
#define KEYS    10000
#define HEADS   4
#define WIDTH   16
#define COLS    (HEADS * WIDTH)

static VlfDevice *device;

/* What all queries see where all keys are alike: the mean of the values. @rows: with numbers of their own, key by key. */
static float *
make_values (guint rows)
{
  float *values = g_new (float, (gsize) rows *COLS);

  for (gsize i = 0; i < (gsize) rows * COLS; i++)
    values[i] = (float) (i / COLS) / (float) (rows - 1) + (float) (i % COLS);
  return values;
}

/* Bytes that the device holds more after the pass. */
static gsize
attend (guint top_k, float *to)
{
  g_autofree float *queries = g_new0 (float, (gsize) QUERIES *COLS), *values = make_values (KEYS);
  g_autofree float *keys = g_new0 (float, (gsize) KEYS *COLS);
  const gsize before = vlf_device_memory (device);
  g_autoptr (VlfQueue) queue = vlf_queue_new (device, NULL);
  VlfPass *pass = vlf_pass_begin (queue);
  GError *error = NULL;
  VlfTensor q = vlf_input (pass, queries, 1, QUERIES, COLS), k = vlf_input (pass, keys, 1, KEYS, COLS);
  VlfTensor v = vlf_input (pass, values, 1, KEYS, COLS);

  vlf_output (pass, vlf_attention (pass, q, k, v, HEADS, &(VlfAttention){ .top_k = top_k }), to);
  vlf_pass_end (pass, &error);
  g_assert_no_error (error);
  return vlf_device_memory (device) - before;
}

static void
check_mean (const float *found, float expected)
{
  for (guint i = 0; i < QUERIES * COLS; i++)
    g_assert_cmpfloat_with_epsilon (found[i], expected + (float) (i % COLS), 1e-3f);
}

static void
test_long (void)
{
  g_autofree float *to = g_new (float, QUERIES *COLS);
  const gsize matrix = (gsize) HEADS * QUERIES * KEYS * sizeof (float);

  g_assert_cmpuint (attend (0, to), <, matrix / 4);
  check_mean (to, 0.5f);
}

/* Of keys that are all alike the first ones are kept. */
static void
test_top_of_many (void)
{
  g_autofree float *to = g_new (float, QUERIES *COLS);
  const gsize matrix = (gsize) HEADS * QUERIES * KEYS * sizeof (float);

  g_assert_cmpuint (attend (5, to), <, matrix / 4);
  check_mean (to, 2.0f / (KEYS - 1));
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
  status = g_test_run ();
  vlf_device_unref (device);
  return status;
}
