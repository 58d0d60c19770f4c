/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Frames that have something in common with those before them, on small random models.
 * Usage: test-reuse DEVICE MODEL-FOLDER... */
#include <math.h>
#include <string.h>
#include "models/session.h"
#include "tests/same.h"

#define SIDE     96u
#define INTERVAL 32u /* one frame of so many is computed in full, see models/reuse.h */

static const char *device_name;

/* One model, two streams on it: one reuses, the other computes every frame. */
typedef struct {
  VlfModel *model;
  VlfText *texts[2];
  VlfSession *session, *plain;
  guint8 pixels[SIDE * SIDE * 3];
  VlfImage image;
  VlfRunOptions options;
} Stream;

/* A picture without two patches that are alike. */
static void
draw (Stream *s, guint seed)
{
  guint32 state = seed;

  for (guint i = 0; i < sizeof s->pixels; i++) {
    state = state * 1664525u + 1013904223u;
    s->pixels[i] = (guint8) ((i / 3 % SIDE) * 2 + (i / 3 / SIDE) * seed + (state >> 27));
  }
}

static void
stream_open (Stream *s, const char *folder, VlfReuseMode reuse)
{
  static const char *const prompts[] = { "a red circle", "the star below" };
  g_autoptr (GError) error = NULL;
  VlfModelOptions options = { .directory = folder, .device = device_name };

  *s = (Stream){ .options = { .reuse = reuse } };
  s->model = vlf_model_open (&options, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (prompts); i++) {
    s->texts[i] = vlf_text_new (s->model, prompts[i], &error);
    g_assert_no_error (error);
  }
  s->session = vlf_session_new (s->model, &error);
  g_assert_no_error (error);
  s->plain = vlf_session_new (s->model, &error);
  g_assert_no_error (error);
  s->image = vlf_image_rgb (s->pixels, SIDE, SIDE);
  draw (s, 1);
}

static void
stream_close (Stream *s)
{
  vlf_session_free (s->session);
  vlf_session_free (s->plain);
  for (guint i = 0; i < G_N_ELEMENTS (s->texts); i++)
    vlf_text_unref (s->texts[i]);
  vlf_model_unref (s->model);
}

static VlfResult *
look (Stream *s, guint n_texts)
{
  g_autoptr (GError) error = NULL;
  VlfResult *result = NULL;

  vlf_session_run (s->session, &s->image, 1, s->texts, n_texts, &s->options, &result, &error);
  g_assert_no_error (error);
  return result;
}

/* That @result is what a stream says that computes everything, to the last bit. */
static void
assert_whole (Stream *s, const VlfResult *result)
{
  VlfRunOptions options = s->options;
  g_autoptr (GError) error = NULL;
  g_autoptr (VlfResult) plain = NULL;

  options.reuse = VLF_REUSE_OFF;
  vlf_session_run (s->plain, &s->image, 1, s->texts, result->n_prompts, &options, &plain, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (plain->reused, ==, 0);
  g_assert_cmpmem (plain->image_embedding, plain->image_embedding_size * sizeof (float), result->image_embedding,
                   result->image_embedding_size * sizeof (float));
  for (guint i = 0; i < plain->n_prompts; i++)
    assert_same_prompt (&plain->prompts[i], &result->prompts[i], (gsize) plain->rows * plain->cols);
}

/* One look: how much of it was reused, and what it had computed. */
static double
step (Stream *s, guint n_texts, gboolean whole, double *operations)
{
  const double before = vlf_session_operations (s->session);
  g_autoptr (VlfResult) result = look (s, n_texts);

  *operations = vlf_session_operations (s->session) - before;
  if (whole)
    assert_whole (s, result);
  return result->reused;
}

static void
test_exact (gconstpointer folder)
{
  Stream s;
  double all, some;

  stream_open (&s, folder, VLF_REUSE_EXACT);
  step (&s, 1, TRUE, &all); /* with what is done once for a text */
  draw (&s, 2);
  g_assert_cmpfloat (step (&s, 1, TRUE, &all), ==, 0);
  g_assert_cmpfloat (all, >, 0);
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpfloat (step (&s, 1, TRUE, &some), ==, 1);
    g_assert_cmpfloat (some, ==, 0);
  }
  s.pixels[SIDE * SIDE * 3 / 2 + SIDE] ^= 128; /* one sample */
  g_assert_cmpfloat (step (&s, 1, TRUE, &some), ==, 0);
  g_assert_cmpfloat (some, ==, all);
  stream_close (&s);
}

/* What is asked may change while the picture stays: only the tower's work is spared then. */
static void
test_questions (gconstpointer folder)
{
  Stream s;
  double all, some;
  const gint layers[] = { 0 };

  stream_open (&s, folder, VLF_REUSE_EXACT);
  step (&s, 2, TRUE, &all);
  g_assert_cmpfloat (step (&s, 1, TRUE, &some), ==, 1);
  g_assert_cmpfloat (some, <, all / 2);
  s.options.layers = layers;
  s.options.n_layers = 1;
  g_assert_cmpfloat (step (&s, 1, TRUE, &some), ==, 1);
  g_assert_cmpfloat (step (&s, 1, TRUE, &some), ==, 1);
  g_assert_cmpfloat (some, ==, 0);
  g_assert_cmpfloat (step (&s, 0, TRUE, &some), ==, 1);
  g_assert_cmpfloat (step (&s, 2, TRUE, &some), ==, 1);
  stream_close (&s);
}

static void
paint (Stream *s, guint x, guint y, guint8 value)
{
  for (guint line = y; line < y + SIDE / 8; line++)
    memset (s->pixels + 3 * (line * SIDE + x), value, SIDE / 8 * 3);
}

static void
test_approximate (gconstpointer folder)
{
  Stream s;
  double all, some, reused;

  stream_open (&s, folder, VLF_REUSE_APPROXIMATE);
  g_assert_cmpfloat (step (&s, 2, TRUE, &all), ==, 0);
  g_assert_cmpfloat (step (&s, 2, TRUE, &some), ==, 1);
  g_assert_cmpfloat (some, ==, 0);
  s.pixels[SIDE * SIDE * 3 / 2 + SIDE] ^= 1; /* noise */
  g_assert_cmpfloat (step (&s, 2, FALSE, &some), ==, 1);
  paint (&s, SIDE / 2, SIDE / 2, 255);
  reused = step (&s, 2, FALSE, &some);
  g_assert_cmpfloat (reused, >, 0.5);
  g_assert_cmpfloat (reused, <, 1);
  g_assert_cmpfloat (some, >, 0);
  g_assert_cmpfloat (some, <, all * 0.7);
  draw (&s, 9); /* a cut that shows */
  g_assert_cmpfloat (step (&s, 2, TRUE, &some), ==, 0);
  paint (&s, 0, 0, 0);
  s.options.cut = TRUE; /* and one that is told */
  g_assert_cmpfloat (step (&s, 2, TRUE, &some), ==, 0);
  s.options.cut = FALSE;
  paint (&s, SIDE / 2, 0, 0);
  g_assert_cmpfloat (step (&s, 2, FALSE, &some), >, 0);
  step (&s, 1, FALSE, &some); /* other questions of what is kept */
  stream_close (&s);
}

/* However the picture changes, one frame of INTERVAL is computed in full, and so is what was left behind of a picture that rests. */
static void
test_interval (gconstpointer folder)
{
  Stream s;
  double operations;
  guint whole = 0;

  stream_open (&s, folder, VLF_REUSE_APPROXIMATE);
  step (&s, 1, TRUE, &operations);
  for (guint i = 1; i <= INTERVAL; i++) {
    paint (&s, i % 8 * SIDE / 8, SIDE / 2, (guint8) (i * 37));
    whole += step (&s, 1, i == INTERVAL, &operations) == 0;
  }
  g_assert_cmpuint (whole, ==, 1);
  paint (&s, 0, 0, 128);
  g_assert_cmpfloat (step (&s, 1, FALSE, &operations), >, 0);
  for (guint i = 1; i < 2 * INTERVAL; i++)
    whole += step (&s, 1, i >= INTERVAL, &operations) == 0;
  g_assert_cmpuint (whole, ==, 2);
  stream_close (&s);
}

/* Slow changes add up: each step is noise, all together are not. */
static void
test_drift (gconstpointer folder)
{
  Stream s;
  double operations;
  guint computed = 0;

  stream_open (&s, folder, VLF_REUSE_APPROXIMATE);
  for (guint i = 0; i < 24; i++) {
    paint (&s, SIDE / 2, SIDE / 2, (guint8) (100 + i));
    computed += step (&s, 1, FALSE, &operations) < 1;
  }
  g_assert_cmpuint (computed, >, 2); /* SigLIP divides pixels by more, so that a change is less to it */
  g_assert_cmpuint (computed, <, 20);
  stream_close (&s);
}

/* Several frames at once are frames one after the other. */
static void
test_several (gconstpointer folder)
{
  Stream s;
  VlfImage images[3];
  VlfResult *results[3] = { NULL };
  g_autoptr (GError) error = NULL;

  stream_open (&s, folder, VLF_REUSE_EXACT);
  for (guint i = 0; i < 3; i++)
    images[i] = s.image;
  vlf_session_run (s.session, images, 3, s.texts, 2, &s.options, results, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 3; i++) {
    g_assert_cmpfloat (results[i]->reused, ==, i > 0);
    assert_whole (&s, results[i]);
    vlf_result_unref (results[i]);
  }
  stream_close (&s);
}

static void
add (const char *what, const char *folder, GTestDataFunc test)
{
  g_autofree gchar *parent = g_path_get_dirname (folder), *grand = g_path_get_dirname (parent);
  g_autofree gchar *architecture = g_path_get_basename (grand), *name = g_path_get_basename (parent);
  g_autofree gchar *path = g_strdup_printf ("/reuse/%s/%s/%s", architecture, name, what);

  g_test_add_data_func (path, folder, test);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, >, 2);
  device_name = argv[1];
  for (int i = 2; i < argc; i++) {
    add ("exact", argv[i], test_exact);
    add ("questions", argv[i], test_questions);
    add ("approximate", argv[i], test_approximate);
    add ("interval", argv[i], test_interval);
    add ("drift", argv[i], test_drift);
    add ("several", argv[i], test_several);
  }
  return g_test_run ();
}
