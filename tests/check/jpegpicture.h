/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>

G_BEGIN_DECLS

/* A JPEG picture of the RGB @pixels, 4:2:0 as cameras have it. Full transfer. */
GBytes *jpeg_encode (const guint8 *pixels, guint width, guint height, gint quality);
/* One of a single colour. */
GBytes *jpeg_flat (guint width, guint height, guint8 red, guint8 green, guint8 blue);
/* @jpeg without its Huffman tables, as MJPEG has it. */
GBytes *jpeg_without_tables (GBytes *jpeg);

G_END_DECLS
