/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/lib/vlfusion.h"

G_BEGIN_DECLS

/* One thing that is drawn in a colour of its own: a prompt, or a word of one. Pointers are the result's. */
typedef struct {
  const gchar *text;
  gboolean whole;    /* a prompt */
  gdouble match;     /* of the prompt, 0..1; NaN: not known */
  gdouble share;     /* 0..1: how much of the prompt's opacity it gets */
  const gfloat *map; /* [rows, cols] of the result's grid; NULL: none */
  gboolean has_peak;
  gdouble x, y; /* peak in shares of the region that the grid covers */
} GstVlSubject;

/* Array of GstVlSubject: the prompts of @result in their order, or, with @words, each prompt's words that have a map
 * and that the frame pays attention to; the prompt itself where there are none. Free with g_array_unref(). */
GArray *gst_vl_subjects_of (const GstVlResult *result, gboolean words);

/* The same of one word, counted over all prompts of @result; empty where it has no map. */
GArray *gst_vl_subjects_of_word (const GstVlResult *result, guint word);

G_END_DECLS
