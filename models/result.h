/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* What one inference produced: a frame, the prompts asked of it, and for each prompt how well it matches and where its words looked.
 * Plain data, filled by a session and immutable afterwards; all pointers are owned by the result. NaN stands for "not known". */

typedef struct {
  gchar *text;  /* a maximal run of non-space characters of the prompt */
  float weight; /* attention of the image's class token on this word / sum over words; 0..1 */
  /* [rows, cols] attention of the word's tokens on the patches, 0..1, not renormalised; NULL: not asked for, or the model has no token of
   * the word. */
  float *map;
} VlfWordResult;

typedef struct {
  gchar *text;
  gchar *caption; /* what the model wrote, then the words are its; NULL: a prompt that was compared */
  double match;   /* probability 0..1; NaN without a match head */
  double score;   /* the raw number behind it: logit difference or cosine; NaN if unknown */
  double peak_x,
      peak_y; /* centre of the phrase map's largest cell in the frame, frame pixels; NaN without one above 0 */
  guint n_words;
  VlfWordResult *words;       /* [n_words] */
  float *map;                 /* [rows, cols] phrase map: mean over the focus words; NULL: not asked for */
  guint embedding_size;       /* 0: none */
  float *embedding;           /* [embedding_size] fused embedding of frame and text */
  const char *embedding_kind; /* static: "cross_embeds" (unit length), "pooler_output", ... */
  gboolean retrieved;         /* found in a bank, not asked */
  guint bank_index;           /* of a retrieved text: its place in the bank, and */
  double similarity;          /* the cosine of its embedding and the frame's, which it was found by */
  gboolean invalid;           /* the model gave NaN or infinity: all numbers are NaN, map and embedding are NULL */
} VlfPromptResult;

typedef struct {
  gint refs;
  guint frame_width, frame_height; /* pixels */
  double region[4];                /* x, y, width, height: rectangle of the frame that the grid covers, frame pixels */
  guint rows, cols;                /* of the patch grid */
  guint n_prompts;
  VlfPromptResult *prompts;   /* [n_prompts] in the order asked, then what was retrieved, best first */
  gboolean judged;            /* whether @best was asked for: by negatives or a threshold */
  gint best;                  /* prompt that the frame shows; -1: none of them, or unknown */
  guint image_embedding_size; /* 0: none */
  float *image_embedding;     /* [image_embedding_size] text-free embedding of the frame */
  gchar *model, *fingerprint; /* name; SHA-256 in hex */
  double milliseconds;        /* of this inference; its share if several frames ran together */
  double
      device_milliseconds; /* of them at work on the device, by its clock, shared out likewise; NaN: it does not say */
  double reused;           /* share of visual tokens not computed anew, 0..1 */
} VlfResult;

/* Where any number of @prompt is not finite, apart from match, score and peak that are not known: sets it invalid, so that nothing of it
 * is taken for an answer or drawn. @cells: of each map. TRUE if it is invalid. Call it once, before anybody else has the result. */
gboolean vlf_prompt_result_validate (VlfPromptResult *prompt, gsize cells);

/* Takes prompts [first, first + n) out; as long as nobody else has @result. */
void vlf_result_drop_prompts (VlfResult *result, guint first, guint n);

VlfResult *vlf_result_new (void);
VlfResult *vlf_result_ref (VlfResult *result);
void vlf_result_unref (VlfResult *result); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfResult, vlf_result_unref)

/* When a result was made and what it is shown with; nanoseconds, G_MAXUINT64 = unknown (null in JSON). */
typedef struct {
  guint64 pts, source_pts, age;
  guint64 generation;
  gboolean carried;
} VlfStamp;

typedef enum { VLF_JSON_MAPS_NONE, VLF_JSON_MAPS_PHRASE, VLF_JSON_MAPS_WORDS } VlfJsonMaps;
typedef enum { VLF_JSON_EMBEDDINGS_NONE, VLF_JSON_EMBEDDINGS_LIST, VLF_JSON_EMBEDDINGS_BASE64_F16 } VlfJsonEmbeddings;

/* Appends the one JSON shape of a result (README, "What a result says") to @to, one line, no newline. @result NULL: no result yet, `prompts` is empty.
 * @stamp NULL: all of it null. Locale-independent; NaN and unknown are null; invalid UTF-8 cannot occur in a result. */
void vlf_result_to_json (const VlfResult *result, const VlfStamp *stamp, VlfJsonMaps maps, VlfJsonEmbeddings embeddings,
                         GString *to);

G_END_DECLS
