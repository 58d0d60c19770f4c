/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text pads of vlfusion on a fake session: texts on the video's own thread, too many of them, and texts without a time. */
#include "tests/check/textsource.h"

static void
flush_video (Fusion *f)
{
  fail_unless (gst_harness_push_event (f->h, gst_event_new_flush_start ()));
  fail_unless (gst_harness_push_event (f->h, gst_event_new_flush_stop (TRUE)));
}

/* Without a queue, a demuxer's texts come on the thread that the video comes on, and that would wait for itself: also before the first
 * frame, and after a flush, when a decoder still keeps the segment back. */
GST_START_TEST (test_beside_video)
{
  Fusion *f = fusion_new ("");
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  for (gint i = 0; i < 200; i++)
    text_source_push (&s, "before", i, 1);
  fusion_expect_prompts (f, "before");
  flush_video (f);
  for (gint i = 200; i < 400; i++)
    text_source_push (&s, "after", i, 1);
  text_start_video (f, 1);
  text_expect_at (f, 300, "after");
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

static void
expect_many (Fusion *f, guint n)
{
  GstBuffer *out = fusion_pass (f);
  GstVlMeta *meta = fusion_meta (out);

  fail_unless_equals_int (meta ? gst_vl_result_get_n_prompts (meta->result) : 0, n);
  gst_buffer_unref (out);
}

/* What cannot wait is bounded: texts beyond are lost, which is told once; and of those that are active at once only so many are asked. */
GST_START_TEST (test_too_many_beside)
{
  Fusion *f = fusion_new ("text-timeout=0");
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  for (guint i = 0; i < 4096; i++)
    text_source_push (&s, "kept", 0, 30);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 0);
  for (guint i = 0; i < 1000; i++)
    text_source_push (&s, "lost", 20, 30);
  fusion_expect_message (f->bus, GST_MESSAGE_WARNING, "Texts on text_0 are ignored");
  expect_many (f, 64);
  expect_many (f, 64);
  fusion_expect_message (f->bus, GST_MESSAGE_WARNING, "more than 64");
  text_expect_at (f, 40, ""); /* which makes room */
  text_source_push (&s, "again", 40, 2);
  fusion_expect_prompts (f, "again");
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 0);
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* All pads together, their texts in order; those of the property are not counted. */
GST_START_TEST (test_many_active)
{
  Fusion *f = fusion_new ("text-timeout=0 prompt=own");
  GstBuffer *out;
  TextSource s[2];

  fusion_set_caps (f, "RGB", 8, 8);
  for (guint i = 0; i < 2; i++) {
    text_source_link (&s[i], f->element, "text_%u", "utf8");
    for (guint j = 0; j < 40; j++)
      text_source_push (&s[i], i ? "second" : "first", 0, i || j < 10 ? 2 : 1);
  }
  out = fusion_pass (f);
  fail_unless_equals_int (gst_vl_result_get_n_prompts (fusion_meta (out)->result), 65);
  fail_unless_equals_string (gst_vl_result_get_text (fusion_meta (out)->result, 40), "first");
  fail_unless_equals_string (gst_vl_result_get_text (fusion_meta (out)->result, 41), "second");
  gst_buffer_unref (out);
  fusion_expect_message (f->bus, GST_MESSAGE_WARNING, "more than 64");
  expect_many (f, 51);
  for (guint i = 0; i < 2; i++)
    text_source_release (&s[i], f->element);
  fusion_free (f);
}
GST_END_TEST

/* A line of 64 KiB is a prompt; a longer one is none, whatever the form, and what is active stays so. */
GST_START_TEST (test_longest_line)
{
  static const gchar *const formats[] = { "utf8", "pango-markup" };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    Fusion *f = fusion_new ("text-timeout=0");
    g_autofree gchar *line = g_strnfill (65537, 'a');
    TextSource s;

    fusion_set_caps (f, "RGB", 8, 8);
    text_source_link (&s, f->element, "text_%u", formats[i]);
    text_source_push (&s, line + 1, 0, -1);
    fusion_expect_prompts (f, line + 1);
    fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 0);
    text_source_push (&s, line, 1, -1);
    fusion_expect_prompts (f, line + 1);
    fusion_expect_message (f->bus, GST_MESSAGE_WARNING, "A text on text_0 is ignored: expected at most 65536 bytes");
    text_source_release (&s, f->element);
    fusion_free (f);
  }
}
GST_END_TEST

/* A text without time is for every frame from then on, wherever the video goes; the source of such texts does not seek. */
GST_START_TEST (test_untimed_seek)
{
  Fusion *f = fusion_new ("text-timeout=0");
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  text_source_push (&s, "early", 10, -1);
  text_expect_at (f, 1800, "early");
  text_source_push (&s, "a red circle", -1, -1);
  fusion_expect_prompts (f, "a red circle");
  flush_video (f);
  text_start_video (f, 1);
  text_expect_at (f, 0, "a red circle");
  text_expect_at (f, 20, "a red circle");
  text_expect_at (f, 29, "a red circle");
  text_expect_at (f, 0, "a red circle"); /* a loop does not flush */
  text_source_push (&s, "a blue square", -1, -1);
  fusion_expect_prompts (f, "a blue square");
  text_source_push (&s, "soon", -1, 3); /* from the frame before on */
  fusion_expect_prompts (f, "soon");
  fusion_expect_prompts (f, "soon");
  fusion_expect_prompts (f, "");
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

static gpointer
push_untimed (gpointer data)
{
  text_source_push (data, "text", -1, -1);
  return NULL;
}

/* The same backwards, where texts that have ended must not pile up either. */
GST_START_TEST (test_untimed_backwards)
{
  Fusion *f = fusion_new ("text-timeout=0");
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_start_video (f, -1);
  text_source_link (&s, f->element, "text_%u", "utf8");
  text_expect_at (f, 29, "");
  text_source_push (&s, "open", -1, -1);
  for (guint i = 28; i > 20; i--)
    text_expect_at (f, i, "open");
  for (guint i = 0; i < 100; i++) {
    g_thread_join (g_thread_new ("text", push_untimed, &s));
    text_expect_at (f, 20 - i / 5, "text");
  }
  text_source_push (&s, "", -1, -1);
  text_expect_at (f, 0, "");
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* A subtitle that the model cannot read, as one with tokens that it has no rows for, is not asked; all else is. */
GST_START_TEST (test_unreadable)
{
  Fusion *f = fusion_new ("text-timeout=0 prompt=own");
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  fusion_expect_prompts (f, "own");
  g_atomic_int_set (&fake.text_error, VLF_ERROR_RANGE + 1);
  text_source_push (&s, "unreadable", 1, 2);
  fusion_expect_prompts (f, "own");
  fusion_expect_prompts (f, "own");
  fusion_expect_message (f->bus, GST_MESSAGE_WARNING, "A text is not asked");
  g_atomic_int_set (&fake.text_error, 0);
  text_source_push (&s, "readable", 3, 2);
  fusion_expect_prompts (f, "own|readable");
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR, NULL), 0);
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* A prompt that is impossible is told, and those of the pads go on, though the application had none before. */
GST_START_TEST (test_impossible_prompt)
{
  Fusion *f = fusion_new ("text-timeout=0");
  guint warnings = 0;
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  text_source_push (&s, "a text", 0, -1);
  fusion_expect_prompts (f, "a text");
  g_atomic_int_set (&fake.text_error, VLF_ERROR_UNSUPPORTED + 1);
  g_object_set (f->element, "prompt", "impossible", NULL);
  for (guint i = 0; i < 2000 && !warnings; i++, g_usleep (1000)) {
    fusion_expect_prompts (f, "a text");
    warnings = fusion_messages (f, GST_MESSAGE_WARNING, NULL);
  }
  fail_unless_equals_int (warnings, 1);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_ERROR, NULL), 0);
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

static gpointer
pass_one (gpointer f)
{
  gst_buffer_unref (fusion_pass (f));
  return NULL;
}

/* An element before this one may push frames that it has held on a thread of its own, while events and texts share the demuxer's: more texts
 * than a pad holds must not wait there for frames that come from there. */
GST_START_TEST (test_beside_held_video)
{
  Fusion *f = fusion_new ("text-timeout=0");
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  text_start_video (f, 1);
  g_thread_join (g_thread_new ("holding", pass_one, f));
  for (gint i = 0; i < 200; i++)
    text_source_push (&s, "text", i + 10, 1);
  text_expect_at (f, 150, "text");
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

static gboolean seeks; /* whether the video's source does */

static gboolean
take_seek (GstPad *pad, GstObject *parent, GstEvent *event)
{
  (void) pad;
  (void) parent;
  gst_event_unref (event);
  return seeks;
}

static GstEvent *
loop_seek (void)
{
  return gst_event_new_seek (1, GST_FORMAT_TIME, GST_SEEK_FLAG_SEGMENT, GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET,
                             GST_SECOND);
}

/* The text source's answer to a seek: its segment and the texts of a round. */
static void
push_round (TextSource *s)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (gst_pad_push_event (s->pad, gst_event_new_segment (&segment)));
  text_source_push (s, "early", 0, 10);
  text_source_push (s, "late", 20, 10);
}

/* The video may be in the next round before its texts are, and then nothing of the old one is left; a seek that comes by way of two sinks is one. */
GST_START_TEST (test_loop_video_first)
{
  Fusion *f = fusion_new ("text-timeout=0");
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  gst_pad_set_event_function (f->h->srcpad, take_seek);
  seeks = TRUE;
  text_source_link (&s, f->element, "text_%u", "utf8");
  gst_pad_set_event_function (s.pad, take_seek);
  push_round (&s);
  for (guint round = 0; round < 100; round++) {
    GstEvent *seek = loop_seek ();

    text_expect_at (f, 0, "early");
    text_expect_at (f, 28, "late"); /* which no later frame ends */
    fail_unless (gst_pad_push_event (f->h->sinkpad, gst_event_ref (seek)));
    fail_unless (gst_pad_push_event (f->h->sinkpad, seek));
    text_start_video (f, 1);
    text_expect_at (f, 25, "");
    push_round (&s);
  }
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

static gpointer
push_many (gpointer s)
{
  for (gint i = 0; i < 100; i++)
    text_source_push (s, "text", 300 + i, 1);
  return NULL;
}

static gboolean
take_seek_locked (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GThread *thread = g_object_get_data (G_OBJECT (pad), "thread");

  (void) parent;
  gst_event_unref (event);
  g_thread_join (thread); /* as basesrc waits for its own thread to pause */
  return TRUE;
}

/* A source of texts that is far ahead, and waits for video, can be sought. */
GST_START_TEST (test_loop_far_ahead)
{
  Fusion *f = fusion_new ("text-timeout=0");
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  gst_pad_set_event_function (f->h->srcpad, take_seek);
  seeks = TRUE;
  text_source_link (&s, f->element, "text_%u", "utf8");
  text_expect_at (f, 0, "");
  g_object_set_data (G_OBJECT (s.pad), "thread", g_thread_new ("texts", push_many, &s));
  gst_pad_set_event_function (s.pad, take_seek_locked);
  g_usleep (100000); /* it waits by now */
  fail_unless (gst_pad_push_event (f->h->sinkpad, loop_seek ()));
  text_start_video (f, 1);
  push_round (&s);
  text_expect_at (f, 5, "early");
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

/* Of a loop without a flush the texts of the next round are there while frames of this one still come; each is asked in its own round. */
GST_START_TEST (test_loop)
{
  Fusion *f = fusion_new ("text-timeout=0");
  GstSegment segment;
  TextSource s;

  fusion_set_caps (f, "RGB", 8, 8);
  text_source_link (&s, f->element, "text_%u", "utf8");
  gst_pad_set_event_function (s.pad, take_seek);
  text_source_push (&s, "early", 0, 10);
  text_source_push (&s, "late", 20, -1);
  text_expect_at (f, 5, "early");
  text_expect_at (f, 21, "late");
  gst_pad_set_event_function (f->h->srcpad, take_seek);
  seeks = FALSE;
  fail_unless (!gst_pad_push_event (f->h->sinkpad, loop_seek ()));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (gst_pad_push_event (s.pad, gst_event_new_segment (&segment))); /* no other round */
  text_source_push (&s, "later", 22, -1);
  text_expect_at (f, 22, "later");
  seeks = TRUE;
  fail_unless (gst_pad_push_event (f->h->sinkpad, loop_seek ()));
  fail_unless (gst_pad_push_event (s.pad, gst_event_new_segment (&segment)));
  text_source_push (&s, "early", 0, 10);
  text_source_push (&s, "late", 20, -1);
  text_expect_at (f, 24, "later");
  text_expect_at (f, 29, "later");
  text_start_video (f, 1);
  text_expect_at (f, 0, "early");
  text_expect_at (f, 9, "early");
  text_expect_at (f, 15, "");
  text_expect_at (f, 25, "late");
  text_source_release (&s, f->element);
  fusion_free (f);
}
GST_END_TEST

static Suite *
text_limits_suite (void)
{
  Suite *s = suite_create ("text-limits");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_beside_video);
  tcase_add_test (tc, test_too_many_beside);
  tcase_add_test (tc, test_many_active);
  tcase_add_test (tc, test_longest_line);
  tcase_add_test (tc, test_untimed_seek);
  tcase_add_test (tc, test_unreadable);
  tcase_add_test (tc, test_impossible_prompt);
  tcase_add_test (tc, test_beside_held_video);
  tcase_add_test (tc, test_loop);
  tcase_add_test (tc, test_loop_video_first);
  tcase_add_test (tc, test_loop_far_ahead);
  tcase_add_test (tc, test_untimed_backwards);
  return s;
}

GST_CHECK_MAIN (text_limits)
