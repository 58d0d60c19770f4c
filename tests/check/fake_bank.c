/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* models/bank.h without a model. */
#include "models/bank.h"
#include "tests/check/fake_session.h"

struct _VlfBank {
  gint refs;
  gchar **lines;
};

VlfBank *
vlf_bank_load (VlfModel *model, const char *path, GError **error)
{
  g_autofree gchar *text = NULL;
  VlfBank *bank;

  (void) model;
  g_usleep ((gulong) g_atomic_int_get (&fake.text_ms) * 1000);
  if (!g_file_get_contents (path, &text, NULL, error))
    return NULL;
  bank = g_new0 (VlfBank, 1);
  bank->refs = 1;
  bank->lines = g_strsplit (g_strchomp (text), "\n", 0);
  g_atomic_int_inc (&fake.banks_alive);
  return bank;
}

VlfBank *
vlf_bank_ref (VlfBank *bank)
{
  g_atomic_int_inc (&bank->refs);
  return bank;
}

void
vlf_bank_unref (VlfBank *bank)
{
  if (!bank || !g_atomic_int_dec_and_test (&bank->refs))
    return;
  g_atomic_int_add (&fake.banks_alive, -1);
  g_strfreev (bank->lines);
  g_free (bank);
}

gchar **
fake_bank_lines (VlfBank *bank)
{
  return bank->lines;
}
