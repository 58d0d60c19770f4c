/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a real model says of JPEG photographs decoded at a smaller scale, against the same decoded in full:
 * the maps agree. VLF_TEST_MODEL names the model, VLF_TEST_PHOTOS a folder of photographs, in whose absence only made ones are tried. */
#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <math.h>
#include <string.h>
#include <turbojpeg.h>
#include "plugin/gstvlfusion.h"
#include "plugin/lib/vlfusion.h"
#include "tests/check/jpegpicture.h"

static GstHarness *
harness_new (void)
{
  g_autofree gchar *launch =
      g_strdup_printf ("vlfusion name=f model=%s prompt=\"something red\"", g_getenv ("VLF_TEST_MODEL"));
  GstElement *element;
  GstHarness *h;
  GError *error = NULL;

  fail_unless (GST_ELEMENT_REGISTER (vlfusion, NULL));
  element = gst_parse_launch (launch, &error);
  fail_unless (element && !error, "%s", error ? error->message : "");
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_harness_set_live (h, FALSE);
  gst_object_unref (element);
  return h;
}

static GstVlResult *
ask (GstHarness *h, GstBuffer *buffer)
{
  GstVlResult *result;
  GstVlMeta *meta;
  GstBuffer *out;

  GST_BUFFER_PTS (buffer) = 0;
  out = gst_harness_push_and_pull (h, buffer);
  meta = out ? gst_buffer_get_vl_meta (out, "f", GST_VL_KIND_FUSION) : NULL;
  fail_unless (meta != NULL, "no result");
  result = gst_vl_result_ref (meta->result);
  gst_buffer_unref (out);
  return result;
}

/* NULL for a picture that is not in colour. */
static GstBuffer *
decode_in_full (GBytes *jpeg, int *width, int *height)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (jpeg, &size);
  tjhandle decoder = tjInitDecompress ();
  GstBuffer *buffer = NULL;
  int subsampling, colours;
  GstMapInfo map;

  if (tjDecompressHeader3 (decoder, data, size, width, height, &subsampling, &colours) == 0 && colours == TJCS_YCbCr) {
    int stride = (*width * 3 + 3) & ~3;

    buffer = gst_buffer_new_and_alloc ((gsize) stride * *height);
    gst_buffer_map (buffer, &map, GST_MAP_WRITE);
    fail_unless (tjDecompress2 (decoder, data, size, map.data, *width, stride, *height, TJPF_RGB, TJFLAG_ACCURATEDCT) ==
                 0);
    gst_buffer_unmap (buffer, &map);
  }
  tjDestroy (decoder);
  return buffer;
}

static double
cosine (const gfloat *a, const gfloat *b, gsize n)
{
  double ab = 0, aa = 0, bb = 0;

  for (gsize i = 0; i < n; i++) {
    ab += (double) a[i] * b[i];
    aa += (double) a[i] * a[i];
    bb += (double) b[i] * b[i];
  }
  return ab / sqrt (aa * bb);
}

typedef struct {
  double lowest, sum; /* cosines */
  guint n;
} Agreement;

/* How much a map reacts depends on the model's weights, so that one photograph may differ a little more. */
static void
expect_agreement (const Agreement *a)
{
  fail_unless (a->n == 0 || (a->sum / a->n >= 0.999 && a->lowest >= 0.998), "cosine: mean %f, lowest %f",
               a->n ? a->sum / a->n : 1, a->lowest);
}

/* FALSE for a picture that is not in colour. Takes @jpeg. */
static gboolean
compare (GstHarness *h, const gchar *name, GBytes *jpeg, Agreement *agreement)
{
  int width, height;
  GstBuffer *raw = decode_in_full (jpeg, &width, &height);
  g_autofree gchar *caps = NULL;
  GstVlResult *full, *scaled;
  const gfloat *a, *b;
  gsize n, m;

  if (!raw) {
    g_bytes_unref (jpeg);
    return FALSE;
  }
  caps = g_strdup_printf ("video/x-raw,format=RGB,width=%d,height=%d,framerate=25/1", width, height);
  gst_harness_set_src_caps_str (h, caps);
  full = ask (h, raw);
  gst_harness_set_src_caps_str (h, "image/jpeg");
  scaled = ask (h, gst_buffer_new_wrapped_bytes (jpeg));
  g_bytes_unref (jpeg);
  a = gst_vl_result_peek_map (full, 0, &n);
  b = gst_vl_result_peek_map (scaled, 0, &m);
  fail_unless (a && b && n == m);
  agreement->lowest = MIN (agreement->lowest, cosine (a, b, n));
  agreement->sum += cosine (a, b, n);
  agreement->n++;
  GST_INFO ("%s %dx%d: %.6f", name, width, height, cosine (a, b, n));
  gst_vl_result_unref (full);
  gst_vl_result_unref (scaled);
  return TRUE;
}

GST_START_TEST (test_photographs)
{
  static const gchar *const names[] = {
    "fruits", "home", "butterfly", "baboon", "messi5", "orange", "building", "board"
  };
  const gchar *folder = g_getenv ("VLF_TEST_PHOTOS");
  GstHarness *h = harness_new ();
  Agreement agreement = { .lowest = 1 };

  for (guint i = 0; folder && i < G_N_ELEMENTS (names); i++) {
    g_autofree gchar *path = g_strdup_printf ("%s/%s.jpg", folder, names[i]);
    gchar *data;
    gsize size;

    if (g_file_get_contents (path, &data, &size, NULL))
      compare (h, names[i], g_bytes_new_take (data, size), &agreement);
  }
  gst_harness_teardown (h);
  expect_agreement (&agreement);
}
GST_END_TEST

/* Discs of many sizes on a gradient, with the noise of a sensor. */
static GBytes *
drawing (guint width, guint height)
{
  guint8 *pixels = g_malloc ((gsize) width * height * 3);
  GBytes *jpeg;

  for (guint y = 0; y < height; y++) {
    for (guint x = 0; x < width; x++) {
      guint8 *p = pixels + 3 * ((gsize) y * width + x);
      guint cell = width / 6, dx = x % cell, dy = y % cell, which = x / cell + y / cell * 3;
      gboolean disc =
          (dx - cell / 2) * (dx - cell / 2) + (dy - cell / 2) * (dy - cell / 2) < cell * cell * (1 + which % 4) / 25;

      for (guint c = 0; c < 3; c++)
        p[c] = (guint8) ((disc ? 40 + (which * 83 + c * 131) % 180 : 60 + 90 * x / width + 60 * y * c / height) +
                         ((x * 7919 + y * 104729 + c * 31) * 2654435761u >> 28));
    }
  }
  jpeg = jpeg_encode (pixels, width, height, 85);
  g_free (pixels);
  return jpeg;
}

GST_START_TEST (test_drawings)
{
  static const guint sizes[][2] = { { 1920, 1080 }, { 640, 480 }, { 1279, 719 }, { 300, 600 }, { 90, 70 } };
  GstHarness *h = harness_new ();
  Agreement agreement = { .lowest = 1 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    fail_unless (compare (h, "drawing", drawing (sizes[i][0], sizes[i][1]), &agreement));
  gst_harness_teardown (h);
  expect_agreement (&agreement);
}
GST_END_TEST

static Suite *
jpegmaps_suite (void)
{
  Suite *s = suite_create ("jpegmaps");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_photographs);
  tcase_add_test (tc, test_drawings);
  return s;
}

GST_CHECK_MAIN (jpegmaps)
