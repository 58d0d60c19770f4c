/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include "kernels/ops_ref.h"

void
vlf_ref_gather (VlfPass *pass, VlfTensor y, VlfTensor x, const guint32 *rows)
{
  (void) pass;
  for (guint b = 0; b < y.batch; b++) {
    for (guint i = 0; i < y.rows; i++)
      memcpy (vlf_ref_row (y, b, i), vlf_ref_row (x, b, rows[i]), y.cols * sizeof (float));
  }
}

void
vlf_ref_scatter (VlfPass *pass, VlfTensor y, VlfTensor x, const guint32 *rows)
{
  (void) pass;
  for (guint b = 0; b < x.batch; b++) {
    for (guint i = 0; i < x.rows; i++)
      memcpy (vlf_ref_row (y, b, rows[i]), vlf_ref_row (x, b, i), x.cols * sizeof (float));
  }
}

void
vlf_ref_distances (VlfPass *pass, VlfTensor y, VlfTensor a, VlfTensor b)
{
  (void) pass;
  for (guint s = 0; s < a.batch; s++) {
    for (guint i = 0; i < a.rows; i++) {
      const float *left = vlf_ref_row (a, s, i), *right = vlf_ref_row (b, s, i);
      double sum = 0;

      for (guint j = 0; j < a.cols; j++)
        sum += ((double) left[j] - right[j]) * ((double) left[j] - right[j]);
      vlf_ref_row (y, s, 0)[i] = (float) (sum / a.cols);
    }
  }
}
