/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* What the command line tools have in common: how they read options, and how they end. */
typedef enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 } CliStatus;

/* Takes the options out of @argv; FALSE, with one line on stderr, if they are wrong, or if anything is left that no option claims and
 * @n_arguments (the most that may stay) does not allow. What stays is argv[1] to argv[@argc - 1]. */
gboolean cli_parse (const GOptionEntry *entries, const char *summary, int n_arguments, int *argc, char ***argv);

/* One line on stderr, whatever the message looks like; takes @error. Returns CLI_FAILED. */
CliStatus cli_fail (GError *error);
/* As above with what is wrong about the command line. Returns CLI_USAGE. */
CliStatus cli_usage (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* One line on stderr about what was done differently from what was asked. */
void cli_note (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* A copy of what a file or user wrote, so that it can neither begin a line nor speak to the terminal: control, format and unassigned
 * characters are spaces, what is not UTF-8 is U+FFFD. */
gchar *cli_clean (const char *text);

/* All of @text to stdout; a closed or full one is an error. */
gboolean cli_print (const char *text, GError **error);

G_END_DECLS
