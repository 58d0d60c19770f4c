/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/result.h"
#include "plugin/lib/vlfusion.h"

G_BEGIN_DECLS

/* @result as buffers carry it. Maps and embeddings are lent, not copied: they keep @result alive. */
GstVlResult *gst_vl_result_from_vlf (VlfResult *result, GstClockTime source_pts, guint64 generation);

G_END_DECLS
