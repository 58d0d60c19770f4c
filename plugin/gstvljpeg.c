/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvljpeg.h"
#include "kernels/error.h"
#include "kernels/size.h"
#include <string.h>
#include <turbojpeg.h>

#define MAX_PIXELS   ((gsize) 1 << 26) /* of a picture; progressive ones keep 6 bytes a pixel while they are decoded */
#define MAX_HARMLESS 16                /* bytes that cameras leave between a picture's data and its next marker */

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "expected a JPEG picture, found: %s", why);
  return FALSE;
}

/* The decoder warns of what it made up for. A few bytes too many are a habit of cameras; all else means wrong pixels. */
static gboolean
is_damaged (tjhandle decoder)
{
  const char *why = tjGetErrorStr2 (decoder), *prefix = "Corrupt JPEG data: ";

  if (tjGetErrorCode (decoder) == TJERR_FATAL)
    return TRUE;
  if (g_str_has_prefix (why, prefix) && strstr (why, "extraneous bytes"))
    return g_ascii_strtoull (why + strlen (prefix), NULL, 10) > MAX_HARMLESS;
  return TRUE;
}

static guint
scaled (guint side, guint eighths)
{
  const tjscalingfactor scale = { (int) eighths, 8 };

  return (guint) TJSCALED ((int) side, scale);
}

/* The smallest size that the decoder makes, in eighths of the picture's, with at least the given sides; the whole where none has. */
static guint
choose_eighths (guint width, guint height, guint least_width, guint least_height)
{
  for (guint eighths = 1; eighths < 8; eighths++)
    if (scaled (width, eighths) >= least_width && scaled (height, eighths) >= least_height)
      return eighths;
  return 8;
}

/* What the decoded picture is a smaller copy of. Old video capture has a picture for each field of an interlaced frame, one after the
 * other; the decoder takes the first. */
static void
set_frame_size (VlfImage *image, const GstVideoInfo *info, guint width, guint height, guint eighths)
{
  gboolean field = (guint) info->width == width && (guint) info->height == 2 * height;

  image->frame_width = width;
  image->frame_height = field ? 2 * height : height;
  image->extent_width = width * eighths / 8.0;
  image->extent_height = height * eighths / 8.0;
}

static gboolean
decode (GstVlFrame *frame, const GstVideoInfo *info, tjhandle decoder, const GstMapInfo *map, GstVlJpegNeed need,
        gpointer user, GError **error)
{
  int width = 0, height = 0, subsampling, colours = -1;
  guint least_width, least_height, eighths, wide, high;
  gsize size;

  if (map->size == 0)
    return refuse (error, "an empty buffer");
  if (tjDecompressHeader3 (decoder, map->data, map->size, &width, &height, &subsampling, &colours) < 0)
    return refuse (error, tjGetErrorStr2 (decoder));
  if (width < 1 || height < 1)
    return refuse (error, "tables alone");
  if (colours == TJCS_CMYK || colours == TJCS_YCCK)
    return refuse (error, "printing inks (CMYK) in place of colours");
  if (width > GST_VL_MAX_SIDE || height > GST_VL_MAX_SIDE || (gsize) width * (gsize) height > MAX_PIXELS) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "expected a JPEG picture with sides of at most %d and at most %" G_GSIZE_FORMAT " pixels, found %dx%d",
                 GST_VL_MAX_SIDE, MAX_PIXELS, width, height);
    return FALSE;
  }
  need (user, (guint) width, (guint) height, &least_width, &least_height);
  eighths = choose_eighths ((guint) width, (guint) height, least_width, least_height);
  wide = scaled ((guint) width, eighths);
  high = scaled ((guint) height, eighths);
  if (!vlf_size_mul (wide, high, &size) || !vlf_size_mul (size, 3, &size) || !(frame->pixels = g_try_malloc (size))) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for %ux%u pixels", wide, high);
    return FALSE;
  }
  frame->image = vlf_image_rgb (frame->pixels, wide, high);
  set_frame_size (&frame->image, info, (guint) width, (guint) height, eighths);
  if (tjDecompress2 (decoder, map->data, map->size, frame->pixels, (int) wide, 0, (int) high, TJPF_RGB,
                     TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) < 0 &&
      is_damaged (decoder))
    return refuse (error, tjGetErrorStr2 (decoder));
  return TRUE;
}

gboolean
gst_vl_jpeg_decode (GstVlFrame *frame, const GstVideoInfo *info, GstBuffer *buffer, GstVlJpegNeed need, gpointer user,
                    GError **error)
{
  tjhandle decoder = tjInitDecompress ();
  gboolean ok = FALSE;
  GstMapInfo map;

  memset (frame, 0, sizeof *frame);
  if (!decoder) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for a JPEG decoder");
  } else if (!gst_buffer_map (buffer, &map, GST_MAP_READ)) {
    refuse (error, "a buffer that cannot be read");
  } else {
    ok = decode (frame, info, decoder, &map, need, user, error);
    gst_buffer_unmap (buffer, &map);
  }
  if (decoder)
    tjDestroy (decoder);
  if (!ok)
    gst_vl_frame_clear (frame);
  return ok;
}
