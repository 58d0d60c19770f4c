/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlsmoothing.h"
#include <math.h>

/* Prompts of a live stream come and go; those that nobody asks any more must not pile up. */
#define MAX_MAPS 64
/* So many time constants without a frame, and nothing is left of the old map. */
#define LONG_AGO 5

typedef struct {
  gsize n;
  GstClockTime pts;
  gfloat *map;
  gboolean used; /* since there was too much the last time */
} Smooth;

struct _GstVlSmoothing {
  GHashTable *maps; /* number and text -> Smooth */
};

static void
smooth_free (gpointer data)
{
  g_free (((Smooth *) data)->map);
  g_free (data);
}

GstVlSmoothing *
gst_vl_smoothing_new (void)
{
  GstVlSmoothing *smoothing = g_new0 (GstVlSmoothing, 1);

  smoothing->maps = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, smooth_free);
  return smoothing;
}

void
gst_vl_smoothing_free (GstVlSmoothing *smoothing)
{
  g_hash_table_unref (smoothing->maps);
  g_free (smoothing);
}

void
gst_vl_smoothing_reset (GstVlSmoothing *smoothing)
{
  g_hash_table_remove_all (smoothing->maps);
}

static gboolean
is_unused (gpointer key, gpointer value, gpointer user)
{
  Smooth *smooth = value;
  const gboolean unused = !smooth->used;

  (void) key;
  (void) user;
  smooth->used = FALSE;
  return unused;
}

void
gst_vl_smoothing_trim (GstVlSmoothing *smoothing)
{
  if (g_hash_table_size (smoothing->maps) > MAX_MAPS)
    g_hash_table_foreach_remove (smoothing->maps, is_unused, NULL);
}

static void
follow (Smooth *smooth, const gfloat *map, GstClockTime pts, GstClockTime constant)
{
  gboolean known = GST_CLOCK_TIME_IS_VALID (pts) && GST_CLOCK_TIME_IS_VALID (smooth->pts) && pts >= smooth->pts;
  gdouble passed = known ? (gdouble) (pts - smooth->pts) / (gdouble) constant : LONG_AGO;
  gfloat share = passed >= LONG_AGO ? 1.f : (gfloat) (1 - exp (-passed));

  /* What is not finite would stay for ever. */
  for (gsize i = 0; i < smooth->n; i++)
    smooth->map[i] = isfinite (smooth->map[i]) ? smooth->map[i] + share * (map[i] - smooth->map[i]) : map[i];
  smooth->pts = pts;
}

const gfloat *
gst_vl_smoothing_next (GstVlSmoothing *smoothing, const gchar *text, guint index, const gfloat *map, gsize n,
                       GstClockTime pts, GstClockTime constant)
{
  Smooth *smooth;
  gchar *key;

  if (!map || constant == 0)
    return map;
  key = g_strdup_printf ("%u %s", index, text);
  smooth = g_hash_table_lookup (smoothing->maps, key);
  if (smooth && smooth->n == n) {
    smooth->used = TRUE;
    follow (smooth, map, pts, constant);
    g_free (key);
    return smooth->map;
  }
  smooth = g_new0 (Smooth, 1);
  smooth->n = n;
  smooth->pts = pts;
  smooth->used = TRUE;
  smooth->map = g_memdup2 (map, n * sizeof (gfloat));
  g_hash_table_replace (smoothing->maps, key, smooth);
  return smooth->map;
}
