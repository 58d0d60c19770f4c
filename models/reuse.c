/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/reuse.h"
#include <stdlib.h>
#include <string.h>
#include "models/keep.h"

/* Mean square of a patch's change, in the model's normalised pixels, that is taken for noise: about 2 of 256 levels with CLIP's
 * normalisation. */
#define NOISE 1e-3f

/* Of so many patches one, those that words looked at most, is fresh whether it changed or not. */
#define ATTENDED 10u

struct _VlfReuse {
  VlfDevice *device;
  gboolean filled;   /* a frame was seen */
  VlfReuseMode mode; /* how */
  VlfKeep *tower;    /* of see() */
  VlfKeep *seen;     /* its result */
  VlfSight sight;    /* the same */
  VlfKeep *pixels;   /* the references of all patches, one tensor */
  VlfTensor references;
  guint age;          /* frames since all rows were fresh; 0: none of them changed since */
  guint n, total;     /* fresh rows, all rows; class token included */
  guint32 *rows;      /* [n] fresh ones, the class token's first */
  guint32 *cells;     /* [n - 1] the same as places in the grid */
  gboolean *attended; /* [total - 1] see vlf_reuse_attend() */
};

VlfReuse *
vlf_reuse_new (VlfDevice *device)
{
  VlfReuse *reuse = g_new0 (VlfReuse, 1);

  reuse->device = device;
  reuse->tower = vlf_keep_new (device);
  reuse->seen = vlf_keep_new (device);
  reuse->pixels = vlf_keep_new (device);
  return reuse;
}

void
vlf_reuse_free (VlfReuse *reuse)
{
  if (!reuse)
    return;
  vlf_keep_free (reuse->tower);
  vlf_keep_free (reuse->seen);
  vlf_keep_free (reuse->pixels);
  g_free (reuse->rows);
  g_free (reuse->cells);
  g_free (reuse->attended);
  g_free (reuse);
}

void
vlf_reuse_flush (VlfReuse *reuse)
{
  reuse->filled = FALSE;
}

gboolean
vlf_reuse_unchanged (const VlfReuse *reuse)
{
  return reuse->n == 0;
}

const guint32 *
vlf_reuse_rows (const VlfReuse *reuse, guint *n)
{
  *n = reuse->n;
  return reuse->n > 0 && reuse->n < reuse->total ? reuse->rows : NULL;
}

double
vlf_reuse_share (const VlfReuse *reuse)
{
  return 1.0 - (double) reuse->n / reuse->total;
}

static int
by_size (const void *a, const void *b)
{
  const float x = *(const float *) a, y = *(const float *) b;

  return (x < y) - (x > y);
}

void
vlf_reuse_attend (VlfReuse *reuse, const VlfResult *result)
{
  const guint cells = result->rows * result->cols, most = cells / ATTENDED;
  g_autofree float *sums = g_new0 (float, 2 * (gsize) cells);
  float *sorted = sums + cells;

  if (cells + 1 != reuse->total)
    return;
  for (guint i = 0; i < result->n_prompts; i++)
    for (guint cell = 0; cell < cells && result->prompts[i].map; cell++)
      sums[cell] += result->prompts[i].map[cell];
  memcpy (sorted, sums, cells * sizeof *sums);
  qsort (sorted, cells, sizeof *sorted, by_size);
  for (guint cell = 0; cell < cells; cell++)
    reuse->attended[cell] = sums[cell] > sorted[most];
}

/* What is not a number has changed. */
static guint
count_changed (const float *distances, guint cells, float noise)
{
  guint n = 0;

  for (guint i = 0; i < cells; i++)
    n += !(distances[i] <= noise);
  return n;
}

static void
choose_rows (VlfReuse *reuse, const float *distances, guint cells)
{
  const gboolean exact = reuse->mode == VLF_REUSE_EXACT, due = reuse->age + 1 >= VLF_REUSE_INTERVAL;
  const float noise = exact ? 0.0f : NOISE;
  const guint changed = count_changed (distances, cells, noise);
  guint n = 0;

  if (changed == 0 && !due)
    reuse->n = 0;
  if (changed == 0 || exact || due || 2 * changed > cells)
    return;
  reuse->rows[n++] = 0;
  for (guint i = 0; i < cells; i++) {
    if (distances[i] <= noise && !reuse->attended[i])
      continue;
    reuse->cells[n - 1] = i;
    reuse->rows[n++] = i + 1;
  }
  reuse->n = n;
}

/* Sets which rows are fresh. */
static void
compare (VlfReuse *reuse, VlfPass *pass, VlfTensor patches)
{
  g_autofree float *distances = NULL;

  reuse->n = reuse->total = patches.rows + 1;
  if (!reuse->filled || vlf_pass_failed (pass))
    return;
  distances = g_new0 (float, patches.rows);
  vlf_output (pass, vlf_row_distances (pass, patches, reuse->references), distances);
  if (vlf_pass_wait (pass))
    choose_rows (reuse, distances, patches.rows);
}

/* The fresh patches are what is computed from now. */
static void
refer (VlfReuse *reuse, VlfPass *pass, VlfTensor patches)
{
  if (reuse->n == reuse->total) {
    vlf_keep_begin (reuse->pixels, NULL, 0);
    reuse->references = vlf_keep_whole (pass, reuse->pixels, patches);
  } else {
    vlf_scatter_rows (pass, vlf_gather_rows (pass, patches, reuse->cells, reuse->n - 1), reuse->cells,
                      reuse->references);
  }
}

/* All rows of what was seen, in memory. */
static VlfSight
keep_sight (VlfReuse *reuse, VlfPass *pass, const VlfNet *net, VlfSight sight)
{
  VlfTensor *rows[VLF_MAX_FUSION_LAYERS + 3];
  guint n = 0, n_fresh;
  const guint32 *fresh = vlf_reuse_rows (reuse, &n_fresh);

  for (guint i = 0; i < net->layers; i++)
    rows[n++] = &sight.taps[i];
  rows[n++] = &sight.last;
  rows[n++] = &sight.entry.state;
  rows[n++] = &sight.entry.keys_values;
  vlf_keep_begin (reuse->seen, fresh, n_fresh);
  for (guint i = 0; i < n; i++)
    if (rows[i]->buffer)
      *rows[i] = vlf_keep_rows (pass, reuse->seen, *rows[i]);
  if (sight.embedding.buffer)
    sight.embedding = vlf_keep_whole (pass, reuse->seen, sight.embedding);
  return sight;
}

VlfSight
vlf_reuse_see (VlfReuse *reuse, VlfReuseMode mode, const VlfNet *net, VlfPass *pass, VlfTensor patches)
{
  guint n;
  const guint32 *rows;

  reuse->filled = reuse->filled && reuse->mode == mode;
  reuse->mode = mode;
  if (reuse->total != patches.rows + 1) {
    reuse->rows = g_renew (guint32, reuse->rows, patches.rows + 1);
    reuse->cells = g_renew (guint32, reuse->cells, patches.rows + 1);
    g_free (reuse->attended);
    reuse->attended = g_new0 (gboolean, patches.rows + 1);
  }
  compare (reuse, pass, patches);
  if (reuse->n > 0) {
    rows = vlf_reuse_rows (reuse, &n);
    refer (reuse, pass, patches);
    vlf_keep_begin (reuse->tower, rows, n);
    reuse->sight = keep_sight (
        reuse, pass, net, net->arch->see (net, pass, patches, mode == VLF_REUSE_APPROXIMATE ? reuse->tower : NULL));
  }
  reuse->age = reuse->n == reuse->total || (reuse->n == 0 && reuse->age == 0) ? 0 : reuse->age + 1;
  reuse->filled = !vlf_pass_failed (pass);
  return reuse->sight;
}
