"""Seeded scenes with ground truth: what is where, as patches of the model.

A scene is a 128 x 128 picture (a square, 4:3 or 16:9 frame squeezed to the
square, as the product does it) with up to eight things on it. Things of shape
BLOB fit "something red" but no shape word. Ground patches of a vivid colour
fit it too, so that photographs make sense.
"""

import argparse
import colorsys
import os
import random

import cv2
import numpy as np

from vocabulary import COLORS, SHAPES

cv2.setNumThreads(1)

SIDE, PATCH = 128, 8
GRID = SIDE // PATCH
CELLS = GRID * GRID
MAX_THINGS = 8
BLOB = len(SHAPES)           # an outline without a name
PLAIN, STRIPED, DOTTED = 0, 1, 2
SMALL, MEDIUM, LARGE = 0, 1, 2
NO_COLOR, ALMOST = 255, 254  # of a ground patch: none; too close to call
HELD_OUT_SHARE = 0.15

# Hue in degrees, saturation, value: where each name is beyond doubt.
PAINT = {
    "red": [(-10, 8, .84, 1, .7, 1), (-10, 8, .65, .84, .88, 1), (-4, 6, .9, 1, .5, .7), (-13, -6, .84, 1, .75, 1)],
    "orange": [(18, 38, .75, 1, .82, 1)],
    "yellow": [(47, 62, .6, 1, .78, 1)],
    "green": [(88, 150, .45, 1, .35, 1), (70, 90, .55, .9, .4, .8)],
    "blue": [(212, 245, .55, 1, .45, 1), (200, 218, .4, .8, .75, 1)],
    "purple": [(268, 302, .45, 1, .4, .88)],
    "pink": [(318, 346, .3, .65, .88, 1), (346, 354, .22, .34, .92, 1)],
    "brown": [(14, 30, .55, .9, .28, .62)] * 4 + [(-1, 1, .73, .76, .63, .66)],  # the last: what CSS calls so
    "white": [(0, 360, 0, .05, .92, 1)],
    "black": [(0, 360, 0, .3, 0, .11)],
    "gray": [(0, 360, 0, .07, .36, .74)],
}
# The names a ground patch can have: hue range, least saturation and value.
VIVID = [("red", -11, 9, .55, .4), ("orange", 18, 38, .65, .7),
         ("yellow", 46, 64, .5, .6), ("green", 76, 155, .4, .3),
         ("blue", 200, 248, .45, .4), ("purple", 265, 305, .45, .35),
         ("pink", 316, 346, .35, .75)]


def held_out_pairs():
    """15 % of the (colour, shape) pairs, spread over rows and columns."""
    pairs = [(c, s) for c in range(len(COLORS)) for s in range(len(SHAPES))]
    random.Random(20).shuffle(pairs)
    chosen = []
    for pair in pairs:
        row = sum(c == pair[0] for c, _ in chosen)
        column = sum(s == pair[1] for _, s in chosen)
        if len(chosen) < round(HELD_OUT_SHARE * len(pairs)) and row < 2 and column < 2:
            chosen.append(pair)
    return frozenset(chosen)


HELD_OUT = held_out_pairs()


def paint(rng, color):
    ranges = PAINT[COLORS[color]]
    low_h, high_h, low_s, high_s, low_v, high_v = rng.choice(ranges)
    rgb = colorsys.hsv_to_rgb(rng.uniform(low_h, high_h) % 360 / 360,
                              rng.uniform(low_s, high_s), rng.uniform(low_v, high_v))
    return np.array(rgb, np.float32)


# --- grounds ---------------------------------------------------------------

def noise(g, octaves, first=2, channels=1, falloff=.55):
    total, weight = np.zeros((SIDE, SIDE, channels), np.float32), 1.0
    for octave in range(octaves):
        k = min(SIDE, first << octave)
        layer = g.random((k + 1, k + 1, channels), np.float32)
        layer = cv2.resize(layer, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        total += weight * layer.reshape(SIDE, SIDE, channels)
        weight *= falloff
    low, high = total.min(), total.max()
    return (total - low) / (high - low + 1e-6)


def dull_color(rng):
    kind = rng.random()
    if kind < .35:
        s, v = rng.uniform(0, .12), rng.uniform(.05, 1)
    elif kind < .85:
        s, v = rng.uniform(.05, .38), rng.uniform(.15, .95)
    else:
        s, v = rng.uniform(.35, .9), rng.uniform(.12, .6)
    return np.array(colorsys.hsv_to_rgb(rng.random(), s, v), np.float32)


def vivid_color(rng):
    return paint(rng, rng.choice([0, 1, 2, 3, 3, 4, 4, 5, 6, 7]))


def gradient(rng):
    angle = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-.5, .5, SIDE, dtype=np.float32)
    ramp = axis[None, :] * np.cos(angle) + axis[:, None] * np.sin(angle)
    return np.clip(ramp + .5, 0, 1)[..., None].astype(np.float32)


def clutter(rng, image, count):
    """Dull bars, slabs and spots such as a room or a street has."""
    for _ in range(count):
        color = tuple(float(v) for v in dull_color(rng))
        x, y = rng.uniform(0, SIDE), rng.uniform(0, SIDE)
        w = rng.uniform(8, 80)
        h = w * rng.uniform(.05, .38)  # long: nothing that a shape word fits
        kind = rng.random()
        if kind < .45:
            box = cv2.boxPoints(((x, y), (w, h), rng.choice([0, 0, rng.uniform(0, 90)])))
            cv2.fillPoly(image, [np.int32(box * 16)], color, cv2.LINE_AA, 4)
        elif kind < .7:
            cv2.ellipse(image, ((x, y), (w * .7, h * .7), rng.uniform(0, 180)), color, -1, cv2.LINE_AA)
        else:
            end = (int(x + rng.uniform(-90, 90)), int(y + rng.uniform(-90, 90)))
            cv2.line(image, (int(x), int(y)), end, color, rng.randint(1, 4), cv2.LINE_AA)
    return image


def palette(rng, g, colors, octaves):
    """A noise field read through a list of colours: rock, foliage, cloud."""
    field = noise(g, octaves, rng.choice([2, 3, 4]))[..., 0] * (len(colors) - 1)
    index = np.clip(field.astype(np.int32), 0, len(colors) - 2)
    part = (field - index)[..., None]
    table = np.stack(colors)
    return table[index] * (1 - part) + table[index + 1] * part


def regions(rng, g):
    """Textured areas with ragged borders, some of them vivid: sky, lawn, fruit."""
    count = rng.randint(2, 9)
    points = g.random((count, 2)).astype(np.float32) * SIDE
    grid = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32).transpose(1, 2, 0)
    grid += (noise(g, 4, 3, 2) - .5) * rng.uniform(5, 60)
    stretch = np.array([rng.choice([1, 1, 2.5]), 1], np.float32)
    distance = ((grid[:, :, None] - points) * stretch) ** 2
    owner = distance.sum(-1).argmin(-1)
    colors = np.stack([vivid_color(rng) if rng.random() < .45 else dull_color(rng)
                       for _ in range(count)])
    image = colors[owner]
    grain = noise(g, rng.randint(3, 6), rng.choice([4, 8, 16])) - .5
    strength = np.array([rng.uniform(0, .9) for _ in range(count)], np.float32)
    return np.clip(image * (1 + grain * strength[owner][..., None]), 0, 1)


def make_ground(rng, g):
    kind = rng.random()
    if kind < .17:
        plain = dull_color(rng) if rng.random() < .5 else np.ones(3, np.float32) * rng.choice([0, 0, .5, 1, 1, rng.random()])
        image = np.ones((SIDE, SIDE, 3), np.float32) * plain
    elif kind < .27:
        ramp = gradient(rng)
        image = dull_color(rng) * ramp + dull_color(rng) * (1 - ramp)
    elif kind < .5:
        grain = noise(g, rng.randint(3, 6), rng.choice([2, 4, 8, 16]), rng.choice([1, 1, 3]))
        image = dull_color(rng) * (1 + (grain - .5) * rng.uniform(.1, 1.0))
    elif kind < .72:
        image = palette(rng, g, [dull_color(rng) for _ in range(rng.randint(2, 5))], rng.randint(3, 7))
    elif kind < .84:
        image = regions(rng, g)
    else:
        ramp = gradient(rng)
        image = dull_color(rng) * ramp + dull_color(rng) * (1 - ramp)
    if kind > .84 or rng.random() < .2:
        image = clutter(rng, np.ascontiguousarray(image, np.float32), rng.randint(3, 25))
        image = image * (1 + (noise(g, 5, 4) - .5) * rng.uniform(0, .5))
    if rng.random() < .3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(.5, 3))
    return np.clip(image, 0, 1).astype(np.float32).reshape(SIDE, SIDE, 3)


# --- outlines: points around the origin, radius about 1 ---------------------

def regular(n, inner=None, turn=0.0):
    count = n * (2 if inner else 1)
    angle = np.arange(count) * 2 * np.pi / count - np.pi / 2 + turn
    radius = np.where(np.arange(count) % 2 == 0, 1, inner) if inner else np.ones(count)
    return np.stack([np.cos(angle) * radius, np.sin(angle) * radius], 1)


def heart():
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([x, y + 2], 1) / 16


def blob(rng):
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = np.ones(60)
    for k in range(2, rng.randint(5, 8)):
        radius += rng.uniform(.08, .3) / (k - 1) ** .5 * np.cos(k * t + rng.uniform(0, 6.3))
    radius = np.clip(radius, .25, 1.7)
    return np.stack([np.cos(t), np.sin(t) * rng.uniform(.5, 1)], 1) * radius[:, None]


def outline(rng, shape):
    """Outer contour, hole or None, already turned."""
    hole, turn = None, rng.uniform(-180, 180)
    name = SHAPES[shape] if shape != BLOB else "blob"
    if name == "circle":
        points = regular(48)
    elif name == "ring":
        points = regular(48)
        hole = points * rng.uniform(.45, .72)
    elif name == "square":
        points = regular(4, turn=np.pi / 4) * rng.uniform(1, 1.25)
        turn = rng.uniform(-22, 22) if rng.random() < .65 else rng.uniform(-33, 33)
    elif name == "triangle":
        points = regular(3) * [rng.uniform(.85, 1.15), rng.uniform(.9, 1.1)]
        turn = rng.uniform(-25, 25) if rng.random() < .4 else turn
    elif name == "star":
        points = regular(rng.choice([5, 5, 5, 5, 6]), rng.uniform(.36, .52))
    elif name == "cross":
        a = rng.uniform(.22, .38)
        points = np.array([(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1),
                           (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)])
    elif name == "diamond":
        points = regular(4) * [rng.uniform(.5, .8), 1.05]
        turn = rng.uniform(-20, 20)
        if rng.random() < .25:  # a square stood on its tip is one as well
            points, turn = regular(4) * [rng.uniform(.8, 1), 1], rng.uniform(-8, 8)
        elif rng.random() < .35:
            points, turn = regular(4) * [rng.uniform(.45, .66), 1.1], rng.uniform(-90, 90)
    elif name == "heart":
        points = heart()
        turn = rng.uniform(-30, 30) if rng.random() < .6 else turn
    else:
        points = blob(rng)
    turn = np.radians(turn)
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return points @ spin, None if hole is None else hole @ spin


# --- things -----------------------------------------------------------------

def fill(points, hole=None):
    """Antialiased coverage 0..1 of a contour in picture pixels."""
    mask = np.zeros((SIDE * 2, SIDE * 2), np.uint8)
    contours = [np.int32(np.round(p * 2 * 16)) for p in (points, hole) if p is not None]
    cv2.fillPoly(mask, contours, 255, cv2.LINE_AA, 4)
    return cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def second_color(rng, main):
    kind = rng.random()
    if kind < .4:
        other = np.ones(3, np.float32) * (.95 if main.mean() < .55 else .05)
    elif kind < .75:
        other = main * rng.uniform(.25, .5) if main.mean() > .45 else main + (1 - main) * .65
    else:
        other = dull_color(rng)
    if np.abs(other - main).sum() < .55:
        other = np.ones(3, np.float32) * (.95 if main.mean() < .5 else .05)
    return other.astype(np.float32)


def pattern_mask(rng, pattern, center, radius):
    """Where the second colour shows: soft stripes or dots, 0..1."""
    angle = rng.uniform(0, np.pi)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    x, y = (x - center[0]) / radius[0], (y - center[1]) / radius[1]
    u = x * np.cos(angle) + y * np.sin(angle)
    small = min(radius)
    if pattern == STRIPED:
        period = max(rng.uniform(.28, .8), 3.6 / small)
        wave = np.abs((u / period + rng.random()) % 1 - .5)
        return np.clip((wave - rng.uniform(.23, .36)) * period * small * 2 + .5, 0, 1)
    v = -x * np.sin(angle) + y * np.cos(angle)
    period = max(rng.uniform(.38, .72), 4.2 / small)
    du = (u / period + rng.random()) % 1 - .5
    dv = (v / period + rng.random()) % 1 - .5
    return np.clip((rng.uniform(.24, .34) - np.hypot(du, dv)) * period * small + .5, 0, 1)


def draw(rng, image, thing):
    mask = fill(thing["outer"], thing["hole"])
    color = np.ones((SIDE, SIDE, 3), np.float32) * thing["rgb"]
    if thing["pattern"] != PLAIN:
        part = pattern_mask(rng, thing["pattern"], thing["center"], thing["radius"])[..., None]
        color = color * (1 - part) + second_color(rng, thing["rgb"]) * part
    if rng.random() < .6:
        shade = gradient(rng) - .5
        color = color * (1 + shade * rng.uniform(.1, .8))
    if rng.random() < (.6 if thing["shape"] == BLOB else .15):
        g = np.random.default_rng(rng.getrandbits(32))
        color = color * (1 + (noise(g, 4, 4) - .5) * rng.uniform(.1, .7))
    if rng.random() < .12:  # a glossy spot
        y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
        cx, cy = (thing["center"][i] - thing["radius"][i] * .3 for i in (0, 1))
        far = ((x - cx) / thing["radius"][0]) ** 2 + ((y - cy) / thing["radius"][1]) ** 2
        color = color + np.exp(-far * 9)[..., None] * rng.uniform(.2, .6)
    if rng.random() < .15:  # its shadow on the ground
        shift = np.float32([[1, 0, rng.uniform(-4, 4)], [0, 1, rng.uniform(1, 5)]])
        shadow = cv2.GaussianBlur(cv2.warpAffine(mask, shift, (SIDE, SIDE)), (0, 0), 2)
        image *= 1 - shadow[..., None] * rng.uniform(.2, .6)
    if rng.random() < .12:  # a drawn outline
        ink = float(rng.choice([.05, .95]))
        cv2.polylines(color, [np.int32(thing["outer"] * 16)], True, (ink,) * 3, 2, cv2.LINE_AA, 4)
    alpha = mask[..., None]
    image *= 1 - alpha
    image += np.clip(color, 0, 1) * alpha
    return mask


def choose(rng, shape, pairs):
    """A colour for the shape that the split allows."""
    while True:
        color = rng.randrange(len(COLORS))
        if shape == BLOB or pairs((color, shape)):
            return color


def place(rng, things, aspect, radius, crowd):
    """A centre in frame units (height 1) away from the others, or None."""
    width = aspect
    margin = radius * (.95 if rng.random() < .85 else .5)
    for _ in range(30):
        x = rng.uniform(margin, width - margin) if width > 2 * margin else width / 2
        y = rng.uniform(margin, 1 - margin) if 1 > 2 * margin else .5
        if all(np.hypot(x - t["frame"][0], y - t["frame"][1]) > crowd * (radius + t["r"])
               for t in things):
            return x, y
    return None


def make_thing(rng, things, aspect, image, pairs, crowd):
    shape = BLOB if rng.random() < .12 else rng.randrange(len(SHAPES))
    size = rng.choice([SMALL, SMALL, MEDIUM, LARGE, LARGE])
    low, high = [(.08, .125), (.125, .17), (.17, .25)][size]
    share = rng.uniform(low, high)
    radius = share * min(aspect, 1)
    spot = place(rng, things, aspect, radius, crowd)
    if spot is None:
        return None
    outer, hole = outline(rng, shape)
    scale = np.array([SIDE / aspect, SIDE])
    to_picture = lambda p: None if p is None else (p * radius + spot) * scale
    center = np.array(spot) * scale
    x, y = np.clip(center.astype(int), 0, SIDE - 1)
    around = image[max(0, y - 8):y + 9, max(0, x - 8):x + 9].mean((0, 1))
    for _ in range(20):
        color = choose(rng, shape, pairs)
        rgb = paint(rng, color)
        if np.linalg.norm(rgb - around) > .3:
            break
    else:
        return None
    pattern = PLAIN if shape == BLOB and rng.random() < .8 else rng.choice([PLAIN, PLAIN, STRIPED, DOTTED])
    return {"shape": shape, "color": color, "pattern": pattern, "size": size, "share": share, "r": radius,
            "frame": spot, "center": center, "radius": radius * scale, "rgb": rgb,
            "outer": to_picture(outer), "hole": to_picture(hole)}


# --- the camera ---------------------------------------------------------------

def camera(rng, g, image):
    """Light, lens, sensor and compression, applied to the finished picture."""
    if rng.random() < .5:
        image = image * np.float32([rng.uniform(.94, 1.06) for _ in range(3)]) * rng.uniform(.82, 1.1)
    if rng.random() < .2:
        image = image * (1 + (gradient(rng) - .5) * rng.uniform(0, .5))
    if rng.random() < .35:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(.3, 1.0))
    if rng.random() < .6:
        image = image + g.standard_normal(image.shape, np.float32) * rng.uniform(.002, .045)
    image = (np.clip(image, 0, 1) * 255 + .5).astype(np.uint8)
    if rng.random() < .45:
        code = [cv2.IMWRITE_JPEG_QUALITY, rng.randint(35, 95)]
        image = cv2.imdecode(cv2.imencode(".jpg", image[..., ::-1], code)[1], 1)[..., ::-1]
    return image


def near_vivid(rgb, row, hue=14, saturation=.25, value=.2):
    """Where a small f32 picture is of the vivid colour, within some slack."""
    _, low, high, least_s, least_v = row
    h, s, v = np.moveaxis(cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV), -1, 0)
    away = np.abs((h - (low + high) / 2 + 180) % 360 - 180)
    return (away <= (high - low) / 2 + hue) & (s >= least_s - saturation) & (v >= least_v - value)


def name_patches(image):
    """The vivid colour of every patch, ALMOST where it is a close call."""
    small = cv2.resize(image, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    names = np.full((GRID, GRID), NO_COLOR, np.uint8)
    for row in VIVID:
        names[near_vivid(small, row) & (names == NO_COLOR)] = ALMOST
    for row in VIVID:
        names[near_vivid(small, row, 0, 0, 0)] = COLORS.index(row[0])
    return names.ravel()


def patch_mean(mask):
    return mask.reshape(GRID, PATCH, GRID, PATCH).mean((1, 3)).ravel()


def make_scene(seed, pairs=lambda pair: pair not in HELD_OUT, least=1, most=6, wanted=None):
    """A dictionary of arrays; `wanted` names the (colour, shape) of the first thing."""
    rng = random.Random(seed)
    g = np.random.default_rng(rng.getrandbits(62))
    aspect = rng.choice([1, 1, 4 / 3, 4 / 3, 4 / 3, 16 / 9, 16 / 9, 3 / 4])
    image = make_ground(rng, g)
    crowd = rng.uniform(.95, 1.15) if rng.random() < .8 else .7
    things = []
    for index in range(rng.randint(least, most)):
        allowed = pairs if index or wanted is None else lambda pair: pair in wanted
        for _ in range(40 if index == 0 else 3):
            thing = make_thing(rng, things, aspect, image, allowed, crowd)
            if thing and (index or wanted is None or thing["shape"] != BLOB):
                things.append(thing)
                break
    masks = []
    for thing in things:
        mask = draw(rng, image, thing)
        masks = [m * (1 - mask) for m in masks] + [mask]
    full = [fill(t["outer"]) for t in things]
    return record(camera(rng, g, image), things, masks, full)


def record(image, things, masks, full):
    scene = {
        "image": image,
        "attributes": np.full((MAX_THINGS, 4), 255, np.uint8),  # colour, shape, pattern, size
        "where": np.zeros((MAX_THINGS, 3), np.float32),         # centre x, y in 0..1; shown share
        "radius": np.zeros(MAX_THINGS, np.float32),             # of the frame's shorter side
        "cover": np.zeros((MAX_THINGS, CELLS), np.uint8),       # visible share of every patch
        "hit": np.zeros((MAX_THINGS, CELLS), np.uint8),         # centre in the dilated filled outline
        "ground": name_patches(image),
    }
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (PATCH + 1, PATCH + 1))
    taken = np.zeros(CELLS, np.float32)
    for i, thing in enumerate(things):
        scene["attributes"][i] = thing["color"], thing["shape"], thing["pattern"], thing["size"]
        scene["radius"][i] = thing["share"]
        hole_free = thing["hole"] is None
        whole = full[i].sum() if hole_free else fill(thing["outer"], thing["hole"]).sum()
        scene["where"][i] = (*(thing["center"] / SIDE), masks[i].sum() / max(1, whole))
        cover = patch_mean(masks[i])
        taken += cover
        scene["cover"][i] = np.round(cover * 255)
        grown = cv2.dilate((full[i] > .5).astype(np.uint8), disk)
        scene["hit"][i] = grown[PATCH // 2::PATCH, PATCH // 2::PATCH].ravel()
    scene["ground"][taken > .02] = NO_COLOR
    return scene


# --- the cache -----------------------------------------------------------------

def save_shard(path, seeds, **how):
    scenes = [make_scene(seed, **how) for seed in seeds]
    arrays = {key: np.stack([s[key] for s in scenes]) for key in scenes[0]}
    os.makedirs(path + ".part", exist_ok=True)
    for key, value in arrays.items():
        np.save(os.path.join(path + ".part", key + ".npy"), value)
    os.rename(path + ".part", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--first", type=int, default=0, help="first shard")
    parser.add_argument("--shards", type=int, default=40)
    parser.add_argument("--per-shard", type=int, default=2000)
    args = parser.parse_args()
    for shard in range(args.first, args.first + args.shards):
        path = os.path.join(args.folder, "shard-%04d" % shard)
        if not os.path.exists(path):
            start = 1_000_000 + shard * args.per_shard
            save_shard(path, range(start, start + args.per_shard))


if __name__ == "__main__":
    main()
