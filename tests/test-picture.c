/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures of every kind that PNG and JPEG have, made here with known pixels, and what is left of them when they are damaged. */
#include "tools/picture.h"
#include "tests/folder.h"
#include <png.h>
#include <stdio.h>
#include <string.h>
#include <turbojpeg.h>

static gchar *folder;

static gchar *
path_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

/* @rows: as the PNG's type wants them. @palette: of 4 colours for a palette picture. */
static void
write_png (const char *path, guint width, guint height, int depth, int type, int interlace, const guint8 *data,
           gsize stride)
{
  static const png_color palette[] = { { 255, 0, 0 }, { 0, 255, 0 }, { 0, 0, 255 }, { 9, 8, 7 } };
  png_structp png = png_create_write_struct (PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png_create_info_struct (png);
  FILE *file = fopen (path, "wb");
  png_bytep rows[64];

  g_assert_nonnull (file);
  g_assert_false (setjmp (png_jmpbuf (png)));
  png_init_io (png, file);
  png_set_IHDR (png, info, width, height, depth, type, interlace, PNG_COMPRESSION_TYPE_DEFAULT,
                PNG_FILTER_TYPE_DEFAULT);
  if (type == PNG_COLOR_TYPE_PALETTE)
    png_set_PLTE (png, info, palette, 4);
  for (guint y = 0; y < height; y++)
    rows[y] = (png_bytep) data + y * stride;
  png_set_rows (png, info, rows);
  png_write_png (png, info, PNG_TRANSFORM_IDENTITY, NULL);
  png_destroy_write_struct (&png, &info);
  fclose (file);
}

static void
expect_pixels (const char *name, guint width, guint height, const guint8 *expected)
{
  g_autofree gchar *path = path_of (name);
  g_auto (Picture) picture = { 0 };
  g_autoptr (GError) error = NULL;

  picture_load (path, &picture, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (picture.width, ==, width);
  g_assert_cmpuint (picture.height, ==, height);
  g_assert_cmpmem (picture.pixels, 3 * (gsize) width * height, expected, 3 * (gsize) width * height);
}

static void
expect_png (guint width, guint height, int depth, int type, int interlace, const guint8 *data, gsize stride,
            const guint8 *expected)
{
  g_autofree gchar *path = path_of ("a.png");

  write_png (path, width, height, depth, type, interlace, data, stride);
  expect_pixels ("a.png", width, height, expected);
}

static void
test_png_types (void)
{
  static const guint8 rgb[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
  static const guint8 rgba[] = { 1, 2, 3, 0, 4, 5, 6, 99, 7, 8, 9, 255, 10, 11, 12, 1 };
  static const guint8 rgb16[] = { 1, 255, 2, 255, 3, 255, 4, 0, 5, 0, 6, 128 };
  static const guint8 grey[] = { 0, 77, 200, 255 };
  static const guint8 grey_rgb[] = { 0, 0, 0, 77, 77, 77, 200, 200, 200, 255, 255, 255 };
  static const guint8 grey_alpha[] = { 0, 5, 77, 0, 200, 255, 255, 9 };
  static const guint8 bits[] = { 0xa0 }; /* 1010 */
  static const guint8 bits_rgb[] = { 255, 255, 255, 0, 0, 0, 255, 255, 255, 0, 0, 0 };
  static const guint8 palette[] = { 0x1b }; /* 0 1 2 3, two bits each */
  static const guint8 palette_rgb[] = { 255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7 };

  expect_png (2, 2, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, rgb, 6, rgb);
  expect_png (2, 2, 8, PNG_COLOR_TYPE_RGB_ALPHA, PNG_INTERLACE_NONE, rgba, 8, rgb);
  expect_png (2, 1, 16, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, rgb16, 12, rgb);
  expect_png (2, 2, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, grey, 2, grey_rgb);
  expect_png (2, 2, 8, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_INTERLACE_NONE, grey_alpha, 4, grey_rgb);
  expect_png (4, 1, 1, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, bits, 1, bits_rgb);
  expect_png (4, 1, 2, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, palette, 1, palette_rgb);
}

static void
test_png_interlaced (void)
{
  guint8 data[19 * 17 * 3];

  for (gsize i = 0; i < sizeof data; i++)
    data[i] = (guint8) (i * 7);
  expect_png (19, 17, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_ADAM7, data, 19 * 3, data);
}

/* A file of these bytes is refused with @code and a message that names it. */
static void
expect_refused (const void *data, gsize size, VlfError code)
{
  g_autofree gchar *path = path_of ("bad");
  g_auto (Picture) picture = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (path, data, (gssize) size, NULL));
  g_assert_false (picture_load (path, &picture, &error));
  g_assert_error (error, VLF_ERROR, (gint) code);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_null (picture.pixels);
}

static void
test_png_damaged (void)
{
  g_autofree gchar *path = path_of ("a.png");
  g_autofree gchar *data = NULL;
  guint8 pixels[3 * 60 * 60] = { 0 };
  gsize size;

  write_png (path, 60, 60, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, pixels, 180);
  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  for (gsize cut = 0; cut + 12 < size; cut++)
    expect_refused (data, cut, VLF_ERROR_FORMAT);
  data[18] = 127; /* a width of 8 million: the checksum of the header no longer fits either */
  expect_refused (data, size, VLF_ERROR_FORMAT);
}

/* 40x24 in four flat blocks, so that compression changes little. */
static guint8 *
make_blocks (void)
{
  guint8 *data = g_malloc (40 * 24 * 3);

  for (guint y = 0; y < 24; y++)
    for (guint x = 0; x < 40; x++)
      memcpy (data + 3 * (y * 40 + x), (guint8[]){ x < 24 ? 250 : 10, y < 16 ? 200 : 40, 90 }, 3);
  return data;
}

static guint8 *
make_jpeg (int subsampling, int format, const guint8 *pixels, unsigned long *size)
{
  tjhandle encoder = tjInitCompress ();
  guint8 *jpeg = NULL;

  g_assert_cmpint (tjCompress2 (encoder, pixels, 40, 0, 24, format, &jpeg, size, subsampling, 95, 0), ==, 0);
  tjDestroy (encoder);
  return jpeg;
}

static void
expect_close (const guint8 *jpeg, gsize size, const guint8 *expected, int tolerance)
{
  g_autofree gchar *path = path_of ("a.jpg");
  g_auto (Picture) picture = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (path, (const gchar *) jpeg, (gssize) size, NULL));
  picture_load (path, &picture, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (picture.width, ==, 40);
  g_assert_cmpuint (picture.height, ==, 24);
  for (guint i = 0; i < 40 * 24 * 3; i++)
    g_assert_cmpint (ABS (picture.pixels[i] - expected[i]), <=, tolerance);
}

static void
test_jpeg (void)
{
  g_autofree guint8 *pixels = make_blocks ();
  g_autofree guint8 *grey = g_malloc (40 * 24 * 3);
  unsigned long size = 0;
  guint8 *jpeg = make_jpeg (TJSAMP_444, TJPF_RGB, pixels, &size);

  expect_close (jpeg, size, pixels, 4);
  for (gsize cut = 3; cut + 2 < size; cut += 5)
    expect_refused (jpeg, cut, VLF_ERROR_FORMAT);
  tjFree (jpeg);
  for (guint i = 0; i < 40 * 24; i++)
    memset (grey + 3 * i, pixels[3 * i], 3);
  jpeg = make_jpeg (TJSAMP_GRAY, TJPF_RGB, grey, &size);
  expect_close (jpeg, size, grey, 4);
  tjFree (jpeg);
}

/* Ink pictures store what light is left of each ink, as Adobe's do. */
static void
test_jpeg_cmyk (void)
{
  g_autofree guint8 *pixels = make_blocks ();
  g_autofree guint8 *inks = g_malloc (40 * 24 * 4);
  unsigned long size = 0;
  guint8 *jpeg;

  for (guint i = 0; i < 40 * 24; i++) {
    memcpy (inks + 4 * i, pixels + 3 * i, 3);
    inks[4 * i + 3] = 255;
  }
  jpeg = make_jpeg (TJSAMP_444, TJPF_CMYK, inks, &size);
  expect_close (jpeg, size, pixels, 5);
  tjFree (jpeg);
}

static void
test_neither (void)
{
  g_autofree gchar *path = path_of ("absent");
  g_auto (Picture) picture = { 0 };
  g_autoptr (GError) error = NULL;

  expect_refused ("", 0, VLF_ERROR_FORMAT);
  expect_refused ("GIF89a..........", 16, VLF_ERROR_FORMAT);
  g_assert_false (picture_load (path, &picture, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (picture_load (folder, &picture, &error));
  g_assert_error (error, VLF_ERROR, VLF_ERROR_IO);
}

static void
test_view (void)
{
  guint8 pixels[2 * 3 * 3] = { 0 };
  Picture picture = { 2, 3, pixels };
  VlfImage image = picture_view (&picture);

  g_assert_cmpuint (image.width, ==, 2);
  g_assert_cmpuint (image.height, ==, 3);
  g_assert_cmpuint (image.planes[0].size, ==, sizeof pixels);
  g_assert_cmpuint (image.components[2].offset, ==, 2);
  g_assert_cmpuint (image.components[1].stride, ==, 6);
  g_assert_cmpuint (image.components[0].pixel_stride, ==, 3);
  g_assert_cmpfloat (image.matrix[1][1], ==, 1);
  g_assert_cmpfloat (image.matrix[1][0], ==, 0);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = folder_new ();
  g_test_add_func ("/picture/png/types", test_png_types);
  g_test_add_func ("/picture/png/interlaced", test_png_interlaced);
  g_test_add_func ("/picture/png/damaged", test_png_damaged);
  g_test_add_func ("/picture/jpeg", test_jpeg);
  g_test_add_func ("/picture/jpeg/cmyk", test_jpeg_cmyk);
  g_test_add_func ("/picture/neither", test_neither);
  g_test_add_func ("/picture/view", test_view);
  status = g_test_run ();
  folder_remove (folder);
  return status;
}
