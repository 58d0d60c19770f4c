/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/ops_cl.h"

#define CHAINS 12u /* VLF_CHAINS of cl/peak.cl */
#define GROUP  64u /* VLF_ROW_GROUP */
#define ROUNDS 12u

static double
measure (VlfQueue *queue, guint groups, guint lanes, guint steps, GError **error)
{
  VlfPass *pass = vlf_pass_begin (queue);
  VlfTensor y = vlf_pass_alloc (pass, 1, groups, lanes);
  VlfClArgs args = { 0 };
  VlfClGrid grid = { .groups = { groups } };
  gint64 start = g_get_monotonic_time ();
  double flops = 2.0 * CHAINS * groups * lanes * steps;

  if (vlf_device_family (pass->device) == VLF_FAMILY_GPU)
    grid.local[0] = GROUP;
  if (y.buffer) {
    vlf_cl_arg_mem (&args, y.buffer->mem);
    vlf_cl_arg_uint (&args, steps);
    vlf_cl_arg_float (&args, 0.5f);
    vlf_cl_arg_float (&args, 0.25f);
    vlf_cl_launch (pass, "vlf_peak", grid, &args);
  }
  if (!vlf_pass_end (pass, error))
    return -1.0;
  return flops * 1e-3 / (double) MAX (g_get_monotonic_time () - start, 1);
}

double
vlf_device_measure_peak (VlfDevice *device, GError **error)
{
  g_autoptr (VlfQueue) queue = NULL;
  gboolean gpu = device->family == VLF_FAMILY_GPU;
  guint groups, lanes, steps = 1000;
  double best = 0.0;

  if (device->family == VLF_FAMILY_REFERENCE) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED, "the reference device has no peak to measure");
    return -1.0;
  }
  queue = vlf_queue_new (device, error);
  if (!queue)
    return -1.0;
  lanes = gpu ? GROUP : vlf_cl_vector_width (device);
  groups = vlf_cl_compute_units (device) * (gpu ? 64 : 16);
  for (guint i = 0; i < ROUNDS; i++) {
    double rate = measure (queue, groups, lanes, steps, error);

    if (rate < 0.0)
      return -1.0;
    best = MAX (best, rate);
    /* About 10 ms from the second round on, so that launching does not count. */
    if (i == 0)
      steps = (guint) CLAMP (rate * 1e7 / (2.0 * CHAINS * groups * lanes), 1000.0, 1e7);
  }
  return best;
}
