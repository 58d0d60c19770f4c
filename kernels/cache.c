/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/cache.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC       "VLFCLB01"
#define KEY_LENGTH  64
#define ENTRIES_MAX 16
#define PAYLOAD_MAX ((guint64) 256 * 1024 * 1024)

/* The head of an entry, as it is in the file; numbers little-endian. */
typedef struct {
  gchar magic[8];
  gchar key[KEY_LENGTH];
  guint64 length;
  gchar checksum[KEY_LENGTH]; /* SHA-256 of the payload, hexadecimal */
} Head;

/* The folder, made if need be; -1 where it cannot be trusted or is switched off. */
static int
open_folder (void)
{
  const char *named = g_getenv ("VLF_CACHE_DIR"), *wish = g_getenv ("VLF_CACHE");
  g_autofree gchar *path =
      named && named[0] != '\0' ? g_strdup (named) : g_build_filename (g_get_user_cache_dir (), "gst-vlfusion", NULL);
  struct stat info;
  int folder;

  if (wish && g_str_equal (wish, "off"))
    return -1;
  g_mkdir_with_parents (path, 0700);
  folder = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) {
    g_info ("compiled kernels are not kept: %s: %s", path, g_strerror (errno));
    return -1;
  }
  if (fstat (folder, &info) == 0 && info.st_uid == geteuid () && (info.st_mode & 022) == 0)
    return folder;
  g_info ("compiled kernels are not kept: %s can be written by others", path);
  close (folder);
  return -1;
}

static gchar *
entry_name (const char *key)
{
  return g_strconcat (key, ".clbin", NULL);
}

static gboolean
read_all (int file, gpointer to, gsize size)
{
  guint8 *p = to;

  while (size > 0) {
    gssize n = read (file, p, size);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    p += n;
    size -= (gsize) n;
  }
  return TRUE;
}

static gboolean
write_all (int file, gconstpointer from, gsize size)
{
  const guint8 *p = from;

  while (size > 0) {
    gssize n = write (file, p, size);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    p += n;
    size -= (gsize) n;
  }
  return TRUE;
}

static GBytes *
read_entry (int file, const char *key)
{
  struct stat info;
  Head head;
  guint64 length;
  g_autofree guint8 *payload = NULL;
  g_autofree gchar *checksum = NULL;

  if (fstat (file, &info) != 0 || !S_ISREG (info.st_mode) || info.st_uid != geteuid () || (info.st_mode & 022))
    return NULL;
  if (!read_all (file, &head, sizeof head) || memcmp (head.magic, MAGIC, sizeof head.magic) != 0 ||
      memcmp (head.key, key, KEY_LENGTH) != 0)
    return NULL;
  length = GUINT64_FROM_LE (head.length);
  if (length == 0 || length > PAYLOAD_MAX || (guint64) info.st_size != sizeof head + length)
    return NULL;
  payload = g_try_malloc (length);
  if (!payload || !read_all (file, payload, length))
    return NULL;
  checksum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, payload, length);
  if (memcmp (head.checksum, checksum, KEY_LENGTH) != 0)
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&payload), length);
}

GBytes *
vlf_cache_load (const char *key)
{
  g_autofree gchar *name = entry_name (key);
  GBytes *payload = NULL;
  int folder = open_folder (), file;

  if (folder < 0)
    return NULL;
  file = openat (folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (file >= 0) {
    payload = read_entry (file, key);
    close (file);
  }
  if (!payload && (file >= 0 || errno == ELOOP)) {
    g_info ("the compiled kernels in %s are broken or foreign; they are made again", name);
    unlinkat (folder, name, 0);
  }
  close (folder);
  return payload;
}

void
vlf_cache_remove (const char *key)
{
  g_autofree gchar *name = entry_name (key);
  int folder = open_folder ();

  if (folder < 0)
    return;
  unlinkat (folder, name, 0);
  close (folder);
}

static gboolean
write_entry (int folder, const char *temporary, const char *key, GBytes *payload)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (payload, &size);
  g_autofree gchar *checksum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, data, size);
  Head head = { .length = GUINT64_TO_LE ((guint64) size) };
  int file = openat (folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  gboolean good;

  if (file < 0)
    return FALSE;
  memcpy (head.magic, MAGIC, sizeof head.magic);
  memcpy (head.key, key, KEY_LENGTH);
  memcpy (head.checksum, checksum, KEY_LENGTH);
  good = write_all (file, &head, sizeof head) && write_all (file, data, size) && fsync (file) == 0;
  return close (file) == 0 && good;
}

/* Removes the oldest entries beyond ENTRIES_MAX, so that updates of drivers and of this software do not pile up. */
static void
prune (int folder)
{
  int again = openat (folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = again >= 0 ? fdopendir (again) : NULL;
  g_autofree gchar *oldest = NULL;
  gint64 oldest_time = G_MAXINT64;
  guint n = 0;

  for (struct dirent *e; dir && (e = readdir (dir));) {
    struct stat info;

    if (!g_str_has_suffix (e->d_name, ".clbin") || fstatat (folder, e->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    n++;
    if (info.st_mtime < oldest_time) {
      oldest_time = info.st_mtime;
      g_free (oldest);
      oldest = g_strdup (e->d_name);
    }
  }
  if (dir)
    closedir (dir);
  else if (again >= 0)
    close (again);
  if (n > ENTRIES_MAX && unlinkat (folder, oldest, 0) == 0)
    prune (folder);
}

void
vlf_cache_store (const char *key, GBytes *payload)
{
  g_autofree gchar *name = entry_name (key),
                   *temporary = g_strdup_printf ("%s.%d.%08x.tmp", key, (int) getpid (), g_random_int ());
  int folder = open_folder ();

  if (folder < 0)
    return;
  if (!write_entry (folder, temporary, key, payload) || renameat (folder, temporary, folder, name) != 0) {
    g_info ("compiled kernels are not kept: %s", g_strerror (errno));
    unlinkat (folder, temporary, 0);
  }
  prune (folder);
  close (folder);
}
