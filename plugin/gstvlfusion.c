/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-vlfusion
 * @title: vlfusion
 * @short_description: asks a vision-language model about each frame
 *
 * Lets video pass, its pixels untouched, and attaches a #GstVlMeta to each frame that says for every text prompt how well the frame
 * matches it, one embedding of frame and prompt, and where in the frame each word looked. The model is a transformer with
 * cross-attention between image and text, a directory as Hugging Face publishes them, run as OpenCL kernels.
 *
 * Prompts come from #GstVlfusion:prompt or #GstVlfusion:prompts, which may change at any time, and with a time from text pads.
 * Without any prompt frames pass without meta. gst-launch-1.0 breaks values at spaces and drops single backslashes: in a shell write
 * `prompt='a red circle\\na star'` or `prompts='"<\"a red circle\",\"a star\">"'`, or with single words `prompts='<circle,star>'`;
 * `prompts='<"a red circle","a star">'` does not get through. In a program nothing of this applies.
 *
 * With #GstVlfusion:prompt-markup a prompt may say which of its words count: in `a (red:3) circle` the picture listens three times as
 * much to "red" as it would, in `a (red:0) circle` not at all, and `the star [left] of the heart` shows where "left" alone looked. This
 * holds for prompts from text pads as well, after markup of their own (pango-markup) has been taken off. In models but BridgeTower's the
 * picture does not look at words; there a weight is an error.
 *
 * Texts may also come encoded, from `vltextenc` to a text pad or from the file of #GstVlFusion:text-embeddings, which is asked behind the
 * prompts: with the same results as the texts themselves, and without running the text tower here. They have to be this model's; for CLIP
 * models tables of vectors that other programs made do as well. A BLIP model reads words together with the picture and cannot be asked encoded
 * ones; by its contrastive head alone it compares with them as a #GstVlfusion:bank. A file that changes, best by renaming a new one over it, takes effect as
 * a whole within half a second; a warning tells of one that cannot be used, and the texts before it stay.
 *
 * What is found can be had in four ways: as #GstVlMeta on each frame, from libgstvlfusion-1.0; with #GstVlInference:mirror as a
 * #GstCustomMeta named `GstVlFusion`, a flat #GstStructure that any language binding can read and that goes where the #GstVlMeta goes;
 * with #GstVlInference:post-messages as an element message named `vlfusion` for each new result; and, where GStreamer's analytics library
 * was there at build time, with #GstVlInference:analytics-meta as its metas. With
 * #GstVlInference:post-events the bus hears `vlf-match-start` and `vlf-match-end` when a prompt begins and ceases to match.
 *
 * Frames may be JPEG pictures, as many cameras send them: they pass as they are and are decoded here, no larger than the model needs.
 * One that is broken passes without meta, and a warning says so once.
 *
 * Where words look is said in the frame's own pixels, also where these are not square; but the model sees the frame in the shape that it
 * is shown in, unless #GstVlInference:fit (or the checkpoint's own way, as with BLIP's) squashes the frame anyway. Turn video from a phone
 * before: `videoflip video-direction=auto ! vlfusion`; elements that turn or crop it afterwards drop the meta.
 *
 * In mode every-frame each frame waits for its own result. If the source is not live, the next frame is decoded and the one before is
 * drawn or encoded meanwhile: two frames are in flight, and each leaves as soon as its result is there, also when no other follows.
 *
 * Where much of the picture rests, as a fixed camera's does, #GstVlfusion:reuse spares what was computed before: `exact` answers frames
 * that did not change at all, with the same bits; `approximate` computes only the parts that changed, and those that words looked at.
 * Each result says which share of the picture it did not compute (gst_vl_result_get_reused(), `reused` in JSON). A moving camera gains
 * nothing by it.
 *
 * Where words look is the mean of the cross-attention of some layers; #GstVlFusion:relevance shows instead what has come into them through
 * all layers. With #GstVlFusion:attention-top-k a word looks at so many patches only, and a patch at so many words.
 *
 * With a CLIP model prompts compete: a match is the share that one has of all, negative prompts (#GstVlfusion:negative-prompts)
 * included, and what the frame shows, or that it shows none of them, is gst_vl_result_get_best(). #GstVlfusion:bank compares each frame
 * with thousands of texts for next to nothing; with BLIP and BridgeTower, #GstVlfusion:rerank then has cross-attention look at the best.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=clip.avi ! decodebin ! videoconvert ! vlfusion prompt="a red circle" ! vloverlay ! videoconvert ! autovideosink
 * ]|
 * |[
 * gst-launch-1.0 vlfusion name=f ! vloverlay ! videoconvert ! autovideosink v4l2src ! videoconvert ! f.sink filesrc location=words.srt ! subparse ! f.text_0
 * ]|
 *
 * Since: 0.1
 */
#include "plugin/gstvlfusion.h"
#include <math.h>
#include "plugin/gstvlattention.h"
#include "plugin/gstvlchoice.h"
#include "plugin/gstvlconvert.h"
#include "plugin/gstvlfilewatch.h"
#include "plugin/gstvlpromptlist.h"
#include "plugin/gstvlprompts.h"
#include "plugin/gstvltextfile.h"

GST_DEBUG_CATEGORY_STATIC (gst_vl_fusion_debug);
#define GST_CAT_DEFAULT gst_vl_fusion_debug

#define DEFAULT_PROMPT "" /* of both properties */
#define DEFAULT_MARKUP FALSE
#define DEFAULT_REUSE  VLF_REUSE_OFF
#define DEFAULT_FILE   "" /* of texts, and of the bank */

enum {
  PROP_0,
  PROP_PROMPT,
  PROP_PROMPTS,
  PROP_PROMPT_MARKUP,
  PROP_TEXT_EMBEDDINGS,
  PROP_TEMPLATES,
  PROP_NEGATIVE_PROMPTS,
  PROP_BANK,
  PROP_CHOICE,
  PROP_CHOICE_LAST = PROP_CHOICE + GST_VL_CHOICE_PROPERTIES - 1,
  PROP_ATTENTION,
  PROP_ATTENTION_LAST = PROP_ATTENTION + GST_VL_ATTENTION_PROPERTIES - 1,
  PROP_REUSE
};

/* What can be refused, each for itself: a good value of one does not excuse a bad one of another. */
enum { SETTING_PROMPTS, SETTING_TEXTS, SETTING_TEMPLATES, SETTING_NEGATIVES, SETTING_ATTENTION };

struct _GstVlfusion {
  GstVlInference parent;
  GstVlPrompts *prompts;
  GstVlTextFile *file;

  /* Guarded by the object lock. */
  GstVlAttention attention;
  VlfReuseMode reuse;
  GstVlChoice choice;
  GstVlFileWatch bank_watch;
};

/* A frame's questions. */
typedef struct {
  GstVlJob job;
  GstVlPromptSet *set;
  GstVlAttention attention;
  VlfReuseMode reuse;
  GstVlChoice choice;
} FusionJob;

G_DEFINE_TYPE_WITH_CODE (GstVlfusion, gst_vl_fusion, GST_TYPE_VL_INFERENCE,
                         GST_DEBUG_CATEGORY_INIT (gst_vl_fusion_debug, "vlfusion", 0, "vision-language fusion"))
#define parent_class gst_vl_fusion_parent_class

GST_ELEMENT_REGISTER_DEFINE (vlfusion, "vlfusion", GST_RANK_NONE, GST_TYPE_VL_FUSION)

/* Inference. */

/* A file of texts may say itself how near the best one has to be; the property, where it is set, has the last word. */
static void
take_unknown (const GstVlPromptSet *set, VlfRunOptions *options)
{
  const VlfEmbeddings *file = gst_vl_prompt_set_file (set);

  if (options->judge || !file || isnan (file->unknown_threshold))
    return;
  options->judge = TRUE;
  options->unknown_threshold = file->unknown_threshold;
}

static gboolean
fusion_infer (GstVlJob *base, VlfModel *model, VlfSession *session, GError **error)
{
  FusionJob *job = (FusionJob *) base;
  VlfRunOptions options = { .fit = base->fit, .reuse = job->reuse, .cut = base->cut };
  g_autoptr (GPtrArray) asked = NULL, negatives = NULL;

  if (!gst_vl_prompt_set_encode (job->set, model, error))
    return FALSE;
  asked = g_ptr_array_new ();
  negatives = g_ptr_array_new ();
  gst_vl_prompt_set_split (job->set, asked, negatives);
  options.negatives = (VlfText *const *) negatives->pdata;
  options.n_negatives = negatives->len;
  options.bank = gst_vl_asking_bank (job->set->asking);
  gst_vl_choice_apply (&job->choice, &options);
  gst_vl_attention_apply (&job->attention, &options);
  take_unknown (job->set, &options);
  return vlf_session_run (session, &base->frame.image, 1, (VlfText *const *) asked->pdata, asked->len, &options,
                          &base->result, error);
}

static void
fusion_job_clear (GstVlJob *base)
{
  FusionJob *job = (FusionJob *) base;

  gst_vl_prompt_set_unref (job->set);
  gst_vl_attention_clear (&job->attention);
}

/* A file of texts that has changed takes effect whole or not at all. */
static void
follow_file (GstVlFusion *self, VlfModel *model)
{
  g_autoptr (VlfEmbeddings) texts = NULL;
  g_autoptr (GError) error = NULL;

  if (gst_vl_text_file_look (self->file, &texts, &error) &&
      (!texts || !model || vlf_model_check_embeddings (model, texts, &error)))
    gst_vl_prompts_want_encoded (self->prompts, texts);
  if (error)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("text-embeddings: the new texts are not used: %s", error->message),
                         (NULL));
}

/* The bank's file as a list; NULL or "": none. */
static gchar **
list_of (const gchar *path)
{
  gchar **list = g_new0 (gchar *, 2);

  list[0] = path && *path ? g_strdup (path) : NULL;
  return list;
}

/* A bank's file that has changed is read again, beside the stream. */
static void
follow_bank (GstVlFusion *self)
{
  g_autoptr (GstVlAsking) asking = gst_vl_prompts_wanted_asking (self->prompts);
  gboolean changed;

  if (!asking->bank)
    return;
  GST_OBJECT_LOCK (self);
  changed = gst_vl_file_watch_look (&self->bank_watch, asking->bank);
  GST_OBJECT_UNLOCK (self);
  if (changed)
    gst_vl_prompts_want_asking (self->prompts, GST_VL_ASKING_BANK, list_of (asking->bank));
}

static GstVlJob *
fusion_prepare (GstVlInference *base, const GPtrArray *texts)
{
  GstVlFusion *self = GST_VL_FUSION (base);
  VlfModel *model = gst_vl_inference_get_model (base);
  g_autoptr (GError) error = NULL;
  GstVlPromptSet *set;
  FusionJob *job;

  follow_file (self, model);
  follow_bank (self);
  set = gst_vl_prompts_choose (self->prompts, model, texts, gst_vl_inference_get_encoded (base), &error);
  if (error)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("New prompts are not used: %s", error->message), (NULL));
  if (!set)
    return NULL;
  job = gst_vl_job_new (sizeof *job, fusion_infer, fusion_job_clear);
  job->set = set;
  job->job.generation = set->generation;
  GST_OBJECT_LOCK (self);
  gst_vl_attention_init_copy (&job->attention, &self->attention);
  job->reuse = self->reuse;
  job->choice = self->choice;
  GST_OBJECT_UNLOCK (self);
  return &job->job;
}

/* What encoding found, once for each list of prompts. */
static void
tell_encoded (GstVlFusion *self, GstVlPromptSet *set)
{
  if (set->checked)
    return;
  set->checked = TRUE;
  if (set->refused)
    GST_ELEMENT_WARNING (
        self, STREAM, DECODE,
        ("A text is %s: %s", set->left_out ? "not asked" : "asked as it stands", set->refused->message), (NULL));
  for (guint i = 0; i < set->n; i++) {
    glong length = g_utf8_strlen (set->prompts[i], -1);
    g_autofree gchar *begin = g_utf8_substring (set->prompts[i], 0, MIN (length, 40));

    if (set->texts[i] && vlf_text_truncated (set->texts[i]))
      GST_ELEMENT_WARNING (
          self, RESOURCE, SETTINGS,
          ("The prompt \"%s...\" of %ld characters is longer than the model reads; its end is ignored.", begin, length),
          (NULL));
  }
}

static GstVlResult *
fusion_finish (GstVlInference *base, GstVlJob *base_job)
{
  FusionJob *job = (FusionJob *) base_job;
  VlfModel *model = gst_vl_inference_get_model (base);
  const VlfEmbeddings *file = gst_vl_prompt_set_file (job->set);
  GstVlResult *result = gst_vl_result_from_vlf (base_job->result, base_job->pts, job->set->generation);

  tell_encoded (GST_VL_FUSION (base), job->set);
  if (file && !isnan (file->threshold))
    gst_vl_result_set_threshold (result, file->threshold);
  else if (model)
    gst_vl_result_set_threshold (result, vlf_model_threshold (model));
  return result;
}

/* Settings. */

/* @prompts: taken over; NULL: refused because of @error, which is taken too. */
static void
set_prompts (GstVlFusion *self, gchar **prompts, GError *error)
{
  if (!prompts) {
    gst_vl_inference_refuse (GST_VL_INFERENCE (self), SETTING_PROMPTS, error);
    return;
  }
  gst_vl_prompts_want (self->prompts, prompts);
  gst_vl_inference_accept (GST_VL_INFERENCE (self), SETTING_PROMPTS);
}

/* Lines of @text. */
static void
set_lines (GstVlFusion *self, guint setting, const gchar *name, GstVlAskingField field, const gchar *text)
{
  GError *error = NULL;
  gchar **lines = gst_vl_prompt_list_from_text (name, text, &error);

  if (!lines) {
    gst_vl_inference_refuse (GST_VL_INFERENCE (self), setting, error);
    return;
  }
  gst_vl_prompts_want_asking (self->prompts, field, lines);
  gst_vl_inference_accept (GST_VL_INFERENCE (self), setting);
}

static void
set_bank (GstVlFusion *self, const gchar *path)
{
  GST_OBJECT_LOCK (self);
  gst_vl_file_watch_take (&self->bank_watch, path ? path : "");
  GST_OBJECT_UNLOCK (self);
  gst_vl_prompts_want_asking (self->prompts, GST_VL_ASKING_BANK, list_of (path));
}

static void
set_attention (GstVlFusion *self, guint id, const gchar *name, const GValue *value)
{
  GError *error = NULL;
  gboolean good;

  GST_OBJECT_LOCK (self);
  good = gst_vl_attention_set (&self->attention, id, name, value, &error);
  GST_OBJECT_UNLOCK (self);
  if (good)
    gst_vl_inference_accept (GST_VL_INFERENCE (self), SETTING_ATTENTION + id);
  else
    gst_vl_inference_refuse (GST_VL_INFERENCE (self), SETTING_ATTENTION + id, error);
}

/* Before frames come, the file is read at once: what is wrong with it keeps the element from starting. */
static void
read_texts (GstVlFusion *self)
{
  g_autoptr (VlfEmbeddings) texts = NULL;
  GError *error = NULL;

  if (gst_vl_text_file_read (self->file, &texts, &error)) {
    gst_vl_prompts_want_encoded (self->prompts, texts);
    gst_vl_inference_accept (GST_VL_INFERENCE (self), SETTING_TEXTS);
  } else if (error) {
    gst_vl_inference_refuse (GST_VL_INFERENCE (self), SETTING_TEXTS, error);
  }
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstVlFusion *self = GST_VL_FUSION (object);
  GError *error = NULL;
  gchar **prompts;

  switch (id) {
  case PROP_PROMPT:
    prompts = gst_vl_prompt_list_from_text (pspec->name, g_value_get_string (value), &error);
    set_prompts (self, prompts, error);
    break;
  case PROP_PROMPTS:
    prompts = gst_vl_prompt_list_from_value (pspec->name, value, &error);
    set_prompts (self, prompts, error);
    break;
  case PROP_PROMPT_MARKUP: gst_vl_prompts_set_markup (self->prompts, g_value_get_boolean (value)); break;
  case PROP_TEXT_EMBEDDINGS:
    gst_vl_text_file_set_path (self->file, g_value_get_string (value));
    gst_vl_inference_accept (GST_VL_INFERENCE (self), SETTING_TEXTS);
    break;
  case PROP_TEMPLATES:
    set_lines (self, SETTING_TEMPLATES, pspec->name, GST_VL_ASKING_TEMPLATES, g_value_get_string (value));
    break;
  case PROP_NEGATIVE_PROMPTS:
    set_lines (self, SETTING_NEGATIVES, pspec->name, GST_VL_ASKING_NEGATIVES, g_value_get_string (value));
    break;
  case PROP_BANK: set_bank (self, g_value_get_string (value)); break;
  case PROP_REUSE:
    GST_OBJECT_LOCK (self);
    self->reuse = (VlfReuseMode) g_value_get_enum (value);
    GST_OBJECT_UNLOCK (self);
    break;
  default:
    if (id >= PROP_ATTENTION && id <= PROP_ATTENTION_LAST) {
      set_attention (self, id - PROP_ATTENTION, pspec->name, value);
      break;
    }
    if (id < PROP_CHOICE || id > PROP_CHOICE_LAST) {
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
    }
    GST_OBJECT_LOCK (self);
    gst_vl_choice_set (&self->choice, id - PROP_CHOICE, value);
    GST_OBJECT_UNLOCK (self);
  }
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstVlFusion *self = GST_VL_FUSION (object);
  g_auto (GStrv) prompts = NULL;
  g_autoptr (GstVlAsking) asking = gst_vl_prompts_wanted_asking (self->prompts);

  switch (id) {
  case PROP_TEMPLATES: g_value_take_string (value, g_strjoinv ("\n", asking->templates)); return;
  case PROP_NEGATIVE_PROMPTS: g_value_take_string (value, g_strjoinv ("\n", asking->negatives)); return;
  case PROP_BANK: g_value_set_string (value, asking->bank ? asking->bank : DEFAULT_FILE); return;
  case PROP_PROMPT:
    prompts = gst_vl_prompts_wanted (self->prompts);
    g_value_take_string (value, g_strjoinv ("\n", prompts));
    return;
  case PROP_PROMPTS:
    prompts = gst_vl_prompts_wanted (self->prompts);
    gst_vl_prompt_list_to_value (prompts, value);
    return;
  case PROP_PROMPT_MARKUP: g_value_set_boolean (value, gst_vl_prompts_get_markup (self->prompts)); return;
  case PROP_TEXT_EMBEDDINGS: g_value_take_string (value, gst_vl_text_file_get_path (self->file)); return;
  default: break;
  }
  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_REUSE: g_value_set_enum (value, (gint) self->reuse); break;
  default:
    if (id >= PROP_CHOICE && id <= PROP_CHOICE_LAST)
      gst_vl_choice_get (&self->choice, id - PROP_CHOICE, value);
    else if (id >= PROP_ATTENTION && id <= PROP_ATTENTION_LAST)
      gst_vl_attention_get (&self->attention, id - PROP_ATTENTION, value);
    else
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

/* Texts keep memory of the model's device; they go before it. */
static void
fusion_model_goes (GstVlInference *base)
{
  gst_vl_prompts_forget (GST_VL_FUSION (base)->prompts);
}

static GstStateChangeReturn
change_state (GstElement *element, GstStateChange transition)
{
  GstVlFusion *self = GST_VL_FUSION (element);
  GstStateChangeReturn ret;

  if (transition == GST_STATE_CHANGE_NULL_TO_READY || transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    read_texts (self);
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    gst_vl_prompts_begin (self->prompts);
  ret = GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    gst_vl_text_file_rest (self->file);
  return ret;
}

static void
gst_vl_fusion_finalize (GObject *object)
{
  GstVlFusion *self = GST_VL_FUSION (object);

  gst_vl_prompts_free (self->prompts);
  gst_vl_text_file_free (self->file);
  gst_vl_attention_clear (&self->attention);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
install_properties (GObjectClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  g_object_class_install_property (
      klass, PROP_PROMPT,
      g_param_spec_string (
          "prompt", "Prompt",
          "What to look for, one prompt per line; a literal \\n separates lines too. Sets the same list "
          "as prompts",
          DEFAULT_PROMPT, flags));
  g_object_class_install_property (
      klass, PROP_PROMPTS,
      gst_param_spec_array (
          "prompts", "Prompts",
          "What to look for, one prompt per item, like <\"a red circle\",\"a star\">; items that are not "
          "strings are converted",
          NULL, flags));
  g_object_class_install_property (klass, PROP_PROMPT_MARKUP,
                                   g_param_spec_boolean ("prompt-markup", "Prompt markup",
                                                         "Read (word:1.5) as the weight, 0 to 10, that these words "
                                                         "have for the picture (0: none, 1: as ever; others only "
                                                         "with BridgeTower models), [word] as "
                                                         "the words that the map is made of, and backslashes before ( "
                                                         ") [ ] : and backslashes as escapes; in prompts from "
                                                         "text pads too. What is not exactly a mark is plain text",
                                                         DEFAULT_MARKUP, flags));
  g_object_class_install_property (
      klass, PROP_TEXT_EMBEDDINGS,
      g_param_spec_string (
          "text-embeddings", "Text embeddings",
          "File of texts that were encoded before, asked behind the prompts: as vlf-run --embed or vltextenc make "
          "them, or for CLIP models DL Streamer's zero-shot safetensors or Hailo's CLIP JSON. A file that changes is "
          "taken up as a whole; one that cannot be used leaves the old texts",
          DEFAULT_FILE, flags));
  g_object_class_install_property (
      klass, PROP_REUSE,
      g_param_spec_enum (
          "reuse", "Reuse",
          "What of a frame is not computed because the frame before was alike; results say how much it was",
          GST_TYPE_VL_REUSE, DEFAULT_REUSE, flags));
  gst_vl_attention_install (klass, PROP_ATTENTION);
}

static void
install_comparison (GObjectClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  g_object_class_install_property (
      klass, PROP_TEMPLATES,
      g_param_spec_string ("templates", "Templates",
                           "Sentences that every prompt is put in where they say {}, one per line, like \"a photo of a "
                           "{}.\"; a prompt is the mean of all of them. Only with CLIP models",
                           DEFAULT_PROMPT, flags));
  g_object_class_install_property (
      klass, PROP_NEGATIVE_PROMPTS,
      g_param_spec_string (
          "negative-prompts", "Negative prompts",
          "What a frame may show instead of the prompts, one per line: it takes its part of the match, "
          "and where it is the best, the frame shows none of the prompts. Only with CLIP models",
          DEFAULT_PROMPT, flags));
  g_object_class_install_property (
      klass, PROP_BANK,
      g_param_spec_string (
          "bank", "Bank",
          "File of text embeddings, thousands if need be, that every frame is compared with; the best "
          "follow the prompts in the result. As vlf-run --texts makes it, DL Streamer's zero-shot "
          "safetensors or Hailo's CLIP JSON. A file that changes is read again, whole or, if it is bad, not at all",
          DEFAULT_FILE, flags));
  gst_vl_choice_install (klass, PROP_CHOICE);
}

static void
gst_vl_fusion_class_init (GstVlfusionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstVlInferenceClass *inference_class = GST_VL_INFERENCE_CLASS (klass);

  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->finalize = gst_vl_fusion_finalize;
  element_class->change_state = change_state;
  inference_class->kind = GST_VL_KIND_FUSION;
  inference_class->message = "vlfusion";
  inference_class->prepare = fusion_prepare;
  inference_class->finish = fusion_finish;
  inference_class->model_goes = fusion_model_goes;
  gst_vl_inference_class_take_encoded (inference_class);
  install_properties (object_class);
  install_comparison (object_class);
  gst_type_mark_as_plugin_api (GST_TYPE_VL_REUSE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VL_RELEVANCE, 0);
  gst_element_class_set_static_metadata (
      element_class, "Vision-language fusion", "Filter/Analyzer/Video",
      "Asks a vision-language model about each frame: how well text prompts match it and where their words look, by "
      "cross-attention in OpenCL; pixels pass untouched",
      "gst-vlfusion developers");
}

static void
gst_vl_fusion_init (GstVlFusion *self)
{
  self->prompts = gst_vl_prompts_new ();
  self->reuse = DEFAULT_REUSE;
  gst_vl_choice_init (&self->choice);
  self->file = gst_vl_text_file_new ();
  gst_vl_attention_init (&self->attention);
}
