/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_VL_OVERLAY (gst_vl_overlay_get_type ())
G_DECLARE_FINAL_TYPE (GstVlOverlay, gst_vl_overlay, GST, VL_OVERLAY, GstElement)

GST_ELEMENT_REGISTER_DECLARE (vloverlay)

G_END_DECLS
