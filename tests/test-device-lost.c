/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that fail or are lost: stand-ins for calls of the driver. */
#include "kernels/cl_device.h"
#include "kernels/ops.h"
#include "tests/test-device.h"

static cl_int
fail_launch (cl_command_queue queue, cl_kernel kernel, cl_uint n, const size_t *offset, const size_t *global,
             const size_t *local, cl_uint n_wait, const cl_event *wait, cl_event *event)
{
  (void) queue, (void) kernel, (void) n, (void) offset, (void) global, (void) local, (void) n_wait, (void) wait;
  (void) event;
  return CL_OUT_OF_RESOURCES;
}

static guint n_calls;
static GThread *caller; /* who must not wait for a lost device */

static cl_int (*finish) (cl_command_queue queue);

static cl_int
count_finish (cl_command_queue queue)
{
  g_assert_true (g_thread_self () != caller);
  n_calls++;
  return finish (queue);
}

static gboolean
add_zeros (VlfQueue *queue, GError **error)
{
  static const float numbers[4];
  VlfPass *pass = vlf_pass_begin (queue);
  VlfTensor x = vlf_input (pass, numbers, 1, 1, 4);

  vlf_add (pass, x, x);
  return vlf_pass_end (pass, error);
}

/* A driver that is out of resources loses the device: one error, no further call but one wait on another thread for what still
 * runs, and a new object afterwards. */
void
device_lost (void)
{
  static const float numbers[4];
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("auto", NULL), again = NULL;
  VlfQueue *queue = vlf_queue_new (device, &error);
  VlfClApi whole = *vlf_cl_api ();
  VlfPass *pass;

  g_assert_no_error (error);
  g_assert_true (add_zeros (queue, &error)); /* the first launch of a kernel waits for others, see cl_alone.h */
  caller = g_thread_self ();
  vlf_cl_api ()->EnqueueNDRangeKernel = fail_launch;
  finish = whole.Finish;
  vlf_cl_api ()->Finish = count_finish;
  g_assert_false (add_zeros (queue, &error));
  device_expect (error, VLF_ERROR_DEVICE,
                 (const char *const[]){ vlf_device_name (device), "CL_OUT_OF_RESOURCES", NULL });
  g_clear_error (&error);
  g_assert_true (vlf_device_is_lost (device));

  pass = vlf_pass_begin (queue);
  g_assert_null (vlf_input (pass, numbers, 1, 1, 4).buffer);
  g_assert_false (vlf_pass_end (pass, &error));
  device_expect (error, VLF_ERROR_DEVICE, (const char *const[]){ "lost", NULL });
  g_clear_error (&error);
  g_assert_null (vlf_queue_new (device, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_DEVICE);
  g_clear_error (&error);
  vlf_queue_free (queue);
  g_assert_cmpuint (n_calls, ==, 1);

  *vlf_cl_api () = whole;
  again = vlf_device_open ("auto", &error);
  g_assert_no_error (error);
  g_assert_true (again != device);
  queue = vlf_queue_new (again, &error);
  g_assert_no_error (error);
  vlf_queue_free (queue);
}

static gboolean answers; /* whether the driver does */
static GMutex answers_mutex;
static GCond answers_changed;
static float *read_to; /* where numbers that are on their way will be written */

static cl_int
read_later (cl_command_queue queue, cl_mem mem, cl_bool block, const size_t *at, const size_t *to, const size_t *region,
            size_t row, size_t slice, size_t host_row, size_t host_slice, void *host, cl_uint n, const cl_event *wait,
            cl_event *event)
{
  (void) queue, (void) mem, (void) at, (void) to, (void) region, (void) row, (void) slice;
  (void) host_row, (void) host_slice, (void) n, (void) wait, (void) event;
  g_assert_cmpint (block, ==, CL_FALSE);
  read_to = host;
  return CL_SUCCESS;
}

/* Out of resources for whoever runs the pass; whoever waits for what is left waits long. */
static cl_int
finish_late (cl_command_queue queue)
{
  (void) queue;
  if (g_thread_self () == caller)
    return CL_OUT_OF_RESOURCES;
  g_mutex_lock (&answers_mutex);
  while (!answers)
    g_cond_wait (&answers_changed, &answers_mutex);
  g_mutex_unlock (&answers_mutex);
  return CL_SUCCESS;
}

static gboolean
there_and_back (VlfQueue *queue, guint n, const float *there, float *back, GError **error)
{
  VlfPass *pass = vlf_pass_begin (queue);

  vlf_output (pass, vlf_input (pass, there, 1, n, n), back);
  return vlf_pass_end (pass, error);
}

/* A lost device that goes on for longer than it is waited for writes to nobody's memory but its own. @n numbers are read back. */
static void
leave_behind (guint n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("auto", NULL);
  VlfQueue *queue = vlf_queue_new (device, &error);
  VlfClApi whole = *vlf_cl_api ();
  float *there = g_new0 (float, n *n), *back = g_new0 (float, n *n);

  g_assert_no_error (error);
  g_assert_true (there_and_back (queue, n, there, back, &error));
  g_assert_false (vlf_queue_is_left (queue));
  caller = g_thread_self ();
  answers = FALSE;
  vlf_cl_api ()->EnqueueReadBufferRect = read_later;
  vlf_cl_api ()->Finish = finish_late;
  g_assert_false (there_and_back (queue, n, there, back, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_DEVICE);
  g_assert_true (vlf_queue_is_left (queue));
  vlf_queue_free (queue);
  g_free (there);
  g_assert_nonnull (read_to);
  for (guint i = 0; i < n * n; i++)
    read_to[i] = 1.0f;
  for (guint i = 0; i < n * n; i++)
    g_assert_cmpfloat (back[i], ==, 0.0f);
  g_free (back);
  g_mutex_lock (&answers_mutex);
  answers = TRUE;
  g_cond_broadcast (&answers_changed);
  g_mutex_unlock (&answers_mutex);
  *vlf_cl_api () = whole;
}

void
device_left (void)
{
  leave_behind (4);
  leave_behind (300);
}

/* A driver that says at once that it cannot wait has not waited. */
static cl_int
fail_finish (cl_command_queue queue)
{
  (void) queue;
  return CL_OUT_OF_RESOURCES;
}

void
device_left_at_once (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("auto", NULL);
  VlfQueue *queue = vlf_queue_new (device, &error);
  VlfClApi whole = *vlf_cl_api ();

  g_assert_no_error (error);
  g_assert_true (add_zeros (queue, &error));
  vlf_cl_api ()->Finish = fail_finish;
  g_assert_false (add_zeros (queue, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_DEVICE);
  g_assert_true (vlf_queue_is_left (queue));
  vlf_queue_free (queue);
  *vlf_cl_api () = whole;
}

/* Every failing call of opening a device, a queue and a pass is one error that names it. */
static cl_context
fail_context (const cl_context_properties *properties, cl_uint n, const cl_device_id *devices,
              void (CL_CALLBACK *notify) (const char *, const void *, size_t, void *), void *user, cl_int *status)
{
  (void) properties, (void) n, (void) devices, (void) notify, (void) user;
  *status = CL_DEVICE_NOT_AVAILABLE;
  return NULL;
}

static cl_int
fail_build (cl_program program, cl_uint n, const cl_device_id *devices, const char *options,
            void (CL_CALLBACK *notify) (cl_program, void *), void *user)
{
  (void) program, (void) n, (void) devices, (void) options, (void) notify, (void) user;
  return CL_BUILD_PROGRAM_FAILURE;
}

static cl_kernel
fail_kernel (cl_program program, const char *name, cl_int *status)
{
  (void) program, (void) name;
  *status = CL_INVALID_KERNEL_NAME;
  return NULL;
}

void
device_faults (void)
{
  static const float numbers[4];
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = NULL;
  VlfClApi whole;
  VlfQueue *queue;
  VlfPass *pass;
  VlfTensor x;

  g_setenv ("VLF_CACHE", "off", TRUE);
  g_assert_nonnull (vlf_cl_api_open (NULL));
  whole = *vlf_cl_api ();

  vlf_cl_api ()->CreateContext = fail_context;
  g_assert_null (vlf_device_open ("auto", &error));
  device_expect (error, VLF_ERROR_DEVICE, (const char *const[]){ "Portable", "CL_DEVICE_NOT_AVAILABLE", NULL });
  g_clear_error (&error);
  *vlf_cl_api () = whole;

  device = vlf_device_open ("auto", &error);
  g_assert_no_error (error);
  vlf_cl_api ()->BuildProgram = fail_build;
  g_assert_null (vlf_queue_new (device, &error));
  device_expect (error, VLF_ERROR_BUILD, (const char *const[]){ "Portable", "CL_BUILD_PROGRAM_FAILURE", NULL });
  g_clear_error (&error);
  *vlf_cl_api () = whole;

  /* The first queue after a compilation runs every kernel once; the second has none yet. */
  vlf_queue_free (vlf_queue_new (device, &error));
  g_assert_no_error (error);
  queue = vlf_queue_new (device, &error);
  g_assert_no_error (error);
  vlf_cl_api ()->CreateKernel = fail_kernel;
  pass = vlf_pass_begin (queue);
  x = vlf_input (pass, numbers, 1, 1, 4);
  vlf_normalize (pass, x);
  vlf_normalize (pass, vlf_concat_rows (pass, x, x));
  g_assert_false (vlf_pass_end (pass, &error));
  device_expect (error, VLF_ERROR_DEVICE, (const char *const[]){ "Portable", "CL_INVALID_KERNEL_NAME", NULL });
  *vlf_cl_api () = whole;
  g_assert_false (vlf_device_is_lost (device));
  vlf_queue_free (queue);
}
