#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Captions and answers of the model that ships, where they go: WebVTT, Matroska, textoverlay, plain text, JSON; and the example, whose keys
# ask. The elements and models come from the environment.
#   captions.sh VLF-CAPTION
set -u
case $1 in /*) example=$1 ;; *) example=$PWD/$1 ;; esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 2
number=0
echo 1..12

# check WHAT COMMAND...
check () {
  number=$((number + 1)) what=$1
  shift
  if "$@"; then
    echo "ok $number - $what"
  else
    echo "not ok $number - $what"
    for file in log out err ./*.vtt ./*.txt; do
      [ -e "$file" ] && sed "s|^|# $file: |" "$file"
    done
  fi
}
# needs_webvtt WHAT COMMAND...: as check, where there is webvttenc
webvtt=
! gst-inspect-1.0 --exists webvttenc || webvtt=yes
needs_webvtt () {
  if [ -n "$webvtt" ]; then
    check "$@"
  else
    number=$((number + 1))
    echo "ok $number - $1 # SKIP gstreamer1.0-plugins-bad is not installed"
  fi
}
launch () {
  timeout 120 gst-launch-1.0 -q "$@" 2>>log
}

picture='videotestsrc pattern=ball num-buffers=60 ! video/x-raw,width=320,height=240,framerate=20/1'
needs_webvtt "runs into webvttenc" launch $picture ! vlcaption name=c ! fakesink c.text_src ! webvttenc ! filesink location=a.vtt
needs_webvtt "writes three cues without gap or overlap" sh -c '
  [ "$(grep -c -- "-->" a.vtt)" = 3 ] && grep -q "00:00:00.000 --> 00:00:01.000" a.vtt &&
  grep -q "00:00:01.000 --> 00:00:02.000" a.vtt && grep -q "00:00:02.000 --> 00:00:03.000" a.vtt'
needs_webvtt "says a word about the ball" grep -qE "white|circle" a.vtt
check "runs without the video" launch $picture ! vlcaption name=c only-changes=true c.text_src ! filesink location=a.txt
check "gives plain text" grep -qE "white|circle" a.txt
check "runs into matroskamux and out again" sh -c '
  timeout 120 gst-launch-1.0 -q '"$picture"' ! vlcaption name=c ! jpegenc ! matroskamux name=m ! filesink location=a.mkv  c.text_src ! m. 2>>log &&
  timeout 120 gst-launch-1.0 -q filesrc location=a.mkv ! matroskademux name=d  d.subtitle_0 ! queue ! filesink location=b.txt \
    d.video_0 ! queue ! fakesink 2>>log && grep -qE "white|circle" b.txt'
check "runs into textoverlay" launch $picture ! vlcaption name=c ! textoverlay name=t ! videoconvert ! pngenc ! \
  multifilesink location=t%02d.png c.text_src ! t.text_sink
launch $picture ! videoconvert ! pngenc ! multifilesink location=p%02d.png
check "which draws on every frame" sh -c 'for i in 00 10 30 59; do cmp -s t$i.png p$i.png && exit 1; done; [ -e t59.png ]'

printf '1\n00:00:00,000 --> 00:00:01,000\nwhat color is the circle?\n\n2\n00:00:02,000 --> 00:00:03,000\nhow many circles are there?\n' >q.srt
check "asks what a subtitle file says, when it says it" sh -c '
  timeout 120 gst-launch-1.0 -q vlcaption name=c ! vljsonenc ! filesink location=q.jsonl  '"$picture"' ! c.sink \
    filesrc location=q.srt ! subparse ! c.text_0 2>>log &&
  sed -n 1p q.jsonl | grep -q "\"text\":\"what color is the circle?\",\"caption\":\"[^\"]" &&
  sed -n 30p q.jsonl | grep -q "\"text\":\"\",\"caption\":\"[^\"]" &&
  sed -n 41p q.jsonl | grep -q "\"text\":\"how many circles are there?\",\"caption\":\"[^\"]"'

# Presses a key whenever the last one was answered.
said () {
  for _ in $(seq 600); do
    grep -q "$1" out && return
    [ -e gone ] && return
    sleep 0.1
  done
}
press_keys () {
  said .
  printf 1
  said "is it a circle?"
  printf '?what color is it?\n'
  said "what color is it?"
  printf 0
}
: >out
[ -z "$webvtt" ] || press_keys | { timeout 120 "$example" --test --question "is it a circle?" --vtt keys.vtt >out 2>err; echo $? >gone; }
needs_webvtt "the example answers keys and questions that are typed" sh -c '
  [ "$(cat gone)" = 0 ] && grep -q "is it a circle? ." out && grep -q "what color is it? ." out && grep -q -- "-->" keys.vtt'
"$example" --test --model /nonexistent </dev/null >out 2>err
needs_webvtt "the example says what is wrong" sh -c "[ $? = 1 ] && grep -q /nonexistent err"

GST_PLUGIN_PATH_1_0='' GST_PLUGIN_SYSTEM_PATH_1_0=/nonexistent GST_REGISTRY_1_0=$folder/registry timeout 60 "$example" --test </dev/null >out 2>err
check "the example says which element is missing" sh -c "[ $? = 1 ] && grep -q 'no element' err"
