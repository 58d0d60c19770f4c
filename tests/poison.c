/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/poison.h"
#include <string.h>
#include <unistd.h>
#include <glib/gstdio.h>

/* Overwrites all of float32 tensor @name in the safetensors file of length @size at @data. */
static void
poison (gchar *data, gsize size, const char *name, float with)
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
  for (; begin + sizeof with <= end; begin += sizeof with)
    memcpy (data + 8 + header + begin, &with, sizeof with);
}

gchar *
poison_copy (const char *folder, const char *tensor, float with)
{
  gchar *copy = g_dir_make_tmp ("vlf-finite-XXXXXX", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const gchar *name;

  while ((name = g_dir_read_name (dir))) {
    g_autofree gchar *from = g_build_filename (folder, name, NULL), *to = g_build_filename (copy, name, NULL);
    g_autofree gchar *data = NULL;
    gsize size;

    g_assert_true (g_file_get_contents (from, &data, &size, NULL));
    if (tensor && g_str_has_suffix (name, ".safetensors"))
      poison (data, size, tensor, with);
    g_assert_true (g_file_set_contents (to, data, (gssize) size, NULL));
  }
  return copy;
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

void
poison_remove (gchar *copy)
{
  g_autoptr (GDir) dir = g_dir_open (copy, 0, NULL);
  const gchar *name;

  while ((name = g_dir_read_name (dir))) {
    g_autofree gchar *path = g_build_filename (copy, name, NULL);

    g_unlink (path);
  }
  g_rmdir (copy);
  g_free (copy);
}
