/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlstream.h"
#include "plugin/gstvlanalytics.h"
#include "plugin/gstvlmirror.h"
#include "plugin/gstvlread.h"
#include "plugin/gstvlreports.h"

GST_DEBUG_CATEGORY_EXTERN (gst_vl_debug);
#define GST_CAT_DEFAULT gst_vl_debug

#define LOOK_AGAIN 1000 /* microseconds, whether the stream is free */

/* Results. */

static void
forget_result (GstVlStream *self)
{
  g_clear_pointer (&self->last, gst_vl_result_unref);
}

static void
abandon_running (GstVlStream *self)
{
  if (self->running)
    gst_vl_task_cancel (&self->running->task);
  g_clear_pointer (&self->running, gst_vl_job_unref);
}

static GstVlJob *
take_held_job (GstVlStream *self)
{
  GstVlJob *job = self->held_job;

  g_atomic_pointer_set (&self->held_job, NULL);
  return job;
}

static void
abandon_held (GstVlStream *self)
{
  GstVlJob *job = take_held_job (self);

  if (job)
    gst_vl_task_cancel (&job->task);
  gst_vl_job_unref (job);
  gst_clear_buffer (&self->held);
}

void
gst_vl_stream_forget (GstVlStream *self)
{
  abandon_running (self);
  abandon_held (self);
  forget_result (self);
  self->flow = GST_FLOW_OK;
  self->pushed_time = GST_CLOCK_TIME_NONE;
  gst_vl_texts_reset (self->texts);
  GST_OBJECT_LOCK (self->owner);
  self->earliest = GST_CLOCK_TIME_NONE;
  self->proportion = 1.0;
  GST_OBJECT_UNLOCK (self->owner);
}

void
gst_vl_stream_start (GstVlStream *self)
{
  gst_vl_stream_forget (self);
  gst_video_info_init (&self->info);
  self->told_invalid = FALSE;
  GST_OBJECT_LOCK (self->owner);
  memset (&self->stats, 0, sizeof self->stats);
  self->latency = 0;
  self->ask_live = TRUE;
  GST_OBJECT_UNLOCK (self->owner);
  self->pusher = gst_vl_worker_new ("vlf-pusher", self, NULL);
}

void
gst_vl_stream_stop (GstVlStream *self)
{
  gst_vl_worker_close (g_steal_pointer (&self->pusher),
                       G_TIME_SPAN_HOUR); /* which ends at once: nothing can hold it up */
  self->run++;
  gst_vl_stream_end_events (self, "stopped");
  gst_vl_stream_forget (self);
}

void
gst_vl_stream_set_info (GstVlStream *self, const GstVideoInfo *info)
{
  if (info->width != self->info.width || info->height != self->info.height) {
    abandon_running (self);
    forget_result (self);
  }
  if (!gst_video_info_is_equal (info, &self->info))
    self->complained = FALSE;
  self->info = *info;
}

void
gst_vl_stream_begin_segment (GstVlStream *self, GstEvent *event)
{
  const GstSegment *old = &GST_BASE_TRANSFORM (self->owner)->segment, *segment;
  gboolean backwards;
  GstClockTime first;

  gst_event_parse_segment (event, &segment);
  if (old->format != GST_FORMAT_TIME || segment->format != GST_FORMAT_TIME ||
      !GST_CLOCK_TIME_IS_VALID (self->pushed_time))
    return;
  if (segment->base == old->base && segment->time == old->time && segment->start == old->start)
    return; /* the same again, or a longer one */
  backwards = segment->rate < 0;
  first = gst_segment_to_stream_time (segment, GST_FORMAT_TIME, backwards ? segment->stop : segment->start);
  if (backwards == (old->rate < 0) && (backwards ? first <= self->pushed_time : first > self->pushed_time))
    return;
  gst_vl_stream_end_events (self, "segment");
  if (self->running) /* its result is still worth having, but without a time no event is told of it behind this one's */
    self->running->stream_time = GST_CLOCK_TIME_NONE;
}

static gboolean
read_flag (GstVlStream *self, const gboolean *flag)
{
  gboolean value;

  GST_OBJECT_LOCK (self->owner);
  value = *flag;
  GST_OBJECT_UNLOCK (self->owner);
  return value;
}

static GstFlowReturn
take_result (GstVlStream *self, GstVlJob *job, gboolean waited)
{
  if (job->error) {
    gst_vl_engine_post_error (self->engine, job->error);
    return GST_FLOW_ERROR;
  }
  gst_vl_stream_measure (self, job, waited);
  forget_result (self);
  gst_vl_stream_tell_invalid (self, job->result);
  self->last = GST_VL_INFERENCE_GET_CLASS (self->owner)->finish (self->owner, job);
  self->last_time = job->stream_time;
  self->last_running_time = job->running_time;
  self->last_generation = job->generation;
  gst_vl_stream_tell_result (self);
  return GST_FLOW_OK;
}

/* @fresh: it is the frame's own. Copies the structure of a shared buffer, never its memory. */
static void
attach_result (GstVlStream *self, GstBuffer **buffer, const GstVlMoment *moment, gboolean fresh)
{
  g_autofree gchar *name = NULL;
  GstVlMeta *meta;

  if (!self->last)
    return;
  name = gst_object_get_name (GST_OBJECT (self->owner));
  *buffer = gst_buffer_make_writable (*buffer);
  meta = gst_buffer_add_vl_meta (*buffer, self->last, name, GST_VL_INFERENCE_GET_CLASS (self->owner)->kind);
  if (!fresh)
    gst_vl_meta_set_carried (meta, gst_vl_moment_since (moment, self->last_time));
  if (read_flag (self, &self->mirror))
    gst_vl_mirror_attach (*buffer, meta);
  if (read_flag (self, &self->analytics))
    gst_vl_analytics_attach (*buffer, meta);
}

static void
count_departure (GstVlStream *self, const GstVlMoment *moment, gboolean fresh)
{
  GstClockTime age = fresh ? 0 : gst_vl_moment_since (moment, self->last_time);

  GST_OBJECT_LOCK (self->owner);
  gst_vl_times_add (&self->stats.passage, gst_util_get_timestamp () - moment->arrived);
  self->stats.carried += self->last && !fresh;
  if (self->last && GST_CLOCK_TIME_IS_VALID (age))
    gst_vl_times_add (&self->stats.age, age);
  GST_OBJECT_UNLOCK (self->owner);
}

/* Takes @buffer. */
static GstFlowReturn
push (GstVlStream *self, GstBuffer *buffer, const GstVlMoment *moment, gboolean fresh)
{
  GstVlInferenceClass *klass = GST_VL_INFERENCE_GET_CLASS (self->owner);
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self->owner);
  GstFlowReturn ret = GST_FLOW_OK;

  attach_result (self, &buffer, moment, fresh);
  self->pushed_time = moment->stream;
  if (klass->leaving)
    ret = klass->leaving (self->owner, buffer, self->last);
  if (ret != GST_FLOW_OK) {
    gst_buffer_unref (buffer);
    return ret == GST_BASE_TRANSFORM_FLOW_DROPPED ? GST_FLOW_OK : ret;
  }
  if (trans->segment.format == GST_FORMAT_TIME && GST_CLOCK_TIME_IS_VALID (moment->pts))
    trans->segment.position = moment->pts;
  count_departure (self, moment, fresh);
  return gst_pad_push (GST_BASE_TRANSFORM_SRC_PAD (trans), buffer);
}

/* When to run. */

void
gst_vl_stream_ask_live (GstVlStream *self)
{
  GST_OBJECT_LOCK (self->owner);
  self->ask_live = TRUE;
  GST_OBJECT_UNLOCK (self->owner);
}

static void
update_live (GstVlStream *self)
{
  GstQuery *query;
  gboolean ask;

  GST_OBJECT_LOCK (self->owner);
  ask = self->ask_live;
  self->ask_live = FALSE;
  GST_OBJECT_UNLOCK (self->owner);
  if (!ask)
    return;
  query = gst_query_new_latency ();
  self->live = FALSE;
  if (gst_pad_peer_query (GST_BASE_TRANSFORM_SINK_PAD (self->owner), query))
    gst_query_parse_latency (query, &self->live, NULL, NULL);
  gst_query_unref (query);
}

void
gst_vl_stream_take_qos (GstVlStream *self, GstEvent *event)
{
  GstClockTime timestamp;
  GstClockTimeDiff diff;
  gdouble proportion;

  gst_event_parse_qos (event, NULL, &proportion, &diff, &timestamp);
  if (!GST_CLOCK_TIME_IS_VALID (timestamp))
    return;
  GST_OBJECT_LOCK (self->owner);
  self->proportion = proportion;
  self->earliest = diff < 0 && timestamp < (GstClockTime) -diff ? 0 : timestamp + (GstClockTime) diff;
  GST_OBJECT_UNLOCK (self->owner);
}

/* Whether this frame needs an inference. One that is late downstream, or too soon after the last inference of the same questions, carries
 * the last result. */
static gboolean
is_due (GstVlStream *self, const GstVlJob *job, const GstVlMoment *moment, GstBuffer *buffer)
{
  gboolean qos = gst_base_transform_is_qos_enabled (GST_BASE_TRANSFORM (self->owner)), late;
  GstClockTime interval, since = self->held ? self->held_job->stream_time : self->last_time;
  guint64 generation = self->held ? self->held_job->generation : self->last_generation;

  if (!self->last && !self->held)
    return TRUE;
  GST_OBJECT_LOCK (self->owner);
  interval = self->interval;
  late = qos && GST_CLOCK_TIME_IS_VALID (self->earliest) && GST_CLOCK_TIME_IS_VALID (moment->running) &&
         moment->running <= self->earliest;
  self->stats.late += late;
  GST_OBJECT_UNLOCK (self->owner);
  if (late)
    gst_vl_stream_post_qos (self, moment, buffer);
  /* NONE is the largest number. */
  return !late && (job->generation != generation || gst_vl_moment_passed (moment, since, self->backwards) >= interval);
}

/* Inference. */

/* Only when the engine is ready. */
static gboolean
give_frame (GstVlStream *self, GstVlJob *job, GstBuffer *buffer, const GstVlMoment *moment, gboolean copy)
{
  g_autoptr (GError) error = NULL;

  job->pts = moment->pts;
  job->stream_time = moment->stream;
  job->running_time = moment->running;
  if (gst_vl_read_frame (job, gst_vl_engine_model (self->engine), &self->info, buffer, copy, &error))
    return TRUE;
  if (!self->complained)
    GST_ELEMENT_WARNING (self->owner, STREAM, FORMAT, ("A frame passes without result: %s.", error->message), (NULL));
  self->complained = TRUE;
  return FALSE;
}

/* Why a wait came to nothing: the stream flushes or stops, or the engine has failed, which it has posted. */
static GstFlowReturn
interrupted_flow (GstVlStream *self)
{
  return gst_vl_engine_state (self->engine) == GST_VL_ENGINE_FAILED ? GST_FLOW_ERROR : GST_FLOW_FLUSHING;
}

/* The result of @job, which has been submitted. */
static GstFlowReturn
await_result (GstVlStream *self, GstVlJob *job)
{
  if (!gst_vl_engine_wait (self->engine, job)) {
    gst_vl_task_cancel (&job->task);
    return interrupted_flow (self);
  }
  gst_vl_frame_clear (&job->frame);
  return take_result (self, job, TRUE);
}

/* Frames in flight. With 20 ms of inference on a device of its own and 20 ms before or after it, 30 frames take 0.93 s instead of 1.29 s;
 * where inference itself keeps all cores busy, decoding and drawing still fill the gaps between its kernels: 250 frames of 768x576 with
 * the default model on two cores, busy with other work too, take 11.2 s instead of 14.3 s (medians of five interleaved runs). */

/* FLUSHING too where whoever got the frame has stopped the element: nothing of the stream is there any more, or it is another one's. */
static GstFlowReturn
release_held (GstVlStream *self)
{
  g_autoptr (GstVlJob) job = take_held_job (self);
  GstBuffer *buffer = g_steal_pointer (&self->held);
  const guint run = self->run;
  GstFlowReturn ret;

  if (!buffer)
    return GST_FLOW_OK;
  ret = await_result (self, job);
  if (ret == GST_FLOW_OK)
    ret = push (self, buffer, &self->held_moment, TRUE);
  else
    gst_buffer_unref (buffer);
  return run == self->run ? ret : GST_FLOW_FLUSHING;
}

void
gst_vl_stream_drain (GstVlStream *self)
{
  const guint run = self->run;
  GstFlowReturn ret;

  if (!self->held)
    return;
  ret = release_held (self);
  if (run == self->run)
    self->flow = ret;
}

/* Of the pusher. */
typedef struct {
  GstVlTask task;
  GstVlJob *job;
} Departure;

/* Nothing may have come that would have pushed the frame. Never blocks on the stream lock: whoever has it may be the one that stops the
 * stream, and with it waits for this thread, from a probe behind the element. */
static void
depart (GstVlTask *task, GstVlWorker *worker)
{
  GstVlStream *self = gst_vl_worker_get_data (worker);
  g_autoptr (GstElement) owner = gst_object_ref (GST_ELEMENT (self->owner)); /* whoever gets the frame may drop it */
  GstVlJob *job = ((Departure *) task)->job;
  GstPad *pad = GST_BASE_TRANSFORM_SINK_PAD (owner);

  if (!gst_vl_engine_wait (self->engine, job))
    return;
  while (g_atomic_pointer_get (&self->held_job) == job && !gst_vl_worker_is_closing (worker)) {
    if (!GST_PAD_STREAM_TRYLOCK (pad)) {
      g_usleep (LOOK_AGAIN);
      continue;
    }
    if (self->held_job == job)
      gst_vl_stream_drain (self);
    GST_PAD_STREAM_UNLOCK (pad);
  }
}

static void
departure_free (GstVlTask *task)
{
  gst_vl_job_unref (((Departure *) task)->job);
  g_free (task);
}

/* Takes @buffer. The engine has @job already, so that the device goes on with it while the frame before is pushed. */
static GstFlowReturn
hold (GstVlStream *self, GstVlJob *job, GstBuffer *buffer, const GstVlMoment *moment)
{
  GstFlowReturn ret = release_held (self);
  Departure *departure;

  if (ret != GST_FLOW_OK) {
    gst_vl_task_cancel (&job->task);
    gst_buffer_unref (buffer);
    return ret;
  }
  departure = g_new0 (Departure, 1);
  gst_vl_task_init (&departure->task, depart, departure_free);
  departure->job = job;
  gst_vl_task_ref (&job->task);
  gst_vl_task_ref (&job->task);
  self->held = buffer;
  self->held_moment = *moment;
  g_atomic_pointer_set (&self->held_job, job);
  gst_vl_worker_push (self->pusher, &departure->task);
  gst_vl_task_unref (&departure->task);
  return GST_FLOW_OK;
}

/* The frame's pixels are copied, so that downstream may write into them while inference reads. */
static GstFlowReturn
infer_beside (GstVlStream *self, GstVlJob *job, GstBuffer *buffer, const GstVlMoment *moment)
{
  GstVlEngineState state = gst_vl_engine_state (self->engine);
  GstFlowReturn ret = GST_FLOW_OK;

  if (state == GST_VL_ENGINE_FAILED)
    return GST_FLOW_ERROR;
  if (self->running && gst_vl_engine_is_done (self->engine, self->running)) {
    ret = take_result (self, self->running, FALSE);
    g_clear_pointer (&self->running, gst_vl_job_unref);
  }
  if (ret != GST_FLOW_OK || self->running || state == GST_VL_ENGINE_LOADING || !is_due (self, job, moment, buffer))
    return ret;
  if (give_frame (self, job, buffer, moment, TRUE)) {
    gst_vl_engine_submit (self->engine, job);
    gst_vl_task_ref (&job->task);
    self->running = job;
  }
  return GST_FLOW_OK;
}

/* Takes @buffer. */
static GstFlowReturn
carry (GstVlStream *self, GstBuffer *buffer, const GstVlMoment *moment)
{
  GstFlowReturn ret = release_held (self);

  if (ret == GST_FLOW_OK)
    return push (self, buffer, moment, FALSE);
  gst_buffer_unref (buffer);
  return ret;
}

/* Takes @buffer, a frame that has no result: there is nothing to ask about it, or, @asked, it cannot be read. */
static GstFlowReturn
pass (GstVlStream *self, GstBuffer *buffer, const GstVlMoment *moment, gboolean asked)
{
  GstFlowReturn ret = release_held (self);

  forget_result (self);
  if (!asked)
    gst_vl_stream_end_events (self, "prompt-gone");
  if (ret == GST_FLOW_OK)
    return push (self, buffer, moment, FALSE);
  gst_buffer_unref (buffer);
  return ret;
}

/* Takes @buffer. A live frame is waited for at once: a second one in flight would only add to the latency. */
static GstFlowReturn
pass_with_result (GstVlStream *self, GstVlJob *job, GstBuffer *buffer, const GstVlMoment *moment, gboolean live)
{
  GstFlowReturn ret = GST_FLOW_OK;

  if (!gst_vl_engine_wait_loaded (self->engine))
    ret = interrupted_flow (self);
  else if (gst_vl_engine_state (self->engine) == GST_VL_ENGINE_FAILED)
    ret = GST_FLOW_ERROR; /* which the engine has posted */
  else if (!give_frame (self, job, buffer, moment, FALSE))
    return pass (self, buffer, moment, TRUE);
  if (ret == GST_FLOW_OK) {
    gst_vl_engine_submit (self->engine, job);
    if (!live)
      return hold (self, job, buffer, moment);
    ret = await_result (self, job);
  }
  if (ret == GST_FLOW_OK)
    return push (self, buffer, moment, TRUE);
  gst_buffer_unref (buffer);
  return ret;
}

/* Takes @buffer. */
static GstFlowReturn
pass_beside (GstVlStream *self, GstVlJob *job, GstBuffer *buffer, const GstVlMoment *moment)
{
  GstFlowReturn ret = release_held (self); /* of when frames still waited */

  if (ret == GST_FLOW_OK)
    ret = infer_beside (self, job, buffer, moment);
  if (ret == GST_FLOW_OK)
    return push (self, buffer, moment, FALSE);
  gst_buffer_unref (buffer);
  return ret;
}

/* What there is to ask of the frame; NULL: nothing. FALSE if interrupted. */
static gboolean
ask (GstVlStream *self, const GstVlMoment *moment, gboolean waits, GstClockTime timeout, GstVlJob **job)
{
  g_autoptr (GPtrArray) texts = gst_vl_texts_at (self->texts, moment->stream, moment->running, timeout, &self->encoded);

  *job = NULL;
  if (!texts)
    return FALSE;
  *job = GST_VL_INFERENCE_GET_CLASS (self->owner)->prepare (self->owner, texts);
  g_clear_pointer (&self->encoded, g_ptr_array_unref);
  if (!*job || waits)
    abandon_running (self);
  if (*job) {
    GST_OBJECT_LOCK (self->owner);
    (*job)->fit = self->fit;
    GST_OBJECT_UNLOCK (self->owner);
  }
  return TRUE;
}

static void
tell_direction (GstVlStream *self)
{
  gboolean backwards = GST_BASE_TRANSFORM (self->owner)->segment.rate < 0;

  if (backwards != self->backwards)
    gst_vl_texts_set_flags (self->texts, GST_VL_TEXTS_BACKWARDS, backwards);
  self->backwards = backwards;
}

GstFlowReturn
gst_vl_stream_process (GstVlStream *self, GstBuffer *buffer)
{
  g_autoptr (GstVlJob) job = NULL;
  GstVlMoment moment;
  GstClockTime timeout;
  gboolean waits, live;
  GstFlowReturn ret;

  gst_vl_moment_init (&moment, &GST_BASE_TRANSFORM (self->owner)->segment, buffer);
  update_live (self);
  tell_direction (self);
  GST_OBJECT_LOCK (self->owner);
  live = self->live;
  waits = gst_vl_stream_frames_wait (self, live);
  timeout = live ? 0 : self->text_timeout;
  self->stats.frames++;
  GST_OBJECT_UNLOCK (self->owner);

  ret = self->flow;
  self->flow = GST_FLOW_OK;
  if (ret == GST_FLOW_OK && !ask (self, &moment, waits, timeout, &job))
    ret = GST_FLOW_FLUSHING;
  if (ret != GST_FLOW_OK) {
    gst_buffer_unref (buffer);
    return ret;
  }
  if (!job)
    return pass (self, buffer, &moment, FALSE);
  if (!waits)
    return pass_beside (self, job, buffer, &moment);
  return is_due (self, job, &moment, buffer) ? pass_with_result (self, job, buffer, &moment, live)
                                             : carry (self, buffer, &moment);
}
