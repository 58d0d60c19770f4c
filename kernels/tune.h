/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/device.h"

G_BEGIN_DECLS

/* What vlf_device_tune() found. Free what is in it with vlf_tuning_clear(). */
typedef struct {
  gchar *before, *after; /* how work was cut, and how it is from now on; the same where nothing is quicker */
  double gain;           /* of the settings that changed, the mean of old time / new time; 1 where none did */
  guint tried;           /* settings */
} VlfTuning;

/* Looks for sizes of tiles that are quicker on @device than those it has, for about @seconds, and keeps them in the user's cache for
 * everybody who opens the device later. A setting is taken only where it was quicker by more than noise, and where its results are those of
 * the reference and, to the bit, those of before. FALSE with VLF_ERROR_UNSUPPORTED where there is nothing to choose: all devices but those
 * of the CPU family. While it runs, nobody else may use @device. */
gboolean vlf_device_tune (VlfDevice *device, double seconds, VlfTuning *tuning, GError **error);
void vlf_tuning_clear (VlfTuning *tuning);

G_END_DECLS
