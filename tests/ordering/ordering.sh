#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# ordering.sh SOURCE-ROOT: how work-items of cl/chain.cl wait for each other, compiled as PoCL would for ARMv8.0, whose loads overtake each other:
# its atomic operations acquire and release, its mem_fence() is empty (lib/kernel/atomics.cl, mem_fence.c). Somewhere there is a load that
# acquires, which x86-64, where tests run, does not need. TAP; skipped without clang (CLANG, clang-15) for AArch64.
set -u
root=${1:?usage: ordering.sh SOURCE-ROOT}
: "${CLANG:=clang-15}"
command -v "$CLANG" > /dev/null || { echo "1..0 # SKIP no $CLANG"; exit 0; }
"$CLANG" -print-targets | grep -q '^ *aarch64 ' || { echo "1..0 # SKIP $CLANG is not for AArch64"; exit 0; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
{
  echo 'typedef unsigned uint;'
  echo '#define bool _Bool'
  echo '#define true 1'
  echo '#define false 0'
  echo '#define __global'
  echo '#define mem_fence(flags)'
  echo '#define atomic_add(p, n) __atomic_fetch_add (p, n, __ATOMIC_ACQ_REL)'
  grep '^#define PATIENCE' "$root/kernels/cl/chain.cl"
  sed -n '/^vlf_wait_for/,/^}/p' "$root/kernels/cl/chain.cl" | sed '1s/^/bool /'
} > "$work/wait.c"
echo 1..2
if "$CLANG" --target=aarch64-linux-gnu -march=armv8-a -O3 -S -o "$work/wait.s" "$work/wait.c" 2> "$work/log" && grep -q '^vlf_wait_for:' "$work/wait.s"; then
  echo "ok 1 - compiles"
else
  sed 's/^/# /' "$work/log"
  echo "not ok 1 - compiles"
fi
if grep -q 'ldaxr' "$work/wait.s"; then echo "ok 2 - acquires"; else echo "not ok 2 - acquires"; fi
