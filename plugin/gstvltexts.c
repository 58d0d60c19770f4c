/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvltextpad.h"

GST_DEBUG_CATEGORY_EXTERN (gst_vl_debug);
#define GST_CAT_DEFAULT gst_vl_debug

guint
gst_vl_thread_number (void)
{
  static GPrivate own;
  static guint last;
  guint number = GPOINTER_TO_UINT (g_private_get (&own));

  if (number == 0) {
    number = g_atomic_int_add (&last, 1) + 1;
    g_private_set (&own, GUINT_TO_POINTER (number));
  }
  return number;
}

static void
texts_clear (gpointer data)
{
  GstVlTexts *texts = data;

  g_ptr_array_unref (texts->pads);
  g_mutex_clear (&texts->lock);
  g_cond_clear (&texts->changed);
}

GstVlTexts *
gst_vl_texts_new (void)
{
  GstVlTexts *texts = g_atomic_rc_box_new0 (GstVlTexts);

  g_mutex_init (&texts->lock);
  g_cond_init (&texts->changed);
  texts->pads = g_ptr_array_new_with_free_func (gst_object_unref);
  texts->now[GST_VL_CLOCK_STREAM] = texts->now[GST_VL_CLOCK_RUNNING] = GST_CLOCK_TIME_NONE;
  return texts;
}

void
gst_vl_texts_unref (GstVlTexts *texts)
{
  g_atomic_rc_box_release_full (texts, texts_clear);
}

void
gst_vl_texts_set_judge (GstVlTexts *texts, GstVlTextsJudge judge)
{
  texts->judge = judge;
}

static gint
compare_pads (gconstpointer a, gconstpointer b)
{
  const GstVlTextPad *x = *(GstVlTextPad *const *) a, *y = *(GstVlTextPad *const *) b;

  return (x->index > y->index) - (x->index < y->index);
}

void
gst_vl_texts_add (GstVlTexts *texts, GstPad *pad)
{
  g_mutex_lock (&texts->lock);
  g_ptr_array_add (texts->pads, gst_object_ref (pad));
  g_ptr_array_sort (texts->pads, compare_pads);
  g_mutex_unlock (&texts->lock);
}

void
gst_vl_texts_remove (GstVlTexts *texts, GstPad *pad)
{
  g_mutex_lock (&texts->lock);
  GST_VL_TEXT_PAD (pad)->gone = TRUE;
  g_ptr_array_remove (texts->pads, pad);
  g_cond_broadcast (&texts->changed);
  g_mutex_unlock (&texts->lock);
}

gboolean
gst_vl_texts_has (GstVlTexts *texts, guint index)
{
  gboolean found = FALSE;

  g_mutex_lock (&texts->lock);
  for (guint i = 0; i < texts->pads->len; i++)
    found |= GST_VL_TEXT_PAD (g_ptr_array_index (texts->pads, i))->index == index;
  g_mutex_unlock (&texts->lock);
  return found;
}

void
gst_vl_texts_set_flags (GstVlTexts *texts, GstVlTextsFlags flags, gboolean on)
{
  g_mutex_lock (&texts->lock);
  texts->flags = on ? texts->flags | flags : texts->flags & ~flags;
  g_cond_broadcast (&texts->changed);
  g_mutex_unlock (&texts->lock);
}

/* Called with the lock. The video is in a round whose texts are still to come. */
static void
await_round (GstVlTextPad *pad)
{
  gst_vl_text_pad_drop (pad, FALSE);
  pad->position[GST_VL_CLOCK_STREAM] = pad->position[GST_VL_CLOCK_RUNNING] = GST_CLOCK_TIME_NONE;
  pad->eos = FALSE;
}

/* Called with the lock. What is there of the round before is over, unless its source may turn out not to seek. */
static void
begin_round (GstVlTextPad *pad)
{
  if (pad->ahead)
    gst_vl_text_pad_drop (pad, TRUE);
  else if (pad->sought && !pad->leaving)
    await_round (pad);
  for (GList *link = pad->items.head; link; link = link->next)
    ((GstVlTextItem *) link->data)->ahead = FALSE;
  pad->ahead = FALSE;
  pad->begun = TRUE;
}

void
gst_vl_texts_begin_segment (GstVlTexts *texts, guint32 seqnum)
{
  g_mutex_lock (&texts->lock);
  for (guint i = 0; i < texts->pads->len && texts->round != seqnum; i++) /* else another one of the same round */
    begin_round (g_ptr_array_index (texts->pads, i));
  texts->round = seqnum;
  g_cond_broadcast (&texts->changed);
  g_mutex_unlock (&texts->lock);
}

void
gst_vl_texts_reset (GstVlTexts *texts)
{
  g_mutex_lock (&texts->lock);
  for (guint i = 0; i < texts->pads->len; i++)
    begin_round (g_ptr_array_index (texts->pads, i));
  texts->round = texts->sought = 0;
  texts->now[GST_VL_CLOCK_STREAM] = texts->now[GST_VL_CLOCK_RUNNING] = GST_CLOCK_TIME_NONE;
  texts->video_thread = texts->event_thread = 0;
  texts->crowded = FALSE;
  g_mutex_unlock (&texts->lock);
}

/* Called with the lock. */
static void
take_video_thread (GstVlTexts *texts)
{
  texts->video_thread = gst_vl_thread_number ();
  for (guint i = 0; i < texts->pads->len; i++)
    gst_vl_text_pad_is_beside (g_ptr_array_index (texts->pads, i));
}

void
gst_vl_texts_set_video_thread (GstVlTexts *texts)
{
  g_mutex_lock (&texts->lock);
  texts->event_thread = gst_vl_thread_number ();
  take_video_thread (texts);
  g_cond_broadcast (&texts->changed);
  g_mutex_unlock (&texts->lock);
}

void
gst_vl_texts_latency_changed (GstVlTexts *texts)
{
  g_mutex_lock (&texts->lock);
  for (guint i = 0; i < texts->pads->len; i++)
    GST_VL_TEXT_PAD (g_ptr_array_index (texts->pads, i))->asked = FALSE;
  g_mutex_unlock (&texts->lock);
}

static GstSeekFlags
seek_flags (GstEvent *seek)
{
  GstSeekFlags flags;

  gst_event_parse_seek (seek, NULL, NULL, &flags, NULL, NULL, NULL, NULL);
  return flags;
}

static GPtrArray *
copy_pads (GstVlTexts *texts)
{
  GPtrArray *pads = g_ptr_array_new_with_free_func (gst_object_unref);

  for (guint i = 0; i < texts->pads->len; i++)
    g_ptr_array_add (pads, gst_object_ref (g_ptr_array_index (texts->pads, i)));
  return pads;
}

gboolean
gst_vl_texts_begin_seek (GstVlTexts *texts, GstEvent *seek)
{
  const GstSeekFlags flags = seek_flags (seek);
  const guint32 seqnum = gst_event_get_seqnum (seek);
  const gboolean flushes = flags & GST_SEEK_FLAG_FLUSH,
                 another = !flushes && !(flags & GST_SEEK_FLAG_INSTANT_RATE_CHANGE);
  gboolean again;

  g_mutex_lock (&texts->lock);
  again = another && texts->sought == seqnum;
  if (another)
    texts->sought = seqnum;
  texts->seeking += flushes;
  for (guint i = 0; i < texts->pads->len && !again; i++) {
    GstVlTextPad *pad = g_ptr_array_index (texts->pads, i);

    pad->held |= flushes;
    pad->leaving = pad->sought = another;
    pad->begun = texts->round == seqnum; /* by way of another sink */
  }
  g_cond_broadcast (&texts->changed);
  g_mutex_unlock (&texts->lock);
  return !again;
}

static void
let_go (GstVlTextPad *pad, gboolean sought)
{
  pad->held = pad->leaving = FALSE;
  pad->sought &= sought;
  if (pad->sought && pad->begun)
    await_round (pad);
  g_cond_broadcast (&pad->texts->changed);
}

void
gst_vl_texts_end_seek (GstVlTexts *texts, GstEvent *seek, gboolean done)
{
  g_autoptr (GPtrArray) pads = NULL;

  g_mutex_lock (&texts->lock);
  pads = copy_pads (texts);
  for (guint i = 0; i < pads->len && !done; i++)
    GST_VL_TEXT_PAD (g_ptr_array_index (pads, i))->sought = FALSE;
  g_mutex_unlock (&texts->lock);

  for (guint i = 0; i < pads->len; i++) {
    GstVlTextPad *pad = g_ptr_array_index (pads, i);
    const gboolean sought = gst_pad_push_event (GST_PAD (pad), gst_event_ref (seek));

    if (!sought)
      GST_INFO_OBJECT (pad, "source of texts does not seek");
    g_mutex_lock (&texts->lock);
    let_go (pad, sought);
    g_mutex_unlock (&texts->lock);
  }
  if (!(seek_flags (seek) & GST_SEEK_FLAG_FLUSH))
    return;
  g_mutex_lock (&texts->lock);
  texts->seeking--;
  g_cond_broadcast (&texts->changed);
  g_mutex_unlock (&texts->lock);
}

/* What a frame asks. */

/* Outside of the lock, because sources answer from their own. */
static void
ask_liveness (GstVlTexts *texts)
{
  g_autoptr (GPtrArray) pads = copy_pads (texts);

  for (guint i = 0; i < pads->len; i++) {
    GstVlTextPad *pad = g_ptr_array_index (pads, i);
    gboolean live = FALSE;
    GstQuery *query;

    if (pad->asked)
      continue;
    pad->asked = TRUE;
    query = gst_query_new_latency ();
    g_mutex_unlock (&texts->lock);
    if (gst_pad_peer_query (GST_PAD (pad), query))
      gst_query_parse_latency (query, &live, NULL, NULL);
    gst_query_unref (query);
    g_mutex_lock (&texts->lock);
    pad->live = live;
  }
}

/* May a text for time @t still come that is worth waiting for? Not on the thread that video comes on: it would wait for itself. */
static gboolean
is_awaited (GstVlTextPad *pad, GstClockTime t)
{
  return pad->patient && !pad->eos && !pad->live && !pad->ahead && !gst_vl_text_pad_is_beside (pad) &&
         gst_pad_is_linked (GST_PAD (pad)) &&
         (pad->position[GST_VL_CLOCK_STREAM] == GST_CLOCK_TIME_NONE || pad->position[GST_VL_CLOCK_STREAM] <= t);
}

static gboolean
any_awaited (GstVlTexts *texts, gboolean give_up)
{
  gboolean any = FALSE;

  for (guint i = 0; i < texts->pads->len; i++) {
    GstVlTextPad *pad = g_ptr_array_index (texts->pads, i);

    if (!is_awaited (pad, texts->now[GST_VL_CLOCK_STREAM]))
      continue;
    any = TRUE;
    if (give_up) {
      GST_INFO_OBJECT (pad, "no text came in time; not waiting for it any more");
      pad->patient = FALSE;
    }
  }
  return any;
}

static gboolean
is_interrupted (GstVlTexts *texts)
{
  return (texts->flags & (GST_VL_TEXTS_STOPPING | GST_VL_TEXTS_FLUSHING)) != 0;
}

static gboolean
wait_for_texts (GstVlTexts *texts, GstClockTime timeout)
{
  gint64 deadline = g_get_monotonic_time () + (gint64) (timeout / 1000);

  while (texts->seeking > 0 && !is_interrupted (texts))
    g_cond_wait (&texts->changed, &texts->lock);
  while (timeout > 0 && !is_interrupted (texts) && any_awaited (texts, FALSE))
    if (!g_cond_wait_until (&texts->changed, &texts->lock, deadline))
      any_awaited (texts, TRUE);
  return !is_interrupted (texts);
}

/* Whether no frame that follows is during @item, as of one that was ended before it began. Running time never goes back. */
static gboolean
is_over (const GstVlTextPad *pad, const GstVlTextItem *item, guint clock, GstClockTime t)
{
  if (item->end[clock] <= item->start[clock])
    return TRUE;
  if (clock == GST_VL_CLOCK_STREAM && (pad->texts->flags & GST_VL_TEXTS_BACKWARDS))
    return item->start[clock] > t;
  return item->end[clock] <= t; /* NONE is the largest number */
}

/* Returns whether there was no place for all of them. */
static gboolean
collect (GstVlTextPad *pad, const GstClockTime now[GST_VL_N_CLOCKS], GPtrArray *into, GPtrArray *encoded)
{
  guint clock = pad->live ? GST_VL_CLOCK_RUNNING : GST_VL_CLOCK_STREAM;
  GstClockTime t = now[clock] == GST_CLOCK_TIME_NONE ? 0 : now[clock];
  gboolean full = FALSE;

  for (GList *link = pad->items.head, *next; link; link = next) {
    GstVlTextItem *item = link->data;

    next = link->next;
    if (item->ahead)
      continue;
    if (is_over (pad, item, clock, t)) {
      gst_vl_text_item_free (item);
      g_queue_delete_link (&pad->items, link);
    } else if (item->start[clock] <= t && t < item->end[clock]) {
      full = into->len == GST_VL_MAX_ACTIVE_TEXTS;
      if (!full) {
        g_ptr_array_add (into, g_strdup (item->text));
        g_ptr_array_add (encoded, item->encoded ? vlf_embeddings_ref (item->encoded) : NULL);
      }
    }
  }
  return full;
}

/* Called with the lock. Returns whose bus is to be told that there are more; NULL: it knows, or there are not. */
static GstElement *
collect_all (GstVlTexts *texts, GPtrArray *into, GPtrArray *encoded)
{
  GstElement *told = NULL;

  for (guint i = 0; i < texts->pads->len; i++) {
    GstVlTextPad *pad = g_ptr_array_index (texts->pads, i);

    if (collect (pad, texts->now, into, encoded) && !texts->crowded) {
      texts->crowded = TRUE;
      told = gst_pad_get_parent_element (GST_PAD (pad));
    }
  }
  return told;
}

static void
unref_embeddings (gpointer embeddings)
{
  vlf_embeddings_unref (embeddings);
}

GPtrArray *
gst_vl_texts_at (GstVlTexts *texts, GstClockTime stream_time, GstClockTime running_time, GstClockTime timeout,
                 GPtrArray **encoded)
{
  g_autoptr (GPtrArray) embeddings = g_ptr_array_new_with_free_func (unref_embeddings);
  g_autoptr (GstElement) told = NULL;
  GPtrArray *active = NULL;

  g_mutex_lock (&texts->lock);
  take_video_thread (texts);
  if (stream_time != GST_CLOCK_TIME_NONE)
    texts->now[GST_VL_CLOCK_STREAM] = stream_time;
  if (running_time != GST_CLOCK_TIME_NONE)
    texts->now[GST_VL_CLOCK_RUNNING] = running_time;
  g_cond_broadcast (&texts->changed); /* there may be room for texts now */
  ask_liveness (texts);
  if (wait_for_texts (texts, texts->now[GST_VL_CLOCK_STREAM] == GST_CLOCK_TIME_NONE ? 0 : timeout)) {
    active = g_ptr_array_new_with_free_func (g_free);
    told = collect_all (texts, active, embeddings);
  }
  g_mutex_unlock (&texts->lock);
  if (told)
    GST_ELEMENT_WARNING (
        told, STREAM, FAILED,
        ("Some texts are ignored: more than %u on text pads are active at once.", GST_VL_MAX_ACTIVE_TEXTS), (NULL));
  if (active && encoded)
    *encoded = g_steal_pointer (&embeddings);
  return active;
}
