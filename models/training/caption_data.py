"""Batches for the captioner: scenes, texts as ids, what each word looks at."""

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

import caption_phrases as cp
from caption_words import END, PAD, START, WordIds
from data import KEYS, Cache, scene_arrays
from scenes import MAX_THINGS
from vocabulary import COLORS, SHAPES

KIND_NAMES = ("caption",) + cp.KINDS
IGNORED = -100
UNSAID = .08  # share of the colours and of the shapes that a caption is trained to go on without


class SizedCache(Cache):
    """The cache with every thing's radius."""

    keys = KEYS + ("radius",)

    def view(self, rng):
        shard = self.shards[rng.choice(self.names)]
        index = rng.randrange(len(shard["where"]))
        scene = {k: np.asarray(shard[k][index]) for k in self.keys}
        return cp.SizedView(scene, mirror=rng.random() < .5)


def leave_out(rng, text):
    """A caption that left a colour or a shape unsaid, as its writer will where it is unsure, to go on from there;
    and the places of the words behind, which are not asked for."""
    words, looks, unasked = [], [], set()
    for word, things in zip(text.answer, text.looks):
        unsaid = rng.random() < UNSAID
        if word in COLORS and unsaid:
            unasked.add(len(words))
            continue
        if word in SHAPES and unsaid:
            unasked.add(len(words))
            word = "thing"
        words.append(word)
        looks.append(things)
    return cp.Text(text.kind, text.question, words, looks), unasked


def encode(rng, to_ids, text, length):
    """ids, the id that each position is to produce, the things that it looks at meanwhile, whether it
    is a noun of the question, and of a relation between two nouns both things and the second's position."""
    text, unasked = leave_out(rng, text) if text.kind == "caption" else (text, ())
    question, answer = to_ids(text.question), to_ids(text.answer)
    ids = ([START] + question + answer + [END])[:length + 1]
    wanted = [IGNORED] * len(question) + [
        IGNORED if place in unasked else i for place, i in enumerate(ids[1 + len(question):])]
    looks = np.zeros((length, MAX_THINGS), np.uint8)
    noun, pair = np.zeros(length, bool), (-1, -1, -1)
    for place, things in text.nouns.items():
        looks[place + 1, list(things)] = 1
        noun[place + 1] = True
    if text.kind == "beside":
        (_, one), (place, two) = text.nouns.items()
        pair = (one[0], two[0], place + 1)
    for place, things in enumerate(text.looks):
        at = len(question) + place
        if at < length:
            looks[at, list(things)] = 1
    return ids[:-1], wanted[:length], looks, noun, pair


def stack_texts(rng, to_ids, found):
    longest = max(len(t.question) + len(t.answer) + 1 for t in found)
    longest += -longest % 4
    encoded = [encode(rng, to_ids, t, longest) for t in found]
    fill = lambda rows, value: np.array([row + [value] * (longest - len(row)) for row in rows], np.int64)
    return {"ids": fill([e[0] for e in encoded], PAD), "wanted": fill([e[1] for e in encoded], IGNORED),
            "looks": np.stack([e[2] for e in encoded]), "noun": np.stack([e[3] for e in encoded]),
            "pair": np.array([e[4] for e in encoded]),
            "kind": np.array([KIND_NAMES.index(t.kind) for t in found])}


class CaptionBatches(IterableDataset):
    def __init__(self, folder, scenes, texts, seed):
        self.folder, self.scenes, self.texts, self.seed = folder, scenes, texts, seed

    def __iter__(self):
        rng, cache, to_ids = random.Random(self.seed), SizedCache(self.folder), WordIds()
        torch.set_num_threads(1)
        made = 0
        while True:
            made += 1
            if made % 200 == 0:
                cache.refresh()
            yield self.batch(rng, cache, to_ids)

    def batch(self, rng, cache, to_ids):
        views = []
        while len(views) < self.scenes:
            view = cache.view(rng)
            if view.things:
                views.append(view)
        image, attributes, cover, ground = (np.stack(a) for a in zip(*map(scene_arrays, views)))
        center = np.zeros((self.scenes, MAX_THINGS, 2), np.float32)
        for row, view in zip(center, views):
            row[:len(view.things)] = view.center
        batch = {"image": image, "attributes": attributes, "cover": cover, "ground": ground.astype(np.int64),
                 "center": center}
        texts = stack_texts(rng, to_ids, [t for v in views for t in cp.texts_for(rng, v, self.texts)])
        shape = (self.scenes, self.texts)
        batch.update({k: v.reshape(shape + v.shape[1:]) for k, v in texts.items()})
        return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in batch.items()}


def loader(*args):
    return iter(DataLoader(CaptionBatches(*args), batch_size=None, num_workers=1, prefetch_factor=4))
