/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/poison.h"
#include <string.h>
#include <unistd.h>

/* Overwrites up to @n numbers of float32 tensor @name, from number @first on, in the safetensors file of length @size at @data. */
static void
poison (gchar *data, gsize size, const char *name, guint64 first, guint64 n, float with)
{
  guint64 header = 0, begin, end;
  g_autofree gchar *key = g_strdup_printf ("\"%s\":", name), *text = NULL;
  const char *at;
  gchar *next;

  memcpy (&header, data, sizeof header);
  header = GUINT64_FROM_LE (header);
  g_assert_cmpuint (header, <, size - 8);
  text = g_strndup (data + 8, header);
  at = strstr (text, key);
  g_assert_nonnull (at);
  at = strstr (at, "\"data_offsets\":[");
  g_assert_nonnull (at);
  begin = g_ascii_strtoull (at + strlen ("\"data_offsets\":["), &next, 10);
  end = g_ascii_strtoull (next + 1, NULL, 10);
  g_assert_cmpuint (end, <=, size - 8 - header);
  for (begin += first * sizeof with; n > 0 && begin + sizeof with <= end; n--, begin += sizeof with)
    memcpy (data + 8 + header + begin, &with, sizeof with);
}

gchar *
poison_copy_part (const gchar *folder, const char *tensor, guint64 first, guint64 n, float with)
{
  gchar *copy = folder_copy (folder);
  g_autofree gchar *path = g_build_filename (copy, "model.safetensors", NULL), *data = NULL;
  gsize size;

  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  poison (data, size, tensor, first, n, with);
  folder_put (copy, "model.safetensors", data, (gssize) size);
  return copy;
}

gchar *
poison_copy (const gchar *folder, const char *tensor, float with)
{
  return tensor ? poison_copy_part (folder, tensor, 0, G_MAXUINT64, with) : folder_copy (folder);
}

gboolean
poison_add (const gchar *copy, const char *tensor, guint64 rows, guint64 cols)
{
  g_autofree gchar *path = g_build_filename (copy, "model.safetensors", NULL), *data = NULL;
  g_autoptr (GString) header = NULL, all = g_string_new (NULL);
  guint64 length = 0, bytes = 4 * rows * cols;
  gsize size, numbers;

  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  memcpy (&length, data, sizeof length);
  numbers = size - 8 - GUINT64_FROM_LE (length);
  header = g_string_new_len (data + 8, (gssize) (size - 8 - numbers));
  g_string_truncate (header, (gsize) (strrchr (header->str, '}') - header->str));
  g_string_append_printf (header,
                          ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT
                          "],\"data_offsets\":[%" G_GSIZE_FORMAT ",%" G_GUINT64_FORMAT "]}}",
                          tensor, rows, cols, numbers, numbers + bytes);
  length = GUINT64_TO_LE ((guint64) header->len);
  g_string_append_len (all, (const gchar *) &length, sizeof length);
  g_string_append_len (all, header->str, (gssize) header->len);
  g_string_append_len (all, data + size - numbers, (gssize) numbers);
  g_assert_true (g_file_set_contents (path, all->str, (gssize) all->len, NULL));
  return truncate (path, (off_t) (all->len + bytes)) == 0;
}
