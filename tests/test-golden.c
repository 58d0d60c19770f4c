/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parity with transformers: every case of golden/<architecture>/cases.txt, every output of it, on one device.
 * Usage: test-golden FOLDER DEVICE [expected family]. The bound is the design's: an absolute 1e-4 and 1e-3 of the tensor's own standard deviation. */
#include <math.h>
#include <string.h>
#include "kernels/device.h"
#include "models/safetensors.h"
#include "models/session.h"

#define ABSOLUTE  1e-4
#define OF_SPREAD 1e-3

static const char *device_name;

typedef struct {
  const VlfSafetensors *expected;
  const char *name; /* of the case */
  guint seen;
} Comparison;

static gpointer
read_tensor (const VlfSafetensors *files, const char *name, VlfTensorType type, const VlfTensorInfo **info)
{
  g_autoptr (GError) error = NULL;
  gpointer data;

  *info = vlf_safetensors_lookup (files, name);
  g_assert_nonnull (*info);
  g_assert_cmpint ((*info)->type, ==, type);
  data = g_malloc ((*info)->bytes);
  vlf_safetensors_read (files, *info, 0, (*info)->bytes, data, &error);
  g_assert_no_error (error);
  return data;
}

static double
standard_deviation (const float *x, gsize n)
{
  double sum = 0, squares = 0, mean;

  for (gsize i = 0; i < n; i++)
    sum += x[i];
  mean = sum / n;
  for (gsize i = 0; i < n; i++)
    squares += (x[i] - mean) * (x[i] - mean);
  return sqrt (squares / n);
}

/* What is generated is the same, id by id. */
static void
compare_ids (Comparison *comparison, const char *name, const gint64 *found, const guint *shape, guint rank)
{
  const VlfTensorInfo *info;
  g_autofree gint64 *expected = read_tensor (comparison->expected, name, VLF_TENSOR_I64, &info);

  g_assert_cmpuint (rank, ==, info->rank);
  for (guint i = 0; i < rank; i++)
    g_assert_cmpuint (shape[i], ==, info->shape[i]);
  for (gsize i = 0; i < info->elements; i++)
    if (found[i] != expected[i])
      g_error ("%s: %s: expected %d at %d, found %d", comparison->name, name, (int) expected[i], (int) i,
               (int) found[i]);
  comparison->seen++;
}

static void
compare (gpointer user, const char *name, const float *found, const gint64 *ids, const guint *shape, guint rank)
{
  Comparison *comparison = user;
  const VlfTensorInfo *info;
  g_autofree float *expected = NULL;
  double worst = 0, spread;

  if (ids) {
    compare_ids (comparison, name, ids, shape, rank);
    return;
  }
  expected = read_tensor (comparison->expected, name, VLF_TENSOR_F32, &info);
  g_assert_cmpuint (rank, ==, info->rank);
  for (guint i = 0; i < rank; i++)
    g_assert_cmpuint (shape[i], ==, info->shape[i]);
  for (gsize i = 0; i < info->elements; i++) {
    g_assert_true (isfinite (found[i]));
    worst = MAX (worst, fabs ((double) found[i] - expected[i]));
  }
  spread = standard_deviation (expected, info->elements);
  g_test_message ("%s: %s: max abs error %.2e, standard deviation %.2e", comparison->name, name, worst, spread);
  g_assert_cmpfloat (worst, <=, ABSOLUTE);
  g_assert_cmpfloat (worst, <=, OF_SPREAD * spread);
  comparison->seen++;
}

static void
check_case (gconstpointer data)
{
  const char *folder = data;
  g_autoptr (GError) error = NULL;
  g_autofree gchar *directory = g_build_filename (folder, "model", NULL);
  g_autofree gchar *in_path = g_build_filename (folder, "inputs.safetensors", NULL);
  g_autofree gchar *out_path = g_build_filename (folder, "expected.safetensors", NULL);
  g_autoptr (VlfSafetensors) in = vlf_safetensors_open (in_path, &error);
  g_autoptr (VlfSafetensors) expected = vlf_safetensors_open (out_path, &error);
  VlfModelOptions options = { .directory = directory, .device = device_name, .all_heads = TRUE };
  g_autoptr (VlfModel) model = vlf_model_open (&options, &error);
  g_autoptr (VlfSession) session = NULL;
  const VlfTensorInfo *pixels, *ids, *mask;
  Comparison comparison = { .expected = expected, .name = folder };

  g_assert_no_error (error);
  session = vlf_session_new (model, &error);
  g_assert_no_error (error);
  {
    g_autofree float *pixel_values = read_tensor (in, "pixel_values", VLF_TENSOR_F32, &pixels);
    g_autofree gint64 *input_ids = read_tensor (in, "input_ids", VLF_TENSOR_I64, &ids);
    g_autofree gint64 *attention_mask = read_tensor (in, "attention_mask", VLF_TENSOR_I64, &mask);
    VlfTensorInput input = { pixel_values,     input_ids,        attention_mask, pixels->shape[0],
                             pixels->shape[2], pixels->shape[3], ids->shape[1],  0 };

    vlf_session_run_tensors (session, &input, compare, &comparison, &error);
    g_assert_no_error (error);
  }
  /* Nothing that transformers gives is left out. */
  g_assert_cmpuint (comparison.seen, ==, vlf_safetensors_size (expected));
}

static void
check_family (gconstpointer expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open (device_name, &error);
  static const char *const names[] = { "cpu", "gpu", "reference" };

  g_assert_no_error (error);
  g_test_message ("%s", vlf_device_name (device));
  g_assert_cmpstr (names[vlf_device_family (device)], ==, expected);
}

int
main (int argc, char **argv)
{
  g_autofree gchar *list = NULL, *list_path = NULL;
  g_auto (GStrv) lines = NULL;

  g_test_init (&argc, &argv, NULL);
  if (argc < 4)
    g_error ("usage: test-golden FOLDER DEVICE FAMILY");
  device_name = argv[2];
  list_path = g_build_filename (argv[1], "cases.txt", NULL);
  if (!g_file_get_contents (list_path, &list, NULL, NULL))
    g_error ("%s: no list of cases", list_path);
  lines = g_strsplit (g_strstrip (list), "\n", 0);
  g_test_add_data_func ("/golden/family", argv[3], check_family);
  for (guint i = 0; lines[i]; i++) {
    g_autofree gchar *path = g_strdup_printf ("/golden/%s", lines[i]);
    g_test_add_data_func_full (path, g_build_filename (argv[1], lines[i], NULL), check_case, g_free);
  }
  return g_test_run ();
}
