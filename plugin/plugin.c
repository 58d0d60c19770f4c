/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlcaption.h"
#include "plugin/gstvlfusion.h"
#include "plugin/gstvljsonenc.h"
#include "plugin/gstvloverlay.h"
#include "plugin/gstvltextenc.h"

static gboolean
plugin_init (GstPlugin *plugin)
{
  return GST_ELEMENT_REGISTER (vlfusion, plugin) && GST_ELEMENT_REGISTER (vlcaption, plugin) &&
         GST_ELEMENT_REGISTER (vloverlay, plugin) && GST_ELEMENT_REGISTER (vljsonenc, plugin) &&
         GST_ELEMENT_REGISTER (vltextenc, plugin);
}

#define PACKAGE "gst-vlfusion"
GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, vlfusion,
                   "Vision-language models on video: cross-attention between frames and text, in OpenCL", plugin_init,
                   VLF_VERSION, "LGPL", "gst-vlfusion", "Unknown package origin")
