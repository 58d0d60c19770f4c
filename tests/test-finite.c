/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model with NaN or infinity among its weights loads and runs, and its results say so instead of answering.
 * Usage: test-finite MODEL-FOLDER DEVICE. */
#include <math.h>
#include <string.h>
#include "models/session.h"
#include "tests/poison.h"

static const char *folder, *device_name;

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
  gchar *copy = poison_copy (folder, tensor, with);
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
  poison_remove (copy);
}

static void
test_sound (void)
{
  gchar *copy = poison_copy (folder, NULL, 0);
  g_autoptr (VlfResult) result = ask (copy);

  g_assert_false (result->prompts[0].invalid);
  g_assert_true (isfinite (result->prompts[0].score));
  g_assert_nonnull (result->prompts[0].map);
  poison_remove (copy);
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
  gchar *copy = poison_copy (folder, "itm_score.fc.weight", 1e5f);
  VlfModelOptions options = { .directory = copy, .device = device_name, .precision = "f16" };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfModel) model = NULL;

  model = vlf_model_open (&options, &error);
  g_assert_null (model);
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_assert_nonnull (strstr (error->message, "f16 cannot hold"));
  poison_remove (copy);
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
