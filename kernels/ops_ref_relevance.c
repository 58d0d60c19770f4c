/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/ops_ref.h"

void
vlf_ref_mean_heads (VlfPass *pass, VlfTensor y, VlfTensor maps, guint heads)
{
  (void) pass;
  for (guint b = 0; b < y.batch; b++) {
    for (guint i = 0; i < y.rows; i++) {
      for (guint j = 0; j < y.cols; j++) {
        double sum = 0;

        for (guint h = 0; h < heads; h++)
          sum += vlf_ref_row (maps, b * heads + h, i)[j];
        vlf_ref_row (y, b, i)[j] = (float) (sum / heads);
      }
    }
  }
}

void
vlf_ref_product (VlfPass *pass, VlfTensor y, VlfTensor a, VlfTensor b)
{
  (void) pass;
  for (guint s = 0; s < y.batch; s++) {
    for (guint i = 0; i < y.rows; i++) {
      for (guint j = 0; j < y.cols; j++) {
        double sum = 0;

        for (guint k = 0; k < a.cols; k++)
          sum += (double) vlf_ref_row (a, s, i)[k] * vlf_ref_row (b, s, k)[j];
        vlf_ref_row (y, s, i)[j] = (float) sum;
      }
    }
  }
}
