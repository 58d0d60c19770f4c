/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests: a model with numbers among its weights that are none. */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* A copy of the model directory @folder where all of float32 tensor @tensor (NULL: none) is @with; free with poison_remove(). */
gchar *poison_copy (const char *folder, const char *tensor, float with);
void poison_remove (gchar *copy);

G_END_DECLS
