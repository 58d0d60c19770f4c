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

#define GST_TYPE_VL_FIT (gst_vl_fit_get_type ())
GType gst_vl_fit_get_type (void);

/* A subclass adds its metadata; both video pad templates and text_%u come from here. One whose text pads take encoded texts as well
 * says so with gst_vl_inference_class_take_encoded(). */
struct _GstVlInferenceClass {
  GstBaseTransformClass parent_class;

  GstVlKind kind;             /* of the metas */
  const gchar *message;       /* name of the element messages that tell results */
  const gchar *default_model; /* that an empty property model means; NULL: the shipped default */

  /* What the model has to be able to do. Asked when the element starts. NULL: nothing particular. */
  VlfAbility (*needs) (GstVlInference *self);

  /* What to ask of the next frame: a job whose infer () has all it needs, or NULL when there is nothing to ask; then the frame leaves
   * without meta. @texts: active texts of the text pads, strings in pad order. The job may never run. On the streaming thread. */
  GstVlJob *(*prepare) (GstVlInference *self, const GPtrArray *texts);
  /* The result of a job that succeeded, as metas carry it. With the sink pad's stream lock: on the streaming thread, or on one that lets
   * a frame go while no other comes; the next frame may have been prepared before. */
  GstVlResult *(*finish) (GstVlInference *self, GstVlJob *job);
  /* The model is about to go: what belongs to it goes first. Nothing streams. NULL: nothing does. */
  void (*model_goes) (GstVlInference *self);
  /* @buffer is about to leave with @result, NULL: without one. What it returns, unless GST_FLOW_OK, the element returns in place of
   * pushing the buffer; GST_BASE_TRANSFORM_FLOW_DROPPED: it is not to be pushed. NULL: nothing more to do. As finish (). */
  GstFlowReturn (*leaving) (GstVlInference *self, GstBuffer *buffer, GstVlResult *result);
};

/* In class_init. */
void gst_vl_inference_class_take_encoded (GstVlInferenceClass *klass);

/* The model, borrowed until the element goes to READY; NULL while it loads. With the stream lock. */
VlfModel *gst_vl_inference_get_model (GstVlInference *self);
/* During prepare(): for each of its texts the VlfEmbeddings, of one text, that it came as, or NULL. Only where the subclass's text pads
 * take encoded texts. */
const GPtrArray *gst_vl_inference_get_encoded (GstVlInference *self);
/* Whether upstream is live, so that nothing may hold its frames up. On the streaming thread. */
gboolean gst_vl_inference_is_live (GstVlInference *self);

/* The property interval, for a subclass that has one of its own with another default. Any thread. */
void gst_vl_inference_set_interval (GstVlInference *self, GstClockTime interval);
GstClockTime gst_vl_inference_get_interval (GstVlInference *self);

/* Settings of a subclass, numbered by it below GST_VL_MAX_SETTINGS, each for itself: a good value of one does not excuse a bad one of
 * another. Any thread. */
#define GST_VL_MAX_SETTINGS 8
/* The new value cannot be used: keeps the element from starting; once it runs the old value stays, and the bus is told. Takes @error. */
void gst_vl_inference_refuse (GstVlInference *self, guint setting, GError *error);
void gst_vl_inference_accept (GstVlInference *self, guint setting);

G_END_DECLS
