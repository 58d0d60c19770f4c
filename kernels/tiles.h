/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: into which pieces the CPU family cuts its work. Results do not depend on it, not even in a bit; the time does. A
 * table ships; what vlf_tiles_tune() finds to be quicker on a device stands in the cache of compiled kernels (cache.h) under the device's own
 * key, and counts from the next time that the device is opened. */
#pragma once
#include "kernels/cl_device.h"

G_BEGIN_DECLS

/* The table for devices with vectors of @width floats, 8 or 16. */
VlfTiles vlf_tiles_shipped (guint width);
/* What @device shall use: what was tuned for it, else the table. Whatever is broken or out of range in the cache is passed over. */
VlfTiles vlf_tiles_load (const VlfDevice *device);
void vlf_tiles_store (const VlfDevice *device, const VlfTiles *tiles);

/* One line: "heights 12 12 12 12 12 chain 1024 parts 1". Free with g_free(). */
gchar *vlf_tiles_print (const VlfTiles *tiles);
/* FALSE where @text is anything else, or says what no device with vectors of @width floats can do. */
gboolean vlf_tiles_parse (const char *text, guint width, VlfTiles *tiles);

/* Rows of the highest tile of a product of @rows rows. */
guint vlf_tiles_height (const VlfTiles *tiles, guint rows);
/* The most rows of the products that share number @bucket of heights; the last one has no end, and stands for 1024. */
guint vlf_tiles_rows (guint bucket);

G_END_DECLS
