/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks a camera or a file what you type, while it plays: each line is a new prompt (a literal \n separates several), Ctrl-D or Ctrl-C ends.
 *   vlf-live [--prompt TEXT] [--model MODEL] [--markup] [FILE | --test]
 * Uses what GStreamer and the plugin install, nothing else:
 *   cc vlf-live.c -o vlf-live $(pkg-config --cflags --libs gstreamer-1.0) */
#include <gst/gst.h>
#include <glib-unix.h>
#include <unistd.h>

static gchar *prompt = NULL, *model = NULL;
static gchar **files = NULL;
static gboolean test = FALSE, markup = FALSE;

static const GOptionEntry options[] = {
  { "prompt", 'p', 0, G_OPTION_ARG_STRING, &prompt, "What to look for at first", "TEXT" },
  { "model", 'm', 0, G_OPTION_ARG_STRING, &model, "A model's directory or name", "MODEL" },
  { "markup", 0, 0, G_OPTION_ARG_NONE, &markup, "Read (word:1.5) and [word] in prompts", NULL },
  { "test", 0, 0, G_OPTION_ARG_NONE, &test, "A test picture until the input ends, shown nowhere", NULL },
  { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, "[FILE]" },
  { NULL }
};

typedef struct {
  GMainLoop *loop;
  GstElement *pipeline, *fusion;
  guint64 generation; /* of the prompts that were printed last */
  int status;
} App;

static GstElement *
make_pipeline (GError **error)
{
  const gchar *source = "autovideosrc", *sink = "autovideosink";
  g_autofree gchar *launch = NULL;

  if (test) {
    source = "videotestsrc pattern=ball is-live=true ! video/x-raw,width=320,height=240,framerate=15/1";
    sink = "fakesink sync=true";
  } else if (files) {
    source = "filesrc name=file ! decodebin";
  }
  launch = g_strdup_printf (
      "%s ! videoconvert ! vlfusion name=fusion post-messages=true ! vloverlay ! videoconvert ! %s", source, sink);
  return gst_parse_launch_full (launch, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
}

static gboolean
set_up (App *app, GError **error)
{
  g_autoptr (GstElement) file = NULL;

  if (!(app->pipeline = make_pipeline (error)))
    return FALSE;
  app->fusion = gst_bin_get_by_name (GST_BIN (app->pipeline), "fusion");
  g_object_set (app->fusion, "prompt", prompt, "prompt-markup", markup, NULL);
  if (model)
    g_object_set (app->fusion, "model", model, NULL);
  file = gst_bin_get_by_name (GST_BIN (app->pipeline), "file");
  if (file)
    g_object_set (file, "location", files[0], NULL);
  return TRUE;
}

/* "0.93 a red circle" for each prompt. On a terminal the line is written over; else one line for each new list. */
static void
show_result (App *app, const GstStructure *result)
{
  gboolean terminal = isatty (STDOUT_FILENO);
  guint64 generation = 0;
  guint n = 0;

  gst_structure_get (result, "generation", G_TYPE_UINT64, &generation, "n-prompts", G_TYPE_UINT, &n, NULL);
  if (!terminal && generation == app->generation)
    return;
  app->generation = generation;
  g_print ("%s", terminal ? "\r\033[K" : "");
  for (guint i = 0; i < n; i++) {
    g_autofree gchar *text = g_strdup_printf ("text-%u", i), *match = g_strdup_printf ("match-%u", i);
    const gchar *asked = gst_structure_get_string (result, text);
    gdouble value;

    if (!asked) /* the message tells only so many */
      break;
    if (gst_structure_get_double (result, match, &value)) /* a model may have no probability to give */
      g_print ("%.2f ", value);
    g_print ("%s   ", asked);
  }
  g_print ("%s", terminal ? "" : "\n");
}

static void
fail (App *app, GstMessage *message)
{
  g_autoptr (GError) error = NULL;

  gst_message_parse_error (message, &error, NULL);
  g_printerr ("vlf-live: %s\n", error->message);
  app->status = 1;
  g_main_loop_quit (app->loop);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user)
{
  App *app = user;

  (void) bus;
  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_EOS: g_main_loop_quit (app->loop); break;
  case GST_MESSAGE_ERROR: fail (app, message); break;
  case GST_MESSAGE_LATENCY: gst_bin_recalculate_latency (GST_BIN (app->pipeline)); break;
  case GST_MESSAGE_ELEMENT:
    if (gst_message_has_name (message, "vlfusion"))
      show_result (app, gst_message_get_structure (message));
    break;
  default: break;
  }
  return G_SOURCE_CONTINUE;
}

/* A line is what is asked from the next frame on. At the end of the input: on a terminal the user wants to go, else nobody is typing. */
static gboolean
on_line (GIOChannel *input, GIOCondition condition, gpointer user)
{
  App *app = user;
  g_autofree gchar *line = NULL, *text = NULL;

  (void) condition;
  if (g_io_channel_read_line (input, &line, NULL, NULL, NULL) == G_IO_STATUS_NORMAL) {
    text = g_utf8_make_valid (line, -1);
    g_object_set (app->fusion, "prompt", g_strchomp (text), NULL);
    return G_SOURCE_CONTINUE;
  }
  if (isatty (STDIN_FILENO) || test)
    g_main_loop_quit (app->loop);
  return G_SOURCE_REMOVE;
}

static gboolean
on_interrupt (gpointer user)
{
  g_main_loop_quit (((App *) user)->loop);
  return G_SOURCE_CONTINUE;
}

static void
play (App *app)
{
  g_autoptr (GIOChannel) input = g_io_channel_unix_new (STDIN_FILENO);
  g_autoptr (GstBus) bus = gst_element_get_bus (app->pipeline);

  g_io_channel_set_encoding (input, NULL, NULL); /* as it comes: what is not UTF-8 is no end of the input */
  app->loop = g_main_loop_new (NULL, FALSE);
  gst_bus_add_watch (bus, on_message, app);
  g_io_add_watch (input, G_IO_IN | G_IO_HUP, on_line, app);
  g_unix_signal_add (SIGINT, on_interrupt, app);
  gst_element_set_state (app->pipeline, GST_STATE_PLAYING);
  g_main_loop_run (app->loop);
  gst_element_set_state (app->pipeline, GST_STATE_NULL);
  gst_bus_remove_watch (bus);
  g_main_loop_unref (app->loop);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("- asks a video what you type");
  g_autoptr (GError) error = NULL;
  App app = { 0 };

  g_option_context_add_main_entries (context, options, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("vlf-live: %s\n", error->message);
    return 2;
  }
  if (!set_up (&app, &error)) {
    g_printerr ("vlf-live: %s\n", error->message);
    return 1;
  }
  play (&app);
  gst_object_unref (app.fusion);
  gst_object_unref (app.pipeline);
  return app.status;
}
