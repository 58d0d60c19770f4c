/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/tiles.h"
#include <stdio.h>
#include <string.h>
#include "kernels/cache.h"
#include "kernels/program.h"

#define FORMAT "heights %u %u %u %u %u chain %u parts %u"

/* Found on a Zen 5 with two cores and 1 MiB of second-level cache each. */
static const struct {
  guint width;
  VlfTiles tiles;
} table[] = {
  { 16, { .heights = { 12, 12, 12, 12, 12 }, .chain_kib = 1024, .parts = 1 } },
  { 8, { .heights = { 6, 6, 6, 6, 6 }, .chain_kib = 1024, .parts = 1 } },
};

static const guint buckets[VLF_TILES_BUCKETS] = { 16, 64, 256, 640, 1024 };

VlfTiles
vlf_tiles_shipped (guint width)
{
  guint i = 0;

  while (i + 1 < G_N_ELEMENTS (table) && table[i].width != width)
    i++;
  return table[i].tiles;
}

guint
vlf_tiles_rows (guint bucket)
{
  return buckets[bucket];
}

guint
vlf_tiles_height (const VlfTiles *tiles, guint rows)
{
  guint i = 0;

  while (i + 1 < VLF_TILES_BUCKETS && rows > buckets[i])
    i++;
  return tiles->heights[i];
}

gchar *
vlf_tiles_print (const VlfTiles *t)
{
  return g_strdup_printf (FORMAT, t->heights[0], t->heights[1], t->heights[2], t->heights[3], t->heights[4],
                          t->chain_kib, t->parts);
}

gboolean
vlf_tiles_parse (const char *text, guint width, VlfTiles *tiles)
{
  const guint most = vlf_tiles_shipped (width).heights[0];
  g_autofree gchar *again = NULL;
  VlfTiles t = { 0 };

  if (sscanf (text, FORMAT, &t.heights[0], &t.heights[1], &t.heights[2], &t.heights[3], &t.heights[4], &t.chain_kib,
              &t.parts) != 7)
    return FALSE;
  again = vlf_tiles_print (&t);
  if (strcmp (again, text) != 0 || t.chain_kib > 65536 || t.parts < 1 || t.parts > 64)
    return FALSE;
  for (guint i = 0; i < VLF_TILES_BUCKETS; i++)
    if (t.heights[i] < 1 || t.heights[i] > most)
      return FALSE;
  *tiles = t;
  return TRUE;
}

VlfTiles
vlf_tiles_load (const VlfDevice *device)
{
  const guint width = ((const VlfClDevice *) device->cl)->width;
  g_autofree gchar *key = vlf_program_device_key (device->cl, "tiles"), *text = NULL, *name = NULL;
  g_autoptr (GBytes) payload = vlf_cache_load (key);
  VlfTiles tiles = vlf_tiles_shipped (width);
  gconstpointer data;
  gsize size;

  if (!payload)
    return tiles;
  data = g_bytes_get_data (payload, &size);
  text = g_strndup (data, size);
  if (vlf_tiles_parse (text, width, &tiles))
    g_info ("%s: tuned tiles: %s", device->name, text);
  else
    g_info ("%s: the tuned tiles of the cache are not for this version, and are passed over", device->name);
  return tiles;
}

void
vlf_tiles_store (const VlfDevice *device, const VlfTiles *tiles)
{
  g_autofree gchar *key = vlf_program_device_key (device->cl, "tiles"), *text = vlf_tiles_print (tiles);
  g_autoptr (GBytes) payload = g_bytes_new (text, strlen (text));

  vlf_cache_store (key, payload);
}
