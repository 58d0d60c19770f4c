/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/vlf-run.h"
#include "models/safetensors_write.h"
#include <string.h>

/* Dimension @name of one input: where it stands, and what it must be there. */
typedef struct {
  const char *tensor;
  VlfTensorType type;
  guint rank;
  const char *shape; /* for messages */
} Expected;

static const Expected expected_pixels = { "pixel_values", VLF_TENSOR_F32, 4, "[batch, 3, height, width]" };
static const Expected expected_ids = { "input_ids", VLF_TENSOR_I64, 2, "[batch, tokens]" };
static const Expected expected_mask = { "attention_mask", VLF_TENSOR_I64, 2, "[batch, tokens]" };

static gboolean
wrong (const char *path, const Expected *expected, const VlfTensorInfo *info, const char *rule, GError **error)
{
  g_autofree gchar *shape = info ? vlf_tensor_shape_string (info) : NULL;

  g_set_error (error, VLF_ERROR, info ? VLF_ERROR_RANGE : VLF_ERROR_NOT_FOUND, "%s: %s: expected %s %s%s, found %s%s%s",
               path, expected->tensor, vlf_tensor_type_name (expected->type), expected->shape, rule,
               info ? vlf_tensor_type_name (info->type) : "no such tensor", info ? " " : "", info ? shape : "");
  return FALSE;
}

/* The whole tensor in host memory; free with g_free(). */
static gpointer
read_tensor (const VlfSafetensors *file, const char *path, const Expected *expected, guint64 *shape, GError **error)
{
  const VlfTensorInfo *info = vlf_safetensors_lookup (file, expected->tensor);
  g_autofree guint8 *data = NULL;

  if (!info || info->type != expected->type || info->rank != expected->rank) {
    wrong (path, expected, info, "", error);
    return NULL;
  }
  for (guint i = 0; i < info->rank; i++)
    if (info->shape[i] < 1 || info->shape[i] > G_MAXINT32) {
      wrong (path, expected, info, " without an empty side", error);
      return NULL;
    }
  memcpy (shape, info->shape, info->rank * sizeof *shape);
  data = g_try_malloc (info->bytes);
  if (!data) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: %s: no memory for %" G_GSIZE_FORMAT " bytes", path,
                 expected->tensor, info->bytes);
    return NULL;
  }
  return vlf_safetensors_read (file, info, 0, info->bytes, data, error) ? g_steal_pointer (&data) : NULL;
}

static gboolean
check_mask (const char *path, const VlfTensorInput *input, GError **error)
{
  for (gsize i = 0; i < (gsize) input->batch * input->tokens; i++)
    if (input->attention_mask[i] != 0 && input->attention_mask[i] != 1) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                   "%s: attention_mask: expected 0 or 1, found %" G_GINT64_FORMAT " at [%" G_GSIZE_FORMAT
                   ", %" G_GSIZE_FORMAT "]",
                   path, input->attention_mask[i], i / input->tokens, i % input->tokens);
      return FALSE;
    }
  return TRUE;
}

/* The mask must be of the ids' size, the ids of the pixels' batch. */
static gboolean
read_input (const VlfSafetensors *file, const char *path, VlfTensorInput *input, GError **error)
{
  guint64 pixels[4], ids[2], mask[2];

  input->pixel_values = read_tensor (file, path, &expected_pixels, pixels, error);
  input->input_ids = input->pixel_values ? read_tensor (file, path, &expected_ids, ids, error) : NULL;
  input->attention_mask = input->input_ids ? read_tensor (file, path, &expected_mask, mask, error) : NULL;
  if (!input->attention_mask)
    return FALSE;
  if (pixels[1] != 3)
    return wrong (path, &expected_pixels, vlf_safetensors_lookup (file, "pixel_values"), "", error);
  if (ids[0] != pixels[0])
    return wrong (path, &expected_ids, vlf_safetensors_lookup (file, "input_ids"), " with the batch of pixel_values",
                  error);
  if (mask[0] != ids[0] || mask[1] != ids[1])
    return wrong (path, &expected_mask, vlf_safetensors_lookup (file, "attention_mask"), " as input_ids", error);
  input->batch = (guint) pixels[0];
  input->height = (guint) pixels[2];
  input->width = (guint) pixels[3];
  input->tokens = (guint) ids[1];
  return check_mask (path, input, error);
}

typedef struct {
  VlfSafetensorsWriter *writer;
  GError *error; /* the first one */
} Output;

static void
keep (gpointer user, const char *name, const float *data, const gint64 *ids, const guint *shape, guint rank)
{
  Output *output = user;

  if (!output->error)
    vlf_safetensors_writer_add (output->writer, name, ids ? VLF_TENSOR_I64 : VLF_TENSOR_F32, shape, rank,
                                ids ? (gconstpointer) ids : data, &output->error);
}

static gboolean
run_network (const RunOptions *options, const VlfTensorInput *input, GError **error)
{
  g_autoptr (VlfSafetensorsWriter) writer = vlf_safetensors_writer_new ();
  g_autoptr (VlfModel) model = run_open_model (options, TRUE, error);
  g_autoptr (VlfSession) session = model ? vlf_session_new (model, error) : NULL;
  Output output = { .writer = writer };

  if (!session)
    return FALSE;
  if (!vlf_session_run_tensors (session, input, keep, &output, error)) {
    if (error && g_error_matches (*error, VLF_ERROR, VLF_ERROR_RANGE))
      g_prefix_error (error, "%s: ", options->tensors);
    g_clear_error (&output.error);
    return FALSE;
  }
  if (output.error) {
    g_propagate_error (error, output.error);
    return FALSE;
  }
  vlf_safetensors_writer_set (writer, "model", vlf_model_fingerprint (model));
  return vlf_safetensors_writer_save (writer, options->save, error);
}

gboolean
run_tensors (const RunOptions *options, GError **error)
{
  g_autoptr (VlfSafetensors) file = vlf_safetensors_open_file (options->tensors, error);
  VlfTensorInput input = { .max_length = (guint) options->max_length };
  gboolean done = file && read_input (file, options->tensors, &input, error);

  if (done)
    done = run_network (options, &input, error);
  g_free ((gpointer) input.pixel_values);
  g_free ((gpointer) input.input_ids);
  g_free ((gpointer) input.attention_mask);
  return done;
}
