/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checkcl --bench: the operations at the sizes of a BridgeTower-base frame (325 image tokens, 10 of text, 12 heads of 64) and a picture
 * of 1920x1080, beside the device's measured peak. */
#include "kernels/half.h"
#include "tests/checkcl.h"

typedef struct {
  VlfTensor x, y, z; /* on the device, owned by constants */
  VlfWeight *weight;
  VlfActivation act;
  VlfImage image;
  VlfImagePlan plan;
} Bench;

static gboolean
read_ramp (gpointer user, guint first, guint n, gpointer to, GError **error)
{
  const VlfSource *source = user;

  (void) error;
  for (gsize i = 0; i < (gsize) n * source->cols; i++) {
    float x = (float) ((first + i * 7) % 64) / 64 - 0.5f;

    vlf_f32_to (source->type, &x, 1, (guint8 *) to + i * vlf_dtype_size (source->type));
  }
  return TRUE;
}

static VlfConstant *
make_constant (Check *c, guint rows, guint cols)
{
  VlfSource source = { .type = VLF_F32, .rows = rows, .cols = cols, .read = read_ramp };

  source.user = &source;
  return vlf_constant_new (c->devices[DEVICE], &source, NULL);
}

static VlfTensor
op_linear (VlfPass *pass, guint side, gpointer user)
{
  const Bench *b = user;

  (void) side;
  return vlf_linear (pass, b->x, b->weight, b->act, b->y.buffer ? &b->y : NULL);
}

static VlfTensor
op_norm (VlfPass *pass, guint side, gpointer user)
{
  const Bench *b = user;
  VlfNorm norm = { b->z, b->z, 1e-5f };

  (void) side;
  return vlf_add_norm (pass, b->x, b->y, &norm);
}

static VlfTensor
op_attention (VlfPass *pass, guint side, gpointer user)
{
  const Bench *b = user;

  (void) side;
  return vlf_attention (pass, b->x, vlf_cols (b->y, 0, b->x.cols), vlf_cols (b->y, b->x.cols, b->x.cols), 12, NULL);
}

static VlfTensor
op_patches (VlfPass *pass, guint side, gpointer user)
{
  const Bench *b = user;

  (void) side;
  return vlf_patches (pass, &b->image, &b->plan, 1);
}

/* A line: time, rate, and what part of @peak that is, both in multiply-adds' own unit of two operations. */
static gboolean
report (Check *c, const gchar *name, Op op, Bench *b, double operations, double peak)
{
  guint times = 1;
  double seconds = vlf_check_time (c, op, b, 1);

  if (seconds > 0 && seconds < 0.02)
    times = (guint) (0.02 / MAX (seconds, 1e-6));
  if (seconds < 1)
    seconds = MIN (seconds, vlf_check_time (c, op, b, times));
  g_print ("%-44s %9.3f ms", name, seconds * 1e3);
  if (operations > 0)
    g_print (" %8.1f GFLOP/s %5.1f %% of peak", operations / seconds * 1e-9, 100 * operations / seconds / peak);
  g_print ("\n");
  return seconds < 1e3;
}

static gboolean
bench_linear (Check *c, double peak)
{
  static const struct {
    guint m, k, n;
    VlfDType stored;
    VlfActivation act;
    gboolean residual;
  } rows[] = {
    { 325, 768, 768, VLF_F32, VLF_NONE, TRUE },   { 325, 768, 2304, VLF_F32, VLF_NONE, FALSE },
    { 325, 768, 3072, VLF_F32, VLF_GELU, FALSE }, { 325, 3072, 768, VLF_F32, VLF_NONE, TRUE },
    { 10, 768, 3072, VLF_F32, VLF_GELU, FALSE },  { 1, 768, 768, VLF_F32, VLF_TANH, FALSE },
    { 325, 768, 3072, VLF_F16, VLF_GELU, FALSE }, { 10, 768, 3072, VLF_F16, VLF_GELU, FALSE },
    { 325, 768, 768, VLF_I8, VLF_NONE, FALSE },   { 325, 768, 3072, VLF_I8, VLF_GELU, FALSE },
    { 325, 3072, 768, VLF_I8, VLF_NONE, TRUE },   { 325, 768, 3072, VLF_BF16, VLF_GELU, FALSE },
    { 10, 768, 3072, VLF_BF16, VLF_GELU, FALSE },
  };
  static const gchar *const types[] = { "f32", "f16", "bf16", "i8" };
  gboolean good = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    VlfSource source = { .type = VLF_F32, .rows = rows[i].n, .cols = rows[i].k, .read = read_ramp };
    VlfConstant *x = make_constant (c, rows[i].m, rows[i].k), *residual = make_constant (c, rows[i].m, rows[i].n);
    Bench b = { .x = x->tensor, .act = rows[i].act };
    g_autofree gchar *name = g_strdup_printf ("linear %ux%ux%u %s activation %d%s", rows[i].m, rows[i].n, rows[i].k,
                                              types[rows[i].stored], (int) b.act, rows[i].residual ? " +" : "");

    if (rows[i].residual)
      b.y = residual->tensor;
    source.user = &source;
    b.weight = vlf_weight_new (c->devices[DEVICE], &source, NULL, 1, rows[i].stored, NULL);
    good &= report (c, name, op_linear, &b, 2.0 * rows[i].m * rows[i].n * rows[i].k, peak);
    vlf_weight_free (b.weight);
    vlf_constant_free (x);
    vlf_constant_free (residual);
  }
  return good;
}

static gboolean
bench_attention (Check *c, double peak)
{
  static const guint rows[][2] = { { 325, 325 }, { 325, 10 }, { 10, 325 }, { 10, 10 }, { 577, 577 }, { 1, 325 } };
  gboolean good = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    VlfConstant *q = make_constant (c, rows[i][0], 768), *kv = make_constant (c, rows[i][1], 1536);
    Bench b = { .x = q->tensor, .y = kv->tensor };
    g_autofree gchar *name = g_strdup_printf ("attention %u to %u, 12 heads of 64", rows[i][0], rows[i][1]);

    good &= report (c, name, op_attention, &b, 4.0 * 768 * rows[i][0] * rows[i][1], peak);
    vlf_constant_free (q);
    vlf_constant_free (kv);
  }
  return good;
}

static gboolean
bench_norm (Check *c)
{
  VlfConstant *x = make_constant (c, 325, 768), *y = make_constant (c, 325, 768), *z = make_constant (c, 1, 768);
  Bench b = { .x = x->tensor, .y = y->tensor, .z = z->tensor };
  gboolean good = report (c, "add_norm 325x768", op_norm, &b, 0, 0);

  vlf_constant_free (x);
  vlf_constant_free (y);
  vlf_constant_free (z);
  return good;
}

/* NV12 to 18x18 patches of 16, as BridgeTower's processor cuts it: the shorter side to 288, the centre. */
static gboolean
bench_patches (Check *c)
{
  const guint width = 1920, height = 1080;
  g_autofree guint8 *data = g_malloc (width * height * 3 / 2);
  Bench b = { .image = { .width = width, .height = height, .n_planes = 2 },
              .plan = { .filter = VLF_FILTER_BICUBIC, .resized_width = 512, .resized_height = 288 } };

  for (guint i = 0; i < width * height * 3 / 2; i++)
    data[i] = (guint8) (i * 2654435761u >> 24);
  b.image.planes[0].data = data;
  b.image.planes[0].size = width * height;
  b.image.planes[1].data = data + width * height;
  b.image.planes[1].size = width * height / 2;
  for (guint i = 0; i < 3; i++) {
    b.image.components[i].plane = i > 0;
    b.image.components[i].offset = i == 2;
    b.image.components[i].stride = width;
    b.image.components[i].pixel_stride = i ? 2 : 1;
    b.image.components[i].x_shift = b.image.components[i].y_shift = i > 0;
    b.image.matrix[i][0] = 1.164f;
    b.image.matrix[i][i] += 0.5f;
    b.plan.std[i] = 1;
  }
  b.plan.crop_x = 112;
  b.plan.width = b.plan.height = 288;
  b.plan.patch = 16;
  b.plan.rescale = 1.0f / 255;
  return report (c, "patches NV12 1920x1080 to 288x288 of 512x288", op_patches, &b, 0, 0);
}

gboolean
vlf_check_bench (Check *c)
{
  const double peak = vlf_device_measure_peak (c->devices[DEVICE], NULL) * 1e9;
  gboolean good = peak > 0;

  g_print ("%s: measured peak %.1f GFLOP/s in f32\n", vlf_device_name (c->devices[DEVICE]), peak * 1e-9);
  good &= bench_linear (c, peak);
  good &= bench_attention (c, peak);
  good &= vlf_check_bench_mechanisms (c);
  good &= bench_norm (c);
  good &= bench_patches (c);
  return good;
}
