/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/json.h"
#include "models/result.h"
#include <locale.h>
#include <math.h>
#include <string.h>

/* One prompt of two words on a grid of 1 x 2. */
static VlfResult *
make_result (void)
{
  VlfResult *result = vlf_result_new ();
  VlfPromptResult *prompt;

  result->frame_width = 640;
  result->frame_height = 480;
  result->region[0] = -2.5;
  result->region[1] = 0;
  result->region[2] = 645;
  result->region[3] = 480;
  result->rows = 1;
  result->cols = 2;
  result->model = g_strdup ("tiny");
  result->fingerprint = g_strdup ("00ff");
  result->milliseconds = 12.3;
  result->image_embedding_size = 2;
  result->image_embedding = g_memdup2 ((float[]){ 0.1f, -1.0f }, 2 * sizeof (float));
  result->n_prompts = 1;
  prompt = result->prompts = g_new0 (VlfPromptResult, 1);
  prompt->text = g_strdup ("a \"red\"");
  prompt->match = 1.0 / 3;
  prompt->score = NAN;
  prompt->peak_x = 320.5;
  prompt->peak_y = 240;
  prompt->n_words = 2;
  prompt->words = g_new0 (VlfWordResult, 2);
  prompt->words[0].text = g_strdup ("a");
  prompt->words[0].weight = 0.25f;
  prompt->words[1].text = g_strdup ("\"red\"");
  prompt->words[1].weight = 0.75f;
  prompt->words[1].map = g_memdup2 ((float[]){ 0.5f, 1e-7f }, 2 * sizeof (float));
  prompt->map = g_memdup2 ((float[]){ 0.333333343f, 0 }, 2 * sizeof (float));
  prompt->embedding_size = 3;
  prompt->embedding = g_memdup2 ((float[]){ 1, 65504, -0.5f }, 3 * sizeof (float));
  prompt->embedding_kind = "cross_embeds";
  return result;
}

static gchar *
to_json (const VlfResult *result, const VlfStamp *stamp, VlfJsonMaps maps, VlfJsonEmbeddings embeddings)
{
  GString *to = g_string_new (NULL);

  vlf_result_to_json (result, stamp, maps, embeddings, to);
  return g_string_free (to, FALSE);
}

static void
test_everything (void)
{
  g_autoptr (VlfResult) result = make_result ();
  VlfStamp stamp = { 40000000, 20000000, 20000000, 7, TRUE };
  g_autofree gchar *json = to_json (result, &stamp, VLF_JSON_MAPS_WORDS, VLF_JSON_EMBEDDINGS_LIST);

  g_assert_cmpstr (
      json, ==,
      "{\"pts\":40000000,\"source_pts\":20000000,\"age\":20000000,\"generation\":7,\"carried\":true,\"frame\":[640,480]"
      ","
      "\"region\":[-2.5,0,645,480],\"grid\":[1,2],\"model\":\"tiny\",\"fingerprint\":\"00ff\",\"ms\":12.3,\"reused\":0,"
      "\"image_embedding\":[0.1,-1],"
      "\"prompts\":[{\"text\":\"a \\\"red\\\"\",\"match\":0.3333333333333333,\"score\":null,\"peak\":[320.5,240],"
      "\"words\":[{\"text\":\"a\",\"weight\":0.25,\"map\":null},{\"text\":\"\\\"red\\\"\",\"weight\":0.75,\"map\":[[0."
      "5,1e-07]]}],"
      "\"map\":[[0.33333334,0]],\"embedding\":[1,65504,-0.5],\"embedding_kind\":\"cross_embeds\"}]}");
}

static void
test_less (void)
{
  g_autoptr (VlfResult) result = make_result ();
  g_autofree gchar *phrase = to_json (result, NULL, VLF_JSON_MAPS_PHRASE, VLF_JSON_EMBEDDINGS_BASE64_F16);
  g_autofree gchar *none = to_json (result, NULL, VLF_JSON_MAPS_NONE, VLF_JSON_EMBEDDINGS_NONE);

  g_assert_nonnull (
      strstr (phrase, "\"weight\":0.75,\"map\":null}],\"map\":[[0.33333334,0]],\"embedding\":\"ADz/ewC4\","));
  g_assert_nonnull (strstr (none, "\"image_embedding\":null,"));
  g_assert_nonnull (strstr (none, "}],\"map\":null,\"embedding\":null,\"embedding_kind\":\"cross_embeds\"}]}"));
  g_assert_true (
      g_str_has_prefix (none, "{\"pts\":null,\"source_pts\":null,\"age\":null,\"generation\":null,\"carried\":null,"));
}

static void
test_nothing (void)
{
  VlfStamp stamp = { 5, G_MAXUINT64, G_MAXUINT64, 0, FALSE };
  g_autofree gchar *json = to_json (NULL, &stamp, VLF_JSON_MAPS_WORDS, VLF_JSON_EMBEDDINGS_LIST);
  g_autoptr (VlfResult) empty = vlf_result_new ();
  g_autofree gchar *no_prompts = to_json (empty, NULL, VLF_JSON_MAPS_WORDS, VLF_JSON_EMBEDDINGS_LIST);

  g_assert_cmpstr (
      json, ==,
      "{\"pts\":5,\"source_pts\":null,\"age\":null,\"generation\":0,\"carried\":false,\"frame\":null,\"region\":null,"
      "\"grid\":null,\"model\":null,\"fingerprint\":null,\"ms\":null,\"reused\":null,\"image_embedding\":null,"
      "\"prompts\":[]}");
  g_assert_true (g_str_has_suffix (no_prompts, "\"image_embedding\":null,\"prompts\":[]}"));
}

/* Whatever numbers and texts there are, the line is JSON and reads back exactly. */
static void
test_round_trip (void)
{
  g_autoptr (VlfResult) result = make_result ();
  VlfPromptResult *prompt = &result->prompts[0];
  const guint n = 2000;
  g_autofree gchar *json = NULL;
  g_autoptr (VlfJson) root = NULL;
  const VlfJson *read, *value;
  guint i = 0;

  g_free (prompt->embedding);
  prompt->embedding = g_new (float, n);
  prompt->embedding_size = n;
  for (guint k = 0; k < n; k++) {
    guint32 bits = (guint32) g_test_rand_int ();
    memcpy (&prompt->embedding[k], &bits, sizeof bits);
  }
  g_free (prompt->text);
  prompt->text = g_strdup ("line\nbreak \x01\x7f \xff \xe7\xba\xa2 \xf0\x9f\x94\xb4 \\");
  prompt->match = 0.1 + 0.2;
  prompt->peak_x = NAN;
  result->milliseconds = INFINITY;
  json = to_json (result, NULL, VLF_JSON_MAPS_WORDS, VLF_JSON_EMBEDDINGS_LIST);
  g_assert_null (strchr (json, '\n'));
  root = vlf_json_parse (json, strlen (json), NULL, NULL);
  read = vlf_json_first (vlf_json_get (root, "prompts"));
  g_assert_true (
      vlf_json_is (vlf_json_get (read, "text"), "line\nbreak \x01\x7f \xef\xbf\xbd \xe7\xba\xa2 \xf0\x9f\x94\xb4 \\"));
  g_assert_cmpint (vlf_json_type (vlf_json_get (read, "peak")), ==, VLF_JSON_NULL);
  g_assert_cmpint (vlf_json_type (vlf_json_get (root, "ms")), ==, VLF_JSON_NULL);
  for (value = vlf_json_first (vlf_json_get (read, "embedding")); value; value = vlf_json_next (value), i++) {
    double number;

    if (isfinite (prompt->embedding[i]))
      g_assert_true (vlf_json_double (value, &number) && (float) number == prompt->embedding[i]);
    else
      g_assert_cmpint (vlf_json_type (value), ==, VLF_JSON_NULL);
  }
  g_assert_cmpuint (i, ==, n);
}

typedef struct {
  const gchar *definition, *folder; /* of locale "comma", for localedef */
} Comma;

/* localedef complains about what is not in the definition, and makes it all the same; without Debian's package locales it cannot. */
static gboolean
make_locale (const Comma *comma)
{
  g_autofree gchar *made = g_build_filename (comma->folder, "comma", NULL);
  g_autofree gchar *numbers = g_build_filename (made, "LC_NUMERIC", NULL);
  const gchar *argv[] = { "localedef", "-c", "--no-archive", "-i", comma->definition, made, NULL };

  g_spawn_sync (NULL, (gchar **) argv, NULL,
                G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                NULL, NULL);
  return g_file_test (numbers, G_FILE_TEST_EXISTS);
}

/* Some locales write a comma where JSON wants a point: those that are installed are tried, and one made here. */
static void
test_locale (gconstpointer data)
{
  static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "tr_TR.UTF-8", "ar_SA.UTF-8", "de_DE.utf8" };
  const Comma *comma = data;
  guint tried = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    if (!setlocale (LC_ALL, names[i]))
      continue;
    tried++;
    test_everything ();
  }
  if (make_locale (comma)) {
    g_setenv ("LOCPATH", comma->folder, TRUE);
    g_assert_nonnull (setlocale (LC_NUMERIC, "comma"));
    g_assert_cmpstr (localeconv ()->decimal_point, ==, ",");
    tried++;
    test_everything ();
  }
  setlocale (LC_ALL, "C");
  if (tried == 0)
    g_test_skip (
        "no locale with a decimal comma is installed, and localedef cannot make one (Debian: package locales)");
}

int
main (int argc, char **argv)
{
  Comma comma;

  g_test_init (&argc, &argv, NULL);
  if (argc != 3) {
    g_printerr ("usage: test-result LOCALE-DEFINITION FOLDER-TO-MAKE-IT-IN\n");
    return 2;
  }
  comma = (Comma){ .definition = argv[1], .folder = argv[2] };
  g_test_add_func ("/result/everything", test_everything);
  g_test_add_func ("/result/less", test_less);
  g_test_add_func ("/result/nothing", test_nothing);
  g_test_add_func ("/result/round-trip", test_round_trip);
  g_test_add_data_func ("/result/locale", &comma, test_locale);
  return g_test_run ();
}
