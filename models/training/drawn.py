"""The default model on scenes that other code draws, in other styles.

    drawn.py MODEL_DIRECTORY [--scenes 300] [--show FILE.png]

Pillow's own colour names, flat and photo-like grounds, stripes and dots of any
width, sharp edges: what somebody draws who has never seen scenes.py. Training
never reads this file's pictures.
"""

import argparse
import math
import random

import numpy as np
import torch
from PIL import Image, ImageColor, ImageDraw, ImageFilter

from evaluate import Fusion

HEIGHT, FINE, SIDE, GRID = 360, 2, 128, 16
COLORS = {
    "red": ["red", "crimson", "#e02020"], "orange": ["orange", "darkorange", "#f08010"],
    "yellow": ["yellow", "gold", "#f0e020"], "green": ["green", "limegreen", "#20a040"],
    "blue": ["blue", "royalblue", "#2050d0"], "purple": ["purple", "darkviolet", "#8030b0"],
    "pink": ["pink", "hotpink", "#f080c0"], "brown": ["saddlebrown", "sienna", "#704020"],
    "white": ["white", "#f4f4f4"], "black": ["black", "#141414"], "gray": ["gray", "dimgray", "#909090"],
}
SHAPES = ["circle", "square", "triangle", "star", "cross", "ring", "diamond", "heart"]
PATTERNS = ["plain", "striped", "dotted"]
SIZES = {"small": (.085, .12), "": (.125, .165), "large": (.175, .23)}
ALIKE = {"striped": ("white", "black", "gray", "brown", "pink"), "dotted": ("white", "black", "gray", "brown", "pink")}


def corners(shape):
    def wheel(n, inner=1.0):
        out = []
        for i in range(2 * n):
            radius = inner if i % 2 else 1
            out.append((radius * math.sin(math.pi * i / n), -radius * math.cos(math.pi * i / n)))
        return out
    if shape in ("circle", "ring"):
        return wheel(40)
    if shape == "square":
        return [(-.8, -.8), (.8, -.8), (.8, .8), (-.8, .8)]
    if shape == "triangle":
        return [(0, -1), (.9, .6), (-.9, .6)]
    if shape == "star":
        return wheel(5, .4)
    if shape == "cross":
        t = .3
        return [(-t, -1), (t, -1), (t, -t), (1, -t), (1, t), (t, t), (t, 1), (-t, 1), (-t, t), (-1, t), (-1, -t), (-t, -t)]
    if shape == "diamond":
        return [(0, -1), (.65, 0), (0, 1), (-.65, 0)]
    half = [(.0, -.45), (.18, -.75), (.5, -.9), (.82, -.75), (.95, -.4), (.8, 0), (.45, .45), (0, .95)]
    return half + [(-x, y) for x, y in reversed(half[:-1])]


def ground(rng, width):
    kind = rng.choice(["flat", "flat", "gradient", "cloud", "boards"])
    base = lambda: tuple(rng.choice([rng.randint(0, 40), rng.randint(90, 170), rng.randint(215, 255)]) for _ in range(1)) * 3
    tint = lambda c: tuple(min(255, max(0, v + rng.randint(-14, 14))) for v in c)
    size = (width * FINE, HEIGHT * FINE)
    if kind == "flat":
        return Image.new("RGB", size, rng.choice([tint(base()), (255, 255, 255), (0, 0, 0), (128, 128, 128)]))
    if kind == "gradient":
        mask = Image.linear_gradient("L").rotate(rng.choice([0, 90, 180])).resize(size)
        return Image.composite(Image.new("RGB", size, tint(base())), Image.new("RGB", size, tint(base())), mask)
    if kind == "cloud":
        g = np.random.default_rng(rng.getrandbits(32))
        small = Image.fromarray(g.integers(0, 256, (9, 12), np.uint8)).resize(size, Image.BICUBIC)
        return Image.composite(Image.new("RGB", size, tint(base())), Image.new("RGB", size, tint((120, 120, 120))), small)
    picture = Image.new("RGB", size, tint(base()))
    pen, step = ImageDraw.Draw(picture), rng.randint(30, 80) * FINE
    for y in range(0, size[1], step):
        pen.line([0, y, size[0], y], fill=tint((100, 90, 80)), width=rng.randint(1, 3) * FINE)
    return picture


def contrast(one, two):
    return sum(abs(a - b) for a, b in zip(one, two))


def paint_thing(rng, picture, thing):
    x, y, radius, turn = (thing[k] for k in ("x", "y", "radius", "turn"))
    mask = Image.new("L", picture.size, 0)
    cos, sin = math.cos(turn), math.sin(turn)
    place = lambda px, py: (FINE * (x + radius * (px * cos - py * sin)), FINE * (y + radius * (px * sin + py * cos)))
    ImageDraw.Draw(mask).polygon([place(*p) for p in corners(thing["shape"])], fill=255)
    filled = mask.copy()
    if thing["shape"] == "ring":
        r = rng.uniform(.5, .65) * radius * FINE
        ImageDraw.Draw(mask).ellipse([FINE * x - r, FINE * y - r, FINE * x + r, FINE * y + r], fill=0)
    paint = Image.new("RGB", picture.size, thing["rgb"])
    pen = ImageDraw.Draw(paint)
    other = rng.choice([c for c in ((255, 255, 255), (0, 0, 0), (40, 40, 40)) if contrast(c, thing["rgb"]) > 240])
    tilt = rng.choice([0, math.pi / 2, math.pi / 4, rng.uniform(0, math.pi)])
    along = (math.cos(tilt), math.sin(tilt))
    if thing["pattern"] == "striped":
        step = radius * rng.uniform(.35, .7)
        for i in range(-8, 9):
            cx, cy = x + along[0] * i * step, y + along[1] * i * step
            far = (-along[1] * 3 * radius, along[0] * 3 * radius)
            pen.line([FINE * (cx - far[0]), FINE * (cy - far[1]), FINE * (cx + far[0]), FINE * (cy + far[1])],
                     fill=other, width=max(2, round(FINE * step * rng.uniform(.38, .5))))
    elif thing["pattern"] == "dotted":
        step = radius * rng.uniform(.4, .65)
        r = step * rng.uniform(.24, .32) * FINE
        for i in range(-5, 6):
            for j in range(-5, 6):
                cx = FINE * (x + step * (i * along[0] - j * along[1]))
                cy = FINE * (y + step * (i * along[1] + j * along[0]))
                pen.ellipse([cx - r, cy - r, cx + r, cy + r], fill=other)
    picture.paste(paint, (0, 0), mask)
    return filled


def scene(seed):
    """(picture, things): each thing has its words and the mask of its filled outline."""
    rng = random.Random(seed)
    width = rng.choice([360, 480, 640])
    picture = ground(rng, width)
    things = []
    for _ in range(rng.randint(1, 5)):
        size = rng.choice(list(SIZES))
        radius = rng.uniform(*SIZES[size]) * HEIGHT
        for _ in range(30):
            x, y = rng.uniform(radius, width - radius), rng.uniform(radius, HEIGHT - radius)
            color = rng.choice(list(COLORS))
            rgb = ImageColor.getrgb(rng.choice(COLORS[color]))
            behind = picture.getpixel((round(x * FINE), round(y * FINE)))
            if contrast(rgb, behind) > 150 and all(
                    math.hypot(x - t["x"], y - t["y"]) > 1.05 * (radius + t["radius"]) for t in things):
                shape = rng.choice(SHAPES)
                things.append({"x": x, "y": y, "radius": radius, "rgb": rgb, "color": color, "size": size, "shape": shape,
                               "pattern": rng.choice(["plain", "plain", "striped", "dotted"]),
                               "turn": rng.uniform(-.3, .3)})
                break
    for thing in things:
        thing["mask"] = paint_thing(rng, picture, thing)
    return rng, picture.resize((width, HEIGHT), Image.BOX), things


def fits(query, thing):
    """True, False, or None where somebody might say either."""
    if query["shape"] != thing["shape"] or query.get("pattern", thing["pattern"]) != thing["pattern"]:
        return False
    if query.get("size", thing["size"]) != thing["size"]:
        return False if thing["size"] else None
    if query["color"] != thing["color"]:
        return None if query["color"] in ALIKE.get(thing["pattern"], ()) else False
    return True


def words(query):
    parts = [query.get("size"), query.get("pattern"), query["color"], query["shape"]]
    return ["a"] + [p for p in parts if p and p != "plain"]


def queries(rng, things):
    """(kind, query, truth): what is there, and the same with one attribute changed."""
    thing = rng.choice(things)
    query = {"color": thing["color"], "shape": thing["shape"]}
    if thing["pattern"] != "plain" and rng.random() < .6:
        query["pattern"] = thing["pattern"]
    if thing["size"] and rng.random() < .4:
        query["size"] = thing["size"]
    out = [("there", query, True)]
    for key, values in (("color", list(COLORS)), ("shape", SHAPES), ("pattern", ["striped", "dotted"]), ("size", ["small", "large"])):
        for _ in range(20):
            other = {**query, key: rng.choice(values)}
            if all(fits(other, t) is False for t in things):
                out.append((key, other, False))
                break
    return out


def hit_cells(mask):
    grown = mask.filter(ImageFilter.MaxFilter(9)).resize((SIDE, SIDE), Image.BOX)
    grown = np.asarray(grown.filter(ImageFilter.MaxFilter(9))) > 127
    return grown[4::8, 4::8].ravel()


def evaluate(model, count):
    tally = {}
    add = lambda key, right: tally.setdefault(key, []).append(float(right))
    for seed in range(count):
        rng, picture, things = scene(700_000 + seed)
        if not things:
            continue
        small = np.asarray(picture.resize((SIDE, SIDE), Image.BICUBIC))
        asked = queries(rng, things)
        answers, = model([np.ascontiguousarray(small)], [[words(q) for _, q, _ in asked]])
        for (kind, query, truth), (p, _, total) in zip(asked, answers):
            add("match, " + ("true" if truth else "false " + kind), (p > .5) == truth)
            if not truth:
                continue
            for key, value in query.items():
                add("- true, %s" % value, p > .5)
            cells = np.any([hit_cells(t["mask"]) for t in things if fits(query, t)], 0)
            add("peak", cells[int(total.argmax())])
            add("- peak, %s" % query.get("pattern", "plain"), cells[int(total.argmax())])
    return tally


def show(path, count=24):
    sheet = Image.new("RGB", (6 * 200, (count // 6) * 150))
    for i in range(count):
        sheet.paste(scene(700_000 + i)[1].resize((196, 146)), (i % 6 * 200, i // 6 * 150))
    sheet.save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--show")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.show:
        show(args.show)
    print("| measure | share right | of |\n|---|---|---|")
    for key, values in sorted(evaluate(Fusion(args.model), args.scenes).items()):
        print("| %s | %.1f %% | %d |" % (key, 100 * sum(values) / len(values), len(values)))


if __name__ == "__main__":
    main()
