/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What approximate reuse saves on moving pictures, and what it costs, beside the same network on every frame in full. Times are
 * vlf-bench's to measure; here are the operations, embeddings and peaks.
 *   reuse MODEL DEVICE FILE PROMPT [FILE PROMPT]...
 * A clip that is not there is skipped, and the test says so: footage belongs to Debian's opencv-doc, which tools/install-deps installs. */
#include <gst/gst.h>
#include <gst/video/video.h>
#include <math.h>
#include "models/session.h"
#include "plugin/gstvlframe.h"

#define LEAST_FRAMES 200u

#define FEWER_OPERATIONS 3.0
#define COSINE           0.99 /* of every frame */
#define PEAKS_UNMOVED    0.95

static const gchar *model_name, *device_name;

typedef struct {
  const gchar *file, *prompt;
} Clip;

typedef struct {
  VlfModel *model;
  VlfText *text;
  VlfSession *full, *some;
  double full_operations, some_operations, worst;
  guint frames, unmoved, reusing;
} Comparison;

static void
comparison_open (Comparison *c, const gchar *prompt)
{
  g_autoptr (GError) error = NULL;
  VlfModelOptions options = { .directory = model_name, .device = device_name };

  *c = (Comparison){ .worst = 1 };
  c->model = vlf_model_open (&options, &error);
  g_assert_no_error (error);
  c->text = vlf_text_new (c->model, prompt, &error);
  g_assert_no_error (error);
  c->full = vlf_session_new (c->model, &error);
  g_assert_no_error (error);
  c->some = vlf_session_new (c->model, &error);
  g_assert_no_error (error);
}

static void
comparison_close (Comparison *c)
{
  vlf_session_free (c->full);
  vlf_session_free (c->some);
  vlf_text_unref (c->text);
  vlf_model_unref (c->model);
}

/* @operations: adds what it took. */
static VlfResult *
look (VlfSession *session, const VlfImage *image, VlfText *text, VlfReuseMode reuse, double *operations)
{
  const VlfRunOptions options = { .reuse = reuse };
  const double before = vlf_session_operations (session);
  g_autoptr (GError) error = NULL;
  VlfResult *result = NULL;

  vlf_session_run (session, image, 1, &text, 1, &options, &result, &error);
  g_assert_no_error (error);
  *operations += vlf_session_operations (session) - before;
  return result;
}

static double
cosine (const VlfPromptResult *a, const VlfPromptResult *b)
{
  double ab = 0, aa = 0, bb = 0;

  for (guint i = 0; i < a->embedding_size; i++) {
    ab += (double) a->embedding[i] * b->embedding[i];
    aa += (double) a->embedding[i] * a->embedding[i];
    bb += (double) b->embedding[i] * b->embedding[i];
  }
  return ab / sqrt (aa * bb);
}

/* The first frame has nothing to reuse and is not counted. */
static void
compare (Comparison *c, const VlfImage *image)
{
  double full_operations = 0, some_operations = 0;
  g_autoptr (VlfResult) full = look (c->full, image, c->text, VLF_REUSE_OFF, &full_operations);
  g_autoptr (VlfResult) some = look (c->some, image, c->text, VLF_REUSE_APPROXIMATE, &some_operations);
  const VlfPromptResult *a = &full->prompts[0], *b = &some->prompts[0];

  if (c->frames++ == 0)
    return;
  c->full_operations += full_operations;
  c->some_operations += some_operations;
  c->worst = MIN (c->worst, cosine (a, b));
  c->unmoved += a->peak_x == b->peak_x && a->peak_y == b->peak_y;
  c->reusing += some->reused > 0;
}

static GstPadProbeReturn
take_frame (GstPad *pad, GstPadProbeInfo *probe, gpointer data)
{
  Comparison *c = data;
  g_autoptr (GstCaps) caps = gst_pad_get_current_caps (pad);
  g_autoptr (GError) error = NULL;
  GstVlFrame frame = { 0 };
  GstVideoInfo info;

  g_assert_true (gst_video_info_from_caps (&info, caps));
  g_assert_true (gst_vl_frame_map (&frame, &info, GST_PAD_PROBE_INFO_BUFFER (probe), &error));
  compare (c, &frame.image);
  gst_vl_frame_clear (&frame);
  return GST_PAD_PROBE_OK;
}

/* Until the clip ends. */
static void
play (const gchar *file, Comparison *c)
{
  g_autofree gchar *description =
      g_strdup_printf ("filesrc location=%s ! decodebin ! identity name=watched ! fakesink sync=false", file);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = gst_parse_launch (description, &error);
  g_autoptr (GstElement) watched = NULL;
  g_autoptr (GstPad) pad = NULL;
  g_autoptr (GstBus) bus = NULL;
  g_autoptr (GstMessage) message = NULL;

  g_assert_no_error (error);
  watched = gst_bin_get_by_name (GST_BIN (pipeline), "watched");
  pad = gst_element_get_static_pad (watched, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, take_frame, c, NULL);
  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  g_assert_no_error (error);
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

static void
test_clip (gconstpointer data)
{
  const Clip *clip = data;
  Comparison c;
  guint n;

  if (!g_file_test (clip->file, G_FILE_TEST_EXISTS)) {
    g_test_skip ("the clip is not there; Debian's opencv-doc has it");
    return;
  }
  comparison_open (&c, clip->prompt);
  play (clip->file, &c);
  n = c.frames - 1;
  g_test_message ("%u frames: %.2f times fewer operations, cosine at least %.4f, %.1f %% of the peaks unmoved", n,
                  c.full_operations / c.some_operations, c.worst, 100.0 * c.unmoved / n);
  g_assert_cmpuint (n, >=, LEAST_FRAMES);
  g_assert_cmpuint (c.reusing, >, n / 2);
  g_assert_cmpfloat (c.full_operations / c.some_operations, >=, FEWER_OPERATIONS);
  g_assert_cmpfloat (c.worst, >=, COSINE);
  g_assert_cmpfloat ((double) c.unmoved / n, >=, PEAKS_UNMOVED);
  comparison_close (&c);
}

int
main (int argc, char **argv)
{
  static Clip clips[8];

  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_assert_cmpint (argc, >=, 5);
  model_name = argv[1];
  device_name = argv[2];
  for (guint i = 0; i < G_N_ELEMENTS (clips) && 4 + 2 * (gint) i < argc; i++) {
    g_autofree gchar *name = NULL, *path = NULL;

    clips[i] = (Clip){ argv[3 + 2 * i], argv[4 + 2 * i] };
    name = g_path_get_basename (clips[i].file);
    path = g_strdup_printf ("/reuse/%s", name);
    g_test_add_data_func (path, &clips[i], test_clip);
  }
  return g_test_run ();
}
