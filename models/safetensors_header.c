/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/safetensors_header.h"
#include "kernels/size.h"
#include <string.h>

#define MAX_NAME 512

static const struct {
  const char *name;
  guint bits;
} types[] = {
  [VLF_TENSOR_BOOL] = { "BOOL", 8 },
  [VLF_TENSOR_F4] = { "F4", 4 },
  [VLF_TENSOR_F6_E2M3] = { "F6_E2M3", 6 },
  [VLF_TENSOR_F6_E3M2] = { "F6_E3M2", 6 },
  [VLF_TENSOR_U8] = { "U8", 8 },
  [VLF_TENSOR_I8] = { "I8", 8 },
  [VLF_TENSOR_F8_E5M2] = { "F8_E5M2", 8 },
  [VLF_TENSOR_F8_E4M3] = { "F8_E4M3", 8 },
  [VLF_TENSOR_F8_E5M2FNUZ] = { "F8_E5M2FNUZ", 8 },
  [VLF_TENSOR_F8_E4M3FNUZ] = { "F8_E4M3FNUZ", 8 },
  [VLF_TENSOR_F8_E8M0] = { "F8_E8M0", 8 },
  [VLF_TENSOR_I16] = { "I16", 16 },
  [VLF_TENSOR_U16] = { "U16", 16 },
  [VLF_TENSOR_F16] = { "F16", 16 },
  [VLF_TENSOR_BF16] = { "BF16", 16 },
  [VLF_TENSOR_I32] = { "I32", 32 },
  [VLF_TENSOR_U32] = { "U32", 32 },
  [VLF_TENSOR_F32] = { "F32", 32 },
  [VLF_TENSOR_C64] = { "C64", 64 },
  [VLF_TENSOR_F64] = { "F64", 64 },
  [VLF_TENSOR_I64] = { "I64", 64 },
  [VLF_TENSOR_U64] = { "U64", 64 },
};

const char *
vlf_tensor_type_name (VlfTensorType type)
{
  return types[type].name;
}

/* What every message about a tensor begins with. */
typedef struct {
  const char *file, *tensor;
  GError **error;
} Place;

G_GNUC_PRINTF (3, 4)
static gboolean
fail (const Place *place, VlfError code, const char *format, ...)
{
  va_list arguments;
  g_autofree gchar *message = NULL, *tensor = g_strescape (place->tensor, NULL);

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (place->error, VLF_ERROR, (gint) code, "%s: tensor \"%.*s\": %s", place->file, MAX_NAME, tensor, message);
  return FALSE;
}

static gboolean
parse_type (const Place *place, const VlfJson *dtype, VlfTensorType *type)
{
  const char *found = vlf_json_string (dtype, NULL);
  g_autofree gchar *escaped = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    if (vlf_json_is (dtype, types[i].name)) {
      *type = i;
      return TRUE;
    }
  }
  if (!found)
    return fail (place, VLF_ERROR_FORMAT, "dtype: expected a string, found %s", vlf_json_type_name (dtype));
  escaped = g_strescape (found, NULL);
  return fail (place, VLF_ERROR_UNSUPPORTED, "dtype: expected one of the format (F32, F16, BF16, ...), found \"%.40s\"",
               escaped);
}

static gboolean
parse_shape (const Place *place, const VlfJson *shape, VlfTensorInfo *info)
{
  gsize bits, elements = 1;

  if (vlf_json_type (shape) != VLF_JSON_ARRAY || vlf_json_size (shape) > VLF_TENSOR_MAX_RANK)
    return fail (place, VLF_ERROR_FORMAT, "shape: expected an array of at most %u, found %s of %u", VLF_TENSOR_MAX_RANK,
                 vlf_json_type_name (shape), vlf_json_size (shape));
  for (const VlfJson *dim = vlf_json_first (shape); dim; dim = vlf_json_next (dim)) {
    if (!vlf_json_uint (dim, &info->shape[info->rank]))
      return fail (place, VLF_ERROR_FORMAT, "shape: expected unsigned integers, found something else at index %u",
                   info->rank);
    /* From the left, as the reference does: behind a 0 the product stays 0. */
    if (!vlf_size_mul (elements, info->shape[info->rank], &elements))
      return fail (place, VLF_ERROR_RANGE, "shape: expected a product below 2^64, found more");
    info->rank++;
  }
  if (!vlf_size_mul (elements, types[info->type].bits, &bits))
    return fail (place, VLF_ERROR_RANGE, "shape: expected less than 2^64 bits, found more");
  if (bits % 8 != 0)
    return fail (place, VLF_ERROR_FORMAT, "shape: expected whole bytes, found %" G_GSIZE_FORMAT " bits", bits);
  info->elements = elements;
  info->bytes = bits / 8;
  return TRUE;
}

/* Sets @info's offset, still within the data. */
static gboolean
parse_offsets (const Place *place, const VlfJson *offsets, gsize data_bytes, VlfTensorInfo *info)
{
  guint64 begin, end;

  if (vlf_json_type (offsets) != VLF_JSON_ARRAY || vlf_json_size (offsets) != 2 ||
      !vlf_json_uint (vlf_json_nth (offsets, 0), &begin) || !vlf_json_uint (vlf_json_nth (offsets, 1), &end))
    return fail (place, VLF_ERROR_FORMAT, "data_offsets: expected [begin, end], two unsigned integers");
  if (begin > end)
    return fail (place, VLF_ERROR_FORMAT,
                 "data_offsets: expected begin <= end, found %" G_GUINT64_FORMAT " > %" G_GUINT64_FORMAT, begin, end);
  if (end > data_bytes)
    return fail (place, VLF_ERROR_FORMAT,
                 "data_offsets: expected an end within the file's %" G_GSIZE_FORMAT
                 " bytes of data, found %" G_GUINT64_FORMAT,
                 data_bytes, end);
  if (end - begin != info->bytes)
    return fail (place, VLF_ERROR_FORMAT,
                 "data_offsets: expected %" G_GSIZE_FORMAT " bytes, as dtype and shape say, found %" G_GUINT64_FORMAT,
                 info->bytes, end - begin);
  info->offset = (gsize) begin;
  return TRUE;
}

static gboolean
parse_tensor (const Place *place, const VlfJson *entry, gsize data_bytes, VlfTensorInfo *info)
{
  const VlfJson *dtype = vlf_json_get (entry, "dtype"), *shape = vlf_json_get (entry, "shape"),
                *offsets = vlf_json_get (entry, "data_offsets");

  if (!dtype || !shape || !offsets || vlf_json_size (entry) != 3)
    return fail (place, VLF_ERROR_FORMAT, "expected an object of exactly dtype, shape and data_offsets, found %s of %u",
                 vlf_json_type_name (entry), vlf_json_size (entry));
  return parse_type (place, dtype, &info->type) && parse_shape (place, shape, info) &&
         parse_offsets (place, offsets, data_bytes, info);
}

static gboolean
check_metadata (const VlfJson *metadata, const char *name, GError **error)
{
  gsize length;

  if (vlf_json_type (metadata) != VLF_JSON_OBJECT) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: __metadata__: expected an object, found %s", name,
                 vlf_json_type_name (metadata));
    return FALSE;
  }
  for (const VlfJson *entry = vlf_json_first (metadata); entry; entry = vlf_json_next (entry)) {
    if (vlf_json_string (entry, &length))
      continue;
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: __metadata__: expected strings only, found %s", name,
                 vlf_json_type_name (entry));
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_name (const VlfJson *entry, const char *file, GError **error)
{
  gsize length;
  const char *name = vlf_json_key (entry, &length);

  if (length <= MAX_NAME && strlen (name) == length)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
               "%s: expected tensor names of at most %u bytes without NUL, found one of %" G_GSIZE_FORMAT " bytes",
               file, MAX_NAME, length);
  return FALSE;
}

static int
compare_offsets (const void *a, const void *b)
{
  const VlfTensorInfo *x = a, *y = b;

  if (x->offset != y->offset)
    return x->offset < y->offset ? -1 : 1;
  return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* The tensors from @first on fill the data, each byte once: no overlap, no hole, nothing behind them. Two files in
 * one would need such room. */
static gboolean
check_layout (GArray *all, guint first, const char *name, gsize data_bytes, GError **error)
{
  guint n = all->len - first;
  VlfTensorInfo *tensors = n > 0 ? &g_array_index (all, VlfTensorInfo, first) : NULL;
  gsize end = 0;

  if (n > 0)
    qsort (tensors, n, sizeof *tensors, compare_offsets);
  for (guint i = 0; i < n; i++) {
    Place place = { name, tensors[i].name, error };

    if (tensors[i].offset != end)
      return fail (&place, VLF_ERROR_FORMAT,
                   "data_offsets: expected begin %" G_GSIZE_FORMAT
                   ", where the tensor before ends, found %" G_GSIZE_FORMAT " (%s)",
                   end, tensors[i].offset, tensors[i].offset < end ? "they overlap" : "a hole between them");
    end += tensors[i].bytes;
  }
  if (end == data_bytes)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
               "%s: expected %" G_GSIZE_FORMAT " bytes of data, as the header says, found %" G_GSIZE_FORMAT, name, end,
               data_bytes);
  return FALSE;
}

gboolean
vlf_safetensors_parse_header (const VlfJson *header, const char *name, guint file, gsize data_start, gsize data_bytes,
                              GArray *tensors, GError **error)
{
  guint first = tensors->len;

  for (const VlfJson *entry = vlf_json_first (header); entry; entry = vlf_json_next (entry)) {
    VlfTensorInfo info = { .name = vlf_json_key (entry, NULL), .file = file };
    Place place = { name, info.name, error };

    if (!check_name (entry, name, error))
      return FALSE;
    if (strcmp (info.name, "__metadata__") == 0) {
      if (!check_metadata (entry, name, error))
        return FALSE;
      continue;
    }
    if (tensors->len == VLF_SAFETENSORS_MAX_TENSORS) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: expected at most %u tensors, found more", name,
                   VLF_SAFETENSORS_MAX_TENSORS);
      return FALSE;
    }
    if (!parse_tensor (&place, entry, data_bytes, &info))
      return FALSE;
    g_array_append_val (tensors, info);
  }
  if (!check_layout (tensors, first, name, data_bytes, error))
    return FALSE;
  for (guint i = first; i < tensors->len; i++)
    g_array_index (tensors, VlfTensorInfo, i).offset += data_start;
  return TRUE;
}
