/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/image.h"
#include "models/session.h"

G_BEGIN_DECLS

typedef enum {
  VLF_PROCESSOR_BRIDGETOWER,
  VLF_PROCESSOR_BLIP,
  VLF_PROCESSOR_CLIP,
  VLF_PROCESSOR_SIGLIP
} VlfProcessorKind;

/* How a checkpoint wants its pictures, read and checked. Plain data, no pointers. */
typedef struct {
  VlfProcessorKind kind;
  VlfFilter filter;
  gboolean resize, center_crop;
  guint shortest_edge, divisor;      /* BridgeTower, CLIP; an edge of 0: */
  guint resize_width, resize_height; /* BLIP, SigLIP, and CLIP where a file says so */
  guint input;                       /* the model's square input, pixels */
  guint patch;
  double rescale;
  double mean[3], std[3];
} VlfImageProcessor;

/* From image_processor in @dir's processor_config.json, else from preprocessor_config.json, or the class's defaults where the file or a
 * field is absent. @class_name: image_processor_type if the file does not say. Source: transformers, image_processing_base.py. @input,
 * @patch: of the network; a processor that makes another size is VLF_ERROR_RANGE. */
gboolean vlf_image_processor_load (VlfImageProcessor *processor, const char *dir, const char *class_name, guint input,
                                   guint patch, GError **error);

/* What to do with a picture of @width x @height (> 0). Pure.
 * @fit: VLF_FIT_MODEL is the processor's own way; VLF_FIT_SQUASH resizes the whole picture to the input; VLF_FIT_PAD keeps its shape and
 * centres it on the mean colour. */
VlfImagePlan vlf_image_plan (const VlfImageProcessor *processor, guint width, guint height, VlfFit fit);

/* The rectangle of the picture that the plan's patch grid covers, picture pixels: x, y, width, height. May lie inside the picture or
 * reach beyond it. */
void vlf_image_plan_region (const VlfImagePlan *plan, guint width, guint height, double region[4]);

G_END_DECLS
