/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/bench.h"
#include "models/session.h"
#include "tools/cli.h"

G_BEGIN_DECLS

/* What vlf-bench is asked; strings belong to the caller. */
typedef struct {
  gchar *model, *device, *precision, *prompt;
  guint width, height;   /* of the frames, pixels */
  gint tokens;           /* > 0: a made-up prompt of exactly so many, special ones included, instead of @prompt */
  gint caption;          /* > 0: captions of exactly so many tokens, start and end included, instead of a match */
  gint frames;           /* timed inferences */
  gint batch, prompts;   /* frames and prompts of an inference */
  gint rows;             /* of the operations' activations */
  gint bank;             /* > 0: a bank of so many texts, in place of everything else */
  gint top_k;            /* of cross-attention; 0: off */
  gint streams;          /* > 0: so many streams on one model, in place of everything else */
  gdouble tune;          /* > 0: look for quicker tiles for so many seconds, in place of everything else */
  gboolean ops, whole;   /* what to time; neither: both */
  gboolean encode, maps; /* the time of a frame includes encoding the prompt; making maps */
  gboolean serve;
  gboolean rollout;     /* maps by rollout */
  gchar *video, *reuse; /* a file of raw frames instead of noise; "exact" or "approximate" */
} BenchOptions;

#define BENCH_PROMPT "a red circle" /* unless told otherwise */

/* Lines of JSON to stdout. Other work on the machine slows everything down, so the peak beside a figure is measured beside it. */
gboolean bench_ops (const BenchOptions *options, VlfBench *bench, GError **error);
gboolean bench_model (const BenchOptions *options, GError **error);
/* Says it is ready with a line, then answers each line "run N" on stdin with one: {"ms": [N numbers]}. Ends with the input. */
gboolean bench_serve (const BenchOptions *options, GError **error);

/* The frames of options->video, raw I420 of the given size, in full and with reuse by turns: a line with what is saved and what it costs. */
gboolean bench_video (const BenchOptions *options, GError **error);

/* So many streams on one model, each with its own prompt and session on a thread of its own, and all frames in one batch, beside a stream
 * that is alone; @frames of the latter is what each of five rounds lasts. */
gboolean bench_streams (const BenchOptions *options, GError **error);

/* A line with what a bank of noise costs beside the image tower: frames with and without it by turns, the median of the ratios. */
gboolean bench_bank (const BenchOptions *options, GError **error);

/* A JSON number, null for NaN. */
void bench_append (GString *to, const char *name, double value);

G_END_DECLS
