/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attention in both directions, step by step as transformers has it. */
#include "kernels/ops_ref.h"
#include <math.h>

#define DEEPEST 50000.0

/* Raw scores to both maps; returns the largest. */
static double
make_scores (const VlfBiSeen *seen, VlfTensor x, VlfTensor y, guint heads)
{
  const guint d = x.cols / heads;
  double top = -INFINITY;

  for (guint s = 0; s < x.batch * heads; s++) {
    for (guint i = 0; i < x.rows; i++) {
      for (guint j = 0; j < y.rows; j++) {
        const float *q = vlf_ref_row (x, s / heads, i) + s % heads * d;
        const float *k = vlf_ref_row (y, s / heads, j) + s % heads * d;
        double sum = 0;

        for (guint c = 0; c < d; c++)
          sum += (double) q[c] * k[c];
        sum /= sqrt (d);
        vlf_ref_row (seen->x_map, s, i)[j] = vlf_ref_row (seen->y_map, s, j)[i] = (float) sum;
        top = fmax (top, sum);
      }
    }
  }
  return top;
}

/* A row of scores [m] to probabilities. */
static void
softmax_row (float *row, const float *bias, guint m, double top)
{
  double most = -INFINITY, sum = 0;

  for (guint j = 0; j < m; j++) {
    const double score = row[j] - top < -DEEPEST ? -DEEPEST : row[j] - top;

    row[j] = bias && bias[j] <= -1e30f ? -INFINITY : (float) (score + (bias ? bias[j] : 0));
    most = fmax (most, row[j]);
  }
  for (guint j = 0; j < m; j++) {
    row[j] = most == -INFINITY ? 0 : (float) exp (row[j] - most);
    sum += row[j];
  }
  for (guint j = 0; j < m && !(sum <= 0); j++)
    row[j] = (float) (row[j] / sum);
}

/* What the rows of @to see of @of by the scores in @map. */
static void
look (VlfTensor to, VlfTensor map, const VlfBiSide *of, guint heads, double top)
{
  const guint d = to.cols / heads, m = of->values.rows;

  for (guint s = 0; s < to.batch * heads; s++) {
    for (guint i = 0; i < to.rows; i++) {
      float *row = vlf_ref_row (map, s, i), *seen = vlf_ref_row (to, s / heads, i) + s % heads * d;

      softmax_row (row, of->bias ? vlf_ref_row (*of->bias, s / heads, 0) : NULL, m, top);
      for (guint c = 0; c < d; c++) {
        double sum = 0;

        for (guint j = 0; j < m; j++)
          sum += (double) row[j] * vlf_ref_row (of->values, s / heads, j)[s % heads * d + c];
        seen[c] = (float) sum;
      }
    }
  }
}

void
vlf_ref_bi_attention (VlfPass *pass, const VlfBiSeen *seen, const VlfBiSide *x, const VlfBiSide *y, guint heads)
{
  const double top = make_scores (seen, x->keys, y->keys, heads);

  (void) pass;
  look (seen->x, seen->x_map, y, heads, top);
  look (seen->y, seen->y_map, x, heads, top);
}
