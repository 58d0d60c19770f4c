/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What test-session's files share. */
#pragma once
#include "models/session.h"

G_BEGIN_DECLS

/* The model that the tests are run with, on their device. */
VlfModel *session_model (void);
VlfText *session_text (VlfModel *model, const char *prompt);
/* A picture with something in it, RGB, drawn to @pixels [@height, @width, 3]. */
VlfImage session_image (guint8 *pixels, guint width, guint height, guint seed);
/* vlf_session_run() without options, which has to succeed. */
void session_run (VlfSession *session, const VlfImage *frames, guint n_frames, VlfText *const *texts, guint n_texts,
                  VlfResult **results);

void session_add_marks (void); /* of test-session-marks.c */

G_END_DECLS
