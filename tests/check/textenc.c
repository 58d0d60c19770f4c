/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Encoded texts on a fake session: vltextenc, and text pads that take what it makes. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include "plugin/gstvltextenc.h"
#include "tests/check/fusionharness.h"

/* ---- vltextenc ---- */

typedef struct {
  GstHarness *h;
  GstElement *element;
  GstBus *bus;
} Encoder;

static Encoder
encoder_new (const gchar *properties, const gchar *format)
{
  g_autofree gchar *launch = g_strdup_printf ("vltextenc %s", properties);
  Encoder e = { .bus = gst_bus_new () };

  fake_reset ();
  fail_unless (GST_ELEMENT_REGISTER (vltextenc, NULL));
  e.element = gst_parse_launch (launch, NULL);
  gst_element_set_bus (e.element, e.bus);
  e.h = gst_harness_new_with_element (e.element, "sink", "src");
  if (format) {
    GstCaps *caps = gst_caps_new_simple ("text/x-raw", "format", G_TYPE_STRING, format, NULL);

    gst_harness_set_src_caps (e.h, caps);
  }
  return e;
}

static void
encoder_free (Encoder *e)
{
  gst_harness_teardown (e->h);
  gst_element_set_bus (e->element, NULL);
  gst_bus_set_flushing (e->bus, TRUE);
  gst_object_unref (e->bus);
  gst_object_unref (e->element);
  fail_unless_equals_int (fake.models_alive, 0);
  fail_unless_equals_int (fake.sessions_alive, 0);
}

static GstBuffer *
text_buffer (const gchar *text)
{
  GstBuffer *buffer = *text ? gst_buffer_new_memdup (text, strlen (text)) : gst_buffer_new ();

  GST_BUFFER_PTS (buffer) = 3 * GST_SECOND;
  GST_BUFFER_DURATION (buffer) = GST_SECOND;
  return buffer;
}

static void
expect_encoded (Encoder *e, const gchar *in, const gchar *text)
{
  GstBuffer *out = gst_harness_push_and_pull (e->h, text_buffer (in));
  GstVlTextMeta *meta = gst_buffer_get_vl_text_meta (out);
  gfloat numbers[FAKE_DIM];

  fail_unless (meta && g_str_equal (meta->text, text), "expected \"%s\", found \"%s\"", text, meta ? meta->text : "");
  fail_unless_equals_int (meta->n_tokens, 1);
  fail_unless_equals_int (gst_buffer_extract (out, 0, numbers, 100), sizeof numbers);
  fail_unless (numbers[0] == 1 && numbers[1] == 2 && numbers[2] == 3);
  fail_unless (GST_BUFFER_PTS (out) == 3 * GST_SECOND && GST_BUFFER_DURATION (out) == GST_SECOND);
  gst_buffer_unref (out);
}

GST_START_TEST (test_encoder)
{
  Encoder e = encoder_new ("", "pango-markup");
  GstCaps *caps,
      *expected =
          gst_caps_from_string ("application/x-vlf-text-embedding, model=(string)0123, layers=(int)1, dim=(int)3");
  g_autofree gchar *line = g_strnfill (65537, 'a');
  GstBuffer *out;

  expect_encoded (&e, "a <b>red</b>\ncircle &amp; more", "a red circle & more");
  caps = gst_pad_get_current_caps (e.h->sinkpad);
  fail_unless (gst_caps_is_equal (caps, expected), "found %" GST_PTR_FORMAT, (gpointer) caps);
  out = gst_harness_push_and_pull (e.h, text_buffer (""));
  fail_unless (gst_buffer_get_size (out) == 0 && gst_buffer_get_vl_text_meta (out) == NULL);
  fail_unless (GST_BUFFER_PTS (out) == 3 * GST_SECOND);
  gst_buffer_unref (out);
  fail_unless_equals_int (gst_harness_push (e.h, text_buffer ("\xff\xfe")), GST_FLOW_OK);
  fail_unless (gst_harness_try_pull (e.h) == NULL);
  fusion_expect_message (e.bus, GST_MESSAGE_WARNING, "expected UTF-8");
  fail_unless_equals_int (gst_harness_push (e.h, text_buffer (line)), GST_FLOW_OK);
  fail_unless (gst_harness_try_pull (e.h) == NULL);
  fusion_expect_message (e.bus, GST_MESSAGE_WARNING, "expected at most 65536 bytes");
  gst_caps_unref (caps);
  gst_caps_unref (expected);
  encoder_free (&e);
}
GST_END_TEST

#define RED      "\xe7\xba\xa2" /* a character of three bytes */
#define REDS_13  RED RED RED RED RED RED RED RED RED RED RED RED RED
#define REDS_26  REDS_13 REDS_13
#define MANY_RED REDS_26 REDS_26

/* A message quotes whole characters of a text. */
GST_START_TEST (test_encoder_long)
{
  Encoder e = encoder_new ("", "utf8");

  g_atomic_int_set (&fake.truncate_at, 20);
  expect_encoded (&e, MANY_RED, MANY_RED);
  fusion_expect_message (e.bus, GST_MESSAGE_WARNING, "\"" REDS_13 "...\" is longer than the model reads");
  encoder_free (&e);
}
GST_END_TEST

/* Gaps and the end go through, in their order. */
GST_START_TEST (test_encoder_events)
{
  Encoder e = encoder_new ("", "utf8");
  static const GstEventType expected[] = { GST_EVENT_STREAM_START, GST_EVENT_CAPS, GST_EVENT_SEGMENT, GST_EVENT_GAP,
                                           GST_EVENT_EOS };

  fail_unless (gst_harness_push_event (e.h, gst_event_new_gap (0, GST_SECOND)));
  fail_unless (gst_harness_push_event (e.h, gst_event_new_eos ()));
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    GstEvent *event = gst_harness_try_pull_event (e.h);

    fail_unless (event && GST_EVENT_TYPE (event) == expected[i], "event %u: expected %s, found %s", i,
                 gst_event_type_get_name (expected[i]), event ? GST_EVENT_TYPE_NAME (event) : "none");
    gst_event_unref (event);
  }
  encoder_free (&e);
}
GST_END_TEST

/* A text that the model cannot read is left out; the next one is not. */
GST_START_TEST (test_encoder_unreadable)
{
  Encoder e = encoder_new ("", "utf8");

  g_atomic_int_set (&fake.text_error, VLF_ERROR_RANGE + 1);
  fail_unless_equals_int (gst_harness_push (e.h, text_buffer ("a")), GST_FLOW_OK);
  fusion_expect_message (e.bus, GST_MESSAGE_WARNING, "A text is ignored");
  g_atomic_int_set (&fake.text_error, 0);
  fail_unless_equals_int (gst_harness_buffers_in_queue (e.h), 0);
  expect_encoded (&e, "b", "b");
  encoder_free (&e);
}
GST_END_TEST

GST_START_TEST (test_encoder_errors)
{
  Encoder e = encoder_new ("", "utf8");

  g_atomic_int_set (&fake.text_error, VLF_ERROR_DEVICE + 1);
  fail_unless_equals_int (gst_harness_push (e.h, text_buffer ("a")), GST_FLOW_ERROR);
  fusion_expect_message (e.bus, GST_MESSAGE_ERROR, "expected luck, found a fault");
  fusion_messages (&(Fusion){ .bus = e.bus }, GST_MESSAGE_ANY, NULL);
  gst_element_set_state (e.element, GST_STATE_NULL);
  g_object_set (e.element, "model", "missing", NULL);
  fail_unless_equals_int (gst_element_set_state (e.element, GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  fusion_expect_message (e.bus, GST_MESSAGE_ERROR, "no model missing");
  encoder_free (&e);
}
GST_END_TEST

static gpointer
push_text (gpointer data)
{
  return GINT_TO_POINTER (gst_harness_push (data, text_buffer ("slow")));
}

/* Neither a model that loads for long nor a text that takes long keeps the element from stopping. */
GST_START_TEST (test_encoder_stops)
{
  Encoder e = encoder_new ("", "utf8");
  GThread *thread;
  gint64 begin;

  g_atomic_int_set (&fake.text_ms, 3000);
  thread = g_thread_new ("push", push_text, e.h);
  g_usleep (100000);
  begin = g_get_monotonic_time ();
  gst_element_set_state (e.element, GST_STATE_NULL);
  fail_unless (g_get_monotonic_time () - begin < 2 * G_TIME_SPAN_SECOND);
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  for (guint i = 0; i < 1000 && g_atomic_int_get (&fake.models_alive); i++)
    g_usleep (10000); /* the thread that was left behind ends by itself */
  encoder_free (&e);
}
GST_END_TEST

/* A flush ends waiting for a text; what comes after it is encoded. */
GST_START_TEST (test_encoder_flush)
{
  Encoder e = encoder_new ("", "utf8");
  GstSegment segment;
  GThread *thread;

  g_atomic_int_set (&fake.text_ms, 500);
  thread = g_thread_new ("push", push_text, e.h);
  g_usleep (100000);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (gst_harness_push_event (e.h, gst_event_new_flush_start ()));
  fail_unless_equals_int (GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  fail_unless (gst_harness_push_event (e.h, gst_event_new_flush_stop (TRUE)));
  fail_unless (gst_harness_push_event (e.h, gst_event_new_segment (&segment)));
  expect_encoded (&e, "after", "after");
  fail_unless (gst_harness_try_pull (e.h) == NULL);
  encoder_free (&e);
}
GST_END_TEST

/* ---- text pads ---- */

typedef struct {
  GstPad *pad, *peer;
} Source;

static gpointer
start_source (gpointer data)
{
  Source *s = data;
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (gst_pad_push_event (s->pad, gst_event_new_stream_start ("texts")));
  return NULL;
}

static Source
source_new (GstElement *element)
{
  Source s = { gst_pad_new ("src", GST_PAD_SRC), gst_element_request_pad_simple (element, "text_%u") };

  gst_pad_set_active (s.pad, TRUE);
  fail_unless_equals_int (gst_pad_link (s.pad, s.peer), GST_PAD_LINK_OK);
  g_thread_join (g_thread_new ("start", start_source, &s));
  return s;
}

static void
source_free (Source *s, GstElement *element)
{
  gst_element_release_request_pad (element, s->peer);
  gst_object_unref (s->peer);
  gst_pad_set_active (s->pad, FALSE);
  gst_object_unref (s->pad);
}

/* Whether texts under @caps are taken. */
static gboolean
announce (Source *s, const gchar *caps)
{
  GstCaps *parsed = gst_caps_from_string (caps);
  GstSegment segment;
  GstFlowReturn ret;

  gst_pad_push_event (s->pad, gst_event_new_caps (parsed));

  gst_caps_unref (parsed);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (s->pad, gst_event_new_segment (&segment));
  ret = gst_pad_push (s->pad, gst_buffer_new ()); /* which says nothing */
  return ret == GST_FLOW_OK;
}

#define GOOD_CAPS "application/x-vlf-text-embedding, model=(string)0123, layers=(int)1, dim=(int)3"

/* @n numbers @first, @first + 1, ...; @tokens rows with a meta, 0: without. From frame @start on, of @duration frames. */
static GstBuffer *
encoded_buffer (const gchar *text, guint tokens, guint n, gfloat first, guint start, guint duration)
{
  gfloat *numbers = g_new (gfloat, n);
  GstBuffer *buffer;

  for (guint i = 0; i < n; i++)
    numbers[i] = first + (gfloat) i;
  buffer = n ? gst_buffer_new_wrapped (numbers, n * sizeof *numbers) : gst_buffer_new ();
  if (tokens)
    gst_buffer_add_vl_text_meta (buffer, text, tokens);
  GST_BUFFER_PTS (buffer) = gst_util_uint64_scale (start, GST_SECOND, 30);
  GST_BUFFER_DURATION (buffer) = gst_util_uint64_scale (duration, GST_SECOND, 30);
  return buffer;
}

/* The same rules as for plain texts; and the texts of both kinds of pads beside each other. */
GST_START_TEST (test_pad)
{
  Fusion *f = fusion_new ("text-timeout=0 prompt=own");
  Source s, plain;

  fusion_set_caps (f, "RGB", 8, 8);
  s = source_new (f->element);
  fail_unless (announce (&s, GOOD_CAPS));
  plain = source_new (f->element);
  fail_unless (announce (&plain, "text/x-raw, format=utf8"));
  gst_pad_push (s.pad, encoded_buffer ("a cat", 1, 3, 7, 1, 2));
  gst_pad_push (s.pad, encoded_buffer ("a dog", 1, 3, 9, 2, 5));
  gst_pad_push (plain.pad, gst_buffer_new_memdup ("plain", 5));
  fusion_expect_prompts (f, "own|plain");
  fusion_expect_prompts (f, "own|a cat=7|plain");
  fusion_expect_prompts (f, "own|a cat=7|a dog=9|plain");
  fusion_expect_prompts (f, "own|a dog=9|plain");
  gst_pad_push (s.pad, encoded_buffer (NULL, 0, 0, 0, 4, 1)); /* ends all */
  fusion_expect_prompts (f, "own|plain");
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 0);
  source_free (&s, f->element);
  source_free (&plain, f->element);
  fusion_free (f);
}
GST_END_TEST

/* Two encoded texts that read the same are two; the same one in the next frame is not encoded again. */
GST_START_TEST (test_pad_same_words)
{
  Fusion *f = fusion_new ("text-timeout=0 prompt=cat");
  Source s;

  fusion_set_caps (f, "RGB", 8, 8);
  s = source_new (f->element);
  fail_unless (announce (&s, GOOD_CAPS));
  gst_pad_push (s.pad, encoded_buffer ("cat", 1, 3, 5, 0, 9));
  gst_pad_push (s.pad, encoded_buffer ("cat", 1, 3, 6, 0, 9));
  fusion_expect_prompts (f, "cat|cat=5|cat=6");
  fusion_expect_prompts (f, "cat|cat=5|cat=6");
  fail_unless_equals_int (fake.texts_made, 3);
  source_free (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_pad_refuses)
{
  static const struct {
    const gchar *caps, *part;
  } bad[] = {
    { "application/x-vlf-text-embedding, model=(string)4567, layers=(int)1, dim=(int)3",
      "expected [1, 1, 3] of 0123, found [1, 1, 3] of 4567" },
    { "application/x-vlf-text-embedding, model=(string)0123, layers=(int)2, dim=(int)3", "found [2, 1, 3]" },
    { "application/x-vlf-text-embedding, model=(string)0123, layers=(int)1, dim=(int)512", "found [1, 1, 512]" },
    { "application/x-vlf-text-embedding, model=(string)0123, layers=(int)1", "expected caps with model" },
    { "application/x-vlf-text-embedding, model=(string)0123, layers=(int)1, dim=(int)-3", "expected caps with model" },
    { "application/x-vlf-text-embedding, layers=(int)1, dim=(int)3", "expected caps with model" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    Fusion *f = fusion_new ("");
    Source s;

    fusion_set_caps (f, "RGB", 8, 8);
    s = source_new (f->element);
    fail_unless (!announce (&s, bad[i].caps), "%s was accepted", bad[i].caps);
    fusion_expect_message (f->bus, GST_MESSAGE_ERROR, bad[i].part);
    source_free (&s, f->element);
    fusion_free (f);
  }
}
GST_END_TEST

static gpointer
announce_wrong (gpointer data)
{
  return GINT_TO_POINTER (
      announce (data, "application/x-vlf-text-embedding, model=(string)4567, layers=(int)1, dim=(int)3"));
}

/* Caps that come before the model has loaded wait for it; not for ever. */
GST_START_TEST (test_pad_waits_for_model)
{
  Fusion *f;
  Source s;
  GThread *thread;

  fake_reset ();
  f = fusion_new ("");
  g_atomic_int_set (&fake.load_ms, 400);
  gst_element_set_state (f->element, GST_STATE_NULL);
  gst_element_set_state (f->element, GST_STATE_PLAYING);
  s = source_new (f->element);
  fail_unless (!announce_wrong (&s));
  fusion_expect_message (f->bus, GST_MESSAGE_ERROR, "found [1, 1, 3] of 4567");
  source_free (&s, f->element);

  g_atomic_int_set (&fake.load_ms, 60000);
  gst_element_set_state (f->element, GST_STATE_NULL);
  gst_element_set_state (f->element, GST_STATE_PLAYING);
  s = source_new (f->element);
  thread = g_thread_new ("caps", announce_wrong, &s);
  g_usleep (100000);
  fail_unless (fusion_stop (f) < 2000);
  g_thread_join (thread);
  source_free (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_bad_buffers)
{
  Fusion *f = fusion_new ("text-timeout=0");
  GstBuffer *gap = encoded_buffer ("gap", 3, 9, 1, 0, 9), *padded = encoded_buffer ("padded", 2, 6, 4, 0, 9);
  struct {
    GstBuffer *buffer;
    const gchar *part;
  } bad[] = { { encoded_buffer ("short", 1, 2, 1, 0, 9), "\"short\": expected 12 bytes" },
              { encoded_buffer ("long", 1, 4, 1, 0, 9), "found 16 bytes" },
              { encoded_buffer (MANY_RED, 1, 2, 1, 0, 9), "\"" REDS_26 "\": expected 12 bytes" },
              { encoded_buffer (NULL, 0, 3, 1, 0, 9), "expected a buffer with a GstVlTextMeta" },
              { encoded_buffer ("nan", 1, 3, NAN, 0, 9), "\"nan\": expected finite numbers" },
              { gap, "and 0 tokens in front" } };
  Source s;

  gst_vl_text_meta_set_token (gst_buffer_get_vl_text_meta (gap), 1, FALSE, -1);
  gst_vl_text_meta_set_token (gst_buffer_get_vl_text_meta (padded), 1, FALSE, -1);
  fusion_set_caps (f, "RGB", 8, 8);
  s = source_new (f->element);
  fail_unless (announce (&s, GOOD_CAPS));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    fail_unless_equals_int (gst_pad_push (s.pad, bad[i].buffer), GST_FLOW_OK);
    fusion_expect_message (f->bus, GST_MESSAGE_WARNING, bad[i].part);
  }
  gst_pad_push (s.pad, padded);
  fusion_expect_prompts (f, "padded=4");
  source_free (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* One after the other, in a pipeline. */
GST_START_TEST (test_pipeline)
{
  GstElement *pipeline, *sink, *texts;
  GstBuffer *text = gst_buffer_new_memdup ("a star", 6);
  GstSample *sample;
  GstVlMeta *meta;
  GstFlowReturn ret;

  fake_reset ();
  fusion_register ();
  fail_unless (GST_ELEMENT_REGISTER (vltextenc, NULL));
  pipeline = gst_parse_launch (
      "videotestsrc num-buffers=5 ! video/x-raw,width=16,height=16 ! vlfusion name=f ! appsink name=sink sync=false "
      "appsrc name=texts format=time caps=text/x-raw,format=utf8 ! vltextenc ! f.text_0",
      NULL);
  texts = gst_bin_get_by_name (GST_BIN (pipeline), "texts");
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  GST_BUFFER_PTS (text) = 0;
  GST_BUFFER_DURATION (text) = GST_SECOND;
  g_signal_emit_by_name (texts, "push-buffer", text, &ret);
  gst_buffer_unref (text);
  g_signal_emit_by_name (texts, "end-of-stream", &ret);
  for (guint i = 0; i < 5; i++) {
    g_signal_emit_by_name (sink, "pull-sample", &sample);
    meta = gst_buffer_get_vl_meta (gst_sample_get_buffer (sample), "f", GST_VL_KIND_FUSION);
    fail_unless (meta && g_str_equal (gst_vl_result_get_text (meta->result, 0), "a star"));
    fail_unless (gst_vl_result_peek_embedding (meta->result, 0, NULL)[0] == 1);
    gst_sample_unref (sample);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (texts);
  gst_object_unref (sink);
  gst_object_unref (pipeline);
}
GST_END_TEST

static Suite *
textenc_suite (void)
{
  Suite *s = suite_create ("textenc");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_encoder);
  tcase_add_test (tc, test_encoder_long);
  tcase_add_test (tc, test_encoder_events);
  tcase_add_test (tc, test_encoder_unreadable);
  tcase_add_test (tc, test_encoder_errors);
  tcase_add_test (tc, test_encoder_stops);
  tcase_add_test (tc, test_encoder_flush);
  tcase_add_test (tc, test_pad);
  tcase_add_test (tc, test_pad_same_words);
  tcase_add_test (tc, test_pad_refuses);
  tcase_add_test (tc, test_pad_waits_for_model);
  tcase_add_test (tc, test_bad_buffers);
  tcase_add_test (tc, test_pipeline);
  return s;
}

GST_CHECK_MAIN (textenc)
