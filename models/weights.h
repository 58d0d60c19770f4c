/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/ops.h"
#include "models/safetensors.h"
#include "models/session.h"

G_BEGIN_DECLS

/* Turns named tensors of a file into what operations take. Like a pass it remembers its first error, after which every call returns
 * an empty thing: an architecture's loader reads as the list of its tensors and is checked once, at its end. One thread.
 *
 * Everything it makes belongs to the bag that it was started with and lives until vlf_bag_free().
 * With device == NULL it only checks that every tensor is there with the right shape and a readable type, and adds up what they need. */
typedef struct _VlfBag VlfBag;
VlfBag *vlf_bag_new (void);
void vlf_bag_free (VlfBag *bag); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfBag, vlf_bag_free)
/* Zeroed memory that lives as long as the bag. */
gpointer vlf_bag_alloc (VlfBag *bag, gsize bytes);

typedef struct {
  VlfDevice *device; /* NULL: check only */
  const VlfSafetensors *files;
  const char *prefix; /* put before every name, e.g. "bridgetower." */
  VlfBag *bag;
  VlfProgress progress; /* NULL: none */
  gpointer user;
  gsize bytes_done, bytes_total; /* of tensor data */
  gboolean force_type;           /* store linear weights as @stored instead of the file's type */
  VlfDType stored;               /* VLF_I8: those with 64 inputs or more only, see @careful */
  gboolean careful; /* no 8 bits for what is loaded now: heads and what touches pixels, small and sensitive */
  gsize need,
      largest;   /* when only checking: bytes that it will all take on a device, and the largest piece; at least */
  GError *error; /* the first one; the caller takes it */
} VlfLoader;

/* Whether the file has @name (prefix added): heads are optional. */
gboolean vlf_loader_has (const VlfLoader *loader, const char *name);

/* A linear layer of @names (NULL-terminated, stacked along their outputs): "X" reads X.weight [outputs, inputs] and, with @bias,
 * X.bias [outputs]; a name that already ends in "weight" stands as it is, its bias is named by replacing that end. All parts have
 * @outputs outputs each. A convolution kernel [outputs, c, h, w] with c*h*w == inputs is taken as such a matrix. */
VlfWeight *vlf_load_linear (VlfLoader *loader, guint outputs, guint inputs, gboolean bias, const char *const *names);

/* As above, one part. */
VlfWeight *vlf_load_one (VlfLoader *loader, guint outputs, guint inputs, gboolean bias, const char *name);

/* As above, with its bias under a name of its own. */
VlfWeight *
vlf_load_linear_with_bias (VlfLoader *loader, guint outputs, guint inputs, const char *name, const char *bias_name);

/* A tensor of rows * cols elements, whatever its rank, as [1, rows, cols] float32. */
VlfTensor vlf_load_matrix (VlfLoader *loader, guint rows, guint cols, const char *name);

/* The one number of tensor @name, on the host; @absent when only checking. */
float vlf_load_scalar (VlfLoader *loader, float absent, const char *name);

/* Layer norm "X": X.weight [dim], X.bias [dim]. */
VlfNorm vlf_load_norm (VlfLoader *loader, guint dim, float eps, const char *name);

/* An embedding table [rows, cols]. */
VlfTable *vlf_load_table (VlfLoader *loader, guint rows, guint cols, const char *name);

/* printf into memory that lives as long as the loader's bag. */
const char *vlf_name (VlfLoader *loader, const char *format, ...) G_GNUC_PRINTF (2, 3);

G_END_DECLS
