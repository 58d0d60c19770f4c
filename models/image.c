/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/image.h"
#include <math.h>
#include <string.h>
#include "models/config.h"

/* Means and deviations of OpenAI's CLIP, the default of all processors but SigLIP's. */
static const double clip_mean[3] = { 0.48145466, 0.4578275, 0.40821073 };
static const double clip_std[3] = { 0.26862954, 0.26130258, 0.27577711 };
static const double half[3] = { 0.5, 0.5, 0.5 };

/* PIL's numbers of the "resample" field. */
static const struct {
  int pil;
  VlfFilter filter;
} filters[] = {
  { 0, VLF_FILTER_NEAREST }, { 1, VLF_FILTER_LANCZOS }, { 2, VLF_FILTER_BILINEAR },
  { 3, VLF_FILTER_BICUBIC }, { 4, VLF_FILTER_BOX },
};

static VlfFilter
read_filter (VlfConfig *c)
{
  gint number = vlf_config_int (c, "resample", 3, 0, 5);

  for (guint i = 0; i < G_N_ELEMENTS (filters); i++)
    if (filters[i].pil == number)
      return filters[i].filter;
  vlf_config_fail (c, VLF_ERROR_UNSUPPORTED, "resample: expected 0 to 4, found %d", number);
  return VLF_FILTER_BICUBIC;
}

/* "BlipImageProcessor", "BlipImageProcessorFast", "CLIPFeatureExtractor", ...: the family is the beginning of the name. */
static VlfProcessorKind
read_kind (VlfConfig *c, const char *class)
{
  const char *old = vlf_config_string (c, "feature_extractor_type", class);
  const char *name = vlf_config_string (c, "image_processor_type", old);

  if (g_str_has_prefix (name, "BridgeTower"))
    return VLF_PROCESSOR_BRIDGETOWER;
  if (g_str_has_prefix (name, "Blip"))
    return VLF_PROCESSOR_BLIP;
  if (g_str_has_prefix (name, "CLIP"))
    return VLF_PROCESSOR_CLIP;
  if (g_str_has_prefix (name, "Siglip"))
    return VLF_PROCESSOR_SIGLIP;
  vlf_config_fail (c, VLF_ERROR_UNSUPPORTED,
                   "image_processor_type: expected a BridgeTower, Blip, CLIP or Siglip image processor, found \"%s\"",
                   name);
  return VLF_PROCESSOR_CLIP;
}

/* Whether the whole picture is resized to the input, whatever its shape. */
static gboolean
squashes (VlfProcessorKind kind)
{
  return kind == VLF_PROCESSOR_BLIP || kind == VLF_PROCESSOR_SIGLIP;
}

/* A side of "size" or "crop_size": an object with @key, or a bare number as old files have it. */
static guint
read_side (VlfConfig *c, const char *field, const char *key, guint absent)
{
  const VlfJson *value = vlf_config_get (c, field);
  g_autofree gchar *path = g_strdup_printf ("%s.%s", field, key);

  if (value && vlf_json_type (value) != VLF_JSON_OBJECT)
    return vlf_config_uint (c, field, absent, 1, 4096);
  return vlf_config_uint (c, path, absent, 1, 4096);
}

static void
read_vector (VlfConfig *c, const char *field, const double absent[3], double min, double to[3])
{
  guint n;

  memcpy (to, absent, 3 * sizeof (double));
  n = vlf_config_doubles (c, field, to, 3, min, 1e6);
  if (n != 0 && n != 3)
    vlf_config_fail (c, VLF_ERROR_RANGE, "%s: expected 3 numbers, found %u", field, n);
}

static void
check_sides (VlfConfig *c, const char *field, guint width, guint height, guint input)
{
  if (width != input || height != input)
    vlf_config_fail (c, VLF_ERROR_RANGE,
                     "%s: expected %u x %u, as config.json's vision_config.image_size says, found %u x %u", field,
                     input, input, width, height);
}

/* Whether "size" gives both sides and not the shorter one. CLIP's may give either; what is no object is the class's own way. */
static gboolean
has_sides (VlfConfig *c, VlfProcessorKind kind)
{
  const VlfJson *size = vlf_config_get (c, "size");
  const gboolean own = squashes (kind), clip = kind == VLF_PROCESSOR_CLIP;
  const gboolean edge = vlf_config_has (c, "size.shortest_edge") && !(clip && vlf_config_has (c, "size.longest_edge"));
  const gboolean sides = vlf_config_has (c, "size.height") && vlf_config_has (c, "size.width");

  if (!size || vlf_json_type (size) != VLF_JSON_OBJECT)
    return own;
  if (!(own ? sides : edge || (clip && sides)))
    vlf_config_fail (c, VLF_ERROR_UNSUPPORTED, "size: expected %s, found other fields",
                     own    ? "height and width"
                     : clip ? "shortest_edge alone, or height and width"
                            : "shortest_edge");
  return own || !edge;
}

static void
read_size (VlfImageProcessor *p, VlfConfig *c, guint input)
{
  guint edge = input, crop_width, crop_height;

  if (has_sides (c, p->kind)) {
    p->resize_width = read_side (c, "size", "width", input);
    p->resize_height = read_side (c, "size", "height", input);
  } else {
    p->shortest_edge = edge = read_side (c, "size", "shortest_edge", input);
  }
  if (squashes (p->kind)) {
    check_sides (c, "size", p->resize_width, p->resize_height, input);
    return;
  }
  p->divisor = p->kind == VLF_PROCESSOR_BRIDGETOWER ? vlf_config_uint (c, "size_divisor", 32, 1, 1024) : 1;
  crop_width = read_side (c, "crop_size", "width", read_side (c, "crop_size", "shortest_edge", edge));
  crop_height = read_side (c, "crop_size", "height", read_side (c, "crop_size", "shortest_edge", edge));
  if (p->center_crop)
    check_sides (c, "crop_size", crop_width, crop_height, input);
  else if (p->shortest_edge == 0) /* crop_size is saved also where nothing is cut */
    check_sides (c, "size", p->resize_width, p->resize_height, input);
}

/* Since transformers 5 the settings are nested in the processor's file, which goes before their own. */
static VlfConfig *
load_config (const char *dir, GError **error)
{
  g_autoptr (VlfConfig) processor = vlf_config_load_optional (dir, "processor_config.json", error);

  if (!processor)
    return NULL;
  if (vlf_config_enter (processor, "image_processor"))
    return g_steal_pointer (&processor);
  return vlf_config_load_optional (dir, "preprocessor_config.json", error);
}

gboolean
vlf_image_processor_load (VlfImageProcessor *p, const char *dir, const char *class, guint input, guint patch,
                          GError **error)
{
  static const double zero[3] = { 0, 0, 0 }, one[3] = { 1, 1, 1 };
  g_autoptr (VlfConfig) c = load_config (dir, error);
  gboolean normalize, siglip;

  if (!c)
    return FALSE;
  memset (p, 0, sizeof *p);
  p->input = input;
  p->patch = patch;
  p->kind = read_kind (c, class);
  p->filter = read_filter (c);
  p->resize = vlf_config_bool (c, "do_resize", TRUE);
  p->center_crop = !squashes (p->kind) && vlf_config_bool (c, "do_center_crop", TRUE);
  read_size (p, c, input);
  p->rescale =
      vlf_config_bool (c, "do_rescale", TRUE) ? vlf_config_double (c, "rescale_factor", 1.0 / 255, 1e-9, 1e9) : 1.0;
  normalize = vlf_config_bool (c, "do_normalize", TRUE);
  siglip = p->kind == VLF_PROCESSOR_SIGLIP;
  read_vector (c, "image_mean", siglip ? half : clip_mean, -1e6, p->mean);
  read_vector (c, "image_std", siglip ? half : clip_std, 1e-6, p->std);
  if (!normalize) {
    memcpy (p->mean, zero, sizeof zero);
    memcpy (p->std, one, sizeof one);
  }
  return vlf_config_check (c, error);
}

/* BridgeTowerImageProcessor: the short side to @edge, the long one at most 1333/800 of it, both floored to the divisor. A side that
 * would floor to nothing (which Hugging Face refuses) keeps one divisor. */
static void
bridgetower_size (const VlfImageProcessor *p, guint width, guint height, guint *to_width, guint *to_height)
{
  double edge = p->shortest_edge, longest = floor (1333.0 / 800.0 * edge), scale = edge / MIN (width, height);
  double w = height < width ? scale * width : edge, h = height < width ? edge : scale * height;
  double larger = MAX (w, h);

  if (larger > longest) {
    w *= longest / larger;
    h *= longest / larger;
  }
  *to_width = MAX ((guint) (w + 0.5) / p->divisor, 1u) * p->divisor;
  *to_height = MAX ((guint) (h + 0.5) / p->divisor, 1u) * p->divisor;
}

#define MAX_RESIZED 16384u /* of a very long picture's long side, most of which is cut off anyway */

/* CLIPImageProcessor: the short side to @edge, the long one in proportion, truncated. */
static void
clip_size (const VlfImageProcessor *p, guint width, guint height, guint *to_width, guint *to_height)
{
  guint edge = p->shortest_edge, shorter = MIN (width, height), longer = MAX (width, height);
  guint64 scaled = MIN ((guint64) edge * longer / shorter, MAX_RESIZED);

  *to_width = width <= height ? edge : (guint) scaled;
  *to_height = width <= height ? (guint) scaled : edge;
}

static void
resized_size (const VlfImageProcessor *p, guint width, guint height, guint *to_width, guint *to_height)
{
  if (!p->resize) {
    *to_width = width;
    *to_height = height;
    return;
  }
  if (p->shortest_edge == 0) {
    *to_width = p->resize_width;
    *to_height = p->resize_height;
  } else if (p->kind == VLF_PROCESSOR_BRIDGETOWER) {
    bridgetower_size (p, width, height, to_width, to_height);
  } else {
    clip_size (p, width, height, to_width, to_height);
  }
}

/* The largest size of the picture's shape that fits in the input. */
static void
inscribed_size (guint input, guint width, guint height, guint *to_width, guint *to_height)
{
  double scale = (double) input / MAX (width, height);

  *to_width = CLAMP ((guint) (width * scale + 0.5), 1u, input);
  *to_height = CLAMP ((guint) (height * scale + 0.5), 1u, input);
}

/* Where a centred cut of @cut pixels begins: floored also when negative, as center_crop pads. */
static gint
centre (guint size, guint cut)
{
  gint space = (gint) size - (gint) cut;

  return space >= 0 ? space / 2 : -((1 - space) / 2);
}

VlfImagePlan
vlf_image_plan (const VlfImageProcessor *p, guint width, guint height, VlfFit fit)
{
  VlfImagePlan plan = {
    .filter = p->filter, .width = p->input, .height = p->input, .patch = p->patch, .rescale = (float) p->rescale
  };

  for (guint i = 0; i < 3; i++) {
    plan.mean[i] = (float) p->mean[i];
    plan.std[i] = (float) p->std[i];
    plan.fill[i] = fit == VLF_FIT_PAD ? (float) (p->mean[i] / p->rescale) : 0.0f;
  }
  if (fit == VLF_FIT_SQUASH)
    plan.resized_width = plan.resized_height = p->input;
  else if (fit == VLF_FIT_PAD)
    inscribed_size (p->input, width, height, &plan.resized_width, &plan.resized_height);
  else
    resized_size (p, width, height, &plan.resized_width, &plan.resized_height);
  if (fit == VLF_FIT_MODEL && p->resize && !p->center_crop) /* the network takes no other size */
    plan.resized_width = plan.resized_height = p->input;
  plan.crop_x = centre (plan.resized_width, p->input);
  plan.crop_y = centre (plan.resized_height, p->input);
  return plan;
}

void
vlf_image_plan_region (const VlfImagePlan *plan, guint width, guint height, double region[4])
{
  double x_scale = (double) width / plan->resized_width, y_scale = (double) height / plan->resized_height;

  region[0] = plan->crop_x * x_scale;
  region[1] = plan->crop_y * y_scale;
  region[2] = plan->width / plan->patch * plan->patch * x_scale;
  region[3] = plan->height / plan->patch * plan->patch * y_scale;
}
