/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>
#include "models/session.h"

G_BEGIN_DECLS

/* A list of numbers as a property holds it: the text, and what it says. */
typedef struct {
  gchar *text;
  GArray *numbers; /* of gint; shared with jobs, never changed */
} GstVlNumbers;

/* How cross-attention works, and what of it maps are made of. As properties. */
typedef struct {
  GstVlNumbers layers, heads; /* empty: the model's own */
  guint top_k;                /* 0: off */
  VlfRelevance relevance;
} GstVlAttention;

#define GST_VL_ATTENTION_PROPERTIES 4u /* attention-layers, attention-heads, attention-top-k, relevance */

#define GST_TYPE_VL_RELEVANCE (gst_vl_relevance_get_type ())
GType gst_vl_relevance_get_type (void);

void gst_vl_attention_init (GstVlAttention *self);
/* What a job takes along of @from; @self is not initialised. */
void gst_vl_attention_init_copy (GstVlAttention *self, const GstVlAttention *from);
void gst_vl_attention_clear (GstVlAttention *self);
/* Installs the properties as @first and what follows; below, @id counts from 0. */
void gst_vl_attention_install (GObjectClass *klass, guint first);
/* FALSE with VLF_ERROR_RANGE for a list that is none, which changes nothing. */
gboolean gst_vl_attention_set (GstVlAttention *self, guint id, const gchar *name, const GValue *value, GError **error);
void gst_vl_attention_get (const GstVlAttention *self, guint id, GValue *value);
/* @options borrows from @self. */
void gst_vl_attention_apply (const GstVlAttention *self, VlfRunOptions *options);

G_END_DECLS
