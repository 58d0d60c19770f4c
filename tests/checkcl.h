/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What checkcl's files share: random operands, one operation run on a device and on the reference, the rows of the table. */
#pragma once
#include "kernels/ops.h"

enum { DEVICE, REFERENCE };

typedef struct {
  VlfDevice *devices[2];
  VlfQueue *queues[2];
  GRand *rand;
  guint32 base_seed, seed; /* of the first and of the present case */
  guint largest;           /* of vlf_check_any(); 0: any */
  const gchar *only;       /* the operation to check; NULL: all */
  GPtrArray *inputs;       /* Input, of the present case */
  guint cases, failed;
  double worst;
  GError *error; /* of the side that failed last */
} Check;

/* Host numbers, [batch, above + rows, left + cols + right]. */
typedef struct {
  guint batch, rows, cols, left, right, above;
  float *data;
} Input;

/* An operation, written once for both sides. */
typedef VlfTensor (*Op) (VlfPass *pass, guint side, gpointer user);

typedef struct {
  const gchar *name;
  void (*check) (Check *c); /* one random case */
} Row;

void vlf_check_attention (Check *c);
void vlf_check_maps (Check *c);
void vlf_check_long_attention (Check *c);
void vlf_check_top_k (Check *c);
void vlf_check_bi_attention (Check *c);
void vlf_check_chain (Check *c);
void vlf_check_patches (Check *c);

extern const Row vlf_check_rows[]; /* the last one has no name */

/* One of the arguments, of which a 0 is the last: of those up to c->largest, or the first. */
guint vlf_check_any (Check *c, ...);
gboolean vlf_check_maybe (Check *c);
Input *vlf_check_input (Check *c, guint batch, guint rows, guint cols); /* owned by @c */
VlfTensor vlf_check_send (VlfPass *pass, const Input *x);
/* Runs @op on the device twice, wants the same bits, and compares them with the reference. What the device found, or NULL where a pass
 * failed; free with g_free(). */
float *vlf_check_compare (Check *c, Op op, gpointer user, double tolerance, const gchar *shape);
void vlf_check_that (Check *c, gboolean good, const gchar *shape, const gchar *what);
double vlf_check_time (Check *c, Op op, gpointer user, guint times);
double
vlf_check_processor_time (Check *c, Op op, gpointer user, guint times); /* of all threads, of one of @times runs */
gboolean vlf_check_bench (Check *c); /* prints a table; FALSE where something failed */
gboolean vlf_check_bench_mechanisms (Check *c);
