# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws the demo's clip: shapes that move, cross, enter and leave over a textured ground, 20 seconds.

    python3 generate.py        (needs numpy and Pillow) writes beside itself

    shapes.avi   Motion JPEG, 480x360, 15 frames a second
    shapes.srt   what is asked when: a subtitle file for a text pad of vlfusion
    truth.jsonl  a line per frame: what is drawn where, centre and radius in pixels, in the order of drawing

The drawing code is not the training scenes' own, so that finding these shapes means something.
"""
import json
import math
import os
import struct
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT, RATE, SECONDS = 480, 360, 15, 20
FRAMES = RATE * SECONDS
FINE = 3  # drawn so much larger, then reduced: smooth edges
HERE = os.path.dirname(os.path.abspath(__file__))

COLORS = {"red": (214, 32, 36), "blue": (36, 78, 214), "yellow": (246, 210, 40), "green": (36, 160, 64),
          "purple": (128, 48, 176), "orange": (246, 136, 24), "white": (246, 246, 246), "pink": (246, 140, 190)}

# What, how large, and where its centre is at which second, in shares of the frame; between these it moves smoothly.
THINGS = [
    ("purple", "heart", "plain", .15, [(0, .80, .25), (7, .70, .30), (13, .22, .28), (20, .30, .62)]),
    ("yellow", "square", "striped", .15, [(0, .30, .76), (6, .18, .62), (11, .55, .50), (16, .80, .70), (20, .82, .30)]),
    ("green", "triangle", "plain", .14, [(0, 1.3, .70), (4, 1.3, .70), (8, .80, .74), (13, .50, .78), (18, .20, .24), (20, .12, .20)]),
    ("red", "circle", "plain", .16, [(0, .16, .30), (4, .45, .36), (9, .84, .30), (12, 1.3, .30), (15, 1.3, .80), (20, .60, .74)]),
    ("blue", "star", "plain", .13, [(0, .62, .72), (4, .75, .66), (8, .40, .24), (12, .76, .26), (16, .52, .22), (20, .52, .26)]),
    ("orange", "ring", "plain", .13, [(0, -.3, .50), (8, -.3, .50), (11, .18, .72), (15, .46, .50), (19, -.3, .52)]),
]
PROMPTS = ["a red circle", "a blue star", "the striped square", "a green triangle", "something purple"]


def outline(shape):
    """Corners on the unit circle's scale, y downwards."""
    def ring(n, turn=-90.0, inner=None):
        corners = []
        for i in range(n if inner is None else 2 * n):
            angle = math.radians(turn + 360 * i / (n if inner is None else 2 * n))
            radius = inner if inner is not None and i % 2 else 1
            corners.append((radius * math.cos(angle), radius * math.sin(angle)))
        return corners
    if shape in ("circle", "ring"):
        return ring(72)
    if shape == "heart":
        turns = [2 * math.pi * i / 72 for i in range(72)]
        return [(math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16)
                for t in turns]
    return {"square": ring(4, -45), "triangle": ring(3), "star": ring(5, -90, .42)}[shape]


def position(path, second):
    """Eased between the given points."""
    for (t0, x0, y0), (t1, x1, y1) in zip(path, path[1:]):
        if second <= t1:
            share = (second - t0) / (t1 - t0)
            share = share * share * (3 - 2 * share)
            return x0 + share * (x1 - x0), y0 + share * (y1 - y0)
    return path[-1][1:]


def ground(random):
    """Cloudy grey-brown, a little grain."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for octave in range(1, 7):
        small = random.random((3 * 2 ** octave // 2 + 1, 4 * 2 ** octave // 2 + 1)).astype(np.float32)
        layer = Image.fromarray(small).resize((WIDTH, HEIGHT), Image.BICUBIC)
        total += np.asarray(layer) * .6 ** octave
    total = (total - total.min()) / (total.max() - total.min())
    dark, light = np.array([96, 92, 84], np.float32), np.array([176, 170, 158], np.float32)
    return dark + total[..., None] * (light - dark)


def draw(picture, color, shape, pattern, x, y, radius, turn):
    """One thing onto an image of FINE times the size, lit from above."""
    size = picture.size
    mask = Image.new("L", size, 0)
    cos, sin = math.cos(turn), math.sin(turn)
    points = [(FINE * (x + radius * (px * cos - py * sin)), FINE * (y + radius * (px * sin + py * cos)))
              for px, py in outline(shape)]
    ImageDraw.Draw(mask).polygon(points, fill=255)
    if shape == "ring":
        inner = .55 * radius
        ImageDraw.Draw(mask).ellipse([FINE * (x - inner), FINE * (y - inner), FINE * (x + inner), FINE * (y + inner)], fill=0)
    shadow = mask.filter(ImageFilter.GaussianBlur(4 * FINE)).point(lambda v: v * 2 // 5)
    picture.paste((40, 38, 36), (3 * FINE, 4 * FINE), shadow)
    paint = Image.new("RGB", size, COLORS[color])
    if pattern == "striped":
        pen = ImageDraw.Draw(paint)
        step = FINE * radius / 3
        along = (cos, sin)
        for i in range(-6, 7, 2):
            cx, cy = FINE * x + along[0] * i * step, FINE * y + along[1] * i * step
            far = (-along[1] * 3 * FINE * radius, along[0] * 3 * FINE * radius)
            pen.line([cx - far[0], cy - far[1], cx + far[0], cy + far[1]], fill=(52, 48, 44), width=int(step * .9))
    picture.paste(paint, (0, 0), mask)


def frame(still, random, number, truth):
    picture = Image.fromarray(still.astype(np.uint8)).resize((FINE * WIDTH, FINE * HEIGHT), Image.BILINEAR)
    second = number / RATE
    things = []
    for index, (color, shape, pattern, size, path) in enumerate(THINGS):
        x, y = position(path, second)
        x, y, radius = x * WIDTH, y * HEIGHT, size * HEIGHT
        turn = .35 * math.sin(.8 * second + index)
        draw(picture, color, shape, pattern, x, y, radius, turn)
        if -radius < x < WIDTH + radius:
            things.append({"color": color, "shape": shape, "pattern": pattern, "x": round(x, 1), "y": round(y, 1),
                           "radius": round(radius, 1)})
    truth.append({"pts": round(second * 1e9), "things": things})
    pixels = np.asarray(picture.resize((WIDTH, HEIGHT), Image.BOX), np.float32)
    return np.clip(pixels + random.normal(0, 1.5, pixels.shape), 0, 255).astype(np.uint8)


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def avi(jpegs):
    """A Motion JPEG file with an index (AVI 1.0, as RIFF has it)."""
    largest = max(map(len, jpegs))
    header = struct.pack("<14I", 1000000 // RATE, largest * RATE, 0, 0x10, len(jpegs), 0, 1, largest, WIDTH, HEIGHT, 0, 0, 0, 0)
    stream = b"vidsMJPG" + struct.pack("<3I5I2i4H", 0, 0, 0, 1, RATE, 0, len(jpegs), largest, -1, 0, 0, 0, WIDTH, HEIGHT)
    bitmap = struct.pack("<IiiHH4sIiiII", 40, WIDTH, HEIGHT, 1, 24, b"MJPG", 3 * WIDTH * HEIGHT, 0, 0, 0, 0)
    lists = b"hdrl" + chunk(b"avih", header) + chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", bitmap))
    movie, index = b"movi", b""
    for jpeg in jpegs:
        index += b"00dc" + struct.pack("<3I", 0x10, len(movie), len(jpeg))
        movie += chunk(b"00dc", jpeg)
    return chunk(b"RIFF", b"AVI " + chunk(b"LIST", lists) + chunk(b"LIST", movie) + chunk(b"idx1", index))


def main():
    random = np.random.default_rng(7)
    still, truth, jpegs = ground(random), [], []
    for number in range(FRAMES):
        out = BytesIO()
        Image.fromarray(frame(still, random, number, truth)).save(out, "JPEG", quality=76)
        jpegs.append(out.getvalue())
    with open(os.path.join(HERE, "shapes.avi"), "wb") as file:
        file.write(avi(jpegs))
    with open(os.path.join(HERE, "truth.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in truth)
    with open(os.path.join(HERE, "shapes.srt"), "w", encoding="utf-8") as file:
        for i, prompt in enumerate(PROMPTS):
            start, end = i * SECONDS // len(PROMPTS), (i + 1) * SECONDS // len(PROMPTS)
            file.write(f"{i + 1}\n00:00:{start:02},000 --> 00:00:{end:02},000\n{prompt}\n\n")


main()
