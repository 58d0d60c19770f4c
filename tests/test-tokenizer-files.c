/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is wrong with files of tokenizers, and how that is said. Usage: test-tokenizer-files FOLDER (golden/tokenizer). */
#include <string.h>
#include "models/tokenizer.h"
#include "tests/folder.h"

static const char *golden;

typedef struct {
  gchar *dir;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  (void) data;
  fixture->dir = folder_new ();
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  (void) data;
  folder_remove (fixture->dir);
}

static void
put (const Fixture *fixture, const char *name, const char *text)
{
  folder_put (fixture->dir, name, text, -1);
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

  (void) data;
  expect (fixture, "siglip", VLF_ERROR_NOT_FOUND, "expected spiece.model or tokenizer.json");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    folder_put (fixture->dir, "spiece.model", cases[i].bytes, (gssize) cases[i].n);
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

static gchar *
golden_file (const char *name)
{
  g_autofree gchar *path = g_build_filename (golden, "added", name, NULL);
  g_autoptr (GError) error = NULL;
  gchar *text;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

/* Random changes of single bytes of tokenizer files: no crash, no memory error, and ids within bounds. */
static void
test_mutated (Fixture *fixture, gconstpointer data)
{
  static const char alphabet[] = "{}[]\",:0123456789abnt<> ";
  static const char *const names[] = { "tokenizer.json", "tokenizer_config.json" };
  gchar *texts[] = { golden_file ("tokenizer.json"), golden_file ("tokenizer_config.json") };
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
      g_auto (VlfTokens) tokens = { 0 };

      g_assert_true (vlf_tokenizer_encode (tokenizer, text, -1, 0, &tokens, NULL));
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
  g_test_init (&argc, &argv, NULL);
  if (argc != 2)
    g_error ("usage: test-tokenizer-files FOLDER");
  golden = argv[1];
  g_test_add ("/tokenizer/files/bpe", Fixture, NULL, set_up, test_bad_files, tear_down);
  g_test_add ("/tokenizer/files/unigram", Fixture, NULL, set_up, test_bad_unigrams, tear_down);
  g_test_add ("/tokenizer/files/spiece", Fixture, NULL, set_up, test_bad_spieces, tear_down);
  g_test_add ("/tokenizer/files/pipeline", Fixture, NULL, set_up, test_bad_pipelines, tear_down);
  g_test_add ("/tokenizer/files/mutated", Fixture, NULL, set_up, test_mutated, tear_down);
  return g_test_run ();
}
