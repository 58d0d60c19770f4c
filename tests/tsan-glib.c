/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For builds with ThreadSanitizer, in place of GLib's own functions in what is linked statically: tells the sanitizer of GLib's locks.
 *
 * GMutex is a futex of GLib's own, and distributions build GLib without the sanitizer, which then takes what a lock protects for a
 * race. Here each lock is taken as ever, with the sanitizer's annotations around (sanitizer/tsan_interface.h). What GLib does inside of
 * its own functions stays unseen; kernels/ and models/ have nothing of it but locks, conditions, and threads, which are pthread's. */
#include <dlfcn.h>
#include <glib.h>
#include <sanitizer/tsan_interface.h>

static struct {
  void (*lock) (GMutex *mutex);
  gboolean (*trylock) (GMutex *mutex);
  void (*unlock) (GMutex *mutex);
  void (*clear) (GMutex *mutex);
  void (*wait) (GCond *cond, GMutex *mutex);
  gboolean (*wait_until) (GCond *cond, GMutex *mutex, gint64 end);
} glib;

/* Before there are threads, and before anything of ours takes a lock. */
__attribute__ ((constructor)) static void
find_glib (void)
{
  *(void **) &glib.lock = dlsym (RTLD_NEXT, "g_mutex_lock");
  *(void **) &glib.trylock = dlsym (RTLD_NEXT, "g_mutex_trylock");
  *(void **) &glib.unlock = dlsym (RTLD_NEXT, "g_mutex_unlock");
  *(void **) &glib.clear = dlsym (RTLD_NEXT, "g_mutex_clear");
  *(void **) &glib.wait = dlsym (RTLD_NEXT, "g_cond_wait");
  *(void **) &glib.wait_until = dlsym (RTLD_NEXT, "g_cond_wait_until");
}

void
g_mutex_lock (GMutex *mutex)
{
  if (!glib.lock)
    find_glib ();
  __tsan_mutex_pre_lock (mutex, __tsan_mutex_linker_init);
  glib.lock (mutex);
  __tsan_mutex_post_lock (mutex, __tsan_mutex_linker_init, 0);
}

gboolean
g_mutex_trylock (GMutex *mutex)
{
  gboolean taken;

  __tsan_mutex_pre_lock (mutex, __tsan_mutex_linker_init | __tsan_mutex_try_lock);
  taken = glib.trylock (mutex);
  __tsan_mutex_post_lock (
      mutex, __tsan_mutex_linker_init | __tsan_mutex_try_lock | (taken ? 0u : (unsigned) __tsan_mutex_try_lock_failed),
      0);
  return taken;
}

void
g_mutex_unlock (GMutex *mutex)
{
  __tsan_mutex_pre_unlock (mutex, 0);
  glib.unlock (mutex);
  __tsan_mutex_post_unlock (mutex, 0);
}

void
g_mutex_clear (GMutex *mutex)
{
  __tsan_mutex_destroy (mutex, __tsan_mutex_linker_init);
  glib.clear (mutex);
}

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  __tsan_mutex_pre_unlock (mutex, 0);
  __tsan_mutex_post_unlock (mutex, 0);
  glib.wait (cond, mutex);
  __tsan_mutex_pre_lock (mutex, __tsan_mutex_linker_init);
  __tsan_mutex_post_lock (mutex, __tsan_mutex_linker_init, 0);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end)
{
  gboolean signalled;

  __tsan_mutex_pre_unlock (mutex, 0);
  __tsan_mutex_post_unlock (mutex, 0);
  signalled = glib.wait_until (cond, mutex, end);
  __tsan_mutex_pre_lock (mutex, __tsan_mutex_linker_init);
  __tsan_mutex_post_lock (mutex, __tsan_mutex_linker_init, 0);
  return signalled;
}
