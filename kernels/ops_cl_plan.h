/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: the order in which the operations of a chain are done. To find it takes longer than to do the smallest of them, and
 * frame after frame has the same: plans are kept, and taken again where the same operations come. */
#pragma once
#include "kernels/backend.h"
#include "kernels/cl/step.h"

G_BEGIN_DECLS

/* Numbers of a memory, which has a number itself: @begin to @end of them, in rows of @cols, @stride apart. */
typedef struct {
  gsize begin, end;
  guint memory, stride, cols;
  guint reserved; /* 0 */
} VlfClRange;

/* What a step reads, its rows first, and what it writes; weights aside. */
typedef struct {
  guint n_read, n_written;
  VlfClRange read[4], written[3];
} VlfClAccess;

/* An operation of a chain. @step.items are those that it had if it were the first of its job. Without padding, and all of it is set, so that
 * bytes say whether two are alike. */
typedef struct {
  VlfStep step;
  VlfClAccess access;
} VlfClRecord;

/* Steps sorted into jobs and these into phases, as chain.cl takes them. */
typedef struct _VlfClPlan VlfClPlan;
struct _VlfClPlan {
  VlfClRecord *records; /* [n], as they came */
  VlfStep *steps;       /* [n], job after job */
  VlfPhase *phases;     /* [n_phases], nothing of them done */
  guint n, n_phases;
  guint widest;    /* items of the largest phase */
  cl_mem mem;      /* the steps on the device, owned; NULL: not there yet */
  VlfClPlan *next; /* that was asked for after this one the last time, or NULL */
};

/* The plans of a queue, one thread at a time. */
typedef struct {
  GPtrArray *plans; /* VlfClPlan, the last used first; NULL: none */
  VlfClPlan *last;  /* that was asked for */
} VlfClPlans;

/* What will probably be asked for next, or NULL; valid until it is. */
const VlfClPlan *vlf_cl_plans_expect (const VlfClPlans *plans);
/* The plan of @records [n], n >= 1, or of as many of what was expected where they are NULL; valid until the next call. */
VlfClPlan *vlf_cl_plans_find (VlfClPlans *plans, const VlfClRecord *records, guint n);
/* @left: the driver may still use them, or is not to be called any more. */
void vlf_cl_plans_clear (VlfClPlans *plans, gboolean left);

G_END_DECLS
