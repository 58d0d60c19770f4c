/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Usage: test-tokenizer FOLDER (golden/tokenizer, made by generate_tokenizer.py): texts to ids exactly as
 * transformers has them. */
#include <string.h>
#include "models/json.h"
#include "models/tokenizer.h"
#include "tests/folder.h"

static const char *folder;

/* --- golden --- */

static gchar *
read_file (const char *where, const char *name)
{
  g_autofree gchar *path = g_build_filename (folder, where, name, NULL);
  g_autoptr (GError) error = NULL;
  gchar *text;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static VlfJson *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  VlfJson *json = vlf_json_parse (text, strlen (text), NULL, &error);

  g_assert_no_error (error);
  return json;
}

static VlfTokenizer *
open_case (const char *name, const char *model_type)
{
  g_autofree gchar *dir = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;
  VlfTokenizer *tokenizer = vlf_tokenizer_new (dir, model_type, &error);

  g_assert_no_error (error);
  return tokenizer;
}

static guint
number (const VlfJson *object, const char *key)
{
  guint64 value;

  g_assert_true (vlf_json_uint (vlf_json_get (object, key), &value));
  return (guint) value;
}

/* "[0,5,2]", as the files have it. */
static gchar *
ids_text (const VlfTokens *tokens, char open, char close)
{
  GString *text = g_string_new (NULL);

  if (open)
    g_string_append_c (text, open);
  for (guint i = 0; i < tokens->n; i++)
    g_string_append_printf (text, "%s%u", i ? "," : "", tokens->tokens[i].id);
  if (close)
    g_string_append_c (text, close);
  return g_string_free (text, FALSE);
}

static gchar *
offsets_text (const VlfTokens *tokens)
{
  GString *text = g_string_new ("[");

  for (guint i = 0; i < tokens->n; i++) {
    const VlfToken *token = &tokens->tokens[i];
    gboolean some = token->begin < token->end;

    g_string_append_printf (text, "%s%u,%u", i ? "," : "", some ? token->begin : 0, some ? token->end : 0);
  }
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

static VlfTokens
encode (const VlfTokenizer *tokenizer, const char *text, gsize length, guint max_length)
{
  g_autoptr (GError) error = NULL;
  /* A copy of the exact size, so that a sanitizer sees a read beyond it. */
  g_autofree gchar *copy = g_malloc (length ? length : 1);
  VlfTokens tokens;

  memcpy (copy, text, length);
  vlf_tokenizer_encode (tokenizer, copy, (gssize) length, max_length, &tokens, &error);
  g_assert_no_error (error);
  return tokens;
}

static void
check_texts (const VlfTokenizer *tokenizer, const char *name, const VlfJson *facts)
{
  g_autofree gchar *texts = read_file (".", "texts.jsonl"), *ids = read_file (name, "ids.txt");
  guint step = number (facts, "step"), every = number (facts, "offsets"), checked = 0, at = 0;
  g_autofree gchar *offsets = every ? read_file (name, "offsets.txt") : g_strdup ("");
  g_auto (GStrv) lines = g_strsplit (texts, "\n", -1), id_lines = g_strsplit (ids, "\n", -1);
  g_auto (GStrv) offset_lines = g_strsplit (offsets, "\n", -1);

  guint n = g_strv_length (lines) - 1; /* the last line ends, too */

  for (guint i = 0; i < n; i += step, at++) {
    g_autoptr (VlfJson) json = parse (lines[i]);
    gsize length;
    const char *text = vlf_json_string (json, &length);
    g_auto (VlfTokens) tokens = encode (tokenizer, text, length, 0);
    g_autofree gchar *found = ids_text (&tokens, '[', ']'), *places = offsets_text (&tokens);

    if (strcmp (found, id_lines[at]) != 0)
      g_error ("%s: %s: expected %s, found %s", name, lines[i], id_lines[at], found);
    if (every && at % every == 0 && strcmp (offset_lines[at / every], "null") != 0) {
      if (strcmp (places, offset_lines[at / every]) != 0)
        g_error ("%s: %s: expected bytes %s, found %s", name, lines[i], offset_lines[at / every], places);
      checked++;
    }
    g_assert_false (tokens.truncated);
  }
  g_assert_cmpuint (at, ==, g_strv_length (id_lines) - 1);
  g_assert_cmpuint (at, >, 300);
  g_assert_true (!every || checked > 200);
}

static void
check_long (const VlfTokenizer *tokenizer, const VlfJson *facts)
{
  for (const VlfJson *entry = vlf_json_first (vlf_json_get (facts, "long")); entry; entry = vlf_json_next (entry)) {
    const char *unit = vlf_json_string (vlf_json_get (entry, "unit"), NULL);
    GString *text = g_string_new (NULL);
    g_auto (VlfTokens) tokens = { 0 };
    g_autofree gchar *ids = NULL, *sum = NULL;

    for (guint i = number (entry, "times"); i > 0; i--)
      g_string_append (text, unit);
    tokens = encode (tokenizer, text->str, text->len, 0);
    g_assert_cmpuint (tokens.n, ==, number (entry, "n"));
    ids = ids_text (&tokens, 0, 0);
    sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, ids, -1);
    g_assert_cmpstr (sum, ==, vlf_json_string (vlf_json_get (entry, "sha256"), NULL));
    g_string_free (text, TRUE);
  }
}

/* The first texts of the generator's corpus, cut to 3, 4, 10 and 1000 tokens. */
static void
check_cut (const VlfTokenizer *tokenizer, const VlfJson *facts)
{
  static const char *const texts[] = {
    "A red circle above the blue square. A large striped star left of the small yellow heart.",
    "Something green below the purple triangle, the dotted ring and the white cross; is there a black diamond?",
    "A dog on the beach with a man who doesn't see it's raining. They're sleeping, we've seen, I'm sure he'd say "
    "she'll come.",
  };
  static const guint lengths[] = { 3, 4, 10, 1000 };
  const VlfJson *row = vlf_json_first (vlf_json_get (facts, "cut"));

  for (guint i = 0; row; row = vlf_json_next (row), i++) {
    const char *text = texts[i / G_N_ELEMENTS (lengths)];
    guint length = lengths[i % G_N_ELEMENTS (lengths)];
    g_auto (VlfTokens) tokens = encode (tokenizer, text, strlen (text), length);
    g_autofree gchar *found = ids_text (&tokens, '[', ']');
    GString *expected = g_string_new (NULL);

    vlf_json_canonical (row, expected);
    g_assert_cmpstr (found, ==, expected->str);
    g_assert_cmpint (tokens.truncated, ==, length < 1000);
    g_string_free (expected, TRUE);
  }
}

static void
check_facts (const VlfTokenizer *tokenizer, const VlfJson *facts)
{
  static const char *const roles[] = { [VLF_TOKEN_BOS] = "bos",
                                       [VLF_TOKEN_EOS] = "eos",
                                       [VLF_TOKEN_PAD] = "pad",
                                       [VLF_TOKEN_MASK] = "mask",
                                       [VLF_TOKEN_UNK] = "unk" };
  guint64 length = G_MAXUINT;

  for (guint i = 0; i < G_N_ELEMENTS (roles); i++) {
    gint64 id = -1;

    vlf_json_int (vlf_json_get (facts, roles[i]), &id);
    g_assert_cmpint (vlf_tokenizer_id (tokenizer, i), ==, id);
  }
  vlf_json_uint (vlf_json_get (facts, "model_max_length"), &length);
  g_assert_cmpuint (vlf_tokenizer_model_max_length (tokenizer), ==, length);
  g_assert_cmpuint (vlf_tokenizer_size (tokenizer), ==, number (facts, "size"));
  for (guint id = 0; id < vlf_tokenizer_size (tokenizer); id++) {
    const char *content = vlf_tokenizer_content (tokenizer, id);

    g_assert_true (!content || vlf_tokenizer_lookup (tokenizer, content) == (gint) id);
  }
  g_assert_null (vlf_tokenizer_content (tokenizer, vlf_tokenizer_size (tokenizer)));
  g_assert_cmpint (vlf_tokenizer_lookup (tokenizer, "no such token"), ==, -1);
}

static void
test_golden (gconstpointer data)
{
  const char *name = data;
  g_autofree gchar *text = read_file (".", "manifest.json");
  g_autoptr (VlfJson) manifest = parse (text);
  const VlfJson *facts = vlf_json_get (vlf_json_get (manifest, "cases"), name);
  g_autoptr (VlfTokenizer) tokenizer = open_case (name, vlf_json_string (vlf_json_get (facts, "model_type"), NULL));

  check_texts (tokenizer, name, facts);
  check_long (tokenizer, facts);
  check_cut (tokenizer, facts);
  check_facts (tokenizer, facts);
}

/* A tokenizer.json made from spiece.model, which transformers' class does not read, gives the same tokens. */
static void
test_converted (void)
{
  g_autofree gchar *text = read_file (".", "manifest.json"), *config = read_file ("siglip", "tokenizer_config.json");
  g_autofree gchar *whole = read_file ("converted", "tokenizer.json");
  g_autoptr (VlfJson) manifest = parse (text);
  gchar *dir = folder_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfTokenizer) tokenizer = NULL;

  folder_put (dir, "tokenizer_config.json", config, -1);
  folder_put (dir, "tokenizer.json", whole, -1);
  tokenizer = vlf_tokenizer_new (dir, "siglip", &error);
  g_assert_no_error (error);
  check_texts (tokenizer, "siglip", vlf_json_get (vlf_json_get (manifest, "cases"), "siglip"));
  folder_remove (dir);
}

/* --- bounds of what is encoded --- */

static void
test_special (void)
{
  g_autoptr (VlfTokenizer) tokenizer = open_case ("roberta", "bridgetower");
  g_auto (VlfTokens) tokens = encode (tokenizer, " a <mask>", 9, 0);
  g_auto (VlfTokens) none = encode (tokenizer, "a b c", 5, 1);

  g_assert_cmpuint (tokens.n, ==, 4);
  g_assert_true (tokens.tokens[0].special && tokens.tokens[3].special);
  g_assert_false (tokens.tokens[1].special || tokens.tokens[2].special);
  g_assert_true (tokens.tokens[1].begin == 1 && tokens.tokens[1].end == 2);
  g_assert_true (tokens.tokens[2].begin == 3 && tokens.tokens[2].end == 9);
  g_assert_cmpuint (tokens.tokens[2].id, ==, (guint) vlf_tokenizer_id (tokenizer, VLF_TOKEN_MASK));
  /* Special tokens stay even where they alone are too many. */
  g_assert_cmpuint (none.n, ==, 2);
  g_assert_true (none.truncated);
}

static void
test_bad_texts (void)
{
  static const char *const texts[] = { "\xff",       "a\xc3", "a\xc0\x80", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80",
                                       "abc\xe2\x82" };
  g_autoptr (VlfTokenizer) tokenizer = open_case ("roberta", "bridgetower");
  gsize large = ((gsize) 16 << 20) + 1;
  g_autofree gchar *spaces = g_strnfill (large, ' ');
  g_autoptr (GError) error = NULL;
  VlfTokens tokens;

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_assert_false (vlf_tokenizer_encode (tokenizer, texts[i], -1, 0, &tokens, &error));
    g_assert_error (error, VLF_ERROR, VLF_ERROR_FORMAT);
    g_assert_true (tokens.n == 0 && tokens.tokens == NULL);
    g_clear_error (&error);
  }
  g_assert_false (vlf_tokenizer_encode (tokenizer, spaces, (gssize) large, 0, &tokens, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
}

/* Random bytes of UTF-8, special tokens between: every token lies within the text, on whole characters, in order. */
static void
test_random (gconstpointer data)
{
  static const char *const parts[] = {
    "<mask>",           "<s>", " ", "\n", "a", "red", "'s", "\xc3\xa9", "e\xcc\x81", "\xe3\x80\x80",
    "\xf0\x9f\x94\xb4", "9",   "!", ""
  };
  g_autoptr (VlfTokenizer) tokenizer = open_case (data, strcmp (data, "clip") == 0      ? "clip"
                                                        : strcmp (data, "bert") == 0    ? "blip"
                                                        : strcmp (data, "charmap") == 0 ? "siglip"
                                                        : strcmp (data, "siglip") == 0  ? "siglip"
                                                        : strcmp (data, "saved") == 0   ? "siglip"
                                                                                        : "bridgetower");

  for (guint round = 0; round < 3000; round++) {
    GString *text = g_string_new (NULL);
    g_auto (VlfTokens) tokens = { 0 };
    guint last = 0;

    for (gint n = g_test_rand_int_range (0, 12); n > 0; n--) {
      if (g_test_rand_int_range (0, 3) > 0)
        g_string_append (text, parts[g_test_rand_int_range (0, G_N_ELEMENTS (parts))]);
      else
        g_string_append_unichar (text, (gunichar) g_test_rand_int_range (0, 0xd800));
    }
    tokens = encode (tokenizer, text->str, text->len, 0);
    for (guint i = 0; i < tokens.n; i++) {
      const VlfToken *token = &tokens.tokens[i];

      g_assert_cmpuint (token->id, <, vlf_tokenizer_size (tokenizer));
      if (token->special)
        continue;
      g_assert_true (token->begin <= token->end && token->end <= text->len);
      g_assert_true (token->begin >= last || token->end > token->begin);
      g_assert_true (g_utf8_validate_len (text->str + token->begin, token->end - token->begin, NULL) ||
                     memchr (text->str + token->begin, 0, token->end - token->begin));
      last = token->begin;
    }
    g_string_free (text, TRUE);
  }
}

int
main (int argc, char **argv)
{
  static const char *const cases[] = { "roberta", "files", "prefix", "added", "named",   "generic", "clip",
                                       "bert",    "cased", "siglip", "saved", "unigram", "charmap" };

  g_test_init (&argc, &argv, NULL);
  if (argc != 2)
    g_error ("usage: test-tokenizer FOLDER");
  folder = argv[1];
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree gchar *path = g_strconcat ("/tokenizer/golden/", cases[i], NULL);
    g_test_add_data_func (path, cases[i], test_golden);
  }
  g_test_add_func ("/tokenizer/converted", test_converted);
  g_test_add_func ("/tokenizer/special", test_special);
  g_test_add_func ("/tokenizer/bad-texts", test_bad_texts);
  g_test_add_data_func ("/tokenizer/random/roberta", "roberta", test_random);
  g_test_add_data_func ("/tokenizer/random/added", "added", test_random);
  g_test_add_data_func ("/tokenizer/random/clip", "clip", test_random);
  g_test_add_data_func ("/tokenizer/random/bert", "bert", test_random);
  g_test_add_data_func ("/tokenizer/random/charmap", "charmap", test_random);
  g_test_add_data_func ("/tokenizer/random/siglip", "siglip", test_random);
  g_test_add_data_func ("/tokenizer/random/saved", "saved", test_random);
  return g_test_run ();
}
