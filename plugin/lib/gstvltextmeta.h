/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_VL_TEXT_META_H__
#define __GST_VL_TEXT_META_H__

#include "gstvlprelude.h"
#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_VL_TEXT_META_API_TYPE (gst_vl_text_meta_api_get_type ())
#define GST_VL_TEXT_META_INFO     (gst_vl_text_meta_get_info ())

/**
 * GST_VL_TEXT_EMBEDDING_MEDIA_TYPE:
 *
 * Name of the caps of an encoded text. Their fields: `model`, a string, the fingerprint of the model that encoded it; `layers` and
 * `dim`, integers. A buffer is little-endian 32-bit floats [layers, tokens, dim] with a #GstVlTextMeta; an empty buffer is no text.
 *
 * Since: 0.1
 */
#define GST_VL_TEXT_EMBEDDING_MEDIA_TYPE "application/x-vlf-text-embedding"

typedef struct _GstVlTextMeta GstVlTextMeta;

/**
 * GstVlTextMeta:
 * @meta: parent
 * @text: the text, UTF-8; owned by the meta
 * @n_tokens: rows of each layer in the buffer, at least 1
 * @n_words: words of the text that are named; 0: the runs of non-space characters
 *
 * What the numbers of an encoded text are of. Which token is there, and of which word, says gst_vl_text_meta_get_word_of_token(); what
 * is known of a word, the functions with its index. Copied with the whole buffer, not with parts of it. Read-only but for who attached
 * it to a writable buffer.
 *
 * Since: 0.1
 */
struct _GstVlTextMeta {
  GstMeta meta;

  gchar *text;
  guint n_tokens;
  guint n_words;

  /*< private >*/
  GArray *words;
  gint *word_of;
  guint8 *mask;
  gpointer _gst_reserved[GST_PADDING];
};

GST_VL_API
GType gst_vl_text_meta_api_get_type (void);

GST_VL_API
const GstMetaInfo *gst_vl_text_meta_get_info (void);

/**
 * gst_buffer_add_vl_text_meta:
 * @buffer: a writable #GstBuffer
 * @text: what was encoded, UTF-8
 * @n_tokens: rows of each layer, at least 1
 *
 * Attaches a meta whose tokens are all there and of no word.
 *
 * Returns: (transfer none): the new meta, owned by @buffer
 *
 * Since: 0.1
 */
GST_VL_API
GstVlTextMeta *gst_buffer_add_vl_text_meta (GstBuffer *buffer, const gchar *text, guint n_tokens);

/**
 * gst_buffer_get_vl_text_meta:
 * @buffer: a #GstBuffer
 *
 * Returns: (transfer none) (nullable): its meta
 *
 * Since: 0.1
 */
GST_VL_API
GstVlTextMeta *gst_buffer_get_vl_text_meta (GstBuffer *buffer);

/**
 * gst_vl_text_meta_add_word:
 * @meta: a meta of a writable buffer
 * @text: the word, UTF-8
 * @weight: how much pictures listen to it, 0 to 10; 1: as ever
 * @phrase: whether it is one of the words that the map of the whole text is made of
 *
 * Names the next word of the text.
 *
 * Returns: its index
 *
 * Since: 0.1
 */
GST_VL_API
guint gst_vl_text_meta_add_word (GstVlTextMeta *meta, const gchar *text, gfloat weight, gboolean phrase);

/**
 * gst_vl_text_meta_set_token:
 * @meta: a meta of a writable buffer
 * @token: index of a token
 * @there: %FALSE: the row is padding; all tokens behind it have to be, too
 * @word: index of the word that it is of; -1: of none, as special tokens are
 *
 * Says what a row of each layer is.
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_text_meta_set_token (GstVlTextMeta *meta, guint token, gboolean there, gint word);

/**
 * gst_vl_text_meta_has_token:
 * @meta: a meta
 * @token: index of a token
 *
 * Returns: %FALSE if that row of each layer is padding
 *
 * Since: 0.1
 */
GST_VL_API
gboolean gst_vl_text_meta_has_token (const GstVlTextMeta *meta, guint token);

/**
 * gst_vl_text_meta_get_word_of_token:
 * @meta: a meta
 * @token: index of a token
 *
 * Returns: index of the word that it is of, -1: of none
 *
 * Since: 0.1
 */
GST_VL_API
gint gst_vl_text_meta_get_word_of_token (const GstVlTextMeta *meta, guint token);

/**
 * gst_vl_text_meta_get_word:
 * @meta: a meta
 * @word: index of a word
 *
 * Returns: (transfer none) (nullable): its text; %NULL behind the last
 *
 * Since: 0.1
 */
GST_VL_API
const gchar *gst_vl_text_meta_get_word (const GstVlTextMeta *meta, guint word);

/**
 * gst_vl_text_meta_get_weight:
 * @meta: a meta
 * @word: index of a word
 *
 * Returns: how much pictures listen to it, 0 to 10; 1: as ever
 *
 * Since: 0.1
 */
GST_VL_API
gfloat gst_vl_text_meta_get_weight (const GstVlTextMeta *meta, guint word);

/**
 * gst_vl_text_meta_is_phrase:
 * @meta: a meta
 * @word: index of a word
 *
 * Returns: whether it is one of the words that the map of the whole text is made of; if none is, all are
 *
 * Since: 0.1
 */
GST_VL_API
gboolean gst_vl_text_meta_is_phrase (const GstVlTextMeta *meta, guint word);

G_END_DECLS

#endif /* __GST_VL_TEXT_META_H__ */
