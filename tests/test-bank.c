/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Banks, reranking, ensembles and negatives: numbers are transformers', order and company change nothing.
 * Usage: test-bank GOLDEN-FOLDER DEVICE. */
#include "models/bank.h"
#include "tests/picture.h"
#include "tests/same.h"
#include <math.h>
#include <string.h>

static const char *folder, *device_name;

/* A case of golden/retrieval, opened. */
typedef struct {
  gchar *directory;
  VlfModel *model;
  VlfSession *session;
  VlfBank *bank;
  guint8 *pixels;
  VlfImage image;
  guint n;
  gchar **texts;  /* [n] */
  double *cosine; /* [n] */
  double *score;  /* [n] of the matching head */
} Case;

static const struct {
  const char *name, *model;
} cases[] = { { "clip-openai", "clip/openai" },
              { "clip-open_clip", "clip/open_clip" },
              { "blip", "blip/retrieval" },
              { "bridgetower", "bridgetower/contrastive" } };

static gchar **
read_lines (const Case *c, const char *file)
{
  g_autofree gchar *path = g_build_filename (c->directory, file, NULL), *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return g_strsplit (g_strchomp (text), "\n", 0);
}

static void
read_texts (Case *c)
{
  g_auto (GStrv) lines = read_lines (c, "texts.txt");

  c->n = g_strv_length (lines);
  c->texts = g_new0 (gchar *, c->n + 1);
  c->cosine = g_new (double, c->n);
  c->score = g_new (double, c->n);
  for (guint i = 0; i < c->n; i++) {
    g_auto (GStrv) parts = g_strsplit (lines[i], "\t", 0);

    c->texts[i] = g_strdup (parts[0]);
    c->cosine[i] = g_ascii_strtod (parts[1], NULL);
    c->score[i] = g_ascii_strtod (parts[2], NULL);
  }
}

static void
case_open (Case *c, guint which)
{
  g_autofree gchar *model = g_build_filename (folder, cases[which].model, "model", NULL);
  VlfModelOptions options = { .directory = model, .device = device_name };
  g_autofree gchar *picture = NULL, *bank = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;

  c->directory = g_build_filename (folder, "retrieval", cases[which].name, NULL);
  picture = g_build_filename (c->directory, "picture.rgb", NULL);
  bank = g_build_filename (c->directory, "bank.safetensors", NULL);
  c->model = vlf_model_open (&options, &error);
  g_assert_no_error (error);
  c->session = vlf_session_new (c->model, &error);
  g_assert_no_error (error);
  c->bank = vlf_bank_load (c->model, bank, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (picture, (gchar **) &c->pixels, &size, NULL));
  c->image = picture_of (c->pixels, size);
  read_texts (c);
  g_assert_cmpuint (vlf_bank_size (c->bank), ==, c->n);
}

static void
case_clear (Case *c)
{
  vlf_bank_unref (c->bank);
  vlf_session_free (c->session);
  vlf_model_unref (c->model);
  g_strfreev (c->texts);
  g_free (c->cosine);
  g_free (c->score);
  g_free (c->pixels);
  g_free (c->directory);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Case, case_clear)

static VlfResult *
look (Case *c, VlfText *const *texts, guint n_texts, VlfRunOptions options)
{
  g_autoptr (GError) error = NULL;
  VlfResult *result = NULL;

  options.fit = VLF_FIT_SQUASH;
  vlf_session_run (c->session, &c->image, 1, texts, n_texts, &options, &result, &error);
  g_assert_no_error (error);
  return result;
}

/* How many texts of the bank are better than text @i. */
static guint
rank_of (const Case *c, guint i)
{
  guint rank = 0;

  for (guint j = 0; j < c->n; j++)
    rank += c->cosine[j] > c->cosine[i];
  return rank;
}

/* The best texts by their embeddings, with transformers' cosines and, where two towers are all there is, probabilities. */
static void
test_best (gconstpointer data)
{
  g_auto (Case) c = { 0 };
  g_autoptr (VlfResult) result = NULL;
  gboolean clip = g_str_has_prefix (cases[GPOINTER_TO_UINT (data)].name, "clip");
  double sum = 0;

  case_open (&c, GPOINTER_TO_UINT (data));
  result = look (&c, NULL, 0, (VlfRunOptions){ .bank = c.bank, .bank_results = 10 });
  g_assert_cmpuint (result->n_prompts, ==, 10);
  for (guint i = 0; i < 10; i++) {
    const VlfPromptResult *hit = &result->prompts[i];

    g_assert_true (hit->retrieved);
    g_assert_cmpuint (rank_of (&c, hit->bank_index), ==, i);
    g_assert_cmpstr (hit->text, ==, c.texts[hit->bank_index]);
    g_assert_cmpfloat_with_epsilon (hit->similarity, c.cosine[hit->bank_index], 1e-4);
    g_assert_cmpfloat (hit->score, ==, hit->similarity);
    g_assert_true (isnan (hit->match) == !clip);
    g_assert_null (hit->map);
  }
  g_clear_pointer (&result, vlf_result_unref);
  result = look (&c, NULL, 0, (VlfRunOptions){ .bank = c.bank, .bank_results = 1000 });
  g_assert_cmpuint (result->n_prompts, ==, c.n);
  for (guint i = 0; i < c.n; i++)
    sum += result->prompts[i].match;
  if (clip)
    g_assert_cmpfloat_with_epsilon (sum, 1, 1e-5);
}

/* The best are asked in full: the very bits of the same text as a prompt, in the order of the match. */
static void
test_rerank (gconstpointer data)
{
  g_auto (Case) c = { 0 };
  g_autoptr (VlfText) asked = NULL;
  g_autoptr (VlfResult) result = NULL;
  g_autoptr (GError) error = NULL;

  case_open (&c, GPOINTER_TO_UINT (data));
  asked = vlf_text_new (c.model, "a red circle", &error);
  result = look (&c, &asked, 1, (VlfRunOptions){ .bank = c.bank, .bank_results = 20, .rerank = 18 });
  g_assert_cmpuint (result->n_prompts, ==, 21);
  g_assert_false (result->prompts[0].retrieved);
  for (guint i = 1; i <= 20; i++) {
    const VlfPromptResult *hit = &result->prompts[i];

    g_assert_true (hit->retrieved);
    g_assert_cmpfloat_with_epsilon (hit->similarity, c.cosine[hit->bank_index], 1e-4);
    if (i > 18) { /* beyond those that were reranked: as they were found */
      g_assert_cmpuint (rank_of (&c, hit->bank_index), ==, i - 1);
      g_assert_null (hit->map);
      continue;
    }
    g_assert_cmpuint (rank_of (&c, hit->bank_index), <, 18);
    g_assert_cmpfloat_with_epsilon (hit->score, c.score[hit->bank_index], 1e-3);
    g_assert_cmpfloat_with_epsilon (hit->match, 1 / (1 + exp (-hit->score)), 1e-12);
    g_assert_true (i == 1 || result->prompts[i - 1].score >= hit->score);
    g_assert_nonnull (hit->map);
  }
  for (guint i = 1; i <= 18; i += 5) {
    g_autoptr (VlfText) text = vlf_text_new (c.model, result->prompts[i].text, &error);
    g_autoptr (VlfResult) alone = look (&c, &text, 1, (VlfRunOptions){ 0 });

    assert_same_prompt (&result->prompts[i], &alone->prompts[0], result->rows * result->cols);
  }
}

/* Fewer results than were reranked: the best of those. Both lists change from one frame to the next. */
static void
test_rerank_few (gconstpointer data)
{
  g_auto (Case) c = { 0 };
  g_autoptr (VlfResult) few = NULL, many = NULL;
  VlfResult *both[2];
  VlfImage images[2];
  VlfRunOptions options = { .fit = VLF_FIT_SQUASH, .rerank = 12, .bank_results = 3 };
  g_autofree guint8 *other = NULL;
  g_autoptr (GError) error = NULL;

  case_open (&c, GPOINTER_TO_UINT (data));
  options.bank = c.bank;
  other = g_memdup2 (c.pixels, c.image.planes[0].size);
  for (gsize i = 0; i < c.image.planes[0].size; i++)
    other[i] = (guint8) (255 - other[i]);
  images[0] = picture_of (other, c.image.planes[0].size);
  images[1] = c.image;
  few = look (&c, NULL, 0, options);
  g_assert_cmpuint (few->n_prompts, ==, 3);
  many = look (&c, NULL, 0, (VlfRunOptions){ .bank = c.bank, .rerank = 12, .bank_results = 12 });
  for (guint i = 0; i < 3; i++)
    assert_same_prompt (&few->prompts[i], &many->prompts[i], few->rows * few->cols);
  g_assert_true (vlf_session_run (c.session, images, 2, NULL, 0, &options, both, &error));
  g_assert_true (strcmp (both[0]->prompts[0].text, both[1]->prompts[0].text) != 0 ||
                 both[0]->prompts[0].score != both[1]->prompts[0].score);
  for (guint i = 0; i < 3; i++)
    assert_same_prompt (&few->prompts[i], &both[1]->prompts[i], few->rows * few->cols);
  vlf_result_unref (both[0]);
  vlf_result_unref (both[1]);
}

/* The text as its model embeds it alone is what transformers put into the bank. */
static void
test_embed (gconstpointer data)
{
  g_auto (Case) c = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree float *rows = NULL;
  g_autoptr (VlfBank) own = NULL;
  g_autoptr (VlfResult) theirs = NULL, ours = NULL;
  guint size;

  case_open (&c, GPOINTER_TO_UINT (data));
  size = vlf_model_embedding_size (c.model);
  rows = g_new (float, c.n *size);
  for (guint i = 0; i < c.n; i++)
    g_assert_true (vlf_model_embed_text (c.model, c.texts[i], rows + (gsize) i * size, NULL, &error));
  own = vlf_bank_new (c.model, rows, c.n, size, (const char *const *) c.texts, &error);
  g_assert_no_error (error);
  theirs = look (&c, NULL, 0, (VlfRunOptions){ .bank = c.bank, .bank_results = 10 });
  ours = look (&c, NULL, 0, (VlfRunOptions){ .bank = own, .bank_results = 10 });
  for (guint i = 0; i < 10; i++) {
    g_assert_cmpuint (theirs->prompts[i].bank_index, ==, ours->prompts[i].bank_index);
    g_assert_cmpfloat_with_epsilon (theirs->prompts[i].similarity, ours->prompts[i].similarity, 1e-4);
  }
}

/* ---- templates and negatives ---- */

typedef struct {
  GPtrArray *templates; /* strings */
  VlfText *prompts[8], *negatives[8];
  double score[8], match[8]; /* of the prompts */
  guint n_prompts, n_negatives;
} ZeroShot;

static void
zero_shot_open (ZeroShot *z, Case *c)
{
  g_auto (GStrv) lines = read_lines (c, "zeroshot.txt");

  z->templates = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; lines[i]; i++) {
    g_auto (GStrv) parts = g_strsplit (lines[i], "\t", 0);
    g_autoptr (GError) error = NULL;
    VlfText *text;

    if (g_str_equal (parts[0], "template")) {
      g_ptr_array_add (z->templates, g_strdup (parts[1]));
      continue;
    }
    text = vlf_text_new_ensemble (c->model, parts[1], (const char *const *) z->templates->pdata, z->templates->len,
                                  &error);
    g_assert_no_error (error);
    if (g_str_equal (parts[0], "negative")) {
      z->negatives[z->n_negatives++] = text;
      continue;
    }
    z->score[z->n_prompts] = g_ascii_strtod (parts[2], NULL);
    z->match[z->n_prompts] = g_ascii_strtod (parts[3], NULL);
    z->prompts[z->n_prompts++] = text;
  }
}

static void
zero_shot_clear (ZeroShot *z)
{
  for (guint i = 0; i < z->n_prompts; i++)
    vlf_text_unref (z->prompts[i]);
  for (guint i = 0; i < z->n_negatives; i++)
    vlf_text_unref (z->negatives[i]);
  g_ptr_array_unref (z->templates);
}

/* What the result says the frame shows, with a cosine that has to be reached. */
static gint
best_of (Case *c, const ZeroShot *z, guint n_prompts, guint n_negatives, double threshold)
{
  g_autoptr (VlfResult) result =
      look (c, z->prompts, n_prompts,
            (VlfRunOptions){
                .negatives = z->negatives, .n_negatives = n_negatives, .judge = TRUE, .unknown_threshold = threshold });

  g_assert_true (result->judged);
  g_assert_cmpuint (result->n_prompts, ==, n_prompts);
  return result->best;
}

static void
test_zero_shot (gconstpointer data)
{
  g_auto (Case) c = { 0 };
  ZeroShot z = { 0 };
  g_autoptr (VlfResult) result = NULL, plain = NULL;
  guint best = 0;

  case_open (&c, GPOINTER_TO_UINT (data));
  zero_shot_open (&z, &c);
  result = look (&c, z.prompts, z.n_prompts, (VlfRunOptions){ .negatives = z.negatives, .n_negatives = z.n_negatives });
  g_assert_cmpuint (result->n_prompts, ==, z.n_prompts);
  for (guint i = 0; i < z.n_prompts; i++) {
    g_assert_cmpstr (result->prompts[i].text, ==, vlf_text_prompt (z.prompts[i]));
    g_assert_cmpfloat_with_epsilon (result->prompts[i].score, z.score[i], 1e-4);
    g_assert_cmpfloat_with_epsilon (result->prompts[i].match, z.match[i], 1e-3);
    g_assert_nonnull (result->prompts[i].map);
    best = z.score[i] > z.score[best] ? i : best;
  }
  plain = look (&c, z.prompts, z.n_prompts, (VlfRunOptions){ 0 });
  g_assert_false (plain->judged);
  g_assert_cmpfloat (plain->prompts[best].match, >, result->prompts[best].match);
  g_assert_cmpint (best_of (&c, &z, z.n_prompts, 0, z.score[best] - 0.001), ==, (gint) best);
  g_assert_cmpint (best_of (&c, &z, z.n_prompts, 0, z.score[best] + 0.001), ==, -1);
  g_assert_cmpint (best_of (&c, &z, 1, 0, z.score[0] - 0.001), ==, 0); /* one alone has a score too */
  zero_shot_clear (&z);
}

/* A negative that is the very prompt, but asked first, or far better than it: then the frame shows none of the prompts. */
static void
test_negative_wins (gconstpointer data)
{
  g_auto (Case) c = { 0 };
  ZeroShot z = { 0 };
  VlfText *swapped[8];
  guint n = 0, best = 0;
  g_autoptr (VlfResult) result = NULL;

  case_open (&c, GPOINTER_TO_UINT (data));
  zero_shot_open (&z, &c);
  for (guint i = 0; i < z.n_prompts; i++)
    best = z.score[i] > z.score[best] ? i : best;
  for (guint i = 0; i < z.n_prompts; i++)
    if (i != best)
      swapped[n++] = z.prompts[i];
  result = look (&c, swapped, n, (VlfRunOptions){ .negatives = &z.prompts[best], .n_negatives = 1 });
  g_assert_true (result->judged);
  g_assert_cmpint (result->best, ==, -1);
  zero_shot_clear (&z);
}

/* ---- refusals and choosing ---- */

static void
assert_refused (Case *c, VlfRunOptions options, gint code, const char *part)
{
  g_autoptr (GError) error = NULL;
  VlfResult *result = NULL;

  g_assert_false (vlf_session_run (c->session, &c->image, 1, NULL, 0, &options, &result, &error));
  g_assert_error (error, VLF_ERROR, code);
  g_assert_nonnull (strstr (error->message, part));
}

static void
test_refused (void)
{
  g_auto (Case) clip = { 0 }, blip = { 0 };
  const char *const one[] = { "a photo of a cat" }, *const text[] = { "x" }, *const bytes[] = { "\xff" };
  g_autofree float *row = NULL;
  g_autoptr (GError) error = NULL;

  case_open (&clip, 0);
  case_open (&blip, 2);
  assert_refused (&clip, (VlfRunOptions){ .bank = clip.bank, .rerank = 3 }, VLF_ERROR_UNSUPPORTED, "rerank");
  assert_refused (&blip, (VlfRunOptions){ .bank = clip.bank, .bank_results = 3 }, VLF_ERROR_RANGE, "another model");
  assert_refused (&blip, (VlfRunOptions){ .judge = TRUE }, VLF_ERROR_UNSUPPORTED, "unknown-threshold");
  g_assert_null (vlf_text_new_ensemble (clip.model, "cat", one, 1, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_clear_error (&error);
  g_assert_null (vlf_text_new_ensemble (blip.model, "cat", one, 1, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  row = g_new0 (float, 64);
  g_assert_null (vlf_bank_new (clip.model, row, 1, vlf_model_embedding_size (clip.model), text, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_FORMAT);
  g_clear_error (&error);
  row[0] = NAN;
  g_assert_null (vlf_bank_new (clip.model, row, 1, vlf_model_embedding_size (clip.model), text, &error));
  g_clear_error (&error);
  row[0] = 1;
  g_assert_null (vlf_bank_new (clip.model, row, 1, 7, text, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_clear_error (&error);
  g_assert_null (vlf_bank_new (clip.model, row, 0, vlf_model_embedding_size (clip.model), text, &error));
  g_clear_error (&error);
  g_assert_null (vlf_bank_new (clip.model, row, 1, vlf_model_embedding_size (clip.model), bytes, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_FORMAT);
}

static void
test_choose (void)
{
  g_autofree float *scores = g_new (float, 5000);
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  guint best[5000];

  for (guint round = 0; round < 50; round++) {
    guint n = 1 + (guint) g_rand_int_range (random, 0, round < 25 ? 8 : 5000),
          k = 1 + (guint) g_rand_int_range (random, 0, (gint) n);

    for (guint i = 0; i < n; i++) /* many are equal, some are no numbers */
      scores[i] = g_rand_int_range (random, 0, 20) ? (float) g_rand_int_range (random, 0, 50) : NAN;
    vlf_bank_choose (scores, n, k, best);
    for (guint i = 0; i < k; i++) {
      guint rank = 0;

      for (guint j = 0; j < n; j++)
        rank += isnan (scores[best[i]]) ? !isnan (scores[j]) || j < best[i]
                                        : scores[j] > scores[best[i]] || (scores[j] == scores[best[i]] && j < best[i]);
      g_assert_cmpuint (rank, ==, i);
    }
  }
}

static void
add (const char *name, guint which, GTestDataFunc function)
{
  g_autofree gchar *path = g_strdup_printf ("/bank/%s/%s", name, cases[which].name);

  g_test_add_data_func (path, GUINT_TO_POINTER (which), function);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc < 3)
    g_error ("usage: test-bank GOLDEN-FOLDER DEVICE");
  folder = argv[1];
  device_name = argv[2];
  g_test_add_func ("/bank/choose", test_choose);
  g_test_add_func ("/bank/refused", test_refused);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    add ("best", i, test_best);
    add ("embed", i, test_embed);
    add (i < 2 ? "zero-shot" : "rerank", i, i < 2 ? test_zero_shot : test_rerank);
    add (i < 2 ? "negative" : "few", i, i < 2 ? test_negative_wins : test_rerank_few);
  }
  return g_test_run ();
}
