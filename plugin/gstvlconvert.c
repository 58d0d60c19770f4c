/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlconvert.h"
#include <math.h>

static GBytes *
lend (VlfResult *owner, const float *values, gsize n)
{
  if (!values || n == 0)
    return NULL;
  return g_bytes_new_with_free_func (values, n * sizeof *values, (GDestroyNotify) vlf_result_unref,
                                     vlf_result_ref (owner));
}

static void
add_word (GstVlResult *to, VlfResult *from, guint prompt, const VlfWordResult *word)
{
  g_autoptr (GBytes) map = lend (from, word->map, (gsize) from->rows * from->cols);

  gst_vl_result_add_word (to, prompt, word->text, word->weight, map);
}

static void
add_prompt (GstVlResult *to, VlfResult *from, const VlfPromptResult *prompt)
{
  g_autoptr (GBytes) map = lend (from, prompt->map, (gsize) from->rows * from->cols);
  g_autoptr (GBytes) embedding = lend (from, prompt->embedding, prompt->embedding_size);
  guint index = gst_vl_result_add_prompt (to, prompt->text, prompt->match, prompt->score, map);

  gst_vl_result_set_caption (to, index, prompt->caption);
  if (!isnan (prompt->peak_x) && !isnan (prompt->peak_y))
    gst_vl_result_set_peak (to, index, prompt->peak_x, prompt->peak_y);
  if (embedding)
    gst_vl_result_set_embedding (to, index, embedding, prompt->embedding_kind);
  for (guint i = 0; i < prompt->n_words; i++)
    add_word (to, from, index, &prompt->words[i]);
  if (prompt->retrieved)
    gst_vl_result_set_retrieved (to, index, prompt->bank_index, prompt->similarity);
}

GstVlResult *
gst_vl_result_from_vlf (VlfResult *result, GstClockTime source_pts, guint64 generation)
{
  GstVlResult *to = gst_vl_result_new (result->frame_width, result->frame_height, result->rows, result->cols);
  g_autoptr (GBytes) image = lend (result, result->image_embedding, result->image_embedding_size);

  gst_vl_result_set_region (to, result->region[0], result->region[1], result->region[2], result->region[3]);
  gst_vl_result_set_source (to, source_pts, generation);
  gst_vl_result_set_cost (to, (GstClockTime) (result->milliseconds * GST_MSECOND), result->reused);
  gst_vl_result_set_model (to, result->model, result->fingerprint);
  if (image)
    gst_vl_result_set_image_embedding (to, image);
  for (guint i = 0; i < result->n_prompts; i++)
    add_prompt (to, result, &result->prompts[i]);
  if (result->judged)
    gst_vl_result_set_best (to, result->best);
  return to;
}
