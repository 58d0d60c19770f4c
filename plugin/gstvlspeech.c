/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/gstvlspeech.h"

void
gst_vl_speech_free (GstVlSpeech *speech)
{
  g_free (speech->said);
  g_free (speech);
}

guint
gst_vl_speech_word (GstVlSpeech *speech, const GstVlResult *result, GstClockTime pts, GstClockTime word_time)
{
  g_autoptr (GString) said = NULL;
  guint n = 0;

  if (word_time == 0 || !GST_CLOCK_TIME_IS_VALID (pts))
    return GST_VL_NO_WORD;
  said = g_string_new (NULL);
  for (guint i = 0; i < gst_vl_result_get_n_prompts (result); i++) {
    const gchar *caption = gst_vl_result_get_caption (result, i);

    g_string_append_printf (said, "%s\n", caption ? caption : "");
    n += gst_vl_result_get_n_words (result, i);
  }
  if (g_strcmp0 (speech->said, said->str) != 0 || pts < speech->since) {
    g_free (speech->said);
    speech->said = g_strdup (said->str);
    speech->since = pts;
  }
  return n ? (guint) ((pts - speech->since) / word_time % n) : GST_VL_NO_WORD;
}

gboolean
gst_vl_speech_find (const GstVlResult *result, guint prompt, guint word, guint *begin, guint *end)
{
  const gchar *caption = gst_vl_result_get_caption (result, prompt), *at = caption;

  for (; at; word--) {
    while (g_ascii_isspace (*at))
      at++;
    if (!*at)
      return FALSE;
    *begin = (guint) (at - caption);
    while (*at && !g_ascii_isspace (*at))
      at++;
    *end = (guint) (at - caption);
    if (word == 0)
      return TRUE;
  }
  return FALSE;
}
