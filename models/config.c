/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/config.h"
#include "models/file.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

struct _VlfConfig {
  gchar *name; /* of the file, for messages */
  VlfJson *root;
  const VlfJson *top; /* what paths begin at */
  GError *error;      /* the first */
};

/* --- files --- */

static VlfConfig *
config_new (const char *name, VlfJson *root, GError **error)
{
  VlfConfig *config;

  if (vlf_json_type (root) != VLF_JSON_OBJECT) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: expected an object, found %s", name,
                 vlf_json_type_name (root));
    vlf_json_free (root);
    return NULL;
  }
  config = g_new0 (VlfConfig, 1);
  config->name = g_strdup (name);
  config->root = root;
  config->top = root;
  return config;
}

static VlfConfig *
config_load (const char *dir, const char *name, gboolean optional, GError **error)
{
  int fd = vlf_dir_open (dir, error);
  VlfJson *root;

  if (fd < 0)
    return NULL;
  if (optional && !vlf_file_exists (fd, name))
    root = vlf_json_parse ("{}", 2, NULL, error);
  else
    root = vlf_json_load (fd, name, VLF_JSON_CONFIG_BYTES, NULL, error);
  close (fd);
  if (!root) {
    g_prefix_error (error, "%s: ", dir);
    return NULL;
  }
  return config_new (name, root, error);
}

VlfConfig *
vlf_config_load (const char *dir, const char *name, GError **error)
{
  return config_load (dir, name, FALSE, error);
}

VlfConfig *
vlf_config_load_optional (const char *dir, const char *name, GError **error)
{
  return config_load (dir, name, TRUE, error);
}

void
vlf_config_free (VlfConfig *config)
{
  if (!config)
    return;
  vlf_json_free (config->root);
  g_clear_error (&config->error);
  g_free (config->name);
  g_free (config);
}

/* --- errors --- */

void
vlf_config_fail (VlfConfig *config, VlfError code, const char *format, ...)
{
  g_autofree gchar *message = NULL;
  va_list arguments;

  if (config->error)
    return;
  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  config->error = g_error_new (VLF_ERROR, (gint) code, "%s: %s", config->name, message);
}

gboolean
vlf_config_check (const VlfConfig *config, GError **error)
{
  if (config->error && error)
    *error = g_error_copy (config->error);
  return config->error == NULL;
}

/* What a message says was found: short values as they are written, of others their type. */
static gchar *
describe (const VlfJson *value)
{
  g_autoptr (GString) text = g_string_new (NULL);
  VlfJsonType type = vlf_json_type (value);
  gsize length;

  if (type == VLF_JSON_ARRAY || type == VLF_JSON_OBJECT)
    g_string_append (text, vlf_json_type_name (value));
  else if (vlf_json_string (value, &length) && length > 100)
    g_string_append_printf (text, "a string of %" G_GSIZE_FORMAT " bytes", length);
  else
    vlf_json_canonical (value, text);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
fail_value (VlfConfig *config, VlfError code, const char *path, const VlfJson *value, const char *expected)
{
  g_autofree gchar *found = describe (value);

  vlf_config_fail (config, code, "%s: expected %s, found %s", path, expected, found);
}

static void
fail_range (VlfConfig *config, const char *path, const VlfJson *value, const char *kind, double min, double max)
{
  double number;
  VlfError code = vlf_json_double (value, &number) ? VLF_ERROR_RANGE : VLF_ERROR_FORMAT;
  char least[G_ASCII_DTOSTR_BUF_SIZE], most[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree gchar *expected = NULL;

  g_ascii_formatd (least, sizeof least, "%.10g", min);
  g_ascii_formatd (most, sizeof most, "%.10g", max);
  expected = g_strdup_printf ("%s from %s to %s", kind, least, most);
  fail_value (config, code, path, value, expected);
}

/* --- values --- */

/* The value at @path; NULL if it, or what should contain it, is absent or null. @config remembers a step into what
 * is no object. */
static const VlfJson *
find (const VlfConfig *config, const char *path, const VlfJson **wrong)
{
  const VlfJson *value = config->top;

  while (*path) {
    gsize step = strcspn (path, ".");

    if (vlf_json_type (value) != VLF_JSON_OBJECT) {
      if (vlf_json_type (value) != VLF_JSON_NULL)
        *wrong = value;
      return NULL;
    }
    value = vlf_json_get_n (value, path, step);
    path += step + (path[step] == '.');
  }
  return vlf_json_type (value) == VLF_JSON_NULL ? NULL : value;
}

static const VlfJson *
find_or_fail (VlfConfig *config, const char *path)
{
  const VlfJson *wrong = NULL, *value = find (config, path, &wrong);

  if (wrong) {
    g_autofree gchar *found = describe (wrong);

    vlf_config_fail (config, VLF_ERROR_FORMAT, "%s: expected an object around it, found %s", path, found);
  }
  return value;
}

const VlfJson *
vlf_config_get (const VlfConfig *config, const char *path)
{
  const VlfJson *wrong = NULL;

  return find (config, path, &wrong);
}

gboolean
vlf_config_has (const VlfConfig *config, const char *path)
{
  return vlf_config_get (config, path) != NULL;
}

gboolean
vlf_config_enter (VlfConfig *config, const char *path)
{
  const VlfJson *object = find_or_fail (config, path);
  gchar *name;

  if (!object)
    return FALSE;
  if (vlf_json_type (object) != VLF_JSON_OBJECT) {
    fail_value (config, VLF_ERROR_FORMAT, path, object, "an object");
    return TRUE;
  }
  name = g_strdup_printf ("%s: %s", config->name, path);
  g_free (config->name);
  config->name = name;
  config->top = object;
  return TRUE;
}

/* @value as a number of [min, max], whole if @whole; else an error about @path and FALSE. */
static gboolean
read_number (VlfConfig *config, const char *path, const VlfJson *value, gboolean whole, double min, double max,
             double *number)
{
  double found;

  if (vlf_json_double (value, &found) && found >= min && found <= max && (!whole || found == floor (found))) {
    *number = found;
    return TRUE;
  }
  fail_range (config, path, value, whole ? "an integer" : "a number", min, max);
  return FALSE;
}

static double
get_number (VlfConfig *config, const char *path, double absent, gboolean whole, double min, double max)
{
  const VlfJson *value = find_or_fail (config, path);
  double number = absent;

  if (value)
    read_number (config, path, value, whole, min, max, &number);
  return number;
}

/* 32-bit integers are exact as doubles. */
guint
vlf_config_uint (VlfConfig *config, const char *path, guint absent, guint min, guint max)
{
  return (guint) get_number (config, path, absent, TRUE, min, max);
}

gint
vlf_config_int (VlfConfig *config, const char *path, gint absent, gint min, gint max)
{
  return (gint) get_number (config, path, absent, TRUE, min, max);
}

double
vlf_config_double (VlfConfig *config, const char *path, double absent, double min, double max)
{
  return get_number (config, path, absent, FALSE, min, max);
}

gboolean
vlf_config_bool (VlfConfig *config, const char *path, gboolean absent)
{
  const VlfJson *value = find_or_fail (config, path);
  gboolean truth = absent;

  if (value && !vlf_json_bool (value, &truth))
    fail_value (config, VLF_ERROR_FORMAT, path, value, "true or false");
  return truth;
}

const char *
vlf_config_string (VlfConfig *config, const char *path, const char *absent)
{
  const VlfJson *value = find_or_fail (config, path);
  gsize length;
  const char *string = vlf_json_string (value, &length);

  if (!value)
    return absent;
  if (string && strlen (string) == length)
    return string;
  fail_value (config, VLF_ERROR_FORMAT, path, value, "a string");
  return absent;
}

guint
vlf_config_choice (VlfConfig *config, const char *path, const char *const *choices, guint absent)
{
  const VlfJson *value = find_or_fail (config, path);
  g_autofree gchar *list = NULL, *expected = NULL;

  if (!value)
    return absent;
  for (guint i = 0; choices[i]; i++)
    if (vlf_json_is (value, choices[i]))
      return i;
  list = g_strjoinv ("\", \"", (gchar **) choices);
  expected = g_strdup_printf ("one of \"%s\"", list);
  fail_value (config, vlf_json_string (value, NULL) ? VLF_ERROR_UNSUPPORTED : VLF_ERROR_FORMAT, path, value, expected);
  return absent;
}

/* The numbers of the array at @path to @ints or @doubles; returns how many, 0 after an error. */
static guint
get_numbers (VlfConfig *config, const char *path, guint max_n, gboolean whole, double min, double max, gint *ints,
             double *doubles)
{
  const VlfJson *array = find_or_fail (config, path), *value;
  guint n = 0;

  if (!array)
    return 0;
  if (vlf_json_type (array) != VLF_JSON_ARRAY || vlf_json_size (array) > max_n) {
    vlf_config_fail (config, VLF_ERROR_FORMAT, "%s: expected an array of at most %u, found %s of %u", path, max_n,
                     vlf_json_type_name (array), vlf_json_size (array));
    return 0;
  }
  for (value = vlf_json_first (array); value; value = vlf_json_next (value), n++) {
    double number;

    if (!read_number (config, path, value, whole, min, max, &number))
      return 0;
    if (ints)
      ints[n] = (gint) number;
    else
      doubles[n] = number;
  }
  return n;
}

guint
vlf_config_ints (VlfConfig *config, const char *path, gint *to, guint max_n, gint min, gint max)
{
  return get_numbers (config, path, max_n, TRUE, min, max, to, NULL);
}

guint
vlf_config_doubles (VlfConfig *config, const char *path, double *to, guint max_n, double min, double max)
{
  return get_numbers (config, path, max_n, FALSE, min, max, NULL, to);
}
