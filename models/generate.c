/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/generate.h"
#include <math.h>
#include <string.h>

/* A text under way. Token t > 0 was produced by row @producer[t] of a step, and its own keys were put at slot @slot[t] of the next. */
typedef struct {
  guint n;
  guint32 *ids; /* [max_length] and so are the others */
  float *log_probs;
  guint *producer, *slot;
  float score; /* sum of processed log probabilities; of finished texts divided by the length */
} Text;

typedef struct {
  VlfSession *session;
  const VlfNet *net;
  const VlfSearch *search;
  VlfTensor context[VLF_MAX_FUSION_LAYERS], cache;
  guint cells;    /* rows of the context */
  guint n_prefix; /* tokens given */
  const gboolean *layers, *heads;
  GPtrArray *maps;                 /* of each step, [rows, cells] */
  float *logits;                   /* [beams, vocab] */
  float *logs;                     /* [beams, vocab] their log softmax */
  Text *running, *next, *finished; /* [beams] */
  guint n_running, n_finished;
} Search;

/* ---- texts ---- */

static Text *
texts_new (guint n, guint length)
{
  Text *texts = g_new0 (Text, n);

  for (guint i = 0; i < n; i++)
    texts[i] = (Text){ .ids = g_new0 (guint32, length),
                       .log_probs = g_new0 (float, length),
                       .producer = g_new0 (guint, length),
                       .slot = g_new0 (guint, length) };
  return texts;
}

static void
texts_free (Text *texts, guint n)
{
  for (guint i = 0; texts && i < n; i++) {
    g_free (texts[i].ids);
    g_free (texts[i].log_probs);
    g_free (texts[i].producer);
    g_free (texts[i].slot);
  }
  g_free (texts);
}

static void
text_copy (Text *to, const Text *from)
{
  to->n = from->n;
  to->score = from->score;
  memcpy (to->ids, from->ids, from->n * sizeof *to->ids);
  memcpy (to->log_probs, from->log_probs, from->n * sizeof *to->log_probs);
  memcpy (to->producer, from->producer, from->n * sizeof *to->producer);
  memcpy (to->slot, from->slot, from->n * sizeof *to->slot);
}

/* @from, continued by @id of row @row. */
static void
text_extend (Text *to, const Text *from, guint row, guint32 id, float log_prob, float score)
{
  text_copy (to, from);
  to->ids[to->n] = id;
  to->log_probs[to->n] = log_prob;
  to->producer[to->n] = row;
  to->score = score;
  to->n++;
}

/* ---- one step of the network ---- */

/* Row @t of the cache: the prefix, then one row per beam for each step. */
static guint
cache_row (const Search *s, const Text *text, guint t)
{
  return t < s->n_prefix ? t : s->n_prefix + (t - s->n_prefix) * s->search->beams + text->slot[t];
}

/* All beams' keys lie side by side; each beam sees those of its own past only. */
static VlfTensor
own_past (Search *s, VlfPass *pass, guint rows)
{
  g_autofree float *bias = g_new (float, (gsize) s->n_running *rows);

  for (gsize i = 0; i < (gsize) s->n_running * rows; i++)
    bias[i] = -3e38f;
  for (guint b = 0; b < s->n_running; b++)
    for (guint t = 0; t < s->running[b].n; t++)
      bias[(gsize) b * rows + cache_row (s, &s->running[b], t)] = 0;
  return vlf_input (pass, bias, s->n_running, 1, rows);
}

/* The mean of one step's maps over the chosen layers and heads. */
static float *
mean_map (const Search *s, float **maps, guint rows)
{
  const gsize one = (gsize) rows * s->cells;
  float *mean = g_new0 (float, one);
  guint n = 0;

  for (guint layer = 0; layer < s->net->layers; layer++)
    for (guint h = 0; maps[layer] && h < s->net->heads; h++) {
      if (!s->heads[h])
        continue;
      for (gsize i = 0; i < one; i++)
        mean[i] += maps[layer][h * one + i];
      n++;
    }
  for (gsize i = 0; i < one; i++)
    mean[i] /= (float) MAX (n, 1);
  return mean;
}

/* Runs the network over @d; logits and map of the last row, or of all alternatives. */
static gboolean
run (Search *s, VlfDecoding *d, VlfPass *pass, GError **error)
{
  float *maps[VLF_MAX_FUSION_LAYERS] = { 0 };
  guint rows = d->alternatives ? d->n : 1;
  VlfTensor logits;
  gboolean done;

  if (s->search->keep_going && !s->search->keep_going (s->search->user)) {
    vlf_pass_fail (pass, g_error_new (VLF_ERROR, VLF_ERROR_CANCELLED, "generating was stopped"));
    return vlf_pass_end (pass, error);
  }

  d->context = s->context;
  d->cache = s->cache;
  d->last_only = !d->alternatives;
  for (guint i = 0; i < s->net->layers && s->layers; i++)
    d->wanted[i] = s->layers[i];
  logits = s->net->arch->decode (s->net, pass, d);
  vlf_output (pass, logits, s->logits);
  for (guint i = 0; i < s->net->layers; i++)
    if (d->wanted[i]) {
      maps[i] = g_new (float, (gsize) s->net->heads *rows * s->cells);
      vlf_output (pass, vlf_rows (d->maps[i], d->n - rows, rows), maps[i]);
    }
  done = vlf_pass_end (pass, error);
  if (done && s->layers)
    g_ptr_array_add (s->maps, mean_map (s, maps, rows));
  for (guint i = 0; i < s->net->layers; i++)
    g_free (maps[i]);
  return done;
}

static gboolean
run_prefix (Search *s, GError **error)
{
  const Text *text = &s->running[0];
  VlfDecoding d = { .ids = text->ids, .n = text->n };

  return run (s, &d, vlf_pass_begin (vlf_session_queue (s->session)), error);
}

/* The last token of every running text. */
static gboolean
run_step (Search *s, GError **error)
{
  const guint length = s->running[0].n, first = s->n_prefix + (length - 1 - s->n_prefix) * s->search->beams;
  g_autofree guint32 *ids = g_new (guint32, s->n_running);
  VlfPass *pass = vlf_pass_begin (vlf_session_queue (s->session));
  VlfDecoding d = { .ids = ids, .n = s->n_running, .position = length - 1, .alternatives = TRUE, .first = first };

  for (guint b = 0; b < s->n_running; b++) {
    ids[b] = s->running[b].ids[length - 1];
    s->running[b].slot[length - 1] = b;
  }
  if (s->n_running > 1)
    d.key_bias = own_past (s, pass, first + s->n_running);
  return run (s, &d, pass, error);
}

/* ---- scores ---- */

static void
log_softmax (const float *x, gsize n, float *to)
{
  float top = x[0];
  double sum = 0;

  for (gsize i = 1; i < n; i++)
    top = MAX (top, x[i]);
  for (gsize i = 0; i < n; i++)
    sum += expf (x[i] - top);
  for (gsize i = 0; i < n; i++)
    to[i] = x[i] - top - (float) log (sum);
}

/* Penalty and least length, on the logits when greedy, on their log softmax with beams, as transformers does it. */
static void
process (const Search *s, const Text *text, float *scores)
{
  const float penalty = s->search->repetition_penalty;

  for (guint t = 0; penalty != 1 && t < text->n; t++) {
    gboolean again = FALSE;

    for (guint before = 0; before < t && !again; before++)
      again = text->ids[before] == text->ids[t];
    if (!again)
      scores[text->ids[t]] = scores[text->ids[t]] < 0 ? scores[text->ids[t]] * penalty : scores[text->ids[t]] / penalty;
  }
  if (text->n < s->search->min_length)
    scores[s->net->end_id] = -INFINITY;
}

/* ---- greedy ---- */

static gboolean
search_greedy (Search *s, GError **error)
{
  Text *text = &s->running[0];
  gboolean done = FALSE;

  for (guint step = 0; !done; step++) {
    guint32 best = 0;

    if (!(step ? run_step (s, error) : run_prefix (s, error)))
      return FALSE;
    log_softmax (s->logits, s->net->vocab, s->logs);
    process (s, text, s->logits);
    for (guint32 id = 1; id < s->net->vocab; id++)
      if (s->logits[id] > s->logits[best])
        best = id;
    text_extend (&s->next[0], text, 0, best, s->logs[best], 0);
    text_copy (text, &s->next[0]);
    done = best == s->net->end_id || text->n == s->search->max_length;
  }
  text_copy (&s->finished[0], text);
  return TRUE;
}

/* ---- beams ---- */

typedef struct {
  guint beam;
  guint32 id;
  float score, log_prob;
} Candidate;

/* Adds to the @n best, which stand in order; an equal one comes behind. */
static guint
keep_best (Candidate *best, guint n, guint most, Candidate candidate)
{
  guint place = n;

  while (place > 0 && best[place - 1].score < candidate.score)
    place--;
  if (place == most)
    return n;
  n = MIN (n + 1, most);
  memmove (best + place + 1, best + place, (n - place - 1) * sizeof *best);
  best[place] = candidate;
  return n;
}

static guint
best_candidates (Search *s, Candidate *best)
{
  const guint vocab = s->net->vocab, most = 2 * s->search->beams;
  guint n = 0;

  for (guint b = 0; b < s->n_running; b++) {
    float *scores = s->logits + (gsize) b * vocab, *logs = s->logs + (gsize) b * vocab;

    log_softmax (scores, vocab, logs);
    memcpy (scores, logs, vocab * sizeof *scores);
    process (s, &s->running[b], scores);
    for (guint32 id = 0; id < vocab; id++) {
      Candidate candidate = { b, id, scores[id] + s->running[b].score, logs[id] };

      if (n < most || candidate.score > best[most - 1].score)
        n = keep_best (best, n, most, candidate);
    }
  }
  return n;
}

/* Texts that end, among the best as many as there are beams, by their score per generated token. */
static void
finish (Search *s, const Candidate *candidate)
{
  const Text *from = &s->running[candidate->beam];
  float score = candidate->score / (float) (from->n + 1 - s->n_prefix);
  guint place = s->n_finished, beams = s->search->beams;
  Text last;

  while (place > 0 && s->finished[place - 1].score < score)
    place--;
  if (place == beams)
    return;
  s->n_finished = MIN (s->n_finished + 1, beams);
  last = s->finished[s->n_finished - 1];
  memmove (s->finished + place + 1, s->finished + place, (s->n_finished - place - 1) * sizeof last);
  s->finished[place] = last;
  text_extend (&s->finished[place], from, candidate->beam, candidate->id, candidate->log_prob, score);
}

/* TRUE while a better text may still come. */
static gboolean
advance (Search *s, const Candidate *candidates, guint n)
{
  const guint beams = s->search->beams, length = s->running[0].n + 1;
  guint open = 0;
  Text *swap;

  for (guint i = 0; i < n; i++) {
    const Candidate *c = &candidates[i];

    if (c->id != s->net->end_id && length < s->search->max_length) {
      if (open < beams)
        text_extend (&s->next[open++], &s->running[c->beam], c->beam, c->id, c->log_prob, c->score);
    } else if (i < beams) {
      finish (s, c);
    }
  }
  swap = s->running;
  s->running = s->next;
  s->next = swap;
  s->n_running = open;
  return open > 0 &&
         (s->n_finished < beams || s->running[0].score / (float) (length - s->n_prefix) > s->finished[beams - 1].score);
}

static gboolean
search_beams (Search *s, GError **error)
{
  g_autofree Candidate *candidates = g_new (Candidate, 2 * (gsize) s->search->beams);

  if (!run_prefix (s, error))
    return FALSE;
  while (advance (s, candidates, best_candidates (s, candidates)))
    if (!run_step (s, error))
      return FALSE;
  return TRUE;
}

/* ---- the whole ---- */

VlfTensor
vlf_generate_context (VlfSession *session, VlfPass *pass, guint which, const VlfSight *sight, const VlfFusion *question)
{
  const VlfNet *net = vlf_session_model (session)->net;
  VlfTensor made[VLF_MAX_FUSION_LAYERS] = { 0 }, kept;
  GError *error = NULL;

  net->arch->attend (net, pass, sight, question, made);
  if (vlf_pass_failed (pass))
    return (VlfTensor){ 0 };
  kept = vlf_session_memory (session, which, net->layers, made[0].rows, made[0].cols, &error);
  if (!kept.buffer)
    vlf_pass_fail (pass, error);
  for (guint i = 0; i < net->layers && kept.buffer; i++)
    vlf_store (pass, made[i], vlf_sequences (kept, i, 1));
  return kept;
}

static gboolean
check_search (const VlfNet *net, const VlfSearch *search, guint n_prefix, GError **error)
{
  const char *what = NULL;

  if (search->beams == 0 || search->beams > 64 || 2 * search->beams > net->vocab)
    what = "beams: expected 1 to 64, and at most half the vocabulary";
  else if (search->max_length <= n_prefix || search->max_length > net->max_tokens)
    what = "max-length: expected more than the given words' tokens and at most the decoder's positions";
  else if (!(search->repetition_penalty > 0))
    what = "repetition penalty: expected a number above 0";
  if (what)
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "%s; found %u beams, %u of %u to %u tokens", what, search->beams,
                 n_prefix, search->max_length, net->max_tokens);
  return !what;
}

static void
collect (const Search *s, VlfGenerated *generated)
{
  Text *best = &s->finished[0];

  generated->n = best->n;
  generated->n_prefix = s->n_prefix;
  generated->ids = g_memdup2 (best->ids, best->n * sizeof *best->ids);
  generated->log_probs = g_memdup2 (best->log_probs, best->n * sizeof *best->log_probs);
  if (!s->layers)
    return;
  generated->maps = g_new0 (float, (gsize) best->n * s->cells);
  for (guint t = s->n_prefix; t < best->n; t++) {
    const float *step = g_ptr_array_index (s->maps, t - s->n_prefix);

    memcpy (generated->maps + (gsize) t * s->cells, step + (gsize) best->producer[t] * s->cells,
            s->cells * sizeof (float));
  }
}

gboolean
vlf_generate (VlfSession *session, VlfTensor context, const guint32 *prefix, guint n_prefix, const VlfSearch *search,
              const gboolean *layers, const gboolean *heads, VlfGenerated *generated, GError **error)
{
  const VlfNet *net = vlf_session_model (session)->net;
  const guint beams = search->beams, length = search->max_length;
  Search s = { .session = session, .net = net, .search = search, .layers = layers, .heads = heads, .n_running = 1 };
  gboolean found = FALSE;

  if (!check_search (net, search, n_prefix, error))
    return FALSE;
  s.n_prefix = n_prefix;
  s.cells = context.rows;
  for (guint i = 0; i < net->layers; i++)
    s.context[i] = vlf_sequences (context, i, 1);
  s.cache = vlf_session_memory (session, 0, net->layers, n_prefix + (length - n_prefix) * beams, 2 * net->dim, error);
  s.logits = g_try_new (float, 2 * (gsize) beams * net->vocab);
  s.maps = g_ptr_array_new_with_free_func (g_free);
  s.running = texts_new (beams, length);
  s.next = texts_new (beams, length);
  s.finished = texts_new (beams, length);
  memcpy (s.running[0].ids, prefix, n_prefix * sizeof *prefix);
  s.running[0].n = n_prefix;
  if (s.cache.buffer && !s.logits)
    g_set_error (error, VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for %u beams of %u scores", beams, net->vocab);
  s.logs = s.logits ? s.logits + (gsize) beams * net->vocab : NULL;
  if (s.cache.buffer && s.logits)
    found = beams == 1 ? search_greedy (&s, error) : search_beams (&s, error);
  if (found)
    collect (&s, generated);
  texts_free (s.running, beams);
  texts_free (s.next, beams);
  texts_free (s.finished, beams);
  g_ptr_array_unref (s.maps);
  g_free (s.logits);
  return found;
}

void
vlf_generated_clear (VlfGenerated *generated)
{
  g_free (generated->ids);
  g_free (generated->log_probs);
  g_free (generated->maps);
  *generated = (VlfGenerated){ 0 };
}
