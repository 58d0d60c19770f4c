/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In place of an OpenCL loader: whoever loads it leaves a file, named by VLF_TEST_TOLD. */
#include <stdio.h>
#include <stdlib.h>

__attribute__ ((constructor)) static void
tell (void)
{
  const char *path = getenv ("VLF_TEST_TOLD");
  FILE *file = path ? fopen (path, "a") : NULL;

  if (file)
    fclose (file);
}
