/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures in numbers: the resampling filters of PIL, the levels and the matrix that kernels work with. Host side, shared by all
 * backends. */
#include "kernels/backend.h"
#include <math.h>
#include <string.h>

#define MAX_SIDE 32768u

static double
bilinear (double x)
{
  x = fabs (x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic convolution with a = -0.5. */
static double
bicubic (double x)
{
  const double a = -0.5;

  x = fabs (x);
  if (x < 1.0)
    return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0)
    return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

static double
sinc (double x)
{
  return x == 0.0 ? 1.0 : sin (x * G_PI) / (x * G_PI);
}

static double
lanczos (double x)
{
  return x >= -3.0 && x < 3.0 ? sinc (x) * sinc (x / 3.0) : 0.0;
}

static double
box (double x)
{
  return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

/* Value at x and half width, both in samples of the coarser of the two grids. */
static const struct {
  double (*value) (double x);
  double support;
} filters[] = {
  [VLF_FILTER_NEAREST] = { NULL, 0.0 },    [VLF_FILTER_BILINEAR] = { bilinear, 1.0 },
  [VLF_FILTER_BICUBIC] = { bicubic, 2.0 }, [VLF_FILTER_LANCZOS] = { lanczos, 3.0 },
  [VLF_FILTER_BOX] = { box, 0.5 },
};

static gboolean
axis_alloc (VlfAxis *axis, guint out, guint taps)
{
  gsize n;

  axis->out = out;
  axis->taps = (taps + 7) / 8 * 8;
  if (!vlf_size_mul (out, axis->taps, &n))
    return FALSE;
  axis->first = g_try_new0 (guint, out);
  axis->count = g_try_new0 (guint, out);
  axis->weights = g_try_new0 (gint32, n);
  return axis->first && axis->count && axis->weights;
}

static void
axis_clear (VlfAxis *axis)
{
  g_free (axis->first);
  g_free (axis->count);
  g_free (axis->weights);
}

/* The sample under the centre of each output pixel. The position is summed up, not multiplied, because PIL does so and the last bit
 * decides between two samples. */
static gboolean
axis_init_nearest (VlfAxis *axis, guint in, double extent, guint out)
{
  double step = extent / out, position = step * 0.5;

  if (!axis_alloc (axis, out, 1))
    return FALSE;
  for (guint i = 0; i < out; i++, position += step) {
    axis->first[i] = MIN ((guint) position, in - 1);
    axis->count[i] = 1;
    axis->weights[(gsize) i * axis->taps] = 1 << VLF_WEIGHT_BITS;
  }
  return TRUE;
}

/* The samples [*first, *end) that an output around @center depends on. */
static void
span (guint in, double center, double support, gint *first, gint *end)
{
  *first = MAX ((gint) (center - support + 0.5), 0);
  *end = MIN ((gint) (center + support + 0.5), (gint) in);
}

/* Weights of output @i, whose centre lies at @center of the input, by way of @w; the filter is stretched by @stretch. */
static void
fill_output (VlfAxis *axis, guint in, guint i, VlfFilter filter, double stretch, double center, double *w)
{
  const double shrink = 1.0 / stretch;
  double sum = 0.0;
  gint first, end;

  span (in, center, filters[filter].support * stretch, &first, &end);
  for (gint j = first; j < end; j++)
    sum += w[j - first] = filters[filter].value ((j - center + 0.5) * shrink);
  for (gint j = 0; j < end - first; j++) {
    double x = (sum != 0.0 ? w[j] / sum : w[j]) * (1 << VLF_WEIGHT_BITS);

    axis->weights[(gsize) i * axis->taps + j] = (gint32) (x < 0.0 ? x - 0.5 : x + 0.5);
  }
  axis->first[i] = first;
  axis->count[i] = end - first;
}

/* An output pixel is the filter's mean around its centre; where the picture shrinks, the filter widens with it (antialiasing). */
static gboolean
axis_init (VlfAxis *axis, VlfFilter filter, guint in, double extent, guint out)
{
  const double scale = extent / out, stretch = MAX (scale, 1.0);
  gint first, end, taps = 1;
  double *w;

  if (filter == VLF_FILTER_NEAREST)
    return axis_init_nearest (axis, in, extent, out);
  for (guint i = 0; i < out; i++) {
    span (in, (i + 0.5) * scale, filters[filter].support * stretch, &first, &end);
    taps = MAX (taps, end - first);
  }
  w = g_try_new (double, taps);
  if (!w || !axis_alloc (axis, out, taps)) {
    g_free (w);
    return FALSE;
  }
  for (guint i = 0; i < out; i++)
    fill_output (axis, in, i, filter, stretch, (i + 0.5) * scale, w);
  g_free (w);
  return TRUE;
}

static double
extent_of (double extent, guint side)
{
  return extent > 0 ? CLAMP (extent, 0.5, side) : side;
}

VlfResample *
vlf_resample_new (VlfFilter filter, const VlfImage *image, guint resized_width, guint resized_height, GError **error)
{
  const guint width = image->width, height = image->height;
  const guint sides[] = { width, height, resized_width, resized_height };
  VlfResample *r;

  for (guint i = 0; i < G_N_ELEMENTS (sides); i++) {
    if (sides[i] < 1 || sides[i] > MAX_SIDE) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "cannot resize %ux%u pixels to %ux%u: sides are 1 to %u", width,
                   height, resized_width, resized_height, MAX_SIDE);
      return NULL;
    }
  }
  if ((guint) filter >= G_N_ELEMENTS (filters)) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "unknown resampling filter %d", (int) filter);
    return NULL;
  }
  r = g_new0 (VlfResample, 1);
  r->filter = filter;
  r->width = width;
  r->height = height;
  r->extent_x = extent_of (image->extent_width, width);
  r->extent_y = extent_of (image->extent_height, height);
  if (!axis_init (&r->x, filter, width, r->extent_x, resized_width) ||
      !axis_init (&r->y, filter, height, r->extent_y, resized_height)) {
    vlf_resample_free (r);
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for the tables that resize %ux%u to %ux%u", width,
                 height, resized_width, resized_height);
    return NULL;
  }
  return r;
}

void
vlf_resample_free (VlfResample *resample)
{
  if (!resample)
    return;
  axis_clear (&resample->x);
  axis_clear (&resample->y);
  g_free (resample);
}

const VlfResample *
vlf_queue_resample (VlfQueue *queue, const VlfImage *image, const VlfImagePlan *plan, GError **error)
{
  VlfResample *r = queue->resample;

  if (r && r->filter == plan->filter && r->width == image->width && r->height == image->height &&
      r->extent_x == extent_of (image->extent_width, image->width) &&
      r->extent_y == extent_of (image->extent_height, image->height) && r->x.out == plan->resized_width &&
      r->y.out == plan->resized_height)
    return r;
  vlf_resample_free (r);
  queue->resample = vlf_resample_new (plan->filter, image, plan->resized_width, plan->resized_height, error);
  return queue->resample;
}

void
vlf_image_plan_levels (const VlfImagePlan *plan, VlfLevels levels)
{
  for (guint c = 0; c < 3; c++) {
    for (guint v = 0; v <= 256; v++) {
      double value = v < 256 ? v : plan->fill[c];

      levels[c][v] = (float) ((value * plan->rescale - plan->mean[c]) / plan->std[c]);
    }
  }
}

VlfImage
vlf_image_rgb (const guint8 *pixels, guint width, guint height)
{
  const gsize stride = 3 * (gsize) width;
  VlfImage image = { .width = width, .height = height, .n_planes = 1, .planes = { { pixels, stride * height } } };

  for (guint c = 0; c < 3; c++) {
    image.components[c].offset = c;
    image.components[c].stride = stride;
    image.components[c].pixel_stride = 3;
    image.matrix[c][c] = 1;
  }
  return image;
}

void
vlf_image_matrix (const VlfImage *image, gint32 matrix[3][4])
{
  for (guint i = 0; i < 3; i++) {
    for (guint j = 0; j < 4; j++) {
      double limit = j < 3 ? 8.0 : 2048.0;

      matrix[i][j] = (gint32) rint (CLAMP (image->matrix[i][j], -limit, limit) * (1 << VLF_MATRIX_BITS));
    }
  }
}

/* Whether component @i reads inside its plane: its last sample is the last byte touched. */
static gboolean
component_fits (const VlfImage *image, guint i)
{
  const guint xs = image->components[i].x_shift, ys = image->components[i].y_shift, plane = image->components[i].plane;
  gsize last = image->components[i].offset, rows, columns;

  if (plane >= image->n_planes || !image->planes[plane].data || xs > 4 || ys > 4)
    return FALSE;
  return vlf_size_mul ((image->height - 1) >> ys, image->components[i].stride, &rows) &&
         vlf_size_mul ((image->width - 1) >> xs, image->components[i].pixel_stride, &columns) &&
         vlf_size_add (last, rows, &last) && vlf_size_add (last, columns, &last) && last < image->planes[plane].size;
}

gboolean
vlf_image_check (const VlfImage *image, GError **error)
{
  if (image->width < 1 || image->width > MAX_SIDE || image->height < 1 || image->height > MAX_SIDE ||
      image->n_planes < 1 || image->n_planes > 3) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "picture of %ux%u pixels in %u planes: sides are 1 to %u, planes 1 to 3", image->width, image->height,
                 image->n_planes, MAX_SIDE);
    return FALSE;
  }
  for (guint i = 0; i < 3; i++) {
    if (!component_fits (image, i)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "picture of %ux%u pixels: component %u reaches outside its plane",
                   image->width, image->height, i);
      return FALSE;
    }
  }
  return TRUE;
}
