/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SentencePiece's own file, spiece.model: a ModelProto in protobuf's encoding, and the normalisation that it asks for. Sources:
 * sentencepiece, sentencepiece_model.proto (the fields), model_interface.cc (which pieces are one), normalizer.cc; protobuf's
 * documentation of its encoding. */
#include <math.h>
#include <string.h>
#include "models/tokenizer_private.h"

struct _VlfSpiece {
  VlfCharsmap *charsmap; /* NULL: every character stays what it is */
  VlfVocab *defined;     /* tokens that no normalisation changes */
  gboolean prefix;       /* a space before every text */
  gboolean squeeze;      /* one space of several, none around the text */
  gboolean mark;         /* spaces become VLF_SPACE_MARK */
};

/* ---- fields of protobuf ---- */

typedef enum { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 } Wire;

typedef struct {
  const guint8 *at, *end;
} Message;

typedef struct {
  guint64 number;
  Wire wire;
  guint64 value; /* of WIRE_VARINT and WIRE_32 */
  Message bytes; /* of WIRE_BYTES */
} Field;

static gboolean
read_varint (Message *message, guint64 *value)
{
  *value = 0;
  for (guint shift = 0; shift < 64 && message->at < message->end; shift += 7) {
    const guint8 byte = *message->at++;

    *value |= (guint64) (byte & 0x7f) << shift;
    if (byte < 0x80)
      return TRUE;
  }
  return FALSE;
}

/* @n bytes, which @field takes as they are. */
static gboolean
read_bytes (Message *message, guint64 n, Field *field)
{
  if (n > (guint64) (message->end - message->at))
    return FALSE;
  field->bytes = (Message){ message->at, message->at + n };
  message->at += n;
  return TRUE;
}

static gboolean
read_field (Message *message, Field *field)
{
  guint64 tag, length;
  guint32 bits;

  if (!read_varint (message, &tag))
    return FALSE;
  *field = (Field){ .number = tag >> 3, .wire = tag & 7 };
  switch (field->wire) {
  case WIRE_VARINT: return read_varint (message, &field->value);
  case WIRE_64: return read_bytes (message, 8, field);
  case WIRE_BYTES: return read_varint (message, &length) && read_bytes (message, length, field);
  case WIRE_32:
    if (!read_bytes (message, sizeof bits, field))
      return FALSE;
    memcpy (&bits, field->bytes.at, sizeof bits);
    field->value = GUINT32_FROM_LE (bits);
    return TRUE;
  }
  return FALSE;
}

/* TRUE while there are fields; at the end, or where there is none, FALSE with @broken as it is. */
static gboolean
next_field (Message *message, Field *field, gboolean *broken)
{
  if (*broken || message->at == message->end)
    return FALSE;
  *broken = !read_field (message, field);
  return !*broken;
}

/* ---- the model ---- */

typedef struct {
  VlfSpiece *spiece;
  VlfVocab *vocab;
  GArray *pieces; /* VlfPiece by id */
  gboolean bytes, suffix;
  guint64 kind;
  gboolean broken;
  GError **error;
} Reader;

#define KIND_UNIGRAM 1

static float
as_float (guint64 bits)
{
  const guint32 low = (guint32) bits;
  float number;

  memcpy (&number, &low, sizeof number);
  return number;
}

static gboolean
add_piece (Reader *r, const char *content, gsize length, float score, guint type)
{
  const VlfPiece piece = { .type = type, .score = score, .length = (guint) MIN (length, VLF_MAX_CONTENT + 1) };
  const guint id = r->pieces->len;

  if (r->broken || id > VLF_MAX_TOKEN_ID || length == 0 || !isfinite (score) || type < VLF_PIECE_NORMAL ||
      type > VLF_PIECE_BYTE || !g_utf8_validate_len (content, length, NULL)) {
    g_set_error (r->error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "piece %u: expected at most %u pieces, each of UTF-8 with a finite score and a type of 1 to %d, found "
                 "another one",
                 id, VLF_MAX_TOKEN_ID + 1, VLF_PIECE_BYTE);
    return FALSE;
  }
  g_array_append_val (r->pieces, piece);
  if (type == VLF_PIECE_DEFINED && !vlf_vocab_add (r->spiece->defined, content, length, id, r->error))
    return FALSE;
  return vlf_vocab_add (r->vocab, content, length, id, r->error);
}

static gboolean
read_piece (Reader *r, Message message)
{
  Message content = { message.at, message.at };
  guint type = VLF_PIECE_NORMAL;
  float score = 0;
  Field field;

  while (next_field (&message, &field, &r->broken)) {
    if (field.number == 1 && field.wire == WIRE_BYTES)
      content = field.bytes;
    else if (field.number == 2 && field.wire == WIRE_32)
      score = as_float (field.value);
    else if (field.number == 3 && field.wire == WIRE_VARINT)
      type = (guint) MIN (field.value, VLF_PIECE_BYTE + 1);
  }
  return add_piece (r, (const char *) content.at, (gsize) (content.end - content.at), score, type);
}

static void
read_trainer (Reader *r, Message message)
{
  Field field;

  while (next_field (&message, &field, &r->broken)) {
    if (field.number == 3 && field.wire == WIRE_VARINT)
      r->kind = field.value;
    else if (field.number == 24 && field.wire == WIRE_VARINT)
      r->suffix = field.value != 0;
    else if (field.number == 35 && field.wire == WIRE_VARINT)
      r->bytes = field.value != 0;
  }
}

static gboolean
read_normaliser (Reader *r, Message message)
{
  VlfSpiece *spiece = r->spiece;
  Message table = { NULL, NULL };
  Field field;

  while (next_field (&message, &field, &r->broken)) {
    if (field.number == 2 && field.wire == WIRE_BYTES)
      table = field.bytes;
    else if (field.number == 3 && field.wire == WIRE_VARINT)
      spiece->prefix = field.value != 0;
    else if (field.number == 4 && field.wire == WIRE_VARINT)
      spiece->squeeze = field.value != 0;
    else if (field.number == 5 && field.wire == WIRE_VARINT)
      spiece->mark = field.value != 0;
  }
  if (table.at == table.end)
    return TRUE;
  g_clear_pointer (&spiece->charsmap, vlf_charsmap_free);
  spiece->charsmap = vlf_charsmap_new (table.at, (gsize) (table.end - table.at), r->error);
  return spiece->charsmap != NULL;
}

static gboolean
read_model (Reader *r, Message message)
{
  Field field;

  while (next_field (&message, &field, &r->broken)) {
    gboolean ok = TRUE;

    if (field.wire != WIRE_BYTES)
      continue;
    switch (field.number) {
    case 1: ok = read_piece (r, field.bytes); break;
    case 2: read_trainer (r, field.bytes); break;
    case 3: ok = read_normaliser (r, field.bytes); break;
    }
    if (!ok)
      return FALSE;
  }
  if (r->broken || r->pieces->len == 0) {
    g_set_error (r->error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "expected a model of SentencePiece, found a file that is none or is cut off");
    return FALSE;
  }
  if (r->kind == KIND_UNIGRAM && !r->suffix)
    return TRUE;
  g_set_error (r->error, VLF_ERROR, VLF_ERROR_UNSUPPORTED,
               "expected pieces by their probability (model_type 1) with spaces before words, found others");
  return FALSE;
}

static VlfSpiece *
spiece_new (void)
{
  VlfSpiece *spiece = g_new0 (VlfSpiece, 1);

  spiece->defined = vlf_vocab_new ();
  spiece->prefix = spiece->squeeze = spiece->mark = TRUE;
  return spiece;
}

static gboolean
finish (Reader *r, VlfUnigram **unigram)
{
  vlf_vocab_sort (r->vocab);
  vlf_vocab_sort (r->spiece->defined);
  if (vlf_vocab_size (r->vocab) != r->pieces->len) {
    g_set_error (r->error, VLF_ERROR, VLF_ERROR_FORMAT, "expected different pieces, found %u of which %u are different",
                 r->pieces->len, vlf_vocab_size (r->vocab));
    return FALSE;
  }
  *unigram = vlf_unigram_new_pieces ((const VlfPiece *) (gpointer) r->pieces->data, r->pieces->len, r->bytes, r->vocab,
                                     r->error);
  return *unigram != NULL;
}

/* @read: whether all went well so far. */
static VlfSpiece *
reader_end (Reader *r, gboolean read, VlfUnigram **unigram)
{
  read = read && finish (r, unigram);
  g_array_unref (r->pieces);
  if (!read)
    g_clear_pointer (&r->spiece, vlf_spiece_free);
  return r->spiece;
}

static Reader
reader_begin (VlfVocab *vocab, GError **error)
{
  return (Reader){ .spiece = spiece_new (),
                   .vocab = vocab,
                   .pieces = g_array_new (FALSE, FALSE, sizeof (VlfPiece)),
                   .kind = KIND_UNIGRAM,
                   .error = error };
}

VlfSpiece *
vlf_spiece_parse (gconstpointer data, gsize size, VlfVocab *vocab, VlfUnigram **unigram, GError **error)
{
  const Message whole = { data, (const guint8 *) data + size };
  Reader r = reader_begin (vocab, error);

  return reader_end (&r, read_model (&r, whole), unigram);
}

/* ---- tokenizer.json, made of such a model ---- */

/* "<0x0A>" */
static gboolean
is_byte (const char *content, gsize length)
{
  return length == 6 && g_str_has_prefix (content, "<0x") && g_ascii_isxdigit (content[3]) &&
         g_ascii_isxdigit (content[4]) && content[5] == '>';
}

static gboolean
read_entry (Reader *r, const VlfJson *entry, guint64 unknown)
{
  const VlfJson *first = vlf_json_first (entry);
  gsize length = 0;
  const char *content = vlf_json_string (first, &length);
  double score = NAN;
  guint type = VLF_PIECE_NORMAL;

  if (content && vlf_json_size (entry) == 2)
    vlf_json_double (vlf_json_next (first), &score);
  if (r->pieces->len == unknown)
    type = VLF_PIECE_UNKNOWN;
  else if (content && is_byte (content, length))
    type = VLF_PIECE_BYTE;
  r->bytes |= type == VLF_PIECE_BYTE;
  if (add_piece (r, content ? content : "", length, (float) score, type))
    return TRUE;
  g_prefix_error (r->error, "model.vocab: ");
  return FALSE;
}

/* The table of characters of a normalizer or of one of its parts; NULL without one. */
static const char *
find_charsmap (const VlfJson *normalizer)
{
  const char *table = vlf_json_string (vlf_json_get (normalizer, "precompiled_charsmap"), NULL);
  const VlfJson *part = vlf_json_first (vlf_json_get (normalizer, "normalizers"));

  for (; part && !table; part = vlf_json_next (part))
    table = vlf_json_string (vlf_json_get (part, "precompiled_charsmap"), NULL);
  return table;
}

static gboolean
read_json (Reader *r, const VlfJson *whole)
{
  const VlfJson *model = vlf_json_get (whole, "model"), *vocab = vlf_json_get (model, "vocab");
  const char *table = find_charsmap (vlf_json_get (whole, "normalizer"));
  guint64 unknown;

  if (vlf_json_type (vocab) != VLF_JSON_ARRAY || !vlf_json_uint (vlf_json_get (model, "unk_id"), &unknown)) {
    g_set_error (r->error, VLF_ERROR, VLF_ERROR_FORMAT,
                 "model: expected an array vocab and a number unk_id, found %s and %s", vlf_json_type_name (vocab),
                 vlf_json_type_name (vlf_json_get (model, "unk_id")));
    return FALSE;
  }
  for (const VlfJson *entry = vlf_json_first (vocab); entry; entry = vlf_json_next (entry))
    if (!read_entry (r, entry, unknown))
      return FALSE;
  if (table) {
    gsize size = 0;
    g_autofree guchar *data = g_base64_decode (table, &size);

    r->spiece->charsmap = vlf_charsmap_new (data, size, r->error);
  }
  return !table || r->spiece->charsmap;
}

VlfSpiece *
vlf_spiece_parse_json (const VlfJson *whole, VlfVocab *vocab, VlfUnigram **unigram, GError **error)
{
  Reader r = reader_begin (vocab, error);

  return reader_end (&r, read_json (&r, whole), unigram);
}

void
vlf_spiece_no_prefix (VlfSpiece *spiece)
{
  spiece->prefix = FALSE;
}

void
vlf_spiece_free (VlfSpiece *spiece)
{
  if (!spiece)
    return;
  vlf_charsmap_free (spiece->charsmap);
  vlf_vocab_free (spiece->defined);
  g_free (spiece);
}

/* ---- normalisation ---- */

/* What the beginning of a text becomes, and how many of its bytes that is. */
typedef struct {
  const char *text;
  gsize length, consumed;
} Prefix;

/* Bytes of the longest user-defined token at byte @at. */
static gsize
defined_at (const VlfSpiece *spiece, const VlfSlice *slice, gsize at)
{
  guint low = 0, high = vlf_vocab_size (spiece->defined);
  gsize longest = 0;
  gint id;

  for (gsize i = at; i < slice->length && low < high; i++) {
    if (!vlf_vocab_narrow (spiece->defined, &low, &high, i - at, (guint8) slice->text[i], &id))
      break;
    if (id >= 0)
      longest = i + 1 - at;
  }
  return longest;
}

static Prefix
prefix_at (const VlfSpiece *spiece, const VlfSlice *slice, gsize at)
{
  const char *text = slice->text + at;
  Prefix prefix = { .text = text, .consumed = defined_at (spiece, slice, at) };

  if (prefix.consumed == 0 && spiece->charsmap) {
    const char *target = vlf_charsmap_longest (spiece->charsmap, text, slice->length - at, &prefix.consumed);

    if (target)
      return (Prefix){ target, strlen (target), prefix.consumed };
  }
  if (prefix.consumed == 0)
    prefix.consumed = (gsize) (g_utf8_next_char (text) - text);
  prefix.length = prefix.consumed;
  return prefix;
}

static gboolean
is_one_space (const Prefix *prefix)
{
  return prefix->length == 1 && *prefix->text == ' ';
}

static void
append (const VlfSpiece *spiece, const Prefix *prefix, guint32 begin, guint32 end, VlfAligned *to)
{
  for (const char *p = prefix->text; p < prefix->text + prefix->length && !to->failed; p = g_utf8_next_char (p)) {
    const gunichar c = g_utf8_get_char (p);

    vlf_aligned_append (to, c == ' ' && spiece->mark ? g_utf8_get_char (VLF_SPACE_MARK) : c, begin, end);
  }
}

/* Spaces at the end, also those that the text had as marks. */
static void
drop_end (const VlfSpiece *spiece, VlfAligned *to)
{
  const char *space = spiece->mark ? VLF_SPACE_MARK : " ";
  const gsize n = strlen (space);

  while (to->length >= n && memcmp (to->text + to->length - n, space, n) == 0)
    to->length -= n;
}

void
vlf_spiece_normalise (const VlfSpiece *spiece, const VlfSlice *slice, VlfAligned *to)
{
  const Prefix space = { " ", 1, 0 };
  gboolean behind_space = spiece->squeeze;
  gsize at = 0;
  Prefix prefix;

  for (; spiece->squeeze && at < slice->length; at += prefix.consumed) {
    prefix = prefix_at (spiece, slice, at);
    if (!is_one_space (&prefix))
      break;
  }
  if (at < slice->length && spiece->prefix)
    append (spiece, &space, slice->begin[at], slice->begin[at], to);
  for (; at < slice->length && !to->failed; at += prefix.consumed) {
    prefix = prefix_at (spiece, slice, at);
    for (; behind_space && prefix.length > 0 && *prefix.text == ' '; prefix.text++)
      prefix.length--;
    append (spiece, &prefix, slice->begin[at], slice->end[at + prefix.consumed - 1], to);
    if (prefix.length > 0)
      behind_space = spiece->squeeze && prefix.text[prefix.length - 1] == ' ';
  }
  if (spiece->squeeze)
    drop_end (spiece, to);
}
