/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>
#include "models/bank_private.h"

#define MAX_TEXTS 10000000u

/* Texts that are kept encoded, at least: of a video, the best of a frame are mostly those of the frame before. */
#define ENCODED 128u

struct _VlfBank {
  gint refs;
  VlfModel *model;
  guint n;
  gchar **texts;         /* [n], then NULL */
  VlfWeight *embeddings; /* [n, size] */

  GMutex lock;        /* of what follows */
  GHashTable *places; /* index -> link of @encoded */
  GQueue encoded;     /* of Encoded, latest first */
};

typedef struct {
  guint index;
  VlfText *text;
} Encoded;

/* ---- making ---- */

static gboolean
check_texts (guint n, const char *const *texts, GError **error)
{
  for (guint i = 0; i < n; i++)
    if (!g_utf8_validate (texts[i], -1, NULL)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "text %u of the bank: expected UTF-8, found other bytes", i);
      return FALSE;
    }
  return TRUE;
}

/* Where rows are read from: the caller's memory. */
typedef struct {
  const float *embeddings;
  guint size;
} Rows;

static gboolean
read_unit_rows (gpointer user, guint first, guint n, gpointer to, GError **error)
{
  const Rows *rows = user;

  for (guint r = 0; r < n; r++) {
    const float *from = rows->embeddings + (gsize) (first + r) * rows->size;
    float *row = (float *) to + (gsize) r * rows->size;
    double length = 0;

    for (guint i = 0; i < rows->size; i++)
      length += (double) from[i] * from[i];
    length = sqrt (length);
    if (!(length > 0) || !isfinite (length)) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_FORMAT, "embedding %u of the bank: expected a direction, found %s",
                   first + r, length == 0 ? "zero" : "numbers that are not finite");
      return FALSE;
    }
    for (guint i = 0; i < rows->size; i++)
      row[i] = (float) (from[i] / length);
  }
  return TRUE;
}

static gboolean
check_shape (const VlfModel *model, guint n, guint size, GError **error)
{
  const guint expected = model->net->embedding_size;

  if (expected == 0)
    g_set_error (error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
                 "bank: model \"%s\" has no embedding that text and picture share; expected a CLIP model or one with a "
                 "contrastive head",
                 model->name);
  else if (size != expected)
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "bank: embeddings of %u numbers do not fit model \"%s\", whose have %u", size, model->name, expected);
  else if (n == 0 || n > MAX_TEXTS)
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "bank: expected 1 to %u texts, found %u", MAX_TEXTS, n);
  else
    return TRUE;
  return FALSE;
}

VlfBank *
vlf_bank_new (VlfModel *model, const float *embeddings, guint n, guint size, const char *const *texts, GError **error)
{
  Rows rows = { embeddings, size };
  const VlfSource source = { VLF_F32, n, size, read_unit_rows, &rows };
  VlfWeight *weight;
  VlfBank *bank;

  if (!check_shape (model, n, size, error) || !check_texts (n, texts, error))
    return NULL;
  weight = vlf_weight_new (model->device, &source, NULL, 1, VLF_F32, error);
  if (!weight)
    return NULL;
  bank = g_new0 (VlfBank, 1);
  bank->refs = 1;
  bank->model = vlf_model_ref (model);
  bank->n = n;
  bank->embeddings = weight;
  bank->texts = g_new0 (gchar *, (gsize) n + 1);
  for (guint i = 0; i < n; i++)
    bank->texts[i] = g_strdup (texts[i]);
  g_mutex_init (&bank->lock);
  bank->places = g_hash_table_new (NULL, NULL);
  return bank;
}

static gboolean
check_file (const VlfModel *model, const VlfEmbeddings *from, const char *path, GError **error)
{
  if (!from->pooled)
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "%s: expected one vector a text for a bank, found %u of every word; vlf-run --texts makes banks", path,
                 from->layers);
  else if (from->model && strcmp (from->model, model->fingerprint) != 0)
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                 "%s: expected embeddings of model \"%s\" (fingerprint %.16s), found those of %.*s", path, model->name,
                 model->fingerprint, vlf_shown (from->model, 16), from->model);
  else
    return TRUE;
  return FALSE;
}

VlfBank *
vlf_bank_load (VlfModel *model, const char *path, GError **error)
{
  g_autoptr (VlfEmbeddings) from = vlf_embeddings_load (path, error);
  g_autofree const char **texts = NULL;
  g_autofree float *rows = NULL;
  VlfBank *bank;
  guint n = 0;

  if (!from || !check_file (model, from, path, error))
    return NULL;
  texts = g_new (const char *, from->n);
  rows = g_try_new (float, MAX ((gsize) from->n * from->dim, 1));
  for (guint i = 0; i < from->n && rows; i++)
    if (!from->texts[i].negative) {
      memcpy (rows + (gsize) n * from->dim, from->texts[i].values, from->dim * sizeof *rows);
      texts[n++] = from->texts[i].text;
    }
  if (!rows) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "%s: no memory for %u texts", path, from->n);
    return NULL;
  }
  bank = vlf_bank_new (model, rows, n, from->dim, texts, error);
  if (!bank)
    g_prefix_error (error, "%s: ", path);
  return bank;
}

VlfBank *
vlf_bank_ref (VlfBank *bank)
{
  g_atomic_int_inc (&bank->refs);
  return bank;
}

static void
encoded_free (gpointer data)
{
  Encoded *encoded = data;

  vlf_text_unref (encoded->text);
  g_free (encoded);
}

void
vlf_bank_unref (VlfBank *bank)
{
  if (!bank || !g_atomic_int_dec_and_test (&bank->refs))
    return;
  g_queue_clear_full (&bank->encoded, encoded_free);
  g_hash_table_unref (bank->places);
  g_mutex_clear (&bank->lock);
  vlf_weight_free (bank->embeddings);
  g_strfreev (bank->texts);
  vlf_model_unref (bank->model);
  g_free (bank);
}

guint
vlf_bank_size (const VlfBank *bank)
{
  return bank->n;
}

const char *
vlf_bank_text (const VlfBank *bank, guint index)
{
  return bank->texts[index];
}

VlfModel *
vlf_bank_model (const VlfBank *bank)
{
  return bank->model;
}

/* ---- looking ---- */

VlfTensor
vlf_bank_score (VlfPass *pass, const VlfBank *bank, VlfTensor images)
{
  return vlf_linear (pass, images, bank->embeddings, VLF_NONE, NULL);
}

/* Whether score @a comes before score @b. */
static gboolean
before (const float *scores, guint a, guint b)
{
  if (scores[a] > scores[b] || (isnan (scores[b]) && !isnan (scores[a])))
    return TRUE;
  if (scores[a] < scores[b] || (isnan (scores[a]) && !isnan (scores[b])))
    return FALSE;
  return a < b;
}

/* Lets the entry at @at of a heap, whose root comes last of all, sink to where it belongs. */
static void
sink (const float *scores, guint *heap, guint n, guint at)
{
  for (;;) {
    guint last = at, left = 2 * at + 1, entry = heap[at];

    if (left < n && before (scores, heap[last], heap[left]))
      last = left;
    if (left + 1 < n && before (scores, heap[last], heap[left + 1]))
      last = left + 1;
    if (last == at)
      return;
    heap[at] = heap[last];
    heap[last] = entry;
    at = last;
  }
}

void
vlf_bank_choose (const float *scores, guint n, guint k, guint *best)
{
  if (k == 0)
    return;
  for (guint i = 0; i < k; i++)
    best[i] = i;
  for (guint i = k / 2; i > 0; i--)
    sink (scores, best, k, i - 1);
  for (guint i = k; i < n; i++)
    if (before (scores, i, best[0])) {
      best[0] = i;
      sink (scores, best, k, 0);
    }
  for (guint i = k - 1; i > 0; i--) {
    guint last = best[0];

    best[0] = best[i];
    best[i] = last;
    sink (scores, best, i, 0);
  }
}

/* ---- texts to be asked in full ---- */

static VlfText *
find_encoded (VlfBank *bank, guint index)
{
  GList *link = g_hash_table_lookup (bank->places, GUINT_TO_POINTER (index));

  if (!link)
    return NULL;
  g_queue_unlink (&bank->encoded, link);
  g_queue_push_head_link (&bank->encoded, link);
  return ((Encoded *) link->data)->text;
}

static void
keep_encoded (VlfBank *bank, guint index, guint keep, VlfText *text)
{
  Encoded *encoded = g_new (Encoded, 1);

  *encoded = (Encoded){ index, vlf_text_ref (text) };
  g_queue_push_head (&bank->encoded, encoded);
  g_hash_table_insert (bank->places, GUINT_TO_POINTER (index), bank->encoded.head);
  if (bank->encoded.length <= MAX (keep, ENCODED))
    return;
  encoded = g_queue_pop_tail (&bank->encoded);
  g_hash_table_remove (bank->places, GUINT_TO_POINTER (encoded->index));
  encoded_free (encoded);
}

VlfText *
vlf_bank_encode (VlfBank *bank, guint index, guint keep, GError **error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&bank->lock);
  VlfText *text = find_encoded (bank, index);

  if (text)
    return vlf_text_ref (text);
  text = vlf_text_new (bank->model, bank->texts[index], error);
  if (text)
    keep_encoded (bank, index, keep, text);
  return text;
}
