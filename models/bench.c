/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/bench.h"
#include "kernels/ops.h"
#include "models/config.h"
#include <math.h>
#include <string.h>

#define PER_PASS  4 /* repetitions that are enqueued together */
#define MAX_TIMES 10000
#define HEAD_DIM  64

struct _VlfBench {
  VlfDevice *device;
  VlfQueue *queue;
};

VlfBench *
vlf_bench_new (const char *device, GError **error)
{
  g_autoptr (VlfBench) bench = g_new0 (VlfBench, 1);

  bench->device = vlf_device_open (device, error);
  bench->queue = bench->device ? vlf_queue_new (bench->device, error) : NULL;
  return bench->queue ? g_steal_pointer (&bench) : NULL;
}

void
vlf_bench_free (VlfBench *bench)
{
  if (!bench)
    return;
  vlf_queue_free (bench->queue);
  vlf_device_unref (bench->device);
  g_free (bench);
}

const char *
vlf_bench_device_name (const VlfBench *bench)
{
  return vlf_device_name (bench->device);
}

gboolean
vlf_bench_peak (VlfBench *bench, double *gflops, GError **error)
{
  if (vlf_device_family (bench->device) == VLF_FAMILY_REFERENCE) {
    *gflops = NAN;
    return TRUE;
  }
  *gflops = vlf_device_measure_peak (bench->device, error);
  return *gflops > 0;
}

const char *
vlf_bench_op_name (VlfBenchOp op)
{
  static const char *const names[] = { "linear", "attention", "add_norm" };

  return names[op];
}

/* Deterministic numbers around 0, of the size that keeps products around 1. */
static gboolean
read_numbers (gpointer user, guint first, guint n, gpointer to, GError **error G_GNUC_UNUSED)
{
  guint cols = GPOINTER_TO_UINT (user);
  guint32 state = first * 2654435761u + 1;
  float *numbers = to;

  for (gsize i = 0; i < (gsize) n * cols; i++) {
    state = state * 1664525u + 1013904223u;
    numbers[i] = (float) (gint32) state * 0x1p-35f;
  }
  return TRUE;
}

static VlfConstant *
random_matrix (VlfDevice *device, guint rows, guint cols, GError **error)
{
  VlfSource source = { VLF_F32, rows, cols, read_numbers, GUINT_TO_POINTER (cols) };

  return vlf_constant_new (device, &source, error);
}

/* The operands of one operation; what it does not need stays NULL. */
typedef struct {
  VlfBenchOp op;
  VlfConstant *x, *y, *scale;
  VlfWeight *weight;
  guint heads;
} Operands;

static void
operands_clear (Operands *o)
{
  vlf_constant_free (o->x);
  vlf_constant_free (o->y);
  vlf_constant_free (o->scale);
  vlf_weight_free (o->weight);
}

static gboolean
operands_init (Operands *o, VlfDevice *device, VlfBenchOp op, guint rows, guint inputs, guint outputs, GError **error)
{
  VlfSource weight = { VLF_F32, outputs, inputs, read_numbers, GUINT_TO_POINTER (inputs) };

  *o = (Operands){ .op = op, .heads = MAX (inputs / HEAD_DIM, 1) };
  o->x = random_matrix (device, rows, inputs, error);
  if (!o->x)
    return FALSE;
  switch (op) {
  case VLF_BENCH_LINEAR:
    o->weight = vlf_weight_new (device, &weight, NULL, 1, VLF_F32, error);
    return o->weight != NULL;
  case VLF_BENCH_ATTENTION: o->y = random_matrix (device, outputs, inputs, error); return o->y != NULL;
  default:
    o->y = random_matrix (device, rows, inputs, error);
    o->scale = o->y ? random_matrix (device, 1, inputs, error) : NULL;
    return o->scale != NULL;
  }
}

static void
enqueue (VlfPass *pass, const Operands *o)
{
  guint scope = vlf_pass_open (pass);

  if (o->op == VLF_BENCH_LINEAR) {
    vlf_linear (pass, o->x->tensor, o->weight, VLF_NONE, NULL);
  } else if (o->op == VLF_BENCH_ATTENTION) {
    vlf_attention (pass, o->x->tensor, o->y->tensor, o->y->tensor, o->heads, NULL);
  } else {
    VlfNorm norm = { o->scale->tensor, o->scale->tensor, 1e-5f };

    vlf_add_norm (pass, o->x->tensor, o->y->tensor, &norm);
  }
  vlf_pass_close (pass, scope, (VlfTensor){ 0 });
}

static int
by_value (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Milliseconds of one repetition: the median over as many passes as fit in @seconds, the first one left out. */
static gboolean
time_passes (VlfQueue *queue, const Operands *o, double seconds, double *milliseconds, GError **error)
{
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (double));
  gint64 end = g_get_monotonic_time () + (gint64) (seconds * 1e6);

  for (guint i = 0; i < MAX_TIMES && (i < 4 || g_get_monotonic_time () < end); i++) {
    gint64 start = g_get_monotonic_time ();
    VlfPass *pass = vlf_pass_begin (queue);
    double one;

    for (guint j = 0; j < PER_PASS; j++)
      enqueue (pass, o);
    if (!vlf_pass_end (pass, error))
      return FALSE;
    one = (double) (g_get_monotonic_time () - start) / 1e3 / PER_PASS;
    if (i > 0)
      g_array_append_val (times, one);
  }
  g_array_sort (times, by_value);
  *milliseconds = g_array_index (times, double, times->len / 2);
  return TRUE;
}

gboolean
vlf_bench_run (VlfBench *bench, VlfBenchOp op, guint rows, guint inputs, guint outputs, double seconds,
               double *milliseconds, double *gflops, GError **error)
{
  static const double per_element[] = { 2, 4, 0 };
  Operands operands;
  gboolean done = operands_init (&operands, bench->device, op, rows, inputs, outputs, error) &&
                  time_passes (bench->queue, &operands, seconds, milliseconds, error);

  operands_clear (&operands);
  if (done)
    *gflops = per_element[op] * rows * inputs * outputs / MAX (*milliseconds, 1e-6) / 1e6;
  return done;
}

gboolean
vlf_bench_tune (VlfBench *bench, double seconds, VlfTuning *tuning, GError **error)
{
  return vlf_device_tune (bench->device, seconds, tuning, error);
}

gchar *
vlf_bench_devices (void)
{
  return vlf_device_list ();
}

/* One layer of attention from n rows to m rows and a feed-forward part, all d wide. */
static double
self_layer (double n, double d, double inner)
{
  return 8 * n * d * d + 4 * n * n * d + 4 * n * d * inner;
}

static double
cross_attention (double n, double m, double d)
{
  return 4 * n * d * d + 4 * m * d * d + 4 * n * m * d;
}

static gboolean
count_bridgetower (VlfConfig *c, double tokens, double *flops, double *per_text, GError **error)
{
  double d = vlf_config_uint (c, "hidden_size", 768, 1, 16384);
  double layers = vlf_config_uint (c, "num_hidden_layers", 6, 1, 256);
  double text = vlf_config_uint (c, "text_config.hidden_size", 768, 1, 16384);
  double text_layers = vlf_config_uint (c, "text_config.num_hidden_layers", 12, 1, 256);
  double inner = vlf_config_uint (c, "text_config.intermediate_size", 3072, 1, 65536);
  double vision = vlf_config_uint (c, "vision_config.hidden_size", 768, 1, 16384);
  double vision_layers = vlf_config_uint (c, "vision_config.num_hidden_layers", 12, 1, 256);
  guint patch = vlf_config_uint (c, "vision_config.patch_size", 16, 1, 2048);
  guint grid = vlf_config_uint (c, "vision_config.image_size", 288, 1, 2048) / patch;
  double cells = (double) grid * grid, rows = cells + 1;

  *per_text = text_layers * self_layer (tokens, text, inner) + layers * 2 * tokens * text * d;
  *flops = *per_text + 2 * cells * 3 * patch * patch * vision;
  *flops += vision_layers * self_layer (rows, vision, 4 * vision) + layers * 2 * rows * vision * d;
  *flops += layers * (self_layer (tokens, d, inner) + cross_attention (tokens, rows, d));
  *flops += layers * (self_layer (rows, d, inner) + cross_attention (rows, tokens, d));
  return vlf_config_check (c, error);
}

gboolean
vlf_bench_count (const char *directory, guint tokens, double *flops, double *per_text, GError **error)
{
  g_autoptr (VlfConfig) config = vlf_config_load (directory, "config.json", error);
  const char *type;

  if (!config)
    return FALSE;
  type = vlf_config_string (config, "model_type", "");
  if (strcmp (type, "bridgetower") == 0)
    return count_bridgetower (config, tokens, flops, per_text, error);
  g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
               "config.json: model_type: expected bridgetower to count operations, found \"%s\"", type);
  return FALSE;
}
