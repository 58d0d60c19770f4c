/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Did the words find what they name in examples/shapes?
 *   pointing RESULTS TRUTH SHARE    RESULTS: of vljsonenc; TRUTH: truth.jsonl; exit status 1 if the peak lies in the thing asked for, or
 * half a patch beside it, on less than SHARE of the frames */
#include "models/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double
number (const VlfJson *value)
{
  double result = NAN;

  vlf_json_double (value, &result);
  return result;
}

/* Every word of the prompt that names a colour or shape is the thing's. */
static gboolean
fits (const VlfJson *thing, const char *prompt)
{
  static const char *const colors[] = { "red", "blue", "green", "purple", NULL };
  static const char *const shapes[] = { "circle", "star", "square", "triangle", NULL };

  for (guint i = 0; colors[i]; i++)
    if (strstr (prompt, colors[i]) && !vlf_json_is (vlf_json_get (thing, "color"), colors[i]))
      return FALSE;
  for (guint i = 0; shapes[i]; i++)
    if (strstr (prompt, shapes[i]) && !vlf_json_is (vlf_json_get (thing, "shape"), shapes[i]))
      return FALSE;
  return TRUE;
}

static gboolean
found (const VlfJson *result, const VlfJson *truth)
{
  const VlfJson *prompt = vlf_json_first (vlf_json_get (result, "prompts"));
  const VlfJson *peak = vlf_json_get (prompt, "peak"), *frame = vlf_json_get (result, "frame");
  const char *text = vlf_json_string (vlf_json_get (prompt, "text"), NULL);
  double half = 0.5 * number (vlf_json_nth (frame, 0)) / number (vlf_json_nth (vlf_json_get (result, "grid"), 1));

  for (const VlfJson *t = vlf_json_first (vlf_json_get (truth, "things")); text && t; t = vlf_json_next (t)) {
    double x = number (vlf_json_nth (peak, 0)) - number (vlf_json_get (t, "x"));
    double y = number (vlf_json_nth (peak, 1)) - number (vlf_json_get (t, "y"));

    if (fits (t, text) && hypot (x, y) <= number (vlf_json_get (t, "radius")) + half)
      return TRUE;
  }
  return FALSE;
}

static gboolean
line_found (const char *result_line, const char *truth_line)
{
  g_autoptr (VlfJson) result = vlf_json_parse (result_line, strlen (result_line), NULL, NULL);
  g_autoptr (VlfJson) truth = vlf_json_parse (truth_line, strlen (truth_line), NULL, NULL);

  return result && truth && found (result, truth);
}

int
main (int argc, char **argv)
{
  g_autofree gchar *results = NULL, *truth = NULL;
  g_auto (GStrv) result_lines = NULL, truth_lines = NULL;
  guint n = 0, hits = 0;

  if (argc != 4 || !g_file_get_contents (argv[1], &results, NULL, NULL) ||
      !g_file_get_contents (argv[2], &truth, NULL, NULL))
    return 2;
  result_lines = g_strsplit (results, "\n", -1);
  truth_lines = g_strsplit (truth, "\n", -1);
  for (; result_lines[n] && truth_lines[n] && *result_lines[n] && *truth_lines[n]; n++)
    hits += line_found (result_lines[n], truth_lines[n]);
  printf ("the peak is right on %u of %u frames\n", hits, n);
  return n > 0 && hits >= g_ascii_strtod (argv[3], NULL) * n ? 0 : 1;
}
