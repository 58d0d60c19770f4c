/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A lower precision on the golden models against the f32 of the same device: embeddings point the same way, and what f32 is sure of, is
 * decided alike. Usage: test-int8 FOLDER DEVICE [PRECISION]; int8 if none is named. */
#include <math.h>
#include <string.h>
#include "models/safetensors.h"
#include "models/session.h"

#define COSINE 0.999
#define MARGIN 0.1

static const char *device_name, *precision_name = "int8";

/* One named output of a run. */
typedef struct {
  float *data;
  guint shape[4], rank;
} Output;

static void
output_free (gpointer data)
{
  Output *output = data;

  g_free (output->data);
  g_free (output);
}

static void
keep (gpointer user, const char *name, const float *data, const gint64 *ids, const guint *shape, guint rank)
{
  Output *output = g_new0 (Output, 1);
  gsize n = 1;

  g_assert_null (ids);
  for (guint i = 0; i < rank; i++)
    n *= output->shape[i] = shape[i];
  output->rank = rank;
  output->data = g_memdup2 (data, n * sizeof *data);
  g_hash_table_insert (user, g_strdup (name), output);
}

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

/* Every output of a golden case by name. */
static GHashTable *
run (const char *folder, const char *precision)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *directory = g_build_filename (folder, "model", NULL);
  g_autofree gchar *path = g_build_filename (folder, "inputs.safetensors", NULL);
  g_autoptr (VlfSafetensors) in = vlf_safetensors_open (path, &error);
  VlfModelOptions options = {
    .directory = directory, .device = device_name, .precision = precision, .all_heads = TRUE
  };
  g_autoptr (VlfModel) model = vlf_model_open (&options, &error);
  g_autoptr (VlfSession) session = model ? vlf_session_new (model, &error) : NULL;
  GHashTable *outputs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, output_free);
  const VlfTensorInfo *pixels, *ids, *mask;
  g_autofree float *pixel_values = read_tensor (in, "pixel_values", &pixels);
  g_autofree gint64 *input_ids = read_tensor (in, "input_ids", &ids);
  g_autofree gint64 *attention_mask = read_tensor (in, "attention_mask", &mask);
  VlfTensorInput input = { pixel_values,     input_ids,        attention_mask, pixels->shape[0],
                           pixels->shape[2], pixels->shape[3], ids->shape[1],  0 };

  g_assert_no_error (error);
  vlf_session_run_tensors (session, &input, keep, outputs, &error);
  g_assert_no_error (error);
  return outputs;
}

static double
cosine (const float *a, const float *b, gsize n)
{
  double ab = 0, aa = 0, bb = 0;

  for (gsize i = 0; i < n; i++) {
    ab += (double) a[i] * b[i];
    aa += (double) a[i] * a[i];
    bb += (double) b[i] * b[i];
  }
  return ab / sqrt (aa * bb);
}

static void
check_embedding (const char *folder, const char *name, const Output *exact, const Output *found)
{
  const gsize n = exact->shape[1];

  for (guint i = 0; i < exact->shape[0]; i++) {
    double c = cosine (exact->data + i * n, found->data + i * n, n);

    g_test_message ("%s: %s %u: cosine %.6f", folder, name, i, c);
    g_assert_cmpfloat (c, >=, COSINE);
    if (g_str_equal (precision_name, "int8"))
      g_assert_cmpfloat (c, <, 1); /* it is another computation; the weights that bf16 stores may be exact */
  }
}

static void
check_decision (const char *folder, const Output *exact, const Output *found)
{
  for (guint i = 0; i < exact->shape[0]; i++) {
    double sure = (double) exact->data[2 * i + 1] - exact->data[2 * i];
    double seems = (double) found->data[2 * i + 1] - found->data[2 * i];

    g_test_message ("%s: logits differ by %.4f, in %s by %.4f", folder, sure, precision_name, seems);
    if (fabs (sure) > MARGIN)
      g_assert_true (sure > 0 ? seems > 0 : seems < 0);
  }
}

static void
check_case (gconstpointer data)
{
  static const char *const embeddings[] = { "pooler_output", "text_embeds", "image_embeds", "cross_embeds" };
  const char *folder = data;
  g_autoptr (GHashTable) exact = run (folder, "f32"), found = run (folder, precision_name);
  const Output *logits = g_hash_table_lookup (exact, "logits");

  for (guint i = 0; i < G_N_ELEMENTS (embeddings); i++)
    if (g_hash_table_contains (exact, embeddings[i]))
      check_embedding (folder, embeddings[i], g_hash_table_lookup (exact, embeddings[i]),
                       g_hash_table_lookup (found, embeddings[i]));
  if (logits && logits->rank == 2 && logits->shape[1] == 2)
    check_decision (folder, logits, g_hash_table_lookup (found, "logits"));
}

int
main (int argc, char **argv)
{
  g_autofree gchar *list = NULL, *list_path = NULL;
  g_auto (GStrv) lines = NULL;

  g_test_init (&argc, &argv, NULL);
  if (argc < 3)
    g_error ("usage: test-int8 FOLDER DEVICE");
  device_name = argv[2];
  if (argc > 3)
    precision_name = argv[3];
  list_path = g_build_filename (argv[1], "cases.txt", NULL);
  if (!g_file_get_contents (list_path, &list, NULL, NULL))
    g_error ("%s: no list of cases", list_path);
  lines = g_strsplit (g_strstrip (list), "\n", 0);
  for (guint i = 0; lines[i]; i++) {
    g_autofree gchar *path = g_strdup_printf ("/int8/%s", lines[i]);

    g_test_add_data_func_full (path, g_build_filename (argv[1], lines[i], NULL), check_case, g_free);
  }
  return g_test_run ();
}
