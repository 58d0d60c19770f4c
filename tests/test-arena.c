/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The arena of activations and the scopes of passes, on the reference device. */
#include <string.h>
#include "kernels/arena.h"

#define MIB ((gsize) 256 * 1024) /* elements */

typedef struct {
  VlfDevice *device;
  VlfArena *arena;
} Fixture;

static void
set_up (Fixture *f, gconstpointer unused)
{
  GError *error = NULL;

  (void) unused;
  f->device = vlf_device_open ("reference", &error);
  g_assert_no_error (error);
  f->arena = vlf_arena_new (f->device);
}

static void
tear_down (Fixture *f, gconstpointer unused)
{
  (void) unused;
  vlf_arena_free (f->arena);
  g_assert_cmpuint (vlf_device_memory (f->device), ==, 0);
  vlf_device_unref (f->device);
}

static gsize
alloc (Fixture *f, gsize elements, VlfBuffer **buffer)
{
  GError *error = NULL;
  VlfBuffer *where;
  gsize offset = G_MAXSIZE;

  g_assert_true (vlf_arena_alloc (f->arena, elements, &where, &offset, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (offset % 16, ==, 0);
  g_assert_cmpuint ((offset + elements) * sizeof (float), <=, where->size);
  if (buffer)
    *buffer = where;
  return offset;
}

static void
test_blocks (Fixture *f, gconstpointer unused)
{
  gsize a = alloc (f, 100, NULL), b = alloc (f, 1, NULL), c = alloc (f, 16, NULL);

  (void) unused;
  g_assert_cmpuint (a, ==, 0);
  g_assert_cmpuint (b, ==, 112);
  g_assert_cmpuint (c, ==, 128);
  g_assert_cmpuint (vlf_arena_chunks (f->arena), ==, 1);
  g_assert_cmpuint (vlf_device_memory (f->device), ==, vlf_arena_size (f->arena));
}

static void
test_scopes_reuse (Fixture *f, gconstpointer unused)
{
  gsize outer = alloc (f, 64, NULL), first, size;

  (void) unused;
  first = outer + 64;
  for (guint layer = 0; layer < 100; layer++) {
    guint scope = vlf_arena_open (f->arena);

    g_assert_cmpuint (scope, ==, 1);
    g_assert_cmpuint (alloc (f, MIB / 4, NULL), ==, first);
    alloc (f, MIB / 4, NULL);
    g_assert_true (vlf_arena_close (f->arena, scope, NULL, 0));
  }
  size = vlf_arena_size (f->arena);
  g_assert_cmpuint (size, ==, 4 * MIB * sizeof (float));
  g_assert_cmpuint (vlf_arena_chunks (f->arena), ==, 1);
}

static void
test_keep (Fixture *f, gconstpointer unused)
{
  guint outer = vlf_arena_open (f->arena), inner = vlf_arena_open (f->arena);
  VlfBuffer *buffer;
  gsize a = alloc (f, 160, &buffer), b = alloc (f, 160, NULL), c = alloc (f, 160, NULL);

  (void) unused;
  /* A view into the middle of b keeps all of b; a and c are given back. */
  g_assert_true (vlf_arena_close (f->arena, inner, buffer, b + 77));
  g_assert_cmpuint (alloc (f, 160, NULL), ==, a);
  g_assert_cmpuint (alloc (f, 160, NULL), ==, c);
  /* It belongs to the outer scope now, and goes with it. */
  g_assert_true (vlf_arena_close (f->arena, outer, NULL, 0));
  g_assert_cmpuint (alloc (f, 480, NULL), ==, a);
}

static void
test_nesting (Fixture *f, gconstpointer unused)
{
  guint outer = vlf_arena_open (f->arena);
  gsize a = alloc (f, 16, NULL);

  (void) unused;
  vlf_arena_open (f->arena);
  alloc (f, 16, NULL);
  /* Closing the outer scope closes the inner one with it. */
  g_assert_true (vlf_arena_close (f->arena, outer, NULL, 0));
  g_assert_cmpuint (alloc (f, 16, NULL), ==, a);
  g_assert_false (vlf_arena_close (f->arena, outer, NULL, 0));
  g_assert_false (vlf_arena_close (f->arena, 0, NULL, 0));
  g_assert_false (vlf_arena_close (f->arena, 7, NULL, 0));
}

static void
test_first_fit (Fixture *f, gconstpointer unused)
{
  guint scope;
  VlfBuffer *buffer;
  gsize hole, last;

  (void) unused;
  alloc (f, 64, NULL);
  scope = vlf_arena_open (f->arena);
  hole = alloc (f, 64, &buffer);
  last = alloc (f, 64, NULL);
  g_assert_true (vlf_arena_close (f->arena, scope, buffer, last));
  g_assert_cmpuint (alloc (f, 80, NULL), >, last);
  g_assert_cmpuint (alloc (f, 32, NULL), ==, hole);
  g_assert_cmpuint (alloc (f, 32, NULL), ==, hole + 32);
  g_assert_cmpuint (alloc (f, 16, NULL), >, last);
}

static void
test_consolidation (Fixture *f, gconstpointer unused)
{
  gsize size;

  (void) unused;
  for (guint i = 0; i < 20; i++)
    alloc (f, MIB, NULL);
  g_assert_cmpuint (vlf_arena_chunks (f->arena), >, 1);
  size = vlf_arena_size (f->arena);
  for (guint pass = 0; pass < 3; pass++) {
    vlf_arena_reset (f->arena);
    for (guint i = 0; i < 20; i++)
      alloc (f, MIB, NULL);
    g_assert_cmpuint (vlf_arena_chunks (f->arena), ==, 1);
    g_assert_cmpuint (vlf_arena_size (f->arena), ==, size);
  }
}

static void
test_impossible (Fixture *f, gconstpointer unused)
{
  static const gsize sizes[] = { G_MAXSIZE, G_MAXSIZE - 15, G_MAXSIZE / 4 };
  gsize size = vlf_arena_size (f->arena);

  (void) unused;
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (GError) error = NULL;
    VlfBuffer *buffer;
    gsize offset;

    g_assert_false (vlf_arena_alloc (f->arena, sizes[i], &buffer, &offset, &error));
    g_assert_nonnull (error);
    g_assert_true (error->domain == VLF_ERROR);
  }
  g_assert_cmpuint (vlf_arena_size (f->arena), ==, size);
}

/* Through the front: a result is kept out of a scope, memory is found again, numbers are right. */
static void
test_pass_scopes (void)
{
  static const float numbers[3][40] = { { 1 }, { 2, 3 }, { 4 } };
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("reference", &error);
  g_autoptr (VlfQueue) queue = vlf_queue_new (device, &error);
  VlfPass *pass = vlf_pass_begin (queue);
  VlfTensor x = vlf_input (pass, numbers[0], 1, 3, 40), y;
  float out[3][40];
  guint scope = vlf_pass_open (pass);
  gsize second;

  second = vlf_pass_alloc (pass, 1, 3, 40).offset;
  y = vlf_add (pass, x, x);
  y = vlf_pass_close (pass, scope, vlf_rows (y, 1, 2));
  g_assert_cmpuint (y.rows, ==, 2);
  g_assert_cmpuint (vlf_pass_alloc (pass, 1, 3, 40).offset, ==, second);
  vlf_output (pass, y, out[0]);
  g_assert_true (vlf_pass_end (pass, &error));
  g_assert_no_error (error);
  g_assert_cmpfloat (out[0][0], ==, 4);
  g_assert_cmpfloat (out[0][1], ==, 6);
  g_assert_cmpfloat (out[1][0], ==, 8);
}

/* The first error stays, and what follows it does nothing. */
static void
test_pass_errors (void)
{
  static const float numbers[12];
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("reference", &error);
  g_autoptr (VlfQueue) queue = vlf_queue_new (device, &error);
  VlfPass *pass = vlf_pass_begin (queue), *second;
  VlfTensor x = vlf_input (pass, numbers, 1, 3, 4), y = vlf_input (pass, numbers, 1, 4, 3);

  g_assert_null (vlf_add (pass, x, y).buffer);
  g_assert_true (vlf_pass_failed (pass));
  g_assert_null (vlf_add (pass, x, x).buffer);
  g_assert_null (vlf_pass_close (pass, vlf_pass_open (pass), x).buffer);

  /* One pass at a time. */
  second = vlf_pass_begin (queue);
  g_assert_true (vlf_pass_failed (second));
  g_assert_false (vlf_pass_end (second, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_DEVICE);
  g_clear_error (&error);

  g_assert_false (vlf_pass_end (pass, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
  g_assert_nonnull (strstr (error->message, "[1, 3, 4]"));
  g_assert_nonnull (strstr (error->message, "[1, 4, 3]"));
  g_clear_error (&error);

  /* The queue goes on. */
  pass = vlf_pass_begin (queue);
  vlf_input (pass, numbers, 1, 3, 4);
  g_assert_true (vlf_pass_end (pass, &error));
}

/* Views that reach outside their memory are refused, however they are bent. */
static void
test_views (void)
{
  static const float numbers[12];
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfDevice) device = vlf_device_open ("reference", &error);
  g_autoptr (VlfQueue) queue = vlf_queue_new (device, &error);

  for (guint i = 0; i < 7; i++) {
    VlfPass *pass = vlf_pass_begin (queue);
    VlfTensor x = vlf_input (pass, numbers, 1, 3, 4);
    float out[64];

    x.offset += i == 0 ? (gsize) 1 << 40 : 0;
    x.rows = i == 1 ? 0 : i == 2 ? G_MAXUINT : x.rows;
    x.cols = i == 3 ? x.stride + 1 : x.cols;
    x.batch = i == 4 ? 2 : x.batch;
    x.batch_stride = i == 4 ? G_MAXSIZE : x.batch_stride;
    x.offset = i == 5 ? G_MAXSIZE : x.offset;
    x.buffer = i == 6 ? NULL : x.buffer;
    vlf_output (pass, x, out);
    g_assert_false (vlf_pass_end (pass, &error));
    g_assert_error (error, VLF_ERROR, VLF_ERROR_RANGE);
    g_clear_error (&error);
  }
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = { { "/arena/blocks", test_blocks },
                { "/arena/scopes-reuse", test_scopes_reuse },
                { "/arena/keep", test_keep },
                { "/arena/nesting", test_nesting },
                { "/arena/first-fit", test_first_fit },
                { "/arena/consolidation", test_consolidation },
                { "/arena/impossible", test_impossible } };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  g_test_add_func ("/pass/scopes", test_pass_scopes);
  g_test_add_func ("/pass/errors", test_pass_errors);
  g_test_add_func ("/pass/views", test_views);
  return g_test_run ();
}
