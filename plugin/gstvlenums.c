/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlfusion.h"
#include "plugin/gstvlinference.h"

GType
gst_vl_mode_get_type (void)
{
  static const GEnumValue values[] = {
    { GST_VL_MODE_AUTO, "Latest behind a live source, every frame otherwise", "auto" },
    { GST_VL_MODE_EVERY_FRAME, "Each frame waits for its own result", "every-frame" },
    { GST_VL_MODE_LATEST, "Frames pass at once and carry the newest result", "latest" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVlMode", values));
  return type;
}

GType
gst_vl_fit_get_type (void)
{
  static const GEnumValue values[] = {
    { VLF_FIT_MODEL, "As the model was trained, which may crop", "model" },
    { VLF_FIT_SQUASH, "The whole frame, squashed to the model's shape", "squash" },
    { VLF_FIT_PAD, "The whole frame, padded to the model's shape", "pad" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVlFit", values));
  return type;
}

GType
gst_vl_reuse_get_type (void)
{
  static const GEnumValue values[] = {
    { VLF_REUSE_OFF, "Compute every frame in full", "off" },
    { VLF_REUSE_EXACT, "A frame like the one before has its results, bit for bit", "exact" },
    { VLF_REUSE_APPROXIMATE, "Compute what changed and what words looked at, all of it now and then", "approximate" },
    { 0, NULL, NULL },
  };
  static gsize type;

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVlReuse", values));
  return type;
}
