/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Do two safetensors files agree?
 *   compare FOUND EXPECTED    every tensor of EXPECTED is in FOUND with type and shape; F32 within 1e-4 and within 1e-3 of the tensor's
 * standard deviation, others bit for bit. Prints what does not; exit status 1 if anything. */
#include "models/safetensors.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static double
deviation (const float *x, gsize n)
{
  double sum = 0, squares = 0;

  for (gsize i = 0; i < n; i++)
    sum += x[i];
  for (gsize i = 0; i < n; i++)
    squares += (x[i] - sum / (double) n) * (x[i] - sum / (double) n);
  return sqrt (squares / (double) n);
}

static gboolean
numbers_agree (const char *name, const float *found, const float *expected, gsize n)
{
  double worst = 0, bound = n < 2 ? 1e-4 : MIN (1e-4, 1e-3 * deviation (expected, n));

  for (gsize i = 0; i < n; i++) {
    double difference = fabs ((double) found[i] - expected[i]);

    worst = difference <= worst ? worst : difference; /* NaN is the worst */
  }
  if (worst <= bound)
    return TRUE;
  printf ("%s: off by %g, allowed %g\n", name, worst, bound);
  return FALSE;
}

static gboolean
tensors_agree (const VlfSafetensors *found, const VlfSafetensors *expected, const VlfTensorInfo *e)
{
  const VlfTensorInfo *f = vlf_safetensors_lookup (found, e->name);
  g_autofree gpointer a = g_malloc (e->bytes + 1), b = g_malloc (e->bytes + 1);

  if (!f || f->type != e->type || f->rank != e->rank || memcmp (f->shape, e->shape, e->rank * sizeof *e->shape) != 0) {
    printf ("%s: absent, or of another type or shape\n", e->name);
    return FALSE;
  }
  if (!vlf_safetensors_read (found, f, 0, e->bytes, a, NULL) ||
      !vlf_safetensors_read (expected, e, 0, e->bytes, b, NULL)) {
    printf ("%s: cannot be read\n", e->name);
    return FALSE;
  }
  if (e->type == VLF_TENSOR_F32)
    return numbers_agree (e->name, a, b, e->elements);
  if (memcmp (a, b, e->bytes) == 0)
    return TRUE;
  printf ("%s: differs\n", e->name);
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSafetensors) found = argc == 3 ? vlf_safetensors_open_file (argv[1], &error) : NULL;
  g_autoptr (VlfSafetensors) expected = found ? vlf_safetensors_open_file (argv[2], &error) : NULL;
  gboolean agree = expected != NULL && vlf_safetensors_size (expected) > 0;

  if (error)
    printf ("%s\n", error->message);
  for (guint i = 0; expected && i < vlf_safetensors_size (expected); i++)
    agree = tensors_agree (found, expected, vlf_safetensors_nth (expected, i)) && agree;
  return agree ? 0 : 1;
}
