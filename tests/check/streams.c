/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several streams in one process, on one model and device (VLF_TEST_MODEL, if it is set): each has its own prompt's answers and all of its
 * frames, none starves, and one that stops and starts disturbs nobody. */
#include <gst/check/gstcheck.h>
#include "plugin/gstvlfusion.h"
#include "plugin/lib/vlfusion.h"

#define STREAMS 6
#define FRAMES  64

typedef struct _Company Company;

typedef struct {
  Company *company;
  guint index;
  GstElement *pipeline;
  guint frames;
  gdouble match; /* of the first frame; all are alike */
  guint least;   /* fewest frames of another stream when this one ended */
} Stream;

struct _Company {
  GMutex lock;
  GCond changed;
  guint begun; /* streams whose first frame is there */
  Stream streams[STREAMS];
};

/* Before anybody goes on, everybody's model is loaded: only then can be said who is slow. */
static void
meet (Company *company)
{
  gint64 deadline = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND;

  company->begun++;
  g_cond_broadcast (&company->changed);
  while (company->begun < STREAMS && g_cond_wait_until (&company->changed, &company->lock, deadline))
    continue;
}

static GstPadProbeReturn
look (GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
  GstVlMeta *meta = gst_buffer_get_vl_meta (GST_PAD_PROBE_INFO_BUFFER (info), "f", GST_VL_KIND_FUSION);
  Stream *stream = user;
  g_autofree gchar *prompt = g_strdup_printf ("a red circle %u", stream->index);

  (void) pad;
  fail_unless (meta && gst_vl_result_get_n_prompts (meta->result) == 1);
  fail_unless_equals_string (gst_vl_result_get_text (meta->result, 0), prompt);
  g_mutex_lock (&stream->company->lock);
  if (stream->frames++ == 0) {
    stream->match = gst_vl_result_get_match (meta->result, 0);
    meet (stream->company);
  }
  g_mutex_unlock (&stream->company->lock);
  fail_unless (gst_vl_result_get_match (meta->result, 0) == stream->match, "the same frame, another match");
  return GST_PAD_PROBE_OK;
}

static void
stream_open (Stream *stream, guint frames)
{
  g_autofree gchar *launch = g_strdup_printf (
      "videotestsrc pattern=smpte75 num-buffers=%u ! video/x-raw,format=RGB,width=50,height=38,framerate=25/1 ! "
      "vlfusion name=f prompt=\"a red circle %u\" ! fakesink name=out",
      frames, stream->index);
  GError *error = NULL;
  GstElement *element;
  GstPad *pad;

  stream->pipeline = gst_parse_launch (launch, &error);
  fail_unless (stream->pipeline && !error, "%s", error ? error->message : "");
  element = gst_bin_get_by_name (GST_BIN (stream->pipeline), "f");
  if (g_getenv ("VLF_TEST_MODEL"))
    g_object_set (element, "model", g_getenv ("VLF_TEST_MODEL"), NULL);
  gst_object_unref (element);
  element = gst_bin_get_by_name (GST_BIN (stream->pipeline), "out");
  pad = gst_element_get_static_pad (element, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, look, stream, NULL);
  gst_object_unref (pad);
  gst_object_unref (element);
}

static void
stream_close (Stream *stream)
{
  gst_element_set_state (stream->pipeline, GST_STATE_NULL);
  gst_clear_object (&stream->pipeline);
}

static void
expect_end (Stream *stream)
{
  GstMessage *message = gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (stream->pipeline), 100 * GST_SECOND,
                                                    GST_MESSAGE_EOS | GST_MESSAGE_ERROR);

  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS, "stream %u does not end", stream->index);
  gst_message_unref (message);
}

/* On the thread that posts EOS: how far are the others? The first stream comes and goes, and does not count. */
static GstBusSyncReply
compare (GstBus *bus, GstMessage *message, gpointer user)
{
  Stream *stream = user;

  (void) bus;
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS) {
    g_mutex_lock (&stream->company->lock);
    stream->least = FRAMES;
    for (guint i = 1; i < STREAMS; i++)
      stream->least = MIN (stream->least, stream->company->streams[i].frames);
    g_mutex_unlock (&stream->company->lock);
  }
  return GST_BUS_PASS;
}

/* The first stream, which never ends by itself, is stopped and started while the others run. */
static void
come_and_go (Stream *stream)
{
  for (guint i = 0; i < 3; i++) {
    g_usleep (20000);
    stream_close (stream);
    stream_open (stream, 1000000);
    gst_element_set_state (stream->pipeline, GST_STATE_PLAYING);
  }
}

GST_START_TEST (test_company)
{
  Company company = { .begun = 0 };

  fail_unless (GST_ELEMENT_REGISTER (vlfusion, NULL));
  g_mutex_init (&company.lock);
  g_cond_init (&company.changed);
  for (guint i = 0; i < STREAMS; i++) {
    company.streams[i].company = &company;
    company.streams[i].index = i;
    stream_open (&company.streams[i], i == 0 ? 1000000 : FRAMES);
    gst_bus_set_sync_handler (GST_ELEMENT_BUS (company.streams[i].pipeline), compare, &company.streams[i], NULL);
  }
  for (guint i = 0; i < STREAMS; i++)
    gst_element_set_state (company.streams[i].pipeline, GST_STATE_PLAYING);
  come_and_go (&company.streams[0]);
  for (guint i = 1; i < STREAMS; i++) {
    expect_end (&company.streams[i]);
    fail_unless_equals_int (company.streams[i].frames, FRAMES);
    fail_unless (company.streams[i].least >= FRAMES / 8, "one stream has ended, another one has %u frames of %u",
                 company.streams[i].least, FRAMES);
  }
  for (guint i = 0; i < STREAMS; i++)
    stream_close (&company.streams[i]);
  g_mutex_clear (&company.lock);
  g_cond_clear (&company.changed);
}
GST_END_TEST

static Suite *
streams_suite (void)
{
  Suite *s = suite_create ("streams");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_company);
  return s;
}

GST_CHECK_MAIN (streams)
