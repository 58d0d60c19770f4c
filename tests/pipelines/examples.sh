#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The examples on test sources: what is typed is asked. The elements and models come from the environment.
#   examples.sh NAME PROGRAM...
set -u
name=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo 1..4

# check NUMBER WHAT COMMAND...
check () {
  number=$1 what=$2
  shift 2
  if "$@"; then
    echo "ok $number - $name: $what"
  else
    echo "not ok $number - $name: $what"
    sed 's/^/# /' "$folder"/*
  fi
}

# Types a line whenever the last one was answered; a model may take its time to load.
answered () {
  for _ in $(seq 600); do
    grep -q "$1" "$folder/out" && return
    [ -e "$folder/gone" ] && return
    sleep 0.1
  done
}
type_lines () {
  answered "a white circle"
  echo "a green star"
  answered "a green star"
  printf 'a circle\\na heart\n'
  answered "a heart"
}
: >"$folder/out"
type_lines | { timeout 120 "$@" --test --prompt "a white circle" >"$folder/out" 2>"$folder/err"; echo $? >"$folder/gone"; }
status=$(cat "$folder/gone")
if [ $status = 77 ]; then
  for i in 1 2 3 4; do
    echo "ok $i # SKIP $(cat "$folder/err")"
  done
  exit 0
fi
check 1 "ends well" [ $status = 0 ]
check 2 "asks what it was told to" grep -qE '^([01]\.[0-9]+ )?a white circle' "$folder/out"
check 3 "asks what is typed" grep -qE 'a circle +([01]\.[0-9]+ )?a heart' "$folder/out"

sleep 3 | { timeout 120 "$@" --test --model /nonexistent >"$folder/out" 2>"$folder/err"; echo $? >"$folder/gone"; }
status=$(cat "$folder/gone")
check 4 "says what is wrong" sh -c "[ $status = 1 ] && grep -q /nonexistent '$folder/err'"
