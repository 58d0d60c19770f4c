#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The tools do as their contracts say, on the models of tests/golden.
#   tools.sh TOOLS GOLDEN COMPARE PICTURE    TOOLS: the folder of vlf-run and the others; COMPARE: the program of compare.c
set -u
tools=$1 golden=$2 compare=$3 picture=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
model=$golden/retrieval/model
number=0

verdict () { # NAME STATUS
  number=$((number + 1))
  if [ "$2" = 0 ]; then
    echo "ok $number - $1"
  else
    echo "not ok $number - $1"
    head -c 2000 "$folder/output" | sed 's/^/# /'
    sed 's/^/# /' "$folder/errors"
  fi
}

# NAME COMMAND...: it works; its output is in $folder/output
works () {
  name=$1
  shift
  status=0
  "$@" >"$folder/output" 2>"$folder/errors" || status=$?
  [ ! -s "$folder/errors" ] || status=1
  verdict "$name" $status
}

# NAME PATTERN: the last output has it
shows () {
  status=0
  grep -qE -e "$2" "$folder/output" || status=1
  verdict "$1" $status
}

# NAME PATTERN COMMAND...: wrong input, said on one line that has it
refuses () {
  name=$1 pattern=$2
  shift 2
  status=0
  "$@" >"$folder/output" 2>"$folder/errors" || status=$?
  [ $status = 1 ] && [ "$(wc -l <"$folder/errors")" = 1 ] && grep -qE -e "$pattern" "$folder/errors"
  verdict "$name" $?
}

# NAME COMMAND...: a mistake of the command line
usage () {
  name=$1
  shift
  status=0
  "$@" >"$folder/output" 2>"$folder/errors" || status=$?
  [ $status = 2 ] && [ "$(wc -l <"$folder/errors")" = 1 ]
  verdict "$name" $?
}

for case in $(cat "$golden/cases.txt"); do
  works "--tensors $case" "$tools/vlf-run" --model "$golden/$case/model" --tensors "$golden/$case/inputs.safetensors" \
    --save "$folder/out.safetensors"
  works "  agrees with transformers" "$compare" "$folder/out.safetensors" "$golden/$case/expected.safetensors"
done

works "--tokenize" "$tools/vlf-run" --model "$model" --tokenize <"$golden/tokenize.in"
cp "$folder/output" "$folder/ids"
works "  agrees with transformers" cmp "$folder/ids" "$golden/tokenize.out"
mkdir "$folder/words"
cp "$model"/config.json "$model"/*tok* "$model"/vocab.json "$folder/words"
works "--tokenize without weights" "$tools/vlf-run" --model "$folder/words" --tokenize <"$golden/tokenize.in"
echo '[1]' >"$folder/list"
refuses "--tokenize of a list" 'line 1: expected a JSON string, found an array' "$tools/vlf-run" --model "$model" --tokenize <"$folder/list"
refuses "--tensors without pixels" 'pixel_values: expected F32' "$tools/vlf-run" --model "$model" --tensors "$model/model.safetensors" \
  --save "$folder/none.safetensors"

refuses "unknown precision" 'precision: expected auto' "$tools/vlf-run" --precision f64 --model "$model" --image "$picture" --prompt a
works "--image" "$tools/vlf-run" --model "$model" --image "$picture" --prompt "a red circle" --prompt "a blue star"
shows "  is one object" '^\{"pts": ?null.*\}$'
shows "  says frame, region and grid" '"frame": ?\[160, ?120\].*"region": ?\[.*"grid": ?\[4, ?4\]'
shows "  has match, score, peak and words" '"text": ?"a blue star".*"match": ?[0-9].*"score": ?-?[0-9].*"peak": ?\[.*"words": ?\[\{"text": ?"a"'
shows "  has every word's map" '"text": ?"star", ?"weight": ?[0-9.e-]+, ?"map": ?\[\['
shows "  has the embedding" '"embedding": ?\[-?[0-9]'
works "--image on the reference" "$tools/vlf-run" --device reference --model "$model" --image "$picture" --prompt "a red circle"
shows "  is one object" '^\{"pts": ?null.*\}$'

works "--image in a locale without UTF-8" env LC_ALL=C "$tools/vlf-run" --model "$model" --image "$picture" --prompt "ein großer Stern"
shows "  keeps the text" '"text": ?"ein großer Stern"'

works "vlf-inspect of a directory" "$tools/vlf-inspect" "$model"
shows "  says that it runs" '^runnable: yes'
shows "  has the fingerprint" '^fingerprint: [0-9a-f]{64}$'
works "vlf-inspect of a file" "$tools/vlf-inspect" "$model/model.safetensors"
shows "  lists tensors" '^itm_score.fc.weight +F32 +\[2, 128\] +1024$'
works "vlf-inspect --devices" "$tools/vlf-inspect" --devices
shows "  lists some" '^0: '

# NAME: nothing in the last output speaks to a terminal: neither control characters but line feeds, nor the second half of them (C1)
tame () {
  status=0
  LC_ALL=C tr -d '\n\040-\176\200-\377' <"$folder/output" | grep -q . && status=1
  LC_ALL=C grep -q "$(printf '\302[\200-\237]')" "$folder/output" && status=1
  verdict "$1" $status
}

# What a file says can neither forge a line of the report nor set a title or colours.
cat >"$folder/header" <<'EOF'
{"\u001b]0;title\u0007 \u009b31m\nfingerprint: 0":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}
EOF
{ printf "\\$(printf %03o "$(wc -c <"$folder/header")")\\0\\0\\0\\0\\0\\0\\0"; cat "$folder/header"; printf '\0\0\0\0'; } >"$folder/evil"
works "vlf-inspect of a tensor with a title, a colour and a line" "$tools/vlf-inspect" "$folder/evil"
tame "  writes none of them"
shows "  but the rest" '^ \]0;title   31m fingerprint: 0 +F32'
mkdir "$folder/named"
cp "$model"/* "$folder/named"
sed -e '1s/^{/{"\\u001bk\\nrunnable: 1": 1, "\\u009bx": "\\u009by", "z_config": {"\\u001bk\\nrunnable: 2": 2},/' \
  -e 's/"BridgeTowerForImageAndTextRetrieval"/"BridgeTowerForImageAndTextRetrieval\\u001b\\nrunnable: 0"/' "$model/config.json" >"$folder/named/config.json"
works "vlf-inspect of a config with such names" "$tools/vlf-inspect" "$folder/named"
tame "  writes none of them"
shows "  but the rest" '^architecture: BridgeTowerForImageAndTextRetrieval  runnable: 0$'
[ "$(grep -c '^runnable' "$folder/output")" = 1 ]
verdict "  says once whether it runs" $?

# What a model is comes before where its weights are.
mkdir "$folder/other"
echo '{"model_type": "siglip2"}' >"$folder/other/config.json"
refuses "vlf-inspect of another model without weights" 'config.json: model_type: expected .*, found "siglip2"' "$tools/vlf-inspect" "$folder/other"

# Stop words are read for each word of a text.
stop_words () {
  echo "{\"stop_words\": $1}" >"$folder/named/vlfusion.json"
}
many=$(yes '"a",' | head -4095 | tr -d '\n')
stop_words "[$many\"b\"]"
works "4096 stop words" "$tools/vlf-inspect" "$folder/named"
stop_words "[$many\"b\",\"c\"]"
refuses "4097 stop words" 'vlfusion.json: stop_words: expected an array of at most 4096 words, found an array of 4097' "$tools/vlf-inspect" "$folder/named"
stop_words '"a"'
refuses "stop words that are no list" 'stop_words: expected an array of at most 4096 words, found a string' "$tools/vlf-inspect" "$folder/named"
stop_words null
works "stop words that are null" "$tools/vlf-inspect" "$folder/named"

# FOLDER NAME COMMAND...: it works in that folder
works_in () {
  where=$1 name=$2
  shift 2
  works "$name" sh -c 'cd "$1" && shift && exec "$@"' sh "$where" "$@"
}

# A folder that was downloaded or shared cannot put its models before those that have names.
mkdir "$folder/here" "$folder/path"
cp -r "$model" "$folder/here/both"
cp -r "$model" "$folder/here/mine"
cp -r "$model" "$folder/path/both"
mkdir "$folder/here/vlf-shapes" "$folder/here/vlf-captions"
named_before=$VLF_MODEL_PATH
export VLF_MODEL_PATH="$folder/path:$named_before"
works_in "$folder/here" "a name that the current folder has, too" "$tools/vlf-inspect" both
shows "  is looked up" "^directory: $folder/path/both$"
works_in "$folder/here" "a name that only the current folder has" "$tools/vlf-inspect" mine
shows "  is there" '^directory: mine$'
works_in "$folder/here" "a path" "$tools/vlf-inspect" ./both
shows "  is a path" '^directory: ./both$'
works_in "$folder/here/both" "the current folder" "$tools/vlf-inspect" .
shows "  is a path, too" '^directory: .$'
works_in "$folder/here" "the default captioner" "$tools/vlf-run" --image "$picture" --caption
export VLF_MODEL_PATH="$named_before"

works "vlf-bench --whole" "$tools/vlf-bench" --whole --frames 3 --model "$model" --synthetic-tokens 10
shows "  measures beside the peak" '"tokens": 10,.*"ms": [0-9.e+]+,.*"of_peak": [0-9.e-]+'
printf 'run 2\n' >"$folder/requests"
works "vlf-bench --streams" "$tools/vlf-bench" --streams 2 --frames 3 --model "$model"
shows "vlf-bench --streams: both ways" '"alone": .*"apart": .*"fps": [0-9].*"together": .*"cpu_ms": [0-9]'
works "vlf-bench --serve" "$tools/vlf-bench" --serve --encode --no-maps --model "$model" <"$folder/requests"
shows "  answers" '^\{"ms": \[[0-9.e+-]+, [0-9.e+-]+\]\}$'

blip=$golden/../blip
works "--caption" "$tools/vlf-run" --model "$blip/caption/model" --image "$picture" --caption --prefix "a red" --num-beams 3
shows "  begins as asked" '^\{"text":"a red .*"question":null.*"log_prob":-[0-9.]+.*"words":\[\{"text":"a","weight":null,"map":null'
works "--question" "$tools/vlf-run" --model "$blip/vqa/model" --image "$picture" --question "is there a heart?" --max-length 6
shows "  answers with maps" '"question":"is there a heart\?".*"weight":[0-9.e-]+,"map":\[\[[0-9.e-]+,'
refuses "--caption of a model without words" 'generates text' "$tools/vlf-run" --model "$model" --image "$picture" --caption
refuses "--max-length beyond the positions" 'max-length' "$tools/vlf-run" --model "$blip/caption/model" --image "$picture" --caption --max-length 99
works "--tensors --max-length" "$tools/vlf-run" --model "$blip/caption/model" --tensors "$blip/caption/inputs.safetensors" --save "$folder/ids" --max-length 7
works "  writes ids" "$tools/vlf-inspect" "$folder/ids"
shows "  of that width" '^beam3_ids +I64 +\[3, 7\]'
works "--embed" "$tools/vlf-run" --model "$model" --embed "$folder/texts" --prompt "a red circle" --prompt " " --prompt star
works "  writes a file" "$tools/vlf-inspect" "$folder/texts"
shows "  of texts, layers, tokens and numbers" '^text_embeddings +F32 +\[2, [0-9]+, [0-9]+, [0-9]+\]'
refuses "--embed with a captioner" 'has no text embeddings' "$tools/vlf-run" --model "$blip/caption/model" --embed "$folder/texts" --prompt a
refuses "--embed to nowhere" 'nonexistent/texts: cannot be written' "$tools/vlf-run" --model "$model" --embed /nonexistent/texts --prompt a
bank=$golden/contrastive/model
printf 'a red circle\n\na blue star\n' >"$folder/lines"
works "--texts" "$tools/vlf-run" --model "$bank" --texts "$folder/lines" --save "$folder/bank"
works "  writes a bank" "$tools/vlf-inspect" "$folder/bank"
shows "  of the lines that are not blank" '^text_embeddings +F32 +\[2, [0-9]+\]'
yes a | sed 1000001q >"$folder/many"
refuses "--texts of more than a bank holds" 'many: expected at most 1000000 texts' "$tools/vlf-run" --model "$bank" --texts "$folder/many" --save "$folder/bank"
printf 'a red circle\na blue\000 star\nring\n' >"$folder/nul"
refuses "--texts with a NUL" 'nul: line 2: expected UTF-8, found other bytes' "$tools/vlf-run" --model "$bank" --texts "$folder/nul" --save "$folder/bank"
printf 'ring\na \377 star' >"$folder/latin"
refuses "--texts that are not UTF-8" 'latin: line 2: expected UTF-8' "$tools/vlf-run" --model "$bank" --texts "$folder/latin" --save "$folder/bank"
usage "--embed without --prompt" "$tools/vlf-run" --embed "$folder/texts"
usage "--caption beside --prompt" "$tools/vlf-run" --image "$picture" --caption --prompt a
usage "no mode" "$tools/vlf-run"
usage "two modes" "$tools/vlf-run" --tokenize --image "$picture" --prompt a
usage "--image without --prompt" "$tools/vlf-run" --image "$picture"
usage "--tensors without --save" "$tools/vlf-run" --tensors "$golden/retrieval/inputs.safetensors"
usage "unknown option" "$tools/vlf-inspect" --nonesuch
usage "impossible number" "$tools/vlf-bench" --frames 0
echo 1..$number
