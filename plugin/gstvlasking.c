/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlasking.h"

static void
drop_negatives (GstVlAsking *self)
{
  for (guint i = 0; self->negative_texts && self->negatives[i]; i++)
    vlf_text_unref (self->negative_texts[i]);
  g_clear_pointer (&self->negative_texts, g_free);
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
}

static GstVlAsking *
asking_alloc (gchar **templates, gchar **negatives, const gchar *bank)
{
  GstVlAsking *self = g_atomic_rc_box_new0 (GstVlAsking);

  g_mutex_init (&self->lock);
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

VlfText *
gst_vl_asking_encode_prompt (GstVlAsking *self, VlfModel *model, const gchar *prompt, gboolean markup, GError **error)
{
  if (*self->templates)
    return vlf_text_new_ensemble (model, prompt, (const char *const *) self->templates, g_strv_length (self->templates),
                                  error);
  return markup ? vlf_text_new_marked (model, prompt, error) : vlf_text_new (model, prompt, error);
}

static gboolean
encode_negatives (GstVlAsking *self, VlfModel *model, GError **error)
{
  if (self->negative_texts)
    return TRUE;
  self->negative_texts = g_new0 (VlfText *, g_strv_length (self->negatives) + 1);
  for (guint i = 0; self->negatives[i]; i++) {
    self->negative_texts[i] = gst_vl_asking_encode_prompt (self, model, self->negatives[i], FALSE, error);
    if (!self->negative_texts[i]) {
      drop_negatives (self);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
gst_vl_asking_encode (GstVlAsking *self, VlfModel *model, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (self->encoded)
    return TRUE;
  if (!encode_negatives (self, model, error))
    return FALSE;
  if (self->bank && !self->loaded && !(self->loaded = vlf_bank_load (model, self->bank, error)))
    return FALSE;
  return self->encoded = TRUE;
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
