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
  [VLF_CLASS_GENERIC] = { NULL },
};

/* A token is written as its content or as an object. */
static const char *
content_of (const VlfJson *value)
{
  const char *content = vlf_json_string (value, NULL);

  return content ? content : vlf_json_string (vlf_json_get (value, "content"), NULL);
}

/* Where the files say what a named token is; NULL if they do not. The older special_tokens_map.json counts unless the config lists all
 * added tokens itself. */
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

static gboolean
is_named (const VlfTokenizerFiles *files, const char *content)
{
  for (guint i = 0; i < VLF_N_NAMED; i++)
    if (g_strcmp0 (vlf_tokenizer_named (files, VLF_CLASS_GENERIC, i), content) == 0)
      return TRUE;
  return FALSE;
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

static gboolean
add_listed (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, GError **error)
{
  g_autoptr (GArray) listed = list_added (files);

  for (guint i = 0; i < listed->len; i++) {
    const Listed *entry = &g_array_index (listed, Listed, i);

    if (i + 1 < listed->len && entry[1].index == entry->index)
      continue;
    if (!vlf_added_add (tokenizer->added, &entry->token, tokenizer->vocab, error))
      return FALSE;
  }
  return TRUE;
}

/* A special token that is not among the added ones yet. */
static gboolean
add_special (VlfTokenizer *tokenizer, const VlfJson *value, const char *content, GError **error)
{
  VlfAddedToken token = read_token (value, TRUE);

  token.content = content;
  if (!content || vlf_added_find (tokenizer->added, content) >= 0)
    return TRUE;
  return vlf_added_add (tokenizer->added, &token, tokenizer->vocab, error);
}

/* Other keys of the config that name a token ("image_token"), then lists of further ones. */
static gboolean
add_extra (VlfTokenizer *tokenizer, const VlfTokenizerFiles *files, GError **error)
{
  static const char *const lists[] = { "extra_special_tokens", "additional_special_tokens" };
  const VlfJson *entry;

  for (entry = vlf_json_first (files->config); entry; entry = vlf_json_next (entry))
    if (g_str_has_suffix (vlf_json_key (entry, NULL), "_token") &&
        !add_special (tokenizer, entry, vlf_json_string (entry, NULL), error))
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++) {
    const VlfJson *extra =
        vlf_json_get (files->config, "added_tokens_decoder") ? NULL : vlf_json_get (files->special, lists[i]);

    extra = extra ? extra : vlf_json_get (files->config, lists[i]);
    for (entry = vlf_json_first (extra); entry; entry = vlf_json_next (entry))
      if (!add_special (tokenizer, entry, content_of (entry), error))
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

  for (; entry; entry = vlf_json_next (entry)) {
    VlfAddedToken token = read_token (entry, FALSE);

    if (token.content && !vlf_added_add (tokenizer->added, &token, tokenizer->vocab, error))
      return FALSE;
  }
  if (!add_listed (tokenizer, files, error))
    return FALSE;
  for (guint i = 0; i < VLF_N_NAMED; i++)
    if (!add_special (tokenizer, named_value (files, i), vlf_tokenizer_named (files, class_, i), error))
      return FALSE;
  return add_extra (tokenizer, files, error);
}
