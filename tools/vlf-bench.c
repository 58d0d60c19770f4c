/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/vlf-bench.h"
#include "models/json.h"
#include <math.h>
#include <stdio.h>

#define OP_SECONDS 0.5

void
bench_append (GString *to, const char *name, double value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (to, "%s\"%s\": %s", to->str[to->len - 1] == '{' ? "" : ", ", name,
                          isfinite (value) ? g_ascii_formatd (digits, sizeof digits, "%.6g", value) : "null");
}

static gboolean
bench_op (VlfBench *bench, VlfBenchOp op, guint rows, guint inputs, guint outputs, GError **error)
{
  g_autoptr (GString) line = g_string_new ("{");
  double milliseconds, gflops, peak;

  if (!vlf_bench_peak (bench, &peak, error) ||
      !vlf_bench_run (bench, op, rows, inputs, outputs, OP_SECONDS, &milliseconds, &gflops, error))
    return FALSE;
  g_string_append_printf (line, "\"op\": \"%s\", \"rows\": %u, \"inputs\": %u, \"outputs\": %u", vlf_bench_op_name (op),
                          rows, inputs, outputs);
  bench_append (line, "ms", milliseconds);
  bench_append (line, "gflops", gflops > 0 ? gflops : NAN);
  bench_append (line, "peak_gflops", peak);
  bench_append (line, "of_peak", gflops > 0 ? gflops / peak : NAN);
  g_string_append (line, "}\n");
  return cli_print (line->str, error);
}

/* The shapes of a base-size transformer at @rows tokens, and the attention of ten words on as many patches and back. */
gboolean
bench_ops (const BenchOptions *options, VlfBench *bench, GError **error)
{
  guint n = (guint) options->rows;
  const struct {
    VlfBenchOp op;
    guint rows, inputs, outputs;
  } cases[] = {
    { VLF_BENCH_LINEAR, n, 768, 768 },   { VLF_BENCH_LINEAR, n, 768, 3072 },  { VLF_BENCH_LINEAR, n, 3072, 768 },
    { VLF_BENCH_LINEAR, n, 3072, 3072 }, { VLF_BENCH_LINEAR, 10, 768, 768 },  { VLF_BENCH_ATTENTION, n, 768, n },
    { VLF_BENCH_ATTENTION, n, 768, 10 }, { VLF_BENCH_ATTENTION, 10, 768, n }, { VLF_BENCH_ADD_NORM, n, 768, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    if (!bench_op (bench, cases[i].op, cases[i].rows, cases[i].inputs, cases[i].outputs, error))
      return FALSE;
  return TRUE;
}

static gboolean
bench_device (VlfBench *bench, GError **error)
{
  g_autoptr (GString) line = g_string_new ("{\"device\": ");
  double peak;

  if (!vlf_bench_peak (bench, &peak, error))
    return FALSE;
  vlf_json_quote (line, vlf_bench_device_name (bench), -1);
  bench_append (line, "peak_gflops", peak);
  g_string_append (line, "}\n");
  return cli_print (line->str, error);
}

static gboolean
run_ops (const BenchOptions *o, GError **error)
{
  g_autoptr (VlfBench) bench = vlf_bench_new (o->device, error);

  return bench && bench_device (bench, error) && (!o->ops || bench_ops (o, bench, error));
}

/* Looks for quicker tiles than those of the table or of the last search. */
static gboolean
tune (const BenchOptions *o, GError **error)
{
  g_autoptr (VlfBench) bench = vlf_bench_new (o->device, error);
  g_autoptr (GString) line = g_string_new ("{\"tiles\": ");
  VlfTuning tuning;
  gboolean done;

  if (!bench || !vlf_bench_tune (bench, o->tune, &tuning, error))
    return FALSE;
  vlf_json_quote (line, tuning.after, -1);
  g_string_append (line, ", \"before\": ");
  vlf_json_quote (line, tuning.before, -1);
  bench_append (line, "gain", tuning.gain);
  bench_append (line, "tried", tuning.tried);
  g_string_append (line, "}\n");
  done = cli_print (line->str, error);
  vlf_tuning_clear (&tuning);
  return done;
}

static gboolean
run (BenchOptions *o, GError **error)
{
  if (o->tune > 0)
    return tune (o, error);
  if (o->bank > 0)
    return bench_bank (o, error);
  if (o->serve)
    return bench_serve (o, error);
  if (o->streams > 0)
    return bench_streams (o, error);
  if (o->video)
    return bench_video (o, error);
  if (!o->ops && !o->whole)
    o->ops = o->whole = TRUE;
  return run_ops (o, error) && (!o->whole || bench_model (o, error));
}

static gboolean
check (const BenchOptions *o)
{
  return o->frames >= 1 && o->frames <= 1000000 && o->rows >= 1 && o->rows <= 65536 && o->tokens >= 0 &&
         o->tokens <= 65536 && o->streams >= 0 && o->streams <= 64 && o->bank >= 0 && o->bank <= 1000000 &&
         o->tune >= 0 && o->tune <= 3600 && o->top_k >= 0 && o->batch >= 1 && o->batch <= 64 && o->prompts >= 1 &&
         o->prompts <= 64 && (o->caption == 0 || (o->caption >= 2 && o->caption <= 512)) &&
         (g_str_equal (o->reuse, "exact") || g_str_equal (o->reuse, "approximate"));
}

/* "640x480", or NULL for the default. */
static gboolean
parse_size (const char *size, BenchOptions *o)
{
  char rest;

  return (!size || sscanf (size, "%ux%u%c", &o->width, &o->height, &rest) == 2) && o->width >= 1 && o->width <= 8192 &&
         o->height >= 1 && o->height <= 8192;
}

int
main (int argc, char **argv)
{
  BenchOptions o = { .frames = 50,
                     .batch = 1,
                     .prompts = 1,
                     .rows = 325,
                     .width = 640,
                     .height = 480,
                     .maps = TRUE,
                     .reuse = g_strdup ("approximate") };
  gchar *size = NULL;
  const GOptionEntry entries[] = {
    { "ops", 0, 0, G_OPTION_ARG_NONE, &o.ops, "Time single operations (default: these and the whole model)", NULL },
    { "whole", 0, 0, G_OPTION_ARG_NONE, &o.whole, "Time the whole model", NULL },
    { "serve", 0, 0, G_OPTION_ARG_NONE, &o.serve, "Answer \"run N\" on stdin with N times of the whole model", NULL },
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &o.model, "Model directory or name; default: the shipped one", "DIR" },
    { "device", 'd', 0, G_OPTION_ARG_FILENAME, &o.device, "As vlf-run takes it", "DEVICE" },
    { "precision", 0, 0, G_OPTION_ARG_FILENAME, &o.precision, "As vlf-run takes it", "PRECISION" },
    { "prompt", 'p', 0, G_OPTION_ARG_FILENAME, &o.prompt, "Default: a red circle", "TEXT" },
    { "synthetic-tokens", 0, 0, G_OPTION_ARG_INT, &o.tokens, "A prompt of exactly N tokens, special ones included",
      "N" },
    { "frames", 'n', 0, G_OPTION_ARG_INT, &o.frames, "Timed inferences; default: 50", "N" },
    { "batch", 0, 0, G_OPTION_ARG_INT, &o.batch, "Frames of an inference of the whole model; default: 1", "N" },
    { "size", 0, 0, G_OPTION_ARG_FILENAME, &size, "Of the frames; default: 640x480", "WxH" },
    { "video", 0, 0, G_OPTION_ARG_FILENAME, &o.video,
      "Compare reuse with every frame in full on raw I420 frames of --size", "FILE" },
    { "reuse", 0, 0, G_OPTION_ARG_STRING, &o.reuse, "For --video: exact or approximate (default)", "MODE" },
    { "rows", 0, 0, G_OPTION_ARG_INT, &o.rows, "Tokens of the single operations; default: 325", "N" },
    { "prompts", 0, 0, G_OPTION_ARG_INT, &o.prompts, "Ask the whole model the same so often at once; default: 1", "N" },
    { "streams", 0, 0, G_OPTION_ARG_INT, &o.streams, "Only: N streams on one model, each for itself and in one batch",
      "N" },
    { "tune", 0, 0, G_OPTION_ARG_DOUBLE, &o.tune, "Only: look for quicker tiles for about so long, and keep them",
      "SECONDS" },
    { "bank", 0, 0, G_OPTION_ARG_INT, &o.bank, "What a bank of N texts costs beside the image tower", "N" },
    { "caption", 0, 0, G_OPTION_ARG_INT, &o.caption,
      "Captions of exactly N tokens instead of a match; default model: the shipped captioner", "N" },
    { "encode", 0, 0, G_OPTION_ARG_NONE, &o.encode, "Encode the prompt anew for each frame", NULL },
    { "attention-top-k", 0, 0, G_OPTION_ARG_INT, &o.top_k, "Keep so many of the scores of cross-attention; 0: all",
      "N" },
    { "rollout", 0, 0, G_OPTION_ARG_NONE, &o.rollout, "Make maps by attention rollout through all layers", NULL },
    { "no-maps", 0, G_OPTION_FLAG_REVERSE, G_OPTION_ARG_NONE, &o.maps, "Do not make attention maps", NULL },
    { 0 },
  };
  GError *error = NULL;
  CliStatus status = CLI_USAGE;

  if (cli_parse (entries, "Measures this machine and this model; a line of JSON per measurement.", 0, &argc, &argv)) {
    if (!check (&o) || !parse_size (size, &o))
      status = cli_usage (
          "expected --frames of 1 to 1000000, --rows of 1 to 65536, --synthetic-tokens of 1 to 65536"
          ", --caption of 2 to 512, --batch, --prompts and --streams of 1 to 64, --tune of up to 3600, --size of "
          "1x1 to 8192x8192, and "
          "--reuse exact or approximate");
    else
      status = run (&o, &error) ? CLI_OK : cli_fail (error);
  }
  g_free (o.model);
  g_free (o.device);
  g_free (o.precision);
  g_free (o.prompt);
  g_free (o.video);
  g_free (o.reuse);
  g_free (size);
  return status;
}
