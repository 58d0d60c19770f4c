/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hailo's CLIP JSON. Source: hailo-CLIP, clip_app/text_image_matcher.py, save_embeddings() and load_embeddings(). */
#include <math.h>
#include <string.h>
#include "models/embeddings_private.h"

static gboolean
expected (const char *name, guint place, const char *field, const char *what, const VlfJson *found, GError **error)
{
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: entries[%u].%s: expected %s, found %s", name, place, field,
               what, found ? vlf_json_type_name (found) : "nothing");
  return FALSE;
}

/* Programs keep slots for later, without a text. */
static gboolean
is_used (const VlfJson *entry)
{
  gsize length;
  const char *text = vlf_json_string (vlf_json_get (entry, "text"), &length);

  return !text || length > 0;
}

static gboolean
check_entries (const char *name, const VlfJson *entries, guint *n, guint *dim, GError **error)
{
  guint place = 0;

  *n = *dim = 0;
  for (const VlfJson *entry = vlf_json_first (entries); entry; entry = vlf_json_next (entry), place++) {
    const VlfJson *vector = vlf_json_get (entry, "embedding");

    if (vlf_json_type (entry) != VLF_JSON_OBJECT || !vlf_json_string (vlf_json_get (entry, "text"), NULL))
      return expected (name, place, "text", "a string", vlf_json_get (entry, "text"), error);
    if (!is_used (entry))
      continue;
    if (vlf_json_type (vector) != VLF_JSON_ARRAY || vlf_json_size (vector) == 0)
      return expected (name, place, "embedding", "an array of numbers", vector, error);
    if (*n > 0 && vlf_json_size (vector) != *dim) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                   "%s: entries[%u].embedding: expected %u numbers as before, found %u", name, place, *dim,
                   vlf_json_size (vector));
      return FALSE;
    }
    *dim = vlf_json_size (vector);
    ++*n;
  }
  if (*n > 0)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "%s: entries: expected at least one with a text, found none of %u",
               name, place);
  return FALSE;
}

/* An absent flag is FALSE. */
static gboolean
read_flag (const char *name, guint place, const char *key, const VlfJson *entry, gboolean *flag, GError **error)
{
  const VlfJson *value = vlf_json_get (entry, key);

  *flag = FALSE;
  return !value || vlf_json_bool (value, flag) || expected (name, place, key, "true or false", value, error);
}

static gboolean
read_vector (const char *name, guint place, const VlfJson *vector, float *to, GError **error)
{
  for (const VlfJson *value = vlf_json_first (vector); value; value = vlf_json_next (value)) {
    double number;

    if (!vlf_json_double (value, &number))
      return expected (name, place, "embedding", "numbers", value, error);
    *to++ = (float) number;
  }
  return TRUE;
}

static gboolean
read_entry (VlfEmbeddings *self, const char *name, guint i, guint place, const VlfJson *entry, GError **error)
{
  VlfEmbedding *text = &self->texts[i];
  gsize length;
  const char *words = vlf_json_string (vlf_json_get (entry, "text"), &length);

  return vlf_embeddings_name_text (self, name, i, words, length, error) &&
         read_flag (name, place, "negative", entry, &text->negative, error) &&
         read_flag (name, place, "ensemble", entry, &text->ensemble, error) &&
         read_vector (name, place, vlf_json_get (entry, "embedding"), self->values + (gsize) i * self->dim, error);
}

static gboolean
read_threshold (VlfEmbeddings *self, const char *name, const VlfJson *root, GError **error)
{
  const VlfJson *value = vlf_json_get (root, "threshold");

  if (!value)
    return TRUE;
  if (vlf_json_double (value, &self->threshold) && self->threshold >= 0 && self->threshold <= 1)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s: threshold: expected a number from 0 to 1, found %s", name,
               isfinite (self->threshold) ? "one beyond" : vlf_json_type_name (value));
  return FALSE;
}

VlfEmbeddings *
vlf_embeddings_from_json (const char *name, const VlfJson *root, GError **error)
{
  const VlfJson *entries = vlf_json_get (root, "entries");
  g_autoptr (VlfEmbeddings) self = NULL;
  guint n, dim, i = 0, place = 0;

  if (vlf_json_type (entries) != VLF_JSON_ARRAY) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "%s: entries: expected an array of texts with their embeddings, found %s", name,
                 entries ? vlf_json_type_name (entries) : "nothing");
    return NULL;
  }
  if (!check_entries (name, entries, &n, &dim, error) || !(self = vlf_embeddings_new (name, n, 1, 1, dim, error)))
    return NULL;
  for (const VlfJson *entry = vlf_json_first (entries); entry; entry = vlf_json_next (entry), place++)
    if (is_used (entry) && !read_entry (self, name, i++, place, entry, error))
      return NULL;
  if (!read_threshold (self, name, root, error) || !vlf_embeddings_check_finite (self, name, error) ||
      !vlf_embeddings_normalize (self, name, error))
    return NULL;
  return g_steal_pointer (&self);
}
