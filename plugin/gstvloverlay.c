/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * SECTION:element-vloverlay
 * @title: vloverlay
 * @see_also: #GstVlfusion, #GstVlCaption
 *
 * Draws what vlfusion and vlcaption found onto the frame: for each prompt where it looked, as a heat map, as lines or
 * as a spotlight, a label with the prompt and how well it matches, and captions, with #GstVlOverlay:word-time word by
 * word. A sink that can lay pictures over the
 * video itself (meta:GstVideoOverlayComposition) gets them as such and no pixel is touched here; otherwise they are
 * blended into the frame.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=clip.avi ! decodebin ! videoconvert ! vlfusion prompt="a red circle" ! vloverlay ! \
 *   videoconvert ! autovideosink
 * ]| Where is the red circle?
 *
 * Since: 0.1
 */
#include "plugin/gstvloverlay.h"
#include "plugin/gstvlqueries.h"
#include "plugin/gstvlblend.h"
#include "plugin/gstvldrawing.h"
#include "plugin/gstvlmapping.h"
#include <gst/video/video.h>

GST_DEBUG_CATEGORY_STATIC (vl_overlay_debug);
#define GST_CAT_DEFAULT vl_overlay_debug

#define DEFAULT_STYLE             GST_VL_STYLE_HEATMAP
#define DEFAULT_COLORMAP          GST_VL_COLORMAP_AUTO
#define DEFAULT_LABELS            GST_VL_LABELS_PEAK
#define DEFAULT_MAPS              GST_VL_MAPS_PHRASE
#define DEFAULT_CAPTIONS          TRUE
#define DEFAULT_OPACITY           0.75
#define DEFAULT_THRESHOLD         -1
#define DEFAULT_UNMATCHED_OPACITY 0.2
#define DEFAULT_SMOOTHING         0
#define DEFAULT_WORD_TIME         0
#define DEFAULT_EXPIRE            GST_SECOND

enum {
  PROP_STYLE = 1,
  PROP_COLORMAP,
  PROP_LABELS,
  PROP_MAPS,
  PROP_CAPTIONS,
  PROP_OPACITY,
  PROP_THRESHOLD,
  PROP_UNMATCHED_OPACITY,
  PROP_SMOOTHING,
  PROP_WORD_TIME,
  PROP_EXPIRE,
  PROP_SOURCE,
  PROP_FONT_DESC,
};

struct _GstVlOverlay {
  GstElement parent;
  GstPad *sinkpad, *srcpad;

  /* Streaming thread. */
  GstVideoInfo info;
  gboolean attach;     /* downstream lays the pictures over the frame */
  gboolean complained; /* of a frame that cannot be drawn on, since @info is what it is */
  GstVlLook look_now;
  guint look_now_serial;
  GstVlDrawing *drawing;

  /* Object lock. */
  GstVlLook look;
  guint look_serial; /* of what look says now */
};

#define OVERLAY_FEATURE GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION
/* Whole bytes for each sample, which gst_vl_blend() can draw on. */
#define FORMATS                                                                                             \
  "{ NV12, I420, YV12, YUY2, UYVY, RGB, BGR, RGBA, BGRA, ARGB, ABGR, RGBx, BGRx, xRGB, xBGR, GRAY8, NV21, " \
  "NV16, NV24, Y42B, Y444, A420, AYUV, YVYU, GBR }"
#define ALL_CAPS \
  GST_VIDEO_CAPS_MAKE (FORMATS) ";" GST_VIDEO_CAPS_MAKE_WITH_FEATURES ("memory:SystemMemory, " OVERLAY_FEATURE, FORMATS)

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS (ALL_CAPS));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS (ALL_CAPS));

G_DEFINE_TYPE_WITH_CODE (GstVlOverlay, gst_vl_overlay, GST_TYPE_ELEMENT,
                         GST_DEBUG_CATEGORY_INIT (vl_overlay_debug, "vloverlay", 0, "drawing of results"))
GST_ELEMENT_REGISTER_DEFINE (vloverlay, "vloverlay", GST_RANK_NONE, GST_TYPE_VL_OVERLAY)

static gboolean
has_overlay (const GstCapsFeatures *features)
{
  return !gst_caps_features_is_any (features) && gst_caps_features_contains (features, OVERLAY_FEATURE);
}

/* Appends structure @i of @from to @to, the overlay feature added or removed. */
static void
append_as (GstCaps *to, const GstCaps *from, guint i, gboolean overlay)
{
  GstCapsFeatures *features = gst_caps_features_copy (gst_caps_get_features (from, i));

  if (overlay && !gst_caps_features_is_any (features) && !has_overlay (features))
    gst_caps_features_add (features, OVERLAY_FEATURE);
  else if (!overlay && has_overlay (features))
    gst_caps_features_remove (features, OVERLAY_FEATURE);
  gst_caps_append_structure_full (to, gst_structure_copy (gst_caps_get_structure (from, i)), features);
}

/* What may come in where @out may go out: frames to draw on or to lay pictures beside. The plain forms stand first:
 * they are what most of upstream knows. */
static GstCaps *
caps_for_sink (const GstCaps *out)
{
  GstCaps *caps = gst_caps_new_empty ();

  for (guint i = 0; i < gst_caps_get_size (out); i++)
    append_as (caps, out, i, FALSE);
  for (guint i = 0; i < gst_caps_get_size (out); i++)
    if (has_overlay (gst_caps_get_features (out, i)))
      append_as (caps, out, i, TRUE);
  return gst_caps_simplify (caps);
}

/* What may go out where @in may come in: the same, with the pictures beside the frame or in it. */
static GstCaps *
caps_for_src (const GstCaps *in)
{
  GstCaps *caps = gst_caps_new_empty ();

  for (guint i = 0; i < gst_caps_get_size (in); i++)
    append_as (caps, in, i, TRUE);
  for (guint i = 0; i < gst_caps_get_size (in); i++)
    if (!has_overlay (gst_caps_get_features (in, i)))
      append_as (caps, in, i, FALSE);
  return gst_caps_simplify (caps);
}

static gboolean
query_caps (GstVlOverlay *self, GstPad *pad, GstQuery *query)
{
  GstCaps *peer = gst_pad_peer_query_caps (pad == self->sinkpad ? self->srcpad : self->sinkpad, NULL);
  GstCaps *template = gst_pad_get_pad_template_caps (pad), *filter, *may, *caps;

  may = pad == self->sinkpad ? caps_for_sink (peer) : caps_for_src (peer);
  caps = gst_caps_intersect_full (gst_caps_is_any (peer) ? template : may, template, GST_CAPS_INTERSECT_FIRST);
  gst_query_parse_caps (query, &filter);
  if (filter) {
    GstCaps *wanted = gst_caps_intersect_full (filter, caps, GST_CAPS_INTERSECT_FIRST);

    gst_caps_replace (&caps, wanted);
    gst_caps_unref (wanted);
  }
  gst_query_set_caps_result (query, caps);
  gst_caps_unref (caps);
  gst_caps_unref (may);
  gst_caps_unref (template);
  gst_caps_unref (peer);
  return TRUE;
}

static gboolean
gst_vl_overlay_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  gboolean answered;

  if (GST_QUERY_TYPE (query) == GST_QUERY_CAPS)
    return query_caps (GST_VL_OVERLAY (parent), pad, query);
  answered = gst_pad_query_default (pad, parent, query);
  if (answered && GST_QUERY_TYPE (query) == GST_QUERY_ALLOCATION)
    gst_vl_refuse_crop_meta (query);
  return answered;
}

/* Says caps with the overlay feature downstream, which it needs to answer; does it lay pictures over them? An element
 * that takes any caps does not say so, and gets the pictures in the frame. */
static gboolean
downstream_lays_over (GstVlOverlay *self, GstCaps *caps)
{
  GstQuery *query;
  gboolean answer;

  if (!gst_pad_peer_query_accept_caps (self->srcpad, caps) || !gst_pad_set_caps (self->srcpad, caps))
    return FALSE;
  query = gst_query_new_allocation (caps, FALSE);
  answer = gst_pad_peer_query (self->srcpad, query) &&
           gst_query_find_allocation_meta (query, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
  gst_query_unref (query);
  return answer;
}

static gboolean
negotiate (GstVlOverlay *self, GstCaps *caps)
{
  GstCaps *overlay_caps = gst_caps_new_empty ();
  gboolean ok = TRUE;

  append_as (overlay_caps, caps, 0, TRUE);
  self->attach = downstream_lays_over (self, overlay_caps);
  if (!self->attach) {
    if (!has_overlay (gst_caps_get_features (caps, 0)) && gst_pad_peer_query_accept_caps (self->srcpad, caps))
      ok = gst_pad_set_caps (self->srcpad, caps);
    else /* the caps say that it does, and there is no other way */
      self->attach = ok = gst_pad_set_caps (self->srcpad, overlay_caps);
  }
  GST_DEBUG_OBJECT (self, "%s, %s", ok ? "negotiated" : "refused",
                    self->attach ? "pictures beside the frame" : "pictures in the frame");
  gst_caps_unref (overlay_caps);
  return ok;
}

static gboolean
set_caps (GstVlOverlay *self, GstCaps *caps)
{
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, caps))
    return FALSE;
  if (!gst_video_info_is_equal (&info, &self->info))
    self->complained = FALSE;
  self->info = info;
  gst_vl_drawing_reset (self->drawing);
  gst_pad_check_reconfigure (self->srcpad);
  if (negotiate (self, caps))
    return TRUE;
  gst_pad_mark_reconfigure (self->srcpad);
  return GST_PAD_IS_FLUSHING (self->srcpad); /* not refused: the next frame asks again */
}

static gboolean
gst_vl_overlay_sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstVlOverlay *self = GST_VL_OVERLAY (parent);
  GstCaps *caps;
  gboolean ok;

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_CAPS:
    gst_event_parse_caps (event, &caps);
    ok = set_caps (self, caps);
    gst_event_unref (event);
    return ok;
  case GST_EVENT_FLUSH_STOP:
  case GST_EVENT_STREAM_START: gst_vl_drawing_reset (self->drawing); break;
  default: break;
  }
  return gst_pad_event_default (pad, parent, event);
}

/* Takes over what the properties say now; strings are copied only when something changed. */
static void
update_look (GstVlOverlay *self)
{
  GST_OBJECT_LOCK (self);
  if (self->look_now_serial != self->look_serial) {
    g_free (self->look_now.source);
    g_free (self->look_now.font);
    self->look_now = self->look;
    self->look_now.source = g_strdup (self->look.source);
    self->look_now.font = g_strdup (self->look.font);
    self->look_now_serial = self->look_serial;
  }
  GST_OBJECT_UNLOCK (self);
}

/* The rectangles of both, those of @below first. They are shared: whoever draws them caches by rectangle. */
static GstVideoOverlayComposition *
stack (GstVideoOverlayComposition *below, GstVideoOverlayComposition *above)
{
  GstVideoOverlayComposition *parts[] = { below, above }, *both = gst_video_overlay_composition_new (NULL);

  for (guint k = 0; k < 2; k++)
    for (guint i = 0; i < gst_video_overlay_composition_n_rectangles (parts[k]); i++)
      gst_video_overlay_composition_add_rectangle (both, gst_video_overlay_composition_get_rectangle (parts[k], i));
  return both;
}

/* Takes @buffer. Elements before may have put pictures there already; theirs stay below ours. */
static GstBuffer *
attach (GstBuffer *buffer, GstVideoOverlayComposition *composition)
{
  GstVideoOverlayCompositionMeta *there;

  buffer = gst_buffer_make_writable (buffer);
  if ((there = gst_buffer_get_video_overlay_composition_meta (buffer))) {
    GstVideoOverlayComposition *both = stack (there->overlay, composition);

    gst_video_overlay_composition_unref (there->overlay);
    there->overlay = both;
  } else {
    gst_buffer_add_video_overlay_composition_meta (buffer, composition);
  }
  return buffer;
}

static void
complain (GstVlOverlay *self, GstBuffer *buffer)
{
  if (!self->complained)
    GST_ELEMENT_WARNING (self, STREAM, FORMAT,
                         ("A frame passes undrawn: a buffer of %" G_GSIZE_FORMAT
                          " bytes does not hold the %dx%d %s frame that its caps promise, or cannot be written to.",
                          gst_buffer_get_size (buffer), GST_VIDEO_INFO_WIDTH (&self->info),
                          GST_VIDEO_INFO_HEIGHT (&self->info), GST_VIDEO_INFO_NAME (&self->info)),
                         (NULL));
  self->complained = TRUE;
}

/* Takes @buffer. A frame that cannot be drawn on passes as it is. */
static GstBuffer *
blend (GstVlOverlay *self, GstBuffer *buffer, GstVideoOverlayComposition *composition)
{
  const GstMapFlags flags = GST_MAP_READWRITE | (GstMapFlags) GST_VIDEO_FRAME_MAP_FLAG_NO_REF;
  GstVideoFrame frame;

  buffer = gst_buffer_make_writable (buffer);
  if (!gst_vl_map_picture (&frame, &self->info, buffer, flags)) {
    complain (self, buffer);
    return buffer;
  }
  if (!gst_vl_blend_fits (&frame))
    complain (self, buffer);
  else if (!gst_vl_blend (composition, &frame))
    GST_WARNING_OBJECT (self, "cannot draw on %s", GST_VIDEO_INFO_NAME (&self->info));
  gst_video_frame_unmap (&frame);
  return buffer;
}

static gboolean
renegotiate (GstVlOverlay *self)
{
  GstCaps *caps = gst_pad_get_current_caps (self->sinkpad);
  gboolean ok = caps && negotiate (self, caps);

  gst_clear_caps (&caps);
  return ok;
}

static void
sync_properties (GstVlOverlay *self, GstBuffer *buffer)
{
  GstEvent *event = gst_pad_get_sticky_event (self->sinkpad, GST_EVENT_SEGMENT, 0);
  const GstSegment *segment;
  GstClockTime stream_time;

  if (!event)
    return;
  gst_event_parse_segment (event, &segment);
  stream_time = segment->format == GST_FORMAT_TIME
                    ? gst_segment_to_stream_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer))
                    : GST_CLOCK_TIME_NONE;
  gst_event_unref (event);
  if (GST_CLOCK_TIME_IS_VALID (stream_time))
    gst_object_sync_values (GST_OBJECT (self), stream_time);
}

static GstFlowReturn
gst_vl_overlay_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstVlOverlay *self = GST_VL_OVERLAY (parent);
  GstVideoOverlayComposition *composition;

  if (gst_pad_check_reconfigure (self->srcpad) && !renegotiate (self)) {
    gst_pad_mark_reconfigure (self->srcpad);
    gst_buffer_unref (buffer);
    return GST_PAD_IS_FLUSHING (pad) || GST_PAD_IS_FLUSHING (self->srcpad) ? GST_FLOW_FLUSHING
                                                                           : GST_FLOW_NOT_NEGOTIATED;
  }
  sync_properties (self, buffer);
  update_look (self);
  composition =
      gst_vl_drawing_update (self->drawing, &self->look_now, self->look_now_serial, buffer,
                             (guint) GST_VIDEO_INFO_WIDTH (&self->info), (guint) GST_VIDEO_INFO_HEIGHT (&self->info),
                             (gdouble) GST_VIDEO_INFO_PAR_N (&self->info) / GST_VIDEO_INFO_PAR_D (&self->info));
  if (composition) {
    buffer = self->attach ? attach (buffer, composition) : blend (self, buffer, composition);
    gst_video_overlay_composition_unref (composition);
  }
  return gst_pad_push (self->srcpad, buffer);
}

static GstStateChangeReturn
gst_vl_overlay_change_state (GstElement *element, GstStateChange transition)
{
  GstVlOverlay *self = GST_VL_OVERLAY (element);
  GstStateChangeReturn ret = GST_ELEMENT_CLASS (gst_vl_overlay_parent_class)->change_state (element, transition);

  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
    gst_vl_drawing_reset (self->drawing);
    self->complained = FALSE;
  }
  return ret;
}

static void
gst_vl_overlay_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstVlOverlay *self = GST_VL_OVERLAY (object);
  GstVlLook *look = &self->look;

  GST_OBJECT_LOCK (self);
  self->look_serial++;
  switch (id) {
  case PROP_STYLE: look->style = g_value_get_enum (value); break;
  case PROP_COLORMAP: look->colormap = g_value_get_enum (value); break;
  case PROP_LABELS: look->labels = g_value_get_enum (value); break;
  case PROP_MAPS: look->maps = g_value_get_enum (value); break;
  case PROP_CAPTIONS: look->captions = g_value_get_boolean (value); break;
  case PROP_OPACITY: look->opacity = g_value_get_double (value); break;
  case PROP_THRESHOLD: look->threshold = g_value_get_double (value); break;
  case PROP_UNMATCHED_OPACITY: look->unmatched_opacity = g_value_get_double (value); break;
  case PROP_SMOOTHING: look->smoothing = g_value_get_uint64 (value); break;
  case PROP_WORD_TIME: look->word_time = g_value_get_uint64 (value); break;
  case PROP_EXPIRE: look->expire = g_value_get_uint64 (value); break;
  case PROP_SOURCE:
    g_free (look->source);
    look->source = g_value_dup_string (value);
    break;
  case PROP_FONT_DESC:
    g_free (look->font);
    look->font = g_value_dup_string (value);
    break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_vl_overlay_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstVlOverlay *self = GST_VL_OVERLAY (object);
  const GstVlLook *look = &self->look;

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_STYLE: g_value_set_enum (value, look->style); break;
  case PROP_COLORMAP: g_value_set_enum (value, look->colormap); break;
  case PROP_LABELS: g_value_set_enum (value, look->labels); break;
  case PROP_MAPS: g_value_set_enum (value, look->maps); break;
  case PROP_CAPTIONS: g_value_set_boolean (value, look->captions); break;
  case PROP_OPACITY: g_value_set_double (value, look->opacity); break;
  case PROP_THRESHOLD: g_value_set_double (value, look->threshold); break;
  case PROP_UNMATCHED_OPACITY: g_value_set_double (value, look->unmatched_opacity); break;
  case PROP_SMOOTHING: g_value_set_uint64 (value, look->smoothing); break;
  case PROP_WORD_TIME: g_value_set_uint64 (value, look->word_time); break;
  case PROP_EXPIRE: g_value_set_uint64 (value, look->expire); break;
  case PROP_SOURCE: g_value_set_string (value, look->source); break;
  case PROP_FONT_DESC: g_value_set_string (value, look->font); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_vl_overlay_finalize (GObject *object)
{
  GstVlOverlay *self = GST_VL_OVERLAY (object);

  gst_vl_drawing_free (self->drawing);
  g_free (self->look.source);
  g_free (self->look.font);
  g_free (self->look_now.source);
  g_free (self->look_now.font);
  G_OBJECT_CLASS (gst_vl_overlay_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass *class)
{
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;
  GParamFlags controllable = flags | GST_PARAM_CONTROLLABLE;

  g_object_class_install_property (
      class, PROP_STYLE,
      g_param_spec_enum ("style", "Style", "How maps are drawn", GST_TYPE_VL_STYLE, DEFAULT_STYLE, flags));
  g_object_class_install_property (class, PROP_COLORMAP,
                                   g_param_spec_enum ("colormap", "Colour map", "Colours of heat maps",
                                                      GST_TYPE_VL_COLORMAP, DEFAULT_COLORMAP, flags));
  g_object_class_install_property (
      class, PROP_LABELS,
      g_param_spec_enum ("labels", "Labels", "Where prompts and their match are written (64 on a frame at most)",
                         GST_TYPE_VL_LABELS, DEFAULT_LABELS, flags));
  g_object_class_install_property (class, PROP_MAPS,
                                   g_param_spec_enum ("maps", "Maps", "What gets a map and a label of its own",
                                                      GST_TYPE_VL_MAPS, DEFAULT_MAPS, flags));
  g_object_class_install_property (
      class, PROP_CAPTIONS,
      g_param_spec_boolean ("captions", "Captions", "Write captions and answers", DEFAULT_CAPTIONS, flags));
  g_object_class_install_property (
      class, PROP_OPACITY,
      g_param_spec_double ("opacity", "Opacity", "Opacity of full attention", 0, 1, DEFAULT_OPACITY, controllable));
  g_object_class_install_property (
      class, PROP_THRESHOLD,
      g_param_spec_double ("threshold", "Threshold",
                           "A match below it does not count as one (-1 = as whoever made the result says, else 0.5)",
                           -1, 1, DEFAULT_THRESHOLD, controllable));
  g_object_class_install_property (
      class, PROP_UNMATCHED_OPACITY,
      g_param_spec_double ("unmatched-opacity", "Unmatched opacity",
                           "Share of the opacity that prompts below the threshold keep (0 = not drawn)", 0, 1,
                           DEFAULT_UNMATCHED_OPACITY, controllable));
  g_object_class_install_property (
      class, PROP_SMOOTHING,
      g_param_spec_uint64 ("smoothing", "Smoothing",
                           "Time constant with which maps follow the results, nanoseconds (0 = at once)", 0,
                           G_MAXUINT64, DEFAULT_SMOOTHING, controllable));
  g_object_class_install_property (
      class, PROP_WORD_TIME,
      g_param_spec_uint64 (
          "word-time", "Word time",
          "Light captions up word by word, each so long, with where the model looked when it wrote it; "
          "nanoseconds (0 = not)",
          0, G_MAXUINT64, DEFAULT_WORD_TIME, flags));
  g_object_class_install_property (
      class, PROP_EXPIRE,
      g_param_spec_uint64 ("expire", "Expire",
                           "Age at which a carried result has faded away, nanoseconds (-1 = never); captions "
                           "stay while frames carry them",
                           0, G_MAXUINT64, DEFAULT_EXPIRE, controllable));
  g_object_class_install_property (class, PROP_SOURCE,
                                   g_param_spec_string ("source", "Source",
                                                        "Name of the element whose results are drawn (unset = all)",
                                                        NULL, flags));
  g_object_class_install_property (
      class, PROP_FONT_DESC,
      g_param_spec_string ("font-desc", "Font", "Pango description of the labels' font, without size (unset = Sans)",
                           NULL, flags));
}

static void
gst_vl_overlay_class_init (GstVlOverlayClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GstElementClass *element_class = GST_ELEMENT_CLASS (class);

  object_class->set_property = gst_vl_overlay_set_property;
  object_class->get_property = gst_vl_overlay_get_property;
  object_class->finalize = gst_vl_overlay_finalize;
  install_properties (object_class);
  element_class->change_state = gst_vl_overlay_change_state;
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (
      element_class, "Vision-language overlay", "Filter/Visualization/Video",
      "Draws where text prompts look in the frame, how well they match, and captions", "gst-vlfusion developers");
  gst_type_mark_as_plugin_api (GST_TYPE_VL_STYLE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VL_COLORMAP, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VL_LABELS, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VL_MAPS, 0);
}

static void
gst_vl_overlay_init (GstVlOverlay *self)
{
  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (self->sinkpad, gst_vl_overlay_chain);
  gst_pad_set_event_function (self->sinkpad, gst_vl_overlay_sink_event);
  gst_pad_set_query_function (self->sinkpad, gst_vl_overlay_query);
  GST_PAD_SET_PROXY_ALLOCATION (self->sinkpad);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_set_query_function (self->srcpad, gst_vl_overlay_query);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);

  self->drawing = gst_vl_drawing_new ();
  gst_video_info_init (&self->info);
  self->look = (GstVlLook){ .style = DEFAULT_STYLE,
                            .colormap = DEFAULT_COLORMAP,
                            .labels = DEFAULT_LABELS,
                            .maps = DEFAULT_MAPS,
                            .captions = DEFAULT_CAPTIONS,
                            .opacity = DEFAULT_OPACITY,
                            .threshold = DEFAULT_THRESHOLD,
                            .unmatched_opacity = DEFAULT_UNMATCHED_OPACITY,
                            .smoothing = DEFAULT_SMOOTHING,
                            .word_time = DEFAULT_WORD_TIME,
                            .expire = DEFAULT_EXPIRE };
  self->look_serial = 1;
}
