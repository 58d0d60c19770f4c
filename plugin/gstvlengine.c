/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlengine.h"
#include "kernels/watch.h"

#define DEFAULT_MODEL     ""
#define DEFAULT_DEVICE    "auto"
#define DEFAULT_PRECISION "auto"

#define PATIENCE (G_USEC_PER_SEC / 2) /* for a running kernel at closing */
#define STEP     (G_USEC_PER_SEC / 4) /* how often whoever waits looks whether the device still answers */

GST_DEBUG_CATEGORY (gst_vl_debug);
#define GST_CAT_DEFAULT gst_vl_debug

/* What lives on the worker's thread. */
typedef struct {
  GWeakRef owner;
  gchar *directory;
  GstVlEngineSettings settings;
  gdouble told; /* fraction that the bus heard of last */
  gint lost;    /* atomic: the bus knows that the device is lost; whatever fails from then on fails because of that */
  VlfModel *model;
  VlfSession *session;
  VlfWatch *watch;
} Loaded;

/* What is checked before anything is loaded. */
typedef struct {
  GstVlTask task;
  GError *error;
} Check;

struct _GstVlEngine {
  GstVlWorker *worker; /* its data is a Loaded */
  GstVlTask *load;     /* done: loaded->model and ->session are set, or loading failed; neither changes any more */
  Loaded *loaded;
  VlfWatch *watch; /* over the worker's thread */
  GstVlEngineSettings settings;
};

void
gst_vl_engine_settings_init (GstVlEngineSettings *settings)
{
  *settings = (GstVlEngineSettings){ .model = g_strdup (DEFAULT_MODEL),
                                     .device = g_strdup (DEFAULT_DEVICE),
                                     .precision = g_strdup (DEFAULT_PRECISION) };
}

void
gst_vl_engine_settings_install (GObjectClass *klass, guint first)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  GST_DEBUG_CATEGORY_INIT (gst_vl_debug, "vlf", 0, "vision-language inference");
  g_object_class_install_property (
      klass, first,
      g_param_spec_string ("model", "Model",
                           "Hugging Face model directory, or the name of one below VLF_MODEL_PATH or the share folder; "
                           "empty for the default model",
                           DEFAULT_MODEL, flags));
  g_object_class_install_property (
      klass, first + 1,
      g_param_spec_string ("device", "Device",
                           "OpenCL device: auto, cpu, gpu, an index, or part of a platform's or device's name; "
                           "reference: plain C, for tests",
                           DEFAULT_DEVICE, flags));
  g_object_class_install_property (
      klass, first + 2,
      g_param_spec_string (
          "precision", "Precision",
          "Arithmetic and storage of weights: auto (f32 arithmetic, weights as in the file), f32, f16, "
          "bf16, int8",
          DEFAULT_PRECISION, flags));
}

void
gst_vl_engine_settings_set (GstVlEngineSettings *settings, guint which, const GValue *value)
{
  static const gchar *const defaults[] = { DEFAULT_MODEL, DEFAULT_DEVICE, DEFAULT_PRECISION };
  gchar **const fields[] = { &settings->model, &settings->device, &settings->precision };
  const gchar *string = g_value_get_string (value);

  g_free (*fields[which]);
  *fields[which] = g_strdup (string ? string : defaults[which]);
}

void
gst_vl_engine_settings_get (const GstVlEngineSettings *settings, guint which, GValue *value)
{
  const gchar *const fields[] = { settings->model, settings->device, settings->precision };

  g_value_set_string (value, fields[which]);
}

void
gst_vl_engine_settings_clear (GstVlEngineSettings *settings)
{
  g_clear_pointer (&settings->model, g_free);
  g_clear_pointer (&settings->device, g_free);
  g_clear_pointer (&settings->precision, g_free);
}

void
gst_vl_engine_settings_copy (GstVlEngineSettings *to, const GstVlEngineSettings *from)
{
  to->model = g_strdup (from->model);
  to->device = g_strdup (from->device);
  to->precision = g_strdup (from->precision);
  to->needs = from->needs;
}

gboolean
gst_vl_engine_settings_equal (const GstVlEngineSettings *a, const GstVlEngineSettings *b)
{
  return g_strcmp0 (a->model, b->model) == 0 && g_strcmp0 (a->device, b->device) == 0 &&
         g_strcmp0 (a->precision, b->precision) == 0 && a->needs == b->needs;
}

void
gst_vl_post_error (GstElement *element, const GError *error)
{
  static const struct {
    gint code;
    gboolean library;
    gint gst_code;
  } table[] = {
    { VLF_ERROR_NOT_FOUND, FALSE, GST_RESOURCE_ERROR_NOT_FOUND },
    { VLF_ERROR_IO, FALSE, GST_RESOURCE_ERROR_OPEN_READ },
    { VLF_ERROR_FORMAT, FALSE, GST_RESOURCE_ERROR_OPEN_READ },
    { VLF_ERROR_RANGE, FALSE, GST_RESOURCE_ERROR_SETTINGS },
    { VLF_ERROR_UNSUPPORTED, FALSE, GST_RESOURCE_ERROR_SETTINGS },
    { VLF_ERROR_NO_MEMORY, FALSE, GST_RESOURCE_ERROR_NO_SPACE_LEFT },
    { VLF_ERROR_BUILD, TRUE, GST_LIBRARY_ERROR_INIT },
    { VLF_ERROR_DEVICE, FALSE, GST_RESOURCE_ERROR_FAILED },
  };
  GQuark domain = GST_LIBRARY_ERROR;
  gint code = GST_LIBRARY_ERROR_FAILED;

  for (guint i = 0; error->domain == VLF_ERROR && i < G_N_ELEMENTS (table); i++) {
    if (table[i].code == error->code) {
      domain = table[i].library ? GST_LIBRARY_ERROR : GST_RESOURCE_ERROR;
      code = table[i].gst_code;
    }
  }
  if (g_error_matches (error, VLF_ERROR, VLF_ERROR_DEVICE))
    gst_element_post_message (
        element,
        gst_message_new_element (GST_OBJECT (element),
                                 gst_structure_new ("vlf-device-lost", "reason", G_TYPE_STRING, error->message, NULL)));
  gst_element_message_full (element, GST_MESSAGE_ERROR, domain, code, g_strdup (error->message), NULL, __FILE__,
                            GST_FUNCTION, __LINE__);
}

/* One error for a loss, whoever finds it first: the watch, or what the thread does when it comes back after all. */
static void
post_error (Loaded *loaded, const GError *error)
{
  const gboolean loss = g_error_matches (error, VLF_ERROR, VLF_ERROR_DEVICE);
  GstElement *owner;

  if (loss ? !g_atomic_int_compare_and_exchange (&loaded->lost, FALSE, TRUE) : g_atomic_int_get (&loaded->lost))
    return;
  owner = g_weak_ref_get (&loaded->owner);
  if (owner)
    gst_vl_post_error (owner, error);
  g_clear_pointer (&owner, gst_object_unref);
}

void
gst_vl_engine_post_error (GstVlEngine *engine, const GError *error)
{
  post_error (engine->loaded, error);
}

static void post_progress (Loaded *loaded, GstProgressType type, const gchar *format, ...) G_GNUC_PRINTF (3, 4);

static void
post_progress (Loaded *loaded, GstProgressType type, const gchar *format, ...)
{
  GstElement *owner = g_weak_ref_get (&loaded->owner);
  g_autofree gchar *text = NULL;
  va_list arguments;

  if (!owner)
    return;
  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  gst_element_post_message (owner, gst_message_new_progress (GST_OBJECT (owner), type, "load", text));
  gst_object_unref (owner);
}

static void
loaded_free (gpointer data)
{
  Loaded *loaded = data;

  vlf_session_free (loaded->session);
  vlf_model_unref (loaded->model);
  vlf_watch_end ();
  vlf_watch_unref (loaded->watch);
  g_weak_ref_clear (&loaded->owner);
  gst_vl_engine_settings_clear (&loaded->settings);
  g_free (loaded->directory);
  g_free (loaded);
}

static void
set_options (VlfModelOptions *options, const GstVlEngineSettings *settings, const gchar *directory)
{
  options->directory = directory;
  options->device = settings->device;
  options->precision = settings->precision;
  options->needs = settings->needs;
}

/* VlfProgress, with the worker as its user data. */
static gboolean
on_progress (double fraction, gpointer user)
{
  GstVlWorker *worker = user;
  Loaded *loaded = gst_vl_worker_get_data (worker);

  if (fraction >= loaded->told + 0.05) {
    loaded->told = fraction;
    post_progress (loaded, GST_PROGRESS_TYPE_CONTINUE, "loading %s: %.0f %%", loaded->directory, 100.0 * fraction);
  }
  return !gst_vl_worker_is_closing (worker);
}

static void
report_failure (Loaded *loaded, GstVlWorker *worker, const GError *error)
{
  if (gst_vl_worker_is_closing (worker)) {
    post_progress (loaded, GST_PROGRESS_TYPE_CANCELED, "stopped loading %s", loaded->directory);
  } else {
    post_progress (loaded, GST_PROGRESS_TYPE_ERROR, "cannot load %s", loaded->directory);
    post_error (loaded, error);
  }
}

static void
tell_loaded (Loaded *loaded)
{
  GstElement *owner = g_weak_ref_get (&loaded->owner);
  GstStructure *s;

  post_progress (loaded, GST_PROGRESS_TYPE_COMPLETE, "loaded %s on %s", loaded->directory,
                 vlf_model_device_name (loaded->model));
  if (!owner)
    return;
  s = gst_structure_new ("vlf-model-loaded", "model", G_TYPE_STRING, vlf_model_name (loaded->model), "device",
                         G_TYPE_STRING, vlf_model_device_name (loaded->model), NULL);
  gst_element_post_message (owner, gst_message_new_element (GST_OBJECT (owner), s));
  gst_object_unref (owner);
}

static void
load (GstVlTask *task, GstVlWorker *worker)
{
  Loaded *loaded = gst_vl_worker_get_data (worker);
  VlfModelOptions options = { .progress = on_progress, .user = worker };
  g_autoptr (GError) error = NULL;

  (void) task;
  set_options (&options, &loaded->settings, loaded->directory);
  post_progress (loaded, GST_PROGRESS_TYPE_START, "loading %s", loaded->directory);
  loaded->model = vlf_model_open (&options, &error);
  if (loaded->model)
    loaded->session = vlf_session_new (loaded->model, &error);
  if (!loaded->session) {
    report_failure (loaded, worker, error);
    return;
  }
  GST_INFO ("loaded model %s on %s", vlf_model_name (loaded->model), vlf_model_device_name (loaded->model));
  tell_loaded (loaded);
}

static void
load_free (GstVlTask *task)
{
  g_free (task);
}

/* The worker's first task. */
static void
check (GstVlTask *task, GstVlWorker *worker)
{
  Loaded *loaded = gst_vl_worker_get_data (worker);
  VlfModelOptions options = { 0 };

  vlf_watch_begin (loaded->watch);
  set_options (&options, &loaded->settings, loaded->directory);
  vlf_model_check (&options, &((Check *) task)->error);
}

static void
check_free (GstVlTask *task)
{
  g_clear_error (&((Check *) task)->error);
  g_free (task);
}

/* The driver is asked for its devices here, so that this too happens on the thread that can be left behind. */
static gboolean
passes_check (GstVlEngine *engine, GError **error)
{
  Check *task = g_new0 (Check, 1);
  gboolean passes;
  GstVlWait how;

  gst_vl_task_init (&task->task, check, check_free);
  gst_vl_worker_push (engine->worker, &task->task);
  do
    how = gst_vl_worker_wait (engine->worker, &task->task, STEP);
  while (how != GST_VL_WAIT_DONE && !vlf_watch_is_stuck (engine->watch, error));
  passes = how == GST_VL_WAIT_DONE && !task->error;
  if (how == GST_VL_WAIT_DONE && task->error)
    g_propagate_error (error, g_steal_pointer (&task->error));
  gst_vl_task_unref (&task->task);
  return passes;
}

static GstVlEngine *
engine_new (GstElement *owner, const GstVlEngineSettings *settings, gchar *directory)
{
  GstVlEngine *engine = g_new0 (GstVlEngine, 1);
  Loaded *loaded = g_new0 (Loaded, 1);

  g_weak_ref_init (&loaded->owner, owner);
  loaded->directory = directory;
  gst_vl_engine_settings_copy (&loaded->settings, settings);
  engine->watch = vlf_watch_new ();
  loaded->watch = vlf_watch_ref (engine->watch);
  engine->loaded = loaded;
  gst_vl_engine_settings_copy (&engine->settings, settings);
  engine->worker = gst_vl_worker_new ("vlf-engine", loaded, loaded_free);
  return engine;
}

GstVlEngine *
gst_vl_engine_open (GstElement *owner, const GstVlEngineSettings *settings, GError **error)
{
  gchar *directory = vlf_model_find (settings->model, error);
  GstVlEngine *engine;

  if (!directory)
    return NULL;
  engine = engine_new (owner, settings, directory);
  engine->load = g_new0 (GstVlTask, 1);
  gst_vl_task_init (engine->load, load, load_free);
  if (passes_check (engine, error)) {
    gst_vl_worker_push (engine->worker, engine->load);
    return engine;
  }
  gst_vl_engine_close (engine);
  return NULL;
}

void
gst_vl_engine_close (GstVlEngine *engine)
{
  if (!engine)
    return;
  if (!gst_vl_worker_close (engine->worker, PATIENCE))
    vlf_watch_leave (engine->watch);
  gst_vl_task_unref (engine->load);
  vlf_watch_unref (engine->watch);
  gst_vl_engine_settings_clear (&engine->settings);
  g_free (engine);
}

const GstVlEngineSettings *
gst_vl_engine_settings (const GstVlEngine *engine)
{
  return &engine->settings;
}

/* Whether the device is lost, or has gone silent over its work; whoever finds out first tells the bus. */
static gboolean
is_lost (GstVlEngine *engine)
{
  g_autoptr (GError) error = NULL;

  if (g_atomic_int_get (&engine->loaded->lost))
    return TRUE;
  if (!gst_vl_worker_is_busy (engine->worker) || !vlf_watch_is_stuck (engine->watch, &error))
    return FALSE;
  post_error (engine->loaded, error);
  return TRUE;
}

/* FALSE if interrupted, or the device is lost. */
static gboolean
wait_for (GstVlEngine *engine, GstVlTask *task)
{
  GstVlWait how;

  do
    how = gst_vl_worker_wait (engine->worker, task, STEP);
  while (how == GST_VL_WAIT_TIMEOUT && !is_lost (engine));
  return how == GST_VL_WAIT_DONE;
}

GstVlEngineState
gst_vl_engine_state (GstVlEngine *engine)
{
  if (is_lost (engine))
    return GST_VL_ENGINE_FAILED;
  if (!gst_vl_worker_is_done (engine->worker, engine->load))
    return GST_VL_ENGINE_LOADING;
  return engine->loaded->session ? GST_VL_ENGINE_READY : GST_VL_ENGINE_FAILED;
}

gboolean
gst_vl_engine_wait_loaded (GstVlEngine *engine)
{
  return wait_for (engine, engine->load);
}

VlfModel *
gst_vl_engine_model (GstVlEngine *engine)
{
  return gst_vl_engine_state (engine) == GST_VL_ENGINE_READY ? engine->loaded->model : NULL;
}

void
gst_vl_engine_interrupt (GstVlEngine *engine, gboolean interrupted)
{
  gst_vl_worker_interrupt (engine->worker, interrupted);
}

static void
run_job (GstVlTask *task, GstVlWorker *worker)
{
  GstVlJob *job = (GstVlJob *) task;
  Loaded *loaded = gst_vl_worker_get_data (worker);
  GstClockTime begin = gst_util_get_timestamp ();

  if (!job->infer (job, loaded->model, loaded->session, &job->error)) {
    g_clear_pointer (&job->result, vlf_result_unref);
    if (vlf_session_is_left (loaded->session))
      job->frame = (GstVlFrame){ 0 }; /* is left to the driver, mapped as it is */
  }
  job->duration = gst_util_get_timestamp () - begin;
}

static void
free_job (GstVlTask *task)
{
  GstVlJob *job = (GstVlJob *) task;

  if (job->clear)
    job->clear (job);
  gst_vl_frame_clear (&job->frame);
  vlf_result_unref (job->result);
  g_clear_error (&job->error);
  g_free (job);
}

gpointer
gst_vl_job_new (gsize size, gboolean (*infer) (GstVlJob *, VlfModel *, VlfSession *, GError **),
                void (*clear) (GstVlJob *))
{
  GstVlJob *job = g_malloc0 (size);

  gst_vl_task_init (&job->task, run_job, free_job);
  job->infer = infer;
  job->clear = clear;
  return job;
}

void
gst_vl_job_unref (GstVlJob *job)
{
  if (job)
    gst_vl_task_unref (&job->task);
}

void
gst_vl_engine_submit (GstVlEngine *engine, GstVlJob *job)
{
  vlf_watch_reset (engine->watch);
  gst_vl_worker_push (engine->worker, &job->task);
}

gboolean
gst_vl_engine_is_done (GstVlEngine *engine, GstVlJob *job)
{
  return gst_vl_worker_is_done (engine->worker, &job->task);
}

gboolean
gst_vl_engine_wait (GstVlEngine *engine, GstVlJob *job)
{
  return wait_for (engine, &job->task);
}
