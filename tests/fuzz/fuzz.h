/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fuzz target reads one input and must neither crash nor break memory; what it returns does not count. Each target
 * links with replay.c, which runs it on files (the tests do that with corpus/), or without it as a libFuzzer:
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -I. -o fuzz-json tests/fuzz/fuzz-json.c \
 *     kernels/error.c models/json*.c models/file.c $(pkg-config --cflags --libs glib-2.0)
 *   ./fuzz-json NEW_CORPUS tests/fuzz/corpus/json */
#pragma once
#include <glib.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);
