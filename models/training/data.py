"""Batches from the cache of scenes: pictures, phrases, targets."""

import os
import random

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

import phrases as ph
from scenes import CELLS, MAX_THINGS
from vocabulary import Encoder

KEYS = ("image", "attributes", "where", "cover", "hit", "ground")
LONGEST = 32  # tokens of a training phrase


class Cache:
    """Shards on disk, mapped; shards that appear later are found by `refresh`."""

    keys = KEYS

    def __init__(self, folder):
        self.folder, self.shards = folder, {}
        self.refresh()

    def refresh(self):
        for name in sorted(os.listdir(self.folder)):
            if name not in self.shards and not name.endswith(".part"):
                path = os.path.join(self.folder, name)
                self.shards[name] = {k: np.load(os.path.join(path, k + ".npy"), mmap_mode="r") for k in self.keys}
        self.names = sorted(self.shards)

    def view(self, rng, least=0):
        """A random scene, with at least so many things if a few draws find one."""
        for _ in range(6):
            shard = self.shards[rng.choice(self.names)]
            index = rng.randrange(len(shard["where"]))
            if least == 0 or shard["attributes"][index, least - 1, 0] != 255:
                break
        return ph.View(*(np.asarray(shard[k][index]) for k in KEYS), mirror=rng.random() < .5)


def pad(rows, value, length):
    out = np.full((len(rows), length), value, np.int64)
    for i, row in enumerate(rows):
        out[i, :len(row)] = row[:length]
    return out


def encode_phrase(encoder, phrase):
    """ids, group of every token, label of the hidden word or -100."""
    ids, owner = encoder(phrase.words)
    group = [0 if o < 0 else phrase.groups[o] for o in owner]
    hidden = [-100] * len(ids)
    if phrase.words[owner[1]] == "<mask>" or "<mask>" in phrase.words:
        place = owner.index(phrase.place)
        text = phrase.answer.rstrip(".").lower()
        hidden[place] = encoder.pieces(text if phrase.place == 0 else " " + text)[0]
    return ids, group, hidden


def scene_arrays(view):
    count = len(view.things)
    attributes = np.full((MAX_THINGS, 4), 255, np.int64)
    cover = np.zeros((MAX_THINGS, CELLS), np.uint8)
    attributes[:count], cover[:count] = np.array(view.things).reshape(count, 4), view.cover
    return np.ascontiguousarray(view.image), attributes, cover, view.ground


def stack_phrases(encoder, found):
    encoded = [encode_phrase(encoder, p) for p in found]
    longest = min(LONGEST, max(len(e[0]) for e in encoded))
    longest += -longest % 4
    zero = lambda a: ph.NOTHING if a is None else a
    return {
        "ids": pad([e[0] for e in encoded], 1, longest),
        "group": pad([e[1] for e in encoded], 0, longest),
        "hidden": pad([e[2] for e in encoded], -100, longest),
        "label": np.array([p.label for p in found]),
        "kind": np.array([("one", "relation", "ground", "unknown").index(p.kind) for p in found]),
        "link": np.array([p.link for p in found]),
        "anchor_at": np.array([p.anchor_at for p in found], np.float32),
        "head": np.stack([zero(p.head) for p in found]),
        "anchor": np.stack([zero(p.anchor) for p in found]),
        "seen_head": np.stack([zero(p.seen_head) for p in found]),
        "seen_anchor": np.stack([zero(p.seen_anchor) for p in found]),
    }


class Batches(IterableDataset):
    def __init__(self, folder, tokenizer, scenes, phrases, seed):
        self.folder, self.tokenizer = folder, tokenizer
        self.scenes, self.phrases, self.seed = scenes, phrases, seed

    def __iter__(self):
        rng, cache, encoder = random.Random(self.seed), Cache(self.folder), Encoder(self.tokenizer)
        torch.set_num_threads(1)
        made = 0
        while True:
            made += 1
            if made % 200 == 0:
                cache.refresh()
            yield self.batch(rng, cache, encoder)

    def batch(self, rng, cache, encoder):
        # The tower alone learns from things, so it gets the scenes with many.
        least = [0, 2, 2, 3] if self.phrases else [0] + [4] * 9
        views = [cache.view(rng, rng.choice(least)) for _ in range(self.scenes)]
        image, attributes, cover, ground = (np.stack(a) for a in zip(*map(scene_arrays, views)))
        batch = {"image": image, "attributes": attributes, "cover": cover, "ground": ground.astype(np.int64)}
        if self.phrases:
            batch.update(stack_phrases(encoder, [p for v in views for p in ph.phrases_for(rng, v, self.phrases)]))
            captions = [encoder(ph.styled(rng, ph.caption(rng, v)) or ["something"])[0] for v in views]
            batch["caption"] = pad(captions, 1, max(map(len, captions)))
        return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in batch.items()}


def loader(*args):
    return iter(DataLoader(Batches(*args), batch_size=None, num_workers=1, prefetch_factor=4))
