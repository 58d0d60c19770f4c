/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/session.h"

G_BEGIN_DECLS

/* A JPEG or PNG file as packed 8-bit RGB, [height, width, 3] without padding; what the files say beyond that is treated as PIL's
 * Image.open(...).convert("RGB") does: alpha, gamma and orientation are ignored, 16-bit samples keep their upper byte. */
typedef struct {
  guint width, height;
  guint8 *pixels;
} Picture;

/* @picture is filled on success only; clear it with picture_clear(). VLF_ERROR_FORMAT for what is neither JPEG nor PNG or is damaged,
 * VLF_ERROR_RANGE for sides beyond 32768 or more than 2^27 pixels; messages name the file. */
gboolean picture_load (const char *path, Picture *picture, GError **error);
void picture_clear (Picture *picture); /* zeroed is fine */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Picture, picture_clear)

/* A view of the pixels, which stay the picture's. */
VlfImage picture_view (const Picture *picture);

G_END_DECLS
