/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/vlf-bench.h"
#include "models/caption.h"
#include "models/config.h"
#include "models/tokenizer.h"
#include "tools/picture.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define WARM_UP 3

/* A model ready to be timed. */
typedef struct {
  gchar *directory, *prompt;
  guint tokens; /* of the prompt, special ones included */
  VlfModel *model;
  VlfText *text;
  VlfText **texts; /* [prompts], all of them @text */
  guint prompts;
  VlfSession *session;
  guint8 *pixels;
  VlfImage *frames; /* [batch], all of the same pixels */
  guint batch;
  double load_ms;
  double processor_ms; /* of all threads, the least of any frame: what other programs do hardly shows in it */
  gboolean encode, maps;
  guint top_k;
  VlfRelevance relevance;
  guint caption; /* tokens; 0: a match is timed */
} Subject;

static void
subject_clear (Subject *s)
{
  vlf_session_free (s->session);
  vlf_text_unref (s->text);
  vlf_model_unref (s->model);
  g_free (s->directory);
  g_free (s->prompt);
  g_free (s->pixels);
  g_free (s->frames);
  g_free (s->texts);
}

static double
milliseconds_since (gint64 start)
{
  return (double) (g_get_monotonic_time () - start) / 1e3;
}

static gboolean
count_tokens (const VlfTokenizer *tokenizer, const char *prompt, guint *n, GError **error)
{
  g_auto (VlfTokens) tokens = { 0 };

  if (!vlf_tokenizer_encode (tokenizer, prompt, -1, 0, &tokens, error))
    return FALSE;
  *n = tokens.n;
  return TRUE;
}

/* @n tokens from as many letters as it takes: a vocabulary may know "aa" too, but not forever, so the separator varies. */
static gchar *
synthetic_prompt (const VlfTokenizer *tokenizer, guint n, GError **error)
{
  static const char *const pieces[] = { "a ", "a,", "1.", "." };

  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++) {
    g_autoptr (GString) prompt = g_string_new (NULL);
    guint found = 0;

    while (found < n && prompt->len < 4 * (gsize) n) {
      g_string_append (prompt, pieces[i]);
      if (!count_tokens (tokenizer, prompt->str, &found, error))
        return NULL;
    }
    if (found == n)
      return g_strdup (prompt->str);
  }
  g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED, "no prompt of exactly %u tokens was found", n);
  return NULL;
}

static gboolean
choose_prompt (Subject *s, const BenchOptions *o, GError **error)
{
  g_autoptr (VlfConfig) config = vlf_config_load (s->directory, "config.json", error);
  g_autoptr (VlfTokenizer) tokenizer = NULL;

  if (!config)
    return FALSE;
  tokenizer = vlf_tokenizer_new (s->directory, vlf_config_string (config, "model_type", ""), error);
  if (!tokenizer)
    return FALSE;
  if (o->tokens > 0)
    s->prompt = synthetic_prompt (tokenizer, (guint) o->tokens, error);
  else
    s->prompt = g_strdup (o->prompt ? o->prompt : BENCH_PROMPT);
  return s->prompt && count_tokens (tokenizer, s->prompt, &s->tokens, error);
}

/* A frame of noise: no kernel may be quicker because of what it sees. */
static void
make_frames (Subject *s, guint width, guint height)
{
  gsize stride = (gsize) 3 * width;
  guint32 state = 1;

  s->pixels = g_malloc (stride * height);
  for (gsize i = 0; i < stride * height; i++) {
    state = state * 1664525u + 1013904223u;
    s->pixels[i] = (guint8) (state >> 24);
  }
  s->frames = g_new (VlfImage, s->batch);
  for (guint i = 0; i < s->batch; i++)
    s->frames[i] = picture_view (&(Picture){ width, height, s->pixels });
}

static gboolean
subject_open (Subject *s, const BenchOptions *o, GError **error)
{
  VlfModelOptions options = { .device = o->device, .precision = o->precision };
  gint64 start;

  s->processor_ms = INFINITY;
  s->batch = (guint) o->batch;
  s->prompts = (guint) o->prompts;
  s->texts = g_new0 (VlfText *, s->prompts);
  s->encode = o->encode;
  s->maps = o->maps;
  s->top_k = (guint) o->top_k;
  s->relevance = o->rollout ? VLF_RELEVANCE_ROLLOUT : VLF_RELEVANCE_ATTENTION;
  s->tokens = s->caption = (guint) o->caption;
  s->directory = vlf_model_find (o->model || !s->caption ? o->model : VLF_DEFAULT_CAPTIONER, error);
  if (!s->directory || (!s->caption && !choose_prompt (s, o, error)))
    return FALSE;
  make_frames (s, o->width, o->height);
  options.directory = s->directory;
  start = g_get_monotonic_time ();
  s->model = vlf_model_open (&options, error);
  s->load_ms = milliseconds_since (start);
  s->session = s->model ? vlf_session_new (s->model, error) : NULL;
  if (s->caption)
    return s->session != NULL;
  s->text = s->session ? vlf_text_new (s->model, s->prompt, error) : NULL;
  return s->text != NULL;
}

static double
time_caption (Subject *s, GError **error)
{
  const VlfCaptionOptions options = { .min_length = s->caption, .max_length = s->caption, .no_maps = !s->maps };
  g_autoptr (VlfCaption) caption = NULL;
  gint64 start = g_get_monotonic_time ();

  if (!vlf_session_caption (s->session, s->frames, NULL, 0, &options, &caption, error))
    return NAN;
  return milliseconds_since (start);
}

/* One inference; NaN with @error set on failure. The prompt is encoded as often as there are frames. */
static double
time_one (Subject *s, GError **error)
{
  VlfRunOptions run = { .no_maps = !s->maps, .attention_top_k = s->top_k, .relevance = s->relevance };
  g_autofree VlfResult **results = g_new0 (VlfResult *, s->batch);
  gint64 start = g_get_monotonic_time ();
  gboolean done;

  if (s->caption)
    return time_caption (s, error);
  for (guint i = 0; i < s->batch && s->encode; i++) {
    g_clear_pointer (&s->text, vlf_text_unref);
    s->text = vlf_text_new (s->model, s->prompt, error);
    if (!s->text)
      return NAN;
  }
  for (guint i = 0; i < s->prompts; i++)
    s->texts[i] = s->text;
  done = vlf_session_run (s->session, s->frames, s->batch, s->texts, s->prompts, &run, results, error);
  for (guint i = 0; i < s->batch; i++)
    vlf_result_unref (results[i]);
  return done ? milliseconds_since (start) : NAN;
}

/* Milliseconds of processor time that all threads have taken so far. */
static double
processor_time (void)
{
  struct timespec now = { 0 };

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

/* @n times to @to, in milliseconds. */
static gboolean
time_many (Subject *s, guint n, double *to, GError **error)
{
  for (guint i = 0; i < n; i++) {
    double before = processor_time ();

    to[i] = time_one (s, error);
    s->processor_ms = MIN (s->processor_ms, processor_time () - before);
    if (isnan (to[i]))
      return FALSE;
  }
  return TRUE;
}

static int
by_value (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
append_times (GString *to, double *times, guint n, guint batch)
{
  qsort (times, n, sizeof *times, by_value);
  bench_append (to, "ms", times[n / 2]);
  bench_append (to, "ms_min", times[0]);
  bench_append (to, "ms_p5", times[n / 20]);
  bench_append (to, "ms_p95", times[n - 1 - n / 20]);
  bench_append (to, "fps", 1e3 * batch / times[n / 2]);
}

/* What the times mean: operations as a plain forward pass has them, so skipped work shows as a higher rate. */
static void
append_rate (GString *to, const Subject *s, double milliseconds, double peak)
{
  double flops, per_text;

  if (s->caption || !vlf_bench_count (s->directory, s->tokens, &flops, &per_text, NULL))
    return;
  if (!s->encode)
    flops -= per_text;
  flops *= s->batch;
  bench_append (to, "gflop", flops / 1e9);
  bench_append (to, "gflops", flops / 1e6 / milliseconds);
  bench_append (to, "peak_gflops", peak);
  bench_append (to, "of_peak", flops / 1e6 / milliseconds / peak);
}

static gboolean
report (Subject *s, guint n, double *times, double peak, GError **error)
{
  g_autoptr (GString) line = g_string_new ("{\"model\": ");
  struct rusage usage = { 0 };

  vlf_json_quote (line, vlf_model_name (s->model), -1);
  g_string_append_printf (line,
                          ", \"tokens\": %u, \"frames\": %u, \"batch\": %u, \"prompts\": %u, \"size\": [%u, %u], "
                          "\"encode\": %s, \"maps\": %s",
                          s->tokens, n, s->batch, s->prompts, s->frames->width, s->frames->height,
                          s->encode ? "true" : "false", s->maps ? "true" : "false");
  if (s->top_k || s->relevance)
    g_string_append_printf (line, ", \"attention_top_k\": %u, \"rollout\": %s", s->top_k,
                            s->relevance == VLF_RELEVANCE_ROLLOUT ? "true" : "false");
  append_times (line, times, n, s->batch);
  bench_append (line, "cpu_ms_min", s->processor_ms);
  bench_append (line, "gflop_done", vlf_session_operations (s->session) / 1e9 / (n + WARM_UP));
  if (s->prompts == 1) /* further ones share what it counts */
    append_rate (line, s, times[n / 2], peak);
  bench_append (line, "load_ms", s->load_ms);
  bench_append (line, "device_bytes", (double) vlf_model_device_memory (s->model));
  getrusage (RUSAGE_SELF, &usage);
  bench_append (line, "peak_resident_bytes", (double) usage.ru_maxrss * 1024);
  g_string_append (line, "}\n");
  return cli_print (line->str, error);
}

/* Of a device that the model holds open; what measuring takes is given back at once, so that it does not count as the model's. */
static gboolean
measure_peak (const char *device, double *peak, GError **error)
{
  g_autoptr (VlfBench) bench = vlf_bench_new (device, error);

  return bench && vlf_bench_peak (bench, peak, error);
}

/* @peak: the better one of before and after. */
static gboolean
time_beside_peak (Subject *s, const char *device, guint n, double *times, double *peak, GError **error)
{
  double before, after;

  if (!time_many (s, WARM_UP, times, error) || !measure_peak (device, &before, error) ||
      !time_many (s, n, times, error) || !measure_peak (device, &after, error))
    return FALSE;
  *peak = MAX (before, after);
  return TRUE;
}

gboolean
bench_model (const BenchOptions *options, GError **error)
{
  guint n = (guint) options->frames;
  g_autofree double *times = g_new (double, MAX (n, WARM_UP));
  Subject subject = { 0 };
  double peak;
  gboolean done = subject_open (&subject, options, error) &&
                  time_beside_peak (&subject, options->device, n, times, &peak, error) &&
                  report (&subject, n, times, peak, error);

  subject_clear (&subject);
  return done;
}

/* The answer to one line of input. */
static gboolean
serve_line (Subject *s, const char *request, GError **error)
{
  g_autoptr (GString) line = g_string_new ("{\"ms\": [");
  g_autofree double *times = NULL;
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  guint n;

  if (sscanf (request, "run %u", &n) != 1 || n < 1 || n > 100000) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "standard input: expected \"run N\", found \"%s\"", request);
    return FALSE;
  }
  times = g_new (double, n);
  if (!time_many (s, n, times, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    g_string_append_printf (line, "%s%s", i ? ", " : "", g_ascii_formatd (digits, sizeof digits, "%.6g", times[i]));
  g_string_append (line, "]}\n");
  return cli_print (line->str, error);
}

static gboolean
serve_lines (Subject *s, GError **error)
{
  double times[WARM_UP];
  char request[64];
  g_autoptr (GString) line = g_string_new ("{\"ready\": true");
  gboolean good = time_many (s, WARM_UP, times, error);

  g_string_append_printf (line, ", \"tokens\": %u, \"prompt\": ", s->tokens);
  vlf_json_quote (line, s->prompt ? s->prompt : "", -1);
  bench_append (line, "load_ms", s->load_ms);
  bench_append (line, "device_bytes", (double) vlf_model_device_memory (s->model));
  g_string_append (line, "}\n");
  good = good && cli_print (line->str, error);
  while (good && fgets (request, sizeof request, stdin))
    good = serve_line (s, g_strchomp (request), error);
  return good;
}

gboolean
bench_serve (const BenchOptions *options, GError **error)
{
  Subject subject = { 0 };
  gboolean done = subject_open (&subject, options, error) && serve_lines (&subject, error);

  subject_clear (&subject);
  return done;
}
