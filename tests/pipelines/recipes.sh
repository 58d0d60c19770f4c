#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs what docs/recipes.md tells people to run: every command of its ```sh blocks, with stand-ins on this machine for camera, phone,
# screen, RTSP server and MQTT broker. The elements and models come from the environment.
#   recipes.sh ROOT TOOLS PYTHON    TOOLS: folder of vlf-run; PYTHON: one that may have GStreamer's bindings
set -u
root=$1 python=$3
PATH=$2:$PATH
folder=$(mktemp -d)
servers=
trap 'kill $servers 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 2

# The commands, continued lines joined, one a line.
awk '/^```sh$/ { inside = 1; next }  /^```/ { inside = 0 }  inside' "$root/docs/recipes.md" |
  sed -e ':a' -e '/\\$/N; s/\\\n */ /; ta' >commands

ball='videotestsrc pattern=ball num-buffers=20 ! video/x-raw,width=320,height=240,framerate=10/1'
gst-launch-1.0 -q $ball ! jpegenc ! avimux ! filesink location=clip.avi
gst-launch-1.0 -q $ball ! jpegenc ! qtmux ! filesink location=phone.mp4
printf '1\n00:00:00,000 --> 00:00:01,000\na red circle\n\n2\n00:00:01,000 --> 00:00:10,000\nsomething blue\n' >words.srt
printf '1\n00:00:00,000 --> 00:00:10,000\nhow many circles are there?\n' >questions.srt

printf 'a red circle\na blue star\na green triangle\na striped square\na purple heart\na ring\n' >sentences.txt

# A server's first line of output is its port.
start () { # NAME COMMAND...
  name=$1
  shift
  "$@" >"$name.port" 2>"$name.log" &
  servers="$servers $!"
  for _ in $(seq 100); do
    [ -s "$name.port" ] && return
    kill -0 $! 2>/dev/null || return
    sleep 0.1
  done
}

start_broker () { # on the first port that is free
  for port in 18830 18831 18832 18833 18834; do
    mosquitto -p $port >broker.log 2>&1 &
    servers="$servers $!"
    sleep 0.5
    if kill -0 $! 2>/dev/null; then
      mosquitto_sub -h 127.0.0.1 -p $port -t camera/door -C 3 >received.jsonl 2>>broker.log &
      echo $port >broker.port
      sleep 0.5
      return
    fi
  done
}

# For COMMAND: one of CLIP where it classifies, else the default one, which compares texts with pictures too.
model_for () {
  case $1 in
  *templates=*) echo "$root/tests/golden/clip/openai/model" ;;
  *) echo "$root/models/pretrained/vlf-shapes" ;;
  esac
}

# (mp4mux of GStreamer 1.22 writes no orientation; the tag is put in behind it.)
stand_in () { # MODEL
  camera='videotestsrc pattern=ball is-live=true num-buffers=20 ! video/x-raw,width=1280,height=720,framerate=10/1'
  sed -e 's/autovideosink/fakesink/g' -e 's/^recogniser/echo a red circle/' -e "s#v4l2src ! image/jpeg#$camera ! jpegenc ! image/jpeg#" -e "s#v4l2src#$camera#" \
    -e 's#gst-launch-1.0 \(filesrc location=phone.mp4\)#gst-launch-1.0 -v \1#; s#! videoflip#! taginject tags=image-orientation=rotate-90 &#' \
    -e "s#rtsp://camera.local/#rtsp://127.0.0.1:$(cat rtsp.port 2>/dev/null)/#" \
    -e "s#model\([ =]\)MODEL#model\1$1#" \
    -e "s#-h broker.local#-h 127.0.0.1 -p $(cat broker.port 2>/dev/null)#"
}

# What a command must have left behind; nothing: true.
is_done () { # COMMAND
  case $1 in
  *phone.mp4*) grep -q 'vlfusion0.*width=(int)240, height=(int)320' output ;;
  *--embed*) [ -s texts.safetensors ] ;;
  *encoded.jsonl*) grep -q '"text":"a red circle"' encoded.jsonl && grep -q '"text":"something blue"' encoded.jsonl ;;
  *listed.jsonl*) grep -q '"text":"a red circle".*"text":"a blue star"' listed.jsonl ;;
  *two.jsonl*) grep -q '"text":"a red circle".*"text":"a star"' two.jsonl ;;
  *reused.jsonl*) grep -q '"reused":0\.[1-9]' reused.jsonl ;;
  *marked.jsonl*) grep -q '"text":"a red circle"' marked.jsonl ;;
  *camera.jsonl*) grep -q '"frame":\[1280,720\].*"text":"a red circle"' camera.jsonl ;;
  *clip.vtt*) grep -q -- '-->' clip.vtt && grep -qE 'white|circle' clip.vtt ;;
  *captioned.mkv*)
    gst-launch-1.0 -q filesrc location=captioned.mkv ! matroskademux name=d d.subtitle_0 ! queue ! filesink location=captioned.txt d.video_0 ! queue ! fakesink &&
      grep -qE 'white|circle' captioned.txt ;;
  *answers.jsonl*) grep -q '"text":"how many circles are there?","caption":"[^"]' answers.jsonl ;;
  *annotated.mp4*) # two seconds of video take two seconds
    gst-launch-1.0 filesrc location=annotated.mp4 ! decodebin ! fakesink sync=true | grep -q 'Execution ended after 0:00:0[1-9]' ;;
  *--texts*) [ -s sentences.safetensors ] ;;
  *found.jsonl*) grep -q '"prompts":\[{"text":"[^"]*".*"bank":[0-5].*"bank":[0-5].*"bank":[0-5]' found.jsonl ;;
  *classes.jsonl*) grep -q '"text":"circle","match":[01].*"text":"star","match":[01]' classes.jsonl && grep -q '"best":' classes.jsonl ;;
  *mosquitto*)
    for _ in $(seq 50); do
      [ "$(grep -c '"prompts":' received.jsonl)" -ge 3 ] && return 0
      sleep 0.1
    done
    return 1 ;;
  esac
}

skip_reason () { # COMMAND
  case $1 in
  *analytics-meta*) gst-inspect-1.0 vlfusion | grep -q analytics-meta || echo "built without GStreamer's analytics library" ;;
  *openh264enc*) gst-inspect-1.0 --exists openh264enc && gst-inspect-1.0 --exists h264parse || echo "gstreamer1.0-plugins-bad is not installed" ;;
  *webvttenc*) gst-inspect-1.0 --exists webvttenc || echo "gstreamer1.0-plugins-bad is not installed" ;;
  *rtspsrc*)
    [ -n "$python" ] && start rtsp "$python" "$root/tests/pipelines/rtsp-server.py"
    [ -s rtsp.port ] || echo "gir1.2-gst-rtsp-server-1.0 or python3-gi is not installed" ;;
  *mosquitto*)
    if command -v mosquitto >/dev/null && command -v mosquitto_pub >/dev/null; then
      start_broker
    else
      echo "mosquitto or mosquitto-clients is not installed"
    fi ;;
  esac
}

PATH=$PATH:/usr/sbin
number=0
while read -r command <&3; do
  number=$((number + 1))
  rm -f ./*.jsonl
  skip_reason "$command" >reason
  if [ -s reason ]; then
    printf 'ok %s - %s # SKIP %s\n' $number "$command" "$(cat reason)"
  elif timeout 120 sh -c "$(printf '%s\n' "$command" | stand_in "$(model_for "$command")")" >output 2>&1 </dev/null && ! grep -q CRITICAL output && is_done "$command"; then
    printf 'ok %s - %s\n' $number "$command"
  else
    printf 'not ok %s - %s\n' $number "$command"
    sed 's/^/# /' output ./*.log 2>/dev/null
  fi
done 3<commands
[ $number -ge 8 ] || echo "not ok - docs/recipes.md has fewer than eight commands"
echo 1..$number
