#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Is every C file (but generated tables) as clang-format 14 would write it? Other versions differ in details, so without that one this is skipped.
#   format.sh [ROOT]
set -u
cd "${1:-.}" || exit 2
for program in clang-format-14 clang-format; do
  "$program" --version 2>/dev/null | grep -q 'version 14\.' && break
  program=
done
if [ -z "$program" ]; then
  echo "clang-format 14 is not installed"
  exit 77
fi
find kernels models plugin tools tests examples -name '*.[ch]' ! -path 'tests/golden/*' -exec "$program" --dry-run -Werror --ferror-limit=3 {} +
