/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From tokens back to text, of every kind of vocabulary.
 * Usage: test-decode FOLDER, golden/tokenizer. */
#include "models/tokenizer.h"

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
  return g_test_run ();
}
