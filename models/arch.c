/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/arch.h"
#include <math.h>

/* Adding a model is adding its line here. */
static const VlfArch *const archs[] = { &vlf_bridgetower, &vlf_blip, &vlf_clip, &vlf_siglip };

const VlfArch *
vlf_arch_find (const char *model_type)
{
  for (guint i = 0; i < G_N_ELEMENTS (archs); i++)
    if (!g_strcmp0 (archs[i]->model_type, model_type))
      return archs[i];
  return NULL;
}

double
vlf_net_match (const VlfNet *net, double score)
{
  return 1.0 / (1.0 + exp (-(net->similarity_scale * score + net->similarity_bias)));
}

const char *
vlf_arch_types (void)
{
  static gchar *types;

  if (g_once_init_enter (&types)) {
    GString *list = g_string_new (NULL);

    for (guint i = 0; i < G_N_ELEMENTS (archs); i++)
      g_string_append_printf (list, "%s\"%s\"",
                              i == 0                         ? ""
                              : i + 1 < G_N_ELEMENTS (archs) ? ", "
                                                             : " or ",
                              archs[i]->model_type);
    g_once_init_leave (&types, g_string_free (list, FALSE));
  }
  return types;
}

VlfSight
vlf_sight_nth (const VlfNet *net, const VlfSight *sight, guint i)
{
  VlfSight one = { 0 };

  for (guint layer = 0; layer < net->layers; layer++)
    one.taps[layer] = vlf_sequences (sight->taps[layer], i, 1);
  one.entry.state = vlf_sequences (sight->entry.state, i, 1);
  one.entry.keys_values = vlf_sequences (sight->entry.keys_values, i, 1);
  if (sight->last.buffer)
    one.last = vlf_sequences (sight->last, i, 1);
  if (sight->embedding.buffer)
    one.embedding = vlf_sequences (sight->embedding, i, 1);
  return one;
}
