/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/watch.h"
#include "kernels/backend.h"

#define DEFAULT_SECONDS 180
#define MAX_SECONDS     86400

struct _VlfWatch {
  gint refs;
  gint seconds;      /* 0: for ever */
  gint64 sign;       /* atomic: monotonic time of the last sign of life */
  GMutex mutex;      /* of all below */
  VlfDevice *device; /* the last one used; a reference, or NULL */
  gboolean left;     /* vlf_watch_leave() */
};

static __thread VlfWatch *current; /* the thread holds no reference: whoever began ends */

static gint
choose_seconds (void)
{
  const char *wish = g_getenv ("VLF_WATCHDOG");
  guint64 seconds;

  if (wish && g_ascii_string_to_unsigned (wish, 10, 0, MAX_SECONDS, &seconds, NULL))
    return (gint) seconds;
  return DEFAULT_SECONDS;
}

VlfWatch *
vlf_watch_new (void)
{
  VlfWatch *watch = g_new0 (VlfWatch, 1);

  watch->refs = 1;
  watch->seconds = choose_seconds ();
  g_mutex_init (&watch->mutex);
  vlf_watch_reset (watch);
  return watch;
}

VlfWatch *
vlf_watch_ref (VlfWatch *watch)
{
  g_atomic_int_inc (&watch->refs);
  return watch;
}

void
vlf_watch_unref (VlfWatch *watch)
{
  if (!watch || !g_atomic_int_dec_and_test (&watch->refs))
    return;
  vlf_device_unref (watch->device);
  g_mutex_clear (&watch->mutex);
  g_free (watch);
}

void
vlf_watch_begin (VlfWatch *watch)
{
  current = watch;
  vlf_watch_reset (watch);
}

/* Takes the place of the device used before; NULL: none is. */
static void
set_device (VlfWatch *watch, VlfDevice *device)
{
  VlfDevice *before;

  if (device)
    vlf_device_ref (device);
  g_mutex_lock (&watch->mutex);
  before = watch->device;
  watch->device = device;
  if (watch->left && device)
    g_atomic_int_inc (&device->left);
  if (watch->left && before)
    g_atomic_int_add (&before->left, -1);
  g_mutex_unlock (&watch->mutex);
  vlf_device_unref (before);
}

void
vlf_watch_end (void)
{
  VlfWatch *watch = g_steal_pointer (&current);

  if (watch)
    set_device (watch, NULL);
}

void
vlf_watch_leave (VlfWatch *watch)
{
  g_mutex_lock (&watch->mutex);
  if (watch->device && !watch->left)
    g_atomic_int_inc (&watch->device->left);
  watch->left = TRUE;
  g_mutex_unlock (&watch->mutex);
}

void
vlf_watch_reset (VlfWatch *watch)
{
  __atomic_store_n (&watch->sign, g_get_monotonic_time (), __ATOMIC_RELAXED);
}

void
vlf_watch_alive (void)
{
  if (current)
    vlf_watch_reset (current);
}

void
vlf_watch_use (VlfDevice *device)
{
  VlfWatch *watch = current;

  if (!watch)
    return;
  vlf_watch_reset (watch);
  if (watch->device != device) /* which only this thread changes */
    set_device (watch, device);
}

gboolean
vlf_watch_is_stuck (VlfWatch *watch, GError **error)
{
  gint64 silence = g_get_monotonic_time () - __atomic_load_n (&watch->sign, __ATOMIC_RELAXED);

  if (watch->seconds == 0 || silence < (gint64) watch->seconds * G_USEC_PER_SEC)
    return FALSE;
  g_mutex_lock (&watch->mutex);
  if (watch->device)
    g_atomic_int_set (&watch->device->lost, 1);
  g_set_error (error, VLF_ERROR, VLF_ERROR_DEVICE,
               "%s does not answer for %d s; it is lost, and a thread is left behind with it (VLF_WATCHDOG=SECONDS "
               "waits longer, 0 for ever)",
               watch->device ? watch->device->name : "the OpenCL driver", watch->seconds);
  g_mutex_unlock (&watch->mutex);
  return TRUE;
}
