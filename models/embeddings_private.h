/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/embeddings*.c: how a VlfEmbeddings is filled. */
#pragma once
#include "models/embeddings.h"
#include "models/json.h"
#include "models/safetensors.h"

G_BEGIN_DECLS

/* Room for @n texts of one vector each or of more; values are not set. Checks the limits; @name is the file, for messages. */
VlfEmbeddings *vlf_embeddings_new (const char *name, gsize n, gsize layers, gsize tokens, gsize dim, GError **error);

/* Memory of @count items of @size bytes, zeroed, that lives as long as @embeddings; NULL if there is none. */
gpointer vlf_embeddings_alloc (VlfEmbeddings *embeddings, gsize count, gsize size);

/* Calls text @i so. FALSE unless @text [@length] is one line of UTF-8 with something in it. */
gboolean vlf_embeddings_name_text (VlfEmbeddings *embeddings, const char *name, guint i, const char *text, gsize length,
                                   GError **error);

/* FALSE, naming a text, if one of the numbers is NaN or infinite. */
gboolean vlf_embeddings_check_finite (const VlfEmbeddings *embeddings, const char *name, GError **error);

/* Brings each vector to unit length; pooled ones only. FALSE, naming a text, if one has no direction. */
gboolean vlf_embeddings_normalize (VlfEmbeddings *embeddings, const char *name, GError **error);

/* The formats. */
VlfEmbeddings *vlf_embeddings_from_safetensors (const char *path, GError **error);
VlfEmbeddings *vlf_embeddings_from_json (const char *name, const VlfJson *root, GError **error);

G_END_DECLS
