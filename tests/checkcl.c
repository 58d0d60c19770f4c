/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checkcl: every operation on a device against the plain C reference, on random shapes that hurt: 1, primes, a tile and one more or
 * less, views into wider tensors, broadcasts. One TAP line per operation; a failure names its seed, shape and distance.
 *
 *   checkcl [--device NAME] [--expect-family cpu|gpu] [--needs FILE] [--rounds N] [--seed N] [--tier amx|gpu] [--bench] */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "kernels/ops_cl.h"
#include "kernels/tier.h"
#include "tests/amx-trap.h"
#include "tests/checkcl.h"

#define DEFAULT_ROUNDS 40
#define GPU_BY_HAND    (VLF_TIER_MMA | VLF_TIER_SUBGROUPS | VLF_TIER_BY_HAND)
#define MAX_SHOWN      8 /* failures of a row that are told in full */

guint
vlf_check_any (Check *c, ...)
{
  guint values[32], n = 0, value;
  va_list args;

  va_start (args, c);
  while (n < G_N_ELEMENTS (values) && (value = va_arg (args, guint)) != 0)
    values[n++] = value;
  va_end (args);
  for (guint i = 1; c->largest && i < n;) {
    if (values[i] > c->largest)
      values[i] = values[--n];
    else
      i++;
  }
  return values[g_rand_int_range (c->rand, 0, (gint) n)];
}

gboolean
vlf_check_maybe (Check *c)
{
  return g_rand_boolean (c->rand);
}

/* A random matrix in the middle of a wider one, so that strides differ from widths. */
Input *
vlf_check_input (Check *c, guint batch, guint rows, guint cols)
{
  Input *x = g_new0 (Input, 1);
  gsize n;

  *x = (Input){ .batch = batch, .rows = rows, .cols = cols };
  if (vlf_check_maybe (c)) {
    x->left = vlf_check_any (c, 1, 4, 32, 0);
    x->right = vlf_check_any (c, 1, 3, 64, 0);
    x->above = vlf_check_any (c, 1, 2, 0);
  }
  n = (gsize) batch * (x->above + rows) * (x->left + cols + x->right);
  x->data = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    x->data[i] = (float) g_rand_double_range (c->rand, -1, 1);
  g_ptr_array_add (c->inputs, x);
  return x;
}

static void
input_free (gpointer data)
{
  Input *x = data;

  g_free (x->data);
  g_free (x);
}

VlfTensor
vlf_check_send (VlfPass *pass, const Input *x)
{
  VlfTensor all = vlf_input (pass, x->data, x->batch, x->above + x->rows, x->left + x->cols + x->right);

  return vlf_cols (vlf_rows (all, x->above, x->rows), x->left, x->cols);
}

/* One side's answer; NULL with the error in @c. */
static float *
run_side (Check *c, guint side, Op op, gpointer user, gsize *n)
{
  VlfPass *pass = vlf_pass_begin (c->queues[side]);
  VlfTensor y = op (pass, side, user);
  float *to;

  *n = (gsize) y.batch * y.rows * y.cols;
  to = g_new (float, *n + 1);
  for (gsize i = 0; i < *n; i++)
    to[i] = NAN;
  vlf_output (pass, y, to);
  g_clear_error (&c->error);
  if (vlf_pass_end (pass, &c->error))
    return to;
  g_free (to);
  return NULL;
}

static void
fail (Check *c, const gchar *shape, const gchar *what)
{
  if (c->failed++ < MAX_SHOWN)
    g_print ("# %s, seed %u: %s\n", shape, c->seed, what);
}

/* The largest distance relative to the largest number that is expected, but at least to 0.01 of the operands' size of 1: activations may
 * send all of a small result to almost nothing. Infinite where something is no number. */
static double
distance (const float *found, const float *expected, gsize n)
{
  double worst = 0, scale = 0.01;

  for (gsize i = 0; i < n; i++) {
    if (!isfinite (found[i]))
      return INFINITY;
    worst = MAX (worst, fabs ((double) found[i] - expected[i]));
    scale = MAX (scale, fabs (expected[i]));
  }
  return worst / scale;
}

float *
vlf_check_compare (Check *c, Op op, gpointer user, double tolerance, const gchar *shape)
{
  gsize n, again_n, expected_n;
  float *found = run_side (c, DEVICE, op, user, &n);
  g_autofree float *again = found ? run_side (c, DEVICE, op, user, &again_n) : NULL;
  g_autofree float *expected = again ? run_side (c, REFERENCE, op, user, &expected_n) : NULL;
  double d;

  c->cases++;
  if (!expected) {
    fail (c, shape, c->error->message);
  } else if (n != expected_n || n != again_n) {
    fail (c, shape, "results differ in size");
  } else if (memcmp (found, again, n * sizeof *found) != 0) {
    fail (c, shape, "the same input made other bits");
  } else {
    d = distance (found, expected, n);
    c->worst = MAX (c->worst, d);
    if (!(d <= tolerance)) {
      g_autofree gchar *what = g_strdup_printf ("off by %.2e of the largest; allowed are %.0e", d, tolerance);

      fail (c, shape, what);
    }
  }
  if (!expected)
    g_clear_pointer (&found, g_free);
  return found;
}

void
vlf_check_that (Check *c, gboolean good, const gchar *shape, const gchar *what)
{
  if (!good)
    fail (c, shape, what);
}

static double
processor_time (void)
{
  struct timespec now = { 0 };

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

double
vlf_check_processor_time (Check *c, Op op, gpointer user, guint times)
{
  VlfPass *pass = vlf_pass_begin (c->queues[DEVICE]);
  const double start = processor_time ();

  for (guint i = 0; i < times; i++) {
    guint scope = vlf_pass_open (pass);

    op (pass, DEVICE, user);
    vlf_pass_close (pass, scope, (VlfTensor){ 0 });
  }
  return vlf_pass_end (pass, NULL) ? (processor_time () - start) / times : INFINITY;
}

/* Seconds of one of @times runs of @op in one pass, the best of five passes, or of fewer that take a second. */
double
vlf_check_time (Check *c, Op op, gpointer user, guint times)
{
  gint64 best = G_MAXINT64, all = 0;

  for (guint i = 0; i < 5 && all < G_USEC_PER_SEC; i++) {
    VlfPass *pass = vlf_pass_begin (c->queues[DEVICE]);
    gint64 start = g_get_monotonic_time ();

    for (guint j = 0; j < times; j++) {
      guint scope = vlf_pass_open (pass);

      op (pass, DEVICE, user);
      vlf_pass_close (pass, scope, (VlfTensor){ 0 });
    }
    if (!vlf_pass_end (pass, NULL))
      return INFINITY;
    start = g_get_monotonic_time () - start;
    best = MIN (best, start);
    all += start;
  }
  return best * 1e-6 / times;
}

/* An operation's line: @rounds random cases, each from a seed of its own. */
static gboolean
check_row (Check *c, guint number, const Row *row, guint rounds)
{
  c->cases = c->failed = 0;
  c->worst = 0;
  for (guint i = 0; i < rounds; i++) {
    c->seed = c->base_seed + i;
    g_rand_set_seed (c->rand, c->seed);
    row->check (c);
    g_ptr_array_set_size (c->inputs, 0);
  }
  g_print ("%sok %u - %s: %u cases from seed %u, %u failed, worst %.1e\n", c->failed ? "not " : "", number, row->name,
           c->cases, c->base_seed, c->failed, c->worst);
  return c->failed == 0;
}

static gboolean
family_is (const VlfDevice *device, const gchar *expected)
{
  const gchar *names[] = { [VLF_FAMILY_CPU] = "cpu", [VLF_FAMILY_GPU] = "gpu", [VLF_FAMILY_REFERENCE] = "reference" };

  return !expected || strcmp (names[vlf_device_family (device)], expected) == 0;
}

static gboolean
open_sides (Check *c, const gchar *name, GError **error)
{
  c->devices[DEVICE] = vlf_device_open (name, error);
  c->devices[REFERENCE] = c->devices[DEVICE] ? vlf_device_open ("reference", error) : NULL;
  for (guint i = 0; i < 2; i++) {
    c->queues[i] = c->devices[REFERENCE] ? vlf_queue_new (c->devices[i], error) : NULL;
    if (!c->queues[i])
      return FALSE;
  }
  return TRUE;
}

static void
close_sides (Check *c)
{
  for (guint i = 0; i < 2; i++) {
    vlf_queue_free (c->queues[i]);
    vlf_device_unref (c->devices[i]);
  }
  g_clear_error (&c->error);
  g_ptr_array_unref (c->inputs);
  g_rand_free (c->rand);
}

/* Kernels with @tier, whatever the device has: with tiles of AMX, or with the steps of matrix instructions and subgroups by hand; FALSE where that is out
 * of the question. */
static gboolean
choose_tier (const gchar *tier)
{
  if (strcmp (tier, "amx") != 0) {
    vlf_tier_assume (GPU_BY_HAND, TRUE);
    return strcmp (tier, "gpu") == 0;
  }
  if (!amx_is_there () && !amx_trap ())
    return FALSE;
  vlf_tier_assume (VLF_TIERS_AMX, !amx_is_there ());
  return TRUE;
}

/* The device has what it should, and where tiles are made by hand it has been seen. */
static gboolean
check_tier (Check *c, guint number, const gchar *tier)
{
  const guint tiers = vlf_cl_tiers (c->devices[DEVICE]), products = amx_trapped_products ();
  const gboolean good =
      strcmp (tier, "amx") != 0 ? tiers == GPU_BY_HAND : tiers == VLF_TIERS_AMX && (amx_is_there () || products > 0);

  g_print ("%sok %u - %s: tiers %u, %u tiles by hand\n", good ? "" : "not ", number, tier, tiers, products);
  return good;
}

static gboolean
check_all (Check *c, guint rounds, const gchar *family, const gchar *tier)
{
  gboolean good = family_is (c->devices[DEVICE], family);
  guint n = 0;

  while (vlf_check_rows[n].name)
    n++;
  g_print ("1..%u\n", n + 1 + (tier != NULL));
  g_print ("%sok 1 - %s takes the %s family\n", good ? "" : "not ", vlf_device_name (c->devices[DEVICE]),
           family ? family : "right");
  for (guint i = 0; i < n; i++) {
    if (!c->only || strcmp (c->only, vlf_check_rows[i].name) == 0)
      good &= check_row (c, i + 2, &vlf_check_rows[i], rounds);
    else
      g_print ("ok %u - %s # SKIP not asked for\n", i + 2, vlf_check_rows[i].name);
  }
  return good & (!tier || check_tier (c, n + 2, tier));
}

int
main (int argc, char **argv)
{
  g_autofree gchar *device = NULL, *family = NULL, *needs = NULL, *tier = NULL;
  g_autofree gchar *only = NULL;
  gint rounds = DEFAULT_ROUNDS, seed = 1, largest = 0;
  gboolean bench = FALSE, good;
  const GOptionEntry entries[] = {
    { "device", 0, 0, G_OPTION_ARG_STRING, &device, "What to check (auto)", "NAME" },
    { "expect-family", 0, 0, G_OPTION_ARG_STRING, &family, "Fail if another family of kernels runs", "cpu|gpu" },
    { "needs", 0, 0, G_OPTION_ARG_FILENAME, &needs, "Skip all where this file is absent", "FILE" },
    { "rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "Random cases per operation", "N" },
    { "seed", 0, 0, G_OPTION_ARG_INT, &seed, "Of the first case; the next one has one more", "N" },
    { "only", 0, 0, G_OPTION_ARG_STRING, &only, "Only the operation of this name", "OPERATION" },
    { "largest", 0, 0, G_OPTION_ARG_INT, &largest, "Of the sizes to choose from, those up to N, or the first", "N" },
    { "tier", 0, 0, G_OPTION_ARG_STRING, &tier, "Multiply by these instructions, by hand where there are none",
      "amx|gpu" },
    { "bench", 0, 0, G_OPTION_ARG_NONE, &bench, "Measure instead", NULL },
    { NULL }
  };
  g_autoptr (GOptionContext) options = g_option_context_new ("- compare a device with the reference");
  g_autoptr (GError) error = NULL;
  Check c = { 0 };

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error)) {
    g_printerr ("%s\n", error->message);
    return 2;
  }
  if (needs && !g_file_test (needs, G_FILE_TEST_EXISTS)) {
    g_print ("1..0 # SKIP %s is not there\n", needs);
    return 0;
  }
  if (tier && !choose_tier (tier)) {
    g_print ("1..0 # SKIP this processor has other instructions\n");
    return 0;
  }
  c.base_seed = (guint32) seed;
  c.largest = (guint) MAX (largest, 0);
  c.only = only;
  c.rand = g_rand_new ();
  c.inputs = g_ptr_array_new_with_free_func (input_free);
  good = open_sides (&c, device, &error);
  if (!good)
    g_printerr ("%s\n", error->message);
  else
    good = bench ? vlf_check_bench (&c) : check_all (&c, (guint) MAX (rounds, 1), family, tier);
  close_sides (&c);
  return good ? 0 : 1;
}
