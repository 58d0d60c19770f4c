/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says what a camera or a file shows, while it plays, and writes it into a WebVTT file. A key asks instead:
 *   1 to 9  the questions given, or those that there are by default      0  captions again
 *   ?       type a question, Enter asks it                               q  ends
 *   vlf-caption [--question TEXT ...] [--model MODEL] [--vtt FILE] [FILE | --test]
 * Uses what GStreamer and the plugin install, nothing else (webvttenc is one of the "bad" plugins, in Debian gstreamer1.0-plugins-bad):
 *   cc vlf-caption.c -o vlf-caption $(pkg-config --cflags --libs gstreamer-1.0) */
#include <gst/gst.h>
#include <glib-unix.h>
#include <termios.h>
#include <unistd.h>

static gchar *model = NULL, *vtt = NULL;
static gchar **questions = NULL, **files = NULL;
static gboolean test = FALSE;

static const gchar *const default_questions[] = { "how many shapes are there?", "is there a circle?",
                                                  "what color is the circle?", NULL };

static const GOptionEntry options[] = {
  { "question", 'q', 0, G_OPTION_ARG_STRING_ARRAY, &questions, "What the keys 1, 2, ... ask; once for each", "TEXT" },
  { "model", 'm', 0, G_OPTION_ARG_STRING, &model, "A model's directory or name", "MODEL" },
  { "vtt", 'o', 0, G_OPTION_ARG_FILENAME, &vtt, "Where the texts go (captions.vtt)", "FILE" },
  { "test", 0, 0, G_OPTION_ARG_NONE, &test, "A test picture until the input ends, shown nowhere", NULL },
  { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, "[FILE]" },
  { NULL }
};

typedef struct {
  GMainLoop *loop;
  GstElement *pipeline, *caption;
  gchar *said;    /* what was printed last */
  GString *typed; /* a question under way, or NULL */
  gboolean ending;
  int status;
} App;

static void
set_location (GstElement *pipeline, const gchar *name, const gchar *location)
{
  g_autoptr (GstElement) element = gst_bin_get_by_name (GST_BIN (pipeline), name);

  if (element)
    g_object_set (element, "location", location, NULL);
}

static gboolean
set_up (App *app, GError **error)
{
  const gchar *source = "autovideosrc", *sink = "autovideosink";
  g_autofree gchar *launch = NULL;

  if (test) {
    source = "videotestsrc pattern=ball is-live=true ! video/x-raw,width=320,height=240,framerate=15/1";
    sink = "fakesink sync=true";
  } else if (files) {
    source = "filesrc name=file ! decodebin";
  }
  launch =
      g_strdup_printf ("%s ! videoconvert ! vlcaption name=caption post-messages=true ! vloverlay word-time=250000000 "
                       "! videoconvert ! %s  caption.text_src ! webvttenc ! filesink name=vtt",
                       source, sink);
  /* Else an element that is missing leaves a pipeline that never plays. */
  if (!(app->pipeline = gst_parse_launch_full (launch, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error)))
    return FALSE;
  app->caption = gst_bin_get_by_name (GST_BIN (app->pipeline), "caption");
  if (model)
    g_object_set (app->caption, "model", model, NULL);
  if (files)
    set_location (app->pipeline, "file", files[0]);
  set_location (app->pipeline, "vtt", vtt ? vtt : "captions.vtt");
  return TRUE;
}

/* A line for everything new. */
static void
show_result (App *app, const GstStructure *result)
{
  const gchar *question = gst_structure_get_string (result, "text-0");
  const gchar *caption = gst_structure_get_string (result, "caption-0");
  g_autofree gchar *line = NULL;

  if (!caption) /* a frame of which nothing was asked */
    return;
  line = question && *question ? g_strdup_printf ("%s %s", question, caption) : g_strdup (caption);
  if (g_strcmp0 (line, app->said) == 0)
    return;
  g_print ("%s\n", line);
  g_free (app->said);
  app->said = g_steal_pointer (&line);
}

/* The texts are whole when the end has passed through. */
static void
end (App *app)
{
  if (app->ending)
    g_main_loop_quit (app->loop);
  app->ending = TRUE;
  gst_element_send_event (app->pipeline, gst_event_new_eos ());
}

static void
report (App *app, GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING) {
    gst_message_parse_warning (message, &error, NULL);
  } else {
    gst_message_parse_error (message, &error, NULL);
    app->status = 1;
    g_main_loop_quit (app->loop);
  }
  g_printerr ("vlf-caption: %s\n", error->message);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user)
{
  App *app = user;

  (void) bus;
  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_EOS: g_main_loop_quit (app->loop); break;
  case GST_MESSAGE_ERROR:
  case GST_MESSAGE_WARNING: report (app, message); break;
  case GST_MESSAGE_LATENCY: gst_bin_recalculate_latency (GST_BIN (app->pipeline)); break;
  case GST_MESSAGE_ELEMENT:
    if (gst_message_has_name (message, "vlcaption"))
      show_result (app, gst_message_get_structure (message));
    break;
  default: break;
  }
  return G_SOURCE_CONTINUE;
}

static void
take_typed (App *app, gchar key)
{
  if (key == '\b' || key == 0x7f) { /* which edits no line where keys come as they are pressed */
    const gchar *last = g_utf8_find_prev_char (app->typed->str, app->typed->str + app->typed->len);

    g_string_truncate (app->typed, last ? (gsize) (last - app->typed->str) : 0);
    return;
  }
  if (key != '\n' && key != '\r') {
    g_string_append_c (app->typed, key);
    return;
  }
  g_object_set (app->caption, "question", app->typed->str, NULL);
  g_string_free (app->typed, TRUE);
  app->typed = NULL;
}

static void
take_key (App *app, gchar key)
{
  const gchar *const *all = questions ? (const gchar *const *) questions : default_questions;

  if (app->typed)
    take_typed (app, key);
  else if (key == '?')
    app->typed = g_string_new (NULL);
  else if (key == '0')
    g_object_set (app->caption, "question", "", NULL);
  else if (key >= '1' && (guint) (key - '1') < g_strv_length ((gchar **) all))
    g_object_set (app->caption, "question", all[key - '1'], NULL);
  else if (key == 'q')
    end (app);
}

/* At the end of the input: on a terminal the user wants to go, else nobody is typing. */
static gboolean
on_keys (gint fd, GIOCondition condition, gpointer user)
{
  gchar keys[256];
  gssize n = read (fd, keys, sizeof keys);

  (void) condition;
  for (gssize i = 0; i < n; i++)
    take_key (user, keys[i]);
  if (n > 0)
    return G_SOURCE_CONTINUE;
  if (isatty (fd) || test)
    end (user);
  return G_SOURCE_REMOVE;
}

static gboolean
on_interrupt (gpointer user)
{
  end (user);
  return G_SOURCE_CONTINUE;
}

static void
play (App *app)
{
  gboolean terminal = isatty (STDIN_FILENO);
  g_autoptr (GstBus) bus = gst_element_get_bus (app->pipeline);
  struct termios before, keys;

  if (terminal && tcgetattr (STDIN_FILENO, &before) == 0) { /* keys as they are pressed */
    keys = before;
    keys.c_lflag &= ~(tcflag_t) ICANON;
    tcsetattr (STDIN_FILENO, TCSANOW, &keys);
  }
  app->loop = g_main_loop_new (NULL, FALSE);
  gst_bus_add_watch (bus, on_message, app);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, on_keys, app);
  g_unix_signal_add (SIGINT, on_interrupt, app);
  gst_element_set_state (app->pipeline, GST_STATE_PLAYING);
  g_main_loop_run (app->loop);
  gst_element_set_state (app->pipeline, GST_STATE_NULL);
  gst_bus_remove_watch (bus);
  g_main_loop_unref (app->loop);
  if (terminal)
    tcsetattr (STDIN_FILENO, TCSANOW, &before);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("- says what a video shows");
  g_autoptr (GError) error = NULL;
  App app = { 0 };

  g_option_context_add_main_entries (context, options, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("vlf-caption: %s\n", error->message);
    return 2;
  }
  if (!set_up (&app, &error)) {
    g_printerr ("vlf-caption: %s\n", error->message);
    return 1;
  }
  play (&app);
  gst_object_unref (app.caption);
  gst_object_unref (app.pipeline);
  g_free (app.said);
  return app.status;
}
