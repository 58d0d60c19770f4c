/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlchoice.h"

#define DEFAULT_UNKNOWN_THRESHOLD (-1.0) /* every cosine reaches it */
#define DEFAULT_BANK_RESULTS      5
#define DEFAULT_RERANK            0
#define MAX_TEXTS                 10000

enum { UNKNOWN_THRESHOLD, BANK_RESULTS, RERANK };

void
gst_vl_choice_init (GstVlChoice *self)
{
  *self = (GstVlChoice){ DEFAULT_UNKNOWN_THRESHOLD, DEFAULT_BANK_RESULTS, DEFAULT_RERANK };
}

void
gst_vl_choice_set (GstVlChoice *self, guint id, const GValue *value)
{
  switch (id) {
  case UNKNOWN_THRESHOLD: self->unknown_threshold = g_value_get_double (value); break;
  case BANK_RESULTS: self->bank_results = g_value_get_uint (value); break;
  case RERANK: self->rerank = g_value_get_uint (value); break;
  }
}

void
gst_vl_choice_get (const GstVlChoice *self, guint id, GValue *value)
{
  switch (id) {
  case UNKNOWN_THRESHOLD: g_value_set_double (value, self->unknown_threshold); break;
  case BANK_RESULTS: g_value_set_uint (value, self->bank_results); break;
  case RERANK: g_value_set_uint (value, self->rerank); break;
  }
}

void
gst_vl_choice_apply (const GstVlChoice *self, VlfRunOptions *options)
{
  options->judge = self->unknown_threshold > DEFAULT_UNKNOWN_THRESHOLD;
  options->unknown_threshold = self->unknown_threshold;
  options->bank_results = self->bank_results;
  options->rerank = self->rerank;
}

void
gst_vl_choice_install (GObjectClass *klass, guint first)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  g_object_class_install_property (
      klass, first + UNKNOWN_THRESHOLD,
      g_param_spec_double (
          "unknown-threshold", "Unknown threshold",
          "Score (cosine) that the best prompt has to reach; below it the frame shows none of them. -1: "
          "none to reach. Only with CLIP models",
          -1, 1, DEFAULT_UNKNOWN_THRESHOLD, flags));
  g_object_class_install_property (klass, first + BANK_RESULTS,
                                   g_param_spec_uint ("bank-results", "Bank results",
                                                      "How many of the bank's texts a result has, best first", 0,
                                                      MAX_TEXTS, DEFAULT_BANK_RESULTS, flags));
  g_object_class_install_property (
      klass, first + RERANK,
      g_param_spec_uint (
          "rerank", "Rerank",
          "How many of the bank's best texts cross-attention looks at as if they were prompts; they come "
          "first then, ordered by their match. Only with models that have a matching head",
          0, MAX_TEXTS, DEFAULT_RERANK, flags));
}
