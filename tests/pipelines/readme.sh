#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs what README.md tells people to run: every gst-launch-1.0 command of its ```sh blocks, with stand-ins for what a machine without
# camera, screen and broker lacks. The elements and models come from the environment.
#   readme.sh ROOT CLIP    CLIP: a video in place of clip.avi
set -u
root=$1 clip=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 2

# The commands, continued lines joined, one a line.
awk '/^```sh$/ { inside = 1; next }  /^```/ { inside = 0 }  inside' "$root/README.md" |
  sed -e ':a' -e '/\\$/N; s/\\\n */ /; ta' | grep '^gst-launch-1.0 ' >commands

# A short clip and subtitles that last as long.
gst-launch-1.0 -q filesrc location="$clip" ! decodebin ! identity eos-after=40 ! videoconvert ! jpegenc ! avimux \
  ! filesink location=clip.avi >/dev/null 2>&1 ||
  gst-launch-1.0 -q videotestsrc num-buffers=40 ! video/x-raw,width=320,height=240,framerate=10/1 ! jpegenc ! avimux \
    ! filesink location=clip.avi
printf '1\n00:00:00,000 --> 00:00:01,000\na red circle\n\n2\n00:00:01,000 --> 00:00:10,000\nsomething blue\n' >words.srt
stand_in () {
  sed -e 's/autovideosink/fakesink/g' -e 's/v4l2src/videotestsrc num-buffers=40 is-live=true ! video\/x-raw,framerate=10\/1/g'
}

number=0
while read -r command; do
  number=$((number + 1))
  rm -f ./*.jsonl
  if timeout 300 sh -c "$(printf '%s\n' "$command" | stand_in)" >output 2>&1 </dev/null && ! grep -q CRITICAL output; then
    printf 'ok %s - %s\n' $number "$command"
  else
    printf 'not ok %s - %s\n' $number "$command"
    sed 's/^/# /' output
  fi
  for lines in ./*.jsonl; do # a command that writes results must have written some
    if [ -e "$lines" ] && ! grep -q '"prompts":\[{"text":' "$lines"; then
      echo "not ok - $lines has no results"
    fi
  done
done <commands
[ $number -ge 3 ] || echo "not ok - README.md has fewer than three pipelines"
echo 1..$number
