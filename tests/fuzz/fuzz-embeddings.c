/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a file of text embeddings, of whichever format. What loads is finite, has a name for each text, and words that its tokens know. */
#include "models/embeddings.h"
#include "tests/fuzz/fuzz.h"
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

static void
check_text (const VlfEmbeddings *embeddings, const VlfEmbedding *text)
{
  g_assert_true (g_utf8_validate (text->text, -1, NULL) && *text->text);
  g_assert_cmpuint (text->tokens, >, 0);
  for (gsize i = 0; i < (gsize) embeddings->layers * text->tokens * embeddings->dim; i++)
    g_assert_true (isfinite (text->values[i]));
  for (guint w = 0; w < text->n_words; w++)
    g_assert_true (*text->words[w].text && text->words[w].weight >= 0);
  for (guint t = 0; text->word_of && t < text->tokens; t++)
    g_assert_true (text->word_of[t] >= -1 && text->word_of[t] < (gint) text->n_words);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  int fd = memfd_create ("fuzz", MFD_CLOEXEC);
  g_autofree gchar *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (VlfEmbeddings) embeddings = NULL;

  g_assert_true (fd >= 0 && write (fd, data, size) == (gssize) size);
  embeddings = vlf_embeddings_load (path, NULL);
  for (guint i = 0; embeddings && i < embeddings->n; i++)
    check_text (embeddings, &embeddings->texts[i]);
  close (fd);
  return 0;
}
