/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a bank costs, counted in operations: one product for all its texts, and with rerank no second image tower.
 * Usage: test-bank-cost GOLDEN-FOLDER, on the device "cpu". */
#include "models/bank.h"
#include "tests/picture.h"
#include "tests/faults.h"

#define RERANK 4u

static const char *folder;

/* Launches of a run when everything that is kept is there, and whose results are those of @texts and the bank. */
static guint
launches (VlfSession *session, const VlfImage *image, VlfText **texts, guint n, VlfRunOptions options)
{
  for (guint i = 0; i < 2; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VlfResult) result = NULL;

    options.fit = VLF_FIT_SQUASH;
    fault_arm (FAULT_EnqueueNDRangeKernel, 0, 0);
    g_assert_true (vlf_session_run (session, image, 1, texts, n, &options, &result, &error));
    g_assert_cmpuint (result->n_prompts, ==, n + options.bank_results);
  }
  return fault_count (FAULT_EnqueueNDRangeKernel);
}

static void
test_launches (gconstpointer data)
{
  const char *const *names = data; /* case, model */
  g_autofree gchar *directory = g_build_filename (folder, names[1], "model", NULL), *pixels = NULL;
  g_autofree gchar *picture = g_build_filename (folder, "retrieval", names[0], "picture.rgb", NULL);
  g_autofree gchar *path = g_build_filename (folder, "retrieval", names[0], "bank.safetensors", NULL);
  VlfModelOptions options = { .directory = directory, .device = "cpu" };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfModel) model = vlf_model_open (&options, &error);
  g_autoptr (VlfSession) session = vlf_session_new (model, &error);
  g_autoptr (VlfBank) bank = vlf_bank_load (model, path, &error);
  VlfText *texts[RERANK];
  guint tower, found, asked, reranked;
  VlfImage image;
  gsize size;

  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (picture, &pixels, &size, NULL));
  image = picture_of ((const guint8 *) pixels, size);
  for (guint i = 0; i < RERANK; i++)
    texts[i] = vlf_text_new (model, vlf_bank_text (bank, i), &error);
  tower = launches (session, &image, NULL, 0, (VlfRunOptions){ 0 });
  found = launches (session, &image, NULL, 0, (VlfRunOptions){ .bank = bank, .bank_results = 1 });
  asked = launches (session, &image, texts, RERANK, (VlfRunOptions){ 0 });
  reranked =
      launches (session, &image, NULL, 0, (VlfRunOptions){ .bank = bank, .bank_results = RERANK, .rerank = RERANK });
  g_test_message ("image tower %u, with a bank %u, with prompts %u, with texts reranked %u", tower, found, asked,
                  reranked);
  g_assert_cmpuint (tower, >, 0);
  g_assert_cmpuint (found, >, tower);
  g_assert_cmpuint (found, <=, tower + 2);
  g_assert_cmpuint (reranked, <,
                    asked + (found - tower) + tower / 2); /* what prompts have kept for them, these make anew */
  for (guint i = 0; i < RERANK; i++)
    vlf_text_unref (texts[i]);
}

int
main (int argc, char **argv)
{
  static const char *const blip[] = { "blip", "blip/retrieval" };
  static const char *const bridgetower[] = { "bridgetower", "bridgetower/contrastive" };

  g_setenv ("VLF_PROFILE", "1", TRUE); /* a launch for each operation */
  g_test_init (&argc, &argv, NULL);
  if (argc < 2)
    g_error ("usage: test-bank-cost GOLDEN-FOLDER");
  folder = argv[1];
  fault_install ();
  g_test_add_data_func ("/bank-cost/blip", blip, test_launches);
  g_test_add_data_func ("/bank-cost/bridgetower", bridgetower, test_launches);
  return g_test_run ();
}
