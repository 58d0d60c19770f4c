/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:gstvltextmeta
 * @title: GstVlTextMeta
 * @short_description: what an encoded text says
 *
 * Encoded texts, `application/x-vlf-text-embedding`, come from `vltextenc` and go to the text pads of `vlfusion`. The buffer has the numbers,
 * this meta the words. Like all metas it stays within the process: between processes encoded texts go as files.
 *
 * Since: 0.1
 */
#include "gstvltextmeta.h"
#include <string.h>

typedef struct {
  gchar *text;
  gfloat weight;
  gboolean phrase;
} Word;

GType
gst_vl_text_meta_api_get_type (void)
{
  static gsize type = 0;
  static const gchar *tags[] = { NULL };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, gst_meta_api_type_register ("GstVlTextMetaAPI", tags));
  return type;
}

static gboolean
meta_init (GstMeta *base, gpointer params, GstBuffer *buffer)
{
  GstVlTextMeta *meta = (GstVlTextMeta *) base;

  (void) params;
  (void) buffer;
  memset ((guint8 *) meta + sizeof (GstMeta), 0, sizeof (GstVlTextMeta) - sizeof (GstMeta));
  return TRUE;
}

static void
word_clear (gpointer word)
{
  g_free (((Word *) word)->text);
}

static void
meta_free (GstMeta *base, GstBuffer *buffer)
{
  GstVlTextMeta *meta = (GstVlTextMeta *) base;

  (void) buffer;
  g_clear_pointer (&meta->text, g_free);
  g_clear_pointer (&meta->words, g_array_unref);
  g_clear_pointer (&meta->word_of, g_free);
  g_clear_pointer (&meta->mask, g_free);
}

static gboolean
meta_transform (GstBuffer *to, GstMeta *base, GstBuffer *from, GQuark type, gpointer data)
{
  const GstVlTextMeta *meta = (const GstVlTextMeta *) base;
  GstVlTextMeta *copy;

  (void) from;
  if (!GST_META_TRANSFORM_IS_COPY (type) || ((GstMetaTransformCopy *) data)->region)
    return FALSE;
  copy = gst_buffer_add_vl_text_meta (to, meta->text, meta->n_tokens);
  if (!copy)
    return FALSE;
  for (guint i = 0; i < meta->n_words; i++) {
    const Word *word = &g_array_index (meta->words, Word, i);

    gst_vl_text_meta_add_word (copy, word->text, word->weight, word->phrase);
  }
  memcpy (copy->word_of, meta->word_of, meta->n_tokens * sizeof *meta->word_of);
  memcpy (copy->mask, meta->mask, meta->n_tokens);
  return TRUE;
}

const GstMetaInfo *
gst_vl_text_meta_get_info (void)
{
  static gsize info = 0;

  if (g_once_init_enter (&info))
    g_once_init_leave (&info, (gsize) gst_meta_register (GST_VL_TEXT_META_API_TYPE, "GstVlTextMeta",
                                                         sizeof (GstVlTextMeta), meta_init, meta_free, meta_transform));
  return (const GstMetaInfo *) info;
}

GstVlTextMeta *
gst_buffer_add_vl_text_meta (GstBuffer *buffer, const gchar *text, guint n_tokens)
{
  GstVlTextMeta *meta;

  g_return_val_if_fail (GST_IS_BUFFER (buffer) && gst_buffer_is_writable (buffer), NULL);
  g_return_val_if_fail (text && n_tokens > 0, NULL);
  meta = (GstVlTextMeta *) gst_buffer_add_meta (buffer, GST_VL_TEXT_META_INFO, NULL);
  if (!meta)
    return NULL;
  meta->text = g_strdup (text);
  meta->n_tokens = n_tokens;
  meta->words = g_array_new (FALSE, FALSE, sizeof (Word));
  g_array_set_clear_func (meta->words, word_clear);
  meta->word_of = g_new (gint, n_tokens);
  meta->mask = g_malloc (n_tokens);
  for (guint t = 0; t < n_tokens; t++)
    meta->word_of[t] = -1;
  memset (meta->mask, 1, n_tokens);
  return meta;
}

GstVlTextMeta *
gst_buffer_get_vl_text_meta (GstBuffer *buffer)
{
  return (GstVlTextMeta *) gst_buffer_get_meta (buffer, GST_VL_TEXT_META_API_TYPE);
}

guint
gst_vl_text_meta_add_word (GstVlTextMeta *meta, const gchar *text, gfloat weight, gboolean phrase)
{
  Word word = { .weight = weight, .phrase = phrase };

  g_return_val_if_fail (meta && text, 0);
  word.text = g_strdup (text);
  g_array_append_val (meta->words, word);
  return meta->n_words++;
}

void
gst_vl_text_meta_set_token (GstVlTextMeta *meta, guint token, gboolean there, gint word)
{
  g_return_if_fail (meta && token < meta->n_tokens);
  g_return_if_fail (word >= -1 && word < (gint) meta->n_words);
  meta->mask[token] = there != FALSE;
  meta->word_of[token] = word;
}

gboolean
gst_vl_text_meta_has_token (const GstVlTextMeta *meta, guint token)
{
  return token < meta->n_tokens && meta->mask[token];
}

gint
gst_vl_text_meta_get_word_of_token (const GstVlTextMeta *meta, guint token)
{
  return token < meta->n_tokens ? meta->word_of[token] : -1;
}

static const Word *
nth_word (const GstVlTextMeta *meta, guint word)
{
  return word < meta->n_words ? &g_array_index (meta->words, Word, word) : NULL;
}

const gchar *
gst_vl_text_meta_get_word (const GstVlTextMeta *meta, guint word)
{
  const Word *found = nth_word (meta, word);

  return found ? found->text : NULL;
}

gfloat
gst_vl_text_meta_get_weight (const GstVlTextMeta *meta, guint word)
{
  const Word *found = nth_word (meta, word);

  return found ? found->weight : 1;
}

gboolean
gst_vl_text_meta_is_phrase (const GstVlTextMeta *meta, guint word)
{
  const Word *found = nth_word (meta, word);

  return !found || found->phrase;
}
