/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts that were encoded elsewhere: asked of a frame, they give the bits that the prompts themselves give, and what does not fit a model
 * is refused. Usage: test-encoded GOLDEN DEVICE. */
#include <math.h>
#include <string.h>
#include "models/fingerprint.h"
#include "models/safetensors_write.h"
#include "models/session.h"
#include "tests/poison.h"
#include "tests/same.h"

#define SIDE 40

static const char *folder, *device_name;
static const char *const prompts[] = { "a red circle, left of the <star>", "star", "  two\tgreen squares " };

static VlfModel *
open_model (const char *family, const char *name)
{
  g_autofree gchar *directory = g_build_filename (folder, family, name, "model", NULL);
  VlfModelOptions options = { .directory = directory, .device = device_name };
  g_autoptr (GError) error = NULL;
  VlfModel *model = vlf_model_open (&options, &error);

  g_assert_no_error (error);
  return model;
}

static VlfImage
make_image (guint8 *pixels)
{
  for (gsize i = 0; i < SIDE * SIDE * 3; i++)
    pixels[i] = (guint8) (i * 2654435761u >> 13);
  return vlf_image_rgb (pixels, SIDE, SIDE);
}

static VlfResult *
ask (VlfModel *model, VlfText *const *texts, guint n)
{
  guint8 pixels[SIDE * SIDE * 3];
  VlfImage image = make_image (pixels);
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  VlfResult *result = NULL;

  g_assert_no_error (error);
  vlf_session_run (session, &image, 1, texts, n, NULL, &result, &error);
  g_assert_no_error (error);
  return result;
}

static void
assert_same (const VlfResult *a, const VlfResult *b)
{
  g_assert_cmpuint (a->n_prompts, ==, b->n_prompts);
  for (guint i = 0; i < a->n_prompts; i++) {
    assert_same_numbers (&a->prompts[i], &b->prompts[i], (gsize) a->rows * a->cols);
    g_assert_cmpmem (&a->prompts[i].match, sizeof (double), &b->prompts[i].match, sizeof (double));
  }
}

static VlfResult *
ask_prompts (VlfModel *model, const char *const *texts, guint n, gboolean marked)
{
  VlfText *encoded[8];
  VlfResult *result;

  for (guint i = 0; i < n; i++)
    encoded[i] = marked ? vlf_text_new_marked (model, texts[i], NULL) : vlf_text_new (model, texts[i], NULL);
  result = ask (model, encoded, n);
  for (guint i = 0; i < n; i++)
    vlf_text_unref (encoded[i]);
  return result;
}

static VlfResult *
ask_embeddings (VlfModel *model, const VlfEmbeddings *embeddings)
{
  g_autoptr (GError) error = NULL;
  VlfText *texts[8];
  VlfResult *result;

  g_assert_true (vlf_model_check_embeddings (model, embeddings, &error));
  for (guint i = 0; i < embeddings->n; i++) {
    texts[i] = vlf_text_new_encoded (model, &embeddings->texts[i], &error);
    g_assert_no_error (error);
  }
  result = ask (model, texts, embeddings->n);
  for (guint i = 0; i < embeddings->n; i++)
    vlf_text_unref (texts[i]);
  return result;
}

/* Through a file and back. */
static VlfEmbeddings *
store (const VlfEmbeddings *embeddings)
{
  gchar *dir = folder_new ();
  g_autofree gchar *path = g_build_filename (dir, "texts.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  VlfEmbeddings *again;

  vlf_embeddings_save (path, embeddings->model, embeddings->texts, embeddings->n, embeddings->layers, embeddings->dim,
                       &error);
  g_assert_no_error (error);
  again = vlf_embeddings_load (path, &error);
  g_assert_no_error (error);
  folder_remove (dir);
  return again;
}

static void
check_round_trip (VlfModel *model, const char *const *texts, guint n, gboolean marked)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfEmbeddings) encoded = vlf_model_encode_texts (model, texts, n, marked, &error);
  g_autoptr (VlfEmbeddings) stored = NULL;
  g_autoptr (VlfResult) expected = ask_prompts (model, texts, n, marked), direct = NULL, later = NULL;

  g_assert_no_error (error);
  g_assert_cmpstr (encoded->model, ==, vlf_model_fingerprint (model));
  direct = ask_embeddings (model, encoded);
  assert_same (expected, direct);
  stored = store (encoded);
  later = ask_embeddings (model, stored);
  assert_same (expected, later);
}

static void
test_bridgetower (void)
{
  static const char *const marked[] = { "a (red:3) circle", "the [star] (left:0) of (it:0.3)" };
  g_autoptr (VlfModel) model = open_model ("bridgetower", "retrieval");
  VlfEncoding encoding;

  g_assert_true (vlf_model_encoding (model, &encoding, NULL));
  g_assert_false (encoding.pooled);
  g_assert_cmpuint (encoding.layers, >, 1);
  check_round_trip (model, prompts, 3, FALSE);
  check_round_trip (model, prompts, 1, FALSE);
  check_round_trip (model, marked, 2, TRUE);
}

static void
test_clip (void)
{
  g_autoptr (VlfModel) model = open_model ("clip", "openai");
  VlfEncoding encoding;

  g_assert_true (vlf_model_encoding (model, &encoding, NULL));
  g_assert_true (encoding.pooled);
  g_assert_cmpuint (encoding.layers, ==, 1);
  check_round_trip (model, prompts, 3, FALSE);
  check_round_trip (model, prompts, 1, FALSE);
}

/* The vectors of prompts in a file as another program writes it, under other names, match as the prompts do. */
static void
check_file_of_others (VlfModel *model, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfEmbeddings) table = vlf_embeddings_load (path, &error);
  g_autoptr (VlfResult) expected = ask_prompts (model, prompts, 2, FALSE), found = NULL;

  g_assert_no_error (error);
  found = ask_embeddings (model, table);
  for (guint i = 0; i < 2; i++) {
    g_assert_cmpfloat_with_epsilon (found->prompts[i].score, expected->prompts[i].score, 1e-6);
    g_assert_cmpfloat_with_epsilon (found->prompts[i].match, expected->prompts[i].match, 1e-4);
    g_assert_cmpstr (found->prompts[i].text, ==, i ? "dog" : "cat");
  }
}

static void
test_files_of_others (void)
{
  g_autoptr (VlfModel) model = open_model ("clip", "openai");
  g_autoptr (VlfEmbeddings) encoded = vlf_model_encode_texts (model, prompts, 2, FALSE, NULL);
  g_autoptr (VlfSafetensorsWriter) writer = vlf_safetensors_writer_new ();
  g_autoptr (GString) json = g_string_new ("{\"threshold\": 0.5, \"entries\": [");
  gchar *dir = folder_new ();
  g_autofree gchar *path = g_build_filename (dir, "texts", NULL);

  vlf_safetensors_writer_set (writer, "labels", "cat,dog");
  vlf_safetensors_writer_set (writer, "logit_scale", "100.000000");
  g_assert_true (vlf_safetensors_writer_add (writer, "embeddings", VLF_TENSOR_F32, (const guint[]){ 2, encoded->dim },
                                             2, encoded->values, NULL));
  g_assert_true (vlf_safetensors_writer_save (writer, path, NULL));
  check_file_of_others (model, path);

  for (guint i = 0; i < 2; i++) {
    g_string_append_printf (json, "%s{\"text\": \"%s\", \"embedding\": [", i ? ", " : "", i ? "dog" : "cat");
    for (guint k = 0; k < encoded->dim; k++) {
      gchar number[G_ASCII_DTOSTR_BUF_SIZE];

      g_string_append_printf (json, "%s%s", k ? ", " : "",
                              g_ascii_dtostr (number, sizeof number, 3.0 * encoded->values[i * encoded->dim + k]));
    }
    g_string_append (json, "], \"negative\": false, \"ensemble\": false}");
  }
  g_string_append (json, "]}");
  folder_put (dir, "texts", json->str, -1);
  check_file_of_others (model, path);
  folder_remove (dir);
}

/* Nobody says which tokens are which word: the tokenizer knows. */
static void
test_without_words (void)
{
  g_autoptr (VlfModel) model = open_model ("bridgetower", "retrieval");
  g_autoptr (VlfEmbeddings) encoded = vlf_model_encode_texts (model, prompts, 1, FALSE, NULL);
  g_autoptr (VlfResult) expected = ask_prompts (model, prompts, 1, FALSE), found = NULL;
  g_autoptr (GError) error = NULL;
  VlfEmbedding bare = encoded->texts[0];

  encoded->texts[0].n_words = 0;
  encoded->texts[0].word_of = NULL;
  found = ask_embeddings (model, encoded);
  assert_same (expected, found);
  bare.n_words = 0;
  bare.tokens--;
  g_assert_null (vlf_text_new_encoded (model, &bare, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
}

#define RED     "\xe7\xba\xa2" /* a character of three bytes */
#define REDS_5  RED RED RED RED RED
#define REDS_26 REDS_5 REDS_5 REDS_5 REDS_5 REDS_5 RED

static void
expect_refusal (VlfModel *model, VlfEncoding encoding, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (vlf_model_check_encoding (model, &encoding, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  if (!strstr (error->message, part) || !strstr (error->message, "vltextenc"))
    g_error ("expected \"%s\" and the way out in \"%s\"", part, error->message);
}

static void
test_refusals (void)
{
  g_autoptr (VlfModel) tower = open_model ("bridgetower", "retrieval"), clip = open_model ("clip", "openai");
  VlfEncoding own, other;

  g_assert_true (vlf_model_encoding (tower, &own, NULL));
  g_assert_true (vlf_model_encoding (clip, &other, NULL));
  g_assert_true (vlf_model_check_encoding (tower, &own, NULL));
  expect_refusal (tower, other, other.fingerprint == NULL ? "" : "found those of");
  expect_refusal (clip, own, "found those of");
  own.fingerprint = NULL;
  expect_refusal (tower, own, "found a table");
  other.fingerprint = NULL;
  g_assert_true (vlf_model_check_encoding (clip, &other, NULL));
  other.dim++;
  expect_refusal (clip, other, "[1, 1, ");
  g_assert_true (vlf_model_encoding (tower, &own, NULL));
  own.layers--;
  expect_refusal (tower, own, "tokens");
  own.fingerprint = REDS_5 RED;
  expect_refusal (tower, own, "found those of " REDS_5 " (");
}

/* The message quotes whole characters. */
static void
expect_refused_text (VlfModel *model, const VlfEmbedding *text, VlfError code, const char *what)
{
  g_autofree gchar *part = g_strdup_printf ("text embedding of \"" REDS_26 "\": %s", what);
  g_autoptr (GError) error = NULL;

  g_assert_null (vlf_text_new_encoded (model, text, &error));
  g_assert_error (error, VLF_ERROR, (gint) code);
  if (!strstr (error->message, part))
    g_error ("expected \"%s\", found \"%s\"", part, error->message);
}

static void
test_bad_numbers (void)
{
  g_autoptr (VlfModel) model = open_model ("clip", "openai");
  g_autoptr (VlfEmbeddings) encoded = vlf_model_encode_texts (model, prompts, 1, FALSE, NULL);
  VlfEmbedding text = encoded->texts[0];
  VlfEmbeddedWord word = { "star", -1, TRUE };

  text.text = REDS_26 RED;
  encoded->values[encoded->dim - 1] = NAN;
  expect_refused_text (model, &text, VLF_ERROR_FORMAT, "expected finite numbers");
  encoded->values[encoded->dim - 1] = 0;
  text.n_words = 1;
  text.words = &word;
  expect_refused_text (model, &text, VLF_ERROR_RANGE, "word weights: expected 0 to 10");
  text.tokens = 0;
  word.weight = 1;
  expect_refused_text (model, &text, VLF_ERROR_RANGE, "expected 1 to");
}

/* What travels of a BLIP text is its contrastive embedding: its cosine with the picture's. Asked it cannot be. */
static void
test_blip (void)
{
  g_autoptr (VlfModel) model = open_model ("blip", "retrieval");
  g_autoptr (VlfEmbeddings) encoded = vlf_model_encode_texts (model, prompts, 3, FALSE, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree float *alone = NULL;

  g_assert_nonnull (encoded);
  g_assert_true (encoded->pooled);
  g_assert_cmpuint (encoded->dim, ==, vlf_model_embedding_size (model));
  alone = g_new (float, encoded->dim);
  for (guint i = 0; i < 3; i++) {
    g_assert_true (vlf_model_embed_text (model, prompts[i], alone, NULL, NULL));
    g_assert_cmpmem (alone, encoded->dim * sizeof *alone, encoded->texts[i].values, encoded->dim * sizeof *alone);
  }
  g_assert_cmpuint (encoded->texts[0].n_words, ==, 7);
  g_assert_false (vlf_model_check_embeddings (model, encoded, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED);
}

/* Of a control character BERT makes no token: such a word has no map, and a text of very many of them costs little. */
static void
test_unread_words (void)
{
  const char *const mixed[] = { "red \x01 circle" };
  g_autoptr (VlfModel) model = open_model ("blip", "retrieval");
  g_autofree gchar *many = g_strnfill (140000, '\x01');
  const char *const hostile[] = { many };
  g_autoptr (VlfResult) result = ask_prompts (model, mixed, 1, FALSE), all = NULL;
  const VlfWordResult *words = result->prompts[0].words;

  g_assert_cmpuint (result->prompts[0].n_words, ==, 3);
  g_assert_nonnull (words[0].map);
  g_assert_null (words[1].map);
  g_assert_nonnull (words[2].map);
  g_assert_true (words[1].weight == 0);
  for (guint i = 1; i < 140000; i += 2)
    many[i] = ' ';
  all = ask_prompts (model, hostile, 1, FALSE);
  g_assert_cmpuint (all->prompts[0].n_words, ==, VLF_EMBEDDINGS_MAX_TOKENS);
  for (guint w = 0; w < all->prompts[0].n_words; w++)
    g_assert_null (all->prompts[0].words[w].map);
  g_assert_false (all->prompts[0].invalid);
}

/* A captioner encodes no prompts. */
static void
test_unsupported (void)
{
  g_autoptr (VlfModel) model = open_model ("blip", "caption");
  g_autoptr (GError) error = NULL;

  g_assert_null (vlf_model_encode_texts (model, prompts, 1, FALSE, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED);
}

/* The fingerprint of a golden model all of whose @tensor is a half; NULL: as it is. */
static gchar *
fingerprint_with (const char *family, const char *name, const char *tensor)
{
  g_autofree gchar *directory = g_build_filename (folder, family, name, "model", NULL);
  gchar *copy = poison_copy (directory, tensor, 0.5f), *fingerprint;
  g_autoptr (GError) error = NULL;

  fingerprint = vlf_model_make_fingerprint (copy, NULL, &error);
  g_assert_no_error (error);
  folder_remove (copy);
  return fingerprint;
}

/* Every tensor that texts' embeddings are made of counts, and no other. */
static void
test_fingerprints (void)
{
  static const struct {
    const char *family, *name, *tensor;
    gboolean counts;
  } cases[] = {
    { "bridgetower", "contrastive", "itc_text_head.fc.weight", TRUE },
    { "bridgetower", "contrastive", "itc_image_head.fc.weight", FALSE },
    { "bridgetower", "retrieval", "bridgetower.cross_modal_text_transform.bias", TRUE },
    { "bridgetower", "retrieval", "bridgetower.cross_modal_text_layernorm.weight", TRUE },
    { "bridgetower", "retrieval", "bridgetower.cross_modal_image_layernorm.weight", FALSE },
    { "bridgetower", "retrieval", "bridgetower.token_type_embeddings.weight", TRUE },
    { "bridgetower", "retrieval", "itm_score.fc.weight", FALSE },
    { "blip", "retrieval", "text_proj.bias", TRUE },
    { "blip", "retrieval", "vision_proj.bias", FALSE },
    { "clip", "openai", "text_projection.weight", TRUE },
    { "clip", "openai", "visual_projection.weight", FALSE },
    { "siglip", "base", "text_model.final_layer_norm.bias", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree gchar *plain = fingerprint_with (cases[i].family, cases[i].name, NULL);
    g_autofree gchar *changed = fingerprint_with (cases[i].family, cases[i].name, cases[i].tensor);

    if ((strcmp (plain, changed) != 0) != cases[i].counts)
      g_error ("%s: expected %s fingerprint", cases[i].tensor, cases[i].counts ? "another" : "the same");
  }
}

/* So does the file that SigLIP's tokens come from. */
static void
test_tokenizer_fingerprint (void)
{
  g_autofree gchar *directory = g_build_filename (folder, "siglip", "base", "model", NULL);
  g_autofree gchar *plain = fingerprint_with ("siglip", "base", NULL), *changed = NULL;
  gchar *copy = folder_copy (directory);

  folder_put (copy, "spiece.model", "pieces", -1);
  changed = vlf_model_make_fingerprint (copy, NULL, NULL);
  g_assert_cmpstr (plain, !=, changed);
  folder_remove (copy);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc < 3)
    g_error ("usage: test-encoded GOLDEN DEVICE");
  folder = argv[1];
  device_name = argv[2];
  g_test_add_func ("/encoded/bridgetower", test_bridgetower);
  g_test_add_func ("/encoded/clip", test_clip);
  g_test_add_func ("/encoded/files-of-others", test_files_of_others);
  g_test_add_func ("/encoded/without-words", test_without_words);
  g_test_add_func ("/encoded/refusals", test_refusals);
  g_test_add_func ("/encoded/bad-numbers", test_bad_numbers);
  g_test_add_func ("/encoded/blip", test_blip);
  g_test_add_func ("/encoded/unread-words", test_unread_words);
  g_test_add_func ("/encoded/unsupported", test_unsupported);
  g_test_add_func ("/encoded/fingerprints", test_fingerprints);
  g_test_add_func ("/encoded/tokenizer-fingerprint", test_tokenizer_fingerprint);
  return g_test_run ();
}
