/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The network alone, from pixel values and token ids to every output by name: how other programs compare it with transformers. */
#include <string.h>
#include "models/generate.h"

/* As transformers, where nothing else is said. */
#define MAX_LENGTH 20u

/* One named output, gathered over the batch. */
typedef struct {
  gchar *name;
  guint shape[4], rank;
  gsize one; /* elements of one pair */
  float *data;
} Output;

typedef struct {
  VlfPass *pass;
  guint batch, pair;
  GPtrArray *outputs; /* in the order of the first pair */
  guint next;
  GArray *ids[2]; /* gint64, [batch, max_length] found greedily and with three beams */
  guint widths[2];
} Gather;

static const char *const ids_names[] = { "greedy_ids", "beam3_ids" };

static void
output_free (gpointer data)
{
  Output *output = data;

  g_free (output->name);
  g_free (output->data);
  g_free (output);
}

/* [batch, ...] where ... is all of @x, of which a rank of 2 keeps [cols], 3 [rows, cols], 4 [batch, rows, cols]. */
static Output *
output_new (Gather *gather, const char *name, VlfTensor x, guint rank)
{
  const guint dims[3] = { x.batch, x.rows, x.cols };
  Output *output = g_new0 (Output, 1);

  output->name = g_strdup (name);
  output->rank = rank;
  output->one = (gsize) x.batch * x.rows * x.cols;
  output->shape[0] = gather->batch;
  for (guint i = 1; i < rank; i++)
    output->shape[i] = dims[3 - rank + i];
  output->data = g_try_new (float, gather->batch * output->one);
  if (!output->data)
    vlf_pass_fail (gather->pass, g_error_new (VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for output \"%s\"", name));
  g_ptr_array_add (gather->outputs, output);
  return output;
}

static void
emit (gpointer user, const char *name, VlfTensor x, guint rank)
{
  Gather *gather = user;
  Output *output;

  if (vlf_pass_failed (gather->pass))
    return;
  if (gather->pair == 0)
    output = output_new (gather, name, x, rank);
  else
    output = g_ptr_array_index (gather->outputs, gather->next++);
  if (output->data)
    vlf_output (gather->pass, x, output->data + gather->pair * output->one);
}

/* [3, height, width] as patch rows [cells, 3 patch^2]: what the convolution sees, pixels beyond the grid left out. */
static VlfTensor
patch_rows (VlfPass *pass, const VlfNet *net, const float *pixels, guint width, guint height)
{
  guint patch = net->patch, cells = net->rows * net->cols, row = 3 * patch * patch;
  g_autofree float *data = g_try_new (float, (gsize) cells *row);
  float *to = data;

  if (!data) {
    vlf_pass_fail (pass, g_error_new (VLF_ERROR, VLF_ERROR_NO_MEMORY, "no memory for %u patches", cells));
    return (VlfTensor){ 0 };
  }
  for (guint cell = 0; cell < cells; cell++)
    for (guint c = 0; c < 3; c++)
      for (guint y = 0; y < patch; y++, to += patch)
        memcpy (to, pixels + ((gsize) c * height + cell / net->cols * patch + y) * width + cell % net->cols * patch,
                patch * sizeof (float));
  return vlf_input (pass, data, 1, cells, row);
}

static gboolean
check_input (const VlfNet *net, const VlfTensorInput *in, GError **error)
{
  if (in->width != net->image_size || in->height != net->image_size) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "pixel_values: expected [%u, 3, %u, %u], found [%u, 3, %u, %u]",
                 in->batch, net->image_size, net->image_size, in->batch, in->height, in->width);
    return FALSE;
  }
  if (in->batch == 0 || in->tokens == 0 || in->tokens > net->max_tokens) {
    g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE, "input_ids: expected [1 or more, 1 to %u], found [%u, %u]",
                 net->max_tokens, in->batch, in->tokens);
    return FALSE;
  }
  for (gsize i = 0; i < (gsize) in->batch * in->tokens; i++)
    if (in->input_ids[i] < 0 || in->input_ids[i] >= net->vocab) {
      g_set_error (error, VLF_ERROR, VLF_ERROR_RANGE,
                   "input_ids: expected 0 to %u, found %" G_GINT64_FORMAT " at [%u, %u]", net->vocab - 1,
                   in->input_ids[i], (guint) (i / in->tokens), (guint) (i % in->tokens));
      return FALSE;
    }
  return TRUE;
}

static void
emit_maps (Gather *gather, const VlfNet *net, const VlfMaps *maps)
{
  for (guint i = 0; i < 2 * net->layers; i++) {
    guint layer = i % net->layers;
    gboolean text = i < net->layers;
    g_autofree gchar *name = g_strdup_printf ("cross_attentions.%s.%u", text ? "text" : "image", layer);

    emit (gather, name, text ? maps->text[layer] : maps->image[layer], 4);
  }
}

/* Returns what a decoder looks at, where the network has one. */
static VlfTensor
enqueue_pair (Gather *gather, VlfSession *session, const VlfTensorInput *in)
{
  const VlfNet *net = vlf_session_model (session)->net;
  VlfPass *pass = gather->pass;
  gsize first = (gsize) gather->pair * in->tokens;
  g_autofree guint32 *ids = g_new (guint32, in->tokens);
  g_autofree guint8 *mask = g_new (guint8, in->tokens);
  VlfMaps maps = { .all_rows = TRUE };
  VlfTextBatch texts;
  VlfSight sight;
  VlfFusion fusion;

  for (guint t = 0; t < in->tokens; t++) {
    ids[t] = (guint32) in->input_ids[first + t];
    mask[t] = in->attention_mask[first + t] != 0;
  }
  for (guint i = 0; i < net->layers; i++)
    maps.wanted[i] = net->arch->emits_maps;
  texts = net->arch->encode (net, pass, ids, mask, 1, in->tokens);
  if (net->arch->enter)
    net->arch->enter (net, pass, &texts);
  sight = net->arch->see (net, pass,
                          patch_rows (pass, net, in->pixel_values + (gsize) gather->pair * 3 * in->height * in->width,
                                      in->width, in->height),
                          NULL);
  fusion = net->taps ? net->arch->fuse (net, pass, &sight, &texts, &maps) : (VlfFusion){ 0 };
  gather->next = 0;
  net->arch->outputs (net, pass, &texts, &sight, &fusion, emit, gather);
  if (net->arch->emits_maps)
    emit_maps (gather, net, &maps);
  return net->generates ? vlf_generate_context (session, pass, 1, &sight, net->answers ? &fusion : NULL)
                        : (VlfTensor){ 0 };
}

/* The ids of one pair, filled up as transformers fills them: pad greedily, and with beams the end where pad is 0. */
static gboolean
generate_ids (Gather *gather, VlfSession *session, VlfTensor context, const VlfTensorInput *in, GError **error)
{
  const VlfNet *net = vlf_session_model (session)->net;
  const guint length = in->max_length ? in->max_length : MAX_LENGTH;

  for (guint i = 0; i < 2; i++) {
    VlfSearch search = { .beams = i ? 3 : 1, .max_length = length, .repetition_penalty = 1 };
    g_auto (VlfGenerated) found = { 0 };

    if (!vlf_generate (session, context, &net->start_id, 1, &search, NULL, NULL, &found, error))
      return FALSE;
    gather->widths[i] = MAX (gather->widths[i], found.n);
    for (guint t = 0; t < length; t++) {
      gint64 id = t < found.n ? found.ids[t] : i && net->pad_id == 0 ? net->end_id : net->pad_id;
      g_array_append_val (gather->ids[i], id);
    }
  }
  return TRUE;
}

static void
hand_out_ids (const Gather *gather, guint length, VlfTensorSink sink, gpointer user)
{
  for (guint i = 0; i < 2; i++) {
    const guint shape[2] = { gather->batch, gather->widths[i] };
    const gint64 *all = (const gint64 *) gather->ids[i]->data;
    g_autofree gint64 *rows = g_new (gint64, MAX ((gsize) shape[0] * shape[1], 1));

    for (guint b = 0; b < shape[0]; b++)
      memcpy (rows + (gsize) b * shape[1], all + (gsize) b * length, shape[1] * sizeof *rows);
    sink (user, ids_names[i], NULL, rows, shape, 2);
  }
}

static const Output *
find_output (const Gather *gather, const char *name)
{
  for (guint i = 0; i < gather->outputs->len; i++) {
    const Output *output = g_ptr_array_index (gather->outputs, i);
    if (!strcmp (output->name, name))
      return output;
  }
  return NULL;
}

/* Every image with every text of the batch. */
static void
hand_out_similarity (const Gather *gather, const VlfNet *net, VlfTensorSink sink, gpointer user)
{
  const Output *images = find_output (gather, "image_embeds"), *texts = find_output (gather, "text_embeds");
  const guint n = gather->batch, shape[2] = { n, n };
  g_autofree float *all = g_new (float, (gsize) n *n);

  for (guint i = 0; i < n; i++)
    for (guint t = 0; t < n; t++) {
      double sum = 0;

      for (gsize k = 0; k < images->one; k++)
        sum += (double) images->data[i * images->one + k] * texts->data[t * texts->one + k];
      all[(gsize) i * n + t] = (float) (sum * net->similarity_scale + net->similarity_bias);
    }
  sink (user, net->similarity, all, NULL, shape, 2);
}

static gboolean
run_pairs (Gather *gather, VlfSession *session, const VlfTensorInput *in, GError **error)
{
  for (; gather->pair < in->batch; gather->pair++) {
    VlfTensor context;

    gather->pass = vlf_pass_begin (vlf_session_queue (session));
    context = enqueue_pair (gather, session, in);
    if (!vlf_pass_end (gather->pass, error))
      return FALSE;
    if (context.buffer && !generate_ids (gather, session, context, in, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
vlf_session_run_tensors (VlfSession *session, const VlfTensorInput *in, VlfTensorSink sink, gpointer user,
                         GError **error)
{
  const VlfNet *net = vlf_session_model (session)->net;
  g_autoptr (GPtrArray) outputs = g_ptr_array_new_with_free_func (output_free);
  g_autoptr (GArray) greedy = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr (GArray) beams = g_array_new (FALSE, FALSE, sizeof (gint64));
  Gather gather = { .batch = in->batch, .outputs = outputs, .ids = { greedy, beams } };

  if (!check_input (net, in, error) || !run_pairs (&gather, session, in, error))
    return FALSE;
  for (guint i = 0; i < outputs->len; i++) {
    const Output *output = g_ptr_array_index (outputs, i);
    if (!net->arch->hides_embeddings || !g_str_has_suffix (output->name, "_embeds"))
      sink (user, output->name, output->data, NULL, output->shape, output->rank);
  }
  if (net->similarity)
    hand_out_similarity (&gather, net, sink, user);
  if (net->generates)
    hand_out_ids (&gather, in->max_length ? in->max_length : MAX_LENGTH, sink, user);
  return TRUE;
}
