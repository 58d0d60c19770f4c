/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/profile.h"

typedef struct {
  const char *kernel;
  cl_event event;
} Launch;

typedef struct {
  const char *kernel;
  guint launches;
  double ms;
} Total;

struct _VlfProfile {
  GArray *launches; /* Launch, not yet added up */
  GArray *totals;   /* Total */
};

VlfProfile *
vlf_profile_new (void)
{
  const char *wish = g_getenv ("VLF_PROFILE");
  VlfProfile *profile;

  if (!wish || !g_str_equal (wish, "1"))
    return NULL;
  profile = g_new0 (VlfProfile, 1);
  profile->launches = g_array_new (FALSE, TRUE, sizeof (Launch));
  profile->totals = g_array_new (FALSE, TRUE, sizeof (Total));
  return profile;
}

cl_command_queue_properties
vlf_profile_properties (const VlfProfile *profile)
{
  return profile ? CL_QUEUE_PROFILING_ENABLE : 0;
}

cl_event *
vlf_profile_event (VlfProfile *profile, const char *kernel)
{
  Launch launch = { kernel, NULL };

  if (!profile)
    return NULL;
  g_array_append_val (profile->launches, launch);
  return &g_array_index (profile->launches, Launch, profile->launches->len - 1).event;
}

static Total *
find_total (VlfProfile *profile, const char *kernel)
{
  Total total = { .kernel = kernel };

  for (guint i = 0; i < profile->totals->len; i++) {
    if (g_array_index (profile->totals, Total, i).kernel == kernel)
      return &g_array_index (profile->totals, Total, i);
  }
  g_array_append_val (profile->totals, total);
  return &g_array_index (profile->totals, Total, profile->totals->len - 1);
}

void
vlf_profile_collect (VlfProfile *profile, gboolean abandon)
{
  for (guint i = 0; profile && !abandon && i < profile->launches->len; i++) {
    const Launch *launch = &g_array_index (profile->launches, Launch, i);
    Total *total = find_total (profile, launch->kernel);
    cl_ulong start = 0, end = 0;

    if (!launch->event)
      continue;
    if (vlf_cl_api ()->GetEventProfilingInfo (launch->event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL) ==
            CL_SUCCESS &&
        vlf_cl_api ()->GetEventProfilingInfo (launch->event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL) ==
            CL_SUCCESS) {
      total->launches++;
      total->ms += (double) (end - start) * 1e-6;
    }
    vlf_cl_api ()->ReleaseEvent (launch->event);
  }
  if (profile)
    g_array_set_size (profile->launches, 0);
}

static gint
longest_first (gconstpointer a, gconstpointer b)
{
  const Total *x = a, *y = b;

  return x->ms < y->ms ? 1 : x->ms > y->ms ? -1 : 0;
}

void
vlf_profile_close (VlfProfile *profile)
{
  double all = 0.0;

  if (!profile)
    return;
  g_array_sort (profile->totals, longest_first);
  for (guint i = 0; i < profile->totals->len; i++)
    all += g_array_index (profile->totals, Total, i).ms;
  for (guint i = 0; i < profile->totals->len; i++) {
    const Total *t = &g_array_index (profile->totals, Total, i);

    g_message ("%-24s %10.3f ms %5.1f %% %8u launches", t->kernel, t->ms, 100.0 * t->ms / MAX (all, 1e-9), t->launches);
  }
  g_array_unref (profile->launches);
  g_array_unref (profile->totals);
  g_free (profile);
}
