/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/error.h"

G_BEGIN_DECLS

/* JSON (RFC 8259, strictly) as an immutable tree. A VlfJson is any value of it; the root owns all of them. Reading
 * is thread-safe. Every accessor takes NULL and a value of another type as "not there", so a path of lookups needs
 * one test, at its end. */
typedef struct _VlfJson VlfJson;

typedef enum {
  VLF_JSON_NULL,
  VLF_JSON_BOOL,
  VLF_JSON_INT,    /* written as an integer and within int64 */
  VLF_JSON_UINT,   /* written as an integer above int64, within uint64 */
  VLF_JSON_DOUBLE, /* any other number, also -0 and integers beyond uint64 */
  VLF_JSON_STRING,
  VLF_JSON_ARRAY,
  VLF_JSON_OBJECT,
} VlfJsonType;

/* What a text may cost; 0 is the default. */
typedef struct {
  guint max_depth;           /* arrays and objects inside each other; default 64, at most 512 */
  guint max_values;          /* default 4 million; a value takes 48 bytes or less */
  gboolean allow_duplicates; /* of keys in an object: the last one counts; default: VLF_ERROR_FORMAT */
} VlfJsonLimits;

/* @data: @length bytes, white space around the value allowed, nothing else. @limits NULL: the defaults. NULL with
 * VLF_ERROR_FORMAT (byte, line, expected, found), VLF_ERROR_RANGE (a limit) or VLF_ERROR_NO_MEMORY. Free the root,
 * and only it, with vlf_json_free(). */
VlfJson *vlf_json_parse (const char *data, gsize length, const VlfJsonLimits *limits, GError **error);

#define VLF_JSON_CONFIG_BYTES    ((gsize) 16 << 20)
#define VLF_JSON_TOKENIZER_BYTES ((gsize) 256 << 20)

/* The same from file @name of the folder @dir_fd (see models/file.h); messages begin with @name. */
VlfJson *vlf_json_load (int dir_fd, const char *name, gsize max_bytes, const VlfJsonLimits *limits, GError **error);
void vlf_json_free (VlfJson *root); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfJson, vlf_json_free)

/* VLF_JSON_NULL for NULL. */
VlfJsonType vlf_json_type (const VlfJson *value);
/* "an integer", "a string", ... for messages. */
const char *vlf_json_type_name (const VlfJson *value);

/* A member of an object, NULL if there is none. O(log members). */
const VlfJson *vlf_json_get (const VlfJson *object, const char *key);
const VlfJson *vlf_json_get_n (const VlfJson *object, const char *key, gsize length);
/* As vlf_json_get() with the steps separated by dots: "text_config.hidden_size". */
const VlfJson *vlf_json_path (const VlfJson *object, const char *path);

/* for (v = vlf_json_first (array_or_object); v; v = vlf_json_next (v)): in the order of the text. */
guint vlf_json_size (const VlfJson *array_or_object);
const VlfJson *vlf_json_first (const VlfJson *array_or_object);
const VlfJson *vlf_json_next (const VlfJson *value);
const VlfJson *vlf_json_nth (const VlfJson *array_or_object, guint n); /* O(n) */

/* Member @n of an object in the order of its keys by length, then bytes; n < size. NULL for other values. */
const VlfJson *vlf_json_sorted (const VlfJson *object, guint n);

/* The key of a member of an object, NULL for other values. @length may be NULL. */
const char *vlf_json_key (const VlfJson *member, gsize *length);

/* FALSE, with @number untouched, unless @value is a number that fits without loss of sign or fraction. */
gboolean vlf_json_int (const VlfJson *value, gint64 *number);
gboolean vlf_json_uint (const VlfJson *value, guint64 *number);
gboolean vlf_json_double (const VlfJson *value, double *number); /* any number, rounded to nearest */
gboolean vlf_json_bool (const VlfJson *value, gboolean *truth);
/* UTF-8 and NUL-terminated; NUL characters inside are possible, hence @length (may be NULL). NULL unless a string. */
const char *vlf_json_string (const VlfJson *value, gsize *length);
/* Whether @value is a string equal to @text. */
gboolean vlf_json_is (const VlfJson *value, const char *text);

/* Appends @value in one canonical form: no white space, keys sorted by length and bytes. For fingerprints. */
void vlf_json_canonical (const VlfJson *value, GString *to);
/* Appends @text [@length bytes, -1: up to NUL] as a JSON string with its quotes; what is not UTF-8 becomes U+FFFD. */
void vlf_json_quote (GString *to, const char *text, gssize length);

G_END_DECLS
