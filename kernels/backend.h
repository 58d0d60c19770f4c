/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to kernels/: what a backend (ops_cl.c, ops_ref.c) fills in, and the objects as both see them. */
#pragma once
#include "kernels/ops.h"
#include "kernels/size.h"
#include "kernels/watch.h"

G_BEGIN_DECLS

typedef struct _VlfBackend VlfBackend;

struct _VlfDevice {
  gint refs;
  VlfFamily family;
  const VlfBackend *backend;
  gchar *name;
  gint pid;     /* of the process that opened it */
  gint lost;    /* atomic latch */
  gint left;    /* atomic: threads that were left behind in its driver */
  gsize memory; /* atomic: bytes held, see vlf_device_memory() */
  gpointer cl;  /* VlfClDevice of cl_device.h; NULL for the reference */
};

struct _VlfBuffer {
  VlfDevice *device;
  gsize size;             /* bytes */
  gpointer mem;           /* cl_mem, or host memory for the reference */
  const VlfBuffer *whole; /* that it is a part of, from byte @first on; NULL: it is none, see cl_slabs.h */
  gsize first;
};

/* Both backends pad alike, so that tensors look the same to the front: the row stride of what vlf_pass_alloc() makes is a multiple of
 * VLF_COLS_PAD elements, batch * rows is padded to VLF_ROWS_PAD rows, and a tensor's first element is 64-byte aligned. A kernel may
 * read and write that padding of its own result; nothing may depend on its contents. */
#define VLF_COLS_PAD 32u
#define VLF_ROWS_PAD 32u

/* Bytes that every device buffer has beyond its size: vectors may be read past the last element of any view in it. */
#define VLF_BUFFER_SLACK 4096u

/* Fills in the strides of a contiguous tensor whose shape is set, and tells how many elements it takes, padding included. FALSE if a
 * dimension is 0 or the tensor is larger than kernels can count. */
gboolean vlf_tensor_layout (VlfTensor *x, gsize *elements);
/* A sign of life of the calling thread, and what it uses from here on; see watch.h. */
void vlf_watch_use (VlfDevice *device);
/* FALSE with VLF_ERROR_DEVICE if @device is lost or belongs to another process. */
gboolean vlf_device_check (const VlfDevice *device, GError **error);

typedef struct _VlfArena VlfArena; /* arena.h */

struct _VlfQueue {
  VlfDevice *device;
  VlfArena *arena;
  gpointer native;               /* the backend's own part */
  gboolean busy;                 /* a pass is under way */
  gboolean left;                 /* see vlf_queue_is_left() */
  double device_ms;              /* see vlf_queue_device_ms() */
  double operations;             /* see vlf_queue_operations() */
  struct _VlfResample *resample; /* the last one made, see vlf_queue_resample(); whoever frees the queue frees it */
};

struct _VlfPass {
  VlfQueue *queue;
  VlfDevice *device;
  const VlfBackend *backend;
  GError *error;   /* the first one */
  gboolean open;   /* the backend knows of it; FALSE where the pass failed to begin */
  gpointer native; /* the backend's own part: pending reads, borrowed images */
};

/* PIL's filter in numbers for one axis: output i is the sum over j < count of weights[i * taps + j] * input[first[i] + j], divided by
 * 2^VLF_WEIGHT_BITS, rounded and clamped to 8 bits. Whole numbers, as PIL has them, so that every device finds the same pixels.
 * Weights beyond count are 0. Source: Pillow's Resample.c, precompute_coeffs and normalize_coeffs_8bpc. */
#define VLF_WEIGHT_BITS 22
typedef struct {
  guint out, taps;      /* taps is a multiple of 8 */
  guint *first, *count; /* [out] */
  gint32 *weights;      /* [out, taps] */
} VlfAxis;
typedef struct _VlfResample {
  VlfFilter filter;
  guint width, height;       /* of the image */
  double extent_x, extent_y; /* what of them is the picture */
  VlfAxis x, y; /* from the image's width and height to the plan's resized size, whole (not only the cut) */
} VlfResample;

/* Looks only at the sizes of @image, which need no pixels. NULL with VLF_ERROR_RANGE for sizes outside 1..32768, or
 * VLF_ERROR_NO_MEMORY. */
VlfResample *
vlf_resample_new (VlfFilter filter, const VlfImage *image, guint resized_width, guint resized_height, GError **error);
void vlf_resample_free (VlfResample *resample); /* NULL is fine */
/* What @plan makes of @image. Owned by @queue, made anew only where the sizes or the filter differ from those of the call before, and
 * valid until then: backends copy what they need. */
const VlfResample *
vlf_queue_resample (VlfQueue *queue, const VlfImage *image, const VlfImagePlan *plan, GError **error);

/* (v * rescale - mean) / std for each channel and each of the 256 values of a pixel; [256] is the fill. */
typedef float VlfLevels[3][257];
void vlf_image_plan_levels (const VlfImagePlan *plan, VlfLevels levels);
/* VlfImage.matrix in fixed point of VLF_MATRIX_BITS, so that every device rounds alike: entries are clamped to +-8, offsets to
 * +-2048, which no real matrix reaches and 32 bits hold. The pixel is (sum + half) >> VLF_MATRIX_BITS, clamped to 0..255. */
#define VLF_MATRIX_BITS 18
void vlf_image_matrix (const VlfImage *image, gint32 matrix[3][4]);
/* FALSE with VLF_ERROR_RANGE where a component reaches outside its plane or a size is impossible. */
gboolean vlf_image_check (const VlfImage *image, GError **error);

/* The table of typed operations. The front (ops.c) has checked shapes, aliasing and the pass's state and has allocated @y; a backend
 * only computes. Where the front's contract says "broadcast", batch_stride is 0 in that operand (and stride 0 for broadcast rows of
 * mix). What fails calls vlf_pass_fail(). */
struct _VlfBackend {
  const char *name;

  VlfBuffer *(*buffer_new) (VlfDevice *device, gsize bytes, GError **error);
  void (*buffer_free) (VlfBuffer *buffer);
  /* Synchronous, for construction only. */
  gboolean (*buffer_write) (VlfBuffer *buffer, gsize offset, gconstpointer data, gsize bytes, GError **error);

  gboolean (*queue_open) (VlfQueue *queue, GError **error);
  void (*queue_close) (VlfQueue *queue);
  void (*pass_open) (VlfPass *pass);
  void (*pass_wait) (VlfPass *pass);
  void (*pass_finish) (VlfPass *pass); /* flush, wait once, drop pass->native */

  VlfWeight *(*weight_new) (VlfDevice *device, const VlfSource *weights, const VlfSource *biases, guint n_parts,
                            VlfDType stored, GError **error);
  void (*weight_free) (VlfWeight *weight);

  void (*input) (VlfPass *pass, VlfTensor y, const float *data);
  void (*output) (VlfPass *pass, VlfTensor x, float *to);
  /* Outputs [first, first + y.cols) of @w; @first is a multiple of VLF_COLS_PAD. */
  void (*linear) (VlfPass *pass, VlfTensor y, VlfTensor x, const VlfWeight *w, guint first, VlfActivation act,
                  const VlfTensor *residual);
  void (*norm) (VlfPass *pass, VlfTensor y, VlfTensor x, const VlfTensor *plus, const VlfNorm *norm);
  void (*mix) (VlfPass *pass, VlfTensor y, VlfTensor a, float a_share, VlfTensor b, float b_share);
  void (*attention) (VlfPass *pass, VlfTensor y, VlfTensor q, VlfTensor k, VlfTensor v, guint heads,
                     const VlfAttention *options);
  /* Results are @seen, all four of which the front has allocated; biases are broadcast. */
  void (*bi_attention) (VlfPass *pass, const VlfBiSeen *seen, const VlfBiSide *x, const VlfBiSide *y, guint heads);
  void (*embed) (VlfPass *pass, VlfTensor y, const VlfTable *table, const guint32 *ids);
  void (*copy) (VlfPass *pass, VlfTensor y, VlfTensor x); /* y and x alike in shape; x may be broadcast */
  /* y [b, n, d] of rows [n] of x; rows [n] of y from x [b, n, d]; y [b, 1, m] of a and b [b, m, d]. */
  void (*gather) (VlfPass *pass, VlfTensor y, VlfTensor x, const guint32 *rows);
  void (*scatter) (VlfPass *pass, VlfTensor y, VlfTensor x, const guint32 *rows);
  void (*distances) (VlfPass *pass, VlfTensor y, VlfTensor a, VlfTensor b);
  void (*mean_heads) (VlfPass *pass, VlfTensor y, VlfTensor maps,
                      guint heads); /* y [b, n, m] of maps [b heads, n, m] */
  void (*product) (VlfPass *pass, VlfTensor y, VlfTensor a, VlfTensor b);
  void (*normalize) (VlfPass *pass, VlfTensor y, VlfTensor x);
  void (*patches) (VlfPass *pass, VlfTensor y, const VlfImage *image, const VlfImagePlan *plan,
                   const VlfResample *resample);
};

/* The two backends. */
extern const VlfBackend vlf_backend_cl;
extern const VlfBackend vlf_backend_ref;

/* Parts of the objects that both backends share. Each backend's weight begins with this. */
struct _VlfWeight {
  VlfDevice *device;
  guint inputs, outputs;
  VlfDType stored;
};

struct _VlfTable {
  VlfBuffer *buffer;
  VlfDType type;
  guint rows, cols;
};

VlfBuffer *vlf_buffer_new (VlfDevice *device, gsize bytes, GError **error); /* counts device memory */
void vlf_buffer_free (VlfBuffer *buffer);

/* Rows [first, first + n) of @source as float32, packed; @raw: room for n * cols elements of the source's type. */
gboolean vlf_source_read (const VlfSource *source, guint first, guint n, gpointer raw, float *to, GError **error);

G_END_DECLS
