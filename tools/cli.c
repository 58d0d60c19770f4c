/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/cli.h"
#include "kernels/error.h"
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

gchar *
cli_clean (const char *text)
{
  g_autofree gchar *valid = g_utf8_make_valid (text, -1);
  GString *clean = g_string_new (NULL);

  for (const char *c = valid; *c; c = g_utf8_next_char (c))
    g_string_append_unichar (clean, g_unichar_isprint (g_utf8_get_char (c)) ? g_utf8_get_char (c) : ' ');
  return g_string_free (clean, FALSE);
}

/* Messages may quote what a file or user wrote, newlines included. */
static void
complain (const char *message)
{
  g_autofree gchar *line = cli_clean (message);

  g_strchomp (line);
  fprintf (stderr, "%s: %s\n", g_get_prgname (), line);
}

gboolean
cli_parse (const GOptionEntry *entries, const char *summary, int n_arguments, int *argc, char ***argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree gchar *program = g_path_get_basename ((*argv)[0]);

  setlocale (LC_ALL, "");
  g_set_prgname (program);
  g_option_context_set_summary (context, summary);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, &error)) {
    cli_usage ("%s", error->message);
    return FALSE;
  }
  if (*argc - 1 > n_arguments) {
    cli_usage ("expected no more arguments, found \"%s\"", (*argv)[1 + n_arguments]);
    return FALSE;
  }
  return TRUE;
}

CliStatus
cli_fail (GError *error)
{
  complain (error ? error->message : "unknown error");
  g_clear_error (&error);
  return CLI_FAILED;
}

CliStatus
cli_usage (const char *format, ...)
{
  g_autofree gchar *message = NULL, *line = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  line = g_strdup_printf ("%s (%s --help says more)", message, g_get_prgname ());
  complain (line);
  return CLI_USAGE;
}

void
cli_note (const char *format, ...)
{
  g_autofree gchar *message = NULL;
  va_list arguments;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  complain (message);
}

gboolean
cli_print (const char *text, GError **error)
{
  if (fputs (text, stdout) >= 0 && fflush (stdout) == 0)
    return TRUE;
  g_set_error (error, VLF_ERROR, VLF_ERROR_IO, "standard output: %s", g_strerror (errno));
  return FALSE;
}
