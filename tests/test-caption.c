/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Captions and answers: the ids and texts that transformers finds with the same search, and what is said about their words.
 * Usage: test-caption FOLDER DEVICE [STRIDE], FOLDER with the cases of golden/blip. */
#include <math.h>
#include <string.h>
#include "kernels/error.h"
#include "models/caption.h"
#include "tests/picture.h"
#include "tests/poison.h"

static const char *folder, *device_name;
static guint stride = 1; /* of the lines of captions.txt: a slow device takes fewer */

typedef struct {
  VlfModel *model;
  VlfSession *session;
  guint8 *pixels;
  VlfImage image;
} Fixture;

static void
fixture_open_in (Fixture *f, const char *name, const char *directory)
{
  g_autoptr (GError) error = NULL;
  g_autofree gchar *path = g_build_filename (folder, name, "picture.rgb", NULL);
  VlfModelOptions options = { .directory = directory, .device = device_name };
  gsize size;

  f->model = vlf_model_open (&options, &error);
  g_assert_no_error (error);
  f->session = vlf_session_new (f->model, &error);
  g_assert_no_error (error);
  g_file_get_contents (path, (gchar **) &f->pixels, &size, &error);
  g_assert_no_error (error);
  f->image = picture_of (f->pixels, size);
}

static void
fixture_open (Fixture *f, const char *name)
{
  g_autofree gchar *directory = g_build_filename (folder, name, "model", NULL);

  fixture_open_in (f, name, directory);
}

static void
fixture_close (Fixture *f)
{
  vlf_session_free (f->session);
  vlf_model_unref (f->model);
  g_free (f->pixels);
}

/* Maps are shares of attention; words join to the text. */
static void
check_words (const VlfCaption *caption)
{
  g_autoptr (GString) joined = g_string_new (NULL);

  for (guint w = 0; w < caption->n_words; w++) {
    const VlfWordResult *word = &caption->words[w];
    double sum = 0;

    g_string_append_printf (joined, "%s%s", w ? " " : "", word->text);
    for (guint i = 0; word->map && i < caption->rows * caption->cols; i++) {
      g_assert_cmpfloat (word->map[i], >=, 0);
      sum += word->map[i];
    }
    if (word->map) {
      g_assert_cmpfloat (sum, >, 0.01);
      g_assert_cmpfloat (sum, <=, 1.0001);
      g_assert_true (word->weight > 0 && word->weight <= 1);
    }
  }
  g_assert_cmpstr (joined->str, ==, caption->text);
}

/* beams, lengths and penalty; words; ids; text. */
static void
check_line (Fixture *f, const char *line)
{
  g_auto (GStrv) parts = g_strsplit (line, "\t", 4);
  g_auto (GStrv) search = g_strsplit (parts[0], " ", 4), ids = g_strsplit (parts[2], " ", 0);
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfCaption) caption = NULL;
  const gboolean answers = vlf_model_answers (f->model);
  const char *question = answers ? parts[1] : NULL;
  VlfCaptionOptions options = { .beams = atoi (search[0]),
                                .min_length = atoi (search[1]),
                                .max_length = atoi (search[2]),
                                .repetition_penalty = g_ascii_strtod (search[3], NULL),
                                .prefix = answers ? NULL : parts[1] };

  vlf_session_caption (f->session, &f->image, &question, answers, &options, &caption, &error);
  g_assert_no_error (error);
  g_test_message ("%s %s: %s", parts[0], parts[1], caption->text);
  for (guint i = 0; i < caption->n_tokens && ids[i]; i++)
    g_assert_cmpuint (caption->tokens[i].id, ==, strtoul (ids[i], NULL, 10));
  g_assert_cmpuint (caption->n_tokens, ==, g_strv_length (ids));
  g_assert_cmpstr (caption->text, ==, parts[3]);
  check_words (caption);
}

static void
test_searches (gconstpointer data)
{
  Fixture f;
  g_autofree gchar *path = g_build_filename (folder, data, "captions.txt", NULL), *all = NULL;
  g_auto (GStrv) lines = NULL;

  fixture_open (&f, data);
  g_assert_true (g_file_get_contents (path, &all, NULL, NULL));
  lines = g_strsplit (all, "\n", 0);
  g_assert_cmpuint (g_strv_length (lines), >, 20);
  for (guint i = 0; i < g_strv_length (lines) && *lines[i]; i += stride)
    check_line (&f, lines[i]);
  fixture_close (&f);
}

/* Several questions at once are those one by one, bit by bit. */
static void
test_questions (void)
{
  const char *questions[] = { "a red circle", "is there a heart?", "a red circle" };
  g_autoptr (GError) error = NULL;
  VlfCaption *all[3] = { NULL };
  Fixture f;

  fixture_open (&f, "vqa");
  vlf_session_caption (f.session, &f.image, questions, 3, NULL, all, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 3; i++) {
    g_autoptr (VlfCaption) one = NULL;

    vlf_session_caption (f.session, &f.image, &questions[i], 1, NULL, &one, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (one->question, ==, questions[i]);
    g_assert_cmpmem (one->tokens, one->n_tokens * sizeof *one->tokens, all[i]->tokens,
                     all[i]->n_tokens * sizeof *one->tokens);
    g_assert_cmpuint (one->n_words, ==, all[i]->n_words);
    for (guint w = 0; w < one->n_words; w++)
      g_assert_cmpmem (one->words[w].map, one->rows * one->cols * sizeof (float), all[i]->words[w].map,
                       one->rows * one->cols * sizeof (float));
  }
  for (guint i = 0; i < 3; i++)
    vlf_caption_free (all[i]);
  fixture_close (&f);
}

/* The captioner's files beside a vlfusion.json that says that it answers what its text begins with. */
static gchar *
answering_captioner (void)
{
  g_autofree gchar *from = g_build_filename (folder, "caption", "model", NULL);
  gchar *directory = folder_copy (from);

  folder_put (directory, "vlfusion.json", "{\"questions\": \"prefix\"}", -1);
  return directory;
}

/* A question to a captioner is a prefix whose words are no part of the answer and whose length is not counted. */
static void
test_prefix_questions (void)
{
  const char *questions[] = { "a red", "the star is" };
  gchar *directory = answering_captioner ();
  g_autoptr (GError) error = NULL;
  VlfCaption *answers[2] = { NULL };
  Fixture f = { 0 };
  const VlfModelOptions options = { .directory = directory, .device = device_name };

  fixture_open (&f, "caption");
  g_assert_false (vlf_model_answers (f.model));
  vlf_session_free (f.session);
  vlf_model_unref (f.model);
  f.model = vlf_model_open (&options, &error);
  g_assert_no_error (error);
  f.session = vlf_session_new (f.model, &error);
  g_assert_true (vlf_model_answers (f.model) && vlf_model_captions (f.model));
  vlf_session_caption (f.session, &f.image, questions, 2, NULL, answers, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++) {
    g_autoptr (VlfCaption) whole = NULL;
    const VlfCaptionOptions prefix = { .prefix = questions[i], .max_length = 21 + i };
    const char *rest;

    vlf_session_caption (f.session, &f.image, NULL, 0, &prefix, &whole, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (whole->n_tokens, >, 4);
    g_assert_cmpmem (whole->tokens, whole->n_tokens * sizeof *whole->tokens, answers[i]->tokens,
                     answers[i]->n_tokens * sizeof *whole->tokens);
    g_assert_cmpstr (answers[i]->question, ==, questions[i]);
    rest = whole->text + strlen (whole->text) - strlen (answers[i]->text);
    g_assert_cmpstr (rest, ==, answers[i]->text);
    g_assert_true (g_str_has_prefix (whole->text, questions[i]) && strlen (rest) < strlen (whole->text));
    check_words (answers[i]);
    vlf_caption_free (answers[i]);
  }
  fixture_close (&f);
  folder_remove (directory);
}

static void
expect_error (Fixture *f, const char *question, VlfCaptionOptions options, gint code, const char *says)
{
  g_autoptr (GError) error = NULL;
  VlfCaption *caption = NULL;

  g_assert_false (vlf_session_caption (f->session, &f->image, &question, question != NULL, &options, &caption, &error));
  g_assert_error (error, VLF_ERROR, code);
  g_assert_nonnull (strstr (error->message, says));
  g_assert_null (caption);
}

static void
test_wrong (void)
{
  Fixture f;
  g_autoptr (GError) error = NULL;
  VlfResult *result = NULL;

  fixture_open (&f, "caption");
  g_assert_true (vlf_model_captions (f.model));
  expect_error (&f, "what?", (VlfCaptionOptions){ 0 }, VLF_ERROR_UNSUPPORTED, "BlipForQuestionAnswering");
  expect_error (&f, NULL, (VlfCaptionOptions){ .prefix = "\xff" }, VLF_ERROR_FORMAT, "UTF-8");
  expect_error (&f, NULL, (VlfCaptionOptions){ .max_length = 41 }, VLF_ERROR_RANGE, "max-length");
  expect_error (&f, NULL, (VlfCaptionOptions){ .max_length = 1 }, VLF_ERROR_RANGE, "max-length");
  expect_error (&f, NULL, (VlfCaptionOptions){ .beams = 65 }, VLF_ERROR_RANGE, "beams");
  expect_error (&f, NULL, (VlfCaptionOptions){ .repetition_penalty = -1 }, VLF_ERROR_RANGE, "penalty");
  g_assert_null (vlf_text_new (f.model, "a red circle", &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  /* Without prompts there is a result without prompts. */
  g_assert_true (vlf_session_run (f.session, &f.image, 1, NULL, 0, NULL, &result, &error));
  g_assert_cmpuint (result->n_prompts, ==, 0);
  vlf_result_unref (result);
  fixture_close (&f);
  fixture_open (&f, "vqa");
  expect_error (&f, NULL, (VlfCaptionOptions){ 0 }, VLF_ERROR_UNSUPPORTED, "question");
  expect_error (&f, "what?", (VlfCaptionOptions){ .prefix = "a" }, VLF_ERROR_UNSUPPORTED, "prefix");
  fixture_close (&f);
}

/* Matching: scores are transformers', the words' maps are shares, their weights sum to 1, and one prompt among several has the bits of one alone. */
static void
test_match (void)
{
  g_autofree gchar *path = g_build_filename (folder, "retrieval", "matches.txt", NULL), *lines = NULL;
  g_auto (GStrv) prompts = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfResult) all = NULL;
  VlfText *texts[3];
  Fixture f;

  fixture_open (&f, "retrieval");
  g_assert_true (g_file_get_contents (path, &lines, NULL, NULL));
  prompts = g_strsplit_set (lines, "\t\n", 0);
  for (guint i = 0; i < 3; i++)
    g_assert_nonnull ((texts[i] = vlf_text_new (f.model, prompts[2 * i], &error)));
  g_assert_true (vlf_session_run (f.session, &f.image, 1, texts, 3, NULL, &all, &error));
  for (guint i = 0; i < 3; i++) {
    g_autoptr (VlfResult) one = NULL;
    const VlfPromptResult *p = &all->prompts[i];
    double weights = 0;

    g_assert_true (vlf_session_run (f.session, &f.image, 1, &texts[i], 1, NULL, &one, &error));
    g_assert_cmpfloat_with_epsilon (p->score, g_ascii_strtod (prompts[2 * i + 1], NULL), 1e-3);
    g_assert_cmpfloat_with_epsilon (p->score, one->prompts[0].score, 1e-4);
    g_assert_cmpfloat_with_epsilon (p->match, 1 / (1 + exp (-p->score)), 1e-6);
    g_assert_cmpuint (p->embedding_size, ==, 64);
    for (guint w = 0; w < p->n_words; w++) {
      double sum = 0;

      weights += p->words[w].weight;
      for (guint c = 0; c < all->rows * all->cols; c++) {
        sum += p->words[w].map[c];
        g_assert_cmpfloat_with_epsilon (p->words[w].map[c], one->prompts[0].words[w].map[c], 1e-4);
      }
      g_assert_true (sum > 0.01 && sum <= 1.0001);
    }
    g_assert_cmpfloat_with_epsilon (weights, 1, 1e-5);
    g_assert_true (p->peak_x > 0 && p->peak_x < all->frame_width);
    vlf_text_unref (texts[i]);
  }
  g_assert_cmpuint (all->image_embedding_size, ==, 24);
  fixture_close (&f);
}

static void
note_output (gpointer user, const char *name, const float *data, const gint64 *ids, const guint *shape, guint rank)
{
  GString *names = user;

  (void) ids;
  (void) shape;
  (void) rank;
  g_string_append_printf (names, "%s%s ", name, data ? "" : ":ids");
}

/* A file that has the heads of retrieval but no encoder of texts captions, and compares nothing. */
static void
test_heads_without_encoder (void)
{
  g_autofree gchar *directory = g_build_filename (folder, "caption", "model", NULL);
  gchar *copy = folder_copy (directory);
  g_autofree float *pixels = g_new0 (float, 3 * 36 * 36);
  const gint64 id = 298, mask = 1;
  const VlfTensorInput input = { .pixel_values = pixels,
                                 .input_ids = &id,
                                 .attention_mask = &mask,
                                 .batch = 1,
                                 .height = 36,
                                 .width = 36,
                                 .tokens = 1 };
  g_autoptr (GString) names = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  Fixture f;

  poison_add (copy, "vision_proj.weight", 24, 48);
  poison_add (copy, "vision_proj.bias", 1, 24);
  poison_add (copy, "text_proj.weight", 24, 64);
  poison_add (copy, "text_proj.bias", 1, 24);
  poison_add (copy, "itm_head.weight", 2, 64);
  poison_add (copy, "itm_head.bias", 1, 2);
  fixture_open_in (&f, "caption", copy);
  g_assert_cmpuint (vlf_model_embedding_size (f.model), ==, 0);
  vlf_session_run_tensors (f.session, &input, note_output, names, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (names->str, ==, "logits last_hidden_state greedy_ids:ids beam3_ids:ids ");
  fixture_close (&f);
  folder_remove (copy);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc < 3)
    g_error ("usage: test-caption FOLDER DEVICE [STRIDE]");
  folder = argv[1];
  device_name = argv[2];
  if (argc > 3)
    stride = MAX (strtoul (argv[3], NULL, 10), 1);
  g_test_add_data_func ("/caption/searches/caption", "caption", test_searches);
  g_test_add_data_func ("/caption/searches/caption_old", "caption_old", test_searches);
  g_test_add_data_func ("/caption/searches/vqa", "vqa", test_searches);
  g_test_add_func ("/caption/questions", test_questions);
  g_test_add_func ("/caption/prefix-questions", test_prefix_questions);
  g_test_add_func ("/caption/wrong", test_wrong);
  g_test_add_func ("/caption/match", test_match);
  g_test_add_func ("/caption/heads-without-encoder", test_heads_without_encoder);
  return g_test_run ();
}
