/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a JPEG picture as a buffer of a stream whose caps do not say its size. A frame that comes of it is all there. */
#include "plugin/gstvljpeg.h"
#include "tests/fuzz/fuzz.h"

GST_DEBUG_CATEGORY (gst_vl_debug);

/* Pictures of more than this are refused before they are decoded: the decoder's own time and memory are not what is tested here. */
#define MOST_PIXELS (1u << 22)

static void
need_little (gpointer user, guint width, guint height, guint *least_width, guint *least_height)
{
  (void) user;
  *least_width = MIN (width, 32);
  *least_height = MIN (height, 32);
}

/* The size that the first frame header says is one that can be tried. */
static gboolean
is_small (const guint8 *data, gsize size)
{
  for (gsize i = 0; i + 8 < size; i++)
    if (data[i] == 0xff && data[i + 1] >= 0xc0 && data[i + 1] <= 0xcf &&
        ((data[i + 5] << 8 | data[i + 6]) + 1u) * ((data[i + 7] << 8 | data[i + 8]) + 1u) > MOST_PIXELS)
      return FALSE;
  return TRUE;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  GstVlFrame frame = { 0 };
  GstVideoInfo info;
  g_autoptr (GError) error = NULL;
  GstBuffer *buffer;
  guint sum = 0;

  if (size == 0 || !is_small (data, size))
    return 0;
  gst_init (NULL, NULL);
  gst_video_info_init (&info);
  buffer = gst_buffer_new_memdup (data, size);
  if (gst_vl_jpeg_decode (&frame, &info, buffer, need_little, NULL, &error)) {
    const VlfImage *image = &frame.image;

    g_assert_true (image->width > 0 && image->height > 0 && image->n_planes > 0);
    for (guint p = 0; p < image->n_planes; p++)
      for (gsize i = 0; i < image->planes[p].size; i++)
        sum += image->planes[p].data[i];
    gst_vl_frame_clear (&frame);
  } else {
    g_assert_nonnull (error);
  }
  gst_buffer_unref (buffer);
  return sum == G_MAXUINT;
}
