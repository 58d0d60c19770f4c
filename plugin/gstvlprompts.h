/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/session.h"
#include "plugin/gstvlasking.h"
#include "plugin/gstvlworker.h"

G_BEGIN_DECLS

/* Where a prompt's text comes from: itself, or text @place of embeddings that somebody else made. */
typedef struct {
  VlfEmbeddings *of; /* NULL: the prompt is encoded here */
  guint place;
} GstVlPromptSource;

/* A list of prompts that are asked together. The strings never change; the texts are filled in by whoever encodes them, which is one
 * thread at a time. Reference-counted. */
typedef struct {
  guint64 generation;         /* counts the lists that came into force, from 1 */
  guint n, own;               /* the first @own are the application's, the others came with the stream */
  gchar **prompts;            /* [n], then NULL */
  GstVlPromptSource *sources; /* [n] */
  gboolean markup;            /* they have marks, see models/markup.h */
  GstVlAsking *asking;        /* how they are asked */
  VlfText **texts;            /* [n]; NULL: not encoded yet, or left out */
  GError *refused;   /* why encoding read one that came with the stream as it stands, or not at all; NULL: none */
  gboolean left_out; /* which of the two */
  gboolean checked;  /* what encoding said has been told the user */
} GstVlPromptSet;

GstVlPromptSet *gst_vl_prompt_set_ref (GstVlPromptSet *set);
void gst_vl_prompt_set_unref (GstVlPromptSet *set); /* NULL is fine */
/* Encodes what is not yet. VLF_ERROR_RANGE where embeddings do not fit @model. */
gboolean gst_vl_prompt_set_encode (GstVlPromptSet *set, VlfModel *model, GError **error);

/* The texts of an encoded @set as a run takes them, appended, borrowed: those that are asked, and the negatives, its own and those of files (see
 * VlfRunOptions.negatives). */
void gst_vl_prompt_set_split (const GstVlPromptSet *set, GPtrArray *asked, GPtrArray *negatives);
/* Of the file that some of its texts come from, what it says about matches; NULL: there is none. */
const VlfEmbeddings *gst_vl_prompt_set_file (const GstVlPromptSet *set);

/* The prompts of a stream: those that the application wants, those encoded, those in force. A new list of the application's is encoded
 * beside the stream and then swapped in whole, at a frame boundary; frames until then have the old one. */
typedef struct _GstVlPrompts GstVlPrompts;
GstVlPrompts *gst_vl_prompts_new (void);
void gst_vl_prompts_free (GstVlPrompts *self);
/* Any thread. @prompts: NULL-terminated, taken over. */
void gst_vl_prompts_want (GstVlPrompts *self, gchar **prompts);
gchar **gst_vl_prompts_wanted (GstVlPrompts *self); /* a copy */
/* Texts that come encoded and are asked behind these; NULL: none. Any thread. */
void gst_vl_prompts_want_encoded (GstVlPrompts *self, VlfEmbeddings *encoded);
/* The way in which all are asked, and what besides, changed in one field as gst_vl_asking_change() has it; any thread. */
void gst_vl_prompts_want_asking (GstVlPrompts *self, GstVlAskingField field, gchar **list);
GstVlAsking *gst_vl_prompts_wanted_asking (GstVlPrompts *self); /* a reference */
/* Whether marks are read in all prompts that are asked from now on; any thread. */
void gst_vl_prompts_set_markup (GstVlPrompts *self, gboolean markup);
gboolean gst_vl_prompts_get_markup (GstVlPrompts *self);
/* A stream begins: what is wanted by then is asked of its first frame, whatever was asked of the one before. Nothing streams. */
void gst_vl_prompts_begin (GstVlPrompts *self);
/* Encoded texts belong to a model: forgets them before it goes. */
void gst_vl_prompts_forget (GstVlPrompts *self);

/* What to ask of the next frame: the application's prompts, its encoded texts, then @more (strings), of which @encoded (as long, or NULL)
 * has those that came encoded, as embeddings of one text. A reference; NULL: nothing, and no bank. Its texts may still have to be encoded,
 * by whoever asks them: the first ones, and those of pads. @model: NULL while it loads. @error: set when a new list turned out to be
 * impossible; the old one stays. One thread at a time, as all above but for wanting. */
GstVlPromptSet *gst_vl_prompts_choose (GstVlPrompts *self, VlfModel *model, const GPtrArray *more,
                                       const GPtrArray *encoded, GError **error);

G_END_DECLS
