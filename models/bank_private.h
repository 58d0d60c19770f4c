/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to models/: a bank as a session sees it. */
#pragma once
#include "models/bank.h"
#include "models/model.h"

G_BEGIN_DECLS

VlfModel *vlf_bank_model (const VlfBank *bank); /* borrowed */

/* Cosines of @images [b, 1, size], of unit length, with all texts: [b, 1, n]. */
VlfTensor vlf_bank_score (VlfPass *pass, const VlfBank *bank, VlfTensor images);

/* Text @index as a prompt, encoded unless it is among the last ones that were, of which at least @keep are kept. A reference. */
VlfText *vlf_bank_encode (VlfBank *bank, guint index, guint keep, GError **error);

G_END_DECLS
