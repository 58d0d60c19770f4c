/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real footage through vlfusion: every frame comes out, in order, bit for bit as it went in, with a result of its own.
 *   realvideo FOLDER MODEL    FOLDER has vtest.avi and Megamind.avi (Debian's opencv-doc); without them the tests are skipped */
#include "plugin/lib/vlfusion.h"

typedef struct {
  GstClockTime pts;
  gchar *checksum;
} Frame;

typedef struct {
  GQueue waiting; /* of Frame: went in, did not come out yet */
  guint in, out, wrong_order, changed, without_result;
} Watch;

static const gchar *folder, *model;

static gchar *
checksum_of (GstBuffer *buffer)
{
  GstMapInfo map;
  gchar *checksum;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  checksum = g_compute_checksum_for_data (G_CHECKSUM_MD5, map.data, map.size);
  gst_buffer_unmap (buffer, &map);
  return checksum;
}

static GstPadProbeReturn
frame_in (GstPad *pad G_GNUC_UNUSED, GstPadProbeInfo *info, gpointer data)
{
  Watch *watch = data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  Frame *frame = g_new0 (Frame, 1);

  frame->pts = GST_BUFFER_PTS (buffer);
  frame->checksum = checksum_of (buffer);
  g_queue_push_tail (&watch->waiting, frame);
  watch->in++;
  return GST_PAD_PROBE_OK;
}

static gboolean
has_own_result (GstBuffer *buffer)
{
  GstVlMeta *meta = gst_buffer_get_vl_meta (buffer, NULL, GST_VL_KIND_FUSION);

  return meta && !meta->carried && gst_vl_result_get_source_pts (meta->result) == GST_BUFFER_PTS (buffer) &&
         gst_vl_result_get_n_prompts (meta->result) == 2 && gst_vl_result_peek_map (meta->result, 1, NULL) != NULL;
}

static GstPadProbeReturn
frame_out (GstPad *pad G_GNUC_UNUSED, GstPadProbeInfo *info, gpointer data)
{
  Watch *watch = data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  g_autofree gchar *checksum = checksum_of (buffer);
  Frame *frame = g_queue_pop_head (&watch->waiting);

  watch->out++;
  watch->wrong_order += !frame || frame->pts != GST_BUFFER_PTS (buffer);
  watch->changed += frame && !g_str_equal (frame->checksum, checksum);
  watch->without_result += !has_own_result (buffer);
  if (frame) {
    g_free (frame->checksum);
    g_free (frame);
  }
  return GST_PAD_PROBE_OK;
}

static void
watch_pad (GstElement *pipeline, const gchar *name, GstPadProbeCallback callback, Watch *watch)
{
  g_autoptr (GstElement) element = gst_bin_get_by_name (GST_BIN (pipeline), "fusion");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (element, name);

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, callback, watch, NULL);
}

/* Until the end of the stream; an error fails the test with what it says. */
static void
play (GstElement *pipeline)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstMessage) message = NULL;
  g_autoptr (GError) error = NULL;

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
  const gchar *name = data;
  guint frames = g_str_equal (name, "vtest.avi") ? 795 : 270;
  g_autofree gchar *path = g_build_filename (folder, name, NULL);
  g_autofree gchar *description = NULL;
  g_autoptr (GstElement) pipeline = NULL;
  g_autoptr (GError) error = NULL;
  Watch watch = { .waiting = G_QUEUE_INIT };

  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_test_skip ("the clip is not there; Debian's opencv-doc has it");
    return;
  }
  description = g_strdup_printf (
      "filesrc location=%s ! decodebin ! videoconvert ! vlfusion name=fusion model=%s mode=every-frame "
      "prompt=\"someone walking\\\\na red thing\" ! fakesink sync=false",
      path, model);
  pipeline = gst_parse_launch (description, &error);
  g_assert_no_error (error);
  watch_pad (pipeline, "sink", frame_in, &watch);
  watch_pad (pipeline, "src", frame_out, &watch);
  play (pipeline);
  g_assert_cmpuint (watch.in, ==, frames);
  g_assert_cmpuint (watch.out, ==, frames);
  g_assert_cmpuint (watch.wrong_order, ==, 0);
  g_assert_cmpuint (watch.changed, ==, 0);
  g_assert_cmpuint (watch.without_result, ==, 0);
  g_assert_true (g_queue_is_empty (&watch.waiting));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_assert_cmpint (argc, ==, 3);
  folder = argv[1];
  model = argv[2];
  g_test_add_data_func ("/realvideo/vtest", "vtest.avi", test_clip);
  g_test_add_data_func ("/realvideo/megamind", "Megamind.avi", test_clip);
  return g_test_run ();
}
