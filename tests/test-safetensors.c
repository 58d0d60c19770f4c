/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/safetensors.h"
#include "tests/folder.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A temporary directory per test; removed with the files in it. */
typedef struct {
  gchar *dir;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  (void) data;
  fixture->dir = folder_new ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  (void) data;
  folder_remove (fixture->dir);
}

/* Writes @length, @header of @header_bytes and @n_data bytes 0, 1, 2, ... to file @name; returns its path. */
static gchar *
write_raw (const Fixture *fixture, const char *name, guint64 length, const char *header, gsize header_bytes,
           gsize n_data)
{
  gchar *path = g_build_filename (fixture->dir, name, NULL);
  GByteArray *bytes = g_byte_array_new ();
  guint64 stored = GUINT64_TO_LE (length);

  g_byte_array_append (bytes, (guint8 *) &stored, sizeof stored);
  g_byte_array_append (bytes, (const guint8 *) header, (guint) header_bytes);
  for (gsize i = 0; i < n_data; i++)
    g_byte_array_append (bytes, (guint8[]){ (guint8) i }, 1);
  folder_put (fixture->dir, name, bytes->data, bytes->len);
  g_byte_array_unref (bytes);
  return path;
}

static gchar *
write_file (const Fixture *fixture, const char *name, const char *header, gsize n_data)
{
  return write_raw (fixture, name, strlen (header), header, strlen (header), n_data);
}

static void
write_text (const Fixture *fixture, const char *name, const char *text)
{
  folder_put (fixture->dir, name, text, -1);
}

static void
check_error (const GError *error, VlfError code, const char *part, const char *what)
{
  g_assert_error (error, VLF_ERROR, (gint) code);
  if (!strstr (error->message, part))
    g_error ("%s: expected \"%s\" in the message, found \"%s\"", what, part, error->message);
}

static void
expect_file_error (const char *path, VlfError code, const char *part, const char *what)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vlf_safetensors_open (path, &error));
  check_error (error, code, part, what);
  g_assert_true (g_str_has_prefix (error->message, path));
}

static void
expect_dir_error (const Fixture *fixture, VlfError code, const char *part)
{
  expect_file_error (fixture->dir, code, part, fixture->dir);
}

static VlfSafetensors *
open_good (const char *path)
{
  g_autoptr (GError) error = NULL;
  VlfSafetensors *st = vlf_safetensors_open (path, &error);

  g_assert_no_error (error);
  g_assert_nonnull (st);
  return st;
}

/* --- what is legal --- */

static void
test_good (Fixture *fixture, gconstpointer data)
{
  const char *header = " \n{\"__metadata__\":{\"format\":\"pt\",\"x\":\"\"},"
                       "\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[6,30]},"
                       "\"h\":{\"data_offsets\":[2,6],\"shape\":[1,2],\"dtype\":\"BF16\"},"
                       "\"scalar\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,2]},"
                       "\"none\":{\"dtype\":\"I64\",\"shape\":[0,9],\"data_offsets\":[6,6]},"
                       "\"four\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[30,31]}} \n  ";
  g_autofree gchar *path = write_file (fixture, "a", header, 31);
  g_autoptr (VlfSafetensors) st = open_good (path);
  g_autoptr (GError) error = NULL;
  const VlfTensorInfo *w = vlf_safetensors_lookup (st, "w"), *h = vlf_safetensors_lookup (st, "h");
  g_autofree gchar *shape = vlf_tensor_shape_string (w);
  guint8 got[24];
  VlfDType type;
  gsize length;

  (void) data;
  g_assert_cmpuint (vlf_safetensors_size (st), ==, 5);
  g_assert_cmpstr (vlf_safetensors_nth (st, 0)->name, ==, "four");
  g_assert_cmpstr (vlf_safetensors_nth (st, 4)->name, ==, "w");
  g_assert_null (vlf_safetensors_lookup (st, "__metadata__"));
  g_assert_null (vlf_safetensors_lookup (st, "W"));
  g_assert_cmpstr (vlf_safetensors_metadata (st, "format"), ==, "pt");
  g_assert_null (vlf_safetensors_metadata (st, "none"));
  g_assert_cmpstr (shape, ==, "[2, 3]");
  g_assert_true (w->rank == 2 && w->shape[0] == 2 && w->shape[1] == 3 && w->elements == 6 && w->bytes == 24);
  g_assert_true (vlf_tensor_dtype (w, &type) && type == VLF_F32);
  g_assert_true (vlf_tensor_dtype (h, &type) && type == VLF_BF16);
  g_assert_true (vlf_tensor_dtype (vlf_safetensors_lookup (st, "scalar"), &type) && type == VLF_F16);
  g_assert_cmpuint (vlf_safetensors_lookup (st, "scalar")->rank, ==, 0);
  g_assert_false (vlf_tensor_dtype (vlf_safetensors_lookup (st, "none"), &type));
  g_assert_cmpuint (vlf_safetensors_lookup (st, "none")->bytes, ==, 0);
  g_assert_cmpstr (vlf_safetensors_header (st, 0, &length), ==, header);
  g_assert_cmpuint (length, ==, strlen (header));

  g_assert_true (vlf_safetensors_read (st, w, 0, 24, got, &error));
  for (guint i = 0; i < 24; i++)
    g_assert_cmpuint (got[i], ==, i + 6);
  g_assert_true (vlf_safetensors_read (st, w, 23, 1, got, &error) && got[0] == 29);
  g_assert_true (vlf_safetensors_read (st, w, 24, 0, got, &error));
  g_assert_false (vlf_safetensors_read (st, w, 23, 2, got, &error));
  check_error (error, VLF_ERROR_RANGE, "tensor \"w\"", "read");
  g_clear_error (&error);
  g_assert_false (vlf_safetensors_read (st, w, G_MAXSIZE, 2, got, &error));
  check_error (error, VLF_ERROR_RANGE, "tensor \"w\"", "read");
}

/* Every dtype of the format, with the bytes of eight elements. */
static void
test_types (Fixture *fixture, gconstpointer data)
{
  static const struct {
    const char *name;
    VlfTensorType type;
    guint bytes;
  } types[] = {
    { "BOOL", VLF_TENSOR_BOOL, 8 },
    { "F4", VLF_TENSOR_F4, 4 },
    { "F6_E2M3", VLF_TENSOR_F6_E2M3, 6 },
    { "F6_E3M2", VLF_TENSOR_F6_E3M2, 6 },
    { "U8", VLF_TENSOR_U8, 8 },
    { "I8", VLF_TENSOR_I8, 8 },
    { "F8_E5M2", VLF_TENSOR_F8_E5M2, 8 },
    { "F8_E4M3", VLF_TENSOR_F8_E4M3, 8 },
    { "F8_E5M2FNUZ", VLF_TENSOR_F8_E5M2FNUZ, 8 },
    { "F8_E4M3FNUZ", VLF_TENSOR_F8_E4M3FNUZ, 8 },
    { "F8_E8M0", VLF_TENSOR_F8_E8M0, 8 },
    { "I16", VLF_TENSOR_I16, 16 },
    { "U16", VLF_TENSOR_U16, 16 },
    { "F16", VLF_TENSOR_F16, 16 },
    { "BF16", VLF_TENSOR_BF16, 16 },
    { "I32", VLF_TENSOR_I32, 32 },
    { "U32", VLF_TENSOR_U32, 32 },
    { "F32", VLF_TENSOR_F32, 32 },
    { "C64", VLF_TENSOR_C64, 64 },
    { "F64", VLF_TENSOR_F64, 64 },
    { "I64", VLF_TENSOR_I64, 64 },
    { "U64", VLF_TENSOR_U64, 64 },
  };

  (void) data;
  for (gsize i = 0; i < G_N_ELEMENTS (types); i++) {
    g_autofree gchar *header = g_strdup_printf ("{\"t\":{\"dtype\":\"%s\",\"shape\":[8],\"data_offsets\":[0,%u]}}",
                                                types[i].name, types[i].bytes);
    g_autofree gchar *path = write_file (fixture, "a", header, types[i].bytes);
    g_autoptr (VlfSafetensors) st = open_good (path);

    g_assert_cmpint (vlf_safetensors_nth (st, 0)->type, ==, types[i].type);
    g_assert_cmpstr (vlf_tensor_type_name (types[i].type), ==, types[i].name);
  }
}

static void
test_empty (Fixture *fixture, gconstpointer data)
{
  g_autofree gchar *path = write_file (fixture, "a", "{}", 0);
  g_autoptr (VlfSafetensors) st = open_good (path);

  (void) data;
  g_assert_cmpuint (vlf_safetensors_size (st), ==, 0);
  g_assert_null (vlf_safetensors_lookup (st, "a"));
}

/* --- one file per rule --- */

#define T(dtype, shape, offsets) "{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void
test_rules (Fixture *fixture, gconstpointer data)
{
  static const struct {
    const char *header;
    gsize n_data;
    VlfError code;
    const char *part;
  } rules[] = {
    { "", 0, VLF_ERROR_FORMAT, "header: byte 0" },
    { "[]", 0, VLF_ERROR_FORMAT, "header: expected an object, found an array" },
    { "{\"a\":" T ("\"F32\"", "[1]", "[0,4]"), 4, VLF_ERROR_FORMAT, "expected ',' or '}', found the end" },
    { "{} x", 0, VLF_ERROR_FORMAT, "nothing behind the value" },
    { "{\"\xff\":1}", 0, VLF_ERROR_FORMAT, "expected UTF-8" },
    { "{\"a\":[[[[[1]]]]]}", 0, VLF_ERROR_RANGE, "nested at most 4 deep" },
    { "{\"a\":" T ("\"F32\"", "[1]", "[0,4]") ",\"a\":" T ("\"F32\"", "[1]", "[4,8]") "}", 8, VLF_ERROR_FORMAT,
      "each key once" },
    { "{\"a\":" T ("\"F32\",\"dtype\":\"F32\"", "[1]", "[0,4]") "}", 4, VLF_ERROR_FORMAT, "each key once" },
    { "{\"a\":1}", 0, VLF_ERROR_FORMAT, "exactly dtype, shape and data_offsets, found an integer" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, VLF_ERROR_FORMAT, "exactly dtype, shape and data_offsets" },
    { "{\"a\":" T ("\"F32\",\"x\":1", "[1]", "[0,4]") "}", 4, VLF_ERROR_FORMAT,
      "exactly dtype, shape and data_offsets" },
    { "{\"a\":" T ("\"F31\"", "[1]", "[0,4]") "}", 4, VLF_ERROR_UNSUPPORTED, "tensor \"a\": dtype: expected one of" },
    { "{\"a\":" T ("\"f32\"", "[1]", "[0,4]") "}", 4, VLF_ERROR_UNSUPPORTED, "found \"f32\"" },
    { "{\"a\":" T ("5", "[1]", "[0,4]") "}", 4, VLF_ERROR_FORMAT, "dtype: expected a string" },
    { "{\"a\":" T ("\"F32\"", "1", "[0,4]") "}", 4, VLF_ERROR_FORMAT, "shape: expected an array" },
    { "{\"a\":" T ("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, VLF_ERROR_FORMAT,
      "shape: expected an array of at most 8" },
    { "{\"a\":" T ("\"F32\"", "[-1]", "[0,4]") "}", 4, VLF_ERROR_FORMAT, "shape: expected unsigned integers" },
    { "{\"a\":" T ("\"F32\"", "[1.0]", "[0,4]") "}", 4, VLF_ERROR_FORMAT, "shape: expected unsigned integers" },
    { "{\"a\":" T ("\"F32\"", "[1e0]", "[0,4]") "}", 4, VLF_ERROR_FORMAT, "shape: expected unsigned integers" },
    { "{\"a\":" T ("\"F32\"", "[01]", "[0,4]") "}", 4, VLF_ERROR_FORMAT, "leading zeros" },
    { "{\"a\":" T ("\"F32\"", "[18446744073709551616]", "[0,4]") "}", 4, VLF_ERROR_FORMAT,
      "shape: expected unsigned integers" },
    { "{\"a\":" T ("\"F32\"", "[\"1\"]", "[0,4]") "}", 4, VLF_ERROR_FORMAT, "shape: expected unsigned integers" },
    { "{\"a\":" T ("\"F32\"", "[4294967296,4294967296]", "[0,0]") "}", 0, VLF_ERROR_RANGE, "product below 2^64" },
    { "{\"a\":" T ("\"F32\"", "[4294967297,4294967296,0]", "[0,0]") "}", 0, VLF_ERROR_RANGE, "product below 2^64" },
    { "{\"a\":" T ("\"F32\"", "[0,-1]", "[0,0]") "}", 0, VLF_ERROR_FORMAT, "shape: expected unsigned integers" },
    { "{\"a\":" T ("\"F32\"", "[1073741824,1073741824]", "[0,0]") "}", 0, VLF_ERROR_RANGE, "less than 2^64 bits" },
    { "{\"a\":" T ("\"F4\"", "[3]", "[0,2]") "}", 2, VLF_ERROR_FORMAT, "whole bytes, found 12 bits" },
    { "{\"a\":" T ("\"F6_E2M3\"", "[2]", "[0,2]") "}", 2, VLF_ERROR_FORMAT, "whole bytes, found 12 bits" },
    { "{\"a\":" T ("\"F32\"", "[1]", "5") "}", 4, VLF_ERROR_FORMAT, "data_offsets: expected [begin, end]" },
    { "{\"a\":" T ("\"F32\"", "[1]", "[0]") "}", 4, VLF_ERROR_FORMAT, "data_offsets: expected [begin, end]" },
    { "{\"a\":" T ("\"F32\"", "[1]", "[0,4,8]") "}", 4, VLF_ERROR_FORMAT, "data_offsets: expected [begin, end]" },
    { "{\"a\":" T ("\"F32\"", "[1]", "[-4,0]") "}", 4, VLF_ERROR_FORMAT, "data_offsets: expected [begin, end]" },
    { "{\"a\":" T ("\"F32\"", "[1]", "[0,4.0]") "}", 4, VLF_ERROR_FORMAT, "data_offsets: expected [begin, end]" },
    { "{\"a\":" T ("\"F32\"", "[1]", "[4,0]") "}", 4, VLF_ERROR_FORMAT, "expected begin <= end, found 4 > 0" },
    { "{\"a\":" T ("\"F32\"", "[2]", "[0,8]") "}", 4, VLF_ERROR_FORMAT, "within the file's 4 bytes of data, found 8" },
    { "{\"a\":" T ("\"U8\"", "[18446744073709551615]", "[1,0]") "}", 4, VLF_ERROR_RANGE, "less than 2^64 bits" },
    { "{\"a\":" T ("\"F32\"", "[1]", "[18446744073709551612,18446744073709551615]") "}", 4, VLF_ERROR_FORMAT,
      "within the file's" },
    { "{\"a\":" T ("\"F32\"", "[2]", "[0,4]") "}", 4, VLF_ERROR_FORMAT,
      "expected 8 bytes, as dtype and shape say, found 4" },
    { "{\"a\":" T ("\"F32\"", "[1]", "[4,8]") "}", 8, VLF_ERROR_FORMAT, "expected begin 0" },
    { "{\"a\":" T ("\"F32\"", "[1]", "[0,4]") ",\"b\":" T ("\"F32\"", "[1]", "[8,12]") "}", 12, VLF_ERROR_FORMAT,
      "a hole between" },
    { "{\"a\":" T ("\"F32\"", "[2]", "[0,8]") ",\"b\":" T ("\"F32\"", "[1]", "[4,8]") "}", 8, VLF_ERROR_FORMAT,
      "they overlap" },
    { "{\"a\":" T ("\"F32\"", "[1]", "[0,4]") ",\"b\":" T ("\"F32\"", "[1]", "[0,4]") "}", 4, VLF_ERROR_FORMAT,
      "they overlap" },
    { "{\"a\":" T ("\"F32\"", "[1]", "[0,4]") "}", 5, VLF_ERROR_FORMAT,
      "expected 4 bytes of data, as the header says, found 5" },
    { "{}", 1, VLF_ERROR_FORMAT, "expected 0 bytes of data" },
    { "{\"__metadata__\":[]}", 0, VLF_ERROR_FORMAT, "__metadata__: expected an object" },
    { "{\"__metadata__\":{\"a\":1}}", 0, VLF_ERROR_FORMAT, "__metadata__: expected strings only, found an integer" },
    { "{\"a\\u0000b\":" T ("\"F32\"", "[1]", "[0,4]") "}", 4, VLF_ERROR_FORMAT, "without NUL" },
  };

  (void) data;
  for (gsize i = 0; i < G_N_ELEMENTS (rules); i++) {
    g_autofree gchar *path = write_file (fixture, "a.safetensors", rules[i].header, rules[i].n_data);

    expect_file_error (path, rules[i].code, rules[i].part, rules[i].header);
  }
}

static void
test_sizes (Fixture *fixture, gconstpointer data)
{
  g_autofree gchar *long_name = g_strnfill (513, 'n'), *path = NULL, *header = NULL, *spaces = g_strnfill (100, ' ');
  GString *many = g_string_new ("{");

  (void) data;
  path = write_raw (fixture, "a", 0, "", 0, 0);
  expect_file_error (path, VLF_ERROR_FORMAT, "header: byte 0", "no header");
  folder_put (fixture->dir, "a", "1234567", 7);
  expect_file_error (path, VLF_ERROR_FORMAT, "at least 8 bytes, found 7", "7 bytes");
  folder_put (fixture->dir, "a", "", 0);
  expect_file_error (path, VLF_ERROR_FORMAT, "at least 8 bytes, found 0", "0 bytes");
  g_free (write_raw (fixture, "a", 101, spaces, 100, 0));
  expect_file_error (path, VLF_ERROR_FORMAT, "header of at most 100 bytes, found 101", "header beyond the end");
  g_free (write_raw (fixture, "a", G_MAXUINT64, spaces, 100, 0));
  expect_file_error (path, VLF_ERROR_FORMAT, "header of at most 100 bytes", "header beyond the end");
  g_free (write_raw (fixture, "a", 100000001, "", 0, 0));
  g_assert_cmpint (truncate (path, 200000000), ==, 0); /* sparse */
  expect_file_error (path, VLF_ERROR_FORMAT, "header of at most 100000000 bytes, found 100000001", "header too large");

  header = g_strdup_printf ("{\"%s\":" T ("\"F32\"", "[1]", "[0,4]") "}", long_name);
  g_free (write_file (fixture, "a", header, 4));
  expect_file_error (path, VLF_ERROR_FORMAT, "at most 512 bytes", "long name");
  for (guint i = 0; i < 65537; i++)
    g_string_append_printf (many, "%s\"%u\":" T ("\"U8\"", "[0]", "[0,0]"), i ? "," : "", i);
  g_string_append_c (many, '}');
  g_free (write_file (fixture, "a", many->str, 0));
  expect_file_error (path, VLF_ERROR_RANGE, "at most 65536 tensors", "many");
  g_string_free (many, TRUE);
}

/* Every prefix of a good file fails, and so does it with one more byte. */
static void
test_truncated (Fixture *fixture, gconstpointer data)
{
  g_autofree gchar *path = write_file (fixture, "a", "{\"a\":" T ("\"F32\"", "[2]", "[0,8]") "}", 8), *bytes = NULL;
  gsize length;

  (void) data;
  vlf_safetensors_free (open_good (path));
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  for (gsize n = 0; n < length; n++) {
    folder_put (fixture->dir, "a", bytes, (gssize) n);
    expect_file_error (path, VLF_ERROR_FORMAT, path, "truncated");
  }
}

static void
test_changed (Fixture *fixture, gconstpointer data)
{
  g_autofree gchar *path = write_file (fixture, "a", "{\"a\":" T ("\"F32\"", "[2]", "[0,8]") "}", 8);
  g_autoptr (VlfSafetensors) st = open_good (path);
  const VlfTensorInfo *a = vlf_safetensors_lookup (st, "a");
  g_autoptr (GError) error = NULL;
  struct stat status;
  guint8 got[8];
  int fd;

  (void) data;
  g_assert_true (vlf_safetensors_read (st, a, 0, 8, got, NULL));
  g_assert_cmpint (g_stat (path, &status), ==, 0);
  /* In place, same size: the time of change differs. */
  fd = open (path, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (pwrite (fd, "x", 1, status.st_size - 1), ==, 1);
  g_assert_cmpint (futimens (fd, (struct timespec[]){ { 1, 0 }, { 1, 0 } }), ==, 0);
  g_assert_false (vlf_safetensors_read (st, a, 0, 8, got, &error));
  check_error (error, VLF_ERROR_IO, "was changed while it was being read", "written");
  g_clear_error (&error);
  /* Cut short. */
  g_assert_cmpint (ftruncate (fd, status.st_size - 4), ==, 0);
  close (fd);
  g_assert_false (vlf_safetensors_read (st, a, 0, 8, got, &error));
  check_error (error, VLF_ERROR_FORMAT, "found the end of the file", "cut");
}

/* Reading goes on from the file that was opened when its name goes to another one, or to none. */
static void
test_replaced (Fixture *fixture, gconstpointer data)
{
  const char *header = "{\"a\":" T ("\"U8\"", "[8]", "[0,8]") "}";
  g_autofree gchar *path = write_file (fixture, "a", header, 8);
  g_autoptr (VlfSafetensors) st = open_good (path);
  guint8 got[8];

  (void) data;
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_free (write_file (fixture, "a", "{}", 0));
  g_assert_true (vlf_safetensors_read (st, vlf_safetensors_lookup (st, "a"), 0, 8, got, NULL));
  g_assert_cmpuint (got[7], ==, 7);
}

/* --- directories --- */

static void
test_dirs (Fixture *fixture, gconstpointer data)
{
  g_autofree gchar *path = g_build_filename (fixture->dir, "model.safetensors", NULL);
  g_autofree gchar *missing = g_build_filename (fixture->dir, "missing", NULL);
  VlfSafetensors *st;

  (void) data;
  expect_file_error (missing, VLF_ERROR_NOT_FOUND, "cannot open this file", "missing");
  expect_dir_error (fixture, VLF_ERROR_NOT_FOUND, "expected model.safetensors or model.safetensors.index.json");
  write_text (fixture, "pytorch_model.bin", "PK");
  expect_dir_error (fixture, VLF_ERROR_UNSUPPORTED, "tools/convert");
  expect_dir_error (fixture, VLF_ERROR_UNSUPPORTED, "--revision refs/pr/N");

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  expect_dir_error (fixture, VLF_ERROR_IO, "model.safetensors: expected a plain file");
  g_unlink (path);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
  expect_dir_error (fixture, VLF_ERROR_IO, "found a directory");
  g_rmdir (path);
  g_free (write_file (fixture, "real.safetensors", "{}", 0));
  g_assert_cmpint (symlink ("real.safetensors", path), ==, 0);
  expect_dir_error (fixture, VLF_ERROR_IO, "found a symbolic link");
  st = open_good (path); /* the user's own path may be one */
  vlf_safetensors_free (st);
  g_unlink (path);

  g_free (write_file (fixture, "model.safetensors", "{\"a\":" T ("\"F32\"", "[2]", "[0,8]") "}", 8));
  st = open_good (fixture->dir);
  g_assert_cmpuint (vlf_safetensors_size (st), ==, 1);
  g_assert_cmpstr (vlf_safetensors_file_name (st, 0), ==, "model.safetensors");
  vlf_safetensors_free (st);
}

#define INDEX "model.safetensors.index.json"

static void
test_shards (Fixture *fixture, gconstpointer data)
{
  VlfSafetensors *st;
  guint8 got[4];

  (void) data;
  g_free (write_file (fixture, "m-00001-of-00002.safetensors", "{\"b\":" T ("\"F32\"", "[1]", "[0,4]") "}", 4));
  g_free (write_file (fixture, "m-00002-of-00002.safetensors",
                      "{\"__metadata__\":{\"k\":\"v\"},\"a\":" T ("\"F32\"", "[1]",
                                                                  "[4,8]") ",\"c\":" T ("\"F16\"", "[2]", "[0,4]") "}",
                      8));
  write_text (fixture, INDEX,
              "{\"metadata\":{\"total_size\":12},\"weight_map\":{\"a\":\"m-00002-of-00002.safetensors\","
              "\"b\":\"m-00001-of-00002.safetensors\",\"c\":\"m-00002-of-00002.safetensors\"}}");
  st = open_good (fixture->dir);
  g_assert_cmpuint (vlf_safetensors_n_files (st), ==, 2);
  g_assert_cmpstr (vlf_safetensors_file_name (st, 1), ==, "m-00002-of-00002.safetensors");
  g_assert_cmpuint (vlf_safetensors_size (st), ==, 3);
  g_assert_cmpstr (vlf_safetensors_metadata (st, "k"), ==, "v");
  g_assert_cmpuint (vlf_safetensors_lookup (st, "b")->file, ==, 0);
  g_assert_true (vlf_safetensors_read (st, vlf_safetensors_lookup (st, "a"), 0, 4, got, NULL) && got[0] == 4);
  g_assert_true (vlf_safetensors_read (st, vlf_safetensors_lookup (st, "b"), 0, 4, got, NULL) && got[0] == 0);
  vlf_safetensors_free (st);

  write_text (fixture, INDEX,
              "{\"weight_map\":{\"a\":\"m-00001-of-00002.safetensors\",\"b\":\"m-00002-of-00002.safetensors\"}}");
  expect_dir_error (fixture, VLF_ERROR_FORMAT,
                    "tensor \"a\": expected in m-00001-of-00002.safetensors, found in m-00002");
  write_text (fixture, INDEX, "{\"weight_map\":{\"x\":\"m-00001-of-00002.safetensors\"}}");
  expect_dir_error (fixture, VLF_ERROR_FORMAT,
                    "tensor \"x\": expected in m-00001-of-00002.safetensors, found in no file");
  write_text (fixture, INDEX, "{\"weight_map\":{\"x\":\"m-00003-of-00002.safetensors\"}}");
  expect_dir_error (fixture, VLF_ERROR_NOT_FOUND, "m-00003-of-00002.safetensors");
  write_text (fixture, INDEX, "{\"weight_map\":[]}");
  expect_dir_error (fixture, VLF_ERROR_FORMAT, "weight_map: expected an object");
  write_text (fixture, INDEX, "{\"weight_map\":{}}");
  expect_dir_error (fixture, VLF_ERROR_RANGE, "expected 1 to 256 files, found 0");
  write_text (fixture, INDEX, "{\"weight_map\":{\"a\":5}}");
  expect_dir_error (fixture, VLF_ERROR_FORMAT, "found an integer");
  g_free (write_file (fixture, "n.safetensors", "{\"b\":" T ("\"F32\"", "[1]", "[0,4]") "}", 4));
  write_text (fixture, INDEX, "{\"weight_map\":{\"b\":\"n.safetensors\",\"x\":\"m-00001-of-00002.safetensors\"}}");
  expect_dir_error (fixture, VLF_ERROR_FORMAT, "tensor \"b\": expected in one file, found in ");
}

static void
test_shard_names (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "../m.safetensors",
                                       "/etc/m.safetensors",
                                       "a/m.safetensors",
                                       ".safetensors",
                                       "m.bin",
                                       "m.safetensors/",
                                       "m\\u0000.safetensors",
                                       "m\\n.safetensors",
                                       "m.safetensors\\u0000.safetensors" };
  g_autofree gchar *link = g_build_filename (fixture->dir, "l.safetensors", NULL);

  (void) data;
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree gchar *index = g_strdup_printf ("{\"weight_map\":{\"a\":\"%s\"}}", names[i]);

    write_text (fixture, INDEX, index);
    expect_dir_error (fixture, VLF_ERROR_FORMAT, "weight_map: expected names of .safetensors files");
  }
  g_free (write_file (fixture, "m.safetensors", "{}", 0));
  g_assert_cmpint (symlink ("m.safetensors", link), ==, 0);
  write_text (fixture, INDEX, "{\"weight_map\":{\"a\":\"l.safetensors\"}}");
  expect_dir_error (fixture, VLF_ERROR_IO, "l.safetensors: expected a plain file, found a symbolic link");
}

/* Random changes of single bytes of a file: no crash, no memory error; what opens can be read whole. */
static void
test_mutated (Fixture *fixture, gconstpointer data)
{
  const char *header = "{\"a\":" T ("\"F32\"", "[1,2]", "[0,8]") ",\"b\":" T ("\"U8\"", "[3]", "[8,11]") "}";
  const char *alphabet = "{}[]\",:0123456789abFU";
  g_autofree gchar *path = write_file (fixture, "a", header, 11), *bytes = NULL;
  gsize length;

  (void) data;
  g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
  for (guint round = 0; round < 2000; round++) {
    g_autofree gchar *copy = g_memdup2 (bytes, length);
    VlfSafetensors *st;
    guint8 got[64];
    int fd = open (path, O_WRONLY | O_CLOEXEC);

    for (gint i = g_test_rand_int_range (1, 3); i > 0; i--)
      copy[g_test_rand_int_range (0, (gint) length - 11)] =
          alphabet[g_test_rand_int_range (0, (gint) strlen (alphabet))];
    g_assert_cmpint (write (fd, copy, length), ==, (gssize) length);
    close (fd);
    st = vlf_safetensors_open (path, NULL);
    for (guint i = 0; st && i < vlf_safetensors_size (st); i++) {
      const VlfTensorInfo *info = vlf_safetensors_nth (st, i);

      g_assert_cmpuint (info->bytes, <=, sizeof got);
      g_assert_true (vlf_safetensors_read (st, info, 0, info->bytes, got, NULL));
    }
    vlf_safetensors_free (st);
  }
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/safetensors/good", test_good },
    { "/safetensors/types", test_types },
    { "/safetensors/empty", test_empty },
    { "/safetensors/rules", test_rules },
    { "/safetensors/sizes", test_sizes },
    { "/safetensors/truncated", test_truncated },
    { "/safetensors/changed", test_changed },
    { "/safetensors/replaced", test_replaced },
    { "/safetensors/dirs", test_dirs },
    { "/safetensors/shards", test_shards },
    { "/safetensors/shard-names", test_shard_names },
    { "/safetensors/mutated", test_mutated },
  };

  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
