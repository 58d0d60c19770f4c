/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlf-probe DEVICE: builds the kernels with every instruction that the processor seems to have, and compares their products with ones made
 * by hand. Prints "proven" and ends with 0 if all are exact; anything else, a crash included, is a refusal. See tier.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/int8.h"
#include "kernels/ops.h"
#include "kernels/tier.h"

#define MAX_ROWS    37u
#define MAX_INPUTS  3072u
#define MAX_OUTPUTS 97u

/* Whole numbers whose largest is 127, so that scales are 1 and results are exact. */
typedef struct {
  guint rows, inputs, outputs;
  float x[MAX_ROWS * MAX_INPUTS], w[MAX_OUTPUTS * MAX_INPUTS], y[MAX_ROWS * MAX_OUTPUTS];
} Product;

static gboolean
read_weight (gpointer user, guint first, guint n, gpointer to, GError **error)
{
  const Product *p = user;

  (void) error;
  memcpy (to, p->w + (gsize) first * p->inputs, (gsize) n * p->inputs * sizeof (float));
  return TRUE;
}

/* @extreme: nothing but the largest numbers, which saturate what may. */
static void
draw (GRand *rand, gboolean extreme, float *to, guint rows, guint cols)
{
  for (gsize i = 0; i < (gsize) rows * cols; i++) {
    to[i] = (float) g_rand_int_range (rand, -VLF_INT8_MAX, VLF_INT8_MAX + 1);
    if (extreme || i % cols == 0)
      to[i] = to[i] < 0 ? -VLF_INT8_MAX : VLF_INT8_MAX;
  }
}

static gboolean
is_exact (const Product *p)
{
  for (guint i = 0; i < p->rows; i++) {
    for (guint o = 0; o < p->outputs; o++) {
      gint32 sum = 0;

      for (guint k = 0; k < p->inputs; k++)
        sum += (gint32) p->x[i * p->inputs + k] * (gint32) p->w[o * p->inputs + k];
      if (p->y[i * p->outputs + o] != (float) sum)
        return FALSE;
    }
  }
  return TRUE;
}

static gboolean
try_product (VlfQueue *queue, Product *p)
{
  VlfSource source = { VLF_F32, p->outputs, p->inputs, read_weight, p };
  g_autoptr (VlfWeight) weight = vlf_weight_new (vlf_queue_device (queue), &source, NULL, 1, VLF_I8, NULL);
  VlfPass *pass;

  if (!weight)
    return FALSE;
  memset (p->y, 0, sizeof p->y);
  pass = vlf_pass_begin (queue);
  vlf_output (pass, vlf_linear (pass, vlf_input (pass, p->x, 1, p->rows, p->inputs), weight, VLF_NONE, NULL), p->y);
  return vlf_pass_end (pass, NULL) && is_exact (p);
}

static gboolean
try_all (VlfQueue *queue)
{
  static const guint inputs[] = { 4, 64, 97, 768, MAX_INPUTS };
  Product *p = g_new (Product, 1);
  GRand *rand = g_rand_new_with_seed (8);
  gboolean good = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (inputs) && good; i++) {
    for (p->rows = 1; p->rows <= MAX_ROWS && good; p->rows += p->rows < 13 ? 1 : 12) {
      p->inputs = inputs[i];
      p->outputs = p->rows % 2 ? MAX_OUTPUTS : 64;
      draw (rand, p->rows % 4 == 3, p->x, p->rows, p->inputs);
      draw (rand, p->rows % 8 == 7, p->w, p->outputs, p->inputs);
      good = try_product (queue, p);
    }
  }
  g_rand_free (rand);
  g_free (p);
  return good;
}

int
main (int argc, char **argv)
{
  g_autoptr (VlfDevice) device = NULL;
  g_autoptr (VlfQueue) queue = NULL;

  vlf_tier_assume ();
  device = argc == 2 ? vlf_device_open (argv[1], NULL) : NULL;
  queue = device ? vlf_queue_new (device, NULL) : NULL;
  if (!queue || !try_all (queue))
    return EXIT_FAILURE;
  puts ("proven");
  return EXIT_SUCCESS;
}
