/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Marks in prompts: what is one, what is plain text, and that nothing else comes of any input. */
#include <string.h>
#include "models/markup.h"

static void
add_marks (GString *out, const GArray *marks, gboolean focus)
{
  for (guint i = 0; i < marks->len; i++) {
    const VlfMark *mark = &g_array_index (marks, VlfMark, i);
    gchar number[G_ASCII_DTOSTR_BUF_SIZE];

    g_string_append_printf (out, " %u-%u", (guint) mark->begin, (guint) mark->end);
    if (focus)
      g_string_append_c (out, '!');
    else
      g_string_append_printf (out, "=%s", g_ascii_formatd (number, sizeof number, "%g", mark->weight));
  }
}

/* Plain text, then "begin-end=weight" and "begin-end!" of focus words. */
static gchar *
describe (const char *source)
{
  g_auto (VlfMarkup) markup = { 0 };
  GString *out;

  vlf_markup_parse (&markup, source);
  out = g_string_new (markup.text);
  add_marks (out, markup.weights, FALSE);
  add_marks (out, markup.focus, TRUE);
  return g_string_free (out, FALSE);
}

static void
test_forms (void)
{
  static const char *const forms[][2] = {
    { "", "" },
    { "a red circle", "a red circle" },
    { "a (red:1.5) circle", "a red circle 2-5=1.5" },
    { "(a red:0) circle", "a red circle 0-5=0" },
    { "(red:10)", "red 0-3=10" },
    { "(red:.5)", "red 0-3=0.5" },
    { "(red:2.)", "red 0-3=2" },
    { "a red [circle]", "a red circle 6-12!" },
    { "[a (red:2) circle]", "a red circle 2-5=2 0-12!" },
    { "(a [red] circle:2)", "a red circle 0-12=2 2-5!" },
    { "(a [red:2) circle]", "a red circle 0-5=2 2-12!" },
    { "(\xc3\xa9t\xc3\xa9:2)!", "\xc3\xa9t\xc3\xa9! 0-5=2" },
    { "(12:30:2)", "12:30 0-5=2" },
    /* escapes */
    { "\\(red\\:2\\)", "(red:2)" },
    { "(a\\:1 b:2)", "a:1 b 0-5=2" },
    { "\\[red\\]", "[red]" },
    { "(\\(:3)", "( 0-1=3" },
    { "a\\\\b \\x \\", "a\\b \\x \\" },
    { "[a\\]b]", "a]b 0-3!" },
    /* what is no mark is text */
    { "8-)", "8-)" },
    { "(see below)", "(see below)" },
    { "(red:2", "(red:2" },
    { "red:2)", "red:2)" },
    { "(red:11)", "(red:11)" },
    { "(red:10.01)", "(red:10.01)" },
    { "(red:-1)", "(red:-1)" },
    { "(red:+1)", "(red:+1)" },
    { "(red:1e0)", "(red:1e0)" },
    { "(red:0x1)", "(red:0x1)" },
    { "(red:nan)", "(red:nan)" },
    { "(red:)", "(red:)" },
    { "(red:.)", "(red:.)" },
    { "(red:1.2.3)", "(red:1.2.3)" },
    { "(red: 2)", "(red: 2)" },
    { "(:2)", "(:2)" },
    { "(  :2)", "(  :2)" },
    { "[]", "[]" },
    { "[ ]", "[ ]" },
    { "[a", "[a" },
    { "a]", "a]" },
    { "((a:2) b:3)", "(a b:3) 1-2=2" },
    { "[[a]]", "[a] 1-2!" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (forms); i++) {
    g_autofree gchar *found = describe (forms[i][0]);

    g_test_message ("%s", forms[i][0]);
    g_assert_cmpstr (found, ==, forms[i][1]);
  }
}

static void
test_words (void)
{
  g_auto (VlfMarkup) markup = { 0 };

  vlf_markup_parse (&markup, "the (big:2) (re:3)d(dish:4), [circle] here");
  g_assert_cmpstr (markup.text, ==, "the big reddish, circle here");
  g_assert_cmpfloat (vlf_markup_weight (&markup, 0, 3), ==, 1);
  g_assert_cmpfloat (vlf_markup_weight (&markup, 4, 7), ==, 2);
  g_assert_cmpfloat (vlf_markup_weight (&markup, 8, 16), ==, 3);
  g_assert_cmpfloat (vlf_markup_weight (&markup, 17, 23), ==, 1);
  g_assert_false (vlf_markup_is_focus (&markup, 8, 16));
  g_assert_true (vlf_markup_is_focus (&markup, 17, 23));
  g_assert_false (vlf_markup_is_focus (&markup, 24, 28));
}

static void
check_marks (const GArray *marks, gsize length)
{
  gsize last = 0;

  for (guint i = 0; i < marks->len; i++) {
    const VlfMark *mark = &g_array_index (marks, VlfMark, i);

    g_assert_cmpuint (mark->begin, >=, last);
    g_assert_cmpuint (mark->begin, <, mark->end);
    g_assert_cmpuint (mark->end, <=, length);
    g_assert_true (mark->weight >= 0 && mark->weight <= (float) VLF_MARKUP_MAX_WEIGHT);
    last = mark->end;
  }
}

/* Whatever comes in: valid text no longer than it, marks in order and inside of it, weights in range. */
static void
check_anything (const char *source)
{
  g_auto (VlfMarkup) markup = { 0 };
  gsize length;

  vlf_markup_parse (&markup, source);
  length = strlen (markup.text);
  g_assert_cmpuint (length, <=, strlen (source));
  g_assert_true (g_utf8_validate (markup.text, -1, NULL));
  check_marks (markup.weights, length);
  check_marks (markup.focus, length);
}

static void
test_mutations (void)
{
  static const char *const pieces[] = { "(", ")",  "[", "]",   ":",        "\\", "1.5",
                                        "0", "99", " ", "red", "\xc3\xa9", ".",  "\n" };

  for (guint i = 0; i < 200000; i++) {
    g_autoptr (GString) source = g_string_new (NULL);

    for (gint n = g_test_rand_int_range (0, 24); n > 0; n--)
      g_string_append (source, pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))]);
    check_anything (source->str);
  }
}

/* Every text has a marked form that says the same. */
static void
test_escaping (void)
{
  for (guint i = 0; i < 20000; i++) {
    g_autoptr (GString) plain = g_string_new (NULL), marked = g_string_new (NULL);
    g_auto (VlfMarkup) markup = { 0 };

    for (gint n = g_test_rand_int_range (0, 16); n > 0; n--) {
      char c = "()[]:\\a1 "[g_test_rand_int_range (0, 9)];

      g_string_append_c (plain, c);
      if (strchr ("()[]:\\", c))
        g_string_append_c (marked, '\\');
      g_string_append_c (marked, c);
    }
    vlf_markup_parse (&markup, marked->str);
    g_assert_cmpstr (markup.text, ==, plain->str);
    g_assert_cmpuint (markup.weights->len + markup.focus->len, ==, 0);
  }
}

/* Long and hostile inputs end in time that grows with their length. */
static void
test_long (void)
{
  for (guint i = 0; i < 4; i++) {
    g_autofree gchar *source = g_strnfill (1 << 20, "([\\:"[i]);

    check_anything (source);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/markup/forms", test_forms);
  g_test_add_func ("/markup/words", test_words);
  g_test_add_func ("/markup/mutations", test_mutations);
  g_test_add_func ("/markup/escaping", test_escaping);
  g_test_add_func ("/markup/long", test_long);
  return g_test_run ();
}
