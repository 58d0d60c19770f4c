/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: what a model, a text and a session are made of. */
#pragma once
#include "models/arch.h"
#include "models/embeddings.h"
#include "models/fingerprint.h"
#include "models/image.h"
#include "models/markup.h"
#include "models/tokenizer.h"

G_BEGIN_DECLS

struct _VlfModel {
  gint refs;
  gchar *key; /* in the table of open models */
  VlfDevice *device;
  VlfBag *bag;         /* owns net and all weights */
  gsize need, largest; /* where it was only checked: as VlfLoader has them */
  const VlfNet *net;
  VlfTokenizer *tokenizer;
  VlfImageProcessor processor;
  guint max_tokens; /* of a prompt: what tokenizer and positions allow */

  gchar *name, *type, *fingerprint;
  gint *layers, *heads; /* the model's own defaults, NULL: all */
  guint n_layers, n_heads;
  gchar **stop_words; /* lower case, NULL-terminated */
  double threshold;
  gboolean questions_as_prefix; /* a captioner that has learnt to answer the question that its text begins with */

  GMutex text_lock; /* of the queue that texts are encoded on */
  VlfQueue *text_queue;
};

struct _VlfText {
  gint refs;
  VlfModel *model;
  gchar *prompt;
  gboolean truncated;
  guint n_tokens;
  guint32 *ids;  /* [n_tokens]; NULL where others encoded it */
  gint *word_of; /* [n_tokens] index in words, -1: a special token */
  guint n_words;
  VlfEmbeddedWord *words; /* their texts are owned */
  float *taps;            /* [net->taps, n_tokens, net->dim]; NULL: not encoded yet. Set once, atomically */
};

/* The text's taps, or NULL where nobody needed them yet. */
const float *vlf_text_taps (const VlfText *text);
/* Runs the text tower now, on a queue of the model, unless that has been done. */
gboolean vlf_text_encode (VlfText *text, GError **error);

/* Texts whose towers run in a pass of a session. What they say is read back, so that a text is encoded once. Zeroed: none. */
typedef struct {
  GPtrArray *texts, *taps; /* VlfText, float * [net->taps, n_tokens, dim] */
} VlfEncoder;

/* Runs @text's tower in @pass: its taps, [1, n_tokens, dim] each. */
VlfTextBatch vlf_encoder_add (VlfEncoder *encoder, VlfPass *pass, VlfText *text);
/* After the pass: where it was @good the texts keep what was read back. Leaves @encoder empty. */
void vlf_encoder_finish (VlfEncoder *encoder, gboolean good);

/* The files' side of vlf_model_open(), also of vlf_model_check(): everything but the weights' numbers. @model has its directory read into it;
 * with @device NULL no weight is read. */
gboolean vlf_model_read (VlfModel *model, const char *directory, const VlfModelOptions *options, VlfDevice *device,
                         GError **error);

/* A text without tokens: prompt and words. VLF_ERROR_FORMAT unless @prompt is UTF-8, VLF_ERROR_UNSUPPORTED where texts are not encoded. */
VlfText *vlf_text_new_bare (VlfModel *model, const char *prompt, GError **error);
/* Weights say how much the picture listens to words; where it looks at none they are VLF_ERROR_UNSUPPORTED. @markup: a text's. */
gboolean vlf_text_check_markup (const VlfModel *model, const VlfMarkup *markup, GError **error);
/* Gives such a text its tokens, and each token its word. */
/* A tokenizer may know more tokens than the model has rows for. VLF_ERROR_RANGE if one of @ids [n], made of @text, is such. */
gboolean vlf_model_check_ids (const VlfModel *model, const char *text, const guint32 *ids, guint n, GError **error);
gboolean vlf_text_tokenize (VlfText *text, GError **error);

/* How @image meets the model's input, by the shape that its frame is shown in. */
VlfImagePlan vlf_model_plan_frame (const VlfModel *model, const VlfImage *image, VlfFit fit);

/* For session_tensors.c; both belong to the session. */
VlfModel *vlf_session_model (VlfSession *session);
VlfQueue *vlf_session_queue (VlfSession *session);

G_END_DECLS
