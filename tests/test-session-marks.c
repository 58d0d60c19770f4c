/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prompts with marks: weights of words, words that get nothing, and the words that the map is of. */
#include <math.h>
#include "tests/same.h"
#include "tests/test-session.h"

static VlfText *
encode_marked (VlfModel *model, const char *prompt)
{
  g_autoptr (GError) error = NULL;
  VlfText *text = vlf_text_new_marked (model, prompt, &error);

  g_assert_no_error (error);
  return text;
}

/* What @prompt, marked or not, says about one picture; of the first fusion layer and head alone if @first. */
static VlfResult *
ask (VlfModel *model, VlfText *text, gboolean first)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  guint8 pixels[80 * 60 * 3];
  VlfImage image = session_image (pixels, 80, 60, 2);
  const gint zero = 0;
  VlfRunOptions options = { .layers = &zero, .n_layers = 1, .heads = &zero, .n_heads = 1 };
  VlfResult *result;

  g_assert_true (vlf_session_run (session, &image, 1, &text, 1, first ? &options : NULL, &result, &error));
  vlf_text_unref (text);
  return result;
}

/* Marks that ask for what is anyway change no bit, and the result speaks of the prompt without them. */
static void
test_weight_of_one (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfResult) plain = ask (model, session_text (model, "the red circle"), FALSE);
  g_autoptr (VlfResult) marked = ask (model, encode_marked (model, "the (red:1) circle"), FALSE);
  g_autoptr (VlfResult) focus = ask (model, encode_marked (model, "the [red circle]"), FALSE);

  assert_same_prompt (&plain->prompts[0], &marked->prompts[0], plain->rows * plain->cols);
  assert_same_prompt (&plain->prompts[0], &focus->prompts[0], plain->rows * plain->cols);
}

/* In the first layer nothing else has changed yet: there the weight multiplies the word's share before it is a share. */
static void
test_weights (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfResult) plain = ask (model, session_text (model, "the red circle"), TRUE);
  g_autoptr (VlfResult) marked = ask (model, encode_marked (model, "the (red:3) circle"), TRUE);
  g_autoptr (VlfResult) deeper = ask (model, encode_marked (model, "the (red:3) circle"), FALSE);
  g_autoptr (VlfResult) deep = ask (model, session_text (model, "the red circle"), FALSE);

  for (guint w = 0; w < 3; w++) {
    float before = plain->prompts[0].words[w].weight, red = plain->prompts[0].words[1].weight;

    g_assert_cmpfloat_with_epsilon (marked->prompts[0].words[w].weight, before * (w == 1 ? 3 : 1) / (1 + 2 * red),
                                    1e-5);
  }
  g_assert_true (deep->prompts[0].score != deeper->prompts[0].score);
}

/* A masked word gets nothing at all, in every layer and head; it still looks itself. */
static void
test_mask (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfResult) result = ask (model, encode_marked (model, "the red (circle:0)"), FALSE);
  g_autoptr (VlfResult) all = ask (model, encode_marked (model, "(the red circle:0)"), FALSE);
  const VlfPromptResult *prompt = &result->prompts[0];
  float sum = 0;

  g_assert_true (prompt->words[2].weight == 0);
  g_assert_cmpfloat_with_epsilon (prompt->words[0].weight + prompt->words[1].weight, 1, 1e-6);
  for (guint i = 0; i < result->rows * result->cols; i++)
    sum += prompt->words[2].map[i];
  g_assert_cmpfloat (sum, >, 0);
  g_assert_true (isfinite (all->prompts[0].score));
  g_assert_true (isnan (all->prompts[0].words[0].weight)); /* shares of nothing */
}

static void
test_focus (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfResult) result = ask (model, encode_marked (model, "[the] red circle"), FALSE);
  gsize cells = result->rows * result->cols;

  g_assert_cmpstr (result->prompts[0].text, ==, "the red circle");
  g_assert_cmpmem (result->prompts[0].map, cells * sizeof (float), result->prompts[0].words[0].map,
                   cells * sizeof (float));
}

/* One marked prompt does not change its neighbours in the group. */
static void
test_marked_company (void)
{
  g_autoptr (VlfModel) model = session_model ();
  g_autoptr (VlfText) plain = session_text (model, "a red circle");
  g_autoptr (VlfText) marked = encode_marked (model, "a (red:0.2) circle with more words");
  VlfText *texts[] = { plain, marked };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  g_autoptr (VlfResult) together = NULL;
  g_autoptr (VlfResult) alone = NULL;
  guint8 pixels[80 * 60 * 3];
  VlfImage image = session_image (pixels, 80, 60, 2);

  session_run (session, &image, 1, texts, 2, &together);
  for (guint i = 0; i < 2; i++) {
    g_clear_pointer (&alone, vlf_result_unref);
    session_run (session, &image, 1, &texts[i], 1, &alone);
    assert_same_prompt (&alone->prompts[0], &together->prompts[i], alone->rows * alone->cols);
  }
}

void
session_add_marks (void)
{
  g_test_add_func ("/session/marks/weight-of-one", test_weight_of_one);
  g_test_add_func ("/session/marks/weights", test_weights);
  g_test_add_func ("/session/marks/mask", test_mask);
  g_test_add_func ("/session/marks/focus", test_focus);
  g_test_add_func ("/session/marks/company", test_marked_company);
}
