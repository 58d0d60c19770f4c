/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preprocessing against transformers' PIL processors: every case of golden/preprocess/cases.txt, on one device. The format's 8 bits
 * are the bound: a pixel may differ by one level, and only few may differ at all.
 * Usage: test-image FOLDER DEVICE. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "kernels/ops.h"
#include "models/image.h"
#include "models/safetensors.h"
#include "tests/folder.h"

static const char *device_name;

static gpointer
read_tensor (const VlfSafetensors *files, const char *name, const VlfTensorInfo **info)
{
  g_autoptr (GError) error = NULL;
  gpointer data;

  *info = vlf_safetensors_lookup (files, name);
  g_assert_nonnull (*info);
  data = g_malloc ((*info)->bytes);
  vlf_safetensors_read (files, *info, 0, (*info)->bytes, data, &error);
  g_assert_no_error (error);
  return data;
}

/* One patch as large as the input makes the patch row the picture itself, [3, size, size]. */
static float *
preprocess (const VlfImage *image, const VlfImagePlan *plan)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open (device_name, &error);
  g_autoptr (VlfQueue) queue = NULL;
  float *pixels = g_new (float, 3 * plan->width * plan->height);
  VlfPass *pass;

  g_assert_no_error (error);
  queue = vlf_queue_new (device, &error);
  g_assert_no_error (error);
  pass = vlf_pass_begin (queue);
  vlf_output (pass, vlf_patches (pass, image, plan, 1), pixels);
  vlf_pass_end (pass, &error);
  g_assert_no_error (error);
  return pixels;
}

static void
check_case (gconstpointer data)
{
  const char *folder = data;
  g_autoptr (GError) error = NULL;
  g_autofree gchar *path = g_build_filename (folder, "pixel_values.safetensors", NULL);
  g_autoptr (VlfSafetensors) files = vlf_safetensors_open (path, &error);
  const VlfTensorInfo *in, *out;
  g_autofree guint8 *pixels = read_tensor (files, "image", &in);
  g_autofree float *expected = read_tensor (files, "pixel_values", &out);
  guint size = (guint) out->shape[2], others = 0, n = 3 * size * size;
  VlfImage image = vlf_image_rgb (pixels, (guint) in->shape[1], (guint) in->shape[0]);
  VlfImageProcessor processor;
  VlfImagePlan plan;
  g_autofree float *found = NULL;

  g_assert_no_error (error);
  vlf_image_processor_load (&processor, folder, "BridgeTowerImageProcessor", size, size, &error);
  g_assert_no_error (error);
  plan = vlf_image_plan (&processor, image.width, image.height, VLF_FIT_MODEL);
  found = preprocess (&image, &plan);
  for (guint i = 0; i < n; i++) {
    double level = processor.rescale / processor.std[i / (size * size)];
    double apart = fabs ((double) found[i] - expected[i]);

    g_assert_cmpfloat (apart, <=, level * 1.001 + 1e-5);
    others += apart > 1e-5;
  }
  g_test_message ("%s: %u of %u values differ, by one level", folder, others, n);
  g_assert_cmpuint (others, <=, n / 200);
}

static void
load_processor (VlfImageProcessor *processor, const char *dir)
{
  g_autoptr (GError) error = NULL;

  vlf_image_processor_load (processor, dir, "BlipImageProcessor", 48, 16, &error);
  g_assert_no_error (error);
}

/* As transformers 5 saves the settings, inside the processor's file, and beside it what older versions read. */
static void
check_nested (gconstpointer data)
{
  const char *folder = data;
  g_autofree gchar *mine = g_build_filename (folder, "bilinear_half", NULL);
  g_autofree gchar *path = g_build_filename (mine, "preprocessor_config.json", NULL), *settings = NULL, *nested = NULL;
  gchar *dir = folder_new ();
  g_autoptr (GError) error = NULL;
  VlfImageProcessor expected, found;

  load_processor (&expected, mine);
  g_assert_cmpfloat (expected.mean[0], ==, 0.5);
  g_assert_true (g_file_get_contents (path, &settings, NULL, NULL));
  nested = g_strdup_printf ("{\"image_processor\": %s, \"processor_class\": \"BlipProcessor\"}", settings);
  folder_put (dir, "processor_config.json", nested, -1);
  load_processor (&found, dir);
  g_assert_cmpmem (&expected, sizeof expected, &found, sizeof found);
  folder_put (dir, "preprocessor_config.json", "{\"image_mean\": [0, 0, 0]}", -1);
  load_processor (&found, dir);
  g_assert_cmpmem (&expected, sizeof expected, &found, sizeof found);

  folder_put (dir, "processor_config.json", "{\"processor_class\": \"BlipProcessor\"}", -1);
  load_processor (&found, dir);
  g_assert_cmpfloat (found.mean[0], ==, 0);

  folder_put (dir, "processor_config.json", "{\"image_processor\": {\"image_mean\": [1]}}", -1);
  g_assert_false (vlf_image_processor_load (&found, dir, "BlipImageProcessor", 48, 16, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_assert_true (g_str_has_prefix (error->message, "processor_config.json: image_processor: image_mean: "));
  folder_remove (dir);
}

/* Ways to say a size that no picture is resized by here. */
static void
check_other_sizes (void)
{
  static const char *const others[] = {
    "{\"image_processor_type\": \"CLIPImageProcessor\", \"size\": {\"shortest_edge\": 48, \"longest_edge\": 60}}",
    "{\"image_processor_type\": \"CLIPImageProcessor\", \"size\": {\"max_height\": 48, \"max_width\": 48}}",
    "{\"image_processor_type\": \"CLIPImageProcessor\", \"size\": {\"height\": 48}}",
    "{\"image_processor_type\": \"BridgeTowerImageProcessor\", \"size\": {\"height\": 48, \"width\": 48}}",
    "{\"image_processor_type\": \"BlipImageProcessor\", \"size\": {\"shortest_edge\": 48}}"
  };
  gchar *dir = folder_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (others); i++) {
    g_autoptr (GError) error = NULL;
    VlfImageProcessor processor;

    folder_put (dir, "preprocessor_config.json", others[i], -1);
    g_assert_false (vlf_image_processor_load (&processor, dir, "CLIPImageProcessor", 48, 16, &error));
    g_assert_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED);
    g_assert_nonnull (strstr (error->message, "size: expected "));
  }
  folder_remove (dir);
}

/* Where nothing is cut, what a cut would be like does not count, though it is saved; what the picture is resized to does. */
static void
check_unused_crop (void)
{
  static const char settings[] =
      "{\"image_processor_type\": \"CLIPImageProcessor\", \"do_center_crop\": false, \"crop_size\": {\"height\": 24, "
      "\"width\": 24}, \"size\": {\"height\": 48, \"width\": 48}}";
  gchar *dir = folder_new ();
  g_autoptr (GError) error = NULL;
  VlfImageProcessor processor;

  folder_put (dir, "preprocessor_config.json", settings, -1);
  vlf_image_processor_load (&processor, dir, "CLIPImageProcessor", 48, 16, &error);
  g_assert_no_error (error);
  g_assert_false (vlf_image_processor_load (&processor, dir, "CLIPImageProcessor", 64, 16, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_assert_true (g_str_has_prefix (error->message, "preprocessor_config.json: size: expected 64 x 64"));
  folder_remove (dir);
}

static void
check_plan_regions (void)
{
  VlfImageProcessor p = { .kind = VLF_PROCESSOR_BRIDGETOWER,
                          .resize = TRUE,
                          .center_crop = TRUE,
                          .shortest_edge = 288,
                          .divisor = 32,
                          .input = 288,
                          .patch = 16,
                          .rescale = 1.0 / 255 };
  double region[4];
  VlfImagePlan plan;

  /* 1280 x 720 becomes 448 x 256: 16 rows of padding above and below, 80 columns cut off at either side. */
  plan = vlf_image_plan (&p, 1280, 720, VLF_FIT_MODEL);
  g_assert_cmpuint (plan.resized_width, ==, 448);
  g_assert_cmpuint (plan.resized_height, ==, 256);
  g_assert_cmpint (plan.crop_x, ==, 80);
  g_assert_cmpint (plan.crop_y, ==, -16);
  vlf_image_plan_region (&plan, 1280, 720, region);
  g_assert_cmpfloat_with_epsilon (region[0], 80 * 1280.0 / 448, 1e-9);
  g_assert_cmpfloat_with_epsilon (region[1], -16 * 720.0 / 256, 1e-9);
  g_assert_cmpfloat_with_epsilon (region[2], 288 * 1280.0 / 448, 1e-9);
  g_assert_cmpfloat_with_epsilon (region[3], 288 * 720.0 / 256, 1e-9);

  plan = vlf_image_plan (&p, 1280, 720, VLF_FIT_SQUASH);
  vlf_image_plan_region (&plan, 1280, 720, region);
  g_assert_cmpfloat (region[0], ==, 0);
  g_assert_cmpfloat (region[2], ==, 1280);
  g_assert_cmpfloat (region[3], ==, 720);

  plan = vlf_image_plan (&p, 1280, 720, VLF_FIT_PAD);
  g_assert_cmpuint (plan.resized_width, ==, 288);
  g_assert_cmpuint (plan.resized_height, ==, 162);
  g_assert_cmpint (plan.crop_y, ==, -63);
  vlf_image_plan_region (&plan, 1280, 720, region);
  g_assert_cmpfloat (region[2], ==, 1280);
  g_assert_cmpfloat (region[3], ==, 1280);
}

/* The geometry of BridgeTowerImageProcessor for many pictures; sizes.txt: edge, divisor, picture, resized. */
static void
check_sizes (gconstpointer data)
{
  const char *path = data;
  g_autofree gchar *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint n = 0;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (g_strstrip (text), "\n", 0);
  for (; lines[n]; n++) {
    guint edge, divisor, width, height, to_width, to_height;
    VlfImageProcessor p = {
      .kind = VLF_PROCESSOR_BRIDGETOWER, .resize = TRUE, .center_crop = TRUE, .patch = 1, .rescale = 1
    };
    VlfImagePlan plan;

    g_assert_cmpint (sscanf (lines[n], "%u %u %u %u %u %u", &edge, &divisor, &width, &height, &to_width, &to_height),
                     ==, 6);
    p.shortest_edge = p.input = edge;
    p.divisor = divisor;
    plan = vlf_image_plan (&p, width, height, VLF_FIT_MODEL);
    g_assert_cmpuint (plan.resized_width, ==, to_width);
    g_assert_cmpuint (plan.resized_height, ==, to_height);
  }
  g_assert_cmpuint (n, >, 10);
}

/* Shapes that would floor to nothing still have a plan. */
static void
check_extreme_shapes (void)
{
  VlfImageProcessor p = { .kind = VLF_PROCESSOR_BRIDGETOWER,
                          .resize = TRUE,
                          .center_crop = TRUE,
                          .shortest_edge = 288,
                          .divisor = 32,
                          .input = 288,
                          .patch = 16,
                          .rescale = 1.0 / 255 };
  static const guint sizes[][2] = { { 1, 1 }, { 8192, 1 }, { 1, 8192 }, { 8192, 16 }, { 32768, 32768 } };

  for (guint kind = 0; kind < 3; kind++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
      VlfImagePlan plan;

      p.kind = (VlfProcessorKind) kind;
      p.resize_width = p.resize_height = 288;
      plan = vlf_image_plan (&p, sizes[i][0], sizes[i][1], VLF_FIT_MODEL);
      g_assert_cmpuint (plan.resized_width, >, 0);
      g_assert_cmpuint (plan.resized_height, >, 0);
      g_assert_cmpuint (plan.resized_width, <=, 16384);
      g_assert_cmpuint (plan.resized_height, <=, 16384);
    }
}

int
main (int argc, char **argv)
{
  g_autofree gchar *list = NULL, *list_path = NULL;
  g_auto (GStrv) lines = NULL;

  g_test_init (&argc, &argv, NULL);
  if (argc < 3)
    g_error ("usage: test-image FOLDER DEVICE");
  device_name = argv[2];
  list_path = g_build_filename (argv[1], "cases.txt", NULL);
  if (!g_file_get_contents (list_path, &list, NULL, NULL))
    g_error ("%s: no list of cases", list_path);
  lines = g_strsplit (g_strstrip (list), "\n", 0);
  g_test_add_func ("/image/regions", check_plan_regions);
  g_test_add_func ("/image/extreme-shapes", check_extreme_shapes);
  g_test_add_data_func ("/image/nested", argv[1], check_nested);
  g_test_add_func ("/image/other-sizes", check_other_sizes);
  g_test_add_func ("/image/unused-crop", check_unused_crop);
  g_test_add_data_func_full ("/image/sizes", g_build_filename (argv[1], "sizes.txt", NULL), check_sizes, g_free);
  for (guint i = 0; lines[i]; i++) {
    g_autofree gchar *path = g_strdup_printf ("/image/%s", lines[i]);
    g_test_add_data_func_full (path, g_build_filename (argv[1], lines[i], NULL), check_case, g_free);
  }
  return g_test_run ();
}
