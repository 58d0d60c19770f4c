/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/safetensors_write.h"
#include "kernels/size.h"
#include "models/json.h"
#include "models/safetensors_header.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  gchar *name;
  VlfTensorType type;
  guint rank;
  guint shape[VLF_TENSOR_MAX_RANK];
  gpointer data; /* little-endian */
  gsize bytes;
} Entry;

struct _VlfSafetensorsWriter {
  GPtrArray *entries;   /* of Entry */
  GHashTable *metadata; /* string -> string */
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->name);
  g_free (entry->data);
  g_free (entry);
}

VlfSafetensorsWriter *
vlf_safetensors_writer_new (void)
{
  VlfSafetensorsWriter *writer = g_new0 (VlfSafetensorsWriter, 1);

  writer->entries = g_ptr_array_new_with_free_func (entry_free);
  writer->metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return writer;
}

void
vlf_safetensors_writer_free (VlfSafetensorsWriter *writer)
{
  if (!writer)
    return;
  g_ptr_array_unref (writer->entries);
  g_hash_table_unref (writer->metadata);
  g_free (writer);
}

void
vlf_safetensors_writer_set (VlfSafetensorsWriter *writer, const char *key, const char *value)
{
  g_hash_table_insert (writer->metadata, g_strdup (key), g_strdup (value));
}

/* Bytes of one element, 0 for a type that is not written here. */
static gsize
element_size (VlfTensorType type)
{
  switch (type) {
  case VLF_TENSOR_F32: return 4;
  case VLF_TENSOR_F16:
  case VLF_TENSOR_BF16: return 2;
  case VLF_TENSOR_I64: return 8;
  default: return 0;
  }
}

static void
to_little_endian (gpointer data, gsize bytes, gsize element)
{
#if G_BYTE_ORDER == G_BIG_ENDIAN
  guint8 *from = data;

  for (gsize i = 0; i < bytes; i += element)
    for (gsize j = 0; j < element / 2; j++) {
      guint8 swapped = from[i + j];

      from[i + j] = from[i + element - 1 - j];
      from[i + element - 1 - j] = swapped;
    }
#else
  (void) data, (void) bytes, (void) element;
#endif
}

static gboolean
size_of (const char *name, VlfTensorType type, const guint *shape, guint rank, gsize *bytes, GError **error)
{
  *bytes = element_size (type);
  if (*bytes == 0) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED, "%s: expected F32, F16, BF16 or I64 to write, found %s", name,
                 vlf_tensor_type_name (type));
    return FALSE;
  }
  for (guint i = 0; i < rank; i++)
    if (rank > VLF_TENSOR_MAX_RANK || !vlf_size_mul (*bytes, shape[i], bytes)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: the tensor is too large to write", name);
      return FALSE;
    }
  return TRUE;
}

gboolean
vlf_safetensors_writer_add (VlfSafetensorsWriter *writer, const char *name, VlfTensorType type, const guint *shape,
                            guint rank, gconstpointer data, GError **error)
{
  gpointer copy;
  gsize bytes;
  Entry *entry;

  for (guint i = 0; i < writer->entries->len; i++)
    if (strcmp (((Entry *) g_ptr_array_index (writer->entries, i))->name, name) == 0) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: a tensor of this name is there already", name);
      return FALSE;
    }
  if (!size_of (name, type, shape, rank, &bytes, error))
    return FALSE;
  copy = g_try_malloc (MAX (bytes, 1));
  if (!copy) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: no memory for %" G_GSIZE_FORMAT " bytes", name, bytes);
    return FALSE;
  }
  if (bytes > 0)
    memcpy (copy, data, bytes);
  to_little_endian (copy, bytes, element_size (type));
  entry = g_new0 (Entry, 1);
  *entry = (Entry){ .name = g_strdup (name), .type = type, .rank = rank, .data = copy, .bytes = bytes };
  if (rank > 0)
    memcpy (entry->shape, shape, rank * sizeof *shape);
  g_ptr_array_add (writer->entries, entry);
  return TRUE;
}

static gint
by_alignment_and_name (gconstpointer a, gconstpointer b)
{
  const Entry *x = *(Entry *const *) a, *y = *(Entry *const *) b;
  gsize size_x = element_size (x->type), size_y = element_size (y->type);

  return size_x != size_y ? (size_x < size_y ? 1 : -1) : strcmp (x->name, y->name);
}

static void
append_metadata (VlfSafetensorsWriter *writer, GString *header)
{
  g_autoptr (GList) keys = g_hash_table_get_keys (writer->metadata);

  if (!keys)
    return;
  keys = g_list_sort (keys, (GCompareFunc) strcmp);
  g_string_append (header, "\"__metadata__\":{");
  for (GList *l = keys; l; l = l->next) {
    vlf_json_quote (header, l->data, -1);
    g_string_append_c (header, ':');
    vlf_json_quote (header, g_hash_table_lookup (writer->metadata, l->data), -1);
    g_string_append (header, l->next ? "," : "},");
  }
}

/* The header, its length in front, its end padded with spaces; @total receives the bytes of all tensors. */
static GString *
make_header (VlfSafetensorsWriter *writer)
{
  GString *header = g_string_new ("{");
  guint64 offset = 0, length;

  append_metadata (writer, header);
  for (guint i = 0; i < writer->entries->len; i++) {
    const Entry *entry = g_ptr_array_index (writer->entries, i);

    vlf_json_quote (header, entry->name, -1);
    g_string_append_printf (header, ":{\"dtype\":\"%s\",\"shape\":[", vlf_tensor_type_name (entry->type));
    for (guint d = 0; d < entry->rank; d++)
      g_string_append_printf (header, "%s%u", d ? "," : "", entry->shape[d]);
    g_string_append_printf (header, "],\"data_offsets\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]},", offset,
                            offset + entry->bytes);
    offset += entry->bytes;
  }
  if (header->str[header->len - 1] == ',')
    g_string_truncate (header, header->len - 1);
  g_string_append_c (header, '}');
  while (header->len % 8)
    g_string_append_c (header, ' ');
  length = GUINT64_TO_LE ((guint64) header->len);
  g_string_prepend_len (header, (const gchar *) &length, sizeof length);
  return header;
}

static gboolean
write_all (VlfSafetensorsWriter *writer, const GString *header, FILE *file)
{
  gboolean good = fwrite (header->str, 1, header->len, file) == header->len;

  for (guint i = 0; good && i < writer->entries->len; i++) {
    const Entry *entry = g_ptr_array_index (writer->entries, i);

    good = fwrite (entry->data, 1, entry->bytes, file) == entry->bytes;
  }
  return good && fflush (file) == 0;
}

static FILE *
open_temporary (gchar *template)
{
  int fd = g_mkstemp_full (template, O_WRONLY | O_CLOEXEC, 0666);
  FILE *file = fd >= 0 ? fdopen (fd, "wb") : NULL;

  if (fd >= 0 && !file)
    close (fd);
  return file;
}

gboolean
vlf_safetensors_writer_save (VlfSafetensorsWriter *writer, const char *path, GError **error)
{
  g_autofree gchar *temporary = g_strconcat (path, ".XXXXXX", NULL);
  g_autoptr (GString) header = NULL;
  FILE *file;
  int reason = 0;

  g_ptr_array_sort (writer->entries, by_alignment_and_name);
  header = make_header (writer);
  if (header->len - sizeof (guint64) > VLF_SAFETENSORS_MAX_HEADER) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "%s: expected names and texts of at most %" G_GUINT64_FORMAT
                 " bytes, which readers take, found %" G_GSIZE_FORMAT,
                 path, VLF_SAFETENSORS_MAX_HEADER, header->len);
    return FALSE;
  }
  file = open_temporary (temporary);
  if (!file || !write_all (writer, header, file))
    reason = errno;
  if (file && fclose (file) != 0 && !reason)
    reason = errno;
  if (!reason && g_rename (temporary, path) != 0)
    reason = errno;
  if (!reason)
    return TRUE;
  if (file)
    g_unlink (temporary);
  g_set_error (error, VLF_ERROR, VLF_ERROR_IO, "%s: cannot be written: %s", path, g_strerror (reason));
  return FALSE;
}
