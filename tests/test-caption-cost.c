/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What captions cost, in launches of kernels, which do not depend on how busy the machine is: a step costs the same however much has been
 * written before, and the picture is looked at once for any number of questions.
 * Usage: test-caption-cost CAPTIONER ENCODER, folders of a captioner that answers by its prefix and of a model that reads questions. */
#include "models/caption.h"
#include "tests/faults.h"

static const char *captioner, *encoder;

typedef struct {
  VlfModel *model;
  VlfSession *session;
  guint8 pixels[32 * 32 * 3];
  VlfImage image;
} Fixture;

static void
fixture_open (Fixture *f, const char *directory)
{
  VlfModelOptions options = { .directory = directory, .device = "cpu" };
  g_autoptr (GError) error = NULL;

  fault_install ();
  f->model = vlf_model_open (&options, &error);
  g_assert_no_error (error);
  f->session = vlf_session_new (f->model, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < sizeof f->pixels; i++)
    f->pixels[i] = (guint8) (i * 7);
  f->image = vlf_image_rgb (f->pixels, 32, 32);
}

static void
fixture_close (Fixture *f)
{
  vlf_session_free (f->session);
  vlf_model_unref (f->model);
}

/* Launches for @n questions (0: a caption), each text of exactly @length tokens. The second of two equal runs counts. */
static guint
count (Fixture *f, guint n, const char *prefix, guint length)
{
  static const char *const questions[] = { "is it red?", "is it red?", "is it red?", "is it red?" };
  VlfCaptionOptions options = { .prefix = prefix, .min_length = length, .max_length = length, .no_maps = TRUE };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 2; i++) {
    VlfCaption *captions[4] = { NULL };

    fault_arm (FAULT_N, 0, CL_SUCCESS);
    vlf_session_caption (f->session, &f->image, questions, n, &options, captions, &error);
    g_assert_no_error (error);
    for (guint k = 0; k < MAX (n, 1); k++)
      vlf_caption_free (captions[k]);
  }
  return fault_count (FAULT_EnqueueNDRangeKernel);
}

static void
test_steps (void)
{
  Fixture f;
  guint first, late, behind;

  fixture_open (&f, captioner);
  first = count (&f, 0, NULL, 5) - count (&f, 0, NULL, 4);
  late = count (&f, 0, NULL, 40) - count (&f, 0, NULL, 39);
  behind = count (&f, 0, "the red circle is left of the small blue square and above the star", 30) -
           count (&f, 0, "the red circle is left of the small blue square and above the star", 29);
  g_test_message ("launches of a step: %u, the 39th %u, behind a long prefix %u", first, late, behind);
  g_assert_cmpuint (first, >, 0);
  g_assert_cmpuint (late, ==, first);
  g_assert_cmpuint (behind, ==, first);
  /* A prefix is read at once, not word by word: it costs about a step. */
  g_assert_cmpuint (count (&f, 0, "the red circle is left of the small", 12), <, count (&f, 0, NULL, 12));
  fixture_close (&f);
}

/* Every further question costs the same, and none looks at the picture again, which is most of what the first one costs. */
static void
check_questions (const char *directory)
{
  Fixture f;
  guint one, two, four, picture;

  fixture_open (&f, directory);
  one = count (&f, 1, NULL, 4);
  two = count (&f, 2, NULL, 4);
  four = count (&f, 4, NULL, 4);
  picture = one - (two - one);
  g_test_message ("launches for 1, 2 and 4 questions: %u, %u, %u; of the picture: %u", one, two, four, picture);
  g_assert_cmpuint (four - two, ==, 2 * (two - one));
  g_assert_cmpuint (two - one, <, one);
  g_assert_cmpuint (picture, >, 0);
  fixture_close (&f);
}

static void
test_questions_by_prefix (void)
{
  Fixture f;
  guint step, further;

  check_questions (captioner);
  fixture_open (&f, captioner);
  /* Beside the question's own words, read at once, and the steps of three further tokens there is nothing: no keys and values. */
  step = count (&f, 1, NULL, 5) - count (&f, 1, NULL, 4);
  further = count (&f, 2, NULL, 4) - count (&f, 1, NULL, 4);
  g_test_message ("a step %u, a further question of three tokens %u", step, further);
  g_assert_cmpuint (further, <=, 3 * step + step / 4);
  fixture_close (&f);
}

static void
test_questions_by_encoder (void)
{
  check_questions (encoder);
}

int
main (int argc, char **argv)
{
  g_setenv ("VLF_PROFILE", "1", TRUE); /* a launch for each operation */
  g_test_init (&argc, &argv, NULL);
  if (argc < 3)
    g_error ("usage: test-caption-cost CAPTIONER ENCODER");
  captioner = argv[1];
  encoder = argv[2];
  g_test_add_func ("/caption-cost/steps", test_steps);
  g_test_add_func ("/caption-cost/questions/prefix", test_questions_by_prefix);
  g_test_add_func ("/caption-cost/questions/encoder", test_questions_by_encoder);
  return g_test_run ();
}
