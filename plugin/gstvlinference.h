/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/base/gstbasetransform.h>
#include <gst/video/video.h>
#include "plugin/gstvlengine.h"
#include "plugin/lib/vlfusion.h"

G_BEGIN_DECLS

/* The mechanics of an element that lets video pass untouched and attaches what a model says about it: when to run, when to wait, what to
 * hold, flush, drain, measure and report. Knows nothing of prompts or captions: what is asked is the subclass's. */
#define GST_TYPE_VL_INFERENCE (gst_vl_inference_get_type ())
G_DECLARE_DERIVABLE_TYPE (GstVlInference, gst_vl_inference, GST, VL_INFERENCE, GstBaseTransform)

#define GST_TYPE_VL_MODE (gst_vl_mode_get_type ())
typedef enum { GST_VL_MODE_AUTO, GST_VL_MODE_EVERY_FRAME, GST_VL_MODE_LATEST } GstVlMode;
GType gst_vl_mode_get_type (void);

/* A subclass adds its metadata; both video pad templates and text_%u come from here. */
struct _GstVlInferenceClass {
  GstBaseTransformClass parent_class;

  GstVlKind kind; /* of the metas */

  /* What to ask of the next frame: a job whose infer () has all it needs, or NULL when there is nothing to ask; then the frame leaves
   * without meta. @texts: active texts of the text pads, strings in pad order. @waits: the frame waits for its own result; otherwise
   * inference runs beside the stream, and the job may never run. On the streaming thread. */
  GstVlJob *(*prepare) (GstVlInference *self, const GPtrArray *texts, gboolean waits);
  /* The result of a job that succeeded, as metas carry it. On the streaming thread. */
  GstVlResult *(*finish) (GstVlInference *self, GstVlJob *job);
  /* @meta was attached to @buffer, which is writable. NULL: nothing more to do. On the streaming thread. */
  void (*attached) (GstVlInference *self, GstBuffer *buffer, GstVlMeta *meta);
  /* FALSE when a setting that only the subclass knows is wrong: going to PAUSED then fails with @error. NULL: nothing to check. */
  gboolean (*check) (GstVlInference *self, GError **error);
};

/* The model, borrowed until the element goes to READY; NULL while it loads. On the streaming thread. */
VlfModel *gst_vl_inference_get_model (GstVlInference *self);

G_END_DECLS
