/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mechanisms of attention beside the plain one, against what torch and transformers make of the same numbers: rollout on the whole way
 * from picture to map, and attention in both directions by one score. Usage: test-mechanisms GOLDEN-FOLDER DEVICE. */
#include <math.h>
#include <stdlib.h>
#include "models/layers.h"
#include "models/relevance.h"
#include "models/session.h"
#include "tests/picture.h"

static const char *folder, *device_name;

/* All of @name, float32; @shape [3] padded with ones in front. */
static float *
read_tensor (const VlfSafetensors *file, const char *name, guint *shape)
{
  const VlfTensorInfo *info = vlf_safetensors_lookup (file, name);
  g_autoptr (GError) error = NULL;
  float *data;

  g_assert_nonnull (info);
  g_assert_cmpint (info->type, ==, VLF_TENSOR_F32);
  for (guint i = 0; i < 3; i++)
    shape[i] = i + info->rank < 3 ? 1 : (guint) info->shape[i + info->rank - 3];
  data = g_new (float, info->elements);
  vlf_safetensors_read (file, info, 0, info->bytes, data, &error);
  g_assert_no_error (error);
  return data;
}

static VlfSafetensors *
open_file (const char *name)
{
  g_autofree gchar *path = g_build_filename (folder, "mechanisms", name, NULL);
  g_autoptr (GError) error = NULL;
  VlfSafetensors *file = vlf_safetensors_open (path, &error);

  g_assert_no_error (error);
  return file;
}

/* Rollout. */

static VlfTensor
input (VlfPass *pass, guint rows, guint cols, const float *data)
{
  return vlf_input (pass, data, 1, rows, cols);
}

/* One word and two patches, two layers: the numbers are worked out by hand. */
static void
test_by_hand (void)
{
  g_autoptr (GError) error = NULL;
  VlfDevice *device = vlf_device_open (device_name, &error);
  VlfQueue *queue = vlf_queue_new (device, &error);
  VlfPass *pass = vlf_pass_begin (queue);
  VlfTensor one = input (pass, 1, 1, (float[]){ 1 }), none = { 0 };
  VlfTensor swap = input (pass, 2, 2, (float[]){ 0, 1, 1, 0 }), both = input (pass, 2, 1, (float[]){ 1, 1 });
  VlfLooks layers[2] = { { one, input (pass, 1, 2, (float[]){ 1, 0 }), swap, both },
                         { one, input (pass, 1, 2, (float[]){ 0.25f, 0.75f }), none, none } };
  float to[2], last[2];

  /* The last layer alone: half of the look. */
  vlf_output (pass, vlf_rollout (pass, layers + 1, 1), last);
  /* Before it the word was half itself and half the first patch; each patch was half the word and a quarter of each. */
  vlf_output (pass, vlf_rollout (pass, layers, 2), to);
  vlf_pass_end (pass, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat_with_epsilon (last[0], 0.125f, 1e-6f);
  g_assert_cmpfloat_with_epsilon (last[1], 0.375f, 1e-6f);
  g_assert_cmpfloat_with_epsilon (to[0], 0.375f, 1e-6f);
  g_assert_cmpfloat_with_epsilon (to[1], 0.125f, 1e-6f);
  vlf_queue_free (queue);
  vlf_device_unref (device);
}

static VlfResult *
look (VlfSession *session, const VlfImage *image, VlfText *const *texts, guint n, VlfRelevance relevance,
      VlfReuseMode reuse)
{
  g_autoptr (GError) error = NULL;
  VlfRunOptions options = { .relevance = relevance, .reuse = reuse };
  VlfResult *result = NULL;

  vlf_session_run (session, image, 1, texts, n, &options, &result, &error);
  g_assert_no_error (error);
  return result;
}

static void
assert_maps (const VlfResult *result, const float *maps, double tolerance)
{
  const guint cells = result->rows * result->cols;

  for (guint i = 0; i < result->n_prompts * cells; i++)
    g_assert_cmpfloat_with_epsilon (result->prompts[i / cells].map[i % cells], maps[i], tolerance);
}

/* @data: the case's model below the golden folder. */
static void
test_rollout (gconstpointer data)
{
  g_autofree gchar *name = g_strdelimit (g_strdup (data), "/", '-');
  g_autofree gchar *directory = g_build_filename (folder, data, "model", NULL);
  g_autofree gchar *picture = g_build_filename (folder, "mechanisms", name, "picture.rgb", NULL), *pixels = NULL;
  g_autofree gchar *list = g_build_filename (folder, "mechanisms", name, "words.txt", NULL), *lines = NULL;
  g_autofree gchar *maps_name = g_build_filename (name, "maps.safetensors", NULL);
  g_autoptr (GError) error = NULL;
  VlfModelOptions options = { .directory = directory, .device = device_name };
  g_autoptr (VlfModel) model = vlf_model_open (&options, &error);
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  g_autoptr (VlfSafetensors) file = open_file (maps_name);
  g_autoptr (VlfResult) plain = NULL, rolled = NULL, again = NULL;
  g_auto (GStrv) words = NULL;
  g_autofree float *maps = NULL;
  VlfText *texts[3];
  VlfImage image;
  guint shape[3];
  gsize size;

  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (picture, &pixels, &size, NULL));
  g_assert_true (g_file_get_contents (list, &lines, NULL, NULL));
  words = g_strsplit (lines, "\n", 0);
  image = picture_of ((const guint8 *) pixels, size);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_assert_nonnull ((texts[i] = vlf_text_new (model, words[i], &error)));
  maps = read_tensor (file, "maps", shape);
  g_assert_cmpuint (shape[1], ==, G_N_ELEMENTS (texts));

  plain = look (session, &image, texts, 3, VLF_RELEVANCE_ATTENTION, VLF_REUSE_APPROXIMATE);
  rolled = look (session, &image, texts, 3, VLF_RELEVANCE_ROLLOUT, VLF_REUSE_APPROXIMATE);
  g_assert_cmpuint (shape[2], ==, rolled->rows * rolled->cols);
  assert_maps (rolled, maps, 1e-4);
  g_assert_cmpfloat (rolled->reused, ==, 0);
  again = look (session, &image, texts, 3, VLF_RELEVANCE_ROLLOUT, VLF_REUSE_APPROXIMATE);
  g_assert_cmpfloat (again->reused, ==, 1);
  assert_maps (again, maps, 1e-4);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_assert_cmpfloat (rolled->prompts[i].score, ==, plain->prompts[i].score);
    g_assert_cmpfloat (rolled->prompts[i].words[0].weight, ==, plain->prompts[i].words[0].weight);
    vlf_text_unref (texts[i]);
  }
}

/* Bi-attention. */

/* transformers' mask (1: removed) as a bias. */
static VlfTensor
send_mask (VlfPass *pass, const VlfSafetensors *file, const char *name)
{
  guint shape[3];
  g_autofree float *mask = read_tensor (file, name, shape);

  for (guint i = 0; i < shape[1] * shape[2]; i++)
    mask[i] = mask[i] > 0 ? -INFINITY : 0;
  return vlf_input (pass, mask, shape[1], 1, shape[2]);
}

static VlfTensor
send (VlfPass *pass, const VlfSafetensors *file, const char *name)
{
  guint shape[3];
  g_autofree float *data = read_tensor (file, name, shape);

  return vlf_input (pass, data, shape[0], shape[1], shape[2]);
}

static float *
receive (VlfPass *pass, VlfTensor x)
{
  float *to = g_new0 (float, MAX ((gsize) x.batch * x.rows * x.cols, 1));

  vlf_output (pass, x, to);
  return to;
}

static void
assert_close (const VlfSafetensors *file, const char *name, const float *found)
{
  guint shape[3];
  g_autofree float *expected = read_tensor (file, name, shape);
  const gsize n = (gsize) shape[0] * shape[1] * shape[2];

  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (found[i], expected[i], 1e-4 * MAX (1, fabsf (expected[i])));
}

static void
check_bi (VlfQueue *queue, const VlfSafetensors *file, const VlfBiMultiHead *mh)
{
  const gboolean masked = vlf_safetensors_lookup (file, "text_mask") != NULL;
  g_autoptr (GError) error = NULL;
  VlfPass *pass = vlf_pass_begin (queue);
  VlfTensor vision = send (pass, file, "vision"), text = send (pass, file, "text"), hidden, blank;
  g_autofree float *x = NULL, *y = NULL, *x_map = NULL, *y_map = NULL;
  VlfBiSeen seen;

  if (masked) {
    hidden = send_mask (pass, file, "vision_mask");
    blank = send_mask (pass, file, "text_mask");
  }
  seen = vlf_bi_multi_head (pass, mh, vision, text, masked ? &hidden : NULL, masked ? &blank : NULL);
  x = receive (pass, seen.x);
  y = receive (pass, seen.y);
  x_map = receive (pass, seen.x_map);
  y_map = receive (pass, seen.y_map);
  vlf_pass_end (pass, &error);
  g_assert_no_error (error);
  assert_close (file, "vision_looks", x_map);
  assert_close (file, "text_looks", y_map);
  assert_close (file, "vision_seen", x);
  assert_close (file, "text_seen", y);
}

/* @data: name of the case and number of heads. */
static void
test_bi (gconstpointer data)
{
  g_auto (GStrv) parts = g_strsplit (data, " ", 2);
  g_autofree gchar *name = g_strdup_printf ("bi-%s.safetensors", parts[0]);
  g_autoptr (VlfSafetensors) file = open_file (name);
  const VlfTensorInfo *info = vlf_safetensors_lookup (file, "weights.vision_proj.weight");
  g_autoptr (GError) error = NULL;
  VlfDevice *device = vlf_device_open (device_name, &error);
  VlfQueue *queue = vlf_queue_new (device, &error);
  g_autoptr (VlfBag) bag = vlf_bag_new ();
  VlfLoader loader = { .device = device, .files = file, .prefix = "", .bag = bag };
  VlfBiMultiHead mh = vlf_load_bi_multi_head (&loader, "weights", (guint) info->shape[1], (guint) info->shape[1],
                                              (guint) info->shape[0], (guint) atoi (parts[1]));

  g_assert_no_error (loader.error);
  check_bi (queue, file, &mh);
  vlf_queue_free (queue);
  g_clear_pointer (&bag, vlf_bag_free);
  vlf_device_unref (device);
}

/* A phrase looks where those of its words look that the model has read: BERT's tokenizer drops a word of one joiner. */
static void
test_unread_word (void)
{
  g_autofree gchar *directory = g_build_filename (folder, "blip", "retrieval", "model", NULL);
  VlfModelOptions options = { .directory = directory, .device = device_name };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfModel) model = vlf_model_open (&options, &error);
  g_autoptr (VlfSession) session = model ? vlf_session_new (model, &error) : NULL;
  g_autoptr (VlfText) text = session ? vlf_text_new (model, "\342\200\215 red", &error) : NULL;
  g_autoptr (VlfResult) result = NULL;
  guint8 pixels[24 * 24 * 3] = { 0 };
  const VlfImage image = vlf_image_rgb (pixels, 24, 24);
  const VlfPromptResult *prompt;

  g_assert_no_error (error);
  vlf_session_run (session, &image, 1, &text, 1, NULL, &result, &error);
  g_assert_no_error (error);
  prompt = &result->prompts[0];
  g_assert_cmpuint (prompt->n_words, ==, 2);
  g_assert_null (prompt->words[0].map);
  g_assert_cmpmem (prompt->map, result->rows * result->cols * sizeof (float), prompt->words[1].map,
                   result->rows * result->cols * sizeof (float));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc < 3)
    g_error ("usage: test-mechanisms GOLDEN-FOLDER DEVICE");
  folder = argv[1];
  device_name = argv[2];
  g_test_add_func ("/mechanisms/rollout/by-hand", test_by_hand);
  g_test_add_data_func ("/mechanisms/rollout/bridgetower-retrieval", "bridgetower/retrieval", test_rollout);
  g_test_add_data_func ("/mechanisms/rollout/bridgetower-contrastive", "bridgetower/contrastive", test_rollout);
  g_test_add_data_func ("/mechanisms/rollout/blip-retrieval", "blip/retrieval", test_rollout);
  g_test_add_data_func ("/mechanisms/bi-attention/plain", "plain 3", test_bi);
  g_test_add_data_func ("/mechanisms/bi-attention/masked", "masked 4", test_bi);
  g_test_add_data_func ("/mechanisms/bi-attention/deep", "deep 1", test_bi);
  g_test_add_func ("/mechanisms/unread-word", test_unread_word);
  return g_test_run ();
}
