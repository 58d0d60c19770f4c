/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/session.h"

G_BEGIN_DECLS

/* What a model that generates is asked; all zero is its plain way: greedy, at most 20 tokens, as BLIP's own recipe has it. */
typedef struct {
  const char *prefix;           /* a caption begins with these words (UTF-8); NULL or "": none. Not with questions */
  guint beams;                  /* 0 and 1: greedy */
  guint min_length, max_length; /* tokens, start token and prefix included, a question not; max 0: 20 */
  double repetition_penalty;    /* above 1 avoids words that are there already; 0: 1, none */
  VlfFit fit;
  gboolean no_maps; /* no word has a map, which saves reading them back after every step */
  /* Asked before every token, on the calling thread: FALSE ends with VLF_ERROR_CANCELLED. NULL: nobody is. */
  gboolean (*keep_going) (gpointer user);
  gpointer user;
} VlfCaptionOptions;

/* One generated token. */
typedef struct {
  guint id;
  float log_prob; /* <= 0, of the network itself; 0 for tokens of the prefix */
} VlfCaptionToken;

/* A caption or an answer. Owned by the caller. */
typedef struct {
  gchar *text;     /* UTF-8, special tokens left out */
  gchar *question; /* NULL: a caption */
  guint n_tokens;
  VlfCaptionToken *tokens; /* [n_tokens] prefix (a captioner's question too), start and end token included */
  guint n_words;
  /* [n_words] runs of non-space characters of @text. A word's map is the mean over its tokens of where the steps that produced them looked,
   * over the model's own layers and heads; words of the prefix have none. An answer's decoder looks at the question's tokens, so its map is
   * theirs, weighted by how much it looked at each. A word's weight is the probability of its tokens, their product. */
  VlfWordResult *words;
  guint frame_width, frame_height; /* pixels */
  double region[4];                /* x, y, width, height of the frame that the maps cover */
  guint rows, cols;                /* of a map */
  double milliseconds;             /* of this text; the picture's share included */
} VlfCaption;

void vlf_caption_free (VlfCaption *caption); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfCaption, vlf_caption_free)

/* Whether @model generates captions, or answers questions. Both: a captioner whose vlfusion.json says "questions": "prefix", which has learnt
 * to go on behind a question with its answer. */
gboolean vlf_model_captions (const VlfModel *model);
gboolean vlf_model_answers (const VlfModel *model);
/* Whether @question can be read: it is UTF-8, else VLF_ERROR_FORMAT, and the model has rows for its tokens, else VLF_ERROR_RANGE. Any thread. */
gboolean vlf_model_check_question (const VlfModel *model, const char *question, GError **error);

/* A caption of @frame, or the answer to each of @questions [n_questions], UTF-8. The picture is looked at once for all of them. @captions
 * [1 or n_questions] receives one each, the caller's; untouched on failure. A model that does not do what is asked: VLF_ERROR_UNSUPPORTED;
 * lengths or beams that are impossible: VLF_ERROR_RANGE. @options NULL: default. The session's one thread. */
gboolean
vlf_session_caption (VlfSession *session, const VlfImage *frame, const char *const *questions, guint n_questions,
                     const VlfCaptionOptions *options, VlfCaption **captions, GError **error);

/* The same as what sessions give for prompts: a prompt's text is the question, empty for a caption; its score the mean log probability of the
 * tokens. @captions [@n >= 1], of one frame, are taken over. */
VlfResult *vlf_result_of_captions (const VlfModel *model, VlfCaption **captions, guint n);

/* What an empty model name means to whoever wants captions: see vlf_model_find(). */
#define VLF_DEFAULT_CAPTIONER "vlf-captions"

/* Appends one line of JSON to @to, no newline: text, question, frame, region, grid, ms, tokens with id and log_prob, words with text, weight
 * and map. Unknown values are null; locale-independent. */
void vlf_caption_to_json (const VlfCaption *caption, GString *to);

G_END_DECLS
