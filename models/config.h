/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/json.h"

G_BEGIN_DECLS

/* The settings of a JSON file such as config.json. Hugging Face leaves out what equals its class's default, so every
 * getter takes that default, and the range that is possible here. A config remembers its first error: a list of
 * fields is read line by line and checked once, with vlf_config_check(). Until then wrong fields read as their
 * default. Paths are dotted ("text_config.hidden_size"); null counts as absent. Not thread-safe while being read. */
typedef struct _VlfConfig VlfConfig;

/* @name in the folder @dir: "config.json", "preprocessor_config.json", "tokenizer_config.json", "vlfusion.json".
 * NULL with @error set if it is missing, too large, not JSON or not an object. */
VlfConfig *vlf_config_load (const char *dir, const char *name, GError **error);
/* The same, but a missing file reads as an empty object. */
VlfConfig *vlf_config_load_optional (const char *dir, const char *name, GError **error);
void vlf_config_free (VlfConfig *config); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VlfConfig, vlf_config_free)

/* Integers written as 2.0 are integers, as in Python's arithmetic; 2.5 is an error. min <= result <= max, or
 * @absent. */
guint vlf_config_uint (VlfConfig *config, const char *path, guint absent, guint min, guint max);
gint vlf_config_int (VlfConfig *config, const char *path, gint absent, gint min, gint max);
double vlf_config_double (VlfConfig *config, const char *path, double absent, double min, double max);
gboolean vlf_config_bool (VlfConfig *config, const char *path, gboolean absent);
/* Lives as long as @config. @absent may be NULL. */
const char *vlf_config_string (VlfConfig *config, const char *path, const char *absent);
/* Index in @choices (NULL-terminated) of the string at @path; @absent is an index too. Others: VLF_ERROR_UNSUPPORTED
 * naming the choices. */
guint vlf_config_choice (VlfConfig *config, const char *path, const char *const *choices, guint absent);
/* Up to @max_n numbers of an array to @to; returns how many, 0 if absent (@to untouched). More than @max_n is an
 * error. */
guint vlf_config_ints (VlfConfig *config, const char *path, gint *to, guint max_n, gint min, gint max);
guint vlf_config_doubles (VlfConfig *config, const char *path, double *to, guint max_n, double min, double max);

gboolean vlf_config_has (const VlfConfig *config, const char *path); /* present and not null */
/* The value itself, NULL if absent or null. "" is all that paths begin in. */
const VlfJson *vlf_config_get (const VlfConfig *config, const char *path);

/* From now on paths begin in the object at @path, as if it were the file. FALSE, and nothing happens, if it is absent or null; what is no
 * object is an error. */
gboolean vlf_config_enter (VlfConfig *config, const char *path);

/* For rules between fields: remembers an error ("config.json: " + message) unless there is one already. */
void vlf_config_fail (VlfConfig *config, VlfError code, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* FALSE with the first error, which stays remembered. */
gboolean vlf_config_check (const VlfConfig *config, GError **error);

G_END_DECLS
