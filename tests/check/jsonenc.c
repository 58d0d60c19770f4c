/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/json.h"
#include "plugin/gstvljsonenc.h"
#include "tests/check/vlcheck.h"
#include <glib/gstdio.h>
#include <gst/check/gstharness.h>
#include <math.h>

/* Parses the line in @buffer and gives the buffer back. */
static VlfJson *
parse_line (GstBuffer *buffer)
{
  GError *error = NULL;
  VlfJson *json;
  GstMapInfo map;

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_READ));
  fail_unless (map.size > 1 && map.data[map.size - 1] == '\n');
  fail_unless (memchr (map.data, '\n', map.size) == map.data + map.size - 1, "more than one line");
  json = vlf_json_parse ((const char *) map.data, map.size - 1, NULL, &error);
  fail_unless (json != NULL, "%s: %.*s", error ? error->message : "", (int) map.size, map.data);
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
  return json;
}

static gdouble
number (const VlfJson *value)
{
  gdouble n = NAN;

  fail_unless (vlf_json_double (value, &n));
  return n;
}

static gdouble
element (const VlfJson *array, guint n)
{
  return number (vlf_json_nth (array, n));
}

static gboolean
is_null (const VlfJson *object, const gchar *key)
{
  return vlf_json_get (object, key) && vlf_json_type (vlf_json_get (object, key)) == VLF_JSON_NULL;
}

static GBytes *
floats (guint n, gfloat prompt)
{
  gfloat *values = g_new (gfloat, n);

  for (guint i = 0; i < n; i++)
    values[i] = prompt + i;
  return g_bytes_new_take (values, n * sizeof (gfloat));
}

static GstVlResult *
full_result (void)
{
  GstVlResult *result = gst_vl_result_new (640, 480, 2, 3);
  GBytes *map = floats (6, 0), *embedding = floats (4, 0.5);

  gst_vl_result_set_region (result, 80, 0, 480, 480);
  gst_vl_result_set_source (result, 40 * GST_MSECOND, 3);
  gst_vl_result_set_cost (result, 7500 * GST_USECOND, 0.25);
  gst_vl_result_set_model (result, "tiny", "abcd");
  gst_vl_result_set_image_embedding (result, embedding);
  gst_vl_result_add_prompt (result, "a \"red\" circle\\", 0.75, 1.5, map);
  gst_vl_result_set_peak (result, 0, 100, 200);
  gst_vl_result_set_embedding (result, 0, embedding, "cross_embeds");
  gst_vl_result_add_word (result, 0, "a", 0.25, NULL);
  gst_vl_result_add_word (result, 0, "\"red\"", 0.5, map);
  gst_vl_result_add_prompt (result, "", NAN, NAN, NULL);
  g_bytes_unref (map);
  g_bytes_unref (embedding);
  return result;
}

static GstHarness *
harness_new (const gchar *maps, const gchar *embeddings)
{
  GstHarness *h = gst_harness_new ("vljsonenc");

  gst_util_set_object_arg (G_OBJECT (h->element), "maps", maps);
  gst_util_set_object_arg (G_OBJECT (h->element), "embeddings", embeddings);
  gst_harness_set_src_caps_str (h, "video/x-raw,format=RGB,width=640,height=480,framerate=25/1");
  return h;
}

static GstBuffer *
frame_with (GstVlResult *result)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 16, NULL);

  GST_BUFFER_PTS (buffer) = 80 * GST_MSECOND;
  GST_BUFFER_DURATION (buffer) = 40 * GST_MSECOND;
  gst_buffer_add_vl_meta (buffer, result, "check", GST_VL_KIND_FUSION);
  return buffer;
}

static VlfJson *
encode (const gchar *maps, const gchar *embeddings)
{
  GstHarness *h = harness_new (maps, embeddings);
  GstVlResult *result = full_result ();
  GstBuffer *buffer = frame_with (result);
  VlfJson *json;

  gst_vl_meta_set_carried (gst_buffer_get_vl_meta (buffer, NULL, GST_VL_KIND_FUSION), 40 * GST_MSECOND);
  json = parse_line (gst_harness_push_and_pull (h, buffer));
  gst_vl_result_unref (result);
  gst_harness_teardown (h);
  return json;
}

GST_START_TEST (test_fields)
{
  VlfJson *json = encode ("none", "none");
  const VlfJson *prompts = vlf_json_get (json, "prompts"), *prompt = vlf_json_nth (prompts, 0),
                *other = vlf_json_nth (prompts, 1);
  const VlfJson *region = vlf_json_get (json, "region");
  gboolean carried = FALSE;

  fail_unless (number (vlf_json_get (json, "pts")) == 80e6);
  fail_unless (number (vlf_json_get (json, "source_pts")) == 40e6);
  fail_unless (number (vlf_json_get (json, "age")) == 40e6);
  fail_unless (number (vlf_json_get (json, "generation")) == 3);
  fail_unless (vlf_json_bool (vlf_json_get (json, "carried"), &carried) && carried);
  fail_unless (element (vlf_json_get (json, "frame"), 0) == 640 && element (vlf_json_get (json, "frame"), 1) == 480);
  fail_unless (element (region, 0) == 80 && element (region, 1) == 0 && element (region, 2) == 480 &&
               element (region, 3) == 480);
  fail_unless (element (vlf_json_get (json, "grid"), 0) == 2 && element (vlf_json_get (json, "grid"), 1) == 3);
  fail_unless (vlf_json_is (vlf_json_get (json, "model"), "tiny"));
  fail_unless (vlf_json_is (vlf_json_get (json, "fingerprint"), "abcd"));
  fail_unless (fabs (number (vlf_json_get (json, "ms")) - 7.5) < 1e-9);
  fail_unless (fabs (number (vlf_json_get (json, "reused")) - 0.25) < 1e-9);

  fail_unless_equals_int (vlf_json_size (prompts), 2);
  fail_unless (vlf_json_is (vlf_json_get (prompt, "text"), "a \"red\" circle\\"));
  fail_unless (fabs (number (vlf_json_get (prompt, "match")) - 0.75) < 1e-9);
  fail_unless (fabs (number (vlf_json_get (prompt, "score")) - 1.5) < 1e-9);
  fail_unless (element (vlf_json_get (prompt, "peak"), 0) == 100 && element (vlf_json_get (prompt, "peak"), 1) == 200);
  fail_unless_equals_int (vlf_json_size (vlf_json_get (prompt, "words")), 2);
  fail_unless (vlf_json_is (vlf_json_get (vlf_json_nth (vlf_json_get (prompt, "words"), 1), "text"), "\"red\""));
  fail_unless (number (vlf_json_get (vlf_json_nth (vlf_json_get (prompt, "words"), 1), "weight")) == 0.5);
  fail_unless (is_null (other, "match") && is_null (other, "score") && is_null (other, "peak"));
  vlf_json_free (json);
}
GST_END_TEST

GST_START_TEST (test_maps)
{
  VlfJson *json = encode ("phrase", "none");
  const VlfJson *prompt = vlf_json_nth (vlf_json_get (json, "prompts"), 0), *map = vlf_json_get (prompt, "map"), *word;

  fail_unless_equals_int (vlf_json_size (map), 2);
  fail_unless_equals_int (vlf_json_size (vlf_json_nth (map, 1)), 3);
  fail_unless (element (vlf_json_nth (map, 1), 2) == 5);
  vlf_json_free (json);

  json = encode ("words", "none");
  prompt = vlf_json_nth (vlf_json_get (json, "prompts"), 0);
  word = vlf_json_nth (vlf_json_get (prompt, "words"), 1);
  fail_unless (element (vlf_json_nth (vlf_json_get (word, "map"), 0), 1) == 1);
  fail_unless (element (vlf_json_nth (vlf_json_get (prompt, "map"), 0), 1) == 1);
  vlf_json_free (json);
}
GST_END_TEST

GST_START_TEST (test_embeddings)
{
  VlfJson *json = encode ("none", "list");
  const VlfJson *prompt = vlf_json_nth (vlf_json_get (json, "prompts"), 0);
  /* 0.5, 1.5, 2.5, 3.5 in half precision */
  static const guint8 HALVES[] = { 0x00, 0x38, 0x00, 0x3e, 0x00, 0x41, 0x00, 0x43 };
  guchar *bytes;
  gsize n;

  fail_unless_equals_int (vlf_json_size (vlf_json_get (prompt, "embedding")), 4);
  fail_unless (element (vlf_json_get (prompt, "embedding"), 2) == 2.5);
  fail_unless (vlf_json_is (vlf_json_get (prompt, "embedding_kind"), "cross_embeds"));
  fail_unless (element (vlf_json_get (json, "image_embedding"), 3) == 3.5);
  vlf_json_free (json);

  json = encode ("none", "base64-f16");
  prompt = vlf_json_nth (vlf_json_get (json, "prompts"), 0);
  bytes = g_base64_decode (vlf_json_string (vlf_json_get (prompt, "embedding"), NULL), &n);
  fail_unless (n == sizeof (HALVES) && memcmp (bytes, HALVES, n) == 0);
  g_free (bytes);
  vlf_json_free (json);
}
GST_END_TEST

/* One buffer out for one in, with its times; a frame without result gets a line too. */
GST_START_TEST (test_stream)
{
  GstHarness *h = harness_new ("none", "none");
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 16, NULL);
  GstVlResult *result = full_result ();
  GstCaps *caps;
  VlfJson *json;

  GST_BUFFER_PTS (buffer) = 40 * GST_MSECOND;
  GST_BUFFER_DURATION (buffer) = 40 * GST_MSECOND;
  buffer = gst_harness_push_and_pull (h, buffer);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (buffer), 40 * GST_MSECOND);
  fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer), 40 * GST_MSECOND);
  json = parse_line (buffer);
  fail_unless (number (vlf_json_get (json, "pts")) == 40e6);
  fail_unless (vlf_json_get (json, "prompts") && vlf_json_size (vlf_json_get (json, "prompts")) == 0);
  fail_unless (is_null (json, "source_pts") && is_null (json, "age") && is_null (json, "model"));
  vlf_json_free (json);

  json = parse_line (gst_harness_push_and_pull (h, gst_buffer_new_allocate (NULL, 16, NULL)));
  fail_unless (is_null (json, "pts"));
  vlf_json_free (json);

  g_object_set (h->element, "source", "other", NULL);
  json = parse_line (gst_harness_push_and_pull (h, frame_with (result)));
  fail_unless_equals_int (vlf_json_size (vlf_json_get (json, "prompts")), 0);
  vlf_json_free (json);
  g_object_set (h->element, "source", "check", NULL);
  json = parse_line (gst_harness_push_and_pull (h, frame_with (result)));
  fail_unless_equals_int (vlf_json_size (vlf_json_get (json, "prompts")), 2);
  vlf_json_free (json);

  caps = gst_pad_get_current_caps (h->sinkpad);
  fail_unless (gst_structure_has_name (gst_caps_get_structure (caps, 0), "application/x-json"));
  gst_caps_unref (caps);
  gst_vl_result_unref (result);
  gst_harness_teardown (h);
}
GST_END_TEST

/* A caption alone is the line; beside a comparison it is a member of it. */
GST_START_TEST (test_captions)
{
  GstHarness *h = harness_new ("none", "none");
  GstVlResult *caption = gst_vl_result_new (640, 480, 2, 3), *fusion = full_result ();
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 16, NULL);
  const VlfJson *prompt;
  VlfJson *json;

  gst_vl_result_add_prompt (caption, "what?", NAN, -0.5, NULL);
  gst_vl_result_set_caption (caption, 0, "a star");
  gst_vl_result_add_word (caption, 0, "a", 0.5, NULL);
  gst_vl_result_add_word (caption, 0, "star", 0.25, NULL);
  gst_buffer_add_vl_meta (buffer, caption, "words", GST_VL_KIND_CAPTION);
  json = parse_line (gst_harness_push_and_pull (h, buffer));
  prompt = vlf_json_nth (vlf_json_get (json, "prompts"), 0);
  fail_unless (vlf_json_is (vlf_json_get (prompt, "text"), "what?"));
  fail_unless (vlf_json_is (vlf_json_get (prompt, "caption"), "a star"));
  fail_unless (number (vlf_json_get (prompt, "score")) == -0.5 && is_null (prompt, "match"));
  fail_unless (vlf_json_is (vlf_json_get (vlf_json_nth (vlf_json_get (prompt, "words"), 1), "text"), "star"));
  vlf_json_free (json);

  buffer = frame_with (fusion);
  gst_buffer_add_vl_meta (buffer, caption, "words", GST_VL_KIND_CAPTION);
  json = parse_line (gst_harness_push_and_pull (h, buffer));
  fail_unless_equals_int (vlf_json_size (vlf_json_get (json, "prompts")), 2);
  fail_unless (vlf_json_get (vlf_json_nth (vlf_json_get (json, "prompts"), 0), "caption") == NULL);
  prompt = vlf_json_nth (vlf_json_get (vlf_json_get (json, "caption"), "prompts"), 0);
  fail_unless (vlf_json_is (vlf_json_get (prompt, "caption"), "a star"));
  vlf_json_free (json);
  gst_vl_result_unref (caption);
  gst_vl_result_unref (fusion);
  gst_harness_teardown (h);
}
GST_END_TEST

/* A scaled frame: positions are its own. */
GST_START_TEST (test_scaled)
{
  GstVlResult *result = full_result ();
  GstSample *sample =
      vl_check_run ("videotestsrc num-buffers=1 ! video/x-raw,width=640,height=480 ! identity name=in ! videoscale ! "
                    "video/x-raw,width=320,height=240 ! vljsonenc ! fakesink name=out",
                    result);
  VlfJson *json = parse_line (gst_buffer_ref (gst_sample_get_buffer (sample)));
  const VlfJson *peak = vlf_json_get (vlf_json_nth (vlf_json_get (json, "prompts"), 0), "peak");

  fail_unless (element (vlf_json_get (json, "frame"), 0) == 320);
  fail_unless (element (vlf_json_get (json, "region"), 0) == 40 && element (vlf_json_get (json, "region"), 2) == 240);
  fail_unless (element (peak, 0) == 50 && element (peak, 1) == 100);
  vlf_json_free (json);
  gst_sample_unref (sample);
  gst_vl_result_unref (result);
}
GST_END_TEST

/* Into a file, raw video and JPEG: as many lines as frames, each of them JSON. */
GST_START_TEST (test_file)
{
  static const gchar *SOURCES[] = { "video/x-raw,format=NV12,width=64,height=48", "jpegenc" };
  gchar *path = NULL, *text;
  GstVlResult *result = full_result ();
  int fd = g_file_open_tmp ("vl-check-XXXXXX.jsonl", &path, NULL);

  fail_unless (fd >= 0);
  close (fd);
  for (guint i = 0; i < G_N_ELEMENTS (SOURCES); i++) {
    gchar *description = g_strdup_printf (
        "videotestsrc num-buffers=20 ! %s ! identity name=in ! vljsonenc maps=words ! filesink name=out location=%s",
        SOURCES[i], path);
    gchar **lines;

    gst_sample_unref (vl_check_run (description, result));
    fail_unless (g_file_get_contents (path, &text, NULL, NULL));
    lines = g_strsplit (text, "\n", -1);
    fail_unless_equals_int (g_strv_length (lines), 21);
    fail_unless_equals_string (lines[20], "");
    for (guint k = 0; k < 20; k++) {
      VlfJson *json = vlf_json_parse (lines[k], strlen (lines[k]), NULL, NULL);

      fail_unless_equals_int (vlf_json_size (vlf_json_get (json, "prompts")), 2);
      vlf_json_free (json);
    }
    g_strfreev (lines);
    g_free (text);
    g_free (description);
  }
  g_unlink (path);
  g_free (path);
  gst_vl_result_unref (result);
}
GST_END_TEST

static Suite *
jsonenc_suite (void)
{
  Suite *suite = suite_create ("jsonenc");
  TCase *tests = tcase_create ("general");

  GST_ELEMENT_REGISTER (vljsonenc, NULL);
  suite_add_tcase (suite, tests);
  tcase_add_test (tests, test_fields);
  tcase_add_test (tests, test_maps);
  tcase_add_test (tests, test_embeddings);
  tcase_add_test (tests, test_stream);
  tcase_add_test (tests, test_captions);
  tcase_add_test (tests, test_scaled);
  tcase_add_test (tests, test_file);
  return suite;
}

GST_CHECK_MAIN (jsonenc)
