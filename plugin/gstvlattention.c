/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlattention.h"
#include "plugin/gstvlpromptlist.h"

#define DEFAULT_LIST      "" /* the model's own */
#define DEFAULT_TOP_K     0
#define MAX_TOP_K         65536
#define DEFAULT_RELEVANCE VLF_RELEVANCE_ATTENTION

enum { LAYERS, HEADS, TOP_K, RELEVANCE };

GType
gst_vl_relevance_get_type (void)
{
  static const GEnumValue values[] = {
    { VLF_RELEVANCE_ATTENTION, "Where the words of the chosen layers and heads look", "attention" },
    { VLF_RELEVANCE_ROLLOUT, "What has come into the words through self- and cross-attention of all layers",
      "rollout" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVlRelevance", values));
  return type;
}

static void
numbers_init (GstVlNumbers *numbers, const gchar *text, GArray *parsed)
{
  numbers->text = g_strdup (text ? text : DEFAULT_LIST);
  numbers->numbers = parsed;
}

static void
numbers_clear (GstVlNumbers *numbers)
{
  g_clear_pointer (&numbers->text, g_free);
  g_clear_pointer (&numbers->numbers, g_array_unref);
}

static gboolean
numbers_set (GstVlNumbers *numbers, const gchar *name, const gchar *text, GError **error)
{
  GArray *parsed = gst_vl_number_list_from_text (name, text, error);

  if (!parsed)
    return FALSE;
  numbers_clear (numbers);
  numbers_init (numbers, text, parsed);
  return TRUE;
}

void
gst_vl_attention_init (GstVlAttention *self)
{
  *self = (GstVlAttention){ .top_k = DEFAULT_TOP_K, .relevance = DEFAULT_RELEVANCE };
  numbers_init (&self->layers, NULL, g_array_new (FALSE, FALSE, sizeof (gint)));
  numbers_init (&self->heads, NULL, g_array_new (FALSE, FALSE, sizeof (gint)));
}

void
gst_vl_attention_init_copy (GstVlAttention *self, const GstVlAttention *from)
{
  *self = *from;
  numbers_init (&self->layers, from->layers.text, g_array_ref (from->layers.numbers));
  numbers_init (&self->heads, from->heads.text, g_array_ref (from->heads.numbers));
}

void
gst_vl_attention_clear (GstVlAttention *self)
{
  numbers_clear (&self->layers);
  numbers_clear (&self->heads);
}

gboolean
gst_vl_attention_set (GstVlAttention *self, guint id, const gchar *name, const GValue *value, GError **error)
{
  switch (id) {
  case LAYERS: return numbers_set (&self->layers, name, g_value_get_string (value), error);
  case HEADS: return numbers_set (&self->heads, name, g_value_get_string (value), error);
  case TOP_K: self->top_k = g_value_get_uint (value); break;
  case RELEVANCE: self->relevance = (VlfRelevance) g_value_get_enum (value); break;
  }
  return TRUE;
}

void
gst_vl_attention_get (const GstVlAttention *self, guint id, GValue *value)
{
  switch (id) {
  case LAYERS: g_value_set_string (value, self->layers.text); break;
  case HEADS: g_value_set_string (value, self->heads.text); break;
  case TOP_K: g_value_set_uint (value, self->top_k); break;
  case RELEVANCE: g_value_set_enum (value, (gint) self->relevance); break;
  }
}

void
gst_vl_attention_apply (const GstVlAttention *self, VlfRunOptions *options)
{
  if (self->layers.numbers->len > 0) {
    options->layers = (const gint *) self->layers.numbers->data;
    options->n_layers = self->layers.numbers->len;
  }
  if (self->heads.numbers->len > 0) {
    options->heads = (const gint *) self->heads.numbers->data;
    options->n_heads = self->heads.numbers->len;
  }
  options->attention_top_k = self->top_k;
  options->relevance = self->relevance;
}

void
gst_vl_attention_install (GObjectClass *klass, guint first)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  g_object_class_install_property (
      klass, first + LAYERS,
      g_param_spec_string (
          "attention-layers", "Attention layers",
          "Cross-attention layers that maps are the mean of, like -2,-1; negative numbers count from the "
          "last; empty: the model's choice, else all",
          DEFAULT_LIST, flags));
  g_object_class_install_property (
      klass, first + HEADS,
      g_param_spec_string ("attention-heads", "Attention heads",
                           "Attention heads that maps are the mean of, like 0,3; empty: the model's choice, else all",
                           DEFAULT_LIST, flags));
  g_object_class_install_property (
      klass, first + TOP_K,
      g_param_spec_uint (
          "attention-top-k", "Attention top k",
          "How many of its largest scores each query of cross-attention keeps, in every layer and head and both ways: "
          "a word looks at so many patches, a patch at so many words; of equal ones the first. 0: all. Changes what "
          "the model sees, the less the larger. Only with models that have cross-attention",
          0, MAX_TOP_K, DEFAULT_TOP_K, flags));
  g_object_class_install_property (
      klass, first + RELEVANCE,
      g_param_spec_enum (
          "relevance", "Relevance",
          "What words' maps are made of: their looks in the chosen layers and heads, or what has come into them by "
          "self- and cross-attention of all layers (attention rollout; Abnar and Zuidema 2020), with which "
          "reuse=approximate is exact. Only with models that have cross-attention",
          GST_TYPE_VL_RELEVANCE, DEFAULT_RELEVANCE, flags));
}
