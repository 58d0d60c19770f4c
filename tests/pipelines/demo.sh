#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# tools/demo on Debian's footage leaves what it says, and the default model finds what is asked for.
#   demo.sh ROOT CLIP POINTING    POINTING: the program of pointing.c; BUILD: the build folder
set -u
root=$1 clip=$2 pointing=$(realpath "$3")
[ -f "$clip" ] || exit 77
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset DISPLAY WAYLAND_DISPLAY
cd "$folder" || exit 2

# A test installs nothing, whatever is missing.
mkdir bin
for program in apt-get dpkg-query sudo; do
  printf '#!/bin/sh\ntouch "%s/asked"\nexit 1\n' "$folder" >bin/$program
  chmod +x bin/$program
done

PATH=$folder/bin:$PATH "$root/tools/demo" || exit 1
[ ! -e asked ] || { echo "the demo asked what is installed" && exit 1; }
[ "$(wc -l <results.jsonl)" = 795 ] || { echo "results.jsonl: expected 795 lines" && exit 1; }
[ "$(wc -l <shapes-results.jsonl)" = 300 ] || { echo "shapes-results.jsonl: expected 300 lines" && exit 1; }
for prompt in "a red circle" "a blue star" "the striped square" "a green triangle" "something purple"; do
  [ "$(grep -c "\"text\":\"$prompt\"" shapes-results.jsonl)" = 60 ] || { echo "expected \"$prompt\" on 60 frames" && exit 1; }
done
[ "$(wc -l <shapes-captions.jsonl)" = 300 ] || { echo "shapes-captions.jsonl: expected 300 lines" && exit 1; }
grep -q '"caption":"[^"]*a red circle' shapes-captions.jsonl || { echo "expected a caption that says \"a red circle\"" && exit 1; }
gst-launch-1.0 -q filesrc location=contact-sheet.png ! pngdec ! video/x-raw,width=1596,height=964 ! fakesink || exit 1
gst-launch-1.0 -v filesrc location=overlay.avi ! avidemux ! image/jpeg,width=768,height=576 ! fakesink 2>&1 | grep -q 'Got EOS' || exit 1
"$pointing" shapes-results.jsonl "$root/examples/shapes/truth.jsonl" 0.9
