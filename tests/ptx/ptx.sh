#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# ptx.sh SOURCE-ROOT [ARCHITECTURE...]: what NVIDIA's assembler says of the kernels of the GPU family, cl/mma.cl included. No GPU is needed, but
# ptxas (in PATH, or PTXAS; "pip download --no-deps nvidia-cuda-nvcc-cu12" has it in a wheel, which unzip opens), clang with its nvptx64
# target (CLANG) and libclc (Debian: clang-15 libclc-15; LIBCLC names its nvptx64--nvidiacl.bc). NVIDIA's own OpenCL compiler has other
# builtins, so that registers may differ by a few. TAP; all is skipped where something is missing.
set -u
root=${1:?usage: ptx.sh SOURCE-ROOT [ARCHITECTURE...]}
shift
[ $# -gt 0 ] || set -- sm_80 sm_90
: "${CLANG:=clang-15}" "${PTXAS:=ptxas}" "${LIBCLC:=/usr/lib/clc/nvptx64--nvidiacl.bc}"
for tool in "$CLANG" "$PTXAS"; do
  command -v "$tool" > /dev/null || { echo "1..0 # SKIP no $tool"; exit 0; }
done
[ -e "$LIBCLC" ] || { echo "1..0 # SKIP no $LIBCLC"; exit 0; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# The sources in the order of kernels/meson.build.
files=$(sed -n "s/^cl_sources = files(\(.*\))/\1/p" "$root/kernels/meson.build" | tr -d "',")
for file in $files; do cat "$root/kernels/$file"; done > "$work/all.cl"
echo "1..$((1 + 2 * $#))"
if "$CLANG" -x cl -cl-std=CL1.2 -D__OPENCL_VERSION__=120 -cl-mad-enable -cl-no-signed-zeros -Werror=incompatible-pointer-types -DVLF_GPU=1 -DVLF_MMA=1 -O3 -target nvptx64--nvidiacl \
     -Xclang -target-cpu -Xclang sm_80 -Xclang -target-feature -Xclang +ptx70 -Xclang -mlink-builtin-bitcode -Xclang "$LIBCLC" \
     -S "$work/all.cl" -o "$work/all.ptx" 2> "$work/log"; then
  echo "ok 1 - PTX of $(grep -c '\.entry' "$work/all.ptx") kernels"
else
  sed 's/^/# /' "$work/log"
  echo "not ok 1 - PTX"
fi

n=1
for arch; do
  if "$PTXAS" -v -arch="$arch" "$work/all.ptx" -o "$work/all.cubin" > "$work/log" 2>&1; then verdict=ok; else verdict='not ok'; fi
  awk '/Compiling entry/ { kernel = $7 } /bytes stack/ { memory = $0 } /Used/ { sub (/.*Used/, ""); print "# " kernel ":" $0 ";" memory }' "$work/log"
  n=$((n + 1))
  echo "$verdict $n - $arch: assembled"
  [ "$verdict" = ok ] || sed 's/^/# /' "$work/log"
  n=$((n + 1))
  if grep -q 'spill stores' "$work/log" && ! grep -q '[1-9][0-9]* bytes spill' "$work/log"; then
    echo "ok $n - $arch: no kernel spills registers"
  else
    echo "not ok $n - $arch: kernels spill registers"
  fi
done
