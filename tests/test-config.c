/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/config.h"
#include "tests/folder.h"
#include <glib/gstdio.h>
#include <string.h>

/* @text as config.json of a directory that is gone again afterwards. */
static VlfConfig *
load (const char *text, GError **error)
{
  gchar *dir = folder_new ();
  VlfConfig *config;

  folder_put (dir, "config.json", text, -1);
  config = vlf_config_load (dir, "config.json", error);
  folder_remove (dir);
  return config;
}

static VlfConfig *
load_good (const char *text)
{
  g_autoptr (GError) error = NULL;
  VlfConfig *config = load (text, &error);

  g_assert_no_error (error);
  return config;
}

/* Frees @config, whose first error is of @code with exactly @message. */
static void
expect_failed (VlfConfig *config, VlfError code, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (vlf_config_check (config, &error));
  g_assert_error (error, VLF_ERROR, (gint) code);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_false (vlf_config_check (config, NULL));
  vlf_config_free (config);
}

static void
test_good (void)
{
  static const char *const acts[] = { "gelu", "relu", NULL };
  g_autoptr (VlfConfig) c = load_good (
      "{\"n\":12,\"f\":2.0,\"m\":-3,\"e\":1e-5,\"b\":true,\"s\":\"x\",\"none\":null,\"act\":\"relu\","
      "\"t\":{\"n\":7,\"deep\":{\"n\":8}},\"list\":[1,2,-3],\"mean\":[0.5,1],\"empty\":[],\"big\":4294967295}");
  gint list[4] = { 9, 9, 9, 9 };
  double mean[3];

  g_assert_cmpuint (vlf_config_uint (c, "n", 1, 1, 12), ==, 12);
  g_assert_cmpuint (vlf_config_uint (c, "f", 1, 0, 12), ==, 2);
  g_assert_cmpuint (vlf_config_uint (c, "big", 1, 0, G_MAXUINT), ==, G_MAXUINT);
  g_assert_cmpint (vlf_config_int (c, "m", 1, -3, 0), ==, -3);
  g_assert_true (vlf_config_double (c, "e", 1, 0, 1) == 1e-5);
  g_assert_true (vlf_config_double (c, "n", 1, 0, 100) == 12);
  g_assert_true (vlf_config_bool (c, "b", FALSE));
  g_assert_cmpstr (vlf_config_string (c, "s", NULL), ==, "x");
  g_assert_cmpuint (vlf_config_choice (c, "act", acts, 0), ==, 1);
  g_assert_cmpuint (vlf_config_uint (c, "t.n", 1, 0, 12), ==, 7);
  g_assert_cmpuint (vlf_config_uint (c, "t.deep.n", 1, 0, 12), ==, 8);
  g_assert_cmpuint (vlf_config_ints (c, "list", list, 4, -5, 5), ==, 3);
  g_assert_true (list[0] == 1 && list[2] == -3 && list[3] == 9);
  g_assert_cmpuint (vlf_config_doubles (c, "mean", mean, 3, 0, 1), ==, 2);
  g_assert_true (mean[0] == 0.5 && mean[1] == 1);
  g_assert_cmpuint (vlf_config_ints (c, "empty", list, 4, -5, 5), ==, 0);

  /* Absent, null, and inside what is absent or null. */
  g_assert_cmpuint (vlf_config_uint (c, "absent", 5, 6, 7), ==, 5);
  g_assert_cmpuint (vlf_config_uint (c, "none", 5, 6, 7), ==, 5);
  g_assert_cmpuint (vlf_config_uint (c, "none.n", 5, 6, 7), ==, 5);
  g_assert_cmpuint (vlf_config_uint (c, "absent.n", 5, 6, 7), ==, 5);
  g_assert_cmpint (vlf_config_int (c, "none", -5, 0, 1), ==, -5);
  g_assert_true (vlf_config_bool (c, "none", TRUE));
  g_assert_cmpstr (vlf_config_string (c, "none", "d"), ==, "d");
  g_assert_cmpuint (vlf_config_choice (c, "none", acts, 1), ==, 1);
  g_assert_cmpuint (vlf_config_ints (c, "none", list, 4, 0, 0), ==, 0);
  g_assert_true (vlf_config_has (c, "t.n") && !vlf_config_has (c, "none") && !vlf_config_has (c, "n.x"));
  g_assert_cmpuint (vlf_json_size (vlf_config_get (c, "")), ==, 13);
  g_assert_true (vlf_config_check (c, NULL));
}

static void
test_bad (void)
{
  static const char *const acts[] = { "gelu", "relu", NULL };
  const char *text =
      "{\"n\":12,\"h\":1.5,\"s\":\"x\",\"b\":1,\"a\":[1,2],\"o\":{},\"l\":[1,\"x\"],\"z\":\"a\\u0000b\"}";
  gint list[4];
  VlfConfig *c;

  c = load_good (text);
  g_assert_cmpuint (vlf_config_uint (c, "n", 5, 1, 11), ==, 5);
  vlf_config_uint (c, "s", 5, 1, 11);
  expect_failed (c, VLF_ERROR_RANGE, "config.json: n: expected an integer from 1 to 11, found 12");
  c = load_good (text);
  vlf_config_uint (c, "h", 5, 1, 11);
  expect_failed (c, VLF_ERROR_RANGE, "config.json: h: expected an integer from 1 to 11, found 1.5");
  c = load_good (text);
  vlf_config_int (c, "s", 5, -1, 11);
  expect_failed (c, VLF_ERROR_FORMAT, "config.json: s: expected an integer from -1 to 11, found \"x\"");
  c = load_good (text);
  vlf_config_double (c, "a", 5, 0, 0.5);
  expect_failed (c, VLF_ERROR_FORMAT, "config.json: a: expected a number from 0 to 0.5, found an array");
  c = load_good (text);
  g_assert_false (vlf_config_bool (c, "b", FALSE));
  expect_failed (c, VLF_ERROR_FORMAT, "config.json: b: expected true or false, found 1");
  c = load_good (text);
  vlf_config_string (c, "o", NULL);
  expect_failed (c, VLF_ERROR_FORMAT, "config.json: o: expected a string, found an object");
  c = load_good (text);
  vlf_config_string (c, "z", NULL);
  expect_failed (c, VLF_ERROR_FORMAT, "config.json: z: expected a string, found \"a\\u0000b\"");
  c = load_good (text);
  vlf_config_choice (c, "s", acts, 0);
  expect_failed (c, VLF_ERROR_UNSUPPORTED, "config.json: s: expected one of \"gelu\", \"relu\", found \"x\"");
  c = load_good (text);
  g_assert_cmpuint (vlf_config_ints (c, "a", list, 1, 0, 9), ==, 0);
  expect_failed (c, VLF_ERROR_FORMAT, "config.json: a: expected an array of at most 1, found an array of 2");
  c = load_good (text);
  g_assert_cmpuint (vlf_config_ints (c, "l", list, 4, 0, 9), ==, 0);
  expect_failed (c, VLF_ERROR_FORMAT, "config.json: l: expected an integer from 0 to 9, found \"x\"");
  c = load_good (text);
  vlf_config_uint (c, "n.heads", 5, 0, 9);
  expect_failed (c, VLF_ERROR_FORMAT, "config.json: n.heads: expected an object around it, found 12");
  c = load_good (text);
  vlf_config_fail (c, VLF_ERROR_RANGE, "n: expected a divisor of %u", 5u);
  vlf_config_fail (c, VLF_ERROR_FORMAT, "other");
  expect_failed (c, VLF_ERROR_RANGE, "config.json: n: expected a divisor of 5");
}

static void
test_files (void)
{
  g_autofree gchar *dir = folder_new ();
  g_autoptr (GError) error = NULL;
  VlfConfig *config;

  g_assert_null (load ("[1]", &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_FORMAT);
  g_assert_cmpstr (error->message, ==, "config.json: expected an object, found an array");
  g_clear_error (&error);
  g_assert_null (load ("{\"a\":1", &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "config.json: byte 6"));
  g_clear_error (&error);

  g_assert_null (vlf_config_load (dir, "config.json", &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_NOT_FOUND);
  g_clear_error (&error);
  config = vlf_config_load_optional (dir, "config.json", &error);
  g_assert_no_error (error);
  g_assert_false (vlf_config_has (config, "a"));
  vlf_config_free (config);
  g_rmdir (dir);
  g_assert_null (vlf_config_load_optional (dir, "config.json", &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_NOT_FOUND);
}

static void
test_enter (void)
{
  g_autoptr (VlfConfig) c = load_good ("{\"n\":1,\"none\":null,\"a\":{\"n\":2,\"b\":{\"n\":3,\"m\":\"x\"}}}");

  g_assert_false (vlf_config_enter (c, "absent"));
  g_assert_false (vlf_config_enter (c, "none"));
  g_assert_cmpuint (vlf_config_uint (c, "n", 9, 0, 9), ==, 1);
  g_assert_true (vlf_config_enter (c, "a.b"));
  g_assert_cmpuint (vlf_config_uint (c, "n", 9, 0, 9), ==, 3);
  g_assert_cmpuint (vlf_config_uint (c, "a.n", 9, 0, 9), ==, 9);
  g_assert_true (vlf_config_check (c, NULL));
  vlf_config_uint (c, "m", 9, 0, 9);
  expect_failed (g_steal_pointer (&c), VLF_ERROR_FORMAT,
                 "config.json: a.b: m: expected an integer from 0 to 9, found \"x\"");
  c = load_good ("{\"a\":[]}");
  vlf_config_enter (c, "a");
  expect_failed (g_steal_pointer (&c), VLF_ERROR_FORMAT, "config.json: a: expected an object, found an array");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/good", test_good);
  g_test_add_func ("/config/bad", test_bad);
  g_test_add_func ("/config/enter", test_enter);
  g_test_add_func ("/config/files", test_files);
  return g_test_run ();
}
