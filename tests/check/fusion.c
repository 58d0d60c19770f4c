/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlfusion on a fake session: what comes out is what went in, with the right meta. */
#include "tests/check/fusionharness.h"
#include <gst/video/video.h>
#include <string.h>
#include "plugin/gstvlframe.h"

static const gchar *formats[] = { "NV12", "I420", "YV12", "YUY2", "UYVY", "RGB",  "BGR",  "RGBA",
                                  "BGRA", "ARGB", "ABGR", "RGBx", "BGRx", "xRGB", "xBGR", "GRAY8" };

static gchar *
digest (GstBuffer *buffer)
{
  GstMapInfo map;
  gchar *sum;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, map.data, map.size);
  gst_buffer_unmap (buffer, &map);
  return sum;
}

static void
expect_result (GstBuffer *out, const gchar *prompt, guint width, guint height)
{
  GstVlMeta *meta = fusion_meta (out);
  guint w, h;

  fail_unless (meta != NULL, "a frame has no result");
  gst_vl_result_get_frame_size (meta->result, &w, &h);
  fail_unless (w == width && h == height && meta->frame_width == width && meta->frame_height == height);
  fail_unless_equals_int (gst_vl_result_get_n_prompts (meta->result), 1);
  fail_unless_equals_string (gst_vl_result_get_text (meta->result, 0), prompt);
  fail_unless_equals_float (gst_vl_result_get_match (meta->result, 0), fake_match (prompt));
  fail_unless (gst_vl_result_get_source_pts (meta->result) == GST_BUFFER_PTS (out));
  fail_unless (!meta->carried && meta->age == 0);
}

GST_START_TEST (test_pixels)
{
  static const gint sizes[][2] = { { 1, 1 }, { 16, 16 }, { 17, 13 }, { 2, 1 }, { 8192, 3 } };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    Fusion *f = fusion_new ("prompt=\"a red circle\"");

    for (guint j = 0; j < G_N_ELEMENTS (sizes); j++) {
      fusion_set_caps (f, formats[i], sizes[j][0], sizes[j][1]);
      for (guint k = 0; k < 3; k++) {
        GstBuffer *in = fusion_frame (f, k), *out;
        g_autofree gchar *before = digest (in), *after = NULL;
        GstMemory *memory = gst_buffer_peek_memory (in, 0);
        GstClockTime pts = GST_BUFFER_PTS (in);

        fail_unless_equals_int (fusion_push (f, in), GST_FLOW_OK);
        out = gst_harness_pull (f->h);
        after = digest (out);
        fail_unless_equals_string (before, after);
        fail_unless (gst_buffer_peek_memory (out, 0) == memory && GST_BUFFER_PTS (out) == pts);
        expect_result (out, "a red circle", sizes[j][0], sizes[j][1]);
        gst_buffer_unref (out);
      }
    }
    fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING, NULL), 0);
    fusion_free (f);
  }
}
GST_END_TEST

/* Behind a tee the frame is shared: its structure is copied for the meta, its memory is not. */
GST_START_TEST (test_shared)
{
  Fusion *f = fusion_new ("prompt=star");
  GstBuffer *in, *out;

  fusion_set_caps (f, "NV12", 64, 48);
  in = fusion_frame (f, 1);
  fail_unless_equals_int (fusion_push (f, gst_buffer_ref (in)), GST_FLOW_OK);
  out = gst_harness_pull (f->h);
  fail_unless (out != in && fusion_meta (in) == NULL && fusion_meta (out) != NULL);
  fail_unless (gst_buffer_peek_memory (out, 0) == gst_buffer_peek_memory (in, 0));
  gst_buffer_unref (in);
  gst_buffer_unref (out);
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_convert)
{
  Fusion *f = fusion_new ("prompt=star");
  GstBuffer *out;
  GstVlResult *result;
  const gfloat *values;
  gdouble x, y;
  gsize n;

  fusion_set_caps (f, "GRAY8", 40, 20);
  out = fusion_pass (f);
  result = fusion_meta (out)->result;
  gst_buffer_ref (out);
  gst_vl_result_ref (result);
  gst_buffer_unref (out);
  gst_buffer_unref (out);
  fusion_free (f); /* what was lent lives as long as the result */

  values = gst_vl_result_peek_map (result, 0, &n);
  fail_unless (n == FAKE_GRID * FAKE_GRID && values[15] == 1.0f / 16);
  values = gst_vl_result_peek_word_map (result, 0, 0, &n);
  fail_unless (n == FAKE_GRID * FAKE_GRID && values[15] == 1.0f / 16);
  values = gst_vl_result_peek_embedding (result, 0, &n);
  fail_unless (n == 2 && values[0] == 0 && values[1] == 1);
  values = gst_vl_result_peek_image_embedding (result, &n);
  fail_unless (n == 4 && values[3] == 1);
  fail_unless (gst_vl_result_get_peak (result, 0, &x, &y) && x == 20 && y == 10);
  fail_unless_equals_string (gst_vl_result_get_embedding_kind (result, 0), "cross_embeds");
  fail_unless_equals_string (gst_vl_result_get_model (result), "fake");
  fail_unless_equals_string (gst_vl_result_get_word_text (result, 0, 0), "star");
  gst_vl_result_unref (result);
}
GST_END_TEST

GST_START_TEST (test_no_prompt)
{
  Fusion *f = fusion_new ("prompt=\" \\\\n \"");

  fusion_set_caps (f, "RGB", 32, 32);
  fail_unless_equals_uint64 (fusion_generation (f), 0);
  g_object_set (f->element, "prompt", "a star", NULL);
  for (guint i = 0; i < 2000 && fusion_generation (f) == 0; i++) /* until it is encoded */
    g_usleep (1000);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  g_object_set (f->element, "prompt", NULL, NULL);
  fail_unless_equals_uint64 (fusion_generation (f), 0);
  fail_unless_equals_int (fake.runs, 2);
  fusion_free (f);
}
GST_END_TEST

/* A new list is encoded beside the stream: until then frames leave with the old one, and none waits. */
GST_START_TEST (test_prompt_change)
{
  Fusion *f = fusion_new ("prompt=one");
  guint64 generation = 1, frames = 0;

  fusion_set_caps (f, "RGB", 32, 32);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  g_atomic_int_set (&fake.text_ms, 200);
  g_object_set (f->element, "prompt", "two\nthree", NULL);
  for (; generation == 1 && frames < 10000; frames++, g_usleep (1000)) {
    GstBuffer *out = fusion_pass (f);
    GstVlMeta *meta = fusion_meta (out);

    generation = gst_vl_result_get_generation (meta->result);
    fail_unless_equals_int (gst_vl_result_get_n_prompts (meta->result), generation == 1 ? 1 : 2);
    fail_unless_equals_string (gst_vl_result_get_text (meta->result, 0), generation == 1 ? "one" : "two");
    gst_buffer_unref (out);
  }
  fail_unless (generation == 2 && frames > 2, "swapped to %d after %d frames", (gint) generation, (gint) frames);
  fail_unless_equals_int (fake.texts_made, 3);
  fusion_free (f);
}
GST_END_TEST

static gpointer
change_prompts (gpointer element)
{
  for (guint i = 0; i < 1000; i++) {
    g_autofree gchar *prompt = g_strdup_printf ("left %u\nright %u", i, i);

    g_object_set (element, "prompt", prompt, NULL);
    if (i % 50 == 0)
      g_usleep (1000);
  }
  return NULL;
}

/* Lists are swapped whole whatever the speed of change, and the last one wins. */
GST_START_TEST (test_prompt_storm)
{
  Fusion *f = fusion_new ("prompt=\"left 0\\\\nright 0\"");
  GThread *thread;
  guint64 last = 0;
  gboolean arrived = FALSE;

  fusion_set_caps (f, "RGB", 8, 8);
  thread = g_thread_new ("changes", change_prompts, f->element);
  for (guint i = 0; i < 20000 && !arrived; i++) {
    GstBuffer *out = fusion_pass (f);
    GstVlMeta *meta = fusion_meta (out);
    const gchar *left = gst_vl_result_get_text (meta->result, 0), *right = gst_vl_result_get_text (meta->result, 1);

    fail_unless_equals_string (left + strlen ("left"), right + strlen ("right"));
    fail_unless (gst_vl_result_get_generation (meta->result) >= last);
    last = gst_vl_result_get_generation (meta->result);
    arrived = g_str_equal (left, "left 999");
    gst_buffer_unref (out);
  }
  fail_unless (arrived);
  g_thread_join (thread);
  fusion_free (f);
}
GST_END_TEST

static void
expect_prompt (GstElement *element, const gchar *expected)
{
  g_autofree gchar *prompt = NULL;

  g_object_get (element, "prompt", &prompt, NULL);
  fail_unless_equals_string (prompt, expected);
}

/* As arguments of gst-launch-1.0 after the shell has read them. */
GST_START_TEST (test_prompt_forms)
{
  static const gchar *const forms[][2] = {
    { "prompt=star", "star" },
    { "prompt=a red circle", "a red circle" },
    { "prompt=\"a red circle\"", "a red circle" },
    { "prompt=a\\\\nb", "a\nb" },
    { "prompt=a red circle\\\\na star", "a red circle\na star" },
    { "prompts=\"<\\\"a red circle\\\",\\\"a star\\\">\"", "a red circle\na star" },
    { "prompts=<\"a\\ red\\ circle\",\"a\\ star\">", "a red circle\na star" },
    { "prompts=<\"star\",\"ring\">", "star\nring" },
    { "prompts=<star, ring>", "star\nring" },
    { "prompts=<star>", "star" },
    { "prompts=<1,2>", "1\n2" },
    { "prompts=<1,\"star\",true,(float)0.5>", "1\nstar\nTRUE\n0.500000" },
    { "prompts=\"<\\\"one, two\\\">\"", "one, two" },
    { "prompts=<>", "" },
  };

  fusion_register ();
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++) {
    const gchar *argv[] = { "vlfusion", forms[i][0], NULL };
    GError *error = NULL;
    GstElement *element = gst_parse_launchv (argv, &error);
    GValue array = G_VALUE_INIT;

    fail_unless (element && !error, "%s: %s", forms[i][0], error ? error->message : "");
    expect_prompt (element, forms[i][1]);
    g_value_init (&array, GST_TYPE_ARRAY);
    g_object_get_property (G_OBJECT (element), "prompts", &array);
    g_object_set (element, "prompt", "other", NULL);
    g_object_set_property (G_OBJECT (element), "prompts", &array);
    expect_prompt (element, forms[i][1]);
    g_value_unset (&array);
    gst_object_unref (element);
  }
}
GST_END_TEST

/* What the documentation says does not work: gst-launch-1.0 breaks such values before the element sees them. */
GST_START_TEST (test_prompt_forms_refused)
{
  static const gchar *const forms[] = { "prompts=<\"a red circle\",\"a star\">", "prompts=<a red circle,a star>" };

  fusion_register ();
  for (guint i = 0; i < G_N_ELEMENTS (forms); i++) {
    const gchar *argv[] = { "vlfusion", forms[i], NULL };
    GError *error = NULL;
    GstElement *element = gst_parse_launchv (argv, &error);

    fail_unless (error != NULL, "%s works now: say so in the documentation", forms[i]);
    g_error_free (error);
    g_clear_pointer (&element, gst_object_unref);
  }
}
GST_END_TEST

GST_START_TEST (test_invalid_utf8)
{
  Fusion *f = fusion_new ("prompt=star");
  g_autofree gchar *text = NULL;

  fusion_set_caps (f, "RGB", 8, 8);
  g_object_set (f->element, "prompt", "st\xff", NULL);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, &text), 1);
  fail_unless (strstr (text, "prompt") && strstr (text, "UTF-8") && strstr (text, "offset 2"), "%s", text);
  expect_prompt (f->element, "star");
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_truncated)
{
  Fusion *f = fusion_new ("");
  g_autofree gchar *prompt = g_strnfill (10000, 'a');

  g_atomic_int_set (&fake.truncate_at, 77);
  g_object_set (f->element, "prompt", prompt, NULL);
  fusion_set_caps (f, "RGB", 8, 8);
  for (guint i = 0; i < 5; i++)
    fail_unless_equals_uint64 (fusion_generation (f), 1);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 1);
  fusion_free (f);
}
GST_END_TEST

/* A list that cannot be encoded is told once; the old one stays, and a later one works. */
GST_START_TEST (test_text_error)
{
  Fusion *f = fusion_new ("prompt=one");
  guint warnings = 0;

  fusion_set_caps (f, "RGB", 8, 8);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  g_atomic_int_set (&fake.text_error, VLF_ERROR_UNSUPPORTED + 1);
  g_object_set (f->element, "prompt", "two", NULL);
  for (guint i = 0; i < 2000 && !warnings; i++, g_usleep (1000)) {
    fail_unless_equals_uint64 (fusion_generation (f), 1);
    warnings = fusion_messages (f, GST_MESSAGE_WARNING, NULL);
    g_usleep (1000);
  }
  fail_unless_equals_int (warnings, 1);
  for (guint i = 0; i < 10; i++)
    fail_unless_equals_uint64 (fusion_generation (f), 1);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 0);
  g_atomic_int_set (&fake.text_error, 0);
  g_object_set (f->element, "prompt", "three", NULL);
  for (guint i = 0; i < 2000 && fusion_generation (f) == 1; i++, g_usleep (1000))
    g_usleep (1000);
  fail_unless_equals_uint64 (fusion_generation (f), 2);
  fusion_free (f);
}
GST_END_TEST

/* The same where no frame waits: the old list stays in force, and the stream goes on. */
GST_START_TEST (test_text_error_latest)
{
  Fusion *f = fusion_new ("prompt=one mode=latest");
  guint warnings = 0;

  fusion_set_caps (f, "RGB", 8, 8);
  for (guint i = 0; i < 2000 && fusion_generation (f) == 0; i++, g_usleep (1000))
    g_usleep (1000);
  g_atomic_int_set (&fake.text_error, VLF_ERROR_UNSUPPORTED + 1);
  g_object_set (f->element, "prompt", "two", NULL);
  for (guint i = 0; i < 2000 && !warnings; i++, g_usleep (1000)) {
    fail_unless_equals_uint64 (fusion_generation (f), 1);
    warnings = fusion_messages (f, GST_MESSAGE_WARNING, NULL);
  }
  fail_unless_equals_int (warnings, 1);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_ERROR, NULL), 0);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  fusion_free (f);
}
GST_END_TEST

/* The same where nothing was asked before: that is what stays. */
GST_START_TEST (test_text_error_after_nothing)
{
  Fusion *f = fusion_new ("mode=latest");
  guint warnings = 0;

  fusion_set_caps (f, "RGB", 8, 8);
  for (guint i = 0; i < 2000 && !fusion_messages (f, GST_MESSAGE_ELEMENT, NULL) && i < 50; i++, g_usleep (2000))
    fail_unless_equals_uint64 (fusion_generation (f), 0); /* until the model is there */
  g_atomic_int_set (&fake.text_error, VLF_ERROR_UNSUPPORTED + 1);
  g_object_set (f->element, "prompt", "two", NULL);
  for (guint i = 0; i < 2000 && !warnings; i++, g_usleep (1000)) {
    fail_unless_equals_uint64 (fusion_generation (f), 0);
    warnings = fusion_messages (f, GST_MESSAGE_WARNING, NULL);
  }
  fail_unless_equals_int (warnings, 1);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_ERROR, NULL), 0);
  fusion_free (f);
}
GST_END_TEST

/* A stream is asked what was wanted when it began, not what the one before was asked; in READY the model stays, in NULL it goes. */
GST_START_TEST (test_prompts_between_streams)
{
  static const GstState rests[] = { GST_STATE_READY, GST_STATE_NULL };

  for (guint i = 0; i < G_N_ELEMENTS (rests); i++) {
    Fusion *f = fusion_new ("prompt=one");

    fusion_set_caps (f, "RGB", 8, 8);
    fusion_expect_prompts (f, "one");
    g_atomic_int_set (&fake.text_ms, 100);
    g_object_set (f->element, "prompt", "two", NULL);
    gst_buffer_unref (fusion_pass (f)); /* it is being encoded */
    gst_element_set_state (f->element, rests[i]);
    g_object_set (f->element, "prompt", "three", NULL);
    gst_element_set_state (f->element, GST_STATE_PLAYING);
    gst_harness_play (f->h);
    fusion_set_caps (f, "RGB", 8, 8);
    fusion_expect_prompts (f, "three");
    fusion_free (f);
  }
}
GST_END_TEST

/* Frames of another size or format in the middle of a stream. */
GST_START_TEST (test_renegotiate)
{
  Fusion *f = fusion_new ("prompt=star interval=1000000000");

  for (guint i = 0; i < 40; i++) {
    gint width = 16 + 8 * (i % 5), height = 8 + 3 * (i % 7);
    GstBuffer *out;

    fusion_set_caps (f, formats[i % G_N_ELEMENTS (formats)], width, height);
    out = fusion_pass (f);
    expect_result (out, "star", width, height);
    gst_buffer_unref (out);
  }
  fail_unless_equals_int (fake.runs, 40);
  fusion_free (f);
}
GST_END_TEST

/* A buffer that is too small, or lies about itself, passes without result and is told once. */
GST_START_TEST (test_broken_frame)
{
  Fusion *f = fusion_new ("prompt=star");
  GstBuffer *in, *out;

  fusion_set_caps (f, "I420", 64, 48);
  for (guint i = 0; i < 3; i++) {
    in = fusion_frame (f, i);
    gst_buffer_set_size (in, 100);
    if (i == 1)
      gst_buffer_add_video_meta (in, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_NV12, 64, 48);
    if (i == 2)
      gst_buffer_add_video_meta (in, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420, 8, 8);
    fail_unless_equals_int (fusion_push (f, in), GST_FLOW_OK);
    out = gst_harness_pull (f->h);
    fail_unless (out && fusion_meta (out) == NULL && gst_buffer_get_size (out) == 100);
    gst_buffer_unref (out);
  }
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 1);
  fail_unless_equals_uint64 (fusion_generation (f), 1);
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_no_timestamps)
{
  Fusion *f = fusion_new ("prompt=star interval=1000000000");
  GstBuffer *in, *out;

  gst_harness_set_src_caps_str (f->h,
                                "video/x-raw,format=RGB,width=8,height=8,framerate=0/1,interlace-mode=interleaved");
  for (guint i = 0; i < 3; i++) {
    in = fusion_frame (f, i);
    GST_BUFFER_PTS (in) = GST_BUFFER_DTS (in) = GST_BUFFER_DURATION (in) = GST_CLOCK_TIME_NONE;
    fail_unless_equals_int (fusion_push (f, in), GST_FLOW_OK);
    out = gst_harness_pull (f->h);
    fail_unless (fusion_meta (out) && !fusion_meta (out)->carried);
    gst_buffer_unref (out);
  }
  fail_unless_equals_int (fake.runs, 3);
  fusion_free (f);
}
GST_END_TEST

/* The shape of pixels reaches the model; results stay in pixels. */
GST_START_TEST (test_pixel_aspect)
{
  Fusion *f = fusion_new ("prompt=a fit=pad");
  GstBuffer *out;

  fusion_set_caps (f, "I420", 64, 48);
  gst_buffer_unref (fusion_pass (f));
  fail_unless_equals_int (fake.aspect, 1000);
  gst_harness_set_src_caps_str (f->h,
                                "video/x-raw,format=I420,width=64,height=48,framerate=30/1,pixel-aspect-ratio=16/15");
  out = fusion_pass (f);
  fail_unless_equals_int (fake.aspect, 1067);
  fail_unless_equals_int (fusion_meta (out)->frame_width, 64);
  gst_buffer_unref (out);
  fusion_free (f);
}
GST_END_TEST

static Suite *
fusion_suite (void)
{
  Suite *s = suite_create ("fusion");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_pixels);
  tcase_add_test (tc, test_shared);
  tcase_add_test (tc, test_convert);
  tcase_add_test (tc, test_no_prompt);
  tcase_add_test (tc, test_prompt_change);
  tcase_add_test (tc, test_prompt_storm);
  tcase_add_test (tc, test_prompt_forms);
  tcase_add_test (tc, test_prompt_forms_refused);
  tcase_add_test (tc, test_invalid_utf8);
  tcase_add_test (tc, test_truncated);
  tcase_add_test (tc, test_text_error);
  tcase_add_test (tc, test_text_error_latest);
  tcase_add_test (tc, test_text_error_after_nothing);
  tcase_add_test (tc, test_prompts_between_streams);
  tcase_add_test (tc, test_renegotiate);
  tcase_add_test (tc, test_broken_frame);
  tcase_add_test (tc, test_no_timestamps);
  tcase_add_test (tc, test_pixel_aspect);
  return s;
}

GST_CHECK_MAIN (fusion)
