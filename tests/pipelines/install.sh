#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is installed is complete, usable by others without the source, hardened, and can be removed again.
#   install.sh SOURCE BUILD MESON [PYTHON]    PYTHON: one that has PyGObject
# From the environment: VERSION, PREFIX, BINDIR, LIBDIR, INCLUDEDIR, DATADIR, LIBEXECDIR, MANDIR as configured (absolute), CC, and
# true or false: GIR, HARDENED, PIE.
set -u
source=$1 build=$2 meson=$3 python=${4-}
umask 022
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
: >"$folder/output"
root=$folder/root
bin=$root$BINDIR lib=$root$LIBDIR include=$root$INCLUDEDIR share=$root$DATADIR/gst-vlfusion
plugin=$lib/gstreamer-1.0/libgstvlfusion.so
library=$lib/libgstvlfusion-1.0.so.$VERSION
number=0

verdict () { # NAME STATUS
  number=$((number + 1))
  [ "$2" = 0 ] && echo "ok $number - $1" && return
  echo "not ok $number - $1"
  tail -c 3000 "$folder/output" | sed 's/^/# /'
}
works () { # NAME COMMAND...
  name=$1
  shift
  "$@" >"$folder/output" 2>&1
  verdict "$name" $?
}
skip () { # NAME WHY
  number=$((number + 1))
  echo "ok $number - $1 # SKIP $2"
}

# The log of an installation that somebody made from this build stays theirs, so that it can still be removed.
install_there () {
  log=$build/meson-logs/install-log.txt
  mkdir -p "$folder/meson-logs" "$bin"
  echo other >"$bin/another-package"
  [ ! -f "$log" ] || cp -p "$log" "$folder/theirs"
  status=0
  (umask 077 && "$meson" install -C "$build" --no-rebuild --destdir "$root") || status=1
  cp "$log" "$folder/meson-logs/" || status=1
  rm -f "$log"
  [ ! -f "$folder/theirs" ] || cp -p "$folder/theirs" "$log"
  return $status
}

expected () {
  for tool in bench events inspect run; do echo "$BINDIR/vlf-$tool"; done
  echo "$BINDIR/another-package"
  echo "$LIBEXECDIR/gst-vlfusion/vlf-probe"
  echo "$LIBDIR/gstreamer-1.0/libgstvlfusion.so"
  for version in "" .0 ".$VERSION"; do echo "$LIBDIR/libgstvlfusion-1.0.so$version"; done
  echo "$LIBDIR/pkgconfig/libgstvlfusion-1.0.pc"
  for page in bench.1 events.1 inspect.1 run.1; do echo "$MANDIR/man1/vlf-$page"; done
  echo "$MANDIR/man7/gst-vlfusion.7"
  (cd "$source/plugin/lib" && ls ./*.h) | sed "s|^\.|$INCLUDEDIR/gst-vlfusion-1.0/gst/vlfusion|"
  (cd "$source/models/pretrained" && find vlf-shapes vlf-captions -type f) | sed "s|^|$DATADIR/gst-vlfusion/models/|"
  [ "$GIR" = false ] || echo "$DATADIR/gir-1.0/GstVlFusion-1.0.gir"
  [ "$GIR" = false ] || echo "$LIBDIR/girepository-1.0/GstVlFusion-1.0.typelib"
}
is_complete () {
  expected | sort >"$folder/expected"
  (cd "$root" && find . -type f -o -type l) | sed 's|^\.||' | sort | diff "$folder/expected" -
}
readable_by_all () {
  ! find "$root$PREFIX" ! -type l ! -name another-package ! -perm -o=r -o -type d ! -path "$bin" ! -perm -o=x | grep .
}
same_models () {
  for model in vlf-shapes vlf-captions; do
    diff -r "$source/models/pretrained/$model" "$share/models/$model" || return 1
  done
}

# In a prefix that the loader does not know, the plugin and vlf-events say where their library is; nothing says where it was built.
library_paths () {
  for file in "$plugin" "$library" "$bin"/vlf-*; do
    wanted=
    case $file in *.so | */vlf-events) [ "$PREFIX" = /usr ] || wanted="[$LIBDIR]" ;; esac
    path=$(readelf -dW "$file" | awk '/RPATH|RUNPATH/ { print $NF }')
    echo "$file: $path, expected $wanted"
    [ "$path" = "$wanted" ] || return 1
  done
}
hardened () {
  for file in "$plugin" "$library" "$bin"/vlf-* "$root$LIBEXECDIR/gst-vlfusion/vlf-probe"; do
    echo "$file"
    readelf -lW "$file" >"$folder/segments" && readelf -dW "$file" >"$folder/dynamic" || return 1
    cat "$folder/segments" "$folder/dynamic"
    grep -q GNU_RELRO "$folder/segments" && grep -qE 'BIND_NOW|Flags:.* NOW' "$folder/dynamic" || return 1
    grep GNU_STACK "$folder/segments" | grep -q ' RW ' || return 1
    [ "$PIE" = false ] || grep -q 'Elf file type is DYN' "$folder/segments" || return 1
  done
}
# Tried, not only written in the file: glibc's loader says where a program begins.
are_moved () {
  for file in "$bin"/vlf-* "$root$LIBEXECDIR/gst-vlfusion/vlf-probe"; do
    said=$(readelf -hW "$file" | awk '/Entry point/ { print $NF }')
    tried=$(LD_SHOW_AUXV=1 from_root "$file" --help 2>&1 | awk '$1 == "AT_ENTRY:" { print $2 }')
    echo "$file: entry point $said, loaded $tried"
    [ -n "$said" ] && [ -n "$tried" ] && [ "$said" != "$tried" ] || return 1
  done
}
# What others could come to rely on, or collide with, are the public functions, and what GStreamer looks for.
exports () { # FILE PATTERN
  nm -D --defined-only "$1" | awk '{ print $3 }' >"$folder/names"
  [ -s "$folder/names" ] && ! grep -vE "$2" "$folder/names"
}

# pkg-config as if the root were no longer above the prefix; a sysroot would move GStreamer as well.
compiles () {
  mkdir "$folder/pkgconfig" "$folder/outside" && cp "$source/tests/pipelines/outside.c" "$folder/outside" || return 1
  grep -x "prefix=$PREFIX" "$lib/pkgconfig/libgstvlfusion-1.0.pc" || return 1
  sed "s|=$PREFIX|=$root$PREFIX|" "$lib/pkgconfig/libgstvlfusion-1.0.pc" >"$folder/pkgconfig/libgstvlfusion-1.0.pc"
  [ "$(packages --modversion)" = "$VERSION" ] || return 1
  # Flags are several words, and so may CC be.
  (cd "$folder/outside" &&
    $CC -Wall -Wextra -Werror outside.c -o outside $(packages --cflags --libs))
}
packages () {
  PKG_CONFIG_PATH="$folder/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}" pkg-config "$@" libgstvlfusion-1.0
}

# Nothing of the build is found from here on: other registry, other plugins, other libraries.
from_root () {
  env -u GST_PLUGIN_PATH -u VLF_MODEL_PATH LD_LIBRARY_PATH="$lib" GST_PLUGIN_PATH_1_0="$lib/gstreamer-1.0" \
    GST_REGISTRY_1_0="$folder/registry" GI_TYPELIB_PATH="$lib/girepository-1.0" VLF_PROBE="$root$LIBEXECDIR/gst-vlfusion/vlf-probe" "$@"
}
inspects () {
  for element in vlfusion vlcaption vltextenc vloverlay vljsonenc; do
    echo "$element"
    from_root gst-inspect-1.0 "$element" >"$folder/inspected" 2>&1 || return 1
    grep -F "$plugin" "$folder/inspected" || return 1
  done
}
# A name that only the installed folder has: the model is not taken from the source.
installed_only=$folder/models
runs () {
  mkdir "$installed_only" && cp -r "$share/models/vlf-shapes" "$installed_only/as-installed" || return 1
  from_root env VLF_MODEL_PATH="$installed_only" "$folder/outside/outside" "videotestsrc num-buffers=2
    ! video/x-raw,width=320,height=240 ! vlfusion name=asking model=as-installed prompt=circle ! fakesink name=sink" >"$folder/said"
  status=$?
  cat "$folder/said"
  [ $status = 0 ] && [ "$(grep -cE '^asking: circle [01]\.[0-9]+$' "$folder/said")" = 2 ]
}
launches () {
  from_root env VLF_MODEL_PATH="$share/models" gst-launch-1.0 -q videotestsrc num-buffers=2 ! video/x-raw,width=320,height=240 \
    ! vlfusion prompt="a red circle" ! fakesink
}
knows_share () {
  from_root "$bin/vlf-inspect" no-such-model
  from_root "$bin/vlf-inspect" no-such-model 2>&1 | grep -F " $DATADIR/gst-vlfusion/models"
}
imports () {
  from_root "$python" -c '
import gi
gi.require_version("GstVlFusion", "1.0")
from gi.repository import Gst, GstVlFusion
Gst.init([])
result = GstVlFusion.Result.new(640, 480, 2, 3)
result.add_prompt("a cat", 0.75, 1.5, None)
buffer = Gst.Buffer.new()
GstVlFusion.buffer_add_vl_meta(buffer, result, "python", GstVlFusion.Kind.FUSION)
assert GstVlFusion.buffer_get_vl_meta(buffer, None, GstVlFusion.Kind.FUSION).result.get_text(0) == "a cat"
assert any("'"$library"'" in line for line in open("/proc/self/maps"))'
}

# What `ninja uninstall` runs; it reads meson-logs/ of the current folder.
uninstalls () {
  (cd "$folder" && "$meson" --internal uninstall) && grep -qx other "$bin/another-package" &&
    [ "$(find "$root" ! -type d)" = "$bin/another-package" ]
}

works "installs below a root" install_there
works "all that there should be, and nothing else" is_complete
works "everybody may read it, whatever the umask" readable_by_all
works "the models are those of the source" same_models
works "libraries are looked for where they were installed" library_paths
name="RELRO, BIND_NOW, no executable stack, position-independent where asked for"
if [ "$HARDENED" = true ]; then
  works "$name" hardened
else
  skip "$name" "meson found that this linker lacks one of -z relro, -z now and -z noexecstack"
fi
name="programs are not loaded where their file says"
if [ "$PIE" != true ]; then
  skip "$name" "this build was set up with -Db_pie=false"
elif ! LD_SHOW_AUXV=1 /usr/bin/env true 2>/dev/null | grep -q AT_ENTRY; then
  skip "$name" "this C library's loader ignores LD_SHOW_AUXV (glibc's does not), which tells where a program was loaded"
else
  works "$name" are_moved
fi
works "the plugin exports what GStreamer looks for" exports "$plugin" '^gst_plugin_vlfusion_(register|get_desc)$'
works "the library exports its functions" exports "$library" '^(gst_vl_|gst_buffer_[a-z_]*vl_)'
works "a program outside is compiled with pkg-config" compiles
works "gst-inspect-1.0 finds each element" inspects
works "that program reads metas of a pipeline" runs
works "gst-launch-1.0 finds the default model" launches
works "models are looked for in the share folder" knows_share
name="Python imports the typelib"
if [ "$GIR" != true ]; then
  skip "$name" "this build makes no typelib: g-ir-scanner (gobject-introspection) is missing; tools/install-deps installs it"
elif [ -z "$python" ]; then
  skip "$name" "Python has no gi module (python3-gi); tools/install-deps --tests installs it"
else
  works "$name" imports
fi
works "what was installed can be removed, and nothing else is" uninstalls
echo 1..$number
