/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_VL_TEXT_ENC (gst_vl_text_enc_get_type ())
G_DECLARE_FINAL_TYPE (GstVlTextEnc, gst_vl_text_enc, GST, VL_TEXT_ENC, GstElement)

GST_ELEMENT_REGISTER_DECLARE (vltextenc)

G_END_DECLS
