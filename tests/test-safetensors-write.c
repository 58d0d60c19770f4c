/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is written is read back the same, through the strict reader. */
#include "models/safetensors_write.h"
#include <glib/gstdio.h>
#include "tests/folder.h"

static VlfSafetensors *
save_and_open (VlfSafetensorsWriter *writer)
{
  g_autofree gchar *folder = folder_new ();
  g_autofree gchar *path = g_build_filename (folder, "a.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  VlfSafetensors *file;

  vlf_safetensors_writer_save (writer, path, &error);
  g_assert_no_error (error);
  file = vlf_safetensors_open_file (path, &error);
  g_assert_no_error (error);
  g_unlink (path);
  g_assert_cmpint (g_rmdir (folder), ==, 0); /* no temporary file is left */
  return file;
}

static void
test_round_trip (void)
{
  static const float numbers[] = { 1, -2.5f, 3e-20f, 4, 5, 6 };
  static const gint64 ids[] = { 7, -8 };
  static const guint16 halves[] = { 0x3c00, 0xc000, 0x0001 };
  g_autoptr (VlfSafetensorsWriter) writer = vlf_safetensors_writer_new ();
  g_autoptr (VlfSafetensors) file = NULL;
  g_autoptr (GError) error = NULL;
  const VlfTensorInfo *info;
  float read[6];
  gint64 read_ids[2];

  vlf_safetensors_writer_set (writer, "model", "first");
  vlf_safetensors_writer_set (writer, "model", "a \"name\"\n");
  vlf_safetensors_writer_add (writer, "half", VLF_TENSOR_F16, (guint[]){ 3 }, 1, halves, &error);
  vlf_safetensors_writer_add (writer, "numbers", VLF_TENSOR_F32, (guint[]){ 2, 3 }, 2, numbers, &error);
  vlf_safetensors_writer_add (writer, "ids", VLF_TENSOR_I64, (guint[]){ 2 }, 1, ids, &error);
  vlf_safetensors_writer_add (writer, "scalar \xc3\xa4", VLF_TENSOR_F32, NULL, 0, numbers, &error);
  vlf_safetensors_writer_add (writer, "empty", VLF_TENSOR_F32, (guint[]){ 0, 4 }, 2, NULL, &error);
  g_assert_no_error (error);
  file = save_and_open (writer);
  g_assert_cmpuint (vlf_safetensors_size (file), ==, 5);
  g_assert_cmpstr (vlf_safetensors_metadata (file, "model"), ==, "a \"name\"\n");
  info = vlf_safetensors_lookup (file, "numbers");
  g_assert_cmpuint (info->rank, ==, 2);
  g_assert_cmpuint (info->shape[1], ==, 3);
  g_assert_true (vlf_safetensors_read (file, info, 0, sizeof read, read, &error));
  g_assert_cmpmem (read, sizeof read, numbers, sizeof numbers);
  info = vlf_safetensors_lookup (file, "ids");
  g_assert_cmpuint (info->offset % 8, ==, 0);
  g_assert_true (vlf_safetensors_read (file, info, 0, sizeof read_ids, read_ids, &error));
  g_assert_cmpmem (read_ids, sizeof read_ids, ids, sizeof ids);
  g_assert_cmpuint (vlf_safetensors_lookup (file, "scalar \xc3\xa4")->rank, ==, 0);
  g_assert_cmpuint (vlf_safetensors_lookup (file, "empty")->bytes, ==, 0);
  g_assert_cmpuint (vlf_safetensors_lookup (file, "half")->bytes, ==, 6);
}

static void
test_nothing (void)
{
  g_autoptr (VlfSafetensorsWriter) writer = vlf_safetensors_writer_new ();
  g_autoptr (VlfSafetensors) file = save_and_open (writer);

  g_assert_cmpuint (vlf_safetensors_size (file), ==, 0);
}

static void
test_refused (void)
{
  static const float one = 1;
  g_autoptr (VlfSafetensorsWriter) writer = vlf_safetensors_writer_new ();
  g_autoptr (GError) error = NULL;
  guint huge[] = { G_MAXUINT, G_MAXUINT, G_MAXUINT };

  g_assert_true (vlf_safetensors_writer_add (writer, "x", VLF_TENSOR_F32, NULL, 0, &one, &error));
  g_assert_false (vlf_safetensors_writer_add (writer, "x", VLF_TENSOR_F32, NULL, 0, &one, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_clear_error (&error);
  g_assert_false (vlf_safetensors_writer_add (writer, "y", VLF_TENSOR_F32, huge, 3, &one, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_clear_error (&error);
  g_assert_false (vlf_safetensors_writer_add (writer, "z", VLF_TENSOR_BOOL, NULL, 0, &one, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_assert_false (vlf_safetensors_writer_save (writer, "/nonexistent/folder/a.safetensors", &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_IO);
}

/* What no reader takes is not written. */
static void
test_too_much (void)
{
  g_autoptr (VlfSafetensorsWriter) writer = vlf_safetensors_writer_new ();
  g_autofree gchar *text = g_strnfill (100000000, 'a');
  g_autoptr (GError) error = NULL;
  gchar *folder = folder_new ();
  g_autofree gchar *path = g_build_filename (folder, "a.safetensors", NULL);

  vlf_safetensors_writer_set (writer, "text", text);
  g_assert_false (vlf_safetensors_writer_save (writer, path, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_assert_cmpint (g_rmdir (folder), ==, 0); /* neither that file nor a temporary one */
  g_free (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/safetensors-write/round-trip", test_round_trip);
  g_test_add_func ("/safetensors-write/nothing", test_nothing);
  g_test_add_func ("/safetensors-write/refused", test_refused);
  g_test_add_func ("/safetensors/write/too-much", test_too_much);
  return g_test_run ();
}
