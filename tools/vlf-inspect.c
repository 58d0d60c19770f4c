/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/bench.h"
#include "models/config.h"
#include "models/fingerprint.h"
#include "models/safetensors.h"
#include "models/session.h"
#include "tools/cli.h"
#include <string.h>

/* "1.5 MB" */
static void
append_size (GString *to, guint64 bytes)
{
  g_autofree gchar *size = g_format_size (bytes);

  g_string_append (to, size);
}

/* What a file says, in @width columns. */
static void
append_clean (GString *to, const char *text, int width)
{
  g_autofree gchar *clean = cli_clean (text);

  g_string_append_printf (to, "%-*s", width, clean);
}

static void
append_tensors (GString *to, const VlfSafetensors *files)
{
  guint64 total = 0;

  for (guint i = 0; i < vlf_safetensors_size (files); i++) {
    const VlfTensorInfo *info = vlf_safetensors_nth (files, i);
    g_autofree gchar *shape = vlf_tensor_shape_string (info);

    append_clean (to, info->name, 72);
    g_string_append_printf (to, " %-5s %-20s %12" G_GSIZE_FORMAT "\n", vlf_tensor_type_name (info->type), shape,
                            info->bytes);
    total += info->bytes;
  }
  g_string_append_printf (to, "%u tensors, ", vlf_safetensors_size (files));
  append_size (to, total);
  g_string_append_printf (to, " in %u %s\n", vlf_safetensors_n_files (files),
                          vlf_safetensors_n_files (files) == 1 ? "file" : "files");
}

/* The parts of a network as its tensors are named: what stands before the first dot, and under the bare network one level more. */
static gchar *
part_of (const char *name)
{
  const char *dot = strchr (name, '.');

  if (dot && (g_str_has_prefix (name, "bridgetower.") || g_str_has_prefix (name, "model.")))
    dot = strchr (dot + 1, '.');
  return dot ? g_strndup (name, dot - name) : g_strdup (name);
}

static void
append_parts (GString *to, const VlfSafetensors *files)
{
  guint n = vlf_safetensors_size (files);

  for (guint i = 0; i < n;) {
    g_autofree gchar *part = part_of (vlf_safetensors_nth (files, i)->name);
    guint64 elements = 0;

    for (gboolean same = TRUE; same && i < n;) {
      g_autofree gchar *next = part_of (vlf_safetensors_nth (files, i)->name);

      same = strcmp (part, next) == 0;
      if (same)
        elements += vlf_safetensors_nth (files, i++)->elements;
    }
    g_string_append (to, "  ");
    append_clean (to, part, 44);
    g_string_append_printf (to, " %12" G_GUINT64_FORMAT " parameters\n", elements);
  }
}

/* As a person would write it: 0.1, not the 17 digits that tell it from its neighbours. */
static void
append_scalar (GString *to, const VlfJson *value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];
  g_autoptr (GString) written = g_string_new (NULL);
  double number;

  if (vlf_json_type (value) == VLF_JSON_DOUBLE && vlf_json_double (value, &number)) {
    g_string_append (to, g_ascii_formatd (digits, sizeof digits, "%.9g", number));
  } else {
    vlf_json_canonical (value, written);
    append_clean (to, written->str, 0);
  }
}

/* The scalars of @object, one a line; objects inside it one level deeper. */
static void
append_config (GString *to, const VlfJson *object, const char *prefix)
{
  for (const VlfJson *v = vlf_json_first (object); v; v = vlf_json_next (v)) {
    const char *key = vlf_json_key (v, NULL);
    VlfJsonType type = vlf_json_type (v);

    if (type == VLF_JSON_OBJECT && !*prefix &&
        (g_str_has_suffix (key, "_config") || g_str_has_suffix (key, "_config_dict"))) {
      g_autofree gchar *inner = g_strconcat (key, ".", NULL);

      append_config (to, v, inner);
    } else if (type == VLF_JSON_INT || type == VLF_JSON_DOUBLE || type == VLF_JSON_STRING || type == VLF_JSON_BOOL) {
      g_string_append (to, "  ");
      append_clean (to, prefix, 0);
      append_clean (to, key, 0);
      g_string_append (to, ": ");
      append_scalar (to, v);
      g_string_append_c (to, '\n');
    }
  }
}

static gboolean
inspect_file (const char *path, GString *to, GError **error)
{
  g_autoptr (VlfSafetensors) file = vlf_safetensors_open_file (path, error);

  if (!file)
    return FALSE;
  append_tensors (to, file);
  return TRUE;
}

/* The reference device is always there, so this is about the files alone. */
static gboolean
check_runnable (const char *directory, GError **error)
{
  VlfModelOptions options = { .directory = directory, .device = "reference", .all_heads = TRUE };

  return vlf_model_check (&options, error);
}

static void
append_line (GString *to, const char *name, const char *value)
{
  g_string_append_printf (to, "%s: ", name);
  append_clean (to, value, 0);
  g_string_append_c (to, '\n');
}

static gboolean
inspect_directory (const char *name, gboolean tensors, GString *to, GError **error)
{
  g_autofree gchar *directory = vlf_model_find (name, error);
  const gboolean runnable = directory && check_runnable (directory, error);
  g_autoptr (VlfConfig) config = runnable ? vlf_config_load (directory, "config.json", error) : NULL;
  g_autoptr (VlfSafetensors) files = config ? vlf_safetensors_open_dir (directory, error) : NULL;
  g_autofree gchar *fingerprint = NULL;
  const char *class;

  if (!files)
    return FALSE;
  fingerprint = vlf_model_make_fingerprint (directory, NULL, error);
  if (!fingerprint)
    return FALSE;
  class = vlf_json_string (vlf_json_first (vlf_config_get (config, "architectures")), NULL);
  append_line (to, "directory", directory);
  append_line (to, "model type", vlf_config_string (config, "model_type", "?"));
  append_line (to, "architecture", class ? class : "not named");
  append_line (to, "fingerprint", fingerprint);
  append_line (to, "runnable", "yes");
  g_string_append (to, "config.json:\n");
  append_config (to, vlf_config_get (config, ""), "");
  g_string_append (to, "parts:\n");
  append_parts (to, files);
  if (tensors)
    append_tensors (to, files);
  return TRUE;
}

static gboolean
inspect (const char *path, gboolean devices, gboolean tensors, GError **error)
{
  g_autoptr (GString) report = g_string_new (NULL);
  g_autofree gchar *list = devices ? vlf_bench_devices () : NULL;
  gboolean good = TRUE;

  if (list)
    g_string_append_printf (report, "%s\n", g_strchomp (list));
  if (path && (g_file_test (path, G_FILE_TEST_IS_REGULAR) || g_str_has_suffix (path, ".safetensors")))
    good = inspect_file (path, report, error);
  else if (path)
    good = inspect_directory (path, tensors, report, error);
  return good && cli_print (report->str, error);
}

int
main (int argc, char **argv)
{
  gboolean devices = FALSE, tensors = FALSE;
  const GOptionEntry entries[] = {
    { "devices", 0, 0, G_OPTION_ARG_NONE, &devices, "List what could compute", NULL },
    { "tensors", 0, 0, G_OPTION_ARG_NONE, &tensors, "Of a directory, list every tensor too", NULL },
    { 0 },
  };
  GError *error = NULL;

  if (!cli_parse (entries,
                  "Validates a safetensors file, or a model directory or name, and shows what is in it: "
                  "vlf-inspect FILE.safetensors|DIR",
                  1, &argc, &argv))
    return CLI_USAGE;
  if (argc < 2 && !devices)
    return cli_usage ("expected a file, a directory, or --devices");
  return inspect (argc > 1 ? argv[1] : NULL, devices, tensors, &error) ? CLI_OK : cli_fail (error);
}
