/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/program.h"
#include <string.h>
#include "kernels/cache.h"
#include "kernels/tier.h"
#include "kernels/tiles.h"

/* Goes up with every change of what is stored, beyond the sources themselves. */
#define FORMAT "1"

/* Not -cl-fast-relaxed-math: it folds the bit tricks of vlf_exp() away, and its finite-math makes NaN of masks. Denormals are flushed
 * because they cost up to a hundred times a normal number. */
#define OPTIONS "-cl-denorms-are-zero -cl-mad-enable -cl-no-signed-zeros"

static gchar *
gpu_options (const VlfClDevice *cl, guint tiers)
{
  g_autofree gchar *version = vlf_cl_device_string (cl->id, CL_DEVICE_OPENCL_C_VERSION);
  const gboolean by_hand = (tiers & VLF_TIER_BY_HAND) != 0;
  const guint subgroups = !(tiers & VLF_TIER_SUBGROUPS) ? 0 : by_hand ? 3 : vlf_cl_subgroups (cl->id);
  GString *options = g_string_new (OPTIONS " -DVLF_GPU=1");

  if (tiers & VLF_TIER_MMA)
    g_string_append_printf (options, " -DVLF_MMA=%d", by_hand ? 2 : 1);
  if (subgroups > 0)
    g_string_append_printf (options, " -DVLF_SUBGROUPS=%u", subgroups);
  g_string_append (options, subgroups != 2                             ? " -cl-std=CL1.2"
                            : g_str_has_prefix (version, "OpenCL C 3") ? " -cl-std=CL3.0"
                                                                       : " -cl-std=CL2.0");
  return g_string_free (options, FALSE);
}

gchar *
vlf_program_options (const VlfClDevice *cl, guint tiers)
{
  if (cl->family == VLF_FAMILY_CPU)
    return g_strdup_printf ("-cl-std=CL1.2 " OPTIONS " -DVLF_CPU=1 -DVLF_WIDTH=%u -DVLF_INT8=%d -DVLF_BF16=%d",
                            cl->width,
                            tiers & VLF_TIER_AMX_INT8    ? 3
                            : tiers & VLF_TIER_INT8_AVX2 ? 2
                            : tiers & VLF_TIER_INT8      ? 1
                                                         : 0,
                            tiers & VLF_TIER_AMX_BF16 ? 2
                            : tiers & VLF_TIER_BF16   ? 1
                                                      : 0);
  return gpu_options (cl, tiers);
}

static void
digest_string (GChecksum *sum, const char *text)
{
  g_checksum_update (sum, (const guchar *) text, (gssize) strlen (text) + 1);
}

static void
digest_taken (GChecksum *sum, gchar *text)
{
  digest_string (sum, text);
  g_free (text);
}

/* What the host's processor can do, as binaries for CPUs depend on it and a cache folder may be shared between machines. */
static void
digest_processor (GChecksum *sum)
{
  static const char *const fields[] = { "vendor_id", "cpu family", "model",    "stepping",        "flags",
                                        "Features",  "CPU part",   "cpu\t\t:", "CPU implementer", "isa" };
  g_autofree gchar *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL))
    return;
  lines = g_strsplit (text, "\n", 64);
  for (guint i = 0; lines[i] && lines[i][0] != '\0' && lines[i + 1]; i++) {
    for (gsize j = 0; j < G_N_ELEMENTS (fields); j++) {
      if (g_str_has_prefix (lines[i], fields[j]))
        digest_string (sum, lines[i]);
    }
  }
}

static void
digest_device (GChecksum *sum, const VlfClDevice *cl)
{
  digest_taken (sum, vlf_cl_platform_string (cl->platform, CL_PLATFORM_NAME));
  digest_taken (sum, vlf_cl_platform_string (cl->platform, CL_PLATFORM_VERSION));
  digest_taken (sum, vlf_cl_device_string (cl->id, CL_DEVICE_NAME));
  digest_taken (sum, vlf_cl_device_string (cl->id, CL_DEVICE_VERSION));
  digest_taken (sum, vlf_cl_device_string (cl->id, CL_DRIVER_VERSION));
  digest_processor (sum);
}

gchar *
vlf_program_key (const VlfClDevice *cl, guint tiers)
{
  g_autofree gchar *options = vlf_program_options (cl, tiers);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  digest_string (sum, FORMAT);
  digest_string (sum, options);
  for (guint i = 0; i < vlf_cl_source_lines; i++)
    digest_string (sum, vlf_cl_source[i]);
  digest_device (sum, cl);
  return g_strdup (g_checksum_get_string (sum));
}

gchar *
vlf_program_device_key (const VlfClDevice *cl, const char *what)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);

  digest_string (sum, what);
  digest_taken (sum, g_strdup_printf ("%d %u", (int) cl->family, cl->width));
  digest_device (sum, cl);
  return g_strdup (g_checksum_get_string (sum));
}

/* Whether @program holds what it should: a kernel that every program has. */
static gboolean
program_works (cl_program program)
{
  cl_int status;
  cl_kernel kernel = vlf_cl_api ()->CreateKernel (program, "vlf_copy", &status);

  if (status != CL_SUCCESS)
    return FALSE;
  vlf_cl_api ()->ReleaseKernel (kernel);
  return TRUE;
}

static cl_program
load_program (const VlfClDevice *cl, const char *options, const char *key)
{
  g_autoptr (GBytes) payload = vlf_cache_load (key);
  const unsigned char *data;
  gsize size;
  cl_program program;
  cl_int status, loaded;

  if (!payload)
    return NULL;
  data = g_bytes_get_data (payload, &size);
  program = vlf_cl_api ()->CreateProgramWithBinary (cl->context, 1, &cl->id, &size, &data, &loaded, &status);
  if (status == CL_SUCCESS) {
    if (loaded == CL_SUCCESS && vlf_cl_api ()->BuildProgram (program, 1, &cl->id, options, NULL, NULL) == CL_SUCCESS &&
        program_works (program))
      return program;
    vlf_cl_api ()->ReleaseProgram (program);
  }
  g_info ("the driver does not take the compiled kernels of the cache; they are made again");
  vlf_cache_remove (key);
  return NULL;
}

static void
set_build_error (const VlfDevice *device, cl_program program, cl_int status, GError **error)
{
  const VlfClDevice *cl = device->cl;
  g_autofree gchar *log = NULL;
  const char *reason;
  gsize size = 0;

  vlf_cl_api ()->GetProgramBuildInfo (program, cl->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
  log = g_try_malloc0 (size + 1);
  if (log && size > 0)
    vlf_cl_api ()->GetProgramBuildInfo (program, cl->id, CL_PROGRAM_BUILD_LOG, size, log, NULL);
  reason = log && log[0] != '\0' ? log : "no reason given";
  g_set_error (error, VLF_ERROR, VLF_ERROR_BUILD, "%s: the kernels did not compile: %s: %.*s", device->name,
               vlf_cl_status_name (status), vlf_shown (reason, 2000), reason);
}

static cl_program
compile_program (VlfDevice *device, const char *options, GError **error)
{
  const VlfClDevice *cl = device->cl;
  cl_int status;
  cl_program program = vlf_cl_api ()->CreateProgramWithSource (cl->context, vlf_cl_source_lines,
                                                               (const char **) vlf_cl_source, NULL, &status);

  if (status != CL_SUCCESS) {
    vlf_cl_set_error (device, status, "the kernels' source is refused", error);
    return NULL;
  }
  status = vlf_cl_api ()->BuildProgram (program, 1, &cl->id, options, NULL, NULL);
  if (status == CL_SUCCESS)
    return program;
  set_build_error (device, program, status, error);
  vlf_cl_api ()->ReleaseProgram (program);
  return NULL;
}

static GBytes *
program_binary (cl_program program)
{
  gsize size = 0;
  unsigned char *data;

  /* The program has one device, and so one binary. */
  if (vlf_cl_api ()->GetProgramInfo (program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) != CL_SUCCESS ||
      size == 0)
    return NULL;
  data = g_try_malloc (size);
  if (data && vlf_cl_api ()->GetProgramInfo (program, CL_PROGRAM_BINARIES, sizeof data, &data, NULL) == CL_SUCCESS)
    return g_bytes_new_take (data, size);
  g_free (data);
  return NULL;
}

/* How the program is built, and its key: with the instructions that are proven on this machine: all, all but AMX, one kind, or none. What is
 * not known in time is left to the next process. */
static void
choose_program (VlfDevice *device, gchar **options, gchar **key)
{
  VlfClDevice *cl = device->cl;
  const guint seeming = vlf_tier_seeming (cl);
  const guint plain = vlf_tier_best (seeming & ~(guint) VLF_TIERS_AMX);
  const guint sets[] = { vlf_tier_best (seeming), plain, plain & VLF_TIERS_BYTES, plain & VLF_TIERS_BF16, 0 };
  gint64 patience = vlf_tier_patience ();

  for (guint i = 0; i < G_N_ELEMENTS (sets); i++) {
    gboolean tried = i > 0 && sets[i] == 0;

    for (guint j = 0; j < i; j++)
      tried |= sets[j] == sets[i];
    if (tried && i + 1 < G_N_ELEMENTS (sets))
      continue;
    g_free (*options);
    g_free (*key);
    cl->tiers = sets[i];
    *options = vlf_program_options (cl, sets[i]);
    *key = vlf_program_key (cl, sets[i]);
    if (sets[i] == 0 || (vlf_tier_proven (device, sets[i], *key, &patience) && vlf_tier_permitted (sets[i])))
      return;
  }
}

static gboolean
has_program (VlfClDevice *cl)
{
  gboolean has;

  g_mutex_lock (&cl->mutex);
  has = cl->program != NULL;
  g_mutex_unlock (&cl->mutex);
  return has;
}

/* With building. */
static gboolean
make_program (VlfDevice *device, GError **error)
{
  VlfClDevice *cl = device->cl;
  g_autofree gchar *options = NULL, *key = NULL;
  cl_program program;

  choose_program (device, &options, &key);
  if (cl->family == VLF_FAMILY_CPU)
    cl->tiles = vlf_tiles_load (device);
  program = load_program (cl, options, key);
  if (program)
    g_clear_pointer (&key, g_free);
  else
    program = compile_program (device, options, error);
  if (!program)
    return FALSE;
  g_mutex_lock (&cl->mutex);
  cl->program = program;
  cl->key = g_steal_pointer (&key);
  g_mutex_unlock (&cl->mutex);
  return TRUE;
}

/* Takes building. Whoever waits for it gives signs of life: whether the thread that has it is stuck is for its own watch to say. */
static gboolean
begin_building (VlfDevice *device, GError **error)
{
  VlfClDevice *cl = device->cl;

  while (!g_mutex_trylock (&cl->building)) {
    if (!vlf_device_check (device, error))
      return FALSE;
    vlf_watch_alive ();
    g_usleep (10000);
  }
  return TRUE;
}

gboolean
vlf_program_open (VlfDevice *device, GError **error)
{
  VlfClDevice *cl = device->cl;
  gboolean good;

  if (has_program (cl))
    return TRUE;
  if (!begin_building (device, error))
    return FALSE;
  good = has_program (cl) || make_program (device, error);
  g_mutex_unlock (&cl->building);
  return good;
}

gchar *
vlf_program_take_key (VlfDevice *device)
{
  VlfClDevice *cl = device->cl;
  gchar *key;

  g_mutex_lock (&cl->mutex);
  key = g_steal_pointer (&cl->key);
  g_mutex_unlock (&cl->mutex);
  return key;
}

void
vlf_program_store (VlfDevice *device, const char *key)
{
  VlfClDevice *cl = device->cl;
  g_autoptr (GBytes) binary = NULL;

  if (vlf_cl_alone_begin (&cl->alone) == CL_SUCCESS)
    binary = program_binary (cl->program);
  vlf_cl_alone_end (&cl->alone);
  if (binary)
    vlf_cache_store (key, binary);
}
