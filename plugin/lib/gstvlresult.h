/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_VL_RESULT_H__
#define __GST_VL_RESULT_H__

#include "gstvlprelude.h"

G_BEGIN_DECLS

/* What one inference on a frame and some prompts said. A mini-object: made by its producer through the functions under
 * "Making a result", immutable as soon as a second reference exists (attaching it to a buffer takes one), then readable
 * from any thread.
 *
 * Positions are pixels of the frame that the inference saw, origin at its top left corner; a buffer that was scaled
 * since says in its GstVlMeta where they are now. Maps are [rows, cols], row-major, top left cell first, over the
 * region of the frame that the grid covers. NaN and GST_CLOCK_TIME_NONE stand for "not known". What an accessor hands
 * out belongs to the result and lives as long as it, unless said otherwise. An index out of range is a programming
 * error: a critical warning, and NULL, 0 or NaN. */

/**
 * GstVlResult:
 *
 * What one inference on a frame and some prompts said; opaque and immutable.
 *
 * Since: 0.1
 */
typedef struct _GstVlResult GstVlResult;

#define GST_TYPE_VL_RESULT    (gst_vl_result_get_type ())
#define GST_VL_RESULT(obj)    ((GstVlResult *) (obj))
#define GST_IS_VL_RESULT(obj) (GST_IS_MINI_OBJECT_TYPE ((obj), GST_TYPE_VL_RESULT))

GST_VL_API
GType gst_vl_result_get_type (void);

/**
 * gst_vl_result_ref:
 * @result: a #GstVlResult
 *
 * Returns: (transfer full): @result, which from now on is immutable
 *
 * Since: 0.1
 */
GST_VL_API
GstVlResult *gst_vl_result_ref (GstVlResult *result);

/**
 * gst_vl_result_unref:
 * @result: (transfer full): a #GstVlResult
 *
 * Gives a reference back; the last one frees.
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_unref (GstVlResult *result);

/* The inference. */

/**
 * gst_vl_result_get_frame_size:
 * @result: a #GstVlResult
 * @width: (out) (optional): width of the frame that the inference saw, pixels
 * @height: (out) (optional): its height, pixels
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_get_frame_size (const GstVlResult *result, guint *width, guint *height);

/**
 * gst_vl_result_get_grid:
 * @result: a #GstVlResult
 * @rows: (out) (optional): rows of every map
 * @cols: (out) (optional): columns of every map
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_get_grid (const GstVlResult *result, guint *rows, guint *cols);

/**
 * gst_vl_result_get_region:
 * @result: a #GstVlResult
 * @x: (out) (optional): left edge, pixels
 * @y: (out) (optional): top edge, pixels
 * @width: (out) (optional): width, pixels
 * @height: (out) (optional): height, pixels
 *
 * The rectangle of the frame that the grid covers. It lies inside the frame if the model crops, and reaches beyond it
 * if it pads. For the rectangle in the frame of a buffer, which may have been scaled since, see #GstVlMeta.
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_get_region (const GstVlResult *result, gdouble *x, gdouble *y, gdouble *width, gdouble *height);

/**
 * gst_vl_result_get_source_pts:
 * @result: a #GstVlResult
 *
 * Returns: PTS of the frame that the inference saw, nanoseconds, or %GST_CLOCK_TIME_NONE
 *
 * Since: 0.1
 */
GST_VL_API
GstClockTime gst_vl_result_get_source_pts (const GstVlResult *result);

/**
 * gst_vl_result_get_generation:
 * @result: a #GstVlResult
 *
 * Returns: number of the set of prompts that were asked; grows by one each time that the producer's prompts change
 *
 * Since: 0.1
 */
GST_VL_API
guint64 gst_vl_result_get_generation (const GstVlResult *result);

/**
 * gst_vl_result_get_inference_time:
 * @result: a #GstVlResult
 *
 * Returns: how long the inference took, nanoseconds, or %GST_CLOCK_TIME_NONE
 *
 * Since: 0.1
 */
GST_VL_API
GstClockTime gst_vl_result_get_inference_time (const GstVlResult *result);

/**
 * gst_vl_result_get_reused:
 * @result: a #GstVlResult
 *
 * Returns: share of the visual tokens that were not computed anew, 0 to 1; NaN if not known
 *
 * Since: 0.1
 */
GST_VL_API
gdouble gst_vl_result_get_reused (const GstVlResult *result);

/**
 * gst_vl_result_get_threshold:
 * @result: a #GstVlResult
 *
 * Returns: the match from which on the producer takes a prompt as true of the frame, 0 to 1; NaN if it does not say
 *
 * Since: 0.1
 */
GST_VL_API
gdouble gst_vl_result_get_threshold (const GstVlResult *result);

/**
 * gst_vl_result_get_model:
 * @result: a #GstVlResult
 *
 * Returns: (nullable): name of the model
 *
 * Since: 0.1
 */
GST_VL_API
const gchar *gst_vl_result_get_model (const GstVlResult *result);

/**
 * gst_vl_result_get_fingerprint:
 * @result: a #GstVlResult
 *
 * Returns: (nullable): SHA-256 of what makes the model's text embeddings, in hex: equal fingerprints have comparable
 *   embeddings
 *
 * Since: 0.1
 */
GST_VL_API
const gchar *gst_vl_result_get_fingerprint (const GstVlResult *result);

/**
 * gst_vl_result_peek_image_embedding:
 * @result: a #GstVlResult
 * @n_values: (out) (optional): number of values
 *
 * Returns: (array length=n_values) (transfer none) (nullable): embedding of the frame alone, without any text; %NULL if
 *   the model has none
 *
 * Since: 0.1
 */
GST_VL_API
const gfloat *gst_vl_result_peek_image_embedding (const GstVlResult *result, gsize *n_values);

/* Its prompts. */

/**
 * gst_vl_result_get_n_prompts:
 * @result: a #GstVlResult
 *
 * Returns: number of prompts, in the order in which they were asked
 *
 * Since: 0.1
 */
GST_VL_API
guint gst_vl_result_get_n_prompts (const GstVlResult *result);

/**
 * gst_vl_result_get_text:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 *
 * Returns: (nullable): the prompt, UTF-8; of a caption the question, empty if none was asked
 *
 * Since: 0.1
 */
GST_VL_API
const gchar *gst_vl_result_get_text (const GstVlResult *result, guint prompt);

/**
 * gst_vl_result_get_caption:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 *
 * Returns: (nullable): the caption or answer that the model wrote, UTF-8; %NULL in a result without generated text
 *
 * Since: 0.1
 */
GST_VL_API
const gchar *gst_vl_result_get_caption (const GstVlResult *result, guint prompt);

/**
 * gst_vl_result_get_retrieved:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 * @index: (out) (optional): which text of the bank it is
 * @similarity: (out) (optional): cosine of its embedding and the frame's, which it was found by
 *
 * Texts that were found in a bank follow the prompts that were asked, best first. Their score is the similarity unless
 * cross-attention looked at them as well.
 *
 * Returns: whether the prompt was found in a bank of texts; if not, @index is 0 and @similarity NaN
 *
 * Since: 0.1
 */
GST_VL_API
gboolean gst_vl_result_get_retrieved (const GstVlResult *result, guint prompt, guint *index, gdouble *similarity);

/**
 * gst_vl_result_get_best:
 * @result: a #GstVlResult
 * @prompt: (out) (optional): index of the prompt that the frame shows; -1: none of them, "unknown"
 *
 * Returns: whether the producer judged that, by negative prompts or by a threshold
 *
 * Since: 0.1
 */
GST_VL_API
gboolean gst_vl_result_get_best (const GstVlResult *result, gint *prompt);

/**
 * gst_vl_result_get_match:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 *
 * Returns: probability that the prompt is true of the frame, 0 to 1; NaN if the model does not say
 *
 * Since: 0.1
 */
GST_VL_API
gdouble gst_vl_result_get_match (const GstVlResult *result, guint prompt);

/**
 * gst_vl_result_get_score:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 *
 * Returns: the raw number behind the match, a difference of logits or a cosine; NaN if not known
 *
 * Since: 0.1
 */
GST_VL_API
gdouble gst_vl_result_get_score (const GstVlResult *result, guint prompt);

/**
 * gst_vl_result_get_peak:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 * @x: (out) (optional): pixels from the left edge of the frame
 * @y: (out) (optional): pixels from its top edge
 *
 * Where the prompt's map is largest: the centre of that cell, in the frame that the inference saw. In the frame of a
 * buffer: gst_vl_meta_get_peak().
 *
 * Returns: %FALSE if there is no map; the position is then NaN
 *
 * Since: 0.1
 */
GST_VL_API
gboolean gst_vl_result_get_peak (const GstVlResult *result, guint prompt, gdouble *x, gdouble *y);

/**
 * gst_vl_result_peek_map:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 * @n_values: (out) (optional): number of values, rows x columns of the grid
 *
 * Where the prompt looked: the mean of the maps of its words, small words aside.
 *
 * Returns: (array length=n_values) (transfer none) (nullable): [rows, cols], row-major, attention per cell, 0 to 1, not
 *   normalised; %NULL if no map was asked for
 *
 * Since: 0.1
 */
GST_VL_API
const gfloat *gst_vl_result_peek_map (const GstVlResult *result, guint prompt, gsize *n_values);

/**
 * gst_vl_result_peek_embedding:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 * @n_values: (out) (optional): number of values
 *
 * Returns: (array length=n_values) (transfer none) (nullable): one embedding of frame and prompt together; %NULL if
 *   there is none
 *
 * Since: 0.1
 */
GST_VL_API
const gfloat *gst_vl_result_peek_embedding (const GstVlResult *result, guint prompt, gsize *n_values);

/**
 * gst_vl_result_get_embedding_kind:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 *
 * Returns: (nullable): which output of the model the embedding is, for example `cross_embeds` or `pooler_output`
 *
 * Since: 0.1
 */
GST_VL_API
const gchar *gst_vl_result_get_embedding_kind (const GstVlResult *result, guint prompt);

/* Their words. */

/**
 * gst_vl_result_get_n_words:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 *
 * Returns: number of words of the prompt, or of the caption where there is one
 *
 * Since: 0.1
 */
GST_VL_API
guint gst_vl_result_get_n_words (const GstVlResult *result, guint prompt);

/**
 * gst_vl_result_get_word_text:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 * @word: index of the word
 *
 * Returns: (nullable): the word, UTF-8
 *
 * Since: 0.1
 */
GST_VL_API
const gchar *gst_vl_result_get_word_text (const GstVlResult *result, guint prompt, guint word);

/**
 * gst_vl_result_get_word_weight:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 * @word: index of the word
 *
 * Returns: the word's share of the frame's attention on the prompt, 0 to 1; NaN if not known
 *
 * Since: 0.1
 */
GST_VL_API
gdouble gst_vl_result_get_word_weight (const GstVlResult *result, guint prompt, guint word);

/**
 * gst_vl_result_peek_word_map:
 * @result: a #GstVlResult
 * @prompt: index of the prompt
 * @word: index of the word
 * @n_values: (out) (optional): number of values, rows x columns of the grid
 *
 * Returns: (array length=n_values) (transfer none) (nullable): where the word looked, [rows, cols], row-major,
 *   attention per cell, 0 to 1, not normalised; %NULL if no map was asked for, or the model reads nothing of the word
 *
 * Since: 0.1
 */
GST_VL_API
const gfloat *gst_vl_result_peek_word_map (const GstVlResult *result, guint prompt, guint word, gsize *n_values);

/* Making a result. Float arrays come as GBytes of native-endian gfloat, so that a producer can lend its own memory; the
 * result takes a reference. All of it needs the only reference to the result. */

/**
 * gst_vl_result_new: (constructor)
 * @frame_width: width of the frame that the inference saw, pixels
 * @frame_height: its height, pixels
 * @rows: rows of every map
 * @cols: columns of every map
 *
 * A result without prompts whose grid covers the whole frame; everything else is not known. Whoever has the only
 * reference fills it.
 *
 * Returns: (transfer full): a new #GstVlResult
 *
 * Since: 0.1
 */
GST_VL_API
GstVlResult *gst_vl_result_new (guint frame_width, guint frame_height, guint rows, guint cols);

/**
 * gst_vl_result_set_region:
 * @result: a writable #GstVlResult
 * @x: left edge, pixels of the frame
 * @y: top edge, pixels
 * @width: width, pixels
 * @height: height, pixels
 *
 * Sets the rectangle of the frame that the grid covers.
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_set_region (GstVlResult *result, gdouble x, gdouble y, gdouble width, gdouble height);

/**
 * gst_vl_result_set_source:
 * @result: a writable #GstVlResult
 * @pts: PTS of the frame that the inference saw, or %GST_CLOCK_TIME_NONE
 * @generation: number of the set of prompts
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_set_source (GstVlResult *result, GstClockTime pts, guint64 generation);

/**
 * gst_vl_result_set_cost:
 * @result: a writable #GstVlResult
 * @inference_time: nanoseconds, or %GST_CLOCK_TIME_NONE
 * @reused: share of the visual tokens that were not computed anew, 0 to 1, or NaN
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_set_cost (GstVlResult *result, GstClockTime inference_time, gdouble reused);

/**
 * gst_vl_result_set_threshold:
 * @result: a writable #GstVlResult
 * @threshold: the match from which on a prompt counts as true of the frame, 0 to 1, or NaN
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_set_threshold (GstVlResult *result, gdouble threshold);

/**
 * gst_vl_result_set_model:
 * @result: a writable #GstVlResult
 * @name: (nullable): name of the model
 * @fingerprint: (nullable): SHA-256 in hex
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_set_model (GstVlResult *result, const gchar *name, const gchar *fingerprint);

/**
 * gst_vl_result_set_image_embedding:
 * @result: a writable #GstVlResult
 * @embedding: (nullable): gfloat, native-endian and aligned
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_set_image_embedding (GstVlResult *result, GBytes *embedding);

/**
 * gst_vl_result_add_prompt:
 * @result: a writable #GstVlResult
 * @text: the prompt; of a caption the question, or empty
 * @match: probability 0 to 1, or NaN
 * @score: the raw number behind it, or NaN
 * @map: (nullable): rows x columns gfloat, native-endian and aligned
 *
 * Adds a prompt behind those that are there, without peak, words and embedding.
 *
 * Returns: its index
 *
 * Since: 0.1
 */
GST_VL_API
guint gst_vl_result_add_prompt (GstVlResult *result, const gchar *text, gdouble match, gdouble score, GBytes *map);

/**
 * gst_vl_result_set_peak:
 * @result: a writable #GstVlResult
 * @prompt: index of the prompt
 * @x: pixels from the left edge of the frame
 * @y: pixels from its top edge
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_set_peak (GstVlResult *result, guint prompt, gdouble x, gdouble y);

/**
 * gst_vl_result_set_retrieved:
 * @result: a writable #GstVlResult
 * @prompt: index of the prompt
 * @index: which text of the bank it is
 * @similarity: the cosine that it was found by
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_set_retrieved (GstVlResult *result, guint prompt, guint index, gdouble similarity);

/**
 * gst_vl_result_set_best:
 * @result: a writable #GstVlResult
 * @prompt: index of the prompt that the frame shows, or -1 for none of them
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_set_best (GstVlResult *result, gint prompt);

/**
 * gst_vl_result_set_caption:
 * @result: a writable #GstVlResult
 * @prompt: index of the prompt
 * @caption: (nullable): text that the model wrote; the words added to this prompt are then the caption's
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_set_caption (GstVlResult *result, guint prompt, const gchar *caption);

/**
 * gst_vl_result_set_embedding:
 * @result: a writable #GstVlResult
 * @prompt: index of the prompt
 * @embedding: (nullable): gfloat, native-endian and aligned
 * @kind: (nullable): which output of the model it is
 *
 * Since: 0.1
 */
GST_VL_API
void gst_vl_result_set_embedding (GstVlResult *result, guint prompt, GBytes *embedding, const gchar *kind);

/**
 * gst_vl_result_add_word:
 * @result: a writable #GstVlResult
 * @prompt: index of the prompt
 * @text: the word
 * @weight: its share of the attention, 0 to 1, or NaN
 * @map: (nullable): rows x columns gfloat, native-endian and aligned
 *
 * Adds a word behind those that the prompt has.
 *
 * Returns: its index
 *
 * Since: 0.1
 */
GST_VL_API
guint gst_vl_result_add_word (GstVlResult *result, guint prompt, const gchar *text, gdouble weight, GBytes *map);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstVlResult, gst_vl_result_unref)

G_END_DECLS

#endif /* __GST_VL_RESULT_H__ */
