#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The captioner that ships says true things of scenes that other code than its training's drew, and answers questions about them.
#   captions.sh VLF-RUN MODEL FOLDER    FOLDER: of the pictures, see generate.py there
set -u
run=$1 model=$2 folder=$3
number=0

verdict () { # NAME STATUS
  number=$((number + 1))
  [ "$2" = 0 ] && echo "ok $number - $1" || echo "not ok $number - $1"
}

# PICTURE OPTIONS...: the text
text () {
  picture=$1
  shift
  "$run" --model "$model" --image "$folder/$picture.jpg" "$@" | sed -n 's/^{"text":"\([^"]*\)".*/\1/p'
}

right=0 asked=0
# PICTURE PATTERN [OPTIONS...]: counts whether all of the text is as the pattern, and says so
ask () {
  picture=$1 pattern=$2
  shift 2
  said=$(text "$picture" "$@")
  asked=$((asked + 1))
  if printf '%s\n' "$said" | grep -qxE -e "$pattern"; then
    right=$((right + 1))
  else
    echo "# $picture $*: expected $pattern, found $said"
  fi
}

big='(large )?'
ask circle "a ${big}red circle" --caption
ask heart "a ${big}purple heart" --caption
ask square "a ${big}striped yellow square" --caption
ask triangle-circle "a ${big}green triangle above a ${big}red circle" --caption
ask heart-square "a ${big}white square left of a ${big}pink heart" --caption
# A blue star is a pair of colour and shape that training never showed.
ask star-ring "a ${big}blue star left of an ${big}orange ring" --caption
[ $asked = 6 ] && [ $right = 6 ]
verdict "captions are true ($right of $asked)" $?

right=0 asked=0
ask circle red --question 'what color is the circle?'
ask circle circle --question 'What shape is the red thing?'
ask circle yes --question 'is there a red circle?'
ask circle no --question 'is there a blue star?'
ask square striped --question 'what pattern is the square?'
ask heart-square pink --question 'what color is the heart?'
ask heart-square white --question 'WHAT COLOUR IS THE SQUARE'
ask triangle-circle 1 --question 'how many circles are there?'
ask triangle-circle 'a green triangle' --question 'what is above the circle?'
ask star-ring orange --question 'what color is the ring?'
ask circle 1 --question 'how many things are there?'
ask star-ring 2 --question 'how many things are there?'
[ $asked = 12 ] && [ $right = 12 ]
verdict "answers are right ($right of $asked)" $?

first=$(text heart --question 'what color is the heart?')
second=$(text heart --question 'what shape is the purple thing?')
[ -n "$first" ] && [ "$first" != "$second" ]
verdict "the answer depends on the question" $?

whole=$("$run" --model "$model" --image "$folder/circle.jpg" --caption --prefix 'what color is the circle?')
tokens () { sed 's/.*"tokens":\[\(.*\)\],"words".*/\1/; s/"log_prob":[^}]*//g'; }
[ "$(printf '%s\n' "$whole" | tokens)" = \
  "$("$run" --model "$model" --image "$folder/circle.jpg" --question 'what color is the circle?' | tokens)" ]
verdict "a question is the beginning of the text" $?
echo "1..$number"
