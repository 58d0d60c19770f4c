/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlinference.h"
#include "plugin/gstvlqueries.h"
#include "plugin/gstvlanalytics.h"
#include "plugin/gstvlencoded.h"
#include "plugin/gstvljpeg.h"
#include "plugin/gstvlplaintext.h"
#include "plugin/gstvlstream.h"
#include "plugin/gstvltextpad.h"

GST_DEBUG_CATEGORY_EXTERN (gst_vl_debug);
#define GST_CAT_DEFAULT gst_vl_debug

#define DEFAULT_MODE         GST_VL_MODE_AUTO
#define DEFAULT_INTERVAL     0
#define DEFAULT_TEXT_TIMEOUT GST_SECOND
#define DEFAULT_QOS          TRUE
#define DEFAULT_FIT          VLF_FIT_MODEL
#define DEFAULT_MIRROR       FALSE
#define DEFAULT_POST         FALSE

enum {
  PROP_0,
  PROP_MODEL, /* these three as gst_vl_engine_settings_install() has them */
  PROP_DEVICE,
  PROP_PRECISION,
  PROP_MODE,
  PROP_INTERVAL,
  PROP_TEXT_TIMEOUT,
  PROP_FIT,
  PROP_MIRROR,
  PROP_ANALYTICS, /* where gst_vl_analytics_install() has it */
  PROP_POST_MESSAGES,
  PROP_POST_EVENTS, /* and these four as gst_vl_events_install() has them */
  PROP_EVENT_THRESHOLD,
  PROP_EVENT_HYSTERESIS,
  PROP_EVENT_MIN_DURATION,
  PROP_STATS
};

/* Why waiting must end; bits. */
enum { STOPPING = GST_VL_TEXTS_STOPPING, FLUSHING = GST_VL_TEXTS_FLUSHING };

typedef struct {
  GstVlEngineSettings settings;         /* guarded by the object lock */
  guint interrupts;                     /* guarded by the object lock */
  GError *refused[GST_VL_MAX_SETTINGS]; /* why a setting cannot be used; guarded by the object lock */
  GstVlStream stream;
} GstVlInferencePrivate;

static GstStaticPadTemplate text_template =
    GST_STATIC_PAD_TEMPLATE ("text_%u", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS (GST_VL_TEXT_CAPS));

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (GstVlInference, gst_vl_inference, GST_TYPE_BASE_TRANSFORM)
#define parent_class gst_vl_inference_parent_class
#define PRIV(self)   ((GstVlInferencePrivate *) gst_vl_inference_get_instance_private (self))

/* Settings of subclasses. */

void
gst_vl_inference_refuse (GstVlInference *self, guint setting, GError *error)
{
  GstVlInferencePrivate *priv = PRIV (self);
  gboolean runs;

  GST_OBJECT_LOCK (self);
  runs = GST_STATE (self) >= GST_STATE_PAUSED;
  if (!runs) {
    g_clear_error (&priv->refused[setting]);
    priv->refused[setting] = g_error_copy (error);
  }
  GST_OBJECT_UNLOCK (self);
  if (runs)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
  g_error_free (error);
}

void
gst_vl_inference_accept (GstVlInference *self, guint setting)
{
  GST_OBJECT_LOCK (self);
  g_clear_error (&PRIV (self)->refused[setting]);
  GST_OBJECT_UNLOCK (self);
}

static gboolean
check_settings (GstVlInference *self, GError **error)
{
  GstVlInferencePrivate *priv = PRIV (self);
  GError *why = NULL;

  GST_OBJECT_LOCK (self);
  for (guint i = 0; i < GST_VL_MAX_SETTINGS && !why; i++)
    if (priv->refused[i])
      why = g_error_copy (priv->refused[i]);
  GST_OBJECT_UNLOCK (self);
  if (why)
    g_propagate_error (error, why);
  return !why;
}

void
gst_vl_inference_set_interval (GstVlInference *self, GstClockTime interval)
{
  GST_OBJECT_LOCK (self);
  PRIV (self)->stream.interval = interval;
  GST_OBJECT_UNLOCK (self);
}

GstClockTime
gst_vl_inference_get_interval (GstVlInference *self)
{
  GstClockTime interval;

  GST_OBJECT_LOCK (self);
  interval = PRIV (self)->stream.interval;
  GST_OBJECT_UNLOCK (self);
  return interval;
}

/* The model. */

gboolean
gst_vl_inference_is_live (GstVlInference *self)
{
  return PRIV (self)->stream.live;
}

VlfModel *
gst_vl_inference_get_model (GstVlInference *self)
{
  return gst_vl_engine_model (PRIV (self)->stream.engine);
}

static void
close_engine (GstVlInference *self)
{
  GstVlInferenceClass *klass = GST_VL_INFERENCE_GET_CLASS (self);

  if (klass->model_goes)
    klass->model_goes (self);
  g_clear_pointer (&PRIV (self)->stream.engine, gst_vl_engine_close);
}

/* Opens the model, anew if what names it has changed. */
static gboolean
open_engine (GstVlInference *self)
{
  GstVlInferencePrivate *priv = PRIV (self);
  GstVlInferenceClass *klass = GST_VL_INFERENCE_GET_CLASS (self);
  GstVlEngineSettings settings = { 0 };
  g_autoptr (GError) error = NULL;

  GST_OBJECT_LOCK (self);
  gst_vl_engine_settings_copy (&settings, &priv->settings);
  GST_OBJECT_UNLOCK (self);
  if (!*settings.model && klass->default_model) {
    g_free (settings.model);
    settings.model = g_strdup (klass->default_model);
  }
  settings.needs = klass->needs ? klass->needs (self) : VLF_ABILITY_ANY;
  if (priv->stream.engine && (!gst_vl_engine_settings_equal (&settings, gst_vl_engine_settings (priv->stream.engine)) ||
                              gst_vl_engine_state (priv->stream.engine) == GST_VL_ENGINE_FAILED))
    close_engine (self);
  if (check_settings (self, &error) && !priv->stream.engine)
    priv->stream.engine = gst_vl_engine_open (GST_ELEMENT (self), &settings, &error);
  gst_vl_engine_settings_clear (&settings);
  if (error)
    gst_vl_post_error (GST_ELEMENT (self), error);
  return !error;
}

/* Encoded texts. */

const GPtrArray *
gst_vl_inference_get_encoded (GstVlInference *self)
{
  return PRIV (self)->stream.encoded;
}

static GstVlVerdict
judge_encoding (GstObject *object, const VlfEncoding *encoding, GError **error)
{
  GstVlEngine *engine = PRIV (GST_VL_INFERENCE (object))->stream.engine;

  switch (engine ? gst_vl_engine_state (engine) : GST_VL_ENGINE_LOADING) {
  case GST_VL_ENGINE_LOADING: return GST_VL_VERDICT_OPEN;
  case GST_VL_ENGINE_FAILED: return GST_VL_VERDICT_REFUSED; /* which the bus knows */
  default: break;
  }
  return vlf_model_check_encoding (gst_vl_engine_model (engine), encoding, error) ? GST_VL_VERDICT_ACCEPTED
                                                                                  : GST_VL_VERDICT_REFUSED;
}

void
gst_vl_inference_class_take_encoded (GstVlInferenceClass *klass)
{
  static GstStaticPadTemplate template = GST_STATIC_PAD_TEMPLATE (
      "text_%u", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS (GST_VL_TEXT_CAPS "; " GST_VL_ENCODED_CAPS));

  gst_element_class_add_static_pad_template_with_gtype (GST_ELEMENT_CLASS (klass), &template, GST_TYPE_VL_TEXT_PAD);
}

/* GstBaseTransform. */

/* In place of the default, which drops frames that are late. */
static GstFlowReturn
submit_input_buffer (GstBaseTransform *trans, gboolean is_discont, GstBuffer *buffer)
{
  (void) is_discont;
  if (!gst_base_transform_reconfigure (trans)) {
    gst_buffer_unref (buffer);
    return GST_PAD_IS_FLUSHING (GST_BASE_TRANSFORM_SRC_PAD (trans)) ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
  }
  if (GST_VIDEO_INFO_FORMAT (&PRIV (GST_VL_INFERENCE (trans))->stream.info) == GST_VIDEO_FORMAT_UNKNOWN) {
    gst_buffer_unref (buffer);
    return GST_FLOW_NOT_NEGOTIATED;
  }
  gst_buffer_replace (&trans->queued_buf, NULL);
  trans->queued_buf = buffer;
  return GST_FLOW_OK;
}

/* Frames are pushed where they become complete, not here: what is returned through @out would be the frame before. */
static GstFlowReturn
generate_output (GstBaseTransform *trans, GstBuffer **out)
{
  GstBuffer *buffer = g_steal_pointer (&trans->queued_buf);

  *out = NULL;
  return buffer ? gst_vl_stream_process (&PRIV (GST_VL_INFERENCE (trans))->stream, buffer) : GST_FLOW_OK;
}

static gboolean
set_caps (GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps)
{
  GstVideoInfo info;

  (void) outcaps;
  if (!gst_video_info_from_caps (&info, incaps))
    return FALSE;
  gst_vl_stream_set_info (&PRIV (GST_VL_INFERENCE (trans))->stream, &info);
  GST_INFO_OBJECT (trans, "video is %" GST_PTR_FORMAT, (gpointer) incaps);
  return TRUE;
}

static gboolean
start (GstBaseTransform *trans)
{
  GstVlInferencePrivate *priv = PRIV (GST_VL_INFERENCE (trans));

  gst_vl_stream_start (&priv->stream);
  gst_vl_texts_set_flags (priv->stream.texts, GST_VL_TEXTS_VIDEO_EOS, FALSE);
  return TRUE;
}

static gboolean
stop (GstBaseTransform *trans)
{
  gst_vl_stream_stop (&PRIV (GST_VL_INFERENCE (trans))->stream);
  return TRUE;
}

static void
interrupt (GstVlInference *self, guint why, gboolean on)
{
  GstVlInferencePrivate *priv = PRIV (self);

  GST_OBJECT_LOCK (self);
  priv->interrupts = on ? priv->interrupts | why : priv->interrupts & ~why;
  if (priv->stream.engine) /* with the lock: what is set later counts later */
    gst_vl_engine_interrupt (priv->stream.engine, priv->interrupts != 0);
  GST_OBJECT_UNLOCK (self);
  gst_vl_texts_set_flags (priv->stream.texts, (GstVlTextsFlags) why, on);
}

static gboolean
sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstVlInference *self = GST_VL_INFERENCE (trans);
  GstVlInferencePrivate *priv = PRIV (self);

  if (GST_EVENT_IS_SERIALIZED (event) && GST_EVENT_TYPE (event) != GST_EVENT_FLUSH_STOP)
    gst_vl_stream_drain (&priv->stream);
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START: interrupt (self, FLUSHING, TRUE); break;
  case GST_EVENT_FLUSH_STOP:
    gst_vl_stream_end_events (&priv->stream, "flush");
    gst_vl_stream_forget (&priv->stream);
    gst_vl_texts_set_flags (priv->stream.texts, GST_VL_TEXTS_VIDEO_EOS, FALSE);
    interrupt (self, FLUSHING, FALSE);
    break;
  case GST_EVENT_STREAM_START:
    gst_vl_texts_set_flags (priv->stream.texts, GST_VL_TEXTS_VIDEO_EOS, FALSE);
    gst_vl_stream_ask_live (&priv->stream);
    gst_vl_texts_set_video_thread (priv->stream.texts);
    break;
  case GST_EVENT_SEGMENT:
    gst_vl_stream_begin_segment (&priv->stream, event);
    gst_vl_texts_begin_segment (priv->stream.texts, gst_event_get_seqnum (event));
    gst_vl_texts_set_video_thread (priv->stream.texts);
    break;
  case GST_EVENT_EOS:
    gst_vl_stream_end_events (&priv->stream, "end-of-stream");
    gst_vl_texts_set_flags (priv->stream.texts, GST_VL_TEXTS_VIDEO_EOS, TRUE);
    break;
  default: break;
  }
  return GST_BASE_TRANSFORM_CLASS (parent_class)->sink_event (trans, event);
}

static gboolean
src_event (GstBaseTransform *trans, GstEvent *event)
{
  GstVlInference *self = GST_VL_INFERENCE (trans);
  GstVlInferencePrivate *priv = PRIV (self);
  GstEvent *seek = NULL;
  gboolean ret;

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_QOS: gst_vl_stream_take_qos (&priv->stream, event); break;
  case GST_EVENT_SEEK: seek = gst_vl_texts_begin_seek (priv->stream.texts, event) ? gst_event_ref (event) : NULL; break;
  case GST_EVENT_LATENCY:
    gst_vl_texts_latency_changed (priv->stream.texts);
    gst_vl_stream_ask_live (&priv->stream);
    break;
  default: break;
  }
  ret = GST_BASE_TRANSFORM_CLASS (parent_class)->src_event (trans, event);
  if (seek) {
    gst_vl_texts_end_seek (priv->stream.texts, seek, ret);
    gst_event_unref (seek);
  }
  return ret;
}

static gboolean
query (GstBaseTransform *trans, GstPadDirection direction, GstQuery *q)
{
  GstVlStream *stream = &PRIV (GST_VL_INFERENCE (trans))->stream;
  gboolean answered;

  if (direction == GST_PAD_SRC && GST_QUERY_TYPE (q) == GST_QUERY_LATENCY)
    return gst_vl_stream_query_latency (stream, q);
  if (direction == GST_PAD_SRC &&
      GST_QUERY_TYPE (q) == GST_QUERY_SCHEDULING) { /* frames are pushed where they are done */
    gst_query_set_scheduling (q, GST_SCHEDULING_FLAG_SEQUENTIAL, 1, -1, 0);
    gst_query_add_scheduling_mode (q, GST_PAD_MODE_PUSH);
    return TRUE;
  }
  if (direction == GST_PAD_SINK && GST_QUERY_IS_SERIALIZED (q))
    gst_vl_stream_drain (stream);
  answered = GST_BASE_TRANSFORM_CLASS (parent_class)->query (trans, direction, q);
  if (answered && direction == GST_PAD_SINK && GST_QUERY_TYPE (q) == GST_QUERY_ALLOCATION)
    gst_vl_refuse_crop_meta (q);
  return answered;
}

/* GstElement. */

static GstStateChangeReturn
change_state (GstElement *element, GstStateChange transition)
{
  GstVlInference *self = GST_VL_INFERENCE (element);
  GstStateChangeReturn ret;

  switch (transition) {
  case GST_STATE_CHANGE_NULL_TO_READY:
  case GST_STATE_CHANGE_READY_TO_PAUSED:
    if (!open_engine (self))
      return GST_STATE_CHANGE_FAILURE;
    if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
      interrupt (self, STOPPING | FLUSHING, FALSE);
    break;
  case GST_STATE_CHANGE_PAUSED_TO_READY: /* deactivating pads takes the stream lock, which a waiting frame holds */
    interrupt (self, STOPPING, TRUE);
    break;
  default: break;
  }
  ret = GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_NULL)
    close_engine (self);
  return ret;
}

static GstPad *
request_new_pad (GstElement *element, GstPadTemplate *templ, const gchar *name, const GstCaps *caps)
{
  GstPad *pad = gst_vl_text_pad_request (PRIV (GST_VL_INFERENCE (element))->stream.texts, templ, name);

  (void) caps;
  if (!pad) {
    GST_WARNING_OBJECT (element, "no pad %s: expected text_N with an N that is not in use", name);
    return NULL;
  }
  if (GST_STATE (element) > GST_STATE_READY || GST_STATE_NEXT (element) == GST_STATE_PAUSED)
    gst_pad_set_active (pad, TRUE);
  gst_element_add_pad (element, pad);
  return pad;
}

static void
release_pad (GstElement *element, GstPad *pad)
{
  gst_vl_texts_remove (PRIV (GST_VL_INFERENCE (element))->stream.texts, pad);
  gst_pad_set_active (pad, FALSE);
  gst_element_remove_pad (element, pad);
}

/* GObject. */

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstVlInferencePrivate *priv = PRIV (GST_VL_INFERENCE (object));
  gboolean later = FALSE;

  GST_OBJECT_LOCK (object);
  switch (id) {
  case PROP_MODEL:
  case PROP_DEVICE:
  case PROP_PRECISION: gst_vl_engine_settings_set (&priv->settings, id - PROP_MODEL, value); break;
  case PROP_MODE: later = gst_vl_stream_set_mode (&priv->stream, g_value_get_enum (value)); break;
  case PROP_INTERVAL: priv->stream.interval = g_value_get_uint64 (value); break;
  case PROP_TEXT_TIMEOUT: priv->stream.text_timeout = g_value_get_uint64 (value); break;
  case PROP_FIT: priv->stream.fit = (VlfFit) g_value_get_enum (value); break;
  case PROP_MIRROR: priv->stream.mirror = g_value_get_boolean (value); break;
  case PROP_ANALYTICS: priv->stream.analytics = g_value_get_boolean (value); break;
  case PROP_POST_MESSAGES: priv->stream.post_messages = g_value_get_boolean (value); break;
  case PROP_POST_EVENTS: priv->stream.post_events = g_value_get_boolean (value); break;
  case PROP_EVENT_THRESHOLD: priv->stream.rule.threshold = g_value_get_double (value); break;
  case PROP_EVENT_HYSTERESIS: priv->stream.rule.hysteresis = g_value_get_double (value); break;
  case PROP_EVENT_MIN_DURATION: priv->stream.rule.least = g_value_get_uint64 (value); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (object);
  if (later)
    gst_element_post_message (GST_ELEMENT (object), gst_message_new_latency (GST_OBJECT (object)));
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstVlInferencePrivate *priv = PRIV (GST_VL_INFERENCE (object));

  GST_OBJECT_LOCK (object);
  switch (id) {
  case PROP_MODEL:
  case PROP_DEVICE:
  case PROP_PRECISION: gst_vl_engine_settings_get (&priv->settings, id - PROP_MODEL, value); break;
  case PROP_MODE: g_value_set_enum (value, priv->stream.mode); break;
  case PROP_INTERVAL: g_value_set_uint64 (value, priv->stream.interval); break;
  case PROP_TEXT_TIMEOUT: g_value_set_uint64 (value, priv->stream.text_timeout); break;
  case PROP_FIT: g_value_set_enum (value, (gint) priv->stream.fit); break;
  case PROP_MIRROR: g_value_set_boolean (value, priv->stream.mirror); break;
  case PROP_ANALYTICS: g_value_set_boolean (value, priv->stream.analytics); break;
  case PROP_POST_MESSAGES: g_value_set_boolean (value, priv->stream.post_messages); break;
  case PROP_POST_EVENTS: g_value_set_boolean (value, priv->stream.post_events); break;
  case PROP_EVENT_THRESHOLD: g_value_set_double (value, priv->stream.rule.threshold); break;
  case PROP_EVENT_HYSTERESIS: g_value_set_double (value, priv->stream.rule.hysteresis); break;
  case PROP_EVENT_MIN_DURATION: g_value_set_uint64 (value, priv->stream.rule.least); break;
  case PROP_STATS: g_value_take_boxed (value, gst_vl_stream_make_stats (&priv->stream)); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (object);
}

static void
gst_vl_inference_finalize (GObject *object)
{
  GstVlInferencePrivate *priv = PRIV (GST_VL_INFERENCE (object));

  gst_vl_engine_close (priv->stream.engine); /* the subclass, and what it has of the model, is gone already */
  gst_vl_engine_settings_clear (&priv->settings);
  gst_vl_texts_unref (priv->stream.texts);
  gst_vl_events_free (priv->stream.events);
  for (guint i = 0; i < GST_VL_MAX_SETTINGS; i++)
    g_clear_error (&priv->refused[i]);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
install_properties (GObjectClass *klass)
{
  const GParamFlags playing = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  gst_vl_engine_settings_install (klass, PROP_MODEL);
  gst_vl_analytics_install (klass, PROP_ANALYTICS);
  g_object_class_install_property (
      klass, PROP_MODE,
      g_param_spec_enum ("mode", "Mode", "Whether frames wait for results", GST_TYPE_VL_MODE, DEFAULT_MODE, playing));
  g_object_class_install_property (
      klass, PROP_INTERVAL,
      g_param_spec_uint64 ("interval", "Interval",
                           "Stream time between inferences in nanoseconds; frames between carry the last result "
                           "(0: every frame)",
                           0, G_MAXUINT64 - 1, DEFAULT_INTERVAL, playing));
  g_object_class_install_property (
      klass, PROP_TEXT_TIMEOUT,
      g_param_spec_uint64 (
          "text-timeout", "Text timeout",
          "Longest time in nanoseconds that a frame waits for texts on text pads; live video never waits", 0,
          G_MAXINT64, DEFAULT_TEXT_TIMEOUT, playing));
  g_object_class_install_property (klass, PROP_FIT,
                                   g_param_spec_enum ("fit", "Fit",
                                                      "How the frame meets the shape of the model's input",
                                                      GST_TYPE_VL_FIT, DEFAULT_FIT, playing));
  g_object_class_install_property (
      klass, PROP_MIRROR,
      g_param_spec_boolean (
          "mirror", "Mirror",
          "Attach to each frame with a result a GstCustomMeta named GstVlFusion as well, a flat structure for bindings "
          "without this library: text-N, match-N, score-N, peak-x-N, peak-y-N of prompt N (the first 64 and the best); "
          "caption-N of what was written",
          DEFAULT_MIRROR, playing));
  g_object_class_install_property (
      klass, PROP_POST_MESSAGES,
      g_param_spec_boolean (
          "post-messages", "Post messages",
          "Post an element message named like the element's type for each new result, with timestamp, "
          "stream-time, running-time, and text-N, match-N, score-N, peak-x-N, peak-y-N of prompt N (the first "
          "64 and the best); caption-N of what was written",
          DEFAULT_POST, playing));
  gst_vl_events_install (klass, PROP_POST_EVENTS);
  g_object_class_install_property (
      klass, PROP_STATS,
      g_param_spec_boxed (
          "stats", "Statistics",
          "Counts of frames, inferences, frames with carried and late frames with skipped results; in nanoseconds, "
          "times of inferences and the latency reported, and the 50th, 95th and 99th percentile (-p50, -p95, -p99) "
          "of inference by the clock, device by OpenCL's events (0 where they do not say), passage of frames from "
          "arrival to departure, and age of the results they carry; since PAUSED",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
add_templates (GstElementClass *klass)
{
  GstCaps *caps = gst_vl_frame_caps ();

  gst_caps_append (caps, gst_caps_from_string (GST_VL_JPEG_CAPS)); /* which may not say its size */

  gst_element_class_add_pad_template (klass, gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template (klass, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref (caps);
  gst_element_class_add_static_pad_template_with_gtype (klass, &text_template, GST_TYPE_VL_TEXT_PAD);
}

static void
gst_vl_inference_class_init (GstVlInferenceClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (klass);

  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->finalize = gst_vl_inference_finalize;
  element_class->change_state = change_state;
  element_class->request_new_pad = request_new_pad;
  element_class->release_pad = release_pad;
  trans_class->start = start;
  trans_class->stop = stop;
  trans_class->set_caps = set_caps;
  trans_class->submit_input_buffer = submit_input_buffer;
  trans_class->generate_output = generate_output;
  trans_class->sink_event = sink_event;
  trans_class->src_event = src_event;
  trans_class->query = query;
  install_properties (object_class);
  add_templates (element_class);
  gst_type_mark_as_plugin_api (GST_TYPE_VL_INFERENCE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VL_MODE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VL_FIT, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VL_TEXT_PAD, 0);
}

static void
gst_vl_inference_init (GstVlInference *self)
{
  GstVlInferencePrivate *priv = PRIV (self);

  gst_vl_engine_settings_init (&priv->settings);
  priv->stream.mode = DEFAULT_MODE;
  priv->stream.interval = DEFAULT_INTERVAL;
  priv->stream.text_timeout = DEFAULT_TEXT_TIMEOUT;
  priv->stream.fit = DEFAULT_FIT;
  priv->stream.mirror = DEFAULT_MIRROR;
  priv->stream.post_messages = DEFAULT_POST;
  priv->stream.rule = GST_VL_EVENT_RULE_DEFAULT;
  priv->stream.events = gst_vl_events_new ();
  priv->stream.texts = gst_vl_texts_new ();
  gst_vl_texts_set_judge (priv->stream.texts, judge_encoding);
  priv->stream.owner = self;
  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), DEFAULT_QOS);
}
