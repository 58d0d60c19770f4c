/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Seeks of every kind through a whole pipeline, file to sink: frames come out in the order and at the running times that were asked for,
 * and each carries its own result. 300 frames of JPEG, 15 a second, so that every frame is a key unit.
 *   seeks FILE MODEL */
#include "plugin/lib/vlfusion.h"
#include "tests/folder.h"

#define RATE 15
#define SKEW GST_MSECOND /* of times that demuxer and segment round */

typedef struct {
  GstElement *pipeline;
  GMutex lock; /* guards what follows: frames come on the stream's thread */
  GArray *pts, *running;
  guint foreign; /* frames with another frame's result, or none */
} Play;

static const gchar *file, *model;

static GstClockTime
time_of (guint frame)
{
  return gst_util_uint64_scale (frame, GST_SECOND, RATE);
}

static gboolean
has_own_result (GstBuffer *buffer)
{
  GstVlMeta *meta = gst_buffer_get_vl_meta (buffer, NULL, GST_VL_KIND_FUSION);

  return meta && !meta->carried && gst_vl_result_get_source_pts (meta->result) == GST_BUFFER_PTS (buffer) &&
         gst_vl_result_get_n_prompts (meta->result) == 1;
}

static GstPadProbeReturn
frame_out (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Play *play = data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  g_autoptr (GstEvent) event = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);
  const GstSegment *segment;
  GstClockTime running;

  g_assert_nonnull (event);
  gst_event_parse_segment (event, &segment);
  running = gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  if (segment->rate < 0) /* what is shown first backwards is a frame's end */
    running =
        gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer) + GST_BUFFER_DURATION (buffer));
  g_mutex_lock (&play->lock);
  g_array_append_val (play->pts, GST_BUFFER_PTS (buffer));
  g_array_append_val (play->running, running);
  play->foreign += !has_own_result (buffer);
  g_mutex_unlock (&play->lock);
  return GST_PAD_PROBE_OK;
}

/* The demuxer's message says that it has read a segment, which the last frames are not through with. This one says that they are. */
static GstPadProbeReturn
event_out (GstPad *pad G_GNUC_UNUSED, GstPadProbeInfo *info, gpointer data)
{
  Play *play = data;
  GstObject *source = GST_OBJECT (play->pipeline);

  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_SEGMENT_DONE)
    gst_element_post_message (play->pipeline, gst_message_new_application (source, gst_structure_new_empty ("done")));
  return GST_PAD_PROBE_OK;
}

/* Waits for one of @types; an error fails the test with what it says. */
static void
wait_for (Play *play, GstMessageType types)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (play->pipeline);
  g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (bus, 120 * GST_SECOND, types | GST_MESSAGE_ERROR);
  g_autoptr (GError) error = NULL;

  g_assert_nonnull (message);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  g_assert_no_error (error);
}

static void
play_open (Play *play)
{
  g_autofree gchar *description = g_strdup_printf (
      "filesrc location=%s ! avidemux ! jpegdec ! videoconvert ! vlfusion name=fusion model=%s prompt=word ! "
      "vloverlay ! fakesink sync=false",
      file, model);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) fusion = NULL;
  g_autoptr (GstPad) pad = NULL;

  *play = (Play){ .pts = g_array_new (FALSE, FALSE, sizeof (GstClockTime)),
                  .running = g_array_new (FALSE, FALSE, sizeof (GstClockTime)) };
  g_mutex_init (&play->lock);
  play->pipeline = gst_parse_launch (description, &error);
  g_assert_no_error (error);
  fusion = gst_bin_get_by_name (GST_BIN (play->pipeline), "fusion");
  pad = gst_element_get_static_pad (fusion, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, frame_out, play, NULL);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, event_out, play, NULL);
  gst_element_set_state (play->pipeline, GST_STATE_PAUSED);
  wait_for (play, GST_MESSAGE_ASYNC_DONE);
}

static void
play_close (Play *play)
{
  gst_element_set_state (play->pipeline, GST_STATE_NULL);
  gst_object_unref (play->pipeline);
  g_array_unref (play->pts);
  g_array_unref (play->running);
  g_mutex_clear (&play->lock);
}

static void
forget_frames (Play *play)
{
  g_mutex_lock (&play->lock);
  g_array_set_size (play->pts, 0);
  g_array_set_size (play->running, 0);
  g_mutex_unlock (&play->lock);
}

/* From frame @first up to @last, which is not shown. */
static void
seek (Play *play, gdouble rate, GstSeekFlags flags, GstClockTime first, GstClockTime last)
{
  g_assert_true (gst_element_seek (play->pipeline, rate, GST_FORMAT_TIME, flags, GST_SEEK_TYPE_SET, (gint64) first,
                                   GST_SEEK_TYPE_SET, (gint64) last));
}

/* From PAUSED, to the end of what was asked for; the frame that the pipeline prerolled with counts once. */
static void
seek_and_play (Play *play, gdouble rate, GstSeekFlags flags, GstClockTime first, GstClockTime last)
{
  forget_frames (play);
  seek (play, rate, flags, first, last);
  wait_for (play, GST_MESSAGE_ASYNC_DONE);
  gst_element_set_state (play->pipeline, GST_STATE_PLAYING);
  wait_for (play, GST_MESSAGE_EOS);
}

static void
assert_near (GstClockTime found, GstClockTime expected)
{
  g_assert_cmpuint (found + SKEW, >=, expected);
  g_assert_cmpuint (found, <=, expected + SKEW);
}

/* @n frames, the @i-th of them frame @first + @i * @step of the file, shown @i * @period after @start. */
static void
assert_frames (Play *play, guint n, guint first, gint step, GstClockTime start, GstClockTime period)
{
  g_assert_cmpuint (play->pts->len, ==, n);
  for (guint i = 0; i < n; i++) {
    assert_near (g_array_index (play->pts, GstClockTime, i), time_of ((guint) ((gint) first + (gint) i * step)));
    assert_near (g_array_index (play->running, GstClockTime, i), start + i * period);
  }
  g_assert_cmpuint (play->foreign, ==, 0);
}

static void
test_accurate (void)
{
  Play play;

  play_open (&play);
  seek_and_play (&play, 1, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, time_of (60), time_of (80));
  assert_frames (&play, 20, 60, 1, 0, time_of (1));
  play_close (&play);
}

/* Between two frames: back to the one before. */
static void
test_key_unit (void)
{
  Play play;

  play_open (&play);
  seek_and_play (&play, 1, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT, time_of (61) - 20 * GST_MSECOND, time_of (70));
  assert_frames (&play, 10, 60, 1, 0, time_of (1));
  play_close (&play);
}

static void
test_reverse (void)
{
  Play play;

  play_open (&play);
  seek_and_play (&play, -1, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, time_of (40), time_of (60));
  assert_frames (&play, 20, 59, -1, 0, time_of (1));
  play_close (&play);
}

/* Twice as fast backwards, then forwards again from the same place: nothing of the way back is left. */
static void
test_turn (void)
{
  Play play;

  play_open (&play);
  seek_and_play (&play, -2, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, time_of (40), time_of (60));
  assert_frames (&play, 20, 59, -1, 0, time_of (1) / 2);
  gst_element_set_state (play.pipeline, GST_STATE_PAUSED);
  seek_and_play (&play, 1, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, time_of (40), time_of (50));
  assert_frames (&play, 10, 40, 1, 0, time_of (1));
  play_close (&play);
}

/* A loop without a flush: running time goes on where the round before ended. */
static void
test_segments (void)
{
  const GstSeekFlags flags = GST_SEEK_FLAG_SEGMENT | GST_SEEK_FLAG_ACCURATE;
  Play play;

  play_open (&play);
  forget_frames (&play);
  seek (&play, 1, GST_SEEK_FLAG_FLUSH | flags, time_of (30), time_of (40));
  gst_element_set_state (play.pipeline, GST_STATE_PLAYING);
  for (guint round = 0; round < 3; round++) {
    wait_for (&play, GST_MESSAGE_APPLICATION);
    assert_frames (&play, 10, 30, 1, round * time_of (10), time_of (1));
    forget_frames (&play);
    seek (&play, 1, round < 2 ? flags : flags & ~GST_SEEK_FLAG_SEGMENT, time_of (30), time_of (40));
  }
  wait_for (&play, GST_MESSAGE_EOS);
  assert_frames (&play, 10, 30, 1, 3 * time_of (10), time_of (1));
  play_close (&play);
}

/* ---- texts of a loop ---- */

#define ROUNDS 4
#define TEXTS  6 /* of a round, half a second each */

/* The film as Matroska, which can be sought without a flush while its last frames are in flight, and subtitles. */
static void
make_files (const gchar *film, const gchar *folder)
{
  g_autofree gchar *description =
      g_strdup_printf ("filesrc location=%s ! avidemux ! matroskamux ! filesink location=%s", file, film);
  g_autoptr (GString) subtitles = g_string_new (NULL);
  Play play = { .pipeline = gst_parse_launch (description, NULL) };

  gst_element_set_state (play.pipeline, GST_STATE_PLAYING);
  wait_for (&play, GST_MESSAGE_EOS);
  gst_element_set_state (play.pipeline, GST_STATE_NULL);
  gst_object_unref (play.pipeline);
  for (guint i = 0; i < TEXTS + 4; i++)
    g_string_append_printf (subtitles, "%u\n00:00:%02u,%03u --> 00:00:%02u,%03u\ntext %u\n\n", i + 1, i / 2,
                            i % 2 * 500, (i + 1) / 2, (i + 1) % 2 * 500, i);
  folder_put (folder, "texts.srt", subtitles->str, -1);
}

static GstPadProbeReturn
frame_with_text (GstPad *pad G_GNUC_UNUSED, GstPadProbeInfo *info, gpointer data)
{
  Play *play = data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstVlMeta *meta = gst_buffer_get_vl_meta (buffer, NULL, GST_VL_KIND_FUSION);
  g_autofree gchar *expected = g_strdup_printf ("text %u", (guint) (GST_BUFFER_PTS (buffer) / (GST_SECOND / 2)));

  g_array_append_val (play->pts, GST_BUFFER_PTS (buffer));
  play->foreign += !meta || gst_vl_result_get_n_prompts (meta->result) != 1 ||
                   !g_str_equal (gst_vl_result_get_text (meta->result, 0), expected);
  return GST_PAD_PROBE_OK;
}

/* The source of texts is done with the next round's seek long before the last frames of this one have come. */
static void
test_texts_in_loop (void)
{
  const GstSeekFlags flags = GST_SEEK_FLAG_SEGMENT | GST_SEEK_FLAG_ACCURATE;
  const GstClockTime last = TEXTS * GST_SECOND / 2;
  gchar *folder = folder_new ();
  g_autofree gchar *film = g_build_filename (folder, "film.mkv", NULL);
  g_autofree gchar *description = g_strdup_printf (
      "filesrc location=%s ! matroskademux ! queue ! jpegdec ! videoconvert ! vlfusion name=fusion model=%s "
      "text-timeout=60000000000 ! fakesink sync=false  filesrc location=%s/texts.srt ! subparse ! fusion.text_0",
      film, model, folder);
  Play play = { .pts = g_array_new (FALSE, FALSE, sizeof (GstClockTime)) };
  g_autoptr (GstElement) fusion = NULL;
  g_autoptr (GstPad) pad = NULL;

  make_files (film, folder);
  play.pipeline = gst_parse_launch (description, NULL);
  fusion = gst_bin_get_by_name (GST_BIN (play.pipeline), "fusion");
  pad = gst_element_get_static_pad (fusion, "src");
  gst_element_set_state (play.pipeline, GST_STATE_PAUSED);
  wait_for (&play, GST_MESSAGE_ASYNC_DONE);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, frame_with_text, &play, NULL);
  seek (&play, 1, GST_SEEK_FLAG_FLUSH | flags, 0, last);
  gst_element_set_state (play.pipeline, GST_STATE_PLAYING);
  for (guint round = 1; round < ROUNDS; round++) {
    wait_for (&play, GST_MESSAGE_SEGMENT_DONE);
    seek (&play, 1, round + 1 < ROUNDS ? flags : flags & ~GST_SEEK_FLAG_SEGMENT, 0, last);
  }
  wait_for (&play, GST_MESSAGE_EOS);
  gst_element_set_state (play.pipeline, GST_STATE_NULL);
  g_assert_cmpuint (play.pts->len, >=, ROUNDS * RATE * TEXTS / 2);
  g_assert_cmpuint (play.foreign, ==, 0);
  gst_object_unref (play.pipeline);
  g_array_unref (play.pts);
  folder_remove (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_assert_cmpint (argc, ==, 3);
  file = argv[1];
  model = argv[2];
  g_test_add_func ("/seeks/accurate", test_accurate);
  g_test_add_func ("/seeks/key-unit", test_key_unit);
  g_test_add_func ("/seeks/reverse", test_reverse);
  g_test_add_func ("/seeks/turn", test_turn);
  g_test_add_func ("/seeks/segments", test_segments);
  g_test_add_func ("/seeks/texts-in-loop", test_texts_in_loop);
  return g_test_run ();
}
