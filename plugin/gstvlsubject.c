/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlsubject.h"
#include <math.h>

/* A word with less than this share of what it would have if all words had the same is not worth a colour. */
#define LEAST_SHARE 0.3

static void
add_prompt (GArray *subjects, const GstVlResult *result, guint prompt)
{
  GstVlSubject subject = { gst_vl_result_get_text (result, prompt),
                           TRUE,
                           gst_vl_result_get_match (result, prompt),
                           1,
                           gst_vl_result_peek_map (result, prompt, NULL),
                           FALSE,
                           0,
                           0 };
  gdouble left, top, width, height;

  gst_vl_result_get_region (result, &left, &top, &width, &height);
  if (width > 0 && height > 0 && gst_vl_result_get_peak (result, prompt, &subject.x, &subject.y)) {
    subject.has_peak = TRUE;
    subject.x = (subject.x - left) / width;
    subject.y = (subject.y - top) / height;
  }
  /* Neither a number nor a map, as of a model whose answer was not finite: nothing to show. */
  if (subject.map || subject.has_peak || !isnan (subject.match))
    g_array_append_val (subjects, subject);
}

/* The centre of the largest cell whose centre is in the frame. */
static void
find_peak (GstVlSubject *subject, const GstVlResult *result)
{
  gdouble left, top, width, height;
  guint rows, cols, frame_width, frame_height;
  gfloat most = 0;

  gst_vl_result_get_grid (result, &rows, &cols);
  gst_vl_result_get_region (result, &left, &top, &width, &height);
  gst_vl_result_get_frame_size (result, &frame_width, &frame_height);
  for (gsize i = 0; i < (gsize) rows * cols; i++) {
    const gdouble x = ((gdouble) (i % cols) + 0.5) / cols, y = ((gdouble) (i / cols) + 0.5) / rows;
    const gdouble across = left + x * width, down = top + y * height;

    if (!(subject->map[i] > most) || across < 0 || across > frame_width || down < 0 || down > frame_height)
      continue;
    most = subject->map[i];
    subject->has_peak = TRUE;
    subject->x = x;
    subject->y = y;
  }
}

static void
add_words (GArray *subjects, const GstVlResult *result, guint prompt)
{
  guint n = gst_vl_result_get_n_words (result, prompt), before = subjects->len;

  for (guint i = 0; i < n; i++) {
    gdouble weight = gst_vl_result_get_word_weight (result, prompt, i);
    GstVlSubject subject = { .text = gst_vl_result_get_word_text (result, prompt, i),
                             .match = gst_vl_result_get_match (result, prompt),
                             .share = isnan (weight) ? 1 : CLAMP (weight * n, 0, 1),
                             .map = gst_vl_result_peek_word_map (result, prompt, i, NULL) };

    if (!subject.map || subject.share < LEAST_SHARE)
      continue;
    find_peak (&subject, result);
    g_array_append_val (subjects, subject);
  }
  if (subjects->len == before)
    add_prompt (subjects, result, prompt);
}

GArray *
gst_vl_subjects_of (const GstVlResult *result, gboolean words)
{
  GArray *subjects = g_array_new (FALSE, FALSE, sizeof (GstVlSubject));

  for (guint i = 0; i < gst_vl_result_get_n_prompts (result); i++)
    if (words)
      add_words (subjects, result, i);
    else
      add_prompt (subjects, result, i);
  return subjects;
}

GArray *
gst_vl_subjects_of_word (const GstVlResult *result, guint word)
{
  GArray *subjects = g_array_new (FALSE, FALSE, sizeof (GstVlSubject));
  guint prompt = 0, n = gst_vl_result_get_n_prompts (result);
  GstVlSubject subject = { .match = NAN, .share = 1 };

  while (prompt < n && word >= gst_vl_result_get_n_words (result, prompt))
    word -= gst_vl_result_get_n_words (result, prompt++);
  if (prompt < n)
    subject.map = gst_vl_result_peek_word_map (result, prompt, word, NULL);
  if (!subject.map)
    return subjects;
  subject.text = gst_vl_result_get_word_text (result, prompt, word);
  find_peak (&subject, result);
  g_array_append_val (subjects, subject);
  return subjects;
}
