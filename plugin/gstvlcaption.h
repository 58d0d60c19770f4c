/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/gstvlinference.h"

G_BEGIN_DECLS

#define GST_TYPE_VL_CAPTION (gst_vl_caption_get_type ())
G_DECLARE_FINAL_TYPE (GstVlCaption, gst_vl_caption, GST, VL_CAPTION, GstVlInference)

GST_ELEMENT_REGISTER_DECLARE (vlcaption)

G_END_DECLS
