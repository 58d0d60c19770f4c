/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What test-device's files share. */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* @error is of VLF_ERROR, has @code, and its message has each of @words, which NULL ends. */
void device_expect (const GError *error, gint code, const char *const *words);

/* Tests of test-device-lost.c, each in a process of its own. */
void device_lost (void);
void device_left (void);
void device_left_at_once (void);
void device_faults (void);

G_END_DECLS
