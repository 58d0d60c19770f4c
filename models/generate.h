/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: words from a decoder, one after the other, as transformers' generate() finds them. */
#pragma once
#include "models/model.h"

G_BEGIN_DECLS

/* How to search. Lengths count all ids, start token and prefix included. */
typedef struct {
  guint beams;                  /* 1: greedy */
  guint min_length, max_length; /* no end token before the one; nothing beyond the other */
  float repetition_penalty; /* 1: none. Scores of ids that are there already are divided by it, or times it below 0 */
  gboolean (*keep_going) (gpointer user); /* as in VlfCaptionOptions */
  gpointer user;
} VlfSearch;

/* What was found; prefix included. */
typedef struct {
  guint n, n_prefix;
  guint32 *ids;     /* [n] */
  float *log_probs; /* [n] of the network itself, without penalties; 0 for the prefix */
  float *
      maps; /* [n, cells] where the step that produced it looked, mean over layers and heads, 0 for the prefix; NULL: not asked for */
} VlfGenerated;

void vlf_generated_clear (VlfGenerated *generated); /* zeroed is fine */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VlfGenerated, vlf_generated_clear)

/* Continues @prefix [n_prefix >= 1]. @context: [layers, M, 2 dim] in the memory of the session. Greedy, or beam search (early stopping off,
 * scores divided by the generated length). Source: transformers, GenerationMixin, _sample and _beam_search. With @layers (which of the
 * decoder's to return maps of) and @heads NULL there are no maps. */
gboolean
vlf_generate (VlfSession *session, VlfTensor context, const guint32 *prefix, guint n_prefix, const VlfSearch *search,
              const gboolean *layers, const gboolean *heads, VlfGenerated *generated, GError **error);

/* Memory of the session that outlives a pass: @which counts from 0, which is the decoder's own. At least [batch, rows, cols] of it; kept and
 * given again for the same batch and cols. Empty with @error. */
VlfTensor vlf_session_memory (VlfSession *session, guint which, guint batch, guint rows, guint cols, GError **error);

/* Enqueues what the decoder looks at and keeps it as memory @which (>= 1). @question as in VlfArch.attend(). */
VlfTensor vlf_generate_context (VlfSession *session, VlfPass *pass, guint which, const VlfSight *sight,
                                const VlfFusion *question);

G_END_DECLS
