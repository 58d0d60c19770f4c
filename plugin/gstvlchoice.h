/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <gst/gst.h>
#include "models/session.h"

G_BEGIN_DECLS

/* What becomes of comparisons: when the best prompt is good enough, and how many texts of a bank are of interest. As properties. */
typedef struct {
  gdouble unknown_threshold; /* cosine, -1: none to reach */
  guint bank_results, rerank;
} GstVlChoice;

#define GST_VL_CHOICE_PROPERTIES 3u /* unknown-threshold, bank-results, rerank */

void gst_vl_choice_init (GstVlChoice *self);
/* Installs the properties as @first and what follows; below, @id counts from 0. */
void gst_vl_choice_install (GObjectClass *klass, guint first);
void gst_vl_choice_set (GstVlChoice *self, guint id, const GValue *value);
void gst_vl_choice_get (const GstVlChoice *self, guint id, GValue *value);
void gst_vl_choice_apply (const GstVlChoice *self, VlfRunOptions *options);

G_END_DECLS
