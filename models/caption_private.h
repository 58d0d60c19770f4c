/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: from generated tokens to words. */
#pragma once
#include "models/caption.h"
#include "models/generate.h"

G_BEGIN_DECLS

/* Fills text and words of @caption, whose grid is set, with the tokens from @first on. @maps [generated n, rows * cols]: where in the picture
 * each token's step looked; NULL: no word has a map. */
void vlf_caption_read (VlfCaption *caption, const VlfModel *model, const VlfGenerated *generated, guint first,
                       const float *maps);

G_END_DECLS
