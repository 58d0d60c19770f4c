/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AMX where the processor has none: the instructions that it refuses are carried out by hand, one after the other, on tiles that every thread
 * has of its own. So the machine code that the compiler made of cl/amx.cl can be checked anywhere, its registers, addresses and shapes
 * included; how fast it is cannot. */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* Whether the processor has tiles itself. */
gboolean amx_is_there (void);
/* From now on illegal instructions of this process are looked at; those that are not of AMX, or that AMX would refuse, remain deadly.
 * FALSE where this machine has other instructions altogether. */
gboolean amx_trap (void);
/* Products of tiles so far, of all threads. */
guint amx_trapped_products (void);

G_END_DECLS
