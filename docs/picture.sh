#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes the README's picture from what tools/demo drew: docs/picture.sh contact-sheet.png
exec gst-launch-1.0 -q filesrc location="$1" ! pngdec ! videoconvert ! videoscale method=lanczos ! video/x-raw,width=1000,height=604 \
  ! jpegenc quality=80 ! filesink location="$(dirname "$0")/contact-sheet.jpg"
