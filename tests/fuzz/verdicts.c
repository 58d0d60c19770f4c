/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For mutations.py: reads safetensors files from its input, each behind its length (32 bits, little-endian), and writes a line for each:
 * "yes" and the number of its tensors, or "no" and why not. */
#include "models/safetensors.h"
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void
judge (const guint8 *data, gsize size)
{
  int fd = memfd_create ("verdict", MFD_CLOEXEC);
  g_autofree gchar *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfSafetensors) st = NULL;

  g_assert_true (fd >= 0 && write (fd, data, size) == (gssize) size);
  st = vlf_safetensors_open (path, &error);
  if (st) {
    printf ("yes %u\n", vlf_safetensors_size (st));
  } else {
    g_strdelimit (error->message, "\n", ' ');
    printf ("no %s\n", error->message);
  }
  close (fd);
}

int
main (void)
{
  guint32 size;

  while (fread (&size, sizeof size, 1, stdin) == 1) {
    g_autofree guint8 *data = NULL;

    size = GUINT32_FROM_LE (size);
    data = g_malloc (size + 1);
    if (fread (data, 1, size, stdin) != size)
      return 1;
    judge (data, size);
  }
  return 0;
}
