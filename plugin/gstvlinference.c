/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlinference.h"
#include "plugin/gstvltextpad.h"

GST_DEBUG_CATEGORY (gst_vl_debug);
#define GST_CAT_DEFAULT gst_vl_debug

#define DEFAULT_MODEL        ""
#define DEFAULT_DEVICE       "auto"
#define DEFAULT_PRECISION    "auto"
#define DEFAULT_MODE         GST_VL_MODE_AUTO
#define DEFAULT_INTERVAL     0
#define DEFAULT_TEXT_TIMEOUT GST_SECOND
#define DEFAULT_QOS          TRUE

enum { PROP_0, PROP_MODEL, PROP_DEVICE, PROP_PRECISION, PROP_MODE, PROP_INTERVAL, PROP_TEXT_TIMEOUT, PROP_STATS };

/* Why waiting must end; bits. */
enum { STOPPING = GST_VL_TEXTS_STOPPING, FLUSHING = GST_VL_TEXTS_FLUSHING };

typedef struct {
  guint64 frames, inferences, carried, late;
  GstClockTime last, longest, total; /* of inferences */
} Stats;

/* When a frame is shown; GST_CLOCK_TIME_NONE: unknown. */
typedef struct {
  GstClockTime pts, stream, running;
} Moment;

typedef struct {
  /* Guarded by the object lock. */
  GstVlEngineSettings settings;
  GstVlMode mode;
  GstClockTime interval, text_timeout;
  guint interrupts;
  GstClockTime earliest; /* running time before which frames are too late for inference, says downstream */
  gdouble proportion;
  GstClockTime latency; /* that waiting for results adds, a bound from measurement */
  gboolean ask_live;
  Stats stats;

  GstVlTexts *texts;
  GstVlEngine *engine; /* from READY on; only changes while nothing streams */

  /* Of the streaming thread. */
  GstVideoInfo info;
  gboolean live, complained;
  GstVlJob *running; /* beside the stream, or NULL */
  GstVlResult *last; /* newest result, or NULL */
  Moment last_moment;
  gboolean fresh; /* last is the current frame's own */
} GstVlInferencePrivate;

static GstStaticPadTemplate text_template =
    GST_STATIC_PAD_TEMPLATE ("text_%u", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS (GST_VL_TEXT_CAPS));

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (GstVlInference, gst_vl_inference, GST_TYPE_BASE_TRANSFORM)
#define parent_class gst_vl_inference_parent_class
#define PRIV(self)   ((GstVlInferencePrivate *) gst_vl_inference_get_instance_private (self))

GType
gst_vl_mode_get_type (void)
{
  static const GEnumValue values[] = {
    { GST_VL_MODE_AUTO, "Latest behind a live source, every frame otherwise", "auto" },
    { GST_VL_MODE_EVERY_FRAME, "Each frame waits for its own result", "every-frame" },
    { GST_VL_MODE_LATEST, "Frames pass at once and carry the newest result", "latest" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVlMode", values));
  return type;
}

/* The model. */

VlfModel *
gst_vl_inference_get_model (GstVlInference *self)
{
  return gst_vl_engine_model (PRIV (self)->engine);
}

static void
close_engine (GstVlInference *self)
{
  g_clear_pointer (&PRIV (self)->engine, gst_vl_engine_close);
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
  if (priv->engine && (!gst_vl_engine_settings_equal (&settings, gst_vl_engine_settings (priv->engine)) ||
                       gst_vl_engine_state (priv->engine) == GST_VL_ENGINE_FAILED))
    close_engine (self);
  if (!klass->check || klass->check (self, &error)) {
    if (!priv->engine)
      priv->engine = gst_vl_engine_open (GST_ELEMENT (self), &settings, &error);
  }
  gst_vl_engine_settings_clear (&settings);
  if (error)
    gst_vl_post_error (GST_ELEMENT (self), error);
  return !error;
}

/* Results. */

static void
forget_result (GstVlInferencePrivate *priv)
{
  g_clear_pointer (&priv->last, gst_vl_result_unref);
}

static void
abandon_running (GstVlInferencePrivate *priv)
{
  if (priv->running)
    gst_vl_task_cancel (&priv->running->task);
  g_clear_pointer (&priv->running, gst_vl_job_unref);
}

static void
forget_stream (GstVlInference *self)
{
  GstVlInferencePrivate *priv = PRIV (self);

  abandon_running (priv);
  forget_result (priv);
  gst_vl_texts_reset (priv->texts);
  GST_OBJECT_LOCK (self);
  priv->earliest = GST_CLOCK_TIME_NONE;
  priv->proportion = 1.0;
  GST_OBJECT_UNLOCK (self);
}

/* Frames that wait for results are late by the longest inference so far. The bound has some room above it, so that the pipeline is not
 * reconfigured for every new maximum. */
static void
measure (GstVlInference *self, GstClockTime duration, gboolean waited)
{
  GstVlInferencePrivate *priv = PRIV (self);
  gboolean changed = FALSE;

  GST_OBJECT_LOCK (self);
  priv->stats.inferences++;
  priv->stats.last = duration;
  priv->stats.total += duration;
  priv->stats.longest = MAX (priv->stats.longest, duration);
  if (waited && duration > priv->latency) {
    priv->latency = gst_util_uint64_scale_round (duration + duration / 4, 1, GST_MSECOND) * GST_MSECOND;
    priv->latency = MAX (priv->latency, duration);
    changed = TRUE;
  }
  GST_OBJECT_UNLOCK (self);
  if (changed)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
}

static GstFlowReturn
take_result (GstVlInference *self, GstVlJob *job, gboolean waited)
{
  GstVlInferencePrivate *priv = PRIV (self);

  if (job->error) {
    gst_vl_post_error (GST_ELEMENT (self), job->error);
    return GST_FLOW_ERROR;
  }
  measure (self, job->duration, waited);
  forget_result (priv);
  priv->last = GST_VL_INFERENCE_GET_CLASS (self)->finish (self, job);
  priv->last_moment.stream = job->stream_time;
  priv->fresh = waited;
  return GST_FLOW_OK;
}

/* Copies the structure of a shared buffer, never its memory. */
static GstBuffer *
attach_result (GstVlInference *self, GstBuffer *buffer, const Moment *moment)
{
  GstVlInferencePrivate *priv = PRIV (self);
  g_autofree gchar *name = NULL;
  GstVlMeta *meta;

  if (!priv->last)
    return buffer;
  name = gst_object_get_name (GST_OBJECT (self));
  buffer = gst_buffer_make_writable (buffer);
  meta = gst_buffer_add_vl_meta (buffer, priv->last, name, GST_VL_INFERENCE_GET_CLASS (self)->kind);
  if (!priv->fresh) {
    gboolean known = GST_CLOCK_TIME_IS_VALID (moment->stream) && GST_CLOCK_TIME_IS_VALID (priv->last_moment.stream) &&
                     moment->stream >= priv->last_moment.stream;

    gst_vl_meta_set_carried (meta, known ? moment->stream - priv->last_moment.stream : GST_CLOCK_TIME_NONE);
    GST_OBJECT_LOCK (self);
    priv->stats.carried++;
    GST_OBJECT_UNLOCK (self);
  }
  return buffer;
}

/* When to run. */

static gboolean
ask_upstream_live (GstVlInference *self)
{
  GstQuery *query = gst_query_new_latency ();
  gboolean live = FALSE;

  if (gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (self), query))
    gst_query_parse_latency (query, &live, NULL, NULL);
  gst_query_unref (query);
  return live;
}

static void
update_live (GstVlInference *self)
{
  GstVlInferencePrivate *priv = PRIV (self);
  gboolean ask;

  GST_OBJECT_LOCK (self);
  ask = priv->ask_live;
  priv->ask_live = FALSE;
  GST_OBJECT_UNLOCK (self);
  if (ask)
    priv->live = ask_upstream_live (self);
}

/* Called with the object lock. */
static gboolean
frames_wait (GstVlInferencePrivate *priv, gboolean live)
{
  return priv->mode == GST_VL_MODE_EVERY_FRAME || (priv->mode == GST_VL_MODE_AUTO && !live);
}

static void
post_qos (GstVlInference *self, const Moment *moment, GstBuffer *buffer)
{
  GstVlInferencePrivate *priv = PRIV (self);
  GstMessage *message = gst_message_new_qos (GST_OBJECT (self), priv->live, moment->running, moment->stream,
                                             moment->pts, GST_BUFFER_DURATION (buffer));

  GST_OBJECT_LOCK (self);
  gst_message_set_qos_values (message, GST_CLOCK_DIFF (moment->running, priv->earliest), priv->proportion, 1000000);
  gst_message_set_qos_stats (message, GST_FORMAT_BUFFERS, priv->stats.inferences, priv->stats.late);
  GST_OBJECT_UNLOCK (self);
  gst_element_post_message (GST_ELEMENT (self), message);
}

/* Whether this frame needs an inference. One that is late downstream, or too soon after the last inference, carries the last result. */
static gboolean
is_due (GstVlInference *self, const Moment *moment, GstBuffer *buffer)
{
  GstVlInferencePrivate *priv = PRIV (self);
  gboolean qos = gst_base_transform_is_qos_enabled (GST_BASE_TRANSFORM (self)), late;
  GstClockTime since = GST_CLOCK_TIME_NONE, interval;

  if (!priv->last)
    return TRUE;
  if (GST_CLOCK_TIME_IS_VALID (moment->stream) && GST_CLOCK_TIME_IS_VALID (priv->last_moment.stream) &&
      moment->stream >= priv->last_moment.stream)
    since = moment->stream - priv->last_moment.stream;
  GST_OBJECT_LOCK (self);
  interval = priv->interval;
  late = qos && GST_CLOCK_TIME_IS_VALID (priv->earliest) && GST_CLOCK_TIME_IS_VALID (moment->running) &&
         moment->running <= priv->earliest;
  priv->stats.late += late;
  GST_OBJECT_UNLOCK (self);
  if (late)
    post_qos (self, moment, buffer);
  return !late && since >= interval; /* NONE is the largest number */
}

/* Inference. */

static gboolean
give_frame (GstVlInference *self, GstVlJob *job, GstBuffer *buffer, const Moment *moment, gboolean copy)
{
  GstVlInferencePrivate *priv = PRIV (self);
  g_autoptr (GError) error = NULL;

  job->pts = moment->pts;
  job->stream_time = moment->stream;
  if (copy ? gst_vl_frame_copy (&job->frame, &priv->info, buffer, &error)
           : gst_vl_frame_map (&job->frame, &priv->info, buffer, &error))
    return TRUE;
  if (!priv->complained)
    GST_ELEMENT_WARNING (self, STREAM, FORMAT, ("A frame passes without result: %s.", error->message), (NULL));
  priv->complained = TRUE;
  return FALSE;
}

static GstFlowReturn
infer_and_wait (GstVlInference *self, GstVlJob *job, GstBuffer *buffer, const Moment *moment)
{
  GstVlInferencePrivate *priv = PRIV (self);

  if (!gst_vl_engine_wait_loaded (priv->engine))
    return GST_FLOW_FLUSHING;
  if (gst_vl_engine_state (priv->engine) == GST_VL_ENGINE_FAILED)
    return GST_FLOW_ERROR; /* which the engine has posted */
  if (!give_frame (self, job, buffer, moment, FALSE)) {
    forget_result (priv);
    return GST_FLOW_OK;
  }
  gst_vl_engine_submit (priv->engine, job);
  if (!gst_vl_engine_wait (priv->engine, job)) {
    gst_vl_task_cancel (&job->task);
    return GST_FLOW_FLUSHING;
  }
  gst_vl_frame_clear (&job->frame);
  return take_result (self, job, TRUE);
}

/* The frame's pixels are copied, so that downstream may write into them while inference reads. */
static GstFlowReturn
infer_beside (GstVlInference *self, GstVlJob *job, GstBuffer *buffer, const Moment *moment)
{
  GstVlInferencePrivate *priv = PRIV (self);
  GstFlowReturn ret = GST_FLOW_OK;

  if (priv->running && gst_vl_engine_is_done (priv->engine, priv->running)) {
    ret = take_result (self, priv->running, FALSE);
    g_clear_pointer (&priv->running, gst_vl_job_unref);
  }
  if (gst_vl_engine_state (priv->engine) == GST_VL_ENGINE_FAILED)
    return GST_FLOW_ERROR;
  if (ret != GST_FLOW_OK || priv->running || gst_vl_engine_state (priv->engine) == GST_VL_ENGINE_LOADING)
    return ret;
  if (is_due (self, moment, buffer) && give_frame (self, job, buffer, moment, TRUE)) {
    gst_vl_engine_submit (priv->engine, job);
    priv->running = job;
    gst_vl_task_ref (&job->task);
  }
  return ret;
}

static GstFlowReturn
process (GstVlInference *self, GstBuffer *buffer, const Moment *moment)
{
  GstVlInferencePrivate *priv = PRIV (self);
  g_autoptr (GPtrArray) texts = NULL;
  g_autoptr (GstVlJob) job = NULL;
  GstClockTime timeout;
  gboolean waits;

  update_live (self);
  GST_OBJECT_LOCK (self);
  waits = frames_wait (priv, priv->live);
  timeout = priv->live ? 0 : priv->text_timeout;
  priv->stats.frames++;
  GST_OBJECT_UNLOCK (self);

  priv->fresh = FALSE;
  texts = gst_vl_texts_at (priv->texts, moment->stream, moment->running, timeout);
  if (!texts)
    return GST_FLOW_FLUSHING;
  job = GST_VL_INFERENCE_GET_CLASS (self)->prepare (self, texts, waits);
  if (!job) {
    abandon_running (priv);
    forget_result (priv);
    return GST_FLOW_OK;
  }
  if (!waits)
    return infer_beside (self, job, buffer, moment);
  abandon_running (priv);
  return is_due (self, moment, buffer) ? infer_and_wait (self, job, buffer, moment) : GST_FLOW_OK;
}

/* GstBaseTransform. */

static void
find_moment (GstBaseTransform *trans, GstBuffer *buffer, Moment *moment)
{
  const GstSegment *segment = &trans->segment;
  guint64 time;

  moment->pts = GST_BUFFER_PTS (buffer);
  moment->stream = moment->running = GST_CLOCK_TIME_NONE;
  if (!GST_CLOCK_TIME_IS_VALID (moment->pts) || segment->format != GST_FORMAT_TIME)
    return;
  if (gst_segment_to_stream_time_full (segment, GST_FORMAT_TIME, moment->pts, &time) > 0)
    moment->stream = time;
  if (gst_segment_to_running_time_full (segment, GST_FORMAT_TIME, moment->pts, &time) > 0)
    moment->running = time;
}

/* In place of the default, which drops frames that are late. */
static GstFlowReturn
submit_input_buffer (GstBaseTransform *trans, gboolean is_discont, GstBuffer *buffer)
{
  (void) is_discont;
  if (gst_pad_check_reconfigure (GST_BASE_TRANSFORM_SRC_PAD (trans)) && !gst_base_transform_reconfigure (trans)) {
    gst_pad_mark_reconfigure (GST_BASE_TRANSFORM_SRC_PAD (trans));
    gst_buffer_unref (buffer);
    return GST_PAD_IS_FLUSHING (GST_BASE_TRANSFORM_SRC_PAD (trans)) ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
  }
  if (GST_VIDEO_INFO_FORMAT (&PRIV (GST_VL_INFERENCE (trans))->info) == GST_VIDEO_FORMAT_UNKNOWN) {
    gst_buffer_unref (buffer);
    return GST_FLOW_NOT_NEGOTIATED;
  }
  gst_buffer_replace (&trans->queued_buf, NULL);
  trans->queued_buf = buffer;
  return GST_FLOW_OK;
}

static GstFlowReturn
generate_output (GstBaseTransform *trans, GstBuffer **out)
{
  GstVlInference *self = GST_VL_INFERENCE (trans);
  GstBuffer *buffer = g_steal_pointer (&trans->queued_buf);
  GstFlowReturn ret;
  Moment moment;

  *out = NULL;
  if (!buffer)
    return GST_FLOW_OK;
  find_moment (trans, buffer, &moment);
  ret = process (self, buffer, &moment);
  if (ret == GST_FLOW_OK)
    *out = attach_result (self, buffer, &moment);
  else
    gst_buffer_unref (buffer);
  return ret;
}

static gboolean
set_caps (GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps)
{
  GstVlInferencePrivate *priv = PRIV (GST_VL_INFERENCE (trans));
  GstVideoInfo info;

  (void) outcaps;
  if (!gst_video_info_from_caps (&info, incaps))
    return FALSE;
  if (info.width != priv->info.width || info.height != priv->info.height) {
    abandon_running (priv);
    forget_result (priv);
  }
  priv->info = info;
  priv->complained = FALSE;
  GST_INFO_OBJECT (trans, "video is %" GST_PTR_FORMAT, (gpointer) incaps);
  return TRUE;
}

static gboolean
start (GstBaseTransform *trans)
{
  GstVlInference *self = GST_VL_INFERENCE (trans);
  GstVlInferencePrivate *priv = PRIV (self);

  gst_video_info_init (&priv->info);
  forget_stream (self);
  gst_vl_texts_set_flags (priv->texts, GST_VL_TEXTS_VIDEO_EOS, FALSE);
  GST_OBJECT_LOCK (self);
  priv->stats = (Stats){ 0 };
  priv->latency = 0;
  priv->ask_live = TRUE;
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

static gboolean
stop (GstBaseTransform *trans)
{
  forget_stream (GST_VL_INFERENCE (trans));
  return TRUE;
}

static void
interrupt (GstVlInference *self, guint why, gboolean on)
{
  GstVlInferencePrivate *priv = PRIV (self);
  guint interrupts;

  GST_OBJECT_LOCK (self);
  interrupts = priv->interrupts = on ? priv->interrupts | why : priv->interrupts & ~why;
  GST_OBJECT_UNLOCK (self);
  gst_vl_texts_set_flags (priv->texts, (GstVlTextsFlags) why, on);
  if (priv->engine)
    gst_vl_engine_interrupt (priv->engine, interrupts != 0);
}

static gboolean
sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstVlInference *self = GST_VL_INFERENCE (trans);
  GstVlInferencePrivate *priv = PRIV (self);

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START: interrupt (self, FLUSHING, TRUE); break;
  case GST_EVENT_FLUSH_STOP:
    forget_stream (self);
    gst_vl_texts_set_flags (priv->texts, GST_VL_TEXTS_VIDEO_EOS, FALSE);
    interrupt (self, FLUSHING, FALSE);
    break;
  case GST_EVENT_STREAM_START:
    gst_vl_texts_set_flags (priv->texts, GST_VL_TEXTS_VIDEO_EOS, FALSE);
    GST_OBJECT_LOCK (self);
    priv->ask_live = TRUE;
    GST_OBJECT_UNLOCK (self);
    break;
  case GST_EVENT_EOS: gst_vl_texts_set_flags (priv->texts, GST_VL_TEXTS_VIDEO_EOS, TRUE); break;
  default: break;
  }
  return GST_BASE_TRANSFORM_CLASS (parent_class)->sink_event (trans, event);
}

static void
take_qos (GstVlInference *self, GstEvent *event)
{
  GstVlInferencePrivate *priv = PRIV (self);
  GstClockTime timestamp;
  GstClockTimeDiff diff;
  gdouble proportion;

  gst_event_parse_qos (event, NULL, &proportion, &diff, &timestamp);
  if (!GST_CLOCK_TIME_IS_VALID (timestamp))
    return;
  GST_OBJECT_LOCK (self);
  priv->proportion = proportion;
  priv->earliest = diff < 0 && timestamp < (GstClockTime) -diff ? 0 : timestamp + (GstClockTime) diff;
  GST_OBJECT_UNLOCK (self);
}

static gboolean
src_event (GstBaseTransform *trans, GstEvent *event)
{
  GstVlInference *self = GST_VL_INFERENCE (trans);
  GstVlInferencePrivate *priv = PRIV (self);
  GstEvent *seek = NULL;
  gboolean ret;

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_QOS: take_qos (self, event); break;
  case GST_EVENT_SEEK:
    seek = gst_event_ref (event);
    gst_vl_texts_begin_seek (priv->texts, seek);
    break;
  case GST_EVENT_LATENCY:
    gst_vl_texts_latency_changed (priv->texts);
    GST_OBJECT_LOCK (self);
    priv->ask_live = TRUE;
    GST_OBJECT_UNLOCK (self);
    break;
  default: break;
  }
  ret = GST_BASE_TRANSFORM_CLASS (parent_class)->src_event (trans, event);
  if (seek) {
    gst_vl_texts_end_seek (priv->texts, seek);
    gst_event_unref (seek);
  }
  return ret;
}

static gboolean
query_latency (GstVlInference *self, GstQuery *query)
{
  GstVlInferencePrivate *priv = PRIV (self);
  GstClockTime min, max;
  gboolean live;

  if (!gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (self), query))
    return FALSE;
  gst_query_parse_latency (query, &live, &min, &max);
  GST_OBJECT_LOCK (self);
  if (frames_wait (priv, live)) {
    min += priv->latency;
    if (GST_CLOCK_TIME_IS_VALID (max))
      max += priv->latency;
  }
  GST_OBJECT_UNLOCK (self);
  gst_query_set_latency (query, live, min, max);
  return TRUE;
}

static gboolean
query (GstBaseTransform *trans, GstPadDirection direction, GstQuery *q)
{
  if (direction == GST_PAD_SRC && GST_QUERY_TYPE (q) == GST_QUERY_LATENCY)
    return query_latency (GST_VL_INFERENCE (trans), q);
  return GST_BASE_TRANSFORM_CLASS (parent_class)->query (trans, direction, q);
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

static guint
free_index (GstVlTexts *texts)
{
  guint index = 0;

  while (gst_vl_texts_has (texts, index))
    index++;
  return index;
}

static GstPad *
request_new_pad (GstElement *element, GstPadTemplate *templ, const gchar *name, const GstCaps *caps)
{
  GstVlInferencePrivate *priv = PRIV (GST_VL_INFERENCE (element));
  guint64 index = free_index (priv->texts);
  GstPad *pad;

  (void) caps;
  if (name && (!g_str_has_prefix (name, "text_") ||
               !g_ascii_string_to_unsigned (name + strlen ("text_"), 10, 0, G_MAXUINT, &index, NULL) ||
               gst_vl_texts_has (priv->texts, (guint) index))) {
    GST_WARNING_OBJECT (element, "no pad %s: expected text_N with an N that is not in use", name);
    return NULL;
  }
  pad = gst_vl_text_pad_new (priv->texts, templ, (guint) index);
  gst_vl_texts_add (priv->texts, pad);
  gst_pad_set_active (pad, TRUE);
  gst_element_add_pad (element, pad);
  return pad;
}

static void
release_pad (GstElement *element, GstPad *pad)
{
  gst_vl_texts_remove (PRIV (GST_VL_INFERENCE (element))->texts, pad);
  gst_pad_set_active (pad, FALSE);
  gst_element_remove_pad (element, pad);
}

/* GObject. */

static void
set_string (gchar **field, const GValue *value, const gchar *fallback)
{
  const gchar *string = g_value_get_string (value);

  g_free (*field);
  *field = g_strdup (string ? string : fallback);
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstVlInferencePrivate *priv = PRIV (GST_VL_INFERENCE (object));

  GST_OBJECT_LOCK (object);
  switch (id) {
  case PROP_MODEL: set_string (&priv->settings.model, value, DEFAULT_MODEL); break;
  case PROP_DEVICE: set_string (&priv->settings.device, value, DEFAULT_DEVICE); break;
  case PROP_PRECISION: set_string (&priv->settings.precision, value, DEFAULT_PRECISION); break;
  case PROP_MODE: priv->mode = g_value_get_enum (value); break;
  case PROP_INTERVAL: priv->interval = g_value_get_uint64 (value); break;
  case PROP_TEXT_TIMEOUT: priv->text_timeout = g_value_get_uint64 (value); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (object);
}

/* Called with the object lock. */
static GstStructure *
make_stats (const GstVlInferencePrivate *priv)
{
  const Stats *s = &priv->stats;

  return gst_structure_new ("application/x-vlf-stats", "frames", G_TYPE_UINT64, s->frames, "inferences", G_TYPE_UINT64,
                            s->inferences, "carried", G_TYPE_UINT64, s->carried, "late", G_TYPE_UINT64, s->late,
                            "last-time", G_TYPE_UINT64, s->last, "average-time", G_TYPE_UINT64,
                            s->inferences ? s->total / s->inferences : 0, "longest-time", G_TYPE_UINT64, s->longest,
                            "latency", G_TYPE_UINT64, priv->latency, NULL);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstVlInferencePrivate *priv = PRIV (GST_VL_INFERENCE (object));

  GST_OBJECT_LOCK (object);
  switch (id) {
  case PROP_MODEL: g_value_set_string (value, priv->settings.model); break;
  case PROP_DEVICE: g_value_set_string (value, priv->settings.device); break;
  case PROP_PRECISION: g_value_set_string (value, priv->settings.precision); break;
  case PROP_MODE: g_value_set_enum (value, priv->mode); break;
  case PROP_INTERVAL: g_value_set_uint64 (value, priv->interval); break;
  case PROP_TEXT_TIMEOUT: g_value_set_uint64 (value, priv->text_timeout); break;
  case PROP_STATS: g_value_take_boxed (value, make_stats (priv)); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (object);
}

static void
gst_vl_inference_finalize (GObject *object)
{
  GstVlInferencePrivate *priv = PRIV (GST_VL_INFERENCE (object));

  gst_vl_engine_close (priv->engine);
  gst_vl_engine_settings_clear (&priv->settings);
  gst_vl_texts_unref (priv->texts);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
install_properties (GObjectClass *klass)
{
  const GParamFlags ready = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;
  const GParamFlags playing = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  g_object_class_install_property (
      klass, PROP_MODEL,
      g_param_spec_string ("model", "Model",
                           "Hugging Face model directory, or the name of one below VLF_MODEL_PATH or the share folder; "
                           "empty for the default model",
                           DEFAULT_MODEL, ready));
  g_object_class_install_property (
      klass, PROP_DEVICE,
      g_param_spec_string ("device", "Device",
                           "OpenCL device: auto, cpu, gpu, an index, or part of a platform's or device's name; "
                           "reference: plain C, for tests",
                           DEFAULT_DEVICE, ready));
  g_object_class_install_property (
      klass, PROP_PRECISION,
      g_param_spec_string (
          "precision", "Precision",
          "Arithmetic and storage of weights: auto (f32 arithmetic, weights as in the file), f32, f16, "
          "bf16, int8",
          DEFAULT_PRECISION, ready));
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
  g_object_class_install_property (
      klass, PROP_STATS,
      g_param_spec_boxed (
          "stats", "Statistics",
          "Counts of frames, inferences, frames with carried and late frames with skipped results; times of "
          "inferences and the latency reported, in nanoseconds; since PAUSED",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static GstCaps *
video_caps (void)
{
  return gst_caps_from_string (GST_VIDEO_CAPS_MAKE (GST_VL_FORMATS) ";" GST_VIDEO_CAPS_MAKE_WITH_FEATURES (
      GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY ", " GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION, GST_VL_FORMATS));
}

static void
add_templates (GstElementClass *klass)
{
  GstCaps *caps = video_caps ();

  gst_caps_set_simple (caps, "width", GST_TYPE_INT_RANGE, 1, GST_VL_MAX_SIDE, "height", GST_TYPE_INT_RANGE, 1,
                       GST_VL_MAX_SIDE, NULL);
  gst_structure_set (gst_caps_get_structure (caps, 1), "width", GST_TYPE_INT_RANGE, 1, GST_VL_MAX_SIDE, "height",
                     GST_TYPE_INT_RANGE, 1, GST_VL_MAX_SIDE, NULL);
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

  GST_DEBUG_CATEGORY_INIT (gst_vl_debug, "vlf", 0, "vision-language inference");
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
  gst_type_mark_as_plugin_api (GST_TYPE_VL_TEXT_PAD, 0);
}

static void
gst_vl_inference_init (GstVlInference *self)
{
  GstVlInferencePrivate *priv = PRIV (self);

  priv->settings.model = g_strdup (DEFAULT_MODEL);
  priv->settings.device = g_strdup (DEFAULT_DEVICE);
  priv->settings.precision = g_strdup (DEFAULT_PRECISION);
  priv->mode = DEFAULT_MODE;
  priv->interval = DEFAULT_INTERVAL;
  priv->text_timeout = DEFAULT_TEXT_TIMEOUT;
  priv->texts = gst_vl_texts_new ();
  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self), TRUE);
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), DEFAULT_QOS);
}
