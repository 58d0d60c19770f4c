#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# warnings.sh SOURCE-ROOT: what clang (CLANG, clang-15) warns of in the kernels with -Wall -Wextra, for each family and tier; drivers ask for
# less; __OPENCL_VERSION__ is defined as they define it. Kernels that one macro makes have one list of parameters, of which not each needs all (-Wunused-parameter). TAP; skipped without clang.
set -u
root=${1:?usage: warnings.sh SOURCE-ROOT}
: "${CLANG:=clang-15}"
command -v "$CLANG" > /dev/null || { echo "1..0 # SKIP no $CLANG"; exit 0; }
case $("$CLANG" -dumpmachine) in x86_64*) ;; *) echo "1..0 # SKIP clang is not for x86-64"; exit 0 ;; esac
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# The sources in the order of kernels/meson.build.
for file in $(sed -n "s/^cl_sources = files(\(.*\))/\1/p" "$root/kernels/meson.build" | tr -d "',"); do
  echo "#line 1 \"$file\""
  cat "$root/kernels/$file"
done > "$work/all.cl"

n=0
try () {
  n=$((n + 1))
  if "$CLANG" -x cl -D__OPENCL_VERSION__=120 -Xclang -finclude-default-header -S -emit-llvm -o /dev/null -Werror -Wall -Wextra -Wno-unused-parameter "$@" "$work/all.cl" 2> "$work/log"; then
    echo "ok $n - $*"
  else
    sed 's/^/# /' "$work/log"
    echo "not ok $n - $*"
  fi
}
echo 1..8
try -cl-std=CL1.2 -march=x86-64 -DVLF_CPU=1 -DVLF_WIDTH=8 -DVLF_INT8=0 -DVLF_BF16=0
try -cl-std=CL1.2 -march=haswell -DVLF_CPU=1 -DVLF_WIDTH=8 -DVLF_INT8=2 -DVLF_BF16=0
try -cl-std=CL1.2 -march=skylake-avx512 -DVLF_CPU=1 -DVLF_WIDTH=16 -DVLF_INT8=0 -DVLF_BF16=0
try -cl-std=CL1.2 -march=cooperlake -DVLF_CPU=1 -DVLF_WIDTH=16 -DVLF_INT8=1 -DVLF_BF16=1
try -cl-std=CL1.2 -march=sapphirerapids -DVLF_CPU=1 -DVLF_WIDTH=16 -DVLF_INT8=3 -DVLF_BF16=2
try -cl-std=CL1.2 -DVLF_GPU=1
try -cl-std=CL1.2 -DVLF_GPU=1 -DVLF_SUBGROUPS=3 -DVLF_MMA=2
try -cl-std=CL2.0 -DVLF_GPU=1 -DVLF_SUBGROUPS=2
