/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/error.h"
#include <string.h>

G_DEFINE_QUARK (vlf - error - quark, vlf_error)

int
vlf_shown (const char *text, int most)
{
  int n = (int) strnlen (text, (gsize) most + 1);

  if (n > most)
    for (n = most; n > 0 && ((guint8) text[n] & 0xc0) == 0x80; n--)
      ;
  return n;
}
