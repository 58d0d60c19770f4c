/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/error.h"
#include "kernels/image.h"
#include "models/embeddings.h"
#include "models/result.h"

G_BEGIN_DECLS

/* A Hugging Face model directory on a device. Immutable after opening, thread-safe, shared by all who name the same directory, device
 * and precision (while one of them lives). */
typedef struct _VlfModel VlfModel;

/* What a model may have to be able to do. Each includes those before it. */
typedef enum {
  VLF_ABILITY_ANY,
  VLF_ABILITY_GENERATES, /* writes text about a picture: captions, or answers */
  VLF_ABILITY_ANSWERS,   /* answers questions */
} VlfAbility;

/* Called from the opening thread with 0..1 while weights load, and with 1 while their fingerprint takes longer; return FALSE to stop
 * (VLF_ERROR_CANCELLED). */
typedef gboolean (*VlfProgress) (double fraction, gpointer user);

typedef struct {
  const char *directory; /* NULL: vlf_model_find()'s default */
  const char *device;    /* see vlf_device_open(); NULL: "auto" */
  const char *precision; /* "auto" or NULL (f32 arithmetic, weights in the file's type), "f32", "f16", "bf16", "int8" */
  VlfAbility needs;      /* a model without it is VLF_ERROR_UNSUPPORTED */
  gboolean all_heads;    /* also the heads that only vlf_session_run_tensors() reads (masked language model) */
  VlfProgress progress;  /* NULL: none */
  gpointer user;
} VlfModelOptions;

/* Where the model that users call @name lies: a name is looked up below VLF_MODEL_PATH, the prefix's share folder or the source tree's; else
 * it is a directory itself, unless a shipped model is called so. NULL or "": the shipped default. Free with g_free(); NULL with
 * VLF_ERROR_NOT_FOUND naming where it looked. */
gchar *vlf_model_find (const char *name, GError **error);

/* Checks what can be checked without reading weights: config ranges, tokenizer, names and shapes of all tensors, the device. Cheap. */
gboolean vlf_model_check (const VlfModelOptions *options, GError **error);
VlfModel *vlf_model_open (const VlfModelOptions *options, GError **error);
VlfModel *vlf_model_ref (VlfModel *model);
void vlf_model_unref (VlfModel *model); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfModel, vlf_model_unref)

const char *vlf_model_name (const VlfModel *model);        /* vlfusion.json's, else the directory's */
const char *vlf_model_fingerprint (const VlfModel *model); /* SHA-256 in hex, see models/fingerprint.h */
const char *vlf_model_type (const VlfModel *model);        /* config.json's model_type */
const char *vlf_model_device_name (const VlfModel *model);
double vlf_model_threshold (const VlfModel *model);    /* of match, for drawing; vlfusion.json's, else 0.5 */
gsize vlf_model_device_memory (const VlfModel *model); /* bytes held on its device, everything counted */

/* How a frame meets the model's input, in the shape that it is shown in. */
typedef enum { VLF_FIT_MODEL, VLF_FIT_SQUASH, VLF_FIT_PAD } VlfFit;

/* The size that a frame of @width x @height (> 0) is resized to before the model's input is cut out of it. @pixel_aspect: as in VlfImage. */
void vlf_model_resized_size (const VlfModel *model, guint width, guint height, double pixel_aspect, VlfFit fit,
                             guint *resized_width, guint *resized_height);

/* One prompt: words, ids, and what the fusion needs of every text layer, which the text tower says once, beside the vision tower of the
 * first frame that is asked. Immutable, reference-counted, thread-safe; of one model. */
typedef struct _VlfText VlfText;

/* @prompt: UTF-8 (else VLF_ERROR_FORMAT), cut where Hugging Face's tokenizer truncates (see vlf_text_truncated()): words that are cut off
 * whole are none of the text's. */
VlfText *vlf_text_new (VlfModel *model, const char *prompt, GError **error);
/* The same of a prompt with marks (models/markup.h): the logarithm of a word's weight is added to the scores of its keys wherever the
 * image looks at the text, a weight of 0 removes them, 1 changes no bit; the phrase map is made of the focus words if there are any. The
 * text's prompt is the one without marks. Other weights than 1 are VLF_ERROR_UNSUPPORTED where the image does not look at the text, in all
 * models but BridgeTower's. */
VlfText *vlf_text_new_marked (VlfModel *model, const char *prompt, GError **error);
/* The mean of what @templates [n_templates >= 1], each with "{}" where @prompt goes, say: their embeddings of unit length are added and
 * the sum brought to unit length again; with one template it is that one's text. The text's prompt and words are those of @prompt.
 * VLF_ERROR_UNSUPPORTED where the model's match is not made of embeddings, VLF_ERROR_RANGE for a template without "{}". Source: Radford
 * et al. 2021, section 3.1.4. */
VlfText *vlf_text_new_ensemble (VlfModel *model, const char *prompt, const char *const *templates, guint n_templates,
                                GError **error);
VlfText *vlf_text_ref (VlfText *text);
void vlf_text_unref (VlfText *text); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfText, vlf_text_unref)
const char *vlf_text_prompt (const VlfText *text);
gboolean vlf_text_truncated (const VlfText *text);

/* What a model's texts are like outside of it, in files and on pads (models/embeddings.h). */
typedef struct {
  const char *fingerprint; /* of the model; NULL: not known, of another program's CLIP model */
  guint layers, dim;       /* a text is [layers, tokens, dim] */
  gboolean pooled;         /* one vector says it all: one layer and one token */
} VlfEncoding;

/* What vlf_model_encode_texts() makes; the fingerprint belongs to @model. VLF_ERROR_UNSUPPORTED where texts have no embeddings. */
gboolean vlf_model_encoding (const VlfModel *model, VlfEncoding *encoding, GError **error);
/* FALSE with VLF_ERROR_RANGE, naming both, unless texts so encoded can be asked with @model; VLF_ERROR_UNSUPPORTED where none can,
 * because the model (BLIP) sees the picture as it reads: its texts only travel as the vector of its contrastive head. */
gboolean vlf_model_check_encoding (const VlfModel *model, const VlfEncoding *found, GError **error);
gboolean vlf_model_check_embeddings (const VlfModel *model, const VlfEmbeddings *embeddings, GError **error);

/* @prompts [@n] encoded as they travel; @marked: with marks, see vlf_text_new_marked(). Thread-safe. */
VlfEmbeddings *
vlf_model_encode_texts (VlfModel *model, const char *const *prompts, guint n, gboolean marked, GError **error);
/* The text that @embedding is of, which a check above has passed: asked, it gives the same bits as the prompt that it was made from. Words
 * that it does not name are those of the text. VLF_ERROR_FORMAT for numbers that are not finite, VLF_ERROR_RANGE for an impossible number
 * of tokens or weight of a word. */
VlfText *vlf_text_new_encoded (VlfModel *model, const VlfEmbedding *embedding, GError **error);

/* Numbers of the embedding that text and picture have in common (VlfResult.image_embedding); 0: the model has none. */
guint vlf_model_embedding_size (const VlfModel *model);
/* @prompt alone in that space, of unit length: what banks are made of. @to [vlf_model_embedding_size ()]. @truncated: NULL, or receives
 * whether it is longer than the model reads. VLF_ERROR_UNSUPPORTED where the model has none. Thread-safe, on the queue that texts are encoded
 * on. */
gboolean vlf_model_embed_text (VlfModel *model, const char *prompt, float *to, gboolean *truncated, GError **error);

typedef struct _VlfBank VlfBank; /* models/bank.h */

/* What of a frame is not computed because the stream's last frame was alike. OFF: nothing is compared. EXACT: a frame whose every patch is
 * what it was has the results that it had, bit for bit; otherwise all is computed. APPROXIMATE: only the patches that changed go
 * through the network, and see the others as they were (models/reuse.h); results differ a little from those of the whole. */
typedef enum { VLF_REUSE_OFF, VLF_REUSE_EXACT, VLF_REUSE_APPROXIMATE } VlfReuseMode;

/* What words' maps are made of. ATTENTION: of the looks of the chosen layers and heads themselves. ROLLOUT: of all layers and heads, self-
 * and cross-attention, what of each patch has come into the word by all paths (models/relevance.h); with it approximate reuse is exact. */
typedef enum { VLF_RELEVANCE_ATTENTION, VLF_RELEVANCE_ROLLOUT } VlfRelevance;

/* What a run is asked for; all zero is the model's own way with everything included. Lists: negative counts from the end (-1 is the
 * last); NULL: the model's default (vlfusion.json), else all. An index out of range is VLF_ERROR_RANGE. */
typedef struct {
  VlfFit fit; /* how the frame meets the model's input */
  const gint *layers;
  guint n_layers; /* cross-attention layers that the maps are the mean of */
  const gint *heads;
  guint n_heads;
  VlfReuseMode reuse;
  gboolean cut; /* the first frame does not follow the one before: nothing is reused for it */
  guint
      attention_top_k; /* 0: off; else in cross-attention, of all layers and both ways, each query keeps of each head only its so many
                          * largest scores (see VlfAttention). VLF_ERROR_UNSUPPORTED where nothing is fused (CLIP). */
  VlfRelevance relevance; /* ROLLOUT is VLF_ERROR_UNSUPPORTED where nothing is fused (CLIP) */
  gboolean no_maps;       /* neither maps nor peaks nor word weights: saves their computation */

  /* What a frame may show that is none of the prompts. Negatives take their part of the match and are in no result; only where the
   * match is a share of all prompts (CLIP), else VLF_ERROR_UNSUPPORTED. With negatives or @judge, VlfResult.best says what the frame
   * shows: none of the prompts where a negative's score is highest, or none reaches @unknown_threshold. */
  VlfText *const *negatives;
  guint n_negatives;
  gboolean judge;
  double unknown_threshold; /* of the score, a cosine; only with @judge */

  /* A bank of the same model, which every frame is compared with: its best texts follow the prompts in the result. Of one found by its
   * embedding alone the score is the cosine and, with CLIP, the match its share of the whole bank. The best @rerank texts are asked as
   * prompts are, of what the image tower has seen already, and stand first, ordered by their match. */
  VlfBank *bank; /* NULL: none */
  guint bank_results;
  guint rerank; /* 0: none; VLF_ERROR_UNSUPPORTED where the model has no matching head */
} VlfRunOptions;

/* One stream on a model: queue, activations, what is kept from the previous frame. One thread at a time; not shared. */
typedef struct _VlfSession VlfSession;
VlfSession *vlf_session_new (VlfModel *model, GError **error);
void vlf_session_free (VlfSession *session); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfSession, vlf_session_free)

/* All @n_texts prompts asked of each of @n_frames frames, the whole enqueued at once and waited for once. @results [n_frames]
 * receives a reference each; untouched on failure. @options NULL: default. No texts: results without prompts. */
gboolean vlf_session_run (VlfSession *session, const VlfImage *frames, guint n_frames, VlfText *const *texts,
                          guint n_texts, const VlfRunOptions *options, VlfResult **results, GError **error);

/* TRUE after a run that failed: the device is lost, does not answer, and may still read the frames, whose memory must stay as it is for ever
 * then. */
gboolean vlf_session_is_left (const VlfSession *session);

/* What @session has enqueued so far in products and attention, a multiply-add counted as two operations; texts that are encoded on the
 * way are not in it. */
double vlf_session_operations (const VlfSession *session);

/* The network alone, as `vlf-run --tensors`: B independent pairs of an image and token ids. */
typedef struct {
  const float *pixel_values;    /* [batch, 3, height, width] */
  const gint64 *input_ids;      /* [batch, tokens] */
  const gint64 *attention_mask; /* [batch, tokens], 0 or 1 */
  guint batch, height, width, tokens;
  guint max_length; /* of what is generated, the start token included; 0: 20 */
} VlfTensorInput;

/* Receives one named output, row-major, rank <= 4: @data, or @ids of generated tokens, the other is NULL; valid only during the call. */
typedef void (*VlfTensorSink) (gpointer user, const char *name, const float *data, const gint64 *ids,
                               const guint *shape, guint rank);

/* Gives @sink every output whose head's tensors are present, whatever class `architectures` names. B: batch, T: tokens, P: patches, the class
 * token included, W: tokens of the longest row.
 * BridgeTower: text_features [B,T,d], image_features [B,P,d], pooler_output [B,2d]; logits, of the matching head [B,2], of the masked
 *   language model [B,T,vocab]; text_embeds, image_embeds, cross_embeds [B,e]; of each layer N of the fusion cross_attentions.text.N
 *   [B,heads,T,P] and cross_attentions.image.N [B,heads,P,T].
 * BLIP: of retrieval itm_score [B,2], itc_score [B,B], last_hidden_state [B,P,d] of the vision tower; of captioning logits [B,T,vocab],
 *   greedy_ids, beam3_ids [B,W], last_hidden_state; of question answering greedy_ids, beam3_ids.
 * CLIP, SigLIP: image_embeds, text_embeds [B,e], logits_per_image [B,B]. */
gboolean vlf_session_run_tensors (VlfSession *session, const VlfTensorInput *input, VlfTensorSink sink, gpointer user,
                                  GError **error);

G_END_DECLS
