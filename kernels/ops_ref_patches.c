/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reference for pictures: colour, PIL's two passes, cut, levels, patches; whole pictures, one step after the other. */
#include "kernels/ops_ref.h"

/* Planar RGB of 8 bits, [3][height][width]. */
typedef struct {
  guint width, height;
  guint8 *data;
} Planes;

static gboolean
planes_alloc (Planes *p, guint width, guint height)
{
  p->width = width;
  p->height = height;
  p->data = g_try_malloc ((gsize) 3 * width * height);
  return p->data != NULL;
}

static guint8 *
planes_row (const Planes *p, guint channel, guint y)
{
  return p->data + ((gsize) channel * p->height + y) * p->width;
}

static guint8
clamp_u8 (gint32 x)
{
  return (guint8) CLAMP (x, 0, 255);
}

static gint32
sample (const VlfImage *image, guint component, guint x, guint y)
{
  const guint8 *data = image->planes[image->components[component].plane].data + image->components[component].offset;

  data += (gsize) (y >> image->components[component].y_shift) * image->components[component].stride;
  return data[(gsize) (x >> image->components[component].x_shift) * image->components[component].pixel_stride];
}

static void
to_rgb (const VlfImage *image, Planes *rgb)
{
  const gint32 half = 1 << (VLF_MATRIX_BITS - 1);
  gint32 m[3][4];

  vlf_image_matrix (image, m);
  for (guint y = 0; y < rgb->height; y++) {
    for (guint x = 0; x < rgb->width; x++) {
      gint32 a = sample (image, 0, x, y), b = sample (image, 1, x, y), c = sample (image, 2, x, y);

      for (guint i = 0; i < 3; i++) {
        gint32 sum = m[i][0] * a + m[i][1] * b + m[i][2] * c + m[i][3] + half;

        planes_row (rgb, i, y)[x] = clamp_u8 (sum >> VLF_MATRIX_BITS);
      }
    }
  }
}

/* Output @i of @axis over samples that are @step bytes apart. */
static guint8
filtered (const VlfAxis *axis, guint i, const guint8 *from, gsize step)
{
  const gint32 *w = axis->weights + (gsize) i * axis->taps;
  gint32 sum = 1 << (VLF_WEIGHT_BITS - 1);

  for (guint j = 0; j < axis->count[i]; j++)
    sum += w[j] * from[(axis->first[i] + j) * step];
  return clamp_u8 (sum >> VLF_WEIGHT_BITS);
}

static void
resize_rows (const VlfAxis *axis, const Planes *from, Planes *to)
{
  for (guint c = 0; c < 3; c++) {
    for (guint y = 0; y < to->height; y++) {
      for (guint x = 0; x < to->width; x++)
        planes_row (to, c, y)[x] = filtered (axis, x, planes_row (from, c, y), 1);
    }
  }
}

static void
resize_columns (const VlfAxis *axis, const Planes *from, Planes *to)
{
  for (guint c = 0; c < 3; c++) {
    for (guint y = 0; y < to->height; y++) {
      for (guint x = 0; x < to->width; x++)
        planes_row (to, c, y)[x] = filtered (axis, y, planes_row (from, c, 0) + x, from->width);
    }
  }
}

/* Patches in rows of the grid, each [channel][y][x]. */
static void
cut_patches (VlfTensor to, const Planes *from, const VlfImagePlan *plan)
{
  const guint size = plan->patch, columns = plan->width / size;
  float *patches = (float *) to.buffer->mem + to.offset;
  VlfLevels levels;

  vlf_image_plan_levels (plan, levels);
  for (guint p = 0; p < to.rows; p++) {
    float *out = patches + (gsize) p * to.stride;

    for (guint i = 0; i < 3 * size * size; i++) {
      guint c = i / (size * size);
      gint64 y = (gint64) plan->crop_y + p / columns * size + i / size % size;
      gint64 x = (gint64) plan->crop_x + p % columns * size + i % size;
      gboolean inside = x >= 0 && x < from->width && y >= 0 && y < from->height;

      out[i] = levels[c][inside ? planes_row (from, c, (guint) y)[x] : 256];
    }
  }
}

void
vlf_ref_patches (VlfPass *pass, VlfTensor y, const VlfImage *image, const VlfImagePlan *plan,
                 const VlfResample *resample)
{
  Planes rgb = { 0 }, wide = { 0 }, small = { 0 };

  if (planes_alloc (&rgb, image->width, image->height) && planes_alloc (&wide, resample->x.out, image->height) &&
      planes_alloc (&small, resample->x.out, resample->y.out)) {
    to_rgb (image, &rgb);
    resize_rows (&resample->x, &rgb, &wide);
    resize_columns (&resample->y, &wide, &small);
    cut_patches (y, &small, plan);
  } else {
    vlf_ref_no_memory (pass, (gsize) 3 * image->width * image->height);
  }
  g_free (rgb.data);
  g_free (wide.data);
  g_free (small.data);
}
