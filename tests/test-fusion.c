/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a result leaves out of the last fusion layer changes nothing of what it reads: the same bits as with every row.
 * Usage: test-fusion MODEL-FOLDER DEVICE. */
#include <string.h>
#include "models/model.h"

#define TOKENS 7
#define TEXTS  3

static const char *folder, *device_name;

/* What is compared, in host memory. */
typedef struct {
  float *pooled, *match, *text[VLF_MAX_FUSION_LAYERS], *image[VLF_MAX_FUSION_LAYERS];
  gsize pooled_size, match_size, text_size, image_size;
  guint last_text_rows, last_image_rows, last_map_rows;
} Reading;

static void
reading_clear (Reading *r)
{
  g_free (r->pooled);
  g_free (r->match);
  for (guint i = 0; i < VLF_MAX_FUSION_LAYERS; i++) {
    g_free (r->text[i]);
    g_free (r->image[i]);
  }
}

static float *
read_back (VlfPass *pass, VlfTensor x, gsize *size)
{
  float *to;

  *size = (gsize) x.batch * x.rows * x.cols;
  to = g_new0 (float, MAX (*size, 1));
  if (*size)
    vlf_output (pass, x, to);
  return to;
}

static VlfTensor
random_patches (VlfPass *pass, const VlfNet *net)
{
  const guint cells = net->rows * net->cols, cols = 3 * net->patch * net->patch;
  g_autofree float *data = g_new (float, (gsize) cells *cols);
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);

  for (gsize i = 0; i < (gsize) cells * cols; i++)
    data[i] = (float) g_rand_double_range (rand, -2, 2);
  return vlf_input (pass, data, 1, cells, cols);
}

static VlfTextBatch
random_texts (VlfPass *pass, const VlfNet *net)
{
  guint32 ids[TEXTS * TOKENS];
  guint8 mask[TEXTS * TOKENS];
  g_autoptr (GRand) rand = g_rand_new_with_seed (6);
  VlfTextBatch texts;

  for (guint i = 0; i < TEXTS * TOKENS; i++) {
    mask[i] = i % TOKENS < TOKENS - i / TOKENS;
    ids[i] = mask[i] ? (guint32) g_rand_int_range (rand, (gint) net->pad_id + 1, (gint) net->vocab) : net->pad_id;
  }
  texts = net->arch->encode (net, pass, ids, mask, TEXTS, TOKENS);
  net->arch->enter (net, pass, &texts);
  return texts;
}

static void
fuse (VlfModel *model, gboolean all_rows, gboolean with_maps, Reading *r)
{
  const VlfNet *net = model->net;
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfQueue) queue = vlf_queue_new (model->device, &error);
  VlfMaps maps = { .all_rows = all_rows };
  VlfPass *pass;
  VlfSight sight;
  VlfTextBatch texts;
  VlfFusion fusion;

  g_assert_no_error (error);
  for (guint i = 0; i < net->layers; i++)
    maps.wanted[i] = with_maps;
  pass = vlf_pass_begin (queue);
  sight = net->arch->see (net, pass, random_patches (pass, net), NULL);
  texts = random_texts (pass, net);
  fusion = net->arch->fuse (net, pass, &sight, &texts, &maps);
  r->pooled = read_back (pass, fusion.pooled, &r->pooled_size);
  r->match = read_back (pass, fusion.match, &r->match_size);
  for (guint i = 0; i < net->layers && with_maps; i++) {
    r->text[i] = read_back (pass, maps.text[i], &r->text_size);
    r->image[i] = read_back (pass, vlf_rows (maps.image[i], 0, 1), &r->image_size);
  }
  r->last_text_rows = fusion.text.rows;
  r->last_image_rows = fusion.image.rows;
  r->last_map_rows = maps.image[net->layers - 1].rows;
  vlf_pass_end (pass, &error);
  g_assert_no_error (error);
}

static void
compare (gboolean with_maps)
{
  g_autoptr (GError) error = NULL;
  VlfModelOptions options = { .directory = folder, .device = device_name };
  g_autoptr (VlfModel) model = vlf_model_open (&options, &error);
  Reading all = { 0 }, some = { 0 };

  g_assert_no_error (error);
  fuse (model, TRUE, TRUE, &all);
  fuse (model, FALSE, with_maps, &some);
  g_assert_cmpuint (all.last_text_rows, ==, TOKENS);
  g_assert_cmpuint (all.last_image_rows, ==, 1 + model->net->rows * model->net->cols);
  g_assert_cmpuint (some.last_text_rows, ==, 1);
  g_assert_cmpuint (some.last_image_rows, ==, 1);
  g_assert_cmpuint (some.last_map_rows, ==, with_maps ? 1 : 0);
  g_assert_cmpmem (all.pooled, all.pooled_size * sizeof (float), some.pooled, some.pooled_size * sizeof (float));
  g_assert_cmpmem (all.match, all.match_size * sizeof (float), some.match, some.match_size * sizeof (float));
  for (guint i = 0; i < model->net->layers && with_maps; i++) {
    g_assert_cmpmem (all.text[i], all.text_size * sizeof (float), some.text[i], some.text_size * sizeof (float));
    g_assert_cmpmem (all.image[i], all.image_size * sizeof (float), some.image[i], some.image_size * sizeof (float));
  }
  reading_clear (&all);
  reading_clear (&some);
}

static void
test_with_maps (void)
{
  compare (TRUE);
}

static void
test_without_maps (void)
{
  compare (FALSE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc < 3)
    g_error ("usage: test-fusion MODEL-FOLDER DEVICE");
  folder = argv[1];
  device_name = argv[2];
  g_test_add_func ("/fusion/with-maps", test_with_maps);
  g_test_add_func ("/fusion/without-maps", test_without_maps);
  return g_test_run ();
}
