/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: what the files of a session share. */
#pragma once
#include "models/retrieval.h"
#include "models/reuse.h"

G_BEGIN_DECLS

/* Prompts that run through the fusion together. More would only cost memory: the products are large by then. */
#define VLF_GROUP 16u

/* Texts of one group on the device, padded to the longest, with all that depends on them alone; kept while the same texts are asked. */
typedef struct {
  guint n;
  VlfTextBatch batch; /* as operations take it: of the pass that fills the group, then of what that left in: */
  VlfConstant *taps[VLF_MAX_FUSION_LAYERS]; /* [net->taps] of [n, tokens, dim] */
  VlfConstant *key_bias, *image_bias;       /* [n, 1, tokens] */
  VlfConstant *state, *keys_values;         /* of the entry; the second may be NULL */
  VlfKeep *keep;                            /* of the image stream as it meets these texts */
  gboolean filled;                          /* there is something in it */
} VlfTextGroup;

/* What is read back for one frame and one group of prompts. */
typedef struct {
  guint frame, first, n, tokens; /* prompts [first, first + n) of the result */
  VlfText *const *texts;         /* [n] */
  float *match;                  /* [n, 2] or NULL */
  float *embedding;              /* [n, size] */
  guint embedding_size;
  const char *embedding_kind;
  float **text, **image, *relevance; /* see VlfAttentionMaps; of @text and @relevance one is NULL */
} VlfReading;

/* One call of vlf_session_run(). */
typedef struct {
  VlfSession *session;
  const VlfNet *net;
  VlfReuseMode reuse;
  double reused; /* see VlfResult */
  guint n_layers;
  guint *layers;   /* chosen */
  gboolean *heads; /* [net->heads] */
  guint n_heads;
  gboolean maps;
  guint top_k; /* of cross-attention, 0: off */
  gboolean rollout;
  guint n_readings;
  VlfReading *readings;
  float *image_embeddings; /* [frames, size] or NULL */
  guint image_embedding_size;
  float *patches;             /* two towers: [frames, P, size] in the space of the texts, or NULL */
  guint n_texts, n_negatives; /* of the session's texts, the negatives behind the others */
  double unknown_threshold;
  VlfRetrieval retrieval;
} VlfRun;

struct _VlfSession {
  VlfModel *model;
  VlfQueue *queue;
  GPtrArray *texts;    /* VlfText, what @groups were made of */
  GPtrArray *groups;   /* VlfTextGroup */
  VlfEncoder encoder;  /* of the pass that runs */
  GPtrArray *memories; /* VlfConstant, see vlf_session_memory() */
  VlfReuse *reuse;
  guint top_k; /* these two: of the last frame */
  VlfRelevance relevance;
  VlfRun last; /* with reuse: what was read back of the last frame, with the same texts; net is NULL: nothing */
};

/* session_texts.c: takes @texts for the passes to come; nothing changes where the same are asked again. */
gboolean vlf_session_set_texts (VlfSession *session, VlfText *const *texts, guint n, GError **error);
/* Runs what depends on the texts alone and no pass before has left in session->groups. */
void vlf_session_enqueue_texts (VlfSession *session, VlfPass *pass);
/* After the pass, @good or not; then the texts are forgotten. */
void vlf_session_texts_done (VlfSession *session, gboolean good);
void vlf_text_group_free (gpointer group);
/* The same for one pass alone, with the same bits. @texts [1 <= n <= VLF_GROUP] of one model. */
VlfTextBatch vlf_text_batch_new (VlfPass *pass, VlfText *const *texts, guint n, VlfEncoder *encoder);

/* session_result.c: what @run, which has ended, says about one of its frames. */
VlfResult *
vlf_run_result (VlfRun *run, guint frame, const VlfImage *image, const VlfImagePlan *plan, double milliseconds);
void vlf_run_clear (VlfRun *run); /* leaves it zeroed */

G_END_DECLS
