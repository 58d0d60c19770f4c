/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>
#include "models/session.h"
#include "plugin/gstvlframe.h"
#include "plugin/gstvlworker.h"

G_BEGIN_DECLS

/* A model on a device with a session for one stream, on a thread of its own: weights load there and inferences run there, so that
 * whoever waits can be interrupted and an element always reaches NULL. */
typedef struct _GstVlEngine GstVlEngine;

/* What names a model; strings may be NULL for the default. */
typedef struct {
  gchar *model, *device, *precision;
  VlfAbility needs; /* of the model */
} GstVlEngineSettings;

void gst_vl_engine_settings_init (GstVlEngineSettings *settings);
void gst_vl_engine_settings_clear (GstVlEngineSettings *settings);
void gst_vl_engine_settings_copy (GstVlEngineSettings *to, const GstVlEngineSettings *from);
gboolean gst_vl_engine_settings_equal (const GstVlEngineSettings *a, const GstVlEngineSettings *b);

/* In class_init: the properties model, device and precision, numbered @first, @first + 1, @first + 2; and their values, @which from 0. */
void gst_vl_engine_settings_install (GObjectClass *klass, guint first);
void gst_vl_engine_settings_set (GstVlEngineSettings *settings, guint which, const GValue *value);
void gst_vl_engine_settings_get (const GstVlEngineSettings *settings, guint which, GValue *value);

/* One inference: a frame and, in what embeds this, the questions about it. */
typedef struct _GstVlJob GstVlJob;
struct _GstVlJob {
  GstVlTask task;
  GstVlFrame frame;
  GstClockTime pts, stream_time, running_time; /* of the frame; GST_CLOCK_TIME_NONE: unknown */
  gboolean cut;                                /* it does not follow the frame before */
  VlfFit fit;                                  /* how the frame will meet the model's input */
  guint64 generation; /* of what is asked: when it changes, an inference is due whatever the interval */
  /* On the engine's thread, which may outlive the element: touches nothing but its arguments; fills @result. Ends early, with
   * any error, once gst_vl_task_is_cancelled(). */
  gboolean (*infer) (GstVlJob *job, VlfModel *model, VlfSession *session, GError **error);
  /* Releases what the embedding structure owns. */
  void (*clear) (GstVlJob *job);
  VlfResult *result;     /* NULL on failure, then @error is set */
  GError *error;         /* owned */
  GstClockTime duration; /* of infer () */
};

/* @size: of the structure that embeds a GstVlJob as its first member; the rest of it is zero. */
gpointer gst_vl_job_new (gsize size, gboolean (*infer) (GstVlJob *, VlfModel *, VlfSession *, GError **),
                         void (*clear) (GstVlJob *));
void gst_vl_job_unref (GstVlJob *job); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstVlJob, gst_vl_job_unref)

typedef enum { GST_VL_ENGINE_LOADING, GST_VL_ENGINE_READY, GST_VL_ENGINE_FAILED } GstVlEngineState;

/* Checks at once what can be checked without reading weights, then loads them beside, telling @owner's bus of the progress; a failure
 * to load is posted there as an error, once. So is a device that does not answer (kernels/watch.h): its engine has FAILED from then on,
 * and closing it leaves the thread behind. Only a weak reference to @owner is kept. */
GstVlEngine *gst_vl_engine_open (GstElement *owner, const GstVlEngineSettings *settings, GError **error);
/* A kernel that runs is waited for half a second at most, then left to end by itself. NULL is fine. */
void gst_vl_engine_close (GstVlEngine *engine);
const GstVlEngineSettings *gst_vl_engine_settings (const GstVlEngine *engine);
GstVlEngineState gst_vl_engine_state (GstVlEngine *engine);
/* Until the state is no longer LOADING; FALSE if interrupted before. */
gboolean gst_vl_engine_wait_loaded (GstVlEngine *engine);
VlfModel *gst_vl_engine_model (GstVlEngine *engine); /* borrowed; NULL unless READY */
void gst_vl_engine_interrupt (GstVlEngine *engine, gboolean interrupted);

/* Only when READY. */
void gst_vl_engine_submit (GstVlEngine *engine, GstVlJob *job);
gboolean gst_vl_engine_is_done (GstVlEngine *engine, GstVlJob *job);
/* FALSE if interrupted, or FAILED, before it was done. */
gboolean gst_vl_engine_wait (GstVlEngine *engine, GstVlJob *job);

/* Posts @error of a job on the owner's bus, as gst_vl_post_error(). Only the first that is VLF_ERROR_DEVICE is, and nothing after it: the device
 * is lost then, for this engine, which has FAILED. */
void gst_vl_engine_post_error (GstVlEngine *engine, const GError *error);

/* Posts @error as one GST_ELEMENT_ERROR in the domain that fits its code. */
void gst_vl_post_error (GstElement *element, const GError *error);

G_END_DECLS
