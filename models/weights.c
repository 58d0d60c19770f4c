/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/weights.h"
#include "kernels/half.h"
#include "kernels/size.h"

/* What a loader made, freed last to first. */
typedef struct {
  gpointer thing;
  GDestroyNotify destroy;
} BagItem;

struct _VlfBag {
  GArray *items; /* BagItem */
};

VlfBag *
vlf_bag_new (void)
{
  VlfBag *bag = g_new0 (VlfBag, 1);

  bag->items = g_array_new (FALSE, FALSE, sizeof (BagItem));
  return bag;
}

void
vlf_bag_free (VlfBag *bag)
{
  if (!bag)
    return;
  for (guint i = bag->items->len; i > 0; i--) {
    BagItem *item = &g_array_index (bag->items, BagItem, i - 1);
    item->destroy (item->thing);
  }
  g_array_unref (bag->items);
  g_free (bag);
}

static gpointer
put (VlfBag *bag, gpointer thing, GDestroyNotify destroy)
{
  BagItem item = { thing, destroy };

  if (thing)
    g_array_append_val (bag->items, item);
  return thing;
}

static gpointer
keep (VlfLoader *loader, gpointer thing, GDestroyNotify destroy)
{
  return put (loader->bag, thing, destroy);
}

gpointer
vlf_bag_alloc (VlfBag *bag, gsize bytes)
{
  return put (bag, g_malloc0 (bytes), g_free);
}

const char *
vlf_name (VlfLoader *loader, const char *format, ...)
{
  va_list args;
  char *name;

  va_start (args, format);
  name = g_strdup_vprintf (format, args);
  va_end (args);
  return keep (loader, name, g_free);
}

/* The reader behind a VlfSource: one tensor, seen as [rows, cols] whatever its rank. */
typedef struct {
  VlfLoader *loader;
  const VlfTensorInfo *info;
  gsize row_bytes;
} Reader;

static gboolean
read_rows (gpointer user, guint first, guint n, gpointer to, GError **error)
{
  Reader *reader = user;
  VlfLoader *loader = reader->loader;

  if (!vlf_safetensors_read (loader->files, reader->info, first * reader->row_bytes, n * reader->row_bytes, to, error))
    return FALSE;
  loader->bytes_done += n * reader->row_bytes;
  if (loader->progress && /* a table that two parts share is read twice */
      !loader->progress (MIN ((double) loader->bytes_done / MAX (loader->bytes_total, 1), 1), loader->user)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_CANCELLED, "loading was stopped");
    return FALSE;
  }
  return TRUE;
}

static const VlfTensorInfo *
lookup (const VlfLoader *loader, const char *name)
{
  g_autofree gchar *full = g_strconcat (loader->prefix ? loader->prefix : "", name, NULL);

  return vlf_safetensors_lookup (loader->files, full);
}

gboolean
vlf_loader_has (const VlfLoader *loader, const char *name)
{
  return lookup (loader, name) != NULL;
}

static gchar *
expected_shape (guint rows, guint cols)
{
  return rows == 1 ? g_strdup_printf ("[%u]", cols) : g_strdup_printf ("[%u, %u]", rows, cols);
}

/* Whether @info can be read as [rows, cols]: the dimensions behind the first (or all of them, for one row) multiply to cols. */
static gboolean
has_shape (const VlfTensorInfo *info, guint rows, guint cols)
{
  if (info->elements != (gsize) rows * cols)
    return FALSE;
  return rows == 1 || (info->rank >= 2 && (info->shape[0] == rows || info->shape[0] == 1));
}

/* @name as a source of rows * cols numbers; FALSE with the loader's error set. */
static gboolean
find (VlfLoader *loader, const char *name, guint rows, guint cols, Reader *reader, VlfSource *source)
{
  const VlfTensorInfo *info = loader->error ? NULL : lookup (loader, name);
  g_autofree gchar *expected = expected_shape (rows, cols);
  VlfDType type;

  if (loader->error)
    return FALSE;
  if (!info) {
    g_set_error (&loader->error, VLF_ERROR, VLF_ERROR_NOT_FOUND, "the model lacks tensor \"%s%s\", expected shape %s",
                 loader->prefix ? loader->prefix : "", name, expected);
    return FALSE;
  }
  if (!has_shape (info, rows, cols)) {
    g_autofree gchar *found = vlf_tensor_shape_string (info);
    g_set_error (&loader->error, VLF_ERROR, VLF_ERROR_RANGE,
                 "tensor \"%s\": expected shape %s, as config.json says, found %s", info->name, expected, found);
    return FALSE;
  }
  if (!vlf_tensor_dtype (info, &type)) {
    g_set_error (&loader->error, VLF_ERROR, VLF_ERROR_UNSUPPORTED, "tensor \"%s\": expected F32, F16 or BF16, found %s",
                 info->name, vlf_tensor_type_name (info->type));
    return FALSE;
  }
  *reader = (Reader){ loader, info, cols * vlf_dtype_size (type) };
  *source = (VlfSource){ .type = type, .rows = rows, .cols = cols, .read = read_rows, .user = reader };
  return TRUE;
}

/* One more piece of memory; FALSE if that is all to be done, as there is no device. @n numbers of @type. */
static gboolean
allocates (VlfLoader *loader, gsize n, VlfDType type)
{
  gsize bytes = G_MAXSIZE;

  if (loader->device)
    return TRUE;
  vlf_size_mul (n, vlf_dtype_size (type), &bytes);
  loader->largest = MAX (loader->largest, bytes);
  if (!vlf_size_add (loader->need, bytes, &loader->need))
    loader->need = G_MAXSIZE;
  return FALSE;
}

#define MAX_PARTS   3
#define INT8_INPUTS 64

static const char *
weight_name (VlfLoader *loader, const char *name)
{
  return g_str_has_suffix (name, "weight") ? name : vlf_name (loader, "%s.weight", name);
}

static const char *
bias_name (VlfLoader *loader, const char *name)
{
  if (!g_str_has_suffix (name, "weight"))
    return vlf_name (loader, "%s.bias", name);
  return vlf_name (loader, "%.*sbias", (int) (strlen (name) - strlen ("weight")), name);
}

/* Rows too short for a scale of their own to pay, and what an architecture is careful with, keep the file's type where 8 bits are asked
 * for; for bf16 and f16 the latter is only stored in it. */
static VlfDType
stored_type (const VlfLoader *loader, const VlfSource *source)
{
  if (!loader->force_type || (loader->stored == VLF_I8 && (loader->careful || source->cols < INT8_INPUTS)))
    return source->type;
  if (loader->careful && loader->stored == VLF_BF16_DOT)
    return VLF_BF16;
  return loader->careful && loader->stored == VLF_F16_DOT ? VLF_F16 : loader->stored;
}

static VlfWeight *
load_parts (VlfLoader *loader, guint outputs, guint inputs, const char *const *names, const char *const *biases)
{
  Reader readers[2 * MAX_PARTS];
  VlfSource weights[MAX_PARTS], bias[MAX_PARTS];
  guint n = 0;

  for (; names[n]; n++) {
    if (!find (loader, names[n], outputs, inputs, &readers[2 * n], &weights[n]))
      return NULL;
    if (biases && !find (loader, biases[n], 1, outputs, &readers[2 * n + 1], &bias[n]))
      return NULL;
  }
  if (!allocates (loader, (gsize) n * outputs * inputs, stored_type (loader, &weights[0])))
    return NULL;
  return keep (loader,
               vlf_weight_new (loader->device, weights, biases ? bias : NULL, n, stored_type (loader, &weights[0]),
                               &loader->error),
               (GDestroyNotify) vlf_weight_free);
}

VlfWeight *
vlf_load_linear (VlfLoader *loader, guint outputs, guint inputs, gboolean bias, const char *const *names)
{
  const char *weights[MAX_PARTS + 1] = { NULL }, *biases[MAX_PARTS + 1] = { NULL };

  for (guint i = 0; i < MAX_PARTS && names[i]; i++) {
    weights[i] = weight_name (loader, names[i]);
    biases[i] = bias_name (loader, names[i]);
  }
  return load_parts (loader, outputs, inputs, weights, bias ? biases : NULL);
}

VlfWeight *
vlf_load_one (VlfLoader *loader, guint outputs, guint inputs, gboolean bias, const char *name)
{
  const char *const names[] = { name, NULL };

  return vlf_load_linear (loader, outputs, inputs, bias, names);
}

VlfWeight *
vlf_load_linear_with_bias (VlfLoader *loader, guint outputs, guint inputs, const char *name, const char *bias)
{
  const char *weights[] = { weight_name (loader, name), NULL }, *biases[] = { bias, NULL };

  return load_parts (loader, outputs, inputs, weights, biases);
}

VlfTensor
vlf_load_matrix (VlfLoader *loader, guint rows, guint cols, const char *name)
{
  Reader reader;
  VlfSource source;
  VlfConstant *constant;

  if (!find (loader, name, rows, cols, &reader, &source) || !allocates (loader, (gsize) rows * cols, VLF_F32))
    return (VlfTensor){ 0 };
  constant =
      keep (loader, vlf_constant_new (loader->device, &source, &loader->error), (GDestroyNotify) vlf_constant_free);
  return constant ? constant->tensor : (VlfTensor){ 0 };
}

float
vlf_load_scalar (VlfLoader *loader, float absent, const char *name)
{
  Reader reader;
  VlfSource source;
  guint8 stored[4];
  float number;

  if (!find (loader, name, 1, 1, &reader, &source) || !loader->device)
    return absent;
  if (!read_rows (&reader, 0, 1, stored, &loader->error))
    return absent;
  vlf_f32_from (source.type, stored, 1, &number);
  return number;
}

VlfNorm
vlf_load_norm (VlfLoader *loader, guint dim, float eps, const char *name)
{
  return (VlfNorm){
    .weight = vlf_load_matrix (loader, 1, dim, vlf_name (loader, "%s.weight", name)),
    .bias = vlf_load_matrix (loader, 1, dim, vlf_name (loader, "%s.bias", name)),
    .eps = eps,
  };
}

VlfTable *
vlf_load_table (VlfLoader *loader, guint rows, guint cols, const char *name)
{
  Reader reader;
  VlfSource source;

  if (!find (loader, name, rows, cols, &reader, &source) || !allocates (loader, (gsize) rows * cols, source.type))
    return NULL;
  return keep (loader, vlf_table_new (loader->device, &source, &loader->error), (GDestroyNotify) vlf_table_free);
}
