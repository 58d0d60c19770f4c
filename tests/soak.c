/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stream that runs for a long time, prompts changing, and what it costs: one line of CSV every ten seconds, and a verdict. See tools/soak.
 * Usage: soak live|file|slow SECONDS CSV CLIP [MODEL]. What CSV already holds of that kind counts: a run that was ended goes on. */
#include <dirent.h>
#include <gst/gst.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PERIOD  10                     /* seconds between samples */
#define WARM_UP 60                     /* seconds of each run that do not count */
#define LEAST   (WARM_UP + 3 * PERIOD) /* seconds of a run that can be judged */
#define GROWTH  0.02 /* of the resident memory, from the first third to the last, that still counts as flat */
#define SLACK   4096 /* KiB: the same for what is small */
#define HEADER  "kind,run,second,frames,rss_kib,descriptors,threads,p50_us,p95_us,p99_us,cpu_ms,held_up\n"

#define CAMERA_RATE 30                             /* frames a second of kind slow */
#define ONE_FRAME   (G_USEC_PER_SEC / CAMERA_RATE) /* what vlfusion may add to a frame's way there */
#define ALLOWED     0.01                           /* share of the frames that may take longer, or not come */

typedef enum { KIND_LIVE, KIND_FILE, KIND_SLOW } Kind;
static const gchar *const kinds[] = { "live", "file", "slow" };

typedef struct {
  guint second, frames, descriptors, threads, p50, p95, p99;
  guint cpu;     /* milliseconds of the processors, of all threads */
  guint held_up; /* frames that were longer than ONE_FRAME in vlfusion */
  guint64 rss;
} Sample;

typedef struct {
  GMainLoop *loop;
  GstElement *pipeline, *fusion;
  Kind kind;
  guint64 cpu; /* at the last sample, milliseconds */
  guint run, second, end, prompt;
  FILE *csv;
  GArray *samples; /* of Sample, of this run */
  gboolean failed;

  GMutex lock;         /* of the rest: frames on their way through vlfusion */
  GHashTable *entered; /* PTS -> monotonic time */
  GArray *latencies;   /* of guint, microseconds */
} Soak;

/* What the process holds. */

static guint
count_entries (const gchar *path)
{
  DIR *dir = opendir (path);
  guint n = 0;

  while (dir && readdir (dir))
    n++;
  if (dir)
    closedir (dir);
  return n;
}

static guint64
resident_kib (void)
{
  g_autofree gchar *text = NULL;
  gchar **fields;
  guint64 pages = 0;

  if (!g_file_get_contents ("/proc/self/statm", &text, NULL, NULL))
    return 0;
  fields = g_strsplit (text, " ", 3);
  if (g_strv_length (fields) > 1)
    pages = g_ascii_strtoull (fields[1], NULL, 10);
  g_strfreev (fields);
  return pages * (guint64) sysconf (_SC_PAGESIZE) / 1024;
}

static guint64
processor_ms (void)
{
  struct rusage used;

  getrusage (RUSAGE_SELF, &used);
  return (guint64) (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
         (guint64) (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

/* Latency of frames. */

static GstPadProbeReturn
on_enter (GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
  Soak *soak = user;
  gint64 *now = g_new (gint64, 1);
  guint64 *pts = g_new (guint64, 1);

  (void) pad;
  *now = g_get_monotonic_time ();
  *pts = GST_BUFFER_PTS (GST_PAD_PROBE_INFO_BUFFER (info));
  g_mutex_lock (&soak->lock);
  g_hash_table_replace (soak->entered, pts, now);
  g_mutex_unlock (&soak->lock);
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
on_leave (GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
  Soak *soak = user;
  guint64 pts = GST_BUFFER_PTS (GST_PAD_PROBE_INFO_BUFFER (info));
  const gint64 *entered;

  (void) pad;
  g_mutex_lock (&soak->lock);
  entered = g_hash_table_lookup (soak->entered, &pts);
  if (entered) {
    guint took = (guint) (g_get_monotonic_time () - *entered);

    g_array_append_val (soak->latencies, took);
    g_hash_table_remove (soak->entered, &pts);
  }
  g_mutex_unlock (&soak->lock);
  return GST_PAD_PROBE_OK;
}

static int
compare (const void *a, const void *b)
{
  return (*(const guint *) a > *(const guint *) b) - (*(const guint *) a < *(const guint *) b);
}

static guint
percentile (const GArray *sorted, guint percent)
{
  return sorted->len ? g_array_index (sorted, guint, (guint64) (sorted->len - 1) * percent / 100) : 0;
}

/* Once a period. */

static void
take_sample (Soak *soak)
{
  Sample s = { .second = soak->second };

  g_mutex_lock (&soak->lock);
  qsort (soak->latencies->data, soak->latencies->len, sizeof (guint), compare);
  s.frames = soak->latencies->len;
  s.p50 = percentile (soak->latencies, 50);
  s.p95 = percentile (soak->latencies, 95);
  s.p99 = percentile (soak->latencies, 99);
  for (guint i = s.frames; i > 0 && g_array_index (soak->latencies, guint, i - 1) > ONE_FRAME; i--)
    s.held_up++;
  g_array_set_size (soak->latencies, 0);
  g_mutex_unlock (&soak->lock);
  s.cpu = (guint) (processor_ms () - soak->cpu);
  soak->cpu += s.cpu;
  s.rss = resident_kib ();
  s.descriptors = count_entries ("/proc/self/fd");
  s.threads = count_entries ("/proc/self/task");
  g_array_append_val (soak->samples, s);
  fprintf (soak->csv, "%s,%u,%u,%u,%" G_GUINT64_FORMAT ",%u,%u,%u,%u,%u,%u,%u\n", kinds[soak->kind], soak->run,
           s.second, s.frames, s.rss, s.descriptors, s.threads, s.p50, s.p95, s.p99, s.cpu, s.held_up);
  fflush (soak->csv);
}

static void
change_prompts (Soak *soak)
{
  static const gchar *const prompts[] = { "a red circle", "a blue square\na green triangle", "a [yellow] (star:2)",
                                          "the largest shape left of a circle" };
  g_autofree gchar *numbered =
      g_strdup_printf ("%s\nnumber %u", prompts[soak->prompt % G_N_ELEMENTS (prompts)], soak->prompt);

  soak->prompt++;
  g_object_set (soak->fusion, "prompt", numbered, "prompt-markup", soak->prompt % 2 == 0, NULL);
}

static gboolean
on_second (gpointer user)
{
  Soak *soak = user;

  soak->second++;
  if (soak->second % 2 == 0)
    change_prompts (soak);
  if (soak->second % PERIOD == 0)
    take_sample (soak);
  if (soak->second >= soak->end)
    g_main_loop_quit (soak->loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user)
{
  Soak *soak = user;
  g_autoptr (GError) error = NULL;

  (void) bus;
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, NULL);
    g_printerr ("soak: %s: %s\n", GST_MESSAGE_SRC_NAME (message), error->message);
    soak->failed = TRUE;
    g_main_loop_quit (soak->loop);
  } else if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS) { /* a file begins again */
    gst_element_seek_simple (soak->pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0);
  }
  return G_SOURCE_CONTINUE;
}

/* The verdict: of what is after the warm-up, the last third against the first. */

static guint64
largest (const Soak *soak, guint first, guint last, gsize field)
{
  guint64 most = 0;

  for (guint i = first; i < last; i++) {
    const Sample *s = &g_array_index (soak->samples, Sample, i);
    guint64 value = field == G_STRUCT_OFFSET (Sample, rss) ? s->rss : G_STRUCT_MEMBER (guint, s, field);

    most = MAX (most, value);
  }
  return most;
}

static gboolean
is_flat (const Soak *soak, const gchar *name, gsize field, double growth, guint64 slack)
{
  guint warm = WARM_UP / PERIOD, n = soak->samples->len > warm ? soak->samples->len - warm : 0;
  guint64 before = largest (soak, warm, warm + n / 3, field), after = largest (soak, warm + n - n / 3, warm + n, field);
  gboolean flat = n >= 3 && (double) after <= (double) before * (1 + growth) + (double) slack;

  g_print ("%s: %" G_GUINT64_FORMAT " in the first third, %" G_GUINT64_FORMAT " in the last: %s\n", name, before, after,
           n < 3  ? "too short to tell"
           : flat ? "flat"
                  : "GROWS");
  return flat;
}

/* Of what is after the warm-up. */
static guint64
sum (const Soak *soak, gsize field)
{
  guint64 total = 0;

  for (guint i = WARM_UP / PERIOD; i < soak->samples->len; i++)
    total += G_STRUCT_MEMBER (guint, &g_array_index (soak->samples, Sample, i), field);
  return total;
}

/* What a slow model may do to a fast camera: nothing. */
static gboolean
keeps_up (const Soak *soak)
{
  guint64 frames = sum (soak, G_STRUCT_OFFSET (Sample, frames)),
          held_up = sum (soak, G_STRUCT_OFFSET (Sample, held_up));
  guint warm = WARM_UP / PERIOD, seconds = soak->samples->len > warm ? (soak->samples->len - warm) * PERIOD : 0;
  gboolean good = seconds > 0 && (gdouble) frames >= CAMERA_RATE * (1 - ALLOWED) * seconds &&
                  (gdouble) held_up <= ALLOWED * (gdouble) frames;

  g_print ("frames a second out: %.3f of %d; longer than a frame in vlfusion: %" G_GUINT64_FORMAT
           " of %" G_GUINT64_FORMAT ": %s\n",
           (gdouble) frames / MAX (seconds, 1), CAMERA_RATE, held_up, frames, good ? "keeps up" : "DOES NOT KEEP UP");
  return good;
}

static void
tell_costs (const Soak *soak)
{
  static const gchar *const times[] = { "inference-p50", "inference-p99", "passage-p50",
                                        "passage-p99",   "age-p50",       "age-p99" };
  guint warm = WARM_UP / PERIOD, seconds = soak->samples->len > warm ? (soak->samples->len - warm) * PERIOD : 1;
  GstStructure *stats;
  guint64 value;

  g_object_get (soak->fusion, "stats", &stats, NULL);
  g_print ("processor: %.2f of a core", (gdouble) sum (soak, G_STRUCT_OFFSET (Sample, cpu)) / (1000.0 * seconds));
  if (gst_structure_get_uint64 (stats, "inferences", &value))
    g_print ("; %" G_GUINT64_FORMAT " inferences; ms:", value);
  for (guint i = 0; i < G_N_ELEMENTS (times); i++)
    if (gst_structure_get_uint64 (stats, times[i], &value))
      g_print (" %s %.2f", times[i], (gdouble) value / GST_MSECOND);
  g_print ("\n");
  gst_structure_free (stats);
}

static gboolean
verdict (const Soak *soak)
{
  gboolean good = !soak->failed;

  good &= is_flat (soak, "resident KiB", G_STRUCT_OFFSET (Sample, rss), GROWTH, SLACK);
  good &= is_flat (soak, "descriptors", G_STRUCT_OFFSET (Sample, descriptors), 0, 0);
  good &= is_flat (soak, "threads", G_STRUCT_OFFSET (Sample, threads), 0, 0);
  is_flat (soak, "p99 latency us", G_STRUCT_OFFSET (Sample, p99), 0.05,
           0); /* told; other load on the machine moves it */
  if (soak->kind == KIND_SLOW)
    good &= keeps_up (soak);
  tell_costs (soak);
  g_print ("soak %s, run %u, %u s: %s\n", kinds[soak->kind], soak->run, soak->second, good ? "good" : "NOT GOOD");
  return good;
}

/* Runs and seconds of @kind that @path holds. */
static guint
read_past (const gchar *path, const gchar *kind, guint *runs)
{
  g_autofree gchar *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint n = 0;

  *runs = 0;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  lines = g_strsplit (text, "\n", -1);
  for (gchar **line = lines; *line; line++) {
    if (!g_str_has_prefix (*line, kind))
      continue;
    n++;
    *runs = (guint) MAX (*runs, g_ascii_strtoull (strchr (*line, ',') + 1, NULL, 10));
  }
  return n * PERIOD;
}

/* Frames wait for results of a file's, not of a live source's: there each carries the newest that there is. */
static GstElement *
make_pipeline (Kind kind, const gchar *clip, const gchar *model)
{
  g_autofree gchar *source = kind == KIND_FILE
                                 ? g_strdup_printf ("filesrc location=\"%s\" ! decodebin ! videoconvert", clip)
                                 : g_strdup_printf ("videotestsrc is-live=true pattern=ball ! "
                                                    "video/x-raw,width=1920,height=1080,framerate=%d/1",
                                                    kind == KIND_SLOW ? CAMERA_RATE : CAMERA_RATE / 2);
  g_autofree gchar *launch = g_strdup_printf (
      "%s ! vlfusion name=f model=\"%s\" prompt=\"a red circle\" ! vloverlay ! fakesink sync=true", source, model);
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (launch, &error);

  if (error)
    g_error ("soak: %s", error->message);
  return pipeline;
}

/* FALSE: there is no such kind. */
static gboolean
read_kind (const gchar *name, Kind *kind)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (name, kinds[i]) == 0) {
      *kind = (Kind) i;
      return TRUE;
    }
  return FALSE;
}

static void
watch_pad (Soak *soak, const gchar *name, GstPadProbeCallback callback)
{
  GstPad *pad = gst_element_get_static_pad (soak->fusion, name);

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, callback, soak, NULL);
  gst_object_unref (pad);
}

static void
play (Soak *soak)
{
  GstBus *bus = gst_element_get_bus (soak->pipeline);
  guint watch = gst_bus_add_watch (bus, on_message, soak), timer = g_timeout_add_seconds (1, on_second, soak);

  gst_element_set_state (soak->pipeline, GST_STATE_PLAYING);
  g_main_loop_run (soak->loop);
  gst_element_set_state (soak->pipeline, GST_STATE_NULL);
  g_source_remove (timer);
  g_source_remove (watch);
  gst_object_unref (bus);
}

int
main (int argc, char **argv)
{
  Soak soak = { 0 };
  guint past, wanted;
  gboolean fresh, good;

  gst_init (&argc, &argv);
  if (argc < 5 || argc > 6 || !read_kind (argv[1], &soak.kind)) {
    g_printerr ("usage: %s live|file|slow SECONDS CSV CLIP [MODEL]\n", argv[0]);
    return 2;
  }
  wanted = (guint) g_ascii_strtoull (argv[2], NULL, 10);
  past = read_past (argv[3], argv[1], &soak.run);
  soak.run++;
  if (past >= wanted) {
    g_print ("%s has %u of %u seconds: nothing is left to do\n", argv[3], past, wanted);
    return 0;
  }
  soak.end = MAX (wanted - past, MIN (wanted, LEAST));
  fresh = !g_file_test (argv[3], G_FILE_TEST_EXISTS);
  soak.csv = fopen (argv[3], "a");
  if (!soak.csv)
    g_error ("soak: cannot write %s", argv[3]);
  if (fresh)
    fputs (HEADER, soak.csv);
  soak.samples = g_array_new (FALSE, FALSE, sizeof (Sample));
  soak.latencies = g_array_new (FALSE, FALSE, sizeof (guint));
  soak.entered = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  soak.loop = g_main_loop_new (NULL, FALSE);
  soak.pipeline = make_pipeline (soak.kind, argv[4], argc == 6 ? argv[5] : "");
  soak.fusion = gst_bin_get_by_name (GST_BIN (soak.pipeline), "f");
  watch_pad (&soak, "sink", on_enter);
  watch_pad (&soak, "src", on_leave);
  play (&soak);
  good = verdict (&soak);

  gst_object_unref (soak.fusion);
  gst_object_unref (soak.pipeline);
  g_main_loop_unref (soak.loop);
  g_hash_table_unref (soak.entered);
  g_array_unref (soak.latencies);
  g_array_unref (soak.samples);
  fclose (soak.csv);
  return good ? 0 : 1;
}
