"""The bars of the default model on freshly drawn scenes; prints a table.

    evaluate.py MODEL_DIRECTORY [--scenes 2000] [--photos FOLDER] [--json FILE]

Seen: (colour, shape) pairs of the training scenes. Held out: every scene has a
thing of a pair that no training scene showed, and the phrases are about it.
"""

import argparse
import json
import os
import random

import cv2
import numpy as np
import torch

import phrases as ph
from data import KEYS, LONGEST, pad
from model import Lean, build
from scenes import (BLOB, CELLS, GRID, HELD_OUT, MEDIUM, PATCH, PLAIN, SIDE, VIVID,
                    make_scene, near_vivid)
from vocabulary import COLORS, STOP_WORDS, Encoder

SEEN_SEED, HELD_SEED = 900_000, 950_000
PHOTOS = ["fruits.jpg", "orange.jpg", "apple.jpg", "butterfly.jpg", "home.jpg"]


class Fusion:
    """The exported directory, run in f32."""

    def __init__(self, folder):
        from safetensors.torch import load_file
        from transformers import BridgeTowerConfig
        config = BridgeTowerConfig.from_pretrained(folder)
        config._attn_implementation = "eager"
        model = build(config).eval()
        state = load_file(os.path.join(folder, "model.safetensors"))
        model.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
        with open(os.path.join(folder, "vlfusion.json")) as file:
            self.layers = json.load(file)["attention_layers"]
        self.encoder = Encoder(folder)
        self.lean = Lean(model, torch.float32)

    @torch.no_grad()
    def __call__(self, pictures, groups):
        """groups: a list of word lists per picture, as many for each.

        Per picture and phrase: (probability, [words, cells] map, phrase map).
        """
        phrases = len(groups[0])
        encoded = [self.encoder(words) for group in groups for words in group]
        ids = torch.from_numpy(pad([e[0] for e in encoded], 1, max(len(e[0]) for e in encoded)))
        images = self.lean.vision(torch.from_numpy(np.stack(pictures)))
        texts, bias = self.lean.text(ids)
        text, image, _, maps = self.lean.fuse(images, texts, bias, phrases)
        probability = self.lean.match(self.lean.pooled(text, image)).softmax(-1)[:, 1]
        shown = torch.stack([maps[i] for i in self.layers]).mean((0, 2))[..., 1:]
        flat = [word for group in groups for word in group]
        out = [self.words_of(row, e[1], words) for row, e, words in zip(shown, encoded, flat)]
        rows = [(float(p), *o) for p, o in zip(probability, out)]
        return [rows[i:i + phrases] for i in range(0, len(rows), phrases)]

    @staticmethod
    def words_of(shown, owner, words):
        owner = torch.tensor(owner)
        maps = torch.stack([shown[:len(owner)][owner == i].mean(0) for i in range(len(words))])
        keep = [i for i, w in enumerate(words) if w.lower().strip(".,") not in STOP_WORDS]
        return maps, maps[keep or list(range(len(words)))].mean(0)

    @torch.no_grad()
    def embeddings(self, pictures, captions):
        ids = [self.encoder(words)[0] for words in captions]
        texts, _ = self.lean.text(torch.from_numpy(pad(ids, 1, max(map(len, ids)))))
        images = self.lean.vision(torch.from_numpy(np.stack(pictures)))
        return self.lean.text_embedding(texts), self.lean.image_embedding(images)


def view_of(seed, **how):
    scene = make_scene(seed, **how)
    return ph.View(*(scene[k] for k in KEYS), any_pair="wanted" in how)


def full_query(rng, thing):
    """Colour and shape always, the rest at times."""
    color, shape, pattern, size = thing
    query = ph.Query(color=color, shape=shape)
    if pattern != PLAIN and rng.random() < .4:
        query.pattern = pattern
    if size != MEDIUM and rng.random() < .4:
        query.size = size
    return query


def phrase_about(rng, view, positive, first):
    """`first`: about the first thing of the scene, colour and shape named."""
    for _ in range(30):
        query = full_query(rng, view.things[0]) if first else None
        phrase = ph.single(rng, view, positive, query)
        if phrase is not None:
            return phrase
    return None


def relation_about(rng, view, positive, first):
    for _ in range(30):
        phrase = ph.relation(rng, view, positive)
        about = phrase is not None and (not first or not positive or 0 in phrase.hits + phrase.anchor_hits)
        if about and phrase.hits and phrase.anchor_hits or about and not positive:
            return phrase
    return None


def hit(view, things, cell):
    return any(view.hit[i][cell] for i in things)


class Tally:
    def __init__(self):
        self.of = {}

    def add(self, name, right):
        self.of.setdefault(name, []).append(float(right))

    def mean(self, name):
        values = self.of.get(name, [])
        return (sum(values) / len(values), len(values)) if values else (float("nan"), 0)


def score_pointing(tally, view, phrase, words, total):
    cell = int(total.argmax())
    if phrase.kind == "one":
        on_ground = phrase.query.shape is None and phrase.head[cell] > 127
        tally.add("point", hit(view, phrase.hits, cell) or on_ground)
        return
    tally.add("point_relation", hit(view, phrase.hits, cell))
    for i, (word, group) in enumerate(zip(phrase.words, phrase.groups)):
        if group and word.lower().strip(".") not in ("left", "right", "above", "below"):
            things = phrase.hits if group == 1 else phrase.anchor_hits
            tally.add("word", hit(view, things, int(words[i].argmax())))


def calibration_error(pairs, bins=15):
    p, y = np.array(pairs).T
    sure, right = np.maximum(p, 1 - p), ((p > .5) == (y > .5)).astype(float)
    index = np.minimum(((sure - .5) * 2 * bins).astype(int), bins - 1)
    return sum(abs(sure[index == i].mean() - right[index == i].mean()) * (index == i).mean()
               for i in range(bins) if (index == i).any())


def scenes_of(split, count):
    for i in range(count):
        how = {"wanted": HELD_OUT} if split == "held" else {}
        seed = (HELD_SEED if split == "held" else SEEN_SEED) + i
        view = view_of(seed, **how)
        usable = view.things and (split == "seen" or view.things[0][:2] in HELD_OUT)
        if usable:
            yield random.Random(seed), view


def evaluate_split(model, split, count):
    tally, chances, first = Tally(), [], split == "held"
    batch = []
    for rng, view in scenes_of(split, count):
        asked = [phrase_about(rng, view, True, first), phrase_about(rng, view, False, first),
                 relation_about(rng, view, True, first), relation_about(rng, view, False, first)]
        batch.append((view, asked))
        if len(batch) == 32:
            score_batch(model, tally, chances, batch)
            batch = []
    if batch:
        score_batch(model, tally, chances, batch)
    for p, y, kind in chances:
        tally.add("match", (p > .5) == y)
        tally.add("match_" + kind, (p > .5) == y)
    return tally, calibration_error([c[:2] for c in chances])


def score_batch(model, tally, chances, batch):
    none = ["something"]
    groups = [[p.words if p else none for p in asked] for _, asked in batch]
    results = model([np.ascontiguousarray(v.image) for v, _ in batch], groups)
    for (view, asked), rows in zip(batch, results):
        balanced = (asked[0] and asked[1], asked[2] and asked[3])
        for i, (phrase, (p, words, total)) in enumerate(zip(asked, rows)):
            if phrase is None:
                continue
            if balanced[i // 2]:
                chances.append((p, phrase.label, phrase.kind))
            if phrase.label == ph.YES:
                score_pointing(tally, view, phrase, words, total)


def retrieval(model, count, group=100):
    """Recall at 1 of the scene among `group`, by the contrastive embeddings."""
    right = []
    found = list(scenes_of("seen", count))
    for start in range(0, len(found) - group + 1, group):
        part = found[start:start + group]
        captions = [ph.caption(rng, view) for rng, view in part]
        bags = [tuple(sorted(view.things)) for _, view in part]
        one, two = model.embeddings([np.ascontiguousarray(v.image) for _, v in part], captions)
        scores = one @ two.t()
        for i in range(group):  # scenes with the same things are no wrong answers
            same = [j for j in range(group) if j != i and bags[j] == bags[i]]
            scores[i, same] = -2
        right += (scores.argmax(-1) == torch.arange(group)).tolist()
    return (sum(right) / len(right) if right else float("nan")), len(right)


def unknown_words(model, count=300):
    """How often a prompt scores higher once a word of it is a foreign one."""
    raised, total = 0, 0
    for rng, view in scenes_of("seen", count):
        phrase = phrase_about(rng, view, True, False)
        if phrase is None:
            continue
        other = phrase.words[:-1] + [rng.choice(ph.OTHER_WORDS)]
        (known, foreign), = model([np.ascontiguousarray(view.image)], [[phrase.words, other]])
        raised += foreign[0] > known[0] + .02
        total += 1
    return raised / total, total


def photos(model, folder):
    """'something red' on photographs; truth is the hue of the cell's pixels."""
    rows = []
    for name in PHOTOS:
        picture = cv2.imread(os.path.join(folder, name))
        if picture is None:
            continue
        picture = cv2.resize(picture, (SIDE * 4, SIDE * 4), interpolation=cv2.INTER_AREA)[..., ::-1]
        small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        colors = ["red", "orange", "yellow", "green", "blue"]
        answers, = model([np.ascontiguousarray(small)], [[["something", c] for c in colors]])
        for color, (p, _, total) in zip(colors, answers):
            row = next(r for r in VIVID if r[0] == color)
            on = near_vivid(np.ascontiguousarray(picture).astype(np.float32) / 255, row, 5, .1, .1)
            share = on.reshape(GRID, -1, GRID, SIDE * 4 // GRID).mean((1, 3)).ravel()
            if (share > .5).sum() >= 3:
                rows.append((name, color, bool(share[int(total.argmax())] >= .4), p))
    return rows


def report(model, count, folder):
    out = {}
    for split in ("seen", "held"):
        tally, error = evaluate_split(model, split, count)
        out[split] = {k: tally.mean(k) for k in
                      ("point", "word", "point_relation", "match", "match_one", "match_relation")}
        out[split]["calibration"] = (error, tally.mean("match")[1])
    out["seen"]["retrieval"] = retrieval(model, count)
    out["scenes"] = count
    out["unknown"] = unknown_words(model)
    if folder:
        out["photos"] = photos(model, folder)
    return out


ROWS = [("point", "phrase-map peak on its thing", "95 %", "90 %"),
        ("word", "peak of each word, two-phrase prompts", "90 %", ""),
        ("point_relation", "phrase-map peak on the head, two-phrase prompts", "", ""),
        ("match", "match on balanced hard negatives", "90 %", "85 %"),
        ("match_one", "- one noun phrase", "", ""),
        ("match_relation", "- relations", "", ""),
        ("calibration", "expected calibration error", "5 %", "5 %"),
        ("retrieval", "retrieval recall@1 of 100", "60 %", "")]


def table(out):
    cell = lambda v: "" if v is None else "%.1f %%" % (100 * v[0])
    lines = ["| measure | bar, seen | seen pairs | bar, held out | held-out pairs |", "|---|---|---|---|---|"]
    for key, name, bar, held_bar in ROWS:
        lines.append("| %s | %s | %s | %s | %s |" % (
            name, bar, cell(out["seen"].get(key)), held_bar, cell(out["held"].get(key))))
    lines += ["", "%d scenes of each kind." % out["scenes"], "", "An unknown word in place of the noun raised the match in %.1f %% of %d prompts."
              % (100 * out["unknown"][0], out["unknown"][1])]
    if out.get("photos"):
        right = [r[2] for r in out["photos"]]
        wrong = ", ".join("%s in %s" % (r[1], r[0]) for r in out["photos"] if not r[2]) or "none"
        lines += ["", "Photographs, \"something <colour>\": %d of %d peaks right; wrong: %s."
                  % (sum(right), len(right), wrong)]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--photos")
    parser.add_argument("--json")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    out = report(Fusion(args.model), args.scenes, args.photos)
    print(table(out))
    if args.json:
        with open(args.json, "w") as file:
            json.dump(out, file)


if __name__ == "__main__":
    main()
