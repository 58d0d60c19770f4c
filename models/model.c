/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Model directories: finding, checking, opening, sharing. */
#include "models/model.h"
#include <string.h>
#include "kernels/watch.h"
#include "models/caption.h"

#define DEFAULT_MODEL     "vlf-shapes"
#define DEFAULT_THRESHOLD 0.5
#define MAX_STOP_WORDS    4096 /* all are looked at for each word of a text */

/* Words that say nothing about where to look. A model's vlfusion.json may have its own list. */
static const char *const default_stop_words[] = { "a",   "an",    "the",  "of",   "and",  "or",   "is",
                                                  "are", "there", "this", "that", "with", "in",   "on",
                                                  "at",  "to",    "it",   "its",  "be",   "from", NULL };

/* ---- finding ---- */

static gchar *
find_below (const char *folder, const char *name)
{
  gchar *path = g_build_filename (folder, name, NULL);

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return path;
  g_free (path);
  return NULL;
}

/* Names are looked up only where they are single names: "../x" and "." never are. */
static gboolean
is_single_name (const char *name)
{
  return !strchr (name, G_DIR_SEPARATOR) && strcmp (name, ".") != 0 && strcmp (name, "..") != 0;
}

/* Where a model of that name may come with the current folder, which others may have filled: the two that are taken when nobody named one
 * are no such. */
static gboolean
may_be_here (const char *name)
{
  return strcmp (name, DEFAULT_MODEL) != 0 && strcmp (name, VLF_DEFAULT_CAPTIONER) != 0;
}

static gchar *
search (const char *name)
{
  g_auto (GStrv) env =
      g_strsplit (g_getenv ("VLF_MODEL_PATH") ? g_getenv ("VLF_MODEL_PATH") : "", G_SEARCHPATH_SEPARATOR_S, 0);
  gchar *found = NULL;

  for (guint i = 0; env[i] && !found; i++)
    if (*env[i])
      found = find_below (env[i], name);
  if (!found)
    found = find_below (VLF_DATADIR "/models", name);
  if (!found && *VLF_SOURCE_MODELS)
    found = find_below (VLF_SOURCE_MODELS, name);
  return found;
}

gchar *
vlf_model_find (const char *name, GError **error)
{
  const char *wanted = name && *name ? name : DEFAULT_MODEL;
  gchar *found = is_single_name (wanted) ? search (wanted) : NULL;

  if (!found && may_be_here (wanted) && g_file_test (wanted, G_FILE_TEST_IS_DIR))
    found = g_strdup (wanted);
  if (!found)
    g_set_error (error, VLF_ERROR, VLF_ERROR_NOT_FOUND,
                 "model \"%s\": no such directory; looked for it below VLF_MODEL_PATH (%s), %s%s%s%s", wanted,
                 g_getenv ("VLF_MODEL_PATH") ? g_getenv ("VLF_MODEL_PATH") : "not set", VLF_DATADIR "/models",
                 *VLF_SOURCE_MODELS ? ", " : "", VLF_SOURCE_MODELS, may_be_here (wanted) ? ", and as a path" : "");
  return found;
}

/* ---- reading a directory ---- */

/* @n numbers of vlfusion.json's list, each -limit..limit-1. */
static gint *
read_list (VlfConfig *c, const char *field, guint limit, guint *n)
{
  gint *list = g_new0 (gint, limit);

  *n = vlf_config_ints (c, field, list, limit, -(gint) limit, (gint) limit - 1);
  if (*n == 0)
    g_clear_pointer (&list, g_free);
  return list;
}

static void
read_stop_words (VlfModel *model, VlfConfig *c)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  const VlfJson *list = vlf_config_get (c, "stop_words");

  if (!list) {
    model->stop_words = g_strdupv ((gchar **) default_stop_words);
    return;
  }
  if (vlf_json_type (list) != VLF_JSON_ARRAY || vlf_json_size (list) > MAX_STOP_WORDS) {
    vlf_config_fail (c, vlf_json_type (list) == VLF_JSON_ARRAY ? VLF_ERROR_RANGE : VLF_ERROR_FORMAT,
                     "stop_words: expected an array of at most %u words, found %s of %u", MAX_STOP_WORDS,
                     vlf_json_type_name (list), vlf_json_size (list));
    return;
  }
  for (const VlfJson *word = vlf_json_first (list); word; word = vlf_json_next (word)) {
    const char *text = vlf_json_string (word, NULL);
    if (!text)
      vlf_config_fail (c, VLF_ERROR_FORMAT, "stop_words: expected strings, found %s", vlf_json_type_name (word));
    else
      g_ptr_array_add (words, g_utf8_strdown (text, -1));
  }
  g_ptr_array_add (words, NULL);
  model->stop_words = (gchar **) g_ptr_array_steal (words, NULL);
}

static gboolean
read_defaults (VlfModel *model, const char *directory, GError **error)
{
  g_autoptr (VlfConfig) c = vlf_config_load_optional (directory, "vlfusion.json", error);
  g_autofree gchar *base = g_path_get_basename (directory);
  static const char *const ways[] = { "encoder", "prefix", NULL };

  if (!c)
    return FALSE;
  model->name = g_strdup (vlf_config_string (c, "name", base));
  model->threshold = vlf_config_double (c, "threshold", DEFAULT_THRESHOLD, 0, 1);
  model->questions_as_prefix = vlf_config_choice (c, "questions", ways, 0) == 1;
  model->layers = read_list (c, "attention_layers", model->net->layers, &model->n_layers);
  model->heads = read_list (c, "attention_heads", model->net->heads, &model->n_heads);
  read_stop_words (model, c);
  return vlf_config_check (c, error);
}

static gboolean
read_tokenizer (VlfModel *model, const char *directory, GError **error)
{
  const VlfNet *net = model->net;
  guint least;

  model->tokenizer = vlf_tokenizer_new (directory, model->type, error);
  if (!model->tokenizer)
    return FALSE;
  model->max_tokens = MIN (vlf_tokenizer_model_max_length (model->tokenizer), net->max_tokens);
  least = MAX (vlf_tokenizer_n_special (model->tokenizer) + 1, 3);
  if (model->max_tokens < least) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "%s: expected room for %u tokens or more in a prompt, the special ones and one of a word, found %u",
                 directory, least, model->max_tokens);
    return FALSE;
  }
  return TRUE;
}

static gboolean
set_precision (VlfLoader *loader, const char *precision, GError **error)
{
  static const struct {
    const char *name;
    VlfDType type;
  } known[] = { { "f32", VLF_F32 }, { "f16", VLF_F16_DOT }, { "bf16", VLF_BF16_DOT }, { "int8", VLF_I8 } };

  if (!precision || !*precision || !g_strcmp0 (precision, "auto"))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (!g_strcmp0 (precision, known[i].name)) {
      loader->force_type = TRUE;
      loader->stored = known[i].type;
      return TRUE;
    }
  g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
               "precision: expected auto, f32, f16, bf16 or int8, found \"%s\"", precision);
  return FALSE;
}

static const VlfArch *
read_type (VlfModel *model, VlfConfig *config, const char *directory, GError **error)
{
  const VlfArch *arch;

  model->type = g_strdup (vlf_config_string (config, "model_type", ""));
  arch = vlf_arch_find (model->type);
  if (!arch)
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED, "%s/config.json: model_type: expected %s, found \"%s\"",
                 directory, vlf_arch_types (), model->type);
  return arch;
}

static gsize
total_bytes (const VlfSafetensors *files)
{
  gsize total = 0;

  for (guint i = 0; i < vlf_safetensors_size (files); i++)
    total += vlf_safetensors_nth (files, i)->bytes;
  return total;
}

/* Where the error lies is said once, in front. */
static gboolean
fail_in (const char *directory, GError *from, GError **error)
{
  g_propagate_prefixed_error (error, from, "%s: ", directory);
  return FALSE;
}

static gboolean
check_ability (const VlfModel *model, VlfAbility needs, const char *directory, GError **error)
{
  const VlfNet *net = model->net;
  const char *expected = NULL;

  if (needs == VLF_ABILITY_GENERATES && !net->generates)
    expected = "a model that writes text, like those of class BlipForConditionalGeneration";
  if (needs == VLF_ABILITY_ANSWERS && !net->answers && !(net->generates && model->questions_as_prefix))
    expected = "a model that answers questions, like those of class BlipForQuestionAnswering";
  if (expected)
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED, "%s: expected %s, found one that %s", directory, expected,
                 net->generates ? "captions" : "compares pictures with texts");
  return !expected;
}

/* Loads nothing, but finds out what loading will take, so that nothing is allocated where not all of it fits. What is wrong with the files
 * is said by the load that follows. */
static gboolean
has_room (VlfDevice *device, const VlfLoader *loader, VlfConfig *config, const VlfArch *arch, const char *architecture,
          gboolean all_heads, GError **error)
{
  g_autoptr (VlfBag) bag = vlf_bag_new ();
  VlfLoader dry = *loader;
  gboolean known;

  dry.device = NULL;
  dry.bag = bag;
  arch->load (&dry, config, architecture, all_heads);
  known = !dry.error && vlf_config_check (config, NULL);
  g_clear_error (&dry.error);
  return !known || vlf_device_has_room (device, dry.need, dry.largest, error);
}

/* A folder of OpenCLIP's own has all but the config.json. */
static VlfConfig *
load_config (const char *directory, GError **error)
{
  g_autofree gchar *ours = g_build_filename (directory, "config.json", NULL);
  g_autofree gchar *theirs = g_build_filename (directory, "open_clip_config.json", NULL);

  if (!g_file_test (ours, G_FILE_TEST_EXISTS) && g_file_test (theirs, G_FILE_TEST_EXISTS)) {
    g_set_error (
        error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
        "%s: expected config.json, found only open_clip_config.json: OpenCLIP's own format is not read; take the "
        "same model as transformers saves it (CLIPModel)",
        directory);
    return NULL;
  }
  return vlf_config_load (directory, "config.json", error);
}

gboolean
vlf_model_read (VlfModel *model, const char *directory, const VlfModelOptions *options, VlfDevice *device,
                GError **error)
{
  g_autoptr (VlfConfig) config = load_config (directory, error);
  g_autoptr (VlfSafetensors) files = NULL;
  VlfLoader loader = { .device = device, .bag = model->bag, .progress = options->progress, .user = options->user };
  const char *architecture;
  const VlfArch *arch;
  GError *problem = NULL;

  if (!config || !(arch = read_type (model, config, directory, error)) ||
      !set_precision (&loader, options->precision, error))
    return FALSE;
  files = vlf_safetensors_open_dir (directory, error);
  if (!files)
    return FALSE;
  loader.files = files;
  loader.bytes_total = total_bytes (files);
  architecture = vlf_json_string (vlf_json_first (vlf_config_get (config, "architectures")), NULL);
  if (device && !has_room (device, &loader, config, arch, architecture, options->all_heads, &problem))
    return fail_in (directory, problem, error);
  model->net = arch->load (&loader, config, architecture, options->all_heads);
  model->need = loader.need;
  model->largest = loader.largest;
  if (!vlf_config_check (config, &problem)) {
    g_clear_error (&loader.error);
    return fail_in (directory, problem, error);
  }
  if (loader.error)
    return fail_in (directory, loader.error, error);
  return read_tokenizer (model, directory, error) && read_defaults (model, directory, error) &&
         check_ability (model, options->needs, directory, error) &&
         vlf_image_processor_load (&model->processor, directory, arch->processor, model->net->image_size,
                                   model->net->patch, error);
}

/* ---- one object per directory, device and precision ---- */

static GMutex table_lock;
static GCond table_changed;
static GHashTable *table; /* key -> VlfModel, or &opening while one is being made */
static char opening;

static VlfModel *
model_new (void)
{
  VlfModel *model = g_new0 (VlfModel, 1);

  model->refs = 1;
  model->bag = vlf_bag_new ();
  g_mutex_init (&model->text_lock);
  return model;
}

static void
model_free (VlfModel *model)
{
  vlf_queue_free (model->text_queue);
  vlf_bag_free (model->bag);
  vlf_tokenizer_free (model->tokenizer);
  vlf_device_unref (model->device);
  g_mutex_clear (&model->text_lock);
  g_strfreev (model->stop_words);
  g_free (model->layers);
  g_free (model->heads);
  g_free (model->name);
  g_free (model->type);
  g_free (model->fingerprint);
  g_free (model->key);
  g_free (model);
}

gboolean
vlf_model_check (const VlfModelOptions *options, GError **error)
{
  g_autofree gchar *directory = vlf_model_find (options->directory, error);
  VlfModel *model;
  VlfDevice *device;
  gsize need, largest;
  gboolean ok;

  if (!directory)
    return FALSE;
  model = model_new ();
  ok = vlf_model_read (model, directory, options, NULL, error);
  need = model->need;
  largest = model->largest;
  model_free (model);
  if (!ok)
    return FALSE;
  device = vlf_device_open (options->device, error);
  ok = device && vlf_device_has_room (device, need, largest, error);
  vlf_device_unref (device);
  return ok;
}

/* The fingerprint reads as much again as the text tower holds, so it runs beside the weights' loading. */
typedef struct {
  const char *directory;
  gint stop;
  gchar *fingerprint;
  GError *error;

  GMutex lock;
  GCond changed;
  gboolean done;
} FingerprintJob;

static gpointer
fingerprint_thread (gpointer data)
{
  FingerprintJob *job = data;

  job->fingerprint = vlf_model_make_fingerprint (job->directory, &job->stop, &job->error);
  g_mutex_lock (&job->lock);
  job->done = TRUE;
  g_cond_signal (&job->changed);
  g_mutex_unlock (&job->lock);
  return NULL;
}

/* FALSE as soon as the caller wants no more. */
static gboolean
wait_for_fingerprint (FingerprintJob *job, const VlfModelOptions *options, GError **error)
{
  gboolean wanted = TRUE;

  g_mutex_lock (&job->lock);
  while (!job->done && wanted) {
    vlf_watch_alive ();
    if (!g_cond_wait_until (&job->changed, &job->lock, g_get_monotonic_time () + G_TIME_SPAN_SECOND / 10))
      wanted = !options->progress || options->progress (1.0, options->user);
  }
  g_mutex_unlock (&job->lock);
  if (!wanted)
    g_set_error (error, VLF_ERROR, VLF_ERROR_CANCELLED, "loading was stopped");
  return wanted;
}

static gboolean
load (VlfModel *model, const char *directory, const VlfModelOptions *options, GError **error)
{
  FingerprintJob job = { .directory = directory };
  GThread *thread;
  gboolean ok;

  g_mutex_init (&job.lock);
  g_cond_init (&job.changed);
  thread = g_thread_new ("vlf-fingerprint", fingerprint_thread, &job);
  ok = vlf_model_read (model, directory, options, model->device, error) && wait_for_fingerprint (&job, options, error);
  g_atomic_int_set (&job.stop, !ok);
  g_thread_join (thread);
  g_mutex_clear (&job.lock);
  g_cond_clear (&job.changed);
  model->fingerprint = job.fingerprint;
  if (!ok) {
    g_clear_error (&job.error);
    return FALSE;
  }
  if (!model->fingerprint) {
    g_propagate_error (error, job.error);
    return FALSE;
  }
  model->text_queue = vlf_queue_new (model->device, error);
  return model->text_queue != NULL;
}

static VlfModel *
open_new (const char *directory, const VlfModelOptions *options, VlfDevice *device, GError **error)
{
  VlfModel *model = model_new ();

  model->device = vlf_device_ref (device);
  if (load (model, directory, options, error))
    return model;
  model_free (model);
  return NULL;
}

typedef enum { CLAIM_FOUND, CLAIM_OURS, CLAIM_LOST, CLAIM_STOPPED } Claim;

/* Waits while somebody else opens the same, unless the device is lost over that. With table_lock. */
static Claim
claim (const char *key, const VlfModelOptions *options, const VlfDevice *device, VlfModel **model, GError **error)
{
  gpointer entry;

  if (!table)
    table = g_hash_table_new (g_str_hash, g_str_equal);
  while ((entry = g_hash_table_lookup (table, key)) == &opening) {
    vlf_watch_alive (); /* whoever opens it is watched */
    if (vlf_device_is_lost (device))
      return CLAIM_LOST;
    g_cond_wait_until (&table_changed, &table_lock, g_get_monotonic_time () + G_TIME_SPAN_SECOND / 10);
    if (options->progress && !options->progress (0.0, options->user)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_CANCELLED, "loading was stopped");
      return CLAIM_STOPPED;
    }
  }
  if (entry) {
    *model = vlf_model_ref (entry);
    return CLAIM_FOUND;
  }
  g_hash_table_insert (table, (gpointer) key, &opening);
  return CLAIM_OURS;
}

/* Opens what claim() left to the caller. Takes @key. */
static VlfModel *
open_claimed (gchar *key, const char *path, const VlfModelOptions *options, VlfDevice *device, GError **error)
{
  VlfModel *model = open_new (path, options, device, error);

  g_mutex_lock (&table_lock);
  g_hash_table_remove (table, key);
  if (model)
    g_hash_table_insert (table, model->key = key, model);
  else
    g_free (key);
  g_cond_broadcast (&table_changed);
  g_mutex_unlock (&table_lock);
  return model;
}

VlfModel *
vlf_model_open (const VlfModelOptions *options, GError **error)
{
  g_autofree gchar *directory = vlf_model_find (options->directory, error);
  g_autofree gchar *path = directory ? g_canonicalize_filename (directory, NULL) : NULL;
  Claim how = CLAIM_LOST;
  VlfModel *model = NULL;

  while (path && how == CLAIM_LOST) {
    g_autoptr (VlfDevice) device = vlf_device_open (options->device, error);
    gchar *key;

    if (!device)
      return NULL;
    key = g_strdup_printf ("%s\n%p\n%s\n%d", path, (gpointer) device, options->precision ? options->precision : "auto",
                           options->all_heads);
    g_mutex_lock (&table_lock);
    how = claim (key, options, device, &model, error);
    g_mutex_unlock (&table_lock);
    if (how == CLAIM_OURS)
      model = open_claimed (key, path, options, device, error);
    else
      g_free (key);
  }
  if (how == CLAIM_FOUND && !check_ability (model, options->needs, directory, error)) /* others ask less of it */
    g_clear_pointer (&model, vlf_model_unref);
  return model;
}

VlfModel *
vlf_model_ref (VlfModel *model)
{
  g_atomic_int_inc (&model->refs);
  return model;
}

/* The count reaches zero only under the lock, so that nobody finds a model in the table that is about to go. */
void
vlf_model_unref (VlfModel *model)
{
  gboolean last;

  if (!model)
    return;
  g_mutex_lock (&table_lock);
  last = g_atomic_int_dec_and_test (&model->refs);
  if (last)
    g_hash_table_remove (table, model->key);
  g_mutex_unlock (&table_lock);
  if (last)
    model_free (model);
}

const char *
vlf_model_name (const VlfModel *model)
{
  return model->name;
}

const char *
vlf_model_fingerprint (const VlfModel *model)
{
  return model->fingerprint;
}

const char *
vlf_model_type (const VlfModel *model)
{
  return model->type;
}

const char *
vlf_model_device_name (const VlfModel *model)
{
  return vlf_device_name (model->device);
}

double
vlf_model_threshold (const VlfModel *model)
{
  return model->threshold;
}

gsize
vlf_model_device_memory (const VlfModel *model)
{
  return vlf_device_memory (model->device);
}
