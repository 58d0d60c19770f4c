/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-vltextenc
 * @title: vltextenc
 * @short_description: encodes texts for any number of fusions
 *
 * Reads text and gives what a vision-language model makes of it, `application/x-vlf-text-embedding`: little-endian 32-bit floats
 * [layers, tokens, dim] with a #GstVlTextMeta that says what they are of. Sent to a text pad of `vlfusion` with the same model, it gives
 * the same results, bit for bit, as the text itself would; but the text tower runs once here for any number of fusions behind a `tee`.
 * The words travel as a meta, which does not leave the process: between processes texts go as files, see vlfusion's `text-embeddings`.
 *
 * With BridgeTower models each token has its own vectors, for every layer that the fusion reads. With CLIP models a text is one vector,
 * with BLIP models that have a contrastive head too: the one that can be compared with #GstVlResult's image embedding.
 *
 * Times, gaps and segments are the text's. An empty buffer, which ends all texts that are active, stays one. Line breaks in a buffer are
 * spaces, and Pango's markup is taken off.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 vlfusion name=f ! vloverlay ! videoconvert ! autovideosink v4l2src ! videoconvert ! f.sink filesrc location=words.srt ! subparse ! vltextenc ! f.text_0
 * ]|
 *
 * Since: 0.1
 */
#include "plugin/gstvltextenc.h"
#include "plugin/gstvlencoded.h"
#include "plugin/gstvlengine.h"
#include "plugin/gstvlplaintext.h"

GST_DEBUG_CATEGORY_STATIC (gst_vl_text_enc_debug);
#define GST_CAT_DEFAULT gst_vl_text_enc_debug

#define DEFAULT_MARKUP FALSE

enum { PROP_0, PROP_MODEL, PROP_DEVICE, PROP_PRECISION, PROP_PROMPT_MARKUP };

/* Why waiting must end; bits. */
enum { STOPPING = 1 << 0, FLUSHING = 1 << 1 };

struct _GstVlTextEnc {
  GstElement parent;
  GstPad *sinkpad, *srcpad;
  GstVlEngine *engine; /* from READY on */
  gboolean pango;      /* the input has Pango's markup; streaming thread */

  /* Guarded by the object lock. */
  GstVlEngineSettings settings;
  gboolean markup;
  guint interrupts;
};

/* One text. */
typedef struct {
  GstVlJob job;
  gchar *text;
  gboolean markup;
  GError *refused; /* why its marks were not read; NULL: they were */
  VlfEmbeddings *encoded;
} TextJob;

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_VL_TEXT_CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (GST_VL_ENCODED_CAPS));

G_DEFINE_TYPE_WITH_CODE (GstVlTextEnc, gst_vl_text_enc, GST_TYPE_ELEMENT,
                         GST_DEBUG_CATEGORY_INIT (gst_vl_text_enc_debug, "vltextenc", 0, "text encoder"))
#define parent_class gst_vl_text_enc_parent_class

GST_ELEMENT_REGISTER_DEFINE (vltextenc, "vltextenc", GST_RANK_NONE, GST_TYPE_VL_TEXT_ENC)

/* Encoding. */

static gboolean
encode (GstVlJob *base, VlfModel *model, VlfSession *session, GError **error)
{
  TextJob *job = (TextJob *) base;
  const char *text = job->text;
  GError *why = NULL;

  (void) session;
  job->encoded = vlf_model_encode_texts (model, &text, 1, job->markup, &why);
  if (!job->encoded && job->markup && g_error_matches (why, VLF_ERROR, VLF_ERROR_UNSUPPORTED)) {
    job->refused = g_steal_pointer (&why);
    job->encoded = vlf_model_encode_texts (model, &text, 1, FALSE, &why);
  }
  if (!why)
    return TRUE;
  if (!g_error_matches (why, VLF_ERROR, VLF_ERROR_RANGE)) {
    g_propagate_error (error, why);
    return FALSE;
  }
  g_clear_error (&job->refused); /* the text itself is at fault, and the next one may not be */
  job->refused = why;
  return TRUE;
}

static void
clear_job (GstVlJob *base)
{
  TextJob *job = (TextJob *) base;

  g_free (job->text);
  g_clear_error (&job->refused);
  vlf_embeddings_unref (job->encoded);
}

/* Takes @text. NULL: a text that the model cannot read, which the bus knows; or with @ret interrupted, or an error that the bus knows. */
static GstBuffer *
encode_text (GstVlTextEnc *self, gchar *text, GstFlowReturn *ret)
{
  TextJob *job = gst_vl_job_new (sizeof *job, encode, clear_job);
  GstBuffer *buffer = NULL;

  job->text = text;
  GST_OBJECT_LOCK (self);
  job->markup = self->markup;
  GST_OBJECT_UNLOCK (self);
  gst_vl_engine_submit (self->engine, &job->job);
  if (!gst_vl_engine_wait (self->engine, &job->job)) {
    gst_vl_task_cancel (&job->job.task);
    *ret = gst_vl_engine_state (self->engine) == GST_VL_ENGINE_FAILED ? GST_FLOW_ERROR : GST_FLOW_FLUSHING;
  } else if (job->job.error) {
    gst_vl_engine_post_error (self->engine, job->job.error);
    *ret = GST_FLOW_ERROR;
  } else if (!job->encoded) {
    GST_ELEMENT_WARNING (self, STREAM, DECODE, ("A text is ignored: %s", job->refused->message), (NULL));
  } else {
    buffer = gst_vl_encoded_to_buffer (job->encoded, 0);
    if (job->refused)
      GST_ELEMENT_WARNING (self, STREAM, DECODE, ("A text is encoded as it stands: %s", job->refused->message), (NULL));
    if (job->encoded->texts[0].truncated)
      GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
                           ("The text \"%.*s...\" is longer than the model reads; its end is ignored.",
                            vlf_shown (job->text, 40), job->text),
                           (NULL));
  }
  gst_vl_job_unref (&job->job);
  return buffer;
}

static GstFlowReturn
chain (GstPad *pad, GstObject *parent, GstBuffer *in)
{
  GstVlTextEnc *self = GST_VL_TEXT_ENC (parent);
  g_autoptr (GError) error = NULL;
  g_autofree gchar *text = gst_vl_plain_text (parent, in, self->pango, &error);
  GstFlowReturn ret = GST_FLOW_OK;
  GstBuffer *out = NULL;

  (void) pad;
  if (!gst_pad_has_current_caps (self->srcpad)) {
    ret = GST_FLOW_NOT_NEGOTIATED;
  } else if (!text) {
    GST_ELEMENT_WARNING (self, STREAM, DECODE, ("A text is ignored: %s", error->message), (NULL));
  } else {
    out = *text ? encode_text (self, g_steal_pointer (&text), &ret) : gst_buffer_new ();
  }
  if (out)
    gst_buffer_copy_into (out, in, GST_BUFFER_COPY_TIMESTAMPS | GST_BUFFER_COPY_FLAGS, 0, -1);
  gst_buffer_unref (in);
  return out ? gst_pad_push (self->srcpad, out) : ret;
}

/* Events. */

static void
interrupt (GstVlTextEnc *self, guint why, gboolean on)
{
  GST_OBJECT_LOCK (self);
  self->interrupts = on ? self->interrupts | why : self->interrupts & ~why;
  if (self->engine) /* with the lock: what is set later counts later */
    gst_vl_engine_interrupt (self->engine, self->interrupts != 0);
  GST_OBJECT_UNLOCK (self);
}

/* What comes out is known when the model has loaded. */
static GstFlowReturn
take_caps (GstVlTextEnc *self, GstEvent *event)
{
  g_autoptr (GError) error = NULL;
  VlfEncoding encoding;
  GstCaps *caps;
  gboolean ok;

  gst_event_parse_caps (event, &caps);
  self->pango = gst_vl_caps_are_markup (caps);
  if (!gst_vl_engine_wait_loaded (self->engine))
    return GST_FLOW_FLUSHING;
  if (!gst_vl_engine_model (self->engine))
    return GST_FLOW_ERROR; /* which the bus knows */
  if (!vlf_model_encoding (gst_vl_engine_model (self->engine), &encoding, &error)) {
    gst_vl_post_error (GST_ELEMENT (self), error);
    return GST_FLOW_NOT_NEGOTIATED;
  }
  caps = gst_vl_encoding_to_caps (&encoding);
  ok = gst_pad_set_caps (self->srcpad, caps);
  gst_caps_unref (caps);
  if (ok || GST_PAD_IS_FLUSHING (self->srcpad))
    return ok ? GST_FLOW_OK : GST_FLOW_FLUSHING;
  return GST_FLOW_NOT_NEGOTIATED;
}

static GstFlowReturn
sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstVlTextEnc *self = GST_VL_TEXT_ENC (parent);
  GstFlowReturn ret;

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_CAPS:
    ret = take_caps (self, event);
    gst_event_unref (event);
    return ret;
  case GST_EVENT_FLUSH_START: interrupt (self, FLUSHING, TRUE); break;
  case GST_EVENT_FLUSH_STOP: interrupt (self, FLUSHING, FALSE); break;
  default: break;
  }
  return gst_pad_event_default (pad, parent, event) ? GST_FLOW_OK : GST_FLOW_ERROR;
}

/* States. */

static void
close_engine (GstVlTextEnc *self)
{
  g_clear_pointer (&self->engine, gst_vl_engine_close);
}

/* Opens the model, anew if what names it has changed. */
static gboolean
open_engine (GstVlTextEnc *self)
{
  GstVlEngineSettings settings = { 0 };
  g_autoptr (GError) error = NULL;

  GST_OBJECT_LOCK (self);
  gst_vl_engine_settings_copy (&settings, &self->settings);
  GST_OBJECT_UNLOCK (self);
  if (self->engine && (!gst_vl_engine_settings_equal (&settings, gst_vl_engine_settings (self->engine)) ||
                       gst_vl_engine_state (self->engine) == GST_VL_ENGINE_FAILED))
    close_engine (self);
  if (!self->engine)
    self->engine = gst_vl_engine_open (GST_ELEMENT (self), &settings, &error);
  gst_vl_engine_settings_clear (&settings);
  if (error)
    gst_vl_post_error (GST_ELEMENT (self), error);
  return !error;
}

static GstStateChangeReturn
change_state (GstElement *element, GstStateChange transition)
{
  GstVlTextEnc *self = GST_VL_TEXT_ENC (element);
  GstStateChangeReturn ret;

  switch (transition) {
  case GST_STATE_CHANGE_NULL_TO_READY:
  case GST_STATE_CHANGE_READY_TO_PAUSED:
    if (!open_engine (self))
      return GST_STATE_CHANGE_FAILURE;
    if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
      interrupt (self, STOPPING | FLUSHING, FALSE);
    break;
  case GST_STATE_CHANGE_PAUSED_TO_READY: /* deactivating pads takes the stream lock, which a waiting text holds */
    interrupt (self, STOPPING, TRUE);
    break;
  default: break;
  }
  ret = GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_READY_TO_NULL)
    close_engine (self);
  return ret;
}

/* GObject. */

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstVlTextEnc *self = GST_VL_TEXT_ENC (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_MODEL:
  case PROP_DEVICE:
  case PROP_PRECISION: gst_vl_engine_settings_set (&self->settings, id - PROP_MODEL, value); break;
  case PROP_PROMPT_MARKUP: self->markup = g_value_get_boolean (value); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstVlTextEnc *self = GST_VL_TEXT_ENC (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_MODEL:
  case PROP_DEVICE:
  case PROP_PRECISION: gst_vl_engine_settings_get (&self->settings, id - PROP_MODEL, value); break;
  case PROP_PROMPT_MARKUP: g_value_set_boolean (value, self->markup); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_vl_text_enc_finalize (GObject *object)
{
  GstVlTextEnc *self = GST_VL_TEXT_ENC (object);

  close_engine (self);
  gst_vl_engine_settings_clear (&self->settings);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_vl_text_enc_class_init (GstVlTextEncClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->finalize = gst_vl_text_enc_finalize;
  element_class->change_state = change_state;
  gst_vl_engine_settings_install (object_class, PROP_MODEL);
  g_object_class_install_property (
      object_class, PROP_PROMPT_MARKUP,
      g_param_spec_boolean (
          "prompt-markup", "Prompt markup",
          "Read marks in the text, (word:1.5) and [word], as vlfusion does; they travel with the text", DEFAULT_MARKUP,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING));
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (
      element_class, "Vision-language text encoder", "Encoder/Text",
      "Encodes text with a vision-language model's text tower, once for any number of vlfusion elements",
      "gst-vlfusion developers");
}

static void
gst_vl_text_enc_init (GstVlTextEnc *self)
{
  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, chain);
  gst_pad_set_event_full_function (self->sinkpad, sink_event);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);
  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_use_fixed_caps (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
  gst_vl_engine_settings_init (&self->settings);
  self->markup = DEFAULT_MARKUP;
}
