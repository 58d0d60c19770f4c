/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvltextpad.h"
#include <string.h>
#include "plugin/gstvlencoded.h"
#include "plugin/gstvlengine.h"
#include "plugin/gstvlplaintext.h"

#define MAX_AHEAD  64                             /* texts that a pad holds before its thread waits for video */
#define MAX_BESIDE 4096u                          /* that it holds where it cannot wait */
#define PATIENCE   (50 * G_TIME_SPAN_MILLISECOND) /* between two looks whether the model is known */

GST_DEBUG_CATEGORY_EXTERN (gst_vl_debug);
#define GST_CAT_DEFAULT gst_vl_debug

G_DEFINE_TYPE (GstVlTextPad, gst_vl_text_pad, GST_TYPE_PAD)

void
gst_vl_text_item_free (gpointer data)
{
  GstVlTextItem *item = data;

  g_free (item->text);
  vlf_embeddings_unref (item->encoded);
  g_free (item);
}

void
gst_vl_text_pad_drop (GstVlTextPad *pad, gboolean old)
{
  for (GList *link = pad->items.head, *next; link; link = next) {
    GstVlTextItem *item = link->data;

    next = link->next;
    if (old && item->ahead)
      continue;
    gst_vl_text_item_free (item);
    g_queue_delete_link (&pad->items, link);
  }
}

static GstClockTime
convert_time (const GstSegment *segment, guint clock, GstClockTime time)
{
  guint64 converted = 0;
  gint sign = clock == GST_VL_CLOCK_STREAM
                  ? gst_segment_to_stream_time_full (segment, GST_FORMAT_TIME, time, &converted)
                  : gst_segment_to_running_time_full (segment, GST_FORMAT_TIME, time, &converted);

  return sign > 0 ? converted : 0;
}

/* Called with the lock. */
static void
set_times (GstVlTextPad *pad, GstVlTextItem *item, GstClockTime pts, GstClockTime duration)
{
  gboolean timed = pts != GST_CLOCK_TIME_NONE && pad->segment.format == GST_FORMAT_TIME;

  if (!timed)
    pad->patient = FALSE; /* nobody can tell what time the next one is for */
  for (guint i = 0; i < GST_VL_N_CLOCKS; i++) {
    GstClockTime now = pad->texts->now[i] == GST_CLOCK_TIME_NONE ? 0 : pad->texts->now[i];

    /* Without duration it is for every time, as the video may go back: what came before it has ended by that. */
    item->start[i] = timed ? convert_time (&pad->segment, i, pts) : duration != GST_CLOCK_TIME_NONE ? now : 0;
    item->end[i] = GST_CLOCK_TIME_NONE;
    if (duration != GST_CLOCK_TIME_NONE)
      item->end[i] = timed ? convert_time (&pad->segment, i, pts + duration) : now + duration;
    if (timed)
      pad->position[i] = item->start[i];
  }
}

/* Called with the lock. An item ends those before it that have no end of their own; one without text ends them all. */
static void
insert (GstVlTextPad *pad, GstVlTextItem *item)
{
  for (GList *link = pad->items.head; link; link = link->next) {
    GstVlTextItem *earlier = link->data;

    if (earlier->ahead != item->ahead)
      continue;
    for (guint i = 0; i < GST_VL_N_CLOCKS; i++)
      if (earlier->end[i] == GST_CLOCK_TIME_NONE || !*item->text)
        earlier->end[i] = MIN (earlier->end[i], MAX (earlier->start[i], item->start[i]));
  }
  if (*item->text)
    g_queue_push_tail (&pad->items, item);
  else
    gst_vl_text_item_free (item);
}

gboolean
gst_vl_text_pad_is_beside (GstVlTextPad *pad)
{
  const GstVlTexts *texts = pad->texts;

  if (pad->thread && texts->video_thread)
    pad->beside = pad->thread == texts->video_thread || pad->thread == texts->event_thread;
  return pad->beside;
}

/* Called with the lock. Texts far ahead of the video wait for it, unless both come on one thread; while that of the video is not known, only
 * texts very far ahead. */
static GstFlowReturn
wait_for_room (GstVlTextPad *pad)
{
  GstVlTexts *texts = pad->texts;

  for (;;) {
    if (pad->flushing || pad->gone || (texts->flags & GST_VL_TEXTS_STOPPING))
      return GST_FLOW_FLUSHING;
    if (texts->flags & GST_VL_TEXTS_VIDEO_EOS)
      return GST_FLOW_EOS;
    if (pad->leaving || gst_vl_text_pad_is_beside (pad) ||
        g_queue_get_length (&pad->items) < (texts->video_thread || pad->fingerprint ? MAX_AHEAD : MAX_BESIDE))
      return GST_FLOW_OK;
    g_cond_wait (&texts->changed, &texts->lock);
  }
}

/* What @buffer says, without its times; NULL: nothing that can be used, and the bus is told. */
static GstVlTextItem *
read_item (GstVlTextPad *pad, GstObject *parent, GstBuffer *buffer)
{
  g_autoptr (VlfEmbeddings) encoded = NULL;
  g_autoptr (GError) error = NULL;
  GstVlTextItem *item;
  gchar *text = NULL;

  if (!pad->fingerprint || gst_buffer_get_size (buffer) == 0) {
    text = gst_vl_plain_text (GST_OBJECT (pad), buffer, pad->markup, &error);
  } else {
    encoded = gst_vl_encoded_from_buffer (buffer, &pad->encoding, &error);
    text = encoded ? g_strdup (encoded->texts[0].text) : NULL;
  }
  if (!text) {
    GST_ELEMENT_WARNING (parent, STREAM, DECODE, ("A text on %s is ignored: %s", GST_PAD_NAME (pad), error->message),
                         (NULL));
    return NULL;
  }
  item = g_new0 (GstVlTextItem, 1);
  item->text = text;
  item->encoded = g_steal_pointer (&encoded);
  return item;
}

/* Called with the lock. Takes @item. Returns whether it got lost and the bus is to be told. */
static gboolean
take_item (GstVlTextPad *pad, GstVlTextItem *item, GstBuffer *buffer)
{
  gboolean told = pad->crowded;

  if (*item->text && g_queue_get_length (&pad->items) >= MAX_BESIDE) {
    gst_vl_text_item_free (item);
    pad->crowded = TRUE;
    return !told;
  }
  item->ahead = pad->ahead;
  set_times (pad, item, GST_BUFFER_PTS (buffer), GST_BUFFER_DURATION (buffer));
  insert (pad, item);
  g_cond_broadcast (&pad->texts->changed);
  return FALSE;
}

static GstFlowReturn
text_chain (GstPad *base, GstObject *parent, GstBuffer *buffer)
{
  GstVlTextPad *pad = GST_VL_TEXT_PAD (base);
  GstVlTextItem *item = read_item (pad, parent, buffer);
  gboolean lost = FALSE;
  GstFlowReturn ret;

  if (!item) {
    gst_buffer_unref (buffer);
    return GST_FLOW_OK;
  }
  g_mutex_lock (&pad->texts->lock);
  pad->thread = gst_vl_thread_number ();
  ret = wait_for_room (pad);
  if (ret == GST_FLOW_OK)
    lost = take_item (pad, item, buffer);
  else
    gst_vl_text_item_free (item);
  g_mutex_unlock (&pad->texts->lock);
  if (lost)
    GST_ELEMENT_WARNING (parent, STREAM, FAILED,
                         ("Texts on %s are ignored: %u others wait for video. A queue before the pad would hold them.",
                          GST_PAD_NAME (pad), MAX_BESIDE),
                         (NULL));
  gst_buffer_unref (buffer);
  return ret;
}

static void
forget_texts (GstVlTextPad *pad)
{
  gst_vl_text_pad_drop (pad, FALSE);
  gst_segment_init (&pad->segment, GST_FORMAT_UNDEFINED);
  pad->position[GST_VL_CLOCK_STREAM] = pad->position[GST_VL_CLOCK_RUNNING] = GST_CLOCK_TIME_NONE;
  pad->eos = pad->crowded = pad->sought = pad->ahead = FALSE;
  pad->patient = TRUE;
  pad->thread = 0;
}

static void
take_segment (GstVlTextPad *pad, GstEvent *event)
{
  while (pad->held && !pad->flushing && !pad->gone && !(pad->texts->flags & GST_VL_TEXTS_STOPPING))
    g_cond_wait (&pad->texts->changed, &pad->texts->lock);
  gst_event_copy_segment (event, &pad->segment);
  if (pad->sought) {
    if (pad->begun)
      gst_vl_text_pad_drop (pad, FALSE);
    pad->ahead = !pad->begun;
    pad->sought = FALSE;
  }
  pad->eos = FALSE;
  /* Neither its position nor its start says what texts are still to come: subparse may send it stale after a seek. */
  pad->position[GST_VL_CLOCK_STREAM] = pad->position[GST_VL_CLOCK_RUNNING] = GST_CLOCK_TIME_NONE;
}

static void
take_gap (GstVlTextPad *pad, GstEvent *event)
{
  GstClockTime time, duration;

  gst_event_parse_gap (event, &time, &duration);
  if (time == GST_CLOCK_TIME_NONE || pad->segment.format != GST_FORMAT_TIME)
    return;
  if (duration != GST_CLOCK_TIME_NONE)
    time += duration;
  for (guint i = 0; i < GST_VL_N_CLOCKS; i++)
    pad->position[i] = convert_time (&pad->segment, i, time);
}

/* Texts that were encoded by another model than the element's are refused: as soon as it has loaded. */
static GstFlowReturn
judge (GstVlTextPad *pad, GstObject *parent, GError **error)
{
  GstVlTexts *texts = pad->texts;

  for (;;) {
    GstVlVerdict verdict;

    g_mutex_unlock (&texts->lock); /* whoever is told of a device that is lost may stop the element, which takes it */
    verdict = texts->judge ? texts->judge (parent, &pad->encoding, error) : GST_VL_VERDICT_REFUSED;
    g_mutex_lock (&texts->lock);
    if (verdict != GST_VL_VERDICT_OPEN)
      return verdict == GST_VL_VERDICT_ACCEPTED ? GST_FLOW_OK : GST_FLOW_NOT_NEGOTIATED;
    if (pad->flushing || pad->gone || (texts->flags & GST_VL_TEXTS_STOPPING))
      return GST_FLOW_FLUSHING;
    g_cond_wait_until (&texts->changed, &texts->lock, g_get_monotonic_time () + PATIENCE);
  }
}

static GstFlowReturn
take_caps (GstVlTextPad *pad, GstObject *parent, GstEvent *event, GError **error)
{
  GstCaps *caps;

  gst_event_parse_caps (event, &caps);
  g_clear_pointer (&pad->fingerprint, g_free);
  pad->markup = gst_vl_caps_are_markup (caps);
  if (!gst_structure_has_name (gst_caps_get_structure (caps, 0), GST_VL_ENCODED_CAPS))
    return GST_FLOW_OK;
  if (!gst_vl_encoding_from_caps (&pad->encoding, caps, error))
    return GST_FLOW_NOT_NEGOTIATED;
  pad->encoding.fingerprint = pad->fingerprint = g_strdup (pad->encoding.fingerprint);
  return judge (pad, parent, error);
}

static GstFlowReturn
text_event (GstPad *base, GstObject *parent, GstEvent *event)
{
  GstVlTextPad *pad = GST_VL_TEXT_PAD (base);
  GstFlowReturn ret = GST_FLOW_OK;
  g_autoptr (GError) error = NULL;
  gboolean told;

  g_mutex_lock (&pad->texts->lock);
  if (GST_EVENT_IS_SERIALIZED (event))
    pad->thread = gst_vl_thread_number ();
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_STREAM_START:
    pad->eos = pad->asked = pad->told = pad->crowded = FALSE;
    pad->patient = TRUE;
    break;
  case GST_EVENT_CAPS: ret = take_caps (pad, parent, event, &error); break;
  case GST_EVENT_SEGMENT: take_segment (pad, event); break;
  case GST_EVENT_GAP: take_gap (pad, event); break;
  case GST_EVENT_EOS:
  case GST_EVENT_SEGMENT_DONE: pad->eos = TRUE; break;
  case GST_EVENT_FLUSH_START: pad->flushing = TRUE; break;
  case GST_EVENT_FLUSH_STOP:
    pad->flushing = FALSE;
    forget_texts (pad);
    break;
  default: break;
  }
  told = pad->told;
  pad->told |= error != NULL;
  g_cond_broadcast (&pad->texts->changed);
  g_mutex_unlock (&pad->texts->lock);
  gst_event_unref (event);
  if (error && !told) /* upstream tries again with every event and buffer */
    gst_vl_post_error (GST_ELEMENT (parent), error);
  return ret;
}

/* Nothing of the text stream is related to another pad. */
static GstIterator *
text_internal_links (GstPad *pad, GstObject *parent)
{
  (void) pad;
  (void) parent;
  return NULL;
}

/* Deactivation ends waiting in the chain function before it takes the stream lock. */
static gboolean
text_activate_mode (GstPad *base, GstObject *parent, GstPadMode mode, gboolean active)
{
  GstVlTextPad *pad = GST_VL_TEXT_PAD (base);

  (void) parent;
  g_mutex_lock (&pad->texts->lock);
  pad->flushing = !active;
  pad->beside = FALSE; /* in the next run another thread may come */
  forget_texts (pad);
  g_cond_broadcast (&pad->texts->changed);
  g_mutex_unlock (&pad->texts->lock);
  return mode == GST_PAD_MODE_PUSH;
}

static GstPad *
pad_new (GstVlTexts *texts, GstPadTemplate *templ, guint index)
{
  g_autofree gchar *name = g_strdup_printf ("text_%u", index);
  GstVlTextPad *pad =
      g_object_new (GST_TYPE_VL_TEXT_PAD, "name", name, "direction", GST_PAD_SINK, "template", templ, NULL);

  pad->texts = g_atomic_rc_box_acquire (texts);
  pad->index = index;
  gst_pad_set_chain_function (GST_PAD (pad), text_chain);
  gst_pad_set_event_full_function (GST_PAD (pad), text_event);
  gst_pad_set_iterate_internal_links_function (GST_PAD (pad), text_internal_links);
  gst_pad_set_activatemode_function (GST_PAD (pad), text_activate_mode);
  return GST_PAD (pad);
}

GstPad *
gst_vl_text_pad_request (GstVlTexts *texts, GstPadTemplate *templ, const gchar *name)
{
  guint64 index = 0;
  GstPad *pad;

  if (!name) {
    while (gst_vl_texts_has (texts, (guint) index))
      index++;
  } else if (!g_str_has_prefix (name, "text_") ||
             !g_ascii_string_to_unsigned (name + strlen ("text_"), 10, 0, G_MAXUINT, &index, NULL) ||
             gst_vl_texts_has (texts, (guint) index)) {
    return NULL;
  }
  pad = pad_new (texts, templ, (guint) index);
  gst_vl_texts_add (texts, pad);
  return pad;
}

static void
gst_vl_text_pad_finalize (GObject *object)
{
  GstVlTextPad *pad = GST_VL_TEXT_PAD (object);

  g_queue_clear_full (&pad->items, gst_vl_text_item_free);
  g_clear_pointer (&pad->texts, gst_vl_texts_unref);
  g_free (pad->fingerprint);
  G_OBJECT_CLASS (gst_vl_text_pad_parent_class)->finalize (object);
}

static void
gst_vl_text_pad_class_init (GstVlTextPadClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gst_vl_text_pad_finalize;
}

static void
gst_vl_text_pad_init (GstVlTextPad *pad)
{
  g_queue_init (&pad->items);
  gst_segment_init (&pad->segment, GST_FORMAT_UNDEFINED);
  pad->position[GST_VL_CLOCK_STREAM] = pad->position[GST_VL_CLOCK_RUNNING] = GST_CLOCK_TIME_NONE;
  pad->patient = TRUE;
}
