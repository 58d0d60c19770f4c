/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlevents.h"
#include "plugin/gstvlmirror.h"
#include <math.h>

void
gst_vl_events_install (GObjectClass *klass, guint first)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;
  const GstVlEventRule usual = GST_VL_EVENT_RULE_DEFAULT;

  g_object_class_install_property (
      klass, first,
      g_param_spec_boolean ("post-events", "Post events",
                            "Post element messages vlf-match-start and vlf-match-end when a prompt begins or ceases to "
                            "match, and vlf-caption-changed",
                            FALSE, flags));
  g_object_class_install_property (klass, first + 1,
                                   g_param_spec_double ("event-threshold", "Event threshold",
                                                        "A match begins at this probability; -1: what the model says",
                                                        -1, 1, usual.threshold, flags));
  g_object_class_install_property (
      klass, first + 2,
      g_param_spec_double ("event-hysteresis", "Event hysteresis",
                           "A match ends this much below where it begins, but at half of it at the latest", 0, 1,
                           usual.hysteresis, flags));
  g_object_class_install_property (
      klass, first + 3,
      g_param_spec_uint64 ("event-min-duration", "Event minimum duration",
                           "Matches, and gaps between them, shorter than this are not told; nanoseconds of stream time",
                           0, G_MAXINT64, usual.least, flags));
}

/* One prompt, for as long as it is asked. */
typedef struct {
  gchar *text;
  guint prompt;
  gboolean seen; /* in the result at hand */
  gboolean matches;
  gboolean turning; /* the opposite holds since @turn, not yet long enough */
  GstVlInstant start, turn;
  gdouble turn_match, turn_x, turn_y; /* at @turn */
  gdouble best;                       /* since @start, or since @turn where it begins */
  GstClockTime best_stream;
  gchar *caption; /* NULL: none yet */
} Watch;

struct _GstVlEvents {
  GPtrArray *watches; /* of Watch */
  GstVlInstant last;
};

static void
watch_free (gpointer data)
{
  Watch *watch = data;

  g_free (watch->text);
  g_free (watch->caption);
  g_free (watch);
}

GstVlEvents *
gst_vl_events_new (void)
{
  GstVlEvents *self = g_new0 (GstVlEvents, 1);

  self->watches = g_ptr_array_new_with_free_func (watch_free);
  return self;
}

void
gst_vl_events_free (GstVlEvents *self)
{
  if (!self)
    return;
  g_ptr_array_unref (self->watches);
  g_free (self);
}

static GstStructure *
describe (const gchar *name, const Watch *watch, const GstVlInstant *at)
{
  return gst_structure_new (name, "text", G_TYPE_STRING, watch->text, "prompt", G_TYPE_UINT, watch->prompt, "timestamp",
                            G_TYPE_UINT64, at->timestamp, "stream-time", G_TYPE_UINT64, at->stream, "running-time",
                            G_TYPE_UINT64, at->running, NULL);
}

/* Takes @structure. */
static void
post (GstElement *element, GstStructure *structure)
{
  gst_element_post_message (element, gst_message_new_element (GST_OBJECT (element), structure));
}

static void
begin_match (Watch *watch, GstElement *element, guint64 generation)
{
  GstStructure *s = describe ("vlf-match-start", watch, &watch->turn);

  watch->matches = TRUE;
  watch->start = watch->turn;
  gst_structure_set (s, "match", G_TYPE_DOUBLE, watch->turn_match, "generation", G_TYPE_UINT64, generation, NULL);
  if (!isnan (watch->turn_x) && !isnan (watch->turn_y))
    gst_structure_set (s, "peak-x", G_TYPE_DOUBLE, watch->turn_x, "peak-y", G_TYPE_DOUBLE, watch->turn_y, NULL);
  post (element, s);
}

/* Backwards, a match ends earlier than it began. */
static GstClockTime
time_between (GstClockTime a, GstClockTime b)
{
  return a > b ? a - b : b - a;
}

static void
end_match (Watch *watch, GstElement *element, const GstVlInstant *at, const gchar *reason)
{
  GstStructure *s = describe ("vlf-match-end", watch, at);

  watch->matches = FALSE;
  gst_structure_set (s, "duration", G_TYPE_UINT64, time_between (at->stream, watch->start.stream), "best-match",
                     G_TYPE_DOUBLE, watch->best, "best-stream-time", G_TYPE_UINT64, watch->best_stream, "reason",
                     G_TYPE_STRING, reason, NULL);
  post (element, s);
}

static gboolean
is_match (const Watch *watch, const GstVlEventRule *rule, const GstVlResult *result)
{
  gdouble threshold = rule->threshold < 0 ? gst_vl_result_get_threshold (result) : rule->threshold;
  gdouble match = gst_vl_result_get_match (result, watch->prompt);

  if (isnan (threshold))
    threshold = 0.5;
  if (watch->matches)
    threshold = MAX (threshold - rule->hysteresis, threshold / 2);
  return match >= threshold; /* not if it is NaN */
}

static void
keep_best (Watch *watch, gdouble match, const GstVlInstant *now)
{
  if (isnan (match) || match <= watch->best)
    return;
  watch->best = match;
  watch->best_stream = now->stream;
}

static void
follow_match (Watch *watch, GstElement *element, const GstVlEventRule *rule, const GstVlResult *result,
              const GstVlInstant *now)
{
  gdouble match = gst_vl_result_get_match (result, watch->prompt);
  gboolean turns = is_match (watch, rule, result) != watch->matches;

  if (turns && !watch->turning) {
    watch->turn = *now;
    watch->turn_match = match;
    gst_vl_result_get_peak (result, watch->prompt, &watch->turn_x, &watch->turn_y);
    if (!watch->matches)
      watch->best = -1;
  }
  watch->turning = turns;
  keep_best (watch, match, now);
  if (!turns || time_between (now->stream, watch->turn.stream) < rule->least)
    return;
  watch->turning = FALSE;
  if (watch->matches)
    end_match (watch, element, &watch->turn, "below");
  else
    begin_match (watch, element, gst_vl_result_get_generation (result));
}

static void
follow_caption (Watch *watch, GstElement *element, const GstVlResult *result, const GstVlInstant *now)
{
  const gchar *caption = gst_vl_result_get_caption (result, watch->prompt);
  GstStructure *s;

  if (!caption || g_strcmp0 (caption, watch->caption) == 0)
    return;
  s = describe ("vlf-caption-changed", watch, now);
  gst_structure_set (s, "caption", G_TYPE_STRING, caption, NULL);
  if (watch->caption)
    gst_structure_set (s, "previous", G_TYPE_STRING, watch->caption, NULL);
  post (element, s);
  g_free (watch->caption);
  watch->caption = g_strdup (caption);
}

/* A prompt may stand in the list twice. */
static Watch *
find_watch (GstVlEvents *self, const gchar *text)
{
  Watch *watch;

  for (guint i = 0; i < self->watches->len; i++) {
    watch = g_ptr_array_index (self->watches, i);
    if (!watch->seen && g_str_equal (watch->text, text))
      return watch;
  }
  watch = g_new0 (Watch, 1);
  watch->text = g_strdup (text);
  g_ptr_array_add (self->watches, watch);
  return watch;
}

static void
drop_unseen (GstVlEvents *self, GstElement *element)
{
  for (guint i = self->watches->len; i > 0; i--) {
    Watch *watch = g_ptr_array_index (self->watches, i - 1);

    if (!watch->seen && watch->matches)
      end_match (watch, element, &self->last, "prompt-gone");
    if (!watch->seen)
      g_ptr_array_remove_index (self->watches, i - 1);
  }
}

void
gst_vl_events_take (GstVlEvents *self, GstElement *element, const GstVlEventRule *rule, const GstVlResult *result,
                    const GstVlInstant *now)
{
  guint n = gst_vl_result_get_n_prompts (result);

  if (!GST_CLOCK_TIME_IS_VALID (now->stream))
    return;
  for (guint i = 0; i < self->watches->len; i++)
    ((Watch *) g_ptr_array_index (self->watches, i))->seen = FALSE;
  for (guint i = 0; i < n; i++) {
    const gchar *text = gst_vl_result_get_text (result, i);
    Watch *watch = find_watch (self, text ? text : "");

    watch->seen = TRUE;
    watch->prompt = i;
    follow_match (watch, element, rule, result, now);
    follow_caption (watch, element, result, now);
  }
  drop_unseen (self, element);
  self->last = *now;
}

void
gst_vl_events_end (GstVlEvents *self, GstElement *element, const gchar *reason)
{
  for (guint i = 0; i < self->watches->len; i++) {
    Watch *watch = g_ptr_array_index (self->watches, i);

    if (watch->matches)
      end_match (watch, element, &self->last, reason);
  }
  g_ptr_array_set_size (self->watches, 0);
}

void
gst_vl_events_post_result (GstElement *element, const gchar *name, GstVlResult *result, const GstVlInstant *at)
{
  GstStructure *s = gst_structure_new (name, "timestamp", G_TYPE_UINT64, at->timestamp, "stream-time", G_TYPE_UINT64,
                                       at->stream, "running-time", G_TYPE_UINT64, at->running, NULL);

  gst_vl_mirror_describe (s, result, NULL);
  post (element, s);
}
