/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/error.h"

G_DEFINE_QUARK (vlf - error - quark, vlf_error)
