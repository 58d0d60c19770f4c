/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/file.h"
#include "models/json_private.h"
#include <stdlib.h>
#include <string.h>

static int
compare_keys (const char *a, gsize a_length, const char *b, gsize b_length)
{
  return a_length != b_length ? (a_length < b_length ? -1 : 1) : memcmp (a, b, a_length);
}

/* Equal keys stay in the order of the text. */
static int
compare_members (const void *a, const void *b)
{
  const VlfJson *x = *(const VlfJson *const *) a, *y = *(const VlfJson *const *) b;
  int order = compare_keys (x->key, x->key_length, y->key, y->key_length);

  return order ? order : x < y ? -1 : x > y;
}

/* Sorting finds members without hashing, which hostile keys could make slow, and finds duplicates by the way. */
static gboolean
sort_object (VlfJson *object, const VlfJson **to, gboolean allow_duplicates, GError **error)
{
  guint32 n = 0;

  object->is.sorted = to;
  for (const VlfJson *member = vlf_json_first (object); member; member = vlf_json_next (member))
    to[n++] = member;
  qsort (to, n, sizeof *to, compare_members);
  for (guint32 i = 1; i < n && !allow_duplicates; i++) {
    if (compare_keys (to[i - 1]->key, to[i - 1]->key_length, to[i]->key, to[i]->key_length) == 0) {
      g_autofree gchar *key = g_strescape (to[i]->key, NULL);

      g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "expected each key once, found \"%.200s\" twice", key);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
vlf_json_sort_objects (VlfJsonDocument *document, gsize n, gboolean allow_duplicates, GError **error)
{
  const VlfJson **to = document->members = g_try_new (const VlfJson *, n);

  if (!to) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for %" G_GSIZE_FORMAT " JSON values", n);
    return FALSE;
  }
  for (gsize i = 0; i < n; i++) {
    if (vlf_json_values (document)[i].type != VLF_JSON_OBJECT)
      continue;
    if (!sort_object (&vlf_json_values (document)[i], to, allow_duplicates, error))
      return FALSE;
    to += vlf_json_values (document)[i].length;
  }
  return TRUE;
}

void
vlf_json_document_free (VlfJsonDocument *document)
{
  if (!document)
    return;
  g_free (document->text);
  g_free (document->members);
  g_free (document);
}

VlfJson *
vlf_json_load (int dir_fd, const char *name, gsize max_bytes, const VlfJsonLimits *limits, GError **error)
{
  gsize length;
  g_autofree gchar *data = vlf_file_load (dir_fd, name, max_bytes, &length, error);
  VlfJson *root = data ? vlf_json_parse (data, length, limits, error) : NULL;

  if (data && !root)
    g_prefix_error (error, "%s: ", name);
  return root;
}

void
vlf_json_free (VlfJson *root)
{
  if (root)
    vlf_json_document_free ((VlfJsonDocument *) (gpointer) root - 1);
}

/* --- reading --- */

static gboolean
is_container (const VlfJson *value)
{
  return value && (value->type == VLF_JSON_ARRAY || value->type == VLF_JSON_OBJECT);
}

VlfJsonType
vlf_json_type (const VlfJson *value)
{
  return value ? value->type : VLF_JSON_NULL;
}

const char *
vlf_json_type_name (const VlfJson *value)
{
  static const char *const names[] = { "null",     "true or false", "an integer", "an integer",
                                       "a number", "a string",      "an array",   "an object" };

  return names[vlf_json_type (value)];
}

const VlfJson *
vlf_json_get_n (const VlfJson *object, const char *key, gsize length)
{
  guint32 from = 0, to;

  if (vlf_json_type (object) != VLF_JSON_OBJECT)
    return NULL;
  /* The last of equal keys: everything below @from is <= @key. */
  for (to = object->length; from < to;) {
    guint32 middle = from + (to - from) / 2;
    const VlfJson *member = object->is.sorted[middle];

    if (compare_keys (member->key, member->key_length, key, length) <= 0)
      from = middle + 1;
    else
      to = middle;
  }
  if (from == 0)
    return NULL;
  object = object->is.sorted[from - 1];
  return compare_keys (object->key, object->key_length, key, length) == 0 ? object : NULL;
}

const VlfJson *
vlf_json_get (const VlfJson *object, const char *key)
{
  return vlf_json_get_n (object, key, strlen (key));
}

const VlfJson *
vlf_json_path (const VlfJson *object, const char *path)
{
  for (;;) {
    gsize step = strcspn (path, ".");

    object = vlf_json_get_n (object, path, step);
    if (!object || !path[step])
      return object;
    path += step + 1;
  }
}

guint
vlf_json_size (const VlfJson *array_or_object)
{
  return is_container (array_or_object) ? array_or_object->length : 0;
}

const VlfJson *
vlf_json_first (const VlfJson *array_or_object)
{
  return vlf_json_size (array_or_object) > 0 ? array_or_object + 1 : NULL;
}

const VlfJson *
vlf_json_next (const VlfJson *value)
{
  return value && !value->last ? value + value->span : NULL;
}

const VlfJson *
vlf_json_nth (const VlfJson *array_or_object, guint n)
{
  const VlfJson *value = vlf_json_first (array_or_object);

  while (n-- > 0 && value)
    value = vlf_json_next (value);
  return value;
}

const VlfJson *
vlf_json_sorted (const VlfJson *object, guint n)
{
  return vlf_json_type (object) == VLF_JSON_OBJECT && n < object->length ? object->is.sorted[n] : NULL;
}

const char *
vlf_json_key (const VlfJson *member, gsize *length)
{
  if (length)
    *length = member && member->key ? member->key_length : 0;
  return member ? member->key : NULL;
}

gboolean
vlf_json_int (const VlfJson *value, gint64 *number)
{
  if (vlf_json_type (value) != VLF_JSON_INT)
    return FALSE;
  *number = value->is.integer;
  return TRUE;
}

gboolean
vlf_json_uint (const VlfJson *value, guint64 *number)
{
  VlfJsonType type = vlf_json_type (value);

  if (type != VLF_JSON_UINT && (type != VLF_JSON_INT || value->is.integer < 0))
    return FALSE;
  *number = type == VLF_JSON_UINT ? value->is.natural : (guint64) value->is.integer;
  return TRUE;
}

gboolean
vlf_json_double (const VlfJson *value, double *number)
{
  switch (vlf_json_type (value)) {
  case VLF_JSON_INT: *number = (double) value->is.integer; return TRUE;
  case VLF_JSON_UINT: *number = (double) value->is.natural; return TRUE;
  case VLF_JSON_DOUBLE: *number = value->is.number; return TRUE;
  default: return FALSE;
  }
}

gboolean
vlf_json_bool (const VlfJson *value, gboolean *truth)
{
  if (vlf_json_type (value) != VLF_JSON_BOOL)
    return FALSE;
  *truth = value->is.truth;
  return TRUE;
}

const char *
vlf_json_string (const VlfJson *value, gsize *length)
{
  gboolean is_string = vlf_json_type (value) == VLF_JSON_STRING;

  if (length)
    *length = is_string ? value->length : 0;
  return is_string ? value->is.string : NULL;
}

gboolean
vlf_json_is (const VlfJson *value, const char *text)
{
  gsize length, expected = strlen (text);
  const char *string = vlf_json_string (value, &length);

  return string && length == expected && memcmp (string, text, length) == 0;
}
