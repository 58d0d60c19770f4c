/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/profile.h"
#include <math.h>

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
  gboolean detailed;
  GArray *launches; /* Launch, of this pass; only the first and the last one unless @detailed */
  GArray *totals;   /* Total */
};

VlfProfile *
vlf_profile_new (void)
{
  VlfProfile *profile = g_new0 (VlfProfile, 1);

  profile->detailed = g_strcmp0 (g_getenv ("VLF_PROFILE"), "1") == 0;
  profile->launches = g_array_new (FALSE, TRUE, sizeof (Launch));
  profile->totals = g_array_new (FALSE, TRUE, sizeof (Total));
  return profile;
}

gboolean
vlf_profile_is_detailed (const VlfProfile *profile)
{
  return profile->detailed;
}

cl_event *
vlf_profile_event (VlfProfile *profile, const char *kernel)
{
  Launch launch = { kernel, NULL }, *last;

  if (!profile->detailed && profile->launches->len == 2) {
    last = &g_array_index (profile->launches, Launch, 1);
    if (last->event)
      vlf_cl_api ()->ReleaseEvent (last->event);
    *last = launch;
    return &last->event;
  }
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

static gboolean
read_times (cl_event event, cl_ulong *start, cl_ulong *end)
{
  return event &&
         vlf_cl_api ()->GetEventProfilingInfo (event, CL_PROFILING_COMMAND_START, sizeof *start, start, NULL) ==
             CL_SUCCESS &&
         vlf_cl_api ()->GetEventProfilingInfo (event, CL_PROFILING_COMMAND_END, sizeof *end, end, NULL) == CL_SUCCESS;
}

double
vlf_profile_collect (VlfProfile *profile, gboolean abandon)
{
  guint n = profile->launches->len;
  cl_ulong first = 0, start = 0, end = 0;
  gboolean known = n > 0 && !abandon;

  for (guint i = 0; i < n && !abandon; i++) {
    const Launch *launch = &g_array_index (profile->launches, Launch, i);

    if (!read_times (launch->event, &start, &end)) {
      known = known && i > 0 && i + 1 < n;
    } else if (profile->detailed) {
      Total *total = find_total (profile, launch->kernel);

      total->launches++;
      total->ms += (double) (end - start) * 1e-6;
    }
    if (i == 0)
      first = start;
    if (launch->event)
      vlf_cl_api ()->ReleaseEvent (launch->event);
  }
  g_array_set_size (profile->launches, 0);
  return known && end >= first ? (double) (end - first) * 1e-6 : NAN;
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
