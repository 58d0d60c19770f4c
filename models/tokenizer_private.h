/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/json.h"
#include "models/tokenizer.h"

G_BEGIN_DECLS

/* The parts of a tokenizer, in the order in which a text passes through them: added tokens are split off, what
 * remains is normalised, cut into words, and a model turns each word into tokens. Only the tokenizer's own files
 * include this. */

/* --- text that knows where it came from: tokenizer_text.c --- */

/* Bytes of UTF-8; byte i stems from bytes [begin[i], end[i]) of the original, which are whole characters. */
typedef struct {
  const char *text;
  const guint32 *begin, *end;
  gsize length;
} VlfSlice;

/* A text under construction; zeroed is empty. Appending remembers when memory did not suffice, or the limit. */
typedef struct {
  char *text;
  guint32 *begin, *end;
  gsize length, allocated;
  gsize limit; /* about the most bytes; 0: none */
  gboolean failed;
  gboolean full; /* @failed, and it was the limit */
} VlfAligned;

void vlf_aligned_append (VlfAligned *to, gunichar c, guint32 begin, guint32 end);
void vlf_aligned_clear (VlfAligned *aligned);
static inline VlfSlice
vlf_slice_part (const VlfSlice *slice, gsize from, gsize to)
{
  VlfSlice part = { slice->text + from, slice->begin + from, slice->end + from, to - from };

  return part;
}
/* Bytes [from, to). What is empty may have no memory, or a part of it, and addresses are counted from. */
static inline VlfSlice
vlf_aligned_slice (const VlfAligned *aligned, gsize from, gsize to)
{
  static const guint32 nowhere[1] = { 0 };
  const VlfSlice nothing = { "", nowhere, nowhere, 0 };
  VlfSlice whole = { aligned->text, aligned->begin, aligned->end, to };

  return aligned->allocated > 0 ? vlf_slice_part (&whole, from, to) : nothing;
}

/* White_Space of Unicode; \p{L}; \p{N}; \w of regular expressions. GLib's version of Unicode decides. */
gboolean vlf_is_space (gunichar c);
gboolean vlf_is_letter (gunichar c);
gboolean vlf_is_number (gunichar c);
gboolean vlf_is_word (gunichar c);

/* Where a step reads: the character at byte @at with its origin; @at moves behind it. FALSE at the end. */
gboolean vlf_slice_next (const VlfSlice *slice, gsize *at, gunichar *c, guint32 *begin, guint32 *end);

/* --- normalisation: tokenizer_normal.c --- */

/* Steps without arguments. */
typedef enum {
  VLF_NORMAL_CLEAN = 1 << 0,   /* control characters out, white space as plain spaces (BERT) */
  VLF_NORMAL_CHINESE = 1 << 1, /* spaces around ideographs (BERT) */
  VLF_NORMAL_NFC = 1 << 2,
  VLF_NORMAL_ACCENTS = 1 << 3, /* letters without their marks (BERT) */
  VLF_NORMAL_SIGMA = 1 << 4,   /* at the end of a word small as it is written there (Python's lower()) */
  VLF_NORMAL_LOWERCASE = 1 << 5,
  VLF_NORMAL_STRIP_LEFT = 1 << 6, /* white space at the beginning and the end */
  VLF_NORMAL_STRIP_RIGHT = 1 << 7,
} VlfNormal;

/* Characters of a set, each or run by run, become @content. */
typedef struct {
  gboolean chars[128], spaces; /* the set: of ASCII, and White_Space */
  gboolean run;                /* a run is replaced as a whole, if it has @least characters or more */
  guint least;
  char content[16];
} VlfReplace;

/* From a regular expression of the kinds that tokenizers have: a character, [characters] or \s, then nothing, + or {2,}. FALSE for
 * others, and for a content that is too long. */
gboolean vlf_replace_parse (VlfReplace *replace, const char *pattern, const char *content);

/* SentencePiece's table of characters and what they become: tokenizer_charsmap.c. */
typedef struct _VlfCharsmap VlfCharsmap;
/* From a precompiled_charsmap. VLF_ERROR_FORMAT if it is none, VLF_ERROR_RANGE if what a character becomes is too long. */
VlfCharsmap *vlf_charsmap_new (const guint8 *data, gsize size, GError **error);
void vlf_charsmap_free (VlfCharsmap *charsmap); /* NULL is fine */
/* As tokenizers does: by user-perceived characters. */
void vlf_charsmap_apply (const VlfCharsmap *charsmap, const VlfSlice *slice, VlfAligned *to);
/* As SentencePiece itself does: what becomes of the longest entry that @text [length] begins with, of @consumed bytes, whole characters;
 * NULL without one. */
const char *vlf_charsmap_longest (const VlfCharsmap *charsmap, const char *text, gsize length, gsize *consumed);

/* One of the three. */
typedef struct {
  VlfNormal plain; /* 0: another one */
  VlfReplace replace;
  VlfCharsmap *charsmap; /* owned by the normaliser; NULL: another one */
} VlfNormalStep;

#define VLF_MAX_NORMAL_STEPS 16

/* Steps in the order in which they are done; zeroed is none. */
typedef struct {
  VlfNormalStep steps[VLF_MAX_NORMAL_STEPS];
  guint n;
} VlfNormaliser;

void vlf_normaliser_clear (VlfNormaliser *normaliser);
/* Takes what @step owns, unless there are too many: FALSE. */
gboolean vlf_normaliser_add (VlfNormaliser *normaliser, const VlfNormalStep *step);
gboolean vlf_normaliser_add_plain (VlfNormaliser *normaliser, VlfNormal flags); /* in their order above */

/* @slice, normalised, behind what @to has, whose limit holds for what every step makes. @normaliser: NULL copies. */
void vlf_normalise (const VlfNormaliser *normaliser, const VlfSlice *slice, VlfAligned *to);

/* --- words: tokenizer_text.c --- */

/* How a text is cut into words: in this order, the later ones within the words of the earlier ones. */
typedef enum {
  VLF_SPLIT_PREFIX_SPACE = 1 << 0, /* a space before a text that has none */
  VLF_SPLIT_CLIP = 1 << 1,
  VLF_SPLIT_GPT2 = 1 << 2,
  VLF_SPLIT_BERT = 1 << 3,
  VLF_SPLIT_SPACES = 1 << 4, /* at each space, which begins the word behind it (SentencePiece) */
} VlfSplit;

/* Bytes of the first word at @text; @text < @end. Sources: the regular expressions of OpenAI's GPT-2 (encoder.py)
 * and CLIP (simple_tokenizer.py), Google's BERT (tokenization.py, BasicTokenizer). Of CLIP's and
 * BERT's 0 at white space, which belongs to no word. */
gsize vlf_gpt2_word (const char *text, const char *end);
gsize vlf_clip_word (const char *text, const char *end);
gsize vlf_bert_word (const char *text, const char *end);
gsize vlf_marked_word (const char *text, const char *end); /* up to the next VLF_SPACE_MARK */

/* --- vocabulary: tokenizer_vocab.c --- */

#define VLF_MAX_TOKEN_ID 999999u
#define VLF_MAX_CONTENT  4096u /* bytes of a token; those of real models have some hundred */

/* Contents of tokens and their ids. Found by sorting: hostile contents cannot make it slow. */
typedef struct _VlfVocab VlfVocab;
VlfVocab *vlf_vocab_new (void);
void vlf_vocab_free (VlfVocab *vocab);
/* VLF_ERROR_RANGE above VLF_MAX_CONTENT: encoding looks at all of a content again and again, and a captioner writes it as often. */
gboolean vlf_vocab_add (VlfVocab *vocab, const char *content, gsize length, guint id, GError **error);
/* After the last vlf_vocab_add(), before the calls below. Of a content that is there twice the higher id counts. */
void vlf_vocab_sort (VlfVocab *vocab);
gint vlf_vocab_find (const VlfVocab *vocab, const char *content, gsize length);
/* Range [*low, *high) of sorted entries whose first @depth bytes agree, narrowed to those with byte @c next; FALSE
 * if none is left. Begin with 0 and vlf_vocab_size(). @id receives that of the entry that ends there, else -1. */
gboolean vlf_vocab_narrow (const VlfVocab *vocab, guint *low, guint *high, gsize depth, guint8 c, gint *id);
guint vlf_vocab_size (const VlfVocab *vocab); /* entries */
const char *vlf_vocab_content (const VlfVocab *vocab, guint entry, guint *id);

/* --- added tokens: tokenizer_added.c --- */

#define VLF_MAX_ADDED 16384u

typedef struct {
  const char *content;
  guint id;
  gboolean lstrip, rstrip, single_word, normalized, special;
  gboolean numbered; /* @id is what files say, otherwise vlf_added_add() gives it one */
} VlfAddedToken;

typedef struct _VlfAdded VlfAdded;
VlfAdded *vlf_added_new (void);
void vlf_added_free (VlfAdded *added);
/* Adds a copy of @token or, if there is one of the same content, changes its flags. Its id, unless given, is that in @vocab, else
 * one beyond what is taken. */
gboolean vlf_added_add (VlfAdded *added, const VlfAddedToken *token, const VlfVocab *vocab, GError **error);
/* From now on all of them are matched in the text as it is, as tokenizers in Python do. */
void vlf_added_match_raw (VlfAdded *added);
/* After the last one, before the calls below. VLF_ERROR_RANGE if @normaliser makes a content too long, or VLF_ERROR_NO_MEMORY. */
gboolean vlf_added_finish (VlfAdded *added, const VlfNormaliser *normaliser, GError **error);
gboolean vlf_added_is_special (const VlfAdded *added, guint id);
gint vlf_added_find (const VlfAdded *added, const char *content);
guint vlf_added_size (const VlfAdded *added);
const VlfAddedToken *vlf_added_nth (const VlfAdded *added, guint n);
gint vlf_added_max_id (const VlfAdded *added); /* -1: none */

/* Cuts a text at added tokens: at those matched in the normalised text, or at the others. */
typedef struct {
  const VlfAdded *added;
  gboolean normalized;
  VlfSlice text;
  gsize scanned, done;
  gint pending; /* id of a token found behind a text part, -1: none */
  gsize pending_begin, pending_end;
} VlfAddedCursor;

void vlf_added_start (VlfAddedCursor *cursor, const VlfAdded *added, gboolean normalized, const VlfSlice *text);
/* The next part, [*begin, *end) of the text: a token's @id or, with -1, text between. FALSE at the end. */
gboolean vlf_added_next (VlfAddedCursor *cursor, gsize *begin, gsize *end, gint *id);

/* --- models --- */

/* Appends a token to @to, whose array has room for @allocated. FALSE without memory. */
gboolean vlf_tokens_append (VlfTokens *to, gsize *allocated, guint id, guint begin, guint end, gboolean special);

/* Byte pair encoding over bytes: tokenizer_bpe.c. */
typedef struct _VlfBpe VlfBpe;

typedef struct {
  const char *end_of_word; /* "</w>" or "" */
  const char *unknown;     /* content of the token for what has none, NULL: leave it out */
  gboolean fuse_unknown;   /* one token for a run of them */
  gboolean ignore_merges;  /* a word that is in the vocabulary is one token */
} VlfBpeOptions;

VlfBpe *vlf_bpe_new (const VlfBpeOptions *options);
void vlf_bpe_free (VlfBpe *bpe);
/* In the order of their ranks. VLF_ERROR_FORMAT if a part or the whole is not in @vocab. */
gboolean vlf_bpe_add_merge (VlfBpe *bpe, const VlfVocab *vocab, const char *left, gsize left_length, const char *right,
                            gsize right_length, GError **error);
gboolean vlf_bpe_finish (VlfBpe *bpe, const VlfVocab *vocab, GError **error);

/* The bytes that a token of the vocabulary stands for, and a space where it ends a word. */
void vlf_bpe_append (const VlfBpe *bpe, const char *content, GString *to);

/* What encoding needs beside the model, kept from word to word; zeroed is empty. */
typedef struct {
  gpointer symbols, queue;
  gsize n_symbols, n_queue; /* allocated */
} VlfBpeScratch;
void vlf_bpe_scratch_clear (VlfBpeScratch *scratch);

gboolean vlf_bpe_encode (const VlfBpe *bpe, const VlfVocab *vocab, const VlfSlice *word, VlfBpeScratch *scratch,
                         VlfTokens *to, gsize *allocated);

/* The longest token of the vocabulary first, again and again (Wu et al. 2016): tokenizer_wordpiece.c. */
typedef struct {
  gchar *prefix;   /* of tokens that go on within a word: "##" */
  guint max_chars; /* of a word; longer ones are unknown */
  guint unknown;
} VlfWordPiece;

VlfWordPiece *
vlf_wordpiece_new (const VlfVocab *vocab, const char *prefix, const char *unknown, guint max_chars, GError **error);
void vlf_wordpiece_free (VlfWordPiece *wordpiece);
gboolean vlf_wordpiece_encode (const VlfWordPiece *wordpiece, const VlfVocab *vocab, const VlfSlice *word,
                               VlfTokens *to, gsize *allocated);

/* The most probable tokens of a word (Kudo 2018, "Subword Regularization", section 3.2): tokenizer_unigram.c. */
typedef struct _VlfUnigram VlfUnigram;

/* As SentencePiece numbers them (sentencepiece_model.proto). */
typedef enum {
  VLF_PIECE_NORMAL = 1,
  VLF_PIECE_UNKNOWN,
  VLF_PIECE_CONTROL,
  VLF_PIECE_DEFINED, /* by the user: taken before all others */
  VLF_PIECE_UNUSED,
  VLF_PIECE_BYTE,
} VlfPieceType;

typedef struct {
  VlfPieceType type;
  float score;
  guint length; /* bytes of its content */
} VlfPiece;

/* @vocab: tokenizer.json's list of contents and log-probabilities, which are added to @to. @bytes: what none of them has becomes
 * the tokens of its bytes, where all of them are there. VLF_ERROR_FORMAT or VLF_ERROR_RANGE if it is
 * none, or @unknown no place in it. */
VlfUnigram *
vlf_unigram_new (const VlfJson *vocab, const VlfJson *unknown, gboolean bytes, VlfVocab *to, GError **error);
/* The same from pieces by id, whose contents are in @vocab, sorted; scores are summed up as SentencePiece does, in float. @bytes: what no
 * piece has becomes pieces of its bytes. VLF_ERROR_FORMAT if there is not one of type unknown, or not all those of bytes. */
VlfUnigram *
vlf_unigram_new_pieces (const VlfPiece *pieces, guint n, gboolean bytes, const VlfVocab *vocab, GError **error);
void vlf_unigram_free (VlfUnigram *unigram);
gboolean vlf_unigram_encode (const VlfUnigram *unigram, const VlfVocab *vocab, const VlfSlice *word, VlfTokens *to,
                             gsize *allocated);

/* How SentencePiece writes a space. */
#define VLF_SPACE_MARK "\342\226\201"

/* What SentencePiece's own file says beside its pieces: tokenizer_spiece.c. */
typedef struct _VlfSpiece VlfSpiece;
/* @data: spiece.model. Its pieces are added to @vocab, which is sorted then, and make *@unigram. VLF_ERROR_FORMAT, VLF_ERROR_RANGE,
 * VLF_ERROR_UNSUPPORTED. */
VlfSpiece *vlf_spiece_parse (gconstpointer data, gsize size, VlfVocab *vocab, VlfUnigram **unigram, GError **error);
/* The same from a tokenizer.json that was made from such a file. */
VlfSpiece *vlf_spiece_parse_json (const VlfJson *whole, VlfVocab *vocab, VlfUnigram **unigram, GError **error);
void vlf_spiece_free (VlfSpiece *spiece);      /* NULL is fine */
void vlf_spiece_no_prefix (VlfSpiece *spiece); /* no space before a text, whatever the file says */
/* @slice as its pieces are looked for, behind what @to has, whose limit holds. */
void vlf_spiece_normalise (const VlfSpiece *spiece, const VlfSlice *slice, VlfAligned *to);

/* --- the whole: built by tokenizer_load.c, used by tokenizer.c --- */

#define VLF_MAX_SPECIAL 8

struct _VlfTokenizer {
  VlfVocab *vocab;
  VlfAdded *added;
  VlfBpe *bpe; /* one of the three is the model */
  VlfWordPiece *wordpiece;
  VlfUnigram *unigram;
  VlfSpiece *spiece; /* with @unigram: a text between added tokens is one word, normalised by this */
  gchar *lead;       /* with @spiece: stands before each such text, and the first @n_lead tokens are left out */
  guint n_lead;
  VlfNormaliser normaliser;
  VlfSplit split;
  guint before[VLF_MAX_SPECIAL], after[VLF_MAX_SPECIAL]; /* ids around every text */
  guint n_before, n_after;
  gboolean end_once;  /* a text that ends with the token of @after gets no second one */
  gboolean cut_start; /* truncation drops the beginning of the text */
  gboolean clean_up;  /* see vlf_tokenizer_clean_up() */
  guint model_max_length;
  gint roles[VLF_TOKEN_UNK + 1];
  const char **contents; /* [size] by id; NULL where there is none */
  guint size;
};

/* With @spiece and @lead set: sets @n_lead. FALSE without memory. tokenizer.c */
gboolean vlf_tokenizer_measure_lead (VlfTokenizer *tokenizer);
gboolean vlf_tokenizer_load (VlfTokenizer *tokenizer, int dir_fd, const char *model_type, GError **error);

G_END_DECLS
