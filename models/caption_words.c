/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/caption_private.h"
#include <math.h>
#include <string.h>

static gboolean
is_special (const VlfModel *model, guint32 id)
{
  static const char *const frame[] = { "[CLS]", "[SEP]", NULL };
  const char *content = vlf_tokenizer_content (model->tokenizer, id);

  if (!content || g_strv_contains (frame, content))
    return TRUE;
  if (id == model->net->start_id || id == model->net->end_id)
    return TRUE;
  for (VlfTokenRole role = VLF_TOKEN_BOS; role <= VLF_TOKEN_UNK; role++)
    if (vlf_tokenizer_id (model->tokenizer, role) == (gint) id)
      return TRUE;
  return FALSE;
}

/* The bytes of all tokens; token t wrote those from ends[t - 1] to ends[t]. */
static GString *
join_tokens (const VlfModel *model, const VlfGenerated *generated, guint first, gsize *ends)
{
  GString *text = g_string_new (NULL);

  for (guint t = 0; t < generated->n; t++) {
    if (t >= first && !is_special (model, generated->ids[t]))
      vlf_tokenizer_append (model->tokenizer, generated->ids[t], text);
    ends[t] = text->len;
  }
  vlf_tokenizer_clean_up (model->tokenizer, text, ends, generated->n);
  return text;
}

/* The word in bytes [@begin, @end) of the text: the tokens that wrote some of it, those of the prefix aside, say how sure it is and where it
 * looked. */
static VlfWordResult
read_word (const GString *text, gsize begin, gsize end, const VlfGenerated *generated, const gsize *ends,
           const float *maps, gsize cells)
{
  VlfWordResult word = { .text = g_utf8_make_valid (text->str + begin, (gssize) (end - begin)), .weight = NAN };
  double log_prob = 0;
  guint n = 0;

  if (maps)
    word.map = g_new0 (float, cells);
  for (guint t = generated->n_prefix; t < generated->n; t++) {
    if (ends[t] <= begin || ends[t - 1] >= end || ends[t] == ends[t - 1])
      continue;
    n++;
    log_prob += generated->log_probs[t];
    for (gsize i = 0; i < cells && maps; i++)
      word.map[i] += maps[t * cells + i];
  }
  for (gsize i = 0; i < cells && maps; i++)
    word.map[i] /= (float) MAX (n, 1);
  if (n > 0)
    word.weight = (float) exp (log_prob);
  else
    g_clear_pointer (&word.map, g_free);
  return word;
}

void
vlf_caption_read (VlfCaption *caption, const VlfModel *model, const VlfGenerated *generated, guint first,
                  const float *maps)
{
  const gsize cells = (gsize) caption->rows * caption->cols;
  g_autofree gsize *ends = g_new0 (gsize, generated->n);
  GString *text = join_tokens (model, generated, first, ends);
  GArray *words = g_array_new (FALSE, FALSE, sizeof (VlfWordResult));

  for (gsize at = 0, end; at < text->len; at = end) {
    VlfWordResult word;

    while (at < text->len && g_ascii_isspace (text->str[at]))
      at++;
    for (end = at; end < text->len && !g_ascii_isspace (text->str[end]);)
      end++;
    if (end == at)
      break;
    word = read_word (text, at, end, generated, ends, maps, cells);
    g_array_append_val (words, word);
  }
  caption->text = g_utf8_make_valid (g_strstrip (text->str), -1);
  caption->n_words = words->len;
  caption->words = (VlfWordResult *) g_array_free (words, FALSE);
  g_string_free (text, TRUE);
}
