/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "models/session.h"

G_BEGIN_DECLS

/* models/session.h without a model: results that say what came in, and faults on demand. Needs no device. Every field may change at any
 * time and is read atomically. */
typedef struct {
  gint load_ms, text_ms, run_ms; /* how long each takes; loading asks for its progress in steps of 5 ms */
  gint check_error, load_error;  /* a VlfError + 1: vlf_model_check() or vlf_model_open() fails so; 0: not */
  gint text_error, run_error;    /* the same of vlf_text_new() and of vlf_session_run() */
  gint mark_error;               /* of vlf_text_new_marked() alone, of prompts that have marks */
  gint left;                     /* vlf_session_is_left() */
  gint match;                    /* of every prompt, thousandths, from 1 on; 0: fake_match() */
  gint truncate_at;              /* longest prompt, characters; 0: no limit */
  gint saying;                   /* what captions end with */
  gint answers;                  /* the model: 0 captions, 1 answers, 2 both */
  gint steps, step_ms;           /* of a caption: how many, and how long each takes; it may end early between them */

  gint runs, texts_made, captions, stopped; /* counted; captions that ended early */
  gint running;                             /* runs under way */
  gint width, height, aspect;               /* of the last picture; its pixels' aspect in thousandths */
  gint top_k, relevance;                    /* that the last run was asked for */
  gint models_alive, texts_alive, sessions_alive, banks_alive; /* what has not been released */
} FakeSession;
extern FakeSession fake;

/* Back to no faults, no delays, zero counts; what is alive stays counted. */
void fake_reset (void);

#define FAKE_DEVICE_MS 7 /* what every result says */
#define FAKE_GRID      4
#define FAKE_REUSED    0.25 /* times VlfReuseMode is what results say, 0 after a cut */
#define FAKE_INPUT     16   /* pixels a side that every frame is resized to */

/* Encoded texts are [1, 1, FAKE_DIM] of model 0123. The first number of a prompt's embedding in a result is the first of its encoded
 * text's, 0 where it came as a string. */
#define FAKE_DIM 3

/* A result's image_embedding is: mean red, green, blue of the frame (0..255, by its matrix), number of the run from 1. Each prompt's
 * match is fake_match() of it. */
double fake_match (const char *prompt);

/* A bank is the lines of its file: the first ones are found, those reranked are answered as prompts are. Of an ensemble the first number of
 * the embedding is how many templates there were. */
gchar **fake_bank_lines (VlfBank *bank);

/* Captions are "<prefix or 'saying'> N" with N = fake.saying, answers "<question> N", each of two words or more with maps; more than 32
 * beams are VLF_ERROR_RANGE, and so is this question or prefix. */
#define FAKE_UNREADABLE "unreadable?"

G_END_DECLS
