#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What people get wrong, and what files can do to us: one clear error each, through vlf-run and through a pipeline, and no crash.
#   badinput.sh vlf-run|gst TOOL MODEL PICTURE    TOOL: vlf-run, or gst-launch-1.0; MODEL: a small model directory with one file of tensors
set -u
way=$1 tool=$2 model=$3 picture=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
number=0

# The model in a state of its own, to be broken.
copy () {
  rm -rf "${folder:?}/$1"
  cp -r "$model" "$folder/$1"
  chmod -R u+w "$folder/$1"
}

# MODEL-DIRECTORY PROMPT WIDTH HEIGHT [DEVICE]: look for something, either way
look () {
  if [ "$way" = vlf-run ]; then
    timeout 300 "$tool" --image "$picture" --model "$1" --prompt "$2" --device "${5:-auto}"
  else
    timeout 300 "$tool" -q videotestsrc num-buffers=2 ! "video/x-raw,format=I420,width=$3,height=$4" ! \
      vlfusion "model=$1" "device=${5:-auto}" "prompt=${2:-\"\"}" ! vljsonenc maps=none ! fdsink
  fi >"$folder/stdout" 2>"$folder/stderr"
}

# What the user sees as the error: vlf-run's only line, or what gst-launch prints of an element's message.
messages () {
  if [ "$way" = vlf-run ]; then
    wc -l <"$folder/stderr"
  else
    grep -c '^ERROR: from element' "$folder/stderr"
  fi
}

verdict () { # NAME PROBLEM
  number=$((number + 1))
  if [ -z "$2" ]; then
    echo "ok $number - $1"
  else
    echo "not ok $number - $1: $2"
    head -c 2000 "$folder/stderr" | sed 's/^/# /'
  fi
}

# NAME PATTERN: the last look failed as it should, with one message that matches. gst-launch has two ways to say that it failed.
expect_error () {
  problem=
  case $way-$status in
    vlf-run-1 | gst-1 | gst-255) ;;
    *) problem="exit status $status" ;;
  esac
  [ "$(messages)" = 1 ] || problem="$problem $(messages) messages"
  grep -qiE -e "$2" "$folder/stderr" || problem="$problem no \"$2\" in the message"
  grep -q CRITICAL "$folder/stderr" && problem="$problem CRITICAL"
  [ ! -s "$folder/stdout" ] || problem="$problem output"
  verdict "$1" "$problem"
}

# NAME PATTERN: the last look worked and its output matches.
expect_output () {
  problem=
  [ $status = 0 ] || problem="exit status $status"
  grep -qE -e "$2" "$folder/stdout" || problem="$problem no \"$2\" in the output"
  grep -qE 'CRITICAL|ERROR' "$folder/stderr" && problem="$problem complaints"
  verdict "$1" "$problem"
}

refuse () { # NAME PATTERN MODEL [DEVICE]
  status=0
  look "$3" "a red circle" 320 240 "${4:-auto}" || status=$?
  expect_error "$1" "$2"
}

accept () { # NAME PATTERN PROMPT [WIDTH HEIGHT]
  status=0
  look "$model" "$3" "${4:-320}" "${5:-240}" || status=$?
  expect_output "$1" "$2"
}

# --- the machine ---
VLF_OPENCL_LIBRARY=$folder/none.so
export VLF_OPENCL_LIBRARY
refuse "no libOpenCL" 'ocl-icd-libopencl1' "$model"
unset VLF_OPENCL_LIBRARY
vendors=${OCL_ICD_VENDORS-}
OCL_ICD_VENDORS=$folder/nothing/
mkdir "$folder/nothing"
export OCL_ICD_VENDORS
refuse "no device" 'pocl-opencl-icd' "$model"
OCL_ICD_VENDORS=$vendors
[ -n "$vendors" ] || unset OCL_ICD_VENDORS
refuse "unknown device" 'nonesuch' "$model" nonesuch
refuse "device index beyond the list" '999' "$model" 999

# --- the model ---
refuse "missing model" 'no such directory' "$folder/absent"
mkdir "$folder/empty"
refuse "empty directory" 'config.json' "$folder/empty"
copy bin && rm "$folder"/bin/*.safetensors && echo x >"$folder/bin/pytorch_model.bin"
refuse "only pytorch_model.bin" 'convert' "$folder/bin"
copy short && truncate -s 5000 "$folder/short/model.safetensors"
refuse "truncated safetensors" 'model.safetensors' "$folder/short"
copy tiny && truncate -s 7 "$folder/tiny/model.safetensors"
refuse "safetensors without a header" 'model.safetensors' "$folder/tiny"
copy lies && LC_ALL=C sed -i '1s/"data_offsets":\[0,/"data_offsets":[4,/' "$folder/lies/model.safetensors"
refuse "safetensors that lie about offsets" 'model.safetensors' "$folder/lies"
copy huge && { printf '\377\377\377\377\377\377\377\177' && tail -c +9 "$model/model.safetensors"; } >"$folder/huge/model.safetensors"
refuse "safetensors with an endless header" 'model.safetensors' "$folder/huge"
copy shape && sed -i 's/"vocab_size": [0-9]*/"vocab_size": 301/' "$folder/shape/config.json"
refuse "wrong tensor shape" 'embeddings.*301' "$folder/shape"
copy range && sed -i 's/"num_hidden_layers": [0-9]*/"num_hidden_layers": 1000000/' "$folder/range/config.json"
refuse "config out of range" 'num_hidden_layers.*1000000' "$folder/range"
copy type && sed -i 's/"model_type": "bridgetower"/"model_type": "gpt2"/' "$folder/type/config.json"
refuse "unknown model type" 'gpt2' "$folder/type"
copy json && echo '{ "model_type": ' >"$folder/json/config.json"
refuse "config that is not JSON" 'config.json' "$folder/json"
copy words && rm -f "$folder"/words/tokenizer.json "$folder"/words/vocab.json
refuse "no tokenizer" 'tokenizer' "$folder/words"

# --- what is asked, of what ---
accept "plain prompt" '"prompts": ?\[\{"text":' "a red circle"
accept "empty prompt" '"prompts": ?\[\]' ""
accept "blank prompt" '"prompts": ?\[\]' "   "
accept "10,000 characters" '"prompts": ?\[\{"text":' "$(head -c 10000 /dev/zero | tr '\0' 'a')"
accept "10,000 words" '"prompts": ?\[\{"text":' "$(yes red | head -n 10000 | tr '\n' ' ')"
if [ "$way" = vlf-run ]; then
  grep -q 'cut' "$folder/stderr" && verdict "truncation is said" "" || verdict "truncation is said" "not said"
  status=0
  look "$model" "$(printf 'a \377 circle')" 1 1 || status=$?
  expect_error "invalid UTF-8" 'UTF-8'
  echo "not a picture" >"$folder/words.jpg"
  for wrong in "$folder/words.jpg" "$folder/absent.png" "$folder"; do
    picture=$wrong
    refuse "not a picture: $(basename "$wrong")" "$wrong" "$model"
  done
else
  accept "1x1 frames" '"frame": ?\[1, ?1\]' "a red circle" 1 1
  accept "8192 wide frames" '"frame": ?\[8192, ?16\]' "a red circle" 8192 16
  accept "8192 high frames" '"frame": ?\[16, ?8192\]' "a red circle" 16 8192
  status=0
  look "$model" "$(printf 'a \377 circle')" 320 240 || status=$?
  # gst-launch-1.0 may refuse such arguments itself; what matters is that nothing crashes.
  [ $status -le 1 ] && verdict "invalid UTF-8" "" || verdict "invalid UTF-8" "exit status $status"
fi
echo 1..$number
