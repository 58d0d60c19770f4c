/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/tokenizer_load.h"
#include <stdlib.h>
#include <string.h>

static const char *const keys[VLF_N_NAMED] = { "bos_token", "eos_token", "unk_token", "sep_token",
                                               "pad_token", "cls_token", "mask_token" };

static const char *const defaults[][VLF_N_NAMED] = {
  [VLF_CLASS_ROBERTA] = { "<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>" },
  [VLF_CLASS_CLIP] = { "<|startoftext|>", "<|endoftext|>", "<|endoftext|>", NULL, "<|endoftext|>", NULL, NULL },
  [VLF_CLASS_BERT] = { NULL, NULL, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]" },
  [VLF_CLASS_SIGLIP] = { NULL, "</s>", "<unk>", NULL, "</s>", NULL, NULL },
  [VLF_CLASS_GENERIC] = { NULL },
};

/* A token is written as its content or as an object. */
static const char *
content_of (const VlfJson *value)
{
  const char *content = vlf_json_string (value, NULL);

  return content ? content : vlf_json_string (vlf_json_get (value, "content"), NULL);
}

/* Where the files say what a named token is; NULL if they do not. The older special_tokens_map.json counts unless
 * the config lists all added tokens itself. */
static const VlfJson *
named_value (const VlfTokenizerFiles *files, VlfNamed named)
{
  const VlfJson *value = NULL;

  if (!vlf_json_get (files->config, "added_tokens_decoder"))
    value = vlf_json_get (files->special, keys[named]);
  return value ? value : vlf_json_get (files->config, keys[named]);
}

const char *
vlf_tokenizer_named (const VlfTokenizerFiles *files, VlfTokenizerClass class_, VlfNamed named)
{
  const VlfJson *value = named_value (files, named);

  return value ? content_of (value) : defaults[class_][named];
}

/* --- added tokens --- */

typedef struct {
  guint64 index; /* as the files number them, only for the order */
  guint order;   /* of equal indices, the last one counts */
  VlfAddedToken token;
} Listed;

static gboolean
flag (const VlfJson *object, const char *name, gboolean absent)
{
  gboolean truth = absent;

  vlf_json_bool (vlf_json_get (object, name), &truth);
  return truth;
}

/* @value as content or object; @special: what it is unless the object says. */
static VlfAddedToken
read_token (const VlfJson *value, gboolean special)
{
  VlfAddedToken token = { .content = content_of (value), .special = flag (value, "special", special) };

  token.lstrip = flag (value, "lstrip", FALSE);
  token.rstrip = flag (value, "rstrip", FALSE);
  token.single_word = flag (value, "single_word", FALSE);
  token.normalized = flag (value, "normalized", !token.special);
  return token;
}

/* The config's list of further special tokens: "extra_special_tokens" is the newer name. */
static const VlfJson *
extra_list (const VlfTokenizerFiles *files)
{
  const VlfJson *extra = vlf_json_get (files->config, "extra_special_tokens");
  const VlfJson *additional = vlf_json_get (files->config, "additional_special_tokens");

  return vlf_json_size (extra) > 0 || !additional ? extra : additional;
}

static gboolean
is_in_list (const VlfJson *values, const char *content)
{
  for (const VlfJson *entry = vlf_json_first (values); entry; entry = vlf_json_next (entry))
    if (g_strcmp0 (content_of (entry), content) == 0)
      return TRUE;
  return FALSE;
}

/* Whether the files, not only the class, call this token special. */
static gboolean
is_named (const VlfTokenizerFiles *files, const char *content)
{
  for (guint i = 0; i < VLF_N_NAMED; i++)
    if (g_strcmp0 (vlf_tokenizer_named (files, VLF_CLASS_GENERIC, i), content) == 0)
      return TRUE;
  return is_in_list (extra_list (files), content) ||
         is_in_list (vlf_json_get (files->special, "extra_special_tokens"), content);
}

static void
list (GArray *listed, guint64 index, const VlfAddedToken *token)
{
  Listed entry = { index, listed->len, *token };

  if (token->content)
    g_array_append_val (listed, entry);
}

static int
compare_listed (const void *a, const void *b)
{
  const Listed *x = a, *y = b;

  if (x->index != y->index)
    return x->index < y->index ? -1 : 1;
  return x->order < y->order ? -1 : x->order > y->order;
}

/* The added tokens that the files list, in the order of their indices. */
static GArray *
list_added (const VlfTokenizerFiles *files)
{
  GArray *listed = g_array_new (FALSE, FALSE, sizeof (Listed));
  const VlfJson *decoder = vlf_json_get (files->config, "added_tokens_decoder"), *entry;
  VlfAddedToken token;
  guint64 index;

  for (entry = vlf_json_first (decoder); entry; entry = vlf_json_next (entry)) {
    token = read_token (entry, FALSE);
    if (g_ascii_string_to_unsigned (vlf_json_key (entry, NULL), 10, 0, G_MAXUINT64, &index, NULL))
      list (listed, index, &token);
  }
  for (entry = decoder ? NULL : vlf_json_first (files->added); entry; entry = vlf_json_next (entry)) {
    const char *content = vlf_json_key (entry, NULL);
    gboolean special = is_named (files, content);

    token = (VlfAddedToken){ .content = content, .special = special, .normalized = !special };
    if (vlf_json_uint (entry, &index))
      list (listed, index, &token);
  }
  for (entry = decoder ? NULL : vlf_json_first (vlf_json_get (files->whole, "added_tokens")); entry;
       entry = vlf_json_next (entry)) {
    token = read_token (entry, FALSE);
    if (vlf_json_uint (vlf_json_get (entry, "id"), &index))
      list (listed, index, &token);
  }
  if (listed->len > 0)
    qsort (listed->data, listed->len, sizeof (Listed), compare_listed);
  return listed;
}

/* @numbered: they have the ids that the files list. */
static gboolean
add_listed (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, gboolean numbered, GError **error)
{
  g_autoptr (GArray) listed = list_added (files);

  for (guint i = 0; i < listed->len; i++) {
    Listed *entry = &g_array_index (listed, Listed, i);

    if (i + 1 < listed->len && entry[1].index == entry->index)
      continue;
    if (numbered && (entry->index > VLF_MAX_TOKEN_ID || entry->token.single_word)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
                   "expected added tokens with ids of at most %u that are not single_word, found another one",
                   VLF_MAX_TOKEN_ID);
      return FALSE;
    }
    entry->token.numbered = numbered;
    entry->token.id = (guint) entry->index;
    if (!vlf_added_add (tokenizer->added, &entry->token, tokenizer->vocab, error))
      return FALSE;
  }
  return TRUE;
}

/* --- special tokens --- */

/* What the files and the class name one after the other. Of one that is named twice the later flags count, but a
 * bare string changes nothing if it was there as a bare string before. */
typedef struct {
  VlfTokenizer *tokenizer;
  guint listed;       /* the first added tokens, whose flags stand */
  GPtrArray *strings; /* those without flags so far */
} Naming;

static gboolean
is_listed (const Naming *naming, const char *content)
{
  for (guint i = 0; i < naming->listed; i++)
    if (strcmp (vlf_added_nth (naming->tokenizer->added, i)->content, content) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
add_special (Naming *naming, const VlfJson *value, const char *content, GError **error)
{
  gboolean bare = vlf_json_type (value) != VLF_JSON_OBJECT;
  VlfAddedToken token = read_token (value, TRUE);

  token.content = content;
  if (!content || is_listed (naming, content) ||
      (bare && g_ptr_array_find_with_equal_func (naming->strings, content, g_str_equal, NULL)))
    return TRUE;
  if (bare)
    g_ptr_array_add (naming->strings, (gpointer) content);
  return vlf_added_add (naming->tokenizer->added, &token, naming->tokenizer->vocab, error);
}

static gboolean
is_standard_key (const char *key)
{
  for (guint i = 0; i < VLF_N_NAMED; i++)
    if (strcmp (keys[i], key) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
add_list (Naming *naming, const VlfJson *values, GError **error)
{
  for (const VlfJson *entry = vlf_json_first (values); entry; entry = vlf_json_next (entry))
    if (!add_special (naming, entry, content_of (entry), error))
      return FALSE;
  return TRUE;
}

/* Lists of further tokens. */
static gboolean
add_lists (Naming *naming, const VlfTokenizerFiles *files, GError **error)
{
  const VlfJson *special = vlf_json_get (files->config, "added_tokens_decoder") ? NULL : files->special;
  const VlfJson *extra = extra_list (files), *more = vlf_json_get (special, "extra_special_tokens");

  if (!extra && !more)
    extra = vlf_json_get (special, "additional_special_tokens");
  return add_list (naming, extra, error) && add_list (naming, more, error);
}

/* Other keys of the config that name a token ("image_token"). */
static gboolean
add_other_keys (Naming *naming, const VlfTokenizerFiles *files, GError **error)
{
  for (const VlfJson *entry = vlf_json_first (files->config); entry; entry = vlf_json_next (entry)) {
    const char *key = vlf_json_key (entry, NULL);

    if (g_str_has_suffix (key, "_token") && !is_standard_key (key) &&
        !add_special (naming, entry, content_of (entry), error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
add_named (Naming *naming, const VlfTokenizerFiles *files, VlfTokenizerClass class_, GError **error)
{
  for (guint i = 0; i < VLF_N_NAMED; i++)
    if (!add_special (naming, named_value (files, i), vlf_tokenizer_named (files, class_, i), error))
      return FALSE;
  return add_other_keys (naming, files, error) && add_lists (naming, files, error);
}

/* Entries of one list are looked for in others, one by one. */
static gboolean
check_lists (const VlfTokenizerFiles *files, GError **error)
{
  const struct {
    const char *name;
    const VlfJson *list;
  } lists[] = {
    { "tokenizer.json: added_tokens", vlf_json_get (files->whole, "added_tokens") },
    { "added_tokens.json", files->added },
    { "tokenizer_config.json", files->config },
    { "tokenizer_config.json: added_tokens_decoder", vlf_json_get (files->config, "added_tokens_decoder") },
    { "tokenizer_config.json: extra_special_tokens", vlf_json_get (files->config, "extra_special_tokens") },
    { "tokenizer_config.json: additional_special_tokens", vlf_json_get (files->config, "additional_special_tokens") },
    { "special_tokens_map.json: extra_special_tokens", vlf_json_get (files->special, "extra_special_tokens") },
    { "special_tokens_map.json: additional_special_tokens",
      vlf_json_get (files->special, "additional_special_tokens") },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    if (vlf_json_size (lists[i].list) <= VLF_MAX_ADDED)
      continue;
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: expected at most %u entries, found %u", lists[i].name,
                 VLF_MAX_ADDED, vlf_json_size (lists[i].list));
    return FALSE;
  }
  return TRUE;
}

gboolean
vlf_tokenizer_add_specials (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, VlfTokenizerClass class_,
                            GError **error)
{
  /* That class takes them from tokenizer.json first, in the order of the list. */
  const VlfJson *entry =
      class_ == VLF_CLASS_GENERIC ? vlf_json_first (vlf_json_get (files->whole, "added_tokens")) : NULL;
  Naming naming = { .tokenizer = tokenizer };
  gboolean ok;

  if (!check_lists (files, error))
    return FALSE;
  for (; entry; entry = vlf_json_next (entry)) {
    VlfAddedToken token = read_token (entry, FALSE);

    if (token.content && !vlf_added_add (tokenizer->added, &token, tokenizer->vocab, error))
      return FALSE;
  }
  if (!add_listed (tokenizer, files, class_ == VLF_CLASS_SIGLIP, error))
    return FALSE;
  naming.listed = vlf_added_size (tokenizer->added);
  naming.strings = g_ptr_array_new ();
  ok = add_named (&naming, files, class_, error);
  g_ptr_array_unref (naming.strings);
  if (class_ == VLF_CLASS_SIGLIP)
    vlf_added_match_raw (tokenizer->added);
  return ok;
}
