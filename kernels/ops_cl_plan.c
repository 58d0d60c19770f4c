/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/ops_cl_plan.h"
#include <string.h>

/* A queue's plans: enough for all launches of a large model's frame, or for each word of a caption. */
#define MAX_PLANS 64u

/* While a plan is made. */
typedef struct {
  const VlfClRecord *records;
  guint *jobs;   /* of the records before the present one */
  guint *phases; /* of the jobs */
  guint n_jobs;
} Sorting;

/* What depends on what */

static gboolean
overlap (const VlfClRange *x, const VlfClRange *y)
{
  return x->memory == y->memory && x->begin < y->end && y->begin < x->end;
}

static gboolean
meet (const VlfClRange *x, guint n_x, const VlfClRange *y, guint n_y)
{
  for (guint i = 0; i < n_x; i++)
    for (guint j = 0; j < n_y; j++)
      if (overlap (&x[i], &y[j]))
        return TRUE;
  return FALSE;
}

/* Whether the order of two steps matters. */
static gboolean
conflict (const VlfClAccess *x, const VlfClAccess *y)
{
  return meet (x->written, x->n_written, y->written, y->n_written) ||
         meet (x->written, x->n_written, y->read, y->n_read) || meet (y->written, y->n_written, x->read, x->n_read);
}

/* Whether every row of @x lies in the same row of @y. */
static gboolean
follows (const VlfClRange *x, const VlfClRange *y)
{
  return x->stride == y->stride && x->begin >= y->begin && x->begin - y->begin + x->cols <= y->stride;
}

/* How many of what a step reads are rows that it goes through one by one. */
static guint
count_operands (const VlfStep *step)
{
  return step->z.buffer < VLF_CHAIN_BUFFERS ? 2 : 1;
}

/* Whether row by row, @next after @before gives what it would give after the whole of it: the only thing that they may share is what
 * @before writes, row for row. */
static gboolean
can_follow (const VlfClRecord *next, const VlfClRecord *before)
{
  const VlfClAccess *n = &next->access, *b = &before->access;

  if (next->step.kind == VLF_STEP_ATTENTION || before->step.kind == VLF_STEP_ATTENTION ||
      next->step.rows != before->step.rows)
    return FALSE;
  if (meet (n->written, n->n_written, b->written, b->n_written) || meet (n->written, n->n_written, b->read, b->n_read))
    return FALSE;
  for (guint i = 0; i < n->n_read; i++) {
    if (!meet (&n->read[i], 1, b->written, b->n_written))
      continue;
    if (next->step.kind == VLF_STEP_GATHER || before->step.kind == VLF_STEP_SCATTER) /* whose rows are others */
      return FALSE;
    if (i >= count_operands (&next->step) || !follows (&n->read[i], &b->written[0]))
      return FALSE;
  }
  return TRUE;
}

/* Finds the job of record @n, as early as what came before allows; returns the job's phase. */
static guint
place (Sorting *s, guint n)
{
  const VlfClRecord *record = &s->records[n];
  guint last = 0, job = s->n_jobs;
  gboolean any = FALSE, behind = TRUE;

  /* Backwards: what came last is in a late phase, so that most of the rest need not be compared. */
  for (guint i = n; i-- > 0;) {
    const guint other = s->jobs[i];

    if ((any && s->phases[other] < last) || !conflict (&record->access, &s->records[i].access))
      continue;
    behind = !any || s->phases[other] > last || (behind && other == job);
    last = s->phases[other];
    job = other;
    any = TRUE;
  }
  for (guint i = 0; i < n && any && behind; i++)
    behind = s->jobs[i] != job || can_follow (record, &s->records[i]);
  s->jobs[n] = any && behind ? job : s->n_jobs;
  return any && !behind ? last + 1 : last;
}

/* Plans */

/* All steps of @job, of which the first says how many they are. */
static void
write_job (const Sorting *s, guint n_records, guint job, VlfStep *steps)
{
  guint n = 0;

  for (guint i = 0; i < n_records; i++)
    if (s->jobs[i] == job)
      steps[n++] = s->records[i].step;
  steps->n = n;
}

static void
write_phases (VlfClPlan *plan, const Sorting *s)
{
  VlfStep *steps = plan->steps;

  for (guint i = 0; i < plan->n_phases; i++) {
    VlfPhase *phase = &plan->phases[i];

    phase->first = (cl_uint) (steps - plan->steps);
    for (guint job = 0; job < s->n_jobs; job++) {
      if (s->phases[job] != i)
        continue;
      write_job (s, plan->n, job, steps);
      phase->items += steps->items;
      steps += steps->n;
    }
    plan->widest = MAX (plan->widest, phase->items);
  }
}

static VlfClPlan *
plan_new (const VlfClRecord *records, guint n)
{
  VlfClPlan *plan = g_new0 (VlfClPlan, 1);
  Sorting s = { .records = records, .jobs = g_new (guint, n), .phases = g_new (guint, n) };

  for (guint i = 0; i < n; i++) {
    const guint phase = place (&s, i);

    if (s.jobs[i] == s.n_jobs)
      s.phases[s.n_jobs++] = phase;
    plan->n_phases = MAX (plan->n_phases, phase + 1);
  }
  plan->n = n;
  plan->records = g_memdup2 (records, n * sizeof *records);
  plan->steps = g_new (VlfStep, n);
  plan->phases = g_new0 (VlfPhase, plan->n_phases);
  write_phases (plan, &s);
  g_free (s.jobs);
  g_free (s.phases);
  return plan;
}

static void
plan_free (gpointer data)
{
  VlfClPlan *plan = data;

  if (plan->mem)
    vlf_cl_api ()->ReleaseMemObject (plan->mem);
  g_free (plan->records);
  g_free (plan->steps);
  g_free (plan->phases);
  g_free (plan);
}

/* The plan used longest ago goes. */
static void
forget_one (VlfClPlans *plans)
{
  const guint oldest = plans->plans->len - 1;

  for (guint i = 0; i < oldest; i++) {
    VlfClPlan *plan = plans->plans->pdata[i];

    if (plan->next == plans->plans->pdata[oldest])
      plan->next = NULL;
  }
  g_ptr_array_remove_index (plans->plans, oldest);
}

static gboolean
is_of (const VlfClPlan *plan, const VlfClRecord *records, guint n)
{
  return plan->n == n && memcmp (plan->records, records, n * sizeof *records) == 0;
}

/* The place of the plan of @records [n], or the length. */
static guint
look_up (const VlfClPlans *plans, const VlfClRecord *records, guint n)
{
  guint i = 0;

  while (i < plans->plans->len && !is_of (plans->plans->pdata[i], records, n))
    i++;
  return i;
}

const VlfClPlan *
vlf_cl_plans_expect (const VlfClPlans *plans)
{
  return plans->last ? plans->last->next : NULL;
}

VlfClPlan *
vlf_cl_plans_find (VlfClPlans *plans, const VlfClRecord *records, guint n)
{
  const VlfClPlan *expected = vlf_cl_plans_expect (plans);
  const VlfClRecord *known = records ? records : expected->records;
  VlfClPlan *plan;
  guint at;

  if (!plans->plans)
    plans->plans = g_ptr_array_new_with_free_func (plan_free);
  if (records || expected->n != n || !g_ptr_array_find (plans->plans, expected, &at))
    at = look_up (plans, known, n);
  plan = at < plans->plans->len ? g_ptr_array_steal_index (plans->plans, at) : plan_new (known, n);
  if (plans->plans->len == MAX_PLANS)
    forget_one (plans);
  g_ptr_array_insert (plans->plans, 0, plan);
  if (plans->last)
    plans->last->next = plan;
  plans->last = plan;
  return plan;
}

void
vlf_cl_plans_clear (VlfClPlans *plans, gboolean left)
{
  for (guint i = 0; left && plans->plans && i < plans->plans->len; i++)
    ((VlfClPlan *) plans->plans->pdata[i])->mem = NULL;
  g_clear_pointer (&plans->plans, g_ptr_array_unref);
  plans->last = NULL;
}
