/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What reuse saves on real footage, and what it costs: each frame once in full and once with reuse, one after the other. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "models/json.h"
#include "tools/vlf-bench.h"

/* One way to look at the video. */
typedef struct {
  VlfSession *session;
  VlfRunOptions options;
  GArray *wall, *cpu; /* double, milliseconds of each frame but the first; the processor's: of all threads together */
  double operations;  /* of those frames */
} Way;

typedef struct {
  VlfModel *model;
  VlfText *text;
  Way ways[2]; /* in full, with reuse */
  GArray *cosines, *reused;
  guint unmoved;
} Comparison;

static double
processor_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

static void
way_clear (Way *way)
{
  vlf_session_free (way->session);
  g_clear_pointer (&way->wall, g_array_unref);
  g_clear_pointer (&way->cpu, g_array_unref);
}

static void
comparison_clear (Comparison *c)
{
  for (guint i = 0; i < G_N_ELEMENTS (c->ways); i++)
    way_clear (&c->ways[i]);
  vlf_text_unref (c->text);
  vlf_model_unref (c->model);
  g_clear_pointer (&c->cosines, g_array_unref);
  g_clear_pointer (&c->reused, g_array_unref);
}

static gboolean
comparison_open (Comparison *c, const BenchOptions *o, VlfReuseMode reuse, GError **error)
{
  g_autofree gchar *directory = vlf_model_find (o->model, error);
  VlfModelOptions options = { .directory = directory, .device = o->device, .precision = o->precision };

  c->cosines = g_array_new (FALSE, FALSE, sizeof (double));
  c->reused = g_array_new (FALSE, FALSE, sizeof (double));
  c->model = directory ? vlf_model_open (&options, error) : NULL;
  c->text = c->model ? vlf_text_new (c->model, o->prompt ? o->prompt : BENCH_PROMPT, error) : NULL;
  for (guint i = 0; i < G_N_ELEMENTS (c->ways) && c->text; i++) {
    Way *way = &c->ways[i];

    way->options = (VlfRunOptions){ .reuse = i ? reuse : VLF_REUSE_OFF, .no_maps = !o->maps };
    way->wall = g_array_new (FALSE, FALSE, sizeof (double));
    way->cpu = g_array_new (FALSE, FALSE, sizeof (double));
    way->session = vlf_session_new (c->model, error);
    if (!way->session)
      return FALSE;
  }
  return c->text != NULL;
}

static VlfResult *
look (Comparison *c, Way *way, const VlfImage *frame, gboolean timed, GError **error)
{
  const double operations = vlf_session_operations (way->session), cpu = processor_ms ();
  const gint64 start = g_get_monotonic_time ();
  VlfResult *result = NULL;
  double wall, processor;

  if (!vlf_session_run (way->session, frame, 1, &c->text, 1, &way->options, &result, error))
    return NULL;
  wall = (double) (g_get_monotonic_time () - start) / 1e3;
  processor = processor_ms () - cpu;
  if (timed) {
    g_array_append_val (way->wall, wall);
    g_array_append_val (way->cpu, processor);
    way->operations += vlf_session_operations (way->session) - operations;
  }
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

/* The first frame is not counted: there is nothing to reuse, and all is touched for the first time. */
static gboolean
compare_frame (Comparison *c, const VlfImage *frame, guint i, GError **error)
{
  g_autoptr (VlfResult) full = look (c, &c->ways[0], frame, i > 0, error);
  g_autoptr (VlfResult) some = full ? look (c, &c->ways[1], frame, i > 0, error) : NULL;
  const VlfPromptResult *a, *b;
  double near;

  if (!some)
    return FALSE;
  if (i == 0)
    return TRUE;
  a = &full->prompts[0];
  b = &some->prompts[0];
  near = cosine (a, b);
  g_array_append_val (c->cosines, near);
  g_array_append_val (c->reused, some->reused);
  c->unmoved += a->peak_x == b->peak_x && a->peak_y == b->peak_y;
  return TRUE;
}

static int
by_value (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static double
mean (const GArray *values)
{
  double sum = 0;

  for (guint i = 0; i < values->len; i++)
    sum += g_array_index (values, double, i);
  return sum / values->len;
}

static double
least (GArray *values)
{
  g_array_sort (values, by_value);
  return g_array_index (values, double, 0);
}

static gboolean
report (Comparison *c, const BenchOptions *o, GError **error)
{
  const Way *full = &c->ways[0], *some = &c->ways[1];
  const guint n = c->cosines->len;
  g_autoptr (GString) line = g_string_new ("{\"video\": ");

  vlf_json_quote (line, o->video, -1);
  g_string_append (line, ", \"reuse\": ");
  vlf_json_quote (line, o->reuse, -1);
  g_string_append (line, ", \"prompt\": ");
  vlf_json_quote (line, vlf_text_prompt (c->text), -1);
  g_string_append_printf (line, ", \"frames\": %u", n);
  bench_append (line, "gflop_full", full->operations / 1e9 / n);
  bench_append (line, "gflop", some->operations / 1e9 / n);
  bench_append (line, "fewer_operations", full->operations / some->operations);
  bench_append (line, "ms_full", mean (full->wall));
  bench_append (line, "ms", mean (some->wall));
  bench_append (line, "less_time", mean (full->wall) / mean (some->wall));
  bench_append (line, "processor_ms_full", mean (full->cpu));
  bench_append (line, "processor_ms", mean (some->cpu));
  bench_append (line, "less_processor_time", mean (full->cpu) / mean (some->cpu));
  bench_append (line, "reused", mean (c->reused));
  bench_append (line, "cosine", mean (c->cosines));
  bench_append (line, "cosine_min", least (c->cosines));
  bench_append (line, "peaks_unmoved", (double) c->unmoved / n);
  g_string_append (line, "}\n");
  return cli_print (line->str, error);
}

static gsize
frame_bytes (const BenchOptions *o)
{
  return (gsize) o->width * o->height + 2 * (gsize) ((o->width + 1) / 2) * ((o->height + 1) / 2);
}

/* @pixels as I420, which is what decoders give, of ITU-R BT.601 colours. */
static VlfImage
view_i420 (const BenchOptions *o, const guint8 *pixels)
{
  const gsize luma = (gsize) o->width * o->height, width = (o->width + 1) / 2, chroma = width * ((o->height + 1) / 2);
  const float y = 255.0f / 219, c = 255.0f / 224;
  const float matrix[3][3] = { { y, 0, 1.402f * c }, { y, -0.344136f * c, -0.714136f * c }, { y, 1.772f * c, 0 } };
  VlfImage image = { .width = o->width, .height = o->height, .n_planes = 3 };

  for (guint i = 0; i < 3; i++) {
    image.planes[i].data = pixels + (i ? luma + (i - 1) * chroma : 0);
    image.planes[i].size = i ? chroma : luma;
    image.components[i].plane = i;
    image.components[i].stride = i ? width : o->width;
    image.components[i].pixel_stride = 1;
    image.components[i].x_shift = image.components[i].y_shift = i ? 1 : 0;
    for (guint j = 0; j < 3; j++)
      image.matrix[i][j] = matrix[i][j];
    image.matrix[i][3] = -16 * matrix[i][0] - 128 * (matrix[i][1] + matrix[i][2]);
  }
  return image;
}

/* Frames until the end of the file or of what is wanted. */
static gboolean
compare_frames (Comparison *c, const BenchOptions *o, FILE *file, GError **error)
{
  const gsize bytes = frame_bytes (o);
  g_autofree guint8 *pixels = g_malloc (bytes);
  const VlfImage frame = view_i420 (o, pixels);

  for (guint i = 0; i <= (guint) o->frames && fread (pixels, 1, bytes, file) == bytes; i++)
    if (!compare_frame (c, &frame, i, error))
      return FALSE;
  if (c->cosines->len > 0)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
               "%s: expected at least two I420 frames of %ux%u pixels, %" G_GSIZE_FORMAT " bytes each", o->video,
               o->width, o->height, bytes);
  return FALSE;
}

gboolean
bench_video (const BenchOptions *o, GError **error)
{
  Comparison comparison = { 0 };
  FILE *file = fopen (o->video, "rb");
  gboolean done = FALSE;

  if (!file) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_IO, "%s: %s", o->video, g_strerror (errno));
    return FALSE;
  }
  done = comparison_open (&comparison, o, g_str_equal (o->reuse, "exact") ? VLF_REUSE_EXACT : VLF_REUSE_APPROXIMATE,
                          error) &&
         compare_frames (&comparison, o, file, error) && report (&comparison, o, error);
  comparison_clear (&comparison);
  fclose (file);
  return done;
}
