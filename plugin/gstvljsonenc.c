/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-vljsonenc
 * @title: vljsonenc
 * @see_also: #GstVlfusion
 *
 * Writes one line of JSON for each frame: what its result says, or, without one, a line without prompts. Captions and
 * answers are prompts with a `caption`; beside a result of vlfusion they are its member `caption`. The shape is described
 * in the README. Where the lines go is up to other elements and programs: filesink, fdsink, a socket, MQTT.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=clip.avi ! decodebin ! videoconvert ! vlfusion prompt="a red circle" ! vljsonenc ! \
 *   filesink location=out.jsonl
 * ]| When is there a red circle, and where?
 *
 * Since: 0.1
 */
#include "plugin/gstvljsonenc.h"
#include "models/result.h"
#include "plugin/lib/vlfusion.h"
#include <gst/video/video.h>
#include <math.h>

GST_DEBUG_CATEGORY_STATIC (vl_json_enc_debug);
#define GST_CAT_DEFAULT vl_json_enc_debug

#define DEFAULT_MAPS       VLF_JSON_MAPS_NONE
#define DEFAULT_EMBEDDINGS VLF_JSON_EMBEDDINGS_NONE

enum { PROP_MAPS = 1, PROP_EMBEDDINGS, PROP_SOURCE };

struct _GstVlJsonEnc {
  GstElement parent;
  GstPad *sinkpad, *srcpad;

  /* Object lock. */
  VlfJsonMaps maps;
  VlfJsonEmbeddings embeddings;
  gchar *source;
};

/* The frame itself is not looked at: any memory will do. */
static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS ("video/x-raw(ANY); image/jpeg"));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS ("application/x-json"));

G_DEFINE_TYPE_WITH_CODE (GstVlJsonEnc, gst_vl_json_enc, GST_TYPE_ELEMENT,
                         GST_DEBUG_CATEGORY_INIT (vl_json_enc_debug, "vljsonenc", 0, "results as JSON"))
GST_ELEMENT_REGISTER_DEFINE (vljsonenc, "vljsonenc", GST_RANK_NONE, GST_TYPE_VL_JSON_ENC)

#define GST_TYPE_VL_JSON_MAPS (gst_vl_json_maps_get_type ())
static GType
gst_vl_json_maps_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { VLF_JSON_MAPS_NONE, "No maps", "none" },
    { VLF_JSON_MAPS_PHRASE, "One map for each prompt", "phrase" },
    { VLF_JSON_MAPS_WORDS, "One map for each prompt and each of its words", "words" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVlJsonEncMaps", values));
  return type;
}

#define GST_TYPE_VL_JSON_EMBEDDINGS (gst_vl_json_embeddings_get_type ())
static GType
gst_vl_json_embeddings_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { VLF_JSON_EMBEDDINGS_NONE, "No embeddings", "none" },
    { VLF_JSON_EMBEDDINGS_LIST, "As lists of numbers", "list" },
    { VLF_JSON_EMBEDDINGS_BASE64_F16, "As half precision floats, little-endian, in base64", "base64-f16" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVlJsonEncEmbeddings", values));
  return type;
}

/* The same result as the writer knows it; everything but the arrays of prompts and words is borrowed. */
static void
view_prompt (VlfPromptResult *view, const GstVlMeta *meta, guint prompt)
{
  const GstVlResult *result = meta->result;
  gsize n;

  view->text = (gchar *) gst_vl_result_get_text (result, prompt);
  view->caption = (gchar *) gst_vl_result_get_caption (result, prompt);
  view->match = gst_vl_result_get_match (result, prompt);
  view->score = gst_vl_result_get_score (result, prompt);
  gst_vl_meta_get_peak (meta, prompt, &view->peak_x, &view->peak_y);
  view->map = (float *) gst_vl_result_peek_map (result, prompt, NULL);
  view->embedding = (float *) gst_vl_result_peek_embedding (result, prompt, &n);
  view->embedding_size = (guint) n;
  view->embedding_kind = gst_vl_result_get_embedding_kind (result, prompt);
  view->retrieved = gst_vl_result_get_retrieved (result, prompt, &view->bank_index, &view->similarity);
  view->n_words = gst_vl_result_get_n_words (result, prompt);
  view->words = g_new0 (VlfWordResult, view->n_words);
  for (guint i = 0; i < view->n_words; i++) {
    view->words[i].text = (gchar *) gst_vl_result_get_word_text (result, prompt, i);
    view->words[i].weight = (float) gst_vl_result_get_word_weight (result, prompt, i);
    view->words[i].map = (float *) gst_vl_result_peek_word_map (result, prompt, i, NULL);
  }
}

static void
view_init (VlfResult *view, const GstVlMeta *meta)
{
  const GstVlResult *result = meta->result;
  GstClockTime time = gst_vl_result_get_inference_time (result);
  gsize n;

  *view = (VlfResult){ .refs = 1, .frame_width = meta->frame_width, .frame_height = meta->frame_height };
  view->region[0] = meta->region_x;
  view->region[1] = meta->region_y;
  view->region[2] = meta->region_width;
  view->region[3] = meta->region_height;
  gst_vl_result_get_grid (result, &view->rows, &view->cols);
  view->image_embedding = (float *) gst_vl_result_peek_image_embedding (result, &n);
  view->image_embedding_size = (guint) n;
  view->model = (gchar *) gst_vl_result_get_model (result);
  view->fingerprint = (gchar *) gst_vl_result_get_fingerprint (result);
  view->milliseconds = GST_CLOCK_TIME_IS_VALID (time) ? (gdouble) time / GST_MSECOND : NAN;
  view->reused = gst_vl_result_get_reused (result);
  view->judged = gst_vl_result_get_best (result, &view->best);
  view->n_prompts = gst_vl_result_get_n_prompts (result);
  view->prompts = g_new0 (VlfPromptResult, view->n_prompts);
  for (guint i = 0; i < view->n_prompts; i++)
    view_prompt (&view->prompts[i], meta, i);
}

static void
view_clear (VlfResult *view)
{
  for (guint i = 0; i < view->n_prompts; i++)
    g_free (view->prompts[i].words);
  g_free (view->prompts);
}

/* @meta NULL: no result. */
static void
write_result (GString *line, GstBuffer *frame, const GstVlMeta *meta, VlfJsonMaps maps, VlfJsonEmbeddings embeddings)
{
  VlfStamp stamp = { GST_BUFFER_PTS (frame), GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE, G_MAXUINT64, FALSE };
  VlfResult view;

  if (!meta) {
    vlf_result_to_json (NULL, &stamp, maps, embeddings, line);
    return;
  }
  stamp.source_pts = gst_vl_result_get_source_pts (meta->result);
  stamp.age = meta->age;
  stamp.generation = gst_vl_result_get_generation (meta->result);
  stamp.carried = meta->carried;
  view_init (&view, meta);
  vlf_result_to_json (&view, &stamp, maps, embeddings, line);
  view_clear (&view);
}

/* The last comparison with prompts, and the last caption; of one alone it is the line, of both the caption is a member of the line. */
static GString *
line_for (GstVlJsonEnc *self, GstBuffer *frame)
{
  GString *line = g_string_sized_new (1024);
  VlfJsonEmbeddings embeddings;
  GstVlMeta *fusion, *caption;
  const gchar *source;
  VlfJsonMaps maps;

  GST_OBJECT_LOCK (self);
  maps = self->maps;
  embeddings = self->embeddings;
  source = self->source && *self->source ? self->source : NULL;
  fusion = gst_buffer_get_vl_meta (frame, source, GST_VL_KIND_FUSION);
  caption = gst_buffer_get_vl_meta (frame, source, GST_VL_KIND_CAPTION);
  GST_OBJECT_UNLOCK (self);
  write_result (line, frame, fusion ? fusion : caption, maps, embeddings);
  if (fusion && caption) {
    g_string_truncate (line, line->len - 1);
    g_string_append (line, ",\"caption\":");
    write_result (line, frame, caption, maps, embeddings);
    g_string_append_c (line, '}');
  }
  g_string_append_c (line, '\n');
  return line;
}

static GstFlowReturn
gst_vl_json_enc_chain (GstPad *pad, GstObject *parent, GstBuffer *frame)
{
  GstVlJsonEnc *self = GST_VL_JSON_ENC (parent);
  GString *line = line_for (self, frame);
  gsize length = line->len;
  GstBuffer *out = gst_buffer_new_wrapped (g_string_free (line, FALSE), length);

  (void) pad;
  gst_buffer_copy_into (out, frame, GST_BUFFER_COPY_TIMESTAMPS, 0, -1);
  if (GST_BUFFER_FLAG_IS_SET (frame, GST_BUFFER_FLAG_DISCONT))
    GST_BUFFER_FLAG_SET (out, GST_BUFFER_FLAG_DISCONT);
  gst_buffer_unref (frame);
  return gst_pad_push (self->srcpad, out);
}

static gboolean
gst_vl_json_enc_sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstVlJsonEnc *self = GST_VL_JSON_ENC (parent);
  GstCaps *caps;
  gboolean ok;

  if (GST_EVENT_TYPE (event) != GST_EVENT_CAPS)
    return gst_pad_event_default (pad, parent, event);
  gst_event_unref (event);
  caps = gst_static_pad_template_get_caps (&src_template);
  ok = gst_pad_set_caps (self->srcpad, caps);
  gst_caps_unref (caps);
  return ok;
}

static gboolean
gst_vl_json_enc_sink_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return gst_pad_query_default (pad, parent, query);
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  return TRUE;
}

static void
gst_vl_json_enc_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstVlJsonEnc *self = GST_VL_JSON_ENC (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_MAPS: self->maps = g_value_get_enum (value); break;
  case PROP_EMBEDDINGS: self->embeddings = g_value_get_enum (value); break;
  case PROP_SOURCE:
    g_free (self->source);
    self->source = g_value_dup_string (value);
    break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_vl_json_enc_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstVlJsonEnc *self = GST_VL_JSON_ENC (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_MAPS: g_value_set_enum (value, self->maps); break;
  case PROP_EMBEDDINGS: g_value_set_enum (value, self->embeddings); break;
  case PROP_SOURCE: g_value_set_string (value, self->source); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_vl_json_enc_finalize (GObject *object)
{
  g_free (GST_VL_JSON_ENC (object)->source);
  G_OBJECT_CLASS (gst_vl_json_enc_parent_class)->finalize (object);
}

static void
gst_vl_json_enc_class_init (GstVlJsonEncClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GstElementClass *element_class = GST_ELEMENT_CLASS (class);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  object_class->set_property = gst_vl_json_enc_set_property;
  object_class->get_property = gst_vl_json_enc_get_property;
  object_class->finalize = gst_vl_json_enc_finalize;
  g_object_class_install_property (object_class, PROP_MAPS,
                                   g_param_spec_enum ("maps", "Maps", "Which attention maps are written",
                                                      GST_TYPE_VL_JSON_MAPS, DEFAULT_MAPS, flags));
  g_object_class_install_property (object_class, PROP_EMBEDDINGS,
                                   g_param_spec_enum ("embeddings", "Embeddings",
                                                      "Whether and how embeddings are written",
                                                      GST_TYPE_VL_JSON_EMBEDDINGS, DEFAULT_EMBEDDINGS, flags));
  g_object_class_install_property (object_class, PROP_SOURCE,
                                   g_param_spec_string ("source", "Source",
                                                        "Name of the element whose results are written (unset = the "
                                                        "last one in the pipeline, and the last that captions)",
                                                        NULL, flags));
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class, "Vision-language JSON encoder", "Encoder/Metadata/Video",
                                         "Writes the results on video frames as JSON, one line for each frame",
                                         "gst-vlfusion developers");
  gst_type_mark_as_plugin_api (GST_TYPE_VL_JSON_MAPS, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VL_JSON_EMBEDDINGS, 0);
}

static void
gst_vl_json_enc_init (GstVlJsonEnc *self)
{
  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_vl_json_enc_chain);
  gst_pad_set_event_function (self->sinkpad, gst_vl_json_enc_sink_event);
  gst_pad_set_query_function (self->sinkpad, gst_vl_json_enc_sink_query);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);
  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_use_fixed_caps (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
  self->maps = DEFAULT_MAPS;
  self->embeddings = DEFAULT_EMBEDDINGS;
}
