/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef __GST_VL_RESULT_H__
#define __GST_VL_RESULT_H__

#include "gstvlprelude.h"

G_BEGIN_DECLS

/* What one inference on a frame and some prompts said. A mini-object: made by its producer through the functions under "Making a
 * result", immutable as soon as a second reference exists (attaching it to a buffer takes one), then readable from any thread.
 *
 * Positions are pixels of the frame that the inference saw, origin at its top left corner; a buffer that was scaled since says in its
 * GstVlMeta where they are now. Maps are [rows, cols], row-major, top left cell first, over the region of the frame that the grid
 * covers. NaN and GST_CLOCK_TIME_NONE stand for "not known". What an accessor hands out belongs to the result and lives as long as it,
 * unless said otherwise. An index out of range is a programming error: a critical warning, and NULL, 0 or NaN. */

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

GST_VL_API
GstVlResult *gst_vl_result_ref (GstVlResult *result);

GST_VL_API
void gst_vl_result_unref (GstVlResult *result);

/* The inference. */

GST_VL_API
void gst_vl_result_get_frame_size (const GstVlResult *result, guint *width, guint *height);

GST_VL_API
void gst_vl_result_get_grid (const GstVlResult *result, guint *rows, guint *cols);

GST_VL_API
void gst_vl_result_get_region (const GstVlResult *result, gdouble *x, gdouble *y, gdouble *width, gdouble *height);

GST_VL_API
GstClockTime gst_vl_result_get_source_pts (const GstVlResult *result);

GST_VL_API
guint64 gst_vl_result_get_generation (const GstVlResult *result);

GST_VL_API
GstClockTime gst_vl_result_get_inference_time (const GstVlResult *result);

GST_VL_API
gdouble gst_vl_result_get_reused (const GstVlResult *result);

GST_VL_API
const gchar *gst_vl_result_get_model (const GstVlResult *result);

GST_VL_API
const gchar *gst_vl_result_get_fingerprint (const GstVlResult *result);

GST_VL_API
const gfloat *gst_vl_result_peek_image_embedding (const GstVlResult *result, gsize *n_values);

/* Its prompts. */

GST_VL_API
guint gst_vl_result_get_n_prompts (const GstVlResult *result);

GST_VL_API
const gchar *gst_vl_result_get_text (const GstVlResult *result, guint prompt);

GST_VL_API
const gchar *gst_vl_result_get_caption (const GstVlResult *result, guint prompt);

GST_VL_API
gdouble gst_vl_result_get_match (const GstVlResult *result, guint prompt);

GST_VL_API
gdouble gst_vl_result_get_score (const GstVlResult *result, guint prompt);

GST_VL_API
gboolean gst_vl_result_get_peak (const GstVlResult *result, guint prompt, gdouble *x, gdouble *y);

GST_VL_API
const gfloat *gst_vl_result_peek_map (const GstVlResult *result, guint prompt, gsize *n_values);

GST_VL_API
const gfloat *gst_vl_result_peek_embedding (const GstVlResult *result, guint prompt, gsize *n_values);

GST_VL_API
const gchar *gst_vl_result_get_embedding_kind (const GstVlResult *result, guint prompt);

/* Their words. */

GST_VL_API
guint gst_vl_result_get_n_words (const GstVlResult *result, guint prompt);

GST_VL_API
const gchar *gst_vl_result_get_word_text (const GstVlResult *result, guint prompt, guint word);

GST_VL_API
gdouble gst_vl_result_get_word_weight (const GstVlResult *result, guint prompt, guint word);

GST_VL_API
const gfloat *gst_vl_result_peek_word_map (const GstVlResult *result, guint prompt, guint word, gsize *n_values);

/* Making a result. Float arrays come as GBytes of native-endian gfloat, so that a producer can lend its own memory; the result takes a
 * reference. All of it needs the only reference to the result. */

GST_VL_API
GstVlResult *gst_vl_result_new (guint frame_width, guint frame_height, guint rows, guint cols);

GST_VL_API
void gst_vl_result_set_region (GstVlResult *result, gdouble x, gdouble y, gdouble width, gdouble height);

GST_VL_API
void gst_vl_result_set_source (GstVlResult *result, GstClockTime pts, guint64 generation);

GST_VL_API
void gst_vl_result_set_cost (GstVlResult *result, GstClockTime inference_time, gdouble reused);

GST_VL_API
void gst_vl_result_set_model (GstVlResult *result, const gchar *name, const gchar *fingerprint);

GST_VL_API
void gst_vl_result_set_image_embedding (GstVlResult *result, GBytes *embedding);

GST_VL_API
guint gst_vl_result_add_prompt (GstVlResult *result, const gchar *text, gdouble match, gdouble score, GBytes *map);

GST_VL_API
void gst_vl_result_set_peak (GstVlResult *result, guint prompt, gdouble x, gdouble y);

GST_VL_API
void gst_vl_result_set_caption (GstVlResult *result, guint prompt, const gchar *caption);

GST_VL_API
void gst_vl_result_set_embedding (GstVlResult *result, guint prompt, GBytes *embedding, const gchar *kind);

GST_VL_API
guint gst_vl_result_add_word (GstVlResult *result, guint prompt, const gchar *text, gdouble weight, GBytes *map);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstVlResult, gst_vl_result_unref)

G_END_DECLS

#endif /* __GST_VL_RESULT_H__ */
