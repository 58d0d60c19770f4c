#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The arrows of the design, enforced: tools, plugin -> models -> kernels. Also the house rules that a grep can see.
#   layers.sh [ROOT]    prints every violation as FILE:LINE:TEXT below the rule it breaks; exit status 1 if there is one
set -u
cd "${1:-.}" || exit 2
failed=0

# The sources below the folders named that exist; nothing generated, nothing of a build folder.
sources () {
  for folder in "$@"; do
    [ -d "$folder" ] && find "$folder" \( -name '*.[ch]' -o -name '*.cl' \) ! -path '*/build*/*'
  done | sort
}

# forbid RULE PATTERN FOLDER...: no line of the C sources in the folders matches the extended pattern, unless it matches $except.
forbid () {
  rule=$1 pattern=$2
  shift 2
  files=$(sources "$@")
  [ -z "$files" ] && return
  found=$(grep -nHE -e "$pattern" $files | grep -vE -e "${except:-^$}") || return
  echo "$rule:"
  echo "$found" | sed 's/^/  /'
  failed=1
}

forbid "kernels/ includes nothing above itself" '#include "(models|plugin|tools)/' kernels
forbid "models/ includes nothing above itself" '#include "(plugin|tools)/' models
# The types that models/session.h itself is made of are no secret of the layer below, nor is whether a thread hangs.
except='#include "kernels/(error|image|size|watch)\.h"'
forbid "plugin/ sees models/ only" '#include "(kernels|tools)/' plugin
forbid "tools/ sees models/ only" '#include "(kernels|plugin)/' tools
except=
forbid "the library depends on GStreamer only" '#include "(kernels|models|tools)/' plugin/lib
forbid "examples/ use only what is installed" '#include "(kernels|models|plugin|tools)/' examples
# The one tool that is a pipeline.
except='^tools/vlf-events\.c:'
forbid "GStreamer stays in plugin/, tests/ and examples/" '#include <gst/' kernels models tools
except=
forbid "OpenCL stays in kernels/" '#include <CL/' models plugin tools tests examples
# Examples in comments are no calls.
except='^[^:]*:[0-9]+: *(/\*|\*)'
forbid "nothing ends the process on input" '(^|[^_[:alnum:]])(exit|abort|g_error|assert) \(' kernels models plugin
forbid "logs and errors, never printf" '(^|[^_[:alnum:]])(printf|puts|g_print|g_printerr) \(' models plugin
except=
forbid "nothing half done" '(^|[^[:alnum:]])(TODO|FIXME|XXX)([^[:alnum:]]|$)' kernels models plugin tools tests examples

for file in $(sources kernels models plugin tools tests examples); do
  head -n 1 "$file" | grep -q 'SPDX-License-Identifier: LGPL-2.1-or-later' || {
    echo "the licence comes first:"
    echo "  $file:1"
    failed=1
  }
  [ "$(wc -l <"$file")" -le 900 ] || {
    echo "a file has at most 900 lines:"
    echo "  $file: $(wc -l <"$file")"
    failed=1
  }
done
exit $failed
