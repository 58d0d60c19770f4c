/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checkcl's row of pictures: every kind of layout in memory that ends where the picture does, every filter, cuts that hang over. Devices
 * find the same pixels as the reference, to the bit. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tests/checkcl.h"

typedef struct {
  VlfImage images[2];
  VlfImagePlan plans[2];
  guint n;
} Pictures;

/* One component of a layout: where its samples lie in units of bytes and of the picture's subsampling. */
typedef struct {
  guint plane, offset, pixel_stride, x_shift, y_shift;
} Component;

static const struct {
  const gchar *name;
  guint n_planes;
  Component components[3];
} layouts[] = {
  { "RGB", 1, { { 0, 0, 3, 0, 0 }, { 0, 1, 3, 0, 0 }, { 0, 2, 3, 0, 0 } } },
  { "xBGR", 1, { { 0, 3, 4, 0, 0 }, { 0, 2, 4, 0, 0 }, { 0, 1, 4, 0, 0 } } },
  { "GRAY8", 1, { { 0, 0, 1, 0, 0 }, { 0, 0, 1, 0, 0 }, { 0, 0, 1, 0, 0 } } },
  { "NV12", 2, { { 0, 0, 1, 0, 0 }, { 1, 0, 2, 1, 1 }, { 1, 1, 2, 1, 1 } } },
  { "I420", 3, { { 0, 0, 1, 0, 0 }, { 1, 0, 1, 1, 1 }, { 2, 0, 1, 1, 1 } } },
  { "YUY2", 1, { { 0, 0, 2, 0, 0 }, { 0, 1, 4, 1, 0 }, { 0, 3, 4, 1, 0 } } },
  { "Y41B", 3, { { 0, 0, 1, 0, 0 }, { 1, 0, 1, 2, 0 }, { 2, 0, 1, 2, 0 } } },
};

static const gfloat matrices[][3][4] = {
  { { 1, 0, 0, 0 }, { 0, 1, 0, 0 }, { 0, 0, 1, 0 } },
  { { 1.16438f, 0, 1.79274f, -248.10f },
    { 1.16438f, -0.21325f, -0.53291f, 76.878f },
    { 1.16438f, 2.11240f, 0, -289.018f } },
};

/* @size bytes whose end is the end of what may be read: a device that works in place must not touch the next one. */
static guint8 *
guarded_new (gsize size)
{
  const gsize page = (gsize) sysconf (_SC_PAGESIZE), room = (size + page - 1) / page * page;
  guint8 *start = mmap (NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  g_assert (start != MAP_FAILED && mprotect (start + room, page, PROT_NONE) == 0);
  return start + room - size;
}

static void
guarded_free (const guint8 *data, gsize size)
{
  const gsize page = (gsize) sysconf (_SC_PAGESIZE), room = (size + page - 1) / page * page;

  munmap ((gpointer) (data + size - room), room + page);
}

/* Bytes of a row in @plane: of the component that reaches furthest. */
static gsize
row_bytes (guint layout, guint plane, guint width)
{
  gsize most = 0;

  for (guint i = 0; i < 3; i++) {
    const Component *from = &layouts[layout].components[i];
    gsize bytes = (gsize) ((width - 1) >> from->x_shift) * from->pixel_stride + from->offset + 1;

    if (from->plane == plane)
      most = MAX (most, bytes);
  }
  return most;
}

/* Planes with random samples, no byte longer than the picture needs. */
static void
make_image (Check *c, VlfImage *image, guint layout, guint width, guint height)
{
  const guint padding = vlf_check_any (c, 1, 2, 17, 0) - 1, before = vlf_check_any (c, 1, 1, 9, 0) - 1;

  *image = (VlfImage){ .width = width, .height = height, .n_planes = layouts[layout].n_planes };
  memcpy (image->matrix, matrices[vlf_check_any (c, 1, 2, 0) - 1], sizeof image->matrix);
  for (guint i = 0; i < 3; i++) {
    const Component *from = &layouts[layout].components[i];
    const gsize stride = row_bytes (layout, from->plane, width) + padding;
    const gsize last = before + from->offset + ((height - 1) >> from->y_shift) * stride +
                       (gsize) ((width - 1) >> from->x_shift) * from->pixel_stride;

    image->components[i].plane = from->plane;
    image->components[i].offset = before + from->offset;
    image->components[i].stride = stride;
    image->components[i].pixel_stride = from->pixel_stride;
    image->components[i].x_shift = from->x_shift;
    image->components[i].y_shift = from->y_shift;
    image->planes[from->plane].size = MAX (image->planes[from->plane].size, last + 1);
  }
  for (guint i = 0; i < image->n_planes; i++) {
    guint8 *data = guarded_new (image->planes[i].size);

    for (gsize j = 0; j < image->planes[i].size; j++)
      data[j] = (guint8) g_rand_int (c->rand);
    image->planes[i].data = data;
  }
}

static void
make_plan (Check *c, VlfImagePlan *plan, guint patch, guint rows, guint cols)
{
  *plan = (VlfImagePlan){ .patch = patch, .rescale = 1.0f / 255 };
  plan->filter = (VlfFilter) g_rand_int_range (c->rand, VLF_FILTER_NEAREST, VLF_FILTER_BOX + 1);
  plan->resized_width = vlf_check_any (c, 1, 2, 15, 31, 33, 64, 97, 0);
  plan->resized_height = vlf_check_any (c, 1, 3, 16, 29, 50, 97, 0);
  plan->width = cols * patch + g_rand_int_range (c->rand, 0, (gint32) patch);
  plan->height = rows * patch + g_rand_int_range (c->rand, 0, (gint32) patch);
  plan->crop_x = g_rand_int_range (c->rand, -5, (gint32) plan->resized_width + 2);
  plan->crop_y = g_rand_int_range (c->rand, -5, (gint32) plan->resized_height + 2);
  if (vlf_check_maybe (c))
    plan->crop_x = plan->crop_y = 0;
  for (guint i = 0; i < 3; i++) {
    plan->mean[i] = 0.4f + 0.05f * (float) i;
    plan->std[i] = 0.2f + 0.03f * (float) i;
    plan->fill[i] = 100.25f * (float) i;
  }
}

static VlfTensor
op_patches (VlfPass *pass, guint side, gpointer user)
{
  const Pictures *p = user;

  (void) side;
  return vlf_patches (pass, p->images, p->plans, p->n);
}

void
vlf_check_patches (Check *c)
{
  const guint patch = vlf_check_any (c, 1, 2, 7, 8, 14, 16, 17, 32, 0), rows = vlf_check_any (c, 1, 2, 5, 0);
  const guint cols = vlf_check_any (c, 1, 3, 4, 0);
  g_autoptr (GString) shape = g_string_new ("patches");
  Pictures p = { .n = vlf_check_any (c, 1, 2, 0) };

  for (guint i = 0; i < p.n; i++) {
    guint layout = (guint) g_rand_int_range (c->rand, 0, G_N_ELEMENTS (layouts));
    guint width = vlf_check_any (c, 1, 2, 15, 16, 17, 32, 48, 64, 97, 331, 8192, 8192, 0),
          height = vlf_check_any (c, 1, 5, 48, 97, 97, 301, 0);

    make_image (c, &p.images[i], layout, width, height);
    make_plan (c, &p.plans[i], patch, rows, cols);
    g_string_append_printf (shape, " [%s %ux%u, filter %d to %ux%u, cut (%d, %d), %ux%u of %u]", layouts[layout].name,
                            width, height, (int) p.plans[i].filter, p.plans[i].resized_width, p.plans[i].resized_height,
                            p.plans[i].crop_x, p.plans[i].crop_y, cols, rows, patch);
  }
  g_free (vlf_check_compare (c, op_patches, &p, 0, shape->str));
  for (guint i = 0; i < p.n; i++) {
    for (guint j = 0; j < p.images[i].n_planes; j++)
      guarded_free (p.images[i].planes[j].data, p.images[i].planes[j].size);
  }
}
