#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# vlf-events says when, on the drawn clip that ships; its page is whole, and shows text as text.
#   events.sh VLF-EVENTS MODEL CLIP CIRCLE [BROWSER]    CIRCLE: a JPEG of one, 480x360; BROWSER: a chromium, or "": its cases are skipped
set -u
events=$1 model=$2 clip=$3 circle=$4 browser=${5-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
number=0
nasty='<script>document.title="broken"</script> & a "star"'

check () { # NAME COMMAND...
  name=$1
  number=$((number + 1))
  shift
  if "$@"; then
    echo "ok $number - $name"
  else
    echo "not ok $number - $name"
    head -c 1000 "$folder/out" | sed 's/^/# /'
    sed 's/^/# /' "$folder/errors"
  fi
}

skip () {
  number=$((number + 1))
  echo "ok $number - $1 # SKIP $2"
}

run () { # STATUS ARGUMENT...
  expected=$1
  shift
  status=0
  "$events" "$@" >"$folder/out" 2>"$folder/errors" || status=$?
  [ "$status" = "$expected" ]
}

# FILE: what a browser makes of it. A page without pictures tells first whether it sees this folder: a snap has a /tmp of its own.
dom () {
  "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$folder/profile" --dump-dom "file://$1" 2>/dev/null
}
echo '<p>seen</p>' >"$folder/seen.html"
reason="no chromium"
if [ -x "$browser" ]; then
  reason="this chromium does not read files below /tmp"
  ! dom "$folder/seen.html" | grep -q seen || reason=
fi

# With a threshold of 0 everything matches, all the time: the lines can be told in advance.
check "runs" run 0 --model "$model" --threshold 0 --interval 1 -p "a red circle" -p "$nasty" -o "$folder/page.html" "$clip"
check "a line for each match" [ "$(grep -c '^0:00:00.000 - 0:00:[0-9.]* *[0-9]* %  ' "$folder/out")" = 2 ]
check "a match that lasts has one line" [ "$(wc -l <"$folder/out")" = 2 ]
check "a picture for each match" [ "$(grep -o 'data:image/jpeg;base64,/9j/' "$folder/page.html" | wc -l)" = 2 ]
check "text is text" grep -q '&lt;script&gt;document.title=&quot;broken&quot;&lt;/script&gt; &amp; a &quot;star&quot;' "$folder/page.html"
check "nothing else is needed" [ "$(grep -cE '(src|href)="?[^d"#]|<script|url\(' "$folder/page.html")" = 0 ]

if [ -z "$reason" ]; then
  dom "$folder/page.html" >"$folder/dom"
  check "a browser reads it" grep -q '<section>' "$folder/dom"
  check "no script of a user runs" sh -c "! grep -q '<title>broken' '$folder/dom'"
else
  skip "a browser reads it" "$reason"
  skip "no script of a user runs" "$reason"
fi

# Nothing reaches a threshold of 1 but certainty itself.
check "no match is no error" run 0 --model "$model" --threshold 1 --interval 1 -p "a red circle" "$clip"
check "an absent file is said" run 1 --model "$model" -p star "$folder/none.avi"
check "on one line that names it" grep -q 'none.avi' "$folder/errors"
check "what is no video is said" run 1 --model "$model" -p star "$0"
check "a model that is not there is said" run 1 --model /nonexistent -p star "$clip"
check "nothing to look for is wrong usage" run 2 "$clip"

# Prompts are what vlfusion makes of them.
locale=${LC_ALL-}
export LC_ALL=C
check "runs in a locale without UTF-8" run 0 --model "$model" --threshold 0 --interval 1 -p "ein grüner Stern" "$clip"
check "which keeps the text" grep -q '[0-9] %  ein grüner Stern$' "$folder/out"
LC_ALL=$locale
check "what is not UTF-8 is said" run 1 --model "$model" -p "$(printf 'a \377 star')" "$clip"
check "as just that" grep -q 'prompt: expected UTF-8' "$folder/errors"
check "a blank prompt is left out" run 0 --model "$model" --threshold 0 --interval 1 -p " " -p star "$clip"
check "and does not lend its place to the next" grep -q '[0-9] %  star$' "$folder/out"
check "nothing but blank prompts is wrong usage" run 2 --model "$model" -p "" -p " " "$clip"

# A flash of a better circle, too short to be a match, before rings that last: the default model is sure of both.
frame () { # PATTERN NUMBER...
  gst-launch-1.0 -q videotestsrc pattern="$1" num-buffers=1 ! video/x-raw,width=480,height=360 ! jpegenc ! filesink location="$folder/picture.jpg"
  shift
  for frame in "$@"; do cp "$folder/picture.jpg" "$folder/frame$frame.jpg"; done
}
frame black 00 01 02 04 05 06 12 13
frame circular 07 08 09 10 11
cp "$circle" "$folder/frame03.jpg"
gst-launch-1.0 -q multifilesrc location="$folder/frame%02d.jpg" caps=image/jpeg,width=480,height=360,framerate=5/1 ! avimux ! filesink location="$folder/flash.avi"
pictures () {
  grep -o 'data:image/jpeg;base64,[^"]*' "$folder/page.html"
}
check "a flash is a match" run 0 --threshold 0.5 -p "a circle" -o "$folder/page.html" "$folder/flash.avi"
check "before another one that is less sure" sh -c '[ "$(wc -l <"$1")" = 2 ] && [ "$(sort -k4n "$1" | sed -n "1s/ .*//p")" = 0:00:01.400 ]' - "$folder/out"
pictures | sed -n 2p >"$folder/second"
check "not if it is too short" run 0 --threshold 0.5 --min-duration 0.5 -p "a circle" -o "$folder/page.html" "$folder/flash.avi"
check "of which no picture stays" [ "$(pictures)" = "$(cat "$folder/second")" ]
echo "1..$number"
