/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sessions on a small random model: what a result says, and that neither company nor order changes it.
 * Usage: test-session MODEL-FOLDER DEVICE. */
#include <math.h>
#include <string.h>
#include "tests/same.h"
#include "tests/test-session.h"

static const char *folder, *device_name;

VlfModel *
session_model (void)
{
  g_autoptr (GError) error = NULL;
  VlfModelOptions options = { .directory = folder, .device = device_name };
  VlfModel *model = vlf_model_open (&options, &error);

  g_assert_no_error (error);
  return model;
}

VlfText *
session_text (VlfModel *model, const char *prompt)
{
  g_autoptr (GError) error = NULL;
  VlfText *text = vlf_text_new (model, prompt, &error);

  g_assert_no_error (error);
  return text;
}

VlfImage
session_image (guint8 *pixels, guint width, guint height, guint seed)
{
  for (guint i = 0; i < width * height * 3; i++)
    pixels[i] = (guint8) ((i / 3 % width) * 3 + (i / 3 / width) * 5 + (i % 3) * seed * 40);
  return vlf_image_rgb (pixels, width, height);
}

void
session_run (VlfSession *session, const VlfImage *frames, guint n_frames, VlfText *const *texts, guint n_texts,
             VlfResult **results)
{
  g_autoptr (GError) error = NULL;

  vlf_session_run (session, frames, n_frames, texts, n_texts, NULL, results, &error);
  g_assert_no_error (error);
}

static void
test_result (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfText) text = session_text (model, "  a red circle,\nthe\tlarge <star> ");
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  g_autoptr (VlfResult) result = NULL;
  static const char *const words[] = { "a", "red", "circle,", "the", "large", "<star>" };
  guint8 pixels[90 * 70 * 3];
  VlfImage image = session_image (pixels, 90, 70, 1);
  const VlfPromptResult *prompt;
  float total = 0;

  session_run (session, &image, 1, &text, 1, &result);
  g_assert_cmpuint (result->frame_width, ==, 90);
  g_assert_cmpuint (result->n_prompts, ==, 1);
  g_assert_cmpuint (strlen (result->fingerprint), ==, 64);
  prompt = &result->prompts[0];
  g_assert_cmpfloat_with_epsilon (prompt->match, 1 / (1 + exp (-prompt->score)), 1e-12);
  g_assert_cmpuint (prompt->n_words, ==, G_N_ELEMENTS (words));
  for (guint w = 0; w < prompt->n_words; w++) {
    float sum = 0;

    g_assert_cmpstr (prompt->words[w].text, ==, words[w]);
    for (guint i = 0; i < result->rows * result->cols; i++) {
      g_assert_cmpfloat (prompt->words[w].map[i], >=, 0);
      sum += prompt->words[w].map[i];
    }
    g_assert_cmpfloat (sum, >, 0);
    g_assert_cmpfloat (sum, <=, 1 + 1e-5);
    total += prompt->words[w].weight;
  }
  g_assert_cmpfloat_with_epsilon (total, 1, 1e-5);
  g_assert_cmpfloat (prompt->peak_x, >, result->region[0]);
  g_assert_cmpfloat (prompt->peak_x, <, result->region[0] + result->region[2]);
  g_assert_cmpfloat (prompt->peak_y, >, result->region[1]);
  g_assert_cmpfloat (prompt->peak_y, <, result->region[1] + result->region[3]);
}

/* Where most of the model's input is padding, words look there too; what is told is a place in the frame. */
static void
test_peak_in_frame (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfText) text = session_text (model, "a star above three small rings");
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  const VlfRunOptions options = { .fit = VLF_FIT_PAD };
  static const guint sides[][2] = { { 90, 9 }, { 9, 90 }, { 64, 20 }, { 1, 40 }, { 40, 1 } };
  guint outside = 0;

  for (guint i = 0; i < G_N_ELEMENTS (sides); i++) {
    const guint width = sides[i][0], height = sides[i][1];
    g_autofree guint8 *pixels = g_malloc ((gsize) width * height * 3);
    const VlfImage image = session_image (pixels, width, height, i);
    g_autoptr (VlfResult) result = NULL;
    const VlfPromptResult *prompt;
    guint best = 0;
    double y;

    vlf_session_run (session, &image, 1, &text, 1, &options, &result, &error);
    g_assert_no_error (error);
    prompt = &result->prompts[0];
    for (guint c = 1; c < result->rows * result->cols; c++)
      if (prompt->map[c] > prompt->map[best])
        best = c;
    y = result->region[1] + (best / result->cols + 0.5) * result->region[3] / result->rows;
    outside += y < 0 || y > height;
    g_assert_cmpfloat (prompt->peak_x, >=, 0);
    g_assert_cmpfloat (prompt->peak_x, <=, width);
    g_assert_cmpfloat (prompt->peak_y, >=, 0);
    g_assert_cmpfloat (prompt->peak_y, <=, height);
  }
  g_assert_cmpuint (outside, >, 0); /* else this shows nothing */
}

/* A smaller copy of a frame with wide pixels: results count in the frame's own, and padding goes by the shape it is shown in. */
static void
test_frame_of_copy (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfText) text = session_text (model, "a star");
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  g_autoptr (VlfResult) result = NULL;
  guint8 pixels[45 * 70 * 3];
  VlfImage image = session_image (pixels, 45, 70, 1);
  VlfRunOptions options = { .fit = VLF_FIT_PAD };
  guint wide, high, side, other;

  image.frame_width = 90;
  image.frame_height = 140;
  image.pixel_aspect = 2;
  vlf_session_run (session, &image, 1, &text, 1, &options, &result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (result->frame_width, ==, 90);
  g_assert_cmpuint (result->frame_height, ==, 140);
  vlf_model_resized_size (model, 90, 140, 2, VLF_FIT_PAD, &wide, &high);
  vlf_model_resized_size (model, 90, 140, 2, VLF_FIT_SQUASH, &side, &other);
  g_assert_cmpuint (side, ==, other);
  g_assert_cmpuint (wide, ==, side);
  g_assert_cmpfloat_with_epsilon (high, side * 140.0 / 180.0, 1.0);
  g_assert_cmpfloat_with_epsilon (result->region[0], 0, 1e-9);
  g_assert_cmpfloat (result->region[1], <, -140 * 0.1); /* 20 of 140 rows at either end */
  g_assert_cmpfloat (result->region[3], >, 140 * 1.1);  /* of 180, less what no whole patch covers */
}

/* The phrase map is the mean over words that are not stop words. */
static void
test_phrase_map (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfText) text = session_text (model, "the red heart");
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  g_autoptr (VlfResult) result = NULL;
  guint8 pixels[64 * 64 * 3];
  VlfImage image = session_image (pixels, 64, 64, 2);
  const VlfPromptResult *prompt;

  session_run (session, &image, 1, &text, 1, &result);
  prompt = &result->prompts[0];
  for (guint i = 0; i < result->rows * result->cols; i++)
    g_assert_cmpfloat_with_epsilon (prompt->map[i], (prompt->words[1].map[i] + prompt->words[2].map[i]) / 2, 1e-6);
}

static void
test_company_changes_nothing (void)
{
  g_autoptr (VlfModel) model = session_model ();
  static const char *const prompts[] = { "a red circle", "star", "the small square left of the yellow heart",
                                         "something" };
  VlfText *texts[20];
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  guint8 pixels[2][80 * 60 * 3];
  VlfImage frames[2] = { session_image (pixels[0], 80, 60, 1), session_image (pixels[1], 80, 60, 3) };
  VlfResult *together[2], *alone;
  gsize cells;

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    texts[i] = session_text (model, prompts[i % 4]);
  session_run (session, frames, 2, texts, G_N_ELEMENTS (texts), together);
  cells = together[0]->rows * together[0]->cols;
  for (guint f = 0; f < 2; f++)
    for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
      session_run (session, &frames[f], 1, &texts[i], 1, &alone);
      assert_same_prompt (&alone->prompts[0], &together[f]->prompts[i], cells);
      vlf_result_unref (alone);
    }
  g_assert_true (memcmp (together[0]->prompts[0].map, together[1]->prompts[0].map, cells * sizeof (float)) != 0);
  vlf_result_unref (together[0]);
  vlf_result_unref (together[1]);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    vlf_text_unref (texts[i]);
}

/* The text towers run in the pass of the first frame that is asked, and no more after that: not for a second frame, beside a new text,
 * or in another session. When they ran changes nothing. */
static void
test_encoded_once (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfSession) session = vlf_session_new (model, &error), other = vlf_session_new (model, &error),
                         fresh = vlf_session_new (model, &error);
  g_autoptr (VlfText) a = session_text (model, "a red circle"), b = session_text (model, "the large star"),
                      c = session_text (model, "a small blue square left of something"),
                      a2 = session_text (model, "a red circle"),
                      c2 = session_text (model, "a small blue square left of something");
  VlfText *const first[] = { a, b }, *const then[] = { a, c }, *const anew[] = { a2, c2 };
  VlfResult *r[5];
  double done[5] = { 0 };
  guint8 pixels[60 * 40 * 3];
  VlfImage image = session_image (pixels, 60, 40, 1);

  session_run (session, &image, 1, first, 2, &r[0]);
  done[0] = vlf_session_operations (session);
  session_run (session, &image, 1, first, 2, &r[1]);
  done[1] = vlf_session_operations (session) - done[0];
  session_run (session, &image, 1, then, 2, &r[2]);
  done[2] = vlf_session_operations (session) - done[1] - done[0];
  session_run (other, &image, 1, then, 2, &r[3]);
  done[3] = vlf_session_operations (other);
  session_run (fresh, &image, 1, anew, 2, &r[4]);
  done[4] = vlf_session_operations (fresh);

  if (strcmp (device_name, "reference") != 0) { /* which does not count */
    g_assert_cmpfloat (done[1], <, done[3]);    /* nothing of the texts; their first fusion layer alone */
    g_assert_cmpfloat (done[3], <, done[2]);    /* and the tower over c */
    g_assert_cmpfloat (done[2], <, done[4]);    /* and over a */
  }
  for (guint i = 0; i < 2; i++) {
    assert_same_prompt (&r[0]->prompts[i], &r[1]->prompts[i], r[0]->rows * r[0]->cols);
    assert_same_prompt (&r[2]->prompts[i], &r[3]->prompts[i], r[0]->rows * r[0]->cols);
    assert_same_prompt (&r[2]->prompts[i], &r[4]->prompts[i], r[0]->rows * r[0]->cols);
  }
  for (guint i = 0; i < G_N_ELEMENTS (r); i++)
    vlf_result_unref (r[i]);
}

static gint neighbour_stops;

/* Another stream on the same model, with frames and prompts of its own. */
static gpointer
neighbour (gpointer data)
{
  VlfModel *model = data;
  g_autoptr (VlfText) text = session_text (model, "something else that is asked for");
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  guint8 pixels[64 * 48 * 3];
  VlfImage image = session_image (pixels, 64, 48, 5);
  guint runs = 0;

  while (!g_atomic_int_get (&neighbour_stops) || runs == 0) {
    VlfResult *result;

    session_run (session, &image, 1, &text, 1, &result);
    vlf_result_unref (result);
    runs++;
  }
  return NULL;
}

/* The same input gives the same bits, alone and with another stream beside it. */
static void
test_same_bits_beside_another (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfText) text = session_text (model, "a red circle");
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  guint8 pixels[80 * 60 * 3];
  VlfImage image = session_image (pixels, 80, 60, 2);
  VlfResult *alone, *beside;
  GThread *thread;

  session_run (session, &image, 1, &text, 1, &alone);
  g_atomic_int_set (&neighbour_stops, FALSE);
  thread = g_thread_new ("neighbour", neighbour, model);
  for (guint i = 0; i < 10; i++) {
    session_run (session, &image, 1, &text, 1, &beside);
    assert_same_prompt (&alone->prompts[0], &beside->prompts[0], alone->rows * alone->cols);
    vlf_result_unref (beside);
  }
  g_atomic_int_set (&neighbour_stops, TRUE);
  g_thread_join (thread);
  vlf_result_unref (alone);
}

/* @result: of one layer and head, so that what a word of one token looked at is what one query has kept. */
static VlfResult *
run_top_k (VlfSession *session, const VlfImage *image, VlfText *text, guint top_k, VlfReuseMode reuse)
{
  static const gint first[] = { 0 };
  g_autoptr (GError) error = NULL;
  VlfRunOptions options = {
    .layers = first, .n_layers = 1, .heads = first, .n_heads = 1, .attention_top_k = top_k, .reuse = reuse
  };
  VlfResult *result = NULL;

  vlf_session_run (session, image, 1, &text, 1, &options, &result, &error);
  g_assert_no_error (error);
  return result;
}

/* How many cells the word at @w looked at; all of its looks are at most one. */
static guint
count_seen (const VlfResult *result, guint w)
{
  guint n = 0;

  for (guint i = 0; i < result->rows * result->cols; i++)
    n += result->prompts[0].words[w].map[i] > 0;
  return n;
}

static void
test_top_k (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfText) text = session_text (model, "a a star");
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  g_autoptr (VlfResult) plain = NULL, many = NULL, few = NULL, again = NULL, other = NULL;
  guint8 pixels[64 * 64 * 3];
  VlfImage image = session_image (pixels, 64, 64, 2);
  const gsize cells = 16;

  plain = run_top_k (session, &image, text, 0, VLF_REUSE_OFF);
  g_assert_cmpuint (plain->rows * plain->cols, ==, cells);
  g_assert_cmpuint (count_seen (plain, 0), ==, cells);
  many = run_top_k (session, &image, text, 1000, VLF_REUSE_OFF);
  assert_same_prompt (&plain->prompts[0], &many->prompts[0], cells);
  few = run_top_k (session, &image, text, 3, VLF_REUSE_EXACT);
  g_assert_cmpuint (count_seen (few, 0), <=, 3);
  g_assert_cmpuint (count_seen (few, 0), >=, 2); /* the class token may be the third */
  g_assert_cmpfloat (few->prompts[0].score, !=, plain->prompts[0].score);
  again = run_top_k (session, &image, text, 3, VLF_REUSE_EXACT);
  assert_same_prompt (&few->prompts[0], &again->prompts[0], cells);
  g_assert_cmpfloat (again->reused, ==, 1);
  other = run_top_k (session, &image, text, 0, VLF_REUSE_EXACT); /* the same picture, but another question */
  assert_same_prompt (&plain->prompts[0], &other->prompts[0], cells);
}

static void
test_options (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfText) text = session_text (model, "a red circle");
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  guint8 pixels[64 * 64 * 3];
  VlfImage image = session_image (pixels, 64, 64, 2);
  const gint last = -1, beyond = 99;
  VlfRunOptions options = { .layers = &last, .n_layers = 1 };
  VlfResult *whole, *one, *none;

  session_run (session, &image, 1, &text, 1, &whole);
  g_assert_true (vlf_session_run (session, &image, 1, &text, 1, &options, &one, &error));
  g_assert_true (memcmp (whole->prompts[0].map, one->prompts[0].map, sizeof (float)) != 0);
  options.no_maps = TRUE;
  g_assert_true (vlf_session_run (session, &image, 1, &text, 1, &options, &none, &error));
  g_assert_null (none->prompts[0].map);
  g_assert_true (isnan (none->prompts[0].peak_x));
  g_assert_cmpfloat (none->prompts[0].score, ==, whole->prompts[0].score);
  options = (VlfRunOptions){ .heads = &beyond, .n_heads = 1 };
  g_assert_false (vlf_session_run (session, &image, 1, &text, 1, &options, &none, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  vlf_result_unref (whole);
  vlf_result_unref (one);
  vlf_result_unref (none);
}

static void
test_no_texts (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  guint8 pixels[3] = { 1, 2, 3 };
  VlfImage image = session_image (pixels, 1, 1, 1);
  VlfResult *result;

  session_run (session, &image, 1, NULL, 0, &result);
  g_assert_cmpuint (result->n_prompts, ==, 0);
  vlf_result_unref (result);
}

static void
test_prompts (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autofree gchar *long_prompt = g_strnfill (10000, 'x');
  g_autoptr (VlfText) cut = NULL, whole = session_text (model, "a star"), empty = session_text (model, "");
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  g_autoptr (VlfResult) result = NULL;
  guint8 pixels[3] = { 1, 2, 3 };
  VlfImage image = session_image (pixels, 1, 1, 1);

  for (guint i = 1; i < 10000; i += 2)
    long_prompt[i] = ' ';
  cut = session_text (model, long_prompt);
  g_assert_true (vlf_text_truncated (cut));
  g_assert_false (vlf_text_truncated (whole));
  session_run (session, &image, 1, &cut, 1, &result);
  g_assert_cmpuint (result->prompts[0].n_words, >, 10);
  g_assert_cmpuint (result->prompts[0].n_words, <, 1000); /* those that the model read */
  for (guint w = 0; w < result->prompts[0].n_words; w++)
    g_assert_nonnull (result->prompts[0].words[w].map);
  g_assert_null (vlf_text_new (model, "\xff\xfe", &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_FORMAT);
}

/* Bytes on the device while @n prompts are asked. */
static gsize
memory_of_prompts (guint n)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func ((GDestroyNotify) vlf_text_unref);
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  g_autoptr (VlfResult) result = NULL;
  guint8 pixels[3] = { 1, 2, 3 };
  VlfImage image = session_image (pixels, 1, 1, 1);

  for (guint i = 0; i < n; i++) {
    g_autofree gchar *prompt = g_strdup_printf ("star %u above two rings and a heart", i);

    g_ptr_array_add (texts, session_text (model, prompt));
  }
  session_run (session, &image, 1, (VlfText *const *) texts->pdata, n, &result);
  return vlf_model_device_memory (model);
}

/* What texts are encoded with is given back from one group of prompts to the next. Of each, what is kept are 40,000 bytes; its text tower takes
 * 240,000. */
static void
test_many_prompts (void)
{
  const gsize few = memory_of_prompts (32), many = memory_of_prompts (320);

  g_assert_cmpuint ((many - few) / (320 - 32), <, 80000);
}

static void
test_sharing (void)
{
  g_autoptr (VlfModel) a = session_model (), b = session_model ();
  VlfModelOptions all = { .directory = folder, .device = device_name, .all_heads = TRUE };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfModel) c = vlf_model_open (&all, &error);

  g_assert_true (a == b);
  g_assert_true (a != c);
  g_assert_cmpstr (vlf_model_fingerprint (a), ==, vlf_model_fingerprint (c));
}

static gboolean
stop_at_once (double fraction, gpointer calls)
{
  g_assert_cmpfloat (fraction, >=, 0);
  g_assert_cmpfloat (fraction, <=, 1);
  return ++*(guint *) calls < 3;
}

static void
test_cancel (void)
{
  guint calls = 0;
  VlfModelOptions options = { .directory = folder, .device = device_name, .progress = stop_at_once, .user = &calls };
  g_autoptr (GError) error = NULL;

  g_assert_null (vlf_model_open (&options, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc < 3)
    g_error ("usage: test-session MODEL-FOLDER DEVICE");
  folder = argv[1];
  device_name = argv[2];
  g_test_add_func ("/session/cancel", test_cancel);
  g_test_add_func ("/session/result", test_result);
  g_test_add_func ("/session/peak-in-frame", test_peak_in_frame);
  g_test_add_func ("/session/frame-of-copy", test_frame_of_copy);
  g_test_add_func ("/session/phrase-map", test_phrase_map);
  g_test_add_func ("/session/company", test_company_changes_nothing);
  g_test_add_func ("/session/encoded-once", test_encoded_once);
  g_test_add_func ("/session/beside", test_same_bits_beside_another);
  session_add_marks ();
  g_test_add_func ("/session/top-k", test_top_k);
  g_test_add_func ("/session/options", test_options);
  g_test_add_func ("/session/no-texts", test_no_texts);
  g_test_add_func ("/session/prompts", test_prompts);
  g_test_add_func ("/session/many-prompts", test_many_prompts);
  g_test_add_func ("/session/sharing", test_sharing);
  return g_test_run ();
}
