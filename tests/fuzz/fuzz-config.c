/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a config.json. Whatever it says, every getter stays within the bounds that it was given. */
#include "models/config.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/folder.h"
#include <string.h>

/* In objects of objects too. */
static const char *const paths[] = { "n", "text_config.n", "a.b.c", "", "." };

static void
check_lists (VlfConfig *config, const char *path)
{
  gint whole[4] = { 1, 1, 1, 1 };
  double numbers[4] = { 1, 1, 1, 1 };

  g_assert_cmpuint (vlf_config_ints (config, path, whole, 4, -2, 3), <=, 4);
  g_assert_cmpuint (vlf_config_doubles (config, path, numbers, 4, -2, 3), <=, 4);
  for (guint i = 0; i < 4; i++) {
    g_assert_true (whole[i] >= -2 && whole[i] <= 3);
    g_assert_true (numbers[i] >= -2 && numbers[i] <= 3);
  }
}

static void
check_path (VlfConfig *config, const char *path)
{
  static const char *const choices[] = { "gelu", "quick_gelu", NULL };
  guint u = vlf_config_uint (config, path, 5, 2, 9);
  gint i = vlf_config_int (config, path, -1, -9, 9);
  double d = vlf_config_double (config, path, 0.5, 0, 1);

  g_assert_true (u >= 2 && u <= 9);
  g_assert_true (i >= -9 && i <= 9);
  g_assert_true (d >= 0 && d <= 1);
  g_assert_cmpuint (vlf_config_choice (config, path, choices, 1), <=, 1);
  g_assert_nonnull (vlf_config_string (config, path, "absent"));
  vlf_config_bool (config, path, TRUE);
  vlf_config_has (config, path);
  check_lists (config, path);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (VlfConfig) config = NULL;
  g_autoptr (GError) error = NULL;

  fuzz_folder_put ("config.json", data, size);
  config = vlf_config_load (fuzz_folder (), "config.json", &error);
  g_assert_true (!config == !!error);
  for (gsize i = 0; config && i < G_N_ELEMENTS (paths); i++)
    check_path (config, paths[i]);
  if (config && vlf_config_enter (config, "text_config"))
    check_path (config, "n");
  return 0;
}
