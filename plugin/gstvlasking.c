/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlasking.h"

/* @texts: up to NULL. */
static void
free_texts (VlfText **texts)
{
  for (guint i = 0; texts[i]; i++)
    vlf_text_unref (texts[i]);
  g_free (texts);
}

static void
drop_negatives (GstVlAsking *self)
{
  g_clear_pointer (&self->negative_texts, free_texts);
}

static void
drop_bank (GstVlAsking *self)
{
  g_clear_pointer (&self->loaded, vlf_bank_unref);
}

static void
asking_clear (gpointer data)
{
  GstVlAsking *self = data;

  drop_negatives (self);
  drop_bank (self);
  g_strfreev (self->templates);
  g_strfreev (self->negatives);
  g_free (self->bank);
  g_mutex_clear (&self->lock);
  g_mutex_clear (&self->encoding);
}

static GstVlAsking *
asking_alloc (gchar **templates, gchar **negatives, const gchar *bank)
{
  GstVlAsking *self = g_atomic_rc_box_new0 (GstVlAsking);

  g_mutex_init (&self->lock);
  g_mutex_init (&self->encoding);
  self->templates = g_strdupv (templates);
  self->negatives = g_strdupv (negatives);
  self->bank = g_strdup (bank);
  return self;
}

GstVlAsking *
gst_vl_asking_new (void)
{
  gchar *none = NULL;

  return asking_alloc (&none, &none, NULL);
}

GstVlAsking *
gst_vl_asking_ref (GstVlAsking *self)
{
  return g_atomic_rc_box_acquire (self);
}

void
gst_vl_asking_unref (GstVlAsking *self)
{
  if (self)
    g_atomic_rc_box_release_full (self, asking_clear);
}

GstVlAsking *
gst_vl_asking_forget (GstVlAsking *from)
{
  return asking_alloc (from->templates, from->negatives, from->bank);
}

static void
copy_encoded (GstVlAsking *self, GstVlAsking *from)
{
  g_mutex_lock (&from->lock);
  self->loaded = from->loaded ? vlf_bank_ref (from->loaded) : NULL;
  if (from->negative_texts) {
    self->negative_texts = g_new0 (VlfText *, g_strv_length (from->negatives) + 1);
    for (guint i = 0; from->negatives[i]; i++)
      self->negative_texts[i] = vlf_text_ref (from->negative_texts[i]);
  }
  g_mutex_unlock (&from->lock);
}

GstVlAsking *
gst_vl_asking_change (GstVlAsking *from, GstVlAskingField field, gchar **list)
{
  GstVlAsking *self = gst_vl_asking_forget (from);

  copy_encoded (self, from);
  if (field == GST_VL_ASKING_BANK) {
    drop_bank (self);
    g_free (self->bank);
    self->bank = g_strdup (list[0]);
    g_strfreev (list);
    return self;
  }
  drop_negatives (self); /* they are put in templates too */
  if (field == GST_VL_ASKING_TEMPLATES) {
    g_strfreev (self->templates);
    self->templates = list;
  } else {
    g_strfreev (self->negatives);
    self->negatives = list;
  }
  return self;
}

GstVlAsking *
gst_vl_asking_rescue (GstVlAsking *self, GstVlAsking *other)
{
  VlfBank *bank = gst_vl_asking_bank (other);
  GstVlAsking *rescued;

  if (!bank || gst_vl_asking_bank (self) || g_strcmp0 (self->bank, other->bank) != 0)
    return NULL;
  rescued = gst_vl_asking_forget (self);
  copy_encoded (rescued, self);
  rescued->loaded = vlf_bank_ref (bank);
  return rescued;
}

gboolean
gst_vl_asking_same_words (const GstVlAsking *self, const GstVlAsking *other)
{
  return g_strv_equal ((const gchar *const *) self->templates, (const gchar *const *) other->templates) &&
         g_strv_equal ((const gchar *const *) self->negatives, (const gchar *const *) other->negatives);
}

VlfText *
gst_vl_asking_encode_prompt (GstVlAsking *self, VlfModel *model, const gchar *prompt, gboolean markup, GError **error)
{
  if (*self->templates)
    return vlf_text_new_ensemble (model, prompt, (const char *const *) self->templates, g_strv_length (self->templates),
                                  error);
  return markup ? vlf_text_new_marked (model, prompt, error) : vlf_text_new (model, prompt, error);
}

static VlfText **
encode_negatives (GstVlAsking *self, VlfModel *model, GError **error)
{
  VlfText **texts = g_new0 (VlfText *, g_strv_length (self->negatives) + 1);

  for (guint i = 0; self->negatives[i]; i++) {
    texts[i] = gst_vl_asking_encode_prompt (self, model, self->negatives[i], FALSE, error);
    if (!texts[i]) {
      free_texts (texts);
      return NULL;
    }
  }
  return texts;
}

/* What is there already; only who encodes adds to it. */
static void
look (GstVlAsking *self, gboolean *encoded, gboolean *negatives, gboolean *bank)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  *encoded = self->encoded;
  *negatives = self->negative_texts != NULL;
  *bank = !self->bank || self->loaded;
}

/* Takes both; NULL: there already. */
static void
publish (GstVlAsking *self, VlfText **negatives, VlfBank *bank, gboolean encoded)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (negatives)
    self->negative_texts = negatives;
  if (bank)
    self->loaded = bank;
  self->encoded = encoded;
}

gboolean
gst_vl_asking_encode (GstVlAsking *self, VlfModel *model, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->encoding);
  gboolean encoded, has_negatives, has_bank;
  VlfText **negatives = NULL;
  VlfBank *bank = NULL;

  look (self, &encoded, &has_negatives, &has_bank);
  if (encoded)
    return TRUE;
  if (!has_negatives)
    negatives = encode_negatives (self, model, error);
  has_negatives |= negatives != NULL;
  if (!has_bank) /* also where the negatives are impossible: the file may be another by the time that they are not */
    bank = vlf_bank_load (model, self->bank, has_negatives ? error : NULL);
  encoded = has_negatives && (has_bank || bank);
  publish (self, negatives, bank, encoded);
  return encoded;
}

gboolean
gst_vl_asking_is_encoded (GstVlAsking *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->encoded || (!*self->negatives && !self->bank);
}

VlfText *const *
gst_vl_asking_negatives (GstVlAsking *self, guint *n)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  *n = self->negative_texts ? g_strv_length (self->negatives) : 0;
  return self->negative_texts;
}

VlfBank *
gst_vl_asking_bank (GstVlAsking *self)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->loaded;
}
