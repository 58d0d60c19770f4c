/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/error.h"

G_BEGIN_DECLS

/* A watch over one thread that calls OpenCL. A driver that hangs never returns, so that whoever waits for the thread has to notice: every
 * call of OpenCL and every operation of a pass is a sign of life, and a thread that has work but gave none for a long time counts as
 * stuck. Its command cannot be cancelled and its thread cannot be ended: both are left behind, with the memory that they use, and the
 * devices that it used count as lost, so that the next one to open them gets a new context. Reference-counted, thread-safe. */
typedef struct _VlfWatch VlfWatch;

/* Longest silence in seconds: VLF_WATCHDOG as it is now, else 180; 0: for ever. Compiling kernels and a pass of a large model on a slow
 * processor are single calls, which is why it is not shorter. */
VlfWatch *vlf_watch_new (void);
VlfWatch *vlf_watch_ref (VlfWatch *watch);
void vlf_watch_unref (VlfWatch *watch); /* NULL is fine */

/* What the calling thread does counts for @watch until vlf_watch_end(), which also lets go of the device that it used; without a
 * beginning it does nothing. */
void vlf_watch_begin (VlfWatch *watch);
void vlf_watch_end (void);
/* A sign of life of the calling thread; nothing where it is not watched. */
void vlf_watch_alive (void);
/* The same on behalf of the watched thread, which is about to get work. */
void vlf_watch_reset (VlfWatch *watch);

/* TRUE with VLF_ERROR_DEVICE after too long a silence: the device that the thread used last is lost from here on. Only meaningful while the
 * thread has work. */
gboolean vlf_watch_is_stuck (VlfWatch *watch, GError **error);
/* Nobody will wait for the thread any longer. Until it ends by itself, whoever opens its device gets another context: this one may hang. */
void vlf_watch_leave (VlfWatch *watch);

G_END_DECLS
