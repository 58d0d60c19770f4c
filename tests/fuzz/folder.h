/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For fuzz targets whose input is files: a folder of the process's own, removed at its end. */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

const char *fuzz_folder (void);
/* (Re)places a file there. */
void fuzz_folder_put (const char *name, gconstpointer data, gsize size);
/* The same with @size zeros after @n bytes of @data, which take no room. */
void fuzz_folder_put_padded (const char *name, gconstpointer data, gsize n, gsize size);
/* A copy of every plain file of @from, and nothing else. */
void fuzz_folder_fill (const char *from);
void fuzz_folder_remove (const char *name); /* one that is not there is fine */

G_END_DECLS
