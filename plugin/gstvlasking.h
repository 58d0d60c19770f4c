/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/bank.h"

G_BEGIN_DECLS

/* How prompts are asked, apart from what they say: the sentences they are put in, what a frame may show instead of them, and a bank of
 * texts that it is compared with besides. What was wanted never changes; what is encoded of it is filled in once. Reference-counted,
 * thread-safe. */
typedef struct {
  gchar **templates; /* NULL-terminated; empty: prompts stand alone */
  gchar **negatives; /* NULL-terminated */
  gchar *bank;       /* file; NULL: none */

  /*< private >*/
  GMutex encoding; /* held by who encodes, however long it takes */
  GMutex lock;     /* of what follows, never for long */
  gboolean encoded;
  VlfText **negative_texts; /* as many as @negatives; NULL: not encoded */
  VlfBank *loaded;
} GstVlAsking;

typedef enum { GST_VL_ASKING_TEMPLATES, GST_VL_ASKING_NEGATIVES, GST_VL_ASKING_BANK } GstVlAskingField;

GstVlAsking *gst_vl_asking_new (void);
GstVlAsking *gst_vl_asking_ref (GstVlAsking *self);
void gst_vl_asking_unref (GstVlAsking *self); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstVlAsking, gst_vl_asking_unref)
/* @from with another @field: @list, NULL-terminated, taken over; of the bank at most one, its file, which is read again. Keeps what is
 * encoded of the others. */
GstVlAsking *gst_vl_asking_change (GstVlAsking *from, GstVlAskingField field, gchar **list);
/* @self with the bank that @other has read of the same file; NULL: @other has none, or @self has one. */
GstVlAsking *gst_vl_asking_rescue (GstVlAsking *self, GstVlAsking *other);
/* Whether both have the same templates and negatives. */
gboolean gst_vl_asking_same_words (const GstVlAsking *self, const GstVlAsking *other);
/* @from with nothing encoded: encoded texts belong to a model. */
GstVlAsking *gst_vl_asking_forget (GstVlAsking *from);

/* Encodes negatives and reads the bank, unless that is done. */
gboolean gst_vl_asking_encode (GstVlAsking *self, VlfModel *model, GError **error);
gboolean gst_vl_asking_is_encoded (GstVlAsking *self);
/* A prompt in its templates. */
VlfText *
gst_vl_asking_encode_prompt (GstVlAsking *self, VlfModel *model, const gchar *prompt, gboolean markup, GError **error);
/* What is encoded; borrowed. */
VlfText *const *gst_vl_asking_negatives (GstVlAsking *self, guint *n);
VlfBank *gst_vl_asking_bank (GstVlAsking *self); /* NULL: none */

G_END_DECLS
