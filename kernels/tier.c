/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/tier.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "kernels/cache.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

/* After how many seconds a probe that never came to an end counts as gone. */
#define GONE_AFTER (2 * VLF_TIER_LIMIT)

#define DEFAULT_PATIENCE 30 /* seconds */

#define PROVEN  "proven"
#define REFUSED "refused"
#define STARTED "started "

extern char **environ;

/* Linux, arch/x86/include/uapi/asm/prctl.h, and the number that the state of tiles has there. */
#define REQUEST_STATE 0x1023
#define TILE_STATE    18

/* cl_nv_device_attribute_query */
#define NV_COMPUTE_CAPABILITY_MAJOR 0x4000
#define NV_WARP_SIZE                0x4003

#define NONE 0x8000u /* a bit that no tier has: none are assumed, unlike nothing is */

static guint assumed;
static gboolean assumed_permitted;

void
vlf_tier_assume (guint tiers, gboolean permitted)
{
  assumed = tiers | NONE;
  assumed_permitted = permitted;
}

gboolean
vlf_tier_permitted (guint tiers)
{
  if (!(tiers & VLF_TIERS_AMX) || assumed_permitted)
    return TRUE;
#if defined(__x86_64__) && defined(SYS_arch_prctl)
  return syscall (SYS_arch_prctl, REQUEST_STATE, TILE_STATE) == 0;
#else
  return FALSE;
#endif
}

gint64
vlf_tier_patience (void)
{
  const gchar *seconds = g_getenv ("VLF_PROBE_WAIT");
  guint64 n = DEFAULT_PATIENCE;

  if (seconds && !g_ascii_string_to_unsigned (seconds, 10, 0, VLF_TIER_LIMIT, &n, NULL))
    n = DEFAULT_PATIENCE;
  return (gint64) n * G_USEC_PER_SEC;
}

gboolean
vlf_tier_takes_assembly (const char *version)
{
  g_autofree gchar *lower = g_ascii_strdown (version, -1);
  const char *pocl = strstr (lower, "pocl ");
  const guint64 major = pocl ? g_ascii_strtoull (pocl + strlen ("pocl "), NULL, 10) : 0;

  return major < 4 || major > 6;
}

/* What the processor has for vectors of @width floats. */
static guint
processor_tiers (guint width)
{
  guint tiers = 0;
#if defined(__x86_64__) || defined(__i386__)
  guint a, b, c, d;

  if (__get_cpuid_count (7, 0, &a, &b, &c, &d)) {
    if (width == 16 && (c & 1u << 11)) /* AVX512_VNNI */
      tiers |= VLF_TIER_INT8;
    if (width == 8 && (b & 1u << 5)) /* AVX2 */
      tiers |= VLF_TIER_INT8_AVX2;
    if (width == 16 && (d & 1u << 24) && (d & 1u << 22)) /* AMX-TILE, AMX-BF16 */
      tiers |= VLF_TIER_AMX_BF16;
    if (width == 16 && (d & 1u << 24) && (d & 1u << 25)) /* AMX-TILE, AMX-INT8 */
      tiers |= VLF_TIER_AMX_INT8;
  }
  if (__get_cpuid_count (7, 1, &a, &b, &c, &d)) {
    if (width == 8 && (a & 1u << 4)) /* AVX-VNNI */
      tiers |= VLF_TIER_INT8;
    if (width == 16 && (a & 1u << 5)) /* AVX512_BF16 */
      tiers |= VLF_TIER_BF16;
  }
#else
  (void) width;
#endif
  return tiers;
}

/* What a GPU has: of NVIDIA, with warps of 32, matrix instructions since compute capability 8.0; subgroups by one extension or the other. */
static guint
gpu_tiers (cl_device_id id)
{
  g_autofree gchar *extensions = vlf_cl_device_string (id, CL_DEVICE_EXTENSIONS);
  const guint subgroups = vlf_cl_subgroups (id) ? VLF_TIER_SUBGROUPS : 0;
  cl_uint major = 0, warp = 0;

  if (!strstr (extensions, "cl_nv_device_attribute_query"))
    return subgroups;
  vlf_cl_api ()->GetDeviceInfo (id, NV_COMPUTE_CAPABILITY_MAJOR, sizeof major, &major, NULL);
  vlf_cl_api ()->GetDeviceInfo (id, NV_WARP_SIZE, sizeof warp, &warp, NULL);
  return subgroups | (major >= 8 && warp == 32 ? VLF_TIER_MMA : 0);
}

/* What VLF_TIERS names. */
static guint
wished_tiers (void)
{
  static const struct {
    const char *name;
    guint tiers;
  } known[] = { { "int8", VLF_TIER_INT8 | VLF_TIER_INT8_AVX2 },
                { "int8-avx2", VLF_TIER_INT8_AVX2 },
                { "bf16", VLF_TIER_BF16 },
                { "amx", VLF_TIERS_AMX },
                { "mma", VLF_TIER_MMA },
                { "subgroups", VLF_TIER_SUBGROUPS } };
  const gchar *wish = g_getenv ("VLF_TIERS");
  g_auto (GStrv) names = g_strsplit (wish ? wish : "int8,bf16,amx,mma,subgroups", ",", -1);
  guint tiers = 0;

  for (guint i = 0; names[i]; i++) {
    for (guint j = 0; j < G_N_ELEMENTS (known); j++) {
      if (g_str_equal (g_strstrip (names[i]), known[j].name))
        tiers |= known[j].tiers;
    }
  }
  return tiers;
}

/* What the processor has and the driver can compile; all of it is inline assembly. */
static guint
cpu_tiers (const VlfClDevice *device)
{
  g_autofree gchar *version =
      device->platform ? vlf_cl_platform_string (device->platform, CL_PLATFORM_VERSION) : g_strdup ("");

  return vlf_tier_takes_assembly (version) ? processor_tiers (device->width) : 0;
}

guint
vlf_tier_seeming (const VlfClDevice *device)
{
  if (assumed)
    return assumed & ~NONE;
  return wished_tiers () & (device->family == VLF_FAMILY_CPU ? cpu_tiers (device) : gpu_tiers (device->id));
}

guint
vlf_tier_best (guint tiers)
{
  if (tiers & VLF_TIER_AMX_INT8)
    tiers &= ~(guint) VLF_TIER_INT8;
  if (tiers & (VLF_TIER_AMX_INT8 | VLF_TIER_INT8))
    tiers &= ~(guint) VLF_TIER_INT8_AVX2;
  return tiers & VLF_TIER_AMX_BF16 ? tiers & ~(guint) VLF_TIER_BF16 : tiers;
}

/* Verdicts */

static gchar *
verdict_key (const char *key)
{
  g_autofree gchar *text = g_strdup_printf ("verdict on %s", key);

  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1);
}

static gchar *
load_verdict (const char *key)
{
  g_autoptr (GBytes) payload = vlf_cache_load (key);
  gsize size = 0;
  const char *text = payload ? g_bytes_get_data (payload, &size) : NULL;

  return text ? g_strndup (text, size) : NULL;
}

static void
store_verdict (const char *key, const char *verdict)
{
  g_autoptr (GBytes) payload = g_bytes_new (verdict, strlen (verdict));

  vlf_cache_store (key, payload);
}

/* TRUE where somebody began to probe and may still be at it. */
static gboolean
is_under_way (const char *verdict)
{
  gint64 since = g_str_has_prefix (verdict, STARTED) ? g_ascii_strtoll (verdict + strlen (STARTED), NULL, 10) : 0;
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;

  return since <= now && now - since < GONE_AFTER;
}

void
vlf_tier_keep (const char *key, VlfVerdict verdict)
{
  g_autofree gchar *verdict_at = verdict_key (key);

  if (verdict == VLF_VERDICT_UNKNOWN)
    vlf_cache_remove (verdict_at);
  else
    store_verdict (verdict_at, verdict == VLF_VERDICT_PROVEN ? PROVEN : REFUSED);
}

/* Says in the cache that a probe begins. FALSE where the cache keeps nothing: then no verdict would be kept either. */
static gboolean
announce (const char *key)
{
  g_autofree gchar *text = g_strdup_printf (STARTED "%" G_GINT64_FORMAT, g_get_real_time () / G_USEC_PER_SEC);
  g_autofree gchar *found = NULL;

  store_verdict (key, text);
  found = load_verdict (key);
  return g_strcmp0 (found, text) == 0;
}

/* The probe */

/* One that runs: of its own thread, and of whoever waits for it. */
typedef struct {
  gchar *path, *device, *key;
  guint tiers;
  GMutex mutex;
  GCond ended;
  gboolean done, proven; /* under the mutex */
} Probe;

static void
probe_clear (gpointer data)
{
  Probe *p = data;

  g_free (p->path);
  g_free (p->device);
  g_free (p->key);
  g_mutex_clear (&p->mutex);
  g_cond_clear (&p->ended);
}

/* The file of the program or library that this code is part of; NULL where the system does not tell. The loader calls a program as its caller
 * did, so that a relative name is none of a file, or of one in the current folder, which may be anybody's. */
static gchar *
own_path (void)
{
  Dl_info self;

  if (!dladdr (&assumed, &self) || !self.dli_fname)
    return NULL;
  return g_path_is_absolute (self.dli_fname) ? g_strdup (self.dli_fname) : g_file_read_link ("/proc/self/exe", NULL);
}

/* vlf-probe of the build tree that this code is part of; NULL where it is installed. One that belongs to somebody else is none. */
static gchar *
built_probe (void)
{
  g_autofree gchar *own = own_path (), *folder = own ? g_path_get_dirname (own) : NULL;
  g_autofree gchar *path = folder ? g_build_filename (folder, "..", "kernels", "vlf-probe", NULL) : NULL;
  GStatBuf ours, its;

  if (path && g_stat (own, &ours) == 0 && g_stat (path, &its) == 0 && its.st_uid == ours.st_uid)
    return g_steal_pointer (&path);
  return NULL;
}

gchar *
vlf_tier_find_probe (void)
{
  gchar *path = g_strdup (g_getenv ("VLF_PROBE"));

  if (!path)
    path = built_probe ();
  if (!path)
    path = g_build_filename (VLF_LIBEXECDIR, "vlf-probe", NULL);
  if (!g_file_test (path, G_FILE_TEST_IS_EXECUTABLE))
    g_clear_pointer (&path, g_free);
  return path;
}

/* Starts @p with its output in @output. Not through fork(), since this process has threads; in a group of its own, as keys of the terminal are
 * not meant for it, which looks on for the next process. 0: it did not start. */
static pid_t
spawn (const Probe *p, int output)
{
  g_autofree gchar *number = g_strdup_printf ("%u", p->tiers);
  char *const argv[] = { p->path, p->device, number, p->key, NULL };
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  pid_t pid = 0;

  if (posix_spawn_file_actions_init (&actions) != 0)
    return 0;
  if (posix_spawnattr_init (&attributes) == 0) {
    posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup (&attributes, 0);
    posix_spawn_file_actions_addopen (&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2 (&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen (&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawn (&pid, p->path, &actions, &attributes, argv, environ) != 0)
      pid = 0;
    posix_spawnattr_destroy (&attributes);
  }
  posix_spawn_file_actions_destroy (&actions);
  return pid;
}

/* What comes out of @fd until it is closed, at most @size - 1 bytes; FALSE where that takes too long. */
static gboolean
read_answer (int fd, char *to, gsize size)
{
  gint64 end = g_get_monotonic_time () + VLF_TIER_LIMIT * G_USEC_PER_SEC;
  gsize have = 0;

  for (;;) {
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    gint64 left = (end - g_get_monotonic_time ()) / 1000;
    ssize_t n;

    if (left <= 0 || have + 1 >= size)
      return FALSE;
    if (poll (&wait, 1, (int) left) <= 0)
      continue;
    n = read (fd, to + have, size - 1 - have);
    if (n < 0 && errno != EINTR)
      return FALSE;
    if (n == 0)
      break;
    have += n > 0 ? (gsize) n : 0;
  }
  to[have] = '\0';
  return TRUE;
}

/* What a probe that ended with @status and said @answer found. Who was ended from outside, by a user or for want of memory, found nothing. */
static VlfVerdict
read_verdict (int status, const char *answer)
{
  if (WIFSIGNALED (status)) {
    switch (WTERMSIG (status)) {
    case SIGINT:
    case SIGTERM:
    case SIGHUP:
    case SIGQUIT:
    case SIGKILL: return VLF_VERDICT_UNKNOWN;
    default: return VLF_VERDICT_REFUSED;
    }
  }
  if (WEXITSTATUS (status) == VLF_TIER_EXIT_UNKNOWN)
    return VLF_VERDICT_UNKNOWN;
  return status == 0 && strcmp (answer, PROVEN "\n") == 0 ? VLF_VERDICT_PROVEN : VLF_VERDICT_REFUSED;
}

/* Runs the probe to its end, one way or the other. @kept: whether what it may have kept itself stands, as the system does not say how it ended:
 * where SIGCHLD is ignored, or somebody else has taken the status. */
static VlfVerdict
run_probe (const Probe *p, gboolean *kept)
{
  char answer[64] = "";
  gboolean in_time;
  int ends[2], status = 0;
  pid_t pid, ended;

  *kept = FALSE;
  if (pipe2 (ends, O_CLOEXEC) != 0)
    return VLF_VERDICT_UNKNOWN;
  pid = spawn (p, ends[1]);
  close (ends[1]);
  in_time = pid > 0 && read_answer (ends[0], answer, sizeof answer);
  close (ends[0]);
  if (pid <= 0)
    return VLF_VERDICT_UNKNOWN;
  if (!in_time)
    kill (pid, SIGKILL);
  do
    ended = waitpid (pid, &status, 0);
  while (ended < 0 && errno == EINTR);
  if (!in_time)
    return VLF_VERDICT_REFUSED;
  if (ended == pid)
    return read_verdict (status, answer);
  if (strcmp (answer, PROVEN "\n") == 0)
    return VLF_VERDICT_PROVEN;
  *kept = TRUE;
  return VLF_VERDICT_UNKNOWN;
}

static gpointer
probe_thread (gpointer data)
{
  static const char *const names[] = { "not known yet", REFUSED, PROVEN };
  Probe *p = data;
  gboolean kept;
  const VlfVerdict verdict = run_probe (p, &kept);

  if (!kept)
    vlf_tier_keep (p->key, verdict);
  g_info ("%s: instructions beyond OpenCL C (%u) are %s", p->device, p->tiers, names[verdict]);
  g_mutex_lock (&p->mutex);
  p->done = TRUE;
  p->proven = verdict == VLF_VERDICT_PROVEN;
  g_cond_signal (&p->ended);
  g_mutex_unlock (&p->mutex);
  g_atomic_rc_box_release_full (p, probe_clear);
  return NULL;
}

/* NULL: it could not be started. */
static Probe *
probe_start (const char *path, const char *device, guint tiers, const char *key)
{
  Probe *p = g_atomic_rc_box_new0 (Probe);
  GThread *thread;

  p->path = g_strdup (path);
  p->device = g_strdup (device);
  p->key = g_strdup (key);
  p->tiers = tiers;
  g_mutex_init (&p->mutex);
  g_cond_init (&p->ended);
  thread = g_thread_try_new ("vlf-probe", probe_thread, g_atomic_rc_box_acquire (p), NULL);
  if (!thread) {
    g_atomic_rc_box_release (p);
    g_atomic_rc_box_release_full (p, probe_clear);
    return NULL;
  }
  g_thread_unref (thread);
  return p;
}

/* Waits while there is @patience, of which it takes. Whoever waits gives signs of life: the wait has an end of its own, and on a busy machine
 * the probe compiles for longer than a thread may keep silent. FALSE also where the probe is not at its end. */
static gboolean
wait_for (Probe *p, gint64 *patience)
{
  const gint64 end = g_get_monotonic_time () + *patience;
  gboolean proven;

  g_mutex_lock (&p->mutex);
  while (!p->done && g_get_monotonic_time () < end) {
    vlf_watch_alive ();
    g_cond_wait_until (&p->ended, &p->mutex, MIN (end, g_get_monotonic_time () + G_USEC_PER_SEC));
  }
  proven = p->done && p->proven;
  if (!p->done)
    g_info ("%s: the probe of instructions beyond OpenCL C (%u) goes on, this process does without", p->device,
            p->tiers);
  g_mutex_unlock (&p->mutex);
  *patience = MAX (0, end - g_get_monotonic_time ());
  return proven;
}

gboolean
vlf_tier_proven (const VlfDevice *device, guint tiers, const char *key, gint64 *patience)
{
  g_autofree gchar *verdict_at = NULL, *verdict = NULL, *path = NULL;
  gboolean proven;
  Probe *p;

  if (assumed)
    return (assumed & ~NONE) == tiers;
  verdict_at = verdict_key (key);
  verdict = load_verdict (verdict_at);
  if (verdict && (strcmp (verdict, PROVEN) == 0 || strcmp (verdict, REFUSED) == 0))
    return strcmp (verdict, PROVEN) == 0;
  if (verdict && is_under_way (verdict))
    *patience = 0;
  path = *patience > 0 ? vlf_tier_find_probe () : NULL;
  p = path && announce (verdict_at) ? probe_start (path, vlf_device_name (device), tiers, key) : NULL;
  proven = p && wait_for (p, patience);
  if (p)
    g_atomic_rc_box_release_full (p, probe_clear);
  return proven;
}
