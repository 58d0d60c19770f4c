/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "plugin/lib/vlfusion.h"

G_BEGIN_DECLS

#define GST_VL_NO_WORD G_MAXUINT

/* Which word of a caption is being said: each so long from when the caption was first seen, and then from the first on again. */
typedef struct {
  gchar *said; /* NULL: nothing yet */
  GstClockTime since;
} GstVlSpeech;

void gst_vl_speech_free (GstVlSpeech *speech);
/* For a frame with time stamp @pts, counted over all prompts of @result, a result with captions. A result that says the same as the one
 * before goes on. @word_time: nanoseconds; 0, like a frame without time: GST_VL_NO_WORD. */
guint gst_vl_speech_word (GstVlSpeech *speech, const GstVlResult *result, GstClockTime pts, GstClockTime word_time);
/* Bytes [*begin, *end) of the caption of @prompt that word @word of it has; FALSE: there is none such. */
gboolean gst_vl_speech_find (const GstVlResult *result, guint prompt, guint word, guint *begin, guint *end);

G_END_DECLS
