/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/vlf-run.h"
#include "models/caption.h"

#define DEFAULT_BANK_RESULTS 5

VlfModel *
run_open_model (const RunOptions *options, gboolean all_heads, GError **error)
{
  const gchar *usual = options->caption || options->question ? VLF_DEFAULT_CAPTIONER : NULL;
  g_autofree gchar *directory = vlf_model_find (options->model ? options->model : usual, error);
  VlfModelOptions model_options = {
    .directory = directory, .device = options->device, .precision = options->precision, .all_heads = all_heads
  };

  return directory ? vlf_model_open (&model_options, error) : NULL;
}

/* NULL if the combination makes sense. */
static const char *
check_usage (const RunOptions *o)
{
  guint modes = (o->image != NULL) + (o->embed != NULL) + (o->tensors != NULL) + (o->texts != NULL) + o->tokenize;
  gboolean compares = o->prompts || o->bank;

  if (modes != 1)
    return "expected one of --image, --embed, --tensors, --texts and --tokenize";
  if (o->image && compares + o->caption + (o->question != NULL) != 1)
    return "--image needs at least one --prompt or a --bank, or --caption, or --question";
  if ((o->templates || o->negatives || o->unknown_threshold) && (!o->prompts || !o->image))
    return "--template, --negative and --unknown-threshold go with --image and --prompt";
  if ((o->bank && !o->image) || ((o->bank_results != DEFAULT_BANK_RESULTS || o->rerank) && !o->bank))
    return "--bank goes with --image, --bank-results and --rerank go with --bank";
  if (o->bank_results < 0 || o->rerank < 0 || o->top_k < 0)
    return "--bank-results, --rerank and --attention-top-k: expected 0 or more";
  if ((o->top_k || o->relevance) && (!o->image || o->caption || o->question))
    return "--attention-top-k and --relevance go with --image and prompts";
  if (o->relevance && !g_str_equal (o->relevance, "attention") && !g_str_equal (o->relevance, "rollout"))
    return "--relevance: expected attention or rollout";
  if (!o->image && (o->caption || o->question))
    return "--caption and --question go with --image";
  if (o->prefix && !o->caption)
    return "--prefix goes with --caption";
  if (o->beams < 0 || o->min_length < 0 || o->max_length < 0)
    return "--num-beams, --min-length and --max-length: expected 0 or more";
  if ((o->prompts || o->tokenize) && (o->beams || o->min_length || o->max_length))
    return "--num-beams, --min-length and --max-length go with generated text";
  if (o->embed && !o->prompts)
    return "--embed needs at least one --prompt";
  if (!o->image && !o->embed && o->prompts)
    return "--prompt goes with --image and --embed";
  if ((o->tensors || o->texts) && !o->save)
    return "--tensors and --texts need --save";
  if (!o->tensors && !o->texts && o->save)
    return "--save goes with --tensors and --texts";
  return NULL;
}

static void
clear_options (RunOptions *o)
{
  g_free (o->model);
  g_free (o->device);
  g_free (o->precision);
  g_free (o->image);
  g_strfreev (o->prompts);
  g_free (o->embed);
  g_strfreev (o->templates);
  g_strfreev (o->negatives);
  g_free (o->unknown_threshold);
  g_free (o->bank);
  g_free (o->texts);
  g_free (o->tensors);
  g_free (o->save);
  g_free (o->relevance);
  g_free (o->question);
  g_free (o->prefix);
}

static CliStatus
run (const RunOptions *options)
{
  const char *mistake = check_usage (options);
  GError *error = NULL;
  gboolean done;

  if (mistake)
    return cli_usage ("%s", mistake);
  if (options->tokenize)
    done = run_tokenize (options, &error);
  else if (options->embed)
    done = run_embed (options, &error);
  else if (options->texts)
    done = run_texts (options, &error);
  else if (options->tensors)
    done = run_tensors (options, &error);
  else if (options->caption || options->question)
    done = run_caption (options, &error);
  else
    done = run_image (options, &error);
  return done ? CLI_OK : cli_fail (error);
}

int
main (int argc, char **argv)
{
  RunOptions o = { .bank_results = DEFAULT_BANK_RESULTS };
  const GOptionEntry entries[] = {
    /* FILENAME keeps the bytes as they were given, whatever the locale; the text is checked where it is read. */
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &o.model, "Model directory or name; default: the one shipped for this",
      "DIR" },
    { "device", 'd', 0, G_OPTION_ARG_FILENAME, &o.device,
      "auto, cpu, gpu, reference, an index or part of a name (see vlf-inspect --devices)", "DEVICE" },
    { "precision", 0, 0, G_OPTION_ARG_FILENAME, &o.precision, "auto, f32, f16, bf16 or int8", "PRECISION" },
    { "image", 'i', 0, G_OPTION_ARG_FILENAME, &o.image, "Look at this JPEG or PNG; prints a JSON object", "FILE" },
    { "prompt", 'p', 0, G_OPTION_ARG_FILENAME_ARRAY, &o.prompts, "What to look for; may be given several times",
      "TEXT" },
    { "embed", 0, 0, G_OPTION_ARG_FILENAME, &o.embed,
      "Encode the prompts into this safetensors file, for vlfusion's text-embeddings", "OUT" },
    { "template", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o.templates,
      "What a prompt stands in, like \"a photo of a {}.\"; of several the mean (CLIP)", "TEXT" },
    { "negative", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o.negatives,
      "What the image may show instead of the prompts (CLIP); may be given several times", "TEXT" },
    { "unknown-threshold", 0, 0, G_OPTION_ARG_FILENAME, &o.unknown_threshold,
      "Cosine that the best prompt has to reach, -1 to 1 (CLIP)", "NUMBER" },
    { "bank", 0, 0, G_OPTION_ARG_FILENAME, &o.bank, "Text embeddings to compare the image with, as --texts makes them",
      "FILE" },
    { "bank-results", 0, 0, G_OPTION_ARG_INT, &o.bank_results, "How many of their best are printed; default: 5", "N" },
    { "rerank", 0, 0, G_OPTION_ARG_INT, &o.rerank, "How many of their best cross-attention looks at", "N" },
    { "attention-top-k", 0, 0, G_OPTION_ARG_INT, &o.top_k,
      "Keep so many of the largest scores of each query of cross-attention; default: 0, all", "N" },
    { "relevance", 0, 0, G_OPTION_ARG_STRING, &o.relevance,
      "What maps are made of: attention (default), or rollout through all layers", "KIND" },
    { "texts", 0, 0, G_OPTION_ARG_FILENAME, &o.texts, "Embed the lines of this file, for a bank", "FILE" },
    { "caption", 0, 0, G_OPTION_ARG_NONE, &o.caption, "Say what the image shows; prints a JSON object", NULL },
    { "question", 'q', 0, G_OPTION_ARG_FILENAME, &o.question, "Answer this about the image; prints a JSON object",
      "TEXT" },
    { "prefix", 0, 0, G_OPTION_ARG_FILENAME, &o.prefix, "What a caption begins with", "TEXT" },
    { "num-beams", 0, 0, G_OPTION_ARG_INT, &o.beams, "Beams of the search for words; default: 1, greedy", "N" },
    { "min-length", 0, 0, G_OPTION_ARG_INT, &o.min_length, "Least tokens of a generated text", "N" },
    { "max-length", 0, 0, G_OPTION_ARG_INT, &o.max_length, "Most tokens of a generated text; default: 20", "N" },
    { "tensors", 0, 0, G_OPTION_ARG_FILENAME, &o.tensors,
      "Run the network alone on pixel_values, input_ids and attention_mask of this safetensors file", "IN" },
    { "save", 0, 0, G_OPTION_ARG_FILENAME, &o.save, "Where --tensors or --texts write, as safetensors", "OUT" },
    { "tokenize", 0, 0, G_OPTION_ARG_NONE, &o.tokenize, "JSON strings on stdin to arrays of token ids on stdout",
      NULL },
    { 0 },
  };
  CliStatus status = CLI_USAGE;

  if (cli_parse (entries, "Runs a vision-language model once, without a pipeline.", 0, &argc, &argv))
    status = run (&o);
  clear_options (&o);
  return status;
}
