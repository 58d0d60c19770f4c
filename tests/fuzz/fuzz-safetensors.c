/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a safetensors file. What opens can be read whole: its tensors fill the file. */
#include "models/safetensors.h"
#include "tests/fuzz/fuzz.h"
#include <sys/mman.h>
#include <unistd.h>

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  int fd = memfd_create ("fuzz", MFD_CLOEXEC);
  g_autofree gchar *path = g_strdup_printf ("/proc/self/fd/%d", fd), *room = g_malloc (MAX (size, 1));
  g_autoptr (VlfSafetensors) st = NULL;

  g_assert_true (fd >= 0 && write (fd, data, size) == (gssize) size);
  st = vlf_safetensors_open (path, NULL);
  for (guint i = 0; st && i < vlf_safetensors_size (st); i++) {
    const VlfTensorInfo *info = vlf_safetensors_nth (st, i);
    g_autofree gchar *shape = vlf_tensor_shape_string (info);

    g_assert_cmpuint (info->bytes, <, size);
    g_assert_true (vlf_safetensors_read (st, info, 0, info->bytes, room, NULL));
    g_assert_true (vlf_safetensors_lookup (st, info->name) == info);
  }
  close (fd);
  return 0;
}
