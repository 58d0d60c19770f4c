/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

G_BEGIN_DECLS

/* The one error domain of kernels/ and models/. A message names the thing (device, file, field), what was expected, what was
 * found and, where there is one, the way out; it is shown to users as it is. */
#define VLF_ERROR (vlf_error_quark ())
GQuark vlf_error_quark (void);

typedef enum {
  VLF_ERROR_NOT_FOUND,   /* no such device, driver, file or tensor */
  VLF_ERROR_IO,          /* the system refused to open or read */
  VLF_ERROR_FORMAT,      /* a file breaks its own format */
  VLF_ERROR_RANGE,       /* a number, size or shape is outside what is possible or supported */
  VLF_ERROR_UNSUPPORTED, /* well-formed, but nothing here computes it */
  VLF_ERROR_NO_MEMORY,   /* host or device memory does not suffice */
  VLF_ERROR_BUILD,       /* a kernel did not compile */
  VLF_ERROR_DEVICE,      /* the OpenCL device failed or is lost; see vlf_device_is_lost() */
  VLF_ERROR_CANCELLED,   /* the caller asked to stop */
} VlfError;

/* The bytes of @text, UTF-8, that a message quotes with "%.*s": @most or fewer, since half a character is no UTF-8 and some readers of
 * messages refuse all of it then. */
int vlf_shown (const char *text, int most);

G_END_DECLS
