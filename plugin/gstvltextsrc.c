/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvltextsrc.h"

#define MAX_PENDING 512 /* texts and gaps */

GST_DEBUG_CATEGORY_EXTERN (gst_vl_debug);
#define GST_CAT_DEFAULT gst_vl_debug

struct _GstVlTextSrc {
  GstPad parent;
  GstPad *video_sink, *video_src; /* not owned */
  gboolean started, discont;      /* of the video's thread */

  GMutex lock; /* guards all below */
  GCond changed;
  GQueue pending; /* of GstMiniObject: buffers and events */
  gboolean flushing;
  GstFlowReturn flow; /* what is wrong behind the pad, OK: nothing */
};

G_DEFINE_TYPE (GstVlTextSrc, gst_vl_text_src, GST_TYPE_PAD)

/* The pad's own thread. */

static void
push_out (GstVlTextSrc *self, GstMiniObject *item)
{
  GstFlowReturn flow;

  if (GST_IS_EVENT (item)) {
    gst_pad_push_event (GST_PAD (self), GST_EVENT_CAST (item));
    return;
  }
  flow = gst_pad_push (GST_PAD (self), GST_BUFFER_CAST (item));
  if (flow == GST_FLOW_OK || flow == GST_FLOW_NOT_LINKED || flow == GST_FLOW_FLUSHING)
    return;
  GST_DEBUG_OBJECT (self, "texts are refused: %s", gst_flow_get_name (flow));
  g_mutex_lock (&self->lock);
  self->flow = flow;
  g_mutex_unlock (&self->lock);
}

static void
text_loop (gpointer user)
{
  GstVlTextSrc *self = user;
  GstMiniObject *item = NULL;

  g_mutex_lock (&self->lock);
  while (!self->flushing && g_queue_is_empty (&self->pending))
    g_cond_wait (&self->changed, &self->lock);
  if (!self->flushing)
    item = g_queue_pop_head (&self->pending);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  if (item)
    push_out (self, item);
  else
    gst_pad_pause_task (GST_PAD (self));
}

/* What waits to be pushed. */

static void
drop_pending (GstVlTextSrc *self)
{
  g_queue_clear_full (&self->pending, (GDestroyNotify) gst_mini_object_unref);
}

/* What begins a stream, and nobody would send again. */
static gboolean
is_beginning (GstMiniObject *item)
{
  return GST_IS_EVENT (item) &&
         (GST_EVENT_TYPE (item) == GST_EVENT_STREAM_START || GST_EVENT_TYPE (item) == GST_EVENT_CAPS);
}

/* What a flush does away with. */
static void
flush_pending (GstVlTextSrc *self)
{
  for (GList *link = self->pending.head, *next; link; link = next) {
    next = link->next;
    if (is_beginning (link->data))
      continue;
    gst_mini_object_unref (link->data);
    g_queue_delete_link (&self->pending, link);
  }
}

static void
set_flushing (GstVlTextSrc *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  self->flow = GST_FLOW_OK;
  flush_pending (self);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

static gboolean
is_gap (GstMiniObject *item)
{
  return GST_IS_EVENT (item) && GST_EVENT_TYPE (item) == GST_EVENT_GAP;
}

/* What may be dropped where too much waits; events that shape the stream may not. */
static gboolean
is_text (GstMiniObject *item)
{
  return GST_IS_BUFFER (item) || is_gap (item);
}

/* Gaps that follow each other are one. */
static gboolean
extend_last_gap (GstVlTextSrc *self, GstMiniObject *item)
{
  GstMiniObject *last = g_queue_peek_tail (&self->pending);
  GstClockTime begin, length, next, next_length;

  if (!last || !is_gap (last) || !is_gap (item))
    return FALSE;
  gst_event_parse_gap (GST_EVENT_CAST (last), &begin, &length);
  gst_event_parse_gap (GST_EVENT_CAST (item), &next, &next_length);
  if (!GST_CLOCK_TIME_IS_VALID (length) || !GST_CLOCK_TIME_IS_VALID (next_length) || begin + length != next)
    return FALSE;
  gst_mini_object_unref (g_queue_pop_tail (&self->pending));
  g_queue_push_tail (&self->pending, gst_event_new_gap (begin, length + next_length));
  gst_mini_object_unref (item);
  return TRUE;
}

/* Called with the lock. */
static void
drop_oldest (GstVlTextSrc *self)
{
  for (GList *link = self->pending.head; link; link = link->next) {
    if (!is_text (link->data))
      continue;
    GST_WARNING_OBJECT (self, "texts are not taken as fast as they come: one is dropped");
    gst_mini_object_unref (link->data);
    g_queue_delete_link (&self->pending, link);
    return;
  }
}

static GstFlowReturn
enqueue (GstVlTextSrc *self, GstMiniObject *item, gboolean wait)
{
  GstFlowReturn flow;

  g_mutex_lock (&self->lock);
  while (wait && !self->flushing && self->flow == GST_FLOW_OK && g_queue_get_length (&self->pending) >= MAX_PENDING)
    g_cond_wait (&self->changed, &self->lock);
  flow = self->flushing ? GST_FLOW_FLUSHING : self->flow == GST_FLOW_EOS ? GST_FLOW_OK : self->flow;
  if ((self->flushing && !is_beginning (item)) || (self->flow != GST_FLOW_OK && !GST_IS_EVENT (item))) {
    gst_mini_object_unref (item);
  } else if (!extend_last_gap (self, item)) {
    if (is_text (item) && g_queue_get_length (&self->pending) >= MAX_PENDING)
      drop_oldest (self);
    g_queue_push_tail (&self->pending, item);
  }
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
  return flow;
}

/* The stream. */

static void
enqueue_event (GstVlTextSrc *self, GstEvent *event, guint32 seqnum)
{
  gst_event_set_seqnum (event, seqnum);
  enqueue (self, GST_MINI_OBJECT_CAST (event), FALSE);
}

/* The video's time, so that its texts are synchronous; bytes are no time. */
static GstEvent *
segment_like (GstEvent *video)
{
  const GstSegment *segment = NULL;
  GstSegment whole;

  if (video)
    gst_event_parse_segment (video, &segment);
  gst_segment_init (&whole, GST_FORMAT_TIME);
  return gst_event_new_segment (segment && segment->format == GST_FORMAT_TIME ? segment : &whole);
}

/* gst_pad_create_stream_id() makes none for an element with more sink pads than one, which text pads are. */
static gchar *
make_stream_id (GstVlTextSrc *self)
{
  g_autofree gchar *video = gst_pad_get_stream_id (self->video_sink);

  return g_strconcat (video ? video : "vlcaption", "/text", NULL);
}

/* A stream of its own, in the group of the video's. */
static void
start_stream (GstVlTextSrc *self)
{
  GstEvent *video = gst_pad_get_sticky_event (self->video_sink, GST_EVENT_STREAM_START, 0);
  GstEvent *segment = gst_pad_get_sticky_event (self->video_sink, GST_EVENT_SEGMENT, 0), *start;
  guint32 seqnum = video ? gst_event_get_seqnum (video) : gst_util_seqnum_next ();
  GstCaps *caps = gst_caps_from_string (GST_VL_TEXT_SRC_CAPS);
  g_autofree gchar *id = make_stream_id (self);
  guint group;

  start = gst_event_new_stream_start (id);
  gst_event_set_stream_flags (start, GST_STREAM_FLAG_SPARSE);
  if (video && gst_event_parse_group_id (video, &group))
    gst_event_set_group_id (start, group);
  enqueue_event (self, start, seqnum);
  enqueue_event (self, gst_event_new_caps (caps), seqnum);
  enqueue_event (self, segment_like (segment), segment ? gst_event_get_seqnum (segment) : seqnum);
  self->started = self->discont = TRUE;
  gst_caps_unref (caps);
  gst_clear_event (&video);
  gst_clear_event (&segment);
}

GstFlowReturn
gst_vl_text_src_push (GstVlTextSrc *self, GstMiniObject *item, gboolean wait)
{
  if (!self->started)
    start_stream (self);
  if (GST_IS_BUFFER (item) && self->discont) {
    GST_BUFFER_FLAG_SET (GST_BUFFER_CAST (item), GST_BUFFER_FLAG_DISCONT);
    self->discont = FALSE;
  }
  return enqueue (self, item, wait);
}

void
gst_vl_text_src_take_event (GstVlTextSrc *self, GstEvent *event)
{
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_STREAM_START: self->started = FALSE; break;
  case GST_EVENT_SEGMENT:
    if (self->started)
      enqueue_event (self, segment_like (event), gst_event_get_seqnum (event));
    self->discont = TRUE;
    break;
  case GST_EVENT_EOS:
  case GST_EVENT_SEGMENT_DONE: gst_vl_text_src_push (self, GST_MINI_OBJECT_CAST (gst_event_ref (event)), FALSE); break;
  case GST_EVENT_FLUSH_START:
    set_flushing (self, TRUE);
    gst_pad_push_event (GST_PAD (self), gst_event_ref (event));
    gst_pad_pause_task (GST_PAD (self));
    break;
  case GST_EVENT_FLUSH_STOP:
    gst_pad_push_event (GST_PAD (self), gst_event_ref (event));
    self->discont = TRUE;
    set_flushing (self, FALSE);
    if (GST_PAD_IS_ACTIVE (GST_PAD (self)))
      gst_pad_start_task (GST_PAD (self), text_loop, self, NULL);
    break;
  default: break;
  }
}

/* GstPad. */

/* Seeks go the way that the video's go; lateness of texts is nothing that frames could be spared for. Who is linked after somebody else has
 * refused texts, at the end of its stream say, has not refused any. */
static gboolean
text_src_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstVlTextSrc *self = GST_VL_TEXT_SRC (pad);

  (void) parent;
  if (GST_EVENT_TYPE (event) != GST_EVENT_QOS && GST_EVENT_TYPE (event) != GST_EVENT_RECONFIGURE)
    return gst_pad_send_event (self->video_src, event);
  if (GST_EVENT_TYPE (event) == GST_EVENT_RECONFIGURE) {
    g_mutex_lock (&self->lock);
    self->flow = GST_FLOW_OK;
    g_mutex_unlock (&self->lock);
  }
  gst_event_unref (event);
  return TRUE;
}

static gboolean
text_src_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  switch (GST_QUERY_TYPE (query)) {
  case GST_QUERY_LATENCY:
  case GST_QUERY_POSITION:
  case GST_QUERY_DURATION:
  case GST_QUERY_SEEKING:
  case GST_QUERY_SEGMENT: return gst_pad_query (GST_VL_TEXT_SRC (pad)->video_src, query);
  default: return gst_pad_query_default (pad, parent, query);
  }
}

static GstIterator *
text_src_internal_links (GstPad *pad, GstObject *parent)
{
  GstIterator *it;
  GValue value = G_VALUE_INIT;

  (void) parent;
  g_value_init (&value, GST_TYPE_PAD);
  g_value_set_object (&value, GST_VL_TEXT_SRC (pad)->video_sink);
  it = gst_iterator_new_single (GST_TYPE_PAD, &value);
  g_value_unset (&value);
  return it;
}

static gboolean
text_src_activate_mode (GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  GstVlTextSrc *self = GST_VL_TEXT_SRC (pad);

  (void) parent;
  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  g_mutex_lock (&self->lock);
  drop_pending (self);
  g_mutex_unlock (&self->lock);
  set_flushing (self, !active);
  if (!active)
    return gst_pad_stop_task (pad);
  self->started = FALSE;
  return gst_pad_start_task (pad, text_loop, self, NULL);
}

GstPad *
gst_vl_text_src_new (GstPadTemplate *templ, const gchar *name, GstPad *video_sink, GstPad *video_src)
{
  GstVlTextSrc *self =
      g_object_new (GST_TYPE_VL_TEXT_SRC, "name", name, "direction", GST_PAD_SRC, "template", templ, NULL);

  self->video_sink = video_sink;
  self->video_src = video_src;
  gst_pad_set_event_function (GST_PAD (self), text_src_event);
  gst_pad_set_query_function (GST_PAD (self), text_src_query);
  gst_pad_set_iterate_internal_links_function (GST_PAD (self), text_src_internal_links);
  gst_pad_set_activatemode_function (GST_PAD (self), text_src_activate_mode);
  gst_pad_use_fixed_caps (GST_PAD (self));
  return GST_PAD (self);
}

static void
gst_vl_text_src_finalize (GObject *object)
{
  GstVlTextSrc *self = GST_VL_TEXT_SRC (object);

  drop_pending (self);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->changed);
  G_OBJECT_CLASS (gst_vl_text_src_parent_class)->finalize (object);
}

static void
gst_vl_text_src_class_init (GstVlTextSrcClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gst_vl_text_src_finalize;
}

static void
gst_vl_text_src_init (GstVlTextSrc *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  g_queue_init (&self->pending);
  self->flushing = TRUE;
}
