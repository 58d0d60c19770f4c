#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every header compiles alone, as C and, where there is a C++ compiler, as C++, without a warning.
#   headers.sh ROOT COMPILER_FLAGS...    CC and CXX name the compilers
set -u
cd "$1" || exit 2
shift
headers=$(find kernels models plugin tools -name '*.h' | sort)
number=0
compile () { # COMPILER ARGUMENTS...: a file that is $header and nothing else
  number=$((number + 1))
  if printf '#include "%s"\n' "$header" | "$@" -Wall -Wextra -Wpedantic -fsyntax-only -I. - 2>&1 | sed 's/^/# /' | grep .; then
    echo "not ok $number - $header ($1)"
  else
    echo "ok $number - $header ($1)"
  fi
}

for header in $headers; do
  compile "${CC:-cc}" -x c -std=gnu11 "$@"
  if command -v "${CXX:-c++}" >/dev/null; then
    compile "${CXX:-c++}" -x c++ -std=c++17 "$@"
  fi
done
echo 1..$number
