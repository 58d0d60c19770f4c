/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/check/jpegpicture.h"
#include <string.h>
#include <turbojpeg.h>

GBytes *
jpeg_encode (const guint8 *pixels, guint width, guint height, gint quality)
{
  tjhandle encoder = tjInitCompress ();
  unsigned char *data = NULL;
  unsigned long size = 0;
  GBytes *jpeg;
  int failed =
      tjCompress2 (encoder, pixels, (int) width, 0, (int) height, TJPF_RGB, &data, &size, TJSAMP_420, quality, 0);

  g_assert_cmpint (failed, ==, 0);
  jpeg = g_bytes_new (data, size);
  tjFree (data);
  tjDestroy (encoder);
  return jpeg;
}

GBytes *
jpeg_flat (guint width, guint height, guint8 red, guint8 green, guint8 blue)
{
  gsize n = (gsize) width * height;
  g_autofree guint8 *pixels = g_malloc (n * 3);

  for (gsize i = 0; i < n; i++) {
    pixels[3 * i] = red;
    pixels[3 * i + 1] = green;
    pixels[3 * i + 2] = blue;
  }
  return jpeg_encode (pixels, width, height, 95);
}

GBytes *
jpeg_without_tables (GBytes *jpeg)
{
  gsize size, at = 2;
  const guint8 *data = g_bytes_get_data (jpeg, &size);
  GByteArray *out = g_byte_array_new ();

  g_byte_array_append (out, data, 2);
  while (data[at + 1] != 0xda) { /* segments up to the scan: a marker, a length that counts itself */
    guint length = 2 + (data[at + 2] << 8 | data[at + 3]);

    if (data[at + 1] != 0xc4)
      g_byte_array_append (out, data + at, length);
    at += length;
  }
  g_byte_array_append (out, data + at, (guint) (size - at));
  return g_byte_array_free_to_bytes (out);
}
