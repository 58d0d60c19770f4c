/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvllook.h"

GType
gst_vl_style_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_VL_STYLE_HEATMAP, "Colour and opacity by attention", "heatmap" },
    { GST_VL_STYLE_CONTOUR, "Lines of equal attention", "contour" },
    { GST_VL_STYLE_SPOTLIGHT, "Darkens what was not looked at", "spotlight" },
    { GST_VL_STYLE_NONE, "No maps, labels only", "none" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVlOverlayStyle", values));
  return type;
}

GType
gst_vl_colormap_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_VL_COLORMAP_AUTO, "Ember for one prompt, the prompts' own colours for several", "auto" },
    { GST_VL_COLORMAP_EMBER, "Violet, red, orange, pale yellow", "ember" },
    { GST_VL_COLORMAP_LAGOON, "Indigo, teal, lime", "lagoon" },
    { GST_VL_COLORMAP_GREY, "Dark to light grey", "grey" },
    { GST_VL_COLORMAP_PROMPT, "Dark to light in each prompt's own colour", "prompt" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVlOverlayColormap", values));
  return type;
}

GType
gst_vl_labels_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_VL_LABELS_NONE, "No labels", "none" },
    { GST_VL_LABELS_PEAK, "Where the prompt looked most; those that do not match in the top left corner", "peak" },
    { GST_VL_LABELS_STACK, "In the top left corner", "stack" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVlOverlayLabels", values));
  return type;
}

GType
gst_vl_maps_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_VL_MAPS_PHRASE, "One for each prompt", "phrase" },
    { GST_VL_MAPS_WORDS, "One for each word that the frame pays attention to (needs the words' maps)", "words" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVlOverlayMaps", values));
  return type;
}
