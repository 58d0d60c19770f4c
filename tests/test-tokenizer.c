/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Usage: test-tokenizer FOLDER (golden/tokenizer, made by generate_tokenizer.py): texts to ids exactly as
 * transformers has them, and what is wrong with tokenizer files. */
#include "models/json.h"
#include "models/tokenizer.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

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

/* --- what is wrong with files --- */

typedef struct {
  gchar *dir;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  (void) data;
  fixture->dir = g_dir_make_tmp ("vlf-tokenizer-XXXXXX", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  GDir *dir = g_dir_open (fixture->dir, 0, NULL);
  const char *name;

  (void) data;
  while ((name = g_dir_read_name (dir))) {
    g_autofree gchar *path = g_build_filename (fixture->dir, name, NULL);
    g_unlink (path);
  }
  g_dir_close (dir);
  g_rmdir (fixture->dir);
  g_free (fixture->dir);
}

static void
put (const Fixture *fixture, const char *name, const char *text)
{
  g_autofree gchar *path = g_build_filename (fixture->dir, name, NULL);
  FILE *file;

  g_unlink (path);
  file = fopen (path, "wb");
  g_assert_nonnull (file);
  g_assert_cmpuint (fwrite (text, 1, strlen (text), file), ==, strlen (text));
  g_assert_cmpint (fclose (file), ==, 0);
}

static void
expect (const Fixture *fixture, const char *model_type, VlfError code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vlf_tokenizer_new (fixture->dir, model_type, &error));
  g_assert_error (error, VLF_ERROR, (gint) code);
  if (!strstr (error->message, part) || !g_str_has_prefix (error->message, fixture->dir))
    g_error ("expected \"%s\" in the message, found \"%s\"", part, error->message);
}

#define MARKED               "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\342\226\201\"}"
#define UNIGRAM(vocab, rest) "{" MARKED ",\"model\":{\"type\":\"Unigram\",\"vocab\":" vocab rest "}}"

static void
test_bad_unigrams (Fixture *fixture, gconstpointer data)
{
  static const struct {
    const char *whole;
    VlfError code;
    const char *part;
  } cases[] = {
    { UNIGRAM ("{\"a\":1}", ",\"unk_id\":0"), VLF_ERROR_FORMAT, "model.vocab: expected an array" },
    { UNIGRAM ("[]", ",\"unk_id\":0"), VLF_ERROR_FORMAT, "model.vocab: expected an array" },
    { UNIGRAM ("[\"a\"]", ",\"unk_id\":0"), VLF_ERROR_FORMAT, "model.vocab[0]: expected [\"token\", number]" },
    { UNIGRAM ("[[\"a\",-1],[\"b\",\"c\"]]", ",\"unk_id\":0"), VLF_ERROR_FORMAT, "model.vocab[1]: expected" },
    { UNIGRAM ("[[\"a\",-1]]", ",\"unk_id\":1"), VLF_ERROR_RANGE, "model.unk_id: expected 0 to 0" },
    { UNIGRAM ("[[\"a\",-1]]", ""), VLF_ERROR_RANGE, "model.unk_id" },
    { "{" MARKED ",\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}}", VLF_ERROR_FORMAT,
      "normalizer: precompiled_charsmap: expected a table of characters, found 3 bytes" },
    { "{" MARKED ",\"normalizer\":{\"type\":\"Precompiled\"}}", VLF_ERROR_FORMAT, "precompiled_charsmap" },
  };

  (void) data;
  put (fixture, "tokenizer_config.json", "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    put (fixture, "tokenizer.json", cases[i].whole);
    expect (fixture, "siglip", cases[i].code, cases[i].part);
  }
}

/* --- spiece.model --- */

#define UNKNOWN_PIECE "\n\t\n\005<unk>\030\002"
#define LETTER_PIECE  "\n\010\n\001a\025\000\000\200\277" /* a score of -1 */

/* Bytes with NUL between. */
#define BYTES(text) text, sizeof (text) - 1

static void
test_bad_spieces (Fixture *fixture, gconstpointer data)
{
  static const struct {
    const char *bytes;
    gsize n;
    VlfError code;
    const char *part;
  } cases[] = {
    { BYTES (""), VLF_ERROR_FORMAT, "spiece.model: expected a model of SentencePiece" },
    { BYTES ("?"), VLF_ERROR_FORMAT, "spiece.model: expected a model of SentencePiece" },
    { BYTES (UNKNOWN_PIECE "\n\377\377\377\377\377\377\377\377\377\001"), VLF_ERROR_FORMAT, "or is cut off" },
    { BYTES (UNKNOWN_PIECE "\377\377\377\377\377\377\377\377\377\377\377\001"), VLF_ERROR_FORMAT, "or is cut off" },
    { BYTES (UNKNOWN_PIECE "\013"), VLF_ERROR_FORMAT, "or is cut off" },                 /* a group */
    { BYTES (UNKNOWN_PIECE "\022\002\030"), VLF_ERROR_FORMAT, "or is cut off" },         /* longer than the file */
    { BYTES (UNKNOWN_PIECE "\022\001\030"), VLF_ERROR_FORMAT, "or is cut off" },         /* a field that breaks off */
    { BYTES (UNKNOWN_PIECE "\n\002\030\001"), VLF_ERROR_FORMAT, "piece 1: expected" },   /* no content */
    { BYTES (UNKNOWN_PIECE "\n\003\n\001\377"), VLF_ERROR_FORMAT, "piece 1: expected" }, /* no UTF-8 */
    { BYTES (UNKNOWN_PIECE "\n\003\n\001\000"), VLF_ERROR_FORMAT, "piece 1: expected" }, /* NUL */
    { BYTES (UNKNOWN_PIECE "\n\005\n\001a\030\007"), VLF_ERROR_FORMAT, "piece 1: expected" },             /* type 7 */
    { BYTES (UNKNOWN_PIECE "\n\005\n\001a\030\000"), VLF_ERROR_FORMAT, "piece 1: expected" },             /* type 0 */
    { BYTES (UNKNOWN_PIECE "\n\010\n\001a\025\000\000\200\177"), VLF_ERROR_FORMAT, "piece 1: expected" }, /* infinite */
    { BYTES (LETTER_PIECE), VLF_ERROR_FORMAT, "expected one piece of type 2, the unknown one, found 0" },
    { BYTES (UNKNOWN_PIECE "\n\005\n\001a\030\002"), VLF_ERROR_FORMAT, "the unknown one, found 2" },
    { BYTES (UNKNOWN_PIECE LETTER_PIECE LETTER_PIECE), VLF_ERROR_FORMAT, "found 3 of which 2 are different" },
    { BYTES (UNKNOWN_PIECE "\022\003\230\002\001"), VLF_ERROR_FORMAT, "found no <0x00>" },
    { BYTES (UNKNOWN_PIECE "\022\002\030\002"), VLF_ERROR_UNSUPPORTED, "by their probability" }, /* byte pairs */
    { BYTES (UNKNOWN_PIECE "\022\003\300\001\001"), VLF_ERROR_UNSUPPORTED, "with spaces before words" },
    { BYTES (UNKNOWN_PIECE "\032\005\022\003AAA"), VLF_ERROR_FORMAT, "precompiled_charsmap: expected a table" },
  };
  g_autofree gchar *path = g_build_filename (fixture->dir, "spiece.model", NULL);

  (void) data;
  expect (fixture, "siglip", VLF_ERROR_NOT_FOUND, "expected spiece.model or tokenizer.json");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_assert_true (g_file_set_contents (path, cases[i].bytes, (gssize) cases[i].n, NULL));
    expect (fixture, "siglip", cases[i].code, cases[i].part);
  }
  put (fixture, "spiece.model", UNKNOWN_PIECE);
  put (fixture, "tokenizer_config.json", "{\"sp_model_kwargs\":{\"enable_sampling\":true}}");
  expect (fixture, "siglip", VLF_ERROR_UNSUPPORTED, "sp_model_kwargs: expected none, found 1");
  put (fixture, "tokenizer_config.json", "{\"added_tokens_decoder\":{\"5\":{\"content\":\"x\",\"single_word\":true}}}");
  expect (fixture, "siglip", VLF_ERROR_UNSUPPORTED, "that are not single_word");
  put (fixture, "tokenizer_config.json", "{\"tokenizer_class\":\"GemmaTokenizer\"}");
  expect (fixture, "siglip", VLF_ERROR_UNSUPPORTED, "SigLIP 2's tokenizer (Gemma) is not supported");
}

/* A tokenizer.json made from such a file, which transformers' class does not read, gives the same tokens. */
static void
test_converted (Fixture *fixture, gconstpointer data)
{
  g_autofree gchar *text = read_file (".", "manifest.json"), *config = read_file ("siglip", "tokenizer_config.json");
  g_autofree gchar *whole = read_file ("converted", "tokenizer.json");
  g_autoptr (VlfJson) manifest = parse (text);
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfTokenizer) tokenizer = NULL;

  (void) data;
  put (fixture, "tokenizer_config.json", config);
  put (fixture, "tokenizer.json", whole);
  tokenizer = vlf_tokenizer_new (fixture->dir, "siglip", &error);
  g_assert_no_error (error);
  check_texts (tokenizer, "siglip", vlf_json_get (vlf_json_get (manifest, "cases"), "siglip"));
}

#define VOCAB "{\"<s>\":0,\"</s>\":1,\"a\":2,\"b\":3,\"ab\":4}"

static void
test_bad_files (Fixture *fixture, gconstpointer data)
{
  static const struct {
    const char *whole;
    VlfError code;
    const char *part;
  } cases[] = {
    { "[]", VLF_ERROR_FORMAT, "tokenizer.json: expected an object" },
    { "{", VLF_ERROR_FORMAT, "tokenizer.json: byte 1" },
    { "{}", VLF_ERROR_FORMAT, "tokenizer.json: model.vocab: expected an object" },
    { "{\"model\":{\"type\":\"Unigram\"}}", VLF_ERROR_UNSUPPORTED, "model.type: expected \"BPE\", found \"Unigram\"" },
    { "{\"model\":{\"vocab\":{}}}", VLF_ERROR_FORMAT, "model.vocab: expected an object" },
    { "{\"model\":{\"vocab\":{\"a\":-1}}}", VLF_ERROR_RANGE, "\"a\": expected an id of at most 999999" },
    { "{\"model\":{\"vocab\":{\"a\":1000000}}}", VLF_ERROR_RANGE, "\"a\": expected an id of at most 999999" },
    { "{\"model\":{\"vocab\":{\"a\":\"1\"}}}", VLF_ERROR_RANGE, "\"a\": expected an id" },
    { "{\"model\":{\"vocab\":" VOCAB ",\"merges\":[\"a c\"]}}", VLF_ERROR_FORMAT, "merge 0, \"ac\"" },
    { "{\"model\":{\"vocab\":" VOCAB ",\"merges\":[\"b a\"]}}", VLF_ERROR_FORMAT, "found the whole missing" },
    { "{\"model\":{\"vocab\":" VOCAB ",\"merges\":[\"ab\"]}}", VLF_ERROR_FORMAT, "two tokens with a space" },
    { "{\"model\":{\"vocab\":" VOCAB ",\"merges\":[\"a b \"]}}", VLF_ERROR_FORMAT, "two tokens with a space" },
    { "{\"model\":{\"vocab\":" VOCAB ",\"merges\":[[\"a\"]]}}", VLF_ERROR_FORMAT, "model.merges: expected" },
    { "{\"model\":{\"vocab\":" VOCAB ",\"merges\":[5]}}", VLF_ERROR_FORMAT, "model.merges: expected" },
  };

  (void) data;
  expect (fixture, "bridgetower", VLF_ERROR_NOT_FOUND, "expected tokenizer.json, or vocab.json and merges.txt");
  put (fixture, "vocab.json", VOCAB);
  expect (fixture, "bridgetower", VLF_ERROR_NOT_FOUND, "expected tokenizer.json, or vocab.json and merges.txt");
  put (fixture, "merges.txt", "#version: 0.2\na\n");
  expect (fixture, "bridgetower", VLF_ERROR_FORMAT, "merges.txt: merges: expected two tokens");
  put (fixture, "merges.txt", "#version: 0.2\r\na b\r\n");
  expect (fixture, "t5", VLF_ERROR_UNSUPPORTED, "found \"t5\"");
  expect (fixture, NULL, VLF_ERROR_UNSUPPORTED, "found \"null\"");
  expect (fixture, "blip", VLF_ERROR_NOT_FOUND, "expected tokenizer.json or vocab.txt");
  vlf_tokenizer_free (vlf_tokenizer_new (fixture->dir, "bridgetower", NULL));
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    put (fixture, "tokenizer.json", cases[i].whole);
    expect (fixture, "bridgetower", cases[i].code, cases[i].part);
  }
}

#define REPLACE(pattern, content) \
  "\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"" pattern "\"},\"content\":\"" content "\"}"

static void
test_bad_pipelines (Fixture *fixture, gconstpointer data)
{
  static const struct {
    const char *parts, *part;
  } cases[] = {
    { "\"normalizer\":{\"type\":\"NFKC\"}", "normalizer: expected a kind that is known here, found \"NFKC\"" },
    { "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"},{\"type\":\"NFD\"}]}",
      "normalizer: expected a kind that is known here, found \"NFD\"" },
    { REPLACE ("[a-z]", ""), "normalizer: expected a kind that is known here, found \"Replace\"" },
    { REPLACE ("[^a]", ""), "normalizer: expected a kind" },
    { REPLACE ("[a", ""), "normalizer: expected a kind" },
    { REPLACE ("[a]*", ""), "normalizer: expected a kind" },
    { REPLACE ("a|b", ""), "normalizer: expected a kind" },
    { REPLACE ("\\\\d", ""), "normalizer: expected a kind" },
    { REPLACE ("", ""), "normalizer: expected a kind" },
    { REPLACE ("a", "0123456789abcdef"), "normalizer: expected a kind" },
    { "\"normalizer\":{\"type\":\"Strip\",\"strip_left\":false,\"strip_right\":false}", "normalizer: expected a kind" },
    { "\"pre_tokenizer\":null", "pre_tokenizer: expected a kind" },
    { "\"pre_tokenizer\":{\"type\":\"Metaspace\"}",
      "pre_tokenizer: expected a kind that is known here, found \"Metaspace\"" },
    { "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\342\226\201\",\"prepend_scheme\":\"always\"}",
      "pre_tokenizer: expected a kind that is known here, found \"Metaspace\"" },
    { "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"use_regex\":false}", "pre_tokenizer: expected a kind" },
    { "\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"post_processor\":{\"type\":\"Other\"}",
      "post_processor: expected a kind" },
  };

  (void) data;
  put (fixture, "tokenizer_config.json", "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree gchar *whole =
        g_strdup_printf ("{%s,\"model\":{\"type\":\"BPE\",\"vocab\":" VOCAB ",\"merges\":[]}}", cases[i].parts);

    put (fixture, "tokenizer.json", whole);
    expect (fixture, "bridgetower", VLF_ERROR_UNSUPPORTED, cases[i].part);
  }
  put (fixture, "tokenizer.json",
       "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"a\",-1],"
       "\"sep\":[\"b\",1]},"
       "\"model\":{\"vocab\":" VOCAB "}}");
  expect (fixture, "bridgetower", VLF_ERROR_FORMAT, "post_processor: expected at most 8 ids");
  put (fixture, "tokenizer.json",
       "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"a\",5],"
       "\"sep\":[\"b\",1]},"
       "\"model\":{\"vocab\":" VOCAB "}}");
  expect (fixture, "bridgetower", VLF_ERROR_RANGE, "post_processor: expected ids of tokens, at most 4, found 5");
}

/* Random changes of single bytes of tokenizer files: no crash, no memory error, and ids within bounds. */
static void
test_mutated (Fixture *fixture, gconstpointer data)
{
  static const char alphabet[] = "{}[]\",:0123456789abnt<> ";
  static const char *const names[] = { "tokenizer.json", "tokenizer_config.json" };
  gchar *texts[] = { read_file ("added", "tokenizer.json"), read_file ("added", "tokenizer_config.json") };
  guint opened = 0;

  (void) data;
  for (guint round = 0; round < 600; round++) {
    guint which = g_test_rand_int_range (0, 4) == 0 ? 0 : 1;
    g_autofree gchar *copy = g_strdup (texts[which]);
    g_autoptr (VlfTokenizer) tokenizer = NULL;

    for (gint i = g_test_rand_int_range (1, 4); i > 0; i--)
      copy[g_test_rand_int_range (0, (gint) strlen (copy))] = alphabet[g_test_rand_int_range (0, sizeof alphabet - 1)];
    put (fixture, names[which], copy);
    put (fixture, names[!which], texts[!which]);
    tokenizer = vlf_tokenizer_new (fixture->dir, "bridgetower", NULL);
    if (tokenizer) {
      const char *text = "a <mask> <word> \xe7\xba\xa2 newtoken <longer> red circle";
      g_auto (VlfTokens) tokens = encode (tokenizer, text, strlen (text), 0);

      for (guint i = 0; i < tokens.n; i++)
        g_assert_cmpuint (tokens.tokens[i].id, <, vlf_tokenizer_size (tokenizer));
      opened++;
    }
  }
  g_assert_cmpuint (opened, >, 0);
  g_free (texts[0]);
  g_free (texts[1]);
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
  g_test_add_func ("/tokenizer/special", test_special);
  g_test_add_func ("/tokenizer/bad-texts", test_bad_texts);
  g_test_add_data_func ("/tokenizer/random/roberta", "roberta", test_random);
  g_test_add_data_func ("/tokenizer/random/added", "added", test_random);
  g_test_add_data_func ("/tokenizer/random/clip", "clip", test_random);
  g_test_add_data_func ("/tokenizer/random/bert", "bert", test_random);
  g_test_add_data_func ("/tokenizer/random/charmap", "charmap", test_random);
  g_test_add_data_func ("/tokenizer/random/siglip", "siglip", test_random);
  g_test_add_data_func ("/tokenizer/random/saved", "saved", test_random);
  g_test_add ("/tokenizer/bad-files", Fixture, NULL, set_up, test_bad_files, tear_down);
  g_test_add ("/tokenizer/bad-unigrams", Fixture, NULL, set_up, test_bad_unigrams, tear_down);
  g_test_add ("/tokenizer/bad-spieces", Fixture, NULL, set_up, test_bad_spieces, tear_down);
  g_test_add ("/tokenizer/converted", Fixture, NULL, set_up, test_converted, tear_down);
  g_test_add ("/tokenizer/bad-pipelines", Fixture, NULL, set_up, test_bad_pipelines, tear_down);
  g_test_add ("/tokenizer/mutated", Fixture, NULL, set_up, test_mutated, tear_down);
  return g_test_run ();
}
