/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What fits on a device, asked before anything is allocated there. */
#include <stdio.h>
#include "kernels/backend.h"
#include "kernels/cgroup.h"
#include "kernels/cl_device.h"

#define MIB    (1024.0 * 1024.0)
#define TRIFLE 65536u /* bytes that are had sooner than the host has been asked, which is done by reading files */

/* Bytes that the host can give without taking them from others, swap included; G_MAXSIZE where it does not say. */
static gsize
host_room (void)
{
  FILE *file = fopen ("/proc/meminfo", "re");
  guint64 kib, available = 0, swap = 0;
  gboolean known = FALSE;
  char line[128];

  while (file && fgets (line, sizeof line, file)) {
    if (sscanf (line, "MemAvailable: %" G_GUINT64_FORMAT, &kib) == 1) {
      available = kib;
      known = TRUE;
    } else if (sscanf (line, "SwapFree: %" G_GUINT64_FORMAT, &kib) == 1) {
      swap = kib;
    }
  }
  if (file)
    fclose (file);
  return known && available + swap < G_MAXSIZE / 1024 ? (gsize) (available + swap) * 1024 : G_MAXSIZE;
}

static gboolean
no_room (const VlfDevice *device, gsize wanted, const char *how, gsize there, GError **error)
{
  g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: %.1f MiB are needed%s; there are %.1f MiB", device->name,
               wanted / MIB, how, there / MIB);
  return FALSE;
}

gboolean
vlf_device_has_room (VlfDevice *device, gsize total, gsize largest, GError **error)
{
  const VlfClDevice *cl = device->cl;
  gsize held = vlf_device_memory (device), host, group;

  if (cl && largest > cl->max_alloc)
    return no_room (device, largest, " in one piece", cl->max_alloc, error);
  if (cl && (held > cl->memory || total > cl->memory - held))
    return no_room (device, total, held > 0 ? " beside what is held already" : "",
                    held > cl->memory ? 0 : cl->memory - held, error);
  if ((cl && !cl->unified) || total <= TRIFLE)
    return TRUE;
  host = host_room ();
  /* What a driver takes of the memory for its GPU may count for no control group. */
  group = device->family == VLF_FAMILY_GPU ? G_MAXSIZE : vlf_cgroup_room ("/proc/self/cgroup", "/sys/fs/cgroup");
  if (group < host)
    return total <= group ||
           no_room (device, total, " of the memory that this process's control group may use", group, error);
  return total <= host || no_room (device, total, " of the computer's memory", host, error);
}
