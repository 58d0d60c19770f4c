#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The manual pages say what the programs do: the options of each page are those of its --help, letter and argument included; the
# environment variables of gst-vlfusion(7) and of README.md are those that the sources read, and so are the values of VLF_TIERS; docs/models.md has
# the keys of vlfusion.json.
#   manuals.sh ROOT TOOL...
set -u
root=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
number=0

same () { # NAME: are the lists "wanted" and "found" the same, and not empty?
  number=$((number + 1))
  [ -s "$folder/wanted" ] && diff "$folder/wanted" "$folder/found" >"$folder/difference" && echo "ok $number - $1" && return
  echo "not ok $number - $1"
  sed 's/^/# /' "$folder/difference"
}

# What follows .TP, without troff's fonts and with its hyphens: "-m, --model=DIR".
options_of_page () {
  awk '/^\.TP/ { getline; print }' "$1" | sed -e 's/\\f[BIR]//g' -e 's/\\-/-/g' | grep '^-' | sort
}
options_of_help () {
  sed -nE 's/^  ((-[a-zA-Z0-9], )?--[a-z0-9-]+(=[^ ]+)?).*/\1/p' "$1" | sort
}
variables_of_page () {
  sed -nE 's/^\.B (VLF_[A-Z_]+)$/\1/p' "$1" | sort -u
}
variables_of_readme () {
  sed -n '/^| variable |/,/^$/s/^| \(`.*`\) |.*/\1/p' "$1" | grep -oE 'VLF_[A-Z_]+' | sort -u
}

# The names of an entry's values, one a line.
tiers_of_sources () {
  grep -oE '\{ "[a-z0-9-]+", VLF_TIERS?_' "$1" | cut -d '"' -f 2 | sort
}
tiers_of_page () {
  sed -n '/^\.B VLF_TIERS$/,/separated by commas/p' "$1" | sed -e 's/.*none, or some of//' -e 's/, separated.*//' -e 's/\\-/-/g' | grep -v '^[.A-Z]' |
    grep -oE '[a-z0-9-]+' | grep -vx and | sort
}
tiers_of_readme () {
  sed -n 's/^| `VLF_TIERS=none`.*allows some of \([^.]*\)\..*/\1/p' "$1" | tr -d '` ' | tr ',' '\n' | sort
}

keys_of_sources () {
  sed -n '/^read_stop_words/,/^read_tokenizer/p' "$1" | grep -oE '\(c, "[a-z_]+"' | cut -d '"' -f 2 | sort -u
}
keys_of_models () {
  sed -n '/^| key |/,/^$/s/^| `\([a-z_]*\)` |.*/\1/p' "$1" | sort
}

for tool; do
  name=$(basename "$tool")
  page=$root/docs/man/$name.1
  LC_ALL=C "$tool" --help >"$folder/help"
  options_of_help "$folder/help" >"$folder/wanted"
  options_of_page "$page" >"$folder/found"
  same "$name(1) has the options of $name --help"
done

(cd "$root" && grep -rhoE 'g_getenv \("VLF_[A-Z_]+"' kernels models plugin tools) | grep -oE 'VLF_[A-Z_]+' | sort -u >"$folder/wanted"
variables_of_page "$root/docs/man/gst-vlfusion.7" >"$folder/found"
same "gst-vlfusion(7) has the variables that the sources read"
variables_of_readme "$root/README.md" >"$folder/found"
same "README.md has them too"
tiers_of_sources "$root/kernels/tier.c" >"$folder/wanted"
tiers_of_page "$root/docs/man/gst-vlfusion.7" >"$folder/found"
same "gst-vlfusion(7) has the values of VLF_TIERS"
tiers_of_readme "$root/README.md" >"$folder/found"
same "README.md has them too"
keys_of_sources "$root/models/model.c" >"$folder/wanted"
keys_of_models "$root/docs/models.md" >"$folder/found"
same "docs/models.md has the keys of vlfusion.json"

number=$((number + 1))
if command -v groff >/dev/null; then
  groff -man -ww -z "$root"/docs/man/*.[17] 2>"$folder/warnings"
  [ ! -s "$folder/warnings" ] && echo "ok $number - groff has nothing to say about them" || {
    echo "not ok $number - groff has nothing to say about them"
    sed 's/^/# /' "$folder/warnings"
  }
else
  echo "ok $number - groff has nothing to say about them # SKIP no groff"
fi
echo 1..$number
