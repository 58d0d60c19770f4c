/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlfusion on JPEG pictures, on a fake session: what the model sees of them, and what becomes of broken ones. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include "tests/check/fusionharness.h"
#include "tests/check/jpegpicture.h"

static Fusion *
jpeg_fusion (const gchar *properties, const gchar *caps)
{
  Fusion *f = fusion_new (properties);

  gst_harness_set_src_caps_str (f->h, caps);
  return f;
}

/* Takes @jpeg. */
static GstBuffer *
pass (Fusion *f, GBytes *jpeg)
{
  gsize size = g_bytes_get_size (jpeg);
  GstBuffer *buffer = size > 0 ? gst_buffer_new_wrapped_bytes (jpeg) : gst_buffer_new (), *out;

  GST_BUFFER_PTS (buffer) = gst_util_uint64_scale (f->pushed++, GST_SECOND, 30);
  fail_unless_equals_int (gst_harness_push (f->h, buffer), GST_FLOW_OK);
  out = gst_harness_pull (f->h);
  fail_unless (out != NULL);
  fail_unless_equals_int (gst_buffer_get_size (out), size);
  fail_unless (size == 0 || gst_buffer_memcmp (out, 0, g_bytes_get_data (jpeg, NULL), size) == 0);
  g_bytes_unref (jpeg);
  return out;
}

static void
expect_none (Fusion *f, GBytes *jpeg)
{
  GstBuffer *out = pass (f, jpeg);

  fail_unless (fusion_meta (out) == NULL);
  gst_buffer_unref (out);
}

static void
expect_size (Fusion *f, GBytes *jpeg, guint width, guint height)
{
  GstBuffer *out = pass (f, jpeg);
  GstVlMeta *meta = fusion_meta (out);

  fail_unless (meta != NULL, "no result");
  fail_unless_equals_int (meta->frame_width, width);
  fail_unless_equals_int (meta->frame_height, height);
  fail_unless_equals_float (meta->region_width, width);
  fail_unless_equals_float (meta->region_height, height);
  gst_buffer_unref (out);
}

/* Results count in the full picture's pixels, of which the model sees the smallest eighths that are 2.5 times its input. */
GST_START_TEST (test_scales)
{
  static const guint sizes[][4] = {
    { 640, 480, 80, 60 }, /* the picture, what is decoded of it */
    { 257, 256, 65, 64 }, { 256, 320, 64, 80 }, { 64, 256, 40, 160 }, { 60, 60, 45, 45 },
    { 40, 40, 40, 40 },   { 20, 16, 20, 16 },   { 1, 1, 1, 1 },       { 8192, 8, 8192, 8 },
  };
  Fusion *f = jpeg_fusion ("prompt=a", "image/jpeg");

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    expect_size (f, jpeg_flat (sizes[i][0], sizes[i][1], 200, 100, 50), sizes[i][0], sizes[i][1]);
    fail_unless_equals_int (fake.width, sizes[i][2]);
    fail_unless_equals_int (fake.height, sizes[i][3]);
  }
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 0);
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_colours)
{
  static const guint8 colours[][3] = { { 255, 0, 0 }, { 0, 200, 30 }, { 10, 20, 240 }, { 128, 128, 128 } };
  Fusion *f = jpeg_fusion ("prompt=a", "image/jpeg,width=160,height=120");

  for (guint i = 0; i < G_N_ELEMENTS (colours); i++) {
    GstBuffer *out = pass (f, jpeg_flat (160, 120, colours[i][0], colours[i][1], colours[i][2]));
    const gfloat *seen = gst_vl_result_peek_image_embedding (fusion_meta (out)->result, NULL);

    for (guint c = 0; c < 3; c++)
      fail_unless (fabsf (seen[c] - colours[i][c]) <= 3, "expected %u, found %f", colours[i][c], seen[c]);
    gst_buffer_unref (out);
  }
  fusion_free (f);
}
GST_END_TEST

/* In caps or only in the picture, which is believed; a field of a frame that the caps know is that frame. */
GST_START_TEST (test_size_changes)
{
  Fusion *f = jpeg_fusion ("prompt=a", "image/jpeg,width=64,height=48,framerate=30/1");

  expect_size (f, jpeg_flat (64, 48, 1, 2, 3), 64, 48);
  gst_harness_set_src_caps_str (f->h, "image/jpeg,width=320,height=240,framerate=30/1");
  expect_size (f, jpeg_flat (320, 240, 1, 2, 3), 320, 240);
  expect_size (f, jpeg_flat (100, 50, 1, 2, 3), 100, 50);
  expect_size (f, jpeg_flat (320, 120, 1, 2, 3), 320, 240);
  fusion_set_caps (f, "I420", 64, 48);
  gst_buffer_unref (fusion_pass (f));
  gst_harness_set_src_caps_str (f->h, "image/jpeg,pixel-aspect-ratio=2/1");
  expect_size (f, jpeg_flat (48, 64, 1, 2, 3), 48, 64);
  fail_unless_equals_int (fake.aspect, 2000);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 0);
  fusion_free (f);
}
GST_END_TEST

static GBytes *
noise (void)
{
  g_autofree guint8 *pixels = g_malloc (96 * 64 * 3);

  for (guint i = 0; i < 96 * 64 * 3; i++)
    pixels[i] = (guint8) (i * 2654435761u >> 11);
  return jpeg_encode (pixels, 96, 64, 90);
}

/* The first @size bytes; those from @from on are replaced by @with. Takes @jpeg. */
static GBytes *
damage (GBytes *jpeg, gsize size, gsize from, guint8 with)
{
  guint8 *data = g_memdup2 (g_bytes_get_data (jpeg, NULL), size);

  for (gsize i = from; i < size; i++)
    data[i] = with;
  g_bytes_unref (jpeg);
  return g_bytes_new_take (data, size);
}

/* A picture that says it is 65500 x 65500. */
static GBytes *
giant (void)
{
  GBytes *jpeg = noise ();
  gsize size, at = 0;
  guint8 *data = g_bytes_unref_to_data (jpeg, &size);

  while (!(data[at] == 0xff && data[at + 1] == 0xc0))
    at++;
  data[at + 5] = data[at + 7] = 0xff;
  data[at + 6] = data[at + 8] = 0xdc;
  return g_bytes_new_take (data, size);
}

/* A broken picture is a frame without result, however it is broken, and one warning; what comes after it has results again. */
GST_START_TEST (test_broken)
{
  Fusion *f = jpeg_fusion ("prompt=a", "image/jpeg,width=96,height=64,framerate=30/1");
  GBytes *sound = noise ();
  gsize size = g_bytes_get_size (sound);
  gchar *text;

  expect_size (f, noise (), 96, 64);
  expect_none (f, g_bytes_new_static ("no picture at all", 17));
  expect_none (f, g_bytes_new_static ("", 0));
  expect_none (f, giant ());
  for (gsize i = 0; i < size; i += size / 9)
    expect_none (f, damage (noise (), i, i, 0));
  expect_none (f, damage (noise (), size, size / 2, 0xff));
  expect_none (f, damage (noise (), size, size / 2, 0x00));
  expect_size (f, noise (), 96, 64);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, &text), 1);
  fail_unless (strstr (text, "passes without result") && strstr (text, "JPEG"), "%s", text);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_ERROR, NULL), 0);
  g_free (text);
  g_bytes_unref (sound);
  fusion_free (f);
}
GST_END_TEST

/* A frame that cannot be read says nothing of what was asked: no match ends with it. */
GST_START_TEST (test_broken_in_match)
{
  Fusion *f = jpeg_fusion ("prompt=a post-events=true", "image/jpeg,width=96,height=64,framerate=30/1");
  GstMessage *message;

  fake.match = 900;
  expect_size (f, noise (), 96, 64);
  expect_none (f, g_bytes_new_static ("no picture at all", 17));
  expect_size (f, noise (), 96, 64);
  message = fusion_next_event (f, 0);
  fail_unless (message && gst_message_has_name (message, "vlf-match-start"));
  gst_message_unref (message);
  fail_unless (fusion_next_event (f, 0) == NULL);
  fusion_free (f);
}
GST_END_TEST

/* What cameras send: no Huffman tables, a byte or two before the end marker. */
GST_START_TEST (test_habits)
{
  Fusion *f = jpeg_fusion ("prompt=a", "image/jpeg,width=96,height=64,framerate=30/1");
  GBytes *sound = noise ();
  GByteArray *padded = g_byte_array_new ();
  gsize size = g_bytes_get_size (sound);

  g_byte_array_append (padded, g_bytes_get_data (sound, NULL), (guint) size - 2);
  g_byte_array_append (padded, (const guint8 *) "\x01\x02\xff\xd9", 4);
  expect_size (f, jpeg_without_tables (sound), 96, 64);
  expect_size (f, g_byte_array_free_to_bytes (padded), 96, 64);
  fail_unless_equals_int (fusion_messages (f, GST_MESSAGE_WARNING, NULL), 0);
  g_bytes_unref (sound);
  fusion_free (f);
}
GST_END_TEST

GST_START_TEST (test_latest)
{
  Fusion *f = jpeg_fusion ("prompt=a mode=latest", "image/jpeg,width=96,height=64,framerate=30/1");
  gboolean found = FALSE;

  for (guint i = 0; i < 500 && !found; i++, g_usleep (5000)) {
    GstBuffer *out = pass (f, i == 1 ? g_bytes_new_static ("broken", 6) : noise ());

    found = fusion_meta (out) && fusion_meta (out)->frame_width == 96;
    gst_buffer_unref (out);
  }
  fail_unless (found);
  fusion_free (f);
}
GST_END_TEST

static void
run (const gchar *format, const gchar *path, guint *n)
{
  g_autofree gchar *launch = g_strdup_printf (format, path);
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (launch, &error), *sink;
  GstMessage *message;
  guint64 frames = 0;
  GstStructure *stats = NULL;

  fail_unless (pipeline && !error, "%s", error ? error->message : "");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (pipeline), 60 * GST_SECOND,
                                        GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS, "%s", launch);
  gst_message_unref (message);
  if (n && (sink = gst_bin_get_by_name (GST_BIN (pipeline), "f"))) {
    g_object_get (sink, "stats", &stats, NULL);
    gst_structure_get_uint64 (stats, "inferences", &frames);
    gst_structure_free (stats);
    gst_object_unref (sink);
    *n = (guint) frames;
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

/* A file as cameras write it. */
GST_START_TEST (test_file)
{
  g_autofree gchar *folder = g_dir_make_tmp ("vlf-XXXXXX", NULL), *path = g_build_filename (folder, "a.avi", NULL);
  guint n = 0;

  fusion_register ();
  fake_reset ();
  run ("videotestsrc num-buffers=25 ! video/x-raw,width=320,height=240 ! jpegenc ! avimux ! filesink location=%s", path,
       NULL);
  run ("filesrc location=%s ! avidemux ! vlfusion name=f prompt=a ! jpegdec ! fakesink", path, &n);
  fail_unless_equals_int (n, 25);
  fail_unless_equals_int (fake.height, 60); /* an eighth of 240 is less than 2.5 times the input */
  g_unlink (path);
  g_rmdir (folder);
}
GST_END_TEST

static Suite *
jpeg_suite (void)
{
  Suite *s = suite_create ("jpeg");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_scales);
  tcase_add_test (tc, test_colours);
  tcase_add_test (tc, test_size_changes);
  tcase_add_test (tc, test_broken);
  tcase_add_test (tc, test_broken_in_match);
  tcase_add_test (tc, test_habits);
  tcase_add_test (tc, test_latest);
  tcase_add_test (tc, test_file);
  return s;
}

GST_CHECK_MAIN (jpeg)
