/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* Marks in a prompt:
 *   (some words:1.5)  how much the picture listens to these words, 0 to 10; 0: not at all, 1: as ever
 *   [some words]      the words that the phrase map is made of
 *   \( \) \[ \] \: \\ the character itself
 * Both kinds may overlap, none nests in its own kind; a mark on a part of a word counts for the whole word, of several weights the first.
 * There are no errors: what is not exactly a mark (no closing, no word inside, no number, one beyond 10) is plain text, so that "8-)" and
 * "(see below)" are what they look like. */

/* What a mark covers: bytes [begin, end) of the plain text, at least one. */
typedef struct {
  gsize begin, end;
  float weight; /* 0..10 */
} VlfMark;

typedef struct {
  gchar *text;             /* without marks; owned */
  GArray *weights, *focus; /* of VlfMark, in order, each kind without overlap */
} VlfMarkup;

#define VLF_MARKUP_MAX_WEIGHT 10.0

/* @text: UTF-8. Linear in its length. */
void vlf_markup_parse (VlfMarkup *markup, const char *text);
void vlf_markup_clear (VlfMarkup *markup); /* zeroed is fine */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VlfMarkup, vlf_markup_clear)

/* Of the word at bytes [begin, end) of the plain text. */
float vlf_markup_weight (const VlfMarkup *markup, gsize begin, gsize end);
gboolean vlf_markup_is_focus (const VlfMarkup *markup, gsize begin, gsize end);

G_END_DECLS
