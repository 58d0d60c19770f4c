/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlf-probe DEVICE TIERS [KEY]: builds the kernels with the instructions of TIERS, a sum of VlfTier, and compares their products with ones
 * made by hand, and what work-items share with the reference. Prints "proven" and ends with 0 if all are exact and those of 16 bits are
 * quicker than f32; ends with 2 where it could not try: the device does not open, memory is short, or these kernels are not those of KEY;
 * anything else, a crash included, is a refusal. With KEY it ends after VLF_TIER_LIMIT and keeps its verdict there. See tier.h. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "kernels/int8.h"
#include "kernels/ops_cl.h"
#include "kernels/program.h"
#include "kernels/tier.h"

#define MAX_ROWS    85u
#define MAX_INPUTS  3072u
#define MAX_OUTPUTS 97u

/* Of what work-items share. */
#define SHARED_ROWS  37u
#define SHARED_COLS  136u
#define SHARED_CLOSE 1e-5f

/* Of the product whose time counts, and how often it is taken. A GPU is filled by more than a processor is, and less would time how launches
 * are made. */
#define TIMED_ROWS  192u
#define TIMED_SIDE  512u
#define FILLED_ROWS 2048u
#define FILLED_SIDE 1024u
#define TIMED_TIMES 25u

/* Whole numbers that make results exact: for bytes the largest is 127, so that scales are 1; for 16 bits, which are summed in f32, 16. */
typedef struct {
  VlfDType stored;
  gint most;
  guint rows, inputs, outputs;
  float x[MAX_ROWS * MAX_INPUTS], w[MAX_OUTPUTS * MAX_INPUTS], y[MAX_ROWS * MAX_OUTPUTS];
} Product;

static gboolean starved; /* something failed for want of memory, which says nothing about instructions */

/* FALSE. Takes @error. */
static gboolean
failed (GError *error)
{
  starved |= g_error_matches (error, VLF_ERROR, VLF_ERROR_NO_MEMORY);
  g_clear_error (&error);
  return FALSE;
}

static gboolean
end_pass (VlfPass *pass)
{
  GError *error = NULL;

  return vlf_pass_end (pass, &error) || failed (error);
}

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
draw (GRand *rand, gint most, gboolean extreme, float *to, guint rows, guint cols)
{
  for (gsize i = 0; i < (gsize) rows * cols; i++) {
    to[i] = (float) g_rand_int_range (rand, -most, most + 1);
    if (extreme || i % cols == 0)
      to[i] = (float) (to[i] < 0 ? -most : most);
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
  GError *error = NULL;
  g_autoptr (VlfWeight) weight = vlf_weight_new (vlf_queue_device (queue), &source, NULL, 1, p->stored, &error);
  VlfPass *pass;

  if (!weight)
    return failed (error);
  memset (p->y, 0, sizeof p->y);
  pass = vlf_pass_begin (queue);
  vlf_output (pass, vlf_linear (pass, vlf_input (pass, p->x, 1, p->rows, p->inputs), weight, VLF_NONE, NULL), p->y);
  return end_pass (pass) && is_exact (p);
}

static gboolean
try_all (VlfQueue *queue, VlfDType stored, gint most)
{
  static const guint inputs[] = { 4, 64, 97, 768, MAX_INPUTS };
  Product *p = g_new (Product, 1);
  GRand *rand = g_rand_new_with_seed (8);
  gboolean good = TRUE;

  p->stored = stored;
  p->most = most;
  for (guint i = 0; i < G_N_ELEMENTS (inputs) && good; i++) {
    for (p->rows = 1; p->rows <= MAX_ROWS && good; p->rows += p->rows < 13 ? 1 : 24) {
      p->inputs = inputs[i];
      p->outputs = p->rows % 2 ? MAX_OUTPUTS : 64;
      draw (rand, most, p->rows % 4 == 3, p->x, p->rows, p->inputs);
      draw (rand, most, p->rows % 8 == 7, p->w, p->outputs, p->inputs);
      good = try_product (queue, p);
    }
  }
  g_rand_free (rand);
  g_free (p);
  return good;
}

/* Of this process where its processors compute, by the clock where a GPU does. */
static double
seconds (const VlfDevice *device)
{
  struct timespec now = { 0 };

  clock_gettime (vlf_device_family (device) == VLF_FAMILY_CPU ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

/* The time that a few products take, INFINITY where they fail. */
static double
time_product (VlfQueue *queue, VlfTensor a, const VlfWeight *weight)
{
  const VlfDevice *device = vlf_queue_device (queue);
  double start = seconds (device);
  VlfPass *pass = vlf_pass_begin (queue);

  for (guint i = 0; i < 4; i++)
    a = vlf_linear (pass, a, weight, VLF_NONE, NULL);
  return end_pass (pass) ? seconds (device) - start : INFINITY;
}

/* Whether products of what is @stored take less time than in f32, as some processors have the instruction for convenience only. */
static gboolean
pays (VlfQueue *queue, VlfDType stored)
{
  VlfDevice *device = vlf_queue_device (queue);
  const gboolean gpu = vlf_device_family (device) == VLF_FAMILY_GPU;
  const guint rows = gpu ? FILLED_ROWS : TIMED_ROWS, side = gpu ? FILLED_SIDE : TIMED_SIDE;
  g_autofree Product *zeros = g_new0 (Product, 1);
  g_autofree float *numbers = g_new0 (float, (gsize) rows *side);
  GError *error = NULL;
  g_autoptr (VlfConstant) x = vlf_constant_new_from_data (device, numbers, 1, rows, side, &error);
  VlfSource parts[FILLED_SIDE / 64];
  g_autoptr (VlfWeight) exact = NULL, dot = NULL;
  double exact_best = INFINITY, dot_best = INFINITY;

  zeros->inputs = side;
  for (guint i = 0; i < side / 64; i++)
    parts[i] = (VlfSource){ VLF_F32, 64, side, read_weight, zeros };
  if (x)
    exact = vlf_weight_new (device, parts, NULL, side / 64, VLF_F32, &error);
  if (exact)
    dot = vlf_weight_new (device, parts, NULL, side / 64, stored, &error);
  if (!dot)
    return failed (error);
  for (guint i = 0; i < TIMED_TIMES; i++) {
    exact_best = MIN (exact_best, time_product (queue, x->tensor, exact));
    dot_best = MIN (dot_best, time_product (queue, x->tensor, dot));
  }
  return dot_best < exact_best;
}

/* Products of 16 bits, if @tiers have those of @these; nobody expects what is done by hand to pay. */
static gboolean
try_halves (VlfQueue *queue, VlfDType stored, guint tiers, guint these)
{
  if (!(tiers & these))
    return TRUE;
  return try_all (queue, stored, 16) && (tiers & VLF_TIER_BY_HAND || pays (queue, stored));
}

/* Numbers that take sums and maxima of rows, and of queries in attention: @x [SHARED_ROWS, SHARED_COLS] to @y of the same shape. */
static gboolean
share (VlfQueue *queue, const float *x, float *y)
{
  VlfPass *pass = vlf_pass_begin (queue);
  VlfTensor a = vlf_input (pass, x, 1, SHARED_ROWS, SHARED_COLS);
  VlfNorm norm = { vlf_rows (a, 0, 1), vlf_rows (a, 1, 1), 1e-5f };

  a = vlf_normalize (pass, vlf_norm (pass, a, &norm));
  vlf_output (pass, vlf_attention (pass, a, a, a, 2, NULL), y);
  return end_pass (pass);
}

/* Whether they are those of the reference. */
static gboolean
try_shared (VlfQueue *queue)
{
  GError *error = NULL;
  g_autoptr (VlfDevice) reference = vlf_device_open ("reference", &error);
  g_autoptr (VlfQueue) other = reference ? vlf_queue_new (reference, &error) : NULL;
  float x[SHARED_ROWS * SHARED_COLS], found[SHARED_ROWS * SHARED_COLS], expected[SHARED_ROWS * SHARED_COLS];
  GRand *rand = g_rand_new_with_seed (9);

  for (guint i = 0; i < G_N_ELEMENTS (x); i++)
    x[i] = (float) g_rand_double_range (rand, -1, 1);
  g_rand_free (rand);
  if (!other)
    return failed (error);
  if (!share (queue, x, found) || !share (other, x, expected))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (x); i++) {
    if (!(fabsf (found[i] - expected[i]) <= SHARED_CLOSE))
      return FALSE;
  }
  return TRUE;
}

static gboolean
try_tiers (VlfQueue *queue, guint tiers)
{
  return vlf_cl_tiers (vlf_queue_device (queue)) == tiers && (!(tiers & VLF_TIER_SUBGROUPS) || try_shared (queue)) &&
         (!(tiers & (VLF_TIERS_BYTES | VLF_TIER_SUBGROUPS)) || try_all (queue, VLF_I8, VLF_INT8_MAX)) &&
         try_halves (queue, VLF_BF16_DOT, tiers, VLF_TIERS_BF16) &&
         try_halves (queue, VLF_F16_DOT, tiers, VLF_TIER_MMA);
}

/* Whether @key is that of the program with @tiers here: whoever asks may be of another version. */
static gboolean
is_asked (const VlfDevice *device, guint tiers, const char *key)
{
  g_autofree gchar *own = vlf_program_key (device->cl, tiers);

  return !key || g_str_equal (key, own);
}

static VlfVerdict
try_device (const char *name, guint tiers, const char *key)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = NULL;
  g_autoptr (VlfQueue) queue = NULL;

  if (tiers == 0 || !vlf_tier_permitted (tiers))
    return VLF_VERDICT_REFUSED;
  device = vlf_device_open (name, NULL);
  if (!device || !is_asked (device, tiers, key))
    return VLF_VERDICT_UNKNOWN;
  queue = vlf_queue_new (device, &error);
  if (!queue && !g_error_matches (error, VLF_ERROR, VLF_ERROR_BUILD))
    return VLF_VERDICT_UNKNOWN;
  if (queue && try_tiers (queue, tiers))
    return VLF_VERDICT_PROVEN;
  return starved ? VLF_VERDICT_UNKNOWN : VLF_VERDICT_REFUSED;
}

/* Whoever started this process may be gone when the driver hangs, and may have left signals blocked. */
static void
limit_time (void)
{
  sigset_t set;

  signal (SIGALRM, SIG_DFL);
  sigemptyset (&set);
  sigaddset (&set, SIGALRM);
  sigprocmask (SIG_UNBLOCK, &set, NULL);
  alarm (VLF_TIER_LIMIT);
}

/* Where memory is short, Linux is to end this process, which may be tried again, and not whoever started it. */
static void
go_first (void)
{
  FILE *file = fopen ("/proc/self/oom_score_adj", "we");

  if (!file)
    return;
  fputs ("1000", file);
  fclose (file);
}

/* Where the answer goes. What GLib and drivers print to standard output from here on goes where their errors go, so that nothing mixes. */
static int
take_output (void)
{
  const int answer = fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

  dup2 (STDERR_FILENO, STDOUT_FILENO);
  return answer;
}

int
main (int argc, char **argv)
{
  const int answer = take_output ();
  const guint tiers = argc >= 3 ? (guint) strtoul (argv[2], NULL, 10) : 0;
  const char *key = argc == 4 ? argv[3] : NULL;
  VlfVerdict verdict;

  if (key) {
    limit_time ();
    go_first ();
  }
  vlf_tier_assume (tiers, FALSE);
  verdict = try_device (argv[1], tiers, key);
  if (key)
    vlf_tier_keep (key, verdict);
  if (verdict == VLF_VERDICT_PROVEN)
    dprintf (answer, "proven\n");
  return verdict == VLF_VERDICT_PROVEN    ? EXIT_SUCCESS
         : verdict == VLF_VERDICT_REFUSED ? EXIT_FAILURE
                                          : VLF_TIER_EXIT_UNKNOWN;
}
