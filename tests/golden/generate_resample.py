#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes resample.h beside itself: what PIL's Image.resize makes of a picture that tests/test-resample.c draws too.

Usage: generate_resample.py   (needs Pillow and NumPy; resample.h is then formatted with clang-format 14)
"""
import hashlib
import pathlib
import subprocess

import numpy
import PIL
from PIL import Image

# name, filter, from [w, h], to [w, h]
CASES = [
    ("NEAREST", (37, 23), (11, 17)),
    ("NEAREST", (10, 10), (33, 7)),
    ("BILINEAR", (37, 23), (11, 17)),
    ("BILINEAR", (5, 4), (13, 9)),
    ("BICUBIC", (37, 23), (11, 17)),
    ("BICUBIC", (5, 4), (13, 9)),
    ("BICUBIC", (1, 1), (4, 3)),
    ("BICUBIC", (16, 9), (16, 4)),
    ("BICUBIC", (9, 16), (4, 16)),
    ("LANCZOS", (37, 23), (11, 17)),
    ("LANCZOS", (5, 4), (13, 9)),
    ("BOX", (37, 23), (11, 17)),
    ("BOX", (5, 4), (13, 9)),
    ("BICUBIC", (640, 480), (384, 288)),
    ("BICUBIC", (1920, 1080), (512, 288)),
    ("BICUBIC", (97, 61), (458, 288)),
    ("BILINEAR", (641, 479), (224, 224)),
    ("LANCZOS", (641, 479), (224, 224)),
    ("BOX", (641, 479), (224, 224)),
    ("NEAREST", (641, 479), (224, 223)),
    ("BICUBIC", (8192, 3), (16, 16)),
]
WHOLE = 700  # bytes up to which a picture is written out; of larger ones the checksum


def picture(width, height):
    """Noise with black and white blocks in it, so that filters overshoot. As draw() in test-resample.c."""
    y, x, c = numpy.meshgrid(numpy.arange(height, dtype=numpy.uint32), numpy.arange(width, dtype=numpy.uint32),
                             numpy.arange(3, dtype=numpy.uint32), indexing="ij")
    noise = (x * 73856093) ^ (y * 19349663) ^ (c * 83492791)
    block = (x // 5 + y // 3) % 4
    value = numpy.where(block == 0, 0, numpy.where(block == 1, 255, noise >> 13 & 255))
    return Image.fromarray(value.astype(numpy.uint8), "RGB")


def main():
    lines = ["/* SPDX-License-Identifier: LGPL-2.1-or-later */", "#pragma once", '#include "kernels/image.h"',
             f"/* Written by generate_resample.py with Pillow {PIL.__version__}: rows of RGB, or their SHA-256. */"]
    rows = []
    for i, (name, source, target) in enumerate(CASES):
        data = picture(*source).resize(target, Image.Resampling[name]).tobytes()
        pixels, digest = "NULL", hashlib.sha256(data).hexdigest()
        if len(data) <= WHOLE:
            pixels = f"pixels_{i}"
            lines.append(f"static const guint8 {pixels}[] = {{")
            lines += ["  " + ", ".join(map(str, data[j:j + 24])) + "," for j in range(0, len(data), 24)]
            lines.append("};")
        rows.append(f'  {{ VLF_FILTER_{name}, {source[0]}, {source[1]}, {target[0]}, {target[1]}, {pixels},\n    "{digest}" }},')
    lines += ["static const struct {", "  VlfFilter filter;", "  guint width, height, resized_width, resized_height;",
              "  const guint8 *pixels; /* NULL: too many to print */", "  const char *sha256;", "} resample_cases[] = {",
              *rows, "};"]
    header = pathlib.Path(__file__).with_name("resample.h")
    header.write_text("\n".join(lines) + "\n")
    subprocess.run(["clang-format", "-i", header], check=True)


if __name__ == "__main__":
    main()
