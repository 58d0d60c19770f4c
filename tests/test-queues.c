/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queues beside each other on one device, in the moments in which PoCL before 6.0 ended the process: while one of them keeps the program's
 * binary, and while all launch the same kernel wider than ever; see kernels/cl_alone.h. Every result is checked. */
#include "kernels/ops.h"
#include "tests/folder.h"

#define QUEUES 4u
#define ROUNDS 1000u
#define COLS   33u

typedef struct {
  VlfDevice *device;
  GMutex mutex;
  GCond changed;
  guint arrived, round; /* of the threads that wait for each other */
  gint stored;          /* atomic: the first queue is open, its program kept */
} Company;

typedef struct {
  Company *company;
  guint i;
} Member;

static void
wait_for_all (Company *company)
{
  guint round;

  g_mutex_lock (&company->mutex);
  round = company->round;
  if (++company->arrived == QUEUES) {
    company->arrived = 0;
    company->round++;
    g_cond_broadcast (&company->changed);
  }
  while (company->round == round)
    g_cond_wait (&company->changed, &company->mutex);
  g_mutex_unlock (&company->mutex);
}

/* One launch of as many groups as @rows: the rows of x are @i and those of y 0. */
static void
compute (VlfQueue *queue, guint rows, guint i)
{
  const gsize n = (gsize) rows * COLS;
  g_autofree float *x = g_new (float, n), *y = g_new0 (float, n), *out = g_new0 (float, rows);
  g_autoptr (GError) error = NULL;
  VlfPass *pass = vlf_pass_begin (queue);

  for (gsize j = 0; j < n; j++)
    x[j] = (float) i;
  vlf_output (pass, vlf_row_distances (pass, vlf_input (pass, x, 1, rows, COLS), vlf_input (pass, y, 1, rows, COLS)),
              out);
  vlf_pass_end (pass, &error);
  g_assert_no_error (error);
  for (guint j = 0; j < rows; j++)
    g_assert_cmpfloat_with_epsilon (out[j], (float) (i * i), 1e-4f);
}

/* Launches of many kernels, small ones. */
static void
compute_all (VlfQueue *queue)
{
  static const float zeros[16 * 32];
  g_autoptr (GError) error = NULL;
  VlfPass *pass = vlf_pass_begin (queue);
  VlfTensor x = vlf_input (pass, zeros, 1, 16, 32), maps = vlf_pass_alloc (pass, 2, 16, 16);
  VlfBiSide side = { x, x, NULL };

  vlf_attention (pass, x, x, x, 2, &(VlfAttention){ .maps = &maps });
  vlf_attention (pass, x, x, x, 2, &(VlfAttention){ .top_k = 1 });
  vlf_bi_attention (pass, &side, &side, 2);
  vlf_product (pass, vlf_mean_heads (pass, maps, 2), x);
  vlf_pass_end (pass, &error);
  g_assert_no_error (error);
}

/* The first to open a queue compiles and keeps the program; the others compute as soon as they can. */
static gpointer
member_main (gpointer data)
{
  const Member *member = data;
  Company *company = member->company;
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfQueue) queue = NULL;

  queue = vlf_queue_new (company->device, &error);
  g_assert_no_error (error);
  if (member->i == 0)
    g_atomic_int_set (&company->stored, 1);
  while (!g_atomic_int_get (&company->stored))
    compute_all (queue);
  for (guint round = 0; round < ROUNDS; round++) {
    wait_for_all (company);
    compute (queue, 8 + round * QUEUES + (member->i + round) % QUEUES, member->i);
  }
  return NULL;
}

static void
test_company (void)
{
  g_autoptr (GError) error = NULL;
  Company company = { .device = vlf_device_open ("cpu", &error) };
  GThread *threads[QUEUES];
  Member members[QUEUES];

  g_assert_no_error (error);
  g_mutex_init (&company.mutex);
  g_cond_init (&company.changed);
  for (guint i = 0; i < QUEUES; i++) {
    members[i] = (Member){ &company, i };
    threads[i] = g_thread_new ("queue", member_main, &members[i]);
    if (i == 0)
      g_usleep (G_USEC_PER_SEC / 10); /* the first one compiles */
  }
  for (guint i = 0; i < QUEUES; i++)
    g_thread_join (threads[i]);
  vlf_device_unref (company.device);
  g_mutex_clear (&company.mutex);
  g_cond_clear (&company.changed);
}

int
main (int argc, char **argv)
{
  gchar *cache = folder_new ();
  int rc;

  g_test_init (&argc, &argv, NULL);
  g_setenv ("VLF_CACHE_DIR", cache, TRUE);
  g_test_add_func ("/queues/company", test_company);
  rc = g_test_run ();
  folder_remove (cache);
  return rc;
}
