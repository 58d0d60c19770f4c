#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# examples/vlf_speech.py with recognisers that say what the test wants: each word is asked when it was said, and only then.
#   speech.sh PYTHON EXAMPLE MODEL
set -u
python=$1 example=$2 model=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo 1..5

# check NUMBER WHAT COMMAND...
check () {
  number=$1 what=$2
  shift 2
  if "$@"; then
    echo "ok $number - $what"
  else
    echo "not ok $number - $what"
    sed 's/^/# /' "$folder/out" "$folder/err"
  fi
}

speak () { # ARGUMENT...
  status=0
  PYTHONPATH=$folder timeout 120 "$python" "$example" --test 6 --model "$model" "$@" >"$folder/out" 2>"$folder/err" || status=$?
}

# What was asked, in its order; silence is a "-". How often silence is noticed at the start depends on how fast the model loads.
asked () {
  sed 's/^[0-9.]* //; s/^$/-/' "$folder/out" | tr '\n' ';' | sed 's/^-;//'
}

cat >"$folder/fake.py" <<'END'
class Recogniser:
    def __init__(self, argument):
        self.words_said = argument.split(",")

    def words(self, stop):
        for second, text in enumerate(self.words_said):
            yield 1.0 + 2 * second, 2.5 + 2 * second, text
END
speak --recogniser fake:Recogniser "a red circle,a star"
if [ $status = 77 ]; then
  for i in 1 2 3 4 5; do
    echo "ok $i # SKIP $(cat "$folder/err")"
  done
  exit 0
fi
check 1 "a recogniser of one's own" [ "$status $(asked)" = "0 a red circle;-;a star;-;" ]

printf '1.0 2.5 a heart\n3.0 3.5 something blue\n' >"$folder/script"
speak --recogniser ScriptRecogniser "$folder/script"
check 2 "words with times" [ "$status $(asked)" = "0 a heart;-;something blue;-;" ]

printf 'a green star\n' >"$folder/lines"
speak "$folder/lines"
check 3 "lines of another program" [ "$status $(asked)" = "0 a green star;" ]

speak --recogniser nowhere:Recogniser x
check 4 "a recogniser that is not there" sh -c "[ $status != 0 ] && grep -q nowhere '$folder/err'"

speak "$folder/nothing"
check 5 "a recogniser that fails ends the program, which says why" sh -c "[ $status = 1 ] && [ \$(wc -l <'$folder/err') = 1 ] &&
  grep -q 'the recogniser failed: .*nothing' '$folder/err'"
