/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/tokenizer_load.h"
#include <string.h>

static const char *
type_of (const VlfJson *part)
{
  const char *type = vlf_json_string (vlf_json_get (part, "type"), NULL);

  return type ? type : "";
}

static gboolean
unsupported (const VlfJson *part, const char *field, GError **error)
{
  g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
               "tokenizer.json: %s: expected a kind that is known here, found \"%.*s\"", field,
               vlf_shown (type_of (part), 40), type_of (part));
  return FALSE;
}

static gboolean
flag (const VlfJson *part, const char *name, gboolean absent)
{
  gboolean truth = absent;

  vlf_json_bool (vlf_json_get (part, name), &truth);
  return truth;
}

static VlfNormal
bert_steps (const VlfJson *part)
{
  gboolean lower = flag (part, "lowercase", TRUE);

  return (flag (part, "clean_text", TRUE) ? VLF_NORMAL_CLEAN : 0) |
         (flag (part, "handle_chinese_chars", TRUE) ? VLF_NORMAL_CHINESE : 0) |
         (flag (part, "strip_accents", lower) ? VLF_NORMAL_ACCENTS : 0) | (lower ? VLF_NORMAL_LOWERCASE : 0);
}

static VlfNormal
strip_steps (const VlfJson *part)
{
  return (flag (part, "strip_left", TRUE) ? VLF_NORMAL_STRIP_LEFT : 0) |
         (flag (part, "strip_right", TRUE) ? VLF_NORMAL_STRIP_RIGHT : 0);
}

static VlfNormal
plain_steps (const VlfJson *part)
{
  const char *type = type_of (part);

  if (strcmp (type, "NFC") == 0)
    return VLF_NORMAL_NFC;
  if (strcmp (type, "Lowercase") == 0)
    return VLF_NORMAL_LOWERCASE;
  if (strcmp (type, "BertNormalizer") == 0)
    return bert_steps (part);
  return strcmp (type, "Strip") == 0 ? strip_steps (part) : 0;
}

/* FALSE without an error: not one that is known here. */
static gboolean
parse_replace (const VlfJson *part, VlfNormalStep *step)
{
  const char *pattern = vlf_json_string (vlf_json_path (part, "pattern.Regex"), NULL);
  const char *content = vlf_json_string (vlf_json_get (part, "content"), NULL);

  return pattern && content && vlf_replace_parse (&step->replace, pattern, content);
}

static gboolean
parse_charsmap (const VlfJson *part, VlfNormalStep *step, GError **error)
{
  const char *base64 = vlf_json_string (vlf_json_get (part, "precompiled_charsmap"), NULL);

  gsize size = 0;
  g_autofree guchar *table = g_base64_decode (base64 ? base64 : "", &size);

  step->charsmap = vlf_charsmap_new (table, size, error);
  if (!step->charsmap)
    g_prefix_error (error, "tokenizer.json: normalizer: ");
  return step->charsmap != NULL;
}

static gboolean
parse_normalizer (VlfTokenizer *tokenizer, const VlfJson *part, GError **error)
{
  const char *type = type_of (part);
  VlfNormalStep step = { 0 };
  gboolean ok = FALSE;

  if (vlf_json_type (part) == VLF_JSON_NULL)
    return TRUE;
  if (strcmp (type, "Sequence") == 0) {
    for (part = vlf_json_first (vlf_json_get (part, "normalizers")); part; part = vlf_json_next (part))
      if (!parse_normalizer (tokenizer, part, error))
        return FALSE;
    return TRUE;
  }
  if (strcmp (type, "Precompiled") == 0) {
    if (!parse_charsmap (part, &step, error))
      return FALSE;
    ok = vlf_normaliser_add (&tokenizer->normaliser, &step);
  } else if (strcmp (type, "Replace") == 0) {
    ok = parse_replace (part, &step) && vlf_normaliser_add (&tokenizer->normaliser, &step);
  } else {
    ok = plain_steps (part) != 0 && vlf_normaliser_add_plain (&tokenizer->normaliser, plain_steps (part));
  }
  if (!ok)
    vlf_charsmap_free (step.charsmap);
  return ok || unsupported (part, "normalizer", error);
}

/* SentencePiece's spaces. Files before tokenizers 0.20 say add_prefix_space where newer ones say how to. */
static gboolean
parse_metaspace (VlfTokenizer *tokenizer, const VlfJson *part)
{
  const VlfJson *scheme = vlf_json_get (part, "prepend_scheme");
  gboolean always = scheme ? vlf_json_is (scheme, "always") : flag (part, "add_prefix_space", TRUE);

  if (tokenizer->split || !vlf_json_is (vlf_json_get (part, "replacement"), VLF_SPACE_MARK) ||
      !flag (part, "split", TRUE) || (scheme && !always && !vlf_json_is (scheme, "never")))
    return FALSE;
  tokenizer->split = VLF_SPLIT_SPACES | (always ? VLF_SPLIT_PREFIX_SPACE : 0);
  return TRUE;
}

static gboolean
parse_pre_tokenizer (VlfTokenizer *tokenizer, const VlfJson *part, GError **error)
{
  static const char clip[] = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
  const char *type = type_of (part), *pattern = vlf_json_string (vlf_json_path (part, "pattern.Regex"), NULL);

  if (strcmp (type, "Sequence") == 0) {
    for (part = vlf_json_first (vlf_json_get (part, "pretokenizers")); part; part = vlf_json_next (part))
      if (!parse_pre_tokenizer (tokenizer, part, error))
        return FALSE;
    return TRUE;
  }
  if (strcmp (type, "Split") == 0 && pattern && g_str_has_suffix (pattern, clip) && tokenizer->split == 0 &&
      vlf_json_is (vlf_json_get (part, "behavior"), "Removed") && flag (part, "invert", FALSE)) {
    tokenizer->split = VLF_SPLIT_CLIP;
    return TRUE;
  }
  if (strcmp (type, "ByteLevel") == 0 && flag (part, "use_regex", TRUE) && !(tokenizer->split & VLF_SPLIT_GPT2) &&
      !(tokenizer->split && flag (part, "add_prefix_space", TRUE))) {
    tokenizer->split |= VLF_SPLIT_GPT2 | (flag (part, "add_prefix_space", TRUE) ? VLF_SPLIT_PREFIX_SPACE : 0);
    return TRUE;
  }
  if (strcmp (type, "BertPreTokenizer") == 0 && tokenizer->split == 0) {
    tokenizer->split = VLF_SPLIT_BERT;
    return TRUE;
  }
  if (strcmp (type, "Metaspace") == 0 && parse_metaspace (tokenizer, part))
    return TRUE;
  return unsupported (part, "pre_tokenizer", error);
}

static gboolean
parse_model (const VlfJson *model, VlfModelSettings *settings, GError **error)
{
  const char *prefix = vlf_json_string (vlf_json_get (model, "continuing_subword_prefix"), NULL);
  guint64 max_chars = 100;

  if (vlf_json_is (vlf_json_get (model, "type"), "WordPiece"))
    settings->kind = VLF_MODEL_WORDPIECE;
  if (vlf_json_is (vlf_json_get (model, "type"), "Unigram"))
    settings->kind = VLF_MODEL_UNIGRAM;
  settings->bpe.unknown = vlf_json_string (vlf_json_get (model, "unk_token"), NULL);
  settings->prefix = prefix;
  vlf_json_uint (vlf_json_get (model, "max_input_chars_per_word"), &max_chars);
  settings->max_chars = (guint) MIN (max_chars, 1000);
  settings->bpe.end_of_word = vlf_json_string (vlf_json_get (model, "end_of_word_suffix"), NULL);
  settings->bpe.fuse_unknown = flag (model, "fuse_unk", FALSE);
  settings->bpe.ignore_merges = flag (model, "ignore_merges", FALSE);
  if (settings->kind != VLF_MODEL_BPE || ((!prefix || !*prefix) && !flag (model, "byte_fallback", FALSE)))
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
               "tokenizer.json: model: expected no continuing_subword_prefix and no byte_fallback, found one of them");
  return FALSE;
}

gboolean
vlf_pipeline_parse (VlfTokenizer *tokenizer, const VlfJson *whole, VlfModelSettings *settings, GError **error)
{
  static const VlfSplit made_of[] = { VLF_SPLIT_GPT2, VLF_SPLIT_BERT, VLF_SPLIT_SPACES };
  const VlfJson *words = vlf_json_get (whole, "pre_tokenizer");

  if (!parse_normalizer (tokenizer, vlf_json_get (whole, "normalizer"), error) ||
      !parse_pre_tokenizer (tokenizer, words, error) || !parse_model (vlf_json_get (whole, "model"), settings, error))
    return FALSE;
  /* Each model with its own kind of words: byte pairs of words that were not made of bytes, say, are nothing that is known here. */
  if (tokenizer->split & made_of[settings->kind])
    return TRUE;
  return unsupported (words, "pre_tokenizer", error);
}

/* --- the tokens around a text --- */

static gboolean
add_around (guint *ids, guint *n, const VlfJson *id, GError **error)
{
  guint64 number;

  if (*n < VLF_MAX_SPECIAL && vlf_json_uint (id, &number) && number <= VLF_MAX_TOKEN_ID) {
    ids[(*n)++] = (guint) number;
    return TRUE;
  }
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
               "tokenizer.json: post_processor: expected at most %u ids of at most %u, found others", VLF_MAX_SPECIAL,
               VLF_MAX_TOKEN_ID);
  return FALSE;
}

/* "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}, ...], with the ids in "special_tokens". */
static gboolean
parse_template (VlfTokenizer *tokenizer, const VlfJson *part, GError **error)
{
  gboolean behind = FALSE;

  for (const VlfJson *piece = vlf_json_first (vlf_json_get (part, "single")); piece; piece = vlf_json_next (piece)) {
    gsize length;
    const char *name = vlf_json_string (vlf_json_path (piece, "SpecialToken.id"), &length);
    const VlfJson *ids = name ? vlf_json_get_n (vlf_json_get (part, "special_tokens"), name, length) : NULL;

    if (!name) {
      behind = TRUE;
      continue;
    }
    for (const VlfJson *id = vlf_json_first (vlf_json_get (ids, "ids")); id; id = vlf_json_next (id))
      if (!(behind ? add_around (tokenizer->after, &tokenizer->n_after, id, error)
                   : add_around (tokenizer->before, &tokenizer->n_before, id, error)))
        return FALSE;
  }
  return TRUE;
}

static gboolean
parse_post_processor (VlfTokenizer *tokenizer, const VlfJson *part, GError **error)
{
  const char *type = type_of (part);

  if (vlf_json_type (part) == VLF_JSON_NULL || strcmp (type, "ByteLevel") == 0)
    return TRUE;
  if (strcmp (type, "Sequence") == 0) {
    for (part = vlf_json_first (vlf_json_get (part, "processors")); part; part = vlf_json_next (part))
      if (!parse_post_processor (tokenizer, part, error))
        return FALSE;
    return TRUE;
  }
  if (strcmp (type, "RobertaProcessing") == 0 || strcmp (type, "BertProcessing") == 0)
    return add_around (tokenizer->before, &tokenizer->n_before, vlf_json_nth (vlf_json_get (part, "cls"), 1), error) &&
           add_around (tokenizer->after, &tokenizer->n_after, vlf_json_nth (vlf_json_get (part, "sep"), 1), error);
  if (strcmp (type, "TemplateProcessing") == 0)
    return parse_template (tokenizer, part, error);
  return unsupported (part, "post_processor", error);
}

gboolean
vlf_pipeline_parse_specials (VlfTokenizer *tokenizer, const VlfJson *whole, GError **error)
{
  return parse_post_processor (tokenizer, vlf_json_get (whole, "post_processor"), error);
}
