#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A GL sink lays vloverlay's pictures over the video itself: glimagesink on Mesa's software GL in Xvfb, and what its screen shows.
#   glsink.sh MODEL
set -u
model=$1
if [ -z "${INSIDE_XVFB-}" ]; then
  echo 1..3
  for need in xvfb-run; do
    command -v $need >/dev/null || missing="$need is not installed"
  done
  for element in glimagesink ximagesrc; do
    gst-inspect-1.0 $element >/dev/null 2>&1 || missing="$element is not installed"
  done
  if [ -n "${missing-}" ]; then
    for i in 1 2 3; do echo "ok $i # SKIP $missing"; done
    exit 0
  fi
  INSIDE_XVFB=1 LIBGL_ALWAYS_SOFTWARE=1 exec xvfb-run -a -s "-screen 0 640x480x24" "$0" "$@"
fi

folder=$(mktemp -d)
GST_DEBUG=vloverlay:5 GST_DEBUG_NO_COLOR=1 gst-launch-1.0 -q videotestsrc pattern=red is-live=true \
  ! video/x-raw,format=RGB,width=640,height=480,framerate=10/1 ! vlfusion model="$model" prompt="a red circle" \
  ! vloverlay labels=stack unmatched-opacity=1 expire=18446744073709551615 ! glimagesink >"$folder/log" 2>&1 &
pipeline=$!
trap 'kill $pipeline 2>/dev/null; wait $pipeline 2>/dev/null; rm -rf "$folder"' EXIT

# Pixels of the screen that are red, and that are nearly white, as the letters of a label are.
look () {
  rm -f "$folder/screen"
  gst-launch-1.0 -q ximagesrc num-buffers=1 use-damage=false show-pointer=false ! videoconvert ! video/x-raw,format=RGB \
    ! filesink location="$folder/screen" >>"$folder/log" 2>&1
  od -An -v -tu1 -w3 "$folder/screen" |
    awk '$1 > 200 && $2 < 60 && $3 < 60 { red++ }  $1 > 200 && $2 > 200 && $3 > 200 { white++ }  END { print red + 0, white + 0 }'
}

# A model may take its time to load on a busy machine.
for _ in $(seq 60); do
  set -- $(look)
  [ "$1" -gt 100000 ] && [ "$2" -gt 50 ] && break
  kill -0 $pipeline 2>/dev/null || break
  sleep 1
done
verdict () { # NUMBER WHAT STATUS
  [ "$3" = 0 ] && echo "ok $1 - $2" && return
  echo "not ok $1 - $2"
  sed 's/^/# /' "$folder/log"
}
grep -q 'pictures beside the frame' "$folder/log"
verdict 1 "the sink is left to draw" $?
[ "$1" -gt 100000 ]
verdict 2 "the video is on the screen: $1 red pixels" $?
[ "$2" -gt 50 ]
verdict 3 "the label is on the screen: $2 white pixels" $?
