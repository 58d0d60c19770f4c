/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvltextpad.h"
#include <string.h>

#define MAX_AHEAD 64 /* texts that a pad holds before its thread waits for video */

GST_DEBUG_CATEGORY_EXTERN (gst_vl_debug);
#define GST_CAT_DEFAULT gst_vl_debug

/* The two clocks that a text may be matched by. */
enum { STREAM, RUNNING, N_CLOCKS };

typedef struct {
  gchar *text;
  GstClockTime start[N_CLOCKS], end[N_CLOCKS]; /* end NONE: until the next one */
} Item;

struct _GstVlTexts {
  GMutex lock;
  GCond changed;
  GPtrArray *pads; /* of GstVlTextPad, sorted by index; references */
  GstVlTextsFlags flags;
  guint seeking;              /* flushing seeks under way */
  GstClockTime now[N_CLOCKS]; /* of the latest frame */
  GThread *video_thread;
};

/* All fields below @texts are guarded by its lock. */
struct _GstVlTextPad {
  GstPad parent;
  GstVlTexts *texts;
  guint index;
  GQueue items; /* of Item, in the order of arrival */
  GstSegment segment;
  gboolean markup;
  GstClockTime position[N_CLOCKS]; /* no text that starts earlier will come; NONE: nothing known */
  gboolean eos, flushing, gone, held;
  gboolean patient;     /* the video may wait for this pad */
  gboolean live, asked; /* whether its source is live, and whether that is known */
  GThread *thread;      /* that texts come on */
};

G_DEFINE_TYPE (GstVlTextPad, gst_vl_text_pad, GST_TYPE_PAD)

static void
item_free (gpointer data)
{
  Item *item = data;

  g_free (item->text);
  g_free (item);
}

/* The sets of pads. */

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
  texts->now[STREAM] = texts->now[RUNNING] = GST_CLOCK_TIME_NONE;
  return texts;
}

void
gst_vl_texts_unref (GstVlTexts *texts)
{
  g_atomic_rc_box_release_full (texts, texts_clear);
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

void
gst_vl_texts_reset (GstVlTexts *texts)
{
  g_mutex_lock (&texts->lock);
  texts->now[STREAM] = texts->now[RUNNING] = GST_CLOCK_TIME_NONE;
  texts->video_thread = NULL;
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

static gboolean
is_flushing_seek (GstEvent *seek)
{
  GstSeekFlags flags;

  gst_event_parse_seek (seek, NULL, NULL, &flags, NULL, NULL, NULL, NULL);
  return (flags & GST_SEEK_FLAG_FLUSH) != 0;
}

static GPtrArray *
copy_pads (GstVlTexts *texts)
{
  GPtrArray *pads = g_ptr_array_new_with_free_func (gst_object_unref);

  for (guint i = 0; i < texts->pads->len; i++)
    g_ptr_array_add (pads, gst_object_ref (g_ptr_array_index (texts->pads, i)));
  return pads;
}

void
gst_vl_texts_begin_seek (GstVlTexts *texts, GstEvent *seek)
{
  if (!is_flushing_seek (seek))
    return;
  g_mutex_lock (&texts->lock);
  texts->seeking++;
  for (guint i = 0; i < texts->pads->len; i++)
    GST_VL_TEXT_PAD (g_ptr_array_index (texts->pads, i))->held = TRUE;
  g_mutex_unlock (&texts->lock);
}

static void
let_go (GstVlTextPad *pad)
{
  pad->held = FALSE;
  g_cond_broadcast (&pad->texts->changed);
}

void
gst_vl_texts_end_seek (GstVlTexts *texts, GstEvent *seek)
{
  g_autoptr (GPtrArray) pads = NULL;

  g_mutex_lock (&texts->lock);
  pads = copy_pads (texts);
  g_mutex_unlock (&texts->lock);

  for (guint i = 0; i < pads->len; i++) {
    GstVlTextPad *pad = g_ptr_array_index (pads, i);

    if (!gst_pad_push_event (GST_PAD (pad), gst_event_ref (seek)))
      GST_INFO_OBJECT (pad, "source of texts does not seek");
    g_mutex_lock (&texts->lock);
    let_go (pad);
    g_mutex_unlock (&texts->lock);
  }
  if (!is_flushing_seek (seek))
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
  return pad->patient && !pad->eos && !pad->live && pad->thread != pad->texts->video_thread &&
         gst_pad_is_linked (GST_PAD (pad)) &&
         (pad->position[STREAM] == GST_CLOCK_TIME_NONE || pad->position[STREAM] <= t);
}

static gboolean
any_awaited (GstVlTexts *texts, gboolean give_up)
{
  gboolean any = FALSE;

  for (guint i = 0; i < texts->pads->len; i++) {
    GstVlTextPad *pad = g_ptr_array_index (texts->pads, i);

    if (!is_awaited (pad, texts->now[STREAM]))
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

/* An item without an end of its own lasts until the next one, if that one has come. */
static GstClockTime
end_of (const GList *link, guint clock)
{
  const Item *item = link->data;

  if (item->end[clock] != GST_CLOCK_TIME_NONE || !link->next)
    return item->end[clock];
  return MAX (item->start[clock], ((const Item *) link->next->data)->start[clock]);
}

static void
collect (GstVlTextPad *pad, const GstClockTime now[N_CLOCKS], GPtrArray *into)
{
  guint clock = pad->live ? RUNNING : STREAM;
  GstClockTime t = now[clock] == GST_CLOCK_TIME_NONE ? 0 : now[clock];

  for (GList *link = pad->items.head, *next; link; link = next) {
    Item *item = link->data;
    GstClockTime end = end_of (link, clock);

    next = link->next;
    if (end <= t) { /* NONE is the largest number */
      item_free (item);
      g_queue_delete_link (&pad->items, link);
    } else if (item->start[clock] <= t && *item->text) {
      g_ptr_array_add (into, g_strdup (item->text));
    }
  }
}

GPtrArray *
gst_vl_texts_at (GstVlTexts *texts, GstClockTime stream_time, GstClockTime running_time, GstClockTime timeout)
{
  GPtrArray *active = NULL;

  g_mutex_lock (&texts->lock);
  texts->video_thread = g_thread_self ();
  if (stream_time != GST_CLOCK_TIME_NONE)
    texts->now[STREAM] = stream_time;
  if (running_time != GST_CLOCK_TIME_NONE)
    texts->now[RUNNING] = running_time;
  g_cond_broadcast (&texts->changed); /* there may be room for texts now */
  ask_liveness (texts);
  if (wait_for_texts (texts, texts->now[STREAM] == GST_CLOCK_TIME_NONE ? 0 : timeout)) {
    active = g_ptr_array_new_with_free_func (g_free);
    for (guint i = 0; i < texts->pads->len; i++)
      collect (g_ptr_array_index (texts->pads, i), texts->now, active);
  }
  g_mutex_unlock (&texts->lock);
  return active;
}

/* What arrives on a pad. */

static void
add_text (GMarkupParseContext *context, const gchar *text, gsize length, gpointer user, GError **error)
{
  (void) context;
  (void) error;
  g_string_append_len (user, text, (gssize) length);
}

/* Pango markup without its tags and with its entities resolved; as it is when it is not well-formed. */
static gchar *
strip_markup (GstVlTextPad *pad, const gchar *text)
{
  static const GMarkupParser parser = { .text = add_text };
  g_autofree gchar *document = g_strdup_printf ("<markup>%s</markup>", text);
  GString *plain = g_string_new (NULL);
  GMarkupParseContext *context = g_markup_parse_context_new (&parser, 0, plain, NULL);
  g_autoptr (GError) error = NULL;

  if (!g_markup_parse_context_parse (context, document, -1, &error) ||
      !g_markup_parse_context_end_parse (context, &error)) {
    GST_WARNING_OBJECT (pad, "text is not well-formed markup and taken literally: %s", error->message);
    g_string_assign (plain, text);
  }
  g_markup_parse_context_free (context);
  return g_string_free (plain, FALSE);
}

/* One buffer is one text: line breaks are spaces. NULL when it is not UTF-8. */
static gchar *
read_text (GstVlTextPad *pad, GstBuffer *buffer)
{
  GstMapInfo map;
  gchar *text, *plain;

  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return NULL;
  text = g_strndup ((const gchar *) map.data, map.size); /* ends at a NUL, which some parsers count */
  gst_buffer_unmap (buffer, &map);
  if (!g_utf8_validate (text, -1, NULL)) {
    g_free (text);
    return NULL;
  }
  plain = pad->markup ? strip_markup (pad, text) : g_strdup (text);
  g_free (text);
  g_strdelimit (plain, "\r\n\t", ' ');
  return g_strstrip (plain);
}

static GstClockTime
convert_time (const GstSegment *segment, guint clock, GstClockTime time)
{
  guint64 converted = 0;
  gint sign = clock == STREAM ? gst_segment_to_stream_time_full (segment, GST_FORMAT_TIME, time, &converted)
                              : gst_segment_to_running_time_full (segment, GST_FORMAT_TIME, time, &converted);

  return sign > 0 ? converted : 0;
}

/* Called with the lock. */
static void
set_times (GstVlTextPad *pad, Item *item, GstClockTime pts, GstClockTime duration)
{
  gboolean timed = pts != GST_CLOCK_TIME_NONE && pad->segment.format == GST_FORMAT_TIME;

  if (!timed)
    pad->patient = FALSE; /* nobody can tell what time the next one is for */
  for (guint i = 0; i < N_CLOCKS; i++) {
    GstClockTime now = pad->texts->now[i] == GST_CLOCK_TIME_NONE ? 0 : pad->texts->now[i];

    item->start[i] = timed ? convert_time (&pad->segment, i, pts) : now;
    item->end[i] = GST_CLOCK_TIME_NONE;
    if (duration != GST_CLOCK_TIME_NONE)
      item->end[i] = timed ? convert_time (&pad->segment, i, pts + duration) : now + duration;
    if (timed)
      pad->position[i] = item->start[i];
  }
}

/* Called with the lock. An empty text ends what came before it and is kept as the end of those without one. */
static void
insert (GstVlTextPad *pad, Item *item)
{
  for (GList *link = pad->items.head; link && !*item->text; link = link->next) {
    Item *earlier = link->data;

    for (guint i = 0; i < N_CLOCKS; i++)
      earlier->end[i] = MIN (earlier->end[i], MAX (earlier->start[i], item->start[i]));
  }
  g_queue_push_tail (&pad->items, item);
}

/* Called with the lock. Texts far ahead of the video wait for it, unless both come on one thread. */
static GstFlowReturn
wait_for_room (GstVlTextPad *pad)
{
  GstVlTexts *texts = pad->texts;

  for (;;) {
    if (pad->flushing || pad->gone || (texts->flags & GST_VL_TEXTS_STOPPING))
      return GST_FLOW_FLUSHING;
    if (texts->flags & GST_VL_TEXTS_VIDEO_EOS)
      return GST_FLOW_EOS;
    if (g_queue_get_length (&pad->items) < MAX_AHEAD || pad->thread == texts->video_thread)
      return GST_FLOW_OK;
    g_cond_wait (&texts->changed, &texts->lock);
  }
}

static GstFlowReturn
text_chain (GstPad *base, GstObject *parent, GstBuffer *buffer)
{
  GstVlTextPad *pad = GST_VL_TEXT_PAD (base);
  gchar *text = read_text (pad, buffer);
  GstFlowReturn ret;
  Item *item;

  if (!text) {
    GST_ELEMENT_WARNING (parent, STREAM, DECODE, ("A text on %s is not UTF-8 and is ignored.", GST_PAD_NAME (pad)),
                         (NULL));
    gst_buffer_unref (buffer);
    return GST_FLOW_OK;
  }
  item = g_new0 (Item, 1);
  item->text = text;
  g_mutex_lock (&pad->texts->lock);
  pad->thread = g_thread_self ();
  ret = wait_for_room (pad);
  if (ret == GST_FLOW_OK) {
    set_times (pad, item, GST_BUFFER_PTS (buffer), GST_BUFFER_DURATION (buffer));
    insert (pad, item);
    g_cond_broadcast (&pad->texts->changed);
  }
  g_mutex_unlock (&pad->texts->lock);
  if (ret != GST_FLOW_OK)
    item_free (item);
  gst_buffer_unref (buffer);
  return ret;
}

static void
forget_texts (GstVlTextPad *pad)
{
  g_queue_clear_full (&pad->items, item_free);
  gst_segment_init (&pad->segment, GST_FORMAT_UNDEFINED);
  pad->position[STREAM] = pad->position[RUNNING] = GST_CLOCK_TIME_NONE;
  pad->eos = FALSE;
  pad->patient = TRUE;
  pad->thread = NULL;
}

static void
take_segment (GstVlTextPad *pad, GstEvent *event)
{
  while (pad->held && !pad->flushing && !pad->gone && !(pad->texts->flags & GST_VL_TEXTS_STOPPING))
    g_cond_wait (&pad->texts->changed, &pad->texts->lock);
  gst_event_copy_segment (event, &pad->segment);
  if (pad->segment.format != GST_FORMAT_TIME)
    return;
  for (guint i = 0; i < N_CLOCKS; i++) /* not its position, which may be stale */
    pad->position[i] = convert_time (&pad->segment, i, pad->segment.start);
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
  for (guint i = 0; i < N_CLOCKS; i++)
    pad->position[i] = convert_time (&pad->segment, i, time);
}

static void
take_caps (GstVlTextPad *pad, GstEvent *event)
{
  GstCaps *caps;

  gst_event_parse_caps (event, &caps);
  pad->markup = g_strcmp0 (gst_structure_get_string (gst_caps_get_structure (caps, 0), "format"), "pango-markup") == 0;
}

static gboolean
text_event (GstPad *base, GstObject *parent, GstEvent *event)
{
  GstVlTextPad *pad = GST_VL_TEXT_PAD (base);

  (void) parent;
  g_mutex_lock (&pad->texts->lock);
  if (GST_EVENT_IS_SERIALIZED (event))
    pad->thread = g_thread_self ();
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_STREAM_START:
    pad->eos = pad->asked = FALSE;
    pad->patient = TRUE;
    break;
  case GST_EVENT_CAPS: take_caps (pad, event); break;
  case GST_EVENT_SEGMENT: take_segment (pad, event); break;
  case GST_EVENT_GAP: take_gap (pad, event); break;
  case GST_EVENT_EOS: pad->eos = TRUE; break;
  case GST_EVENT_FLUSH_START: pad->flushing = TRUE; break;
  case GST_EVENT_FLUSH_STOP:
    pad->flushing = FALSE;
    forget_texts (pad);
    break;
  default: break;
  }
  g_cond_broadcast (&pad->texts->changed);
  g_mutex_unlock (&pad->texts->lock);
  gst_event_unref (event);
  return TRUE;
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
  forget_texts (pad);
  g_cond_broadcast (&pad->texts->changed);
  g_mutex_unlock (&pad->texts->lock);
  return mode == GST_PAD_MODE_PUSH;
}

GstPad *
gst_vl_text_pad_new (GstVlTexts *texts, GstPadTemplate *templ, guint index)
{
  g_autofree gchar *name = g_strdup_printf ("text_%u", index);
  GstVlTextPad *pad =
      g_object_new (GST_TYPE_VL_TEXT_PAD, "name", name, "direction", GST_PAD_SINK, "template", templ, NULL);

  pad->texts = g_atomic_rc_box_acquire (texts);
  pad->index = index;
  gst_pad_set_chain_function (GST_PAD (pad), text_chain);
  gst_pad_set_event_function (GST_PAD (pad), text_event);
  gst_pad_set_iterate_internal_links_function (GST_PAD (pad), text_internal_links);
  gst_pad_set_activatemode_function (GST_PAD (pad), text_activate_mode);
  return GST_PAD (pad);
}

static void
gst_vl_text_pad_finalize (GObject *object)
{
  GstVlTextPad *pad = GST_VL_TEXT_PAD (object);

  g_queue_clear_full (&pad->items, item_free);
  g_clear_pointer (&pad->texts, gst_vl_texts_unref);
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
  pad->position[STREAM] = pad->position[RUNNING] = GST_CLOCK_TIME_NONE;
  pad->patient = TRUE;
}
