/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a bank of texts costs beside the image tower: frames with and without it by turns. */
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include "models/bank.h"
#include "models/json.h"
#include "tools/picture.h"
#include "tools/vlf-bench.h"

#define WARM_UP 3u

typedef struct {
  VlfModel *model;
  VlfSession *session;
  VlfBank *bank;
  guint8 *pixels;
  VlfImage frame;
} Subject;

static void
subject_clear (Subject *s)
{
  vlf_session_free (s->session);
  vlf_bank_unref (s->bank);
  vlf_model_unref (s->model);
  g_free (s->pixels);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Subject, subject_clear)

/* @n texts whose embeddings are noise. */
static VlfBank *
make_bank (VlfModel *model, guint n, GRand *random, GError **error)
{
  const guint size = vlf_model_embedding_size (model);
  g_autofree float *rows = g_try_new (float, MAX ((gsize) n * size, 1));
  g_autofree const char **texts = g_new (const char *, n);

  if (!rows) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for a bank of %u texts", n);
    return NULL;
  }
  for (gsize i = 0; i < (gsize) n * size; i++)
    rows[i] = (float) g_rand_double_range (random, -1, 1);
  for (guint i = 0; i < n; i++)
    texts[i] = "noise";
  return vlf_bank_new (model, rows, n, size, texts, error);
}

static gboolean
subject_open (Subject *s, const BenchOptions *o, GError **error)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (1);
  g_autofree gchar *directory = vlf_model_find (o->model, error);
  VlfModelOptions options = { .directory = directory, .device = o->device, .precision = o->precision };
  const gsize bytes = (gsize) 3 * o->width * o->height;

  s->model = directory ? vlf_model_open (&options, error) : NULL;
  s->session = s->model ? vlf_session_new (s->model, error) : NULL;
  s->bank = s->session ? make_bank (s->model, (guint) o->bank, random, error) : NULL;
  s->pixels = g_malloc (bytes);
  for (gsize i = 0; i < bytes; i++)
    s->pixels[i] = (guint8) g_rand_int (random);
  s->frame = picture_view (&(Picture){ o->width, o->height, s->pixels });
  return s->bank != NULL;
}

/* Milliseconds of one frame, and of the processor's in @processor; negative with @error set. */
static double
time_one (Subject *s, VlfBank *bank, double *processor, GError **error)
{
  const VlfRunOptions run = { .no_maps = TRUE, .bank = bank, .bank_results = 5 };
  g_autoptr (VlfResult) result = NULL;
  gint64 start = g_get_monotonic_time ();
  clock_t before = clock ();

  if (!vlf_session_run (s->session, &s->frame, 1, NULL, 0, &run, &result, error))
    return -1;
  *processor = 1e3 * (double) (clock () - before) / CLOCKS_PER_SEC;
  return (double) (g_get_monotonic_time () - start) / 1e3;
}

static int
by_value (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
median (double *numbers, guint n)
{
  qsort (numbers, n, sizeof *numbers, by_value);
  return numbers[n / 2];
}

gboolean
bench_bank (const BenchOptions *options, GError **error)
{
  const guint n = (guint) options->frames;
  g_auto (Subject) s = { 0 };
  g_autofree double *without = g_new (double, n), *within = g_new (double, n), *ratios = g_new (double, n);
  double *const times[2] = { without, within };
  double least[2] = { INFINITY, INFINITY };
  g_autoptr (GString) line = g_string_new ("{\"model\": ");

  if (!subject_open (&s, options, error))
    return FALSE;
  for (guint i = 0; i < WARM_UP + n; i++) {
    const guint at = i < WARM_UP ? 0 : i - WARM_UP;

    for (guint with = 0; with < 2; with++) {
      double processor = 0;

      times[with][at] = time_one (&s, with ? s.bank : NULL, &processor, error);
      if (times[with][at] < 0)
        return FALSE;
      least[with] = i < WARM_UP ? least[with] : MIN (least[with], processor);
    }
    ratios[at] = times[1][at] / times[0][at];
  }
  vlf_json_quote (line, vlf_model_name (s.model), -1);
  g_string_append_printf (line, ", \"bank\": %d, \"dim\": %u", options->bank, vlf_model_embedding_size (s.model));
  bench_append (line, "ms", median (times[0], n));
  bench_append (line, "ms_bank", median (times[1], n));
  bench_append (line, "ratio", median (ratios, n));
  bench_append (line, "cpu_ratio", least[1] / least[0]);
  g_string_append (line, "}\n");
  return cli_print (line->str, error);
}
