/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/file.h"
#include "kernels/size.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void
set_io_error (GError **error, const char *name, const char *what)
{
  int code = errno;

  g_set_error (error, VLF_ERROR, code == ENOENT || code == ENOTDIR ? VLF_ERROR_NOT_FOUND : VLF_ERROR_IO, "%s: %s: %s",
               name, what, g_strerror (code));
}

int
vlf_dir_open (const char *dir, GError **error)
{
  int fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    set_io_error (error, dir, "cannot open this directory");
  return fd;
}

int
vlf_file_open (int dir_fd, const char *name, struct stat *status, GError **error)
{
  /* O_NONBLOCK: opening a named pipe must not wait for its writer. It changes nothing for plain files. */
  int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (dir_fd == AT_FDCWD ? 0 : O_NOFOLLOW);
  int fd = openat (dir_fd, name, flags);

  if (fd < 0 && errno == ELOOP)
    g_set_error (error, VLF_ERROR, VLF_ERROR_IO,
                 "%s: expected a plain file, found a symbolic link; put a copy of the file there "
                 "(hf download --local-dir makes such a directory)",
                 name);
  else if (fd < 0)
    set_io_error (error, name, "cannot open this file");
  if (fd < 0)
    return -1;

  if (fstat (fd, status) < 0)
    set_io_error (error, name, "cannot examine this file");
  else if (!S_ISREG (status->st_mode))
    g_set_error (error, VLF_ERROR, VLF_ERROR_IO, "%s: expected a plain file, found a %s", name,
                 S_ISDIR (status->st_mode) ? "directory" : "pipe, socket or device");
  else
    return fd;
  close (fd);
  return -1;
}

gboolean
vlf_file_exists (int dir_fd, const char *name)
{
  struct stat status;

  return fstatat (dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

gboolean
vlf_file_read (int fd, const char *name, gsize first, gsize n, gpointer to, GError **error)
{
  /* One system call reads at most 2 GiB; smaller pieces cost nothing. */
  const gsize piece = (gsize) 64 << 20;
  guint8 *out = to;
  gsize end;

  if (!vlf_size_add (first, n, &end) || end > G_MAXINT64) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: a read beyond what files can hold", name);
    return FALSE;
  }
  while (n > 0) {
    gssize got = pread (fd, out, MIN (n, piece), (off_t) first);

    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0) {
      set_io_error (error, name, "cannot read this file");
      return FALSE;
    }
    if (got == 0) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                   "%s: expected %" G_GSIZE_FORMAT " more bytes at byte %" G_GSIZE_FORMAT ", found the end of the file",
                   name, n, first);
      return FALSE;
    }
    out += got;
    first += (gsize) got;
    n -= (gsize) got;
  }
  return TRUE;
}

gboolean
vlf_file_unchanged (int fd, const char *name, const struct stat *status, GError **error)
{
  struct stat now;

  if (fstat (fd, &now) < 0) {
    set_io_error (error, name, "cannot examine this file");
    return FALSE;
  }
  if (now.st_size == status->st_size && now.st_ino == status->st_ino && now.st_dev == status->st_dev &&
      now.st_mtim.tv_sec == status->st_mtim.tv_sec && now.st_mtim.tv_nsec == status->st_mtim.tv_nsec)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_IO, "%s: the file was changed while it was being read; open it again", name);
  return FALSE;
}

gchar *
vlf_file_load (int dir_fd, const char *name, gsize max_bytes, gsize *length, GError **error)
{
  struct stat status;
  gchar *data = NULL;
  gsize size;
  int fd = vlf_file_open (dir_fd, name, &status, error);

  if (fd < 0)
    return NULL;
  size = (gsize) status.st_size;
  if (size > max_bytes) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "%s: expected at most %" G_GSIZE_FORMAT " bytes, found %" G_GSIZE_FORMAT, name, max_bytes, size);
    goto fail;
  }
  data = g_try_malloc (size + 1);
  if (!data) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: no memory for its %" G_GSIZE_FORMAT " bytes", name, size);
    goto fail;
  }
  if (!vlf_file_read (fd, name, 0, size, data, error) || !vlf_file_unchanged (fd, name, &status, error))
    goto fail;
  close (fd);
  data[size] = '\0';
  if (length)
    *length = size;
  return data;

fail:
  close (fd);
  g_free (data);
  return NULL;
}
