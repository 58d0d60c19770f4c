/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From tokens back to text, of every kind of vocabulary.
 * Usage: test-decode FOLDER, golden/tokenizer. */
#include "models/tokenizer.h"
#include "tests/folder.h"

static const char *folder;

/* What @text's tokens, without those that the tokenizer adds, read like. */
static void
check (const char *name, const char *model_type, const char *text, const char *expected)
{
  g_autofree gchar *directory = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfTokenizer) tokenizer = vlf_tokenizer_new (directory, model_type, &error);
  g_autoptr (GString) to = g_string_new (NULL);
  g_auto (VlfTokens) tokens = { 0 };

  g_assert_no_error (error);
  vlf_tokenizer_encode (tokenizer, text, -1, 0, &tokens, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < tokens.n; i++)
    if (!tokens.tokens[i].special)
      vlf_tokenizer_append (tokenizer, tokens.tokens[i].id, to);
  g_assert_cmpstr (to->str, ==, expected);
}

/* Bytes come back as they were: spaces, letters of several bytes, what no vocabulary has whole. */
static void
test_bytes (void)
{
  static const char *const texts[] = { "a red circle", "two  spaces,\ttab", "it's \"quoted\"; no?",
                                       "d\xc3\xa9j\xc3\xa0 vu \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    check ("roberta", "bridgetower", texts[i], texts[i]);
}

/* CLIP's words end with a mark, which is a space. */
static void
test_clip (void)
{
  check ("clip", "clip", "a red circle", "a red circle ");
  check ("clip", "clip", "Red,  circle", "red , circle ");
}

/* Pieces join, and marks stand where BERT's decoder puts them. */
static void
test_pieces (void)
{
  check ("bert", "blip", "a red circle, isn't it?", "a red circle, isn ' t it?");
  check ("bert", "blip", "unbelievably", "unbelievably");
}

/* The token's own characters lie where @begin and @end say. */
static void
check_place (const VlfTokenizer *tokenizer, guint id, const GString *text, gsize begin, gsize end)
{
  const char *content = vlf_tokenizer_content (tokenizer, id);
  g_autofree gchar *written = g_strndup (text->str + begin, end - begin);

  g_assert_cmpstr (g_strchug (written), ==, g_str_has_prefix (content, "##") ? content + 2 : content);
}

static void
check_clean_up (const VlfTokenizer *tokenizer, const char *text, const char *expected)
{
  g_autoptr (GString) to = g_string_new (NULL);
  g_auto (VlfTokens) tokens = { 0 };
  gsize ends[32];
  guint n = 0;

  g_assert_true (vlf_tokenizer_encode (tokenizer, text, -1, 0, &tokens, NULL));
  g_assert_cmpuint (tokens.n, <=, G_N_ELEMENTS (ends));
  for (guint i = 0; i < tokens.n; i++)
    if (!tokens.tokens[i].special) {
      vlf_tokenizer_append (tokenizer, tokens.tokens[i].id, to);
      ends[n++] = to->len;
    }
  vlf_tokenizer_clean_up (tokenizer, to, ends, n);
  g_assert_cmpstr (to->str, ==, expected);
  for (guint i = 0; i < n; i++) /* the first token is special */
    check_place (tokenizer, tokens.tokens[i + 1].id, to, i ? ends[i - 1] : 0, ends[i]);
}

/* As transformers 5.23 decodes with and without clean_up_tokenization_spaces. */
static void
test_clean_up (void)
{
  static const char *const texts[][3] = {
    { "a red circle, isn't it?", "a red circle, isn ' t it?", "a red circle, isn't it?" },
    { "the dog's bone", "the dog ' s bone", "the dog's bone" },
    { "it's 'quoted' here", "it ' s ' quoted ' here", "it's'quoted'here" },
    { "dogs'", "dogs '", "dogs '" },
    { "is n't it", "is n ' t it", "isn't it" },
    { "' s", "' s", "' s" },
    { "a ' ' b", "a ' ' b", "a'' b" },
    { "we 've and they're, I'm not", "we ' ve and they ' re, i ' m not", "we've and they're, i'm not" },
    { "had n'two", "had n ' two", "hadn'two" },
    { "don ' t' s . ' . x", "don ' t ' s. '. x", "don't's. '. x" },
  };
  g_autofree gchar *directory = g_build_filename (folder, "bert", NULL);
  gchar *copy = folder_copy (directory);
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfTokenizer) plain = vlf_tokenizer_new (directory, "blip", &error), clean = NULL;

  g_assert_no_error (error);
  folder_put (copy, "tokenizer_config.json", "{\"clean_up_tokenization_spaces\": true}", -1);
  clean = vlf_tokenizer_new (copy, "blip", &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    check_clean_up (plain, texts[i][0], texts[i][1]);
    check_clean_up (clean, texts[i][0], texts[i][2]);
  }
  folder_remove (copy);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc < 2)
    g_error ("usage: test-decode FOLDER");
  folder = argv[1];
  g_test_add_func ("/decode/bytes", test_bytes);
  g_test_add_func ("/decode/clip", test_clip);
  g_test_add_func ("/decode/pieces", test_pieces);
  g_test_add_func ("/decode/clean-up", test_clean_up);
  return g_test_run ();
}
