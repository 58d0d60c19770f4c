/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures through the reference: equal to PIL's resize byte for byte, colours by the matrix, the cut with its fill. */
#include "kernels/backend.h"
#include <math.h>
#include <string.h>
#include "tests/golden/resample.h"

/* As picture() in golden/generate_resample.py. */
static guint8
draw (guint32 x, guint32 y, guint32 c)
{
  guint32 noise = x * 73856093u ^ y * 19349663u ^ c * 83492791u;
  guint32 block = (x / 5 + y / 3) % 4;

  return block == 0 ? 0 : block == 1 ? 255 : noise >> 13 & 255;
}

static guint8 *
draw_picture (guint width, guint height)
{
  guint8 *rgb = g_malloc ((gsize) 3 * width * height), *to = rgb;

  for (guint y = 0; y < height; y++) {
    for (guint x = 0; x < width; x++) {
      for (guint c = 0; c < 3; c++)
        *to++ = draw (x, y, c);
    }
  }
  return rgb;
}

/* A plan that leaves the 8-bit values as they are, in one patch of [height, width] that is square. */
static VlfImagePlan
plain_plan (VlfFilter filter, guint resized_width, guint resized_height, guint size)
{
  VlfImagePlan plan = { .filter = filter, .resized_width = resized_width, .resized_height = resized_height };

  plan.width = plan.height = plan.patch = size;
  plan.rescale = 1;
  for (guint c = 0; c < 3; c++)
    plan.std[c] = 1;
  return plan;
}

/* Patches of one picture on the reference; [rows, cols] floats. */
static float *
run_patches (const VlfImage *image, const VlfImagePlan *plan)
{
  g_autoptr (GError) error = NULL;
  VlfDevice *device = vlf_device_open ("reference", &error);
  VlfQueue *queue;
  VlfPass *pass;
  VlfTensor y;
  float *to;

  g_assert_no_error (error);
  queue = vlf_queue_new (device, &error);
  g_assert_no_error (error);
  pass = vlf_pass_begin (queue);
  y = vlf_patches (pass, image, plan, 1);
  to = g_new0 (float, (gsize) y.rows *y.cols + 1);
  vlf_output (pass, y, to);
  vlf_pass_end (pass, &error);
  g_assert_no_error (error);
  vlf_queue_free (queue);
  vlf_device_unref (device);
  return to;
}

static void
test_pil (gconstpointer data)
{
  const guint i = GPOINTER_TO_UINT (data), w = resample_cases[i].resized_width, h = resample_cases[i].resized_height;
  const guint size = MAX (w, h);
  g_autofree guint8 *rgb = draw_picture (resample_cases[i].width, resample_cases[i].height);
  g_autofree guint8 *found = g_malloc ((gsize) 3 * w * h);
  g_autofree gchar *digest = NULL;
  VlfImage image = vlf_image_rgb (rgb, resample_cases[i].width, resample_cases[i].height);
  VlfImagePlan plan = plain_plan (resample_cases[i].filter, w, h, size);
  g_autofree float *values = run_patches (&image, &plan);

  for (guint y = 0; y < h; y++) {
    for (guint x = 0; x < w; x++) {
      for (guint c = 0; c < 3; c++)
        found[(y * w + x) * 3 + c] = (guint8) values[(c * size + y) * size + x];
    }
  }
  for (guint j = 0; resample_cases[i].pixels && j < 3 * w * h; j++)
    g_assert_cmpint (found[j], ==, resample_cases[i].pixels[j]);
  digest = g_compute_checksum_for_data (G_CHECKSUM_SHA256, found, (gsize) 3 * w * h);
  g_assert_cmpstr (digest, ==, resample_cases[i].sha256);
}

/* A cut that hangs over on two sides, levels and fill, patches in their order. */
static void
test_cut (void)
{
  g_autofree guint8 *rgb = draw_picture (10, 8);
  VlfImage image = vlf_image_rgb (rgb, 10, 8);
  VlfImagePlan plan = plain_plan (VLF_FILTER_BICUBIC, 10, 8, 6);
  g_autofree float *values = NULL;

  plan.crop_x = -1;
  plan.crop_y = 4;
  plan.patch = 3;
  plan.width = 7; /* one column is left over */
  plan.rescale = 1.0f / 255;
  for (guint c = 0; c < 3; c++) {
    plan.mean[c] = 0.25f * c;
    plan.std[c] = 0.5f;
    plan.fill[c] = 10.5f * c;
  }
  values = run_patches (&image, &plan);
  for (guint p = 0; p < 4; p++) {
    for (guint i = 0; i < 27; i++) {
      guint c = i / 9;
      gint y = 4 + (gint) (p / 2 * 3 + i / 3 % 3), x = -1 + (gint) (p % 2 * 3 + i % 3);
      float v = x >= 0 && y < 8 ? draw ((guint) x, (guint) y, c) : plan.fill[c];

      g_assert_cmpfloat_with_epsilon (values[p * 27 + i], (v / 255 - plan.mean[c]) / plan.std[c], 1e-6);
    }
  }
}

/* BT.709 in studio swing, chroma halved both ways and interleaved, an odd width. */
static void
test_nv12 (void)
{
  const float matrix[3][4] = { { 1.16438f, 0, 1.79274f, -248.10f },
                               { 1.16438f, -0.21325f, -0.53291f, 76.878f },
                               { 1.16438f, 2.11240f, 0, -289.018f } };
  guint8 luma[4 * 16], chroma[2 * 16];
  VlfImage image = { .width = 5, .height = 4, .n_planes = 2 };
  VlfImagePlan plan = plain_plan (VLF_FILTER_BILINEAR, 5, 4, 5);
  g_autofree float *values = NULL;

  for (guint i = 0; i < sizeof luma; i++)
    luma[i] = draw (i, 1, 0);
  for (guint i = 0; i < sizeof chroma; i++)
    chroma[i] = 100 + draw (i, 2, 1) / 5;
  image.planes[0].data = luma;
  image.planes[0].size = sizeof luma;
  image.planes[1].data = chroma;
  image.planes[1].size = sizeof chroma;
  for (guint i = 0; i < 3; i++) {
    image.components[i].plane = i > 0;
    image.components[i].offset = i == 2;
    image.components[i].stride = 16;
    image.components[i].pixel_stride = i ? 2 : 1;
    image.components[i].x_shift = image.components[i].y_shift = i > 0;
  }
  memcpy (image.matrix, matrix, sizeof matrix);
  values = run_patches (&image, &plan);
  for (guint y = 0; y < 4; y++) {
    for (guint x = 0; x < 5; x++) {
      const guint8 *uv = chroma + y / 2 * 16 + x / 2 * 2;

      for (guint c = 0; c < 3; c++) {
        double v = matrix[c][0] * luma[y * 16 + x] + matrix[c][1] * uv[0] + matrix[c][2] * uv[1] + matrix[c][3];

        g_assert_cmpfloat (fabs (values[(c * 5 + y) * 5 + x] - CLAMP (v, 0, 255)), <=, 0.502);
      }
    }
  }
}

/* Every output's weights make exactly one, within the rounding of each. */
static void
test_weights (void)
{
  for (guint f = VLF_FILTER_NEAREST; f <= VLF_FILTER_BOX; f++) {
    const VlfImage image = { .width = 1001, .height = 3, .extent_width = f % 2 ? 1000.25 : 0 };
    VlfResample *r = vlf_resample_new (f, &image, 77, 640, NULL);

    for (guint i = 0; i < r->x.out; i++) {
      gint64 sum = 0;

      g_assert_cmpuint (r->x.first[i] + r->x.count[i], <=, 1001);
      g_assert_cmpuint (r->x.count[i], <=, r->x.taps);
      for (guint j = 0; j < r->x.taps; j++)
        sum += r->x.weights[i * r->x.taps + j];
      g_assert_cmpint (ABS (sum - (1 << VLF_WEIGHT_BITS)), <=, r->x.count[i]);
    }
    for (guint i = 0; i < r->y.out; i++)
      g_assert_cmpuint (r->y.first[i] + r->y.count[i], <=, 3);
    vlf_resample_free (r);
  }
}

static void
test_limits (void)
{
  g_autoptr (GError) error = NULL;
  guint8 rgb[12] = { 0 };
  VlfImage image = vlf_image_rgb (rgb, 2, 2), nothing = vlf_image_rgb (rgb, 0, 1);

  g_assert_null (vlf_resample_new (VLF_FILTER_BOX, &nothing, 1, 1, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_clear_error (&error);
  g_assert_null (vlf_resample_new (VLF_FILTER_BOX, &image, 32769, 1, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_clear_error (&error);
  g_assert_true (vlf_image_check (&image, &error));
  image.components[2].offset = 3;
  g_assert_false (vlf_image_check (&image, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_clear_error (&error);
  image.components[2].offset = G_MAXSIZE;
  g_assert_false (vlf_image_check (&image, NULL));
  vlf_resample_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (resample_cases); i++) {
    g_autofree gchar *path =
        g_strdup_printf ("/resample/pil/%02u-%ux%u-to-%ux%u", i, resample_cases[i].width, resample_cases[i].height,
                         resample_cases[i].resized_width, resample_cases[i].resized_height);

    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_pil);
  }
  g_test_add_func ("/resample/cut", test_cut);
  g_test_add_func ("/resample/nv12", test_nv12);
  g_test_add_func ("/resample/weights", test_weights);
  g_test_add_func ("/resample/limits", test_limits);
  return g_test_run ();
}
