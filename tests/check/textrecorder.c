/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/check/textrecorder.h"

static void
keep (Recorder *r, GstMiniObject *item)
{
  g_ptr_array_add (r->items, item);
  g_cond_broadcast (&r->changed);
}

static GstFlowReturn
take_buffer (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  Recorder *r = gst_pad_get_element_private (pad);
  GstFlowReturn flow;

  (void) parent;
  g_mutex_lock (&r->lock);
  while (r->blocked && !r->flushing)
    g_cond_wait (&r->changed, &r->lock);
  flow = r->flushing ? GST_FLOW_FLUSHING : r->flow;
  if (flow == GST_FLOW_OK)
    keep (r, GST_MINI_OBJECT_CAST (buffer));
  else
    gst_buffer_unref (buffer);
  g_mutex_unlock (&r->lock);
  return flow;
}

static gboolean
take_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  Recorder *r = gst_pad_get_element_private (pad);

  (void) parent;
  g_mutex_lock (&r->lock);
  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START)
    r->flushing = TRUE;
  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    r->flushing = FALSE;
  keep (r, GST_MINI_OBJECT_CAST (event));
  g_mutex_unlock (&r->lock);
  return TRUE;
}

Recorder *
recorder_new (GstElement *element)
{
  Recorder *r = g_new0 (Recorder, 1);

  g_mutex_init (&r->lock);
  g_cond_init (&r->changed);
  r->items = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_mini_object_unref);
  r->element = element;
  r->peer = gst_element_request_pad_simple (element, "text_src");
  fail_unless (r->peer != NULL);
  r->pad = gst_pad_new ("sink", GST_PAD_SINK);
  gst_pad_set_element_private (r->pad, r);
  gst_pad_set_chain_function (r->pad, take_buffer);
  gst_pad_set_event_function (r->pad, take_event);
  gst_pad_set_active (r->pad, TRUE);
  fail_unless_equals_int (gst_pad_link (r->peer, r->pad), GST_PAD_LINK_OK);
  return r;
}

void
recorder_block (Recorder *r, gboolean blocked)
{
  g_mutex_lock (&r->lock);
  r->blocked = blocked;
  g_cond_broadcast (&r->changed);
  g_mutex_unlock (&r->lock);
}

void
recorder_stop (Recorder *r)
{
  g_mutex_lock (&r->lock);
  r->flushing = TRUE;
  g_cond_broadcast (&r->changed);
  g_mutex_unlock (&r->lock);
  gst_pad_set_active (r->pad, FALSE);
}

void
recorder_release (Recorder *r)
{
  gst_element_release_request_pad (r->element, r->peer);
  gst_clear_object (&r->peer);
}

void
recorder_free (Recorder *r)
{
  recorder_block (r, FALSE);
  if (r->peer)
    recorder_release (r);
  gst_pad_set_active (r->pad, FALSE);
  gst_object_unref (r->pad);
  g_ptr_array_unref (r->items);
  g_mutex_clear (&r->lock);
  g_cond_clear (&r->changed);
  g_free (r);
}

/* GST_EVENT_UNKNOWN: buffers. With the lock. */
static guint
count (Recorder *r, GstEventType type)
{
  guint n = 0;

  for (guint i = 0; i < r->items->len; i++) {
    GstMiniObject *item = g_ptr_array_index (r->items, i);

    n += GST_IS_EVENT (item) ? GST_EVENT_TYPE (item) == type : type == GST_EVENT_UNKNOWN;
  }
  return n;
}

guint
recorder_count (Recorder *r, GstEventType type)
{
  guint n;

  g_mutex_lock (&r->lock);
  n = count (r, type);
  g_mutex_unlock (&r->lock);
  return n;
}

void
recorder_await (Recorder *r, GstEventType type, guint n)
{
  gint64 end = g_get_monotonic_time () + G_TIME_SPAN_MINUTE;

  g_mutex_lock (&r->lock);
  while (count (r, type) < n && g_cond_wait_until (&r->changed, &r->lock, end))
    continue;
  fail_unless (count (r, type) >= n, "waited in vain for %u %s", n, gst_event_type_get_name (type));
  g_mutex_unlock (&r->lock);
}

void
recorder_await_texts (Recorder *r, guint n)
{
  recorder_await (r, GST_EVENT_UNKNOWN, n);
}

void
recorder_clear (Recorder *r)
{
  g_mutex_lock (&r->lock);
  g_ptr_array_set_size (r->items, 0);
  g_mutex_unlock (&r->lock);
}

static void
write_times (GString *to, GstClockTime begin, GstClockTime end)
{
  g_string_append_printf (to, "%.2f-%.2f", (double) begin / GST_SECOND, (double) end / GST_SECOND);
}

static void
write_buffer (GString *to, GstBuffer *buffer)
{
  GstMapInfo map;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless (g_utf8_validate ((const gchar *) map.data, (gssize) map.size, NULL));
  write_times (to, GST_BUFFER_PTS (buffer), GST_BUFFER_PTS (buffer) + GST_BUFFER_DURATION (buffer));
  g_string_append_printf (to, " %.*s\n", (int) map.size, (const gchar *) map.data);
  gst_buffer_unmap (buffer, &map);
}

/* The time where the gaps at @*i end; moves behind them. */
static GstClockTime
skip_gaps (Recorder *r, guint *i, GstClockTime *begin)
{
  GstClockTime end = GST_CLOCK_TIME_NONE, at, length;

  for (; *i < r->items->len; (*i)++) {
    GstEvent *event = g_ptr_array_index (r->items, *i);

    if (!GST_IS_EVENT (event) || GST_EVENT_TYPE (event) != GST_EVENT_GAP)
      break;
    gst_event_parse_gap (event, &at, &length);
    if (!GST_CLOCK_TIME_IS_VALID (end))
      *begin = at;
    else
      fail_unless_equals_uint64 (at, end);
    end = at + length;
  }
  return end;
}

gchar *
recorder_text (Recorder *r)
{
  GString *to = g_string_new (NULL);
  GstClockTime begin = 0, end;

  g_mutex_lock (&r->lock);
  for (guint i = 0; i < r->items->len;) {
    GstMiniObject *item = g_ptr_array_index (r->items, i);

    if (GST_IS_BUFFER (item)) {
      write_buffer (to, GST_BUFFER_CAST (item));
      i++;
    } else if (GST_EVENT_TYPE (item) == GST_EVENT_GAP) {
      end = skip_gaps (r, &i, &begin);
      if (end > begin) {
        write_times (to, begin, end);
        g_string_append_c (to, '\n');
      }
    } else {
      g_string_append_printf (to, "%s\n", GST_EVENT_TYPE_NAME (item));
      i++;
    }
  }
  g_mutex_unlock (&r->lock);
  return g_string_free (to, FALSE);
}
