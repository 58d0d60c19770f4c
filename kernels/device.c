/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/device.h"
#include <unistd.h>
#include "kernels/cl_device.h"

#define FIT         10      /* above every other reason to choose a device */
#define NO_PLATFORM (-1001) /* CL_PLATFORM_NOT_FOUND_KHR: the loader found no driver */

/* The devices of this process that somebody holds; not references. */
static GMutex mutex;
static GPtrArray *devices;

/* What could be opened. */
typedef struct {
  cl_platform_id platform;
  cl_device_id id;
  cl_device_type type;
  gchar *name;       /* "platform: device" */
  gboolean runtime;  /* a CPU runtime that likes explicit vectors: PoCL, Intel */
  gboolean software; /* a GPU in name only */
  gboolean fit;      /* kernels can run on it */
} Candidate;

static void
candidate_free (gpointer data)
{
  Candidate *c = data;

  g_free (c->name);
  g_free (c);
}

static Candidate *
candidate_new (cl_platform_id platform, cl_device_id id)
{
  Candidate *c = g_new0 (Candidate, 1);
  g_autofree gchar *platform_name = vlf_cl_platform_string (platform, CL_PLATFORM_NAME);
  g_autofree gchar *device_name = vlf_cl_device_string (id, CL_DEVICE_NAME), *unfit = NULL;

  c->platform = platform;
  c->id = id;
  vlf_cl_api ()->GetDeviceInfo (id, CL_DEVICE_TYPE, sizeof c->type, &c->type, NULL);
  c->name = g_strdup_printf ("%s: %s", platform_name, device_name);
  c->software = strstr (device_name, "llvmpipe") || strstr (device_name, "softpipe");
  c->runtime = (c->type & CL_DEVICE_TYPE_CPU) &&
               (strstr (platform_name, "Portable Computing Language") || strstr (platform_name, "Intel"));
  unfit = vlf_cl_unfit (id, c->runtime ? VLF_FAMILY_CPU : VLF_FAMILY_GPU);
  c->fit = !unfit;
  return c;
}

static void
add_devices (GPtrArray *candidates, cl_platform_id platform)
{
  cl_uint n = 0;
  g_autofree cl_device_id *ids = NULL;

  /* A platform without devices is normal: CL_DEVICE_NOT_FOUND. */
  if (vlf_cl_api ()->GetDeviceIDs (platform, CL_DEVICE_TYPE_ALL, 0, NULL, &n) != CL_SUCCESS || n == 0)
    return;
  ids = g_new0 (cl_device_id, n);
  if (vlf_cl_api ()->GetDeviceIDs (platform, CL_DEVICE_TYPE_ALL, n, ids, NULL) != CL_SUCCESS)
    return;
  for (cl_uint i = 0; i < n; i++)
    g_ptr_array_add (candidates, candidate_new (platform, ids[i]));
}

/* All devices of all platforms; NULL with @error if there is none. */
static GPtrArray *
list_candidates (GError **error)
{
  g_autoptr (GPtrArray) candidates = g_ptr_array_new_with_free_func (candidate_free);
  g_autofree cl_platform_id *platforms = NULL;
  cl_uint n = 0;
  cl_int status;

  if (!vlf_cl_api_open (error))
    return NULL;
  status = vlf_cl_api ()->GetPlatformIDs (0, NULL, &n);
  if (status == CL_SUCCESS && n > 0) {
    platforms = g_new0 (cl_platform_id, n);
    status = vlf_cl_api ()->GetPlatformIDs (n, platforms, NULL);
    if (status != CL_SUCCESS)
      n = 0;
    for (cl_uint i = 0; i < n; i++)
      add_devices (candidates, platforms[i]);
  } else {
    n = 0;
  }
  if (candidates->len > 0)
    return g_steal_pointer (&candidates);
  if (status != CL_SUCCESS && status != NO_PLATFORM)
    g_set_error (error, VLF_ERROR, VLF_ERROR_DEVICE, "the OpenCL loader does not list its drivers: %s",
                 vlf_cl_status_name (status));
  else
    g_set_error (error, VLF_ERROR, VLF_ERROR_NOT_FOUND, "no OpenCL device: %s; install %s",
                 n > 0 ? "the installed drivers have none" : "no driver is installed", VLF_CL_PACKAGES);
  return NULL;
}

static gchar *
describe (GPtrArray *candidates)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < candidates->len; i++)
    g_string_append_printf (text, "%s%u: %s", i ? "\n" : "", i, ((Candidate *) candidates->pdata[i])->name);
  return g_string_free (text, FALSE);
}

gchar *
vlf_device_list (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) candidates = list_candidates (&error);

  return candidates ? describe (candidates) : g_strdup (error->message);
}

/* How well @c is what was asked for; 0 is not at all. */
static guint
suits (const Candidate *c, const char *which)
{
  gboolean gpu = c->type & CL_DEVICE_TYPE_GPU;

  if (g_str_equal (which, "cpu"))
    return c->runtime ? 2 : c->type & CL_DEVICE_TYPE_CPU ? 1 : 0;
  if (g_str_equal (which, "gpu"))
    return gpu ? (c->software ? 1 : 2) : 0;
  if (g_str_equal (which, "auto"))
    return gpu && !c->software ? 3 : c->runtime ? 2 : 1;
  return 0;
}

static gboolean
is_index (const char *which)
{
  return which[0] != '\0' && which[strspn (which, "0123456789")] == '\0';
}

static const Candidate *
choose (GPtrArray *candidates, const char *wish, GError **error)
{
  g_autofree gchar *which = g_ascii_strdown (wish, -1), *list = NULL;
  const Candidate *best = NULL;
  guint best_score = 0;

  if (is_index (which)) {
    guint64 i = g_ascii_strtoull (which, NULL, 10);

    best = i < candidates->len ? candidates->pdata[i] : NULL;
  }
  for (guint i = 0; i < candidates->len && !is_index (which); i++) {
    const Candidate *c = candidates->pdata[i];
    g_autofree gchar *name = g_ascii_strdown (c->name, -1);
    guint score = suits (c, which);

    if (score == 0 && which[0] != '\0' && strstr (name, which))
      score = g_str_equal (name, which) ? 2 : 1; /* the whole name before one that begins with it */
    if (score > 0 && c->fit) /* what nothing runs on is only taken, and says so, where there is nothing else */
      score += FIT;
    if (score > best_score) {
      best = c;
      best_score = score;
    }
  }
  if (best)
    return best;
  list = describe (candidates);
  g_set_error (error, VLF_ERROR, VLF_ERROR_NOT_FOUND, "no OpenCL device is \"%s\"; there are:\n%s", wish, list);
  return NULL;
}

static gboolean
choose_family (const Candidate *c, VlfFamily *family, GError **error)
{
  const char *wish = g_getenv ("VLF_KERNELS");

  *family = c->runtime ? VLF_FAMILY_CPU : VLF_FAMILY_GPU;
  if (!wish || wish[0] == '\0')
    return TRUE;
  if (g_str_equal (wish, "cpu"))
    *family = VLF_FAMILY_CPU;
  else if (g_str_equal (wish, "gpu"))
    *family = VLF_FAMILY_GPU;
  else
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "VLF_KERNELS is \"%s\"; expected cpu or gpu", wish);
  return g_str_equal (wish, "cpu") || g_str_equal (wish, "gpu");
}

/* A held device of @family on @id (NULL: the reference) that still works, as far as anybody knows; with mutex. */
static VlfDevice *
find_open (cl_device_id id, VlfFamily family)
{
  for (guint i = 0; devices && i < devices->len; i++) {
    VlfDevice *device = devices->pdata[i];
    const VlfClDevice *cl = device->cl;

    if ((cl ? cl->id : NULL) == id && device->family == family && device->pid == getpid () &&
        !vlf_device_is_lost (device) && g_atomic_int_get (&device->left) == 0) {
      device->refs++;
      return device;
    }
  }
  return NULL;
}

/* With mutex. */
static VlfDevice *
device_new (const char *name, VlfFamily family, const VlfBackend *backend, VlfClDevice *cl)
{
  VlfDevice *device = g_new0 (VlfDevice, 1);

  device->refs = 1;
  device->family = family;
  device->backend = backend;
  device->name = g_strdup (name);
  device->pid = getpid ();
  device->cl = cl;
  if (!devices)
    devices = g_ptr_array_new ();
  g_ptr_array_add (devices, device);
  return device;
}

static VlfDevice *
open_reference (void)
{
  VlfDevice *device;

  g_mutex_lock (&mutex);
  device = find_open (NULL, VLF_FAMILY_REFERENCE);
  if (!device)
    device = device_new ("reference: plain C", VLF_FAMILY_REFERENCE, &vlf_backend_ref, NULL);
  g_mutex_unlock (&mutex);
  return device;
}

/* The lock is not held while the driver opens the device: one that hangs would hold up everybody. Of two who open the same at once, the
 * second takes what the first has. */
static VlfDevice *
open_candidate (const Candidate *c, VlfFamily family, GError **error)
{
  VlfDevice *device;
  VlfClDevice *cl;

  g_mutex_lock (&mutex);
  device = find_open (c->id, family);
  g_mutex_unlock (&mutex);
  if (device)
    return device;
  cl = vlf_cl_device_new (c->platform, c->id, family, error);
  if (!cl) {
    g_prefix_error (error, "%s: ", c->name);
    return NULL;
  }
  g_mutex_lock (&mutex);
  device = find_open (c->id, family);
  if (!device)
    device = device_new (c->name, family, &vlf_backend_cl, g_steal_pointer (&cl));
  g_mutex_unlock (&mutex);
  vlf_cl_device_free (cl, FALSE);
  return device;
}

VlfDevice *
vlf_device_open (const char *which, GError **error)
{
  g_autoptr (GPtrArray) candidates = NULL;
  const Candidate *c;
  VlfFamily family;
  VlfDevice *device = NULL;

  if (!which || which[0] == '\0')
    which = "auto";
  if (g_ascii_strcasecmp (which, "reference") == 0)
    return open_reference ();
  candidates = list_candidates (error);
  c = candidates ? choose (candidates, which, error) : NULL;
  if (c && choose_family (c, &family, error))
    device = open_candidate (c, family, error);
  if (device)
    vlf_watch_use (device);
  return device;
}

VlfDevice *
vlf_device_ref (VlfDevice *device)
{
  g_mutex_lock (&mutex);
  device->refs++;
  g_mutex_unlock (&mutex);
  return device;
}

void
vlf_device_unref (VlfDevice *device)
{
  gboolean last;

  if (!device)
    return;
  g_mutex_lock (&mutex);
  last = --device->refs == 0;
  if (last)
    g_ptr_array_remove_fast (devices, device);
  g_mutex_unlock (&mutex);
  if (!last)
    return;
  vlf_cl_device_free (device->cl, vlf_device_is_lost (device) || device->pid != getpid ());
  g_free (device->name);
  g_free (device);
}

const char *
vlf_device_name (const VlfDevice *device)
{
  return device->name;
}

VlfFamily
vlf_device_family (const VlfDevice *device)
{
  return device->family;
}

gboolean
vlf_device_is_lost (const VlfDevice *device)
{
  return g_atomic_int_get (&device->lost) != 0;
}

gboolean
vlf_device_check (const VlfDevice *device, GError **error)
{
  if (device->pid != getpid () && device->cl) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_DEVICE,
                 "%s was opened in process %d, which forked this one; its driver hangs here: open it after fork()",
                 device->name, device->pid);
    return FALSE;
  }
  if (!vlf_device_is_lost (device))
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_DEVICE, "%s was lost; open it again", device->name);
  return FALSE;
}
