#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Does layers.sh find what it is there to find? Each case is a small tree with one violation, and one tree has none.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
number=0

plant () { # FILE LINE
  mkdir -p "$tree/$(dirname "$1")"
  printf '/* SPDX-License-Identifier: LGPL-2.1-or-later */\n%s\n' "$2" >"$tree/$1"
}

expect () { # STATUS NAME
  number=$((number + 1))
  status=0
  "$here/layers.sh" "$tree" >"$tree/output" || status=$?
  if [ "$status" = "$1" ]; then
    echo "ok $number - $2"
  else
    echo "not ok $number - $2"
    sed 's/^/# /' "$tree/output"
  fi
  rm -rf "${tree:?}"/*
}

echo 1..10
plant kernels/a.c '#include <CL/cl.h>'
plant models/a.c '#include "kernels/ops.h"'
plant plugin/a.c '#include <gst/gst.h>'
expect 0 "a tree in order"
plant kernels/a.c '#include "models/session.h"'
expect 1 "kernels above itself"
plant models/a.h '#include <gst/gst.h>'
expect 1 "GStreamer in models"
plant plugin/a.c '#include "kernels/ops.h"'
expect 1 "tensors in the plugin"
plant plugin/lib/a.c '#include "models/result.h"'
expect 1 "models in the library"
plant tests/a.c '#include <CL/cl.h>'
expect 1 "OpenCL outside kernels"
plant models/a.c '  exit (1);'
expect 1 "exit on input"
plant models/a.c '  child_exit (1); g_print_nothing ();'
expect 0 "names that only look like it"
plant tools/a.c '/* TO''DO */'
expect 1 "half done"
plant tools/a.c '' && sed -i 1d "$tree/tools/a.c"
expect 1 "no licence"
