/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/gstvlengine.h"

G_BEGIN_DECLS

/* How texts are generated, see VlfCaptionOptions. Reference-counted; filled by whoever makes it and not changed once anybody else has it. */
typedef struct {
  gchar *prompt;
  guint beams, min_length, max_length;
  gdouble penalty;
  gboolean maps;
} GstVlManner;

GstVlManner *gst_vl_manner_new (void); /* zeroed */
GstVlManner *gst_vl_manner_copy (const GstVlManner *manner);
GstVlManner *gst_vl_manner_ref (GstVlManner *manner);                  /* NULL is fine */
void gst_vl_manner_unref (GstVlManner *manner);                        /* NULL is fine */
void gst_vl_manner_replace (GstVlManner **field, GstVlManner *manner); /* keeps a reference to the new one */

/* One frame's caption, or its answers. */
typedef struct {
  GstVlJob job;
  gchar **questions;              /* empty: a caption */
  GstVlManner *manner, *fallback; /* what to take when the model cannot do the first; NULL: fail */
  GstVlManner *rejected;          /* that @fallback, now @manner, stands in for; NULL: as asked */
  GError *refused;                /* why that, or why some of @questions were dropped; NULL: all as asked */
} GstVlCaptionJob;

/* @questions, @manner and @fallback are copied or referenced. */
GstVlCaptionJob *gst_vl_caption_job_new (gchar **questions, GstVlManner *manner, GstVlManner *fallback);

G_END_DECLS
