/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of text embeddings: what is written is read back the same, other programs' files as they are, and none of the broken ones. */
#include "models/embeddings.h"
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include "models/safetensors_write.h"
#include "tests/folder.h"

static gchar *folder, *path; /* of the one file that each test writes anew */

static void
put (const char *data, gsize size)
{
  folder_put (folder, "texts", data, (gssize) size);
}

static VlfEmbeddings *
load (void)
{
  g_autoptr (GError) error = NULL;
  VlfEmbeddings *embeddings = vlf_embeddings_load (path, &error);

  g_assert_no_error (error);
  g_assert_nonnull (embeddings);
  return embeddings;
}

/* The message begins with the file and contains @part. */
static void
expect_error (gint code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vlf_embeddings_load (path, &error));
  g_assert_error (error, VLF_ERROR, code);
  if (!g_str_has_prefix (error->message, path) || !strstr (error->message, part))
    g_error ("expected \"%s: ...%s...\", found \"%s\"", path, part, error->message);
}

/* ---- our own format ---- */

static void
test_pooled (void)
{
  static const float values[] = { 0.25f, -1, 3e-20f, 1.1f, 2.2f, 3.3f };
  const VlfEmbedding texts[] = { { .text = "a cat", .tokens = 1, .values = values },
                                 { .text = "ein Hund, groß", .tokens = 1, .values = values + 3 } };
  g_autoptr (VlfEmbeddings) read = NULL;

  g_assert_true (vlf_embeddings_save (path, "0123ab", texts, 2, 1, 3, NULL));
  read = load ();
  g_assert_cmpuint (read->n, ==, 2);
  g_assert_true (read->pooled);
  g_assert_cmpuint (read->layers, ==, 1);
  g_assert_cmpuint (read->dim, ==, 3);
  g_assert_cmpstr (read->model, ==, "0123ab");
  g_assert_cmpstr (read->texts[0].text, ==, "a cat");
  g_assert_cmpstr (read->texts[1].text, ==, "ein Hund, groß");
  g_assert_cmpmem (read->values, sizeof values, values, sizeof values); /* not one bit is changed */
  g_assert_true (read->texts[1].values == read->values + 3);
  g_assert_cmpuint (read->texts[0].n_words, ==, 0);
  g_assert_true (isnan (read->logit_scale) && isnan (read->threshold) && isnan (read->unknown_threshold));
}

/* [layers, tokens, dim] = [2, 3, 2] and [2, 2, 2]. */
static const float rows[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 };
static const VlfEmbeddedWord cat[] = { { "a", 1, FALSE }, { "cat", 0.3f, TRUE } }, dog[] = { { "dog", 1, TRUE } };
static const gint cat_words[] = { 0, 1, 1 }, dog_words[] = { -1, 0 };

static void
check_text (const VlfEmbeddings *read, guint i, const VlfEmbedding *text)
{
  const VlfEmbedding *found = &read->texts[i];

  g_assert_cmpstr (found->text, ==, text->text);
  g_assert_cmpuint (found->tokens, ==, text->tokens);
  g_assert_cmpmem (found->values, 2 * found->tokens * 2 * sizeof (float), text->values,
                   2 * text->tokens * 2 * sizeof (float));
  g_assert_cmpmem (found->word_of, found->tokens * sizeof (gint), text->word_of, text->tokens * sizeof (gint));
  g_assert_cmpuint (found->n_words, ==, text->n_words);
  for (guint w = 0; w < text->n_words; w++) {
    g_assert_cmpstr (found->words[w].text, ==, text->words[w].text);
    g_assert_true (found->words[w].weight == text->words[w].weight);
    g_assert_cmpint (found->words[w].phrase, ==, text->words[w].phrase);
  }
}

static void
test_tokens (void)
{
  const VlfEmbedding texts[] = {
    { .text = "a cat", .tokens = 3, .values = rows, .n_words = 2, .words = cat, .word_of = cat_words },
    { .text = "dog", .tokens = 2, .values = rows + 12, .n_words = 1, .words = dog, .word_of = dog_words },
  };
  const guint counts[] = { 1, 2 };

  for (guint k = 0; k < G_N_ELEMENTS (counts); k++) {
    g_autoptr (VlfEmbeddings) read = NULL;

    g_assert_true (vlf_embeddings_save (path, "fp", texts, counts[k], 2, 2, NULL));
    read = load ();
    g_assert_cmpuint (read->n, ==, counts[k]);
    g_assert_false (read->pooled);
    g_assert_cmpuint (read->layers, ==, 2);
    g_assert_cmpuint (read->dim, ==, 2);
    for (guint i = 0; i < counts[k]; i++)
      check_text (read, i, &texts[i]);
  }
}

static void
test_unwritable (void)
{
  static const float value = 1;
  const VlfEmbedding broken = { .text = "two\nlines", .tokens = 1, .values = &value };
  g_autoptr (GError) error = NULL;

  g_assert_false (vlf_embeddings_save (path, "fp", &broken, 1, 1, 1, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_clear_error (&error);
  g_assert_false (vlf_embeddings_save (path, "fp", &broken, 0, 1, 1, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_clear_error (&error);
  g_assert_false (vlf_embeddings_save (path, "fp", &broken, VLF_EMBEDDINGS_MAX_TEXTS + 1, 1, 1, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_assert_nonnull (strstr (error->message, "found 1000001"));
}

typedef struct {
  const char *keys[10]; /* of metadata and their values, to NULL */
  const char *tensor;
  guint rank, shape[4];
  VlfTensorType type;
  gint code;
  const char *part; /* of the message */
} BadFile;

static const float zeros[64];

static void
save (const BadFile *file, gconstpointer data, const gint64 *mask)
{
  g_autoptr (VlfSafetensorsWriter) writer = vlf_safetensors_writer_new ();
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (file->keys) && file->keys[i]; i += 2)
    vlf_safetensors_writer_set (writer, file->keys[i], file->keys[i + 1]);
  vlf_safetensors_writer_add (writer, file->tensor, file->type, file->shape, file->rank, data, &error);
  if (mask)
    vlf_safetensors_writer_add (writer, "attention_mask", VLF_TENSOR_I64,
                                (const guint[]){ file->shape[0], file->shape[2] }, 2, mask, &error);
  vlf_safetensors_writer_save (writer, path, &error);
  g_assert_no_error (error);
}

#define OWN(...)                            \
  {                                         \
    "model", "fp", "text", "a", __VA_ARGS__ \
  }

static void
test_bad_own (void)
{
  static const BadFile files[] = {
    { { "text", "a" },
      "text_embeddings",
      2,
      { 1, 4 },
      VLF_TENSOR_F32,
      VLF_ERROR_FORMAT,
      "metadata model: expected the" },
    { { "model", "fp", "text", "a\nb" },
      "text_embeddings",
      2,
      { 3, 4 },
      VLF_TENSOR_F32,
      VLF_ERROR_FORMAT,
      "metadata text: expected 3 texts, one for each embedding, found 2" },
    { { "model", "fp", "text", "a\n " },
      "text_embeddings",
      2,
      { 2, 4 },
      VLF_TENSOR_F32,
      VLF_ERROR_FORMAT,
      "text 1: expected words" },
    { OWN (NULL), "text_embeddings", 1, { 4 }, VLF_TENSOR_F32, VLF_ERROR_RANGE, "found shape [4]" },
    { OWN (NULL), "text_embeddings", 2, { 1, 4 }, VLF_TENSOR_I64, VLF_ERROR_UNSUPPORTED, "found I64" },
    { OWN (NULL), "text_embeddings", 2, { 0, 4 }, VLF_TENSOR_F32, VLF_ERROR_RANGE, "texts: expected 1 to" },
    { OWN (NULL),
      "text_embeddings",
      2,
      { 1, 0 },
      VLF_TENSOR_F32,
      VLF_ERROR_RANGE,
      "numbers of a vector: expected 1 to" },
    { OWN (NULL), "text_embeddings", 3, { 1, 0, 4 }, VLF_TENSOR_F32, VLF_ERROR_RANGE, "tokens of a text" },
    { OWN (NULL), "something_else", 2, { 1, 4 }, VLF_TENSOR_F32, VLF_ERROR_FORMAT, "found neither" },
    { OWN ("words", "[["), "text_embeddings", 2, { 1, 4 }, VLF_TENSOR_F32, VLF_ERROR_FORMAT, "metadata words: " },
    { OWN ("words", "[]"), "text_embeddings", 2, { 1, 4 }, VLF_TENSOR_F32, VLF_ERROR_FORMAT, "found an array of 0" },
    { OWN ("words", "[7]"), "text_embeddings", 2, { 1, 4 }, VLF_TENSOR_F32, VLF_ERROR_FORMAT, "an array of words" },
    { OWN ("words", "[[{}]]"), "text_embeddings", 2, { 1, 4 }, VLF_TENSOR_F32, VLF_ERROR_FORMAT, "\"text\"" },
    { OWN ("words", "[[{\"text\":\"a\",\"tokens\":[1]}]]"),
      "text_embeddings",
      2,
      { 1, 4 },
      VLF_TENSOR_F32,
      VLF_ERROR_FORMAT,
      "tokens that the text has" },
    { OWN ("words", "[[{\"text\":\"a\",\"tokens\":[-1]}]]"),
      "text_embeddings",
      2,
      { 1, 4 },
      VLF_TENSOR_F32,
      VLF_ERROR_FORMAT,
      "tokens that the text has" },
    { OWN ("words", "[[{\"text\":\"a\",\"tokens\":[0]},{\"text\":\"b\",\"tokens\":[0]}]]"),
      "text_embeddings",
      2,
      { 1, 4 },
      VLF_TENSOR_F32,
      VLF_ERROR_FORMAT,
      "each of one word" },
    { OWN ("words", "[[{\"text\":\"a\",\"tokens\":[0],\"weight\":11}]]"),
      "text_embeddings",
      2,
      { 1, 4 },
      VLF_TENSOR_F32,
      VLF_ERROR_FORMAT,
      "\"weight\" from 0 to 10" },
    { OWN ("words", "[[{\"text\":\"a\",\"tokens\":[0],\"phrase\":1}]]"),
      "text_embeddings",
      2,
      { 1, 4 },
      VLF_TENSOR_F32,
      VLF_ERROR_FORMAT,
      "\"phrase\"" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    save (&files[i], zeros, NULL);
    expect_error (files[i].code, files[i].part);
  }
}

static void
test_bad_masks (void)
{
  static const gint64 masks[][4] = { { 1, 0, 0, 0 }, { 1, 1, 0, 1 }, { 1, 2, 1, 1 }, { -1, 0, 1, 1 } };
  static const BadFile file = { { "model", "fp", "text", "a\nb" },
                                "text_embeddings",
                                4,
                                { 2, 2, 2, 2 },
                                VLF_TENSOR_F32,
                                VLF_ERROR_FORMAT,
                                "ones, then zeros" };
  static const BadFile other = { { "model", "fp", "text", "a\nb" },
                                 "text_embeddings",
                                 2,
                                 { 2, 2, 2 }, /* the last is the mask's */
                                 VLF_TENSOR_F32,
                                 VLF_ERROR_FORMAT,
                                 "expected I64 [2, 1]" };

  for (guint i = 0; i < G_N_ELEMENTS (masks); i++) {
    save (&file, zeros, masks[i]);
    expect_error (file.code, file.part);
  }
  save (&other, zeros, masks[0]);
  expect_error (other.code, other.part);
}

#define RED      "\xe7\xba\xa2" /* a character of three bytes */
#define REDS_13  RED RED RED RED RED RED RED RED RED RED RED RED RED
#define REDS_26  REDS_13 REDS_13
#define MANY_RED REDS_26 REDS_26

static void
test_bad_numbers (void)
{
  static const BadFile own = {
    { "model", "fp", "text", "a\nb" }, "text_embeddings", 2, { 2, 4 }, VLF_TENSOR_F32, 0, NULL
  };
  static const BadFile table = { { "labels", "a,b" }, "embeddings", 2, { 2, 4 }, VLF_TENSOR_F32, 0, NULL };
  static const BadFile chinese = { { "labels", "a," MANY_RED }, "embeddings", 2, { 2, 4 }, VLF_TENSOR_F32, 0, NULL };
  static const BadFile scale = {
    { "labels", "a,b", "logit_scale", MANY_RED }, "embeddings", 2, { 2, 4 }, VLF_TENSOR_F32, 0, NULL
  };
  float values[8] = { 1, 1, 1, 1, 1, NAN, 1, 1 };

  save (&own, values, NULL);
  expect_error (VLF_ERROR_FORMAT, "text 1 \"b\": expected finite numbers, found NaN at place 1");
  values[5] = -INFINITY;
  save (&table, values, NULL);
  expect_error (VLF_ERROR_FORMAT, "text 1 \"b\": expected finite numbers, found an infinite one");
  values[4] = values[5] = values[6] = values[7] = 0;
  save (&table, values, NULL);
  expect_error (VLF_ERROR_RANGE, "text 1 \"b\": expected a vector with a direction");

  save (&chinese, values, NULL);
  expect_error (VLF_ERROR_RANGE, "text 1 \"" REDS_26 "\": expected a vector with a direction");
  values[5] = NAN;
  save (&chinese, values, NULL);
  expect_error (VLF_ERROR_FORMAT, "text 1 \"" REDS_26 "\": expected finite numbers");
  values[5] = 1;
  save (&scale, values, NULL);
  expect_error (VLF_ERROR_FORMAT, "found \"" REDS_13 "\"");
}

/* What of a text a message quotes. */
static void
test_shown (void)
{
  g_assert_cmpint (vlf_shown ("", 4), ==, 0);
  g_assert_cmpint (vlf_shown ("four", 4), ==, 4);
  g_assert_cmpint (vlf_shown ("fives", 4), ==, 4);
  g_assert_cmpint (vlf_shown ("a" RED, 4), ==, 4);
  g_assert_cmpint (vlf_shown ("ab" RED, 4), ==, 2);
  g_assert_cmpint (vlf_shown (RED RED, 4), ==, 3);
  g_assert_cmpint (vlf_shown ("\xf0\x9f\x94\xb4", 3), ==, 0);
  g_assert_cmpint (vlf_shown ("\x80\x80\x80\x80\x80", 4), ==, 0); /* not UTF-8, which harms nobody */
}

/* A header that promises more than the file has, and every shorter file. */
static void
test_truncated (void)
{
  static const BadFile file = {
    { "model", "fp", "text", "a" }, "text_embeddings", 2, { 1, 4 }, VLF_TENSOR_F32, 0, NULL
  };
  g_autofree gchar *data = NULL;
  gsize size;

  save (&file, rows, NULL);
  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  for (gsize n = 0; n < size; n++) {
    put (data, n);
    g_assert_null (vlf_embeddings_load (path, NULL));
  }
  put (data, size);
  vlf_embeddings_unref (load ());
  g_unlink (path);
  expect_error (VLF_ERROR_NOT_FOUND, "cannot open");
}

/* ---- DL Streamer's ---- */

static void
check_near (const float *found, const float *expected, guint n)
{
  for (guint i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (found[i], expected[i], 1e-6);
}

static void
test_dlstreamer (void)
{
  static const BadFile file = { { "labels", "cat,big dog", "logit_scale", "100.000000", "unknown_threshold", "0.25",
                                  "model", "openai/clip", "prompt", "a {}" },
                                "embeddings",
                                2,
                                { 2, 2 },
                                VLF_TENSOR_F32,
                                0,
                                NULL };
  static const float values[] = { 3, 4, 0, -2 }, unit[] = { 0.6f, 0.8f, 0, -1 };
  g_autoptr (VlfEmbeddings) read = NULL;

  save (&file, values, NULL);
  read = load ();
  g_assert_cmpuint (read->n, ==, 2);
  g_assert_true (read->pooled);
  g_assert_null (read->model);
  g_assert_cmpstr (read->model_name, ==, "openai/clip");
  g_assert_cmpstr (read->texts[1].text, ==, "big dog");
  g_assert_cmpfloat (read->logit_scale, ==, 100);
  g_assert_cmpfloat (read->unknown_threshold, ==, 0.25);
  check_near (read->values, unit, 4);
}

/* The other names of the tensor, halves, no metadata at all. */
static void
test_dlstreamer_bare (void)
{
  static const guint16 halves[] = { 0x4200, 0x4400, 0x0000, 0xc000 }; /* 3, 4, 0, -2 */
  static const float unit[] = { 0.6f, 0.8f, 0, -1 };
  static const char *const names[] = { "embeddings", "label_embeddings", "text_embeddings" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    const BadFile file = { { "unknown_threshold", "-1" }, names[i], 2, { 2, 2 }, VLF_TENSOR_F16, 0, NULL };
    g_autoptr (VlfEmbeddings) read = NULL;

    save (&file, halves, NULL);
    read = load ();
    g_assert_cmpstr (read->texts[0].text, ==, "0");
    g_assert_cmpstr (read->texts[1].text, ==, "1");
    g_assert_true (isnan (read->unknown_threshold) && isnan (read->logit_scale));
    check_near (read->values, unit, 4);
  }
}

static void
test_bad_dlstreamer (void)
{
  static const BadFile files[] = {
    { { "labels", "a,b,c" }, "embeddings", 2, { 2, 4 }, VLF_TENSOR_F32, VLF_ERROR_FORMAT, "expected 2 texts" },
    { { "labels", "a,b", "logit_scale", "ten" },
      "embeddings",
      2,
      { 2, 4 },
      VLF_TENSOR_F32,
      VLF_ERROR_FORMAT,
      "logit_scale: expected a number, found \"ten\"" },
    { { "labels", "a,b", "logit_scale", "-1" }, "embeddings", 2, { 2, 4 }, VLF_TENSOR_F32, VLF_ERROR_RANGE, "above 0" },
    { { "labels", "a,b", "unknown_threshold", "nan" },
      "embeddings",
      2,
      { 2, 4 },
      VLF_TENSOR_F32,
      VLF_ERROR_FORMAT,
      "\"nan\"" },
    { { "labels", "a" }, "embeddings", 3, { 1, 1, 4 }, VLF_TENSOR_F32, VLF_ERROR_RANGE, "found shape [1, 1, 4]" },
    { { "labels", "a" }, "embeddings", 2, { 1, 4 }, VLF_TENSOR_I64, VLF_ERROR_UNSUPPORTED, "found I64" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    save (&files[i], zeros, NULL);
    expect_error (files[i].code, files[i].part);
  }
}

/* More labels than anybody can have cost no more than the file. */
static void
test_many_labels (void)
{
  const gsize many = 12 << 20;
  g_autofree gchar *labels = g_strnfill (many, ',');
  const BadFile file = { { "labels", labels }, "embeddings", 2, { 2, 4 }, VLF_TENSOR_F32, 0, NULL };
  struct rusage before, after;

  save (&file, zeros, NULL);
  getrusage (RUSAGE_SELF, &before);
  expect_error (VLF_ERROR_FORMAT, "metadata labels: expected 2 texts, one for each embedding, found 12582913");
  getrusage (RUSAGE_SELF, &after);
  g_assert_cmpint (after.ru_maxrss - before.ru_maxrss, <,
                   20 * (many >> 10)); /* KiB; one string for each takes 32 bytes or more */
}

/* ---- Hailo's ---- */

static void
test_hailo (void)
{
  static const char json[] =
      "{\"threshold\": 0.5, \"text_prefix\": \"A photo of a \", \"ensemble_template\": [\"a photo of a {}.\"],"
      " \"entries\": [{\"text\": \"cat\", \"embedding\": [3.0, 4], \"negative\": false, \"ensemble\": true},"
      " {\"text\": \"\", \"embedding\": [], \"negative\": false, \"ensemble\": false},"
      " {\"text\": \"desk\", \"embedding\": [0, -2e0], \"negative\": true}]}";
  static const float unit[] = { 0.6f, 0.8f, 0, -1 };
  g_autoptr (VlfEmbeddings) read = NULL;

  put (json, strlen (json));
  read = load ();
  g_assert_cmpuint (read->n, ==, 2);
  g_assert_true (read->pooled);
  g_assert_null (read->model);
  g_assert_cmpuint (read->dim, ==, 2);
  g_assert_cmpstr (read->texts[0].text, ==, "cat");
  g_assert_cmpstr (read->texts[1].text, ==, "desk");
  g_assert_true (read->texts[0].ensemble && !read->texts[0].negative);
  g_assert_true (read->texts[1].negative && !read->texts[1].ensemble);
  g_assert_cmpfloat (read->threshold, ==, 0.5);
  check_near (read->values, unit, 4);
}

static void
test_bad_json (void)
{
  static const struct {
    const char *json;
    gint code;
    const char *part;
  } files[] = {
    { "", VLF_ERROR_FORMAT, "found an empty file" },
    { "no", VLF_ERROR_FORMAT, "expected" },
    { "[1, 2, 3, 4]", VLF_ERROR_FORMAT, "entries: expected an array" },
    { "{\"entries\": 5}", VLF_ERROR_FORMAT, "entries: expected an array" },
    { "{\"entries\": []}", VLF_ERROR_FORMAT, "found none of 0" },
    { "{\"entries\": [{\"text\": \"\", \"embedding\": [1]}]}", VLF_ERROR_FORMAT, "found none of 1" },
    { "{\"entries\": [7]}", VLF_ERROR_FORMAT, "entries[0].text: expected a string, found nothing" },
    { "{\"entries\": [{\"text\": 1, \"embedding\": [1]}]}", VLF_ERROR_FORMAT, "entries[0].text: expected a string" },
    { "{\"entries\": [{\"text\": \"a\"}]}", VLF_ERROR_FORMAT, "entries[0].embedding: expected an array" },
    { "{\"entries\": [{\"text\": \"a\", \"embedding\": []}]}", VLF_ERROR_FORMAT, "entries[0].embedding" },
    { "{\"entries\": [{\"text\": \"a\", \"embedding\": [1, \"2\"]}]}", VLF_ERROR_FORMAT,
      "expected numbers, found a string" },
    { "{\"entries\": [{\"text\": \"a\", \"embedding\": [1]}, {\"text\": \"b\", \"embedding\": [1, 2]}]}",
      VLF_ERROR_RANGE, "entries[1].embedding: expected 1 numbers as before, found 2" },
    { "{\"entries\": [{\"text\": \"a\", \"embedding\": [1e300]}]}", VLF_ERROR_FORMAT, "found an infinite one" },
    { "{\"entries\": [{\"text\": \"a\", \"embedding\": [0, 0]}]}", VLF_ERROR_RANGE, "with a direction" },
    { "{\"entries\": [{\"text\": \"a\", \"embedding\": [NaN]}]}", VLF_ERROR_FORMAT, "expected" },
    { "{\"entries\": [{\"text\": \"a\\u0000b\", \"embedding\": [1]}]}", VLF_ERROR_FORMAT, "text 0: expected UTF-8" },
    { "{\"entries\": [{\"text\": \" \", \"embedding\": [1]}]}", VLF_ERROR_FORMAT, "text 0: expected words" },
    { "{\"entries\": [{\"text\": \"a\", \"embedding\": [1], \"negative\": 1}]}", VLF_ERROR_FORMAT,
      "entries[0].negative" },
    { "{\"entries\": [{\"text\": \"a\", \"embedding\": [1]}], \"threshold\": 2}", VLF_ERROR_RANGE, "threshold" },
    { "{\"entries\": [{\"text\": \"a\", \"embedding\": [1]}], \"threshold\": \"x\"}", VLF_ERROR_RANGE,
      "found a string" },
    { "{\"entries\": [[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]}", VLF_ERROR_RANGE, "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    put (files[i].json, strlen (files[i].json));
    expect_error (files[i].code, files[i].part);
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = folder_new ();
  path = g_build_filename (folder, "texts", NULL);
  g_test_add_func ("/embeddings/pooled", test_pooled);
  g_test_add_func ("/embeddings/tokens", test_tokens);
  g_test_add_func ("/embeddings/unwritable", test_unwritable);
  g_test_add_func ("/embeddings/bad/own", test_bad_own);
  g_test_add_func ("/embeddings/bad/masks", test_bad_masks);
  g_test_add_func ("/embeddings/bad/numbers", test_bad_numbers);
  g_test_add_func ("/embeddings/bad/shown", test_shown);
  g_test_add_func ("/embeddings/bad/truncated", test_truncated);
  g_test_add_func ("/embeddings/dlstreamer", test_dlstreamer);
  g_test_add_func ("/embeddings/dlstreamer/bare", test_dlstreamer_bare);
  g_test_add_func ("/embeddings/bad/dlstreamer", test_bad_dlstreamer);
  g_test_add_func ("/embeddings/bad/many-labels", test_many_labels);
  g_test_add_func ("/embeddings/hailo", test_hailo);
  g_test_add_func ("/embeddings/bad/json", test_bad_json);
  status = g_test_run ();
  g_free (path);
  folder_remove (folder);
  return status;
}
