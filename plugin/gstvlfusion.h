/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/gstvlinference.h"

G_BEGIN_DECLS

#define GST_TYPE_VL_FUSION (gst_vl_fusion_get_type ())
/* The type's name is not GstVlFusion, which the metas of the property mirror have: a meta's name is a type's, too. Elements without a
 * name are vlfusion0, vlfusion1, ... all the same. */
G_DECLARE_FINAL_TYPE (GstVlfusion, gst_vl_fusion, GST, VL_FUSION, GstVlInference)
typedef GstVlfusion GstVlFusion;

GST_ELEMENT_REGISTER_DECLARE (vlfusion)

/* VlfReuseMode */
#define GST_TYPE_VL_REUSE (gst_vl_reuse_get_type ())
GType gst_vl_reuse_get_type (void);

G_END_DECLS
