/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <sys/stat.h>
#include "kernels/error.h"

G_BEGIN_DECLS

/* Files of a model directory, which are untrusted: opened relative to their directory, never through a symbolic
 * link, regular files only, read with pread and never mapped (a file cut short while mapped would end the process). */

/* @dir as a descriptor for the calls below, -1 with @error set. Close with close(). */
int vlf_dir_open (const char *dir, GError **error);

/* Opens @name in @dir_fd. AT_FDCWD: @name is a path that the user gave, only then may it be a link. @status receives
 * what the file was when opened. -1 with VLF_ERROR_NOT_FOUND if there is no such file, VLF_ERROR_IO if it is not a
 * plain file or not readable. */
int vlf_file_open (int dir_fd, const char *name, struct stat *status, GError **error);

/* Whether @name in @dir_fd exists, of whatever kind. */
gboolean vlf_file_exists (int dir_fd, const char *name);

/* Exactly @n bytes from @first on to @to; @name is for the message. VLF_ERROR_FORMAT if the file ends before.
 * Thread-safe. */
gboolean vlf_file_read (int fd, const char *name, gsize first, gsize n, gpointer to, GError **error);

/* VLF_ERROR_IO unless the open file is still what @status says (size, time of change, inode). */
gboolean vlf_file_unchanged (int fd, const char *name, const struct stat *status, GError **error);

/* The whole of a file of at most @max_bytes, with a NUL behind its @length bytes. Free with g_free(). */
gchar *vlf_file_load (int dir_fd, const char *name, gsize max_bytes, gsize *length, GError **error);

G_END_DECLS
