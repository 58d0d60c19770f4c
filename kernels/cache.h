/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: compiled programs on disk. They are machine code, so that nothing is taken from a folder or file of another
 * user, and nothing whose checksum is wrong. No failure here is an error: what cannot be kept is made again. Thread-safe.
 * Folder: $VLF_CACHE_DIR, or gst-vlfusion in the user's cache folder; VLF_CACHE=off switches all of it off. The 16 newest
 * entries stay. */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* What was stored under @key (64 hexadecimal digits), or NULL. A broken or foreign entry is removed. */
GBytes *vlf_cache_load (const char *key);
/* Through a temporary file, so that readers see all of it or nothing. */
void vlf_cache_store (const char *key, GBytes *payload);
void vlf_cache_remove (const char *key);

G_END_DECLS
