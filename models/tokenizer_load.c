/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/tokenizer_load.h"
#include "models/file.h"
#include <string.h>

/* --- files --- */

static gboolean
load_json (int dir_fd, const char *name, gsize max_bytes, VlfJson **json, GError **error)
{
  if (!vlf_file_exists (dir_fd, name))
    return TRUE;
  *json = vlf_json_load (dir_fd, name, max_bytes, NULL, error);
  if (*json && vlf_json_type (*json) != VLF_JSON_OBJECT) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: expected an object, found %s", name,
                 vlf_json_type_name (*json));
    return FALSE;
  }
  return *json != NULL;
}

static gboolean
load_text (int dir_fd, const char *name, gchar **text, gsize *length, GError **error)
{
  if (!vlf_file_exists (dir_fd, name))
    return TRUE;
  *text = vlf_file_load (dir_fd, name, VLF_JSON_TOKENIZER_BYTES, length, error);
  return *text != NULL;
}

static gboolean
load_files (int dir_fd, VlfTokenizerFiles *files, GError **error)
{
  if (!load_json (dir_fd, "tokenizer_config.json", VLF_JSON_CONFIG_BYTES, &files->config, error) ||
      !load_json (dir_fd, "special_tokens_map.json", VLF_JSON_CONFIG_BYTES, &files->special, error) ||
      !load_json (dir_fd, "added_tokens.json", VLF_JSON_CONFIG_BYTES, &files->added, error) ||
      !load_json (dir_fd, "tokenizer.json", VLF_JSON_TOKENIZER_BYTES, &files->whole, error))
    return FALSE;
  if (files->whole)
    return TRUE;
  if (!load_json (dir_fd, "vocab.json", VLF_JSON_TOKENIZER_BYTES, &files->vocab, error) ||
      !load_text (dir_fd, "merges.txt", &files->merges, &files->merges_length, error))
    return FALSE;
  return files->vocab || load_text (dir_fd, "vocab.txt", &files->words, &files->words_length, error);
}

/* What transformers' SiglipTokenizer reads, and nothing else. */
static gboolean
load_pieces (int dir_fd, VlfTokenizerFiles *files, VlfTokenizerClass class_, GError **error)
{
  return class_ != VLF_CLASS_SIGLIP || load_text (dir_fd, "spiece.model", &files->pieces, &files->pieces_length, error);
}

static void
files_clear (VlfTokenizerFiles *files)
{
  vlf_json_free (files->config);
  vlf_json_free (files->special);
  vlf_json_free (files->added);
  vlf_json_free (files->whole);
  vlf_json_free (files->vocab);
  g_free (files->merges);
  g_free (files->words);
  g_free (files->pieces);
}

/* --- class --- */

static gboolean
fail_class (const char *named, const char *model_type, GError **error)
{
  if (named && g_str_has_prefix (named, "Gemma"))
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
                 "tokenizer_class: expected a tokenizer that is known, found \"%.*s\": SigLIP 2's tokenizer (Gemma) is "
                 "not supported; take a model of the first SigLIP",
                 vlf_shown (named, 40), named);
  else
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
                 "model_type: expected a model whose tokenizer is known (bridgetower, blip, clip, siglip, roberta or "
                 "bert), or a tokenizer_class beside a tokenizer.json, found \"%.*s\"",
                 model_type ? vlf_shown (model_type, 40) : 4, model_type ? model_type : "null");
  return FALSE;
}

/* The class that tokenizer_config.json names, else that of the model; a name that is unknown here does what
 * tokenizer.json says. */
static gboolean
choose_class (const VlfTokenizerFiles *files, const char *model_type, VlfTokenizerClass *class_, GError **error)
{
  static const struct {
    const char *model_type, *name;
    VlfTokenizerClass class_;
  } classes[] = {
    { "bridgetower", "RobertaTokenizer", VLF_CLASS_ROBERTA },
    { "roberta", "RobertaTokenizer", VLF_CLASS_ROBERTA },
    { "clip", "CLIPTokenizer", VLF_CLASS_CLIP },
    { "blip", "BertTokenizer", VLF_CLASS_BERT },
    { "bert", "BertTokenizer", VLF_CLASS_BERT },
    { "siglip", "SiglipTokenizer", VLF_CLASS_SIGLIP },
  };
  const char *named = vlf_json_string (vlf_json_get (files->config, "tokenizer_class"), NULL);
  gsize length = named ? strlen (named) : 0;

  if (named && g_str_has_suffix (named, "Fast"))
    length -= strlen ("Fast");
  for (gsize i = 0; i < G_N_ELEMENTS (classes); i++) {
    if (named ? strncmp (classes[i].name, named, length) == 0 && !classes[i].name[length]
              : g_strcmp0 (classes[i].model_type, model_type) == 0) {
      *class_ = classes[i].class_;
      return TRUE;
    }
  }
  *class_ = VLF_CLASS_GENERIC;
  if (files->whole && named && !g_str_has_prefix (named, "Gemma"))
    return TRUE;
  return fail_class (named, model_type, error);
}

static gboolean
config_flag (const VlfTokenizerFiles *files, const char *name, gboolean absent)
{
  gboolean truth = absent;

  vlf_json_bool (vlf_json_get (files->config, name), &truth);
  return truth;
}

static void
set_bert (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, VlfModelSettings *settings)
{
  gboolean lower = config_flag (files, "do_lower_case", TRUE);

  VlfNormal steps = VLF_NORMAL_CLEAN | (lower ? VLF_NORMAL_LOWERCASE : 0);

  if (config_flag (files, "tokenize_chinese_chars", TRUE))
    steps |= VLF_NORMAL_CHINESE;
  if (config_flag (files, "strip_accents", lower))
    steps |= VLF_NORMAL_ACCENTS;
  vlf_normaliser_add_plain (&tokenizer->normaliser, steps);
  tokenizer->split = VLF_SPLIT_BERT;
  *settings = (VlfModelSettings){ .kind = VLF_MODEL_WORDPIECE, .max_chars = 100 };
}

static void
set_clip (VlfTokenizer *tokenizer)
{
  VlfNormalStep spaces = { 0 };

  vlf_replace_parse (&spaces.replace, "\\s+", " ");
  vlf_normaliser_add_plain (&tokenizer->normaliser, VLF_NORMAL_NFC);
  vlf_normaliser_add (&tokenizer->normaliser, &spaces);
  vlf_normaliser_add_plain (&tokenizer->normaliser, VLF_NORMAL_LOWERCASE);
  tokenizer->split = VLF_SPLIT_CLIP | VLF_SPLIT_GPT2;
}

/* What canonicalize_text() of transformers' SiglipTokenizer does. Python also counts four separators as white space. */
static void
set_siglip (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, VlfModelSettings *settings)
{
  VlfNormalStep punctuation = { .replace = { .least = 1 } };
  VlfNormalStep spaces = { .replace = { .spaces = TRUE, .run = TRUE, .least = 1, .content = " " } };

  for (guint c = 0; c < G_N_ELEMENTS (punctuation.replace.chars); c++) {
    punctuation.replace.chars[c] = g_ascii_ispunct ((gchar) c);
    spaces.replace.chars[c] = c >= 0x1c && c <= 0x1f;
  }
  if (config_flag (files, "do_lower_case", TRUE))
    vlf_normaliser_add_plain (&tokenizer->normaliser, VLF_NORMAL_SIGMA | VLF_NORMAL_LOWERCASE);
  vlf_normaliser_add (&tokenizer->normaliser, &punctuation);
  vlf_normaliser_add (&tokenizer->normaliser, &spaces);
  vlf_normaliser_add_plain (&tokenizer->normaliser, VLF_NORMAL_STRIP_LEFT | VLF_NORMAL_STRIP_RIGHT);
  tokenizer->end_once = TRUE;
  settings->kind = VLF_MODEL_PIECES;
}

/* What a class does whatever tokenizer.json says. */
static gboolean
set_class (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, VlfTokenizerClass class_,
           VlfModelSettings *settings, GError **error)
{
  switch (class_) {
  case VLF_CLASS_ROBERTA:
    tokenizer->split = VLF_SPLIT_GPT2 | (config_flag (files, "add_prefix_space", FALSE) ? VLF_SPLIT_PREFIX_SPACE : 0);
    return TRUE;
  case VLF_CLASS_CLIP:
    set_clip (tokenizer);
    settings->bpe.end_of_word = "</w>";
    settings->bpe.unknown = vlf_tokenizer_named (files, class_, VLF_NAMED_UNK);
    return TRUE;
  case VLF_CLASS_BERT:
    set_bert (tokenizer, files, settings);
    settings->bpe.unknown = vlf_tokenizer_named (files, class_, VLF_NAMED_UNK);
    return TRUE;
  case VLF_CLASS_SIGLIP: set_siglip (tokenizer, files, settings); return TRUE;
  default: return vlf_pipeline_parse (tokenizer, files->whole, settings, error);
  }
}

/* --- vocabulary and merges --- */

static gboolean
load_vocab (VlfTokenizer *tokenizer, const VlfJson *vocab, const char *file, GError **error)
{
  if (vlf_json_type (vocab) != VLF_JSON_OBJECT || vlf_json_size (vocab) == 0) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: expected an object of tokens and their ids, found %s of %u",
                 file, vlf_json_type_name (vocab), vlf_json_size (vocab));
    return FALSE;
  }
  for (const VlfJson *entry = vlf_json_first (vocab); entry; entry = vlf_json_next (entry)) {
    gsize length;
    const char *content = vlf_json_key (entry, &length);
    guint64 id;

    if (!vlf_json_uint (entry, &id) || id > VLF_MAX_TOKEN_ID) {
      g_autofree gchar *shown = g_strescape (content, NULL);

      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                   "%s: \"%.100s\": expected an id of at most %u, found another value", file, shown, VLF_MAX_TOKEN_ID);
      return FALSE;
    }
    if (!vlf_vocab_add (tokenizer->vocab, content, length, (guint) id, error)) {
      g_prefix_error (error, "%s: ", file);
      return FALSE;
    }
  }
  vlf_vocab_sort (tokenizer->vocab);
  return TRUE;
}

/* "a b" */
static gboolean
add_merge_line (VlfTokenizer *tokenizer, const char *line, gsize length, GError **error)
{
  const char *space = memchr (line, ' ', length);
  gsize left = space ? (gsize) (space - line) : 0, right = space ? length - left - 1 : 0;

  if (space && !memchr (space + 1, ' ', right))
    return vlf_bpe_add_merge (tokenizer->bpe, tokenizer->vocab, line, left, space + 1, right, error);
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
               "merges: expected two tokens with a space between them, found another line");
  return FALSE;
}

static gboolean
load_merges_text (VlfTokenizer *tokenizer, const char *text, gsize length, GError **error)
{
  const char *end = text + length, *line, *next;

  for (line = text; line < end; line = next + 1) {
    gsize n;

    next = memchr (line, '\n', (gsize) (end - line));
    next = next ? next : end;
    n = (gsize) (next - line);
    n -= n > 0 && line[n - 1] == '\r';
    if (n == 0 || g_str_has_prefix (line, "#version"))
      continue;
    if (!add_merge_line (tokenizer, line, n, error)) {
      g_prefix_error (error, "merges.txt: ");
      return FALSE;
    }
  }
  return TRUE;
}

/* Each one "a b" (before tokenizers 0.20) or ["a", "b"]. */
static gboolean
load_merges_json (VlfTokenizer *tokenizer, const VlfJson *merges, GError **error)
{
  for (const VlfJson *merge = vlf_json_first (merges); merge; merge = vlf_json_next (merge)) {
    const VlfJson *first = vlf_json_first (merge), *second = vlf_json_next (first);
    gsize length, left_length, right_length;
    const char *line = vlf_json_string (merge, &length);
    const char *left = vlf_json_string (first, &left_length), *right = vlf_json_string (second, &right_length);
    gboolean ok = FALSE;

    if (line)
      ok = add_merge_line (tokenizer, line, length, error);
    else if (left && right && vlf_json_size (merge) == 2)
      ok = vlf_bpe_add_merge (tokenizer->bpe, tokenizer->vocab, left, left_length, right, right_length, error);
    else
      g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "model.merges: expected \"a b\" or [\"a\", \"b\"], found %s",
                   vlf_json_type_name (merge));
    if (!ok) {
      g_prefix_error (error, "tokenizer.json: ");
      return FALSE;
    }
  }
  return TRUE;
}

/* A token a line, its id the number of the line. */
static gboolean
load_words (VlfTokenizer *tokenizer, const char *text, gsize length, GError **error)
{
  const char *end = text + length, *line, *next;
  guint id = 0;

  for (line = text; line < end; line = next + 1, id++) {
    const char *stop;

    next = memchr (line, '\n', (gsize) (end - line));
    next = next ? next : end;
    for (stop = next; stop > line && g_ascii_isspace (stop[-1]); stop--)
      ;
    if (id > VLF_MAX_TOKEN_ID || !g_utf8_validate_len (line, (gsize) (stop - line), NULL)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                   "vocab.txt: line %u: expected at most %u lines of UTF-8, found others", id + 1,
                   VLF_MAX_TOKEN_ID + 1);
      return FALSE;
    }
    if (!vlf_vocab_add (tokenizer->vocab, line, (gsize) (stop - line), id, error)) {
      g_prefix_error (error, "vocab.txt: ");
      return FALSE;
    }
  }
  vlf_vocab_sort (tokenizer->vocab);
  return TRUE;
}

static gboolean
missing (const char *files, GError **error)
{
  g_set_error (error, VLF_ERROR, VLF_ERROR_NOT_FOUND, "expected %s, found no such tokenizer", files);
  return FALSE;
}

static gboolean
load_wordpiece (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, const VlfModelSettings *settings,
                GError **error)
{
  const VlfJson *vocab = vlf_json_path (files->whole, "model.vocab");
  gboolean ok;

  if (!files->whole && !files->words)
    return missing ("tokenizer.json or vocab.txt", error);
  ok = files->whole ? load_vocab (tokenizer, vocab, "tokenizer.json: model.vocab", error)
                    : load_words (tokenizer, files->words, files->words_length, error);
  if (ok)
    tokenizer->wordpiece =
        vlf_wordpiece_new (tokenizer->vocab, settings->prefix, settings->bpe.unknown, settings->max_chars, error);
  return tokenizer->wordpiece != NULL;
}

static gboolean
load_bpe (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, const VlfModelSettings *settings, GError **error)
{
  const VlfJson *model = vlf_json_get (files->whole, "model");
  gboolean ok;

  if (!files->whole && (!files->vocab || !files->merges))
    return missing ("tokenizer.json, or vocab.json and merges.txt", error);
  ok = files->whole ? load_vocab (tokenizer, vlf_json_get (model, "vocab"), "tokenizer.json: model.vocab", error)
                    : load_vocab (tokenizer, files->vocab, "vocab.json", error);
  if (!ok)
    return FALSE;
  tokenizer->bpe = vlf_bpe_new (&settings->bpe);
  ok = files->whole ? load_merges_json (tokenizer, vlf_json_get (model, "merges"), error)
                    : load_merges_text (tokenizer, files->merges, files->merges_length, error);
  return ok && vlf_bpe_finish (tokenizer->bpe, tokenizer->vocab, error);
}

static gboolean
load_unigram (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, GError **error)
{
  const VlfJson *model = vlf_json_get (files->whole, "model");
  gboolean bytes = FALSE;

  vlf_json_bool (vlf_json_get (model, "byte_fallback"), &bytes);
  tokenizer->unigram =
      vlf_unigram_new (vlf_json_get (model, "vocab"), vlf_json_get (model, "unk_id"), bytes, tokenizer->vocab, error);
  if (!tokenizer->unigram)
    g_prefix_error (error, "tokenizer.json: ");
  return tokenizer->unigram != NULL;
}

static gboolean
load_spiece (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, GError **error)
{
  if (vlf_json_size (vlf_json_get (files->config, "sp_model_kwargs")) > 0) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
                 "tokenizer_config.json: sp_model_kwargs: expected none, found %u",
                 vlf_json_size (vlf_json_get (files->config, "sp_model_kwargs")));
    return FALSE;
  }
  if (!files->pieces && !files->whole)
    return missing ("spiece.model or tokenizer.json", error);
  tokenizer->spiece =
      files->pieces
          ? vlf_spiece_parse (files->pieces, files->pieces_length, tokenizer->vocab, &tokenizer->unigram, error)
          : vlf_spiece_parse_json (files->whole, tokenizer->vocab, &tokenizer->unigram, error);
  if (!tokenizer->spiece) {
    g_prefix_error (error, "%s: ", files->pieces ? "spiece.model" : "tokenizer.json");
    return FALSE;
  }
  if (!config_flag (files, "legacy", TRUE))
    vlf_spiece_no_prefix (tokenizer->spiece);
  tokenizer->lead = g_strdup (vlf_tokenizer_named (files, VLF_CLASS_SIGLIP, VLF_NAMED_UNK));
  if (tokenizer->lead && vlf_tokenizer_measure_lead (tokenizer))
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "tokenizer_config.json: unk_token: expected a token, found null");
  return FALSE;
}

static gboolean
load_model (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, const VlfModelSettings *settings, GError **error)
{
  const VlfJson *type = vlf_json_path (files->whole, "model.type");
  static const char *const names[] = { "BPE", "WordPiece", "Unigram" };
  const char *expected, *found = vlf_json_string (type, NULL);

  if (settings->kind == VLF_MODEL_PIECES)
    return load_spiece (tokenizer, files, error);
  expected = names[settings->kind];
  if (type && !vlf_json_is (type, expected)) {
    found = found ? found : vlf_json_type_name (type);
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED, "tokenizer.json: model.type: expected \"%s\", found \"%.*s\"",
                 expected, vlf_shown (found, 40), found);
    return FALSE;
  }
  switch (settings->kind) {
  case VLF_MODEL_UNIGRAM: return load_unigram (tokenizer, files, error);
  case VLF_MODEL_WORDPIECE: return load_wordpiece (tokenizer, files, settings, error);
  default: return load_bpe (tokenizer, files, settings, error);
  }
}

/* --- settings --- */

static gboolean
set_around (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, VlfTokenizerClass class_, GError **error)
{
  const gboolean clip = class_ == VLF_CLASS_CLIP, siglip = class_ == VLF_CLASS_SIGLIP;
  const char *first, *last;
  gint before, after;

  if (class_ == VLF_CLASS_GENERIC)
    return vlf_pipeline_parse_specials (tokenizer, files->whole, error);
  first = vlf_tokenizer_named (files, class_, clip ? VLF_NAMED_BOS : VLF_NAMED_CLS);
  last = vlf_tokenizer_named (files, class_, clip || siglip ? VLF_NAMED_EOS : VLF_NAMED_SEP);
  before = first ? vlf_tokenizer_lookup (tokenizer, first) : -1;
  after = last ? vlf_tokenizer_lookup (tokenizer, last) : -1;
  if ((before < 0 && !siglip) || after < 0) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "tokenizer_config.json: expected the tokens that begin and end a text, found null");
    return FALSE;
  }
  if (!siglip)
    tokenizer->before[tokenizer->n_before++] = (guint) before;
  tokenizer->after[tokenizer->n_after++] = (guint) after;
  return TRUE;
}

static gboolean
set_rest (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, VlfTokenizerClass class_, GError **error)
{
  static const VlfNamed roles[] = { [VLF_TOKEN_BOS] = VLF_NAMED_BOS,
                                    [VLF_TOKEN_EOS] = VLF_NAMED_EOS,
                                    [VLF_TOKEN_PAD] = VLF_NAMED_PAD,
                                    [VLF_TOKEN_MASK] = VLF_NAMED_MASK,
                                    [VLF_TOKEN_UNK] = VLF_NAMED_UNK };
  const VlfJson *length = vlf_json_get (files->config, "model_max_length");
  double max_length = 0;

  for (guint i = 0; i < G_N_ELEMENTS (roles); i++) {
    const char *content = vlf_tokenizer_named (files, class_, roles[i]);
    tokenizer->roles[i] = content ? vlf_tokenizer_lookup (tokenizer, content) : -1;
  }
  tokenizer->model_max_length = class_ == VLF_CLASS_SIGLIP && !length ? 64 : G_MAXUINT;
  if (vlf_json_double (length, &max_length) && max_length >= 1 && max_length < G_MAXUINT)
    tokenizer->model_max_length = (guint) max_length;
  tokenizer->cut_start = vlf_json_is (vlf_json_get (files->config, "truncation_side"), "left");
  tokenizer->clean_up = !tokenizer->bpe && config_flag (files, "clean_up_tokenization_spaces", FALSE);
  if (!config_flag (files, "split_special_tokens", FALSE))
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
               "tokenizer_config.json: split_special_tokens: expected false, found true");
  return FALSE;
}

gboolean
vlf_tokenizer_load (VlfTokenizer *tokenizer, int dir_fd, const char *model_type, GError **error)
{
  VlfTokenizerFiles files = { 0 };
  VlfTokenizerClass class_;
  VlfModelSettings settings = { 0 };
  gboolean ok =
      load_files (dir_fd, &files, error) && choose_class (&files, model_type, &class_, error) &&
      load_pieces (dir_fd, &files, class_, error) && set_class (tokenizer, &files, class_, &settings, error) &&
      load_model (tokenizer, &files, &settings, error) &&
      vlf_tokenizer_add_specials (tokenizer, &files, class_, error) && set_around (tokenizer, &files, class_, error) &&
      set_rest (tokenizer, &files, class_, error) && vlf_added_finish (tokenizer->added, &tokenizer->normaliser, error);

  files_clear (&files);
  return ok;
}
