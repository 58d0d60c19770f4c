/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models/caption.h"
#include "tools/picture.h"
#include "tools/vlf-run.h"

gboolean
run_caption (const RunOptions *options, GError **error)
{
  g_auto (Picture) picture = { 0 };
  g_autoptr (VlfModel) model = NULL;
  g_autoptr (VlfSession) session = NULL;
  g_autoptr (VlfCaption) caption = NULL;
  g_autoptr (GString) json = g_string_new (NULL);
  const char *const question = options->question;
  VlfCaptionOptions how = { .prefix = options->prefix,
                            .beams = (guint) options->beams,
                            .min_length = (guint) options->min_length,
                            .max_length = (guint) options->max_length };
  VlfImage image;

  /* The picture first: a wrong file should not have to wait for the weights. */
  if (!picture_load (options->image, &picture, error))
    return FALSE;
  model = run_open_model (options, FALSE, error);
  session = model ? vlf_session_new (model, error) : NULL;
  if (!session)
    return FALSE;
  image = picture_view (&picture);
  if (!vlf_session_caption (session, &image, &question, question != NULL, &how, &caption, error))
    return FALSE;
  vlf_caption_to_json (caption, json);
  g_string_append_c (json, '\n');
  return cli_print (json->str, error);
}
