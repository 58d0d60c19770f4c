/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What makes many small operations cheap: buffers that share memories, so that one launch can name all of them, and plans that are made once.
 * Calls of the driver are counted through the table of cl_api.h. */
#include "kernels/cl_api.h"
#include "kernels/ops.h"

#define PARTS 400u
#define KINDS 101u
#define ROWS  7u
#define DIM   32u

static guint created, parts, launched, released;
static VlfClApi real;

static cl_mem CL_API_CALL
count_buffer (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *status)
{
  created++;
  return real.CreateBuffer (context, flags, size, host, status);
}

static cl_mem CL_API_CALL
count_part (cl_mem memory, cl_mem_flags flags, cl_buffer_create_type type, const void *region, cl_int *status)
{
  parts++;
  return real.CreateSubBuffer (memory, flags, type, region, status);
}

static cl_int CL_API_CALL
count_release (cl_mem memory)
{
  released++;
  return real.ReleaseMemObject (memory);
}

static cl_int CL_API_CALL
count_launch (cl_command_queue queue, cl_kernel kernel, cl_uint n, const size_t *offset, const size_t *global,
              const size_t *local, cl_uint n_events, const cl_event *events, cl_event *event)
{
  launched++;
  return real.EnqueueNDRangeKernel (queue, kernel, n, offset, global, local, n_events, events, event);
}

static VlfDevice *
open_device (void)
{
  g_autoptr (GError) error = NULL;
  VlfDevice *device = vlf_device_open ("cpu", &error);

  g_assert_no_error (error);
  if (!real.CreateBuffer) {
    real = *vlf_cl_api ();
    vlf_cl_api ()->CreateBuffer = count_buffer;
    vlf_cl_api ()->CreateSubBuffer = count_part;
    vlf_cl_api ()->ReleaseMemObject = count_release;
    vlf_cl_api ()->EnqueueNDRangeKernel = count_launch;
  }
  created = parts = launched = released = 0;
  return device;
}

static VlfConstant *
constant_new (VlfDevice *device, float value)
{
  float numbers[ROWS * DIM];
  g_autoptr (GError) error = NULL;
  VlfConstant *constant;

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    numbers[i] = value;
  constant = vlf_constant_new_from_data (device, numbers, 1, ROWS, DIM, &error);
  g_assert_no_error (error);
  return constant;
}

/* The sum of @constants [n], one by one, whose every element shall be @expected. */
static void
expect_sum (VlfQueue *queue, VlfConstant *const *constants, guint n, float expected)
{
  float out[ROWS * DIM] = { 0 };
  g_autoptr (GError) error = NULL;
  VlfPass *pass = vlf_pass_begin (queue);
  VlfTensor sum = constants[0]->tensor;

  for (guint i = 1; i < n; i++)
    sum = vlf_mix (pass, sum, 1, constants[i]->tensor, 1);
  vlf_output (pass, sum, out);
  vlf_pass_end (pass, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (out); i++)
    g_assert_cmpfloat (out[i], ==, expected);
}

/* Far more buffers than a launch can name are few memories, one launch, and nothing of them is left. */
static void
test_parts (void)
{
  g_autoptr (VlfDevice) device = open_device ();
  g_autoptr (GError) error = NULL;
  VlfConstant *constants[PARTS];
  const gsize held = vlf_device_memory (device);
  VlfQueue *queue = vlf_queue_new (device, &error); /* which compiles, where that was not done before */
  float sum = 0;
  guint before;

  g_assert_no_error (error);
  created = parts = launched = released = 0;
  for (guint i = 0; i < PARTS; i++) {
    constants[i] = constant_new (device, (float) i);
    sum += (float) i;
  }
  g_assert_cmpuint (parts, ==, PARTS);
  g_assert_cmpuint (created, <=, 2);
  expect_sum (queue, constants, PARTS, sum);
  g_assert_cmpuint (launched, ==, 1);

  before = created + parts;
  for (guint i = 0; i < PARTS; i += 2) { /* gaps are filled */
    vlf_constant_free (constants[i]);
    constants[i] = constant_new (device, -(float) i);
    sum -= 2 * (float) i;
  }
  g_assert_cmpuint (created + parts - before, ==, PARTS / 2);
  expect_sum (queue, constants, PARTS, sum);
  for (guint i = 0; i < PARTS; i++)
    vlf_constant_free (constants[i]);
  vlf_queue_free (queue);
  g_assert_cmpuint (vlf_device_memory (device), ==, held);
  g_assert_cmpuint (released, >=, created + parts);
}

/* The second time the same operations need one buffer less, that of the plan; of others, as many as the first time. */
static void
test_plans (void)
{
  g_autoptr (VlfDevice) device = open_device ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfQueue) queue = vlf_queue_new (device, &error);
  VlfConstant *constants[] = { constant_new (device, 1), constant_new (device, 2), constant_new (device, 4) };
  VlfConstant *later;
  guint first, second, third;

  g_assert_no_error (error);
  expect_sum (queue, constants, 3, 7); /* what stays is made here: activations, the box of results */
  created = 0;
  expect_sum (queue, constants, 2, 3);
  first = created;
  created = 0;
  expect_sum (queue, constants, 2, 3);
  second = created;
  created = 0;
  later = constants[1]; /* the same plan of other numbers */
  constants[1] = constants[2];
  expect_sum (queue, constants, 2, 5);
  third = created;
  g_assert_cmpuint (second + 1, ==, first);
  g_assert_cmpuint (third, ==, first);
  vlf_constant_free (later);
  for (guint i = 0; i < 3; i += 2)
    vlf_constant_free (constants[i]);
}

/* More plans than are kept, in an order that repeats itself, and then in one that does not; some are the beginning of others. */
static void
test_many (void)
{
  g_autoptr (VlfDevice) device = open_device ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfQueue) queue = vlf_queue_new (device, &error);
  VlfConstant *constants[KINDS + 3];

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (constants); i++)
    constants[i] = constant_new (device, (float) i);
  for (guint i = 0; i < 3 * KINDS; i++) {
    const guint first = i < 2 * KINDS ? i % KINDS : i * i % KINDS, n = 2 + i % 2;

    expect_sum (queue, constants + first, n, (float) (n * first + (n == 2 ? 1 : 3)));
  }
  for (guint i = 0; i < G_N_ELEMENTS (constants); i++)
    vlf_constant_free (constants[i]);
}

int
main (int argc, char **argv)
{
  g_unsetenv ("VLF_SLABS"); /* which this is about */
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/chains/parts", test_parts);
  g_test_add_func ("/chains/plans", test_plans);
  g_test_add_func ("/chains/many", test_many);
  return g_test_run ();
}
