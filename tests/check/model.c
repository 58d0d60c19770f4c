/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vlfusion on a real session: a golden model, on the reference and on an OpenCL device, which is only started inside a test.
 * VLF_TEST_MODEL names the model directory. */
#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <dirent.h>
#include <string.h>
#include "plugin/gstvlfusion.h"

#define WIDTH  50
#define HEIGHT 38

static GstHarness *
harness_new (const gchar *properties, GstBus *bus)
{
  g_autofree gchar *launch = g_strdup_printf ("vlfusion name=f model=%s %s", g_getenv ("VLF_TEST_MODEL"), properties);
  GstElement *element;
  GstHarness *h;
  GError *error = NULL;

  fail_unless (GST_ELEMENT_REGISTER (vlfusion, NULL));
  element = gst_parse_launch (launch, &error);
  fail_unless (element && !error, "%s: %s", launch, error ? error->message : "");
  gst_element_set_bus (element, bus);
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_harness_set_live (h, FALSE);
  gst_object_unref (element);
  return h;
}

static void
make_info (GstVideoInfo *info, const gchar *format)
{
  GstCaps *caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING, format, "width", G_TYPE_INT, WIDTH,
                                       "height", G_TYPE_INT, HEIGHT, "framerate", GST_TYPE_FRACTION, 25, 1, NULL);

  fail_unless (gst_video_info_from_caps (info, caps));
  gst_caps_unref (caps);
}

/* A disc on a gradient, in @format by way of @via, so that formats that lose the same are made from the same. */
static GstBuffer *
picture (const gchar *via, const gchar *format)
{
  GstVideoInfo from, to;
  GstVideoFrame in, out;
  GstVideoConverter *converter;
  GstBuffer *source, *result;

  make_info (&from, via);
  make_info (&to, format);
  if (strcmp (via, "RGB") == 0) {
    guint8 *pixels = g_malloc (from.size);

    for (gint y = 0; y < HEIGHT; y++) {
      for (gint x = 0; x < WIDTH; x++) {
        guint8 *p = pixels + y * from.stride[0] + 3 * x;
        gboolean disc = (x - 15) * (x - 15) + (y - 20) * (y - 20) < 100;

        p[0] = disc ? 230 : (guint8) (4 * x);
        p[1] = disc ? 20 : (guint8) (5 * y);
        p[2] = disc ? 30 : 128;
      }
    }
    source = gst_buffer_new_wrapped (pixels, from.size);
  } else {
    source = picture ("RGB", via);
  }
  if (strcmp (via, format) == 0)
    return source;
  result = gst_buffer_new_and_alloc (to.size);
  converter = gst_video_converter_new (&from, &to, NULL);
  fail_unless (gst_video_frame_map (&in, &from, source, GST_MAP_READ));
  fail_unless (gst_video_frame_map (&out, &to, result, GST_MAP_WRITE));
  gst_video_converter_frame (converter, &in, &out);
  gst_video_frame_unmap (&in);
  gst_video_frame_unmap (&out);
  gst_video_converter_free (converter);
  gst_buffer_unref (source);
  return result;
}

/* Takes @buffer. */
static GstVlResult *
ask_frame (GstHarness *h, const GstVideoInfo *info, GstBuffer *buffer)
{
  GstVlMeta *meta;
  GstVlResult *result;
  GstBuffer *out;

  gst_harness_set_src_caps (h, gst_video_info_to_caps (info));
  GST_BUFFER_PTS (buffer) = 0;
  out = gst_harness_push_and_pull (h, buffer);
  fail_unless (out != NULL);
  meta = gst_buffer_get_vl_meta (out, "f", GST_VL_KIND_FUSION);
  fail_unless (meta != NULL, "no result");
  result = gst_vl_result_ref (meta->result);
  gst_buffer_unref (out);
  return result;
}

static GstVlResult *
ask (GstHarness *h, const gchar *format, GstBuffer *buffer)
{
  GstVideoInfo info;

  make_info (&info, format);
  return ask_frame (h, &info, buffer);
}

static gboolean
same_bits (GstVlResult *a, GstVlResult *b)
{
  gsize n, m;
  const gfloat *x = gst_vl_result_peek_map (a, 0, &n), *y = gst_vl_result_peek_map (b, 0, &m);

  fail_unless (x && y && n == m && n > 0);
  return memcmp (x, y, n * sizeof *x) == 0 && gst_vl_result_get_match (a, 0) == gst_vl_result_get_match (b, 0) &&
         gst_vl_result_get_score (a, 0) == gst_vl_result_get_score (b, 0);
}

static void
expect_formats_agree (const gchar *device)
{
  static const gchar *const families[][12] = {
    { "RGB", "BGR", "RGBA", "BGRA", "ARGB", "ABGR", "RGBx", "BGRx", "xRGB", "xBGR", NULL },
    { "NV12", "I420", "YV12", NULL },
    { "YUY2", "UYVY", NULL },
  };
  g_autofree gchar *properties = g_strdup_printf ("prompt=\"a red circle\" device=%s", device);
  GstHarness *h = harness_new (properties, NULL);

  for (guint f = 0; f < G_N_ELEMENTS (families); f++) {
    GstVlResult *first = ask (h, families[f][0], picture (families[f][0], families[f][0]));

    for (guint i = 1; families[f][i]; i++) {
      GstVlResult *other = ask (h, families[f][i], picture (families[f][0], families[f][i]));

      fail_unless (same_bits (first, other), "%s is not %s", families[f][i], families[f][0]);
      gst_vl_result_unref (other);
    }
    gst_vl_result_unref (first);
  }
  gst_vl_result_unref (ask (h, "GRAY8", picture ("RGB", "GRAY8")));
  gst_harness_teardown (h);
}

GST_START_TEST (test_formats)
{
  expect_formats_agree ("reference");
}
GST_END_TEST

GST_START_TEST (test_formats_opencl)
{
  expect_formats_agree ("auto");
}
GST_END_TEST

/* A disc on a gradient in every plane; @padding: bytes after each row, of which none may matter. */
static GstBuffer *
large_picture (const GstVideoInfo *info, guint padding)
{
  gsize offset[GST_VIDEO_MAX_PLANES] = { 0 }, size = 0;
  gint stride[GST_VIDEO_MAX_PLANES] = { 0 };
  GstBuffer *buffer;
  GstMapInfo map;

  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++) {
    stride[p] = info->stride[p] + (gint) padding;
    offset[p] = size;
    size += (gsize) stride[p] * (gsize) GST_VIDEO_SUB_SCALE (info->finfo->h_sub[p], info->height);
  }
  buffer = gst_buffer_new_and_alloc (size);
  gst_buffer_memset (buffer, 0, 0xa5, size);
  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++) {
    const gint rows = GST_VIDEO_SUB_SCALE (info->finfo->h_sub[p], info->height), cols = info->stride[p];

    for (gint y = 0; y < rows; y++)
      for (gint x = 0; x < cols; x++) {
        const gint dx = x - cols / 2, dy = y - rows / 2;

        map.data[offset[p] + (gsize) y * (gsize) stride[p] + (gsize) x] =
            dx * dx + dy * dy < rows * rows / 9 ? 220 : (guint8) (96 * x / cols + 96 * y / rows);
      }
  }
  gst_buffer_unmap (buffer, &map);
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT (info), (guint) info->width,
                                  (guint) info->height, GST_VIDEO_INFO_N_PLANES (info), offset, stride);
  return buffer;
}

/* Frames of 4096x2160: the same with rows of any length, and the reference finds the same. */
GST_START_TEST (test_large)
{
  static const GstVideoFormat formats[] = { GST_VIDEO_FORMAT_NV12, GST_VIDEO_FORMAT_RGB };
  GstHarness *h = harness_new ("prompt=\"a red circle\" device=cpu", NULL);
  GstHarness *reference = harness_new ("prompt=\"a red circle\" device=reference", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++) {
    GstVlResult *packed, *padded, *expected;
    gdouble x, y, width, height;
    GstVideoInfo info;
    guint w, v;

    gst_video_info_set_format (&info, formats[i], 4096, 2160);
    packed = ask_frame (h, &info, large_picture (&info, 0));
    padded = ask_frame (h, &info, large_picture (&info, 321));
    expected = ask_frame (reference, &info, large_picture (&info, 0));
    fail_unless (same_bits (packed, padded));
    fail_unless (ABS (gst_vl_result_get_match (packed, 0) - gst_vl_result_get_match (expected, 0)) < 1e-4);
    gst_vl_result_get_frame_size (packed, &w, &v);
    fail_unless (w == 4096 && v == 2160);
    gst_vl_result_get_region (packed, &x, &y, &width, &height);
    fail_unless (x >= 0 && y >= 0 && width > 2000 && height > 1800 && x + width <= 4096 && y + height <= 2160);
    fail_unless (gst_vl_result_get_peak (packed, 0, &x, &y) && x > 0 && x < 4096 && y > 0 && y < 2160);
    gst_vl_result_unref (packed);
    gst_vl_result_unref (padded);
    gst_vl_result_unref (expected);
  }
  gst_harness_teardown (h);
  gst_harness_teardown (reference);
}
GST_END_TEST

/* A prompt says the same whether it comes as a property or as text, alone or among others, waited for or not. */
GST_START_TEST (test_ways_agree)
{
  GstHarness *h = harness_new ("prompt=\"a red circle\" device=reference", NULL);
  GstVlResult *expected = ask (h, "NV12", picture ("NV12", "NV12")), *found = NULL;
  GstHarness *t;
  GstBuffer *text = gst_buffer_new_memdup ("a red circle", 12);

  gst_harness_teardown (h);

  h = harness_new ("device=reference text-timeout=0", NULL);
  t = gst_harness_new_with_element (h->element, "text_%u", NULL);
  gst_harness_set_src_caps_str (t, "text/x-raw,format=utf8");
  GST_BUFFER_PTS (text) = 0;
  GST_BUFFER_DURATION (text) = GST_SECOND;
  fail_unless_equals_int (gst_harness_push (t, text), GST_FLOW_OK);
  found = ask (h, "NV12", picture ("NV12", "NV12"));
  fail_unless (same_bits (expected, found));
  gst_vl_result_unref (found);
  gst_harness_teardown (t);
  gst_harness_teardown (h);

  h = harness_new ("prompt=\"a red circle\" device=reference mode=latest", NULL);
  found = NULL;
  for (guint i = 0; i < 3000 && !found; i++, g_usleep (10000)) {
    GstVideoInfo info;
    GstBuffer *out;

    make_info (&info, "NV12");
    gst_harness_set_src_caps (h, gst_video_info_to_caps (&info));
    out = gst_harness_push_and_pull (h, picture ("NV12", "NV12"));
    if (gst_buffer_get_vl_meta (out, "f", GST_VL_KIND_FUSION))
      found = gst_vl_result_ref (gst_buffer_get_vl_meta (out, "f", GST_VL_KIND_FUSION)->result);
    gst_buffer_unref (out);
  }
  fail_unless (found && same_bits (expected, found));
  gst_vl_result_unref (found);
  gst_vl_result_unref (expected);
  gst_harness_teardown (h);
}
GST_END_TEST

static GstVlResult *
ask_prompt (const gchar *properties)
{
  g_autofree gchar *all = g_strdup_printf ("device=reference %s", properties);
  GstHarness *h = harness_new (all, NULL);
  GstVlResult *result = ask (h, "RGB", picture ("RGB", "RGB"));

  gst_harness_teardown (h);
  return result;
}

/* A weight of one changes no bit, another does, and a masked word is exactly nothing to the picture. */
GST_START_TEST (test_markup)
{
  GstVlResult *plain = ask_prompt ("prompt=\"a red circle\"");
  GstVlResult *one = ask_prompt ("prompt=\"a (red:1) circle\" prompt-markup=true");
  GstVlResult *three = ask_prompt ("prompt=\"a (red:3) circle\" prompt-markup=true");
  GstVlResult *none = ask_prompt ("prompt=\"a (red:0) circle\" prompt-markup=true");

  fail_unless (same_bits (plain, one));
  fail_unless (!same_bits (plain, three));
  fail_unless (gst_vl_result_get_word_weight (three, 0, 1) > gst_vl_result_get_word_weight (plain, 0, 1));
  fail_unless (gst_vl_result_get_word_weight (none, 0, 1) == 0.0);
  fail_unless_equals_string (gst_vl_result_get_text (none, 0), "a red circle");
  gst_vl_result_unref (plain);
  gst_vl_result_unref (one);
  gst_vl_result_unref (three);
  gst_vl_result_unref (none);
}
GST_END_TEST

#define CHANGES 1000

/* A thousand new lists, one a millisecond. */
static gpointer
change_prompts (gpointer element)
{
  for (guint i = 1; i <= CHANGES; i++) {
    g_autofree gchar *prompt = g_strdup_printf ("left %u\nright %u", i, i);

    g_object_set (element, "prompt", prompt, NULL);
    g_usleep (1000);
  }
  return NULL;
}

/* Meanwhile every frame leaves with a whole list, never an older one than before, and the last one arrives. */
GST_START_TEST (test_prompt_storm)
{
  GstHarness *h = harness_new ("prompt=\"left 0\\\\nright 0\"", NULL);
  g_autofree gchar *last = g_strdup_printf ("left %u", CHANGES);
  guint64 generation = 0;
  gboolean arrived = FALSE;
  GThread *thread = NULL;

  for (guint i = 0; i < 20000 && !arrived; i++) {
    GstVlResult *result = ask (h, "RGB", picture ("RGB", "RGB"));
    const gchar *left = gst_vl_result_get_text (result, 0), *right = gst_vl_result_get_text (result, 1);

    fail_unless_equals_int (gst_vl_result_get_n_prompts (result), 2);
    fail_unless_equals_string (left + strlen ("left"), right + strlen ("right"));
    fail_unless (gst_vl_result_get_generation (result) >= generation);
    generation = gst_vl_result_get_generation (result);
    arrived = g_str_equal (left, last);
    gst_vl_result_unref (result);
    if (!thread)
      thread = g_thread_new ("changes", change_prompts, h->element);
  }
  g_thread_join (thread);
  fail_unless (arrived && generation > 10, "%d lists", (gint) generation);
  gst_harness_teardown (h);
}
GST_END_TEST

static guint
descriptors (void)
{
  DIR *folder = opendir ("/proc/self/fd");
  guint n = 0;

  while (folder && readdir (folder))
    n++;
  if (folder)
    closedir (folder);
  return n;
}

static void
up_and_down (const gchar *properties)
{
  GstHarness *h = harness_new (properties, NULL);
  GstElement *element = h->element;
  guint before = 0;

  for (guint i = 0; i < 30; i++) {
    fail_unless (gst_element_set_state (element, GST_STATE_NULL) == GST_STATE_CHANGE_SUCCESS);
    if (i == 5)
      before = descriptors ();
    fail_unless (gst_element_set_state (element, i % 2 ? GST_STATE_PLAYING : GST_STATE_READY) ==
                 GST_STATE_CHANGE_SUCCESS);
  }
  fail_unless (gst_element_set_state (element, GST_STATE_NULL) == GST_STATE_CHANGE_SUCCESS);
  fail_unless (descriptors () <= before + 1);
  gst_harness_teardown (h);
}

GST_START_TEST (test_up_and_down)
{
  up_and_down ("prompt=a");
  up_and_down ("prompt=a device=reference");
}
GST_END_TEST

/* Two elements on one device: stopping one leaves the other as it is. */
GST_START_TEST (test_shared_device)
{
  GstHarness *a = harness_new ("prompt=\"a red circle\"", NULL), *b = harness_new ("prompt=\"a red circle\"", NULL);
  GstVlResult *x = ask (a, "RGB", picture ("RGB", "RGB")), *y = ask (b, "RGB", picture ("RGB", "RGB")), *z;

  fail_unless (same_bits (x, y));
  gst_harness_teardown (a);
  z = ask (b, "RGB", picture ("RGB", "RGB"));
  fail_unless (same_bits (x, z));
  gst_harness_teardown (b);
  gst_vl_result_unref (x);
  gst_vl_result_unref (y);
  gst_vl_result_unref (z);
}
GST_END_TEST

static void
expect_start_error (GstElement *element, GstBus *bus, gint code, const gchar *part)
{
  GstMessage *message;
  GError *error = NULL;

  fail_unless_equals_int (gst_element_set_state (element, GST_STATE_READY), GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  fail_unless (message != NULL, "no error");
  gst_message_parse_error (message, &error, NULL);
  fail_unless (g_error_matches (error, GST_RESOURCE_ERROR, code) && strstr (error->message, part), "%s",
               error->message);
  g_error_free (error);
  gst_message_unref (message);
  fail_unless (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR) == NULL, "a second error");
}

/* Without any driver the element says what to install, and works on the reference. */
GST_START_TEST (test_no_opencl)
{
  GstBus *bus = gst_bus_new ();
  GstElement *element;

  g_setenv ("OCL_ICD_VENDORS", "/nonexistent", TRUE);
  fail_unless (GST_ELEMENT_REGISTER (vlfusion, NULL));
  element = gst_element_factory_make ("vlfusion", NULL);
  gst_object_ref_sink (element);
  gst_element_set_bus (element, bus);
  g_object_set (element, "model", g_getenv ("VLF_TEST_MODEL"), NULL);
  for (guint i = 0; i < 3; i++)
    expect_start_error (element, bus, GST_RESOURCE_ERROR_NOT_FOUND, "pocl-opencl-icd");
  g_object_set (element, "device", "reference", NULL);
  fail_unless_equals_int (gst_element_set_state (element, GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
  fail_unless_equals_int (gst_element_set_state (element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  g_object_set (element, "model", "/nonexistent", NULL);
  expect_start_error (element, bus, GST_RESOURCE_ERROR_NOT_FOUND, "/nonexistent");
  g_object_set (element, "model", g_getenv ("VLF_TEST_MODEL"), "precision", "f99", NULL);
  expect_start_error (element, bus, GST_RESOURCE_ERROR_SETTINGS, "f99");
  gst_element_set_bus (element, NULL);
  gst_object_unref (element);
  gst_object_unref (bus);
}
GST_END_TEST

static Suite *
model_suite (void)
{
  Suite *s = suite_create ("model");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_formats);
  tcase_add_test (tc, test_formats_opencl);
  tcase_add_test (tc, test_large);
  tcase_add_test (tc, test_ways_agree);
  tcase_add_test (tc, test_markup);
  tcase_add_test (tc, test_prompt_storm);
  tcase_add_test (tc, test_up_and_down);
  tcase_add_test (tc, test_shared_device);
  tcase_add_test (tc, test_no_opencl);
  return s;
}

GST_CHECK_MAIN (model)
