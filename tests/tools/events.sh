#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# vlf-events says when, on the drawn clip that ships; its page is whole, and shows text as text.
#   events.sh VLF-EVENTS MODEL CLIP [BROWSER]    BROWSER: a chromium, or "": its cases are skipped
set -u
events=$1 model=$2 clip=$3 browser=${4-}
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

# With a threshold of 0 everything matches, all the time: the lines can be told in advance.
check "runs" run 0 --model "$model" --threshold 0 --interval 1 -p "a red circle" -p "$nasty" -o "$folder/page.html" "$clip"
check "a line for each match" [ "$(grep -c '^0:00:00.000 - 0:00:[0-9.]* *[0-9]* %  ' "$folder/out")" = 2 ]
check "a match that lasts has one line" [ "$(wc -l <"$folder/out")" = 2 ]
check "a picture for each match" [ "$(grep -o 'data:image/jpeg;base64,/9j/' "$folder/page.html" | wc -l)" = 2 ]
check "text is text" grep -q '&lt;script&gt;document.title=&quot;broken&quot;&lt;/script&gt; &amp; a &quot;star&quot;' "$folder/page.html"
check "nothing else is needed" [ "$(grep -cE '(src|href)="?[^d"#]|<script|url\(' "$folder/page.html")" = 0 ]

if [ -x "$browser" ]; then
  "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$folder/profile" --dump-dom "file://$folder/page.html" \
    >"$folder/dom" 2>/dev/null
  check "a browser reads it" grep -q '<section>' "$folder/dom"
  check "no script of a user runs" sh -c "! grep -q '<title>broken' '$folder/dom'"
else
  skip "a browser reads it" "no chromium"
  skip "no script of a user runs" "no chromium"
fi

# Nothing reaches a threshold of 1 but certainty itself.
check "no match is no error" run 0 --model "$model" --threshold 1 --interval 1 -p "a red circle" "$clip"
check "an absent file is said" run 1 --model "$model" -p star "$folder/none.avi"
check "on one line that names it" grep -q 'none.avi' "$folder/errors"
check "what is no video is said" run 1 --model "$model" -p star "$0"
check "a model that is not there is said" run 1 --model /nonexistent -p star "$clip"
check "nothing to look for is wrong usage" run 2 "$clip"
echo "1..$number"
