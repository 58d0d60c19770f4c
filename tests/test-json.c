/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/file.h"
#include "models/json.h"
#include "tests/folder.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static VlfJson *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  VlfJson *json = vlf_json_parse (text, strlen (text), NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (json);
  return json;
}

/* @text fails with @code, and its message contains @part. */
static void
expect_error (const char *text, gsize length, const VlfJsonLimits *limits, VlfError code, const char *part)
{
  g_autoptr (GError) error = NULL;

  /* A copy of the exact size, so that a sanitizer sees a read beyond it. */
  char *copy = g_malloc (length ? length : 1);
  memcpy (copy, text, length);
  g_assert_null (vlf_json_parse (copy, length, limits, &error));
  g_free (copy);
  g_assert_error (error, VLF_ERROR, (gint) code);
  if (!strstr (error->message, part))
    g_error ("\"%s\": expected \"%s\" in the message, found \"%s\"", text, part, error->message);
}

static void
test_scalars (void)
{
  g_autoptr (VlfJson) json =
      parse (" \t\r\n[null, true, false, 0, -1, 9223372036854775807, -9223372036854775808, 9223372036854775808,"
             "18446744073709551615, 18446744073709551616, 1.5, -0, 1e3, 1E-2, 0.1, \"\", \"a\", "
             "1000000000000000019884624838656] ");
  const VlfJson *v = vlf_json_first (json);
  gint64 i = 7;
  guint64 u = 7;
  double d;
  gboolean b;

  g_assert_cmpuint (vlf_json_size (json), ==, 18);
  g_assert_cmpint (vlf_json_type (v), ==, VLF_JSON_NULL);
  v = vlf_json_next (v);
  g_assert_true (vlf_json_bool (v, &b) && b);
  v = vlf_json_next (v);
  g_assert_true (vlf_json_bool (v, &b) && !b);
  g_assert_false (vlf_json_int (v, &i));
  v = vlf_json_next (v);
  g_assert_true (vlf_json_int (v, &i) && i == 0);
  g_assert_false (vlf_json_bool (v, &b));
  v = vlf_json_next (v);
  g_assert_true (vlf_json_int (v, &i) && i == -1);
  g_assert_false (vlf_json_uint (v, &u));
  g_assert_true (vlf_json_double (v, &d) && d == -1);
  v = vlf_json_next (v);
  g_assert_true (vlf_json_int (v, &i) && i == G_MAXINT64);
  g_assert_true (vlf_json_uint (v, &u) && u == G_MAXINT64);
  v = vlf_json_next (v);
  g_assert_true (vlf_json_int (v, &i) && i == G_MININT64);
  v = vlf_json_next (v);
  g_assert_false (vlf_json_int (v, &i));
  g_assert_true (vlf_json_uint (v, &u) && u == G_GUINT64_CONSTANT (9223372036854775808));
  v = vlf_json_next (v);
  g_assert_true (vlf_json_uint (v, &u) && u == G_MAXUINT64);
  g_assert_true (vlf_json_double (v, &d) && d == 18446744073709551616.0);
  v = vlf_json_next (v);
  g_assert_cmpint (vlf_json_type (v), ==, VLF_JSON_DOUBLE);
  g_assert_false (vlf_json_uint (v, &u));
  g_assert_true (vlf_json_double (v, &d) && d == 18446744073709551616.0);
  v = vlf_json_next (v);
  g_assert_true (vlf_json_double (v, &d) && d == 1.5);
  v = vlf_json_next (v);
  g_assert_true (vlf_json_double (v, &d) && d == 0 && signbit (d));
  g_assert_false (vlf_json_uint (v, &u));
  v = vlf_json_next (v);
  g_assert_true (vlf_json_double (v, &d) && d == 1000);
  g_assert_false (vlf_json_int (v, &i));
  v = vlf_json_next (v);
  g_assert_true (vlf_json_double (v, &d) && d == 0.01);
  v = vlf_json_next (v);
  g_assert_true (vlf_json_double (v, &d) && d == 0.1);
  v = vlf_json_next (v);
  g_assert_true (vlf_json_is (v, ""));
  v = vlf_json_next (v);
  g_assert_true (vlf_json_is (v, "a"));
  g_assert_false (vlf_json_is (v, "ab"));
  v = vlf_json_next (v);
  g_assert_true (vlf_json_double (v, &d) && d == 1e30);
  g_assert_null (vlf_json_next (v));
}

static void
test_root (void)
{
  g_autoptr (VlfJson) number = parse ("12"), string = parse ("\"x\"");
  gint64 i;

  g_assert_true (vlf_json_int (number, &i) && i == 12);
  g_assert_null (vlf_json_next (number));
  g_assert_true (vlf_json_is (string, "x"));
}

static void
test_strings (void)
{
  static const struct {
    const char *json, *text;
    gsize length;
  } cases[] = {
    { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8 },
    { "\"\\u0041\\u00e9\\u20ac\"", "A\xc3\xa9\xe2\x82\xac", 6 },
    { "\"\\ud83d\\ude00\\uD83D\\uDE00\"", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 8 },
    { "\"a\\u0000b\"", "a\0b", 3 },
    { "\"\xf0\x9f\x98\x80\x7f\"", "\xf0\x9f\x98\x80\x7f", 5 },
    { "\"\\uffff\\ufffe\"", "\xef\xbf\xbf\xef\xbf\xbe", 6 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VlfJson) json = parse (cases[i].json);
    gsize length;
    const char *text = vlf_json_string (json, &length);

    g_assert_cmpmem (text, length + 1, cases[i].text, cases[i].length + 1);
  }
}

static void
test_objects (void)
{
  g_autoptr (VlfJson) json = parse ("{\"bb\":1,\"a\":{\"c\":{\"d\":[1,[2,3],{}]}},\"\":5,\"b\\u0000\":6, \"ba\" : 7}");
  const char *const order[] = { "bb", "a", "", "b", "ba" };
  gint64 i;
  guint n = 0;
  gsize length;

  for (const VlfJson *m = vlf_json_first (json); m; m = vlf_json_next (m))
    g_assert_cmpstr (vlf_json_key (m, NULL), ==, order[n++]);
  g_assert_cmpuint (n, ==, 5);
  g_assert_true (vlf_json_int (vlf_json_get (json, "bb"), &i) && i == 1);
  g_assert_true (vlf_json_int (vlf_json_get (json, "ba"), &i) && i == 7);
  g_assert_true (vlf_json_int (vlf_json_get (json, ""), &i) && i == 5);
  g_assert_null (vlf_json_get (json, "b"));
  g_assert_true (vlf_json_int (vlf_json_get_n (json, "b\0", 2), &i) && i == 6);
  vlf_json_key (vlf_json_get_n (json, "b\0", 2), &length);
  g_assert_cmpuint (length, ==, 2);
  g_assert_null (vlf_json_get (json, "zzz"));
  g_assert_cmpuint (vlf_json_size (vlf_json_path (json, "a.c.d")), ==, 3);
  g_assert_true (vlf_json_int (vlf_json_nth (vlf_json_nth (vlf_json_path (json, "a.c.d"), 1), 1), &i) && i == 3);
  g_assert_null (vlf_json_nth (json, 5));
  g_assert_null (vlf_json_path (json, "a.x.d"));
  g_assert_null (vlf_json_path (json, "bb.x"));
  g_assert_true (vlf_json_is (NULL, "") == FALSE);
  g_assert_null (vlf_json_get (NULL, "a"));
  g_assert_null (vlf_json_first (vlf_json_get (json, "bb")));
  g_assert_cmpuint (vlf_json_size (NULL), ==, 0);
}

static void
test_large_object (void)
{
  GString *text = g_string_new ("{");
  VlfJson *json;
  gint64 id;
  char key[16];

  for (guint i = 0; i < 60000; i++)
    g_string_append_printf (text, "%s\"k%u\":%u", i ? "," : "", i * 7919 % 60000, i);
  g_string_append_c (text, '}');
  json = parse (text->str);
  for (guint i = 0; i < 60000; i++) {
    g_snprintf (key, sizeof key, "k%u", i * 7919 % 60000);
    g_assert_true (vlf_json_int (vlf_json_get (json, key), &id));
    g_assert_cmpint (id, ==, i);
  }
  vlf_json_free (json);
  g_string_free (text, TRUE);
}

static void
test_errors (void)
{
  static const struct {
    const char *text, *part;
  } cases[] = {
    { "", "byte 0 (line 1): expected a value, found the end" },
    { "  ", "found the end" },
    { "[1,\n2,\nx]", "byte 7 (line 3): expected a value, found 'x'" },
    { "[1 2]", "expected ',' or ']', found '2'" },
    { "[1,]", "expected a value, found ']'" },
    { "[", "expected a value, found the end" },
    { "{\"a\":1,}", "expected a string, found '}'" },
    { "{\"a\" 1}", "expected ':', found '1'" },
    { "{\"a\":1", "expected ',' or '}', found the end" },
    { "{a:1}", "expected a string, found 'a'" },
    { "{1:1}", "expected a string" },
    { "1 2", "expected nothing behind the value, found '2'" },
    { "var x = {};", "expected a value, found 'v'" },
    { "[] // comment", "expected nothing behind" },
    { "01", "without leading zeros" },
    { "-01", "without leading zeros" },
    { "+1", "expected a value, found '+'" },
    { "-", "expected a digit" },
    { "1.", "behind the decimal point" },
    { ".5", "expected a value, found '.'" },
    { "1e", "digit of the exponent" },
    { "1e+", "digit of the exponent" },
    { "1e999", "range of a double" },
    { "0x10", "nothing behind the value" },
    { "NaN", "expected a value" },
    { "-Infinity", "expected a digit" },
    { "nul", "expected a value" },
    { "True", "expected a value" },
    { "'a'", "expected a value" },
    { "\"a", "closing quote of a string, found the end" },
    { "\"a\nb\"", "found byte 0x0a" },
    { "\"\\x\"", "expected an escape" },
    { "\"\\", "expected an escape" },
    { "\"\\u12\"", "four hexadecimal digits" },
    { "\"\\u12", "four hexadecimal digits" },
    { "\"\\ud800\"", "second half of a surrogate pair" },
    { "\"\\ud800\\u0041\"", "a surrogate pair" },
    { "\"\\udc00\"", "not half a surrogate pair" },
    { "\"\xff\"", "expected UTF-8, found byte 0xff" },
    { "\"\xed\xa0\x80\"", "expected UTF-8" },
    { "\"\xc0\x80\"", "expected UTF-8" },
    { "\xef\xbb\xbf{}", "expected a value, found byte 0xef" },
    { "{\"a\":1,\"b\":2,\"a\":3}", "expected each key once, found \"a\" twice" },
    { "{\"a\":1,\"\\u0061\":3}", "each key once" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    expect_error (cases[i].text, strlen (cases[i].text), NULL, VLF_ERROR_FORMAT, cases[i].part);
  expect_error ("[\0]", 3, NULL, VLF_ERROR_FORMAT, "expected UTF-8, found byte 0x00");
  /* The source ends where the text would go on. */
  expect_error ("12345", 0, NULL, VLF_ERROR_FORMAT, "found the end");
  expect_error ("truetrue", 3, NULL, VLF_ERROR_FORMAT, "a value");
}

static void
test_limits (void)
{
  GString *deep = g_string_new (NULL);
  VlfJsonLimits limits = { .max_depth = 3 };
  g_autoptr (VlfJson) json = vlf_json_parse ("[[[1]]]", 7, &limits, NULL);

  g_assert_nonnull (json);
  expect_error ("[[[[]]]]", 8, &limits, VLF_ERROR_RANGE, "nested at most 3 deep");
  for (guint i = 0; i < 100000; i++)
    g_string_append_c (deep, '[');
  expect_error (deep->str, deep->len, NULL, VLF_ERROR_RANGE, "nested at most 64 deep");
  limits.max_depth = 1000000;
  expect_error (deep->str, deep->len, &limits, VLF_ERROR_RANGE, "nested at most 512 deep");
  limits = (VlfJsonLimits){ .max_values = 3 };
  expect_error ("[1,2,3]", 7, &limits, VLF_ERROR_RANGE, "at most 3 JSON values");
  g_string_free (deep, TRUE);
}

static void
test_duplicates (void)
{
  VlfJsonLimits limits = { .allow_duplicates = TRUE };
  g_autoptr (VlfJson) json = vlf_json_parse ("{\"a\":1,\"b\":5,\"a\":2,\"a\":3}", 25, &limits, NULL);
  gint64 i;

  g_assert_true (vlf_json_int (vlf_json_get (json, "a"), &i) && i == 3);
  g_assert_true (vlf_json_int (vlf_json_get (json, "b"), &i) && i == 5);
}

/* Every prefix of a text that has everything fails or parses, and reads nothing beyond it. */
static void
test_truncated (void)
{
  const char *text = "{\"a\":[1,-2.5e+3,true,null,{\"\\u00e9\\ud83d\\ude00\\n\":\"\xe2\x82\xac\"}],\"b\":{}}";
  gsize length = strlen (text);

  for (gsize n = 0; n <= length; n++) {
    char *copy = g_malloc (n ? n : 1);
    VlfJson *json;

    memcpy (copy, text, n);
    json = vlf_json_parse (copy, n, NULL, NULL);
    g_assert_true ((json != NULL) == (n == length));
    vlf_json_free (json);
    g_free (copy);
  }
}

/* Random changes of single bytes: no crash, no memory error. */
static void
test_mutated (void)
{
  const char *text = "{\"a\":[1,-2.5e+3,true,null,{\"\\u00e9\\ud83d\\ude00\\n\":\"\xe2\x82\xac\"}],\"b\":{}}";
  const char *alphabet = "{}[]\",:\\u0eE+-.tfn \x80\xff\x01";
  gsize length = strlen (text);
  guint parsed = 0;

  for (guint round = 0; round < 20000; round++) {
    char *copy = g_memdup2 (text, length);
    VlfJson *json;

    for (gint i = g_test_rand_int_range (1, 4); i > 0; i--)
      copy[g_test_rand_int_range (0, (gint) length)] = alphabet[g_test_rand_int_range (0, (gint) strlen (alphabet))];
    json = vlf_json_parse (copy, length, NULL, NULL);
    if (json) {
      GString *canonical = g_string_new (NULL);
      VlfJson *again;

      vlf_json_canonical (json, canonical);
      again = parse (canonical->str);
      vlf_json_free (again);
      g_string_free (canonical, TRUE);
    }
    parsed += json != NULL;
    vlf_json_free (json);
    g_free (copy);
  }
  g_assert_cmpuint (parsed, >, 0);
}

static void
test_canonical (void)
{
  g_autoptr (VlfJson) a = parse (
      "{\"bb\": [1, 2.5, -0, \"\\u0041\\n\\u0001\"], \"z\":{\"y\":null,\"x\":true}, \"a\":18446744073709551615}");
  GString *text = g_string_new (NULL);

  vlf_json_canonical (a, text);
  g_assert_cmpstr (text->str, ==,
                   "{\"a\":18446744073709551615,\"z\":{\"x\":true,\"y\":null},\"bb\":[1,2.5,-0,\"A\\n\\u0001\"]}");
  g_string_assign (text, "");
  vlf_json_quote (text, "a\xff\xc3\"\\\x1f\x7f\xc2\x9b\xc2\xa0", -1);
  g_assert_cmpstr (text->str, ==, "\"a\xef\xbf\xbd\xef\xbf\xbd\\\"\\\\\\u001f\\u007f\\u009b\xc2\xa0\"");
  g_string_assign (text, "");
  vlf_json_quote (text, "a\0b", 3);
  g_assert_cmpstr (text->str, ==, "\"a\\u0000b\"");
  g_string_free (text, TRUE);
}

/* --- files --- */

static void
expect_load_error (int dir_fd, const char *name, VlfError code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vlf_json_load (dir_fd, name, 100, NULL, &error));
  g_assert_error (error, VLF_ERROR, (gint) code);
  g_assert_nonnull (strstr (error->message, part));
  g_assert_true (g_str_has_prefix (error->message, name));
}

static void
test_files (void)
{
  gchar *dir = folder_new ();
  g_autofree gchar *pipe = g_build_filename (dir, "pipe.json", NULL);
  g_autofree gchar *link = g_build_filename (dir, "link.json", NULL), *sub = g_build_filename (dir, "sub.json", NULL);
  g_autofree gchar *spaces = g_strnfill (101, ' ');
  g_autoptr (VlfJson) json = NULL;
  int fd = vlf_dir_open (dir, NULL);

  g_assert_cmpint (fd, >=, 0);
  folder_put (dir, "good.json", "{}", -1);
  folder_put (dir, "bad.json", "[1", -1);
  folder_put (dir, "large.json", spaces, -1);
  g_assert_cmpint (mkfifo (pipe, 0600) | symlink ("good.json", link) | g_mkdir (sub, 0700), ==, 0);

  json = vlf_json_load (fd, "good.json", 100, NULL, NULL);
  g_assert_cmpint (vlf_json_type (json), ==, VLF_JSON_OBJECT);
  expect_load_error (fd, "bad.json", VLF_ERROR_FORMAT, "byte 2");
  expect_load_error (fd, "large.json", VLF_ERROR_RANGE, "at most 100 bytes, found 101");
  expect_load_error (fd, "pipe.json", VLF_ERROR_IO, "expected a plain file");
  expect_load_error (fd, "link.json", VLF_ERROR_IO, "symbolic link");
  expect_load_error (fd, "sub.json", VLF_ERROR_IO, "found a directory");
  expect_load_error (fd, "none.json", VLF_ERROR_NOT_FOUND, "cannot open");

  close (fd);
  folder_remove (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/scalars", test_scalars);
  g_test_add_func ("/json/root", test_root);
  g_test_add_func ("/json/strings", test_strings);
  g_test_add_func ("/json/objects", test_objects);
  g_test_add_func ("/json/large-object", test_large_object);
  g_test_add_func ("/json/errors", test_errors);
  g_test_add_func ("/json/limits", test_limits);
  g_test_add_func ("/json/duplicates", test_duplicates);
  g_test_add_func ("/json/truncated", test_truncated);
  g_test_add_func ("/json/mutated", test_mutated);
  g_test_add_func ("/json/canonical", test_canonical);
  g_test_add_func ("/json/files", test_files);
  return g_test_run ();
}
