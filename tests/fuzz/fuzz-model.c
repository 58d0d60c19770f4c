/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a byte that says of which small model which file is replaced, and that file; of tensors only the header, the numbers are zero.
 * What is accepted runs on the reference and gives a result of finite size. */
#include "models/session.h"
#include "tests/fuzz/folder.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

#define SIDE 16

static const char *const models[] = { "bridgetower/retrieval", "clip/open_clip", "blip/retrieval", "bridgetower/bare",
                                      "siglip/base" };
static const char *const files[] = { "config.json",
                                     "preprocessor_config.json",
                                     "tokenizer_config.json",
                                     "tokenizer.json",
                                     "vlfusion.json",
                                     "model.safetensors",
                                     "model.safetensors.index.json",
                                     "vocab.json",
                                     "vocab.txt",
                                     "merges.txt",
                                     "processor_config.json" };

/* So little room for tokens that a tokenizer can ask for more. */
static const char few_tokens[] =
    "{\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"model_max_length\": 8, \"pad_token\": \"</s>\", "
    "\"eos_token\": \"</s>\", \"unk_token\": \"<unk>\"}";

static void
replace (guint8 which, const guint8 *data, gsize size)
{
  static guint filled = G_MAXUINT;
  const char *model = models[which / G_N_ELEMENTS (files) % G_N_ELEMENTS (models)];
  const char *file = files[which % G_N_ELEMENTS (files)];
  g_autofree gchar *from = g_build_filename (FUZZ_GOLDEN, model, "model", NULL);

  if (filled != which) /* the file that the last input replaced is back */
    fuzz_folder_fill (from);
  if (filled != which && g_str_has_prefix (model, "siglip"))
    fuzz_folder_put ("tokenizer_config.json", few_tokens, strlen (few_tokens));
  filled = which;
  if (strcmp (file, "model.safetensors") == 0) {
    guint64 length = GUINT64_TO_LE ((guint64) size);
    g_autofree guint8 *whole = g_malloc (sizeof length + size);

    memcpy (whole, &length, sizeof length);
    memcpy (whole + sizeof length, data, size);
    fuzz_folder_put_padded (file, whole, sizeof length + size, 2 << 20);
  } else {
    fuzz_folder_put (file, data, size);
  }
  if (strcmp (file, "model.safetensors.index.json") == 0)
    fuzz_folder_remove ("model.safetensors");
}

static gboolean
run (const VlfModelOptions *options)
{
  static guint8 pixels[SIDE * SIDE * 3];
  VlfImage image = vlf_image_rgb (pixels, SIDE, SIDE);
  g_autoptr (VlfModel) model = vlf_model_open (options, NULL);
  g_autoptr (VlfSession) session = model ? vlf_session_new (model, NULL) : NULL;
  g_autoptr (VlfText) text = session ? vlf_text_new (model, "a red circle", NULL) : NULL;
  g_autoptr (VlfResult) result = NULL;

  if (!text || !vlf_session_run (session, &image, 1, &text, 1, NULL, &result, NULL))
    return FALSE;
  g_assert_cmpuint (result->n_prompts, ==, 1);
  return TRUE;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  VlfModelOptions options = { .device = "reference" };
  g_autoptr (GError) error = NULL;

  if (size < 1)
    return 0;
  replace (data[0], data + 1, size - 1);
  options.directory = fuzz_folder ();
  if (vlf_model_check (&options, &error))
    run (&options);
  else
    g_assert_nonnull (error);
  return 0;
}
