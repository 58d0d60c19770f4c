/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/tune.h"

G_BEGIN_DECLS

/* What a device can do at best, and what the operations that models are made of reach of it. For vlf-bench. One thread. */
typedef struct _VlfBench VlfBench;

/* @device: as vlf_model_open() takes it. */
VlfBench *vlf_bench_new (const char *device, GError **error);
void vlf_bench_free (VlfBench *bench); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfBench, vlf_bench_free)

const char *vlf_bench_device_name (const VlfBench *bench);

/* float32 multiply-adds that the whole device does per second when it does nothing else, counted as two operations each, in GFLOP/s;
 * takes a fraction of a second. NaN for the reference,
 * which has none. */
gboolean vlf_bench_peak (VlfBench *bench, double *gflops, GError **error);

/* Operations on float32 activations [rows, inputs]. */
typedef enum {
  VLF_BENCH_LINEAR,    /* to [rows, outputs]; 2 rows inputs outputs operations */
  VLF_BENCH_ATTENTION, /* rows queries on @outputs keys of 64-wide heads, @inputs channels; 4 rows inputs outputs */
  VLF_BENCH_ADD_NORM,  /* no @outputs; bound by memory, so 0 operations */
} VlfBenchOp;

const char *vlf_bench_op_name (VlfBenchOp op);

/* Repeats the operation for about @seconds. @milliseconds: of one, the median of many; @gflops: at that time. */
gboolean vlf_bench_run (VlfBench *bench, VlfBenchOp op, guint rows, guint inputs, guint outputs, double seconds,
                        double *milliseconds, double *gflops, GError **error);

/* Operations of the network of @directory for one frame and one prompt of @tokens tokens, a multiply-add counted as two, every row of
 * every layer included: what a forward pass of Hugging Face does. @per_text: of them, those of the text tower, needed once per prompt.
 * VLF_ERROR_UNSUPPORTED for architectures without a count. */
gboolean vlf_bench_count (const char *directory, guint tokens, double *flops, double *per_text, GError **error);

/* vlf_device_tune() on the device of @bench, which nobody else uses then. @tuning: as there. */
gboolean vlf_bench_tune (VlfBench *bench, double seconds, VlfTuning *tuning, GError **error);

/* "0: platform: device\n1: ...", or why there is none. Free with g_free(). */
gchar *vlf_bench_devices (void);

G_END_DECLS
