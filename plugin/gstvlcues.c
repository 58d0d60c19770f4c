/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlcues.h"

#define SLACK     GST_MSECOND      /* what time stamps may be off without leaving a gap */
#define MOST_HOLD (2 * GST_SECOND) /* longest promise: what is asked may change before the interval ends */

gchar *
gst_vl_cue_text (const GstVlResult *result)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; result && i < gst_vl_result_get_n_prompts (result); i++) {
    const gchar *caption = gst_vl_result_get_caption (result, i);

    if (caption && *caption)
      g_string_append_printf (text, "%s%s", text->len ? "\n" : "", caption);
  }
  return g_string_free (text, FALSE);
}

void
gst_vl_cues_reset (GstVlCues *cues)
{
  g_clear_pointer (&cues->text, g_free);
  cues->end = cues->left = GST_CLOCK_TIME_NONE;
}

static void
add_gap (GstVlCues *cues, GstClockTime begin, GstClockTime end, GQueue *out)
{
  if (end > begin)
    g_queue_push_tail (out, gst_event_new_gap (begin, end - begin));
  cues->end = end;
}

/* The gap without length says that nothing else comes before the text's end, so that muxers go on meanwhile. */
static void
add_text (GstVlCues *cues, const gchar *text, GstClockTime begin, GstClockTime end, GQueue *out)
{
  GstBuffer *buffer = gst_buffer_new_wrapped (g_strdup (text), strlen (text));

  GST_BUFFER_PTS (buffer) = begin;
  GST_BUFFER_DURATION (buffer) = end - begin;
  g_queue_push_tail (out, buffer);
  g_queue_push_tail (out, gst_event_new_gap (end, 0));
  g_free (cues->text);
  cues->text = g_strdup (text);
  cues->left = begin;
  cues->end = end;
}

/* Where a text ends that begins at @begin with a frame that ends at @frame_end: with the first frame that is not sooner than the interval, as
 * the next inference begins. Durations of frames are cut to nanoseconds, which is made up for. */
static GstClockTime
end_of (GstClockTime interval, GstClockTime begin, GstClockTime frame_end, GstClockTime frame)
{
  GstClockTime hold = begin + MIN (interval, MOST_HOLD);

  if (frame == 0)
    return MAX (hold, frame_end);
  if (hold > frame_end)
    frame_end += (hold - frame_end + frame - 1 - frame / 100) / frame * frame;
  return (frame_end + GST_USECOND / 2) / GST_USECOND * GST_USECOND;
}

static gboolean
is_news (const GstVlCues *cues, const GstVlCueRules *rules, const gchar *text, GstClockTime begin)
{
  if (!rules->only_changes || g_strcmp0 (text, cues->text) != 0)
    return TRUE;
  return GST_CLOCK_TIME_IS_VALID (rules->max_age) && begin - cues->left + SLACK >= rules->max_age;
}

void
gst_vl_cues_add_frame (GstVlCues *cues, const GstVlCueRules *rules, GstClockTime pts, GstClockTime duration,
                       const gchar *text, GQueue *out)
{
  GstClockTime begin = MAX (pts, rules->start), end = MAX (pts + duration, begin);

  if (GST_CLOCK_TIME_IS_VALID (cues->end)) {
    if (begin + SLACK < cues->end)
      return;
    if (begin > cues->end + SLACK)
      add_gap (cues, cues->end, begin, out);
    begin = cues->end;
  }
  if (text && *text && is_news (cues, rules, text, begin)) {
    add_text (cues, text, begin, end_of (rules->interval, begin, end, duration), out);
    return;
  }
  if (!text || !*text)
    g_clear_pointer (&cues->text, g_free); /* what comes after nothing is new */
  add_gap (cues, begin, MAX (end, begin), out);
}
