/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlencoded.h"
#include <string.h>
#include "kernels/size.h"
#include "plugin/lib/vlfusion.h"

/* Rows that are there stand in front; 0: not all of them do. */
static guint
count_tokens (const GstVlTextMeta *meta)
{
  guint n = 0;

  while (n < meta->n_tokens && gst_vl_text_meta_has_token (meta, n))
    n++;
  for (guint t = n; t < meta->n_tokens; t++)
    if (gst_vl_text_meta_has_token (meta, t))
      return 0;
  return n;
}

static gboolean
check_buffer (GstBuffer *buffer, const GstVlTextMeta *meta, const VlfEncoding *encoding, GError **error)
{
  gsize row, size = 0, found = gst_buffer_get_size (buffer);

  if (!meta || !*meta->text) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "encoded text: expected a buffer with a GstVlTextMeta that says what the text is, found none");
    return FALSE;
  }
  if (vlf_size_mul ((gsize) encoding->layers * encoding->dim, sizeof (float), &row) &&
      vlf_size_mul (row, meta->n_tokens, &size) && size == found && count_tokens (meta) > 0)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
               "encoded text \"%.*s\": expected %" G_GSIZE_FORMAT
               " bytes, [%u, %u, %u] floats with the tokens that are there in "
               "front, found %" G_GSIZE_FORMAT " bytes and %u tokens in front",
               vlf_shown (meta->text, 80), meta->text, size, encoding->layers, meta->n_tokens, encoding->dim, found,
               count_tokens (meta));
  return FALSE;
}

static void
swap_bytes (gpointer floats, gsize n)
{
  guint32 *bits = floats;

  for (gsize i = 0; G_BYTE_ORDER == G_BIG_ENDIAN && i < n; i++)
    bits[i] = GUINT32_SWAP_LE_BE (bits[i]);
}

/* [layers, tokens, dim] without padding. */
static float *
extract (GstBuffer *buffer, const VlfEncoding *encoding, guint all, guint tokens)
{
  const gsize row = encoding->dim * sizeof (float);
  float *values = g_try_malloc (row * tokens * encoding->layers);

  for (gsize layer = 0; values && layer < encoding->layers; layer++)
    gst_buffer_extract (buffer, layer * all * row, values + layer * tokens * encoding->dim, tokens * row);
  if (values)
    swap_bytes (values, (gsize) encoding->layers * tokens * encoding->dim);
  return values;
}

VlfEmbeddings *
gst_vl_encoded_from_buffer (GstBuffer *buffer, const VlfEncoding *encoding, GError **error)
{
  const GstVlTextMeta *meta = gst_buffer_get_vl_text_meta (buffer);
  g_autofree VlfEmbeddedWord *words = NULL;
  g_autofree gint *word_of = NULL;
  g_autofree float *values = NULL;
  VlfEmbedding text;
  guint tokens;

  if (!check_buffer (buffer, meta, encoding, error))
    return NULL;
  tokens = count_tokens (meta);
  values = extract (buffer, encoding, meta->n_tokens, tokens);
  if (!values) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "encoded text \"%.*s\": no memory for its numbers",
                 vlf_shown (meta->text, 80), meta->text);
    return NULL;
  }
  words = g_new0 (VlfEmbeddedWord, MAX (meta->n_words, 1));
  word_of = g_new (gint, tokens);
  for (guint w = 0; w < meta->n_words; w++)
    words[w] = (VlfEmbeddedWord){ .text = gst_vl_text_meta_get_word (meta, w),
                                  .weight = gst_vl_text_meta_get_weight (meta, w),
                                  .phrase = gst_vl_text_meta_is_phrase (meta, w) };
  for (guint t = 0; t < tokens; t++)
    word_of[t] = gst_vl_text_meta_get_word_of_token (meta, t);
  text = (VlfEmbedding){
    .text = meta->text, .tokens = tokens, .values = values, .n_words = meta->n_words, .words = words, .word_of = word_of
  };
  return vlf_embeddings_copy (encoding->fingerprint, &text, 1, encoding->layers, encoding->dim, error);
}

GstBuffer *
gst_vl_encoded_to_buffer (const VlfEmbeddings *texts, guint i)
{
  const VlfEmbedding *text = &texts->texts[i];
  gsize n = (gsize) texts->layers * text->tokens * texts->dim;
  gpointer values = g_memdup2 (text->values, n * sizeof (float));
  GstBuffer *buffer;
  GstVlTextMeta *meta;

  swap_bytes (values, n);
  buffer = gst_buffer_new_wrapped (values, n * sizeof (float));
  meta = gst_buffer_add_vl_text_meta (buffer, text->text, text->tokens);
  for (guint w = 0; w < text->n_words; w++)
    gst_vl_text_meta_add_word (meta, text->words[w].text, text->words[w].weight, text->words[w].phrase);
  for (guint t = 0; text->word_of && t < text->tokens; t++)
    gst_vl_text_meta_set_token (meta, t, TRUE, text->word_of[t]);
  return buffer;
}

GstCaps *
gst_vl_encoding_to_caps (const VlfEncoding *encoding)
{
  return gst_caps_new_simple (GST_VL_ENCODED_CAPS, "model", G_TYPE_STRING, encoding->fingerprint, "layers", G_TYPE_INT,
                              (gint) encoding->layers, "dim", G_TYPE_INT, (gint) encoding->dim, NULL);
}

gboolean
gst_vl_encoding_from_caps (VlfEncoding *encoding, const GstCaps *caps, GError **error)
{
  const GstStructure *structure = gst_caps_get_structure (caps, 0);
  gint layers = 0, dim = 0;

  *encoding = (VlfEncoding){ .fingerprint = gst_structure_get_string (structure, "model") };
  gst_structure_get_int (structure, "layers", &layers);
  gst_structure_get_int (structure, "dim", &dim);
  if (!encoding->fingerprint || layers < 1 || layers > (gint) VLF_EMBEDDINGS_MAX_LAYERS || dim < 1 ||
      dim > (gint) VLF_EMBEDDINGS_MAX_DIM) {
    g_autofree gchar *found = gst_caps_to_string (caps);

    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "encoded texts: expected caps with model (a fingerprint), layers and dim, found %s", found);
    return FALSE;
  }
  encoding->layers = (guint) layers;
  encoding->dim = (guint) dim;
  encoding->pooled = layers == 1; /* as far as caps can say */
  return TRUE;
}
