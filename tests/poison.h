/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests: a model with numbers among its weights that are none. */
#pragma once
#include "tests/folder.h"

G_BEGIN_DECLS

/* A copy of the model directory @folder where all of float32 tensor @tensor (NULL: none) is @with; free with folder_remove(). */
gchar *poison_copy (const gchar *folder, const char *tensor, float with);
/* The same with @n of its numbers, from number @first on. */
gchar *poison_copy_part (const gchar *folder, const char *tensor, guint64 first, guint64 n, float with);
/* Adds float32 tensor @tensor [@rows, @cols] of zeros, which take no place on the disk, to the copy's model.safetensors. FALSE where files
 * cannot be so large. */
gboolean poison_add (const gchar *copy, const char *tensor, guint64 rows, guint64 cols);

G_END_DECLS
