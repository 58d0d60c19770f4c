/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two towers in a session: cosines and probabilities are transformers', the phrase map is of the patches.
 * Usage: test-clip FOLDER DEVICE, FOLDER with the cases of golden/clip or golden/siglip. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include "models/safetensors.h"
#include "models/session.h"
#include "tests/picture.h"
#include "tests/folder.h"

static const char *folder, *device_name;

static void
check_prompt (const VlfResult *result, const VlfPromptResult *prompt)
{
  float best = -1;
  guint at = 0;

  g_assert_cmpstr (prompt->embedding_kind, ==, "text_embeds");
  for (guint i = 0; i < result->rows * result->cols; i++) {
    g_assert_true (prompt->map[i] >= 0 && prompt->map[i] <= 1.0001f);
    if (prompt->map[i] > best) {
      best = prompt->map[i];
      at = i;
    }
  }
  g_assert_cmpfloat_with_epsilon (
      prompt->peak_x, result->region[0] + (at % result->cols + 0.5) * result->region[2] / result->cols, 1e-6);
  for (guint w = 0; w < prompt->n_words; w++) {
    g_assert_null (prompt->words[w].map);
    g_assert_true (isnan (prompt->words[w].weight));
  }
}

static void
check_maps (const char *path, const VlfResult *result)
{
  const guint cells = result->rows * result->cols;
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSafetensors) file = vlf_safetensors_open (path, &error);
  const VlfTensorInfo *info = file ? vlf_safetensors_lookup (file, "maps") : NULL;
  g_autofree float *maps = g_new (float, (gsize) result->n_prompts *cells);

  g_assert_no_error (error);
  g_assert_nonnull (info);
  g_assert_cmpuint (info->elements, ==, result->n_prompts * cells);
  g_assert_true (vlf_safetensors_read (file, info, 0, info->bytes, maps, &error));
  for (guint i = 0; i < result->n_prompts; i++)
    for (guint c = 0; c < cells; c++)
      g_assert_cmpfloat_with_epsilon (result->prompts[i].map[c], maps[i * cells + c], 1e-4);
}

static void
test_matches (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *directory = g_build_filename (folder, data, "model", NULL);
  g_autofree gchar *picture = g_build_filename (folder, data, "picture.rgb", NULL), *pixels = NULL;
  g_autofree gchar *maps = g_build_filename (folder, data, "maps.safetensors", NULL);
  g_autofree gchar *matches = g_build_filename (folder, data, "matches.txt", NULL), *lines = NULL;
  g_auto (GStrv) parts = NULL;
  VlfModelOptions options = { .directory = directory, .device = device_name };
  g_autoptr (VlfModel) model = vlf_model_open (&options, &error);
  g_autoptr (VlfSession) session = model ? vlf_session_new (model, &error) : NULL;
  g_autoptr (VlfResult) result = NULL, alone = NULL;
  VlfText *texts[3];
  VlfImage image;
  gsize size;

  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (picture, &pixels, &size, NULL));
  g_assert_true (g_file_get_contents (matches, &lines, NULL, NULL));
  image = picture_of ((const guint8 *) pixels, size);
  parts = g_strsplit_set (lines, "\t\n", 0);
  for (guint i = 0; i < 3; i++)
    g_assert_nonnull ((texts[i] = vlf_text_new (model, parts[3 * i], &error)));
  g_assert_true (vlf_session_run (session, &image, 1, texts, 3, NULL, &result, &error));
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpfloat_with_epsilon (result->prompts[i].score, g_ascii_strtod (parts[3 * i + 1], NULL), 1e-4);
    g_assert_cmpfloat_with_epsilon (result->prompts[i].match, g_ascii_strtod (parts[3 * i + 2], NULL), 1e-3);
    check_prompt (result, &result->prompts[i]);
  }
  check_maps (maps, result);
  g_assert_true (vlf_session_run (session, &image, 1, texts, 1, NULL, &alone, &error));
  g_assert_cmpfloat_with_epsilon (alone->prompts[0].score, result->prompts[0].score, 1e-5);
  if (!strcmp (vlf_model_type (model), "siglip")) /* each prompt's match is its own */
    g_assert_cmpfloat_with_epsilon (alone->prompts[0].match, result->prompts[0].match, 1e-5);
  else
    g_assert_true (isnan (alone->prompts[0].match));
  for (guint i = 0; i < 3; i++)
    vlf_text_unref (texts[i]);
}

/* The picture looks at no words here: to weigh one is refused, to leave its weight is not. */
static void
test_weights (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *directory = g_build_filename (folder, data, "model", NULL);
  VlfModelOptions options = { .directory = directory, .device = device_name };
  g_autoptr (VlfModel) model = vlf_model_open (&options, &error);
  g_autoptr (VlfText) same = NULL;

  g_assert_no_error (error);
  same = vlf_text_new_marked (model, "a (red:1) [circle]", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (vlf_text_prompt (same), ==, "a red circle");
  g_assert_null (vlf_text_new_marked (model, "a (red:3) circle", &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "\"a red circle\": expected no weights of words"));
}

/* In the file @name of @directory @old becomes @new. */
static void
edit (const char *directory, const char *name, const char *old, const char *new)
{
  g_autofree gchar *path = g_build_filename (directory, name, NULL), *data = NULL;
  g_autoptr (GString) text = NULL;

  g_assert_true (g_file_get_contents (path, &data, NULL, NULL));
  text = g_string_new (data);
  g_assert_cmpuint (g_string_replace (text, old, new, 0), ==, 1);
  g_assert_true (g_file_set_contents (path, text->str, -1, NULL));
}

/* The prompt's embedding by the model in @directory. */
static void
embed (const char *directory, float *to)
{
  g_autoptr (GError) error = NULL;
  VlfModelOptions options = { .directory = directory, .device = device_name };
  g_autoptr (VlfModel) model = vlf_model_open (&options, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (vlf_model_embedding_size (model), <=, 64);
  g_assert_true (vlf_model_embed_text (model, "a red circle", to, NULL, &error));
}

/* Older configs say a tower's settings twice: what the first place says does not count then, nor what only it says. */
static void
test_said_twice (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *directory = g_build_filename (folder, data, "model", NULL);
  gchar *copy = folder_copy (directory);
  VlfModelOptions options = { .directory = copy, .device = device_name };
  float once[64] = { 0 }, twice[64] = { 0 };

  embed (directory, once);
  edit (copy, "config.json", "\"text_config\": {",
        "\"vision_config_dict\": null, \"text_config\": {\"vocab_size\": 7}, \"text_config_dict\": {");
  embed (copy, twice);
  g_assert_cmpmem (once, sizeof once, twice, sizeof twice);
  edit (copy, "config.json", "\"vision_config_dict\": null", "\"vision_config_dict\": {\"patch_size\": 500}");
  g_assert_false (vlf_model_check (&options, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_assert_nonnull (
      strstr (error->message, "vision_config_dict.patch_size: expected at most image_size 224, found 500"));
  folder_remove (copy);
}

/* OpenCLIP's folders lack a config.json. */
static void
test_open_clip (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *directory = g_build_filename (folder, data, "model", NULL);
  gchar *copy = folder_copy (directory);
  g_autofree gchar *ours = g_build_filename (copy, "config.json", NULL);
  g_autofree gchar *theirs = g_build_filename (copy, "open_clip_config.json", NULL);
  VlfModelOptions options = { .directory = copy, .device = device_name };

  g_assert_cmpint (g_rename (ours, theirs), ==, 0);
  g_assert_false (vlf_model_check (&options, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "OpenCLIP's own format is not read"));
  folder_remove (copy);
}

/* Special tokens stay when a text is cut: a prompt must have room for them. */
static void
test_special_tokens (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *directory = g_build_filename (folder, data, "model", NULL);
  gchar *copy = folder_copy (directory);
  VlfModelOptions options = { .directory = copy, .device = device_name };
  g_autoptr (VlfModel) model = NULL;
  g_autoptr (VlfText) text = NULL;

  edit (copy, "tokenizer_config.json", "\"model_max_length\": 24", "\"model_max_length\": 8");
  edit (copy, "tokenizer_config.json", "SiglipTokenizer", "PreTrainedTokenizerFast"); /* tokenizer.json says which */
  edit (copy, "tokenizer.json", "\"ids\": [1]", "\"ids\": [1, 1, 1, 1, 1, 1, 1]");
  model = vlf_model_open (&options, &error);
  g_assert_no_error (error);
  text = vlf_text_new (model, "a red circle", &error);
  g_assert_no_error (error);
  g_assert_true (vlf_text_truncated (text));
  edit (copy, "tokenizer.json", "\"ids\": [1,", "\"ids\": [1, 1,");
  g_assert_false (vlf_model_check (&options, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_assert_nonnull (strstr (error->message, "room for 9 tokens or more in a prompt"));
  folder_remove (copy);
}

/* A tokenizer may have more ids than the model rows, as multilingual SigLIP's has: only prompts that need them are refused. */
static void
test_more_tokens (gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *directory = g_build_filename (folder, data, "model", NULL);
  gchar *copy = folder_copy (directory);
  VlfModelOptions options = { .directory = copy, .device = device_name };
  g_autoptr (VlfModel) model = NULL;
  float embedding[48];

  edit (copy, "tokenizer.json", "\"added_tokens\": [",
        "\"added_tokens\": [{\"id\": 239, \"content\": \"last\"}, {\"id\": 240, \"content\": \"beyond\"}, ");
  model = vlf_model_open (&options, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vlf_model_embedding_size (model), ==, G_N_ELEMENTS (embedding));
  g_assert_true (vlf_model_embed_text (model, "the last circle", embedding, NULL, &error));
  g_assert_null (vlf_text_new (model, "a circle beyond", &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_assert_nonnull (strstr (error->message, "below the model's vocab_size 240, found \"beyond\", which is 240"));
  g_clear_error (&error);
  g_assert_false (vlf_model_embed_text (model, "beyond", embedding, NULL, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_clear_error (&error);
  g_clear_pointer (&model, vlf_model_unref);
  edit (copy, "tokenizer_config.json", "\"pad_token\": \"</s>\"", "\"pad_token\": \"beyond\"");
  model = vlf_model_open (&options, &error);
  g_assert_no_error (error);
  g_assert_null (vlf_text_new (model, "a circle", &error)); /* which is filled up with it */
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  folder_remove (copy);
}

int
main (int argc, char **argv)
{
  g_autofree gchar *list = NULL, *path = NULL;
  g_auto (GStrv) cases = NULL;

  g_test_init (&argc, &argv, NULL);
  if (argc < 3)
    g_error ("usage: test-clip FOLDER DEVICE");
  folder = argv[1];
  device_name = argv[2];
  path = g_build_filename (folder, "cases.txt", NULL);
  if (!g_file_get_contents (path, &list, NULL, NULL))
    g_error ("%s: no list of cases", path);
  cases = g_strsplit (g_strstrip (list), "\n", 0);
  for (guint i = 0; cases[i]; i++) {
    g_autofree gchar *name = g_strdup_printf ("/clip/%s", cases[i]);
    g_test_add_data_func (name, cases[i], test_matches);
  }
  g_test_add_data_func ("/clip/weights", cases[0], test_weights);
  if (!strcmp (cases[0], "base")) { /* SigLIP's */
    g_test_add_data_func ("/clip/special-tokens", cases[0], test_special_tokens);
    g_test_add_data_func ("/clip/more-tokens", cases[0], test_more_tokens);
  } else {
    g_test_add_data_func ("/clip/said-twice", cases[0], test_said_twice);
    g_test_add_data_func ("/clip/open-clip", cases[0], test_open_clip);
  }
  return g_test_run ();
}
