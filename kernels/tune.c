/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/tune.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/tiles.h"

#define ROUNDS    5u    /* of which the median and the least count; candidates take turns */
#define WARM      3u    /* before the first round */
#define WORTH     0.97  /* of the time before: more than noise */
#define CLOSE     1e-4f /* to the reference */
#define SIDE      384u  /* columns of products */
#define MAX_TRIED 8u

/* Something to time: operands and what is done with them. */
typedef struct Work Work;
struct Work {
  VlfTensor (*enqueue) (VlfPass *pass, const Work *work);
  guint rows, cols, inner;
  VlfConstant *x, *scale;
  VlfWeight *up, *down;
};

typedef struct {
  VlfDevice *device, *reference;
  VlfQueue *queue, *reference_queue;
  VlfTiles *tiles; /* of the device, which every launch looks up */
  gint64 end;
  double gains;
  guint n_gains, tried;
} Tuner;

static gboolean
read_numbers (gpointer user, guint first, guint n, gpointer to, GError **error G_GNUC_UNUSED)
{
  const guint cols = GPOINTER_TO_UINT (user);
  guint32 state = first * 2654435761u + 1;
  float *numbers = to;

  for (gsize i = 0; i < (gsize) n * cols; i++) {
    state = state * 1664525u + 1013904223u;
    numbers[i] = (float) (gint32) state * 0x1p-35f;
  }
  return TRUE;
}

static VlfSource
numbers (guint rows, guint cols)
{
  return (VlfSource){ VLF_F32, rows, cols, read_numbers, GUINT_TO_POINTER (cols) };
}

static gboolean
work_open (Work *work, VlfDevice *device, GError **error)
{
  const VlfSource x = numbers (work->rows, work->cols), scale = numbers (1, work->cols);
  const VlfSource up = numbers (work->inner, work->cols), down = numbers (work->cols, work->inner);

  work->x = vlf_constant_new (device, &x, error);
  work->scale = work->x ? vlf_constant_new (device, &scale, error) : NULL;
  work->up = work->scale ? vlf_weight_new (device, &up, NULL, 1, VLF_F32, error) : NULL;
  work->down = work->up ? vlf_weight_new (device, &down, NULL, 1, VLF_F32, error) : NULL;
  return work->down != NULL;
}

static void
work_close (Work *work)
{
  vlf_constant_free (work->x);
  vlf_constant_free (work->scale);
  vlf_weight_free (work->up);
  vlf_weight_free (work->down);
}

static VlfTensor
product (VlfPass *pass, const Work *work)
{
  return vlf_linear (pass, work->x->tensor, work->up, VLF_GELU, NULL);
}

/* The part of a layer that computes row by row. */
static VlfTensor
layer (VlfPass *pass, const Work *work)
{
  const VlfNorm norm = { work->scale->tensor, work->scale->tensor, 1e-5f };
  VlfTensor h = vlf_linear (pass, vlf_norm (pass, work->x->tensor, &norm), work->up, VLF_GELU, NULL);

  return vlf_linear (pass, h, work->down, VLF_NONE, &work->x->tensor);
}

static VlfTensor
attention (VlfPass *pass, const Work *work)
{
  return vlf_attention (pass, work->x->tensor, work->x->tensor, work->x->tensor, work->cols / 64, NULL);
}

/* One pass of @work; its milliseconds, or a negative number. @to: what it finds, or NULL. */
static double
run (VlfQueue *queue, const Work *work, float *to, GError **error)
{
  const gint64 start = g_get_monotonic_time ();
  VlfPass *pass = vlf_pass_begin (queue);
  VlfTensor y = work->enqueue (pass, work);

  if (to)
    vlf_output (pass, y, to);
  return vlf_pass_end (pass, error) ? (double) (g_get_monotonic_time () - start) / 1e3 : -1;
}

static int
by_value (const void *a, const void *b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Milliseconds of all rounds, the least first. */
typedef struct {
  double ms[ROUNDS];
} Times;

/* By more than noise, which may well change one of the two. */
static gboolean
is_quicker (const Times *now, const Times *before)
{
  return now->ms[ROUNDS / 2] < WORTH * before->ms[ROUNDS / 2] && now->ms[0] < WORTH * before->ms[0];
}

/* Times of @work with each of the @n @candidates in @setting, by turns. */
static gboolean
time_candidates (Tuner *t, const Work *work, guint *setting, const guint *candidates, guint n, Times *times,
                 GError **error)
{
  for (guint round = 0; round < WARM + ROUNDS; round++) {
    for (guint i = 0; i < n; i++) {
      double ms;

      *setting = candidates[i];
      ms = run (t->queue, work, NULL, error);
      if (ms < 0)
        return FALSE;
      if (round >= WARM)
        times[i].ms[round - WARM] = ms;
    }
  }
  for (guint i = 0; i < n; i++)
    qsort (times[i].ms, ROUNDS, sizeof (double), by_value);
  return TRUE;
}

static guint
count_results (const Work *work)
{
  return work->rows * MAX (work->cols, work->inner);
}

/* Whether @work gives with @now in @setting what it gives with @before, to the bit, and what the reference gives. */
static gboolean
is_right (Tuner *t, Work *work, guint *setting, guint before, guint now)
{
  const gsize n = count_results (work);
  g_autofree float *old = g_new0 (float, n), *new = g_new0 (float, n), *reference = g_new0 (float, n);
  Work same = *work;
  gboolean right;

  *setting = before;
  right = run (t->queue, work, old, NULL) >= 0;
  *setting = now;
  right = right && run (t->queue, work, new, NULL) >= 0 && memcmp (old, new, n * sizeof *old) == 0;
  right = right && work_open (&same, t->reference, NULL) && run (t->reference_queue, &same, reference, NULL) >= 0;
  for (gsize i = 0; i < n && right; i++)
    right = fabsf (new[i] - reference[i]) <= CLOSE * (1 + fabsf (reference[i])); /* a NaN is not */
  if (right)
    work_close (&same);
  return right;
}

/* Leaves in @setting the quickest of @candidates, of which the first one is what it is now. */
static gboolean
choose (Tuner *t, Work *work, guint *setting, const guint *candidates, guint n, GError **error)
{
  const guint before = *setting;
  Times times[MAX_TRIED];
  guint best = 0;
  gboolean good;

  if (g_get_monotonic_time () > t->end)
    return TRUE;
  good = work_open (work, t->device, error) && time_candidates (t, work, setting, candidates, n, times, error);
  for (guint i = 1; i < n && good; i++)
    best = times[i].ms[0] < times[best].ms[0] ? i : best;
  *setting = before;
  if (good && is_quicker (&times[best], &times[0]) && is_right (t, work, setting, before, candidates[best])) {
    *setting = candidates[best];
    t->gains += times[0].ms[0] / times[best].ms[0];
    t->n_gains++;
  } else {
    *setting = before;
  }
  t->tried += n;
  work_close (work);
  return good;
}

/* What to try: what is set @now, first, and each other of @all up to @most, to @candidates; how many. */
static guint
list_candidates (guint now, const guint *all, guint n_all, guint most, guint *candidates)
{
  guint n = 0;

  candidates[n++] = now;
  for (guint i = 0; i < n_all; i++)
    if (all[i] <= most && all[i] != now)
      candidates[n++] = all[i];
  return n;
}

static gboolean
tune_heights (Tuner *t, GError **error)
{
  static const guint heights[] = { 12, 10, 8, 6, 5, 4, 3 };
  const guint width = ((const VlfClDevice *) t->device->cl)->width;

  G_STATIC_ASSERT (G_N_ELEMENTS (heights) < MAX_TRIED);
  for (guint bucket = 0; bucket < VLF_TILES_BUCKETS; bucket++) {
    Work work = { .enqueue = product, .rows = vlf_tiles_rows (bucket), .cols = SIDE, .inner = SIDE };
    guint *height = &t->tiles->heights[bucket], candidates[MAX_TRIED];
    const guint most = vlf_tiles_shipped (width).heights[bucket];
    const guint n = list_candidates (*height, heights, G_N_ELEMENTS (heights), most, candidates);

    if (!choose (t, &work, height, candidates, n, error))
      return FALSE;
  }
  return TRUE;
}

/* From the smallest weights on: those of a layer of so many columns join chains where that is quicker. */
static gboolean
tune_chains (Tuner *t, GError **error)
{
  static const guint cols[] = { 192, 256, 384, 512 };

  for (guint i = 0; i < G_N_ELEMENTS (cols); i++) {
    Work work = { .enqueue = layer, .rows = 257, .cols = cols[i], .inner = 4 * cols[i] };
    const guint kib = cols[i] * cols[i] * 4 * (guint) sizeof (float) / 1024, now = t->tiles->chain_kib;
    const guint candidates[] = { now, now >= kib ? kib - 1 : kib };

    if (!choose (t, &work, &t->tiles->chain_kib, candidates, 2, error))
      return FALSE;
    if (t->tiles->chain_kib < kib)
      break;
  }
  return TRUE;
}

static gboolean
tune_attention (Tuner *t, GError **error)
{
  static const guint parts[] = { 1, 2, 3, 4, 6 };
  Work work = { .enqueue = attention, .rows = 257, .cols = 128, .inner = 1 };
  guint candidates[MAX_TRIED];
  const guint n = list_candidates (t->tiles->parts, parts, G_N_ELEMENTS (parts), G_MAXUINT, candidates);

  return choose (t, &work, &t->tiles->parts, candidates, n, error);
}

gboolean
vlf_device_tune (VlfDevice *device, double seconds, VlfTuning *tuning, GError **error)
{
  Tuner t = { .device = device, .end = g_get_monotonic_time () + (gint64) (seconds * 1e6) };
  VlfTiles before;
  gboolean good;

  *tuning = (VlfTuning){ .gain = 1 };
  if (device->family != VLF_FAMILY_CPU) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
                 "%s: there is nothing to tune; expected a processor with OpenCL", device->name);
    return FALSE;
  }
  t.tiles = &((VlfClDevice *) device->cl)->tiles;
  t.queue = vlf_queue_new (device, error);
  t.reference = t.queue ? vlf_device_open ("reference", error) : NULL;
  t.reference_queue = t.reference ? vlf_queue_new (t.reference, error) : NULL;
  before = *t.tiles;
  good = t.reference_queue && tune_heights (&t, error) && tune_chains (&t, error) && tune_attention (&t, error);
  if (good) {
    vlf_tiles_store (device, t.tiles);
    tuning->before = vlf_tiles_print (&before);
    tuning->after = vlf_tiles_print (t.tiles);
    tuning->gain = t.n_gains ? t.gains / t.n_gains : 1;
    tuning->tried = t.tried;
  } else {
    *t.tiles = before;
  }
  vlf_queue_free (t.reference_queue);
  vlf_device_unref (t.reference);
  vlf_queue_free (t.queue);
  return good;
}

void
vlf_tuning_clear (VlfTuning *tuning)
{
  g_free (tuning->before);
  g_free (tuning->after);
}
