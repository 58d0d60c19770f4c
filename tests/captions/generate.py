# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws the scenes that captions.sh asks about, with the code of examples/shapes.

    python3 generate.py        (needs numpy and Pillow) writes *.jpg beside itself
"""
import os
import sys

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "examples", "shapes"))
import generate as shapes  # noqa: E402

# Colour, shape, pattern, centre in shares of the frame, radius in shares of its height, turn.
SCENES = {
    "circle": [("red", "circle", "plain", .42, .55, .21, 0)],
    "heart": [("purple", "heart", "plain", .62, .40, .20, .2)],
    "square": [("yellow", "square", "striped", .35, .45, .20, .15)],
    "star-ring": [("blue", "star", "plain", .25, .45, .20, .1), ("orange", "ring", "plain", .72, .55, .19, 0)],
    "triangle-circle": [("green", "triangle", "plain", .48, .25, .19, 0), ("red", "circle", "plain", .52, .75, .2, 0)],
    "heart-square": [("pink", "heart", "plain", .74, .5, .2, -.1), ("white", "square", "plain", .26, .45, .19, .2)],
}


def main():
    for seed, (name, things) in enumerate(SCENES.items()):
        random = np.random.default_rng(seed)
        still = shapes.ground(random)
        size = (shapes.FINE * shapes.WIDTH, shapes.FINE * shapes.HEIGHT)
        picture = Image.fromarray(still.astype(np.uint8)).resize(size, Image.BILINEAR)
        for color, shape, pattern, x, y, radius, turn in things:
            shapes.draw(picture, color, shape, pattern, x * shapes.WIDTH, y * shapes.HEIGHT, radius * shapes.HEIGHT, turn)
        pixels = np.asarray(picture.resize((shapes.WIDTH, shapes.HEIGHT), Image.BOX), np.float32)
        pixels = np.clip(pixels + random.normal(0, 1.5, pixels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(os.path.join(HERE, name + ".jpg"), quality=76)


if __name__ == "__main__":
    main()
