/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_VL_JSON_ENC (gst_vl_json_enc_get_type ())
G_DECLARE_FINAL_TYPE (GstVlJsonEnc, gst_vl_json_enc, GST, VL_JSON_ENC, GstElement)

GST_ELEMENT_REGISTER_DECLARE (vljsonenc)

G_END_DECLS
