/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/json.h"

G_BEGIN_DECLS

/* How json.c and json_parse.c keep a tree; nobody else includes this. */

/* Values lie in the order of the text, so the first member of a container is the next value and @span leads to its
 * sibling. */
struct _VlfJson {
  const char *key; /* of a member, else NULL */
  union {
    gboolean truth;
    gint64 integer;
    guint64 natural;
    double number;
    const char *string;
    const VlfJson **sorted; /* members of an object by key */
  } is;
  guint32 key_length;
  guint32 length; /* bytes of a string, members of a container */
  guint32 span;   /* values in here, itself included */
  guint8 type;
  guint8 last; /* of its container; also the root */
};

typedef struct {
  char *text;              /* all strings, unescaped, each with a NUL */
  const VlfJson **members; /* all objects' @sorted */
} VlfJsonDocument;         /* the values lie behind it, in the same block */

static inline VlfJson *
vlf_json_values (VlfJsonDocument *document)
{
  return (VlfJson *) (document + 1);
}

/* Sorts the members of all objects among the @n values; FALSE on a key that is there twice, unless
 * @allow_duplicates. */
gboolean vlf_json_sort_objects (VlfJsonDocument *document, gsize n, gboolean allow_duplicates, GError **error);
void vlf_json_document_free (VlfJsonDocument *document); /* NULL is fine */

G_END_DECLS
