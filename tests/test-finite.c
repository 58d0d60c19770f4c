/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model with NaN or infinity among its weights loads and runs, and its results say so instead of answering.
 * Usage: test-finite MODEL-FOLDER DEVICE. */
#include <math.h>
#include <string.h>
#include <glib/gstdio.h>
#include "models/session.h"

static const char *folder, *device_name;

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

/* A copy of the model, poisoned; free with remove_copy(). */
static gchar *
copy_model (const char *tensor, float with)
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

static void
remove_copy (gchar *copy)
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

static VlfResult *
ask (const char *directory)
{
  g_autoptr (GError) error = NULL;
  VlfModelOptions options = { .directory = directory, .device = device_name };
  g_autoptr (VlfModel) model = vlf_model_open (&options, &error);
  g_autoptr (VlfSession) session = NULL;
  g_autoptr (VlfText) text = NULL;
  guint8 pixels[24 * 24 * 3] = { 1, 2, 3 };
  VlfImage image = { .width = 24, .height = 24, .n_planes = 1 };
  VlfResult *result = NULL;

  g_assert_no_error (error);
  session = vlf_session_new (model, &error);
  g_assert_no_error (error);
  text = vlf_text_new (model, "a red circle", &error);
  g_assert_no_error (error);
  image.planes[0].data = pixels;
  image.planes[0].size = sizeof pixels;
  for (guint c = 0; c < 3; c++) {
    image.components[c].offset = c;
    image.components[c].stride = 24 * 3;
    image.components[c].pixel_stride = 3;
    image.matrix[c][c] = 1;
  }
  vlf_session_run (session, &image, 1, &text, 1, NULL, &result, &error);
  g_assert_no_error (error);
  return result;
}

static void
expect_invalid (const char *tensor, float with)
{
  gchar *copy = copy_model (tensor, with);
  g_autoptr (VlfResult) result = ask (copy);
  const VlfPromptResult *prompt = &result->prompts[0];
  g_autoptr (GString) json = g_string_new (NULL);

  g_assert_true (prompt->invalid);
  g_assert_true (isnan (prompt->score) && isnan (prompt->match) && isnan (prompt->peak_x) && isnan (prompt->peak_y));
  g_assert_null (prompt->map);
  g_assert_null (prompt->embedding);
  g_assert_cmpuint (prompt->embedding_size, ==, 0);
  for (guint i = 0; i < prompt->n_words; i++)
    g_assert_null (prompt->words[i].map);
  vlf_result_to_json (result, NULL, VLF_JSON_MAPS_WORDS, VLF_JSON_EMBEDDINGS_LIST, json);
  g_assert_nonnull (strstr (json->str, "\"match\":null,\"score\":null,\"peak\":null"));
  g_assert_null (strstr (json->str, "nan"));
  remove_copy (copy);
}

static void
test_sound (void)
{
  gchar *copy = copy_model (NULL, 0);
  g_autoptr (VlfResult) result = ask (copy);

  g_assert_false (result->prompts[0].invalid);
  g_assert_true (isfinite (result->prompts[0].score));
  g_assert_nonnull (result->prompts[0].map);
  remove_copy (copy);
}

static void
test_head (void)
{
  expect_invalid ("itm_score.fc.weight", NAN);
  expect_invalid ("itm_score.fc.bias", INFINITY);
}

static void
test_towers (void)
{
  expect_invalid ("bridgetower.cross_modal_image_layernorm.weight", NAN);
  expect_invalid ("bridgetower.vision_model.visual.ln_post.weight", NAN);
  expect_invalid ("bridgetower.cross_modal_text_layernorm.bias", -INFINITY);
}

/* What f16 cannot hold would be infinite there. */
static void
test_too_large_for_f16 (void)
{
  gchar *copy = copy_model ("itm_score.fc.weight", 1e5f);
  VlfModelOptions options = { .directory = copy, .device = device_name, .precision = "f16" };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfModel) model = NULL;

  model = vlf_model_open (&options, &error);
  g_assert_null (model);
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_assert_nonnull (strstr (error->message, "f16 cannot hold"));
  remove_copy (copy);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 3);
  folder = argv[1];
  device_name = argv[2];
  g_test_add_func ("/finite/sound", test_sound);
  g_test_add_func ("/finite/head", test_head);
  g_test_add_func ("/finite/towers", test_towers);
  if (!g_str_equal (device_name, "reference")) /* which stores float32, whatever it is asked for */
    g_test_add_func ("/finite/f16", test_too_large_for_f16);
  return g_test_run ();
}
