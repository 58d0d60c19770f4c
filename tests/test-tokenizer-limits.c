/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tokenizer files that would take all memory or time: each is refused, and what is just within the limit is read. */
#include "models/tokenizer.h"
#include "tests/folder.h"
#include <string.h>
#include <unistd.h>

static gchar *folder; /* of the tokenizer of each test */

static void
put (const char *name, const char *text)
{
  folder_put (folder, name, text, -1);
}

static VlfTokenizer *
open_it (const char *model_type)
{
  g_autoptr (GError) error = NULL;
  VlfTokenizer *tokenizer = vlf_tokenizer_new (folder, model_type, &error);

  g_assert_no_error (error);
  return tokenizer;
}

static void
works (const char *model_type)
{
  vlf_tokenizer_free (open_it (model_type));
}

static void
fails (const char *model_type, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vlf_tokenizer_new (folder, model_type, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  if (!strstr (error->message, part))
    g_error ("expected \"%s\" in the message, found \"%s\"", part, error->message);
}

/* --- normalisation --- */

#define VOCAB    "\"<s>\":0,\"</s>\":1,\"a\":2,\"b\":3,\"[UNK]\":4"
#define GENERIC  "{\"tokenizer_class\":\"PreTrainedTokenizerFast\"}"
#define FIFTEENS "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a\"},\"content\":\"aaaaaaaaaaaaaaa\"}"

/* @steps that each make fifteen of an "a". */
static void
put_growing (guint steps, const char *rest)
{
  g_autoptr (GString) all = g_string_new ("{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[");

  for (guint i = 0; i < steps; i++)
    g_string_append_printf (all, "%s" FIFTEENS, i ? "," : "");
  g_string_append_printf (all, "]},%s\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},", rest);
  g_string_append (all, "\"model\":{\"type\":\"BPE\",\"vocab\":{" VOCAB "},\"merges\":[]}}");
  put ("tokenizer.json", all->str);
  put ("tokenizer_config.json", GENERIC);
}

static void
check_too_long (void)
{
  g_autoptr (VlfTokenizer) tokenizer = open_it ("bridgetower");
  g_autoptr (GError) error = NULL;
  g_auto (VlfTokens) tokens = { 0 };

  g_assert_false (vlf_tokenizer_encode (tokenizer, "a", -1, 0, &tokens, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_assert_nonnull (
      strstr (error->message, "a normalizer in tokenizer.json that makes a text at most 64 times as long"));
  g_assert_true (vlf_tokenizer_encode (tokenizer, "bbb", -1, 0, &tokens, NULL));
  g_assert_cmpuint (tokens.n, ==, 3);
}

static void
test_texts (void)
{
  g_autoptr (VlfTokenizer) tokenizer = NULL;
  g_auto (VlfTokens) tokens = { 0 };

  folder_empty (folder);
  put_growing (2, "");
  tokenizer = open_it ("bridgetower");
  g_assert_true (vlf_tokenizer_encode (tokenizer, "ba", -1, 0, &tokens, NULL));
  g_assert_cmpuint (tokens.n, ==, 1 + 15 * 15);
  g_assert_true (tokens.tokens[225].begin == 1 && tokens.tokens[225].end == 2);
  for (guint steps = 3; steps <= 16; steps += 13) { /* without a limit sixteen take more memory than there is */
    put_growing (steps, "");
    check_too_long ();
  }
}

/* An added token is normalised before anybody has a text. */
static void
test_added (void)
{
  static const char added[] = "\"added_tokens\":[{\"id\":5,\"content\":\"<a>\",\"normalized\":true}],";

  folder_empty (folder);
  put_growing (2, added); /* 227 bytes */
  works ("bridgetower");
  for (guint steps = 3; steps <= 16; steps += 13) {
    put_growing (steps, added);
    fails ("bridgetower", "expected added tokens of at most 1024 bytes when normalised");
  }
}

#define MARKED "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\342\226\201\"}"

/* A trie of one unit, and something that becomes @n bytes: every character of a text might look at them. */
static void
put_charsmap (gsize n)
{
  guint8 map[8 + 257] = { 4 };
  g_autofree gchar *base64 = NULL, *whole = NULL;

  memset (map + 8, 'x', n);
  base64 = g_base64_encode (map, 8 + n);
  whole = g_strdup_printf ("{" MARKED ",\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"%s\"},"
                           "\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1]],\"unk_id\":0}}",
                           base64);
  put ("tokenizer.json", whole);
}

static void
test_charsmap (void)
{
  folder_empty (folder);
  put_charsmap (256);
  works ("siglip");
  put_charsmap (257);
  fails ("siglip", "precompiled_charsmap: expected characters that become 256 bytes or less, found 257");
}

/* --- contents of tokens --- */

static void
test_contents (void)
{
  static const struct {
    const char *model_type, *file, *before, *behind, *part;
  } cases[] = {
    { "siglip", "tokenizer.json", "{" MARKED ",\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\",-1],[\"",
      "\",-2]]}}", "tokenizer.json: model.vocab: token 1: expected at most 4096 bytes, found 4097" },
    { "blip", "tokenizer.json", "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[CLS]\":6,\"[SEP]\":7," VOCAB ",\"",
      "\":5}}}", "tokenizer.json: model.vocab: token 5: expected at most 4096 bytes" },
    { "bridgetower", "tokenizer.json", "{\"model\":{\"merges\":[],\"vocab\":{" VOCAB ",\"", "\":5}}}",
      "tokenizer.json: model.vocab: token 5: expected at most 4096 bytes" },
    { "blip", "vocab.txt", "[CLS]\n[SEP]\n[UNK]\n", "\n", "vocab.txt: token 3: expected at most 4096 bytes" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    folder_empty (folder);
    for (gsize n = 4096; n <= 4097; n++) {
      g_autofree gchar *content = g_strnfill (n, 'x');
      g_autofree gchar *whole = g_strconcat (cases[i].before, content, cases[i].behind, NULL);

      put (cases[i].file, whole);
      if (n > 4096)
        fails (cases[i].model_type, cases[i].part);
      else
        works (cases[i].model_type);
    }
  }
}

/* --- lists --- */

#define BARE "{\"model\":{\"merges\":[],\"vocab\":{" VOCAB "}}"

/* @n entries, each with its number between @left and @right. */
static void
put_list (const char *file, const char *before, const char *left, const char *right, const char *behind, guint n)
{
  g_autoptr (GString) whole = g_string_new (before);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (whole, "%s%s%u%s", i ? "," : "", left, i, right);
  g_string_append (whole, behind);
  put (file, whole->str);
}

static void
test_lists (void)
{
  static const struct {
    const char *file, *before, *left, *right, *behind, *name;
  } cases[] = {
    { "added_tokens.json", "{", "\"x", "\":\"\"", "}", "added_tokens.json" },
    { "tokenizer_config.json", "{", "\"x", "\":1", "}", "tokenizer_config.json" },
    { "tokenizer_config.json", "{\"added_tokens_decoder\":{", "\"", "\":1", "}}",
      "tokenizer_config.json: added_tokens_decoder" },
    { "tokenizer_config.json", "{\"extra_special_tokens\":[", "", "", "]}",
      "tokenizer_config.json: extra_special_tokens" },
    { "tokenizer_config.json", "{\"additional_special_tokens\":[", "", "", "]}",
      "tokenizer_config.json: additional_special_tokens" },
    { "special_tokens_map.json", "{\"extra_special_tokens\":[", "", "", "]}",
      "special_tokens_map.json: extra_special_tokens" },
    { "special_tokens_map.json", "{\"additional_special_tokens\":[", "", "", "]}",
      "special_tokens_map.json: additional_special_tokens" },
    { "tokenizer.json", BARE ",\"added_tokens\":[", "", "", "]}", "tokenizer.json: added_tokens" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree gchar *part = g_strconcat (cases[i].name, ": expected at most 16384 entries, found 16385", NULL);

    folder_empty (folder);
    put ("tokenizer.json", BARE "}");
    for (guint n = 16384; n <= 16385; n++) {
      put_list (cases[i].file, cases[i].before, cases[i].left, cases[i].right, cases[i].behind, n);
      if (n > 16384)
        fails ("bridgetower", part);
      else
        works ("bridgetower");
    }
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = folder_new ();
  g_test_add_func ("/tokenizer/limits/texts", test_texts);
  g_test_add_func ("/tokenizer/limits/added", test_added);
  g_test_add_func ("/tokenizer/limits/charsmap", test_charsmap);
  g_test_add_func ("/tokenizer/limits/contents", test_contents);
  g_test_add_func ("/tokenizer/limits/lists", test_lists);
  status = g_test_run ();
  folder_remove (folder);
  return status;
}
