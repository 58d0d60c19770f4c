/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/picture.h"
#include "kernels/size.h"
#include "models/file.h"
#include <fcntl.h>
#include <setjmp.h>
#include <string.h>
#include <png.h>
#include <turbojpeg.h>

#define MAX_FILE_BYTES ((gsize) 256 << 20)
#define MAX_SIDE       32768
#define MAX_PIXELS     ((gsize) 1 << 27)

/* Room for @width x @height samples of @channels bytes, or NULL with @error set. */
static guint8 *
alloc_pixels (const char *path, guint width, guint height, guint channels, GError **error)
{
  gsize pixels, bytes;
  guint8 *data = NULL;

  if (width < 1 || width > MAX_SIDE || height < 1 || height > MAX_SIDE || !vlf_size_mul (width, height, &pixels) ||
      pixels > MAX_PIXELS || !vlf_size_mul (pixels, channels, &bytes)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "%s: size: expected sides of 1 to %d and at most %" G_GSIZE_FORMAT " pixels, found %ux%u", path,
                 MAX_SIDE, MAX_PIXELS, width, height);
    return NULL;
  }
  data = g_try_malloc (bytes);
  if (!data)
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: no memory for %ux%u pixels", path, width, height);
  return data;
}

static gboolean
jpeg_error (const char *path, tjhandle decoder, GError **error)
{
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: expected a JPEG picture, found: %s", path,
               tjGetErrorStr2 (decoder));
  return FALSE;
}

/* Decoders warn about much that does no harm; a picture that ends early is not what was asked about. */
static gboolean
jpeg_is_damaged (tjhandle decoder)
{
  return tjGetErrorCode (decoder) == TJERR_FATAL || strstr (tjGetErrorStr2 (decoder), "remature end");
}

/* Printers' pictures come with inverted inks, as Adobe writes them: colour = (255 - ink) * (255 - black) / 255. In place. */
static void
cmyk_to_rgb (guint8 *pixels, gsize n)
{
  const guint8 *from = pixels;
  guint8 *to = pixels;

  for (gsize i = 0; i < n; i++, from += 4, to += 3) {
    guint black = from[3];

    for (guint c = 0; c < 3; c++)
      to[c] = (guint8) ((from[c] * black + 127) / 255);
  }
}

static gboolean
decode_jpeg (tjhandle decoder, const char *path, const guint8 *data, gsize size, Picture *picture, GError **error)
{
  int width = 0, height = 0, subsampling, colours = -1;
  gboolean cmyk;
  guint8 *pixels;

  if (tjDecompressHeader3 (decoder, data, size, &width, &height, &subsampling, &colours) < 0)
    return jpeg_error (path, decoder, error);
  if (width < 1) { /* what the library makes of a file that ends before its size */
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: expected a JPEG picture, found tables alone", path);
    return FALSE;
  }
  cmyk = colours == TJCS_CMYK || colours == TJCS_YCCK;
  pixels = alloc_pixels (path, width, height, cmyk ? 4 : 3, error);
  if (!pixels)
    return FALSE;
  if (tjDecompress2 (decoder, data, size, pixels, width, 0, height, cmyk ? TJPF_CMYK : TJPF_RGB,
                     TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) < 0 &&
      jpeg_is_damaged (decoder)) {
    g_free (pixels);
    return jpeg_error (path, decoder, error);
  }
  if (cmyk)
    cmyk_to_rgb (pixels, (gsize) width * height);
  *picture = (Picture){ width, height, pixels };
  return TRUE;
}

static gboolean
load_jpeg (const char *path, const guint8 *data, gsize size, Picture *picture, GError **error)
{
  tjhandle decoder = tjInitDecompress ();
  gboolean done;

  if (!decoder) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: no memory for a JPEG decoder", path);
    return FALSE;
  }
  done = decode_jpeg (decoder, path, data, size, picture, error);
  tjDestroy (decoder);
  return done;
}

/* What libpng's callbacks need; they leave by longjmp, so everything that must be released lives here and not in variables. */
typedef struct {
  const char *path;
  const guint8 *data;
  gsize size, position;
  guint8 *pixels;
  png_bytep *rows;
  char message[128];
} PngSource;

static void
png_failed (png_structp png, png_const_charp message)
{
  PngSource *source = png_get_error_ptr (png);

  g_strlcpy (source->message, message, sizeof source->message);
  png_longjmp (png, 1);
}

static void
png_warned (png_structp png G_GNUC_UNUSED, png_const_charp message G_GNUC_UNUSED)
{
}

static void
png_read (png_structp png, png_bytep to, png_size_t n)
{
  PngSource *source = png_get_io_ptr (png);

  if (n > source->size - source->position)
    png_error (png, "the file ends early");
  memcpy (to, source->data + source->position, n);
  source->position += n;
}

/* Whatever the file has, to 8-bit RGB. */
static void
png_to_rgb (png_structp png, png_infop info)
{
  png_set_strip_16 (png);
  png_set_expand (png); /* palettes, 1 to 4 bits of grey */
  png_set_gray_to_rgb (png);
  png_set_strip_alpha (png);
  png_set_interlace_handling (png);
  png_read_update_info (png, info);
}

static gboolean
decode_png (png_structp png, png_infop info, PngSource *source, Picture *picture, GError **error)
{
  guint width, height;

  if (setjmp (png_jmpbuf (png))) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: expected a PNG picture, found: %s", source->path,
                 source->message);
    return FALSE;
  }
  png_set_user_limits (png, MAX_SIDE, MAX_SIDE);
  png_set_read_fn (png, source, png_read);
  png_read_info (png, info);
  width = png_get_image_width (png, info);
  height = png_get_image_height (png, info);
  png_to_rgb (png, info);
  source->pixels = alloc_pixels (source->path, width, height, 3, error);
  if (!source->pixels)
    return FALSE;
  source->rows = g_new (png_bytep, height);
  for (guint y = 0; y < height; y++)
    source->rows[y] = source->pixels + (gsize) 3 * width * y;
  png_read_image (png, source->rows);
  png_read_end (png, NULL); /* a file cut short is found here at the latest */
  *picture = (Picture){ width, height, g_steal_pointer (&source->pixels) };
  return TRUE;
}

static gboolean
load_png (const char *path, const guint8 *data, gsize size, Picture *picture, GError **error)
{
  PngSource source = { .path = path, .data = data, .size = size };
  png_structp png = png_create_read_struct (PNG_LIBPNG_VER_STRING, &source, png_failed, png_warned);
  png_infop info = png ? png_create_info_struct (png) : NULL;
  gboolean done = FALSE;

  if (info)
    done = decode_png (png, info, &source, picture, error);
  else
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: no memory for a PNG decoder", path);
  png_destroy_read_struct (&png, &info, NULL);
  g_free (source.rows);
  g_free (source.pixels);
  return done;
}

gboolean
picture_load (const char *path, Picture *picture, GError **error)
{
  gsize size;
  g_autofree guint8 *data = (guint8 *) vlf_file_load (AT_FDCWD, path, MAX_FILE_BYTES, &size, error);

  if (!data)
    return FALSE;
  if (size >= 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff)
    return load_jpeg (path, data, size, picture, error);
  if (size >= 8 && png_sig_cmp (data, 0, 8) == 0)
    return load_png (path, data, size, picture, error);
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: expected a JPEG or PNG picture, found neither's signature",
               path);
  return FALSE;
}

void
picture_clear (Picture *picture)
{
  g_clear_pointer (&picture->pixels, g_free);
}

VlfImage
picture_view (const Picture *picture)
{
  return vlf_image_rgb (picture->pixels, picture->width, picture->height);
}
