/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model with NaN or infinity among its weights loads and runs, and its results say so instead of answering.
 * Usage: test-finite GOLDEN DEVICE. */
#include <math.h>
#include <string.h>
#include "models/caption.h"
#include "models/safetensors.h"
#include "models/tokenizer.h"
#include "tests/poison.h"

#define BRIDGETOWER "bridgetower/retrieval"

static const char *golden, *device_name;

/* What models are asked about, 24 x 24. */
static const guint8 pixels[24 * 24 * 3] = { 1, 2, 3 };

/* A copy of the golden model @name with all of @tensor set to @with, see poison_copy(). */
static gchar *
copy_of (const char *name, const char *tensor, float with)
{
  g_autofree gchar *directory = g_build_filename (golden, name, "model", NULL);

  return poison_copy (directory, tensor, with);
}

static VlfSession *
open_session (const char *directory, VlfModel **model)
{
  g_autoptr (GError) error = NULL;
  VlfModelOptions options = { .directory = directory, .device = device_name };
  VlfSession *session;

  *model = vlf_model_open (&options, &error);
  g_assert_no_error (error);
  session = vlf_session_new (*model, &error);
  g_assert_no_error (error);
  return session;
}

static VlfResult *
ask (const char *directory, gboolean no_maps)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfModel) model = NULL;
  g_autoptr (VlfSession) session = open_session (directory, &model);
  g_autoptr (VlfText) text = vlf_text_new (model, "a red circle", &error);
  VlfImage image = vlf_image_rgb (pixels, 24, 24);
  VlfRunOptions options = { .no_maps = no_maps };
  VlfResult *result = NULL;

  g_assert_no_error (error);
  vlf_session_run (session, &image, 1, &text, 1, &options, &result, &error);
  g_assert_no_error (error);
  return result;
}

static void
check_invalid (const char *directory, gboolean no_maps)
{
  g_autoptr (VlfResult) result = ask (directory, no_maps);
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
}

static void
expect_invalid (const char *name, const char *tensor, float with)
{
  gchar *copy = copy_of (name, tensor, with);

  check_invalid (copy, FALSE);
  check_invalid (copy, TRUE);
  folder_remove (copy);
}

static void
test_sound (gconstpointer name)
{
  gchar *copy = copy_of (name, NULL, 0);
  g_autoptr (VlfResult) result = ask (copy, FALSE);

  g_assert_false (result->prompts[0].invalid);
  g_assert_true (isfinite (result->prompts[0].score));
  g_assert_nonnull (result->prompts[0].map);
  folder_remove (copy);
}

static void
test_head (void)
{
  expect_invalid (BRIDGETOWER, "itm_score.fc.weight", NAN);
  expect_invalid (BRIDGETOWER, "itm_score.fc.bias", INFINITY);
}

static void
test_towers (void)
{
  expect_invalid (BRIDGETOWER, "bridgetower.cross_modal_image_layernorm.weight", NAN);
  expect_invalid (BRIDGETOWER, "bridgetower.vision_model.visual.ln_post.weight", NAN);
  expect_invalid (BRIDGETOWER, "bridgetower.cross_modal_text_layernorm.bias", -INFINITY);
}

/* Where no head judges: the score is the towers' cosine. */
static void
test_two_towers (gconstpointer name)
{
  expect_invalid (name, "vision_model.post_layernorm.weight", NAN);
  expect_invalid (name, "text_model.final_layer_norm.weight", NAN);
}

/* A copy of the CLIP model @directory in which the last word of @prompt has no numbers, if none of @others has that word. */
static gchar *
without_word (const gchar *directory, const char *prompt, const char *const *others)
{
  static const char tensor[] = "text_model.embeddings.token_embedding.weight";
  g_autoptr (VlfTokenizer) tokenizer = vlf_tokenizer_new (directory, "clip", NULL);
  g_autoptr (VlfSafetensors) weights = vlf_safetensors_open (directory, NULL);
  g_auto (VlfTokens) tokens = { 0 };
  guint64 width;
  guint word;

  g_assert_true (vlf_tokenizer_encode (tokenizer, prompt, -1, 0, &tokens, NULL));
  word = tokens.tokens[tokens.n - 2].id;
  for (; *others; others++) {
    g_auto (VlfTokens) other = { 0 };

    g_assert_true (vlf_tokenizer_encode (tokenizer, *others, -1, 0, &other, NULL));
    for (guint i = 0; i < other.n; i++)
      g_assert_cmpuint (other.tokens[i].id, !=, word);
  }
  width = vlf_safetensors_lookup (weights, tensor)->shape[1];
  return poison_copy_part (directory, tensor, word * width, width, NAN);
}

/* A prompt without numbers takes none from those that compete with it. */
static void
test_one_of_many (gconstpointer name)
{
  static const char *const prompts[] = { "a red circle", "something blue", "the large star" };
  g_autofree gchar *directory = g_build_filename (golden, name, "model", NULL);
  gchar *copy = without_word (directory, prompts[2], (const char *const[]){ prompts[0], prompts[1], NULL });
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfModel) model = NULL;
  g_autoptr (VlfSession) session = open_session (copy, &model);
  VlfImage image = vlf_image_rgb (pixels, 24, 24);
  VlfText *texts[G_N_ELEMENTS (prompts)];
  g_autoptr (VlfResult) result = NULL, two = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_assert_nonnull ((texts[i] = vlf_text_new (model, prompts[i], NULL)));
  g_assert_true (vlf_session_run (session, &image, 1, texts, 2, NULL, &two, &error));
  g_assert_true (vlf_session_run (session, &image, 1, texts, 3, NULL, &result, &error));
  g_assert_true (result->prompts[2].invalid && isnan (result->prompts[2].match));
  for (guint i = 0; i < 2; i++) {
    g_assert_false (result->prompts[i].invalid);
    g_assert_cmpfloat (result->prompts[i].match, ==, two->prompts[i].match);
    g_assert_cmpfloat (result->prompts[i].match, >, 0);
  }
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    vlf_text_unref (texts[i]);
  folder_remove (copy);
}

static void
check_caption (const char *tensor, gboolean invalid)
{
  gchar *copy = copy_of ("blip/caption", tensor, NAN);
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfModel) model = NULL;
  g_autoptr (VlfSession) session = open_session (copy, &model);
  VlfImage image = vlf_image_rgb (pixels, 24, 24);

  for (guint beams = 1; beams <= 2; beams++) {
    VlfCaptionOptions options = { .beams = beams };
    g_autoptr (VlfResult) result = NULL;
    VlfCaption *caption = NULL;

    vlf_session_caption (session, &image, NULL, 0, &options, &caption, &error);
    g_assert_no_error (error);
    result = vlf_result_of_captions (model, &caption, 1);
    g_assert_cmpint (result->prompts[0].invalid, ==, invalid);
    g_assert_cmpint (isnan (result->prompts[0].score) != 0, ==, invalid);
  }
  folder_remove (copy);
}

static void
test_caption (void)
{
  check_caption (NULL, FALSE);
  check_caption ("vision_model.post_layernorm.weight", TRUE);
  check_caption ("text_decoder.cls.predictions.bias", TRUE);
}

/* What f16 cannot hold would be infinite there. */
static void
test_too_large_for_f16 (void)
{
  gchar *copy = copy_of (BRIDGETOWER, "itm_score.fc.weight", 1e5f);
  VlfModelOptions options = { .directory = copy, .device = device_name, .precision = "f16" };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfModel) model = NULL;

  model = vlf_model_open (&options, &error);
  g_assert_null (model);
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_assert_nonnull (strstr (error->message, "f16 cannot hold"));
  folder_remove (copy);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 3);
  golden = argv[1];
  device_name = argv[2];
  g_test_add_data_func ("/finite/sound/bridgetower", BRIDGETOWER, test_sound);
  g_test_add_data_func ("/finite/sound/clip", "clip/openai", test_sound);
  g_test_add_data_func ("/finite/sound/siglip", "siglip/base", test_sound);
  g_test_add_func ("/finite/head", test_head);
  g_test_add_func ("/finite/towers", test_towers);
  g_test_add_data_func ("/finite/clip", "clip/openai", test_two_towers);
  g_test_add_data_func ("/finite/one-of-many", "clip/openai", test_one_of_many);
  g_test_add_data_func ("/finite/siglip", "siglip/base", test_two_towers);
  g_test_add_func ("/finite/caption", test_caption);
  if (!g_str_equal (device_name, "reference")) /* which stores float32, whatever it is asked for */
    g_test_add_func ("/finite/f16", test_too_large_for_f16);
  return g_test_run ();
}
