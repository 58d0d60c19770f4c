/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bank on the model that ships: what is drawn is found among the texts, and what cross-attention says of the best is what it says of the
 * same prompts. VLF_TEST_MODEL names the model. */
#include <glib/gstdio.h>
#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <math.h>
#include "models/session.h"
#include "plugin/gstvlfusion.h"
#include "plugin/lib/vlfusion.h"

#define SIDE   128
#define FOUND  4u
#define RERANK 2u

static const gchar *const lines[] = { "a blue square", "a green triangle", "a red circle",
                                      "a yellow star", "a white heart",    "a purple ring",
                                      "a black cross", "a red square",     "an orange diamond" };

/* As vlf-run --texts writes it. */
static gchar *
write_bank (void)
{
  VlfModelOptions options = { .directory = g_getenv ("VLF_TEST_MODEL") };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfModel) model = vlf_model_open (&options, &error);
  const guint size = model ? vlf_model_embedding_size (model) : 0;
  g_autofree gfloat *rows = g_new (gfloat, MAX (G_N_ELEMENTS (lines) * size, 1));
  gchar *path = g_build_filename (g_get_tmp_dir (), "vlf-bank-XXXXXX", NULL);
  gint fd = g_mkstemp (path);
  VlfEmbedding texts[G_N_ELEMENTS (lines)];

  fail_unless (model && size > 0 && fd >= 0 && g_close (fd, NULL), "%s", error ? error->message : "");
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    fail_unless (vlf_model_embed_text (model, lines[i], rows + i * size, NULL, &error), "%s",
                 error ? error->message : "");
    texts[i] = (VlfEmbedding){ .text = lines[i], .tokens = 1, .values = rows + i * size };
  }
  fail_unless (vlf_embeddings_save (path, vlf_model_fingerprint (model), texts, G_N_ELEMENTS (lines), 1, size, &error));
  return path;
}

/* A red disc on grey. */
static GstBuffer *
picture (void)
{
  guint8 *pixels = g_malloc (SIDE * SIDE * 3);
  GstBuffer *buffer;

  for (gint i = 0; i < SIDE * SIDE; i++) {
    const gint x = i % SIDE - SIDE / 2, y = i / SIDE - SIDE / 2;
    const gboolean disc = x * x + y * y < 32 * 32;

    pixels[3 * i] = disc ? 220 : 120;
    pixels[3 * i + 1] = pixels[3 * i + 2] = disc ? 30 : 120;
  }
  buffer = gst_buffer_new_wrapped (pixels, SIDE * SIDE * 3);
  GST_BUFFER_PTS (buffer) = 0;
  return buffer;
}

static GstVlResult *
ask (GstHarness *h)
{
  GstBuffer *out = gst_harness_push_and_pull (h, picture ());
  GstVlMeta *meta = out ? gst_buffer_get_vl_meta (out, "f", GST_VL_KIND_FUSION) : NULL;
  GstVlResult *result;

  fail_unless (meta != NULL, "no result");
  result = gst_vl_result_ref (meta->result);
  gst_buffer_unref (out);
  return result;
}

static GstHarness *
harness_new (const gchar *properties)
{
  g_autofree gchar *launch = g_strdup_printf ("vlfusion name=f model=%s %s", g_getenv ("VLF_TEST_MODEL"), properties);
  GError *error = NULL;
  GstElement *element;
  GstHarness *h;

  fail_unless (GST_ELEMENT_REGISTER (vlfusion, NULL));
  element = gst_parse_launch (launch, &error);
  fail_unless (element && !error, "%s", error ? error->message : "");
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_harness_set_live (h, FALSE);
  gst_harness_set_src_caps_str (h, "video/x-raw,format=RGB,width=128,height=128,framerate=25/1");
  gst_object_unref (element);
  return h;
}

/* The best by their embeddings follow in the order of these; those asked in full stand first, in the order of their matches. */
static void
check_found (GstVlResult *result, guint begin, guint reranked)
{
  gdouble similarity, last = 2;
  guint index;

  for (guint i = begin; i < begin + FOUND; i++) {
    const gboolean full = i < begin + reranked;
    gsize n = 0;

    fail_unless (gst_vl_result_get_retrieved (result, i, &index, &similarity));
    fail_unless_equals_string (gst_vl_result_get_text (result, i), lines[index]);
    fail_unless (full == (gst_vl_result_peek_map (result, i, &n) != NULL));
    fail_unless (full == !isnan (gst_vl_result_get_match (result, i)));
    fail_unless (full || (gst_vl_result_get_score (result, i) == similarity && similarity <= last));
    if (i > begin && full)
      fail_unless (gst_vl_result_get_match (result, i) <= gst_vl_result_get_match (result, i - 1));
    last = full ? last : similarity;
  }
}

GST_START_TEST (test_found)
{
  g_autofree gchar *path = write_bank ();
  g_autofree gchar *plain = g_strdup_printf ("bank=%s bank-results=%u", path, FOUND);
  g_autofree gchar *full = g_strdup_printf ("prompt=\"a red circle\" %s rerank=%u", plain, RERANK);
  GstHarness *h = harness_new (plain);
  GstVlResult *result = ask (h);

  fail_unless_equals_int (gst_vl_result_get_n_prompts (result), FOUND);
  check_found (result, 0, 0);
  fail_unless_equals_string (gst_vl_result_get_text (result, 0), "a red circle");
  gst_vl_result_unref (result);
  gst_harness_teardown (h);

  h = harness_new (full);
  result = ask (h);
  fail_unless_equals_int (gst_vl_result_get_n_prompts (result), FOUND + 1);
  fail_unless (!gst_vl_result_get_retrieved (result, 0, NULL, NULL));
  check_found (result, 1, RERANK);
  fail_unless_equals_string (gst_vl_result_get_text (result, 1), "a red circle");
  fail_unless (gst_vl_result_get_match (result, 1) > 0.5);
  fail_unless (fabs (gst_vl_result_get_match (result, 1) - gst_vl_result_get_match (result, 0)) < 1e-4);
  gst_vl_result_unref (result);
  gst_harness_teardown (h);
  g_unlink (path);
}
GST_END_TEST

static Suite *
bankmodel_suite (void)
{
  Suite *s = suite_create ("bankmodel");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_found);
  return s;
}

GST_CHECK_MAIN (bankmodel)
