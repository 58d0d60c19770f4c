/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-vlcaption
 * @title: vlcaption
 * @short_description: says what each frame shows, or answers questions about it
 * @see_also: #GstVlfusion
 *
 * Lets video pass, its pixels untouched, and attaches a #GstVlMeta of kind caption that says what a model writes about the frame: one
 * caption, or with #GstVlCaption:question or texts on text pads an answer to each question. Each of its words carries where in the frame the
 * model looked when it wrote it. The same texts come out of the request pad text_src as text/x-raw with PTS, duration and GAP events
 * between, for webvttenc, textoverlay, matroskamux or filesink; that pad has a thread of its own and never holds up the video. Where only
 * the texts are wanted the video pad may stay unlinked.
 *
 * A text holds until the next inference, two seconds at most, and is said again unless #GstVlCaption:only-changes is set; then a gap follows
 * until something else is said, or the same for #GstVlCaption:max-age. One that would come while another holds waits for its end, so texts
 * never overlap.
 *
 * Questions need a model that answers: of class BlipForQuestionAnswering, or a captioner that has learned to. On a text pad they change with
 * time: `filesrc location=questions.srt ! subparse ! c.text_0`.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=clip.avi ! decodebin ! videoconvert ! vlcaption ! vloverlay ! videoconvert ! autovideosink
 * ]|
 * |[
 * gst-launch-1.0 filesrc location=clip.avi ! decodebin ! videoconvert ! vlcaption name=c  c.text_src ! webvttenc ! filesink location=clip.vtt
 * ]|
 *
 * Since: 0.1
 */
#include "plugin/gstvlcaption.h"
#include "models/caption.h"
#include "plugin/gstvlcaptionjob.h"
#include "plugin/gstvlconvert.h"
#include "plugin/gstvlcues.h"
#include "plugin/gstvlpromptlist.h"
#include "plugin/gstvltextsrc.h"

GST_DEBUG_CATEGORY_STATIC (gst_vl_caption_debug);
#define GST_CAT_DEFAULT gst_vl_caption_debug

#define DEFAULT_QUESTION     "" /* and prompt */
#define DEFAULT_BEAMS        1
#define DEFAULT_MIN_LENGTH   0
#define DEFAULT_MAX_LENGTH   20
#define DEFAULT_PENALTY      1.0
#define DEFAULT_MAPS         TRUE
#define DEFAULT_ONLY_CHANGES FALSE
#define DEFAULT_MAX_AGE      (10 * GST_SECOND)
#define DEFAULT_INTERVAL     GST_SECOND

enum {
  PROP_0,
  PROP_QUESTION,
  PROP_PROMPT,
  PROP_NUM_BEAMS,
  PROP_MIN_LENGTH,
  PROP_MAX_LENGTH,
  PROP_REPETITION_PENALTY,
  PROP_WORD_MAPS,
  PROP_ONLY_CHANGES,
  PROP_MAX_AGE,
  PROP_INTERVAL
};

/* What can be refused. */
enum { SETTING_QUESTION, SETTING_PROMPT };

struct _GstVlCaption {
  GstVlInference parent;

  /* Guarded by the object lock. */
  gchar **questions; /* of the property */
  GstVlManner *manner;
  gboolean only_changes;
  GstClockTime max_age;
  GstPad *text_src; /* a reference, or NULL */

  /* Of the streaming thread. */
  gchar **asked;         /* and */
  GstVlManner *asked_by; /* in the last job */
  guint64 generation, told;
  GstVlManner *good[2], *bad[2]; /* of captions and of answers: one that worked, one that cannot work; NULL: none */
  GstVlCues cues;
  GstVlTextSrc *cued; /* the text pad that they are of, a reference so that no other has its address; NULL: none */
};

static GstStaticPadTemplate text_src_template =
    GST_STATIC_PAD_TEMPLATE ("text_src", GST_PAD_SRC, GST_PAD_REQUEST, GST_STATIC_CAPS (GST_VL_TEXT_SRC_CAPS));

G_DEFINE_TYPE_WITH_CODE (GstVlCaption, gst_vl_caption, GST_TYPE_VL_INFERENCE,
                         GST_DEBUG_CATEGORY_INIT (gst_vl_caption_debug, "vlcaption", 0, "captions and answers"))
#define parent_class gst_vl_caption_parent_class

GST_ELEMENT_REGISTER_DEFINE (vlcaption, "vlcaption", GST_RANK_NONE, GST_TYPE_VL_CAPTION)

/* Inference. */

/* The property's questions, then those of the text pads. */
static gchar **
join_questions (GstVlCaption *self, const GPtrArray *texts)
{
  g_autoptr (GStrvBuilder) all = g_strv_builder_new ();

  GST_OBJECT_LOCK (self);
  g_strv_builder_addv (all, (const char **) self->questions);
  GST_OBJECT_UNLOCK (self);
  for (guint i = 0; i < texts->len; i++)
    g_strv_builder_add (all, g_ptr_array_index (texts, i));
  return g_strv_builder_end (all);
}

/* Takes both over. Another number for anything else that is asked, or asked otherwise. */
static void
count_generation (GstVlCaption *self, gchar **questions, GstVlManner *manner)
{
  if (!self->asked || self->asked_by != manner ||
      !g_strv_equal ((const gchar *const *) questions, (const gchar *const *) self->asked))
    self->generation++;
  g_strfreev (self->asked);
  self->asked = questions;
  gst_vl_manner_unref (self->asked_by);
  self->asked_by = manner;
}

static GstVlJob *
caption_prepare (GstVlInference *base, const GPtrArray *texts)
{
  GstVlCaption *self = GST_VL_CAPTION (base);
  VlfModel *model = gst_vl_inference_get_model (base);
  GstVlManner *manner, *good;
  GstVlCaptionJob *job;
  gint kind;

  GST_OBJECT_LOCK (self);
  manner = gst_vl_manner_ref (self->manner);
  GST_OBJECT_UNLOCK (self);
  count_generation (self, join_questions (self, texts), manner);
  if (model && !*self->asked && !vlf_model_captions (model))
    return NULL;
  kind = *self->asked && (!model || vlf_model_answers (model));
  good = self->good[kind] ? self->good[kind] : self->good[!kind];
  job = gst_vl_caption_job_new (self->asked, good && manner == self->bad[kind] ? good : manner, good);
  job->job.generation = self->generation;
  return &job->job;
}

static GstVlResult *
caption_finish (GstVlInference *base, GstVlJob *base_job)
{
  GstVlCaption *self = GST_VL_CAPTION (base);
  GstVlCaptionJob *job = (GstVlCaptionJob *) base_job;
  const guint kind = *job->questions != NULL;

  if (job->refused && self->told != base_job->generation) {
    self->told = base_job->generation;
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", job->refused->message), (NULL));
  }
  if (job->rejected)
    gst_vl_manner_replace (&self->bad[kind], job->rejected);
  if (base_job->result->n_prompts > 0) /* else nothing was tried */
    gst_vl_manner_replace (&self->good[kind], job->manner);
  return gst_vl_result_from_vlf (base_job->result, base_job->pts, base_job->generation);
}

static VlfAbility
caption_needs (GstVlInference *base)
{
  VlfAbility needs;

  GST_OBJECT_LOCK (base);
  needs = *GST_VL_CAPTION (base)->questions ? VLF_ABILITY_ANSWERS : VLF_ABILITY_GENERATES;
  GST_OBJECT_UNLOCK (base);
  return needs;
}

/* Texts. */

static GstVlTextSrc *
get_text_src (GstVlCaption *self)
{
  GstVlTextSrc *pad;

  GST_OBJECT_LOCK (self);
  pad = self->text_src ? gst_object_ref (self->text_src) : NULL;
  GST_OBJECT_UNLOCK (self);
  return pad;
}

/* As the buffer says, else as the caps do; 0: neither. */
static GstClockTime
frame_duration (GstVlCaption *self, GstBuffer *buffer)
{
  GstClockTime duration = GST_BUFFER_DURATION (buffer);
  GstCaps *caps;
  gint n = 0, d = 1;

  if (GST_CLOCK_TIME_IS_VALID (duration))
    return duration;
  caps = gst_pad_get_current_caps (GST_BASE_TRANSFORM_SINK_PAD (self));
  if (caps)
    gst_structure_get_fraction (gst_caps_get_structure (caps, 0), "framerate", &n, &d);
  gst_clear_caps (&caps);
  return n > 0 ? gst_util_uint64_scale (GST_SECOND, (guint64) d, (guint64) n) : 0;
}

static GstVlCueRules
get_rules (GstVlCaption *self, const GstSegment *segment)
{
  GstVlCueRules rules = { .start = segment->start };

  rules.interval = gst_vl_inference_get_interval (GST_VL_INFERENCE (self));
  GST_OBJECT_LOCK (self);
  rules.only_changes = self->only_changes;
  rules.max_age = self->max_age;
  GST_OBJECT_UNLOCK (self);
  return rules;
}

/* Frames without a time, and those of a stream that runs backwards, say nothing in any order. */
static GstFlowReturn
push_texts (GstVlCaption *self, GstVlTextSrc *pad, GstBuffer *buffer, GstVlResult *result)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;
  const GstVlCueRules rules = get_rules (self, segment);
  const gboolean wait = !gst_vl_inference_is_live (GST_VL_INFERENCE (self));
  const GstClockTime pts = GST_BUFFER_PTS (buffer);
  g_autofree gchar *text = gst_vl_cue_text (result);
  GQueue items = G_QUEUE_INIT;
  GstFlowReturn ret = GST_FLOW_OK;
  GstMiniObject *item;

  if (g_set_object (&self->cued, pad))
    gst_vl_cues_reset (&self->cues);
  if (!GST_CLOCK_TIME_IS_VALID (pts) || segment->format != GST_FORMAT_TIME || segment->rate < 0)
    return GST_FLOW_OK;
  gst_vl_cues_add_frame (&self->cues, &rules, pts, frame_duration (self, buffer), text, &items);
  while ((item = g_queue_pop_head (&items))) {
    GstFlowReturn flow = gst_vl_text_src_push (pad, item, wait);

    ret = ret == GST_FLOW_OK ? flow : ret;
  }
  return ret;
}

/* Whoever wants only the texts leaves the video unlinked. */
static GstFlowReturn
caption_leaving (GstVlInference *base, GstBuffer *buffer, GstVlResult *result)
{
  g_autoptr (GstVlTextSrc) pad = get_text_src (GST_VL_CAPTION (base));
  GstFlowReturn ret;

  if (!pad)
    return GST_FLOW_OK;
  ret = push_texts (GST_VL_CAPTION (base), pad, buffer, result);
  /* The pad is being released; where the whole element flushes, the video's pads say so. */
  if (ret == GST_FLOW_FLUSHING)
    ret = GST_FLOW_OK;
  if (ret == GST_FLOW_OK && !gst_pad_is_linked (GST_BASE_TRANSFORM_SRC_PAD (base)))
    ret = GST_BASE_TRANSFORM_FLOW_DROPPED;
  return ret;
}

/* A frame that is still held leaves first, with its text. */
static gboolean
sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstVlCaption *self = GST_VL_CAPTION (trans);
  g_autoptr (GstVlTextSrc) pad = get_text_src (self);
  gboolean ret;

  gst_event_ref (event);
  ret = GST_BASE_TRANSFORM_CLASS (parent_class)->sink_event (trans, event);
  if (GST_EVENT_TYPE (event) == GST_EVENT_STREAM_START || GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT ||
      GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    gst_vl_cues_reset (&self->cues);
  if (pad)
    gst_vl_text_src_take_event (pad, event);
  gst_event_unref (event);
  return ret;
}

static void
forget_stream (GstVlCaption *self)
{
  g_clear_object (&self->cued);
  gst_vl_cues_reset (&self->cues);
  g_clear_pointer (&self->asked, g_strfreev);
  g_clear_pointer (&self->asked_by, gst_vl_manner_unref);
  for (guint kind = 0; kind < G_N_ELEMENTS (self->good); kind++) {
    g_clear_pointer (&self->good[kind], gst_vl_manner_unref);
    g_clear_pointer (&self->bad[kind], gst_vl_manner_unref);
  }
  self->generation = self->told = 0;
}

static gboolean
stop (GstBaseTransform *trans)
{
  gboolean stopped = GST_BASE_TRANSFORM_CLASS (parent_class)->stop (trans); /* and with it who may still push */

  forget_stream (GST_VL_CAPTION (trans));
  return stopped;
}

/* GstElement. */

static GstPad *
request_new_pad (GstElement *element, GstPadTemplate *templ, const gchar *name, const GstCaps *caps)
{
  GstVlCaption *self = GST_VL_CAPTION (element);
  GstPad *pad;
  gboolean taken;

  if (GST_PAD_TEMPLATE_DIRECTION (templ) == GST_PAD_SINK)
    return GST_ELEMENT_CLASS (parent_class)->request_new_pad (element, templ, name, caps);
  GST_OBJECT_LOCK (self);
  taken = self->text_src != NULL;
  GST_OBJECT_UNLOCK (self);
  if (taken) {
    GST_WARNING_OBJECT (self, "there is one text_src already");
    return NULL;
  }
  pad = gst_vl_text_src_new (templ, "text_src", GST_BASE_TRANSFORM_SINK_PAD (self), GST_BASE_TRANSFORM_SRC_PAD (self));
  if (GST_STATE (self) >= GST_STATE_PAUSED || GST_STATE_TARGET (self) >= GST_STATE_PAUSED)
    gst_pad_set_active (pad, TRUE);
  gst_element_add_pad (element, pad);
  GST_OBJECT_LOCK (self);
  self->text_src = gst_object_ref (pad);
  GST_OBJECT_UNLOCK (self);
  return pad;
}

static void
release_pad (GstElement *element, GstPad *pad)
{
  GstVlCaption *self = GST_VL_CAPTION (element);

  if (GST_PAD_IS_SINK (pad)) {
    GST_ELEMENT_CLASS (parent_class)->release_pad (element, pad);
    return;
  }
  GST_OBJECT_LOCK (self);
  gst_clear_object (&self->text_src);
  GST_OBJECT_UNLOCK (self);
  gst_pad_set_active (pad, FALSE);
  gst_element_remove_pad (element, pad);
}

/* GObject. */

/* Takes @questions over; NULL: refused because of @error, which is taken too. */
static void
set_questions (GstVlCaption *self, gchar **questions, GError *error)
{
  if (!questions) {
    gst_vl_inference_refuse (GST_VL_INFERENCE (self), SETTING_QUESTION, error);
    return;
  }
  GST_OBJECT_LOCK (self);
  g_strfreev (self->questions);
  self->questions = questions;
  GST_OBJECT_UNLOCK (self);
  gst_vl_inference_accept (GST_VL_INFERENCE (self), SETTING_QUESTION);
}

static gboolean
check_prompt (GstVlCaption *self, const gchar *prompt)
{
  GError *error = NULL;
  gchar **lines = gst_vl_prompt_list_from_text ("prompt", prompt, &error);

  g_strfreev (lines);
  if (error)
    gst_vl_inference_refuse (GST_VL_INFERENCE (self), SETTING_PROMPT, error);
  else
    gst_vl_inference_accept (GST_VL_INFERENCE (self), SETTING_PROMPT);
  return lines != NULL;
}

/* Jobs keep the manner that they were given. */
static void
set_manner (GstVlCaption *self, guint id, const GValue *value)
{
  GstVlManner *manner, *old;

  GST_OBJECT_LOCK (self);
  old = self->manner;
  manner = gst_vl_manner_copy (old);
  switch (id) {
  case PROP_PROMPT:
    g_free (manner->prompt);
    manner->prompt = g_value_get_string (value) ? g_value_dup_string (value) : g_strdup ("");
    break;
  case PROP_NUM_BEAMS: manner->beams = g_value_get_uint (value); break;
  case PROP_MIN_LENGTH: manner->min_length = g_value_get_uint (value); break;
  case PROP_MAX_LENGTH: manner->max_length = g_value_get_uint (value); break;
  case PROP_REPETITION_PENALTY: manner->penalty = g_value_get_double (value); break;
  default: manner->maps = g_value_get_boolean (value); break;
  }
  self->manner = manner;
  GST_OBJECT_UNLOCK (self);
  gst_vl_manner_unref (old);
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstVlCaption *self = GST_VL_CAPTION (object);
  GError *error = NULL;
  gchar **questions;

  switch (id) {
  case PROP_QUESTION:
    questions = gst_vl_prompt_list_from_text (pspec->name, g_value_get_string (value), &error);
    set_questions (self, questions, error);
    break;
  case PROP_ONLY_CHANGES:
    GST_OBJECT_LOCK (self);
    self->only_changes = g_value_get_boolean (value);
    GST_OBJECT_UNLOCK (self);
    break;
  case PROP_MAX_AGE:
    GST_OBJECT_LOCK (self);
    self->max_age = g_value_get_uint64 (value);
    GST_OBJECT_UNLOCK (self);
    break;
  case PROP_INTERVAL: gst_vl_inference_set_interval (GST_VL_INFERENCE (self), g_value_get_uint64 (value)); break;
  case PROP_PROMPT:
    if (!check_prompt (self, g_value_get_string (value)))
      break;
    /* fall through */
  case PROP_NUM_BEAMS:
  case PROP_MIN_LENGTH:
  case PROP_MAX_LENGTH:
  case PROP_REPETITION_PENALTY:
  case PROP_WORD_MAPS: set_manner (self, id, value); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstVlCaption *self = GST_VL_CAPTION (object);

  if (id == PROP_INTERVAL) {
    g_value_set_uint64 (value, gst_vl_inference_get_interval (GST_VL_INFERENCE (self)));
    return;
  }
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_QUESTION: g_value_take_string (value, g_strjoinv ("\n", self->questions)); break;
  case PROP_PROMPT: g_value_set_string (value, self->manner->prompt); break;
  case PROP_NUM_BEAMS: g_value_set_uint (value, self->manner->beams); break;
  case PROP_MIN_LENGTH: g_value_set_uint (value, self->manner->min_length); break;
  case PROP_MAX_LENGTH: g_value_set_uint (value, self->manner->max_length); break;
  case PROP_REPETITION_PENALTY: g_value_set_double (value, self->manner->penalty); break;
  case PROP_WORD_MAPS: g_value_set_boolean (value, self->manner->maps); break;
  case PROP_ONLY_CHANGES: g_value_set_boolean (value, self->only_changes); break;
  case PROP_MAX_AGE: g_value_set_uint64 (value, self->max_age); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_vl_caption_dispose (GObject *object)
{
  GstVlCaption *self = GST_VL_CAPTION (object);

  gst_clear_object (&self->text_src);
  G_OBJECT_CLASS (parent_class)->dispose (object);
}

static void
gst_vl_caption_finalize (GObject *object)
{
  GstVlCaption *self = GST_VL_CAPTION (object);

  forget_stream (self);
  g_strfreev (self->questions);
  gst_vl_manner_unref (self->manner);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
install_text_properties (GObjectClass *klass, GParamFlags flags)
{
  g_object_class_install_property (
      klass, PROP_ONLY_CHANGES,
      g_param_spec_boolean ("only-changes", "Only changes",
                            "On text_src, say a text once and then nothing until it changes or max-age has passed",
                            DEFAULT_ONLY_CHANGES, flags));
  g_object_class_install_property (
      klass, PROP_MAX_AGE,
      g_param_spec_uint64 ("max-age", "Maximal age",
                           "With only-changes, stream time in nanoseconds after which the same text is said again "
                           "(-1: never)",
                           0, G_MAXUINT64, DEFAULT_MAX_AGE, flags));
  g_object_class_install_property (
      klass, PROP_INTERVAL,
      g_param_spec_uint64 ("interval", "Interval",
                           "Stream time between inferences in nanoseconds; frames between carry the last result "
                           "(0: every frame). What is asked anew is due at once",
                           0, G_MAXUINT64 - 1, DEFAULT_INTERVAL, flags));
}

static void
install_properties (GObjectClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  g_object_class_install_property (
      klass, PROP_QUESTION,
      g_param_spec_string ("question", "Question",
                           "What to ask about the frame, one question per line (a literal \\n separates lines too), "
                           "before those of text pads; empty: caption it. Needs a model that answers",
                           DEFAULT_QUESTION, flags));
  g_object_class_install_property (klass, PROP_PROMPT,
                                   g_param_spec_string ("prompt", "Prompt",
                                                        "Words that captions begin with; not used with questions",
                                                        DEFAULT_QUESTION, flags));
  g_object_class_install_property (
      klass, PROP_NUM_BEAMS,
      g_param_spec_uint ("num-beams", "Beams",
                         "Texts that are followed beside each other; 1: the next best word, always", 1, 64,
                         DEFAULT_BEAMS, flags));
  g_object_class_install_property (
      klass, PROP_MIN_LENGTH,
      g_param_spec_uint ("min-length", "Minimal length",
                         "Tokens before which a text does not end; start token and prompt count", 0, G_MAXINT,
                         DEFAULT_MIN_LENGTH, flags));
  g_object_class_install_property (
      klass, PROP_MAX_LENGTH,
      g_param_spec_uint ("max-length", "Maximal length",
                         "Tokens after which a text ends; start token and prompt count, a question does not", 2,
                         G_MAXINT, DEFAULT_MAX_LENGTH, flags));
  g_object_class_install_property (klass, PROP_REPETITION_PENALTY,
                                   g_param_spec_double ("repetition-penalty", "Repetition penalty",
                                                        "Above 1, words that are there already are avoided; 1: none",
                                                        0.01, 100, DEFAULT_PENALTY, flags));
  g_object_class_install_property (
      klass, PROP_WORD_MAPS,
      g_param_spec_boolean ("word-maps", "Word maps",
                            "Each word carries where in the frame the model looked when it wrote it, which costs some "
                            "time for every word",
                            DEFAULT_MAPS, flags));
  install_text_properties (klass, flags);
}

static void
gst_vl_caption_class_init (GstVlCaptionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (klass);
  GstVlInferenceClass *inference_class = GST_VL_INFERENCE_CLASS (klass);

  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->dispose = gst_vl_caption_dispose;
  object_class->finalize = gst_vl_caption_finalize;
  element_class->request_new_pad = request_new_pad;
  element_class->release_pad = release_pad;
  trans_class->sink_event = sink_event;
  trans_class->stop = stop;
  inference_class->kind = GST_VL_KIND_CAPTION;
  inference_class->message = "vlcaption";
  inference_class->default_model = VLF_DEFAULT_CAPTIONER;
  inference_class->needs = caption_needs;
  inference_class->prepare = caption_prepare;
  inference_class->finish = caption_finish;
  inference_class->leaving = caption_leaving;
  install_properties (object_class);
  gst_element_class_add_static_pad_template_with_gtype (element_class, &text_src_template, GST_TYPE_VL_TEXT_SRC);
  gst_element_class_set_static_metadata (
      element_class, "Vision-language captions", "Filter/Analyzer/Video",
      "Says what frames show, or answers questions about them, as metas and as timed text; where the model looked for "
      "each word, by cross-attention in OpenCL; pixels pass untouched",
      "gst-vlfusion developers");
  gst_type_mark_as_plugin_api (GST_TYPE_VL_TEXT_SRC, 0);
}

static void
gst_vl_caption_init (GstVlCaption *self)
{
  self->questions = g_new0 (gchar *, 1);
  self->manner = gst_vl_manner_new ();
  self->manner->prompt = g_strdup (DEFAULT_QUESTION);
  self->manner->beams = DEFAULT_BEAMS;
  self->manner->min_length = DEFAULT_MIN_LENGTH;
  self->manner->max_length = DEFAULT_MAX_LENGTH;
  self->manner->penalty = DEFAULT_PENALTY;
  self->manner->maps = DEFAULT_MAPS;
  self->only_changes = DEFAULT_ONLY_CHANGES;
  self->max_age = DEFAULT_MAX_AGE;
  gst_vl_cues_reset (&self->cues);
  gst_vl_inference_set_interval (GST_VL_INFERENCE (self), DEFAULT_INTERVAL);
}
