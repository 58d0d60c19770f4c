/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What makes two text embeddings comparable: the same config, tokenizer, tensors' names and shapes, and text tower. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "models/file.h"
#include "models/model.h"

#define CHUNK ((gsize) 1 << 20)

/* A label and a length before every part keep parts from running into each other. */
static void
add (GChecksum *sum, const char *label, gconstpointer data, gsize length)
{
  g_autofree gchar *head = g_strdup_printf ("%s:%" G_GSIZE_FORMAT ":", label, length);

  g_checksum_update (sum, (const guchar *) head, (gssize) strlen (head));
  g_checksum_update (sum, data, (gssize) length);
}

static gboolean
add_config (GChecksum *sum, int dir, GError **error)
{
  g_autoptr (VlfJson) json = vlf_json_load (dir, "config.json", VLF_JSON_CONFIG_BYTES, NULL, error);
  g_autoptr (GString) text = g_string_new (NULL);

  if (!json)
    return FALSE;
  vlf_json_canonical (json, text);
  add (sum, "config.json", text->str, text->len);
  return TRUE;
}

static gboolean
add_tokenizer (GChecksum *sum, int dir, GError **error)
{
  static const char *const names[] = { "tokenizer.json", "vocab.json",        "merges.txt",
                                       "vocab.txt",      "added_tokens.json", "spiece.model" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree gchar *data = NULL;
    gsize length;

    if (!vlf_file_exists (dir, names[i]))
      continue;
    data = vlf_file_load (dir, names[i], VLF_JSON_TOKENIZER_BYTES, &length, error);
    if (!data)
      return FALSE;
    add (sum, names[i], data, length);
  }
  return TRUE;
}

/* What a text goes through before it meets a picture: the tower, and what makes it the embedding that it shares with pictures. */
static gboolean
is_text_tower (const char *name)
{
  static const char *const parts[] = { "text_model.",
                                       "text_encoder.",
                                       "text_proj", /* BLIP's, and CLIP's text_projection */
                                       "itc_text_head.",
                                       "token_type_embeddings.",
                                       "cross_modal_text_transform",
                                       "cross_modal_text_layernorm." };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (strstr (name, parts[i]))
      return TRUE;
  return FALSE;
}

static gboolean
add_tensor (GChecksum *sum, const VlfSafetensors *files, const VlfTensorInfo *info, guint8 *chunk, const gint *stop,
            GError **error)
{
  add (sum, info->name, NULL, 0);
  for (gsize at = 0; at < info->bytes; at += CHUNK) {
    gsize n = MIN (CHUNK, info->bytes - at);

    if (stop && g_atomic_int_get (stop)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_CANCELLED, "the fingerprint was stopped");
      return FALSE;
    }
    if (!vlf_safetensors_read (files, info, at, n, chunk, error))
      return FALSE;
    g_checksum_update (sum, chunk, (gssize) n);
  }
  return TRUE;
}

static gboolean
add_weights (GChecksum *sum, const char *directory, const gint *stop, GError **error)
{
  g_autoptr (VlfSafetensors) files = vlf_safetensors_open_dir (directory, error);
  g_autofree guint8 *chunk = g_malloc (CHUNK);

  if (!files)
    return FALSE;
  for (guint i = 0; i < vlf_safetensors_n_files (files); i++) {
    gsize length;
    const char *header = vlf_safetensors_header (files, i, &length);
    add (sum, "header", header, length);
  }
  for (guint i = 0; i < vlf_safetensors_size (files); i++) {
    const VlfTensorInfo *info = vlf_safetensors_nth (files, i);
    if (is_text_tower (info->name) && !add_tensor (sum, files, info, chunk, stop, error))
      return FALSE;
  }
  return TRUE;
}

gchar *
vlf_model_make_fingerprint (const char *directory, const gint *stop, GError **error)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  int dir = vlf_dir_open (directory, error);
  gboolean ok;

  if (dir < 0)
    return NULL;
  ok = add_config (sum, dir, error) && add_tokenizer (sum, dir, error) && add_weights (sum, directory, stop, error);
  close (dir);
  return ok ? g_strdup (g_checksum_get_string (sum)) : NULL;
}
