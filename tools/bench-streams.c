/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several streams on one model: what they reach together, and how evenly. */
#include "models/json.h"
#include "tools/picture.h"
#include "tools/vlf-bench.h"
#include <math.h>
#include <string.h>
#include <sys/resource.h>

#define ROUNDS     5
#define MAX_PROMPT 64

/* Three ways for streams to share a device. */
typedef enum { ALONE, APART, TOGETHER, N_WAYS } Way;

static const char *const NAMES[] = { "alone", "apart", "together" };

typedef struct {
  const BenchOptions *options;
  guint n;
  VlfModel *model;
  VlfSession **sessions; /* [n] */
  VlfText **texts;       /* [n], each stream's own prompt */
  VlfImage *frames;      /* [n] */
  guint8 *pixels;
  gint stop;
} Streams;

/* One stream's thread. */
typedef struct {
  Streams *streams;
  guint index, frames; /* frames done */
  GError *error;
} Runner;

static void
streams_clear (Streams *s)
{
  for (guint i = 0; i < s->n; i++) {
    vlf_session_free (s->sessions[i]);
    vlf_text_unref (s->texts[i]);
  }
  vlf_model_unref (s->model);
  g_free (s->sessions);
  g_free (s->texts);
  g_free (s->frames);
  g_free (s->pixels);
}

/* All look at the same noise: no kernel is quicker because of what it sees. */
static void
make_frames (Streams *s)
{
  gsize size = (gsize) 3 * s->options->width * s->options->height;
  guint32 state = 1;

  s->pixels = g_malloc (size);
  for (gsize i = 0; i < size; i++) {
    state = state * 1664525u + 1013904223u;
    s->pixels[i] = (guint8) (state >> 24);
  }
  for (guint i = 0; i < s->n; i++)
    s->frames[i] = picture_view (&(Picture){ s->options->width, s->options->height, s->pixels });
}

static gboolean
streams_open (Streams *s, GError **error)
{
  const BenchOptions *o = s->options;
  g_autofree gchar *directory = vlf_model_find (o->model, error);
  VlfModelOptions options = { .directory = directory, .device = o->device, .precision = o->precision };

  s->sessions = g_new0 (VlfSession *, s->n);
  s->texts = g_new0 (VlfText *, s->n);
  s->frames = g_new0 (VlfImage, s->n);
  make_frames (s);
  s->model = directory ? vlf_model_open (&options, error) : NULL;
  for (guint i = 0; s->model && i < s->n; i++) {
    char prompt[MAX_PROMPT];

    g_snprintf (prompt, sizeof prompt, "a red circle %u", i + 1);
    s->sessions[i] = vlf_session_new (s->model, error);
    s->texts[i] = s->sessions[i] ? vlf_text_new (s->model, prompt, error) : NULL;
    if (!s->texts[i])
      return FALSE;
  }
  return s->model != NULL;
}

static gboolean
run_frame (Streams *s, guint index, GError **error)
{
  VlfRunOptions options = { .no_maps = !s->options->maps };
  g_autoptr (VlfResult) result = NULL;

  return vlf_session_run (s->sessions[index], &s->frames[index], 1, &s->texts[index], 1, &options, &result, error);
}

static gpointer
runner_main (gpointer data)
{
  Runner *runner = data;

  while (!g_atomic_int_get (&runner->streams->stop) && run_frame (runner->streams, runner->index, &runner->error))
    runner->frames++;
  return NULL;
}

/* Of this process, all threads together. */
static double
processor_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* The first @n streams side by side. Returns frames a second of all; @evenness: frames of the slowest stream of those of the fastest one;
 * @cpu_ms: of a frame, all threads together. */
static double
run_threads (Streams *s, guint n, gulong microseconds, double *evenness, double *cpu_ms, GError **error)
{
  double begin = processor_seconds (), least = G_MAXDOUBLE, most = 0;
  g_autofree Runner *runners = g_new0 (Runner, n);
  g_autofree GThread **threads = g_new (GThread *, n);
  gint64 start = g_get_monotonic_time ();
  double sum = 0, seconds;

  g_atomic_int_set (&s->stop, 0);
  for (guint i = 0; i < n; i++) {
    runners[i] = (Runner){ .streams = s, .index = i };
    threads[i] = g_thread_new ("stream", runner_main, &runners[i]);
  }
  g_usleep (microseconds);
  g_atomic_int_set (&s->stop, 1);
  for (guint i = 0; i < n; i++)
    g_thread_join (threads[i]);
  seconds = (double) (g_get_monotonic_time () - start) / 1e6;
  for (guint i = 0; i < n; i++) {
    sum += runners[i].frames;
    least = MIN (least, runners[i].frames);
    most = MAX (most, runners[i].frames);
    if (runners[i].error && error && !*error)
      g_propagate_error (error, g_steal_pointer (&runners[i].error));
    g_clear_error (&runners[i].error);
  }
  *evenness = most > 0 ? least / most : NAN;
  *cpu_ms = 1e3 * (processor_seconds () - begin) / MAX (sum, 1);
  return sum / seconds;
}

/* All frames in one run; each is asked every stream's prompt, as the session's runs are, so that this is with one prompt for all. */
static double
run_batches (Streams *s, gulong microseconds, double *cpu_ms, GError **error)
{
  double begin = processor_seconds ();
  VlfRunOptions options = { .no_maps = !s->options->maps };
  g_autofree VlfResult **results = g_new0 (VlfResult *, s->n);
  gint64 start = g_get_monotonic_time ();
  guint done = 0;

  do {
    if (!vlf_session_run (s->sessions[0], s->frames, s->n, s->texts, 1, &options, results, error))
      return NAN;
    for (guint i = 0; i < s->n; i++)
      g_clear_pointer (&results[i], vlf_result_unref);
    done += s->n;
  } while (g_get_monotonic_time () - start < (gint64) microseconds);
  *cpu_ms = 1e3 * (processor_seconds () - begin) / done;
  return done / ((double) (g_get_monotonic_time () - start) / 1e6);
}

static int
by_value (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
middle (double *values)
{
  qsort (values, ROUNDS, sizeof *values, by_value);
  return values[ROUNDS / 2];
}

/* What the rounds of one way came to. */
typedef struct {
  double fps[ROUNDS], cpu_ms[ROUNDS], evenness[ROUNDS];
} Times;

static void
append_way (GString *line, const char *way, Times *times, const double *alone)
{
  double ratios[ROUNDS];

  for (guint i = 0; i < ROUNDS; i++)
    ratios[i] = times->fps[i] / alone[i];
  g_string_append_printf (line, ", \"%s\": {\"rounds\": %d", way, ROUNDS);
  bench_append (line, "fps", middle (times->fps));
  bench_append (line, "of_one_stream", middle (ratios));
  bench_append (line, "cpu_ms", middle (times->cpu_ms));
  bench_append (line, "slowest_of_fastest", middle (times->evenness));
  g_string_append_c (line, '}');
}

static gboolean
report (const Streams *s, Times times[N_WAYS], GError **error)
{
  g_autoptr (GString) line = g_string_new ("{\"model\": ");
  double alone[ROUNDS];

  memcpy (alone, times[ALONE].fps, sizeof alone);
  vlf_json_quote (line, vlf_model_name (s->model), -1);
  g_string_append_printf (line, ", \"streams\": %u, \"maps\": %s", s->n, s->options->maps ? "true" : "false");
  for (guint way = 0; way < N_WAYS; way++)
    append_way (line, NAMES[way], &times[way], alone);
  g_string_append (line, "}\n");
  return cli_print (line->str, error);
}

static gboolean
time_way (Streams *s, Way way, gulong slice, Times *times, guint round, GError **error)
{
  GError *failed = NULL;

  if (way == TOGETHER)
    times->fps[round] = run_batches (s, slice, &times->cpu_ms[round], &failed);
  else
    times->fps[round] =
        run_threads (s, way == ALONE ? 1 : s->n, slice, &times->evenness[round], &times->cpu_ms[round], &failed);
  if (way == TOGETHER)
    times->evenness[round] = 1;
  if (failed)
    g_propagate_error (error, failed);
  return !failed;
}

/* In interleaved rounds, so that other work on the machine slows all ways down alike. */
static gboolean
time_ways (Streams *s, GError **error)
{
  Times times[N_WAYS];
  gint64 start;
  gulong slice;

  for (guint i = 0; i < s->n; i++)
    if (!run_frame (s, i, error))
      return FALSE;
  start = g_get_monotonic_time ();
  if (!run_frame (s, 0, error))
    return FALSE;
  slice = (gulong) ((g_get_monotonic_time () - start) * s->options->frames);
  for (guint round = 0; round < ROUNDS; round++)
    for (Way way = 0; way < N_WAYS; way++)
      if (!time_way (s, way, slice, &times[way], round, error))
        return FALSE;
  return report (s, times, error);
}

gboolean
bench_streams (const BenchOptions *options, GError **error)
{
  Streams s = { .options = options, .n = (guint) options->streams };
  gboolean done = streams_open (&s, error) && time_ways (&s, error);

  streams_clear (&s);
  return done;
}
